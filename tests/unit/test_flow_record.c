/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows of a daemon's tables as bytes: what comes out is what went in, in pieces of any size, and bytes that
 * make no sense are the end of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow_record.h"

/* A flow with everything that a flow can have. */
static struct flow
full_flow(void)
{
	struct flow f;

	flow_init(&f);
	memset(&f.rare, 7, sizeof(f.rare));
	memset(&f.reply, 9, sizeof(f.reply));
	memset(f.key.src.b, 1, 16);
	memset(f.key.dst.b, 2, 16);
	f.key.l3 = f.rare.master.l3 = L3_IPV6;
	f.key.l4 = f.rare.master.l4 = L4_TCP;
	f.key.sport = 11;
	f.key.dport = 12;
	f.key.zone = f.rare.master.zone = 13;
	memcpy(f.rare.helper, "fifteen-letters", 16);
	f.l4.tcp = (struct flow_tcp){.state = TCP_LAST_ACK, .wscale_orig = 3, .wscale_repl = 4};
	f.status = ST_ASSURED | ST_SEEN_REPLY | ST_SRC_NAT | ST_DST_NAT;
	f.mark = 0xdeadbeef;
	f.timeout_s = 77;
	f.id = 0xcafe;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_STATUS | HAS_TIMEOUT | HAS_MARK |
	    HAS_ZONE | HAS_STATE | HAS_WSCALE | HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT | HAS_ID | HAS_RARE;
	return f;
}

static const struct entry_view times = {.age_ms = 3000, .changed_ms = 2500, .told_ms = 12, .wait = ENTRY_WAITS_ACK,
    .lacks = 0x81, .sent_s = 19, .slot = 3, .seq = 0xfffffffe, .live = true, .announced = true};

struct seen {
	size_t count;
	struct flow_record last;
};

static void
see(void *ctx, const struct flow_record *r)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->last = *r;
}

/* One record with this flow, and the end. */
static size_t
stream_of(const struct flow *f, uint8_t *buf, size_t cap)
{
	struct flow_record r = {.kind = RECORD_REMOTE, .v = times};
	struct wbuf wb;

	wbuf_init(&wb, buf, cap);
	r.v.flow = *f;
	flow_record_write(&wb, &r);
	r = (struct flow_record){.kind = RECORD_END, .drained = true};
	flow_record_write(&wb, &r);
	assert_false(wb.failed);
	return wbuf_len(&wb);
}

static void
what_goes_in_comes_out_in_pieces_of_any_size(void **state)
{
	struct flow f = full_flow();
	uint8_t buf[2 * FLOW_RECORD_MAX];
	size_t len = stream_of(&f, buf, sizeof(buf));

	(void)state;
	assert_true(len <= FLOW_RECORD_MAX);
	for (size_t piece = 1; piece <= len; piece++) {
		struct flow_reader reader = {.have = 0};
		struct seen seen = {.count = 0};
		struct flow_record first;

		memset(&first, 0, sizeof(first));
		for (size_t at = 0; at < len; at += piece) {
			flow_reader_feed(&reader, buf + at, len - at < piece ? len - at : piece, see, &seen);
			if (seen.count == 1)
				first = seen.last;
		}
		assert_true(reader.ended && !reader.bad);
		assert_int_equal(seen.count, 2);
		assert_true(seen.last.kind == RECORD_END && seen.last.drained);
		if (piece > 1 && first.v.seq == 0)
			continue; /* both came with the last piece */
		assert_int_equal(first.kind, RECORD_REMOTE);
		assert_int_equal(first.v.flow.has, f.has);
		assert_memory_equal(&first.v.flow.key, &f.key, sizeof(f.key));
		assert_memory_equal(&first.v.flow.reply, &f.reply, sizeof(f.reply));
		assert_true(flow_same_content(&first.v.flow, &f));
		assert_string_equal(first.v.flow.rare.helper, f.rare.helper);
		assert_int_equal(first.v.flow.id, f.id);
		assert_int_equal(first.v.lacks, 0x81);
		assert_int_equal(first.v.sent_s, 19);
		assert_int_equal(first.v.changed_ms, 2500);
		assert_int_equal(first.v.told_ms, 12);
		assert_int_equal(first.v.seq, 0xfffffffe);
		assert_true(first.v.live && first.v.announced && !first.v.committed && !first.v.dead);
	}
}

static void
bytes_that_make_no_sense_end_it(void **state)
{
	struct flow f = full_flow();
	uint8_t good[2 * FLOW_RECORD_MAX], buf[2 * FLOW_RECORD_MAX];
	size_t len = stream_of(&f, good, sizeof(good));

	(void)state;
	/* Every byte with every bit turned over: nothing but what is a record, or the end of it. */
	for (size_t at = 0; at < len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			struct flow_reader reader = {.have = 0};
			struct seen seen = {.count = 0};

			memcpy(buf, good, len);
			buf[at] ^= (uint8_t)(1u << bit);
			flow_reader_feed(&reader, buf, len, see, &seen);
			assert_true(seen.count <= 2);
			if (at < 2 && seen.count == 2)
				fail_msg("a record of another length passes");
		}
	}
	/* A kind that there is not; one of no length; one longer than any; more after the end. */
	static const uint8_t bad[][4] = {{0, 4, 9, 0}, {0, 0, 0, 0}, {0xff, 0xff, 0, 0}, {0, 3, 2, 0}};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct flow_reader reader = {.have = 0};
		struct seen seen = {.count = 0};

		flow_reader_feed(&reader, bad[i], 4, see, &seen);
		assert_true(reader.bad);
		assert_int_equal(seen.count, 0);
	}
	struct flow_reader reader = {.have = 0};
	struct seen seen = {.count = 0};

	good[len] = 0;
	flow_reader_feed(&reader, good, len + 1, see, &seen);
	assert_true(reader.bad && seen.count == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_goes_in_comes_out_in_pieces_of_any_size),
	    cmocka_unit_test(bytes_that_make_no_sense_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
