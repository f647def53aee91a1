/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit.c: which replica goes to the kernel when: all of them in a commit, those that change
 * meanwhile, and with CacheWriteThrough every one at once.
 */
#include "engine.h"

#include <string.h>

/* Flows that are looked ahead at, so that waits for memory overlap. */
enum { AHEAD_MAX = 16, AHEAD_STEPS_MAX = 256 };

static bool
is_related(const struct node *n, uint32_t id)
{
	struct flow f;

	if (!(entry_has(table_entry(&n->remote, id)) & HAS_MASTER))
		return false;
	table_load(&n->remote, id, &f);
	return flow_is_related(&f);
}

/*
 * Has the running commit passed this flow, so that it has to go back to it?  Not once the walk is
 * over: a peer that goes on updating would keep the commit from ever ending.
 */
static bool
commit_passed(const struct node *n, uint32_t id)
{
	const struct job *job = &n->jobs[JOB_COMMIT];

	if (!job->running || job->phase >= PHASE_LAST)
		return false;
	if (job->phase >= PHASE_OWN)
		return true;
	if (is_related(n, id))
		return job->phase == PHASE_RELATED && id <= job->cursor;
	return table_entry(&n->remote, id)->turn == TURN_NOW &&
	    (job->phase == PHASE_RELATED || job->turn > TURN_NOW || id <= job->cursor);
}

void
commit_follow(struct node *n, uint32_t id)
{
	const struct entry *e = table_entry(&n->remote, id);

	if (e->queue != 0 || (e->flags & ENTRY_REWRITE))
		return;
	if (n->cfg.write_through || commit_passed(n, id) || slot_of_replica(n, id) != NULL)
		queue_push(&n->remote, &n->inject, id);
}

/* The flows are through, and their expectations come after them. */
static void
begin_expects(struct node *n)
{
	struct job *job = &n->jobs[JOB_COMMIT];

	job->phase = PHASE_EXPECTS;
	if (job->expects)
		expect_commit(n);
}

/* And those are, too: what changed behind the walk is left. */
static bool
end_expects(struct node *n)
{
	struct job *job = &n->jobs[JOB_COMMIT];

	if (job->running && job->phase == PHASE_EXPECTS && expect_committed(n)) {
		job->phase = PHASE_LAST;
		job->count = n->inject.count + n->rewrites + n->jobs[JOB_INJECT].out;
	}
	return job->phase >= PHASE_LAST && expect_committed(n);
}

void
commit_start(struct node *n, bool flows, bool expects, ms_t now)
{
	struct job *job = &n->jobs[JOB_COMMIT];

	if (job->running)
		return;
	memset(job, 0, sizeof(*job));
	memset(&n->tally, 0, sizeof(n->tally));
	n->commit_errors_told = 0;
	n->commit_conflicts_told = 0;
	n->failures.count = 0;
	job->running = true;
	job->started = now;
	job->expects = expects && n->cfg.expects > 0;
	n->tally.flows = flows;
	n->tally.expects = job->expects;
	n->stats.commits++;
	if (!flows)
		begin_expects(n);
}

void
commit_adopts(struct node *n)
{
	/* One that is about expectations only is followed by another, which whoever ordered this begins. */
	n->jobs[JOB_COMMIT].adopts |= n->tally.flows;
}

void
commit_adopts_not(struct node *n)
{
	n->jobs[JOB_COMMIT].adopts = false;
	n->jobs[JOB_COMMIT].cursor = n->jobs[JOB_COMMIT].phase == PHASE_OURS
	    ? n->remote.high
	    : n->jobs[JOB_COMMIT].cursor;
}

bool
commit_pull_changed(struct node *n, struct kernel_op *op, ms_t now)
{
	uint32_t id;

	while (n->inject.head != ENTRY_NONE) {
		struct op_slot *s;
		bool dead, write;

		id = n->inject.head;
		dead = table_entry(&n->remote, id)->flags & ENTRY_DEAD;
		if (slot_of_replica(n, id) != NULL) {
			/* What is in the kernel is not known before the answer, which brings it back. */
			queue_remove(&n->remote, &n->inject, id);
			table_entry(&n->remote, id)->flags |= ENTRY_REWRITE;
			n->rewrites++;
			continue;
		}
		s = slot_take(n, JOB_INJECT, &n->remote, id);
		if (s == NULL)
			return false;
		queue_remove(&n->remote, &n->inject, id);
		write = dead ? replica_prepare_delete(n, s) : replica_prepare(n, s, now);
		if (write) {
			*op = s->op;
			return true;
		}
		slot_free(n, s);
		if (dead)
			remote_remove(n, id);
	}
	return false;
}

