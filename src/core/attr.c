/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attr.h"

#include <string.h>

/* How the bytes of one part travel. */
enum part_kind {
	PART_RAW,   /* as they are: network order on both sides */
	PART_BE32,  /* u32, one or more, in host order here, big-endian on the wire */
	PART_BE16,  /* u16 likewise */
	PART_SWAP2, /* network order here, reversed on the wire (doc/WIRE.md 3.2, class HOST) */
	PART_SWAP4, /* label words: four bytes, reversed */
	PART_STR,   /* NUL-terminated, variable */
};

enum { PARTS_MAX = 2 };

struct part {
	uint16_t off; /* in struct flow or struct expect */
	uint8_t len;
	uint8_t kind; /* enum part_kind */
};

/* Rows that only some protocols use. */
enum proto_class { ANY_PROTO, ONLY_TCP, ONLY_SCTP, ONLY_DCCP, ONLY_ICMP };

/* One attribute; its number is its place in the table. */
struct row {
	uint32_t has;
	uint16_t l3_off; /* where the layer 3 protocol of its tuple stands */
	uint8_t proto;   /* enum proto_class */
	uint8_t l3;      /* L3_IPV4, L3_IPV6, or 0 where the row fits both */
	uint8_t size;    /* of the value; 0: variable, see part 0 */
	uint8_t size_max; /* variable: longest value that old peers accept */
	bool tuple;      /* addresses of a tuple: they decide its layer 3 protocol */
	uint8_t parts;
	struct part part[PARTS_MAX];
};

#define F(field) offsetof(struct flow, field)
#define E(field) offsetof(struct expect, field)
#define ONE(off, len, kind) 1, {{off, len, kind}}
#define TWO(off_a, off_b, len) 2, {{off_a, len, PART_RAW}, {off_b, len, PART_RAW}}
/* The name says which attribute it is, for the reader. */
#define TUPLE_ADDR(name, fam, n, bit, type, t)                                                     \
	{                                                                                          \
		bit, offsetof(type, t.l3), ANY_PROTO, fam, 2 * n, 0, true,                         \
		    TWO(offsetof(type, t.src), offsetof(type, t.dst), n)                           \
	}
#define U8(name, proto, bit, off) {bit, 0, proto, 0, 1, 0, false, ONE(off, 1, PART_RAW)}
#define BE32(name, proto, bit, off, n) {bit, 0, proto, 0, 4 * n, 0, false, ONE(off, 4 * n, PART_BE32)}
#define BE16(name, bit, off) {bit, 0, ANY_PROTO, 0, 2, 0, false, ONE(off, 2, PART_BE16)}
#define SWAP2(name, proto, bit, off) {bit, 0, proto, 0, 2, 0, false, ONE(off, 2, PART_SWAP2)}
#define PORTS(name, bit, type, t)                                                                  \
	{                                                                                          \
		bit, 0, ANY_PROTO, 0, 4, 0, false,                                                 \
		    TWO(offsetof(type, t.sport), offsetof(type, t.dport), 2)                       \
	}
#define NAT_ADDR(name, fam, n, bit, off)                                                           \
	{bit, F(key.l3), ANY_PROTO, fam, n, 0, false, ONE(off, n, PART_RAW)}
#define STR(name, max, bit, off, n) {bit, 0, ANY_PROTO, 0, 0, max, false, ONE(off, n, PART_STR)}
#define LABELS(name, bit, off, n) {bit, 0, ANY_PROTO, 0, 0, 0, false, ONE(off, n, PART_SWAP4)}

