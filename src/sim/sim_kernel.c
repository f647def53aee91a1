/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_kernel.h"

#include <errno.h>
#include <string.h>

struct flow *
sim_kernel_find(struct sim_kernel *k, const struct flow_key *key)
{
	for (size_t i = 0; i < SIM_FLOWS_MAX; i++) {
		if (k->used[i] && flow_key_equal(&k->flows[i].key, key))
			return &k->flows[i];
	}
	return NULL;
}

/* The entry that owns this reply tuple, or NULL. */
static struct flow *
reply_owner(struct sim_kernel *k, const struct flow *f)
{
	for (size_t i = 0; i < SIM_FLOWS_MAX; i++) {
		struct flow *g = &k->flows[i];

		if (k->used[i] && g->key.zone == f->key.zone && g->key.l4 == f->key.l4 &&
		    g->key.l3 == f->key.l3 && flow_reply_equal(&g->reply, &f->reply))
			return g;
	}
	return NULL;
}

static void
raise_event(struct sim_kernel *k, enum kernel_event_type type, bool own, const struct flow *f)
{
	struct kernel_event *ev;

	if (own && !k->deliver_own)
		return;
	if (k->events_count == SIM_EVENTS_MAX) {
		k->events_lost = true;
		return;
	}
	ev = &k->events[(k->events_head + k->events_count++) % SIM_EVENTS_MAX];
	ev->type = type;
	ev->own = own;
	ev->flow = *f;
}

bool
sim_kernel_event(struct sim_kernel *k, struct kernel_event *out)
{
	if (k->events_count == 0)
		return false;
	*out = k->events[k->events_head];
	k->events_head = (k->events_head + 1) % SIM_EVENTS_MAX;
	k->events_count--;
	return true;
}

static void
enter(struct sim_kernel *k, const struct flow *f, bool own)
{
	for (size_t i = 0; i < SIM_FLOWS_MAX; i++) {
		if (k->used[i])
			continue;
		k->used[i] = true;
		k->flows[i] = *f;
		k->flows[i].id = ++k->next_id;
		k->flows[i].has |= HAS_ID | HAS_REPLY | HAS_STATUS;
		k->count++;
		raise_event(k, KEV_NEW, own, &k->flows[i]);
		return;
	}
	ASSERT(!"simulated kernel table full");
}

static void
leave(struct sim_kernel *k, struct flow *f, bool own)
{
	raise_event(k, KEV_DESTROY, own, f);
	k->used[f - k->flows] = false;
	k->count--;
}

void
sim_kernel_new(struct sim_kernel *k, const struct flow *f)
{
	enter(k, f, false);
}

void
sim_kernel_update(struct sim_kernel *k, const struct flow *f)
{
	struct flow *g = sim_kernel_find(k, &f->key);

	ASSERT(g != NULL);
	flow_merge(g, f);
	raise_event(k, KEV_UPDATE, false, g);
}

void
sim_kernel_destroy(struct sim_kernel *k, const struct flow_key *key)
{
	struct flow *g = sim_kernel_find(k, key);

	ASSERT(g != NULL);
	leave(k, g, false);
}

void
sim_kernel_age(struct sim_kernel *k)
{
	for (size_t i = 0; i < SIM_FLOWS_MAX; i++) {
		if (k->used[i] && k->flows[i].timeout_s > 1)
			k->flows[i].timeout_s--;
	}
}

static int
create(struct sim_kernel *k, const struct flow *f)
{
	struct flow made = *f;

	if (sim_kernel_find(k, &f->key) != NULL || reply_owner(k, f) != NULL)
		return EEXIST;
	if (!(f->has & HAS_TIMEOUT) || (f->status & (ST_DYING | ST_EXPECTED)))
		return EINVAL;
	if (f->has & HAS_MASTER) {
		if (sim_kernel_find(k, &f->rare.master) == NULL)
			return ENOENT;
		made.status |= ST_EXPECTED;
	}
	enter(k, &made, true);
	return 0;
}

static int
update(struct sim_kernel *k, const struct flow *f, bool tcp_liberal)
{
	struct flow *g = sim_kernel_find(k, &f->key);
	struct flow upd = *f;

	if (g == NULL)
		return ENOENT;
	if ((f->has & HAS_STATUS) && (g->status & ~f->status & (ST_SEEN_REPLY | ST_ASSURED)))
		return EBUSY;
	upd.has &= ~(uint32_t)(HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT | HAS_REPLY | HAS_HELPER |
	    HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS);
	upd.status |= g->status;
	flow_merge(g, &upd);
	if (tcp_liberal) {
		g->l4.tcp.flags_orig |= TCP_FLAG_LIBERAL;
		g->l4.tcp.flags_repl |= TCP_FLAG_LIBERAL;
		g->has |= HAS_TCP_FLAGS;
	}
	raise_event(k, KEV_UPDATE, true, g);
	return 0;
}

static int
carry_out(struct sim_kernel *k, const struct kernel_op *op, struct kernel_result *res)
{
	struct flow *g = sim_kernel_find(k, &op->flow.key);

	switch (op->type) {
	case KOP_CREATE:
		return create(k, &op->flow);
	case KOP_UPDATE:
		return update(k, &op->flow, op->tcp_liberal);
	case KOP_REPLACE:
		g = sim_kernel_find(k, &op->victim);
		if (g != NULL && (op->victim_id == 0 || op->victim_id == g->id)) {
			k->deletes++;
			leave(k, g, true);
		}
		return create(k, &op->flow);
	case KOP_DELETE:
		if (g == NULL || ((op->flow.has & HAS_ID) && op->flow.id != g->id))
			return ENOENT;
		k->deletes++;
		leave(k, g, true);
		return 0;
	case KOP_GET_REPLY:
		g = reply_owner(k, &op->flow);
		if (g == NULL)
			return ENOENT;
		res->has_flow = true;
		res->flow = *g;
		return 0;
	case KOP_GET:
		if (g == NULL)
			return ENOENT;
		res->has_flow = true;
		res->flow = *g;
		return 0;
	}
	return EINVAL;
}

void
sim_kernel_request(struct sim_kernel *k, const struct kernel_op *op, struct kernel_result *res)
{
	memset(res, 0, sizeof(*res));
	res->cookie = op->cookie;
	k->requests++;
	if (k->fail_times > 0 && op->flow.key.sport == k->fail_port && op->type != KOP_GET &&
	    op->type != KOP_GET_REPLY) {
		k->fail_times--;
		res->error = k->fail_error;
		return;
	}
	res->error = carry_out(k, op, res);
}
