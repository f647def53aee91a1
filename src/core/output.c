/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.c: datagrams.
 *
 * The flow is queued, not the message: a message is written when the link takes it, from what the
 * flow is then (doc/WIRE.md 3.8, 4.2).
 */
#include "engine.h"

#include <string.h>

static uint8_t
hello_flags(const struct node *n)
{
	uint8_t flags = 0;

	if (n->mode->tracked && n->hello_say)
		flags |= WIRE_HELLO;
	if (n->mode->tracked && n->owe_hello_back)
		flags |= WIRE_HELLO_BACK;
	return flags;
}

uint32_t
sync_message_sent(struct node *n)
{
	n->owe_hello_back = false;
	n->stats.send_messages++;
	return n->next_seq++;
}

static bool
put_controls(struct node *n, struct wbuf *wb, ms_t now)
{
	if (n->controls_count == 0 || !ms_reached(now, n->controls_next))
		return true;
	while (n->controls_count > 0) {
		const struct control *c = &n->controls[n->controls_head];

		if (!wire_put_control(wb, (uint8_t)(c->flags | hello_flags(n)), n->next_seq, c->from,
			c->to)) {
			/* One datagram of them at a time: each asks for an answer. */
			n->controls_next = ms_add(now, CONTROLS_PAUSE_MS);
			return false;
		}
		sync_remember(n, c, sync_message_sent(n));
		n->controls_head = (n->controls_head + 1) % CONTROLS_MAX;
		n->controls_count--;
	}
	n->controls_next = ms_add(now, CONTROLS_PAUSE_MS);
	return true;
}

/* Which attributes of this flow go out. */
static uint32_t
attr_mask(struct node *n, const struct flow *f)
{
	uint32_t mask = UINT32_MAX;

	if (!n->cfg.tcp_window_tracking)
		mask &= ~(uint32_t)HAS_WSCALE;
	if (f->key.l4 == L4_GRE && f->key.sport == 0 && f->key.dport == 0)
		mask &= ~(uint32_t)HAS_PORTS;
	if ((f->has & HAS_HELPER) && strlen(f->rare.helper) > 11) {
		n->stats.send_helper_too_long++;
		mask &= ~(uint32_t)HAS_HELPER;
	}
	return mask;
}

static void
flow_sent(struct node *n, uint32_t id, enum wire_type type, ms_t now)
{
	struct entry *e = table_entry(&n->local, id);

	e->seq = sync_message_sent(n);
	e->acked = 0;
	if (n->followed != 0)
		follow_sent(n, id, type);
	e->flags |= ENTRY_ANNOUNCED;
	if (n->mode->tracked && (e->flags & (ENTRY_DEAD | ENTRY_ENDED))) {
		/* Also if nobody is known: who hears us may not be heard yet, and missed this. */
		queue_push(&n->local, &n->buried, id);
		if (n->buried.count > n->cfg.resend_queue)
			local_evict_dead(n);
	} else if (n->mode->tracked && peer_mask(n) != 0) {
		queue_push(&n->local, &n->unacked, id);
	} else if (!(e->flags & ENTRY_DEAD)) {
		e->flags = (uint16_t)(e->flags & ~ENTRY_ENDED);
		sync_refresh_later(n, id, now);
	} else if (n->mode->refreshed && e->resends > 0) {
		e->resends--;
		timer_set(&n->local, id, ms_add(now, ALARM_DELETE_MS));
	} else {
		local_end(n, id);
	}
}

/* Appends one flow, which is in no queue.  False if the datagram is full. */
static bool
put_flow(struct node *n, struct wbuf *wb, uint32_t id, ms_t now)
{
	uint16_t flags = table_entry(&n->local, id)->flags;
	enum wire_type type = WIRE_CT_NEW;
	struct flow f;
	uint32_t mask, left_s;

	/*
	 * An update is merged: what an earlier flow on the tuple had and this one has not would stay.
	 * So a flow is new until all have acknowledged it as such, without acknowledgements always.
	 */
	if (flags & (ENTRY_DEAD | ENTRY_ENDED))
		type = WIRE_CT_DEL;
	else if ((flags & (ENTRY_UPDATED | ENTRY_FRESH)) == ENTRY_UPDATED)
		type = WIRE_CT_UPD;
	table_load(&n->local, id, &f);
	mask = attr_mask(n, &f);
	/* The end of an earlier flow: how far the copy has come does not belong to it. */
	if (flags & ENTRY_ENDED)
		mask &= ~(uint32_t)HAS_STATE;
	/* What is left of it now; one that would have run out lives on, and so has been renewed. */
	left_s = local_timeout_left(&f, table_entry(&n->local, id), now);
	if ((f.has & HAS_TIMEOUT) && left_s > 0)
		f.timeout_s = left_s;
	if (!wire_put_flow(wb, type, hello_flags(n), n->next_seq, &f, mask))
		return false;
	flow_sent(n, id, type, now);
	return true;
}

/* A flow that does not fit in an empty datagram never will. */
static void
too_big(struct node *n, uint32_t id)
{
	n->stats.send_too_big++;
	if (table_entry(&n->local, id)->flags & ENTRY_DEAD)
		local_end(n, id);
}

static bool
put_pending(struct node *n, struct wbuf *wb, ms_t now)
{
	while (n->tx.head != ENTRY_NONE) {
		uint32_t id = n->tx.head;

		queue_remove(&n->local, &n->tx, id);
		if (put_flow(n, wb, id, now))
			continue;
		if (wbuf_len(wb) == 0) {
			too_big(n, id);
			continue;
		}
		/* Back to where it was: nothing may overtake it. */
		queue_push_front(&n->local, &n->tx, id);
		return false;
	}
	return true;
}

