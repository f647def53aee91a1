/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctnl_filter.h"

#include <arpa/inet.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include "buf.h"

enum {
	AT_TYPE = offsetof(struct nlmsghdr, nlmsg_type),
	AT_PORT = offsetof(struct nlmsghdr, nlmsg_pid),
	AT_FAMILY = sizeof(struct nlmsghdr) + offsetof(struct nfgenmsg, nfgen_family),
	AT_ATTRS = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg),
	ATTR_HEADER = sizeof(struct nlattr),

	/* Words of the program's memory. */
	MEM_PROTO = 0,
	MEM_ORIG = 1,  /* source address of the original tuple, up to four words */
	MEM_REPLY = 5, /* of the reply tuple */
};

static const uint32_t DROP = 0, PASS = 0xffffffff;

/* Aims of jumps that are set later: behind the test under way; at the end, where all passes. */
static const uint32_t ONWARD = 0xffffffff, AWAY = 0xfffffffe;

struct program {
	struct sock_filter *code;
	size_t cap;
	size_t len; /* more than cap: it did not fit */
};

static void
emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->len < p->cap)
		p->code[p->len] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
	p->len++;
}

static void
ret(struct program *p, uint32_t k)
{
	emit(p, BPF_RET | BPF_K, k, 0, 0);
}

/* If A is k, the next instruction is carried out, otherwise passed over. */
static void
if_equal(struct program *p, uint32_t k)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
}

static void
jump(struct program *p, uint32_t aim)
{
	emit(p, BPF_JMP | BPF_JA, aim, 0, 0);
}

/* All jumps from `from` on that have this aim land here. */
static void
land_all(struct program *p, size_t from, uint32_t aim)
{
	for (size_t i = from; i < p->len && i < p->cap; i++) {
		if (p->code[i].code == (BPF_JMP | BPF_JA) && p->code[i].k == aim)
			p->code[i].k = (uint32_t)(p->len - i - 1);
	}
}

/*
 * X becomes the place of the attribute path[0] in the message, or, in there, of path[1] and so on,
 * which ends with 0.  If it is not there: to `otherwise`.
 */
static void
find_attr(struct program *p, const uint16_t *path, uint32_t otherwise)
{
	emit(p, BPF_LD | BPF_IMM, AT_ATTRS, 0, 0);
	for (size_t i = 0; path[i] != 0; i++) {
		emit(p, BPF_LDX | BPF_IMM, path[i], 0, 0);
		emit(p, BPF_LD | BPF_W | BPF_ABS,
		    (uint32_t)(SKF_AD_OFF + (i == 0 ? SKF_AD_NLATTR : SKF_AD_NLATTR_NEST)), 0, 0);
		if_equal(p, 0);
		jump(p, otherwise);
	}
	emit(p, BPF_MISC | BPF_TAX, 0, 0, 0);
}

/* A is one of these values, or not: drops it if `drop_listed` says so. */
static void
test_set(struct program *p, const uint8_t *bits, unsigned int count, bool drop_listed)
{
	size_t start = p->len;

	for (unsigned int i = 0; i < count; i++) {
		if (!(bits[i / 8] & (1u << (i % 8))))
			continue;
		if_equal(p, i);
		if (drop_listed)
			ret(p, DROP);
		else
			jump(p, ONWARD);
	}
	if (!drop_listed)
		ret(p, DROP);
	land_all(p, start, ONWARD);
}

static void
load_proto(struct program *p)
{
	static const uint16_t path[] = {CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_NUM, 0};

	find_attr(p, path, AWAY);
	emit(p, BPF_LD | BPF_B | BPF_IND, ATTR_HEADER, 0, 0);
	emit(p, BPF_ST, MEM_PROTO, 0, 0);
}

/* Only TCP flows that carry a state that we know. */
static void
test_state(struct program *p, const struct filter *f)
{
	static const uint16_t path[] = {
	    CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE, 0};
	const uint8_t states[2] = {(uint8_t)f->tcp_states, (uint8_t)(f->tcp_states >> 8)};
	size_t start = p->len;

	emit(p, BPF_LD | BPF_MEM, MEM_PROTO, 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, L4_TCP, 1, 0);
	jump(p, ONWARD);
	find_attr(p, path, ONWARD);
	emit(p, BPF_LD | BPF_B | BPF_IND, ATTR_HEADER, 0, 0);
	emit(p, BPF_JMP | BPF_JGE | BPF_K, TCP_STATE_MAX, 0, 1);
	jump(p, ONWARD);
	test_set(p, states, TCP_STATE_MAX, f->state_polarity == FILTER_IGNORE);
	land_all(p, start, ONWARD);
}

