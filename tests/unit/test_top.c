/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc.h"
#include "top.h"

/* What a test says of a node; the rest stands in TEXT. */
struct said {
	int uptime_s, events, sent, received, sent_bytes, recv_bytes, overruns;
	int flows, limit;
	const char *more; /* members of the document, each with a comma in front */
};

static const char TEXT[] =
    "{\"version\":\"2.0.0\",\"uptime_s\":%d,\"mode\":\"FT-FW\","
    "\"internal\":{\"flows\":%d,\"limit\":%d},\"external\":{\"flows\":7,\"limit\":1000},"
    "\"peers\":[{\"address\":\"192.168.100.200\",\"link\":0,\"heard\":true,\"heard_ms_ago\":120,"
    "\"flows\":7,\"in_sync\":true}],"
    "\"links\":[{\"interface\":\"eth2\",\"state\":\"up\",\"in_use\":true,"
    "\"counters\":{\"sent_bytes\":%d,\"recv_bytes\":%d,\"sent_errors\":1,\"recv_errors\":2,\"recv_dropped\":4}}],"
    "\"queues\":{\"to_send\":3,\"unacknowledged\":5},"
    "\"counters\":{\"kernel_events\":%d,\"send_messages\":%d,\"recv_messages\":%d,\"send_datagrams\":%d,"
    "\"recv_datagrams\":%d,\"kernel_overruns\":%d}%s}";

static void
feed_text(struct top *t, const char *text, int64_t at_ms)
{
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	top_feed(t, doc, (ms_t){at_ms});
	json_decref(doc);
}

static void
feed(struct top *t, const struct said *s, int64_t at_ms)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), TEXT, s->uptime_s, s->flows, s->limit, s->sent_bytes, s->recv_bytes,
	    s->events, s->sent, s->received, s->sent, s->received, s->overruns,
	    s->more != NULL ? s->more : "");

	assert_true(n > 0 && (size_t)n < sizeof(text));
	feed_text(t, text, at_ms);
}

/* As often as not two decimals are enough. */
static void
assert_about(double value, double expected)
{
	assert_true(value > expected - 0.005 && value < expected + 0.005);
}

/* ---- the model ---- */

static void
rates_are_what_grew_over_the_time_between(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	feed(&t, &(struct said){.uptime_s = 10, .events = 1000, .sent = 500, .received = 40, .sent_bytes = 7000,
	    .recv_bytes = 600}, 50000);
	assert_int_equal(t.span_ms, 0);
	assert_true(t.rates.events < 0 && t.rates.sent_bytes < 0 && t.links[0].sent_per_s < 0);
	feed(&t, &(struct said){.uptime_s = 12, .events = 4000, .sent = 1000, .received = 41, .sent_bytes = 9000,
	    .recv_bytes = 600}, 52000);
	assert_int_equal(t.span_ms, 2000);
	assert_about(t.rates.events, 1500);
	assert_about(t.rates.sent_messages, 250);
	assert_about(t.rates.recv_messages, 0.5);
	assert_about(t.links[0].sent_per_s, 1000);
	assert_about(t.links[0].recv_per_s, 0);
	assert_about(t.rates.sent_bytes, 1000);
	assert_int_equal(t.links[0].errors, 7);
	assert_int_equal(t.to_send, 3);
	assert_int_equal(t.unacknowledged, 5);
	assert_int_equal(t.restarts, 0);
	top_free(&t);
}

static void
another_daemon_has_no_rates_yet(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	feed(&t, &(struct said){.uptime_s = 10, .events = 1000, .sent = 500, .sent_bytes = 10}, 1000);
	feed(&t, &(struct said){.uptime_s = 1, .events = 2000, .sent = 600, .sent_bytes = 20}, 2000);
	assert_int_equal(t.restarts, 1);
	assert_int_equal(t.span_ms, 0);
	assert_true(t.rates.events < 0 && t.links[0].sent_per_s < 0);
	feed(&t, &(struct said){.uptime_s = 2, .events = 2100, .sent = 600, .sent_bytes = 20}, 3000);
	assert_about(t.rates.events, 100);
	/* One that has been up just as long is known by what it counts. */
	feed(&t, &(struct said){.uptime_s = 2, .events = 5, .sent = 700, .sent_bytes = 20}, 4000);
	assert_int_equal(t.restarts, 2);
	assert_true(t.rates.events < 0);
	top_free(&t);
}

