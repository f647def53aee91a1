/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_sock.c: addresses, interfaces and socket options, for all transports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link_ops.h"

/* A wrong length here would be read by the kernel beyond the variable: only int is ever passed. */
int
link_set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

const char *
link_addr_text(const struct link *l, const struct ip_addr *a, char out[INET6_ADDRSTRLEN])
{
	return inet_ntop(l->cfg.l3, a->b, out, INET6_ADDRSTRLEN);
}

bool
link_addr_is_zero(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

/* The scope of an IPv6 address is our interface; the kernel looks at it for ff01:: and ff02::
 * groups and for link-local addresses. */
socklen_t
link_to_sockaddr(
    const struct link *l, const struct ip_addr *a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (l->cfg.l3 == L3_IPV6) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)out;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		sin6->sin6_scope_id = l->out_ifindex;
		memcpy(&sin6->sin6_addr, a->b, 16);
		return sizeof(*sin6);
	}
	struct sockaddr_in *sin = (struct sockaddr_in *)out;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	memcpy(&sin->sin_addr, a->b, 4);
	return sizeof(*sin);
}

/* Takes a received source apart; false if it is of a family that our socket cannot have. */
bool
link_from_sockaddr(const struct sockaddr_storage *ss, struct peer_addr *from, uint16_t *port)
{
	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)ss;

		from->l3 = L3_IPV6;
		memcpy(from->addr.b, &sin6->sin6_addr, 16);
		*port = ntohs(sin6->sin6_port);
		return true;
	}
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)ss;

		from->l3 = L3_IPV4;
		memcpy(from->addr.b, &sin->sin_addr, 4);
		*port = ntohs(sin->sin_port);
		return true;
	}
	return false;
}

/* ---- choosing the interface ---- */

/* Index of the interface behind an address entry.  Entries of aliases are named "eth0:1". */
static unsigned int
entry_ifindex(const struct ifaddrs *entry)
{
	char name[IF_NAMESIZE] = "";

	memccpy(name, entry->ifa_name, ':', sizeof(name) - 1);
	name[strcspn(name, ":")] = '\0';
	return if_nametoindex(name);
}

static bool
is_local_addr(const struct link *l, const struct sockaddr *sa)
{
	const void *addr;

	if (sa == NULL || sa->sa_family != l->cfg.l3)
		return false;
	addr = l->cfg.l3 == L3_IPV6 ? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
				    : (const void *)&((const struct sockaddr_in *)sa)->sin_addr;
	return memcmp(addr, l->cfg.local.b, l->cfg.l3 == L3_IPV6 ? 16 : 4) == 0;
}

/* IPv6 takes addresses from an interface that goes down: then nobody knows whose one is. */
static bool
may_come_back(const struct link *l)
{
	return l->cfg.l3 == L3_IPV6 && link_status(l) == LINK_DOWN;
}

int
link_choose_interface(struct link *l, struct link_why *why)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *list;
	unsigned int found = 0;

	if (link_addr_is_zero(&l->cfg.local))
		return 0;
	if (getifaddrs(&list) < 0)
		return link_fail(why, errno, "listing the addresses of this host");
	for (const struct ifaddrs *e = list; e != NULL && found != l->ifindex; e = e->ifa_next) {
		unsigned int ifindex = is_local_addr(l, e->ifa_addr) ? entry_ifindex(e) : 0;

		if (ifindex != 0)
			found = ifindex;
	}
	freeifaddrs(list);
	if (found == 0 && may_come_back(l))
		return 0;
	if (found == 0) {
		link_fail(why, 0, "%s is not an address of this host",
		    link_addr_text(l, &l->cfg.local, text));
		return -EADDRNOTAVAIL;
	}
	l->out_ifindex = found;
	return 0;
}

int
link_bind_device(const struct link *l, int fd)
{
	char name[IF_NAMESIZE] = "";

	if (if_indextoname(l->out_ifindex, name) == NULL)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, sizeof(name));
}

int
link_bind_local(const struct link *l, int fd, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len;

	if (link_bind_device(l, fd) < 0)
		return -1;
	if (l->cfg.l3 == L3_IPV6) {
		/* An address that is away, or still being searched for duplicates, will do later. */
		(void)link_set_int(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
		if (link_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
			return -1;
	}
	len = link_to_sockaddr(l, &l->cfg.local, port, &ss);
	return bind(fd, (struct sockaddr *)&ss, len);
}

/* Buffer sizes are a wish: without the privilege to force them the system's limit applies. */
void
link_set_buffer(int fd, int force, int plain, uint32_t bytes)
{
	int value = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;

	if (bytes != 0 && link_set_int(fd, SOL_SOCKET, force, value) < 0)
		(void)link_set_int(fd, SOL_SOCKET, plain, value);
}

/* Bytes of receive buffer in force; 0 if there is no socket. */
size_t
link_get_rcvbuf(int fd)
{
	socklen_t len = sizeof(int);
	int bytes = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) < 0 || bytes < 0)
		return 0;
	return (size_t)bytes;
}

/* ---- who may speak ---- */

static bool
heard_lately(const struct link *l, ms_t then)
{
	return then.ms != 0 && ms_since(l->now, then) < LINK_SOURCE_MS;
}

