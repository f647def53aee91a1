/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect_remote.c: peers' expectations as they told them, and their way to the kernel.
 */
#include "engine.h"

#include <errno.h>
#include <string.h>

enum { TOLD_MAX = 10, RETRY_MS = 1000 };

/* ---- how they wait to be written ---- */

static void
set_wanted(struct node *n, struct expect_entry *x)
{
	n->expects_wanted += !(x->flags & EXPECT_WANTED);
	x->flags |= EXPECT_WANTED;
	x->tries = 0;
}

static void
unset_wanted(struct node *n, struct expect_entry *x)
{
	n->expects_wanted -= (x->flags & EXPECT_WANTED) != 0;
	x->flags = (uint16_t)(x->flags & ~EXPECT_WANTED);
}

static void
drop(struct node *n, uint32_t id)
{
	unset_wanted(n, expects_entry(&n->remote_expects, id));
	expects_remove(&n->remote_expects, id);
}

/* Does our own kernel expect it, too, and not for a peer's sake? */
static bool
is_expected_here(const struct node *n, const struct expect *e)
{
	uint32_t id = expects_find(&n->local_expects, e);

	return id != 0 && !(expects_entry(&n->local_expects, id)->flags & (EXPECT_DEAD | EXPECT_COPY));
}

/*
 * It is gone at its owner, and leaves the kernel if it is there for his sake.  Where nothing is said
 * twice its place is kept for a moment: what the link still holds of it must not raise it.
 */
static void
died(struct node *n, uint32_t id)
{
	struct expect_entry *x = expects_entry(&n->remote_expects, id);
	bool written = n->cfg.write_through && (x->flags & (EXPECT_WRITTEN | EXPECT_OUT)) &&
	    !is_expected_here(n, &x->e);

	n->stats.expect_remote_destroyed++;
	if (!written && n->mode->tracked) {
		drop(n, id);
		return;
	}
	expects_bury(&n->remote_expects, id);
	if (written)
		set_wanted(n, x);
	else
		unset_wanted(n, x);
}

/* ---- what peers say ---- */

static bool
is_overtaken(const struct node *n, const struct expect_entry *x, const struct peer *p, uint32_t seq,
    ms_t now)
{
	int32_t ahead = seq_cmp(seq, x->seq);

	return !n->mode->tracked && x->peer == (uint8_t)(p - n->peers) && ahead <= 0 &&
	    ahead > -HELLO_GAP_MAX && ms_since(now, x->told) < LATE_MS;
}

static void
told_delete(struct node *n, const struct peer *p, uint32_t id, uint32_t seq, ms_t now)
{
	struct expect_entry *x = expects_entry(&n->remote_expects, id);

	if (id == 0 || (x->flags & EXPECT_DEAD)) {
		n->stats.expect_remote_unknown++;
	} else if (is_overtaken(n, x, p, seq, now)) {
		n->stats.remote_overtaken++;
	} else if (x->peer != PEER_NONE && x->peer != (uint8_t)(p - n->peers)) {
		n->stats.expect_remote_unknown++;
	} else {
		x->seq = seq;
		x->told = now;
		died(n, id);
	}
}

void
expect_told(struct node *n, struct peer *p, const struct wire_msg *m, const struct expect *e, ms_t now)
{
	struct expect_table *t = &n->remote_expects;
	uint32_t id = expects_find(t, e);
	struct expect_entry *x;
	bool news = true;

	if (m->type == WIRE_EXP_DEL) {
		told_delete(n, p, id, m->seq, now);
		return;
	}
	if (id == 0) {
		id = expects_insert(t, e, now);
		if (id == 0) {
			n->stats.expect_remote_full++;
			if (!n->expects_full_told)
				node_notice(n, NOTE_EXPECTS_FULL)->count = t->limit;
			n->expects_full_told = true;
			return;
		}
		n->stats.expect_remote_created++;
		x = expects_entry(t, id);
	} else {
		x = expects_entry(t, id);
		if (is_overtaken(n, x, p, m->seq, now)) {
			n->stats.remote_overtaken++;
			return;
		}
		n->stats.expect_remote_updated++;
		news = (x->flags & EXPECT_DEAD) || !(x->flags & EXPECT_WRITTEN);
		expects_revive(t, id);
		x->e = *e;
	}
	x->peer = (uint8_t)(p - n->peers);
	x->seq = m->seq;
	x->gen = p->epoch;
	x->told = now;
	if (n->mode->refreshed)
		x->deadline = ms_add(now, (int64_t)n->cfg.cache_timeout_s * 1000);
	if (n->cfg.write_through && news)
		set_wanted(n, x);
}

