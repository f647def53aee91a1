/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The half of ctnl_msg.h that builds; ctnl_msg.c parses. */
#include "ctnl_msg.h"

#include <string.h>

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "buf.h"

/* A message being built, of `len` bytes so far.  The first attribute that does not fit sets `failed`;
 * what follows it is then of no interest. */
struct builder {
	char *start;
	size_t len;
	size_t cap;
	bool failed;
};

/* Appends the head of an attribute and, cleared, the end of its payload of `len` bytes; the payload, or
 * NULL if it does not fit.  Inline, as nearly all lengths are constants. */
static inline char *
put_head(struct builder *b, uint16_t type, size_t len)
{
	size_t size = MNL_ATTR_HDRLEN + MNL_ALIGN(len);
	struct nlattr *attr = (void *)(b->start + b->len);

	if (b->failed || size > b->cap - b->len) {
		b->failed = true;
		return NULL;
	}
	attr->nla_type = type;
	attr->nla_len = (uint16_t)(MNL_ATTR_HDRLEN + len);
	/* The padding, too: the same op is to make the same bytes. */
	if (MNL_ALIGN(len) != len)
		memset(b->start + b->len + size - MNL_ALIGNTO, 0, MNL_ALIGNTO);
	b->len += size;
	return (char *)attr + MNL_ATTR_HDRLEN;
}

static inline void
put(struct builder *b, uint16_t type, const void *data, size_t len)
{
	char *to = put_head(b, type, len);

	if (to)
		memcpy(to, data, len);
}

static void
put_u8(struct builder *b, uint16_t type, uint8_t v)
{
	put(b, type, &v, 1);
}

static void
put_attr_be16(struct builder *b, uint16_t type, uint16_t v)
{
	uint8_t be[2];

	put_be16(be, v);
	put(b, type, be, sizeof(be));
}

static void
put_attr_be32(struct builder *b, uint16_t type, uint32_t v)
{
	uint8_t be[4];

	put_be32(be, v);
	put(b, type, be, sizeof(be));
}

static struct nlattr *
nest_start(struct builder *b, uint16_t type)
{
	char *inside = put_head(b, type | NLA_F_NESTED, 0);

	return inside ? (void *)(inside - MNL_ATTR_HDRLEN) : NULL;
}

static void
nest_end(struct builder *b, struct nlattr *nest)
{
	if (nest)
		nest->nla_len = (uint16_t)(b->start + b->len - (char *)nest);
}

static void
put_tuple(struct builder *b, uint16_t type, const struct flow_key *key, bool has_ports)
{
	bool v6 = key->l3 == L3_IPV6;
	struct nlattr *tuple = nest_start(b, type);
	struct nlattr *part = nest_start(b, CTA_TUPLE_IP);

	put(b, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, &key->src, flow_addr_len(key->l3));
	put(b, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, &key->dst, flow_addr_len(key->l3));
	nest_end(b, part);
	part = nest_start(b, CTA_TUPLE_PROTO);
	put_u8(b, CTA_PROTO_NUM, key->l4);
	if (flow_l4_is_icmp(key->l4)) {
		uint8_t type_code[2];

		v6 = key->l4 == L4_ICMPV6;
		memcpy(type_code, &key->dport, 2);
		put(b, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, &key->sport, 2);
		put_u8(b, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, type_code[0]);
		put_u8(b, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, type_code[1]);
	} else if ((flow_l4_has_ports(key->l4) && has_ports) || key->l4 == L4_GRE) {
		/*
		 * GRE that is not PPTP has keys of zero in the kernel, and the kernel wants to be
		 * told so: without the attributes it answers EINVAL.
		 */
		put(b, CTA_PROTO_SRC_PORT, &key->sport, 2);
		put(b, CTA_PROTO_DST_PORT, &key->dport, 2);
	}
	nest_end(b, part);
	nest_end(b, tuple);
}

/* The address and the port or ICMP id that one end of the flow is translated to. */
static void
put_nat(struct builder *b, uint16_t type, uint8_t l3, const struct ip_addr *addr, uint16_t port)
{
	bool v6 = l3 == L3_IPV6;
	struct nlattr *nat = nest_start(b, type);
	struct nlattr *proto;

	put(b, v6 ? CTA_NAT_V6_MINIP : CTA_NAT_V4_MINIP, addr, flow_addr_len(l3));
	put(b, v6 ? CTA_NAT_V6_MAXIP : CTA_NAT_V4_MAXIP, addr, flow_addr_len(l3));
	proto = nest_start(b, CTA_NAT_PROTO);
	put(b, CTA_PROTONAT_PORT_MIN, &port, 2);
	put(b, CTA_PROTONAT_PORT_MAX, &port, 2);
	nest_end(b, proto);
	nest_end(b, nat);
}

