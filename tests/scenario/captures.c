/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of conntrackd 1.4.7 against captures of conntrackd 1.4.7.
 *
 * The model takes the place of one of the two daemons of a capture: it gets the other's datagrams
 * when the capture has them, and kernel events made from the state messages that the daemon sent.
 * What it says must then be the same byte for byte: types, flags, numbers, ranges, attributes; and
 * which messages share a datagram, and when, to a few milliseconds.
 *
 * Only where the order is that of the program's hash is it not compared.
 */
#include "incumbent.h"

#include "pcap.h"
#include "wire.h"

enum { SAID_MAX = 4096, MESSAGE_MAX = 400 };

/* ---- what a test says of a capture ---- */

/* Datagrams are counted from 1. */
enum mark_type {
	LOST,      /* the other side's, which did not arrive */
	ANSWER,    /* sent by itself: to a NACK or a RESYNC */
	ANY_ORDER, /* the same, and the order of the program's hash is not known */
	CMD_N,     /* -n */
	CMD_B,     /* -B; any order */
	CMD_R_B,   /* -R and -B; any order */
	OVERRUN,   /* the read of the kernel table after an overrun */
};

struct mark {
	enum mark_type type;
	size_t from, to;
};

struct part {
	const char *file;
	uint8_t who;         /* whose place the model takes */
	bool middle;         /* the daemon had been running when the capture began */
	unsigned int open;   /* then: messages that it had received and not acknowledged yet */
	unsigned int acked;  /* then: that it had acknowledged of this window, but for one */
	bool hello;          /* then: the last of the open ones said HELLO */
	size_t skip;         /* datagrams of an earlier life of the daemon */
	struct incumbent_cfg cfg;
	struct mark marks[4];
};

struct said {
	int64_t at_ms;
	size_t datagram; /* counts the model's */
	size_t len;
	uint8_t data[MESSAGE_MAX];
};

struct play {
	const struct part *part;
	struct capture *cap;
	struct incumbent *inc;
	ms_t now;
	struct said said[SAID_MAX];
	size_t head, count; /* said and not yet compared */
	size_t datagrams;
	size_t compared; /* messages */
	int64_t born_ms;
};

static const struct mark *
mark_of(const struct play *p, size_t frame)
{
	for (size_t i = 0; i < ARRAY_LEN(p->part->marks); i++) {
		const struct mark *m = &p->part->marks[i];

		if (m->from != 0 && frame + 1 >= m->from && frame + 1 <= m->to)
			return m;
	}
	return NULL;
}

static bool
is_ours(const struct play *p, size_t frame)
{
	return frame >= p->part->skip && p->cap->frames[frame].who == p->part->who;
}

/* ---- the model ---- */

static void
listen_to_model(struct play *p)
{
	uint8_t buf[MTU_PAYLOAD];
	struct kernel_op op;
	size_t len;

	while (incumbent_pull_kernel_op(p->inc, &op, p->now)) {
		/* All flows are still there. */
		struct kernel_result res = {.cookie = op.cookie};

		assert_int_equal(op.type, KOP_GET);
		incumbent_kernel_result(p->inc, &res, p->now);
	}
	while ((len = incumbent_pull_datagram(p->inc, buf, sizeof(buf), p->now)) > 0) {
		p->datagrams++;
		for (size_t at = 0; at < len;) {
			struct said *s = &p->said[p->count++];

			assert_true(p->count < SAID_MAX);
			s->at_ms = p->now.ms;
			s->datagram = p->datagrams;
			s->len = get_be16(buf + at + 2);
			assert_in_range(s->len, WIRE_HEADER, MESSAGE_MAX);
			memcpy(s->data, buf + at, s->len);
			at += s->len;
		}
	}
}

/* Time passes; what the model says by itself far from any datagram is found out when compared. */
static void
advance(struct play *p, int64_t to_ms)
{
	while (incumbent_deadline(p->inc).ms + TOLERANCE_MS < to_ms) {
		p->now = incumbent_deadline(p->inc);
		incumbent_tick(p->inc, p->now);
		listen_to_model(p);
	}
	if (to_ms > p->now.ms)
		p->now.ms = to_ms;
}

