/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ctnl_msg.h"

/*
 * Messages are put together here byte by byte, without the library that the code under test uses.
 */
struct msg {
	uint8_t b[2048];
	size_t len;
};

static void
msg_bytes(struct msg *m, const void *data, size_t len)
{
	assert_true(m->len + len + 3 < sizeof(m->b));
	if (len > 0)
		memcpy(m->b + m->len, data, len);
	m->len += len;
	while (m->len % 4)
		m->b[m->len++] = 0;
}

/* Appends an attribute; returns where it starts. */
static size_t
msg_attr(struct msg *m, uint16_t type, const void *data, size_t len)
{
	uint16_t head[2] = {(uint16_t)(4 + len), type};
	size_t at = m->len;

	msg_bytes(m, head, sizeof(head));
	msg_bytes(m, data, len);
	return at;
}

static size_t
msg_nest(struct msg *m, uint16_t type)
{
	return msg_attr(m, type | 0x8000, NULL, 0);
}

static void
msg_nest_end(struct msg *m, size_t at)
{
	uint16_t len = (uint16_t)(m->len - at);

	memcpy(m->b + at, &len, 2);
}

static void
msg_be32(struct msg *m, uint16_t type, uint32_t v)
{
	uint32_t be = htonl(v);

	msg_attr(m, type, &be, 4);
}

static void
msg_be16(struct msg *m, uint16_t type, uint16_t v)
{
	uint16_t be = htons(v);

	msg_attr(m, type, &be, 2);
}

static void
msg_u8(struct msg *m, uint16_t type, uint8_t v)
{
	msg_attr(m, type, &v, 1);
}

static void
msg_start(struct msg *m)
{
	uint8_t head[20] = {0};
	uint16_t type = 0x100;

	memset(m, 0, sizeof(*m));
	memcpy(head + 4, &type, 2);
	head[16] = 2;
	msg_bytes(m, head, sizeof(head));
}

/* Address and protocol part of a tuple; the caller may add to the protocol part and then closes
 * both. */
static void
msg_tuple_open(
    struct msg *m, uint16_t no, const char *src, const char *dst, uint8_t l4, size_t at[2])
{
	int family = strchr(src, ':') ? AF_INET6 : AF_INET;
	size_t len = family == AF_INET6 ? 16 : 4;
	uint16_t first = family == AF_INET6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC;
	uint8_t addr[16];
	size_t ip;

	at[0] = msg_nest(m, no);
	ip = msg_nest(m, CTA_TUPLE_IP);
	assert_int_equal(inet_pton(family, src, addr), 1);
	msg_attr(m, first, addr, len);
	assert_int_equal(inet_pton(family, dst, addr), 1);
	msg_attr(m, first + 1, addr, len);
	msg_nest_end(m, ip);
	at[1] = msg_nest(m, CTA_TUPLE_PROTO);
	msg_u8(m, CTA_PROTO_NUM, l4);
}

static void
msg_tuple_close(struct msg *m, const size_t at[2])
{
	msg_nest_end(m, at[1]);
	msg_nest_end(m, at[0]);
}

static void
msg_tuple(struct msg *m, uint16_t no, const char *src, const char *dst, uint8_t l4, uint16_t sport,
    uint16_t dport)
{
	size_t at[2];

	msg_tuple_open(m, no, src, dst, l4, at);
	msg_be16(m, CTA_PROTO_SRC_PORT, sport);
	msg_be16(m, CTA_PROTO_DST_PORT, dport);
	msg_tuple_close(m, at);
}

static void
msg_three(struct msg *m, uint16_t no, uint32_t a, uint32_t b, uint32_t c)
{
	size_t at = msg_nest(m, no);

	msg_be32(m, 1, a);
	msg_be32(m, 2, b);
	msg_be32(m, 3, c);
	msg_nest_end(m, at);
}

