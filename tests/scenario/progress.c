/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.c: what a node says of its peers and of what is under way.
 */
#include "flows.h"

static struct peer_view
peer_of(struct world *w, size_t i, size_t peer)
{
	struct peer_view v;

	assert_true(node_peer_view(w->nodes[i].node, peer, &v, w->now));
	return v;
}

static void
a_peer_that_has_acknowledged_all_does_not_lag(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct peer_view v;

	(void)state;
	make_flows(w, 0, 1, 500);
	world_run(w, 5000);
	assert_int_equal(peer_of(w, 0, 0).lag_ms, 0);
	/* What has begun is as old as it is, and as the process that lacks it. */
	w->drop = drop_all;
	make_flows(w, 0, 1000, 1);
	world_run(w, 1500);
	assert_in_range(peer_of(w, 0, 0).lag_ms, 1000, 1500);
	world_run(w, 5000);
	assert_in_range(peer_of(w, 0, 0).lag_ms, 6000, 6500);
	w->drop = NULL;
	world_run(w, 5000);
	assert_int_equal(peer_of(w, 0, 0).lag_ms, 0);
	/* An end counts likewise. */
	w->drop = drop_all;
	end_flows(w, 0, 1000, 1);
	world_run(w, 3000);
	assert_in_range(peer_of(w, 0, 0).lag_ms, 2500, 3000);
	/* Then nothing is kept for it. */
	world_run(w, 620 * 1000);
	v = peer_of(w, 0, 0);
	assert_true(v.gone);
	assert_int_equal(v.lag_ms, -1);
	assert_int_equal(v.process_ms, -1);
	assert_false(node_peer_view(w->nodes[0].node, 1, &v, w->now));
	world_free(w);
}

/* Flows that have not changed for long are told once more: the peer lacks them since then. */
static void
a_full_resend_does_not_make_lag_of_old_flows(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 60000);
	w->drop = drop_all;
	world_command(w, 0, CMD_BULK);
	world_run(w, 2000);
	assert_in_range(peer_of(w, 0, 0).lag_ms, 1500, 2000);
	/* One that has changed since is younger than that. */
	w->drop = NULL;
	world_run(w, 5000);
	w->drop = drop_all;
	make_flows(w, 0, 1000, 1);
	world_run(w, 1000);
	assert_in_range(peer_of(w, 0, 0).lag_ms, 500, 1000);
	world_free(w);
}

/* A process that has just begun lacks nothing from before. */
static void
a_new_process_lags_since_it_began(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	/* Fewer than are acknowledged at once. */
	make_flows(w, 0, 1, 8);
	world_run(w, 30000);
	assert_int_equal(peer_of(w, 0, 0).restarts, 0);
	world_kill(w, 1);
	make_flows(w, 0, 1000, 2);
	end_flows(w, 0, 1, 5);
	world_run(w, 20000);
	assert_in_range(peer_of(w, 0, 0).lag_ms, 19000, 20000);
	world_start(w, 1);
	for (int i = 0; i < 2000 && peer_of(w, 0, 0).restarts == 0; i++)
		world_run(w, 1);
	assert_int_equal(peer_of(w, 0, 0).restarts, 1);
	/* The ends that it is told once more are not acknowledged. */
	w->drop = drop_all;
	world_run(w, 100);
	assert_in_range(peer_of(w, 0, 0).process_ms, 90, 200);
	assert_int_equal(peer_of(w, 0, 0).lag_ms, peer_of(w, 0, 0).process_ms);
	world_free(w);
}

/* It waits for being sent, too, be it only for a full socket. */
static void
what_is_not_sent_yet_is_lag(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct kernel_event ev = {.type = KEV_NEW, .flow = tcp_flow(7)};

	(void)state;
	world_run(w, 5000);
	node_kernel_event(w->nodes[0].node, &ev, w->now);
	assert_int_equal(peer_of(w, 0, 0).lag_ms, 0);
	w->now = ms_add(w->now, 700);
	assert_int_equal(peer_of(w, 0, 0).lag_ms, 700);
	world_free(w);
}

