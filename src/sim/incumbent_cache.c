/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "incumbent_parts.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t nat_bits = HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT;

void
cache_init(struct cache *c, size_t limit)
{
	c->limit = limit;
	c->due = MS_NEVER;
}

static uint32_t
flow_bucket(const struct flow_key *key)
{
	static const uint64_t secret[2] = {0x636f6e6e74726163ULL, 0x6b64203134370000ULL};

	return (uint32_t)(flow_key_hash(key, secret) % BUCKETS);
}

static uint32_t
expect_bucket(const struct expect *e)
{
	const uint8_t *p = (const uint8_t *)&e->tuple;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(e->tuple); i++)
		h = (h ^ p[i]) * 16777619u;
	return h % BUCKETS;
}

static uint32_t
take_slot(struct cache *c)
{
	if (c->free_count > 0)
		return c->free[--c->free_count];
	if (c->used == c->room) {
		c->room = c->room > 0 ? 2 * c->room : 64;
		c->slots = realloc(c->slots, c->room * sizeof(struct object *));
		c->free = realloc(c->free, c->room * sizeof(uint32_t));
		ASSERT(c->slots != NULL && c->free != NULL);
	}
	return c->used++;
}

static struct object *
add(struct cache *c, uint32_t bucket, enum item_kind kind, ms_t now)
{
	struct object *o, **place;

	if (c->count >= c->limit)
		return NULL;
	o = calloc(1, sizeof(*o));
	ASSERT(o != NULL);
	o->item.kind = kind;
	o->bucket = bucket;
	o->slot = take_slot(c);
	o->entered = now;
	o->updated = now;
	o->due = MS_NEVER;
	c->slots[o->slot] = o;
	for (place = &c->buckets[bucket]; *place != NULL; place = &(*place)->chain)
		;
	*place = o;
	c->count++;
	return o;
}

void
cache_remove(struct cache *c, struct object *o)
{
	struct object **place;

	item_unlink(&o->item);
	for (place = &c->buckets[o->bucket]; *place != o; place = &(*place)->chain)
		;
	*place = o->chain;
	c->slots[o->slot] = NULL;
	c->free[c->free_count++] = o->slot;
	c->count--;
	free(o);
}

void
cache_clear(struct cache *c)
{
	for (uint32_t i = 0; i < c->used; i++) {
		if (c->slots[i] != NULL)
			cache_remove(c, c->slots[i]);
	}
	free(c->slots);
	free(c->free);
	c->slots = NULL;
	c->free = NULL;
	c->used = 0;
	c->room = 0;
	c->free_count = 0;
	c->due = MS_NEVER;
}

void
cache_set_due(struct cache *c, struct object *o, ms_t due)
{
	o->due = due;
	c->due = ms_earlier(c->due, due);
}

/*
 * The program's hash looks at the zone and its comparison does not: flows of two zones are one only
 * if chance puts them in one of its 65536 buckets.  Nor does it compare what one of two tuples
 * lacks.  Neither is modelled.
 */
struct object *
cache_find_flow(struct cache *c, const struct flow_key *key)
{
	struct object *o = c->buckets[flow_bucket(key)];

	while (o != NULL && !flow_key_equal(&o->flow.key, key))
		o = o->chain;
	return o;
}

struct object *
cache_add_flow(struct cache *c, const struct flow *f, ms_t now)
{
	struct object *o = add(c, flow_bucket(&f->key), ITEM_FLOW, now);

	if (o != NULL)
		o->flow = *f;
	return o;
}

/* Off the wire, each translation stands for itself: one that is not named again stays. */
static void
merge_nat(struct flow *f, const struct flow *upd)
{
	if (upd->has & HAS_SNAT)
		f->reply.dst = upd->reply.dst;
	if (upd->has & HAS_DNAT)
		f->reply.src = upd->reply.src;
	if (upd->has & HAS_SPAT)
		f->reply.dport = upd->reply.dport;
	if (upd->has & HAS_DPAT)
		f->reply.sport = upd->reply.sport;
	f->has |= upd->has & nat_bits;
}

