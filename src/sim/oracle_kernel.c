/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle_kernel.c: what a daemon may do to its kernel, and what a takeover owes.
 */
#include <errno.h>
#include <string.h>

#include "sim.h"

/* ---- no live entry is harmed ---- */

struct harm {
	bool flushing[WORLD_NODES_MAX]; /* the operator wants everything gone */
	int doing[WORLD_NODES_MAX];     /* tuple + 1 that the request under way is for */
	/* When it was asked for, */
	struct asked {
		bool blind;    /* events were unread */
		bool believed; /* and a peer had the flow */
	} asked[WORLD_NODES_MAX], of[WORLD_NODES_MAX][WORLD_BATCH_MAX]; /* by cookie */
};

static bool
same_to_peers(const struct sim *s, const struct flow *a, const struct flow *b)
{
	return truth_content(&s->truth, a) == truth_content(&s->truth, b);
}

/* What has so little left ends by itself; and seconds are all that the kernel tells. */
enum { SHORT_S = 3 };

/* Packets without an event: did the daemon have a chance to see what they left? */
static bool
data_was_visible(const struct sim *s, size_t node, int tuple)
{
	const struct knowledge *k = &s->knows[node][tuple];
	ms_t data = s->data_at[node][tuple];

	return ms_since(data, k->renewed_at) > 3000 && data.ms < k->looked_at.ms;
}

/* The daemon has changed or ended an entry: was it right to? */
static void
judge_harm(struct sim *s, const struct harm *k, size_t node, const struct sim_change *c)
{
	int tuple = truth_tuple(&s->truth, &c->before->key);
	int doing = k->doing[node] - 1;
	const struct knowledge *e;

	if (tuple == NO_TUPLE || doing == NO_TUPLE ||
	    (c->type == KEV_DESTROY ? k->flushing[node] : same_to_peers(s, c->before, c->flow)))
		return;
	e = &s->knows[node][tuple];
	/* A stray packet's trace is nobody's; and of what it was not told it cannot know. */
	if (!(c->before->status & ST_SEEN_REPLY) || sim_is_behind(s, node) || k->asked[node].blind ||
	    sim_is_overfull(s) || e->blurred)
		return;
	/* Of an entry that took its place meanwhile it was told nothing. */
	if (e->alive_at.ms > s->knows[node][doing].news_at.ms && e->both_ways &&
	    e->alive_id == c->before->id) {
		sim_say(s, "alive %lld, news %lld", (long long)e->alive_at.ms,
		    (long long)s->knows[node][doing].news_at.ms);
		if (e->forgot)
			sim_except(s, EXC_found_by_read);
		else
			sim_fail(s, "node %zu: %s was alive, and was %s for older news of %s", node,
			    tuple_text(s, tuple), c->type == KEV_DESTROY ? "deleted" : "set back",
			    tuple_text(s, doing));
	} else if (c->type == KEV_DESTROY && e->alive_at.ms == 0 && e->wrote_at.ms != 0 &&
	    doing == tuple && !k->asked[node].believed && c->before->timeout_s > SHORT_S &&
	    data_was_visible(s, node, tuple)) {
		sim_fail(s, "node %zu: data went through %s, and it was deleted", node,
		    tuple_text(s, tuple));
	}
}

/* A flush of the kernel is through, and no other one is to come. */
static bool
is_flushed(const struct sim *s, const struct happening *h)
{
	const struct sim_node *sn = &s->w->nodes[h->node];

	return h->type == HAP_NOTICE && h->notice->type == NOTE_KERNEL_FLUSH_DONE &&
	    sn->purge_at.ms == MS_NEVER.ms && sn->read_wanted == 0 && sn->read_active == 0;
}

