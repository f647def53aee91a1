/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The expected blocks have the shape that conntrackd -s of version 1.4.7 printed; the numbers tell
 * the columns apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "render.h"

/* ---- a node and links that say what the test wants ---- */

struct node {
	struct node_cfg cfg;
	struct node_stats stats;
	struct table_view tables[2];
	struct queue_view queue;
	struct table_view expects[2];
	struct unacked_view unacked[200];
	uint32_t unacked_count;
	struct peer_view peers[8];
	size_t peers_count;
};

struct link {
	struct link_cfg cfg;
	struct link_counters counters;
	enum link_status status;
	bool server, client;
	size_t queued;
};

const struct node_cfg *
node_config(const struct node *n)
{
	return &n->cfg;
}

const struct node_stats *
node_stats(const struct node *n)
{
	return &n->stats;
}

struct table_view
node_table_view(const struct node *n, enum node_table t)
{
	return n->tables[t];
}

struct table_view
node_expects_view(const struct node *n, enum node_table t)
{
	return n->expects[t];
}

struct queue_view
node_queue_view(const struct node *n)
{
	return n->queue;
}

bool
node_next_unacked(const struct node *n, uint32_t *cursor, struct unacked_view *out)
{
	if (*cursor >= n->unacked_count)
		return false;
	*out = n->unacked[(*cursor)++];
	return true;
}

bool
node_peer_view(const struct node *n, size_t i, struct peer_view *out, ms_t now)
{
	(void)now;
	if (i >= n->peers_count)
		return false;
	*out = n->peers[i];
	return true;
}

const struct link_cfg *
link_config(const struct link *l)
{
	return &l->cfg;
}

const struct link_counters *
link_counters(const struct link *l)
{
	return &l->counters;
}

enum link_status
link_status(const struct link *l)
{
	return l->status;
}

bool
link_connected(const struct link *l, bool *from_peer, bool *to_peer)
{
	*from_peer = l->server;
	*to_peer = l->client;
	return l->cfg.transport == LINK_TCP;
}

size_t
link_queued(const struct link *l)
{
	return l->queued;
}

/* ---- what they say ---- */

struct bench {
	struct node node;
	struct link eth2, eth0;
	const struct link *links[2];
	struct stats_input in;
};

static void
bench_init(struct bench *b)
{
	struct node_stats *s = &b->node.stats;

	memset(b, 0, sizeof(*b));
	b->node.tables[TABLE_LOCAL] = (struct table_view){.active = 2, .total = 3, .limit = 100};
	s->local_created = 11;
	s->local_create_failed = 12;
	s->local_full = 5;
	s->local_updated = 13;
	s->local_update_failed = 14;
	s->local_destroyed = 15;
	s->local_destroy_failed = 16;
	b->node.tables[TABLE_REMOTE] = (struct table_view){.active = 20, .total = 21};
	s->remote_created = 22;
	s->remote_create_failed = 23;
	s->remote_full = 6;
	s->remote_updated = 24;
	s->remote_update_failed = 25;
	s->remote_destroyed = 26;
	s->remote_destroy_failed = 27;
	s->remote_destroy_not_owner = 100;
	s->recv_bad_version = 1;
	s->recv_bad_header = 20;
	s->recv_bad_payload = 300;
	s->recv_bad_type = 4000;
	s->recv_truncated = 50000;
	s->recv_bad_size = 600000;
	s->recv_incomplete = 7000000;
	s->send_too_big = 8;
	s->seq_lost = 9;
	s->seq_before = 10;
	s->kernel_events = 31;
	s->kernel_filtered = 32;
	s->kernel_overruns = 33;
	s->kernel_resyncs = 34;
	s->unacked_evicted = 35;
	s->send_control_full = 36;
	b->node.queue = (struct queue_view){.tx = 3, .unacked = 4, .unacked_max = 131072};
	strcpy(b->eth2.cfg.ifname, "eth2");
	b->eth2.counters = (struct link_counters){144, 4, 1, 32, 2, 3, 99, 98, 97, 96, 95, 94, 93,
	    92};
	strcpy(b->eth0.cfg.ifname, "eth0");
	b->eth0.counters = (struct link_counters){392, 8, 0, 120, 3, 0, 99, 0, 0, 0, 0, 0, 0, 0};
	b->eth0.status = LINK_NO_CARRIER;
	b->links[0] = &b->eth2;
	b->links[1] = &b->eth0;
	b->in = (struct stats_input){.node = &b->node, .links = b->links, .links_count = 1,
	    .netlink_rcvbuf = 262142, .kernel_flushes = 44,
	    .netlink = {.events_unknown = 41, .events_bad = 42, .dump_unknown = 43, .dump_bad = 47,
		.dump_stray = 48, .answers_bad = 49, .answers_stray = 50, .foreign = 51},
	    .ctl = {.accepted = 52, .refused = 53, .read_failed = 45, .unknown_request = 46,
		.timed_out = 54}};
}

