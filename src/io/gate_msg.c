/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate_msg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

enum {
	/* No message is longer. */
	MESSAGE_MAX = 512,
	/* After the lookup of conntrack (-200), before destination NAT (-100). */
	PRIORITY = -150,
	/* How nft(8) calls a set's kind of key: "inet_proto". */
	TYPE_INET_PROTO = 12,
	SET_ID = 1,
	TCP_FLAGS_AT = 13,
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
	/* The first chunk; INIT is always alone. */
	SCTP_CHUNK_AT = 12,
	SCTP_INIT = 1,
};

static const char table_name[] = "conntrackd-gate", chain_name[] = "prerouting",
		  set_name[] = "closed", counter_name[] = "held";

/* ---- messages ---- */

static struct nlmsghdr *
message(struct gate_batch *b, uint16_t type, uint16_t flags, uint16_t res_id)
{
	struct nlmsghdr *nlh;
	struct nfgenmsg *nfg;

	ASSERT(b->len + MESSAGE_MAX <= GATE_MSG_MAX);
	nlh = mnl_nlmsg_put_header(b->buf + b->len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++b->seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = res_id != 0 ? AF_UNSPEC : NFPROTO_INET;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return nlh;
}

static struct nlmsghdr *
begin(struct gate_batch *b, uint16_t type, uint16_t flags)
{
	return message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, 0);
}

static void
end(struct gate_batch *b, const struct nlmsghdr *nlh)
{
	ASSERT(nlh->nlmsg_len <= MESSAGE_MAX);
	b->len += MNL_ALIGN(nlh->nlmsg_len);
}

void
gate_batch_begin(struct gate_batch *b, char *buf, uint32_t seq)
{
	*b = (struct gate_batch){.buf = buf, .first_seq = seq, .seq = seq - 1};
	end(b, message(b, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES));
}

void
gate_batch_end(struct gate_batch *b)
{
	struct nlmsghdr *nlh = (void *)b->buf;
	size_t left = b->len;

	while (nlh->nlmsg_len < left) {
		left -= nlh->nlmsg_len;
		nlh = (void *)((char *)nlh + nlh->nlmsg_len);
	}
	nlh->nlmsg_flags |= NLM_F_ACK;
	end(b, message(b, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES));
}

/* ---- expressions ---- */

struct expr {
	struct nlattr *element, *data;
};

static struct expr
expr_begin(struct nlmsghdr *nlh, const char *name)
{
	struct expr e = {.element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM)};

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	return e;
}

static void
expr_end(struct nlmsghdr *nlh, struct expr e)
{
	mnl_attr_nest_end(nlh, e.data);
	mnl_attr_nest_end(nlh, e.element);
}

static void
put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(nlh, type, htonl(value));
}

static void
put_value(struct nlmsghdr *nlh, uint16_t type, const void *value, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(nlh, nest);
}

/* All of them use the first register. */

static void
load_ct(struct nlmsghdr *nlh, enum nft_ct_keys key)
{
	struct expr e = expr_begin(nlh, "ct");

	put_u32(nlh, NFTA_CT_KEY, key);
	put_u32(nlh, NFTA_CT_DREG, NFT_REG_1);
	expr_end(nlh, e);
}

static void
load_meta(struct nlmsghdr *nlh, enum nft_meta_keys key)
{
	struct expr e = expr_begin(nlh, "meta");

	put_u32(nlh, NFTA_META_KEY, key);
	put_u32(nlh, NFTA_META_DREG, NFT_REG_1);
	expr_end(nlh, e);
}