/* What only one of two peers lacks is not the other's lag, however much it is. */
static void
a_peer_that_is_behind_is_not_the_other_one(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w = world_new(3, &cfg);
	struct peer_view one, two;

	(void)state;
	world_run(w, 3000);
	make_flows(w, 0, 1, 10);
	world_run(w, 5000);
	/* Node 2 is heard no more. */
	w->cut[2][0] = true;
	make_flows(w, 0, 100, 2500);
	world_run(w, 8000);
	one = peer_of(w, 0, 0);
	two = peer_of(w, 0, 1);
	/* Whichever was entered first. */
	if (!one.heard_lately || one.lag_ms > two.lag_ms) {
		struct peer_view other = one;

		one = two;
		two = other;
	}
	assert_int_equal(one.lag_ms, 0);
	assert_in_range(two.lag_ms, 7000, 8500);
	/* Now the other one misses something new. */
	w->cut[0][1] = w->cut[1][0] = true;
	make_flows(w, 0, 7000, 5);
	world_run(w, 2000);
	one = peer_of(w, 0, one.slot > two.slot);
	assert_in_range(one.lag_ms, 1500, 2000);
	world_free(w);
}

static void
without_acknowledgements_lag_is_not_known(void **state)
{
	struct world *w = pair(alarm_cfg());
	struct peer_view v;

	(void)state;
	make_flows(w, 1, 1, 5);
	world_run(w, 10000);
	v = peer_of(w, 0, 0);
	assert_int_equal(v.lag_ms, -1);
	assert_true(v.process_ms > 0);
	assert_int_equal(v.flows, 5);
	world_free(w);
}

static void
losses_are_counted_for_who_they_are_of(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	w->drop = drop_all;
	make_flows(w, 0, 1, 5);
	world_run(w, 500);
	w->drop = NULL;
	make_flows(w, 0, 10, 5);
	world_run(w, 5000);
	assert_true(peer_of(w, 1, 0).lost > 0);
	assert_true(peer_of(w, 1, 0).asked_again > 0);
	assert_int_equal(peer_of(w, 0, 0).asked_again, 0);
	world_free(w);
}

static void
the_steps_of_a_resync_are_shown(void **state)
{
	struct world *w = pair(ftfw_cfg());
	bool seen[RESYNC_VIEW_REMOVING + 1] = {0};

	(void)state;
	make_flows(w, 0, 1, 50);
	world_run(w, 30000);
	assert_int_equal(peer_of(w, 1, 0).resync, RESYNC_VIEW_NONE);
	assert_int_equal(peer_of(w, 1, 0).resync_ms_ago, -1);
	assert_int_equal(w->nodes[1].notices[NOTE_RESYNC_DONE], 1);
	node_command(w->nodes[1].node, CMD_COMPARE, w->now);
	for (int i = 0; i < 2000; i++) {
		struct peer_view v = peer_of(w, 1, 0);

		seen[v.resync] = true;
		if (v.resync != RESYNC_VIEW_NONE)
			assert_true(v.resync_ms_ago >= 0);
		world_run(w, 10);
	}
	assert_true(seen[RESYNC_VIEW_WANTED] && seen[RESYNC_VIEW_COMING] && seen[RESYNC_VIEW_NONE]);
	assert_int_equal(w->nodes[1].notices[NOTE_RESYNC_DONE], 2);
	/* One that does not hear us. */
	w->cut[1][0] = true;
	world_command(w, 1, CMD_COMPARE);
	world_run(w, 60000);
	assert_true(peer_of(w, 1, 0).unanswered);
	assert_int_equal(w->nodes[1].notices[NOTE_RESYNC_UNANSWERED], 1);
	world_free(w);
}

