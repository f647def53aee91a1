/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h: a few nodes of the very core that ships, each with a model kernel, on one simulated
 * link and clock.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "node.h"
#include "sim_kernel.h"

enum { WORLD_NODES_MAX = 5, WORLD_PACKETS_MAX = 8192, WORLD_PAYLOAD = 1472 };

struct sim_packet {
	ms_t at;
	uint8_t from, to;
	size_t len;
	uint8_t data[WORLD_PAYLOAD];
};

struct sim_node {
	struct node *node; /* NULL: down */
	void *mem;
	struct sim_kernel *kernel;
	struct commit_tally last_commit;
	unsigned int notices[64]; /* seen, by enum notice_type */
};

struct world;

/* Is this datagram lost? */
typedef bool (*world_drop_fn)(struct world *w, int from, int to, const uint8_t *data, size_t len);

struct world {
	ms_t now;
	struct sim_node nodes[WORLD_NODES_MAX];
	size_t count;
	struct node_cfg cfg;
	uint32_t starts;
	struct sim_packet *packets; /* ring, in order of arrival */
	size_t packets_head, packets_count;
	int64_t latency_ms;
	world_drop_fn drop;
	uint64_t rng;       /* for the drop function's own use */
	/* What the link does besides: see world_noise(). */
	unsigned int loss_pct, dup_pct;
	int64_t jitter_ms;
	uint64_t noise;
	bool cut[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* [from][to]: nothing arrives */
	uint32_t first_seq; /* if not 0, the first number of the next node started */
	uint64_t sent, lost;
};

/* Brings up `count` nodes with this configuration.  Released with world_free(). */
struct world *world_new(size_t count, const struct node_cfg *cfg);
void world_free(struct world *w);

/*
 * From now on the link loses and doubles datagrams, in percent, and holds each back for up to
 * `jitter_ms`, so that they overtake each other.  Same seed (not 0), same noise.
 */
void world_noise(struct world *w, uint64_t seed, unsigned int loss_pct, unsigned int dup_pct,
    int64_t jitter_ms);

/* xorshift64: the next of the numbers that *seed (not 0) stands for. */
uint64_t world_random(uint64_t *seed);

/* Starts (or starts anew) the daemon of node i: reads the kernel table as the real one does. */
void world_start(struct world *w, size_t i);
/* The daemon of node i dies without a word; its kernel stays. */
void world_kill(struct world *w, size_t i);

/* Lets `ms` milliseconds pass. */
void world_run(struct world *w, int64_t ms);

/* A command, and time until what it began is done. */
void world_command(struct world *w, size_t i, enum node_cmd cmd);
/* -R: reads the kernel table. */
void world_read_kernel(struct world *w, size_t i, bool announce);

/* The flow of this key in a table of node i; false if it is not there. */
bool world_find(const struct world *w, size_t i, enum node_table t, const struct flow_key *key,
    struct flow *out);
size_t world_count(const struct world *w, size_t i, enum node_table t);

#endif
