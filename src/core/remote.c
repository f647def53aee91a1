/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remote.c: the peers' flows as they told them ("cache external").
 */
#include "engine.h"

/* A timeout that only ran down is as old as it was. */
static bool
is_newer_timeout(const struct flow *known, const struct flow *f)
{
	return (f->has & HAS_TIMEOUT) &&
	    (!(known->has & HAS_TIMEOUT) || f->timeout_s > known->timeout_s);
}

/* Does the flow, told as a whole, say more than we knew?  No mark and a mark of zero are the same. */
static bool
is_news(const struct flow *known, const struct flow *f)
{
	struct flow before = *known, now = *f;

	before.has |= HAS_MARK;
	now.has |= HAS_MARK;
	return is_newer_timeout(known, f) || !flow_same_content(&before, &now);
}

/*
 * Where nothing is said twice, has a later message about this flow, whose number was `seq`, come a
 * moment ago?  The link delivered them in the other order.
 */
static bool
is_overtaken(const struct node *n, const struct entry *e, const struct peer *p, uint32_t seq, ms_t now)
{
	int32_t ahead = seq_cmp(seq, e->seq);

	return !n->mode->tracked && e->peer == (uint8_t)(p - n->peers) && ahead <= 0 &&
	    ahead > -HELLO_GAP_MAX && (uint32_t)now.ms - e->told_ms < LATE_MS;
}

static void
told(struct entry *e, uint32_t seq, ms_t now)
{
	e->seq = seq;
	e->told_ms = (uint32_t)now.ms;
}

static void
remote_upsert(struct node *n, struct peer *p, const struct heard *h, ms_t now)
{
	const struct wire_msg *m = &h->m;
	const struct flow *f = &h->f;
	uint32_t id = table_find_in(&n->remote, h->bucket, &f->key);
	bool replace = m->type == WIRE_CT_NEW;
	struct flow known;
	struct entry *e;
	bool news = true, first;

	if (id != ENTRY_NONE && is_overtaken(n, table_entry(&n->remote, id), p, m->seq, now)) {
		n->stats.remote_overtaken++;
		if (n->followed != 0)
			follow_heard(n, STEP_OVERTAKEN, p, h);
		return;
	}
	first = id == ENTRY_NONE || table_entry(&n->remote, id)->peer != (uint8_t)(p - n->peers);
	if (id == ENTRY_NONE) {
		id = table_insert_in(&n->remote, h->bucket, f, now);
		if (id == ENTRY_NONE) {
			n->stats.remote_full++;
			n->stats.remote_create_failed++;
			if (!n->remote_full_told) {
				node_notice(n, NOTE_REMOTE_FULL)->count = n->remote.limit;
				n->remote_full_since = now;
			}
			n->remote_full_told = true;
			if (n->followed != 0)
				follow_heard(n, STEP_NO_ROOM, p, h);
			return;
		}
		n->stats.remote_created++;
		e = table_entry(&n->remote, id);
	} else {
		e = table_entry(&n->remote, id);
		if (e->peer == (uint8_t)(p - n->peers) && e->gen != p->epoch) {
			p->old_named = now;
			p->any_named = true;
		}
		table_load(&n->remote, id, &known);
		if (e->flags & ENTRY_DEAD)
			table_revive(&n->remote, id);
		else
			news = is_news(&known, f);
		/*
		 * An update, too, says all there is.  The flow that it is to may be another one than we
		 * know: its end was lost, and 1.4.7 does not say it again once the tuple is used anew.
		 */
		table_store(&n->remote, id, f);
		n->stats.remote_updated++;
	}
	remote_own(n, e, p);
	told(e, m->seq, now);
	e->gen = p->epoch;
	/* Said once more in a full resend or a refresh it is as old as it was; heard for the first time,
	 * in a full resend, it may be of any age. */
	if (news) {
		entry_set_changed(e, now);
		e->flags = (uint16_t)(e->flags & ~ENTRY_RETOLD);
		e->flags |= first && replace && p->resync != RESYNC_NONE ? ENTRY_RETOLD : 0;
	}
	if (n->mode->refreshed)
		timer_set(&n->remote, id, ms_add(now, (int64_t)n->cfg.cache_timeout_s * 1000));
	else
		timer_stop(&n->remote, id);
	commit_follow(n, id);
}

/* Has the kernel followed a flow that died, or had it nothing to follow? */
static bool
is_done(const struct node *n, uint32_t id)
{
	const struct entry *e = table_entry(&n->remote, id);

	return e->queue == 0 && !(e->flags & ENTRY_REWRITE) && e->timer == TIMER_OFF;
}

/* The flow is gone at its owner; it stays until the kernel has followed, where it has to. */
static void
remote_died(struct node *n, uint32_t id)
{
	table_bury(&n->remote, id);
	commit_follow(n, id);
	if (is_done(n, id))
		remote_remove(n, id);
}

/* Did the flow's owner see both ends of the connection say so? */
static bool
is_over(const struct flow *f)
{
	return f->key.l4 == L4_TCP && (f->has & HAS_STATE) &&
	    (f->l4.tcp.state == TCP_LAST_ACK || f->l4.tcp.state == TCP_TIME_WAIT ||
		f->l4.tcp.state == TCP_CLOSE);
}

