/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_tcp.c: dedicated links over TCP (doc/WIRE.md section 1.7).
 *
 * Each node listens, and connects to the other: two connections, each of which carries messages in
 * one direction, from who connected to who accepted.  A connection begins and ends with its messages:
 * what was cut at its end is thrown away here, and sent again whole by the other side.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link_ops.h"
#include "wire.h"

enum {
	RETRY_MS = 1000,        /* between two attempts to connect */
	CONNECT_MS = 3000,      /* so long one may take */
	UNHEARD_MS = 10 * 1000, /* nothing of what was sent is acknowledged: the connection is dead */
	BACKLOG = 8,
	ACCEPTS_MAX = 8,        /* in one step */
	READS_MAX = 8,          /* in one call */
	IN_MAX = 64 * 1024,
	QUEUE_MAX = 1 << 16,    /* whatever ErrorQueueLength says */
};

struct kept {
	uint8_t *data;
	size_t len;
};

struct stream {
	int listen_fd;
	int in_fd;     /* from the peer */
	int next_fd;   /* takes its place when it has been read to its end */
	int out_fd;    /* to the peer */
	bool connected;
	struct ip_addr in_addr, next_addr;
	ms_t listen_at;  /* not before: accepting fails, and would again at once */
	ms_t connect_at; /* not before */
	ms_t connect_until;
	struct kept *queue; /* a ring: datagrams that are not gone, the oldest first */
	size_t queue_max, head, count;
	size_t head_sent; /* bytes of the oldest that this connection has taken */
	size_t in_len;
	uint8_t in[IN_MAX]; /* begins with a message */
};

/* ---- datagrams that wait ---- */

static void
unkeep(struct stream *s)
{
	free(s->queue[s->head].data);
	s->queue[s->head].data = NULL;
	s->head = (s->head + 1) % s->queue_max;
	s->count--;
	s->head_sent = 0;
}

/* A full queue forgets its oldest, unless that is on its way. */
static int
keep(struct link *l, const void *buf, size_t len)
{
	struct stream *s = l->stream;
	uint8_t *copy;

	if (s->count == s->queue_max && s->head_sent == 0) {
		unkeep(s);
		l->counters.queue_dropped++;
		l->counters.sent_errors++;
	}
	copy = s->count < s->queue_max ? malloc(len > 0 ? len : 1) : NULL;
	if (copy == NULL) {
		l->counters.queue_dropped++;
		return -ENOBUFS;
	}
	memcpy(copy, buf, len);
	s->queue[(s->head + s->count++) % s->queue_max] = (struct kept){copy, len};
	return SEND_KEPT;
}

/* ---- the connection that we send on ---- */

static void
shut_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What it had taken in part is sent again from its beginning. */
static void
lose_out(struct link *l)
{
	struct stream *s = l->stream;

	shut_fd(&s->out_fd);
	s->connected = false;
	s->head_sent = 0;
}

/* What the connection has taken and not delivered would come late as well: it is cut off. */
static void
tcp_forget(struct link *l)
{
	struct stream *s = l->stream;
	const struct linger now = {.l_onoff = 1};

	if (s->out_fd >= 0)
		(void)setsockopt(s->out_fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	lose_out(l);
	while (s->count > 0)
		unkeep(s);
}

/* A peer that is gone without a word is to be noticed. */
static void
keep_alive(int fd)
{
	(void)link_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	(void)link_set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 5);
	(void)link_set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 2);
	(void)link_set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	(void)link_set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNHEARD_MS);
}

