/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover.c: commits that peers, the kernel and other commits interfere with.
 */
#include <errno.h>
#include <stdlib.h>

#include "flows.h"
#include "wire.h"

/* Clients wait for the end of a commit: no flood of other notices may push it out. */
static void
a_flood_of_notices_does_not_hide_the_end_of_a_commit(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 77}}};
	struct node *n = w->nodes[0].node;
	struct kernel_op op;
	struct notice note;
	unsigned int done = 0;
	uint8_t buf[64];
	struct wbuf wb;

	(void)state;
	node_command(n, CMD_COMMIT, w->now);
	assert_false(node_pull_kernel_op(n, &op, w->now));
	for (uint32_t i = 0; i < 200; i++) {
		wbuf_init(&wb, buf, sizeof(buf));
		assert_true(wire_put_control(&wb, WIRE_RESYNC, i, 0, 0));
		node_datagram(n, &from, buf, wbuf_len(&wb), w->now);
	}
	while (node_pull_notice(n, &note))
		done += note.type == NOTE_COMMIT_DONE;
	assert_int_equal(done, 1);
	world_free(w);
}

/* A peer that goes on updating faster than the kernel takes it in must not keep a commit open. */
static void
a_commit_ends_while_the_peer_goes_on(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 77}}};
	struct node *n = w->nodes[1].node;
	struct kernel_result res;
	struct kernel_op op;
	struct notice note;
	bool done = false;
	uint32_t seq = 1;

	(void)state;
	make_flows(w, 0, 1, 200);
	world_run(w, 1000);
	node_command(n, CMD_COMMIT, w->now);
	for (unsigned int turn = 0; turn < 500 && !done; turn++) {
		for (unsigned int i = 0; i < 10; i++) {
			struct flow f = tcp_flow(1 + seq % 200);
			uint8_t buf[256];
			struct wbuf wb;

			f.mark = seq;
			f.has |= HAS_MARK;
			wbuf_init(&wb, buf, sizeof(buf));
			assert_true(wire_put_flow(&wb, WIRE_CT_UPD, 0, seq++, &f, UINT32_MAX));
			node_datagram(n, &from, buf, wbuf_len(&wb), w->now);
		}
		for (unsigned int i = 0; i < 5 && node_pull_kernel_op(n, &op, w->now); i++) {
			sim_kernel_request(w->nodes[1].kernel, &op, &res);
			node_kernel_result(n, &res, w->now);
		}
		while (node_pull_notice(n, &note))
			done |= note.type == NOTE_COMMIT_DONE;
		w->now.ms++;
	}
	assert_true(done);
	world_free(w);
}

/* The related flow is updated while the commit has passed it but not yet written its master. */
static void
an_update_during_a_commit_does_not_overtake_the_master(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow data = tcp_flow(1), master = tcp_flow(2);
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 77}}};
	struct node *n = w->nodes[1].node;
	struct kernel_result res;
	struct kernel_op op;
	uint8_t buf[256];
	struct wbuf wb;

	(void)state;
	data.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	data.rare.master = master.key;
	make_flows(w, 0, 100, 1);
	world_run(w, 100);
	sim_kernel_new(w->nodes[0].kernel, &data);
	world_run(w, 100);
	make_flows(w, 0, 101, 1);
	sim_kernel_new(w->nodes[0].kernel, &master);
	world_run(w, 100);
	node_command(n, CMD_COMMIT, w->now);
	for (int i = 0; i < 2; i++) {
		assert_true(node_pull_kernel_op(n, &op, w->now));
		sim_kernel_request(w->nodes[1].kernel, &op, &res);
		node_kernel_result(n, &res, w->now);
	}
	assert_null(sim_kernel_find(w->nodes[1].kernel, &master.key));
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_flow(&wb, WIRE_CT_UPD, 0, 5, &data, UINT32_MAX));
	node_datagram(n, &from, buf, wbuf_len(&wb), w->now);
	world_run(w, 100);
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &data.key));
	assert_int_equal(w->nodes[1].last_commit.degraded, 0);
	assert_int_equal(node_stats(n)->commit_degraded, 0);
	world_free(w);
}

