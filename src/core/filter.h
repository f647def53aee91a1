/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.h: which flows of this node's kernel are replicated.
 *
 * Three independent tests, all of which a flow must pass: protocol, address, TCP state.
 */
#ifndef CORE_FILTER_H
#define CORE_FILTER_H

#include "flow.h"

enum filter_polarity {
	FILTER_NONE,   /* no such test */
	FILTER_ACCEPT, /* only what is listed passes */
	FILTER_IGNORE, /* what is listed does not pass */
};

struct filter_net {
	struct ip_addr addr;
	uint8_t l3;     /* L3_IPV4 or L3_IPV6 */
	uint8_t prefix; /* bits that count, 0..32 or 0..128 */
};

struct filter {
	enum filter_polarity proto_polarity;
	uint8_t protos[32]; /* bit set of IP protocol numbers */
	enum filter_polarity addr_polarity;
	const struct filter_net *nets; /* owned by the caller, outlives the filter */
	size_t nets_count;
	enum filter_polarity state_polarity;
	uint16_t tcp_states; /* bit set of TCP_* */
};

void filter_proto_add(struct filter *f, uint8_t proto);

/* Does `addr` lie in the network? */
bool filter_net_contains(const struct filter_net *net, uint8_t l3, const struct ip_addr *addr);

/* Do both let the same flows through, as far as a look at their lists tells? */
bool filter_equal(const struct filter *a, const struct filter *b);

/* A number that, for all practical purposes, only equal filters have in common. */
uint64_t filter_print(const struct filter *f);

/*
 * Does the flow pass?  The address test looks at the two real end points, the sources of the
 * original and of the reply tuple; a hit on either is a hit.  The state test looks only at TCP flows
 * that carry a state.
 */
bool filter_passes(const struct filter *f, const struct flow *flow);

#endif
