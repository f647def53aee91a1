/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The takeover gate as the kernel has it, in network namespaces that go away with the process.  Needs root, and
 * nft(8).
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctnl_help.h"
#include "gate.h"

enum { NOBODY = 65534, MINUTE_MS = 60000 };

static const char links[][GATE_IFNAME_MAX] = {"eth2", "a-name-of-15-by"};

static struct gate *
made(void)
{
	struct gate *g = NULL;

	assert_int_equal(gate_new(&g), 0);
	assert_int_equal(gate_make(g, links, ARRAY_LEN(links)), 0);
	return g;
}

/* The kernel's table, but for the owner's process, is this one. */
#define IS_TABLE(elements)                                                                         \
	"nft list ruleset | sed 's/ # progname.*//; s/expires [0-9a-z]*/expires N/g' >/tmp/g.$$;"     \
	"cat <<'E' | diff - /tmp/g.$$; r=$?; rm /tmp/g.$$; exit $r\n"           \
	"table inet conntrackd-gate {\n"                                                           \
	"\tflags owner\n"                                                                          \
	"\n"                                                                                       \
	"\tcounter held {\n"                                                                       \
	"\t\tpackets 0 bytes 0\n"                                                                  \
	"\t}\n"                                                                                    \
	"\n"                                                                                       \
	"\tset closed {\n"                                                                         \
	"\t\ttype inet_proto\n"                                                                    \
	"\t\tflags timeout\n" elements                                                             \
	"\t}\n"                                                                                    \
	"\n"                                                                                       \
	"\tchain prerouting {\n"                                                                   \
	"\t\ttype filter hook prerouting priority mangle; policy accept;\n"                        \
	"\t\tct status & confirmed == confirmed accept\n"                                          \
	"\t\tmeta l4proto != @closed accept\n"                                                     \
	"\t\tct state related,untracked accept\n"                                                  \
	"\t\tiifname \"lo\" accept\n"                                                              \
	"\t\tiifname \"eth2\" accept\n"                                                            \
	"\t\tiifname \"a-name-of-15-by\" accept\n"                                                 \
	"\t\ttcp flags syn / fin,syn,rst,ack accept\n"                                             \
	"\t\tmeta l4proto sctp @th,96,8 0x1 accept\n"                                              \
	"\t\tcounter name \"held\" drop\n"                                                         \
	"\t}\n"                                                                                    \
	"}\nE\n"

static void
what_nft_lists_is_what_was_meant(void **state)
{
	struct gate *g = made();
	uint64_t packets = 1;

	(void)state;
	assert_true(shell(IS_TABLE("")));
	assert_int_equal(gate_held(g, &packets), 0);
	assert_int_equal(packets, 0);
	gate_free(g);
}

/* The order of elements is the kernel's, and its clock may not have ticked since. */
#define HAS(element)                                                                                \
	"nft list set inet conntrackd-gate closed | grep -Eq '[ \t]" element " timeout 1m expires (1m|5[0-9]s)'"

static void
it_closes_and_opens(void **state)
{
	struct gate *g = made();

	(void)state;
	/* Opening what is open is nothing. */
	assert_int_equal(gate_open(g), 0);
	assert_int_equal(gate_close(g, MINUTE_MS, false), 0);
	assert_true(shell(HAS("tcp")));
	assert_true(shell(HAS("sctp")));
	assert_false(shell(HAS("udp")));
	assert_int_equal(gate_close(g, MINUTE_MS, true), 0);
	assert_true(shell(HAS("tcp")));
	assert_true(shell(HAS("udp")));
	assert_int_equal(gate_open(g), 0);
	assert_true(shell(IS_TABLE("")));
	gate_free(g);
}

static void
closing_it_again_begins_its_time_anew(void **state)
{
	struct gate *g = made();

	(void)state;
	assert_int_equal(gate_close(g, 3600 * 1000, false), 0);
	assert_false(shell(HAS("tcp")));
	assert_int_equal(gate_close(g, MINUTE_MS, false), 0);
	assert_true(shell(HAS("tcp")));
	gate_free(g);
}

static void
it_goes_with_its_socket(void **state)
{
	struct gate *g = made();

	(void)state;
	assert_int_equal(gate_close(g, MINUTE_MS, true), 0);
	gate_free(g);
	assert_true(shell("test -z \"$(nft list ruleset)\""));
}

static void
nobody_else_changes_it(void **state)
{
	struct gate *g = made(), *other = NULL;

	(void)state;
	assert_int_equal(gate_close(g, MINUTE_MS, false), 0);
	assert_false(shell("nft delete table inet conntrackd-gate"));
	assert_false(shell("nft add element inet conntrackd-gate closed { icmp timeout 1h }"));
	/* As most rulesets begin. */
	assert_true(shell("nft flush ruleset"));
	assert_true(shell(HAS("tcp")));
	assert_int_equal(gate_new(&other), 0);
	assert_int_equal(gate_make(other, links, 1), -EPERM);
	assert_int_equal(gate_close(other, MINUTE_MS, false), -EPERM);
	/* What was refused has left nothing: once the first is gone there is room for the other. */
	gate_free(g);
	assert_int_equal(gate_make(other, links, 1), 0);
	gate_free(other);
}

static void
a_table_of_somebody_elses_is_left_alone(void **state)
{
	struct gate *g = NULL;

	(void)state;
	assert_true(shell("nft add table inet conntrackd-gate"));
	assert_int_equal(gate_new(&g), 0);
	assert_int_equal(gate_make(g, links, 1), -EEXIST);
	gate_free(g);
	assert_true(shell("nft list table inet conntrackd-gate && nft delete table inet conntrackd-gate"));
}

static void
who_may_not_is_told_so(void **state)
{
	struct gate *g = NULL;
	uint64_t packets;

	(void)state;
	assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(gate_new(&g), 0);
	assert_int_equal(gate_make(g, links, 1), -EPERM);
	assert_int_equal(gate_close(g, MINUTE_MS, false), -EPERM);
	assert_int_equal(gate_open(g), -EPERM);
	assert_int_equal(gate_held(g, &packets), -EPERM);
	gate_free(g);
	assert_int_equal(seteuid(0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_nft_lists_is_what_was_meant, new_namespace),
	    cmocka_unit_test_setup(it_closes_and_opens, new_namespace),
	    cmocka_unit_test_setup(closing_it_again_begins_its_time_anew, new_namespace),
	    cmocka_unit_test_setup(it_goes_with_its_socket, new_namespace),
	    cmocka_unit_test_setup(nobody_else_changes_it, new_namespace),
	    cmocka_unit_test_setup(a_table_of_somebody_elses_is_left_alone, new_namespace),
	    cmocka_unit_test_setup(who_may_not_is_told_so, new_namespace),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("1..0 # SKIP needs root and network namespaces\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
