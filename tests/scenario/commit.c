/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "commit.h"
#include "flows.h"

/* Node b's kernel holds every flow of node a's, field by field, and nothing else. */
static void
assert_taken_over(struct world *w, size_t a, size_t b)
{
	for (size_t i = 0; i < SIM_FLOWS_MAX; i++) {
		const struct flow *f = &w->nodes[a].kernel->flows[i];
		const struct flow *g;

		if (!w->nodes[a].kernel->used[i])
			continue;
		g = sim_kernel_find(w->nodes[b].kernel, &f->key);
		if (g == NULL)
			fail_msg("flow %u is missing", get_be16(&f->key.sport));
		assert_true(flow_reply_equal(&f->reply, &g->reply));
		assert_int_equal(f->status, g->status);
		assert_int_equal(f->l4.tcp.state, g->l4.tcp.state);
		assert_int_equal(f->mark, g->mark);
		assert_int_equal(f->has & HAS_RARE, g->has & HAS_RARE);
	}
	assert_int_equal(w->nodes[a].kernel->count, w->nodes[b].kernel->count);
}

static void
commit_puts_every_flow_in_the_kernel_and_echoes_nothing(void **state)
{
	struct world *w = pair(ftfw_cfg());
	uint64_t sent;

	(void)state;
	make_flows(w, 0, 1, 1000);
	world_run(w, 1000);
	sent = node_stats(w->nodes[1].node)->send_messages;
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 1000);
	assert_int_equal(w->nodes[1].last_commit.failed, 0);
	assert_taken_over(w, 0, 1);
	assert_int_equal(world_count(w, 1, TABLE_LOCAL), 1000);
	assert_int_equal(node_stats(w->nodes[1].node)->send_messages, sent);
	assert_int_equal(world_count(w, 0, TABLE_REMOTE), 0);
	world_free(w);
}

static void
events_of_our_own_writes_are_not_echoed_either(void **state)
{
	struct world *w = pair(ftfw_cfg());
	uint64_t sent;

	(void)state;
	w->nodes[1].kernel->deliver_own = true;
	make_flows(w, 0, 1, 100);
	world_run(w, 1000);
	sent = node_stats(w->nodes[1].node)->send_messages;
	world_command(w, 1, CMD_COMMIT);
	assert_taken_over(w, 0, 1);
	assert_int_equal(node_stats(w->nodes[1].node)->send_messages, sent);
	world_free(w);
}

static void
masters_come_before_what_is_related_to_them(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow data = tcp_flow(1), master = tcp_flow(2);

	(void)state;
	/* The related flow is entered first: order in the table must not matter. */
	data.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	data.rare.master = master.key;
	data.status |= ST_EXPECTED;
	sim_kernel_new(w->nodes[0].kernel, &data);
	sim_kernel_new(w->nodes[0].kernel, &master);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 2);
	assert_taken_over(w, 0, 1);
	world_free(w);
}

static void
a_flow_whose_master_is_gone_lives_on_without_it(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow data = tcp_flow(1), master = tcp_flow(2);

	(void)state;
	data.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	data.rare.master = master.key;
	sim_kernel_new(w->nodes[0].kernel, &data);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 1);
	assert_int_equal(w->nodes[1].last_commit.degraded, 1);
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &data.key));
	world_free(w);
}

static void
an_old_copy_is_updated_in_place(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[1].kernel, &f);
	world_run(w, 100);
	f.mark = 77;
	f.has |= HAS_MARK;
	f.l4.tcp.state = TCP_FIN_WAIT;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.updated, 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 0);
	assert_taken_over(w, 0, 1);
	world_free(w);
}

static void
a_fresher_kernel_entry_is_left_alone(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(5), live = tcp_flow_in(5, TCP_FIN_WAIT);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &old);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &live);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.current, 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 0);
	assert_int_equal(sim_kernel_find(w->nodes[1].kernel, &live.key)->l4.tcp.state,
	    TCP_FIN_WAIT);
	world_free(w);
}

