/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table: slab, hash, queues, timer wheel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

enum { LIMIT = 64 };

static const uint64_t secret[2] = {1, 2};

/* A whole number of turns of the wheel, so that tests can say where in a slot they are. */
static const ms_t start = {(int64_t)WHEEL_SLOTS * WHEEL_SLOT_MS * 100};

struct fixture {
	struct table t;
	void *mem;
};

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fx->mem = aligned_alloc(64, table_size(LIMIT));
	assert_non_null(fx->mem);
	memset(fx->mem, 0, table_size(LIMIT));
	table_init(&fx->t, fx->mem, LIMIT, secret, start);
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	free(fx->mem);
	free(fx);
	return 0;
}

static struct flow
flow_no(uint16_t i)
{
	struct flow f;

	flow_init(&f);
	f.key.sport = i;
	flow_invert(&f.key, &f.reply);
	f.mark = i;
	return f;
}

static uint32_t
enter(struct table *t, uint16_t i)
{
	struct flow f = flow_no(i);

	return table_insert(t, &f, start);
}

static uint32_t
find(const struct table *t, uint16_t i)
{
	struct flow f = flow_no(i);

	return table_find(t, &f.key);
}

static void
what_is_entered_is_found_until_it_is_removed(void **state)
{
	struct table *t = *state;
	uint32_t ids[LIMIT];

	for (uint16_t i = 0; i < LIMIT; i++) {
		ids[i] = enter(t, i);
		assert_int_not_equal(ids[i], ENTRY_NONE);
	}
	/* In any order out of the chains, with their neighbours untouched. */
	for (uint16_t k = 0; k < LIMIT; k++) {
		uint16_t gone = (uint16_t)(k * 27 % LIMIT);

		assert_int_equal(find(t, gone), ids[gone]);
		table_remove(t, ids[gone]);
		assert_int_equal(find(t, gone), ENTRY_NONE);
		assert_int_equal(t->count, LIMIT - 1 - k);
		for (uint16_t j = (uint16_t)(k + 1); j < LIMIT; j++)
			assert_int_equal(find(t, (uint16_t)(j * 27 % LIMIT)), ids[j * 27 % LIMIT]);
	}
	assert_int_equal(table_next(t, 0), ENTRY_NONE);
}

static void
a_full_table_takes_nothing_until_something_goes(void **state)
{
	struct table *t = *state;
	uint32_t first = enter(t, 0);

	for (uint16_t i = 1; i < LIMIT; i++)
		enter(t, i);
	assert_int_equal(enter(t, LIMIT), ENTRY_NONE);
	assert_int_equal(t->count, LIMIT);
	table_remove(t, first);
	assert_int_equal(enter(t, LIMIT), first);
	/* Whoever still names the old one can tell. */
	assert_int_equal(table_entry(t, first)->birth, LIMIT + 1);
}

static void
nothing_of_an_entry_stays_for_the_next_one(void **state)
{
	struct table *t = *state;
	struct flow f = flow_no(2);
	uint32_t id = enter(t, 1);
	struct entry *e = table_entry(t, id);

	timer_set(t, id, start);
	table_bury(t, id);
	e->gen = 1;
	e->seq = 2;
	e->resends = 3;
	e->acked = 4;
	e->told_ms = 5;
	e->peer = 6;
	table_remove(t, id);
	assert_int_equal(table_insert(t, &f, ms_add(start, 7000)), id);
	assert_int_equal(e->flags, ENTRY_USED);
	assert_int_equal(e->queue, 0);
	assert_int_equal(e->timer, TIMER_OFF);
	assert_int_equal(e->gen, 0);
	assert_int_equal(e->seq, 0);
	assert_int_equal(e->resends, 0);
	assert_int_equal(e->acked, 0);
	assert_int_equal(e->told_ms, 0);
	assert_int_equal(e->peer, PEER_NONE);
	assert_int_equal(e->created_s, start.ms / 1000 + 7);
	assert_int_equal(entry_changed(e).ms, start.ms + 7000);
}

