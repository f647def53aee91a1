/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: a server whose clients and owner do as the input says, and the client's
 * reader of answers.  There are no files: clients come as pairs of connected sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "fuzz.h"

enum { PEERS_MAX = 24, STEPS_MAX = 400 };

/* One client, seen from its side. */
struct peer {
	int fd;
	uint8_t request[4];
	size_t sent;
	struct ctl_reader reader;
	bool framed, known;
};

struct bench {
	struct ctl *ctl;
	struct loop loop;
	ms_t now;
	struct script s;
	struct peer peers[PEERS_MAX];
	size_t peers_count;
	int listen_fd;
	int backlog[PEERS_MAX]; /* ends that accept4() hands out */
	size_t backlog_count;
	struct ctl_client *held[CTL_CLIENTS_MAX]; /* requests that the owner has not finished */
	size_t held_count;
	uint64_t requests, gones;
};

static struct bench *bench; /* for the system calls below; NULL: they are not ours */

/* ---- in the place of the loop and the system ---- */

int
loop_add(struct loop *l, int fd, short events)
{
	CHECK(l->count < LOOP_FDS_MAX);
	l->fds[l->count] = (struct pollfd){.fd = fd, .events = events};
	return (int)l->count++;
}

short
loop_events(const struct loop *l, int index)
{
	return index < 0 ? 0 : l->fds[index].revents;
}

int __wrap_socket(int domain, int type, int protocol);
int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __real_listen(int fd, int backlog);
int __real_lstat(const char *path, struct stat *st);
int __real_unlink(const char *path);
int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_lstat(const char *path, struct stat *st);
int __wrap_lstat64(const char *path, struct stat *st);
int __wrap_unlink(const char *path);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_send(int fd, const void *data, size_t len, int flags);

static bool bound;

/* The only socket that the server opens is the one that it listens on. */
int
__wrap_socket(int domain, int type, int protocol)
{
	int fd = __real_socket(domain, type, protocol);

	if (bench != NULL)
		bench->listen_fd = fd;
	return fd;
}

int
__wrap_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (bench == NULL)
		return __real_bind(fd, addr, len);
	bound = true;
	return 0;
}

int
__wrap_listen(int fd, int backlog)
{
	return bench == NULL ? __real_listen(fd, backlog) : 0;
}

int
__wrap_lstat(const char *path, struct stat *st)
{
	if (bench == NULL)
		return __real_lstat(path, st);
	memset(st, 0, sizeof(*st));
	errno = ENOENT;
	return bound ? 0 : -1;
}

/* By this name where file offsets have 64 bits. */
int
__wrap_lstat64(const char *path, struct stat *st)
{
	return __wrap_lstat(path, st);
}

int
__wrap_unlink(const char *path)
{
	if (bench == NULL)
		return __real_unlink(path);
	CHECK(bound);
	bound = false;
	return 0;
}

int
__wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int first;

	if (bench == NULL)
		return __real_accept4(fd, addr, len, flags);
	if (bench->backlog_count == 0) {
		errno = EAGAIN;
		return -1;
	}
	first = bench->backlog[0];
	memmove(bench->backlog, bench->backlog + 1, --bench->backlog_count * sizeof(int));
	return first;
}

/* A socket that takes little at a time. */
ssize_t
__wrap_send(int fd, const void *data, size_t len, int flags)
{
	return __real_send(fd, data, bench != NULL && len > 3000 ? 3000 : len, flags);
}

/* ---- the owner ---- */

static void
forget(struct bench *b, const struct ctl_client *c)
{
	for (size_t i = 0; i < b->held_count; i++) {
		if (b->held[i] == c)
			b->held[i] = b->held[--b->held_count];
	}
}

/* One or two things that an owner may do. */
static void
act(struct bench *b, struct ctl_client *c)
{
	static const char text[CTL_CHUNK_MAX];
	uint8_t what = script_u8(&b->s);

	if (what & 1)
		(void)ctl_out(c, text, what & 2 ? (size_t)what * 64 : what);
	if (what & 4)
		(void)ctl_err(c, "%.*s", what, "no");
	if (what & 8)
		ctl_want_more(c);
	if (what & 16) {
		ctl_finish(c, what);
		CHECK(!ctl_out(c, text, 1));
		forget(b, c);
	}
}

