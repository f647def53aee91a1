/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "status_text.h"

#include <string.h>
#include <time.h>

#include "doc.h"

enum { INDENT = 2, DEEP = 4, EVENT_COLS = 30 };

static const char *
count_at(const json_t *doc, const char *path, char out[SCREEN_WORD_MAX])
{
	const json_t *value = console_at(doc, path);

	return json_is_integer(value) ? screen_count(out, json_integer_value(value)) : "?";
}

static const char *
time_at(const json_t *doc, const char *path, char out[SCREEN_WORD_MAX])
{
	const json_t *value = console_at(doc, path);

	return json_is_integer(value) ? screen_time(out, json_integer_value(value)) : "?";
}

static bool
is_there(const json_t *doc, const char *path)
{
	const json_t *value = console_at(doc, path);

	return value != NULL && !json_is_null(value);
}

static void
heading(const struct screen *s, const char *text)
{
	putc('\n', s->out);
	screen_put(s, SCREEN_HEAD, "%s", text);
	putc('\n', s->out);
}

/* ---- who, and the verdict ---- */

static void
print_who(const struct screen *s, const json_t *doc)
{
	const char *by = console_str(doc, "role.by");
	char up[SCREEN_WORD_MAX], since[SCREEN_WORD_MAX];

	screen_wrap(s, SCREEN_PLAIN, 0, INDENT, "conntrackd %s, mode %s, up %s, pid %lld",
	    console_str(doc, "version"), console_str(doc, "mode"),
	    screen_time(up, console_int(doc, "uptime_s") * 1000), (long long)console_int(doc, "pid"));
	screen_put(s, SCREEN_PLAIN, "Role: ");
	screen_put(s, SCREEN_HEAD, "%s", console_str(doc, "role.is"));
	screen_put(s, SCREEN_PLAIN, " for %s", screen_time(since, console_int(doc, "role.since_s") * 1000));
	if (by[0] != '\0')
		screen_put(s, SCREEN_PLAIN, ", by %s", by);
	putc('\n', s->out);
}

/* What keepalived has said, and is told. */
static void
print_vrrp(const struct screen *s, const json_t *doc)
{
	const json_t *v = console_at(doc, "vrrp");
	const char *state = console_str(v, "state");
	char ago[SCREEN_WORD_MAX] = "", left[SCREEN_WORD_MAX];

	if (is_there(v, "fifo")) {
		if (is_there(v, "heard_s_ago"))
			snprintf(ago, sizeof(ago), " %s ago", screen_time(left, console_int(v, "heard_s_ago") * 1000));
		screen_wrap(s, SCREEN_PLAIN, 0, INDENT, "keepalived: %s %s %s%s", console_str(v, "of"),
		    console_str(v, "name"), state[0] != '\0' ? state : "has said nothing yet", ago);
	}
	if (console_bool(v, "held"))
		screen_wrap(s, SCREEN_WARN, 0, INDENT,
		    "Held back in the election of a master for %s more at most (track file: %lld): %s",
		    screen_time(left, console_int(v, "until_s") * 1000), (long long)console_int(v, "value"),
		    console_str(v, "why"));
	if (is_there(v, "error"))
		screen_wrap(s, SCREEN_BAD, 0, INDENT, "The track file %s cannot be written: %s",
		    console_str(v, "track_file"), console_str(v, "error"));
}

static enum screen_style
verdict_style(const struct verdict *v)
{
	switch (v->is) {
	case VERDICT_SAFE:
		return SCREEN_GOOD;
	case VERDICT_BUT:
		return SCREEN_WARN;
	case VERDICT_UNSAFE:
		return SCREEN_BAD;
	case VERDICT_NONE:
		break;
	}
	return SCREEN_HEAD;
}

static void
print_line(const struct screen *s, const struct verdict_line *line)
{
	screen_wrap(s, line->bad ? SCREEN_BAD : SCREEN_PLAIN, 0, DEEP, "  %s%s", line->bad ? "because " : "- ",
	    line->text);
	if (line->advice[0] != '\0')
		screen_wrap(s, SCREEN_PLAIN, 0, DEEP + INDENT, "    -> %s", line->advice);
}

