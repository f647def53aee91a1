/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * links.c: which of several dedicated links we send on.  All of them are listened to.
 *
 * The kernel tells when one loses its carrier; that one fails without it only the peer's silence does.
 */
#include "engine.h"

enum {
	/* So long the default link has to be well before we return to it; and, where it was found silent,
	 * so long we stay away from it: doubled each time. */
	BACK_MS = 10 * 1000,
	BACK_MAX_MS = 300 * 1000,
	/* On the default link so long, and heard there: it works again, and nothing is held against it. */
	TRUSTED_MS = 60 * 1000,
	/* The link has carried the peer, and now is silent: the next one may not be.  A peer that lives
	 * says something each second. */
	LINK_SILENT_MS = 3 * 1000,
	/* The peer is heard on another link, and not on ours for more than it is ever silent: we follow. */
	FOLLOW_MS = 1500,
	/* On our choice the peer is to answer: heard elsewhere all the time, it does not hear us here. */
	TRY_MS = 1500,
	/* Nothing was heard since we came here: so long until we try the next one; doubled in each
	 * round. */
	ROTATE_FIRST_MS = 10 * 1000,
	ROTATE_MS = 3 * 1000, /* longer than FOLLOW_MS and a keepalive: who searches as well, finds us */
	ROTATE_MAX_MS = 300 * 1000,
	INTROS = 3, /* a second apart: one may be lost */
};

void
links_init(struct node *n, ms_t now)
{
	n->links_count = n->cfg.links == 0 ? 1 : n->cfg.links;
	ASSERT(n->links_count <= NODE_LINKS_MAX && n->cfg.link_default < n->links_count);
	n->link_active = n->cfg.link_default;
	n->link_since = now;
	n->link_back_pause_ms = BACK_MS;
	n->link_rotate_pause_ms = ROTATE_FIRST_MS;
	links_introduce(n);
}

void
links_introduce(struct node *n)
{
	/* Where there is one peer there is no doubt who it is. */
	if (n->links_count > 1 && !n->cfg.one_peer)
		n->intros_left = INTROS;
}

/* A word on each of the other links: who hears it knows by its number whose it is there, before he has
 * to, and where the process before us was heard. */
static void
introduce(struct node *n)
{
	if (n->intros_left == 0)
		return;
	n->intros_left--;
	for (size_t i = 0; i < n->links_count; i++) {
		if (i != n->link_active && !n->links[i].down)
			n->intro_links = (uint8_t)(n->intro_links | 1u << i);
	}
}

/* The next link that carries, in the order of the configuration; links_count if there is none. */
static size_t
next_running(const struct node *n)
{
	for (size_t i = 1; i < n->links_count; i++) {
		size_t link = (n->link_active + i) % n->links_count;

		if (!n->links[link].down)
			return link;
	}
	return n->links_count;
}

/* From now on we send on this one.  That is said at once: whoever hears it there knows. */
static void
use(struct node *n, size_t link, enum switch_why why, ms_t now)
{
	struct notice *note;

	n->link_active = (uint8_t)link;
	n->link_since = now;
	n->link_none_told = false;
	n->link_trial = false;
	n->stats.link_switches++;
	if (n->links_count > 1)
		sync_control(n, WIRE_ALIVE, 0, 0);
	note = node_notice(n, NOTE_LINK_ACTIVE);
	note->count = link;
	note->switch_why = why;
}

/* We leave a link that carries nothing, though it seems well. */
static void
leave(struct node *n, size_t link, enum switch_why why, ms_t now)
{
	if (n->link_active == n->cfg.link_default) {
		n->link_back_at = ms_add(now, n->link_back_pause_ms);
		n->link_back_pause_ms *= 2;
		if (n->link_back_pause_ms > BACK_MAX_MS)
			n->link_back_pause_ms = BACK_MAX_MS;
	}
	use(n, link, why, now);
}

void
node_link_state(struct node *n, size_t link, bool running, ms_t now)
{
	struct node_link *l = &n->links[link];
	size_t next;

	ASSERT(link < n->links_count);
	if (l->down == !running)
		return;
	l->down = !running;
	if (!running)
		l->down_since = now;
	if (running) {
		l->up_since = now;
		/* Also where there is but one: it is told that it is there again. */
		if (n->links[n->link_active].down || n->links_count == 1)
			use(n, link, SWITCH_CARRIER, now);
		return;
	}
	if (link != n->link_active)
		return;
	next = next_running(n);
	if (next < n->links_count) {
		use(n, next, SWITCH_CARRIER, now);
	} else if (!n->link_none_told) {
		n->link_none_told = true;
		node_notice(n, NOTE_LINK_NONE)->count = link;
	}
}

