/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl.h: the control server: a UNIX socket, non-blocking clients, bounded output, back-pressure.
 *
 * The server knows nothing of what requests mean.  It hands each complete request to the owner and
 * asks the owner for more output whenever a client's buffer has room.  A client that never writes
 * or never reads costs a slot and nothing else; it is dropped after a time limit.
 */
#ifndef IO_CTL_H
#define IO_CTL_H

#include <sys/types.h>

#include "ctl_proto.h"
#include "loop.h"

enum {
	CTL_CLIENTS_MAX = 128,
	CTL_OUT_MAX = 64 * 1024,   /* bytes of output that wait for one client */
	CTL_CHUNK_MAX = 16 * 1024, /* bytes that one ctl_out() may have and `more` has room for */
	CTL_READERS_MAX = 32,      /* of the clients, those who may not command */
};

/* Time limits of a client, in milliseconds. */
enum {
	CTL_REQUEST_MS_MAX = 5 * 1000, /* from connecting to the complete request */
	CTL_STALL_MS_MAX = 30 * 1000,  /* output waits and the client takes none of it */
	CTL_EVICT_MS_MIN = 1000,       /* silent or stalled this long, it makes room for others */
	CTL_ACCEPT_PAUSE_MS = 1000,    /* after accept4() ran out of descriptors or memory */
	CTL_FULL_PAUSE_MS = 200,       /* between looks for a client that has to make room */
};

struct ctl;        /* opaque */
struct ctl_client; /* opaque; valid until the client is gone */

/* What the owner keeps per client between calls to `more`. */
struct ctl_job {
	uint32_t request;
	const char *words; /* CTL_VERB: the verb and its arguments, valid as long as the client */
	size_t words_len;
	uint32_t uid; /* whose client it is, and its process; 0 and 0 if that is not known */
	int32_t pid;
	uint32_t cursor;
	uint32_t step;
	void *owner;
};

struct ctl_ops {
	/*
	 * A request arrived.  The owner answers with ctl_out(), ctl_err() and ctl_finish() now, or
	 * later (keep the client), or returns and is asked through `more`.
	 */
	void (*request)(void *ctx, struct ctl_client *c, struct ctl_job *job);
	/*
	 * The client's buffer has room for a ctl_out() of CTL_CHUNK_MAX bytes: add some.  Called
	 * only between ctl_want_more() and ctl_finish().  An owner that adds nothing and does not
	 * finish is not asked again before its next ctl_want_more().
	 */
	void (*more)(void *ctx, struct ctl_client *c, struct ctl_job *job);
	/* The client is gone, finished or not: forget it.  Called once for each client that was
	 * handed to `request`, from ctl_dispatch() or ctl_close() only. */
	void (*gone)(void *ctx, struct ctl_client *c, struct ctl_job *job);
	void *ctx;
};

/* Does a daemon answer on the control socket `path`?  An empty path has none. */
bool ctl_is_answered(const char *path);

/* No group: only the daemon's user and root can connect, and may command. */
#define CTL_NO_GROUP ((gid_t)-1)

/*
 * Binds `path` (mode 0600) and listens.  An existing socket that nobody answers on is replaced; one
 * that answers is not (-EADDRINUSE); anything that is not a socket is left alone (-EEXIST).  Safe
 * in world-writable directories: symbolic links are not followed.  Returns 0 or a negative errno
 * value (-ENAMETOOLONG, -ENOMEM, or what a system call said).
 *
 * With a group the socket belongs to it and has mode 0660, before anybody can connect.  Then clients are
 * known by their credentials (SO_PEERCRED): root and the daemon's user command, others may only ask for what
 * ctl_request_reads(), and only CTL_READERS_MAX of them at a time are taken, so that they cannot keep
 * commands away.
 */
int ctl_open(struct ctl **out, const char *path, gid_t group, const struct ctl_ops *ops);

/* Stops taking new clients and removes the socket if it is still ours; the clients stay, so that
 * the one that ordered the end can still be told that it has come. */
void ctl_stop_listening(struct ctl *c);

/* Closes all clients and removes the socket if it is still ours. */
void ctl_close(struct ctl *c);

/* Adds descriptors to the turn; call once a turn, before loop_wait(). */
void ctl_prepare(struct ctl *c, struct loop *l);

/*
 * Handles what became ready: accepts, reads requests, asks owners for more, writes.  Bounded work:
 * a few chunks per client and turn, and not many more of all, who take turns in coming first.  When
 * all places are taken, newcomers wait in the backlog and get the place of a client that has sent no
 * request for CTL_EVICT_MS_MIN or, failing that, has stalled that long; a client whose command is
 * being worked on is never sent away for a newcomer.
 */
void ctl_dispatch(struct ctl *c, const struct loop *l, ms_t now);

/* When a client's time limit ends; MS_NEVER if there is none. */
ms_t ctl_deadline(const struct ctl *c);

/*
 * Output to the client's stdout or stderr.  False if it does not fit (nothing is added then) or the
 * answer is finished.  Old clients get stdout as plain bytes, and no stderr.  ctl_err() adds the
 * newline; texts are cut at 511 bytes.
 */
bool ctl_out(struct ctl_client *c, const void *data, size_t len);
bool ctl_err(struct ctl_client *c, const char *fmt, ...) ATTR_PRINTF(2, 3);
void ctl_want_more(struct ctl_client *c);
/* Ends the answer with an exit code; the client is closed once all is written. */
void ctl_finish(struct ctl_client *c, int exit_code);

struct ctl_counters {
	uint64_t accepted;
	uint64_t refused;         /* sent away to make room, or not taken for lack of memory */
	uint64_t read_failed;     /* closed or failed before the request was complete */
	uint64_t unknown_request;
	uint64_t timed_out;
	uint64_t not_permitted;   /* commands of clients who may only read */
};

const struct ctl_counters *ctl_counters(const struct ctl *c);

#endif
