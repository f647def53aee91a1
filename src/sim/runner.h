/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner.h: many plays, by several processes, none of which can take the others down with it.
 */
#ifndef SIM_RUNNER_H
#define SIM_RUNNER_H

#include <sys/types.h>

#include "plan_file.h"

struct run_cfg {
	uint64_t from, count;          /* seeds; but with files: */
	const struct plan_file *files; /* these, `count` of them */
	unsigned int jobs;             /* processes; 0: this one, for a debugger */
	int64_t time_ms;               /* no play begins after that; 0: they all do */
	bool trace;                    /* the story goes to stdout */
	bool shrink;
	const char *out_dir; /* of minimised plans */
};

/* What became of play `item`, counted from 0. */
struct run_report {
	enum {
		RUN_PLAYED, /* out */
		RUN_DIED,   /* status, as waitpid() gives it: the process that played it ended */
		RUN_SAVED,  /* a minimised plan was written */
		RUN_BROKEN, /* status: a process ended when it played nothing, or could not begin */
	} type;
	uint64_t item;
	struct outcome out;
	int status;
	size_t acts_before, acts_after;
	unsigned int plays; /* that it took to minimise */
	char path[512];     /* empty: could not be written */
};

typedef void (*run_report_fn)(void *ctx, const struct run_report *r);

enum {
	RUN_JOBS_MAX = 256,
	RUN_PLAY_S = 60,      /* real time; what takes longer hangs */
	RUN_SHRINK_PLAYS = 3000,
	RUN_SHRINK_MS = 60 * 1000,
	RUN_SHRINKS_MAX = 3,  /* of one oracle */
	RUN_DEATHS_MAX = 50,
};

/*
 * Plays what `cfg` says and reports in order of arrival.  SIGINT and SIGTERM end it early; it
 * returns the signal's number then, and 0 otherwise.  No process is left when it returns.
 */
int run_plays(const struct run_cfg *cfg, run_report_fn report, void *ctx);

/* The plan of play `item`. */
void run_plan(const struct run_cfg *cfg, uint64_t item, struct plan *p);

/*
 * Plays in a child, so that whatever happens there harms nobody, and without a word.  True if the
 * play came to its end; otherwise *status is how the child did, as waitpid() gives it.
 */
bool play_apart(const struct plan *p, struct outcome *out, int *status);

/* What a minimised plan has to show. */
struct trait {
	const struct oracle *oracle; /* that is not satisfied; */
	int died;                    /* or else, if not 0, how the process ends; */
	int exception;               /* or else that this is counted, and all is well */
};

/* Does the plan, read back from its text, show it? */
bool trait_is_shown(const struct trait *t, const struct plan *p);

#endif
