/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the model of conntrackd 1.4.7 does that no capture shows: commits, orders, and the faults of
 * that program on which a simulation with it is to be built.  Each was seen with the program
 * itself, or is in its documentation.
 */
#include "incumbent.h"

#include <errno.h>
#include <stdlib.h>

#include "flows.h"
#include "wire.h"

enum { PAYLOAD = 1472 };

/* One model, its kernel, and a peer that is this test. */
struct rig {
	struct incumbent *inc;
	struct sim_kernel *kernel;
	ms_t now;
	uint32_t seq; /* the peer's next number */
	/* What the model said last: the messages of a datagram are kept one by one. */
	struct wire_msg said[64];
	size_t said_count;
	size_t states; /* state messages, since the beginning */
	uint8_t buf[16][PAYLOAD];
};

static struct rig *
rig_new(struct incumbent_cfg cfg)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->kernel = calloc(1, sizeof(*r->kernel));
	assert_non_null(r->kernel);
	r->kernel->deliver_own = true;
	r->now.ms = 1000000;
	r->seq = 1;
	r->inc = incumbent_new(&cfg, r->now);
	return r;
}

static void
rig_free(struct rig *r)
{
	incumbent_free(r->inc);
	free(r->kernel);
	free(r);
}

/* All that is to be done now; what is said meanwhile replaces what was said before. */
static void
settle(struct rig *r)
{
	size_t datagrams = 0, len;
	struct kernel_event ev;
	struct kernel_op op;
	bool any = true;

	r->said_count = 0;
	while (any) {
		any = false;
		while (incumbent_pull_kernel_op(r->inc, &op, r->now)) {
			struct kernel_result res;

			any = true;
			sim_kernel_request(r->kernel, &op, &res);
			incumbent_kernel_result(r->inc, &res, r->now);
		}
		while (sim_kernel_event(r->kernel, &ev)) {
			any = true;
			incumbent_kernel_event(r->inc, &ev, r->now);
		}
	}
	while ((len = incumbent_pull_datagram(r->inc, r->buf[datagrams], PAYLOAD, r->now)) > 0) {
		struct rbuf b;

		rbuf_init(&b, r->buf[datagrams], len);
		while (wire_next(&b, &r->said[r->said_count]) == WIRE_MSG) {
			r->states += r->said[r->said_count].type != WIRE_CTL;
			assert_true(++r->said_count < ARRAY_LEN(r->said));
		}
		assert_true(++datagrams < ARRAY_LEN(r->buf));
	}
}

/* Time passes; what is said is counted only. */
static void
pass(struct rig *r, int64_t ms)
{
	int64_t end = r->now.ms + ms;

	while (incumbent_deadline(r->inc).ms <= end) {
		if (incumbent_deadline(r->inc).ms > r->now.ms)
			r->now = incumbent_deadline(r->inc);
		incumbent_tick(r->inc, r->now);
		settle(r);
	}
	r->now.ms = end;
}

static void
peer_sends(struct rig *r, struct wbuf *wb)
{
	/* The model's clock is right if it has just been awake. */
	incumbent_tick(r->inc, r->now);
	incumbent_datagram(r->inc, wb->start, wbuf_len(wb), r->now);
	settle(r);
}

static void
peer_control(struct rig *r, uint8_t flags, uint32_t from, uint32_t to)
{
	uint8_t buf[64];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, flags, r->seq++, from, to));
	peer_sends(r, &wb);
}

static void
peer_flow(struct rig *r, enum wire_type type, const struct flow *f)
{
	uint8_t buf[512];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_flow(&wb, type, 0, r->seq++, f, ~0u));
	peer_sends(r, &wb);
}

/* A model and a peer that have greeted each other; all is acknowledged. */
static struct rig *
greeted(struct incumbent_cfg cfg)
{
	struct rig *r = rig_new(cfg);

	pass(r, 1000);
	peer_control(r, WIRE_ALIVE | WIRE_HELLO | WIRE_HELLO_BACK, 0, 0);
	pass(r, 1000);
	peer_control(r, WIRE_ACK, 0, 0x7fffffff);
	return r;
}

