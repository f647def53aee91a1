/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

enum { ARGS_MAX = 12 };

/* ---- scanner ---- */

/* Splits at spaces; a lone '' stands for an empty argument. */
static bool
scan(struct cli_request *r, const char *line)
{
	static char copy[256];
	char *argv[ARGS_MAX] = {(char *)"conntrackd"};
	char *save = NULL;
	int argc = 1;

	assert_true(strlen(line) < sizeof(copy));
	memcpy(copy, line, strlen(line) + 1);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(argc < ARGS_MAX - 1);
		argv[argc++] = strcmp(w, "''") == 0 ? w + 2 : w;
	}
	return cli_scan(r, argc, argv);
}

static void
commands_and_words_give_the_request_numbers_scripts_rely_on(void **state)
{
	static const struct {
		const char *line;
		uint32_t request;
	} cases[] = {
	    {"-i", 16}, {"-i ct", 16}, {"-i expect", 40}, {"-i -x", 24}, {"-i ct -x", 24},
	    {"-i expect -x", 47}, {"-e", 17}, {"-e ct", 17}, {"-e expect", 41}, {"-e -x", 25},
	    {"-e expect -x", 48}, {"-c", 46}, {"-c ct", 18}, {"-c expect", 42}, {"-f", 45},
	    {"-f internal", 33}, {"-f external", 34}, {"-F", 43}, {"-F ct", 0}, {"-F expect", 38},
	    {"-R", 44}, {"-R ct", 1}, {"-R expect", 39}, {"-k", 20}, {"-n", 23}, {"-B", 22},
	    {"-t", 26}, {"-s", 21}, {"-s ct", 21}, {"-s network", 28}, {"-s cache", 29},
	    {"-s runtime", 30}, {"-s link", 31}, {"-s multicast", 31}, {"-s rsqueue", 32},
	    {"-s process", 35}, {"-s queue", 36}, {"-s expect", 37},
	    /* Prefixes: the first entry in the order of the table wins. */
	    {"-s n", 28}, {"-s c", 29}, {"-s r", 30}, {"-s rs", 32}, {"-s l", 31}, {"-s m", 31},
	    {"-s p", 35}, {"-s q", 36}, {"-s e", 37}, {"-s ''", 28}, {"-c exp", 42}, {"-c e", 42},
	    {"-i ''", 16}, {"-f i", 33}, {"-f e", 34}, {"-f ''", 33}, {"-F e", 38}, {"-R c", 1},
	    /* The last command wins, and takes its word with it. */
	    {"-i -e", 17}, {"-f internal -c", 46}, {"-s network -s", 21}, {"-i -x -e", 17},
	    /* A word is only what does not begin with a dash. */
	    {"-s -i", 16}, {"-c -f", 45},
	    {"-i -C /c -x", 24},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cli_request r;

		if (!scan(&r, cases[i].line))
			fail_msg("%s: %s", cases[i].line, r.error);
		if (r.role != CLI_CLIENT || r.request != cases[i].request)
			fail_msg("%s: role %d request %u", cases[i].line, r.role, r.request);
	}
}

