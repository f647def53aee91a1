/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's table beside a daemon's caches: what counts as a difference, and what only moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compare.h"

static const struct filter everything;

static struct flow
flow_of(uint8_t host, uint32_t id)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = L4_TCP;
	f.key.src = (struct ip_addr){{10, 0, 0, host}};
	f.key.dst = (struct ip_addr){{10, 0, 1, 1}};
	f.key.sport = 5;
	f.key.dport = 6;
	flow_invert(&f.key, &f.reply);
	f.id = id;
	f.status = ST_SEEN_REPLY | ST_ASSURED;
	f.l4.tcp.state = TCP_ESTABLISHED;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_ID | HAS_STATUS | HAS_STATE;
	return f;
}

static struct flow_record
record(enum flow_record_kind kind, const struct flow *f)
{
	struct flow_record r = {.kind = kind, .v.flow = *f, .v.slot = 0xff};

	return r;
}

/* One look at a kernel and a cache of one flow each; either may be NULL. */
static void
look(struct compare *c, const struct compare *before, const struct flow *kernel, const struct flow *cache)
{
	assert_true(compare_init(c, before, &everything, false, 100, 10));
	compare_kernel_begin(c);
	if (kernel != NULL)
		assert_true(compare_kernel(c, kernel));
	if (cache != NULL) {
		struct flow_record r = record(RECORD_LOCAL, cache);

		compare_record(c, &r);
	}
	compare_finish(c);
}

static void
only_what_stays_the_same_on_both_sides_is_reported(void **state)
{
	struct flow kernel = flow_of(1, 1), cache = kernel, later;
	struct compare first, second;

	(void)state;
	cache.l4.tcp.state = TCP_SYN_RECV;
	look(&first, NULL, &kernel, &cache);
	assert_int_equal(first.counts[COMPARE_DIFFERENT], 1);
	look(&second, &first, &kernel, &cache);
	assert_int_equal(second.counts[COMPARE_DIFFERENT], 1);
	assert_int_equal(second.in_motion, 0);
	assert_int_equal(second.examples_count, 1);
	assert_int_equal(second.examples[0].what, DIFFERS_STATE);
	compare_free(&second);
	/* The cache has followed, and the kernel has gone on: also a difference, but another one. */
	later = kernel;
	later.l4.tcp.state = TCP_FIN_WAIT;
	look(&second, &first, &later, &kernel);
	assert_int_equal(second.counts[COMPARE_DIFFERENT], 0);
	assert_int_equal(second.in_motion, 1);
	assert_false(compare_differs(&second));
	compare_free(&second);
	compare_free(&first);
}

static void
another_flow_on_the_tuple_is_another_suspicion(void **state)
{
	struct flow old = flow_of(1, 1), new = flow_of(1, 2);
	struct compare first, second;

	(void)state;
	look(&first, NULL, &old, NULL);
	assert_int_equal(first.counts[COMPARE_MISSING], 1);
	look(&second, &first, &new, NULL);
	assert_int_equal(second.counts[COMPARE_MISSING], 0);
	compare_free(&second);
	compare_free(&first);
	look(&first, NULL, NULL, &old);
	assert_int_equal(first.counts[COMPARE_STALE], 1);
	look(&second, &first, NULL, &new);
	assert_int_equal(second.counts[COMPARE_STALE], 0);
	compare_free(&second);
	compare_free(&first);
	assert_int_equal(compare_flows(&new, &old), DIFFERS_ID);
}

static void
what_differs_is_named(void **state)
{
	struct flow kernel = flow_of(1, 1), cache;

	(void)state;
	assert_int_equal(compare_flows(&kernel, &kernel), 0);
	cache = kernel;
	cache.status &= ~(uint32_t)ST_ASSURED;
	assert_int_equal(compare_flows(&kernel, &cache), DIFFERS_STATUS);
	/* Bits that change without an event. */
	cache = kernel;
	cache.status |= ST_OFFLOAD | ST_SEQ_ADJUST | ST_CONFIRMED;
	assert_int_equal(compare_flows(&kernel, &cache), 0);
	cache = kernel;
	cache.has |= HAS_MARK | HAS_LABELS | HAS_HELPER;
	assert_int_equal(compare_flows(&kernel, &cache), 0); /* zero and absent are the same */
	cache.mark = 1;
	cache.rare.labels[15] = 1;
	memcpy(cache.rare.helper, "ftp", 4);
	assert_int_equal(compare_flows(&kernel, &cache), DIFFERS_MARK | DIFFERS_LABELS | DIFFERS_HELPER);
	cache = kernel;
	cache.reply.dport = 99;
	assert_int_equal(compare_flows(&kernel, &cache), DIFFERS_NAT);
	cache = kernel;
	cache.timeout_s = 12345;
	cache.has |= HAS_TIMEOUT;
	assert_int_equal(compare_flows(&kernel, &cache), 0);
	/* A copy that we wrote has no number yet. */
	cache = kernel;
	cache.has &= ~(uint32_t)HAS_ID;
	cache.id = 55;
	assert_int_equal(compare_flows(&kernel, &cache), 0);
}

