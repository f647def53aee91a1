/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of conntrackd 1.4.7: it talks to another of its kind, and to a node of ours.
 */
#include "incumbent.h"

#include <stdlib.h>

#include "flows.h"
#include "wire.h"

enum { QUEUE_MAX = 4096, PAYLOAD = 1472 };

/* One end of the link: a model or a node. */
struct side {
	struct incumbent *inc;
	struct node *node;
};

struct packet {
	ms_t at;
	int to;
	size_t len;
	uint8_t data[PAYLOAD];
};

struct link {
	ms_t now;
	struct side side[2];
	struct packet queue[QUEUE_MAX]; /* in order of arrival */
	size_t head, count;
	unsigned int loss_pct;
	uint64_t noise, lost;
};

static struct incumbent_cfg
ftfw_model(uint32_t first_seq)
{
	return (struct incumbent_cfg){
	    .mode = MODE_FTFW, .limit = 8192, .ack_window = 20, .first_seq = first_seq};
}

static struct node *
new_node(struct node_cfg cfg, ms_t now)
{
	void *mem;

	cfg.secret[0] = 77;
	cfg.first_seq = 0x70000000;
	mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	assert_non_null(mem);
	memset(mem, 0, node_size(&cfg));
	return node_init(mem, &cfg, now);
}

static struct link *
new_link(const struct incumbent_cfg *a, const struct incumbent_cfg *b, const struct node_cfg *ours)
{
	struct link *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->now.ms = 1000000;
	l->noise = 88172645463325252ULL;
	l->side[0].inc = incumbent_new(a, l->now);
	if (b != NULL)
		l->side[1].inc = incumbent_new(b, l->now);
	else
		l->side[1].node = new_node(*ours, l->now);
	return l;
}

static void
free_link(struct link *l)
{
	for (size_t i = 0; i < 2; i++) {
		incumbent_free(l->side[i].inc);
		free(l->side[i].node);
	}
	free(l);
}

static size_t
pull(struct link *l, int i, uint8_t *buf)
{
	if (l->side[i].inc != NULL)
		return incumbent_pull_datagram(l->side[i].inc, buf, PAYLOAD, l->now);
	return node_pull_datagram(l->side[i].node, buf, PAYLOAD, l->now);
}

static bool
send_all(struct link *l, int i)
{
	uint8_t buf[PAYLOAD];
	bool any = false;
	size_t len;

	while ((len = pull(l, i, buf)) > 0) {
		struct packet *p = &l->queue[(l->head + l->count) % QUEUE_MAX];

		any = true;
		if (world_random(&l->noise) % 100 < l->loss_pct) {
			l->lost++;
			continue;
		}
		assert_true(l->count < QUEUE_MAX);
		l->count++;
		p->at = ms_add(l->now, 1);
		p->to = !i;
		p->len = len;
		memcpy(p->data, buf, len);
	}
	return any;
}

static bool
receive_one(struct link *l)
{
	static const struct peer_addr addr = {.l3 = L3_IPV4, .addr = {{10, 0, 0, 1}}};
	struct packet *p = &l->queue[l->head];
	struct side *s = &l->side[p->to];

	if (l->count == 0 || !ms_reached(l->now, p->at))
		return false;
	l->head = (l->head + 1) % QUEUE_MAX;
	l->count--;
	if (s->inc != NULL)
		incumbent_datagram(s->inc, p->data, p->len, l->now);
	else
		node_datagram(s->node, &addr, p->data, p->len, l->now);
	return true;
}

static void
run(struct link *l, int64_t ms)
{
	ms_t end = ms_add(l->now, ms);

	for (;;) {
		bool any = true;

		while (any) {
			any = receive_one(l);
			any |= send_all(l, 0);
			any |= send_all(l, 1);
		}
		if (l->now.ms >= end.ms)
			return;
		l->now.ms++;
		for (size_t i = 0; i < 2; i++) {
			struct side *s = &l->side[i];

			if (s->inc != NULL && ms_reached(l->now, incumbent_deadline(s->inc)))
				incumbent_tick(s->inc, l->now);
			if (s->node != NULL && ms_reached(l->now, node_deadline(s->node)))
				node_tick(s->node, l->now);
		}
	}
}

