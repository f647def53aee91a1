/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The golden vectors: datagrams of the incumbent's own making, decoded and encoded again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node.h"
#include "wire.h"

enum { VECTORS_MAX = 64, DATAGRAM_MAX = 2048 };

struct vector {
	char name[8];
	uint8_t data[DATAGRAM_MAX];
	size_t len;
};

static struct vector vectors[VECTORS_MAX];
static size_t vectors_count;

static void
add_hex(struct vector *v, const char *line)
{
	unsigned int byte;

	while (*line != '\0') {
		if (*line == ' ' || *line == '\n') {
			line++;
			continue;
		}
		assert_int_equal(sscanf(line, "%2x", &byte), 1);
		assert_true(v->len < DATAGRAM_MAX);
		v->data[v->len++] = (uint8_t)byte;
		line += 2;
	}
}

/* vectors.txt: "Vnn title", then after a line "    payload:" hexadecimal words up to "    @". */
static int
load_vectors(void **state)
{
	FILE *f = fopen(VECTORS_FILE, "r");
	struct vector *v = NULL;
	bool payload = false;
	char line[512];

	(void)state;
	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == 'V' && strspn(line + 1, "0123456789") == 2) {
			v = &vectors[vectors_count++];
			snprintf(v->name, sizeof(v->name), "%.3s", line);
			payload = false;
		} else if (strncmp(line, "    payload:", 12) == 0) {
			payload = true;
		} else if (strncmp(line, "    @", 5) == 0) {
			payload = false;
		} else if (payload && strncmp(line, "      ", 6) == 0) {
			add_hex(v, line + 6);
		}
	}
	fclose(f);
	return vectors_count == 36 ? 0 : -1;
}

/* Decodes one message and encodes it again; false if it cannot be decoded. */
static bool
reencode(const struct wire_msg *m, struct wbuf *wb)
{
	struct attr_skipped skipped = {0};
	struct expect e;
	struct flow f;

	switch (wire_classify(m)) {
	case CLASS_STATE:
		if (m->type <= WIRE_CT_DEL) {
			if (attr_decode_flow(m->attrs, m->attrs_len, &f, &skipped) != ATTR_OK)
				return false;
			return wire_put_flow(wb, m->type, m->flags, m->seq, &f, UINT32_MAX);
		}
		if (attr_decode_expect(m->attrs, m->attrs_len, &e, &skipped) != ATTR_OK)
			return false;
		return wire_put_expect(wb, m->type, m->flags, m->seq, &e);
	case CLASS_ACK:
	case CLASS_NACK:
	case CLASS_RESYNC:
	case CLASS_ALIVE:
		return wire_put_control(wb, m->flags, m->seq, m->from, m->to);
	case CLASS_BAD:
		break;
	}
	return false;
}

static void
golden_vectors_come_back_byte_for_byte(void **state)
{
	uint8_t out[DATAGRAM_MAX];

	(void)state;
	for (size_t i = 0; i < vectors_count; i++) {
		const struct vector *v = &vectors[i];
		struct wire_msg m;
		struct wbuf wb;
		struct rbuf r;

		rbuf_init(&r, v->data, v->len);
		wbuf_init(&wb, out, sizeof(out));
		while (wire_next(&r, &m) == WIRE_MSG)
			assert_true(reencode(&m, &wb));
		assert_int_equal(rbuf_left(&r), 0);
		if (wbuf_len(&wb) != v->len || memcmp(out, v->data, v->len) != 0)
			fail_msg("%s differs", v->name);
	}
}

static const struct vector *
vector(const char *name)
{
	for (size_t i = 0; i < vectors_count; i++) {
		if (strcmp(vectors[i].name, name) == 0)
			return &vectors[i];
	}
	fail_msg("no vector %s", name);
	return NULL;
}

static struct flow
decode_first(const char *name)
{
	const struct vector *v = vector(name);
	struct attr_skipped skipped = {0};
	struct wire_msg m;
	struct flow f;
	struct rbuf r;

	rbuf_init(&r, v->data, v->len);
	assert_int_equal(wire_next(&r, &m), WIRE_MSG);
	assert_int_equal(attr_decode_flow(m.attrs, m.attrs_len, &f, &skipped), ATTR_OK);
	assert_int_equal(skipped.unknown + skipped.misfit, 0);
	return f;
}

