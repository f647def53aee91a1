/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_expect.c: what helpers expect is known, told and committed like flows are.
 */
#include <string.h>

#include "sim.h"

/* Would the daemon of this node replicate it?  Its master has to be known there. */
static bool
is_eligible(struct sim *s, size_t node, const struct expect *e)
{
	struct flow f;

	return e->master.zone == 0 && world_find(s->w, node, TABLE_LOCAL, &e->master, &f);
}

static bool
holds(const struct sim *s, size_t node, enum node_table t, const struct expect *e)
{
	struct expect_view v;
	uint32_t cursor = 0;

	while (node_next_expect(s->w->nodes[node].node, t, &cursor, &v, s->w->now)) {
		if (expect_is_same(&v.expect, e))
			return true;
	}
	return false;
}

static const char *
name_of(const struct sim *s, const struct expect *e)
{
	return tuple_text(s, truth_tuple(&s->truth, &e->master));
}

/* Has anything happened that leaves them unequal until they run out? */
static bool
is_excused(const struct sim *s)
{
	return s->flushed || s->lied || s->refused || s->one_way || s->contested || sim_is_overfull(s);
}

/* Is it expected at another node at the same time?  Then a third, which knows but one of each, loses sight of
 * it with the first that ends. */
static bool
is_shared(const struct sim *s, size_t node, const struct expect *e)
{
	for (size_t j = 0; j < s->w->count; j++) {
		if (j != node && sim_kernel_find_expect(s->w->nodes[j].kernel, e) != NULL)
			return true;
	}
	return false;
}

/* ---- when everything is well again ---- */

static void
check_local(struct sim *s, size_t i)
{
	struct sim_kernel *k = s->w->nodes[i].kernel;
	struct expect_view v;
	uint32_t cursor = 0;

	while (node_next_expect(s->w->nodes[i].node, TABLE_LOCAL, &cursor, &v, s->w->now)) {
		if (sim_kernel_find_expect(k, &v.expect) == NULL)
			sim_fail(s, "node %zu imagines what %s expects", i, name_of(s, &v.expect));
	}
	for (size_t x = 0; x < SIM_EXPECTS_MAX; x++) {
		const struct sim_expect *e = &k->expects[x];

		if (e->used && is_eligible(s, i, &e->e) && !holds(s, i, TABLE_LOCAL, &e->e))
			sim_fail(s, "node %zu does not know what %s expects there", i,
			    name_of(s, &e->e));
	}
}

static void
check_remote(struct sim *s, size_t i, bool shared)
{
	struct expect_view v;
	uint32_t cursor = 0;

	while (node_next_expect(s->w->nodes[i].node, TABLE_REMOTE, &cursor, &v, s->w->now)) {
		bool found = false;

		for (size_t j = 0; j < s->w->count; j++)
			found |= j != i && holds(s, j, TABLE_LOCAL, &v.expect);
		if (!found)
			sim_fail(s, "node %zu holds what %s expects, which nobody does", i,
			    name_of(s, &v.expect));
	}
	for (size_t j = 0; j < s->w->count; j++) {
		struct sim_kernel *k = s->w->nodes[j].kernel;

		for (size_t x = 0; j != i && x < SIM_EXPECTS_MAX; x++) {
			const struct sim_expect *e = &k->expects[x];

			if (!e->used || !e->alive || !is_eligible(s, j, &e->e) ||
			    holds(s, i, TABLE_REMOTE, &e->e))
				continue;
			if (shared)
				sim_except(s, EXC_contested);
			else
				sim_fail(s, "node %zu does not hold what %s expects at node %zu", i,
				    name_of(s, &e->e), j);
		}
	}
}

static void
check_healed(struct sim *s, void *state)
{
	const bool *shared = state;

	if (s->plan->expects == 0 || s->w->incumbents > 0 || is_excused(s))
		return;
	for (size_t i = 0; i < s->w->count; i++) {
		check_local(s, i);
		check_remote(s, i, *shared);
	}
}

/* ---- a takeover ---- */

static void
check_takeover(struct sim *s, size_t i, const struct commit_tally *tally)
{
	struct sim_kernel *k = s->w->nodes[i].kernel;
	struct expect_view v;
	uint32_t cursor = 0;

	if (tally->expects_failed > 0)
		return;
	while (node_next_expect(s->w->nodes[i].node, TABLE_REMOTE, &cursor, &v, s->w->now)) {
		/* What has been told since the walk began comes with the next commit. */
		if (v.age_s < 1 + tally->took_ms / 1000 || v.expect.timeout_s < 10 ||
		    v.age_s + 5 > (int64_t)v.expect.timeout_s)
			continue;
		if (sim_kernel_find(k, &v.expect.master) != NULL &&
		    sim_kernel_find_expect(k, &v.expect) == NULL)
			sim_fail(s, "node %zu: its kernel lacks what %s expects after a commit", i,
			    name_of(s, &v.expect));
	}
}

static void
watch_expects(struct sim *s, void *state, const struct happening *h)
{
	bool *shared = state;

	if (h->type == HAP_EXPECT_EVENT)
		*shared |= s->w->count > 2 && is_shared(s, h->node, &h->event->expect);
	if (h->type == HAP_NOTICE && h->notice->type == NOTE_COMMIT_DONE && s->plan->expects != 0 &&
	    s->w->nodes[h->node].node != NULL && !s->refused && !s->lied)
		check_takeover(s, h->node, &h->notice->commit);
}

const struct oracle oracles_expect[] = {
    {"expected", "after a commit the kernel expects what peers' helpers do, and after healing all "
		 "nodes know what each kernel expects",
	sizeof(bool), watch_expects, check_healed},
    {0},
};