static void
rare_attributes_come_and_go_with_their_flow(void **state)
{
	struct table *t = *state;
	struct flow f = flow_no(1), got;
	uint32_t id, other;

	f.has = HAS_LABELS;
	memset(f.rare.labels, 0xab, sizeof(f.rare.labels));
	id = table_insert(t, &f, start);
	table_load(t, id, &got);
	assert_memory_equal(&got.rare, &f.rare, sizeof(f.rare));
	assert_int_equal(got.has, f.has);
	/* Taken away, another may have the place, and nothing shines through. */
	f.has = 0;
	table_store(t, id, &f);
	table_load(t, id, &got);
	assert_int_equal(got.rare.labels[0], 0);
	f = flow_no(2);
	f.has = HAS_HELPER;
	other = table_insert(t, &f, start);
	assert_int_equal(t->ext[2].high, 1);
	table_load(t, other, &got);
	assert_int_equal(got.rare.labels[0], 0);
	table_remove(t, other);
	f = flow_no(1);
	f.has = HAS_HELPER;
	table_store(t, id, &f);
	assert_int_equal(t->ext[2].high, 1);
}

/* ---- flows of all kinds, from a seed ---- */

static uint64_t
draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static bool
draw_one_in(uint64_t *seed, unsigned int n)
{
	return draw(seed) % n == 0;
}

static void
draw_bytes(uint64_t *seed, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)draw(seed);
}

/* One of few addresses, of which several begin alike, and some are short, whatever the family. */
static void
draw_addr(uint64_t *seed, uint8_t l3, struct ip_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->b[0] = (uint8_t)(draw(seed) % 2);
	out->b[3] = (uint8_t)(draw(seed) % 2);
	if (l3 == L3_IPV6 && !draw_one_in(seed, 4))
		out->b[4 + draw(seed) % 12] = (uint8_t)(draw(seed) % 2);
}

static void
draw_key(uint64_t *seed, struct flow_key *out)
{
	static const uint8_t protos[] = {L4_TCP, L4_TCP, L4_UDP, L4_ICMP, L4_ICMPV6, L4_SCTP, L4_DCCP,
	    L4_GRE, L4_UDPLITE, 50, 0};
	static const uint8_t families[] = {L3_IPV4, L3_IPV4, L3_IPV6, L3_IPV6, 0};

	memset(out, 0, sizeof(*out));
	out->l3 = families[draw(seed) % ARRAY_LEN(families)];
	out->l4 = protos[draw(seed) % ARRAY_LEN(protos)];
	out->zone = (uint16_t)(draw_one_in(seed, 4) ? draw(seed) : 0);
	draw_addr(seed, out->l3, &out->src);
	draw_addr(seed, out->l3, &out->dst);
	if (flow_l4_has_ports(out->l4) || flow_l4_is_icmp(out->l4) || out->l4 == L4_GRE) {
		out->sport = (uint16_t)draw(seed);
		out->dport = (uint16_t)draw(seed);
	}
}

static void
draw_reply(uint64_t *seed, const struct flow_key *key, struct flow_reply *out)
{
	struct flow_reply other = {.sport = (uint16_t)draw(seed), .dport = (uint16_t)draw(seed)};

	draw_addr(seed, key->l3, &other.src);
	draw_addr(seed, key->l3, &other.dst);
	flow_invert(key, out);
	switch (draw(seed) % 8) {
	case 0: /* told without one */
		memset(out, 0, sizeof(*out));
		break;
	case 1:
		*out = other;
		break;
	case 2:
		out->src = other.src;
		break;
	case 3:
		out->dst = other.dst;
		out->dport = other.dport;
		break;
	case 4:
		out->sport = other.sport;
		break;
	default:
		break;
	}
}

static void
draw_l4(uint64_t *seed, struct flow *f)
{
	switch (f->key.l4) {
	case L4_TCP:
		draw_bytes(seed, &f->l4.tcp, sizeof(f->l4.tcp));
		break;
	case L4_SCTP:
		f->l4.sctp = (struct flow_sctp){(uint8_t)draw(seed), (uint32_t)draw(seed),
		    (uint32_t)draw(seed)};
		break;
	case L4_DCCP:
		f->l4.dccp = (struct flow_dccp){(uint8_t)draw(seed), (uint8_t)draw(seed),
		    draw_one_in(seed, 2) ? draw(seed) : 0};
		break;
	default:
		break;
	}
}

