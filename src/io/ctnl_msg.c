/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctnl_msg.h"

#include <string.h>

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "buf.h"

/*
 * The attributes of one nesting level, by number.  The kernel sends each at most once; of several
 * the last one counts.  Numbers that this program does not know are skipped.
 */
enum { ATTRS_MAX = 32 };
_Static_assert(CTA_MAX < ATTRS_MAX, "every attribute of the top level has a slot");

struct attrs {
	uint32_t there; /* bit set of numbers: only of these `at` says anything */
	const struct nlattr *at[ATTRS_MAX];
};
_Static_assert(ATTRS_MAX == 32, "one bit for each");

/* libmnl has these as well, but as functions of a shared library, and an event has dozens of attributes. */
static inline unsigned int
attr_type(const struct nlattr *attr)
{
	return attr->nla_type & NLA_TYPE_MASK;
}

static inline size_t
attr_len(const struct nlattr *attr)
{
	return attr->nla_len - MNL_ATTR_HDRLEN;
}

static inline const void *
attr_payload(const struct nlattr *attr)
{
	return (const char *)attr + MNL_ATTR_HDRLEN;
}

/*
 * Collects the attributes in payload[0..left); the last one needs no padding.  False if something
 * other than attributes stands there.
 */
static bool
attrs_collect(struct attrs *out, const void *payload, size_t left)
{
	const char *at = payload;

	out->there = 0;
	while (left >= MNL_ATTR_HDRLEN) {
		const struct nlattr *attr = (const void *)at;
		size_t step = MNL_ALIGN((size_t)attr->nla_len);

		if (attr->nla_len < MNL_ATTR_HDRLEN || attr->nla_len > left)
			return false;
		if (attr_type(attr) < ATTRS_MAX) {
			out->there |= 1u << attr_type(attr);
			out->at[attr_type(attr)] = attr;
		}
		if (step >= left)
			return true;
		at += step;
		left -= step;
	}
	return left == 0;
}

/* The attribute with this number; NULL if it is not there. */
static inline const struct nlattr *
attrs_get(const struct attrs *a, unsigned int no)
{
	return a->there >> no & 1 ? a->at[no] : NULL;
}

/*
 * The readers below say whether attribute `no` is there and copy its value.  An attribute of
 * another length than the kernel's makes the message malformed.
 */
struct reader {
	struct attrs attrs;
	bool malformed;
};

static const uint8_t *
read_fixed(struct reader *r, unsigned int no, size_t len)
{
	const struct nlattr *attr = attrs_get(&r->attrs, no);

	if (!attr)
		return NULL;
	if (attr_len(attr) != len) {
		r->malformed = true;
		return NULL;
	}
	return attr_payload(attr);
}

static bool
read_u8(struct reader *r, unsigned int no, uint8_t *out)
{
	const uint8_t *p = read_fixed(r, no, 1);

	if (p)
		*out = *p;
	return p;
}

static bool
read_be16(struct reader *r, unsigned int no, uint16_t *out)
{
	const uint8_t *p = read_fixed(r, no, 2);

	if (p)
		*out = get_be16(p);
	return p;
}

static bool
read_be32(struct reader *r, unsigned int no, uint32_t *out)
{
	const uint8_t *p = read_fixed(r, no, 4);

	if (p)
		*out = get_be32(p);
	return p;
}

/* Inlined, so that a length that is known becomes a move or two, also with _FORTIFY_SOURCE. */
__attribute__((always_inline)) static inline bool
read_bytes(struct reader *r, unsigned int no, void *out, size_t len)
{
	const uint8_t *p = read_fixed(r, no, len);

	if (p)
		memcpy(out, p, len);
	return p;
}

static bool
read_nested(struct reader *r, unsigned int no, struct reader *out)
{
	const struct nlattr *nest = attrs_get(&r->attrs, no);

	out->attrs.there = 0;
	out->malformed = false;
	if (!nest)
		return false;
	if (!attrs_collect(&out->attrs, attr_payload(nest), attr_len(nest))) {
		r->malformed = true;
		return false;
	}
	return true;
}

/* One tuple, whichever direction: the key without its zone. */
struct tuple {
	struct flow_key key;
	bool has_addrs;
	bool has_l4;
	bool has_ports;
	bool has_icmp;
};