static void
watch_harm(struct sim *s, void *state, const struct happening *h)
{
	struct harm *k = state;

	if (world_is_incumbent(s->w, h->node))
		return;
	if (h->type == HAP_KERNEL && h->change->own && h->change->before != NULL && !s->lied)
		judge_harm(s, k, h->node, h->change);
	if (h->type == HAP_OP)
		k->of[h->node][h->op->cookie] = (struct asked){
		    .blind = sim_is_behind(s, h->node),
		    .believed = world_find(s->w, h->node, TABLE_REMOTE, &h->op->flow.key, NULL)};
	if (h->type == HAP_ASKS) {
		k->doing[h->node] = truth_tuple(&s->truth, &h->op->flow.key) + 1;
		k->asked[h->node] = k->of[h->node][h->op->cookie];
	}
	if (h->type == HAP_RESULT)
		k->doing[h->node] = 0;
	if (h->type == HAP_ORDER)
		k->flushing[h->node] |= h->number == ORDER_FLUSH_KERNEL || h->number == ORDER_PURGE;
	if (h->type == HAP_START || is_flushed(s, h))
		k->flushing[h->node] = false;
}

/* ---- takeovers ---- */

struct promise {
	uint64_t content; /* of the replica when the commit began; 0: there was none */
	uint64_t changed; /* number of the kernel's last version then */
	struct flow_reply reply;
	bool known; /* the node knew an entry of its own kernel */
};

struct takeovers {
	bool running[WORLD_NODES_MAX];
	bool behind[WORLD_NODES_MAX]; /* at the beginning or the end */
	bool flushing[WORLD_NODES_MAX]; /* somebody ordered the opposite */
	bool disturbed[WORLD_NODES_MAX]; /* and did at some time since it began */
	bool forgot[WORLD_NODES_MAX];    /* -f external came meanwhile, and has to wait */
	bool swept[WORLD_NODES_MAX];     /* replicas may have gone for another reason */
	bool silent[WORLD_NODES_MAX];    /* nothing was heard of a peer when it began */
	ms_t began[WORLD_NODES_MAX];
	uint64_t degraded[WORLD_NODES_MAX]; /* writes that had to leave something out by then */
	struct promise of[WORLD_NODES_MAX][TUPLES_MAX];
	uint64_t done;
};

static uint64_t
replica_content(const struct sim *s, size_t node, int tuple, struct flow *f)
{
	if (!world_find(s->w, node, TABLE_REMOTE, &s->truth.keys[tuple], f))
		return 0;
	return truth_content(&s->truth, f) | 1;
}

/* Has anything but the commit touched the kernel's entry since? */
static bool
was_touched(const struct sim *s, size_t node, int tuple, uint64_t since)
{
	const struct history *h = &s->truth.of[node][tuple];
	const struct version *v;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++) {
		if (v->number > since && !v->own)
			return true;
	}
	return false;
}

/* Has the node a peer of which nothing was heard for a while? */
static bool
has_silent_peer(const struct sim *s, size_t node)
{
	struct peer_view p;

	for (size_t i = 0; node_peer_view(s->w->nodes[node].node, i, &p, s->w->now); i++) {
		if (!p.heard_lately || p.heard_ms_ago >= 10 * 1000)
			return true;
	}
	return false;
}

static void
begin_takeover(struct sim *s, struct takeovers *t, size_t node)
{
	struct flow f;

	if (t->running[node])
		return;
	t->running[node] = true;
	t->began[node] = s->w->now;
	t->disturbed[node] = t->flushing[node];
	t->forgot[node] = false;
	/* What a node did not hear as it was stopped, it may find out after the commit that it was ordered. */
	t->silent[node] = has_silent_peer(s, node) || s->w->nodes[node].paused_until.ms > s->w->now.ms;
	t->swept[node] = s->plan->mode != 0;
	t->degraded[node] = node_stats(s->w->nodes[node].node)->commit_degraded;
	t->behind[node] = sim_is_behind(s, node);
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		struct promise *p = &t->of[node][tuple];

		p->content = replica_content(s, node, tuple, &f);
		p->changed = s->truth.number;
		p->known = world_find(s->w, node, TABLE_LOCAL, &s->truth.keys[tuple], NULL);
		if (p->content != 0)
			p->reply = f.reply;
	}
}

