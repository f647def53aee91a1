/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow.c: flows that somebody looks at: which they are, each step of them, and what is kept of a flow.
 */
#include <errno.h>

#include "stage.h"

static struct flow_tuple
tuple_of(const struct flow *f)
{
	return (struct flow_tuple){.key = f->key,
	    .has = TUPLE_L4 | TUPLE_SRC | TUPLE_DST | TUPLE_SPORT | TUPLE_DPORT};
}

/* The next step has to be this one. */
static struct follow_note
step(struct stage *s, enum follow_step want)
{
	struct follow_note note;

	if (!node_pull_step(s->n, &note))
		fail_msg("no step, where %d should be", want);
	assert_int_equal(note.step, want);
	return note;
}

static void
no_step(struct stage *s)
{
	struct follow_note note;

	if (node_pull_step(s->n, &note))
		fail_msg("a step %d", note.step);
}

static void
turn_round(struct flow_tuple *t)
{
	struct flow_reply back;

	flow_invert(&t->key, &back);
	t->key.src = back.src;
	t->key.dst = back.dst;
	t->key.sport = back.sport;
	t->key.dport = back.dport;
}

/* As it is seen on both sides of the firewall, either way. */
static void
a_flow_is_known_by_any_of_its_tuples(void **state)
{
	struct flow f = tcp_flow(1), untold = f;
	struct flow_tuple t = tuple_of(&f);

	(void)state;
	for (int side = 0; side < 2; side++) {
		assert_true(tuple_is_whole(&t));
		assert_true(tuple_matches(&t, &f));
		turn_round(&t);
		assert_true(tuple_matches(&t, &f));
		t.key.src = f.reply.src;
		t.key.dst = f.reply.dst;
		t.key.sport = f.reply.sport;
		t.key.dport = f.reply.dport;
	}
	/* A peer tells the mapping and not the tuple. */
	untold.has &= ~(uint32_t)HAS_REPLY;
	assert_true(tuple_matches(&t, &untold));
	t.key.dport ^= 1;
	assert_false(tuple_matches(&t, &f));
	t.has &= ~(unsigned int)TUPLE_DPORT;
	assert_true(tuple_matches(&t, &f));
	assert_false(tuple_is_whole(&t));
	t.has |= TUPLE_ZONE;
	t.key.zone = 5;
	assert_false(tuple_matches(&t, &f));
	f.key.zone = 5;
	assert_true(tuple_matches(&t, &f));
	t.key.l4 = L4_UDP;
	assert_false(tuple_matches(&t, &f));
}

static void
an_icmp_flow_is_known_by_its_id(void **state)
{
	struct flow_tuple t = {.has = TUPLE_L4 | TUPLE_SRC | TUPLE_DST | TUPLE_SPORT};
	uint8_t echo[2] = {8, 0};
	struct flow f = tcp_flow(1);

	(void)state;
	f.key.l4 = L4_ICMP;
	memcpy(&f.key.dport, echo, 2);
	flow_invert(&f.key, &f.reply);
	t.key = f.key;
	t.key.dport = 0;
	assert_true(tuple_is_whole(&t));
	assert_true(tuple_matches(&t, &f));
	turn_round(&t);
	assert_true(tuple_matches(&t, &f));
	/* The answer's type is that of the flow turned round. */
	t.has |= TUPLE_TYPE;
	memcpy(&t.key.dport, (uint8_t[2]){0, 0}, 2);
	assert_true(tuple_matches(&t, &f));
	memcpy(&t.key.dport, (uint8_t[2]){13, 0}, 2);
	assert_false(tuple_matches(&t, &f));
}

