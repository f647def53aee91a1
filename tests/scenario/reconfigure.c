/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reconfigure.c: settings that change while nodes run, and a node that has nobody to replicate to.
 */
#include "stage.h"

/* Lets through all but what comes from or goes to this host. */
static const struct filter_net client_net = {{{192, 168, 1, 10}}, L3_IPV4, 32};
static const struct filter_net other_net = {{{10, 0, 0, 0}}, L3_IPV4, 8};

static struct filter
ignoring(const struct filter_net *net)
{
	return (struct filter){.addr_polarity = FILTER_IGNORE, .nets = net, .nets_count = 1};
}

/* A flow of another client than those of make_flows(). */
static struct flow
other_flow(unsigned int i)
{
	struct flow f = tcp_flow(i);

	f.key.src = (struct ip_addr){{10, 1, 2, 3}};
	flow_invert(&f.key, &f.reply);
	flow_derive_nat(&f);
	return f;
}

static struct world *
filtered_pair(struct node_cfg cfg, struct filter filter)
{
	struct world *w;

	cfg.filter = filter;
	w = pair(cfg);
	w->nodes[0].pace.reads = w->nodes[1].pace.reads = true;
	return w;
}

static void
refilter(struct world *w, size_t i, struct filter filter)
{
	struct node_cfg cfg = *node_config(w->nodes[i].node);

	cfg.filter = filter;
	node_reconfigure(w->nodes[i].node, &cfg, w->now);
}

static void
what_a_new_filter_leaves_out_the_peer_forgets(struct node_cfg cfg)
{
	struct world *w = filtered_pair(cfg, (struct filter){0});
	struct flow other = other_flow(1);

	make_flows(w, 0, 100, 50);
	sim_kernel_new(w->nodes[0].kernel, &other);
	world_run(w, 3000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 51);

	refilter(w, 0, ignoring(&client_net));
	world_run(w, 3000);
	assert_int_equal(world_count(w, 0, TABLE_LOCAL), 1);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 1);
	assert_true(world_find(w, 1, TABLE_REMOTE, &other.key, NULL));
	/* The kernel has them all still, and their news are nobody's. */
	assert_int_equal(w->nodes[0].kernel->count, 51);
	end_flows(w, 0, 100, 50);
	world_run(w, 3000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 1);
	world_free(w);
}

static void
what_a_new_filter_leaves_out_the_peer_forgets_in_ftfw(void **state)
{
	(void)state;
	what_a_new_filter_leaves_out_the_peer_forgets(ftfw_cfg());
}

static void
what_a_new_filter_leaves_out_the_peer_forgets_in_alarm(void **state)
{
	(void)state;
	what_a_new_filter_leaves_out_the_peer_forgets(alarm_cfg());
}

static void
what_a_new_filter_lets_in_is_read_and_announced(struct node_cfg cfg)
{
	struct world *w = filtered_pair(cfg, ignoring(&client_net));
	struct flow other = other_flow(1);
	uint64_t resyncs;

	make_flows(w, 0, 100, 50);
	sim_kernel_new(w->nodes[0].kernel, &other);
	world_run(w, 3000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 1);

	resyncs = node_stats(w->nodes[0].node)->kernel_resyncs;
	refilter(w, 0, ignoring(&other_net));
	world_run(w, 3000);
	assert_int_equal(node_stats(w->nodes[0].node)->kernel_resyncs, resyncs + 1);
	assert_int_equal(world_count(w, 0, TABLE_LOCAL), 50);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 50);
	assert_false(world_find(w, 1, TABLE_REMOTE, &other.key, NULL));
	world_free(w);
}

static void
what_a_new_filter_lets_in_is_read_and_announced_in_ftfw(void **state)
{
	(void)state;
	what_a_new_filter_lets_in_is_read_and_announced(ftfw_cfg());
}

static void
what_a_new_filter_lets_in_is_read_and_announced_in_alarm(void **state)
{
	(void)state;
	what_a_new_filter_lets_in_is_read_and_announced(alarm_cfg());
}

/* There and back at once: what was to be taken back is told anew. */
static void
a_filter_that_is_taken_back_leaves_all_as_it_was(void **state)
{
	struct world *w = filtered_pair(ftfw_cfg(), (struct filter){0});

	(void)state;
	make_flows(w, 0, 100, 50);
	world_run(w, 3000);
	refilter(w, 0, ignoring(&client_net));
	refilter(w, 0, (struct filter){0});
	world_run(w, 3000);
	assert_replica(w, 0, 1);
	world_free(w);
}

