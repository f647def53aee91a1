/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "truth.h"

#include <errno.h>
#include <string.h>

static void
mix(uint64_t *h, uint64_t value)
{
	*h = (*h ^ value) * 0x9e3779b97f4a7c15ULL;
	*h ^= *h >> 29;
}

static void
mix_bytes(uint64_t *h, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word), b += sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		mix(h, word);
	}
	while (len-- > 0)
		mix(h, *b++);
}

static size_t
slot_of(const struct flow_key *key)
{
	uint64_t h = 1;

	mix_bytes(&h, key, sizeof(*key));
	return (size_t)(h >> 20) % TUPLE_SLOTS;
}

void
truth_add_key(struct truth *t, const struct flow_key *key)
{
	size_t at = slot_of(key);

	ASSERT(t->count < TUPLES_MAX && truth_tuple(t, key) == NO_TUPLE);
	t->keys[t->count++] = *key;
	while (t->slots[at] != 0)
		at = (at + 1) % TUPLE_SLOTS;
	t->slots[at] = (uint16_t)t->count;
}

int
truth_tuple(const struct truth *t, const struct flow_key *key)
{
	for (size_t at = slot_of(key); t->slots[at] != 0; at = (at + 1) % TUPLE_SLOTS) {
		if (memcmp(&t->keys[t->slots[at] - 1], key, sizeof(*key)) == 0)
			return t->slots[at] - 1;
	}
	return NO_TUPLE;
}

static void
mix_l4(const struct truth *t, uint64_t *h, const struct flow *f)
{
	bool state = f->has & HAS_STATE;

	switch (f->key.l4) {
	case L4_TCP:
		mix(h, state ? 1u + f->l4.tcp.state : 0);
		if (t->window_tracking && (f->has & HAS_WSCALE))
			mix(h, 0x100u + f->l4.tcp.wscale_orig * 16u + f->l4.tcp.wscale_repl);
		break;
	case L4_SCTP:
		mix(h, state ? 1u + f->l4.sctp.state : 0);
		if (f->has & HAS_VTAGS)
			mix(h, (uint64_t)f->l4.sctp.vtag_orig << 32 | f->l4.sctp.vtag_repl);
		break;
	case L4_DCCP:
		mix(h, state ? 1u + f->l4.dccp.state : 0);
		if (f->has & HAS_DCCP_ROLE)
			mix(h, 0x10u + f->l4.dccp.role);
		break;
	default:
		break;
	}
}

static bool
any_set(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != 0)
			return true;
	}
	return false;
}

static void
mix_rare(uint64_t *h, const struct flow *f)
{
	const struct flow_rare *r = &f->rare;

	if (flow_is_related(f)) {
		mix_bytes(h, &r->master.src, sizeof(r->master.src));
		mix_bytes(h, &r->master.dst, sizeof(r->master.dst));
		mix(h, r->master.l4);
		if (f->has & HAS_MASTER_PORTS)
			mix(h, (uint64_t)r->master.sport << 16 | r->master.dport);
	}
	if (f->has & HAS_HELPER)
		mix_bytes(h, r->helper, strnlen(r->helper, sizeof(r->helper)));
	if ((f->has & HAS_LABELS) && any_set(r->labels, sizeof(r->labels)))
		mix_bytes(h, r->labels, sizeof(r->labels));
	if ((f->has & HAS_SYNPROXY) && (r->synproxy_isn | r->synproxy_its | r->synproxy_tsoff)) {
		mix(h, r->synproxy_isn);
		mix(h, (uint64_t)r->synproxy_its << 32 | r->synproxy_tsoff);
	}
}

uint64_t
truth_content(const struct truth *t, const struct flow *f)
{
	uint64_t h = 1;

	mix_bytes(&h, &f->reply, sizeof(f->reply));
	mix(&h, f->status);
	mix(&h, f->has & HAS_MARK ? f->mark : 0);
	mix_l4(t, &h, f);
	mix_rare(&h, f);
	return h;
}

