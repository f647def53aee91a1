/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * write_through.c: CacheWriteThrough: both kernels have every flow, and one of them forwards it.
 */
#include <errno.h>

#include "flows.h"

static int64_t lossy_until;

/* The burst of a full resend overflows a buffer for a moment. */
static bool
lose_some(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)to;
	(void)len;
	return from == 0 && (data[0] & 15) <= 2 && w->now.ms < lossy_until;
}

/* The failed firewall comes back with an empty table. */
static void
connections_taken_over_outlive_the_return_of_their_former_owner(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	make_flows(w, 0, 1, 50);
	world_run(w, 2000);
	assert_int_equal(w->nodes[1].kernel->count, 50);
	world_kill(w, 0);
	memset(w->nodes[0].kernel, 0, sizeof(*w->nodes[0].kernel));
	world_command(w, 1, CMD_COMMIT);
	world_run(w, 60000);
	world_start(w, 0);
	world_run(w, 60000);
	assert_int_equal(w->nodes[1].kernel->count, 50);
	world_free(w);
}

/* A stream moved to the other node; its copy here runs out. */
static void
the_end_of_an_old_copy_does_not_end_what_went_on_here(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow(4);

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	f.key.l4 = L4_UDP;
	f.has &= ~(uint32_t)HAS_STATE;
	f.l4.tcp.state = 0;
	f.timeout_s = 120;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 2000);
	assert_int_equal(w->nodes[1].kernel->count, 1);
	/* An assured stream causes no events, also where it goes on. */
	world_command(w, 1, CMD_COMMIT);
	world_run(w, 118000);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 1000);
	assert_int_equal(w->nodes[1].kernel->count, 1);
	world_free(w);
}

/* Overrun on the backup; then the flows end at the master. */
static void
a_read_of_mirrored_flows_makes_no_zombies(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	make_flows(w, 0, 1, 50);
	world_run(w, 2000);
	w->nodes[1].kernel->events_lost = true;
	world_run(w, 100);
	world_read_kernel(w, 1, true);
	world_run(w, 3000);
	end_flows(w, 0, 1, 50);
	world_run(w, 60000);
	world_command(w, 1, CMD_BULK);
	world_run(w, 5000);
	assert_int_equal(w->nodes[0].kernel->count, 0);
	assert_int_equal(w->nodes[1].kernel->count, 0);
	world_free(w);
}

static void
a_read_on_the_backup_sets_nothing_back_at_the_master(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow_in(1, TCP_SYN_RECV), *g;

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 2000);
	w->latency_ms = 5;
	f = *sim_kernel_find(w->nodes[0].kernel, &f.key);
	f.l4.tcp.state = TCP_ESTABLISHED;
	f.mark = 5;
	f.has |= HAS_MARK;
	w->nodes[1].kernel->events_lost = true;
	world_run(w, 1);
	world_read_kernel(w, 1, true);
	world_run(w, 2);
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 3000);
	g = sim_kernel_find(w->nodes[0].kernel, &f.key);
	assert_int_equal(g->l4.tcp.state, TCP_ESTABLISHED);
	world_free(w);
}

static void
a_restart_of_the_backup_leaves_nothing_behind(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	make_flows(w, 0, 1, 50);
	world_run(w, 2000);
	w->latency_ms = 1;
	w->drop = lose_some;
	lossy_until = w->now.ms + 20;
	world_kill(w, 1);
	world_start(w, 1);
	world_run(w, 30000);
	end_flows(w, 0, 1, 50);
	world_run(w, 60000);
	world_kill(w, 1);
	world_start(w, 1);
	world_run(w, 30000);
	assert_int_equal(w->nodes[0].kernel->count, 0);
	assert_int_equal(w->nodes[1].kernel->count, 0);
	world_free(w);
}

/* Nobody ran -c, but packets came through here: more is left of the timeout than was written. */
static void
a_copy_that_traffic_has_renewed_is_nobodys_copy(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct flow used = tcp_flow(1), idle = tcp_flow(2);
	struct world *w;

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	sim_kernel_new(w->nodes[0].kernel, &used);
	sim_kernel_new(w->nodes[0].kernel, &idle);
	world_run(w, 60000);
	sim_kernel_find(w->nodes[1].kernel, &used.key)->timeout_s = used.timeout_s;
	world_run(w, 5000);
	sim_kernel_destroy(w->nodes[0].kernel, &used.key);
	sim_kernel_destroy(w->nodes[0].kernel, &idle.key);
	world_run(w, 1000);
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &used.key));
	assert_null(sim_kernel_find(w->nodes[1].kernel, &idle.key));
	/* It belongs to this node now, and the other one hears of it. */
	assert_true(world_find(w, 0, TABLE_REMOTE, &used.key, NULL));
	assert_false(world_find(w, 0, TABLE_REMOTE, &idle.key, NULL));
	world_free(w);
}

static void
a_delete_that_met_a_passing_error_is_tried_again(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow(1);

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 2000);
	w->nodes[1].kernel->fail_port = f.key.sport;
	w->nodes[1].kernel->fail_error = ETIMEDOUT;
	w->nodes[1].kernel->fail_times = 1;
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 60000);
	assert_int_equal(w->nodes[1].kernel->count, 0);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(connections_taken_over_outlive_the_return_of_their_former_owner),
	    cmocka_unit_test(the_end_of_an_old_copy_does_not_end_what_went_on_here),
	    cmocka_unit_test(a_read_of_mirrored_flows_makes_no_zombies),
	    cmocka_unit_test(a_read_on_the_backup_sets_nothing_back_at_the_master),
	    cmocka_unit_test(a_restart_of_the_backup_leaves_nothing_behind),
	    cmocka_unit_test(a_copy_that_traffic_has_renewed_is_nobodys_copy),
	    cmocka_unit_test(a_delete_that_met_a_passing_error_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
