/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect_local.c: the kernel's expectations as we know them, and what of them leaves this node.  They
 * are few and short-lived: every step looks at all of them, if there is one that it concerns.
 */
#include "engine.h"

/* ---- how they wait ---- */

static void
set_pending(struct node *n, struct expect_entry *x)
{
	if (x->flags & EXPECT_UNACKED)
		n->expects_unacked--;
	if (!(x->flags & EXPECT_PENDING))
		n->expects_pending++;
	x->flags = (uint16_t)((x->flags & ~EXPECT_UNACKED) | EXPECT_PENDING);
}

static void
set_idle(struct node *n, struct expect_entry *x)
{
	if (x->flags & EXPECT_UNACKED)
		n->expects_unacked--;
	if (x->flags & EXPECT_PENDING)
		n->expects_pending--;
	if (x->flags & EXPECT_WAITS)
		n->expects_waiting--;
	x->flags = (uint16_t)(x->flags & ~(EXPECT_UNACKED | EXPECT_PENDING | EXPECT_WAITS));
}

static void
drop(struct node *n, uint32_t id)
{
	set_idle(n, expects_entry(&n->local_expects, id));
	expects_remove(&n->local_expects, id);
}

static void
settled(struct node *n, uint32_t id)
{
	if (expects_entry(&n->local_expects, id)->flags & EXPECT_DEAD)
		drop(n, id);
	else
		set_idle(n, expects_entry(&n->local_expects, id));
}

/* Room for one more: an end that nobody has acknowledged yet goes, so much the worse. */
static bool
make_room(struct node *n)
{
	struct expect_table *t = &n->local_expects;

	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		if (expects_entry(t, id)->flags & EXPECT_DEAD) {
			n->stats.unacked_evicted++;
			drop(n, id);
			return true;
		}
	}
	return false;
}

static void
note_full(struct node *n)
{
	n->stats.expect_local_full++;
	if (!n->expects_full_told)
		node_notice(n, NOTE_EXPECTS_FULL)->count = n->local_expects.limit;
	n->expects_full_told = true;
}

/* Enters or renews one; its index, 0 if there is no room. */
static uint32_t
upsert(struct node *n, const struct expect *e, ms_t now)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = expects_find(t, e);

	if (id != 0) {
		n->stats.expect_local_updated++;
		expects_revive(t, id);
		expects_entry(t, id)->e = *e;
	} else {
		if (t->count == t->limit && !make_room(n)) {
			note_full(n);
			return 0;
		}
		id = expects_insert(t, e, now);
		n->stats.expect_local_created++;
	}
	expects_entry(t, id)->told = now;
	expects_entry(t, id)->gen = n->read_gen;
	return id;
}

void
expect_gone(struct node *n, uint32_t id, bool tell, ms_t now)
{
	struct expect_entry *x = expects_entry(&n->local_expects, id);

	n->stats.expect_local_destroyed++;
	if (!tell || !(x->flags & EXPECT_ANNOUNCED)) {
		drop(n, id);
		return;
	}
	expects_bury(&n->local_expects, id);
	x->gen = n->read_gen;
	x->told = now;
	x->deadline = MS_NEVER;
	x->resends = n->mode->refreshed ? ALARM_DELETES - 1 : 0;
	set_pending(n, x);
}

/* ---- from the kernel ---- */

/* Is this one replicated?  If not, that is counted. */
static bool
is_ours(struct node *n, const struct expect *e)
{
	if (!expect_is_complete(e)) {
		n->stats.expect_incomplete++;
		return false;
	}
	if (!expect_is_wanted(&n->cfg.expect_helpers, e)) {
		n->stats.expect_filtered++;
		return false;
	}
	/* Version 1 has no attribute for it, and in another zone it would be another one. */
	if (e->master.zone != 0) {
		n->stats.expect_zoned++;
		return false;
	}
	return true;
}

static bool
has_master(const struct node *n, const struct expect *e)
{
	uint32_t master = table_find(&n->local, &e->master);

	return master != ENTRY_NONE && !(table_entry(&n->local, master)->flags & ENTRY_DEAD);
}

static void
live(struct node *n, uint32_t id)
{
	struct expect_entry *x = expects_entry(&n->local_expects, id);

	x->flags = (uint16_t)(x->flags & ~EXPECT_COPY);
	set_pending(n, x);
}