static void
losses_are_named_with_what_is_new(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	feed(&t, &(struct said){.uptime_s = 10}, 1000);
	assert_int_equal(t.losses_count, 0);
	feed(&t, &(struct said){.uptime_s = 11, .overruns = 3}, 2000);
	assert_int_equal(t.losses_count, 1);
	assert_string_equal(t.losses[0].name, "overruns");
	assert_int_equal(t.losses[0].count, 3);
	assert_int_equal(t.losses[0].more, 3);
	feed(&t, &(struct said){.uptime_s = 12, .overruns = 3}, 3000);
	assert_int_equal(t.losses[0].more, 0);
	top_free(&t);
}

static void
a_document_of_something_else_says_nothing(void **state)
{
	static const char *const texts[] = {
	    "{}",
	    "{\"peers\":7,\"links\":{\"a\":1},\"counters\":[],\"internal\":\"x\",\"version\":null,\"commit\":[]}",
	    "{\"peers\":[1,null,{\"address\":5,\"flows\":-3,\"link\":-1}],\"links\":[[],\"x\"]}",
	    "{\"internal\":{\"flows\":-5,\"limit\":-7},\"counters\":{\"kernel_events\":-1},\"queues\":3}",
	    "{\"uptime_s\":9223372036854775807,\"peers\":[{\"lag_ms\":9223372036854775807,"
	    "\"heard_ms_ago\":9223372036854775807,\"link\":9223372036854775807}],"
	    "\"commit\":{\"running\":true,\"done\":1,\"of\":9223372036854775807,\"ms\":9223372036854775807}}",
	    "{\"version\":\"\\u001b[31m\\u00e4\",\"mode\":\"a\\u0001b\"}",
	};
	struct top t;

	(void)state;
	top_init(&t);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct top_page *page = calloc(1, sizeof(*page));

		feed_text(&t, texts[i], (int64_t)i * 1000);
		top_draw(&t, &(struct top_view){.rows = 24, .cols = 80, .why = "", .since = "", .clock = "",
		    .host = ""}, page);
		free(page);
	}
	assert_string_equal(t.version, "?[31m??");
	assert_string_equal(t.mode, "a?b");
	assert_int_equal(t.tables_count, 0);
	top_free(&t);
}

static void
as_one_document(void **state)
{
	struct top t;
	json_t *doc;

	(void)state;
	top_init(&t);
	feed(&t, &(struct said){.uptime_s = 10, .events = 1000}, 1000);
	doc = top_json(&t);
	assert_true(json_is_null(console_at(doc, "interval_ms")));
	assert_true(json_is_null(console_at(doc, "per_second.events")));
	json_decref(doc);
	feed(&t, &(struct said){.uptime_s = 11, .events = 1037, .sent_bytes = 100}, 2500);
	doc = top_json(&t);
	assert_int_equal(console_int(doc, "interval_ms"), 1500);
	assert_true(json_real_value(console_at(doc, "per_second.events")) == 24.7);
	assert_true(json_real_value(json_object_get(json_array_get(console_at(doc, "per_second.links"), 0),
	    "sent_bytes")) == 66.7);
	assert_int_equal(console_int(doc, "status.counters.kernel_events"), 1037);
	json_decref(doc);
	top_free(&t);
}

/* ---- numbers ---- */

