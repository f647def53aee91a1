/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers.c: what the kernel may answer when a replica is written to it or taken out again.
 */
#include <errno.h>

#include "stage.h"

static struct node_cfg
through_cfg(void)
{
	struct node_cfg cfg = stage_cfg();

	cfg.write_through = true;
	return cfg;
}

/* A commit has begun to write this flow of the peer: its first request. */
static struct kernel_op
begun(struct stage *s, const struct flow *f, enum kernel_op_type type)
{
	stage_tell(s, WIRE_CT_NEW, f);
	node_command(s->n, CMD_COMMIT, s->now);
	return stage_asked(s, type);
}

/* The commit has ended with this one flow not written, for this reason. */
static void
failed(struct stage *s, int error)
{
	struct commit_tally tally = stage_committed(s);

	assert_int_equal(tally.failed, 1);
	assert_int_equal(tally.created + tally.updated + tally.replaced, 0);
	assert_int_equal(stage_noted(s, NOTE_COMMIT_ERROR), 1);
	assert_int_equal(s->last[NOTE_COMMIT_ERROR].error, error);
}

static void
a_second_order_joins_the_commit_that_runs(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);
	struct kernel_op op = begun(&s, &f, KOP_CREATE);

	(void)state;
	assert_int_equal(node_command(s.n, CMD_COMMIT, s.now), CMD_PENDING);
	stage_idle(&s);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).total, 1);
	assert_int_equal(node_stats(s.n)->commits, 1);
	stage_down(&s);
}

static uint32_t
committed_timeout(struct stage *s, enum kernel_op_type type)
{
	struct kernel_op op;

	node_command(s->n, CMD_COMMIT, s->now);
	op = stage_asked(s, type);
	stage_answer(s, &op, 0);
	stage_committed(s);
	return op.flow.timeout_s;
}

static void
the_timeout_of_a_replica_is_what_is_left_of_it(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	f.timeout_s = 100;
	/* Of an assured one the kernel would be asked from time to time. */
	f.status &= ~(uint32_t)ST_ASSURED;
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_wait(&s, 30 * 1000);
	assert_int_equal(committed_timeout(&s, KOP_CREATE), 70);
	/* Had it ended, that would have been told. */
	stage_wait(&s, 70 * 1000);
	assert_int_equal(committed_timeout(&s, KOP_UPDATE), 100);
	/* What nobody told is the kernel's default. */
	f.timeout_s = 0;
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_int_equal(committed_timeout(&s, KOP_UPDATE), 432000);
	f.has &= ~(uint32_t)HAS_TIMEOUT;
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_int_equal(committed_timeout(&s, KOP_UPDATE), 432000);
	stage_down(&s);
}

static void
a_timeout_for_committed_flows_is_that_of_all(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.commit_timeout_s = 77;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_int_equal(committed_timeout(&s, KOP_CREATE), 77);
	/* The flow's own is told all the same: the peer may have been told nothing of this. */
	f = tcp_flow(2);
	stage_event(&s, KEV_NEW, false, &f);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, &f), 1);
	assert_int_equal(f.timeout_s, 432000);
	stage_down(&s);
}