static bool
local_flow(struct play *p, const struct flow_key *key, struct flow *out)
{
	struct flow_view v;
	uint32_t cursor = 0;

	while (incumbent_next_flow(p->inc, TABLE_LOCAL, &cursor, &v, p->now)) {
		if (flow_key_equal(&v.flow.key, key)) {
			*out = v.flow;
			return true;
		}
	}
	return false;
}

static void
raise(struct play *p, enum kernel_event_type type, const struct flow *f)
{
	struct kernel_event ev = {.type = type, .flow = *f};

	incumbent_kernel_event(p->inc, &ev, p->now);
}

/*
 * The events behind a state message.  They say no more than they must: attributes that the flow is
 * known to have already are left out, so that they come from the model's cache.
 */
static void
flow_events(struct play *p, uint8_t type, struct flow *f)
{
	const uint32_t sticky = HAS_MARK | HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS |
	    HAS_SEQADJ | HAS_HELPER | HAS_LABELS | HAS_SYNPROXY | HAS_WSCALE | HAS_VTAGS;
	struct flow known, first, extra;

	if (f->key.l4 == L4_UDPLITE) {
		/* The kernel knows ports; the wire does not. */
		put_be16(&f->key.sport, 1);
		put_be16(&f->key.dport, 2);
		f->has |= HAS_PORTS;
	}
	first = *f;
	extra = *f;
	if (type == WIRE_CT_NEW) {
		raise(p, KEV_NEW, f);
		return;
	}
	if (type == WIRE_CT_DEL) {
		f->has &= HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_ICMP | HAS_REPLY | HAS_STATUS;
		f->status |= ST_DYING;
		raise(p, KEV_DESTROY, f);
		return;
	}
	if (!local_flow(p, &f->key, &known)) {
		/* Made and changed before anything was sent. */
		first.timeout_s = 1;
		first.l4.tcp.state = TCP_SYN_SENT;
		raise(p, KEV_NEW, &first);
		known = first;
	}
	extra.has &= sticky;
	if (!flow_merge(&known, &extra))
		f->has &= ~sticky;
	raise(p, KEV_UPDATE, f);
}

static const enum kernel_event_type event_types[] = {
    [WIRE_EXP_NEW] = KEV_NEW, [WIRE_EXP_UPD] = KEV_UPDATE, [WIRE_EXP_DEL] = KEV_DESTROY};

/* What is to be made of the state messages of a datagram. */
enum make { MAKE_EVENTS, MAKE_READ, MAKE_KNOWN };

/* Has the daemon told of this flow in a datagram before that one? */
static bool
told_before(const struct play *p, size_t frame, const struct flow_key *key)
{
	for (size_t i = 0; i < frame; i++) {
		const struct frame *fr = &p->cap->frames[i];
		struct wire_msg m;
		struct rbuf r;

		rbuf_init(&r, fr->data, is_ours(p, i) ? fr->len : 0);
		while (wire_next(&r, &m) == WIRE_MSG) {
			struct attr_skipped skipped = {0};
			struct flow f;

			if (m.type <= WIRE_CT_DEL &&
			    attr_decode_flow(m.attrs, m.attrs_len, &f, &skipped) == ATTR_OK &&
			    flow_key_equal(&f.key, key))
				return true;
		}
	}
	return false;
}

static void
expect_event(struct play *p, const struct wire_msg *m, enum make make)
{
	struct attr_skipped skipped = {0};
	struct expect e;

	assert_int_equal(attr_decode_expect(m->attrs, m->attrs_len, &e, &skipped), ATTR_OK);
	if (make != MAKE_KNOWN)
		incumbent_expect_event(p->inc, event_types[m->type], make == MAKE_READ, &e, p->now);
}

