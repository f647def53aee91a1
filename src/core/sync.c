/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync.c: what leaves this node, and when.
 *
 * The flow is queued, not the message: a message is written when the link takes it, from what the
 * flow is then (doc/WIRE.md 3.8, 4.2).
 */
#include "engine.h"

#include <string.h>

const struct sync_mode sync_modes[] = {
    [MODE_FTFW] = {.name = "FTFW", .tracked = true, .alive = true},
    [MODE_ALARM] = {.name = "ALARM", .refreshed = true},
    [MODE_NOTRACK] = {.name = "NOTRACK", .alive = true, .marked = true},
    [MODE_STATS] = {.name = "Stats", .silent = true},
};

bool
sync_control(struct node *n, uint8_t flags, uint32_t from, uint32_t to)
{
	struct control *c;

	if (n->controls_count == CONTROLS_MAX) {
		n->stats.send_control_full++;
		return false;
	}
	c = &n->controls[(n->controls_head + n->controls_count) % CONTROLS_MAX];
	n->controls_count++;
	memset(c, 0, sizeof(*c));
	c->flags = flags;
	c->from = from;
	c->to = to;
	return true;
}

static void
bulk_done(struct node *n, ms_t now)
{
	node_notice(n, NOTE_BULK_DONE)->count = n->bulk_flows;
	n->bulk_unsure = n->mode->tracked && peer_mask(n) != 0 && n->bulk_flows > 0;
	n->bulk_end = n->next_seq;
	n->bulk_over = now;
	n->bulk_resent = false;
}

void
sync_bulk(struct node *n, ms_t now)
{
	if (n->mode->silent)
		return;
	/* Half a table looks to the peer as if the other half were gone. */
	if (n->local_emptied || n->reading) {
		n->bulk_waits = true;
		n->bulk_waits_until = ms_add(now, REFILL_WAIT_MS);
		return;
	}
	if (n->bulk_left == 0) {
		n->stats.bulk_sends++;
		n->bulk_flows = 0;
		n->bulk_began = now;
		n->bulk_burst = BULK_BURST;
		n->bulk_flight = BULK_FLIGHT;
		n->bulk_next = now;
		node_notice(n, NOTE_BULK_STARTED);
	}
	/* A full circle from where the cursor is. */
	n->bulk_left = n->local.count > n->local.dead ? n->local.high : 0;
	n->bulk_high = n->local.high;
	n->bulk_mark = n->mode->marked ? MARK_BEGIN : MARK_NONE;
	n->bulk_expects = n->cfg.expects > 0;
	if (n->bulk_left == 0)
		bulk_done(n, now);
}

/* A peer wants everything. */
static void
bulk_asked(struct node *n, ms_t now)
{
	if (ration_take(&n->bulks, BULKS_AT_ONCE, BULK_AGAIN_MS, now)) {
		n->bulk_owed = false;
		sync_bulk(n, now);
		return;
	}
	n->stats.bulk_put_off++;
	n->bulk_owed = true;
}

void
sync_bulk_stop(struct node *n)
{
	n->bulk_left = 0;
	n->bulk_mark = MARK_NONE;
	n->bulk_expects = false;
}

/* splitmix64: jitter, not secrets. */
static uint64_t
random_bits(struct node *n)
{
	uint64_t z = n->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

int64_t
sync_refresh_ms(struct node *n)
{
	/* doc/WIRE.md 5.1: whole seconds up to RefreshTime, and up to one more. */
	uint64_t r = random_bits(n);
	int64_t whole = 1 + (int64_t)(r % n->cfg.refresh_s);
	int64_t part = 200 * (1 + (int64_t)((r >> 32) % 5));

	return whole * 1000 + part;
}

void
sync_refresh_later(struct node *n, uint32_t id, ms_t now)
{
	const struct entry *e = table_entry(&n->local, id);
	uint32_t part_s = entry_timeout(e) / LOOK_PART;

	if (n->mode->refreshed)
		timer_set(&n->local, id, ms_add(now, sync_refresh_ms(n)));
	else if ((entry_status(e) & ST_ASSURED) && !(e->flags & ENTRY_DEAD))
		timer_set(&n->local, id,
		    ms_add(now, (part_s > LOOK_MIN_S ? part_s : LOOK_MIN_S) * INT64_C(1000)));
}

/* What peers had said by then is acknowledged; true if there was anything. */
static bool
acknowledge(struct node *n, ms_t then)
{
	bool said = false;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];

		if (!p->used || !p->ack_open || !ms_reached(then, p->ack_since))
			continue;
		p->ack_open = !sync_control(n, WIRE_ACK, p->ack_from, p->last);
		said = true;
	}
	return said;
}

