/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The expected texts are what conntrackd 1.4.7 printed for flows made with conntrack -I and for
 * messages sent to it, apart from the names of SCTP and DCCP states in XML.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "render.h"

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a = {0};

	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, a.b), 1);
	return a;
}

static struct flow_view
view(uint8_t l4, const char *src, const char *dst, uint16_t sport, uint16_t dport, uint32_t status)
{
	struct flow_view v = {.age_s = 3, .expires_s = -1};
	struct flow *f = &v.flow;

	f->key.src = addr(src);
	f->key.dst = addr(dst);
	f->key.sport = htons(sport);
	f->key.dport = htons(dport);
	f->key.l3 = strchr(src, ':') ? L3_IPV6 : L3_IPV4;
	f->key.l4 = l4;
	f->has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | HAS_STATUS | HAS_MARK;
	f->status = status;
	flow_invert(&f->key, &f->reply);
	return v;
}

static struct flow_view
icmp_view(uint8_t l4, const char *src, const char *dst, uint8_t type, uint16_t id, uint32_t status)
{
	struct flow_view v = view(l4, src, dst, id, (uint16_t)(type << 8), status);

	return v;
}

static void
set_state(struct flow_view *v, uint8_t state)
{
	v->flow.has |= HAS_STATE;
	if (v->flow.key.l4 == L4_SCTP)
		v->flow.l4.sctp.state = state;
	else if (v->flow.key.l4 == L4_DCCP)
		v->flow.l4.dccp.state = state;
	else
		v->flow.l4.tcp.state = state;
}

static void
expect_line(const struct flow_view *v, enum node_table table, const char *want)
{
	char buf[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	render_flow(&t, table, v);
	assert_false(t.overflow);
	assert_int_equal(t.len, strlen(buf));
	assert_string_equal(buf, want);
}

static void
expect_xml(const struct flow_view *v, enum node_table table, const char *want)
{
	char buf[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	render_flow_xml(&t, table, v);
	assert_false(t.overflow);
	assert_string_equal(buf, want);
}

enum { REPLIED = ST_SEEN_REPLY | ST_CONFIRMED, SURE = REPLIED | ST_ASSURED };

static void
flows_of_our_own_show_both_tuples(void **state)
{
	struct flow_view v;

	(void)state;
	v = view(L4_TCP, "10.1.0.1", "10.2.0.1", 1000, 80, SURE);
	set_state(&v, TCP_ESTABLISHED);
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 src=10.2.0.1 "
	    "dst=10.1.0.1 sport=80 dport=1000 [ASSURED] mark=0 [active since 3s]\n");
	v = view(L4_TCP, "10.1.0.2", "10.2.0.2", 1001, 80, ST_CONFIRMED);
	set_state(&v, TCP_SYN_SENT);
	v.flow.mark = 5;
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 SYN_SENT src=10.1.0.2 dst=10.2.0.2 sport=1001 dport=80 [UNREPLIED] "
	    "src=10.2.0.2 dst=10.1.0.2 sport=80 dport=1001 mark=5 [active since 3s]\n");
	/* Source and destination NAT show in the reply tuple. */
	v = view(L4_TCP, "10.1.0.4", "10.2.0.4", 1002, 80, REPLIED);
	set_state(&v, TCP_SYN_RECV);
	v.flow.reply.dst = addr("198.51.100.9");
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 SYN_RECV src=10.1.0.4 dst=10.2.0.4 sport=1002 dport=80 src=10.2.0.4 "
	    "dst=198.51.100.9 sport=80 dport=1002 mark=0 [active since 3s]\n");
	v = view(L4_TCP, "10.1.0.4", "10.2.0.4", 1003, 80, SURE);
	set_state(&v, TCP_ESTABLISHED);
	v.flow.reply.src = addr("198.51.100.7");
	v.flow.reply.sport = htons(8080);
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 ESTABLISHED src=10.1.0.4 dst=10.2.0.4 sport=1003 dport=80 "
	    "src=198.51.100.7 dst=10.1.0.4 sport=8080 dport=1003 [ASSURED] mark=0 "
	    "[active since 3s]\n");
	v = view(L4_UDP, "10.1.0.8", "10.2.0.8", 9, 9, ST_CONFIRMED);
	v.flow.has |= HAS_ZONE;
	v.flow.key.zone = 7;
	expect_line(&v, TABLE_LOCAL,
	    "udp      17 src=10.1.0.8 dst=10.2.0.8 sport=9 dport=9 [UNREPLIED] src=10.2.0.8 "
	    "dst=10.1.0.8 sport=9 dport=9 mark=0 zone=7 [active since 3s]\n");
	v = view(L4_TCP, "192.168.1.10", "192.168.0.10", 59270, 2121, SURE);
	set_state(&v, TCP_ESTABLISHED);
	v.flow.has = (v.flow.has & ~(uint32_t)HAS_MARK) | HAS_HELPER;
	strcpy(v.flow.rare.helper, "ftp");
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 ESTABLISHED src=192.168.1.10 dst=192.168.0.10 sport=59270 dport=2121 "
	    "src=192.168.0.10 dst=192.168.1.10 sport=2121 dport=59270 [ASSURED] helper=ftp "
	    "[active since 3s]\n");
}

