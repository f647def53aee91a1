/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notrack.c: NOTRACK says everything once, and takes it as it comes.  Numbers tell what was lost, and
 * full resends, which say where they begin and end, make it good.
 */
#include "stage.h"

static struct node_cfg
notrack_cfg(void)
{
	return (struct node_cfg){.mode = MODE_NOTRACK, .limit = 8192};
}

static struct node_cfg
alone_cfg(void)
{
	struct node_cfg cfg = notrack_cfg();

	cfg.tcp_window_tracking = true;
	return cfg;
}

/* ---- in pairs ---- */

static void
a_flow_is_told_once_and_as_it_changes(void **state)
{
	struct world *w = pair(notrack_cfg());
	struct flow f = tcp_flow_in(1000, TCP_SYN_SENT);

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 2);
	assert_replica(w, 0, 1);
	f.l4.tcp.state = TCP_ESTABLISHED;
	sim_kernel_update(w->nodes[0].kernel, &f);
	world_run(w, 2);
	assert_replica(w, 0, 1);
	assert_int_equal(node_queue_view(w->nodes[0].node).unacked, 0);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 2);
	assert_replica(w, 0, 1);
	assert_int_equal(node_table_view(w->nodes[0].node, TABLE_LOCAL).total, 0);
	world_free(w);
}

static bool
drop_half(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)from;
	(void)to;
	(void)data;
	(void)len;
	w->rng = w->rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (w->rng >> 33) % 2 == 0;
}

static void
births_and_deaths_lost_on_a_bad_link_are_made_good(void **state)
{
	struct world *w = pair(notrack_cfg());

	(void)state;
	make_flows(w, 0, 1, 300);
	world_run(w, 3000);
	w->drop = drop_half;
	for (unsigned int i = 1; i <= 100; i++) {
		end_flows(w, 0, i, 1);
		make_flows(w, 0, 1000 + i, 1);
		world_run(w, 20);
	}
	assert_true(w->lost > 20);
	w->drop = NULL;
	world_run(w, 75 * 1000);
	assert_replica(w, 0, 1);
	world_free(w);
}

static void
a_restarted_peer_is_filled_and_its_old_flows_are_forgotten(void **state)
{
	struct world *w = pair(notrack_cfg());

	(void)state;
	make_flows(w, 0, 1, 200);
	make_flows(w, 1, 5000, 200);
	world_run(w, 3000);
	world_kill(w, 1);
	end_flows(w, 1, 5000, 150);
	world_run(w, 2000);
	world_start(w, 1);
	world_run(w, 15000);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 200);
	assert_int_equal(world_count(w, 0, TABLE_REMOTE), 50);
	world_free(w);
}

/* ---- word by word ---- */

static void
no_message_says_hello_or_acknowledges(void **state)
{
	struct stage s = stage_up(alone_cfg());
	uint8_t buf[1472];
	struct flow f = tcp_flow(1);
	struct wire_msg m;
	struct rbuf r;
	size_t len;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_event(&s, KEV_NEW, false, &f);
	for (int i = 0; i < 3; i++) {
		s.now = ms_add(s.now, 1000);
		node_tick(s.n, s.now);
		while ((len = node_pull_datagram(s.n, buf, sizeof(buf), s.now)) > 0) {
			rbuf_init(&r, buf, len);
			while (wire_next(&r, &m) == WIRE_MSG) {
				assert_int_equal(m.flags & (WIRE_ACK | WIRE_NACK), 0);
				/* Marks are ALIVEs; state has no flags. */
				assert_true(m.type == WIRE_CTL || m.flags == 0);
			}
		}
	}
	assert_int_equal(node_stats(s.n)->send_messages > 2, 1);
	stage_down(&s);
}

