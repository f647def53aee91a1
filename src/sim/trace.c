/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c: all that happens, as one number that tells two plays apart, and in words.
 */
#include <string.h>

#include "attr.h"
#include "buf.h"
#include "sim.h"
#include "wire.h"

/* ---- the hash ---- */

static void
fold_number(struct sim *s, uint64_t number)
{
	s->hash = (s->hash ^ number) * 0x9e3779b97f4a7c15ULL;
	s->hash ^= s->hash >> 31;
}

static void
fold(struct sim *s, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (; len >= 8; b += 8, len -= 8)
		fold_number(s, (uint64_t)get_be32(b) << 32 | get_be32(b + 4));
	while (len-- > 0)
		fold_number(s, *b++);
}

/* Only what is defined: never padding. */
static void
fold_flow(struct sim *s, const struct flow *f)
{
	fold(s, &f->key, sizeof(f->key));
	fold_number(s, truth_content(&s->truth, f));
	fold_number(s, (uint64_t)f->has << 32 | (f->has & HAS_TIMEOUT ? f->timeout_s : 0));
}

static void
fold_happening(struct sim *s, const struct happening *h)
{
	if (h->type == HAP_TURN || h->type == HAP_ASKS || h->type == HAP_ANSWERED)
		return;
	fold_number(s, (uint64_t)s->w->now.ms << 16 | (uint64_t)h->type << 8 | h->node);
	fold_number(s, h->number << 8 | h->other);
	if (h->type == HAP_SENT || h->type == HAP_ARRIVES)
		fold(s, h->data, h->len);
	if (h->change != NULL)
		fold_flow(s, h->change->flow);
	if (h->type == HAP_EXPECT_EVENT || h->type == HAP_EXPECT_RESULT) {
		const struct expect *e = h->event != NULL ? &h->event->expect : &h->op->expect;

		fold(s, &e->tuple, sizeof(e->tuple));
		fold(s, &e->master, sizeof(e->master));
		return;
	}
	if (h->event != NULL)
		fold_flow(s, &h->event->flow);
	if (h->flow != NULL)
		fold_flow(s, h->flow);
	if (h->op != NULL) {
		fold_number(s, (uint64_t)h->op->type << 32 | h->op->cookie);
		fold_flow(s, &h->op->flow);
	}
	if (h->result != NULL)
		fold_number(s, (uint64_t)h->result->error);
	if (h->notice != NULL)
		fold_number(s, (uint64_t)h->notice->type << 32 | (uint32_t)h->notice->count);
}

/* ---- in words ---- */

static void
tell_message(struct sim *s, const struct wire_msg *m)
{
	static const char *const types[] = {"NEW", "UPD", "DEL"};
	const char *hello = m->flags & WIRE_HELLO ? " HELLO" : "";
	const char *back = m->flags & WIRE_HELLO_BACK ? " HELLO_BACK" : "";
	struct attr_skipped skipped = {0};
	struct expect e;
	struct flow f;

	if (m->type >= WIRE_EXP_NEW && m->type <= WIRE_EXP_DEL &&
	    attr_decode_expect(m->attrs, m->attrs_len, &e, &skipped) == ATTR_OK)
		sim_say(s, "    %08x %s of what %s expects%s%s", m->seq, types[m->type - WIRE_EXP_NEW],
		    tuple_text(s, truth_tuple(&s->truth, &e.master)), hello, back);
	else if (m->type <= WIRE_CT_DEL &&
	    attr_decode_flow(m->attrs, m->attrs_len, &f, &skipped) == ATTR_OK)
		sim_say(s, "    %08x %s of %s, status %x, state %u, mark %u%s%s", m->seq,
		    types[m->type], tuple_text(s, truth_tuple(&s->truth, &f.key)), f.status,
		    f.l4.tcp.state, f.mark, hello, back);
	else
		sim_say(s, "    %08x type %u%s%s%s%s %08x-%08x%s%s", m->seq, m->type,
		    m->flags & WIRE_ACK ? " ACK" : "", m->flags & WIRE_NACK ? " NACK" : "",
		    m->flags & WIRE_RESYNC ? " RESYNC" : "", m->flags & WIRE_ALIVE ? " ALIVE" : "",
		    m->from, m->to, hello, back);
}

