/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_flow.c: what a node believes of others' flows, and says of its own, while everything goes on.
 */
#include <string.h>

#include "sim.h"
#include "wire.h"

/* ---- no flow is invented, and none goes back ---- */

enum { AFTER_RESTART_MS = 1000 };

/* What a node held of a tuple when it was last looked at. */
struct held {
	bool present;
	uint8_t owner;
	/* Of each source's history, the state that it has at least come to. */
	uint64_t reached[WORLD_NODES_MAX];
};

struct beliefs {
	ms_t began[WORLD_NODES_MAX]; /* the daemon there */
	struct held of[WORLD_NODES_MAX][TUPLES_MAX];
};

/* The first version of this content (or, of an end, any end) that is not before `from`. */
static const struct version *
find_version(const struct history *h, uint64_t content, bool end, uint64_t from)
{
	const struct version *v;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++) {
		if (v->number >= from && v->end == end && (end || v->content == content))
			return v;
	}
	return NULL;
}

/* Was there an end between two states? */
static bool
ended_between(const struct history *h, uint64_t from, uint64_t to)
{
	const struct version *v;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++) {
		if (v->end && v->number > from && v->number <= to)
			return true;
	}
	return false;
}

/* The last of those that are before `before`. */
static const struct version *
last_version(const struct history *h, uint64_t content, uint64_t before)
{
	const struct version *v, *found = NULL;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++) {
		if (v->number < before && !v->end && v->content == content)
			found = v;
	}
	return found;
}

static void
judge_content(struct sim *s, struct held *held, size_t node, int tuple, const struct flow_view *view)
{
	size_t owner = world_node_of(s->w, &view->peer);
	const struct history *h = &s->truth.seen[owner][tuple];
	uint64_t content = truth_content(&s->truth, &view->flow);
	uint64_t *reached = &held->reached[owner];
	/* Without numbers that are looked at, the link decides on the order. */
	bool ordered = s->plan->mode == 0;
	const struct version *v = find_version(h, content, false, ordered ? *reached : 0);

	if (v != NULL) {
		*reached = v->number;
		return;
	}
	if (history_is_cut(h))
		return;
	v = last_version(h, content, *reached);
	if (v == NULL)
		sim_fail(s, "node %zu: %s of node %zu was never so", node, tuple_text(s, tuple), owner);
	else if (ended_between(h, v->number, *reached))
		sim_fail(s, "node %zu: %s of node %zu has risen from the dead", node,
		    tuple_text(s, tuple), owner);
	else
		sim_fail(s, "node %zu: %s of node %zu has gone back to an older state", node,
		    tuple_text(s, tuple), owner);
}

static void
judge_belief(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct beliefs *b = state;
	struct held *held = &b->of[h->node][tuple];
	struct flow_view view;
	bool was = held->present;

	held->present = daemon_find_flow(&s->w->nodes[h->node], TABLE_REMOTE,
	    &s->truth.keys[tuple], &view, s->w->now);
	/* 1.4.7 counts from the clock: for words of its next process may pass those of its last. */
	if (world_is_incumbent(s->w, h->other) &&
	    ms_since(s->w->now, b->began[h->other]) < AFTER_RESTART_MS) {
		held->reached[h->other] = 0;
		return;
	}
	if (held->present && world_node_of(s->w, &view.peer) != WORLD_STRANGER) {
		held->owner = (uint8_t)world_node_of(s->w, &view.peer);
		judge_content(s, held, h->node, tuple, &view);
	} else if (was && !held->present && held->owner == h->other && m->type == WIRE_CT_DEL) {
		/* Its source has said that it ended: what it was before must not come again. */
		const struct version *v = find_version(&s->truth.seen[h->other][tuple], 0, true,
		    held->reached[h->other]);

		if (v != NULL)
			held->reached[h->other] = v->number;
	}
}

/* What it held just before: much may have happened to it since a message was about it. */
static void
note_belief(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct beliefs *b = state;
	struct flow_view view;

	(void)m;
	b->of[h->node][tuple].present = daemon_find_flow(&s->w->nodes[h->node], TABLE_REMOTE,
	    &s->truth.keys[tuple], &view, s->w->now);
}

static void
watch_beliefs(struct sim *s, void *state, const struct happening *h)
{
	struct beliefs *b = state;

	if (h->type == HAP_START)
		b->began[h->node] = s->w->now;
	if (world_is_incumbent(s->w, h->node))
		return;
	if (h->type == HAP_START || h->type == HAP_KILL)
		memset(b->of[h->node], 0, sizeof(b->of[h->node]));
	if (h->type == HAP_ARRIVES)
		sim_each_state(s, h, b, note_belief);
	if (h->type == HAP_ARRIVED && h->other < s->w->count && !s->lied)
		sim_each_state(s, h, b, judge_belief);
}

/* ---- no echo ---- */