static void
each_protocol_names_its_ports_keys_or_type(void **state)
{
	struct flow_view v;

	(void)state;
	v = icmp_view(L4_ICMP, "10.1.0.1", "10.2.0.1", 13, 78, REPLIED);
	expect_line(&v, TABLE_LOCAL,
	    "icmp     1 src=10.1.0.1 dst=10.2.0.1 type=13 code=0 id=78 src=10.2.0.1 dst=10.1.0.1 "
	    "type=14 code=0 id=78 mark=0 [active since 3s]\n");
	v = icmp_view(L4_ICMPV6, "2001:db8::1", "2001:db8::2", 128, 5, ST_CONFIRMED);
	expect_line(&v, TABLE_LOCAL,
	    "icmpv6   58 src=2001:db8::1 dst=2001:db8::2 type=128 code=0 id=5 [UNREPLIED] "
	    "src=2001:db8::2 dst=2001:db8::1 type=129 code=0 id=5 mark=0 [active since 3s]\n");
	v = view(L4_GRE, "10.1.0.6", "10.2.0.7", 0x10, 0x20, ST_CONFIRMED);
	expect_line(&v, TABLE_LOCAL,
	    "gre      47 src=10.1.0.6 dst=10.2.0.7 srckey=0x10 dstkey=0x20 [UNREPLIED] "
	    "src=10.2.0.7 dst=10.1.0.6 srckey=0x20 dstkey=0x10 mark=0 [active since 3s]\n");
	v = view(L4_UDPLITE, "10.1.0.8", "10.2.0.8", 9, 11, REPLIED);
	expect_line(&v, TABLE_LOCAL,
	    "udplite  136 src=10.1.0.8 dst=10.2.0.8 sport=9 dport=11 src=10.2.0.8 dst=10.1.0.8 "
	    "sport=11 dport=9 mark=0 [active since 3s]\n");
	v = view(255, "10.1.0.7", "10.2.0.8", 0, 0, ST_CONFIRMED);
	expect_line(&v, TABLE_LOCAL,
	    "unknown  255 src=10.1.0.7 dst=10.2.0.8 [UNREPLIED] src=10.2.0.8 dst=10.1.0.7 mark=0 "
	    "[active since 3s]\n");
	v = view(L4_IGMP, "10.1.0.7", "10.2.0.8", 0, 0, ST_CONFIRMED);
	expect_line(&v, TABLE_LOCAL,
	    "unknown  2 src=10.1.0.7 dst=10.2.0.8 [UNREPLIED] src=10.2.0.8 dst=10.1.0.7 mark=0 "
	    "[active since 3s]\n");
	v = view(L4_TCP, "::ffff:10.1.2.3", "::1.2.3.4", 1002, 443, SURE);
	set_state(&v, TCP_ESTABLISHED);
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 ESTABLISHED src=::ffff:10.1.2.3 dst=::1.2.3.4 sport=1002 dport=443 "
	    "src=::1.2.3.4 dst=::ffff:10.1.2.3 sport=443 dport=1002 [ASSURED] mark=0 "
	    "[active since 3s]\n");
}

