/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A datagram as it comes from the link: its messages, their attributes, and back.
 */
#include "fuzz.h"
#include "wire.h"

enum { ENCODED_MAX = 2048 };

static void
same_flow(const struct flow *a, const struct flow *b)
{
	CHECK(flow_key_equal(&a->key, &b->key));
	CHECK(flow_reply_equal(&a->reply, &b->reply));
	CHECK(flow_same_content(a, b));
	CHECK(!(a->has & HAS_TIMEOUT) || a->timeout_s == b->timeout_s);
	CHECK(a->status == b->status);
}

/* The attributes of the one message in `wb`. */
static void
only_message(const struct wbuf *wb, struct wire_msg *m)
{
	struct rbuf r;

	rbuf_init(&r, wb->start, wbuf_len(wb));
	CHECK(wire_next(&r, m) == WIRE_MSG);
	CHECK(rbuf_left(&r) == 0);
}

static void
flow_message(const struct wire_msg *m)
{
	uint8_t out[ENCODED_MAX], again[ENCODED_MAX];
	struct attr_skipped skipped = {0}, none = {0};
	struct flow f, back;
	struct wire_msg sent;
	struct wbuf wb, wb2;
	uint32_t has;

	if (attr_decode_flow(m->attrs, m->attrs_len, &f, &skipped) != ATTR_OK) {
		CHECK(skipped.unknown == 0 && skipped.misfit == 0);
		return;
	}
	CHECK(skipped.unknown + skipped.misfit <= m->attrs_len);
	/* What no node keeps need not come back. */
	if (!flow_is_complete(&f))
		return;
	wbuf_init(&wb, out, sizeof(out));
	CHECK(wire_put_flow(&wb, m->type, m->flags, m->seq, &f, UINT32_MAX));
	only_message(&wb, &sent);
	CHECK(sent.type == m->type && sent.flags == m->flags && sent.seq == m->seq);
	CHECK(attr_decode_flow(sent.attrs, sent.attrs_len, &back, &none) == ATTR_OK);
	CHECK(none.unknown == 0 && none.misfit == 0);
	CHECK(flow_is_complete(&back));
	/* The status is always said, scales only with a state. */
	has = f.has | HAS_STATUS;
	if (!(has & HAS_STATE))
		has &= ~(uint32_t)HAS_WSCALE;
	CHECK(back.has == has);
	f.has = has;
	same_flow(&f, &back);
	wbuf_init(&wb2, again, sizeof(again));
	CHECK(wire_put_flow(&wb2, m->type, m->flags, m->seq, &back, UINT32_MAX));
	CHECK(wbuf_len(&wb) == wbuf_len(&wb2) && memcmp(out, again, wbuf_len(&wb)) == 0);
}

static void
expect_message(const struct wire_msg *m)
{
	struct attr_skipped skipped = {0}, none = {0};
	uint8_t out[ENCODED_MAX];
	struct expect e, back;
	struct wire_msg sent;
	struct wbuf wb;

	if (attr_decode_expect(m->attrs, m->attrs_len, &e, &skipped) != ATTR_OK)
		return;
	wbuf_init(&wb, out, sizeof(out));
	CHECK(wire_put_expect(&wb, m->type, m->flags, m->seq, &e));
	only_message(&wb, &sent);
	CHECK(attr_decode_expect(sent.attrs, sent.attrs_len, &back, &none) == ATTR_OK);
	CHECK(none.unknown == 0 && none.misfit == 0);
	CHECK(memcmp(&e, &back, sizeof(e)) == 0);
}

static void
control_message(const struct wire_msg *m)
{
	struct wire_msg sent;
	uint8_t out[32];
	struct wbuf wb;

	wbuf_init(&wb, out, sizeof(out));
	CHECK(wire_put_control(&wb, m->flags, m->seq, m->from, m->to));
	only_message(&wb, &sent);
	CHECK(sent.type == WIRE_CTL && sent.flags == m->flags && sent.seq == m->seq);
	CHECK(sent.from == m->from && sent.to == m->to);
	CHECK(wire_classify(&sent) == wire_classify(m));
}

static void
message(const struct wire_msg *m)
{
	switch (wire_classify(m)) {
	case CLASS_STATE:
		if (m->type <= WIRE_CT_DEL)
			flow_message(m);
		else
			expect_message(m);
		break;
	case CLASS_ACK:
	case CLASS_NACK:
	case CLASS_RESYNC:
	case CLASS_ALIVE:
		control_message(m);
		break;
	case CLASS_BAD:
		break;
	}
}

/* Of a stream that has brought so much: what is handed on ends where a message does. */
static void
stream(const uint8_t *data, size_t size)
{
	size_t cap = size > 0 ? data[0] * 64u : 0, whole;
	bool broken, again;
	struct wire_msg m;
	struct rbuf r;

	whole = wire_whole(data, size, cap, &broken);
	CHECK(whole <= size && whole <= cap && !(broken && whole > 0));
	CHECK(wire_whole(data, whole, whole, &again) == whole && !again);
	rbuf_init(&r, data, whole);
	for (;;) {
		enum wire_status status = wire_next(&r, &m);

		/* A control message may still be too short for its kind; but none is cut. */
		CHECK(status != WIRE_TRUNCATED || rbuf_left(&r) < WIRE_RANGE);
		if (status != WIRE_MSG && status != WIRE_BAD_VERSION)
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum wire_status status;
	struct wire_msg m;
	struct rbuf r;

	stream(data, size);
	rbuf_init(&r, data, size);
	do {
		size_t left = rbuf_left(&r);

		status = wire_next(&r, &m);
		CHECK(!r.failed);
		if (status == WIRE_MSG || status == WIRE_BAD_VERSION)
			CHECK(rbuf_left(&r) + WIRE_HEADER <= left);
		else
			CHECK(rbuf_left(&r) == left && (status == WIRE_END) == (left == 0));
		if (status == WIRE_MSG) {
			CHECK(m.attrs >= data && m.attrs + m.attrs_len <= data + size);
			message(&m);
		}
	} while (status == WIRE_MSG || status == WIRE_BAD_VERSION);
	return 0;
}