static void
paths_and_links_tell_when_somebody_was_heard(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct path_view v;

	(void)state;
	cfg.links = 2;
	w = pair(cfg);
	world_run(w, 5000);
	assert_true(node_path_view(w->nodes[0].node, 0, 0, &v, w->now));
	assert_in_range(v.heard_ms_ago, 0, 2000);
	assert_false(node_path_view(w->nodes[0].node, 0, 3, &v, w->now));
	assert_false(node_path_view(w->nodes[0].node, 0, NODE_LINKS_MAX, &v, w->now));
	assert_false(node_path_view(w->nodes[0].node, 5, 0, &v, w->now));
	assert_in_range(node_link_heard_ms(w->nodes[0].node, 0, w->now), 0, 2000);
	assert_int_equal(node_link_heard_ms(w->nodes[0].node, 3, w->now), -1);
	assert_int_equal(node_link_heard_ms(w->nodes[0].node, NODE_LINKS_MAX, w->now), -1);
	world_free(w);
}

static void
a_bulk_send_says_how_far_it_is(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct bulk_view v;
	uint64_t most = 0;
	bool seen = false;

	(void)state;
	world_free(w);
	w = world_new(1, &(struct node_cfg){.mode = MODE_FTFW, .limit = 100});
	world_run(w, 1000);
	assert_int_equal(node_bulk_view(w->nodes[0].node, w->now).ms, -1);
	world_free(w);
	w = pair(ftfw_cfg());
	/* There was one for the peer, of nothing. */
	v = node_bulk_view(w->nodes[0].node, w->now);
	assert_false(v.running);
	assert_int_equal(v.total, 0);
	assert_true(v.ms >= 0);
	make_flows(w, 0, 1, 4000);
	world_run(w, 10000);
	w->drop = drop_all;
	world_command(w, 0, CMD_BULK);
	for (int i = 0; i < 200; i++) {
		v = node_bulk_view(w->nodes[0].node, w->now);
		assert_true(v.sent >= most);
		most = v.sent;
		if (v.running) {
			seen = true;
			assert_in_range(v.total, 3900, 4100);
		}
		world_run(w, 5);
	}
	assert_true(seen);
	v = node_bulk_view(w->nodes[0].node, w->now);
	assert_false(v.running);
	assert_true(v.unconfirmed);
	assert_int_equal(v.sent, 4000);
	assert_int_equal(v.total, 4000);
	world_free(w);
}

static void
a_commit_says_how_far_it_is(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[1].node;
	struct commit_view v;
	struct kernel_op op;

	(void)state;
	make_flows(w, 0, 1, 300);
	world_run(w, 10000);
	assert_false(node_commit_view(n, w->now).running);
	assert_int_equal(node_command(n, CMD_COMMIT, w->now), CMD_PENDING);
	v = node_commit_view(n, w->now);
	assert_true(v.running);
	assert_int_equal(v.done, 0);
	assert_int_equal(v.total, 300);
	assert_int_equal(v.stage, STAGE_MASTERS);
	for (int i = 0; i < 10; i++) {
		struct kernel_result res = {.error = 0};

		assert_true(node_pull_kernel_op(n, &op, w->now));
		res.cookie = op.cookie;
		node_kernel_result(n, &res, w->now);
	}
	v = node_commit_view(n, ms_add(w->now, 7));
	assert_int_equal(v.done, 10);
	assert_int_equal(v.written, 10);
	assert_int_equal(v.ms, 7);
	world_run(w, 5000);
	assert_false(node_commit_view(n, w->now).running);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_peer_that_has_acknowledged_all_does_not_lag),
	    cmocka_unit_test(a_full_resend_does_not_make_lag_of_old_flows),
	    cmocka_unit_test(a_new_process_lags_since_it_began),
	    cmocka_unit_test(what_is_not_sent_yet_is_lag),
	    cmocka_unit_test(a_peer_that_is_behind_is_not_the_other_one),
	    cmocka_unit_test(without_acknowledgements_lag_is_not_known),
	    cmocka_unit_test(losses_are_counted_for_who_they_are_of),
	    cmocka_unit_test(the_steps_of_a_resync_are_shown),
	    cmocka_unit_test(paths_and_links_tell_when_somebody_was_heard),
	    cmocka_unit_test(a_bulk_send_says_how_far_it_is),
	    cmocka_unit_test(a_commit_says_how_far_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