static void
expect_stats(const struct bench *b, enum stats_what what, const char *want)
{
	char buf[RENDER_STATS_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	render_stats(&t, what, &b->in);
	assert_false(t.overflow);
	assert_string_equal(buf, want);
}

static const char link_block[] = "multicast traffic (active device=eth2):\n"
				 "                 144 Bytes sent                   32 Bytes recv\n"
				 "                   4 Pckts sent                    2 Pckts recv\n"
				 "                   1 Error send                    3 Error recv\n"
				 "\n";

static void
a_stream_says_who_is_connected(void **state)
{
	static const char *const heads[] = {"server=disconnected client=disconnected",
	    "server=connected client=disconnected", "server=disconnected client=connected",
	    "server=connected client=connected"};
	struct bench b;
	char want[256], buf[RENDER_STATS_MAX];
	struct text t;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(heads); i++) {
		bench_init(&b);
		b.eth2.cfg.transport = LINK_TCP;
		b.eth2.cfg.error_queue = 77;
		b.eth2.queued = 5;
		b.eth2.server = i & 1;
		b.eth2.client = i & 2;
		text_init(&t, buf, sizeof(buf));
		render_stats(&t, STATS_GENERAL, &b.in);
		snprintf(want, sizeof(want), "\n\nTCP traffic (active device=eth2) %s:\n", heads[i]);
		assert_non_null(strstr(buf, want));
	}
	text_init(&t, buf, sizeof(buf));
	render_stats(&t, STATS_QUEUE, &b.in);
	assert_non_null(strstr(buf, "queue errorq:\ncurrent elements:\t\t           5\n"
				    "maximum elements:\t\t          77\n"));
	text_init(&t, buf, sizeof(buf));
	render_stats(&t, STATS_LINK, &b.in);
	assert_non_null(strstr(buf, "TCP traffic device=eth2 status=RUNNING role=ACTIVE:\n"));
}

static void
general_statistics(void **state)
{
	struct bench b;
	char want[2048];

	(void)state;
	bench_init(&b);
	snprintf(want, sizeof(want), "%s%s%s",
	    "cache internal:\n"
	    "current active connections:\t           2\n"
	    "connections created:\t\t          11\tfailed:\t          12\n"
	    "connections updated:\t\t          13\tfailed:\t          14\n"
	    "connections destroyed:\t\t          15\tfailed:\t          16\n"
	    "\n"
	    "cache external:\n"
	    "current active connections:\t          20\n"
	    "connections created:\t\t          22\tfailed:\t          23\n"
	    "connections updated:\t\t          24\tfailed:\t          25\n"
	    "connections destroyed:\t\t          26\tfailed:\t         127\n"
	    "\n"
	    "traffic processed:\n"
	    "                   0 Bytes                         0 Pckts\n"
	    "\n",
	    link_block,
	    "message tracking:\n"
	    "              654321 Malformed msgs                    9 Lost msgs\n"
	    "\n");
	expect_stats(&b, STATS_GENERAL, want);
	/* Without links there is no such block, and nothing is read past the end. */
	b.in.links_count = 0;
	b.in.links = NULL;
	memmove(strstr(want, "multicast"), strstr(want, "message tracking"),
	    strlen(strstr(want, "message tracking")) + 1);
	expect_stats(&b, STATS_GENERAL, want);
}

