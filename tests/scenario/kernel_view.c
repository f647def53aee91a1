/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_view.c: what the kernel tells, late, twice or in part, and what a node makes of it.
 */
#include <errno.h>
#include <stdlib.h>

#include "flows.h"
#include "wire.h"

/* -f internal while flows that a read did not name are being looked at: who waits for the end of the
 * read must still hear of it. */
static void
a_flush_in_the_middle_of_a_read_does_not_swallow_its_end(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	struct kernel_result res = {.error = ENOENT};
	unsigned int done = w->nodes[0].notices[NOTE_KERNEL_READ_DONE];
	struct kernel_op op;

	(void)state;
	make_flows(w, 0, 1, 300);
	world_run(w, 100);
	node_kernel_read_begin(n, false, w->now);
	node_kernel_read_end(n, true, w->now);
	assert_true(node_pull_kernel_op(n, &op, w->now));
	assert_int_equal(op.type, KOP_GET);
	node_command(n, CMD_FLUSH_INTERNAL, w->now);
	res.cookie = op.cookie;
	node_kernel_result(n, &res, w->now);
	world_run(w, 2000);
	assert_int_equal(w->nodes[0].notices[NOTE_KERNEL_READ_DONE], done + 1);
	world_free(w);
}

/* A state filter says which changes are told; that a flow has ended is told always. */
static void
a_state_filter_does_not_hide_the_end_of_a_flow(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow(1);

	(void)state;
	cfg.filter.state_polarity = FILTER_ACCEPT;
	cfg.filter.tcp_states = 1u << TCP_ESTABLISHED;
	w = pair(cfg);
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 1);
	f.l4.tcp.state = TCP_TIME_WAIT;
	sim_kernel_update(w->nodes[0].kernel, &f);
	sim_kernel_destroy(w->nodes[0].kernel, &f.key);
	world_run(w, 100);
	assert_int_equal(world_count(w, 0, TABLE_LOCAL), 0);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	world_free(w);
}

/* A table that hovers at its limit is one spell of being full, not thousands. */
static void
a_full_table_is_told_once_per_spell(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;

	(void)state;
	cfg.limit = 64;
	w = pair(cfg);
	make_flows(w, 0, 1, 64);
	world_run(w, 100);
	for (unsigned int i = 1; i <= 50; i++) {
		struct flow f = tcp_flow(i);

		make_flows(w, 0, 100 + 2 * i, 1);
		world_run(w, 10);
		sim_kernel_destroy(w->nodes[0].kernel, &f.key);
		world_run(w, 1100);
		make_flows(w, 0, 101 + 2 * i, 1);
		world_run(w, 10);
	}
	assert_int_equal(w->nodes[0].notices[NOTE_LOCAL_FULL], 1);
	assert_true(w->nodes[1].notices[NOTE_REMOTE_FULL] <= 1);
	world_free(w);
}

/* Both the end of a flow and the start of the next on its tuple were lost: the read that finds out
 * finds another flow, of which the old one's attributes are no part. */
