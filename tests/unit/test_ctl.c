/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl_world.h"

/* ---- answers ---- */

static void
a_new_client_gets_output_errors_and_exit_code(void **state)
{
	static const char want[] = "\1\0\0\12to stdout\n\2\0\0\14refused: 42\n\3\0\0\1\1";
	struct world *w = *state;
	int fd = ask(w, CTL_FLUSH_CACHES | CTL_FRAMED);

	turns(w, 10);
	expect_bytes(fd, want, sizeof(want) - 1);
	expect_end(fd);
	assert_int_equal(w->gones, 1);
	assert_int_equal(ctl_counters(w->ctl)->accepted, 1);
}

static void
an_old_client_gets_plain_text_and_end_of_file(void **state)
{
	struct world *w = *state;
	int fd = ask(w, CTL_FLUSH_CACHES);

	turns(w, 10);
	expect_bytes(fd, "to stdout\n", 10);
	expect_end(fd);
	/* No output at all is also an answer. */
	fd = ask(w, CTL_KILL);
	turns(w, 10);
	expect_end(fd);
	assert_int_equal(w->requests, 2);
	assert_int_equal(w->gones, 2);
}

static void
a_request_may_arrive_byte_by_byte(void **state)
{
	struct world *w = *state;
	uint32_t number = CTL_STATS;
	int fd = dial(w);

	for (size_t i = 0; i < sizeof(number); i++) {
		turns(w, 10);
		assert_int_equal(w->requests, 0);
		expect_nothing_yet(fd);
		assert_int_equal(send(fd, (char *)&number + i, 1, MSG_NOSIGNAL), 1);
	}
	turns(w, 10);
	assert_int_equal(w->requests, 1);
	expect_bytes(fd, "some statistics\n", 16);
	expect_end(fd);
}

static void
a_request_sent_by_a_client_that_left_is_still_carried_out(void **state)
{
	struct world *w = *state;

	close(ask(w, CTL_KILL));
	turns(w, 10);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->gones, 1);
}

static void
unknown_requests_are_counted_and_refused(void **state)
{
	struct world *w = *state;
	int fd = ask(w, 27 | CTL_FRAMED);

	turns(w, 10);
	expect_bytes(fd, "\2\0\0\23unknown request 27\n\3\0\0\1\1", 4 + 19 + 5);
	expect_end(fd);
	fd = ask(w, 4711);
	turns(w, 10);
	expect_end(fd);
	fd = ask(w, UINT32_MAX);
	turns(w, 10);
	close(fd);
	assert_int_equal(ctl_counters(w->ctl)->unknown_request, 3);
	assert_int_equal(w->requests, 0);
	assert_int_equal(w->gones, 0);
}

static void
an_owner_may_take_all_the_time_it_needs(void **state)
{
	struct world *w = *state;
	int fd = ask(w, CTL_COMMIT | CTL_FRAMED);

	turns(w, 10);
	assert_non_null(w->held);
	assert_true(ctl_deadline(w->ctl).ms == MS_NEVER.ms);
	w->now = ms_add(w->now, 3600 * 1000);
	assert_int_equal(turns(w, 10), 0);
	expect_nothing_yet(fd);
	/* The answer comes between two turns, long after the last one: that is no stall. */
	w->now = ms_add(w->now, 3600 * 1000);
	ctl_out(w->held, "done\n", 5);
	assert_true(ctl_deadline(w->ctl).ms <= w->now.ms);
	turns(w, 1);
	expect_bytes(fd, "\1\0\0\5done\n", 9);
	ctl_finish(w->held, 3);
	turns(w, 10);
	expect_bytes(fd, "\3\0\0\1\3", 5);
	expect_end(fd);
	assert_int_equal(ctl_counters(w->ctl)->timed_out, 0);
}

static void
a_client_that_ends_its_sending_side_still_gets_its_answer(void **state)
{
	struct world *w = *state;
	int fd = ask(w, CTL_COMMIT);

	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turns(w, 10);
	assert_non_null(w->held);
	ctl_out(w->held, "done\n", 5);
	ctl_finish(w->held, 0);
	turns(w, 10);
	expect_bytes(fd, "done\n", 5);
	expect_end(fd);
}

static void
a_client_that_leaves_is_forgotten_once(void **state)
{
	struct world *w = *state;
	int fd = ask(w, CTL_COMMIT);

	turns(w, 10);
	assert_non_null(w->held);
	close(fd);
	turns(w, 10);
	assert_null(w->held);
	assert_int_equal(w->gones, 1);
	fd = ask(w, CTL_DUMP_INTERNAL);
	turns(w, 3);
	close(fd);
	turns(w, 10);
	assert_int_equal(w->gones, 2);
	assert_true(w->lines < DUMP_LINES);
}

