/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"

/* No request is ever sent here. */
static const struct ctl_ops no_ops;

struct world {
	char dir[64];
	char path[80];
	struct ctl *ctl;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/test_ctl.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/s", w->dir);
	assert_int_equal(ctl_open(&w->ctl, w->path, CTL_NO_GROUP, &no_ops), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	/* What a test that failed half-way may have left. */
	static const char *const names[] = {"s", "stale", "full", "file", "target"};
	struct world *w = *state;
	char path[100];

	ctl_close(w->ctl);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	rmdir(w->dir);
	free(w);
	return 0;
}

/* Somebody answers at the path. */
static void
dial(struct world *w)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, w->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
}

/* ctl.c refers to the loop; no turn is made here. */
int
loop_add(struct loop *l, int fd, short events)
{
	(void)l;
	(void)fd;
	(void)events;
	return -1;
}

short
loop_events(const struct loop *l, int index)
{
	(void)l;
	(void)index;
	return 0;
}

static void
the_socket_is_private_whatever_the_umask(void **state)
{
	struct world *w = *state;
	mode_t old = umask(0);
	struct stat st;

	ctl_close(w->ctl);
	assert_int_equal(ctl_open(&w->ctl, w->path, CTL_NO_GROUP, &no_ops), 0);
	assert_int_equal(umask(old), 0);
	assert_int_equal(lstat(w->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	ctl_close(w->ctl);
	assert_int_equal(lstat(w->path, &st), -1);
	assert_int_equal(ctl_open(&w->ctl, w->path, CTL_NO_GROUP, &no_ops), 0);
}

static void
a_leftover_socket_is_replaced_and_a_living_one_is_not(void **state)
{
	struct world *w = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctl *other = NULL;
	char path[100];
	int fd;

	assert_int_equal(ctl_open(&other, w->path, CTL_NO_GROUP, &no_ops), -EADDRINUSE);
	dial(w);
	snprintf(path, sizeof(path), "%s/stale", w->dir);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(ctl_open(&other, path, CTL_NO_GROUP, &no_ops), 0);
	ctl_close(other);
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_socket_whose_backlog_is_full_is_alive(void **state)
{
	struct world *w = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctl *other = NULL;
	char path[100];
	int fd, waiting[4];

	snprintf(path, sizeof(path), "%s/full", w->dir);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(waiting[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	assert_int_equal(ctl_open(&other, path, CTL_NO_GROUP, &no_ops), -EADDRINUSE);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		close(waiting[i]);
	close(fd);
	unlink(path);
}

static void
what_is_not_a_socket_is_left_alone(void **state)
{
	struct world *w = *state;
	struct ctl *other = NULL;
	struct stat st;
	char path[100], target[100];
	int fd;

	snprintf(path, sizeof(path), "%s/file", w->dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "data", 4), 4);
	close(fd);
	assert_int_equal(ctl_open(&other, path, CTL_NO_GROUP, &no_ops), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	unlink(path);
	/* A symbolic link to where nothing is, as somebody might leave in /tmp. */
	snprintf(target, sizeof(target), "%s/target", w->dir);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(ctl_open(&other, path, CTL_NO_GROUP, &no_ops), -EEXIST);
	assert_int_equal(lstat(target, &st), -1);
	assert_int_equal(lstat(path, &st), 0);
	unlink(path);
	/* And to a living socket. */
	assert_int_equal(symlink(w->path, path), 0);
	assert_int_equal(ctl_open(&other, path, CTL_NO_GROUP, &no_ops), -EEXIST);
	unlink(path);
	assert_int_equal(ctl_open(&other, "/nonexistent/dir/s", CTL_NO_GROUP, &no_ops), -ENOENT);
	assert_int_equal(ctl_open(&other, "", CTL_NO_GROUP, &no_ops), -EINVAL);
}

static void
a_path_that_does_not_fit_is_refused(void **state)
{
	struct ctl *other = NULL;
	char path[200];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[108] = '\0';
	assert_int_equal(ctl_open(&other, path, CTL_NO_GROUP, &no_ops), -ENAMETOOLONG);
	assert_null(other);
}

static void
only_our_own_socket_is_removed(void **state)
{
	struct world *w = *state;
	struct ctl *first = w->ctl;
	struct stat st;

	/* Somebody cleans up behind us, and somebody else takes the name. */
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(ctl_open(&w->ctl, w->path, CTL_NO_GROUP, &no_ops), 0);
	ctl_close(first);
	assert_int_equal(lstat(w->path, &st), 0);
	dial(w);
}

/* The socket is given to a group, if we may. */
static void
a_group_gets_the_socket_and_nobody_else_does(void **state)
{
	const gid_t group = 4711;
	struct world *w = *state;
	mode_t old = umask(0);
	struct ctl *other = NULL;
	struct stat st;
	char path[100];

	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof(path), "%s/stale", w->dir);
	assert_int_equal(ctl_open(&other, path, group, &no_ops), 0);
	assert_int_equal(umask(old), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	assert_int_equal(st.st_gid, group);
	assert_int_equal(st.st_uid, 0);
	ctl_close(other);
	/* A link in its place is no socket: nothing behind it changes. */
	assert_int_equal(symlink(w->path, path), 0);
	assert_int_equal(ctl_open(&other, path, group, &no_ops), -EEXIST);
	assert_int_equal(lstat(w->path, &st), 0);
	assert_int_equal(st.st_gid, getegid());
	unlink(path);
	/* Who may not give it away leaves no socket of another mode behind. */
	assert_int_equal(chown(w->dir, 65534, (gid_t)-1), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(ctl_open(&other, path, group, &no_ops), -EPERM);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(lstat(path, &st), -1);
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_WORLD(the_socket_is_private_whatever_the_umask),
	    WITH_WORLD(a_leftover_socket_is_replaced_and_a_living_one_is_not),
	    WITH_WORLD(a_socket_whose_backlog_is_full_is_alive),
	    WITH_WORLD(what_is_not_a_socket_is_left_alone),
	    WITH_WORLD(a_path_that_does_not_fit_is_refused),
	    WITH_WORLD(only_our_own_socket_is_removed),
	    WITH_WORLD(a_group_gets_the_socket_and_nobody_else_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