/*
 * Is the master of this related flow itself one that has yet to be written?  Chains of them occur: the
 * call signalling, its control channel, its media.
 */
static bool
waits_for_master(const struct node *n, uint32_t id)
{
	uint32_t master, local;
	struct flow f;

	table_load(&n->remote, id, &f);
	master = table_find(&n->remote, &f.rare.master);
	if (master == ENTRY_NONE || (table_entry(&n->remote, master)->flags & ENTRY_DEAD) ||
	    !is_related(n, master))
		return false;
	local = table_find(&n->local, &f.rare.master);
	return local == ENTRY_NONE || (table_entry(&n->local, local)->flags & ENTRY_DEAD);
}

/*
 * Does the kernel, for all that the peer told, see packets of it go both ways?  Where a state is kept it
 * is the first byte.
 */
static bool
is_whole(const struct entry *e)
{
	if (e->key.l4 == L4_TCP)
		return (entry_has(e) & HAS_STATE) && e->l4[0] == TCP_ESTABLISHED;
	return entry_status(e) & (ST_SEEN_REPLY | ST_ASSURED);
}

/* What was only told in a full resend is as old as its timeout says. */
static int64_t
idle_ms(const struct entry *e)
{
	struct flow f = {.key.l4 = e->key.l4, .has = entry_has(e), .status = entry_status(e)};
	uint32_t whole_s, left_s = entry_timeout(e);

	if (!(e->flags & ENTRY_RETOLD) || !(f.has & HAS_TIMEOUT))
		return 0;
	f.l4.tcp.state = e->key.l4 == L4_TCP ? e->l4[0] : 0;
	whole_s = commit_default_timeout(&f);
	return left_s < whole_s ? (int64_t)(whole_s - left_s) * 1000 : 0;
}

/* Its age is that of when its owner was last heard, however long it took to find that one dead. */
static uint8_t
turn_of(const struct node *n, const struct job *job, const struct entry *e)
{
	ms_t last = job->started;

	if (e->peer < NODE_PEERS_MAX)
		last = ms_earlier(last, n->peers[e->peer].heard);
	return (uint8_t)commit_turn(is_whole(e), ms_since(last, entry_changed(e)) + idle_ms(e));
}

/* The first walk gives each its turn; those whose turn it is not yet have it in a later one. */
static bool
is_its_turn(const struct node *n, struct job *job, struct entry *e)
{
	if (job->turn == TURN_NOW) {
		e->turn = turn_of(n, job, e);
		job->turn_left[e->turn]++;
		return e->turn == TURN_NOW;
	}
	if (e->turn != job->turn)
		return false;
	e->turn = TURN_NOW;
	job->turn_left[job->turn]--;
	return true;
}

/* The next walk of this phase that finds something; false if there is none. */
static bool
next_turn(struct job *job)
{
	/* Asked again and again while answers are awaited, it stays at the last. */
	while (job->phase == PHASE_MASTERS && job->turn + 1 < COMMIT_TURNS) {
		job->turn++;
		if (job->turn_left[job->turn] == 0)
			continue;
		job->cursor = job->foreseen = 0;
		return true;
	}
	return false;
}

/* The walk has come to this replica: is it to be written now? */
static bool
has_its_turn(struct node *n, struct job *job, uint32_t id)
{
	struct entry *e = table_entry(&n->remote, id);

	/* One that has died since does not keep the turn that it was given. */
	if (job->phase == PHASE_MASTERS && job->turn > TURN_NOW && !is_its_turn(n, job, e))
		return false;
	if ((e->flags & ENTRY_DEAD) || is_related(n, id) != (job->phase == PHASE_RELATED))
		return false;
	if (job->phase == PHASE_MASTERS)
		return job->turn > TURN_NOW || is_its_turn(n, job, e);
	/* From the second walk on only those that were put off. */
	if (job->walks > 0 && !(e->flags & ENTRY_PUT_OFF))
		return false;
	if (!job->last_walk && waits_for_master(n, id)) {
		e->flags |= ENTRY_PUT_OFF;
		job->put_off++;
		return false;
	}
	e->flags = (uint16_t)(e->flags & ~ENTRY_PUT_OFF);
	return true;
}