static void
acknowledgements_and_repeat_requests_are_no_messages_of_this_mode(void **state)
{
	struct stage s = stage_up(alone_cfg());

	(void)state;
	stage_say(&s, WIRE_ACK, 100, 100);
	stage_say(&s, WIRE_NACK, 100, 100);
	assert_int_equal(node_stats(s.n)->recv_bad_header, 2);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	assert_int_equal(node_stats(s.n)->recv_bad_header, 2);
	stage_down(&s);
}

static void
an_update_that_its_flows_end_has_overtaken_does_not_raise_it(void **state)
{
	const enum sync_mode_id modes[] = {MODE_NOTRACK, MODE_ALARM};
	struct flow f = tcp_flow(1);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct node_cfg cfg = alone_cfg();
		struct stage s;

		cfg.mode = modes[i];
		cfg.refresh_s = 5;
		cfg.cache_timeout_s = 20;
		s = stage_up(cfg);
		stage_tell(&s, WIRE_CT_NEW, &f);
		assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
		s.seq += 1;
		stage_tell(&s, WIRE_CT_DEL, &f);
		assert_false(stage_has(&s, TABLE_REMOTE, &f, NULL));
		s.seq -= 2;
		stage_tell(&s, WIRE_CT_UPD, &f);
		assert_false(stage_has(&s, TABLE_REMOTE, &f, NULL));
		assert_int_equal(node_stats(s.n)->remote_overtaken, 1);
		/* The tuple may be used anew at once. */
		s.seq += 1;
		stage_tell(&s, WIRE_CT_NEW, &f);
		assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
		stage_down(&s);
	}
}

static void
an_older_state_that_comes_late_is_left_aside(void **state)
{
	struct stage s = stage_up(alone_cfg());
	struct flow f = tcp_flow_in(1, TCP_SYN_RECV), known;

	(void)state;
	s.seq = 5001;
	f.l4.tcp.state = TCP_ESTABLISHED;
	stage_tell(&s, WIRE_CT_UPD, &f);
	s.seq = 5000;
	f.l4.tcp.state = TCP_SYN_RECV;
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, &known));
	assert_int_equal(known.l4.tcp.state, TCP_ESTABLISHED);
	/* A while later a lower number is that of another process. */
	stage_wait(&s, 600);
	s.seq = 5000;
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, &known));
	assert_int_equal(known.l4.tcp.state, TCP_SYN_RECV);
	stage_down(&s);
}

static void
the_place_of_an_ended_flow_is_kept_for_a_moment_only(void **state)
{
	struct stage s = stage_up(alone_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_tell(&s, WIRE_CT_DEL, &f);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).active, 0);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 1);
	stage_wait(&s, 1000);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 0);
	stage_down(&s);
}

static void
a_whole_resend_removes_what_it_does_not_name(void **state)
{
	struct stage s = stage_up(alone_cfg());
	struct flow one = tcp_flow(1), two = tcp_flow(2);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &one);
	stage_tell(&s, WIRE_CT_NEW, &two);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	stage_tell(&s, WIRE_CT_NEW, &two);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	stage_wait(&s, 2000);
	assert_false(stage_has(&s, TABLE_REMOTE, &one, NULL));
	assert_true(stage_has(&s, TABLE_REMOTE, &two, NULL));
	assert_int_equal(stage_noted(&s, NOTE_SWEPT), 1);
	stage_down(&s);
}

static void
a_resend_of_which_something_was_lost_removes_nothing_and_is_asked_for_again(void **state)
{
	struct stage s = stage_up(alone_cfg());
	struct flow one = tcp_flow(1), two = tcp_flow(2);
	unsigned int asked;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &one);
	stage_tell(&s, WIRE_CT_NEW, &two);
	stage_wait(&s, 2000);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	asked = stage_noted(&s, NOTE_RESYNC_SENT);
	s.seq++;
	stage_tell(&s, WIRE_CT_NEW, &two);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	stage_wait(&s, 3000);
	assert_true(stage_has(&s, TABLE_REMOTE, &one, NULL));
	assert_int_equal(node_stats(s.n)->seq_lost, 1);
	stage_wait(&s, 4000);
	assert_true(stage_noted(&s, NOTE_RESYNC_SENT) > asked);
	stage_down(&s);
}