/* Is all that the replica says in the kernel's entry, but for what version 1 or the kernel keeps? */
static bool
says_the_same(const struct sim *s, const struct flow *entry, const struct flow *replica, bool made)
{
	const uint32_t only_created =
	    HAS_HELPER | HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	struct flow merged = *entry, f = *replica;

	f.status = entry->status;
	f.has &= ~(uint32_t)(HAS_TIMEOUT | HAS_SEQADJ);
	/* An entry of unknown age is not thrown away for the sake of these. */
	if (!made)
		f.has &= ~only_created;
	/* No mark is a mark of zero. */
	f.mark = f.has & HAS_MARK ? f.mark : 0;
	f.has |= HAS_MARK;
	sim_kernel_change(&merged, &f);
	if (f.has & HAS_REPLY)
		merged.reply = f.reply;
	if (f.has & HAS_HELPER)
		memcpy(merged.rare.helper, f.rare.helper, sizeof(f.rare.helper));
	if (f.has & HAS_MASTER)
		merged.rare.master = f.rare.master;
	merged.has |= f.has & only_created;
	return truth_content(&s->truth, &merged) == truth_content(&s->truth, entry) &&
	    (~entry->status & replica->status & (ST_SEEN_REPLY | ST_ASSURED)) == 0;
}

static bool
is_kept(struct sim *s, size_t node, int tuple, const struct flow *replica)
{
	const struct flow *entry = traffic_entry(s, node, tuple);

	return entry != NULL && flow_reply_equal(&entry->reply, &replica->reply);
}

/* Is the kernel's entry that of a connection which was seen both ways, while the replica's may never have
 * become one? */
static bool
outlives_half_open(struct sim *s, size_t node, int tuple)
{
	const struct flow *g = traffic_entry(s, node, tuple);
	struct flow f;

	return g != NULL && g->key.l4 == L4_TCP && g->l4.tcp.state == TCP_ESTABLISHED &&
	    (g->status & ST_SEEN_REPLY) &&
	    world_find(s->w, node, TABLE_REMOTE, &s->truth.keys[tuple], &f) &&
	    (f.l4.tcp.state == TCP_SYN_SENT || f.l4.tcp.state == TCP_SYN_RECV ||
		f.l4.tcp.state == TCP_SYN_SENT2);
}

/* Is the kernel's entry one that the rule leaves alone: fresher, or of an age that nobody knows? */
static bool
is_left_alone(struct sim *s, size_t node, int tuple)
{
	const struct knowledge *e = &s->knows[node][tuple];

	if (kernel_is_fresher(s, node, tuple) || e->forgot || e->first ||
	    outlives_half_open(s, node, tuple))
		return true;
	return traffic_entry(s, node, tuple) != NULL &&
	    (e->alive_at.ms == 0 ||
		!world_find(s->w, node, TABLE_LOCAL, &s->truth.keys[tuple], NULL));
}

/* Has the daemon written something else into the entry since, and nothing changed it after that? */
static bool
was_written(const struct sim *s, size_t node, int tuple, uint64_t since)
{
	const struct history *h = &s->truth.of[node][tuple];
	const struct version *v, *before = NULL;
	bool written = false;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++) {
		if (v->number > since)
			written |= v->own && !v->end &&
			    (before == NULL || before->end || before->content != v->content);
		before = v;
	}
	return written && before->own && !before->end;
}

/* Has the entry ended since, be it to be replaced? */
static bool
has_ended(const struct sim *s, size_t node, int tuple, uint64_t since)
{
	const struct history *h = &s->truth.of[node][tuple];
	const struct version *v;
	bool ended = false;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++)
		ended |= v->number > since && v->end;
	return ended;
}

/* Was the master of this related flow the commit's to write, or there, and is it? */
static bool
master_is_there(struct sim *s, const struct takeovers *t, size_t node, const struct flow *f)
{
	int master = flow_is_related(f) ? truth_tuple(&s->truth, &f->rare.master) : NO_TUPLE;
	const struct promise *p;
	struct flow replica;

	if (master == NO_TUPLE || s->refused)
		return false;
	p = &t->of[node][master];
	return p->content != 0 && replica_content(s, node, master, &replica) == p->content &&
	    s->knows[node][master].news_at.ms < t->began[node].ms &&
	    !was_touched(s, node, master, p->changed) && !has_ended(s, node, master, p->changed) &&
	    traffic_entry(s, node, master) != NULL;
}