static bool
parse_tuple_ip(struct reader *r, struct tuple *t)
{
	bool src4 = read_bytes(r, CTA_IP_V4_SRC, &t->key.src, 4);
	bool dst4 = read_bytes(r, CTA_IP_V4_DST, &t->key.dst, 4);
	bool src6 = read_bytes(r, CTA_IP_V6_SRC, &t->key.src, 16);
	bool dst6 = read_bytes(r, CTA_IP_V6_DST, &t->key.dst, 16);

	if (r->malformed || src4 != dst4 || src6 != dst6 || (src4 && src6))
		return false;
	t->has_addrs = src4 || src6;
	t->key.l3 = src6 ? L3_IPV6 : L3_IPV4;
	return true;
}

static bool
parse_tuple_proto(struct reader *r, struct tuple *t)
{
	t->has_l4 = read_u8(r, CTA_PROTO_NUM, &t->key.l4);
	if (r->malformed || !t->has_l4)
		return false;
	if (flow_l4_has_ports(t->key.l4) || t->key.l4 == L4_GRE) {
		/* GRE: the kernel gives the call keys the numbers of the ports. */
		bool sport = read_bytes(r, CTA_PROTO_SRC_PORT, &t->key.sport, 2);
		bool dport = read_bytes(r, CTA_PROTO_DST_PORT, &t->key.dport, 2);

		t->has_ports = sport && dport;
		if (sport != dport)
			return false;
	} else if (flow_l4_is_icmp(t->key.l4)) {
		bool v6 = t->key.l4 == L4_ICMPV6;
		uint8_t type_code[2] = {0, 0};
		bool id =
		    read_bytes(r, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, &t->key.sport, 2);
		bool type =
		    read_u8(r, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, &type_code[0]);
		bool code =
		    read_u8(r, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, &type_code[1]);

		memcpy(&t->key.dport, type_code, 2);
		t->has_icmp = id && type && code;
	}
	return !r->malformed;
}

/* False if the tuple is there but malformed or without addresses and protocol. */
static bool
parse_tuple(struct reader *r, unsigned int no, struct tuple *t, bool *present)
{
	struct reader nest, part;

	memset(t, 0, sizeof(*t));
	*present = read_nested(r, no, &nest);
	if (!*present)
		return !r->malformed;
	/* CTA_TUPLE_ZONE, a zone for this direction only, is not something that flows carry. */
	if (!read_nested(&nest, CTA_TUPLE_IP, &part) || !parse_tuple_ip(&part, t))
		return false;
	if (!read_nested(&nest, CTA_TUPLE_PROTO, &part) || !parse_tuple_proto(&part, t))
		return false;
	return t->has_addrs && t->has_l4;
}

static bool
parse_tuples(struct reader *r, struct flow *f)
{
	struct tuple t;
	bool present;

	if (!parse_tuple(r, CTA_TUPLE_ORIG, &t, &present) || !present)
		return false;
	f->key = t.key;
	f->has |= HAS_ADDRS | HAS_L4PROTO;
	if (t.has_ports)
		f->has |= HAS_PORTS;
	if (t.has_icmp)
		f->has |= HAS_ICMP;
	if (read_be16(r, CTA_ZONE, &f->key.zone))
		f->has |= HAS_ZONE;

	if (!parse_tuple(r, CTA_TUPLE_REPLY, &t, &present))
		return false;
	if (present) {
		if (t.key.l3 != f->key.l3 || t.key.l4 != f->key.l4)
			return false;
		f->reply.src = t.key.src;
		f->reply.dst = t.key.dst;
		f->reply.sport = t.key.sport;
		f->reply.dport = t.key.dport;
		f->has |= HAS_REPLY;
	}

	if (!parse_tuple(r, CTA_TUPLE_MASTER, &t, &present))
		return false;
	if (present) {
		f->rare.master = t.key;
		f->rare.master.zone = f->key.zone;
		f->has |= HAS_MASTER | HAS_MASTER_L4;
		if (t.has_ports)
			f->has |= HAS_MASTER_PORTS;
	}
	return !r->malformed;
}