/*
 * Who always has something to tell never comes to its keepalive, and a peer that says little would wait for a
 * whole window, minutes perhaps, to learn that it was understood.
 */
void
sync_acknowledge(struct node *n, ms_t now)
{
	acknowledge(n, ms_add(now, -KEEPALIVE_MS));
}

void
sync_tick(struct node *n, ms_t now)
{
	bool said;

	local_expire(n, now);
	expect_tick(n, now);
	if (n->bulk_waits && ms_reached(now, n->bulk_waits_until)) {
		/* Nobody has thought of filling the table again, and half of it must not be sent. */
		n->bulk_waits_until = ms_add(now, REFILL_WAIT_MS);
		node_notice(n, NOTE_KERNEL_READ_NEEDED)->read_why = READ_TO_ANSWER;
	}
	if (!n->mode->alive || !ms_reached(now, n->keepalive))
		return;
	said = acknowledge(n, now);
	if (!said)
		sync_control(n, WIRE_ALIVE, 0, 0);
	n->keepalive = ms_add(now, KEEPALIVE_MS);
}

/* ---- what peers say about what we sent ---- */

static uint32_t
span_of_ours(const struct node *n)
{
	return n->stats.send_messages < 1u << 30 ? (uint32_t)n->stats.send_messages : 1u << 30;
}

bool
sync_seq_is_ours(const struct node *n, uint32_t seq)
{
	return n->next_seq - seq - 1 < span_of_ours(n);
}

uint32_t
sync_first_seq(const struct node *n)
{
	return n->next_seq - span_of_ours(n);
}

/* One more entry looked at because a peer said so. */
static void
walked(struct node *n)
{
	if (n->walk_left > 0)
		n->walk_left--;
}

/* A flow that all peers have: nothing more to remember. */
static void
settled(struct node *n, uint32_t id)
{
	struct entry *e = table_entry(&n->local, id);

	local_unqueue(n, id);
	e->flags = (uint16_t)(e->flags & ~ENTRY_FRESH);
	if (e->flags & ENTRY_ENDED)
		e->flags = (uint16_t)(e->flags & ~(ENTRY_ENDED | ENTRY_ANNOUNCED));
	if (e->flags & ENTRY_DEAD)
		local_end(n, id);
}

/* How many messages ago this number was given out.  Unlike the difference of two numbers it has no
 * sign to turn over, however long an entry waits. */
static uint32_t
age_of(const struct node *n, uint32_t seq)
{
	return n->next_seq - seq;
}

static uint32_t
entry_age(const struct node *n, uint32_t id)
{
	return age_of(n, table_entry(&n->local, id)->seq);
}

/*
 * The first entry of a queue that is not older than `age`; ENTRY_NONE if there is none.  Queues are
 * in the order of numbers.  An acknowledgement speaks of what was sent last or of what has waited
 * longest, hardly of what is in between: the search begins at the nearer end.
 */
static uint32_t
queue_seek(struct node *n, const struct queue *q, uint32_t age)
{
	uint32_t id = q->head, prev = q->tail;

	if (id == ENTRY_NONE || entry_age(n, id) <= age)
		return id;
	if (entry_age(n, prev) > age)
		return ENTRY_NONE;
	if (entry_age(n, id) - age < age - entry_age(n, prev)) {
		for (; entry_age(n, id) > age; id = table_entry(&n->local, id)->q_next)
			walked(n);
		return id;
	}
	while (entry_age(n, prev) <= age) {
		walked(n);
		id = prev;
		prev = table_entry(&n->local, prev)->q_prev;
	}
	return id;
}

static void
queue_acked(struct node *n, struct queue *q, uint8_t bit, uint32_t from, uint32_t to)
{
	uint8_t all = peer_mask(n);
	uint32_t id = queue_seek(n, q, age_of(n, from));

	while (id != ENTRY_NONE) {
		struct entry *e = table_entry(&n->local, id);
		uint32_t next = e->q_next;

		walked(n);
		if (entry_age(n, id) < age_of(n, to))
			break;
		if (n->followed != 0)
			follow_acked(n, id, bit);
		e->acked |= bit;
		if ((e->acked & all) == all)
			settled(n, id);
		id = next;
	}
}

static struct control *
sent_at(struct node *n, uint32_t i)
{
	return &n->sent[(n->sent_head + i) % UNACKED_CONTROLS_MAX];
}

