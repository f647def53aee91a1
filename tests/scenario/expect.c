/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect.c: expectations are told, kept, acknowledged and committed like flows, after their masters.
 */
#include <errno.h>

#include "stage.h"

static struct node_cfg
expect_cfg(enum sync_mode_id mode)
{
	struct node_cfg cfg = stage_cfg();

	cfg.mode = mode;
	cfg.expects = 16;
	cfg.refresh_s = 5;
	cfg.cache_timeout_s = 20;
	return cfg;
}

/* The control connection. */
static struct flow
master_flow(void)
{
	struct flow f = tcp_flow(2121);

	strcpy(f.rare.helper, "ftp");
	f.has |= HAS_HELPER;
	return f;
}

static void
event(struct stage *s, enum kernel_event_type type, const struct expect *e)
{
	struct kernel_event ev = {.type = type, .expect = *e};

	node_kernel_event(s->n, &ev, s->now);
}

static void
tell(struct stage *s, enum wire_type type, const struct expect *e)
{
	uint8_t buf[1472];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_expect(&wb, type, 0, s->seq++, e));
	node_datagram(s->n, &s->peer, buf, wbuf_len(&wb), s->now);
}

/* All that is sent now: how many messages of this type, the last of them in *out, and the number that it
 * had in *seq. */
static unsigned int
said(struct stage *s, enum wire_type type, struct expect *out, uint32_t *seq)
{
	struct attr_skipped skipped = {0};
	unsigned int count = 0;
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	size_t len;

	while ((len = node_pull_datagram(s->n, buf, sizeof(buf), s->now)) > 0) {
		rbuf_init(&r, buf, len);
		while (wire_next(&r, &m) == WIRE_MSG) {
			if (m.type != type)
				continue;
			count++;
			if (seq != NULL)
				*seq = m.seq;
			if (out != NULL)
				assert_int_equal(attr_decode_expect(m.attrs, m.attrs_len, out,
						     &skipped), ATTR_OK);
		}
	}
	return count;
}

static unsigned int
shown(struct stage *s, enum node_table t)
{
	struct expect_view v;
	uint32_t cursor = 0;
	unsigned int count = 0;

	while (node_next_expect(s->n, t, &cursor, &v, s->now))
		count++;
	assert_int_equal(count, node_expects_view(s->n, t).active);
	return count;
}

/* Answers looks at the kernel until there are no more requests. */
static void
answer_looks(struct stage *s, const struct flow *f)
{
	struct kernel_op op;

	while (node_pull_kernel_op(s->n, &op, s->now)) {
		assert_int_equal(op.type, KOP_GET);
		stage_answer_flow(s, &op, f);
	}
}

/* ---- what the kernel says ---- */

static void
an_expectation_is_told_whole_after_its_master_and_so_is_its_end(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001), out;

	(void)state;
	stage_event(&s, KEV_NEW, false, &f);
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, &out, NULL), 1);
	assert_true(expect_same_content(&e, &out));
	assert_int_equal(out.timeout_s, 300);
	assert_int_equal(out.has, e.has);
	assert_int_equal(shown(&s, TABLE_LOCAL), 1);
	event(&s, KEV_EXPECT_DESTROY, &e);
	assert_int_equal(said(&s, WIRE_EXP_DEL, &out, NULL), 1);
	assert_true(expect_is_same(&e, &out));
	assert_int_equal(shown(&s, TABLE_LOCAL), 0);
	stage_down(&s);
}

static void
one_that_is_heard_of_before_its_master_waits_for_it(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);

	(void)state;
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 0);
	assert_int_equal(shown(&s, TABLE_LOCAL), 0);
	stage_event(&s, KEV_NEW, false, &f);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 1);
	assert_int_equal(shown(&s, TABLE_LOCAL), 1);
	stage_down(&s);
}

static void
one_whose_master_is_not_replicated_is_not_either(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);

	(void)state;
	event(&s, KEV_EXPECT_NEW, &e);
	stage_wait(&s, 7000);
	assert_int_equal(node_stats(s.n)->expect_no_master, 1);
	stage_event(&s, KEV_NEW, false, &f);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 0);
	assert_int_equal(node_expects_view(s.n, TABLE_LOCAL).total, 0);
	stage_down(&s);
}

