/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.c: what is asked of the kernel, in which order, and whose the answers are.  Here are also
 * the two jobs that only walk the local table: flush, and the check after a read.
 */
#include <errno.h>
#include <string.h>

#include "engine.h"

enum { WALK_TRIES_MAX = 6 };

/* ---- flush and verify ---- */

void
kernel_flush_start(struct node *n, ms_t now)
{
	struct job *job = &n->jobs[JOB_FLUSH];
	uint32_t out = job->out;

	if (job->running)
		return;
	memset(job, 0, sizeof(*job));
	/* Those of one that was stopped are still answered. */
	job->out = out;
	job->running = true;
	job->started = now;
}

void
kernel_flush_stop(struct node *n)
{
	struct job *job = &n->jobs[JOB_FLUSH];

	if (!job->running)
		return;
	job->running = false;
	node_notice(n, NOTE_KERNEL_FLUSH_DONE)->count = job->count;
}

void
kernel_verify_start(struct node *n, ms_t now)
{
	struct job *job = &n->jobs[JOB_VERIFY];
	uint32_t out = job->out;

	memset(job, 0, sizeof(*job));
	job->out = out;
	job->running = true;
	job->started = now;
}

/* Walks the local table: a look at each flow that the last read did not name, or a delete of each. */
static bool
pull_walk(struct node *n, enum job_id id_job, struct kernel_op *op)
{
	struct job *job = &n->jobs[id_job];
	struct op_slot *s;
	uint32_t id;

	while (job->running && n->ops_free > 0) {
		const struct entry *e;

		id = walk_next(n, &n->local, &job->cursor);
		if (id == ENTRY_NONE)
			return false;
		e = table_entry(&n->local, id);
		if ((e->flags & ENTRY_DEAD) || (id_job == JOB_VERIFY && e->gen == n->read_gen))
			continue;
		s = slot_take(n, id_job, &n->local, id);
		table_load(&n->local, id, &s->op.flow);
		s->op.type = id_job == JOB_VERIFY ? KOP_GET : KOP_DELETE;
		*op = s->op;
		return true;
	}
	return false;
}

/* ---- the order ---- */

/* Notices jobs that have nothing left to do. */
static void
settle(struct node *n, ms_t now)
{
	struct job *verify = &n->jobs[JOB_VERIFY];
	struct job *flush = &n->jobs[JOB_FLUSH];

	commit_settle(n, now);
	rehearse_settle(n, now);
	if (verify->running && verify->out == 0 && verify->cursor >= n->local.high) {
		verify->running = false;
		local_verify_done(n, now);
	}
	if (flush->running && flush->out == 0 && flush->cursor >= n->local.high) {
		flush->running = false;
		node_notice(n, NOTE_KERNEL_FLUSH_DONE)->count = flush->count;
	}
}

/* Are expectations written by order?  Others come after the flows that they belong to. */
static bool
has_an_end(const struct node *n)
{
	const struct job *commit = &n->jobs[JOB_COMMIT];

	return n->expects_flushing || (commit->running && commit->phase == PHASE_EXPECTS);
}

bool
request_pull(struct node *n, struct kernel_op *op, ms_t now)
{
	bool paused;

	for (size_t i = 0; n->ops_retry > 0 && i < OPS_MAX; i++) {
		if (n->ops[i].state != SLOT_RETRY)
			continue;
		n->ops[i].state = SLOT_OUT;
		n->ops_retry--;
		if ((n->ops[i].job == JOB_COMMIT || n->ops[i].job == JOB_INJECT) &&
		    !replica_goes_on(n, &n->ops[i]))
			continue;
		*op = n->ops[i].op;
		return true;
	}
	/* What has an end comes first: the stream of the peers' changes has none. */
	n->scan_paused = false;
	commit_adopt(n);
	if (commit_pull(n, op, now) || commit_pull_own(n, op) || pull_walk(n, JOB_VERIFY, op) ||
	    pull_walk(n, JOB_FLUSH, op))
		return true;
	if (!n->scan_paused && (rehearse_pull(n, op, now) || (has_an_end(n) && expect_pull(n, op, now)) ||
	    commit_pull_changed(n, op, now) || expect_pull(n, op, now)))
		return true;
	n->scan_left = SCAN_MAX;
	paused = n->scan_paused;
	settle(n, now);
	if (commit_adopts_now(n)) {
		n->scan_paused = paused;
		commit_adopt(n);
		settle(n, now);
	}
	return false;
}

/* ---- answers ---- */

static void
walk_result(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	uint32_t id = slot_local(n, s);
	bool passing = res->error == EAGAIN || res->error == EINTR || res->error == ETIMEDOUT;

	if (passing && id != ENTRY_NONE && ++s->tries < WALK_TRIES_MAX) {
		slot_retry(n, s, s->op.type);
		return;
	}
	/* What has ended by itself meanwhile, an event tells. */
	if (s->job == JOB_FLUSH && id != ENTRY_NONE && res->error == 0) {
		n->jobs[JOB_FLUSH].count++;
		n->stats.local_destroyed++;
		local_gone(n, id);
	} else if (s->job == JOB_VERIFY && id != ENTRY_NONE && res->error == ENOENT) {
		local_destroyed(n, id, now);
	} else if (s->job == JOB_VERIFY && id != ENTRY_NONE && res->has_flow) {
		local_looked_at(n, id, &res->flow, s->which, now);
	} else if (s->job == JOB_VERIFY && s->which && id == ENTRY_NONE && res->has_flow) {
		local_found(n, &res->flow, now);
	}
	slot_free(n, s);
}

void
request_answered(struct node *n, const struct kernel_result *res, ms_t now)
{
	struct op_slot *s;

	if (res->cookie >= OPS_MAX && res->cookie - OPS_MAX < EXPECT_OPS_MAX &&
	    n->expect_ops[res->cookie - OPS_MAX].out) {
		expect_answered(n, res, now);
		settle(n, now);
		return;
	}
	if (res->cookie >= OPS_MAX || n->ops[res->cookie].state != SLOT_OUT) {
		n->stats.kernel_result_stray++;
		return;
	}
	s = &n->ops[res->cookie];
	if (s->job == JOB_VERIFY || s->job == JOB_FLUSH)
		walk_result(n, s, res, now);
	else if (s->job == JOB_REHEARSE)
		rehearse_answered(n, s, res);
	else
		commit_answered(n, s, res, now);
	settle(n, now);
}
