/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node.h"

#include <string.h>

#include "engine.h"

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t
node_size(const struct node_cfg *cfg)
{
	return align64(sizeof(struct node)) + 2 * align64(table_size(cfg->limit)) +
	    2 * expects_size(cfg->expects);
}

struct node *
node_init(void *mem, const struct node_cfg *cfg, ms_t now)
{
	uint8_t *p = mem;
	struct node *n = mem;

	ASSERT(((uintptr_t)mem & 15) == 0);
	n->cfg = *cfg;
	settings_complete(&n->cfg);
	n->mode = &sync_modes[cfg->mode];
	n->rng = cfg->secret[0] ^ (cfg->secret[1] << 1);
	p += align64(sizeof(struct node));
	table_init(&n->local, p, cfg->limit, cfg->secret, now);
	p += align64(table_size(cfg->limit));
	table_init(&n->remote, p, cfg->limit, cfg->secret, now);
	p += align64(table_size(cfg->limit));
	expects_init(&n->local_expects, p, cfg->expects, cfg->secret);
	p += expects_size(cfg->expects);
	expects_init(&n->remote_expects, p, cfg->expects, cfg->secret);
	n->tx.id = Q_TX;
	n->unacked.id = Q_UNACKED;
	n->buried.id = Q_BURIED;
	n->inject.id = Q_INJECT;
	n->next_seq = cfg->first_seq;
	n->hello_say = true;
	n->local_emptied = true;
	n->emptied_since = now;
	n->born = now;
	n->remote_refilled_at = MS_NEVER;
	n->keepalive = now;
	n->housekeeping = now;
	slots_init(n);
	links_init(n, now);
	/*
	 * A peer is asked for all it has when it is first heard.  In ALARM nobody speaks without
	 * need, so that has to be asked into the dark; others of that mode leave it aside.
	 */
	if (n->mode->refreshed)
		sync_control(n, WIRE_RESYNC, 0, 0);
	return n;
}

const struct node_cfg *
node_config(const struct node *n)
{
	return &n->cfg;
}

const struct node_stats *
node_stats(const struct node *n)
{
	return &n->stats;
}

/* ---- inputs ---- */

/* Messages that are taken apart, and events that are looked at, before anything is made of them. */
enum { AHEAD_MAX = 16 };

static void
message(struct node *n, const struct peer_addr *from, const struct heard *h, ms_t now)
{
	const struct wire_msg *m = &h->m;
	enum wire_class class = wire_classify(m);
	bool range = class == CLASS_ACK || class == CLASS_NACK;
	/* That it has changed its link. */
	bool moved = class == CLASS_ALIVE && n->links_count > 1;
	struct peer *p;

	/* ALARM speaks in state messages without flags; of ours, a request for everything. */
	if (n->mode->refreshed && m->flags != 0 && class != CLASS_RESYNC && !moved) {
		n->stats.recv_flagged++;
		return;
	}
	if (class == CLASS_BAD && n->mode->refreshed) {
		n->stats.recv_bad_type++;
		return;
	}
	if (class == CLASS_BAD || (range && (!n->mode->tracked || seq_cmp(m->to, m->from) < 0))) {
		n->stats.recv_bad_header++;
		return;
	}
	p = peer_heard(n, from, m->seq, now);
	if (p == NULL)
		return;
	n->stats.recv_messages++;
	if (!peer_track(n, p, m, now))
		return;
	if (!n->mode->refreshed || !(m->flags & WIRE_HELLO))
		links_heard(n, p, from->link, now);
	if (class == CLASS_STATE)
		remote_state(n, p, h, now);
	else
		peer_control(n, p, m, class, now);
}

/*
 * Takes apart as many messages as may wait for each other's memory; false if there are no more after
 * them.  Nothing is made of them yet.
 */
static bool
look_ahead(struct node *n, struct rbuf *r, struct heard *h, size_t *count)
{
	while (*count < AHEAD_MAX) {
		enum wire_status status = wire_next(r, &h[*count].m);

		if (status == WIRE_MSG) {
			remote_decode(n, &h[(*count)++]);
		} else if (status == WIRE_BAD_VERSION) {
			n->stats.recv_bad_version++;
		} else {
			n->stats.recv_truncated += status == WIRE_TRUNCATED;
			n->stats.recv_bad_size += status == WIRE_BAD_SIZE;
			return false;
		}
	}
	return true;
}