static void
print_verdict(const struct screen *s, const struct verdict *v)
{
	putc('\n', s->out);
	screen_put(s, verdict_style(v), "%s: %s", v->question, v->answer);
	putc('\n', s->out);
	for (int bad = 1; bad >= 0; bad--) {
		for (size_t i = 0; i < v->count; i++) {
			if (v->lines[i].bad == (bad == 1))
				print_line(s, &v->lines[i]);
		}
	}
}

/* ---- tables ---- */

static void
print_table(const struct screen *s, const char *name, const json_t *flows, const json_t *entries,
    const json_t *limit, const char *more)
{
	char a[SCREEN_WORD_MAX], b[SCREEN_WORD_MAX], c[SCREEN_WORD_MAX];
	double full = json_is_integer(limit) && json_integer_value(limit) > 0
	    ? 100.0 * (double)json_integer_value(entries) / (double)json_integer_value(limit)
	    : -1;

	screen_put(s, SCREEN_PLAIN, "  %-10s %13s %13s %13s ", name,
	    json_is_integer(flows) ? screen_count(a, json_integer_value(flows)) : "?",
	    entries != flows ? screen_count(b, json_integer_value(entries)) : "",
	    json_is_integer(limit) ? screen_count(c, json_integer_value(limit)) : "?");
	if (full >= 0)
		screen_put(s, full >= 90 ? SCREEN_BAD : full >= 75 ? SCREEN_WARN : SCREEN_PLAIN, "%6.1f %%",
		    full);
	screen_put(s, SCREEN_PLAIN, "%s", more);
	putc('\n', s->out);
}

static void
print_tables(const struct screen *s, const json_t *doc)
{
	static const char *const names[] = {"internal", "external"};
	const json_t *kernel = console_at(doc, "kernel.flows"), *expects = console_at(doc, "expectations");
	char a[SCREEN_WORD_MAX], b[SCREEN_WORD_MAX], c[SCREEN_WORD_MAX];

	putc('\n', s->out);
	screen_put(s, SCREEN_HEAD, "TABLES %19s %13s %13s     full", "flows", "entries", "limit");
	putc('\n', s->out);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const json_t *t = json_object_get(doc, names[i]);

		print_table(s, names[i], json_object_get(t, "flows"), json_object_get(t, "entries"),
		    json_object_get(t, "limit"), console_bool(t, "disabled") ? "  disabled" : "");
	}
	print_table(s, "kernel", kernel, kernel, console_at(doc, "kernel.flows_max"), "");
	if (json_is_object(expects))
		screen_wrap(s, SCREEN_PLAIN, 0, INDENT,
		    "  expectations: %s own, %s of peers, limit %s", count_at(expects, "internal", a),
		    count_at(expects, "external", b), count_at(expects, "limit", c));
}

/* ---- peers and links ---- */

static void
print_peer(const struct screen *s, const json_t *p)
{
	const char *state = console_str(p, "resync.state");
	bool heard = console_bool(p, "heard");
	char ago[SCREEN_WORD_MAX], flows[SCREEN_WORD_MAX], lag[SCREEN_WORD_MAX], lost[SCREEN_WORD_MAX];

	screen_put(s, SCREEN_PLAIN, "  ");
	screen_put(s, heard ? SCREEN_GOOD : SCREEN_BAD, "%s", console_str(p, "address"));
	screen_wrap(s, SCREEN_PLAIN, INDENT + (int)strlen(console_str(p, "address")), DEEP,
	    " %s %s ago, %s flows here%s", heard ? "heard" : "SILENT, last heard",
	    time_at(p, "heard_ms_ago", ago), count_at(p, "flows", flows),
	    console_bool(p, "in_sync") ? ", in sync" : "");
	if (!console_bool(p, "in_sync"))
		screen_wrap(s, SCREEN_WARN, 0, DEEP, "    all its flows are asked for: %s for %s, try %lld", state,
		    time_at(p, "resync.ms_ago", ago), (long long)console_int(p, "resync.tries"));
	screen_wrap(s, SCREEN_PLAIN, 0, DEEP, "    %s%s; %s messages lost%s%s, restarts: %lld",
	    is_there(p, "lag_ms") ? "lags by " : "lag not known",
	    is_there(p, "lag_ms") ? time_at(p, "lag_ms", lag) : "", count_at(p, "lost", lost),
	    is_there(p, "asked_again") ? ", asked again: " : "",
	    is_there(p, "asked_again") ? count_at(p, "asked_again", flows) : "",
	    (long long)console_int(p, "restarts"));
}

