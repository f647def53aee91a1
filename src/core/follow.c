/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow.c: which flows are followed, and what happened to them, until somebody fetches it.
 */
#include "engine.h"

#include <string.h>

bool
tuple_is_whole(const struct flow_tuple *t)
{
	unsigned int need = TUPLE_L4 | TUPLE_SRC | TUPLE_DST;

	if (flow_l4_has_ports(t->key.l4) || t->key.l4 == L4_GRE)
		need |= TUPLE_SPORT | TUPLE_DPORT;
	else if (flow_l4_is_icmp(t->key.l4))
		need |= TUPLE_SPORT;
	return (t->has & need) == need;
}

/* The parts of ICMP's type and code that are said. */
static bool
is_same_kind(const struct flow_tuple *t, uint16_t dport)
{
	uint8_t want[2], have[2];

	memcpy(want, &t->key.dport, sizeof(want));
	memcpy(have, &dport, sizeof(have));
	return (!(t->has & TUPLE_TYPE) || want[0] == have[0]) &&
	    (!(t->has & TUPLE_CODE) || want[1] == have[1]);
}

static bool
is_direction(const struct flow_tuple *t, const struct ip_addr *src, const struct ip_addr *dst, uint16_t sport,
    uint16_t dport)
{
	if ((t->has & TUPLE_SRC) && memcmp(src, &t->key.src, sizeof(*src)) != 0)
		return false;
	if ((t->has & TUPLE_DST) && memcmp(dst, &t->key.dst, sizeof(*dst)) != 0)
		return false;
	if ((t->has & TUPLE_SPORT) && sport != t->key.sport)
		return false;
	if ((t->has & TUPLE_DPORT) && dport != t->key.dport)
		return false;
	return is_same_kind(t, dport);
}

/* This way or turned round. */
static bool
is_either(const struct flow_tuple *t, const struct flow_key *k)
{
	struct flow_reply back;

	if (is_direction(t, &k->src, &k->dst, k->sport, k->dport))
		return true;
	flow_invert(k, &back);
	return is_direction(t, &back.src, &back.dst, back.sport, back.dport);
}

bool
tuple_matches(const struct flow_tuple *t, const struct flow *f)
{
	/* A peer does not tell the reply tuple, but the mapping that it was made from. */
	const uint32_t has_reply = HAS_REPLY | HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT;
	struct flow_key reply = f->key;

	if ((t->has & TUPLE_L4) && t->key.l4 != f->key.l4)
		return false;
	if ((t->has & (TUPLE_SRC | TUPLE_DST)) && t->key.l3 != f->key.l3)
		return false;
	if ((t->has & TUPLE_ZONE) && t->key.zone != f->key.zone)
		return false;
	if (is_either(t, &f->key))
		return true;
	if (!(f->has & has_reply))
		return false;
	reply.src = f->reply.src;
	reply.dst = f->reply.dst;
	reply.sport = f->reply.sport;
	reply.dport = f->reply.dport;
	return is_either(t, &reply);
}

/* ---- who is followed ---- */

int
node_follow(struct node *n, const struct flow_tuple *t)
{
	for (int i = 0; i < FOLLOW_MAX; i++) {
		if (n->followed & (1u << i))
			continue;
		n->follow[i] = *t;
		n->followed |= (uint8_t)(1u << i);
		return i;
	}
	return -1;
}

void
node_unfollow(struct node *n, int which)
{
	if (which >= 0 && which < FOLLOW_MAX)
		n->followed = (uint8_t)(n->followed & ~(1u << which));
	if (n->followed == 0)
		n->notes_count = n->notes_head = 0;
}

/* ---- what happens ---- */

struct follow_note *
follow_flow(struct node *n, enum follow_step step, const struct flow *f)
{
	struct follow_note *note;
	uint8_t which = 0;

	for (int i = 0; i < FOLLOW_MAX; i++) {
		if ((n->followed & (1u << i)) && tuple_matches(&n->follow[i], f))
			which = (uint8_t)(which | 1u << i);
	}
	if (which == 0)
		return NULL;
	if (n->notes_count == FOLLOW_NOTES_MAX) {
		n->stats.follow_lost++;
		return NULL;
	}
	note = &n->notes[(n->notes_head + n->notes_count++) % FOLLOW_NOTES_MAX];
	memset(note, 0, sizeof(*note));
	note->step = step;
	note->follows = which;
	note->flow = *f;
	return note;
}

struct follow_note *
follow_entry(struct node *n, enum follow_step step, const struct table *t, uint32_t id)
{
	struct follow_note *note;
	struct flow f;

	table_load(t, id, &f);
	note = follow_flow(n, step, &f);
	if (note != NULL)
		note->seq = table_entry(t, id)->seq;
	return note;
}

void
follow_event(struct node *n, const struct kernel_event *ev)
{
	follow_flow(n, ev->type == KEV_NEW ? STEP_EVENT_NEW
		: ev->type == KEV_DESTROY  ? STEP_EVENT_DESTROY
					   : STEP_EVENT_UPDATE,
	    &ev->flow);
}

void
follow_op(struct node *n, enum follow_step step, const struct kernel_op *op, int error)
{
	struct follow_note *note;

	if (kernel_op_is_expect(op))
		return;
	note = follow_flow(n, step, &op->flow);
	if (note == NULL)
		return;
	note->op = (uint8_t)op->type;
	note->error = error;
}

void
follow_answer(struct node *n, const struct kernel_result *res)
{
	if (res->cookie < OPS_MAX && n->ops[res->cookie].state == SLOT_OUT)
		follow_op(n, STEP_ANSWERED, &n->ops[res->cookie].op, res->error);
}

static enum follow_message
message_of(enum wire_type type)
{
	return type == WIRE_CT_NEW ? MESSAGE_NEW : type == WIRE_CT_UPD ? MESSAGE_UPDATE : MESSAGE_DELETE;
}

void
follow_sent(struct node *n, uint32_t id, enum wire_type type)
{
	struct follow_note *note = follow_entry(n, STEP_SENT, &n->local, id);

	if (note != NULL)
		note->message = message_of(type);
}

void
follow_acked(struct node *n, uint32_t id, uint8_t bit)
{
	struct follow_note *note = follow_entry(n, STEP_ACKED, &n->local, id);

	if (note != NULL)
		note->peer = bit;
}

void
follow_heard(struct node *n, enum follow_step step, const struct peer *p, const struct heard *h)
{
	struct follow_note *note = follow_flow(n, step, &h->f);

	if (note == NULL)
		return;
	note->seq = h->m.seq;
	note->peer = peer_bit(n, p);
	note->message = message_of((enum wire_type)h->m.type);
}

bool
node_pull_step(struct node *n, struct follow_note *out)
{
	if (n->notes_count == 0)
		return false;
	*out = n->notes[n->notes_head];
	n->notes_head = (n->notes_head + 1) % FOLLOW_NOTES_MAX;
	n->notes_count--;
	return true;
}
