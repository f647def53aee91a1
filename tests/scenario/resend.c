/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resend.c: full resends, and what comes between: growth, flushes, reads that see only a part.
 */
#include <stdlib.h>

#include "flows.h"

/* A peer asks for everything while new connections take new places in the table. */
static void
a_full_resend_names_all_while_the_table_grows(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 500);
	world_run(w, 5000);
	/* An earlier full resend: the next begins where it ended. */
	world_command(w, 0, CMD_BULK);
	world_run(w, 1000);
	make_flows(w, 0, 501, 1500);
	world_run(w, 5000);
	world_command(w, 1, CMD_FLUSH_EXTERNAL);
	world_command(w, 1, CMD_REQUEST_RESYNC);
	for (unsigned int i = 0; i < 50; i++) {
		make_flows(w, 0, 5000 + i, 1);
		world_run(w, 1);
	}
	world_run(w, 60000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* The same with a replica that was complete: after a silence, live flows must not be swept. */
static void
a_growing_table_has_nothing_swept_at_the_peer(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 500);
	world_run(w, 5000);
	world_command(w, 0, CMD_BULK);
	world_run(w, 1000);
	make_flows(w, 0, 501, 1500);
	world_run(w, 5000);
	assert_replica(w, 0, 1);
	/* The link is away for eleven seconds; then a thousand new connections a second. */
	w->drop = drop_all;
	world_run(w, 11000);
	w->drop = NULL;
	for (unsigned int i = 0; i < 1500; i++) {
		make_flows(w, 0, 5000 + i, 1);
		world_run(w, 1);
	}
	world_run(w, 60000);
	assert_int_equal(w->nodes[1].notices[NOTE_SWEPT], 0);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* The script of a takeover, -c -f -R, comes while a restarted peer is being told everything. */
static void
a_flush_does_not_cut_a_full_resend_short(void **state)
{
	struct world *w = pair(ftfw_cfg());
	unsigned int before;

	(void)state;
	make_flows(w, 0, 1, 3000);
	world_run(w, 3000);
	assert_replica(w, 0, 1);
	w->latency_ms = 1;
	world_kill(w, 1);
	world_start(w, 1);
	before = w->nodes[0].notices[NOTE_RESYNC_REQUESTED];
	for (int i = 0; i < 5000 && w->nodes[0].notices[NOTE_RESYNC_REQUESTED] == before; i++)
		world_run(w, 1);
	world_command(w, 0, CMD_COMMIT);
	world_command(w, 0, CMD_FLUSH_INTERNAL);
	world_command(w, 0, CMD_FLUSH_EXTERNAL);
	world_run(w, 5);
	world_read_kernel(w, 0, false);
	world_run(w, 60000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* The same where -n asked. */
static void
a_flush_does_not_cut_an_answer_short(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 3000);
	world_run(w, 3000);
	world_command(w, 1, CMD_FLUSH_EXTERNAL);
	w->latency_ms = 1;
	world_command(w, 1, CMD_REQUEST_RESYNC);
	world_run(w, 3);
	world_command(w, 0, CMD_COMMIT);
	world_command(w, 0, CMD_FLUSH_INTERNAL);
	world_command(w, 0, CMD_FLUSH_EXTERNAL);
	world_run(w, 5);
	world_read_kernel(w, 0, false);
	world_run(w, 60000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* -f in the middle of a read; a peer that restarts asks for everything. */
static void
half_a_table_is_never_sent_as_a_whole_one(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct sim_node *sn = &w->nodes[0];

	(void)state;
	make_flows(w, 0, 1, 400);
	world_run(w, 3000);
	node_kernel_read_begin(sn->node, true, w->now);
	for (size_t f = 0; f < 200; f++)
		node_kernel_read_flow(sn->node, &sn->kernel->flows[f], w->now);
	world_run(w, 1);
	world_command(w, 0, CMD_FLUSH_INTERNAL);
	world_command(w, 1, CMD_REQUEST_RESYNC);
	for (size_t f = 200; f < 400; f++)
		node_kernel_read_flow(sn->node, &sn->kernel->flows[f], w->now);
	node_kernel_read_end(sn->node, true, w->now);
	world_run(w, 100);
	world_kill(w, 1);
	world_start(w, 1);
	world_run(w, 8000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	/* Nobody thinks of -R: the node does. */
	world_run(w, 4000);
	assert_in_range(w->nodes[0].notices[NOTE_KERNEL_READ_NEEDED], 1, 3);
	world_read_kernel(w, 0, false);
	world_run(w, 60000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* -f, connections end, -R -B. */
static void
what_ends_between_a_flush_and_the_read_is_told(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 3000);
	world_command(w, 0, CMD_COMMIT);
	world_command(w, 0, CMD_FLUSH_INTERNAL);
	world_command(w, 0, CMD_FLUSH_EXTERNAL);
	end_flows(w, 0, 1, 10);
	world_run(w, 5);
	world_read_kernel(w, 0, false);
	world_command(w, 0, CMD_BULK);
	world_run(w, 60000);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].kernel->count, 90);
	world_free(w);
}

/* The overrun is noticed during -R. */
static void
what_a_silent_read_found_is_told_if_events_were_lost_meanwhile(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	struct flow f = tcp_flow(1);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	w->nodes[0].kernel->events_count = 0;
	f = *sim_kernel_find(w->nodes[0].kernel, &f.key);
	node_kernel_read_begin(n, false, w->now);
	node_kernel_read_flow(n, &f, w->now);
	node_kernel_overrun(n, w->now);
	node_kernel_read_end(n, true, w->now);
	world_run(w, 30000);
	assert_int_equal(w->nodes[0].notices[NOTE_KERNEL_READ_NEEDED], 1);
	world_read_kernel(w, 0, true);
	world_run(w, 60000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* The first read after a restart ends early. */
static void
a_read_that_was_cut_short_is_asked_for_again(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct sim_node *sn = &w->nodes[0];
	struct node_cfg cfg = w->cfg;

	(void)state;
	make_flows(w, 0, 1, 400);
	world_run(w, 3000);
	world_kill(w, 0);
	cfg.first_seq = 0x5000;
	sn->mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	memset(sn->mem, 0, node_size(&cfg));
	sn->node = node_init(sn->mem, &cfg, w->now);
	world_run(w, 50);
	node_kernel_read_begin(sn->node, false, w->now);
	for (size_t f = 0; f < 200; f++)
		node_kernel_read_flow(sn->node, &sn->kernel->flows[f], w->now);
	node_kernel_read_end(sn->node, false, w->now);
	world_run(w, 500);
	assert_int_equal(sn->notices[NOTE_KERNEL_READ_NEEDED], 1);
	world_read_kernel(w, 0, true);
	world_run(w, 60000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 400);
	world_free(w);
}

/* The internal cache fills up for a while. */
static void
what_a_full_table_left_out_is_fetched_when_there_is_room(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	(void)state;
	cfg.limit = 64;
	w = pair(cfg);
	make_flows(w, 0, 1, 80);
	world_run(w, 2000);
	end_flows(w, 0, 1, 60);
	world_run(w, 70000);
	assert_int_equal(w->nodes[0].notices[NOTE_KERNEL_READ_NEEDED], 1);
	world_read_kernel(w, 0, true);
	world_run(w, 5000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* Two nodes that hold a different number of flows at most. */
static struct world *
pair_with_limits(uint32_t first, uint32_t second)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	cfg.limit = first;
	w = world_new(2, &cfg);
	w->cfg.limit = second;
	world_start(w, 1);
	w->cfg.limit = first;
	world_run(w, 3000);
	return w;
}

/* The same with the external cache. */
static void
what_a_full_cache_refused_is_asked_for_when_there_is_room(void **state)
{
	struct world *w = pair_with_limits(8192, 64);

	(void)state;
	make_flows(w, 0, 1, 80);
	world_run(w, 2000);
	end_flows(w, 0, 1, 60);
	world_run(w, 120000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* All at once, so that they wait to be sent before the first one waits to be acknowledged. */
static void
deletes_that_wait_are_limited_also_in_a_burst(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	const struct node_stats *s;

	(void)state;
	cfg.resend_queue = 8;
	w = pair(cfg);
	s = node_stats(w->nodes[0].node);
	make_flows(w, 0, 1, 100);
	world_run(w, 3000);
	w->drop = drop_all;
	end_flows(w, 0, 1, 100);
	world_run(w, 1500);
	assert_int_equal(s->unacked_evicted, 92);
	assert_int_equal(w->nodes[0].notices[NOTE_EVICTED], 1);
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 8);
	world_free(w);
}

/*
 * A node that always has something to tell never comes to its keepalive.  What it has heard of its peer, which says
 * little, it acknowledges all the same: the peer waits for that to know that it was understood.
 */
static void
who_is_busy_acknowledges_what_little_it_hears(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct ready_view ready;
	struct world *w;

	(void)state;
	cfg.ack_window = 300;
	w = pair(cfg);
	make_flows(w, 0, 1, 100);
	world_run(w, 30000);
	for (unsigned int i = 0; i < 300; i++) {
		if (i == 20)
			world_command(w, 1, CMD_COMPARE);
		make_flows(w, 0, 1000 + i, 1);
		world_run(w, 100);
	}
	assert_int_equal(w->nodes[1].notices[NOTE_RESYNC_UNANSWERED], 0);
	node_ready_view(w->nodes[1].node, &ready, w->now);
	assert_false(ready.reasons[READY_UNANSWERED].open);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_resend_names_all_while_the_table_grows),
	    cmocka_unit_test(deletes_that_wait_are_limited_also_in_a_burst),
	    cmocka_unit_test(a_growing_table_has_nothing_swept_at_the_peer),
	    cmocka_unit_test(a_flush_does_not_cut_a_full_resend_short),
	    cmocka_unit_test(a_flush_does_not_cut_an_answer_short),
	    cmocka_unit_test(half_a_table_is_never_sent_as_a_whole_one),
	    cmocka_unit_test(what_ends_between_a_flush_and_the_read_is_told),
	    cmocka_unit_test(what_a_silent_read_found_is_told_if_events_were_lost_meanwhile),
	    cmocka_unit_test(a_read_that_was_cut_short_is_asked_for_again),
	    cmocka_unit_test(what_a_full_table_left_out_is_fetched_when_there_is_room),
	    cmocka_unit_test(what_a_full_cache_refused_is_asked_for_when_there_is_room),
	    cmocka_unit_test(who_is_busy_acknowledges_what_little_it_hears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
