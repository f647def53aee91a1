/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several dedicated links: which one is sent on, and who it is that is heard on them.
 */
#include "flows.h"
#include "stage.h"

static struct node_cfg
with_links(struct node_cfg cfg, uint8_t links, uint8_t link_default)
{
	cfg.links = links;
	cfg.link_default = link_default;
	return cfg;
}

static size_t
active(const struct world *w, size_t i)
{
	return node_active_link(w->nodes[i].node);
}

static size_t
peers(const struct world *w, size_t i)
{
	struct peer_view v;
	size_t count = 0;

	while (node_peer_view(w->nodes[i].node, count, &v, w->now))
		count++;
	return count;
}

/* All links between all nodes, in both directions. */
static void
kill_link(struct world *w, size_t link, bool dead)
{
	memset(w->dead[link], dead, sizeof(w->dead[link]));
}

static unsigned int
switches(const struct world *w, size_t i)
{
	return (unsigned int)node_stats(w->nodes[i].node)->link_switches;
}

/* Runs until all nodes send on this link; how long that took, in milliseconds. */
static int64_t
until_on(struct world *w, size_t link, int64_t most_ms)
{
	for (int64_t ms = 0; ms <= most_ms; ms += 50) {
		bool all = true;

		for (size_t i = 0; i < w->count; i++)
			all &= active(w, i) == link;
		if (all)
			return ms;
		world_run(w, 50);
	}
	fail_msg("not on link %zu after %lld ms", link, (long long)most_ms);
	return -1;
}

/* Two nodes that know each other on two links, with some flows; all resyncs are over. */
static struct world *
settled_pair(struct node_cfg cfg)
{
	struct world *w = world_new(2, &cfg);

	w->latency_ms = 1;
	make_flows(w, 0, 1, 50);
	world_run(w, 40 * 1000);
	assert_replica(w, 0, 1);
	return w;
}

static uint64_t
resyncs(const struct world *w)
{
	return node_stats(w->nodes[0].node)->resync_received +
	    node_stats(w->nodes[1].node)->resync_received;
}

/* Flows come, change and go, in both kernels' sight. */
static void
assert_works(struct world *w, unsigned int from)
{
	make_flows(w, 0, from, 20);
	world_run(w, 100);
	end_flows(w, 0, from, 10);
	world_run(w, w->cfg.mode == MODE_ALARM ? 5000 : 2500);
	assert_replica(w, 0, 1);
	end_flows(w, 0, from + 10, 10);
	world_run(w, w->cfg.mode == MODE_ALARM ? 5000 : 2500);
	assert_replica(w, 0, 1);
}

static const struct mode_row {
	const char *name;
	enum sync_mode_id mode;
} modes[] = {{"FTFW", MODE_FTFW}, {"NOTRACK", MODE_NOTRACK}, {"ALARM", MODE_ALARM}};

static struct node_cfg
cfg_of(const struct mode_row *row)
{
	struct node_cfg cfg = ftfw_cfg();

	print_message("# %s\n", row->name);
	cfg.mode = row->mode;
	cfg.refresh_s = 2;
	cfg.cache_timeout_s = 8;
	return cfg;
}

/* ---- which link ---- */

static void
the_default_link_is_used(void **state)
{
	struct world *w;
	struct node_cfg cfg = with_links(ftfw_cfg(), 3, 1);

	(void)state;
	w = settled_pair(cfg);
	assert_int_equal(active(w, 0), 1);
	assert_int_equal(active(w, 1), 1);
	assert_int_equal(switches(w, 0) + switches(w, 1), 0);
	world_free(w);
}

static void
a_lost_carrier_changes_the_link_at_once(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		struct world *w = settled_pair(with_links(cfg_of(&modes[m]), 2, 0));
		uint64_t asked = resyncs(w);

		world_plug(w, 0, 0, false);
		assert_int_equal(active(w, 0), 1);
		assert_int_equal(active(w, 1), 0);
		world_run(w, 10);
		/* The peer sees its own carrier. */
		assert_in_range(until_on(w, 1, 8000), 0, modes[m].mode == MODE_ALARM ? 8000 : 4000);
		assert_works(w, 100);
		assert_int_equal(peers(w, 0), 1);
		assert_int_equal(peers(w, 1), 1);
		/* NOTRACK knows no other way to make good for what was lost meanwhile. */
		assert_true(modes[m].mode == MODE_NOTRACK || resyncs(w) == asked);
		/* Ten seconds after it is well we are back, or when the peer speaks there again. */
		world_plug(w, 0, 0, true);
		assert_int_equal(active(w, 0), 1);
		until_on(w, 0, 14 * 1000);
		assert_works(w, 200);
		assert_true(modes[m].mode == MODE_NOTRACK || resyncs(w) == asked);
		assert_int_equal(peers(w, 0), 1);
		assert_int_equal(switches(w, 0), 2);
		world_free(w);
	}
}

