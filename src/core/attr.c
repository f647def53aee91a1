/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attr.h"

#include <string.h>

/* How the bytes of one part travel. */
enum part_kind {
	PART_RAW,   /* as they are: network order on both sides */
	PART_BE32,  /* u32 in host order here, big-endian on the wire */
	PART_BE16,  /* u16 likewise */
	PART_SWAP2, /* network order here, reversed on the wire (doc/WIRE.md 3.2, class HOST) */
	PART_SWAP4, /* label words: four bytes, reversed */
	PART_STR,   /* NUL-terminated, variable */
};

struct part {
	uint16_t off; /* in struct flow or struct expect */
	uint8_t len;
	uint8_t kind; /* enum part_kind */
};

/* Rows that only some protocols use. */
enum proto_class { ANY_PROTO, ONLY_TCP, ONLY_SCTP, ONLY_DCCP, ONLY_ICMP };

struct row {
	const char *name;
	uint8_t no;
	uint8_t proto;   /* enum proto_class */
	uint8_t l3;      /* L3_IPV4, L3_IPV6, or 0 where the row fits both */
	uint8_t size;    /* of the value; 0: variable, see part 0 */
	uint8_t size_max; /* variable: longest value that old peers accept */
	bool tuple;      /* addresses of a tuple: they decide its layer 3 protocol */
	uint16_t l3_off; /* where the layer 3 protocol of its tuple stands */
	uint32_t has;
	struct part part[6];
};

#define F(field) offsetof(struct flow, field)
#define E(field) offsetof(struct expect, field)
#define ADDR_PAIR(off_src, off_dst, n) {{off_src, n, PART_RAW}, {off_dst, n, PART_RAW}}
#define TUPLE_ADDRS(name, no4, no6, bit, type, t)                                                  \
	{name "_IPV4", no4, ANY_PROTO, L3_IPV4, 8, 0, true, offsetof(type, t.l3), bit,                  \
	    ADDR_PAIR(offsetof(type, t.src), offsetof(type, t.dst), 4)},                            \
	{                                                                                           \
		name "_IPV6", no6, ANY_PROTO, L3_IPV6, 32, 0, true, offsetof(type, t.l3), bit,          \
		    ADDR_PAIR(offsetof(type, t.src), offsetof(type, t.dst), 16)                     \
	}
#define U8(name, no, proto, bit, off) {name, no, proto, 0, 1, 0, false, 0, bit, {{off, 1, PART_RAW}}}
#define BE32(name, no, proto, bit, off) {name, no, proto, 0, 4, 0, false, 0, bit, {{off, 4, PART_BE32}}}
#define PORTS(name, no, bit, type, t)                                                              \
	{                                                                                           \
		name, no, ANY_PROTO, 0, 4, 0, false, 0, bit,                                               \
		{                                                                                   \
			{offsetof(type, t.sport), 2, PART_RAW}, {offsetof(type, t.dport), 2, PART_RAW} \
		}                                                                                   \
	}
#define NAT_ADDR(name, no, fam, n, bit, off)                                                       \
	{name, no, ANY_PROTO, fam, n, 0, false, F(key.l3), bit, {{off, n, PART_RAW}}}
#define NAT_PORT(name, no, bit, off) {name, no, ANY_PROTO, 0, 2, 0, false, 0, bit, {{off, 2, PART_SWAP2}}}
#define STR(name, no, max, bit, off, n) {name, no, ANY_PROTO, 0, 0, max, false, 0, bit, {{off, n, PART_STR}}}

