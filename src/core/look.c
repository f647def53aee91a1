/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * look.c: what the kernel shows of one entry when it is asked, and what that makes of our own picture.
 * A look is younger than the events that are still unread.
 */
#include "engine.h"

bool
local_ask_which(struct node *n, uint32_t id)
{
	struct op_slot *s = slot_take(n, JOB_VERIFY, &n->local, id);

	if (s == NULL)
		return false;
	table_entry(&n->local, id)->flags &= (uint16_t)~ENTRY_REPLACED;
	table_load(&n->local, id, &s->op.flow);
	s->which = true;
	slot_retry(n, s, KOP_GET);
	return true;
}

void
local_look_at_master(struct node *n, const struct flow_key *master)
{
	uint32_t id = table_find(&n->local, master);
	struct op_slot *s;

	if (id == ENTRY_NONE || (table_entry(&n->local, id)->flags & ENTRY_DEAD))
		return;
	s = slot_take(n, JOB_VERIFY, &n->local, id);
	if (s == NULL)
		return;
	table_load(&n->local, id, &s->op.flow);
	slot_retry(n, s, KOP_GET);
}

void
local_look_at_timeout(struct node *n, uint32_t id, ms_t now)
{
	const struct entry *e = table_entry(&n->local, id);
	bool copy = (e->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) == ENTRY_COMMITTED;
	uint32_t passed = ms_second(now) - e->timeout_s;
	struct op_slot *s;

	if ((e->flags & ENTRY_DEAD) || !(entry_status(e) & ST_ASSURED) || peer_mask(n) == 0)
		return;
	/* With CacheWriteThrough its owner looks after it. */
	if (copy && n->cfg.write_through)
		return;
	if (n->mode->refreshed &&
	    (passed < LOOK_MIN_S || passed < entry_timeout(e) / LOOK_PART))
		return;
	sync_refresh_later(n, id, now);
	/* Slots are for what was ordered, above all. */
	if (n->looks_left == 0 || n->ops_free < OPS_MAX / 2)
		return;
	s = slot_take(n, JOB_VERIFY, &n->local, id);
	if (s == NULL)
		return;
	n->looks_left--;
	n->stats.timeout_looks++;
	table_load(&n->local, id, &s->op.flow);
	slot_retry(n, s, KOP_GET);
}

bool
local_was_renewed(const struct node *n, uint32_t id, const struct flow *known, uint32_t timeout_s,
    ms_t now)
{
	int64_t left = (int64_t)known->timeout_s -
	    (ms_second(now) - table_entry(&n->local, id)->timeout_s);

	left = left > 0 ? left : 0;
	return timeout_s > left + TIMEOUT_SLACK_S || timeout_s + TIMEOUT_SLACK_S < left;
}

void
local_note_timeout(struct node *n, uint32_t id, const struct flow *known, struct flow *f, ms_t now)
{
	struct entry *e = table_entry(&n->local, id);

	if ((e->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) == ENTRY_COMMITTED &&
	    local_was_renewed(n, id, known, f->timeout_s, now))
		f->timeout_s = known->timeout_s;
	else
		e->timeout_s = ms_second(now);
}

bool
local_has_gone_on(const struct flow *known, const struct flow *f)
{
	uint32_t both = known->has & f->has;

	if (commit_is_further(f, known) || ((both & HAS_MARK) && known->mark != f->mark))
		return true;
	if (!(both & HAS_STATE))
		return false;
	switch (f->key.l4) {
	case L4_TCP:
		return known->l4.tcp.state != f->l4.tcp.state;
	case L4_SCTP:
		return known->l4.sctp.state != f->l4.sctp.state;
	case L4_DCCP:
		return known->l4.dccp.state != f->l4.dccp.state;
	default:
		return false;
	}
}

/* Is what the kernel shows a peer's flow, as we wrote it?  If not, it is one whose birth was not told. */
static bool
is_copy(const struct node *n, const struct flow *f)
{
	uint32_t id = table_find(&n->remote, &f->key);
	struct flow replica;

	if (id == ENTRY_NONE)
		return false;
	table_load(&n->remote, id, &replica);
	return flow_reply_equal(&replica.reply, &f->reply) && !local_has_gone_on(&replica, f);
}