static void
each_refusal_costs_the_attribute_it_speaks_of(void **state)
{
	const uint32_t master = HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	const uint32_t all = HAS_HELPER | HAS_LABELS | HAS_SEQADJ | HAS_SYNPROXY | master;
	const struct {
		int error;
		uint32_t has, costs;
	} rows[] = {
	    {ENOENT, all, master},
	    {EOPNOTSUPP, all, HAS_HELPER},
	    {ENOMEM, all, HAS_HELPER},
	    {ENOMEM, all & ~HAS_HELPER, HAS_LABELS},
	    {ERANGE, all, HAS_LABELS},
	    {ENOSPC, all, HAS_LABELS},
	    {EINVAL, all, HAS_LABELS},
	    {EINVAL, all & ~HAS_LABELS, HAS_SEQADJ | HAS_SYNPROXY},
	    /* Nothing that it could cost: the flow itself. */
	    {EPERM, all, 0},
	    {ENOENT, all & ~master, 0},
	    {ENOSPC, all & ~HAS_LABELS, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage s = stage_up(stage_cfg());
		struct flow f = tcp_flow(1);
		struct commit_tally tally;
		struct kernel_op op;

		f.has |= rows[i].has;
		f.status |= ST_HELPER;
		strcpy(f.rare.helper, "ftp");
		f.rare.labels[0] = 1;
		f.rare.master = tcp_flow(2).key;
		op = begun(&s, &f, KOP_CREATE);
		assert_int_equal(op.flow.has & all, rows[i].has);
		stage_answer(&s, &op, rows[i].error);
		if (rows[i].costs == 0) {
			failed(&s, rows[i].error);
			stage_down(&s);
			continue;
		}
		op = stage_asked(&s, KOP_CREATE);
		if ((op.flow.has & all) != (rows[i].has & ~rows[i].costs))
			fail_msg("row %zu", i);
		assert_int_equal(
		    op.flow.status & ST_HELPER, rows[i].costs & HAS_HELPER ? 0 : ST_HELPER);
		stage_answer(&s, &op, 0);
		tally = stage_committed(&s);
		assert_int_equal(tally.created, 1);
		assert_int_equal(tally.degraded, 1);
		stage_down(&s);
	}
}

static void
passing_errors_are_not_tried_for_ever(void **state)
{
	static const int errors[] = {EAGAIN, EINTR, ETIMEDOUT, EAGAIN, EINTR, ETIMEDOUT};
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		stage_refuse(&s, KOP_CREATE, errors[i]);
	failed(&s, ETIMEDOUT);
	stage_down(&s);
}

/* The kernel reported the flow, and the peer something newer of it: a request to update it. */
static struct kernel_op
updating(struct stage *s)
{
	struct flow f = tcp_flow(1), newer = tcp_flow_in(1, TCP_FIN_WAIT);

	newer.has |= HAS_LABELS;
	stage_event(s, KEV_NEW, false, &f);
	stage_wait(s, 1000);
	return begun(s, &newer, KOP_UPDATE);
}

/* The kernel's entry has come further than we know: it is looked at, and judged anew. */
static void
an_update_that_may_not_clear_a_status_looks_first(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op = updating(&s);
	struct flow kernel = op.flow;

	(void)state;
	stage_answer(&s, &op, EBUSY);
	op = stage_asked(&s, KOP_GET);
	kernel.status |= ST_SEEN_REPLY | ST_ASSURED | ST_HELPER;
	kernel.has |= HAS_STATUS | HAS_REPLY | HAS_ID;
	kernel.id = 77;
	stage_answer_flow(&s, &op, &kernel);
	op = stage_asked(&s, KOP_UPDATE);
	assert_int_equal(op.flow.status & (ST_SEEN_REPLY | ST_ASSURED), ST_SEEN_REPLY | ST_ASSURED);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).updated, 1);
	assert_true(stage_has(&s, TABLE_LOCAL, &op.flow, &kernel));
	assert_true(kernel.status & ST_HELPER);
	stage_down(&s);

	/* If it was not the status, that ends, too. */
	s = stage_up(stage_cfg());
	op = updating(&s);
	kernel = op.flow;
	kernel.has |= HAS_STATUS | HAS_REPLY;
	for (int i = 0; i < 5; i++) {
		stage_answer(&s, &op, EBUSY);
		op = stage_asked(&s, KOP_GET);
		stage_answer_flow(&s, &op, &kernel);
		op = stage_asked(&s, KOP_UPDATE);
	}
	stage_answer(&s, &op, EBUSY);
	stage_refuse(&s, KOP_GET, EPERM);
	failed(&s, EBUSY);
	assert_true(stage_has(&s, TABLE_LOCAL, &op.flow, NULL));
	stage_down(&s);
}

