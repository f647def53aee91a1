/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * promote.c: the order of a commit, what is ours after a takeover, rehearsals, and whether a node counts as
 * ready.
 */
#include <errno.h>

#include "stage.h"

enum { OLD = 300, NEW = 5 };

static unsigned int
port_of(const struct kernel_op *op)
{
	return get_be16(&op->flow.key.sport);
}

/* Idle for so many seconds when it was told in a full resend. */
static struct flow
idle_flow(unsigned int i, uint32_t idle_s)
{
	struct flow f = tcp_flow(i);

	f.timeout_s -= idle_s;
	return f;
}

/* All requests of a commit, agreed to at once; the ports in their order. */
static size_t
ports_in_order(struct stage *s, unsigned int *ports, size_t max)
{
	struct kernel_op op;
	size_t count = 0;

	while (node_pull_kernel_op(s->n, &op, s->now)) {
		assert_true(count < max && op.type == KOP_CREATE);
		ports[count++] = port_of(&op);
		stage_answer(s, &op, 0);
	}
	return count;
}

static void
what_is_young_and_whole_is_committed_first(void **state)
{
	struct stage s = stage_up(stage_cfg());
	unsigned int ports[OLD + NEW + 2];
	struct flow half = tcp_flow_in(1, TCP_SYN_RECV), closing = tcp_flow_in(2, TCP_LAST_ACK);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &half);
	stage_tell(&s, WIRE_CT_NEW, &closing);
	for (unsigned int i = 0; i < OLD; i++) {
		struct flow f = idle_flow(1000 + i, i % 2 == 0 ? 100 : 7200);

		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	for (unsigned int i = 0; i < NEW; i++) {
		struct flow f = tcp_flow(5000 + i);

		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	/* However long it takes to find the peer dead. */
	stage_wait(&s, 25000);
	node_command(s.n, CMD_COMMIT, s.now);
	assert_int_equal(ports_in_order(&s, ports, ARRAY_LEN(ports)), OLD + NEW + 2);
	for (unsigned int i = 0; i < NEW; i++)
		assert_int_equal(ports[i], 5000 + i);
	for (unsigned int i = 0; i < OLD; i++)
		assert_int_equal(ports[NEW + i] % 2, i >= OLD / 2);
	assert_int_equal(ports[NEW + OLD], 1);
	assert_int_equal(ports[NEW + OLD + 1], 2);
	assert_int_equal(stage_committed(&s).total, OLD + NEW + 2);
	stage_down(&s);
}

/* One that waits for its turn and changes is written once; one whose turn is over, at once. */
static void
what_changes_in_a_commit_is_written_as_it_is(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow young = tcp_flow(1), old = idle_flow(2, 7200);
	struct kernel_op first, second;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &old);
	stage_tell(&s, WIRE_CT_NEW, &young);
	node_command(s.n, CMD_COMMIT, s.now);
	first = stage_asked(&s, KOP_CREATE);
	assert_int_equal(port_of(&first), 1);
	old.mark = 7;
	old.has |= HAS_MARK;
	stage_tell(&s, WIRE_CT_UPD, &old);
	second = stage_asked(&s, KOP_CREATE);
	assert_int_equal(port_of(&second), 2);
	assert_int_equal(second.flow.mark, 7);
	stage_answer(&s, &first, 0);
	young.mark = 9;
	young.has |= HAS_MARK;
	stage_tell(&s, WIRE_CT_UPD, &young);
	first = stage_asked(&s, KOP_UPDATE);
	assert_int_equal(first.flow.mark, 9);
	stage_answer(&s, &first, 0);
	stage_answer(&s, &second, 0);
	assert_int_equal(stage_committed(&s).created, 2);
	stage_down(&s);
}

/* Two replicas; the kernel refuses the second with this error, and takes the first. */
static struct stage
taken_over(enum node_cmd cmd, int error)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = tcp_flow(1), b = tcp_flow(2);
	struct kernel_op op;

	stage_tell(&s, WIRE_CT_NEW, &a);
	stage_tell(&s, WIRE_CT_NEW, &b);
	node_command(s.n, cmd, s.now);
	op = stage_asked(&s, KOP_CREATE);
	stage_answer(&s, &op, 0);
	op = stage_asked(&s, KOP_CREATE);
	stage_answer(&s, &op, error);
	return s;
}

