/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * races.c: what is read, acknowledged or said after the thing itself has changed.
 */
#include <errno.h>
#include <stdlib.h>

#include "flows.h"
#include "wire.h"

/* Carries out what node i wants of its kernel, and reads no event. */
static void
settle(struct world *w, size_t i)
{
	struct kernel_result res;
	struct kernel_op op;

	while (node_pull_kernel_op(w->nodes[i].node, &op, w->now)) {
		sim_kernel_request(w->nodes[i].kernel, &op, &res);
		node_kernel_result(w->nodes[i].node, &res, w->now);
	}
}

/* A control message of somebody whom the test plays itself. */
static void
say(struct world *w, struct node *n, const struct peer_addr *from, unsigned int flags, uint32_t seq,
    uint32_t first, uint32_t last)
{
	uint8_t buf[64];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, (uint8_t)flags, seq, first, last));
	node_datagram(n, from, buf, wbuf_len(&wb), w->now);
}

/* Our picture of the flow is that of the kernel. */
static void
check_local_kernel(struct world *w, size_t i, const struct flow_key *key)
{
	const struct flow *g = sim_kernel_find(w->nodes[i].kernel, key);
	struct flow r;

	assert_non_null(g);
	assert_true(world_find(w, i, TABLE_LOCAL, key, &r));
	assert_true(flow_reply_equal(&g->reply, &r.reply));
	assert_int_equal(g->l4.tcp.state, r.l4.tcp.state);
}

/* The stray's NEW is read after the commit has replaced it. */
static void
the_birth_of_a_replaced_entry_is_no_news(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), stray = stray_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &stray);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	settle(w, 1);
	world_run(w, 2000);
	check_local_kernel(w, 1, &f.key);
	world_free(w);
}

/* It ends by itself just before. */
static void
the_end_of_a_replaced_entry_is_no_news(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), stray = stray_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &stray);
	world_run(w, 100);
	sim_kernel_destroy(w->nodes[1].kernel, &stray.key);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	settle(w, 1);
	world_run(w, 2000);
	check_local_kernel(w, 1, &f.key);
	world_free(w);
}

static void
a_change_of_a_replaced_entry_is_no_news(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), other = tcp_flow(5);

	(void)state;
	other.reply.dst.b[3] = 99;
	sim_kernel_new(w->nodes[1].kernel, &other);
	world_run(w, 100);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	other.l4.tcp.state = TCP_FIN_WAIT;
	sim_kernel_update(w->nodes[1].kernel, &other);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	settle(w, 1);
	world_run(w, 2000);
	check_local_kernel(w, 1, &f.key);
	world_free(w);
}

static void
an_acknowledgement_of_a_replaced_flow_is_none_of_its_successor(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(5), f = tcp_flow(5), r, up;

	(void)state;
	w->latency_ms = 5;
	/* The peer has the flow without translation, helper or mark. */
	flow_invert(&f.key, &f.reply);
	f.status = ST_CONFIRMED | ST_SEEN_REPLY | ST_ASSURED;
	flow_derive_nat(&f);
	/* Ours is what a packet left behind a moment ago: translated, with a helper and a mark. */
	old.status = ST_CONFIRMED | ST_SRC_NAT | ST_SRC_NAT_DONE;
	old.l4.tcp.state = TCP_SYN_SENT;
	old.has |= HAS_HELPER | HAS_MARK;
	strcpy(old.rare.helper, "ftp");
	old.mark = 99;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 3000);
	sim_kernel_new(w->nodes[1].kernel, &old);
	/* Announced, but not acknowledged before it is replaced. */
	world_run(w, 50);
	world_command(w, 1, CMD_COMMIT);
	world_run(w, 5000);
	up = *sim_kernel_find(w->nodes[1].kernel, &f.key);
	up.l4.tcp.state = TCP_FIN_WAIT;
	sim_kernel_update(w->nodes[1].kernel, &up);
	world_run(w, 5000);
	assert_true(world_find(w, 0, TABLE_REMOTE, &f.key, &r));
	assert_true(flow_reply_equal(&r.reply, &up.reply));
	world_free(w);
}