static bool
find_flow(struct rig *r, enum node_table t, const struct flow_key *key, struct flow *out)
{
	struct flow_view v;
	uint32_t cursor = 0;

	while (incumbent_next_flow(r->inc, t, &cursor, &v, r->now)) {
		if (flow_key_equal(&v.flow.key, key)) {
			*out = v.flow;
			return true;
		}
	}
	return false;
}

static void
commit(struct rig *r)
{
	incumbent_command(r->inc, CMD_COMMIT, r->now);
	settle(r);
	pass(r, 100);
	assert_false(incumbent_is_busy(r->inc));
}

/* ---- commit ---- */

static void
a_commit_writes_masters_first(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});

	(void)state;
	for (unsigned int i = 1; i <= 50; i++) {
		struct flow master = tcp_flow(i), f = tcp_flow(i + 100);

		f.status |= ST_EXPECTED;
		f.rare.master = master.key;
		f.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
		peer_flow(r, WIRE_CT_NEW, &f);
		peer_flow(r, WIRE_CT_NEW, &master);
	}
	commit(r);
	assert_int_equal(r->kernel->count, 100);
	assert_int_equal(incumbent_stats(r->inc)->committed, 100);
	/* They stay, and nobody is told. */
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 100);
	assert_int_equal(incumbent_count(r->inc, TABLE_LOCAL), 100);
	assert_int_equal(r->states, 0);
	incumbent_command(r->inc, CMD_BULK, r->now);
	assert_int_equal(incumbent_queues(r->inc).tx, 100);
	rig_free(r);
}

static void
a_commit_does_not_stop_the_daemon(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f;

	(void)state;
	for (unsigned int i = 1; i <= 200; i++) {
		f = tcp_flow(i);
		peer_flow(r, WIRE_CT_NEW, &f);
	}
	incumbent_command(r->inc, CMD_COMMIT, r->now);
	settle(r);
	/* An eighth of the buckets is through; it listens before the next. */
	assert_in_range(r->kernel->count, 1, 100);
	assert_true(incumbent_is_busy(r->inc));
	for (unsigned int i = 201; i <= 300; i++) {
		f = tcp_flow(i);
		peer_flow(r, WIRE_CT_NEW, &f);
	}
	/* An external cache that is being committed is not flushed. */
	incumbent_command(r->inc, CMD_FLUSH_EXTERNAL, r->now);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 300);
	pass(r, 100);
	/* What came into a bucket that had been visited is missed. */
	assert_in_range(r->kernel->count, 230, 299);
	assert_int_equal(incumbent_stats(r->inc)->commits, 1);
	incumbent_command(r->inc, CMD_FLUSH_EXTERNAL, r->now);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 0);
	rig_free(r);
}

static void
a_commit_replaces_what_is_newer_in_the_kernel(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1), newer = tcp_flow_in(1, TCP_CLOSE_WAIT), got;

	(void)state;
	peer_flow(r, WIRE_CT_NEW, &f);
	pass(r, 2000);
	sim_kernel_new(r->kernel, &newer);
	settle(r);
	commit(r);
	assert_int_equal(r->kernel->deletes, 1);
	assert_int_equal(incumbent_stats(r->inc)->commit_replaced, 1);
	assert_int_equal(sim_kernel_find(r->kernel, &f.key)->l4.tcp.state, TCP_ESTABLISHED);
	assert_true(find_flow(r, TABLE_LOCAL, &f.key, &got));
	assert_int_equal(got.l4.tcp.state, TCP_ESTABLISHED);
	rig_free(r);
}

static void
a_commit_fails_on_a_reply_tuple_that_is_taken(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1), holder = tcp_flow(1), dying = tcp_flow(2);

	(void)state;
	holder.key.src.b[3] = 99;
	sim_kernel_new(r->kernel, &holder);
	/* DYING is written as it came, and refused. */
	dying.status |= ST_DYING;
	peer_flow(r, WIRE_CT_NEW, &f);
	peer_flow(r, WIRE_CT_NEW, &dying);
	commit(r);
	assert_int_equal(incumbent_stats(r->inc)->commit_failed, 2);
	assert_int_equal(r->kernel->count, 1);
	assert_non_null(sim_kernel_find(r->kernel, &holder.key));
	rig_free(r);
}

static uint32_t
committed_timeout(struct rig *r, unsigned int i)
{
	struct flow f = tcp_flow(i);
	const struct flow *g = sim_kernel_find(r->kernel, &f.key);

	return g != NULL ? g->timeout_s : 0;
}

