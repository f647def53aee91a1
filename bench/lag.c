/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lag.c: makes flows in this namespace's kernel and watches them arrive in another's.  Without a rate,
 * each waits for the one before it.
 */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tool.h"

enum { EVENT_RCVBUF = 32 << 20 };

#define SECOND_NS 1000000000u

struct lag {
	const struct options *o;
	int requests, events;
	uint64_t *made_ns;  /* when each flow was asked for */
	uint64_t *took_ns;  /* how long until it was seen; 0: not yet */
	uint64_t made, seen;
	uint64_t errors;
};

static void
lag_make(struct lag *l)
{
	char buf[REQUEST_MAX];
	size_t len = request_put(buf, OP_CREATE, l->o->first + l->made, l->o);

	l->made_ns[l->made++] = now_ns();
	l->errors += requests_send(l->requests, buf, len);
}

/* Reads what waits. */
static void
lag_read(struct lag *l)
{
	char buf[8192];
	ssize_t got;

	while ((got = recv(l->events, buf, sizeof(buf), MSG_DONTWAIT)) > 0 || errno == ENOBUFS) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		uint64_t now = now_ns(), id;
		int len = (int)got;

		if (got < 0) {
			l->errors++;
			continue;
		}
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (!event_flow(nlh, &id) || id < l->o->first || id - l->o->first >= l->made)
				continue;
			id -= l->o->first;
			if (!l->took_ns[id])
				l->seen++;
			if (!l->took_ns[id])
				l->took_ns[id] = now - l->made_ns[id];
		}
	}
}

/* Reads until that time, or until all that were made have been seen. */
static void
lag_watch(struct lag *l, uint64_t until_ns, bool all)
{
	struct pollfd wait = {.fd = l->events, .events = POLLIN};

	for (;;) {
		uint64_t now = now_ns();
		struct timespec left;

		if (stopped || now >= until_ns || (all && l->seen == l->made))
			return;
		left.tv_sec = (time_t)((until_ns - now) / SECOND_NS);
		left.tv_nsec = (long)((until_ns - now) % SECOND_NS);
		if (ppoll(&wait, 1, &left, NULL) > 0)
			lag_read(l);
	}
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double
quantile_us(const struct lag *l, double q)
{
	size_t i = (size_t)(q * (double)l->seen);

	return l->seen ? (double)l->took_ns[i < l->seen ? i : l->seen - 1] / 1e3 : 0;
}

static void
lag_report(struct lag *l)
{
	uint64_t i, n = 0;

	for (i = 0; i < l->made; i++) {
		if (l->took_ns[i])
			l->took_ns[n++] = l->took_ns[i];
	}
	qsort(l->took_ns, n, sizeof(*l->took_ns), by_size);
	printf("{\"done\": %llu, \"lost\": %llu, \"errors\": %llu, \"p50_us\": %.3f, \"p90_us\": %.3f, "
	    "\"p99_us\": %.3f, \"p999_us\": %.3f, \"max_us\": %.3f}\n",
	    (unsigned long long)l->made, (unsigned long long)(l->made - l->seen),
	    (unsigned long long)l->errors, quantile_us(l, 0.5), quantile_us(l, 0.9), quantile_us(l, 0.99),
	    quantile_us(l, 0.999), quantile_us(l, 1));
}

int
cmd_lag(const struct options *o)
{
	struct lag l = {.o = o, .requests = ctnl_socket(0, 1 << 20)};
	uint64_t start;

	l.events = ctnl_socket_in(o->netns, NF_NETLINK_CONNTRACK_NEW, EVENT_RCVBUF);
	l.made_ns = calloc(o->count, sizeof(*l.made_ns));
	l.took_ns = calloc(o->count, sizeof(*l.took_ns));
	if (!l.made_ns || !l.took_ns)
		die("no memory");
	stop_on_signals();
	say_ready();
	start = now_ns();
	while (l.made < o->count && !stopped && (double)(now_ns() - start) < o->seconds * 1e9) {
		if (o->rate)
			lag_watch(&l, start + l.made * SECOND_NS / o->rate, false);
		lag_make(&l);
		if (!o->rate)
			lag_watch(&l, now_ns() + SECOND_NS, true);
		else if (l.made % 64 == 0)
			lag_read(&l);
	}
	/* What was lost may yet be made up for. */
	lag_watch(&l, now_ns() + 3 * (uint64_t)SECOND_NS, true);
	lag_report(&l);
	free(l.made_ns);
	free(l.took_ns);
	return 0;
}
