/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket filter of the event socket, run by the kernel: a pair of datagram sockets, one of which has
 * it, and messages as ctnetlink makes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ctnl_filter.h"

enum { OWN_PORT = 0x11223344, CODE_MAX = 4096 };

static int fds[2];

static int
open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds);
}

static int
close_pair(void **state)
{
	(void)state;
	return close(fds[0]) | close(fds[1]);
}

static void
attach(const struct filter *f, bool addresses)
{
	static struct sock_filter code[CODE_MAX];
	size_t len = ctnl_filter_build(f, addresses, OWN_PORT, code, CODE_MAX);
	struct sock_fprog prog = {.len = (unsigned short)len, .filter = code};

	assert_in_range(len, 1, CODE_MAX);
	assert_int_equal(
	    setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
}

static bool
gets_through(const void *msg, size_t len)
{
	char buf[4096];

	assert_int_equal(send(fds[0], msg, len, 0), (ssize_t)len);
	return recv(fds[1], buf, sizeof(buf), 0) == (ssize_t)len;
}

static void
put_tuple(struct nlmsghdr *nlh, uint16_t type, const struct flow *f, const struct ip_addr *src,
    const struct ip_addr *dst)
{
	bool v4 = f->key.l3 == L3_IPV4;
	size_t len = flow_addr_len(f->key.l3);
	struct nlattr *tuple = mnl_attr_nest_start(nlh, type), *nest;

	nest = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, len, src);
	mnl_attr_put(nlh, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, len, dst);
	mnl_attr_nest_end(nlh, nest);
	nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, f->key.l4);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_nest_end(nlh, tuple);
}

static struct nlmsghdr *
message(void *buf, uint16_t type, uint32_t port, const struct flow *f)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)((NFNL_SUBSYS_CTNETLINK << 8) | type);
	nlh->nlmsg_pid = port;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = f->key.l3;
	put_tuple(nlh, CTA_TUPLE_ORIG, f, &f->key.src, &f->key.dst);
	put_tuple(nlh, CTA_TUPLE_REPLY, f, &f->reply.src, &f->reply.dst);
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(f->status));
	if (f->has & HAS_STATE) {
		struct nlattr *info = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
		struct nlattr *tcp = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);

		mnl_attr_put_u8(nlh, CTA_PROTOINFO_TCP_STATE, f->l4.tcp.state);
		mnl_attr_nest_end(nlh, tcp);
		mnl_attr_nest_end(nlh, info);
	}
	return nlh;
}

/* A small generator: the same plays every time. */
static uint32_t
dice(uint32_t sides)
{
	static uint64_t state = 4711;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33) % sides;
}

/* Few different ones, so that lists are hit. */
static struct ip_addr
some_addr(uint8_t l3)
{
	struct ip_addr a = {{0}};

	for (size_t i = 0; i < flow_addr_len(l3); i++)
		a.b[i] = dice(3) == 0 ? (uint8_t)dice(256) : (uint8_t)(dice(2) * 0x80);
	return a;
}

static struct flow
some_flow(void)
{
	static const uint8_t protos[] = {L4_TCP, L4_TCP, L4_UDP, L4_ICMP, L4_SCTP, 0, 255, 99};
	struct flow f;

	flow_init(&f);
	f.key.l3 = dice(2) ? L3_IPV4 : L3_IPV6;
	f.key.l4 = protos[dice(ARRAY_LEN(protos))];
	f.key.src = some_addr(f.key.l3);
	f.key.dst = some_addr(f.key.l3);
	f.reply.src = dice(2) ? f.key.dst : some_addr(f.key.l3);
	f.reply.dst = f.key.src;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | HAS_STATUS;
	if (f.key.l4 == L4_TCP && dice(4) > 0) {
		f.has |= HAS_STATE;
		f.l4.tcp.state = (uint8_t)dice(TCP_STATE_MAX);
	}
	return f;
}

static struct filter
some_filter(struct filter_net nets[], size_t nets_max)
{
	struct filter f = {.nets = nets};

	f.proto_polarity = dice(3);
	for (unsigned int i = dice(6); i > 0; i--)
		filter_proto_add(&f, (uint8_t)(dice(3) ? dice(20) : dice(256)));
	if (dice(8) == 0)
		memset(f.protos, 0xff, sizeof(f.protos));
	f.state_polarity = dice(3);
	f.tcp_states = (uint16_t)(dice(4) ? dice(1 << TCP_STATE_MAX) : 0);
	f.addr_polarity = dice(3);
	f.nets_count = dice((uint32_t)nets_max + 1);
	for (size_t i = 0; i < f.nets_count; i++) {
		nets[i].l3 = dice(2) ? L3_IPV4 : L3_IPV6;
		nets[i].addr = some_addr(nets[i].l3);
		nets[i].prefix = (uint8_t)dice(dice(3) ? 10 : nets[i].l3 == L3_IPV4 ? 33 : 129);
	}
	return f;
}