void
node_datagram(struct node *n, const struct peer_addr *from, const void *data, size_t len, ms_t now)
{
	struct heard heard[AHEAD_MAX];
	bool more = true;
	struct rbuf r;

	ASSERT(from->link < NODE_LINKS_MAX);
	n->stats.recv_datagrams++;
	if (n->mode->alive && ms_since(now, n->keepalive) > OVERSLEPT_MS)
		n->overslept = now;
	rbuf_init(&r, data, len);
	while (more) {
		size_t count = 0;

		more = look_ahead(n, &r, heard, &count);
		for (size_t i = 0; i < count; i++) {
			if (heard[i].m.type <= WIRE_CT_DEL)
				table_foresee_entry(&n->remote, heard[i].bucket);
		}
		for (size_t i = 0; i < count; i++)
			message(n, from, &heard[i], now);
	}
}

/* Has the memory fetched that these need; at most AHEAD_MAX. */
static void
foresee(const struct node *n, const struct kernel_event *evs, size_t count)
{
	uint32_t buckets[AHEAD_MAX];

	for (size_t i = 0; i < count; i++) {
		if (evs[i].type < KEV_EXPECT_NEW)
			buckets[i] = table_foresee(&n->local, &evs[i].flow.key);
	}
	for (size_t i = 0; i < count; i++) {
		if (evs[i].type < KEV_EXPECT_NEW)
			table_foresee_entry(&n->local, buckets[i]);
	}
}

void
node_kernel_events(struct node *n, const struct kernel_event *evs, size_t count, ms_t now)
{
	for (size_t at = 0; at < count; at += AHEAD_MAX) {
		size_t part = count - at < AHEAD_MAX ? count - at : AHEAD_MAX;

		foresee(n, evs + at, part);
		for (size_t i = at; i < at + part; i++)
			node_kernel_event(n, &evs[i], now);
	}
}

void
node_kernel_read_found(struct node *n, const struct kernel_event *found, size_t count, ms_t now)
{
	for (size_t at = 0; at < count; at += AHEAD_MAX) {
		size_t part = count - at < AHEAD_MAX ? count - at : AHEAD_MAX;

		foresee(n, found + at, part);
		for (size_t i = at; i < at + part; i++) {
			if (found[i].type == KEV_EXPECT_NEW)
				node_kernel_read_expect(n, &found[i].expect, now);
			else
				node_kernel_read_flow(n, &found[i].flow, now);
		}
	}
}

void
node_kernel_read_end(struct node *n, bool complete, ms_t now)
{
	if (!n->reading)
		return;
	local_read_end(n, complete);
	expect_read_end(n, complete, now);
	if (complete)
		kernel_verify_start(n, now);
	else
		local_verify_done(n, now);
}

void
node_kernel_result(struct node *n, const struct kernel_result *res, ms_t now)
{
	if (n->followed != 0)
		follow_answer(n, res);
	request_answered(n, res, now);
}

enum cmd_result
node_command(struct node *n, enum node_cmd cmd, ms_t now)
{
	switch (cmd) {
	case CMD_COMMIT:
		rehearse_stop(n);
		commit_start(n, true, true, now);
		return CMD_PENDING;
	case CMD_COMMIT_FLOWS:
		rehearse_stop(n);
		commit_start(n, true, false, now);
		return CMD_PENDING;
	case CMD_TAKE_OVER:
		/* Who was to empty the kernel's table had another role. */
		kernel_flush_stop(n);
		rehearse_stop(n);
		commit_start(n, true, true, now);
		commit_adopts(n);
		return CMD_PENDING;
	case CMD_COMMIT_EXPECTS:
		rehearse_stop(n);
		commit_start(n, false, true, now);
		return CMD_PENDING;
	case CMD_FLUSH_EXPECTS:
		expect_flush_kernel(n);
		return CMD_PENDING;
	case CMD_FLUSH_KERNEL:
		kernel_flush_start(n, now);
		return CMD_PENDING;
	case CMD_FLUSH_INTERNAL:
		/* What is in the kernel a commit has to know. */
		n->flush_internal = n->jobs[JOB_COMMIT].running;
		if (!n->flush_internal)
			local_flush(n, now);
		return CMD_DONE;
	case CMD_FLUSH_EXTERNAL:
		/* What is being committed must not vanish under the commit's hands. */
		n->flush_external = n->jobs[JOB_COMMIT].running;
		n->remote_flushed = true;
		n->remote_flushed_at = now;
		n->remote_refilled_at =
		    n->mode->refreshed ? ms_add(now, (int64_t)n->cfg.refresh_s * 1000) : MS_NEVER;
		if (!n->flush_external)
			remote_flush(n);
		return CMD_DONE;
	case CMD_REQUEST_RESYNC:
		if (n->mode->silent)
			return CMD_DONE;
		sync_control(n, WIRE_RESYNC, 0, 0);
		node_notice(n, NOTE_RESYNC_SENT);
		peer_asked(n, now);
		return CMD_DONE;
	case CMD_REHEARSE:
		rehearse_start(n, now);
		return CMD_PENDING;
	case CMD_COMPARE:
		if (n->mode->silent)
			return CMD_DONE;
		/* What they tell is to be kept. */
		commit_adopts_not(n);
		/* Who has not been heard yet may hear us. */
		return peer_ask_all(n, now) ? CMD_DONE : node_command(n, CMD_REQUEST_RESYNC, now);
	case CMD_BULK:
		sync_bulk(n, now);
		return CMD_DONE;
	}
	return CMD_DONE;
}

