/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acts_traffic.c: what clients do.
 */
#include "sim.h"

static int
draw_tuple(const struct sim *s, struct dice *d)
{
	return (int)dice_below(d, (unsigned int)s->tuples_count);
}

static void
open_one(struct sim *s, const struct act *act, struct dice *d)
{
	int tuple = draw_tuple(s, d);
	size_t node = traffic_node(s, tuple, act->node);

	if (traffic_open(s, node, tuple, d))
		sim_say(s, "node %zu: %s opens", node, tuple_text(s, tuple));
	else
		traffic_advance(s, node, tuple, d);
}

static void
advance_one(struct sim *s, const struct act *act, struct dice *d)
{
	int tuple = draw_tuple(s, d);
	size_t node = traffic_node(s, tuple, act->node);

	if (!traffic_open(s, node, tuple, d))
		traffic_advance(s, node, tuple, d);
}

/* The next connection, in the order of the pool, that this node has; NO_TUPLE if it has none. */
static int
some_open(struct sim *s, const struct act *act, struct dice *d, size_t *node)
{
	int first = draw_tuple(s, d);

	for (size_t i = 0; i < s->tuples_count; i++) {
		int tuple = (int)(((size_t)first + i) % s->tuples_count);

		*node = traffic_node(s, tuple, act->node);
		if (traffic_entry(s, *node, tuple) != NULL)
			return tuple;
	}
	return NO_TUPLE;
}

static void
go_on(struct sim *s, const struct act *act, struct dice *d)
{
	size_t node;
	int tuple = some_open(s, act, d, &node);

	if (tuple != NO_TUPLE)
		traffic_advance(s, node, tuple, d);
}

static void
change_one(struct sim *s, const struct act *act, struct dice *d)
{
	size_t node;
	int tuple = some_open(s, act, d, &node);

	if (tuple != NO_TUPLE)
		traffic_change(s, node, tuple, d);
}

static void
data(struct sim *s, const struct act *act, struct dice *d)
{
	size_t node;
	int tuple = some_open(s, act, d, &node);

	if (tuple != NO_TUPLE)
		traffic_data(s, node, tuple);
}

static void
close_one(struct sim *s, const struct act *act, struct dice *d)
{
	size_t node;
	int tuple = some_open(s, act, d, &node);

	if (tuple == NO_TUPLE)
		return;
	sim_say(s, "node %zu: %s ends", node, tuple_text(s, tuple));
	traffic_close(s, node, tuple);
}

/* A tuple is used again at once, mostly with another mapping. */
static void
reuse(struct sim *s, const struct act *act, struct dice *d)
{
	size_t node;
	int tuple = some_open(s, act, d, &node);

	if (tuple == NO_TUPLE)
		return;
	sim_say(s, "node %zu: %s ends and opens again", node, tuple_text(s, tuple));
	traffic_close(s, node, tuple);
	sim_pass(s, dice_below(d, 3));
	traffic_open(s, node, tuple, d);
	for (unsigned int n = dice_below(d, 4); n > 0; n--)
		traffic_advance(s, node, tuple, d);
}

static void
burst(struct sim *s, const struct act *act, struct dice *d)
{
	for (unsigned int n = 5 + dice_below(d, 40); n > 0; n--) {
		int tuple = draw_tuple(s, d);
		size_t node = traffic_node(s, tuple, act->node);

		if (!traffic_open(s, node, tuple, d) && dice_chance(d, 80))
			traffic_advance(s, node, tuple, d);
		else if (dice_chance(d, 20))
			traffic_close(s, node, tuple);
	}
}

/* Everybody comes at once, as when a link returns. */
static void
crowd(struct sim *s, const struct act *act, struct dice *d)
{
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		size_t node = traffic_node(s, tuple, act->node);

		traffic_open(s, node, tuple, d);
		for (unsigned int n = 1 + dice_below(d, 2); n > 0; n--)
			traffic_advance(s, node, tuple, d);
	}
	sim_say(s, "all %zu connections are there", s->tuples_count);
	if (dice_chance(d, 40)) {
		sim_pass(s, dice_below(d, 1500));
		sim_order(s, act->other, ORDER_COMMIT, dice_chance(d, 50));
	}
}