/* While a table is read at the start, nobody is told what it shows. */
static void
what_is_let_in_during_a_read_is_announced(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.filter = ignoring(&client_net);
	s = stage_up(cfg);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_sent(&s, WIRE_CTL, NULL);
	node_kernel_read_begin(s.n, false, s.now);
	cfg.filter = (struct filter){0};
	node_reconfigure(s.n, &cfg, s.now);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_NEEDED), 1);
	assert_int_equal(s.last[NOTE_KERNEL_READ_NEEDED].read_why, READ_FILTER_CHANGED);
	node_kernel_read_flow(s.n, &f, s.now);
	node_kernel_read_end(s.n, true, s.now);
	stage_idle(&s);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	stage_down(&s);
}

/* -R had been ordered before, and its read begins first. */
static void
whichever_read_comes_next_announces(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.filter = ignoring(&client_net);
	s = stage_up(cfg);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_sent(&s, WIRE_CTL, NULL);
	cfg.filter = (struct filter){0};
	node_reconfigure(s.n, &cfg, s.now);
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_flow(s.n, &f, s.now);
	node_kernel_read_end(s.n, true, s.now);
	stage_idle(&s);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	stage_down(&s);
}

/* It was left out, is let in again, and ends while the table is read: the dump is older than its end. */
static void
a_flow_that_ends_while_it_is_let_in_again_is_gone(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s = stage_up(cfg);
	struct flow f = tcp_flow(1);

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_event(&s, KEV_NEW, false, &f);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	cfg.filter = ignoring(&client_net);
	node_reconfigure(s.n, &cfg, s.now);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
	cfg.filter = (struct filter){0};
	node_reconfigure(s.n, &cfg, s.now);
	node_kernel_read_begin(s.n, true, s.now);
	stage_event(&s, KEV_DESTROY, false, &f);
	node_kernel_read_flow(s.n, &f, s.now);
	node_kernel_read_end(s.n, true, s.now);
	stage_idle(&s);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 0);
	stage_down(&s);
}

static void
the_same_filter_causes_no_read(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s;

	(void)state;
	cfg.filter = ignoring(&client_net);
	s = stage_up(cfg);
	node_reconfigure(s.n, &cfg, s.now);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_NEEDED), 0);
	stage_down(&s);
}

/* A commit has to know what is in the kernel, whatever the filter says. */
static void
a_copy_of_a_peers_flow_stays_known(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s = stage_up(cfg);
	struct flow f = tcp_flow(1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_refuse(&s, KOP_CREATE, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	cfg.filter = ignoring(&client_net);
	node_reconfigure(s.n, &cfg, s.now);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 0);
	stage_down(&s);
}

static void
settings_that_need_a_restart_stay(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct node_cfg cfg = stage_cfg();

	(void)state;
	cfg.mode = MODE_ALARM;
	cfg.limit = 1;
	cfg.write_through = true;
	cfg.ack_window = 77;
	cfg.commit_timeout_s = 180;
	cfg.resend_queue = 0;
	node_reconfigure(s.n, &cfg, s.now);
	assert_int_equal(node_config(s.n)->mode, MODE_FTFW);
	assert_int_equal(node_config(s.n)->limit, 8192);
	assert_false(node_config(s.n)->write_through);
	assert_int_equal(node_config(s.n)->ack_window, 77);
	assert_int_equal(node_config(s.n)->commit_timeout_s, 180);
	assert_int_equal(node_config(s.n)->resend_queue, 131072);
	stage_down(&s);
}

static void
a_shorter_resend_queue_forgets_the_oldest(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s = stage_up(cfg);

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	for (unsigned int i = 1; i <= 10; i++) {
		struct flow f = tcp_flow(i);

		stage_event(&s, KEV_NEW, false, &f);
		stage_sent(&s, WIRE_CT_NEW, NULL);
		stage_event(&s, KEV_DESTROY, false, &f);
		stage_sent(&s, WIRE_CT_DEL, NULL);
	}
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 10);
	cfg.resend_queue = 4;
	node_reconfigure(s.n, &cfg, s.now);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 4);
	assert_int_equal(node_stats(s.n)->unacked_evicted, 6);
	stage_down(&s);
}

