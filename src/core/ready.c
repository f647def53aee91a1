/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ready.c: is what peers told as good as they can tell it?  A view: nothing is changed.
 */
#include <string.h>

#include "engine.h"

/* It has been so since then, and counts for so long. */
static void
open_reason(struct ready_view *v, enum ready_reason why, ms_t since, int64_t blocks_ms, ms_t now)
{
	struct ready_state *r = &v->reasons[why];
	int64_t for_ms = ms_since(now, since), left_ms = blocks_ms - for_ms;

	if (!r->open || for_ms > r->for_ms)
		r->for_ms = for_ms;
	r->open = true;
	if (left_ms <= 0)
		return;
	r->blocks = true;
	if (left_ms > r->blocks_ms)
		r->blocks_ms = left_ms;
}

static void
open_peer(struct ready_view *v, enum ready_reason why, const struct peer *p, ms_t since,
    int64_t blocks_ms, ms_t now)
{
	struct ready_state *r = &v->reasons[why];

	open_reason(v, why, since, blocks_ms, now);
	if (r->peers++ == 0)
		r->peer = p->addr;
	r->count += p->flows;
}

static void
look_at_peer(struct ready_view *v, const struct peer *p, ms_t now)
{
	/* More does not come of one that is silent: waiting for it helps nobody. */
	int64_t blocks_ms = p->silent || p->gone ? 0 : READY_REPAIR_MS;

	if (p->resync != RESYNC_NONE)
		open_peer(v, p->restarted ? READY_DOUBT : READY_RESYNC, p, p->resync_since, blocks_ms, now);
	if (p->unanswered)
		open_peer(v, READY_UNANSWERED, p, p->resync_since, 0, now);
	if (p->lossy)
		open_peer(v, READY_LOSSY, p, p->asked_at.ms != 0 ? p->asked_at : p->entered, 0, now);
	/* One that is gone, and of which nothing is left, is nobody's concern. */
	if (p->silent && (!p->gone || p->flows > 0))
		open_peer(v, READY_SILENT, p, p->heard, 0, now);
}

/* Since when has no link carried anything?  False if one does. */
static bool
is_without_link(const struct node *n, ms_t *since)
{
	*since = n->born;
	for (size_t i = 0; i < n->links_count; i++) {
		if (!n->links[i].down)
			return false;
		if (n->links[i].down_since.ms > since->ms)
			*since = n->links[i].down_since;
	}
	return true;
}

static void
look_at_peers(const struct node *n, struct ready_view *v, ms_t now)
{
	bool any = false;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (!n->peers[i].used)
			continue;
		any = true;
		look_at_peer(v, &n->peers[i], now);
	}
	if (!any)
		open_reason(v, READY_ALONE, n->born, READY_ALONE_MS, now);
}

static void
look_at_tables(const struct node *n, struct ready_view *v, ms_t now)
{
	if (n->local_emptied)
		open_reason(v, READY_FIRST_READ, n->emptied_since, READY_REPAIR_MS, now);
	if (n->lost_since.ms != 0)
		open_reason(v, READY_EVENTS_LOST, n->lost_since, READY_REPAIR_MS, now);
	if (n->remote_flushed && now.ms < n->remote_refilled_at.ms)
		open_reason(v, READY_FLUSHED, n->remote_flushed_at, READY_REPAIR_MS, now);
	if (n->remote_full_told)
		open_reason(v, READY_REMOTE_FULL, n->remote_full_since, READY_FULL_MS, now);
	if (n->local_full_told)
		open_reason(v, READY_LOCAL_FULL, n->local_full_since, 0, now);
	v->reasons[READY_REMOTE_FULL].count = n->stats.remote_full;
	v->reasons[READY_LOCAL_FULL].count = n->stats.local_full;
}

void
node_ready_view(const struct node *n, struct ready_view *out, ms_t now)
{
	ms_t since;

	memset(out, 0, sizeof(*out));
	out->ready = true;
	if (n->mode->silent)
		return;
	look_at_tables(n, out, now);
	look_at_peers(n, out, now);
	if (is_without_link(n, &since))
		open_reason(out, READY_NO_LINK, since, READY_REPAIR_MS, now);
	if (n->bulk_left > 0 || n->bulk_waits) {
		open_reason(out, READY_BULK, now, 0, now);
		out->reasons[READY_BULK].count = n->bulk_left;
	}
	for (size_t i = 0; i < READY_REASONS; i++) {
		const struct ready_state *r = &out->reasons[i];

		out->ready &= !r->blocks;
		if (r->blocks && r->blocks_ms > out->at_the_latest_ms)
			out->at_the_latest_ms = r->blocks_ms;
	}
}
