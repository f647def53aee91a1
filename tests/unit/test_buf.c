/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

static void
reads_stop_at_the_end(void **state)
{
	const uint8_t data[5] = {1, 2, 3, 4, 5};
	struct rbuf b;

	(void)state;
	rbuf_init(&b, data, sizeof(data));
	assert_int_equal(rbuf_be32(&b), 0x01020304);
	assert_false(b.failed);
	assert_int_equal(rbuf_be16(&b), 0);
	assert_true(b.failed);
	/* A failure sticks, even though one byte is left. */
	assert_int_equal(rbuf_u8(&b), 0);
	assert_int_equal(rbuf_left(&b), 1);
}

static void
writes_stop_at_the_end(void **state)
{
	uint8_t out[8];
	struct wbuf b;

	(void)state;
	memset(out, 0xee, sizeof(out));
	wbuf_init(&b, out, 6);
	wbuf_be32(&b, 0x0a0b0c0d);
	wbuf_u8(&b, 7);
	wbuf_be16(&b, 0xffff);
	assert_true(b.failed);
	wbuf_u8(&b, 9);
	assert_int_equal(wbuf_len(&b), 5);
	assert_int_equal(out[4], 7);
	assert_int_equal(out[5], 0xee);
	assert_int_equal(out[6], 0xee);
}

/* Whoever reads on has zeros in his hands, not what lay there before. */
static void
what_is_not_there_reads_as_zeros(void **state)
{
	const uint8_t data[7] = {1, 2, 3, 4, 5, 6, 7};
	uint8_t out[4];
	struct rbuf b;

	(void)state;
	rbuf_init(&b, data, sizeof(data));
	rbuf_bytes(&b, out, sizeof(out));
	assert_memory_equal(out, data, sizeof(out));
	rbuf_bytes(&b, out, sizeof(out));
	assert_int_equal(get_be32(out), 0);
	rbuf_init(&b, data, 3);
	assert_int_equal(rbuf_be32(&b), 0);
	assert_null(rbuf_skip(&b, 1));
	rbuf_init(&b, data, 3);
	assert_ptr_equal(rbuf_skip(&b, 3), data);
	assert_int_equal(rbuf_u8(&b), 0);
	assert_true(b.failed);
}

static void
bytes_and_zeros_are_written_whole_or_not_at_all(void **state)
{
	uint8_t out[8];
	struct wbuf b;

	(void)state;
	memset(out, 0xee, sizeof(out));
	wbuf_init(&b, out, 6);
	wbuf_bytes(&b, "abc", 3);
	wbuf_bytes(&b, NULL, 0);
	wbuf_zeros(&b, 0);
	wbuf_zeros(&b, 2);
	assert_false(b.failed);
	assert_memory_equal(out, "abc\0\0\xee", 6);
	assert_int_equal(wbuf_left(&b), 1);
	wbuf_bytes(&b, "xy", 2);
	assert_true(b.failed);
	wbuf_zeros(&b, 1);
	wbuf_be32(&b, 1);
	wbuf_patch_be16(&b, 0, 0x4141);
	assert_int_equal(wbuf_len(&b), 5);
	assert_memory_equal(out, "abc\0\0\xee\xee\xee", 8);
}

static void
a_length_can_be_patched_in_afterwards(void **state)
{
	uint8_t out[4];
	struct wbuf b;

	(void)state;
	wbuf_init(&b, out, sizeof(out));
	wbuf_be16(&b, 0);
	wbuf_be16(&b, 1);
	wbuf_patch_be16(&b, 0, 0x1234);
	assert_int_equal(get_be32(out), 0x12340001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_stop_at_the_end),
	    cmocka_unit_test(writes_stop_at_the_end),
	    cmocka_unit_test(what_is_not_there_reads_as_zeros),
	    cmocka_unit_test(bytes_and_zeros_are_written_whole_or_not_at_all),
	    cmocka_unit_test(a_length_can_be_patched_in_afterwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
