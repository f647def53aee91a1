/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "render_json.h"

static char buf[RENDER_JSON_MAX];

static const char *
flow_text(enum node_table table, const struct flow_view *v)
{
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	render_flow_json(&j, table, v);
	assert_false(t.overflow);
	assert_int_equal(j.depth, 0);
	return buf;
}

static const char *
expect_text(enum node_table table, const struct expect_view *v)
{
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	render_expect_json(&j, table, v);
	assert_false(t.overflow);
	assert_int_equal(j.depth, 0);
	return buf;
}

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a = {0};

	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, a.b), 1);
	return a;
}

static struct flow_key
key(uint8_t l4, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	return (struct flow_key){.src = addr(src), .dst = addr(dst), .sport = htons(sport),
	    .dport = htons(dport), .l3 = strchr(src, ':') ? L3_IPV6 : L3_IPV4, .l4 = l4};
}

static void
what_is_not_known_has_no_key(void **state)
{
	struct flow_view v = {.age_s = 3, .expires_s = -1};

	(void)state;
	v.flow.key = key(L4_UDP, "10.0.0.1", "10.0.0.2", 1000, 53);
	v.flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS;
	assert_string_equal(flow_text(TABLE_LOCAL, &v),
	    "{\"table\":\"internal\",\"family\":\"ipv4\",\"protocol\":\"udp\",\"protocol_number\":17,"
	    "\"original\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\",\"source_port\":1000,"
	    "\"destination_port\":53},\"zone\":0,\"age_s\":3}");
}

static void
a_translated_connection(void **state)
{
	struct flow_view v = {.age_s = 3, .expires_s = 9, .timeout_left_s = 100};

	(void)state;
	v.peer = (struct peer_addr){.link = 1, .l3 = L3_IPV4, .addr = addr("192.168.100.1")};
	v.flow.key = key(L4_TCP, "10.0.0.1", "10.0.0.2", 1000, 80);
	v.flow.reply = (struct flow_reply){addr("10.0.0.2"), addr("192.0.2.1"), htons(80), htons(40000)};
	v.flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_STATE | HAS_STATUS | HAS_TIMEOUT |
	    HAS_MARK | HAS_SNAT | HAS_SPAT | HAS_WSCALE;
	v.flow.status = ST_SEEN_REPLY | ST_ASSURED | ST_SRC_NAT | ST_SRC_NAT_DONE;
	v.flow.timeout_s = 120;
	v.flow.l4.tcp = (struct flow_tcp){.state = TCP_ESTABLISHED, .wscale_orig = 7, .wscale_repl = 0};
	assert_string_equal(flow_text(TABLE_REMOTE, &v),
	    "{\"table\":\"external\",\"family\":\"ipv4\",\"protocol\":\"tcp\",\"protocol_number\":6,"
	    "\"original\":{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\",\"source_port\":1000,"
	    "\"destination_port\":80},"
	    "\"reply\":{\"source\":\"10.0.0.2\",\"destination\":\"192.0.2.1\",\"source_port\":80,"
	    "\"destination_port\":40000},\"zone\":0,\"state\":\"ESTABLISHED\","
	    "\"tcp\":{\"window_scale_original\":7,\"window_scale_reply\":0},"
	    "\"status\":150,\"flags\":[\"seen-reply\",\"assured\",\"source-nat\",\"source-nat-done\"],"
	    "\"translated\":[\"source\",\"source-port\"],\"timeout_s\":120,\"mark\":0,\"age_s\":3,"
	    "\"expires_s\":9,\"peer\":{\"address\":\"192.168.100.1\",\"link\":1}}");
	assert_non_null(strstr(flow_text(TABLE_LOCAL, &v), "\"timeout_left_s\":100"));
	assert_null(strstr(buf, "peer"));
}

