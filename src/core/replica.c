/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replica.c: one replica to the kernel: what is asked for, and what each answer makes of it.  Every
 * answer decides for its own flow alone.
 */
#include "engine.h"

#include <errno.h>
#include <string.h>

enum {
	TRIES_MAX = 6,
	TOLD_MAX = 10,
};

/* ---- the request ---- */

static void
tell_flow(struct node *n, enum notice_type type, const struct flow *f, int error,
    unsigned int *told)
{
	struct notice *note;

	if (++*told > TOLD_MAX)
		return;
	note = node_notice(n, type);
	note->flow = *f;
	note->error = error;
}

static void
count(const struct op_slot *s, uint64_t *stat, uint32_t *tally)
{
	(*stat)++;
	if (s->counted)
		(*tally)++;
}

/* Something of the flow had to be left out. */
static void
count_degraded(struct node *n, const struct op_slot *s)
{
	if (s->degraded)
		count(s, &n->stats.commit_degraded, &n->tally.degraded);
}

static void
count_failed(struct node *n, const struct op_slot *s, int error)
{
	count(s, &n->stats.commit_failed, &n->tally.failed);
	/* Whoever waits for a commit hears of all that fails meanwhile. */
	if (!s->counted && n->jobs[JOB_COMMIT].running) {
		n->tally.failed++;
		n->tally.total++;
	}
	if (s->counted || n->jobs[JOB_COMMIT].running)
		commit_failed(&n->failures, error, &s->op.flow, NULL);
	tell_flow(n, NOTE_COMMIT_ERROR, &s->op.flow, error, &n->commit_errors_told);
}

/* What has made way for this flow may be another replica, which is not in the kernel then. */
static void
count_displaced(struct node *n, const struct op_slot *s)
{
	uint32_t id;

	if (s->op.type != KOP_REPLACE || flow_key_equal(&s->op.victim, &s->op.flow.key))
		return;
	id = table_find(&n->remote, &s->op.victim);
	if (id != ENTRY_NONE && !(table_entry(&n->remote, id)->flags & ENTRY_DEAD))
		count(s, &n->stats.commit_displaced, &n->tally.displaced);
}

/* The rule; but nothing is deleted for the sake of a master that, for all we know, is not there. */
static enum commit_verdict
decide(const struct node *n, struct flow *f, const struct flow *kernel, enum commit_age age)
{
	const uint32_t master = HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS, has = f->has;
	enum commit_verdict verdict = commit_decide(kernel, f, age);
	uint32_t id;

	if (verdict != COMMIT_REPLACE || !flow_is_related(f))
		return verdict;
	id = table_find(&n->local, &f->rare.master);
	if (id != ENTRY_NONE && !(table_entry(&n->local, id)->flags & ENTRY_DEAD))
		return verdict;
	f->has &= ~master;
	verdict = commit_decide(kernel, f, age);
	if (verdict == COMMIT_REPLACE)
		f->has = has;
	return verdict;
}

/* A helper that the kernel refused when it made the entry is no reason to make it anew each time. */
static void
want_less(const struct node *n, struct flow *want)
{
	uint32_t local;

	if (!(want->has & HAS_HELPER))
		return;
	local = table_find(&n->local, &want->key);
	if (local != ENTRY_NONE && (table_entry(&n->local, local)->flags & ENTRY_LESS))
		want->has &= ~(uint32_t)HAS_HELPER;
}

enum commit_verdict
replica_decide(const struct node *n, const struct flow *replica, const struct flow *kernel,
    enum commit_age age)
{
	struct flow want = *replica;

	want_less(n, &want);
	return decide(n, &want, kernel, age);
}

/*
 * Chooses the request for a replica, given what is known of the kernel's entry.  False if nothing
 * is to be written.
 */
static bool
choose(struct node *n, struct op_slot *s, const struct flow *kernel, enum commit_age age)
{
	switch (replica_decide(n, &s->op.flow, kernel, age)) {
	case COMMIT_CREATE:
		s->op.type = KOP_CREATE;
		return true;
	case COMMIT_UPDATE:
		s->op.type = KOP_UPDATE;
		/* These bits cannot be cleared; asking for it fails the whole request. */
		s->op.flow.status |= kernel->status & (ST_SEEN_REPLY | ST_ASSURED);
		return true;
	case COMMIT_REPLACE:
		s->op.type = KOP_REPLACE;
		s->old_id = kernel->id;
		s->op.victim = s->op.flow.key;
		s->op.victim_id = 0;
		return true;
	case COMMIT_LEAVE:
		break;
	}
	count(s, &n->stats.commit_current, &n->tally.current);
	if (n->followed != 0)
		follow_flow(n, STEP_LEFT, &s->op.flow);
	return false;
}

