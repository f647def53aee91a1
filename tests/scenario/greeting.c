/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting.c: peers that come, go, lie or lose count.
 */
#include <errno.h>
#include <stdlib.h>

#include "flows.h"
#include "wire.h"

/* A tuple is used again before the peer heard of the end of the flow before it, and the new flow is
 * updated at once: nothing of the old one may shine through at the peer. */
static void
a_reused_tuple_starts_afresh_at_the_peer(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(1), f = tcp_flow_in(1, TCP_SYN_SENT), r;

	(void)state;
	old.mark = 99;
	old.has |= HAS_MARK | HAS_HELPER;
	strcpy(old.rare.helper, "ftp");
	sim_kernel_new(w->nodes[0].kernel, &old);
	world_run(w, 2000);
	sim_kernel_destroy(w->nodes[0].kernel, &old.key);
	flow_invert(&f.key, &f.reply);
	f.status = ST_CONFIRMED;
	flow_derive_nat(&f);
	sim_kernel_new(w->nodes[0].kernel, &f);
	f.status |= ST_SEEN_REPLY;
	f.l4.tcp.state = TCP_ESTABLISHED;
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 10);
	assert_replica(w, 0, 1);
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	world_free(w);
}

/* A full resend names every flow once. */
static void
a_bulk_names_every_flow_once(void **state)
{
	struct world *w = pair(ftfw_cfg());
	uint64_t before;

	(void)state;
	make_flows(w, 0, 1, 1000);
	world_run(w, 3500);
	before = node_stats(w->nodes[1].node)->remote_updated;
	world_command(w, 0, CMD_BULK);
	world_run(w, 500);
	assert_int_equal(w->nodes[0].notices[NOTE_BULK_STARTED],
	    w->nodes[0].notices[NOTE_BULK_DONE]);
	assert_int_equal(node_stats(w->nodes[1].node)->remote_updated - before, 1000);
	world_free(w);
}

static bool
peer_is_mute(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)w;
	(void)to;
	(void)data;
	(void)len;
	return from == 1;
}

/* How long a full resend of node 0 takes. */
static int64_t
bulk_ms(struct world *w)
{
	ms_t began = w->now;

	assert_int_equal(node_command(w->nodes[0].node, CMD_BULK, w->now), CMD_DONE);
	for (int i = 0; i < 1000; i++) {
		world_run(w, 1);
		if (w->nodes[0].notices[NOTE_BULK_STARTED] == w->nodes[0].notices[NOTE_BULK_DONE])
			break;
	}
	return ms_since(w->now, began);
}

/* A full resend is as fast as it is acknowledged, and keeps to a pace that any buffer bears if not. */
static void
a_bulk_is_paced_by_acknowledgements(void **state)
{
	struct world *w = pair(ftfw_cfg());
	/* 17 flows fill a datagram; a pause of 5 ms follows 32 of them. */
	int64_t pause_ms = 4000 / (17 * 32) * 5;

	(void)state;
	make_flows(w, 0, 1, 4000);
	world_run(w, 5000);
	assert_true(bulk_ms(w) < pause_ms / 2);
	assert_int_equal(node_stats(w->nodes[1].node)->nack_sent, 0);
	world_run(w, 1000);
	w->drop = peer_is_mute;
	assert_true(bulk_ms(w) >= pause_ms / 2);
	world_free(w);
}

/* A flow that no datagram can hold is left out, and the full resend goes on after it. */
static void
a_flow_too_big_for_the_link_does_not_stop_a_bulk(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	struct flow f = tcp_flow(500);
	uint8_t buf[84];
	struct notice note;
	bool done = false;

	(void)state;
	make_flows(w, 0, 1, 20);
	f.has |= HAS_LABELS;
	f.rare.labels[0] = 1;
	sim_kernel_new(w->nodes[0].kernel, &f);
	make_flows(w, 0, 21, 20);
	world_run(w, 2000);
	node_command(n, CMD_BULK, w->now);
	for (int i = 0; i < 2000 && !done; i++) {
		node_pull_datagram(n, buf, sizeof(buf), w->now);
		w->now.ms++;
		while (node_pull_notice(n, &note))
			done |= note.type == NOTE_BULK_DONE;
	}
	assert_true(done);
	assert_true(node_stats(n)->send_too_big > 0);
	world_free(w);
}

