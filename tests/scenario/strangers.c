/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * strangers.c: more peers than there are places, peers that fall silent, numbers that jump, and
 * what is shown of all that.
 */
#include <errno.h>

#include "stage.h"

/* From now on it is the peer of this address that speaks. */
static void
speaks(struct stage *s, uint8_t last)
{
	s->peer.addr.b[3] = last;
}

static unsigned int
peers_shown(const struct stage *s)
{
	struct peer_view v;
	unsigned int i = 0;

	while (node_peer_view(s->n, i, &v, s->now))
		i++;
	return i;
}

/* Do our messages say HELLO now?  All of them or none. */
static bool
says_hello(struct stage *s)
{
	unsigned int count = 0, with = 0;
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	size_t len;

	/* Control messages leave in some distance from the last ones. */
	stage_wait(s, 20);
	node_command(s->n, CMD_REQUEST_RESYNC, s->now);
	while ((len = node_pull_datagram(s->n, buf, sizeof(buf), s->now)) > 0) {
		rbuf_init(&r, buf, len);
		while (wire_next(&r, &m) == WIRE_MSG) {
			count++;
			with += (m.flags & WIRE_HELLO) != 0;
		}
	}
	assert_true(count > 0 && (with == 0 || with == count));
	return with > 0;
}

static void
a_peer_is_a_link_and_an_address_of_a_family(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);
	struct peer_view v;

	(void)state;
	assert_int_equal(peers_shown(&s), 0);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	s.peer.link = 1;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	s.peer.l3 = L3_IPV6;
	stage_tell(&s, WIRE_CT_NEW, &f);
	speaks(&s, 9);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_int_equal(peers_shown(&s), 4);
	assert_int_equal(stage_noted(&s, NOTE_PEER_NEW), 4);
	assert_true(node_peer_view(s.n, 2, &v, s.now));
	assert_int_equal(v.addr.link, 1);
	assert_int_equal(v.addr.l3, L3_IPV6);
	assert_int_equal(v.addr.addr.b[3], 2);
	assert_int_equal(v.flows, 1);
	assert_true(v.heard_lately);
	stage_wait(&s, 30 * 1000);
	assert_true(node_peer_view(s.n, 2, &v, s.now));
	assert_false(v.heard_lately);
	assert_int_equal(v.heard_ms_ago, 30 * 1000);
	stage_down(&s);
}

/* Eight places; the peer that has been gone the longest makes way, and its flows are nobody's. */
static void
a_ninth_peer_has_the_place_of_one_that_is_gone(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = tcp_flow(2);
	struct flow_view v;
	struct peer_view p;
	uint32_t cursor = 0;

	(void)state;
	for (uint8_t i = 1; i <= 8; i++) {
		speaks(&s, i);
		stage_tell(&s, WIRE_CT_NEW, i == 3 ? &f : &other);
		stage_wait(&s, i == 2 || i == 3 ? 1000 : 0);
	}
	speaks(&s, 9);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_int_equal(node_stats(s.n)->recv_no_peer_slot, 1);
	assert_int_equal(peers_shown(&s), 8);
	/* All but the third and the fourth go on; the third was heard a second before the fourth. */
	for (int minute = 0; minute < 11; minute++) {
		for (uint8_t i = 1; i <= 8; i++) {
			speaks(&s, i);
			if (i != 3 && i != 4)
				stage_say(&s, WIRE_ALIVE, 0, 0);
		}
		stage_wait(&s, 60 * 1000);
	}
	speaks(&s, 9);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_int_equal(node_stats(s.n)->recv_no_peer_slot, 1);
	assert_int_equal(peers_shown(&s), 8);
	assert_true(node_peer_view(s.n, 2, &p, s.now));
	assert_int_equal(p.addr.addr.b[3], 9);
	assert_int_equal(p.flows, 0);
	assert_true(node_peer_view(s.n, 3, &p, s.now));
	assert_int_equal(p.addr.addr.b[3], 4);
	/* Its flow has no owner; whoever says that it is gone is believed. */
	while (node_next_flow(s.n, TABLE_REMOTE, &cursor, &v, s.now)) {
		if (flow_key_equal(&v.flow.key, &f.key))
			assert_int_equal(v.peer.addr.b[3], 0);
		else
			assert_int_equal(v.peer.addr.b[3], 8);
	}
	speaks(&s, 8);
	stage_tell(&s, WIRE_CT_DEL, &f);
	assert_false(stage_has(&s, TABLE_REMOTE, &f, NULL));
	stage_down(&s);
}