static void
draw_rare(uint64_t *seed, uint32_t has, struct flow_rare *out)
{
	if (has & (HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS))
		draw_bytes(seed, &out->master, sizeof(out->master));
	if (has & HAS_SEQADJ)
		draw_bytes(seed, out->seqadj, sizeof(out->seqadj));
	if (has & HAS_HELPER)
		draw_bytes(seed, out->helper, sizeof(out->helper));
	if (has & HAS_LABELS)
		draw_bytes(seed, out->labels, sizeof(out->labels));
	if (has & HAS_SYNPROXY) {
		out->synproxy_isn = (uint32_t)draw(seed);
		out->synproxy_its = (uint32_t)draw(seed);
		out->synproxy_tsoff = (uint32_t)draw(seed);
	}
}

static struct flow
draw_flow(uint64_t *seed, const struct flow_key *key)
{
	struct flow f;

	flow_init(&f);
	f.key = *key;
	draw_reply(seed, key, &f.reply);
	f.has = (uint32_t)draw(seed) & (HAS_END - 1);
	if (draw_one_in(seed, 2))
		f.has &= (uint32_t)draw(seed) | ~(uint32_t)HAS_RARE;
	if (draw_one_in(seed, 2))
		f.has &= ~(uint32_t)HAS_RARE;
	f.status = (uint32_t)draw(seed);
	f.mark = (uint32_t)draw(seed);
	f.timeout_s = (uint32_t)draw(seed);
	f.id = (uint32_t)draw(seed);
	draw_l4(seed, &f);
	draw_rare(seed, f.has, &f.rare);
	return f;
}

static void
assert_same_flow(const struct flow *a, const struct flow *b)
{
	assert_memory_equal(&a->key, &b->key, sizeof(a->key));
	assert_memory_equal(&a->reply, &b->reply, sizeof(a->reply));
	assert_int_equal(a->has, b->has);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->mark, b->mark);
	assert_int_equal(a->timeout_s, b->timeout_s);
	assert_int_equal(a->id, b->id);
	assert_memory_equal(&a->l4, &b->l4, sizeof(a->l4));
	assert_memory_equal(&a->rare, &b->rare, sizeof(a->rare));
}

static void
every_flow_comes_out_as_it_went_in(void **state)
{
	struct table *t = *state;
	struct flow flows[LIMIT], got;
	uint32_t ids[LIMIT] = {0};
	uint64_t seed = 1;
	struct flow_key key;

	for (unsigned int round = 0; round < 20000; round++) {
		size_t i = draw(&seed) % LIMIT;

		if (ids[i] == ENTRY_NONE) {
			draw_key(&seed, &key);
			if (table_find(t, &key) != ENTRY_NONE)
				continue;
			flows[i] = draw_flow(&seed, &key);
			ids[i] = table_insert(t, &flows[i], start);
		} else if (draw_one_in(&seed, 3)) {
			table_remove(t, ids[i]);
			ids[i] = ENTRY_NONE;
			assert_int_equal(table_find(t, &flows[i].key), ENTRY_NONE);
		} else {
			key = flows[i].key;
			flows[i] = draw_flow(&seed, &key);
			table_store(t, ids[i], &flows[i]);
		}
		/* All others, too, are as they were. */
		for (size_t k = 0; k < LIMIT; k++) {
			if (ids[k] == ENTRY_NONE)
				continue;
			memset(&got, 0xff, sizeof(got));
			table_load(t, ids[k], &got);
			assert_same_flow(&flows[k], &got);
			assert_int_equal(table_find(t, &flows[k].key), ids[k]);
			table_key(t, ids[k], &key);
			assert_memory_equal(&key, &flows[k].key, sizeof(key));
		}
	}
}

/* How many extensions the table has ever had of each class. */
static void
assert_extensions(const struct table *t, uint32_t mapped, uint32_t long_ones, uint32_t others)
{
	assert_int_equal(t->ext[0].high, 0);
	assert_int_equal(t->ext[1].high, mapped);
	assert_int_equal(t->ext[2].high, long_ones);
	assert_int_equal(t->ext[3].high + t->ext[4].high, others);
}

