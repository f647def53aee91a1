/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.c: traffic, faults and commands by chance; then the link heals, and what each node holds of
 * the others must be what they have.
 *
 * A failure names its seed.  REPLAY=<seed> in the environment runs that one alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "flows.h"

enum {
	POOL = 60,        /* tuples per pool: few, so that they are used again and again */
	STEPS = 250,
	HEAL_MS = 30 * 1000,
	BUDGET_MS = 1500, /* of real time per test */
	SEEDS_MAX = 400,
	SEEDS_MIN = 5,
};

struct play {
	struct world *w;
	uint64_t seed;
	uint64_t rng;
	bool shared;  /* all nodes see traffic on the same tuples */
	bool commits; /* also -c */
	bool flushes; /* also -f, which forgets without a word */
	bool restarts;
	bool live[WORLD_NODES_MAX][POOL]; /* traffic has been seen here since it was entered */
	bool overrun[WORLD_NODES_MAX];
	/* A dump that is on its way, as of when it was asked for. */
	bool reading[WORLD_NODES_MAX];
	struct flow dump[WORLD_NODES_MAX][SIM_FLOWS_MAX];
	size_t dump_count[WORLD_NODES_MAX], dump_next[WORLD_NODES_MAX];
};

static unsigned int
pick(struct play *p, unsigned int n)
{
	return (unsigned int)((world_random(&p->rng) >> 20) % n);
}

static unsigned int
port_of(const struct play *p, size_t node, unsigned int tuple)
{
	return 1000 + (p->shared ? 0 : (unsigned int)node * 1000) + tuple;
}

static struct node *
node_of(struct play *p, size_t i)
{
	return p->w->nodes[i].node;
}

static struct flow *
find(struct play *p, size_t node, unsigned int tuple)
{
	struct flow f = tcp_flow(port_of(p, node, tuple));

	return sim_kernel_find(p->w->nodes[node].kernel, &f.key);
}

/* ---- traffic ---- */

static void
new_flow(struct play *p, size_t node, unsigned int tuple)
{
	struct flow f = tcp_flow_in(port_of(p, node, tuple), (uint8_t)(1 + pick(p, 3)));

	if (pick(p, 2) == 0) {
		flow_invert(&f.key, &f.reply);
		f.status = ST_CONFIRMED | (pick(p, 2) ? ST_SEEN_REPLY : 0);
		flow_derive_nat(&f);
	}
	if (pick(p, 3) == 0) {
		f.mark = pick(p, 1000);
		f.has |= HAS_MARK;
	}
	if (pick(p, 4) == 0) {
		f.has |= HAS_HELPER;
		strcpy(f.rare.helper, "ftp");
	}
	sim_kernel_new(p->w->nodes[node].kernel, &f);
	p->live[node][tuple] = true;
}

static void
destroy_flow(struct play *p, size_t node, unsigned int tuple)
{
	struct flow *f = find(p, node, tuple);

	sim_kernel_destroy(p->w->nodes[node].kernel, &f->key);
	p->live[node][tuple] = false;
}

static void
update_flow(struct play *p, size_t node, unsigned int tuple)
{
	struct flow f = *find(p, node, tuple);

	f.l4.tcp.state = (uint8_t)(1 + pick(p, 8));
	f.status |= ST_SEEN_REPLY;
	if (pick(p, 2) == 0) {
		f.mark = pick(p, 1000);
		f.has |= HAS_MARK;
	}
	sim_kernel_update(p->w->nodes[node].kernel, &f);
	p->live[node][tuple] = true;
}

static void
traffic(struct play *p, size_t node)
{
	unsigned int tuple = pick(p, POOL);

	if (find(p, node, tuple) == NULL) {
		new_flow(p, node, tuple);
	} else if (pick(p, 3) > 0) {
		update_flow(p, node, tuple);
	} else {
		destroy_flow(p, node, tuple);
		if (pick(p, 2) == 0)
			new_flow(p, node, tuple);
	}
}

/* ---- reading the kernel table, slowly ---- */

