/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnl_msg.h: conntrack netlink messages to struct flow and back.  Pure: no socket, no clock.
 */
#ifndef IO_CTNL_MSG_H
#define IO_CTNL_MSG_H

#include <libmnl/libmnl.h>

#include "kernel.h"

/* Bytes that one request can need at most (KOP_REPLACE: two messages). */
enum { CTNL_MSG_MAX = 2048 };

/*
 * Parses the attributes of one IPCTNL_MSG_CT_NEW or IPCTNL_MSG_CT_DELETE message, of which
 * nlh->nlmsg_len bytes are there to be read.  Returns false if it is malformed or lacks a complete
 * original tuple.  Unknown attributes are skipped.  The NAT bits are derived; a synproxy block of
 * zeros counts as absent.
 */
bool ctnl_msg_parse(const struct nlmsghdr *nlh, struct flow *out);

/* What the message says of the bytes, packets and times of its flow; zero where it says nothing. */
void ctnl_msg_usage(const struct nlmsghdr *nlh, struct kernel_usage *out);

/* Likewise for one IPCTNL_MSG_EXP_NEW or IPCTNL_MSG_EXP_DELETE message: an expectation with its master,
 * tuple and mask.  Names longer than there is room for are cut. */
bool ctnl_msg_parse_expect(const struct nlmsghdr *nlh, struct expect *out);

/*
 * Where byte i of flow_rare.labels stands in CTA_LABELS, which is an array of longs in the byte
 * order of the machine.
 */
static inline size_t
ctnl_label_byte(size_t i)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return i ^ (sizeof(long) - 1);
#else
	return i;
#endif
}

/*
 * Appends the message or messages for `op` to buf[0..cap), which is aligned to four bytes, and
 * returns the bytes used, 0 if they do not fit or the key has no layer 3 protocol.  The first has
 * sequence number `seq`, the second (REPLACE) `seq + 1`.  No NLM_F_ACK.
 *
 * What the kernel (6.18) answers to what can be in a flow:
 *
 *   CREATE  EEXIST if either tuple is taken in the zone, NAT included; EINVAL without a timeout,
 *           for an ICMP type that nothing answers, or for UDPLITE without ports; EOPNOTSUPP for a
 *           helper that it does not have for the protocol; ENOENT if the master is not there; EBUSY
 *           for DYING.  A timeout of 0 is accepted: the entry is gone at once.  Labels are passed
 *           over in silence if no rule in the namespace uses labels.
 *   UPDATE  ENOENT if there is no entry; EBUSY if the status lacks SEEN_REPLY or ASSURED where the
 *           entry has them, has DYING, or differs in EXPECTED; ENOSPC for labels on an entry
 *           without room for them; EPERM for a timeout on an entry of FIXED_TIMEOUT; EOPNOTSUPP for
 *           NAT or a master.
 *   both    SRC_NAT, DST_NAT, the NAT_DONE bits, SEQ_ADJUST, TEMPLATE, NAT_CLASH, OFFLOAD and
 *           HW_OFFLOAD in the status are passed over; HELPER and FIXED_TIMEOUT are set as given and
 *           never cleared.
 */
size_t ctnl_msg_build(const struct kernel_op *op, uint32_t seq, void *buf, size_t cap);

#endif
