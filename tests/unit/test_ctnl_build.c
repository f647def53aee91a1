/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ctnl_msg.h"

static struct kernel_op
op_make(enum kernel_op_type type, uint8_t l4, const char *src, const char *dst, uint16_t sport,
    uint16_t dport)
{
	struct kernel_op op;
	struct flow *f = &op.flow;
	int family = strchr(src, ':') ? AF_INET6 : AF_INET;

	memset(&op, 0, sizeof(op));
	op.type = type;
	f->key.l3 = family == AF_INET6 ? L3_IPV6 : L3_IPV4;
	f->key.l4 = l4;
	assert_int_equal(inet_pton(family, src, &f->key.src), 1);
	assert_int_equal(inet_pton(family, dst, &f->key.dst), 1);
	f->key.sport = htons(sport);
	f->key.dport = htons(dport);
	f->has = HAS_ADDRS | HAS_L4PROTO;
	f->has |= flow_l4_is_icmp(l4) ? HAS_ICMP : HAS_PORTS;
	flow_invert(&f->key, &f->reply);
	return op;
}

/* Follows a path of attribute numbers that ends in 0; NULL if there is no such attribute. */
static const struct nlattr *
find(const struct nlmsghdr *nlh, const uint16_t *path)
{
	const struct nlattr *at = NULL, *found;

	for (; *path; path++) {
		const struct nlattr *attr;

		found = NULL;
		if (at) {
			mnl_attr_for_each_nested(attr, at) if (mnl_attr_get_type(attr) == *path)
			    found = attr;
		} else {
			mnl_attr_for_each(attr, nlh, 4) if (mnl_attr_get_type(attr) == *path)
			    found = attr;
		}
		if (!found)
			return NULL;
		at = found;
	}
	return at;
}

#define PATH(...) ((const uint16_t[]){__VA_ARGS__, 0})

static void
assert_attr(const struct nlmsghdr *nlh, const uint16_t *path, const void *bytes, size_t len)
{
	const struct nlattr *attr = find(nlh, path);

	assert_non_null(attr);
	assert_int_equal(mnl_attr_get_payload_len(attr), len);
	assert_memory_equal(mnl_attr_get_payload(attr), bytes, len);
}

static void
a_create_of_a_source_translated_flow_is_this(void **state)
{
	/* Everything after the netlink header, by hand. */
	/* clang-format off */
#define A(len, type) (len), 0, (type), 0
#define N(len, type) (len), 0, (type), 0x80
	const uint8_t want[] = {
	    2, 0, 0, 0, /* nfgenmsg */
	    N(52, CTA_TUPLE_ORIG),
	    N(20, CTA_TUPLE_IP),
	    A(8, CTA_IP_V4_SRC), 10, 1, 0, 2,
	    A(8, CTA_IP_V4_DST), 10, 2, 0, 2,
	    N(28, CTA_TUPLE_PROTO),
	    A(5, CTA_PROTO_NUM), 17, 0, 0, 0,
	    A(6, CTA_PROTO_SRC_PORT), 0x80, 0xeb, 0, 0,
	    A(6, CTA_PROTO_DST_PORT), 0x1f, 0x91, 0, 0,
	    N(52, CTA_TUPLE_REPLY),
	    N(20, CTA_TUPLE_IP),
	    A(8, CTA_IP_V4_SRC), 10, 2, 0, 2,
	    A(8, CTA_IP_V4_DST), 10, 1, 0, 2,
	    N(28, CTA_TUPLE_PROTO),
	    A(5, CTA_PROTO_NUM), 17, 0, 0, 0,
	    A(6, CTA_PROTO_SRC_PORT), 0x1f, 0x91, 0, 0,
	    A(6, CTA_PROTO_DST_PORT), 0x80, 0xeb, 0, 0,
	    A(8, CTA_STATUS), 0, 0, 0x01, 0x9e,
	    A(8, CTA_TIMEOUT), 0, 0, 0, 30,
	    N(40, CTA_NAT_DST),
	    A(8, CTA_NAT_V4_MINIP), 10, 2, 0, 2,
	    A(8, CTA_NAT_V4_MAXIP), 10, 2, 0, 2,
	    N(20, CTA_NAT_PROTO),
	    A(6, CTA_PROTONAT_PORT_MIN), 0x1f, 0x91, 0, 0,
	    A(6, CTA_PROTONAT_PORT_MAX), 0x1f, 0x91, 0, 0,
	    N(40, CTA_NAT_SRC),
	    A(8, CTA_NAT_V4_MINIP), 10, 2, 0, 100,
	    A(8, CTA_NAT_V4_MAXIP), 10, 2, 0, 100,
	    N(20, CTA_NAT_PROTO),
	    A(6, CTA_PROTONAT_PORT_MIN), 0x9c, 0x42, 0, 0,
	    A(6, CTA_PROTONAT_PORT_MAX), 0x9c, 0x42, 0, 0,
	};
#undef A
#undef N
	/* clang-format on */
	struct kernel_op op = op_make(KOP_CREATE, L4_UDP, "10.1.0.2", "10.2.0.2", 33003, 8081);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	size_t len;

	(void)state;
	/* EXPECTED goes and CONFIRMED comes. */
	op.flow.status = 0x197;
	op.flow.timeout_s = 30;
	op.flow.has |= HAS_STATUS | HAS_TIMEOUT | HAS_SNAT | HAS_SPAT;
	assert_int_equal(inet_pton(AF_INET, "10.2.0.100", &op.flow.reply.dst), 1);
	op.flow.reply.dport = htons(40002);
	len = ctnl_msg_build(&op, 77, buf, sizeof(buf));
	assert_int_equal(len, 16 + sizeof(want));
	assert_int_equal(nlh->nlmsg_len, len);
	assert_int_equal(nlh->nlmsg_type, 0x100);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
	assert_int_equal(nlh->nlmsg_seq, 77);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	assert_memory_equal(buf + 16, want, sizeof(want));
#endif
}