static void
only_those_of_the_helpers_that_are_named_are_told(void **state)
{
	struct node_cfg cfg = expect_cfg(MODE_FTFW);
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);
	struct stage s;

	(void)state;
	strcpy(cfg.expect_helpers.name[0], "SIP");
	cfg.expect_helpers.count = 1;
	s = stage_up(cfg);
	stage_event(&s, KEV_NEW, false, &f);
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 0);
	assert_int_equal(node_stats(s.n)->expect_filtered, 1);
	/* In any case of letters, and as the beginning of a name. */
	strcpy(e.helper, "sip-5060");
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 1);
	/* Nor one that names none. */
	e = data_of(&f, 4002);
	e.has &= ~(uint32_t)EXP_HELPER;
	memset(e.helper, 0, sizeof(e.helper));
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 0);
	stage_down(&s);
}

static void
of_a_zone_nothing_is_told_as_the_wire_has_none(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e;

	(void)state;
	f.key.zone = 7;
	e = data_of(&f, 4001);
	stage_event(&s, KEV_NEW, false, &f);
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 0);
	assert_int_equal(node_stats(s.n)->expect_zoned, 1);
	stage_down(&s);
}

/* A flow that is new, changes and ends, and what its helper expects, again and again. */
static size_t
some_events(struct kernel_event *evs, size_t max)
{
	size_t count = 0;

	for (unsigned int i = 0; count + 5 <= max; i++) {
		struct flow f = tcp_flow(10 + i % 7);
		struct expect e = data_of(&f, (uint16_t)(4000 + i));

		evs[count++] = (struct kernel_event){.type = KEV_NEW, .flow = f};
		evs[count++] = (struct kernel_event){.type = KEV_EXPECT_NEW, .expect = e};
		f.mark = 100 + i;
		f.has |= HAS_MARK;
		evs[count++] = (struct kernel_event){.type = KEV_UPDATE, .flow = f};
		if (i % 3 == 0)
			evs[count++] = (struct kernel_event){.type = KEV_EXPECT_DESTROY, .expect = e};
		if (i % 2 == 0)
			evs[count++] = (struct kernel_event){.type = KEV_DESTROY, .flow = f};
	}
	return count;
}

/* Do two nodes know the same flows? */
static void
assert_same_view(struct stage *a, struct stage *b)
{
	struct flow_view v, w;
	uint32_t i = 0, j = 0;

	while (node_next_flow(a->n, TABLE_LOCAL, &i, &v, a->now)) {
		assert_true(node_next_flow(b->n, TABLE_LOCAL, &j, &w, b->now));
		assert_true(flow_same_content(&v.flow, &w.flow));
	}
	assert_false(node_next_flow(b->n, TABLE_LOCAL, &j, &w, b->now));
	assert_int_equal(shown(a, TABLE_LOCAL), shown(b, TABLE_LOCAL));
}

static void
several_events_are_as_one_after_the_other(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW)), t = stage_up(expect_cfg(MODE_FTFW));
	struct kernel_event evs[75], found[20];
	size_t count = some_events(evs, ARRAY_LEN(evs)), flows = 0;

	(void)state;
	/* More than are looked at together, and not a whole number of times as many. */
	assert_true(count > 64);
	for (size_t i = 0; i < count; i++)
		node_kernel_event(s.n, &evs[i], s.now);
	node_kernel_events(t.n, evs, count, t.now);
	assert_int_not_equal(node_table_view(s.n, TABLE_LOCAL).active, 0);
	assert_int_not_equal(shown(&s, TABLE_LOCAL), 0);
	assert_same_view(&s, &t);
	/* And what a read finds. */
	node_kernel_read_begin(s.n, true, s.now);
	node_kernel_read_begin(t.n, true, t.now);
	for (; flows < ARRAY_LEN(found) - 1; flows++)
		found[flows] = (struct kernel_event){.type = KEV_NEW, .flow = tcp_flow(14 + (unsigned int)flows)};
	found[flows] = (struct kernel_event){.type = KEV_EXPECT_NEW, .expect = data_of(&found[3].flow, 5000)};
	for (size_t i = 0; i < flows; i++)
		node_kernel_read_flow(s.n, &found[i].flow, s.now);
	node_kernel_read_expect(s.n, &found[flows].expect, s.now);
	node_kernel_read_found(t.n, found, flows + 1, t.now);
	node_kernel_read_end(s.n, true, s.now);
	node_kernel_read_end(t.n, true, t.now);
	assert_true(node_table_view(s.n, TABLE_LOCAL).active >= flows);
	assert_same_view(&s, &t);
	stage_down(&s);
	stage_down(&t);
}