/* Everything waits for the dead one; the other acknowledges message by message. */
static void
one_peer_is_dead_and_the_other_acknowledges_one_by_one(void **state)
{
	const unsigned int flows = 60000;
	struct peer_addr alive = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 2}}};
	struct peer_addr dead = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 3}}};
	struct node_cfg cfg = ftfw_cfg();
	ms_t now = {1000};
	uint8_t buf[1472];
	struct node *n;
	uint32_t seq = 1;
	size_t len;
	void *mem;

	(void)state;
	cfg.limit = flows;
	cfg.first_seq = 1;
	mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	memset(mem, 0, node_size(&cfg));
	n = node_init(mem, &cfg, now);
	for (int i = 0; i < 2; i++) {
		struct wbuf wb;

		wbuf_init(&wb, buf, sizeof(buf));
		assert_true(wire_put_control(&wb, WIRE_ALIVE, seq, 0, 0));
		node_datagram(n, i == 0 ? &alive : &dead, buf, wbuf_len(&wb), now);
	}
	for (unsigned int i = 0; i < flows; i++) {
		struct kernel_event ev = {.type = KEV_NEW, .flow = tcp_flow(i)};

		ev.flow.key.src.b[2] = (uint8_t)(i >> 16);
		node_kernel_event(n, &ev, now);
		while ((len = node_pull_datagram(n, buf, sizeof(buf), now)) > 0) {
			uint32_t last = get_be32(buf + 4);
			struct wbuf wb;
			uint8_t ack[16];

			wbuf_init(&wb, ack, sizeof(ack));
			assert_true(wire_put_control(&wb, WIRE_ACK, ++seq, last, last));
			node_datagram(n, &alive, ack, wbuf_len(&wb), now);
		}
	}
	assert_int_equal(node_queue_view(n).unacked >= flows, 1);
	free(mem);
}

struct replay {
	uint8_t data[WORLD_PAYLOAD];
	size_t len;
};

/* More holes at once than there is room for requests: what cannot be asked for one by one is asked
 * for as a whole. */
static void
more_gaps_than_can_be_asked_for_lose_nothing(void **state)
{
	struct world *w = pair(ftfw_cfg());
	static struct replay burst[1200];
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	struct node *a = w->nodes[0].node;
	struct kernel_event ev;
	size_t count = 0;

	(void)state;
	make_flows(w, 0, 1, 600);
	while (sim_kernel_event(w->nodes[0].kernel, &ev))
		node_kernel_event(a, &ev, w->now);
	/* One flow per datagram. */
	while (count < ARRAY_LEN(burst) &&
	    (burst[count].len = node_pull_datagram(a, burst[count].data, 100, w->now)) > 0)
		count++;
	assert_true(count >= 600);
	for (size_t i = 0; i < count; i += 2)
		node_datagram(w->nodes[1].node, &from, burst[i].data, burst[i].len, w->now);
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	assert_in_range(node_queue_view(a).unacked, 0, 4);
	world_free(w);
}

/* A node whose first number is `first_seq` comes up in the place of node i; its kernel table is not
 * read yet. */
static struct node *
bare_start(struct world *w, size_t i, uint32_t first_seq)
{
	struct sim_node *sn = &w->nodes[i];
	struct node_cfg cfg = w->cfg;

	world_kill(w, i);
	cfg.first_seq = first_seq;
	sn->mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	assert_non_null(sn->mem);
	memset(sn->mem, 0, node_size(&cfg));
	sn->node = node_init(sn->mem, &cfg, w->now);
	return sn->node;
}

/* The table of a daemon that has just started takes seconds to read; its peer asks for everything
 * meanwhile, and must get everything. */