static void
each_state(struct play *p, size_t frame, enum make make)
{
	const struct frame *fr = &p->cap->frames[frame];
	struct wire_msg m;
	struct rbuf r;

	rbuf_init(&r, fr->data, fr->len);
	while (wire_next(&r, &m) == WIRE_MSG) {
		struct attr_skipped skipped = {0};
		struct flow f;

		if (m.type > WIRE_EXP_DEL)
			continue;
		if (m.type > WIRE_CT_DEL) {
			expect_event(p, &m, make);
			continue;
		}
		assert_int_equal(attr_decode_flow(m.attrs, m.attrs_len, &f, &skipped), ATTR_OK);
		f.has |= HAS_REPLY;
		if (make == MAKE_EVENTS)
			flow_events(p, m.type, &f);
		else if (make == MAKE_READ || !told_before(p, frame, &f.key))
			incumbent_kernel_read_flow(p->inc, &f, p->now);
	}
}

static void
read_kernel(struct play *p, const struct mark *m, enum make make)
{
	incumbent_kernel_read_begin(p->inc, m->type == OVERRUN, p->now);
	for (size_t i = m->from - 1; i < m->to; i++)
		each_state(p, i, make);
	incumbent_kernel_read_end(p->inc, true, p->now);
}

/* What made the daemon send this datagram, as far as it came from outside. */
static void
cause(struct play *p, size_t frame)
{
	const struct mark *m = mark_of(p, frame);

	if (m == NULL) {
		each_state(p, frame, MAKE_EVENTS);
		return;
	}
	if (frame + 1 != m->from)
		return;
	switch (m->type) {
	case LOST:
	case ANSWER:
	case ANY_ORDER:
		break;
	case CMD_N:
		incumbent_command(p->inc, CMD_REQUEST_RESYNC, p->now);
		break;
	case CMD_R_B:
		read_kernel(p, m, MAKE_READ);
		incumbent_command(p->inc, CMD_BULK, p->now);
		break;
	case CMD_B:
		incumbent_command(p->inc, CMD_BULK, p->now);
		break;
	case OVERRUN:
		read_kernel(p, m, MAKE_READ);
		break;
	}
}

/* ---- comparison ---- */

static bool
same_but_for_number(const struct said *s, const uint8_t *msg, size_t len)
{
	return s->len == len && memcmp(s->data, msg, 4) == 0 &&
	    memcmp(s->data + WIRE_HEADER, msg + WIRE_HEADER, len - WIRE_HEADER) == 0;
}

/*
 * Messages of one datagram in an order that only the program's hash explains: brings to the front
 * what the capture has next.  The numbers are not of that order.
 */
static void
bring_to_front(struct play *p, const uint8_t *msg, size_t len)
{
	struct said *front = &p->said[p->head], tmp;

	for (struct said *s = front; s < p->said + p->count; s++) {
		if (!same_but_for_number(s, msg, len))
			continue;
		tmp = *s;
		s->len = front->len;
		memcpy(s->data, front->data, front->len);
		memcpy(s->data + 4, tmp.data + 4, 4);
		memcpy(tmp.data + 4, front->data + 4, 4);
		front->len = tmp.len;
		memcpy(front->data, tmp.data, tmp.len);
		return;
	}
}

static void
compare_message(struct play *p, size_t frame, const uint8_t *msg, size_t len)
{
	const struct mark *m = mark_of(p, frame);
	const struct frame *fr = &p->cap->frames[frame];
	struct said *s = &p->said[p->head];

	if (p->head == p->count)
		fail_msg("datagram %zu: the model is silent", frame + 1);
	if (m != NULL && (m->type == ANY_ORDER || m->type == CMD_B || m->type == CMD_R_B))
		bring_to_front(p, msg, len);
	if (s->len != len || memcmp(s->data, msg, len) != 0)
		fail_msg("datagram %zu: %02x%02x number %u length %zu, and the model says %02x%02x "
			 "number %u length %zu", frame + 1, msg[0], msg[1], get_be32(msg + 4), len,
		    s->data[0], s->data[1], get_be32(s->data + 4), s->len);
	if (llabs(fr->at_ms - s->at_ms) > TOLERANCE_MS)
		fail_msg("datagram %zu: %lld ms later than the model", frame + 1,
		    (long long)(fr->at_ms - s->at_ms));
	p->head++;
	p->compared++;
}

