/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_kernel.h"

#include <errno.h>
#include <string.h>

/* ---- both tuples of every entry are in one hash, as in the kernel ---- */

enum { DIR_ORIG, DIR_REPLY };

/* A reply tuple in the form of a key. */
static struct flow_key
reply_key(const struct flow *f)
{
	struct flow_key key = f->key;

	key.src = f->reply.src;
	key.dst = f->reply.dst;
	key.sport = f->reply.sport;
	key.dport = f->reply.dport;
	return key;
}

static struct flow_key
tuple_of(const struct flow *f, int dir)
{
	return dir == DIR_ORIG ? f->key : reply_key(f);
}

static size_t
bucket_of(const struct flow_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], h = 0;

	memcpy(words, key, sizeof(*key));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15ULL;
	return (size_t)(h >> 40) % SIM_BUCKETS;
}

static void
hash_add(struct sim_kernel *k, size_t i, int dir)
{
	struct flow_key key = tuple_of(&k->flows[i], dir);
	uint16_t *head = &k->buckets[bucket_of(&key)];

	k->next[i][dir] = *head;
	*head = (uint16_t)(2 * (i + 1) + (size_t)dir);
}

static void
hash_remove(struct sim_kernel *k, size_t i, int dir)
{
	struct flow_key key = tuple_of(&k->flows[i], dir);
	uint16_t self = (uint16_t)(2 * (i + 1) + (size_t)dir);
	uint16_t *at = &k->buckets[bucket_of(&key)];

	while (*at != self) {
		ASSERT(*at != 0);
		at = &k->next[*at / 2 - 1][*at % 2];
	}
	*at = k->next[i][dir];
}

/* The entry that has this tuple, in the given direction or (-1) in either; or NULL. */
static struct flow *
holder(const struct sim_kernel *k, const struct flow_key *key, int dir)
{
	for (uint16_t at = k->buckets[bucket_of(key)]; at != 0; at = k->next[at / 2 - 1][at % 2]) {
		const struct flow *f = &k->flows[at / 2 - 1];
		struct flow_key tuple = tuple_of(f, at % 2);

		if ((dir < 0 || dir == at % 2) && memcmp(&tuple, key, sizeof(tuple)) == 0)
			return (struct flow *)f;
	}
	return NULL;
}

struct flow *
sim_kernel_find(struct sim_kernel *k, const struct flow_key *key)
{
	return holder(k, key, DIR_ORIG);
}

bool
sim_kernel_has_room(const struct sim_kernel *k, const struct flow *f)
{
	struct flow_key reply = reply_key(f);

	return holder(k, &f->key, -1) == NULL && holder(k, &reply, -1) == NULL;
}

/* ---- events ---- */

void
sim_kernel_raise(struct sim_kernel *k, const struct kernel_event *ev)
{
	size_t max = k->events_max > 0 ? k->events_max : SIM_EVENTS_MAX;

	if (k->deaf || (ev->own && !k->deliver_own))
		return;
	if (k->events_count >= max || k->congested) {
		k->congested = true;
		k->events_lost = true;
		return;
	}
	k->events[(k->events_head + k->events_count++) % SIM_EVENTS_MAX] = *ev;
}

static void
raise_event(struct sim_kernel *k, enum kernel_event_type type, bool own, const struct flow *f)
{
	struct kernel_event ev = {.type = type, .own = own, .flow = *f};

	sim_kernel_raise(k, &ev);
}

bool
sim_kernel_event(struct sim_kernel *k, struct kernel_event *out)
{
	if (k->events_count == 0) {
		k->congested = false;
		return false;
	}
	*out = k->events[k->events_head];
	k->events_head = (k->events_head + 1) % SIM_EVENTS_MAX;
	k->events_count--;
	return true;
}

void
sim_kernel_deafen(struct sim_kernel *k)
{
	k->deaf = true;
	k->events_count = 0;
	k->congested = false;
	k->events_lost = false;
}

static void
tell(struct sim_kernel *k, enum kernel_event_type type, bool own, const struct flow *before,
    const struct flow *f)
{
	struct sim_change change = {.type = type, .own = own, .before = before, .flow = f};

	if (k->changed != NULL)
		k->changed(k->ctx, &change);
	raise_event(k, type, own, f);
}

