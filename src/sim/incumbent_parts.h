/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incumbent_parts.h: what the files of the model of conntrackd 1.4.7 share.
 *
 * incumbent.c is the protocol and the interface, incumbent_cache.c the caches, incumbent_kernel.c
 * what comes from the kernel and is asked of it.
 */
#ifndef SIM_INCUMBENT_PARTS_H
#define SIM_INCUMBENT_PARTS_H

#include "incumbent.h"
#include "wire.h"

enum {
	BUCKETS = 1024, /* a power of two */
	/* 8192 of the default HashSize of 65536 buckets are committed per turn of its loop. */
	COMMIT_SLICES = 8,
	SLICE = BUCKETS / COMMIT_SLICES,
	TIMER_MS = 1000,
	OVERRUN_READ_MS = 30000, /* NetlinkOverrunResync */
	COMMIT_TIMEOUT_S = 60,   /* of a replica whose time seems to be over */
};

/* Something that is sent: in the transmit queue, the resend queue, or neither. */
enum item_kind { ITEM_FLOW, ITEM_EXPECT, ITEM_CONTROL };

struct item_list;

struct item {
	struct item *prev, *next;
	struct item_list *list; /* where it is, or NULL */
	enum item_kind kind;
	uint32_t seq; /* with which it was sent last */
};

struct item_list {
	struct item *first, *last;
	size_t count;
};

/* ACK, NACK, RESYNC, ALIVE.  The flags keep what HELLO bits it was sent with. */
struct control {
	struct item item;
	uint8_t flags;
	uint32_t from, to;
};

/* Decides the type of the message: NEW, UPD, DEL. */
enum object_state { OBJECT_NEW, OBJECT_UPDATED, OBJECT_DEAD };

/* An element of a cache. */
struct object {
	struct item item;      /* first */
	struct object *chain;  /* the next of its bucket */
	uint32_t bucket, slot;
	enum object_state state;
	ms_t entered, updated;
	ms_t due;              /* ALARM: internal: sent again; external: removed */
	union {
		struct flow flow;
		struct expect expect;
	};
};

struct cache {
	struct object *buckets[BUCKETS];
	struct object **slots; /* every object has its place, for walks with a cursor */
	uint32_t *free;        /* places below `used` that nobody has */
	uint32_t used, room, free_count;
	size_t count, limit;
	ms_t due; /* no object is due before that */
};

enum hello { HELLO_INIT, HELLO_SAY, HELLO_DONE };

/* A list of flows that requests are made of, one after the other. */
struct job {
	bool running;
	bool asked;         /* the answer to a request is outstanding */
	uint32_t cookie;    /* of that request */
	struct flow *flows;
	size_t count, at, room;
};

enum commit_step { COMMIT_CREATE, COMMIT_DELETE, COMMIT_AGAIN };

struct incumbent {
	struct incumbent_cfg cfg;
	struct incumbent_stats stats;
	struct cache internal, external, expects;

	/* Sender. */
	struct item_list tx, resend;
	bool seq_set;
	uint32_t seq; /* of the next message */
	enum hello hello;
	bool owe_hello_back;
	ms_t alive_at;

	/* Receiver: one for everybody who is heard. */
	bool last_set;
	uint32_t last;
	bool range_open;
	uint32_t ack_from;
	uint32_t window;

	/*
	 * Right when a timer expires or an order comes, but late for events and datagrams: what they
	 * change is stamped with the time of the wake-up before.  The program looks at the clock
	 * after its work, not before.
	 */
	ms_t clock;

	uint64_t rng;

	/* Kernel. */
	bool reading, announce;
	bool wants_read;
	ms_t read_at, purge_at;
	struct job commit, flush, check;
	uint32_t requests; /* number of the last one, which is its cookie */
	enum commit_step commit_step;
	unsigned int commit_pass, commit_slice;
	ms_t commit_at; /* its next turn */
};

/* ---- incumbent.c ---- */

/* Queues an object of an internal cache, as what it is when its turn comes. */
void incumbent_enqueue(struct incumbent *inc, struct object *o);
void incumbent_queue_control(struct incumbent *inc, uint8_t flags, uint32_t from, uint32_t to);
/* Takes an item out of the queue in which it is, if any. */
void item_unlink(struct item *it);
/* The whole of the two internal caches into the queue, in the order of the buckets. */
void incumbent_enqueue_all(struct incumbent *inc);

/* ---- incumbent_cache.c ---- */

void cache_init(struct cache *c, size_t limit);
void cache_clear(struct cache *c);
struct object *cache_find_flow(struct cache *c, const struct flow_key *key);
/* NULL if there is no room. */
struct object *cache_add_flow(struct cache *c, const struct flow *f, ms_t now);
/* Merges what the update names; nothing that it lacks goes away. */
void cache_merge_flow(struct object *o, const struct flow *upd, ms_t now);
struct object *cache_find_expect(struct cache *c, const struct expect *e);
struct object *cache_add_expect(struct cache *c, const struct expect *e, ms_t now);
void cache_remove(struct cache *c, struct object *o);
/* ALARM: the object is due then. */
void cache_set_due(struct cache *c, struct object *o, ms_t due);

/* Appends the message that stands for an internal object; false if it does not fit. */
bool object_put(const struct incumbent *inc, const struct object *o, uint8_t flags, uint32_t seq,
    struct wbuf *wb);

/* ---- incumbent_kernel.c ---- */

void incumbent_commit(struct incumbent *inc, ms_t now);
void incumbent_flush_kernel(struct incumbent *inc);
void incumbent_kernel_tick(struct incumbent *inc, ms_t now);
ms_t incumbent_kernel_deadline(const struct incumbent *inc);
void job_free(struct job *job);
/* ALARM: draws when the object is sent again. */
void incumbent_draw_refresh(struct incumbent *inc, struct object *o, ms_t now);

#endif
