/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "incumbent_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
draw(struct incumbent *inc)
{
	inc->rng ^= inc->rng << 13;
	inc->rng ^= inc->rng >> 7;
	inc->rng ^= inc->rng << 17;
	return inc->rng;
}

/* Whole seconds from 1 to RefreshTime, and a fifth of a second one to five times. */
void
incumbent_draw_refresh(struct incumbent *inc, struct object *o, ms_t now)
{
	int64_t in_ms = 1000 * (int64_t)(1 + draw(inc) % inc->cfg.refresh_s) +
	    200 * (int64_t)(1 + draw(inc) % 5);
	struct cache *c = o->item.kind == ITEM_EXPECT ? &inc->expects : &inc->internal;

	cache_set_due(c, o, ms_add(now, in_ms));
}

/* ---- events and reads ---- */

static void
changed(struct incumbent *inc, struct object *o, bool say, ms_t now)
{
	if (inc->cfg.mode == MODE_ALARM)
		incumbent_draw_refresh(inc, o, now);
	if (say)
		incumbent_enqueue(inc, o);
}

/*
 * A flow into the internal cache.  One that is dead and waits to be acknowledged makes way without
 * a trace, whatever comes: what is said of the tuple next is NEW, and its DEL is not said again.
 */
static void
upsert(struct incumbent *inc, const struct flow *f, bool replace, bool say, ms_t now)
{
	struct object *o = cache_find_flow(&inc->internal, &f->key);

	if (o != NULL && (replace || o->state == OBJECT_DEAD)) {
		cache_remove(&inc->internal, o);
		o = NULL;
	}
	if (o != NULL)
		cache_merge_flow(o, f, now);
	else
		o = cache_add_flow(&inc->internal, f, now);
	if (o == NULL)
		inc->stats.full++;
	else
		changed(inc, o, say, now);
}

/* The end of an object: told to the peer, or not. */
static void
destroyed(struct incumbent *inc, struct object *o, bool say)
{
	struct cache *c = o->item.kind == ITEM_EXPECT ? &inc->expects : &inc->internal;

	if (!say) {
		cache_remove(c, o);
		return;
	}
	o->state = OBJECT_DEAD;
	o->due = MS_NEVER;
	incumbent_enqueue(inc, o);
}

/*
 * Events that our own writes caused, commits and flushes, change the cache and are not sent: after
 * a commit nobody hears of the flows until -B.
 */
void
incumbent_kernel_event(struct incumbent *inc, const struct kernel_event *ev, ms_t now)
{
	ms_t clock = inc->clock;
	struct object *o;

	inc->clock = now;
	if (ev->type != KEV_DESTROY) {
		upsert(inc, &ev->flow, ev->type == KEV_NEW, !ev->own, clock);
		return;
	}
	o = cache_find_flow(&inc->internal, &ev->flow.key);
	if (o != NULL)
		destroyed(inc, o, !ev->own);
}

void
incumbent_expect_event(struct incumbent *inc, enum kernel_event_type type, bool own,
    const struct expect *e, ms_t now)
{
	struct object *o = cache_find_expect(&inc->expects, e);
	ms_t clock = inc->clock;

	inc->clock = now;
	if (type == KEV_DESTROY) {
		if (o != NULL)
			destroyed(inc, o, !own);
		return;
	}
	if (o != NULL && (type == KEV_NEW || o->state == OBJECT_DEAD)) {
		cache_remove(&inc->expects, o);
		o = NULL;
	}
	if (o != NULL) {
		o->expect = *e;
		o->state = OBJECT_UPDATED;
		o->updated = clock;
	} else {
		o = cache_add_expect(&inc->expects, e, clock);
	}
	if (o != NULL)
		changed(inc, o, !own, clock);
}

void
incumbent_kernel_overrun(struct incumbent *inc, ms_t now)
{
	/* Each overrun puts the read off again. */
	inc->read_at = ms_add(now, OVERRUN_READ_MS);
}

bool
incumbent_wants_read(const struct incumbent *inc)
{
	return inc->wants_read;
}

void
incumbent_kernel_read_begin(struct incumbent *inc, bool announce, ms_t now)
{
	inc->clock = now;
	inc->reading = true;
	inc->announce = announce;
	if (announce)
		inc->wants_read = false;
}

void
incumbent_kernel_read_flow(struct incumbent *inc, const struct flow *flow, ms_t now)
{
	if (inc->reading)
		upsert(inc, flow, false, inc->announce, now);
}

/* ---- requests, one at a time ---- */

