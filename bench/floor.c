/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor.c: the least that each part of a daemon's work can cost.
 *
 *   relay   reads the kernel's events and sends one record of 84 bytes for each, in full datagrams
 *   sink    receives them and drops them
 *   dump    asks for the kernel's table, reads it and drops it
 *   text    writes the text of so many flows to a socket that somebody empties
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

enum {
	RECORD = 84,          /* an IPv4 TCP flow on the wire */
	PER_DATAGRAM = 17,    /* as many of them as 1472 bytes hold */
	VECTOR = 64,          /* datagrams in one system call */
	EVENT_MAX = 2048,
	EVENT_RCVBUF = 8 << 20,
	LINK_RCVBUF = 1249280,
};

/* Datagrams on their way out: slot by slot, record by record. */
struct out {
	struct mmsghdr msgs[VECTOR];
	struct iovec iov[VECTOR];
	char data[VECTOR][PER_DATAGRAM * RECORD];
	unsigned int full;    /* datagrams that are */
	unsigned int records; /* in the one after them */
	uint64_t datagrams;
};

struct in {
	struct mmsghdr msgs[VECTOR];
	struct iovec iov[VECTOR];
	char data[VECTOR][EVENT_MAX];
};

static struct in in;
static struct out out;

static void
in_init(void)
{
	unsigned int i;

	for (i = 0; i < VECTOR; i++) {
		in.iov[i] = (struct iovec){in.data[i], EVENT_MAX};
		in.msgs[i].msg_hdr = (struct msghdr){.msg_iov = &in.iov[i], .msg_iovlen = 1};
	}
}

static void
out_send(int fd)
{
	unsigned int i, n = out.full + (out.records ? 1 : 0), sent = 0;
	int got;

	for (i = 0; i < n; i++) {
		out.iov[i] = (struct iovec){out.data[i],
		    (i < out.full ? PER_DATAGRAM : out.records) * RECORD};
		out.msgs[i].msg_hdr = (struct msghdr){.msg_iov = &out.iov[i], .msg_iovlen = 1};
	}
	while (sent < n) {
		got = sendmmsg(fd, out.msgs + sent, n - sent, 0);
		if (got < 0)
			break;
		sent += (unsigned int)got;
	}
	out.datagrams += sent;
	out.full = out.records = 0;
}

static void
out_record(int fd, const char *event)
{
	memcpy(out.data[out.full] + out.records * RECORD, event, RECORD);
	if (++out.records < PER_DATAGRAM)
		return;
	out.records = 0;
	if (++out.full == VECTOR)
		out_send(fd);
}

