/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.c: what the tables keep about one flow besides what it is.
 */
#include <string.h>

#include "engine.h"

/* For how many whole seconds, at least, is this number given out?  As far back as is remembered. */
static int
sent_since_s(const struct node *n, uint32_t seq)
{
	uint32_t known = n->seconds < UNACKED_S ? n->seconds : UNACKED_S, s = 0;

	while (s < known && n->next_seq - seq > n->next_seq - n->seq_then[(n->seconds - 1 - s) % UNACKED_S])
		s++;
	return s > 0 ? (int)s - 1 : 0;
}

static void
view_local(const struct node *n, const struct entry *e, struct entry_view *out, ms_t now)
{
	out->live = e->flags & ENTRY_LIVE;
	out->committed = e->flags & ENTRY_COMMITTED;
	out->announced = e->flags & ENTRY_ANNOUNCED;
	out->timeout_left_s = local_timeout_left(&out->flow, e, now);
	if (e->queue == Q_TX) {
		out->wait = ENTRY_WAITS_SEND;
	} else if (e->queue == Q_UNACKED || e->queue == Q_BURIED) {
		out->wait = ENTRY_WAITS_ACK;
		out->lacks = (uint8_t)(peer_mask(n) & ~e->acked);
		out->sent_s = sent_since_s(n, e->seq);
	}
}

static void
view_remote(const struct node *n, const struct entry *e, struct entry_view *out, ms_t now)
{
	uint32_t id = (uint32_t)(e - n->remote.entries);
	int64_t left_ms;

	out->slot = e->peer < NODE_PEERS_MAX ? (uint8_t)e->peer : PEER_NONE;
	out->told_ms = (uint32_t)now.ms - e->told_ms;
	out->to_write = e->queue == Q_INJECT || (e->flags & ENTRY_REWRITE);
	if (n->mode->refreshed && e->timer != TIMER_OFF) {
		left_ms = ms_since(timer_at(&n->remote, id), now);
		out->expires_s = left_ms > 0 ? left_ms / 1000 : 0;
	}
}

bool
node_next_entry(const struct node *n, enum node_table t, uint32_t *cursor, struct entry_view *out,
    ms_t now)
{
	const struct table *table = t == TABLE_LOCAL ? &n->local : &n->remote;
	const struct entry *e;

	*cursor = table_next(table, *cursor);
	if (*cursor == ENTRY_NONE)
		return false;
	e = table_entry(table, *cursor);
	memset(out, 0, sizeof(*out));
	table_load(table, *cursor, &out->flow);
	out->age_ms = INT64_C(1000) * (uint32_t)(ms_second(now) - e->created_s);
	out->changed_ms = ms_since(now, entry_changed(e));
	out->expires_s = -1;
	out->dead = e->flags & ENTRY_DEAD;
	out->slot = PEER_NONE;
	out->seq = e->seq;
	if (t == TABLE_LOCAL)
		view_local(n, e, out, now);
	else
		view_remote(n, e, out, now);
	return true;
}
