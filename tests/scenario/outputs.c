/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outputs.c: what a node gives out: what of a flow is sent, what waits to be acknowledged, notices.
 */
#include <errno.h>

#include "stage.h"

static struct flow
sent_as(struct stage *s, const struct flow *f)
{
	struct flow sent;

	flow_init(&sent);
	stage_event(s, KEV_NEW, false, f);
	assert_int_equal(stage_sent(s, WIRE_CT_NEW, &sent), 1);
	return sent;
}

/* GRE has ports on the wire only if it has call keys (doc/WIRE.md 3.3). */
static void
gre_has_ports_only_if_it_has_keys(void **state)
{
	static const struct {
		uint8_t l4;
		uint16_t keys[2];
		bool ports;
	} rows[] = {
	    {L4_GRE, {0, 0}, false},
	    {L4_GRE, {1, 0}, true},
	    {L4_GRE, {0, 1}, true},
	    {L4_GRE, {1, 1}, true},
	    /* Zero is a port. */
	    {L4_UDP, {0, 0}, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stage s = stage_up(stage_cfg());
		struct flow f = tcp_flow(1), sent;

		f.key.l4 = rows[i].l4;
		f.has &= ~(uint32_t)HAS_STATE;
		f.key.sport = rows[i].keys[0];
		f.key.dport = rows[i].keys[1];
		flow_invert(&f.key, &f.reply);
		flow_derive_nat(&f);
		sent = sent_as(&s, &f);
		assert_int_equal((sent.has & HAS_PORTS) != 0, rows[i].ports);
		assert_true(flow_key_equal(&sent.key, &f.key));
		stage_down(&s);
	}
}

/* Older peers leave the whole message aside if the name is longer (doc/WIRE.md 3.3). */
static void
a_helper_whose_name_is_too_long_is_left_out(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), sent;

	(void)state;
	f.has |= HAS_HELPER;
	strcpy(f.rare.helper, "eleven-long");
	sent = sent_as(&s, &f);
	assert_true(sent.has & HAS_HELPER);
	assert_string_equal(sent.rare.helper, "eleven-long");
	assert_int_equal(node_stats(s.n)->send_helper_too_long, 0);
	f.key.sport = 9;
	strcpy(f.rare.helper, "twelve-chars");
	sent = sent_as(&s, &f);
	assert_false(sent.has & HAS_HELPER);
	assert_int_equal(node_stats(s.n)->send_helper_too_long, 1);
	stage_down(&s);
}

/* A link that takes hardly anything: what never fits is not kept, and holds up nobody. */
static void
an_end_too_big_for_the_link_is_forgotten(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);
	uint8_t buf[40];

	(void)state;
	sent_as(&s, &f);
	stage_event(&s, KEV_DESTROY, false, &f);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 1);
	assert_int_equal(node_pull_datagram(s.n, buf, sizeof(buf), s.now), 0);
	assert_int_equal(node_stats(s.n)->send_too_big, 1);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 0);
	/* A flow stays, as the kernel has it. */
	stage_event(&s, KEV_NEW, false, &f);
	assert_int_equal(node_pull_datagram(s.n, buf, sizeof(buf), s.now), 0);
	assert_int_equal(node_stats(s.n)->send_too_big, 2);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).active, 1);
	assert_int_equal(node_queue_view(s.n).tx, 0);
	stage_down(&s);
}

/* Sent and not acknowledged are flows, deletes and requests, but nothing that waits to be sent. */
static void
what_is_unacknowledged_is_shown(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow alive = tcp_flow(1), dead = tcp_flow(2), waiting = tcp_flow(3);
	struct unacked_view v;
	unsigned int flows = 0, controls = 0;
	uint32_t cursor = 0;

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	sent_as(&s, &alive);
	sent_as(&s, &dead);
	stage_event(&s, KEV_DESTROY, false, &dead);
	node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	assert_int_equal(stage_sent(&s, WIRE_CT_DEL, NULL), 1);
	stage_event(&s, KEV_NEW, false, &waiting);
	node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	while (node_next_unacked(s.n, &cursor, &v)) {
		flows += !v.control;
		controls += v.control;
		assert_int_equal(v.flags & WIRE_RESYNC, v.control ? WIRE_RESYNC : 0);
		assert_in_range(v.seq, 100, 103);
	}
	assert_int_equal(flows, 2);
	assert_int_equal(controls, 1);
	assert_int_equal(node_queue_view(s.n).unacked, 3);
	assert_int_equal(node_queue_view(s.n).tx, 2);
	stage_down(&s);
}

/* ---- notices ---- */

static void
read_once(struct stage *s)
{
	node_kernel_read_begin(s->n, false, s->now);
	node_kernel_read_end(s->n, true, s->now);
	stage_idle(s);
}

static void
what_somebody_waits_for_outlives_a_flood(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	stage_idle(&s);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_idle(&s);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	stage_idle(&s);
	node_kernel_overrun(s.n, s.now);
	for (int i = 0; i < 200; i++)
		node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	assert_int_equal(stage_noted(&s, NOTE_RESYNC_SENT), 60);
	assert_int_equal(s.notices[NOTE_KERNEL_READ_DONE], 1);
	assert_int_equal(s.notices[NOTE_COMMIT_DONE], 1);
	assert_int_equal(s.notices[NOTE_KERNEL_FLUSH_DONE], 1);
	assert_int_equal(s.notices[NOTE_KERNEL_READ_NEEDED], 1);
	stage_down(&s);
}

/* Somebody waits for these: one goes only if there is nothing else, and then for one of its kind. */
static void
of_notices_that_somebody_waits_for_the_same_makes_way(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	stage_idle(&s);
	stage_noted(&s, NOTE_KERNEL_READ_DONE);
	memset(s.notices, 0, sizeof(s.notices));
	/* The ring is full of them, but for one that is only for the log. */
	node_command(s.n, CMD_COMMIT, s.now);
	stage_idle(&s);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	stage_idle(&s);
	node_kernel_overrun(s.n, s.now);
	node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	for (int i = 0; i < 60; i++)
		read_once(&s);
	assert_int_equal(node_stats(s.n)->notices_lost, 0);
	read_once(&s);
	assert_int_equal(node_stats(s.n)->notices_lost, 1);
	for (int i = 0; i < 100; i++)
		read_once(&s);
	assert_int_equal(node_stats(s.n)->notices_lost, 101);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_DONE), 1);
	assert_int_equal(s.notices[NOTE_KERNEL_FLUSH_DONE], 1);
	assert_int_equal(s.notices[NOTE_KERNEL_READ_NEEDED], 1);
	assert_int_equal(s.notices[NOTE_RESYNC_SENT], 0);
	assert_int_equal(s.notices[NOTE_KERNEL_READ_DONE], 61);
	stage_down(&s);
}

/* Of one that is not there yet, none of its kind can go. */
static void
the_first_of_its_kind_is_heard_in_any_flood(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	for (int i = 0; i < 100; i++)
		read_once(&s);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_DONE), 1);
	assert_int_equal(s.notices[NOTE_KERNEL_READ_DONE], 63);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gre_has_ports_only_if_it_has_keys),
	    cmocka_unit_test(a_helper_whose_name_is_too_long_is_left_out),
	    cmocka_unit_test(an_end_too_big_for_the_link_is_forgotten),
	    cmocka_unit_test(what_is_unacknowledged_is_shown),
	    cmocka_unit_test(what_somebody_waits_for_outlives_a_flood),
	    cmocka_unit_test(of_notices_that_somebody_waits_for_the_same_makes_way),
	    cmocka_unit_test(the_first_of_its_kind_is_heard_in_any_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