static void
read_begin(struct play *p, size_t i, bool announce)
{
	const struct sim_kernel *k = p->w->nodes[i].kernel;

	p->reading[i] = true;
	p->dump_count[i] = 0;
	p->dump_next[i] = 0;
	for (size_t f = 0; f < SIM_FLOWS_MAX; f++) {
		if (k->used[f])
			p->dump[i][p->dump_count[i]++] = k->flows[f];
	}
	node_kernel_read_begin(node_of(p, i), announce, p->w->now);
}

static void
read_on(struct play *p, size_t i, size_t flows)
{
	while (p->reading[i] && p->dump_next[i] < p->dump_count[i] && flows-- > 0)
		node_kernel_read_flow(node_of(p, i), &p->dump[i][p->dump_next[i]++], p->w->now);
	if (p->reading[i] && p->dump_next[i] == p->dump_count[i]) {
		node_kernel_read_end(node_of(p, i), true, p->w->now);
		p->reading[i] = false;
	}
}

/* Events are lost; the read that finds out comes later. */
static void
lose_events(struct play *p, size_t i)
{
	struct sim_kernel *k = p->w->nodes[i].kernel;

	for (unsigned int n = 1 + pick(p, 6); n > 0; n--)
		traffic(p, i);
	k->events_count = 0;
	k->events_lost = true;
	p->overrun[i] = true;
}

/* ---- what happens ---- */

static void
restart(struct play *p, size_t i)
{
	p->reading[i] = false;
	p->overrun[i] = false;
	world_kill(p->w, i);
	for (unsigned int n = pick(p, 8); n > 0; n--)
		traffic(p, i);
	world_run(p->w, pick(p, 2) ? pick(p, 3000) : 0);
	p->w->first_seq = (uint32_t)(world_random(&p->rng) >> 16);
	world_start(p->w, i);
}

static void
command(struct play *p, size_t i)
{
	switch (pick(p, 7)) {
	case 0:
		world_command(p->w, i, CMD_REQUEST_RESYNC);
		break;
	case 1:
		world_command(p->w, i, CMD_BULK);
		break;
	case 2:
		if (!p->reading[i])
			read_begin(p, i, false);
		break;
	case 3:
		if (p->commits)
			world_command(p->w, i, CMD_COMMIT);
		break;
	case 4:
		if (p->flushes)
			world_command(p->w, i, CMD_FLUSH_EXTERNAL);
		break;
	case 5:
		if (!p->flushes)
			break;
		world_command(p->w, i, CMD_FLUSH_INTERNAL);
		if (pick(p, 4) > 0 && !p->reading[i])
			read_begin(p, i, false);
		break;
	default:
		lose_events(p, i);
		break;
	}
}

/*
 * The link between two nodes fails or returns; with two of them also in one direction alone.  (A
 * third that hears a node which does not hear it, and has not since it started, is told nothing
 * again: the others acknowledge, and version 1 has no word for "ask me for everything".)
 */
static void
cut(struct play *p, size_t i, size_t j)
{
	p->w->cut[i][j] = !p->w->cut[i][j];
	if (p->w->count > 2)
		p->w->cut[j][i] = p->w->cut[i][j];
}

static void
step(struct play *p)
{
	size_t i = pick(p, (unsigned int)p->w->count);
	size_t j = pick(p, (unsigned int)p->w->count);
	unsigned int what = pick(p, 100);

	if (what < 60) {
		for (unsigned int n = 1 + pick(p, 5); n > 0; n--)
			traffic(p, i);
	} else if (what < 80) {
		world_run(p->w, pick(p, 300));
	} else if (what < 86) {
		read_on(p, i, 1 + pick(p, 40));
	} else if (what < 90) {
		cut(p, i, j);
	} else if (what < 92) {
		world_run(p->w, pick(p, 14000));
	} else if (what < 94 && p->restarts) {
		restart(p, i);
	} else {
		command(p, i);
	}
	world_run(p->w, pick(p, 3));
}

