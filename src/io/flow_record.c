/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow_record.h"

#include "attr.h"

enum {
	BIT_DEAD = 1 << 0,
	BIT_LIVE = 1 << 1,
	BIT_COMMITTED = 1 << 2,
	BIT_ANNOUNCED = 1 << 3,
	BIT_TO_WRITE = 1 << 4,
	BIT_DRAINED = 1 << 5,
	LENGTH_SIZE = 2,
	/* What the protocol does not carry, or not whole. */
	CARRIED_APART = HAS_ID | HAS_ZONE | HAS_REPLY | HAS_HELPER,
};

/* Times beyond 49 days are that long. */
static uint32_t
cut_ms(int64_t ms)
{
	return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void
write_flow(struct wbuf *wb, const struct flow *f)
{
	size_t addr_len = flow_addr_len(f->key.l3);

	wbuf_be32(wb, f->has & CARRIED_APART);
	wbuf_be32(wb, f->id);
	wbuf_be16(wb, f->key.zone);
	wbuf_u8(wb, f->key.l3);
	if (f->has & HAS_REPLY) {
		wbuf_bytes(wb, &f->reply.src, addr_len);
		wbuf_bytes(wb, &f->reply.dst, addr_len);
		wbuf_bytes(wb, &f->reply.sport, sizeof(f->reply.sport));
		wbuf_bytes(wb, &f->reply.dport, sizeof(f->reply.dport));
	}
	if (f->has & HAS_HELPER)
		wbuf_bytes(wb, f->rare.helper, sizeof(f->rare.helper));
	attr_encode_flow(wb, f, ~(uint32_t)HAS_HELPER);
}

void
flow_record_write(struct wbuf *wb, const struct flow_record *r)
{
	const struct entry_view *v = &r->v;
	size_t at = wbuf_len(wb);
	uint8_t bits = (uint8_t)((v->dead ? BIT_DEAD : 0) | (v->live ? BIT_LIVE : 0) |
	    (v->committed ? BIT_COMMITTED : 0) | (v->announced ? BIT_ANNOUNCED : 0) |
	    (v->to_write ? BIT_TO_WRITE : 0) | (r->drained ? BIT_DRAINED : 0));

	wbuf_be16(wb, 0);
	wbuf_u8(wb, (uint8_t)r->kind);
	wbuf_u8(wb, bits);
	if (r->kind != RECORD_END) {
		wbuf_u8(wb, (uint8_t)v->wait);
		wbuf_u8(wb, v->lacks);
		wbuf_u8(wb, (uint8_t)v->sent_s);
		wbuf_u8(wb, v->slot);
		wbuf_be32(wb, v->seq);
		wbuf_be32(wb, cut_ms(v->age_ms));
		wbuf_be32(wb, cut_ms(v->changed_ms));
		wbuf_be32(wb, cut_ms(v->told_ms));
		write_flow(wb, &v->flow);
	}
	if (!wb->failed)
		wbuf_patch_be16(wb, at, (uint16_t)(wbuf_len(wb) - at));
}

static bool
read_flow(struct rbuf *b, struct flow *f)
{
	struct attr_skipped skipped = {0};
	uint32_t apart = rbuf_be32(b) & CARRIED_APART, id = rbuf_be32(b);
	uint16_t zone = rbuf_be16(b);
	uint8_t l3 = rbuf_u8(b);
	struct flow_reply reply = {0};
	char helper[FLOW_HELPER_LEN] = "";

	if (apart & HAS_REPLY) {
		rbuf_bytes(b, &reply.src, flow_addr_len(l3));
		rbuf_bytes(b, &reply.dst, flow_addr_len(l3));
		rbuf_bytes(b, &reply.sport, sizeof(reply.sport));
		rbuf_bytes(b, &reply.dport, sizeof(reply.dport));
	}
	if (apart & HAS_HELPER)
		rbuf_bytes(b, helper, sizeof(helper));
	if (b->failed || attr_decode_flow(b->p, rbuf_left(b), f, &skipped) != ATTR_OK)
		return false;
	f->has = (f->has & ~(uint32_t)CARRIED_APART) | apart;
	f->id = id;
	f->key.zone = f->rare.master.zone = zone;
	if (apart & HAS_REPLY)
		f->reply = reply;
	helper[FLOW_HELPER_LEN - 1] = '\0';
	memcpy(f->rare.helper, helper, sizeof(helper));
	return true;
}

/* One record as a whole. */
static bool
read_record(const uint8_t *data, size_t len, struct flow_record *r)
{
	struct entry_view *v = &r->v;
	struct rbuf b;
	uint8_t kind, bits;

	rbuf_init(&b, data + LENGTH_SIZE, len - LENGTH_SIZE);
	memset(r, 0, sizeof(*r));
	kind = rbuf_u8(&b);
	bits = rbuf_u8(&b);
	if (b.failed || kind > RECORD_END)
		return false;
	r->kind = (enum flow_record_kind)kind;
	r->drained = bits & BIT_DRAINED;
	if (kind == RECORD_END)
		return rbuf_left(&b) == 0;
	v->dead = bits & BIT_DEAD;
	v->live = bits & BIT_LIVE;
	v->committed = bits & BIT_COMMITTED;
	v->announced = bits & BIT_ANNOUNCED;
	v->to_write = bits & BIT_TO_WRITE;
	kind = rbuf_u8(&b);
	v->wait = kind <= ENTRY_WAITS_ACK ? (enum entry_wait)kind : ENTRY_WAITS_NOT;
	v->lacks = rbuf_u8(&b);
	v->sent_s = rbuf_u8(&b);
	v->slot = rbuf_u8(&b);
	v->seq = rbuf_be32(&b);
	v->age_ms = rbuf_be32(&b);
	v->changed_ms = rbuf_be32(&b);
	v->told_ms = rbuf_be32(&b);
	return !b.failed && read_flow(&b, &v->flow);
}

void
flow_reader_feed(struct flow_reader *r, const void *data, size_t len, flow_record_fn fn, void *ctx)
{
	const uint8_t *p = data;
	struct flow_record record;

	while (len > 0 && !r->bad && !r->ended) {
		size_t want = r->have < LENGTH_SIZE ? LENGTH_SIZE : get_be16(r->left), n;

		if (want < LENGTH_SIZE || want > sizeof(r->left)) {
			r->bad = true;
			return;
		}
		n = want - r->have < len ? want - r->have : len;
		memcpy(r->left + r->have, p, n);
		r->have += n;
		p += n;
		len -= n;
		if (r->have < want || (want == LENGTH_SIZE && get_be16(r->left) > LENGTH_SIZE))
			continue;
		r->have = 0;
		if (!read_record(r->left, want, &record)) {
			r->bad = true;
			return;
		}
		r->ended = record.kind == RECORD_END;
		fn(ctx, &record);
	}
	/* Nothing comes after the last one. */
	r->bad |= len > 0;
}
