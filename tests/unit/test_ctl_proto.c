/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_proto.h"

struct seen {
	char out[64];
	size_t out_len;
	char err[64];
	size_t err_len;
};

static void
collect(void *ctx, enum ctl_frame type, const void *data, size_t len)
{
	struct seen *s = ctx;

	assert_true(len > 0);
	if (type == CTL_FRAME_OUT) {
		assert_true(s->out_len + len <= sizeof(s->out));
		memcpy(s->out + s->out_len, data, len);
		s->out_len += len;
	} else {
		assert_int_equal(type, CTL_FRAME_ERR);
		assert_true(s->err_len + len <= sizeof(s->err));
		memcpy(s->err + s->err_len, data, len);
		s->err_len += len;
	}
}

static const uint8_t answer[] = {
    1, 0, 0, 3, 'a', 'b', 'c',     /* stdout */
    2, 0, 0, 4, 'o', 'o', 'p', 's', /* stderr */
    1, 0, 0, 0,                    /* nothing, which is fine */
    1, 0, 0, 1, 'd',               /* more stdout */
    3, 0, 0, 1, 7,                 /* exit code 7 */
    1, 0, 0, 1, 'x',               /* after the end: not looked at */
};

static void
the_requests_of_old_and_new_clients_are_known(void **state)
{
	static const uint16_t known[] = {0, 1, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30,
	    31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, CTL_VERB};

	(void)state;
	for (uint32_t n = 0, next = 0; n < 300; n++) {
		bool want = next < ARRAY_LEN(known) && known[next] == n;

		assert_int_equal(ctl_request_known(n), want);
		next += want;
	}
	assert_false(ctl_request_known(CTL_FRAMED));
	assert_false(ctl_request_known(CTL_FRAMED | 16));
	assert_false(ctl_request_known(UINT32_MAX));
}

/* One that is new is an order unless somebody says otherwise: this list has those that show something. */
static void
what_only_shows_something_is_known_by_name(void **state)
{
	static const uint8_t reads[] = {CTL_DUMP_INTERNAL, CTL_DUMP_EXTERNAL, CTL_STATS,
	    CTL_DUMP_INTERNAL_XML, CTL_DUMP_EXTERNAL_XML, CTL_STATS_NETWORK, CTL_STATS_CACHE,
	    CTL_STATS_RUNTIME, CTL_STATS_LINK, CTL_STATS_RSQUEUE, CTL_STATS_PROCESS,
	    CTL_STATS_QUEUE, CTL_STATS_EXPECT, CTL_DUMP_INTERNAL_EXP, CTL_DUMP_EXTERNAL_EXP,
	    CTL_DUMP_INTERNAL_EXP_XML, CTL_DUMP_EXTERNAL_EXP_XML};

	(void)state;
	for (uint32_t n = 0, next = 0; n < 300; n++) {
		bool want = next < sizeof(reads) && reads[next] == n;

		assert_int_equal(ctl_request_reads(n), want);
		next += want;
	}
	assert_false(ctl_request_reads(CTL_FRAMED | CTL_STATS));
}

static void
a_frame_header_is_type_and_big_endian_length(void **state)
{
	const uint8_t want[CTL_FRAME_HEADER] = {2, 0x01, 0x02, 0x03};
	const uint8_t longest[CTL_FRAME_HEADER] = {1, 0xff, 0xff, 0xff};
	uint8_t got[CTL_FRAME_HEADER];

	(void)state;
	ctl_frame_write(got, CTL_FRAME_ERR, 0x010203);
	assert_memory_equal(got, want, sizeof(want));
	ctl_frame_write(got, CTL_FRAME_OUT, CTL_FRAME_PAYLOAD_MAX);
	assert_memory_equal(got, longest, sizeof(longest));
}

static void
an_answer_reads_the_same_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t a = 0; a <= sizeof(answer); a++) {
		for (size_t b = a; b <= sizeof(answer); b++) {
			struct ctl_reader r = {0};
			struct seen s = {0};

			ctl_reader_feed(&r, answer, a, collect, &s);
			ctl_reader_feed(&r, answer + a, b - a, collect, &s);
			ctl_reader_feed(&r, answer + b, sizeof(answer) - b, collect, &s);
			assert_true(r.done);
			assert_false(r.bad);
			assert_int_equal(r.exit_code, 7);
			assert_int_equal(s.out_len, 4);
			assert_memory_equal(s.out, "abcd", 4);
			assert_int_equal(s.err_len, 4);
			assert_memory_equal(s.err, "oops", 4);
		}
	}
}

static void
an_answer_cut_short_is_not_done(void **state)
{
	(void)state;
	/* 24 bytes precede the exit code itself. */
	for (size_t len = 0; len <= 24; len++) {
		struct ctl_reader r = {0};
		struct seen s = {0};

		ctl_reader_feed(&r, answer, len, collect, &s);
		assert_false(r.done);
		assert_false(r.bad);
	}
}

static void
payload_arrives_before_its_frame_is_complete(void **state)
{
	struct ctl_reader r = {0};
	struct seen s = {0};

	(void)state;
	ctl_reader_feed(&r, answer, 5, collect, &s);
	assert_int_equal(s.out_len, 1);
	assert_int_equal(r.left, 2);
}

static void
nonsense_makes_the_stream_bad(void **state)
{
	static const uint8_t bad[][6] = {
	    {0, 0, 0, 1, 'x', 'y'},       /* no such type */
	    {4, 0, 0, 1, 'x', 'y'},
	    {'c', 'a', 'c', 'h', 'e', ' '}, /* plain text of a daemon without frames */
	    {3, 0, 0, 0, 1, 1},           /* exit without a code */
	    {3, 0, 0, 2, 0, 0},           /* exit with two */
	    {3, 1, 0, 1, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ctl_reader r = {0};
		struct seen s = {0};

		ctl_reader_feed(&r, bad[i], sizeof(bad[i]), collect, &s);
		assert_true(r.bad);
		assert_false(r.done);
		/* It stays bad, also if what follows would make sense. */
		ctl_reader_feed(&r, answer, sizeof(answer), collect, &s);
		assert_true(r.bad);
		assert_false(r.done);
		assert_int_equal(s.out_len, 0);
		assert_int_equal(s.err_len, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_requests_of_old_and_new_clients_are_known),
	    cmocka_unit_test(what_only_shows_something_is_known_by_name),
	    cmocka_unit_test(a_frame_header_is_type_and_big_endian_length),
	    cmocka_unit_test(an_answer_reads_the_same_however_it_is_cut),
	    cmocka_unit_test(an_answer_cut_short_is_not_done),
	    cmocka_unit_test(payload_arrives_before_its_frame_is_complete),
	    cmocka_unit_test(nonsense_makes_the_stream_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
