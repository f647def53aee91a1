/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rehearse.c: what a commit would do.  The kernel is asked who has the tuples of flows that would be created;
 * of those that we know we say what we know.  Whether it would take every attribute nobody can say who does
 * not write.
 */
#include <errno.h>
#include <string.h>

#include "engine.h"

enum { TRIES_MAX = 6 };

void
rehearse_start(struct node *n, ms_t now)
{
	struct job *job = &n->jobs[JOB_REHEARSE];
	uint32_t out = job->out;

	if (job->running)
		return;
	memset(job, 0, sizeof(*job));
	memset(&n->rehearsed, 0, sizeof(n->rehearsed));
	n->rehearsed_failures.count = 0;
	job->out = out;
	job->running = true;
	job->started = now;
	n->rehearsed.flows = true;
	n->rehearsed.expects = n->cfg.expects > 0;
	n->rehearsed.expects_created = n->remote_expects.count - n->remote_expects.dead;
}

static void
end(struct node *n, bool cut_short)
{
	struct notice *note;

	n->jobs[JOB_REHEARSE].running = false;
	note = node_notice(n, NOTE_REHEARSED);
	note->commit = n->rehearsed;
	note->count = cut_short;
}

void
rehearse_stop(struct node *n)
{
	if (!n->jobs[JOB_REHEARSE].running)
		return;
	/* Answers that are still to come are of no use. */
	for (size_t i = 0; i < OPS_MAX; i++) {
		if (n->ops[i].job == JOB_REHEARSE)
			n->ops[i].counted = false;
	}
	end(n, true);
}

void
rehearse_settle(struct node *n, ms_t now)
{
	struct job *job = &n->jobs[JOB_REHEARSE];

	if (!job->running || job->out > 0 || job->cursor < n->remote.high)
		return;
	n->rehearsed.took_ms = ms_since(now, job->started);
	end(n, false);
}

static bool
is_there(const struct table *t, const struct flow_key *key)
{
	uint32_t id = table_find(t, key);

	return id != ENTRY_NONE && !(table_entry(t, id)->flags & ENTRY_DEAD);
}

/* Its master is known nowhere: it would be written without. */
static bool
lacks_master(const struct node *n, const struct flow *f)
{
	return flow_is_related(f) && !is_there(&n->local, &f->rare.master) &&
	    !is_there(&n->remote, &f->rare.master);
}

static void
count(struct node *n, enum commit_verdict verdict, const struct flow *f)
{
	struct commit_tally *t = &n->rehearsed;

	t->created += verdict == COMMIT_CREATE;
	t->updated += verdict == COMMIT_UPDATE;
	t->replaced += verdict == COMMIT_REPLACE;
	t->current += verdict == COMMIT_LEAVE;
	t->degraded += verdict != COMMIT_LEAVE && lacks_master(n, f);
}

/* Can it be said without the kernel? */
static bool
is_known(struct node *n, const struct op_slot *s, ms_t now)
{
	const struct flow *f = &s->op.flow;
	uint32_t local = table_find(&n->local, &f->key);
	struct flow kernel;

	if (local == ENTRY_NONE || (table_entry(&n->local, local)->flags & ENTRY_DEAD)) {
		if (!replica_has_run_out(n, s->id, now))
			return false;
		n->rehearsed.expired++;
		return true;
	}
	table_load(&n->local, local, &kernel);
	count(n, replica_decide(n, f, &kernel, replica_age_beside(n, s, local)), f);
	return true;
}

bool
rehearse_pull(struct node *n, struct kernel_op *op, ms_t now)
{
	struct job *job = &n->jobs[JOB_REHEARSE];
	struct op_slot *s;
	uint32_t id;

	while (job->running && n->ops_free > 0) {
		id = walk_next(n, &n->remote, &job->cursor);
		if (id == ENTRY_NONE)
			return false;
		if (table_entry(&n->remote, id)->flags & ENTRY_DEAD)
			continue;
		n->rehearsed.total++;
		s = slot_take(n, JOB_REHEARSE, &n->remote, id);
		s->counted = true;
		replica_to_write(n, id, &s->op.flow, now);
		if (is_known(n, s, now)) {
			slot_free(n, s);
			continue;
		}
		s->op.type = KOP_GET_REPLY;
		*op = s->op;
		return true;
	}
	return false;
}

/* Somebody has its reply tuple: itself, or another flow. */
static void
taken(struct node *n, const struct op_slot *s, const struct flow *kernel)
{
	const struct flow *f = &s->op.flow;
	enum commit_age age = replica_age_of_found(n, s, kernel);

	if (flow_key_equal(&kernel->key, &f->key)) {
		count(n, replica_decide(n, f, kernel, age), f);
	} else if (commit_makes_way(kernel, f, age)) {
		count(n, COMMIT_REPLACE, f);
	} else {
		n->rehearsed.failed++;
		commit_failed(&n->rehearsed_failures, EEXIST, f, NULL);
	}
}

void
rehearse_answered(struct node *n, struct op_slot *s, const struct kernel_result *res)
{
	bool passing = res->error == EAGAIN || res->error == EINTR || res->error == ETIMEDOUT;

	if (passing && ++s->tries < TRIES_MAX) {
		slot_retry(n, s, KOP_GET_REPLY);
		return;
	}
	if (!s->counted) {
		/* Of one that was cut short. */
	} else if (res->error == ENOENT) {
		count(n, COMMIT_CREATE, &s->op.flow);
	} else if (res->error == 0 && res->has_flow) {
		taken(n, s, &res->flow);
	} else {
		n->rehearsed.failed++;
		commit_failed(&n->rehearsed_failures, res->error != 0 ? res->error : EEXIST, &s->op.flow, NULL);
	}
	slot_free(n, s);
}