static void
what_a_stray_packet_left_behind_is_replaced(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), stray = stray_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &stray);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.replaced, 1);
	assert_int_equal(w->nodes[1].notices[NOTE_COMMIT_CONFLICT], 1);
	assert_taken_over(w, 0, 1);
	world_free(w);
}

static void
one_refused_flow_does_not_stop_the_others(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 100);
	world_run(w, 100);
	put_be16(&w->nodes[1].kernel->fail_port, 50);
	w->nodes[1].kernel->fail_error = EPERM;
	w->nodes[1].kernel->fail_times = 100;
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 99);
	assert_int_equal(w->nodes[1].last_commit.failed, 1);
	assert_int_equal(w->nodes[1].notices[NOTE_COMMIT_ERROR], 1);
	world_free(w);
}

static void
a_refused_helper_costs_the_helper_and_not_the_flow(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(9);

	(void)state;
	f.has |= HAS_HELPER;
	strcpy(f.rare.helper, "ftp");
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	w->nodes[1].kernel->fail_port = f.key.sport;
	w->nodes[1].kernel->fail_error = EOPNOTSUPP;
	w->nodes[1].kernel->fail_times = 1;
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 1);
	assert_int_equal(w->nodes[1].last_commit.degraded, 1);
	world_free(w);
}

static void
passing_errors_are_tried_again(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 3, 1);
	world_run(w, 100);
	put_be16(&w->nodes[1].kernel->fail_port, 3);
	w->nodes[1].kernel->fail_error = ETIMEDOUT;
	w->nodes[1].kernel->fail_times = 3;
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 1);
	world_free(w);
}

/* The kernel has an entry that we have not heard of: its event is still on the way. */
static void
an_unseen_entry_is_looked_at_before_it_is_judged(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), other = tcp_flow(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	other.reply.dst.b[3] = 99;
	sim_kernel_new(w->nodes[1].kernel, &other);
	w->nodes[1].kernel->events_count = 0;
	world_command(w, 1, CMD_COMMIT);
	/* It has seen a reply under another mapping: it is alive, and not ours to delete. */
	assert_int_equal(w->nodes[1].last_commit.current, 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 0);
	world_free(w);
}

/* Another client of ours, mapped to the address and port that the flow of tcp_flow(i) has. */
static struct flow
rival(unsigned int i)
{
	struct flow f = tcp_flow(i);

	f.key.src.b[3] = 11;
	return f;
}

/* The node that forwards gave the mapping to somebody else meanwhile: so the old holder is gone. */
static void
an_older_flow_that_holds_the_mapping_makes_way(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), other = rival(5);

	(void)state;
	make_flows(w, 1, 1, 3);
	sim_kernel_new(w->nodes[1].kernel, &other);
	world_run(w, 100);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.replaced, 1);
	assert_int_equal(w->nodes[1].last_commit.failed, 0);
	assert_int_equal(w->nodes[1].notices[NOTE_COMMIT_CONFLICT], 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 1);
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	assert_null(sim_kernel_find(w->nodes[1].kernel, &other.key));
	assert_false(world_find(w, 1, TABLE_LOCAL, &other.key, NULL));
	/* Whoever heard of it hears of its end. */
	world_run(w, 100);
	assert_false(world_find(w, 0, TABLE_REMOTE, &other.key, NULL));
	assert_int_equal(w->nodes[1].kernel->count, 4);
	world_free(w);
}

/* Both are replicas: of the end of the older no event told. */
static void
a_replica_that_makes_way_for_another_is_reported(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), other = rival(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &other);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.created, 1);
	sim_kernel_destroy(w->nodes[0].kernel, &other.key);
	w->nodes[0].kernel->events_count = 0;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.total, 2);
	assert_int_equal(w->nodes[1].last_commit.replaced, 1);
	assert_int_equal(w->nodes[1].last_commit.displaced, 1);
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	assert_null(sim_kernel_find(w->nodes[1].kernel, &other.key));
	world_free(w);
}

