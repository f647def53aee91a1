/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_ops.h: what a transport is to link.c.  Private to the link files.
 *
 * A new transport is a file link_<name>.c with one struct link_ops, a row in link.c and a value in
 * enum link_transport.
 */
#ifndef IO_LINK_OPS_H
#define IO_LINK_OPS_H

#include <sys/socket.h>

#include "link.h"

/* Where to say what failed; text may be NULL. */
struct link_why {
	char *text;
	size_t len;
};

struct link_ops {
	uint16_t header_ipv4; /* bytes of IP and transport header before our payload */
	uint16_t header_ipv6;
	/* Opens the sockets; l->cfg and l->ifindex are set.  0, or what link_fail() returned; what
	 * is half open then is left to `close`. */
	int (*open)(struct link *l, struct link_why *why);
	/* Closes what is open and sets descriptors to -1; may be called at any time. */
	void (*close)(struct link *l);
	/* Takes one datagram: its length, or a negative errno value.  *own: it is one of ours. */
	ssize_t (*recv)(struct link *l, void *buf, size_t cap, struct peer_addr *from, bool *own);
	/* Sends one datagram: 0 or a negative errno value. */
	int (*send)(struct link *l, const void *buf, size_t len);
};

struct link {
	const struct link_ops *ops;
	struct link_cfg cfg;
	struct link_counters counters;
	unsigned int ifindex;     /* of cfg.ifname; 0: gone, no sockets */
	unsigned int out_ifindex; /* of the interface that the sockets use; set by `open` */
	size_t payload_max;
	int send_fd;
	int recv_fd;
	struct sockaddr_storage dest;
	socklen_t dest_len;
	uint16_t send_port; /* source port of ours, host order */
};

/* Says "<text>: <strerror(err)>" (the text alone if err is 0) and returns -err. */
int link_fail(struct link_why *why, int err, const char *fmt, ...) ATTR_PRINTF(3, 4);

extern const struct link_ops link_mcast_ops;

#endif