static void
a_read_that_finds_another_flow_on_the_tuple_replaces(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow old = tcp_flow(1), f = tcp_flow(1), r;

	(void)state;
	old.has |= HAS_HELPER;
	strcpy(old.rare.helper, "ftp");
	sim_kernel_new(w->nodes[0].kernel, &old);
	world_run(w, 2000);
	sim_kernel_destroy(w->nodes[0].kernel, &old.key);
	sim_kernel_new(w->nodes[0].kernel, &f);
	w->nodes[0].kernel->events_count = 0;
	world_read_kernel(w, 0, true);
	world_run(w, 100);
	assert_true(world_find(w, 0, TABLE_LOCAL, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	world_free(w);
}

static void
kernel_event(struct world *w, size_t i, enum kernel_event_type type, const struct flow *f)
{
	struct kernel_event ev = {.type = type, .flow = *f};

	node_kernel_event(w->nodes[i].node, &ev, w->now);
}

/* A flow that a read finds on the tuple of one that died: it is alive, and not the one to go when
 * room is made. */
static void
only_the_dead_make_room(void **state)
{
	struct node_cfg cfg = ftfw_cfg();
	struct world *w;
	struct flow f = tcp_flow(1);

	(void)state;
	cfg.limit = 4;
	w = pair(cfg);
	f.has |= HAS_ID;
	f.id = 1;
	kernel_event(w, 0, KEV_NEW, &f);
	world_run(w, 2000);
	w->drop = drop_all;
	kernel_event(w, 0, KEV_DESTROY, &f);
	world_run(w, 10);
	f.id = 2;
	node_kernel_read_begin(w->nodes[0].node, false, w->now);
	node_kernel_read_flow(w->nodes[0].node, &f, w->now);
	node_kernel_read_end(w->nodes[0].node, true, w->now);
	world_run(w, 10);
	for (unsigned int i = 2; i <= 6; i++) {
		struct flow g = tcp_flow(i);

		kernel_event(w, 0, KEV_NEW, &g);
	}
	world_run(w, 10);
	assert_true(world_find(w, 0, TABLE_LOCAL, &f.key, NULL));
	w->drop = NULL;
	world_run(w, 20000);
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, NULL));
	world_free(w);
}

/* A table dump is older than the events read while it was on its way. */
static void
a_dump_does_not_raise_the_dead(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	struct flow known = tcp_flow(1), unknown = tcp_flow(2);
	struct flow_view v;
	uint32_t cursor = 0;

	(void)state;
	known.has |= HAS_ID;
	known.id = 11;
	unknown.has |= HAS_ID;
	unknown.id = 12;
	kernel_event(w, 0, KEV_NEW, &known);
	world_run(w, 2000);
	node_kernel_read_begin(n, false, w->now);
	kernel_event(w, 0, KEV_DESTROY, &known);
	kernel_event(w, 0, KEV_DESTROY, &unknown);
	world_run(w, 2000);
	node_kernel_read_flow(n, &known, w->now);
	node_kernel_read_flow(n, &unknown, w->now);
	node_kernel_read_end(n, true, w->now);
	world_run(w, 2000);
	assert_false(node_next_flow(n, TABLE_LOCAL, &cursor, &v, w->now));
	assert_int_equal(node_table_view(n, TABLE_LOCAL).total, 0);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 0);
	/* The next flow on the tuple is another one, and a dump may be the first to tell. */
	known.id = 13;
	node_kernel_read_begin(n, true, w->now);
	node_kernel_read_flow(n, &known, w->now);
	node_kernel_read_end(n, true, w->now);
	world_run(w, 100);
	assert_int_equal(world_count(w, 1, TABLE_REMOTE), 1);
	world_free(w);
}

static void
a_dump_does_not_set_back_what_events_told(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[0].node;
	struct flow f = tcp_flow(1), later = tcp_flow_in(1, TCP_FIN_WAIT), r;

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	node_kernel_read_begin(n, true, w->now);
	sim_kernel_update(w->nodes[0].kernel, &later);
	world_run(w, 10);
	node_kernel_read_flow(n, &f, w->now);
	node_kernel_read_end(n, true, w->now);
	world_run(w, 100);
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, &r));
	assert_int_equal(r.l4.tcp.state, TCP_FIN_WAIT);
	world_free(w);
}

/* Thousands of timers share one slot of the wheel. */
static void
thousands_of_flows_expire_together(void **state)
{
	const unsigned int flows = 40000;
	struct peer_addr peer = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 2}}};
	struct node_cfg cfg = alarm_cfg();
	ms_t now = {128 * 1000};
	struct node *n;
	void *mem;

	(void)state;
	cfg.limit = flows;
	mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	memset(mem, 0, node_size(&cfg));
	n = node_init(mem, &cfg, now);
	for (unsigned int i = 0; i < flows; i++) {
		struct flow f = tcp_flow(i);
		uint8_t buf[256];
		struct wbuf wb;

		wbuf_init(&wb, buf, sizeof(buf));
		assert_true(wire_put_flow(&wb, WIRE_CT_NEW, 0, i, &f, UINT32_MAX));
		node_datagram(n, &peer, buf, wbuf_len(&wb), now);
		if (i % 400 == 399)
			now.ms++;
	}
	for (int i = 0; i < 30000; i++) {
		now.ms++;
		node_tick(n, now);
	}
	assert_int_equal(node_table_view(n, TABLE_REMOTE).active, 0);
	free(mem);
}