/* How old is the kernel's entry, `local` in our table, beside the slot's replica? */
enum commit_age
replica_age_beside(const struct node *n, const struct op_slot *s, uint32_t local)
{
	const struct entry *l = table_entry(&n->local, local);
	const struct entry *r = table_entry(&n->remote, s->id);

	if (local == ENTRY_NONE || (l->flags & ENTRY_DEAD))
		return n->local_emptied ? AGE_FOUND : AGE_UNKNOWN;
	if (!(l->flags & (ENTRY_LIVE | ENTRY_COMMITTED)))
		return AGE_FOUND;
	if (entry_changed(l).ms > entry_changed(r).ms)
		return AGE_KERNEL_NEWER;
	if (!(l->flags & ENTRY_LIVE))
		return AGE_COPY;
	/* Who is ordered to take over trusts his peers; who only mirrors them trusts what he sees. */
	if ((r->flags & ENTRY_RETOLD) && !n->jobs[JOB_COMMIT].running)
		return AGE_KERNEL_NEWER;
	return AGE_REPLICA_NEWER;
}

/* May the kernel's entry be another one, or have come further, than we know? */
static bool
is_in_doubt(const struct node *n, uint32_t local)
{
	uint16_t flags = table_entry(&n->local, local)->flags;

	return (flags & ENTRY_DOUBT) ||
	    ((flags & ENTRY_LIVE) && (n->events_lost || (n->reading && n->read_announce)));
}

bool
replica_prepare(struct node *n, struct op_slot *s, ms_t now)
{
	struct flow kernel;
	uint32_t local;

	replica_to_write(n, s->id, &s->op.flow, now);
	s->op.tcp_liberal = !n->cfg.tcp_window_tracking && s->op.flow.key.l4 == L4_TCP;
	if (s->op.tcp_liberal) {
		s->op.flow.l4.tcp.flags_orig |= TCP_FLAG_LIBERAL;
		s->op.flow.l4.tcp.flags_repl |= TCP_FLAG_LIBERAL;
		s->op.flow.has |= HAS_TCP_FLAGS;
	}
	local = table_find(&n->local, &s->op.flow.key);
	if (local == ENTRY_NONE || (table_entry(&n->local, local)->flags & ENTRY_DEAD)) {
		if (s->job != JOB_COMMIT || !replica_has_run_out(n, s->id, now))
			return choose(n, s, NULL, AGE_UNKNOWN);
		count(s, &n->stats.commit_expired, &n->tally.expired);
		if (n->followed != 0)
			follow_flow(n, STEP_RUN_OUT, &s->op.flow);
		return false;
	}
	table_load(&n->local, local, &kernel);
	if (!choose(n, s, &kernel, replica_age_beside(n, s, local)))
		return false;
	/* Nothing is deleted on memory: events of it may be lost, or still unread. */
	if (s->op.type == KOP_REPLACE || is_in_doubt(n, local))
		s->op.type = KOP_GET;
	return true;
}

bool
replica_prepare_delete(struct node *n, struct op_slot *s)
{
	uint32_t local;

	table_load(&n->remote, s->id, &s->op.flow);
	local = table_find(&n->local, &s->op.flow.key);
	if (local == ENTRY_NONE)
		return false;
	if ((table_entry(&n->local, local)->flags & (ENTRY_LIVE | ENTRY_COMMITTED | ENTRY_DEAD)) !=
	    ENTRY_COMMITTED)
		return false;
	table_load(&n->local, local, &s->op.flow);
	s->op.type = KOP_GET;
	s->removes = true;
	return true;
}

/* ---- the answers ---- */

