/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.c: how the daemon is, as one document: `conntrackd status', `metrics' and `top' are made of it.
 * Keys are never renamed or given another meaning; conntrackd(8), STATUS DOCUMENT, describes them.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "readiness.h"
#include "verbs.h"

/* Some 200 counters with names of up to 30 bytes, 8 peers, 4 links, the last entries of the history. */
enum { STATUS_MAX = 48 * 1024, RECENT_MAX = 5 };

static const char *
mode_name(enum sync_mode_id mode)
{
	switch (mode) {
	case MODE_FTFW:
		return "FT-FW";
	case MODE_ALARM:
		return "ALARM";
	case MODE_NOTRACK:
		return "NOTRACK";
	case MODE_STATS:
		break;
	}
	return "Stats";
}

static void
write_addr(struct json *j, const char *key, const struct peer_addr *addr)
{
	char buf[64];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_addr(&t, addr->l3, &addr->addr);
	jw_str(j, key, buf);
}

/* Milliseconds since something that may never have been. */
static void
write_ago(struct json *j, const char *key, ms_t at, ms_t now)
{
	if (at.ms == 0)
		jw_null(j, key);
	else
		jw_i64(j, key, ms_since(now, at));
}

/* A time that is to come; MS_NEVER: none. */
static void
write_due(struct json *j, const char *key, ms_t at, ms_t now)
{
	int64_t ms = ms_since(at, now);

	if (at.ms == MS_NEVER.ms)
		jw_null(j, key);
	else
		jw_i64(j, key, ms > 0 ? ms : 0);
}

/* Views say -1 where there is nothing to say. */
static void
write_known(struct json *j, const char *key, int64_t value)
{
	if (value < 0)
		jw_null(j, key);
	else
		jw_i64(j, key, value);
}

/* At the pace so far. */
static void
write_eta(struct json *j, bool running, int64_t ms, uint64_t done, uint64_t total)
{
	if (!running || done == 0 || ms < 0)
		jw_null(j, "eta_ms");
	else
		jw_i64(j, "eta_ms", total > done ? (int64_t)((double)ms * (double)(total - done) / (double)done) : 0);
}

/* ---- tables ---- */

static void
write_table(struct json *j, const char *key, const struct daemon *d, enum node_table table)
{
	struct table_view v = node_table_view(d->node, table);

	jw_object(j, key);
	jw_u64(j, "flows", v.active);
	jw_u64(j, "entries", v.total);
	jw_u64(j, "limit", v.limit);
	jw_bool(j, "disabled",
	    table == TABLE_LOCAL ? d->cfg->disable_internal : d->cfg->disable_external);
	jw_object_end(j);
}

static void
write_expects(struct json *j, const struct daemon *d)
{
	struct table_view in = node_expects_view(d->node, TABLE_LOCAL);
	struct table_view ex = node_expects_view(d->node, TABLE_REMOTE);

	if (d->cfg->node.expects == 0) {
		jw_null(j, "expectations");
		return;
	}
	jw_object(j, "expectations");
	jw_u64(j, "internal", in.active);
	jw_u64(j, "external", ex.active);
	jw_u64(j, "limit", in.limit);
	jw_object_end(j);
}

/* ---- kernel ---- */

static void
write_filter(struct json *j, const struct daemon *d)
{
	static const char *const polarity[] = {
	    [FILTER_NONE] = NULL, [FILTER_ACCEPT] = "accept", [FILTER_IGNORE] = "ignore"};
	const struct filter *f = &node_config(d->node)->filter;

	jw_object(j, "filter");
	jw_bool(j, "in_kernel", d->cfg->filter_in_kernel && d->cfg->poll_s == 0);
	jw_str(j, "protocol", polarity[f->proto_polarity]);
	jw_str(j, "address", polarity[f->addr_polarity]);
	jw_u64(j, "addresses", f->nets_count);
	jw_str(j, "state", polarity[f->state_polarity]);
	jw_object_end(j);
}

