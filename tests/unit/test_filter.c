/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows are replicated: protocol, addresses, TCP state, each on its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"

static const enum filter_polarity both[] = {FILTER_ACCEPT, FILTER_IGNORE};

/* From 10.0.0.1 to 10.0.0.2, where 10.0.0.3 answers. */
static struct flow
flow_of(uint8_t l4)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = l4;
	f.key.src = (struct ip_addr){{10, 0, 0, 1}};
	f.key.dst = (struct ip_addr){{10, 0, 0, 2}};
	flow_invert(&f.key, &f.reply);
	f.reply.src.b[3] = 3;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY;
	return f;
}

static void
a_network_holds_the_addresses_that_share_its_prefix(void **state)
{
	static const struct {
		struct filter_net net;
		uint8_t l3;
		struct ip_addr addr;
		bool inside;
	} rows[] = {
	    {{{{10, 1, 2, 3}}, L3_IPV4, 32}, L3_IPV4, {{10, 1, 2, 3}}, true},
	    {{{{10, 1, 2, 3}}, L3_IPV4, 32}, L3_IPV4, {{10, 1, 2, 4}}, false},
	    {{{{10, 1, 0, 0}}, L3_IPV4, 16}, L3_IPV4, {{10, 1, 9, 9}}, true},
	    {{{{10, 1, 0, 0}}, L3_IPV4, 16}, L3_IPV4, {{10, 2, 9, 9}}, false},
	    {{{{10, 1, 16, 0}}, L3_IPV4, 20}, L3_IPV4, {{10, 1, 31, 255}}, true},
	    {{{{10, 1, 16, 0}}, L3_IPV4, 20}, L3_IPV4, {{10, 1, 32, 0}}, false},
	    {{{{0}}, L3_IPV4, 0}, L3_IPV4, {{203, 0, 113, 9}}, true},
	    {{{{0}}, L3_IPV4, 0}, L3_IPV6, {{0x20, 1}}, false},
	    {{{{0x20, 1, 0xd, 0xb8}}, L3_IPV6, 32}, L3_IPV6, {{0x20, 1, 0xd, 0xb8, 1}}, true},
	    {{{{0x20, 1, 0xd, 0xb8}}, L3_IPV6, 128}, L3_IPV6, {{0x20, 1, 0xd, 0xb8, 1}}, false},
	    /* No such prefix. */
	    {{{{10, 1, 2, 3}}, L3_IPV4, 33}, L3_IPV4, {{10, 1, 2, 3}}, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (filter_net_contains(&rows[i].net, rows[i].l3, &rows[i].addr) != rows[i].inside)
			fail_msg("row %zu", i);
	}
}

static void
without_a_filter_everything_passes(void **state)
{
	struct filter f = {0};
	struct flow flow = flow_of(L4_TCP);

	(void)state;
	assert_true(filter_passes(&f, &flow));
}

static void
protocols_are_accepted_or_ignored(void **state)
{
	struct flow tcp = flow_of(L4_TCP), udp = flow_of(L4_UDP), last = flow_of(255);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct filter f = {.proto_polarity = both[i]};
		bool listed = both[i] == FILTER_ACCEPT;

		filter_proto_add(&f, L4_TCP);
		filter_proto_add(&f, 255);
		assert_int_equal(filter_passes(&f, &tcp), listed);
		assert_int_equal(filter_passes(&f, &last), listed);
		assert_int_equal(filter_passes(&f, &udp), !listed);
	}
}

/* Both ends count as they are on their own side of any NAT; the address in between does not. */
static void
either_real_end_point_is_a_hit(void **state)
{
	static const struct {
		uint8_t last;
		bool hit;
	} rows[] = {{1, true}, {2, false}, {3, true}, {4, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both) * ARRAY_LEN(rows); i++) {
		enum filter_polarity polarity = both[i % 2];
		const struct filter_net nets[] = {
		    {{{10, 0, 9, 0}}, L3_IPV4, 24}, {{{10, 0, 0, rows[i / 2].last}}, L3_IPV4, 32}};
		struct filter f = {.addr_polarity = polarity, .nets = nets, .nets_count = 2};
		struct flow flow = flow_of(L4_UDP);

		if (filter_passes(&f, &flow) != (rows[i / 2].hit == (polarity == FILTER_ACCEPT)))
			fail_msg("row %zu", i);
		/* A reply that nobody told is not looked at. */
		flow.has &= ~(uint32_t)HAS_REPLY;
		assert_int_equal(filter_passes(&f, &flow),
		    (rows[i / 2].last == 1) == (polarity == FILTER_ACCEPT));
	}
}