static void
a_flow_of_ours_is_followed_to_its_end(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), other = tcp_flow(2), heard = tcp_flow(3);
	struct flow_tuple t = tuple_of(&f);
	struct follow_note note;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &heard); /* a peer is there to acknowledge */
	stage_wait(&s, 1000);
	stage_sent(&s, WIRE_CTL, NULL);
	assert_int_equal(node_follow(s.n, &t), 0);
	stage_event(&s, KEV_NEW, false, &other);
	stage_event(&s, KEV_NEW, false, &f);
	note = step(&s, STEP_EVENT_NEW);
	assert_int_equal(note.follows, 1);
	assert_true(flow_key_equal(&note.flow.key, &f.key));
	stage_sent(&s, WIRE_CT_NEW, NULL);
	note = step(&s, STEP_SENT);
	assert_int_equal(note.message, MESSAGE_NEW);
	stage_say(&s, WIRE_NACK, note.seq, note.seq);
	assert_int_equal(step(&s, STEP_NACKED).seq, note.seq);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	note = step(&s, STEP_SENT);
	stage_say(&s, WIRE_ACK, note.seq, note.seq);
	note = step(&s, STEP_ACKED);
	assert_int_equal(note.peer, 1);
	f.l4.tcp.state = TCP_FIN_WAIT;
	stage_event(&s, KEV_UPDATE, false, &f);
	step(&s, STEP_EVENT_UPDATE);
	stage_sent(&s, WIRE_CT_UPD, NULL);
	assert_int_equal(step(&s, STEP_SENT).message, MESSAGE_UPDATE);
	stage_event(&s, KEV_DESTROY, false, &f);
	step(&s, STEP_EVENT_DESTROY);
	stage_sent(&s, WIRE_CT_DEL, NULL);
	assert_int_equal(step(&s, STEP_SENT).message, MESSAGE_DELETE);
	no_step(&s);
	/* No more, once nobody looks. */
	stage_event(&s, KEV_NEW, false, &f);
	node_unfollow(s.n, 0);
	no_step(&s);
	stage_event(&s, KEV_UPDATE, false, &f);
	no_step(&s);
	stage_down(&s);
}

static void
a_peers_flow_is_followed_into_the_kernel(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);
	struct flow_tuple t = tuple_of(&f);
	struct follow_note note;
	struct kernel_op op;

	(void)state;
	turn_round(&t);
	assert_int_equal(node_follow(s.n, &t), 0);
	stage_tell(&s, WIRE_CT_DEL, &f);
	assert_int_equal(step(&s, STEP_RECEIVED).message, MESSAGE_DELETE);
	step(&s, STEP_UNKNOWN_END);
	stage_tell(&s, WIRE_CT_NEW, &f);
	note = step(&s, STEP_RECEIVED);
	assert_int_equal(note.seq, 5001);
	assert_int_equal(note.peer, 1);
	node_command(s.n, CMD_COMMIT, s.now);
	op = stage_asked(&s, KOP_CREATE);
	assert_int_equal(step(&s, STEP_ASKED).op, KOP_CREATE);
	stage_answer(&s, &op, EPERM);
	note = step(&s, STEP_ANSWERED);
	assert_int_equal(note.error, EPERM);
	assert_int_equal(note.op, KOP_CREATE);
	stage_tell(&s, WIRE_CT_DEL, &f);
	step(&s, STEP_RECEIVED);
	stage_idle(&s); /* the kernel has nothing of it */
	step(&s, STEP_REPLICA_GONE);
	stage_down(&s);
}

static void
what_is_left_as_it_is_says_so(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s;
	struct flow f = tcp_flow(1), further = tcp_flow_in(1, TCP_FIN_WAIT), udp = tcp_flow(2);
	struct flow_tuple t = tuple_of(&f), u;
	struct kernel_op op;

	(void)state;
	cfg.filter.proto_polarity = FILTER_IGNORE;
	filter_proto_add(&cfg.filter, L4_UDP);
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	s.now = ms_add(s.now, 10);
	assert_int_equal(node_follow(s.n, &t), 0);
	stage_event(&s, KEV_NEW, false, &further);
	step(&s, STEP_EVENT_NEW);
	node_command(s.n, CMD_COMMIT, s.now);
	while (node_pull_kernel_op(s.n, &op, s.now))
		stage_answer(&s, &op, 0);
	step(&s, STEP_LEFT);
	udp.key.l4 = L4_UDP;
	udp.has &= ~(uint32_t)HAS_STATE;
	u = tuple_of(&udp);
	assert_int_equal(node_follow(s.n, &u), 1);
	stage_event(&s, KEV_NEW, false, &udp);
	assert_int_equal(step(&s, STEP_FILTERED).follows, 2);
	no_step(&s);
	stage_down(&s);
}