/* Was a replica forgotten by -f external before it was written? */
static bool
is_forgotten(struct sim *s, const struct takeovers *t, size_t node, int tuple)
{
	const struct promise *p = &t->of[node][tuple];
	const struct knowledge *e = &s->knows[node][tuple];
	struct flow f = {.key = s->truth.keys[tuple], .reply = p->reply};

	return t->forgot[node] && !t->swept[node] && p->content != 0 && e->believed != 0 &&
	    e->news_at.ms < t->began[node].ms && !was_touched(s, node, tuple, p->changed) &&
	    !world_find(s->w, node, TABLE_REMOTE, &s->truth.keys[tuple], NULL) &&
	    traffic_entry(s, node, tuple) == NULL &&
	    sim_kernel_has_room(s->w->nodes[node].kernel, &f);
}

/* A TCP entry from before, or of the commit's own: are segments held to windows that this kernel saw? */
static bool
is_strict(struct sim *s, size_t node, int tuple, const struct promise *p)
{
	const struct flow *f = traffic_entry(s, node, tuple);

	return f != NULL && f->key.l4 == L4_TCP &&
	    (p->known || was_written(s, node, tuple, p->changed)) && s->plan->window_tracking == 0 &&
	    !s->refused && !has_ended(s, node, tuple, p->changed) &&
	    !(f->l4.tcp.flags_orig & f->l4.tcp.flags_repl & TCP_FLAG_LIBERAL);
}

/* A replica is not in the kernel, as another flow has its mapping: is that one the newer? */
static void
judge_holder(struct sim *s, const struct takeovers *t, size_t node, int tuple, const struct flow *f)
{
	const struct knowledge *e = &s->knows[node][tuple], *other;

	bool full = daemon_was_full(&s->w->nodes[node], TABLE_LOCAL);

	for (int i = 0; !s->refused && !e->first && !full && i < (int)s->tuples_count; i++) {
		const struct flow *g = traffic_entry(s, node, i);

		other = &s->knows[node][i];
		if (g == NULL || i == tuple || !flow_reply_equal(&g->reply, &f->reply) ||
		    g->key.l4 != f->key.l4 || g->key.zone != f->key.zone)
			continue;
		/* It was known all the time, and nothing has been heard of it since. */
		if (!other->forgot && !other->blurred && other->alive_at.ms != 0 &&
		    other->alive_id == g->id && other->alive_at.ms < e->news_at.ms &&
		    other->news_at.ms < e->news_at.ms && other->renewed_at.ms < t->began[node].ms &&
		    s->data_at[node][i].ms < e->news_at.ms)
			sim_fail(s, "node %zu: took over, and the mapping of %s stays with %s, which is "
				    "older", node, tuple_text(s, tuple), tuple_text(s, i));
	}
}

static void
end_takeover(struct sim *s, struct takeovers *t, size_t node, const struct commit_tally *c)
{
	bool degraded =
	    node_stats(s->w->nodes[node].node)->commit_degraded != t->degraded[node];
	unsigned int missing = 0;
	int first = NO_TUPLE;
	char text[256];
	struct flow f;

	t->running[node] = false;
	t->done++;
	if (c->total !=
	    c->created + c->updated + c->replaced + c->current + c->failed + c->expired)
		sim_fail(s, "node %zu: commit of %u: %u created, %u updated, %u replaced, %u current, "
			    "%u failed, %u expired", node, c->total, c->created, c->updated,
		    c->replaced, c->current, c->failed, c->expired);
	if (c->expired > 0 && !t->silent[node] && !has_silent_peer(s, node))
		sim_fail(s, "node %zu: took over, and left out %u flows as if their peer were silent",
		    node, c->expired);
	if (t->behind[node] || t->disturbed[node] || sim_is_behind(s, node))
		return;
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		const struct promise *p = &t->of[node][tuple];

		if (is_strict(s, node, tuple, p))
			sim_fail(s, "node %zu: took over, and holds %s to its old windows", node,
			    tuple_text(s, tuple));
		if (is_forgotten(s, t, node, tuple)) {
			missing++;
			first = first == NO_TUPLE ? tuple : first;
		}
		if (p->content == 0 || replica_content(s, node, tuple, &f) != p->content ||
		    s->knows[node][tuple].blurred ||
		    s->knows[node][tuple].news_at.ms >= t->began[node].ms ||
		    was_touched(s, node, tuple, p->changed))
			continue;
		/* Of two that claim one mapping the newer has it. */
		if (traffic_entry(s, node, tuple) == NULL &&
		    !sim_kernel_has_room(s->w->nodes[node].kernel, &f)) {
			judge_holder(s, t, node, tuple, &f);
			continue;
		}
		if (!is_kept(s, node, tuple, &f) && !is_left_alone(s, node, tuple)) {
			sim_say(s, "missing: %s, alive %lld, news %lld", tuple_text(s, tuple),
			    (long long)s->knows[node][tuple].alive_at.ms,
			    (long long)s->knows[node][tuple].news_at.ms);
			missing++;
			first = first == NO_TUPLE ? tuple : first;
		} else if ((!degraded || master_is_there(s, t, node, &f)) && c->failed == 0 &&
		    was_written(s, node, tuple, p->changed) &&
		    !says_the_same(s, traffic_entry(s, node, tuple), &f,
			s->knows[node][tuple].wrote > p->changed)) {
			describe_two(s, traffic_entry(s, node, tuple), &f, text, sizeof(text));
			sim_fail(s, "node %zu: took over; entry and replica of %s", node, text);
		}
	}
	if (missing > c->failed + c->displaced + c->expired)
		sim_fail(s, "node %zu: took over, %u flows are missing (the first is %s), and %u were "
			    "reported", node, missing, tuple_text(s, first),
		    c->failed + c->displaced + c->expired);
}