static void
states_are_asked_of_tcp_flows_that_have_one(void **state)
{
	struct flow tcp = flow_of(L4_TCP), udp = flow_of(L4_UDP);

	(void)state;
	udp.has |= HAS_STATE;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct filter f = {.state_polarity = both[i],
		    .tcp_states = 1u << TCP_ESTABLISHED | 1u << TCP_NONE};
		bool listed = both[i] == FILTER_ACCEPT;

		assert_true(filter_passes(&f, &udp));
		tcp.has &= ~(uint32_t)HAS_STATE;
		tcp.l4.tcp.state = listed ? TCP_CLOSE : TCP_ESTABLISHED;
		assert_true(filter_passes(&f, &tcp));
		tcp.has |= HAS_STATE;
		assert_false(filter_passes(&f, &tcp));
		tcp.l4.tcp.state = TCP_ESTABLISHED;
		assert_int_equal(filter_passes(&f, &tcp), listed);
		tcp.l4.tcp.state = TCP_CLOSE;
		assert_int_equal(filter_passes(&f, &tcp), !listed);
		/* Not the bit that 32 is once more. */
		tcp.l4.tcp.state = 32 + TCP_ESTABLISHED;
		assert_int_equal(filter_passes(&f, &tcp), !listed);
	}
}

static void
a_flow_passes_all_three_tests_or_none(void **state)
{
	const struct filter_net nets[] = {{{{10, 0, 0, 1}}, L3_IPV4, 32}};
	struct filter f = {.proto_polarity = FILTER_ACCEPT,
	    .addr_polarity = FILTER_IGNORE,
	    .nets = nets,
	    .nets_count = 1};
	struct flow flow = flow_of(L4_TCP);

	(void)state;
	filter_proto_add(&f, L4_TCP);
	assert_false(filter_passes(&f, &flow));
	flow.key.src.b[3] = 7;
	assert_true(filter_passes(&f, &flow));
	flow.key.l4 = L4_UDP;
	assert_false(filter_passes(&f, &flow));
}

static void
filters_are_equal_if_their_lists_are(void **state)
{
	static const struct filter_net nets[] = {
	    {{{10, 0, 0, 0}}, L3_IPV4, 8}, {{{10, 0, 0, 1}}, L3_IPV4, 32}};
	static const struct filter_net same[] = {
	    {{{10, 0, 0, 0}}, L3_IPV4, 8}, {{{10, 0, 0, 1}}, L3_IPV4, 32}};
	static const struct filter_net others[][2] = {
	    {{{{10, 0, 0, 0}}, L3_IPV4, 9}, {{{10, 0, 0, 1}}, L3_IPV4, 32}},
	    {{{{10, 0, 0, 0}}, L3_IPV6, 8}, {{{10, 0, 0, 1}}, L3_IPV4, 32}},
	    {{{{10, 0, 0, 0}}, L3_IPV4, 8}, {{{10, 0, 0, 2}}, L3_IPV4, 32}},
	};
	const struct filter all = {.proto_polarity = FILTER_ACCEPT, .protos = {1},
	    .addr_polarity = FILTER_IGNORE, .nets = nets, .nets_count = 2,
	    .state_polarity = FILTER_ACCEPT, .tcp_states = 2};
	struct filter f = all;

	(void)state;
	f.nets = same;
	assert_true(filter_equal(&all, &f));
	f.proto_polarity = FILTER_IGNORE;
	assert_false(filter_equal(&all, &f));
	f = all;
	f.addr_polarity = FILTER_ACCEPT;
	assert_false(filter_equal(&all, &f));
	f = all;
	f.state_polarity = FILTER_IGNORE;
	assert_false(filter_equal(&all, &f));
	f = all;
	filter_proto_add(&f, 255);
	assert_false(filter_equal(&all, &f));
	f = all;
	f.tcp_states = 3;
	assert_false(filter_equal(&all, &f));
	f = all;
	f.nets_count = 1;
	assert_false(filter_equal(&all, &f));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		f = all;
		f.nets = others[i];
		assert_false(filter_equal(&all, &f));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_network_holds_the_addresses_that_share_its_prefix),
	    cmocka_unit_test(without_a_filter_everything_passes),
	    cmocka_unit_test(protocols_are_accepted_or_ignored),
	    cmocka_unit_test(either_real_end_point_is_a_hit),
	    cmocka_unit_test(states_are_asked_of_tcp_flows_that_have_one),
	    cmocka_unit_test(a_flow_passes_all_three_tests_or_none),
	    cmocka_unit_test(filters_are_equal_if_their_lists_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
