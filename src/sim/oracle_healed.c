/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_healed.c: when everything is well again, what each node holds is what there is.
 */
#include <string.h>

#include "sim.h"

/* ---- comparing ---- */

static bool
same_seqadj(const struct flow *a, const struct flow *b)
{
	static const struct flow_seqadj none[2];
	const void *x = a->has & HAS_SEQADJ ? a->rare.seqadj : none;
	const void *y = b->has & HAS_SEQADJ ? b->rare.seqadj : none;

	return memcmp(x, y, sizeof(none)) == 0;
}

bool
same_flow(const struct sim *s, const struct flow *a, const struct flow *b)
{
	return truth_content(&s->truth, a) == truth_content(&s->truth, b) && same_seqadj(a, b);
}

void
describe_two(const struct sim *s, const struct flow *a, const struct flow *b, char *text, size_t len)
{
	snprintf(text, len,
	    "%s: status %x %x, state %u %u, mark %u %u, reply ports %u-%u %u-%u, has %x %x, "
	    "seqadj %s",
	    tuple_text(s, truth_tuple(&s->truth, &a->key)), a->status, b->status,
	    a->l4.tcp.state, b->l4.tcp.state, a->mark, b->mark, a->reply.sport, a->reply.dport,
	    b->reply.sport, b->reply.dport, a->has, b->has, same_seqadj(a, b) ? "same" : "differs");
}

/* ---- what has an excuse ---- */

/*
 * Did the daemon itself write the last version of it there?  Events that were lost, of changes that no
 * read can see, change nothing about that.
 */
static bool
wrote_last(const struct sim *s, size_t node, int tuple)
{
	const struct history *h = &s->truth.of[node][tuple];
	const struct version *v;
	uint64_t written = 0;
	bool own = false;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++) {
		if (v->end)
			continue;
		own = v->own || (own && v->content == written);
		written = v->content;
	}
	return own;
}

/* Does any node's kernel have of it what no event told? */
static bool
is_hidden(const struct sim *s, const struct flow_key *key)
{
	int tuple = truth_tuple(&s->truth, key);

	for (size_t i = 0; s->sparing && tuple != NO_TUPLE && i < s->w->count; i++) {
		if (s->hidden[i][tuple])
			return true;
	}
	return false;
}

/* The same, or what a commit wrote and told nobody? */
static bool
is_spared(const struct sim *s, const struct flow_key *key)
{
	int tuple = truth_tuple(&s->truth, key);

	for (size_t i = 0; s->sparing && tuple != NO_TUPLE && i < s->w->count; i++) {
		if (s->committed && wrote_last(s, i, tuple))
			return true;
	}
	return is_hidden(s, key);
}

/* ---- a node's own kernel ---- */

/* Is nothing unknown to the node but what no event told? */
static bool
all_hidden(struct sim *s, size_t i)
{
	for (int tuple = 0; s->sparing && tuple < (int)s->tuples_count; tuple++) {
		const struct flow *f = traffic_entry(s, i, tuple);

		if (f != NULL && !is_hidden(s, &f->key) &&
		    !world_find(s->w, i, TABLE_LOCAL, &f->key, NULL))
			return false;
	}
	return s->sparing;
}

/* A flow of the kernel that the node does not know. */
static int
unknown_to(struct sim *s, size_t i)
{
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		const struct flow *f = traffic_entry(s, i, tuple);

		if (f != NULL && !world_find(s->w, i, TABLE_LOCAL, &f->key, NULL))
			return tuple;
	}
	return NO_TUPLE;
}

static bool
local_differs(struct sim *s, size_t i, char *what, size_t len)
{
	struct sim_kernel *k = s->w->nodes[i].kernel;
	bool full = daemon_was_full(&s->w->nodes[i], TABLE_LOCAL);
	struct flow_view v;
	uint32_t cursor = 0;
	char text[200];
	size_t count = 0;

	while (daemon_next_flow(&s->w->nodes[i], TABLE_LOCAL, &cursor, &v, s->w->now)) {
		const struct flow *f = sim_kernel_find(k, &v.flow.key);

		count++;
		if (f == NULL) {
			snprintf(what, len, "node %zu imagines %s", i,
			    tuple_text(s, truth_tuple(&s->truth, &v.flow.key)));
			return true;
		}
		if (!same_flow(s, f, &v.flow) && !is_hidden(s, &f->key) && !full) {
			describe_two(s, f, &v.flow, text, sizeof(text));
			snprintf(what, len, "node %zu: kernel and local table of %s", i, text);
			return true;
		}
	}
	if (count != k->count && !full && !all_hidden(s, i)) {
		snprintf(what, len, "node %zu knows %zu flows, its kernel has %zu, one of them %s", i,
		    count, k->count, tuple_text(s, unknown_to(s, i)));
		return true;
	}
	return false;
}

static void
check_local(struct sim *s, void *state)
{
	char what[256];

	(void)state;
	for (size_t i = 0; i < s->w->count; i++) {
		if (!world_is_incumbent(s->w, i) && local_differs(s, i, what, sizeof(what)))
			sim_fail(s, "%s", what);
	}
}

/* ---- the replicas ---- */

/*
 * With CacheWriteThrough a node does not tell back what it wrote last for a peer: that it has it, and
 * how, the peer knows best.
 */
static bool
is_mirrored(const struct sim *s, size_t node, const struct flow_key *key)
{
	int tuple = truth_tuple(&s->truth, key);

	/* Of what a liar made them write nobody keeps book. */
	return s->plan->write_through != 0 && (tuple == NO_TUPLE || wrote_last(s, node, tuple));
}