static void
watch_takeovers(struct sim *s, void *state, const struct happening *h)
{
	struct takeovers *t = state;

	if (s->lied || world_is_incumbent(s->w, h->node))
		return;
	if (h->type == HAP_ORDER)
		t->flushing[h->node] |= h->number == ORDER_FLUSH_KERNEL || h->number == ORDER_PURGE;
	t->disturbed[h->node] |= t->flushing[h->node];
	if (h->type == HAP_ORDER && h->number == ORDER_FLUSH_EXTERNAL)
		t->forgot[h->node] |= t->running[h->node];
	if (h->type == HAP_NOTICE && h->notice->type == NOTE_SWEPT)
		t->swept[h->node] = true;
	if (h->type == HAP_START || is_flushed(s, h))
		t->flushing[h->node] = false;
	if (h->type == HAP_ORDER && order_commits(h->number))
		begin_takeover(s, t, h->node);
	if (h->type == HAP_NOTICE && h->notice->type == NOTE_COMMIT_DONE)
		end_takeover(s, t, h->node, &h->notice->commit);
	if (h->type == HAP_KILL)
		t->running[h->node] = false;
}

/* When everything is well one node takes over from all others, and nothing may be missing. */
static void
last_takeover(struct sim *s, void *state)
{
	size_t node = (size_t)(s->plan->takeover > 0 ? s->plan->takeover - 1 : 0) % s->w->count;
	struct sim_kernel *k = s->w->nodes[node].kernel;
	struct takeovers *t = state;
	uint64_t done = t->done;
	unsigned int missing = 0;
	int first = NO_TUPLE;
	struct flow f;

	if (world_is_incumbent(s->w, node))
		return;
	sim_say(s, "all but node %zu die", node);
	for (size_t i = 0; i < s->w->count; i++) {
		if (i != node)
			world_kill(s->w, i);
	}
	sim_order(s, node, ORDER_COMMIT, true);
	if (t->done == done && !s->lied)
		sim_fail(s, "node %zu: the commit never ends", node);
	for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
		if (replica_content(s, node, tuple, &f) == 0 || is_kept(s, node, tuple, &f) ||
		    is_left_alone(s, node, tuple))
			continue;
		/* Unless its place is taken by another one that is alive. */
		if (traffic_entry(s, node, tuple) != NULL || !sim_kernel_has_room(k, &f))
			continue;
		missing++;
		first = tuple;
	}
	if (missing > s->w->nodes[node].last_commit.failed)
		sim_fail(s, "node %zu: took over, and %u flows are missing, one of them %s", node, missing,
		    tuple_text(s, first));
}

/* ---- timeouts ---- */

