/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile.c: somebody on the link speaks in a peer's name, or makes us work.  Nobody can be kept from it by
 * version 1 of the protocol; but one word must not displace a peer that speaks, what was lost by it is
 * noticed and made good, and what it costs is bounded.
 */
#include <errno.h>

#include "stage.h"

/* A word with a number of its own, in the peer's name. */
static void
forged(struct stage *s, unsigned int flags, uint32_t seq)
{
	uint32_t own = s->seq;

	s->seq = seq;
	stage_say(s, flags, 0, 0);
	s->seq = own;
}

static void
forged_flow(struct stage *s, const struct flow *f, uint32_t seq)
{
	uint32_t own = s->seq;

	s->seq = seq;
	stage_tell(s, WIRE_CT_NEW, f);
	s->seq = own;
}

/* A peer that is known, for so long that nothing it says is taken for what its last process said. */
static struct stage
with_peer(struct node_cfg cfg)
{
	struct stage s = stage_up(cfg);

	for (int i = 0; i < 5; i++) {
		stage_say(&s, WIRE_ALIVE, 0, 0);
		stage_wait(&s, 1000);
	}
	stage_say(&s, WIRE_ALIVE, 0, 0);
	return s;
}

/* The peer goes on, once a second, and acknowledges requests for everything, of which it takes note. */
static unsigned int
goes_on(struct stage *s, int seconds, const struct flow *has)
{
	unsigned int asked = 0;
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	size_t len;

	for (int i = 0; i < seconds; i++) {
		s->now = ms_add(s->now, 1000);
		node_tick(s->n, s->now);
		stage_say(s, WIRE_ALIVE, 0, 0);
		while ((len = node_pull_datagram(s->n, buf, sizeof(buf), s->now)) > 0) {
			rbuf_init(&r, buf, len);
			while (wire_next(&r, &m) == WIRE_MSG) {
				if (wire_classify(&m) != CLASS_RESYNC)
					continue;
				asked++;
				stage_say(s, WIRE_ACK, m.seq, m.seq);
				if (has != NULL)
					stage_tell(s, WIRE_CT_NEW, has);
			}
		}
	}
	return asked;
}

/* Near or far, ahead or behind, and with the very next number. */
static void
one_hello_does_not_displace_a_peer_that_speaks(void **state)
{
	static const int32_t offsets[] = {0, 1, 100, 5000, 70000, 1 << 30, -5000, -70000};
	struct flow f = tcp_flow(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		struct stage s = with_peer(stage_cfg());

		forged(&s, WIRE_ALIVE | WIRE_HELLO, s.seq + (uint32_t)offsets[i]);
		assert_int_equal(node_stats(s.n)->seq_hello_held, 1);
		stage_tell(&s, WIRE_CT_NEW, &f);
		assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
		/* Nor does another one, later. */
		stage_wait(&s, 1000);
		stage_say(&s, WIRE_ALIVE, 0, 0);
		forged(&s, WIRE_ALIVE | WIRE_HELLO, s.seq + (uint32_t)offsets[i]);
		stage_tell(&s, WIRE_CT_DEL, &f);
		assert_false(stage_has(&s, TABLE_REMOTE, &f, NULL));
		assert_int_equal(node_stats(s.n)->seq_lost, 0);
		assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 0);
		stage_down(&s);
	}
}

/* That one says it with everything, and the last one says nothing any more. */
static void
who_begins_anew_is_believed_with_the_second_word_or_after_a_silence(void **state)
{
	struct flow f = tcp_flow(1);

	(void)state;
	for (int silent = 0; silent < 2; silent++) {
		struct stage s = with_peer(stage_cfg());

		stage_wait(&s, silent ? 1300 : 100);
		s.seq += 1 << 20;
		stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
		assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), silent);
		stage_wait(&s, 300);
		stage_say(&s, WIRE_ALIVE | WIRE_HELLO, 0, 0);
		assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 1);
		stage_tell(&s, WIRE_CT_NEW, &f);
		assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
		stage_down(&s);
	}
}

