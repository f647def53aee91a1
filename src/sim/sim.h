/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim.h: one play: a plan acted out by a world, watched by oracles.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdio.h>

#include "daemon.h"
#include "plan.h"
#include "truth.h"
#include "wire.h"

/* A connection that clients may have: what its entry looks like when it is new. */
struct tuple {
	struct flow flow;   /* without NAT */
	int master;         /* the tuple whose helper expects it, or NO_TUPLE */
};

/* ---- what version 1 of the wire cannot keep (doc/GUARANTEES.md) ---- */

/* X(name, what) */
#define SIM_EXCEPTIONS(X)                                                                         \
	X(silent, "no event told of it, or the kernel refused an answer: the next -R did")        \
	X(found_by_read, "an entry known only from a read made way")                              \
	X(forgotten, "a flush was ordered, and peers kept what it forgot until the resync")       \
	X(untold, "what a commit had written was told by the bulk send that was ordered after it") \
	X(contested, "two nodes had or expected a tuple at once, and a third lost sight of one")      \
	X(full, "a table was full, and flows, or the end of flows, were left out")                \
	X(damaged, "damage on the link that no checksum caught")                                  \
	X(old_silent, "1.4.7 changed its cache on order and told nobody, until -n")               \
	X(old_lost, "1.4.7 had no room and said nothing of it, until -n")                         \
	X(old_late, "1.4.7 took a late message for news as it said HELLO, until -B")              \
	X(old_deaf, "1.4.7 believed a number that nobody had sent, until its neighbour restarts")

enum sim_exception {
#define X(name, what) EXC_##name,
	SIM_EXCEPTIONS(X)
#undef X
	    EXC_COUNT
};

/* ---- oracles ---- */

/*
 * A demand that is watched all the time, and once more when everything has healed.  A new one is a
 * function and a row in its file's table.
 */
struct oracle {
	const char *name;   /* NULL ends a table */
	const char *demand; /* one line for readers */
	size_t state_size;  /* of its own memory, zero at first */
	void (*watch)(struct sim *s, void *state, const struct happening *h);
	void (*healed)(struct sim *s, void *state);
};

extern const struct oracle oracles_flow[], oracles_kernel[], oracles_limit[], oracles_healed[],
    oracles_old_peer[], oracles_expect[];

/* Oracle i of all tables, one after the other; NULL past the last. */
const struct oracle *oracle_at(size_t i);

enum { ORACLES_MAX = 32, KEPT_DATAGRAMS = 32 };

/* What a daemon was told of a flow, and when. */
struct knowledge {
	ms_t alive_at;     /* that packets had changed this very entry; 0: it was not */
	uint32_t alive_id; /* which entry that was */
	bool both_ways;    /* and that they went both ways, whatever was written since */
	ms_t wrote_at;     /* it made the entry itself */
	uint64_t wrote;    /* as which version of all */
	ms_t renewed_at;   /* it last wrote something to it, the timeout at least */
	ms_t news_at;      /* a peer last said something new of the flow, also that it has ended */
	ms_t looked_at;    /* the kernel showed it the entry */
	uint64_t believed; /* what its replica is; 0: there is none */
	uint32_t timeout_s; /* likewise */
	uint8_t owner;     /* who told it */
	bool blurred;      /* it wrote to the entry while events of it were unread, and has not read the
			    * table since */
	bool first;        /* of what it was then told it knew nothing */
	bool forgot;       /* what it was told it has forgotten since */
};

struct verdict {
	const struct oracle *oracle; /* that failed first; NULL: none did */
	char what[320];
	int64_t at_ms;
	size_t act; /* during which act; acts_count: after the last */
};

/* Of a datagram that was seen on the link, for who would say it again. */
struct kept_datagram {
	uint8_t from;
	uint16_t len;
	uint8_t data[WORLD_PAYLOAD];
};

/* A state message that names a flow of the play. */
struct state_message {
	int tuple;
	struct wire_msg m; /* attrs: in the datagram */
};

