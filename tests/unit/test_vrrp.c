/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of keepalived's notify FIFO, the files shared with it, and how long a node is held back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hold.h"
#include "vrrp_fifo.h"
#include "vrrp_line.h"

/* ---- lines ---- */

static enum vrrp_verdict
parse(struct vrrp_line *out, const char *text)
{
	return vrrp_line_parse(out, text, strlen(text));
}

static void
lines_of_keepalived_are_read(void **state)
{
	static const struct {
		const char *text;
		struct vrrp_line line;
	} rows[] = {
	    /* As keepalived 2.2.7 wrote them. */
	    {"GROUP \"G1\" BACKUP 0", {true, "G1", VRRP_BACKUP, 0}},
	    {"INSTANCE \"V1\" BACKUP 100", {false, "V1", VRRP_BACKUP, 100}},
	    {"INSTANCE \"V2\" MASTER 100", {false, "V2", VRRP_MASTER, 100}},
	    {"INSTANCE \"V1\" MASTER_PRIORITY 50", {false, "V1", VRRP_MASTER_PRIORITY, 50}},
	    {"INSTANCE \"V1\" BACKUP_PRIORITY 1", {false, "V1", VRRP_BACKUP_PRIORITY, 1}},
	    {"GROUP \"G1\" FAULT 0", {true, "G1", VRRP_FAULT, 0}},
	    {"INSTANCE \"V1\" STOP 100", {false, "V1", VRRP_STOP, 100}},
	    /* As its manual has them. */
	    {"INSTANCE \"VI_1\" DELETED 100", {false, "VI_1", VRRP_DELETED, 100}},
	    {"INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 255",
		{false, "VI_1", VRRP_MASTER_RX_LOWER_PRI, 255}},
	    /* What may come one day, and names of all kinds. */
	    {"INSTANCE \"VI_1\" NEW_STATE 7", {false, "VI_1", VRRP_UNKNOWN, 7}},
	    {"GROUP \"a \"b\" c\" MASTER 0", {true, "a \"b\" c", VRRP_MASTER, 0}},
	    {"GROUP \"G\xc3\xa9\" MASTER 0", {true, "G\xc3\xa9", VRRP_MASTER, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vrrp_line line;

		assert_int_equal(parse(&line, rows[i].text), VRRP_LINE_GOOD);
		assert_int_equal(line.group, rows[i].line.group);
		assert_string_equal(line.name, rows[i].line.name);
		assert_int_equal(line.state, rows[i].line.state);
		assert_int_equal(line.priority, rows[i].line.priority);
	}
}

static void
other_lines_are_refused(void **state)
{
	static const char *const bad[] = {"", " ", "GROUP", "GROUP ", "GROUP \"", "GROUP \"\"", "GROUP G1 MASTER 0",
	    "GROUP \"G1 MASTER 0", "GROUP \"\" MASTER 0", "GROUP \"G1\"MASTER 0", "GROUP \"G1\" MASTER",
	    "GROUP \"G1\" MASTER ", "GROUP \"G1\"  0", "GROUP \"G1\" master 0", "GROUP \"G1\" MASTER 256",
	    "GROUP \"G1\" MASTER 99999999999999999999", "GROUP \"G1\" MASTER -1", "GROUP \"G1\" MASTER 0 ",
	    "GROUP \"G1\" MASTER 0\r", " GROUP \"G1\" MASTER 0", "group \"G1\" MASTER 0",
	    "GROUPS \"G1\" MASTER 0", "INSTANCE\t\"G1\" MASTER 0"};
	char longest[VRRP_LINE_MAX];
	struct vrrp_line line;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (parse(&line, bad[i]) != VRRP_LINE_BAD)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(parse(&line, "VS [192.168.201.15]:tcp:80 UP"), VRRP_LINE_OTHER);
	assert_int_equal(parse(&line, "RS [1.2.3.4]:tcp:80 [192.168.201.15]:tcp:80 DOWN"),
	    VRRP_LINE_OTHER);
	assert_int_equal(vrrp_line_parse(&line, "GROUP \"G\0\" MASTER 0", 19), VRRP_LINE_BAD);
	/* The longest name, and one more. */
	snprintf(longest, sizeof(longest), "GROUP \"%064d\" MASTER 0", 1);
	assert_int_equal(parse(&line, longest), VRRP_LINE_GOOD);
	snprintf(longest, sizeof(longest), "GROUP \"%065d\" MASTER 0", 1);
	assert_int_equal(parse(&line, longest), VRRP_LINE_BAD);
}

static void
no_part_of_a_line_is_a_line(void **state)
{
	static const char whole[] = "INSTANCE \"VI_1\" MASTER 100";
	char text[sizeof(whole)];
	struct vrrp_line line;

	(void)state;
	/* Its priority may be cut: that is not looked at. */
	for (size_t len = 0; len < sizeof(whole) - 3; len++)
		assert_int_equal(vrrp_line_parse(&line, whole, len), VRRP_LINE_BAD);
	/* Any byte in any place: no state is taken for MASTER that does not say so. */
	for (size_t at = 0; at < sizeof(whole) - 1; at++) {
		for (unsigned int byte = 0; byte < 256; byte++) {
			memcpy(text, whole, sizeof(whole));
			text[at] = (char)byte;
			if (vrrp_line_parse(&line, text, sizeof(whole) - 1) != VRRP_LINE_GOOD)
				continue;
			assert_true(line.state != VRRP_MASTER ||
			    memcmp(text + 16, "MASTER ", 7) == 0);
			assert_true(strlen(line.name) < VRRP_NAME_MAX);
		}
	}
}

struct heard {
	unsigned int lines;
	size_t longest;
	char last[VRRP_LINE_MAX + 1];
};

static void
hear(void *ctx, const char *text, size_t len)
{
	struct heard *h = ctx;

	assert_true(len <= VRRP_LINE_MAX);
	h->lines++;
	if (len > h->longest)
		h->longest = len;
	memcpy(h->last, text, len);
	h->last[len] = '\0';
}

static void
lines_come_in_pieces_of_any_size(void **state)
{
	static const char text[] = "GROUP \"G1\" BACKUP 0\nGROUP \"G1\" MASTER 0\n\nGROUP";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct vrrp_reader r = {.len = 0};
		struct heard h = {.lines = 0};

		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;

			vrrp_reader_feed(&r, text + at, left < piece ? left : piece, hear, &h);
		}
		assert_int_equal(h.lines, 3);
		assert_int_equal(r.cut_lines, 0);
		vrrp_reader_feed(&r, " \"G\" FAULT 0\n", 13, hear, &h);
		assert_string_equal(h.last, "GROUP \"G\" FAULT 0");
	}
}

