/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * local.c: the kernel's flows as we know them ("cache internal").
 */
#include "engine.h"

#include <string.h>

static void
note_full(struct node *n, ms_t now)
{
	n->stats.local_full++;
	n->stats.local_create_failed++;
	if (!n->local_full_told) {
		node_notice(n, NOTE_LOCAL_FULL)->count = n->local.limit;
		n->local_full_since = now;
	}
	n->local_full_told = true;
}

/* An entry that only keeps the place of a flow, see local_end(). */
static bool
is_tomb(const struct entry *e)
{
	return e->flags == (ENTRY_USED | ENTRY_DEAD);
}

/* The dump has been read to its end: nothing older than what we know is still to come. */
static void
clear_tombs(struct node *n)
{
	uint32_t id = n->tombs > 0 ? table_next(&n->local, 0) : ENTRY_NONE;

	for (; id != ENTRY_NONE; id = table_next(&n->local, id)) {
		if (is_tomb(table_entry(&n->local, id)))
			local_drop(n, id);
	}
	n->tombs = 0;
}

static bool
make_room(struct node *n)
{
	if (n->tombs == 0)
		return local_evict_dead(n);
	clear_tombs(n);
	return true;
}

/* Another flow has taken the tuple of this entry: nothing of the old one stays. */
static void
reborn(struct node *n, uint32_t id, const struct flow *f, bool own, ms_t now)
{
	struct entry *e = table_entry(&n->local, id);
	bool alive = !(e->flags & ENTRY_DEAD);
	/* Peers know, or may, an earlier flow of ours that is gone, and its end is still to be told. */
	bool ended = (e->flags & ENTRY_ENDED) || (alive && (e->flags & ENTRY_ANNOUNCED)) ||
	    (!alive && (e->queue == Q_BURIED || e->queue == Q_TX));

	if (is_tomb(e)) {
		timer_stop(&n->local, id);
		n->tombs--;
	}
	table_revive(&n->local, id);
	table_store(&n->local, id, f);
	e->created_s = ms_second(now);
	e->flags |= ENTRY_FRESH;
	e->flags = (uint16_t)(e->flags &
	    ~(ENTRY_UPDATED | ENTRY_LIVE | ENTRY_COMMITTED | ENTRY_DOUBT | ENTRY_LOOKED |
		ENTRY_LESS));
	/*
	 * The end that waits to be acknowledged there is no longer the last word on the tuple; and an
	 * acknowledgement of the old flow is none of this one.  But what we wrote for a peer is no news
	 * of ours: the end is.
	 */
	if (own && ended) {
		if (alive && !(e->flags & ENTRY_ENDED))
			local_pending(n, id);
		e->flags |= ENTRY_ENDED;
	} else if (e->queue == Q_BURIED) {
		local_pending(n, id);
	} else if (e->queue == Q_UNACKED || own) {
		local_unqueue(n, id);
	}
}

/* Not the end of the flow before is to be told any more, but this flow: peers may have heard of neither. */
static void
unend(struct entry *e)
{
	if (e->flags & ENTRY_ENDED)
		e->flags = (uint16_t)((e->flags & ~ENTRY_ENDED) | ENTRY_FRESH);
}

uint32_t
local_put(struct node *n, uint32_t id, struct flow *old, const struct flow *f,
    enum local_news news, ms_t now)
{
	bool own = news == NEWS_OWN_UPDATE || news == NEWS_OWN_WHOLE;
	bool replace = news == NEWS_WHOLE || news == NEWS_OWN_WHOLE;
	struct entry *e;

	if (id == ENTRY_NONE) {
		id = table_insert(&n->local, f, now);
		if (id == ENTRY_NONE && make_room(n))
			id = table_insert(&n->local, f, now);
		if (id == ENTRY_NONE) {
			note_full(n, now);
			return ENTRY_NONE;
		}
		table_entry(&n->local, id)->flags |= ENTRY_FRESH;
		n->stats.local_created++;
	} else {
		if ((table_entry(&n->local, id)->flags & ENTRY_DEAD) || replace ||
		    flow_is_another(old, f)) {
			reborn(n, id, f, own, now);
		} else {
			flow_merge(old, f);
			table_store(&n->local, id, old);
			table_entry(&n->local, id)->flags |= ENTRY_UPDATED;
		}
		n->stats.local_updated++;
	}
	e = table_entry(&n->local, id);
	if (f->has & HAS_TIMEOUT)
		e->timeout_s = ms_second(now);
	if ((e->flags & ENTRY_ENDED) && !own) {
		unend(e);
		local_pending(n, id);
	}
	e->flags = (uint16_t)(e->flags & ~ENTRY_OVER);
	e->gen = n->read_gen;
	return id;
}