/* The entry that made way for another flow is gone, and no event says so. */
static void
ended_for_another(struct node *n, const struct kernel_op *op, ms_t now)
{
	struct flow known;
	uint32_t id;

	if (op->type != KOP_REPLACE || flow_key_equal(&op->victim, &op->flow.key))
		return;
	id = table_find(&n->local, &op->victim);
	if (id == ENTRY_NONE && n->reading) {
		/* What is still to come of the dump may name it. */
		struct flow victim = {.key = op->victim};

		id = table_insert(&n->local, &victim, now);
		if (id != ENTRY_NONE)
			local_gone(n, id);
		return;
	}
	if (id == ENTRY_NONE || (table_entry(&n->local, id)->flags & ENTRY_DEAD))
		return;
	/* Another flow that has been put there meanwhile stays where it is.  One that we wrote has no number
	 * yet, but that of the flow before it. */
	table_load(&n->local, id, &known);
	if (op->victim_id == 0 ||
	    ((known.has & HAS_ID) != 0) == (known.id == op->victim_id))
		local_destroyed(n, id, now);
}

/*
 * After an ordered commit the flow is ours, also if CacheWriteThrough had written it before: it is told
 * like any other, and what becomes of a copy at its former owner does not concern it.
 */
static void
adopt(struct node *n, const struct op_slot *s, uint32_t local)
{
	if (n->cfg.write_through && s->job == JOB_COMMIT)
		table_entry(&n->local, local)->flags |= ENTRY_LIVE;
}

/* What we wrote is in the kernel now: our own picture of it follows without waiting for an event. */
static void
written(struct node *n, struct op_slot *s, ms_t now)
{
	/* What the kernel leaves aside in an update (kernel.h); the mapping is the same anyway. */
	const uint32_t only_created = HAS_HELPER | HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	struct flow *f = &s->op.flow, before;
	const struct entry *r;
	struct entry *e;
	uint32_t id;

	ended_for_another(n, &s->op, now);
	if (!filter_passes(&n->cfg.filter, f))
		return;
	id = table_find(&n->local, &f->key);
	flow_init(&before);
	if (id != ENTRY_NONE)
		table_load(&n->local, id, &before);
	/* What a look has shown found no room in the table: of the rest of the entry nothing is known. */
	if (s->op.type == KOP_UPDATE && id == ENTRY_NONE)
		return;
	if (s->op.type == KOP_UPDATE) {
		f->has &= ~only_created;
		/* Bits are added, never taken away. */
		f->status |= before.status;
	} else {
		/* Kept without HAS_ID: the flow that is gone.  Events of it may still be unread. */
		f->id = s->old_id != 0 ? s->old_id : before.id;
		/* None is one. */
		f->has |= flow_l4_has_state(f->key.l4) ? HAS_STATE : 0;
		/* The kernel says so of what has a master. */
		f->status |= flow_is_related(f) ? ST_EXPECTED : 0;
	}
	id = local_put(n, id, &before, f,
	    s->op.type != KOP_UPDATE ? NEWS_OWN_WHOLE : NEWS_OWN_UPDATE, now);
	if (id == ENTRY_NONE)
		return;
	e = table_entry(&n->local, id);
	e->flags |= ENTRY_COMMITTED;
	if (s->op.type != KOP_UPDATE)
		e->flags = (uint16_t)(e->flags & ~ENTRY_LIVE);
	e->flags |= s->degraded ? ENTRY_LESS : 0;
	if (s->op.type == KOP_REPLACE)
		e->flags |= ENTRY_REPLACED;
	adopt(n, s, id);
	/* An entry that has been alive here since remains so, though it is one-way and was brought on. */
	r = table_entry(&n->remote, s->id);
	if (r->birth == s->birth &&
	    !((e->flags & ENTRY_LIVE) && entry_changed(e).ms > entry_changed(r).ms))
		entry_set_changed(e, entry_changed(r));
	sync_refresh_later(n, id, now);
}

/* Is the kernel's entry of this key, which we know, still there? */
static void
check_again(struct node *n, const struct flow_key *key)
{
	uint32_t local = table_find(&n->local, key);
	struct op_slot *s;

	if (local == ENTRY_NONE || (table_entry(&n->local, local)->flags & ENTRY_DEAD))
		return;
	table_entry(&n->local, local)->flags |= ENTRY_DOUBT;
	s = slot_take(n, JOB_VERIFY, &n->local, local);
	/* Without a slot the next read of the table will tell. */
	if (s == NULL)
		return;
	table_load(&n->local, local, &s->op.flow);
	/* The second half may have been done, too, and its answer lost. */
	s->which = true;
	slot_retry(n, s, KOP_GET);
}