static void
the_fields_mean_what_the_specification_says(void **state)
{
	struct flow f = decode_first("V16");
	const uint8_t snat[4] = {10, 2, 0, 100}, dnat[4] = {10, 2, 0, 2};

	(void)state;
	assert_int_equal(get_be16(&f.key.sport), 33004);
	assert_int_equal(get_be16(&f.key.dport), 2222);
	assert_int_equal(f.l4.tcp.state, TCP_ESTABLISHED);
	assert_int_equal(f.timeout_s, 432000);
	assert_memory_equal(f.reply.dst.b, snat, 4);
	assert_memory_equal(f.reply.src.b, dnat, 4);
	assert_int_equal(get_be16(&f.reply.dport), 40000);
	assert_int_equal(get_be16(&f.reply.sport), 8081);

	f = decode_first("V12");
	assert_int_equal(get_be16(&f.key.sport), 0x1122);
	assert_int_equal(get_be16(&f.key.dport), 0x0800);
	assert_int_equal(get_be16(&f.reply.dport), 0x0000);
	assert_int_equal(get_be16(&f.reply.sport), 0x1122);

	f = decode_first("V17");
	assert_int_equal(f.rare.labels[0], 0x20);
	assert_int_equal(f.rare.labels[12], 0x10);

	f = decode_first("V18");
	assert_int_equal(f.key.zone, 7);
	f = decode_first("V21");
	assert_string_equal(f.rare.helper, "ftp");
	f = decode_first("V33");
	assert_true(f.has & HAS_SYNPROXY);
	assert_true(f.has & HAS_WSCALE);
}

/* Decodes whatever it is, as a node would; the point is not to crash or to read past the end. */
static void
digest(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1); /* so that the sanitizer sees an overrun */
	uint8_t out[DATAGRAM_MAX];
	enum wire_status st;
	struct wire_msg m;
	struct wbuf wb;
	struct rbuf r;

	memcpy(exact, data, len);
	rbuf_init(&r, exact, len);
	while ((st = wire_next(&r, &m)) == WIRE_MSG || st == WIRE_BAD_VERSION) {
		wbuf_init(&wb, out, sizeof(out));
		reencode(&m, &wb);
	}
	free(exact);
}

static void
every_truncation_and_every_changed_byte_is_survived(void **state)
{
	uint8_t data[DATAGRAM_MAX];

	(void)state;
	for (size_t i = 0; i < vectors_count; i++) {
		const struct vector *v = &vectors[i];

		for (size_t len = 0; len < v->len; len++)
			digest(v->data, len);
		memcpy(data, v->data, v->len);
		for (size_t at = 0; at < v->len; at++) {
			for (unsigned int byte = 0; byte < 256; byte++) {
				data[at] = (uint8_t)byte;
				digest(data, v->len);
			}
			data[at] = v->data[at];
		}
	}
}

/* Every message either counts as received or as one of the reasons to throw it away. */
static uint64_t
judged(const struct node *n)
{
	const struct node_stats *s = node_stats(n);

	return s->recv_messages + s->recv_truncated + s->recv_bad_size + s->recv_bad_version +
	    s->recv_bad_header + s->recv_bad_type + s->recv_flagged;
}

static void
feed(struct node *n, const uint8_t *data, size_t len)
{
	const struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	uint8_t *exact = malloc(len);
	uint64_t before = judged(n);
	struct kernel_op op;
	uint8_t out[1472];
	struct notice note;

	memcpy(exact, data, len);
	node_datagram(n, &from, exact, len, (ms_t){1000});
	free(exact);
	assert_true(judged(n) > before);
	/* What it makes the node say is taken, so that nothing fills up. */
	while (node_pull_datagram(n, out, sizeof(out), (ms_t){1000}) > 0)
		continue;
	while (node_pull_kernel_op(n, &op, (ms_t){1000}) || node_pull_notice(n, &note))
		continue;
}

