/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_ops.h: what a transport is to link.c.  Private to the link files.
 *
 * A new transport is a file link_<name>.c with one struct link_ops, a row in link.c and a value in
 * enum link_transport.
 */
#ifndef IO_LINK_OPS_H
#define IO_LINK_OPS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "link.h"

/* Where to say what failed; text may be NULL. */
struct link_why {
	char *text;
	size_t len;
};

struct link_ops {
	uint16_t header_ipv4; /* bytes of IP and transport header before our payload */
	uint16_t header_ipv6;
	/* Opens the sockets; l->cfg, l->ifindex and l->now are set.  0, or what link_fail() returned;
	 * what is half open then is left to `close`. */
	int (*open)(struct link *l, struct link_why *why);
	/* Closes what is open and sets descriptors to -1; may be called at any time. */
	void (*close)(struct link *l);
	/* Takes one datagram: its length, or a negative errno value.  *own: it is one of ours.  -EPERM:
	 * it came from a stranger, and is counted. */
	ssize_t (*recv)(struct link *l, void *buf, size_t cap, struct peer_addr *from, bool *own);
	/* Sends one datagram: 0, a negative errno value, or SEND_KEPT. */
	int (*send)(struct link *l, const void *buf, size_t len);
	/* Sends several, as link_ops.send does the first: returns how many have left, at least one, or
	 * what became of the first.  NULL: the transport sends one at a time. */
	int (*send_many)(struct link *l, const struct iovec *datagrams, size_t count);
	/* These may be NULL: of a transport that has no more than recv_fd and send_fd. */
	size_t (*poll)(const struct link *l, bool waiting, struct pollfd fds[LINK_FDS_MAX]);
	void (*step)(struct link *l);
	ms_t (*deadline)(const struct link *l);
	void (*forget)(struct link *l);
	void (*free)(struct link *l);
};

/* Taken, but not gone yet: the transport counts it itself, when it has. */
enum { SEND_KEPT = 1 };

/* So long a source that is not the configured one has to give way to a better one. */
enum { LINK_SOURCE_MS = 60 * 1000 };

/* So many useless datagrams in a second are kept out by the kernel, for so long. */
enum { LINK_GUARD_MANY = 1000, LINK_GUARD_MS = 10 * 1000 };

/* What keeps out a flood, see link_guard.c. */
struct link_guard {
	ms_t since;        /* counted from here */
	unsigned int seen; /* useless datagrams */
	bool up;
	ms_t until;        /* not to be looked at again before */
	int fd;            /* whose drops are known, and how many */
	uint32_t drops;
};

struct stream; /* of link_tcp.c */
struct link_batch; /* of link_sock.c: datagrams that have been taken from the socket */

struct link {
	const struct link_ops *ops;
	struct link_cfg cfg;
	struct link_counters counters;
	ms_t now;                 /* of the last call that told the time */
	unsigned int ifindex;     /* of cfg.ifname; 0: gone, no sockets */
	unsigned int out_ifindex; /* of the interface that the sockets use; set by `open` */
	size_t payload_max;
	int send_fd;
	int recv_fd;
	int ask_fd; /* for questions about interfaces */
	size_t rcvbuf; /* bytes in force on recv_fd */
	struct link_batch *batch;
	struct sockaddr_storage dest;
	socklen_t dest_len;
	uint16_t send_port; /* source port of ours, host order */
	ms_t peer_heard;    /* unicast: when the configured peer was, and who else, and when */
	struct ip_addr other;
	ms_t other_heard;
	struct ip_addr stranger; /* the last one refused */
	struct link_guard guard;
	struct stream *stream;   /* TCP */
};

/* Says "<text>: <strerror(err)>" (the text alone if err is 0) and returns -err. */
int link_fail(struct link_why *why, int err, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* ---- link_sock.c ---- */

int link_set_int(int fd, int level, int option, int value);
void link_set_buffer(int fd, int force, int plain, uint32_t bytes);
size_t link_get_rcvbuf(int fd);
const char *link_addr_text(const struct link *l, const struct ip_addr *a,
    char out[INET6_ADDRSTRLEN]);
bool link_addr_is_zero(const struct ip_addr *a);
socklen_t link_to_sockaddr(const struct link *l, const struct ip_addr *a, uint16_t port,
    struct sockaddr_storage *out);
bool link_from_sockaddr(const struct sockaddr_storage *ss, struct peer_addr *from, uint16_t *port);
/*
 * Finds the interface that carries cfg.local (l->out_ifindex).  Usually it is the one named in the
 * configuration; if it is not, conntrackd has always gone by the address, and such configurations
 * work.  Without an address it is the one named.
 */
int link_choose_interface(struct link *l, struct link_why *why);
/* The socket uses our interface only; and our address, with this port (0: any).  -1 and errno. */
int link_bind_device(const struct link *l, int fd);
int link_bind_local(const struct link *l, int fd, uint16_t port);
/*
 * Unicast: is what comes from this address taken?  Always from the configured peer.  A peer with
 * several addresses may send from another one: so from that, too, while nothing was heard from a
 * better one lately.  All others are strangers, and counted.
 */
bool link_source_allowed(struct link *l, const struct ip_addr *source);

/* Unicast: has the peer itself been heard lately? */
bool link_peer_heard(const struct link *l);

/* ---- link_guard.c, for transports of datagrams ---- */

/* A datagram has been read that nobody has a use for; maybe: is it one? */
void link_guard_useless(struct link *l);
void link_guard_look(struct link *l, const uint8_t *data, size_t len);
/* Notes what the kernel has dropped since the last time. */
void link_guard_count(struct link *l);
/* Takes the filter away when its time is over, which is then. */
void link_guard_step(struct link *l);
ms_t link_guard_deadline(const struct link *l);
/* The receiving socket is about to be closed. */
void link_guard_closed(struct link *l);

/* For transports with one socket to send and one to receive. */
void link_close_sockets(struct link *l);
ms_t link_datagrams_deadline(const struct link *l);
void link_batch_free(struct link *l);
int link_send_datagram(struct link *l, const void *buf, size_t len);
int link_send_datagrams(struct link *l, const struct iovec *datagrams, size_t count);
/* Takes a datagram and its source; link_ops.recv without the judgement. */
ssize_t link_recv_datagram(struct link *l, void *buf, size_t cap, struct peer_addr *from,
    uint16_t *port);

extern const struct link_ops link_mcast_ops, link_udp_ops, link_tcp_ops;

#endif