void
job_free(struct job *job)
{
	free(job->flows);
	memset(job, 0, sizeof(*job));
}

static void
job_add(struct job *job, const struct flow *f)
{
	if (job->count == job->room) {
		job->room = job->room > 0 ? 2 * job->room : 64;
		job->flows = realloc(job->flows, job->room * sizeof(struct flow));
		ASSERT(job->flows != NULL);
	}
	job->flows[job->count++] = *f;
}

static void
job_start(struct job *job, const struct cache *c)
{
	job_free(job);
	for (uint32_t i = 0; i < c->used; i++) {
		if (c->slots[i] != NULL && c->slots[i]->state != OBJECT_DEAD)
			job_add(job, &c->slots[i]->flow);
	}
	job->running = job->count > 0;
}

static void
job_next(struct job *job)
{
	if (++job->at >= job->count)
		job_free(job);
}

void
incumbent_kernel_read_end(struct incumbent *inc, bool complete, ms_t now)
{
	(void)complete; /* it does not notice */
	(void)now;
	if (inc->reading && inc->announce)
		job_start(&inc->check, &inc->internal);
	inc->reading = false;
}

/* In a child process, of which there is one at most. */
void
incumbent_flush_kernel(struct incumbent *inc)
{
	if (!inc->flush.running)
		job_start(&inc->flush, &inc->internal);
}

static bool
is_related(const struct flow *f)
{
	const uint32_t master = HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;

	return (f->has & master) == master;
}

/* What is left of a replica's time, by the clock of the last message about it. */
static void
set_commit_timeout(const struct incumbent *inc, const struct object *o, struct flow *f, ms_t now)
{
	int64_t elapsed = (int64_t)ms_second(now) - (int64_t)ms_second(o->updated);
	int64_t left = (f->has & HAS_TIMEOUT ? (int64_t)f->timeout_s : 0) - elapsed;

	if (inc->cfg.commit_timeout_s != 0)
		left = inc->cfg.commit_timeout_s;
	else if (left < 0 || elapsed < 0)
		left = COMMIT_TIMEOUT_S;
	if (left == 0)
		return; /* as received; the kernel refuses a flow that has none */
	f->timeout_s = (uint32_t)left;
	f->has |= HAS_TIMEOUT;
}

/* The flow as it is written.  DYING and OFFLOAD are left in: the kernel refuses them. */
static struct flow
to_write(const struct incumbent *inc, const struct object *o, ms_t now)
{
	struct flow f = o->flow;

	f.status = (f.status & ~(uint32_t)ST_EXPECTED) | ST_CONFIRMED;
	f.has |= HAS_STATUS | HAS_REPLY;
	f.has &= ~(uint32_t)HAS_ID;
	if (flow_l4_is_icmp(f.key.l4))
		f.has &= ~(uint32_t)(HAS_SPAT | HAS_DPAT);
	if (!is_related(&f))
		f.has &= ~(uint32_t)(HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS);
	set_commit_timeout(inc, o, &f, now);
	return f;
}

/* One turn of the program's loop: what stands in the next eighth of the buckets. */
static void
commit_slice(struct incumbent *inc, ms_t now)
{
	struct job *job = &inc->commit;
	bool related = inc->commit_pass == 1;
	size_t from = (size_t)inc->commit_slice * SLICE;

	job->count = 0;
	job->at = 0;
	inc->commit_step = COMMIT_CREATE;
	for (size_t b = from; b < from + SLICE; b++) {
		for (struct object *o = inc->external.buckets[b]; o != NULL; o = o->chain) {
			struct flow f = to_write(inc, o, now);

			if (is_related(&f) == related)
				job_add(job, &f);
		}
	}
}

static void
commit_slice_done(struct incumbent *inc, ms_t now)
{
	if (++inc->commit_slice == COMMIT_SLICES) {
		inc->commit_slice = 0;
		inc->commit_pass++;
	}
	if (inc->commit_pass == 2) {
		inc->stats.commits++;
		inc->commit_at = MS_NEVER;
		job_free(&inc->commit);
	} else {
		inc->commit_at = ms_add(now, 1);
	}
}

/* Turns go on while there is nothing to write in them. */
static void
commit_turn(struct incumbent *inc, ms_t now)
{
	inc->commit_at = MS_NEVER;
	commit_slice(inc, now);
	if (inc->commit.count == 0)
		commit_slice_done(inc, now);
}

void
incumbent_commit(struct incumbent *inc, ms_t now)
{
	if (inc->commit.running)
		return;
	inc->commit.running = true;
	inc->commit_pass = 0;
	inc->commit_slice = 0;
	commit_turn(inc, now);
}