static void
a_fresher_flow_that_holds_the_mapping_stays(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), other = rival(5);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	sim_kernel_new(w->nodes[1].kernel, &other);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.failed, 1);
	assert_int_equal(w->nodes[1].kernel->deletes, 0);
	world_free(w);
}

/* Nothing is known of how old it is: its events have not been read, or the filter hides it. */
static void
a_flow_of_unknown_age_that_holds_the_mapping_stays_if_it_is_two_way(void **state)
{
	(void)state;
	for (int two_way = 0; two_way < 2; two_way++) {
		struct world *w = pair(ftfw_cfg());
		struct flow f = tcp_flow(5), other = rival(5);

		if (!two_way)
			other.status &= ~(uint32_t)(ST_SEEN_REPLY | ST_ASSURED);
		sim_kernel_new(w->nodes[1].kernel, &other);
		w->nodes[1].kernel->events_count = 0;
		sim_kernel_new(w->nodes[0].kernel, &f);
		world_run(w, 100);
		world_command(w, 1, CMD_COMMIT);
		assert_int_equal(w->nodes[1].last_commit.failed, two_way);
		assert_int_equal(w->nodes[1].last_commit.replaced, !two_way);
		world_free(w);
	}
}

/* Two replicas claim one mapping: the one that was told last has it. */
static void
of_two_replicas_with_one_mapping_the_newer_has_it(void **state)
{
	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		struct node_cfg cfg = ftfw_cfg();
		struct world *w = world_new(3, &cfg);
		struct flow f = tcp_flow(5), other = rival(5);

		world_run(w, 3000);
		sim_kernel_new(w->nodes[turn].kernel, &f);
		world_run(w, 100);
		sim_kernel_new(w->nodes[1 - turn].kernel, &other);
		world_run(w, 100);
		world_command(w, 2, CMD_COMMIT);
		assert_null(sim_kernel_find(w->nodes[2].kernel, &f.key));
		assert_non_null(sim_kernel_find(w->nodes[2].kernel, &other.key));
		assert_int_equal(w->nodes[2].kernel->count, 1);
		world_free(w);
	}
}

static void
commit_flush_read_works_again_and_again(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 300);
	world_run(w, 100);
	for (int i = 0; i < 3; i++) {
		world_command(w, 1, CMD_COMMIT);
		world_command(w, 1, CMD_FLUSH_INTERNAL);
		world_command(w, 1, CMD_FLUSH_EXTERNAL);
		assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
		assert_int_equal(world_count(w, 1, TABLE_LOCAL), 0);
		world_read_kernel(w, 1, false);
		assert_int_equal(world_count(w, 1, TABLE_LOCAL), 300);
	}
	assert_taken_over(w, 0, 1);
	world_free(w);
}

/* Takeover after takeover with the scripts of 2007: -c -f -R on the new master, -n on the other. */
static void
five_failovers_in_a_row_lose_nothing(void **state)
{
	struct world *w = pair(ftfw_cfg());
	size_t master = 0;

	(void)state;
	make_flows(w, 0, 1, 200);
	world_run(w, 1000);
	for (unsigned int round = 0; round < 5; round++) {
		size_t next = 1 - master;

		world_command(w, next, CMD_COMMIT);
		world_command(w, next, CMD_FLUSH_INTERNAL);
		world_command(w, next, CMD_FLUSH_EXTERNAL);
		world_read_kernel(w, next, false);
		world_run(w, 10);
		world_command(w, master, CMD_REQUEST_RESYNC);
		world_run(w, 500);
		/* The new master's traffic goes on. */
		for (unsigned int i = 1; i <= 200; i++) {
			struct flow f = tcp_flow(i);

			f.mark = round + 1;
			f.has |= HAS_MARK;
			assert_non_null(sim_kernel_find(w->nodes[next].kernel, &f.key));
			if (i % 3 == round % 3)
				sim_kernel_update(w->nodes[next].kernel, &f);
		}
		world_run(w, 1000);
		master = next;
	}
	world_command(w, 1 - master, CMD_COMMIT);
	assert_int_equal(w->nodes[1 - master].last_commit.failed, 0);
	assert_taken_over(w, master, 1 - master);
	world_free(w);
}

