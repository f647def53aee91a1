/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ctnetlink sockets against the kernel itself, and against conntrack(8), in network namespaces
 * that go away with the process.  Needs root; ip, nft and conntrack for some of the tests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/netlink.h>

#include "ctnl_help.h"

enum { MANY = 20000 };

static void
flows_of_every_kind_come_back_as_they_were_written(void **state)
{
	struct ctnl *c = open_with(0, 0, false), *other = open_with(0, 0, false);
	struct flow want[FLOWS_MAX];
	size_t n = flows_all(want);
	struct kernel_result res[FLOWS_MAX];
	struct flows set;

	(void)state;
	create_all(c, want, n);
	dump_all(c, &set);
	assert_int_equal(set.count, n);
	write_all(c, KOP_GET, want, n, res);
	for (size_t i = 0; i < n; i++) {
		const struct flow *got = flows_find(&set, &want[i].key);

		assert_non_null(got);
		assert_carries(got, &want[i]);
		assert_true(got->has & HAS_ID);
		assert_int_equal(res[i].error, 0);
		assert_true(res[i].has_flow);
		assert_carries(&res[i].flow, &want[i]);
		assert_int_equal(res[i].flow.id, got->id);
	}

	/* Our own event socket heard nothing of it, another one everything. */
	events_read(c, &set);
	assert_int_equal(set.count, 0);
	events_read(other, &set);
	assert_int_equal(set.count, n);
	for (size_t i = 0; i < n; i++) {
		assert_carries(&set.at[i], &want[i]);
		assert_int_equal(set.type[i], KEV_NEW);
		assert_false(set.own[i]);
	}

	write_all(c, KOP_DELETE, want, n, res);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(res[i].error, 0);
	events_read(c, &set);
	assert_int_equal(set.count, 0);
	events_read(other, &set);
	assert_int_equal(set.count, n);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(flows_find(&set, &want[i].key));
		assert_int_equal(set.type[i], KEV_DESTROY);
	}
	dump_all(c, &set);
	assert_int_equal(set.count, 0);
	ctnl_close(c);
	ctnl_close(other);
}

static void
a_dump_makes_the_same_table_elsewhere(void **state)
{
	struct ctnl *a = open_with(0, 0, false), *b;
	struct flow want[FLOWS_MAX], ordered[FLOWS_MAX];
	size_t n = flows_all(want);
	struct flows first, second;

	(void)state;
	create_all(a, want, n);
	dump_all(a, &first);
	assert_int_equal(first.count, n);
	/* The sockets stay in the namespace that they were made in. */
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	b = open_with(0, 0, false);
	dump_all(b, &second);
	assert_int_equal(second.count, 0);
	create_all(b, ordered, flows_ordered(&first, ordered));
	dump_all(b, &second);
	assert_int_equal(second.count, n);
	for (size_t i = 0; i < n; i++) {
		const struct flow *got = flows_find(&second, &first.at[i].key);

		assert_non_null(got);
		assert_carries(got, &first.at[i]);
		assert_int_equal(got->has, first.at[i].has);
	}
	ctnl_close(a);
	ctnl_close(b);
}

static const char rules[] =
    "ip link set lo up && ip addr add 10.7.0.1/24 dev lo && ip addr add 10.7.0.3/24 dev lo &&"
    "ip -6 addr add fd00::1/64 dev lo nodad && ip -6 addr add fd00::3/64 dev lo nodad &&"
    "nft 'table inet t {"
    " ct helper ftp-standard { type \"ftp\" protocol tcp; };"
    " chain zone_out { type filter hook output priority -300; udp dport 1003 ct zone set 5;"
    "  udp sport 1003 ct zone set 5; };"
    " chain zone_in { type filter hook prerouting priority -300; udp dport 1003 ct zone set 5;"
    "  udp sport 1003 ct zone set 5; };"
    " chain marks { type filter hook output priority 0;"
    "  tcp dport 2000 ct mark set 0x55; udp dport 1004 ct label set 17;"
    "  tcp dport 1005 ct helper set \"ftp-standard\"; };"
    " chain todst { type nat hook output priority -100;"
    "  ip daddr 10.7.0.2 tcp dport 1000 dnat ip to 10.7.0.3:2000;"
    "  ip daddr 10.7.0.2 udp dport 1001 dnat ip to 10.7.0.3:2001;"
    "  ip6 daddr fd00::2 udp dport 1002 dnat ip6 to [fd00::3]:2002; };"
    " chain tosrc { type nat hook postrouting priority 100;"
    "  tcp dport 2000 snat ip to 10.7.0.1:5555;"
    "  ip6 daddr fd00::3 udp dport 2002 snat ip6 to [fd00::1]:5556; };"
    "}'";

