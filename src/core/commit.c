/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit.c: which replica goes to the kernel when: all of them in a commit, those that change
 * meanwhile, and with CacheWriteThrough every one at once.
 */
#include "engine.h"

#include <string.h>

/* Flows that are looked ahead at, so that waits for memory overlap. */
enum { AHEAD_MAX = 16 };

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

	if (!job->running || job->phase == PHASE_LAST)
		return false;
	if (job->phase >= PHASE_OWN)
		return true;
	if (is_related(n, id))
		return job->phase == PHASE_RELATED && id <= job->cursor;
	return job->phase == PHASE_RELATED || id <= job->cursor;
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
	return job->phase == PHASE_LAST && expect_committed(n);
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
	job->running = true;
	job->started = now;
	job->expects = expects && n->cfg.expects > 0;
	n->tally.flows = flows;
	n->tally.expects = job->expects;
	n->stats.commits++;
	if (!flows)
		begin_expects(n);
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

/* The walk has come to this replica: is it to be written now? */
static bool
has_its_turn(struct node *n, struct job *job, uint32_t id)
{
	struct entry *e = table_entry(&n->remote, id);

	if ((e->flags & ENTRY_DEAD) || is_related(n, id) != (job->phase == PHASE_RELATED))
		return false;
	if (job->phase == PHASE_MASTERS)
		return true;
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
	size_t count = 0;

	for (; count < AHEAD_MAX && id != ENTRY_NONE; id = table_next(&n->remote, id)) {
		struct flow_key key;

		table_key(&n->remote, id, &key);
		buckets[count++] = table_foresee(&n->local, &key);
		job->foreseen = id;
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

void
commit_settle(struct node *n, ms_t now)
{
	struct job *job = &n->jobs[JOB_COMMIT];
	struct notice *note;

	if (!job->running || !end_expects(n) || job->count > 0)
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