static const struct row flow_rows[] = {
    TUPLE_ADDRS("ORIG", 0, 1, HAS_ADDRS, struct flow, key),
    BE32("STATUS", 5, ANY_PROTO, HAS_STATUS, F(status)),
    U8("L4PROTO", 2, ANY_PROTO, HAS_L4PROTO, F(key.l4)),
    PORTS("PORT", 3, HAS_PORTS, struct flow, key),
    U8("TCP_STATE", 4, ONLY_TCP, HAS_STATE, F(l4.tcp.state)),
    U8("TCP_WSCALE_ORIG", 25, ONLY_TCP, HAS_WSCALE, F(l4.tcp.wscale_orig)),
    U8("TCP_WSCALE_REPL", 26, ONLY_TCP, HAS_WSCALE, F(l4.tcp.wscale_repl)),
    U8("SCTP_STATE", 17, ONLY_SCTP, HAS_STATE, F(l4.sctp.state)),
    BE32("SCTP_VTAG_ORIG", 18, ONLY_SCTP, HAS_VTAGS, F(l4.sctp.vtag_orig)),
    BE32("SCTP_VTAG_REPL", 19, ONLY_SCTP, HAS_VTAGS, F(l4.sctp.vtag_repl)),
    U8("DCCP_STATE", 20, ONLY_DCCP, HAS_STATE, F(l4.dccp.state)),
    U8("DCCP_ROLE", 21, ONLY_DCCP, HAS_DCCP_ROLE, F(l4.dccp.role)),
    /* The ICMP type and code are the two bytes of dport, the id is sport (flow.h). */
    U8("ICMP_TYPE", 22, ONLY_ICMP, HAS_ICMP, F(key.dport)),
    U8("ICMP_CODE", 23, ONLY_ICMP, HAS_ICMP, F(key.dport) + 1),
    {"ICMP_ID", 24, ONLY_ICMP, 0, 2, 0, false, 0, HAS_ICMP, {{F(key.sport), 2, PART_SWAP2}}},
    BE32("TIMEOUT", 6, ANY_PROTO, HAS_TIMEOUT, F(timeout_s)),
    BE32("MARK", 7, ANY_PROTO, HAS_MARK, F(mark)),
    TUPLE_ADDRS("MASTER", 8, 9, HAS_MASTER, struct flow, rare.master),
    U8("MASTER_L4PROTO", 10, ANY_PROTO, HAS_MASTER_L4, F(rare.master.l4)),
    PORTS("MASTER_PORT", 11, HAS_MASTER_PORTS, struct flow, rare.master),
    NAT_ADDR("SNAT_IPV4", 12, L3_IPV4, 4, HAS_SNAT, F(reply.dst)),
    NAT_ADDR("DNAT_IPV4", 13, L3_IPV4, 4, HAS_DNAT, F(reply.src)),
    NAT_ADDR("SNAT_IPV6", 29, L3_IPV6, 16, HAS_SNAT, F(reply.dst)),
    NAT_ADDR("DNAT_IPV6", 30, L3_IPV6, 16, HAS_DNAT, F(reply.src)),
    NAT_PORT("SPAT_PORT", 14, HAS_SPAT, F(reply.dport)),
    NAT_PORT("DPAT_PORT", 15, HAS_DPAT, F(reply.sport)),
    {"NAT_SEQ_ADJ", 16, ANY_PROTO, 0, 24, 0, false, 0, HAS_SEQADJ,
	{{F(rare.seqadj[0].correction_pos), 4, PART_BE32},
	    {F(rare.seqadj[0].offset_before), 4, PART_BE32},
	    {F(rare.seqadj[0].offset_after), 4, PART_BE32},
	    {F(rare.seqadj[1].correction_pos), 4, PART_BE32},
	    {F(rare.seqadj[1].offset_before), 4, PART_BE32},
	    {F(rare.seqadj[1].offset_after), 4, PART_BE32}}},
    STR("HELPER_NAME", 27, 12, HAS_HELPER, F(rare.helper), FLOW_HELPER_LEN),
    {"LABELS", 28, ANY_PROTO, 0, 0, 0, false, 0, HAS_LABELS,
	{{F(rare.labels), FLOW_LABELS_LEN, PART_SWAP4}}},
    {"SYNPROXY", 31, ANY_PROTO, 0, 12, 0, false, 0, HAS_SYNPROXY,
	{{F(rare.synproxy_its), 4, PART_BE32}, {F(rare.synproxy_isn), 4, PART_BE32},
	    {F(rare.synproxy_tsoff), 4, PART_BE32}}},
    {"ZONE", 32, ANY_PROTO, 0, 2, 0, false, 0, HAS_ZONE, {{F(key.zone), 2, PART_BE16}}},
};