/* A held HELLO is not answered: who says it would stop, and never be believed. */
static void
a_hello_that_is_held_is_not_answered(void **state)
{
	struct stage s = with_peer(stage_cfg());
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	size_t len;

	(void)state;
	stage_wait(&s, 50);
	forged(&s, WIRE_ALIVE | WIRE_HELLO, s.seq + (1 << 20));
	node_command(s.n, CMD_REQUEST_RESYNC, s.now);
	len = node_pull_datagram(s.n, buf, sizeof(buf), s.now);
	rbuf_init(&r, buf, len);
	assert_int_equal(wire_next(&r, &m), WIRE_MSG);
	assert_false(m.flags & WIRE_HELLO_BACK);
	stage_down(&s);
}

/* Many of them, in sequence, as they were once said. */
static void
old_datagrams_do_not_pass_for_a_restart_while_the_peer_speaks(void **state)
{
	struct flow f = tcp_flow(1), old = tcp_flow(2);
	struct stage s = with_peer(stage_cfg());

	(void)state;
	for (int i = 0; i < 5; i++) {
		for (uint32_t k = 0; k < 20; k++)
			forged_flow(&s, &old, s.seq - 200000 + k);
		stage_wait(&s, 700);
		stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	assert_false(stage_has(&s, TABLE_REMOTE, &old, NULL));
	assert_int_equal(node_stats(s.n)->seq_jump_held, 100);
	assert_int_equal(stage_noted(&s, NOTE_SEQ_JUMP), 1);
	assert_int_equal(stage_noted(&s, NOTE_PEER_RESTARTED), 0);
	stage_down(&s);
}

/*
 * A message with the very next number is taken, and the peer's own, which has it too, is late.  It was
 * acknowledged, and never comes again: so all is compared.
 */
static void
two_messages_with_one_number_are_noticed_and_made_good(void **state)
{
	struct flow f = tcp_flow(1), lie = tcp_flow(2);
	struct stage s = with_peer(stage_cfg());

	(void)state;
	goes_on(&s, 30, NULL);
	forged_flow(&s, &lie, s.seq);
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_false(stage_has(&s, TABLE_REMOTE, &f, NULL));
	assert_true(stage_has(&s, TABLE_REMOTE, &lie, NULL));
	assert_int_equal(node_stats(s.n)->seq_forged, 1);
	assert_int_equal(stage_noted(&s, NOTE_SEQ_FORGED), 1);
	assert_int_equal(goes_on(&s, 30, &f), 1);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	assert_false(stage_has(&s, TABLE_REMOTE, &lie, NULL));
	stage_down(&s);
}

/* However long it goes on, the peer is asked for everything once in ten seconds at most. */
static void
a_flood_of_forgeries_causes_few_requests(void **state)
{
	struct flow f = tcp_flow(1), lie = tcp_flow(2);
	struct stage s = with_peer(stage_cfg());
	unsigned int asked = 0;

	(void)state;
	goes_on(&s, 30, NULL);
	for (int i = 0; i < 60; i++) {
		for (int k = 0; k < 20; k++) {
			forged_flow(&s, &lie, s.seq);
			stage_tell(&s, WIRE_CT_NEW, &f);
		}
		asked += goes_on(&s, 1, &f);
	}
	assert_int_equal(node_stats(s.n)->seq_forged, 60 * 20);
	assert_in_range(asked, 5, 8);
	/* And when it is over, it is over soon. */
	goes_on(&s, 40, &f);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	assert_false(stage_has(&s, TABLE_REMOTE, &lie, NULL));
	stage_down(&s);
}

/* The link may deliver a datagram twice, or late: nobody lies then. */
static void
the_same_message_twice_is_no_forgery(void **state)
{
	static const enum sync_mode_id modes[] = {MODE_FTFW, MODE_NOTRACK};
	struct flow f = tcp_flow(1), other = tcp_flow(2);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct node_cfg cfg = stage_cfg();
		struct stage s;

		cfg.mode = modes[i];
		s = with_peer(cfg);
		stage_tell(&s, WIRE_CT_NEW, &f);
		s.seq--;
		stage_tell(&s, WIRE_CT_NEW, &f);
		/* One that was missing, and another one in whose place of the memory it would be. */
		for (int k = 0; k < 200; k++)
			stage_tell(&s, WIRE_CT_NEW, &other);
		s.seq++;
		stage_tell(&s, WIRE_CT_NEW, &other);
		forged_flow(&s, &f, s.seq - 2);
		s.seq += 100;
		stage_tell(&s, WIRE_CT_NEW, &other);
		for (uint32_t k = 2; k < 100; k++)
			forged_flow(&s, &f, s.seq - k);
		assert_int_equal(node_stats(s.n)->seq_before, 1 + 1 + 98);
		assert_int_equal(node_stats(s.n)->seq_forged, 0);
		forged_flow(&s, &f, s.seq - 1);
		assert_int_equal(node_stats(s.n)->seq_forged, 1);
		stage_down(&s);
	}
}