/* All bits set: also what no flow has together. */
static void
the_longest_fits(void **state)
{
	/* Longer than what inet_ntop() makes of all bits. */
	static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
	const uint8_t l4s[] = {L4_TCP, L4_SCTP, L4_DCCP, L4_ICMPV6, L4_GRE, 255};
	struct flow_view v;
	struct expect_view e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(l4s); i++) {
		memset(&v, 0xff, sizeof(v));
		v.age_s = v.expires_s = INT64_MAX;
		v.flow.key.l3 = v.flow.rare.master.l3 = v.peer.l3 = L3_IPV6;
		v.flow.key.l4 = v.flow.rare.master.l4 = l4s[i];
		assert_true(strlen(flow_text(TABLE_REMOTE, &v)) + sizeof(longest) * 7 < sizeof(buf) - 512);
		assert_non_null(strstr(buf, "126,127]"));
	}
	memset(&e, 0xff, sizeof(e));
	e.age_s = e.expires_s = INT64_MAX;
	e.expect.tuple.l3 = e.expect.master.l3 = e.peer.l3 = L3_IPV6;
	assert_true(strlen(expect_text(TABLE_REMOTE, &e)) + sizeof(longest) * 7 < sizeof(buf) - 512);
}

/* It comes from a peer: not ended, and with all that ends a string or a line elsewhere. */
static void
names_are_strings(void **state)
{
	struct flow_view v = {.expires_s = -1};

	(void)state;
	v.flow.key = key(L4_TCP, "10.0.0.1", "10.0.0.2", 1, 2);
	v.flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_HELPER;
	memcpy(v.flow.rare.helper, "a\"b\\c\nd\xff" "efghijkl", FLOW_HELPER_LEN);
	assert_non_null(strstr(flow_text(TABLE_LOCAL, &v), "\"helper\":\"a\\\"b\\\\c\\nd\\ufffdefghijkl\""));
}

static void
an_expectation(void **state)
{
	struct expect_view v = {.age_s = 1, .expires_s = -1};

	(void)state;
	v.expect.master = key(L4_TCP, "10.0.0.1", "10.0.0.2", 1000, 21);
	v.expect.tuple = key(L4_TCP, "10.0.0.2", "10.0.0.1", 0, 2000);
	v.expect.mask = key(0, "255.255.255.255", "255.255.255.255", 0, 65535);
	v.expect.nat = key(0, "192.0.2.1", "0.0.0.0", 3000, 0);
	v.expect.has = EXP_MASTER_ADDRS | EXP_TUPLE_ADDRS | EXP_MASK_ADDRS | EXP_TIMEOUT | EXP_CLASS |
	    EXP_NAT_ADDRS | EXP_NAT_PORTS | EXP_NAT_DIR | EXP_HELPER;
	v.expect.timeout_s = 300;
	strcpy(v.expect.helper, "ftp");
	assert_string_equal(expect_text(TABLE_LOCAL, &v),
	    "{\"table\":\"internal\",\"family\":\"ipv4\",\"protocol\":\"tcp\",\"protocol_number\":6,"
	    "\"expected\":{\"source\":\"10.0.0.2\",\"destination\":\"10.0.0.1\",\"source_port\":0,"
	    "\"destination_port\":2000},"
	    "\"mask\":{\"source\":\"255.255.255.255\",\"destination\":\"255.255.255.255\",\"source_port\":0,"
	    "\"destination_port\":65535},"
	    "\"master\":{\"protocol\":\"tcp\",\"protocol_number\":6,\"source\":\"10.0.0.1\","
	    "\"destination\":\"10.0.0.2\",\"source_port\":1000,\"destination_port\":21},\"zone\":0,"
	    "\"timeout_s\":300,\"class\":0,"
	    "\"nat\":{\"source\":\"192.0.2.1\",\"source_port\":3000,\"direction\":\"original\"},"
	    "\"helper\":\"ftp\",\"age_s\":1}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_known_has_no_key),
	    cmocka_unit_test(a_translated_connection),
	    cmocka_unit_test(the_longest_fits),
	    cmocka_unit_test(names_are_strings),
	    cmocka_unit_test(an_expectation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