static void
flows_of_peers_show_one_tuple_and_when_they_expire(void **state)
{
	struct flow_view v = view(L4_TCP, "192.168.1.10", "192.168.0.10", 47766, 5001, SURE);

	(void)state;
	set_state(&v, TCP_ESTABLISHED);
	v.flow.has &= ~(uint32_t)HAS_MARK;
	expect_line(&v, TABLE_REMOTE,
	    "tcp      6 ESTABLISHED src=192.168.1.10 dst=192.168.0.10 sport=47766 dport=5001 "
	    "[ASSURED] [active since 3s]\n");
	v.expires_s = 178;
	v.age_s = 2;
	expect_line(&v, TABLE_REMOTE,
	    "tcp      6 ESTABLISHED src=192.168.1.10 dst=192.168.0.10 sport=47766 dport=5001 "
	    "[ASSURED] [expires in 178s] [active since 2s]\n");
	v = icmp_view(L4_ICMP, "10.9.0.55", "10.10.0.55", 8, 77, 0);
	v.flow.has &= ~(uint32_t)HAS_MARK;
	v.expires_s = 0;
	v.age_s = 0;
	expect_line(&v, TABLE_REMOTE,
	    "icmp     1 src=10.9.0.55 dst=10.10.0.55 type=8 code=0 id=77 [UNREPLIED] "
	    "[expires in 0s] [active since 0s]\n");
	v = view(L4_UDP, "10.9.0.43", "10.10.0.43", 1, 2, SURE);
	v.flow.has |= HAS_ZONE | HAS_HELPER;
	v.flow.mark = 7;
	v.flow.key.zone = 9;
	strcpy(v.flow.rare.helper, "ftp");
	v.expires_s = 179;
	v.age_s = 0;
	expect_line(&v, TABLE_REMOTE,
	    "udp      17 src=10.9.0.43 dst=10.10.0.43 sport=1 dport=2 [ASSURED] mark=7 zone=9 "
	    "helper=ftp [expires in 179s] [active since 0s]\n");
}