/* 16 bytes in, the whole table out: but not as often as somebody likes. */
static void
requests_for_everything_are_rationed(void **state)
{
	enum { FLOWS = 200, SECONDS = 20 };
	struct stage s = with_peer(stage_cfg());
	unsigned int sent = 0, before;

	(void)state;
	for (unsigned int i = 1; i <= FLOWS; i++) {
		struct flow f = tcp_flow(i);

		stage_event(&s, KEV_NEW, false, &f);
	}
	stage_sent(&s, WIRE_CT_NEW, NULL);
	stage_wait(&s, 20 * 1000);
	stage_noted(&s, NOTE_BULK_STARTED);
	for (int i = 0; i < SECONDS * 100; i++) {
		for (int k = 0; k < 10; k++)
			stage_say(&s, WIRE_RESYNC, 0, 0);
		s.now = ms_add(s.now, 10);
		node_tick(s.n, s.now);
		sent += stage_sent(&s, WIRE_CT_NEW, NULL);
	}
	assert_int_equal(node_stats(s.n)->resync_received, SECONDS * 1000);
	assert_in_range(sent, FLOWS * 5, FLOWS * (4 + SECONDS / 2 + 1));
	assert_true(node_stats(s.n)->bulk_put_off > 0);
	/* The last one is answered as well, before the peer would take what it is not told for gone. */
	before = sent;
	for (int i = 0; i < 400; i++) {
		s.now = ms_add(s.now, 10);
		node_tick(s.n, s.now);
		sent += stage_sent(&s, WIRE_CT_NEW, NULL);
	}
	assert_in_range(sent - before, FLOWS, 2 * FLOWS);
	stage_down(&s);
}

/* An operator's order is carried out each time. */
static void
an_ordered_bulk_send_is_not_put_off(void **state)
{
	struct stage s = with_peer(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	stage_event(&s, KEV_NEW, false, &f);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	for (int i = 0; i < 10; i++) {
		s.now = ms_add(s.now, 10);
		node_command(s.n, CMD_BULK, s.now);
		assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	}
	stage_down(&s);
}

/* By one who invents restarts of the peer, each with two words. */
static void
a_peer_is_not_asked_for_everything_without_end(void **state)
{
	struct stage s = with_peer(stage_cfg());
	unsigned int asked = 0;

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		forged(&s, WIRE_ALIVE | WIRE_HELLO, 1000000 * i);
		forged(&s, WIRE_ALIVE | WIRE_HELLO, 1000000 * i + 1);
		asked += goes_on(&s, 1, NULL);
	}
	assert_in_range(asked, 5, 4 + 60 / 3 + 1);
	/* The peer is heard again at once, and known for what it is. */
	goes_on(&s, 3, NULL);
	{
		struct flow f = tcp_flow(1);

		stage_tell(&s, WIRE_CT_NEW, &f);
		assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	}
	stage_down(&s);
}