static void
network_statistics(void **state)
{
	struct bench b;
	char want[2048];

	(void)state;
	bench_init(&b);
	snprintf(want, sizeof(want), "%s%s",
	    "network statistics:\n"
	    "\trecv:\n"
	    "\t\tMalformed messages:\t              654321\n"
	    "\t\tWrong protocol version:\t                   1\n"
	    "\t\tMalformed header:\t                  20\n"
	    "\t\tMalformed payload:\t                 300\n"
	    "\t\tBad message type:\t                4000\n"
	    "\t\tTruncated message:\t               50000\n"
	    "\t\tBad message size:\t              600000\n"
	    "\tsend:\n"
	    "\t\tMalformed messages:\t                   8\n"
	    "\n"
	    "sequence tracking statistics:\n"
	    "\trecv:\n"
	    "\t\tPackets lost:\t\t                   9\n"
	    "\t\tPackets before:\t\t                  10\n"
	    "\n",
	    link_block);
	expect_stats(&b, STATS_NETWORK, want);
}

static void
cache_statistics(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	expect_stats(&b, STATS_CACHE,
	    "cache:internal\tactive objects:\t\t           2\n"
	    "\tactive/total entries:\t\t           2/           3\n"
	    "\tcreation OK/failed:\t\t          11/          12\n"
	    "\t\tno memory available:\t           0\n"
	    "\t\tno space left in cache:\t           5\n"
	    "\tupdate OK/failed:\t\t          13/          14\n"
	    "\t\tentry not found:\t           0\n"
	    "\tdeletion created/failed:\t          15/          16\n"
	    "\t\tentry not found:\t          16\n"
	    "\n"
	    "cache:external\tactive objects:\t\t          20\n"
	    "\tactive/total entries:\t\t          20/          21\n"
	    "\tcreation OK/failed:\t\t          22/          23\n"
	    "\t\tno memory available:\t           0\n"
	    "\t\tno space left in cache:\t           6\n"
	    "\tupdate OK/failed:\t\t          24/          25\n"
	    "\t\tentry not found:\t           0\n"
	    "\tdeletion created/failed:\t          26/         127\n"
	    "\t\tentry not found:\t          27\n"
	    "\n");
}

static void
runtime_statistics(void **state)
{
	char buf[RENDER_STATS_MAX], *end;
	struct bench b;
	struct text t;

	(void)state;
	bench_init(&b);
	text_init(&t, buf, sizeof(buf));
	render_stats(&t, STATS_RUNTIME, &b.in);
	end = strstr(buf, "all counters:\n");
	assert_non_null(end);
	*end = '\0';
	assert_string_equal(buf,
	    "daemon uptime: 0 min\n"
	    "\n"
	    "netlink stats:\n"
	    "\tevents received:\t                  31\n"
	    "\tevents filtered:\t                  32\n"
	    "\tevents unknown type:\t\t          41\n"
	    "\tcatch event failed:\t\t          42\n"
	    "\tdump unknown type:\t\t          43\n"
	    "\tnetlink overrun:\t\t          33\n"
	    "\tflush kernel table:\t\t          44\n"
	    "\tresync with kernel table:\t          34\n"
	    "\tcurrent buffer size (in bytes):\t      262142\n"
	    "\n"
	    "runtime stats:\n"
	    "\tchild process failed:\t\t           0\n"
	    "\t\tchild process segfault:\t           0\n"
	    "\t\tchild process termsig:\t           0\n"
	    "\tselect failed:\t\t\t           0\n"
	    "\twait failed:\t\t\t           0\n"
	    "\tlocal read failed:\t\t          45\n"
	    "\tlocal unknown request:\t\t          46\n"
	    "\n");
}

/* The line of one counter in the last block of -s runtime. */
static void
expect_counter(const char *block, const char *name, uint64_t value)
{
	char line[80];

	snprintf(line, sizeof(line), "\n\t%-24s%20llu\n", name, (unsigned long long)value);
	if (strstr(block, line) == NULL)
		fail_msg("no line%sin:\n%s", line, block);
}