static void
an_owner_without_news_is_not_asked_in_circles(void **state)
{
	struct world *w = *state;
	int fd = ask(w, CTL_STATS_QUEUE);

	turns(w, 50);
	assert_int_equal(w->mores, 1);
	assert_int_equal(turns(w, 50), 0);
	ctl_want_more(w->held);
	turns(w, 50);
	assert_int_equal(w->mores, 2);
	close(fd);
}

static void
output_is_bounded_and_can_always_be_finished(void **state)
{
	static char data[CTL_OUT_MAX + 10];
	struct world *w = *state;
	int fd = ask(w, CTL_COMMIT | CTL_FRAMED);
	struct ctl_client *c;
	size_t added = 0, got = 0;

	turns(w, 10);
	c = w->held;
	assert_false(ctl_out(c, data, sizeof(data)));
	assert_false(ctl_out(c, data, CTL_OUT_MAX));
	while (ctl_out(c, data, 1000))
		added += 1004;
	assert_true(added <= CTL_OUT_MAX);
	assert_true(added > CTL_OUT_MAX - 1004);
	while (ctl_out(c, data, 1))
		added += 5;
	assert_true(added > CTL_OUT_MAX - 5);
	assert_false(ctl_err(c, "no room"));
	ctl_finish(c, 5);
	turns(w, 10);
	while (got < added + 5) {
		ssize_t n = recv(fd, data + got, sizeof(data) - got, MSG_DONTWAIT);

		assert_true(n > 0);
		got += (size_t)n;
		turns(w, 10);
	}
	assert_int_equal(got, added + 5);
	assert_memory_equal(data + added, "\3\0\0\1\5", 5);
	expect_end(fd);
}

/* ---- patience ---- */

/* Reads and checks up to `max` bytes of the numbered lines, at *at; 0 at the end. */
static ssize_t
read_dump(int fd, size_t *at, size_t max)
{
	static char buf[1 << 16];
	ssize_t n = recv(fd, buf, max < sizeof(buf) ? max : sizeof(buf), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++, (*at)++) {
		char line[LINE_LEN + 1];

		snprintf(line, sizeof(line), "%-39u\n", (unsigned int)(*at / LINE_LEN));
		assert_int_equal(buf[i], line[*at % LINE_LEN]);
	}
	return n;
}

static void
a_stalled_reader_costs_a_bounded_buffer_and_nobody_else(void **state)
{
	struct world *w = *state;
	int slow = ask(w, CTL_DUMP_INTERNAL);
	uint32_t lines, mores;
	size_t at = 0;
	ssize_t n;
	int fd;

	turns(w, 1000);
	lines = w->lines;
	mores = w->mores;
	/* What the kernel's socket buffer took and what ours holds; nothing near 8 MB. */
	assert_true(lines < 50000);
	w->now = ms_add(w->now, 10000);
	assert_int_equal(turns(w, 1000), 0);
	assert_int_equal(w->mores, mores);
	for (int i = 0; i < 3; i++) {
		fd = ask(w, CTL_STATS);
		turns(w, 10);
		expect_bytes(fd, "some statistics\n", 16);
		expect_end(fd);
	}
	assert_int_equal(w->lines, lines);
	while ((n = read_dump(slow, &at, 1 << 16)) != 0) {
		assert_true(n > 0);
		turns(w, 2);
	}
	assert_int_equal(at, (size_t)DUMP_LINES * LINE_LEN);
	assert_int_equal(w->lines, DUMP_LINES);
	close(slow);
}

static void
an_answer_passes_through_a_narrow_socket_whole(void **state)
{
	struct world *w = *state;
	size_t at = 0;
	ssize_t n;
	int fd;

	/* Every write is cut somewhere, and the last ones come after the answer is finished. */
	w->sndbuf = 5000;
	fd = ask(w, CTL_DUMP_INTERNAL);
	turns(w, 100);
	for (int i = 0; (n = read_dump(fd, &at, 3000)) != 0; i++) {
		assert_true(n > 0);
		assert_true(i < 100000);
		turns(w, 2);
	}
	assert_int_equal(at, (size_t)DUMP_LINES * LINE_LEN);
	assert_int_equal(w->gones, 1);
	close(fd);
}

