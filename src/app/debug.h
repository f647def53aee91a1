/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debug.h: the level of the log while the daemon runs, and what level debug adds.
 *
 * Nothing is written where things happen, which may be a hundred thousand times a second: once a second what has
 * changed since is said, in a few lines.
 */
#ifndef APP_DEBUG_H
#define APP_DEBUG_H

#include "node.h"

struct daemon;

/* Zeroed at first, but for `until'. */
struct debug {
	ms_t until;   /* then the level is the configured one again; MS_NEVER: it stays */
	bool compares; /* the rest is of a second ago */
	struct node_stats stats;
	struct peer_view peers[NODE_PEERS_MAX];
	size_t peers_count;
};

/* Each turn: ends what was asked for a while. */
void debug_expire(struct daemon *d, ms_t now);
/* Each second. */
void debug_tick(struct daemon *d, ms_t now);

#endif