/* ---- entries ---- */

static void
change_tcp(struct flow_tcp *g, const struct flow_tcp *upd, uint32_t has)
{
	if (has & HAS_STATE)
		g->state = upd->state;
	if (has & HAS_WSCALE) {
		g->wscale_orig = upd->wscale_orig;
		g->wscale_repl = upd->wscale_repl;
	}
	if (has & HAS_TCP_FLAGS) {
		g->flags_orig = upd->flags_orig;
		g->flags_repl = upd->flags_repl;
	}
}

static void
change_l4(struct flow *g, const struct flow *upd)
{
	const uint32_t has = upd->has;

	if (g->key.l4 == L4_TCP)
		change_tcp(&g->l4.tcp, &upd->l4.tcp, has);
	if (g->key.l4 == L4_SCTP && (has & HAS_STATE))
		g->l4.sctp.state = upd->l4.sctp.state;
	if (g->key.l4 == L4_SCTP && (has & HAS_VTAGS)) {
		g->l4.sctp.vtag_orig = upd->l4.sctp.vtag_orig;
		g->l4.sctp.vtag_repl = upd->l4.sctp.vtag_repl;
	}
	if (g->key.l4 == L4_DCCP && (has & HAS_STATE))
		g->l4.dccp.state = upd->l4.dccp.state;
	if (g->key.l4 == L4_DCCP && (has & HAS_DCCP_ROLE))
		g->l4.dccp.role = upd->l4.dccp.role;
	if (g->key.l4 == L4_DCCP && (has & HAS_DCCP_SEQ))
		g->l4.dccp.handshake_seq = upd->l4.dccp.handshake_seq;
}

void
sim_kernel_change(struct flow *g, const struct flow *upd)
{
	const uint32_t all = HAS_STATE | HAS_WSCALE | HAS_TCP_FLAGS | HAS_VTAGS | HAS_DCCP_ROLE |
	    HAS_DCCP_SEQ | HAS_STATUS | HAS_TIMEOUT | HAS_MARK | HAS_SEQADJ | HAS_LABELS |
	    HAS_SYNPROXY;
	const struct flow_rare *from = &upd->rare;

	g->has |= upd->has & all;
	if (upd->has & HAS_STATUS)
		g->status = upd->status;
	if (upd->has & HAS_TIMEOUT)
		g->timeout_s = upd->timeout_s;
	if (upd->has & HAS_MARK)
		g->mark = upd->mark;
	if (upd->has & HAS_SEQADJ)
		memcpy(g->rare.seqadj, from->seqadj, sizeof(from->seqadj));
	if (upd->has & HAS_LABELS)
		memcpy(g->rare.labels, from->labels, sizeof(from->labels));
	if (upd->has & HAS_SYNPROXY) {
		g->rare.synproxy_isn = from->synproxy_isn;
		g->rare.synproxy_its = from->synproxy_its;
		g->rare.synproxy_tsoff = from->synproxy_tsoff;
	}
	change_l4(g, upd);
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
		hash_add(k, i, DIR_ORIG);
		hash_add(k, i, DIR_REPLY);
		k->count++;
		if (i >= k->high)
			k->high = i + 1;
		tell(k, KEV_NEW, own, NULL, &k->flows[i]);
		return;
	}
	ASSERT(!"simulated kernel table full");
}

static void
leave(struct sim_kernel *k, struct flow *f, bool own)
{
	size_t i = (size_t)(f - k->flows);

	hash_remove(k, i, DIR_ORIG);
	hash_remove(k, i, DIR_REPLY);
	k->used[i] = false;
	k->count--;
	sim_expects_leave(k, f);
	tell(k, KEV_DESTROY, own, f, f);
}

bool
sim_kernel_new(struct sim_kernel *k, const struct flow *f)
{
	if (!sim_kernel_has_room(k, f))
		return false;
	enter(k, f, false);
	return true;
}