static const struct row expect_rows[] = {
    TUPLE_ADDRS("MASTER", 0, 1, EXP_MASTER_ADDRS, struct expect, master),
    U8("MASTER_L4PROTO", 2, ANY_PROTO, EXP_MASTER_L4, E(master.l4)),
    PORTS("MASTER_PORT", 3, EXP_MASTER_PORTS, struct expect, master),
    TUPLE_ADDRS("EXPECT", 4, 5, EXP_TUPLE_ADDRS, struct expect, tuple),
    U8("EXPECT_L4PROTO", 6, ANY_PROTO, EXP_TUPLE_L4, E(tuple.l4)),
    PORTS("EXPECT_PORT", 7, EXP_TUPLE_PORTS, struct expect, tuple),
    TUPLE_ADDRS("MASK", 8, 9, EXP_MASK_ADDRS, struct expect, mask),
    U8("MASK_L4PROTO", 10, ANY_PROTO, EXP_MASK_L4, E(mask.l4)),
    PORTS("MASK_PORT", 11, EXP_MASK_PORTS, struct expect, mask),
    BE32("TIMEOUT", 12, ANY_PROTO, EXP_TIMEOUT, E(timeout_s)),
    BE32("FLAGS", 13, ANY_PROTO, EXP_FLAGS, E(flags)),
    BE32("CLASS", 14, ANY_PROTO, EXP_CLASS, E(class)),
    {"NAT_IPV4", 15, ANY_PROTO, L3_IPV4, 8, 0, true, E(nat.l3), EXP_NAT_ADDRS,
	ADDR_PAIR(E(nat.src), E(nat.dst), 4)},
    U8("NAT_L4PROTO", 17, ANY_PROTO, EXP_NAT_L4, E(nat.l4)),
    PORTS("NAT_PORT", 16, EXP_NAT_PORTS, struct expect, nat),
    BE32("NAT_DIR", 18, ANY_PROTO, EXP_NAT_DIR, E(nat_dir)),
    STR("HELPER_NAME", 19, 12, EXP_HELPER, E(helper), FLOW_HELPER_LEN),
    STR("FN", 20, 28, EXP_FN, E(fn), EXPECT_FN_LEN),
};

enum { FLOW_NO_COUNT = 33, EXPECT_NO_COUNT = 21, LABELS_SIZE_MAX = 1024, ATTR_HEADER = 4 };