void
expect_event(struct node *n, const struct kernel_event *ev, ms_t now)
{
	uint32_t id;

	n->stats.expect_events++;
	if (n->cfg.expects == 0)
		return;
	if (ev->own) {
		/* What we write we know from the answers. */
		n->stats.expect_own++;
		return;
	}
	if (ev->type == KEV_EXPECT_DESTROY) {
		id = expects_find(&n->local_expects, &ev->expect);
		if (id != 0 && !(expects_entry(&n->local_expects, id)->flags & EXPECT_DEAD))
			expect_gone(n, id, true, now);
		return;
	}
	if (!is_ours(n, &ev->expect))
		return;
	id = upsert(n, &ev->expect, now);
	if (id == 0)
		return;
	if (!has_master(n, &ev->expect)) {
		/* A helper that speaks in the first packet is heard before the flow is. */
		struct expect_entry *x = expects_entry(&n->local_expects, id);

		n->expects_waiting += !(x->flags & EXPECT_WAITS);
		x->flags |= EXPECT_WAITS;
		return;
	}
	live(n, id);
	local_look_at_master(n, &ev->expect.master);
}

void
expect_master_came(struct node *n, const struct flow_key *master)
{
	struct expect_table *t = &n->local_expects;

	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if (!(x->flags & EXPECT_WAITS) || !flow_key_equal(&x->e.master, master))
			continue;
		set_idle(n, x);
		live(n, id);
		local_look_at_master(n, master);
	}
}

/* Those whose master is not told: it is not replicated. */
static void
give_up_waiting(struct node *n, ms_t now)
{
	struct expect_table *t = &n->local_expects;

	for (uint32_t id = expects_next(t, 0), next; id != 0; id = next) {
		const struct expect_entry *x = expects_entry(t, id);

		next = expects_next(t, id);
		if (!(x->flags & EXPECT_WAITS) || ms_since(now, x->told) < EXPECT_MASTER_MS)
			continue;
		n->stats.expect_no_master++;
		drop(n, id);
	}
}

/* Draws anew when it is sent again if nothing happens to it. */
static void
refresh_later(struct node *n, struct expect_entry *x, ms_t now)
{
	if (n->mode->refreshed)
		x->deadline = ms_add(now, sync_refresh_ms(n));
}

void
node_kernel_read_expect(struct node *n, const struct expect *e, ms_t now)
{
	struct expect_entry *x;
	bool known;
	uint32_t id;

	if (!n->reading || n->cfg.expects == 0)
		return;
	id = expects_find(&n->local_expects, e);
	x = expects_entry(&n->local_expects, id);
	/* An event has come since the read began: it is newer. */
	if (id != 0 && x->gen == n->read_gen)
		return;
	if (!is_ours(n, e))
		return;
	if (!has_master(n, e)) {
		n->stats.expect_no_master++;
		return;
	}
	known = id != 0 && !(x->flags & EXPECT_DEAD);
	if (known && expect_same_content(&x->e, e)) {
		x->gen = n->read_gen;
		if (x->flags & EXPECT_WAITS)
			expect_master_came(n, &e->master);
		return;
	}
	id = upsert(n, e, now);
	if (id == 0)
		return;
	x = expects_entry(&n->local_expects, id);
	/* Peers may know it from before our last start: they have to hear of its end. */
	x->flags |= EXPECT_ANNOUNCED;
	refresh_later(n, x, now);
	if (known || n->read_announce)
		live(n, id);
}

void
expect_read_end(struct node *n, bool complete, ms_t now)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = complete ? expects_next(t, 0) : 0;

	for (uint32_t next; id != 0; id = next) {
		next = expects_next(t, id);
		if (!(expects_entry(t, id)->flags & EXPECT_DEAD) &&
		    expects_entry(t, id)->gen != n->read_gen)
			expect_gone(n, id, true, now);
	}
}

void
expect_written(struct node *n, const struct expect *e, bool copy, ms_t now)
{
	struct expect_entry *x;
	uint32_t id;

	if (!expect_is_wanted(&n->cfg.expect_helpers, e))
		return;
	id = upsert(n, e, now);
	if (id == 0)
		return;
	x = expects_entry(&n->local_expects, id);
	x->flags = (uint16_t)(copy ? x->flags | EXPECT_COPY : x->flags & ~EXPECT_COPY);
}

void
expect_flush_local(struct node *n)
{
	struct expect_table *t = &n->local_expects;

	for (uint32_t id = expects_next(t, 0), next; id != 0; id = next) {
		next = expects_next(t, id);
		if (expects_entry(t, id)->flags & EXPECT_DEAD)
			continue;
		n->stats.expect_local_destroyed++;
		drop(n, id);
	}
}

/* ---- to the peers ---- */