static void
a_commit_takes_off_the_time_since_the_last_message(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	static const uint32_t timeouts[] = {100, 3, 2};
	struct flow f;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(timeouts); i++) {
		f = tcp_flow(i);
		f.timeout_s = timeouts[i];
		peer_flow(r, WIRE_CT_NEW, &f);
	}
	f = tcp_flow(3);
	f.has &= ~(uint32_t)HAS_TIMEOUT;
	peer_flow(r, WIRE_CT_NEW, &f);
	pass(r, 3000);
	f = tcp_flow(4);
	f.has &= ~(uint32_t)HAS_TIMEOUT;
	peer_flow(r, WIRE_CT_NEW, &f);
	commit(r);
	assert_int_equal(committed_timeout(r, 0), 97);
	assert_int_equal(committed_timeout(r, 1), 3);  /* none left: as it came */
	assert_int_equal(committed_timeout(r, 2), 60); /* less than none */
	assert_int_equal(committed_timeout(r, 3), 60);
	assert_int_equal(committed_timeout(r, 4), 0); /* none came, not yet a second old: refused */
	assert_int_equal(incumbent_stats(r->inc)->commit_failed, 1);
	rig_free(r);
}

static void
what_comes_after_a_quiet_time_is_stamped_too_early(void **state)
{
	struct rig *r = rig_new((struct incumbent_cfg){.mode = MODE_ALARM});
	struct flow f = tcp_flow(1);
	uint8_t buf[512];
	struct wbuf wb;

	(void)state;
	r->now.ms += 5000;
	f.timeout_s = 100;
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_flow(&wb, WIRE_CT_NEW, 0, 1, &f, ~0u));
	incumbent_datagram(r->inc, buf, wbuf_len(&wb), r->now);
	commit(r);
	assert_int_equal(committed_timeout(r, 1), 95);
	rig_free(r);
}

static void
a_flow_is_written_with_commit_timeout_and_without_window_checks(void **state)
{
	struct rig *r = greeted(
	    (struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9, .commit_timeout_s = 180});
	struct flow f = tcp_flow(1);
	struct kernel_op op;

	(void)state;
	f.status |= ST_EXPECTED;
	f.rare.master = f.key;
	f.has |= HAS_MASTER; /* but no protocol of it: not related */
	peer_flow(r, WIRE_CT_NEW, &f);
	incumbent_command(r->inc, CMD_COMMIT, r->now);
	while (!incumbent_pull_kernel_op(r->inc, &op, r->now)) {
		r->now = incumbent_deadline(r->inc);
		incumbent_tick(r->inc, r->now);
	}
	assert_int_equal(op.type, KOP_CREATE);
	assert_true(op.tcp_liberal);
	assert_int_equal(op.flow.timeout_s, 180);
	assert_int_equal(op.flow.status & (ST_EXPECTED | ST_CONFIRMED), ST_CONFIRMED);
	assert_int_equal(op.flow.has & HAS_MASTER, 0);
	assert_true(flow_reply_equal(&op.flow.reply, &f.reply));
	/* It waits for the answer. */
	assert_false(incumbent_pull_kernel_op(r->inc, &op, r->now));
	rig_free(r);
}

/* ---- orders ---- */

static void
a_read_deletes_nothing_and_says_nothing(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow a = tcp_flow(1), b = tcp_flow(2);

	(void)state;
	sim_kernel_new(r->kernel, &a);
	settle(r);
	assert_int_equal(r->said_count, 1);
	incumbent_kernel_read_begin(r->inc, false, r->now);
	incumbent_kernel_read_flow(r->inc, &b, r->now);
	incumbent_kernel_read_end(r->inc, true, r->now);
	settle(r);
	assert_int_equal(r->said_count, 0);
	assert_int_equal(incumbent_count(r->inc, TABLE_LOCAL), 2);
	rig_free(r);
}