bool
sync_is_mirrored(const struct node *n, uint32_t id)
{
	const struct entry *e = table_entry(&n->local, id);
	struct flow_key key;

	if (!n->cfg.write_through || (e->flags & (ENTRY_COMMITTED | ENTRY_LIVE)) != ENTRY_COMMITTED)
		return false;
	/* One that has died is about to leave the kernel, too. */
	table_key(&n->local, id, &key);
	return table_find(&n->remote, &key) != ENTRY_NONE;
}

/*
 * Without acknowledgements only the numbers tell a peer whether it has heard all of a full resend: so
 * it is told where one begins, and where it ends.  False if the datagram is full.
 */
static bool
put_mark(struct node *n, struct wbuf *wb)
{
	bool begin = n->bulk_mark == MARK_BEGIN;

	if (!wire_put_control(wb, WIRE_ALIVE | (begin ? WIRE_HELLO : WIRE_HELLO_BACK), n->next_seq, 0,
		0))
		return false;
	sync_message_sent(n);
	n->bulk_mark = begin ? MARK_END : MARK_NONE;
	return true;
}

/* Do acknowledgements show that the peers keep up with what is sent? */
static bool
bulk_is_followed(const struct node *n)
{
	return n->mode->tracked && peer_mask(n) != 0 && n->unacked.count < n->bulk_flight;
}

static void
put_bulk(struct node *n, struct wbuf *wb, ms_t now)
{
	size_t before = wbuf_len(wb);
	bool full = false;

	if (n->bulk_left == 0 && n->bulk_mark == MARK_NONE && !n->bulk_expects)
		return;
	if (n->bulk_burst == 0) {
		if (!ms_reached(now, n->bulk_next) && !bulk_is_followed(n))
			return;
		n->bulk_burst = BULK_BURST;
	}
	if (n->bulk_mark == MARK_BEGIN && !put_mark(n, wb))
		return;
	/* The circle has grown: without this, what lies before its start would be left out. */
	if (n->bulk_left > 0)
		n->bulk_left += n->local.high - n->bulk_high;
	n->bulk_high = n->local.high;
	while (n->bulk_left > 0 && !full) {
		uint32_t id = n->bulk_cursor >= n->local.high ? 1 : n->bulk_cursor + 1;
		struct entry *e = table_entry(&n->local, id);

		/* Who needs everything may have anything. */
		if ((e->flags & (ENTRY_USED | ENTRY_DEAD)) == ENTRY_USED)
			e->flags |= ENTRY_FRESH;
		/* The dead are not news.  What waited in tx has just gone out. */
		if ((e->flags & ENTRY_USED) && !(e->flags & ENTRY_DEAD) &&
		    !sync_is_mirrored(n, id)) {
			local_unqueue(n, id);
			e->flags = (uint16_t)(e->flags & ~ENTRY_ENDED);
			n->bulk_flows++;
			full = !put_flow(n, wb, id, now);
			/* It begins the next datagram, if it fits in one at all. */
			if (full)
				queue_push(&n->local, &n->tx, id);
		}
		n->bulk_cursor = id;
		if (--n->bulk_left == 0)
			sync_bulk_done(n, now);
	}
	/* After their masters. */
	if (n->bulk_left == 0 && n->bulk_expects) {
		n->bulk_expects = false;
		expect_bulk(n);
		if (!full && n->tx.head == ENTRY_NONE)
			expect_put(n, wb, hello_flags(n), now);
	}
	/* The last flow of all may have found no room, and begins the next datagram. */
	if (n->bulk_left == 0 && n->bulk_mark == MARK_END && n->tx.head == ENTRY_NONE &&
	    n->expects_pending == 0)
		put_mark(n, wb);
	if (wbuf_len(wb) > before && --n->bulk_burst == 0)
		n->bulk_next = ms_add(now, BULK_PAUSE_MS);
}

/* Says on another link than ours that we are there, too.  ALARM marks it as nothing but that. */
static bool
put_intro(struct node *n, struct wbuf *wb)
{
	uint8_t link = (uint8_t)(1u << node_datagram_link(n));
	bool says_hello = n->mode->refreshed || (n->mode->tracked && n->hello_say);
	bool owes = n->owe_hello_back;

	if (!(n->intro_links & link))
		return false;
	n->intro_links = (uint8_t)(n->intro_links & ~link);
	if (wire_put_control(wb, (uint8_t)(WIRE_ALIVE | (says_hello ? WIRE_HELLO : 0)), n->next_seq, 0, 0))
		sync_message_sent(n);
	/* What is owed is said where it will be heard. */
	n->owe_hello_back = owes;
	return true;
}

size_t
node_pull_datagram(struct node *n, void *buf, size_t cap, ms_t now)
{
	struct wbuf wb;

	wbuf_init(&wb, buf, cap);
	if (put_intro(n, &wb)) {
		n->stats.send_datagrams++;
		return wbuf_len(&wb);
	}
	if (put_controls(n, &wb, now) && put_pending(n, &wb, now) &&
	    expect_put(n, &wb, hello_flags(n), now))
		put_bulk(n, &wb, now);
	if (wbuf_len(&wb) == 0)
		return 0;
	n->stats.send_datagrams++;
	n->keepalive = ms_add(now, KEEPALIVE_MS);
	return wbuf_len(&wb);
}