static void
write_reasons(struct json *j, unsigned int why)
{
	static const char *const names[] = {"start", "resync", "flush", "overrun", "purge", "show",
	    "poll", "flush-expect"};

	jw_array(j, "why");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (why & 1u << i)
			jw_str(j, NULL, names[i]);
	}
	jw_array_end(j);
}

static void
write_reads(struct json *j, const struct daemon *d, ms_t now)
{
	const struct read_last *last = &d->read_last;

	jw_object(j, "read");
	jw_bool(j, "running", d->read_active != 0);
	write_reasons(j, d->read_active);
	write_due(j, "due_ms", d->overrun_read_at, now);
	jw_bool(j, "owed", d->read_owed);
	jw_object_end(j);
	if (last->why == 0) {
		jw_null(j, "last_read");
		return;
	}
	jw_object(j, "last_read");
	jw_i64(j, "ms_ago", ms_since(now, last->at));
	jw_i64(j, "took_ms", last->took_ms);
	jw_u64(j, "flows", last->flows);
	write_reasons(j, last->why);
	jw_object_end(j);
}

static void
write_netlink(struct json *j, const struct ctnl_counters *c)
{
	jw_object(j, "counters");
	jw_u64(j, "events_unknown", c->events_unknown);
	jw_u64(j, "events_bad", c->events_bad);
	jw_u64(j, "dump_unknown", c->dump_unknown);
	jw_u64(j, "dump_bad", c->dump_bad);
	jw_u64(j, "dump_stray", c->dump_stray);
	jw_u64(j, "answers_bad", c->answers_bad);
	jw_u64(j, "answers_stray", c->answers_stray);
	jw_u64(j, "foreign", c->foreign);
	jw_object_end(j);
}

static void
write_kernel(struct json *j, const struct daemon *d, ms_t now)
{
	const struct node_stats *s = node_stats(d->node);
	uint32_t max = ctnl_flows_max();

	jw_object(j, "kernel");
	write_known(j, "flows", ctnl_flows_count());
	write_known(j, "flows_max", max != 0 ? (int64_t)max : -1);
	jw_u64(j, "event_buffer_bytes", d->cfg->poll_s == 0 ? ctnl_rcvbuf(d->ctnl) : 0);
	jw_u64(j, "event_buffer_max_bytes", d->cfg->netlink_rcvbuf_max);
	jw_bool(j, "events_reliable", d->cfg->netlink_reliable);
	jw_u64(j, "overruns", s->kernel_overruns);
	write_ago(j, "overrun_ms_ago", d->overrun_last, now);
	if (d->cfg->poll_s == 0)
		jw_null(j, "poll_s");
	else
		jw_u64(j, "poll_s", d->cfg->poll_s);
	jw_u64(j, "flushes", d->kernel_flushes);
	write_filter(j, d);
	write_reads(j, d, now);
	write_netlink(j, ctnl_counters(d->ctnl));
	jw_object_end(j);
}

/* ---- peers ---- */

const char *
status_resync_name(enum resync_view r)
{
	switch (r) {
	case RESYNC_VIEW_WANTED:
		return "wanted";
	case RESYNC_VIEW_ASKED:
		return "asked";
	case RESYNC_VIEW_COMING:
		return "coming";
	case RESYNC_VIEW_REMOVING:
		return "removing";
	case RESYNC_VIEW_NONE:
		break;
	}
	return "none";
}

static void
write_paths(struct json *j, const struct daemon *d, size_t peer, ms_t now)
{
	jw_array(j, "paths");
	for (size_t i = 0; i < d->links_count; i++) {
		struct path_view v;

		if (!node_path_view(d->node, peer, i, &v, now))
			continue;
		jw_object(j, NULL);
		jw_u64(j, "link", i);
		write_addr(j, "address", &v.addr);
		jw_i64(j, "heard_ms_ago", v.heard_ms_ago);
		jw_object_end(j);
	}
	jw_array_end(j);
}

