/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may replace what, where more than the mapping and the direction tell (the truth table of
 * those is in tests/scenario/commit.c); and how long a flow lives of which nobody said it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "commit.h"

static struct flow
flow_in(uint8_t l4, uint8_t state)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = l4;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | HAS_STATUS | HAS_STATE;
	f.status = ST_SEEN_REPLY;
	if (l4 == L4_SCTP)
		f.l4.sctp.state = state;
	else
		f.l4.tcp.state = state;
	flow_invert(&f.key, &f.reply);
	return f;
}

/* An entry that nobody has told us of is not set back in its connection's life. */
static void
of_unknown_age_the_state_that_is_further_on_stays(void **state)
{
	static const struct {
		uint8_t kernel, replica;
		enum commit_verdict verdict;
	} rows[] = {
	    {TCP_ESTABLISHED, TCP_SYN_SENT, COMMIT_LEAVE},
	    {TCP_FIN_WAIT, TCP_ESTABLISHED, COMMIT_LEAVE},
	    {TCP_ESTABLISHED, TCP_ESTABLISHED, COMMIT_UPDATE},
	    {TCP_SYN_SENT2, TCP_SYN_SENT, COMMIT_UPDATE},
	    {TCP_SYN_RECV, TCP_LAST_ACK, COMMIT_UPDATE},
	    /* A state that we do not know is no reason to keep anything. */
	    {TCP_STATE_MAX, TCP_SYN_SENT, COMMIT_UPDATE},
	    {TCP_SYN_SENT, TCP_STATE_MAX, COMMIT_LEAVE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow k = flow_in(L4_TCP, rows[i].kernel);
		struct flow r = flow_in(L4_TCP, rows[i].replica);

		if (commit_decide(&k, &r, AGE_UNKNOWN) != rows[i].verdict ||
		    commit_decide(&k, &r, AGE_FOUND) != rows[i].verdict)
			fail_msg("row %zu", i);
		/* Nor is one that was not told. */
		k.has &= ~(uint32_t)HAS_STATE;
		assert_int_equal(commit_decide(&k, &r, AGE_UNKNOWN), COMMIT_UPDATE);
		k = flow_in(L4_UDP, rows[i].kernel);
		assert_int_equal(commit_decide(&k, &r, AGE_UNKNOWN), COMMIT_UPDATE);
	}
}

static void
of_unknown_age_another_mapping_stays_unless_only_a_read_found_it(void **state)
{
	struct flow k = flow_in(L4_TCP, TCP_ESTABLISHED), r = k;

	(void)state;
	r.reply.dst.b[0] = 9;
	assert_int_equal(commit_decide(&k, &r, AGE_UNKNOWN), COMMIT_LEAVE);
	assert_int_equal(commit_decide(&k, &r, AGE_FOUND), COMMIT_REPLACE);
	assert_int_equal(commit_decide(NULL, &r, AGE_UNKNOWN), COMMIT_CREATE);
}

/* The kernel takes a helper and a master only when it makes an entry. */
static void
an_entry_that_lacks_our_helper_or_master_is_made_anew(void **state)
{
	struct flow k = flow_in(L4_TCP, TCP_ESTABLISHED), r = k;

	(void)state;
	assert_int_equal(commit_decide(&k, &r, AGE_REPLICA_NEWER), COMMIT_UPDATE);
	r.has |= HAS_HELPER;
	strcpy(r.rare.helper, "ftp");
	assert_int_equal(commit_decide(&k, &r, AGE_REPLICA_NEWER), COMMIT_REPLACE);
	k.has |= HAS_HELPER;
	strcpy(k.rare.helper, "sip");
	assert_int_equal(commit_decide(&k, &r, AGE_REPLICA_NEWER), COMMIT_REPLACE);
	strcpy(k.rare.helper, "ftp");
	assert_int_equal(commit_decide(&k, &r, AGE_REPLICA_NEWER), COMMIT_UPDATE);
	r.has |= HAS_MASTER | HAS_MASTER_L4;
	r.rare.master.l4 = L4_GRE;
	assert_int_equal(commit_decide(&k, &r, AGE_REPLICA_NEWER), COMMIT_REPLACE);
	k.has |= HAS_MASTER;
	assert_int_equal(commit_decide(&k, &r, AGE_REPLICA_NEWER), COMMIT_UPDATE);
}

static void
the_holder_of_a_mapping_makes_way_if_it_is_older_or_stray(void **state)
{
	struct flow other = flow_in(L4_TCP, TCP_ESTABLISHED), r = other;

	(void)state;
	assert_true(commit_makes_way(&other, &r, AGE_REPLICA_NEWER));
	assert_true(commit_makes_way(&other, &r, AGE_FOUND));
	assert_false(commit_makes_way(&other, &r, AGE_KERNEL_NEWER));
	assert_false(commit_makes_way(&other, &r, AGE_UNKNOWN));
	other.status = 0;
	assert_true(commit_makes_way(&other, &r, AGE_KERNEL_NEWER));
	r.status = 0;
	assert_false(commit_makes_way(&other, &r, AGE_KERNEL_NEWER));
}

/* What is late, or a SYN that went astray, must not set back a connection that is alive here. */
static void
half_open_tcp_is_not_committed_over_a_connection_that_is_alive(void **state)
{
	static const uint8_t half_open[] = {TCP_SYN_SENT, TCP_SYN_SENT2, TCP_SYN_RECV};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(half_open); i++) {
		struct flow kernel = flow_in(L4_TCP, TCP_ESTABLISHED);
		struct flow replica = flow_in(L4_TCP, half_open[i]);

		kernel.status = ST_SEEN_REPLY | ST_ASSURED;
		assert_int_equal(commit_decide(&kernel, &replica, AGE_REPLICA_NEWER), COMMIT_LEAVE);
		/* A copy of ours that nobody has seen alive is no such connection. */
		assert_true(commit_decide(&kernel, &replica, AGE_COPY) != COMMIT_LEAVE);
		/* One that is closing here makes way for the next. */
		kernel.l4.tcp.state = TCP_TIME_WAIT;
		assert_true(commit_decide(&kernel, &replica, AGE_REPLICA_NEWER) != COMMIT_LEAVE);
		assert_int_equal(commit_decide(NULL, &replica, AGE_UNKNOWN), COMMIT_CREATE);
	}
}

