/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * knowledge.c: what a daemon was told of each flow, by its kernel and by its peers, and when.
 */
#include "attr.h"
#include "buf.h"
#include "sim.h"

enum {
	BLURRED_MS = 2000, /* after it had events to read */
	SILENT_MS = 10 * 1000, /* who has not been heard for so long is asked for everything */
};

/* Reads a datagram once for all who look at it. */
static void
read_datagram(struct sim *s, const struct happening *h)
{
	struct attr_skipped skipped = {0};
	enum wire_status status;
	struct wire_msg m;
	struct rbuf r;
	struct flow f;

	if (h->type == HAP_ARRIVED && s->messages_of == h->data)
		return;
	s->messages_of = h->data;
	s->messages_count = 0;
	s->says_hello = h->len > 0;
	rbuf_init(&r, h->data, h->len);
	while ((status = wire_next(&r, &m)) == WIRE_MSG || status == WIRE_BAD_VERSION) {
		int tuple;

		s->says_hello &= status == WIRE_MSG && (m.flags & WIRE_HELLO);
		if (status != WIRE_MSG || m.type > WIRE_CT_DEL ||
		    attr_decode_flow(m.attrs, m.attrs_len, &f, &skipped) != ATTR_OK)
			continue;
		tuple = truth_tuple(&s->truth, &f.key);
		if (tuple != NO_TUPLE)
			s->messages[s->messages_count++] =
			    (struct state_message){.tuple = tuple, .m = m};
	}
}

void
sim_each_state(struct sim *s, const struct happening *h, void *state, state_fn each)
{
	for (size_t i = 0; i < s->messages_count; i++)
		each(s, state, h, s->messages[i].tuple, &s->messages[i].m);
}

static struct knowledge *
known(struct sim *s, size_t node, const struct flow_key *key)
{
	int tuple = truth_tuple(&s->truth, key);

	return tuple != NO_TUPLE ? &s->knows[node][tuple] : NULL;
}

/* A message may have changed what the node believes: that is news from now on. */
static void
note_news(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct knowledge *e = &s->knows[h->node][tuple];
	uint64_t now = 0;
	struct flow_view v;
	bool longer = false;

	(void)state;
	(void)m;
	if (daemon_find_flow(&s->w->nodes[h->node], TABLE_REMOTE, &s->truth.keys[tuple], &v,
		s->w->now)) {
		now = truth_content(&s->truth, &v.flow) + world_node_of(s->w, &v.peer);
		if (v.flow.has & HAS_SEQADJ)
			now += v.flow.rare.seqadj[0].correction_pos * 5ULL;
		/* More time is news, too. */
		longer = v.flow.timeout_s > e->timeout_s;
		e->timeout_s = v.flow.timeout_s;
	}
	if (now != e->believed || longer) {
		e->news_at = s->w->now;
		e->first = e->believed == 0 || h->other != e->owner;
		e->owner = h->other;
	}
	e->believed = now;
}

/* What it held just before: it may have expired, or been flushed. */
static void
note_absence(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct flow_view v;

	(void)state;
	(void)m;
	if (!daemon_find_flow(&s->w->nodes[h->node], TABLE_REMOTE, &s->truth.keys[tuple], &v,
		s->w->now))
		s->knows[h->node][tuple].believed = 0;
}

/* A read shows that something has happened to the entry since; or that it is there at all. */
static void
note_read(struct sim *s, const struct happening *h, struct knowledge *e)
{
	struct flow f;

	/* A read before all events does not help: they are older than it, and come after it. */
	e->blurred &= s->w->nodes[h->node].kernel->events_count > 0;
	if (!world_find(s->w, h->node, TABLE_LOCAL, &h->flow->key, &f))
		e->forgot = true;
	else if (e->alive_at.ms != 0 && e->alive_at.ms < s->read_began[h->node].ms &&
	    (flow_is_another(&f, h->flow) ||
		(e->renewed_at.ms < s->read_began[h->node].ms &&
		    !same_flow(s, &f, h->flow)))) {
		e->alive_at = s->w->now;
		e->alive_id = h->flow->id;
		e->both_ways = h->flow->status & ST_SEEN_REPLY;
	}
}

/*
 * While a dump and unread events overlap, a daemon's picture may be made of both.  It is corrected by
 * the events that are still to come; till then what it says is what it has.  What it wrote to an entry
 * of which events were unread the next read corrects.
 */
static void
note_picture(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	bool behind = s->behind_at[h->node].ms != 0 &&
	    ms_since(s->w->now, s->behind_at[h->node]) <= BLURRED_MS;
	struct flow f;

	(void)state;
	if ((behind || s->knows[h->node][tuple].blurred) && m->type != WIRE_CT_DEL &&
	    world_find(s->w, h->node, TABLE_LOCAL, &s->truth.keys[tuple], &f))
		truth_shown(&s->truth, h->node, &f, false, false);
}

static void
forget(struct sim *s, size_t node)
{
	for (size_t t = 0; t < s->tuples_count; t++)
		s->knows[node][t].forgot |= s->knows[node][t].alive_at.ms != 0;
}

