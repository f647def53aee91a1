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
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link_ops.h"

/* One router hop: state of firewalls has no business beyond the link. */
enum { HOPS = 1 };

static bool
addr_is_multicast(const struct link *l)
{
	const uint8_t first = l->cfg.group.b[0];

	return l->cfg.l3 == L3_IPV6 ? first == 0xff : (first & 0xf0) == 0xe0;
}

/* ---- sockets ---- */

static int
open_socket(const struct link *l)
{
	return socket(l->cfg.l3, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
}

/* Interface, source address, hops and loop of what we send. */
static int
set_sender_options(const struct link *l, int fd)
{
	struct ip_mreqn m = {.imr_ifindex = (int)l->out_ifindex};

	if (l->cfg.l3 == L3_IPV6) {
		if (link_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)l->out_ifindex) < 0 ||
		    link_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS) < 0 ||
		    link_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) < 0)
			return -1;
		return 0;
	}
	memcpy(&m.imr_address, l->cfg.local.b, 4);
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) < 0 ||
	    link_set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, HOPS) < 0 ||
	    link_set_int(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) < 0)
		return -1;
	if (!l->cfg.checksum && link_set_int(fd, SOL_SOCKET, SO_NO_CHECK, 1) < 0)
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
		    l->cfg.ifname, link_addr_text(l, &l->cfg.local, text));
	link_set_buffer(l->send_fd, SO_SNDBUFFORCE, SO_SNDBUF, l->cfg.sndbuf);
	/* Nobody reads from this socket: let strangers' datagrams fill as little as possible. */
	(void)link_set_int(l->send_fd, SOL_SOCKET, SO_RCVBUF, 0);

	/* Have the kernel choose the port now and not with the first datagram, so that we know it. */
	len = link_to_sockaddr(l, &any, 0, &ss);
	if (bind(l->send_fd, (struct sockaddr *)&ss, len) < 0)
		return link_fail(why, errno, "choosing a port to send from");
	len = sizeof(ss);
	if (getsockname(l->send_fd, (struct sockaddr *)&ss, &len) < 0)
		return link_fail(why, errno, "choosing a port to send from");
	if (!link_from_sockaddr(&ss, &self, &l->send_port))
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
		(void)link_set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
		return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6, sizeof(m6));
	}
	memcpy(&m.imr_multiaddr, l->cfg.group.b, 4);
	memcpy(&m.imr_address, l->cfg.local.b, 4);
	(void)link_set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m));
}

static int
open_receiver(struct link *l, struct link_why *why)
{
	struct sockaddr_storage ss;
	char text[INET6_ADDRSTRLEN];
	socklen_t len;

	l->recv_fd = open_socket(l);
	if (l->recv_fd < 0)
		return link_fail(why, errno, "opening the receiving socket");
	if (link_set_int(l->recv_fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return link_fail(why, errno, "sharing port %u", l->cfg.port);
	if (l->cfg.l3 == L3_IPV6 && link_set_int(l->recv_fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
		return link_fail(why, errno, "restricting the socket to IPv6");
	if (link_bind_device(l, l->recv_fd) < 0)
		return link_fail(why, errno, "binding to interface %s", l->cfg.ifname);
	link_set_buffer(l->recv_fd, SO_RCVBUFFORCE, SO_RCVBUF, l->cfg.rcvbuf);

	len = link_to_sockaddr(l, &l->cfg.group, l->cfg.port, &ss);
	if (bind(l->recv_fd, (struct sockaddr *)&ss, len) < 0)
		return link_fail(why, errno, "binding to %s port %u on interface %s",
		    link_addr_text(l, &l->cfg.group, text), l->cfg.port, l->cfg.ifname);
	if (join(l, l->recv_fd) < 0)
		return link_fail(why, errno, "joining %s on interface %s",
		    link_addr_text(l, &l->cfg.group, text), l->cfg.ifname);
	return 0;
}

static int
mcast_open(struct link *l, struct link_why *why)
{
	char text[INET6_ADDRSTRLEN];
	int err = 0;

	if (!addr_is_multicast(l)) {
		link_fail(why, 0, "%s is not a multicast address",
		    link_addr_text(l, &l->cfg.group, text));
		return -EINVAL;
	}
	if (l->cfg.port == 0) {
		link_fail(why, 0, "port 0 for group %s", link_addr_text(l, &l->cfg.group, text));
		return -EINVAL;
	}
	if (l->cfg.l3 == L3_IPV4)
		err = link_choose_interface(l, why);
	if (err == 0)
		err = open_sender(l, why);
	if (err == 0)
		err = open_receiver(l, why);
	if (err == 0)
		l->dest_len = link_to_sockaddr(l, &l->cfg.group, l->cfg.port, &l->dest);
	return err;
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

	if (l->cfg.l3 == L3_IPV4 && !link_addr_is_zero(&l->cfg.local)) {
		*out = l->cfg.local;
		return true;
	}
	fd = open_socket(l);
	if (fd < 0)
		return false;
	known = set_sender_options(l, fd) == 0 &&
		connect(fd, (const struct sockaddr *)&l->dest, l->dest_len) == 0 &&
		getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
		link_from_sockaddr(&ss, &self, &port);
	close(fd);
	*out = self.addr;
	return known;
}

static ssize_t
mcast_recv(struct link *l, void *buf, size_t cap, struct peer_addr *from, bool *own)
{
	struct ip_addr source;
	uint16_t port;
	ssize_t n = link_recv_datagram(l, buf, cap, from, &port);

	if (n < 0)
		return n;
	/* A peer may send from the same port as we do: only port and address together are ours. */
	*own = port == l->send_port && source_addr(l, &source) &&
	       memcmp(&source, &from->addr, sizeof(source)) == 0;
	link_guard_look(l, buf, (size_t)n);
	return n;
}

const struct link_ops link_mcast_ops = {
    .header_ipv4 = 20 + 8,
    .header_ipv6 = 40 + 8,
    .open = mcast_open,
    .close = link_close_sockets,
    .recv = mcast_recv,
    .send = link_send_datagram,
    .send_many = link_send_datagrams,
    .step = link_guard_step,
    .deadline = link_datagrams_deadline,
    .free = link_batch_free,
};