/* Connects a socket of `type` to where the rules send it; the caller closes both ends. */
static void
talk(int type, const char *server, uint16_t server_port, const char *dst, uint16_t port, int fds[3])
{
	int family = strchr(dst, ':') ? AF_INET6 : AF_INET;
	struct sockaddr_storage ss[2];
	const char *addr[2] = {server, dst};
	const uint16_t ports[2] = {server_port, port};

	memset(ss, 0, sizeof(ss));
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in *in = (void *)&ss[i];
		struct sockaddr_in6 *in6 = (void *)&ss[i];

		ss[i].ss_family = (sa_family_t)family;
		in->sin_port = htons(ports[i]);
		assert_int_equal(inet_pton(family, addr[i],
				     family == AF_INET ? (void *)&in->sin_addr : &in6->sin6_addr),
		    1);
	}
	fds[0] = socket(family, type | SOCK_CLOEXEC, 0);
	fds[1] = socket(family, type | SOCK_CLOEXEC, 0);
	fds[2] = -1;
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	assert_int_equal(bind(fds[0], (void *)&ss[0], sizeof(ss[0])), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fds[0], 1), 0);
	assert_int_equal(connect(fds[1], (void *)&ss[1], sizeof(ss[1])), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	if (type == SOCK_STREAM) {
		fds[2] = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);
		assert_true(fds[2] >= 0);
	}
}