static void
msg_tcp(struct msg *m)
{
	const uint8_t flags_orig[2] = {0x23, 0}, flags_repl[2] = {0x33, 0};
	size_t info = msg_nest(m, CTA_PROTOINFO);
	size_t tcp = msg_nest(m, CTA_PROTOINFO_TCP);

	msg_u8(m, CTA_PROTOINFO_TCP_STATE, 3);
	msg_u8(m, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 7);
	msg_u8(m, CTA_PROTOINFO_TCP_WSCALE_REPLY, 9);
	msg_attr(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, flags_orig, 2);
	msg_attr(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, flags_repl, 2);
	msg_nest_end(m, tcp);
	msg_nest_end(m, info);
}

/* A message with everything that parsing knows.  ends[] gets the lengths at which the message could
 * stop between two attributes; the number of them is returned. */
static size_t
msg_full(struct msg *m, size_t *ends)
{
	const uint8_t labels[16] = {0x02, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};
	size_t n = 0, at;

	msg_start(m);
	msg_tuple(m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", 6, 33003, 8081);
	ends[n++] = m->len;
	msg_tuple(m, CTA_TUPLE_REPLY, "10.2.0.2", "10.2.0.100", 6, 8081, 40002);
	ends[n++] = m->len;
	msg_be32(m, CTA_STATUS, 0x19f);
	ends[n++] = m->len;
	msg_tcp(m);
	ends[n++] = m->len;
	at = msg_nest(m, CTA_HELP);
	msg_attr(m, CTA_HELP_NAME, "ftp", 4);
	msg_nest_end(m, at);
	ends[n++] = m->len;
	msg_be32(m, CTA_TIMEOUT, 432000);
	ends[n++] = m->len;
	msg_be32(m, CTA_MARK, 0xcafe0001);
	ends[n++] = m->len;
	msg_be32(m, CTA_ID, 0x01020304);
	ends[n++] = m->len;
	msg_tuple(m, CTA_TUPLE_MASTER, "10.1.0.2", "10.2.0.2", 6, 33000, 21);
	ends[n++] = m->len;
	msg_three(m, CTA_SEQ_ADJ_ORIG, 1, 2, 3);
	ends[n++] = m->len;
	msg_three(m, CTA_SEQ_ADJ_REPLY, 4, 5, 0xffffffff);
	ends[n++] = m->len;
	msg_be16(m, CTA_ZONE, 513);
	ends[n++] = m->len;
	msg_attr(m, CTA_LABELS, labels, sizeof(labels));
	ends[n++] = m->len;
	/* In the order of the numbers: isn, its, tsoff. */
	msg_three(m, CTA_SYNPROXY, 0x11, 0x22, 0x33);
	ends[n++] = m->len;
	return n;
}

/* Parses exactly the first `len` bytes, in memory of that size, so that a sanitizer sees one byte
 * too many being read. */
static bool
parse(const struct msg *m, size_t len, struct flow *out)
{
	uint32_t nlmsg_len = (uint32_t)len;
	uint8_t *copy = malloc(len);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, m->b, len);
	memcpy(copy, &nlmsg_len, 4);
	ok = ctnl_msg_parse((const struct nlmsghdr *)copy, out);
	free(copy);
	return ok;
}

static void
assert_addr(const struct ip_addr *addr, const char *text)
{
	struct ip_addr want;

	memset(&want, 0, sizeof(want));
	assert_int_equal(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, &want), 1);
	assert_memory_equal(addr, &want, sizeof(want));
}

