/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <stdlib.h>
#include <string.h>

struct world *
world_new(size_t count, const struct node_cfg *cfg)
{
	struct world *w = calloc(1, sizeof(*w));

	ASSERT(w != NULL && count <= WORLD_NODES_MAX);
	w->count = count;
	w->cfg = *cfg;
	w->now.ms = 1000000;
	w->packets = calloc(WORLD_PACKETS_MAX, sizeof(*w->packets));
	ASSERT(w->packets != NULL);
	for (size_t i = 0; i < count; i++) {
		w->nodes[i].kernel = calloc(1, sizeof(struct sim_kernel));
		ASSERT(w->nodes[i].kernel != NULL);
	}
	for (size_t i = 0; i < count; i++)
		world_start(w, i);
	return w;
}

void
world_free(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		free(w->nodes[i].mem);
		free(w->nodes[i].kernel);
	}
	free(w->packets);
	free(w);
}

void
world_kill(struct world *w, size_t i)
{
	free(w->nodes[i].mem);
	w->nodes[i].mem = NULL;
	w->nodes[i].node = NULL;
	/* Nobody listens: the events of its absence are lost without an overrun. */
	w->nodes[i].kernel->events_count = 0;
}

void
world_start(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	struct node_cfg cfg = w->cfg;

	world_kill(w, i);
	cfg.secret[0] = 0x1234567 * (i + 1) + ++w->starts;
	cfg.secret[1] = 0x7654321;
	cfg.first_seq = 0x10000000u * (uint32_t)(i + 1) + 0x100000u * w->starts;
	if (w->first_seq != 0)
		cfg.first_seq = w->first_seq;
	sn->mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	ASSERT(sn->mem != NULL);
	memset(sn->mem, 0, node_size(&cfg));
	sn->node = node_init(sn->mem, &cfg, w->now);
	world_read_kernel(w, i, false);
}

void
world_read_kernel(struct world *w, size_t i, bool announce)
{
	struct sim_node *sn = &w->nodes[i];

	node_kernel_read_begin(sn->node, announce, w->now);
	for (size_t f = 0; f < SIM_FLOWS_MAX; f++) {
		if (sn->kernel->used[f])
			node_kernel_read_flow(sn->node, &sn->kernel->flows[f], w->now);
	}
	node_kernel_read_end(sn->node, true, w->now);
	world_run(w, 0);
}

static struct peer_addr
addr_of(size_t i)
{
	struct peer_addr a = {.l3 = L3_IPV4};

	a.addr.b[0] = 10;
	a.addr.b[3] = (uint8_t)(i + 1);
	return a;
}

uint64_t
world_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

void
world_noise(struct world *w, uint64_t seed, unsigned int loss_pct, unsigned int dup_pct,
    int64_t jitter_ms)
{
	ASSERT(seed != 0);
	w->noise = seed;
	w->loss_pct = loss_pct;
	w->dup_pct = dup_pct;
	w->jitter_ms = jitter_ms;
}

static bool
by_chance(struct world *w, unsigned int percent)
{
	return percent > 0 && world_random(&w->noise) % 100 < percent;
}

static struct sim_packet *
packet_at(struct world *w, size_t i)
{
	return &w->packets[(w->packets_head + i) % WORLD_PACKETS_MAX];
}

static void
put_packet(struct world *w, size_t from, size_t to, const uint8_t *data, size_t len)
{
	ms_t at = ms_add(w->now, w->latency_ms);
	struct sim_packet *p;
	size_t place;

	if (w->jitter_ms > 0)
		at = ms_add(at, (int64_t)(world_random(&w->noise) % (uint64_t)(w->jitter_ms + 1)));
	ASSERT(w->packets_count < WORLD_PACKETS_MAX);
	for (place = w->packets_count++; place > 0; place--) {
		if (packet_at(w, place - 1)->at.ms <= at.ms)
			break;
		*packet_at(w, place) = *packet_at(w, place - 1);
	}
	p = packet_at(w, place);
	p->at = at;
	p->from = (uint8_t)from;
	p->to = (uint8_t)to;
	p->len = len;
	memcpy(p->data, data, len);
}