static void
what_makes_no_sense_is_an_error(void **state)
{
	static const struct {
		const char *line;
		const char *error;
		bool usage;
	} cases[] = {
	    {"-Z", "Unknown option: -Z", true},
	    {"--help", "Unknown option: --help", true},
	    {"--", "Unknown option: --", true},
	    {"-", "Unknown option: -", true},
	    {"''", "Unknown option: ", true},
	    {"word", "Unknown option: word", true},
	    {"xi", "Unknown option: xi", true},
	    {"statu", "Unknown option: statu (did you mean status?)", true},
	    {"-C /c demoet", "Unknown option: demoet (did you mean demote?)", true},
	    {"-k tops", "Unknown option: tops (did you mean top?)", true},
	    {"-ix", "Unknown option: -ix", true},
	    {"-snetwork", "Unknown option: -snetwork", true},
	    {"-Z -v", "Unknown option: -Z", true},
	    {"-k word", "Unknown option: word", true},
	    {"-i ct expect", "Unknown option: expect", true},
	    {"-C", "Missing config filename", true},
	    {"-i -C", "Missing config filename", true},
	    {"-x", "Invalid parameters", true},
	    {"-x -i", "Invalid parameters", true},
	    {"-f -x", "Invalid parameters", true},
	    {"-i -s -x", "Invalid parameters", true},
	    {"-i -x -x", "Invalid parameters", true},
	    {"-d -x", "Invalid parameters", true},
	    {"-d -i", "Invalid parameters", true},
	    {"-i -d", "Invalid parameters", true},
	    {"-s bogus", "unknown parameter `bogus' for option `-s'", false},
	    {"-s networks", "unknown parameter `networks' for option `-s'", false},
	    {"-f bogus", "unknown parameter `bogus' for option `-f'", false},
	    /* Words are never taken for options by their second letter. */
	    {"-i ok", "unknown parameter `ok' for option `-i'", false},
	    {"-c external", "unknown parameter `external' for option `-c'", false},
	    {"-i bogus", "unknown parameter `bogus' for option `-i'", false},
	    {"-s CT", "unknown parameter `CT' for option `-s'", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cli_request r;

		if (scan(&r, cases[i].line))
			fail_msg("%s: accepted", cases[i].line);
		assert_string_equal(r.error, cases[i].error);
		assert_int_equal(r.show_usage, cases[i].usage);
	}
}

static void
without_a_command_it_is_a_daemon(void **state)
{
	struct cli_request r;

	(void)state;
	assert_true(scan(&r, ""));
	assert_int_equal(r.role, CLI_DAEMON_FOREGROUND);
	assert_string_equal(r.config_path, "/etc/conntrackd/conntrackd.conf");
	assert_true(scan(&r, "-d"));
	assert_int_equal(r.role, CLI_DAEMON_BACKGROUND);
	assert_true(scan(&r, "-C /a/b -d -d"));
	assert_int_equal(r.role, CLI_DAEMON_BACKGROUND);
	assert_string_equal(r.config_path, "/a/b");
	assert_true(scan(&r, "-C/glued -s"));
	assert_int_equal(r.role, CLI_CLIENT);
	assert_string_equal(r.config_path, "/glued");
	assert_true(scan(&r, "-C -i"));
	assert_int_equal(r.role, CLI_DAEMON_FOREGROUND);
	assert_string_equal(r.config_path, "-i");
	assert_true(scan(&r, "-C /a -C /b"));
	assert_string_equal(r.config_path, "/b");
}

static void
help_and_version_act_where_they_stand(void **state)
{
	struct cli_request r;

	(void)state;
	assert_true(scan(&r, "-h"));
	assert_int_equal(r.role, CLI_HELP);
	assert_true(scan(&r, "-v -Z"));
	assert_int_equal(r.role, CLI_VERSION);
	assert_true(scan(&r, "-i -h word"));
	assert_int_equal(r.role, CLI_HELP);
}

static void
old_words_are_accepted_with_a_warning(void **state)
{
	struct cli_request r;

	(void)state;
	assert_true(scan(&r, "-d -S -S -C /c"));
	assert_int_equal(r.role, CLI_DAEMON_BACKGROUND);
	assert_int_equal(r.warnings_count, 1);
	assert_string_equal(r.warnings[0], "-S option is obsolete. Ignoring.");
	assert_true(scan(&r, "-s mult"));
	assert_int_equal(r.warnings_count, 1);
	assert_string_equal(r.warnings[0], "use `link' instead of `multicast' as parameter.");
	assert_true(scan(&r, "-s link"));
	assert_int_equal(r.warnings_count, 0);
}

static void
a_very_long_word_does_not_overflow_the_error(void **state)
{
	char word[1000];
	char *argv[] = {(char *)"conntrackd", (char *)"-s", word, NULL};
	struct cli_request r;

	(void)state;
	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_false(cli_scan(&r, 3, argv));
	assert_int_equal(strlen(r.error), CLI_ERROR_MAX - 1);
}

static void
usage_and_version_name_the_version(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	cli_print_version(f, "9.8.7");
	cli_print_usage(f, "9.8.7");
	assert_int_equal(fclose(f), 0);
	assert_int_equal(strncmp(text, "Connection tracking userspace daemon v9.8.7. Licensed under "
				       "GPLv2", 65), 0);
	assert_non_null(strstr(text, "\nConnection tracking userspace daemon v9.8.7\n"
				     "Usage: conntrackd [commands] [options]\n"));
	/* Every letter that the scanner takes is in the help, and the other way round. */
	for (char c = 'A'; c <= 'z'; c++) {
		const char option[] = {'-', c, '\0'};
		const char entry[] = {'\n', ' ', ' ', '-', c, '\0'};
		char *const argv[] = {(char *)"conntrackd", (char *)"-i", (char *)option,
		    (char *)"/c", NULL};
		struct cli_request r;
		bool known = cli_scan(&r, c == 'C' ? 4 : 3, argv) ||
		    strncmp(r.error, "Unknown option", 14) != 0;

		if (c != 'S' && known != (strstr(text, entry) != NULL))
			fail_msg("-%c: accepted %d, in the help %d", c, known, !known);
	}
	free(text);
}

/* ---- client ---- */

struct fake_daemon {
	char dir[64];
	char path[80];
	int listener;
	pid_t pid;
};

static int
setup_daemon(void **state)
{
	struct fake_daemon *d = calloc(1, sizeof(*d));
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	assert_non_null(d);
	strcpy(d->dir, "/tmp/test_cli.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/s", d->dir);
	strcpy(addr.sun_path, d->path);
	d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(d->listener >= 0);
	assert_int_equal(bind(d->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(d->listener, 1), 0);
	*state = d;
	return 0;
}

static int
teardown_daemon(void **state)
{
	struct fake_daemon *d = *state;

	if (d->pid > 0) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	close(d->listener);
	unlink(d->path);
	rmdir(d->dir);
	free(d);
	return 0;
}

static void
send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(3);
		p += n;
		len -= (size_t)n;
	}
}

