/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_udp.c: dedicated links over unicast UDP (doc/WIRE.md section 1.6).
 *
 * Two sockets, as for multicast: one sends from a port of its own, so that peers see the same as ever,
 * one receives.  Both are bound to our address and to the interface: what concerns the firewalls must
 * neither leave by another way when the link is down, nor come in by one.
 */
#include <errno.h>
#include <string.h>

#include "link_ops.h"

static int
open_socket(const struct link *l)
{
	return socket(l->cfg.l3, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
}

static int
open_sender(struct link *l, struct link_why *why)
{
	char text[INET6_ADDRSTRLEN];

	l->send_fd = open_socket(l);
	if (l->send_fd < 0)
		return link_fail(why, errno, "opening the sending socket");
	if (l->cfg.l3 == L3_IPV4 && !l->cfg.checksum &&
	    link_set_int(l->send_fd, SOL_SOCKET, SO_NO_CHECK, 1) < 0)
		return link_fail(why, errno, "switching checksums off");
	link_set_buffer(l->send_fd, SO_SNDBUFFORCE, SO_SNDBUF, l->cfg.sndbuf);
	/* Nobody reads from this socket: let strangers' datagrams fill as little as possible. */
	(void)link_set_int(l->send_fd, SOL_SOCKET, SO_RCVBUF, 0);
	if (link_bind_local(l, l->send_fd, 0) < 0)
		return link_fail(why, errno, "preparing to send on interface %s from %s",
		    l->cfg.ifname, link_addr_text(l, &l->cfg.local, text));
	return 0;
}

static int
open_receiver(struct link *l, struct link_why *why)
{
	char text[INET6_ADDRSTRLEN];

	l->recv_fd = open_socket(l);
	if (l->recv_fd < 0)
		return link_fail(why, errno, "opening the receiving socket");
	link_set_buffer(l->recv_fd, SO_RCVBUFFORCE, SO_RCVBUF, l->cfg.rcvbuf);
	if (link_bind_local(l, l->recv_fd, l->cfg.port) < 0)
		return link_fail(why, errno, "binding to %s port %u on interface %s",
		    link_addr_text(l, &l->cfg.local, text), l->cfg.port, l->cfg.ifname);
	return 0;
}

static int
udp_open(struct link *l, struct link_why *why)
{
	int err = link_choose_interface(l, why);

	if (err == 0)
		err = open_sender(l, why);
	if (err == 0)
		err = open_receiver(l, why);
	if (err == 0)
		l->dest_len = link_to_sockaddr(l, &l->cfg.group, l->cfg.port, &l->dest);
	return err;
}

static ssize_t
udp_recv(struct link *l, void *buf, size_t cap, struct peer_addr *from, bool *own)
{
	uint16_t port;
	ssize_t n = link_recv_datagram(l, buf, cap, from, &port);

	(void)own;
	if (n < 0)
		return n;
	if (!link_source_allowed(l, &from->addr)) {
		link_guard_useless(l);
		return -EPERM;
	}
	link_guard_look(l, buf, (size_t)n);
	return n;
}

const struct link_ops link_udp_ops = {
    .header_ipv4 = 20 + 8,
    .header_ipv6 = 40 + 8,
    .open = udp_open,
    .close = link_close_sockets,
    .recv = udp_recv,
    .send = link_send_datagram,
    .send_many = link_send_datagrams,
    .step = link_guard_step,
    .deadline = link_datagrams_deadline,
    .free = link_batch_free,
};
