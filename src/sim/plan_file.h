/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan_file.h: plans that are kept, and what is to come of each.
 *
 * In a plan file the line `# expect: exception NAME' says that the exception must be counted, and
 * `# expect: oracle NAME' that the oracle must not be satisfied.  Otherwise all have to be.
 */
#ifndef SIM_PLAN_FILE_H
#define SIM_PLAN_FILE_H

#include "sim.h"

struct expectation {
	const struct oracle *oracle; /* NULL: all are satisfied */
	bool exceptions[EXC_COUNT];
};

struct plan_file {
	char *path;
	struct plan plan;
	struct expectation expect;
};

struct plan_files {
	struct plan_file *files;
	size_t count;
};

/* Reads a plan, or all *.plan of a directory in order.  False with a message on stderr. */
bool plan_files_read(struct plan_files *pf, const char *path);
void plan_files_free(struct plan_files *pf);

/* Is it as expected (NULL: that all oracles are satisfied)? */
bool expectation_is_met(const struct expectation *e, const struct outcome *out);

/* By name; NULL, or EXC_COUNT, if there is none. */
const struct oracle *oracle_named(const char *name);
enum sim_exception exception_named(const char *name);

#endif
