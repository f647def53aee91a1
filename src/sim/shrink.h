/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shrink.h: from a plan that shows something to a small one that still shows it.
 *
 * Acts are taken out in ever smaller pieces (delta debugging); then nodes, knobs and waits are made
 * as plain as they can be; and again, until nothing gives way any more.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "plan.h"

/* Does this plan still show it? */
typedef bool (*shrink_fn)(void *ctx, const struct plan *p);

struct shrink {
	shrink_fn keeps;
	void *ctx;
	unsigned int plays_max;
	int64_t time_ms;    /* of real time, at most; 0: as long as it takes */
	unsigned int plays; /* how often keeps() was asked */
	int64_t began_ms;   /* its own */
};

/*
 * Makes *p smaller for as long as keeps() says yes.  What is left is a plan that keeps() said yes
 * to, or *p as it was.
 */
void shrink_plan(struct shrink *s, struct plan *p);

#endif
