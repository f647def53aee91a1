/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"

static const struct history_facts nothing;

static ms_t
at(int64_t ms)
{
	return (ms_t){ms};
}

static struct history h;

static int
begin(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	return 0;
}

static void
the_newest_stay(void **state)
{
	(void)state;
	assert_int_equal(history_first(&h), 0);
	for (int i = 0; i < HISTORY_MAX + 3; i++)
		history_put(&h, HISTORY_COMMAND, &nothing, "x", i, at(i));
	assert_int_equal(h.count, HISTORY_MAX + 3);
	assert_int_equal(history_first(&h), 3);
	assert_int_equal(history_at(&h, 3)->wall_ms, 3);
	assert_int_equal(history_at(&h, HISTORY_MAX + 2)->wall_ms, HISTORY_MAX + 2);
}

static void
what_others_cause_is_counted(void **state)
{
	const struct peer_addr one = {.l3 = 2, .addr.b = {1}}, two = {.l3 = 2, .addr.b = {2}};
	struct history_facts facts = {.peer = &one, .counted = true, .flows = 1};

	(void)state;
	history_put(&h, HISTORY_PEER_RESTARTED, &facts, "first", 1, at(1000));
	facts.flows = 2;
	history_put(&h, HISTORY_PEER_RESTARTED, &facts, "second", 2, at(1000 + HISTORY_REPEAT_MS - 1));
	assert_int_equal(h.count, 1);
	assert_int_equal(history_at(&h, 0)->times, 2);
	assert_int_equal(history_at(&h, 0)->wall_ms, 1);
	assert_int_equal(history_at(&h, 0)->last.ms, 1000 + HISTORY_REPEAT_MS - 1);
	assert_int_equal(history_at(&h, 0)->facts.flows, 2);
	assert_string_equal(history_at(&h, 0)->text, "second");
	/* Another peer, nobody's, another code, and later: each a new one. */
	facts.peer = &two;
	history_put(&h, HISTORY_PEER_RESTARTED, &facts, "two", 3, at(1100));
	history_put(&h, HISTORY_PEER_RESTARTED, &nothing, "nobody", 3, at(1100));
	history_put(&h, HISTORY_PEER_NEW, &facts, "new", 3, at(1100));
	assert_int_equal(h.count, 4);
	facts.peer = &one;
	history_put(&h, HISTORY_PEER_RESTARTED, &facts, "later", 4, at(1000 + HISTORY_REPEAT_MS));
	assert_int_equal(h.count, 5);
}

static void
orders_are_not_counted_together(void **state)
{
	(void)state;
	history_put(&h, HISTORY_COMMIT, &nothing, "x", 1, at(1));
	history_put(&h, HISTORY_COMMIT, &nothing, "x", 1, at(1));
	assert_int_equal(h.count, 2);
}

static void
long_text_is_cut(void **state)
{
	char text[2 * HISTORY_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	history_put(&h, HISTORY_ROLE, &nothing, text, 1, at(1));
	assert_int_equal(strlen(history_at(&h, 0)->text), HISTORY_TEXT_MAX - 1);
}

static void
every_code_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < HISTORY_CODE_COUNT; i++) {
		assert_non_null(history_name((enum history_code)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(history_name((enum history_code)i),
			    history_name((enum history_code)k));
	}
	assert_string_equal(history_name(HISTORY_CODE_COUNT), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_newest_stay, begin),
	    cmocka_unit_test_setup(what_others_cause_is_counted, begin),
	    cmocka_unit_test_setup(orders_are_not_counted_together, begin),
	    cmocka_unit_test_setup(long_text_is_cut, begin),
	    cmocka_unit_test_setup(every_code_has_a_name, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