static void
the_next_one_in_order_that_carries_is_taken(void **state)
{
	struct world *w = settled_pair(with_links(ftfw_cfg(), 4, 1));

	(void)state;
	world_plug(w, 0, 2, false);
	assert_int_equal(active(w, 0), 1);
	world_plug(w, 0, 1, false);
	assert_int_equal(active(w, 0), 3);
	world_plug(w, 0, 3, false);
	assert_int_equal(active(w, 0), 0);
	world_run(w, 5000);
	assert_works(w, 100);
	world_free(w);
}

static void
that_none_carries_is_told_once_and_the_first_that_returns_is_taken(void **state)
{
	struct world *w = settled_pair(with_links(ftfw_cfg(), 2, 0));
	struct sim_node *sn = &w->nodes[0];

	(void)state;
	world_plug(w, 0, 0, false);
	world_plug(w, 0, 1, false);
	world_run(w, 10);
	assert_int_equal(active(w, 0), 1);
	assert_int_equal(sn->notices[NOTE_LINK_NONE], 1);
	make_flows(w, 0, 100, 10);
	world_run(w, 3000);
	assert_int_equal(sn->notices[NOTE_LINK_NONE], 1);
	world_plug(w, 0, 0, true);
	assert_int_equal(active(w, 0), 0);
	world_run(w, 6000);
	assert_works(w, 200);
	world_plug(w, 0, 0, false);
	world_run(w, 10);
	assert_int_equal(sn->notices[NOTE_LINK_NONE], 2);
	world_free(w);
}

/* With one link there is nothing to choose; what becomes of it is told all the same. */
static void
a_single_link_is_told_of(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct sim_node *sn = &w->nodes[0];
	uint64_t said;

	(void)state;
	world_run(w, 2000);
	node_link_state(sn->node, 0, false, w->now);
	world_run(w, 0);
	assert_int_equal(sn->notices[NOTE_LINK_NONE], 1);
	said = node_stats(sn->node)->send_messages;
	node_link_state(sn->node, 0, true, w->now);
	world_run(w, 0);
	assert_int_equal(sn->notices[NOTE_LINK_ACTIVE], 1);
	assert_int_equal(node_stats(sn->node)->send_messages, said);
	world_free(w);
}

/* Switches and cables between two firewalls die without taking their carriers along. */
static void
a_link_that_is_silent_is_left(void **state)
{
	static const bool ways[][2] = {{true, true}, {true, false}, {false, true}};

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
			struct world *w = settled_pair(with_links(cfg_of(&modes[m]), 2, 0));
			uint64_t asked = resyncs(w);

			w->dead[0][0][1] = ways[i][0];
			w->dead[0][1][0] = ways[i][1];
			make_flows(w, 0, 100, 10);
			assert_in_range(until_on(w, 1, 9000), 2000, 9000);
			world_run(w, 1500);
			assert_replica(w, 0, 1);
			assert_int_equal(peers(w, 0), 1);
			assert_int_equal(peers(w, 1), 1);
			assert_true(modes[m].mode == MODE_NOTRACK || resyncs(w) == asked);
			world_free(w);
		}
	}
}

/* Found silent again and again, the default link is tried the less often; and it is never for long that
 * nothing passes. */
static void
a_dead_default_link_is_tried_ever_less_often(void **state)
{
	struct world *w = settled_pair(with_links(ftfw_cfg(), 2, 0));
	unsigned int early, late;
	int64_t silent_ms = 0, longest_ms = 0;

	(void)state;
	kill_link(w, 0, true);
	world_run(w, 120 * 1000);
	early = switches(w, 0) + switches(w, 1);
	assert_in_range(early, 4, 40);
	for (unsigned int s = 0; s < 3600 * 5; s++) {
		uint64_t heard = node_stats(w->nodes[1].node)->recv_messages;

		world_run(w, 200);
		silent_ms = node_stats(w->nodes[1].node)->recv_messages == heard ? silent_ms + 200 : 0;
		if (silent_ms > longest_ms)
			longest_ms = silent_ms;
	}
	late = switches(w, 0) + switches(w, 1) - early;
	/* An hour: each node may try every five minutes, and come back. */
	assert_in_range(late, 10, 80);
	assert_in_range(longest_ms, 0, 6000);
	/* When it is well again it is taken, in five minutes at most. */
	kill_link(w, 0, false);
	until_on(w, 0, 310 * 1000);
	assert_works(w, 100);
	early = switches(w, 0);
	world_run(w, 600 * 1000);
	assert_int_equal(switches(w, 0), early);
	world_free(w);
}