static void
a_flow_takes_no_more_room_than_its_kind_needs(void **state)
{
	struct table *t = *state;
	struct flow f = flow_no(1);

	/* The bytes of one: an entry is 96. */
	assert_in_range((size_t)(t->ext[2].blocks - t->ext[1].blocks) / LIMIT, 12, 13);
	assert_in_range((size_t)(t->ext[3].blocks - t->ext[2].blocks) / LIMIT, 24, 25);
	f.key.l3 = L3_IPV4;
	f.key.src.b[0] = 10;
	f.key.dst.b[0] = 11;
	f.has = HAS_END - 1 - HAS_RARE;
	for (uint8_t proto = 0; proto < 60; proto++) {
		f.key.l4 = proto;
		memset(&f.l4, 0, sizeof(f.l4));
		if (proto == L4_TCP)
			memset(&f.l4.tcp, 0xff, sizeof(f.l4.tcp));
		flow_invert(&f.key, &f.reply);
		assert_int_not_equal(table_insert(t, &f, start), ENTRY_NONE);
	}
	assert_extensions(t, 0, 0, 0);
	f.key.zone = 1;
	f.reply.dst.b[0] = 12;
	table_insert(t, &f, start);
	assert_extensions(t, 1, 0, 0);
	f.key.l3 = L3_IPV6;
	f.key.src.b[15] = 1;
	flow_invert(&f.key, &f.reply);
	table_insert(t, &f, start);
	assert_extensions(t, 1, 1, 0);
	f.key.zone = 2;
	f.reply.dst.b[0] = 13;
	table_insert(t, &f, start);
	assert_extensions(t, 1, 1, 1);
}

/* Enters as many flows as fit that differ in one byte of their key; bit set of the buckets they are in. */
static uint64_t
buckets_used(struct table *t, size_t at)
{
	uint64_t used = 0;
	struct flow f;

	assert_int_equal(t->bucket_mask, 63);

	for (unsigned int i = 0; i < LIMIT; i++) {
		flow_init(&f);
		((uint8_t *)&f.key)[at] = (uint8_t)i;
		assert_int_not_equal(table_insert(t, &f, start), ENTRY_NONE);
	}
	for (uint32_t i = 0; i <= t->bucket_mask; i++)
		used |= t->buckets[i] != ENTRY_NONE ? UINT64_C(1) << i : 0;
	for (uint32_t id = table_next(t, 0); id != ENTRY_NONE; id = table_next(t, id))
		table_remove(t, id);
	return used;
}

static void
whatever_keys_differ_in_spreads_them(void **state)
{
	struct fixture *fx = *state;
	struct table *t = &fx->t;

	/* By chance it would be 40 of the 64; and which ones the secret decides, with both its words. */
	for (size_t at = 0; at < sizeof(struct flow_key); at++) {
		uint64_t used = buckets_used(t, at);

		assert_in_range(__builtin_popcountll(used), 32, LIMIT);
		for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
			uint64_t other[] = {secret[0], secret[1]};

			other[i]++;
			table_init(t, fx->mem, LIMIT, other, start);
			assert_true(buckets_used(t, at) != used);
			table_init(t, fx->mem, LIMIT, secret, start);
		}
	}
}

static void
the_time_of_a_change_is_exact(void **state)
{
	static const int64_t times[] = {0, 1, UINT32_MAX, INT64_C(1) << 32, (INT64_C(1) << 46) - 1};
	struct table *t = *state;
	struct entry *e = table_entry(t, enter(t, 1));

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		e->resends = 3;
		entry_set_changed(e, (ms_t){times[i]});
		assert_true(entry_changed(e).ms == times[i]);
		assert_int_equal(e->resends, 3);
	}
}

static void
the_dead_are_counted_once(void **state)
{
	struct table *t = *state;
	uint32_t a = enter(t, 1), b = enter(t, 2);

	table_bury(t, a);
	table_bury(t, a);
	table_bury(t, b);
	assert_int_equal(t->dead, 2);
	table_revive(t, a);
	table_revive(t, a);
	assert_int_equal(t->dead, 1);
	table_remove(t, b);
	assert_int_equal(t->dead, 0);
	assert_int_equal(t->count, 1);
}

