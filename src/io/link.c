/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "link_ops.h"

/* Own and strangers' datagrams skipped in one call: a network full of them must not keep us here. */
enum { SKIP_MAX = 64 };

static const struct link_ops *const transports[] = {
    [LINK_MULTICAST] = &link_mcast_ops,
    [LINK_UDP] = &link_udp_ops,
    [LINK_TCP] = &link_tcp_ops,
};

int
link_fail(struct link_why *why, int err, const char *fmt, ...)
{
	size_t used;
	va_list ap;
	int n;

	if (why->text == NULL || why->len == 0)
		return -err;
	va_start(ap, fmt);
	n = vsnprintf(why->text, why->len, fmt, ap);
	va_end(ap);
	used = n < 0 ? 0 : (size_t)n;
	if (err != 0 && used < why->len)
		snprintf(why->text + used, why->len - used, ": %s", strerror(err));
	return -err;
}

/*
 * Any descriptor does for interface ioctls, but it has to be there: what is opened for each question (as
 * if_nametoindex() does) tells a process that is out of descriptors that its interface is gone.
 */
static int
interface_ioctl(const struct link *l, unsigned long request, struct ifreq *ifr)
{
	return ioctl(l->ask_fd, request, ifr) < 0 ? -errno : 0;
}

/* 0, and errno, if there is none of that name. */
static unsigned int
interface_index(const struct link *l)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, l->cfg.ifname, sizeof(ifr.ifr_name));
	return interface_ioctl(l, SIOCGIFINDEX, &ifr) < 0 ? 0 : (unsigned int)ifr.ifr_ifindex;
}

static int
interface_name(const struct link *l, unsigned int ifindex, char name[IF_NAMESIZE])
{
	struct ifreq ifr = {.ifr_ifindex = (int)ifindex};
	int err = interface_ioctl(l, SIOCGIFNAME, &ifr);

	if (err == 0)
		memcpy(name, ifr.ifr_name, IF_NAMESIZE);
	return err;
}

/* MTU of an interface or a negative errno value. */
static int
interface_mtu(const struct link *l, unsigned int ifindex)
{
	struct ifreq ifr = {0};
	int err = interface_name(l, ifindex, ifr.ifr_name);

	if (err == 0)
		err = interface_ioctl(l, SIOCGIFMTU, &ifr);
	return err < 0 ? err : ifr.ifr_mtu;
}

/* Sets the payload limit.  Where two interfaces are involved the datagrams have to fit both: they
 * leave through one, and the administrator named the other. */
static int
read_mtu(struct link *l)
{
	int header = l->cfg.l3 == L3_IPV6 ? l->ops->header_ipv6 : l->ops->header_ipv4;
	int mtu = interface_mtu(l, l->ifindex);
	int payload;

	if (mtu < 0)
		return mtu;
	if (l->out_ifindex != l->ifindex) {
		int other = interface_mtu(l, l->out_ifindex);

		if (other < 0)
			return other;
		if (other < mtu)
			mtu = other;
	}
	payload = mtu - header;
	if (payload < LINK_PAYLOAD_MIN)
		payload = LINK_PAYLOAD_MIN;
	if (payload > LINK_PAYLOAD_MAX)
		payload = LINK_PAYLOAD_MAX;
	l->payload_max = (size_t)payload;
	return 0;
}

static void
shut(struct link *l)
{
	l->ops->close(l);
	l->ifindex = 0;
	l->out_ifindex = 0;
}

static int
start(struct link *l, struct link_why *why)
{
	int err;

	l->ifindex = interface_index(l);
	if (l->ifindex == 0)
		return link_fail(why, errno, "interface %s", l->cfg.ifname);
	l->out_ifindex = l->ifindex;
	err = l->ops->open(l, why);
	l->rcvbuf = link_get_rcvbuf(l->recv_fd);
	if (err == 0) {
		err = read_mtu(l);
		if (err < 0)
			link_fail(why, -err, "reading the MTU of interface %s", l->cfg.ifname);
	}
	if (err < 0)
		shut(l);
	return err;
}

static void
release(struct link *l)
{
	if (l->ops->free != NULL)
		l->ops->free(l);
	if (l->ask_fd >= 0)
		close(l->ask_fd);
	free(l);
}

int
link_open(struct link **out, const struct link_cfg *cfg, char *why, size_t why_len)
{
	struct link_why w = {.text = why, .len = why_len};
	struct link *l;
	int err;

	ASSERT((size_t)cfg->transport < ARRAY_LEN(transports));
	ASSERT(cfg->l3 == L3_IPV4 || cfg->l3 == L3_IPV6);
	*out = NULL;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return link_fail(&w, ENOMEM, "interface %s", cfg->ifname);
	l->ops = transports[cfg->transport];
	l->cfg = *cfg;
	l->payload_max = LINK_PAYLOAD_MIN;
	l->send_fd = -1;
	l->recv_fd = -1;
	l->ask_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = l->ask_fd < 0 ? link_fail(&w, errno, "asking about interface %s", cfg->ifname) : start(l, &w);
	if (err < 0) {
		release(l);
		return err;
	}
	*out = l;
	return 0;
}

void
link_close(struct link *l)
{
	if (l == NULL)
		return;
	l->ops->close(l);
	release(l);
}

/* Indices count up: an interface that was created anew has another one.  An equal index means that
 * the interface under our sockets is still there. */
static bool
sockets_alive(const struct link *l)
{
	char name[IF_NAMESIZE];

	return l->ifindex != 0 && interface_index(l) == l->ifindex &&
	       interface_name(l, l->out_ifindex, name) == 0;
}

