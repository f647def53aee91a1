/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pace.h"

enum { START_US = 5 * 1000 * 1000 };

static void
what_comes_after_a_quiet_time_is_taken_at_once(void **state)
{
	struct pace p = {0};

	(void)state;
	assert_false(pace_gathers(&p, START_US));
	/* A few now and then stay so. */
	for (int64_t t = START_US; t < START_US + 100 * PACE_GATHER_US; t += PACE_GATHER_US / 2) {
		pace_taken(&p, t, 1, false);
		assert_false(pace_gathers(&p, t));
	}
	pace_taken(&p, 2 * START_US, PACE_FEW - 1, false);
	assert_false(pace_gathers(&p, 2 * START_US));
}

static void
what_follows_much_gathers_and_never_longer_than_said(void **state)
{
	struct pace p = {0};
	int64_t t = START_US;

	(void)state;
	/* One after the other. */
	for (int i = 0; i < PACE_FEW; i++) {
		t += 10;
		assert_false(pace_gathers(&p, t));
		pace_taken(&p, t, 1, false);
	}
	assert_true(pace_gathers(&p, t));
	assert_int_equal(p.until_us, t + PACE_GATHER_US);
	/* Many at a time, and at once again when it is less. */
	t = p.until_us;
	assert_false(pace_gathers(&p, t));
	pace_taken(&p, t, 20, false);
	assert_int_equal(p.until_us, t + PACE_GATHER_US);
	t = p.until_us;
	pace_taken(&p, t, 2, false);
	assert_false(pace_gathers(&p, t));
}

static void
what_is_there_already_does_not_wait(void **state)
{
	struct pace p = {0};

	(void)state;
	pace_taken(&p, START_US, 100, true);
	assert_false(pace_gathers(&p, START_US));
	/* The rest of it. */
	pace_taken(&p, START_US + 300, 40, false);
	assert_true(pace_gathers(&p, START_US + 300));
	assert_int_equal(p.until_us, START_US + 300 + PACE_GATHER_US);
}

/* Each thing is done when the one before has arrived: the time that it takes is all that there is. */
static void
who_waits_for_us_is_not_kept_waiting(void **state)
{
	const int64_t apart_us = 80;
	struct pace p = {0};
	int64_t t = START_US;
	unsigned int waited = 0, done;

	(void)state;
	for (done = 0; done < 10000; done++) {
		if (pace_gathers(&p, t)) {
			t = p.until_us;
			waited++;
		}
		pace_taken(&p, t, 1, false);
		t += apart_us;
	}
	assert_true(waited > 0 && waited < done / 200);

	/* As much that comes by itself gathers all the time. */
	p = (struct pace){0};
	waited = 0;
	for (done = 0; done < 10000;) {
		unsigned int come = 1;

		if (pace_gathers(&p, t)) {
			come += (unsigned int)((p.until_us - t) / apart_us);
			t = p.until_us;
			waited++;
		}
		pace_taken(&p, t, come, false);
		done += come;
		t += apart_us;
	}
	assert_true(waited > done / 15);
}

static void
after_a_loss_nothing_waits_for_a_while(void **state)
{
	struct pace p = {0};

	(void)state;
	pace_lost(&p, START_US);
	pace_taken(&p, START_US, 100, false);
	assert_false(pace_gathers(&p, START_US));
	pace_taken(&p, START_US + PACE_HASTE_US - 1, 100, false);
	assert_false(pace_gathers(&p, START_US + PACE_HASTE_US - 1));
	pace_taken(&p, START_US + PACE_HASTE_US + PACE_GATHER_US, 100, false);
	assert_true(pace_gathers(&p, START_US + PACE_HASTE_US + PACE_GATHER_US));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_comes_after_a_quiet_time_is_taken_at_once),
	    cmocka_unit_test(what_follows_much_gathers_and_never_longer_than_said),
	    cmocka_unit_test(what_is_there_already_does_not_wait),
	    cmocka_unit_test(who_waits_for_us_is_not_kept_waiting),
	    cmocka_unit_test(after_a_loss_nothing_waits_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