static void
nat_is_described_only_where_there_is_any(void **state)
{
	struct kernel_op op = op_make(KOP_CREATE, L4_TCP, "2001:db8::1", "2001:db8::2", 1000, 80);
	struct flow *f = &op.flow;
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	uint16_t port = htons(80);

	(void)state;
	f->has |= HAS_STATUS;
	f->status = ST_CONFIRMED;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_null(find(nlh, PATH(CTA_NAT_SRC)));
	assert_null(find(nlh, PATH(CTA_NAT_DST)));

	/* The identity, spelled out for both ends. */
	f->status |= ST_DST_NAT_DONE;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, PATH(CTA_NAT_SRC, CTA_NAT_V6_MINIP), &f->key.src, 16);
	assert_attr(nlh, PATH(CTA_NAT_SRC, CTA_NAT_V6_MAXIP), &f->key.src, 16);
	assert_attr(nlh, PATH(CTA_NAT_DST, CTA_NAT_V6_MAXIP), &f->key.dst, 16);
	assert_attr(nlh, PATH(CTA_NAT_DST, CTA_NAT_PROTO, CTA_PROTONAT_PORT_MIN), &port, 2);

	/* Bits of ours without status bits. */
	f->status = ST_CONFIRMED;
	f->has |= HAS_DPAT;
	f->reply.sport = port = htons(8080);
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, PATH(CTA_NAT_DST, CTA_NAT_PROTO, CTA_PROTONAT_PORT_MAX), &port, 2);
	assert_non_null(find(nlh, PATH(CTA_NAT_SRC)));

	op.type = KOP_UPDATE;
	f->status |= ST_SRC_NAT_DONE;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_null(find(nlh, PATH(CTA_NAT_SRC)));
	assert_null(find(nlh, PATH(CTA_NAT_DST)));
}

static void
an_icmp_id_is_translated_at_the_source_end_only(void **state)
{
	struct kernel_op op = op_make(KOP_CREATE, L4_ICMP, "10.0.0.1", "10.0.0.2", 0x1122, 0x0800);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	uint16_t id = htons(0x1122), mapped = htons(0x3344);
	const uint8_t answer = 0;

	(void)state;
	op.flow.has |= HAS_SPAT;
	op.flow.reply.sport = mapped;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, PATH(CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_ICMP_ID), &id, 2);
	assert_attr(nlh, PATH(CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_ICMP_TYPE), &answer, 1);
	assert_attr(nlh, PATH(CTA_NAT_SRC, CTA_NAT_PROTO, CTA_PROTONAT_PORT_MIN), &mapped, 2);
	assert_attr(nlh, PATH(CTA_NAT_DST, CTA_NAT_PROTO, CTA_PROTONAT_PORT_MIN), &id, 2);
}