static void
an_update_that_finds_nothing_or_too_much_is_tried_otherwise(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op = updating(&s);

	(void)state;
	stage_answer(&s, &op, EINTR);
	op = stage_asked(&s, KOP_UPDATE);
	assert_true(op.flow.has & HAS_LABELS);
	stage_answer(&s, &op, ERANGE);
	op = stage_asked(&s, KOP_UPDATE);
	assert_false(op.flow.has & HAS_LABELS);
	stage_answer(&s, &op, ENOENT);
	stage_refuse(&s, KOP_CREATE, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	stage_down(&s);
}

/* An update is refused for good, and a look shows that the entry is not there: our picture goes. */
static void
an_entry_that_cannot_be_updated_is_looked_at(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op = updating(&s);

	(void)state;
	assert_true(stage_has(&s, TABLE_LOCAL, &op.flow, NULL));
	stage_answer(&s, &op, EPERM);
	stage_refuse(&s, KOP_GET, ENOENT);
	failed(&s, EPERM);
	assert_false(stage_has(&s, TABLE_LOCAL, &op.flow, NULL));
	stage_down(&s);

	/* Unless an event has told so meanwhile. */
	s = stage_up(stage_cfg());
	op = updating(&s);
	stage_sent(&s, WIRE_CTL, NULL);
	stage_event(&s, KEV_DESTROY, false, &op.flow);
	stage_answer(&s, &op, EPERM);
	failed(&s, EPERM);
	stage_down(&s);
}

/* Somebody has the tuple, but the look at it fails. */
static void
a_look_that_fails_fails_the_flow(void **state)
{
	static const struct {
		int answer, reason;
	} rows[] = {{EPERM, EPERM}, {0, EEXIST}};
	struct flow f = tcp_flow(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage s = stage_up(stage_cfg());
		struct kernel_op op = begun(&s, &f, KOP_CREATE);

		stage_answer(&s, &op, EEXIST);
		stage_refuse(&s, KOP_GET, rows[i].answer);
		failed(&s, rows[i].reason);
		stage_down(&s);
		s = stage_up(stage_cfg());
		op = begun(&s, &f, KOP_CREATE);
		stage_answer(&s, &op, EEXIST);
		stage_refuse(&s, KOP_GET, ENOENT);
		stage_refuse(&s, KOP_GET_REPLY, rows[i].answer);
		failed(&s, rows[i].reason);
		stage_down(&s);
	}
}

/* Whoever it is, he is gone whenever one looks. */
static void
a_holder_that_is_never_there_is_not_looked_for_for_ever(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	for (int i = 0; i < 5; i++) {
		stage_refuse(&s, KOP_CREATE, EEXIST);
		stage_refuse(&s, KOP_GET, ENOENT);
		stage_refuse(&s, KOP_GET_REPLY, ENOENT);
	}
	stage_refuse(&s, KOP_CREATE, EEXIST);
	failed(&s, EEXIST);
	stage_down(&s);
}

/* Another flow that has the reply tuple of tcp_flow(1). */
static struct flow
holder(void)
{
	struct flow f = tcp_flow(1);

	f.key.src.b[3] = 77;
	f.has |= HAS_ID;
	f.id = 4;
	return f;
}

/* The flow could not be created for this holder's sake; what is asked for then. */
static void
held(struct stage *s, const struct kernel_op *create, const struct flow *other)
{
	struct kernel_op op;

	stage_answer(s, create, EEXIST);
	stage_refuse(s, KOP_GET, ENOENT);
	op = stage_asked(s, KOP_GET_REPLY);
	stage_answer_flow(s, &op, other);
}

static void
a_holder_that_is_older_makes_way_and_its_end_is_told(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = holder();
	struct kernel_op op;

	(void)state;
	stage_event(&s, KEV_NEW, false, &other);
	stage_wait(&s, 1000);
	op = begun(&s, &f, KOP_CREATE);
	held(&s, &op, &other);
	op = stage_asked(&s, KOP_REPLACE);
	assert_true(flow_key_equal(&op.victim, &other.key));
	assert_int_equal(op.victim_id, 4);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).replaced, 1);
	assert_false(stage_has(&s, TABLE_LOCAL, &other, NULL));
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, &op.flow), 1);
	assert_true(flow_key_equal(&op.flow.key, &other.key));
	stage_down(&s);
}

