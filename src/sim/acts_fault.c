/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acts_fault.c: what breaks.  heal_faults() makes it all good again.
 */
#include <string.h>

#include "sim.h"

/* ---- nodes ---- */

static void
kill_node(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	if (!sim_is_up(s, act->node))
		return;
	sim_say(s, "node %u: its daemon dies", act->node);
	world_kill(s->w, act->node);
}

static void
start_node(struct sim *s, const struct act *act, struct dice *d)
{
	if (!sim_is_up(s, act->node))
		sim_start(s, act->node, d);
}

static void
restart(struct sim *s, const struct act *act, struct dice *d)
{
	kill_node(s, act, d);
	/* Traffic goes on meanwhile, and nobody hears of it. */
	for (unsigned int n = dice_below(d, 8); n > 0; n--) {
		int tuple = (int)dice_below(d, (unsigned int)s->tuples_count);
		size_t node = traffic_node(s, tuple, act->node);

		if (dice_chance(d, 30))
			traffic_close(s, node, tuple);
		else if (!traffic_open(s, node, tuple, d))
			traffic_advance(s, node, tuple, d);
	}
	sim_pass(s, dice_chance(d, 50) ? dice_below(d, 3000) : 0);
	start_node(s, act, d);
}

/* SIGSTOP, swapping, a hypervisor that forgot us. */
static void
pause_node(struct sim *s, const struct act *act, struct dice *d)
{
	int64_t ms = dice_chance(d, 60) ? dice_below(d, 2000) : dice_below(d, 14000);
	struct sim_node *sn = &s->w->nodes[act->node];

	sim_say(s, "node %u: stops for %lld ms", act->node, (long long)ms);
	/* Nothing that it is in the midst of is done earlier for that. */
	if (sn->paused_until.ms < s->w->now.ms + ms)
		sn->paused_until = ms_add(s->w->now, ms);
	if (sn->ops_count > 0 && sn->ops_at.ms < sn->paused_until.ms)
		sn->ops_at = sn->paused_until;
}

/* ---- the link ---- */

static void
cut_one_way(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	if (act->node == act->other)
		return;
	sim_say(s, "what node %u says does not reach node %u", act->node, act->other);
	s->w->cut[act->node][act->other] = true;
	s->one_way |= s->w->count > 2;
}

static void
cut(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	if (act->node == act->other)
		return;
	sim_say(s, "nodes %u and %u do not hear each other", act->node, act->other);
	s->w->cut[act->node][act->other] = true;
	s->w->cut[act->other][act->node] = true;
}

static void
mend(struct sim *s, const struct act *act, struct dice *d)
{
	(void)act;
	(void)d;
	sim_say(s, "the link is whole");
	memset(s->w->cut, 0, sizeof(s->w->cut));
}

static void
flap(struct sim *s, const struct act *act, struct dice *d)
{
	for (unsigned int n = 2 + dice_below(d, 4); n > 0; n--) {
		cut(s, act, d);
		sim_pass(s, dice_below(d, 1500));
		mend(s, act, d);
		sim_pass(s, dice_below(d, 1500));
	}
}

/* The link is dead for longer than anybody waits, and much ends meanwhile that was known. */
static void
outage(struct sim *s, const struct act *act, struct dice *d)
{
	for (unsigned int n = 20 + dice_below(d, 40); n > 0; n--) {
		int tuple = (int)dice_below(d, (unsigned int)s->tuples_count);

		traffic_open(s, traffic_node(s, tuple, act->node), tuple, d);
	}
	sim_pass(s, 100 + dice_below(d, 1500));
	sim_say(s, "nobody hears anybody");
	memset(s->w->cut, 1, sizeof(s->w->cut));
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		if (dice_chance(d, 60))
			traffic_close(s, traffic_node(s, tuple, act->node), tuple);
	}
	sim_pass(s, 9000 + dice_below(d, 6000));
	mend(s, act, d);
}

static void
clog_link(struct sim *s, const struct act *act, struct dice *d)
{
	int64_t ms = dice_below(d, 3000);

	sim_say(s, "node %u: the link takes nothing for %lld ms", act->node, (long long)ms);
	s->w->nodes[act->node].clogged_until = ms_add(s->w->now, ms);
}

/* The link becomes worse or better than the plan had it. */
static void
weather(struct sim *s, const struct act *act, struct dice *d)
{
	static const unsigned int loss[] = {0, 0, 2, 10, 30, 60, 90};
	static const int64_t jitter[] = {0, 0, 2, 20, 200};

	(void)act;
	s->w->loss_pct = loss[dice_below(d, ARRAY_LEN(loss))];
	s->w->dup_pct = dice_chance(d, 40) ? dice_below(d, 40) : 0;
	s->w->jitter_ms = jitter[dice_below(d, ARRAY_LEN(jitter))];
	sim_say(s, "the link loses %u%%, doubles %u%%, holds back up to %lld ms", s->w->loss_pct,
	    s->w->dup_pct, (long long)s->w->jitter_ms);
}