/* doc/WIRE.md 3.3.  A number is the attribute's name on the wire and never changes. */
static const struct row flow_rows[] = {
    [0] = TUPLE_ADDR("ORIG_IPV4", L3_IPV4, 4, HAS_ADDRS, struct flow, key),
    [1] = TUPLE_ADDR("ORIG_IPV6", L3_IPV6, 16, HAS_ADDRS, struct flow, key),
    [2] = U8("L4PROTO", ANY_PROTO, HAS_L4PROTO, F(key.l4)),
    [3] = PORTS("PORT", HAS_PORTS, struct flow, key),
    [4] = U8("TCP_STATE", ONLY_TCP, HAS_STATE, F(l4.tcp.state)),
    [5] = BE32("STATUS", ANY_PROTO, HAS_STATUS, F(status), 1),
    [6] = BE32("TIMEOUT", ANY_PROTO, HAS_TIMEOUT, F(timeout_s), 1),
    [7] = BE32("MARK", ANY_PROTO, HAS_MARK, F(mark), 1),
    [8] = TUPLE_ADDR("MASTER_IPV4", L3_IPV4, 4, HAS_MASTER, struct flow, rare.master),
    [9] = TUPLE_ADDR("MASTER_IPV6", L3_IPV6, 16, HAS_MASTER, struct flow, rare.master),
    [10] = U8("MASTER_L4PROTO", ANY_PROTO, HAS_MASTER_L4, F(rare.master.l4)),
    [11] = PORTS("MASTER_PORT", HAS_MASTER_PORTS, struct flow, rare.master),
    [12] = NAT_ADDR("SNAT_IPV4", L3_IPV4, 4, HAS_SNAT, F(reply.dst)),
    [13] = NAT_ADDR("DNAT_IPV4", L3_IPV4, 4, HAS_DNAT, F(reply.src)),
    [14] = SWAP2("SPAT_PORT", ANY_PROTO, HAS_SPAT, F(reply.dport)),
    [15] = SWAP2("DPAT_PORT", ANY_PROTO, HAS_DPAT, F(reply.sport)),
    /* Both directions; struct flow_seqadj has the order of the wire. */
    [16] = BE32("NAT_SEQ_ADJ", ANY_PROTO, HAS_SEQADJ, F(rare.seqadj), 6),
    [17] = U8("SCTP_STATE", ONLY_SCTP, HAS_STATE, F(l4.sctp.state)),
    [18] = BE32("SCTP_VTAG_ORIG", ONLY_SCTP, HAS_VTAGS, F(l4.sctp.vtag_orig), 1),
    [19] = BE32("SCTP_VTAG_REPL", ONLY_SCTP, HAS_VTAGS, F(l4.sctp.vtag_repl), 1),
    [20] = U8("DCCP_STATE", ONLY_DCCP, HAS_STATE, F(l4.dccp.state)),
    [21] = U8("DCCP_ROLE", ONLY_DCCP, HAS_DCCP_ROLE, F(l4.dccp.role)),
    /* The ICMP type and code are the two bytes of dport, the id is sport (flow.h). */
    [22] = U8("ICMP_TYPE", ONLY_ICMP, HAS_ICMP, F(key.dport)),
    [23] = U8("ICMP_CODE", ONLY_ICMP, HAS_ICMP, F(key.dport) + 1),
    [24] = SWAP2("ICMP_ID", ONLY_ICMP, HAS_ICMP, F(key.sport)),
    [25] = U8("TCP_WSCALE_ORIG", ONLY_TCP, HAS_WSCALE, F(l4.tcp.wscale_orig)),
    [26] = U8("TCP_WSCALE_REPL", ONLY_TCP, HAS_WSCALE, F(l4.tcp.wscale_repl)),
    [27] = STR("HELPER_NAME", 12, HAS_HELPER, F(rare.helper), FLOW_HELPER_LEN),
    [28] = LABELS("LABELS", HAS_LABELS, F(rare.labels), FLOW_LABELS_LEN),
    [29] = NAT_ADDR("SNAT_IPV6", L3_IPV6, 16, HAS_SNAT, F(reply.dst)),
    [30] = NAT_ADDR("DNAT_IPV6", L3_IPV6, 16, HAS_DNAT, F(reply.src)),
    [31] = BE32("SYNPROXY", ANY_PROTO, HAS_SYNPROXY, F(rare.synproxy_its), 3),
    [32] = BE16("ZONE", HAS_ZONE, F(key.zone)),
};
_Static_assert(F(rare.synproxy_isn) == F(rare.synproxy_its) + 4 &&
	F(rare.synproxy_tsoff) == F(rare.synproxy_its) + 8, "SYNPROXY is its, isn, tsoff");