/*
 * The kernel applies these to the plain reply tuple and so finds out by itself which of SRC_NAT and
 * DST_NAT to set; NAT_DONE it sets for both.  An identity mapping therefore has to be spelled out,
 * or the flow would lack the NAT_DONE bits that it has on its own firewall.  With least and
 * greatest port the same, the kernel does not go looking for a free one: a clash is an EEXIST.
 */
static void
put_nat_setup(struct builder *b, const struct flow *f)
{
	const uint32_t nat = HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT;
	bool icmp = flow_l4_is_icmp(f->key.l4);
	struct flow_reply reply = f->reply;

	if (!(f->has & nat) && !(f->status & (ST_SRC_NAT_DONE | ST_DST_NAT_DONE)))
		return;
	if (!(f->has & nat) && !(f->has & HAS_REPLY))
		flow_invert(&f->key, &reply);
	/* ICMP: only the source end has an id to translate; the other keeps the original one. */
	put_nat(b, CTA_NAT_DST, f->key.l3, &reply.src, icmp ? f->key.sport : reply.sport);
	put_nat(b, CTA_NAT_SRC, f->key.l3, &reply.dst, icmp ? reply.sport : reply.dport);
}

/*
 * Flags of one direction.  The kernel takes window scales only for a connection that has the
 * WINDOW_SCALE flag in both directions, and a new entry has none, so the flag goes with the scales.
 * Of the flags that the kernel told, those that describe the connection are passed on; the others
 * describe window bookkeeping that ctnetlink cannot restore.
 */
static struct nf_ct_tcp_flags
tcp_flags(uint8_t told, uint32_t has, bool liberal)
{
	const uint8_t keep =
	    IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_CLOSE_INIT | IP_CT_TCP_FLAG_BE_LIBERAL;
	struct nf_ct_tcp_flags flags = {.flags = 0, .mask = 0};

	if (has & HAS_TCP_FLAGS) {
		flags.flags = told & keep;
		flags.mask = keep;
	}
	if (has & HAS_WSCALE) {
		flags.flags |= IP_CT_TCP_FLAG_WINDOW_SCALE;
		flags.mask |= IP_CT_TCP_FLAG_WINDOW_SCALE;
	}
	if (liberal) {
		flags.flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
		flags.mask |= IP_CT_TCP_FLAG_BE_LIBERAL;
	}
	return flags;
}

static void
put_tcp(struct builder *b, const struct flow *f, bool liberal)
{
	const struct flow_tcp *tcp = &f->l4.tcp;
	struct nf_ct_tcp_flags orig = tcp_flags(tcp->flags_orig, f->has, liberal);
	struct nf_ct_tcp_flags repl = tcp_flags(tcp->flags_repl, f->has, liberal);
	struct nlattr *info, *nest;

	if (!(f->has & (HAS_STATE | HAS_WSCALE)) && !orig.mask)
		return;
	info = nest_start(b, CTA_PROTOINFO);
	nest = nest_start(b, CTA_PROTOINFO_TCP);
	if (f->has & HAS_STATE)
		put_u8(b, CTA_PROTOINFO_TCP_STATE, tcp->state);
	if (f->has & HAS_WSCALE) {
		put_u8(b, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, tcp->wscale_orig);
		put_u8(b, CTA_PROTOINFO_TCP_WSCALE_REPLY, tcp->wscale_repl);
	}
	if (orig.mask) {
		put(b, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &orig, sizeof(orig));
		put(b, CTA_PROTOINFO_TCP_FLAGS_REPLY, &repl, sizeof(repl));
	}
	nest_end(b, nest);
	nest_end(b, info);
}

/* The kernel wants all three or none (EINVAL). */
static void
put_sctp(struct builder *b, const struct flow *f)
{
	struct nlattr *info, *nest;

	if (!(f->has & HAS_STATE) || !(f->has & HAS_VTAGS))
		return;
	info = nest_start(b, CTA_PROTOINFO);
	nest = nest_start(b, CTA_PROTOINFO_SCTP);
	put_u8(b, CTA_PROTOINFO_SCTP_STATE, f->l4.sctp.state);
	put_attr_be32(b, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, f->l4.sctp.vtag_orig);
	put_attr_be32(b, CTA_PROTOINFO_SCTP_VTAG_REPLY, f->l4.sctp.vtag_repl);
	nest_end(b, nest);
	nest_end(b, info);
}