static void
compare(struct play *p, size_t frame)
{
	const struct frame *fr = &p->cap->frames[frame];
	size_t datagram = p->said[p->head].datagram;

	if (p->head == p->count && incumbent_deadline(p->inc).ms <= fr->at_ms + TOLERANCE_MS) {
		if (incumbent_deadline(p->inc).ms > p->now.ms)
			p->now = incumbent_deadline(p->inc);
		incumbent_tick(p->inc, p->now);
		listen_to_model(p);
		datagram = p->said[p->head].datagram;
	}
	for (size_t at = 0; at < fr->len; at += get_be16(fr->data + at + 2)) {
		if (p->said[p->head].datagram != datagram)
			fail_msg("datagram %zu: the model sends two", frame + 1);
		compare_message(p, frame, fr->data + at, get_be16(fr->data + at + 2));
	}
	if (p->head < p->count && p->said[p->head].datagram == datagram)
		fail_msg("datagram %zu: the model adds to it", frame + 1);
}

/* ---- before the capture ---- */

static void
peer_says(struct play *p, uint32_t seq, uint8_t flags)
{
	uint8_t buf[WIRE_HEADER];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, WIRE_ALIVE | flags, seq, 0, 0));
	incumbent_datagram(p->inc, buf, wbuf_len(&wb), p->now);
}

static void
tick_before(struct play *p)
{
	p->now = incumbent_deadline(p->inc);
	incumbent_tick(p->inc, p->now);
	listen_to_model(p);
}

/*
 * A daemon in the midst of its life: the handshake is over, the last transmission was a second
 * before a control message (which the timer sent), less before an event.
 */
static void
live_before(struct play *p, size_t first, size_t peer)
{
	uint32_t peer_seq = get_be32(p->cap->frames[peer].data + 4);
	unsigned int open = p->part->open;

	tick_before(p);
	for (unsigned int acked = p->part->acked + 1; acked > 0; acked--)
		peer_says(p, peer_seq - acked - open, WIRE_HELLO_BACK);
	tick_before(p);
	for (; open > 0; open--)
		peer_says(p, peer_seq - open, p->part->hello && open == 1 ? WIRE_HELLO : 0);
	assert_int_equal(p->count, 2);
	assert_int_equal(get_be32(p->said[1].data + 4) + 1,
	    get_be32(p->cap->frames[first].data + 4));
	p->head = 2;
}

/* Flows that a bulk send names, and that no message before it has told of. */
static void
know_before(struct play *p)
{
	for (size_t i = 0; i < ARRAY_LEN(p->part->marks); i++) {
		const struct mark *m = &p->part->marks[i];

		if (m->from != 0 && (m->type == CMD_B || m->type == CMD_R_B))
			read_kernel(p, m, MAKE_KNOWN);
	}
}

static void
begin(struct play *p)
{
	struct incumbent_cfg cfg = p->part->cfg;
	size_t first = 0, peer = 0;
	int64_t start;

	while (!is_ours(p, first))
		first++;
	while (p->cap->frames[peer].who == p->part->who)
		peer++;
	cfg.mode = MODE_FTFW;
	cfg.first_seq = get_be32(p->cap->frames[first].data + 4) - (p->part->middle ? 2 : 0);
	start = p->cap->frames[first].at_ms - (p->part->middle ? 3000 : 1000);
	if (p->part->middle && (p->cap->frames[first].data[0] & 15) != WIRE_CTL)
		start += 100;
	p->now.ms = start;
	p->born_ms = start;
	p->inc = incumbent_new(&cfg, p->now);
	know_before(p);
	if (p->part->middle)
		live_before(p, first, peer);
}

/* Does the next datagram come so close to this one that the daemon read both in one turn? */
static bool
together(const struct play *p, size_t frame)
{
	const struct frame *fr = &p->cap->frames[frame];

	return frame + 1 < p->cap->count && fr[1].who == fr->who && fr[1].at_ms - fr->at_ms <= 1;
}

