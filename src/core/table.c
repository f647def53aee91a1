/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <string.h>

/* Widths of the bit fields of an entry. */
enum {
	ID_MASK = (1 << 25) - 1,
	EXT_CLASS_MASK = 7,
	TIMER_MASK = 3,
	QUEUE_MASK = 3,
	BIRTH_MASK = (1 << 24) - 1,
};

/* Half of what an entry can tell of turns of the wheel, so that past and future are not mixed up. */
enum { TIMER_TURNS_MAX = 1 << 30 };

/* ---- how a flow is kept ---- */

#define F(field) offsetof(struct flow, field)
#define SIZE(field) sizeof(((struct flow *)NULL)->field)

/* The rare attributes, in the order in which they stand in an extension. */
static const struct rare_part {
	uint32_t has;    /* one of these bits */
	uint16_t offset; /* in struct flow */
	uint16_t len;
} rare_parts[] = {
    {HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS, F(rare.master), SIZE(rare.master)},
    {HAS_SEQADJ, F(rare.seqadj), SIZE(rare.seqadj)},
    {HAS_SYNPROXY, F(rare.synproxy_its), 3 * SIZE(rare.synproxy_its)},
    {HAS_HELPER, F(rare.helper), SIZE(rare.helper)},
    {HAS_LABELS, F(rare.labels), SIZE(rare.labels)},
};
_Static_assert(F(rare.synproxy_tsoff) == F(rare.synproxy_its) + 2 * SIZE(rare.synproxy_its),
    "SYNPROXY's numbers are one part");

/* What stands before them. */
enum {
	TAILS_LEN = 2 * ADDR_TAIL_LEN,
	REPLY_LEN = 2 * ADDR_HEAD_LEN + SIZE(reply.sport) + SIZE(reply.dport),
	L4_TAIL_LEN = SIZE(l4) - L4_HEAD_LEN,
	EXT_LEN_MAX = 2 * TAILS_LEN + REPLY_LEN + L4_TAIL_LEN + SIZE(rare),
};
_Static_assert(L4_HEAD_LEN >= SIZE(l4.tcp), "a TCP flow needs no extension");
_Static_assert(F(reply.dport) == F(reply.sport) + SIZE(reply.sport), "ports are copied in one piece");

/* None; a mapped IPv4 flow's; an IPv6 flow's; that with a mapping, or one with something rare; all. */
static const uint16_t ext_sizes[EXT_CLASSES] = {0, REPLY_LEN, TAILS_LEN, 64, EXT_LEN_MAX};

/* What follows the addresses of a key. */
enum { KEY_REST_LEN = sizeof(struct flow_key) - offsetof(struct flow_key, sport) };
_Static_assert(KEY_REST_LEN == sizeof(struct key_head) - offsetof(struct key_head, sport),
    "an entry has that as a flow does");

static bool
has_tail(const struct ip_addr *a)
{
	static const uint8_t none[ADDR_TAIL_LEN];

	return memcmp(a->b + ADDR_HEAD_LEN, none, sizeof(none)) != 0;
}

/* Which parts of the flow, next to its rare attributes, does an entry not hold? */
static uint32_t
ext_parts(const struct flow *f)
{
	static const uint8_t none[L4_TAIL_LEN];
	struct flow_reply plain;
	uint32_t has = 0;

	if (has_tail(&f->key.src) || has_tail(&f->key.dst))
		has |= EXT_KEY_TAIL;
	flow_invert(&f->key, &plain);
	if (!flow_reply_equal(&f->reply, &plain)) {
		has |= EXT_REPLY;
		if (has_tail(&f->reply.src) || has_tail(&f->reply.dst))
			has |= EXT_REPLY_TAIL;
	}
	if (memcmp((const uint8_t *)&f->l4 + L4_HEAD_LEN, none, sizeof(none)) != 0)
		has |= EXT_L4;
	return has;
}

