/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- one try ---- */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool
is_spent(const struct shrink *s)
{
	return s->plays >= s->plays_max ||
	    (s->time_ms > 0 && now_ms() - s->began_ms >= s->time_ms);
}

/* Is the smaller plan as good?  Then it is the plan. */
static bool
try(struct shrink *s, struct plan *p, const struct plan *smaller)
{
	if (is_spent(s))
		return false;
	s->plays++;
	if (!s->keeps(s->ctx, smaller))
		return false;
	*p = *smaller;
	return true;
}

/* ---- acts ---- */

/* Takes acts out.  The time that they waited passes before the next one, or does not. */
static void
cut_acts(struct plan *p, size_t at, size_t n, bool keep_time)
{
	uint64_t wait_ms = 0;

	for (size_t i = at; i < at + n; i++)
		wait_ms += p->acts[i].wait_ms;
	memmove(&p->acts[at], &p->acts[at + n], (p->acts_count - at - n) * sizeof(p->acts[0]));
	p->acts_count -= n;
	if (keep_time && at < p->acts_count) {
		wait_ms += p->acts[at].wait_ms;
		p->acts[at].wait_ms = wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
	}
}

static bool
try_without(struct shrink *s, struct plan *p, size_t at, size_t n)
{
	struct plan smaller;

	for (int keep_time = 1; keep_time >= 0; keep_time--) {
		smaller = *p;
		cut_acts(&smaller, at, n, keep_time);
		if (try(s, p, &smaller))
			return true;
	}
	return false;
}

/* From the end, where what comes after the failure is. */
static bool
fewer_acts(struct shrink *s, struct plan *p)
{
	size_t n = (p->acts_count + 1) / 2;
	bool changed = false;

	for (; n > 0; n = n == 1 ? 0 : (n + 1) / 2) {
		size_t at;

		for (size_t end = p->acts_count; end > 0; end = at) {
			at = end > n ? end - n : 0;
			changed |= try_without(s, p, at, end - at);
		}
	}
	return changed;
}

/* ---- nodes ---- */

/* Node `gone` was never there; those after it move up. */
static void
cut_node(struct plan *p, uint8_t gone)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->acts_count; i++) {
		struct act *act = &p->acts[i];

		if (act->node == gone || act->other == gone)
			continue;
		act->node -= act->node > gone;
		act->other -= act->other > gone;
		p->acts[kept++] = *act;
	}
	p->acts_count = kept;
	if (gone >= p->nodes - p->incumbents && p->incumbents > 0)
		p->incumbents--;
	p->nodes--;
	if (p->takeover > gone + 1)
		p->takeover--;
	if (p->takeover > p->nodes)
		p->takeover = p->nodes;
}

static bool
fewer_nodes(struct shrink *s, struct plan *p)
{
	struct plan smaller;
	bool changed = false;

	for (int64_t gone = p->nodes - 1; gone >= 0 && p->nodes > 2; gone--) {
		smaller = *p;
		cut_node(&smaller, (uint8_t)gone);
		changed |= try(s, p, &smaller);
	}
	return changed;
}

/* ---- knobs ---- */

/* The plainest values of a knob come first; where nothing is said they are 0 and 1. */
static const struct plain {
	const char *name;
	int64_t values[6]; /* 0 ends them */
} plain[] = {
    {"seed", {0}},
    {"nodes", {0}},
    {"tuples", {1, 2, 4, 12, 30}},
    {"limit", {512}},
    {"refresh_s", {5}},
    {"cache_timeout_s", {20}},
    {"resend_queue", {512}},
    {"ack_window", {20}},
    {"takeover", {1}},
};

/* Tries values for a knob; each must be plainer than what it has. */
static bool
plainer_knob(struct shrink *s, struct plan *p, size_t knob, const int64_t *values, size_t count)
{
	struct plan smaller;
	int64_t *value, had;

	plan_knob(p, knob, &value);
	had = *value;
	for (size_t i = 0; i < count && values[i] != had; i++) {
		smaller = *p;
		plan_knob(&smaller, knob, &value);
		*value = values[i];
		if (try(s, p, &smaller))
			return true;
	}
	return false;
}

static bool
plainer_knobs(struct shrink *s, struct plan *p)
{
	static const int64_t otherwise[] = {0, 1};
	bool changed = false;
	const char *name;
	int64_t *value;

	for (size_t i = 0; (name = plan_knob(p, i, &value)) != NULL; i++) {
		const int64_t *values = otherwise;
		size_t count = ARRAY_LEN(otherwise);

		for (size_t k = 0; k < ARRAY_LEN(plain); k++) {
			if (strcmp(plain[k].name, name) != 0)
				continue;
			values = plain[k].values;
			for (count = 0; values[count] != 0; count++)
				;
		}
		if (values == otherwise && *value == 0)
			continue;
		/* Fewer connections, not others. */
		while (strcmp(name, "tuples") == 0 && count > 0 && values[count - 1] > *value)
			count--;
		changed |= plainer_knob(s, p, i, values, count);
	}
	return changed;
}

/* ---- waits ---- */

static bool
try_no_wait(struct shrink *s, struct plan *p, size_t at, size_t n)
{
	struct plan smaller = *p;
	bool any = false;

	for (size_t i = at; i < at + n; i++) {
		any |= smaller.acts[i].wait_ms != 0;
		smaller.acts[i].wait_ms = 0;
	}
	return any && try(s, p, &smaller);
}

static bool
try_round_wait(struct shrink *s, struct plan *p, size_t at)
{
	struct plan smaller;

	for (uint32_t wait_ms = 1; wait_ms < p->acts[at].wait_ms && wait_ms <= 10000;
	     wait_ms *= 10) {
		smaller = *p;
		smaller.acts[at].wait_ms = wait_ms;
		if (try(s, p, &smaller))
			return true;
	}
	return false;
}

static bool
shorter_waits(struct shrink *s, struct plan *p)
{
	bool changed = false;

	for (size_t n = p->acts_count; n > 0; n = n == 1 ? 0 : (n + 1) / 2) {
		for (size_t at = 0; at < p->acts_count; at += n) {
			size_t left = p->acts_count - at;

			changed |= try_no_wait(s, p, at, left < n ? left : n);
		}
	}
	for (size_t at = 0; at < p->acts_count; at++)
		changed |= try_round_wait(s, p, at);
	return changed;
}

/* ---- all of it ---- */

void
shrink_plan(struct shrink *s, struct plan *p)
{
	bool changed;

	s->began_ms = now_ms();
	s->plays = 0;
	do {
		changed = fewer_acts(s, p);
		changed |= fewer_nodes(s, p);
		changed |= plainer_knobs(s, p);
		changed |= shorter_waits(s, p);
	} while (changed && !is_spent(s));
}