static void
a_node_counts_every_damaged_vector(void **state)
{
	uint8_t data[DATAGRAM_MAX];

	(void)state;
	for (enum sync_mode_id mode = MODE_FTFW; mode <= MODE_ALARM; mode++) {
		struct node_cfg cfg = {.mode = mode, .limit = 1024};
		void *mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
		struct node *n;

		memset(mem, 0, node_size(&cfg));
		n = node_init(mem, &cfg, (ms_t){0});
		for (size_t i = 0; i < vectors_count; i++) {
			const struct vector *v = &vectors[i];

			for (size_t len = 1; len <= v->len; len++)
				feed(n, v->data, len);
			memcpy(data, v->data, v->len);
			for (size_t at = 0; at < v->len; at++) {
				for (unsigned int bit = 0; bit < 8; bit++) {
					data[at] ^= (uint8_t)(1u << bit);
					feed(n, data, v->len);
					data[at] = v->data[at];
				}
			}
		}
		assert_in_range(node_table_view(n, TABLE_REMOTE).total, 1, cfg.limit);
		free(mem);
	}
}

static enum attr_status
decode_attrs(const uint8_t *data, size_t len, struct flow *f, struct attr_skipped *skipped)
{
	*skipped = (struct attr_skipped){0};
	return attr_decode_flow(data, len, f, skipped);
}

/* A flow that has everything, of each protocol with attributes of its own and in both families. */
static void
every_attribute_has_one_turn_and_survives_it(void **state)
{
	static const uint8_t protos[] = {L4_TCP, L4_SCTP, L4_DCCP, L4_ICMP};
	bool seen[33] = {false};
	uint8_t buf[1024];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(protos); i++) {
		uint32_t has = UINT32_MAX & ~(uint32_t)(HAS_REPLY | HAS_TCP_FLAGS | HAS_ID);
		bool here[33] = {false};
		struct flow f, back;
		struct wbuf wb, again;
		uint8_t buf2[sizeof(buf)];
		struct attr_skipped skipped;
		struct rbuf r;

		/* Every value differs from its neighbours, names and labels included. */
		for (size_t at = 0; at < sizeof(f); at++)
			((uint8_t *)&f)[at] = (uint8_t)(at % 61 + 1);
		memset(f.rare.helper, 0, sizeof(f.rare.helper));
		memcpy(f.rare.helper, "ftp", 3);
		f.key.l3 = f.rare.master.l3 = i % 2 ? L3_IPV6 : L3_IPV4;
		f.key.l4 = protos[i / 2];
		f.has = f.key.l4 == L4_ICMP ? has & ~(uint32_t)(HAS_PORTS | HAS_DPAT)
					    : has & ~(uint32_t)HAS_ICMP;
		wbuf_init(&wb, buf, sizeof(buf));
		attr_encode_flow(&wb, &f, UINT32_MAX);
		assert_false(wb.failed);
		rbuf_init(&r, buf, wbuf_len(&wb));
		while (rbuf_left(&r) > 0) {
			uint16_t len = rbuf_be16(&r), no = rbuf_be16(&r);

			assert_in_range(no, 0, 32);
			assert_false(here[no]);
			here[no] = seen[no] = true;
			assert_non_null(rbuf_skip(&r, (len + 3u) / 4 * 4 - 4));
		}
		assert_int_equal(decode_attrs(buf, wbuf_len(&wb), &back, &skipped), ATTR_OK);
		assert_int_equal(skipped.unknown + skipped.misfit, 0);
		wbuf_init(&again, buf2, sizeof(buf2));
		attr_encode_flow(&again, &back, UINT32_MAX);
		assert_int_equal(wbuf_len(&again), wbuf_len(&wb));
		assert_memory_equal(buf2, buf, wbuf_len(&wb));
	}
	for (size_t no = 0; no < ARRAY_LEN(seen); no++) {
		if (!seen[no])
			fail_msg("attribute %zu was never sent", no);
	}
}