/* It cannot be told from a link that is dead: both are tried, in turn, ever less often. */
static void
a_peer_that_is_down_is_looked_for_on_all_links(void **state)
{
	struct world *w = settled_pair(with_links(ftfw_cfg(), 3, 0));
	unsigned int before;

	(void)state;
	world_kill(w, 1);
	world_run(w, 600 * 1000);
	assert_in_range(switches(w, 0), 5, 60);
	before = switches(w, 0);
	world_run(w, 3600 * 1000);
	assert_in_range(switches(w, 0) - before, 6, 40);
	world_start(w, 1);
	until_on(w, 0, 6000);
	world_run(w, 30 * 1000);
	assert_works(w, 100);
	world_free(w);
}

/* Nobody was ever heard, as the default link was never well. */
static void
peers_find_each_other_where_the_default_link_is_dead_from_the_start(void **state)
{
	struct node_cfg cfg = with_links(ftfw_cfg(), 2, 0);
	struct world *w = world_new_down(2, &cfg);

	(void)state;
	kill_link(w, 0, true);
	world_start(w, 0);
	world_run(w, 3000);
	world_start(w, 1);
	until_on(w, 1, 20 * 1000);
	world_run(w, 9000);
	make_flows(w, 0, 1, 10);
	world_run(w, 30 * 1000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* Who names different links as the default one hears the other all the same, and does not run after
 * him for ever. */
static void
different_defaults_do_no_harm(void **state)
{
	struct node_cfg cfg = with_links(ftfw_cfg(), 2, 0);
	struct world *w = world_new_down(2, &cfg);

	(void)state;
	world_start(w, 0);
	w->cfg.link_default = 1;
	world_start(w, 1);
	world_run(w, 60 * 1000);
	assert_works(w, 1);
	world_run(w, 600 * 1000);
	assert_in_range(switches(w, 0) + switches(w, 1), 0, 60);
	assert_works(w, 100);
	world_free(w);
}

static void
of_three_nodes_all_follow_the_one_that_had_to_go(void **state)
{
	struct node_cfg cfg = with_links(ftfw_cfg(), 2, 0);
	struct world *w = world_new(3, &cfg);

	(void)state;
	make_flows(w, 0, 1, 20);
	world_run(w, 40 * 1000);
	world_plug(w, 2, 0, false);
	until_on(w, 1, 10 * 1000);
	make_flows(w, 0, 100, 20);
	world_run(w, 3000);
	assert_replica(w, 0, 1);
	assert_replica(w, 0, 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(peers(w, i), 2);
	world_plug(w, 2, 0, true);
	until_on(w, 0, 40 * 1000);
	make_flows(w, 2, 200, 20);
	world_run(w, 3000);
	assert_int_equal(world_count(w, 0, TABLE_REMOTE), 20);
	world_free(w);
}

/* ALARM is silent for as long as it likes: only the carrier tells. */
static void
silence_says_nothing_in_alarm(void **state)
{
	struct world *w = settled_pair(with_links(cfg_of(&modes[2]), 2, 0));

	(void)state;
	kill_link(w, 0, true);
	world_run(w, 600 * 1000);
	assert_int_equal(switches(w, 0) + switches(w, 1), 0);
	world_free(w);
}

/* ---- who is heard ---- */

/* What a peer has said on one link it can take back on another. */
static void
a_peer_is_the_same_on_all_links(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		struct world *w = settled_pair(with_links(cfg_of(&modes[m]), 3, 0));

		for (size_t link = 0; link < 2; link++) {
			world_plug(w, 0, link, false);
			world_plug(w, 1, link, false);
			world_run(w, 3000);
			end_flows(w, 0, 1 + (unsigned int)link * 10, 10);
			world_run(w, modes[m].mode == MODE_ALARM ? 5000 : 2500);
			assert_replica(w, 0, 1);
		}
		assert_int_equal(
		    node_stats(w->nodes[1].node)->remote_destroy_not_owner, 0);
		assert_int_equal(node_stats(w->nodes[1].node)->remote_expired, 0);
		assert_int_equal(peers(w, 1), 1);
		assert_int_equal(w->nodes[1].notices[NOTE_PEER_NEW], 1);
		assert_int_equal(w->nodes[1].notices[NOTE_PEER_RESTARTED], 0);
		world_free(w);
	}
}

/* Its new process is not known on the link on which it comes first; on the old one it is. */
static void
a_peer_that_began_anew_on_another_link_inherits_what_it_had_told(void **state)
{
	struct node_cfg cfg = with_links(ftfw_cfg(), 2, 0);
	struct flow master = tcp_flow(1);
	struct expect data = data_of(&master, 4001);
	struct world *w;

	(void)state;
	cfg.expects = 16;
	w = world_new_down(2, &cfg);
	/* So that nobody is known on the second link. */
	kill_link(w, 1, true);
	world_start(w, 0);
	world_start(w, 1);
	make_flows(w, 0, 1, 50);
	assert_true(sim_kernel_expect(w->nodes[0].kernel, &data));
	world_run(w, 40 * 1000);
	assert_replica(w, 0, 1);
	assert_int_equal(node_expects_view(w->nodes[1].node, TABLE_REMOTE).active, 1);
	kill_link(w, 1, false);
	kill_link(w, 0, true);
	world_kill(w, 0);
	world_run(w, 5000);
	/* Thirty flows end while nobody is there to tell. */
	end_flows(w, 0, 1, 30);
	world_start(w, 0);
	world_run(w, 60 * 1000);
	assert_int_equal(peers(w, 1), 2);
	kill_link(w, 0, false);
	world_run(w, 400 * 1000);
	assert_int_equal(active(w, 0), 0);
	assert_int_equal(peers(w, 1), 1);
	assert_replica(w, 0, 1);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 20);
	assert_int_equal(node_expects_view(w->nodes[1].node, TABLE_REMOTE).active, 0);
	world_free(w);
}

/* Nodes show themselves on all links when they meet: before that is needed. */
static void
a_peer_that_begins_anew_on_a_link_that_it_has_used_is_no_stranger(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		struct world *w = settled_pair(with_links(cfg_of(&modes[m]), 3, 0));

		assert_int_equal(switches(w, 0) + switches(w, 1), 0);
		world_plug(w, 0, 0, false);
		world_kill(w, 0);
		world_run(w, 2000);
		world_start(w, 0);
		world_run(w, 60 * 1000);
		assert_int_equal(active(w, 0), 1);
		assert_int_equal(peers(w, 1), 1);
		assert_replica(w, 0, 1);
		world_free(w);
	}
}