uint32_t
local_upsert(struct node *n, const struct flow *f, enum local_news news, ms_t now)
{
	uint32_t id = table_find(&n->local, &f->key);
	struct flow old;

	if (id != ENTRY_NONE)
		table_load(&n->local, id, &old);
	return local_put(n, id, &old, f, news, now);
}

void
local_destroyed(struct node *n, uint32_t id, ms_t now)
{
	struct entry *e = table_entry(&n->local, id);

	n->stats.local_destroyed++;
	e->gen = n->read_gen;
	if (e->flags & ENTRY_ENDED) {
		/* A copy: what is said of the tuple remains the end of the flow before. */
		e->flags &= (uint16_t)~ENTRY_ENDED;
		table_bury(&n->local, id);
		return;
	}
	/*
	 * Nobody has heard of it: nobody need hear of its end.  That holds above all for flows that
	 * we wrote for a peer and never saw alive: their expiry here says nothing about the flow.
	 */
	if (!(e->flags & ENTRY_ANNOUNCED) || n->mode->silent) {
		local_end(n, id);
		return;
	}
	table_bury(&n->local, id);
	entry_set_changed(e, now);
	e->resends = n->mode->refreshed ? ALARM_DELETES - 1 : 0;
	timer_stop(&n->local, id);
	local_pending(n, id);
}

void
local_deleted(struct node *n, uint32_t id, ms_t now)
{
	struct entry *e = table_entry(&n->local, id);

	if (e->flags & (ENTRY_ENDED | ENTRY_ANNOUNCED)) {
		local_destroyed(n, id, now);
		return;
	}
	n->stats.local_destroyed++;
	e->gen = n->read_gen;
	local_tomb(n, id);
	timer_set(&n->local, id, ms_add(now, TOMB_MS));
}

void
local_expire(struct node *n, ms_t now)
{
	uint32_t id;

	while ((id = timer_expired(&n->local, now)) != ENTRY_NONE) {
		if (!is_tomb(table_entry(&n->local, id))) {
			local_look_at_timeout(n, id, now);
			/* To be said again. */
			if (n->mode->refreshed)
				local_pending(n, id);
		} else if (!n->reading) {
			local_drop(n, id);
			n->tombs--;
		}
	}
}

void
local_over(struct node *n, const struct flow_key *key, ms_t told)
{
	uint32_t id = table_find(&n->local, key);
	struct entry *e = table_entry(&n->local, id);

	if (id != ENTRY_NONE && !(e->flags & ENTRY_DEAD) && told.ms > entry_changed(e).ms)
		e->flags |= ENTRY_OVER;
}

/* These judge an event of a flow of which the table has entry `id`, with *known in it, or none. */

static void
own_event(struct node *n, uint32_t id, const struct kernel_event *ev, ms_t now)
{
	struct flow known;

	n->stats.kernel_own++;
	if (id != ENTRY_NONE && (table_entry(&n->local, id)->flags & ENTRY_DEAD))
		id = ENTRY_NONE;
	if (id == ENTRY_NONE && ev->type != KEV_DESTROY)
		id = local_upsert(n, &ev->flow, NEWS_OWN_WHOLE, now);
	if (id == ENTRY_NONE)
		return;
	table_load(&n->local, id, &known);
	if (ev->type != KEV_DESTROY) {
		/* What we write we know from the answers, and better: we may have written more since.
		 * But the number is the kernel's. */
		if (table_entry(&n->local, id)->flags & ENTRY_COMMITTED) {
			known.id = ev->flow.id;
			known.has |= ev->flow.has & HAS_ID;
			table_store(&n->local, id, &known);
		}
		table_entry(&n->local, id)->flags |= ENTRY_COMMITTED;
		return;
	}
	/* Of a replacement it is the first half: what we know without an id is the second. */
	if (!(known.has & HAS_ID) || known.id != ev->flow.id)
		return;
	/* -F is told to nobody; where only the first half was done, a flow has ended. */
	if (n->jobs[JOB_FLUSH].running)
		local_gone(n, id);
	else
		local_destroyed(n, id, now);
}

