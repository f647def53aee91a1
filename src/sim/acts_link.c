/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acts_link.c: what happens to single links where there are several.  heal_faults() makes it good.
 */
#include <string.h>

#include "sim.h"

static size_t
some_link(const struct sim *s, struct dice *d)
{
	return s->plan->links > 1 ? dice_below(d, (unsigned int)s->plan->links) : 0;
}

static void
unplug(struct sim *s, const struct act *act, struct dice *d)
{
	size_t link = some_link(s, d);

	if (s->plan->links <= 1)
		return;
	sim_say(s, "node %u: link %zu loses its carrier", act->node, link);
	world_plug(s->w, act->node, link, false);
}

static void
plug(struct sim *s, const struct act *act, struct dice *d)
{
	size_t link = some_link(s, d);

	if (s->plan->links <= 1)
		return;
	sim_say(s, "node %u: link %zu has a carrier", act->node, link);
	world_plug(s->w, act->node, link, true);
}

static void
flap_plug(struct sim *s, const struct act *act, struct dice *d)
{
	size_t link = some_link(s, d);

	for (unsigned int n = 1 + dice_below(d, 4); n > 0 && s->plan->links > 1; n--) {
		sim_say(s, "node %u: link %zu comes and goes", act->node, link);
		world_plug(s->w, act->node, link, false);
		sim_pass(s, dice_below(d, 1500));
		world_plug(s->w, act->node, link, true);
		sim_pass(s, dice_below(d, 1500));
	}
}

/* Everywhere, between two nodes, or one way between them; for a while or until further notice. */
static void
silence(struct sim *s, const struct act *act, struct dice *d)
{
	size_t link = some_link(s, d);
	unsigned int how = dice_below(d, 3);

	if (s->plan->links <= 1)
		return;
	sim_say(s, "link %zu carries nothing %s", link,
	    how == 0 ? "any more" : how == 1 ? "between two nodes" : "one way");
	if (how == 0)
		memset(s->w->dead[link], 1, sizeof(s->w->dead[link]));
	if (how >= 1)
		s->w->dead[link][act->node][act->other] = true;
	if (how == 1)
		s->w->dead[link][act->other][act->node] = true;
	s->one_way |= how > 0 && s->w->count > 2;
	if (dice_chance(d, 50))
		sim_pass(s, 1000 + dice_below(d, 14000));
}

static void
speak(struct sim *s, const struct act *act, struct dice *d)
{
	size_t link = some_link(s, d);

	(void)act;
	if (s->plan->links <= 1)
		return;
	sim_say(s, "link %zu carries again", link);
	memset(s->w->dead[link], 0, sizeof(s->w->dead[link]));
}

const struct act_kind acts_link[] = {
    {"unplug", "a node's link loses its carrier", 0, 0, unplug},
    {"plug", "and has it again", 0, 0, plug},
    {"flapplug", "it comes and goes", 0, 0, flap_plug},
    {"silence", "a link carries nothing, and nobody is told", 0, 0, silence},
    {"speak", "a link carries again", 0, 0, speak},
    {0},
};