/* An echo request to ourselves, which the kernel answers. */
static void
ping(int family, const char *dst)
{
	/* Type, code, checksum, id, number; IPv6 has the kernel put in the checksum. */
	const uint8_t v4[8] = {8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1},
		      v6[8] = {128, 0, 0, 0, 0x12, 0x35, 0, 1};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	int fd = socket(
	    family, SOCK_RAW | SOCK_CLOEXEC, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	assert_true(fd >= 0);
	if (family == AF_INET) {
		assert_int_equal(inet_pton(family, dst, &in.sin_addr), 1);
		assert_int_equal(sendto(fd, v4, 8, 0, (void *)&in, sizeof(in)), 8);
	} else {
		assert_int_equal(inet_pton(family, dst, &in6.sin6_addr), 1);
		assert_int_equal(sendto(fd, v6, 8, 0, (void *)&in6, sizeof(in6)), 8);
	}
	close(fd);
}

static void
flows_of_real_traffic_are_rebuilt_elsewhere(void **state)
{
	struct ctnl *a = open_with(0, 0, false), *b;
	struct flow ordered[FLOWS_MAX];
	struct flows events, first, second;
	uint32_t seen = 0;
	int fds[6][3];

	(void)state;
	if (!shell(rules)) {
		print_message("# ip or nft is missing or too old\n");
		ctnl_close(a);
		skip();
	}
	talk(SOCK_STREAM, "10.7.0.3", 2000, "10.7.0.2", 1000, fds[0]);
	talk(SOCK_DGRAM, "10.7.0.3", 2001, "10.7.0.2", 1001, fds[1]);
	talk(SOCK_DGRAM, "fd00::3", 2002, "fd00::2", 1002, fds[2]);
	talk(SOCK_DGRAM, "10.7.0.3", 1003, "10.7.0.3", 1003, fds[3]);
	talk(SOCK_DGRAM, "10.7.0.3", 1004, "10.7.0.3", 1004, fds[4]);
	talk(SOCK_STREAM, "10.7.0.3", 1005, "10.7.0.3", 1005, fds[5]);
	ping(AF_INET, "10.7.0.3");
	ping(AF_INET6, "fd00::3");
	/* A busy machine takes its time to deliver to itself. */
	for (int i = 0; i < 200 && (i == 0 || first.count < 8); i++) {
		if (i > 0)
			usleep(10000);
		dump_all(a, &first);
	}
	events_read(a, &events);
	/* Two pings and six conversations, and perhaps IPv6 noise. */
	assert_in_range(first.count, 8, FLOWS_MAX);
	assert_true(events.count >= first.count);

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	b = open_with(0, 0, false);
	/* Labels need a rule that names one, or the kernel has no room for them. */
	assert_true(shell("nft 'table inet t { chain c { type filter hook output priority 0;"
			  " ct label set 1; }; }'"));
	create_all(b, ordered, flows_ordered(&first, ordered));
	dump_all(b, &second);
	assert_int_equal(second.count, first.count);
	for (size_t i = 0; i < first.count; i++) {
		const struct flow *got = flows_find(&second, &first.at[i].key);

		assert_non_null(got);
		assert_non_null(flows_find(&events, &first.at[i].key));
		assert_carries(got, &first.at[i]);
		seen |= got->has;
		if (got->mark == 0x55) {
			const uint32_t nat = HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT;

			assert_int_equal(
			    got->has & nat, HAS_DNAT | HAS_SPAT | HAS_DPAT | (got->has & HAS_SNAT));
			assert_int_equal(ntohs(got->reply.dport), 5555);
			assert_int_equal(got->l4.tcp.state, TCP_ESTABLISHED);
			assert_true(got->l4.tcp.wscale_orig > 0);
			seen |= 1u << 31;
		}
		if (got->has & HAS_LABELS)
			assert_int_equal(got->rare.labels[2], 0x02);
		if (got->has & HAS_HELPER)
			assert_string_equal(got->rare.helper, "ftp");
		if (got->has & HAS_ZONE)
			assert_int_equal(got->key.zone, 5);
	}
	/* Not a one of them may have been lost on the way. */
	assert_int_equal(
	    ~seen & (HAS_LABELS | HAS_HELPER | HAS_ZONE | HAS_ICMP | HAS_DPAT | (1u << 31)), 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		for (size_t j = 0; j < 3; j++) {
			if (fds[i][j] >= 0)
				close(fds[i][j]);
		}
	}
	ctnl_close(a);
	ctnl_close(b);
}

static void
an_update_changes_an_entry_in_place(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow f = flow_tcp(1000, TCP_SYN_SENT), g, missing;
	struct kernel_result res;

	(void)state;
	if (!shell("nft 'table inet t { chain c { type filter hook output priority 0;"
		   " ct label set 1; }; }'")) {
		ctnl_close(c);
		skip();
	}
	f = flow_nat(f, "10.0.0.100", 4000, NULL, 0);
	f.status &= ~(uint32_t)(ST_SEEN_REPLY | ST_ASSURED);
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	res = write_one(c, KOP_GET, &f);
	assert_carries(&res.flow, &f);
	g = f;
	g.status |= ST_SEEN_REPLY | ST_ASSURED | ST_SEQ_ADJUST;
	g.timeout_s = 5000;
	g.mark = 77;
	g.l4.tcp.state = TCP_ESTABLISHED;
	g.rare.seqadj[1].offset_after = 12;
	g.rare.labels[3] = 0x10;
	g.rare.synproxy_isn = 99;
	g.has |= HAS_MARK | HAS_SEQADJ | HAS_LABELS | HAS_SYNPROXY;
	assert_int_equal(write_error(c, KOP_UPDATE, &g), 0);
	f = res.flow;
	res = write_one(c, KOP_GET, &g);
	assert_carries(&res.flow, &g);
	assert_int_equal(res.flow.id, f.id);
	missing = g;
	missing.key.sport = htons(1);
	assert_int_equal(write_error(c, KOP_UPDATE, &missing), ENOENT);
	/* What has been seen cannot be unseen, and a refused update changes nothing. */
	f = g;
	f.status &= ~(uint32_t)ST_ASSURED;
	f.l4.tcp.state = TCP_CLOSE;
	assert_int_equal(write_error(c, KOP_UPDATE, &f), EBUSY);
	res = write_one(c, KOP_GET, &g);
	assert_int_equal(res.flow.l4.tcp.state, TCP_ESTABLISHED);
	ctnl_close(c);
}

static void
a_related_flow_can_be_updated(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow master = flow_tcp(1000, TCP_ESTABLISHED), f = flow_tcp(1001, TCP_SYN_SENT);
	struct kernel_result res;

	(void)state;
	f.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	f.rare.master = master.key;
	f.status |= ST_EXPECTED;
	assert_int_equal(write_error(c, KOP_CREATE, &f), ENOENT);
	assert_int_equal(write_error(c, KOP_CREATE, &master), 0);
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	f.l4.tcp.state = TCP_ESTABLISHED;
	assert_int_equal(write_error(c, KOP_UPDATE, &f), 0);
	res = write_one(c, KOP_GET, &f);
	assert_carries(&res.flow, &f);
	ctnl_close(c);
}

static void
the_kernel_refuses_these(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow f = flow_tcp(1000, TCP_ESTABLISHED), g;
	struct kernel_result res;

	(void)state;
	assert_int_equal(write_error(c, KOP_GET, &f), ENOENT);
	assert_int_equal(write_error(c, KOP_DELETE, &f), ENOENT);
	assert_int_equal(write_error(c, KOP_UPDATE, &f), ENOENT);
	g = f;
	g.has &= ~(uint32_t)HAS_TIMEOUT;
	assert_int_equal(write_error(c, KOP_CREATE, &g), EINVAL);
	g = f;
	g.status |= ST_DYING;
	assert_int_equal(write_error(c, KOP_CREATE, &g), EBUSY);
	g = f;
	g.has |= HAS_HELPER;
	strcpy(g.rare.helper, "no-such-helper");
	assert_int_equal(write_error(c, KOP_CREATE, &g), EOPNOTSUPP);
	/* Labels that nothing in the namespace uses: lost in silence, and refused later. */
	g = f;
	g.has |= HAS_LABELS;
	g.rare.labels[0] = 1;
	assert_int_equal(write_error(c, KOP_CREATE, &g), 0);
	res = write_one(c, KOP_GET, &g);
	assert_int_equal(res.flow.has & HAS_LABELS, 0);
	assert_int_equal(write_error(c, KOP_UPDATE, &g), ENOSPC);
	assert_int_equal(write_error(c, KOP_CREATE, &f), EEXIST);
	/* A reply tuple that another flow has. */
	g = flow_nat(flow_tcp(1001, TCP_ESTABLISHED), NULL, 1000, NULL, 0);
	assert_int_equal(write_error(c, KOP_CREATE, &g), EEXIST);
	/* The same in another zone is another flow. */
	f.key.zone = 9;
	assert_int_equal(write_error(c, KOP_GET, &f), ENOENT);
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	f.key.l3 = 0;
	assert_int_equal(write_error(c, KOP_DELETE, &f), EINVAL);
	ctnl_close(c);
}

static void
the_timeout_of_a_fixed_entry_is_let_alone(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow f = flow_tcp(1000, TCP_ESTABLISHED);
	struct kernel_result res;

	(void)state;
	f.status |= ST_FIXED_TIMEOUT;
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	f.timeout_s = 20;
	f.l4.tcp.state = TCP_CLOSE_WAIT;
	assert_int_equal(write_error(c, KOP_UPDATE, &f), 0);
	res = write_one(c, KOP_GET, &f);
	assert_int_equal(res.flow.l4.tcp.state, TCP_CLOSE_WAIT);
	assert_in_range(res.flow.timeout_s, 300 - TIMEOUT_SLACK_S, 300);
	ctnl_close(c);
}

static void
a_replace_makes_way_for_itself(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow f = flow_tcp(1000, TCP_ESTABLISHED), other = flow_tcp(1001, TCP_ESTABLISHED);
	struct kernel_result res;

	(void)state;
	/* With nothing there, with something there, and with an id that is not its own. */
	assert_int_equal(write_error(c, KOP_REPLACE, &f), 0);
	f = flow_nat(f, "10.0.0.100", 4000, NULL, 0);
	f.has |= HAS_ID;
	f.id = 1;
	assert_int_equal(write_error(c, KOP_REPLACE, &f), 0);
	f.has &= ~(uint32_t)HAS_ID;
	res = write_one(c, KOP_GET, &f);
	assert_carries(&res.flow, &f);
	/* The reply tuple is another's: that answer is the one that counts. */
	assert_int_equal(write_error(c, KOP_CREATE, &other), 0);
	f = flow_nat(flow_tcp(1000, TCP_ESTABLISHED), NULL, 1001, NULL, 0);
	assert_int_equal(write_error(c, KOP_REPLACE, &f), EEXIST);
	assert_int_equal(write_error(c, KOP_GET, &f), ENOENT);
	ctnl_close(c);
}

/* Two flows want one reply tuple: whoever has it is found by it and makes way in the same write. */
static void
the_holder_of_a_reply_tuple_is_found_and_replaced(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct {
		struct flow holder, wants;
	} cases[] = {
	    {flow_nat(flow_tcp(1000, TCP_ESTABLISHED), "10.0.0.100", 4000, NULL, 0),
		flow_nat(flow_tcp(1001, TCP_ESTABLISHED), "10.0.0.100", 4000, NULL, 0)},
	    {flow_nat(flow_make(L4_UDP, "2001:db8::1", "2001:db8::2", 1000, 53), "2001:db8::9", 77,
		 NULL, 0),
		flow_nat(flow_make(L4_UDP, "2001:db8::3", "2001:db8::2", 1000, 53), "2001:db8::9",
		    77, NULL, 0)},
	    {flow_nat(flow_tcp(1002, TCP_ESTABLISHED), "10.0.0.100", 4001, NULL, 0),
		flow_nat(flow_tcp(1003, TCP_ESTABLISHED), "10.0.0.100", 4001, NULL, 0)},
	};

	(void)state;
	cases[2].holder.key.zone = cases[2].wants.key.zone = 5;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct flow *holder = &cases[i].holder, *wants = &cases[i].wants;
		struct kernel_op op = {.type = KOP_REPLACE, .flow = *wants};
		struct kernel_result res;

		assert_int_equal(write_error(c, KOP_GET_REPLY, wants), ENOENT);
		assert_int_equal(write_error(c, KOP_CREATE, holder), 0);
		assert_int_equal(write_error(c, KOP_CREATE, wants), EEXIST);
		assert_int_equal(write_error(c, KOP_GET, wants), ENOENT);
		res = write_one(c, KOP_GET_REPLY, wants);
		assert_int_equal(res.error, 0);
		assert_true(res.has_flow);
		assert_true(flow_key_equal(&res.flow.key, &holder->key));
		op.victim = res.flow.key;
		/* By its id: another flow on the tuple would stay. */
		op.victim_id = res.flow.id + 1;
		assert_int_equal(ctnl_write(c, &op, 1, &res), 0);
		assert_int_equal(res.error, EEXIST);
		op.victim_id--;
		assert_int_equal(ctnl_write(c, &op, 1, &res), 0);
		assert_int_equal(res.error, 0);
		assert_int_equal(write_error(c, KOP_GET, holder), ENOENT);
		res = write_one(c, KOP_GET, wants);
		assert_carries(&res.flow, wants);
	}
	ctnl_close(c);
}