/* The next phase; or the same once more for what was put off, as long as that helps. */
static void
next_walk(struct job *job)
{
	job->cursor = job->foreseen = 0;
	if (job->put_off > 0) {
		job->last_walk = job->walks > 0 && job->put_off >= job->put_off_before;
		job->put_off_before = job->put_off;
		job->put_off = 0;
		job->walks++;
		return;
	}
	job->phase++;
	job->walks = 0;
}

/* Has the memory fetched in which these replicas, from `id` on, will be looked for among our own flows. */
static void
foresee(const struct node *n, struct job *job, uint32_t id)
{
	uint32_t buckets[AHEAD_MAX];
	uint32_t last = id + AHEAD_STEPS_MAX;
	size_t count = 0;

	for (; count < AHEAD_MAX && id != ENTRY_NONE; id = table_next_until(&n->remote, id, last)) {
		const struct entry *e = table_entry(&n->remote, id);
		struct flow_key key;

		job->foreseen = id;
		if (job->phase == PHASE_MASTERS &&
		    (job->turn > TURN_NOW ? e->turn : turn_of(n, job, e)) != job->turn)
			continue;
		table_key(&n->remote, id, &key);
		buckets[count++] = table_foresee(&n->local, &key);
	}
	for (size_t i = 0; i < count; i++)
		table_foresee_entry(&n->local, buckets[i]);
}

bool
commit_pull(struct node *n, struct kernel_op *op, ms_t now)
{
	struct job *job = &n->jobs[JOB_COMMIT];
	struct op_slot *s;
	uint32_t id;

	while (job->running && job->phase < PHASE_OWN && n->ops_free > 0) {
		id = walk_next(n, &n->remote, &job->cursor);
		if (id == ENTRY_NONE) {
			if (n->scan_paused)
				return false;
			if (next_turn(job))
				continue;
			/* Related flows need their masters in place. */
			if (job->out > 0)
				return false;
			next_walk(job);
			continue;
		}
		if (id > job->foreseen)
			foresee(n, job, id);
		if (!has_its_turn(n, job, id))
			continue;
		n->tally.total++;
		s = slot_of_replica(n, id);
		if (s != NULL && !s->removes) {
			slot_join_commit(n, s);
			continue;
		}
		s = slot_take(n, JOB_COMMIT, &n->remote, id);
		s->counted = true;
		if (replica_prepare(n, s, now)) {
			*op = s->op;
			return true;
		}
		slot_free(n, s);
	}
	return false;
}

/* Does the kernel, for all we know, still hold this TCP flow to the windows that it saw itself? */
static bool
is_strict(const struct flow *f)
{
	const struct flow_tcp *tcp = &f->l4.tcp;

	return f->key.l4 == L4_TCP &&
	    (!(f->has & HAS_TCP_FLAGS) ||
		!(tcp->flags_orig & tcp->flags_repl & TCP_FLAG_LIBERAL));
}

/* A peer saw the connection end, and no other one says that it lives. */
static bool
is_over(const struct node *n, const struct entry *e, const struct flow_key *key)
{
	uint32_t replica;

	if (!(e->flags & ENTRY_OVER))
		return false;
	replica = table_find(&n->remote, key);
	return replica == ENTRY_NONE || (table_entry(&n->remote, replica)->flags & ENTRY_DEAD);
}

/* An entry of the kernel's own that the commit has something to do with: fills in what. */
static bool
prepare_own(const struct node *n, uint32_t id, struct kernel_op *op)
{
	const struct entry *e = table_entry(&n->local, id);
	const uint32_t key = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_ZONE;

	if (e->flags & ENTRY_DEAD)
		return false;
	table_load(&n->local, id, &op->flow);
	/* By its id, so that a new flow on the tuple is not hit. */
	if (is_over(n, e, &op->flow.key) && (op->flow.has & HAS_ID)) {
		op->type = KOP_DELETE;
		return true;
	}
	if (n->cfg.tcp_window_tracking || !is_strict(&op->flow))
		return false;
	op->type = KOP_UPDATE;
	op->tcp_liberal = true;
	op->flow.has &= key;
	return true;
}

/*
 * Flows that this kernel has from before may have gone on elsewhere meanwhile, also those that no
 * peer has named yet or whose entry was left alone: by the windows it remembers, their next segments
 * would be invalid.  So a takeover switches the checks off for all, as it does for what it writes.
 * And those that a peer saw to their end are over here, too.
 */