_Static_assert(sizeof(struct flow_seqadj) == 12, "NAT_SEQ_ADJ is six numbers in a row");

/* The order in which they are sent (doc/WIRE.md 3.4): what identifies, the protocol's own, the rest. */
static const uint8_t flow_order[] = {
    0, 1, 5, 2, 3,         /* tuple, status */
    4, 25, 26,             /* TCP */
    17, 18, 19,            /* SCTP */
    20, 21,                /* DCCP */
    22, 23, 24,            /* ICMP */
    6, 7,                  /* timeout, mark */
    8, 9, 10, 11,          /* master */
    12, 13, 29, 30, 14, 15, /* NAT */
    16, 27, 28, 31, 32,
};
_Static_assert(ARRAY_LEN(flow_order) == ARRAY_LEN(flow_rows), "every attribute has its turn");

/* doc/WIRE.md 3.5. */
static const struct row expect_rows[] = {
    [0] = TUPLE_ADDR("MASTER_IPV4", L3_IPV4, 4, EXP_MASTER_ADDRS, struct expect, master),
    [1] = TUPLE_ADDR("MASTER_IPV6", L3_IPV6, 16, EXP_MASTER_ADDRS, struct expect, master),
    [2] = U8("MASTER_L4PROTO", ANY_PROTO, EXP_MASTER_L4, E(master.l4)),
    [3] = PORTS("MASTER_PORT", EXP_MASTER_PORTS, struct expect, master),
    [4] = TUPLE_ADDR("EXPECT_IPV4", L3_IPV4, 4, EXP_TUPLE_ADDRS, struct expect, tuple),
    [5] = TUPLE_ADDR("EXPECT_IPV6", L3_IPV6, 16, EXP_TUPLE_ADDRS, struct expect, tuple),
    [6] = U8("EXPECT_L4PROTO", ANY_PROTO, EXP_TUPLE_L4, E(tuple.l4)),
    [7] = PORTS("EXPECT_PORT", EXP_TUPLE_PORTS, struct expect, tuple),
    [8] = TUPLE_ADDR("MASK_IPV4", L3_IPV4, 4, EXP_MASK_ADDRS, struct expect, mask),
    [9] = TUPLE_ADDR("MASK_IPV6", L3_IPV6, 16, EXP_MASK_ADDRS, struct expect, mask),
    [10] = U8("MASK_L4PROTO", ANY_PROTO, EXP_MASK_L4, E(mask.l4)),
    [11] = PORTS("MASK_PORT", EXP_MASK_PORTS, struct expect, mask),
    [12] = BE32("TIMEOUT", ANY_PROTO, EXP_TIMEOUT, E(timeout_s), 1),
    [13] = BE32("FLAGS", ANY_PROTO, EXP_FLAGS, E(flags), 1),
    [14] = BE32("CLASS", ANY_PROTO, EXP_CLASS, E(class), 1),
    [15] = TUPLE_ADDR("NAT_IPV4", L3_IPV4, 4, EXP_NAT_ADDRS, struct expect, nat),
    [16] = PORTS("NAT_PORT", EXP_NAT_PORTS, struct expect, nat),
    [17] = U8("NAT_L4PROTO", ANY_PROTO, EXP_NAT_L4, E(nat.l4)),
    [18] = BE32("NAT_DIR", ANY_PROTO, EXP_NAT_DIR, E(nat_dir), 1),
    [19] = STR("HELPER_NAME", 12, EXP_HELPER, E(helper), FLOW_HELPER_LEN),
    [20] = STR("FN", 28, EXP_FN, E(fn), EXPECT_FN_LEN),
};

static const uint8_t expect_order[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 16, 18, 19, 20};
_Static_assert(ARRAY_LEN(expect_order) == ARRAY_LEN(expect_rows), "every attribute has its turn");

