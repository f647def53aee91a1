/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_expect.c: what makes two expectations the same, and one whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

static struct expect
data_connection(void)
{
	struct expect e = {.has = EXP_MASTER_ADDRS | EXP_MASTER_L4 | EXP_MASTER_PORTS | EXP_TUPLE_ADDRS |
		EXP_TUPLE_L4 | EXP_TUPLE_PORTS | EXP_MASK_ADDRS | EXP_MASK_PORTS | EXP_HELPER};

	e.master.l3 = e.tuple.l3 = e.mask.l3 = L3_IPV4;
	e.master.l4 = e.tuple.l4 = L4_TCP;
	e.tuple.dport = 20;
	memcpy(e.helper, "ftp", 4);
	return e;
}

/* One byte of any of these makes another expectation, or another content. */
static void
what_tells_expectations_apart(void **state)
{
	static const struct {
		size_t off;
		bool another; /* not only another content of the same one */
	} fields[] = {
	    {offsetof(struct expect, tuple.src), true},
	    {offsetof(struct expect, tuple.zone), true},
	    {offsetof(struct expect, master.sport), true},
	    {offsetof(struct expect, mask.src), true},
	    {offsetof(struct expect, mask.dst), true},
	    {offsetof(struct expect, mask.sport), true},
	    {offsetof(struct expect, mask.dport), true},
	    {offsetof(struct expect, flags), false},
	    {offsetof(struct expect, class), false},
	    {offsetof(struct expect, nat.src), false},
	    {offsetof(struct expect, nat_dir), false},
	    {offsetof(struct expect, helper), false},
	    {offsetof(struct expect, fn), false},
	};
	struct expect a = data_connection();

	(void)state;
	assert_true(expect_same_content(&a, &a));
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct expect b = a;

		((uint8_t *)&b)[fields[i].off] ^= 1;
		assert_int_equal(expect_is_same(&a, &b), !fields[i].another);
		assert_false(expect_same_content(&a, &b));
	}
	/* How long it still waits is neither, and a mask has no protocol. */
	struct expect b = a;

	b.timeout_s = 7;
	b.mask.l4 = 1;
	assert_true(expect_same_content(&a, &b));
}

static void
what_an_expectation_lacks_makes_it_incomplete(void **state)
{
	static const uint32_t needed[] = {EXP_MASTER_ADDRS, EXP_MASTER_L4, EXP_MASTER_PORTS, EXP_TUPLE_ADDRS,
	    EXP_TUPLE_L4, EXP_TUPLE_PORTS, EXP_MASK_ADDRS, EXP_MASK_PORTS};
	struct expect e = data_connection();

	(void)state;
	assert_true(expect_is_complete(&e));
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		e = data_connection();
		e.has &= ~needed[i];
		assert_false(expect_is_complete(&e));
	}
	e = data_connection();
	e.tuple.l3 = L3_IPV6;
	assert_false(expect_is_complete(&e));
	e = data_connection();
	e.mask.l3 = L3_IPV6;
	assert_false(expect_is_complete(&e));
	/* A protocol without ports needs none. */
	e = data_connection();
	e.tuple.l4 = L4_GRE;
	e.has &= ~(uint32_t)(EXP_TUPLE_PORTS | EXP_MASK_PORTS);
	assert_true(expect_is_complete(&e));
}

static void
a_helper_is_wanted_by_the_beginning_of_its_name(void **state)
{
	struct expect_helpers helpers = {.count = 2};
	struct expect e = data_connection();

	(void)state;
	memcpy(helpers.name[0], "sip", 4);
	memcpy(helpers.name[1], "FT", 3);
	assert_true(expect_is_wanted(&helpers, &e));
	memcpy(helpers.name[1], "fx", 3);
	assert_false(expect_is_wanted(&helpers, &e));
	memset(helpers.name[1], 'f', sizeof(helpers.name[1]));
	memset(e.helper, 'f', sizeof(e.helper));
	assert_true(expect_is_wanted(&helpers, &e));
	e.has &= ~(uint32_t)EXP_HELPER;
	assert_false(expect_is_wanted(&helpers, &e));
	helpers.count = 0;
	assert_true(expect_is_wanted(&helpers, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_tells_expectations_apart),
	    cmocka_unit_test(what_an_expectation_lacks_makes_it_incomplete),
	    cmocka_unit_test(a_helper_is_wanted_by_the_beginning_of_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