static void
after_an_overrun_zoned_flows_are_taken_for_dead(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow plain = tcp_flow(1), zoned = tcp_flow(2), gone = tcp_flow(3);

	(void)state;
	zoned.key.zone = 7;
	zoned.has |= HAS_ZONE;
	sim_kernel_new(r->kernel, &plain);
	sim_kernel_new(r->kernel, &zoned);
	sim_kernel_new(r->kernel, &gone);
	settle(r);
	sim_kernel_destroy(r->kernel, &gone.key);
	r->kernel->events_count = 0; /* lost */
	incumbent_kernel_overrun(r->inc, r->now);
	pass(r, 20000);
	incumbent_kernel_overrun(r->inc, r->now); /* puts it off */
	pass(r, 29999);
	assert_false(incumbent_wants_read(r->inc));
	pass(r, 1);
	assert_true(incumbent_wants_read(r->inc));
	incumbent_kernel_read_begin(r->inc, true, r->now);
	incumbent_kernel_read_flow(r->inc, &plain, r->now);
	incumbent_kernel_read_flow(r->inc, &zoned, r->now);
	incumbent_kernel_read_end(r->inc, true, r->now);
	assert_false(incumbent_wants_read(r->inc));
	settle(r);
	assert_int_equal(incumbent_stats(r->inc)->purged, 2);
	assert_int_equal(r->said_count, 3);
	assert_int_equal(r->said[0].type, WIRE_CT_UPD);
	assert_int_equal(r->said[1].type, WIRE_CT_DEL);
	assert_int_equal(r->said[2].type, WIRE_CT_DEL);
	rig_free(r);
}

static void
a_purge_deletes_without_a_word(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1);

	(void)state;
	sim_kernel_new(r->kernel, &f);
	settle(r);
	incumbent_purge(r->inc, r->now);
	pass(r, 30000);
	incumbent_purge(r->inc, r->now); /* changes nothing */
	pass(r, 29990);
	assert_int_equal(r->kernel->count, 1);
	pass(r, 10);
	assert_int_equal(r->kernel->count, 0);
	assert_int_equal(incumbent_count(r->inc, TABLE_LOCAL), 0);
	assert_int_equal(r->states, 1);
	/* A commit forbids it. */
	sim_kernel_new(r->kernel, &f);
	settle(r);
	incumbent_purge(r->inc, r->now);
	incumbent_command(r->inc, CMD_COMMIT, r->now);
	pass(r, 61000);
	assert_int_equal(r->kernel->count, 1);
	assert_int_equal(r->states, 2);
	/* The same at once. */
	incumbent_command(r->inc, CMD_FLUSH_KERNEL, r->now);
	settle(r);
	assert_int_equal(r->kernel->count, 0);
	assert_int_equal(r->said_count, 0);
	rig_free(r);
}

static void
nobody_asks_after_a_restart(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1);

	(void)state;
	sim_kernel_new(r->kernel, &f);
	settle(r);
	peer_control(r, WIRE_ACK, 0, 0x7fffffff);
	/* The peer is new: its HELLO brings it no flow, only RESYNC does. */
	peer_control(r, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	pass(r, 5000);
	assert_int_equal(r->states, 1);
	peer_control(r, WIRE_RESYNC, 0, 0);
	assert_int_equal(r->said_count, 1);
	assert_int_equal(r->said[0].type, WIRE_CT_NEW);
	/* And the model asks by order only. */
	incumbent_command(r->inc, CMD_REQUEST_RESYNC, r->now);
	settle(r);
	assert_int_equal(r->said_count, 1);
	assert_int_equal(r->said[0].flags, WIRE_RESYNC);
	rig_free(r);
}

/* ---- the protocol ---- */

static void
a_number_from_far_ahead_makes_it_deaf(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1);

	(void)state;
	r->seq += 0x40000000;
	peer_control(r, WIRE_ALIVE, 0, 0);
	r->seq -= 0x40000000;
	peer_flow(r, WIRE_CT_NEW, &f);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 0);
	assert_int_equal(incumbent_stats(r->inc)->late, 1);
	peer_control(r, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	peer_flow(r, WIRE_CT_NEW, &f);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 1);
	rig_free(r);
}

