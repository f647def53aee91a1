/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blocks of conntrackd -s.  Scripts cut them by column: tabs, widths and empty lines are part
 * of the interface (conntrackd(8), STATISTICS).
 */
#include <limits.h>
#include <string.h>

#include "render.h"

/* Counters of one table, under one name for both. */
struct table_counters {
	uint64_t created, create_failed, full;
	uint64_t updated, update_failed;
	uint64_t destroyed, destroy_failed, destroy_missing;
};

static struct table_counters
table_counters(const struct node_stats *s, enum node_table table)
{
	if (table == TABLE_LOCAL)
		return (struct table_counters){s->local_created, s->local_create_failed,
		    s->local_full, s->local_updated, s->local_update_failed, s->local_destroyed,
		    s->local_destroy_failed, s->local_destroy_failed};
	return (struct table_counters){s->remote_created, s->remote_create_failed, s->remote_full,
	    s->remote_updated, s->remote_update_failed, s->remote_destroyed,
	    s->remote_destroy_failed + s->remote_destroy_not_owner, s->remote_destroy_failed};
}

static bool
is_stats_mode(const struct node *n)
{
	return node_config(n)->mode == MODE_STATS;
}

static const char *
table_name(enum node_table table)
{
	return table == TABLE_LOCAL ? "internal" : "external";
}

/* "a", spaces, value in `width` columns: text_add() with a 64-bit number. */
static void
row(struct text *t, const char *label, int width, uint64_t value)
{
	text_add(t, "%s%*llu\n", label, width, (unsigned long long)value);
}

static void
counter(struct text *t, const char *name, uint64_t value)
{
	text_add(t, "\t%-24s%20llu\n", name, (unsigned long long)value);
}

static void
row_failed(struct text *t, const char *label, uint64_t ok, uint64_t failed)
{
	text_add(t, "%s%12llu\tfailed:\t%12llu\n", label, (unsigned long long)ok,
	    (unsigned long long)failed);
}

static void
row_pair(struct text *t, const char *label, uint64_t a, uint64_t b)
{
	text_add(t, "%s%12llu/%12llu\n", label, (unsigned long long)a, (unsigned long long)b);
}

/* All reasons to throw a received message away. */
static uint64_t
malformed(const struct node_stats *s)
{
	return s->recv_truncated + s->recv_bad_size + s->recv_bad_version + s->recv_bad_header +
	    s->recv_bad_type + s->recv_bad_payload;
}

static struct table_counters
expects_counters(const struct node_stats *s, enum node_table table)
{
	if (table == TABLE_LOCAL)
		return (struct table_counters){.created = s->expect_local_created,
		    .create_failed = s->expect_local_full,
		    .updated = s->expect_local_updated,
		    .destroyed = s->expect_local_destroyed};
	return (struct table_counters){.created = s->expect_remote_created,
	    .create_failed = s->expect_remote_full,
	    .updated = s->expect_remote_updated,
	    .destroyed = s->expect_remote_destroyed,
	    .destroy_failed = s->expect_remote_unknown};
}

static void
table_general(struct text *t, const struct node *n, enum node_table table, bool expects)
{
	struct table_counters c = expects ? expects_counters(node_stats(n), table)
					  : table_counters(node_stats(n), table);
	struct table_view v = expects ? node_expects_view(n, table) : node_table_view(n, table);

	if (is_stats_mode(n))
		text_add(t, "cache stats:\n");
	else
		text_add(t, "cache %s:\n", table_name(table));
	row(t, "current active connections:\t", 12, v.active);
	row_failed(t, "connections created:\t\t", c.created, c.create_failed);
	row_failed(t, "connections updated:\t\t", c.updated, c.update_failed);
	row_failed(t, "connections destroyed:\t\t", c.destroyed, c.destroy_failed);
	text_add(t, "\n");
}