static void
send_packet(struct world *w, size_t from, size_t to, const uint8_t *data, size_t len)
{
	w->sent++;
	if (w->cut[from][to] || by_chance(w, w->loss_pct) ||
	    (w->drop != NULL && w->drop(w, (int)from, (int)to, data, len))) {
		w->lost++;
		return;
	}
	put_packet(w, from, to, data, len);
	if (by_chance(w, w->dup_pct))
		put_packet(w, from, to, data, len);
}

static bool
step_node(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	uint8_t buf[WORLD_PAYLOAD];
	struct kernel_event ev;
	struct kernel_result res;
	struct kernel_op op;
	struct notice note;
	bool any = false;
	size_t len;

	while (sim_kernel_event(sn->kernel, &ev)) {
		node_kernel_event(sn->node, &ev, w->now);
		any = true;
	}
	if (sn->kernel->events_lost) {
		sn->kernel->events_lost = false;
		node_kernel_overrun(sn->node, w->now);
	}
	while (node_pull_kernel_op(sn->node, &op, w->now)) {
		sim_kernel_request(sn->kernel, &op, &res);
		node_kernel_result(sn->node, &res, w->now);
		any = true;
	}
	while ((len = node_pull_datagram(sn->node, buf, sizeof(buf), w->now)) > 0) {
		for (size_t to = 0; to < w->count; to++) {
			if (to != i)
				send_packet(w, i, to, buf, len);
		}
		any = true;
	}
	while (node_pull_notice(sn->node, &note)) {
		sn->notices[note.type]++;
		if (note.type == NOTE_COMMIT_DONE)
			sn->last_commit = note.commit;
	}
	return any;
}

static bool
deliver(struct world *w)
{
	bool any = false;

	while (w->packets_count > 0 && ms_reached(w->now, w->packets[w->packets_head].at)) {
		struct sim_packet *p = &w->packets[w->packets_head];
		struct peer_addr from = addr_of(p->from);

		w->packets_head = (w->packets_head + 1) % WORLD_PACKETS_MAX;
		w->packets_count--;
		if (w->nodes[p->to].node != NULL)
			node_datagram(w->nodes[p->to].node, &from, p->data, p->len, w->now);
		any = true;
	}
	return any;
}

void
world_run(struct world *w, int64_t ms)
{
	ms_t end = ms_add(w->now, ms);

	for (;;) {
		bool any = true;

		while (any) {
			any = deliver(w);
			for (size_t i = 0; i < w->count; i++) {
				if (w->nodes[i].node != NULL)
					any |= step_node(w, i);
			}
		}
		if (w->now.ms >= end.ms)
			return;
		w->now.ms++;
		for (size_t i = 0; w->now.ms % 1000 == 0 && i < w->count; i++)
			sim_kernel_age(w->nodes[i].kernel);
		for (size_t i = 0; i < w->count; i++) {
			if (w->nodes[i].node != NULL &&
			    ms_reached(w->now, node_deadline(w->nodes[i].node)))
				node_tick(w->nodes[i].node, w->now);
		}
	}
}

void
world_command(struct world *w, size_t i, enum node_cmd cmd)
{
	node_command(w->nodes[i].node, cmd, w->now);
	world_run(w, 0);
}

bool
world_find(const struct world *w, size_t i, enum node_table t, const struct flow_key *key,
    struct flow *out)
{
	struct flow_view v;
	uint32_t cursor = 0;

	while (node_next_flow(w->nodes[i].node, t, &cursor, &v, w->now)) {
		if (flow_key_equal(&v.flow.key, key)) {
			if (out != NULL)
				*out = v.flow;
			return true;
		}
	}
	return false;
}

size_t
world_count(const struct world *w, size_t i, enum node_table t)
{
	return node_table_view(w->nodes[i].node, t).active;
}
