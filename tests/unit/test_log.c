/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

struct env {
	char dir[64];
	char path[96];
	char other[96];
	struct log *log;
	char text[65536]; /* what slurp() read */
};

static int
setup(void **state)
{
	static struct env e;

	snprintf(e.dir, sizeof(e.dir), "/tmp/test_log.XXXXXX");
	if (mkdtemp(e.dir) == NULL)
		return -1;
	snprintf(e.path, sizeof(e.path), "%s/log", e.dir);
	snprintf(e.other, sizeof(e.other), "%s/other", e.dir);
	e.log = log_open_terminal();
	*state = &e;
	return e.log == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct env *e = *state;

	log_close(e->log);
	unlink(e->path);
	unlink(e->other);
	return rmdir(e->dir);
}

static const char *
slurp(struct env *e, const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(e->text, 1, sizeof(e->text) - 1, f);
	e->text[n] = '\0';
	fclose(f);
	return e->text;
}

/* File only: the terminal belongs to the test's own output. */
static void
open_file_only(struct env *e)
{
	const struct log_cfg cfg = {.path = e->path, .syslog_facility = -1};

	log_detach(e->log);
	assert_int_equal(log_open(e->log, &cfg), 0);
}

/* The line for `level` and `text` as it must look at time t. */
static void
expect_line(char *out, size_t cap, time_t t, const char *level, const char *text)
{
	char date[32];

	ctime_r(&t, date);
	snprintf(out, cap, "[%.24s] (pid=%d) [%s] %s\n", date, (int)getpid(), level, text);
}

static void
a_line_has_date_pid_level_and_text(void **state)
{
	static const char *const names[] = {"debug", "info", "notice", "warning", "ERROR"};
	struct env *e = *state;

	open_file_only(e);
	log_set_level(e->log, LOG_LV_DEBUG);
	for (int level = 0; level < 5; level++) {
		char before[256], after[256];
		const char *got;

		assert_int_equal(truncate(e->path, 0), 0);
		expect_line(before, sizeof(before), time(NULL), names[level], "commit took 3 s");
		log_write(e->log, level, "commit took %d %s", 3, "s");
		expect_line(after, sizeof(after), time(NULL), names[level], "commit took 3 s");
		got = slurp(e, e->path);
		/* The second may have changed meanwhile. */
		if (strcmp(got, before) != 0)
			assert_string_equal(got, after);
	}
}