static void
an_update_is_never_merged_into_the_flow_of_another_node(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w = world_new(3, &cfg);
	struct flow a = tcp_flow(5), b = tcp_flow(5), r;

	(void)state;
	world_run(w, 3000);
	flow_invert(&a.key, &a.reply);
	a.status = ST_CONFIRMED | ST_SEEN_REPLY | ST_ASSURED;
	flow_derive_nat(&a);
	sim_kernel_new(w->nodes[1].kernel, &a);
	world_run(w, 3000);
	b.has |= HAS_HELPER | HAS_MARK;
	b.mark = 7;
	strcpy(b.rare.helper, "ftp");
	sim_kernel_new(w->nodes[2].kernel, &b);
	world_run(w, 3000);
	a = *sim_kernel_find(w->nodes[1].kernel, &a.key);
	a.l4.tcp.state = TCP_FIN_WAIT;
	sim_kernel_update(w->nodes[1].kernel, &a);
	world_run(w, 3000);
	assert_true(world_find(w, 0, TABLE_REMOTE, &a.key, &r));
	assert_true(flow_reply_equal(&r.reply, &a.reply));
	world_free(w);
}

/* NEW is lost in an overrun, a partial UPDATE comes during the read. */
static void
what_only_a_dump_knows_is_told(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	struct flow f = tcp_flow(1), ev, r;
	struct kernel_event e = {.type = KEV_UPDATE};

	(void)state;
	f.has |= HAS_HELPER | HAS_MARK;
	strcpy(f.rare.helper, "ftp");
	f.mark = 7;
	sim_kernel_new(w->nodes[0].kernel, &f);
	w->nodes[0].kernel->events_count = 0;
	w->nodes[0].kernel->events_lost = true;
	world_run(w, 100);
	f = *sim_kernel_find(w->nodes[0].kernel, &f.key);
	node_kernel_read_begin(n, true, w->now);
	ev = f;
	ev.has &= ~(uint32_t)(HAS_HELPER | HAS_MARK);
	e.flow = ev;
	node_kernel_event(n, &e, w->now);
	world_run(w, 10);
	node_kernel_read_flow(n, &f, w->now);
	node_kernel_read_end(n, true, w->now);
	world_run(w, 60000);
	assert_true(world_find(w, 0, TABLE_LOCAL, &f.key, &r));
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, &r));
	assert_int_equal(r.mark, 7);
	assert_int_equal(!!(r.has & HAS_HELPER), 1);
	world_free(w);
}

static void
a_timeout_that_ran_down_makes_no_replica_fresher(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(5), live = tcp_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &old);
	world_run(w, 100);
	live.reply.dst.b[3] = 99;
	sim_kernel_new(w->nodes[1].kernel, &live);
	world_run(w, 60000);
	world_read_kernel(w, 0, false);
	world_command(w, 0, CMD_BULK);
	world_run(w, 1000);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.current, 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 0);
	world_free(w);
}

static void
a_packet_between_the_halves_of_a_replacement_costs_nothing(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), stray = stray_flow(5);
	struct kernel_result res;
	struct kernel_op op;

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &stray);
	world_run(w, 100);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	for (int i = 0; node_pull_kernel_op(w->nodes[1].node, &op, w->now); i++) {
		if (i == 1) {
			assert_int_equal(op.type, KOP_REPLACE);
			sim_kernel_destroy(w->nodes[1].kernel, &stray.key);
			w->nodes[1].kernel->events_count = 0;
			sim_kernel_new(w->nodes[1].kernel, &stray);
			memset(&res, 0, sizeof(res));
			res.cookie = op.cookie;
			res.error = EEXIST;
		} else {
			sim_kernel_request(w->nodes[1].kernel, &op, &res);
		}
		node_kernel_result(w->nodes[1].node, &res, w->now);
	}
	world_run(w, 1000);
	assert_int_equal(w->nodes[1].last_commit.failed, 0);
	check_local_kernel(w, 1, &f.key);
	world_free(w);
}

/* As with H.323; the last of the chain stands first in the table. */
static void
a_flow_related_to_a_related_flow_keeps_its_master(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow z = tcp_flow(1), y = tcp_flow(2), x = tcp_flow(3);
	struct flow *g;

	(void)state;
	z.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	z.rare.master = y.key;
	y.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	y.rare.master = x.key;
	sim_kernel_new(w->nodes[0].kernel, &z);
	sim_kernel_new(w->nodes[0].kernel, &y);
	sim_kernel_new(w->nodes[0].kernel, &x);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	g = sim_kernel_find(w->nodes[1].kernel, &z.key);
	assert_non_null(g);
	assert_true(g->has & HAS_MASTER);
	world_free(w);
}