static void
a_peer_that_asks_during_the_first_read_gets_all(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct sim_node *sn = &w->nodes[0];

	(void)state;
	make_flows(w, 0, 1, 400);
	world_run(w, 2000);
	bare_start(w, 0, 0x5000);
	world_run(w, 50);
	node_kernel_read_begin(sn->node, false, w->now);
	for (size_t f = 0; f < SIM_FLOWS_MAX; f++) {
		if (!sn->kernel->used[f])
			continue;
		node_kernel_read_flow(sn->node, &sn->kernel->flows[f], w->now);
		if (f % 10 == 0)
			world_run(w, 200);
	}
	node_kernel_read_end(sn->node, true, w->now);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 400);
	world_run(w, 1000);
	assert_replica(w, 0, 1);
	world_run(w, 25000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* Loses what node 0 says of flows and what asks for it again, and nothing else. */
static bool
drop_flows(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	struct wire_msg m;
	struct rbuf r;

	(void)w;
	(void)to;
	rbuf_init(&r, data, len);
	while (wire_next(&r, &m) == WIRE_MSG) {
		if (from == 0 ? m.type <= WIRE_CT_DEL : wire_classify(&m) == CLASS_NACK)
			return true;
	}
	return false;
}

/* The peer has promised to say everything again, some of it has come, and then nothing does: what it
 * had no chance to name is not gone. */
static void
nothing_is_swept_while_the_peer_is_not_heard(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	make_flows(w, 0, 1, 200);
	world_run(w, 2000);
	w->drop = drop_flows;
	w->latency_ms = 5;
	world_kill(w, 0);
	world_start(w, 0);
	world_run(w, 3500);
	w->drop = NULL;
	f.mark = 5;
	f.has |= HAS_MARK;
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 8);
	w->drop = drop_all;
	world_run(w, 9500);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 200);
	world_kill(w, 0);
	world_run(w, 60000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 200);
	world_free(w);
}

static struct replay kept;

/* Keeps the first datagram of node 0 that carries a flow, and loses nothing. */
static bool
keep_first_flow(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)w;
	(void)to;
	if (from == 0 && kept.len == 0 && (data[0] & 0x0f) == WIRE_CT_NEW) {
		memcpy(kept.data, data, len);
		kept.len = len;
	}
	return false;
}

/* A HELLO that the network delivers twice is not a restart, and what it carries is old. */
static void
a_hello_that_comes_twice_is_no_restart(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	struct world *w = world_new(2, &cfg);
	struct flow f = tcp_flow(1);

	(void)state;
	kept.len = 0;
	w->drop = keep_first_flow;
	w->latency_ms = 2;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 20);
	assert_true(kept.len > 0);
	assert_int_equal(kept.data[1] & WIRE_HELLO, WIRE_HELLO);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 20);
	node_datagram(w->nodes[1].node, &from, kept.data, kept.len, w->now);
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	assert_int_equal(w->nodes[1].notices[NOTE_PEER_RESTARTED], 0);
	world_free(w);
}

/* An answer to somebody else's HELLO, heard before we said ours, is no answer to us. */
static void
an_answer_before_the_question_does_not_silence_hello(void **state)
{
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 2}}};
	struct world *w = pair(ftfw_cfg());
	struct node *n;
	uint8_t buf[64];
	struct wbuf wb;
	size_t len;

	(void)state;
	n = bare_start(w, 0, 0x100);
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE | WIRE_HELLO_BACK, 7, 0, 0));
	node_datagram(n, &from, buf, wbuf_len(&wb), w->now);
	node_tick(n, w->now);
	len = node_pull_datagram(n, buf, sizeof(buf), w->now);
	assert_true(len >= WIRE_HEADER);
	assert_int_equal(buf[1] & WIRE_HELLO, WIRE_HELLO);
	world_free(w);
}