enum { LABELS_SIZE_MAX = 1024, ATTR_HEADER = 4 };

/* Lengths that the compiler knows are copied without a call. */
static inline void
copy(uint8_t *dst, const uint8_t *src, size_t len)
{
	switch (len) {
	case 1:
		*dst = *src;
		break;
	case 2:
		memcpy(dst, src, 2);
		break;
	case 4:
		memcpy(dst, src, 4);
		break;
	case 16:
		memcpy(dst, src, 16);
		break;
	default:
		memcpy(dst, src, len);
		break;
	}
}

static void
part_decode(const struct part *p, uint8_t *obj, const uint8_t *src)
{
	uint8_t *dst = obj + p->off;
	uint32_t u32;
	uint16_t u16;

	switch ((enum part_kind)p->kind) {
	case PART_RAW:
		copy(dst, src, p->len);
		break;
	case PART_BE32:
		for (unsigned int i = 0; i < p->len; i += 4) {
			u32 = get_be32(src + i);
			memcpy(dst + i, &u32, 4);
		}
		break;
	case PART_BE16:
		u16 = get_be16(src);
		memcpy(dst, &u16, 2);
		break;
	case PART_SWAP2:
		dst[0] = src[1];
		dst[1] = src[0];
		break;
	case PART_SWAP4:
	case PART_STR:
		break;
	}
}

/* Writes the value of this part, which is `len` bytes long, to `dst`. */
static void
part_encode(const struct part *p, const uint8_t *obj, uint8_t *dst, size_t len)
{
	const uint8_t *src = obj + p->off;
	uint32_t u32;
	uint16_t u16;

	switch ((enum part_kind)p->kind) {
	case PART_RAW:
	case PART_STR:
		copy(dst, src, len);
		break;
	case PART_BE32:
		for (size_t i = 0; i < len; i += 4) {
			memcpy(&u32, src + i, 4);
			put_be32(dst + i, u32);
		}
		break;
	case PART_BE16:
		memcpy(&u16, src, 2);
		put_be16(dst, u16);
		break;
	case PART_SWAP2:
		dst[0] = src[1];
		dst[1] = src[0];
		break;
	case PART_SWAP4:
		for (size_t i = 0; i < len; i++)
			dst[i] = src[i - i % 4 + 3 - i % 4];
		break;
	}
}

/* Decodes a value of variable size.  *present tells whether it said anything. */
static enum attr_status
decode_variable(const struct row *row, uint8_t *obj, const uint8_t *val, size_t len, bool *present,
    uint64_t *misfit)
{
	const struct part *p = &row->part[0];
	uint8_t *dst = obj + p->off;
	size_t name_len;

	*present = false;
	if (p->kind == PART_STR) {
		if (len > row->size_max || (len > 0 && val[len - 1] != 0))
			return ATTR_MALFORMED;
		/* An empty name is none, and what follows the end of a name is not part of it. */
		name_len = strnlen((const char *)val, len);
		*misfit += name_len + 1 < len;
		if (name_len == 0)
			return ATTR_OK;
		memset(dst, 0, p->len);
		memcpy(dst, val, name_len);
		*present = true;
		return ATTR_OK;
	}
	if (len > LABELS_SIZE_MAX)
		return ATTR_MALFORMED;
	if (len == 0)
		return ATTR_OK;
	*misfit += len % 4 != 0 || len > p->len;
	if (len % 4 != 0)
		return ATTR_OK;
	memset(dst, 0, p->len);
	for (size_t i = 0; i < len && i < p->len; i++)
		dst[i] = val[i - i % 4 + 3 - i % 4];
	*present = true;
	return ATTR_OK;
}

/* What decoding collects besides the object itself. */
struct decoded {
	uint32_t has;
	uint32_t protos; /* bit set of enum proto_class */
	bool nat_v4, nat_v6; /* families of the NAT addresses */
	struct attr_skipped skipped;
};