/* The kernel answers in its own time: no related flow is asked for before its master is there. */
static void
a_related_flow_waits_for_the_answer_about_its_master(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow data = tcp_flow(1), master = tcp_flow(2);
	struct kernel_result res;
	struct kernel_op op, early;

	(void)state;
	data.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	data.rare.master = master.key;
	sim_kernel_new(w->nodes[0].kernel, &data);
	sim_kernel_new(w->nodes[0].kernel, &master);
	world_run(w, 100);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	assert_true(node_pull_kernel_op(w->nodes[1].node, &op, w->now));
	assert_true(flow_key_equal(&op.flow.key, &master.key));
	assert_false(node_pull_kernel_op(w->nodes[1].node, &early, w->now));
	sim_kernel_request(w->nodes[1].kernel, &op, &res);
	node_kernel_result(w->nodes[1].node, &res, w->now);
	world_run(w, 100);
	assert_int_equal(w->nodes[1].last_commit.created, 2);
	assert_int_equal(w->nodes[1].last_commit.degraded, 0);
	world_free(w);
}

static void
what_changes_behind_a_running_walk_is_written_once_more(void **state)
{
	struct world *w = pair(ftfw_cfg());
	const struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	struct flow f = tcp_flow(1);
	struct kernel_result res;
	struct kernel_op op;
	uint8_t buf[WORLD_PAYLOAD];
	size_t len;

	(void)state;
	make_flows(w, 0, 1, 600);
	world_run(w, 2000);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	for (int i = 0; i < 100; i++) {
		assert_true(node_pull_kernel_op(w->nodes[1].node, &op, w->now));
		sim_kernel_request(w->nodes[1].kernel, &op, &res);
		node_kernel_result(w->nodes[1].node, &res, w->now);
	}
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	f.mark = 7;
	f.has |= HAS_MARK;
	node_kernel_event(w->nodes[0].node,
	    &(struct kernel_event){.type = KEV_UPDATE, .flow = f}, w->now);
	while ((len = node_pull_datagram(w->nodes[0].node, buf, sizeof(buf), w->now)) > 0)
		node_datagram(w->nodes[1].node, &from, buf, len, w->now);
	world_run(w, 1000);
	assert_int_equal(sim_kernel_find(w->nodes[1].kernel, &f.key)->mark, 7);
	world_free(w);
}

/* For eleven minutes; datagrams are read before timers run. */
static void
a_daemon_that_was_stopped_compares_when_it_goes_on(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n;

	(void)state;
	w->latency_ms = 1;
	make_flows(w, 0, 1, 100);
	world_run(w, 3000);
	n = w->nodes[1].node;
	w->nodes[1].node = NULL;
	world_run(w, 60000);
	end_flows(w, 0, 1, 40);
	world_run(w, 640000);
	while (w->packets_count == 0)
		world_run(w, 1);
	w->now.ms++;
	w->nodes[1].node = n;
	world_run(w, 0);
	world_run(w, 120000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* Numbers from the clock, one message a second: a quick restart may begin with the next one. */
static void
a_restart_that_continues_the_numbers_is_noticed(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr inc = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 50}}};
	struct node *n = w->nodes[0].node;
	uint32_t seq = 1700000000;
	uint64_t bulks;

	(void)state;
	w->cut[0][1] = w->cut[1][0] = true;
	make_flows(w, 0, 1, 100);
	for (int i = 0; i < 20; i++) {
		say(w, n, &inc, WIRE_ALIVE | (i < 2 ? WIRE_HELLO : 0), seq++, 0, 0);
		world_run(w, 1000);
	}
	bulks = node_stats(n)->bulk_sends;
	for (int i = 0; i < 3; i++) {
		say(w, n, &inc, WIRE_ALIVE | (i < 2 ? WIRE_HELLO : 0), seq++, 0, 0);
		world_run(w, 1000);
	}
	world_run(w, 10000);
	assert_int_not_equal(node_stats(n)->bulk_sends, bulks);
	world_free(w);
}