static void
write_peer(struct json *j, const struct daemon *d, const struct peer_view *v)
{
	bool tracked = node_config(d->node)->mode == MODE_FTFW;

	write_addr(j, "address", &v->addr);
	jw_u64(j, "link", v->addr.link);
	jw_bool(j, "heard", v->heard_lately);
	jw_i64(j, "heard_ms_ago", v->heard_ms_ago);
	jw_u64(j, "flows", v->flows);
	jw_bool(j, "in_sync", v->in_sync);
	jw_object(j, "resync");
	jw_str(j, "state", status_resync_name(v->resync));
	write_known(j, "ms_ago", v->resync_ms_ago);
	jw_u64(j, "tries", v->resync_tries);
	jw_bool(j, "unanswered", v->unanswered);
	jw_object_end(j);
	jw_bool(j, "gone", v->gone);
	if (tracked)
		jw_bool(j, "hears_us", !v->deaf);
	else
		jw_null(j, "hears_us");
	jw_u64(j, "restarts", v->restarts);
	write_known(j, "process_ms", v->process_ms);
	write_known(j, "lag_ms", v->lag_ms);
	jw_u64(j, "lost", v->lost);
	if (tracked)
		jw_u64(j, "asked_again", v->asked_again);
	else
		jw_null(j, "asked_again");
}

static void
write_peers(struct json *j, const struct daemon *d, ms_t now)
{
	struct peer_view v;

	jw_array(j, "peers");
	for (size_t i = 0; node_peer_view(d->node, i, &v, now); i++) {
		jw_object(j, NULL);
		write_peer(j, d, &v);
		write_paths(j, d, i, now);
		jw_object_end(j);
	}
	jw_array_end(j);
}

/* ---- links ---- */

static const char *
link_state_name(enum link_status s)
{
	return s == LINK_RUNNING ? "up" : s == LINK_DOWN ? "down" : "no-carrier";
}

static const char *
transport_name(enum link_transport t)
{
	return t == LINK_MULTICAST ? "multicast" : t == LINK_UDP ? "UDP" : "TCP";
}

static void
write_link_counters(struct json *j, const struct link_counters *c)
{
	jw_object(j, "counters");
	jw_u64(j, "sent_bytes", c->sent_bytes);
	jw_u64(j, "sent_datagrams", c->sent_datagrams);
	jw_u64(j, "sent_errors", c->sent_errors);
	jw_u64(j, "recv_bytes", c->recv_bytes);
	jw_u64(j, "recv_datagrams", c->recv_datagrams);
	jw_u64(j, "recv_errors", c->recv_errors);
	jw_u64(j, "recv_own", c->recv_own);
	jw_u64(j, "recv_strangers", c->recv_strangers);
	jw_u64(j, "recv_broken", c->recv_broken);
	jw_u64(j, "recv_cut", c->recv_cut);
	jw_u64(j, "connects", c->connects);
	jw_u64(j, "queue_dropped", c->queue_dropped);
	jw_u64(j, "recv_dropped", c->recv_dropped);
	jw_u64(j, "recv_shut_out", c->recv_shut_out);
	jw_object_end(j);
}

static void
write_stream(struct json *j, const struct link *l)
{
	bool from, to;

	if (!link_connected(l, &from, &to)) {
		jw_null(j, "connected");
		return;
	}
	jw_object(j, "connected");
	jw_bool(j, "from_peer", from);
	jw_bool(j, "to_peer", to);
	jw_u64(j, "queued", link_queued(l));
	jw_object_end(j);
}

static void
write_link(struct json *j, const struct daemon *d, size_t i, ms_t now)
{
	const struct link *l = d->links[i];
	const struct link_cfg *cfg = link_config(l);
	const struct peer_addr to = {.l3 = cfg->l3, .addr = cfg->group};
	const struct peer_addr stranger = link_stranger(l);

	jw_str(j, "interface", cfg->ifname);
	jw_str(j, "transport", transport_name(cfg->transport));
	write_addr(j, "destination", &to);
	jw_u64(j, "port", cfg->port);
	jw_str(j, "state", link_state_name(link_status(l)));
	jw_bool(j, "in_use", i == d->link_active);
	jw_bool(j, "default", d->cfg->links[i].is_default);
	write_known(j, "heard_ms_ago", node_link_heard_ms(d->node, i, now));
	jw_u64(j, "payload_bytes", link_payload_max(l));
	jw_u64(j, "receive_buffer_bytes", link_rcvbuf(l));
	jw_bool(j, "guarded", link_is_guarded(l));
	if (link_counters(l)->recv_strangers > 0)
		write_addr(j, "last_stranger", &stranger);
	else
		jw_null(j, "last_stranger");
	write_stream(j, l);
	write_link_counters(j, link_counters(l));
}