static void
put_dccp(struct builder *b, const struct flow *f)
{
	struct nlattr *info, *nest;

	if (!(f->has & HAS_STATE) || !(f->has & HAS_DCCP_ROLE))
		return;
	info = nest_start(b, CTA_PROTOINFO);
	nest = nest_start(b, CTA_PROTOINFO_DCCP);
	put_u8(b, CTA_PROTOINFO_DCCP_STATE, f->l4.dccp.state);
	put_u8(b, CTA_PROTOINFO_DCCP_ROLE, f->l4.dccp.role);
	if (f->has & HAS_DCCP_SEQ) {
		uint8_t seq[8];

		put_be32(seq, (uint32_t)(f->l4.dccp.handshake_seq >> 32));
		put_be32(seq + 4, (uint32_t)f->l4.dccp.handshake_seq);
		put(b, CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, seq, sizeof(seq));
	}
	nest_end(b, nest);
	nest_end(b, info);
}

static void
put_protoinfo(struct builder *b, const struct flow *f, bool tcp_liberal)
{
	switch (f->key.l4) {
	case L4_TCP:
		put_tcp(b, f, tcp_liberal);
		break;
	case L4_SCTP:
		put_sctp(b, f);
		break;
	case L4_DCCP:
		put_dccp(b, f);
		break;
	default:
		break;
	}
}

static void
put_seqadj(struct builder *b, uint16_t type, const struct flow_seqadj *adj)
{
	struct nlattr *nest = nest_start(b, type);

	put_attr_be32(b, CTA_SEQADJ_CORRECTION_POS, adj->correction_pos);
	put_attr_be32(b, CTA_SEQADJ_OFFSET_BEFORE, adj->offset_before);
	put_attr_be32(b, CTA_SEQADJ_OFFSET_AFTER, adj->offset_after);
	nest_end(b, nest);
}

static void
put_labels(struct builder *b, const uint8_t labels[FLOW_LABELS_LEN])
{
	uint8_t bytes[FLOW_LABELS_LEN];

	for (size_t i = 0; i < FLOW_LABELS_LEN; i++)
		bytes[ctnl_label_byte(i)] = labels[i];
	put(b, CTA_LABELS, bytes, sizeof(bytes));
}

static void
put_synproxy(struct builder *b, const struct flow_rare *rare)
{
	struct nlattr *nest = nest_start(b, CTA_SYNPROXY);

	put_attr_be32(b, CTA_SYNPROXY_ISN, rare->synproxy_isn);
	put_attr_be32(b, CTA_SYNPROXY_ITS, rare->synproxy_its);
	put_attr_be32(b, CTA_SYNPROXY_TSOFF, rare->synproxy_tsoff);
	nest_end(b, nest);
}

/* What both a new entry and a changed one may be given, beside the timeout. */
static void
put_mutable(struct builder *b, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;

	if (f->has & HAS_MARK)
		put_attr_be32(b, CTA_MARK, f->mark);
	put_protoinfo(b, f, op->tcp_liberal);
	if (f->has & HAS_SEQADJ) {
		put_seqadj(b, CTA_SEQ_ADJ_ORIG, &f->rare.seqadj[0]);
		put_seqadj(b, CTA_SEQ_ADJ_REPLY, &f->rare.seqadj[1]);
	}
	/* Without a mask the kernel replaces all labels, in a new entry as in an old one. */
	if (f->has & HAS_LABELS)
		put_labels(b, f->rare.labels);
	if (f->has & HAS_SYNPROXY)
		put_synproxy(b, &f->rare);
}

static void
put_key(struct builder *b, const struct flow *f)
{
	put_tuple(b, CTA_TUPLE_ORIG, &f->key, f->has & HAS_PORTS);
	if (f->key.zone != 0)
		put_attr_be16(b, CTA_ZONE, f->key.zone);
}

static void
put_reply(struct builder *b, const struct flow *f, const struct flow_reply *reply)
{
	struct flow_key key = f->key;

	key.src = reply->src;
	key.dst = reply->dst;
	key.sport = reply->sport;
	key.dport = reply->dport;
	put_tuple(b, CTA_TUPLE_REPLY, &key, f->has & HAS_PORTS);
}

static void
put_reply_key(struct builder *b, const struct flow *f)
{
	put_reply(b, f, &f->reply);
	if (f->key.zone != 0)
		put_attr_be16(b, CTA_ZONE, f->key.zone);
}

