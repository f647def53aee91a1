/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expectations, as conntrackd -i expect and -e expect print them.
 */
#include <arpa/inet.h>

#include "render.h"

/* A name may come from a peer: nothing in it may end the line or the element. */
static void
add_name(struct text *t, const char *name, size_t cap)
{
	for (size_t i = 0; i < cap && name[i] != '\0'; i++) {
		bool plain = name[i] > ' ' && name[i] <= '~' && name[i] != '<' && name[i] != '>' &&
		    name[i] != '&';

		text_add(t, "%c", plain ? name[i] : '?');
	}
}

static void
add_addrs(struct text *t, const char *prefix, uint8_t l3, const struct flow_key *key)
{
	text_add(t, "%ssrc=", prefix);
	text_addr(t, l3, &key->src);
	text_add(t, " %sdst=", prefix);
	text_addr(t, l3, &key->dst);
	text_add(t, " ");
}

static void
add_ports(struct text *t, uint8_t l4, const struct flow_key *key)
{
	if (flow_l4_has_ports(l4))
		text_add(t, "sport=%u dport=%u ", ntohs(key->sport), ntohs(key->dport));
}

static void
add_expect(struct text *t, const struct expect *e)
{
	uint8_t l3 = e->tuple.l3, l4 = e->tuple.l4;

	text_add(t, "proto=%u ", l4);
	add_addrs(t, "", l3, &e->tuple);
	add_ports(t, l4, &e->tuple);
	add_addrs(t, "mask-", l3, &e->mask);
	add_ports(t, l4, &e->mask);
	add_addrs(t, "master-", l3, &e->master);
	add_ports(t, e->master.l4, &e->master);
	text_add(t, "class=%u", e->class);
	if (e->has & EXP_HELPER) {
		text_add(t, " helper=");
		add_name(t, e->helper, sizeof(e->helper));
	}
}

void
render_expect(struct text *t, const struct expect_view *v)
{
	add_expect(t, &v->expect);
	if (v->expires_s >= 0)
		text_add(t, " [expires in %llds]", (long long)v->expires_s);
	text_add(t, " [active since %llds]\n", (long long)v->age_s);
}

void
render_expect_brief(struct text *t, const struct expect *e)
{
	add_expect(t, e);
}

static void
xml_addrs(struct text *t, const char *element, uint8_t l3, const struct flow_key *key)
{
	text_add(t, "<%s><src>", element);
	text_addr(t, l3, &key->src);
	text_add(t, "</src><dst>");
	text_addr(t, l3, &key->dst);
	text_add(t, "</dst></%s>", element);
}

static void
xml_ports(struct text *t, const char *element, const struct flow_key *key)
{
	text_add(t, "<%s><sport>%u</sport><dport>%u</dport></%s>", element, ntohs(key->sport),
	    ntohs(key->dport), element);
}

static const char *
l4_name(uint8_t l4)
{
	switch (l4) {
	case L4_TCP:
		return "tcp";
	case L4_UDP:
		return "udp";
	case L4_SCTP:
		return "sctp";
	case L4_DCCP:
		return "dccp";
	default:
		return "unknown";
	}
}

void
render_expect_xml(struct text *t, const struct expect_view *v)
{
	const struct expect *e = &v->expect;
	uint8_t l3 = e->tuple.l3;

	text_add(t, "<flow><layer3 protonum=\"%u\" protoname=\"%s\">", l3,
	    l3 == L3_IPV6 ? "ipv6" : "ipv4");
	xml_addrs(t, "expected", l3, &e->tuple);
	xml_addrs(t, "mask", l3, &e->mask);
	xml_addrs(t, "master", l3, &e->master);
	text_add(t, "</layer3><layer4 protonum=\"%u\" protoname=\"%s\">", e->tuple.l4,
	    l4_name(e->tuple.l4));
	xml_ports(t, "expected", &e->tuple);
	xml_ports(t, "mask", &e->mask);
	xml_ports(t, "master", &e->master);
	text_add(t, "</layer4><meta>");
	if (e->has & EXP_HELPER) {
		text_add(t, "<helper-name>");
		add_name(t, e->helper, sizeof(e->helper));
		text_add(t, "</helper-name>");
	}
	text_add(t, "<class>%u</class></meta></flow>\n", e->class);
}