static void
long_lines_are_passed_over_and_counted(void **state)
{
	struct vrrp_reader r = {.len = 0};
	struct heard h = {.lines = 0};
	char bytes[VRRP_LINE_MAX + 1];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	vrrp_reader_feed(&r, bytes, VRRP_LINE_MAX, hear, &h);
	vrrp_reader_feed(&r, "\n", 1, hear, &h);
	assert_int_equal(h.lines, 1);
	assert_int_equal(h.longest, VRRP_LINE_MAX);
	for (int i = 0; i < 100; i++)
		vrrp_reader_feed(&r, bytes, sizeof(bytes), hear, &h);
	assert_int_equal(r.cut_lines, 0);
	vrrp_reader_feed(&r, "\nGROUP \"G\" FAULT 0\n", 19, hear, &h);
	assert_int_equal(r.cut_lines, 1);
	assert_int_equal(h.lines, 2);
	assert_string_equal(h.last, "GROUP \"G\" FAULT 0");
}

/* ---- files ---- */

static char dir[] = "/tmp/test-vrrp-XXXXXX", path[64], other[64];

static int
set_up(void **state)
{
	(void)state;
	memset(dir + strlen(dir) - 6, 'X', 6);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(other, sizeof(other), "%s/g", dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(dir);
}

static void
a_fifo_neither_blocks_nor_ends(void **state)
{
	struct vrrp_file file;
	char buf[16];
	int fd, writer;

	(void)state;
	assert_false(vrrp_fifo_has_reader(path));
	assert_int_equal(vrrp_fifo_make(path), 0);
	assert_int_equal(vrrp_fifo_make(path), 0);
	assert_false(vrrp_fifo_has_reader(path));
	fd = vrrp_fifo_open(path, &file);
	assert_true(fd >= 0);
	assert_true(vrrp_fifo_has_reader(path));
	assert_int_equal(vrrp_fifo_read(fd, buf, sizeof(buf)), 0);
	writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(write(writer, "a\n", 2), 2);
	close(writer);
	assert_int_equal(vrrp_fifo_read(fd, buf, sizeof(buf)), 2);
	assert_int_equal(vrrp_fifo_read(fd, buf, sizeof(buf)), 0);
	assert_false(vrrp_fifo_replaced(path, &file));
	unlink(path);
	assert_false(vrrp_fifo_replaced(path, &file));
	assert_int_equal(vrrp_fifo_make(path), 0);
	assert_true(vrrp_fifo_replaced(path, &file));
	close(fd);
}

static void
what_is_no_fifo_of_ours_is_refused(void **state)
{
	struct vrrp_file file;

	(void)state;
	assert_int_equal(vrrp_fifo_open(path, &file), -ENOENT);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(vrrp_fifo_make(path), 0);
	assert_int_equal(vrrp_fifo_open(path, &file), -ELOOP);
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(vrrp_fifo_open(path, &file), -EINVAL);
	assert_false(vrrp_fifo_has_reader(path));
	assert_int_equal(chmod(other, 0602), 0);
	assert_int_equal(vrrp_fifo_open(other, &file), -EPERM);
}

static void
a_note_is_always_whole(void **state)
{
	char is[VRRP_NOTE_MAX], raw[64];
	int fd;

	(void)state;
	vrrp_note_read(path, is);
	assert_string_equal(is, "");
	assert_int_equal(vrrp_note_write(path, "-253"), 0);
	vrrp_note_read(path, is);
	assert_string_equal(is, "-253");
	assert_int_equal(vrrp_note_write(path, "0"), 0);
	vrrp_note_read(path, is);
	assert_string_equal(is, "0");
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(read(fd, raw, sizeof(raw)), VRRP_NOTE_MAX - 1);
	assert_memory_equal(raw, "0             \n", VRRP_NOTE_MAX - 1);
	/* What others leave there. */
	assert_int_equal(pwrite(fd, "  7  \n", 6, 0), 6);
	vrrp_note_read(path, is);
	assert_string_equal(is, "7");
	assert_int_equal(pwrite(fd, "xxxxxxxxxxxxxxxxxxxxxxxx", 24, 0), 24);
	vrrp_note_read(path, is);
	assert_string_equal(is, "");
	assert_int_equal(ftruncate(fd, 0), 0);
	vrrp_note_read(path, is);
	assert_string_equal(is, "");
	close(fd);
	unlink(path);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(vrrp_note_write(path, "0"), -ELOOP);
	assert_int_equal(access(other, F_OK), -1);
}

/* Whoever can make files in the directory of the FIFO makes no master of this node, and has nothing overwritten. */
static void
a_note_of_somebody_else_is_not_believed(void **state)
{
	char is[VRRP_NOTE_MAX] = "x";
	int fd;

	(void)state;
	assert_int_equal(vrrp_note_recall(path, is), 0);
	assert_string_equal(is, "");
	assert_int_equal(vrrp_note_write(path, "MASTER"), 0);
	assert_int_equal(vrrp_note_recall(path, is), 0);
	assert_string_equal(is, "MASTER");
	assert_int_equal(chmod(path, 0646), 0);
	assert_int_equal(vrrp_note_recall(path, is), -EPERM);
	assert_string_equal(is, "");
	assert_int_equal(chmod(path, 0644), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(vrrp_note_recall(path, is), -EPERM);
	}
	/* A second name of a file that is worth more. */
	unlink(path);
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "MASTER\n", 7), 7);
	assert_int_equal(link(other, path), 0);
	assert_int_equal(vrrp_note_recall(path, is), -EPERM);
	assert_string_equal(is, "");
	assert_int_equal(vrrp_note_write(path, "BACKUP"), -EMLINK);
	assert_int_equal(lseek(fd, 0, SEEK_END), 7);
	close(fd);
	unlink(path);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(vrrp_note_recall(path, is), -ELOOP);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(vrrp_note_recall(path, is), -EINVAL);
}