static void
put_create(struct builder *b, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;
	struct flow_reply plain;

	flow_invert(&f->key, &plain);
	put_key(b, f);
	put_reply(b, f, &plain);
	/* EXPECTED comes with the master; saying it here is EBUSY, as is denying CONFIRMED. */
	if (f->has & HAS_STATUS)
		put_attr_be32(b, CTA_STATUS, (f->status & ~(uint32_t)ST_EXPECTED) | ST_CONFIRMED);
	if (f->has & HAS_TIMEOUT)
		put_attr_be32(b, CTA_TIMEOUT, f->timeout_s);
	put_nat_setup(b, f);
	put_mutable(b, op);
	if (f->has & HAS_HELPER) {
		struct nlattr *help = nest_start(b, CTA_HELP);
		size_t len = strnlen(f->rare.helper, FLOW_HELPER_LEN - 1);
		char name[FLOW_HELPER_LEN] = {0};

		memcpy(name, f->rare.helper, len);
		put(b, CTA_HELP_NAME, name, len + 1);
		nest_end(b, help);
	}
	if (flow_is_related(f))
		put_tuple(b, CTA_TUPLE_MASTER, &f->rare.master, f->has & HAS_MASTER_PORTS);
}

static void
put_update(struct builder *b, const struct kernel_op *op)
{
	const struct flow *f = &op->flow;

	put_key(b, f);
	if (f->has & HAS_STATUS) {
		/* EXPECTED has to be as it is, which is as put_create() made it. */
		uint32_t status = (f->status & ~(uint32_t)ST_EXPECTED) | ST_CONFIRMED;

		put_attr_be32(b, CTA_STATUS, flow_is_related(f) ? status | ST_EXPECTED : status);
	}
	/* With a fixed timeout the kernel refuses the whole update if it has one. */
	if ((f->has & HAS_TIMEOUT) && !(f->status & ST_FIXED_TIMEOUT))
		put_attr_be32(b, CTA_TIMEOUT, f->timeout_s);
	put_mutable(b, op);
}

static void
put_name(struct builder *b, uint16_t type, const char *name, size_t cap)
{
	char text[EXPECT_FN_LEN] = {0};
	size_t len = strnlen(name, cap - 1);

	ASSERT(cap <= sizeof(text));
	memcpy(text, name, len);
	put(b, type, text, len + 1);
}

/* Where the expected connection is translated back to: the kernel keeps an address and a port. */
static void
put_expect_nat(struct builder *b, const struct expect *e)
{
	struct flow_key nat = e->nat;
	struct nlattr *nest;

	if (!(e->has & EXP_NAT_DIR) || !(e->has & EXP_NAT_L4))
		return;
	/* Of an IPv6 one the wire has no address; none is what most helpers leave there. */
	if (!(e->has & EXP_NAT_ADDRS))
		memset(&nat, 0, offsetof(struct flow_key, sport));
	nat.l3 = e->tuple.l3;
	nat.l4 = e->nat.l4;
	nest = nest_start(b, CTA_EXPECT_NAT);
	put_attr_be32(b, CTA_EXPECT_NAT_DIR, e->nat_dir);
	put_tuple(b, CTA_EXPECT_NAT_TUPLE, &nat, true);
	nest_end(b, nest);
}

/*
 * The kernel has its own idea of the timeout where a helper of its own stands behind the master; for
 * one in user space it takes what it is told, and refuses to be told nothing.
 */
static void
put_expect(struct builder *b, const struct expect *e)
{
	struct flow_key mask = e->mask;

	/* The kernel parses the mask as a tuple of the protocol that is expected. */
	mask.l3 = e->tuple.l3;
	mask.l4 = e->tuple.l4;
	put_tuple(b, CTA_EXPECT_MASTER, &e->master, true);
	put_tuple(b, CTA_EXPECT_TUPLE, &e->tuple, true);
	put_tuple(b, CTA_EXPECT_MASK, &mask, true);
	if (e->master.zone != 0)
		put_attr_be16(b, CTA_EXPECT_ZONE, e->master.zone);
	if (e->has & EXP_TIMEOUT)
		put_attr_be32(b, CTA_EXPECT_TIMEOUT, e->timeout_s);
	if (e->has & EXP_FLAGS)
		put_attr_be32(b, CTA_EXPECT_FLAGS, e->flags);
	if (e->has & EXP_HELPER)
		put_name(b, CTA_EXPECT_HELP_NAME, e->helper, sizeof(e->helper));
	if (e->has & EXP_CLASS)
		put_attr_be32(b, CTA_EXPECT_CLASS, e->class);
	put_expect_nat(b, e);
	if (e->has & EXP_FN)
		put_name(b, CTA_EXPECT_FN, e->fn, sizeof(e->fn));
}