/* The table is read while flows end there, wherever they came from, and begin. */
static void
busy_read(struct sim *s, const struct act *act, struct dice *d)
{
	if (dice_chance(d, 40))
		sim_order(s, act->node, ORDER_COMMIT, true);
	sim_order(s, act->node, ORDER_READ, false);
	for (unsigned int n = 2 + dice_below(d, 12); n > 0; n--) {
		int tuple = draw_tuple(s, d);

		sim_pass(s, dice_below(d, 2 + (unsigned int)s->plan->dump_ms));
		if (dice_chance(d, 20))
			traffic_open(s, traffic_node(s, tuple, act->node), tuple, d);
		for (size_t i = 0; i < s->tuples_count; i++) {
			int at = (int)(((size_t)tuple + i) % s->tuples_count);

			if (traffic_entry(s, act->node, at) == NULL)
				continue;
			traffic_close(s, act->node, at);
			break;
		}
	}
}

/* A connection that ends here, begins there, and comes back with what a takeover brings. */
static void
hop(struct sim *s, const struct act *act, struct dice *d)
{
	int tuple = draw_tuple(s, d);

	if (act->node == act->other)
		return;
	sim_say(s, "%s hops from node %u to node %u and back", tuple_text(s, tuple), act->node,
	    act->other);
	traffic_open(s, act->node, tuple, d);
	sim_pass(s, dice_below(d, 30));
	traffic_close(s, act->node, tuple);
	traffic_open(s, act->other, tuple, d);
	traffic_advance(s, act->other, tuple, d);
	sim_pass(s, dice_below(d, 60));
	sim_order(s, act->node, ORDER_COMMIT, dice_chance(d, 70));
	sim_pass(s, dice_below(d, 30));
	if (dice_chance(d, 70))
		traffic_close(s, act->other, tuple);
	traffic_advance(s, act->node, tuple, d);
}

/* A packet of a connection that another node forwards comes this way. */
static void
stray(struct sim *s, const struct act *act, struct dice *d)
{
	int tuple = draw_tuple(s, d);

	if (traffic_open(s, act->node, tuple, d))
		sim_say(s, "node %u: a stray packet of %s", act->node, tuple_text(s, tuple));
}

/* A helper's connection begins and goes on, and then what it expects. */
static void
expected(struct sim *s, const struct act *act, struct dice *d)
{
	int first = draw_tuple(s, d);

	for (size_t i = 0; i < s->tuples_count; i++) {
		int tuple = (int)(((size_t)first + i) % s->tuples_count);
		size_t node = traffic_node(s, tuple, act->node);

		if (s->tuples[tuple].master == NO_TUPLE)
			continue;
		traffic_open(s, node, s->tuples[tuple].master, d);
		traffic_advance(s, node, s->tuples[tuple].master, d);
		traffic_open(s, node, tuple, d);
		traffic_advance(s, node, tuple, d);
		sim_say(s, "node %zu: %s expects %s", node,
		    tuple_text(s, s->tuples[tuple].master), tuple_text(s, tuple));
		return;
	}
}

/* What is expected has not come yet; it may come elsewhere. */
static void
awaits(struct sim *s, const struct act *act, struct dice *d)
{
	int first = draw_tuple(s, d);

	for (size_t i = 0; i < s->tuples_count; i++) {
		int tuple = (int)(((size_t)first + i) % s->tuples_count);
		int master = s->tuples[tuple].master;
		size_t node = traffic_node(s, tuple, act->node);

		if (master == NO_TUPLE)
			continue;
		traffic_open(s, node, master, d);
		traffic_advance(s, node, master, d);
		if (!traffic_expect(s, node, tuple, d))
			continue;
		sim_say(s, "node %zu: %s awaits %s", node, tuple_text(s, master),
		    tuple_text(s, tuple));
		if (dice_chance(d, 30))
			sim_pass(s, dice_below(d, 50));
		if (dice_chance(d, 30))
			traffic_open(s, node, tuple, d);
		return;
	}
}

const struct act_kind acts_traffic[] = {
    {"open", "a connection begins", 100, 20, open_one},
    {"advance", "a packet of any connection", 100, 20, advance_one},
    {"goon", "a packet of a connection that is there", 80, 20, go_on},
    {"change", "mark, label or sequence adjustment of a connection", 60, 8, change_one},
    {"data", "packets that raise no event", 50, 3, data},
    {"close", "a connection ends", 70, 8, close_one},
    {"reuse", "a connection ends and its tuple is used again within milliseconds", 60, 8, reuse},
    {"burst", "many packets at once", 40, 4, burst},
    {"crowd", "all connections at once", 30, 1, crowd},
    {"busyread", "-R, and meanwhile flows end, copies too, and begin", 40, 3, busy_read},
    {"hop", "a connection ends here, begins there and comes back", 30, 2, hop},
    {"stray", "a packet comes the wrong way", 30, 3, stray},
    {"expected", "a helper's connection and what it expects", 60, 4, expected},
    {0},
};

const struct act_kind acts_expects[] = {
    {"awaits", "a helper's connection that expects another", 100, 8, awaits},
    {0},
};