static void
destroy_event(struct node *n, uint32_t id, struct flow *known, const struct flow *f, ms_t now)
{
	if (id == ENTRY_NONE && (n->reading || n->local_emptied)) {
		/* What we do not know just now the peers may have from us all the same. */
		id = table_insert(&n->local, f, now);
		if (id != ENTRY_NONE) {
			table_entry(&n->local, id)->flags |= ENTRY_ANNOUNCED;
			local_destroyed(n, id, now);
			return;
		}
	}
	if (id == ENTRY_NONE || (table_entry(&n->local, id)->flags & ENTRY_DEAD)) {
		n->stats.local_destroy_failed++;
		/* One that a new filter left out has only now ended: a dump that is older must not raise it. */
		if (id != ENTRY_NONE)
			table_entry(&n->local, id)->gen = n->read_gen;
		return;
	}
	if ((f->has & HAS_ID) &&
	    ((known->has & HAS_ID) ? known->id != f->id : known->id == f->id && f->id != 0)) {
		/*
		 * The end of an earlier flow on this tuple, told after the birth of this one; or, where
		 * events were lost, of a later one, which the dump under way may name as if it lived.
		 */
		n->stats.kernel_stale_destroy++;
		if (n->reading && local_ask_which(n, id))
			table_entry(&n->local, id)->gen = n->read_gen;
		if (!(known->has & HAS_ID)) {
			/* It ends once; the kernel may give the number to the next one. */
			known->id = 0;
			table_store(&n->local, id, known);
		}
		return;
	}
	local_destroyed(n, id, now);
}

/* News of a flow that we have replaced meanwhile, see written() in commit.c. */
static bool
is_of_replaced(uint32_t id, const struct flow *known, const struct flow *f)
{
	return id != ENTRY_NONE && (f->has & HAS_ID) && f->id != 0 && !(known->has & HAS_ID) &&
	    known->id == f->id;
}

/*
 * May this event be older than what we know otherwise?  A change to a flow that has ended is stale, or
 * the first of another one that has its number; news of another flow than the kernel showed us when we
 * asked was written down before, or after; and so was what there is of the tuple of a flow that we put
 * in the place of another, and the birth of a flow on the tuple of one that we created.
 */
static bool
is_doubtful(const struct node *n, uint32_t id, const struct flow *known, const struct kernel_event *ev)
{
	const struct entry *e = table_entry(&n->local, id);

	if (id == ENTRY_NONE)
		return false;
	if (e->flags & ENTRY_DEAD)
		return ev->type == KEV_UPDATE && (known->has & HAS_ID) && known->id == ev->flow.id;
	if (ev->type == KEV_NEW && !(known->has & HAS_ID) &&
	    (e->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) == ENTRY_COMMITTED)
		return true;
	return (e->flags & ENTRY_REPLACED) ||
	    ((e->flags & ENTRY_LOOKED) && flow_is_another(known, &ev->flow));
}

void
node_kernel_event(struct node *n, const struct kernel_event *ev, ms_t now)
{
	const struct flow *f = &ev->flow;
	struct flow known;
	struct entry *e;
	bool doubtful;
	uint32_t id;

	if (ev->type >= KEV_EXPECT_NEW) {
		expect_event(n, ev, now);
		return;
	}
	n->stats.kernel_events++;
	if (!flow_is_complete(f)) {
		n->stats.kernel_incomplete++;
		return;
	}
	id = table_find(&n->local, &f->key);
	/* A flow that was let in in one state may end in another, and its end is told in any. */
	if (!filter_passes(&n->cfg.filter, f) &&
	    (ev->type != KEV_DESTROY || id == ENTRY_NONE)) {
		n->stats.kernel_filtered++;
		if (n->followed != 0)
			follow_flow(n, STEP_FILTERED, f);
		return;
	}
	if (n->followed != 0)
		follow_event(n, ev);
	if (ev->own) {
		own_event(n, id, ev, now);
		return;
	}
	if (id != ENTRY_NONE)
		table_load(&n->local, id, &known);
	if (ev->type == KEV_DESTROY) {
		n->stats.kernel_bytes += ev->usage.bytes[0] + ev->usage.bytes[1];
		n->stats.kernel_packets += ev->usage.packets[0] + ev->usage.packets[1];
		destroy_event(n, id, &known, f, now);
		return;
	}
	if (is_of_replaced(id, &known, f)) {
		n->stats.kernel_stale_event++;
		return;
	}
	doubtful = is_doubtful(n, id, &known, ev);
	id = local_put(n, id, &known, f, ev->type == KEV_NEW ? NEWS_WHOLE : NEWS_UPDATE, now);
	if (id == ENTRY_NONE)
		return;
	e = table_entry(&n->local, id);
	if (doubtful)
		local_ask_which(n, id);
	e->flags = (uint16_t)(e->flags & ~ENTRY_LOOKED);
	entry_set_changed(e, now);
	e->flags |= ENTRY_LIVE;
	local_pending(n, id);
	sync_refresh_later(n, id, now);
	if (n->expects_waiting > 0)
		expect_master_came(n, &f->key);
	if (ev->type == KEV_NEW && flow_is_related(f))
		local_look_at_master(n, &f->rare.master);
}