static void
print_peers(const struct screen *s, const json_t *doc)
{
	const json_t *peers = console_at(doc, "peers"), *p;
	size_t i;

	heading(s, "PEERS");
	if (json_array_size(peers) == 0)
		screen_put(s, SCREEN_PLAIN, "  none was heard\n");
	json_array_foreach(peers, i, p)
		print_peer(s, p);
}

static void
print_link(const struct screen *s, const json_t *l)
{
	const char *state = console_str(l, "state"), *name = console_str(l, "interface");
	char sent[SCREEN_WORD_MAX], got[SCREEN_WORD_MAX], ago[SCREEN_WORD_MAX];
	json_int_t errors = console_int(l, "counters.sent_errors") + console_int(l, "counters.recv_errors");
	json_int_t dropped =
	    console_int(l, "counters.recv_dropped") + console_int(l, "counters.recv_shut_out");
	bool heard = is_there(l, "heard_ms_ago");

	screen_put(s, SCREEN_PLAIN, "  ");
	screen_put(s, strcmp(state, "up") == 0 ? SCREEN_GOOD : SCREEN_BAD, "%s %s", name, state);
	screen_wrap(s, SCREEN_PLAIN, INDENT + 1 + (int)(strlen(name) + strlen(state)), DEEP,
	    "%s, %s to %s port %lld", console_bool(l, "in_use") ? ", in use" : "",
	    console_str(l, "transport"), console_str(l, "destination"), (long long)console_int(l, "port"));
	screen_wrap(s, errors + dropped > 0 ? SCREEN_WARN : SCREEN_PLAIN, 0, DEEP,
	    "    sent %s, received %s%s%s%s; errors %lld, dropped %lld, strangers %lld%s",
	    screen_bytes(sent, console_int(l, "counters.sent_bytes")),
	    screen_bytes(got, console_int(l, "counters.recv_bytes")), heard ? ", last " : "",
	    heard ? time_at(l, "heard_ms_ago", ago) : "", heard ? " ago" : "",
	    (long long)errors, (long long)dropped, (long long)console_int(l, "counters.recv_strangers"),
	    console_bool(l, "guarded") ? "; a flood is being kept out" : "");
}

static void
print_links(const struct screen *s, const json_t *doc)
{
	const json_t *links = console_at(doc, "links"), *l;
	size_t i;

	heading(s, "DEDICATED LINKS");
	json_array_foreach(links, i, l)
		print_link(s, l);
}

/* ---- kernel ---- */

static void
print_filter(const struct screen *s, const json_t *f)
{
	static const char *const what[] = {"protocol", "address", "state"};
	char text[SCREEN_WORD_MAX * 2] = "";

	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		size_t len = strlen(text);

		if (is_there(f, what[i]))
			snprintf(text + len, sizeof(text) - len, " %s %s;", what[i],
			    console_str(f, what[i]));
	}
	screen_put(s, SCREEN_PLAIN, "  filter:%s %s\n", text[0] != '\0' ? text : " none;",
	    console_bool(f, "in_kernel") ? "in the kernel as far as it can" : "in user space");
}

static void
print_kernel(const struct screen *s, const json_t *doc)
{
	const json_t *k = console_at(doc, "kernel");
	char buffer[SCREEN_WORD_MAX], most[SCREEN_WORD_MAX], ago[SCREEN_WORD_MAX], took[SCREEN_WORD_MAX];
	json_int_t overruns = console_int(k, "overruns");
	const char *why = json_string_value(json_array_get(console_at(k, "last_read.why"), 0));

	heading(s, "KERNEL");
	if (is_there(k, "poll_s"))
		screen_put(s, SCREEN_PLAIN, "  polled every %lld s: no events are used\n",
		    (long long)console_int(k, "poll_s"));
	else
		screen_wrap(s, overruns > 0 ? SCREEN_WARN : SCREEN_PLAIN, 0, DEEP,
		    "  event buffer %s, at most %s; events lost: %lld times%s%s",
		    screen_bytes(buffer, console_int(k, "event_buffer_bytes")),
		    screen_bytes(most, console_int(k, "event_buffer_max_bytes")), (long long)overruns,
		    is_there(k, "overrun_ms_ago") ? ", last " : "",
		    is_there(k, "overrun_ms_ago") ? time_at(k, "overrun_ms_ago", ago) : "");
	if (is_there(k, "last_read"))
		screen_wrap(s, SCREEN_PLAIN, 0, DEEP, "  table read %s ago (%s), took %s",
		    time_at(k, "last_read.ms_ago", ago),
		    why != NULL ? why : "?",
		    time_at(k, "last_read.took_ms", took));
	print_filter(s, console_at(k, "filter"));
}