static void
the_expiry_of_a_written_copy_is_nobodys_business(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(4);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	world_command(w, 1, CMD_COMMIT);
	sim_kernel_destroy(w->nodes[1].kernel, &f.key);
	world_run(w, 2000);
	assert_true(world_find(w, 0, TABLE_LOCAL, &f.key, NULL));
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, NULL));
	world_free(w);
}

static void
flush_kernel_deletes_what_the_filter_passes_and_tells_nobody(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 40);
	world_run(w, 1000);
	world_read_kernel(w, 0, false);
	world_command(w, 0, CMD_FLUSH_KERNEL);
	world_run(w, 100);
	assert_int_equal(w->nodes[0].kernel->count, 0);
	assert_int_equal(world_count(w, 0, TABLE_LOCAL), 0);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 40);
	assert_int_equal(w->nodes[0].notices[NOTE_KERNEL_FLUSH_DONE], 1);
	world_free(w);
}

static void
write_through_follows_the_peer_at_once(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow(4);

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 10);
	assert_taken_over(w, 0, 1);
	f.l4.tcp.state = TCP_FIN_WAIT;
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 10);
	assert_taken_over(w, 0, 1);
	/* The copy expires at the peer: the live flow must not notice. */
	sim_kernel_destroy(w->nodes[1].kernel, &f.key);
	world_run(w, 2000);
	assert_non_null(sim_kernel_find(w->nodes[0].kernel, &f.key));
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 10);
	assert_taken_over(w, 0, 1);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 10);
	assert_int_equal(w->nodes[1].kernel->count, 0);
	world_free(w);
}

static bool
is_liberal(struct world *w, size_t i, const struct flow_key *key)
{
	const struct flow *f = sim_kernel_find(w->nodes[i].kernel, key);

	assert_non_null(f);
	return (f->has & HAS_TCP_FLAGS) && (f->l4.tcp.flags_orig & TCP_FLAG_LIBERAL) &&
	    (f->l4.tcp.flags_repl & TCP_FLAG_LIBERAL);
}

/*
 * Entries that this kernel has from an earlier time as master: one that no peer has named, one that
 * is left alone for being fresher.  Their connections may have gone on through the other node.
 */
static void
a_takeover_frees_its_own_old_entries_from_their_windows(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct flow unnamed = tcp_flow(1), fresher = tcp_flow(2);
	uint64_t requests;

	(void)state;
	for (int tracking = 0; tracking < 2; tracking++) {
		struct world *w;

		cfg.tcp_window_tracking = tracking;
		w = pair(cfg);
		sim_kernel_new(w->nodes[0].kernel, &fresher);
		world_run(w, 100);
		sim_kernel_new(w->nodes[1].kernel, &unnamed);
		sim_kernel_new(w->nodes[1].kernel, &fresher);
		world_run(w, 100);
		world_command(w, 1, CMD_COMMIT);
		assert_int_equal(w->nodes[1].last_commit.current, 1);
		assert_int_equal(w->nodes[1].last_commit.total, 1);
		assert_int_equal(is_liberal(w, 1, &unnamed.key), !tracking);
		assert_int_equal(is_liberal(w, 1, &fresher.key), !tracking);
		assert_int_equal(sim_kernel_find(w->nodes[1].kernel, &unnamed.key)->status,
		    unnamed.status);
		/* Once is enough. */
		requests = w->nodes[1].kernel->requests;
		world_command(w, 1, CMD_COMMIT);
		assert_int_equal(w->nodes[1].kernel->requests, requests);
		world_free(w);
	}
}

