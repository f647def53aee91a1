/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slot.c: the requests to the kernel that are under way, and the step of the walks that make them.
 */
#include "engine.h"

void
slots_init(struct node *n)
{
	n->ops_free = OPS_MAX;
	n->scan_left = SCAN_MAX;
}

struct op_slot *
slot_take(struct node *n, enum job_id job, struct table *t, uint32_t id)
{
	for (size_t i = 0; n->ops_free > 0 && i < OPS_MAX; i++) {
		uint32_t at = n->ops_next++ % OPS_MAX;
		struct op_slot *s = &n->ops[at];

		if (s->state != SLOT_FREE)
			continue;
		n->ops_free--;
		n->jobs[job].out++;
		s->state = SLOT_OUT;
		s->job = (uint8_t)job;
		s->tries = 0;
		s->degraded = false;
		s->counted = false;
		s->own = false;
		s->removes = false;
		s->which = false;
		s->lost = false;
		s->old_id = 0;
		s->id = id;
		s->birth = table_entry(t, id)->birth;
		s->op.cookie = at;
		/* Who only asks is in nobody's way. */
		n->op_replica[at] = t == &n->remote && job != JOB_REHEARSE ? id : ENTRY_NONE;
		n->op_hint[n->op_replica[at] % OPS_MAX]++;
		s->op.tcp_liberal = false;
		return s;
	}
	return NULL;
}

void
slot_free(struct node *n, struct op_slot *s)
{
	uint32_t *replica = &n->op_replica[s - n->ops];

	s->state = SLOT_FREE;
	n->op_hint[*replica % OPS_MAX]--;
	*replica = ENTRY_NONE;
	n->ops_free++;
	n->jobs[s->job].out--;
	if (s->job == JOB_INJECT)
		remote_injected(n);
}

void
slot_retry(struct node *n, struct op_slot *s, enum kernel_op_type type)
{
	s->op.type = type;
	s->state = SLOT_RETRY;
	n->ops_retry++;
}

struct op_slot *
slot_of_replica(struct node *n, uint32_t id)
{
	uint32_t birth = table_entry(&n->remote, id)->birth;

	/* Asked for each flow of a commit, of which hardly any has one. */
	if (n->op_hint[id % OPS_MAX] == 0)
		return NULL;
	for (size_t i = 0; i < OPS_MAX; i++) {
		if (n->op_replica[i] == id && n->ops[i].birth == birth)
			return &n->ops[i];
	}
	return NULL;
}

void
slot_join_commit(struct node *n, struct op_slot *s)
{
	n->jobs[s->job].out--;
	n->jobs[JOB_COMMIT].out++;
	s->job = JOB_COMMIT;
	s->counted = true;
}

uint32_t
slot_local(const struct node *n, const struct op_slot *s)
{
	const struct entry *e = table_entry(&n->local, s->id);

	return (e->flags & ENTRY_USED) && e->birth == s->birth && !(e->flags & ENTRY_DEAD)
	    ? s->id
	    : ENTRY_NONE;
}

uint32_t
walk_next(struct node *n, const struct table *t, uint32_t *cursor)
{
	uint32_t from = *cursor, left = t->high > from ? t->high - from : 0;
	uint32_t last = from + (left < n->scan_left ? left : n->scan_left);
	uint32_t id = table_next_until(t, from, last);

	*cursor = id != ENTRY_NONE ? id : last;
	n->scan_left -= *cursor - from;
	n->scan_paused |= id == ENTRY_NONE && last < t->high;
	return id;
}