/* sysctl net.netfilter of Linux, as it comes. */
static void
a_timeout_that_nobody_told_is_the_kernels_default(void **state)
{
	static const struct {
		uint8_t l4, state;
		uint32_t status, timeout_s;
	} rows[] = {
	    {L4_TCP, TCP_ESTABLISHED, 0, 432000},
	    {L4_TCP, TCP_LAST_ACK, 0, 30},
	    {L4_TCP, TCP_STATE_MAX, 0, 120},
	    {L4_UDP, 0, 0, 30},
	    {L4_UDP, 0, ST_ASSURED, 120},
	    {L4_UDPLITE, 0, ST_ASSURED, 120},
	    {L4_SCTP, 4, 0, 210},
	    {L4_SCTP, 3, 0, 30},
	    {L4_ICMP, 0, ST_ASSURED, 30},
	    {L4_ICMPV6, 0, 0, 30},
	    {L4_GRE, 0, 0, 30},
	    {L4_GRE, 0, ST_ASSURED, 180},
	    {L4_IGMP, 0, ST_ASSURED, 600},
	};
	struct flow f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f = flow_in(rows[i].l4, rows[i].state);
		f.status = rows[i].status;
		if (commit_default_timeout(&f) != rows[i].timeout_s)
			fail_msg("row %zu", i);
	}
	f = flow_in(L4_TCP, TCP_ESTABLISHED);
	f.has &= ~(uint32_t)HAS_STATE;
	assert_int_equal(commit_default_timeout(&f), 120);
	f = flow_in(L4_SCTP, 4);
	f.has &= ~(uint32_t)HAS_STATE;
	assert_int_equal(commit_default_timeout(&f), 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_unknown_age_the_state_that_is_further_on_stays),
	    cmocka_unit_test(of_unknown_age_another_mapping_stays_unless_only_a_read_found_it),
	    cmocka_unit_test(an_entry_that_lacks_our_helper_or_master_is_made_anew),
	    cmocka_unit_test(the_holder_of_a_mapping_makes_way_if_it_is_older_or_stray),
	    cmocka_unit_test(half_open_tcp_is_not_committed_over_a_connection_that_is_alive),
	    cmocka_unit_test(a_timeout_that_nobody_told_is_the_kernels_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
