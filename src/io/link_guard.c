/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_guard.c: a flood of datagrams that are of no use is kept out by the kernel.
 *
 * A few of them are read, counted and named as what they are.  Thousands in a second would take a
 * processor and the receive buffer from the peer: then a filter goes to the socket, which drops them
 * before they take up any of the buffer.  It lets pass what begins like a message, of a peer that is
 * known by its address only what comes from there.  After a while it is taken away again, to see whether
 * they still come.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "link_ops.h"
#include "wire.h"

enum {
	UDP_HEADER = 8, /* a filter on a UDP socket sees that first */
	IPV4_SOURCE = 12,
	IPV6_SOURCE = 8,
	VERSION_SHIFT = 4,
	PASS = 0x40000, /* bytes: all of it */
	PROGRAM_MAX = 32,
};

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short len;
};

static void
emit(struct program *p, uint16_t op, uint32_t k)
{
	ASSERT(p->len < PROGRAM_MAX);
	p->code[p->len++] = (struct sock_filter){.code = op, .k = k};
}

/* If the comparison fails the datagram is dropped: one instruction later. */
static void
demand(struct program *p, uint16_t compare, uint32_t k)
{
	emit(p, (uint16_t)(BPF_JMP | compare | BPF_K), k);
	p->code[p->len - 1].jt = 1;
	emit(p, BPF_RET | BPF_K, 0);
}

static uint32_t
word_of(const struct ip_addr *a, size_t i)
{
	const uint8_t *b = a->b + 4 * i;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void
demand_source(struct program *p, const struct link *l)
{
	bool v6 = l->cfg.l3 == L3_IPV6;
	uint32_t at = (uint32_t)SKF_NET_OFF + (v6 ? IPV6_SOURCE : IPV4_SOURCE);

	for (uint32_t i = 0; i < (v6 ? 4u : 1u); i++) {
		emit(p, BPF_LD | BPF_W | BPF_ABS, at + 4 * i);
		demand(p, BPF_JEQ, word_of(&l->cfg.group, i));
	}
}

/* The header of the first message.  A load from beyond the end drops the datagram by itself. */
static void
demand_message(struct program *p)
{
	emit(p, BPF_LD | BPF_B | BPF_ABS, UDP_HEADER);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, VERSION_SHIFT);
	demand(p, BPF_JEQ, WIRE_VERSION);
	emit(p, BPF_LD | BPF_W | BPF_ABS, UDP_HEADER + 4);
	emit(p, BPF_LD | BPF_H | BPF_ABS, UDP_HEADER + 2);
	demand(p, BPF_JGE, WIRE_HEADER);
	emit(p, BPF_MISC | BPF_TAX, 0);
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	emit(p, BPF_ALU | BPF_SUB | BPF_K, UDP_HEADER);
	p->code[p->len] = (struct sock_filter){.code = BPF_JMP | BPF_JGE | BPF_X, .jt = 1};
	p->len++;
	emit(p, BPF_RET | BPF_K, 0);
	emit(p, BPF_RET | BPF_K, PASS);
}

/* Does it begin as the filter demands? */
static bool
is_message(const uint8_t *data, size_t len)
{
	uint32_t said = len >= WIRE_HEADER ? (uint32_t)data[2] << 8 | data[3] : 0;

	return said >= WIRE_HEADER && said <= len && data[0] >> VERSION_SHIFT == WIRE_VERSION;
}

/* What the kernel has dropped at this socket, for want of room or because the filter said so. */
static uint32_t
drops(const struct link *l)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	if (l->recv_fd < 0 || getsockopt(l->recv_fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ||
	    len <= SK_MEMINFO_DROPS * sizeof(info[0]))
		return 0;
	return info[SK_MEMINFO_DROPS];
}

void
link_guard_count(struct link *l)
{
	struct link_guard *g = &l->guard;
	uint32_t now = drops(l), more = now - g->drops;

	/* A new socket begins anew. */
	if (g->fd != l->recv_fd || now < g->drops)
		more = now;
	g->fd = l->recv_fd;
	g->drops = now;
	if (g->up)
		l->counters.recv_shut_out += more;
	else
		l->counters.recv_dropped += more;
}

static void
raise_guard(struct link *l)
{
	struct program p = {.len = 0};
	struct sock_fprog prog;

	link_guard_count(l);
	if (l->cfg.transport == LINK_UDP)
		demand_source(&p, l);
	demand_message(&p);
	prog = (struct sock_fprog){.len = p.len, .filter = p.code};
	l->guard.until = ms_add(l->now, LINK_GUARD_MS);
	l->guard.up =
	    setsockopt(l->recv_fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) == 0;
}

void
link_guard_useless(struct link *l)
{
	struct link_guard *g = &l->guard;

	/* Nobody has told the time yet. */
	if (l->now.ms == 0)
		return;
	if (ms_since(l->now, g->since) >= 1000) {
		g->since = l->now;
		g->seen = 0;
	}
	/* Over UDP the filter keeps out all but the peer: it must have been heard. */
	if (++g->seen < LINK_GUARD_MANY || g->up || !ms_reached(l->now, g->until) ||
	    (l->cfg.transport == LINK_UDP && !link_peer_heard(l)))
		return;
	raise_guard(l);
}

void
link_guard_look(struct link *l, const uint8_t *data, size_t len)
{
	if (!is_message(data, len))
		link_guard_useless(l);
}

void
link_guard_step(struct link *l)
{
	struct link_guard *g = &l->guard;
	int nothing = 0;

	if (!g->up || !ms_reached(l->now, g->until))
		return;
	link_guard_count(l);
	(void)setsockopt(l->recv_fd, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof(nothing));
	g->up = false;
	g->since = l->now;
	g->seen = 0;
	g->until = (ms_t){0};
}

ms_t
link_guard_deadline(const struct link *l)
{
	return l->guard.up ? l->guard.until : MS_NEVER;
}

void
link_guard_closed(struct link *l)
{
	link_guard_count(l);
	l->guard = (struct link_guard){.fd = -1};
}