static void
write_links(struct json *j, const struct daemon *d, ms_t now)
{
	jw_array(j, "links");
	for (size_t i = 0; i < d->links_count; i++) {
		jw_object(j, NULL);
		write_link(j, d, i, now);
		jw_object_end(j);
	}
	jw_array_end(j);
}

/* ---- what is under way ---- */

static const char *
stage_name(enum commit_stage stage)
{
	switch (stage) {
	case STAGE_MASTERS:
		return "flows";
	case STAGE_RELATED:
		return "related flows";
	case STAGE_OWN:
		return "own flows";
	case STAGE_EXPECTS:
		return "expectations";
	case STAGE_OURS:
		return "ownership";
	case STAGE_LAST:
		break;
	}
	return "changes meanwhile";
}

static void
write_last_commit(struct json *j, const struct daemon *d, ms_t now)
{
	const struct commit_tally *t = &d->commit_last;

	if (d->commit_last_at.ms == 0) {
		jw_null(j, "last");
		return;
	}
	jw_object(j, "last");
	jw_i64(j, "ms_ago", ms_since(now, d->commit_last_at));
	jw_i64(j, "took_ms", t->took_ms);
	jw_u64(j, "total", t->total);
	jw_u64(j, "created", t->created);
	jw_u64(j, "updated", t->updated);
	jw_u64(j, "replaced", t->replaced);
	jw_u64(j, "current", t->current);
	jw_u64(j, "ended", t->ended);
	jw_u64(j, "degraded", t->degraded);
	jw_u64(j, "displaced", t->displaced);
	jw_u64(j, "expired", t->expired);
	jw_u64(j, "failed", t->failed);
	jw_u64(j, "expectations", t->expects_created);
	jw_u64(j, "expectations_failed", t->expects_failed);
	jw_object_end(j);
}

static void
write_commit(struct json *j, const struct daemon *d, ms_t now)
{
	struct commit_view v = node_commit_view(d->node, now);

	jw_object(j, "commit");
	jw_bool(j, "running", v.running);
	jw_str(j, "stage", v.running ? stage_name(v.stage) : NULL);
	jw_u64(j, "done", v.done);
	jw_u64(j, "total", v.total);
	jw_u64(j, "written", v.written);
	jw_u64(j, "failed", v.failed);
	write_known(j, "ms", v.running ? v.ms : -1);
	write_eta(j, v.running, v.ms, v.done, v.total);
	write_last_commit(j, d, now);
	jw_object_end(j);
}

static void
write_last_bulk(struct json *j, const struct daemon *d, ms_t now)
{
	const struct bulk_last *last = &d->bulk_last;

	if (last->at.ms == 0) {
		jw_null(j, "last");
		return;
	}
	jw_object(j, "last");
	jw_i64(j, "ms_ago", ms_since(now, last->at));
	jw_u64(j, "flows", last->flows);
	if (last->known)
		jw_u64(j, "unacknowledged", last->unacked);
	else
		jw_null(j, "unacknowledged");
	jw_object_end(j);
}

static void
write_bulk(struct json *j, const struct daemon *d, ms_t now)
{
	struct bulk_view v = node_bulk_view(d->node, now);

	jw_object(j, "bulk");
	jw_bool(j, "running", v.running);
	jw_bool(j, "waits", v.waits);
	jw_bool(j, "put_off", v.put_off);
	jw_bool(j, "unconfirmed", v.unconfirmed);
	jw_u64(j, "sent", v.sent);
	jw_u64(j, "total", v.total);
	write_known(j, "ms", v.running ? v.ms : -1);
	write_eta(j, v.running, v.ms, v.sent, v.total);
	write_last_bulk(j, d, now);
	jw_object_end(j);
}