static void
put_expect_key(struct builder *b, const struct expect *e)
{
	put_tuple(b, CTA_EXPECT_TUPLE, &e->tuple, true);
	if (e->tuple.zone != 0)
		put_attr_be16(b, CTA_EXPECT_ZONE, e->tuple.zone);
}

/* Builds one message (a REPLACE has two) and returns its length, 0 if it does not fit. */
static size_t
build_one(const struct kernel_op *op, enum kernel_op_type type, uint32_t seq, void *buf, size_t cap)
{
	const size_t head = MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg);
	struct builder b = {.start = buf, .len = head, .cap = cap};
	struct nlmsghdr *nlh = buf;
	struct nfgenmsg *nfg = (void *)((char *)buf + MNL_NLMSG_HDRLEN);
	bool about_expect = type == KOP_EXPECT_CREATE || type == KOP_EXPECT_DELETE;
	uint16_t subsys = about_expect ? NFNL_SUBSYS_CTNETLINK_EXP : NFNL_SUBSYS_CTNETLINK;
	uint16_t msg = IPCTNL_MSG_CT_NEW;
	uint16_t flags = NLM_F_REQUEST;

	if (cap < head)
		return 0;
	*nfg = (struct nfgenmsg){
	    .nfgen_family = about_expect ? op->expect.tuple.l3 : op->flow.key.l3,
	    .version = NFNETLINK_V0,
	};
	switch (type) {
	case KOP_CREATE:
		flags |= NLM_F_CREATE | NLM_F_EXCL;
		put_create(&b, op);
		break;
	case KOP_UPDATE:
		put_update(&b, op);
		break;
	case KOP_DELETE:
		msg = IPCTNL_MSG_CT_DELETE;
		put_key(&b, &op->flow);
		if (op->flow.has & HAS_ID)
			put_attr_be32(&b, CTA_ID, op->flow.id);
		break;
	case KOP_GET:
		msg = IPCTNL_MSG_CT_GET;
		put_key(&b, &op->flow);
		break;
	case KOP_GET_REPLY:
		msg = IPCTNL_MSG_CT_GET;
		put_reply_key(&b, &op->flow);
		break;
	case KOP_EXPECT_CREATE:
		msg = IPCTNL_MSG_EXP_NEW;
		flags |= NLM_F_CREATE | NLM_F_EXCL;
		put_expect(&b, &op->expect);
		break;
	case KOP_EXPECT_DELETE:
		msg = IPCTNL_MSG_EXP_DELETE;
		put_expect_key(&b, &op->expect);
		break;
	case KOP_REPLACE:
		return 0;
	}
	*nlh = (struct nlmsghdr){
	    .nlmsg_len = (uint32_t)b.len,
	    .nlmsg_type = (uint16_t)(subsys << 8 | msg),
	    .nlmsg_flags = flags,
	    .nlmsg_seq = seq,
	};
	return b.failed ? 0 : b.len;
}

size_t
ctnl_msg_build(const struct kernel_op *op, uint32_t seq, void *buf, size_t cap)
{
	struct kernel_op victim = {.type = KOP_DELETE, .flow.key = op->victim};
	size_t first, second;

	/* Without a tuple the kernel would take a DELETE to mean the whole table. */
	if (kernel_op_is_expect(op))
		return op->expect.tuple.l3 == L3_IPV4 || op->expect.tuple.l3 == L3_IPV6
		    ? build_one(op, op->type, seq, buf, cap)
		    : 0;
	if (op->flow.key.l3 != L3_IPV4 && op->flow.key.l3 != L3_IPV6)
		return 0;
	if (op->type != KOP_REPLACE)
		return build_one(op, op->type, seq, buf, cap);
	if (op->victim.l3 != op->flow.key.l3 || op->victim.l4 != op->flow.key.l4)
		return 0;
	victim.flow.has = op->flow.has & HAS_PORTS;
	if (op->victim_id != 0) {
		victim.flow.has |= HAS_ID;
		victim.flow.id = op->victim_id;
	}
	first = build_one(&victim, KOP_DELETE, seq, buf, cap);
	if (first == 0)
		return 0;
	second = build_one(op, KOP_CREATE, seq + 1, (char *)buf + first, cap - first);
	return second == 0 ? 0 : first + second;
}