static void
load_addr(struct program *p, uint16_t tuple, uint8_t l3, uint32_t mem)
{
	const uint16_t path[] = {tuple, CTA_TUPLE_IP,
	    l3 == L3_IPV4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, 0};

	find_attr(p, path, AWAY);
	for (uint32_t i = 0; i < flow_addr_len(l3) / 4; i++) {
		emit(p, BPF_LD | BPF_W | BPF_IND, ATTR_HEADER + 4 * i, 0, 0);
		emit(p, BPF_ST, mem + i, 0, 0);
	}
}

/* Carries out the next instruction if the address in memory lies in the network. */
static void
if_inside(struct program *p, const struct filter_net *net, uint32_t mem)
{
	unsigned int full = net->prefix / 32u, rest = net->prefix % 32u;
	uint32_t mask = rest > 0 ? UINT32_MAX << (32 - rest) : 0;
	unsigned int left = 2 * full + (rest > 0 ? 3 : 0); /* instructions of all that follows */

	for (unsigned int i = 0; i < full; i++) {
		left -= 2;
		emit(p, BPF_LD | BPF_MEM, mem + i, 0, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, get_be32(net->addr.b + 4 * i), 0,
		    (uint8_t)(left + 1));
	}
	if (rest > 0) {
		emit(p, BPF_LD | BPF_MEM, mem + full, 0, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
		if_equal(p, get_be32(net->addr.b + 4 * full) & mask);
	}
}

/* The two real ends of a flow of this family: one of them in the list is enough. */
static void
test_family(struct program *p, const struct filter *f, uint8_t l3)
{
	static const uint32_t mems[] = {MEM_ORIG, MEM_REPLY};
	bool drop_listed = f->addr_polarity == FILTER_IGNORE;

	load_addr(p, CTA_TUPLE_ORIG, l3, MEM_ORIG);
	load_addr(p, CTA_TUPLE_REPLY, l3, MEM_REPLY);
	for (size_t i = 0; i < f->nets_count && p->len <= p->cap; i++) {
		if (f->nets[i].l3 != l3)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(mems); k++) {
			if_inside(p, &f->nets[i], mems[k]);
			if (drop_listed)
				ret(p, DROP);
			else
				jump(p, ONWARD);
		}
	}
	if (!drop_listed)
		ret(p, DROP);
}

static void
test_addresses(struct program *p, const struct filter *f)
{
	size_t start = p->len, other, end;

	emit(p, BPF_LD | BPF_B | BPF_ABS, AT_FAMILY, 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, L3_IPV4, 1, 0);
	/* Over the IPv4 part; its length is known behind it. */
	other = p->len;
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	test_family(p, f, L3_IPV4);
	jump(p, ONWARD);
	end = p->len;
	if (end < p->cap)
		p->code[other].k = (uint32_t)(end - other - 1);
	emit(p, BPF_LD | BPF_B | BPF_ABS, AT_FAMILY, 0, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, L3_IPV6, 1, 0);
	jump(p, AWAY);
	test_family(p, f, L3_IPV6);
	land_all(p, start, ONWARD);
}

size_t
ctnl_filter_build(const struct filter *filter, bool addresses, uint32_t own_port,
    struct sock_filter *out, size_t cap)
{
	struct program p = {.code = out, .cap = cap};

	if (own_port != 0) {
		/* The kernel names the requester in host order; words are loaded from network order. */
		emit(&p, BPF_LD | BPF_W | BPF_ABS, AT_PORT, 0, 0);
		if_equal(&p, htonl(own_port));
		ret(&p, DROP);
	}
	if (filter != NULL) {
		emit(&p, BPF_LD | BPF_H | BPF_ABS, AT_TYPE, 0, 0);
		emit(&p, BPF_JMP | BPF_JEQ | BPF_K,
		    htons((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW), 1, 0);
		ret(&p, PASS);
		load_proto(&p);
		if (filter->proto_polarity != FILTER_NONE)
			test_set(&p, filter->protos, 256, filter->proto_polarity == FILTER_IGNORE);
		if (filter->state_polarity != FILTER_NONE)
			test_state(&p, filter);
		if (filter->addr_polarity != FILTER_NONE && addresses)
			test_addresses(&p, filter);
	}
	land_all(&p, 0, AWAY);
	ret(&p, PASS);
	return p.len <= cap ? p.len : 0;
}
