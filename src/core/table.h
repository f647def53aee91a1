/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h: a slab of flows with a hash over it.
 *
 * Flows are named by index, 1 .. limit; 0 is nobody.  All memory is given at init and every flow has
 * its place from then on, so nothing fails for want of memory but the table itself being full.
 * Entries carry the bookkeeping of the engines that use the table: queue and timer links.
 *
 * There may be millions of them, so a flow is kept dense: an entry is what a plain IPv4 flow needs, in
 * two lines of the cache.  What only some flows have is in an extension, a block of the smallest size
 * that holds it: translated addresses, the rest of IPv6 ones, a helper, and so on.
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

/* What of a flow is in its entry's extension, next to what HAS_RARE tells of; beside enum flow_has. */
enum ext_part {
	EXT_KEY_TAIL = HAS_END << 0,   /* the key's addresses are longer than an entry holds */
	EXT_REPLY = HAS_END << 1,      /* the reply tuple is not the inverse of the key */
	EXT_REPLY_TAIL = HAS_END << 2, /* and its addresses are long, too */
	EXT_L4 = HAS_END << 3,         /* more than an entry holds of struct flow's l4 */
	EXT_PARTS = EXT_KEY_TAIL | EXT_REPLY | EXT_REPLY_TAIL | EXT_L4,
};

enum { ADDR_HEAD_LEN = 4, ADDR_TAIL_LEN = 12, L4_HEAD_LEN = 5 };

/* The key of an IPv4 flow, or what an entry holds of any other. */
struct key_head {
	uint32_t src; /* the first bytes of the address, in their order */
	uint32_t dst;
	uint16_t sport;
	uint16_t dport;
	uint16_t zone;
	uint8_t l3;
	uint8_t l4;
};

enum timer_state { TIMER_OFF, TIMER_SET, TIMER_RUN_OUT };

/*
 * The generation is that of a read of the kernel table, or of a peer's full resend, modulo 2^16.  Each
 * that comes to its end leaves no entry of an earlier one; should one be left after 65536 that did not,
 * it passes for a new one until the next does.
 */
struct entry {
	/* All that a search reads comes first, so that it touches one line of the cache. */
	uint32_t hash_next;
	struct key_head key;
	uint32_t ext : 25;      /* index of the extension in the pool of its class */
	uint32_t ext_class : 3; /* 0: none */
	uint32_t timer : 2;     /* enum timer_state */
	uint32_t queue : 2;     /* which queue it is in; 0: none */
	uint16_t flags;         /* enum entry_flag */
	uint16_t gen;           /* generation that last named it */
	uint32_t seq;           /* number it was last sent, or told, with */

	uint64_t changed_ms : 46; /* last news about it, see entry_changed() */
	uint64_t resends : 2;     /* ALARM: deletes still to be sent */
	union {
		uint8_t acked;    /* local flows: bit set of peers that acknowledged seq */
		uint8_t turn;     /* remote flows: when the commit under way comes to it; 0: at once */
	};
	uint8_t l4[L4_HEAD_LEN];
	struct {
		uint32_t has; /* enum flow_has and enum ext_part */
		uint32_t status;
		uint32_t mark;
		uint32_t timeout_s;
		uint32_t id;
	} f;

	union {
		uint32_t timeout_s; /* local flows: the monotonic second that their timeout is of */
		uint32_t told_ms;   /* remote flows: when they were last told, modulo 2^32 */
	};
	uint32_t created_s;     /* monotonic */
	uint32_t birth : 24;    /* tells two flows apart that used the same entry lately */
	uint32_t peer : 8;      /* remote flows: index of the owner */
	uint32_t q_prev;        /* links of the queue it is in */
	uint32_t q_next;
	uint32_t t_prev;        /* links of its timer slot */
	uint32_t t_next;
	uint32_t t_turn;        /* of the wheel in which its timer runs out, modulo 2^32 */
};
_Static_assert(sizeof(struct entry) == 96, "an entry is two lines of the cache, wherever it begins");
_Static_assert(offsetof(struct entry, flags) <= 32, "a search touches the first of them");

/* A first-in first-out queue of entries of one table. */
struct queue {
	uint32_t id; /* 1 to QUEUE_ID_MAX; unique within the table */
	uint32_t head;
	uint32_t tail;
	uint32_t count;
};

