/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_limit.c: what may never be exceeded, whoever says what.
 */
#include "sim.h"

/* ---- queues and tables ---- */

static void
check_limits(struct sim *s, size_t node)
{
	const struct node *n = s->w->nodes[node].node;
	struct table_view local = node_table_view(n, TABLE_LOCAL);
	struct table_view remote = node_table_view(n, TABLE_REMOTE);
	struct queue_view q = node_queue_view(n);

	if (local.total > local.limit || local.active > local.total)
		sim_fail(s, "node %zu: %u flows in the local table, %u alive, limit %u", node,
		    local.total, local.active, local.limit);
	if (remote.total > remote.limit || remote.active > remote.total)
		sim_fail(s, "node %zu: %u flows in the remote table, %u alive, limit %u", node,
		    remote.total, remote.active, remote.limit);
	/* Control messages: 2048 that wait, 1024 that are not acknowledged. */
	if (q.tx > local.limit + 2048)
		sim_fail(s, "node %zu: %u to be sent", node, q.tx);
	if (q.unacked > local.limit + 1024)
		sim_fail(s, "node %zu: %u unacknowledged", node, q.unacked);
}

static void
watch_limits(struct sim *s, void *state, const struct happening *h)
{
	(void)state;
	if (h->type == HAP_TURN && !world_is_incumbent(s->w, h->node))
		check_limits(s, h->node);
	if (s->w->stuck)
		sim_fail(s, "node %u never comes to rest", h->node);
}

/* ---- requests ---- */

struct requests {
	int out[WORLD_NODES_MAX];
};

static void
watch_requests(struct sim *s, void *state, const struct happening *h)
{
	struct requests *r = state;

	if (h->type == HAP_START || h->type == HAP_KILL)
		r->out[h->node] = 0;
	if (h->type == HAP_OP && ++r->out[h->node] > WORLD_BATCH_MAX)
		sim_fail(s, "node %u: %d requests under way", h->node, r->out[h->node]);
	if (h->type == HAP_RESULT)
		r->out[h->node]--;
}

/* ---- every message is accounted for ---- */

struct accounts {
	uint64_t before; /* of this node's counters when a datagram came in */
};

/* Messages that were accepted, left aside or refused, all together. */
static uint64_t
accounted(const struct node_stats *st)
{
	return st->recv_messages + st->recv_truncated + st->recv_bad_size + st->recv_bad_version +
	    st->recv_bad_header + st->recv_bad_type + st->recv_flagged + st->recv_no_peer_slot;
}

static void
watch_accounts(struct sim *s, void *state, const struct happening *h)
{
	struct accounts *a = state;
	const struct node_stats *st;

	if ((h->type != HAP_ARRIVES && h->type != HAP_ARRIVED) ||
	    world_is_incumbent(s->w, h->node))
		return;
	st = node_stats(s->w->nodes[h->node].node);
	if (h->type == HAP_ARRIVES)
		a->before = accounted(st);
	else if (h->len > 0 && accounted(st) == a->before)
		sim_fail(s, "node %u: a datagram of %zu bytes left no trace in any counter",
		    h->node, h->len);
}

/* ---- nothing is left over ---- */

/* After healing, all that was put off is done. */
static void
check_queues(struct sim *s, void *state)
{
	(void)state;
	/* A stranger once heard would have to acknowledge, too, for ten minutes; and a table that was
	 * full asks for everything once a minute. */
	for (size_t i = 0; i < s->w->count && !s->lied && !s->overfull; i++) {
		const struct node *n = s->w->nodes[i].node;
		struct table_view local;
		struct queue_view q;
		struct unacked_view v;
		uint32_t cursor = 0, controls = 0;

		if (n == NULL)
			continue;

		q = node_queue_view(n);
		/* Acknowledgements of acknowledgements never end, but each leaves soon. */
		for (int tries = 0; tries < 5 && q.tx > 0; tries++) {
			sim_pass(s, 15);
			q = node_queue_view(n);
		}
		/* The place of what a daemon deletes is kept for two seconds. */
		local = node_table_view(n, TABLE_LOCAL);
		if (local.total != local.active)
			sim_pass(s, 3000);
		local = node_table_view(n, TABLE_LOCAL);

		while (node_next_unacked(n, &cursor, &v))
			controls += v.control;
		if (s->plan->mode == 0 && q.tx > 0)
			sim_fail(s, "node %zu: %u still to be sent", i, q.tx);
		if (local.total != local.active)
			sim_fail(s, "node %zu: %u dead flows are kept", i,
			    local.total - local.active);
		if (q.unacked > controls)
			sim_fail(s, "node %zu: %u flows never acknowledged", i,
			    q.unacked - controls);
	}
}

const struct oracle oracles_limit[] = {
    {"limits", "tables and queues keep within their limits, and a node comes to rest", 0,
	watch_limits, NULL},
    {"requests", "no more requests are under way than there are slots", sizeof(struct requests),
	watch_requests, NULL},
    {"accounts", "every datagram leaves a trace in a counter", sizeof(struct accounts),
	watch_accounts, NULL},
    {"drained", "after healing nothing waits to be sent or acknowledged, and no dead flow is kept",
	0, NULL, check_queues},
    {0},
};