static void
write_done(struct node *n, struct op_slot *s, ms_t now)
{
	struct flow_key key;
	bool in_part;

	switch (s->op.type) {
	case KOP_CREATE:
		count(s, &n->stats.commit_created, &n->tally.created);
		break;
	case KOP_UPDATE:
		count(s, &n->stats.commit_updated, &n->tally.updated);
		break;
	case KOP_REPLACE:
		count(s, &n->stats.commit_replaced, &n->tally.replaced);
		tell_flow(n, NOTE_COMMIT_CONFLICT, &s->op.flow, 0, &n->commit_conflicts_told);
		break;
	case KOP_DELETE:
	case KOP_GET:
	case KOP_GET_REPLY:
	case KOP_EXPECT_CREATE:
	case KOP_EXPECT_DELETE:
		break;
	}
	count_degraded(n, s);
	count_displaced(n, s);
	written(n, s, now);
	key = s->op.flow.key;
	if (s->op.type != KOP_UPDATE)
		expect_master_written(n, &key);
	/* What was left out in the end an earlier try may have written. */
	in_part = s->degraded && s->lost;
	slot_free(n, s);
	if (in_part)
		check_again(n, &key);
}

/* Takes away the attribute that this error speaks of; false if there is none to take away. */
static bool
strip(struct op_slot *s, int error)
{
	const uint32_t master = HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	uint32_t *has = &s->op.flow.has;
	uint32_t bits = 0;

	switch (error) {
	case ENOENT: /* the master is not there */
		bits = master;
		break;
	case EOPNOTSUPP: /* no such helper */
	case ENOMEM:
		bits = *has & HAS_HELPER ? HAS_HELPER : HAS_LABELS;
		break;
	case ERANGE: /* labels longer than the kernel's */
	case ENOSPC:
		bits = HAS_LABELS;
		break;
	case EINVAL:
		bits = *has & HAS_LABELS ? HAS_LABELS : HAS_SEQADJ | HAS_SYNPROXY;
		break;
	default:
		break;
	}
	if (!(*has & bits))
		return false;
	*has &= ~bits;
	if (bits == HAS_HELPER)
		s->op.flow.status &= ~(uint32_t)ST_HELPER;
	s->degraded = true;
	return true;
}

/*
 * The flow is not to be written after all.  A replacement has two halves, and the first may have
 * deleted an entry although the second failed: our picture of it is checked.
 */
static void
give_up(struct node *n, struct op_slot *s, int error)
{
	struct flow_key key = s->op.flow.key, victim = s->op.victim;
	bool replaced = s->op.type == KOP_REPLACE;

	count_failed(n, s, error);
	count_displaced(n, s);
	slot_free(n, s);
	check_again(n, &key);
	if (replaced && !flow_key_equal(&victim, &key))
		check_again(n, &victim);
}

static bool
is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ETIMEDOUT;
}

static void
create_failed(struct node *n, struct op_slot *s, int error)
{
	if (error == EEXIST) {
		/* Somebody was faster, or another flow holds the reply tuple.  See who it is. */
		slot_retry(n, s, KOP_GET);
		return;
	}
	s->lost |= error == ETIMEDOUT;
	if (is_passing(error) || strip(s, error)) {
		slot_retry(n, s, s->op.type);
		return;
	}
	give_up(n, s, error);
}

static void
update_failed(struct node *n, struct op_slot *s, int error)
{
	s->lost |= error == ETIMEDOUT;
	if (error == ENOENT) {
		slot_retry(n, s, KOP_CREATE);
	} else if (error == EBUSY) {
		/* It has come further than we know. */
		slot_retry(n, s, KOP_GET);
	} else if (is_passing(error) || strip(s, error)) {
		slot_retry(n, s, KOP_UPDATE);
	} else {
		give_up(n, s, error);
	}
}

/*
 * An entry that is not as we knew it and will be updated: a create of ours whose answer was lost, or one
 * whose events are still unread.  Of what an update leaves as it is, this is our only news.
 */
static void
found(struct node *n, const struct flow *f, ms_t now)
{
	uint32_t id;

	if (!filter_passes(&n->cfg.filter, f))
		return;
	id = local_upsert(n, f, NEWS_OWN_UPDATE, now);
	if (id != ENTRY_NONE)
		table_entry(&n->local, id)->flags |= ENTRY_COMMITTED;
}

