/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_model.c: from status documents to what is shown of them.
 */
#include "top.h"

#include <stdio.h>
#include <string.h>

#include "doc.h"

/* What no machine reaches; more makes no sense, and does not fit in integers any more. */
static const double RATE_MAX = 1e15;
static const int64_t TIME_MAX = (int64_t)1000 * 1000 * 1000 * 1000;

/* Counters that are not to move, and what is said of them where there is little room. */
static const struct {
	const char *counter, *words;
} losses[] = {
    {"kernel_overruns", "overruns"},
    {"local_full", "internal full"},
    {"remote_full", "external full"},
    {"seq_lost", "messages missing"},
    {"send_resent", "resent"},
    {"nack_unknown", "resend too late"},
    {"unacked_evicted", "forgotten"},
    {"bulk_unacked", "bulk unanswered"},
    {"recv_bad_payload", "malformed"},
    {"recv_flood", "flood"},
    {"seq_forged", "forged"},
    {"commit_failed", "commit failed"},
    {"expect_failed", "expectations failed"},
};

void
top_init(struct top *t)
{
	memset(t, 0, sizeof(*t));
}

void
top_free(struct top *t)
{
	json_decref(t->doc);
	top_init(t);
}

/* ---- values of a document ---- */

static uint64_t
u64_at(const json_t *doc, const char *path)
{
	json_int_t n = console_int(doc, path);

	return n > 0 ? (uint64_t)n : 0;
}

/* A time, in seconds or less; -1 if it is missing. */
static int64_t
time_at(const json_t *doc, const char *path)
{
	const json_t *value = console_at(doc, path);
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;

	return n < 0 ? -1 : n < TIME_MAX ? n : TIME_MAX;
}

/* Names of others may have any bytes; the screen has room for printable ones. */
static void
copy(char *out, size_t len, const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0' && n + 1 < len; n++)
		out[n] = s[n] >= ' ' && s[n] <= '~' ? s[n] : '?';
	out[n] = '\0';
}

/* By how much a counter has grown; false if it has not been there, or shrank: then it is another daemon's. */
static bool
growth(const json_t *before, const json_t *doc, const char *path, uint64_t *more)
{
	const json_t *a = console_at(before, path), *b = console_at(doc, path);

	if (!json_is_integer(a) || !json_is_integer(b) || json_integer_value(b) < json_integer_value(a))
		return false;
	*more = (uint64_t)json_integer_value(b) - (uint64_t)json_integer_value(a);
	return true;
}

static double
rate(const json_t *before, const json_t *doc, const char *path, int64_t span_ms)
{
	uint64_t more;
	double per_s;

	if (span_ms <= 0 || !growth(before, doc, path, &more))
		return -1;
	per_s = (double)more * 1000 / (double)span_ms;
	return per_s < RATE_MAX ? per_s : RATE_MAX;
}

/* ---- its parts ---- */

static void
take_table(struct top *t, const json_t *doc, const char *name, const char *flows, const char *limit)
{
	struct top_table *to = &t->tables[t->tables_count];

	if (!json_is_integer(console_at(doc, flows)))
		return;
	copy(to->name, sizeof(to->name), name);
	to->flows = u64_at(doc, flows);
	to->limit = u64_at(doc, limit);
	t->tables_count++;
}

static enum top_peer_state
peer_state(const json_t *peer)
{
	if (console_bool(peer, "gone"))
		return TOP_PEER_GONE;
	if (!console_bool(peer, "heard"))
		return TOP_PEER_SILENT;
	if (json_is_false(console_at(peer, "hears_us")))
		return TOP_PEER_DEAF;
	return console_bool(peer, "in_sync") ? TOP_PEER_IN_SYNC : TOP_PEER_RESYNC;
}

static void
take_peers(struct top *t, const json_t *doc)
{
	const json_t *list = console_at(doc, "peers");
	size_t count = json_array_size(list);

	t->peers_count = count < TOP_PEERS_MAX ? count : TOP_PEERS_MAX;
	for (size_t i = 0; i < t->peers_count; i++) {
		const json_t *from = json_array_get(list, i);
		struct top_peer *p = &t->peers[i];
		const json_t *link = json_array_get(console_at(doc, "links"), u64_at(from, "link"));

		copy(p->address, sizeof(p->address), console_str(from, "address"));
		copy(p->link, sizeof(p->link), console_str(link, "interface"));
		p->heard_ms_ago = time_at(from, "heard_ms_ago");
		p->state = peer_state(from);
		p->lag_ms = time_at(from, "lag_ms");
		p->flows = u64_at(from, "flows");
	}
}

static double
sum(double a, double b)
{
	return a < 0 || b < 0 ? -1 : a + b;
}

static void
take_links(struct top *t, const json_t *before, const json_t *doc)
{
	const json_t *list = console_at(doc, "links"), *list_before = console_at(before, "links");
	size_t count = json_array_size(list);
	struct top_rates *r = &t->rates;

	t->links_count = count < TOP_LINKS_MAX ? count : TOP_LINKS_MAX;
	r->sent_bytes = r->recv_bytes = t->links_count > 0 && t->span_ms > 0 ? 0 : -1;
	for (size_t i = 0; i < t->links_count; i++) {
		const json_t *from = json_array_get(list, i), *old = json_array_get(list_before, i);
		struct top_link *l = &t->links[i];

		copy(l->interface, sizeof(l->interface), console_str(from, "interface"));
		copy(l->state, sizeof(l->state), console_str(from, "state"));
		l->in_use = console_bool(from, "in_use");
		l->sent_bytes = u64_at(from, "counters.sent_bytes");
		l->recv_bytes = u64_at(from, "counters.recv_bytes");
		l->errors = u64_at(from, "counters.sent_errors") + u64_at(from, "counters.recv_errors") +
		    u64_at(from, "counters.recv_dropped");
		l->sent_per_s = rate(old, from, "counters.sent_bytes", t->span_ms);
		l->recv_per_s = rate(old, from, "counters.recv_bytes", t->span_ms);
		r->sent_bytes = sum(r->sent_bytes, l->sent_per_s);
		r->recv_bytes = sum(r->recv_bytes, l->recv_per_s);
	}
}

