/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incumbent.h: a model of one conntrackd 1.4.7, the program that is to be replaced, for simulations
 * in which old and new nodes meet.
 *
 * It does what that program was seen to do, its faults included, in the modes FT-FW and ALARM, both
 * caches in use: a fault that is missing here would be one that nobody tests against.  It shares
 * the codec with core and nothing else; the protocol engine is its own.  What it says is compared
 * with captures of the program in tests/scenario/incumbent.c.
 *
 * The interface has the shape of node.h: inputs are pushed, outputs pulled, time is an argument.
 */
#ifndef SIM_INCUMBENT_H
#define SIM_INCUMBENT_H

#include "expect.h"
#include "node.h"

struct incumbent; /* opaque */

/* Zero is the default wherever the comment names one. */
struct incumbent_cfg {
	enum sync_mode_id mode;
	uint32_t limit;            /* HashLimit, of each cache (262144) */
	uint32_t refresh_s;        /* RefreshTime (60) */
	uint32_t cache_timeout_s;  /* CacheTimeout (180) */
	uint32_t commit_timeout_s; /* CommitTimeout; 0: off */
	uint32_t purge_timeout_s;  /* PurgeTimeout (60) */
	uint32_t resend_queue;     /* ResendQueueSize, elements (131072) */
	uint32_t ack_window;       /* ACKWindowSize, messages (300) */
	uint32_t first_seq;        /* 0: the time of its first transmission, in seconds */
	bool tcp_window_tracking;  /* TCPWindowTracking */
};

/* Allocates; ends in an ASSERT if there is no memory.  *cfg is copied. */
struct incumbent *incumbent_new(const struct incumbent_cfg *cfg, ms_t now);
void incumbent_free(struct incumbent *inc);

/* ---- inputs ---- */

/*
 * Events of the model's own writes have to come too, as `own`: without them the internal cache does
 * not learn of what was committed.
 */
void incumbent_kernel_event(struct incumbent *inc, const struct kernel_event *ev, ms_t now);

/* The same for expectations.  They are sent; received ones are counted and not kept. */
void incumbent_expect_event(struct incumbent *inc, enum kernel_event_type type, bool own,
    const struct expect *e, ms_t now);

/* The kernel dropped events: half a minute later incumbent_wants_read() asks for a read. */
void incumbent_kernel_overrun(struct incumbent *inc, ms_t now);
bool incumbent_wants_read(const struct incumbent *inc);

/*
 * A full read of the kernel table.  Without `announce` it is the one at start, or -R: flows are
 * merged, nothing is said, and flows that are gone from the kernel stay.  With it, it is the one
 * after an overrun: what was read is sent, then the kernel is asked for each flow of the cache.
 */
void incumbent_kernel_read_begin(struct incumbent *inc, bool announce, ms_t now);
void incumbent_kernel_read_flow(struct incumbent *inc, const struct flow *flow, ms_t now);
void incumbent_kernel_read_end(struct incumbent *inc, bool complete, ms_t now);

void incumbent_kernel_result(struct incumbent *inc, const struct kernel_result *res, ms_t now);

/* One whole datagram, whoever sent it: the program does not look. */
void incumbent_datagram(struct incumbent *inc, const void *data, size_t len, ms_t now);

/* CMD_FLUSH_KERNEL takes the internal cache for what a dump of the kernel would find. */
void incumbent_command(struct incumbent *inc, enum node_cmd cmd, ms_t now);

/* -t: after PurgeTimeout the kernel's flows are deleted and the internal cache emptied. */
void incumbent_purge(struct incumbent *inc, ms_t now);

/* Lets time pass: call at or after incumbent_deadline(). */
void incumbent_tick(struct incumbent *inc, ms_t now);

/* ---- outputs ---- */

/* As node_pull_datagram().  One payload byte of `cap` is never used (doc/WIRE.md 1.4). */
size_t incumbent_pull_datagram(struct incumbent *inc, void *buf, size_t cap, ms_t now);

/* As node_pull_kernel_op().  The program waits for each answer before its next request. */
bool incumbent_pull_kernel_op(struct incumbent *inc, struct kernel_op *op, ms_t now);

ms_t incumbent_deadline(const struct incumbent *inc);

/* ---- views ---- */

/* As node_next_flow(); the internal cache is TABLE_LOCAL.  No flow has an owner. */
bool incumbent_next_flow(const struct incumbent *inc, enum node_table t, uint32_t *cursor,
    struct flow_view *out, ms_t now);

/* As node_find_flow(). */
bool incumbent_find_flow(struct incumbent *inc, enum node_table t, const struct flow_key *key,
    struct flow_view *out, ms_t now);

/* A commit, a flush or a check of the cache is under way. */
bool incumbent_is_busy(const struct incumbent *inc);

struct incumbent_stats {
	uint64_t sent, received;           /* messages; received: not late, header good */
	uint64_t acks_sent, acks_received;
	uint64_t nacks_sent, nacks_received;
	uint64_t resyncs_received;
	uint64_t lost;                     /* numbers that were missing when a later one came */
	uint64_t late;                     /* messages that came too late or twice */
	uint64_t resent;                   /* elements sent again because of a NACK */
	uint64_t evicted;                  /* elements that left a full resend queue */
	uint64_t dropped_by_hello;         /* elements thrown away because a peer said HELLO */
	uint64_t bad_header, bad_payload, bad_size, bad_version, bad_type;
	uint64_t too_big;                  /* messages that fit no datagram */
	uint64_t full;                     /* flows for which a cache had no room */
	uint64_t expects_received;
	uint64_t committed, commit_failed; /* flows, all commits together */
	uint64_t commit_replaced;          /* of those committed, after a delete */
	uint64_t commits;                  /* commits that came to their end */
	uint64_t purged;                   /* flows that the check after an overrun did not find */
};

const struct incumbent_stats *incumbent_stats(const struct incumbent *inc);

struct incumbent_queues {
	size_t tx;
	size_t resend;
};

struct incumbent_queues incumbent_queues(const struct incumbent *inc);

/* Entries of a cache, with dead ones that wait to be acknowledged. */
size_t incumbent_count(const struct incumbent *inc, enum node_table t);

#endif