/* doc/WIRE.md 3.6: what is malformed and what is not. */
static void
attribute_lists_are_judged_as_specified(void **state)
{
	static const struct {
		const char *what;
		uint8_t data[64];
		size_t len;
		enum attr_status status;
		struct attr_skipped skipped;
	} cases[] = {
	    {"empty", {0}, 0, ATTR_OK, {0, 0}},
	    {"four trailing zeros", {0, 8, 0, 7, 0, 0, 0, 5, 0, 0, 0, 0}, 12, ATTR_OK, {0, 1}},
	    {"five trailing zeros", {0, 8, 0, 7, 0, 0, 0, 5, 0, 0, 0, 0, 0}, 13, ATTR_MALFORMED, {0, 0}},
	    {"unknown number is skipped", {0, 8, 0, 33, 1, 2, 3, 4, 0, 8, 0, 7, 0, 0, 0, 5}, 16,
		ATTR_OK, {1, 0}},
	    {"mark of three bytes", {0, 7, 0, 7, 0, 0, 5, 0}, 8, ATTR_MALFORMED, {0, 0}},
	    {"length three", {0, 3, 0, 7, 0, 0, 0, 5}, 8, ATTR_MALFORMED, {0, 0}},
	    {"length beyond the end", {0, 12, 0, 7, 0, 0, 0, 5}, 8, ATTR_MALFORMED, {0, 0}},
	    {"last without padding", {0, 5, 0, 2, 6}, 5, ATTR_OK, {0, 0}},
	    {"helper of eleven letters",
		{0, 16, 0, 27, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 0}, 16,
		ATTR_OK, {0, 0}},
	    {"helper of twelve letters",
		{0, 17, 0, 27, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 0}, 17,
		ATTR_MALFORMED, {0, 0}},
	    {"helper without its end", {0, 7, 0, 27, 'f', 't', 'p', 0}, 8, ATTR_MALFORMED, {0, 0}},
	    {"helper with more behind its end", {0, 10, 0, 27, 'f', 't', 'p', 0, 'x', 0, 0, 0}, 12,
		ATTR_OK, {0, 1}},
	    {"labels of six bytes", {0, 10, 0, 28, 1, 2, 3, 4, 5, 6, 0, 0}, 12, ATTR_OK, {0, 1}},
	    {"labels of no bytes", {0, 4, 0, 28, 0, 8, 0, 7, 0, 0, 0, 5}, 12, ATTR_OK, {0, 0}},
	    {"labels of five words",
		{0, 24, 0, 28, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0}, 24, ATTR_OK,
		{0, 1}},
	    {"a state of SCTP in a TCP flow", {0, 5, 0, 2, 6, 0, 0, 0, 0, 5, 0, 17, 3, 0, 0, 0}, 16,
		ATTR_OK, {0, 1}},
	    {"ports of ESP", {0, 5, 0, 2, 50, 0, 0, 0, 0, 8, 0, 3, 0, 1, 0, 2}, 16, ATTR_OK, {0, 1}},
	};
	struct attr_skipped skipped;
	struct flow f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (decode_attrs(cases[i].data, cases[i].len, &f, &skipped) != cases[i].status ||
		    (cases[i].status == ATTR_OK &&
			memcmp(&skipped, &cases[i].skipped, sizeof(skipped)) != 0))
			fail_msg("%s", cases[i].what);
	}
}

