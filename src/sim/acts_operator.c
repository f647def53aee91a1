/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acts_operator.c: what is ordered on the command line, by hand or by keepalived's scripts, at any
 * moment and in any order.
 */
#include "sim.h"

static void
commit(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_COMMIT, dice_chance(d, 60));
}

static void
commit_twice(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_COMMIT, dice_chance(d, 50));
	sim_pass(s, dice_below(d, 20));
	sim_order(s, act->node, ORDER_COMMIT, false);
}

/* A script that does not wait. */
static void
commit_flush(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_COMMIT, false);
	sim_pass(s, dice_below(d, 10));
	sim_order(s, act->node, ORDER_FLUSH_EXTERNAL, false);
}

static void
flush_internal(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_FLUSH_INTERNAL, false);
	if (dice_chance(d, 70))
		sim_order(s, act->node, ORDER_READ, dice_chance(d, 50));
}

static void
flush_external(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	sim_order(s, act->node, ORDER_FLUSH_EXTERNAL, false);
}

static void
flush_kernel(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_FLUSH_KERNEL, dice_chance(d, 50));
}

static void
purge(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	sim_order(s, act->node, ORDER_PURGE, false);
}

static void
read_table(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_READ, dice_chance(d, 50));
}

static void
bulk(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	sim_order(s, act->node, ORDER_BULK, false);
}

static void
resync(struct sim *s, const struct act *act, struct dice *d)
{
	(void)d;
	sim_order(s, act->node, ORDER_RESYNC, false);
}

/* The scripts of 2007: -c, -f, -R, and of later years -B after it. */
static void
run_master_script(struct sim *s, size_t node, struct dice *d)
{
	sim_say(s, "node %zu: the script for a new master", node);
	sim_order(s, node, ORDER_COMMIT, true);
	sim_order(s, node, ORDER_FLUSH_INTERNAL, false);
	sim_order(s, node, ORDER_FLUSH_EXTERNAL, false);
	sim_order(s, node, ORDER_READ, true);
	if (dice_chance(d, 60))
		sim_order(s, node, ORDER_BULK, false);
}

/* Likewise -n, and of later years -t before it. */
static void
run_backup_script(struct sim *s, size_t node, struct dice *d)
{
	sim_say(s, "node %zu: the script for a new backup", node);
	if (dice_chance(d, 30))
		sim_order(s, node, ORDER_PURGE, false);
	sim_order(s, node, ORDER_RESYNC, false);
}

static void
script_master(struct sim *s, const struct act *act, struct dice *d)
{
	run_master_script(s, act->node, d);
}

static void
script_backup(struct sim *s, const struct act *act, struct dice *d)
{
	run_backup_script(s, act->node, d);
}

/* All that `from` forwarded `to` forwards now. */
static void
move_traffic(struct sim *s, size_t from, size_t to)
{
	if (s->master == from)
		s->master = to;
	for (size_t i = 0; i < s->tuples_count; i++) {
		if (s->home[i] == from)
			s->home[i] = (uint8_t)to;
	}
}

/* keepalived moves the addresses: the script of the new master runs, and then packets come. */
static void
fail_over(struct sim *s, const struct act *act, struct dice *d)
{
	size_t from = s->plan->regime == 0 ? s->master : act->node, to = act->other;

	if (from == to || !sim_is_up(s, to))
		return;
	sim_say(s, "node %zu takes over from node %zu", to, from);
	if (dice_chance(d, 40))
		world_kill(s->w, from);
	/* Packets may well be faster than the script. */
	if (dice_chance(d, 30))
		move_traffic(s, from, to);
	run_master_script(s, to, d);
	move_traffic(s, from, to);
	if (sim_is_up(s, from))
		run_backup_script(s, from, d);
}

/* promote: the verb waits for its verdict, and tells the peers. */
static void
run_promote(struct sim *s, size_t node)
{
	sim_say(s, "node %zu: promote", node);
	sim_order(s, node, ORDER_PROMOTE, true);
	sim_order(s, node, ORDER_BULK, false);
}

static void
run_demote(struct sim *s, size_t node, struct dice *d)
{
	sim_say(s, "node %zu: demote", node);
	if (dice_chance(d, 50))
		sim_order(s, node, ORDER_PURGE, false);
	sim_order(s, node, ORDER_COMPARE, false);
}

static void
promote(struct sim *s, const struct act *act, struct dice *d)
{
	run_promote(s, act->node);
	if (dice_chance(d, 30))
		run_promote(s, act->node);
}

/* Also while a promotion runs. */
static void
demote(struct sim *s, const struct act *act, struct dice *d)
{
	if (dice_chance(d, 20)) {
		sim_order(s, act->node, ORDER_PROMOTE, false);
		sim_pass(s, dice_below(d, 10));
	}
	run_demote(s, act->node, d);
}

/* Alone, and overtaken by what it rehearses. */
static void
rehearse(struct sim *s, const struct act *act, struct dice *d)
{
	sim_order(s, act->node, ORDER_REHEARSE, dice_chance(d, 50));
	sim_pass(s, dice_below(d, 10));
	if (dice_chance(d, 30))
		run_promote(s, act->node);
}

/* As fail_over(), by one order each. */
static void
take_over(struct sim *s, const struct act *act, struct dice *d)
{
	size_t from = s->plan->regime == 0 ? s->master : act->node, to = act->other;

	if (from == to || !sim_is_up(s, to))
		return;
	sim_say(s, "node %zu takes over from node %zu, by promote", to, from);
	if (dice_chance(d, 40))
		world_kill(s->w, from);
	if (dice_chance(d, 30))
		move_traffic(s, from, to);
	run_promote(s, to);
	move_traffic(s, from, to);
	if (sim_is_up(s, from))
		run_demote(s, from, d);
}

const struct act_kind acts_operator[] = {
    {"commit", "-c", 40, 2, commit},
    {"commit2", "-c, and once more", 20, 1, commit_twice},
    {"commitflush", "-c, and -f external before it is through", 15, 1, commit_flush},
    {"flushint", "-f internal, mostly with -R", 15, 1, flush_internal},
    {"flushext", "-f external", 15, 1, flush_external},
    {"flushkern", "-F", 10, 1, flush_kernel},
    {"purge", "-t", 10, 1, purge},
    {"read", "-R", 40, 1, read_table},
    {"bulk", "-B", 40, 1, bulk},
    {"resync", "-n", 40, 1, resync},
    {"master", "keepalived's script for a new master", 25, 1, script_master},
    {"backup", "keepalived's script for a new backup", 25, 1, script_backup},
    {"failover", "a node takes over, with traffic and scripts", 40, 2, fail_over},
    {"promote", "promote", 25, 1, promote},
    {"demote", "demote", 25, 1, demote},
    {"rehearse", "promote --dry-run", 10, 1, rehearse},
    {"takeover", "a node takes over, with traffic, by promote and demote", 40, 2, take_over},
    {0},
};