/* Is an event of the entry that is there now, or of one before it on the tuple? */
static bool
is_of_entry(const struct sim *s, const struct happening *h)
{
	const struct flow *f =
	    sim_kernel_find(s->w->nodes[h->node].kernel, &h->event->flow.key);

	return f == NULL || f->id == h->event->flow.id;
}

/* Deletes that were given up.  Who was not heard for long, or starts, is asked for everything, and so
 * it is made good. */
static void
note_evictions(struct sim *s, const struct happening *h)
{
	const struct node *n = s->w->nodes[h->node].node;
	ms_t *heard;

	if (n != NULL && node_stats(n)->unacked_evicted > s->evictions[h->node]) {
		s->evictions[h->node] = node_stats(n)->unacked_evicted;
		for (size_t i = 0; i < s->w->count; i++)
			s->evicted[h->node][i] = i != h->node;
	}
	if (h->type == HAP_START) {
		s->evictions[h->node] = 0;
		for (size_t i = 0; i < s->w->count; i++) {
			s->evicted[h->node][i] = false;
			s->evicted[i][h->node] = false;
			s->heard_at[h->node][i] = (ms_t){0};
		}
	}
	if (h->type != HAP_ARRIVED || h->other >= s->w->count)
		return;
	heard = &s->heard_at[h->node][h->other];
	if (heard->ms != 0 && ms_since(s->w->now, *heard) > SILENT_MS && s->plan->mode == 0)
		s->evicted[h->other][h->node] = false;
	*heard = s->w->now;
}

bool
sim_is_overfull(const struct sim *s)
{
	bool any = s->overfull;

	for (size_t i = 0; i < s->w->count; i++) {
		for (size_t j = 0; j < s->w->count; j++)
			any |= s->evicted[i][j];
	}
	return any;
}

void
knowledge_watch(struct sim *s, const struct happening *h)
{
	struct knowledge *e;

	note_evictions(s, h);
	if (h->type == HAP_SENT || h->type == HAP_ARRIVES || h->type == HAP_ARRIVED)
		read_datagram(s, h);
	if (sim_is_behind(s, h->node))
		s->behind_at[h->node] = s->w->now;
	switch (h->type) {
	case HAP_EVENT:
		e = known(s, h->node, &h->event->flow.key);
		if (e != NULL && !h->event->own && is_of_entry(s, h)) {
			e->alive_at = h->event->type == KEV_DESTROY ? ((ms_t){0}) : s->w->now;
			e->alive_id = h->event->flow.id;
			e->both_ways = h->event->flow.status & ST_SEEN_REPLY;
			e->forgot = false;
		}
		break;
	case HAP_SENT:
		sim_each_state(s, h, NULL, note_picture);
		break;
	case HAP_READ_BEGIN:
		s->read_began[h->node] = s->w->now;
		break;
	case HAP_READ_FLOW:
		e = known(s, h->node, &h->flow->key);
		if (e != NULL)
			note_read(s, h, e);
		break;
	case HAP_RESULT:
		e = known(s, h->node, &h->op->flow.key);
		if (e != NULL && h->op->type == KOP_GET)
			e->looked_at = s->w->now;
		break;
	case HAP_ARRIVES:
		sim_each_state(s, h, NULL, note_absence);
		break;
	case HAP_ARRIVED:
		sim_each_state(s, h, NULL, note_news);
		break;
	case HAP_ORDER:
		if (h->number == ORDER_FLUSH_INTERNAL)
			forget(s, h->node);
		break;
	case HAP_START:
		forget(s, h->node);
		break;
	case HAP_KERNEL:
	case HAP_OVERRUN:
	case HAP_READ_END:
	case HAP_OP:
	case HAP_ASKS:
	case HAP_ANSWERED:
	case HAP_NOTICE:
	case HAP_KILL:
	case HAP_EXPECT_EVENT:
	case HAP_EXPECT_RESULT:
	case HAP_TURN:
		break;
	}
}

void
knowledge_wrote(struct sim *s, const struct happening *h)
{
	struct knowledge *e = known(s, h->node, &h->change->flow->key);

	if (e == NULL || !h->change->own)
		return;
	e->renewed_at = s->w->now;
	/* What is still to be read of it is older than what was written, and nothing tells. */
	if (sim_is_behind(s, h->node))
		s->hidden[h->node][truth_tuple(&s->truth, &h->change->flow->key)] = true;
	if (h->change->type == KEV_UPDATE && sim_is_behind(s, h->node)) {
		s->silent = true;
		e->blurred = true;
	}
	if (h->change->type != KEV_NEW)
		return;
	e->blurred = false;
	e->wrote_at = s->w->now;
	e->wrote = s->truth.number;
	e->alive_at = (ms_t){0};
}

bool
kernel_is_fresher(const struct sim *s, size_t node, int tuple)
{
	const struct knowledge *e = &s->knows[node][tuple];

	return e->alive_at.ms > e->news_at.ms;
}