/* Its number says that it is not the one that we know: nothing is known of its age. */
static void
a_holder_that_is_not_the_flow_we_know_stays(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = holder();
	struct kernel_op op;

	(void)state;
	stage_event(&s, KEV_NEW, false, &other);
	stage_wait(&s, 1000);
	op = begun(&s, &f, KOP_CREATE);
	other.id = 5;
	held(&s, &op, &other);
	failed(&s, EEXIST);
	stage_down(&s);

	/* Without one it is taken for the one we know. */
	s = stage_up(stage_cfg());
	other = holder();
	stage_event(&s, KEV_NEW, false, &other);
	stage_wait(&s, 1000);
	op = begun(&s, &f, KOP_CREATE);
	other.has &= ~(uint32_t)HAS_ID;
	held(&s, &op, &other);
	stage_refuse(&s, KOP_REPLACE, 0);
	assert_int_equal(stage_committed(&s).replaced, 1);
	stage_down(&s);
}

/* The end of an earlier one is still to be acknowledged: neither does that say anything. */
static void
a_holder_whose_predecessor_has_ended_stays_if_it_is_two_way(void **state)
{
	struct flow f = tcp_flow(1);

	(void)state;
	for (int stray = 0; stray < 2; stray++) {
		struct stage s = stage_up(stage_cfg());
		struct flow other = holder();
		struct kernel_op op;

		stage_tell(&s, WIRE_CT_NEW, &f);
		stage_event(&s, KEV_NEW, false, &other);
		assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
		stage_event(&s, KEV_DESTROY, false, &other);
		assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 1);
		op = begun(&s, &f, KOP_CREATE);
		if (stray)
			other.status = ST_CONFIRMED;
		held(&s, &op, &other);
		if (stray) {
			stage_refuse(&s, KOP_REPLACE, 0);
			assert_int_equal(stage_committed(&s).replaced, 1);
			/* It ended before: once is enough. */
			assert_int_equal(node_stats(s.n)->local_destroyed, 1);
		} else {
			failed(&s, EEXIST);
		}
		stage_down(&s);
	}
}

/* After -f internal nothing is known of anybody: it was there, that is all. */
static void
a_holder_that_a_flush_made_us_forget_makes_way(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = holder();
	struct kernel_op op;

	(void)state;
	node_command(s.n, CMD_FLUSH_INTERNAL, s.now);
	op = begun(&s, &f, KOP_CREATE);
	held(&s, &op, &other);
	stage_refuse(&s, KOP_REPLACE, 0);
	assert_int_equal(stage_committed(&s).replaced, 1);
	stage_down(&s);
}

/* Its second half failed; the first may have deleted what was in the way. */
static void
after_half_a_replacement_both_flows_are_looked_at(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = holder();
	struct kernel_op op;

	(void)state;
	stage_event(&s, KEV_NEW, false, &other);
	stage_wait(&s, 1000);
	op = begun(&s, &f, KOP_CREATE);
	held(&s, &op, &other);
	stage_refuse(&s, KOP_REPLACE, EPERM);
	op = stage_asked(&s, KOP_GET);
	assert_true(flow_key_equal(&op.flow.key, &other.key));
	stage_answer(&s, &op, ENOENT);
	failed(&s, EPERM);
	assert_false(stage_has(&s, TABLE_LOCAL, &other, NULL));
	stage_down(&s);

	/* With one flow on the tuple there is only one to look at. */
	s = stage_up(stage_cfg());
	f.reply.dst.b[3] = 99;
	other = stray_flow(1);
	stage_event(&s, KEV_NEW, false, &other);
	op = begun(&s, &f, KOP_GET);
	stage_answer_flow(&s, &op, &other);
	stage_refuse(&s, KOP_REPLACE, EPERM);
	op = stage_asked(&s, KOP_GET);
	assert_true(flow_key_equal(&op.flow.key, &f.key));
	stage_answer_flow(&s, &op, &other);
	failed(&s, EPERM);
	assert_true(stage_has(&s, TABLE_LOCAL, &other, NULL));
	stage_down(&s);
}