static void
a_hello_makes_it_forget_what_is_not_acknowledged(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1);

	(void)state;
	sim_kernel_new(r->kernel, &f);
	settle(r);
	sim_kernel_destroy(r->kernel, &f.key);
	settle(r);
	assert_int_equal(r->said[0].type, WIRE_CT_DEL);
	assert_int_equal(incumbent_count(r->inc, TABLE_LOCAL), 1);
	peer_control(r, WIRE_ALIVE | WIRE_HELLO, 0, 0);
	assert_int_equal(incumbent_count(r->inc, TABLE_LOCAL), 0);
	assert_int_equal(incumbent_queues(r->inc).resend, 0);
	assert_in_range(incumbent_stats(r->inc)->dropped_by_hello, 1, 3);
	peer_control(r, WIRE_NACK, 0, 0x7fffffff);
	assert_int_equal(r->said_count, 0);
	rig_free(r);
}

static void
an_unknown_attribute_is_acknowledged_and_lost(void **state)
{
	struct rig *r =
	    greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9, .limit = 1});
	struct flow f = tcp_flow(1);
	uint8_t buf[512];
	struct wbuf wb;

	(void)state;
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_flow(&wb, WIRE_CT_NEW, 0, r->seq++, &f, ~0u));
	wbuf_be16(&wb, 8);
	wbuf_be16(&wb, 33);
	wbuf_be32(&wb, 0);
	wbuf_patch_be16(&wb, 2, (uint16_t)wbuf_len(&wb));
	peer_sends(r, &wb);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 0);
	/* So is a flow for which there is no room. */
	peer_flow(r, WIRE_CT_NEW, &f);
	f = tcp_flow(2);
	peer_flow(r, WIRE_CT_NEW, &f);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 1);
	assert_int_equal(incumbent_stats(r->inc)->full, 1);
	r->now = incumbent_deadline(r->inc);
	incumbent_tick(r->inc, r->now);
	settle(r);
	assert_int_equal(r->said[0].flags, WIRE_ACK);
	assert_int_equal(r->said[0].to, r->seq - 1);
	rig_free(r);
}

static void
what_waits_already_keeps_its_place(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f[2] = {tcp_flow(1), tcp_flow(2)};

	(void)state;
	sim_kernel_new(r->kernel, &f[0]);
	sim_kernel_new(r->kernel, &f[1]);
	sim_kernel_update(r->kernel, &f[0]);
	settle(r);
	assert_int_equal(r->said_count, 2);
	assert_int_equal(r->said[0].type, WIRE_CT_UPD);
	assert_int_equal(r->said[1].type, WIRE_CT_NEW);
	/* What was sent and is not acknowledged goes to the end, under a new number only. */
	sim_kernel_update(r->kernel, &f[0]);
	settle(r);
	assert_int_equal(r->said_count, 1);
	peer_control(r, WIRE_NACK, 0, 0x7fffffff);
	assert_int_equal(r->said_count, 2);
	assert_int_equal(r->said[0].type, WIRE_CT_NEW);
	assert_int_equal(r->said[1].type, WIRE_CT_UPD);
	rig_free(r);
}

static void
an_update_of_a_dead_flow_makes_a_new_one(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct kernel_event ev = {.type = KEV_NEW, .flow = tcp_flow(1)};

	(void)state;
	ev.flow.mark = 7;
	ev.flow.has |= HAS_MARK;
	incumbent_kernel_event(r->inc, &ev, r->now);
	ev.type = KEV_DESTROY;
	incumbent_kernel_event(r->inc, &ev, r->now);
	settle(r);
	/* Made and ended before anything was said. */
	assert_int_equal(r->said_count, 1);
	assert_int_equal(r->said[0].type, WIRE_CT_DEL);
	ev.type = KEV_UPDATE;
	ev.flow.has &= ~(uint32_t)HAS_MARK;
	incumbent_kernel_event(r->inc, &ev, r->now);
	settle(r);
	assert_int_equal(r->said_count, 1);
	assert_int_equal(r->said[0].type, WIRE_CT_NEW);
	assert_true(find_flow(r, TABLE_LOCAL, &ev.flow.key, &ev.flow));
	assert_int_equal(ev.flow.has & HAS_MARK, 0);
	peer_control(r, WIRE_NACK, 0, 0x7fffffff);
	for (size_t i = 0; i < r->said_count; i++)
		assert_int_not_equal(r->said[i].type, WIRE_CT_DEL);
	rig_free(r);
}