void
sim_kernel_update(struct sim_kernel *k, const struct flow *f)
{
	struct flow *g = sim_kernel_find(k, &f->key);
	struct flow before;

	/* A mapping, a helper and a master last as long as their flow. */
	ASSERT(g != NULL);
	before = *g;
	sim_kernel_change(g, f);
	tell(k, KEV_UPDATE, false, &before, g);
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
	for (size_t i = 0; i < k->high; i++) {
		if (!k->used[i])
			continue;
		if (k->flows[i].timeout_s > 1)
			k->flows[i].timeout_s--;
		else if (k->expires)
			leave(k, &k->flows[i], false);
	}
	sim_expects_age(k);
}

/* ---- requests ---- */

static int
create(struct sim_kernel *k, const struct kernel_op *op)
{
	struct flow made = op->flow;

	if (!sim_kernel_has_room(k, &made))
		return EEXIST;
	if (!(made.has & HAS_TIMEOUT) || (made.status & (ST_DYING | ST_EXPECTED)))
		return EINVAL;
	if (made.has & HAS_MASTER) {
		if (sim_kernel_find(k, &made.rare.master) == NULL)
			return ENOENT;
		made.status |= ST_EXPECTED;
	}
	made.status |= flow_nat_status(&made);
	if (flow_l4_has_state(made.key.l4))
		made.has |= HAS_STATE;
	enter(k, &made, true);
	return 0;
}

static int
update(struct sim_kernel *k, const struct kernel_op *op)
{
	struct flow *g = sim_kernel_find(k, &op->flow.key);
	struct flow before, upd = op->flow;

	if (g == NULL)
		return ENOENT;
	if ((upd.has & HAS_STATUS) && (g->status & ~upd.status & (ST_SEEN_REPLY | ST_ASSURED)))
		return EBUSY;
	before = *g;
	upd.status |= g->status;
	sim_kernel_change(g, &upd);
	if (op->tcp_liberal) {
		g->l4.tcp.flags_orig |= TCP_FLAG_LIBERAL;
		g->l4.tcp.flags_repl |= TCP_FLAG_LIBERAL;
		g->has |= HAS_TCP_FLAGS;
	}
	tell(k, KEV_UPDATE, true, &before, g);
	return 0;
}

static int
carry_out(struct sim_kernel *k, const struct kernel_op *op, struct kernel_result *res)
{
	struct flow *g;
	struct flow_key reply;

	if (kernel_op_is_expect(op))
		return sim_expects_request(k, op);
	g = sim_kernel_find(k, &op->flow.key);
	switch (op->type) {
	case KOP_CREATE:
		return create(k, op);
	case KOP_UPDATE:
		return update(k, op);
	case KOP_REPLACE:
		g = sim_kernel_find(k, &op->victim);
		if (g != NULL && (op->victim_id == 0 || op->victim_id == g->id)) {
			k->deletes++;
			leave(k, g, true);
		}
		return create(k, op);
	case KOP_DELETE:
		if (g == NULL || ((op->flow.has & HAS_ID) && op->flow.id != g->id))
			return ENOENT;
		k->deletes++;
		leave(k, g, true);
		return 0;
	case KOP_GET_REPLY:
		reply = reply_key(&op->flow);
		g = holder(k, &reply, -1);
		break;
	case KOP_GET:
	case KOP_EXPECT_CREATE:
	case KOP_EXPECT_DELETE:
		break;
	}
	if (g == NULL)
		return ENOENT;
	res->has_flow = true;
	res->flow = *g;
	return 0;
}

void
sim_kernel_request(struct sim_kernel *k, const struct kernel_op *op, struct kernel_result *res)
{
	bool after = false;
	int error = 0;

	memset(res, 0, sizeof(*res));
	res->cookie = op->cookie;
	k->requests++;
	if (k->fail_times > 0 && !kernel_op_is_expect(op) && op->flow.key.sport == k->fail_port && op->type != KOP_GET &&
	    op->type != KOP_GET_REPLY) {
		k->fail_times--;
		res->error = k->fail_error;
		return;
	}
	if (k->fail != NULL)
		error = k->fail(k->ctx, op, &after);
	if (error == 0 || after)
		res->error = carry_out(k, op, res);
	if (error != 0) {
		res->error = error;
		res->has_flow = false;
	}
}