enum { STATE_MESSAGES_MAX = WORLD_PAYLOAD / WIRE_HEADER };

struct sim {
	const struct plan *plan;
	struct world *w;
	struct truth truth;
	struct tuple tuples[TUPLES_MAX];
	size_t tuples_count;
	size_t master;              /* regime 0: who forwards */
	uint8_t home[TUPLES_MAX];   /* regime 1: who forwards this */
	uint32_t marks;             /* no mark is given twice */
	struct dice errors;         /* of kernels that refuse */
	bool failing[WORLD_NODES_MAX];
	int64_t starts;             /* of daemons */
	size_t at;                  /* the act under way */
	bool healing;
	bool at_peace;              /* and nothing is left to be done */
	/* What has happened that version 1 cannot make good by itself. */
	bool flushed;               /* something was forgotten on order */
	bool committed;
	bool lied;                  /* somebody sent what no node had said */
	bool one_way;               /* three nodes or more, and one heard what did not hear it */
	bool refused;               /* the kernel refused something */
	bool contested;             /* two nodes had a tuple, and a third kept what it heard last */
	bool overfull;              /* a table was full */
	uint64_t evictions[WORLD_NODES_MAX];          /* deletes that its process has given up */
	bool evicted[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* [of][at]: and nothing since makes it good */
	ms_t heard_at[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* [by][whom] */
	bool says_hello;            /* the datagram that was last read, all of it */
	bool resynced;              /* and then everything was made good */
	bool silent;                /* an entry changed, and no event told */
	/* What an incumbent does not make good by itself. */
	bool old_silent;            /* its cache was changed by an order, and it told nobody */
	bool old_lost;              /* a table or queue was full */
	bool old_late;              /* it heard something late that said HELLO */
	bool old_too_big;           /* a flow fitted in no datagram (W26) */
	ms_t data_at[WORLD_NODES_MAX][TUPLES_MAX]; /* packets without an event */
	bool hidden[WORLD_NODES_MAX][TUPLES_MAX];  /* silent, and of which entry that is */
	bool sparing;               /* what has an excuse of its own is not looked at */
	bool sweeping;              /* nor what a resync under way may still take away */
	struct kept_datagram kept[KEPT_DATAGRAMS];
	size_t kept_count;          /* ever */
	struct state_message messages[STATE_MESSAGES_MAX]; /* of the datagram that was last read */
	size_t messages_count;
	const void *messages_of;

	ms_t behind_at[WORLD_NODES_MAX]; /* when it last had not read all that there was */
	ms_t read_began[WORLD_NODES_MAX]; /* the last read of its kernel's table */
	struct knowledge knows[WORLD_NODES_MAX][TUPLES_MAX];
	uint64_t hash;              /* of all that happened */
	FILE *trace;                /* NULL: nobody reads */
	const struct oracle *oracles[ORACLES_MAX + 1]; /* in order; NULL after the last */
	void *oracle_state[ORACLES_MAX];
	const struct oracle *asking; /* the oracle whose function runs */
	struct verdict verdict;
	uint64_t exceptions[EXC_COUNT];
};

/*
 * Plays a plan to its end, or to the first demand that is not met.  `trace` may be NULL.  What
 * became of it is in *out (zero at first), which need not be released.
 */
struct outcome {
	struct verdict verdict;
	uint64_t hash;
	uint64_t exceptions[EXC_COUNT];
	uint64_t datagrams, requests, flows; /* how much happened */
	int64_t simulated_ms;
};

void sim_play(const struct plan *p, FILE *trace, struct outcome *out);

extern const char *const exception_names[EXC_COUNT];
extern const char *const exception_texts[EXC_COUNT];

/* ---- for acts and oracles ---- */

/* The demand of the oracle that is asking is not met. */
void sim_fail(struct sim *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* One line of the story, if somebody reads it. */
void sim_say(struct sim *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
void sim_except(struct sim *s, enum sim_exception e);

typedef void (*state_fn)(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m);

/* Calls `each` for every state message of a datagram that names a flow of the play. */
void sim_each_state(struct sim *s, const struct happening *h, void *state, state_fn each);

/* Keeps struct knowledge up to date: with all that happens, before oracles see it; and, when they
 * have seen it, with what the daemon wrote. */
void knowledge_watch(struct sim *s, const struct happening *h);
void knowledge_wrote(struct sim *s, const struct happening *h);
/* Was the node told by its kernel of this very entry after the last news of its peers? */
bool kernel_is_fresher(const struct sim *s, size_t node, int tuple);

/* The helper of this connection's master expects it: false if there is no reason to. */
bool traffic_expect(struct sim *s, size_t node, int tuple, struct dice *d);

/* Adds it to the hash, and to the story if somebody reads it. */
void trace_happening(struct sim *s, const struct happening *h);

static inline bool
sim_is_up(const struct sim *s, size_t node)
{
	return daemon_is_up(&s->w->nodes[node]);
}

static inline bool
sim_is_behind(const struct sim *s, size_t node)
{
	return world_is_behind(s->w, node);
}

/* Was a table full, or are there deletes that were given up and have to be asked for? */
bool sim_is_overfull(const struct sim *s);
/* Do they say the same, also of what events do not tell? */
bool same_flow(const struct sim *s, const struct flow *a, const struct flow *b);
/* Two flows that should be the same, beside each other. */
void describe_two(const struct sim *s, const struct flow *a, const struct flow *b, char *text,
    size_t len);
/* A tuple in few words; a static buffer for each of the last four calls. */
const char *tuple_text(const struct sim *s, int tuple);

/* Lets time pass. */
void sim_pass(struct sim *s, int64_t ms);
/* Gives an order to a node, if it is up; with `wait` until it is done, five seconds at most. */
void sim_order(struct sim *s, size_t node, enum sim_order order, bool wait);
/* The daemon of a node that is down begins, with a random number or, where the plan says so, near the
 * last one. */
void sim_start(struct sim *s, size_t node, struct dice *d);

/* Everything that can be wrong with the link and the kernels is well again, and all nodes are up. */
void heal_faults(struct sim *s);
/* What is left is what time and, where version 1 needs it, the operator make good. */
void heal(struct sim *s);
/*
 * What is wrong with the replicas now that everything is well, one thing of it, in words; false if
 * nothing is.
 */
bool replicas_differ(struct sim *s, char *what, size_t len);
/*
 * The same much earlier, and without the operator: demands what no exception concerns.  `all`: also
 * that what no node has any more is gone.
 */
void demand_soon(struct sim *s, bool all);

/* ---- oracle_old_peer.c: ours beside the incumbent ---- */

bool old_peer_differs(struct sim *s, char *what, size_t len);
/* What an operator does with such a pair, as far as there is a reason for it. */
void old_peer_heal(struct sim *s, int64_t settle_ms);
/* The first number of an incumbent that begins now. */
uint32_t old_peer_first_seq(const struct sim *s, struct dice *d);

/* ---- traffic.c: what packets do to a kernel ---- */

void traffic_init(struct sim *s);
/* Which node forwards this connection. */
size_t traffic_node(const struct sim *s, int tuple, size_t any);
struct flow *traffic_entry(struct sim *s, size_t node, int tuple);
/* A first packet: a new entry, with a NAT mapping of its own.  False if the kernel has it. */
bool traffic_open(struct sim *s, size_t node, int tuple, struct dice *d);
/* The connection goes on: its entry's next state. */
void traffic_advance(struct sim *s, size_t node, int tuple, struct dice *d);
/* Something else about it changes. */
void traffic_change(struct sim *s, size_t node, int tuple, struct dice *d);
/* Packets that change nothing but renew its timeout. */
void traffic_data(struct sim *s, size_t node, int tuple);
void traffic_close(struct sim *s, size_t node, int tuple);

#endif