int
link_refresh(struct link *l, char *why, size_t why_len)
{
	struct link_why w = {.text = why, .len = why_len};
	int err;

	if (!sockets_alive(l)) {
		shut(l);
		return start(l, &w);
	}
	if (l->ops->deadline == link_datagrams_deadline)
		link_guard_count(l);
	err = read_mtu(l);
	if (err < 0)
		link_fail(&w, -err, "reading the MTU of interface %s", l->cfg.ifname);
	return err;
}

bool
link_is_guarded(const struct link *l)
{
	return l->guard.up;
}

size_t
link_rcvbuf(const struct link *l)
{
	return l->ifindex != 0 ? l->rcvbuf : 0;
}

int
link_recv_fd(const struct link *l)
{
	return l->recv_fd;
}

int
link_send_fd(const struct link *l)
{
	return l->send_fd;
}

size_t
link_poll(const struct link *l, bool waiting, struct pollfd fds[LINK_FDS_MAX])
{
	size_t n = 0;

	if (l->ifindex == 0)
		return 0;
	if (l->ops->poll != NULL)
		return l->ops->poll(l, waiting, fds);
	fds[n++] = (struct pollfd){.fd = l->recv_fd, .events = POLLIN};
	if (waiting)
		fds[n++] = (struct pollfd){.fd = l->send_fd, .events = POLLOUT};
	return n;
}

void
link_step(struct link *l, ms_t now)
{
	l->now = now;
	if (l->ops->step != NULL && l->ifindex != 0)
		l->ops->step(l);
}

ms_t
link_deadline(const struct link *l)
{
	return l->ops->deadline != NULL && l->ifindex != 0 ? l->ops->deadline(l) : MS_NEVER;
}

void
link_forget(struct link *l)
{
	if (l->ops->forget != NULL)
		l->ops->forget(l);
}

ssize_t
link_recv(struct link *l, void *buf, size_t cap, struct peer_addr *from)
{
	if (l->ifindex == 0)
		return -EAGAIN;
	for (int i = 0; i < SKIP_MAX; i++) {
		bool own = false;
		ssize_t n;

		memset(from, 0, sizeof(*from));
		n = l->ops->recv(l, buf, cap, from, &own);
		if (n == -EAGAIN || n == -EINTR)
			return -EAGAIN;
		if (n == -EPERM)
			continue;
		if (n < 0) {
			l->counters.recv_errors++;
			return n;
		}
		if (own) {
			l->counters.recv_own++;
			continue;
		}
		from->link = l->cfg.index;
		l->counters.recv_datagrams++;
		l->counters.recv_bytes += (uint64_t)n;
		return n;
	}
	return -EAGAIN;
}

/* A datagram was not sent; -EAGAIN if it can be later. */
static int
send_failed(struct link *l, int err)
{
	if (err == -EAGAIN || err == -EINTR)
		return -EAGAIN;
	l->counters.sent_errors++;
	/* The datagram may have been too long for an MTU that was changed. */
	if (err == -EMSGSIZE)
		(void)read_mtu(l);
	return err;
}

int
link_send(struct link *l, const void *buf, size_t len)
{
	int err = l->ifindex == 0 ? -ENETDOWN : l->ops->send(l, buf, len);

	if (err == SEND_KEPT)
		return 0;
	if (err < 0)
		return send_failed(l, err);
	l->counters.sent_datagrams++;
	l->counters.sent_bytes += len;
	return 0;
}

size_t
link_sends_max(const struct link *l)
{
	return l->ops->send_many != NULL ? LINK_SENDS_MAX : 1;
}

/* Those that leave at once; 0 if the first has to wait. */
static size_t
send_some(struct link *l, const struct iovec *datagrams, size_t count)
{
	int n;

	if (l->ops->send_many == NULL || count == 1 || l->ifindex == 0)
		return link_send(l, datagrams->iov_base, datagrams->iov_len) != -EAGAIN;
	n = l->ops->send_many(l, datagrams, count);
	if (n < 0)
		return send_failed(l, n) != -EAGAIN;
	for (int i = 0; i < n; i++)
		l->counters.sent_bytes += datagrams[i].iov_len;
	l->counters.sent_datagrams += (uint64_t)n;
	return (size_t)n;
}

size_t
link_send_many(struct link *l, const struct iovec *datagrams, size_t count)
{
	size_t done = 0, n = 1, max = l->payload_max;

	/* An error after some that were sent is that of the next call's first. */
	for (; done < count && n > 0 && l->payload_max == max; done += n)
		n = send_some(l, datagrams + done, count - done);
	return done;
}

size_t
link_payload_max(const struct link *l)
{
	return l->payload_max;
}

bool
link_is_elsewhere(const struct link *l, char name[IF_NAMESIZE])
{
	return l->out_ifindex != l->ifindex && interface_name(l, l->out_ifindex, name) == 0;
}

enum link_status
link_status(const struct link *l)
{
	struct ifreq ifr = {0};

	if (!link_is_elsewhere(l, ifr.ifr_name))
		memcpy(ifr.ifr_name, l->cfg.ifname, sizeof(ifr.ifr_name));
	if (interface_ioctl(l, SIOCGIFFLAGS, &ifr) < 0 || !(ifr.ifr_flags & IFF_UP))
		return LINK_DOWN;
	return ifr.ifr_flags & IFF_RUNNING ? LINK_RUNNING : LINK_NO_CARRIER;
}

struct peer_addr
link_stranger(const struct link *l)
{
	return (struct peer_addr){.link = l->cfg.index, .l3 = l->cfg.l3, .addr = l->stranger};
}

const struct link_cfg *
link_config(const struct link *l)
{
	return &l->cfg;
}

const struct link_counters *
link_counters(const struct link *l)
{
	return &l->counters;
}
