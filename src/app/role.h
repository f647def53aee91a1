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

enum promotion_result {
	PROMOTION_COMPLETE,
	PROMOTION_EXCEPTIONS, /* complete but for what the verdict names */
	PROMOTION_FAILED,     /* nothing could be written, or another role came in between */
};

/* A promotion, or a rehearsal of one, and its verdict. */
struct promotion {
	bool running;
	bool rehearsal;
	bool ended;       /* there is a verdict: */
	bool again;       /* the node was master already */
	bool purge_cancelled;
	bool broken_off;  /* the node got another role, or a rehearsal was overtaken by a commit */
	char by[ROLE_BY_MAX];
	int64_t began_us, took_us;
	int64_t room;     /* rehearsal: entries that still fit into the kernel's table; -1: not known */
	struct ready_view ready;                 /* when it began, as of what peers had told */
	struct peer_view peers[NODE_PEERS_MAX];  /* likewise */
	size_t peers_count;
	struct commit_tally tally;
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
	struct promotion last; /* the one under way, or the last one */
	struct promotion rehearsed;
	ms_t look_at; /* when those who wait for a replica in sync look again; MS_NEVER: nobody does */
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

/* Flows of its tally that are in the kernel. */
uint32_t promotion_in_kernel(const struct promotion *p);
enum promotion_result promotion_result(const struct promotion *p);

/* What role_promote() would do, without doing it; those who wait for it are answered.  `broken_off' if a commit is
 * under way, or begins. */
void role_rehearse(struct daemon *d, const char *by);

/* ---- for requests.c, report.c and daemon.c ---- */

/* A command of old was given, from which the role can be told. */
void role_infer(struct daemon *d, enum role role, const char *by);
/* The commit under way is through. */
void role_committed(struct daemon *d, const struct commit_tally *tally);
void role_rehearsed(struct daemon *d, const struct notice *note);
/* A purge is due (-t, demote): is it still right?  If not, says so. */
bool role_may_purge(struct daemon *d);
/* Time passes. */
void role_step(struct daemon *d, ms_t now);

#endif