/* The link is well again, and what is left half done is done. */
static void
heal(struct play *p)
{
	struct world *w = p->w;

	world_noise(w, 1, 0, 0, 0);
	memset(w->cut, 0, sizeof(w->cut));
	for (size_t i = 0; i < w->count; i++) {
		read_on(p, i, SIM_FLOWS_MAX);
		world_run(w, 10);
		if (p->overrun[i] || p->flushes)
			world_read_kernel(w, i, p->overrun[i]);
	}
	for (size_t i = 0; i < w->count && p->flushes; i++) {
		world_command(w, i, CMD_FLUSH_EXTERNAL);
		world_command(w, i, CMD_REQUEST_RESYNC);
	}
	/* A commit tells nobody what it wrote. */
	for (size_t i = 0; i < w->count && p->commits; i++)
		world_command(w, i, CMD_BULK);
	world_run(w, HEAL_MS);
}

/* ---- the demands ---- */

static void
complain(const struct play *p, size_t node, const struct flow_key *key, const char *what)
{
	fail_msg("seed %llu: node %zu, flow %u: %s", (unsigned long long)p->seed, node,
	    get_be16(&key->sport), what);
}

static void
differ(const struct play *p, size_t node, const struct flow *a, const struct flow *b,
    const char *what)
{
	char text[200];

	snprintf(text, sizeof(text), "%s differ: state %u %u, status %x %x, mark %u %u, has %x %x", what,
	    a->l4.tcp.state, b->l4.tcp.state, a->status, b->status, a->mark, b->mark, a->has, b->has);
	complain(p, node, &a->key, text);
}

static bool
same(const struct flow *a, const struct flow *b)
{
	return flow_reply_equal(&a->reply, &b->reply) && a->status == b->status &&
	    a->l4.tcp.state == b->l4.tcp.state && a->mark == b->mark &&
	    (a->has & HAS_HELPER) == (b->has & HAS_HELPER);
}

/* A node's local table is its kernel's. */
static void
check_local(struct play *p, size_t i)
{
	struct flow_view v;
	uint32_t cursor = 0;
	size_t count = 0;

	while (node_next_flow(node_of(p, i), TABLE_LOCAL, &cursor, &v, p->w->now)) {
		const struct flow *f = sim_kernel_find(p->w->nodes[i].kernel, &v.flow.key);

		count++;
		if (f == NULL)
			complain(p, i, &v.flow.key, "in the local table only");
		else if (!same(f, &v.flow))
			differ(p, i, &v.flow, f, "local table and kernel");
	}
	if (count != p->w->nodes[i].kernel->count)
		fail_msg("seed %llu: node %zu: %zu flows, %zu in the kernel",
		    (unsigned long long)p->seed, i, count, p->w->nodes[i].kernel->count);
}

/* What node i holds of others, some other one has just so. */
static void
check_no_ghosts(struct play *p, size_t i)
{
	struct flow_view v;
	uint32_t cursor = 0;

	while (node_next_flow(node_of(p, i), TABLE_REMOTE, &cursor, &v, p->w->now)) {
		bool found = false, equal = false;
		struct flow last = {0};

		for (size_t j = 0; j < p->w->count; j++) {
			if (j == i || !world_find(p->w, j, TABLE_LOCAL, &v.flow.key, &last))
				continue;
			found = true;
			equal |= same(&last, &v.flow);
		}
		if (!found)
			complain(p, i, &v.flow.key, "in the remote table, and nobody has it");
		if (!equal)
			differ(p, i, &v.flow, &last, "replica and source");
	}
}

/* What lives on node i all others know. */
static void
check_known(struct play *p, size_t i)
{
	for (unsigned int tuple = 0; tuple < POOL; tuple++) {
		const struct flow *f = find(p, i, tuple);

		if (f == NULL || !p->live[i][tuple])
			continue;
		for (size_t j = 0; j < p->w->count; j++) {
			if (j != i && !world_find(p->w, j, TABLE_REMOTE, &f->key, NULL))
				complain(p, j, &f->key, "not in the remote table");
		}
	}
}

