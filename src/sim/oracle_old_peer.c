/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_old_peer.c: ours beside the incumbent.  What the incumbent breaks, by its known faults (W
 * and a number: the faults of 1.4.7), is its own affair; what ours makes of what it is told is not.
 */
#include <string.h>

#include "sim.h"

static bool
any_incumbent(const struct sim *s)
{
	return s->w->incumbents > 0;
}

/*
 * Its key loses the ports on the way, and several flows become one (W27); or it is nonsense that
 * the incumbent took from a liar and wrote into its kernel (W6).
 */
static bool
is_mangled(const struct sim *s, const struct flow *f)
{
	return f->key.l4 == L4_GRE || f->key.l4 == L4_UDPLITE ||
	    (s->lied && truth_tuple(&s->truth, &f->key) == NO_TUPLE);
}

/* The flow as the incumbent tells it: of ICMP it never says that the id is translated. */
static struct flow
as_told(const struct flow *f)
{
	struct flow told = *f;

	if (flow_l4_is_icmp(f->key.l4))
		told.reply.sport = f->key.sport;
	return told;
}

static bool
same_told(const struct sim *s, const struct flow *a, const struct flow *b)
{
	static const struct flow_seqadj none[2];
	struct flow x = as_told(a), y = as_told(b);
	const void *p = x.has & HAS_SEQADJ ? x.rare.seqadj : none;
	const void *q = y.has & HAS_SEQADJ ? y.rare.seqadj : none;

	return truth_content(&s->truth, &x) == truth_content(&s->truth, &y) &&
	    memcmp(p, q, sizeof(none)) == 0;
}

/* ---- while everything goes on ---- */

/*
 * What the incumbent shows of its kernel is what its cache holds when it speaks: that a replica is
 * measured by.
 */
static void
note_told(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct flow f = {0}, told;
	bool end = m->type == WIRE_CT_DEL;

	(void)state;
	if (!end && !world_find(s->w, h->node, TABLE_LOCAL, &s->truth.keys[tuple], &f))
		sim_fail(s, "node %u tells of %s, which it does not have", h->node,
		    tuple_text(s, tuple));
	told = as_told(&f);
	told.key = s->truth.keys[tuple];
	truth_shown(&s->truth, h->node, &told, end, false);
}

/* What it heard last; nothing of that tells it whether a message that says HELLO is late. */
struct heard {
	uint32_t seq;
};

static void
note_late(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct heard *heard = state;

	(void)h;
	(void)tuple;
	if (seq_cmp(m->seq, heard->seq) > 0)
		heard->seq = m->seq;
	else
		s->old_late |= (m->flags & WIRE_HELLO) != 0;
}

static void
note_losses(struct sim *s, const struct incumbent_stats *st)
{
	s->old_lost |= st->evicted > 0 || st->full > 0;
	s->old_too_big |= st->too_big > 0;
}

static void
watch_old(struct sim *s, void *state, const struct happening *h)
{
	struct heard *heard = state;

	if (any_incumbent(s) && h->type == HAP_START && !world_is_incumbent(s->w, h->node))
		heard->seq = s->w->first_seq - 1;
	if (!world_is_incumbent(s->w, h->node))
		return;
	switch (h->type) {
	case HAP_SENT:
		sim_each_state(s, h, state, note_told);
		break;
	case HAP_ARRIVED:
		sim_each_state(s, h, state, note_late);
		break;
	case HAP_TURN:
		note_losses(s, incumbent_stats(s->w->nodes[h->node].incumbent));
		break;
	case HAP_ORDER:
		/* -B and -n say all; anything else is said to nobody. */
		s->old_silent |= h->number != ORDER_BULK && h->number != ORDER_RESYNC;
		break;
	case HAP_EXPECT_EVENT:
	case HAP_EXPECT_RESULT:
	case HAP_KERNEL:
	case HAP_EVENT:
	case HAP_OVERRUN:
	case HAP_READ_BEGIN:
	case HAP_READ_FLOW:
	case HAP_READ_END:
	case HAP_OP:
	case HAP_ASKS:
	case HAP_RESULT:
	case HAP_ANSWERED:
	case HAP_ARRIVES:
	case HAP_NOTICE:
	case HAP_START:
	case HAP_KILL:
		break;
	}
}

/* ---- when everything is well ---- */

/* All that the incumbent's internal cache holds, node i holds of it. */
static bool
replica_lacks(struct sim *s, size_t i, size_t old, char *what, size_t len)
{
	struct flow_view v;
	uint32_t cursor = 0;
	char text[200];
	struct flow f;

	while (daemon_next_flow(&s->w->nodes[old], TABLE_LOCAL, &cursor, &v, s->w->now)) {
		if (is_mangled(s, &v.flow))
			continue;
		if (!world_find(s->w, i, TABLE_REMOTE, &v.flow.key, &f)) {
			if (daemon_was_full(&s->w->nodes[i], TABLE_REMOTE) || s->old_too_big)
				continue;
			snprintf(what, len, "node %zu does not hold %s of the incumbent", i,
			    tuple_text(s, truth_tuple(&s->truth, &v.flow.key)));
			return true;
		}
		if (!same_told(s, &v.flow, &f) && !s->old_too_big) {
			describe_two(s, &v.flow, &f, text, sizeof(text));
			snprintf(what, len, "the incumbent's cache and replica at node %zu of %s",
			    i, text);
			return true;
		}
	}
	return false;
}