/* What our table says of the kernel's entry may be old: events are lost, or still unread. */
static void
an_entry_that_has_come_alive_unseen_is_not_replaced(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), alive = stray_flow(1);
	struct kernel_op op;

	(void)state;
	f.reply.dst.b[3] = 99;
	stage_event(&s, KEV_NEW, false, &alive);
	stage_wait(&s, 1000);
	op = begun(&s, &f, KOP_GET);
	alive.status |= ST_SEEN_REPLY | ST_ASSURED;
	alive.l4.tcp.state = TCP_ESTABLISHED;
	stage_answer_flow(&s, &op, &alive);
	assert_int_equal(stage_committed(&s).current, 1);
	stage_idle(&s);
	stage_down(&s);
}

/* Where every slot is taken, the next read of the table will tell. */
static void
without_a_slot_half_a_replacement_is_not_looked_at(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = holder();
	struct kernel_op op;

	(void)state;
	stage_event(&s, KEV_NEW, false, &other);
	stage_wait(&s, 1000);
	op = begun(&s, &f, KOP_CREATE);
	for (unsigned int i = 2; i <= 256; i++) {
		struct flow more = tcp_flow(i);

		stage_tell(&s, WIRE_CT_NEW, &more);
		stage_asked(&s, KOP_CREATE);
	}
	stage_idle(&s);
	held(&s, &op, &other);
	op = stage_asked(&s, KOP_REPLACE);
	stage_event(&s, KEV_NEW, false, &f);
	stage_answer(&s, &op, EPERM);
	/* The one slot that this has freed is for its own tuple. */
	op = stage_asked(&s, KOP_GET);
	assert_true(flow_key_equal(&op.flow.key, &f.key));
	stage_idle(&s);
	assert_true(stage_has(&s, TABLE_LOCAL, &other, NULL));
	stage_down(&s);
}

/* Ten of them say enough; all of them are counted. */
static void
a_commit_that_fails_throughout_does_not_fill_the_log(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	for (unsigned int i = 1; i <= 12; i++) {
		struct flow f = tcp_flow(i);

		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	for (int commits = 1; commits <= 2; commits++) {
		node_command(s.n, CMD_COMMIT, s.now);
		for (unsigned int i = 1; i <= 12; i++)
			stage_refuse(&s, KOP_CREATE, EPERM);
		assert_int_equal(stage_committed(&s).failed, 12);
		assert_int_equal(stage_noted(&s, NOTE_COMMIT_ERROR), 10 * commits);
	}
	stage_down(&s);
}

static void
what_the_filter_leaves_out_is_committed_all_the_same(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct kernel_op op;
	struct stage s;

	(void)state;
	cfg.filter.proto_polarity = FILTER_IGNORE;
	filter_proto_add(&cfg.filter, L4_TCP);
	s = stage_up(cfg);
	op = begun(&s, &f, KOP_CREATE);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
}

static void
a_full_local_table_does_not_stop_a_commit(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1), own = tcp_flow(2);
	struct kernel_op op;
	struct stage s;

	(void)state;
	cfg.limit = 1;
	s = stage_up(cfg);
	stage_event(&s, KEV_NEW, false, &own);
	op = begun(&s, &f, KOP_CREATE);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	assert_int_equal(stage_noted(&s, NOTE_LOCAL_FULL), 1);
	assert_true(stage_has(&s, TABLE_LOCAL, &own, NULL));
	stage_down(&s);
}