/* Returns how many messages were compared. */
static size_t
play(const struct part *part)
{
	struct play *p = calloc(1, sizeof(*p));
	const struct frame *fr;
	size_t compared;

	assert_non_null(p);
	p->part = part;
	p->cap = pcap_load(part->file);
	begin(p);
	for (size_t i = 0; i < p->cap->count; i++) {
		const struct mark *m = mark_of(p, i);

		fr = &p->cap->frames[i];
		if (fr->at_ms < p->born_ms)
			continue;
		if (!is_ours(p, i)) {
			if (fr->who == part->who)
				continue;
			advance(p, fr->at_ms);
			if (m == NULL || m->type != LOST)
				incumbent_datagram(p->inc, fr->data, fr->len, p->now);
			if (!together(p, i))
				listen_to_model(p);
		} else {
			advance(p, fr->at_ms);
			cause(p, i);
			listen_to_model(p);
			compare(p, i);
		}
	}
	if (p->head != p->count)
		fail_msg("the model goes on");
	compared = p->compared;
	incumbent_free(p->inc);
	free(p->cap);
	free(p);
	return compared;
}

/* ---- the captures ---- */

static void
it_starts_and_answers_hello(void **state)
{
	static const struct part first = {.file = "ftfw-startup", .who = 2};
	static const struct part second = {.file = "ftfw-startup", .who = 1};

	(void)state;
	assert_int_equal(play(&first), 8);
	assert_int_equal(play(&second), 4);
}

static void
it_restarts_and_meets_one_that_restarts(void **state)
{
	/* Two datagrams belong to the life before. */
	static const struct part restarted = {.file = "ftfw-restart", .who = 1, .skip = 2};
	static const struct part other = {
	    .file = "ftfw-restart", .who = 2, .middle = true, .open = 1};

	(void)state;
	assert_int_equal(play(&restarted), 2);
	assert_int_equal(play(&other), 5);
}

static void
it_tells_of_flows_of_every_kind(void **state)
{
	static const struct part sender = {.file = "ftfw-flows", .who = 1, .middle = true};
	static const struct part receiver = {
	    .file = "ftfw-flows", .who = 2, .middle = true, .open = 1};
	static const struct part v6 = {.file = "ftfw-exp6", .who = 1, .middle = true, .open = 1};
	static const struct part misc = {.file = "ftfw-misc", .who = 1, .middle = true, .open = 1,
	    .cfg.tcp_window_tracking = true};

	(void)state;
	assert_int_equal(play(&sender), 44);
	assert_int_equal(play(&receiver), 15);
	assert_int_equal(play(&v6), 11);
	assert_int_equal(play(&misc), 6);
}

static void
it_asks_for_what_is_missing_and_sends_it_again(void **state)
{
	static const struct part sender = {.file = "ftfw-nack", .who = 1, .middle = true,
	    .marks = {{ANSWER, 7, 7}, {ANSWER, 16, 16}}};
	static const struct part receiver = {.file = "ftfw-nack", .who = 2, .middle = true,
	    .open = 1, .marks = {{LOST, 3, 4}, {LOST, 12, 12}}};

	(void)state;
	assert_int_equal(play(&sender), 11);
	assert_int_equal(play(&receiver), 7);
}

static void
it_loses_what_does_not_fit_its_resend_queue(void **state)
{
	static const struct part sender = {.file = "ftfw-rsq-overflow", .who = 1, .middle = true,
	    .cfg.resend_queue = 10, .marks = {{ANSWER, 36, 36}}};
	static const struct part receiver = {.file = "ftfw-rsq-overflow", .who = 2, .middle = true,
	    .open = 1, .cfg.ack_window = 5, .marks = {{LOST, 3, 32}}};

	(void)state;
	assert_int_equal(play(&sender), 42);
	assert_int_equal(play(&receiver), 6);
}

static void
it_sends_everything_when_asked(void **state)
{
	static const struct part sender = {.file = "ftfw-resync", .who = 1, .middle = true,
	    .marks = {{CMD_R_B, 8, 8}, {ANY_ORDER, 19, 19}}};
	static const struct part receiver = {.file = "ftfw-resync", .who = 2, .middle = true,
	    .open = 1, .marks = {{CMD_N, 18, 18}}};

	(void)state;
	assert_int_equal(play(&sender), 29);
	assert_int_equal(play(&receiver), 7);
}

