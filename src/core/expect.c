/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "expect.h"

#include <string.h>

bool
expect_is_complete(const struct expect *e)
{
	const uint32_t all = EXP_MASTER_ADDRS | EXP_MASTER_L4 | EXP_TUPLE_ADDRS | EXP_TUPLE_L4 |
	    EXP_MASK_ADDRS;

	if ((e->has & all) != all || e->master.l3 != e->tuple.l3 || e->mask.l3 != e->tuple.l3)
		return false;
	if (flow_l4_has_ports(e->master.l4) && !(e->has & EXP_MASTER_PORTS))
		return false;
	return !flow_l4_has_ports(e->tuple.l4) ||
	    (e->has & (EXP_TUPLE_PORTS | EXP_MASK_PORTS)) == (EXP_TUPLE_PORTS | EXP_MASK_PORTS);
}

/* Addresses and ports; a mask has no protocol of its own. */
static bool
same_tuple(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
	    memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0 && a->sport == b->sport &&
	    a->dport == b->dport;
}

bool
expect_is_same(const struct expect *a, const struct expect *b)
{
	return flow_key_equal(&a->tuple, &b->tuple) && flow_key_equal(&a->master, &b->master) &&
	    same_tuple(&a->mask, &b->mask);
}

bool
expect_same_content(const struct expect *a, const struct expect *b)
{
	return expect_is_same(a, b) && a->flags == b->flags && a->class == b->class &&
	    same_tuple(&a->nat, &b->nat) && a->nat_dir == b->nat_dir &&
	    strncmp(a->helper, b->helper, sizeof(a->helper)) == 0 &&
	    strncmp(a->fn, b->fn, sizeof(a->fn)) == 0;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
begins_with(const char *name, const char *prefix)
{
	size_t i = 0;

	while (i < FLOW_HELPER_LEN && prefix[i] != '\0' && lower(name[i]) == lower(prefix[i]))
		i++;
	return i == FLOW_HELPER_LEN || prefix[i] == '\0';
}

bool
expect_is_wanted(const struct expect_helpers *helpers, const struct expect *e)
{
	if (helpers->count == 0)
		return true;
	for (size_t i = 0; (e->has & EXP_HELPER) && i < helpers->count; i++) {
		if (begins_with(e->helper, helpers->name[i]))
			return true;
	}
	return false;
}