static bool
same(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
link_peer_heard(const struct link *l)
{
	return heard_lately(l, l->peer_heard);
}

bool
link_source_allowed(struct link *l, const struct ip_addr *source)
{
	if (same(source, &l->cfg.group)) {
		l->peer_heard = l->now;
		return true;
	}
	if (!link_peer_heard(l) &&
	    (same(source, &l->other) || !heard_lately(l, l->other_heard))) {
		l->other = *source;
		l->other_heard = l->now;
		return true;
	}
	l->counters.recv_strangers++;
	l->stranger = *source;
	return false;
}

/* ---- two sockets ---- */

enum {
	BATCH_MAX = 32,
	/* As long as a datagram can be.  The odd rest keeps the beginnings of the buffers, which is what
	 * most datagrams need, from falling into the same few sets of a processor's cache. */
	BATCH_BUF = 65536 + 1536,
};

struct link_batch {
	unsigned int count, next; /* taken from the socket; passed on */
	struct mmsghdr msgs[BATCH_MAX];
	struct iovec iovs[BATCH_MAX];
	struct sockaddr_storage from[BATCH_MAX];
	uint8_t bufs[BATCH_MAX][BATCH_BUF]; /* pages that are never touched are never there */
};

/* What has been taken from the socket is not to wait for something to become ready. */
ms_t
link_datagrams_deadline(const struct link *l)
{
	if (l->batch != NULL && l->batch->next < l->batch->count)
		return (ms_t){0};
	return link_guard_deadline(l);
}

void
link_batch_free(struct link *l)
{
	free(l->batch);
	l->batch = NULL;
}

static struct link_batch *
batch_new(void)
{
	struct link_batch *b = calloc(1, sizeof(*b));

	for (unsigned int i = 0; b != NULL && i < BATCH_MAX; i++) {
		b->iovs[i] = (struct iovec){.iov_base = b->bufs[i], .iov_len = BATCH_BUF};
		b->msgs[i].msg_hdr = (struct msghdr){
		    .msg_name = &b->from[i],
		    .msg_namelen = sizeof(b->from[i]),
		    .msg_iov = &b->iovs[i],
		    .msg_iovlen = 1,
		};
	}
	return b;
}

/* Takes what waits.  0 or a negative errno value. */
static int
batch_fill(struct link *l)
{
	struct link_batch *b = l->batch;
	int n;

	if (b == NULL)
		b = l->batch = batch_new();
	if (b == NULL)
		return -ENOMEM;
	/* What the last call used is as it was before. */
	for (unsigned int i = 0; i < b->count; i++)
		b->msgs[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
	b->count = b->next = 0;
	n = recvmmsg(l->recv_fd, b->msgs, BATCH_MAX, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return n < 0 ? -errno : -EAGAIN;
	b->count = (unsigned int)n;
	return 0;
}

void
link_close_sockets(struct link *l)
{
	if (l->batch != NULL)
		l->batch->next = l->batch->count;
	link_guard_closed(l);
	if (l->send_fd >= 0)
		close(l->send_fd);
	if (l->recv_fd >= 0)
		close(l->recv_fd);
	l->send_fd = -1;
	l->recv_fd = -1;
}

int
link_send_datagram(struct link *l, const void *buf, size_t len)
{
	ssize_t n = sendto(
	    l->send_fd, buf, len, MSG_NOSIGNAL, (const struct sockaddr *)&l->dest, l->dest_len);

	return n < 0 ? -errno : 0;
}

int
link_send_datagrams(struct link *l, const struct iovec *datagrams, size_t count)
{
	struct mmsghdr msgs[LINK_SENDS_MAX];
	struct iovec iovs[LINK_SENDS_MAX];
	int n;

	if (count > LINK_SENDS_MAX)
		count = LINK_SENDS_MAX;
	for (size_t i = 0; i < count; i++) {
		iovs[i] = datagrams[i];
		msgs[i] = (struct mmsghdr){.msg_hdr = {
		    .msg_name = &l->dest,
		    .msg_namelen = l->dest_len,
		    .msg_iov = &iovs[i],
		    .msg_iovlen = 1,
		}};
	}
	n = sendmmsg(l->send_fd, msgs, (unsigned int)count, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

ssize_t
link_recv_datagram(struct link *l, void *buf, size_t cap, struct peer_addr *from, uint16_t *port)
{
	struct link_batch *b = l->batch;
	unsigned int i;
	size_t len;

	if (b == NULL || b->next == b->count) {
		int err = batch_fill(l);

		if (err < 0)
			return err;
		b = l->batch;
	}
	i = b->next++;
	len = b->msgs[i].msg_len;
	if (len > cap || (b->msgs[i].msg_hdr.msg_flags & MSG_TRUNC))
		return -EMSGSIZE;
	memcpy(buf, b->bufs[i], len);
	return link_from_sockaddr(&b->from[i], from, port) ? (ssize_t)len : -EAFNOSUPPORT;
}

/* ---- changes of interfaces ---- */

int
link_watch_open(void)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int err, fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

bool
link_watch_read(int fd)
{
	enum { READS_MAX = 64 };
	uint8_t buf[64];
	bool any = false;

	/* What has changed is looked up: that something has is all that counts.  So is a loss. */
	for (int i = 0; i < READS_MAX; i++) {
		if (recv(fd, buf, sizeof(buf), MSG_TRUNC) < 0 && errno != ENOBUFS)
			break;
		any = true;
	}
	return any;
}