static void
a_second_address_family_leaves_no_trace(void **state)
{
	uint8_t data[48] = {0, 36, 0, 1};
	const uint8_t v4[12] = {0, 12, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	struct flow_key want;
	struct attr_skipped skipped;
	struct flow f;

	(void)state;
	memset(data + 4, 0xab, 32);
	memcpy(data + 36, v4, sizeof(v4));
	assert_int_equal(decode_attrs(data, sizeof(data), &f, &skipped), ATTR_OK);
	memset(&want, 0, sizeof(want));
	want.l3 = L3_IPV4;
	memcpy(want.src.b, v4 + 4, 4);
	memcpy(want.dst.b, v4 + 8, 4);
	assert_true(flow_key_equal(&f.key, &want));
}

static void
nat_addresses_of_two_families_are_none(void **state)
{
	uint8_t data[88] = {0, 36, 0, 1};
	static const uint8_t rest[] = {0, 5, 0, 2, 6, 0, 0, 0, 0, 8, 0, 3, 0, 1, 0, 2, 0, 8, 0, 12, 10,
	    11, 12, 13, 0, 20, 0, 30, 0xfd};
	struct attr_skipped skipped;
	struct flow f;

	(void)state;
	data[4] = 0xfd;
	memcpy(data + 36, rest, sizeof(rest));
	assert_int_equal(decode_attrs(data, 80, &f, &skipped), ATTR_OK);
	assert_true(flow_is_complete(&f));
	assert_int_equal(f.has & (HAS_SNAT | HAS_DNAT), 0);
}

static void
ports_and_an_icmp_id_in_one_message_make_no_flow(void **state)
{
	static const uint8_t data[] = {0, 12, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 2, 6, 0, 0, 0, 0,
	    8, 0, 3, 0, 80, 0, 81, 0, 6, 0, 24, 1, 2, 0, 0};
	struct attr_skipped skipped;
	struct flow f;

	(void)state;
	assert_int_equal(decode_attrs(data, 28, &f, &skipped), ATTR_OK);
	assert_true(flow_is_complete(&f));
	assert_int_equal(decode_attrs(data, sizeof(data), &f, &skipped), ATTR_OK);
	assert_false(flow_is_complete(&f));
}

static void
ports_of_a_protocol_without_them_do_not_make_another_flow(void **state)
{
	/* ESP, and what a peer has to say of its ports. */
	static const uint8_t data[] = {0, 12, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 2, 50, 0, 0, 0,
	    0, 8, 0, 3, 0, 80, 0, 81};
	struct flow without, with;
	struct attr_skipped skipped;

	(void)state;
	assert_int_equal(decode_attrs(data, 20, &without, &skipped), ATTR_OK);
	assert_int_equal(decode_attrs(data, sizeof(data), &with, &skipped), ATTR_OK);
	assert_true(flow_is_complete(&with));
	assert_true(flow_key_equal(&with.key, &without.key));
	assert_true(flow_reply_equal(&with.reply, &without.reply));
	assert_int_equal(with.has, without.has);
}

static void
what_follows_the_end_of_a_name_is_not_part_of_it(void **state)
{
	static const uint8_t helper[] = {0, 10, 0, 27, 'f', 't', 'p', 0, 'x', 0, 0, 0};
	static const uint8_t fn[] = {0, 10, 0, 20, 'n', 'a', 't', 0, 'x', 0, 0, 0};
	struct attr_skipped skipped = {0};
	struct expect e;
	struct flow f;

	(void)state;
	assert_int_equal(decode_attrs(helper, sizeof(helper), &f, &skipped), ATTR_OK);
	assert_memory_equal(f.rare.helper, "ftp\0\0\0", 6);
	assert_int_equal(attr_decode_expect(fn, sizeof(fn), &e, &skipped), ATTR_OK);
	assert_memory_equal(e.fn, "nat\0\0\0", 6);
	assert_int_equal(skipped.misfit, 2);
}

/* Protocols that make a flow without them: GRE and an ICMP id, DCCP and both. */
static void
ports_that_are_left_out_do_not_make_another_flow(void **state)
{
	static const uint8_t gre[] = {0, 12, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 2, 47, 0, 0, 0, 0,
	    6, 0, 24, 1, 2, 0, 0};
	static const uint8_t dccp[] = {0, 12, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 2, 33, 0, 0, 0,
	    0, 8, 0, 3, 0, 80, 0, 81, 0, 6, 0, 24, 1, 2, 0, 0};
	struct attr_skipped skipped;
	struct flow without, with;

	(void)state;
	assert_int_equal(decode_attrs(gre, 20, &without, &skipped), ATTR_OK);
	assert_int_equal(decode_attrs(gre, sizeof(gre), &with, &skipped), ATTR_OK);
	assert_true(flow_is_complete(&with));
	assert_true(flow_key_equal(&with.key, &without.key));
	assert_int_equal(decode_attrs(dccp, 20, &without, &skipped), ATTR_OK);
	assert_int_equal(decode_attrs(dccp, sizeof(dccp), &with, &skipped), ATTR_OK);
	assert_true(flow_is_complete(&with));
	assert_true(flow_key_equal(&with.key, &without.key));
	assert_true(flow_reply_equal(&with.reply, &without.reply));
}

static void
messages_are_checked_in_the_order_of_the_specification(void **state)
{
	static const struct {
		const char *what;
		uint8_t data[32];
		size_t len;
		enum wire_status first;
	} cases[] = {
	    {"nothing", {0}, 0, WIRE_END},
	    {"seven bytes", {0x1a, 0x10, 0, 8, 0, 0, 0}, 7, WIRE_TRUNCATED},
	    {"length zero", {0x1a, 0x10, 0, 0, 0, 0, 0, 1}, 8, WIRE_BAD_SIZE},
	    {"length four", {0x1a, 0x10, 0, 4, 0, 0, 0, 1}, 8, WIRE_BAD_SIZE},
	    {"length beyond the datagram", {0x1a, 0x10, 0, 9, 0, 0, 0, 1}, 8, WIRE_BAD_SIZE},
	    {"resync of eight bytes", {0x1a, 0x02, 0, 8, 0, 0, 0, 1}, 8, WIRE_TRUNCATED},
	    {"version 2", {0x2a, 0x10, 0, 8, 0, 0, 0, 1}, 8, WIRE_BAD_VERSION},
	    {"alive of sixteen", {0x1a, 0x10, 0, 16, 0, 0, 0, 1}, 16, WIRE_MSG},
	};
	struct wire_msg m;
	struct rbuf r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rbuf_init(&r, cases[i].data, cases[i].len);
		if (wire_next(&r, &m) != cases[i].first)
			fail_msg("%s", cases[i].what);
	}
}