static void
tcp_flags_go_with_what_needs_them(void **state)
{
	const uint8_t liberal[2] = {0x08, 0x08}, scaled[2] = {0x01, 0x01}, both[2] = {0x09, 0x09};
	const uint8_t told[2] = {0x02, 0x0e};
	struct kernel_op op = op_make(KOP_CREATE, L4_TCP, "10.0.0.1", "10.0.0.2", 1000, 80);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	const uint16_t *orig =
	    PATH(CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL);
	const uint16_t *repl =
	    PATH(CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_FLAGS_REPLY);
	const uint16_t *scale =
	    PATH(CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_WSCALE_REPLY);

	(void)state;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_null(find(nlh, PATH(CTA_PROTOINFO)));

	op.tcp_liberal = true;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, orig, liberal, 2);
	assert_attr(nlh, repl, liberal, 2);
	assert_null(find(nlh, scale));

	op.flow.has |= HAS_STATE | HAS_WSCALE;
	op.flow.l4.tcp.state = TCP_ESTABLISHED;
	op.flow.l4.tcp.wscale_repl = 7;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, orig, both, 2);
	assert_attr(nlh, repl, both, 2);
	assert_attr(nlh, scale, &op.flow.l4.tcp.wscale_repl, 1);

	op.tcp_liberal = false;
	op.type = KOP_UPDATE;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, orig, scaled, 2);

	/* Of the kernel's own flags, MAXACK_SET (0x20) stays behind. */
	op.flow.has = (op.flow.has & ~(uint32_t)HAS_WSCALE) | HAS_TCP_FLAGS;
	op.flow.l4.tcp.flags_orig = 0x22;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, orig, told, 2);
}

/* An op with all there is, for the largest address family. */
static struct kernel_op
op_full(enum kernel_op_type type)
{
	struct kernel_op op = op_make(type, L4_TCP, "2001:db8::1", "2001:db8::2", 1000, 80);
	struct flow *f = &op.flow;

	op.tcp_liberal = true;
	f->status = 0x1ff;
	f->mark = 0xdeadbeef;
	f->timeout_s = 600;
	f->id = 0x0a0b0c0d;
	f->key.zone = 3;
	f->reply.dport = htons(4000);
	f->l4.tcp = (struct flow_tcp){.state = 3, .wscale_orig = 7, .wscale_repl = 2};
	f->rare.master = f->key;
	f->rare.master.dport = htons(21);
	f->rare.seqadj[0] = (struct flow_seqadj){1, 2, 3};
	f->rare.seqadj[1] = (struct flow_seqadj){4, 5, 6};
	f->rare.synproxy_isn = 1;
	f->rare.synproxy_its = 2;
	f->rare.synproxy_tsoff = 3;
	memset(f->rare.helper, 'h', sizeof(f->rare.helper) - 1);
	for (size_t i = 0; i < sizeof(f->rare.labels); i++)
		f->rare.labels[i] = (uint8_t)i;
	f->has |= HAS_REPLY | HAS_STATUS | HAS_TIMEOUT | HAS_MARK | HAS_ZONE | HAS_STATE |
		  HAS_WSCALE | HAS_SPAT | HAS_ID | HAS_RARE;
	op.victim = f->key;
	return op;
}

static void
what_is_built_parses_to_the_same(void **state)
{
	const uint32_t same =
	    HAS_STATUS | HAS_TIMEOUT | HAS_MARK | HAS_ZONE | HAS_STATE | HAS_WSCALE | HAS_RARE;
	struct kernel_op op = op_full(KOP_CREATE);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	struct flow got;

	(void)state;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_true(ctnl_msg_parse((const void *)buf, &got));
	assert_true(flow_key_equal(&got.key, &op.flow.key));
	assert_int_equal(got.has & same, same);
	assert_int_equal(got.status, 0x1fe);
	assert_int_equal(got.mark, op.flow.mark);
	assert_int_equal(got.timeout_s, op.flow.timeout_s);
	assert_int_equal(got.l4.tcp.state, 3);
	assert_int_equal(got.l4.tcp.wscale_orig, 7);
	assert_int_equal(got.l4.tcp.wscale_repl, 2);
	assert_memory_equal(&got.rare, &op.flow.rare, sizeof(got.rare));
}

