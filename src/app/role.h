/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role.h: what this node is to its peers, who said so, and what follows from it.
 *
 * Several may say so: `conntrackd promote', keepalived, the commands of old.  All of them call the functions
 * below, any number of times: to become what one is already changes nothing.
 */
#ifndef APP_ROLE_H
#define APP_ROLE_H

#include "base.h"
#include "node.h"

struct daemon;

enum role {
	ROLE_UNKNOWN,   /* nobody has said yet */
	ROLE_BACKUP,
	ROLE_PROMOTING, /* what the peers told is on its way to the kernel */
	ROLE_MASTER,
	ROLE_FAULT,
};

enum { ROLE_BY_MAX = 16, ROLE_LISTENERS_MAX = 4 };

enum role_event {
	ROLE_CHANGED,
	ROLE_PROMOTED, /* a promotion has its verdict; also of one that was a repetition */
};

struct role_listener {
	void (*heard)(struct daemon *d, enum role_event event, void *ctx);
	void *ctx;
};

struct role_state {
	enum role is;
	ms_t since;
	char by[ROLE_BY_MAX]; /* "promote", "fifo", "-c"; empty: nobody */
	struct role_listener listeners[ROLE_LISTENERS_MAX];
	size_t listeners_count;
};

/* "unknown", "backup", "promoting", "master", "fault" */
const char *role_name(enum role role);

/* `by` is kept up to ROLE_BY_MAX - 1 characters. */

/*
 * Commits what the peers told, makes it ours and tells them.  The role is ROLE_PROMOTING until the commit is
 * through, then ROLE_MASTER, and ROLE_PROMOTED is heard.  Meanwhile another call joins it; a master is asked
 * once more to write what is left.  A purge that was due (-t) is not any more.
 */
void role_promote(struct daemon *d, const char *by);

/*
 * Asks the peers for all they have; the kernel's table is flushed after PurgeTimeout, unless the node becomes
 * master before.  What is being committed is still brought to its end.
 */
void role_demote(struct daemon *d, const char *by);

/* The node can be no master; its tables stay as they are, and no purge is due. */
void role_fault(struct daemon *d, const char *by);

/* Is told of everything from now on; at most ROLE_LISTENERS_MAX. */
void role_listen(struct daemon *d, void (*heard)(struct daemon *d, enum role_event event, void *ctx),
    void *ctx);

/*
 * node_ready_view() for this role: a master has the flows itself, so that nothing which is missing of its
 * peers makes it less of one: reasons are open, and none blocks.
 */
void role_ready_view(const struct daemon *d, struct ready_view *out, ms_t now);

/* ---- for requests.c and report.c ---- */

/* A command of old was given, from which the role can be told. */
void role_infer(struct daemon *d, enum role role, const char *by);
/* The commit under way is through. */
void role_committed(struct daemon *d, const struct commit_tally *tally);

#endif
