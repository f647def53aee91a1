/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnl_recv.h: datagrams from the kernel, one or many with one system call.
 *
 * What another process has sent to one of our sockets is counted as foreign and passed over.
 */
#ifndef IO_CTNL_RECV_H
#define IO_CTNL_RECV_H

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "base.h"

enum {
	/* Datagrams that one system call takes. */
	CTNL_RECV_MAX = 64,
	/*
	 * Events and answers are one message of well under a page each.  The odd rest keeps the
	 * buffers from beginning in the same few sets of a processor's cache.
	 */
	CTNL_RECV_BUF = 4096 + 5 * 64,
};

/* What a system call has taken from a socket, one datagram after the other. */
struct ctnl_batch {
	unsigned int count, next; /* msgs[next..count) are still to be read */
	struct mmsghdr msgs[CTNL_RECV_MAX];
	struct iovec iovs[CTNL_RECV_MAX];
	struct sockaddr_nl from[CTNL_RECV_MAX];
	_Alignas(64) char bufs[CTNL_RECV_MAX][CTNL_RECV_BUF];
};

/* Makes an empty batch of zeros.  It points into itself: it must not be moved. */
void ctnl_batch_init(struct ctnl_batch *b);

/*
 * Takes at most `max` datagrams from a socket, in place of what the batch held.  Returns how many, fewer
 * only if no more wait or an error follows them, which the next call returns; -EAGAIN if none waits, or
 * another negative errno value.
 */
int ctnl_batch_fill(struct mnl_socket *nl, struct ctnl_batch *b, unsigned int max);

/*
 * The next datagram of a batch that has one: its first byte.  *len is its length in bytes, or 0 if it is to
 * be passed over: from another process, which is added to *foreign, or longer than its buffer, which
 * *too_long tells.
 */
const struct nlmsghdr *ctnl_batch_next(
    struct ctnl_batch *b, int *len, bool *too_long, uint64_t *foreign);

/*
 * Receives one datagram into buf[0..cap).  Returns its length, 0 for one to be passed over as in
 * ctnl_batch_next(), -EAGAIN if none waits, or another negative errno value.
 */
int ctnl_recv(struct mnl_socket *nl, void *buf, size_t cap, bool *too_long, uint64_t *foreign);

/*
 * Is there a whole message at `nlh`, of `len` bytes that are left?  libmnl's own test takes a length
 * of 2 GiB and more for a negative number, which is less than anything.
 */
static inline bool
ctnl_is_whole(const struct nlmsghdr *nlh, int len)
{
	return len >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	    nlh->nlmsg_len <= (uint32_t)len;
}

#endif