/* Starts a daemon that takes one request, checks it, sends `answer` and closes. */
static void
serve(struct fake_daemon *d, uint32_t request, const void *answer, size_t len)
{
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		uint32_t got = 0;
		int fd;

		alarm(20);
		fd = accept(d->listener, NULL, NULL);
		if (recv(fd, &got, sizeof(got), MSG_WAITALL) != sizeof(got) ||
		    got != (request | CTL_FRAMED))
			_exit(2);
		send_all(fd, answer, len);
		close(fd);
		_exit(0);
	}
}

/* How the daemon process ended: 0 if it got the request it expected and sent everything. */
static int
daemon_status(struct fake_daemon *d)
{
	int status = -1;

	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
output_errors_and_exit_code_come_across(void **state)
{
	static const char answer[] = "\1\0\0\4abc\n\2\0\0\5oops\n\1\0\0\2d\n\3\0\0\1\1";
	struct fake_daemon *d = *state;
	int out[2], err[2];
	char why[200], buf[64];

	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(err), 0);
	serve(d, CTL_COMMIT, answer, sizeof(answer) - 1);
	assert_int_equal(client_run(d->path, CTL_COMMIT, out[1], err[1], why, sizeof(why)), 1);
	assert_string_equal(why, "");
	assert_int_equal(daemon_status(d), 0);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "abc\nd\n", 6);
	assert_int_equal(read(err[0], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "oops\n", 5);
	serve(d, CTL_KILL, "\3\0\0\1\0", 5);
	assert_int_equal(client_run(d->path, CTL_KILL, out[1], err[1], why, sizeof(why)), 0);
	assert_string_equal(why, "");
	assert_int_equal(daemon_status(d), 0);
	close(out[0]);
	close(out[1]);
	close(err[0]);
	close(err[1]);
}

static void
a_daemon_that_dies_in_the_middle_is_noticed(void **state)
{
	struct fake_daemon *d = *state;
	char why[200];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	serve(d, CTL_DUMP_INTERNAL, "\1\0\0\4abc\n", 8);
	assert_int_equal(client_run(d->path, CTL_DUMP_INTERNAL, null, null, why, sizeof(why)),
	    1);
	assert_string_equal(why, "conntrackd closed the connection before the end");
	assert_int_equal(daemon_status(d), 0);
	serve(d, CTL_STATS, "cache internal:\n", 16);
	assert_int_equal(client_run(d->path, CTL_STATS, null, null, why, sizeof(why)), 1);
	assert_non_null(strstr(why, "makes no sense"));
	close(null);
}