static void
the_file_is_private_and_appended_to(void **state)
{
	struct env *e = *state;
	const struct log_cfg cfg = {.path = e->path, .syslog_facility = -1};
	mode_t mask = umask(0);
	struct stat st;

	open_file_only(e);
	umask(mask);
	assert_int_equal(stat(e->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	log_write(e->log, LOG_LV_INFO, "one");
	log_close(e->log);
	e->log = log_open_terminal();
	log_detach(e->log);
	assert_int_equal(log_open(e->log, &cfg), 0);
	log_write(e->log, LOG_LV_INFO, "two");
	slurp(e, e->path);
	assert_non_null(strstr(e->text, "[info] one\n["));
	assert_non_null(strstr(e->text, "[info] two\n"));
}

static void
one_call_makes_one_line(void **state)
{
	struct env *e = *state;
	const char *text;

	open_file_only(e);
	log_write(e->log, LOG_LV_NOTICE, "a\nb\r\nc\t\033[31md\x7f\n\n");
	text = strstr(slurp(e, e->path), "[notice] ");
	assert_non_null(text);
	assert_string_equal(text, "[notice] a b  c\t?[31md?\n");
}

static void
long_text_is_cut(void **state)
{
	struct env *e = *state;
	static char text[3 * LOG_TEXT_MAX];
	const char *got;

	open_file_only(e);
	memset(text, 'x', sizeof(text) - 1);
	log_write(e->log, LOG_LV_NOTICE, "%s", text);
	got = strstr(slurp(e, e->path), "[notice] ");
	assert_non_null(got);
	assert_int_equal(strspn(got + 9, "x"), LOG_TEXT_MAX);
	assert_string_equal(got + 9 + LOG_TEXT_MAX, "\n");
}

static void
errno_survives(void **state)
{
	struct env *e = *state;

	open_file_only(e);
	errno = ENOTTY;
	log_write(e->log, LOG_LV_ERROR, "%m");
	assert_int_equal(errno, ENOTTY);
	assert_non_null(strstr(slurp(e, e->path), strerror(ENOTTY)));
}

static void
after_rotation_the_new_file_is_used(void **state)
{
	struct env *e = *state;

	open_file_only(e);
	log_write(e->log, LOG_LV_INFO, "old");
	assert_int_equal(rename(e->path, e->other), 0);
	log_write(e->log, LOG_LV_INFO, "still old");
	assert_int_equal(log_reopen(e->log), 0);
	log_write(e->log, LOG_LV_INFO, "new");
	assert_null(strstr(slurp(e, e->path), "old"));
	assert_non_null(strstr(e->text, "new"));
	assert_non_null(strstr(slurp(e, e->other), "still old"));
	assert_null(strstr(e->text, "new"));
}

static void
a_failed_reopen_keeps_the_old_file(void **state)
{
	struct env *e = *state;

	open_file_only(e);
	assert_int_equal(rename(e->path, e->other), 0);
	assert_int_equal(mkdir(e->path, 0700), 0);
	assert_int_equal(log_reopen(e->log), -EISDIR);
	log_write(e->log, LOG_LV_INFO, "still here");
	assert_non_null(strstr(slurp(e, e->other), "still here"));
	assert_int_equal(rmdir(e->path), 0);
}

static void
a_log_file_may_be_a_link_to_where_the_logs_are(void **state)
{
	struct env *e = *state;

	assert_int_equal(symlink(e->other, e->path), 0);
	open_file_only(e);
	log_write(e->log, LOG_LV_INFO, "moved");
	assert_non_null(strstr(slurp(e, e->other), "moved"));
}

static int
open_log(struct env *e)
{
	const struct log_cfg cfg = {.path = e->path, .syslog_facility = -1};

	log_detach(e->log);
	return log_open(e->log, &cfg);
}

/* Whatever the kernel's own protection is set to, and wherever the link stands. */
static void
a_link_of_somebody_else_is_not_followed(void **state)
{
	struct env *e = *state;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(symlink(e->other, e->path), 0);
	assert_int_equal(lchown(e->path, 4711, 4711), 0);
	assert_int_equal(open_log(e), -ELOOP);
	assert_int_equal(lstat(e->other, &st), -1);
	/* The daemon has a user of its own: its links and root's are as good. */
	assert_int_equal(chown(e->dir, 4711, 4711), 0);
	assert_int_equal(seteuid(4711), 0);
	assert_int_equal(open_log(e), 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(lchown(e->path, 0, 0), 0);
	assert_int_equal(seteuid(4711), 0);
	assert_int_equal(open_log(e), 0);
	assert_int_equal(seteuid(0), 0);
}

static void
a_file_that_others_prepared_where_all_may_write_is_refused(void **state)
{
	struct env *e = *state;
	int fd;

	if (geteuid() != 0)
		skip();
	fd = open(e->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chown(e->path, 4711, 4711), 0);
	/* In a directory of root's it is what root wants: log files often belong to a log daemon. */
	assert_int_equal(open_log(e), 0);
	/* Without the sticky bit fs.protected_regular, which refuses it too, does not apply. */
	assert_int_equal(chmod(e->dir, 0777), 0);
	assert_int_equal(open_log(e), -EPERM);
	log_write(e->log, LOG_LV_NOTICE, "to the file as before");
	assert_non_null(strstr(slurp(e, e->path), "as before"));
	assert_int_equal(chown(e->path, 0, 0), 0);
	assert_int_equal(open_log(e), 0);
	/* A second name for a file of ours. */
	assert_int_equal(link(e->path, e->other), 0);
	assert_int_equal(open_log(e), -EPERM);
	assert_int_equal(unlink(e->other), 0);
	/* One that we make is private and ours. */
	assert_int_equal(unlink(e->path), 0);
	assert_int_equal(log_reopen(e->log), 0);
}

static void
what_cannot_be_a_log_file_is_refused(void **state)
{
	struct env *e = *state;
	const struct log_cfg fifo = {.path = e->other, .syslog_facility = -1};
	const struct log_cfg dir = {.path = e->dir, .syslog_facility = -1};
	const struct log_cfg missing = {.path = "/nonexistent/log", .syslog_facility = -1};

	log_detach(e->log);
	/* Nobody reads from the FIFO: this must not wait for somebody who does. */
	assert_int_equal(mkfifo(e->other, 0600), 0);
	assert_int_equal(log_open(e->log, &fifo), -ENXIO);
	assert_int_equal(log_open(e->log, &dir), -EISDIR);
	assert_int_equal(log_open(e->log, &missing), -ENOENT);
	log_write(e->log, LOG_LV_INFO, "nowhere to go, nothing happens");
	assert_int_equal(log_reopen(e->log), 0);
}

static void
a_full_disk_is_survived(void **state)
{
	struct env *e = *state;
	const struct log_cfg full = {.path = "/dev/full", .syslog_facility = -1};

	log_detach(e->log);
	assert_int_equal(log_open(e->log, &full), 0);
	for (int i = 0; i < 10; i++)
		log_write(e->log, LOG_LV_ERROR, "lost %d", i);
}

static void
a_line_that_was_cut_short_does_not_swallow_the_next(void **state)
{
	struct env *e = *state;
	struct rlimit was, limit;
	const char *torn, *next;

	/* A file size limit makes the write short, as a disk does that fills up. */
	open_file_only(e);
	log_write(e->log, LOG_LV_INFO, "first");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = strlen(slurp(e, e->path)) + 45;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_write(e->log, LOG_LV_INFO, "the second line is much longer than what is left");
	log_write(e->log, LOG_LV_INFO, "lost");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	log_write(e->log, LOG_LV_INFO, "third");
	log_write(e->log, LOG_LV_INFO, "fourth");

	slurp(e, e->path);
	assert_null(strstr(e->text, "much longer"));
	assert_null(strstr(e->text, "lost"));
	torn = strchr(e->text, '\n');
	assert_non_null(torn);
	next = strchr(torn + 1, '\n');
	assert_non_null(next);
	assert_int_equal(next - torn - 1, 45);
	assert_int_equal(next[1], '[');
	assert_non_null(strstr(next, "[info] third\n["));
	assert_non_null(strstr(next, "[info] fourth\n"));
	assert_null(strstr(e->text, "\n\n"));
}

/* A file that takes so many bytes and no more; 0: it is as it was. */
static void
limit_file_size(rlim_t bytes)
{
	static struct rlimit was;
	struct rlimit limit;

	if (bytes == 0) {
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
		signal(SIGXFSZ, SIG_DFL);
		return;
	}
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
how_many_lines_a_full_disk_cost_is_said_once_it_has_room(void **state)
{
	struct env *e = *state;

	open_file_only(e);
	log_write(e->log, LOG_LV_INFO, "first");
	limit_file_size(strlen(slurp(e, e->path)));
	for (int i = 0; i < 12; i++)
		log_write(e->log, LOG_LV_INFO, "gone");
	limit_file_size(0);
	log_write(e->log, LOG_LV_INFO, "third");
	log_write(e->log, LOG_LV_INFO, "fourth");
	assert_non_null(strstr(slurp(e, e->path), "[warning] 12 lines of this log are missing here: "));
	assert_non_null(strstr(e->text, "[info] third\n["));
	assert_non_null(strstr(e->text, "[info] fourth\n"));
	assert_null(strstr(strstr(e->text, "third"), "missing"));
}

static void
records_that_a_full_disk_cost_are_counted_for_their_owner(void **state)
{
	struct env *e = *state;
	int why = 0;

	open_file_only(e);
	log_record(e->log, "first");
	limit_file_size(strlen(slurp(e, e->path)));
	for (int i = 0; i < 3; i++)
		log_record(e->log, "gone");
	/* Not as long as there is nothing better to say. */
	assert_int_equal(log_lost(e->log, &why), 0);
	limit_file_size(0);
	log_record(e->log, "fifth");
	assert_int_equal(log_lost(e->log, &why), 3);
	assert_int_equal(why, EFBIG);
	assert_int_equal(log_lost(e->log, &why), 0);
	assert_null(strstr(slurp(e, e->path), "missing"));
}

/* A process of its own, because descriptors 1 and 2 change hands. */
static void
write_to_terminal_files(const struct env *e)
{
	struct log *l = log_open_terminal();

	if (l == NULL || dup2(open(e->path, O_RDWR | O_CREAT, 0600), STDOUT_FILENO) < 0 ||
	    dup2(open(e->other, O_RDWR | O_CREAT, 0600), STDERR_FILENO) < 0)
		_exit(1);
	log_write(l, LOG_LV_INFO, "one");
	log_write(l, LOG_LV_NOTICE, "two");
	log_write(l, LOG_LV_WARNING, "three");
	log_write(l, LOG_LV_ERROR, "four");
	log_detach(l);
	log_write(l, LOG_LV_ERROR, "unseen");
	log_close(l);
	_exit(0);
}

static void
the_terminal_gets_lines_until_detached(void **state)
{
	struct env *e = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		write_to_terminal_files(e);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_non_null(strstr(slurp(e, e->path), "[info] one\n"));
	assert_non_null(strstr(e->text, "[notice] two\n"));
	assert_null(strstr(e->text, "three"));
	assert_non_null(strstr(slurp(e, e->other), "[warning] three\n"));
	assert_non_null(strstr(e->text, "[ERROR] four\n"));
	assert_null(strstr(e->text, "two"));
	assert_null(strstr(e->text, "unseen"));
}

static void
syslog_without_a_listener_is_survived(void **state)
{
	struct env *e = *state;
	const struct log_cfg both = {.path = e->path, .syslog_facility = LOG_LOCAL3};

	log_detach(e->log);
	assert_int_equal(log_open(e->log, &both), 0);
	log_write(e->log, LOG_LV_INFO, "to file and syslog");
	assert_non_null(strstr(slurp(e, e->path), "[info] to file and syslog\n"));
}

/* Its own /dev/log, in a mount namespace of its own; -1 if that is not permitted. */
static int
open_dev_log(void)
{
	const struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	return fd >= 0 && bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 ? fd : -1;
}

/* Exit code 0: as expected, 77: not permitted, otherwise the step that went wrong. */
static void
log_to_syslog(void)
{
	static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERR};
	const struct log_cfg cfg = {.path = NULL, .syslog_facility = LOG_LOCAL3};
	const struct log_cfg records = {.path = NULL, .syslog_facility = LOG_LOCAL5};
	struct log *l = log_open_terminal(), *other;
	int fd = open_dev_log();

	if (fd < 0)
		_exit(77);
	log_detach(l);
	if (l == NULL || log_open(l, &cfg) != 0)
		_exit(1);
	log_set_level(l, LOG_LV_DEBUG);
	for (int level = 0; level < 5; level++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char got[256] = "", start[16], end[64];
		ssize_t n;

		log_write(l, level, "100%% of\n%s", "it");
		if (poll(&p, 1, 2000) != 1)
			_exit(2);
		n = recv(fd, got, sizeof(got) - 1, 0);
		snprintf(start, sizeof(start), "<%d>", LOG_LOCAL3 | priorities[level]);
		snprintf(end, sizeof(end), " conntrack-tools[%d]: 100%% of it", (int)getpid());
		if (strncmp(got, start, strlen(start)) != 0)
			_exit(3);
		if (n < (ssize_t)strlen(end) || strcmp(got + n - strlen(end), end) != 0)
			_exit(4);
	}
	/* A second log, of another facility; and the first goes on when it is closed. */
	other = log_open_terminal();
	log_detach(other);
	if (log_open(other, &records) != 0)
		_exit(5);
	for (int round = 0; round < 2; round++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char got[256] = "", start[16], end[64];
		ssize_t n;

		if (round == 0)
			log_record(other, "a record\n");
		else
			log_write(l, LOG_LV_INFO, "a record");
		if (poll(&p, 1, 2000) != 1)
			_exit(6);
		n = recv(fd, got, sizeof(got) - 1, 0);
		snprintf(start, sizeof(start), "<%d>",
		    (round == 0 ? LOG_LOCAL5 : LOG_LOCAL3) | LOG_INFO);
		snprintf(end, sizeof(end), " conntrack-tools[%d]: a record", (int)getpid());
		if (strncmp(got, start, strlen(start)) != 0)
			_exit(7);
		if (n < (ssize_t)strlen(end) || strcmp(got + n - strlen(end), end) != 0)
			_exit(8);
		if (round == 0)
			log_close(other);
	}
	log_close(l);
	_exit(0);
}

static void
a_record_has_its_date_a_tab_and_the_text(void **state)
{
	struct env *e = *state;
	char before[64], after[64];
	time_t t = time(NULL);

	open_file_only(e);
	snprintf(before, sizeof(before), "%.24s\ttcp 6\tand more\n", ctime(&t));
	log_record(e->log, "tcp 6\tand more\n");
	t = time(NULL);
	snprintf(after, sizeof(after), "%.24s\ttcp 6\tand more\n", ctime(&t));
	if (strcmp(slurp(e, e->path), before) != 0)
		assert_string_equal(e->text, after);
	/* What came over the network cannot make a line of its own. */
	assert_int_equal(truncate(e->path, 0), 0);
	log_record(e->log, "one\nhelper=\033[2J");
	assert_non_null(strstr(slurp(e, e->path), "\tone helper=?[2J\n"));
}

static void
syslog_gets_the_text_with_ident_pid_and_priority(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		log_to_syslog();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
lines_below_the_level_are_left_out(void **state)
{
	struct env *e = *state;
	enum log_level level;

	open_file_only(e);
	assert_int_equal(log_level(e->log), LOG_LV_INFO);
	log_write(e->log, LOG_LV_DEBUG, "one");
	log_set_level(e->log, LOG_LV_DEBUG);
	log_write(e->log, LOG_LV_DEBUG, "two");
	log_set_level(e->log, LOG_LV_ERROR);
	log_write(e->log, LOG_LV_WARNING, "three");
	log_write(e->log, LOG_LV_ERROR, "four");
	slurp(e, e->path);
	assert_null(strstr(e->text, "one"));
	assert_non_null(strstr(e->text, "[debug] two\n"));
	assert_null(strstr(e->text, "three"));
	assert_non_null(strstr(e->text, "[ERROR] four\n"));
	for (int i = LOG_LV_DEBUG; i <= LOG_LV_ERROR; i++) {
		assert_true(log_level_find(log_level_name((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_true(log_level_find("Error", &level));
	assert_false(log_level_find("", &level));
	assert_false(log_level_find("loud", &level));
}

/* A journal's socket at e->other; JOURNAL_STREAM is about standard error if `right'. */
static int
begin_journal(struct env *e, bool right)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char stream[64];
	struct stat st;

	strcpy(addr.sun_path, e->other);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + !right);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_int_equal(log_open_journal(e->log, e->other), right);
	unsetenv("JOURNAL_STREAM");
	return fd;
}

static void
the_journal_gets_fields(void **state)
{
	const struct log_facts facts = {.event = "bulk-done", .peer = "192.0.2.1", .counted = true, .flows = 7};
	struct env *e = *state;
	int fd = begin_journal(e, true);
	char got[1024];
	ssize_t len;

	assert_null(log_about(e->log, &facts).event);
	log_write(e->log, LOG_LV_WARNING, "seven\nMESSAGE=forged");
	assert_string_equal(log_about(e->log, NULL).event, "bulk-done");
	len = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(len > 0);
	got[len] = '\0';
	assert_string_equal(got, "MESSAGE=seven MESSAGE=forged\nPRIORITY=4\nSYSLOG_IDENTIFIER=conntrackd\n"
				 "CONNTRACKD_EVENT=bulk-done\nCONNTRACKD_PEER=192.0.2.1\nCONNTRACKD_FLOWS=7\n");
	log_write(e->log, LOG_LV_INFO, "plain");
	len = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(len > 0);
	got[len] = '\0';
	assert_string_equal(got, "MESSAGE=plain\nPRIORITY=6\nSYSLOG_IDENTIFIER=conntrackd\n");
	close(fd);
}

static void
a_stream_of_somebody_else_is_no_journal(void **state)
{
	struct env *e = *state;
	int fd = begin_journal(e, false);
	char got[16];

	log_quieten(e->log);
	log_write(e->log, LOG_LV_INFO, "plain");
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_line_has_date_pid_level_and_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_file_is_private_and_appended_to, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_call_makes_one_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(long_text_is_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_record_has_its_date_a_tab_and_the_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(errno_survives, setup, teardown),
	    cmocka_unit_test_setup_teardown(after_rotation_the_new_file_is_used, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failed_reopen_keeps_the_old_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_log_file_may_be_a_link_to_where_the_logs_are, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_link_of_somebody_else_is_not_followed, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_that_others_prepared_where_all_may_write_is_refused,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(what_cannot_be_a_log_file_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_is_survived, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_line_that_was_cut_short_does_not_swallow_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		how_many_lines_a_full_disk_cost_is_said_once_it_has_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		records_that_a_full_disk_cost_are_counted_for_their_owner, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		the_terminal_gets_lines_until_detached, setup, teardown),
	    cmocka_unit_test_setup_teardown(syslog_without_a_listener_is_survived, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		syslog_gets_the_text_with_ident_pid_and_priority, setup, teardown),
	    cmocka_unit_test_setup_teardown(lines_below_the_level_are_left_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_journal_gets_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stream_of_somebody_else_is_no_journal, setup, teardown),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