static void
marks_that_come_twice_say_nothing(void **state)
{
	struct stage s = stage_up(alone_cfg());
	struct flow one = tcp_flow(1);
	uint32_t begin;

	(void)state;
	begin = s.seq;
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	stage_tell(&s, WIRE_CT_NEW, &one);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	/* The link doubles them. */
	s.seq = begin;
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	stage_tell(&s, WIRE_CT_NEW, &one);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	stage_wait(&s, 2000);
	assert_true(stage_has(&s, TABLE_REMOTE, &one, NULL));
	stage_down(&s);
}

/* 1.4.7 answers a request, but marks nothing: it is asked rarely, and a bounded number of times. */
static void
who_does_not_mark_his_resends_is_asked_three_times_at_most(void **state)
{
	struct stage s = stage_up(alone_cfg());

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	s.seq++;
	for (int i = 0; i < 400; i++) {
		stage_wait(&s, 1000);
		stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	assert_in_range(stage_noted(&s, NOTE_RESYNC_SENT), 3, 5);
	stage_down(&s);
}

/* W7: the kernel's last word on a TCP flow has a state, and no window scale. */
static void
the_end_of_a_flow_without_window_scale_is_told(void **state)
{
	struct stage s = stage_up(alone_cfg());
	struct flow f = tcp_flow(1), told;

	(void)state;
	assert_true(node_config(s.n)->tcp_window_tracking);
	stage_event(&s, KEV_NEW, false, &f);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	f.l4.tcp.state = TCP_TIME_WAIT;
	f.has &= ~(uint32_t)(HAS_TIMEOUT | HAS_WSCALE);
	stage_event(&s, KEV_DESTROY, false, &f);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, &told), 1);
	assert_true(flow_key_equal(&told.key, &f.key));
	assert_false(told.has & HAS_WSCALE);
	stage_down(&s);
}

/* ---- a cache for each other's sake: both write through, neither tells back ---- */

/* W1: the expiry of a copy must not end the flow where it lives. */
static void
a_copy_that_runs_out_does_not_end_the_flow_at_its_owner(void **state)
{
	struct node_cfg cfg = notrack_cfg();
	struct world *w;
	struct flow f = tcp_flow(7);

	(void)state;
	cfg.write_through = true;
	w = pair(cfg);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	assert_non_null(sim_kernel_find(w->nodes[1].kernel, &f.key));
	sim_kernel_destroy(w->nodes[1].kernel, &f.key);
	world_run(w, 3000);
	assert_non_null(sim_kernel_find(w->nodes[0].kernel, &f.key));
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flow_is_told_once_and_as_it_changes),
	    cmocka_unit_test(births_and_deaths_lost_on_a_bad_link_are_made_good),
	    cmocka_unit_test(a_restarted_peer_is_filled_and_its_old_flows_are_forgotten),
	    cmocka_unit_test(no_message_says_hello_or_acknowledges),
	    cmocka_unit_test(acknowledgements_and_repeat_requests_are_no_messages_of_this_mode),
	    cmocka_unit_test(an_update_that_its_flows_end_has_overtaken_does_not_raise_it),
	    cmocka_unit_test(an_older_state_that_comes_late_is_left_aside),
	    cmocka_unit_test(the_place_of_an_ended_flow_is_kept_for_a_moment_only),
	    cmocka_unit_test(a_whole_resend_removes_what_it_does_not_name),
	    cmocka_unit_test(
		a_resend_of_which_something_was_lost_removes_nothing_and_is_asked_for_again),
	    cmocka_unit_test(marks_that_come_twice_say_nothing),
	    cmocka_unit_test(who_does_not_mark_his_resends_is_asked_three_times_at_most),
	    cmocka_unit_test(the_end_of_a_flow_without_window_scale_is_told),
	    cmocka_unit_test(a_copy_that_runs_out_does_not_end_the_flow_at_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