static enum attr_status
decode_value(const struct row *row, uint8_t *obj, const uint8_t *val, size_t len,
    struct decoded *d)
{
	bool present = true;

	if (row->size == 0) {
		if (decode_variable(row, obj, val, len, &present, &d->skipped.misfit) != ATTR_OK)
			return ATTR_MALFORMED;
	} else {
		if (len != row->size)
			return ATTR_MALFORMED;
		for (size_t i = 0; i < row->parts; i++) {
			/* Sent twice, the last one wins: nothing of an IPv6 address may shine through. */
			if (row->l3 == L3_IPV4)
				memset(obj + row->part[i].off, 0, sizeof(struct ip_addr));
			part_decode(&row->part[i], obj, val);
			val += row->part[i].len;
		}
	}
	if (row->tuple)
		obj[row->l3_off] = row->l3;
	else if (row->l3 == L3_IPV4)
		d->nat_v4 = true;
	else if (row->l3 == L3_IPV6)
		d->nat_v6 = true;
	if (present)
		d->has |= row->has;
	d->protos |= 1u << row->proto;
	return ATTR_OK;
}

/* Walks a list of attributes as doc/WIRE.md 3.6 says. */
static enum attr_status
decode(const struct row *rows, size_t count, const void *data, size_t len, uint8_t *obj,
    struct decoded *d)
{
	struct rbuf r;

	rbuf_init(&r, data, len);
	while (rbuf_left(&r) > ATTR_HEADER) {
		size_t left = rbuf_left(&r);
		const uint8_t *header = rbuf_skip(&r, ATTR_HEADER), *val;
		size_t nta_len = get_be16(header), no = get_be16(header + 2);
		size_t pad = (4 - nta_len % 4) % 4;

		if (nta_len < ATTR_HEADER || nta_len > left)
			return ATTR_MALFORMED;
		val = rbuf_skip(&r, nta_len - ATTR_HEADER);
		if (no >= count)
			d->skipped.unknown++;
		else if (decode_value(&rows[no], obj, val, nta_len - ATTR_HEADER, d) != ATTR_OK)
			return ATTR_MALFORMED;
		rbuf_skip(&r, pad < rbuf_left(&r) ? pad : rbuf_left(&r));
	}
	/* Too short for an attribute that says anything. */
	d->skipped.misfit += rbuf_left(&r) > 0;
	return ATTR_OK;
}

static void
skipped_add(struct attr_skipped *sum, const struct attr_skipped *more)
{
	sum->unknown += more->unknown;
	sum->misfit += more->misfit;
}

static uint32_t
proto_class_of(uint8_t l4)
{
	switch (l4) {
	case L4_TCP:
		return ONLY_TCP;
	case L4_SCTP:
		return ONLY_SCTP;
	case L4_DCCP:
		return ONLY_DCCP;
	case L4_ICMP:
	case L4_ICMPV6:
		return ONLY_ICMP;
	default:
		return ANY_PROTO;
	}
}

enum attr_status
attr_decode_flow(const void *data, size_t len, struct flow *f, struct attr_skipped *skipped)
{
	const uint32_t per_proto = HAS_STATE | HAS_WSCALE | HAS_VTAGS | HAS_DCCP_ROLE | HAS_ICMP;
	struct decoded d = {0};
	struct flow_reply nat;
	uint32_t class, told;

	flow_init(f);
	if (decode(flow_rows, ARRAY_LEN(flow_rows), data, len, (uint8_t *)f, &d) != ATTR_OK)
		return ATTR_MALFORMED;
	told = d.has;
	class = proto_class_of(f->key.l4);
	if ((d.protos & ~((1u << ANY_PROTO) | (1u << class))) != 0) {
		/* Another protocol's attributes were mixed in and share the memory of ours. */
		memset(&f->l4, 0, sizeof(f->l4));
		d.has &= ~per_proto;
	}
	/* Ports and the ICMP id share their place: a message that has both says nothing. */
	if ((d.has & HAS_PORTS) && (d.protos & (1u << ONLY_ICMP)))
		d.has &= ~(uint32_t)(HAS_PORTS | HAS_ICMP);
	if (class == ANY_PROTO && !flow_l4_has_ports(f->key.l4) && f->key.l4 != L4_GRE)
		d.has &= ~(uint32_t)HAS_PORTS;
	if (!(d.has & (HAS_PORTS | HAS_ICMP))) {
		/* What its protocol does not have, or says nothing, makes no other flow of it. */
		f->key.sport = 0;
		f->key.dport = 0;
	}
	if (f->key.l3 == L3_IPV6 ? d.nat_v4 : d.nat_v6)
		d.has &= ~(uint32_t)(HAS_SNAT | HAS_DNAT);
	f->has = d.has;
	for (told &= ~d.has; told != 0; told &= told - 1)
		d.skipped.misfit++;
	skipped_add(skipped, &d.skipped);
	f->rare.master.zone = f->key.zone;
	nat = f->reply;
	flow_apply_nat(f, &nat);
	return ATTR_OK;
}

