/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctnl_help.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

struct ctnl *
open_with(uint32_t rcvbuf, uint32_t rcvbuf_max, bool reliable)
{
	const struct ctnl_cfg cfg = {
	    .rcvbuf = rcvbuf, .rcvbuf_max = rcvbuf_max, .reliable = reliable};
	struct ctnl *c = NULL;

	assert_int_equal(ctnl_open(&c, &cfg), 0);
	return c;
}

bool
shell(const char *command)
{
	const char *argv[] = {"timeout", "10", "sh", "-c", command, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ) == 0)
		assert_int_equal(waitpid(pid, &status, 0), pid);
	posix_spawn_file_actions_destroy(&actions);
	return status == 0;
}

int
new_namespace(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

static void
addr_set(struct ip_addr *out, const char *text)
{
	memset(out, 0, sizeof(*out));
	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, out), 1);
}

struct flow
flow_make(uint8_t l4, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = strchr(src, ':') ? L3_IPV6 : L3_IPV4;
	f.key.l4 = l4;
	addr_set(&f.key.src, src);
	addr_set(&f.key.dst, dst);
	f.key.sport = htons(sport);
	f.key.dport = htons(dport);
	f.status = ST_CONFIRMED | ST_SEEN_REPLY;
	f.timeout_s = 300;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | HAS_STATUS | HAS_TIMEOUT;
	if (flow_l4_is_icmp(l4))
		f.has |= HAS_ICMP;
	else if (flow_l4_has_ports(l4) || l4 == L4_GRE)
		f.has |= HAS_PORTS;
	flow_invert(&f.key, &f.reply);
	return f;
}

struct flow
flow_nat(
    struct flow f, const char *new_src, uint16_t new_sport, const char *new_dst, uint16_t new_dport)
{
	bool icmp = flow_l4_is_icmp(f.key.l4);
	struct flow_reply plain = f.reply;

	if (new_src)
		addr_set(&f.reply.dst, new_src);
	if (new_dst)
		addr_set(&f.reply.src, new_dst);
	if (new_sport && icmp)
		f.reply.sport = htons(new_sport);
	else if (new_sport)
		f.reply.dport = htons(new_sport);
	if (new_dport)
		f.reply.sport = htons(new_dport);
	f.status |= ST_SRC_NAT_DONE | ST_DST_NAT_DONE;
	if (memcmp(&f.reply.dst, &plain.dst, sizeof(plain.dst)) != 0 || new_sport)
		f.status |= ST_SRC_NAT;
	if (memcmp(&f.reply.src, &plain.src, sizeof(plain.src)) != 0 || new_dport)
		f.status |= ST_DST_NAT;
	flow_derive_nat(&f);
	return f;
}

struct flow
flow_tcp(uint16_t sport, uint8_t state)
{
	struct flow f = flow_make(L4_TCP, "10.0.0.1", "10.0.0.2", sport, 80);

	f.status |= ST_ASSURED;
	f.has |= HAS_STATE | HAS_WSCALE;
	f.l4.tcp = (struct flow_tcp){.state = state, .wscale_orig = 7, .wscale_repl = 9};
	return f;
}

static size_t
flows_tcp(struct flow *out)
{
	struct flow f;
	size_t n = 0;

	for (uint8_t tcp_state = TCP_NONE; tcp_state < TCP_STATE_MAX; tcp_state++)
		out[n++] = flow_tcp(1000 + tcp_state, tcp_state);
	out[n++] = flow_nat(flow_tcp(1100, TCP_ESTABLISHED), NULL, 0, NULL, 0);
	out[n++] = flow_nat(flow_tcp(1101, TCP_ESTABLISHED), "10.0.0.100", 40002, NULL, 0);
	out[n++] = flow_nat(flow_tcp(1102, TCP_ESTABLISHED), "10.0.0.101", 0, NULL, 0);
	out[n++] = flow_nat(flow_tcp(1103, TCP_ESTABLISHED), NULL, 40003, NULL, 0);
	out[n++] = flow_nat(flow_tcp(1104, TCP_ESTABLISHED), NULL, 0, "10.0.0.102", 8080);
	out[n++] = flow_nat(flow_tcp(1105, TCP_ESTABLISHED), NULL, 0, NULL, 8081);
	out[n++] = flow_nat(flow_tcp(1106, TCP_CLOSE_WAIT), "10.0.0.103", 5, "10.0.0.104", 6);
	f = flow_tcp(1107, TCP_ESTABLISHED);
	f.has |= HAS_MARK | HAS_ZONE;
	f.mark = 0xcafe0001;
	f.key.zone = 513;
	out[n++] = f;
	f = flow_tcp(1108, TCP_ESTABLISHED);
	f.has |= HAS_SEQADJ | HAS_SYNPROXY;
	f.status |= ST_SEQ_ADJUST;
	f.rare.seqadj[0] = (struct flow_seqadj){100, 2, 3};
	f.rare.seqadj[1] = (struct flow_seqadj){200, 0, 0xfffffffe};
	f.rare.synproxy_isn = 0x11111111;
	f.rare.synproxy_its = 0x22222222;
	f.rare.synproxy_tsoff = 0x33333333;
	out[n++] = f;
	f = flow_tcp(1109, TCP_ESTABLISHED);
	f.key.dport = htons(21);
	f.reply.sport = htons(21);
	f.has |= HAS_HELPER;
	f.status |= ST_HELPER;
	strcpy(f.rare.helper, "ftp");
	out[n++] = f;
	/* Its data connection, translated along with it. */
	f = flow_nat(flow_tcp(1110, TCP_ESTABLISHED), "10.0.0.105", 0, NULL, 0);
	f.status |= ST_EXPECTED;
	f.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	f.rare.master = out[n - 1].key;
	out[n++] = f;
	f = flow_make(L4_TCP, "2001:db8::1", "2001:db8::2", 1111, 443);
	f.has |= HAS_STATE | HAS_WSCALE;
	f.l4.tcp = (struct flow_tcp){.state = TCP_ESTABLISHED, .wscale_repl = 14};
	out[n++] = flow_nat(f, "2001:db8::100", 40004, "2001:db8::200", 8443);
	return n;
}