/* After our restart the range of an incumbent begins with a number of our last process. */
static void
an_acknowledgement_that_begins_before_us_counts(void **state)
{
	const struct peer_addr inc = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 50}}};
	struct node_cfg cfg = ftfw_cfg();
	struct world *w = world_new(1, &cfg);
	struct node *n = w->nodes[0].node;
	const uint32_t first = 0x10100000;
	uint32_t seq = 1700000000, acked;
	struct flow f = tcp_flow(1);

	(void)state;
	say(w, n, &inc, WIRE_ALIVE, seq++, 0, 0);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 10);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 10);
	acked = first + (uint32_t)node_stats(n)->send_messages - 1;
	say(w, n, &inc, WIRE_ACK | WIRE_HELLO_BACK, seq++, first - 0x4000, acked);
	for (int i = 0; i < 30; i++) {
		uint32_t last = first + (uint32_t)node_stats(n)->send_messages - 1;

		if (last != acked)
			say(w, n, &inc, WIRE_ACK, seq++, acked + 1, last);
		acked = last;
		world_run(w, 1000);
	}
	assert_int_equal(node_table_view(n, TABLE_LOCAL).total, 0);
	world_free(w);
}

/* An event as the kernel would raise it. */
static void
event(struct world *w, enum kernel_event_type type, unsigned int port, uint32_t id)
{
	struct kernel_event ev = {.type = type, .flow = tcp_flow(port)};

	ev.flow.has |= HAS_ID;
	ev.flow.id = id;
	node_kernel_event(w->nodes[0].node, &ev, w->now);
}

static void
the_dead_make_room_even_if_tombs_do_not(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct flow f = tcp_flow(20);
	struct world *w;

	(void)state;
	cfg.limit = 4;
	w = pair(cfg);
	for (unsigned int i = 1; i <= 3; i++)
		event(w, KEV_NEW, i, i);
	world_run(w, 3000);
	w->drop = drop_all;
	node_kernel_read_begin(w->nodes[0].node, false, w->now);
	/* One that ends during the read, and its tuple begins anew; one whose end is not acknowledged. */
	event(w, KEV_DESTROY, 9, 9);
	event(w, KEV_NEW, 9, 10);
	event(w, KEV_DESTROY, 1, 1);
	world_run(w, 10);
	event(w, KEV_NEW, 20, 20);
	assert_true(world_find(w, 0, TABLE_LOCAL, &f.key, NULL));
	world_free(w);
}

static void
what_ended_by_itself_before_a_flush_is_told(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 10);
	world_run(w, 2000);
	world_read_kernel(w, 0, false);
	end_flows(w, 0, 1, 5);
	node_command(w->nodes[0].node, CMD_FLUSH_KERNEL, w->now);
	settle(w, 0);
	world_run(w, 5000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 5);
	world_free(w);
}

static void
repeated_overruns_do_not_hide_the_end_of_a_commit(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	unsigned int done = 0;
	struct kernel_op op;
	struct notice note;

	(void)state;
	for (int i = 0; i < 63; i++)
		node_kernel_overrun(n, w->now);
	node_command(n, CMD_COMMIT, w->now);
	while (node_pull_kernel_op(n, &op, w->now))
		continue;
	node_command(n, CMD_REQUEST_RESYNC, w->now);
	node_command(n, CMD_REQUEST_RESYNC, w->now);
	while (node_pull_notice(n, &note))
		done += note.type == NOTE_COMMIT_DONE;
	assert_int_equal(done, 1);
	world_free(w);
}

