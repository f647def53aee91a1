/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer.c: who we hear, and what they say that is about no flow.
 */
#include "engine.h"

#include <string.h>

/* Nothing waits for this peer any longer; should it come back, it is compared with as a new one. */
static void
give_up(struct node *n, struct peer *p)
{
	p->gone = true;
	p->seq_set = false;
	memset(p->prints, 0, sizeof(p->prints));
	p->ack_open = false;
	p->hello_back = false;
	p->resync = RESYNC_NONE;
	p->unanswered = false;
	sync_forgive(n, p);
}

/*
 * May its place be given away?  That of one that is gone; and of one that is silent and has told nothing
 * that is still known: should it come back, it is told and asked for everything anyway.  Else eight
 * datagrams with invented senders would keep out all that is new for ten minutes.
 */
static bool
makes_way(const struct node *n, const struct peer *p, ms_t now)
{
	int64_t silent_ms = ms_since(now, p->heard);

	return silent_ms >= PEER_GONE_MS ||
	    (n->mode->alive && silent_ms >= PEER_SILENT_MS && p->flows == 0);
}

/* A free place, or that of the peer that was heard least lately of those that make way; NULL if all are
 * here. */
static struct peer *
place_for_peer(struct node *n, ms_t now)
{
	struct peer *oldest = NULL;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];

		if (!p->used)
			return p;
		if (makes_way(n, p, now) && (oldest == NULL || p->heard.ms < oldest->heard.ms))
			oldest = p;
	}
	if (oldest != NULL) {
		give_up(n, oldest);
		remote_orphan(n, oldest);
		expect_orphan(n, oldest);
	}
	return oldest;
}

static struct peer *
enter_peer(struct node *n, const struct peer_addr *addr, ms_t now)
{
	struct peer *p = place_for_peer(n, now);

	if (p == NULL) {
		n->stats.recv_no_peer_slot++;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->used = true;
	p->addr = *addr;
	p->entered = now;
	p->advanced_on = addr->link;
	peer_add_path(p, addr);
	p->window = n->cfg.ack_window;
	p->heard = now;
	node_notice(n, NOTE_PEER_NEW)->peer = *addr;
	peer_want_resync(p, now);
	sync_greet(n, p, now);
	links_introduce(n);
	return p;
}

/* It began anew, was not known for who it was, and now is: what its last process told is in doubt. */
static void
take_over(struct node *n, struct peer *p, struct peer *last, ms_t now)
{
	give_up(n, last);
	remote_inherit(n, p, last);
	expect_inherit(n, p, last);
	last->used = false;
	peer_want_resync(p, now);
	p->restarted = true;
}

struct peer *
peer_heard(struct node *n, const struct peer_addr *addr, uint32_t seq, ms_t now)
{
	struct peer *last, *p = peer_identify(n, addr, seq, &last);

	if (p == NULL)
		p = enter_peer(n, addr, now);
	if (p == NULL)
		return NULL;
	if (last != NULL)
		take_over(n, p, last, now);
	/* That it does not hear us may have been the link's doing. */
	if (p->addr.link != addr->link)
		p->alives = 0;
	p->addr = *addr;
	/* We may have been stopped ourselves, and no timer has noticed. */
	if (n->mode->alive && ms_since(now, p->heard) >= PEER_GONE_MS && !p->gone)
		give_up(n, p);
	p->silent |= n->mode->alive && ms_since(now, p->heard) >= PEER_SILENT_MS;
	if (p->silent) {
		/* What it deleted meanwhile may be beyond its means to tell us again. */
		node_notice(n, NOTE_PEER_BACK)->peer = *addr;
		p->silent = false;
		peer_want_resync(p, now);
	}
	if (p->gone) {
		p->gone = false;
		sync_greet(n, p, now);
	}
	p->heard = now;
	return p;
}

void
peer_control(struct node *n, struct peer *p, const struct wire_msg *m, enum wire_class class,
    ms_t now)
{
	bool ours = sync_seq_is_ours(n, m->from) && sync_seq_is_ours(n, m->to);
	uint32_t from = m->from;

	/* Nothing follows the header of a control message. */
	n->stats.recv_misfit += m->attrs_len > 0;
	/* Each of these may walk through all that waits: so often in a second, and no oftener. */
	if (class != CLASS_ALIVE && n->walk_left == 0) {
		n->stats.recv_flood++;
		return;
	}
	switch (class) {
	case CLASS_ACK:
		/* An acknowledgement names no addressee; only the numbers tell whose it is.  One that
		 * begins with a number of our last process is ours from our first one on. */
		if (!ours && sync_seq_is_ours(n, m->to)) {
			from = sync_first_seq(n);
			ours = true;
		}
		if (!ours) {
			n->stats.ack_foreign++;
			break;
		}
		n->stats.ack_received++;
		p->alives = 0;
		sync_acked(n, p, from, m->to, now);
		/* Now that it is known to hear us, it can be asked with success. */
		if (p->unanswered) {
			p->unanswered = false;
			p->resync = RESYNC_WANTED;
			p->resync_tries = 0;
		}
		break;
	case CLASS_NACK:
		if (!ours) {
			n->stats.ack_foreign++;
			break;
		}
		n->stats.nack_received++;
		p->alives = 0;
		sync_nacked(n, m->from, m->to);
		break;
	case CLASS_RESYNC:
		n->stats.resync_received++;
		node_notice(n, NOTE_RESYNC_REQUESTED)->peer = p->addr;
		sync_tell_all(n, p, now);
		break;
	case CLASS_ALIVE:
		if (n->mode->marked)
			peer_marked(p, m->flags, now);
		else if (n->mode->tracked)
			peer_hears_nothing(n, p);
		break;
	case CLASS_STATE:
	case CLASS_BAD:
		break;
	}
}

void
peer_housekeeping(struct node *n, ms_t now)
{
	n->looks_left = LOOKS_PER_SECOND;
	n->walk_left = 8 * (uint64_t)n->cfg.limit + (1 << 20);
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];

		if (!p->used)
			continue;
		if (!p->silent && n->mode->alive && ms_since(now, p->heard) >= PEER_SILENT_MS) {
			p->silent = true;
			node_notice(n, NOTE_PEER_SILENT)->peer = p->addr;
		}
		if (ms_since(now, p->heard) >= PEER_GONE_MS && n->mode->alive && !p->gone)
			give_up(n, p);
		peer_sure_again(n, p, now);
		peer_ask_for_missed(n, p, now);
		peer_mend_forged(n, p, now);
		if (n->mode->marked)
			peer_ask_for_lost(p, now);
		peer_resync_step(n, p, now);
	}
}
