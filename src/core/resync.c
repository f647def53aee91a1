/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resync.c: asking a peer for all it has, and finding out when that is all.
 */
#include "engine.h"

void
peer_want_resync(struct peer *p, ms_t now)
{
	p->epoch++;
	if (p->resync == RESYNC_NONE) {
		p->resync_since = now;
		p->restarted = false;
	}
	p->resync = RESYNC_WANTED;
	p->resync_tries = 0;
	p->unanswered = false;
	p->resync_at = now;
	p->old_named = now;
	p->any_named = false;
}

void
peer_marked(struct peer *p, uint8_t flags, ms_t now)
{
	if (flags & WIRE_HELLO) {
		/* It can be asked sooner now: it tells how far it has come. */
		if (!p->marks)
			p->loss_pause_ms = LOSS_PAUSE_MIN_MS;
		p->marks = true;
		p->whole = true;
		p->lossy = false;
		p->epoch++;
		p->resync = RESYNC_ACKED;
		p->resync_at = now;
	} else if ((flags & WIRE_HELLO_BACK) && p->resync == RESYNC_ACKED) {
		p->resync = p->whole ? RESYNC_SWEEP : RESYNC_NONE;
		if (p->resync == RESYNC_NONE)
			p->restarted = false;
		p->sweep_cursor = 0;
		p->swept = 0;
	}
}

void
peer_ask_for_lost(struct peer *p, ms_t now)
{
	if (!p->lossy || p->silent || ms_since(now, p->asked_at) < p->loss_pause_ms)
		return;
	p->lossy = false;
	if (ms_since(now, p->asked_at) >= 2 * LOSS_PAUSE_MAX_MS)
		p->loss_pause_ms = 0;
	p->loss_pause_ms = p->loss_pause_ms == 0 ? LOSS_PAUSE_MIN_MS : p->loss_pause_ms * 2;
	/* One that does not mark its resends cannot pace them either. */
	if (p->loss_pause_ms > LOSS_PAUSE_MAX_MS || !p->marks)
		p->loss_pause_ms = LOSS_PAUSE_MAX_MS;
	p->asked_at = now;
	peer_want_resync(p, now);
}

static void
resync_done(struct node *n, const struct peer *p)
{
	struct notice *note = node_notice(n, NOTE_RESYNC_DONE);

	note->peer = p->addr;
	note->count = p->flows;
}

void
peer_resync_step(struct node *n, struct peer *p, ms_t now)
{
	switch (p->resync) {
	case RESYNC_NONE:
		break;
	case RESYNC_WANTED:
		if (!ration_take(&p->asks, ASKS_AT_ONCE, ASK_AGAIN_MS, now))
			break;
		/*
		 * What it names from now on it has.  What it named before, even a moment ago, may
		 * have been named by a process that died before it heard us.
		 */
		p->epoch++;
		p->old_named = now;
		p->any_named = false;
		sync_control(n, WIRE_RESYNC, 0, 0);
		node_notice(n, NOTE_RESYNC_SENT)->peer = p->addr;
		p->resync_tries++;
		p->resync_at = now;
		/* Without acknowledgements or marks nobody knows when the answer is complete. */
		p->resync = n->mode->tracked || p->marks ? RESYNC_ASKED : RESYNC_NONE;
		if (n->mode->marked && !p->marks) {
			/* Nor whether it was heard at all. */
			p->lossy = p->loss_tries++ < RESYNC_TRIES;
			p->asked_at = now;
			p->loss_pause_ms = LOSS_PAUSE_MAX_MS;
		}
		break;
	case RESYNC_ASKED:
		if (ms_since(now, p->resync_at) < RESYNC_RETRY_MS || p->silent)
			break;
		/* It may not hear us; or it acknowledges nothing, and sends all each time. */
		p->unanswered = p->resync_tries >= RESYNC_TRIES;
		if (p->unanswered)
			node_notice(n, NOTE_RESYNC_UNANSWERED)->peer = p->addr;
		p->resync = p->unanswered ? RESYNC_NONE : RESYNC_WANTED;
		/* What was lost may be the requests. */
		p->lossy |= p->unanswered;
		break;
	case RESYNC_ACKED:
		if (n->mode->marked)
			break;
		/* That a peer names nothing while nothing is heard of it says nothing. */
		if (ms_since(now, p->heard) >= RESYNC_QUIET_MS)
			p->old_named = now;
		if (ms_since(now, p->resync_at) >=
			(p->any_named ? RESYNC_SETTLE_MS : RESYNC_EMPTY_MS) &&
		    ms_since(now, p->old_named) >= RESYNC_QUIET_MS) {
			p->resync = RESYNC_SWEEP;
			p->sweep_cursor = 0;
			p->swept = 0;
		}
		break;
	case RESYNC_SWEEP:
		if (p->silent || !remote_sweep(n, p, 65536))
			break;
		expect_sweep(n, p);
		p->resync = RESYNC_NONE;
		if (p->swept > 0) {
			struct notice *note = node_notice(n, NOTE_SWEPT);

			note->peer = p->addr;
			note->count = p->swept;
		}
		resync_done(n, p);
		break;
	}
}

void
peer_asked(struct node *n, ms_t now)
{
	ms_t at = ms_add(now, RESYNC_EMPTY_MS);

	if (n->remote_flushed && at.ms < n->remote_refilled_at.ms)
		n->remote_refilled_at = at;
}

bool
peer_ask_all(struct node *n, ms_t now)
{
	bool any = false;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (!n->peers[i].used || n->peers[i].gone)
			continue;
		peer_want_resync(&n->peers[i], now);
		any |= !n->peers[i].silent;
	}
	peer_asked(n, now);
	return any;
}