static void
says(struct stage *s, size_t link, uint8_t host, uint32_t seq)
{
	s->peer.link = (uint8_t)link;
	s->peer.addr = (struct ip_addr){{10, (uint8_t)link, 0, host}};
	s->seq = seq;
	stage_say(s, WIRE_ALIVE, 0, 0);
}

static size_t
known(const struct stage *s)
{
	struct peer_view v;
	size_t count = 0;

	while (node_peer_view(s->n, count, &v, s->now))
		count++;
	return count;
}

static void
numbers_tell_who_is_who(void **state)
{
	struct stage s = stage_up(with_links(stage_cfg(), 3, 0));

	(void)state;
	says(&s, 0, 2, 5000);
	says(&s, 0, 3, 900000);
	assert_int_equal(known(&s), 2);
	/* Each goes on on another link; one after losses, one with a message that is late. */
	says(&s, 1, 2, 5100);
	says(&s, 1, 3, 899999);
	assert_int_equal(known(&s), 2);
	says(&s, 0, 2, 5101);
	says(&s, 1, 3, 900001);
	assert_int_equal(known(&s), 2);
	/* Of two the nearer. */
	says(&s, 0, 4, 5150);
	assert_int_equal(known(&s), 3);
	says(&s, 1, 4, 5151);
	assert_int_equal(known(&s), 3);
	says(&s, 0, 4, 5152);
	says(&s, 0, 2, 5102);
	assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 0);
	assert_int_equal(node_stats(s.n)->seq_before, 1);
	/* Too far ahead, or behind: somebody else. */
	says(&s, 2, 5, 900002 + (1 << 16) + 1);
	assert_int_equal(known(&s), 4);
	says(&s, 2, 6, 1000);
	assert_int_equal(known(&s), 5);
	stage_down(&s);
}

/* On a link that it is known on, another address is another peer, whatever its numbers. */
static void
one_link_has_one_address_of_a_peer(void **state)
{
	struct stage s = stage_up(with_links(stage_cfg(), 2, 0));

	(void)state;
	says(&s, 0, 2, 5000);
	says(&s, 0, 3, 5001);
	assert_int_equal(known(&s), 2);
	stage_down(&s);
}

