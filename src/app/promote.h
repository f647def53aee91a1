/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * promote.h: `conntrackd promote' and `conntrackd demote', the side of the daemon.
 */
#ifndef APP_PROMOTE_H
#define APP_PROMOTE_H

#include "verbs.h"

enum {
	DEMOTE_WAIT_S = 60,       /* --wait without a number */
	DEMOTE_WAIT_S_MAX = 3600,
	DEMOTE_LOOK_MS = 200,     /* between two looks whether a replica is in sync */
};

/* The promotion, or rehearsal, has its verdict: those who wait for it get it. */
void promote_answer(struct daemon *d, const struct promotion *p);

/* Those who wait for a replica in sync, or for the end of their patience. */
void demote_look(struct daemon *d, ms_t now);

#endif
