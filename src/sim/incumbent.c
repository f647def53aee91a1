/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "incumbent.h"

#include <stdlib.h>
#include <string.h>

#include "incumbent_parts.h"

enum { MESSAGE_MAX = 4096 };

static uint32_t
or_default(uint32_t value, uint32_t otherwise)
{
	return value != 0 ? value : otherwise;
}

struct incumbent *
incumbent_new(const struct incumbent_cfg *cfg, ms_t now)
{
	struct incumbent *inc = calloc(1, sizeof(*inc));

	ASSERT(inc != NULL);
	inc->cfg = *cfg;
	inc->cfg.limit = or_default(cfg->limit, 262144);
	inc->cfg.refresh_s = or_default(cfg->refresh_s, 60);
	inc->cfg.cache_timeout_s = or_default(cfg->cache_timeout_s, 180);
	inc->cfg.purge_timeout_s = or_default(cfg->purge_timeout_s, 60);
	inc->cfg.resend_queue = or_default(cfg->resend_queue, 131072);
	inc->cfg.ack_window = or_default(cfg->ack_window, 300);
	cache_init(&inc->internal, inc->cfg.limit);
	cache_init(&inc->external, inc->cfg.limit);
	cache_init(&inc->expects, inc->cfg.limit);
	inc->seq = cfg->first_seq;
	inc->seq_set = cfg->first_seq != 0;
	inc->window = inc->cfg.ack_window;
	inc->alive_at = cfg->mode == MODE_FTFW ? ms_add(now, TIMER_MS) : MS_NEVER;
	inc->clock = now;
	inc->read_at = MS_NEVER;
	inc->purge_at = MS_NEVER;
	inc->commit_at = MS_NEVER;
	inc->rng = 0x9e3779b97f4a7c15ULL ^ ((uint64_t)cfg->first_seq << 20) ^ (uint64_t)now.ms;
	return inc;
}

static void drop_queue(struct incumbent *inc, struct item_list *list);

void
incumbent_free(struct incumbent *inc)
{
	if (inc == NULL)
		return;
	drop_queue(inc, &inc->tx);
	drop_queue(inc, &inc->resend);
	cache_clear(&inc->internal);
	cache_clear(&inc->external);
	cache_clear(&inc->expects);
	job_free(&inc->commit);
	job_free(&inc->flush);
	job_free(&inc->check);
	free(inc);
}

/* ---- queues ---- */

void
item_unlink(struct item *it)
{
	struct item_list *list = it->list;

	if (list == NULL)
		return;
	if (it->prev != NULL)
		it->prev->next = it->next;
	else
		list->first = it->next;
	if (it->next != NULL)
		it->next->prev = it->prev;
	else
		list->last = it->prev;
	list->count--;
	it->list = NULL;
	it->prev = NULL;
	it->next = NULL;
}

static void
append(struct item_list *list, struct item *it)
{
	it->list = list;
	it->next = NULL;
	it->prev = list->last;
	if (list->last != NULL)
		list->last->next = it;
	else
		list->first = it;
	list->last = it;
	list->count++;
}

/* Nothing waits for this item any more: a control message is gone, a dead object too. */
static void
release(struct incumbent *inc, struct item *it)
{
	struct object *o = (struct object *)it;

	item_unlink(it);
	if (it->kind == ITEM_CONTROL)
		free(it);
	else if (o->state == OBJECT_DEAD)
		cache_remove(it->kind == ITEM_FLOW ? &inc->internal : &inc->expects, o);
}

static void
drop_queue(struct incumbent *inc, struct item_list *list)
{
	while (list->first != NULL)
		release(inc, list->first);
}

void
incumbent_enqueue(struct incumbent *inc, struct object *o)
{
	if (o->item.list == &inc->tx)
		return;
	item_unlink(&o->item);
	append(&inc->tx, &o->item);
}

void
incumbent_queue_control(struct incumbent *inc, uint8_t flags, uint32_t from, uint32_t to)
{
	struct control *c = calloc(1, sizeof(*c));

	ASSERT(c != NULL);
	c->item.kind = ITEM_CONTROL;
	c->flags = flags;
	c->from = from;
	c->to = to;
	append(&inc->tx, &c->item);
}

static void
enqueue_cache(struct incumbent *inc, struct cache *c)
{
	for (size_t b = 0; b < BUCKETS; b++) {
		for (struct object *o = c->buckets[b]; o != NULL; o = o->chain)
			incumbent_enqueue(inc, o);
	}
}

void
incumbent_enqueue_all(struct incumbent *inc)
{
	enqueue_cache(inc, &inc->internal);
	enqueue_cache(inc, &inc->expects);
}

/* ---- sending ---- */

