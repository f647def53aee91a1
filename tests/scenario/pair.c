/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flows.h"
#include "wire.h"

static void
a_flow_is_known_to_the_peer_at_once(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow_in(1000, TCP_SYN_SENT);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 2);
	assert_replica(w, 0, 1);
	f.l4.tcp.state = TCP_ESTABLISHED;
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 2);
	assert_replica(w, 0, 1);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 2);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
acknowledged_flows_are_not_kept_for_resending(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 500);
	world_run(w, 3000);
	assert_replica(w, 0, 1);
	assert_in_range(node_queue_view(w->nodes[0].node).unacked, 0, 2);
	end_flows(w, 0, 1, 500);
	world_run(w, 3000);
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 0);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_free(w);
}

static bool
drop_third(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)from;
	(void)to;
	(void)data;
	(void)len;
	/* Not every third: a fixed rhythm can hit the same message again and again. */
	w->rng = w->rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (w->rng >> 33) % 3 == 0;
}

static void
a_third_of_all_datagrams_lost_and_still_an_exact_replica(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	w->drop = drop_third;
	w->latency_ms = 2;
	make_flows(w, 0, 1, 1000);
	world_run(w, 100);
	for (unsigned int i = 1; i <= 1000; i++) {
		struct flow f = tcp_flow_in(i, TCP_FIN_WAIT);

		f.mark = i;
		f.has |= HAS_MARK;
		sim_kernel_update(w->nodes[0].kernel, &f);
		if (i % 2 == 0)
			sim_kernel_destroy(w->nodes[0].kernel, &f.key);
		if (i % 10 == 0)
			world_run(w, 3);
	}
	world_run(w, 20000);
	assert_true(w->lost > 50);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_link_dead_for_half_a_minute_leaves_no_trace(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 300);
	world_run(w, 3000);
	w->drop = drop_all;
	end_flows(w, 0, 1, 100);
	make_flows(w, 0, 1000, 100);
	world_run(w, 30000);
	w->drop = NULL;
	world_run(w, 15000);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_restarted_backup_gets_everything_again(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 200);
	world_run(w, 2000);
	world_kill(w, 1);
	make_flows(w, 0, 300, 50);
	world_run(w, 500);
	world_start(w, 1);
	world_run(w, 4000);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_restarted_master_tells_what_it_missed_and_what_is_gone(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 200);
	world_run(w, 2000);
	world_kill(w, 0);
	make_flows(w, 0, 300, 50);
	end_flows(w, 0, 1, 100);
	world_run(w, 2000);
	w->nodes[0].kernel->events_count = 0;
	world_start(w, 0);
	world_run(w, 15000);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
three_nodes_each_hold_what_the_others_have(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w = world_new(3, &cfg);

	(void)state;
	world_run(w, 3000);
	w->drop = drop_third;
	w->latency_ms = 1;
	make_flows(w, 0, 1, 200);
	make_flows(w, 1, 1000, 200);
	world_run(w, 30000);
	assert_int_equal(world_count(w, 0, TABLE_REMOTE), 200);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 200);
	assert_replica(w, 0, 1);
	assert_int_equal(world_count(w, 2, TABLE_REMOTE), 400);
	w->drop = NULL;
	world_run(w, 3000);
	assert_in_range(node_queue_view(w->nodes[0].node).unacked, 0, 4);
	world_free(w);
}

static void
numbers_wrap_without_a_ripple(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w = pair(cfg);

	(void)state;
	w->first_seq = UINT32_MAX - 500;
	world_start(w, 0);
	w->first_seq = 0;
	world_run(w, 3000);
	w->drop = drop_third;
	make_flows(w, 0, 1, 2000);
	world_run(w, 20000);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_single_forged_number_does_not_deafen_us(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	uint8_t buf[64];
	struct wbuf wb;

	(void)state;
	make_flows(w, 0, 1, 10);
	world_run(w, 1000);
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE, 0x10100000u + 0x60000000u, 0, 0));
	node_datagram(w->nodes[1].node, &from, buf, wbuf_len(&wb), w->now);
	make_flows(w, 0, 100, 10);
	world_run(w, 2000);
	assert_replica(w, 0, 1);
	assert_int_equal(node_stats(w->nodes[1].node)->seq_jump_held, 1);
	world_free(w);
}

/* The second node's first words arrive twice, the copies late. */
static void
a_repeated_hello_is_no_restart(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 7}}};
	uint8_t buf[64];
	struct wbuf wb;

	(void)state;
	for (uint32_t seq = 100; seq < 103; seq++) {
		wbuf_init(&wb, buf, sizeof(buf));
		assert_true(wire_put_control(&wb, WIRE_ALIVE | WIRE_HELLO, seq, 0, 0));
		node_datagram(w->nodes[1].node, &from, buf, wbuf_len(&wb), w->now);
	}
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE | WIRE_HELLO, 101, 0, 0));
	node_datagram(w->nodes[1].node, &from, buf, wbuf_len(&wb), w->now);
	world_run(w, 1);
	assert_int_equal(w->nodes[1].notices[NOTE_PEER_RESTARTED], 0);
	assert_int_equal(node_stats(w->nodes[1].node)->nack_sent, 0);
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE, 103, 0, 0));
	node_datagram(w->nodes[1].node, &from, buf, wbuf_len(&wb), w->now);
	/* A lower number after a while is a restart: others number from the clock, which may have
	 * been behind. */
	world_run(w, 1400);
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE | WIRE_HELLO, 50, 0, 0));
	node_datagram(w->nodes[1].node, &from, buf, wbuf_len(&wb), w->now);
	world_run(w, 1);
	assert_int_equal(w->nodes[1].notices[NOTE_PEER_RESTARTED], 1);
	world_free(w);
}