void
expect_sweep(struct node *n, struct peer *p)
{
	struct expect_table *t = &n->remote_expects;

	for (uint32_t id = expects_next(t, 0), next; id != 0; id = next) {
		const struct expect_entry *x = expects_entry(t, id);

		next = expects_next(t, id);
		if (x->peer == (uint8_t)(p - n->peers) && x->gen != p->epoch &&
		    !(x->flags & EXPECT_DEAD))
			died(n, id);
	}
}

void
expect_orphan(struct node *n, const struct peer *p)
{
	struct expect_table *t = &n->remote_expects;

	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		if (expects_entry(t, id)->peer == (uint8_t)(p - n->peers))
			expects_entry(t, id)->peer = PEER_NONE;
	}
}

void
expect_inherit(struct node *n, const struct peer *to, const struct peer *from)
{
	struct expect_table *t = &n->remote_expects;

	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if (x->peer != (uint8_t)(from - n->peers))
			continue;
		x->peer = (uint8_t)(to - n->peers);
		x->gen = (uint16_t)(to->epoch - 1);
	}
}

void
expect_expire(struct node *n, ms_t now)
{
	struct expect_table *t = &n->remote_expects;
	uint32_t id = n->mode->tracked ? 0 : expects_next(t, 0);

	for (uint32_t next; id != 0; id = next) {
		const struct expect_entry *x = expects_entry(t, id);

		next = expects_next(t, id);
		if (!(x->flags & EXPECT_DEAD) && ms_reached(now, x->deadline))
			died(n, id);
		else if ((x->flags & (EXPECT_DEAD | EXPECT_WANTED | EXPECT_OUT)) == EXPECT_DEAD &&
		    ms_since(now, x->told) >= LATE_MS)
			drop(n, id);
	}
}

void
expect_flush_remote(struct node *n)
{
	struct expect_table *t = &n->remote_expects;

	for (uint32_t id = expects_next(t, 0), next; id != 0; id = next) {
		next = expects_next(t, id);
		n->stats.expect_remote_destroyed += !(expects_entry(t, id)->flags & EXPECT_DEAD);
		drop(n, id);
	}
}

/* ---- to the kernel ---- */

void
expect_commit(struct node *n)
{
	struct expect_table *t = &n->remote_expects;

	n->expect_errors_told = 0;
	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if (x->flags & EXPECT_DEAD)
			continue;
		/* One that is on its way already is asked for once more: then it is there. */
		x->flags |= EXPECT_COUNTED;
		set_wanted(n, x);
	}
}

void
expect_master_written(struct node *n, const struct flow_key *master)
{
	struct expect_table *t = &n->remote_expects;
	bool commit = n->jobs[JOB_COMMIT].running && n->jobs[JOB_COMMIT].phase > PHASE_OWN;

	/* Before that the commit still comes to them. */
	if (!commit && !n->cfg.write_through)
		return;
	for (uint32_t id = expects_next(t, 0); id != 0; id = expects_next(t, id)) {
		struct expect_entry *x = expects_entry(t, id);

		if ((x->flags & EXPECT_DEAD) || !flow_key_equal(&x->e.master, master))
			continue;
		if (commit && n->tally.expects)
			x->flags |= EXPECT_COUNTED;
		else if (!n->cfg.write_through)
			continue;
		set_wanted(n, x);
	}
}

