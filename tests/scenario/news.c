/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * news.c: what the kernel tells, in every order: events of others' and of our own writes, the reads
 * of its table, and what has no room.
 */
#include <errno.h>

#include "stage.h"

static struct flow
numbered(unsigned int i, uint32_t id)
{
	struct flow f = tcp_flow(i);

	f.has |= HAS_ID;
	f.id = id;
	return f;
}

/* A node whose flow 1 the peers have heard of. */
static struct stage
told(struct node_cfg cfg, const struct flow *f)
{
	struct stage s = stage_up(cfg);

	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_event(&s, KEV_NEW, false, f);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	return s;
}

static void
a_read(struct stage *s, bool announce, const struct flow *f)
{
	node_kernel_read_begin(s->n, announce, s->now);
	if (f != NULL)
		node_kernel_read_flow(s->n, f, s->now);
	node_kernel_read_end(s->n, true, s->now);
}

static void
an_event_without_a_whole_tuple_is_counted_and_left(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	f.has &= ~(uint32_t)HAS_PORTS;
	stage_event(&s, KEV_NEW, false, &f);
	assert_int_equal(node_stats(s.n)->kernel_incomplete, 1);
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_flow(s.n, &f, s.now);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 0);
	stage_down(&s);
}

static void
what_the_filter_leaves_out_is_neither_entered_nor_ended(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.filter.proto_polarity = FILTER_IGNORE;
	filter_proto_add(&cfg.filter, L4_TCP);
	s = stage_up(cfg);
	stage_event(&s, KEV_NEW, false, &f);
	stage_event(&s, KEV_DESTROY, false, &f);
	assert_int_equal(node_stats(s.n)->kernel_filtered, 2);
	a_read(&s, true, &f);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 0);
	assert_int_equal(node_stats(s.n)->local_destroy_failed, 0);
	stage_down(&s);
}

static void
an_event_without_a_timeout_leaves_the_one_we_know(void **state)
{
	struct flow f = tcp_flow(1), got;
	struct stage s = told(stage_cfg(), &f);

	(void)state;
	f.has &= ~(uint32_t)HAS_TIMEOUT;
	f.timeout_s = 0;
	stage_event(&s, KEV_UPDATE, false, &f);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, &got));
	assert_int_equal(got.timeout_s, 432000);
	stage_down(&s);
}

static void
a_flow_ends_once(void **state)
{
	struct flow f = numbered(1, 7), over = tcp_flow_in(1, TCP_TIME_WAIT);
	struct stage s = told(stage_cfg(), &f);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &over);
	stage_event(&s, KEV_DESTROY, false, &f);
	stage_event(&s, KEV_DESTROY, false, &f);
	assert_int_equal(node_stats(s.n)->local_destroyed, 1);
	assert_int_equal(node_stats(s.n)->local_destroy_failed, 1);
	/* Nor does the peer's word end it again. */
	stage_tell(&s, WIRE_CT_DEL, &over);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 1);
	stage_down(&s);
}