static void
a_read_finds_what_is_there_and_what_is_gone(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect one = data_of(&f, 4001), two = data_of(&f, 4002), out;

	(void)state;
	stage_event(&s, KEV_NEW, false, &f);
	event(&s, KEV_EXPECT_NEW, &one);
	said(&s, WIRE_EXP_NEW, NULL, NULL);
	answer_looks(&s, &f);
	node_kernel_read_begin(s.n, true, s.now);
	node_kernel_read_flow(s.n, &f, s.now);
	node_kernel_read_expect(s.n, &two, s.now);
	node_kernel_read_end(s.n, true, s.now);
	assert_int_equal(shown(&s, TABLE_LOCAL), 1);
	assert_int_equal(said(&s, WIRE_EXP_DEL, &out, NULL), 1);
	assert_true(expect_is_same(&one, &out));
	node_kernel_read_begin(s.n, true, s.now);
	node_kernel_read_flow(s.n, &f, s.now);
	/* One that was cut short says nothing about what is gone. */
	node_kernel_read_end(s.n, false, s.now);
	assert_int_equal(shown(&s, TABLE_LOCAL), 1);
	stage_down(&s);
}

static void
when_there_are_too_many_the_rest_is_counted(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();

	(void)state;
	stage_event(&s, KEV_NEW, false, &f);
	for (unsigned int i = 0; i < 20; i++) {
		struct expect e = data_of(&f, 4000 + i);

		event(&s, KEV_EXPECT_NEW, &e);
		tell(&s, WIRE_EXP_NEW, &e);
	}
	assert_int_equal(shown(&s, TABLE_LOCAL), 16);
	assert_int_equal(shown(&s, TABLE_REMOTE), 16);
	assert_int_equal(node_stats(s.n)->expect_local_full, 4);
	assert_int_equal(node_stats(s.n)->expect_remote_full, 4);
	assert_int_equal(stage_noted(&s, NOTE_EXPECTS_FULL), 1);
	stage_down(&s);
}

/* ---- FT-FW ---- */

static void
what_is_asked_for_again_is_told_again_as_it_is_then(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);
	uint32_t seq = 0, again = 0;

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_wait(&s, 1000);
	stage_event(&s, KEV_NEW, false, &f);
	said(&s, WIRE_CT_NEW, NULL, NULL);
	event(&s, KEV_EXPECT_NEW, &e);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, &seq), 1);
	stage_say(&s, WIRE_NACK, seq, seq);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, &again), 1);
	assert_true(again != seq);
	event(&s, KEV_EXPECT_DESTROY, &e);
	stage_say(&s, WIRE_NACK, again, again);
	assert_int_equal(said(&s, WIRE_EXP_DEL, NULL, &seq), 1);
	/* The end is kept until it is acknowledged. */
	assert_int_equal(node_expects_view(s.n, TABLE_LOCAL).total, 1);
	stage_say(&s, WIRE_ACK, seq, seq);
	assert_int_equal(node_expects_view(s.n, TABLE_LOCAL).total, 0);
	stage_down(&s);
}

/* ---- ALARM ---- */

