/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.h: one replication node; the seam between what decides and what acts.
 *
 * Inputs are pushed and never block, allocate, call back or fail for lack of room: they count and
 * degrade.  Outputs are pulled into the caller's memory until there are none.  Time is always an
 * argument, and must not go backwards.  The daemon, the simulator, the tests and the fuzzers all
 * drive this same interface.
 */
#ifndef CORE_NODE_H
#define CORE_NODE_H

#include "filter.h"
#include "flow.h"
#include "follow.h"
#include "kernel.h"
#include "stats.h"

struct node; /* opaque */

enum { NODE_PEERS_MAX = 8, NODE_LINKS_MAX = 4, NODE_LIMIT_MAX = 1 << 24,
	/* More than the kernel has by default (net.netfilter.nf_conntrack_expect_max). */
	NODE_EXPECTS = 8192 };

enum sync_mode_id {
	MODE_FTFW,
	MODE_ALARM,
	MODE_NOTRACK,
	MODE_STATS, /* nobody to replicate to: flows are only counted and shown */
};

/* Zero is the default wherever the comment names one. */
struct node_cfg {
	enum sync_mode_id mode;
	uint32_t limit;            /* flows per table (HashLimit), 1 .. 2^24 */
	uint32_t refresh_s;        /* ALARM: longest time between two sends of a flow (60) */
	uint32_t cache_timeout_s;  /* ALARM: a peer's flow dies after this long in silence (180) */
	uint32_t commit_timeout_s; /* timeout of committed flows; 0: the flow's own */
	uint32_t resend_queue;     /* FT-FW: deletes kept until acknowledged (131072) */
	uint32_t ack_window;       /* FT-FW: messages per acknowledgement (300), at least 16 */
	bool tcp_window_tracking;  /* replicate window scale and keep window checks on */
	bool write_through;        /* write peers' flows to the kernel as they arrive */
	uint32_t expects;          /* expectations per table; 0: they are not replicated */
	struct expect_helpers expect_helpers; /* whose; none named: all */
	struct filter filter;
	uint64_t secret[2];        /* 128 random bits: table hashing, refresh jitter */
	uint32_t first_seq;        /* random: number of our first message */
	uint8_t links;             /* dedicated links (1), at most NODE_LINKS_MAX */
	uint8_t link_default;      /* the one that is used while it can be */
	bool one_peer;             /* all links lead to the same peer, and to nobody else */
};

/* Where a datagram came from.  A peer has one address on each link. */
struct peer_addr {
	uint8_t link; /* index of the link it arrived on */
	uint8_t l3;
	struct ip_addr addr;
};

/* ---- life ---- */

/* Bytes of zeroed memory, aligned to 16, that a node with this configuration needs.  Pages that are
 * never touched need not exist. */
size_t node_size(const struct node_cfg *cfg);

/* Builds a node in `mem`, which must be zero and stay valid; *cfg is copied, filter nets are not. */
struct node *node_init(void *mem, const struct node_cfg *cfg, ms_t now);

/*
 * New settings for a node that runs: filter, timeouts, resend queue, acknowledgement window, window
 * tracking.  All others stay as node_init() got them, whatever *cfg says.  *cfg is copied, filter nets
 * are not: the old ones may go afterwards.
 *
 * Flows that a new filter leaves out are told to the peers as deletes.  For those that it lets in a
 * notice asks for a read of the kernel table (READ_FILTER_CHANGED), which announces them.
 */
void node_reconfigure(struct node *n, const struct node_cfg *cfg, ms_t now);

const struct node_cfg *node_config(const struct node *n);
const struct node_stats *node_stats(const struct node *n);

/* ---- inputs ---- */

void node_kernel_event(struct node *n, const struct kernel_event *ev, ms_t now);
/* Several, in order: together they wait less for memory than one by one. */
void node_kernel_events(struct node *n, const struct kernel_event *evs, size_t count, ms_t now);

/* The kernel dropped events.  A notice asks for a full read of the kernel table. */
void node_kernel_overrun(struct node *n, ms_t now);

/*
 * A full read of the kernel table: begin, one call per flow, end.  Flows that the read does not name
 * are checked one by one (KOP_GET) and then treated as destroyed.  With `announce`, differences go
 * to the peers as if they had been events.  A second begin restarts the read.
 * NOTE_KERNEL_READ_DONE follows when the checks are through.
 */