/* By chance somebody else's numbers began just ahead of a peer's. */
static void
two_that_live_are_not_one_for_long(void **state)
{
	struct stage s = stage_up(with_links(stage_cfg(), 2, 0));

	(void)state;
	says(&s, 0, 2, 5000);
	says(&s, 1, 3, 5100);
	assert_int_equal(known(&s), 1);
	for (uint32_t i = 1; i < 8; i++) {
		stage_wait(&s, 1000);
		says(&s, 0, 2, 5000 + i);
		says(&s, 1, 3, 5100 + i);
	}
	assert_int_equal(known(&s), 2);
	assert_int_equal(node_stats(s.n)->peers_parted, 1);
	/* And so they stay. */
	for (uint32_t i = 8; i < 20; i++) {
		stage_wait(&s, 1000);
		says(&s, 0, 2, 5000 + i);
		says(&s, 1, 3, 5100 + i);
	}
	assert_int_equal(known(&s), 2);
	assert_int_equal(node_stats(s.n)->peers_parted, 1);
	stage_down(&s);
}

/* What the old link still held comes late, all in order. */
static void
late_messages_of_the_old_link_part_nobody(void **state)
{
	struct stage s = stage_up(with_links(stage_cfg(), 2, 0));

	(void)state;
	says(&s, 0, 2, 5000);
	says(&s, 1, 2, 5200);
	for (uint32_t i = 1; i < 200; i++) {
		stage_wait(&s, 5);
		says(&s, 0, 2, 5000 + i);
	}
	says(&s, 1, 2, 5201);
	assert_int_equal(known(&s), 1);
	assert_int_equal(node_stats(s.n)->peers_parted, 0);
	assert_int_equal(node_stats(s.n)->seq_before, 199);
	stage_down(&s);
}

/* 1.4.7 sends on the link on which it was last spoken to, or whose carrier it has. */
static void
a_peer_that_speaks_on_another_link_is_followed(void **state)
{
	struct stage s = stage_up(with_links(stage_cfg(), 2, 0));

	(void)state;
	says(&s, 0, 2, 5000);
	for (uint32_t i = 1; i < 4; i++) {
		stage_wait(&s, 1000);
		says(&s, 1, 2, 5000 + i);
	}
	assert_int_equal(node_active_link(s.n), 1);
	assert_int_equal(stage_noted(&s, NOTE_LINK_ACTIVE), 1);
	assert_int_equal(s.last[NOTE_LINK_ACTIVE].count, 1);
	assert_int_equal(s.last[NOTE_LINK_ACTIVE].switch_why, SWITCH_FOLLOWED);
	/* Not while it is heard on ours. */
	says(&s, 0, 2, 5004);
	says(&s, 1, 2, 5005);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_default_link_is_used),
	    cmocka_unit_test(a_lost_carrier_changes_the_link_at_once),
	    cmocka_unit_test(the_next_one_in_order_that_carries_is_taken),
	    cmocka_unit_test(that_none_carries_is_told_once_and_the_first_that_returns_is_taken),
	    cmocka_unit_test(a_single_link_is_told_of),
	    cmocka_unit_test(a_link_that_is_silent_is_left),
	    cmocka_unit_test(a_dead_default_link_is_tried_ever_less_often),
	    cmocka_unit_test(a_peer_that_is_down_is_looked_for_on_all_links),
	    cmocka_unit_test(peers_find_each_other_where_the_default_link_is_dead_from_the_start),
	    cmocka_unit_test(different_defaults_do_no_harm),
	    cmocka_unit_test(of_three_nodes_all_follow_the_one_that_had_to_go),
	    cmocka_unit_test(silence_says_nothing_in_alarm),
	    cmocka_unit_test(a_peer_is_the_same_on_all_links),
	    cmocka_unit_test(a_peer_that_began_anew_on_another_link_inherits_what_it_had_told),
	    cmocka_unit_test(a_peer_that_begins_anew_on_a_link_that_it_has_used_is_no_stranger),
	    cmocka_unit_test(numbers_tell_who_is_who),
	    cmocka_unit_test(one_link_has_one_address_of_a_peer),
	    cmocka_unit_test(two_that_live_are_not_one_for_long),
	    cmocka_unit_test(late_messages_of_the_old_link_part_nobody),
	    cmocka_unit_test(a_peer_that_speaks_on_another_link_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
