/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "ctnl_recv.h"

enum {
	/* Answers to one batch: one to each message at the most. */
	ANSWERS_MAX = 64,
	ERRNO_MAX = 4095,
	ANSWER_MAX = 4096,
};

struct gate {
	struct mnl_socket *nl;
	uint32_t seq;     /* of the last message */
	uint64_t foreign; /* datagrams of other processes */
	_Alignas(8) char request[GATE_MSG_MAX];
	_Alignas(8) char answer[ANSWER_MAX];
};

int
gate_new(struct gate **out)
{
	struct gate *g = calloc(1, sizeof(*g));
	int on = 1, err = 0;

	if (g == NULL)
		return -ENOMEM;
	g->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	/* Errors without the message that they are about. */
	if (g->nl == NULL || mnl_socket_bind(g->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(g->nl, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		err = -errno;
	if (err != 0) {
		gate_free(g);
		return err;
	}
	*out = g;
	return 0;
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	if (g->nl != NULL)
		mnl_socket_close(g->nl);
	free(g);
}

/* ---- answers ---- */

struct exchange {
	uint32_t first_seq, last_seq;
	bool answered;
	int error; /* the first */
	uint64_t *packets; /* NULL: no counter is asked for */
};

static void
take_answer(const struct nlmsghdr *nlh, struct exchange *x)
{
	const struct nlmsgerr *e = (const void *)((const char *)nlh + MNL_NLMSG_HDRLEN);

	if (nlh->nlmsg_seq - x->first_seq > x->last_seq - x->first_seq)
		return;
	if (nlh->nlmsg_type != NLMSG_ERROR) {
		x->answered |= x->packets != NULL && gate_msg_counter(nlh, x->packets);
		return;
	}
	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*e))
		return;
	x->answered = true;
	if (x->error == 0 && e->error < 0)
		x->error = e->error >= -ERRNO_MAX ? e->error : -EPROTO;
}

/* The kernel has carried out, and answered, what it was sent when the call returns. */
static int
exchange(struct gate *g, size_t len, struct exchange *x)
{
	g->seq = x->last_seq;
	if (mnl_socket_sendto(g->nl, g->request, len) < 0)
		return -errno;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		const struct nlmsghdr *nlh = (const void *)g->answer;
		bool too_long;
		int got = ctnl_recv(g->nl, g->answer, sizeof(g->answer), &too_long, &g->foreign);

		if (got == -EAGAIN)
			break;
		if (got < 0)
			return got;
		for (; ctnl_is_whole(nlh, got); nlh = mnl_nlmsg_next(nlh, &got))
			take_answer(nlh, x);
	}
	if (x->error != 0)
		return x->error;
	return x->answered ? 0 : -ETIMEDOUT;
}

static int
run(struct gate *g, struct gate_batch *b)
{
	struct exchange x = {.first_seq = b->first_seq};

	gate_batch_end(b);
	x.last_seq = b->seq;
	return exchange(g, b->len, &x);
}

/* ---- what is asked for ---- */

int
gate_make(struct gate *g, const char interfaces[][GATE_IFNAME_MAX], size_t count)
{
	struct gate_batch b;

	gate_batch_begin(&b, g->request, g->seq + 1);
	gate_msg_make(&b, interfaces, count);
	return run(g, &b);
}

int
gate_close(struct gate *g, uint32_t timeout_ms, bool udp)
{
	struct gate_batch b;

	gate_batch_begin(&b, g->request, g->seq + 1);
	/* What is there already would keep the time that it has. */
	gate_msg_open(&b);
	gate_msg_close(&b, IPPROTO_TCP, timeout_ms);
	gate_msg_close(&b, IPPROTO_SCTP, timeout_ms);
	if (udp)
		gate_msg_close(&b, IPPROTO_UDP, timeout_ms);
	return run(g, &b);
}

int
gate_open(struct gate *g)
{
	struct gate_batch b;

	gate_batch_begin(&b, g->request, g->seq + 1);
	gate_msg_open(&b);
	return run(g, &b);
}

int
gate_held(struct gate *g, uint64_t *packets)
{
	struct exchange x = {
	    .first_seq = g->seq + 1, .last_seq = g->seq + 1, .packets = packets};

	return exchange(g, gate_msg_ask(g->request, x.first_seq), &x);
}
