/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heal.c: how a play ends.  All that broke is well again, time passes, and then everything has to be
 * as doc/GUARANTEES.md says.
 *
 * The operator helps only where there is a reason that version 1 of the wire gives: then it is
 * counted as the exception that it is, and after his orders nothing may be wrong any more.
 */
#include <string.h>

#include "sim.h"

enum {
	SETTLE_MS = 45 * 1000,
	/* NOTRACK waits so long at most before it asks for what was lost. */
	LOSS_MS = 75 * 1000,
	SWEEP_MS = 35 * 1000,
	/* Several links: to be back on the default one; to find the one that is left. */
	LINKS_MS = 310 * 1000,
	FIND_MS = 45 * 1000,
	SOON_S = 10,
};

static void
all_nodes(struct sim *s, enum sim_order order)
{
	for (size_t i = 0; i < s->w->count; i++)
		sim_order(s, i, order, order == ORDER_READ);
}

void
heal_faults(struct sim *s)
{
	struct dice d = {.state = (uint64_t)s->plan->seed ^ 0x4ea1ULL};

	sim_say(s, "everything is well again");
	s->healing = true;
	s->w->loss_pct = 0;
	s->w->dup_pct = 0;
	s->w->corrupt_pct = 0;
	s->w->jitter_ms = 0;
	memset(s->w->cut, 0, sizeof(s->w->cut));
	memset(s->w->dead, 0, sizeof(s->w->dead));
	for (size_t i = 0; i < s->w->count; i++) {
		struct sim_node *sn = &s->w->nodes[i];

		for (size_t link = 0; link < s->w->cfg.links; link++)
			world_plug(s->w, i, link, true);

		sn->paused_until = sn->ops_count > 0 ? s->w->now : (ms_t){0};
		sn->ops_at = s->w->now;
		sn->clogged_until = (ms_t){0};
		sn->pace.rcvbuf = 0;
		sn->pace.op_ms = 0;
		sn->read_cut = false;
		sn->kernel->events_max = 0;
		sn->kernel->expires = false;
		if (!sim_is_up(s, i))
			sim_start(s, i, &d);
	}
}

/* Is there something that a resync, once everything is known again, is needed for? */
static bool
needs_resync(const struct sim *s, enum sim_exception *why)
{
	if (s->flushed)
		*why = EXC_forgotten;
	else if (s->lied)
		*why = EXC_damaged;
	else if (sim_is_overfull(s))
		*why = EXC_full;
	else
		return false;
	return true;
}

/* Time passes.  What is demanded soon counts from when every daemon knows its own kernel. */
static void
settle(struct sim *s)
{
	/* ALARM repeats everything within RefreshTime and a second. */
	int64_t soon_s = s->plan->mode == 1 ? s->plan->refresh_s + 2 : SOON_S;
	int64_t settle_ms = s->plan->mode == 2 ? LOSS_MS + SETTLE_MS : SETTLE_MS;
	int64_t known_s = 0;

	for (int64_t passed = 0; passed < settle_ms; passed += 1000) {
		sim_pass(s, 1000);
		known_s++;
		for (size_t i = 0; i < s->w->count; i++) {
			if (sim_is_behind(s, i))
				known_s = 0;
		}
		if (known_s == soon_s && s->plan->mode != 2)
			demand_soon(s, false);
	}
	demand_soon(s, true);
}

static void
some_traffic(struct sim *s, struct dice *d)
{
	for (unsigned int n = 0; n < 12; n++) {
		int tuple = (int)dice_below(d, (unsigned int)s->tuples_count);
		size_t node = traffic_node(s, tuple, dice_below(d, (unsigned int)s->w->count));

		if (dice_chance(d, 40))
			traffic_close(s, node, tuple);
		else
			traffic_open(s, node, tuple, d);
		sim_pass(s, dice_below(d, 400));
	}
}

/*
 * Of several links one is enough, whichever it is: all that is demanded holds over that one.  That the
 * others carry nothing is known by their carriers, or by nothing but silence.
 */
static void
leave_one_link(struct sim *s)
{
	struct dice d = {.state = (uint64_t)s->plan->seed ^ 0x117eaULL};
	size_t left = dice_below(&d, (unsigned int)s->plan->links);
	bool silently = s->plan->mode != 1 && dice_chance(&d, 60);

	sim_pass(s, 15 * 1000);
	sim_say(s, "of all links %zu is left, and %s", left, silently ? "nobody is told" : "all know");
	for (size_t link = 0; link < s->w->cfg.links; link++) {
		if (link == left)
			continue;
		if (silently)
			memset(s->w->dead[link], 1, sizeof(s->w->dead[link]));
		for (size_t i = 0; i < s->w->count && !silently; i++)
			world_plug(s->w, i, link, false);
	}
	some_traffic(s, &d);
	sim_pass(s, FIND_MS);
}

void
heal(struct sim *s)
{
	enum sim_exception why = EXC_contested;
	char what[256];
	bool differ;

	if (s->verdict.oracle != NULL)
		return;
	s->at = s->plan->acts_count;
	heal_faults(s);
	/*
	 * Where nothing but numbers tells who is who, a node that began anew on a link on which it had
	 * not been heard is known for who it was when it is back on the default one.
	 */
	if (s->plan->links > 1 && !s->plan->one_peer)
		sim_pass(s, LINKS_MS);
	if (s->plan->links > 1)
		leave_one_link(s);
	settle(s);
	/* What no event tells, and what was asked for and refused, only the next read makes good. */
	if ((s->refused || s->silent) && replicas_differ(s, what, sizeof(what))) {
		sim_say(s, "before -R: %s", what);
		sim_except(s, EXC_silent);
		all_nodes(s, ORDER_READ);
		sim_pass(s, SWEEP_MS);
	}
	if (s->committed && replicas_differ(s, what, sizeof(what))) {
		sim_say(s, "before -B: %s", what);
		sim_except(s, EXC_untold);
		all_nodes(s, ORDER_BULK);
		sim_pass(s, SETTLE_MS);
	}
	old_peer_heal(s, SWEEP_MS);
	differ = replicas_differ(s, what, sizeof(what));
	if (!(differ && needs_resync(s, &why)) && !s->contested)
		return;
	sim_say(s, "before -R, -f external and -n: %s", differ ? what : "a contested tuple");
	sim_except(s, why);
	s->resynced = true;
	all_nodes(s, ORDER_READ);
	all_nodes(s, ORDER_FLUSH_EXTERNAL);
	all_nodes(s, ORDER_RESYNC);
	sim_pass(s, SWEEP_MS);
}
