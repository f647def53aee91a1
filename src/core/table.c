/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <string.h>

_Static_assert(offsetof(struct flow, key) == 0, "entry_key() reads the key at the start");

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

/* One bucket per flow at the limit, rounded up: chains stay short whatever HashSize says. */
static uint32_t
bucket_count(uint32_t limit)
{
	uint32_t n = 64;

	while (n < limit)
		n *= 2;
	return n;
}

size_t
table_size(uint32_t limit)
{
	return align64((size_t)(limit + 1) * sizeof(struct entry)) +
	    align64((size_t)(limit + 1) * sizeof(struct flow_rare)) +
	    align64((size_t)bucket_count(limit) * sizeof(uint32_t));
}

void
table_init(struct table *t, void *mem, uint32_t limit, const uint64_t secret[2], ms_t now)
{
	uint8_t *p = mem;

	ASSERT(limit > 0 && limit <= 1u << 24);
	memset(t, 0, sizeof(*t));
	t->limit = limit;
	t->entries = (struct entry *)(void *)p;
	p += align64((size_t)(limit + 1) * sizeof(struct entry));
	t->rares = (struct flow_rare *)(void *)p;
	p += align64((size_t)(limit + 1) * sizeof(struct flow_rare));
	t->buckets = (uint32_t *)(void *)p;
	t->bucket_mask = bucket_count(limit) - 1;
	t->secret[0] = secret[0];
	t->secret[1] = secret[1];
	t->wheel_turn = now.ms / WHEEL_SLOT_MS;
}

static uint32_t *
bucket_of(const struct table *t, const struct flow_key *key)
{
	return &t->buckets[(uint32_t)flow_key_hash(key, t->secret) & t->bucket_mask];
}

uint32_t
table_find(const struct table *t, const struct flow_key *key)
{
	uint32_t id = *bucket_of(t, key);

	while (id != ENTRY_NONE && !flow_key_equal(entry_key(&t->entries[id]), key))
		id = t->entries[id].hash_next;
	return id;
}

static uint32_t
rare_take(struct table *t)
{
	uint32_t r = t->rare_free;

	if (r != 0) {
		memcpy(&t->rare_free, &t->rares[r], sizeof(t->rare_free));
		return r;
	}
	/* As many blocks as entries: there is always one. */
	ASSERT(t->rare_high < t->limit);
	return ++t->rare_high;
}

static void
rare_give(struct table *t, uint32_t r)
{
	memcpy(&t->rares[r], &t->rare_free, sizeof(t->rare_free));
	t->rare_free = r;
}

void
table_load(const struct table *t, uint32_t id, struct flow *out)
{
	const struct entry *e = &t->entries[id];

	memcpy(out, e->fixed, FLOW_FIXED_SIZE);
	if (e->rare != 0)
		out->rare = t->rares[e->rare];
	else
		memset(&out->rare, 0, sizeof(out->rare));
}

void
table_store(struct table *t, uint32_t id, const struct flow *f)
{
	struct entry *e = &t->entries[id];
	bool rare = f->has & HAS_RARE;

	memcpy(e->fixed, f, FLOW_FIXED_SIZE);
	if (rare && e->rare == 0)
		e->rare = rare_take(t);
	if (rare)
		t->rares[e->rare] = f->rare;
	if (!rare && e->rare != 0) {
		rare_give(t, e->rare);
		e->rare = 0;
	}
}

uint32_t
table_insert(struct table *t, const struct flow *f, ms_t now)
{
	uint32_t *bucket = bucket_of(t, &f->key);
	uint32_t id = t->free;
	struct entry *e;

	if (id != 0)
		t->free = t->entries[id].hash_next;
	else if (t->high < t->limit)
		id = ++t->high;
	else
		return ENTRY_NONE;
	e = &t->entries[id];
	memset(e, 0, offsetof(struct entry, fixed));
	e->flags = ENTRY_USED;
	e->peer = PEER_NONE;
	e->birth = ++t->births;
	e->created = now;
	e->changed = now;
	e->hash_next = *bucket;
	*bucket = id;
	t->count++;
	table_store(t, id, f);
	return id;
}

void
table_remove(struct table *t, uint32_t id)
{
	struct entry *e = &t->entries[id];
	uint32_t *link = bucket_of(t, entry_key(e));

	ASSERT(e->flags & ENTRY_USED);
	ASSERT(e->queue == 0);
	while (*link != id)
		link = &t->entries[*link].hash_next;
	*link = e->hash_next;
	timer_stop(t, id);
	if (e->rare != 0)
		rare_give(t, e->rare);
	if (e->flags & ENTRY_DEAD)
		t->dead--;
	e->rare = 0;
	e->flags = 0;
	e->hash_next = t->free;
	t->free = id;
	t->count--;
}

uint32_t
table_next(const struct table *t, uint32_t id)
{
	while (id < t->high) {
		if (t->entries[++id].flags & ENTRY_USED)
			return id;
	}
	return ENTRY_NONE;
}