bool
commit_pull_own(struct node *n, struct kernel_op *op)
{
	struct job *job = &n->jobs[JOB_COMMIT];
	struct op_slot *s;
	uint32_t id;

	while (job->running && job->phase == PHASE_OWN && n->ops_free > 0) {
		id = walk_next(n, &n->local, &job->cursor);
		if (id == ENTRY_NONE) {
			if (n->scan_paused || job->out > 0)
				return false;
			begin_expects(n);
			return false;
		}
		op->tcp_liberal = false;
		if (!prepare_own(n, id, op))
			continue;
		s = slot_take(n, JOB_COMMIT, &n->local, id);
		s->own = true;
		op->cookie = s->op.cookie;
		s->op = *op;
		return true;
	}
	return false;
}

/*
 * What the kernel has now, written or left as it was, is ours: as a peer's it would be committed again
 * after it has ended here, if that peer is not there to say so.  What could not be written stays.
 */
static void
adopt(struct node *n, uint32_t id)
{
	const struct entry *e = table_entry(&n->remote, id);
	struct flow_key key;
	uint32_t local;

	if ((e->flags & (ENTRY_DEAD | ENTRY_REWRITE)) || e->queue != 0 || slot_of_replica(n, id) != NULL)
		return;
	table_key(&n->remote, id, &key);
	local = table_find(&n->local, &key);
	if (local != ENTRY_NONE && !(table_entry(&n->local, local)->flags & ENTRY_DEAD))
		remote_remove(n, id);
}

bool
commit_adopts_now(const struct node *n)
{
	return n->jobs[JOB_COMMIT].running && n->jobs[JOB_COMMIT].phase == PHASE_OURS;
}

void
commit_adopt(struct node *n)
{
	struct job *job = &n->jobs[JOB_COMMIT];
	uint32_t id;

	if (!commit_adopts_now(n))
		return;
	while ((id = walk_next(n, &n->remote, &job->cursor)) != ENTRY_NONE)
		adopt(n, id);
}

void
commit_failed(struct failures *all, int error, const struct flow *f, const struct expect *e)
{
	struct commit_failure *next;

	for (size_t i = 0; i < all->count; i++) {
		if (all->list[i].error == error && all->list[i].of_expects == (e != NULL)) {
			all->list[i].count++;
			return;
		}
	}
	if (all->count == COMMIT_FAILURES_MAX)
		return;
	next = &all->list[all->count++];
	*next = (struct commit_failure){.error = error, .count = 1, .of_expects = e != NULL};
	if (e != NULL)
		next->expect = *e;
	else
		next->flow = *f;
}

const struct commit_failure *
node_commit_failure(const struct node *n, bool rehearsed, size_t i)
{
	const struct failures *all = rehearsed ? &n->rehearsed_failures : &n->failures;

	return i < all->count ? &all->list[i] : NULL;
}

void
commit_settle(struct node *n, ms_t now)
{
	struct job *job = &n->jobs[JOB_COMMIT];
	struct notice *note;

	if (!job->running || !end_expects(n) || job->count > 0)
		return;
	if (job->adopts && job->phase == PHASE_LAST) {
		job->phase = PHASE_OURS;
		job->cursor = 0;
		/* No answer comes that would have us asked again. */
		n->scan_paused = true;
		return;
	}
	if (job->phase == PHASE_OURS && job->cursor < n->remote.high)
		return;
	job->running = false;
	if (n->flush_external)
		remote_flush(n);
	n->flush_external = false;
	if (n->flush_internal)
		local_flush(n, now);
	n->tally.took_ms = ms_since(now, job->started);
	note = node_notice(n, NOTE_COMMIT_DONE);
	note->commit = n->tally;
}

static void
own_result(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	uint32_t id = slot_local(n, s);
	struct flow f;

	/* An entry that is gone meanwhile needs nothing; its end is told by an event. */
	if (res->error == 0 && id != ENTRY_NONE && s->op.type == KOP_DELETE) {
		n->tally.ended++;
		n->stats.commit_ended++;
		local_destroyed(n, id, now);
	} else if (res->error == 0 && id != ENTRY_NONE) {
		table_load(&n->local, id, &f);
		f.l4.tcp.flags_orig |= TCP_FLAG_LIBERAL;
		f.l4.tcp.flags_repl |= TCP_FLAG_LIBERAL;
		f.has |= HAS_TCP_FLAGS;
		table_store(&n->local, id, &f);
		n->stats.commit_loosened++;
	}
	slot_free(n, s);
}

void
commit_answered(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	if (s->own)
		own_result(n, s, res, now);
	else
		replica_answered(n, s, res, now);
}
