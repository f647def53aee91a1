/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_holds.h"

#include "engine.h"
#include "fuzz.h"

/* ---- what must hold inside ---- */

static void
check_queue(const struct table *t, const struct queue *q)
{
	uint32_t count = 0, prev = ENTRY_NONE;

	for (uint32_t id = q->head; id != ENTRY_NONE; id = table_entry(t, id)->q_next) {
		const struct entry *e = table_entry(t, id);

		CHECK(++count <= t->limit && id <= t->limit);
		CHECK((e->flags & ENTRY_USED) && e->queue == q->id && e->q_prev == prev);
		prev = id;
	}
	CHECK(count == q->count && q->tail == prev);
}

/* Acknowledgements and resend requests rely on the order. */
static void
check_sent_order(const struct node *n, const struct queue *q)
{
	uint32_t age = UINT32_MAX;

	for (uint32_t id = q->head; id != ENTRY_NONE; id = table_entry(&n->local, id)->q_next) {
		uint32_t this_age = n->next_seq - table_entry(&n->local, id)->seq;

		CHECK(this_age < age && this_age > 0);
		age = this_age;
	}
}

static void
check_table(const struct table *t)
{
	uint32_t used = 0, dead = 0, timers = 0;

	for (uint32_t id = table_next(t, 0); id != ENTRY_NONE; id = table_next(t, id)) {
		const struct entry *e = table_entry(t, id);
		struct flow_key key;

		CHECK(++used <= t->limit);
		dead += (e->flags & ENTRY_DEAD) != 0;
		timers += e->timer != TIMER_OFF;
		table_key(t, id, &key);
		CHECK(table_find(t, &key) == id);
	}
	CHECK(used == t->count && dead == t->dead && timers == t->timers);
	CHECK(t->count <= t->limit && t->high <= t->limit);
}

static void
check_peers(const struct node *n)
{
	uint32_t owned[NODE_PEERS_MAX] = {0};

	for (uint32_t id = table_next(&n->remote, 0); id != ENTRY_NONE;
	     id = table_next(&n->remote, id)) {
		uint8_t peer = table_entry(&n->remote, id)->peer;

		if (peer == PEER_NONE)
			continue;
		CHECK(peer < NODE_PEERS_MAX && n->peers[peer].used);
		owned[peer]++;
	}
	for (size_t i = 0; i < NODE_PEERS_MAX; i++)
		CHECK(owned[i] == n->peers[i].flows);
}

void
node_slots_hold(const struct node *n, size_t under_way)
{
	uint32_t taken = 0, retry = 0, out[ARRAY_LEN(n->jobs)] = {0};

	for (size_t i = 0; i < OPS_MAX; i++) {
		taken += n->ops[i].state != SLOT_FREE;
		retry += n->ops[i].state == SLOT_RETRY;
		if (n->ops[i].state != SLOT_FREE)
			out[n->ops[i].job]++;
	}
	CHECK(n->ops_free == OPS_MAX - taken && n->ops_retry == retry);
	CHECK(taken - retry == under_way);
	for (size_t i = 0; i < ARRAY_LEN(n->jobs); i++)
		CHECK(n->jobs[i].out == out[i]);
}

/* ---- what must hold at the seam ---- */

static void
check_views(const struct node *n, ms_t now)
{
	struct queue_view q = node_queue_view(n);
	uint32_t cursor = 0, unacked = 0;
	struct unacked_view u;
	struct peer_view p;
	size_t peers = 0;

	for (enum node_table t = TABLE_LOCAL; t <= TABLE_REMOTE; t++) {
		struct table_view v = node_table_view(n, t);
		struct flow_view f;
		uint32_t flows = 0;

		CHECK(v.active <= v.total && v.total <= v.limit);
		cursor = 0;
		while (node_next_flow(n, t, &cursor, &f, now)) {
			CHECK(++flows <= v.active && f.age_s >= 0 && f.expires_s >= -1);
			CHECK(flow_is_complete(&f.flow));
		}
		CHECK(flows == v.active);
	}
	cursor = 0;
	while (node_next_unacked(n, &cursor, &u))
		CHECK(++unacked <= q.unacked);
	CHECK(unacked == q.unacked);
	CHECK(q.unacked <= n->local.limit + UNACKED_CONTROLS_MAX);
	CHECK(q.tx <= n->local.limit + CONTROLS_MAX);
	while (node_peer_view(n, peers, &p, now))
		CHECK(++peers <= NODE_PEERS_MAX && p.heard_ms_ago >= 0);
	CHECK(n->notices_count <= NOTICES_MAX);
	/* Somebody calls node_tick() at least once a second. */
	CHECK(node_deadline(n).ms <= now.ms + KEEPALIVE_MS);
}

void
node_holds(const struct node *n, ms_t now)
{
	check_table(&n->local);
	check_table(&n->remote);
	check_queue(&n->local, &n->tx);
	check_queue(&n->local, &n->unacked);
	check_queue(&n->local, &n->buried);
	check_queue(&n->remote, &n->inject);
	check_sent_order(n, &n->unacked);
	check_sent_order(n, &n->buried);
	CHECK(n->buried.count <= n->cfg.resend_queue);
	check_peers(n);
	check_views(n, now);
}