/* Numbers that are not known, or zero, tell no flows apart. */
static void
an_end_without_a_number_ends_what_has_the_tuple(void **state)
{
	static const struct {
		bool known_has, has;
		uint32_t known, id;
		bool ends;
	} rows[] = {
	    {true, true, 7, 7, true},
	    {true, true, 7, 8, false},
	    {true, false, 7, 0, true},
	    {false, false, 0, 0, true},
	    {false, true, 0, 8, true},
	    {false, true, 0, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow f = numbered(1, rows[i].known);
		struct stage s;

		if (!rows[i].known_has)
			f.has &= ~(uint32_t)HAS_ID;
		s = told(stage_cfg(), &f);
		f = numbered(1, rows[i].id);
		if (!rows[i].has)
			f.has &= ~(uint32_t)HAS_ID;
		stage_event(&s, KEV_DESTROY, false, &f);
		if ((stage_sent(&s, WIRE_CT_DEL, NULL) > 0) != rows[i].ends)
			fail_msg("row %zu", i);
		stage_down(&s);
	}
}

/* The kernel reports our own deletes and the first halves of our replacements, too.  With no word of a
 * second half, a flow has ended. */
static void
an_own_delete_ends_only_the_flow_of_its_number(void **state)
{
	struct flow f = numbered(1, 7), other = numbered(1, 8), unknown = numbered(2, 7);
	struct stage s = told(stage_cfg(), &f);

	(void)state;
	stage_event(&s, KEV_DESTROY, true, &unknown);
	stage_event(&s, KEV_DESTROY, true, &other);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_event(&s, KEV_DESTROY, true, &f);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
	stage_down(&s);
	/* What we know without a number is the second half. */
	f.has &= ~(uint32_t)HAS_ID;
	f.id = 0;
	s = told(stage_cfg(), &f);
	stage_event(&s, KEV_DESTROY, true, &other);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	/* And an end that is being told is told. */
	stage_event(&s, KEV_DESTROY, false, &f);
	stage_event(&s, KEV_DESTROY, true, &f);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
	stage_down(&s);
}

/* What a commit wrote has no number yet; a zero in an event is not the one of what it replaced. */
static void
a_number_of_zero_is_not_that_of_a_replaced_flow(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), got;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_refuse(&s, KOP_CREATE, 0);
	f = numbered(1, 0);
	f.l4.tcp.state = TCP_FIN_WAIT;
	stage_event(&s, KEV_UPDATE, false, &f);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, &got));
	assert_int_equal(got.l4.tcp.state, TCP_FIN_WAIT);
	assert_int_equal(node_stats(s.n)->kernel_stale_event, 0);
	stage_down(&s);
}

static void
a_full_table_refuses_whatever_brings_the_flow(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1), more = tcp_flow(2);
	struct stage s;

	(void)state;
	cfg.limit = 1;
	s = told(cfg, &f);
	stage_event(&s, KEV_NEW, false, &more);
	stage_event(&s, KEV_NEW, true, &more);
	node_kernel_read_begin(s.n, true, s.now);
	node_kernel_read_flow(s.n, &more, s.now);
	assert_int_equal(node_stats(s.n)->local_full, 3);
	/* An end that we have no room for is one that nobody hears of. */
	stage_event(&s, KEV_DESTROY, false, &more);
	assert_int_equal(node_stats(s.n)->local_destroyed, 0);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 1);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
}

/* What ended while the table is read keeps its place only as long as nobody needs it. */
static void
the_place_of_what_ended_during_a_read_is_given_away(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow a = tcp_flow(1), b = tcp_flow(2), c = tcp_flow(3);
	struct stage s;

	(void)state;
	cfg.limit = 2;
	s = stage_up(cfg);
	node_kernel_read_begin(s.n, false, s.now);
	stage_event(&s, KEV_NEW, false, &a);
	stage_event(&s, KEV_NEW, false, &b);
	stage_event(&s, KEV_DESTROY, false, &a);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 2);
	stage_event(&s, KEV_NEW, false, &c);
	assert_true(stage_has(&s, TABLE_LOCAL, &b, NULL));
	assert_true(stage_has(&s, TABLE_LOCAL, &c, NULL));
	assert_int_equal(node_stats(s.n)->local_full, 0);
	stage_down(&s);
}

/* ResendQueueSize deletes wait to be acknowledged; of more, the oldest goes, which is told once. */
static void
more_deletes_than_the_resend_queue_holds_cost_the_oldest(void **state)
{
	struct node_cfg cfg = stage_cfg();

	(void)state;
	cfg.resend_queue = 2;
	for (int listener = 0; listener < 2; listener++) {
		struct stage s = stage_up(cfg);

		if (listener)
			stage_say(&s, WIRE_ALIVE, 0, 0);
		for (unsigned int i = 1; i <= 6; i++) {
			struct flow f = tcp_flow(i);

			stage_event(&s, KEV_NEW, false, &f);
			assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
			stage_event(&s, KEV_DESTROY, false, &f);
			assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
			assert_in_range(node_table_view(s.n, TABLE_LOCAL).total, 1, 3);
		}
		/* Where nobody listens, nobody missed anything. */
		assert_int_equal(node_stats(s.n)->unacked_evicted, listener ? 4 : 0);
		stage_wait(&s, 1000);
		assert_int_equal(stage_noted(&s, NOTE_EVICTED), listener);
		if (listener)
			assert_int_equal(s.last[NOTE_EVICTED].count, 4);
		stage_down(&s);
	}
}

