/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate_msg.h: the takeover gate as messages of nf_tables (linux/netfilter/nf_tables.h).  Pure.
 *
 * What nft(8) shows of it:
 *
 *   table inet conntrackd-gate {
 *           flags owner
 *           counter held { }
 *           set closed { type inet_proto; flags timeout; }
 *           chain prerouting {
 *                   type filter hook prerouting priority -150; policy accept;
 *                   ct status & confirmed == confirmed accept
 *                   meta l4proto != @closed accept
 *                   ct state related,untracked accept
 *                   iifname "lo" accept            and so each dedicated link
 *                   tcp flags syn / fin,syn,rst,ack accept
 *                   meta l4proto sctp @th,96,8 1 accept
 *                   counter name "held" drop
 *           }
 *   }
 *
 * The gate is closed to the protocols in the set, each of which is there for a limited time.
 */
#ifndef IO_GATE_MSG_H
#define IO_GATE_MSG_H

#include <libmnl/libmnl.h>

#include "base.h"

enum {
	/* Room for any of the batches. */
	GATE_MSG_MAX = 8192,
	/* Interfaces beside lo whose packets are never held back. */
	GATE_INTERFACES_MAX = 8,
	GATE_IFNAME_MAX = 16,
};

/* Messages one behind the other; the caller's memory, aligned for a struct nlmsghdr. */
struct gate_batch {
	char *buf; /* GATE_MSG_MAX bytes */
	size_t len;
	uint32_t first_seq, seq; /* of the first and the last message */
};

/* Begins anew with number `seq`; all messages up to gate_batch_end() take effect together or not at all, and
 * the last one is acknowledged. */
void gate_batch_begin(struct gate_batch *b, char *buf, uint32_t seq);
void gate_batch_end(struct gate_batch *b);

/* The table with all that is in it, open.  It belongs to the socket that sends this, and goes with it. */
void gate_msg_make(struct gate_batch *b, const char interfaces[][GATE_IFNAME_MAX], size_t count);
/* Opens. */
void gate_msg_open(struct gate_batch *b);
/* Closes an open gate to `protocol` for so long. */
void gate_msg_close(struct gate_batch *b, uint8_t protocol, uint64_t timeout_ms);

/* One message that asks for the counter of packets held back; returns its length. */
size_t gate_msg_ask(char *buf, uint32_t seq);
/* The counter in the answer; false if it has none. */
bool gate_msg_counter(const struct nlmsghdr *nlh, uint64_t *packets);

#endif
