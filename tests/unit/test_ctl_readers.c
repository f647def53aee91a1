/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients of a group, who may look and not command.  Credentials are those of who connects. */
#include "ctl_world.h"

enum { READERS = 4711, READER = 4712, STRANGER = 4713 };

/* The world anew, with a socket for a group; false if that takes more than we have. */
static bool
open_for_readers(struct world *w)
{
	struct ctl_ops ops = owner_ops(w);

	if (geteuid() != 0)
		return false;
	ctl_close(w->ctl);
	assert_int_equal(chmod(w->dir, 0711), 0);
	assert_int_equal(ctl_open(&w->ctl, w->path, READERS, &ops), 0);
	return true;
}

static void
become(uid_t user, gid_t group)
{
	/* Back to root first: who is somebody else cannot change. */
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(group), 0);
	assert_int_equal(seteuid(user), 0);
}

/* What ask() does, by that user.  Whose credentials count is found out when the client connects. */
static int
ask_as(struct world *w, uid_t user, gid_t group, uint32_t number)
{
	int fd;

	become(user, group);
	fd = ask(w, number);
	become(0, 0);
	return fd;
}

static void
readers_may_ask_but_not_command(void **state)
{
	static const char stats[] = "\1\0\0\20some statistics\n\3\0\0\1\0";
	static const char text[] =
	    "not permitted: only root and the user that the daemon runs as may command\n";
	struct world *w = *state;
	char want[128] = {2, 0, 0, sizeof(text) - 1};
	size_t len = 4 + sizeof(text) - 1;
	int fd;

	if (!open_for_readers(w))
		skip();
	memcpy(want + 4, text, sizeof(text) - 1);
	memcpy(want + len, "\3\0\0\1\1", 5);
	fd = ask_as(w, READER, READERS, CTL_STATS | CTL_FRAMED);
	turns(w, 10);
	expect_bytes(fd, stats, sizeof(stats) - 1);
	expect_end(fd);
	for (uint32_t number = 0; number <= CTL_DUMP_EXTERNAL_EXP_XML; number++) {
		uint32_t before = w->requests;

		if (!ctl_request_known(number) || ctl_request_reads(number))
			continue;
		fd = ask_as(w, READER, READERS, number | CTL_FRAMED);
		turns(w, 10);
		expect_bytes(fd, want, len + 5);
		expect_end(fd);
		assert_int_equal(w->requests, before);
	}
	assert_int_equal(ctl_counters(w->ctl)->not_permitted, 17);
	/* An old client gets no error text, and nothing is done for it either. */
	fd = ask_as(w, READER, READERS, CTL_KILL);
	turns(w, 10);
	expect_end(fd);
	assert_int_equal(ctl_counters(w->ctl)->not_permitted, 18);
	assert_int_equal(w->requests, 1);
	/* Root, of whatever group. */
	fd = ask(w, CTL_FLUSH_CACHES);
	turns(w, 10);
	expect_bytes(fd, "to stdout\n", 10);
	expect_end(fd);
}

static void
who_is_in_no_group_cannot_connect(void **state)
{
	struct world *w = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, r, err;

	if (!open_for_readers(w))
		skip();
	strcpy(addr.sun_path, w->path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	become(STRANGER, STRANGER);
	r = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	err = errno;
	become(0, 0);
	close(fd);
	assert_int_equal(r, -1);
	assert_int_equal(err, EACCES);
}

static void
the_daemons_own_user_commands(void **state)
{
	struct world *w = *state;
	int fd;

	if (!open_for_readers(w))
		skip();
	fd = ask_as(w, READER, READERS, CTL_FLUSH_CACHES);
	become(READER, READERS);
	turns(w, 10);
	become(0, 0);
	expect_bytes(fd, "to stdout\n", 10);
	expect_end(fd);
	assert_int_equal(ctl_counters(w->ctl)->not_permitted, 0);
}

/* However many there are, and though each of them takes a byte now and then. */
static void
readers_do_not_keep_commands_away(void **state)
{
	enum { MANY = CTL_CLIENTS_MAX + 40 };
	struct world *w = *state;
	int fds[MANY], fd;

	if (!open_for_readers(w))
		skip();
	for (size_t i = 0; i < MANY; i++) {
		fds[i] = ask_as(w, READER, READERS, CTL_STATS_QUEUE);
		turns(w, 2);
	}
	assert_int_equal(ctl_counters(w->ctl)->refused, MANY - CTL_READERS_MAX);
	fd = ask(w, CTL_FLUSH_CACHES);
	turns(w, 10);
	expect_bytes(fd, "to stdout\n", 10);
	expect_end(fd);
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_WORLD(readers_may_ask_but_not_command),
	    WITH_WORLD(who_is_in_no_group_cannot_connect),
	    WITH_WORLD(the_daemons_own_user_commands),
	    WITH_WORLD(readers_do_not_keep_commands_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
