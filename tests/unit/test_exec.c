/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec.h"

static void
beside_is_the_same_directory(void **state)
{
	char out[32];

	(void)state;
	assert_true(exec_beside(out, sizeof(out), "/usr/sbin/conntrackd", "conntrackd-x"));
	assert_string_equal(out, "/usr/sbin/conntrackd-x");
	assert_true(exec_beside(out, sizeof(out), "/usr/sbin/conntrackd (deleted)", "x"));
	assert_string_equal(out, "/usr/sbin/x");
	assert_true(exec_beside(out, sizeof(out), "/conntrackd", "x"));
	assert_string_equal(out, "/x");
	assert_false(exec_beside(out, sizeof(out), "(unreachable)/conntrackd", "x"));
	assert_false(exec_beside(out, sizeof(out), "", "x"));
	assert_false(exec_beside(out, 11, "/usr/sbin/conntrackd", "x"));
	assert_true(exec_beside(out, 12, "/usr/sbin/conntrackd", "x"));
}

/* The exit code of a child that becomes `name`, or 100 + the errno that it gets. */
static int
run(const char *name)
{
	char *argv[] = {(char *)name, NULL};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(100 + exec_program(name, argv));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
what_stands_beside_the_program_is_run(void **state)
{
	static const char script[] = "#!/bin/sh\nexit 7\n";
	char self[PATH_MAX] = "", path[PATH_MAX], name[32];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "test-beside-%d", (int)getpid());
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_true(exec_beside(path, sizeof(path), self, name));
	assert_int_equal(run(name), 100 + ENOENT);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	close(fd);
	assert_int_equal(run(name), 7);
	/* That it is there and cannot be run is said, and nothing else is run in its place. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(run(name), 100 + ENOEXEC);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(beside_is_the_same_directory),
	    cmocka_unit_test(what_stands_beside_the_program_is_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
