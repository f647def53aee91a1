/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * removal.c: a replica that died is taken out of the kernel again, where CacheWriteThrough or a
 * commit had written it: what the kernel may answer, and what may happen meanwhile.
 */
#include <errno.h>

#include "stage.h"

/* CacheWriteThrough has written the flow, and the peer says that it is gone: the look at it. */
static struct kernel_op
dying(struct stage *s, const struct flow *f)
{
	struct node_cfg cfg = stage_cfg();

	cfg.write_through = true;
	*s = stage_up(cfg);
	stage_tell(s, WIRE_CT_NEW, f);
	stage_refuse(s, KOP_CREATE, 0);
	assert_true(stage_has(s, TABLE_LOCAL, f, NULL));
	stage_tell(s, WIRE_CT_DEL, f);
	return stage_asked(s, KOP_GET);
}

/* Nothing of the replica is left, and nothing is under way. */
static void
over(struct stage *s)
{
	stage_idle(s);
	assert_int_equal(node_table_view(s->n, TABLE_REMOTE).total, 0);
}

static void
a_dead_replica_leaves_the_kernel_by_its_number(void **state)
{
	struct flow f = tcp_flow(1), there = f;
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	there.has |= HAS_ID;
	there.id = 4711;
	stage_answer_flow(&s, &op, &there);
	op = stage_asked(&s, KOP_DELETE);
	assert_true(op.flow.has & HAS_ID);
	assert_int_equal(op.flow.id, 4711);
	stage_answer(&s, &op, 0);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	over(&s);
	stage_down(&s);
}

static void
what_is_not_there_need_not_be_deleted(void **state)
{
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	stage_answer(&s, &op, ENOENT);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	over(&s);
	stage_down(&s);
}

/* An answer that says nothing, or a refusal, is no reason to delete, nor to think it deleted. */
static void
what_cannot_be_seen_or_deleted_stays(void **state)
{
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	stage_answer(&s, &op, 0);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	over(&s);
	stage_down(&s);
	op = dying(&s, &f);
	stage_answer(&s, &op, EPERM);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	over(&s);
	stage_down(&s);
	op = dying(&s, &f);
	stage_answer_flow(&s, &op, &f);
	stage_refuse(&s, KOP_DELETE, EPERM);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	over(&s);
	stage_down(&s);
}

static void
passing_errors_do_not_keep_it_for_ever(void **state)
{
	static const int errors[] = {EINTR, ETIMEDOUT, EAGAIN, EINTR, ETIMEDOUT};
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	stage_answer(&s, &op, EAGAIN);
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		stage_refuse(&s, KOP_GET, errors[i]);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	over(&s);
	stage_down(&s);
}

/* An event tells its end between the look and the answer, or between the delete and its answer. */
static void
an_end_that_comes_first_needs_no_delete(void **state)
{
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	stage_event(&s, KEV_DESTROY, false, &f);
	stage_answer_flow(&s, &op, &f);
	over(&s);
	stage_down(&s);
	op = dying(&s, &f);
	stage_answer_flow(&s, &op, &f);
	op = stage_asked(&s, KOP_DELETE);
	stage_event(&s, KEV_DESTROY, false, &f);
	stage_answer(&s, &op, ENOENT);
	assert_int_equal(node_stats(s.n)->local_destroyed, 1);
	over(&s);
	stage_down(&s);
}

/* While the copy of a replica that died is on its way out, nobody is told of it. */
static void
a_copy_on_its_way_out_is_not_told(void **state)
{
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	node_command(s.n, CMD_BULK, s.now);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 0);
	stage_answer_flow(&s, &op, &f);
	op = stage_asked(&s, KOP_DELETE);
	node_command(s.n, CMD_BULK, s.now);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 0);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 0);
	over(&s);
	stage_down(&s);
}

/* What went through here meanwhile is no copy of anybody's. */
static void
a_copy_that_was_used_stays_and_is_told(void **state)
{
	struct flow f = tcp_flow(1), there = f;
	struct stage s;
	struct kernel_op op;

	(void)state;
	f.timeout_s = 100;
	op = dying(&s, &f);
	there.timeout_s = 103;
	stage_answer_flow(&s, &op, &there);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	over(&s);
	/* And what ends after that is ours to tell. */
	stage_event(&s, KEV_DESTROY, false, &there);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
	stage_down(&s);
}

/* The peer names the flow again while the kernel is asked: it lives, and must be in the kernel. */
static void
a_flow_that_is_told_again_is_not_deleted(void **state)
{
	struct flow f = tcp_flow(1);

	(void)state;
	for (int error = 0; error <= EAGAIN; error += EAGAIN) {
		struct stage s;
		struct kernel_op op = dying(&s, &f);

		stage_tell(&s, WIRE_CT_NEW, &f);
		stage_idle(&s);
		if (error != 0)
			stage_answer(&s, &op, error);
		else
			stage_answer_flow(&s, &op, &f);
		stage_refuse(&s, KOP_UPDATE, 0);
		stage_idle(&s);
		assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
		assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
		stage_down(&s);
	}
}