static void
everything_in_a_message_is_read(void **state)
{
	const uint8_t labels[16] = {0x02, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};
	size_t ends[32];
	struct flow f;
	struct msg m;

	(void)state;
	msg_full(&m, ends);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_STATUS |
				    HAS_TIMEOUT | HAS_MARK | HAS_ZONE | HAS_STATE | HAS_WSCALE |
				    HAS_TCP_FLAGS | HAS_SNAT | HAS_SPAT | HAS_ID | HAS_MASTER |
				    HAS_MASTER_L4 | HAS_MASTER_PORTS | HAS_SEQADJ | HAS_HELPER |
				    HAS_LABELS | HAS_SYNPROXY);
	assert_addr(&f.key.src, "10.1.0.2");
	assert_addr(&f.key.dst, "10.2.0.2");
	assert_int_equal(ntohs(f.key.sport), 33003);
	assert_int_equal(ntohs(f.key.dport), 8081);
	assert_int_equal(f.key.zone, 513);
	assert_int_equal(f.key.l3, L3_IPV4);
	assert_int_equal(f.key.l4, L4_TCP);
	assert_addr(&f.reply.src, "10.2.0.2");
	assert_addr(&f.reply.dst, "10.2.0.100");
	assert_int_equal(ntohs(f.reply.sport), 8081);
	assert_int_equal(ntohs(f.reply.dport), 40002);
	assert_int_equal(f.status, 0x19f);
	assert_int_equal(f.mark, 0xcafe0001);
	assert_int_equal(f.timeout_s, 432000);
	assert_int_equal(f.id, 0x01020304);
	assert_int_equal(f.l4.tcp.state, TCP_ESTABLISHED);
	assert_int_equal(f.l4.tcp.wscale_orig, 7);
	assert_int_equal(f.l4.tcp.wscale_repl, 9);
	assert_int_equal(f.l4.tcp.flags_orig, 0x23);
	assert_int_equal(f.l4.tcp.flags_repl, 0x33);
	assert_addr(&f.rare.master.src, "10.1.0.2");
	assert_addr(&f.rare.master.dst, "10.2.0.2");
	assert_int_equal(ntohs(f.rare.master.sport), 33000);
	assert_int_equal(ntohs(f.rare.master.dport), 21);
	assert_int_equal(f.rare.master.l3, L3_IPV4);
	assert_int_equal(f.rare.master.l4, L4_TCP);
	assert_int_equal(f.rare.master.zone, 513);
	assert_int_equal(f.rare.seqadj[0].correction_pos, 1);
	assert_int_equal(f.rare.seqadj[0].offset_before, 2);
	assert_int_equal(f.rare.seqadj[0].offset_after, 3);
	assert_int_equal(f.rare.seqadj[1].correction_pos, 4);
	assert_int_equal(f.rare.seqadj[1].offset_before, 5);
	assert_int_equal(f.rare.seqadj[1].offset_after, 0xffffffff);
	assert_int_equal(f.rare.synproxy_isn, 0x11);
	assert_int_equal(f.rare.synproxy_its, 0x22);
	assert_int_equal(f.rare.synproxy_tsoff, 0x33);
	assert_string_equal(f.rare.helper, "ftp");
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	assert_memory_equal(f.rare.labels, labels, sizeof(labels));
#else
	(void)labels;
#endif
}

static void
a_cut_message_is_refused_unless_cut_between_attributes(void **state)
{
	size_t ends[32], n;
	struct flow f;
	struct msg m;

	(void)state;
	n = msg_full(&m, ends);
	/* A header that is itself cut never gets this far: mnl_nlmsg_ok() sees to it. */
	for (size_t len = MNL_NLMSG_HDRLEN; len <= m.len; len++) {
		bool whole = false;

		/* The last three bytes of some attributes are padding, which may be missing. */
		for (size_t i = 0; i < n; i++) {
			bool padded = i == 11;

			whole = whole || len == ends[i] ||
				(padded && len < ends[i] && len + 3 > ends[i]);
		}
		assert_int_equal(parse(&m, len, &f), whole);
	}
}