/* -f while -c runs: what is being written must not vanish under its hands. */
static void
a_flush_during_a_commit_waits_for_its_end(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct kernel_result res;
	struct kernel_op op;

	(void)state;
	make_flows(w, 0, 1, 1000);
	world_run(w, 1000);
	node_command(w->nodes[1].node, CMD_COMMIT, w->now);
	for (int i = 0; i < 300; i++) {
		assert_true(node_pull_kernel_op(w->nodes[1].node, &op, w->now));
		sim_kernel_request(w->nodes[1].kernel, &op, &res);
		node_kernel_result(w->nodes[1].node, &res, w->now);
	}
	node_command(w->nodes[1].node, CMD_FLUSH_INTERNAL, w->now);
	node_command(w->nodes[1].node, CMD_FLUSH_EXTERNAL, w->now);
	world_run(w, 100);
	assert_int_equal(w->nodes[1].last_commit.created, 1000);
	assert_int_equal(w->nodes[1].kernel->count, 1000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_free(w);
}

/*
 * The backup's kernel has old entries of the same tuples, translated otherwise.  Its cache was
 * flushed, and read again or not: nothing tells any more that they are old, and they are.
 */
static void
old_entries_do_not_win_because_the_cache_was_flushed(void **state)
{
	(void)state;
	for (int read = 0; read < 2; read++) {
		struct world *w = pair(ftfw_cfg());
		struct flow old = tcp_flow(5), f = tcp_flow(5);

		old.reply.dst.b[3] = 99;
		sim_kernel_new(w->nodes[1].kernel, &old);
		world_run(w, 1000);
		sim_kernel_new(w->nodes[0].kernel, &f);
		world_run(w, 1000);
		world_command(w, 1, CMD_FLUSH_INTERNAL);
		if (read)
			world_read_kernel(w, 1, false);
		world_run(w, 1000);
		world_command(w, 1, CMD_COMMIT);
		assert_int_equal(w->nodes[1].last_commit.replaced, 1);
		assert_true(flow_reply_equal(&sim_kernel_find(w->nodes[1].kernel, &f.key)->reply,
		    &f.reply));
		world_free(w);
	}
}

/* A helper shifts the sequence numbers of its connection; no event tells, but the next data flow. */
static void
what_a_helper_did_to_a_master_goes_with_the_related_flow(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow master = tcp_flow(21), data = tcp_flow(20), r;
	struct flow *kept;

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &master);
	world_run(w, 1000);
	kept = sim_kernel_find(w->nodes[0].kernel, &master.key);
	kept->has |= HAS_SEQADJ;
	kept->rare.seqadj[0] = (struct flow_seqadj){100, 0, 3};
	data.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	data.rare.master = master.key;
	sim_kernel_new(w->nodes[0].kernel, &data);
	world_run(w, 1000);
	assert_true(world_find(w, 1, TABLE_REMOTE, &master.key, &r));
	assert_int_equal(r.rare.seqadj[0].offset_after, 3);
	world_free(w);
}

/* Each of these makes us look through all that waits.  So many of them are not answered. */
static void
a_flood_of_acknowledgements_is_cut_off(void **state)
{
	const struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 2}}};
	struct node_cfg cfg = ftfw_cfg();
	struct world *w = world_new(3, &cfg);
	struct node *n = w->nodes[0].node;
	uint32_t first = 0x10100000, seq;

	(void)state;
	world_run(w, 3000);
	w->drop = drop_all;
	make_flows(w, 0, 1, 4000);
	world_run(w, 1500);
	seq = 0x20200000 + (uint32_t)node_stats(w->nodes[1].node)->send_messages;
	for (uint32_t i = 0; i < 4000; i++)
		say(w, n, &from, WIRE_ACK, seq + i, first,
		    first + (uint32_t)node_stats(n)->send_messages - 1);
	assert_in_range(node_stats(n)->recv_flood, 1, 4000);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_birth_of_a_replaced_entry_is_no_news),
	    cmocka_unit_test(the_end_of_a_replaced_entry_is_no_news),
	    cmocka_unit_test(a_change_of_a_replaced_entry_is_no_news),
	    cmocka_unit_test(an_acknowledgement_of_a_replaced_flow_is_none_of_its_successor),
	    cmocka_unit_test(an_update_is_never_merged_into_the_flow_of_another_node),
	    cmocka_unit_test(what_only_a_dump_knows_is_told),
	    cmocka_unit_test(a_timeout_that_ran_down_makes_no_replica_fresher),
	    cmocka_unit_test(a_packet_between_the_halves_of_a_replacement_costs_nothing),
	    cmocka_unit_test(a_flow_related_to_a_related_flow_keeps_its_master),
	    cmocka_unit_test(a_related_flow_waits_for_the_answer_about_its_master),
	    cmocka_unit_test(what_changes_behind_a_running_walk_is_written_once_more),
	    cmocka_unit_test(a_daemon_that_was_stopped_compares_when_it_goes_on),
	    cmocka_unit_test(a_restart_that_continues_the_numbers_is_noticed),
	    cmocka_unit_test(an_acknowledgement_that_begins_before_us_counts),
	    cmocka_unit_test(the_dead_make_room_even_if_tombs_do_not),
	    cmocka_unit_test(what_ended_by_itself_before_a_flush_is_told),
	    cmocka_unit_test(a_flush_during_a_commit_waits_for_its_end),
	    cmocka_unit_test(old_entries_do_not_win_because_the_cache_was_flushed),
	    cmocka_unit_test(what_a_helper_did_to_a_master_goes_with_the_related_flow),
	    cmocka_unit_test(a_flood_of_acknowledgements_is_cut_off),
	    cmocka_unit_test(repeated_overruns_do_not_hide_the_end_of_a_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