static void
tell_datagram(struct sim *s, const struct happening *h)
{
	enum wire_status status;
	struct wire_msg m;
	struct rbuf r;

	if (h->type == HAP_SENT)
		sim_say(s, "node %u: says, in %zu bytes:", h->node, h->len);
	else
		sim_say(s, "node %u: hears from node %u, in %zu bytes:", h->node, h->other, h->len);
	rbuf_init(&r, h->data, h->len);
	while ((status = wire_next(&r, &m)) == WIRE_MSG || status == WIRE_BAD_VERSION) {
		if (status == WIRE_MSG)
			tell_message(s, &m);
	}
}

static void
tell_story(struct sim *s, const struct happening *h)
{
	static const char *const ops[] = {"create", "update", "replace", "delete", "look at",
	    "look who has the reply tuple of"};
	static const char *const orders[] = {
	    "-c", "-f internal", "-f external", "-R", "-B", "-n", "-F", "-t", "promote",
	    "promote --dry-run", "demote"};
	_Static_assert(ARRAY_LEN(orders) == ORDER_COMPARE + 1, "every order has its name");
	static const char *const kinds[] = {"new", "changed", "ended"};

	switch (h->type) {
	case HAP_KERNEL:
		sim_say(s, "node %u: kernel: %s %s%s, status %x, state %u, mark %u, timeout %u",
		    h->node, tuple_text(s, truth_tuple(&s->truth, &h->change->flow->key)),
		    kinds[h->change->type], h->change->own ? " by its daemon" : "",
		    h->change->flow->status, h->change->flow->l4.tcp.state,
		    h->change->flow->mark, h->change->flow->timeout_s);
		break;
	case HAP_OVERRUN:
		sim_say(s, "node %u: hears that events were lost", h->node);
		break;
	case HAP_READ_BEGIN:
		sim_say(s, "node %u: begins to read the kernel table", h->node);
		break;
	case HAP_READ_END:
		sim_say(s, "node %u: has read the kernel table%s", h->node,
		    h->number ? "" : ", but not to its end");
		break;
	case HAP_RESULT:
		sim_say(s, "node %u: asks its kernel to %s %s: %s", h->node, ops[h->op->type],
		    tuple_text(s, truth_tuple(&s->truth, &h->op->flow.key)),
		    h->result->error ? strerror(h->result->error) : "done");
		if (h->result->has_flow)
			sim_say(s, "    it has %s, status %x, state %u, mark %u, timeout %u",
			    tuple_text(s, truth_tuple(&s->truth, &h->result->flow.key)),
			    h->result->flow.status, h->result->flow.l4.tcp.state,
			    h->result->flow.mark, h->result->flow.timeout_s);
		break;
	case HAP_ORDER:
		sim_say(s, "node %u: conntrackd %s", h->node, orders[h->number]);
		break;
	case HAP_START:
		sim_say(s, "node %u: its daemon begins", h->node);
		break;
	case HAP_SENT:
	case HAP_ARRIVES:
		tell_datagram(s, h);
		break;
	case HAP_NOTICE:
		sim_say(s, "node %u: notice %d", h->node, (int)h->notice->type);
		break;
	case HAP_EVENT:
		sim_say(s, "node %u: reads that %s is %s, state %u", h->node,
		    tuple_text(s, truth_tuple(&s->truth, &h->event->flow.key)),
		    kinds[h->event->type], h->event->flow.l4.tcp.state);
		break;
	case HAP_OP:
		sim_say(s, "node %u: has a request, to %s %s", h->node, ops[h->op->type],
		    tuple_text(s, truth_tuple(&s->truth, &h->op->flow.key)));
		break;
	case HAP_EXPECT_EVENT:
		sim_say(s, "node %u: reads that what %s expects is %s", h->node,
		    tuple_text(s, truth_tuple(&s->truth, &h->event->expect.master)),
		    h->event->type == KEV_EXPECT_NEW ? "new" : "gone");
		break;
	case HAP_EXPECT_RESULT:
		sim_say(s, "node %u: asks its kernel to %s what %s expects: %s", h->node,
		    h->op->type == KOP_EXPECT_CREATE ? "create" : "delete",
		    tuple_text(s, truth_tuple(&s->truth, &h->op->expect.master)),
		    h->result->error ? strerror(h->result->error) : "done");
		break;
	case HAP_READ_FLOW:
	case HAP_ASKS:
	case HAP_ANSWERED:
	case HAP_ARRIVED:
	case HAP_TURN:
		break;
	case HAP_KILL:
		sim_say(s, "node %u: its daemon is gone", h->node);
		break;
	}
}

void
trace_happening(struct sim *s, const struct happening *h)
{
	if (s->trace != NULL)
		tell_story(s, h);
	fold_happening(s, h);
}