/* A commit replaces a flow that a dump on its way still names. */
static void
a_dump_adds_nothing_to_what_a_commit_wrote(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct node *n = w->nodes[1].node;
	struct flow f = tcp_flow(5), stray = stray_flow(5), r;

	(void)state;
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 100);
	stray.mark = 4;
	stray.has |= HAS_HELPER | HAS_MARK;
	strcpy(stray.rare.helper, "ftp");
	sim_kernel_new(w->nodes[1].kernel, &stray);
	world_run(w, 100);
	stray = *sim_kernel_find(w->nodes[1].kernel, &stray.key);
	node_kernel_read_begin(n, false, w->now);
	world_command(w, 1, CMD_COMMIT);
	assert_int_equal(w->nodes[1].last_commit.replaced, 1);
	node_kernel_read_flow(n, &stray, w->now);
	node_kernel_read_end(n, true, w->now);
	world_run(w, 100);
	assert_true(world_find(w, 1, TABLE_LOCAL, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	assert_int_equal(r.mark, 0);
	world_free(w);
}

/* A dump is complete: what it does not name of a flow the flow has not, or no longer. */
static void
a_read_takes_away_what_is_not_there(void **state)
{
	struct world *w = pair(ftfw_cfg());
	struct flow f = tcp_flow(5), r;

	(void)state;
	f.has |= HAS_HELPER;
	strcpy(f.rare.helper, "ftp");
	sim_kernel_new(w->nodes[0].kernel, &f);
	world_run(w, 2000);
	sim_kernel_find(w->nodes[0].kernel, &f.key)->has &= ~(uint32_t)HAS_HELPER;
	world_read_kernel(w, 0, true);
	world_run(w, 100);
	assert_true(world_find(w, 0, TABLE_LOCAL, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	assert_true(world_find(w, 1, TABLE_REMOTE, &f.key, &r));
	assert_int_equal(r.has & HAS_HELPER, 0);
	world_free(w);
}

/* -R between an overrun and the read that is due because of it: what the first one finds nobody has
 * told, and the second finds nothing new. */
static void
a_read_that_comes_first_tells_what_an_overrun_hid(void **state)
{
	struct world *w = pair(ftfw_cfg());

	(void)state;
	make_flows(w, 0, 1, 10);
	w->nodes[0].kernel->events_count = 0;
	w->nodes[0].kernel->events_lost = true;
	world_run(w, 100);
	world_read_kernel(w, 0, false);
	world_run(w, 100);
	world_read_kernel(w, 0, true);
	world_run(w, 100);
	assert_replica(w, 0, 1);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flush_in_the_middle_of_a_read_does_not_swallow_its_end),
	    cmocka_unit_test(a_state_filter_does_not_hide_the_end_of_a_flow),
	    cmocka_unit_test(a_full_table_is_told_once_per_spell),
	    cmocka_unit_test(a_read_that_finds_another_flow_on_the_tuple_replaces),
	    cmocka_unit_test(only_the_dead_make_room),
	    cmocka_unit_test(a_dump_does_not_raise_the_dead),
	    cmocka_unit_test(a_dump_does_not_set_back_what_events_told),
	    cmocka_unit_test(thousands_of_flows_expire_together),
	    cmocka_unit_test(a_dump_adds_nothing_to_what_a_commit_wrote),
	    cmocka_unit_test(a_read_takes_away_what_is_not_there),
	    cmocka_unit_test(a_read_that_comes_first_tells_what_an_overrun_hid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
