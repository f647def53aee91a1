/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.c: time, the link, and the lives of the nodes on it.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "daemon.h"

enum { STUCK_TURNS = 20000 };

/* Memory of the model; there is always enough. */
static void *
mem_new(size_t count, size_t size)
{
	void *mem = calloc(count, size);

	ASSERT(mem != NULL);
	return mem;
}

/* So that a kernel's callbacks find their way back. */
struct kernel_home {
	struct sim_kernel kernel; /* first */
	struct world *w;
	size_t node;
};

static void
kernel_changed(void *ctx, const struct sim_change *change)
{
	struct kernel_home *home = ctx;

	world_tell(home->w, &(struct happening){
	    .type = HAP_KERNEL, .node = (uint8_t)home->node, .change = change});
}

static int
kernel_refuses(void *ctx, const struct kernel_op *op, bool *after)
{
	struct kernel_home *home = ctx;

	return home->w->refuse != NULL
	    ? home->w->refuse(home->w->watch_ctx, home->node, op, after)
	    : 0;
}

struct world *
world_new_down(size_t count, const struct node_cfg *cfg)
{
	struct world *w = mem_new(1, sizeof(*w));

	ASSERT(count <= WORLD_NODES_MAX);
	w->count = count;
	w->cfg = *cfg;
	w->now.ms = 1000000;
	w->packets = mem_new(WORLD_PACKETS_MAX, sizeof(*w->packets));
	w->payload = mem_new(WORLD_PACKETS_MAX, sizeof(*w->payload));
	w->payload_len = mem_new(WORLD_PACKETS_MAX, sizeof(*w->payload_len));
	w->payload_from = mem_new(WORLD_PACKETS_MAX, sizeof(*w->payload_from));
	w->payload_link = mem_new(WORLD_PACKETS_MAX, sizeof(*w->payload_link));
	w->payload_free = mem_new(WORLD_PACKETS_MAX, sizeof(*w->payload_free));
	/* The last given back is the first taken: it is still in the cache. */
	while (w->payload_free_count < WORLD_PACKETS_MAX) {
		w->payload_free[w->payload_free_count] =
		    (uint16_t)(WORLD_PACKETS_MAX - 1 - w->payload_free_count);
		w->payload_free_count++;
	}
	for (size_t i = 0; i < count; i++) {
		struct kernel_home *home = mem_new(1, sizeof(*home));

		home->w = w;
		home->node = i;
		home->kernel.changed = kernel_changed;
		home->kernel.fail = kernel_refuses;
		home->kernel.ctx = home;
		w->nodes[i].kernel = &home->kernel;
		w->nodes[i].inbox = mem_new(WORLD_PACKETS_MAX, sizeof(uint16_t));
		w->nodes[i].ops = mem_new(WORLD_BATCH_MAX, sizeof(struct kernel_op));
		w->nodes[i].dump = mem_new(SIM_FLOWS_MAX, sizeof(struct flow));
		host_reset(w, i);
	}
	return w;
}

struct world *
world_new(size_t count, const struct node_cfg *cfg)
{
	struct world *w = world_new_down(count, cfg);

	for (size_t i = 0; i < count; i++)
		world_start(w, i);
	return w;
}

void
world_free(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		daemon_end(&w->nodes[i]);
		free(w->nodes[i].kernel);
		free(w->nodes[i].inbox);
		free(w->nodes[i].ops);
		free(w->nodes[i].dump);
	}
	free(w->packets);
	free(w->payload);
	free(w->payload_len);
	free(w->payload_from);
	free(w->payload_link);
	free(w->payload_free);
	free(w);
}

/* ---- lives ---- */

void
world_kill(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];

	if (daemon_is_up(sn))
		world_tell(w, &(struct happening){.type = HAP_KILL, .node = (uint8_t)i});
	daemon_end(sn);
	host_reset(w, i);
	/* Nobody listens: the events of its absence are lost without an overrun. */
	sim_kernel_deafen(sn->kernel);
}

