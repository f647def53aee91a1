/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "filter.h"

#include <string.h>

void
filter_proto_add(struct filter *f, uint8_t proto)
{
	f->protos[proto / 8] = (uint8_t)(f->protos[proto / 8] | (1u << (proto % 8)));
}

bool
filter_net_contains(const struct filter_net *net, uint8_t l3, const struct ip_addr *addr)
{
	size_t whole = net->prefix / 8u;
	uint8_t mask = (uint8_t)(0xff00u >> (net->prefix % 8u));

	if (net->l3 != l3 || net->prefix > 8u * flow_addr_len(l3))
		return false;
	if (memcmp(net->addr.b, addr->b, whole) != 0)
		return false;
	return mask == 0 || ((net->addr.b[whole] ^ addr->b[whole]) & mask) == 0;
}

static bool
addr_listed(const struct filter *f, uint8_t l3, const struct ip_addr *addr)
{
	for (size_t i = 0; i < f->nets_count; i++) {
		if (filter_net_contains(&f->nets[i], l3, addr))
			return true;
	}
	return false;
}

bool
filter_equal(const struct filter *a, const struct filter *b)
{
	if (a->proto_polarity != b->proto_polarity || a->addr_polarity != b->addr_polarity ||
	    a->state_polarity != b->state_polarity)
		return false;
	if (memcmp(a->protos, b->protos, sizeof(a->protos)) != 0 ||
	    a->tcp_states != b->tcp_states || a->nets_count != b->nets_count)
		return false;
	for (size_t i = 0; i < a->nets_count; i++) {
		const struct filter_net *x = &a->nets[i], *y = &b->nets[i];

		if (x->l3 != y->l3 || x->prefix != y->prefix ||
		    memcmp(&x->addr, &y->addr, sizeof(x->addr)) != 0)
			return false;
	}
	return true;
}

/* FNV-1a: nobody who picks the bytes gains anything by a collision. */
static uint64_t
print_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t
filter_print(const struct filter *f)
{
	uint8_t tests[] = {(uint8_t)f->proto_polarity, (uint8_t)f->addr_polarity,
	    (uint8_t)f->state_polarity, (uint8_t)(f->tcp_states >> 8), (uint8_t)f->tcp_states};
	uint64_t h = print_bytes(UINT64_C(0xcbf29ce484222325), tests, sizeof(tests));

	h = print_bytes(h, f->protos, sizeof(f->protos));
	for (size_t i = 0; i < f->nets_count; i++) {
		uint8_t which[] = {f->nets[i].l3, f->nets[i].prefix};

		h = print_bytes(h, which, sizeof(which));
		h = print_bytes(h, &f->nets[i].addr, sizeof(f->nets[i].addr));
	}
	return h;
}

/* Does a test of this polarity let through what is (or is not) listed? */
static bool
lets_pass(enum filter_polarity polarity, bool listed)
{
	return polarity == FILTER_NONE || listed == (polarity == FILTER_ACCEPT);
}

bool
filter_passes(const struct filter *f, const struct flow *flow)
{
	const struct flow_key *key = &flow->key;

	if (!lets_pass(f->proto_polarity, f->protos[key->l4 / 8] & (1u << (key->l4 % 8))))
		return false;
	if (f->addr_polarity != FILTER_NONE) {
		bool listed = addr_listed(f, key->l3, &key->src) ||
		    ((flow->has & HAS_REPLY) && addr_listed(f, key->l3, &flow->reply.src));

		if (!lets_pass(f->addr_polarity, listed))
			return false;
	}
	if (f->state_polarity != FILTER_NONE && key->l4 == L4_TCP && (flow->has & HAS_STATE)) {
		bool listed = flow->l4.tcp.state < 16 &&
		    (f->tcp_states & (1u << flow->l4.tcp.state));

		if (!lets_pass(f->state_polarity, listed))
			return false;
	}
	return true;
}