/* The window that is open already closes as the new one says. */
static void
a_smaller_window_is_acknowledged_sooner(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s;
	unsigned int acks = 0;

	(void)state;
	cfg.ack_window = 300;
	s = stage_up(cfg);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_sent(&s, WIRE_CTL, NULL);
	cfg.ack_window = 16;
	node_reconfigure(s.n, &cfg, s.now);
	for (unsigned int i = 0; i < 20; i++) {
		struct flow f = tcp_flow(i + 1);

		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	s.now = ms_add(s.now, 20);
	acks = stage_sent(&s, WIRE_CTL, NULL);
	assert_int_equal(acks, 1);
	stage_down(&s);
}

static void
a_longer_cache_timeout_holds_for_what_is_there(void **state)
{
	struct world *w = pair(alarm_cfg());
	struct node_cfg cfg = alarm_cfg();

	(void)state;
	make_flows(w, 0, 100, 10);
	world_run(w, 3000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 10);
	cfg.cache_timeout_s = 60;
	node_reconfigure(w->nodes[1].node, &cfg, w->now);
	w->drop = drop_all;
	world_run(w, 40 * 1000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 10);
	world_run(w, 30 * 1000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_free(w);
}

/* What is older than the new one allows goes at once. */
static void
a_shorter_cache_timeout_holds_for_what_is_there(void **state)
{
	struct world *w = pair(alarm_cfg());
	struct node_cfg cfg = alarm_cfg();

	(void)state;
	make_flows(w, 0, 100, 10);
	world_run(w, 3000);
	w->drop = drop_all;
	world_run(w, 8000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 10);
	cfg.cache_timeout_s = 2;
	node_reconfigure(w->nodes[1].node, &cfg, w->now);
	world_run(w, 500);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_free(w);
}

static void
a_shorter_refresh_time_holds_for_what_is_there(void **state)
{
	struct node_cfg cfg = alarm_cfg();
	struct world *w;
	uint64_t sent;

	(void)state;
	cfg.refresh_s = 3000;
	cfg.cache_timeout_s = 9000;
	w = pair(cfg);
	make_flows(w, 0, 100, 10);
	world_run(w, 3000);
	sent = node_stats(w->nodes[0].node)->send_messages;
	cfg.refresh_s = 2;
	node_reconfigure(w->nodes[0].node, &cfg, w->now);
	world_run(w, 4000);
	assert_in_range(node_stats(w->nodes[0].node)->send_messages, sent + 10, sent + 100);
	world_free(w);
}

/* ---- by chance ---- */

static uint64_t dice_state;

static uint32_t
dice(uint32_t sides)
{
	dice_state = dice_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(dice_state >> 33) % sides;
}

static bool
drop_some(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)w;
	(void)from;
	(void)to;
	(void)data;
	(void)len;
	return dice(5) == 0;
}

enum { PLAYED_FLOWS = 40 };

static struct flow
played_flow(unsigned int i)
{
	return i % 2 == 0 ? tcp_flow(i + 1) : other_flow(i + 1);
}

/* Flows come and go, filters change, datagrams are lost; in the end the peer has what passes. */
static void
play(struct node_cfg cfg, bool loses, uint64_t seed)
{
	static const struct filter filters[] = {
	    {0},
	    {.addr_polarity = FILTER_IGNORE, .nets = &client_net, .nets_count = 1},
	    {.addr_polarity = FILTER_IGNORE, .nets = &other_net, .nets_count = 1},
	    {.addr_polarity = FILTER_ACCEPT, .nets = &other_net, .nets_count = 1},
	    {.proto_polarity = FILTER_ACCEPT},
	};
	struct world *w = filtered_pair(cfg, filters[0]);
	bool alive[PLAYED_FLOWS] = {false};
	size_t now = 0, wanted = 0;

	dice_state = seed;
	w->drop = loses ? drop_some : NULL;
	/* Events that wait, and reads that take their time. */
	w->nodes[0].pace.events = dice(3);
	w->nodes[0].pace.dump = dice(4);
	w->nodes[0].pace.dump_ms = dice(60);
	for (int step = 0; step < 200; step++) {
		unsigned int i = dice(PLAYED_FLOWS);
		struct flow f = played_flow(i);

		if (dice(12) == 0) {
			now = dice(ARRAY_LEN(filters));
			refilter(w, 0, filters[now]);
		} else if (alive[i]) {
			sim_kernel_destroy(w->nodes[0].kernel, &f.key);
			alive[i] = false;
		} else {
			sim_kernel_new(w->nodes[0].kernel, &f);
			alive[i] = true;
		}
		if (dice(3) == 0)
			world_run(w, dice(400));
	}
	w->drop = NULL;
	world_run(w, 60 * 1000);
	for (unsigned int i = 0; i < PLAYED_FLOWS; i++) {
		struct flow f = played_flow(i);
		bool passes = alive[i] && filter_passes(&filters[now], &f);

		wanted += passes;
		if (world_find(w, 1, TABLE_REMOTE, &f.key, NULL) != passes)
			fail_msg("mode %d, seed %llu: flow %u is %s at the peer", cfg.mode,
			    (unsigned long long)seed, i, passes ? "missing" : "left over");
	}
	assert_int_equal(world_count(w, 0, TABLE_LOCAL), wanted);
	world_free(w);
}

static void
whatever_happens_the_peer_ends_up_with_what_passes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct node_cfg notrack = ftfw_cfg();

		notrack.mode = MODE_NOTRACK;
		play(ftfw_cfg(), true, seed);
		play(alarm_cfg(), true, seed);
		play(notrack, false, seed);
	}
}