/* Also when all of them are as long as they can get. */
static void
every_counter_is_shown_by_its_name(void **state)
{
	static const char *const of_io[] = {"netlink_events_unknown", "netlink_events_bad",
	    "netlink_dump_unknown", "netlink_dump_bad", "netlink_dump_stray", "netlink_answers_bad",
	    "netlink_answers_stray", "netlink_foreign", "client_accepted", "client_refused",
	    "client_read_failed", "client_unknown_request", "client_timed_out"};
	static const uint64_t values[] = {41, 42, 43, 47, 48, 49, 50, 51, 52, 53, 45, 46, 54};
	char buf[RENDER_STATS_MAX], *block;
	struct bench b;
	struct text t;
	size_t count;
	const struct stats_row *rows = stats_rows(&count);

	(void)state;
	for (int longest = 0; longest <= 1; longest++) {
		bench_init(&b);
		for (size_t i = 0; i < count; i++) {
			uint64_t value = longest ? UINT64_MAX - i : i + 1;

			memcpy((char *)&b.node.stats + rows[i].offset, &value, sizeof(value));
		}
		if (longest) {
			memset(&b.in.netlink, 0xff, sizeof(b.in.netlink));
			memset(&b.in.ctl, 0xff, sizeof(b.in.ctl));
		}
		text_init(&t, buf, sizeof(buf));
		render_stats(&t, STATS_RUNTIME, &b.in);
		assert_false(t.overflow);
		block = strstr(buf, "\n\nall counters:\n");
		assert_non_null(block);
		for (size_t i = 0; i < count; i++)
			expect_counter(block, rows[i].name, longest ? UINT64_MAX - i : i + 1);
		for (size_t i = 0; i < ARRAY_LEN(of_io); i++)
			expect_counter(block, of_io[i], longest ? UINT64_MAX : values[i]);
		expect_counter(block, "link_recv_own", 99);
		expect_counter(block, "link_recv_strangers", 98);
		expect_counter(block, "link_recv_broken", 97);
		expect_counter(block, "link_recv_cut", 96);
		expect_counter(block, "link_connects", 95);
		expect_counter(block, "link_queue_dropped", 94);
		expect_counter(block, "link_recv_dropped", 93);
		expect_counter(block, "link_recv_shut_out", 92);
		assert_string_equal(buf + t.len - 2, "\n\n");
	}
}

static void
peers_are_told_by_how_long_ago_they_were_heard(void **state)
{
	char buf[RENDER_STATS_MAX];
	struct bench b;
	struct text t;

	(void)state;
	bench_init(&b);
	b.node.peers_count = 3;
	b.node.peers[0] = (struct peer_view){.addr = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 2}}},
	    .heard_lately = true, .heard_ms_ago = 999, .flows = 12, .in_sync = true};
	b.node.peers[1] = (struct peer_view){.addr = {.l3 = L3_IPV6, .addr = {{0xfd, 1}}},
	    .heard_lately = true, .heard_ms_ago = 2000};
	b.node.peers[2] = (struct peer_view){
	    .addr = {.link = 3, .l3 = L3_IPV4, .addr = {{10, 0, 0, 3}}}, .heard_ms_ago = 7200500,
	    .flows = 4000000000, .in_sync = true};
	text_init(&t, buf, sizeof(buf));
	render_stats(&t, STATS_RUNTIME, &b.in);
	assert_non_null(strstr(buf, "\n\npeers:\n"
				    "\t10.0.0.2 device=eth2 heard=0s flows=12 in-sync\n"
				    "\tfd01:: device=eth2 heard=2s flows=0 resync\n"
				    "\t10.0.0.3 heard=7200s flows=4000000000 silent\n\n"));
	assert_string_equal(buf + t.len - 9, " silent\n\n");
	/* All that there may be, however long their addresses are. */
	b.node.peers_count = 8;
	for (size_t i = 0; i < 8; i++) {
		b.node.peers[i] = b.node.peers[2];
		b.node.peers[i].addr.l3 = L3_IPV6;
		b.node.peers[i].heard_ms_ago = INT64_MAX;
		memset(&b.node.peers[i].addr.addr, 0xfe, 16);
	}
	text_init(&t, buf, sizeof(buf));
	render_stats(&t, STATS_RUNTIME, &b.in);
	assert_false(t.overflow);
}