static void
watch_timeouts(struct sim *s, void *state, const struct happening *h)
{
	int64_t told = s->plan->commit_timeout_s;

	(void)state;
	if (h->type == HAP_OP && !world_is_incumbent(s->w, h->node) && told != 0 &&
	    (h->op->type == KOP_CREATE || h->op->type == KOP_REPLACE) &&
	    h->op->flow.timeout_s != told)
		sim_fail(s, "node %u: %s is written with %u s, CommitTimeout is %lld", h->node,
		    tuple_text(s, truth_tuple(&s->truth, &h->op->flow.key)),
		    h->op->flow.timeout_s, (long long)told);
}

/* ---- CacheWriteThrough ---- */

/* A change of a replica that the kernel has to follow, and nothing was asked of it yet. */
struct followers {
	bool owes[WORLD_NODES_MAX][TUPLES_MAX];
};

/* Is the kernel's entry one that the daemon made, and that nothing else has changed? */
static bool
is_copy(const struct sim *s, size_t node, int tuple)
{
	const struct history *h = &s->truth.of[node][tuple];
	const struct version *v;
	bool copy = false;

	for (uint32_t i = 0; (v = history_at(h, i)) != NULL; i++)
		copy = !v->end && v->own && (copy || i == 0 || history_at(h, i - 1)->end);
	return copy && s->data_at[node][tuple].ms < s->knows[node][tuple].wrote_at.ms;
}

static void
note_debt(struct sim *s, void *state, const struct happening *h, int tuple,
    const struct wire_msg *m)
{
	struct followers *w = state;
	const struct knowledge *e = &s->knows[h->node][tuple];
	bool known = world_find(s->w, h->node, TABLE_LOCAL, &s->truth.keys[tuple], NULL);
	bool there = traffic_entry(s, h->node, tuple) != NULL;

	if (e->news_at.ms != s->w->now.ms || sim_is_behind(s, h->node))
		return;
	if (e->believed != 0)
		w->owes[h->node][tuple] = !known && !there;
	else if (m->type == WIRE_CT_DEL)
		/* A copy, if it is nothing else. */
		w->owes[h->node][tuple] = known && there && is_copy(s, h->node, tuple) &&
		    e->alive_at.ms == 0 && !e->forgot && !s->committed;
}

static void
watch_follow(struct sim *s, void *state, const struct happening *h)
{
	struct followers *w = state;
	int tuple = NO_TUPLE;

	if (s->plan->write_through == 0 || world_is_incumbent(s->w, h->node))
		return;
	if (h->type == HAP_ARRIVED && h->other < s->w->count)
		sim_each_state(s, h, w, note_debt);
	if (h->type == HAP_START || h->type == HAP_KILL || h->type == HAP_ORDER)
		memset(w->owes[h->node], 0, sizeof(w->owes[h->node]));
	if (h->type == HAP_OP)
		tuple = truth_tuple(&s->truth, &h->op->flow.key);
	if (h->type == HAP_KERNEL)
		tuple = truth_tuple(&s->truth, &h->change->flow->key);
	if (tuple != NO_TUPLE)
		w->owes[h->node][tuple] = false;
}

static void
check_follow(struct sim *s, void *state)
{
	const struct followers *w = state;

	for (size_t i = 0; i < s->w->count; i++) {
		for (int tuple = 0; tuple < (int)s->tuples_count; tuple++) {
			bool held = world_find(s->w, i, TABLE_REMOTE, &s->truth.keys[tuple], NULL);
			bool there = traffic_entry(s, i, tuple) != NULL;

			/* What was refused once may go round for a while. */
			if (w->owes[i][tuple] && held != there && !s->lied && !s->refused)
				sim_fail(s, "node %zu: the kernel was never asked to follow %s of %s",
				    i, held ? "the news" : "the end", tuple_text(s, tuple));
		}
	}
}

const struct oracle oracles_kernel[] = {
    {"lasting", "what is written for a replica lasts for CommitTimeout, if there is one", 0,
	watch_timeouts, NULL},
    {"follow", "with CacheWriteThrough the kernel is asked to follow every replica",
	sizeof(struct followers), watch_follow, check_follow},
    {"harm", "no live entry of the kernel is deleted or set back for older news", sizeof(struct harm),
	watch_harm, NULL},
    {"takeover", "a commit brings every replica to the kernel, as it is, or reports that it could not",
	sizeof(struct takeovers), watch_takeovers, last_takeover},
    {0},
};