/* Stats: nobody hears, nobody is waited for, and what has ended is gone. */
static void
a_node_without_peers_says_nothing_and_keeps_nothing(void **state)
{
	struct node_cfg cfg = {.mode = MODE_STATS, .limit = 100};
	struct stage s = stage_up(cfg);
	struct kernel_event end = {.type = KEV_DESTROY, .flow = tcp_flow(7),
	    .usage = {.counted = true, .packets = {3, 2}, .bytes = {300, 200}}};
	uint8_t buf[1472];

	(void)state;
	for (unsigned int i = 1; i <= 300; i++) {
		struct flow f = tcp_flow(i);

		stage_event(&s, KEV_NEW, false, &f);
		stage_event(&s, KEV_UPDATE, false, &f);
		assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
		if (i == 7)
			node_kernel_event(s.n, &end, s.now);
		else
			stage_event(&s, KEV_DESTROY, false, &f);
		assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 0);
	}
	/* One that was there before us. */
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_flow(s.n, &end.flow, s.now);
	node_kernel_read_end(s.n, true, s.now);
	stage_idle(&s);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).active, 1);
	stage_event(&s, KEV_DESTROY, false, &end.flow);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 0);
	node_command(s.n, CMD_BULK, s.now);
	node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	for (int i = 0; i < 60; i++) {
		s.now = ms_add(s.now, 1000);
		node_tick(s.n, s.now);
		assert_int_equal(node_pull_datagram(s.n, buf, sizeof(buf), s.now), 0);
	}
	assert_int_equal(stage_noted(&s, NOTE_RESYNC_SENT), 0);
	assert_int_equal(node_queue_view(s.n).tx, 0);
	assert_int_equal(node_queue_view(s.n).unacked, 0);
	assert_int_equal(node_stats(s.n)->kernel_bytes, 500);
	assert_int_equal(node_stats(s.n)->kernel_packets, 5);
	assert_int_equal(node_stats(s.n)->local_destroyed, 301);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_new_filter_leaves_out_the_peer_forgets_in_ftfw),
	    cmocka_unit_test(what_a_new_filter_leaves_out_the_peer_forgets_in_alarm),
	    cmocka_unit_test(what_a_new_filter_lets_in_is_read_and_announced_in_ftfw),
	    cmocka_unit_test(what_a_new_filter_lets_in_is_read_and_announced_in_alarm),
	    cmocka_unit_test(a_filter_that_is_taken_back_leaves_all_as_it_was),
	    cmocka_unit_test(what_is_let_in_during_a_read_is_announced),
	    cmocka_unit_test(whichever_read_comes_next_announces),
	    cmocka_unit_test(a_flow_that_ends_while_it_is_let_in_again_is_gone),
	    cmocka_unit_test(the_same_filter_causes_no_read),
	    cmocka_unit_test(a_copy_of_a_peers_flow_stays_known),
	    cmocka_unit_test(settings_that_need_a_restart_stay),
	    cmocka_unit_test(a_shorter_resend_queue_forgets_the_oldest),
	    cmocka_unit_test(a_smaller_window_is_acknowledged_sooner),
	    cmocka_unit_test(a_longer_cache_timeout_holds_for_what_is_there),
	    cmocka_unit_test(a_shorter_cache_timeout_holds_for_what_is_there),
	    cmocka_unit_test(a_shorter_refresh_time_holds_for_what_is_there),
	    cmocka_unit_test(whatever_happens_the_peer_ends_up_with_what_passes),
	    cmocka_unit_test(a_node_without_peers_says_nothing_and_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