/* ---- holding back ---- */

enum { MAX_MS = 60 * 1000, START_MS = 1000 * 1000 };

static enum hold_change
step(struct hold *h, bool may, bool ready, int64_t at_ms)
{
	return hold_step(h, may, ready, MAX_MS, (ms_t){START_MS + at_ms});
}

static void
a_node_is_held_until_it_has_been_ready_for_a_while(void **state)
{
	struct hold h = {.held = false};

	(void)state;
	assert_int_equal(step(&h, true, false, 0), HOLD_BEGINS);
	assert_int_equal(step(&h, true, false, 5000), HOLD_SAME);
	assert_int_equal(hold_deadline(&h, MAX_MS).ms, START_MS + MAX_MS);
	assert_int_equal(step(&h, true, true, 6000), HOLD_SAME);
	assert_int_equal(hold_deadline(&h, MAX_MS).ms, START_MS + 6000 + HOLD_SETTLE_MS);
	/* Not quite: from the beginning. */
	assert_int_equal(step(&h, true, false, 7000), HOLD_SAME);
	assert_int_equal(step(&h, true, true, 8000), HOLD_SAME);
	assert_int_equal(step(&h, true, true, 8000 + HOLD_SETTLE_MS - 1), HOLD_SAME);
	assert_int_equal(step(&h, true, true, 8000 + HOLD_SETTLE_MS), HOLD_READY);
	assert_false(h.held);
	assert_int_equal(hold_deadline(&h, MAX_MS).ms, MS_NEVER.ms);
}

