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
	assert_int_equal(t->rare_high, 1);
	table_load(t, other, &got);
	assert_int_equal(got.rare.labels[0], 0);
	table_remove(t, other);
	f = flow_no(1);
	f.has = HAS_HELPER;
	table_store(t, id, &f);
	assert_int_equal(t->rare_high, 1);
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
	assert_int_equal(timer_deadline(t).ms, due.ms);
	/* One of them is stopped, or set anew, as any other is. */
	timer_stop(t, t->wheel[WHEEL_SLOTS]);
	assert_int_equal(t->timers, 1);
	assert_int_equal(run_out(t, 2000, &got), 1);
	assert_int_equal(timer_deadline(t).ms, MS_NEVER.ms);
	timer_stop(t, got);
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
	    TABLE_TEST(rare_attributes_come_and_go_with_their_flow),
	    TABLE_TEST(the_dead_are_counted_once),
	    TABLE_TEST(a_queue_keeps_its_order_whoever_leaves),
	    TABLE_TEST(a_timer_runs_out_at_its_time_or_a_slot_later),
	    TABLE_TEST(a_time_that_has_passed_already_runs_out_next),
	    TABLE_TEST(the_deadline_is_no_later_than_the_next_timer),
	    TABLE_TEST(timers_of_one_slot_do_not_stop_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