enum { QUEUE_ID_MAX = 3, WHEEL_SLOTS = 512, WHEEL_SLOT_MS = 128, EXT_CLASSES = 5 };

/* The extensions of one size. */
struct ext_pool {
	uint8_t *blocks; /* [limit + 1], block 0 unused */
	uint32_t high;   /* highest index ever used */
	uint32_t free;   /* list of freed ones, linked through their first bytes */
};

struct table {
	struct entry *entries;  /* [limit + 1], entry 0 unused */
	struct ext_pool ext[EXT_CLASSES]; /* of class 0 are none */
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t limit;
	uint32_t high;       /* highest index ever used */
	uint32_t free;       /* list of freed entries, by hash_next */
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

/* Parts of the flow that are asked for often. */
static inline uint32_t
entry_has(const struct entry *e)
{
	return e->f.has & ~(uint32_t)EXT_PARTS;
}

static inline uint32_t
entry_status(const struct entry *e)
{
	return e->f.status;
}

static inline uint32_t
entry_timeout(const struct entry *e)
{
	return e->f.timeout_s;
}

/* When there was last news about it, not counting our own writes. */
static inline ms_t
entry_changed(const struct entry *e)
{
	return (ms_t){e->changed_ms};
}

static inline void
entry_set_changed(struct entry *e, ms_t at)
{
	e->changed_ms = (uint64_t)at.ms & ((UINT64_C(1) << 46) - 1);
}

/* Index of the flow with this key (dead ones too), or ENTRY_NONE. */
uint32_t table_find(const struct table *t, const struct flow_key *key);

/* Enters a flow whose key is not in the table.  ENTRY_NONE if the table is full.  Flags are
 * ENTRY_USED, times are `now`, everything else is zero; peer is PEER_NONE. */
uint32_t table_insert(struct table *t, const struct flow *f, ms_t now);

/*
 * A search waits for memory twice: for the bucket, then for the entry.  Who knows some keys before he
 * searches for any has these fetched meanwhile: first the bucket of each, which this returns and which
 * stays the key's, then what is in the buckets.  The other two are as above, with that bucket.
 */
uint32_t table_foresee(const struct table *t, const struct flow_key *key);
void table_foresee_entry(const struct table *t, uint32_t bucket);
uint32_t table_find_in(const struct table *t, uint32_t bucket, const struct flow_key *key);
uint32_t table_insert_in(struct table *t, uint32_t bucket, const struct flow *f, ms_t now);

/* Removes an entry; it must be in no queue.  Its timer is stopped. */
void table_remove(struct table *t, uint32_t id);

/* Of the rare attributes only those that `has` names are kept, everything else as it was stored. */
void table_load(const struct table *t, uint32_t id, struct flow *out);
void table_key(const struct table *t, uint32_t id, struct flow_key *out);
/* Stores new content; the key must not have changed. */
void table_store(struct table *t, uint32_t id, const struct flow *f);

/* The first used entry after `id` (start with 0), or ENTRY_NONE. */
uint32_t table_next(const struct table *t, uint32_t id);
/* The same among those up to `last`. */
uint32_t table_next_until(const struct table *t, uint32_t id, uint32_t last);

/* Marks an entry as destroyed but kept. */
void table_bury(struct table *t, uint32_t id);
/* The opposite, when its flow is reborn. */
void table_revive(struct table *t, uint32_t id);

void queue_push(struct table *t, struct queue *q, uint32_t id);
void queue_push_front(struct table *t, struct queue *q, uint32_t id);
void queue_remove(struct table *t, struct queue *q, uint32_t id);

/* Starts (or restarts) the entry's one timer.  Further off than four years is four years. */
void timer_set(struct table *t, uint32_t id, ms_t deadline);
/* When the timer of this entry, which has one, runs out: WHEEL_SLOT_MS after its deadline at most. */
ms_t timer_at(const struct table *t, uint32_t id);
void timer_stop(struct table *t, uint32_t id);
/*
 * Takes one entry whose timer has run out by `now` off the wheel and returns it; ENTRY_NONE when
 * there is none.  Call until then.  A timer is late by at most WHEEL_SLOT_MS, never early.
 */
uint32_t timer_expired(struct table *t, ms_t now);
/* When timer_expired() is worth calling again; MS_NEVER without timers. */
ms_t timer_deadline(const struct table *t);

#endif