void
table_bury(struct table *t, uint32_t id)
{
	struct entry *e = &t->entries[id];

	if (!(e->flags & ENTRY_DEAD))
		t->dead++;
	e->flags |= ENTRY_DEAD;
}

void
table_revive(struct table *t, uint32_t id)
{
	struct entry *e = &t->entries[id];

	if (e->flags & ENTRY_DEAD)
		t->dead--;
	e->flags = (uint16_t)(e->flags & ~ENTRY_DEAD);
}

void
queue_push(struct table *t, struct queue *q, uint32_t id)
{
	struct entry *e = &t->entries[id];

	ASSERT(e->queue == 0);
	e->queue = q->id;
	e->q_prev = q->tail;
	e->q_next = ENTRY_NONE;
	if (q->tail != ENTRY_NONE)
		t->entries[q->tail].q_next = id;
	else
		q->head = id;
	q->tail = id;
	q->count++;
}

void
queue_push_front(struct table *t, struct queue *q, uint32_t id)
{
	struct entry *e = &t->entries[id];

	ASSERT(e->queue == 0);
	e->queue = q->id;
	e->q_prev = ENTRY_NONE;
	e->q_next = q->head;
	if (q->head != ENTRY_NONE)
		t->entries[q->head].q_prev = id;
	else
		q->tail = id;
	q->head = id;
	q->count++;
}

void
queue_remove(struct table *t, struct queue *q, uint32_t id)
{
	struct entry *e = &t->entries[id];

	ASSERT(e->queue == q->id);
	if (e->q_prev != ENTRY_NONE)
		t->entries[e->q_prev].q_next = e->q_next;
	else
		q->head = e->q_next;
	if (e->q_next != ENTRY_NONE)
		t->entries[e->q_next].q_prev = e->q_prev;
	else
		q->tail = e->q_prev;
	e->queue = 0;
	q->count--;
}

void
timer_stop(struct table *t, uint32_t id)
{
	struct entry *e = &t->entries[id];

	if (e->t_slot == 0)
		return;
	if (e->t_prev != ENTRY_NONE)
		t->entries[e->t_prev].t_next = e->t_next;
	else
		t->wheel[e->t_slot - 1] = e->t_next;
	if (e->t_next != ENTRY_NONE)
		t->entries[e->t_next].t_prev = e->t_prev;
	e->t_slot = 0;
	t->timers--;
}

static void
timer_link(struct table *t, uint32_t id, uint32_t slot)
{
	struct entry *e = &t->entries[id];

	e->t_slot = (uint16_t)(slot + 1);
	e->t_prev = ENTRY_NONE;
	e->t_next = t->wheel[slot];
	if (e->t_next != ENTRY_NONE)
		t->entries[e->t_next].t_prev = id;
	t->wheel[slot] = id;
	t->timers++;
}

void
timer_set(struct table *t, uint32_t id, ms_t deadline)
{
	/* A slot is run when it is over: a timer is late by at most one slot, never early. */
	int64_t turn = deadline.ms / WHEEL_SLOT_MS;

	timer_stop(t, id);
	if (turn <= t->wheel_turn)
		turn = t->wheel_turn + 1;
	t->entries[id].deadline = deadline;
	timer_link(t, id, (uint32_t)(turn % WHEEL_SLOTS));
}

/* Moves what has run out in a slot to the list of such; later rounds of the wheel stay. */
static void
slot_run(struct table *t, uint32_t slot, ms_t now)
{
	uint32_t id = t->wheel[slot];

	while (id != ENTRY_NONE) {
		uint32_t next = t->entries[id].t_next;

		if (ms_reached(now, t->entries[id].deadline)) {
			timer_stop(t, id);
			timer_link(t, id, WHEEL_SLOTS);
		}
		id = next;
	}
}

uint32_t
timer_expired(struct table *t, ms_t now)
{
	int64_t turn_now = now.ms / WHEEL_SLOT_MS;
	uint32_t id = t->wheel[WHEEL_SLOTS];

	/* After a long pause one turn of the wheel sees every slot. */
	if (turn_now - t->wheel_turn > WHEEL_SLOTS + 1)
		t->wheel_turn = turn_now - WHEEL_SLOTS - 1;
	while (id == ENTRY_NONE && t->wheel_turn + 1 < turn_now) {
		t->wheel_turn++;
		slot_run(t, (uint32_t)(t->wheel_turn % WHEEL_SLOTS), now);
		id = t->wheel[WHEEL_SLOTS];
	}
	if (id != ENTRY_NONE)
		timer_stop(t, id);
	return id;
}

ms_t
timer_deadline(const struct table *t)
{
	if (t->timers == 0)
		return MS_NEVER;
	if (t->wheel[WHEEL_SLOTS] != ENTRY_NONE)
		return t->entries[t->wheel[WHEEL_SLOTS]].deadline;
	return (ms_t){(t->wheel_turn + 2) * WHEEL_SLOT_MS};
}