/* The replica dies between the request to create it and the kernel's answer. */
static void
a_replica_that_dies_while_it_is_written_is_taken_out_again(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[1].node;
	struct flow f = tcp_flow(5);
	struct kernel_result res;
	struct kernel_op op;

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	node_command(n, CMD_COMMIT, w->now);
	assert_true(node_pull_kernel_op(n, &op, w->now));
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 10);
	sim_kernel_request(w->nodes[1].kernel, &op, &res);
	node_kernel_result(n, &res, w->now);
	world_run(w, 100);
	assert_int_equal(w->nodes[1].notices[NOTE_COMMIT_DONE], 1);
	assert_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	assert_int_equal(node_table_view(w->nodes[1].node, TABLE_REMOTE).total, 0);
	world_free(w);
}

/* A replacement whose second half fails has deleted the old entry all the same. */
static void
a_replacement_that_fails_half_way_leaves_no_ghost(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), stray = stray_flow(5), other = tcp_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	other.key.src.b[3] = 11; /* another client, mapped to the same address and port */
	sim_kernel_new(w->nodes[1].kernel, &stray);
	sim_kernel_new(w->nodes[1].kernel, &other);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	world_run(w, 100);
	assert_int_equal(w->nodes[1].last_commit.failed, 1);
	assert_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	assert_false(world_find(w, 1, TABLE_LOCAL, &f.key, NULL));
	assert_false(world_find(w, 0, TABLE_REMOTE, &f.key, NULL));
	world_free(w);
}

/* The end of the kernel's own old entry is told after we have written the replica in its place. */
static void
the_end_of_what_was_there_before_a_commit_is_not_the_end_of_what_it_wrote(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[1].node;
	struct flow f = tcp_flow(5);
	struct kernel_result res;
	struct kernel_op op;

	(void)state;
	sim_kernel_new(w->nodes[1].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	/* It ends; nobody has read the event when the commit comes. */
	sim_kernel_destroy(w->nodes[1].kernel, &f.key);
	node_command(n, CMD_COMMIT, w->now);
	while (node_pull_kernel_op(n, &op, w->now)) {
		sim_kernel_request(w->nodes[1].kernel, &op, &res);
		node_kernel_result(n, &res, w->now);
	}
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	world_run(w, 100);
	assert_true(world_find(w, 1, TABLE_LOCAL, &f.key, NULL));
	world_free(w);
}

/* What a full resend shows to be gone is as dead as what was told to be. */
static void
a_swept_flow_leaves_the_kernel_too(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	make_flows(w, 0, 1, 50);
	world_run(w, 1000);
	assert_int_equal(w->nodes[1].kernel->count, 50);
	world_kill(w, 0);
	end_flows(w, 0, 1, 20);
	world_start(w, 0);
	world_run(w, 30000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 30);
	assert_int_equal(w->nodes[1].kernel->count, 30);
	world_free(w);
}

/* The kernel does not take a helper in an update: nor do we think that it has. */
static void
an_update_in_place_is_remembered_as_the_kernel_took_it(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), r;

	(void)state;
	sim_kernel_new(w->nodes[1].kernel, &f);
	w->nodes[1].kernel->events_count = 0;
	f.has |= HAS_HELPER;
	strcpy(f.rare.helper, "ftp");
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.updated, 1);
	assert_true(world_find(w, 1, TABLE_LOCAL, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	/* We had not seen the entry before: what we know of it now is enough to tell others. */
	world_command(w, 1, CMD_BULK);
	world_run(w, 100);
	assert_true(world_find(w, 0, TABLE_REMOTE, &f.key, &r));
	assert_true(flow_reply_equal(&f.reply, &r.reply));
	world_free(w);
}

/* A replica that is said once more without news is no fresher than the kernel's entry for it. */
static void
a_resend_does_not_make_a_replica_fresher(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(5), live = tcp_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &old);
	world_run(w, 100);
	live.reply.dst.b[3] = 99;
	sim_kernel_new(w->nodes[1].kernel, &live);
	world_run(w, 100);
	world_command(w, 0, CMD_BULK);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.current, 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 0);
	world_free(w);
}

/* Should events of our own writes be delivered: the first half of a replacement does not make us
 * forget that the peers have heard of the flow. */
static void
the_end_of_a_replaced_flow_is_told(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), stray = stray_flow(5);

	(void)state;
	w->nodes[1].kernel->deliver_own = true;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &stray);
	world_run(w, 100);
	assert_true(world_find(w, 0, TABLE_REMOTE, &f.key, NULL));
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.replaced, 1);
	sim_kernel_destroy(w->nodes[1].kernel, &f.key);
	world_run(w, 100);
	assert_false(world_find(w, 0, TABLE_REMOTE, &f.key, NULL));
	world_free(w);
}