size_t
node_active_link(const struct node *n)
{
	return n->link_active;
}

size_t
node_datagram_link(const struct node *n)
{
	for (size_t i = 0; i < n->links_count; i++) {
		if (n->intro_links & 1u << i)
			return i;
	}
	return n->link_active;
}

static ms_t
later(ms_t a, ms_t b)
{
	return a.ms > b.ms ? a : b;
}

void
links_heard(struct node *n, struct peer *p, size_t link, ms_t now)
{
	ms_t here;

	if (link >= n->links_count)
		return;
	here = later(p->paths[n->link_active].heard, n->link_since);
	n->links[link].heard = now;
	p->paths[link].heard = now;
	if (link == n->link_active) {
		n->link_rotate_pause_ms = ROTATE_MS;
		return;
	}
	if (n->links[link].down)
		return;
	/* All prefer the default one: that it speaks there again is what we waited for. */
	if (link == n->cfg.link_default && ms_since(now, n->link_since) >= KEEPALIVE_MS)
		use(n, link, SWITCH_BACK, now);
	else if (ms_since(now, here) >= FOLLOW_MS)
		leave(n, link, SWITCH_FOLLOWED, now);
}

/* The link other than ours that something was heard on since we came to ours, the last; or
 * links_count. */
static size_t
heard_elsewhere(const struct node *n)
{
	size_t found = n->links_count;

	for (size_t i = 0; i < n->links_count; i++) {
		const struct node_link *l = &n->links[i];

		if (i == n->link_active || l->down || l->heard.ms <= n->link_since.ms)
			continue;
		if (found == n->links_count || l->heard.ms > n->links[found].heard.ms)
			found = i;
	}
	return found;
}

/* From a link that carries the peer; from one that does not, all are tried in turn. */
static bool
may_return(const struct node *n, ms_t now)
{
	const struct node_link *d = &n->links[n->cfg.link_default];
	const struct node_link *l = &n->links[n->link_active];

	if (n->mode->alive &&
	    (l->heard.ms < n->link_since.ms || ms_since(now, l->heard) >= LINK_SILENT_MS))
		return false;
	return n->link_active != n->cfg.link_default && !d->down &&
	    ms_since(now, d->up_since) >= BACK_MS && ms_since(now, n->link_since) >= BACK_MS &&
	    ms_reached(now, n->link_back_at);
}

/* Silence says something only where the peer would speak. */
static void
check_silence(struct node *n, ms_t now)
{
	const struct node_link *l = &n->links[n->link_active];
	bool carried = l->heard.ms >= n->link_since.ms;
	int64_t here_ms = ms_since(now, n->link_since);
	size_t elsewhere = heard_elsewhere(n), next = next_running(n);

	if (!carried && here_ms >= TRY_MS && elsewhere < n->links_count) {
		leave(n, elsewhere, SWITCH_SILENT, now);
	} else if (next == n->links_count) {
		return;
	} else if (!carried && n->link_trial && here_ms >= LINK_SILENT_MS &&
	    !n->links[n->link_home].down) {
		leave(n, n->link_home, SWITCH_SILENT, now);
	} else if (carried && ms_since(now, l->heard) >= LINK_SILENT_MS) {
		leave(n, next, SWITCH_SILENT, now);
	} else if (!carried && here_ms >= n->link_rotate_pause_ms) {
		if (n->link_rotate_pause_ms == ROTATE_FIRST_MS)
			n->link_rotate_pause_ms = ROTATE_MS;
		else if (next <= n->link_active)
			n->link_rotate_pause_ms *= 2;
		if (n->link_rotate_pause_ms > ROTATE_MAX_MS)
			n->link_rotate_pause_ms = ROTATE_MAX_MS;
		leave(n, next, SWITCH_SILENT, now);
	}
}

void
links_housekeeping(struct node *n, ms_t now)
{
	introduce(n);
	if (n->links_count == 1 || n->links[n->link_active].down)
		return;
	if (may_return(n, now)) {
		n->link_home = n->link_active;
		use(n, n->cfg.link_default, SWITCH_BACK, now);
		n->link_trial = true;
		return;
	}
	if (n->link_active == n->cfg.link_default && ms_since(now, n->link_since) >= TRUSTED_MS &&
	    ms_since(now, n->links[n->link_active].heard) < LINK_SILENT_MS)
		n->link_back_pause_ms = BACK_MS;
	if (n->mode->alive)
		check_silence(n, now);
}