static void
take_rates(struct top *t, const json_t *before, const json_t *doc)
{
	struct top_rates *r = &t->rates;

	r->events = rate(before, doc, "counters.kernel_events", t->span_ms);
	r->sent_messages = rate(before, doc, "counters.send_messages", t->span_ms);
	r->recv_messages = rate(before, doc, "counters.recv_messages", t->span_ms);
	r->sent_datagrams = rate(before, doc, "counters.send_datagrams", t->span_ms);
	r->recv_datagrams = rate(before, doc, "counters.recv_datagrams", t->span_ms);
}

static void
take_losses(struct top *t, const json_t *before, const json_t *doc)
{
	const json_t *counters = console_at(doc, "counters");
	const json_t *counters_before = t->span_ms > 0 ? console_at(before, "counters") : NULL;

	t->losses_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(losses) && t->losses_count < TOP_LOSSES_MAX; i++) {
		struct top_loss *l = &t->losses[t->losses_count];

		l->count = u64_at(counters, losses[i].counter);
		l->name = losses[i].words;
		l->more = 0;
		growth(counters_before, counters, losses[i].counter, &l->more);
		if (l->count > 0)
			t->losses_count++;
	}
}

/* What is under way; `done` names what is done of the "total". */
static void
take_work(struct top_work *w, const json_t *from, const char *done)
{
	*w = (struct top_work){.running = console_bool(from, "running"), .per_s = -1};
	w->done = u64_at(from, done);
	w->of = u64_at(from, "total");
	w->ms = time_at(from, "ms");
	w->eta_ms = time_at(from, "eta_ms");
	if (w->ms > 0)
		w->per_s = (double)w->done * 1000 / (double)w->ms;
	if (w->per_s > RATE_MAX)
		w->per_s = RATE_MAX;
}

/* Those that keep the node from being ready come first; others are worth knowing, too. */
static void
take_reasons(struct top *t, const json_t *list, bool blocking)
{
	for (size_t i = 0; i < json_array_size(list) && t->reasons_count < TOP_REASONS_MAX; i++) {
		const json_t *from = json_array_get(list, i);
		struct top_reason *r = &t->reasons[t->reasons_count];

		if (console_bool(from, "blocking") != blocking)
			continue;
		r->blocking = blocking;
		copy(r->text, sizeof(r->text), console_str(from, "text"));
		t->reasons_count++;
	}
}

static void
take_role(struct top *t, const json_t *doc)
{
	copy(t->role, sizeof(t->role), console_str(doc, "role.is"));
	copy(t->role_by, sizeof(t->role_by), console_str(doc, "role.by"));
	t->role_since_s = time_at(doc, "role.since_s");
	t->has_ready = json_is_boolean(console_at(doc, "ready.ready"));
	t->ready = console_bool(doc, "ready.ready");
	t->ready_until_s = time_at(doc, "ready.until_s");
	t->reasons_count = 0;
	take_reasons(t, console_at(doc, "ready.reasons"), true);
	take_reasons(t, console_at(doc, "ready.reasons"), false);
}

void
top_feed(struct top *t, json_t *doc, ms_t now)
{
	json_t *before = t->doc;
	bool same = before != NULL &&
	    console_int(doc, "uptime_s") >= console_int(before, "uptime_s");
	uint64_t more;

	/* Another one may have taken no longer to start than this one has been up. */
	same = same && growth(before, doc, "counters.send_datagrams", &more) &&
	    growth(before, doc, "counters.kernel_events", &more);
	if (before != NULL && !same)
		t->restarts++;
	t->span_ms = same ? ms_since(now, t->at) : 0;
	t->known = true;
	t->at = now;
	copy(t->version, sizeof(t->version), console_str(doc, "version"));
	copy(t->mode, sizeof(t->mode), console_str(doc, "mode"));
	t->uptime_s = time_at(doc, "uptime_s");
	take_role(t, doc);
	t->tables_count = 0;
	take_table(t, doc, "internal", "internal.flows", "internal.limit");
	take_table(t, doc, "external", "external.flows", "external.limit");
	take_table(t, doc, "kernel", "kernel.flows", "kernel.flows_max");
	take_peers(t, doc);
	take_rates(t, before, doc);
	take_links(t, before, doc);
	take_losses(t, before, doc);
	take_work(&t->commit, console_at(doc, "commit"), "done");
	take_work(&t->bulk, console_at(doc, "bulk"), "sent");
	t->reading = console_bool(doc, "kernel.read.running");
	t->to_send = u64_at(doc, "queues.to_send");
	t->unacknowledged = u64_at(doc, "queues.unacknowledged");
	t->doc = json_incref(doc);
	json_decref(before);
}

void
top_feed_history(struct top *t, const json_t *doc)
{
	const json_t *list = console_at(doc, "entries");
	size_t count = json_array_size(list), first = count > TOP_HISTORY_MAX ? count - TOP_HISTORY_MAX : 0;

	t->history_count = 0;
	for (size_t i = first; i < count; i++) {
		const json_t *from = json_array_get(list, i);
		struct top_event *e = &t->history[t->history_count++];

		e->time_ms = console_int(from, "time_ms");
		e->times = u64_at(from, "times");
		copy(e->name, sizeof(e->name), console_str(from, "event"));
		copy(e->text, sizeof(e->text), console_str(from, "text"));
	}
}