/* Whoever came first is not who is gone the longest. */
static void
the_place_is_that_of_whoever_was_heard_least_lately(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct peer_view p;

	(void)state;
	for (uint8_t i = 1; i <= 8; i++) {
		speaks(&s, i);
		stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	stage_wait(&s, 1000);
	for (uint8_t i = 1; i <= 8; i++) {
		speaks(&s, i);
		if (i != 5)
			stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	stage_wait(&s, 700 * 1000);
	speaks(&s, 9);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_true(node_peer_view(s.n, 4, &p, s.now));
	assert_int_equal(p.addr.addr.b[3], 9);
	stage_down(&s);
}

static void
a_delete_counts_if_its_sender_told_last(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct kernel_op op;
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_DEL, &f);
	assert_int_equal(node_stats(s.n)->remote_destroy_failed, 1);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_refuse(&s, KOP_CREATE, 0);
	speaks(&s, 3);
	stage_tell(&s, WIRE_CT_DEL, &f);
	assert_int_equal(node_stats(s.n)->remote_destroy_not_owner, 1);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	speaks(&s, 2);
	stage_tell(&s, WIRE_CT_DEL, &f);
	op = stage_asked(&s, KOP_GET);
	/* It waits to leave the kernel, and is dead already. */
	stage_tell(&s, WIRE_CT_DEL, &f);
	assert_int_equal(node_stats(s.n)->remote_destroy_failed, 2);
	assert_int_equal(node_stats(s.n)->remote_destroyed, 1);
	stage_answer(&s, &op, ENOENT);
	stage_down(&s);
}

/* Without a state nobody knows whether the connection was over: our own entry stays. */
static void
the_end_of_a_flow_without_a_state_ends_nothing_here(void **state)
{
	struct flow f = tcp_flow(1), own = f;
	struct stage s = stage_up(ftfw_cfg());

	(void)state;
	own.has |= HAS_ID;
	own.id = 3;
	f.has &= ~(uint32_t)HAS_STATE;
	stage_event(&s, KEV_NEW, false, &own);
	stage_wait(&s, 100);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_tell(&s, WIRE_CT_DEL, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	/* Only its windows. */
	stage_refuse(&s, KOP_UPDATE, 0);
	assert_int_equal(stage_committed(&s).ended, 0);
	stage_down(&s);
}

/* By its number, or not at all: without one, a delete might hit the next flow on the tuple. */
static void
an_ended_flow_without_a_number_is_not_deleted(void **state)
{
	struct flow f = tcp_flow_in(1, TCP_TIME_WAIT);
	struct stage s = stage_up(ftfw_cfg());

	(void)state;
	stage_event(&s, KEV_NEW, false, &f);
	stage_wait(&s, 100);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_tell(&s, WIRE_CT_DEL, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_refuse(&s, KOP_UPDATE, 0);
	assert_int_equal(stage_committed(&s).ended, 0);
	stage_down(&s);
}

/* ---- numbers and HELLO ---- */

/*
 * What a gap makes us ask for may have been sent while its sender still said HELLO.  So one that
 * follows at once is no restart, but one that comes when the answer is through is.
 */
static void
an_old_hello_in_a_resend_is_no_restart(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct stage s = stage_up(stage_cfg());

		stage_say(&s, WIRE_ALIVE, 0, 0);
		stage_wait(&s, 1000);
		s.seq++;
		stage_say(&s, WIRE_ALIVE, 0, 0);
		assert_int_equal(node_stats(s.n)->nack_sent, 1);
		stage_wait(&s, late ? 6000 : 1000);
		stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
		assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), late);
		stage_down(&s);
	}
}

/* Two numbers that jump apart are two jumps, told once; and a HELLO in between settles it. */
static void
a_jump_is_believed_only_if_it_goes_on_from_there(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_wait(&s, 1000);
	s.seq += 1000000;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	s.seq += 1000000;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_int_equal(node_stats(s.n)->seq_jump_held, 2);
	assert_int_equal(stage_noted(&s, NOTE_SEQ_JUMP), 1);
	/* A new process begins elsewhere; the number that would have gone on means nothing now. */
	stage_wait(&s, 300);
	s.seq -= 1500000;
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 1);
	stage_wait(&s, 1300);
	s.seq += 1499999;
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_int_equal(node_stats(s.n)->seq_jump_held, 3);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_int_equal(node_stats(s.n)->seq_jump_held, 3);
	assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 2);
	stage_down(&s);
}