/* The place in the ring of the first one that is not older than `age`; sent_count if none is. */
static uint32_t
sent_seek(struct node *n, uint32_t age)
{
	uint32_t low = 0, high = n->sent_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (age_of(n, sent_at(n, middle)->seq) > age)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Takes what is done out of the ring of control messages, not each time but when it is half of them.
 * One that nobody will ever acknowledge, as it was lost before the peer's first number, must not keep
 * those behind it. */
static void
trim_sent(struct node *n)
{
	uint32_t kept = 0;

	if (n->sent_done * 2 < n->sent_count || n->sent_done == 0)
		return;
	for (uint32_t i = 0; i < n->sent_count; i++) {
		if (sent_at(n, i)->acked == CONTROL_DONE)
			continue;
		if (i != kept)
			*sent_at(n, kept) = *sent_at(n, i);
		kept++;
	}
	n->sent_count = kept;
	n->sent_done = 0;
}

static void
control_acked(struct node *n, struct control *c, uint8_t bits)
{
	uint8_t all = peer_mask(n);

	if (c->acked == CONTROL_DONE)
		return;
	c->acked |= bits;
	if ((c->acked & all) != all)
		return;
	c->acked = CONTROL_DONE;
	n->sent_done++;
}

void
sync_acked(struct node *n, struct peer *p, uint32_t from, uint32_t to, ms_t now)
{
	uint8_t bit = peer_bit(n, p);

	queue_acked(n, &n->unacked, bit, from, to);
	queue_acked(n, &n->buried, bit, from, to);
	expect_acked(n, bit, age_of(n, from), age_of(n, to));
	for (uint32_t i = sent_seek(n, age_of(n, from)); i < n->sent_count; i++) {
		struct control *c = sent_at(n, i);

		if (age_of(n, c->seq) < age_of(n, to))
			break;
		control_acked(n, c, bit);
		if ((c->flags & WIRE_RESYNC) && p->resync == RESYNC_ASKED) {
			p->resync = RESYNC_ACKED;
			p->resync_at = now;
			p->old_named = now;
		}
	}
	trim_sent(n);
}

static bool
queue_nacked(struct node *n, struct queue *q, uint32_t from, uint32_t to)
{
	uint32_t id = queue_seek(n, q, age_of(n, from));
	bool any = false;

	while (id != ENTRY_NONE) {
		struct entry *e = table_entry(&n->local, id);
		uint32_t next = e->q_next;

		walked(n);
		if (entry_age(n, id) < age_of(n, to))
			break;
		if (n->followed != 0)
			follow_entry(n, STEP_NACKED, &n->local, id);
		local_pending(n, id);
		n->stats.send_resent++;
		n->bulk_resent = true;
		any = true;
		id = next;
	}
	return any;
}

void
sync_nacked(struct node *n, uint32_t from, uint32_t to)
{
	bool any = queue_nacked(n, &n->unacked, from, to);

	any |= queue_nacked(n, &n->buried, from, to);
	any |= expect_nacked(n, age_of(n, from), age_of(n, to));
	for (uint32_t i = sent_seek(n, age_of(n, from)); i < n->sent_count; i++) {
		struct control *c = sent_at(n, i);

		if (age_of(n, c->seq) < age_of(n, to))
			break;
		if (c->acked == CONTROL_DONE)
			continue;
		sync_control(n, c->flags, c->from, c->to);
		control_acked(n, c, CONTROL_DONE); /* goes out under a new number */
		any = true;
	}
	trim_sent(n);
	if (!any)
		n->stats.nack_unknown++;
	if (n->bulk_left > 0 && n->bulk_flight > BULK_FLIGHT_MIN)
		n->bulk_flight /= 2;
}

static void
queue_forgiven(struct node *n, struct queue *q, uint8_t bit)
{
	uint8_t all = peer_mask(n);
	uint32_t id = q->head;

	while (id != ENTRY_NONE) {
		struct entry *e = table_entry(&n->local, id);
		uint32_t next = e->q_next;

		walked(n);
		e->acked |= bit;
		if ((e->acked & all) == all)
			settled(n, id);
		id = next;
	}
}

/* Those who are heard and have to acknowledge. */
static uint8_t
listening(const struct node *n)
{
	uint8_t mask = 0;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (n->peers[i].used && !n->peers[i].gone && !n->peers[i].silent)
			mask = (uint8_t)(mask | peer_bit(n, &n->peers[i]));
	}
	return mask;
}

static void
queue_again(struct node *n, struct queue *q, uint32_t age)
{
	uint8_t mask = listening(n);
	uint32_t id = q->head;

	for (unsigned int i = 0; i < UNACKED_AGAIN && id != ENTRY_NONE; i++) {
		uint32_t next = table_entry(&n->local, id)->q_next;

		if (entry_age(n, id) <= age)
			return;
		if (mask & ~table_entry(&n->local, id)->acked) {
			local_pending(n, id);
			n->bulk_resent = true;
		}
		id = next;
	}
}