/* Who was heard once, told nothing, and is silent, does not keep out who is there. */
static void
invented_senders_make_way(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);

	(void)state;
	for (uint8_t i = 11; i < 11 + 8; i++) {
		s.peer.addr.b[3] = i;
		stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	s.peer.addr.b[3] = 2;
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_int_equal(node_stats(s.n)->recv_no_peer_slot, 1);
	stage_wait(&s, 9000);
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_int_equal(node_stats(s.n)->recv_no_peer_slot, 2);
	stage_wait(&s, 1000);
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_int_equal(node_stats(s.n)->recv_no_peer_slot, 2);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	/* That one has told something: it keeps its place, however silent it is. */
	stage_wait(&s, 20000);
	for (uint8_t i = 31; i < 31 + 8; i++) {
		s.peer.addr.b[3] = i;
		stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	assert_int_equal(node_stats(s.n)->recv_no_peer_slot, 3);
	stage_down(&s);
}

/* ---- nothing differs in silence ---- */

/* Is the number of some message of the last datagrams acknowledged?  All that was sent since. */
static void
acknowledge_all(struct stage *s)
{
	struct unacked_view v;
	uint32_t cursor = 0, first = 0, last = 0;
	bool any = false;

	while (node_next_unacked(s->n, &cursor, &v)) {
		first = !any || seq_cmp(v.seq, first) < 0 ? v.seq : first;
		last = !any || seq_cmp(v.seq, last) > 0 ? v.seq : last;
		any = true;
	}
	if (any)
		stage_say(s, WIRE_ACK, first, last);
}

static void
a_bulk_send_ends_with_a_result(void **state)
{
	(void)state;
	for (int heard = 0; heard < 2; heard++) {
		struct stage s = with_peer(stage_cfg());

		goes_on(&s, 10, NULL);
		for (unsigned int i = 1; i <= 50; i++) {
			struct flow f = tcp_flow(i);

			stage_event(&s, KEV_NEW, false, &f);
		}
		stage_sent(&s, WIRE_CTL, NULL);
		acknowledge_all(&s);
		node_command(s.n, CMD_BULK, s.now);
		stage_sent(&s, WIRE_CTL, NULL);
		assert_int_equal(stage_noted(&s, NOTE_BULK_DONE) > 0, true);
		assert_int_equal(s.last[NOTE_BULK_DONE].count, 50);
		if (heard)
			acknowledge_all(&s);
		goes_on(&s, 2, NULL);
		assert_int_equal(stage_noted(&s, NOTE_BULK_ACKED), heard);
		if (heard)
			assert_int_equal(s.last[NOTE_BULK_ACKED].count, 50);
		/* What waits is said again meanwhile, with new numbers; a peer that takes none of them is
		 * one to speak of. */
		goes_on(&s, 35, NULL);
		assert_int_equal(stage_noted(&s, NOTE_BULK_ACKED) + stage_noted(&s, NOTE_BULK_UNACKED),
		    1);
		assert_int_equal(stage_noted(&s, NOTE_BULK_UNACKED), !heard);
		assert_int_equal(node_stats(s.n)->bulk_unacked, heard ? 0 : 50);
		stage_down(&s);
	}
}

/* Each minute, with how many. */
static void
ends_that_are_given_up_are_told_while_it_goes_on(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s;

	(void)state;
	cfg.resend_queue = 2;
	s = with_peer(cfg);
	for (unsigned int i = 1; i <= 180; i++) {
		struct flow f = tcp_flow(i);

		stage_event(&s, KEV_NEW, false, &f);
		stage_sent(&s, WIRE_CTL, NULL);
		stage_event(&s, KEV_DESTROY, false, &f);
		stage_sent(&s, WIRE_CTL, NULL);
		stage_wait(&s, 1000);
		stage_say(&s, WIRE_ALIVE, 0, 0);
	}
	assert_in_range(stage_noted(&s, NOTE_EVICTED), 3, 4);
	assert_in_range(s.last[NOTE_EVICTED].count, 55, 65);
	stage_down(&s);
}

/* A stream of the peer with two minutes to live, and a connection with five days. */
static struct flow
udp_stream(unsigned int i)
{
	struct flow f = tcp_flow(i);

	f.key.l4 = L4_UDP;
	flow_invert(&f.key, &f.reply);
	f.status = ST_SEEN_REPLY | ST_ASSURED | ST_CONFIRMED;
	f.has &= ~(uint32_t)HAS_STATE;
	flow_derive_nat(&f);
	f.timeout_s = 120;
	return f;
}

static void
what_a_silent_peer_told_is_committed_only_as_long_as_it_lasts(void **state)
{
	struct flow tcp = tcp_flow(1), udp = udp_stream(2);
	struct kernel_op op;
	struct commit_tally tally;

	(void)state;
	for (int speaks = 0; speaks < 2; speaks++) {
		struct stage s = with_peer(stage_cfg());
		unsigned int created = 0;

		goes_on(&s, 30, NULL);
		stage_tell(&s, WIRE_CT_NEW, &tcp);
		stage_tell(&s, WIRE_CT_NEW, &udp);
		if (speaks)
			goes_on(&s, 500, NULL);
		else
			stage_wait(&s, 500 * 1000);
		node_command(s.n, CMD_COMMIT, s.now);
		while (node_pull_kernel_op(s.n, &op, s.now)) {
			assert_int_equal(op.type, KOP_CREATE);
			created++;
			/* Who speaks would have told its end: it lives. */
			if (op.flow.key.l4 == L4_UDP)
				assert_int_equal(op.flow.timeout_s, 120);
			else
				assert_in_range(op.flow.timeout_s, 432000 - 501, 432000 - 499);
			stage_answer(&s, &op, 0);
		}
		tally = stage_committed(&s);
		assert_int_equal(created, speaks ? 2 : 1);
		assert_int_equal(tally.expired, speaks ? 0 : 1);
		assert_int_equal(tally.failed, 0);
		assert_int_equal(node_stats(s.n)->commit_expired, tally.expired);
		stage_down(&s);
	}
}

/* It lived when the peer was last heard: that much may be left of it. */
static void
what_had_run_out_before_the_silence_has_only_what_is_left_since(void **state)
{
	struct flow udp = udp_stream(2);
	struct stage s = with_peer(stage_cfg());
	struct kernel_op op;

	(void)state;
	goes_on(&s, 30, NULL);
	stage_tell(&s, WIRE_CT_NEW, &udp);
	goes_on(&s, 300, NULL);
	stage_wait(&s, 50 * 1000);
	node_command(s.n, CMD_COMMIT, s.now);
	op = stage_asked(&s, KOP_CREATE);
	assert_in_range(op.flow.timeout_s, 69, 71);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_hello_does_not_displace_a_peer_that_speaks),
	    cmocka_unit_test(who_begins_anew_is_believed_with_the_second_word_or_after_a_silence),
	    cmocka_unit_test(a_hello_that_is_held_is_not_answered),
	    cmocka_unit_test(old_datagrams_do_not_pass_for_a_restart_while_the_peer_speaks),
	    cmocka_unit_test(two_messages_with_one_number_are_noticed_and_made_good),
	    cmocka_unit_test(a_flood_of_forgeries_causes_few_requests),
	    cmocka_unit_test(the_same_message_twice_is_no_forgery),
	    cmocka_unit_test(requests_for_everything_are_rationed),
	    cmocka_unit_test(an_ordered_bulk_send_is_not_put_off),
	    cmocka_unit_test(a_peer_is_not_asked_for_everything_without_end),
	    cmocka_unit_test(invented_senders_make_way),
	    cmocka_unit_test(a_bulk_send_ends_with_a_result),
	    cmocka_unit_test(ends_that_are_given_up_are_told_while_it_goes_on),
	    cmocka_unit_test(what_a_silent_peer_told_is_committed_only_as_long_as_it_lasts),
	    cmocka_unit_test(what_had_run_out_before_the_silence_has_only_what_is_left_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