void
world_start(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];

	world_kill(w, i);
	daemon_start(w, i);
	for (size_t link = 0; link < w->cfg.links; link++)
		daemon_link_state(sn, link, !w->unplugged[link][i], w->now);
	sn->kernel->deaf = false;
	world_tell(w, &(struct happening){.type = HAP_START, .node = (uint8_t)i});
	if (sn->pace.reads)
		host_order(w, i, ORDER_READ);
	else
		world_read_kernel(w, i, false);
}

void
world_read_kernel(struct world *w, size_t i, bool announce)
{
	host_read_now(w, i, announce);
	world_run(w, 0);
}

void
world_command(struct world *w, size_t i, enum node_cmd cmd)
{
	daemon_command(&w->nodes[i], cmd, w->now);
	world_run(w, 0);
}

void
world_order(struct world *w, size_t i, enum sim_order order)
{
	world_tell(w, &(struct happening){
	    .type = HAP_ORDER, .node = (uint8_t)i, .number = (uint64_t)order});
	host_order(w, i, order);
}

/* ---- the link ---- */

struct peer_addr
world_addr(size_t i, size_t link)
{
	struct peer_addr a = {.link = (uint8_t)link, .l3 = L3_IPV4};

	a.addr.b[0] = 10;
	a.addr.b[1] = (uint8_t)link;
	a.addr.b[3] = (uint8_t)(i + 1);
	return a;
}