static void
dead_flows_only_wait_for_their_peers(void **state)
{
	struct flow f = flow_of(1, 1);
	struct flow_record r = record(RECORD_LOCAL, &f);
	struct compare c;

	(void)state;
	assert_true(compare_init(&c, NULL, &everything, false, 100, 10));
	r.v.dead = true;
	r.v.wait = ENTRY_WAITS_ACK;
	r.v.lacks = 1 << 2 | 1 << 7;
	r.v.sent_s = COMPARE_LATE_S;
	compare_record(&c, &r);
	r.v.lacks = 1 << 2;
	r.v.sent_s = COMPARE_LATE_S - 1;
	compare_record(&c, &r);
	compare_finish(&c);
	assert_int_equal(c.counts[COMPARE_STALE], 0);
	assert_int_equal(c.peers[2].lacks, 2);
	assert_int_equal(c.peers[2].late, 1);
	assert_int_equal(c.peers[2].oldest_s, COMPARE_LATE_S);
	assert_int_equal(c.peers[7].lacks, 1);
	assert_int_equal(c.peers[0].lacks, 0);
	assert_true(compare_differs(&c));
	compare_free(&c);
}

/* A kernel entry that is ours and alive, and a replica beside it. */
static uint64_t
blocked_by(struct flow *holder, bool local_known, bool live, int64_t local_changed_ms, const struct flow *replica,
    int64_t replica_changed_ms)
{
	struct flow_record local = record(RECORD_LOCAL, holder), remote = record(RECORD_REMOTE, replica);
	struct compare c;
	uint64_t count;

	local.v.live = live;
	local.v.changed_ms = local_changed_ms;
	remote.v.changed_ms = replica_changed_ms;
	assert_true(compare_init(&c, NULL, &everything, false, 100, 10));
	assert_true(compare_kernel(&c, holder));
	if (local_known)
		compare_record(&c, &local);
	compare_record(&c, &remote);
	assert_int_equal(c.remote_not_in_kernel, 1);
	count = c.counts[COMPARE_BLOCKED];
	compare_free(&c);
	return count;
}

static void
in_the_way_is_what_a_commit_would_leave(void **state)
{
	struct flow replica = flow_of(1, 0), holder = flow_of(1, 1);

	(void)state;
	/* The same tuple with another mapping. */
	holder.reply.dport = 77;
	assert_int_equal(blocked_by(&holder, true, true, 100, &replica, 5000), 1);
	assert_int_equal(blocked_by(&holder, true, true, 5000, &replica, 100), 0);
	assert_int_equal(blocked_by(&holder, true, false, 100, &replica, 5000), 0); /* nobody knows since when */
	/* Another flow has the tuple that the replica's answers come on. */
	holder = flow_of(1, 1);
	holder.key.src = replica.reply.src;
	holder.key.dst = replica.reply.dst;
	holder.key.sport = replica.reply.sport;
	holder.key.dport = replica.reply.dport;
	flow_invert(&holder.key, &holder.reply);
	assert_int_equal(blocked_by(&holder, true, true, 100, &replica, 5000), 1);
	assert_int_equal(blocked_by(&holder, true, true, 5000, &replica, 100), 0);
	/* A packet that found nothing left it behind. */
	holder.status = 0;
	assert_int_equal(blocked_by(&holder, true, true, 100, &replica, 5000), 0);
	/* Another flow's answers come on it, by its mapping. */
	holder = flow_of(9, 1);
	holder.reply = replica.reply;
	assert_int_equal(blocked_by(&holder, true, true, 100, &replica, 5000), 1);
}

static void
a_kernel_with_more_flows_than_room_is_told(void **state)
{
	struct compare c;

	(void)state;
	assert_true(compare_init(&c, NULL, &everything, false, 2, 10));
	for (uint8_t i = 1; i <= 3; i++) {
		struct flow f = flow_of(i, i);

		assert_int_equal(compare_kernel(&c, &f), i <= 2);
		/* Named twice in one dump. */
		if (i == 1)
			assert_true(compare_kernel(&c, &f));
	}
	/* The dump is begun again: what it named before is forgotten. */
	compare_kernel_begin(&c);
	compare_finish(&c);
	assert_int_equal(c.counts[COMPARE_MISSING], 0);
	compare_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_stays_the_same_on_both_sides_is_reported),
	    cmocka_unit_test(another_flow_on_the_tuple_is_another_suspicion),
	    cmocka_unit_test(what_differs_is_named),
	    cmocka_unit_test(dead_flows_only_wait_for_their_peers),
	    cmocka_unit_test(in_the_way_is_what_a_commit_would_leave),
	    cmocka_unit_test(a_kernel_with_more_flows_than_room_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