static void
without_a_daemon_path_and_reason_are_named(void **state)
{
	struct fake_daemon *d = *state;
	char why[300], want[300], long_path[200];

	close(d->listener);
	assert_int_equal(client_run(d->path, CTL_STATS, 1, 2, why, sizeof(why)), 1);
	snprintf(want, sizeof(want),
	    "can't connect to %s: Connection refused: is conntrackd running? "
	    "appropriate permissions?", d->path);
	assert_string_equal(why, want);
	unlink(d->path);
	assert_int_equal(client_run(d->path, CTL_STATS, 1, 2, why, sizeof(why)), 1);
	assert_non_null(strstr(why, "No such file or directory"));
	memset(long_path, 'p', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(client_run(long_path, CTL_STATS, 1, 2, why, sizeof(why)), 1);
	assert_non_null(strstr(why, "File name too long"));
	d->listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A dump of `lines` lines, each in a frame of its own, in a process of its own. */
static void
serve_dump(struct fake_daemon *d, int lines)
{
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		char frame[64];
		uint32_t got;
		int fd;

		alarm(60);
		fd = accept(d->listener, NULL, NULL);
		if (recv(fd, &got, sizeof(got), MSG_WAITALL) != sizeof(got))
			_exit(2);
		for (int i = 0; i < lines; i++) {
			int n = snprintf(frame + 4, sizeof(frame) - 4, "line %d\n", i);

			ctl_frame_write((uint8_t *)frame, CTL_FRAME_OUT, (size_t)n);
			send_all(fd, frame, (size_t)n + 4);
		}
		send_all(fd, "\3\0\0\1\0", 5);
		_exit(0);
	}
}

static void
a_long_dump_streams_through(void **state)
{
	enum { LINES = 200000 };
	struct fake_daemon *d = *state;
	FILE *f = tmpfile();
	char why[200], line[64];

	assert_non_null(f);
	serve_dump(d, LINES);
	assert_int_equal(
	    client_run(d->path, CTL_DUMP_INTERNAL, fileno(f), 2, why, sizeof(why)), 0);
	assert_int_equal(daemon_status(d), 0);
	rewind(f);
	for (int i = 0; i < LINES; i++) {
		assert_non_null(fgets(line, sizeof(line), f));
		assert_int_equal(atoi(line + 5), i);
	}
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
}

static void
a_reader_that_leaves_ends_the_client_quietly(void **state)
{
	struct fake_daemon *d = *state;
	char why[200];
	int out[2];

	assert_int_equal(pipe(out), 0);
	close(out[0]);
	serve_dump(d, 100000);
	assert_int_equal(client_run(d->path, CTL_DUMP_INTERNAL, out[1], 2, why, sizeof(why)),
	    1);
	assert_string_equal(why, "");
	/* The daemon's side saw us go: it could not send everything. */
	assert_int_equal(daemon_status(d), 3);
	close(out[1]);
}

/* Output without an end, in frames as long as they can be, until nobody takes it. */
static void
serve_endlessly(struct fake_daemon *d)
{
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		static uint8_t frame[CTL_FRAME_HEADER + CTL_FRAME_PAYLOAD_MAX];
		int fd;

		alarm(60);
		ctl_frame_write(frame, CTL_FRAME_OUT, CTL_FRAME_PAYLOAD_MAX);
		fd = accept(d->listener, NULL, NULL);
		for (int i = 0; i < 64; i++)
			send_all(fd, frame, sizeof(frame));
		_exit(0);
	}
}

static void
an_answer_without_an_end_is_given_up(void **state)
{
	struct fake_daemon *d = *state;
	struct client_words words = {.len = 0};
	struct client_answer answer;
	char why[200];

	assert_true(client_word(&words, "status"));
	serve_endlessly(d);
	assert_int_equal(client_verb(d->path, &words, 2, 0, &answer, why, sizeof(why)), 1);
	assert_string_equal(why, "the answer is too long");
	assert_true(answer.len <= 64 * 1024 * 1024);
	/* It saw us go. */
	assert_int_equal(daemon_status(d), 3);
	free(answer.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands_and_words_give_the_request_numbers_scripts_rely_on),
	    cmocka_unit_test(what_makes_no_sense_is_an_error),
	    cmocka_unit_test(without_a_command_it_is_a_daemon),
	    cmocka_unit_test(help_and_version_act_where_they_stand),
	    cmocka_unit_test(old_words_are_accepted_with_a_warning),
	    cmocka_unit_test(a_very_long_word_does_not_overflow_the_error),
	    cmocka_unit_test(usage_and_version_name_the_version),
	    cmocka_unit_test_setup_teardown(output_errors_and_exit_code_come_across, setup_daemon,
		teardown_daemon),
	    cmocka_unit_test_setup_teardown(a_daemon_that_dies_in_the_middle_is_noticed,
		setup_daemon, teardown_daemon),
	    cmocka_unit_test_setup_teardown(without_a_daemon_path_and_reason_are_named,
		setup_daemon, teardown_daemon),
	    cmocka_unit_test_setup_teardown(a_long_dump_streams_through, setup_daemon,
		teardown_daemon),
	    cmocka_unit_test_setup_teardown(an_answer_without_an_end_is_given_up, setup_daemon,
		teardown_daemon),
	    cmocka_unit_test_setup_teardown(a_reader_that_leaves_ends_the_client_quietly,
		setup_daemon, teardown_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
