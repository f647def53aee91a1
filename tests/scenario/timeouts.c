/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeouts.c: what is left of a flow's life is the same on either side, though packets renew it without
 * a word and clocks are only told seconds.
 */
#include "stage.h"

/* A UDP stream that goes both ways. */
static struct flow
stream(void)
{
	struct flow f = tcp_flow(1);

	f.key.l4 = L4_UDP;
	f.has &= ~(uint32_t)HAS_STATE;
	f.timeout_s = 120;
	return f;
}

/* Passes the time, with a peer that speaks; the last NEW or UPD that was sent meanwhile in *out, and how
 * many there were.  Looks at the kernel are answered with `left`, unless that is 0: then as if no
 * packet had come. */
static unsigned int
wait_and_see(struct stage *s, int seconds, struct flow *f, uint32_t left, struct flow *out)
{
	unsigned int sent = 0;
	ms_t noted = s->now;

	for (int i = 0; i < seconds; i++) {
		struct kernel_op op;
		struct flow told;

		stage_say(s, WIRE_ALIVE, 0, 0);
		s->now = ms_add(s->now, 1000);
		node_tick(s->n, s->now);
		while (node_pull_kernel_op(s->n, &op, s->now)) {
			struct flow shown = *f;

			assert_int_equal(op.type, KOP_GET);
			shown.timeout_s = left != 0 ? left
						    : f->timeout_s -
				(uint32_t)(ms_since(s->now, noted) / 1000);
			stage_answer_flow(s, &op, &shown);
		}
		for (int type = WIRE_CT_NEW; type <= WIRE_CT_UPD; type++) {
			if (stage_sent(s, (enum wire_type)type, &told) == 0)
				continue;
			sent++;
			if (out != NULL)
				*out = told;
		}
	}
	return sent;
}

static struct node_cfg
mode_cfg(enum sync_mode_id mode)
{
	struct node_cfg cfg = stage_cfg();

	cfg.mode = mode;
	return cfg;
}

/* W17: the busy stream's own timeout is full, and so is that of its replica. */
static void
a_busy_stream_that_raises_no_event_is_told_again_with_what_it_has(void **state)
{
	const enum sync_mode_id modes[] = {MODE_FTFW, MODE_NOTRACK};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct stage s = stage_up(mode_cfg(modes[i]));
		struct flow f = stream(), told;

		wait_and_see(&s, 12, &f, 0, NULL);
		stage_event(&s, KEV_NEW, false, &f);
		stage_sent(&s, WIRE_CT_NEW, NULL);
		assert_in_range(wait_and_see(&s, 45, &f, 119, &told), 1, 3);
		assert_in_range(told.timeout_s, 110, 120);
		assert_true(node_stats(s.n)->timeout_looks > 0);
		stage_down(&s);
	}
}

static void
an_idle_stream_is_looked_at_and_not_told_again(void **state)
{
	struct stage s = stage_up(mode_cfg(MODE_NOTRACK));
	struct flow f = stream();

	(void)state;
	wait_and_see(&s, 12, &f, 0, NULL);
	stage_event(&s, KEV_NEW, false, &f);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	assert_int_equal(wait_and_see(&s, 100, &f, 0, NULL), 0);
	assert_in_range(node_stats(s.n)->timeout_looks, 1, 3);
	stage_down(&s);
}

static void
what_does_not_go_both_ways_is_not_looked_at(void **state)
{
	struct stage s = stage_up(mode_cfg(MODE_FTFW));
	struct flow f = stream();

	(void)state;
	f.status &= ~(uint32_t)ST_ASSURED;
	wait_and_see(&s, 12, &f, 0, NULL);
	stage_event(&s, KEV_NEW, false, &f);
	wait_and_see(&s, 60, &f, 0, NULL);
	assert_int_equal(node_stats(s.n)->timeout_looks, 0);
	stage_down(&s);
}