static void
what_is_in_the_kernel_is_ours_after_a_takeover(void **state)
{
	struct stage s = taken_over(CMD_TAKE_OVER, EPERM);
	struct flow a = tcp_flow(1), b = tcp_flow(2);

	(void)state;
	assert_int_equal(stage_committed(&s).failed, 1);
	assert_false(stage_has(&s, TABLE_REMOTE, &a, NULL));
	assert_true(stage_has(&s, TABLE_LOCAL, &a, NULL));
	assert_true(stage_has(&s, TABLE_REMOTE, &b, NULL));
	assert_int_equal(node_commit_failure(s.n, false, 0)->error, EPERM);
	assert_int_equal(node_commit_failure(s.n, false, 0)->count, 1);
	assert_true(flow_key_equal(&node_commit_failure(s.n, false, 0)->flow.key, &b.key));
	assert_null(node_commit_failure(s.n, false, 1));
	/* Once more: what is left. */
	node_command(s.n, CMD_TAKE_OVER, s.now);
	stage_refuse(&s, KOP_CREATE, 0);
	assert_int_equal(stage_committed(&s).total, 1);
	assert_false(stage_has(&s, TABLE_REMOTE, &b, NULL));
	assert_null(node_commit_failure(s.n, false, 0));
	stage_down(&s);
}

static void
a_mere_commit_makes_nothing_ours(void **state)
{
	struct stage s = taken_over(CMD_COMMIT, 0);
	struct flow a = tcp_flow(1);

	(void)state;
	assert_int_equal(stage_committed(&s).created, 2);
	assert_true(stage_has(&s, TABLE_REMOTE, &a, NULL));
	stage_down(&s);
}

static void
who_asks_the_peers_meanwhile_keeps_what_they_told(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = tcp_flow(1);
	struct kernel_op op;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &a);
	node_command(s.n, CMD_TAKE_OVER, s.now);
	op = stage_asked(&s, KOP_CREATE);
	node_command(s.n, CMD_COMPARE, s.now);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	assert_true(stage_has(&s, TABLE_REMOTE, &a, NULL));
	stage_down(&s);
}

static void
a_takeover_ends_a_flush_of_the_kernel(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = tcp_flow(1);

	(void)state;
	stage_event(&s, KEV_NEW, false, &a);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	node_command(s.n, CMD_TAKE_OVER, s.now);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	assert_int_equal(stage_committed(&s).total, 0);
	assert_true(stage_has(&s, TABLE_LOCAL, &a, NULL));
	stage_down(&s);
}

static struct commit_tally
rehearsed(struct stage *s)
{
	stage_idle(s);
	assert_int_equal(stage_noted(s, NOTE_REHEARSED), 1);
	s->notices[NOTE_REHEARSED] = 0;
	return s->last[NOTE_REHEARSED].commit;
}

/* One that is free, one that is there, one whose mapping a newer flow has, one that an older one has. */
static void
a_rehearsal_only_asks(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow there = tcp_flow(2), holder = tcp_flow(9), stray = stray_flow(8);
	struct commit_tally t;
	struct kernel_op op;

	(void)state;
	for (unsigned int i = 1; i <= 4; i++) {
		struct flow f = tcp_flow(i);

		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	node_command(s.n, CMD_REHEARSE, s.now);
	for (unsigned int i = 1; i <= 4; i++) {
		op = stage_asked(&s, KOP_GET_REPLY);
		assert_int_equal(port_of(&op), i);
		if (i == 1)
			stage_answer(&s, &op, ENOENT);
		else
			stage_answer_flow(&s, &op, i == 2 ? &there : i == 3 ? &holder : &stray);
	}
	t = rehearsed(&s);
	assert_int_equal(t.total, 4);
	assert_int_equal(t.created, 1);
	assert_int_equal(t.updated, 1);
	assert_int_equal(t.replaced, 1);
	assert_int_equal(t.failed, 1);
	assert_int_equal(node_commit_failure(s.n, true, 0)->error, EEXIST);
	assert_int_equal(get_be16(&node_commit_failure(s.n, true, 0)->flow.key.sport), 3);
	assert_null(node_commit_failure(s.n, false, 0));
	assert_int_equal(node_stats(s.n)->commits, 0);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).active, 0);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).active, 4);
	stage_down(&s);
}

