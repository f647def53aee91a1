/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wanted.c: what of a replica is to be in the kernel, and for how long.
 */
#include "engine.h"

/* Seconds for which nothing was heard of the replica's owner; 0 if it is there. */
static int64_t
owner_silent_s(const struct node *n, const struct entry *e, ms_t now)
{
	int64_t silent_ms = PEER_GONE_MS;

	/* In ALARM nobody speaks without need, and what is not named runs out by itself. */
	if (!n->mode->alive)
		return 0;
	if (e->peer < NODE_PEERS_MAX)
		silent_ms = ms_since(now, n->peers[e->peer].heard);
	return silent_ms >= PEER_SILENT_MS ? silent_ms / 1000 : 0;
}

/*
 * The most that can be left of it.  Its owner would have told its end, and it lived when that one was last
 * heard; packets may have renewed it a moment before.
 */
static int64_t
most_left(const struct node *n, const struct flow *f, const struct entry *e, ms_t now)
{
	uint32_t whole_s = commit_default_timeout(f);

	if ((f->has & HAS_TIMEOUT) && f->timeout_s > whole_s)
		whole_s = f->timeout_s;
	return (int64_t)whole_s - owner_silent_s(n, e, now);
}

static uint32_t
commit_timeout(const struct node *n, const struct flow *f, const struct entry *e, ms_t now)
{
	int64_t most = most_left(n, f, e, now);
	uint32_t timeout_s;
	int64_t left;

	if (n->cfg.commit_timeout_s != 0)
		return n->cfg.commit_timeout_s;
	if (!(f->has & HAS_TIMEOUT) || f->timeout_s == 0)
		return commit_default_timeout(f);
	timeout_s = f->timeout_s;
	/* What a flowtable forwards has a day; here packets come the usual way. */
	if ((f->status & (ST_OFFLOAD | ST_HW_OFFLOAD)) && timeout_s > commit_default_timeout(f))
		timeout_s = commit_default_timeout(f);
	left = (int64_t)timeout_s - (uint32_t)((uint32_t)now.ms - e->told_ms) / 1000;
	if (left > 0)
		return (uint32_t)left;
	/* Had it really run out, its end would have been told: traffic has renewed it since.  But who was
	 * silent meanwhile may have had nothing left to tell. */
	return most < timeout_s && most > 0 ? (uint32_t)most : timeout_s;
}

void
replica_to_write(const struct node *n, uint32_t id, struct flow *f, ms_t now)
{
	const uint32_t keep = ST_SEEN_REPLY | ST_ASSURED | ST_SRC_NAT | ST_DST_NAT |
	    ST_SRC_NAT_DONE | ST_DST_NAT_DONE | ST_FIXED_TIMEOUT | ST_HELPER;

	table_load(&n->remote, id, f);
	f->timeout_s = commit_timeout(n, f, table_entry(&n->remote, id), now);
	f->status = (f->status & keep) | ST_CONFIRMED;
	f->status |= flow_nat_status(f);
	/* No mark is a mark of zero, also where the kernel has another one. */
	if (!(f->has & HAS_MARK))
		f->mark = 0;
	f->has |= HAS_TIMEOUT | HAS_STATUS | HAS_REPLY | HAS_MARK;
	f->has &= ~(uint32_t)HAS_ID;
	if (!flow_is_related(f))
		f->has &= ~(uint32_t)(HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS);
}

bool
replica_has_run_out(const struct node *n, uint32_t id, ms_t now)
{
	const struct entry *e = table_entry(&n->remote, id);
	struct flow f;

	if (owner_silent_s(n, e, now) == 0)
		return false;
	table_load(&n->remote, id, &f);
	return most_left(n, &f, e, now) <= 0;
}