/* How long is an extension with these parts and attributes? */
static size_t
ext_len(uint32_t has)
{
	size_t len = 0;

	len += has & EXT_KEY_TAIL ? TAILS_LEN : 0;
	len += has & EXT_REPLY ? REPLY_LEN : 0;
	len += has & EXT_REPLY_TAIL ? TAILS_LEN : 0;
	len += has & EXT_L4 ? L4_TAIL_LEN : 0;
	for (size_t i = 0; (has & HAS_RARE) && i < ARRAY_LEN(rare_parts); i++)
		len += has & rare_parts[i].has ? rare_parts[i].len : 0;
	return len;
}

static uint8_t *
ext_block(const struct table *t, uint32_t class, uint32_t index)
{
	return t->ext[class].blocks + (size_t)index * ext_sizes[class];
}

static void
ext_take(struct table *t, struct entry *e, uint32_t class)
{
	struct ext_pool *pool = &t->ext[class];
	uint32_t index = pool->free;

	if (class == 0)
		return;
	/* As many blocks as entries: there is always one. */
	ASSERT(index != 0 || pool->high < t->limit);
	if (index != 0)
		memcpy(&pool->free, ext_block(t, class, index), sizeof(pool->free));
	else
		index = ++pool->high;
	e->ext = index & ID_MASK;
	e->ext_class = class & EXT_CLASS_MASK;
}

static void
ext_give(struct table *t, struct entry *e)
{
	struct ext_pool *pool = &t->ext[e->ext_class];

	if (e->ext_class == 0)
		return;
	memcpy(ext_block(t, e->ext_class, e->ext), &pool->free, sizeof(pool->free));
	pool->free = e->ext;
	e->ext_class = 0;
}

/* Gives an entry an extension of the smallest class with room for what it has. */
static void
ext_fit(struct table *t, struct entry *e)
{
	size_t len = ext_len(e->f.has);
	uint32_t class = 0;

	while (ext_sizes[class] < len)
		class++;
	if (class == e->ext_class)
		return;
	ext_give(t, e);
	ext_take(t, e, class);
}

/* Copies the next part of an extension, and returns where the one after it is. */
static uint8_t *
put(uint8_t *at, const void *from, size_t len)
{
	memcpy(at, from, len);
	return at + len;
}

static const uint8_t *
take(const uint8_t *at, void *to, size_t len)
{
	memcpy(to, at, len);
	return at + len;
}