static void
a_commit_cuts_a_rehearsal_short(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = tcp_flow(1);
	struct kernel_op look, op;
	struct commit_tally t;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &a);
	node_command(s.n, CMD_REHEARSE, s.now);
	look = stage_asked(&s, KOP_GET_REPLY);
	node_command(s.n, CMD_COMMIT, s.now);
	assert_int_equal(stage_noted(&s, NOTE_REHEARSED), 1);
	assert_int_equal(s.last[NOTE_REHEARSED].count, 1);
	op = stage_asked(&s, KOP_CREATE);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	/* The answer to the one that was cut short is none to the next. */
	s.notices[NOTE_REHEARSED] = 0;
	node_command(s.n, CMD_REHEARSE, s.now);
	stage_idle(&s);
	stage_answer(&s, &look, ENOENT);
	t = rehearsed(&s);
	assert_int_equal(t.total, 1);
	assert_int_equal(t.created, 0);
	stage_down(&s);
}

/* ---- readiness ---- */

static struct ready_view
ready(struct stage *s)
{
	struct ready_view v;

	node_ready_view(s->n, &v, s->now);
	return v;
}

static void
a_node_alone_is_ready_after_a_while(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct ready_view v = ready(&s);

	(void)state;
	assert_false(v.ready);
	assert_true(v.reasons[READY_ALONE].blocks);
	assert_int_equal(v.at_the_latest_ms, READY_ALONE_MS);
	stage_wait(&s, READY_ALONE_MS - 1);
	assert_false(ready(&s).ready);
	stage_wait(&s, 1);
	v = ready(&s);
	assert_true(v.ready && v.reasons[READY_ALONE].open && !v.reasons[READY_ALONE].blocks);
	assert_int_equal(v.reasons[READY_ALONE].for_ms, READY_ALONE_MS);
	stage_down(&s);
}

static void
a_full_resend_counts_until_it_is_through_or_its_time_is_up(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = tcp_flow(1);
	struct ready_view v;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &a);
	v = ready(&s);
	assert_false(v.ready || v.reasons[READY_ALONE].open);
	assert_true(v.reasons[READY_RESYNC].blocks);
	assert_int_equal(v.reasons[READY_RESYNC].count, 1);
	assert_int_equal(v.reasons[READY_RESYNC].peers, 1);
	/* The peer speaks and acknowledges nothing: it is asked three times, and then it is only said. */
	for (int i = 0; i < 30; i++) {
		stage_wait(&s, 1000);
		stage_tell(&s, WIRE_CT_UPD, &a);
	}
	v = ready(&s);
	assert_true(v.ready && v.reasons[READY_UNANSWERED].open);
	stage_down(&s);
}

static void
a_silent_peer_is_mentioned_and_taken_over_from(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = tcp_flow(1);
	struct ready_view v;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &a);
	stage_wait(&s, 12000);
	v = ready(&s);
	assert_true(v.ready);
	assert_true(v.reasons[READY_SILENT].open && !v.reasons[READY_SILENT].blocks);
	assert_int_equal(v.reasons[READY_SILENT].count, 1);
	assert_int_equal(v.reasons[READY_SILENT].for_ms, 12000);
	assert_true(v.reasons[READY_RESYNC].open && !v.reasons[READY_RESYNC].blocks);
	stage_down(&s);
}

static void
what_the_kernel_did_not_tell_counts_until_it_is_read(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct ready_view v;

	(void)state;
	assert_false(ready(&s).reasons[READY_EVENTS_LOST].open);
	node_kernel_overrun(s.n, s.now);
	v = ready(&s);
	assert_true(v.reasons[READY_EVENTS_LOST].blocks);
	stage_wait(&s, 1000);
	node_kernel_read_begin(s.n, true, s.now);
	assert_true(ready(&s).reasons[READY_EVENTS_LOST].open);
	assert_int_equal(ready(&s).reasons[READY_EVENTS_LOST].for_ms, 1000);
	node_kernel_read_end(s.n, true, s.now);
	stage_idle(&s);
	assert_false(ready(&s).reasons[READY_EVENTS_LOST].open);
	/* One that was cut short does not do. */
	node_kernel_overrun(s.n, s.now);
	node_kernel_read_begin(s.n, true, s.now);
	node_kernel_read_end(s.n, false, s.now);
	stage_idle(&s);
	assert_true(ready(&s).reasons[READY_EVENTS_LOST].open);
	stage_wait(&s, READY_REPAIR_MS);
	v = ready(&s);
	assert_true(v.reasons[READY_EVENTS_LOST].open && !v.reasons[READY_EVENTS_LOST].blocks);
	/* -f internal, and no -R. */
	node_command(s.n, CMD_FLUSH_INTERNAL, s.now);
	assert_true(ready(&s).reasons[READY_FIRST_READ].blocks);
	stage_down(&s);
}