static uint8_t
hello_bits(const struct incumbent *inc)
{
	uint8_t bits = 0;

	if (inc->cfg.mode != MODE_FTFW)
		return 0;
	if (inc->hello == HELLO_SAY)
		bits |= WIRE_HELLO;
	if (inc->owe_hello_back)
		bits |= WIRE_HELLO_BACK;
	return bits;
}

/* Writes the message of an item; its length, or 0 if it is too big for any datagram. */
static size_t
build(struct incumbent *inc, struct item *it, uint8_t *buf, size_t cap)
{
	uint8_t hello = hello_bits(inc);
	struct wbuf wb;

	wbuf_init(&wb, buf, cap);
	if (it->kind == ITEM_CONTROL) {
		struct control *c = (struct control *)it;

		/* It is kept with its bits: sent again, it says HELLO again. */
		if (!wire_put_control(&wb, c->flags | hello, inc->seq, c->from, c->to))
			return 0;
	} else if (!object_put(inc, (struct object *)it, hello, inc->seq, &wb)) {
		return 0;
	}
	return wbuf_len(&wb);
}

static void
keep_for_resending(struct incumbent *inc, struct item *it)
{
	if (inc->resend.count >= inc->cfg.resend_queue) {
		inc->stats.evicted++;
		release(inc, inc->resend.first);
	}
	append(&inc->resend, it);
}

static void
was_sent(struct incumbent *inc, struct item *it)
{
	bool tracked = inc->cfg.mode == MODE_FTFW;
	uint8_t flags = 0;

	it->seq = inc->seq++;
	inc->stats.sent++;
	if (it->kind == ITEM_CONTROL) {
		struct control *c = (struct control *)it;

		c->flags |= hello_bits(inc);
		flags = c->flags;
	}
	inc->stats.acks_sent += (flags & WIRE_ACK) != 0;
	inc->stats.nacks_sent += (flags & WIRE_NACK) != 0;
	inc->owe_hello_back = false;
	item_unlink(it);
	if (tracked && !(flags & WIRE_ALIVE))
		keep_for_resending(inc, it);
	else
		release(inc, it);
}

static void
begin_run(struct incumbent *inc, ms_t now)
{
	if (!inc->seq_set) {
		inc->seq = ms_second(now);
		inc->seq_set = true;
	}
	if (inc->hello == HELLO_INIT)
		inc->hello = HELLO_SAY;
}

size_t
incumbent_pull_datagram(struct incumbent *inc, void *buf, size_t cap, ms_t now)
{
	uint8_t msg[MESSAGE_MAX];
	size_t used = 0;

	if (inc->tx.first == NULL)
		return 0;
	begin_run(inc, now);
	while (inc->tx.first != NULL) {
		struct item *it = inc->tx.first;
		size_t len = build(inc, it, msg, sizeof(msg));

		if (len == 0 || len >= cap) {
			/* The program loops for ever here; a simulation has to go on. */
			inc->stats.too_big++;
			release(inc, it);
			continue;
		}
		if (used + len >= cap)
			return used;
		memcpy((uint8_t *)buf + used, msg, len);
		used += len;
		was_sent(inc, it);
	}
	if (inc->cfg.mode == MODE_FTFW)
		inc->alive_at = ms_add(now, TIMER_MS);
	return used;
}

/* ---- receiving ---- */

/* The elements of the resend queue in a range: acknowledged, or to be sent again. */
static void
walk_resend(struct incumbent *inc, uint32_t from, uint32_t to, bool again)
{
	struct item *next;

	for (struct item *it = inc->resend.first; it != NULL; it = next) {
		next = it->next;
		if (seq_cmp(it->seq, from) < 0)
			continue;
		if (seq_cmp(it->seq, to) > 0)
			break;
		if (again) {
			inc->stats.resent++;
			item_unlink(it);
			append(&inc->tx, it);
		} else {
			release(inc, it);
		}
	}
}

/* What a message asks for; false if it is none that the program knows. */
static bool
digest(struct incumbent *inc, const struct wire_msg *m)
{
	switch (wire_classify(m)) {
	case CLASS_STATE:
	case CLASS_ALIVE:
		return true;
	case CLASS_ACK:
	case CLASS_NACK:
		if (seq_cmp(m->to, m->from) < 0)
			return false;
		inc->stats.acks_received += (m->flags & WIRE_ACK) != 0;
		inc->stats.nacks_received += (m->flags & WIRE_ACK) == 0;
		walk_resend(inc, m->from, m->to, (m->flags & WIRE_ACK) == 0);
		return true;
	case CLASS_RESYNC:
		inc->stats.resyncs_received++;
		incumbent_enqueue_all(inc);
		return true;
	case CLASS_BAD:
		break;
	}
	inc->stats.bad_header++;
	return false;
}