static void
a_delete_with_an_id_hits_that_one_only(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow f = flow_tcp(1000, TCP_ESTABLISHED), reverse;
	struct kernel_result res;

	(void)state;
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	res = write_one(c, KOP_GET, &f);
	f.has |= HAS_ID;
	f.id = res.flow.id + 1;
	assert_int_equal(write_error(c, KOP_DELETE, &f), ENOENT);
	f.id = res.flow.id;
	assert_int_equal(write_error(c, KOP_DELETE, &f), 0);
	/* Looked up from the other side, the kernel finds it; it is not what was asked for. */
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	reverse = flow_make(L4_TCP, "10.0.0.2", "10.0.0.1", 80, 1000);
	res = write_one(c, KOP_GET, &reverse);
	assert_int_equal(res.error, ENOENT);
	assert_false(res.has_flow);
	ctnl_close(c);
}

/* What the kernel will say to `type`, given whether the entry exists; and whether it does then. */
static int
model_answer(enum kernel_op_type type, bool *exists)
{
	bool was = *exists;

	switch (type) {
	case KOP_CREATE:
		*exists = true;
		return was ? EEXIST : 0;
	case KOP_REPLACE:
		*exists = true;
		return 0;
	case KOP_DELETE:
		*exists = false;
		return was ? 0 : ENOENT;
	case KOP_UPDATE:
	case KOP_GET:
	case KOP_GET_REPLY:
	case KOP_EXPECT_CREATE:
	case KOP_EXPECT_DELETE:
		break;
	}
	return was ? 0 : ENOENT;
}

