/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include "ctnl_filter.h"
#include "ctnl_msg.h"
#include "ctnl_recv.h"

enum {
	/* The kernel fills dump datagrams up to the size of the reader's buffer, at most 32 KiB. */
	DUMP_BUF = 64 * 1024,
	/* One sendmsg; below the default send buffer of the kernel. */
	REQUEST_BUF = 128 * 1024,
	/* Answers to one sendmsg: room for a flow for every op, at several kilobytes of kernel
	 * memory each. */
	ANSWER_RCVBUF = 4 * 1024 * 1024,
	/* The kernel has answered by the time sendmsg() returns; this is for one that has not. */
	ANSWER_WAIT_MS = 1000,
	/* Each op takes this many sequence numbers (REPLACE sends two messages). */
	SEQS_PER_OP = 2,
	/* Instructions of a socket filter, as many as the kernel takes. */
	FILTER_MAX = 4096,
	/* kernel_result.error while an exchange runs. */
	UNANSWERED = -1,
};

struct ctnl {
	struct mnl_socket *event;
	struct mnl_socket *dump; /* NULL if it could not be opened again */
	struct mnl_socket *write;
	uint32_t write_port;
	bool own_events;
	uint32_t rcvbuf;
	uint32_t rcvbuf_max;
	uint32_t dump_seq;
	bool dumping;
	bool dump_intr; /* a part of the answer had NLM_F_DUMP_INTR */
	uint32_t write_seq;
	struct ctnl_counters counters;
	/* Apart from each other, so that a callback may write. */
	struct ctnl_batch events;
	struct ctnl_batch answers;
	_Alignas(8) char dump_buf[DUMP_BUF];
	_Alignas(8) char request_buf[REQUEST_BUF];
};

static int
socket_open(struct mnl_socket **out)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		mnl_socket_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

/* True and the conntrack message type if `nlh` is a conntrack message that carries a flow. */
static bool
is_flow_message(const struct nlmsghdr *nlh, uint8_t *type)
{
	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_CTNETLINK)
		return false;
	*type = NFNL_MSG_TYPE(nlh->nlmsg_type);
	return *type == IPCTNL_MSG_CT_NEW || *type == IPCTNL_MSG_CT_DELETE;
}

/* The same for an expectation. */
static bool
is_expect_message(const struct nlmsghdr *nlh, uint8_t *type)
{
	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_CTNETLINK_EXP)
		return false;
	*type = NFNL_MSG_TYPE(nlh->nlmsg_type);
	return *type == IPCTNL_MSG_EXP_NEW || *type == IPCTNL_MSG_EXP_DELETE;
}

/*
 * The kernel takes a request of n bytes to mean 2n bytes of its own accounting, and tells 2n from
 * then on.  The configuration counts in what it tells (doc/WIRE.md 6.1).
 */
static int
rcvbuf_set(struct mnl_socket *nl, uint32_t bytes)
{
	const uint32_t most = INT32_MAX;
	int fd = mnl_socket_get_fd(nl);
	int half = (int)((bytes < most ? bytes : most) / 2);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof(half)) == 0)
		return 0;
	/* In a user namespace of its own a process may do all but exceed the system's limit. */
	if (errno == EPERM && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half)) == 0)
		return 0;
	return -errno;
}

static int
rcvbuf_get(struct mnl_socket *nl, uint32_t *out)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	if (getsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUF, &bytes, &len) < 0)
		return -errno;
	*out = bytes > 0 ? (uint32_t)bytes : 0;
	return 0;
}