/* How old is an entry that the kernel has just shown us? */
enum commit_age
replica_age_of_found(const struct node *n, const struct op_slot *s, const struct flow *kernel)
{
	const struct entry *r = table_entry(&n->remote, s->id);
	uint32_t local = table_find(&n->local, &kernel->key);
	struct flow known;

	if (r->birth != s->birth)
		return AGE_UNKNOWN;
	if (local != ENTRY_NONE) {
		table_load(&n->local, local, &known);
		if ((known.has & HAS_ID) && (kernel->has & HAS_ID) && known.id != kernel->id)
			return AGE_UNKNOWN;
		/* It has come further than we were told yet. */
		if (kernel->status & ~known.status & (ST_SEEN_REPLY | ST_ASSURED))
			return AGE_UNKNOWN;
	}
	return replica_age_beside(n, s, local);
}

/* The kernel has an entry for the replica's tuple: is it to be written?  And we know now what is there. */
static bool
choose_beside(struct node *n, struct op_slot *s, const struct flow *kernel, ms_t now)
{
	uint32_t local = table_find(&n->local, &s->op.flow.key);
	bool known = local != ENTRY_NONE && !(table_entry(&n->local, local)->flags & ENTRY_DEAD);
	bool write;

	if (known)
		local_shown(n, local, kernel, now);
	write = choose(n, s, kernel, replica_age_of_found(n, s, kernel));
	/* Of a flow of ours it is news, too, that no event has told yet. */
	if (known && (table_entry(&n->local, local)->flags & ENTRY_LIVE))
		local_looked_at(n, local, kernel, false, now);
	if (write && s->op.type == KOP_UPDATE)
		found(n, kernel, now);
	return write;
}

/* The answer to a look at what has the original tuple of a flow that could not be written. */
static void
looked(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	if (res->error == ENOENT) {
		slot_retry(n, s, KOP_GET_REPLY);
	} else if (res->error != 0 || !res->has_flow) {
		give_up(n, s, res->error != 0 ? res->error : EEXIST);
	} else if (choose_beside(n, s, &res->flow, now)) {
		slot_retry(n, s, s->op.type);
	} else {
		/* A create of ours may have been done, and its answer lost. */
		count_degraded(n, s);
		slot_free(n, s);
	}
}

/* The answer to a look at which other flow has the reply tuple. */
static void
blocked(struct node *n, struct op_slot *s, const struct kernel_result *res)
{
	if (res->error == ENOENT) {
		/* It has gone meanwhile.  The next refusal counts as a try, so this ends. */
		slot_retry(n, s, KOP_CREATE);
	} else if (res->error != 0 || !res->has_flow) {
		give_up(n, s, res->error != 0 ? res->error : EEXIST);
	} else if (commit_makes_way(&res->flow, &s->op.flow,
		       replica_age_of_found(n, s, &res->flow))) {
		s->op.victim = res->flow.key;
		s->op.victim_id = res->flow.id;
		slot_retry(n, s, KOP_REPLACE);
	} else {
		give_up(n, s, EEXIST);
	}
}

static void
write_result(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	if (s->op.type == KOP_GET)
		looked(n, s, res, now);
	else if (s->op.type == KOP_GET_REPLY)
		blocked(n, s, res);
	else if (res->error == 0)
		write_done(n, s, now);
	else if (++s->tries >= TRIES_MAX)
		give_up(n, s, res->error);
	else if (s->op.type == KOP_UPDATE)
		update_failed(n, s, res->error);
	else
		create_failed(n, s, res->error);
}

/* The replica that had died is done with. */
static void
dead_is_done(struct node *n, struct op_slot *s)
{
	const struct entry *e = table_entry(&n->remote, s->id);

	if ((e->flags & ENTRY_DEAD) && e->birth == s->birth)
		remote_remove(n, s->id);
	slot_free(n, s);
}

/*
 * The copy of a replica that died, as it is in the kernel.  Data that flows raises no events: what is
 * left of the timeout tells whether packets have come through here since we wrote it.  Then it is
 * not a copy any more, whoever had it before, and the peers are told.
 */