static void
table_extended(struct text *t, const struct node *n, enum node_table table)
{
	struct table_counters c = table_counters(node_stats(n), table);
	struct table_view v = node_table_view(n, table);

	text_add(t, "cache:%s\tactive objects:\t\t%12u\n",
	    is_stats_mode(n) ? "stats" : table_name(table), v.active);
	row_pair(t, "\tactive/total entries:\t\t", v.active, v.total);
	row_pair(t, "\tcreation OK/failed:\t\t", c.created, c.create_failed);
	/* All memory is taken at start: an allocation cannot fail later. */
	row(t, "\t\tno memory available:\t", 12, 0);
	row(t, "\t\tno space left in cache:\t", 12, c.full);
	row_pair(t, "\tupdate OK/failed:\t\t", c.updated, c.update_failed);
	/* An update of an unknown flow creates it. */
	row(t, "\t\tentry not found:\t", 12, 0);
	row_pair(t, "\tdeletion created/failed:\t", c.destroyed, c.destroy_failed);
	row(t, "\t\tentry not found:\t", 12, c.destroy_missing);
	text_add(t, "\n");
}

/* The same two without the cache: what went by, and what was written to the kernel. */
static void
bypass(struct text *t, const struct node *n)
{
	struct table_counters c = table_counters(node_stats(n), TABLE_LOCAL);

	text_add(t, "internal bypass:\n");
	row(t, "connections new:\t\t", 12, c.created);
	row(t, "connections updated:\t\t", 12, c.updated);
	row(t, "connections destroyed:\t\t", 12, c.destroyed);
	text_add(t, "\n");
}

static void
inject(struct text *t, const struct node *n)
{
	const struct node_stats *s = node_stats(n);

	text_add(t, "external inject:\n");
	row_failed(t, "connections created:\t\t", s->commit_created, s->commit_failed);
	row_failed(t, "connections updated:\t\t", s->commit_updated + s->commit_replaced, 0);
	row_failed(t, "connections destroyed:\t\t", s->commit_removed, s->remote_destroy_failed);
	text_add(t, "\n");
}

static const char *
transport_name(const struct link *l)
{
	switch (link_config(l)->transport) {
	case LINK_MULTICAST:
		return "multicast";
	case LINK_UDP:
		return "UDP";
	case LINK_TCP:
		return "TCP";
	}
	return "unknown";
}

static const char *
status_name(enum link_status status)
{
	switch (status) {
	case LINK_RUNNING:
		return "RUNNING";
	case LINK_NO_CARRIER:
		return "NO-CARRIER";
	case LINK_DOWN:
		return "DOWN";
	}
	return "UNKNOWN";
}

static void
link_rows(struct text *t, const struct link *l)
{
	const struct link_counters *c = link_counters(l);

	text_add(t, "%20llu Bytes sent %20llu Bytes recv\n", (unsigned long long)c->sent_bytes,
	    (unsigned long long)c->recv_bytes);
	text_add(t, "%20llu Pckts sent %20llu Pckts recv\n", (unsigned long long)c->sent_datagrams,
	    (unsigned long long)c->recv_datagrams);
	text_add(t, "%20llu Error send %20llu Error recv\n\n", (unsigned long long)c->sent_errors,
	    (unsigned long long)c->recv_errors);
}

/* The link we send on. */
static void
link_active(struct text *t, const struct stats_input *in)
{
	static const char *const connected[] = {"disconnected", "connected"};
	const struct link *l;
	bool server, client;

	if (in->link_active >= in->links_count)
		return;
	l = in->links[in->link_active];
	text_add(t, "%s traffic (active device=%s)", transport_name(l), link_config(l)->ifname);
	if (link_connected(l, &server, &client))
		text_add(t, " server=%s client=%s", connected[server], connected[client]);
	text_add(t, ":\n");
	link_rows(t, l);
}