/* ---- kernels ---- */

/* Events are lost; the read that makes good for it comes later. */
static void
overrun(struct sim *s, const struct act *act, struct dice *d)
{
	struct sim_kernel *k = s->w->nodes[act->node].kernel;

	if (!sim_is_up(s, act->node))
		return;
	for (unsigned int n = 1 + dice_below(d, 6); n > 0; n--) {
		int tuple = (int)dice_below(d, (unsigned int)s->tuples_count);

		if (traffic_node(s, tuple, act->node) != act->node)
			continue;
		if (dice_chance(d, 40))
			traffic_close(s, act->node, tuple);
		else if (!traffic_open(s, act->node, tuple, d))
			traffic_advance(s, act->node, tuple, d);
	}
	sim_say(s, "node %u: %zu events are lost", act->node, k->events_count);
	k->events_lost |= k->events_count > 0;
	k->events_count = 0;
}

/* The table changes its shape while it is read: the dump ends early. */
static void
cut_dump(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	s->w->nodes[act->node].read_cut = true;
}

static void
refuse(struct sim *s, const struct act *act, struct dice *d)
{
	s->failing[act->node] = dice_chance(d, 70);
	s->refused |= s->failing[act->node];
	sim_say(s, "node %u: its kernel is %s", act->node,
	    s->failing[act->node] ? "unwilling" : "willing again");
}

/* ---- liars ---- */

static void
send_lie(struct sim *s, size_t from, size_t to, const uint8_t *data, size_t len)
{
	s->lied = true;
	world_inject(s->w, from, to, data, len);
}

/* Bytes by chance; half of them begin like a message. */
static void
babble(struct sim *s, const struct act *act, struct dice *d)
{
	static const uint8_t types[] = {0, 1, 2, 3, 4, 5, 10};
	uint8_t data[256];

	for (unsigned int n = 1 + dice_below(d, 20); n > 0; n--) {
		size_t len = 1 + dice_below(d, sizeof(data));

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)dice_roll(d);
		if (len >= 16 && dice_chance(d, 70)) {
			data[0] = (uint8_t)(0x10 | types[dice_below(d, ARRAY_LEN(types))]);
			data[1] = (uint8_t)(dice_chance(d, 50) ? 0 : 1u << dice_below(d, 8));
			data[2] = 0;
			data[3] = (uint8_t)len;
			data[0] = dice_chance(d, 50) && data[1] != 0 ? 0x1a : data[0];
		}
		send_lie(s, dice_chance(d, 70) ? WORLD_STRANGER : act->other, act->node, data,
		    len & 0xff);
	}
	sim_say(s, "somebody babbles at node %u", act->node);
}

/* What a node once said is said again, maybe with a bit changed, maybe by somebody else. */
static void
replay(struct sim *s, const struct act *act, struct dice *d)
{
	size_t kept = s->kept_count < KEPT_DATAGRAMS ? s->kept_count : KEPT_DATAGRAMS;

	for (unsigned int n = 1 + dice_below(d, 8); n > 0 && kept > 0; n--) {
		struct kept_datagram k = s->kept[dice_below(d, (unsigned int)kept)];

		if (dice_chance(d, 50))
			k.data[dice_below(d, k.len)] ^= (uint8_t)(1u << dice_below(d, 8));
		if (k.from != act->node)
			send_lie(s, dice_chance(d, 50) ? WORLD_STRANGER : k.from, act->node,
			    k.data, k.len);
	}
	sim_say(s, "old datagrams are said again to node %u", act->node);
}

const struct act_kind acts_fault[] = {
    {"kill", "a daemon dies", 20, 1, kill_node},
    {"start", "a daemon that is down begins", 100, 3, start_node},
    {"restart", "a daemon dies and begins anew, with traffic in between", 30, 2, restart},
    {"pause", "a daemon stands still", 30, 2, pause_node},
    {"cutone", "the link fails in one direction", 30, 2, cut_one_way},
    {"cut", "the link fails", 30, 2, cut},
    {"mend", "the link is well again", 100, 6, mend},
    {"flap", "the link fails and returns, again and again", 20, 1, flap},
    {"outage", "the link is dead for ten seconds or so, and much ends meanwhile", 20, 1, outage},
    {"clog", "the link takes nothing", 25, 2, clog_link},
    {"weather", "the link loses, doubles, delays more or less", 30, 2, weather},
    {"overrun", "the kernel drops events", 30, 2, overrun},
    {"cutdump", "a dump ends early", 30, 1, cut_dump},
    {"refuse", "the kernel refuses requests, or no longer", 10, 1, refuse},
    {"babble", "somebody sends nonsense", 6, 1, babble},
    {"replay", "somebody sends old datagrams, or damaged ones", 6, 1, replay},
    {0},
};
