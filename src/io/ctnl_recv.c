/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctnl_recv.h"

#include <errno.h>

/* The length of a datagram that was received, or 0 if it is to be passed over. */
static int
judge(const struct msghdr *msg, size_t len, bool *too_long, uint64_t *foreign)
{
	const struct sockaddr_nl *from = msg->msg_name;

	*too_long = false;
	if (msg->msg_namelen != sizeof(*from) || from->nl_pid != 0) {
		++*foreign;
		return 0;
	}
	if (msg->msg_flags & MSG_TRUNC) {
		*too_long = true;
		return 0;
	}
	return (int)len;
}

void
ctnl_batch_init(struct ctnl_batch *b)
{
	for (unsigned int i = 0; i < CTNL_RECV_MAX; i++) {
		b->iovs[i] = (struct iovec){.iov_base = b->bufs[i], .iov_len = CTNL_RECV_BUF};
		b->msgs[i].msg_hdr = (struct msghdr){
		    .msg_name = &b->from[i],
		    .msg_namelen = sizeof(b->from[i]),
		    .msg_iov = &b->iovs[i],
		    .msg_iovlen = 1,
		};
	}
}

/*
 * After a loss the kernel drops whatever comes until somebody receives and the queue is empty then.
 * recvmmsg() tells of the loss before it receives anything: if the queue has been emptied meanwhile,
 * nothing would ever become ready again.
 */
static void
resume(struct mnl_socket *nl)
{
	struct msghdr nothing = {.msg_iov = NULL};

	(void)recvmsg(mnl_socket_get_fd(nl), &nothing, MSG_PEEK | MSG_DONTWAIT);
}

int
ctnl_batch_fill(struct mnl_socket *nl, struct ctnl_batch *b, unsigned int max)
{
	unsigned int most = max < CTNL_RECV_MAX ? max : CTNL_RECV_MAX;
	int n;

	/* What the last call used is as it was before. */
	for (unsigned int i = 0; i < b->count; i++)
		b->msgs[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
	b->next = b->count = 0;
	do
		n = recvmmsg(mnl_socket_get_fd(nl), b->msgs, most, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		int err = n < 0 ? -errno : -EAGAIN;

		if (err == -ENOBUFS)
			resume(nl);
		return err;
	}
	b->count = (unsigned int)n;
	return n;
}

const struct nlmsghdr *
ctnl_batch_next(struct ctnl_batch *b, int *len, bool *too_long, uint64_t *foreign)
{
	unsigned int i = b->next++;

	*len = judge(&b->msgs[i].msg_hdr, b->msgs[i].msg_len, too_long, foreign);
	return (const void *)b->bufs[i];
}

int
ctnl_recv(struct mnl_socket *nl, void *buf, size_t cap, bool *too_long, uint64_t *foreign)
{
	struct sockaddr_nl from = {.nl_family = AF_NETLINK};
	struct iovec iov = {.iov_base = buf, .iov_len = cap};
	struct msghdr msg = {
	    .msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	};
	ssize_t len;

	*too_long = false;
	do
		len = recvmsg(mnl_socket_get_fd(nl), &msg, MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	return judge(&msg, (size_t)len, too_long, foreign);
}