void node_kernel_read_begin(struct node *n, bool announce, ms_t now);
void node_kernel_read_flow(struct node *n, const struct flow *flow, ms_t now);
/* An expectation, after all flows: those that are replicated and not named are gone. */
void node_kernel_read_expect(struct node *n, const struct expect *e, ms_t now);
/* Several of either, as events that something is new: likewise. */
void node_kernel_read_found(struct node *n, const struct kernel_event *found, size_t count, ms_t now);
/* `complete` is false if the read was cut short: then nothing is taken for destroyed. */
void node_kernel_read_end(struct node *n, bool complete, ms_t now);

void node_kernel_result(struct node *n, const struct kernel_result *res, ms_t now);

/* `data` is one whole datagram.  Nothing in it is trusted. */
void node_datagram(struct node *n, const struct peer_addr *from, const void *data, size_t len,
    ms_t now);

/*
 * Does this dedicated link carry anything: is its interface up, with a carrier?  All do, as long as
 * nothing is said.
 */
void node_link_state(struct node *n, size_t link, bool running, ms_t now);

enum node_cmd {
	CMD_COMMIT,         /* -c: what peers told to the kernel; NOTE_COMMIT_DONE follows */
	CMD_COMMIT_FLOWS,   /* -c ct: flows only */
	CMD_COMMIT_EXPECTS, /* -c expect: expectations only */
	CMD_FLUSH_INTERNAL, /* -f internal */
	CMD_FLUSH_EXTERNAL, /* -f external */
	CMD_FLUSH_KERNEL,   /* -F: delete from the kernel what the local table names;
	                       NOTE_KERNEL_FLUSH_DONE follows.  Read the kernel first. */
	CMD_FLUSH_EXPECTS,  /* -F expect: the same of expectations; NOTE_KERNEL_FLUSH_DONE follows */
	CMD_REQUEST_RESYNC, /* -n */
	CMD_BULK,           /* -B */
	CMD_TAKE_OVER,      /* as CMD_COMMIT; what is in the kernel then leaves the remote table */
	CMD_COMPARE,        /* as CMD_REQUEST_RESYNC, and what a peer does not name again goes:
	                       node_ready_view() tells when that is through */
	CMD_REHEARSE,       /* what CMD_TAKE_OVER would do: the kernel is asked, and nothing is written;
	                       NOTE_REHEARSED follows */
};
enum { NODE_CMDS = CMD_REHEARSE + 1 };

enum cmd_result {
	CMD_DONE,
	CMD_PENDING, /* a notice will tell; the same command again meanwhile joins the one running */
};

enum cmd_result node_command(struct node *n, enum node_cmd cmd, ms_t now);

/* Lets time pass: call at or after node_deadline(). */
void node_tick(struct node *n, ms_t now);

/* ---- outputs ---- */

/* The link that is sent on; NOTE_LINK_ACTIVE tells when it becomes another one. */
size_t node_active_link(const struct node *n);
/* Where the next datagram that is pulled is to leave: there, but for a word now and then on the others. */
size_t node_datagram_link(const struct node *n);

/*
 * Writes the next datagram to send into buf[0..cap) and returns its length, or 0 if there is
 * nothing to send now.  cap is the payload that fits the link's MTU.
 */
size_t node_pull_datagram(struct node *n, void *buf, size_t cap, ms_t now);

/*
 * Fills *op with the next request to the kernel; false if there is none.  Then node_deadline() says when to
 * ask again: at once if a walk through a large table was only interrupted.
 */
bool node_pull_kernel_op(struct node *n, struct kernel_op *op, ms_t now);

/* When node_tick(), or node_pull_kernel_op(), has something to do next; MS_NEVER if never. */
ms_t node_deadline(const struct node *n);

