/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FLOW_NET = 10, PORT_MIN = 1024, PORTS = 60000, SERVER_PORT = 80 };

static const char server[4] = {(char)192, (char)168, 0, 10};

volatile bool stopped;

void
die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t
cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void
sleep_until(uint64_t at_ns)
{
	struct timespec t = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};

	while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void
on_signal(int sig)
{
	(void)sig;
	stopped = true;
}

void
stop_on_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
}

void
say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

int
ctnl_socket(uint32_t groups, int rcvbuf)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("netlink socket: %s", strerror(errno));
	if (rcvbuf && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0)
		die("SO_RCVBUFFORCE: %s", strerror(errno));
	return fd;
}

int
ctnl_socket_deaf(void)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};
	int fd = ctnl_socket(NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE |
	    NF_NETLINK_CONNTRACK_DESTROY, 0);

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		die("SO_ATTACH_FILTER: %s", strerror(errno));
	return fd;
}

int
ctnl_socket_in(int pid, uint32_t groups, int rcvbuf)
{
	char path[64];
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		die("%s: %s", path, strerror(errno));
	fd = ctnl_socket(groups, rcvbuf);
	if (setns(here, CLONE_NEWNET) < 0)
		die("setns: %s", strerror(errno));
	close(here);
	close(there);
	return fd;
}

static void
tuple_put(struct nlmsghdr *nlh, uint16_t type, const void *src, const void *dst, uint16_t sport,
    uint16_t dport)
{
	struct nlattr *tuple = mnl_attr_nest_start(nlh, type), *part;

	part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, CTA_IP_V4_SRC, 4, src);
	mnl_attr_put(nlh, CTA_IP_V4_DST, 4, dst);
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, tuple);
}

size_t
request_put(void *buf, enum op op, uint64_t id, const struct options *o)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nf;
	struct nlattr *info, *tcp;
	uint8_t client[4] = {FLOW_NET, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	uint16_t port = (uint16_t)(PORT_MIN + id % PORTS);

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 |
	    (op == OP_DELETE ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW));
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (op == OP_CREATE ? NLM_F_CREATE | NLM_F_EXCL : 0));
	nf = mnl_nlmsg_put_extra_header(nlh, sizeof(*nf));
	nf->nfgen_family = AF_INET;
	tuple_put(nlh, CTA_TUPLE_ORIG, client, server, port, SERVER_PORT);
	if (op == OP_DELETE)
		return nlh->nlmsg_len;
	if (op == OP_CREATE)
		tuple_put(nlh, CTA_TUPLE_REPLY, server, client, SERVER_PORT, port);
	mnl_attr_put_u32(nlh, CTA_STATUS, htonl(IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED));
	mnl_attr_put_u32(nlh, CTA_TIMEOUT, htonl(o->timeout_s));
	info = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
	tcp = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);
	mnl_attr_put_u8(nlh, CTA_PROTOINFO_TCP_STATE, (uint8_t)o->state);
	mnl_attr_nest_end(nlh, tcp);
	mnl_attr_nest_end(nlh, info);
	return nlh->nlmsg_len;
}

unsigned int
requests_send(int fd, const void *buf, size_t len)
{
	char answer[8192];
	unsigned int errors = 0;
	ssize_t n;

	if (send(fd, buf, len, 0) != (ssize_t)len)
		die("netlink send: %s", strerror(errno));
	while ((n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0)
		errors++;
	if (n < 0 && errno == ENOBUFS)
		errors++;
	return errors;
}

static const struct nlattr *
attr_find(const struct nlattr *attr, const void *end, uint16_t type)
{
	for (; mnl_attr_ok(attr, (int)((const char *)end - (const char *)attr)); attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static const struct nlattr *
nest_find(const struct nlattr *nest, uint16_t type)
{
	const char *payload = mnl_attr_get_payload(nest);

	return attr_find((const void *)payload, payload + mnl_attr_get_payload_len(nest), type);
}

bool
event_flow(const struct nlmsghdr *nlh, uint64_t *id)
{
	const struct nlattr *attr;
	const uint8_t *src;

	attr = attr_find(mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg)),
	    mnl_nlmsg_get_payload_tail(nlh), CTA_TUPLE_ORIG);
	if (attr)
		attr = nest_find(attr, CTA_TUPLE_IP);
	if (attr)
		attr = nest_find(attr, CTA_IP_V4_SRC);
	if (!attr || mnl_attr_get_payload_len(attr) != 4)
		return false;
	src = mnl_attr_get_payload(attr);
	*id = (uint64_t)src[1] << 16 | (uint64_t)src[2] << 8 | src[3];
	return src[0] == FLOW_NET;
}

struct command {
	const char *name;
	int (*run)(const struct options *o);
};

static const struct command commands[] = {
	{"load", cmd_load},
	{"relay", cmd_relay},
	{"sink", cmd_sink},
	{"dump", cmd_dump},
	{"text", cmd_text},
	{"lag", cmd_lag},
	{"packets", cmd_packets},
	{"flood", cmd_flood},
};

static enum op
op_named(const char *name)
{
	if (strcmp(name, "create") == 0)
		return OP_CREATE;
	if (strcmp(name, "update") == 0)
		return OP_UPDATE;
	if (strcmp(name, "delete") == 0)
		return OP_DELETE;
	die("no operation %s", name);
}

static void
option_set(struct options *o, const char *name, const char *value)
{
	uint64_t number = strtoull(value, NULL, 10);

	if (strcmp(name, "--count") == 0)
		o->count = number;
	else if (strcmp(name, "--first") == 0)
		o->first = number;
	else if (strcmp(name, "--rate") == 0)
		o->rate = number;
	else if (strcmp(name, "--batch") == 0)
		o->batch = (unsigned int)number;
	else if (strcmp(name, "--wait") == 0)
		o->wait_us = (unsigned int)number;
	else if (strcmp(name, "--state") == 0)
		o->state = (unsigned int)number;
	else if (strcmp(name, "--seconds") == 0)
		o->seconds = strtod(value, NULL);
	else if (strcmp(name, "--peer") == 0)
		o->peer = value;
	else if (strcmp(name, "--source") == 0)
		o->source = value;
	else if (strcmp(name, "--port") == 0)
		o->port = (unsigned int)number;
	else if (strcmp(name, "--listen") == 0)
		o->listen = number != 0;
	else if (strcmp(name, "--netns") == 0)
		o->netns = (int)number;
	else if (strcmp(name, "--op") == 0)
		o->op = op_named(value);
	else
		die("no option %s", name);
}

int
main(int argc, char **argv)
{
	struct options o = {.count = 1, .batch = 100, .state = 3, .timeout_s = 3000, .seconds = 60,
	    .port = 3780};
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc < 2 || argc % 2)
		die("usage: %s COMMAND [--OPTION VALUE]...", argv[0]);
	for (i = 2; i + 1 < (size_t)argc; i += 2)
		option_set(&o, argv[i], argv[i + 1]);
	if (o.batch < 1 || o.batch > 1000 || o.count > 1u << 24)
		die("--batch 1 to 1000, --count at most 2^24");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(&o);
	}
	die("no command %s", argv[1]);
}