static void
owner_request(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct bench *b = ctx;

	CHECK(ctl_request_known(job->request));
	CHECK(job->request != CTL_VERB || (job->words_len <= CTL_WORDS_MAX &&
		ctl_words_valid(job->words, job->words_len) && ctl_verb_find(job->words) != NULL));
	CHECK(b->held_count < CTL_CLIENTS_MAX);
	b->requests++;
	b->held[b->held_count++] = c;
	act(b, c);
}

static void
owner_more(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	static const char text[CTL_CHUNK_MAX];

	(void)job;
	/* So much always fits. */
	CHECK(ctl_out(c, text, sizeof(text)));
	act(ctx, c);
}

static void
owner_gone(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct bench *b = ctx;

	CHECK(ctl_request_known(job->request));
	b->gones++;
	forget(b, c);
}

/* ---- the clients ---- */

static void
drop_payload(void *ctx, enum ctl_frame type, const void *data, size_t len)
{
	(void)ctx;
	(void)data;
	CHECK(type == CTL_FRAME_OUT || type == CTL_FRAME_ERR);
	CHECK(len > 0 && len <= CTL_FRAME_PAYLOAD_MAX);
}

static void
peer_connect(struct bench *b)
{
	int fds[2];

	if (b->peers_count == PEERS_MAX || b->backlog_count == PEERS_MAX)
		return;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	b->peers[b->peers_count++] = (struct peer){.fd = fds[0]};
	b->backlog[b->backlog_count++] = fds[1];
}