static void
every_answer_finds_its_op(void **state)
{
	static const enum kernel_op_type types[] = {KOP_CREATE, KOP_GET, KOP_CREATE, KOP_UPDATE,
	    KOP_DELETE, KOP_REPLACE, KOP_GET, KOP_GET_REPLY, KOP_DELETE, KOP_DELETE, KOP_UPDATE,
	    KOP_REPLACE, KOP_REPLACE, KOP_GET};
	enum { KEYS = 20, ROUNDS = 8 };
	struct ctnl *c = open_with(0, 0, false);
	struct kernel_op *ops = calloc(CTNL_BATCH_MAX, sizeof(*ops));
	struct kernel_result *res = calloc(CTNL_BATCH_MAX, sizeof(*res));
	bool exists[KEYS] = {false};
	size_t failures = 0, next = 0;

	(void)state;
	assert_true(ops && res);
	/* Several rounds, since sequence numbers go on counting; each of another length. */
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t n = CTNL_BATCH_MAX - 7 * round;

		for (size_t i = 0; i < n; i++, next++) {
			ops[i].type = types[(next / KEYS) % ARRAY_LEN(types)];
			ops[i].flow = flow_tcp((uint16_t)(1000 + next % KEYS), TCP_ESTABLISHED);
			ops[i].victim = ops[i].flow.key;
			ops[i].cookie = (uint32_t)next;
			/* Refused before it gets to the kernel, in the midst of the others. */
			if (i % 50 == 7)
				ops[i].flow.key.l3 = 0;
		}
		memset(res, 0xff, CTNL_BATCH_MAX * sizeof(*res));
		assert_int_equal(ctnl_write(c, ops, n, res), 0);
		for (size_t i = 0; i < n; i++) {
			bool *entry = &exists[(next - n + i) % KEYS];
			int want = ops[i].flow.key.l3 ? model_answer(ops[i].type, entry) : EINVAL;

			assert_int_equal(res[i].cookie, ops[i].cookie);
			assert_int_equal(res[i].error, want);
			assert_int_equal(res[i].has_flow,
			    (ops[i].type == KOP_GET || ops[i].type == KOP_GET_REPLY) && want == 0);
			if (res[i].has_flow)
				assert_carries(&res[i].flow, &ops[i].flow);
			failures += want != 0;
		}
	}
	assert_true(failures > 100);
	free(ops);
	free(res);
	ctnl_close(c);
}