static void
a_flushed_replica_counts_until_the_peers_were_asked(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	assert_true(ready(&s).reasons[READY_FLUSHED].blocks);
	node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	stage_wait(&s, 19000);
	assert_true(ready(&s).reasons[READY_FLUSHED].open);
	stage_wait(&s, 1000);
	assert_false(ready(&s).reasons[READY_FLUSHED].open);
	/* Nobody was asked. */
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	stage_wait(&s, READY_REPAIR_MS);
	assert_true(ready(&s).reasons[READY_FLUSHED].open && !ready(&s).reasons[READY_FLUSHED].blocks);
	stage_down(&s);
}

static void
no_link_and_a_full_table_count(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct ready_view v;
	struct stage s;

	(void)state;
	cfg.limit = 4;
	s = stage_up(cfg);
	for (unsigned int i = 1; i <= 5; i++) {
		struct flow f = tcp_flow(i);

		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	stage_wait(&s, 5000);
	node_link_state(s.n, 0, false, s.now);
	v = ready(&s);
	assert_true(v.reasons[READY_REMOTE_FULL].blocks && v.reasons[READY_NO_LINK].blocks);
	assert_int_equal(v.reasons[READY_REMOTE_FULL].count, 1);
	assert_int_equal(v.at_the_latest_ms, READY_FULL_MS - 5000);
	stage_wait(&s, READY_REPAIR_MS);
	v = ready(&s);
	assert_true(!v.ready && !v.reasons[READY_NO_LINK].blocks);
	assert_int_equal(v.reasons[READY_NO_LINK].for_ms, READY_REPAIR_MS);
	node_link_state(s.n, 0, true, s.now);
	assert_false(ready(&s).reasons[READY_NO_LINK].open);
	stage_down(&s);
}

static struct ready_view
ready_of(const struct stage *s)
{
	struct ready_view v;

	node_ready_view(s->n, &v, s->now);
	return v;
}

/* There is nobody whose flows it could take over. */
static void
who_only_counts_is_always_ready(void **state)
{
	struct stage s = stage_up((struct node_cfg){.mode = MODE_STATS, .limit = 64});
	struct ready_view v = ready_of(&s);

	(void)state;
	assert_true(v.ready);
	for (size_t i = 0; i < READY_REASONS; i++)
		assert_false(v.reasons[i].open);
	stage_down(&s);
}

static void
what_a_full_table_and_a_bulk_keep_back_is_mentioned(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s;

	(void)state;
	cfg.limit = 16;
	s = stage_up(cfg);
	for (unsigned int i = 1; i <= 16; i++) {
		struct flow f = tcp_flow(i);

		stage_event(&s, KEV_NEW, false, &f);
	}
	node_command(s.n, CMD_BULK, s.now);
	assert_false(ready_of(&s).reasons[READY_LOCAL_FULL].open);
	assert_true(ready_of(&s).reasons[READY_BULK].open);
	assert_false(ready_of(&s).reasons[READY_BULK].blocks);
	for (unsigned int i = 17; i <= 20; i++) {
		struct flow f = tcp_flow(i);

		stage_event(&s, KEV_NEW, false, &f);
	}
	assert_true(ready_of(&s).reasons[READY_LOCAL_FULL].open);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_young_and_whole_is_committed_first),
	    cmocka_unit_test(what_changes_in_a_commit_is_written_as_it_is),
	    cmocka_unit_test(what_is_in_the_kernel_is_ours_after_a_takeover),
	    cmocka_unit_test(a_mere_commit_makes_nothing_ours),
	    cmocka_unit_test(who_asks_the_peers_meanwhile_keeps_what_they_told),
	    cmocka_unit_test(a_takeover_ends_a_flush_of_the_kernel),
	    cmocka_unit_test(a_rehearsal_only_asks),
	    cmocka_unit_test(a_commit_cuts_a_rehearsal_short),
	    cmocka_unit_test(a_node_alone_is_ready_after_a_while),
	    cmocka_unit_test(a_full_resend_counts_until_it_is_through_or_its_time_is_up),
	    cmocka_unit_test(a_silent_peer_is_mentioned_and_taken_over_from),
	    cmocka_unit_test(what_the_kernel_did_not_tell_counts_until_it_is_read),
	    cmocka_unit_test(a_flushed_replica_counts_until_the_peers_were_asked),
	    cmocka_unit_test(no_link_and_a_full_table_count),
	    cmocka_unit_test(who_only_counts_is_always_ready),
	    cmocka_unit_test(what_a_full_table_and_a_bulk_keep_back_is_mentioned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