void
sync_again(struct node *n)
{
	uint32_t *then = &n->seq_then[n->seconds % UNACKED_S];

	if (n->mode->tracked && n->seconds >= UNACKED_S) {
		queue_again(n, &n->unacked, age_of(n, *then));
		queue_again(n, &n->buried, age_of(n, *then));
		expect_again(n, age_of(n, *then), listening(n));
	}
	*then = n->next_seq;
	n->seconds++;
}

/* Flows sent in the last bulk send, or before, that wait for an acknowledgement. */
static uint32_t
bulk_waiting(struct node *n)
{
	uint32_t count = 0, id = n->unacked.head;

	for (; id != ENTRY_NONE && entry_age(n, id) > age_of(n, n->bulk_end);
	     id = table_entry(&n->local, id)->q_next)
		count++;
	return count;
}

/* How did the last one end? */
static void
bulk_result(struct node *n, ms_t now)
{
	bool late = ms_since(now, n->bulk_over) >= BULK_ACKED_MS;
	uint32_t head = n->unacked.head, count;

	if (!n->bulk_unsure || n->bulk_left > 0)
		return;
	/* What went out again has other numbers, all of which are to be acknowledged. */
	if (n->bulk_resent && (n->tx.head == ENTRY_NONE || late)) {
		n->bulk_end = n->next_seq;
		n->bulk_resent = false;
	}
	/* The one that found no room in its last datagram follows in the next. */
	if (!late && (n->bulk_resent ||
			 (head != ENTRY_NONE && entry_age(n, head) > age_of(n, n->bulk_end))))
		return;
	n->bulk_unsure = false;
	count = bulk_waiting(n);
	if (count == 0) {
		node_notice(n, NOTE_BULK_ACKED)->count = n->bulk_flows;
		return;
	}
	n->stats.bulk_unacked += count;
	node_notice(n, NOTE_BULK_UNACKED)->count = count;
}

void
sync_bulk_later(struct node *n, ms_t now)
{
	if (n->bulk_owed)
		bulk_asked(n, now);
	bulk_result(n, now);
}

static void
flows_forgiven(struct node *n, const struct peer *p)
{
	queue_forgiven(n, &n->unacked, peer_bit(n, p));
	queue_forgiven(n, &n->buried, peer_bit(n, p));
	expect_forgiven(n, peer_bit(n, p));
}

void
sync_forgive(struct node *n, struct peer *p)
{
	uint8_t bit = peer_bit(n, p);

	flows_forgiven(n, p);
	for (uint32_t i = 0; i < n->sent_count; i++)
		control_acked(n, sent_at(n, i), bit);
	trim_sent(n);
}

void
sync_tell_all(struct node *n, struct peer *p, ms_t now)
{
	uint8_t bit = peer_bit(n, p);

	for (uint32_t id = n->buried.head, next; id != ENTRY_NONE; id = next) {
		next = table_entry(&n->local, id)->q_next;
		walked(n);
		if (!(table_entry(&n->local, id)->acked & bit))
			local_pending(n, id);
	}
	expect_tell_dead(n, bit);
	bulk_asked(n, now);
}

void
sync_greet(struct node *n, struct peer *p, ms_t now)
{
	/*
	 * It may be no newcomer but somebody who knows us, or only look like one: who still has a
	 * flow that is gone here has to hear of it, and nothing but the delete says so.
	 */
	sync_tell_all(n, p, now);
	sync_forgive(n, p);
}

void
sync_greet_back(struct node *n, struct peer *p, ms_t now)
{
	sync_tell_all(n, p, now);
	flows_forgiven(n, p);
}

/* ---- building datagrams ---- */

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

/* Remembers a control message that must arrive. */
static void
remember(struct node *n, const struct control *c, uint32_t seq)
{
	struct control *kept;

	if (!n->mode->tracked || !(c->flags & (WIRE_ACK | WIRE_NACK | WIRE_RESYNC)) ||
	    peer_mask(n) == 0)
		return;
	if (n->sent_count == UNACKED_CONTROLS_MAX) {
		n->sent_done -= sent_at(n, 0)->acked == CONTROL_DONE;
		n->sent_head = (n->sent_head + 1) % UNACKED_CONTROLS_MAX;
		n->sent_count--;
	}
	kept = sent_at(n, n->sent_count++);
	*kept = *c;
	kept->seq = seq;
	kept->acked = 0;
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
		remember(n, c, sync_message_sent(n));
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
			bulk_done(n, now);
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