size_t
world_node_of(const struct world *w, const struct peer_addr *addr)
{
	size_t i = (size_t)addr->addr.b[3] - 1;

	return i < w->count ? i : WORLD_STRANGER;
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

void
world_release(struct world *w, uint16_t slot)
{
	w->payload_free[w->payload_free_count++] = slot;
}

/* A few bits of a datagram turn over, or its end is lost. */
static void
corrupt(struct world *w, uint8_t *data, uint16_t *len)
{
	if (world_random(&w->noise) % 4 == 0)
		*len = (uint16_t)(world_random(&w->noise) % *len);
	for (unsigned int n = 1 + world_random(&w->noise) % 3; n > 0 && *len > 0; n--)
		data[world_random(&w->noise) % *len] ^=
		    (uint8_t)(1u << world_random(&w->noise) % 8);
}

static void
put_packet(struct world *w, size_t from, size_t to, size_t link, const uint8_t *data, size_t len)
{
	ms_t at = ms_add(w->now, w->latency_ms);
	struct sim_packet p = {.from = (uint8_t)from,
	    .to = (uint8_t)to,
	    .link = (uint8_t)link,
	    .len = (uint16_t)len};
	size_t place;

	if (w->jitter_ms > 0)
		at = ms_add(at, (int64_t)(world_random(&w->noise) % (uint64_t)(w->jitter_ms + 1)));
	if (w->payload_free_count == 0) {
		w->lost++;
		return;
	}
	p.at = at;
	p.slot = w->payload_free[--w->payload_free_count];
	memcpy(w->payload[p.slot], data, len);
	if (len > 0 && by_chance(w, w->corrupt_pct))
		corrupt(w, w->payload[p.slot], &p.len);
	w->payload_len[p.slot] = p.len;
	w->payload_from[p.slot] = p.from;
	w->payload_link[p.slot] = p.link;
	for (place = w->packets_count++; place > 0; place--) {
		if (packet_at(w, place - 1)->at.ms <= at.ms)
			break;
		*packet_at(w, place) = *packet_at(w, place - 1);
	}
	*packet_at(w, place) = p;
}

static void
send_packet(struct world *w, size_t from, size_t to, size_t link, const uint8_t *data, size_t len)
{
	w->sent++;
	if (w->cut[from][to] || w->dead[link][from][to] || w->unplugged[link][from] ||
	    w->unplugged[link][to] || by_chance(w, w->loss_pct) ||
	    (w->drop != NULL && w->drop(w, (int)from, (int)to, data, len))) {
		w->lost++;
		return;
	}
	put_packet(w, from, to, link, data, len);
	if (by_chance(w, w->dup_pct))
		put_packet(w, from, to, link, data, len);
}

void
world_send(struct world *w, size_t i, size_t link, const uint8_t *data, size_t len)
{
	world_tell(w, &(struct happening){
	    .type = HAP_SENT, .node = (uint8_t)i, .data = data, .len = len});
	for (size_t to = 0; to < w->count; to++) {
		if (to != i)
			send_packet(w, i, to, link, data, len);
	}
}

void
world_inject(struct world *w, size_t from, size_t to, const void *data, size_t len)
{
	ASSERT(len <= WORLD_PAYLOAD);
	put_packet(w, from, to, 0, data, len);
}

void
world_plug(struct world *w, size_t i, size_t link, bool in)
{
	w->unplugged[link][i] = !in;
	if (daemon_is_up(&w->nodes[i]))
		daemon_link_state(&w->nodes[i], link, in, w->now);
}

/* A packet has come to the receiver's socket, whose buffer may be full. */
static void
arrive(struct world *w, const struct sim_packet *p)
{
	struct sim_node *sn = &w->nodes[p->to];

	if (!daemon_is_up(sn) ||
	    (sn->pace.rcvbuf > 0 && sn->inbox_bytes + p->len > sn->pace.rcvbuf)) {
		world_release(w, p->slot);
		w->lost++;
		return;
	}
	sn->inbox[(sn->inbox_head + sn->inbox_count++) % WORLD_PACKETS_MAX] = p->slot;
	sn->inbox_bytes += p->len;
}

static bool
deliver(struct world *w)
{
	bool any = false;

	while (w->packets_count > 0 && ms_reached(w->now, w->packets[w->packets_head].at)) {
		struct sim_packet p = w->packets[w->packets_head];

		w->packets_head = (w->packets_head + 1) % WORLD_PACKETS_MAX;
		w->packets_count--;
		arrive(w, &p);
		any = true;
	}
	return any;
}

/* ---- time ---- */

/* Everybody does what there is to do at this moment. */
static void
settle(struct world *w)
{
	bool any = true;

	for (unsigned int turns = 0; any; turns++) {
		any = deliver(w);
		for (size_t i = 0; i < w->count; i++)
			any |= daemon_is_up(&w->nodes[i]) && host_turn(w, i);
		if (turns == STUCK_TURNS) {
			w->stuck = true;
			return;
		}
	}
}

/* The next moment at which something happens, at most `end`. */
static ms_t
next_moment(const struct world *w, ms_t end)
{
	ms_t at = end;
	ms_t second = {.ms = (w->now.ms / 1000 + 1) * 1000};

	if (w->packets_count > 0)
		at = ms_earlier(at, w->packets[w->packets_head].at);
	for (size_t i = 0; i < w->count; i++) {
		if (daemon_is_up(&w->nodes[i]))
			at = ms_earlier(at, host_deadline(w, i));
	}
	at = ms_earlier(at, second);
	return at.ms > w->now.ms ? at : ms_add(w->now, 1);
}

void
world_run(struct world *w, int64_t ms)
{
	ms_t end = ms_add(w->now, ms);

	for (;;) {
		settle(w);
		if (w->now.ms >= end.ms || w->stuck)
			return;
		w->now = next_moment(w, end);
		for (size_t i = 0; w->now.ms % 1000 == 0 && i < w->count; i++)
			sim_kernel_age(w->nodes[i].kernel);
	}
}

/* ---- views ---- */

bool
world_is_behind(const struct world *w, size_t i)
{
	const struct sim_node *sn = &w->nodes[i];

	return sn->kernel->events_count > 0 || sn->kernel->events_lost ||
	    sn->overrun || sn->overrun_read_at.ms != MS_NEVER.ms || sn->reading;
}

bool
world_find(const struct world *w, size_t i, enum node_table t, const struct flow_key *key,
    struct flow *out)
{
	struct flow_view v;

	if (!daemon_find_flow(&w->nodes[i], t, key, &v, w->now))
		return false;
	if (out != NULL)
		*out = v.flow;
	return true;
}

size_t
world_count(const struct world *w, size_t i, enum node_table t)
{
	return daemon_count(&w->nodes[i], t);
}