static void
event(struct link *l, int i, enum kernel_event_type type, const struct flow *f)
{
	struct kernel_event ev = {.type = type, .flow = *f};

	if (l->side[i].inc != NULL)
		incumbent_kernel_event(l->side[i].inc, &ev, l->now);
	else
		node_kernel_event(l->side[i].node, &ev, l->now);
}

static bool
next_flow(struct link *l, int i, enum node_table t, uint32_t *cursor, struct flow_view *v)
{
	if (l->side[i].inc != NULL)
		return incumbent_next_flow(l->side[i].inc, t, cursor, v, l->now);
	return node_next_flow(l->side[i].node, t, cursor, v, l->now);
}

static size_t
count_flows(struct link *l, int i, enum node_table t)
{
	struct flow_view v;
	uint32_t cursor = 0;
	size_t count = 0;

	while (next_flow(l, i, t, &cursor, &v))
		count++;
	return count;
}

/* What i has of its own, the other side has of i, and nothing else. */
static void
assert_replicated(struct link *l, int i)
{
	struct flow_view a, b;
	uint32_t cursor = 0;

	while (next_flow(l, i, TABLE_LOCAL, &cursor, &a)) {
		uint32_t other = 0;
		bool found = false;

		while (!found && next_flow(l, !i, TABLE_REMOTE, &other, &b))
			found = flow_key_equal(&a.flow.key, &b.flow.key);
		if (!found)
			fail_msg("flow %u is missing", get_be16(&a.flow.key.sport));
		assert_true(flow_reply_equal(&a.flow.reply, &b.flow.reply));
		assert_int_equal(a.flow.status, b.flow.status);
		assert_int_equal(a.flow.l4.tcp.state, b.flow.l4.tcp.state);
		assert_int_equal(a.flow.mark, b.flow.mark);
		/* We tell what is left of it. */
		assert_in_range(b.flow.timeout_s, a.flow.timeout_s - 120, a.flow.timeout_s);
	}
	assert_int_equal(count_flows(l, i, TABLE_LOCAL), count_flows(l, !i, TABLE_REMOTE));
}

/* Both sides get flows, some change, some end, with time in between. */
static void
traffic(struct link *l)
{
	for (unsigned int n = 1; n <= 400; n++) {
		int i = n % 2;
		struct flow f = tcp_flow_in(n, TCP_SYN_SENT);

		event(l, i, KEV_NEW, &f);
		if (n % 3 == 0)
			run(l, 2);
		f.l4.tcp.state = TCP_ESTABLISHED;
		f.mark = n;
		f.has |= HAS_MARK;
		event(l, i, KEV_UPDATE, &f);
		if (n % 5 == 0)
			run(l, 7);
		if (n % 4 < 2)
			event(l, i, KEV_DESTROY, &f);
		if (n % 100 == 0)
			run(l, 1500);
	}
}

static void
talk(struct link *l, unsigned int loss_pct)
{
	run(l, 3000);
	l->loss_pct = loss_pct;
	traffic(l);
	run(l, 5000);
	l->loss_pct = 0;
	run(l, 20000);
	assert_int_equal(count_flows(l, 0, TABLE_LOCAL), 100);
	assert_int_equal(count_flows(l, 1, TABLE_LOCAL), 100);
	assert_replicated(l, 0);
	assert_replicated(l, 1);
}