enum notice_type {
	NOTE_PEER_NEW,          /* peer: first heard */
	NOTE_PEER_RESTARTED,    /* peer: said HELLO after it had been known */
	NOTE_PEER_SILENT,       /* peer: nothing heard for a while */
	NOTE_PEER_BACK,         /* peer: heard again after silence */
	NOTE_RESYNC_REQUESTED,  /* peer: asks for everything we have */
	NOTE_RESYNC_SENT,       /* we ask the peers for everything they have */
	NOTE_BULK_STARTED,
	NOTE_BULK_DONE,         /* count: flows sent */
	NOTE_BULK_ACKED,        /* the peers have acknowledged all of it */
	NOTE_BULK_UNACKED,      /* count: flows of it that not all peers have acknowledged in time */
	NOTE_COMMIT_DONE,       /* commit */
	NOTE_COMMIT_ERROR,      /* flow, error: one flow that could not be committed (rate-limited) */
	NOTE_COMMIT_EXPECT_ERROR, /* expect, error: one that could not be committed (rate-limited) */
	NOTE_REHEARSED,         /* commit: what one would do; count: 1 if it was cut short by one */
	NOTE_COMMIT_CONFLICT,   /* flow: an older kernel entry was in its way, replaced (rate-limited) */
	NOTE_KERNEL_READ_NEEDED, /* read_why: read the kernel table */
	NOTE_KERNEL_READ_DONE,  /* count: flows in the local table */
	NOTE_KERNEL_FLUSH_DONE, /* count: entries deleted */
	NOTE_LOCAL_FULL,        /* once per spell */
	NOTE_REMOTE_FULL,       /* once per spell */
	NOTE_EXPECTS_FULL,      /* count: the limit; once */
	NOTE_SEQ_JUMP,          /* peer: numbers jumped too far, messages held back */
	NOTE_SEQ_FORGED,        /* peer: two messages with one number, which differ */
	NOTE_EVICTED,           /* count: deletes forgotten unacknowledged: peers may keep dead flows */
	NOTE_SWEPT,             /* peer, count: flows its full resend did not name again */
	NOTE_RESYNC_DONE,       /* peer, count: what it was asked for is here; flows of it that we have */
	NOTE_RESYNC_UNANSWERED, /* peer: it was asked several times and has acknowledged nothing */
	NOTE_LINK_ACTIVE,       /* count, switch_why: this link is sent on from now on */
	NOTE_LINK_NONE,         /* count: the link in use does not carry, nor does any other */
};
enum { NOTICE_TYPES = NOTE_LINK_NONE + 1 };

struct commit_tally {
	uint32_t total;    /* flows looked at */
	uint32_t created;
	uint32_t updated;  /* in place */
	uint32_t replaced; /* an older entry was in the way: deleted, the new one created */
	uint32_t current;  /* kernel entry as good or newer: left alone */
	uint32_t ended;    /* kernel entries of connections that ended at a peer: deleted */
	uint32_t degraded; /* of created, updated, replaced, or found written: an attribute was refused */
	uint32_t failed;
	uint32_t expired;  /* not written: nothing was heard of their peer for longer than they last */
	uint32_t displaced; /* whatever they were counted as: made way for a newer one with their mapping */
	uint32_t expects_created;
	uint32_t expects_failed;
	bool flows, expects; /* which of them it was about */
	int64_t took_ms;
};

/* Why some of the last commit's could not be written. */
struct commit_failure {
	int error;       /* errno value that the kernel gave */
	uint32_t count;
	bool of_expects; /* what the first of them was: */
	union {
		struct flow flow;
		struct expect expect;
	};
};
enum { COMMIT_FAILURES_MAX = 8 };

enum read_why {
	READ_EVENTS_LOST, /* the kernel dropped events */
	READ_CUT_SHORT,   /* the last read did not see all */
	READ_ROOM_AGAIN,  /* the table was full, and flows were left out */
	READ_FILTER_CHANGED, /* the filter lets in what it did not before: at once */
	READ_TO_ANSWER,   /* a peer has asked for everything, and the table was flushed: at once */
};

enum switch_why {
	SWITCH_CARRIER,  /* the other one has none, or this one has it again */
	SWITCH_SILENT,   /* nothing was heard on the other one */
	SWITCH_FOLLOWED, /* the peer speaks on this one */
	SWITCH_BACK,     /* it is the default one, and seems well */
};

struct notice {
	enum notice_type type;
	enum read_why read_why;
	enum switch_why switch_why;
	struct peer_addr peer;
	uint64_t count;
	int error; /* errno value */
	struct flow flow;
	struct expect expect;
	struct commit_tally commit;
};

/* Fills *out with the next notice; false if there is none. */
bool node_pull_notice(struct node *n, struct notice *out);

/*
 * Follows the flows that a tuple names: from now on node_pull_step() gives what happens to them.  Returns which of
 * those that are followed it is, less than FOLLOW_MAX; -1 if there are so many already.
 */
int node_follow(struct node *n, const struct flow_tuple *t);
/* No more. */
void node_unfollow(struct node *n, int which);
/* The next step; false if there is none.  What nobody fetches for long is counted as lost. */
bool node_pull_step(struct node *n, struct follow_note *out);

/* ---- views ---- */

enum node_table { TABLE_LOCAL, TABLE_REMOTE };

struct flow_view {
	struct flow flow;
	int64_t age_s;     /* since the flow was entered */
	int64_t expires_s; /* remote flows in ALARM: seconds left; otherwise -1 */
	uint32_t timeout_left_s; /* local flows: of the flow's timeout, if nothing has renewed it */
	struct peer_addr peer; /* remote flows: who owns it */
};