static void
the_kernel_drops_what_the_filter_leaves_out(void **state)
{
	unsigned int passed = 0, dropped = 0;
	struct filter_net nets[12];

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct filter filter = some_filter(nets, ARRAY_LEN(nets));

		attach(&filter, true);
		for (int k = 0; k < 100; k++) {
			_Alignas(8) char buf[1024];
			struct flow f = some_flow();
			bool wanted = filter_passes(&filter, &f);
			const struct nlmsghdr *nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);

			if (gets_through(nlh, nlh->nlmsg_len) != wanted)
				fail_msg("filter %d, flow %d: %s", i, k, wanted ? "lost" : "passed");
			passed += wanted;
			dropped += !wanted;
			/* Its end is told whatever the filter says. */
			nlh = message(buf, IPCTNL_MSG_CT_DELETE, 0, &f);
			assert_true(gets_through(nlh, nlh->nlmsg_len));
			nlh = message(buf, IPCTNL_MSG_CT_NEW, OWN_PORT, &f);
			assert_false(gets_through(nlh, nlh->nlmsg_len));
		}
	}
	/* Neither is rare. */
	assert_true(passed > 4000 && dropped > 4000);
}

static void
without_addresses_the_rest_is_tested(void **state)
{
	static const struct filter_net net = {{{10, 0, 0, 0}}, L3_IPV4, 8};
	struct filter filter = {.proto_polarity = FILTER_IGNORE,
	    .addr_polarity = FILTER_ACCEPT,
	    .nets = &net,
	    .nets_count = 1};

	(void)state;
	filter_proto_add(&filter, L4_UDP);
	attach(&filter, false);
	for (int i = 0; i < 500; i++) {
		_Alignas(8) char buf[1024];
		struct flow f = some_flow();
		const struct nlmsghdr *nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);

		assert_int_equal(gets_through(nlh, nlh->nlmsg_len), f.key.l4 != L4_UDP);
	}
}

static void
what_it_cannot_make_out_passes(void **state)
{
	static const struct filter_net net = {{{10, 0, 0, 0}}, L3_IPV4, 8};
	struct filter filter = {.proto_polarity = FILTER_ACCEPT,
	    .addr_polarity = FILTER_ACCEPT,
	    .nets = &net,
	    .nets_count = 1,
	    .state_polarity = FILTER_ACCEPT};
	_Alignas(8) char buf[1024];
	struct flow f = some_flow();
	struct nlmsghdr *nlh;

	(void)state;
	attach(&filter, true);
	nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);
	assert_false(gets_through(nlh, nlh->nlmsg_len));
	/* Another subsystem; a message that ends before its attributes, or within its header. */
	nlh->nlmsg_type = (NFNL_SUBSYS_CTNETLINK_EXP << 8) | IPCTNL_MSG_EXP_NEW;
	assert_true(gets_through(nlh, nlh->nlmsg_len));
	nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);
	assert_true(gets_through(nlh, MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg)));
	/* No TCP state, no reply. */
	filter_proto_add(&filter, L4_TCP);
	filter.addr_polarity = FILTER_NONE;
	attach(&filter, true);
	f.key.l4 = L4_TCP;
	f.has &= ~(uint32_t)HAS_STATE;
	nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);
	assert_true(gets_through(nlh, nlh->nlmsg_len));
	/* A state that nobody knows is none. */
	f.has |= HAS_STATE;
	f.l4.tcp.state = TCP_STATE_MAX;
	nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);
	assert_true(gets_through(nlh, nlh->nlmsg_len));
	f.l4.tcp.state = TCP_ESTABLISHED;
	nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);
	assert_false(gets_through(nlh, nlh->nlmsg_len));
}

static void
without_a_filter_only_our_own_is_dropped(void **state)
{
	_Alignas(8) char buf[1024];
	struct flow f = some_flow();
	const struct nlmsghdr *nlh;

	(void)state;
	attach(NULL, false);
	nlh = message(buf, IPCTNL_MSG_CT_NEW, 0, &f);
	assert_true(gets_through(nlh, nlh->nlmsg_len));
	nlh = message(buf, IPCTNL_MSG_CT_DELETE, OWN_PORT, &f);
	assert_false(gets_through(nlh, nlh->nlmsg_len));
}

static void
what_does_not_fit_is_said(void **state)
{
	static struct filter_net nets[4096];
	static struct sock_filter code[CODE_MAX];
	struct filter filter = {.addr_polarity = FILTER_IGNORE, .nets = nets, .nets_count = 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		nets[i] = (struct filter_net){{{10, (uint8_t)(i >> 8), (uint8_t)i}}, L3_IPV4, 32};
	assert_int_equal(ctnl_filter_build(&filter, true, OWN_PORT, code, CODE_MAX), 0);
	assert_true(ctnl_filter_build(&filter, false, OWN_PORT, code, CODE_MAX) > 0);
	for (size_t cap = 0; cap < 8; cap++)
		assert_int_equal(ctnl_filter_build(NULL, false, OWN_PORT, code, cap),
		    cap >= 4 ? 4 : 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_kernel_drops_what_the_filter_leaves_out),
	    cmocka_unit_test(without_addresses_the_rest_is_tested),
	    cmocka_unit_test(what_it_cannot_make_out_passes),
	    cmocka_unit_test(without_a_filter_only_our_own_is_dropped),
	    cmocka_unit_test(what_does_not_fit_is_said),
	};

	return cmocka_run_group_tests(tests, open_pair, close_pair);
}