static void
write_queues(struct json *j, const struct daemon *d, ms_t now)
{
	struct queue_view q = node_queue_view(d->node);

	jw_object(j, "queues");
	jw_u64(j, "to_send", q.tx);
	jw_u64(j, "unacknowledged", q.unacked);
	jw_u64(j, "unacknowledged_limit", q.unacked_max);
	jw_object_end(j);
	jw_object(j, "purge");
	write_due(j, "due_ms", d->purge_at, now);
	jw_u64(j, "timeout_s", d->cfg->purge_timeout_s);
	jw_object_end(j);
}

/* ---- the rest ---- */

static void
write_control(struct json *j, const struct ctl_counters *c)
{
	jw_object(j, "control");
	jw_u64(j, "accepted", c->accepted);
	jw_u64(j, "refused", c->refused);
	jw_u64(j, "read_failed", c->read_failed);
	jw_u64(j, "unknown_request", c->unknown_request);
	jw_u64(j, "timed_out", c->timed_out);
	jw_u64(j, "not_permitted", c->not_permitted);
	jw_object_end(j);
}

static void
write_recent(struct json *j, const struct history *h)
{
	uint64_t at = h->count > RECENT_MAX ? h->count - RECENT_MAX : 0;

	jw_object(j, "history");
	jw_u64(j, "added", h->count);
	jw_array(j, "recent");
	for (; at < h->count; at++)
		history_write(j, history_at(h, at), at);
	jw_array_end(j);
	jw_object_end(j);
}

static void
write_counters(struct json *j, const struct daemon *d)
{
	size_t count;
	const struct stats_row *rows = stats_rows(&count);
	const char *stats = (const char *)node_stats(d->node);

	jw_object(j, "counters");
	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, stats + rows[i].offset, sizeof(value));
		jw_u64(j, rows[i].name, value);
	}
	jw_object_end(j);
}

static void
write_role(struct json *j, const struct daemon *d, ms_t now)
{
	jw_object(j, "role");
	jw_str(j, "is", role_name(d->role.is));
	jw_i64(j, "since_s", ms_since(now, d->role.since) / 1000);
	jw_str(j, "by", d->role.by[0] != '\0' ? d->role.by : NULL);
	jw_object_end(j);
}

static void
write_status(struct json *j, const struct daemon *d)
{
	struct ready_view ready;
	ms_t now = loop_now();

	jw_object(j, NULL);
	jw_str(j, "version", VERSION);
	jw_i64(j, "pid", getpid());
	jw_i64(j, "time", (int64_t)time(NULL));
	jw_i64(j, "monotonic_ms", now.ms);
	jw_i64(j, "uptime_s", ms_since(now, d->started) / 1000);
	jw_str(j, "mode", mode_name(node_config(d->node)->mode));
	write_role(j, d, now);
	role_ready_view(d, &ready, now);
	readiness_write(j, "ready", d, &ready);
	vrrp_write(j, d, now);
	write_table(j, "internal", d, TABLE_LOCAL);
	write_table(j, "external", d, TABLE_REMOTE);
	write_expects(j, d);
	write_kernel(j, d, now);
	write_peers(j, d, now);
	write_links(j, d, now);
	write_queues(j, d, now);
	write_commit(j, d, now);
	write_bulk(j, d, now);
	gatekeeper_write(j, d);
	jw_object(j, "log");
	debug_write(j, d, now);
	jw_object_end(j);
	write_recent(j, &d->history);
	write_control(j, ctl_counters(d->ctl));
	write_counters(j, d);
	jw_object_end(j);
	jw_end(j);
}

void
answer_status(const struct verb_call *v)
{
	static char buf[STATUS_MAX];
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	write_status(&j, v->d);
	verb_answer(v, &t, 0);
}
