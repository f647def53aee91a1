/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit_rule.c: what may replace what.
 */
#include <string.h>

#include "commit.h"

/* How far a TCP connection has come; a lower rank never replaces a higher one unseen. */
static int
tcp_rank(const struct flow *f)
{
	static const int rank[TCP_STATE_MAX] = {
	    [TCP_SYN_SENT] = 1, [TCP_SYN_SENT2] = 1, [TCP_SYN_RECV] = 2, [TCP_ESTABLISHED] = 3,
	    [TCP_FIN_WAIT] = 4, [TCP_CLOSE_WAIT] = 5, [TCP_LAST_ACK] = 6, [TCP_TIME_WAIT] = 7,
	    [TCP_CLOSE] = 7};

	if (f->key.l4 != L4_TCP || !(f->has & HAS_STATE) || f->l4.tcp.state >= TCP_STATE_MAX)
		return 0;
	return rank[f->l4.tcp.state];
}

/* Does the replica have something that the kernel only takes when an entry is created? */
static bool
needs_creation(const struct flow *kernel, const struct flow *replica)
{
	if (!flow_reply_equal(&kernel->reply, &replica->reply))
		return true;
	if (flow_is_related(replica) && !(kernel->has & HAS_MASTER))
		return true;
	return (replica->has & HAS_HELPER) &&
	    (!(kernel->has & HAS_HELPER) ||
		strcmp(kernel->rare.helper, replica->rare.helper) != 0);
}

/* A packet that found nothing left it behind, while the replica's flow goes both ways. */
static bool
is_stray(const struct flow *kernel, const struct flow *replica)
{
	return !(kernel->status & ST_SEEN_REPLY) && (replica->status & ST_SEEN_REPLY);
}

bool
commit_is_further(const struct flow *kernel, const struct flow *known)
{
	return tcp_rank(kernel) > tcp_rank(known) ||
	    (kernel->status & ~known->status & (ST_SEEN_REPLY | ST_ASSURED)) != 0;
}

/* The first packets of a connection, which may never have become one. */
static bool
is_half_open(const struct flow *f)
{
	int rank = tcp_rank(f);

	return rank == 1 || rank == 2;
}

enum commit_verdict
commit_decide(const struct flow *kernel, const struct flow *replica, enum commit_age age)
{
	bool stray;

	if (kernel == NULL)
		return COMMIT_CREATE;
	stray = is_stray(kernel, replica);
	if (age == AGE_KERNEL_NEWER && !stray)
		return COMMIT_LEAVE;
	/* Packets went both ways here, and how far the other one comes nobody knows. */
	if (age == AGE_REPLICA_NEWER && is_half_open(replica) && tcp_rank(kernel) == 3 &&
	    (kernel->status & ST_SEEN_REPLY))
		return COMMIT_LEAVE;
	if ((age == AGE_UNKNOWN || age == AGE_FOUND) && !stray) {
		if (!flow_reply_equal(&kernel->reply, &replica->reply))
			return age == AGE_FOUND ? COMMIT_REPLACE : COMMIT_LEAVE;
		return commit_is_further(kernel, replica) ? COMMIT_LEAVE : COMMIT_UPDATE;
	}
	/* Of another connection on the tuple: its bits cannot be taken away, and nobody lives there. */
	if (age == AGE_COPY && (kernel->status & ~replica->status & (ST_SEEN_REPLY | ST_ASSURED)))
		return COMMIT_REPLACE;
	return needs_creation(kernel, replica) ? COMMIT_REPLACE : COMMIT_UPDATE;
}

bool
commit_makes_way(const struct flow *other, const struct flow *replica, enum commit_age age)
{
	return age == AGE_REPLICA_NEWER || age == AGE_COPY || age == AGE_FOUND || is_stray(other, replica);
}

enum commit_turn
commit_turn(bool whole, int64_t age_ms)
{
	if (!whole)
		return TURN_PARTIAL;
	return age_ms < 10 * 1000 ? TURN_NOW
	    : age_ms < 60 * 1000 ? TURN_LATELY
	    : age_ms < 600 * 1000 ? TURN_A_WHILE
				  : TURN_LONG_AGO;
}

uint32_t
commit_default_timeout(const struct flow *f)
{
	/* net/netfilter defaults, seconds, as shown by sysctl net.netfilter. */
	static const uint32_t tcp[TCP_STATE_MAX] = {
	    [TCP_NONE] = 120, [TCP_SYN_SENT] = 120, [TCP_SYN_RECV] = 60,
	    [TCP_ESTABLISHED] = 432000, [TCP_FIN_WAIT] = 120, [TCP_CLOSE_WAIT] = 60,
	    [TCP_LAST_ACK] = 30, [TCP_TIME_WAIT] = 120, [TCP_CLOSE] = 10, [TCP_SYN_SENT2] = 120};

	switch (f->key.l4) {
	case L4_TCP:
		if (!(f->has & HAS_STATE) || f->l4.tcp.state >= TCP_STATE_MAX)
			return 120;
		return tcp[f->l4.tcp.state];
	case L4_UDP:
	case L4_UDPLITE:
		return f->status & ST_ASSURED ? 120 : 30;
	case L4_SCTP:
		return (f->has & HAS_STATE) && f->l4.sctp.state == 4 ? 210 : 30;
	case L4_ICMP:
	case L4_ICMPV6:
		return 30;
	case L4_GRE:
		return f->status & ST_ASSURED ? 180 : 30;
	default:
		return 600;
	}
}