static void
an_update_leaves_out_what_the_kernel_refuses(void **state)
{
	const uint8_t related[4] = {0, 0, 0x01, 0xff}, unrelated[4] = {0, 0, 0x01, 0xfe};
	struct kernel_op op = op_full(KOP_UPDATE);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;

	(void)state;
	op.flow.status = 0x1fe;
	assert_true(ctnl_msg_build(&op, 9, buf, sizeof(buf)) > 0);
	assert_int_equal(nlh->nlmsg_type, 0x100);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	assert_null(find(nlh, PATH(CTA_NAT_SRC)));
	assert_null(find(nlh, PATH(CTA_HELP)));
	assert_null(find(nlh, PATH(CTA_TUPLE_MASTER)));
	assert_non_null(find(nlh, PATH(CTA_ZONE)));
	assert_non_null(find(nlh, PATH(CTA_LABELS)));
	assert_non_null(find(nlh, PATH(CTA_SEQ_ADJ_REPLY)));
	assert_non_null(find(nlh, PATH(CTA_SYNPROXY)));
	assert_non_null(find(nlh, PATH(CTA_TIMEOUT)));
	assert_attr(nlh, PATH(CTA_STATUS), related, 4);

	op.flow.status = 0x1ff;
	op.flow.has &= ~(uint32_t)HAS_MASTER;
	assert_true(ctnl_msg_build(&op, 9, buf, sizeof(buf)) > 0);
	assert_attr(nlh, PATH(CTA_STATUS), unrelated, 4);

	op.flow.status |= ST_FIXED_TIMEOUT;
	assert_true(ctnl_msg_build(&op, 9, buf, sizeof(buf)) > 0);
	assert_null(find(nlh, PATH(CTA_TIMEOUT)));
}

static void
a_replace_is_a_delete_and_a_create(void **state)
{
	struct kernel_op op = op_full(KOP_REPLACE);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX], one[CTNL_MSG_MAX];
	const struct nlmsghdr *first = (const void *)buf, *second;
	size_t len, create;

	(void)state;
	len = ctnl_msg_build(&op, 0xffffffff, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(first->nlmsg_type, 0x102);
	assert_int_equal(first->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(first->nlmsg_seq, 0xffffffff);
	assert_non_null(find(first, PATH(CTA_TUPLE_ORIG)));
	assert_non_null(find(first, PATH(CTA_ZONE)));
	/* Whatever holds the tuple has to go. */
	assert_null(find(first, PATH(CTA_ID)));
	second = (const void *)(buf + first->nlmsg_len);
	assert_int_equal(second->nlmsg_seq, 0);
	assert_int_equal(first->nlmsg_len + second->nlmsg_len, len);
	op.type = KOP_CREATE;
	create = ctnl_msg_build(&op, 0, one, sizeof(one));
	assert_int_equal(second->nlmsg_len, create);
	assert_memory_equal(second, one, create);
}

static void
a_replace_deletes_the_flow_that_it_names(void **state)
{
	const uint8_t id[4] = {0, 0, 0, 77};
	struct kernel_op op = op_full(KOP_REPLACE);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *first = (const void *)buf, *second;

	(void)state;
	op.victim.src.b[15] = 9;
	op.victim_id = 77;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	second = (const void *)(buf + first->nlmsg_len);
	assert_attr(first, PATH(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V6_SRC), &op.victim.src, 16);
	assert_attr(first, PATH(CTA_ID), id, 4);
	assert_attr(second, PATH(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V6_SRC), &op.flow.key.src, 16);
	op.victim.l4 = L4_UDP;
	assert_int_equal(ctnl_msg_build(&op, 1, buf, sizeof(buf)), 0);
}

static void
a_delete_and_a_get_name_the_key(void **state)
{
	const uint8_t id[4] = {0x0a, 0x0b, 0x0c, 0x0d}, zone[2] = {0, 3};
	struct kernel_op op = op_full(KOP_DELETE);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	size_t with_id;

	(void)state;
	with_id = ctnl_msg_build(&op, 1, buf, sizeof(buf));
	assert_int_equal(nlh->nlmsg_type, 0x102);
	assert_attr(nlh, PATH(CTA_ID), id, 4);
	assert_attr(nlh, PATH(CTA_ZONE), zone, 2);
	assert_attr(nlh, PATH(CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_IP_V6_DST), &op.flow.key.dst, 16);
	assert_null(find(nlh, PATH(CTA_STATUS)));
	op.type = KOP_GET;
	assert_int_equal(ctnl_msg_build(&op, 1, buf, sizeof(buf)), with_id - 8);
	assert_int_equal(nlh->nlmsg_type, 0x101);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	op.type = KOP_GET_REPLY;
	assert_int_equal(ctnl_msg_build(&op, 1, buf, sizeof(buf)), with_id - 8);
	assert_int_equal(nlh->nlmsg_type, 0x101);
	assert_null(find(nlh, PATH(CTA_TUPLE_ORIG)));
	assert_attr(nlh, PATH(CTA_ZONE), zone, 2);
	assert_attr(nlh, PATH(CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT), &op.flow.reply.dport,
	    2);
}

static void
a_key_without_layer_3_makes_no_message(void **state)
{
	const enum kernel_op_type types[] = {
	    KOP_CREATE, KOP_UPDATE, KOP_REPLACE, KOP_DELETE, KOP_GET, KOP_GET_REPLY};
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];

	(void)state;
	/* The kernel empties the whole table on a DELETE without a tuple. */
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct kernel_op op = op_full(types[i]);

		op.flow.key.l3 = 0;
		assert_int_equal(ctnl_msg_build(&op, 1, buf, sizeof(buf)), 0);
	}
}

