/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnl.h: the ctnetlink sockets: events in, table dumps in, batched writes out.
 *
 * Three sockets: events (multicast groups NEW, UPDATE, DESTROY, of flows and expectations), dump, write.  Events caused by the
 * write socket are dropped by a socket filter on the event socket before they cost anything, and
 * are marked `own` should one come through.  Functions that fail return a negative errno value and
 * log nothing.
 */
#ifndef IO_CTNL_H
#define IO_CTNL_H

#include "filter.h"
#include "kernel.h"

struct ctnl; /* opaque */

struct ctnl_cfg {
	uint32_t rcvbuf;     /* bytes wanted in force on the event socket; 0: kernel default */
	uint32_t rcvbuf_max; /* bytes up to which ctnl_rcvbuf_grow() may go; 0: never */
	bool expects;        /* events of expectations, too */
	bool reliable;       /* no event is lost silently: packets wait or are dropped instead */
	bool own_events;     /* do not drop events of our own writes */
	bool no_events;      /* subscribe to nothing: the table is going to be polled */
};

enum { CTNL_BATCH_MAX = 256 };

/*
 * Opens and subscribes.  From here on nothing that happens to flows made later is missed.  Flows
 * that are older may stay silent: with net.netfilter.nf_conntrack_events at its default of 2 the
 * kernel gives a flow the means to report events only if somebody listens when it is made.
 */
int ctnl_open(struct ctnl **out, const struct ctnl_cfg *cfg);
void ctnl_close(struct ctnl *c);

/* To be asked anew each turn: ctnl_dump_fd() changes after ctnl_dump_cancel() or a failed dump, and
 * is -1 if no socket could be opened then (ctnl_dump_start() tries again). */
int ctnl_event_fd(const struct ctnl *c);
int ctnl_dump_fd(const struct ctnl *c);

/*
 * Lets the kernel drop events of new and changed flows that do not pass, as far as it can tell for
 * certain; what the filter means does not change, and its reader has to apply it all the same.  NULL:
 * the kernel drops only what our own writes cause, as after ctnl_open().  May be changed at any time.
 * Returns 0; 1 if the addresses are too many for the kernel and are left to the reader; or a negative
 * errno value: then what was there before stays in force.
 */
int ctnl_filter_set(struct ctnl *c, const struct filter *filter);

typedef void (*ctnl_event_fn)(void *ctx, const struct kernel_event *ev);

/*
 * Reads at most `max` waiting datagrams from the event socket and calls fn for each event in them.
 * Returns the number read (0: nothing waits), -ENOBUFS after the kernel dropped events, or another
 * negative errno value.  What is of no use is counted, see ctnl_counters().
 *
 * After -ENOBUFS, what was queued before the loss still waits, and the kernel drops all further
 * events until that queue is empty, without saying so again: read on to 0 before asking for a dump.
 */
int ctnl_read_events(struct ctnl *c, unsigned int max, ctnl_event_fn fn, void *ctx);

/* Asks for all flows (IPv4 and IPv6); answers are read with ctnl_dump_read() when the dump
 * descriptor is readable.  -EBUSY if a dump is under way. */
int ctnl_dump_start(struct ctnl *c);
/* The same for all expectations. */
int ctnl_dump_expects_start(struct ctnl *c);

/* Reads at most `max` datagrams of the answer; what is there comes as if it were new (KEV_NEW,
 * KEV_EXPECT_NEW).  Returns 1 if there is more to come, 0 after the
 * last flow, a negative errno value if the dump failed (it is over then); -EINTR: read to the end,
 * but the table changed shape meanwhile, so that flows may be missing.  -EINVAL if no dump is under
 * way. */
int ctnl_dump_read(struct ctnl *c, unsigned int max, ctnl_event_fn fn, void *ctx);

/* Ends a dump early; what was still coming is thrown away. */
void ctnl_dump_cancel(struct ctnl *c);

/*
 * Carries out ops[0..n), n <= CTNL_BATCH_MAX, in order, in few system calls, and fills res[0..n):
 * res[i] answers ops[i].  Asks the kernel to acknowledge failures and the end only.  Returns 0, or
 * a negative errno value when the socket itself failed (then res[i].error is set for all that got
 * no answer; such a request may have been carried out nevertheless).
 *
 * res[i].error is the kernel's, except: EINVAL for an op whose key has no layer 3 protocol; ENOENT
 * also for a GET that the kernel answers with another flow, EBADMSG if its answer does not parse.
 * The answer to a REPLACE is that of its second half.
 *
 * The kernel looks entries up by either of their tuples: an UPDATE, or a DELETE without id, for the
 * key A -> B also hits the entry whose reply tuple is A -> B.
 */
int ctnl_write(struct ctnl *c, const struct kernel_op *ops, size_t n, struct kernel_result *res);

/* Bytes of receive buffer in force on the event socket, as the configuration counts them: what
 * getsockopt() tells, the kernel's doubling of a request already included. */
uint32_t ctnl_rcvbuf(const struct ctnl *c);

/* Sets the receive buffer to rcvbuf bytes (0: leaves it as it is), and how far it may grow.  Returns 0
 * or a negative errno value; ctnl_rcvbuf() tells what came of it. */
int ctnl_rcvbuf_set(struct ctnl *c, uint32_t rcvbuf, uint32_t rcvbuf_max);

/* Doubles the receive buffer, not beyond rcvbuf_max.  True if it grew. */
bool ctnl_rcvbuf_grow(struct ctnl *c);

/*
 * Makes the kernel report on every flow, also on those that are made while nobody listens, as during
 * a restart of ours: sets net.netfilter.nf_conntrack_events to 1 where it is 2 (see ctnl_open()).
 * Returns 1 if it was changed, 0 if there was no need, -ENODATA if events are switched off (0), or
 * another negative errno value.
 */
int ctnl_events_always(void);

/* How many flows the kernel tracks at most (net.netfilter.nf_conntrack_max); 0 if that cannot be read. */
uint32_t ctnl_flows_max(void);
/* How many it tracks now (nf_conntrack_count); -1 if that cannot be read. */
int64_t ctnl_flows_count(void);

struct ctnl_counters {
	uint64_t events_unknown; /* event messages of a type we do not know */
	uint64_t events_bad;     /* event messages that did not parse */
	uint64_t dump_unknown;   /* the same of messages of a dump */
	uint64_t dump_bad;
	uint64_t dump_stray;     /* messages that do not belong to the dump under way */
	uint64_t answers_bad;    /* answers to writes of an unknown type, or that did not parse */
	uint64_t answers_stray;  /* answers to none of the requests under way */
	uint64_t foreign;        /* datagrams of other processes, not the kernel's */
};

const struct ctnl_counters *ctnl_counters(const struct ctnl *c);

#endif
