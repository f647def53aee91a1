/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_peer.c: the configurations of two nodes side by side: what must be alike, and what must not.  Pure.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum { ADDR_TEXT = 48 };

static const char *
addr_text(uint8_t l3, const struct ip_addr *addr, char out[ADDR_TEXT])
{
	struct text t;

	text_init(&t, out, ADDR_TEXT);
	text_addr(&t, l3, addr);
	return out;
}

static bool
same_addr(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
is_zero(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return same_addr(a, &zero);
}

static void
differ(struct findings *out, const char *what, const char *here, const char *there)
{
	struct finding *x = found(out, FOUND_NODES_DIFFER, what,
	    "%s is %s here and %s on the peer: the nodes do not understand each other", what, here, there);

	advise_do(x, "the same %s on both nodes", what);
}

/* What works, but not as either file says. */
static void
may_differ(struct findings *out, const char *what, const char *here, const char *there, const char *then)
{
	struct finding *x = found(out, FOUND_NODES_MAY_DIFFER, what, "%s is %s here and %s on the peer: %s", what, here,
	    there, then);

	advise_do(x, "the same %s on both nodes", what);
}

static const char *
mode_text(enum sync_mode_id mode)
{
	return mode == MODE_FTFW ? "FTFW" : mode == MODE_ALARM ? "ALARM" : mode == MODE_NOTRACK ? "NOTRACK" : "none (Stats)";
}

static const char *
transport_text(enum config_transport t)
{
	return t == TRANSPORT_MULTICAST ? "Multicast" : t == TRANSPORT_UDP ? "UDP" : "TCP";
}

static const char *
on_off(bool flag)
{
	return flag ? "on" : "off";
}

static void
flags_may_differ(struct findings *out, const char *what, bool here, bool there, const char *then)
{
	if (here != there)
		may_differ(out, what, on_off(here), on_off(there), then);
}

static void
numbers_may_differ(struct findings *out, const char *what, uint32_t here, uint32_t there, const char *then)
{
	char a[16], b[16];

	if (here == there)
		return;
	snprintf(a, sizeof(a), "%u", here);
	snprintf(b, sizeof(b), "%u", there);
	may_differ(out, what, a, b, then);
}

/* ---- links ---- */

/* Each end has to speak to the address that the other one has. */
static void
judge_ends(const struct config_link *a, const struct config_link *b, struct findings *out)
{
	char to[ADDR_TEXT], at[ADDR_TEXT];
	struct finding *x;

	if (a->transport == TRANSPORT_MULTICAST)
		return;
	if (!is_zero(&b->local) && !same_addr(&a->group, &b->local)) {
		x = found(out, FOUND_NODES_MISS, a->ifname, "this node sends to %s, the peer is at %s",
		    addr_text(a->l3, &a->group, to), addr_text(b->l3, &b->local, at));
		advise_do(x, "IPv%d_Destination_Address %s in the section of line %u here", b->l3 == L3_IPV6 ? 6 : 4, at, a->line);
	}
	if (!is_zero(&a->local) && !same_addr(&b->group, &a->local)) {
		x = found(out, FOUND_NODES_MISS, a->ifname, "the peer sends to %s, this node is at %s",
		    addr_text(b->l3, &b->group, to), addr_text(a->l3, &a->local, at));
		advise_do(x, "IPv%d_Destination_Address %s in the section of line %u on the peer", a->l3 == L3_IPV6 ? 6 : 4, at,
		    b->line);
	}
}

static void
judge_link_pair(const struct config_link *a, const struct config_link *b, struct findings *out)
{
	char here[ADDR_TEXT], there[ADDR_TEXT];
	struct finding *x;

	if (a->l3 != b->l3) {
		differ(out, "the family of a link", a->l3 == L3_IPV6 ? "IPv6" : "IPv4", b->l3 == L3_IPV6 ? "IPv6" : "IPv4");
		return;
	}
	if (a->port != b->port) {
		snprintf(here, sizeof(here), "%u", a->port);
		snprintf(there, sizeof(there), "%u", b->port);
		differ(out, a->transport == TRANSPORT_MULTICAST ? "Group" : "Port", here, there);
	}
	if (a->transport == TRANSPORT_MULTICAST && !same_addr(&a->group, &b->group))
		differ(out, "the multicast group", addr_text(a->l3, &a->group, here), addr_text(b->l3, &b->group, there));
	if (!is_zero(&a->local) && same_addr(&a->local, &b->local)) {
		x = found(out, FOUND_NODES_SAME_ADDRESS, addr_text(a->l3, &a->local, here),
		    "both files say that %s is the address of their node: what comes from the other one passes for our own", here);
		advise_do(x, "each node its own address (was one file copied to the other?)");
	}
	judge_ends(a, b, out);
	flags_may_differ(out, "Checksum", a->checksum, b->checksum, "one direction goes without");
	flags_may_differ(out, "Default of a link", a->is_default, b->is_default,
	    "each sends on a link of its own, and follows the other");
}

static void
judge_link_pairs(const struct config *own, const struct config *peer, struct findings *out)
{
	char here[16], there[16];

	if (own->links_count != peer->links_count) {
		snprintf(here, sizeof(here), "%zu", own->links_count);
		snprintf(there, sizeof(there), "%zu", peer->links_count);
		differ(out, "the number of links", here, there);
	}
	if (own->links_count == 0 || peer->links_count == 0)
		return;
	if (own->links[0].transport != peer->links[0].transport) {
		differ(out, "the kind of link", transport_text(own->links[0].transport),
		    transport_text(peer->links[0].transport));
		return;
	}
	for (size_t i = 0; i < own->links_count && i < peer->links_count; i++)
		judge_link_pair(&own->links[i], &peer->links[i], out);
}

/* ---- what is replicated ---- */

/* Networks of one filter that the other one does not have; single addresses are those of a node. */
static size_t
nets_missing(const struct filter *a, const struct filter *b)
{
	size_t missing = 0;

	for (size_t i = 0; i < a->nets_count; i++) {
		const struct filter_net *net = &a->nets[i];
		bool there = net->prefix == 8 * flow_addr_len(net->l3);

		for (size_t j = 0; j < b->nets_count && !there; j++)
			there = b->nets[j].l3 == net->l3 && b->nets[j].prefix == net->prefix &&
			    filter_net_contains(net, b->nets[j].l3, &b->nets[j].addr);
		missing += !there;
	}
	return missing;
}

static void
judge_filters(const struct filter *a, const struct filter *b, struct findings *out)
{
	static const char then[] = "what one replicates the other one, once it has taken over, does not";
	size_t missing;

	if (a->proto_polarity != b->proto_polarity || memcmp(a->protos, b->protos, sizeof(a->protos)) != 0)
		may_differ(out, "Filter Protocol", "one list", "another", then);
	if (a->state_polarity != b->state_polarity || a->tcp_states != b->tcp_states)
		may_differ(out, "Filter State", "one list", "another", then);
	missing = nets_missing(a, b) + nets_missing(b, a);
	if (a->addr_polarity != b->addr_polarity) {
		may_differ(out, "Filter Address", "of one kind", "of another (Accept, Ignore or none)", then);
	} else if (missing > 0) {
		struct finding *x = found(out, FOUND_NODES_MAY_DIFFER, "Filter Address",
		    "%zu networks are in the Filter Address of one node only: %s", missing, then);

		advise_do(x, "the same networks on both nodes; single addresses may differ");
		finding_number(x, "networks", (int64_t)missing);
	}
}

static void
judge_expects(const struct node_cfg *a, const struct node_cfg *b, struct findings *out)
{
	const struct expect_helpers *x = &a->expect_helpers, *y = &b->expect_helpers;
	bool same = x->count == y->count;

	flags_may_differ(out, "ExpectationSync", a->expects > 0, b->expects > 0,
	    "expectations are replicated in one direction at most");
	for (size_t i = 0; same && i < x->count; i++)
		same = strcmp(x->name[i], y->name[i]) == 0;
	if (a->expects > 0 && b->expects > 0 && !same)
		may_differ(out, "ExpectationSync", "for some helpers", "for others",
		    "those of the other helpers are not taken");
}

static void
judge_timers(const struct node_cfg *a, const struct node_cfg *b, struct findings *out)
{
	const struct node_cfg *pair[2] = {a, b};

	numbers_may_differ(out, "CommitTimeout", a->commit_timeout_s, b->commit_timeout_s,
	    "flows last differently, depending on who takes over");
	for (size_t i = 0; i < 2 && a->mode == MODE_ALARM; i++) {
		const struct node_cfg *hears = pair[i], *tells = pair[1 - i];
		struct finding *x;

		if (hears->cache_timeout_s > tells->refresh_s)
			continue;
		x = found(out, FOUND_NODES_MAY_DIFFER, "CacheTimeout",
		    "CacheTimeout is %u %s, RefreshTime %u on the other node: flows are dropped before they are told again",
		    hears->cache_timeout_s, i == 0 ? "here" : "on the peer", tells->refresh_s);
		advise_do(x, "CacheTimeout of at least three times the other node's RefreshTime");
		finding_number(x, "cache_timeout_s", hears->cache_timeout_s);
		finding_number(x, "refresh_s", tells->refresh_s);
	}
}

void
judge_peer_config(const struct config *own, const struct config *peer, struct findings *out)
{
	if (own->node.mode != peer->node.mode) {
		differ(out, "Mode", mode_text(own->node.mode), mode_text(peer->node.mode));
		return;
	}
	judge_link_pairs(own, peer, out);
	flags_may_differ(out, "TCPWindowTracking", own->node.tcp_window_tracking, peer->node.tcp_window_tracking,
	    "one node checks windows after a takeover without knowing their scale");
	flags_may_differ(out, "DisableExternalCache", own->disable_external, peer->disable_external,
	    "one node writes what it hears to its kernel at once, the other one when it takes over");
	flags_may_differ(out, "CacheWriteThrough", own->node.write_through && !own->disable_external,
	    peer->node.write_through && !peer->disable_external,
	    "one node writes what it hears to its kernel at once, the other one when it takes over");
	numbers_may_differ(out, "HashLimit", own->node.limit, peer->node.limit,
	    "the node with less leaves out what the other one has beyond that");
	judge_filters(&own->node.filter, &peer->node.filter, out);
	judge_expects(&own->node, &peer->node, out);
	judge_timers(&own->node, &peer->node, out);
}