static void
queued(const struct table *t, const struct queue *q, const char *order)
{
	uint32_t id = q->head, prev = ENTRY_NONE;

	assert_int_equal(q->count, strlen(order));
	for (; *order != '\0'; order++) {
		struct flow f;

		assert_int_not_equal(id, ENTRY_NONE);
		table_load(t, id, &f);
		assert_int_equal(f.mark, *order - '0');
		assert_int_equal(table_entry(t, id)->q_prev, prev);
		prev = id;
		id = table_entry(t, id)->q_next;
	}
	assert_int_equal(id, ENTRY_NONE);
	assert_int_equal(q->tail, prev);
}

static void
a_queue_keeps_its_order_whoever_leaves(void **state)
{
	struct table *t = *state;
	struct queue q = {.id = 1};
	uint32_t ids[6];

	for (uint16_t i = 1; i < 6; i++)
		ids[i] = enter(t, i);
	queue_push_front(t, &q, ids[2]);
	queue_push(t, &q, ids[3]);
	queue_push(t, &q, ids[4]);
	queue_push(t, &q, ids[5]);
	queue_push_front(t, &q, ids[1]);
	queued(t, &q, "12345");
	queue_remove(t, &q, ids[3]);
	queued(t, &q, "1245");
	queue_remove(t, &q, ids[1]);
	queued(t, &q, "245");
	queue_remove(t, &q, ids[5]);
	queued(t, &q, "24");
	queue_remove(t, &q, ids[2]);
	queue_remove(t, &q, ids[4]);
	queued(t, &q, "");
	queue_push(t, &q, ids[3]);
	queued(t, &q, "3");
}

/* Runs the clock on; how many timers ran out, the last of them in *id. */
static unsigned int
run_out(struct table *t, int64_t ms, uint32_t *id)
{
	unsigned int count = 0;
	uint32_t one;

	while ((one = timer_expired(t, ms_add(start, ms))) != ENTRY_NONE) {
		*id = one;
		count++;
	}
	return count;
}

static void
a_timer_runs_out_at_its_time_or_a_slot_later(void **state)
{
	static const int64_t after[] = {0, 1, 127, 128, 1000, 65535, 65536, 65537, 200000};
	struct table *t = *state;
	uint32_t id = enter(t, 1), got = ENTRY_NONE;
	int64_t now = 0;

	for (size_t i = 0; i < ARRAY_LEN(after); i++) {
		int64_t due = now + after[i];

		timer_set(t, id, ms_add(start, due));
		assert_int_equal(run_out(t, due - 1, &got), 0);
		assert_int_equal(t->timers, 1);
		now = due + 2 * WHEEL_SLOT_MS;
		assert_int_equal(run_out(t, now, &got), 1);
		assert_int_equal(got, id);
		assert_int_equal(t->timers, 0);
	}
}

/* Whoever is late, or was stopped for an hour: it runs out all the same, and once. */
static void
a_time_that_has_passed_already_runs_out_next(void **state)
{
	struct table *t = *state;
	uint32_t id = enter(t, 1), later = enter(t, 2), got = ENTRY_NONE;

	assert_int_equal(run_out(t, 3600 * 1000, &got), 0);
	timer_set(t, id, start);
	timer_set(t, later, ms_add(start, 2 * 3600 * 1000));
	assert_int_equal(run_out(t, 3600 * 1000 + 3 * WHEEL_SLOT_MS, &got), 1);
	assert_int_equal(got, id);
	assert_int_equal(run_out(t, 3 * 3600 * 1000, &got), 1);
	assert_int_equal(got, later);
}

static void
the_deadline_is_no_later_than_the_next_timer(void **state)
{
	struct table *t = *state;
	uint32_t a = enter(t, 1), b = enter(t, 2), c = enter(t, 3);
	uint32_t got = ENTRY_NONE;
	ms_t due = ms_add(start, 1000);

	assert_int_equal(timer_deadline(t).ms, MS_NEVER.ms);
	timer_set(t, a, due);
	timer_set(t, b, due);
	timer_set(t, c, due);
	while (timer_expired(t, timer_deadline(t)) == ENTRY_NONE)
		assert_true(timer_deadline(t).ms <= due.ms + 2 * WHEEL_SLOT_MS);
	/* Two more wait to be taken: at once. */
	assert_true(timer_deadline(t).ms <= due.ms + WHEEL_SLOT_MS);
	/* One of them is stopped, or set anew, as any other is. */
	timer_stop(t, t->wheel[WHEEL_SLOTS]);
	assert_int_equal(t->timers, 1);
	assert_int_equal(run_out(t, 2000, &got), 1);
	assert_int_equal(timer_deadline(t).ms, MS_NEVER.ms);
	timer_stop(t, got);
}