/* And nothing else. */
static bool
replica_invents(struct sim *s, size_t i, size_t old, char *what, size_t len)
{
	struct flow_view v;
	uint32_t cursor = 0;

	while (daemon_next_flow(&s->w->nodes[i], TABLE_REMOTE, &cursor, &v, s->w->now)) {
		if (is_mangled(s, &v.flow) || world_find(s->w, old, TABLE_LOCAL, &v.flow.key, NULL))
			continue;
		snprintf(what, len, "node %zu holds %s, which the incumbent does not have", i,
		    tuple_text(s, truth_tuple(&s->truth, &v.flow.key)));
		return true;
	}
	return false;
}

/* Has traffic been seen on this entry since it was entered, and is its last state traffic's? */
static bool
is_told(const struct sim *s, size_t node, int tuple)
{
	const struct history *h = &s->truth.of[node][tuple];

	return h->count > 0 && !h->v[(h->count - 1) % VERSIONS_MAX].own;
}

/* What lives on node i the incumbent has been told. */
static bool
incumbent_lacks(struct sim *s, size_t i, size_t old, char *what, size_t len)
{
	char text[200];
	struct flow g;

	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		const struct flow *f = traffic_entry(s, i, tuple);

		if (f == NULL || !is_told(s, i, tuple) ||
		    !world_find(s->w, i, TABLE_LOCAL, &f->key, NULL))
			continue;
		if (!world_find(s->w, old, TABLE_REMOTE, &f->key, &g)) {
			if (daemon_was_full(&s->w->nodes[old], TABLE_REMOTE))
				continue;
			snprintf(what, len, "the incumbent does not hold %s of node %zu",
			    tuple_text(s, tuple), i);
			return true;
		}
		if (!same_told(s, f, &g)) {
			describe_two(s, f, &g, text, sizeof(text));
			snprintf(what, len, "node %zu and the incumbent's external cache: %s", i,
			    text);
			return true;
		}
	}
	return false;
}

bool
old_peer_differs(struct sim *s, char *what, size_t len)
{
	for (size_t i = 0; i < s->w->count; i++) {
		for (size_t old = 0; old < s->w->count; old++) {
			if (world_is_incumbent(s->w, i) || !world_is_incumbent(s->w, old))
				continue;
			if (replica_lacks(s, i, old, what, len) ||
			    replica_invents(s, i, old, what, len) ||
			    incumbent_lacks(s, i, old, what, len))
				return true;
		}
	}
	return false;
}

/* ---- what an operator does with such a pair ---- */

static void
order_all(struct sim *s, enum sim_order order)
{
	for (size_t i = 0; i < s->w->count; i++)
		sim_order(s, i, order, order == ORDER_READ);
}

/* All is forgotten and told anew: -n alone adds to what is there and takes nothing away. */
static void
tell_again(struct sim *s, int64_t settle_ms)
{
	order_all(s, ORDER_FLUSH_EXTERNAL);
	order_all(s, ORDER_RESYNC);
	sim_pass(s, settle_ms);
}

/* Numbers that nobody had sent make the incumbent deaf until its neighbour starts anew (W3). */
static void
restart_ours(struct sim *s)
{
	struct dice d = {.state = (uint64_t)s->plan->seed ^ 0x01dULL};

	for (size_t i = 0; i < s->w->count; i++) {
		if (!world_is_incumbent(s->w, i))
			sim_start(s, i, &d);
	}
}

void
old_peer_heal(struct sim *s, int64_t settle_ms)
{
	char what[256];

	if (!any_incumbent(s))
		return;
	if (s->old_silent && old_peer_differs(s, what, sizeof(what))) {
		sim_say(s, "before -f external and -n: %s", what);
		sim_except(s, EXC_old_silent);
		tell_again(s, settle_ms);
	}
	if (s->old_lost && old_peer_differs(s, what, sizeof(what))) {
		sim_say(s, "before -R, -f external and -n: %s", what);
		sim_except(s, EXC_old_lost);
		order_all(s, ORDER_READ);
		tell_again(s, settle_ms);
	}
	if (s->old_late && old_peer_differs(s, what, sizeof(what))) {
		sim_say(s, "before -B: %s", what);
		sim_except(s, EXC_old_late);
		order_all(s, ORDER_BULK);
		sim_pass(s, settle_ms);
	}
	if (s->lied && old_peer_differs(s, what, sizeof(what))) {
		sim_say(s, "before a restart of ours: %s", what);
		sim_except(s, EXC_old_deaf);
		restart_ours(s);
		sim_pass(s, settle_ms);
	}
}

uint32_t
old_peer_first_seq(const struct sim *s, struct dice *d)
{
	/* Its first number is the time, and its clock may have been set meanwhile. */
	int64_t clock = 0x65000000 + s->w->now.ms / 1000;
	int64_t step = s->plan->clock_step;

	if (step > 0 && dice_chance(d, 50))
		clock += (int64_t)dice_below(d, (unsigned int)(2 * step + 1)) - step;
	return (uint32_t)clock;
}

const struct oracle oracles_old_peer[] = {
    {"old_told", "the incumbent tells of nothing that it does not have",
	sizeof(struct heard), watch_old, NULL},
    {0},
};
