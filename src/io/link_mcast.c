/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_mcast.c: dedicated links over UDP multicast (doc/WIRE.md section 1.6).
 *
 * Two sockets: one sends to the group from a port of its own, one receives.  The receiver is bound
 * to the group's address and to the interface and belongs to this one membership only, so that
 * neither unicast to our port nor the same group on another interface gets in.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link_ops.h"

/* One router hop: state of firewalls has no business beyond the link. */
enum { HOPS = 1 };

/* A wrong length here would be read by the kernel beyond the variable: only int is ever passed. */
static int
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static const char *
addr_text(const struct link *l, const struct ip_addr *a, char out[INET6_ADDRSTRLEN])
{
	return inet_ntop(l->cfg.l3, a->b, out, INET6_ADDRSTRLEN);
}

static bool
addr_is_zero(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

static bool
addr_is_multicast(const struct link *l)
{
	const uint8_t first = l->cfg.group.b[0];

	return l->cfg.l3 == L3_IPV6 ? first == 0xff : (first & 0xf0) == 0xe0;
}

/* The scope of an IPv6 address is our interface; the kernel looks at it for ff01:: and ff02::
 * groups and for link-local addresses. */
static socklen_t
to_sockaddr(
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
static bool
from_sockaddr(const struct sockaddr_storage *ss, struct peer_addr *from, uint16_t *port)
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

/*
 * Finds the interface that carries cfg.local.  Usually it is the one named in the configuration; if
 * it is not, conntrackd has always gone by the address, and such configurations work.
 */
static int
choose_interface_ipv4(struct link *l, struct link_why *why)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *list;
	unsigned int found = 0;

	if (addr_is_zero(&l->cfg.local))
		return 0;
	if (getifaddrs(&list) < 0)
		return link_fail(why, errno, "listing the addresses of this host");
	for (const struct ifaddrs *e = list; e != NULL && found != l->ifindex; e = e->ifa_next) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)e->ifa_addr;
		unsigned int ifindex;

		if (sin == NULL || sin->sin_family != AF_INET ||
		    memcmp(&sin->sin_addr, l->cfg.local.b, 4) != 0)
			continue;
		ifindex = entry_ifindex(e);
		if (ifindex != 0)
			found = ifindex;
	}
	freeifaddrs(list);
	if (found == 0) {
		link_fail(
		    why, 0, "%s is not an address of this host", addr_text(l, &l->cfg.local, text));
		return -EADDRNOTAVAIL;
	}
	l->out_ifindex = found;
	return 0;
}

/* ---- sockets ---- */

static int
open_socket(const struct link *l)
{
	return socket(l->cfg.l3, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
}

/* Buffer sizes are a wish: without the privilege to force them the system's limit applies. */
static void
set_buffer(int fd, int force, int plain, uint32_t bytes)
{
	int value = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;

	if (bytes != 0 && set_int(fd, SOL_SOCKET, force, value) < 0)
		(void)set_int(fd, SOL_SOCKET, plain, value);
}

/* Interface, source address, hops and loop of what we send. */
static int
set_sender_options(const struct link *l, int fd)
{
	struct ip_mreqn m = {.imr_ifindex = (int)l->out_ifindex};

	if (l->cfg.l3 == L3_IPV6) {
		if (set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)l->out_ifindex) < 0 ||
		    set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS) < 0 ||
		    set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) < 0)
			return -1;
		return 0;
	}
	memcpy(&m.imr_address, l->cfg.local.b, 4);
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) < 0 ||
	    set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, HOPS) < 0 ||
	    set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) < 0)
		return -1;
	if (!l->cfg.checksum && set_int(fd, SOL_SOCKET, SO_NO_CHECK, 1) < 0)
		return -1;
	return 0;
}

static int
open_sender(struct link *l, struct link_why *why)
{
	static const struct ip_addr any;
	struct sockaddr_storage ss;
	struct peer_addr self;
	socklen_t len = sizeof(ss);
	char text[INET6_ADDRSTRLEN];

	l->send_fd = open_socket(l);
	if (l->send_fd < 0)
		return link_fail(why, errno, "opening the sending socket");
	if (set_sender_options(l, l->send_fd) < 0)
		return link_fail(why, errno, "preparing to send on interface %s from %s",
		    l->cfg.ifname, addr_text(l, &l->cfg.local, text));
	set_buffer(l->send_fd, SO_SNDBUFFORCE, SO_SNDBUF, l->cfg.sndbuf);
	/* Nobody reads from this socket: let strangers' datagrams fill as little as possible. */
	(void)set_int(l->send_fd, SOL_SOCKET, SO_RCVBUF, 0);

	/* Have the kernel choose the port now and not with the first datagram, so that we know it. */
	len = to_sockaddr(l, &any, 0, &ss);
	if (bind(l->send_fd, (struct sockaddr *)&ss, len) < 0)
		return link_fail(why, errno, "choosing a port to send from");
	len = sizeof(ss);
	if (getsockname(l->send_fd, (struct sockaddr *)&ss, &len) < 0)
		return link_fail(why, errno, "choosing a port to send from");
	if (!from_sockaddr(&ss, &self, &l->send_port))
		return link_fail(why, EAFNOSUPPORT, "choosing a port to send from");
	return 0;
}