static void
a_buffer_that_is_too_small_is_not_overrun(void **state)
{
	struct kernel_op op = op_full(KOP_REPLACE);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	size_t need = ctnl_msg_build(&op, 1, buf, sizeof(buf));

	(void)state;
	assert_true(need > 0);
	for (size_t cap = 0; cap <= need; cap++) {
		uint8_t *exact = malloc(cap ? cap : 1);

		assert_non_null(exact);
		assert_int_equal(ctnl_msg_build(&op, 1, exact, cap), cap == need ? need : 0);
		free(exact);
	}
}

static void
sctp_is_told_whole_or_not_at_all(void **state)
{
	struct kernel_op op = op_make(KOP_CREATE, L4_SCTP, "10.0.0.1", "10.0.0.2", 1, 2);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	const uint8_t vtag[4] = {0x12, 0x34, 0x56, 0x78};

	(void)state;
	op.flow.has |= HAS_STATE;
	op.flow.l4.sctp.state = 4;
	op.flow.l4.sctp.vtag_repl = 0x12345678;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_null(find(nlh, PATH(CTA_PROTOINFO)));
	op.flow.has |= HAS_VTAGS;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(
	    nlh, PATH(CTA_PROTOINFO, CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_VTAG_REPLY), vtag, 4);
}

static void
ports_that_nobody_knows_are_left_out(void **state)
{
	struct kernel_op op = op_make(KOP_CREATE, L4_UDPLITE, "10.0.0.1", "10.0.0.2", 0, 0);
	_Alignas(4) uint8_t buf[CTNL_MSG_MAX];
	const struct nlmsghdr *nlh = (const void *)buf;
	const uint8_t zero[2] = {0, 0};

	(void)state;
	op.flow.has &= ~(uint32_t)HAS_PORTS;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_null(find(nlh, PATH(CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT)));
	/* But not for GRE, where zero is what the kernel has. */
	op.flow.key.l4 = L4_GRE;
	assert_true(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
	assert_attr(nlh, PATH(CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT), zero, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_create_of_a_source_translated_flow_is_this),
	    cmocka_unit_test(nat_is_described_only_where_there_is_any),
	    cmocka_unit_test(an_icmp_id_is_translated_at_the_source_end_only),
	    cmocka_unit_test(tcp_flags_go_with_what_needs_them),
	    cmocka_unit_test(what_is_built_parses_to_the_same),
	    cmocka_unit_test(an_update_leaves_out_what_the_kernel_refuses),
	    cmocka_unit_test(a_replace_is_a_delete_and_a_create),
	    cmocka_unit_test(a_replace_deletes_the_flow_that_it_names),
	    cmocka_unit_test(a_delete_and_a_get_name_the_key),
	    cmocka_unit_test(a_key_without_layer_3_makes_no_message),
	    cmocka_unit_test(a_buffer_that_is_too_small_is_not_overrun),
	    cmocka_unit_test(sctp_is_told_whole_or_not_at_all),
	    cmocka_unit_test(ports_that_nobody_knows_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