static int
option_set(struct mnl_socket *nl, int option, int value)
{
	return mnl_socket_setsockopt(nl, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Filters run before the receive buffer is charged, so a commit of any size cannot overrun the event
 * socket. */
static int
filter_attach(struct ctnl *c, const struct filter *filter, bool addresses)
{
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog prog = {.filter = code};

	prog.len = (unsigned short)ctnl_filter_build(filter, addresses,
	    c->own_events ? 0 : c->write_port, code, ARRAY_LEN(code));
	if (prog.len == 0)
		return -E2BIG;
	if (setsockopt(mnl_socket_get_fd(c->event), SOL_SOCKET, SO_ATTACH_FILTER, &prog,
		sizeof(prog)) < 0)
		return -errno;
	return 0;
}

int
ctnl_filter_set(struct ctnl *c, const struct filter *filter)
{
	int err = filter_attach(c, filter, true);

	if (filter == NULL || filter->addr_polarity == FILTER_NONE)
		return err;
	/* Many addresses are more than the kernel takes. */
	if (err == -E2BIG || err == -ENOMEM) {
		err = filter_attach(c, filter, false);
		return err ? err : 1;
	}
	return err;
}

static int
event_open(struct ctnl *c, const struct ctnl_cfg *cfg)
{
	const int groups[] = {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE,
	    NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_EXP_NEW, NFNLGRP_CONNTRACK_EXP_UPDATE,
	    NFNLGRP_CONNTRACK_EXP_DESTROY};
	const size_t groups_count = cfg->expects ? ARRAY_LEN(groups) : 3;
	int err = socket_open(&c->event);

	if (!err && cfg->rcvbuf > 0)
		err = rcvbuf_set(c->event, cfg->rcvbuf);
	if (!err)
		err = rcvbuf_get(c->event, &c->rcvbuf);
	if (!err && cfg->reliable)
		err = option_set(c->event, NETLINK_BROADCAST_ERROR, 1);
	if (!err && cfg->reliable)
		err = option_set(c->event, NETLINK_NO_ENOBUFS, 1);
	if (!err)
		err = filter_attach(c, NULL, false);
	for (size_t i = 0; i < groups_count && !err && !cfg->no_events; i++)
		err = option_set(c->event, NETLINK_ADD_MEMBERSHIP, groups[i]);
	return err;
}

int
ctnl_open(struct ctnl **out, const struct ctnl_cfg *cfg)
{
	struct ctnl *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->rcvbuf_max = cfg->rcvbuf_max;
	c->own_events = cfg->own_events;
	ctnl_batch_init(&c->events);
	ctnl_batch_init(&c->answers);
	err = socket_open(&c->write);
	if (!err)
		err = rcvbuf_set(c->write, ANSWER_RCVBUF);
	if (!err)
		err = option_set(c->write, NETLINK_CAP_ACK, 1);
	if (!err) {
		c->write_port = mnl_socket_get_portid(c->write);
		err = event_open(c, cfg);
	}
	if (!err)
		err = socket_open(&c->dump);
	if (err) {
		ctnl_close(c);
		return err;
	}
	*out = c;
	return 0;
}

void
ctnl_close(struct ctnl *c)
{
	if (!c)
		return;
	if (c->event)
		mnl_socket_close(c->event);
	if (c->dump)
		mnl_socket_close(c->dump);
	if (c->write)
		mnl_socket_close(c->write);
	free(c);
}

int
ctnl_event_fd(const struct ctnl *c)
{
	return mnl_socket_get_fd(c->event);
}

int
ctnl_dump_fd(const struct ctnl *c)
{
	return c->dump ? mnl_socket_get_fd(c->dump) : -1;
}

static void
event_message(struct ctnl *c, const struct nlmsghdr *nlh, ctnl_event_fn fn, void *ctx)
{
	struct kernel_event ev;
	uint8_t type;

	if (is_expect_message(nlh, &type)) {
		ev.type = type == IPCTNL_MSG_EXP_DELETE ? KEV_EXPECT_DESTROY : KEV_EXPECT_NEW;
		ev.own = nlh->nlmsg_pid == c->write_port;
		if (ctnl_msg_parse_expect(nlh, &ev.expect))
			fn(ctx, &ev);
		else
			c->counters.events_bad++;
		return;
	}
	if (!is_flow_message(nlh, &type)) {
		c->counters.events_unknown++;
		return;
	}
	if (!ctnl_msg_parse(nlh, &ev.flow)) {
		c->counters.events_bad++;
		return;
	}
	ev.own = nlh->nlmsg_pid == c->write_port;
	memset(&ev.usage, 0, sizeof(ev.usage));
	if (type == IPCTNL_MSG_CT_DELETE) {
		ev.type = KEV_DESTROY;
		ctnl_msg_usage(nlh, &ev.usage);
	} else if (nlh->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL))
		ev.type = KEV_NEW;
	else
		ev.type = KEV_UPDATE;
	fn(ctx, &ev);
}

int
ctnl_read_events(struct ctnl *c, unsigned int max, ctnl_event_fn fn, void *ctx)
{
	struct ctnl_batch *b = &c->events;
	unsigned int count = 0;
	bool more = true;

	while (more && count < max && count < INT32_MAX - CTNL_RECV_MAX) {
		int got = ctnl_batch_fill(c->event, b, max - count);

		if (got == -EAGAIN)
			break;
		if (got < 0)
			return got;
		/* An error that follows what was read shows in poll(). */
		more = got == CTNL_RECV_MAX;
		count += (unsigned int)got;
		while (b->next < b->count) {
			bool too_long;
			int len;
			const struct nlmsghdr *nlh = ctnl_batch_next(b, &len, &too_long, &c->counters.foreign);

			for (; ctnl_is_whole(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
				event_message(c, nlh, fn, ctx);
			/* What is left is no message. */
			c->counters.events_bad += too_long || len > 0;
		}
	}
	return (int)count;
}

/* Throws the socket away and with it all that the kernel would still send. */
static void
dump_end(struct ctnl *c)
{
	mnl_socket_close(c->dump);
	c->dump = NULL;
	c->dumping = false;
	(void)socket_open(&c->dump);
}

/* Asks for everything of a subsystem. */
static int
dump_ask(struct ctnl *c, uint16_t type)
{
	char buf[MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg)];
	struct nfgenmsg *nfg;
	struct nlmsghdr *nlh;
	int err;

	if (c->dumping)
		return -EBUSY;
	if (!c->dump) {
		err = socket_open(&c->dump);
		if (err)
			return err;
	}
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++c->dump_seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = 0;
	if (mnl_socket_sendto(c->dump, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	c->dumping = true;
	c->dump_intr = false;
	return 0;
}

int
ctnl_dump_start(struct ctnl *c)
{
	return dump_ask(c, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET);
}

int
ctnl_dump_expects_start(struct ctnl *c)
{
	return dump_ask(c, (NFNL_SUBSYS_CTNETLINK_EXP << 8) | IPCTNL_MSG_EXP_GET);
}

/* The errno value, positive, that an NLMSG_ERROR or NLMSG_DONE message carries; 0 if none. */
static int
message_error(const struct nlmsghdr *nlh)
{
	int err;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(err))
		return 0;
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	return err < 0 && err > -4096 ? -err : 0;
}

/* Returns 1 if there is more to come, 0 at the end, or a negative errno value. */
static int
dump_message(struct ctnl *c, const struct nlmsghdr *nlh, ctnl_event_fn fn, void *ctx)
{
	struct kernel_event found;
	uint8_t type;
	int err;

	if (nlh->nlmsg_seq != c->dump_seq) {
		c->counters.dump_stray++;
		return 1;
	}
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		c->dump_intr = true;
	found.own = false;
	memset(&found.usage, 0, sizeof(found.usage));
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return 1;
	case NLMSG_ERROR:
		err = message_error(nlh);
		return err ? -err : -EPROTO;
	case NLMSG_DONE:
		err = message_error(nlh);
		return err ? -err : c->dump_intr ? -EINTR : 0;
	case NLMSG_OVERRUN:
		return -ENOBUFS;
	default:
		break;
	}
	if (is_expect_message(nlh, &type) && type == IPCTNL_MSG_EXP_NEW) {
		found.type = KEV_EXPECT_NEW;
		if (ctnl_msg_parse_expect(nlh, &found.expect))
			fn(ctx, &found);
		else
			c->counters.dump_bad++;
	} else if (!is_flow_message(nlh, &type) || type != IPCTNL_MSG_CT_NEW) {
		c->counters.dump_unknown++;
	} else if (!ctnl_msg_parse(nlh, &found.flow)) {
		c->counters.dump_bad++;
	} else {
		found.type = KEV_NEW;
		fn(ctx, &found);
	}
	return 1;
}

int
ctnl_dump_read(struct ctnl *c, unsigned int max, ctnl_event_fn fn, void *ctx)
{
	int state = 1;

	if (!c->dumping)
		return -EINVAL;
	for (unsigned int count = 0; count < max && state == 1; count++) {
		bool too_long;
		int len = ctnl_recv(c->dump, c->dump_buf, sizeof(c->dump_buf), &too_long,
		    &c->counters.foreign);
		const struct nlmsghdr *nlh = (const void *)c->dump_buf;

		if (len == -EAGAIN)
			break;
		if (len < 0)
			state = len;
		else if (too_long)
			state = -EMSGSIZE;
		c->counters.dump_bad += too_long;
		/* A callback may end the dump, which leaves the buffer alone but not the socket. */
		for (; state == 1 && c->dumping && ctnl_is_whole(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len))
			state = dump_message(c, nlh, fn, ctx);
		if (!c->dumping)
			return 0;
		c->counters.dump_bad += state == 1 && len > 0;
	}
	if (state == 0 || state == -EINTR)
		c->dumping = false;
	else if (state < 0)
		dump_end(c);
	return state;
}

void
ctnl_dump_cancel(struct ctnl *c)
{
	if (c->dumping)
		dump_end(c);
}

/* What is known about the ops of one sendmsg. */
struct exchange {
	const struct kernel_op *ops;
	struct kernel_result *res;
	size_t count;
	uint32_t seq;	   /* of the first op */
	uint32_t last_seq; /* of the message that asks for an acknowledgement */
	bool finished;	   /* the last message was acknowledged, one way or the other */
};

static bool
asks_for_flow(const struct kernel_op *op)
{
	return op->type == KOP_GET || op->type == KOP_GET_REPLY;
}

/* One answer: which op is it for, and what does it say? */
static void
answer_message(struct ctnl *c, const struct nlmsghdr *nlh, struct exchange *x)
{
	uint32_t offset = nlh->nlmsg_seq - x->seq;
	size_t i = offset / SEQS_PER_OP;
	struct kernel_result *res;
	uint8_t type;

	/* A late answer to an earlier exchange is nobody's. */
	if (i >= x->count) {
		c->counters.answers_stray++;
		return;
	}
	res = &x->res[i];
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		int err = message_error(nlh);
		bool first_half = x->ops[i].type == KOP_REPLACE && offset % SEQS_PER_OP == 0;

		/* Nothing to delete is fine for a REPLACE, and anything worse shows again when
		 * the second half comes. */
		if (err && !first_half)
			res->error = err;
		if (nlh->nlmsg_seq == x->last_seq)
			x->finished = true;
		return;
	}
	if (!asks_for_flow(&x->ops[i]) || !is_flow_message(nlh, &type) ||
	    type != IPCTNL_MSG_CT_NEW) {
		c->counters.answers_bad++;
		return;
	}
	if (!ctnl_msg_parse(nlh, &res->flow)) {
		c->counters.answers_bad++;
		res->error = EBADMSG;
	} else if (x->ops[i].type == KOP_GET_REPLY ||
	    flow_key_equal(&res->flow.key, &x->ops[i].flow.key)) {
		res->has_flow = true;
		res->error = 0;
	} else {
		/* The kernel also finds entries by their reply tuple: that is another flow. */
		res->error = ENOENT;
	}
}

/* Reads answers until the last message has its own.  0, or a negative errno value if some were
 * lost. */
static int
answers_read(struct ctnl *c, struct exchange *x)
{
	/* Each message has at most a flow and an acknowledgement; the rest is for late ones. */
	const unsigned int most = 8 * CTNL_BATCH_MAX;
	struct ctnl_batch *b = &c->answers;
	bool waited = false;
	int lost = 0;

	for (unsigned int count = 0; count < most && !x->finished; count++) {
		int len = b->next < b->count ? 0 : ctnl_batch_fill(c->write, b, CTNL_RECV_MAX);
		const struct nlmsghdr *nlh;
		bool too_long;

		if (len == -EAGAIN) {
			struct pollfd pfd = {.fd = mnl_socket_get_fd(c->write), .events = POLLIN};

			if (lost || waited || poll(&pfd, 1, ANSWER_WAIT_MS) <= 0)
				return lost ? lost : -ETIMEDOUT;
			waited = true;
			continue;
		}
		if (len == -ENOBUFS) {
			/* Answers were dropped, but those before them are still queued. */
			lost = len;
			continue;
		}
		if (len < 0)
			return len;
		nlh = ctnl_batch_next(b, &len, &too_long, &c->counters.foreign);
		for (; ctnl_is_whole(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			answer_message(c, nlh, x);
		c->counters.answers_bad += too_long || len > 0;
	}
	return x->finished ? lost : -ETIMEDOUT;
}

/* Sends `len` bytes of requests and fills in what they came to. */
static int
exchange_run(struct ctnl *c, struct exchange *x, size_t len, struct nlmsghdr *last)
{
	int err;

	last->nlmsg_flags |= NLM_F_ACK;
	x->last_seq = last->nlmsg_seq;
	x->finished = false;
	for (size_t i = 0; i < x->count; i++)
		x->res[i].error = UNANSWERED;
	if (mnl_socket_sendto(c->write, c->request_buf, len) < 0)
		err = -errno;
	else
		err = answers_read(c, x);
	/* Silence means done, as long as the final acknowledgement came and none was lost: but a
	 * GET owes us a flow. */
	for (size_t i = 0; i < x->count; i++) {
		if (x->res[i].error != UNANSWERED)
			continue;
		if (err)
			x->res[i].error = -err;
		else
			x->res[i].error = asks_for_flow(&x->ops[i]) ? ENOENT : 0;
	}
	return err;
}

/* The last of the messages at `first`, which are `len` bytes long. */
static struct nlmsghdr *
last_message(void *first, size_t len)
{
	struct nlmsghdr *nlh = first;

	while (nlh->nlmsg_len < len) {
		len -= nlh->nlmsg_len;
		nlh = (void *)((char *)nlh + nlh->nlmsg_len);
	}
	return nlh;
}

int
ctnl_write(struct ctnl *c, const struct kernel_op *ops, size_t n, struct kernel_result *res)
{
	int err = 0;

	ASSERT(n <= CTNL_BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		res[i].cookie = ops[i].cookie;
		res[i].error = 0;
		res[i].has_flow = false;
	}
	for (size_t done = 0; done < n;) {
		struct exchange x = {.ops = ops + done, .res = res + done, .seq = c->write_seq};
		struct nlmsghdr *last = NULL;
		size_t len = 0;

		/* An op that makes no message ends the run; it is next then, and refused below. */
		while (done + x.count < n && len + CTNL_MSG_MAX <= REQUEST_BUF) {
			size_t bytes =
			    ctnl_msg_build(&x.ops[x.count], x.seq + SEQS_PER_OP * (uint32_t)x.count,
				c->request_buf + len, CTNL_MSG_MAX);

			if (bytes == 0)
				break;
			last = last_message(c->request_buf + len, bytes);
			len += bytes;
			x.count++;
		}
		if (x.count == 0) {
			res[done++].error = EINVAL;
			continue;
		}
		c->write_seq += SEQS_PER_OP * (uint32_t)x.count;
		if (!err) {
			err = exchange_run(c, &x, len, last);
		} else {
			for (size_t i = 0; i < x.count; i++)
				x.res[i].error = -err;
		}
		done += x.count;
	}
	return err;
}

uint32_t
ctnl_rcvbuf(const struct ctnl *c)
{
	return c->rcvbuf;
}

bool
ctnl_rcvbuf_grow(struct ctnl *c)
{
	uint32_t before = c->rcvbuf;

	if (before > c->rcvbuf_max / 2)
		return false;
	if (rcvbuf_set(c->event, before * 2) < 0 || rcvbuf_get(c->event, &c->rcvbuf) < 0)
		return false;
	return c->rcvbuf > before;
}

int
ctnl_rcvbuf_set(struct ctnl *c, uint32_t rcvbuf, uint32_t rcvbuf_max)
{
	int err = 0;

	c->rcvbuf_max = rcvbuf_max;
	if (rcvbuf > 0)
		err = rcvbuf_set(c->event, rcvbuf);
	if (!err)
		err = rcvbuf_get(c->event, &c->rcvbuf);
	return err;
}

const struct ctnl_counters *
ctnl_counters(const struct ctnl *c)
{
	return &c->counters;
}

int
ctnl_events_always(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_events", O_RDWR | O_CLOEXEC);
	char value[4] = "";
	int r = 0;

	if (fd < 0)
		return -errno;
	if (read(fd, value, sizeof(value) - 1) < 0)
		r = -errno;
	else if (value[0] == '0')
		r = -ENODATA;
	else if (value[0] == '2')
		r = pwrite(fd, "1", 1, 0) == 1 ? 1 : -errno;
	close(fd);
	return r;
}

/* A number in /proc/sys; -1 if it cannot be read. */
static int64_t
read_number(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[24] = "";
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 && text[0] >= '0' && text[0] <= '9' ? strtoll(text, NULL, 10) : -1;
}

uint32_t
ctnl_flows_max(void)
{
	int64_t value = read_number("/proc/sys/net/netfilter/nf_conntrack_max");

	return value < 0 ? 0 : value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

int64_t
ctnl_flows_count(void)
{
	return read_number("/proc/sys/net/netfilter/nf_conntrack_count");
}
