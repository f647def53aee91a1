/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate.h: the takeover gate in the kernel: a table of nf_tables that, while closed, drops packets which belong
 * to no known flow and cannot begin one, so that their senders say it again.
 *
 * The table belongs to the netlink socket in struct gate (NFT_TABLE_F_OWNER, Linux 5.12): it is gone when the
 * socket is, in whatever way the process ends, and nobody else can change it.  It is there all the time, open;
 * closing it is putting protocols into a set, from which the kernel takes them when their time is up.  So it
 * opens also if this process does not come to it.  What is dropped is so before its entry is confirmed: none
 * is made.
 *
 * Calls block for as long as the kernel takes, return 0 or a negative errno value, and log nothing.
 */
#ifndef IO_GATE_H
#define IO_GATE_H

#include "gate_msg.h"

struct gate;

/* The socket.  *out is the caller's to free with gate_free(), which takes the table away. */
int gate_new(struct gate **out);
void gate_free(struct gate *g);

/*
 * Makes the table, open.  Packets that come in by lo or one of `interfaces` (names, of at most
 * GATE_INTERFACES_MAX) always pass.  -EPERM or -EEXIST: there is one already, of another socket or of
 * nobody's; -EINVAL or -EOPNOTSUPP: a kernel without nf_tables or without owners of tables.
 */
int gate_make(struct gate *g, const char interfaces[][GATE_IFNAME_MAX], size_t count);

/* Closes it for at most `timeout_ms`: to TCP and SCTP, and to UDP if that is wanted.  A gate that is closed is so
 * for that long from now. */
int gate_close(struct gate *g, uint32_t timeout_ms, bool udp);
/* Opens it, which it may be already. */
int gate_open(struct gate *g);
/* How many packets have been held back since the table was made. */
int gate_held(struct gate *g, uint64_t *packets);

#endif