static void
remote_delete(struct node *n, struct peer *p, const struct heard *h, ms_t now)
{
	const struct flow *f = &h->f;
	uint32_t id = table_find_in(&n->remote, h->bucket, &f->key), seq = h->m.seq;
	struct flow known;
	struct entry *e;

	if (id == ENTRY_NONE || (table_entry(&n->remote, id)->flags & ENTRY_DEAD)) {
		n->stats.remote_destroy_failed++;
		if (n->followed != 0)
			follow_heard(n, STEP_UNKNOWN_END, p, h);
		return;
	}
	e = table_entry(&n->remote, id);
	if (is_overtaken(n, e, p, seq, now)) {
		n->stats.remote_overtaken++;
		if (n->followed != 0)
			follow_heard(n, STEP_OVERTAKEN, p, h);
		return;
	}
	/* Its old copy has expired there; whoever told us last still has the flow. */
	if (e->peer != PEER_NONE && e->peer != (uint8_t)(p - n->peers)) {
		n->stats.remote_destroy_not_owner++;
		if (n->followed != 0)
			follow_heard(n, STEP_NOT_OWNER, p, h);
		return;
	}
	n->stats.remote_destroyed++;
	table_load(&n->remote, id, &known);
	if (is_over(f) || is_over(&known))
		local_over(n, &f->key, entry_changed(e));
	told(e, seq, now);
	/* What the link still holds of it must not raise it: its place is kept for a moment. */
	if (n->mode->tracked)
		timer_stop(&n->remote, id);
	else
		timer_set(&n->remote, id, ms_add(now, LATE_MS));
	remote_died(n, id);
}

static void
count_skipped(struct node *n, const struct attr_skipped *skipped)
{
	n->stats.recv_unknown_attr += skipped->unknown;
	n->stats.recv_misfit += skipped->misfit;
}

void
remote_decode(const struct node *n, struct heard *h)
{
	if (h->m.type > WIRE_CT_DEL)
		return;
	h->skipped = (struct attr_skipped){0};
	h->status = attr_decode_flow(h->m.attrs, h->m.attrs_len, &h->f, &h->skipped);
	h->bucket = table_foresee(&n->remote, &h->f.key);
}

void
remote_state(struct node *n, struct peer *p, const struct heard *h, ms_t now)
{
	const struct wire_msg *m = &h->m;

	if (m->type > WIRE_CT_DEL) {
		struct attr_skipped skipped = {0};
		struct expect e;

		if (attr_decode_expect(m->attrs, m->attrs_len, &e, &skipped) != ATTR_OK)
			n->stats.recv_bad_payload++;
		else if (n->cfg.expects == 0)
			n->stats.recv_expect_ignored++;
		else if (!expect_is_complete(&e))
			n->stats.recv_incomplete++;
		else
			expect_told(n, p, m, &e, now);
		count_skipped(n, &skipped);
		return;
	}
	if (h->status != ATTR_OK) {
		n->stats.recv_bad_payload++;
		return;
	}
	count_skipped(n, &h->skipped);
	if (!flow_is_complete(&h->f)) {
		n->stats.recv_incomplete++;
		return;
	}
	if (n->followed != 0)
		follow_heard(n, STEP_RECEIVED, p, h);
	if (m->type == WIRE_CT_DEL)
		remote_delete(n, p, h, now);
	else
		remote_upsert(n, p, h, now);
}

void
remote_expire(struct node *n, ms_t now)
{
	uint32_t id;

	while ((id = timer_expired(&n->remote, now)) != ENTRY_NONE) {
		if (!(table_entry(&n->remote, id)->flags & ENTRY_DEAD)) {
			n->stats.remote_expired++;
			remote_remove(n, id);
		} else if (is_done(n, id) && slot_of_replica(n, id) == NULL) {
			remote_remove(n, id);
		}
	}
}

bool
remote_sweep(struct node *n, struct peer *p, uint32_t budget)
{
	uint32_t id = p->sweep_cursor;

	while (budget-- > 0) {
		struct entry *e;

		id = table_next(&n->remote, id);
		if (id == ENTRY_NONE)
			return true;
		p->sweep_cursor = id;
		e = table_entry(&n->remote, id);
		if (e->peer != (uint8_t)(p - n->peers) || e->gen == p->epoch ||
		    (e->flags & ENTRY_DEAD))
			continue;
		n->stats.remote_swept++;
		p->swept++;
		remote_died(n, id);
	}
	return false;
}

void
remote_orphan(struct node *n, struct peer *p)
{
	for (uint32_t id = table_next(&n->remote, 0); id != ENTRY_NONE;
	     id = table_next(&n->remote, id)) {
		struct entry *e = table_entry(&n->remote, id);

		if (e->peer == (uint8_t)(p - n->peers))
			e->peer = PEER_NONE;
	}
	p->flows = 0;
}

void
remote_inherit(struct node *n, struct peer *to, struct peer *from)
{
	for (uint32_t id = table_next(&n->remote, 0); id != ENTRY_NONE;
	     id = table_next(&n->remote, id)) {
		struct entry *e = table_entry(&n->remote, id);

		if (e->peer != (uint8_t)(from - n->peers))
			continue;
		remote_own(n, e, to);
		e->gen = (uint16_t)(to->epoch - 1);
	}
}
