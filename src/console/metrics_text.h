/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_text.h: families and samples as text, in either format.
 *
 * A family is begun, and then come its samples.  What the formats differ in is decided here: names of
 * counters, types that only one of them has, units, and the end.
 */
#ifndef CONSOLE_METRICS_TEXT_H
#define CONSOLE_METRICS_TEXT_H

#include "base.h"
#include "metrics.h"

enum metrics_type {
	METRICS_GAUGE,
	METRICS_COUNTER,  /* the sample's name ends with _total, the family's does not */
	METRICS_INFO,     /* likewise _info */
	METRICS_STATESET, /* a sample for each state, with a label named like the family */
};

struct metrics_text {
	FILE *out;
	enum metrics_format format;
	enum metrics_type type;
	char name[96]; /* of the family that is being written */
};

enum { METRICS_LABELS_MAX = 4 };

/* Name and value in turn, up to the first NULL. */
struct metrics_labels {
	const char *words[2 * METRICS_LABELS_MAX];
};

/* unit: NULL, or what the name ends with: "seconds", "bytes", "ratio". */
void metrics_family(struct metrics_text *m, enum metrics_type type, const char *name, const char *unit,
    const char *help);

/* labels: NULL if there are none. */
void metrics_value(struct metrics_text *m, const struct metrics_labels *labels, long long value);
/* A value in thousandths of the unit, such as milliseconds. */
void metrics_milli(struct metrics_text *m, const struct metrics_labels *labels, long long milli);

void metrics_end(struct metrics_text *m);

#endif