static bool
parse_tcp(struct reader *r, struct flow_tcp *tcp, uint32_t *has)
{
	struct nf_ct_tcp_flags orig, repl;
	bool two;

	/* A state beyond the known ones means nothing to anybody: as if it were not there. */
	if (read_u8(r, CTA_PROTOINFO_TCP_STATE, &tcp->state)) {
		if (tcp->state < TCP_STATE_MAX)
			*has |= HAS_STATE;
		else
			tcp->state = TCP_NONE;
	}
	two = read_u8(r, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, &tcp->wscale_orig);
	two = read_u8(r, CTA_PROTOINFO_TCP_WSCALE_REPLY, &tcp->wscale_repl) && two;
	if (two)
		*has |= HAS_WSCALE;
	two = read_bytes(r, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &orig, sizeof(orig));
	two = read_bytes(r, CTA_PROTOINFO_TCP_FLAGS_REPLY, &repl, sizeof(repl)) && two;
	if (two) {
		tcp->flags_orig = orig.flags;
		tcp->flags_repl = repl.flags;
		*has |= HAS_TCP_FLAGS;
	}
	return !r->malformed;
}

static bool
parse_sctp(struct reader *r, struct flow_sctp *sctp, uint32_t *has)
{
	bool two;

	if (read_u8(r, CTA_PROTOINFO_SCTP_STATE, &sctp->state))
		*has |= HAS_STATE;
	two = read_be32(r, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, &sctp->vtag_orig);
	two = read_be32(r, CTA_PROTOINFO_SCTP_VTAG_REPLY, &sctp->vtag_repl) && two;
	if (two)
		*has |= HAS_VTAGS;
	return !r->malformed;
}

static bool
parse_dccp(struct reader *r, struct flow_dccp *dccp, uint32_t *has)
{
	uint8_t seq[8];

	if (read_u8(r, CTA_PROTOINFO_DCCP_STATE, &dccp->state))
		*has |= HAS_STATE;
	if (read_u8(r, CTA_PROTOINFO_DCCP_ROLE, &dccp->role))
		*has |= HAS_DCCP_ROLE;
	if (read_bytes(r, CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, seq, sizeof(seq))) {
		dccp->handshake_seq = ((uint64_t)get_be32(seq) << 32) | get_be32(seq + 4);
		*has |= HAS_DCCP_SEQ;
	}
	return !r->malformed;
}

/* The protocol of the tuple says which of the blocks is meant: the three share memory. */
static bool
parse_protoinfo(struct reader *r, struct flow *f)
{
	struct reader info, proto;

	if (!read_nested(r, CTA_PROTOINFO, &info))
		return !r->malformed;
	switch (f->key.l4) {
	case L4_TCP:
		return !read_nested(&info, CTA_PROTOINFO_TCP, &proto)
			   ? !info.malformed
			   : parse_tcp(&proto, &f->l4.tcp, &f->has);
	case L4_SCTP:
		return !read_nested(&info, CTA_PROTOINFO_SCTP, &proto)
			   ? !info.malformed
			   : parse_sctp(&proto, &f->l4.sctp, &f->has);
	case L4_DCCP:
		return !read_nested(&info, CTA_PROTOINFO_DCCP, &proto)
			   ? !info.malformed
			   : parse_dccp(&proto, &f->l4.dccp, &f->has);
	default:
		return true;
	}
}

static bool
parse_helper(struct reader *r, struct flow *f)
{
	struct reader help;
	const struct nlattr *name;
	size_t len;

	if (!read_nested(r, CTA_HELP, &help))
		return !r->malformed;
	name = attrs_get(&help.attrs, CTA_HELP_NAME);
	if (!name)
		return true;
	len = strnlen(attr_payload(name), attr_len(name));
	/* The kernel's names have the same limit; a longer one is cut. */
	if (len > FLOW_HELPER_LEN - 1)
		len = FLOW_HELPER_LEN - 1;
	memcpy(f->rare.helper, attr_payload(name), len);
	if (len > 0)
		f->has |= HAS_HELPER;
	return true;
}