static void
two_of_them_replicate_to_each_other(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000), b = ftfw_model(2000);
	struct link *l = new_link(&a, &b, NULL);

	(void)state;
	talk(l, 0);
	assert_int_equal(incumbent_stats(l->side[0].inc)->lost, 0);
	assert_int_equal(incumbent_stats(l->side[0].inc)->nacks_sent, 0);
	/* What is acknowledged is not kept: two control messages are always under way. */
	assert_in_range(incumbent_queues(l->side[0].inc).resend, 0, 2);
	assert_int_equal(incumbent_count(l->side[0].inc, TABLE_LOCAL), 100);
	free_link(l);
}

static void
two_of_them_make_up_for_losses(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000), b = ftfw_model(0xfffffff0);
	struct link *l = new_link(&a, &b, NULL);

	(void)state;
	talk(l, 20);
	assert_true(l->lost > 20);
	assert_true(incumbent_stats(l->side[0].inc)->nacks_sent > 5);
	assert_true(incumbent_stats(l->side[0].inc)->resent > 5);
	free_link(l);
}

static void
one_of_them_and_ours_replicate_to_each_other(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000);
	struct node_cfg ours = ftfw_cfg();
	struct link *l = new_link(&a, NULL, &ours);

	(void)state;
	talk(l, 0);
	assert_int_equal(incumbent_stats(l->side[0].inc)->lost, 0);
	free_link(l);
}

static void
one_of_them_and_ours_make_up_for_losses(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000);
	struct node_cfg ours = ftfw_cfg();
	struct link *l = new_link(&a, NULL, &ours);

	(void)state;
	talk(l, 20);
	assert_true(l->lost > 20);
	assert_true(incumbent_stats(l->side[0].inc)->nacks_sent > 5);
	free_link(l);
}

/* Nothing is asked for again; a minute of refreshes makes up for all that was lost. */
static void
in_alarm_too(void **state)
{
	const struct incumbent_cfg model = {
	    .mode = MODE_ALARM, .limit = 8192, .refresh_s = 5, .cache_timeout_s = 20};
	struct node_cfg ours = alarm_cfg();

	(void)state;
	for (int with_ours = 0; with_ours <= 1; with_ours++) {
		struct link *l = new_link(&model, with_ours ? NULL : &model, &ours);

		l->loss_pct = 20;
		traffic(l);
		run(l, 5000);
		l->loss_pct = 0;
		run(l, 60000);
		assert_true(l->lost > 20);
		assert_int_equal(count_flows(l, 0, TABLE_LOCAL), 100);
		assert_int_equal(count_flows(l, 1, TABLE_LOCAL), 100);
		assert_replicated(l, 0);
		assert_replicated(l, 1);
		free_link(l);
	}
}

/*
 * A tuple is used anew before the end of the flow before it has been heard: that end is not said
 * again, and what comes is an update.  It says all there is.
 */
static void
an_update_from_one_of_them_takes_away_what_it_does_not_name(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000);
	struct node_cfg ours = ftfw_cfg();
	struct link *l = new_link(&a, NULL, &ours);
	struct flow f = tcp_flow(1), g = stray_flow(1);
	struct flow_view v;

	(void)state;
	run(l, 3000);
	f.mark = 7;
	f.has |= HAS_MARK;
	event(l, 0, KEV_NEW, &f);
	run(l, 3000);
	l->loss_pct = 100;
	event(l, 0, KEV_DESTROY, &f);
	run(l, 2);
	l->loss_pct = 0;
	event(l, 0, KEV_NEW, &g);
	g.l4.tcp.state = TCP_SYN_RECV;
	event(l, 0, KEV_UPDATE, &g);
	run(l, 3000);
	assert_true(node_find_flow(l->side[1].node, TABLE_REMOTE, &g.key, &v, l->now));
	assert_true(flow_reply_equal(&v.flow.reply, &g.reply));
	assert_false(v.flow.has & HAS_MARK);
	assert_int_equal(v.flow.l4.tcp.state, TCP_SYN_RECV);
	free_link(l);
}