static void
the_stopwatch_starts_when_output_begins_to_wait(void **state)
{
	static char data[CTL_CHUNK_MAX];
	struct world *w = *state;
	int fd = ask(w, CTL_COMMIT | CTL_FRAMED);
	int i;

	turns(w, 10);
	/* An hour passes between pieces until one finds the socket full. */
	for (i = 0; i < 100 && ctl_deadline(w->ctl).ms == MS_NEVER.ms; i++) {
		w->now = ms_add(w->now, 3600 * 1000);
		assert_true(ctl_out(w->held, data, sizeof(data)));
		turns(w, 10);
	}
	assert_true(i > 1 && i < 100);
	assert_int_equal(ctl_counters(w->ctl)->timed_out, 0);
	assert_int_equal(ctl_deadline(w->ctl).ms, w->now.ms + CTL_STALL_MS_MAX);
	w->now = ms_add(w->now, CTL_STALL_MS_MAX - 1);
	turns(w, 10);
	assert_int_equal(w->gones, 0);
	w->now = ms_add(w->now, 1);
	turns(w, 10);
	assert_int_equal(w->gones, 1);
	assert_int_equal(ctl_counters(w->ctl)->timed_out, 1);
	close(fd);
}

static void
a_long_dump_does_not_take_a_whole_turn(void **state)
{
	struct world *w = *state;
	int fd = ask(w, CTL_DUMP_INTERNAL);
	size_t at = 0;

	turns(w, 1);
	for (int i = 0; i < 200; i++) {
		uint32_t before = w->mores;

		turns(w, 1);
		assert_true(w->mores - before <= 4);
		while (read_dump(fd, &at, 1 << 16) > 0)
			;
	}
	assert_int_equal(at, (size_t)DUMP_LINES * LINE_LEN);
	close(fd);
}

static void
a_client_that_says_nothing_is_sent_away_and_blocks_nobody(void **state)
{
	struct world *w = *state;
	int silent = dial(w);
	int fd;

	turns(w, 10);
	assert_int_equal(ctl_deadline(w->ctl).ms, w->now.ms + CTL_REQUEST_MS_MAX);
	fd = ask(w, CTL_STATS);
	turns(w, 10);
	expect_bytes(fd, "some statistics\n", 16);
	expect_end(fd);
	w->now = ms_add(w->now, CTL_REQUEST_MS_MAX - 1);
	turns(w, 10);
	expect_nothing_yet(silent);
	/* A byte is no request: it buys no time. */
	assert_int_equal(send(silent, "x", 1, MSG_NOSIGNAL), 1);
	turns(w, 10);
	w->now = ms_add(w->now, 1);
	turns(w, 10);
	expect_end(silent);
	assert_int_equal(ctl_counters(w->ctl)->timed_out, 1);
	assert_true(ctl_deadline(w->ctl).ms == MS_NEVER.ms);
}

static void
a_client_that_reads_nothing_is_sent_away_in_time(void **state)
{
	struct world *w = *state;
	int slow = ask(w, CTL_DUMP_INTERNAL);
	size_t at = 0;

	turns(w, 1000);
	for (int i = 0; i < 5; i++) {
		/* Slow is not stalled: a little every now and then is enough. */
		w->now = ms_add(w->now, CTL_STALL_MS_MAX - 1);
		turns(w, 1000);
		assert_int_equal(ctl_counters(w->ctl)->timed_out, 0);
		for (int j = 0; j < 40; j++)
			read_dump(slow, &at, 1 << 16);
		turns(w, 1000);
		assert_int_equal(ctl_deadline(w->ctl).ms, w->now.ms + CTL_STALL_MS_MAX);
	}
	w->now = ms_add(w->now, CTL_STALL_MS_MAX);
	turns(w, 1000);
	assert_int_equal(ctl_counters(w->ctl)->timed_out, 1);
	assert_int_equal(w->gones, 1);
	close(slow);
}

static void
leaving_before_the_request_is_counted(void **state)
{
	struct world *w = *state;
	int fd = dial(w);

	assert_int_equal(send(fd, "ab", 2, MSG_NOSIGNAL), 2);
	close(fd);
	turns(w, 10);
	assert_int_equal(ctl_counters(w->ctl)->read_failed, 1);
	assert_int_equal(w->requests, 0);
	assert_int_equal(w->gones, 0);
}

/* ---- crowds ---- */