static void
uptime_is_told_in_days_hours_and_minutes(void **state)
{
	static const struct {
		int64_t uptime_s;
		const char *text;
	} cases[] = {
	    {-5, "0 min"}, {59, "0 min"}, {60, "1 min"}, {3599, "59 min"}, {3600, "1 h 0 min"},
	    {3660, "1 h 1 min"}, {86400, "1 day 0 min"}, {86460, "1 day 1 min"},
	    {90061, "1 day 1 h 1 min"}, {172800, "2 days 0 min"},
	    {180000, "2 days 2 h 0 min"}, {34560000, "400 days 0 min"},
	};
	char buf[RENDER_STATS_MAX], want[64];
	struct bench b;
	struct text t;

	(void)state;
	bench_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		b.in.uptime_s = cases[i].uptime_s;
		snprintf(want, sizeof(want), "daemon uptime: %s\n\n", cases[i].text);
		text_init(&t, buf, sizeof(buf));
		render_stats(&t, STATS_RUNTIME, &b.in);
		if (strncmp(buf, want, strlen(want)) != 0)
			fail_msg("%lld s: %s", (long long)cases[i].uptime_s, buf);
	}
}

static void
link_statistics(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.in.links_count = 2;
	b.in.link_active = 1;
	expect_stats(&b, STATS_LINK,
	    "multicast traffic device=eth2 status=RUNNING role=BACKUP:\n"
	    "                 144 Bytes sent                   32 Bytes recv\n"
	    "                   4 Pckts sent                    2 Pckts recv\n"
	    "                   1 Error send                    3 Error recv\n"
	    "\n"
	    "multicast traffic device=eth0 status=NO-CARRIER role=ACTIVE:\n"
	    "                 392 Bytes sent                  120 Bytes recv\n"
	    "                   8 Pckts sent                    3 Pckts recv\n"
	    "                   0 Error send                    0 Error recv\n"
	    "\n");
	b.eth2.status = LINK_DOWN;
	b.in.links_count = 1;
	b.in.link_active = 0;
	expect_stats(&b, STATS_LINK,
	    "multicast traffic device=eth2 status=DOWN role=ACTIVE:\n"
	    "                 144 Bytes sent                   32 Bytes recv\n"
	    "                   4 Pckts sent                    2 Pckts recv\n"
	    "                   1 Error send                    3 Error recv\n"
	    "\n");
}

static void
queue_statistics(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	expect_stats(&b, STATS_QUEUE,
	    "allocated queue nodes:\t\t           7\n"
	    "\n"
	    "queue txqueue:\n"
	    "current elements:\t\t           3\n"
	    "maximum elements:\t\t  2147483647\n"
	    "not enough space errors:\t          36\n"
	    "\n"
	    "queue errorq:\n"
	    "current elements:\t\t           0\n"
	    "maximum elements:\t\t         128\n"
	    "not enough space errors:\t          94\n"
	    "\n"
	    "queue rsqueue:\n"
	    "current elements:\t\t           4\n"
	    "maximum elements:\t\t      131072\n"
	    "not enough space errors:\t          35\n"
	    "\n");
	/* ALARM resends nothing. */
	b.node.cfg.mode = MODE_ALARM;
	b.node.queue.unacked = 0;
	expect_stats(&b, STATS_QUEUE,
	    "allocated queue nodes:\t\t           3\n"
	    "\n"
	    "queue txqueue:\n"
	    "current elements:\t\t           3\n"
	    "maximum elements:\t\t  2147483647\n"
	    "not enough space errors:\t          36\n"
	    "\n"
	    "queue errorq:\n"
	    "current elements:\t\t           0\n"
	    "maximum elements:\t\t         128\n"
	    "not enough space errors:\t          94\n"
	    "\n");
}