/* Of flows, or of expectations. */
static void
stats_general(struct text *t, const struct stats_input *in, bool expects)
{
	const struct node_stats *s = node_stats(in->node);

	if (in->no_internal && !expects)
		bypass(t, in->node);
	else
		table_general(t, in->node, TABLE_LOCAL, expects);
	if (in->no_external && !expects)
		inject(t, in->node);
	else if (!is_stats_mode(in->node))
		table_general(t, in->node, TABLE_REMOTE, expects);
	text_add(t, "traffic processed:\n%20llu Bytes      %20llu Pckts\n\n",
	    (unsigned long long)s->kernel_bytes, (unsigned long long)s->kernel_packets);
	if (is_stats_mode(in->node))
		return;
	link_active(t, in);
	text_add(t, "message tracking:\n%20llu Malformed msgs %20llu Lost msgs\n\n",
	    (unsigned long long)malformed(s), (unsigned long long)s->seq_lost);
}

static void
stats_network(struct text *t, const struct stats_input *in)
{
	const struct node_stats *s = node_stats(in->node);

	text_add(t, "network statistics:\n\trecv:\n");
	row(t, "\t\tMalformed messages:\t", 20, malformed(s));
	row(t, "\t\tWrong protocol version:\t", 20, s->recv_bad_version);
	row(t, "\t\tMalformed header:\t", 20, s->recv_bad_header);
	row(t, "\t\tMalformed payload:\t", 20, s->recv_bad_payload);
	row(t, "\t\tBad message type:\t", 20, s->recv_bad_type);
	row(t, "\t\tTruncated message:\t", 20, s->recv_truncated);
	row(t, "\t\tBad message size:\t", 20, s->recv_bad_size);
	text_add(t, "\tsend:\n");
	row(t, "\t\tMalformed messages:\t", 20, s->send_too_big);
	text_add(t, "\nsequence tracking statistics:\n\trecv:\n");
	row(t, "\t\tPackets lost:\t\t", 20, s->seq_lost);
	row(t, "\t\tPackets before:\t\t", 20, s->seq_before);
	text_add(t, "\n");
	link_active(t, in);
}

static void
add_uptime(struct text *t, int64_t uptime_s)
{
	int64_t minutes = (uptime_s > 0 ? uptime_s : 0) / 60;
	int64_t days = minutes / (24 * 60);
	int64_t hours = minutes / 60 % 24;

	text_add(t, "daemon uptime: ");
	if (days > 0)
		text_add(t, "%lld %s ", (long long)days, days == 1 ? "day" : "days");
	if (hours > 0)
		text_add(t, "%lld h ", (long long)hours);
	text_add(t, "%lld min\n\n", (long long)(minutes % 60));
}

/* What the links have counted, all together. */
static void
link_sums(struct text *t, const struct stats_input *in)
{
	struct link_counters sum = {0};

	for (size_t i = 0; i < in->links_count; i++) {
		const struct link_counters *c = link_counters(in->links[i]);

		sum.recv_own += c->recv_own;
		sum.recv_strangers += c->recv_strangers;
		sum.recv_dropped += c->recv_dropped;
		sum.recv_shut_out += c->recv_shut_out;
		sum.recv_broken += c->recv_broken;
		sum.recv_cut += c->recv_cut;
		sum.connects += c->connects;
		sum.queue_dropped += c->queue_dropped;
	}
	counter(t, "link_recv_own", sum.recv_own);
	counter(t, "link_recv_strangers", sum.recv_strangers);
	counter(t, "link_recv_dropped", sum.recv_dropped);
	counter(t, "link_recv_shut_out", sum.recv_shut_out);
	counter(t, "link_recv_broken", sum.recv_broken);
	counter(t, "link_recv_cut", sum.recv_cut);
	counter(t, "link_connects", sum.connects);
	counter(t, "link_queue_dropped", sum.queue_dropped);
}