static void
peer_send(struct bench *b, struct peer *p)
{
	uint8_t bytes[8] = {0};
	size_t len = script_u8(&b->s) % sizeof(bytes) + 1, got;
	uint8_t *data = script_bytes(&b->s, len, &got);
	uint32_t number;

	memcpy(bytes, data, got);
	free(data);
	if (__real_send(p->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		return;
	for (size_t i = 0; i < len && p->sent < sizeof(p->request); i++)
		p->request[p->sent++] = bytes[i];
	memcpy(&number, p->request, sizeof(number));
	p->framed = number & CTL_FRAMED;
	p->known = ctl_request_known(number & ~(uint32_t)CTL_FRAMED);
}

/* What comes makes sense to a client that asked for frames. */
static void
peer_receive(struct peer *p)
{
	uint8_t buf[4096];
	ssize_t n = recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0 || p->sent < sizeof(p->request)) {
		CHECK(n <= 0);
		return;
	}
	if (!p->framed) {
		CHECK(p->known);
		return;
	}
	CHECK(!p->reader.done);
	ctl_reader_feed(&p->reader, buf, (size_t)n, drop_payload, NULL);
	CHECK(!p->reader.bad);
	CHECK(!p->reader.done || p->known || p->reader.exit_code == 1);
}

static void
peer_close(struct bench *b, struct peer *p)
{
	close(p->fd);
	*p = b->peers[--b->peers_count];
}

/* ---- the turn ---- */

/* Every client either made a complete request, or is counted as one that did not. */
static void
check_counters(const struct bench *b, bool all_gone)
{
	const struct ctl_counters *n = ctl_counters(b->ctl);
	uint64_t judged = b->requests + n->unknown_request + n->read_failed;

	CHECK(b->gones <= b->requests);
	CHECK(b->held_count <= b->requests - b->gones);
	CHECK(judged <= n->accepted);
	CHECK(!all_gone || n->accepted - judged <= n->refused + n->timed_out);
	CHECK(n->accepted >= n->refused + n->timed_out);
}

static void
turn(struct bench *b)
{
	b->loop.count = 0;
	ctl_prepare(b->ctl, &b->loop);
	for (size_t i = 0; i < b->loop.count; i++) {
		struct pollfd *at = &b->loop.fds[i];

		at->revents = 0;
		if (at->fd == b->listen_fd)
			at->revents = b->backlog_count > 0 ? POLLIN : 0;
		else
			poll(at, 1, 0);
	}
	ctl_dispatch(b->ctl, &b->loop, b->now);
	CHECK(ctl_deadline(b->ctl).ms >= 0);
	check_counters(b, false);
}

static void
step(struct bench *b)
{
	uint8_t what = script_u8(&b->s);
	struct peer *p = b->peers_count > 0 ? &b->peers[(what >> 3) % b->peers_count] : NULL;

	switch (what & 7) {
	case 0:
		peer_connect(b);
		break;
	case 1:
		if (p != NULL)
			peer_send(b, p);
		break;
	case 2:
		if (p != NULL)
			peer_receive(p);
		break;
	case 3:
		if (p != NULL)
			peer_close(b, p);
		break;
	case 4:
		b->now.ms += (int64_t)1 << (what >> 3 & 15);
		break;
	case 5:
		if (b->held_count > 0)
			act(b, b->held[(what >> 3) % b->held_count]);
		break;
	case 6:
		if (p != NULL)
			shutdown(p->fd, SHUT_WR);
		break;
	case 7:
		if (p != NULL)
			peer_send(b, p);
		turn(b);
		break;
	}
}

static void
serve(const uint8_t *data, size_t size)
{
	struct bench b = {.now = {1000}, .s = {data, data + size}};
	const struct ctl_ops ops = {owner_request, owner_more, owner_gone, &b};

	bench = &b;
	bound = false;
	CHECK(ctl_open(&b.ctl, "nowhere", CTL_NO_GROUP, &ops) == 0);
	for (int i = 0; i < STEPS_MAX && script_more(&b.s); i++) {
		step(&b);
		turn(&b);
	}
	/* With everybody gone nothing is kept. */
	while (b.peers_count > 0)
		peer_close(&b, &b.peers[0]);
	while (b.held_count > 0) {
		struct ctl_client *c = b.held[0];

		ctl_finish(c, 0);
		forget(&b, c);
	}
	for (int i = 0; i < 8; i++) {
		b.now.ms += CTL_STALL_MS_MAX;
		turn(&b);
	}
	check_counters(&b, true);
	CHECK(b.gones == b.requests);
	CHECK(b.backlog_count == 0);
	CHECK(ctl_deadline(b.ctl).ms == MS_NEVER.ms);
	ctl_close(b.ctl);
	CHECK(!bound);
	bench = NULL;
}

/* ---- the reader ---- */

struct heard {
	uint64_t sum[CTL_FRAME_EXIT];
	size_t len[CTL_FRAME_EXIT];
};

static void
hear(void *ctx, enum ctl_frame type, const void *data, size_t len)
{
	struct heard *h = ctx;
	const uint8_t *p = data;

	CHECK(type == CTL_FRAME_OUT || type == CTL_FRAME_ERR);
	CHECK(len > 0);
	h->len[type] += len;
	for (size_t i = 0; i < len; i++)
		h->sum[type] = h->sum[type] * 31 + p[i];
}

/* The same, with all of it at hand. */
static void
check_answer(const uint8_t *p, size_t left, const struct ctl_reader *r, const struct heard *h)
{
	size_t len[CTL_FRAME_EXIT] = {0};
	bool bad = false, done = false;

	while (left >= CTL_FRAME_HEADER && !bad && !done) {
		size_t n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		uint8_t type = p[0];

		p += CTL_FRAME_HEADER;
		left -= CTL_FRAME_HEADER;
		if (type == CTL_FRAME_EXIT && n == 1) {
			done = left > 0;
			CHECK(!done || r->exit_code == p[0]);
			break;
		}
		bad = type != CTL_FRAME_OUT && type != CTL_FRAME_ERR;
		n = n < left ? n : left;
		if (!bad)
			len[type] += n;
		p += n;
		left -= n;
	}
	CHECK(r->bad == bad && r->done == done);
	CHECK(memcmp(len, h->len, sizeof(len)) == 0);
}

/* In pieces of any size it hears the same as in one. */
static void
read_answer(const uint8_t *data, size_t size)
{
	size_t piece = size > 0 ? (size_t)data[0] % 7 + 1 : 1;
	struct ctl_reader whole = {.have = 0}, parts = {.have = 0};
	struct heard a = {.len = {0}}, b = {.len = {0}};

	if (size == 0)
		return;
	ctl_reader_feed(&whole, data + 1, size - 1, hear, &a);
	for (size_t at = 1; at < size; at += piece) {
		struct script s = {data + at, data + size};
		size_t got;
		uint8_t *copy = script_bytes(&s, piece, &got);

		ctl_reader_feed(&parts, copy, got, hear, &b);
		free(copy);
	}
	CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	CHECK(whole.done == parts.done && whole.bad == parts.bad);
	CHECK(whole.exit_code == parts.exit_code && whole.left == parts.left);
	check_answer(data + 1, size - 1, &whole, &a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] & 1)
		read_answer(data + 1, size - 1);
	else if (size > 0)
		serve(data + 1, size - 1);
	return 0;
}