static void
note(struct truth *t, struct history *h, uint64_t content, bool end, bool own)
{
	struct version *v = &h->v[h->count++ % VERSIONS_MAX];

	*v = (struct version){.number = ++t->number, .content = content, .end = end, .own = own};
}

void
truth_shown(struct truth *t, size_t node, const struct flow *f, bool end, bool own)
{
	int tuple = truth_tuple(t, &f->key);
	uint64_t content = truth_content(t, f);
	const struct version *last;
	struct history *h;

	if (tuple == NO_TUPLE)
		return;
	h = &t->seen[node][tuple];
	last = h->count > 0 ? &h->v[(h->count - 1) % VERSIONS_MAX] : NULL;
	if (last == NULL || last->end != end || (!end && last->content != content))
		note(t, h, content, end, own);
}

/* An answer with something else than it last knew of the tuple: what it knew may have ended. */
static bool
is_another(const struct truth *t, size_t node, const struct flow *f)
{
	int tuple = truth_tuple(t, &f->key);
	const struct history *h;
	const struct version *last;

	if (tuple == NO_TUPLE || t->seen[node][tuple].count == 0)
		return false;
	h = &t->seen[node][tuple];
	last = &h->v[(h->count - 1) % VERSIONS_MAX];
	return !last->end && last->content != truth_content(t, f);
}

/* It was shown the answer to a request. */
static void
answered(struct truth *t, const struct world *w, const struct happening *h)
{
	const struct kernel_op *op = h->op;
	const struct flow *f;

	if (h->result->has_flow && is_another(t, h->node, &h->result->flow))
		truth_shown(t, h->node, &h->result->flow, true, true);
	if (h->result->has_flow)
		truth_shown(t, h->node, &h->result->flow, false, true);
	else if ((op->type == KOP_GET || op->type == KOP_UPDATE) && h->result->error == ENOENT)
		truth_shown(t, h->node, &op->flow, true, true);
	if (op->type == KOP_GET || op->type == KOP_GET_REPLY || h->result->error != 0)
		return;
	if (op->type == KOP_REPLACE) {
		struct flow victim = op->flow;

		victim.key = op->victim;
		truth_shown(t, h->node, &victim, true, true);
	}
	f = sim_kernel_find(w->nodes[h->node].kernel, &op->flow.key);
	truth_shown(t, h->node, f != NULL ? f : &op->flow, f == NULL, true);
}

/*
 * With events still unread, or lost, a daemon may have written into another flow than it thought; until it has
 * read them its picture is made of both.
 */
static void
pictured(struct truth *t, const struct world *w, const struct happening *h)
{
	struct flow f;

	if (world_is_behind(w, h->node) && w->nodes[h->node].node != NULL &&
	    world_find(w, h->node, TABLE_LOCAL, &h->op->flow.key, &f))
		truth_shown(t, h->node, &f, false, true);
}

void
truth_watch(struct truth *t, const struct world *w, const struct happening *h)
{
	int tuple;

	if (h->type == HAP_KERNEL) {
		tuple = truth_tuple(t, &h->change->flow->key);
		if (tuple != NO_TUPLE)
			note(t, &t->of[h->node][tuple], truth_content(t, h->change->flow),
			    h->change->type == KEV_DESTROY, h->change->own);
	} else if (world_is_incumbent(w, h->node)) {
		/* Its cache tells, not its kernel: oracle_old_peer.c. */
	} else if (h->type == HAP_EVENT) {
		truth_shown(t, h->node, &h->event->flow, h->event->type == KEV_DESTROY, h->event->own);
	} else if (h->type == HAP_READ_FLOW) {
		truth_shown(t, h->node, h->flow, false, false);
	} else if (h->type == HAP_RESULT) {
		answered(t, w, h);
	} else if (h->type == HAP_ANSWERED) {
		pictured(t, w, h);
	}
}

const struct version *
history_at(const struct history *h, uint32_t i)
{
	uint32_t kept = h->count < VERSIONS_MAX ? h->count : VERSIONS_MAX;

	return i < kept ? &h->v[(h->count - kept + i) % VERSIONS_MAX] : NULL;
}

bool
history_is_cut(const struct history *h)
{
	return h->count > VERSIONS_MAX;
}