enum attr_status
attr_decode_expect(const void *data, size_t len, struct expect *e, struct attr_skipped *skipped)
{
	struct decoded d = {0};

	memset(e, 0, sizeof(*e));
	if (decode(expect_rows, ARRAY_LEN(expect_rows), data, len, (uint8_t *)e, &d) != ATTR_OK)
		return ATTR_MALFORMED;
	skipped_add(skipped, &d.skipped);
	e->has = d.has;
	return ATTR_OK;
}

/* What the value of this row takes. */
static size_t
value_size(const struct row *row, const uint8_t *obj)
{
	const struct part *p = &row->part[0];

	if (row->size != 0)
		return row->size;
	return p->kind == PART_STR ? strlen((const char *)obj + p->off) + 1 : p->len;
}

static void
encode_row(struct wbuf *wb, uint8_t no, const struct row *row, const uint8_t *obj)
{
	size_t size = value_size(row, obj), padded = (size + 3) & ~(size_t)3;
	uint8_t *at = wbuf_room(wb, ATTR_HEADER + padded);

	if (at == NULL)
		return;
	put_be16(at, (uint16_t)(ATTR_HEADER + size));
	put_be16(at + 2, no);
	at += ATTR_HEADER;
	if (padded != size)
		put_be32(at + padded - 4, 0);
	for (size_t i = 0; i < row->parts; i++) {
		size_t len = row->size != 0 ? row->part[i].len : size;

		part_encode(&row->part[i], obj, at, len);
		at += len;
	}
}

static void
encode(struct wbuf *wb, const struct row *rows, const uint8_t *order, size_t count,
    const uint8_t *obj, uint32_t has, uint32_t class)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[order[i]];

		if (!(has & row->has) || (row->proto != ANY_PROTO && row->proto != class))
			continue;
		if (row->l3 != 0 && obj[row->l3_off] != row->l3)
			continue;
		encode_row(wb, order[i], row, obj);
	}
}

void
attr_encode_flow(struct wbuf *wb, const struct flow *f, uint32_t mask)
{
	uint32_t has = (f->has & mask) | HAS_STATUS | HAS_L4PROTO;
	struct flow icmp;

	if (!(has & HAS_STATE))
		has &= ~(uint32_t)HAS_WSCALE;
	if (flow_l4_is_icmp(f->key.l4) && (has & (HAS_SPAT | HAS_DPAT))) {
		/* The translated id travels where ports do; zero says that there is none. */
		icmp = *f;
		icmp.reply.dport = f->reply.sport != f->key.sport ? f->reply.sport : 0;
		icmp.reply.sport = 0;
		f = &icmp;
	}
	encode(wb, flow_rows, flow_order, ARRAY_LEN(flow_order), (const uint8_t *)f, has,
	    proto_class_of(f->key.l4));
}

void
attr_encode_expect(struct wbuf *wb, const struct expect *e)
{
	encode(wb, expect_rows, expect_order, ARRAY_LEN(expect_order), (const uint8_t *)e, e->has,
	    ANY_PROTO);
}