/*
 * Walks a table: start with *cursor = 0, stop when it returns false.  The table may change between
 * calls: a flow that stays is seen exactly once.  Destroyed flows that wait for acknowledgement are
 * left out.
 */
bool node_next_flow(const struct node *n, enum node_table t, uint32_t *cursor,
    struct flow_view *out, ms_t now);

/* The flow of this key in a table; false if it is not there, or dead. */
bool node_find_flow(const struct node *n, enum node_table t, const struct flow_key *key,
    struct flow_view *out, ms_t now);

/* What is known of one flow besides what it is. */
enum entry_wait {
	ENTRY_WAITS_NOT,
	ENTRY_WAITS_SEND, /* for its message to be written */
	ENTRY_WAITS_ACK,  /* for those in `lacks` to acknowledge */
};

struct entry_view {
	struct flow flow;
	int64_t age_ms;     /* since it was entered, in whole seconds */
	int64_t changed_ms; /* since the last news about it, our own writes left aside */
	int64_t expires_s;  /* as in struct flow_view */
	uint32_t timeout_left_s; /* likewise */
	bool dead;      /* destroyed; kept until the peers know, or the kernel has followed */
	/* Local flows: */
	bool live;      /* the kernel has told of it by itself */
	bool committed; /* we wrote it */
	bool announced; /* peers have, or may have, heard of it */
	enum entry_wait wait;
	uint8_t lacks;  /* bit set of peers (peer_view.slot) that are still to acknowledge */
	int sent_s;     /* waiting for an acknowledgement: for at least so many seconds, up to 19 */
	/* Remote flows: */
	uint8_t slot;    /* of the peer that owns it; 0xff: of none that is known */
	int64_t told_ms; /* since a message last named it */
	bool to_write;   /* it waits to be written to the kernel */
	uint32_t seq; /* of the last message about it: sent (if announced), or received */
};

/* Walks a table as node_next_flow() does, dead ones too. */
bool node_next_entry(const struct node *n, enum node_table t, uint32_t *cursor,
    struct entry_view *out, ms_t now);

struct expect_view {
	struct expect expect;
	int64_t age_s;
	int64_t expires_s; /* as in struct flow_view */
	struct peer_addr peer;
};

/* Walks the expectations of a table as node_next_flow() does flows. */
bool node_next_expect(const struct node *n, enum node_table t, uint32_t *cursor,
    struct expect_view *out, ms_t now);

struct table_view {
	uint32_t active; /* flows, without dead ones */
	uint32_t total;  /* with those that wait for acknowledgement */
	uint32_t limit;
};

struct table_view node_table_view(const struct node *n, enum node_table t);
struct table_view node_expects_view(const struct node *n, enum node_table t);

enum resync_view {
	RESYNC_VIEW_NONE,
	RESYNC_VIEW_WANTED,  /* to be asked for */
	RESYNC_VIEW_ASKED,
	RESYNC_VIEW_COMING,  /* it knows; its flows are coming */
	RESYNC_VIEW_REMOVING, /* what it did not name is being removed */
};

struct peer_view {
	struct peer_addr addr;
	bool heard_lately;
	int64_t heard_ms_ago;
	uint32_t last_seq;
	uint32_t flows;
	bool in_sync; /* no resync towards us is outstanding */
	uint8_t slot; /* its bit in struct entry_view */
	enum resync_view resync;
	int64_t resync_ms_ago;   /* the last step of it; -1 while there is none */
	unsigned int resync_tries;
	bool unanswered;  /* it was asked for everything, and nothing shows that it heard that */
	bool gone;        /* silent for so long that nothing is kept for it any more */
	bool deaf;        /* FT-FW: it is heard, and acknowledges nothing */
	uint32_t restarts; /* that were noticed */
	int64_t process_ms; /* since its process was first heard, -1 if that is not known */
	uint64_t lost;     /* messages of it that were missing when a later one came */
	uint64_t asked_again; /* FT-FW: times that it was asked to repeat some */
	/*
	 * FT-FW: since when it lacks a change, as far as its acknowledgements tell: the age of the oldest one
	 * that it has not acknowledged, 0 if there is none.  -1 where it cannot be known: other modes, and a
	 * peer that is gone.
	 */
	int64_t lag_ms;
};

/* Peer i of those known, false when i is past the last. */
bool node_peer_view(const struct node *n, size_t i, struct peer_view *out, ms_t now);

/* Failure i of the commit under way, or of the last one; or of a rehearsal; NULL if there are no more.  Those beyond
 * COMMIT_FAILURES_MAX kinds are only counted in the tally. */