/* Entries count turns of the wheel modulo 2^32. */
static void
timers_go_on_when_the_count_of_turns_wraps(void **state)
{
	struct table *t = *state;
	ms_t now = {(INT64_C(1) << 32) * WHEEL_SLOT_MS - 1000};
	uint32_t soon = enter(t, 1), later = enter(t, 2);

	while (timer_expired(t, now) != ENTRY_NONE)
		continue;
	timer_set(t, soon, ms_add(now, 500));
	timer_set(t, later, ms_add(now, 100000));
	assert_in_range(timer_at(t, later).ms, now.ms + 100000, now.ms + 100000 + WHEEL_SLOT_MS);
	assert_int_equal(timer_expired(t, ms_add(now, 499)), ENTRY_NONE);
	assert_int_equal(timer_expired(t, ms_add(now, 500 + 2 * WHEEL_SLOT_MS)), soon);
	assert_int_equal(timer_expired(t, ms_add(now, 99999)), ENTRY_NONE);
	assert_in_range(timer_at(t, later).ms, now.ms + 100000, now.ms + 100000 + WHEEL_SLOT_MS);
	assert_int_equal(timer_expired(t, ms_add(now, 100000 + 2 * WHEEL_SLOT_MS)), later);
}

static void
a_timer_for_a_lifetime_does_not_run_out_for_years(void **state)
{
	const int64_t year_ms = INT64_C(365) * 24 * 3600 * 1000;
	struct table *t = *state;
	uint32_t id = enter(t, 1);

	timer_set(t, id, ms_add(start, 40 * year_ms));
	for (int64_t ms = 0; ms < 4 * year_ms; ms += year_ms / 7)
		assert_int_equal(timer_expired(t, ms_add(start, ms)), ENTRY_NONE);
	assert_int_equal(timer_expired(t, ms_add(start, 41 * year_ms)), id);
}

static void
timers_of_one_slot_do_not_stop_each_other(void **state)
{
	struct table *t = *state;
	uint32_t ids[4], got = ENTRY_NONE;

	for (uint16_t i = 0; i < 4; i++) {
		ids[i] = enter(t, i);
		timer_set(t, ids[i], ms_add(start, 1000));
	}
	/* From the middle, the front, by being set anew, by being removed. */
	timer_stop(t, ids[1]);
	timer_set(t, ids[0], ms_add(start, 5000));
	table_remove(t, ids[3]);
	assert_int_equal(run_out(t, 2000, &got), 1);
	assert_int_equal(got, ids[2]);
	assert_int_equal(run_out(t, 6000, &got), 1);
	assert_int_equal(got, ids[0]);
}

int
main(void)
{
#define TABLE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TABLE_TEST(what_is_entered_is_found_until_it_is_removed),
	    TABLE_TEST(a_full_table_takes_nothing_until_something_goes),
	    TABLE_TEST(nothing_of_an_entry_stays_for_the_next_one),
	    TABLE_TEST(rare_attributes_come_and_go_with_their_flow),
	    TABLE_TEST(every_flow_comes_out_as_it_went_in),
	    TABLE_TEST(a_flow_takes_no_more_room_than_its_kind_needs),
	    TABLE_TEST(whatever_keys_differ_in_spreads_them),
	    TABLE_TEST(the_time_of_a_change_is_exact),
	    TABLE_TEST(the_dead_are_counted_once),
	    TABLE_TEST(a_queue_keeps_its_order_whoever_leaves),
	    TABLE_TEST(a_timer_runs_out_at_its_time_or_a_slot_later),
	    TABLE_TEST(a_time_that_has_passed_already_runs_out_next),
	    TABLE_TEST(the_deadline_is_no_later_than_the_next_timer),
	    TABLE_TEST(timers_go_on_when_the_count_of_turns_wraps),
	    TABLE_TEST(a_timer_for_a_lifetime_does_not_run_out_for_years),
	    TABLE_TEST(timers_of_one_slot_do_not_stop_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
