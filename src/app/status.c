/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.c: how the daemon is, as one document: `conntrackd status', `metrics' and `top' are made of it.
 * Keys are never renamed or given another meaning; conntrackd(8), STATUS DOCUMENT, describes them.
 */
#include <string.h>
#include <time.h>

#include "readiness.h"
#include "verbs.h"

/* Some 200 counters with names of up to 30 bytes, 8 peers, 4 links. */
enum { STATUS_MAX = 48 * 1024 };

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
	json_str(j, key, buf);
}

static void
write_table(struct json *j, const char *key, const struct daemon *d, enum node_table table)
{
	struct table_view v = node_table_view(d->node, table);

	json_object(j, key);
	json_u64(j, "flows", v.active);
	json_u64(j, "entries", v.total);
	json_u64(j, "limit", v.limit);
	json_object_end(j);
}

static void
write_peers(struct json *j, const struct daemon *d, ms_t now)
{
	struct peer_view v;

	json_array(j, "peers");
	for (size_t i = 0; node_peer_view(d->node, i, &v, now); i++) {
		json_object(j, NULL);
		write_addr(j, "address", &v.addr);
		json_u64(j, "link", v.addr.link);
		json_bool(j, "heard", v.heard_lately);
		json_i64(j, "heard_ms_ago", v.heard_ms_ago);
		json_u64(j, "flows", v.flows);
		json_bool(j, "in_sync", v.in_sync);
		json_object_end(j);
	}
	json_array_end(j);
}

static const char *
link_state_name(enum link_status s)
{
	return s == LINK_RUNNING ? "up" : s == LINK_DOWN ? "down" : "no-carrier";
}

static void
write_link_counters(struct json *j, const struct link_counters *c)
{
	json_object(j, "counters");
	json_u64(j, "sent_bytes", c->sent_bytes);
	json_u64(j, "sent_datagrams", c->sent_datagrams);
	json_u64(j, "sent_errors", c->sent_errors);
	json_u64(j, "recv_bytes", c->recv_bytes);
	json_u64(j, "recv_datagrams", c->recv_datagrams);
	json_u64(j, "recv_errors", c->recv_errors);
	json_u64(j, "recv_own", c->recv_own);
	json_u64(j, "recv_strangers", c->recv_strangers);
	json_u64(j, "recv_broken", c->recv_broken);
	json_u64(j, "recv_cut", c->recv_cut);
	json_u64(j, "connects", c->connects);
	json_u64(j, "queue_dropped", c->queue_dropped);
	json_u64(j, "recv_dropped", c->recv_dropped);
	json_u64(j, "recv_shut_out", c->recv_shut_out);
	json_object_end(j);
}

static void
write_links(struct json *j, const struct daemon *d)
{
	json_array(j, "links");
	for (size_t i = 0; i < d->links_count; i++) {
		json_object(j, NULL);
		json_str(j, "interface", link_config(d->links[i])->ifname);
		json_str(j, "state", link_state_name(link_status(d->links[i])));
		json_bool(j, "in_use", i == d->link_active);
		write_link_counters(j, link_counters(d->links[i]));
		json_object_end(j);
	}
	json_array_end(j);
}

static void
write_counters(struct json *j, const struct daemon *d)
{
	size_t count;
	const struct stats_row *rows = stats_rows(&count);
	const char *stats = (const char *)node_stats(d->node);

	json_object(j, "counters");
	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, stats + rows[i].offset, sizeof(value));
		json_u64(j, rows[i].name, value);
	}
	json_object_end(j);
}

static void
write_role(struct json *j, const struct daemon *d, ms_t now)
{
	json_object(j, "role");
	json_str(j, "is", role_name(d->role.is));
	json_i64(j, "since_s", ms_since(now, d->role.since) / 1000);
	json_str(j, "by", d->role.by[0] != '\0' ? d->role.by : NULL);
	json_object_end(j);
}

static void
write_status(struct json *j, const struct daemon *d)
{
	struct queue_view q = node_queue_view(d->node);
	struct ready_view ready;
	ms_t now = loop_now();

	json_object(j, NULL);
	json_str(j, "version", VERSION);
	json_i64(j, "time", (int64_t)time(NULL));
	json_i64(j, "uptime_s", ms_since(now, d->started) / 1000);
	json_str(j, "mode", mode_name(node_config(d->node)->mode));
	write_role(j, d, now);
	role_ready_view(d, &ready, now);
	readiness_write(j, "ready", d, &ready);
	write_table(j, "internal", d, TABLE_LOCAL);
	write_table(j, "external", d, TABLE_REMOTE);
	write_peers(j, d, now);
	write_links(j, d);
	json_object(j, "queues");
	json_u64(j, "to_send", q.tx);
	json_u64(j, "unacknowledged", q.unacked);
	json_object_end(j);
	gatekeeper_write(j, d);
	write_counters(j, d);
	json_object_end(j);
	json_end(j);
}

void
answer_status(const struct verb_call *v)
{
	static char buf[STATUS_MAX];
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	json_init(&j, &t);
	write_status(&j, v->d);
	verb_answer(v, &t, 0);
}
