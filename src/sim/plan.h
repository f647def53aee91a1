/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.h: what is to happen in one play: a configuration and a list of acts, drawn from a seed.
 *
 * A plan is a text, too: one line per knob that is not zero, then one per act.  Each act carries its
 * own dice, so that it does the same when others before it are taken out.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdio.h>

#include "base.h"

/* X(name, help): whole numbers, 0 where nothing is said. */
#define PLAN_KNOBS(X)                                                                              \
	X(seed, "what everything was drawn from")                                                  \
	X(nodes, "2 to 5")                                                                         \
	X(mode, "0 FT-FW, 1 ALARM, 2 NOTRACK")                                                       \
	X(regime, "where traffic goes: 0 to the master, 1 each node has its own, 2 anywhere")      \
	X(tuples, "connections that clients may have, at most 400")                                \
	X(limit, "flows per table")                                                                \
	X(refresh_s, "ALARM: RefreshTime")                                                         \
	X(cache_timeout_s, "ALARM: CacheTimeout")                                                  \
	X(commit_timeout_s, "CommitTimeout")                                                       \
	X(resend_queue, "ResendQueueSize")                                                         \
	X(ack_window, "ACKWindowSize")                                                             \
	X(window_tracking, "TCPWindowTracking")                                                    \
	X(write_through, "CacheWriteThrough")                                                      \
	X(expects, "ExpectationSync")                                                              \
	X(latency_ms, "of the link")                                                               \
	X(jitter_ms, "more, up to so much: datagrams overtake each other")                         \
	X(loss_pct, "datagrams lost")                                                              \
	X(dup_pct, "datagrams doubled")                                                            \
	X(corrupt_pct, "datagrams damaged")                                                        \
	X(payload, "bytes in a datagram, as the MTU allows")                                       \
	X(rcvbuf, "bytes that wait at a socket")                                                   \
	X(datagrams, "read per turn")                                                              \
	X(events, "read per turn")                                                                 \
	X(events_max, "events that wait to be read")                                               \
	X(batch, "requests written at once")                                                       \
	X(op_ms, "the kernel's time for a batch")                                                  \
	X(dump, "flows per step of a dump")                                                        \
	X(dump_ms, "between two steps")                                                            \
	X(own_events, "a node also hears of its own writes")                                       \
	X(expires, "flows run out")                                                                \
	X(errno_pct, "requests that the kernel refuses or does not answer")                        \
	X(near_wrap, "which start of a daemon begins with numbers just below 0; from 1 on")         \
	X(incumbents, "so many nodes, from the last, are the incumbent's")                         \
	X(clock_step, "seconds that an incumbent's clock may be set by while it is down")          \
	X(links, "dedicated links, if more than one")                                              \
	X(one_peer, "the links lead to one peer and nobody else, as those over UDP and TCP")       \
	X(takeover, "who takes over at the end, from 1 on")

struct act_kind;
struct sim;

struct act {
	const struct act_kind *kind;
	uint32_t wait_ms; /* after the act before */
	uint8_t node;
	uint8_t other;
	uint64_t dice;
};

enum { PLAN_ACTS_MAX = 1024 };

struct plan {
#define X(name, help) int64_t name;
	PLAN_KNOBS(X)
#undef X
	struct act acts[PLAN_ACTS_MAX];
	size_t acts_count;
};

/* ---- chance ---- */

struct dice {
	uint64_t state;
};

/* splitmix64. */
static inline uint64_t
dice_roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline unsigned int
dice_below(struct dice *d, unsigned int n)
{
	return (unsigned int)((dice_roll(d) >> 16) % n);
}

/* True in so many cases of a hundred. */
static inline bool
dice_chance(struct dice *d, unsigned int percent)
{
	return dice_below(d, 100) < percent;
}

/* ---- acts ---- */

/* Something that may happen in a play.  A new kind is a function and a row in its file's table. */
struct act_kind {
	const char *name;   /* a word; NULL ends a table */
	const char *what;   /* one line for readers */
	unsigned int plays;  /* in so many plays of a hundred it can happen at all; 0: drawn apart */
	unsigned int weight; /* how often then, beside the others */
	void (*run)(struct sim *s, const struct act *act, struct dice *d);
};

/* The last are only for plays with expectations. */
extern const struct act_kind acts_traffic[], acts_operator[], acts_fault[], acts_expects[], acts_link[];

/* Kind i of all tables, one after the other; NULL past the last. */
const struct act_kind *act_kind(size_t i);

/* ---- plans ---- */

/* Draws a plan: which faults, how often, how many nodes, which settings. */
void plan_draw(struct plan *p, uint64_t seed);

void plan_print(const struct plan *p, FILE *out);

/* Reads what plan_print() wrote; false with a message on stderr. */
bool plan_read(struct plan *p, FILE *in, const char *name);

/* Knob i: its name, and where its value is; NULL past the last. */
const char *plan_knob(struct plan *p, size_t i, int64_t **value);
const char *plan_knob_help(size_t i);

#endif