static bool
parse_seqadj_dir(struct reader *r, unsigned int no, struct flow_seqadj *out, bool *complete)
{
	struct reader nest;
	bool all;

	*complete = false;
	if (!read_nested(r, no, &nest))
		return !r->malformed;
	all = read_be32(&nest, CTA_SEQADJ_CORRECTION_POS, &out->correction_pos);
	all = read_be32(&nest, CTA_SEQADJ_OFFSET_BEFORE, &out->offset_before) && all;
	all = read_be32(&nest, CTA_SEQADJ_OFFSET_AFTER, &out->offset_after) && all;
	*complete = all;
	return !nest.malformed;
}

static bool
parse_seqadj(struct reader *r, struct flow *f)
{
	struct flow_seqadj adj[2] = {{0, 0, 0}, {0, 0, 0}};
	bool orig, repl;

	if (!parse_seqadj_dir(r, CTA_SEQ_ADJ_ORIG, &adj[0], &orig) ||
	    !parse_seqadj_dir(r, CTA_SEQ_ADJ_REPLY, &adj[1], &repl))
		return false;
	if (orig && repl) {
		memcpy(f->rare.seqadj, adj, sizeof(adj));
		f->has |= HAS_SEQADJ;
	}
	return true;
}

/*
 * Every entry that was made through ctnetlink has a synproxy block, and it is zero unless a proxied
 * connection stands behind it.
 */
static bool
parse_synproxy(struct reader *r, struct flow *f)
{
	struct reader nest;
	uint32_t isn = 0, its = 0, tsoff = 0;
	bool all;

	if (!read_nested(r, CTA_SYNPROXY, &nest))
		return !r->malformed;
	all = read_be32(&nest, CTA_SYNPROXY_ISN, &isn);
	all = read_be32(&nest, CTA_SYNPROXY_ITS, &its) && all;
	all = read_be32(&nest, CTA_SYNPROXY_TSOFF, &tsoff) && all;
	if (all && (isn | its | tsoff) != 0) {
		f->rare.synproxy_isn = isn;
		f->rare.synproxy_its = its;
		f->rare.synproxy_tsoff = tsoff;
		f->has |= HAS_SYNPROXY;
	}
	return !nest.malformed;
}

static bool
parse_labels(struct reader *r, struct flow *f)
{
	const struct nlattr *attr = attrs_get(&r->attrs, CTA_LABELS);
	const uint8_t *bytes;
	size_t len;

	if (!attr)
		return true;
	bytes = attr_payload(attr);
	len = attr_len(attr);
	if (len == 0 || len % sizeof(long) != 0)
		return false;
	for (size_t i = 0; i < FLOW_LABELS_LEN && ctnl_label_byte(i) < len; i++)
		f->rare.labels[i] = bytes[ctnl_label_byte(i)];
	f->has |= HAS_LABELS;
	return true;
}

static bool
read_be64(struct reader *r, unsigned int no, uint64_t *out)
{
	const uint8_t *p = read_fixed(r, no, 8);

	if (p)
		*out = ((uint64_t)get_be32(p) << 32) | get_be32(p + 4);
	return p;
}

static bool
collect_message(const struct nlmsghdr *nlh, struct attrs *out)
{
	const size_t skip = MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg);

	return nlh->nlmsg_len >= skip &&
	    attrs_collect(out, (const char *)nlh + skip, nlh->nlmsg_len - skip);
}

void
ctnl_msg_usage(const struct nlmsghdr *nlh, struct kernel_usage *out)
{
	static const unsigned int counters[2] = {CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY};
	struct reader r = {.malformed = false}, nest;

	memset(out, 0, sizeof(*out));
	if (!collect_message(nlh, &r.attrs))
		return;
	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		if (!read_nested(&r, counters[i], &nest))
			continue;
		out->counted = true;
		read_be64(&nest, CTA_COUNTERS_PACKETS, &out->packets[i]);
		read_be64(&nest, CTA_COUNTERS_BYTES, &out->bytes[i]);
	}
	if (read_nested(&r, CTA_TIMESTAMP, &nest))
		out->timed = read_be64(&nest, CTA_TIMESTAMP_START, &out->start_ns) &&
		    read_be64(&nest, CTA_TIMESTAMP_STOP, &out->stop_ns);
}