static void
a_master_is_never_held(void **state)
{
	struct hold h = {.held = false};

	(void)state;
	assert_int_equal(step(&h, false, false, 0), HOLD_SAME);
	assert_int_equal(step(&h, true, false, 1), HOLD_BEGINS);
	assert_int_equal(step(&h, false, false, 2), HOLD_ROLE);
	assert_int_equal(step(&h, false, false, 2 * MAX_MS), HOLD_SAME);
}

static void
time_is_up_once(void **state)
{
	struct hold h = {.held = false};

	(void)state;
	assert_int_equal(step(&h, true, false, 0), HOLD_BEGINS);
	assert_int_equal(step(&h, true, false, MAX_MS - 1), HOLD_SAME);
	assert_int_equal(step(&h, true, false, MAX_MS), HOLD_TIME);
	for (int64_t t = MAX_MS + 1000; t < 100 * MAX_MS; t += 1000)
		assert_int_equal(step(&h, true, false, t), HOLD_SAME);
	/* A moment of readiness earns nothing, a long one all. */
	assert_int_equal(step(&h, true, true, 100 * MAX_MS), HOLD_SAME);
	assert_int_equal(step(&h, true, false, 100 * MAX_MS + 1), HOLD_SAME);
	assert_int_equal(step(&h, true, true, 101 * MAX_MS), HOLD_SAME);
	assert_int_equal(step(&h, true, true, 102 * MAX_MS), HOLD_SAME);
	assert_int_equal(step(&h, true, false, 102 * MAX_MS + 1), HOLD_BEGINS);
}

/* Whatever comes and goes: without a calm time of MAX_MS no more than MAX_MS is held in all. */
static void
who_comes_and_goes_is_held_no_longer(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 200; seed++) {
		struct hold h = {.held = false};
		int64_t held_ms = 0, ready_ms = 0, last = 0;
		unsigned int x = seed;
		bool ready = false, may = true;

		for (int64_t t = 0; t < 20 * MAX_MS; t += 100) {
			x = x * 1103515245u + 12345u;
			if ((x >> 16) % (seed % 7 == 0 ? 20 : 200) == 0)
				ready = !ready;
			if (seed % 3 == 0 && (x >> 20) % 500 == 0)
				may = !may;
			if (h.held)
				held_ms += t - last;
			ready_ms = ready ? ready_ms + (t - last) : 0;
			last = t;
			if (ready_ms >= MAX_MS)
				held_ms = 0;
			step(&h, may, ready, t);
			assert_true(may || !h.held);
			assert_true(held_ms <= MAX_MS + 100);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_of_keepalived_are_read),
	    cmocka_unit_test(other_lines_are_refused),
	    cmocka_unit_test(no_part_of_a_line_is_a_line),
	    cmocka_unit_test(lines_come_in_pieces_of_any_size),
	    cmocka_unit_test(long_lines_are_passed_over_and_counted),
	    cmocka_unit_test_setup_teardown(a_fifo_neither_blocks_nor_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_fifo_of_ours_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_note_is_always_whole, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_note_of_somebody_else_is_not_believed, set_up, tear_down),
	    cmocka_unit_test(a_node_is_held_until_it_has_been_ready_for_a_while),
	    cmocka_unit_test(a_master_is_never_held),
	    cmocka_unit_test(time_is_up_once),
	    cmocka_unit_test(who_comes_and_goes_is_held_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
