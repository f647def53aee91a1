/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acked.c: what peers say about what we sent (doc/WIRE.md section 4): what they have, what they miss, and what nobody
 * has said a word about.
 */
#include "engine.h"

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

void
sync_remember(struct node *n, const struct control *c, uint32_t seq)
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
		sync_bulk_asked(n, now);
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
	sync_bulk_asked(n, now);
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