static void
an_update_takes_nothing_away(void **state)
{
	struct rig *r = greeted((struct incumbent_cfg){.mode = MODE_FTFW, .first_seq = 9});
	struct flow f = tcp_flow(1), dnat = tcp_flow(1), got;

	(void)state;
	f.mark = 5;
	f.rare.labels[0] = 1;
	f.has |= HAS_MARK | HAS_LABELS;
	peer_flow(r, WIRE_CT_NEW, &f);
	dnat.reply.src.b[3] = 200;
	dnat.status = ST_CONFIRMED;
	dnat.has = (dnat.has & ~(uint32_t)HAS_SNAT) | HAS_DNAT;
	peer_flow(r, WIRE_CT_UPD, &dnat);
	assert_true(find_flow(r, TABLE_REMOTE, &f.key, &got));
	assert_int_equal(got.mark, 5);
	assert_int_equal(got.rare.labels[0], 1);
	assert_int_equal(got.has & (HAS_SNAT | HAS_DNAT), HAS_SNAT | HAS_DNAT);
	assert_int_equal(got.status, ST_CONFIRMED);
	assert_memory_equal(&got.reply.dst, &f.reply.dst, sizeof(f.reply.dst));
	assert_memory_equal(&got.reply.src, &dnat.reply.src, sizeof(f.reply.src));
	/* NEW does. */
	peer_flow(r, WIRE_CT_NEW, &dnat);
	assert_true(find_flow(r, TABLE_REMOTE, &f.key, &got));
	assert_int_equal(got.has & (HAS_MARK | HAS_LABELS | HAS_SNAT), 0);
	rig_free(r);
}

static void
in_alarm_it_hears_only_plain_messages(void **state)
{
	struct rig *r = rig_new((struct incumbent_cfg){.mode = MODE_ALARM});
	struct flow f = tcp_flow(1), g = tcp_flow(2);
	uint8_t buf[512];
	struct wbuf wb;

	(void)state;
	sim_kernel_new(r->kernel, &g);
	settle(r);
	/* The first number is the time of day. */
	assert_int_equal(r->said_count, 1);
	assert_int_equal(r->said[0].seq, 1000);
	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_flow(&wb, WIRE_CT_NEW, WIRE_HELLO, r->seq++, &f, ~0u));
	peer_sends(r, &wb);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 0);
	peer_control(r, WIRE_RESYNC, 0, 0);
	assert_int_equal(r->said_count, 0);
	incumbent_command(r->inc, CMD_REQUEST_RESYNC, r->now);
	incumbent_command(r->inc, CMD_BULK, r->now);
	settle(r);
	assert_int_equal(r->said_count, 0);
	r->seq = 0x80000000; /* numbers mean nothing */
	peer_flow(r, WIRE_CT_UPD, &f);
	r->seq = 3;
	peer_flow(r, WIRE_CT_NEW, &g);
	assert_int_equal(incumbent_count(r->inc, TABLE_REMOTE), 2);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_commit_writes_masters_first),
	    cmocka_unit_test(a_commit_does_not_stop_the_daemon),
	    cmocka_unit_test(a_commit_replaces_what_is_newer_in_the_kernel),
	    cmocka_unit_test(a_commit_fails_on_a_reply_tuple_that_is_taken),
	    cmocka_unit_test(a_commit_takes_off_the_time_since_the_last_message),
	    cmocka_unit_test(what_comes_after_a_quiet_time_is_stamped_too_early),
	    cmocka_unit_test(a_flow_is_written_with_commit_timeout_and_without_window_checks),
	    cmocka_unit_test(a_read_deletes_nothing_and_says_nothing),
	    cmocka_unit_test(after_an_overrun_zoned_flows_are_taken_for_dead),
	    cmocka_unit_test(a_purge_deletes_without_a_word),
	    cmocka_unit_test(nobody_asks_after_a_restart),
	    cmocka_unit_test(a_number_from_far_ahead_makes_it_deaf),
	    cmocka_unit_test(a_hello_makes_it_forget_what_is_not_acknowledged),
	    cmocka_unit_test(an_unknown_attribute_is_acknowledged_and_lost),
	    cmocka_unit_test(what_waits_already_keeps_its_place),
	    cmocka_unit_test(an_update_of_a_dead_flow_makes_a_new_one),
	    cmocka_unit_test(an_update_takes_nothing_away),
	    cmocka_unit_test(in_alarm_it_hears_only_plain_messages),
	};

	return cmocka_run_group_tests_name("incumbent_faults", tests, NULL, NULL);
}