/* The descriptor of the write socket, which the interface keeps to itself: opened just before the
 * event socket. */
static int
write_fd(const struct ctnl *c)
{
	for (int fd = ctnl_event_fd(c) - 1; fd > 2; fd--) {
		int protocol = -1;
		socklen_t len = sizeof(protocol);

		if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0)
			continue;
		if (protocol == NETLINK_NETFILTER)
			return fd;
	}
	return -1;
}

static void
lost_answers_are_errors(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow flows[CTNL_BATCH_MAX];
	struct kernel_result *res = calloc(CTNL_BATCH_MAX, sizeof(*res));
	struct kernel_op *ops = calloc(CTNL_BATCH_MAX, sizeof(*ops));
	int fd = write_fd(c), tiny = 0, large = 1 << 20;
	size_t found = 0, lost = 0;

	(void)state;
	assert_true(res && ops && fd >= 0);
	for (size_t i = 0; i < CTNL_BATCH_MAX; i++) {
		flows[i] = flow_tcp((uint16_t)(1000 + i), TCP_ESTABLISHED);
		ops[i].type = KOP_GET;
		ops[i].flow = flows[i];
	}
	write_all(c, KOP_CREATE, flows, CTNL_BATCH_MAX, res);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &tiny, sizeof(tiny)), 0);
	assert_int_equal(ctnl_write(c, ops, CTNL_BATCH_MAX, res), -ENOBUFS);
	for (size_t i = 0; i < CTNL_BATCH_MAX; i++) {
		if (res[i].has_flow) {
			assert_int_equal(res[i].error, 0);
			assert_carries(&res[i].flow, &flows[i]);
			found++;
		} else {
			assert_int_equal(res[i].error, ENOBUFS);
			lost++;
		}
	}
	assert_true(found > 0 && lost > 0);
	/* And it passes. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof(large)), 0);
	assert_int_equal(ctnl_write(c, ops, CTNL_BATCH_MAX, res), 0);
	for (size_t i = 0; i < CTNL_BATCH_MAX; i++)
		assert_true(res[i].has_flow);
	free(ops);
	free(res);
	ctnl_close(c);
}

static void
conntrack_8_shows_what_was_written(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow f = flow_tcp(1000, TCP_ESTABLISHED);

	(void)state;
	if (!shell("conntrack --version")) {
		ctnl_close(c);
		skip();
	}
	f.key.zone = 7;
	f.mark = 9;
	f.has |= HAS_MARK;
	f = flow_nat(f, "10.0.0.100", 4000, "10.0.0.200", 8080);
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	assert_true(shell("conntrack -L -p tcp | grep -Eq '^tcp +6 (300|29[0-9]) ESTABLISHED"
			  " src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80"
			  " src=10.0.0.200 dst=10.0.0.100 sport=8080 dport=4000"
			  " \\[ASSURED\\] mark=9 zone=7 '"));
	ctnl_close(c);
}

static void
more_flows_than_one_batch_holds(void **state)
{
	struct ctnl *c = open_with(0, 0, false), *other = open_with(64 * 1024 * 1024, 0, false);
	struct kernel_op *ops = calloc(CTNL_BATCH_MAX, sizeof(*ops));
	struct kernel_result *res = calloc(CTNL_BATCH_MAX, sizeof(*res));
	struct flows set;

	(void)state;
	assert_true(ops && res);
	for (size_t done = 0; done < MANY;) {
		size_t n = 0;

		for (; n < CTNL_BATCH_MAX && done + n < MANY; n++) {
			ops[n].type = KOP_CREATE;
			ops[n].flow =
			    flow_nat(flow_tcp((uint16_t)(1000 + done + n), 3), NULL, 0, NULL, 0);
		}
		assert_int_equal(ctnl_write(c, ops, n, res), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(res[i].error, 0);
		done += n;
	}
	dump_all(c, &set);
	assert_int_equal(set.count, MANY);
	events_read(other, &set);
	assert_int_equal(set.count, MANY);
	free(ops);
	free(res);
	ctnl_close(c);
	ctnl_close(other);
}

#define TEST(fn) cmocka_unit_test_setup(fn, new_namespace)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(flows_of_every_kind_come_back_as_they_were_written),
	    TEST(a_dump_makes_the_same_table_elsewhere),
	    TEST(flows_of_real_traffic_are_rebuilt_elsewhere),
	    TEST(an_update_changes_an_entry_in_place),
	    TEST(a_related_flow_can_be_updated),
	    TEST(the_kernel_refuses_these),
	    TEST(the_timeout_of_a_fixed_entry_is_let_alone),
	    TEST(a_replace_makes_way_for_itself),
	    TEST(the_holder_of_a_reply_tuple_is_found_and_replaced),
	    TEST(a_delete_with_an_id_hits_that_one_only),
	    TEST(every_answer_finds_its_op),
	    TEST(lost_answers_are_errors),
	    TEST(conntrack_8_shows_what_was_written),
	    TEST(more_flows_than_one_batch_holds),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("1..0 # SKIP needs root and network namespaces\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
