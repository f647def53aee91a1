/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.h: dedicated links: one interface, one transport, datagrams in and out.
 *
 * Functions that fail return a negative errno value and log nothing; link_open() also says in words
 * which step failed.
 */
#ifndef IO_LINK_H
#define IO_LINK_H

#include <net/if.h>
#include <poll.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "node.h"

struct link; /* opaque */

enum link_transport { LINK_MULTICAST, LINK_UDP, LINK_TCP };

struct link_cfg {
	enum link_transport transport;
	uint8_t index;             /* given back as peer_addr.link */
	char ifname[IF_NAMESIZE];  /* Interface */
	uint8_t l3;                /* L3_IPV4 or L3_IPV6 */
	struct ip_addr group;      /* multicast: group joined and destination; else the peer */
	struct ip_addr local;      /* our address there (multicast: IPv4_interface); may be zero */
	uint16_t port;             /* host order (Group, Port): ours and the peer's */
	uint32_t sndbuf;           /* bytes, 0: kernel default */
	uint32_t rcvbuf;
	bool checksum;             /* UDP checksum on what we send (IPv4) */
	uint32_t error_queue;      /* TCP: datagrams kept while there is no connection */
};

enum link_status { LINK_RUNNING, LINK_NO_CARRIER, LINK_DOWN };

struct link_counters {
	uint64_t sent_bytes, sent_datagrams, sent_errors;
	uint64_t recv_bytes, recv_datagrams, recv_errors;
	uint64_t recv_own;       /* our own datagrams that came back */
	uint64_t recv_strangers; /* unicast: from an address that is not the peer's (TCP: connections) */
	uint64_t recv_broken;    /* TCP: connections closed as what came was no sequence of messages */
	uint64_t recv_cut;       /* TCP: messages whose end was lost with their connection */
	uint64_t connects;       /* TCP: connections made */
	uint64_t queue_dropped;  /* TCP: datagrams that the error queue had no room for */
	uint64_t recv_dropped;   /* datagrams: dropped by the kernel, for want of room or a wrong checksum */
	uint64_t recv_shut_out;  /* likewise, while a filter kept out a flood of useless ones */
};

/*
 * Opens the sockets of one link; *cfg is copied.  The interface may be down.  0 and a link that the
 * caller closes, or a negative errno value and in why[0..why_len) what failed, in words without a
 * line break: the step, the interface or address, the reason.
 *
 * The sockets stay on one interface: `ifname` if it carries `local` (or `local` is zero), otherwise
 * the one that does.  Multicast over IPv6 looks at `ifname` only.
 */
int link_open(struct link **out, const struct link_cfg *cfg, char *why, size_t why_len);
void link_close(struct link *l);

/*
 * Reads the MTU again, and opens new sockets if the interface was removed and created anew (the old
 * ones belong to the dead one).  Cheap enough for once a second, in every state of the interface.
 * 0, or a negative errno value and the reason as in link_open(); the link then sends and receives
 * nothing until a later call succeeds.  Descriptors may change.
 */
int link_refresh(struct link *l, char *why, size_t why_len);

/* Is a filter of the kernel keeping out a flood of useless datagrams? */
bool link_is_guarded(const struct link *l);

/* Bytes of receive buffer that the kernel keeps what has come in; 0 of a stream, or while there is no
 * socket. */
size_t link_rcvbuf(const struct link *l);

/* The sockets of the transports that have two; -1 while there is none, see link_refresh(). */
int link_recv_fd(const struct link *l);
int link_send_fd(const struct link *l);

enum { LINK_FDS_MAX = 4 };
/*
 * What to wait for; returns how many elements of `fds` it has set.  `waiting`: there is a datagram that
 * link_send() did not take.  When one is ready: link_step(), then link_recv().
 */
size_t link_poll(const struct link *l, bool waiting, struct pollfd fds[LINK_FDS_MAX]);

/*
 * Goes on with what the transport has to do besides: accepts, connects, sends what is left.  Call it in
 * each turn in which something became ready, before link_recv(), or the deadline was reached.
 */
void link_step(struct link *l, ms_t now);
/* When it is to be called if nothing becomes ready.  It may change with each call of the others. */
ms_t link_deadline(const struct link *l);

/* What a stream has taken and not delivered is not to be sent any more: another link has taken over. */
void link_forget(struct link *l);

/*
 * Receives one datagram.  Returns its length, -EAGAIN if none waits, or another negative errno value
 * (counted; -EMSGSIZE: it was longer than `cap` and is lost).  Only what was sent to the group, or to
 * our address, to our port, and arrived on our interface is seen; our own datagrams, should the
 * network return them, and those of strangers are counted and skipped.  Of a stream it is a sequence
 * of whole messages, never a part of one.
 */
ssize_t link_recv(struct link *l, void *buf, size_t cap, struct peer_addr *from);

enum { LINK_SENDS_MAX = 32 };
/*
 * Sends at most `count` datagrams in their order.  Returns how many it has disposed of; fewer than
 * `count` if the socket is full (wait until link_send_fd() is writable), or link_payload_max() has
 * changed.  Of those that it has disposed of some may be lost, as with link_send(), and are counted.
 */
size_t link_send_many(struct link *l, const struct iovec *datagrams, size_t count);
/* More than one at a time, does that save anything?  How many are worth collecting. */
size_t link_sends_max(const struct link *l);

/* Sends one datagram.  0, -EAGAIN if the socket is full (wait until link_send_fd() is writable), or
 * another negative errno value (counted; the datagram is lost, the link stays usable). */
int link_send(struct link *l, const void *buf, size_t len);

enum { LINK_PAYLOAD_MIN = 512, LINK_PAYLOAD_MAX = 65000 };

/* Payload of the largest datagram that the interface carries in one piece: MTU - 28, or MTU - 48
 * for IPv6 (TCP: MTU - 40, MTU - 60); never less than LINK_PAYLOAD_MIN or more than
 * LINK_PAYLOAD_MAX.  As of link_open(), link_refresh(), or a failed link_send(). */
size_t link_payload_max(const struct link *l);

/* Asks the kernel how the interface that carries the link is doing now; LINK_DOWN also if it does not
 * exist. */
enum link_status link_status(const struct link *l);
/* Are the sockets on another interface than the one that the configuration names?  Then its name is in
 * `name`: that of the address configured. */
bool link_is_elsewhere(const struct link *l, char name[IF_NAMESIZE]);
/* The last stranger (struct link_counters). */
struct peer_addr link_stranger(const struct link *l);
/* Of a stream: is there a connection from the peer, and one to it?  False if the transport has none. */
bool link_connected(const struct link *l, bool *from_peer, bool *to_peer);
/* Datagrams that wait for a connection. */
size_t link_queued(const struct link *l);
/*
 * A netlink socket that becomes readable when an interface of this host changes; the caller closes it.
 * Or a negative errno value.
 */
int link_watch_open(void);
/* Takes what is there to read; false if there was nothing. */
bool link_watch_read(int fd);
const struct link_cfg *link_config(const struct link *l);
const struct link_counters *link_counters(const struct link *l);

#endif