static void
the_resend_queue_goes_out_in_pieces(void **state)
{
	struct bench b;
	char buf[256], whole[8192], want[8192];
	size_t len = 0, want_len = 0;
	uint32_t cursor = 0;
	int pieces = 0;
	bool more;

	(void)state;
	bench_init(&b);
	b.node.queue.unacked = b.node.unacked_count = 200;
	for (uint32_t i = 0; i < 200; i++) {
		b.node.unacked[i] = (struct unacked_view){i % 3 == 0, 1795440500u + i, 8};
		want_len += (size_t)snprintf(want + want_len, sizeof(want) - want_len,
		    i % 3 == 0 ? "control -> seq:%u flags:8\n" : "object -> seq:%u\n",
		    1795440500u + i);
	}
	expect_stats(&b, STATS_RSQUEUE, "resent queue (len=200)\n");
	do {
		struct text t;

		text_init(&t, buf, sizeof(buf));
		more = render_unacked(&t, &b.node, &cursor);
		assert_false(t.overflow);
		assert_true(t.len > 0 || !more);
		assert_true(len + t.len < sizeof(whole));
		memcpy(whole + len, buf, t.len);
		len += t.len;
		assert_true(++pieces < 100);
	} while (more);
	whole[len] = '\0';
	assert_string_equal(whole, want);
	assert_true(pieces > 10);
	b.node.cfg.mode = MODE_ALARM;
	expect_stats(&b, STATS_RSQUEUE, "");
}

static void
what_does_not_exist_is_silent(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	expect_stats(&b, STATS_PROCESS, "");
	expect_stats(&b, STATS_EXPECT, "");
}

/* conntrackd 1.4.7 with a Stats section. */
static void
a_statistics_node_has_one_cache_and_no_peers(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.node.cfg.mode = MODE_STATS;
	b.in.links_count = 0;
	b.node.stats.kernel_bytes = 633;
	b.node.stats.kernel_packets = 9;
	expect_stats(&b, STATS_GENERAL,
	    "cache stats:\n"
	    "current active connections:\t           2\n"
	    "connections created:\t\t          11\tfailed:\t          12\n"
	    "connections updated:\t\t          13\tfailed:\t          14\n"
	    "connections destroyed:\t\t          15\tfailed:\t          16\n"
	    "\n"
	    "traffic processed:\n"
	    "                 633 Bytes                         9 Pckts\n"
	    "\n");
	expect_stats(&b, STATS_CACHE,
	    "cache:stats\tactive objects:\t\t           2\n"
	    "\tactive/total entries:\t\t           2/           3\n"
	    "\tcreation OK/failed:\t\t          11/          12\n"
	    "\t\tno memory available:\t           0\n"
	    "\t\tno space left in cache:\t           5\n"
	    "\tupdate OK/failed:\t\t          13/          14\n"
	    "\t\tentry not found:\t           0\n"
	    "\tdeletion created/failed:\t          15/          16\n"
	    "\t\tentry not found:\t          16\n"
	    "\n");
	expect_stats(&b, STATS_NETWORK, "");
	expect_stats(&b, STATS_LINK, "");
	expect_stats(&b, STATS_QUEUE, "");
	expect_stats(&b, STATS_RSQUEUE, "");
}

static void
the_largest_numbers_fit(void **state)
{
	struct bench b;
	char buf[RENDER_STATS_MAX];
	struct text t;

	(void)state;
	bench_init(&b);
	memset(&b.node.stats, 0xff, sizeof(b.node.stats));
	memset(&b.eth2.counters, 0xff, sizeof(b.eth2.counters));
	memset(&b.eth0.counters, 0xff, sizeof(b.eth0.counters));
	b.in.links_count = 2;
	b.in.uptime_s = INT64_MAX;
	for (int what = STATS_GENERAL; what <= STATS_EXPECT; what++) {
		text_init(&t, buf, sizeof(buf));
		render_stats(&t, (enum stats_what)what, &b.in);
		assert_false(t.overflow);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stream_says_who_is_connected),
	    cmocka_unit_test(general_statistics),
	    cmocka_unit_test(network_statistics),
	    cmocka_unit_test(cache_statistics),
	    cmocka_unit_test(runtime_statistics),
	    cmocka_unit_test(every_counter_is_shown_by_its_name),
	    cmocka_unit_test(peers_are_told_by_how_long_ago_they_were_heard),
	    cmocka_unit_test(uptime_is_told_in_days_hours_and_minutes),
	    cmocka_unit_test(link_statistics),
	    cmocka_unit_test(queue_statistics),
	    cmocka_unit_test(the_resend_queue_goes_out_in_pieces),
	    cmocka_unit_test(what_does_not_exist_is_silent),
	    cmocka_unit_test(a_statistics_node_has_one_cache_and_no_peers),
	    cmocka_unit_test(the_largest_numbers_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