/* A related flow makes us ask for its master: the answer may be about another flow, or not come. */
static void
a_look_at_the_master_believes_only_the_master(void **state)
{
	struct flow master = numbered(1, 7), other = numbered(1, 8), f = tcp_flow(2), got;
	struct stage s = told(stage_cfg(), &master);
	struct kernel_op op;

	(void)state;
	f.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	f.rare.master = master.key;
	stage_event(&s, KEV_NEW, false, &f);
	op = stage_asked(&s, KOP_GET);
	assert_true(flow_key_equal(&op.flow.key, &master.key));
	other.mark = 9;
	other.has |= HAS_MARK;
	stage_answer_flow(&s, &op, &other);
	assert_true(stage_has(&s, TABLE_LOCAL, &master, &got));
	assert_int_equal(got.mark, 0);
	/* What has not changed is not told once more. */
	stage_sent(&s, WIRE_CTL, NULL);
	stage_event(&s, KEV_NEW, false, &f);
	stage_sent(&s, WIRE_CTL, NULL);
	op = stage_asked(&s, KOP_GET);
	stage_answer_flow(&s, &op, &master);
	assert_int_equal(node_queue_view(s.n).tx, 0);
	/* One that has ended is not asked for. */
	stage_event(&s, KEV_DESTROY, false, &master);
	stage_event(&s, KEV_NEW, false, &f);
	stage_idle(&s);
	stage_down(&s);
}

static void
without_a_slot_the_master_is_not_looked_at(void **state)
{
	struct flow master = tcp_flow(1), f = tcp_flow(2);
	struct stage s = told(stage_cfg(), &master);
	struct kernel_op op;

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		struct flow more = tcp_flow(1000 + i);

		stage_tell(&s, WIRE_CT_NEW, &more);
	}
	node_command(s.n, CMD_COMMIT, s.now);
	for (unsigned int i = 0; i < 256; i++)
		op = stage_asked(&s, KOP_CREATE);
	f.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	f.rare.master = master.key;
	stage_event(&s, KEV_NEW, false, &f);
	stage_idle(&s);
	/* The next one is. */
	stage_answer(&s, &op, 0);
	stage_event(&s, KEV_NEW, false, &f);
	stage_asked(&s, KOP_GET);
	stage_down(&s);
}

/* ---- reads ---- */

static void
a_dump_that_nobody_asked_for_is_left_aside(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	stage_noted(&s, NOTE_KERNEL_READ_DONE);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_DONE), 1);
	node_kernel_read_flow(s.n, &f, s.now);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 0);
	node_kernel_read_end(s.n, true, s.now);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_DONE), 1);
	stage_down(&s);
}

/* A read that begins anew has to tell what the one before it would have told. */
static void
a_read_that_interrupts_one_takes_over_what_it_was_to_tell(void **state)
{
	struct flow f = tcp_flow(1);

	(void)state;
	for (int announce = 0; announce < 2; announce++) {
		struct stage s = stage_up(stage_cfg());

		node_kernel_read_begin(s.n, announce, s.now);
		a_read(&s, false, &f);
		assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), announce);
		stage_down(&s);
	}
}

/* Events lost during a silent read take a full resend; during one that tells, nothing more. */
static void
events_lost_during_a_read_that_tells_need_no_full_resend(void **state)
{
	struct flow f = tcp_flow(1);

	(void)state;
	for (int announce = 0; announce < 2; announce++) {
		struct stage s = stage_up(stage_cfg());

		stage_idle(&s);
		node_kernel_read_begin(s.n, announce, s.now);
		node_kernel_read_flow(s.n, &f, s.now);
		node_kernel_overrun(s.n, s.now);
		node_kernel_read_end(s.n, true, s.now);
		stage_idle(&s);
		assert_int_equal(stage_noted(&s, NOTE_BULK_STARTED), !announce);
		assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_NEEDED), 1);
		assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
		stage_down(&s);
	}
}