const struct commit_failure *node_commit_failure(const struct node *n, bool rehearsed, size_t i);

/* What may keep a replica from being as good as it can be. */
enum ready_reason {
	READY_FIRST_READ,  /* the kernel table has not been read since the start, or since -f internal */
	READY_EVENTS_LOST, /* the kernel dropped events, and has not been read since */
	READY_RESYNC,      /* a peer's full resend is under way, or asked for */
	READY_DOUBT,       /* the same for one that began anew: what its last process told is in doubt */
	READY_UNANSWERED,  /* a peer was asked, and does not answer: perhaps it does not hear us */
	READY_LOSSY,       /* messages of a peer were lost, and it has not been asked again yet */
	READY_FLUSHED,     /* -f external, and nobody has told all again */
	READY_REMOTE_FULL, /* flows of peers are not kept */
	READY_LOCAL_FULL,  /* flows of ours are not replicated */
	READY_NO_LINK,     /* no link carries anything */
	READY_ALONE,       /* no peer was ever heard */
	READY_SILENT,      /* nothing is heard of a peer any more */
	READY_BULK,        /* we tell the peers everything */
	READY_REASONS,
};

struct ready_state {
	bool open;
	bool blocks;        /* it counts: for so much longer at most, then it is only mentioned */
	int64_t blocks_ms;
	int64_t for_ms;     /* how long it has been so */
	uint64_t count;     /* RESYNC, DOUBT, SILENT: flows of those peers; FULL: refused, ever; BULK: to come */
	uint32_t peers;     /* that it is true of, and the first of them */
	struct peer_addr peer;
};

/* Times after which nothing waits any longer, milliseconds. */
enum {
	READY_ALONE_MS = 30 * 1000,
	READY_REPAIR_MS = 60 * 1000,
	READY_FULL_MS = 600 * 1000,
};

struct ready_view {
	bool ready; /* nothing blocks */
	int64_t at_the_latest_ms; /* until nothing does, 0 if so */
	struct ready_state reasons[READY_REASONS];
};

/*
 * Would a commit now bring what peers have?  Whatever is in its way counts for a bounded time, so that a
 * node that is left alone is ready, too; after that it is still there to be shown.
 */
void node_ready_view(const struct node *n, struct ready_view *out, ms_t now);

/* A peer's address on a link, and when it was last heard there; false if it is not known there. */
struct path_view {
	struct peer_addr addr;
	int64_t heard_ms_ago;
};

bool node_path_view(const struct node *n, size_t peer, size_t link, struct path_view *out, ms_t now);

/* When a message of any peer was last taken from this link; -1: never. */
int64_t node_link_heard_ms(const struct node *n, size_t link, ms_t now);

enum commit_stage {
	STAGE_MASTERS,  /* flows on their own */
	STAGE_RELATED,  /* flows that need a master */
	STAGE_OWN,      /* what the kernel has of its own */
	STAGE_EXPECTS,
	STAGE_LAST,     /* what changed meanwhile */
	STAGE_OURS,     /* what is in the kernel leaves the remote table */
};

struct commit_view {
	bool running;
	enum commit_stage stage;
	uint32_t done;    /* flows that have been looked at */
	uint32_t total;   /* flows that there are; grows and shrinks with them */
	uint32_t written; /* created, updated, replaced */
	uint32_t failed;
	int64_t ms;       /* since it began */
};

struct commit_view node_commit_view(const struct node *n, ms_t now);

struct bulk_view {
	bool running;
	bool waits;       /* it is to begin once the kernel's table has been read */
	bool put_off;     /* a peer has asked for one, and so many did that it has to wait */
	bool unconfirmed; /* it has been sent, and not all of it is acknowledged (FT-FW) */
	uint64_t sent;    /* flows */
	uint64_t total;   /* about so many there will be */
	int64_t ms;       /* since it began; -1: there was none */
};

struct bulk_view node_bulk_view(const struct node *n, ms_t now);

struct queue_view {
	uint32_t tx;        /* flows and control messages waiting to be sent */
	uint32_t unacked;   /* flows and control messages sent but not acknowledged */
	uint32_t unacked_max;
};

struct queue_view node_queue_view(const struct node *n);

/* Element i of the unacknowledged ones in sending order (for -s rsqueue). */
struct unacked_view {
	bool control;
	uint32_t seq;
	uint8_t flags;
};

/* Walks the unacknowledged elements: *cursor = 0 to start; false at the end. */
bool node_next_unacked(const struct node *n, uint32_t *cursor, struct unacked_view *out);

#endif
