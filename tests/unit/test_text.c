/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and addresses as printf and inet_ntop write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

#include "text.h"

/* A sequence of numbers that is the same each time. */
static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 16;
}

static void
check_number(uint64_t v)
{
	char want[32], buf[32];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
	text_u64(&t, v);
	assert_string_equal(buf, want);
	assert_int_equal(t.len, strlen(want));

	text_init(&t, buf, sizeof(buf));
	snprintf(want, sizeof(want), "%lld", (long long)v);
	text_i64(&t, (int64_t)v);
	assert_string_equal(buf, want);

	text_init(&t, buf, sizeof(buf));
	snprintf(want, sizeof(want), "%x", (unsigned int)v);
	text_hex(&t, (uint32_t)v);
	assert_string_equal(buf, want);
}

static void
numbers_are_as_printf_has_them(void **state)
{
	uint64_t seed = 1;

	(void)state;
	check_number(0);
	check_number(UINT64_MAX);
	check_number((uint64_t)INT64_MIN);
	check_number((uint64_t)INT64_MAX);
	for (int bit = 0; bit < 64; bit++) {
		check_number((1ull << bit) - 1);
		check_number(1ull << bit);
		for (int i = 0; i < 20; i++)
			check_number(next(&seed) >> bit);
	}
	for (uint64_t ten = 1; ten < UINT64_MAX / 10; ten *= 10) {
		check_number(ten - 1);
		check_number(ten);
	}
}

static void
check_addr(uint8_t l3, const struct ip_addr *addr)
{
	char want[INET6_ADDRSTRLEN], buf[INET6_ADDRSTRLEN];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	inet_ntop(l3 == L3_IPV6 ? AF_INET6 : AF_INET, addr->b, want, sizeof(want));
	text_addr(&t, l3, addr);
	assert_string_equal(buf, want);
	assert_false(t.overflow);
}

static void
addresses_are_as_inet_ntop_has_them(void **state)
{
	uint64_t seed = 2;

	(void)state;
	/* All patterns of words that are zero, small, large, or ffff as before a mapped address. */
	for (unsigned int pattern = 0; pattern < 1u << 16; pattern++) {
		struct ip_addr a;

		for (int i = 0; i < 8; i++) {
			unsigned int kind = pattern >> 2 * i & 3;
			uint16_t word = kind == 0 ? 0
			    : kind == 1	      ? next(&seed) % 0x200
			    : kind == 2	      ? (uint16_t)next(&seed)
					      : 0xffff;

			a.b[2 * i] = (uint8_t)(word >> 8);
			a.b[2 * i + 1] = (uint8_t)word;
		}
		check_addr(L3_IPV6, &a);
		check_addr(L3_IPV4, &a);
	}
	for (unsigned int i = 0; i < 256; i++)
		check_addr(L3_IPV4, &(struct ip_addr){.b = {(uint8_t)i, (uint8_t)(255 - i)}});
}

static void
a_piece_that_does_not_fit_is_left_out_whole(void **state)
{
	char buf[8];
	struct text t;

	(void)state;
	text_init(&t, buf, sizeof(buf));
	text_str(&t, "1234");
	text_u64(&t, 5678);
	assert_true(t.overflow);
	assert_string_equal(buf, "1234");
	/* And all that follows. */
	text_str(&t, "5");
	assert_string_equal(buf, "1234");
	/* The last byte is the NUL's. */
	text_init(&t, buf, sizeof(buf));
	text_u64(&t, 1234567);
	assert_false(t.overflow);
	assert_string_equal(buf, "1234567");
	text_init(&t, buf, sizeof(buf));
	text_u64(&t, 12345678);
	assert_true(t.overflow);
	assert_string_equal(buf, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_as_printf_has_them),
	    cmocka_unit_test(addresses_are_as_inet_ntop_has_them),
	    cmocka_unit_test(a_piece_that_does_not_fit_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
