/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_judge_net.c: what is found in the facts about links and addresses.  Pure.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum { MTU_ORDINARY = 1500, STARTED_S = 10, SHOWN_ADDRS = 3, ADDR_TEXT = 48 };

static const char *
addr_text(uint8_t l3, const struct ip_addr *addr, char out[ADDR_TEXT])
{
	struct text t;

	text_init(&t, out, ADDR_TEXT);
	text_addr(&t, l3, addr);
	return out;
}

static bool
is_zero(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

/* The address, on that interface rather than on another. */
static const struct iface_addr *
find_addr(const struct facts *f, uint8_t l3, const struct ip_addr *addr, unsigned int index)
{
	const struct iface_addr *found_addr = NULL;

	for (size_t i = 0; i < f->addrs_count; i++) {
		const struct iface_addr *a = &f->addrs[i];

		if (a->l3 == l3 && memcmp(&a->addr, addr, sizeof(*addr)) == 0 && (found_addr == NULL || a->index == index))
			found_addr = a;
	}
	return found_addr;
}

static const char *
iface_name(const struct facts *f, unsigned int index)
{
	for (size_t i = 0; i < f->ifaces_count; i++) {
		if (f->ifaces[i].index == index)
			return f->ifaces[i].name;
	}
	return "another interface";
}

/* ---- one link ---- */

struct link_case {
	const struct facts *f;
	const struct config_link *cfg;
	const struct link_facts *facts;
	const struct iface *iface;
	struct findings *out;
};

static void
judge_interface(const struct link_case *c)
{
	const char *name = c->cfg->ifname;
	struct finding *x;

	if (!c->iface->up) {
		x = found(c->out, FOUND_LINK_DOWN, name, "the interface %s of a dedicated link is down", name);
		advise_do(x, "ip link set %s up", name);
	} else if (!c->iface->carrier) {
		x = found(c->out, FOUND_LINK_NO_CARRIER, name, "the interface %s of a dedicated link has no carrier", name);
		advise_do(x, "see to the cable, and to the peer at its other end: ip link show %s; ethtool %s", name, name);
	}
	if (c->cfg->transport == TRANSPORT_MULTICAST && !c->iface->multicast) {
		x = found(c->out, FOUND_LINK_NOT_MULTICAST, name, "the interface %s carries no multicast", name);
		advise_do(x, "ip link set %s multicast on, or links of the kind UDP", name);
	}
	if (c->facts->has_default_route) {
		x = found(c->out, FOUND_LINK_NOT_DEDICATED, name,
		    "the default route leads over %s: the link is not dedicated, and whoever reaches it can put flows into this "
		    "firewall", name);
		advise_do(x, "an interface, a VLAN or a tunnel of its own for the link, between the two nodes only");
	}
}

static void
judge_own_address(const struct link_case *c)
{
	char text[ADDR_TEXT];
	const struct iface_addr *a;
	struct finding *x;

	if (is_zero(&c->cfg->local))
		return;
	addr_text(c->cfg->l3, &c->cfg->local, text);
	a = find_addr(c->f, c->cfg->l3, &c->cfg->local, c->iface->index);
	if (a == NULL) {
		x = found(c->out, FOUND_LINK_ADDRESS_ABSENT, text,
		    "%s, this node's address on the link, is on no interface: the daemon does not start with it", text);
		advise_do(x, "ip addr add %s/%u dev %s", text, c->cfg->l3 == L3_IPV6 ? 64 : 24, c->cfg->ifname);
		return;
	}
	if (a->index != c->iface->index) {
		x = found(c->out, FOUND_LINK_ADDRESS_ELSEWHERE, text,
		    "%s is an address of %s, not of %s, which Interface names: the link goes over %s", text,
		    iface_name(c->f, a->index), c->cfg->ifname, iface_name(c->f, a->index));
		advise_do(x, "Interface %s, or the address of %s", iface_name(c->f, a->index), c->cfg->ifname);
	}
	if (a->duplicate) {
		x = found(c->out, FOUND_LINK_ADDRESS_DUPLICATE, text,
		    "another host on the link has %s, too: the kernel does not use it (dadfailed)", text);
		advise_do(x, "give each node an address of its own: ip -6 addr show dadfailed");
	} else if (a->tentative) {
		x = found(c->out, FOUND_LINK_ADDRESS_TENTATIVE, text,
		    "%s is still being looked for on the link (tentative): nothing can be sent from it for a second or two",
		    text);
		advise_do(x, "ip addr replace %s/%u dev %s nodad, where the link has two ends only", text, a->prefix,
		    c->cfg->ifname);
	}
}

static bool
is_near(const struct facts *f, unsigned int index, uint8_t l3, const struct ip_addr *addr)
{
	for (size_t i = 0; i < f->addrs_count; i++) {
		const struct iface_addr *a = &f->addrs[i];
		struct filter_net net = {.l3 = a->l3, .prefix = a->prefix, .addr = a->addr};

		if (a->index == index && filter_net_contains(&net, l3, addr))
			return true;
	}
	return false;
}

static void
judge_path(const struct link_case *c)
{
	char text[ADDR_TEXT];
	int64_t mtu = c->iface->mtu;
	struct finding *x;

	addr_text(c->cfg->l3, &c->cfg->group, text);
	if (c->cfg->transport != TRANSPORT_MULTICAST &&
	    !is_near(c->f, c->iface->index, c->cfg->l3, &c->cfg->group)) {
		x = found(c->out, FOUND_LINK_PEER_FAR, text,
		    "the peer, %s, is in no network of %s: its datagrams pass a router, which may be the one that fails", text,
		    c->cfg->ifname);
		advise_do(x, "ip -br addr show dev %s; addresses of one network for both ends", c->cfg->ifname);
	}
	if (c->facts->path_mtu > 0 && c->facts->path_mtu < mtu) {
		x = found(c->out, FOUND_LINK_MTU_PATH, text,
		    "the interface %s has an MTU of %lld, the way to %s one of %lld: longer datagrams, which are never "
		    "fragmented, are lost", c->cfg->ifname, (long long)mtu, text, (long long)c->facts->path_mtu);
		advise_do(x, "ip link set %s mtu %lld, on both nodes", c->cfg->ifname, (long long)c->facts->path_mtu);
		finding_number(x, "mtu", mtu);
		finding_number(x, "path_mtu", c->facts->path_mtu);
	}
	if (mtu > MTU_ORDINARY && !c->iface->loopback) {
		x = found(c->out, FOUND_LINK_MTU_LARGE, c->cfg->ifname,
		    "the interface %s has an MTU of %lld: if the peer's, or a switch's, is less, long datagrams are lost and "
		    "short ones are not, so that the link seems well", c->cfg->ifname, (long long)mtu);
		advise_do(x, "ping -M do -s %lld, to the peer's address on the link",
		    (long long)(mtu - (c->cfg->l3 == L3_IPV6 ? 48 : 28)));
		finding_number(x, "mtu", mtu);
	}
}

static void
judge_traffic(const struct link_case *c)
{
	const struct link_facts *l = c->facts;
	const char *name = c->cfg->ifname;
	bool silent = c->f->daemon && c->f->uptime_s >= STARTED_S && l->sent > 0 && l->received == 0;
	struct finding *x;

	if (silent) {
		x = found(c->out, FOUND_LINK_SILENT, name,
		    "%lld datagrams were sent over %s in %lld s and none has come: the peer is off, a rule drops them, or a "
		    "switch does not pass the group on", (long long)l->sent, name, (long long)c->f->uptime_s);
		advise_do(x, "tcpdump -ni %s %s port %u, here and on the peer", name,
		    c->cfg->transport == TRANSPORT_TCP ? "tcp" : "udp", c->cfg->port);
		finding_number(x, "sent", l->sent);
		finding_number(x, "uptime_s", c->f->uptime_s);
	}
	/* Rules are only guessed at: what has come has passed them. */
	if (l->rule_drops == 1 && l->received <= 0) {
		x = found(c->out, FOUND_LINK_FIREWALL, name,
		    "the chain %s drops what no rule accepts, and none seems to accept %s port %u or the interface %s", l->rule,
		    c->cfg->transport == TRANSPORT_TCP ? "tcp" : "udp", c->cfg->port, name);
		advise_do(x, "nft insert rule %s iifname %s %s dport %u accept", l->rule, name,
		    c->cfg->transport == TRANSPORT_TCP ? "tcp" : "udp", c->cfg->port);
	}
	if (l->tracked > 0) {
		x = found(c->out, FOUND_LINK_TRACKED, name,
		    "the traffic of the link over %s is in the kernel's table itself (%d of its entries): each datagram is looked up "
		    "there%s", name, l->tracked, l->notrack == 1 ? ", though a rule says notrack" : "");
		advise_do(x, "`iifname %s notrack' in a chain of prerouting and `oifname %s notrack' in one of output, both of "
		    "priority raw", name, name);
		finding_number(x, "entries", l->tracked);
	}
}

static void
judge_link_buffer(const struct link_case *c)
{
	/* The kernel grants twice what was asked for. */
	int64_t wanted = 2 * (int64_t)c->cfg->rcvbuf;
	const char *name = c->cfg->ifname;
	struct finding *x;

	if (c->facts->rcvbuf > 0 && c->facts->rcvbuf < wanted - wanted / 16) {
		x = found(c->out, FOUND_LINK_BUFFER, name,
		    "RcvSocketBuffer of the link over %s is %u, but the daemon got %lld: net.core.rmem_max is %lld", name,
		    c->cfg->rcvbuf, (long long)c->facts->rcvbuf / 2, (long long)c->f->rmem_max);
		advise_do(x, "sysctl -w net.core.rmem_max=%u && systemctl restart conntrackd", c->cfg->rcvbuf);
		finding_number(x, "wanted", c->cfg->rcvbuf);
		finding_number(x, "granted", c->facts->rcvbuf / 2);
		finding_number(x, "rmem_max", c->f->rmem_max);
	}
	if (c->facts->dropped > 0) {
		x = found(c->out, FOUND_LINK_DROPPED, name,
		    "%lld datagrams that came over %s were dropped before they were read (%lld were read): the receive buffer, "
		    "%lld bytes, was full, or their checksum wrong", (long long)c->facts->dropped, name,
		    (long long)c->facts->received, (long long)c->facts->rcvbuf);
		advise_do(x, "RcvSocketBuffer %lld in the link's section, then systemctl restart conntrackd",
		    (long long)(c->facts->rcvbuf > 0 ? c->facts->rcvbuf * 2 : 1249280));
		finding_number(x, "dropped", c->facts->dropped);
		finding_number(x, "received", c->facts->received);
		finding_number(x, "buffer", c->facts->rcvbuf);
	}
}

static void
judge_membership(const struct link_case *c)
{
	char text[ADDR_TEXT];
	struct finding *x;

	if (!c->f->daemon || c->cfg->transport != TRANSPORT_MULTICAST || c->facts->member != 0)
		return;
	addr_text(c->cfg->l3, &c->cfg->group, text);
	x = found(c->out, FOUND_LINK_NOT_MEMBER, text,
	    "the daemon runs, but %s is no member of the group %s: nothing of the peer's is received", c->cfg->ifname, text);
	advise_do(x, "ip maddr show dev %s; systemctl restart conntrackd", c->cfg->ifname);
}

void
judge_links(const struct facts *f, const struct config *cfg, struct findings *out)
{
	for (size_t i = 0; i < cfg->links_count; i++) {
		struct link_case c = {.f = f, .cfg = &cfg->links[i], .facts = &f->links[i],
		    .iface = facts_iface(f, cfg->links[i].ifname), .out = out};
		struct finding *x;

		if (c.iface == NULL) {
			x = found(out, FOUND_LINK_MISSING, c.cfg->ifname,
			    "there is no interface %s, over which a dedicated link is to go", c.cfg->ifname);
			advise_do(x, "ip -br link; Interface in the link's section");
			continue;
		}
		judge_interface(&c);
		judge_own_address(&c);
		judge_path(&c);
		judge_membership(&c);
		judge_traffic(&c);
		judge_link_buffer(&c);
	}
}

/* ---- addresses ---- */

static void
judge_nat(const struct facts *f, struct findings *out)
{
	for (size_t i = 0; i < f->nat_count; i++) {
		const struct nat_addr *n = &f->nat[i];
		enum finding_code code = f->keepalived_read && n->place == ADDR_ROUTED_AWAY ? FOUND_NAT_ADDRESS
											  : FOUND_NAT_ADDRESS_PERHAPS;
		char text[ADDR_TEXT];
		struct finding *x;

		/* A pool that is routed to the pair often ends in a blackhole. */
		if (n->place == ADDR_HERE || n->place == ADDR_BLACKHOLE || n->of_keepalived)
			continue;
		addr_text(n->l3, &n->addr, text);
		x = found(out, code, text,
		    "%llu flows of the peers are translated to %s, which is on no interface of this node%s: committed, they are "
		    "of no use unless the address comes with the role", (unsigned long long)n->flows, text,
		    f->keepalived_read ? ", nor does keepalived.conf name it" : "");
		advise_do(x, "translate to a virtual address (snat to, not masquerade), and have it moved with the role");
		finding_number(x, "flows", (int64_t)n->flows);
	}
}

/* Would a flow from elsewhere to this address be replicated? */
static bool
is_replicated(const struct filter *filter, uint8_t l3, const struct ip_addr *addr)
{
	static const struct ip_addr elsewhere4 = {{198, 51, 100, 1}}, elsewhere6 = {{0x20, 0x01, 0x0d, 0xb8}};
	struct flow flow;

	flow_init(&flow);
	flow.key.l3 = l3;
	flow.key.l4 = L4_TCP;
	flow.key.src = l3 == L3_IPV4 ? elsewhere4 : elsewhere6;
	flow.key.dst = *addr;
	flow.l4.tcp.state = TCP_ESTABLISHED;
	flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_STATE;
	flow_invert(&flow.key, &flow.reply);
	return filter_passes(filter, &flow);
}

struct own_addrs {
	char shown[SHOWN_ADDRS * (ADDR_TEXT + 2)];
	size_t count;
};

static void
note_own(struct own_addrs *own, const struct config *cfg, uint8_t l3, const struct ip_addr *addr)
{
	char text[ADDR_TEXT];
	size_t len = strlen(own->shown);

	if (!is_replicated(&cfg->node.filter, l3, addr))
		return;
	if (own->count++ < SHOWN_ADDRS)
		snprintf(own->shown + len, sizeof(own->shown) - len, "%s%s", len > 0 ? ", " : "",
		    addr_text(l3, addr, text));
}

static bool
is_of_loopback(const struct facts *f, unsigned int index)
{
	for (size_t i = 0; i < f->ifaces_count; i++) {
		if (f->ifaces[i].index == index)
			return f->ifaces[i].loopback;
	}
	return false;
}

static void
judge_filter(const struct facts *f, const struct config *cfg, struct findings *out)
{
	const struct filter *filter = &cfg->node.filter;
	struct own_addrs own = {.count = 0};
	struct finding *x;

	/* Without any, that is said of the configuration itself. */
	if (filter->addr_polarity == FILTER_NONE && filter->proto_polarity == FILTER_NONE)
		return;
	for (size_t i = 0; i < f->addrs_count; i++) {
		const struct iface_addr *a = &f->addrs[i];
		bool link_local = a->l3 == L3_IPV6 && a->addr.b[0] == 0xfe && (a->addr.b[1] & 0xc0) == 0x80;

		if (!link_local && !is_of_loopback(f, a->index))
			note_own(&own, cfg, a->l3, &a->addr);
	}
	for (size_t i = 0; i < f->vips_count; i++) {
		if (find_addr(f, f->vips[i].l3, &f->vips[i].addr, 0) == NULL)
			note_own(&own, cfg, f->vips[i].l3, &f->vips[i].addr);
	}
	if (own.count == 0)
		return;
	x = found(out, FOUND_FILTER_OWN, "Filter",
	    "the filter lets addresses of this node pass, real or virtual, %zu in all (%s%s): what ends here is replicated, and "
	    "no peer can go on with it", own.count, own.shown, own.count > SHOWN_ADDRS ? ", ..." : "");
	advise_do(x, "Filter { Address Ignore { ... } } in General, with the addresses of both nodes");
	finding_number(x, "addresses", (int64_t)own.count);
}

void
judge_addresses(const struct facts *f, const struct config *cfg, struct findings *out)
{
	judge_nat(f, out);
	judge_filter(f, cfg, out);
}