static void
ext_store(struct table *t, const struct entry *e, const struct flow *f)
{
	uint8_t *at = ext_block(t, e->ext_class, e->ext);
	uint32_t has = e->f.has;

	if (has & EXT_KEY_TAIL) {
		at = put(at, f->key.src.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
		at = put(at, f->key.dst.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
	}
	if (has & EXT_REPLY) {
		at = put(at, f->reply.src.b, ADDR_HEAD_LEN);
		at = put(at, f->reply.dst.b, ADDR_HEAD_LEN);
		at = put(at, &f->reply.sport, REPLY_LEN - 2 * ADDR_HEAD_LEN);
	}
	if (has & EXT_REPLY_TAIL) {
		at = put(at, f->reply.src.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
		at = put(at, f->reply.dst.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
	}
	if (has & EXT_L4)
		at = put(at, (const uint8_t *)&f->l4 + L4_HEAD_LEN, L4_TAIL_LEN);
	for (size_t i = 0; (has & HAS_RARE) && i < ARRAY_LEN(rare_parts); i++) {
		const struct rare_part *part = &rare_parts[i];

		if (has & part->has)
			at = put(at, (const uint8_t *)f + part->offset, part->len);
	}
}

/* The opposite; of what is not there *f stays as it is. */
static void
ext_load(const struct table *t, const struct entry *e, struct flow *f)
{
	const uint8_t *at = ext_block(t, e->ext_class, e->ext);
	uint32_t has = e->f.has;

	if (has & EXT_KEY_TAIL) {
		at = take(at, f->key.src.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
		at = take(at, f->key.dst.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
	}
	if (has & EXT_REPLY) {
		memset(&f->reply, 0, sizeof(f->reply));
		at = take(at, f->reply.src.b, ADDR_HEAD_LEN);
		at = take(at, f->reply.dst.b, ADDR_HEAD_LEN);
		at = take(at, &f->reply.sport, REPLY_LEN - 2 * ADDR_HEAD_LEN);
	}
	if (has & EXT_REPLY_TAIL) {
		at = take(at, f->reply.src.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
		at = take(at, f->reply.dst.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
	}
	if (has & EXT_L4)
		at = take(at, (uint8_t *)&f->l4 + L4_HEAD_LEN, L4_TAIL_LEN);
	for (size_t i = 0; (has & HAS_RARE) && i < ARRAY_LEN(rare_parts); i++) {
		const struct rare_part *part = &rare_parts[i];

		if (has & part->has)
			at = take(at, (uint8_t *)f + part->offset, part->len);
	}
}

static void
head_store(struct key_head *head, const struct flow_key *key)
{
	memcpy(&head->src, key->src.b, ADDR_HEAD_LEN);
	memcpy(&head->dst, key->dst.b, ADDR_HEAD_LEN);
	memcpy(&head->sport, &key->sport, KEY_REST_LEN);
}

static void
head_load(const struct key_head *head, struct flow_key *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->src.b, &head->src, ADDR_HEAD_LEN);
	memcpy(out->dst.b, &head->dst, ADDR_HEAD_LEN);
	memcpy(&out->sport, &head->sport, KEY_REST_LEN);
}

void
table_load(const struct table *t, uint32_t id, struct flow *out)
{
	static const struct flow_rare no_rare;
	const struct entry *e = &t->entries[id];

	head_load(&e->key, &out->key);
	out->has = entry_has(e);
	out->status = e->f.status;
	out->mark = e->f.mark;
	out->timeout_s = e->f.timeout_s;
	out->id = e->f.id;
	memset(&out->l4, 0, sizeof(out->l4));
	memcpy(&out->l4, e->l4, L4_HEAD_LEN);
	out->rare = no_rare;
	if (e->ext_class != 0)
		ext_load(t, e, out);
	if (!(e->f.has & EXT_REPLY))
		flow_invert(&out->key, &out->reply);
}

void
table_store(struct table *t, uint32_t id, const struct flow *f)
{
	struct entry *e = &t->entries[id];

	e->f.has = (f->has & (HAS_END - 1)) | ext_parts(f);
	e->f.status = f->status;
	e->f.mark = f->mark;
	e->f.timeout_s = f->timeout_s;
	e->f.id = f->id;
	memcpy(e->l4, &f->l4, L4_HEAD_LEN);
	ext_fit(t, e);
	if (e->ext_class != 0)
		ext_store(t, e, f);
}

/* ---- the table, and how a flow in it is found ---- */

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
	size_t count = (size_t)limit + 1, size = align64(count * sizeof(struct entry)) +
	    align64(bucket_count(limit) * sizeof(uint32_t));

	for (size_t i = 0; i < EXT_CLASSES; i++)
		size += align64(count * ext_sizes[i]);
	return size;
}

void
table_init(struct table *t, void *mem, uint32_t limit, const uint64_t secret[2], ms_t now)
{
	size_t count = (size_t)limit + 1;
	uint8_t *p = mem;

	ASSERT(limit > 0 && limit <= 1u << 24);
	memset(t, 0, sizeof(*t));
	t->limit = limit;
	t->entries = (struct entry *)(void *)p;
	p += align64(count * sizeof(struct entry));
	t->buckets = (uint32_t *)(void *)p;
	t->bucket_mask = bucket_count(limit) - 1;
	p += align64(bucket_count(limit) * sizeof(uint32_t));
	for (size_t i = 0; i < EXT_CLASSES; i++) {
		t->ext[i].blocks = p;
		p += align64(count * ext_sizes[i]);
	}
	t->secret[0] = secret[0];
	t->secret[1] = secret[1];
	t->wheel_turn = now.ms / WHEEL_SLOT_MS;
}

/* A key as it is looked for. */
struct sought {
	const struct flow_key *key;
	struct key_head head;
	bool has_tails;
};

static void
sought_init(struct sought *s, const struct flow_key *key)
{
	s->key = key;
	s->has_tails = has_tail(&key->src) || has_tail(&key->dst);
	head_store(&s->head, key);
}

static uint32_t
bucket_of(const struct table *t, const struct sought *s)
{
	uint64_t hash, words[2] = {(uint64_t)s->head.dst << 32 | s->head.src};

	if (s->has_tails) {
		hash = flow_key_hash(s->key, t->secret);
	} else {
		memcpy(&words[1], &s->key->sport, KEY_REST_LEN);
		hash = flow_hash(words, ARRAY_LEN(words), t->secret);
	}
	return (uint32_t)hash & t->bucket_mask;
}

static bool
is_sought(const struct table *t, const struct entry *e, const struct sought *s)
{
	const uint8_t *tails;

	if (e->key.src != s->head.src || e->key.dst != s->head.dst ||
	    memcmp(&e->key.sport, &s->key->sport, KEY_REST_LEN) != 0 ||
	    s->has_tails != ((e->f.has & EXT_KEY_TAIL) != 0))
		return false;
	if (!s->has_tails)
		return true;
	/* They come first in an extension. */
	tails = ext_block(t, e->ext_class, e->ext);
	return memcmp(tails, s->key->src.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN) == 0 &&
	    memcmp(tails + ADDR_TAIL_LEN, s->key->dst.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN) == 0;
}

uint32_t
table_foresee(const struct table *t, const struct flow_key *key)
{
	struct sought s;
	uint32_t bucket;

	sought_init(&s, key);
	bucket = bucket_of(t, &s);
	__builtin_prefetch(&t->buckets[bucket]);
	return bucket;
}

void
table_foresee_entry(const struct table *t, uint32_t bucket)
{
	__builtin_prefetch(&t->entries[t->buckets[bucket]]);
}

static uint32_t
find(const struct table *t, uint32_t bucket, const struct sought *s)
{
	uint32_t id = t->buckets[bucket];

	while (id != ENTRY_NONE && !is_sought(t, &t->entries[id], s))
		id = t->entries[id].hash_next;
	return id;
}

uint32_t
table_find(const struct table *t, const struct flow_key *key)
{
	struct sought s;

	sought_init(&s, key);
	return find(t, bucket_of(t, &s), &s);
}

uint32_t
table_find_in(const struct table *t, uint32_t bucket, const struct flow_key *key)
{
	struct sought s;

	sought_init(&s, key);
	return find(t, bucket, &s);
}

void
table_key(const struct table *t, uint32_t id, struct flow_key *out)
{
	const struct entry *e = &t->entries[id];
	const uint8_t *tails;

	head_load(&e->key, out);
	if (!(e->f.has & EXT_KEY_TAIL))
		return;
	tails = take(ext_block(t, e->ext_class, e->ext), out->src.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
	take(tails, out->dst.b + ADDR_HEAD_LEN, ADDR_TAIL_LEN);
}

uint32_t
table_insert(struct table *t, const struct flow *f, ms_t now)
{
	struct sought s;

	sought_init(&s, &f->key);
	return table_insert_in(t, bucket_of(t, &s), f, now);
}

uint32_t
table_insert_in(struct table *t, uint32_t bucket, const struct flow *f, ms_t now)
{
	uint32_t id = t->free;
	struct entry *e;

	if (id != 0)
		t->free = t->entries[id].hash_next;
	else if (t->high < t->limit)
		id = ++t->high;
	else
		return ENTRY_NONE;
	e = &t->entries[id];
	memset(e, 0, sizeof(*e));
	head_store(&e->key, &f->key);
	e->flags = ENTRY_USED;
	e->peer = PEER_NONE;
	e->birth = ++t->births & BIRTH_MASK;
	e->created_s = ms_second(now);
	entry_set_changed(e, now);
	e->hash_next = t->buckets[bucket];
	t->buckets[bucket] = id;
	t->count++;
	table_store(t, id, f);
	return id;
}

void
table_remove(struct table *t, uint32_t id)
{
	struct entry *e = &t->entries[id];
	struct flow_key key;
	struct sought s;
	uint32_t *link;

	ASSERT(e->flags & ENTRY_USED);
	ASSERT(e->queue == 0);
	table_key(t, id, &key);
	sought_init(&s, &key);
	link = &t->buckets[bucket_of(t, &s)];
	while (*link != id)
		link = &t->entries[*link].hash_next;
	*link = e->hash_next;
	timer_stop(t, id);
	ext_give(t, e);
	if (e->flags & ENTRY_DEAD)
		t->dead--;
	e->flags = 0;
	e->hash_next = t->free;
	t->free = id;
	t->count--;
}

uint32_t
table_next_until(const struct table *t, uint32_t id, uint32_t last)
{
	if (last > t->high)
		last = t->high;
	while (id < last) {
		if (t->entries[++id].flags & ENTRY_USED)
			return id;
	}
	return ENTRY_NONE;
}

uint32_t
table_next(const struct table *t, uint32_t id)
{
	return table_next_until(t, id, t->high);
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

/* ---- queues ---- */

void
queue_push(struct table *t, struct queue *q, uint32_t id)
{
	struct entry *e = &t->entries[id];

	ASSERT(e->queue == 0);
	e->queue = q->id & QUEUE_MASK;
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
	e->queue = q->id & QUEUE_MASK;
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

/* ---- timers ---- */

/* Where the entry's timer is linked. */
static uint32_t *
timer_list(struct table *t, const struct entry *e)
{
	return &t->wheel[e->timer == TIMER_RUN_OUT ? WHEEL_SLOTS : e->t_turn % WHEEL_SLOTS];
}

void
timer_stop(struct table *t, uint32_t id)
{
	struct entry *e = &t->entries[id];

	if (e->timer == TIMER_OFF)
		return;
	if (e->t_prev != ENTRY_NONE)
		t->entries[e->t_prev].t_next = e->t_next;
	else
		*timer_list(t, e) = e->t_next;
	if (e->t_next != ENTRY_NONE)
		t->entries[e->t_next].t_prev = e->t_prev;
	e->timer = TIMER_OFF;
	t->timers--;
}

static void
timer_link(struct table *t, uint32_t id, enum timer_state state)
{
	struct entry *e = &t->entries[id];
	uint32_t *list;

	e->timer = state & TIMER_MASK;
	list = timer_list(t, e);
	e->t_prev = ENTRY_NONE;
	e->t_next = *list;
	if (e->t_next != ENTRY_NONE)
		t->entries[e->t_next].t_prev = id;
	*list = id;
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
	if (turn > t->wheel_turn + TIMER_TURNS_MAX)
		turn = t->wheel_turn + TIMER_TURNS_MAX;
	t->entries[id].t_turn = (uint32_t)turn;
	timer_link(t, id, TIMER_SET);
}

/* How many turns of the wheel after `turn` is that of the entry's timer?  It counts modulo 2^32. */
static int32_t
turns_left(const struct entry *e, int64_t turn)
{
	return (int32_t)(e->t_turn - (uint32_t)turn);
}

ms_t
timer_at(const struct table *t, uint32_t id)
{
	int64_t turn = t->wheel_turn + turns_left(&t->entries[id], t->wheel_turn);

	return (ms_t){(turn + 1) * WHEEL_SLOT_MS};
}

/* Moves what has run out in a slot to the list of such; later rounds of the wheel stay. */
static void
slot_run(struct table *t, uint32_t slot, int64_t turn_now)
{
	uint32_t id = t->wheel[slot];

	while (id != ENTRY_NONE) {
		uint32_t next = t->entries[id].t_next;

		if (turns_left(&t->entries[id], turn_now) < 0) {
			timer_stop(t, id);
			timer_link(t, id, TIMER_RUN_OUT);
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
		slot_run(t, (uint32_t)(t->wheel_turn % WHEEL_SLOTS), turn_now);
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
		return timer_at(t, t->wheel[WHEEL_SLOTS]);
	return (ms_t){(t->wheel_turn + 2) * WHEEL_SLOT_MS};
}