/* Enters what the kernel has shown, of which we know nothing or another flow. */
static void
enter_shown(struct node *n, const struct flow *f, ms_t now)
{
	bool copy = is_copy(n, f);
	uint32_t id = local_upsert(n, f, copy ? NEWS_OWN_WHOLE : NEWS_WHOLE, now);
	struct entry *e;

	if (id == ENTRY_NONE)
		return;
	e = table_entry(&n->local, id);
	e->flags |= ENTRY_LOOKED | (copy ? ENTRY_COMMITTED : ENTRY_LIVE);
	entry_set_changed(e, now);
	/* What is a copy is no news; but something else may have been said of the tuple. */
	if (!copy || (e->flags & ENTRY_ANNOUNCED))
		local_pending(n, id);
}

void
local_alive(struct node *n, const struct flow *f, ms_t now)
{
	uint32_t id = local_upsert(n, f, NEWS_UPDATE, now);
	struct entry *e = table_entry(&n->local, id);

	if (id == ENTRY_NONE)
		return;
	e->flags |= ENTRY_LIVE;
	entry_set_changed(e, now);
	local_pending(n, id);
}

/* Have packets moved a copy of a peer's flow on since we wrote it? */
static bool
is_moved_copy(const struct node *n, uint32_t id, const struct flow *known, const struct flow *f)
{
	return (table_entry(&n->local, id)->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) ==
	    ENTRY_COMMITTED &&
	    !flow_is_another(known, f) && flow_reply_equal(&known->reply, &f->reply) &&
	    local_has_gone_on(known, f);
}

void
local_shown(struct node *n, uint32_t id, const struct flow *f, ms_t now)
{
	struct flow known;

	table_load(&n->local, id, &known);
	if (table_entry(&n->local, id)->flags & ENTRY_DOUBT)
		local_looked_at(n, id, f, true, now);
	else if (is_moved_copy(n, id, &known, f))
		local_alive(n, f, now);
}

/* Is more left than there would be without packets? */
static bool
is_longer(const struct node *n, uint32_t id, const struct flow *known, uint32_t timeout_s, ms_t now)
{
	return (entry_status(table_entry(&n->local, id)) & ST_ASSURED) && peer_mask(n) != 0 &&
	    local_was_renewed(n, id, known, timeout_s, now) &&
	    timeout_s > local_timeout_left(known, table_entry(&n->local, id), now);
}

/* A copy that its owner does not look after: packets come through here, and it is ours. */
static bool
is_untold_copy(const struct node *n, uint32_t id)
{
	return !n->cfg.write_through &&
	    (table_entry(&n->local, id)->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) == ENTRY_COMMITTED;
}

void
local_looked_at(struct node *n, uint32_t id, const struct flow *f, bool which, ms_t now)
{
	struct flow known, shown = *f;
	bool changed, another, renewed;

	table_load(&n->local, id, &known);
	another = flow_is_another(&known, f);
	if (another && !which)
		return;
	/* What we wrote ourselves has no number; but it loses neither its mapping nor these bits. */
	if (another || (which && (!flow_reply_equal(&known.reply, &f->reply) ||
				  commit_is_further(&known, f)))) {
		enter_shown(n, f, now);
		return;
	}
	if (!which && is_moved_copy(n, id, &known, f)) {
		local_alive(n, f, now);
		return;
	}
	renewed = is_longer(n, id, &known, f->timeout_s, now);
	if (renewed && is_untold_copy(n, id)) {
		local_alive(n, f, now);
		return;
	}
	local_note_timeout(n, id, &known, &shown, now);
	changed = flow_merge(&known, &shown) || renewed;
	table_store(&n->local, id, &known);
	table_entry(&n->local, id)->flags &= (uint16_t)~ENTRY_DOUBT;
	table_entry(&n->local, id)->flags |= which ? ENTRY_LOOKED : 0;
	if (!changed)
		return;
	table_entry(&n->local, id)->flags |= ENTRY_UPDATED;
	/* What we only wrote for a peer is no news of ours; unless we have just said something else. */
	if (which ||
	    (table_entry(&n->local, id)->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) != ENTRY_COMMITTED)
		local_pending(n, id);
}

void
local_found(struct node *n, const struct flow *f, ms_t now)
{
	if (filter_passes(&n->cfg.filter, f))
		enter_shown(n, f, now);
}
