/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making plans small, with demands that are the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shrink.h"

struct wanted {
	uint64_t dice[3]; /* of acts that must be there, in this order */
	int64_t nodes, latency_ms;
	uint64_t wait_ms; /* before the last of them, from the beginning */
	bool nothing;
	unsigned int asked;
};

static bool
has_what_is_wanted(void *ctx, const struct plan *p)
{
	struct wanted *w = ctx;
	uint64_t wait_ms = 0;
	size_t found = 0;

	w->asked++;
	if (w->nothing || p->nodes < w->nodes || p->latency_ms < w->latency_ms)
		return false;
	for (size_t i = 0; i < p->acts_count && found < 3; i++) {
		wait_ms += p->acts[i].wait_ms;
		found += p->acts[i].dice == w->dice[found];
	}
	return found == 3 && wait_ms >= w->wait_ms;
}

/* A drawn plan of 400 acts that has all there is to be found. */
static void
make(struct plan *p, struct wanted *w)
{
	uint64_t seed = 1;

	*w = (struct wanted){0};
	do
		plan_draw(p, seed++);
	while (p->acts_count != 400 || p->nodes < 3 || p->latency_ms < 20);
	for (size_t i = 0; i < 3; i++) {
		struct act *act = &p->acts[(const size_t[]){7, 201, 202}[i]];

		w->dice[i] = act->dice;
		act->node = act->other = 0;
	}
}

static void
only_what_is_needed_is_left(void **state)
{
	struct wanted w;
	struct shrink s = {.keeps = has_what_is_wanted, .ctx = &w, .plays_max = 3000};
	struct plan p;

	(void)state;
	make(&p, &w);
	shrink_plan(&s, &p);
	assert_true(has_what_is_wanted(&w, &p));
	assert_int_equal(p.acts_count, 3);
	assert_int_equal(p.nodes, 2);
	assert_int_equal(p.tuples, 1);
	assert_int_equal(p.limit, 512);
	assert_int_equal(p.latency_ms, 0);
	assert_int_equal(p.loss_pct, 0);
	assert_true(p.takeover >= 1 && p.takeover <= p.nodes);
	for (size_t i = 0; i < p.acts_count; i++) {
		assert_int_equal(p.acts[i].wait_ms, 0);
		assert_true(p.acts[i].node < p.nodes && p.acts[i].other < p.nodes);
	}
}

static void
what_is_needed_stays(void **state)
{
	struct wanted w;
	struct shrink s = {.keeps = has_what_is_wanted, .ctx = &w, .plays_max = 3000};
	uint64_t sum = 0;
	struct plan p;

	(void)state;
	make(&p, &w);
	w.nodes = 3;
	w.latency_ms = 20;
	w.wait_ms = 1234;
	shrink_plan(&s, &p);
	assert_true(has_what_is_wanted(&w, &p));
	assert_int_equal(p.acts_count, 3);
	assert_int_equal(p.nodes, 3);
	assert_int_equal(p.latency_ms, 20);
	/* Time was kept while acts went, and then made as short as round numbers can be. */
	for (size_t i = 0; i < p.acts_count; i++)
		sum += p.acts[i].wait_ms;
	assert_true(sum >= 1234 && sum <= 10000);
}

static void
a_node_that_goes_takes_its_acts_with_it(void **state)
{
	struct wanted w;
	struct shrink s = {.keeps = has_what_is_wanted, .ctx = &w, .plays_max = 3000};
	struct plan p;

	(void)state;
	make(&p, &w);
	/* All that is needed is between the last node and the first. */
	p.acts[7].node = p.acts[201].other = p.acts[202].node = (uint8_t)(p.nodes - 1);
	p.acts[7].other = p.acts[201].node = p.acts[202].other = 0;
	shrink_plan(&s, &p);
	assert_int_equal(p.nodes, 2);
	assert_int_equal(p.acts_count, 3);
	assert_int_equal(p.acts[0].node, 1);
	assert_int_equal(p.acts[0].other, 0);
	assert_int_equal(p.acts[1].node, 0);
	assert_int_equal(p.acts[1].other, 1);
}

static void
no_more_is_played_than_allowed(void **state)
{
	struct wanted w;
	struct shrink s = {.keeps = has_what_is_wanted, .ctx = &w, .plays_max = 25};
	struct plan p;

	(void)state;
	make(&p, &w);
	shrink_plan(&s, &p);
	assert_int_equal(w.asked, 25);
	assert_int_equal(s.plays, 25);
	assert_true(has_what_is_wanted(&w, &p));
}

static void
a_plan_that_cannot_be_smaller_stays_as_it_is(void **state)
{
	struct wanted w;
	struct shrink s = {.keeps = has_what_is_wanted, .ctx = &w, .plays_max = 10000};
	struct plan p, before;

	(void)state;
	make(&p, &w);
	before = p;
	w.nothing = true;
	shrink_plan(&s, &p);
	assert_memory_equal(&p, &before, sizeof(p));
}

static void
a_plan_without_acts_is_no_trouble(void **state)
{
	struct wanted w;
	struct shrink s = {.keeps = has_what_is_wanted, .ctx = &w, .plays_max = 100};
	struct plan p;

	(void)state;
	make(&p, &w);
	p.acts_count = 0;
	shrink_plan(&s, &p);
	assert_int_equal(p.acts_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_is_needed_is_left),
	    cmocka_unit_test(what_is_needed_stays),
	    cmocka_unit_test(a_node_that_goes_takes_its_acts_with_it),
	    cmocka_unit_test(no_more_is_played_than_allowed),
	    cmocka_unit_test(a_plan_that_cannot_be_smaller_stays_as_it_is),
	    cmocka_unit_test(a_plan_without_acts_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