static bool
accept(struct incumbent *inc, const struct wire_msg *m)
{
	if (!digest(inc, m))
		return false;
	if (!inc->range_open)
		inc->ack_from = m->seq;
	inc->range_open = true;
	if (--inc->window == 0) {
		incumbent_queue_control(inc, WIRE_ACK, inc->ack_from, m->seq);
		inc->window = inc->cfg.ack_window;
		inc->range_open = false;
	}
	inc->last = m->seq;
	inc->last_set = true;
	return true;
}

static bool
accept_after_gap(struct incumbent *inc, const struct wire_msg *m)
{
	if (!digest(inc, m))
		return false;
	if (inc->range_open)
		incumbent_queue_control(inc, WIRE_ACK, inc->ack_from, inc->last);
	incumbent_queue_control(inc, WIRE_NACK, inc->last + 1, m->seq - 1);
	inc->stats.lost += m->seq - inc->last - 1;
	inc->window = inc->cfg.ack_window - 1;
	inc->ack_from = m->seq;
	inc->range_open = true;
	inc->last = m->seq;
	return true;
}

/* FT-FW: is the message to be used? */
static bool
track(struct incumbent *inc, const struct wire_msg *m)
{
	if ((m->flags & WIRE_HELLO_BACK) && inc->hello == HELLO_SAY)
		inc->hello = HELLO_DONE;
	if (m->flags & WIRE_HELLO) {
		inc->owe_hello_back = true;
		if (inc->range_open && seq_cmp(m->seq, inc->ack_from) < 0) {
			inc->window = inc->cfg.ack_window - 1;
			inc->ack_from = m->seq;
		}
		inc->stats.dropped_by_hello += inc->resend.count;
		drop_queue(inc, &inc->resend);
		return accept(inc, m);
	}
	if (!inc->last_set || m->seq == inc->last + 1)
		return accept(inc, m);
	if (seq_cmp(m->seq, inc->last) > 0)
		return accept_after_gap(inc, m);
	inc->stats.late++;
	return false;
}

static void
touch_external(struct incumbent *inc, struct object *o, ms_t now)
{
	int64_t lives_ms = (int64_t)inc->cfg.cache_timeout_s * 1000;

	if (inc->cfg.mode == MODE_ALARM)
		cache_set_due(&inc->external, o, ms_add(now, lives_ms));
}

static void
flow_message(struct incumbent *inc, const struct wire_msg *m, ms_t now)
{
	struct attr_skipped skipped = {0};
	struct object *o;
	struct flow f;

	if (attr_decode_flow(m->attrs, m->attrs_len, &f, &skipped) != ATTR_OK || skipped.unknown > 0) {
		inc->stats.bad_payload++;
		return;
	}
	o = cache_find_flow(&inc->external, &f.key);
	if (m->type == WIRE_CT_UPD && o != NULL) {
		cache_merge_flow(o, &f, now);
		touch_external(inc, o, now);
		return;
	}
	if (o != NULL)
		cache_remove(&inc->external, o);
	if (m->type == WIRE_CT_DEL)
		return;
	o = cache_add_flow(&inc->external, &f, now);
	if (o == NULL)
		inc->stats.full++;
	else
		touch_external(inc, o, now);
}

static void
message(struct incumbent *inc, const struct wire_msg *m)
{
	if (inc->cfg.mode == MODE_FTFW) {
		if (!track(inc, m))
			return;
	} else if (m->flags != 0) {
		return;
	}
	inc->stats.received++;
	if (m->type <= WIRE_CT_DEL)
		flow_message(inc, m, inc->clock);
	else if (m->type <= WIRE_EXP_DEL)
		inc->stats.expects_received++;
	else if (inc->cfg.mode == MODE_ALARM)
		inc->stats.bad_type++;
}

void
incumbent_datagram(struct incumbent *inc, const void *data, size_t len, ms_t now)
{
	struct wire_msg m;
	struct rbuf r;

	rbuf_init(&r, data, len);
	for (;;) {
		switch (wire_next(&r, &m)) {
		case WIRE_END:
			inc->clock = now;
			return;
		case WIRE_MSG:
			message(inc, &m);
			break;
		case WIRE_BAD_VERSION:
			inc->stats.bad_version++;
			break;
		case WIRE_TRUNCATED:
		case WIRE_BAD_SIZE:
			inc->stats.bad_size++;
			inc->clock = now;
			return;
		}
	}
}

/* ---- commands and time ---- */