static void
silent_clients_make_room_for_the_one_that_has_something_to_say(void **state)
{
	struct world *w = *state;
	int silent[CTL_CLIENTS_MAX - 3];
	int commit = ask(w, CTL_COMMIT);
	int stalled = ask(w, CTL_DUMP_INTERNAL), stalled_too;
	int fd;

	turns(w, 100);
	w->now = ms_add(w->now, 1);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		silent[i] = dial(w);
		turns(w, 10);
		w->now = ms_add(w->now, 1);
	}
	stalled_too = ask(w, CTL_DUMP_INTERNAL);
	turns(w, 100);
	assert_int_equal(ctl_counters(w->ctl)->accepted, CTL_CLIENTS_MAX);
	fd = ask(w, CTL_STATS);
	/* Nobody is overdue: the newcomer waits, and nothing spins. */
	turns(w, 10);
	assert_int_equal(turns(w, 10), 0);
	expect_nothing_yet(fd);
	assert_true(ctl_deadline(w->ctl).ms <= w->now.ms + CTL_FULL_PAUSE_MS);
	w->now = ms_add(w->now, CTL_EVICT_MS_MIN);
	turns(w, 10);
	expect_bytes(fd, "some statistics\n", 16);
	expect_end(fd);
	assert_int_equal(ctl_counters(w->ctl)->refused, 1);
	/* The oldest silent one had to go; the ones that stall and the one with a running command
	 * stay. */
	assert_int_equal(w->gones, 1);
	expect_end(silent[0]);
	expect_nothing_yet(silent[1]);
	assert_non_null(w->held);
	/* Somebody leaves: the next one gets in without anybody being sent away. */
	fd = ask(w, CTL_COMMIT);
	turns(w, 10);
	close(silent[1]);
	turns(w, 10);
	close(ask(w, CTL_STATS));
	turns(w, 10);
	assert_int_equal(w->requests, 6);
	assert_int_equal(ctl_counters(w->ctl)->refused, 1);
	for (size_t i = 2; i < ARRAY_LEN(silent); i++)
		close(silent[i]);
	close(fd);
	close(stalled);
	close(stalled_too);
	close(commit);
}

/* Each answer is worth a while of the daemon's time, in which nothing is replicated. */
static void
a_crowd_delays_a_turn_no_more_than_a_few_do(void **state)
{
	enum { CROWD = 100, GREEDY = 4, CHUNKS_MAX = 8 };
	struct world *w = *state;
	char some[CTL_CHUNK_MAX];
	int fds[CROWD];

	for (size_t i = 0; i < CROWD; i++) {
		fds[i] = ask(w, CTL_DUMP_INTERNAL);
		turns(w, 3);
	}
	for (size_t i = 0; i < CROWD; i++) {
		while (recv(fds[i], some, sizeof(some), 0) > 0)
			continue;
	}
	for (int turn = 0; turn < 2 * CROWD; turn++) {
		uint32_t before = w->mores;

		for (size_t i = 0; i < GREEDY; i++) {
			while (recv(fds[i], some, sizeof(some), 0) > 0)
				continue;
		}
		turns(w, 1);
		assert_true(w->mores - before <= CHUNKS_MAX);
	}
	/* But nobody is forgotten for those who came first. */
	for (size_t i = GREEDY; i < CROWD; i++)
		assert_true(recv(fds[i], some, sizeof(some), MSG_PEEK) > 0);
	assert_int_equal(ctl_counters(w->ctl)->timed_out, 0);
	for (size_t i = 0; i < CROWD; i++)
		close(fds[i]);
}

static void
a_full_house_of_working_clients_makes_newcomers_wait(void **state)
{
	struct world *w = *state;
	int busy[CTL_CLIENTS_MAX];
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
		busy[i] = ask(w, CTL_COMMIT);
		turns(w, 10);
	}
	fd = ask(w, CTL_STATS);
	for (int i = 0; i < 100; i++) {
		w->now = ms_add(w->now, 1000);
		assert_true(turns(w, 10) <= 2);
	}
	expect_nothing_yet(fd);
	assert_int_equal(ctl_counters(w->ctl)->refused, 0);
	assert_int_equal(w->requests, CTL_CLIENTS_MAX);
	close(busy[17]);
	turns(w, 10);
	expect_bytes(fd, "some statistics\n", 16);
	expect_end(fd);
	for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
		if (i != 17)
			close(busy[i]);
	}
}

static void
closing_tells_the_owner_about_every_client(void **state)
{
	struct world *w = *state;
	struct ctl_ops ops = owner_ops(w);
	int a = ask(w, CTL_COMMIT), b = ask(w, CTL_DUMP_INTERNAL), c = dial(w);

	turns(w, 20);
	ctl_close(w->ctl);
	assert_int_equal(w->gones, 2);
	close(a);
	close(b);
	expect_end(c);
	assert_int_equal(ctl_open(&w->ctl, w->path, CTL_NO_GROUP, &ops), 0);
}

/* ---- both ends ---- */