/* A peer whose HELLOs were all lost goes on from lower numbers: it is heard all the same. */
static void
numbers_far_behind_are_believed_when_they_go_on(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	uint8_t buf[256];
	struct wbuf wb;

	(void)state;
	world_kill(w, 0);
	world_run(w, 1300);
	for (uint32_t i = 0; i < 5; i++) {
		struct flow f = tcp_flow(i + 1);

		wbuf_init(&wb, buf, sizeof(buf));
		assert_true(wire_put_flow(&wb, WIRE_CT_NEW, 0, 0x100 + i, &f, UINT32_MAX));
		node_datagram(w->nodes[1].node, &from, buf, wbuf_len(&wb), w->now);
	}
	assert_in_range(world_count(w, 1, TABLE_REMOTE), 4, 5);
	world_free(w);
}

static unsigned int lose_next;

/* Loses the next datagrams of node 0. */
static bool
drop_some(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)w;
	(void)to;
	(void)data;
	(void)len;
	return from == 0 && lose_next > 0 && lose_next-- > 0;
}

/* What looks like a restart of the peer may be none: deletes that it did not acknowledge are said
 * again, for it may still have the flow. */
static void
an_unacknowledged_delete_outlives_a_forged_hello(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 2}}};
	struct flow f = tcp_flow(1);
	uint8_t buf[64];
	struct wbuf wb;

	(void)state;
	make_flows(w, 0, 1, 10);
	world_run(w, 2000);
	w->drop = drop_some;
	lose_next = 1;
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 1);
	assert_int_equal(lose_next, 0);
	/* The first word alone would not be believed. */
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE | WIRE_HELLO, 0x7f000000, 0, 0));
	assert_true(wire_put_control(&wb, WIRE_ALIVE | WIRE_HELLO, 0x7f000001, 0, 0));
	node_datagram(w->nodes[0].node, &from, buf, wbuf_len(&wb), w->now);
	assert_int_equal(node_stats(w->nodes[0].node)->seq_hello_held, 1);
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* Node 0 hears a control message from a third node. */
static void
third_says(struct world *w, uint32_t *seq, uint8_t flags, uint32_t from, uint32_t to)
{
	struct peer_addr third = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 77}}};
	uint8_t buf[64];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, flags, (*seq)++, from, to));
	node_datagram(w->nodes[0].node, &third, buf, wbuf_len(&wb), w->now);
}

static uint32_t last_of_0;

static bool
watch_numbers(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	struct wire_msg m;
	struct rbuf r;

	(void)w;
	(void)to;
	rbuf_init(&r, data, len);
	while (from == 0 && wire_next(&r, &m) == WIRE_MSG)
		last_of_0 = m.seq;
	return false;
}

/* A node is first heard between a delete and its acknowledgement by another.  It is told again, as
 * it may know the flow, and not waited for on account of what was said before. */
static void
a_newcomer_acknowledges_only_what_it_heard(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow(1);
	uint32_t seq = 0x50000000, from;

	(void)state;
	cfg.ack_window = 300;
	w = pair(cfg);
	make_flows(w, 0, 1, 10);
	world_run(w, 2500);
	w->drop = watch_numbers;
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 1);
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 10);
	from = last_of_0 + 1;
	third_says(w, &seq, WIRE_ALIVE, 0, 0);
	for (int i = 0; i < 5; i++) {
		world_run(w, 1000);
		third_says(w, &seq, WIRE_ACK, from, last_of_0);
	}
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 9);
	world_free(w);
}

/* Ten minutes of silence are no reason to lose track of whose flows these are. */
static void
a_peer_away_for_long_is_compared_with_when_it_returns(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 2000);
	world_kill(w, 0);
	end_flows(w, 0, 1, 40);
	world_run(w, 700000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 100);
	world_start(w, 0);
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* The tuple was used again while we were down, and the new flow changes as soon as we are back. */
static void
a_tuple_reused_while_we_were_down_starts_afresh_too(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(1), f = tcp_flow(1), r;

	(void)state;
	old.has |= HAS_HELPER;
	strcpy(old.rare.helper, "ftp");
	sim_kernel_new(w->nodes[0].kernel, &old);
	world_run(w, 2000);
	world_kill(w, 0);
	sim_kernel_destroy(w->nodes[0].kernel, &old.key);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_start(w, 0);
	f.l4.tcp.state = TCP_FIN_WAIT;
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	world_free(w);
}

