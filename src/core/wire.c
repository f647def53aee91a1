/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire.h"

static const uint8_t with_range = WIRE_ACK | WIRE_NACK | WIRE_RESYNC;
static const uint8_t hello = WIRE_HELLO | WIRE_HELLO_BACK;

enum wire_status
wire_next(struct rbuf *datagram, struct wire_msg *msg)
{
	size_t left = rbuf_left(datagram);
	struct rbuf r = *datagram;
	uint8_t first, version;
	size_t len, header = WIRE_HEADER;

	if (left == 0)
		return WIRE_END;
	if (left < WIRE_HEADER)
		return WIRE_TRUNCATED;
	first = rbuf_u8(&r);
	version = first >> 4;
	msg->type = first & 0x0f;
	msg->flags = rbuf_u8(&r);
	len = rbuf_be16(&r);
	msg->seq = rbuf_be32(&r);
	msg->from = 0;
	msg->to = 0;
	if (len == 0 || len > left)
		return WIRE_BAD_SIZE;
	if (msg->type == WIRE_CTL && (msg->flags & with_range)) {
		header = WIRE_RANGE;
		if (left < header)
			return WIRE_TRUNCATED;
	}
	if (len < header)
		return WIRE_BAD_SIZE;
	if (header == WIRE_RANGE) {
		msg->from = rbuf_be32(&r);
		msg->to = rbuf_be32(&r);
	}
	msg->attrs = datagram->p + header;
	msg->attrs_len = len - header;
	rbuf_skip(datagram, len);
	return version == WIRE_VERSION ? WIRE_MSG : WIRE_BAD_VERSION;
}

size_t
wire_whole(const void *data, size_t len, size_t cap, bool *broken)
{
	size_t whole = 0;
	struct rbuf r;

	*broken = false;
	rbuf_init(&r, data, len);
	while (rbuf_left(&r) >= WIRE_HEADER) {
		struct rbuf header = r;
		size_t size;

		rbuf_skip(&header, 2);
		size = rbuf_be16(&header);
		if (size < WIRE_HEADER || size > WIRE_MESSAGE_MAX) {
			*broken = whole == 0;
			break;
		}
		if (size > rbuf_left(&r) || whole + size > cap)
			break;
		rbuf_skip(&r, size);
		whole += size;
	}
	return whole;
}

enum wire_class
wire_classify(const struct wire_msg *msg)
{
	if (msg->type <= WIRE_EXP_DEL && !(msg->flags & ~hello))
		return CLASS_STATE;
	if (msg->type != WIRE_CTL)
		return CLASS_BAD;
	if (msg->flags & WIRE_ACK)
		return CLASS_ACK;
	if (msg->flags & WIRE_NACK)
		return CLASS_NACK;
	if (msg->flags & WIRE_RESYNC)
		return CLASS_RESYNC;
	if (msg->flags & WIRE_ALIVE)
		return CLASS_ALIVE;
	return CLASS_BAD;
}

static void
put_header(struct wbuf *wb, uint8_t type, uint8_t flags, uint32_t seq)
{
	wbuf_u8(wb, (uint8_t)(WIRE_VERSION << 4 | type));
	wbuf_u8(wb, flags);
	wbuf_be16(wb, 0);
	wbuf_be32(wb, seq);
}

/* Writes the length of the message begun at `start`, or takes the message back. */
static bool
finish(struct wbuf *wb, uint8_t *start)
{
	if (wb->failed) {
		wb->p = start;
		wb->failed = false;
		return false;
	}
	wbuf_patch_be16(wb, (size_t)(start - wb->start) + 2, (uint16_t)(wb->p - start));
	return true;
}

bool
wire_put_flow(struct wbuf *wb, enum wire_type type, uint8_t flags, uint32_t seq,
    const struct flow *f, uint32_t mask)
{
	uint8_t *start = wb->p;

	put_header(wb, (uint8_t)type, flags, seq);
	attr_encode_flow(wb, f, mask);
	return finish(wb, start);
}

bool
wire_put_expect(struct wbuf *wb, enum wire_type type, uint8_t flags, uint32_t seq,
    const struct expect *e)
{
	uint8_t *start = wb->p;

	put_header(wb, (uint8_t)type, flags, seq);
	attr_encode_expect(wb, e);
	return finish(wb, start);
}

bool
wire_put_control(struct wbuf *wb, uint8_t flags, uint32_t seq, uint32_t from, uint32_t to)
{
	uint8_t *start = wb->p;

	put_header(wb, WIRE_CTL, flags, seq);
	if (flags & with_range) {
		wbuf_be32(wb, from);
		wbuf_be32(wb, to);
	}
	return finish(wb, start);
}