/* One byte of the transport header. */
static void
load_byte(struct nlmsghdr *nlh, uint32_t offset)
{
	struct expr e = expr_begin(nlh, "payload");

	put_u32(nlh, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_u32(nlh, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	put_u32(nlh, NFTA_PAYLOAD_OFFSET, offset);
	put_u32(nlh, NFTA_PAYLOAD_LEN, 1);
	expr_end(nlh, e);
}

static void
mask(struct nlmsghdr *nlh, const void *bits, size_t len)
{
	static const uint32_t none;
	struct expr e = expr_begin(nlh, "bitwise");

	put_u32(nlh, NFTA_BITWISE_SREG, NFT_REG_1);
	put_u32(nlh, NFTA_BITWISE_DREG, NFT_REG_1);
	put_u32(nlh, NFTA_BITWISE_LEN, (uint32_t)len);
	put_value(nlh, NFTA_BITWISE_MASK, bits, len);
	put_value(nlh, NFTA_BITWISE_XOR, &none, len);
	expr_end(nlh, e);
}

static void
compare(struct nlmsghdr *nlh, enum nft_cmp_ops op, const void *value, size_t len)
{
	struct expr e = expr_begin(nlh, "cmp");

	put_u32(nlh, NFTA_CMP_SREG, NFT_REG_1);
	put_u32(nlh, NFTA_CMP_OP, op);
	put_value(nlh, NFTA_CMP_DATA, value, len);
	expr_end(nlh, e);
}

static void
compare_byte(struct nlmsghdr *nlh, uint8_t value)
{
	compare(nlh, NFT_CMP_EQ, &value, sizeof(value));
}

static void
not_in_set(struct nlmsghdr *nlh)
{
	struct expr e = expr_begin(nlh, "lookup");

	mnl_attr_put_strz(nlh, NFTA_LOOKUP_SET, set_name);
	put_u32(nlh, NFTA_LOOKUP_SET_ID, SET_ID);
	put_u32(nlh, NFTA_LOOKUP_SREG, NFT_REG_1);
	put_u32(nlh, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	expr_end(nlh, e);
}

static void
count(struct nlmsghdr *nlh)
{
	struct expr e = expr_begin(nlh, "objref");

	put_u32(nlh, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	mnl_attr_put_strz(nlh, NFTA_OBJREF_IMM_NAME, counter_name);
	expr_end(nlh, e);
}

static void
verdict(struct nlmsghdr *nlh, uint32_t code)
{
	struct expr e = expr_begin(nlh, "immediate");
	struct nlattr *data, *inner;

	put_u32(nlh, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(nlh, NFTA_IMMEDIATE_DATA);
	inner = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
	put_u32(nlh, NFTA_VERDICT_CODE, code);
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, data);
	expr_end(nlh, e);
}

/* ---- rules ---- */

struct rule {
	struct nlmsghdr *nlh;
	struct nlattr *list;
};

static struct rule
rule_begin(struct gate_batch *b)
{
	struct rule r = {.nlh = begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND)};

	mnl_attr_put_strz(r.nlh, NFTA_RULE_TABLE, table_name);
	mnl_attr_put_strz(r.nlh, NFTA_RULE_CHAIN, chain_name);
	r.list = mnl_attr_nest_start(r.nlh, NFTA_RULE_EXPRESSIONS);
	return r;
}

static void
rule_end(struct gate_batch *b, struct rule r, uint32_t code)
{
	verdict(r.nlh, code);
	mnl_attr_nest_end(r.nlh, r.list);
	end(b, r.nlh);
}

/*
 * What has an entry passes, whether it has been answered or not.  A packet without one that cannot begin a
 * connection is new to conntrack, or invalid (nf_conntrack_tcp_loose); what the ruleset keeps from being
 * tracked is not our business.
 */
static void
rules_known(struct gate_batch *b)
{
	const uint32_t confirmed = IPS_CONFIRMED, none = 0;
	const uint32_t passes = NF_CT_STATE_BIT(IP_CT_RELATED) | NF_CT_STATE_UNTRACKED_BIT;
	struct rule r = rule_begin(b);

	load_ct(r.nlh, NFT_CT_STATUS);
	mask(r.nlh, &confirmed, sizeof(confirmed));
	compare(r.nlh, NFT_CMP_EQ, &confirmed, sizeof(confirmed));
	rule_end(b, r, NF_ACCEPT);

	r = rule_begin(b);
	load_meta(r.nlh, NFT_META_L4PROTO);
	not_in_set(r.nlh);
	rule_end(b, r, NF_ACCEPT);

	r = rule_begin(b);
	load_ct(r.nlh, NFT_CT_STATE);
	mask(r.nlh, &passes, sizeof(passes));
	compare(r.nlh, NFT_CMP_NEQ, &none, sizeof(none));
	rule_end(b, r, NF_ACCEPT);
}

static void
rule_interface(struct gate_batch *b, const char *name)
{
	char padded[GATE_IFNAME_MAX] = {0};
	struct rule r = rule_begin(b);

	memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
	load_meta(r.nlh, NFT_META_IIFNAME);
	compare(r.nlh, NFT_CMP_EQ, padded, sizeof(padded));
	rule_end(b, r, NF_ACCEPT);
}

static void
rules_beginnings(struct gate_batch *b)
{
	const uint8_t of_tcp = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK;
	struct rule r = rule_begin(b);

	load_meta(r.nlh, NFT_META_L4PROTO);
	compare_byte(r.nlh, IPPROTO_TCP);
	load_byte(r.nlh, TCP_FLAGS_AT);
	mask(r.nlh, &of_tcp, sizeof(of_tcp));
	compare_byte(r.nlh, TCP_SYN);
	rule_end(b, r, NF_ACCEPT);

	r = rule_begin(b);
	load_meta(r.nlh, NFT_META_L4PROTO);
	compare_byte(r.nlh, IPPROTO_SCTP);
	load_byte(r.nlh, SCTP_CHUNK_AT);
	compare_byte(r.nlh, SCTP_INIT);
	rule_end(b, r, NF_ACCEPT);
}

/* ---- the whole ---- */

static void
table_counter_set(struct gate_batch *b)
{
	struct nlmsghdr *nlh = begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table_name);
	put_u32(nlh, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	end(b, nlh);

	nlh = begin(b, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, table_name);
	mnl_attr_put_strz(nlh, NFTA_OBJ_NAME, counter_name);
	put_u32(nlh, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	mnl_attr_nest_end(nlh, mnl_attr_nest_start(nlh, NFTA_OBJ_DATA));
	end(b, nlh);

	nlh = begin(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, table_name);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, set_name);
	put_u32(nlh, NFTA_SET_ID, SET_ID);
	put_u32(nlh, NFTA_SET_FLAGS, NFT_SET_TIMEOUT);
	put_u32(nlh, NFTA_SET_KEY_TYPE, TYPE_INET_PROTO);
	put_u32(nlh, NFTA_SET_KEY_LEN, 1);
	end(b, nlh);
}

static void
chain(struct gate_batch *b)
{
	struct nlmsghdr *nlh = begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table_name);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain_name);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	put_u32(nlh, NFTA_CHAIN_POLICY, NF_ACCEPT);
	hook = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	put_u32(nlh, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
	put_u32(nlh, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	mnl_attr_nest_end(nlh, hook);
	end(b, nlh);
}

void
gate_msg_make(struct gate_batch *b, const char interfaces[][GATE_IFNAME_MAX], size_t count_of)
{
	struct rule r;

	ASSERT(count_of <= GATE_INTERFACES_MAX);
	table_counter_set(b);
	chain(b);
	rules_known(b);
	rule_interface(b, "lo");
	for (size_t i = 0; i < count_of; i++)
		rule_interface(b, interfaces[i]);
	rules_beginnings(b);
	r = rule_begin(b);
	count(r.nlh);
	rule_end(b, r, NF_DROP);
}

void
gate_msg_open(struct gate_batch *b)
{
	/* Names no element: all of them. */
	struct nlmsghdr *nlh = begin(b, NFT_MSG_DELSETELEM, 0);

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table_name);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set_name);
	end(b, nlh);
}

void
gate_msg_close(struct gate_batch *b, uint8_t protocol, uint64_t timeout_ms)
{
	struct nlmsghdr *nlh = begin(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	struct nlattr *list, *element;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table_name);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set_name);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	put_value(nlh, NFTA_SET_ELEM_KEY, &protocol, sizeof(protocol));
	mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(timeout_ms));
	mnl_attr_nest_end(nlh, element);
	mnl_attr_nest_end(nlh, list);
	end(b, nlh);
}