/* A table that hovers at its limit is full all the time: only some room to breathe ends the spell, and
 * not too soon, since what was left out has to be fetched then. */
static bool
has_room_again(bool told, ms_t since, const struct table *t, ms_t now)
{
	return told && t->count < t->limit - t->limit / 16 && ms_since(now, since) >= ROOM_AGAIN_MS;
}

static void
check_room(struct node *n, ms_t now)
{
	if (has_room_again(n->local_full_told, n->local_full_since, &n->local, now)) {
		n->local_full_told = false;
		local_lost(n, now);
		node_notice(n, NOTE_KERNEL_READ_NEEDED)->read_why = READ_ROOM_AGAIN;
	}
	if (has_room_again(n->remote_full_told, n->remote_full_since, &n->remote, now)) {
		n->remote_full_told = false;
		peer_ask_all(n, now);
	}
}

/* Ends that were given up: said when it begins, and each minute while it goes on. */
static void
tell_evicted(struct node *n, ms_t now)
{
	uint64_t more = n->stats.unacked_evicted - n->evicted_told;

	if (more == 0 || (n->evicted_told > 0 && ms_since(now, n->evicted_told_at) < EVICTED_TOLD_MS))
		return;
	node_notice(n, NOTE_EVICTED)->count = more;
	n->evicted_told = n->stats.unacked_evicted;
	n->evicted_told_at = now;
}

void
node_tick(struct node *n, ms_t now)
{
	sync_tick(n, now);
	remote_expire(n, now);
	expect_expire(n, now);
	if (ms_reached(now, n->housekeeping)) {
		peer_housekeeping(n, now);
		sync_again(n);
		sync_acknowledge(n, now);
		check_room(n, now);
		tell_evicted(n, now);
		sync_bulk_later(n, now);
		links_housekeeping(n, now);
		n->housekeeping = ms_add(now, KEEPALIVE_MS);
	}
}

/* ---- outputs ---- */

bool
node_pull_kernel_op(struct node *n, struct kernel_op *op, ms_t now)
{
	bool any = request_pull(n, op, now);

	if (any && n->followed != 0)
		follow_op(n, STEP_ASKED, op, 0);
	return any;
}

ms_t
node_deadline(const struct node *n)
{
	ms_t d = n->housekeeping;

	/* A walk goes on as soon as others have had their turn. */
	if (n->scan_paused)
		return (ms_t){0};
	if (n->mode->alive)
		d = ms_earlier(d, n->keepalive);
	if (n->controls_count > 0)
		d = ms_earlier(d, n->controls_next);
	if (n->bulk_left > 0 || n->bulk_mark != MARK_NONE || n->bulk_expects)
		d = ms_earlier(d, n->bulk_next);
	if (n->bulk_waits)
		d = ms_earlier(d, n->bulk_waits_until);
	d = ms_earlier(d, timer_deadline(&n->local));
	return ms_earlier(d, timer_deadline(&n->remote));
}

/* ---- views ---- */

static const struct table *
table_of(const struct node *n, enum node_table t)
{
	return t == TABLE_LOCAL ? &n->local : &n->remote;
}

