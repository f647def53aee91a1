/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role.c: what this node is to its peers, and what follows from it.
 */
#include <stdio.h>

#include "promote.h"
#include "role.h"
#include "state.h"

const char *
role_name(enum role role)
{
	static const char *const names[] = {[ROLE_UNKNOWN] = "unknown",
	    [ROLE_BACKUP] = "backup",
	    [ROLE_PROMOTING] = "promoting",
	    [ROLE_MASTER] = "master",
	    [ROLE_FAULT] = "fault"};

	return names[role];
}

void
role_listen(struct daemon *d, void (*heard)(struct daemon *d, enum role_event event, void *ctx),
    void *ctx)
{
	struct role_state *r = &d->role;

	ASSERT(r->listeners_count < ROLE_LISTENERS_MAX);
	r->listeners[r->listeners_count++] = (struct role_listener){.heard = heard, .ctx = ctx};
}

static void
tell(struct daemon *d, enum role_event event)
{
	for (size_t i = 0; i < d->role.listeners_count; i++)
		d->role.listeners[i].heard(d, event, d->role.listeners[i].ctx);
}

static void
become(struct daemon *d, enum role role, const char *by)
{
	struct role_state *r = &d->role;
	ms_t now = loop_now();

	if (r->is == role) {
		/* What was only concluded has been said now. */
		if (by[0] != '-' && r->by[0] == '-')
			snprintf(r->by, sizeof(r->by), "%s", by);
		return;
	}
	log_event(d, HISTORY_ROLE, LOG_LV_NOTICE, "role: %s, by %s (was %s for %lld s): %u own flows, %u of peers",
	    role_name(role), by, role_name(r->is), (long long)ms_since(now, r->since) / 1000,
	    node_table_view(d->node, TABLE_LOCAL).active,
	    node_table_view(d->node, TABLE_REMOTE).active);
	history_add(d, HISTORY_ROLE, "%s, by %s, was %s for %lld s", role_name(role), by,
	    role_name(r->is), (long long)ms_since(now, r->since) / 1000);
	r->is = role;
	r->since = now;
	snprintf(r->by, sizeof(r->by), "%s", by);
	tell(d, ROLE_CHANGED);
}

/* ---- promotion ---- */

uint32_t
promotion_in_kernel(const struct promotion *p)
{
	const struct commit_tally *t = &p->tally;
	uint32_t there = t->created + t->updated + t->replaced + t->current;

	return there > t->displaced ? there - t->displaced : 0;
}

enum promotion_result
promotion_result(const struct promotion *p)
{
	const struct commit_tally *t = &p->tally;

	if (p->broken_off || (t->failed > 0 && promotion_in_kernel(p) == 0 && !p->again))
		return PROMOTION_FAILED;
	if (t->failed > 0 || t->expired > 0 || t->displaced > 0 || t->degraded > 0 ||
	    t->expects_failed > 0 || !p->ready.ready ||
	    (p->rehearsal && p->room >= 0 && p->room < t->created))
		return PROMOTION_EXCEPTIONS;
	return PROMOTION_COMPLETE;
}

/* What the verdict says of what it was made from: afterwards it is no peer's any more. */
static void
remember_replica(struct daemon *d, struct promotion *p)
{
	ms_t now = loop_now();

	node_ready_view(d->node, &p->ready, now);
	while (p->peers_count < NODE_PEERS_MAX &&
	    node_peer_view(d->node, p->peers_count, &p->peers[p->peers_count], now))
		p->peers_count++;
}

static void
log_verdict(struct daemon *d, const struct promotion *p)
{
	static const char *const results[] = {"complete", "complete with exceptions", "failed"};
	const struct commit_tally *t = &p->tally;
	struct history_facts facts = {.counted = true, .flows = promotion_in_kernel(p), .timed = true,
	    .took_ms = p->took_us / 1000};
	enum promotion_result result = promotion_result(p);

	log_write(d->log, result == PROMOTION_COMPLETE ? LOG_LV_NOTICE : LOG_LV_WARNING,
	    "%s by %s: %s: %u of %u flows in the kernel (%u created, %u updated, %u replaced, %u current, "
	    "%u expired, %u failed), replica %s, %lld.%03lld s",
	    p->rehearsal ? "rehearsal" : "promotion", p->by, results[result], promotion_in_kernel(p),
	    t->total, t->created, t->updated, t->replaced, t->current, t->expired, t->failed,
	    p->ready.ready ? "in sync" : "not in sync", (long long)(p->took_us / 1000000),
	    (long long)(p->took_us / 1000 % 1000));
	history_add_facts(d, HISTORY_VERDICT, &facts, "%s by %s: %s, %u of %u flows in the kernel, %u failed",
	    p->rehearsal ? "rehearsal" : "promotion", p->by, results[result], promotion_in_kernel(p), t->total,
	    t->failed);
}