/* A delete that is under way cannot be called back: the flow is created once more. */
static void
a_flow_that_is_told_again_too_late_is_created_again(void **state)
{
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	stage_answer_flow(&s, &op, &f);
	op = stage_asked(&s, KOP_DELETE);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_idle(&s);
	stage_answer(&s, &op, 0);
	stage_refuse(&s, KOP_CREATE, 0);
	stage_idle(&s);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
	/* Nor is it said twice, should the kernel have had no time for it. */
	op = dying(&s, &f);
	stage_answer_flow(&s, &op, &f);
	op = stage_asked(&s, KOP_DELETE);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_idle(&s);
	stage_answer(&s, &op, EAGAIN);
	stage_refuse(&s, KOP_UPDATE, 0);
	stage_idle(&s);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
}

/* -f external forgets the replica, and its tuple's place goes to another. */
static void
a_flushed_replica_is_removed_and_its_successor_is_not(void **state)
{
	struct flow f = tcp_flow(1), next = tcp_flow(2);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	stage_tell(&s, WIRE_CT_NEW, &next);
	stage_refuse(&s, KOP_CREATE, 0);
	stage_tell(&s, WIRE_CT_DEL, &next);
	stage_answer_flow(&s, &op, &f);
	stage_refuse(&s, KOP_DELETE, 0);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	assert_true(stage_has(&s, TABLE_LOCAL, &next, NULL));
	/* It is dead as well, and its own look at it is still to be answered. */
	op = stage_asked(&s, KOP_GET);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 1);
	stage_answer(&s, &op, ENOENT);
	over(&s);
	stage_down(&s);
}

/* It dies while it is written: nothing may be taken out before the last write is answered. */
static void
a_replica_is_removed_after_its_last_write(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1), newer = tcp_flow_in(1, TCP_FIN_WAIT);
	struct kernel_op first, second;
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	first = stage_asked(&s, KOP_CREATE);
	stage_tell(&s, WIRE_CT_UPD, &newer);
	/* What is in the kernel then only the answer tells. */
	stage_idle(&s);
	stage_answer(&s, &first, 0);
	second = stage_asked(&s, KOP_UPDATE);
	stage_tell(&s, WIRE_CT_DEL, &f);
	stage_idle(&s);
	stage_answer(&s, &second, EPERM);
	/* First what the refusal makes us look at. */
	stage_refuse(&s, KOP_GET, EPERM);
	stage_refuse(&s, KOP_GET, ENOENT);
	over(&s);
	stage_down(&s);
	/* The answer comes before anybody has looked at the queue. */
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	first = stage_asked(&s, KOP_CREATE);
	stage_tell(&s, WIRE_CT_DEL, &f);
	stage_answer(&s, &first, 0);
	stage_refuse(&s, KOP_GET, ENOENT);
	over(&s);
	stage_down(&s);
}

/* It dies before the kernel has it, or after it has gone on by itself: nothing is asked. */
static void
what_never_was_there_or_lives_there_is_not_asked_for(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_tell(&s, WIRE_CT_DEL, &f);
	over(&s);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_refuse(&s, KOP_CREATE, 0);
	stage_event(&s, KEV_UPDATE, false, &f);
	stage_tell(&s, WIRE_CT_DEL, &f);
	over(&s);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
}

/* ALARM: its time runs out while the kernel is asked about it; it is looked after already. */
static void
a_dead_replica_does_not_expire_as_well(void **state)
{
	struct node_cfg cfg = alarm_cfg();
	struct flow f = tcp_flow(1);
	struct kernel_op op;
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_refuse(&s, KOP_CREATE, 0);
	stage_tell(&s, WIRE_CT_DEL, &f);
	op = stage_asked(&s, KOP_GET);
	stage_wait(&s, 25 * 1000);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 1);
	stage_answer(&s, &op, ENOENT);
	over(&s);
	stage_down(&s);
}

/* Between the look and the delete an event tells that packets come through here. */
static void
a_copy_that_packets_reach_before_its_delete_stays(void **state)
{
	struct flow f = tcp_flow(1);
	struct stage s;
	struct kernel_op op = dying(&s, &f);

	(void)state;
	stage_answer_flow(&s, &op, &f);
	stage_event(&s, KEV_UPDATE, false, &f);
	stage_idle(&s);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 0);
	over(&s);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dead_replica_leaves_the_kernel_by_its_number),
	    cmocka_unit_test(what_is_not_there_need_not_be_deleted),
	    cmocka_unit_test(what_cannot_be_seen_or_deleted_stays),
	    cmocka_unit_test(passing_errors_do_not_keep_it_for_ever),
	    cmocka_unit_test(an_end_that_comes_first_needs_no_delete),
	    cmocka_unit_test(a_copy_on_its_way_out_is_not_told),
	    cmocka_unit_test(a_copy_that_packets_reach_before_its_delete_stays),
	    cmocka_unit_test(a_copy_that_was_used_stays_and_is_told),
	    cmocka_unit_test(a_flow_that_is_told_again_is_not_deleted),
	    cmocka_unit_test(a_flow_that_is_told_again_too_late_is_created_again),
	    cmocka_unit_test(a_flushed_replica_is_removed_and_its_successor_is_not),
	    cmocka_unit_test(a_replica_is_removed_after_its_last_write),
	    cmocka_unit_test(what_never_was_there_or_lives_there_is_not_asked_for),
	    cmocka_unit_test(a_dead_replica_does_not_expire_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