static bool deaf;

/* Node 0 hears nothing. */
static bool
drop_to_0(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)w;
	(void)from;
	(void)data;
	(void)len;
	return to == 0 ? deaf : lose_next > 0 && lose_next-- > 0;
}

/* Somebody may hear us whom we have not heard yet: what he misses is told when we do. */
static void
a_delete_outlives_the_time_before_the_first_peer_is_heard(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	w->drop = drop_to_0;
	deaf = true;
	lose_next = 0;
	world_start(w, 0);
	make_flows(w, 0, 1, 10);
	world_run(w, 2000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 10);
	lose_next = 1;
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 2000);
	deaf = false;
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 9);
	world_free(w);
}

/* Acknowledgements are acknowledged, by every peer: they must not chase each other. */
static void
acknowledgements_do_not_chase_each_other(void **state)
{
	(void)state;
	for (uint32_t nodes = 2; nodes <= 4; nodes++) {
		struct node_cfg cfg = ftfw_cfg();
		struct world *w;
		uint64_t before;

		cfg.ack_window = nodes - 1;
		w = world_new(nodes, &cfg);
		w->latency_ms = 1;
		make_flows(w, 0, 1, 10);
		world_run(w, 3000);
		before = w->sent;
		world_run(w, 10000);
		assert_in_range(w->sent - before, 10, 50 * nodes * nodes);
		world_free(w);
	}
}

/* The peer has started anew and cannot hear us for as long as we ask it for everything. */
static void
who_could_not_hear_is_asked_again(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 2000);
	world_kill(w, 0);
	end_flows(w, 0, 1, 40);
	w->drop = drop_to_0;
	deaf = true;
	lose_next = 0;
	world_start(w, 0);
	world_run(w, 30000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 100);
	deaf = false;
	world_run(w, 15000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* A peer starts anew with numbers a little higher, and its HELLOs are heard by nobody who knew it. */
static void
a_restart_behind_a_dead_link_is_noticed(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 2000);
	world_kill(w, 0);
	end_flows(w, 0, 1, 40);
	w->drop = drop_all;
	w->first_seq = 0x10000000 + 0x180000;
	world_start(w, 0);
	/* Somebody else answers. */
	world_run(w, 1500);
	third_says(w, &(uint32_t){5}, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	world_run(w, 100);
	w->drop = NULL;
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reused_tuple_starts_afresh_at_the_peer),
	    cmocka_unit_test(a_bulk_names_every_flow_once),
	    cmocka_unit_test(a_bulk_is_paced_by_acknowledgements),
	    cmocka_unit_test(a_flow_too_big_for_the_link_does_not_stop_a_bulk),
	    cmocka_unit_test(one_peer_is_dead_and_the_other_acknowledges_one_by_one),
	    cmocka_unit_test(more_gaps_than_can_be_asked_for_lose_nothing),
	    cmocka_unit_test(a_peer_that_asks_during_the_first_read_gets_all),
	    cmocka_unit_test(nothing_is_swept_while_the_peer_is_not_heard),
	    cmocka_unit_test(a_hello_that_comes_twice_is_no_restart),
	    cmocka_unit_test(an_answer_before_the_question_does_not_silence_hello),
	    cmocka_unit_test(numbers_far_behind_are_believed_when_they_go_on),
	    cmocka_unit_test(an_unacknowledged_delete_outlives_a_forged_hello),
	    cmocka_unit_test(a_newcomer_acknowledges_only_what_it_heard),
	    cmocka_unit_test(a_peer_away_for_long_is_compared_with_when_it_returns),
	    cmocka_unit_test(a_tuple_reused_while_we_were_down_starts_afresh_too),
	    cmocka_unit_test(a_delete_outlives_the_time_before_the_first_peer_is_heard),
	    cmocka_unit_test(acknowledgements_do_not_chase_each_other),
	    cmocka_unit_test(who_could_not_hear_is_asked_again),
	    cmocka_unit_test(a_restart_behind_a_dead_link_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