/* The whole truth table of the rule, so that a change of it is seen. */
static void
the_rule_of_what_replaces_what(void **state)
{
	static const struct {
		bool same_mapping, kernel_two_way, replica_two_way;
		enum commit_age age;
		enum commit_verdict verdict;
	} rows[] = {
	    {true, true, true, AGE_REPLICA_NEWER, COMMIT_UPDATE},
	    {true, true, true, AGE_KERNEL_NEWER, COMMIT_LEAVE},
	    {true, true, true, AGE_UNKNOWN, COMMIT_UPDATE},
	    {true, false, true, AGE_KERNEL_NEWER, COMMIT_UPDATE},
	    {true, false, false, AGE_KERNEL_NEWER, COMMIT_LEAVE},
	    {false, true, true, AGE_REPLICA_NEWER, COMMIT_REPLACE},
	    {false, true, true, AGE_KERNEL_NEWER, COMMIT_LEAVE},
	    {false, true, true, AGE_UNKNOWN, COMMIT_LEAVE},
	    {false, false, true, AGE_KERNEL_NEWER, COMMIT_REPLACE},
	    {false, false, true, AGE_UNKNOWN, COMMIT_REPLACE},
	    {false, false, false, AGE_KERNEL_NEWER, COMMIT_LEAVE},
	    {false, true, false, AGE_KERNEL_NEWER, COMMIT_LEAVE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow k = tcp_flow(1), r = tcp_flow(1);

		if (!rows[i].same_mapping)
			k.reply.dst.b[3] = 9;
		if (!rows[i].kernel_two_way)
			k.status &= ~(uint32_t)(ST_SEEN_REPLY | ST_ASSURED);
		if (!rows[i].replica_two_way)
			r.status &= ~(uint32_t)(ST_SEEN_REPLY | ST_ASSURED);
		if (commit_decide(&k, &r, rows[i].age) != rows[i].verdict)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commit_puts_every_flow_in_the_kernel_and_echoes_nothing),
	    cmocka_unit_test(events_of_our_own_writes_are_not_echoed_either),
	    cmocka_unit_test(masters_come_before_what_is_related_to_them),
	    cmocka_unit_test(a_flow_whose_master_is_gone_lives_on_without_it),
	    cmocka_unit_test(an_old_copy_is_updated_in_place),
	    cmocka_unit_test(a_fresher_kernel_entry_is_left_alone),
	    cmocka_unit_test(what_a_stray_packet_left_behind_is_replaced),
	    cmocka_unit_test(one_refused_flow_does_not_stop_the_others),
	    cmocka_unit_test(a_refused_helper_costs_the_helper_and_not_the_flow),
	    cmocka_unit_test(passing_errors_are_tried_again),
	    cmocka_unit_test(an_unseen_entry_is_looked_at_before_it_is_judged),
	    cmocka_unit_test(an_older_flow_that_holds_the_mapping_makes_way),
	    cmocka_unit_test(a_replica_that_makes_way_for_another_is_reported),
	    cmocka_unit_test(a_fresher_flow_that_holds_the_mapping_stays),
	    cmocka_unit_test(a_flow_of_unknown_age_that_holds_the_mapping_stays_if_it_is_two_way),
	    cmocka_unit_test(of_two_replicas_with_one_mapping_the_newer_has_it),
	    cmocka_unit_test(commit_flush_read_works_again_and_again),
	    cmocka_unit_test(five_failovers_in_a_row_lose_nothing),
	    cmocka_unit_test(the_expiry_of_a_written_copy_is_nobodys_business),
	    cmocka_unit_test(flush_kernel_deletes_what_the_filter_passes_and_tells_nobody),
	    cmocka_unit_test(write_through_follows_the_peer_at_once),
	    cmocka_unit_test(a_takeover_frees_its_own_old_entries_from_their_windows),
	    cmocka_unit_test(the_rule_of_what_replaces_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