static void
only_so_many_are_followed_and_only_so_much_is_kept(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1);
	struct flow_tuple t = tuple_of(&f);
	struct follow_note note;
	unsigned int kept = 0;

	(void)state;
	for (int i = 0; i < FOLLOW_MAX; i++)
		assert_int_equal(node_follow(s.n, &t), i);
	assert_int_equal(node_follow(s.n, &t), -1);
	node_unfollow(s.n, 2);
	node_unfollow(s.n, -1);
	node_unfollow(s.n, FOLLOW_MAX);
	for (unsigned int i = 0; i < 1000; i++)
		stage_event(&s, KEV_UPDATE, false, &f);
	while (node_pull_step(s.n, &note)) {
		assert_int_equal(note.follows, 0xb);
		kept++;
	}
	assert_int_equal(node_stats(s.n)->follow_lost, 1000 - kept);
	assert_int_equal(node_follow(s.n, &t), 2);
	stage_down(&s);
}

static struct entry_view
entry(struct stage *s, enum node_table table)
{
	struct entry_view v;
	uint32_t cursor = 0;

	assert_true(node_next_entry(s->n, table, &cursor, &v, s->now));
	return v;
}

static void
what_is_kept_of_a_flow_is_shown(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow f = tcp_flow(1), heard = tcp_flow(2);
	struct entry_view v;
	struct peer_view p;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &heard);
	s.now = ms_add(s.now, 2500);
	v = entry(&s, TABLE_REMOTE);
	assert_int_equal(v.told_ms, 2500);
	assert_int_equal(v.seq, 5000);
	assert_true(node_peer_view(s.n, 0, &p, s.now));
	assert_int_equal(v.slot, p.slot);
	stage_event(&s, KEV_NEW, false, &f);
	v = entry(&s, TABLE_LOCAL);
	assert_true(v.live && !v.committed && !v.announced && !v.dead);
	assert_int_equal(v.wait, ENTRY_WAITS_SEND);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	/* Numbers tell for how long it waits, to the second, up to 19. */
	for (int second = 0; second < 30; second++) {
		v = entry(&s, TABLE_LOCAL);
		assert_int_equal(v.wait, ENTRY_WAITS_ACK);
		assert_int_equal(v.lacks, 1 << p.slot);
		if (second >= 2 && second < 19)
			assert_in_range(v.sent_s, second - 2, second);
		if (second == 19)
			assert_in_range(v.sent_s, 17, 19);
		s.now = ms_add(s.now, 1000);
		/* Somebody who does not speak is not waited for. */
		stage_say(&s, WIRE_ALIVE, 0, 0);
		node_tick(s.n, s.now);
		if (second < 18)
			stage_sent(&s, WIRE_CTL, NULL);
		else
			break;
	}
	stage_say(&s, WIRE_ACK, v.seq, v.seq);
	v = entry(&s, TABLE_LOCAL);
	assert_int_equal(v.wait, ENTRY_WAITS_NOT);
	assert_int_equal(v.lacks, 0);
	assert_true(v.announced);
	stage_event(&s, KEV_DESTROY, false, &f);
	v = entry(&s, TABLE_LOCAL);
	assert_true(v.dead);
	stage_down(&s);
}

/* Each part of a tuple that is said has to be so, in one direction or the other. */
static void
a_tuple_means_all_that_it_says(void **state)
{
	struct flow f = tcp_flow(1), bare = f, icmp = f;
	struct flow_tuple t = {.key = f.key};

	(void)state;
	assert_true(tuple_matches(&t, &f)); /* nothing said: any */
	for (unsigned int bit = TUPLE_L4; bit <= TUPLE_ZONE; bit <<= 1) {
		struct flow_tuple wrong = {.key = f.key, .has = (uint8_t)bit};

		assert_true(tuple_matches(&wrong, &f));
		wrong.key.l4 = L4_UDP;
		wrong.key.l3 = L3_IPV6;
		wrong.key.src.b[3] ^= 1;
		wrong.key.dst.b[3] ^= 1;
		wrong.key.sport ^= 1;
		wrong.key.dport ^= 1;
		wrong.key.zone ^= 1;
		assert_false(tuple_matches(&wrong, &f));
		wrong.key.l3 = L3_IPV4;
		assert_false(tuple_matches(&wrong, &f));
	}
	/* Of a flow without a reply tuple only its own two directions are known. */
	bare.has &= HAS_ADDRS | HAS_L4PROTO | HAS_PORTS;
	t = (struct flow_tuple){.key = f.key, .has = TUPLE_DST};
	t.key.dst = f.reply.dst;
	assert_true(tuple_matches(&t, &f));
	assert_false(tuple_matches(&t, &bare));

	/* Type and code of ICMP stand in the place of a port. */
	icmp.key.l4 = L4_ICMP;
	icmp.has &= HAS_ADDRS | HAS_L4PROTO | HAS_PORTS;
	memcpy(&icmp.key.dport, "\10\0", 2);
	t = (struct flow_tuple){.key = icmp.key, .has = TUPLE_L4 | TUPLE_TYPE | TUPLE_CODE};
	assert_true(tuple_matches(&t, &icmp));
	memcpy(&t.key.dport, "\10\1", 2);
	assert_false(tuple_matches(&t, &icmp));
	t.has = TUPLE_L4 | TUPLE_TYPE;
	assert_true(tuple_matches(&t, &icmp));
	memcpy(&t.key.dport, "\3\0", 2);
	assert_false(tuple_matches(&t, &icmp));
}