static void
view_flow(const struct node *n, enum node_table t, uint32_t id, struct flow_view *out, ms_t now)
{
	const struct entry *e = table_entry(table_of(n, t), id);
	int64_t left_ms;

	memset(out, 0, sizeof(*out));
	table_load(table_of(n, t), id, &out->flow);
	out->age_s = ms_second(now) - e->created_s;
	out->expires_s = -1;
	if (t == TABLE_REMOTE && n->mode->refreshed) {
		left_ms = ms_since(timer_at(&n->remote, id), now);
		out->expires_s = left_ms > 0 ? left_ms / 1000 : 0;
	}
	if (t == TABLE_LOCAL)
		out->timeout_left_s = local_timeout_left(&out->flow, e, now);
	if (t == TABLE_REMOTE && e->peer < NODE_PEERS_MAX)
		out->peer = n->peers[e->peer].addr;
}

bool
node_next_flow(const struct node *n, enum node_table t, uint32_t *cursor, struct flow_view *out,
    ms_t now)
{
	const struct table *table = table_of(n, t);

	do {
		*cursor = table_next(table, *cursor);
		if (*cursor == ENTRY_NONE)
			return false;
	} while (table_entry(table, *cursor)->flags & ENTRY_DEAD);
	view_flow(n, t, *cursor, out, now);
	return true;
}

bool
node_find_flow(const struct node *n, enum node_table t, const struct flow_key *key,
    struct flow_view *out, ms_t now)
{
	uint32_t id = table_find(table_of(n, t), key);

	if (id == ENTRY_NONE || (table_entry(table_of(n, t), id)->flags & ENTRY_DEAD))
		return false;
	view_flow(n, t, id, out, now);
	return true;
}

bool
node_next_expect(const struct node *n, enum node_table t, uint32_t *cursor, struct expect_view *out,
    ms_t now)
{
	const struct expect_table *table = t == TABLE_LOCAL ? &n->local_expects : &n->remote_expects;
	const struct expect_entry *x;

	do {
		*cursor = expects_next(table, *cursor);
		if (*cursor == 0)
			return false;
		x = expects_entry(table, *cursor);
	} while (x->flags & (EXPECT_DEAD | EXPECT_WAITS));
	memset(out, 0, sizeof(*out));
	out->expect = x->e;
	out->age_s = ms_since(now, x->created) / 1000;
	out->expires_s = -1;
	if (t == TABLE_REMOTE && n->mode->refreshed)
		out->expires_s = ms_since(x->deadline, now) > 0 ? ms_since(x->deadline, now) / 1000 : 0;
	if (t == TABLE_REMOTE && x->peer < NODE_PEERS_MAX)
		out->peer = n->peers[x->peer].addr;
	return true;
}

struct table_view
node_expects_view(const struct node *n, enum node_table t)
{
	const struct expect_table *table = t == TABLE_LOCAL ? &n->local_expects : &n->remote_expects;

	return (struct table_view){
	    .active = table->count - table->dead - (t == TABLE_LOCAL ? n->expects_waiting : 0),
	    .total = table->count,
	    .limit = table->limit};
}

struct table_view
node_table_view(const struct node *n, enum node_table t)
{
	const struct table *table = table_of(n, t);

	return (struct table_view){
	    .active = table->count - table->dead, .total = table->count, .limit = table->limit};
}

struct queue_view
node_queue_view(const struct node *n)
{
	return (struct queue_view){.tx = n->tx.count + n->expects_pending + n->controls_count,
	    .unacked = n->unacked.count + n->buried.count + n->expects_unacked + n->sent_count -
		n->sent_done,
	    .unacked_max = n->cfg.resend_queue};
}

bool
node_next_unacked(const struct node *n, uint32_t *cursor, struct unacked_view *out)
{
	const uint32_t local_end = n->local.high;
	uint32_t i;

	/* Cursor: local entries by index, then control messages by their place in the ring. */
	while (*cursor < local_end) {
		const struct entry *e = table_entry(&n->local, ++*cursor);

		if ((e->flags & ENTRY_USED) && (e->queue == Q_UNACKED || e->queue == Q_BURIED)) {
			*out = (struct unacked_view){.seq = e->seq};
			return true;
		}
	}
	for (i = *cursor - local_end; i < n->sent_count; i++) {
		const struct control *c = &n->sent[(n->sent_head + i) % UNACKED_CONTROLS_MAX];

		++*cursor;
		if (c->acked == CONTROL_DONE)
			continue;
		*out = (struct unacked_view){.control = true, .seq = c->seq, .flags = c->flags};
		return true;
	}
	return false;
}