/* What io has counted, under names like those of core/stats.h. */
static void
io_counters(struct text *t, const struct stats_input *in)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"netlink_events_unknown", in->netlink.events_unknown},
	    {"netlink_events_bad", in->netlink.events_bad},
	    {"netlink_dump_unknown", in->netlink.dump_unknown},
	    {"netlink_dump_bad", in->netlink.dump_bad},
	    {"netlink_dump_stray", in->netlink.dump_stray},
	    {"netlink_answers_bad", in->netlink.answers_bad},
	    {"netlink_answers_stray", in->netlink.answers_stray},
	    {"netlink_foreign", in->netlink.foreign},
	    {"client_accepted", in->ctl.accepted},
	    {"client_refused", in->ctl.refused},
	    {"client_read_failed", in->ctl.read_failed},
	    {"client_unknown_request", in->ctl.unknown_request},
	    {"client_timed_out", in->ctl.timed_out},
	    {"client_not_permitted", in->ctl.not_permitted},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		counter(t, rows[i].name, rows[i].value);
	link_sums(t, in);
}

/* Every counter there is, so that nothing is refused without a trace. */
static void
all_counters(struct text *t, const struct stats_input *in)
{
	const char *stats = (const char *)node_stats(in->node);
	size_t count;
	const struct stats_row *rows = stats_rows(&count);

	text_add(t, "all counters:\n");
	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, stats + rows[i].offset, sizeof(value));
		counter(t, rows[i].name, value);
	}
	io_counters(t, in);
	text_add(t, "\n");
}

/* Who is known, how old the last word of each is, and so, if that is long ago, what it has told. */
static void
peers(struct text *t, const struct stats_input *in)
{
	struct peer_view p;

	for (size_t i = 0; node_peer_view(in->node, i, &p, in->now); i++) {
		if (i == 0)
			text_add(t, "peers:\n");
		text_add(t, "\t");
		text_addr(t, p.addr.l3, &p.addr.addr);
		if (p.addr.link < in->links_count)
			text_add(t, " device=%s", link_config(in->links[p.addr.link])->ifname);
		text_add(t, " heard=%llds flows=%u %s\n", (long long)p.heard_ms_ago / 1000, p.flows,
		    !p.heard_lately ? "silent" : p.in_sync ? "in-sync" : "resync");
	}
	if (node_peer_view(in->node, 0, &p, in->now))
		text_add(t, "\n");
}

static void
stats_runtime(struct text *t, const struct stats_input *in)
{
	const struct node_stats *s = node_stats(in->node);

	add_uptime(t, in->uptime_s);
	text_add(t, "netlink stats:\n");
	row(t, "\tevents received:\t", 20, s->kernel_events);
	row(t, "\tevents filtered:\t", 20, s->kernel_filtered);
	row(t, "\tevents unknown type:\t\t", 12, in->netlink.events_unknown);
	row(t, "\tcatch event failed:\t\t", 12, in->netlink.events_bad);
	row(t, "\tdump unknown type:\t\t", 12, in->netlink.dump_unknown);
	row(t, "\tnetlink overrun:\t\t", 12, s->kernel_overruns);
	row(t, "\tflush kernel table:\t\t", 12, in->kernel_flushes);
	row(t, "\tresync with kernel table:\t", 12, s->kernel_resyncs);
	row(t, "\tcurrent buffer size (in bytes):\t", 12, in->netlink_rcvbuf);
	/* There are no child processes, and the event loop stops when it fails. */
	text_add(t, "\nruntime stats:\n");
	row(t, "\tchild process failed:\t\t", 12, 0);
	row(t, "\t\tchild process segfault:\t", 12, 0);
	row(t, "\t\tchild process termsig:\t", 12, 0);
	row(t, "\tselect failed:\t\t\t", 12, 0);
	row(t, "\twait failed:\t\t\t", 12, 0);
	row(t, "\tlocal read failed:\t\t", 12, in->ctl.read_failed);
	row(t, "\tlocal unknown request:\t\t", 12, in->ctl.unknown_request);
	text_add(t, "\n");
	all_counters(t, in);
	peers(t, in);
}