bool
expect_committed(const struct node *n)
{
	const struct expect_table *t = &n->remote_expects;

	for (size_t i = 0; i < EXPECT_OPS_MAX && n->expect_ops_out > 0; i++) {
		if (n->expect_ops[i].out && n->expect_ops[i].counted)
			return false;
	}
	for (uint32_t id = n->expects_wanted > 0 ? expects_next(t, 0) : 0; id != 0;
	     id = expects_next(t, id)) {
		const uint16_t both = EXPECT_COUNTED | EXPECT_WANTED;

		if ((expects_entry(t, id)->flags & both) == both)
			return false;
	}
	return true;
}

void
expect_flush_kernel(struct node *n)
{
	if (n->expects_flushing)
		return;
	n->expects_flushing = true;
	n->expects_cursor = 0;
	n->expects_flushed = 0;
}

/* What is left of its time: 0 if that is up. */
static uint32_t
time_left(const struct node *n, const struct expect_entry *x, ms_t now)
{
	int64_t left;

	if (n->cfg.commit_timeout_s != 0)
		return n->cfg.commit_timeout_s;
	if (!(x->e.has & EXP_TIMEOUT))
		return EXPECT_TIMEOUT_S;
	left = (int64_t)x->e.timeout_s - ms_since(now, x->told) / 1000;
	return left > 0 ? (uint32_t)left : 0;
}

static struct expect_op *
take_op(struct node *n, uint32_t *cookie)
{
	for (uint32_t i = 0; i < EXPECT_OPS_MAX; i++) {
		if (n->expect_ops[i].out)
			continue;
		*cookie = OPS_MAX + i;
		memset(&n->expect_ops[i], 0, sizeof(n->expect_ops[i]));
		n->expect_ops[i].out = true;
		n->expect_ops_out++;
		return &n->expect_ops[i];
	}
	return NULL;
}

static bool
ask(struct node *n, struct kernel_op *op, enum kernel_op_type type, uint32_t id,
    const struct expect_entry *x)
{
	struct expect_op *o = take_op(n, &op->cookie);

	ASSERT(o != NULL);
	o->id = id;
	o->birth = x->birth;
	o->counted = x->flags & EXPECT_COUNTED;
	o->e = x->e;
	o->type = type;
	op->type = type;
	op->expect = x->e;
	return true;
}

/* The next of those that a commit, or write-through, has to do with. */
static bool
pull_wanted(struct node *n, struct kernel_op *op, ms_t now)
{
	struct expect_table *t = &n->remote_expects;
	uint32_t id = n->expects_wanted > 0 ? expects_next(t, 0) : 0;

	for (uint32_t next; id != 0; id = next) {
		struct expect_entry *x = expects_entry(t, id);
		uint32_t left;

		next = expects_next(t, id);
		if (!(x->flags & EXPECT_WANTED) || (x->flags & EXPECT_OUT) ||
		    (x->tries > 0 && !ms_reached(now, x->retry)))
			continue;
		unset_wanted(n, x);
		if (x->flags & EXPECT_DEAD) {
			x->flags |= EXPECT_OUT;
			return ask(n, op, KOP_EXPECT_DELETE, id, x);
		}
		left = time_left(n, x, now);
		if (left == 0) {
			n->stats.expect_run_out++;
			x->flags = (uint16_t)(x->flags & ~EXPECT_COUNTED);
			continue;
		}
		ask(n, op, KOP_EXPECT_CREATE, id, x);
		x->flags = (uint16_t)((x->flags & ~EXPECT_COUNTED) | EXPECT_OUT);
		op->expect.timeout_s = left;
		op->expect.has |= EXP_TIMEOUT;
		return true;
	}
	return false;
}

static bool
pull_flush(struct node *n, struct kernel_op *op)
{
	struct expect_table *t = &n->local_expects;

	while (n->expects_flushing) {
		uint32_t id = expects_next(t, n->expects_cursor);

		if (id == 0)
			return false;
		n->expects_cursor = id;
		if (expects_entry(t, id)->flags & EXPECT_DEAD)
			continue;
		ask(n, op, KOP_EXPECT_DELETE, id, expects_entry(t, id));
		n->expect_ops[op->cookie - OPS_MAX].flush = true;
		return true;
	}
	return false;
}

static void
flush_settle(struct node *n)
{
	if (!n->expects_flushing || n->expect_ops_out > 0 ||
	    expects_next(&n->local_expects, n->expects_cursor) != 0)
		return;
	n->expects_flushing = false;
	node_notice(n, NOTE_KERNEL_FLUSH_DONE)->count = n->expects_flushed;
}