static void
copy_found(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	uint32_t local = table_find(&n->local, &s->op.flow.key);
	const struct entry *l = table_entry(&n->local, local);
	struct flow known;

	if (local == ENTRY_NONE || (l->flags & ENTRY_DEAD) || !res->has_flow) {
		dead_is_done(n, s);
		return;
	}
	/* Not as it was when this was asked: another look may have been answered meanwhile. */
	table_load(&n->local, local, &known);
	if (!local_was_renewed(n, local, &known, res->flow.timeout_s, now)) {
		s->op.flow.id = known.id = res->flow.id;
		s->op.flow.has |= HAS_ID;
		known.has |= HAS_ID;
		table_store(&n->local, local, &known);
		slot_retry(n, s, KOP_DELETE);
		return;
	}
	local_alive(n, &res->flow, now);
	dead_is_done(n, s);
}

/* A peer has named the flow again since it died: it has to be in the kernel, not to leave it. */
static bool
lives_again(const struct node *n, const struct op_slot *s)
{
	uint32_t id = table_find(&n->remote, &s->op.flow.key);

	return id != ENTRY_NONE && !(table_entry(&n->remote, id)->flags & ENTRY_DEAD);
}

/* Is there news of the kernel's own entry since this write of it was first tried? */
static bool
is_overtaken(struct node *n, const struct op_slot *s, const struct entry *l)
{
	const struct entry *r = table_entry(&n->remote, s->id);
	struct flow kernel;

	if ((s->op.type != KOP_UPDATE && s->op.type != KOP_REPLACE) || r->birth != s->birth ||
	    (s->op.type == KOP_REPLACE && !flow_key_equal(&s->op.victim, &s->op.flow.key)) ||
	    !(l->flags & ENTRY_LIVE) || entry_changed(l).ms <= entry_changed(r).ms)
		return false;
	table_load(&n->local, (uint32_t)(l - n->local.entries), &kernel);
	return commit_decide(&kernel, &s->op.flow, AGE_KERNEL_NEWER) == COMMIT_LEAVE;
}

/* A replica that has changed or died while it was being written is followed now. */
static void
follow_again(struct node *n, uint32_t id, uint32_t birth)
{
	struct entry *e = table_entry(&n->remote, id);

	if (!(e->flags & ENTRY_REWRITE) || e->birth != birth || slot_of_replica(n, id) != NULL)
		return;
	e->flags = (uint16_t)(e->flags & ~ENTRY_REWRITE);
	n->rewrites--;
	queue_push(&n->remote, &n->inject, id);
}

/*
 * A request that is tried again was decided on some time ago.  Between the look at a copy and its
 * delete, or between two tries of a write, an event may have told that packets come through here;
 * and a replica that has died meanwhile is not written any more.
 */
bool
replica_goes_on(struct node *n, struct op_slot *s)
{
	uint32_t local = table_find(&n->local, &s->op.flow.key);
	const struct entry *l = table_entry(&n->local, local);
	const struct entry *r = table_entry(&n->remote, s->id);
	bool known = local != ENTRY_NONE && !(l->flags & ENTRY_DEAD);
	bool dead = r->birth == s->birth && (r->flags & ENTRY_DEAD);
	uint32_t id = s->id, birth = s->birth;

	if (s->own)
		return true;
	if (s->removes && known && s->op.type == KOP_DELETE && (l->flags & ENTRY_LIVE)) {
		dead_is_done(n, s);
	} else if (!s->removes && (dead || (known && is_overtaken(n, s, l)))) {
		count(s, &n->stats.commit_current, &n->tally.current);
		slot_free(n, s);
	} else {
		return true;
	}
	follow_again(n, id, birth);
	return false;
}

static void
delete_result(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	uint32_t local = table_find(&n->local, &s->op.flow.key);

	if ((s->op.type == KOP_GET || is_passing(res->error)) && lives_again(n, s)) {
		slot_free(n, s);
		return;
	}
	if (is_passing(res->error) && ++s->tries < TRIES_MAX) {
		slot_retry(n, s, s->op.type);
		return;
	}
	if (s->op.type == KOP_GET && res->error == 0) {
		copy_found(n, s, res, now);
		return;
	}
	if ((res->error == 0 || res->error == ENOENT) && local != ENTRY_NONE &&
	    !(table_entry(&n->local, local)->flags & ENTRY_DEAD)) {
		n->stats.commit_removed++;
		local_deleted(n, local, now);
	}
	dead_is_done(n, s);
}

void
replica_answered(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now)
{
	uint32_t id = s->id, birth = s->birth;

	if (s->removes)
		delete_result(n, s, res, now);
	else
		write_result(n, s, res, now);
	follow_again(n, id, birth);
}
