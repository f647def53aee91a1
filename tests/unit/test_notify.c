/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "notify.h"

/* A service manager's socket in the abstract namespace, named in the environment. */
static int
manager(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char name[64];
	int len = snprintf(name, sizeof(name), "@notify-test-%d", (int)getpid());

	assert_true(fd >= 0);
	memcpy(addr.sun_path + 1, name + 1, (size_t)len - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static int
set_up(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static void
the_manager_hears_what_is_said(void **state)
{
	int fd = manager();
	struct notify n;
	char buf[128] = "";

	(void)state;
	notify_open(&n);
	notify_send(&n, "READY=1\nMAINPID=%d", 42);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 18);
	assert_string_equal(buf, "READY=1\nMAINPID=42");
	assert_int_equal(n.watchdog_ms, 0);
	notify_close(&n);
	close(fd);
}

static void
without_a_manager_nothing_happens(void **state)
{
	static const char *const names[] = {"", "relative", "/nowhere/at/all", "@"};
	struct notify n;

	(void)state;
	notify_open(&n);
	assert_int_equal(n.fd, -1);
	notify_send(&n, "READY=1");
	notify_close(&n);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify_open(&n);
		assert_int_equal(n.fd, -1);
		assert_int_equal(n.watchdog_ms, 0);
	}
}

static void
the_watchdog_is_fed_in_half_its_time_and_only_by_us(void **state)
{
	int fd = manager();
	struct notify n;
	char pid[16];

	(void)state;
	setenv("WATCHDOG_USEC", "1000000", 1);
	notify_open(&n);
	assert_int_equal(n.watchdog_ms, 500);
	notify_close(&n);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	notify_open(&n);
	assert_int_equal(n.watchdog_ms, 500);
	notify_close(&n);
	setenv("WATCHDOG_PID", "1", 1);
	notify_open(&n);
	assert_int_equal(n.watchdog_ms, 0);
	notify_close(&n);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "12x", 1);
	notify_open(&n);
	assert_int_equal(n.watchdog_ms, 0);
	notify_close(&n);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_manager_hears_what_is_said, set_up),
	    cmocka_unit_test_setup(without_a_manager_nothing_happens, set_up),
	    cmocka_unit_test_setup(the_watchdog_is_fed_in_half_its_time_and_only_by_us, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