/* -f external while CacheWriteThrough writes: the answer concerns none that has the place now. */
static void
an_answer_about_a_flushed_replica_is_none_about_its_successor(void **state)
{
	struct stage s = stage_up(through_cfg());
	struct flow f = tcp_flow(1), next = tcp_flow(2);
	struct kernel_op op, second;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	op = stage_asked(&s, KOP_CREATE);
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	stage_tell(&s, WIRE_CT_NEW, &next);
	second = stage_asked(&s, KOP_CREATE);
	assert_true(flow_key_equal(&second.flow.key, &next.key));
	stage_answer(&s, &op, 0);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	assert_false(stage_has(&s, TABLE_LOCAL, &next, NULL));
	assert_true(stage_has(&s, TABLE_REMOTE, &next, NULL));
	/* The successor dies; only its own write is waited for. */
	stage_tell(&s, WIRE_CT_DEL, &next);
	stage_idle(&s);
	stage_answer(&s, &second, 0);
	op = stage_asked(&s, KOP_GET);
	assert_true(flow_key_equal(&op.flow.key, &next.key));
	stage_down(&s);
	/* And it has been answered, when that of the first has not. */
	s = stage_up(through_cfg());
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_asked(&s, KOP_CREATE);
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	stage_tell(&s, WIRE_CT_NEW, &next);
	stage_refuse(&s, KOP_CREATE, 0);
	stage_tell(&s, WIRE_CT_DEL, &next);
	op = stage_asked(&s, KOP_GET);
	assert_true(flow_key_equal(&op.flow.key, &next.key));
	stage_down(&s);
}

/* Neither does a holder's age mean anything beside it. */
static void
a_flushed_replica_moves_no_holder(void **state)
{
	struct stage s = stage_up(through_cfg());
	struct flow f = tcp_flow(1), next = tcp_flow(2), other = holder();
	struct kernel_op op;

	(void)state;
	stage_event(&s, KEV_NEW, false, &other);
	stage_wait(&s, 1000);
	stage_tell(&s, WIRE_CT_NEW, &f);
	op = stage_asked(&s, KOP_CREATE);
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	stage_tell(&s, WIRE_CT_NEW, &next);
	stage_refuse(&s, KOP_CREATE, 0);
	held(&s, &op, &other);
	stage_idle(&s);
	assert_int_equal(node_stats(s.n)->commit_failed, 1);
	assert_int_equal(node_stats(s.n)->commit_replaced, 0);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_second_order_joins_the_commit_that_runs),
	    cmocka_unit_test(the_timeout_of_a_replica_is_what_is_left_of_it),
	    cmocka_unit_test(a_timeout_for_committed_flows_is_that_of_all),
	    cmocka_unit_test(each_refusal_costs_the_attribute_it_speaks_of),
	    cmocka_unit_test(passing_errors_are_not_tried_for_ever),
	    cmocka_unit_test(an_update_that_may_not_clear_a_status_looks_first),
	    cmocka_unit_test(an_update_that_finds_nothing_or_too_much_is_tried_otherwise),
	    cmocka_unit_test(an_entry_that_cannot_be_updated_is_looked_at),
	    cmocka_unit_test(a_look_that_fails_fails_the_flow),
	    cmocka_unit_test(a_holder_that_is_never_there_is_not_looked_for_for_ever),
	    cmocka_unit_test(a_holder_that_is_older_makes_way_and_its_end_is_told),
	    cmocka_unit_test(a_holder_that_is_not_the_flow_we_know_stays),
	    cmocka_unit_test(a_holder_whose_predecessor_has_ended_stays_if_it_is_two_way),
	    cmocka_unit_test(a_holder_that_a_flush_made_us_forget_makes_way),
	    cmocka_unit_test(after_half_a_replacement_both_flows_are_looked_at),
	    cmocka_unit_test(an_entry_that_has_come_alive_unseen_is_not_replaced),
	    cmocka_unit_test(without_a_slot_half_a_replacement_is_not_looked_at),
	    cmocka_unit_test(a_commit_that_fails_throughout_does_not_fill_the_log),
	    cmocka_unit_test(what_the_filter_leaves_out_is_committed_all_the_same),
	    cmocka_unit_test(a_full_local_table_does_not_stop_a_commit),
	    cmocka_unit_test(an_answer_about_a_flushed_replica_is_none_about_its_successor),
	    cmocka_unit_test(a_flushed_replica_moves_no_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