static void
begin_connect(struct link *l)
{
	struct stream *s = l->stream;

	s->connect_at = ms_add(l->now, RETRY_MS);
	s->connect_until = ms_add(l->now, CONNECT_MS);
	s->out_fd = socket(l->cfg.l3, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (s->out_fd < 0)
		return;
	link_set_buffer(s->out_fd, SO_SNDBUFFORCE, SO_SNDBUF, l->cfg.sndbuf);
	/* Datagrams are whole as they come: nothing is gained by waiting for more. */
	(void)link_set_int(s->out_fd, IPPROTO_TCP, TCP_NODELAY, 1);
	keep_alive(s->out_fd);
	if (link_bind_local(l, s->out_fd, 0) < 0 ||
	    (connect(s->out_fd, (const struct sockaddr *)&l->dest, l->dest_len) < 0 &&
		errno != EINPROGRESS))
		lose_out(l);
}

/* Has the connection come about, or failed? */
static void
end_connect(struct link *l)
{
	struct stream *s = l->stream;
	struct pollfd p = {.fd = s->out_fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int err = 0;

	if (poll(&p, 1, 0) != 1) {
		if (ms_reached(l->now, s->connect_until))
			lose_out(l);
		return;
	}
	if (getsockopt(s->out_fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err != 0) {
		lose_out(l);
		return;
	}
	s->connected = true;
	l->counters.connects++;
}

/* Nobody says anything here, but its end shows. */
static void
watch_out(struct link *l)
{
	uint8_t nothing[256];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(l->stream->out_fd, nothing, sizeof(nothing), 0);

		if (n > 0)
			continue;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			lose_out(l);
		return;
	}
}

/* Bytes taken; 0 if the socket is full, or the connection was lost. */
static size_t
put(struct link *l, const uint8_t *data, size_t len)
{
	ssize_t n = send(l->stream->out_fd, data, len, MSG_NOSIGNAL);

	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN && errno != EINTR)
		lose_out(l);
	return 0;
}

static void
flush(struct link *l)
{
	struct stream *s = l->stream;

	while (s->connected && s->count > 0) {
		const struct kept *k = &s->queue[s->head];
		size_t n = put(l, k->data + s->head_sent, k->len - s->head_sent);

		if (!s->connected || (n == 0 && k->len > 0))
			return;
		s->head_sent += n;
		if (s->head_sent < k->len)
			return;
		l->counters.sent_datagrams++;
		l->counters.sent_bytes += k->len;
		unkeep(s);
	}
}

static int
tcp_send(struct link *l, const void *buf, size_t len)
{
	struct stream *s = l->stream;
	size_t n = 0;
	int kept;

	flush(l);
	if (s->connected && s->count > 0)
		return -EAGAIN;
	if (s->connected) {
		n = put(l, buf, len);
		if (n == len)
			return 0;
		if (n == 0 && s->connected)
			return -EAGAIN;
	}
	kept = keep(l, buf, len);
	if (kept == SEND_KEPT && s->connected)
		s->head_sent = n;
	else if (s->connected)
		lose_out(l);
	return kept;
}

/* ---- the connection that we read ---- */

static void
lose_in(struct link *l)
{
	struct stream *s = l->stream;

	l->counters.recv_cut += s->in_len > 0;
	s->in_len = 0;
	shut_fd(&s->in_fd);
	s->in_fd = s->next_fd;
	s->in_addr = s->next_addr;
	s->next_fd = -1;
}

static bool
same(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The peer may begin anew at any time; whoever else is taken must not displace it. */
static bool
is_welcome(struct link *l, const struct ip_addr *from)
{
	const struct stream *s = l->stream;

	if (!same(from, &l->cfg.group) && s->in_fd >= 0 && !same(from, &s->in_addr)) {
		l->counters.recv_strangers++;
		l->stranger = *from;
		return false;
	}
	return link_source_allowed(l, from);
}

static void
accept_some(struct link *l)
{
	struct stream *s = l->stream;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct sockaddr_storage ss;
		struct peer_addr from = {0};
		socklen_t len = sizeof(ss);
		uint16_t port;
		int fd = accept4(s->listen_fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			l->counters.recv_errors++;
			s->listen_at = ms_add(l->now, RETRY_MS);
		}
		if (fd < 0)
			return;
		if (!link_from_sockaddr(&ss, &from, &port) || !is_welcome(l, &from.addr)) {
			close(fd);
			continue;
		}
		keep_alive(fd);
		/* What the old connection still holds comes first, if it is the peer's. */
		shut_fd(&s->next_fd);
		s->next_fd = fd;
		s->next_addr = from.addr;
		if (s->in_fd < 0 || !same(&s->in_addr, &from.addr))
			lose_in(l);
	}
}

/* The whole messages at the beginning of what has been read, as many as fit. */
static size_t
take(struct link *l, void *buf, size_t cap, bool *broken)
{
	struct stream *s = l->stream;
	size_t n = wire_whole(s->in, s->in_len, cap, broken);

	memcpy(buf, s->in, n);
	s->in_len -= n;
	memmove(s->in, s->in + n, s->in_len);
	return n;
}

static ssize_t
tcp_recv(struct link *l, void *buf, size_t cap, struct peer_addr *from, bool *own)
{
	struct stream *s = l->stream;

	(void)own;
	for (int i = 0;; i++) {
		bool broken = false;
		size_t whole = take(l, buf, cap, &broken);
		ssize_t n;

		if (whole > 0) {
			from->l3 = l->cfg.l3;
			from->addr = s->in_addr;
			if (same(&s->in_addr, &l->cfg.group))
				l->peer_heard = l->now;
			return (ssize_t)whole;
		}
		if (broken) {
			/* Nothing tells where the next message begins. */
			l->counters.recv_broken++;
			l->counters.recv_errors++;
			lose_in(l);
			continue;
		}
		/* Nothing whole stays behind when the reads are up. */
		if (s->in_fd < 0 || i >= READS_MAX)
			return -EAGAIN;
		n = recv(s->in_fd, s->in + s->in_len, sizeof(s->in) - s->in_len, 0);
		if (n > 0)
			s->in_len += (size_t)n;
		else if (n < 0 && (errno == EINTR || (errno == EAGAIN && s->next_fd < 0)))
			return -EAGAIN;
		else
			lose_in(l);
	}
}

/* ---- both ---- */

static int
open_listener(struct link *l, struct link_why *why)
{
	struct stream *s = l->stream;
	char text[INET6_ADDRSTRLEN];

	s->listen_fd = socket(l->cfg.l3, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (s->listen_fd < 0)
		return link_fail(why, errno, "opening the listening socket");
	/* Connections of the last process may still be remembered. */
	if (link_set_int(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return link_fail(why, errno, "sharing port %u", l->cfg.port);
	link_set_buffer(s->listen_fd, SO_RCVBUFFORCE, SO_RCVBUF, l->cfg.rcvbuf);
	if (link_bind_local(l, s->listen_fd, l->cfg.port) < 0 || listen(s->listen_fd, BACKLOG) < 0)
		return link_fail(why, errno, "binding to %s port %u on interface %s",
		    link_addr_text(l, &l->cfg.local, text), l->cfg.port, l->cfg.ifname);
	return 0;
}

static int
make_stream(struct link *l)
{
	uint32_t max = l->cfg.error_queue;
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->queue_max = max == 0 ? 1 : max < QUEUE_MAX ? max : QUEUE_MAX;
	s->queue = calloc(s->queue_max, sizeof(*s->queue));
	if (s->queue == NULL) {
		free(s);
		return -ENOMEM;
	}
	s->listen_fd = s->in_fd = s->next_fd = s->out_fd = -1;
	l->stream = s;
	return 0;
}

static void
tcp_close(struct link *l)
{
	struct stream *s = l->stream;

	if (s == NULL)
		return;
	shut_fd(&s->listen_fd);
	shut_fd(&s->next_fd);
	lose_in(l);
	lose_out(l);
}

static void
tcp_free(struct link *l)
{
	struct stream *s = l->stream;

	if (s == NULL)
		return;
	while (s->count > 0)
		unkeep(s);
	free(s->queue);
	free(s);
	l->stream = NULL;
}

static int
tcp_open(struct link *l, struct link_why *why)
{
	int err = l->stream != NULL ? 0 : make_stream(l);

	if (err < 0)
		return link_fail(why, -err, "making room for what waits");
	err = link_choose_interface(l, why);
	if (err == 0)
		err = open_listener(l, why);
	if (err == 0)
		l->dest_len = link_to_sockaddr(l, &l->cfg.group, l->cfg.port, &l->dest);
	return err;
}

static size_t
tcp_poll(const struct link *l, bool waiting, struct pollfd fds[LINK_FDS_MAX])
{
	const struct stream *s = l->stream;
	size_t n = 0;

	if (ms_reached(l->now, s->listen_at))
		fds[n++] = (struct pollfd){.fd = s->listen_fd, .events = POLLIN};
	if (s->in_fd >= 0)
		fds[n++] = (struct pollfd){.fd = s->in_fd, .events = POLLIN};
	if (s->out_fd >= 0) {
		short events = s->connected ? POLLIN : POLLOUT;

		if (s->count > 0 || waiting)
			events |= POLLOUT;
		fds[n++] = (struct pollfd){.fd = s->out_fd, .events = events};
	}
	return n;
}

static ms_t
tcp_deadline(const struct link *l)
{
	const struct stream *s = l->stream;
	ms_t at = s->out_fd < 0 ? s->connect_at : s->connected ? MS_NEVER : s->connect_until;

	if (!ms_reached(l->now, s->listen_at))
		at = ms_earlier(at, s->listen_at);
	return at;
}

static void
tcp_step(struct link *l)
{
	struct stream *s = l->stream;

	accept_some(l);
	if (s->connected)
		watch_out(l);
	if (s->out_fd >= 0 && !s->connected)
		end_connect(l);
	if (s->out_fd < 0 && ms_reached(l->now, s->connect_at))
		begin_connect(l);
	flush(l);
}

bool
link_connected(const struct link *l, bool *from_peer, bool *to_peer)
{
	const struct stream *s = l->stream;

	if (s == NULL)
		return false;
	*from_peer = s->in_fd >= 0;
	*to_peer = s->connected;
	return true;
}

size_t
link_queued(const struct link *l)
{
	return l->stream != NULL ? l->stream->count : 0;
}

const struct link_ops link_tcp_ops = {
    .header_ipv4 = 20 + 20,
    .header_ipv6 = 40 + 20,
    .open = tcp_open,
    .close = tcp_close,
    .recv = tcp_recv,
    .send = tcp_send,
    .poll = tcp_poll,
    .step = tcp_step,
    .deadline = tcp_deadline,
    .forget = tcp_forget,
    .free = tcp_free,
};
