/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

/* No wait for an event that is already there may take longer. */
enum { SOON_MS = 2000 };

static int
setup(void **state)
{
	static struct loop l;

	*state = &l;
	return loop_init(&l);
}

static int
teardown(void **state)
{
	loop_close(*state);
	return 0;
}

static void
a_deadline_is_waited_for_and_not_longer(void **state)
{
	struct loop *l = *state;
	ms_t start = loop_now();
	ms_t deadline = ms_add(start, 30);

	loop_begin(l);
	assert_int_equal(loop_wait(l, deadline), 0);
	assert_true(ms_reached(loop_now(), deadline));
	assert_true(ms_since(loop_now(), start) < SOON_MS);
}

static void
a_deadline_may_be_finer_than_a_millisecond(void **state)
{
	struct loop *l = *state;
	int64_t start = loop_now_us();

	for (int i = 1; i <= 20; i++) {
		loop_begin(l);
		assert_int_equal(loop_wait_us(l, start + i * 100), 0);
		assert_true(loop_now_us() >= start + i * 100);
	}
	assert_true(loop_now_us() - start < SOON_MS * 1000);
	/* One that has passed does not wait; far ones do not overflow. */
	loop_begin(l);
	assert_int_equal(loop_wait_us(l, 0), 0);
	assert_int_equal(loop_wait_us(l, INT64_MIN), 0);
	assert_int_equal(ms_to_us(MS_NEVER), INT64_MAX);
	assert_int_equal(ms_to_us((ms_t){INT64_MAX - 1}), INT64_MAX);
	assert_int_equal(ms_to_us((ms_t){INT64_MIN}), 0);
	assert_int_equal(ms_to_us((ms_t){7}), 7000);
}

static void
a_deadline_in_the_past_does_not_wait(void **state)
{
	struct loop *l = *state;
	ms_t start = loop_now();

	loop_begin(l);
	assert_int_equal(loop_wait(l, (ms_t){0}), 0);
	assert_int_equal(loop_wait(l, (ms_t){-5}), 0);
	assert_true(ms_since(loop_now(), start) < SOON_MS);
}

static void
only_the_ready_descriptor_is_reported(void **state)
{
	struct loop *l = *state;
	int a[2], b[2], ia, ib, none;

	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	assert_int_equal(write(b[1], "x", 1), 1);
	loop_begin(l);
	ia = loop_add(l, a[0], POLLIN);
	none = loop_add(l, -1, POLLIN);
	ib = loop_add(l, b[0], POLLIN);
	assert_int_equal(loop_wait(l, ms_add(loop_now(), SOON_MS)), 0);
	assert_int_equal(loop_events(l, ia), 0);
	assert_int_equal(loop_events(l, none), 0);
	assert_int_equal(loop_events(l, ib), POLLIN);
	assert_int_equal(loop_events(l, -1), 0);

	/* Without a deadline readiness alone ends the wait. */
	assert_int_equal(loop_wait(l, MS_NEVER), 0);
	assert_int_equal(loop_events(l, ib), POLLIN);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void
signals_arrive_as_data_and_end_a_wait(void **state)
{
	struct loop *l = *state;
	int seen[3];
	ms_t start = loop_now();

	assert_int_equal(loop_signal(l), 0);
	raise(SIGUSR1);
	raise(SIGHUP);
	raise(SIGTERM);
	loop_begin(l);
	assert_int_equal(loop_wait(l, ms_add(start, 2 * SOON_MS)), 0);
	assert_true(ms_since(loop_now(), start) < SOON_MS);
	for (int i = 0; i < 3; i++)
		seen[i] = loop_signal(l);
	/* The kernel hands out the lowest number first. */
	assert_int_equal(seen[0], SIGHUP);
	assert_int_equal(seen[1], SIGUSR1);
	assert_int_equal(seen[2], SIGTERM);
	assert_int_equal(loop_signal(l), 0);
}

static void
the_end_of_a_child_arrives_as_a_signal(void **state)
{
	struct loop *l = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(7);
	loop_begin(l);
	assert_int_equal(loop_wait(l, ms_add(loop_now(), SOON_MS)), 0);
	assert_int_equal(loop_signal(l), SIGCHLD);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void
a_forked_process_gets_its_own_signals(void **state)
{
	struct loop *l = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		raise(SIGUSR2);
		loop_begin(l);
		loop_wait(l, ms_add(loop_now(), SOON_MS));
		_exit(loop_signal(l) == SIGUSR2 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* What was meant for the child has not reached us; its end has. */
	loop_begin(l);
	assert_int_equal(loop_wait(l, ms_add(loop_now(), SOON_MS)), 0);
	assert_int_equal(loop_signal(l), SIGCHLD);
	assert_int_equal(loop_signal(l), 0);
}

static void
writing_to_a_closed_pipe_is_an_error_and_not_the_end(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	assert_int_equal(write(p[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(p[1]);
}

static void
a_full_set_refuses_and_the_next_turn_starts_anew(void **state)
{
	struct loop *l = *state;
	int added = 0;

	loop_begin(l);
	for (int i = 0; i < LOOP_FDS_MAX + 10; i++) {
		if (loop_add(l, -1, POLLIN) >= 0)
			added++;
	}
	assert_int_equal(added, LOOP_FDS_MAX - 1); /* one is for the signals */
	assert_int_equal(loop_add(l, -1, POLLIN), -1);
	assert_int_equal(loop_wait(l, loop_now()), 0);
	loop_begin(l);
	assert_true(loop_add(l, -1, POLLIN) >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_deadline_is_waited_for_and_not_longer, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_deadline_may_be_finer_than_a_millisecond, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_deadline_in_the_past_does_not_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_the_ready_descriptor_is_reported, setup, teardown),
	    cmocka_unit_test_setup_teardown(signals_arrive_as_data_and_end_a_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		the_end_of_a_child_arrives_as_a_signal, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_forked_process_gets_its_own_signals, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		writing_to_a_closed_pipe_is_an_error_and_not_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_full_set_refuses_and_the_next_turn_starts_anew, setup, teardown),
	};

	/* Nothing here may hang a test run: ALRM is not among the blocked signals. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
