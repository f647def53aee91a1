/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes whose size the sender chooses.  What all of them mean is in test_wire.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "attr.h"

enum { LABELS = 28 };

/* A list with this many bytes of labels alone. */
static enum attr_status
labels_of(size_t len, struct flow *f)
{
	uint8_t buf[2048] = {0};
	struct attr_skipped skipped = {0};

	put_be16(buf, (uint16_t)(4 + len));
	put_be16(buf + 2, LABELS);
	memset(buf + 4, 0x11, len);
	return attr_decode_flow(buf, 4 + len, f, &skipped);
}

/* The kernel has 128 of them; a peer may have more, of which ours are the first. */
static void
labels_of_any_sensible_number_are_taken(void **state)
{
	static const struct {
		size_t len;
		enum attr_status status;
		size_t taken;
	} rows[] = {
	    {0, ATTR_OK, 0},
	    {3, ATTR_OK, 0},
	    {4, ATTR_OK, 4},
	    {16, ATTR_OK, 16},
	    {32, ATTR_OK, 16},
	    {1024, ATTR_OK, 16},
	    {1028, ATTR_MALFORMED, 0},
	};
	struct flow f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t want[FLOW_LABELS_LEN] = {0};

		memset(want, 0x11, rows[i].taken);
		assert_int_equal(labels_of(rows[i].len, &f), rows[i].status);
		if (rows[i].status != ATTR_OK)
			continue;
		assert_int_equal((f.has & HAS_LABELS) != 0, rows[i].taken > 0);
		assert_memory_equal(f.rare.labels, want, sizeof(want));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(labels_of_any_sensible_number_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