static void
damaged_bytes_do_no_harm(void **state)
{
	const uint8_t values[] = {0x00, 0x01, 0x03, 0x04, 0x05, 0x7f, 0x80, 0xff};
	size_t ends[32];
	struct flow f;
	struct msg m;

	(void)state;
	msg_full(&m, ends);
	for (size_t at = MNL_NLMSG_HDRLEN; at < m.len; at++) {
		uint8_t was = m.b[at];

		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			m.b[at] = values[i];
			/* What is accepted is at least a flow, with its strings ended. */
			if (parse(&m, m.len, &f)) {
				assert_true(flow_is_complete(&f));
				assert_non_null(memchr(f.rare.helper, 0, FLOW_HELPER_LEN));
			}
		}
		m.b[at] = was;
	}
}

static void
start_udp(struct msg *m)
{
	msg_start(m);
	msg_tuple(m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", 17, 1000, 53);
}

static void
attributes_of_the_wrong_size_are_refused(void **state)
{
	const uint16_t fixed[] = {CTA_STATUS, CTA_TIMEOUT, CTA_MARK, CTA_ID};
	const uint8_t zeros[24] = {0};
	struct flow f;
	struct msg m;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		for (size_t len = 0; len <= 8; len++) {
			start_udp(&m);
			msg_attr(&m, fixed[i], zeros, len);
			assert_int_equal(parse(&m, m.len, &f), len == 4);
		}
	}
	for (size_t len = 0; len <= 4; len++) {
		start_udp(&m);
		msg_attr(&m, CTA_ZONE, zeros, len);
		assert_int_equal(parse(&m, m.len, &f), len == 2);
	}
	for (size_t len = 0; len <= 24; len++) {
		start_udp(&m);
		msg_attr(&m, CTA_LABELS, zeros, len);
		assert_int_equal(parse(&m, m.len, &f), len > 0 && len % sizeof(long) == 0);
	}
	start_udp(&m);
	at = msg_nest(&m, CTA_SYNPROXY);
	msg_be16(&m, CTA_SYNPROXY_ISN, 1);
	msg_nest_end(&m, at);
	assert_false(parse(&m, m.len, &f));
	/* A nest that is not one. */
	start_udp(&m);
	msg_be16(&m, CTA_HELP, 0xffff);
	assert_false(parse(&m, m.len, &f));
}