void
incumbent_command(struct incumbent *inc, enum node_cmd cmd, ms_t now)
{
	inc->clock = now;
	switch (cmd) {
	case CMD_COMMIT:
	case CMD_COMMIT_FLOWS:
	case CMD_TAKE_OVER:
		inc->purge_at = MS_NEVER;
		incumbent_commit(inc, now);
		break;
	case CMD_FLUSH_INTERNAL:
		cache_clear(&inc->internal);
		cache_clear(&inc->expects);
		break;
	case CMD_FLUSH_EXTERNAL:
		/* Refused while a commit runs. */
		if (!inc->commit.running)
			cache_clear(&inc->external);
		break;
	case CMD_FLUSH_KERNEL:
		incumbent_flush_kernel(inc);
		break;
	case CMD_COMMIT_EXPECTS:
	case CMD_FLUSH_EXPECTS:
	case CMD_REHEARSE:
		break;
	case CMD_REQUEST_RESYNC:
	case CMD_COMPARE:
		if (inc->cfg.mode == MODE_FTFW)
			incumbent_queue_control(inc, WIRE_RESYNC, 0, 0);
		break;
	case CMD_BULK:
		if (inc->cfg.mode == MODE_FTFW)
			incumbent_enqueue_all(inc);
		break;
	}
}

void
incumbent_purge(struct incumbent *inc, ms_t now)
{
	if (inc->purge_at.ms == MS_NEVER.ms)
		inc->purge_at = ms_add(now, (int64_t)inc->cfg.purge_timeout_s * 1000);
}

static void
timer_expired(struct incumbent *inc, ms_t now)
{
	if (inc->range_open) {
		incumbent_queue_control(inc, WIRE_ACK, inc->ack_from, inc->last);
		inc->range_open = false;
	} else {
		incumbent_queue_control(inc, WIRE_ALIVE, 0, 0);
	}
	inc->alive_at = ms_add(now, TIMER_MS);
}

/* ALARM: internal objects that are due are sent, external ones removed. */
static void
objects_due(struct incumbent *inc, struct cache *c, ms_t now)
{
	if (!ms_reached(now, c->due))
		return;
	c->due = MS_NEVER;
	for (uint32_t i = 0; i < c->used; i++) {
		struct object *o = c->slots[i];

		if (o == NULL)
			continue;
		if (!ms_reached(now, o->due)) {
			c->due = ms_earlier(c->due, o->due);
		} else if (c == &inc->external) {
			cache_remove(c, o);
		} else {
			incumbent_enqueue(inc, o);
			incumbent_draw_refresh(inc, o, now);
		}
	}
}

void
incumbent_tick(struct incumbent *inc, ms_t now)
{
	inc->clock = now;
	if (ms_reached(now, inc->alive_at))
		timer_expired(inc, now);
	objects_due(inc, &inc->internal, now);
	objects_due(inc, &inc->expects, now);
	objects_due(inc, &inc->external, now);
	incumbent_kernel_tick(inc, now);
}

ms_t
incumbent_deadline(const struct incumbent *inc)
{
	ms_t t = ms_earlier(inc->alive_at, incumbent_kernel_deadline(inc));

	t = ms_earlier(t, ms_earlier(inc->internal.due, inc->external.due));
	return ms_earlier(t, inc->expects.due);
}

/* ---- views ---- */

static void
view(const struct object *o, enum node_table t, struct flow_view *out, ms_t now)
{
	memset(out, 0, sizeof(*out));
	out->flow = o->flow;
	out->age_s = ms_since(now, o->entered) / 1000;
	out->expires_s = -1;
	if (t == TABLE_REMOTE && o->due.ms != MS_NEVER.ms)
		out->expires_s = ms_since(o->due, now) / 1000;
}

bool
incumbent_next_flow(const struct incumbent *inc, enum node_table t, uint32_t *cursor,
    struct flow_view *out, ms_t now)
{
	const struct cache *c = t == TABLE_LOCAL ? &inc->internal : &inc->external;

	while (*cursor < c->used) {
		const struct object *o = c->slots[(*cursor)++];

		if (o == NULL || o->state == OBJECT_DEAD)
			continue;
		view(o, t, out, now);
		return true;
	}
	return false;
}

bool
incumbent_find_flow(struct incumbent *inc, enum node_table t, const struct flow_key *key,
    struct flow_view *out, ms_t now)
{
	struct cache *c = t == TABLE_LOCAL ? &inc->internal : &inc->external;
	const struct object *o = cache_find_flow(c, key);

	if (o == NULL || o->state == OBJECT_DEAD)
		return false;
	view(o, t, out, now);
	return true;
}

size_t
incumbent_count(const struct incumbent *inc, enum node_table t)
{
	return t == TABLE_LOCAL ? inc->internal.count : inc->external.count;
}

const struct incumbent_stats *
incumbent_stats(const struct incumbent *inc)
{
	return &inc->stats;
}

struct incumbent_queues
incumbent_queues(const struct incumbent *inc)
{
	return (struct incumbent_queues){.tx = inc->tx.count, .resend = inc->resend.count};
}