static void
a_message_that_does_not_fit_leaves_no_trace(void **state)
{
	struct flow f = decode_first("V15");
	uint8_t out[128];
	struct wbuf wb;

	(void)state;
	for (size_t cap = 0; cap < 76; cap++) {
		wbuf_init(&wb, out, cap);
		assert_false(wire_put_flow(&wb, WIRE_CT_UPD, 0, 1, &f, UINT32_MAX));
		assert_int_equal(wbuf_len(&wb), 0);
	}
	wbuf_init(&wb, out, 76);
	assert_true(wire_put_flow(&wb, WIRE_CT_UPD, 0, 1, &f, UINT32_MAX));
}

/* A stream is cut anywhere; what is handed on is not. */
static void
whole_messages_are_told_from_the_rest(void **state)
{
	uint8_t buf[128] = {0};
	bool broken = true;
	struct wbuf wb;
	size_t len;

	(void)state;
	wbuf_init(&wb, buf, sizeof(buf));
	for (uint32_t i = 0; i < 3; i++)
		assert_true(wire_put_control(&wb, WIRE_ACK, i, 1, 2));
	len = wbuf_len(&wb);
	assert_int_equal(len, 48);
	for (size_t have = 0; have <= len; have++) {
		assert_int_equal(wire_whole(buf, have, 1000, &broken), have / 16 * 16);
		assert_false(broken);
		assert_int_equal(wire_whole(buf, len, have, &broken), have / 16 * 16);
	}
	/* A length that none can have is noticed when it comes first. */
	put_be16(buf + 16 + 2, 7);
	assert_int_equal(wire_whole(buf, len, 1000, &broken), 16);
	assert_false(broken);
	assert_int_equal(wire_whole(buf + 16, len - 16, 1000, &broken), 0);
	assert_true(broken);
	put_be16(buf + 2, WIRE_MESSAGE_MAX);
	assert_int_equal(wire_whole(buf, len, 1000, &broken), 0);
	assert_false(broken);
	put_be16(buf + 2, WIRE_MESSAGE_MAX + 1);
	assert_int_equal(wire_whole(buf, len, 1000, &broken), 0);
	assert_true(broken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_messages_are_told_from_the_rest),
	    cmocka_unit_test(golden_vectors_come_back_byte_for_byte),
	    cmocka_unit_test(the_fields_mean_what_the_specification_says),
	    cmocka_unit_test(every_truncation_and_every_changed_byte_is_survived),
	    cmocka_unit_test(a_node_counts_every_damaged_vector),
	    cmocka_unit_test(every_attribute_has_one_turn_and_survives_it),
	    cmocka_unit_test(attribute_lists_are_judged_as_specified),
	    cmocka_unit_test(a_second_address_family_leaves_no_trace),
	    cmocka_unit_test(nat_addresses_of_two_families_are_none),
	    cmocka_unit_test(ports_and_an_icmp_id_in_one_message_make_no_flow),
	    cmocka_unit_test(ports_of_a_protocol_without_them_do_not_make_another_flow),
	    cmocka_unit_test(what_follows_the_end_of_a_name_is_not_part_of_it),
	    cmocka_unit_test(ports_that_are_left_out_do_not_make_another_flow),
	    cmocka_unit_test(messages_are_checked_in_the_order_of_the_specification),
	    cmocka_unit_test(a_message_that_does_not_fit_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, load_vectors, NULL);
}