static void
end_promotion(struct daemon *d, struct promotion *p)
{
	p->running = false;
	p->ended = true;
	p->took_us = loop_now_us() - p->began_us;
	log_verdict(d, p);
	promote_answer(d, p);
}

void
role_promote(struct daemon *d, const char *by)
{
	struct promotion *p = &d->role.last;

	if (p->running)
		return;
	*p = (struct promotion){.running = true, .again = d->role.is == ROLE_MASTER,
	    .purge_cancelled = d->purge_at.ms != MS_NEVER.ms, .began_us = loop_now_us(), .room = -1};
	snprintf(p->by, sizeof(p->by), "%s", by);
	remember_replica(d, p);
	become(d, p->again ? ROLE_MASTER : ROLE_PROMOTING, by);
	d->read_wanted &= ~(unsigned int)READ_PURGE;
	orders_commit(d, CMD_TAKE_OVER);
	/* What events did not tell may be in the way, or be ours to tell. */
	if (d->read_owed)
		want_read(d, READ_OVERRUN);
	d->read_owed = false;
}

void
role_committed(struct daemon *d, const struct commit_tally *tally)
{
	struct promotion *p = &d->role.last;

	if (!p->running) {
		if (tally->flows)
			role_infer(d, ROLE_MASTER, "-c");
		return;
	}
	/* That was one of expectations, which was under way when this was ordered. */
	if (!tally->flows) {
		orders_commit(d, CMD_TAKE_OVER);
		return;
	}
	p->tally = *tally;
	p->broken_off = d->role.is != ROLE_PROMOTING && d->role.is != ROLE_MASTER;
	if (!p->broken_off) {
		become(d, ROLE_MASTER, p->by);
		node_command(d->node, CMD_BULK, loop_now());
	}
	end_promotion(d, p);
	tell(d, ROLE_PROMOTED);
}

void
role_rehearse(struct daemon *d, const char *by)
{
	struct promotion *p = &d->role.rehearsed;
	int64_t have = ctnl_flows_count(), max = ctnl_flows_max();

	if (p->running)
		return;
	*p = (struct promotion){.running = true, .rehearsal = true, .again = d->role.is == ROLE_MASTER,
	    .began_us = loop_now_us(), .room = have >= 0 && max > 0 ? (max > have ? max - have : 0) : -1};
	snprintf(p->by, sizeof(p->by), "%s", by);
	remember_replica(d, p);
	if (d->commit_began_us != 0) {
		p->broken_off = true;
		end_promotion(d, p);
		return;
	}
	node_command(d->node, CMD_REHEARSE, loop_now());
	d->more_kernel_work = true;
}

void
role_rehearsed(struct daemon *d, const struct notice *note)
{
	struct promotion *p = &d->role.rehearsed;

	if (!p->running)
		return;
	p->tally = note->commit;
	p->broken_off = note->count > 0;
	end_promotion(d, p);
}

/* ---- the other roles ---- */

void
role_demote(struct daemon *d, const char *by)
{
	become(d, ROLE_BACKUP, by);
	orders_purge_later(d);
	node_command(d->node, CMD_COMPARE, loop_now());
}

void
role_fault(struct daemon *d, const char *by)
{
	become(d, ROLE_FAULT, by);
	d->purge_at = MS_NEVER;
}

bool
role_may_purge(struct daemon *d)
{
	if (d->role.is != ROLE_MASTER && d->role.is != ROLE_PROMOTING)
		return true;
	log_write(d->log, LOG_LV_WARNING,
	    "the kernel's table is not flushed, though that was ordered: this node is %s, by %s",
	    role_name(d->role.is), d->role.by);
	return false;
}

void
role_step(struct daemon *d, ms_t now)
{
	if (!ms_reached(now, d->role.look_at))
		return;
	d->role.look_at = MS_NEVER;
	demote_look(d, now);
}

void
role_infer(struct daemon *d, enum role role, const char *by)
{
	/* Where it is said in so many words nothing is concluded. */
	if (d->role.by[0] == '\0' || d->role.by[0] == '-')
		become(d, role, by);
}

void
role_ready_view(const struct daemon *d, struct ready_view *out, ms_t now)
{
	node_ready_view(d->node, out, now);
	if (d->role.is != ROLE_MASTER && d->role.is != ROLE_PROMOTING)
		return;
	for (size_t i = 0; i < READY_REASONS; i++) {
		out->reasons[i].blocks = false;
		out->reasons[i].blocks_ms = 0;
	}
	/* What scripts of 2007 do with what they have committed. */
	out->reasons[READY_FLUSHED].open = false;
	out->ready = true;
	out->at_the_latest_ms = 0;
}