static void
alarm_repeats_them_and_forgets_those_that_are_not(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_ALARM));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001), other = data_of(&f, 4002), out;
	unsigned int times = 0;

	(void)state;
	stage_event(&s, KEV_NEW, false, &f);
	event(&s, KEV_EXPECT_NEW, &e);
	tell(&s, WIRE_EXP_NEW, &other);
	for (int i = 0; i < 130; i++) {
		s.now = ms_add(s.now, 100);
		node_tick(s.n, s.now);
		times += said(&s, WIRE_EXP_NEW, &out, NULL);
	}
	assert_in_range(times, 3, 12);
	/* Its time goes on meanwhile. */
	assert_in_range(out.timeout_s, 285, 300);
	assert_int_equal(shown(&s, TABLE_REMOTE), 1);
	stage_wait(&s, 10 * 1000);
	assert_int_equal(shown(&s, TABLE_REMOTE), 0);
	stage_down(&s);
}

/* ---- to the kernel ---- */

static void
a_commit_writes_them_after_the_flows(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);
	struct kernel_op op;
	struct commit_tally tally;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	tell(&s, WIRE_EXP_NEW, &e);
	stage_wait(&s, 100 * 1000);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_refuse(&s, KOP_CREATE, 0);
	op = stage_asked(&s, KOP_EXPECT_CREATE);
	assert_true(expect_same_content(&op.expect, &e));
	/* What is left of its time. */
	assert_in_range(op.expect.timeout_s, 199, 201);
	stage_idle(&s);
	stage_answer(&s, &op, 0);
	tally = stage_committed(&s);
	assert_int_equal(tally.expects_created, 1);
	assert_int_equal(tally.created, 1);
	assert_true(tally.flows && tally.expects);
	assert_int_equal(shown(&s, TABLE_LOCAL), 1);
	/* Its end here is no news of ours. */
	event(&s, KEV_EXPECT_DESTROY, &e);
	assert_int_equal(said(&s, WIRE_EXP_DEL, NULL, NULL), 0);
	stage_down(&s);
}

static void
a_commit_may_be_of_one_kind_only(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);
	struct commit_tally tally;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	tell(&s, WIRE_EXP_NEW, &e);
	node_command(s.n, CMD_COMMIT_FLOWS, s.now);
	stage_refuse(&s, KOP_CREATE, 0);
	tally = stage_committed(&s);
	assert_true(tally.flows && !tally.expects);
	node_command(s.n, CMD_COMMIT_EXPECTS, s.now);
	stage_refuse(&s, KOP_EXPECT_CREATE, 0);
	tally = stage_committed(&s);
	assert_true(!tally.flows && tally.expects);
	assert_int_equal(tally.expects_created, 1);
	stage_down(&s);
}

static void
what_a_commit_cannot_write_is_counted_and_what_is_there_is_not(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	struct expect one = data_of(&f, 4001), two = data_of(&f, 4002), three = data_of(&f, 4003);
	struct commit_tally tally;

	(void)state;
	three.timeout_s = 1;
	tell(&s, WIRE_EXP_NEW, &one);
	tell(&s, WIRE_EXP_NEW, &two);
	tell(&s, WIRE_EXP_NEW, &three);
	stage_wait(&s, 2000);
	node_command(s.n, CMD_COMMIT_EXPECTS, s.now);
	stage_refuse(&s, KOP_EXPECT_CREATE, ENOENT);
	stage_refuse(&s, KOP_EXPECT_CREATE, EEXIST);
	tally = stage_committed(&s);
	assert_int_equal(tally.expects_failed, 1);
	assert_int_equal(tally.expects_created, 0);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_EXPECT_ERROR), 1);
	assert_int_equal(s.last[NOTE_COMMIT_EXPECT_ERROR].error, ENOENT);
	assert_int_equal(node_stats(s.n)->expect_current, 1);
	/* Its time was up. */
	assert_int_equal(node_stats(s.n)->expect_run_out, 1);
	stage_down(&s);
}

/* W21: what comes before its master is tried again. */
static void
written_through_one_waits_for_its_master_and_leaves_with_its_end(void **state)
{
	struct node_cfg cfg = expect_cfg(MODE_FTFW);
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);
	struct kernel_op op;
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	tell(&s, WIRE_EXP_NEW, &e);
	stage_refuse(&s, KOP_EXPECT_CREATE, ENOENT);
	stage_idle(&s);
	stage_wait(&s, 1100);
	stage_refuse(&s, KOP_EXPECT_CREATE, 0);
	assert_int_equal(node_stats(s.n)->expect_committed, 1);
	tell(&s, WIRE_EXP_DEL, &e);
	op = stage_asked(&s, KOP_EXPECT_DELETE);
	assert_true(expect_is_same(&op.expect, &e));
	stage_answer(&s, &op, 0);
	assert_int_equal(shown(&s, TABLE_REMOTE), 0);
	assert_int_equal(shown(&s, TABLE_LOCAL), 0);
	stage_down(&s);
}

