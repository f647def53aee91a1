/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit.h: what becomes of one replica when the kernel may already have an entry for its tuple.
 */
#ifndef CORE_COMMIT_H
#define CORE_COMMIT_H

#include "flow.h"

enum commit_age {
	AGE_REPLICA_NEWER,
	AGE_COPY, /* the replica is newer, and the entry an earlier one that we wrote, not seen alive */
	AGE_KERNEL_NEWER, /* the kernel reported something about its entry after our last news */
	AGE_UNKNOWN, /* its event has not been read yet: it is young */
	AGE_FOUND,   /* it was there when the table was read, or flushed: nobody knows since when */
};

enum commit_verdict {
	COMMIT_CREATE,  /* the kernel has nothing */
	COMMIT_UPDATE,  /* same mapping: change it in place */
	COMMIT_REPLACE, /* another mapping that cannot be changed in place: delete and create */
	COMMIT_LEAVE,   /* the kernel's entry is as good or better */
};

/*
 * The rule: a live, fresher kernel entry is never deleted or set back for an older replica's sake.
 * A kernel entry that never saw a reply is no evidence against a replica that did: it is what a
 * stray packet leaves behind.  Nor is one that nothing is known of but that it is there: whoever
 * takes over was not the one that forwarded last.  `kernel` is NULL if there is no entry.
 */
enum commit_verdict commit_decide(const struct flow *kernel, const struct flow *replica,
    enum commit_age age);

/*
 * `other` is a kernel entry that holds the reply tuple which the replica needs; `age` compares it with
 * the replica.  May it be deleted?  The node that forwarded last gave the tuple to the replica's
 * flow: an entry that is older than that, or never went both ways, belongs to nobody any more.
 */
bool commit_makes_way(const struct flow *other, const struct flow *replica, enum commit_age age);

/* Has the kernel's entry come further than what is known of the flow, for all that can be seen?  Then
 * packets have. */
bool commit_is_further(const struct flow *kernel, const struct flow *known);

/* The kernel's default timeout, in seconds, for a flow in this state: for flows whose timeout the
 * peer did not tell. */
uint32_t commit_default_timeout(const struct flow *f);

/*
 * A commit comes to flows in this order: where packets are likely to be on their way, first.  Data that flows
 * raises no event, so that all there is to go by is the last news; connections that go on for hours are
 * among the last of those that are whole.
 */
enum commit_turn {
	TURN_NOW,      /* whole, and of a few seconds ago */
	TURN_LATELY,   /* whole, and of less than a minute ago */
	TURN_A_WHILE,  /* whole, and of less than ten */
	TURN_LONG_AGO, /* whole */
	TURN_PARTIAL,  /* half open, closing, or never answered */
	COMMIT_TURNS,
};

/* age_ms: of the last news of it. */
enum commit_turn commit_turn(bool whole, int64_t age_ms);

#endif
