/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity.c: whose message is this?
 *
 * Version 1 names no sender.  A peer is an address on a link; but with several links the same process
 * has one on each.  Then its numbers tell: they go on, whatever link they come on.
 */
#include "engine.h"

#include <string.h>

enum {
	/* What the peer said on its old link may come after the first of what it says on the new: a full
	 * resend, at most as much of it as waits at a socket. */
	LATE_NUMBERS = 4096,
	/* Numbers that go on by themselves, beside those that the peer goes on with: for so long. */
	TWO_LIVE_MS = 2 * 1000,
	TWO_LIVE_ROW = 3,
};

static bool
same_addr(const struct peer_addr *a, const struct peer_addr *b)
{
	return a->link == b->link && a->l3 == b->l3 &&
	    memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

static bool
is_path(const struct peer *p, const struct peer_addr *addr)
{
	return p->used && p->paths[addr->link].known && same_addr(&p->paths[addr->link].addr, addr);
}

struct peer *
peer_find(struct node *n, const struct peer_addr *addr)
{
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (is_path(&n->peers[i], addr))
			return &n->peers[i];
	}
	return NULL;
}

enum { NOT_HIS = -1 };

/* How far the number is from the peer's last, if it may follow that, or come late; else NOT_HIS. */
static int32_t
distance(const struct peer *p, uint32_t seq)
{
	int32_t ahead = seq_cmp(seq, p->last);

	if (!p->used || !p->seq_set || ahead > SEQ_FAR || ahead < -LATE_NUMBERS)
		return NOT_HIS;
	return ahead < 0 ? -ahead : ahead;
}

/* Of the peers not known on this link the one whose last number is the nearest. */
static struct peer *
find_elsewhere(struct node *n, const struct peer_addr *from, uint32_t seq)
{
	struct peer *found = NULL;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];
		const struct peer_path *path = &p->paths[from->link];
		int32_t far = distance(p, seq);

		if (far != NOT_HIS && !path->known &&
		    !(path->parted && same_addr(&path->addr, from)) &&
		    (found == NULL || far < distance(found, seq)))
			found = p;
	}
	return found;
}

/* There is nobody else. */
static struct peer *
find_only(struct node *n, size_t link)
{
	struct peer *found = NULL;

	for (size_t i = 0; i < NODE_PEERS_MAX && n->cfg.one_peer; i++) {
		if (!n->peers[i].used)
			continue;
		if (found != NULL)
			return NULL;
		found = &n->peers[i];
	}
	return found != NULL && !found->paths[link].known ? found : NULL;
}

/*
 * A peer began anew while it was heard on another link, and was taken for somebody else there.  Now it
 * speaks from where its last process did: what that one had told is this one's.
 */
static struct peer *
find_heir(struct node *n, struct peer *p, const struct peer_addr *from, uint32_t seq)
{
	struct peer *heir;

	if (distance(p, seq) != NOT_HIS)
		return NULL;
	heir = find_elsewhere(n, from, seq);
	if (heir == NULL)
		return NULL;
	/* Who spoke after this process had begun is not its last; but for what was under way. */
	if (ms_since(p->heard, heir->entered) > LATE_MS &&
	    ms_since(p->heard, heir->began) > LATE_MS)
		return NULL;
	return heir;
}

struct peer *
peer_identify(struct node *n, const struct peer_addr *from, uint32_t seq, struct peer **heir_of)
{
	struct peer *p = peer_find(n, from), *other;

	*heir_of = NULL;
	if (n->links_count == 1)
		return p;
	if (p != NULL) {
		other = find_heir(n, p, from, seq);
		if (other == NULL)
			return p;
		*heir_of = p;
		p = other;
	} else {
		p = find_elsewhere(n, from, seq);
		if (p == NULL)
			p = find_only(n, from->link);
	}
	if (p != NULL)
		peer_add_path(p, from);
	return p;
}

void
peer_add_path(struct peer *p, const struct peer_addr *from)
{
	struct peer_path *path = &p->paths[from->link];

	memset(path, 0, sizeof(*path));
	path->known = true;
	path->addr = *from;
}

bool
peer_are_two(struct node *n, struct peer *p, size_t link, uint32_t seq, ms_t now)
{
	struct peer_path *path = &p->paths[link];
	bool goes_on = path->row > 0 && seq == path->next;

	/* Of a single link numbers.c takes care; and where the peer last went on is beyond doubt. */
	if (n->links_count == 1 || link == p->advanced_on)
		return false;
	path->next = seq + 1;
	path->row = goes_on ? path->row + 1 : 1;
	if (!goes_on)
		path->row_since = now;
	if (path->row < TWO_LIVE_ROW || ms_since(now, path->row_since) < TWO_LIVE_MS)
		return false;
	path->known = false;
	path->parted = true;
	n->stats.peers_parted++;
	return true;
}