static unsigned int
unacked_controls(struct play *p, size_t i)
{
	struct unacked_view v;
	unsigned int count = 0;
	uint32_t cursor = 0;

	while (node_next_unacked(node_of(p, i), &cursor, &v))
		count += v.control;
	return count;
}

static void
check_queues(struct play *p, size_t i)
{
	struct table_view local = node_table_view(node_of(p, i), TABLE_LOCAL);
	struct queue_view q = node_queue_view(node_of(p, i));

	/* Acknowledgements of acknowledgements never end, but each leaves soon. */
	for (int tries = 0; tries < 5 && q.tx > 0; tries++) {
		world_run(p->w, 15);
		q = node_queue_view(node_of(p, i));
	}
	if (q.tx > 0 || local.total != local.active)
		fail_msg("seed %llu: node %zu: %u to send, %u dead flows left",
		    (unsigned long long)p->seed, i, q.tx, local.total - local.active);
	if (q.unacked > unacked_controls(p, i))
		fail_msg("seed %llu: node %zu: %u flows unacknowledged",
		    (unsigned long long)p->seed, i, q.unacked - unacked_controls(p, i));
}

static void
play(struct play *p, uint64_t seed, size_t nodes, struct node_cfg cfg)
{
	p->seed = seed;
	p->rng = seed * 0x9e3779b97f4a7c15ULL + 1;
	cfg.ack_window = 1 + pick(p, 30);
	p->w = world_new(nodes, &cfg);
	p->w->latency_ms = pick(p, 5);
	for (size_t i = 0; i < nodes; i++)
		p->w->nodes[i].kernel->deliver_own = pick(p, 2);
	world_noise(p->w, p->rng, pick(p, 30), pick(p, 20), pick(p, 20));
	world_run(p->w, pick(p, 2000));
	for (int i = 0; i < STEPS; i++)
		step(p);
	heal(p);
	for (size_t i = 0; i < nodes; i++) {
		check_local(p, i);
		check_no_ghosts(p, i);
		check_known(p, i);
		check_queues(p, i);
	}
	world_free(p->w);
}

static int64_t
real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Seed after seed, as many as time allows. */
static void
plays(const struct play *like, size_t nodes, struct node_cfg cfg)
{
	struct play *p = malloc(sizeof(*p));
	const char *only = getenv("REPLAY");
	int64_t begun = real_ms();
	uint64_t seed = 1;

	assert_non_null(p);
	for (; seed <= SEEDS_MAX && (seed <= SEEDS_MIN || real_ms() - begun < BUDGET_MS); seed++) {
		*p = *like;
		play(p, only != NULL ? strtoull(only, NULL, 10) : seed, nodes, cfg);
		if (only != NULL)
			break;
	}
	print_message("# %llu seeds\n", (unsigned long long)seed - 1);
	free(p);
}

static void
two_nodes_agree(void **state)
{
	static const struct play like = {.restarts = true};

	(void)state;
	plays(&like, 2, ftfw_cfg());
}

static void
two_nodes_that_commit_agree(void **state)
{
	static const struct play like = {.restarts = true, .commits = true, .shared = true};

	(void)state;
	plays(&like, 2, ftfw_cfg());
}

static void
two_nodes_under_every_command_agree(void **state)
{
	static const struct play like = {
	    .restarts = true, .commits = true, .shared = true, .flushes = true};

	(void)state;
	plays(&like, 2, ftfw_cfg());
}

static void
three_nodes_agree(void **state)
{
	static const struct play like = {.restarts = true};

	(void)state;
	plays(&like, 3, ftfw_cfg());
}

static void
two_nodes_of_alarm_agree(void **state)
{
	static const struct play like = {.restarts = true};

	(void)state;
	plays(&like, 2, alarm_cfg());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_nodes_agree),
	    cmocka_unit_test(two_nodes_that_commit_agree),
	    cmocka_unit_test(two_nodes_under_every_command_agree),
	    cmocka_unit_test(three_nodes_agree),
	    cmocka_unit_test(two_nodes_of_alarm_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