static void
ask(struct incumbent *inc, struct job *job, struct kernel_op *op)
{
	job->asked = true;
	job->cookie = ++inc->requests;
	op->cookie = job->cookie;
}

/* Is this the answer that the job waits for? */
static bool
answered(struct job *job, const struct kernel_result *res)
{
	if (!job->running || !job->asked || res->cookie != job->cookie)
		return false;
	job->asked = false;
	return true;
}

static bool
commit_op(struct incumbent *inc, struct kernel_op *op)
{
	struct job *job = &inc->commit;

	if (!job->running || job->asked || job->at >= job->count)
		return false;
	op->type = inc->commit_step == COMMIT_DELETE ? KOP_DELETE : KOP_CREATE;
	op->flow = job->flows[job->at];
	op->tcp_liberal = op->flow.key.l4 == L4_TCP && !inc->cfg.tcp_window_tracking;
	ask(inc, job, op);
	return true;
}

/*
 * What has the tuple is deleted, however fresh it is, and the create tried once more.  A reply
 * tuple that another flow has stays taken: the delete finds nothing, the second create fails too.
 */
static void
commit_result(struct incumbent *inc, int error, ms_t now)
{
	struct job *job = &inc->commit;

	if (inc->commit_step == COMMIT_CREATE && error == EEXIST) {
		inc->commit_step = COMMIT_DELETE;
		return;
	}
	if (inc->commit_step == COMMIT_DELETE && (error == 0 || error == ENOENT)) {
		inc->commit_step = COMMIT_AGAIN;
		return;
	}
	if (error == 0 && inc->commit_step == COMMIT_AGAIN)
		inc->stats.commit_replaced++;
	if (error == 0)
		inc->stats.committed++;
	else
		inc->stats.commit_failed++;
	inc->commit_step = COMMIT_CREATE;
	if (++job->at >= job->count)
		commit_slice_done(inc, now);
}

static bool
simple_op(struct incumbent *inc, struct job *job, enum kernel_op_type type, struct kernel_op *op)
{
	if (!job->running || job->asked)
		return false;
	op->type = type;
	op->flow = job->flows[job->at];
	op->flow.has &= ~(uint32_t)HAS_ID;
	if (type == KOP_GET) {
		/* The zone is forgotten: zoned flows that live are not found. */
		op->flow.key.zone = 0;
		op->flow.has &= ~(uint32_t)HAS_ZONE;
	}
	ask(inc, job, op);
	return true;
}

bool
incumbent_pull_kernel_op(struct incumbent *inc, struct kernel_op *op, ms_t now)
{
	(void)now;
	memset(op, 0, sizeof(*op));
	return commit_op(inc, op) || simple_op(inc, &inc->flush, KOP_DELETE, op) ||
	    simple_op(inc, &inc->check, KOP_GET, op);
}

static void
check_result(struct incumbent *inc, const struct kernel_result *res)
{
	const struct flow_key *key = &inc->check.flows[inc->check.at].key;
	struct object *o = cache_find_flow(&inc->internal, key);

	if (res->error != 0 && o != NULL) {
		inc->stats.purged++;
		destroyed(inc, o, true);
	}
	job_next(&inc->check);
}

void
incumbent_kernel_result(struct incumbent *inc, const struct kernel_result *res, ms_t now)
{
	if (answered(&inc->commit, res))
		commit_result(inc, res->error, now);
	else if (answered(&inc->flush, res))
		job_next(&inc->flush);
	else if (answered(&inc->check, res))
		check_result(inc, res);
}

bool
incumbent_is_busy(const struct incumbent *inc)
{
	return inc->commit.running || inc->flush.running || inc->check.running;
}

/* ---- time ---- */

void
incumbent_kernel_tick(struct incumbent *inc, ms_t now)
{
	if (ms_reached(now, inc->read_at)) {
		inc->read_at = MS_NEVER;
		inc->wants_read = true;
	}
	if (ms_reached(now, inc->purge_at)) {
		inc->purge_at = MS_NEVER;
		incumbent_flush_kernel(inc);
		cache_clear(&inc->internal);
		cache_clear(&inc->expects);
	}
	if (ms_reached(now, inc->commit_at))
		commit_turn(inc, now);
}

ms_t
incumbent_kernel_deadline(const struct incumbent *inc)
{
	return ms_earlier(inc->commit_at, ms_earlier(inc->read_at, inc->purge_at));
}
