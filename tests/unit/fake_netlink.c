/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_netlink.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include "base.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#endif

enum { QUEUE_MAX = 64, FD_FIRST = 5000 };

struct datagram {
	uint32_t from;
	size_t len;
	void *data;
};

struct mnl_socket {
	struct datagram queue[QUEUE_MAX];
	size_t head, count;
	bool lossy; /* nothing gets into the queue */
	bool lost;  /* and that is to be told */
};

static struct {
	struct mnl_socket sockets[FAKE_SOCKETS];
	unsigned int opened;
	fake_sent_fn sent;
	void *ctx;
} fake;

static void
drop_all(struct mnl_socket *nl)
{
	for (; nl->count > 0; nl->count--, nl->head++)
		free(nl->queue[nl->head % QUEUE_MAX].data);
}

void
fake_netlink_reset(void)
{
	for (int i = 0; i < FAKE_SOCKETS; i++)
		drop_all(&fake.sockets[i]);
	memset(&fake, 0, sizeof(fake));
}

void
fake_netlink_push(enum fake_socket s, uint32_t from_port, const void *data, size_t len)
{
	struct mnl_socket *nl = &fake.sockets[s];
	struct datagram *d = &nl->queue[(nl->head + nl->count) % QUEUE_MAX];

	if (nl->lossy)
		return;
	ASSERT(nl->count < QUEUE_MAX);
	*d = (struct datagram){.from = from_port, .len = len, .data = malloc(len > 0 ? len : 1)};
	ASSERT(d->data != NULL);
	if (len > 0)
		memcpy(d->data, data, len);
	nl->count++;
}

void
fake_netlink_overrun(enum fake_socket s)
{
	fake.sockets[s].lossy = true;
	fake.sockets[s].lost = true;
}

size_t
fake_netlink_waiting(enum fake_socket s)
{
	return fake.sockets[s].count;
}

void
fake_netlink_on_sent(fake_sent_fn fn, void *ctx)
{
	fake.sent = fn;
	fake.ctx = ctx;
}

/* ---- in the place of libmnl ---- */

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid);
unsigned int __wrap_mnl_socket_get_portid(const struct mnl_socket *nl);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *nl);
int __wrap_mnl_socket_close(struct mnl_socket *nl);
int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);

/* ctnl_open() opens the write, the event and the dump socket; later the last one anew. */
struct mnl_socket *
__wrap_mnl_socket_open2(int bus, int flags)
{
	unsigned int no = fake.opened < FAKE_DUMP ? fake.opened : FAKE_DUMP;

	(void)bus;
	(void)flags;
	fake.opened++;
	return &fake.sockets[no];
}

int
__wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

unsigned int
__wrap_mnl_socket_get_portid(const struct mnl_socket *nl)
{
	return FAKE_WRITE_PORT + (unsigned int)(nl - fake.sockets);
}

int
__wrap_mnl_socket_get_fd(const struct mnl_socket *nl)
{
	return FD_FIRST + (int)(nl - fake.sockets);
}

int
__wrap_mnl_socket_close(struct mnl_socket *nl)
{
	drop_all(nl);
	return 0;
}

int
__wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	(void)nl;
	(void)type;
	(void)buf;
	(void)len;
	return 0;
}

ssize_t
__wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	if (fake.sent != NULL)
		fake.sent(fake.ctx, (enum fake_socket)(nl - fake.sockets), buf, len);
	return (ssize_t)len;
}

/* ---- in the place of the system ---- */

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags,
    struct timespec *limit);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct mnl_socket *nl = &fake.sockets[fd - FD_FIRST];
	struct sockaddr_nl from = {.nl_family = AF_NETLINK};
	struct iovec *iov = msg->msg_iov;
	struct datagram *d;
	size_t len;

	if (nl->lost) {
		nl->lost = false;
		nl->lossy = nl->count > 0;
		errno = ENOBUFS;
		return -1;
	}
	if (nl->count == 0) {
		nl->lossy = false;
		errno = EAGAIN;
		return -1;
	}
	if (flags & MSG_PEEK)
		return 0;
	ASAN_UNPOISON_MEMORY_REGION(iov->iov_base, iov->iov_len);
	d = &nl->queue[nl->head % QUEUE_MAX];
	len = d->len < iov->iov_len ? d->len : iov->iov_len;
	memcpy(iov->iov_base, d->data, len);
	ASAN_POISON_MEMORY_REGION((char *)iov->iov_base + len, iov->iov_len - len);
	msg->msg_flags = d->len > iov->iov_len ? MSG_TRUNC : 0;
	from.nl_pid = d->from;
	memcpy(msg->msg_name, &from, sizeof(from));
	msg->msg_namelen = sizeof(from);
	free(d->data);
	nl->head++;
	nl->count--;
	nl->lossy = nl->lossy && nl->count > 0;
	return (ssize_t)len;
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags, struct timespec *limit)
{
	struct mnl_socket *nl = &fake.sockets[fd - FD_FIRST];

	(void)limit;
	/* As the kernel has it: nothing is received then. */
	if (nl->lost) {
		nl->lost = false;
		errno = ENOBUFS;
		return -1;
	}
	for (unsigned int i = 0; i < count; i++) {
		ssize_t len = __wrap_recvmsg(fd, &msgs[i].msg_hdr, flags);

		if (len < 0) {
			nl->lost = i > 0 && errno == ENOBUFS;
			return i > 0 ? (int)i : -1;
		}
		msgs[i].msg_len = (unsigned int)len;
	}
	return (int)count;
}

int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)name;
	(void)value;
	(void)len;
	return 0;
}

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	const int bytes = 65536;

	(void)fd;
	(void)level;
	(void)name;
	memcpy(value, &bytes, sizeof(bytes));
	*len = sizeof(bytes);
	return 0;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	(void)timeout_ms;
	return count == 1 && fake.sockets[fds[0].fd - FD_FIRST].count > 0;
}