static size_t
flows_others(struct flow *out)
{
	struct flow f;
	size_t n = 0;

	out[n++] = flow_make(L4_UDP, "10.0.0.1", "10.0.0.2", 2000, 53);
	out[n++] = flow_nat(flow_make(L4_UDP, "10.0.0.1", "10.0.0.2", 2001, 53), "10.0.0.100", 9,
	    "10.0.0.200", 5353);
	out[n++] = flow_make(L4_UDP, "2001:db8::1", "2001:db8::2", 2002, 53);
	out[n++] = flow_nat(
	    flow_make(L4_UDP, "2001:db8::1", "2001:db8::2", 2003, 53), "2001:db8::100", 0, NULL, 0);
	out[n++] = flow_make(L4_UDPLITE, "10.0.0.1", "10.0.0.2", 2004, 53);
	f = flow_make(L4_SCTP, "10.0.0.1", "10.0.0.2", 2005, 36412);
	f.has |= HAS_STATE | HAS_VTAGS;
	f.l4.sctp = (struct flow_sctp){.state = 4, .vtag_orig = 0xaabbccdd, .vtag_repl = 1};
	out[n++] = f;
	out[n++] = flow_make(L4_ICMP, "10.0.0.1", "10.0.0.2", 0x1122, 0x0800);
	out[n++] = flow_nat(flow_make(L4_ICMP, "10.0.0.1", "10.0.0.2", 0x1123, 0x0800),
	    "10.0.0.100", 0x3344, "10.0.0.200", 0);
	/* A timestamp request: another answer than echo. */
	out[n++] = flow_make(L4_ICMP, "10.0.0.1", "10.0.0.2", 0x1124, 0x0d00);
	out[n++] = flow_make(L4_ICMPV6, "2001:db8::1", "2001:db8::2", 0x1125, 0x8000);
	out[n++] = flow_nat(flow_make(L4_ICMPV6, "2001:db8::1", "2001:db8::2", 0x1126, 0x8000),
	    NULL, 0, "2001:db8::200", 0);
	out[n++] = flow_make(L4_GRE, "10.0.0.1", "10.0.0.2", 0x10, 0x20);
	out[n++] = flow_make(L4_GRE, "2001:db8::1", "2001:db8::2", 0, 0);
	out[n++] = flow_make(50, "10.0.0.1", "10.0.0.2", 0, 0);
	out[n++] = flow_nat(flow_make(50, "10.0.0.3", "10.0.0.2", 0, 0), "10.0.0.100", 0, NULL, 0);
	out[n++] = flow_make(L4_IGMP, "10.0.0.1", "224.0.0.22", 0, 0);
	return n;
}

void
events_add(void *ctx, const struct kernel_event *ev)
{
	struct flows *set = ctx;

	if (set->count < FLOWS_MAX) {
		set->at[set->count] = ev->flow;
		set->type[set->count] = ev->type;
		set->own[set->count] = ev->own;
	}
	set->count++;
}

void
dump_all(struct ctnl *c, struct flows *set)
{
	int more = 1;

	memset(set, 0, sizeof(*set));
	assert_int_equal(ctnl_dump_start(c), 0);
	assert_int_equal(ctnl_dump_start(c), -EBUSY);
	for (int turn = 0; turn < 10000 && more == 1; turn++) {
		struct pollfd pfd = {.fd = ctnl_dump_fd(c), .events = POLLIN};

		assert_int_equal(poll(&pfd, 1, 2000), 1);
		more = ctnl_dump_read(c, 4, events_add, set);
	}
	assert_int_equal(more, 0);
	assert_int_equal(ctnl_dump_read(c, 1, events_add, set), -EINVAL);
	assert_int_equal(ctnl_counters(c)->dump_bad, 0);
	assert_int_equal(ctnl_counters(c)->dump_unknown, 0);
}