static void
a_tuple_is_whole_with_all_that_its_protocol_has(void **state)
{
	const struct {
		uint8_t l4;
		unsigned int need;
	} rows[] = {{L4_TCP, TUPLE_SPORT | TUPLE_DPORT}, {L4_GRE, TUPLE_SPORT | TUPLE_DPORT},
	    {L4_ICMP, TUPLE_SPORT}, {50, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow_tuple t = {.key.l4 = rows[i].l4, .has = TUPLE_L4 | TUPLE_SRC | TUPLE_DST};

		assert_int_equal(tuple_is_whole(&t), rows[i].need == 0);
		t.has |= (uint8_t)rows[i].need;
		assert_true(tuple_is_whole(&t));
		t.has &= (uint8_t)~TUPLE_SRC;
		assert_false(tuple_is_whole(&t));
	}
}

/* What peers told: how long it lasts where it runs out, and what is still to be written. */
static void
what_peers_told_is_shown_with_what_is_left_of_it(void **state)
{
	struct stage s = stage_up(alarm_cfg());
	struct flow f = tcp_flow(1);
	struct entry_view v;
	struct kernel_op op;
	struct node_cfg cfg = stage_cfg();
	uint32_t cursor = 0;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	assert_true(node_next_entry(s.n, TABLE_REMOTE, &cursor, &v, s.now));
	assert_int_equal(v.expires_s, 20);
	assert_false(v.to_write);
	assert_false(node_next_entry(s.n, TABLE_REMOTE, &cursor, &v, s.now));
	cursor = 0;
	assert_true(node_next_entry(s.n, TABLE_REMOTE, &cursor, &v, ms_add(s.now, 25 * 1000)));
	assert_int_equal(v.expires_s, 0);
	stage_down(&s);

	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	cursor = 0;
	assert_true(node_next_entry(s.n, TABLE_REMOTE, &cursor, &v, s.now));
	assert_true(v.to_write);
	op = stage_asked(&s, KOP_CREATE);
	/* Told again, with something new, while the first is under way. */
	f.has |= HAS_MARK;
	f.mark = 7;
	stage_tell(&s, WIRE_CT_UPD, &f);
	while (node_pull_kernel_op(s.n, &op, s.now))
		fail_msg("a second request for one flow");
	cursor = 0;
	assert_true(node_next_entry(s.n, TABLE_REMOTE, &cursor, &v, s.now));
	assert_true(v.to_write);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flow_is_known_by_any_of_its_tuples),
	    cmocka_unit_test(an_icmp_flow_is_known_by_its_id),
	    cmocka_unit_test(a_flow_of_ours_is_followed_to_its_end),
	    cmocka_unit_test(a_peers_flow_is_followed_into_the_kernel),
	    cmocka_unit_test(what_is_left_as_it_is_says_so),
	    cmocka_unit_test(only_so_many_are_followed_and_only_so_much_is_kept),
	    cmocka_unit_test(what_is_kept_of_a_flow_is_shown),
	    cmocka_unit_test(a_tuple_means_all_that_it_says),
	    cmocka_unit_test(a_tuple_is_whole_with_all_that_its_protocol_has),
	    cmocka_unit_test(what_peers_told_is_shown_with_what_is_left_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