/* A node's entry for a tuple, if it is nothing but a copy that the daemon wrote. */
struct copies {
	bool copy[WORLD_NODES_MAX][TUPLES_MAX];
	bool told[WORLD_NODES_MAX][TUPLES_MAX];  /* peers know it, or may, from this node */
	/* It may have forgotten that it is a copy, or never known. */
	bool vague[WORLD_NODES_MAX][TUPLES_MAX];
	ms_t since[WORLD_NODES_MAX][TUPLES_MAX];
	bool adopted[WORLD_NODES_MAX][TUPLES_MAX]; /* by an ordered commit */
	bool ended[WORLD_NODES_MAX][TUPLES_MAX]; /* and have been told of its end, or may have missed it */
	bool bulk[WORLD_NODES_MAX];   /* a full send goes on */
	bool bulk_done[WORLD_NODES_MAX];
	/* What was said in this turn without one; the notice that one has begun comes at its end. */
	int said[WORLD_NODES_MAX];    /* tuple + 1 */
	bool commit[WORLD_NODES_MAX]; /* -c is under way: what it writes is the node's own from then on */
};

static void
judge_echo(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct copies *c = state;

	bool end = m->type == WIRE_CT_DEL;
	bool *told = &c->told[h->node][tuple], *ended = &c->ended[h->node][tuple];

	if (!c->copy[h->node][tuple] || c->vague[h->node][tuple] || *told || (end && *ended) ||
	    s->data_at[h->node][tuple].ms >= c->since[h->node][tuple].ms) {
		*told = !end;
		*ended |= end;
		return;
	}
	/* With CacheWriteThrough only what a commit wrote, or no peer has any more, is its own. */
	if (!end && s->plan->write_through != 0 && c->adopted[h->node][tuple]) {
		*told = true;
		return;
	}
	if (end || (s->plan->write_through != 0 &&
		world_find(s->w, h->node, TABLE_REMOTE, &s->truth.keys[tuple], NULL)))
		sim_fail(s, "node %u says %s of %s, which it only wrote for a peer", h->node,
		    end ? "the end" : "news", tuple_text(s, tuple));
	if (!c->bulk[h->node])
		c->said[h->node] = tuple + 1;
	*told = true;
}

static void
turn_is_over(struct sim *s, struct copies *c, size_t node)
{
	if (c->said[node] != 0 && !c->bulk[node])
		sim_fail(s, "node %zu says news of %s, which it only wrote for a peer", node,
		    tuple_text(s, c->said[node] - 1));
	c->said[node] = 0;
	if (c->bulk_done[node])
		c->bulk[node] = false;
	c->bulk_done[node] = false;
}

static void
kernel_changed(struct sim *s, struct copies *c, size_t node, int tuple,
    const struct sim_change *change)
{
	if (tuple == NO_TUPLE)
		return;
	if (change->own && change->type == KEV_NEW) {
		/* Peers may still have to hear the end of what was there before. */
		c->ended[node][tuple] |= c->vague[node][tuple] || c->told[node][tuple];
		/* With events unread the daemon may take those of the entry before for news of this. */
		c->vague[node][tuple] = sim_is_behind(s, node);
		c->told[node][tuple] = false;
		c->copy[node][tuple] = true;
		c->since[node][tuple] = s->w->now;
	}
	if (!change->own && change->type != KEV_DESTROY) {
		c->copy[node][tuple] = false;
		c->told[node][tuple] = true;
	}
	if (change->own && change->type != KEV_DESTROY && c->commit[node])
		c->adopted[node][tuple] = true;
	else if (change->type == KEV_NEW)
		c->adopted[node][tuple] = false;
}

static void
watch_echo(struct sim *s, void *state, const struct happening *h)
{
	struct copies *c = state;

	if (world_is_incumbent(s->w, h->node))
		return;
	switch (h->type) {
	case HAP_KERNEL:
		kernel_changed(s, c, h->node, truth_tuple(&s->truth, &h->change->flow->key),
		    h->change);
		break;
	case HAP_START:
		/* What a daemon finds when it begins it cannot know to be a copy. */
		c->commit[h->node] = false;
		c->bulk[h->node] = false;
		c->bulk_done[h->node] = false;
		c->said[h->node] = 0;
		memset(c->copy[h->node], 0, sizeof(c->copy[h->node]));
		memset(c->vague[h->node], 1, sizeof(c->vague[h->node]));
		break;
	case HAP_READ_BEGIN:
		/* Differences may be announced. */
		memset(c->vague[h->node], 1, sizeof(c->vague[h->node]));
		break;
	case HAP_NOTICE:
		if (h->notice->type == NOTE_BULK_STARTED)
			c->bulk[h->node] = true;
		if (h->notice->type == NOTE_BULK_DONE)
			c->bulk_done[h->node] = true;
		if (h->notice->type == NOTE_COMMIT_DONE)
			c->commit[h->node] = false;
		break;
	case HAP_ORDER:
		c->commit[h->node] |= order_commits(h->number);
		if (h->number == ORDER_FLUSH_INTERNAL)
			memset(c->vague[h->node], 1, sizeof(c->vague[h->node]));
		break;
	case HAP_SENT:
		/* ALARM says everything again and again; and what a kernel refused to tell may be
		 * anything. */
		if (s->plan->mode == 0 && !s->lied && !s->refused)
			sim_each_state(s, h, c, judge_echo);
		break;
	case HAP_EVENT:
	case HAP_OVERRUN:
	case HAP_READ_FLOW:
	case HAP_READ_END:
	case HAP_OP:
	case HAP_RESULT:
	case HAP_ARRIVES:
	case HAP_ASKS:
	case HAP_ANSWERED:
	case HAP_ARRIVED:
	case HAP_KILL:
		break;
	case HAP_EXPECT_EVENT:
	case HAP_EXPECT_RESULT:
	case HAP_TURN:
		turn_is_over(s, c, h->node);
		break;
	}
}

