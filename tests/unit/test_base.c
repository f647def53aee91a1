/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every layer relies on: time, numbers that wrap, ASSERT; and that no counter is left out.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "stats.h"

static void
never_is_later_than_any_time(void **state)
{
	const ms_t now = {1000}, later = ms_add(now, 500);

	(void)state;
	assert_int_equal(ms_since(later, now), 500);
	assert_int_equal(ms_since(now, later), -500);
	assert_int_equal(ms_earlier(now, later).ms, now.ms);
	assert_int_equal(ms_earlier(later, now).ms, now.ms);
	assert_int_equal(ms_earlier(MS_NEVER, later).ms, later.ms);
	/* However long one waits. */
	assert_int_equal(ms_add(MS_NEVER, 500).ms, MS_NEVER.ms);
	assert_int_equal(ms_add(MS_NEVER, -500).ms, MS_NEVER.ms);
	assert_true(ms_reached(later, now));
	assert_true(ms_reached(now, now));
	assert_false(ms_reached(now, later));
	assert_false(ms_reached(later, MS_NEVER));
	assert_int_equal(ms_second((ms_t){1999}), 1);
}

static void
numbers_are_compared_across_their_wrap(void **state)
{
	(void)state;
	assert_true(seq_cmp(5, 4) > 0);
	assert_true(seq_cmp(4, 5) < 0);
	assert_int_equal(seq_cmp(4, 4), 0);
	assert_true(seq_cmp(3, UINT32_MAX - 3) > 0);
	assert_true(seq_cmp(UINT32_MAX - 3, 3) < 0);
}

/* In every build: a daemon that goes on after a mistake of its own deletes live connections. */
static void
a_failed_assertion_ends_the_process(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	ASSERT(1 + 1 == 2);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* No core file. */
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		ASSERT(1 + 1 == 3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
every_counter_has_one_row(void **state)
{
	const struct stats_row *rows;
	size_t count;

	(void)state;
	rows = stats_rows(&count);
	assert_int_equal(count * sizeof(uint64_t), sizeof(struct node_stats));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].offset, i * sizeof(uint64_t));
		assert_true(strlen(rows[i].help) > 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rows[i].name, rows[j].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(never_is_later_than_any_time),
	    cmocka_unit_test(numbers_are_compared_across_their_wrap),
	    cmocka_unit_test(a_failed_assertion_ends_the_process),
	    cmocka_unit_test(every_counter_has_one_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