void
local_lost(struct node *n, ms_t now)
{
	n->events_lost = true;
	if (n->lost_since.ms == 0)
		n->lost_since = now;
}

void
node_kernel_overrun(struct node *n, ms_t now)
{
	n->stats.kernel_overruns++;
	if (!n->events_lost)
		node_notice(n, NOTE_KERNEL_READ_NEEDED)->read_why = READ_EVENTS_LOST;
	/* Whichever read finds what was lost, this one or the next, has to tell. */
	local_lost(n, now);
	/* What the one under way has found already it told nobody: that takes a full resend. */
	if (n->reading && !n->read_announce) {
		n->bulk_waits = true;
		n->bulk_waits_until = ms_add(now, REFILL_WAIT_MS);
	}
	n->read_announce |= n->reading;
}

void
node_kernel_read_begin(struct node *n, bool announce, ms_t now)
{
	(void)now;
	/* It finds all that is there, and looks into the rest: nothing is left of what was to be forgotten. */
	n->flush_internal = false;
	/* A read that interrupts one which was to be announced takes over that duty. */
	n->read_announce = announce || n->events_lost || (n->reading && n->read_announce);
	n->events_lost = false;
	n->reading = true;
	n->read_whole = true;
	n->read_gen++;
	n->jobs[JOB_VERIFY].running = false;
	n->stats.kernel_resyncs += n->read_before;
	n->read_before = true;
}

/* A table dump is complete where an event is not: what it lacks is not there. */
static void
complete_from_dump(const struct flow *known, struct flow *f)
{
	if (!(f->has & HAS_MARK)) {
		f->mark = 0;
		f->has |= HAS_MARK;
	}
	if ((known->has & HAS_LABELS) && !(f->has & HAS_LABELS)) {
		memset(f->rare.labels, 0, sizeof(f->rare.labels));
		f->has |= HAS_LABELS;
	}
}

/* Does a dump that may be older name the flow that we know?  What we wrote ourselves has no number yet,
 * but perhaps that of the flow whose place it took. */
static bool
is_same_in_dump(const struct flow *known, const struct flow *dump)
{
	if (!(dump->has & HAS_ID))
		return false;
	if (known->has & HAS_ID)
		return known->id == dump->id;
	return known->id != dump->id && flow_reply_equal(&known->reply, &dump->reply);
}

/*
 * An event of this flow has come since the read began.  The dump may be older: it adds what events
 * leave out and changes nothing, least of all that the flow has ended.
 */
static void
add_from_dump(struct node *n, uint32_t id, const struct flow *dump)
{
	struct flow known, f = *dump;

	table_load(&n->local, id, &known);
	if ((table_entry(&n->local, id)->flags & ENTRY_DEAD) || !is_same_in_dump(&known, dump)) {
		n->stats.dump_stale++;
		return;
	}
	flow_merge(&f, &known);
	if (!flow_same_content(&f, &known)) {
		table_entry(&n->local, id)->flags |= ENTRY_UPDATED;
		local_pending(n, id);
	}
	table_store(&n->local, id, &f);
}

/* Is this flow of a read to be looked at?  If not, that is counted. */
static bool
is_readable(struct node *n, const struct flow *f)
{
	if (!n->reading)
		n->stats.dump_stray++;
	else if (!flow_is_complete(f))
		n->stats.dump_incomplete++;
	else if (!filter_passes(&n->cfg.filter, f))
		n->stats.dump_filtered++;
	else
		return true;
	return false;
}