static void
a_resend_tells_what_is_left_and_not_what_there_was(void **state)
{
	struct stage s = stage_up(mode_cfg(MODE_FTFW));
	struct flow f = tcp_flow(1), told;

	(void)state;
	f.status &= ~(uint32_t)ST_ASSURED;
	f.timeout_s = 600;
	stage_event(&s, KEV_NEW, false, &f);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	stage_wait(&s, 200 * 1000);
	node_command(s.n, CMD_BULK, s.now);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, &told), 1);
	assert_in_range(told.timeout_s, 399, 401);
	/* One that lives on beyond its time has been renewed, by whatever. */
	stage_wait(&s, 500 * 1000);
	node_command(s.n, CMD_BULK, s.now);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, &told), 1);
	assert_int_equal(told.timeout_s, 600);
	stage_down(&s);
}

static uint32_t
committed_as(struct stage *s, enum kernel_op_type type)
{
	struct kernel_op op;

	node_command(s->n, CMD_COMMIT, s->now);
	op = stage_asked(s, type);
	stage_answer(s, &op, 0);
	stage_committed(s);
	return op.flow.timeout_s;
}

static void
a_replica_counts_from_when_it_was_last_told(void **state)
{
	struct stage s = stage_up(mode_cfg(MODE_FTFW));
	struct flow f = tcp_flow(1);

	(void)state;
	f.status &= ~(uint32_t)ST_ASSURED;
	f.timeout_s = 600;
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_wait(&s, 100 * 1000);
	/* A resend that is no news, but says how much is left. */
	f.timeout_s = 500;
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_wait(&s, 50 * 1000);
	assert_int_equal(committed_as(&s, KOP_CREATE), 450);
	stage_down(&s);
}

static void
what_a_flowtable_forwards_does_not_bring_its_day_along(void **state)
{
	const uint32_t offloads[] = {ST_OFFLOAD, ST_HW_OFFLOAD};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct stage s = stage_up(mode_cfg(MODE_FTFW));
		struct flow f = stream();
		struct kernel_op op;

		f.status |= offloads[i];
		f.timeout_s = 86400;
		stage_tell(&s, WIRE_CT_NEW, &f);
		node_command(s.n, CMD_COMMIT, s.now);
		op = stage_asked(&s, KOP_CREATE);
		assert_in_range(op.flow.timeout_s, 30, 180);
		assert_int_equal(op.flow.status & offloads[i], 0);
		stage_down(&s);
	}
}

/* After a takeover nothing tells that packets come through here but the timeout. */
static void
a_copy_that_packets_renew_becomes_ours_and_is_told(void **state)
{
	struct stage s = stage_up(mode_cfg(MODE_FTFW));
	struct flow f = stream(), told;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	committed_as(&s, KOP_CREATE);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	assert_true(wait_and_see(&s, 60, &f, 119, &told) > 0);
	assert_true(flow_key_equal(&told.key, &f.key));
	stage_down(&s);
}

static void
looks_leave_slots_for_what_is_ordered(void **state)
{
	struct stage s = stage_up(mode_cfg(MODE_NOTRACK));
	struct kernel_op op;
	unsigned int out = 0;

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_wait(&s, 1000);
	for (unsigned int i = 1; i <= 400; i++) {
		struct flow f = stream();

		put_be16(&f.key.sport, (uint16_t)i);
		stage_event(&s, KEV_NEW, false, &f);
	}
	stage_wait(&s, 45 * 1000);
	while (node_pull_kernel_op(s.n, &op, s.now)) {
		assert_int_equal(op.type, KOP_GET);
		out++;
	}
	assert_in_range(out, 100, 129);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_busy_stream_that_raises_no_event_is_told_again_with_what_it_has),
	    cmocka_unit_test(an_idle_stream_is_looked_at_and_not_told_again),
	    cmocka_unit_test(what_does_not_go_both_ways_is_not_looked_at),
	    cmocka_unit_test(a_resend_tells_what_is_left_and_not_what_there_was),
	    cmocka_unit_test(a_replica_counts_from_when_it_was_last_told),
	    cmocka_unit_test(what_a_flowtable_forwards_does_not_bring_its_day_along),
	    cmocka_unit_test(a_copy_that_packets_renew_becomes_ours_and_is_told),
	    cmocka_unit_test(looks_leave_slots_for_what_is_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