/* We say HELLO until all have answered; one that is silent is not waited for, nor any for ever. */
static void
hello_ends_when_all_that_are_heard_have_answered(void **state)
{
	struct stage s = stage_up(stage_cfg());

	(void)state;
	/* Before the first of ours, it was said to somebody else. */
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	speaks(&s, 3);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_true(says_hello(&s));
	/* The other says nothing more for so long that it does not count. */
	speaks(&s, 2);
	stage_wait(&s, 9000);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	assert_true(says_hello(&s));
	stage_wait(&s, 2000);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
	assert_false(says_hello(&s));
	stage_down(&s);

	s = stage_up(stage_cfg());
	stage_say(&s, WIRE_ALIVE, 0, 0);
	speaks(&s, 3);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_wait(&s, 1000);
	for (int i = 0; i < 13; i++) {
		/* The third goes on, but never answers. */
		speaks(&s, 3);
		stage_say(&s, WIRE_ALIVE, 0, 0);
		speaks(&s, 2);
		stage_say(&s, WIRE_ALIVE | WIRE_HELLO_BACK, 0, 0);
		assert_int_equal(says_hello(&s), i <= 10);
		stage_wait(&s, 980); /* and 20 in there */
	}
	stage_down(&s);
}

/* An acknowledgement that finds no room is not forgotten: the next one covers what it did. */
static void
an_acknowledgement_without_room_is_made_up_for(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	struct stage s;
	size_t len;
	unsigned int acks = 0;
	uint32_t first;

	(void)state;
	cfg.ack_window = 16;
	s = stage_up(cfg);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_wait(&s, 1000);
	first = s.seq;
	for (int i = 0; i < 2100; i++)
		node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	assert_int_equal(node_queue_view(s.n).tx, 2048);
	assert_int_equal(node_stats(s.n)->send_control_full, 2100 - 2048);
	for (int i = 0; i < 20; i++)
		stage_tell(&s, WIRE_CT_NEW, &f);
	assert_true(node_stats(s.n)->send_control_full > 2100 - 2048);
	len = node_pull_datagram(s.n, buf, sizeof(buf), s.now);
	assert_true(len > 0);
	stage_tell(&s, WIRE_CT_NEW, &f);
	/* One datagram of them each ten milliseconds. */
	for (int i = 0; i < 50; i++) {
		s.now = ms_add(s.now, 10);
		len = node_pull_datagram(s.n, buf, sizeof(buf), s.now);
		rbuf_init(&r, buf, len);
		while (wire_next(&r, &m) == WIRE_MSG) {
			if (wire_classify(&m) != CLASS_ACK)
				continue;
			acks++;
			assert_int_equal(m.from, first);
			assert_int_equal(m.to, s.seq - 1);
		}
	}
	assert_int_equal(acks, 1);
	stage_down(&s);
}

/* ---- silence ---- */

/* ALARM knows no silence: nobody there speaks without need. */
static void
in_alarm_a_quiet_peer_is_neither_silent_nor_gone(void **state)
{
	struct node_cfg cfg = alarm_cfg();
	struct flow f = tcp_flow(1);
	struct flow_view v;
	uint32_t cursor = 0;
	struct stage s;

	(void)state;
	cfg.cache_timeout_s = 1000;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_wait(&s, 700 * 1000);
	assert_int_equal(stage_noted(&s, NOTE_PEER_SILENT), 0);
	/* It is not greeted as one that returns. */
	assert_int_equal(stage_noted(&s, NOTE_BULK_STARTED), 1);
	stage_tell(&s, WIRE_CT_DEL, &(struct flow){.key = tcp_flow(2).key, .has = f.has});
	assert_int_equal(stage_noted(&s, NOTE_BULK_STARTED), 1);
	assert_true(node_next_flow(s.n, TABLE_REMOTE, &cursor, &v, s.now));
	assert_int_equal(v.peer.addr.b[3], 2);
	assert_int_equal(v.expires_s, 300);
	assert_int_equal(v.age_s, 700);
	/* What should have expired, had anybody looked, has no time left; not less than none. */
	s.now = ms_add(s.now, 400 * 1000);
	cursor = 0;
	assert_true(node_next_flow(s.n, TABLE_REMOTE, &cursor, &v, s.now));
	assert_int_equal(v.expires_s, 0);
	stage_wait(&s, 1);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 0);
	stage_down(&s);
}

/* A table that was full asks all that are here for what it had to refuse, and not who is gone. */
static void
who_is_gone_is_not_asked_when_there_is_room_again(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct peer_view v;
	struct stage s;
	struct flow f;

	(void)state;
	cfg.limit = 16;
	s = stage_up(cfg);
	stage_say(&s, WIRE_ALIVE, 0, 0);
	stage_wait(&s, 700 * 1000);
	speaks(&s, 3);
	for (unsigned int i = 1; i <= 17; i++) {
		f = tcp_flow(i);
		stage_tell(&s, WIRE_CT_NEW, &f);
	}
	assert_int_equal(stage_noted(&s, NOTE_REMOTE_FULL), 1);
	/* The first three tries are over. */
	for (int i = 0; i < 70; i++) {
		stage_say(&s, WIRE_ALIVE, 0, 0);
		stage_wait(&s, 1000);
	}
	stage_noted(&s, NOTE_RESYNC_SENT);
	s.notices[NOTE_RESYNC_SENT] = 0;
	for (unsigned int i = 1; i <= 4; i++) {
		f = tcp_flow(i);
		stage_tell(&s, WIRE_CT_DEL, &f);
	}
	stage_wait(&s, 3000);
	assert_int_equal(stage_noted(&s, NOTE_RESYNC_SENT), 1);
	assert_int_equal(s.last[NOTE_RESYNC_SENT].peer.addr.b[3], 3);
	assert_true(node_peer_view(s.n, 0, &v, s.now));
	assert_true(v.in_sync);
	stage_down(&s);
}

