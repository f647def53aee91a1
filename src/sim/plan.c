/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 96 };

/* ---- knobs and kinds, by number ---- */

static const struct knob {
	const char *name;
	const char *help;
	size_t offset;
} knobs[] = {
#define X(name, help) {#name, help, offsetof(struct plan, name)},
    PLAN_KNOBS(X)
#undef X
};

const char *
plan_knob(struct plan *p, size_t i, int64_t **value)
{
	if (i >= ARRAY_LEN(knobs))
		return NULL;
	*value = (int64_t *)(void *)((char *)p + knobs[i].offset);
	return knobs[i].name;
}

const char *
plan_knob_help(size_t i)
{
	return knobs[i].help;
}

const struct act_kind *
act_kind(size_t i)
{
	static const struct act_kind *const tables[] = {
	    acts_traffic, acts_operator, acts_fault, acts_expects, acts_link};

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (const struct act_kind *k = tables[t]; k->name != NULL; k++) {
			if (i-- == 0)
				return k;
		}
	}
	return NULL;
}

static const struct act_kind *
kind_named(const char *name)
{
	const struct act_kind *k;

	for (size_t i = 0; (k = act_kind(i)) != NULL; i++) {
		if (strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

/* ---- drawing ---- */

/* One of the numbers, each as likely as the others. */
static int64_t
one_of(struct dice *d, const int64_t *numbers, size_t count)
{
	return numbers[dice_below(d, (unsigned int)count)];
}

#define ONE_OF(d, ...)                                                                             \
	one_of(d, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

static void
draw_daemon(struct plan *p, struct dice *d)
{
	p->mode = dice_chance(d, 25);
	p->limit = ONE_OF(d, 512, 512, 512, 512, 64, 24);
	p->refresh_s = ONE_OF(d, 2, 5, 9);
	p->cache_timeout_s = p->refresh_s * 4;
	p->commit_timeout_s = ONE_OF(d, 0, 0, 0, 180);
	p->resend_queue = ONE_OF(d, 512, 512, 512, 16);
	p->ack_window = ONE_OF(d, 16, 17, 20, 32, 64, 300);
	p->window_tracking = dice_chance(d, 40);
	p->write_through = dice_chance(d, 12);
}

static void
draw_link(struct plan *p, struct dice *d)
{
	p->latency_ms = ONE_OF(d, 0, 0, 1, 3, 20);
	p->payload = ONE_OF(d, 1472, 1472, 1472, 512, 400);
	if (dice_chance(d, 40))
		p->loss_pct = ONE_OF(d, 1, 5, 20, 40);
	if (dice_chance(d, 30))
		p->dup_pct = ONE_OF(d, 2, 10, 30);
	if (dice_chance(d, 30))
		p->jitter_ms = ONE_OF(d, 1, 5, 20, 100);
	if (dice_chance(d, 8))
		p->corrupt_pct = ONE_OF(d, 1, 5, 20);
	if (dice_chance(d, 15))
		p->rcvbuf = ONE_OF(d, 2000, 8000, 30000);
}

static void
draw_host(struct plan *p, struct dice *d)
{
	if (dice_chance(d, 30))
		p->datagrams = ONE_OF(d, 1, 4, 100);
	if (dice_chance(d, 30))
		p->events = ONE_OF(d, 1, 3, 100);
	if (dice_chance(d, 15))
		p->events_max = ONE_OF(d, 2, 6, 20);
	if (dice_chance(d, 60))
		p->batch = ONE_OF(d, 1, 2, 7, 64, 256);
	if (p->batch > 0 && dice_chance(d, 50))
		p->op_ms = ONE_OF(d, 1, 5, 50);
	if (dice_chance(d, 50))
		p->dump = ONE_OF(d, 1, 3, 10, 40);
	if (p->dump > 0)
		p->dump_ms = ONE_OF(d, 0, 1, 10, 50);
	/* A daemon that has much else to do. */
	if (p->dump >= 10 && dice_chance(d, 20))
		p->dump_ms = 1100;
	p->own_events = dice_chance(d, 30);
	p->expires = dice_chance(d, 60);
	if (dice_chance(d, 15))
		p->errno_pct = ONE_OF(d, 1, 5, 30);
}

static uint32_t
draw_wait(struct dice *d)
{
	unsigned int what = dice_below(d, 100);

	if (what < 50)
		return 0;
	if (what < 80)
		return 1 + dice_below(d, 10);
	if (what < 96)
		return 10 + dice_below(d, 300);
	if (what < 99)
		return 300 + dice_below(d, 3000);
	return 3000 + dice_below(d, 14000);
}

/* Which acts this play is made of: each leaves some out and has more of others. */
static unsigned int
draw_weights(const struct plan *p, struct dice *d, unsigned int weights[KINDS_MAX])
{
	const struct act_kind *k;
	unsigned int sum = 0;

	for (size_t i = 0; (k = act_kind(i)) != NULL; i++) {
		ASSERT(i < KINDS_MAX);
		weights[i] = 0;
		if (k->run == acts_expects[0].run && p->expects == 0)
			continue;
		weights[i] = 0;
		if (k->plays == 0)
			continue;
		weights[i] = k->weight << dice_below(d, 3);
		if (!dice_chance(d, k->plays))
			weights[i] = 0;
		sum += weights[i];
	}
	return sum;
}

static void
draw_acts(struct plan *p, struct dice *d)
{
	unsigned int weights[KINDS_MAX];
	unsigned int sum = draw_weights(p, d, weights);

	for (size_t a = 0; a < p->acts_count; a++) {
		struct act *act = &p->acts[a];
		unsigned int at = dice_below(d, sum);
		size_t i = 0;

		while (at >= weights[i])
			at -= weights[i++];
		act->kind = act_kind(i);
		act->wait_ms = draw_wait(d);
		act->node = (uint8_t)dice_below(d, (unsigned int)p->nodes);
		act->other = (uint8_t)dice_below(d, (unsigned int)p->nodes);
		act->dice = dice_roll(d);
	}
}

/* Several links, and what happens to them: in the place of some of the acts.  Dice of its own. */
static void
draw_links(struct plan *p)
{
	struct dice d = {.state = (uint64_t)p->seed ^ 0x117ULL};
	unsigned int kinds = 0;

	if (p->incumbents > 0 || !dice_chance(&d, 25))
		return;
	while (acts_link[kinds].name != NULL)
		kinds++;
	p->links = ONE_OF(&d, 2, 2, 2, 3, 4);
	p->one_peer = p->nodes == 2;
	for (size_t a = 0; a < p->acts_count; a++) {
		if (dice_chance(&d, 12))
			p->acts[a].kind = &acts_link[dice_below(&d, kinds)];
	}
}

/* The incumbent works in pairs only.  Dice of its own: all else is as without. */
static void
draw_neighbour(struct plan *p)
{
	struct dice d = {.state = (uint64_t)p->seed ^ 0x147ULL};

	if (p->nodes != 2 || !dice_chance(&d, 15))
		return;
	p->incumbents = 1;
	if (dice_chance(&d, 40))
		p->clock_step = ONE_OF(&d, 1, 60, 3600, 100000);
}

/* What we play among our own kind.  Dice of its own, again. */
static void
draw_ours(struct plan *p)
{
	struct dice d = {.state = (uint64_t)p->seed ^ 0x207ULL};

	if (p->mode == 0 && p->incumbents == 0 && dice_chance(&d, 15))
		p->mode = 2;
	if (p->incumbents == 0 && dice_chance(&d, 20))
		p->expects = 1;
}

/* Dice of its own, again. */
static void
draw_numbers(struct plan *p)
{
	struct dice d = {.state = (uint64_t)p->seed ^ 0x5e9ULL};

	if (dice_chance(&d, 30))
		p->near_wrap = ONE_OF(&d, 1, 1, 2, 2, 3, 4);
}

/* More flows than there are requests under way, or messages in a datagram. */
static void
draw_crowd(struct plan *p)
{
	struct dice d = {.state = (uint64_t)p->seed ^ 0xc40ULL};

	if (!dice_chance(&d, 5))
		return;
	p->tuples = ONE_OF(&d, 300, 400);
	p->limit = 512;
	p->regime = ONE_OF(&d, 0, 0, 0, 1, 2);
	p->batch = ONE_OF(&d, 0, 64, 256, 256, 256, 256);
	if (dice_chance(&d, 50))
		p->expires = 0;
	if (p->dump > 0)
		p->dump = 40;
	if (p->events > 0)
		p->events = 100;
	if (p->datagrams > 0)
		p->datagrams = 100;
}

void
plan_draw(struct plan *p, uint64_t seed)
{
	struct dice d = {.state = seed};

	memset(p, 0, offsetof(struct plan, acts));
	p->seed = (int64_t)seed;
	p->nodes = ONE_OF(&d, 2, 2, 2, 2, 2, 3, 3, 4, 5);
	p->regime = ONE_OF(&d, 0, 0, 1, 1, 2);
	p->tuples = ONE_OF(&d, 4, 12, 30, 60, 120);
	draw_daemon(p, &d);
	draw_link(p, &d);
	draw_host(p, &d);
	draw_neighbour(p);
	draw_ours(p);
	draw_numbers(p);
	draw_crowd(p);
	p->takeover = 1 + dice_below(&d, (unsigned int)p->nodes);
	p->acts_count = (size_t)ONE_OF(&d, 40, 100, 100, 200, 400);
	draw_acts(p, &d);
	draw_links(p);
}

/* ---- as text ---- */

void
plan_print(const struct plan *p, FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		int64_t value;

		memcpy(&value, (const char *)p + knobs[i].offset, sizeof(value));
		if (value != 0)
			fprintf(out, "%s %" PRId64 "\n", knobs[i].name, value);
	}
	for (size_t a = 0; a < p->acts_count; a++) {
		const struct act *act = &p->acts[a];

		fprintf(out, "+%u %s %u %u %016" PRIx64 "\n", act->wait_ms, act->kind->name,
		    act->node, act->other, act->dice);
	}
}

static bool
read_act(struct plan *p, const char *line)
{
	struct act *act = &p->acts[p->acts_count];
	unsigned int node, other;
	char name[32];

	if (p->acts_count == PLAN_ACTS_MAX ||
	    sscanf(line, "+%" SCNu32 " %31s %u %u %" SCNx64, &act->wait_ms, name, &node, &other,
		&act->dice) != 5)
		return false;
	act->kind = kind_named(name);
	act->node = (uint8_t)node;
	act->other = (uint8_t)other;
	p->acts_count++;
	return act->kind != NULL && node < 5 && other < 5;
}

static bool
read_knob(struct plan *p, const char *line)
{
	char name[32];
	int64_t value;

	if (sscanf(line, "%31s %" SCNd64, name, &value) != 2)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		if (strcmp(knobs[i].name, name) == 0) {
			memcpy((char *)p + knobs[i].offset, &value, sizeof(value));
			return true;
		}
	}
	return false;
}

bool
plan_read(struct plan *p, FILE *in, const char *name)
{
	char line[256];
	unsigned int number = 0;

	memset(p, 0, sizeof(*p));
	while (fgets(line, sizeof(line), in) != NULL) {
		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (line[0] == '+' ? read_act(p, line) : read_knob(p, line))
			continue;
		fprintf(stderr, "%s:%u: neither a knob nor an act: %s", name, number, line);
		return false;
	}
	if (p->links < 0 || p->links > 4) {
		fprintf(stderr, "%s: links (1-4) out of range\n", name);
		return false;
	}
	if (p->nodes < 2 || p->nodes > 5 || p->tuples < 1 || p->tuples > 400 || p->limit < 1 ||
	    p->mode < 0 || p->mode > 2) {
		fprintf(stderr, "%s: nodes (2-5), tuples (1-400), limit or mode out of range\n", name);
		return false;
	}
	return true;
}