/* Node `to` becomes the master in place of the other: the commands of a takeover, and of its loss. */
static void
take_over(struct world *w, size_t to)
{
	world_command(w, to, CMD_COMMIT);
	world_command(w, to, CMD_FLUSH_INTERNAL);
	world_command(w, to, CMD_FLUSH_EXTERNAL);
	world_read_kernel(w, to, false);
	world_command(w, to, CMD_BULK);
	world_command(w, 1 - to, CMD_REQUEST_RESYNC);
	world_run(w, 1000);
}

/*
 * The old master keeps its entries.  A connection that the new one saw to its end is over, and must
 * not come back to life, or keep its mapping, when the roles change again.
 */
static void
a_connection_that_ended_at_the_other_node_does_not_outlive_a_takeover(void **state)
{
	(void)state;
	for (int mode = MODE_FTFW; mode <= MODE_ALARM; mode++) {
		struct world *w = pair(mode == MODE_FTFW ? ftfw_cfg() : alarm_cfg());
		struct flow over = tcp_flow_in(5, TCP_TIME_WAIT);

		make_flows(w, 0, 1, 10);
		world_run(w, 1000);
		take_over(w, 1);
		sim_kernel_update(w->nodes[1].kernel, &over);
		world_run(w, 100);
		sim_kernel_destroy(w->nodes[1].kernel, &over.key);
		world_run(w, 100);
		assert_non_null(sim_kernel_find(w->nodes[0].kernel, &over.key));
		take_over(w, 0);
		assert_null(sim_kernel_find(w->nodes[0].kernel, &over.key));
		assert_int_equal(w->nodes[0].last_commit.ended, 1);
		assert_int_equal(w->nodes[0].kernel->deletes, 1);
		assert_int_equal(w->nodes[0].kernel->count, 9);
		assert_int_equal(world_count(w, 0, TABLE_LOCAL), 9);
		world_free(w);
	}
}

/* What the other node says of the end is not believed where it did not see it, or knows less. */
static void
an_end_that_the_other_node_only_imagines_ends_nothing(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow over = tcp_flow_in(2, TCP_TIME_WAIT), again = tcp_flow(2);
	struct flow idle = tcp_flow(1), closing = tcp_flow_in(3, TCP_TIME_WAIT);

	(void)state;
	make_flows(w, 0, 1, 3);
	world_run(w, 1000);
	take_over(w, 1);
	/* One only ran out there, one had its tuple taken by a new one here, one went on here. */
	sim_kernel_destroy(w->nodes[1].kernel, &idle.key);
	sim_kernel_update(w->nodes[1].kernel, &over);
	sim_kernel_update(w->nodes[1].kernel, &closing);
	world_run(w, 100);
	sim_kernel_destroy(w->nodes[0].kernel, &again.key);
	sim_kernel_new(w->nodes[0].kernel, &again);
	world_run(w, 100);
	sim_kernel_destroy(w->nodes[1].kernel, &over.key);
	sim_kernel_destroy(w->nodes[1].kernel, &closing.key);
	world_run(w, 100);
	closing.l4.tcp.state = TCP_ESTABLISHED;
	sim_kernel_update(w->nodes[0].kernel, &closing);
	world_run(w, 100);
	world_command(w, 0, CMD_COMMIT);
	assert_int_equal(w->nodes[0].last_commit.ended, 0);
	assert_int_equal(w->nodes[0].kernel->deletes, 0);
	assert_int_equal(w->nodes[0].kernel->count, 3);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flood_of_notices_does_not_hide_the_end_of_a_commit),
	    cmocka_unit_test(a_commit_ends_while_the_peer_goes_on),
	    cmocka_unit_test(an_update_during_a_commit_does_not_overtake_the_master),
	    cmocka_unit_test(a_replica_that_dies_while_it_is_written_is_taken_out_again),
	    cmocka_unit_test(a_replacement_that_fails_half_way_leaves_no_ghost),
	    cmocka_unit_test(the_end_of_what_was_there_before_a_commit_is_not_the_end_of_what_it_wrote),
	    cmocka_unit_test(a_swept_flow_leaves_the_kernel_too),
	    cmocka_unit_test(an_update_in_place_is_remembered_as_the_kernel_took_it),
	    cmocka_unit_test(a_resend_does_not_make_a_replica_fresher),
	    cmocka_unit_test(the_end_of_a_replaced_flow_is_told),
	    cmocka_unit_test(a_connection_that_ended_at_the_other_node_does_not_outlive_a_takeover),
	    cmocka_unit_test(an_end_that_the_other_node_only_imagines_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