/*
 * It is restarted before it was ever answered, its clock and with it its numbers a little on: it
 * seems to be the same process, and what its kernel lost meanwhile has to go all the same.
 */
static void
one_of_them_restarts_before_it_was_answered(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000);
	struct node_cfg ours = ftfw_cfg();
	struct link *l = new_link(&a, NULL, &ours);
	struct flow f = tcp_flow(1);

	(void)state;
	event(l, 0, KEV_NEW, &f);
	run(l, 10);
	assert_int_equal(count_flows(l, 1, TABLE_REMOTE), 1);
	l->loss_pct = 100;
	run(l, 1500);
	incumbent_free(l->side[0].inc);
	a.first_seq += 3;
	l->side[0].inc = incumbent_new(&a, l->now);
	l->loss_pct = 0;
	run(l, 40000);
	assert_int_equal(count_flows(l, 1, TABLE_REMOTE), 0);
	free_link(l);
}

/* It looks for no gaps among messages that say HELLO, and acknowledges what it never had. */
static void
what_one_of_them_missed_while_we_greeted_it_is_said_again(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000);
	struct node_cfg ours = ftfw_cfg();
	struct link *l = new_link(&a, NULL, &ours);
	struct flow f = tcp_flow(1), g = tcp_flow(2), other = tcp_flow(3);

	(void)state;
	node_kernel_read_begin(l->side[1].node, false, l->now);
	node_kernel_read_end(l->side[1].node, true, l->now);
	/* It speaks before it hears us, and answers our HELLO a second later. */
	event(l, 0, KEV_NEW, &other);
	run(l, 100);
	l->loss_pct = 100;
	event(l, 1, KEV_NEW, &f);
	run(l, 2);
	l->loss_pct = 0;
	event(l, 1, KEV_NEW, &g);
	run(l, 5000);
	assert_replicated(l, 1);
	free_link(l);
}

/* A number ahead of ours, be it a late one of our last process, makes it deaf to all that we say. */
static void
one_of_them_that_became_deaf_listens_again(void **state)
{
	struct incumbent_cfg a = ftfw_model(1000);
	struct node_cfg ours = ftfw_cfg();
	struct link *l = new_link(&a, NULL, &ours);
	struct flow f = tcp_flow(1), g = tcp_flow(2);
	uint8_t msg[16];
	struct wbuf wb;

	(void)state;
	node_kernel_read_begin(l->side[1].node, false, l->now);
	node_kernel_read_end(l->side[1].node, true, l->now);
	run(l, 5000);
	wbuf_init(&wb, msg, sizeof(msg));
	assert_true(wire_put_control(&wb, WIRE_ALIVE, 0x71000000, 0, 0));
	incumbent_datagram(l->side[0].inc, msg, wbuf_len(&wb), l->now);
	event(l, 1, KEV_NEW, &f);
	event(l, 0, KEV_NEW, &g);
	run(l, 20000);
	assert_replicated(l, 0);
	assert_replicated(l, 1);
	event(l, 1, KEV_DESTROY, &f);
	run(l, 20);
	assert_replicated(l, 1);
	free_link(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_of_them_replicate_to_each_other),
	    cmocka_unit_test(two_of_them_make_up_for_losses),
	    cmocka_unit_test(one_of_them_and_ours_replicate_to_each_other),
	    cmocka_unit_test(one_of_them_and_ours_make_up_for_losses),
	    cmocka_unit_test(in_alarm_too),
	    cmocka_unit_test(an_update_from_one_of_them_takes_away_what_it_does_not_name),
	    cmocka_unit_test(one_of_them_restarts_before_it_was_answered),
	    cmocka_unit_test(what_one_of_them_missed_while_we_greeted_it_is_said_again),
	    cmocka_unit_test(one_of_them_that_became_deaf_listens_again),
	};

	return cmocka_run_group_tests_name("incumbent", tests, NULL, NULL);
}