static void
alarm_repeats_itself_until_all_is_known(void **state)
{
	struct node_cfg cfg = alarm_cfg();
	struct world *w;

	(void)state;
	cfg.refresh_s = 1;
	w = pair(cfg);
	w->drop = drop_third;
	make_flows(w, 0, 1, 300);
	world_run(w, 30000);
	assert_replica(w, 0, 1);
	for (unsigned int i = 1; i <= 150; i++) {
		struct flow f = tcp_flow(i);

		sim_kernel_destroy(w->nodes[0].kernel, &f.key);
		world_run(w, 20);
	}
	world_run(w, 25000);
	assert_replica(w, 0, 1);
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 150);
	world_free(w);
}

static void
alarm_forgets_a_peer_that_fell_silent(void **state)
{
	struct world *w = pair(alarm_cfg());

	(void)state;
	make_flows(w, 0, 1, 50);
	world_run(w, 1000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 50);
	world_kill(w, 0);
	world_run(w, 22000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_free(w);
}

static void
a_restarted_alarm_node_is_told_at_once(void **state)
{
	struct node_cfg cfg = alarm_cfg();
	struct world *w;

	(void)state;
	cfg.refresh_s = 60;
	cfg.cache_timeout_s = 180;
	w = pair(cfg);
	make_flows(w, 0, 1, 200);
	world_run(w, 500);
	world_kill(w, 1);
	world_start(w, 1);
	world_run(w, 2500);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_resync_request_between_flush_and_reread_is_answered_in_full(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 1000);
	world_command(w, 1, CMD_FLUSH_EXTERNAL);
	world_command(w, 0, CMD_FLUSH_INTERNAL);
	assert_int_equal(world_count(w, 0, TABLE_LOCAL), 0);
	world_command(w, 1, CMD_REQUEST_RESYNC);
	world_run(w, 50);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_read_kernel(w, 0, false);
	world_run(w, 100);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
what_an_overrun_hid_is_found_and_told(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f;

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 1000);
	for (unsigned int i = 1; i <= 50; i++) {
		f = tcp_flow(i);
		sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	}
	make_flows(w, 0, 500, 20);
	f = tcp_flow_in(60, TCP_FIN_WAIT);
	sim_kernel_update(w->nodes[0].kernel, &f);
	w->nodes[0].kernel->events_count = 0;
	w->nodes[0].kernel->events_lost = true;
	world_run(w, 100);
	assert_int_equal(w->nodes[0].notices[NOTE_KERNEL_READ_NEEDED], 1);
	world_read_kernel(w, 0, true);
	world_run(w, 2000);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_destroy_that_speaks_of_an_earlier_flow_ends_nothing(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct kernel_event ev = {.type = KEV_DESTROY};
	struct flow f = tcp_flow(7);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 10);
	ev.flow = f;
	ev.flow.has |= HAS_ID;
	ev.flow.id = 0xdead;
	node_kernel_event(w->nodes[0].node, &ev, w->now);
	world_run(w, 10);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
garbage_costs_a_counter_and_nothing_else(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 99}}};
	uint64_t x = 88172645463325252ULL;
	uint8_t buf[200];

	(void)state;
	make_flows(w, 0, 1, 50);
	world_run(w, 1000);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)(i % 200);

		for (size_t b = 0; b < len; b++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			buf[b] = (uint8_t)x;
		}
		node_datagram(w->nodes[1].node, &from, buf, len, w->now);
	}
	world_run(w, 1000);
	assert_replica(w, 0, 1);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flow_is_known_to_the_peer_at_once),
	    cmocka_unit_test(acknowledged_flows_are_not_kept_for_resending),
	    cmocka_unit_test(a_third_of_all_datagrams_lost_and_still_an_exact_replica),
	    cmocka_unit_test(a_link_dead_for_half_a_minute_leaves_no_trace),
	    cmocka_unit_test(a_restarted_backup_gets_everything_again),
	    cmocka_unit_test(a_restarted_master_tells_what_it_missed_and_what_is_gone),
	    cmocka_unit_test(three_nodes_each_hold_what_the_others_have),
	    cmocka_unit_test(numbers_wrap_without_a_ripple),
	    cmocka_unit_test(a_single_forged_number_does_not_deafen_us),
	    cmocka_unit_test(a_repeated_hello_is_no_restart),
	    cmocka_unit_test(alarm_repeats_itself_until_all_is_known),
	    cmocka_unit_test(alarm_forgets_a_peer_that_fell_silent),
	    cmocka_unit_test(a_restarted_alarm_node_is_told_at_once),
	    cmocka_unit_test(a_resync_request_between_flush_and_reread_is_answered_in_full),
	    cmocka_unit_test(what_an_overrun_hid_is_found_and_told),
	    cmocka_unit_test(a_destroy_that_speaks_of_an_earlier_flow_ends_nothing),
	    cmocka_unit_test(garbage_costs_a_counter_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
