/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tuples as people write them, and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tuple.h"

enum { WORDS_MAX = 12 };

struct row {
	const char *words[WORDS_MAX];
	const char *means; /* as tuple_render() has it */
};

static size_t
count_of(const char *const words[])
{
	size_t count = 0;

	while (count < WORDS_MAX && words[count] != NULL)
		count++;
	return count;
}

static void
many_ways_mean_one_tuple(void **state)
{
	static const char tcp[] = "tcp src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80";
	static const struct row rows[] = {
	    {{"tcp", "src=10.0.0.1", "dst=10.0.0.2", "sport=4000", "dport=80"}, tcp},
	    {{"tcp src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80"}, tcp},
	    {{"TCP,dport=80,sport=4000,dst=10.0.0.2,src=10.0.0.1"}, tcp},
	    {{"10.0.0.1:4000->10.0.0.2:80", "-p", "tcp"}, tcp},
	    {{"-p", "6", "10.0.0.1:4000 -> 10.0.0.2:80"}, tcp},
	    {{"--proto=tcp", "10.0.0.1:4000", ">", "10.0.0.2:80"}, tcp},
	    {{"tcp", "10.0.0.1:4000>10.0.0.2:80"}, tcp},
	    {{"tcp", "10.0.0.1.4000", "10.0.0.2.80"}, tcp},
	    {{"-p", "tcp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "4000", "--dport", "80"}, tcp},
	    {{"-p", "tcp", "--orig-src=10.0.0.1", "--orig-dst", "10.0.0.2", "--orig-port-src", "4000",
		 "--orig-port-dst=80"},
		tcp},
	    {{"proto=6 src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80"}, tcp},
	    {{"6 src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80"}, tcp},
	    /* Whole lines. */
	    {{"tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80 "
	      "src=10.9.9.9 dst=10.8.8.8 sport=80 dport=1024 [ASSURED] mark=7 use=1"},
		tcp},
	    {{"ipv4     2 tcp      6 117 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80 packets=1 "
	      "bytes=60 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=4000 packets=0 bytes=0 mark=0 "
	      "zone=3 use=1"},
		"tcp src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80 zone=3"},
	    {{"    [NEW] udp      17 30 src=fd00::1 dst=fd00::2 sport=1 dport=53 [UNREPLIED] src=fd00::2 "
	      "dst=fd00::1 sport=53 dport=1"},
		"udp src=fd00::1 dst=fd00::2 sport=1 dport=53"},
	    {{"icmp 1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 "
	      "id=77 mark=0"},
		"icmp src=10.0.0.1 dst=10.0.0.2 id=77 type=8 code=0"},
	    {{"unknown  89 599 src=10.0.0.1 dst=224.0.0.5 [UNREPLIED] src=224.0.0.5 dst=10.0.0.1"},
		"proto=89 src=10.0.0.1 dst=224.0.0.5"},
	    {{"gre 47 src=10.0.0.1 dst=10.0.0.2 srckey=0x10 dstkey=0xffff"},
		"gre src=10.0.0.1 dst=10.0.0.2 sport=16 dport=65535"},
	    {{"[fd00::1]:4000->[fd00::2]:80", "tcp"}, "tcp src=fd00::1 dst=fd00::2 sport=4000 dport=80"},
	    {{"fd00::1", "fd00::2"}, "src=fd00::1 dst=fd00::2"},
	    {{"src=::ffff:10.0.0.1"}, "src=::ffff:10.0.0.1"},
	    /* Parts. */
	    {{"10.0.0.1"}, "src=10.0.0.1"},
	    {{"dport=80"}, "dport=80"},
	    {{"dst=10.0.0.2", "-z", "65535"}, "dst=10.0.0.2 zone=65535"},
	    {{"dst=10.0.0.2", "zone=0"}, "dst=10.0.0.2 zone=0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char why[128] = "", buf[TUPLE_TEXT_MAX], again[TUPLE_TEXT_MAX];
		const char *back = buf;
		struct flow_tuple t, u;
		struct text text;

		if (!tuple_parse(rows[i].words, count_of(rows[i].words), &t, why, sizeof(why)))
			fail_msg("%s: %s", rows[i].words[0], why);
		text_init(&text, buf, sizeof(buf));
		tuple_render(&text, &t);
		assert_string_equal(buf, rows[i].means);
		/* What is printed is read back to the same. */
		assert_true(tuple_parse(&back, 1, &u, why, sizeof(why)));
		text_init(&text, again, sizeof(again));
		tuple_render(&text, &u);
		assert_string_equal(again, buf);
	}
}

static void
what_makes_no_sense_is_refused_in_words(void **state)
{
	static const struct row rows[] = {
	    {{""}, "no flow is named"},
	    {{NULL}, "no flow is named"},
	    {{"tcp"}, "no flow is named"},
	    {{"zone=3"}, "no flow is named"},
	    {{"src=10.0.0.256"}, "`10.0.0.256' is no address"},
	    {{"src="}, "`' is no address"},
	    {{"src=fd00::1", "dst=10.0.0.1"}, "of another family"},
	    {{"10.0.0.1 10.0.0.2 10.0.0.3"}, "`10.0.0.3' is one address too many"},
	    {{"src=10.0.0.1 sport=1 sport=2"}, "`2' is one port too many"},
	    {{"sport=65536"}, "`65536' is no port"},
	    {{"sport=-1"}, "`-1' is no port"},
	    {{"sport=99999999999999999999999999"}, "is no port"},
	    {{"sport=0x"}, "`0x' is no port"},
	    {{"10.0.0.1:"}, "`' is no port"},
	    {{"[fd00::1"}, "is no address"},
	    {{"[]"}, "no flow is named"},
	    {{"-p"}, "`proto' has no value"},
	    {{"-p", "tcpp", "src=10.0.0.1"}, "`tcpp' is no protocol"},
	    {{"-p", "256", "src=10.0.0.1"}, "`256' is no protocol"},
	    {{"tcp udp src=10.0.0.1"}, "`udp' is one protocol too many"},
	    {{"--frobnicate", "src=10.0.0.1"}, "`--frobnicate' is no option"},
	    {{"spotr=80"}, "`spotr' is no part of a tuple"},
	    {{"10.0.0.1", "established"}, "`established' is no part"},
	    {{"zone=65536 src=10.0.0.1"}, "is no zone"},
	    {{"icmp src=10.0.0.1 type=256"}, "is no number up to 255"},
	    {{"icmp src=10.0.0.1 type=8 dport=80"}, "is ICMP's"},
	    {{"10.0.0.1\x1b[2J"}, "is no part of a tuple"},
	    {{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		"is too long"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char why[128] = "";
		struct flow_tuple t;

		if (tuple_parse(rows[i].words, count_of(rows[i].words), &t, why, sizeof(why)))
			fail_msg("%s passes", rows[i].words[0]);
		if (strstr(why, rows[i].means) == NULL)
			fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].words[0], why, rows[i].means);
		for (const char *c = why; *c != '\0'; c++)
			assert_in_range(*c, ' ', '~');
	}
}

/* Bytes and pieces of tuples, thrown together: they are read or refused, and what is read can be said again. */
static void
anything_is_read_or_refused(void **state)
{
	static const char *const pieces[] = {"src=", "dst=", "10.0.0.1", "fd00::1", "[", "]", ":", "->", ">", ".",
	    "tcp", "icmp", "unknown", "-p", "-s", "--", "=", "==", "sport=1", "dport=", "type=8", "id=9", "zone=",
	    "0x", "65535", " ", ",", "\n", "ipv4", "ESTABLISHED", "\xff", "\x1b", "%s%n", "4294967296"};
	uint32_t seed = 1;
	unsigned int passed = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char a[256] = "", b[256] = "", why[64], buf[TUPLE_TEXT_MAX];
		const char *words[2] = {a, b}, *back = buf;
		struct flow_tuple t, u;
		struct text text;

		for (int i = 0; i < 10; i++) {
			seed = seed * 1664525 + 1013904223;
			strcat(seed >> 31 ? a : b, pieces[(seed >> 8) % ARRAY_LEN(pieces)]);
		}
		why[0] = '\0';
		if (!tuple_parse(words, 2, &t, why, sizeof(why))) {
			assert_true(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
			continue;
		}
		passed++;
		text_init(&text, buf, sizeof(buf));
		tuple_render(&text, &t);
		assert_false(text.overflow);
		if (!tuple_parse(&back, 1, &u, why, sizeof(why)))
			fail_msg("%s / %s becomes %s: %s", a, b, buf, why);
		assert_int_equal(u.has, t.has);
	}
	assert_true(passed > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_ways_mean_one_tuple),
	    cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
	    cmocka_unit_test(anything_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
