/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"

struct env {
	char dir[64];
	char path[96];
	char other[96];
};

static int
setup(void **state)
{
	static struct env e;

	snprintf(e.dir, sizeof(e.dir), "/tmp/test_lock.XXXXXX");
	if (mkdtemp(e.dir) == NULL)
		return -1;
	snprintf(e.path, sizeof(e.path), "%s/lock", e.dir);
	snprintf(e.other, sizeof(e.other), "%s/other", e.dir);
	*state = &e;
	return 0;
}

static int
teardown(void **state)
{
	struct env *e = *state;

	unlink(e->path);
	unlink(e->other);
	return rmdir(e->dir);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static const char *
get(const char *path)
{
	static char text[128];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void
the_first_taker_gets_a_private_file_with_its_pid(void **state)
{
	struct env *e = *state;
	mode_t mask = umask(0);
	bool stale = true;
	char pid[24];
	struct stat st;
	int owner, fd;

	fd = lock_take(e->path, &owner, &stale);
	umask(mask);
	assert_true(fd >= 0);
	assert_false(stale);
	assert_int_equal(owner, 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(lock_write_pid(fd), 0);
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	assert_string_equal(get(e->path), pid);
	assert_int_equal(stat(e->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	lock_release(fd, e->path);
	assert_int_equal(access(e->path, F_OK), -1);
	assert_int_equal(errno, ENOENT);
}

static void
the_second_taker_learns_who_was_first(void **state)
{
	struct env *e = *state;
	bool stale;
	int owner, fd;

	fd = lock_take(e->path, &owner, &stale);
	assert_true(fd >= 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EEXIST);
	assert_int_equal(owner, 0); /* no pid written yet */
	assert_int_equal(lock_write_pid(fd), 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EEXIST);
	assert_int_equal(owner, getpid());
	assert_false(stale);
	lock_release(fd, e->path);
	fd = lock_take(e->path, &owner, &stale);
	assert_true(fd >= 0);
	assert_false(stale);
	lock_release(fd, e->path);
}

static void
a_leftover_is_taken_over(void **state)
{
	static const struct {
		const char *text;
		int owner;
	} cases[] = {
	    {"", 0}, /* as conntrackd 1.4 leaves it */
	    {"4711\n", 4711},
	    {"4711", 4711},
	    {"-3\n", 0},
	    {"4711 and more\n", 0},
	    {"99999999999999999999999\n", 0},
	    {"nonsense that is longer than any number could be, and then some\n", 0},
	};
	struct env *e = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool stale = false;
		char pid[24];
		int owner, fd;

		put(e->path, cases[i].text);
		fd = lock_take(e->path, &owner, &stale);
		assert_true(fd >= 0);
		assert_true(stale);
		assert_int_equal(owner, cases[i].owner);
		assert_string_equal(get(e->path), "");
		assert_int_equal(lock_write_pid(fd), 0);
		snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
		assert_string_equal(get(e->path), pid);
		lock_release(fd, e->path);
	}
}

static void
a_killed_holder_leaves_a_leftover(void **state)
{
	struct env *e = *state;
	bool stale = false;
	int owner = 0, fd, status, ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fd = lock_take(e->path, &owner, &stale);
		if (fd < 0 || lock_write_pid(fd) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		alarm(30);
		pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EEXIST);
	assert_int_equal(owner, pid);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	fd = lock_take(e->path, &owner, &stale);
	assert_true(fd >= 0);
	assert_true(stale);
	assert_int_equal(owner, pid);
	lock_release(fd, e->path);
	close(ready[0]);
	close(ready[1]);
}

static void
after_fork_the_child_keeps_the_lock(void **state)
{
	struct env *e = *state;
	bool stale;
	int owner, fd, status, ready[2], quit[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(quit), 0);
	fd = lock_take(e->path, &owner, &stale);
	assert_true(fd >= 0);
	assert_int_equal(lock_write_pid(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(30);
		if (lock_write_pid(fd) < 0 || write(ready[1], "x", 1) != 1 ||
		    read(quit[0], &byte, 1) != 1)
			_exit(1);
		lock_release(fd, e->path);
		_exit(0);
	}
	close(fd);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EEXIST);
	assert_int_equal(owner, pid);
	assert_int_equal(write(quit[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(e->path, F_OK), -1);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(quit[i]);
	}
}

static void
release_leaves_a_file_that_is_not_ours(void **state)
{
	struct env *e = *state;
	bool stale;
	int owner, fd;

	fd = lock_take(e->path, &owner, &stale);
	assert_true(fd >= 0);
	assert_int_equal(unlink(e->path), 0);
	put(e->path, "another daemon's\n");
	lock_release(fd, e->path);
	assert_string_equal(get(e->path), "another daemon's\n");

	fd = lock_take(e->path, &owner, &stale);
	assert_true(fd >= 0);
	assert_int_equal(unlink(e->path), 0);
	lock_release(fd, e->path); /* nothing there: nothing happens */
}

static void
what_cannot_be_a_lock_file_is_refused_and_untouched(void **state)
{
	struct env *e = *state;
	bool stale;
	int owner;

	put(e->other, "precious\n");
	assert_int_equal(symlink(e->other, e->path), 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -ELOOP);
	assert_int_equal(unlink(e->path), 0);
	assert_int_equal(symlink("/nonexistent/lock", e->path), 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -ELOOP);
	assert_int_equal(unlink(e->path), 0);

	assert_int_equal(link(e->other, e->path), 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EPERM);
	assert_int_equal(unlink(e->path), 0);
	assert_string_equal(get(e->other), "precious\n");

	assert_int_equal(mkfifo(e->path, 0600), 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EINVAL);
	assert_int_equal(lock_take(e->dir, &owner, &stale), -EISDIR);
	assert_int_equal(lock_take("/nonexistent/lock", &owner, &stale), -ENOENT);
}

static void
a_file_of_another_user_is_refused(void **state)
{
	struct env *e = *state;
	bool stale;
	int owner;

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	put(e->path, "precious\n");
	assert_int_equal(chown(e->path, 65534, 65534), 0);
	assert_int_equal(lock_take(e->path, &owner, &stale), -EPERM);
	assert_string_equal(get(e->path), "precious\n");
}

/* Takes and releases over and over; exits 1 if ever two hold the lock. */
static void
contend(const struct env *e)
{
	int taken = 0;

	for (int i = 0; i < 20000 && taken < 300; i++) {
		bool stale;
		int owner, inside, fd = lock_take(e->path, &owner, &stale);

		if (fd == -EEXIST || fd == -EAGAIN)
			continue;
		if (fd < 0)
			_exit(2);
		inside = open(e->other, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (inside < 0)
			_exit(1);
		close(inside);
		unlink(e->other);
		lock_release(fd, e->path);
		taken++;
	}
	_exit(taken > 0 ? 0 : 3);
}

static void
never_do_two_hold_the_lock(void **state)
{
	struct env *e = *state;
	pid_t pid[4];

	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			alarm(30);
			contend(e);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		the_first_taker_gets_a_private_file_with_its_pid, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_second_taker_learns_who_was_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_leftover_is_taken_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_killed_holder_leaves_a_leftover, setup, teardown),
	    cmocka_unit_test_setup_teardown(after_fork_the_child_keeps_the_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		release_leaves_a_file_that_is_not_ours, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_cannot_be_a_lock_file_is_refused_and_untouched, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_of_another_user_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(never_do_two_hold_the_lock, setup, teardown),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