bool
expect_pull(struct node *n, struct kernel_op *op, ms_t now)
{
	if (n->expect_ops_out < EXPECT_OPS_MAX && (pull_wanted(n, op, now) || pull_flush(n, op)))
		return true;
	flush_settle(n);
	return false;
}

static void
refused(struct node *n, const struct expect_op *o, int error)
{
	struct notice *note;

	n->stats.expect_failed++;
	n->tally.expects_failed += o->counted;
	if (o->counted)
		commit_failed(&n->failures, error, NULL, &o->e);
	if (++n->expect_errors_told > TOLD_MAX)
		return;
	note = node_notice(n, NOTE_COMMIT_EXPECT_ERROR);
	note->expect = o->e;
	note->error = error;
}

/* Its master may be on the way. */
static bool
try_again(struct node *n, struct expect_entry *x, const struct expect_op *o, int error, ms_t now)
{
	bool passing = error == EAGAIN || error == EINTR || error == ETIMEDOUT ||
	    (error == ENOENT && !o->counted);

	if (!passing || x->tries + 1 >= EXPECT_TRIES_MAX)
		return false;
	n->expects_wanted += !(x->flags & EXPECT_WANTED);
	x->flags |= EXPECT_WANTED;
	x->flags |= o->counted ? EXPECT_COUNTED : 0;
	x->tries++;
	x->retry = ms_add(now, error == ENOENT ? RETRY_MS : 1);
	return true;
}

static void
created(struct node *n, struct expect_entry *x, const struct expect_op *o, int error, ms_t now)
{
	bool copy = n->cfg.write_through && !o->counted;

	if (error == 0) {
		n->stats.expect_committed++;
		n->tally.expects_created += o->counted;
		expect_written(n, &o->e, copy, now);
	} else if (error == EEXIST) {
		n->stats.expect_current++;
		/* Ordered to take over, it is ours from now on. */
		if (o->counted)
			expect_written(n, &o->e, false, now);
	} else if (x == NULL || !try_again(n, x, o, error, now)) {
		refused(n, o, error);
		return;
	}
	if (x == NULL)
		return;
	/* What was there already is no copy because a peer says it again: it may have become ours. */
	if (!copy)
		x->flags = (uint16_t)(x->flags & ~EXPECT_WRITTEN);
	else if (error == 0)
		x->flags |= EXPECT_WRITTEN;
}

static void
deleted(struct node *n, const struct expect_op *o, int error, ms_t now)
{
	uint32_t id = expects_find(&n->local_expects, &o->e);

	if (error != 0 && error != ENOENT)
		return;
	n->stats.expect_removed += !o->flush && error == 0;
	n->expects_flushed += o->flush && error == 0;
	if (id != 0 && !(expects_entry(&n->local_expects, id)->flags & EXPECT_DEAD))
		expect_gone(n, id, false, now);
}

void
expect_answered(struct node *n, const struct kernel_result *res, ms_t now)
{
	struct expect_op *o = &n->expect_ops[res->cookie - OPS_MAX];
	struct expect_table *t = &n->remote_expects;
	struct expect_entry *x = NULL;

	o->out = false;
	n->expect_ops_out--;
	if (!o->flush && (expects_entry(t, o->id)->flags & EXPECT_USED) &&
	    expects_entry(t, o->id)->birth == o->birth)
		x = expects_entry(t, o->id);
	if (x != NULL)
		x->flags = (uint16_t)(x->flags & ~EXPECT_OUT);
	if (o->type == KOP_EXPECT_CREATE) {
		created(n, x, o, res->error, now);
	} else {
		deleted(n, o, res->error, now);
		/* It may have been told again meanwhile, and is to be written then. */
		if (x != NULL && (x->flags & EXPECT_DEAD) && !(x->flags & EXPECT_WANTED))
			drop(n, o->id);
		else if (x != NULL)
			x->flags = (uint16_t)(x->flags & ~EXPECT_WRITTEN);
	}
	flush_settle(n);
}