void
node_kernel_read_flow(struct node *n, const struct flow *flow, ms_t now)
{
	struct flow f = *flow, known;
	bool changed = true, known_to_peers = false, further = false;
	struct entry *e;
	uint32_t id;

	n->stats.dump_flows++;
	if (!is_readable(n, &f))
		return;
	if (n->followed != 0)
		follow_flow(n, STEP_READ, &f);
	id = table_find(&n->local, &f.key);
	known.has = 0;
	if (id != ENTRY_NONE && table_entry(&n->local, id)->gen == n->read_gen) {
		add_from_dump(n, id, &f);
		return;
	}
	if (id != ENTRY_NONE) {
		known_to_peers = table_entry(&n->local, id)->flags & ENTRY_ANNOUNCED;
		table_load(&n->local, id, &known);
	}
	/* What we wrote ourselves has no number, but the mapping that we gave it. */
	if (id != ENTRY_NONE && !(table_entry(&n->local, id)->flags & ENTRY_DEAD) &&
	    !flow_is_another(&known, &f) && flow_reply_equal(&known.reply, &f.reply)) {
		complete_from_dump(&known, &f);
		if (!(known.has & HAS_MARK))
			known.has |= HAS_MARK; /* absent is zero */
		changed = !flow_same_content(&known, &f);
		further = local_has_gone_on(&known, &f);
		local_note_timeout(n, id, &known, &f, now);
		table_store(&n->local, id, &f);
		e = table_entry(&n->local, id);
		e->gen = n->read_gen;
		e->flags = (uint16_t)(e->flags & ~ENTRY_DOUBT);
		e->flags |= changed ? ENTRY_UPDATED : 0;
		/* An update takes nothing away. */
		e->flags |= known.has & ~f.has & HAS_RARE ? ENTRY_FRESH : 0;
	} else {
		known.has = 0;
		complete_from_dump(&known, &f);
		id = local_put(n, id, &known, &f, NEWS_WHOLE, now);
	}
	/* A copy that has come further than we wrote it is one no more. */
	if (id == ENTRY_NONE || !changed || (sync_is_mirrored(n, id) && !further))
		return;
	e = table_entry(&n->local, id);
	entry_set_changed(e, now);
	/* Something has happened to it since: it is not over, whatever a peer saw before. */
	e->flags = (uint16_t)(e->flags & ~ENTRY_OVER);
	/* Peers may know it from before our last start: they have to hear of its end. */
	e->flags |= ENTRY_ANNOUNCED;
	if (n->read_announce || known_to_peers || further) {
		e->flags |= ENTRY_LIVE;
		unend(e);
		local_pending(n, id);
	}
	sync_refresh_later(n, id, now);
}

void
local_read_end(struct node *n, bool complete)
{
	n->reading = false;
	clear_tombs(n);
	if (complete && n->read_whole)
		n->local_emptied = false;
	if (!complete) {
		n->events_lost |= n->read_announce;
		node_notice(n, NOTE_KERNEL_READ_NEEDED)->read_why = READ_CUT_SHORT;
	}
}

void
local_verify_done(struct node *n, ms_t now)
{
	node_notice(n, NOTE_KERNEL_READ_DONE)->count = n->local.count - n->local.dead;
	n->read_announce = false;
	if (!n->events_lost)
		n->lost_since = (ms_t){0};
	if (n->bulk_waits && !n->local_emptied) {
		n->bulk_waits = false;
		sync_bulk(n, now);
	}
}

void
local_flush(struct node *n, ms_t now)
{
	bool verifying = n->jobs[JOB_VERIFY].running;

	for (uint32_t id = table_next(&n->local, 0); id != ENTRY_NONE;
	     id = table_next(&n->local, id)) {
		/* The peers have yet to hear of their end; and a dump may still name them. */
		if (table_entry(&n->local, id)->flags & ENTRY_DEAD)
			continue;
		n->stats.local_destroyed++;
		if (table_entry(&n->local, id)->flags & ENTRY_ENDED)
			table_bury(&n->local, id);
		else
			local_drop(n, id);
	}
	expect_flush_local(n);
	n->jobs[JOB_VERIFY].running = false;
	n->flush_internal = false;
	n->local_emptied = true;
	n->emptied_since = now;
	n->read_whole = false;
	if (n->bulk_left > 0) {
		/* Who asked for everything gets it when there is everything again. */
		sync_bulk_stop(n);
		n->bulk_waits = true;
		n->bulk_waits_until = ms_add(now, REFILL_WAIT_MS);
	}
	/* Nothing is left to be checked: that read is over, and somebody waits to hear so. */
	if (verifying)
		local_verify_done(n, now);
}