static void
labels_that_a_dump_lacks_are_gone(void **state)
{
	struct flow f = tcp_flow(1), got, sent;
	struct stage s;

	(void)state;
	f.has |= HAS_LABELS;
	f.rare.labels[3] = 0xff;
	s = told(stage_cfg(), &f);
	a_read(&s, true, &f);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, &got));
	assert_int_equal(got.rare.labels[3], 0xff);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 0);
	f.has &= ~(uint32_t)HAS_LABELS;
	a_read(&s, true, &f);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, &got));
	assert_int_equal(got.rare.labels[3], 0);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, &sent), 1);
	assert_true(sent.has & HAS_LABELS);
	assert_int_equal(sent.rare.labels[3], 0);
	stage_down(&s);
}

/* Only where both numbers are known, and the same, is a dump about the flow that events told of. */
static void
a_dump_completes_only_the_flow_of_its_number(void **state)
{
	static const struct {
		uint32_t has, id;
		bool adds;
	} rows[] = {{HAS_ID, 0, true}, {0, 0, false}, {HAS_ID, 8, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage s = stage_up(stage_cfg());
		struct flow f = numbered(1, 0), dump = f, got;

		node_kernel_read_begin(s.n, false, s.now);
		stage_event(&s, KEV_NEW, false, &f);
		dump.id = rows[i].id;
		dump.has = (dump.has & ~(uint32_t)HAS_ID) | rows[i].has | HAS_LABELS;
		dump.rare.labels[0] = 1;
		node_kernel_read_flow(s.n, &dump, s.now);
		assert_true(stage_has(&s, TABLE_LOCAL, &f, &got));
		if (got.rare.labels[0] != rows[i].adds)
			fail_msg("row %zu", i);
		stage_down(&s);
	}
}

/* CacheWriteThrough: the copy of a peer's flow is not told back, unless packets have brought it on. */
static void
a_copy_is_told_when_a_read_finds_that_it_has_gone_on(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1), changed = tcp_flow(1), further = tcp_flow_in(1, TCP_FIN_WAIT);
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_refuse(&s, KOP_CREATE, 0);
	changed.has |= HAS_LABELS;
	changed.rare.labels[0] = 7;
	a_read(&s, true, &changed);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 0);
	a_read(&s, false, &further);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	stage_down(&s);
	/* Or no peer has it any more. */
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_refuse(&s, KOP_CREATE, 0);
	a_read(&s, true, &changed);
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	a_read(&s, true, &f);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_event_without_a_whole_tuple_is_counted_and_left),
	    cmocka_unit_test(what_the_filter_leaves_out_is_neither_entered_nor_ended),
	    cmocka_unit_test(an_event_without_a_timeout_leaves_the_one_we_know),
	    cmocka_unit_test(a_flow_ends_once),
	    cmocka_unit_test(an_end_without_a_number_ends_what_has_the_tuple),
	    cmocka_unit_test(an_own_delete_ends_only_the_flow_of_its_number),
	    cmocka_unit_test(a_number_of_zero_is_not_that_of_a_replaced_flow),
	    cmocka_unit_test(a_full_table_refuses_whatever_brings_the_flow),
	    cmocka_unit_test(the_place_of_what_ended_during_a_read_is_given_away),
	    cmocka_unit_test(more_deletes_than_the_resend_queue_holds_cost_the_oldest),
	    cmocka_unit_test(a_look_at_the_master_believes_only_the_master),
	    cmocka_unit_test(without_a_slot_the_master_is_not_looked_at),
	    cmocka_unit_test(a_dump_that_nobody_asked_for_is_left_aside),
	    cmocka_unit_test(a_read_that_interrupts_one_takes_over_what_it_was_to_tell),
	    cmocka_unit_test(events_lost_during_a_read_that_tells_need_no_full_resend),
	    cmocka_unit_test(labels_that_a_dump_lacks_are_gone),
	    cmocka_unit_test(a_dump_completes_only_the_flow_of_its_number),
	    cmocka_unit_test(a_copy_is_told_when_a_read_finds_that_it_has_gone_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