/* ---- restarts ---- */

struct restarts {
	/* [at][of]: how often it may still be noted that it has begun, or says HELLO again. */
	unsigned int began[WORLD_NODES_MAX][WORLD_NODES_MAX];
	uint64_t held;                  /* as a jump, before the datagram that is read */
	/* [at][of]: messages that it had said when one was last taken; so many more that its numbers are
	 * as far off as a new process's. */
	uint64_t said[WORLD_NODES_MAX][WORLD_NODES_MAX];
	bool leapt[WORLD_NODES_MAX][WORLD_NODES_MAX];
};

/* How far its numbers may go unheard, less what a message tells of the ones before it. */
enum { FAR_OFF = 60000 };

/* A datagram of that node was read. */
static void
watch_numbers(const struct sim *s, struct restarts *r, size_t at, size_t of)
{
	const struct node *other = s->w->nodes[of].node;
	uint64_t said = other != NULL ? node_stats(other)->send_messages : 0;

	if (node_stats(s->w->nodes[at].node)->seq_jump_held == r->held)
		r->said[at][of] = said;
	else if (said > r->said[at][of] + FAR_OFF)
		r->leapt[at][of] = true;
}

static void
watch_restarts(struct sim *s, void *state, const struct happening *h)
{
	const struct node *n = s->w->nodes[h->node].node;
	struct restarts *r = state;

	for (size_t i = 0; h->type == HAP_START && i < s->w->count; i++)
		r->began[i][h->node]++;
	if (n == NULL || s->lied || s->w->incumbents > 0)
		return;
	if (h->type == HAP_ARRIVES)
		r->held = node_stats(n)->seq_jump_held;
	if (h->type == HAP_ARRIVED && h->other < s->w->count)
		watch_numbers(s, r, h->node, h->other);
	if (h->type == HAP_ARRIVED && s->says_hello) {
		r->began[h->node][h->other] += r->began[h->node][h->other] == 0;
		if (node_stats(n)->seq_jump_held != r->held)
			sim_fail(s, "node %u: node %u begins anew and says HELLO, and is not believed",
			    h->node, h->other);
	}
	if (h->type == HAP_NOTICE && h->notice->type == NOTE_PEER_RESTARTED) {
		size_t peer = world_node_of(s->w, &h->notice->peer);

		if (r->began[h->node][peer] > 0)
			r->began[h->node][peer]--;
		else if (r->leapt[h->node][peer])
			r->leapt[h->node][peer] = false;
		else
			sim_fail(s, "node %u: takes node %zu for a new one, which has gone on all "
				    "the time", h->node, peer);
	}
}

/* ---- peace ---- */

struct peace {
	uint64_t messages; /* state messages since everything was well and settled */
	ms_t since;
};

static void
count_message(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct peace *p = state;

	(void)m;
	/* That packets have renewed it without an event a look finds, which may be late. */
	if (tuple == NO_TUPLE || s->data_at[h->node][tuple].ms == 0)
		p->messages++;
}

static void
watch_peace(struct sim *s, void *state, const struct happening *h)
{
	struct peace *p = state;

	if (h->type == HAP_SENT && s->at_peace && !world_is_incumbent(s->w, h->node))
		sim_each_state(s, h, p, count_message);
}

/* Nothing changes any more: in FT-FW nobody has anything to tell. */
static void
check_peace(struct sim *s, void *state)
{
	struct peace *p = state;

	s->at_peace = true;
	sim_pass(s, 3000);
	s->at_peace = false;
	if (s->plan->mode == 0 && p->messages > 0 && !sim_is_overfull(s))
		sim_fail(s, "nothing changes, and %llu messages about flows were sent",
		    (unsigned long long)p->messages);
}

const struct oracle oracles_flow[] = {
    {"belief", "a replica is what its source once had, never older than what it was before, and "
	       "never what has ended",
	sizeof(struct beliefs), watch_beliefs, NULL},
    {"echo", "what a node only wrote for a peer it tells nobody, nor that it ended",
	sizeof(struct copies), watch_echo, NULL},
    {"restarts", "who begins anew and says so is believed, and nobody else is taken for new",
	sizeof(struct restarts), watch_restarts, NULL},
    {"peace", "when nothing changes any more nobody says anything about flows",
	sizeof(struct peace), watch_peace, check_peace},
    {0},
};