bool
ctnl_msg_parse(const struct nlmsghdr *nlh, struct flow *out)
{
	struct reader r = {.malformed = false};

	flow_init(out);
	if (!collect_message(nlh, &r.attrs))
		return false;
	if (!parse_tuples(&r, out))
		return false;
	if (read_be32(&r, CTA_STATUS, &out->status))
		out->has |= HAS_STATUS;
	if (read_be32(&r, CTA_TIMEOUT, &out->timeout_s))
		out->has |= HAS_TIMEOUT;
	if (read_be32(&r, CTA_MARK, &out->mark))
		out->has |= HAS_MARK;
	if (read_be32(&r, CTA_ID, &out->id))
		out->has |= HAS_ID;
	if (r.malformed || !parse_protoinfo(&r, out) || !parse_helper(&r, out) ||
	    !parse_seqadj(&r, out) || !parse_synproxy(&r, out) || !parse_labels(&r, out))
		return false;
	flow_derive_nat(out);
	return flow_is_complete(out);
}

/* A string of the kernel's, cut where it is longer than there is room for. */
static bool
read_name(struct reader *r, unsigned int no, char *out, size_t cap)
{
	const struct nlattr *attr = attrs_get(&r->attrs, no);
	size_t len;

	if (!attr)
		return false;
	len = strnlen(attr_payload(attr), attr_len(attr));
	if (len > cap - 1)
		len = cap - 1;
	memcpy(out, attr_payload(attr), len);
	out[len] = '\0';
	return len > 0;
}

/* What an expected connection is translated back to. */
static bool
parse_expect_nat(struct reader *r, struct expect *e)
{
	struct reader nest;
	struct tuple t;
	bool present;

	if (!read_nested(r, CTA_EXPECT_NAT, &nest))
		return !r->malformed;
	if (!parse_tuple(&nest, CTA_EXPECT_NAT_TUPLE, &t, &present))
		return false;
	if (present) {
		e->nat = t.key;
		e->has |= EXP_NAT_ADDRS | EXP_NAT_L4 | (t.has_ports ? EXP_NAT_PORTS : 0);
	}
	if (read_be32(&nest, CTA_EXPECT_NAT_DIR, &e->nat_dir))
		e->has |= EXP_NAT_DIR;
	return !nest.malformed;
}

bool
ctnl_msg_parse_expect(const struct nlmsghdr *nlh, struct expect *out)
{
	struct reader r = {.malformed = false};
	struct tuple master, tuple, mask;
	bool has_master, has_tuple, has_mask;
	uint16_t zone = 0;

	memset(out, 0, sizeof(*out));
	if (!collect_message(nlh, &r.attrs) ||
	    !parse_tuple(&r, CTA_EXPECT_MASTER, &master, &has_master) || !has_master ||
	    !parse_tuple(&r, CTA_EXPECT_TUPLE, &tuple, &has_tuple) || !has_tuple ||
	    !parse_tuple(&r, CTA_EXPECT_MASK, &mask, &has_mask) || !has_mask)
		return false;
	out->has = EXP_MASTER_ADDRS | EXP_MASTER_L4 | EXP_TUPLE_ADDRS | EXP_TUPLE_L4 |
	    EXP_MASK_ADDRS | EXP_MASK_L4;
	out->has |= master.has_ports ? EXP_MASTER_PORTS : 0;
	out->has |= tuple.has_ports ? EXP_TUPLE_PORTS : 0;
	out->has |= mask.has_ports ? EXP_MASK_PORTS : 0;
	read_be16(&r, CTA_EXPECT_ZONE, &zone);
	out->master = master.key;
	out->tuple = tuple.key;
	out->mask = mask.key;
	out->master.zone = zone;
	out->tuple.zone = zone;
	if (read_be32(&r, CTA_EXPECT_TIMEOUT, &out->timeout_s))
		out->has |= EXP_TIMEOUT;
	if (read_be32(&r, CTA_EXPECT_FLAGS, &out->flags))
		out->has |= EXP_FLAGS;
	if (read_be32(&r, CTA_EXPECT_CLASS, &out->class))
		out->has |= EXP_CLASS;
	if (read_name(&r, CTA_EXPECT_HELP_NAME, out->helper, sizeof(out->helper)))
		out->has |= EXP_HELPER;
	if (read_name(&r, CTA_EXPECT_FN, out->fn, sizeof(out->fn)))
		out->has |= EXP_FN;
	return !r.malformed && parse_expect_nat(&r, out);
}