static int
link_socket(const struct options *o)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = LINK_RCVBUF;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (o->peer && inet_pton(AF_INET, o->peer, &addr.sin_addr) != 1)
		die("no address: %s", o->peer);
	if ((o->peer ? connect : bind)(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("datagram socket: %s", strerror(errno));
	return fd;
}

int
cmd_relay(const struct options *o)
{
	int events = ctnl_socket(NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE |
	    NF_NETLINK_CONNTRACK_DESTROY, EVENT_RCVBUF), link = link_socket(o);
	struct pollfd wait = {.fd = events, .events = POLLIN};
	uint64_t seen = 0, overruns = 0;
	int i, n;

	in_init();
	stop_on_signals();
	say_ready();
	while (!stopped) {
		if (poll(&wait, 1, -1) < 0)
			continue;
		/* Whatever comes meanwhile waits in the socket, and costs no wakeup. */
		if (o->wait_us)
			usleep(o->wait_us);
		do {
			n = recvmmsg(events, in.msgs, VECTOR, MSG_DONTWAIT, NULL);
			for (i = 0; i < n; i++)
				out_record(link, in.data[i]);
			if (n > 0)
				seen += (uint64_t)n;
			else if (n < 0 && errno == ENOBUFS)
				overruns++;
		} while (n == VECTOR || (n < 0 && errno == ENOBUFS));
		out_send(link);
	}
	printf("{\"events\": %llu, \"overruns\": %llu, \"datagrams\": %llu}\n", (unsigned long long)seen,
	    (unsigned long long)overruns, (unsigned long long)out.datagrams);
	return 0;
}

int
cmd_sink(const struct options *o)
{
	struct options local = *o;
	int fd, i, n;
	uint64_t bytes = 0, datagrams = 0;

	local.peer = NULL;
	fd = link_socket(&local);
	in_init();
	stop_on_signals();
	say_ready();
	while (!stopped) {
		n = recvmmsg(fd, in.msgs, VECTOR, MSG_WAITFORONE, NULL);
		for (i = 0; i < n; i++)
			bytes += in.msgs[i].msg_len;
		if (n > 0)
			datagrams += (uint64_t)n;
	}
	printf("{\"events\": %llu, \"datagrams\": %llu}\n", (unsigned long long)(bytes / RECORD),
	    (unsigned long long)datagrams);
	return 0;
}

int
cmd_dump(const struct options *o)
{
	static char buf[1 << 16];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nf;
	int fd = ctnl_socket(0, 1 << 20);
	uint64_t flows = 0, cpu = cpu_ns(), start = now_ns();
	bool more = true;

	(void)o;
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nf = mnl_nlmsg_put_extra_header(nlh, sizeof(*nf));
	nf->nfgen_family = AF_INET;
	if (send(fd, buf, nlh->nlmsg_len, 0) < 0)
		die("dump: %s", strerror(errno));
	while (more) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);
		int len = (int)got;

		if (got < 0)
			die("dump: %s", strerror(errno));
		for (nlh = (struct nlmsghdr *)buf; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
				more = false;
			else
				flows++;
		}
	}
	printf("{\"flows\": %llu, \"seconds\": %.6f, \"cpu_us\": %.3f}\n", (unsigned long long)flows,
	    (double)(now_ns() - start) / 1e9, (double)(cpu_ns() - cpu) / 1e3);
	return 0;
}

int
cmd_text(const struct options *o)
{
	static char buf[1 << 16], sinkbuf[1 << 16];
	int pair[2];
	size_t len = 0;
	uint64_t i, cpu, start, spent;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || (child = fork()) < 0)
		die("socketpair, fork: %s", strerror(errno));
	if (child == 0) {
		close(pair[0]);
		while (read(pair[1], sinkbuf, sizeof(sinkbuf)) > 0)
			;
		_exit(0);
	}
	close(pair[1]);
	cpu = cpu_ns();
	start = now_ns();
	for (i = 0; i < o->count; i++) {
		len += (size_t)snprintf(buf + len, sizeof(buf) - len,
		    "tcp      6 %u ESTABLISHED src=10.%u.%u.%u dst=192.168.0.10 sport=%u dport=80 "
		    "src=192.168.0.10 dst=10.%u.%u.%u sport=80 dport=%u [ASSURED] mark=0 [active since 1s]\n",
		    o->timeout_s, (unsigned int)(i >> 16 & 255), (unsigned int)(i >> 8 & 255),
		    (unsigned int)(i & 255), (unsigned int)(1024 + i % 60000), (unsigned int)(i >> 16 & 255),
		    (unsigned int)(i >> 8 & 255), (unsigned int)(i & 255), (unsigned int)(1024 + i % 60000));
		if (len > sizeof(buf) - 512 || i + 1 == o->count) {
			if (write(pair[0], buf, len) != (ssize_t)len)
				die("write: %s", strerror(errno));
			len = 0;
		}
	}
	spent = cpu_ns() - cpu;
	close(pair[0]);
	printf("{\"flows\": %llu, \"seconds\": %.6f, \"cpu_us\": %.3f}\n", (unsigned long long)o->count,
	    (double)(now_ns() - start) / 1e9, (double)spent / 1e3);
	return 0;
}