void
events_read(struct ctnl *c, struct flows *set)
{
	memset(set, 0, sizeof(*set));
	for (int turn = 0; turn < 10000; turn++) {
		int n = ctnl_read_events(c, 16, events_add, set);

		assert_true(n >= 0 && n <= 16);
		if (n == 0)
			break;
	}
	assert_int_equal(ctnl_counters(c)->events_bad, 0);
	assert_int_equal(ctnl_counters(c)->events_unknown, 0);
}

const struct flow *
flows_find(const struct flows *set, const struct flow_key *key)
{
	for (size_t i = 0; i < set->count && i < FLOWS_MAX; i++) {
		if (flow_key_equal(&set->at[i].key, key))
			return &set->at[i];
	}
	return NULL;
}

void
assert_carries(const struct flow *got, const struct flow *want)
{
	const uint32_t nat = HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT;

	assert_true(flow_key_equal(&got->key, &want->key));
	assert_int_equal(want->has & ~got->has & ~(uint32_t)(HAS_ID | HAS_TCP_FLAGS), 0);
	assert_int_equal(got->has & nat, want->has & nat);
	if (want->has & HAS_REPLY)
		assert_true(flow_reply_equal(&got->reply, &want->reply));
	if (want->has & HAS_STATUS)
		assert_int_equal(got->status, want->status);
	if (want->has & HAS_TIMEOUT)
		assert_in_range(got->timeout_s,
		    want->timeout_s < TIMEOUT_SLACK_S ? 0 : want->timeout_s - TIMEOUT_SLACK_S,
		    want->timeout_s);
	assert_int_equal(got->mark, want->mark);
	if (want->has & HAS_STATE) {
		struct flow a = *got, b = *want;

		memset(&a.l4.tcp.flags_orig, 0, 2);
		memset(&b.l4.tcp.flags_orig, 0, 2);
		if (want->key.l4 == L4_TCP)
			assert_memory_equal(&a.l4.tcp, &b.l4.tcp, sizeof(a.l4.tcp));
		if (want->key.l4 == L4_SCTP) {
			assert_int_equal(got->l4.sctp.state, want->l4.sctp.state);
			assert_int_equal(got->l4.sctp.vtag_orig, want->l4.sctp.vtag_orig);
			assert_int_equal(got->l4.sctp.vtag_repl, want->l4.sctp.vtag_repl);
		}
	}
	assert_memory_equal(&got->rare, &want->rare, sizeof(got->rare));
	assert_int_equal(got->has & HAS_RARE, want->has & HAS_RARE);
}

void
write_all(struct ctnl *c, enum kernel_op_type type, const struct flow *flows, size_t n,
    struct kernel_result *res)
{
	struct kernel_op *ops = calloc(n, sizeof(*ops));

	assert_non_null(ops);
	for (size_t i = 0; i < n; i++) {
		ops[i].type = type;
		ops[i].cookie = (uint32_t)(1000 + i);
		ops[i].flow = flows[i];
		ops[i].victim = flows[i].key;
	}
	assert_int_equal(ctnl_write(c, ops, n, res), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(res[i].cookie, 1000 + i);
	free(ops);
}

struct kernel_result
write_one(struct ctnl *c, enum kernel_op_type type, const struct flow *flow)
{
	struct kernel_result res;

	write_all(c, type, flow, 1, &res);
	return res;
}

int
write_error(struct ctnl *c, enum kernel_op_type type, const struct flow *flow)
{
	return write_one(c, type, flow).error;
}

void
create_all(struct ctnl *c, const struct flow *flows, size_t n)
{
	struct kernel_result res[FLOWS_MAX];

	assert_true(n <= FLOWS_MAX);
	write_all(c, KOP_CREATE, flows, n, res);
	for (size_t i = 0; i < n; i++) {
		if (res[i].error)
			print_error("flow %zu (protocol %u): %s\n", i, flows[i].key.l4,
			    strerror(res[i].error));
		assert_int_equal(res[i].error, 0);
	}
}

size_t
flows_all(struct flow *out)
{
	size_t n = flows_tcp(out);

	return n + flows_others(out + n);
}

size_t
flows_ordered(const struct flows *set, struct flow *out)
{
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (!flow_is_related(&set->at[i]))
			out[n++] = set->at[i];
	}
	for (size_t i = 0; i < set->count; i++) {
		if (flow_is_related(&set->at[i]))
			out[n++] = set->at[i];
	}
	return n;
}