static void
our_own_client_reads_a_long_dump(void **state)
{
	struct world *w = *state;
	FILE *f = tmpfile();
	int status = -1;
	size_t at = 0;
	char line[LINE_LEN + 2];
	pid_t pid;

	assert_non_null(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char why[200];

		alarm(60);
		_exit(client_run(w->path, CTL_DUMP_INTERNAL, fileno(f), 2, why, sizeof(why)));
	}
	for (int i = 0; i < 200000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		if (turns(w, 5) == 0)
			usleep(100);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	rewind(f);
	while (fgets(line, sizeof(line), f))
		assert_int_equal(atoi(line), at++);
	assert_int_equal(at, DUMP_LINES);
	fclose(f);
}

/* A verb as the client sends it: number, length, words. */
static int
ask_words(struct world *w, const char *words, uint32_t len)
{
	uint32_t header[2] = {CTL_VERB | CTL_FRAMED, len};
	int fd = dial(w);

	assert_int_equal(send(fd, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
	if (len > 0 && len <= CTL_WORDS_MAX)
		assert_int_equal(send(fd, words, len, MSG_NOSIGNAL), len);
	return fd;
}

static void
a_verb_comes_with_its_words(void **state)
{
	static const char words[] = "status\0one\0two";
	struct world *w = *state;
	uint32_t header[2] = {CTL_VERB | CTL_FRAMED, sizeof(words)};
	int fd = dial(w);

	/* In pieces, each of them late. */
	for (size_t i = 0; i < sizeof(header); i++) {
		assert_int_equal(send(fd, (const char *)header + i, 1, MSG_NOSIGNAL), 1);
		turns(w, 10);
	}
	assert_int_equal(send(fd, words, 3, MSG_NOSIGNAL), 3);
	turns(w, 10);
	assert_int_equal(w->requests, 0);
	assert_int_equal(send(fd, words + 3, sizeof(words) - 3, MSG_NOSIGNAL), sizeof(words) - 3);
	turns(w, 10);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->words_len, sizeof(words));
	assert_memory_equal(w->words, words, sizeof(words));
	expect_bytes(fd, "\3\0\0\1\0", 5);
	expect_end(fd);
}

static void
words_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *words;
		uint32_t len;
	} bad[] = {{"", 0}, {"", 1}, {"status", 6}, {"nonsense", 9}, {"status", CTL_WORDS_MAX + 1},
	    {"status", UINT32_MAX}};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = ask_words(w, bad[i].words, bad[i].len);
		char answer[128];

		turns(w, 10);
		assert_int_equal(w->requests, 0);
		assert_int_equal(ctl_counters(w->ctl)->unknown_request, i + 1);
		assert_true(recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 5);
		assert_int_equal(answer[0], CTL_FRAME_ERR);
		close(fd);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_WORLD(a_new_client_gets_output_errors_and_exit_code),
	    WITH_WORLD(an_old_client_gets_plain_text_and_end_of_file),
	    WITH_WORLD(a_request_may_arrive_byte_by_byte),
	    WITH_WORLD(a_request_sent_by_a_client_that_left_is_still_carried_out),
	    WITH_WORLD(unknown_requests_are_counted_and_refused),
	    WITH_WORLD(an_owner_may_take_all_the_time_it_needs),
	    WITH_WORLD(a_client_that_ends_its_sending_side_still_gets_its_answer),
	    WITH_WORLD(a_client_that_leaves_is_forgotten_once),
	    WITH_WORLD(an_owner_without_news_is_not_asked_in_circles),
	    WITH_WORLD(output_is_bounded_and_can_always_be_finished),
	    WITH_WORLD(a_stalled_reader_costs_a_bounded_buffer_and_nobody_else),
	    WITH_WORLD(an_answer_passes_through_a_narrow_socket_whole),
	    WITH_WORLD(the_stopwatch_starts_when_output_begins_to_wait),
	    WITH_WORLD(a_long_dump_does_not_take_a_whole_turn),
	    WITH_WORLD(a_client_that_says_nothing_is_sent_away_and_blocks_nobody),
	    WITH_WORLD(a_client_that_reads_nothing_is_sent_away_in_time),
	    WITH_WORLD(leaving_before_the_request_is_counted),
	    WITH_WORLD(silent_clients_make_room_for_the_one_that_has_something_to_say),
	    WITH_WORLD(a_crowd_delays_a_turn_no_more_than_a_few_do),
	    WITH_WORLD(a_full_house_of_working_clients_makes_newcomers_wait),
	    WITH_WORLD(closing_tells_the_owner_about_every_client),
	    WITH_WORLD(our_own_client_reads_a_long_dump),
	    WITH_WORLD(a_verb_comes_with_its_words),
	    WITH_WORLD(words_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
