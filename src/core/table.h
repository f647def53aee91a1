/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h: a slab of flows with an open hash over it.
 *
 * Flows are named by index, 1 .. limit; 0 is nobody.  All memory is given at init and every flow has
 * its place from then on, so nothing fails for want of memory but the table itself being full.
 * Entries carry the bookkeeping of the engines that use the table: queue and timer links.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <string.h>

#include "flow.h"

enum { ENTRY_NONE = 0, PEER_NONE = 0xff };

enum entry_flag {
	ENTRY_USED = 1 << 0,
	ENTRY_DEAD = 1 << 1,      /* destroyed, kept until everybody knows */
	ENTRY_UPDATED = 1 << 2,   /* changed since it was entered: goes out as an update */
	ENTRY_ANNOUNCED = 1 << 3, /* peers have (or may have) heard of it */
	ENTRY_LIVE = 1 << 4,      /* the kernel reported it by itself, not only by our own writes */
	ENTRY_COMMITTED = 1 << 5, /* written to the kernel by us */
	ENTRY_FRESH = 1 << 6,     /* peers may still have an earlier flow on this tuple */
	ENTRY_PUT_OFF = 1 << 8,   /* remote: the commit comes back to it after its master */
	ENTRY_OVER = 1 << 7,      /* a peer saw the connection to its end, after our last news of it */
	ENTRY_ENDED = 1 << 10,    /* local: peers are still to hear the end of our flow on this tuple; what
				   * is there now is a copy of a peer's */
	ENTRY_REPLACED = 1 << 11, /* local: we put it in the place of another, of which there may be events
				   * still to be read */
	ENTRY_REWRITE = 1 << 12,  /* remote: to be followed again once the write under way is answered */
	ENTRY_DOUBT = 1 << 13,    /* local: a write was refused that may have been done in part */
	ENTRY_LOOKED = 1 << 14,   /* local: as the kernel showed it when asked; events may be older */
	ENTRY_LESS = 1 << 15,     /* local: written without what the kernel refused */
	ENTRY_RETOLD = 1 << 9,    /* remote: told on request, or at a start: nobody knows how old it is */
};

/* The part of struct flow that every entry holds; the rare block is apart. */
#define FLOW_FIXED_SIZE offsetof(struct flow, rare)

struct entry {
	uint32_t hash_next;
	uint32_t rare;   /* index into the rare blocks, 0: none */
	uint32_t q_prev; /* links of the queue it is in */
	uint32_t q_next;
	uint32_t t_prev; /* links of its timer slot */
	uint32_t t_next;
	uint32_t seq;    /* number it was last sent, or told, with */
	uint32_t gen;    /* generation that last named it */
	uint32_t birth;  /* tells two flows apart that used the same entry */
	uint16_t flags;  /* enum entry_flag */
	uint8_t queue;   /* which queue it is in; 0: none */
	uint8_t peer;    /* remote flows: index of the owner */
	uint8_t acked;   /* bit set of peers that acknowledged seq */
	uint8_t resends; /* ALARM: deletes still to be sent */
	uint16_t t_slot; /* timer slot + 1; 0: no timer */
	union {
		uint32_t timeout_s; /* local flows: the monotonic second that their timeout is of */
		uint32_t told_ms;   /* remote flows: when they were last told, modulo 2^32 */
	};
	ms_t created;
	ms_t changed;    /* last news about it, not counting our own writes */
	ms_t deadline;   /* of its timer */
	uint8_t fixed[FLOW_FIXED_SIZE] __attribute__((aligned(8)));
};

/* A first-in first-out queue of entries of one table. */
struct queue {
	uint8_t id; /* not 0; unique within the table */
	uint32_t head;
	uint32_t tail;
	uint32_t count;
};

enum { WHEEL_SLOTS = 512, WHEEL_SLOT_MS = 128 };

struct table {
	struct entry *entries;  /* [limit + 1], entry 0 unused */
	struct flow_rare *rares; /* [limit + 1] */
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t limit;
	uint32_t high;       /* highest index ever used */
	uint32_t free;       /* list of freed entries, by hash_next */
	uint32_t rare_high;
	uint32_t rare_free;  /* list of freed rare blocks, linked through their first bytes */
	uint32_t count;      /* used entries, dead ones too */
	uint32_t dead;
	uint32_t births;
	uint64_t secret[2];
	uint32_t wheel[WHEEL_SLOTS + 1]; /* first entry of each timer slot; the last: run out */
	uint32_t timers;             /* entries with a timer */
	int64_t wheel_turn;          /* last slot number (not modulo) that was run */
};

/* Bytes of zeroed memory for a table of `limit` flows. */
size_t table_size(uint32_t limit);
void table_init(struct table *t, void *mem, uint32_t limit, const uint64_t secret[2], ms_t now);

static inline struct entry *
table_entry(const struct table *t, uint32_t id)
{
	return &t->entries[id];
}

/* The flow's key, readable in place. */
static inline const struct flow_key *
entry_key(const struct entry *e)
{
	return (const struct flow_key *)(const void *)e->fixed;
}

/* Two more parts of it that are asked for often. */
static inline uint32_t
entry_status(const struct entry *e)
{
	uint32_t status;

	memcpy(&status, e->fixed + offsetof(struct flow, status), sizeof(status));
	return status;
}

static inline uint32_t
entry_timeout(const struct entry *e)
{
	uint32_t timeout_s;

	memcpy(&timeout_s, e->fixed + offsetof(struct flow, timeout_s), sizeof(timeout_s));
	return timeout_s;
}

/* Index of the flow with this key (dead ones too), or ENTRY_NONE. */
uint32_t table_find(const struct table *t, const struct flow_key *key);

/* Enters a flow whose key is not in the table.  ENTRY_NONE if the table is full.  Flags are
 * ENTRY_USED, times are `now`, everything else is zero; peer is PEER_NONE. */
uint32_t table_insert(struct table *t, const struct flow *f, ms_t now);

/* Removes an entry; it must be in no queue.  Its timer is stopped. */
void table_remove(struct table *t, uint32_t id);

void table_load(const struct table *t, uint32_t id, struct flow *out);
/* Stores new content; the key must not have changed. */
void table_store(struct table *t, uint32_t id, const struct flow *f);

/* The first used entry after `id` (start with 0), or ENTRY_NONE. */
uint32_t table_next(const struct table *t, uint32_t id);

/* Marks an entry as destroyed but kept. */
void table_bury(struct table *t, uint32_t id);
/* The opposite, when its flow is reborn. */
void table_revive(struct table *t, uint32_t id);

void queue_push(struct table *t, struct queue *q, uint32_t id);
void queue_push_front(struct table *t, struct queue *q, uint32_t id);
void queue_remove(struct table *t, struct queue *q, uint32_t id);

/* Starts (or restarts) the entry's one timer. */
void timer_set(struct table *t, uint32_t id, ms_t deadline);
void timer_stop(struct table *t, uint32_t id);
/*
 * Takes one entry whose timer has run out by `now` off the wheel and returns it; ENTRY_NONE when
 * there is none.  Call until then.  A timer is late by at most WHEEL_SLOT_MS, never early.
 */
uint32_t timer_expired(struct table *t, ms_t now);
/* When timer_expired() is worth calling again; MS_NEVER without timers. */
ms_t timer_deadline(const struct table *t);

#endif
