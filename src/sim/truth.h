/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * truth.h: what the kernels really had, and when: the measure of what nodes believe.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "world.h"

enum { TUPLES_MAX = 400, TUPLE_SLOTS = 2048, VERSIONS_MAX = 96, NO_TUPLE = -1 };

/* One state of a kernel's entry.  Numbers are given out in the order of time, over all nodes. */
struct version {
	uint64_t number;
	uint64_t content; /* truth_content(); of an end: of the last state */
	bool end;
	bool own; /* the daemon's own doing */
};

/* The states of one tuple in one kernel, the last VERSIONS_MAX of them; a ring. */
struct history {
	struct version v[VERSIONS_MAX];
	uint32_t count; /* ever */
};

struct truth {
	uint64_t number; /* last one given out */
	struct history of[WORLD_NODES_MAX][TUPLES_MAX];   /* what the kernel had */
	struct history seen[WORLD_NODES_MAX][TUPLES_MAX]; /* what its daemon was shown of that */
	/* Which tuple is which: an open hash. */
	struct flow_key keys[TUPLES_MAX];
	size_t count;
	uint16_t slots[TUPLE_SLOTS]; /* index + 1 */
	bool window_tracking;
};

/* Makes a key known; it must be new. */
void truth_add_key(struct truth *t, const struct flow_key *key);
/* The number of the tuple with this key, or NO_TUPLE. */
int truth_tuple(const struct truth *t, const struct flow_key *key);

/*
 * What a peer can know of a flow, as one number: mapping, status, state and all attributes but the
 * timeout and the sequence adjustment, of which events tell too little.
 */
uint64_t truth_content(const struct truth *t, const struct flow *f);

/* Takes note of what happens: of every change in a kernel, and of what a daemon learns. */
void truth_watch(struct truth *t, const struct world *w, const struct happening *h);

/* A daemon is shown that its kernel has this, or has it no longer. */
void truth_shown(struct truth *t, size_t node, const struct flow *f, bool end, bool own);

/* A daemon is shown that its kernel has this, or has it no longer. */
void truth_shown(struct truth *t, size_t node, const struct flow *f, bool end, bool own);

/* Version i of a history, 0 the oldest kept; NULL past the last. */
const struct version *history_at(const struct history *h, uint32_t i);
/* Was something older forgotten? */
bool history_is_cut(const struct history *h);

#endif