static void
it_fills_datagrams(void **state)
{
	static const struct part sender = {.file = "udp6-bulk", .who = 1, .cfg.ack_window = 20,
	    .marks = {{CMD_B, 5, 11}}};
	static const struct part receiver = {.file = "udp6-bulk", .who = 2, .cfg.ack_window = 20};

	(void)state;
	assert_int_equal(play(&sender), 123);
	assert_int_equal(play(&receiver), 9);
}

static void
it_reads_the_kernel_after_an_overrun(void **state)
{
	static const struct part sender = {.file = "overrun", .who = 1, .middle = true, .open = 1,
	    .marks = {{OVERRUN, 234, 265}}};
	static const struct part receiver = {
	    .file = "overrun", .who = 2, .middle = true, .acked = 1};

	(void)state;
	assert_int_equal(play(&sender), 1188);
	assert_int_equal(play(&receiver), 7);
}

static void
it_says_hello_back_with_data(void **state)
{
	static const struct part sender = {
	    .file = "ftfw-purge", .who = 1, .middle = true, .open = 1, .hello = true};
	static const struct part receiver = {
	    .file = "ftfw-purge", .who = 2, .middle = true, .open = 1, .hello = true};

	(void)state;
	assert_int_equal(play(&sender), 7);
	assert_int_equal(play(&receiver), 4);
}

static void
it_is_silent_about_a_commit(void **state)
{
	static const struct part sender = {.file = "ftfw-commit", .who = 1, .middle = true,
	    .marks = {{CMD_R_B, 21, 21}}};
	static const struct part receiver = {
	    .file = "ftfw-commit", .who = 2, .middle = true, .open = 1};

	(void)state;
	assert_int_equal(play(&sender), 36);
	assert_int_equal(play(&receiver), 5);
}

static void
it_bears_a_peer_that_jumps_repeats_and_lies(void **state)
{
	static const struct part receiver = {
	    .file = "peer-seqtests", .who = 2, .cfg.ack_window = 5};

	(void)state;
	assert_int_equal(play(&receiver), 12);
}

/*
 * Made for this test: a stranger says what comes into its mind, with HELLO now and then, numbers
 * across the wrap that come late, twice or too early, ranges that mean nothing, wrong headers and
 * payloads.  The daemon has a few flows and short queues.  Only with one flow is
 * RESYNC among it: the order of two would be that of the hash.
 */
static void
it_bears_a_stranger_that_talks_nonsense(void **state)
{
	static const struct part flows = {.file = "stranger", .who = 2, .cfg.ack_window = 5,
	    .cfg.resend_queue = 12, .marks = {{ANSWER, 8, FRAMES_MAX}}};
	static const struct part resync = {.file = "stranger-resync", .who = 2,
	    .cfg.ack_window = 5, .cfg.resend_queue = 12, .marks = {{ANSWER, 3, FRAMES_MAX}}};

	(void)state;
	assert_int_equal(play(&flows), 127);
	assert_int_equal(play(&resync), 93);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_starts_and_answers_hello),
	    cmocka_unit_test(it_restarts_and_meets_one_that_restarts),
	    cmocka_unit_test(it_tells_of_flows_of_every_kind),
	    cmocka_unit_test(it_asks_for_what_is_missing_and_sends_it_again),
	    cmocka_unit_test(it_loses_what_does_not_fit_its_resend_queue),
	    cmocka_unit_test(it_sends_everything_when_asked),
	    cmocka_unit_test(it_fills_datagrams),
	    cmocka_unit_test(it_reads_the_kernel_after_an_overrun),
	    cmocka_unit_test(it_says_hello_back_with_data),
	    cmocka_unit_test(it_is_silent_about_a_commit),
	    cmocka_unit_test(it_bears_a_peer_that_jumps_repeats_and_lies),
	    cmocka_unit_test(it_bears_a_stranger_that_talks_nonsense),
	};

	return cmocka_run_group_tests_name("captures", tests, NULL, NULL);
}
