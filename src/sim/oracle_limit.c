/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_limit.c: what may never be exceeded, whoever says what.
 */
#include <string.h>

#include "sim.h"

/* ---- queues and tables ---- */

static void
check_limits(struct sim *s, size_t node)
{
	const struct node *n = s->w->nodes[node].node;
	struct table_view local = node_table_view(n, TABLE_LOCAL);
	struct table_view remote = node_table_view(n, TABLE_REMOTE);
	struct queue_view q = node_queue_view(n);
	uint32_t kept = local.limit + node_expects_view(n, TABLE_LOCAL).limit;

	if (local.total > local.limit || local.active > local.total)
		sim_fail(s, "node %zu: %u flows in the local table, %u alive, limit %u", node,
		    local.total, local.active, local.limit);
	if (remote.total > remote.limit || remote.active > remote.total)
		sim_fail(s, "node %zu: %u flows in the remote table, %u alive, limit %u", node,
		    remote.total, remote.active, remote.limit);
	/* Control messages: 2048 that wait, 1024 that are not acknowledged. */
	if (q.tx > kept + 2048)
		sim_fail(s, "node %zu: %u to be sent", node, q.tx);
	if (q.unacked > kept + 1024)
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

/* ---- nothing is given up without need ---- */

struct room {
	uint64_t evicted[WORLD_NODES_MAX];
	uint64_t left_out[WORLD_NODES_MAX][2]; /* by table */
	uint32_t local[WORLD_NODES_MAX];       /* flows that there were when something last happened */
};

static uint32_t
unacked_flows(const struct node *n)
{
	struct unacked_view v;
	uint32_t cursor = 0, flows = 0;

	while (node_next_unacked(n, &cursor, &v))
		flows += !v.control;
	return flows;
}

static void
check_room(struct sim *s, struct room *r, size_t node)
{
	const struct node *n = s->w->nodes[node].node;
	const struct node_stats *st = node_stats(n);
	struct table_view local = node_table_view(n, TABLE_LOCAL);
	struct table_view remote = node_table_view(n, TABLE_REMOTE);
	uint64_t evicted = st->unacked_evicted - r->evicted[node];

	if (evicted > 0 && local.total < local.limit &&
	    unacked_flows(n) + evicted <= (uint64_t)s->plan->resend_queue)
		sim_fail(s, "node %zu: an end was given up while no more than %u waited", node,
		    unacked_flows(n));
	/* One may have left since. */
	if (st->local_full > r->left_out[node][0] && local.total < local.limit &&
	    r->local[node] < local.limit)
		sim_fail(s, "node %zu: no room for a flow where %u of %u were", node, local.total,
		    local.limit);
	/* The datagram that it was in may have named the end of others, too. */
	if (st->remote_full > r->left_out[node][1] && !s->lied &&
	    remote.total + s->messages_count < remote.limit)
		sim_fail(s, "node %zu: no room for a replica where %u of %u were", node,
		    remote.total, remote.limit);
	r->local[node] = local.total;
	r->evicted[node] = st->unacked_evicted;
	r->left_out[node][0] = st->local_full;
	r->left_out[node][1] = st->remote_full;
}

static void
watch_room(struct sim *s, void *state, const struct happening *h)
{
	struct room *r = state;

	if (h->type == HAP_START) {
		r->evicted[h->node] = 0;
		memset(r->left_out[h->node], 0, sizeof(r->left_out[h->node]));
	}
	if (s->w->nodes[h->node].node != NULL)
		check_room(s, r, h->node);
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

/* Does it know one node as two?  Who begins anew on a link on which it had never been heard passes for
 * another one, and what it was before would have to acknowledge, too, for ten minutes. */
static bool
sees_double(const struct sim *s, const struct node *n)
{
	struct peer_view p;
	size_t known = 0;

	for (size_t at = 0; node_peer_view(n, at, &p, s->w->now); at++)
		known++;
	return s->plan->links > 1 && known >= s->w->count;
}

/* After healing, all that was put off is done. */
static void
check_queues(struct sim *s, void *state)
{
	(void)state;
	/* A stranger once heard would have to acknowledge, too, for ten minutes; and a table that was
	 * full asks for everything once a minute. */
	for (size_t i = 0; i < s->w->count && !s->lied && !sim_is_overfull(s); i++) {
		const struct node *n = s->w->nodes[i].node;
		struct table_view local;
		struct queue_view q;
		struct unacked_view v;
		uint32_t cursor = 0, controls = 0;

		if (n == NULL || sees_double(s, n))
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
    {"room", "no end is given up before as many wait as ResendQueueSize says, and no flow left out "
	     "before a table is full",
	sizeof(struct room), watch_room, NULL},
    {"requests", "no more requests are under way than there are slots", sizeof(struct requests),
	watch_requests, NULL},
    {"accounts", "every datagram leaves a trace in a counter", sizeof(struct accounts),
	watch_accounts, NULL},
    {"drained", "after healing nothing waits to be sent or acknowledged, and no dead flow is kept",
	0, NULL, check_queues},
    {0},
};