static void
without_expectations_messages_about_them_are_left_aside(void **state)
{
	struct node_cfg cfg = expect_cfg(MODE_FTFW);
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);
	struct stage s;

	(void)state;
	cfg.expects = 0;
	s = stage_up(cfg);
	stage_event(&s, KEV_NEW, false, &f);
	event(&s, KEV_EXPECT_NEW, &e);
	tell(&s, WIRE_EXP_NEW, &e);
	assert_int_equal(node_stats(s.n)->recv_expect_ignored, 1);
	assert_int_equal(said(&s, WIRE_EXP_NEW, NULL, NULL), 0);
	assert_int_equal(shown(&s, TABLE_REMOTE), 0);
	stage_down(&s);
}

static void
an_incomplete_one_is_refused(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_FTFW));
	struct flow f = master_flow();
	const uint32_t needed[] = {EXP_MASTER_ADDRS, EXP_MASTER_L4, EXP_MASTER_PORTS,
	    EXP_TUPLE_ADDRS, EXP_TUPLE_L4, EXP_TUPLE_PORTS, EXP_MASK_ADDRS, EXP_MASK_PORTS};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		struct expect e = data_of(&f, 4001);

		e.has &= ~needed[i];
		tell(&s, WIRE_EXP_NEW, &e);
		assert_int_equal(node_stats(s.n)->recv_incomplete, i + 1);
	}
	assert_int_equal(shown(&s, TABLE_REMOTE), 0);
	stage_down(&s);
}

static void
an_update_that_its_end_has_overtaken_does_not_raise_it(void **state)
{
	struct stage s = stage_up(expect_cfg(MODE_NOTRACK));
	struct flow f = master_flow();
	struct expect e = data_of(&f, 4001);

	(void)state;
	tell(&s, WIRE_EXP_NEW, &e);
	s.seq++;
	tell(&s, WIRE_EXP_DEL, &e);
	s.seq -= 2;
	tell(&s, WIRE_EXP_UPD, &e);
	assert_int_equal(shown(&s, TABLE_REMOTE), 0);
	assert_int_equal(node_stats(s.n)->remote_overtaken, 1);
	stage_wait(&s, 1000);
	assert_int_equal(node_expects_view(s.n, TABLE_REMOTE).total, 0);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_expectation_is_told_whole_after_its_master_and_so_is_its_end),
	    cmocka_unit_test(one_that_is_heard_of_before_its_master_waits_for_it),
	    cmocka_unit_test(one_whose_master_is_not_replicated_is_not_either),
	    cmocka_unit_test(only_those_of_the_helpers_that_are_named_are_told),
	    cmocka_unit_test(of_a_zone_nothing_is_told_as_the_wire_has_none),
	    cmocka_unit_test(several_events_are_as_one_after_the_other),
	    cmocka_unit_test(a_read_finds_what_is_there_and_what_is_gone),
	    cmocka_unit_test(when_there_are_too_many_the_rest_is_counted),
	    cmocka_unit_test(what_is_asked_for_again_is_told_again_as_it_is_then),
	    cmocka_unit_test(alarm_repeats_them_and_forgets_those_that_are_not),
	    cmocka_unit_test(a_commit_writes_them_after_the_flows),
	    cmocka_unit_test(a_commit_may_be_of_one_kind_only),
	    cmocka_unit_test(what_a_commit_cannot_write_is_counted_and_what_is_there_is_not),
	    cmocka_unit_test(written_through_one_waits_for_its_master_and_leaves_with_its_end),
	    cmocka_unit_test(without_expectations_messages_about_them_are_left_aside),
	    cmocka_unit_test(an_incomplete_one_is_refused),
	    cmocka_unit_test(an_update_that_its_end_has_overtaken_does_not_raise_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