void
cache_merge_flow(struct object *o, const struct flow *upd, ms_t now)
{
	struct flow rest = *upd;

	if (!(upd->has & HAS_REPLY)) {
		merge_nat(&o->flow, upd);
		rest.has &= ~nat_bits;
	}
	flow_merge(&o->flow, &rest);
	o->updated = now;
	o->state = OBJECT_UPDATED;
}

/* Everything but the timeout makes an expectation what it is. */
static bool
expect_equal(const struct expect *a, const struct expect *b)
{
	struct expect x = *a, y = *b;

	x.timeout_s = 0;
	y.timeout_s = 0;
	x.has |= EXP_TIMEOUT;
	y.has |= EXP_TIMEOUT;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

struct object *
cache_find_expect(struct cache *c, const struct expect *e)
{
	struct object *o = c->buckets[expect_bucket(e)];

	while (o != NULL && !expect_equal(&o->expect, e))
		o = o->chain;
	return o;
}

struct object *
cache_add_expect(struct cache *c, const struct expect *e, ms_t now)
{
	struct object *o = add(c, expect_bucket(e), ITEM_EXPECT, now);

	if (o != NULL)
		o->expect = *e;
	return o;
}

static bool
has_labels(const struct flow *f)
{
	for (size_t i = 0; i < FLOW_LABELS_LEN; i++) {
		if (f->rare.labels[i] != 0)
			return true;
	}
	return false;
}

static bool
ports_travel(uint8_t l4)
{
	return l4 == L4_TCP || l4 == L4_UDP || l4 == L4_SCTP || l4 == L4_DCCP;
}

/* Brings the flow into the form in which the program's encoder sees it. */
static uint32_t
wording(const struct incumbent *inc, struct flow *f)
{
	uint32_t mask = ~0u;

	if (f->has & HAS_REPLY)
		flow_derive_nat(f);
	if (flow_l4_is_icmp(f->key.l4)) {
		/* Two ports of zero go with every ICMP flow that NAT has looked at; an id that is
		 * translated indeed is not told. */
		f->reply.sport = f->key.sport;
		f->has &= ~(uint32_t)(HAS_SPAT | HAS_DPAT);
		if (f->status & ST_SRC_NAT_DONE)
			f->has |= HAS_SPAT;
		if (f->status & ST_DST_NAT_DONE)
			f->has |= HAS_DPAT;
	}
	if (!ports_travel(f->key.l4))
		mask &= ~(uint32_t)HAS_PORTS;
	if (inc->cfg.commit_timeout_s != 0)
		mask &= ~(uint32_t)HAS_TIMEOUT;
	if (!inc->cfg.tcp_window_tracking)
		mask &= ~(uint32_t)HAS_WSCALE;
	if (!has_labels(f))
		mask &= ~(uint32_t)HAS_LABELS;
	return mask;
}

bool
object_put(const struct incumbent *inc, const struct object *o, uint8_t flags, uint32_t seq,
    struct wbuf *wb)
{
	static const enum wire_type flow_types[] = {[OBJECT_NEW] = WIRE_CT_NEW,
	    [OBJECT_UPDATED] = WIRE_CT_UPD, [OBJECT_DEAD] = WIRE_CT_DEL};
	static const enum wire_type expect_types[] = {[OBJECT_NEW] = WIRE_EXP_NEW,
	    [OBJECT_UPDATED] = WIRE_EXP_UPD, [OBJECT_DEAD] = WIRE_EXP_DEL};

	if (o->item.kind == ITEM_EXPECT) {
		struct expect e = o->expect;

		if (inc->cfg.commit_timeout_s != 0)
			e.has &= ~(uint32_t)EXP_TIMEOUT;
		return wire_put_expect(wb, expect_types[o->state], flags, seq, &e);
	} else {
		struct flow f = o->flow;
		uint32_t mask = wording(inc, &f);

		return wire_put_flow(wb, flow_types[o->state], flags, seq, &f, mask);
	}
}