/* The socket hears our membership only, not every group that a process on this host has joined. */
static int
join(const struct link *l, int fd)
{
	struct ip_mreqn m = {.imr_ifindex = (int)l->out_ifindex};
	struct ipv6_mreq m6 = {.ipv6mr_interface = l->out_ifindex};

	if (l->cfg.l3 == L3_IPV6) {
		memcpy(&m6.ipv6mr_multiaddr, l->cfg.group.b, 16);
		/* Linux 4.20; without it the other two filters still stand. */
		(void)set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
		return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6, sizeof(m6));
	}
	memcpy(&m.imr_multiaddr, l->cfg.group.b, 4);
	memcpy(&m.imr_address, l->cfg.local.b, 4);
	(void)set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m));
}

static int
open_receiver(struct link *l, struct link_why *why)
{
	struct sockaddr_storage ss;
	char name[IF_NAMESIZE] = "";
	char text[INET6_ADDRSTRLEN];
	socklen_t len;

	l->recv_fd = open_socket(l);
	if (l->recv_fd < 0)
		return link_fail(why, errno, "opening the receiving socket");
	if (set_int(l->recv_fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return link_fail(why, errno, "sharing port %u", l->cfg.port);
	if (l->cfg.l3 == L3_IPV6 && set_int(l->recv_fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
		return link_fail(why, errno, "restricting the socket to IPv6");
	if (if_indextoname(l->out_ifindex, name) == NULL ||
	    setsockopt(l->recv_fd, SOL_SOCKET, SO_BINDTODEVICE, name, sizeof(name)) < 0)
		return link_fail(why, errno, "binding to interface %s", l->cfg.ifname);
	set_buffer(l->recv_fd, SO_RCVBUFFORCE, SO_RCVBUF, l->cfg.rcvbuf);

	len = to_sockaddr(l, &l->cfg.group, l->cfg.port, &ss);
	if (bind(l->recv_fd, (struct sockaddr *)&ss, len) < 0)
		return link_fail(why, errno, "binding to %s port %u on interface %s",
		    addr_text(l, &l->cfg.group, text), l->cfg.port, l->cfg.ifname);
	if (join(l, l->recv_fd) < 0)
		return link_fail(why, errno, "joining %s on interface %s",
		    addr_text(l, &l->cfg.group, text), l->cfg.ifname);
	return 0;
}

static int
mcast_open(struct link *l, struct link_why *why)
{
	char text[INET6_ADDRSTRLEN];
	int err = 0;

	if (!addr_is_multicast(l)) {
		link_fail(
		    why, 0, "%s is not a multicast address", addr_text(l, &l->cfg.group, text));
		return -EINVAL;
	}
	if (l->cfg.port == 0) {
		link_fail(why, 0, "port 0 for group %s", addr_text(l, &l->cfg.group, text));
		return -EINVAL;
	}
	if (l->cfg.l3 == L3_IPV4)
		err = choose_interface_ipv4(l, why);
	if (err == 0)
		err = open_sender(l, why);
	if (err == 0)
		err = open_receiver(l, why);
	if (err == 0)
		l->dest_len = to_sockaddr(l, &l->cfg.group, l->cfg.port, &l->dest);
	return err;
}

static void
mcast_close(struct link *l)
{
	if (l->send_fd >= 0)
		close(l->send_fd);
	if (l->recv_fd >= 0)
		close(l->recv_fd);
	l->send_fd = -1;
	l->recv_fd = -1;
}

/* ---- datagrams ---- */

/*
 * The source address that the kernel gives to what we send now.  Where the configuration does not
 * fix it, it is the kernel's choice, which changes with the interface's addresses: so ask.
 */
static bool
source_addr(const struct link *l, struct ip_addr *out)
{
	struct sockaddr_storage ss;
	struct peer_addr self = {0};
	socklen_t len = sizeof(ss);
	uint16_t port;
	bool known;
	int fd;

	if (l->cfg.l3 == L3_IPV4 && !addr_is_zero(&l->cfg.local)) {
		*out = l->cfg.local;
		return true;
	}
	fd = open_socket(l);
	if (fd < 0)
		return false;
	known = set_sender_options(l, fd) == 0 &&
		connect(fd, (const struct sockaddr *)&l->dest, l->dest_len) == 0 &&
		getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
		from_sockaddr(&ss, &self, &port);
	close(fd);
	*out = self.addr;
	return known;
}

static ssize_t
mcast_recv(struct link *l, void *buf, size_t cap, struct peer_addr *from, bool *own)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct ip_addr source;
	uint16_t port;
	/* With MSG_TRUNC the length is the datagram's, also where the buffer is shorter. */
	ssize_t n = recvfrom(l->recv_fd, buf, cap, MSG_TRUNC, (struct sockaddr *)&ss, &len);

	if (n < 0)
		return -errno;
	if ((size_t)n > cap)
		return -EMSGSIZE;
	if (!from_sockaddr(&ss, from, &port))
		return -EAFNOSUPPORT;
	/* A peer may send from the same port as we do: only port and address together are ours. */
	*own = port == l->send_port && source_addr(l, &source) &&
	       memcmp(&source, &from->addr, sizeof(source)) == 0;
	return n;
}

static int
mcast_send(struct link *l, const void *buf, size_t len)
{
	ssize_t n = sendto(
	    l->send_fd, buf, len, MSG_NOSIGNAL, (const struct sockaddr *)&l->dest, l->dest_len);

	return n < 0 ? -errno : 0;
}

const struct link_ops link_mcast_ops = {
    .header_ipv4 = 20 + 8,
    .header_ipv6 = 40 + 8,
    .open = mcast_open,
    .close = mcast_close,
    .recv = mcast_recv,
    .send = mcast_send,
};