static void
a_message_without_a_whole_original_tuple_is_refused(void **state)
{
	uint8_t addr[16] = {10, 0, 0, 1};
	size_t at[2], ip;
	struct flow f;
	struct msg m;

	(void)state;
	msg_start(&m);
	assert_false(parse(&m, m.len, &f));
	msg_tuple(&m, CTA_TUPLE_REPLY, "10.1.0.2", "10.2.0.2", 17, 1000, 53);
	assert_false(parse(&m, m.len, &f));
	/* Ports missing where the protocol has them. */
	msg_start(&m);
	msg_tuple_open(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", L4_TCP, at);
	msg_tuple_close(&m, at);
	assert_false(parse(&m, m.len, &f));
	/* Id without type and code. */
	msg_start(&m);
	msg_tuple_open(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", L4_ICMP, at);
	msg_be16(&m, CTA_PROTO_ICMP_ID, 7);
	msg_tuple_close(&m, at);
	assert_false(parse(&m, m.len, &f));
	/* Source and destination of different families. */
	msg_start(&m);
	at[0] = msg_nest(&m, CTA_TUPLE_ORIG);
	ip = msg_nest(&m, CTA_TUPLE_IP);
	msg_attr(&m, CTA_IP_V4_SRC, addr, 4);
	msg_attr(&m, CTA_IP_V6_DST, addr, 16);
	msg_nest_end(&m, ip);
	ip = msg_nest(&m, CTA_TUPLE_PROTO);
	msg_u8(&m, CTA_PROTO_NUM, 50);
	msg_nest_end(&m, ip);
	msg_nest_end(&m, at[0]);
	assert_false(parse(&m, m.len, &f));
	/* A reply of another protocol. */
	start_udp(&m);
	msg_tuple(&m, CTA_TUPLE_REPLY, "10.2.0.2", "10.1.0.2", 6, 53, 1000);
	assert_false(parse(&m, m.len, &f));
}

static void
icmp_id_type_and_code_are_read_as_flow_h_says(void **state)
{
	const uint8_t request[2] = {8, 0}, request6[2] = {128, 0}, answer6[2] = {129, 0};
	size_t at[2];
	struct flow f;
	struct msg m;

	(void)state;
	msg_start(&m);
	msg_tuple_open(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", L4_ICMP, at);
	msg_be16(&m, CTA_PROTO_ICMP_ID, 0x1122);
	msg_u8(&m, CTA_PROTO_ICMP_TYPE, 8);
	msg_u8(&m, CTA_PROTO_ICMP_CODE, 0);
	msg_tuple_close(&m, at);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_ICMP);
	assert_int_equal(ntohs(f.key.sport), 0x1122);
	assert_memory_equal(&f.key.dport, request, 2);

	msg_start(&m);
	msg_tuple_open(&m, CTA_TUPLE_ORIG, "2001:db8::1", "2001:db8::2", L4_ICMPV6, at);
	msg_be16(&m, CTA_PROTO_ICMPV6_ID, 0x3344);
	msg_u8(&m, CTA_PROTO_ICMPV6_TYPE, 128);
	msg_u8(&m, CTA_PROTO_ICMPV6_CODE, 0);
	msg_tuple_close(&m, at);
	msg_tuple_open(&m, CTA_TUPLE_REPLY, "2001:db8::2", "2001:db8::9", L4_ICMPV6, at);
	msg_be16(&m, CTA_PROTO_ICMPV6_ID, 0x5566);
	msg_u8(&m, CTA_PROTO_ICMPV6_TYPE, 129);
	msg_u8(&m, CTA_PROTO_ICMPV6_CODE, 0);
	msg_tuple_close(&m, at);
	msg_be32(&m, CTA_STATUS, ST_SRC_NAT | ST_SRC_NAT_DONE | ST_DST_NAT_DONE);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has,
	    HAS_ADDRS | HAS_L4PROTO | HAS_ICMP | HAS_REPLY | HAS_STATUS | HAS_SNAT | HAS_SPAT);
	assert_int_equal(f.key.l3, L3_IPV6);
	assert_addr(&f.reply.dst, "2001:db8::9");
	assert_memory_equal(&f.key.dport, request6, 2);
	assert_int_equal(ntohs(f.reply.sport), 0x5566);
	assert_memory_equal(&f.reply.dport, answer6, 2);
}

static void
gre_has_keys_and_esp_has_nothing(void **state)
{
	size_t at[2];
	struct flow f;
	struct msg m;

	(void)state;
	msg_start(&m);
	msg_tuple(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", L4_GRE, 0x10, 0x20);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS);
	assert_int_equal(ntohs(f.key.sport), 0x10);
	assert_int_equal(ntohs(f.key.dport), 0x20);

	msg_start(&m);
	msg_tuple_open(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", 50, at);
	msg_tuple_close(&m, at);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO);
	assert_int_equal(f.key.sport, 0);
}

static void
sctp_and_dccp_states_are_read(void **state)
{
	const uint8_t seq[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	size_t info, proto;
	struct flow f;
	struct msg m;

	(void)state;
	msg_start(&m);
	msg_tuple(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", L4_SCTP, 1000, 36412);
	info = msg_nest(&m, CTA_PROTOINFO);
	proto = msg_nest(&m, CTA_PROTOINFO_SCTP);
	msg_u8(&m, CTA_PROTOINFO_SCTP_STATE, 4);
	msg_be32(&m, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, 0xaabbccdd);
	msg_be32(&m, CTA_PROTOINFO_SCTP_VTAG_REPLY, 1);
	msg_nest_end(&m, proto);
	msg_nest_end(&m, info);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_STATE | HAS_VTAGS);
	assert_int_equal(f.l4.sctp.state, 4);
	assert_int_equal(f.l4.sctp.vtag_orig, 0xaabbccdd);
	assert_int_equal(f.l4.sctp.vtag_repl, 1);

	msg_start(&m);
	msg_tuple(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", L4_DCCP, 1000, 5001);
	info = msg_nest(&m, CTA_PROTOINFO);
	proto = msg_nest(&m, CTA_PROTOINFO_DCCP);
	msg_u8(&m, CTA_PROTOINFO_DCCP_STATE, 3);
	msg_u8(&m, CTA_PROTOINFO_DCCP_ROLE, 1);
	msg_attr(&m, CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, seq, 8);
	msg_nest_end(&m, proto);
	msg_nest_end(&m, info);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(
	    f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_STATE | HAS_DCCP_ROLE | HAS_DCCP_SEQ);
	assert_int_equal(f.l4.dccp.role, 1);
	assert_true(f.l4.dccp.handshake_seq == 0x0102030405060708ULL);

	/* The block of another protocol than the tuple's is not for us. */
	start_udp(&m);
	msg_tcp(&m);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS);
}

static void
a_tcp_state_from_the_future_is_no_state(void **state)
{
	size_t info, proto;
	struct flow f;
	struct msg m;

	(void)state;
	msg_start(&m);
	msg_tuple(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", 6, 1, 2);
	info = msg_nest(&m, CTA_PROTOINFO);
	proto = msg_nest(&m, CTA_PROTOINFO_TCP);
	msg_u8(&m, CTA_PROTOINFO_TCP_STATE, TCP_STATE_MAX);
	msg_nest_end(&m, proto);
	msg_nest_end(&m, info);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has & HAS_STATE, 0);
	assert_int_equal(f.l4.tcp.state, TCP_NONE);
}

static void
unknown_attributes_are_skipped(void **state)
{
	size_t info, proto, at[2];
	struct flow f;
	struct msg m;

	(void)state;
	msg_start(&m);
	msg_attr(&m, 31, "abc", 3);
	msg_attr(&m, 32, "abc", 3);
	msg_attr(&m, 0x3fff, "abcde", 5);
	msg_tuple_open(&m, CTA_TUPLE_ORIG, "10.1.0.2", "10.2.0.2", 6, at);
	msg_attr(&m, 77, "x", 1);
	msg_be16(&m, CTA_PROTO_SRC_PORT, 1);
	msg_be16(&m, CTA_PROTO_DST_PORT, 2);
	msg_nest_end(&m, at[1]);
	/* A zone for this direction only. */
	msg_be16(&m, CTA_TUPLE_ZONE, 9);
	msg_nest_end(&m, at[0]);
	info = msg_nest(&m, CTA_PROTOINFO);
	msg_attr(&m, 9, "x", 1);
	proto = msg_nest(&m, CTA_PROTOINFO_TCP);
	msg_attr(&m, 30, "x", 1);
	msg_u8(&m, CTA_PROTOINFO_TCP_STATE, 3);
	msg_nest_end(&m, proto);
	msg_nest_end(&m, info);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_STATE);
	assert_int_equal(f.key.zone, 0);
}

static void
helper_names_are_cut_and_ended(void **state)
{
	char name[64];
	struct flow f;
	struct msg m;

	(void)state;
	memset(name, 'x', sizeof(name));
	for (size_t len = 0; len <= sizeof(name); len++) {
		size_t want = len < FLOW_HELPER_LEN - 1 ? len : FLOW_HELPER_LEN - 1;
		size_t at;

		start_udp(&m);
		at = msg_nest(&m, CTA_HELP);
		/* Without the NUL that the kernel sends. */
		msg_attr(&m, CTA_HELP_NAME, name, len);
		msg_nest_end(&m, at);
		assert_true(parse(&m, m.len, &f));
		assert_int_equal(strlen(f.rare.helper), want);
		assert_int_equal((f.has & HAS_HELPER) != 0, want > 0);
	}
}

static void
half_of_a_pair_counts_as_absent(void **state)
{
	struct flow f;
	struct msg m;

	(void)state;
	start_udp(&m);
	msg_three(&m, CTA_SEQ_ADJ_ORIG, 1, 2, 3);
	msg_three(&m, CTA_SYNPROXY, 0, 0, 0);
	assert_true(parse(&m, m.len, &f));
	assert_int_equal(f.has, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS);
	assert_int_equal(f.rare.seqadj[0].correction_pos, 0);
}

static void
msg_be64(struct msg *m, uint16_t type, uint64_t v)
{
	uint32_t be[2] = {htonl((uint32_t)(v >> 32)), htonl((uint32_t)v)};

	msg_attr(m, type, be, 8);
}

static void
msg_two64(struct msg *m, uint16_t no, uint16_t first, uint64_t a, uint64_t b)
{
	size_t at = msg_nest(m, no);

	msg_be64(m, first, a);
	msg_be64(m, first + 1, b);
	msg_nest_end(m, at);
}

static void
msg_end(struct msg *m)
{
	uint32_t len = (uint32_t)m->len;

	memcpy(m->b, &len, 4);
}

static void
counters_and_times_are_read_by_direction(void **state)
{
	struct kernel_usage u;
	struct msg m;
	size_t at;

	(void)state;
	msg_start(&m);
	msg_two64(&m, CTA_COUNTERS_ORIG, CTA_COUNTERS_PACKETS, 6, 0x100000002);
	msg_two64(&m, CTA_COUNTERS_REPLY, CTA_COUNTERS_PACKETS, 4, 218);
	msg_two64(&m, CTA_TIMESTAMP, CTA_TIMESTAMP_START, 0x18a0000000000001, 0x18a00000ffffffff);
	msg_end(&m);
	ctnl_msg_usage((const void *)m.b, &u);
	assert_true(u.counted && u.timed);
	assert_int_equal(u.packets[0], 6);
	assert_int_equal(u.bytes[0], 0x100000002);
	assert_int_equal(u.packets[1], 4);
	assert_int_equal(u.bytes[1], 218);
	assert_int_equal(u.stop_ns - u.start_ns, 0xfffffffe);
	/* An entry that is still there has no end. */
	msg_start(&m);
	at = msg_nest(&m, CTA_TIMESTAMP);
	msg_be64(&m, CTA_TIMESTAMP_START, 5);
	msg_nest_end(&m, at);
	msg_end(&m);
	ctnl_msg_usage((const void *)m.b, &u);
	assert_false(u.counted || u.timed);
	/* Cut short, or of another length. */
	msg_start(&m);
	msg_two64(&m, CTA_COUNTERS_ORIG, CTA_COUNTERS_PACKETS, 6, 7);
	for (size_t len = 0; len < m.len; len++) {
		uint32_t cut = (uint32_t)len;

		memcpy(m.b, &cut, 4);
		ctnl_msg_usage((const void *)m.b, &u);
		assert_int_equal(u.bytes[0], 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_in_a_message_is_read),
	    cmocka_unit_test(a_cut_message_is_refused_unless_cut_between_attributes),
	    cmocka_unit_test(damaged_bytes_do_no_harm),
	    cmocka_unit_test(attributes_of_the_wrong_size_are_refused),
	    cmocka_unit_test(a_message_without_a_whole_original_tuple_is_refused),
	    cmocka_unit_test(icmp_id_type_and_code_are_read_as_flow_h_says),
	    cmocka_unit_test(gre_has_keys_and_esp_has_nothing),
	    cmocka_unit_test(sctp_and_dccp_states_are_read),
	    cmocka_unit_test(a_tcp_state_from_the_future_is_no_state),
	    cmocka_unit_test(unknown_attributes_are_skipped),
	    cmocka_unit_test(helper_names_are_cut_and_ended),
	    cmocka_unit_test(half_of_a_pair_counts_as_absent),
	    cmocka_unit_test(counters_and_times_are_read_by_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
