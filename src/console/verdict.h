/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict.h: would a failover now be safe?  What a status document says of that, in words.  Pure.
 */
#ifndef CONSOLE_VERDICT_H
#define CONSOLE_VERDICT_H

#include <jansson.h>
#include <stdbool.h>

enum { VERDICT_LINES_MAX = 24, VERDICT_LINE_MAX = 400 };

enum verdict_is {
	VERDICT_SAFE,
	VERDICT_BUT,    /* nothing is in the way, but not all is well */
	VERDICT_UNSAFE,
	VERDICT_NONE,   /* there is nobody to take over from */
};

struct verdict_line {
	bool bad;  /* it is in the way */
	char text[VERDICT_LINE_MAX];
	char advice[VERDICT_LINE_MAX]; /* what to do; empty: nothing */
};

struct verdict {
	enum verdict_is is;
	const char *question; /* "Taking over now" */
	const char *answer;   /* "safe", "NOT safe" */
	struct verdict_line lines[VERDICT_LINES_MAX];
	size_t count;
};

/*
 * A backup can tell whether it could take over.  A master cannot tell whether its peers could: version 1 of the
 * protocol does not say so; only what they have acknowledged is known.
 */
void verdict_find(struct verdict *v, const json_t *doc);

#endif