/* The node asks the peer for everything, and that one has acknowledged it. */
static void
acknowledged(struct stage *s)
{
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	size_t len;

	s->now = ms_add(s->now, 1000);
	node_tick(s->n, s->now);
	while ((len = node_pull_datagram(s->n, buf, sizeof(buf), s->now)) > 0) {
		rbuf_init(&r, buf, len);
		while (wire_next(&r, &m) == WIRE_MSG) {
			if (wire_classify(&m) == CLASS_RESYNC)
				stage_say(s, WIRE_ACK, m.seq, m.seq);
		}
	}
}

/* A peer that has many flows, and after a restart none: they go, so many in a second. */
static void
a_sweep_goes_on_second_by_second(void **state)
{
	enum { MANY = 65536 + 1000 };
	struct node_cfg cfg = stage_cfg();
	struct flow f;
	struct stage s;

	(void)state;
	cfg.limit = MANY;
	for (int stopped = 0; stopped < 2; stopped++) {
		s = stage_up(cfg);
		for (unsigned int i = 1; i <= MANY; i++) {
			f = tcp_flow(i);
			f.key.dst.b[0] = (uint8_t)(i >> 16);
			stage_tell(&s, WIRE_CT_NEW, &f);
		}
		stage_wait(&s, 1300);
		stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
		acknowledged(&s);
		/* Nothing is named again, which is believed after a while. */
		for (int i = 0; i < 30 && node_stats(s.n)->remote_swept == 0; i++) {
			stage_say(&s, WIRE_ALIVE, 0, 0);
			stage_wait(&s, 1000);
		}
		assert_int_equal(node_stats(s.n)->remote_swept, 65536);
		if (stopped) {
			/* We were stopped; who knows what has been said meanwhile. */
			s.now = ms_add(s.now, 11 * 1000);
			node_tick(s.n, s.now);
			assert_int_equal(node_stats(s.n)->remote_swept, 65536);
			assert_int_equal(stage_noted(&s, NOTE_PEER_SILENT), 1);
			stage_down(&s);
			continue;
		}
		stage_say(&s, WIRE_ALIVE, 0, 0);
		stage_wait(&s, 1000);
		assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 0);
		assert_int_equal(stage_noted(&s, NOTE_SWEPT), 1);
		assert_int_equal(s.last[NOTE_SWEPT].count, MANY);
		stage_down(&s);
	}
}

/* A dead replica that waits to leave the kernel is nothing that a sweep could find. */
static void
the_dead_are_not_swept(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_refuse(&s, KOP_CREATE, 0);
	stage_tell(&s, WIRE_CT_DEL, &f);
	stage_asked(&s, KOP_GET);
	stage_wait(&s, 1300);
	stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 1);
	acknowledged(&s);
	for (int i = 0; i < 30; i++) {
		stage_say(&s, WIRE_ALIVE, 0, 0);
		stage_wait(&s, 1000);
	}
	assert_int_equal(node_stats(s.n)->remote_swept, 0);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 1);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_peer_is_a_link_and_an_address_of_a_family),
	    cmocka_unit_test(a_ninth_peer_has_the_place_of_one_that_is_gone),
	    cmocka_unit_test(the_place_is_that_of_whoever_was_heard_least_lately),
	    cmocka_unit_test(a_delete_counts_if_its_sender_told_last),
	    cmocka_unit_test(the_end_of_a_flow_without_a_state_ends_nothing_here),
	    cmocka_unit_test(an_ended_flow_without_a_number_is_not_deleted),
	    cmocka_unit_test(an_old_hello_in_a_resend_is_no_restart),
	    cmocka_unit_test(a_jump_is_believed_only_if_it_goes_on_from_there),
	    cmocka_unit_test(hello_ends_when_all_that_are_heard_have_answered),
	    cmocka_unit_test(an_acknowledgement_without_room_is_made_up_for),
	    cmocka_unit_test(in_alarm_a_quiet_peer_is_neither_silent_nor_gone),
	    cmocka_unit_test(who_is_gone_is_not_asked_when_there_is_room_again),
	    cmocka_unit_test(a_sweep_goes_on_second_by_second),
	    cmocka_unit_test(the_dead_are_not_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
