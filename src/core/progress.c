/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.c: views of what is under way: peers and how far behind they are, commit, bulk sends.
 */
#include "engine.h"

/* So many entries of a queue are passed, from each end, in search of one that a peer has not acknowledged. */
enum { LAG_WALK_MAX = 1024 };

_Static_assert((int)RESYNC_NONE == (int)RESYNC_VIEW_NONE && (int)RESYNC_WANTED == (int)RESYNC_VIEW_WANTED &&
	(int)RESYNC_ASKED == (int)RESYNC_VIEW_ASKED && (int)RESYNC_ACKED == (int)RESYNC_VIEW_COMING &&
	(int)RESYNC_SWEEP == (int)RESYNC_VIEW_REMOVING,
    "states are shown as they are");
_Static_assert((int)PHASE_MASTERS == (int)STAGE_MASTERS && (int)PHASE_RELATED == (int)STAGE_RELATED &&
	(int)PHASE_OWN == (int)STAGE_OWN && (int)PHASE_EXPECTS == (int)STAGE_EXPECTS &&
	(int)PHASE_LAST == (int)STAGE_LAST && (int)PHASE_OURS == (int)STAGE_OURS,
    "phases are shown as they are");

static const struct peer *
peer_at(const struct node *n, size_t i)
{
	for (size_t at = 0; at < NODE_PEERS_MAX; at++) {
		if (n->peers[at].used && i-- == 0)
			return &n->peers[at];
	}
	return NULL;
}

/* ---- how far behind a peer is ---- */

/*
 * Since when a flow in a queue has news that are not acknowledged.  One that a full resend tells once more has not
 * changed for long, perhaps: then it is since that began.
 */
static int64_t
waits_ms(const struct node *n, uint32_t id, ms_t now)
{
	const struct entry *e = table_entry(&n->local, id);
	int64_t ms = ms_since(now, entry_changed(e)), bulk_ms = ms_since(now, n->bulk_began);

	/* If there was none that is the time since the clock began. */
	if (!(e->flags & ENTRY_DEAD) && bulk_ms < ms)
		ms = bulk_ms;
	return ms > 0 ? ms : 0;
}

/*
 * The first of a queue that this peer has not acknowledged: it waits longest, but for what was told again meanwhile.
 * Where another peer has stopped to answer, many that only that one lacks may come before; then it is looked for
 * from the other end, too, for what a peer that keeps up lacks is new.
 */
static int64_t
queue_waits_ms(const struct node *n, const struct queue *q, uint8_t bit, ms_t now)
{
	uint32_t id = q->head, found = ENTRY_NONE;

	for (int i = 0; i < LAG_WALK_MAX && id != ENTRY_NONE; i++) {
		if (!(table_entry(&n->local, id)->acked & bit))
			return waits_ms(n, id, now);
		id = table_entry(&n->local, id)->q_next;
	}
	if (id == ENTRY_NONE)
		return 0;
	id = q->tail;
	for (int i = 0; i < LAG_WALK_MAX; i++) {
		if (!(table_entry(&n->local, id)->acked & bit))
			found = id;
		/* The other walk has passed as many, so there is one. */
		id = table_entry(&n->local, id)->q_prev;
	}
	return found != ENTRY_NONE ? waits_ms(n, found, now) : 0;
}

/* When its process was first heard. */
static ms_t
began(const struct peer *p)
{
	return p->began.ms != 0 ? p->began : p->entered;
}

static int64_t
lag_ms(const struct node *n, const struct peer *p, ms_t now)
{
	int64_t known_ms = ms_since(now, began(p)), most, ms;

	if (!n->mode->tracked || p->gone)
		return -1;
	most = queue_waits_ms(n, &n->unacked, peer_bit(n, p), now);
	ms = queue_waits_ms(n, &n->buried, peer_bit(n, p), now);
	most = ms > most ? ms : most;
	/* Nobody has acknowledged what has not been sent. */
	ms = n->tx.head != ENTRY_NONE ? waits_ms(n, n->tx.head, now) : 0;
	most = ms > most ? ms : most;
	/* A process has not missed what was before it. */
	return known_ms < most ? known_ms : most;
}

bool
node_peer_view(const struct node *n, size_t i, struct peer_view *out, ms_t now)
{
	const struct peer *p = peer_at(n, i);

	if (p == NULL)
		return false;
	*out = (struct peer_view){.addr = p->addr,
	    .heard_lately = !p->silent,
	    .heard_ms_ago = ms_since(now, p->heard),
	    .last_seq = p->last,
	    .flows = p->flows,
	    .in_sync = p->resync == RESYNC_NONE,
	    .slot = (uint8_t)(p - n->peers),
	    .resync = (enum resync_view)p->resync,
	    .resync_ms_ago = p->resync != RESYNC_NONE ? ms_since(now, p->resync_at) : -1,
	    .resync_tries = p->resync_tries,
	    .unanswered = p->unanswered,
	    .gone = p->gone,
	    .deaf = p->deaf,
	    .restarts = p->restarts,
	    .process_ms = p->seq_set ? ms_since(now, began(p)) : -1,
	    .lost = p->lost,
	    .asked_again = p->asked_again,
	    .lag_ms = lag_ms(n, p, now)};
	return true;
}

bool
node_path_view(const struct node *n, size_t peer, size_t link, struct path_view *out, ms_t now)
{
	const struct peer *p = peer_at(n, peer);
	const struct peer_path *path;

	if (p == NULL || link >= NODE_LINKS_MAX)
		return false;
	path = &p->paths[link];
	*out = (struct path_view){.addr = path->addr, .heard_ms_ago = ms_since(now, path->heard)};
	return path->known;
}

int64_t
node_link_heard_ms(const struct node *n, size_t link, ms_t now)
{
	if (link >= NODE_LINKS_MAX || n->links[link].heard.ms == 0)
		return -1;
	return ms_since(now, n->links[link].heard);
}

/* ---- jobs ---- */

struct commit_view
node_commit_view(const struct node *n, ms_t now)
{
	const struct job *job = &n->jobs[JOB_COMMIT];
	const struct commit_tally *t = &n->tally;

	if (!job->running)
		return (struct commit_view){.running = false};
	return (struct commit_view){
	    .running = true,
	    .stage = (enum commit_stage)job->phase,
	    .done = t->total,
	    .total = n->remote.count - n->remote.dead > t->total ? n->remote.count - n->remote.dead : t->total,
	    .written = t->created + t->updated + t->replaced,
	    .failed = t->failed,
	    .ms = ms_since(now, job->started),
	};
}

struct bulk_view
node_bulk_view(const struct node *n, ms_t now)
{
	uint32_t active = n->local.count - n->local.dead;
	/* Of the places that are still to be looked at, as many are taken as of all. */
	uint64_t left = n->local.high == 0 ? 0 : (uint64_t)n->bulk_left * active / n->local.high;

	return (struct bulk_view){
	    .running = n->bulk_left > 0,
	    .waits = n->bulk_waits,
	    .put_off = n->bulk_owed,
	    .unconfirmed = n->bulk_unsure,
	    .sent = n->bulk_flows,
	    .total = n->bulk_flows + left,
	    .ms = n->bulk_began.ms != 0 ? ms_since(now, n->bulk_began) : -1,
	};
}