static void
stats_link(struct text *t, const struct stats_input *in)
{
	for (size_t i = 0; i < in->links_count; i++) {
		const struct link *l = in->links[i];

		text_add(t, "%s traffic device=%s status=%s role=%s:\n", transport_name(l),
		    link_config(l)->ifname, status_name(link_status(l)),
		    i == in->link_active ? "ACTIVE" : "BACKUP");
		link_rows(t, l);
	}
}

static void
add_queue(struct text *t, const char *name, uint64_t current, uint64_t max, uint64_t no_space)
{
	text_add(t, "queue %s:\n", name);
	row(t, "current elements:\t\t", 12, current);
	row(t, "maximum elements:\t\t", 12, max);
	row(t, "not enough space errors:\t", 12, no_space);
	text_add(t, "\n");
}

static void
stats_queue(struct text *t, const struct stats_input *in)
{
	/* Only TCP has a queue of failed datagrams; the block stays for those who look for it. */
	enum { ERRORQ_MAX = 128 };
	uint64_t failed = 0, failed_max = ERRORQ_MAX, failed_lost = 0;
	const struct node_stats *s = node_stats(in->node);
	struct queue_view q = node_queue_view(in->node);

	for (size_t i = 0; i < in->links_count; i++) {
		failed += link_queued(in->links[i]);
		failed_lost += link_counters(in->links[i])->queue_dropped;
		if (link_config(in->links[i])->transport == LINK_TCP)
			failed_max = link_config(in->links[i])->error_queue;
	}
	row(t, "allocated queue nodes:\t\t", 12, (uint64_t)q.tx + q.unacked + failed);
	text_add(t, "\n");
	add_queue(t, "txqueue", q.tx, INT_MAX, s->send_control_full);
	add_queue(t, "errorq", failed, failed_max, failed_lost);
	if (node_config(in->node)->mode == MODE_FTFW)
		add_queue(t, "rsqueue", q.unacked, q.unacked_max, s->unacked_evicted);
}

void
render_stats(struct text *t, enum stats_what what, const struct stats_input *in)
{
	switch (what) {
	case STATS_GENERAL:
		stats_general(t, in, false);
		break;
	case STATS_NETWORK:
		if (!is_stats_mode(in->node))
			stats_network(t, in);
		break;
	case STATS_CACHE:
		if (in->no_internal)
			bypass(t, in->node);
		else
			table_extended(t, in->node, TABLE_LOCAL);
		if (in->no_external)
			inject(t, in->node);
		else if (!is_stats_mode(in->node))
			table_extended(t, in->node, TABLE_REMOTE);
		break;
	case STATS_RUNTIME:
		stats_runtime(t, in);
		break;
	case STATS_LINK:
		stats_link(t, in);
		break;
	case STATS_RSQUEUE:
		if (node_config(in->node)->mode == MODE_FTFW)
			text_add(t, "resent queue (len=%u)\n", node_queue_view(in->node).unacked);
		break;
	case STATS_QUEUE:
		if (!is_stats_mode(in->node))
			stats_queue(t, in);
		break;
	case STATS_PROCESS:
		/* A list of child processes: there are none. */
		break;
	case STATS_EXPECT:
		/* Silent where they are not replicated. */
		if (node_config(in->node)->expects > 0)
			stats_general(t, in, true);
		break;
	}
}

bool
render_unacked(struct text *t, const struct node *n, uint32_t *cursor)
{
	uint32_t at = *cursor;
	struct unacked_view v;

	while (node_next_unacked(n, &at, &v)) {
		if (v.control)
			text_add(t, "control -> seq:%u flags:%u\n", v.seq, v.flags);
		else
			text_add(t, "object -> seq:%u\n", v.seq);
		if (t->overflow) {
			/* The sink is full, which is no error: go on from this element later. */
			t->overflow = false;
			return true;
		}
		*cursor = at;
	}
	*cursor = at;
	return false;
}