static void
numbers_are_for_people(void **state)
{
	static const struct {
		double value;
		const char *rate, *bytes;
	} rates[] = {
	    {-1, "-", "-"}, {TOP_NO_RATE, "", ""}, {0, "0", "0"}, {0.04, "0.1", "0"}, {3, "3.0", "3"},
	    {9.94, "9.9", "10"}, {9.96, "10", "10"}, {999.4, "999", "999"}, {999.6, "1,000", "1.00k"},
	    {1234567, "1,234,567", "1.23M"}, {98765, "98,765", "98.8k"}, {999600, "999,600", "1.00M"},
	    {2e14, "200,000,000,000,000", "200T"},
	};
	static const struct {
		int64_t ms;
		const char *text;
	} times[] = {
	    {-1, "-"}, {0, "0 ms"}, {999, "999 ms"}, {1000, "1 s"}, {1234, "1.2 s"}, {12999, "12 s"},
	    {60000, "1:00"}, {3599000, "59:59"}, {3600000, "1:00:00"}, {86399000, "23:59:59"},
	    {86400000, "1d 00h"}, {360000000, "4d 04h"},
	};
	static const struct {
		const char *text;
		int64_t ms;
	} intervals[] = {
	    {"1", 1000}, {"0.5", 500}, {".25", 250}, {"2.", 2000}, {"3600", 3600000}, {"0.1", 100}, {"0.0999", -1},
	    {"0", -1}, {"3600.001", -1}, {"", -1}, {".", -1}, {"1.2.3", -1}, {"-1", -1}, {"1s", -1}, {" 1", -1},
	    {"99999999999999999999999", -1}, {"1.00000000000000000000000000009", 1000},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		top_rate(out, sizeof(out), rates[i].value);
		assert_string_equal(out, rates[i].rate);
		top_bytes(out, sizeof(out), rates[i].value);
		assert_string_equal(out, rates[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		top_duration(out, sizeof(out), times[i].ms);
		assert_string_equal(out, times[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(intervals); i++)
		assert_int_equal(top_interval(intervals[i].text), intervals[i].ms);
	top_count(out, sizeof(out), UINT64_MAX);
	assert_string_equal(out, "18,446,744,073,709,551,615");
	top_count(out, sizeof(out), 999);
	assert_string_equal(out, "999");
}

/* ---- the screen ---- */

struct stage {
	struct top t;
	struct top_view v;
	struct top_page p;
	int rows;
	char text[TOP_COLS_MAX + 1];
};

static struct stage *
raise_stage(int rows, int cols)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	top_init(&s->t);
	s->v = (struct top_view){.rows = rows, .cols = cols, .live = true, .why = "", .since = "12:00:00",
	    .clock = "12:34:56", .host = "fw1", .time_s = 1000000000};
	return s;
}

static void
strike(struct stage *s)
{
	top_free(&s->t);
	free(s);
}

static void
draw(struct stage *s)
{
	s->rows = top_draw(&s->t, &s->v, &s->p);
}

/* The number of the row in which this text is; -1 if it is in none. */
static int
row_of(struct stage *s, const char *what)
{
	for (int row = 0; row < s->p.rows; row++) {
		top_row_text(&s->p, row, s->text);
		if (strstr(s->text, what) != NULL)
			return row;
	}
	return -1;
}

/* The style of the cells of this text; -1 if it is not there. */
static int
style_of(struct stage *s, const char *what)
{
	int row = row_of(s, what);

	return row < 0 ? -1 : s->p.cells[row][strstr(s->text, what) - s->text].style;
}

static void
all_that_matters_is_on_a_small_terminal(void **state)
{
	struct stage *s = raise_stage(24, 80);
	static const char *const there[] = {
	    "conntrackd 2.0.0  fw1  FT-FW  up 11 s", "12:34:56", "internal            850        1,000  [", "85.0 %",
	    "external              7", "kernel               90          100", "from kernel         500", "sent                              10",
	    "to send 3", "unacked 5", "eth2", "192.168.100.200 eth2    in sync", "120 ms", "losses  overruns 2 (+2)", "q quit"};

	(void)state;
	feed(&s->t, &(struct said){.uptime_s = 10, .flows = 850, .limit = 1000}, 1000);
	feed(&s->t, &(struct said){.uptime_s = 11, .flows = 850, .limit = 1000, .events = 500, .sent = 10,
	    .overruns = 2, .more = ",\"kernel\":{\"flows\":90,\"flows_max\":100}"}, 2000);
	draw(s);
	for (size_t i = 0; i < ARRAY_LEN(there); i++) {
		if (row_of(s, there[i]) < 0)
			fail_msg("`%s' is not on the screen", there[i]);
	}
	assert_int_equal(row_of(s, "q quit"), 23);
	assert_int_equal(style_of(s, "85.0 %"), TOP_WARN);
	assert_int_equal(style_of(s, "0.7 %"), TOP_GOOD);
	assert_int_equal(style_of(s, "overruns 2"), TOP_BAD);
	assert_int_equal(style_of(s, "in sync"), TOP_GOOD);
	/* Little is more than nothing; 30 cells of which 85 % are full. */
	assert_true(row_of(s, "7        1,000  [|     ") > 0);
	assert_true(row_of(s, "[||||||||||||||||||||||||") >= 0);
	strike(s);
}

static void
every_size_is_drawn_within_itself(void **state)
{
	struct stage *s = raise_stage(24, 80);

	(void)state;
	feed(&s->t, &(struct said){.uptime_s = 10, .flows = 850, .limit = 1000}, 1000);
	feed(&s->t, &(struct said){.uptime_s = 11, .flows = 850, .limit = 1000, .overruns = 2,
	    .more = ",\"commit\":{\"running\":true,\"done\":10,\"total\":100,\"ms\":1000},"
		    "\"bulk\":{\"running\":true,\"sent\":10,\"total\":100,\"ms\":1000}"}, 2000);
	for (int rows = -1; rows < TOP_ROWS_MAX + 10; rows += rows < 30 ? 1 : 20) {
		for (int cols = -1; cols < TOP_COLS_MAX + 20; cols += cols < 100 ? 1 : 40) {
			s->v.rows = rows;
			s->v.cols = cols;
			memset(&s->p, 0x7f, sizeof(s->p));
			draw(s);
			assert_true(s->p.rows >= 1 && s->p.rows <= TOP_ROWS_MAX);
			for (int row = 0; row < TOP_ROWS_MAX; row++) {
				for (int col = 0; col < TOP_COLS_MAX; col++) {
					bool inside = row < s->p.rows && col < s->p.cols;

					assert_int_equal(s->p.cells[row][col].style < TOP_STYLES, inside);
				}
			}
		}
	}
	strike(s);
}

static void
silence_is_said_and_the_rest_is_pale(void **state)
{
	struct stage *s = raise_stage(24, 80);

	(void)state;
	s->v.stale_ms = 5000;
	s->v.why = "Connection refused";
	draw(s);
	assert_int_equal(row_of(s, "no answer yet: Connection refused"), 1);
	feed(&s->t, &(struct said){.uptime_s = 10, .flows = 990, .limit = 1000}, 1000);
	draw(s);
	assert_int_equal(row_of(s, "no answer since 12:00:00 (5 s): Connection refused"), 1);
	assert_int_equal(style_of(s, "no answer"), TOP_BAD);
	assert_int_equal(style_of(s, "99.0 %"), TOP_DIM);
	assert_int_equal(style_of(s, "in sync"), TOP_DIM);
	s->v.stale_ms = 0;
	draw(s);
	assert_int_equal(row_of(s, "no answer"), -1);
	assert_int_equal(style_of(s, "99.0 %"), TOP_BAD);
	strike(s);
}

static void
peers_can_be_walked_through_where_there_is_no_room(void **state)
{
	struct stage *s = raise_stage(24, 80);
	char more[2048] = "";
	size_t n;

	(void)state;
	/* Of two keys of one name the last is taken. */
	n = (size_t)snprintf(more, sizeof(more), ",\"peers\":[");
	for (int i = 1; i <= 9; i++)
		n += (size_t)snprintf(more + n, sizeof(more) - n, "%s{\"address\":\"10.0.0.%d\",\"link\":0,\"heard\":%s,"
		    "\"in_sync\":false,\"lag_ms\":%d,\"hears_us\":%s,\"gone\":%s}", i > 1 ? "," : "", i,
		    i == 8 ? "false" : "true", i * 300, i == 2 ? "false" : "null", i == 3 ? "true" : "false");
	snprintf(more + n, sizeof(more) - n, "]");
	feed(&s->t, &(struct said){.uptime_s = 10, .flows = 990, .limit = 1000, .more = more}, 1000);
	assert_int_equal(s->t.peers_count, TOP_PEERS_MAX);
	draw(s);
	for (int i = 1; i <= 8; i++)
		assert_true(row_of(s, (char[]){'1', '0', '.', '0', '.', '0', '.', (char)('0' + i), '\0'}) > 0);
	assert_int_equal(style_of(s, "silent"), TOP_BAD);
	assert_int_equal(style_of(s, "resync"), TOP_WARN);
	assert_int_equal(style_of(s, "deaf"), TOP_BAD);
	assert_int_equal(style_of(s, "gone"), TOP_BAD);
	assert_int_equal(style_of(s, "300 ms"), TOP_BOLD);
	assert_int_equal(style_of(s, "1.2 s"), TOP_WARN);
	s->v.rows = 15;
	draw(s);
	assert_true(row_of(s, "10.0.0.1") > 0 && row_of(s, "1-2 of 8") > 0 && row_of(s, "10.0.0.3") < 0);
	s->v.first_peer = 4;
	draw(s);
	assert_true(row_of(s, "10.0.0.5") > 0 && row_of(s, "10.0.0.6") > 0 && row_of(s, "10.0.0.4") < 0);
	s->v.first_peer = 7;
	draw(s);
	assert_true(row_of(s, "7-8 of 8") > 0);
	strike(s);
}

static void
what_is_under_way_says_when_it_will_be_done(void **state)
{
	struct stage *s = raise_stage(24, 80);

	(void)state;
	feed(&s->t, &(struct said){.uptime_s = 10, .more =
	    ",\"commit\":{\"running\":true,\"done\":30000,\"total\":100000,\"ms\":1500,\"eta_ms\":3500}"}, 1000);
	assert_about(s->t.commit.per_s, 20000);
	draw(s);
	assert_true(row_of(s, "30,000 of 100,000, 20,000/s, ETA 3.5 s") > 0);
	assert_int_equal(row_of(s, "bulk"), -1);
	/* Nothing done yet: nobody knows. */
	feed(&s->t, &(struct said){.uptime_s = 10, .more =
	    ",\"bulk\":{\"running\":true,\"sent\":0,\"total\":100000,\"ms\":5,\"eta_ms\":null},"
	    "\"kernel\":{\"read\":{\"running\":true}}"}, 1000);
	draw(s);
	assert_true(row_of(s, "0 of 100,000, 0/s, ETA -") > 0);
	assert_true(row_of(s, "the kernel's table is being read") > 0);
	assert_int_equal(row_of(s, "commit"), -1);
	feed(&s->t, &(struct said){.uptime_s = 10, .more =
	    ",\"commit\":{\"running\":false,\"done\":100000,\"total\":100000,\"ms\":5000}"}, 2000);
	draw(s);
	assert_int_equal(row_of(s, "ETA"), -1);
	assert_int_equal(row_of(s, "being read"), -1);
	strike(s);
}

static void
history_takes_what_is_left(void **state)
{
	struct stage *s = raise_stage(24, 80);
	json_t *doc = json_object(), *list = json_array();

	(void)state;
	for (int i = 0; i < 40; i++)
		json_array_append_new(list, json_pack("{s:I, s:i, s:s, s:o}", "time_ms",
		    (json_int_t)(999900000 + i * 2500) * 1000, "times", i == 39 ? 3 : 1, "event", "commit",
		    "text", json_sprintf("line %d", i)));
	json_object_set_new(doc, "entries", list);
	feed(&s->t, &(struct said){.uptime_s = 10, .flows = 990, .limit = 1000}, 1000);
	top_feed_history(&s->t, doc);
	json_decref(doc);
	assert_int_equal(s->t.history_count, TOP_HISTORY_MAX);
	draw(s);
	/* 1000000000 is 2001-09-09 01:46:40 UTC. */
	assert_int_equal(row_of(s, " 01:05:00    commit             line 39 (3 times)"), 22);
	assert_true(row_of(s, "09-08 23:41 commit             line 37") > 0);
	assert_int_equal(row_of(s, "line 8"), -1);
	s->v.utc_offset_s = 7200;
	draw(s);
	assert_true(row_of(s, " 03:05:00    commit             line 39") > 0);
	strike(s);
}

static void
readiness_comes_with_its_reasons(void **state)
{
	struct stage *s = raise_stage(24, 80);

	(void)state;
	feed(&s->t, &(struct said){.uptime_s = 10}, 1000);
	draw(s);
	assert_int_equal(row_of(s, "ready"), -1);
	assert_int_equal(row_of(s, "tables"), 1);
	feed(&s->t, &(struct said){.uptime_s = 10, .more = ",\"role\":{\"is\":\"backup\",\"since_s\":75,"
	    "\"by\":\"keepalived\"},\"ready\":{\"ready\":false,\"until_s\":12,\"reasons\":["
	    "{\"text\":\"only mentioned\",\"blocking\":false},{\"text\":\"in the way\",\"blocking\":true},3]}"}, 2000);
	draw(s);
	assert_int_equal(row_of(s, "ready to take over NO, in 12 s at the latest   role backup for 1:15, by keepa"), 1);
	assert_int_equal(style_of(s, "NO,"), TOP_BAD);
	assert_int_equal(row_of(s, "in the way"), 2);
	assert_int_equal(style_of(s, "in the way"), TOP_WARN);
	assert_int_equal(row_of(s, "  note: only mentioned"), 3);
	/* In rows, if it is long. */
	s->v.cols = 12;
	draw(s);
	assert_int_equal(row_of(s, "  in the way"), 2);
	assert_int_equal(row_of(s, "  note: only"), 3);
	assert_int_equal(row_of(s, "        ment"), 4);
	assert_int_equal(row_of(s, "        ione"), 5);
	assert_int_equal(row_of(s, "        d"), 6);
	s->v.cols = 10;
	draw(s);
	assert_int_equal(row_of(s, "  in the"), 2);
	assert_int_equal(row_of(s, "  way"), 3);
	s->v.cols = 80;
	feed(&s->t, &(struct said){.uptime_s = 10, .more = ",\"role\":{\"is\":\"master\",\"since_s\":0,\"by\":null},"
	    "\"ready\":{\"ready\":true,\"until_s\":0,\"reasons\":[]}"}, 3000);
	draw(s);
	assert_int_equal(row_of(s, "ready to take over yes   role master for 0 ms"), 1);
	assert_int_equal(row_of(s, "tables"), 2);
	strike(s);
}

static void
help_and_pause_are_seen(void **state)
{
	struct stage *s = raise_stage(24, 80);

	(void)state;
	feed(&s->t, &(struct said){.uptime_s = 10}, 1000);
	s->v.paused = true;
	draw(s);
	assert_int_equal(row_of(s, "paused"), 0);
	assert_int_equal(row_of(s, "p go on"), 23);
	s->v.help = true;
	draw(s);
	assert_true(row_of(s, "other peers") > 0 && row_of(s, "tables ") < 0);
	/* As text it has no line about keys, and ends with its last row. */
	s->v = (struct top_view){.rows = 60, .cols = 80, .why = "", .since = "", .clock = "", .host = ""};
	draw(s);
	assert_true(row_of(s, "q quit") < 0);
	assert_int_equal(row_of(s, "losses"), s->rows - 1);
	strike(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates_are_what_grew_over_the_time_between),
	    cmocka_unit_test(another_daemon_has_no_rates_yet),
	    cmocka_unit_test(losses_are_named_with_what_is_new),
	    cmocka_unit_test(a_document_of_something_else_says_nothing),
	    cmocka_unit_test(as_one_document),
	    cmocka_unit_test(numbers_are_for_people),
	    cmocka_unit_test(all_that_matters_is_on_a_small_terminal),
	    cmocka_unit_test(every_size_is_drawn_within_itself),
	    cmocka_unit_test(silence_is_said_and_the_rest_is_pale),
	    cmocka_unit_test(peers_can_be_walked_through_where_there_is_no_room),
	    cmocka_unit_test(what_is_under_way_says_when_it_will_be_done),
	    cmocka_unit_test(history_takes_what_is_left),
	    cmocka_unit_test(readiness_comes_with_its_reasons),
	    cmocka_unit_test(help_and_pause_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