/* ---- the counter ---- */

size_t
gate_msg_ask(char *buf, uint32_t seq)
{
	struct gate_batch b = {.buf = buf, .seq = seq - 1};
	struct nlmsghdr *nlh = begin(&b, NFT_MSG_GETOBJ, 0);

	mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, table_name);
	mnl_attr_put_strz(nlh, NFTA_OBJ_NAME, counter_name);
	put_u32(nlh, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	end(&b, nlh);
	return b.len;
}

/* The attribute of that type among `len` bytes of them; NULL if there is none. */
static const struct nlattr *
find(const void *payload, size_t len, uint16_t type)
{
	const struct nlattr *attr = payload;

	for (; mnl_attr_ok(attr, (int)len); attr = mnl_attr_next(attr)) {
		size_t step = MNL_ALIGN(attr->nla_len);

		if (mnl_attr_get_type(attr) == type)
			return attr;
		if (step >= len)
			break;
		len -= step;
	}
	return NULL;
}

bool
gate_msg_counter(const struct nlmsghdr *nlh, uint64_t *packets)
{
	const size_t headers = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg));
	const struct nlattr *attr;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ) ||
	    nlh->nlmsg_len < headers)
		return false;
	attr = find((const char *)nlh + headers, nlh->nlmsg_len - headers, NFTA_OBJ_DATA);
	if (attr == NULL)
		return false;
	attr = find(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr),
	    NFTA_COUNTER_PACKETS);
	if (attr == NULL || mnl_attr_get_payload_len(attr) != sizeof(*packets))
		return false;
	memcpy(packets, mnl_attr_get_payload(attr), sizeof(*packets));
	*packets = be64toh(*packets);
	return true;
}