/* Has it heard all from everybody since it last asked, and is nothing of theirs in doubt? */
static bool
knows_all(const struct sim *s, size_t i)
{
	struct peer_view p;

	if (s->plan->mode != 0)
		return false;
	for (size_t at = 0; node_peer_view(s->w->nodes[i].node, at, &p, s->w->now); at++) {
		if (!p.in_sync)
			return false;
	}
	return true;
}

/* What node i holds of others, some other one has just so. */
static bool
ghost(struct sim *s, size_t i, char *what, size_t len)
{
	struct flow_view v;
	uint32_t cursor = 0;

	while (daemon_next_flow(&s->w->nodes[i], TABLE_REMOTE, &cursor, &v, s->w->now)) {
		bool found = false, equal = false;
		struct flow f, last = {0};
		char text[200];

		for (size_t j = 0; j < s->w->count; j++) {
			if (j == i || !world_find(s->w, j, TABLE_LOCAL, &v.flow.key, &f))
				continue;
			found = true;
			equal |= same_flow(s, &f, &v.flow) || is_mirrored(s, j, &f.key);
			last = f;
		}
		if (is_spared(s, &v.flow.key))
			continue;
		if (!found && !(s->sweeping && !knows_all(s, i))) {
			snprintf(what, len, "node %zu holds %s, which nobody has", i,
			    tuple_text(s, truth_tuple(&s->truth, &v.flow.key)));
			return true;
		}
		if (found && !equal) {
			describe_two(s, &last, &v.flow, text, sizeof(text));
			snprintf(what, len, "source and replica at node %zu of %s", i, text);
			return true;
		}
	}
	return false;
}

/* Has traffic been seen on this node's entry since it was entered? */
static bool
is_alive(const struct sim *s, size_t node, int tuple)
{
	const struct history *h = &s->truth.of[node][tuple];
	const struct version *v;
	bool alive = false;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++)
		alive = v->end ? false : alive || !v->own;
	return alive;
}

static uint64_t
last_number(const struct history *h)
{
	return h->count > 0 ? h->v[(h->count - 1) % VERSIONS_MAX].number : 0;
}

/* Has another node had, or told, news of this tuple after the last of node i? */
static bool
is_contested(const struct sim *s, size_t i, size_t j, int tuple)
{
	/* Neither does a change count that no event told, nor a read that shows what was known. */
	uint64_t last = last_number(&s->truth.seen[i][tuple]);
	uint64_t had = last_number(&s->truth.of[i][tuple]);

	last = had < last ? had : last;
	for (size_t k = 0; k < s->w->count; k++) {
		if (k != i && k != j &&
		    (last_number(&s->truth.of[k][tuple]) > last ||
			last_number(&s->truth.seen[k][tuple]) > last))
			return true;
	}
	return false;
}

/* What lives on node i all others know. */
static bool
missing(struct sim *s, size_t i, char *what, size_t len)
{
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		const struct flow *f = traffic_entry(s, i, tuple);

		if (f == NULL || !is_alive(s, i, tuple) || is_mirrored(s, i, &f->key) ||
		    is_spared(s, &f->key) ||
		    !world_find(s->w, i, TABLE_LOCAL, &f->key, NULL))
			continue;
		for (size_t j = 0; j < s->w->count; j++) {
			if (j == i || world_find(s->w, j, TABLE_REMOTE, &f->key, NULL) ||
			    daemon_was_full(&s->w->nodes[j], TABLE_REMOTE))
				continue;
			/* CacheWriteThrough makes of a resync the next contest. */
			if ((!s->resynced || s->plan->write_through != 0) &&
			    is_contested(s, i, j, tuple)) {
				s->contested = true;
				continue;
			}
			snprintf(what, len, "node %zu does not hold %s of node %zu", j,
			    tuple_text(s, tuple), i);
			return true;
		}
	}
	return false;
}

bool
replicas_differ(struct sim *s, char *what, size_t len)
{
	for (size_t i = 0; i < s->w->count; i++) {
		if (world_is_incumbent(s->w, i))
			continue;
		if (local_differs(s, i, what, len))
			return true;
		if (s->w->incumbents == 0 &&
		    (ghost(s, i, what, len) || missing(s, i, what, len)))
			return true;
	}
	return old_peer_differs(s, what, len);
}

/* Is there nothing in the play that makes any difference excusable? */
static bool
has_no_excuse(const struct sim *s)
{
	return s->w->incumbents == 0 && !s->flushed && !s->lied &&
	    !sim_is_overfull(s) && !s->one_way && !s->refused && !s->contested;
}

void
demand_soon(struct sim *s, bool all)
{
	char what[256];

	/* Many on a bad link ask so much that some of it is forgotten, and said again after 20 s. */
	if (s->verdict.oracle != NULL || !has_no_excuse(s) || (!all && s->w->count > 2))
		return;
	s->asking = &oracles_healed[0];
	s->sparing = true;
	s->sweeping = !all;
	if (replicas_differ(s, what, sizeof(what)))
		sim_fail(s, "%s", what);
	s->sparing = false;
	s->sweeping = false;
}

static void
check_replicas(struct sim *s, void *state)
{
	char what[256];

	(void)state;
	if (replicas_differ(s, what, sizeof(what)))
		sim_fail(s, "%s", what);
}

const struct oracle oracles_healed[] = {
    {"soon", "ten seconds after all is well, and without an order, replicas are what their sources "
	     "have, but for what version 1 cannot keep",
	0, NULL, NULL},
    {"local", "after healing a node's local table is its kernel's, field by field", 0, NULL,
	check_local},
    {"replicas", "after healing a replica is what its source has, field by field", 0, NULL,
	check_replicas},
    {0},
};