/* Attribute number -> row, so that decoding does not search. */
static const uint8_t flow_row_of[FLOW_NO_COUNT] = {
    [0] = 0, [1] = 1, [5] = 2, [2] = 3, [3] = 4, [4] = 5, [25] = 6, [26] = 7, [17] = 8, [18] = 9,
    [19] = 10, [20] = 11, [21] = 12, [22] = 13, [23] = 14, [24] = 15, [6] = 16, [7] = 17, [8] = 18,
    [9] = 19, [10] = 20, [11] = 21, [12] = 22, [13] = 23, [29] = 24, [30] = 25, [14] = 26,
    [15] = 27, [16] = 28, [27] = 29, [28] = 30, [31] = 31, [32] = 32,
};
static const uint8_t expect_row_of[EXPECT_NO_COUNT] = {
    [0] = 0, [1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [6] = 6, [7] = 7, [8] = 8, [9] = 9,
    [10] = 10, [11] = 11, [12] = 12, [13] = 13, [14] = 14, [15] = 15, [17] = 16, [16] = 17,
    [18] = 18, [19] = 19, [20] = 20,
};
_Static_assert(ARRAY_LEN(flow_rows) == FLOW_NO_COUNT, "every number has one row");
_Static_assert(ARRAY_LEN(expect_rows) == EXPECT_NO_COUNT, "every number has one row");

static void
part_decode(const struct part *p, uint8_t *obj, const uint8_t *src)
{
	uint8_t *dst = obj + p->off;
	uint32_t u32;
	uint16_t u16;

	switch ((enum part_kind)p->kind) {
	case PART_RAW:
		memcpy(dst, src, p->len);
		break;
	case PART_BE32:
		u32 = get_be32(src);
		memcpy(dst, &u32, 4);
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

static void
part_encode(const struct part *p, const uint8_t *obj, struct wbuf *wb)
{
	const uint8_t *src = obj + p->off;
	uint32_t u32;
	uint16_t u16;

	switch ((enum part_kind)p->kind) {
	case PART_RAW:
		wbuf_bytes(wb, src, p->len);
		break;
	case PART_BE32:
		memcpy(&u32, src, 4);
		wbuf_be32(wb, u32);
		break;
	case PART_BE16:
		memcpy(&u16, src, 2);
		wbuf_be16(wb, u16);
		break;
	case PART_SWAP2:
		wbuf_u8(wb, src[1]);
		wbuf_u8(wb, src[0]);
		break;
	case PART_SWAP4:
		for (unsigned int i = 0; i < p->len; i += 4) {
			for (unsigned int b = 4; b-- > 0;)
				wbuf_u8(wb, src[i + b]);
		}
		break;
	case PART_STR:
		wbuf_bytes(wb, src, strlen((const char *)src) + 1);
		break;
	}
}

/* Decodes a value of variable size.  *present tells whether it said anything. */
static enum attr_status
decode_variable(const struct row *row, uint8_t *obj, const uint8_t *val, size_t len, bool *present)
{
	const struct part *p = &row->part[0];
	uint8_t *dst = obj + p->off;

	*present = false;
	if (p->kind == PART_STR) {
		if (len > row->size_max || (len > 0 && val[len - 1] != 0))
			return ATTR_MALFORMED;
		if (len <= 1)
			return ATTR_OK;
		memset(dst, 0, p->len);
		memcpy(dst, val, len);
		*present = true;
		return ATTR_OK;
	}
	if (len > LABELS_SIZE_MAX)
		return ATTR_MALFORMED;
	if (len == 0 || len % 4 != 0)
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
	uint8_t nat_l3;  /* layer 3 protocols of the NAT addresses, or'ed */
	uint64_t unknown;
};

static enum attr_status
decode_value(const struct row *row, uint8_t *obj, const uint8_t *val, size_t len,
    struct decoded *d)
{
	bool present = true;

	if (row->size == 0) {
		if (decode_variable(row, obj, val, len, &present) != ATTR_OK)
			return ATTR_MALFORMED;
	} else {
		if (len != row->size)
			return ATTR_MALFORMED;
		for (size_t i = 0; i < ARRAY_LEN(row->part) && row->part[i].len > 0; i++) {
			/* Sent twice, the last one wins: nothing of an IPv6 address may shine through. */
			if (row->l3 == L3_IPV4)
				memset(obj + row->part[i].off, 0, sizeof(struct ip_addr));
			part_decode(&row->part[i], obj, val);
			val += row->part[i].len;
		}
	}
	if (row->tuple)
		obj[row->l3_off] = row->l3;
	else if (row->l3 != 0)
		d->nat_l3 |= row->l3;
	if (present)
		d->has |= row->has;
	d->protos |= 1u << row->proto;
	return ATTR_OK;
}

/* Walks a list of attributes as doc/WIRE.md 3.6 says. */
static enum attr_status
decode(const struct row *rows, const uint8_t *row_of, size_t no_count, const void *data, size_t len,
    uint8_t *obj, struct decoded *d)
{
	struct rbuf r;

	rbuf_init(&r, data, len);
	while (rbuf_left(&r) > ATTR_HEADER) {
		size_t left = rbuf_left(&r);
		size_t nta_len = rbuf_be16(&r);
		size_t no = rbuf_be16(&r);
		size_t pad = (4 - nta_len % 4) % 4;
		const uint8_t *val;

		if (nta_len < ATTR_HEADER || nta_len > left)
			return ATTR_MALFORMED;
		val = rbuf_skip(&r, nta_len - ATTR_HEADER);
		if (no >= no_count)
			d->unknown++;
		else if (decode_value(&rows[row_of[no]], obj, val, nta_len - ATTR_HEADER, d) !=
		    ATTR_OK)
			return ATTR_MALFORMED;
		rbuf_skip(&r, pad < rbuf_left(&r) ? pad : rbuf_left(&r));
	}
	return ATTR_OK;
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
attr_decode_flow(const void *data, size_t len, struct flow *f, uint64_t *unknown)
{
	const uint32_t per_proto = HAS_STATE | HAS_WSCALE | HAS_VTAGS | HAS_DCCP_ROLE | HAS_ICMP;
	struct decoded d = {0};
	struct flow_reply nat;
	uint32_t class;

	flow_init(f);
	if (decode(flow_rows, flow_row_of, FLOW_NO_COUNT, data, len, (uint8_t *)f, &d) != ATTR_OK)
		return ATTR_MALFORMED;
	*unknown += d.unknown;
	class = proto_class_of(f->key.l4);
	if ((d.protos & ~((1u << ANY_PROTO) | (1u << class))) != 0) {
		/* Another protocol's attributes were mixed in and share the memory of ours. */
		memset(&f->l4, 0, sizeof(f->l4));
		d.has &= ~per_proto;
	}
	/* Ports and the ICMP id share their place: a message that has both says nothing. */
	if ((d.has & HAS_PORTS) && (d.protos & (1u << ONLY_ICMP)))
		d.has &= ~(uint32_t)(HAS_PORTS | HAS_ICMP);
	if (class == ANY_PROTO && !flow_l4_has_ports(f->key.l4) && f->key.l4 != L4_GRE) {
		/* What its protocol does not have cannot make another flow of it. */
		d.has &= ~(uint32_t)HAS_PORTS;
		f->key.sport = 0;
		f->key.dport = 0;
	}
	if (d.nat_l3 != 0 && d.nat_l3 != f->key.l3)
		d.has &= ~(uint32_t)(HAS_SNAT | HAS_DNAT);
	f->has = d.has;
	f->rare.master.zone = f->key.zone;
	nat = f->reply;
	flow_apply_nat(f, &nat);
	return ATTR_OK;
}

enum attr_status
attr_decode_expect(const void *data, size_t len, struct expect *e, uint64_t *unknown)
{
	struct decoded d = {0};

	memset(e, 0, sizeof(*e));
	if (decode(expect_rows, expect_row_of, EXPECT_NO_COUNT, data, len, (uint8_t *)e, &d) !=
	    ATTR_OK)
		return ATTR_MALFORMED;
	*unknown += d.unknown;
	e->has = d.has;
	return ATTR_OK;
}

static void
encode_row(struct wbuf *wb, const struct row *row, const uint8_t *obj)
{
	size_t start = wbuf_len(wb);
	size_t len;

	wbuf_be16(wb, 0);
	wbuf_be16(wb, row->no);
	for (size_t i = 0; i < ARRAY_LEN(row->part) && row->part[i].len > 0; i++)
		part_encode(&row->part[i], obj, wb);
	len = wbuf_len(wb) - start;
	wbuf_patch_be16(wb, start, (uint16_t)len);
	wbuf_zeros(wb, (4 - len % 4) % 4);
}

static void
encode(struct wbuf *wb, const struct row *rows, size_t count, const uint8_t *obj, uint32_t has,
    uint32_t class)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];

		if (!(has & row->has) || (row->proto != ANY_PROTO && row->proto != class))
			continue;
		if (row->l3 != 0 && obj[row->l3_off] != row->l3)
			continue;
		encode_row(wb, row, obj);
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
	encode(wb, flow_rows, ARRAY_LEN(flow_rows), (const uint8_t *)f, has,
	    proto_class_of(f->key.l4));
}

void
attr_encode_expect(struct wbuf *wb, const struct expect *e)
{
	encode(wb, expect_rows, ARRAY_LEN(expect_rows), (const uint8_t *)e, e->has, ANY_PROTO);
}