static void
sent(struct node *n, uint32_t id, ms_t now)
{
	struct expect_entry *x = expects_entry(&n->local_expects, id);

	set_idle(n, x);
	x->seq = sync_message_sent(n);
	x->acked = 0;
	x->flags |= EXPECT_ANNOUNCED;
	if (n->mode->tracked && ((x->flags & EXPECT_DEAD) || peer_mask(n) != 0)) {
		x->flags |= EXPECT_UNACKED;
		n->expects_unacked++;
	} else if (!(x->flags & EXPECT_DEAD)) {
		refresh_later(n, x, now);
	} else if (x->resends > 0) {
		x->resends--;
		x->deadline = ms_add(now, ALARM_DELETE_MS);
	} else {
		drop(n, id);
	}
}

/* Its timeout as it is by now. */
static struct expect
as_of(const struct expect_entry *x, ms_t now)
{
	struct expect e = x->e;
	int64_t passed = ms_since(now, x->told) / 1000;

	if (e.has & EXP_TIMEOUT)
		e.timeout_s = passed < e.timeout_s ? e.timeout_s - (uint32_t)passed : 1;
	return e;
}

bool
expect_put(struct node *n, struct wbuf *wb, uint8_t flags, ms_t now)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = n->expects_pending > 0 ? expects_next(t, 0) : 0;

	for (uint32_t next; id != 0 && n->expects_pending > 0; id = next) {
		struct expect_entry *x = expects_entry(t, id);
		struct expect e = as_of(x, now);

		next = expects_next(t, id);
		if (!(x->flags & EXPECT_PENDING))
			continue;
		if (wire_put_expect(wb, x->flags & EXPECT_DEAD ? WIRE_EXP_DEL : WIRE_EXP_NEW, flags,
			n->next_seq, &e)) {
			sent(n, id, now);
		} else if (wbuf_len(wb) > 0) {
			return false;
		} else {
			n->stats.send_too_big++;
			settled(n, id);
		}
	}
	return true;
}

static uint32_t
age_of(const struct node *n, const struct expect_entry *x)
{
	return n->next_seq - x->seq;
}

void
expect_acked(struct node *n, uint8_t bit, uint32_t oldest, uint32_t youngest)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = n->expects_unacked > 0 ? expects_next(t, 0) : 0;
	uint8_t all = peer_mask(n);

	for (uint32_t next; id != 0; id = next) {
		struct expect_entry *x = expects_entry(t, id);

		next = expects_next(t, id);
		if (!(x->flags & EXPECT_UNACKED) || age_of(n, x) > oldest || age_of(n, x) < youngest)
			continue;
		x->acked |= bit;
		if ((x->acked & all) == all)
			settled(n, id);
	}
}

bool
expect_nacked(struct node *n, uint32_t oldest, uint32_t youngest)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = n->expects_unacked > 0 ? expects_next(t, 0) : 0;
	bool any = false;

	for (; id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if (!(x->flags & EXPECT_UNACKED) || age_of(n, x) > oldest || age_of(n, x) < youngest)
			continue;
		set_pending(n, x);
		n->stats.send_resent++;
		any = true;
	}
	return any;
}

void
expect_forgiven(struct node *n, uint8_t bit)
{
	expect_acked(n, bit, UINT32_MAX, 0);
}

/* A peer's, which we only wrote as it came: its owner says himself what he has. */
static bool
is_mirrored(const struct node *n, const struct expect_entry *x)
{
	return n->cfg.write_through && (x->flags & EXPECT_COPY) &&
	    expects_find(&n->remote_expects, &x->e) != 0;
}

void
expect_bulk(struct node *n)
{
	struct expect_table *t = &n->local_expects;

	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if (!(x->flags & (EXPECT_DEAD | EXPECT_WAITS)) && !is_mirrored(n, x))
			set_pending(n, x);
	}
}

void
expect_tell_dead(struct node *n, uint8_t bit)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = n->expects_unacked > 0 ? expects_next(t, 0) : 0;

	for (; id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if ((x->flags & EXPECT_DEAD) && (x->flags & EXPECT_UNACKED) && !(x->acked & bit))
			set_pending(n, x);
	}
}

void
expect_again(struct node *n, uint32_t age, uint8_t mask)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = n->expects_unacked > 0 ? expects_next(t, 0) : 0;

	for (; id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if ((x->flags & EXPECT_UNACKED) && age_of(n, x) > age && (mask & ~x->acked))
			set_pending(n, x);
	}
}

void
expect_tick(struct node *n, ms_t now)
{
	struct expect_table *t = &n->local_expects;
	uint32_t id = n->mode->refreshed ? expects_next(t, 0) : 0;

	if (n->expects_waiting > 0)
		give_up_waiting(n, now);
	for (; id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if (!ms_reached(now, x->deadline) || (x->flags & EXPECT_PENDING))
			continue;
		x->deadline = MS_NEVER;
		if (!(x->flags & EXPECT_COPY) || (x->flags & EXPECT_DEAD))
			set_pending(n, x);
	}
}
