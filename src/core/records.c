/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * records.c: how flows wait in, and leave, the two tables.
 */
#include "engine.h"

/* ---- local flows ---- */

static struct queue *
queue_of(struct node *n, uint32_t id)
{
	switch (table_entry(&n->local, id)->queue) {
	case Q_TX:
		return &n->tx;
	case Q_UNACKED:
		return &n->unacked;
	case Q_BURIED:
		return &n->buried;
	default:
		return NULL;
	}
}

void
local_unqueue(struct node *n, uint32_t id)
{
	struct queue *q = queue_of(n, id);

	if (q != NULL)
		queue_remove(&n->local, q, id);
}

void
local_pending(struct node *n, uint32_t id)
{
	if (table_entry(&n->local, id)->queue == Q_TX || n->mode->silent)
		return;
	local_unqueue(n, id);
	queue_push(&n->local, &n->tx, id);
}

void
local_drop(struct node *n, uint32_t id)
{
	local_unqueue(n, id);
	table_remove(&n->local, id);
}

bool
local_evict_dead(struct node *n)
{
	uint32_t id;

	while ((id = n->buried.head) != ENTRY_NONE) {
		/* Where nobody is known to listen, hardly anything is lost. */
		n->stats.unacked_evicted += peer_mask(n) != 0;
		if (table_entry(&n->local, id)->flags & ENTRY_DEAD) {
			local_drop(n, id);
			return true;
		}
		/* Its place is taken by a copy of a peer's. */
		local_unqueue(n, id);
		table_entry(&n->local, id)->flags &= (uint16_t)~ENTRY_ENDED;
	}
	return false;
}

void
local_tomb(struct node *n, uint32_t id)
{
	local_unqueue(n, id);
	timer_stop(&n->local, id);
	table_bury(&n->local, id);
	table_entry(&n->local, id)->flags = ENTRY_USED | ENTRY_DEAD;
	n->tombs++;
}

void
local_end(struct node *n, uint32_t id)
{
	if (n->reading && table_entry(&n->local, id)->gen == n->read_gen)
		local_tomb(n, id);
	else
		local_drop(n, id);
}

void
local_gone(struct node *n, uint32_t id)
{
	table_entry(&n->local, id)->gen = n->read_gen;
	local_end(n, id);
}

/* ---- remote flows ---- */

static struct peer *
owner_of(struct node *n, const struct entry *e)
{
	return e->peer < NODE_PEERS_MAX ? &n->peers[e->peer] : NULL;
}

void
remote_own(struct node *n, struct entry *e, struct peer *p)
{
	struct peer *before = owner_of(n, e);

	if (before == p)
		return;
	if (before != NULL)
		before->flows--;
	e->peer = (uint8_t)(p - n->peers);
	p->flows++;
}

void
remote_injected(struct node *n)
{
	struct job *job = &n->jobs[JOB_COMMIT];

	if (job->running && job->phase == PHASE_LAST && job->count > 0)
		job->count--;
}

void
remote_remove(struct node *n, uint32_t id)
{
	struct entry *e = table_entry(&n->remote, id);
	struct peer *owner = owner_of(n, e);

	if (n->followed != 0)
		follow_entry(n, STEP_REPLICA_GONE, &n->remote, id);
	if (e->queue == Q_INJECT) {
		queue_remove(&n->remote, &n->inject, id);
		remote_injected(n);
	} else if (e->flags & ENTRY_REWRITE) {
		n->rewrites--;
		remote_injected(n);
	}
	if (owner != NULL)
		owner->flows--;
	table_remove(&n->remote, id);
}

void
remote_flush(struct node *n)
{
	for (uint32_t id = table_next(&n->remote, 0); id != ENTRY_NONE;
	     id = table_next(&n->remote, id)) {
		n->stats.remote_destroyed += !(table_entry(&n->remote, id)->flags & ENTRY_DEAD);
		remote_remove(n, id);
	}
	expect_flush_remote(n);
}