static void
expect_word(struct flow_view *v, const char *want)
{
	char buf[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	render_flow(&t, TABLE_REMOTE, v);
	if (!strstr(buf, want))
		fail_msg("%s not in %s", want, buf);
}

static void
every_state_has_the_name_of_its_own_protocol(void **state)
{
	static const char *const names[][11] = {
	    {"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
		"TIME_WAIT", "CLOSE", "SYN_SENT2", "NONE"},
	    {"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
		"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED",
		"NONE"},
	    {"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT",
		"IGNORE", "INVALID", "NONE"},
	};
	static const uint8_t protos[] = {L4_TCP, L4_SCTP, L4_DCCP};
	static const char *const start[] = {"tcp      6 ", "sctp     132 ", "dccp     33 "};

	(void)state;
	for (size_t p = 0; p < ARRAY_LEN(protos); p++) {
		for (unsigned int i = 0; i <= 255; i++) {
			struct flow_view v = view(protos[p], "1.1.1.1", "2.2.2.2", 1, 2, SURE);
			const char *name = names[p][i < 10 ? i : 10];
			char want[64];

			set_state(&v, (uint8_t)i);
			snprintf(want, sizeof(want), "%s%s src=1.1.1.1 ", start[p], name);
			expect_word(&v, want);
		}
	}
}

static void
what_is_not_known_is_not_shown(void **state)
{
	struct flow_view v = view(L4_TCP, "10.9.0.16", "10.10.0.16", 1, 2, SURE);

	(void)state;
	v.flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_STATUS;
	expect_line(&v, TABLE_REMOTE,
	    "tcp      6 src=10.9.0.16 dst=10.10.0.16 sport=1 dport=2 [ASSURED] "
	    "[active since 3s]\n");
	v.flow.has &= ~(uint32_t)HAS_STATUS;
	expect_line(&v, TABLE_LOCAL,
	    "tcp      6 src=10.9.0.16 dst=10.10.0.16 sport=1 dport=2 [active since 3s]\n");
	/* A zone that was said aloud shows, also the default one. */
	v.flow.has |= HAS_STATUS | HAS_ZONE;
	expect_line(&v, TABLE_REMOTE,
	    "tcp      6 src=10.9.0.16 dst=10.10.0.16 sport=1 dport=2 [ASSURED] zone=0 "
	    "[active since 3s]\n");
}

static void
offloaded_flows_say_so_in_place_of_assured(void **state)
{
	struct flow_view v = view(L4_UDP, "10.9.0.47", "10.10.0.47", 1, 2, SURE | ST_OFFLOAD);

	(void)state;
	v.flow.has &= ~(uint32_t)HAS_MARK;
	expect_line(&v, TABLE_REMOTE,
	    "udp      17 src=10.9.0.47 dst=10.10.0.47 sport=1 dport=2 [OFFLOAD] "
	    "[active since 3s]\n");
	v.flow.status = SURE | ST_HW_OFFLOAD;
	expect_line(&v, TABLE_REMOTE,
	    "udp      17 src=10.9.0.47 dst=10.10.0.47 sport=1 dport=2 [HW_OFFLOAD] "
	    "[active since 3s]\n");
	v.flow.status = SURE | ST_HW_OFFLOAD | ST_OFFLOAD;
	expect_word(&v, "[HW_OFFLOAD] [active");
}

static void
a_helper_name_from_a_peer_cannot_break_the_line(void **state)
{
	struct flow_view v = view(L4_UDP, "10.9.0.44", "10.10.0.44", 1, 2, SURE);
	char buf[RENDER_FLOW_MAX];
	struct text t;

	(void)state;
	v.flow.has |= HAS_HELPER;
	memcpy(v.flow.rare.helper, "a\nb c\033[2J\t\x80\xff<&>", 16);
	expect_word(&v, "helper=a?b?c?[2J?" "?" "?<&> [active since 3s]\n");
	text_init(&t, buf, sizeof(buf));
	render_flow_xml(&t, TABLE_REMOTE, &v);
	assert_non_null(strstr(buf, "</meta><helper>a?b c?[2J?" "?" "?&lt;&amp;&gt;</helper></flow>\n"));
	assert_int_equal(strcspn(buf, "\n"), t.len - 1);
	/* Not even one without its end. */
	memset(v.flow.rare.helper, 'h', sizeof(v.flow.rare.helper));
	expect_word(&v, "helper=hhhhhhhhhhhhhhhh [active");
}

static void
xml_has_one_element_per_line(void **state)
{
	struct flow_view v = view(L4_TCP, "192.168.1.10", "192.168.0.10", 49446, 5001, SURE);

	(void)state;
	set_state(&v, TCP_ESTABLISHED);
	v.flow.has = (v.flow.has & ~(uint32_t)HAS_MARK) | HAS_ID;
	v.flow.id = 1568120410;
	expect_xml(&v, TABLE_LOCAL,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>192.168.1.10</src><dst>192.168.0.10</dst></layer3><layer4 protonum=\"6\" "
	    "protoname=\"tcp\"><sport>49446</sport><dport>5001</dport></layer4></meta>"
	    "<meta direction=\"reply\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>192.168.0.10</src><dst>192.168.1.10</dst></layer3><layer4 protonum=\"6\" "
	    "protoname=\"tcp\"><sport>5001</sport><dport>49446</dport></layer4></meta>"
	    "<meta direction=\"independent\"><state>ESTABLISHED</state><id>1568120410</id>"
	    "<assured/></meta></flow>\n");
	expect_xml(&v, TABLE_REMOTE,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>192.168.1.10</src><dst>192.168.0.10</dst></layer3><layer4 protonum=\"6\" "
	    "protoname=\"tcp\"><sport>49446</sport><dport>5001</dport></layer4></meta>"
	    "<meta direction=\"reply\"><layer3 protonum=\"0\" protoname=\"unknown\"><src></src>"
	    "<dst></dst></layer3><layer4 protonum=\"0\" protoname=\"unknown\"></layer4></meta>"
	    "<meta direction=\"independent\"><state>ESTABLISHED</state><assured/></meta></flow>\n");
	v = view(L4_GRE, "10.1.0.6", "10.2.0.6", 1, 2, ST_CONFIRMED);
	v.flow.has |= HAS_ID;
	v.flow.id = 3289496243;
	expect_xml(&v, TABLE_LOCAL,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.1.0.6</src><dst>10.2.0.6</dst></layer3><layer4 protonum=\"47\" "
	    "protoname=\"gre\"><srckey>0x1</srckey><dstkey>0x2</dstkey></layer4></meta>"
	    "<meta direction=\"reply\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.2.0.6</src><dst>10.1.0.6</dst></layer3><layer4 protonum=\"47\" "
	    "protoname=\"gre\"><srckey>0x2</srckey><dstkey>0x1</dstkey></layer4></meta>"
	    "<meta direction=\"independent\"><mark>0</mark><id>3289496243</id><unreplied/></meta>"
	    "</flow>\n");
}

static void
xml_of_ipv6_icmp_zones_and_unknown_protocols(void **state)
{
	struct flow_view v = icmp_view(L4_ICMPV6, "2001:db8::1", "2001:db8::2", 128, 5, 0);

	(void)state;
	v.flow.has |= HAS_ID;
	v.flow.id = 1499565289;
	expect_xml(&v, TABLE_LOCAL,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"10\" protoname=\"ipv6\">"
	    "<src>2001:db8::1</src><dst>2001:db8::2</dst></layer3><layer4 protonum=\"58\" "
	    "protoname=\"icmpv6\"></layer4></meta><meta direction=\"reply\"><layer3 "
	    "protonum=\"10\" protoname=\"ipv6\"><src>2001:db8::2</src><dst>2001:db8::1</dst>"
	    "</layer3><layer4 protonum=\"58\" protoname=\"icmpv6\"></layer4></meta>"
	    "<meta direction=\"independent\"><mark>0</mark><id>1499565289</id><unreplied/></meta>"
	    "</flow>\n");
	v = view(L4_UDP, "10.1.0.8", "10.2.0.8", 9, 9, ST_CONFIRMED);
	v.flow.has |= HAS_ID | HAS_ZONE;
	v.flow.key.zone = 7;
	v.flow.id = 3199741125;
	expect_xml(&v, TABLE_LOCAL,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.1.0.8</src><dst>10.2.0.8</dst></layer3><layer4 protonum=\"17\" "
	    "protoname=\"udp\"><sport>9</sport><dport>9</dport></layer4></meta>"
	    "<meta direction=\"reply\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.2.0.8</src><dst>10.1.0.8</dst></layer3><layer4 protonum=\"17\" "
	    "protoname=\"udp\"><sport>9</sport><dport>9</dport></layer4></meta>"
	    "<meta direction=\"independent\"><mark>0</mark><zone>7</zone><id>3199741125</id>"
	    "<unreplied/></meta></flow>\n");
	v = view(89, "10.1.0.7", "10.2.0.7", 0, 0, ST_CONFIRMED);
	expect_xml(&v, TABLE_REMOTE,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.1.0.7</src><dst>10.2.0.7</dst></layer3><layer4 protonum=\"89\" "
	    "protoname=\"unknown\"></layer4></meta><meta direction=\"reply\"><layer3 "
	    "protonum=\"0\" protoname=\"unknown\"><src></src><dst></dst></layer3><layer4 "
	    "protonum=\"0\" protoname=\"unknown\"></layer4></meta><meta "
	    "direction=\"independent\"><mark>0</mark><unreplied/></meta></flow>\n");
	/* SCTP states carry their own names here too, not those of TCP with the same number. */
	v = view(L4_SCTP, "10.1.3.4", "10.2.0.4", 1002, 80, SURE);
	set_state(&v, 4);
	expect_xml(&v, TABLE_REMOTE,
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.1.3.4</src><dst>10.2.0.4</dst></layer3><layer4 protonum=\"132\" "
	    "protoname=\"sctp\"><sport>1002</sport><dport>80</dport></layer4></meta><meta "
	    "direction=\"reply\"><layer3 protonum=\"0\" protoname=\"unknown\"><src></src>"
	    "<dst></dst></layer3><layer4 protonum=\"0\" protoname=\"unknown\"></layer4></meta>"
	    "<meta direction=\"independent\"><state>ESTABLISHED</state><mark>0</mark><assured/>"
	    "</meta></flow>\n");
}

static void
xml_leaves_out_what_is_not_known(void **state)
{
	static const char start[] =
	    "<flow><meta direction=\"original\"><layer3 protonum=\"2\" protoname=\"ipv4\">"
	    "<src>10.9.0.41</src><dst>10.10.0.41</dst></layer3><layer4 protonum=\"17\" "
	    "protoname=\"udp\"><sport>1</sport><dport>2</dport></layer4></meta><meta "
	    "direction=\"reply\"><layer3 protonum=\"0\" protoname=\"unknown\"><src></src><dst>"
	    "</dst></layer3><layer4 protonum=\"0\" protoname=\"unknown\"></layer4></meta>";
	static const struct {
		uint32_t has;
		const char *end;
	} cases[] = {
	    {0, "</flow>\n"},
	    {HAS_TIMEOUT, "</flow>\n"},
	    {HAS_HELPER, "<helper>ftp</helper></flow>\n"},
	    {HAS_STATUS, "<meta direction=\"independent\"></meta></flow>\n"},
	    {HAS_LABELS, "<meta direction=\"independent\"></meta></flow>\n"},
	    {HAS_ZONE, "<meta direction=\"independent\"><zone>0</zone></meta></flow>\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct flow_view v = view(L4_UDP, "10.9.0.41", "10.10.0.41", 1, 2, REPLIED);
		char want[1024];

		v.flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | cases[i].has;
		strcpy(v.flow.rare.helper, "ftp");
		snprintf(want, sizeof(want), "%s%s", start, cases[i].end);
		expect_xml(&v, TABLE_REMOTE, want);
	}
}

static void
the_longest_flow_fits(void **state)
{
	struct flow_view v = view(L4_SCTP, "1111:2222:3333:4444:5555:6666:7777:8888",
	    "1111:2222:3333:4444:5555:6666:7777:8889", 65535, 65535, ST_ASSURED);
	char buf[RENDER_FLOW_MAX];
	struct text t;

	(void)state;
	set_state(&v, 7);
	v.flow.has |= HAS_ID | HAS_ZONE | HAS_HELPER;
	v.flow.key.zone = UINT16_MAX;
	v.flow.id = v.flow.mark = UINT32_MAX;
	v.age_s = v.expires_s = INT64_MAX;
	memset(v.flow.rare.helper, '&', sizeof(v.flow.rare.helper));
	text_init(&t, buf, sizeof(buf));
	render_flow_xml(&t, TABLE_LOCAL, &v);
	assert_false(t.overflow);
	text_init(&t, buf, sizeof(buf));
	render_flow(&t, TABLE_LOCAL, &v);
	assert_false(t.overflow);
}

static void
a_flow_in_a_log_line_has_both_tuples_and_no_ages(void **state)
{
	struct flow_view v = view(L4_TCP, "10.1.0.1", "10.2.0.1", 1000, 80, SURE);
	char buf[RENDER_FLOW_MAX];
	struct text t;

	(void)state;
	set_state(&v, TCP_ESTABLISHED);
	text_init(&t, buf, sizeof(buf));
	render_flow_brief(&t, &v.flow);
	assert_string_equal(buf,
	    "tcp      6 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 src=10.2.0.1 "
	    "dst=10.1.0.1 sport=80 dport=1000 [ASSURED] mark=0");
	assert_int_equal(t.len, strlen(buf));
}

static void
expect_ended(const struct flow_view *v, const struct kernel_usage *usage, const char *want)
{
	char buf[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	render_flow_ended(&t, &v->flow, usage);
	assert_false(t.overflow);
	assert_string_equal(buf, want);
	assert_int_equal(t.len, strlen(buf));
}

static void
a_flow_that_ended_has_what_the_kernel_counted(void **state)
{
	struct flow_view v = view(L4_TCP, "10.1.0.1", "10.2.0.1", 1000, 80, SURE);
	struct kernel_usage u = {.counted = true, .packets = {6, 4}, .bytes = {322, UINT64_MAX}};

	(void)state;
	set_state(&v, TCP_TIME_WAIT);
	expect_ended(&v, &u,
	    "tcp      6 TIME_WAIT src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 packets=6 bytes=322 "
	    "src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1000 packets=4 bytes=18446744073709551615 "
	    "[ASSURED] mark=0");
	u = (struct kernel_usage){.timed = true, .start_ns = 5, .stop_ns = 2999999999};
	expect_ended(&v, &u,
	    "tcp      6 TIME_WAIT src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 src=10.2.0.1 "
	    "dst=10.1.0.1 sport=80 dport=1000 [ASSURED] mark=0 delta-time=2");
	/* The wall clock was set back. */
	u.start_ns = UINT64_MAX;
	expect_ended(&v, &u,
	    "tcp      6 TIME_WAIT src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=80 src=10.2.0.1 "
	    "dst=10.1.0.1 sport=80 dport=1000 [ASSURED] mark=0 delta-time=0");
	v = view(L4_UDP, "10.1.0.1", "10.2.0.1", 1000, 53, ST_CONFIRMED);
	u = (struct kernel_usage){.counted = true, .packets = {1, 0}, .bytes = {60, 0}};
	expect_ended(&v, &u,
	    "udp      17 src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=53 packets=1 bytes=60 "
	    "[UNREPLIED] src=10.2.0.1 dst=10.1.0.1 sport=53 dport=1000 packets=0 bytes=0 mark=0");
}

static void
text_that_does_not_fit_is_left_out_whole(void **state)
{
	char buf[8];
	struct text t;

	(void)state;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%d", 1234);
	assert_string_equal(buf, "1234");
	text_add(&t, "%d", 5678);
	assert_true(t.overflow);
	assert_string_equal(buf, "1234");
	assert_int_equal(t.len, 4);
	/* And so is what comes after it, even if that would fit. */
	text_add(&t, "9");
	assert_string_equal(buf, "1234");
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "1234567");
	assert_false(t.overflow);
	assert_string_equal(buf, "1234567");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flows_of_our_own_show_both_tuples),
	    cmocka_unit_test(each_protocol_names_its_ports_keys_or_type),
	    cmocka_unit_test(flows_of_peers_show_one_tuple_and_when_they_expire),
	    cmocka_unit_test(every_state_has_the_name_of_its_own_protocol),
	    cmocka_unit_test(what_is_not_known_is_not_shown),
	    cmocka_unit_test(offloaded_flows_say_so_in_place_of_assured),
	    cmocka_unit_test(a_helper_name_from_a_peer_cannot_break_the_line),
	    cmocka_unit_test(xml_has_one_element_per_line),
	    cmocka_unit_test(xml_of_ipv6_icmp_zones_and_unknown_protocols),
	    cmocka_unit_test(xml_leaves_out_what_is_not_known),
	    cmocka_unit_test(the_longest_flow_fits),
	    cmocka_unit_test(a_flow_in_a_log_line_has_both_tuples_and_no_ages),
	    cmocka_unit_test(a_flow_that_ended_has_what_the_kernel_counted),
	    cmocka_unit_test(text_that_does_not_fit_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
