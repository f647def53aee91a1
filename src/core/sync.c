/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync.c: what is to leave this node, and when.
 */
#include "engine.h"

#include <string.h>

const struct sync_mode sync_modes[] = {
    [MODE_FTFW] = {.name = "FTFW", .tracked = true, .alive = true},
    [MODE_ALARM] = {.name = "ALARM", .refreshed = true},
    [MODE_NOTRACK] = {.name = "NOTRACK", .alive = true, .marked = true},
    [MODE_STATS] = {.name = "Stats", .silent = true},
};

bool
sync_control(struct node *n, uint8_t flags, uint32_t from, uint32_t to)
{
	struct control *c;

	if (n->controls_count == CONTROLS_MAX) {
		n->stats.send_control_full++;
		return false;
	}
	c = &n->controls[(n->controls_head + n->controls_count) % CONTROLS_MAX];
	n->controls_count++;
	memset(c, 0, sizeof(*c));
	c->flags = flags;
	c->from = from;
	c->to = to;
	return true;
}

void
sync_bulk_done(struct node *n, ms_t now)
{
	node_notice(n, NOTE_BULK_DONE)->count = n->bulk_flows;
	n->bulk_unsure = n->mode->tracked && peer_mask(n) != 0 && n->bulk_flows > 0;
	n->bulk_end = n->next_seq;
	n->bulk_over = now;
	n->bulk_resent = false;
}

void
sync_bulk(struct node *n, ms_t now)
{
	if (n->mode->silent)
		return;
	/* Half a table looks to the peer as if the other half were gone. */
	if (n->local_emptied || n->reading) {
		n->bulk_waits = true;
		n->bulk_waits_until = ms_add(now, REFILL_WAIT_MS);
		return;
	}
	if (n->bulk_left == 0) {
		n->stats.bulk_sends++;
		n->bulk_flows = 0;
		n->bulk_began = now;
		n->bulk_burst = BULK_BURST;
		n->bulk_flight = BULK_FLIGHT;
		n->bulk_next = now;
		node_notice(n, NOTE_BULK_STARTED);
	}
	/* A full circle from where the cursor is. */
	n->bulk_left = n->local.count > n->local.dead ? n->local.high : 0;
	n->bulk_high = n->local.high;
	n->bulk_mark = n->mode->marked ? MARK_BEGIN : MARK_NONE;
	n->bulk_expects = n->cfg.expects > 0;
	if (n->bulk_left == 0)
		sync_bulk_done(n, now);
}

void
sync_bulk_asked(struct node *n, ms_t now)
{
	if (ration_take(&n->bulks, BULKS_AT_ONCE, BULK_AGAIN_MS, now)) {
		n->bulk_owed = false;
		sync_bulk(n, now);
		return;
	}
	n->stats.bulk_put_off++;
	n->bulk_owed = true;
}

void
sync_bulk_stop(struct node *n)
{
	n->bulk_left = 0;
	n->bulk_mark = MARK_NONE;
	n->bulk_expects = false;
}

/* splitmix64: jitter, not secrets. */
static uint64_t
random_bits(struct node *n)
{
	uint64_t z = n->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

int64_t
sync_refresh_ms(struct node *n)
{
	/* doc/WIRE.md 5.1: whole seconds up to RefreshTime, and up to one more. */
	uint64_t r = random_bits(n);
	int64_t whole = 1 + (int64_t)(r % n->cfg.refresh_s);
	int64_t part = 200 * (1 + (int64_t)((r >> 32) % 5));

	return whole * 1000 + part;
}

void
sync_refresh_later(struct node *n, uint32_t id, ms_t now)
{
	const struct entry *e = table_entry(&n->local, id);
	uint32_t part_s = entry_timeout(e) / LOOK_PART;

	if (n->mode->refreshed)
		timer_set(&n->local, id, ms_add(now, sync_refresh_ms(n)));
	else if ((entry_status(e) & ST_ASSURED) && !(e->flags & ENTRY_DEAD))
		timer_set(&n->local, id,
		    ms_add(now, (part_s > LOOK_MIN_S ? part_s : LOOK_MIN_S) * INT64_C(1000)));
}

/* What peers had said by then is acknowledged; true if there was anything. */
static bool
acknowledge(struct node *n, ms_t then)
{
	bool said = false;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];

		if (!p->used || !p->ack_open || !ms_reached(then, p->ack_since))
			continue;
		p->ack_open = !sync_control(n, WIRE_ACK, p->ack_from, p->last);
		said = true;
	}
	return said;
}

/*
 * Who always has something to tell never comes to its keepalive, and a peer that says little would wait for a
 * whole window, minutes perhaps, to learn that it was understood.
 */
void
sync_acknowledge(struct node *n, ms_t now)
{
	acknowledge(n, ms_add(now, -KEEPALIVE_MS));
}

void
sync_tick(struct node *n, ms_t now)
{
	bool said;

	local_expire(n, now);
	expect_tick(n, now);
	if (n->bulk_waits && ms_reached(now, n->bulk_waits_until)) {
		/* Nobody has thought of filling the table again, and half of it must not be sent. */
		n->bulk_waits_until = ms_add(now, REFILL_WAIT_MS);
		node_notice(n, NOTE_KERNEL_READ_NEEDED)->read_why = READ_TO_ANSWER;
	}
	if (!n->mode->alive || !ms_reached(now, n->keepalive))
		return;
	said = acknowledge(n, now);
	if (!said)
		sync_control(n, WIRE_ALIVE, 0, 0);
	n->keepalive = ms_add(now, KEEPALIVE_MS);
}