/* ---- what is under way, and what was ---- */

static void
print_work(const struct screen *s, const json_t *doc)
{
	char a[SCREEN_WORD_MAX], b[SCREEN_WORD_MAX], eta[SCREEN_WORD_MAX];

	if (!console_bool(doc, "commit.running") && !console_bool(doc, "bulk.running") &&
	    !console_bool(doc, "bulk.waits") && !is_there(doc, "purge.due_ms") &&
	    !console_bool(doc, "kernel.read.running"))
		return;
	heading(s, "UNDER WAY");
	if (console_bool(doc, "commit.running"))
		screen_wrap(s, SCREEN_PLAIN, 0, DEEP, "  commit (%s): %s of %s flows, %s to go",
		    console_str(doc, "commit.stage"), count_at(doc, "commit.done", a),
		    count_at(doc, "commit.total", b), time_at(doc, "commit.eta_ms", eta));
	if (console_bool(doc, "bulk.running"))
		screen_wrap(s, SCREEN_PLAIN, 0, DEEP, "  bulk update: %s of about %s flows, %s to go",
		    count_at(doc, "bulk.sent", a), count_at(doc, "bulk.total", b),
		    time_at(doc, "bulk.eta_ms", eta));
	if (console_bool(doc, "bulk.waits"))
		screen_put(s, SCREEN_PLAIN, "  bulk update: waits for a read of the kernel's table\n");
	if (console_bool(doc, "kernel.read.running"))
		screen_put(s, SCREEN_PLAIN, "  the kernel's table is being read\n");
	if (is_there(doc, "purge.due_ms"))
		screen_put(s, SCREEN_PLAIN, "  the kernel's table will be flushed in %s\n",
		    time_at(doc, "purge.due_ms", a));
}

static void
print_event(const struct screen *s, const json_t *e)
{
	time_t at = (time_t)(console_int(e, "time_ms") / 1000);
	json_int_t times = console_int(e, "times");
	char clock[16] = "", more[SCREEN_WORD_MAX] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (times > 1)
		snprintf(more, sizeof(more), " (%lld times)", (long long)times);
	screen_put(s, SCREEN_PLAIN, "  %8s  %-17s ", clock, console_str(e, "event"));
	screen_wrap(s, SCREEN_PLAIN, EVENT_COLS, EVENT_COLS, "%s%s", console_str(e, "text"), more);
}

static void
print_recent(const struct screen *s, const json_t *doc)
{
	const json_t *recent = console_at(doc, "history.recent"), *e;
	size_t i;

	heading(s, "RECENT EVENTS (all: conntrackd history)");
	json_array_foreach(recent, i, e)
		print_event(s, e);
}

void
status_print(const struct screen *s, const json_t *doc, const struct verdict *v)
{
	print_who(s, doc);
	print_vrrp(s, doc);
	print_verdict(s, v);
	print_tables(s, doc);
	if (v->is != VERDICT_NONE) {
		print_peers(s, doc);
		print_links(s, doc);
	}
	print_kernel(s, doc);
	print_work(s, doc);
	print_recent(s, doc);
}

void
status_print_short(const struct screen *s, const json_t *doc, const struct verdict *v)
{
	bool bad = v->is == VERDICT_UNSAFE;
	size_t said = 0;

	screen_put(s, SCREEN_PLAIN, "%s; ", console_str(doc, "role.is"));
	screen_put(s, verdict_style(v), "%s: %s", v->question, v->answer);
	/* Where something is in the way, nothing else matters. */
	for (size_t i = 0; i < v->count; i++) {
		if (bad && !v->lines[i].bad)
			continue;
		screen_put(s, SCREEN_PLAIN, "%s%s", said++ > 0 ? "; " : ": ", v->lines[i].text);
		if (bad && v->lines[i].advice[0] != '\0')
			screen_put(s, SCREEN_PLAIN, " (%s)", v->lines[i].advice);
	}
	putc('\n', s->out);
}
