/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static void
start_ours(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	struct node_cfg cfg = w->cfg;

	cfg.secret[0] = 0x1234567 * (i + 1) + w->starts;
	cfg.secret[1] = 0x7654321;
	cfg.first_seq = 0x10000000u * (uint32_t)(i + 1) + 0x100000u * w->starts;
	if (w->first_seq != 0)
		cfg.first_seq = w->first_seq;
	sn->mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	ASSERT(sn->mem != NULL);
	memset(sn->mem, 0, node_size(&cfg));
	sn->node = node_init(sn->mem, &cfg, w->now);
}

static void
start_incumbent(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	struct incumbent_cfg cfg = {
	    .mode = w->cfg.mode,
	    .limit = w->cfg.limit,
	    .refresh_s = w->cfg.refresh_s,
	    .cache_timeout_s = w->cfg.cache_timeout_s,
	    .commit_timeout_s = w->cfg.commit_timeout_s,
	    .purge_timeout_s = (uint32_t)(sn->pace.purge_ms / 1000),
	    .resend_queue = w->cfg.resend_queue,
	    .ack_window = w->cfg.ack_window,
	    .first_seq = w->first_seq,
	    .tcp_window_tracking = w->cfg.tcp_window_tracking,
	};

	sn->incumbent = incumbent_new(&cfg, w->now);
	sn->seen = (struct incumbent_seen){0};
	/* It learns of what it commits from the events alone. */
	sn->kernel->deliver_own = true;
}

void
daemon_start(struct world *w, size_t i)
{
	w->starts++;
	if (world_is_incumbent(w, i))
		start_incumbent(w, i);
	else
		start_ours(w, i);
}

void
daemon_end(struct sim_node *sn)
{
	free(sn->mem);
	sn->mem = NULL;
	sn->node = NULL;
	incumbent_free(sn->incumbent);
	sn->incumbent = NULL;
}

/* ---- inputs ---- */

void
daemon_event(struct sim_node *sn, const struct kernel_event *ev, ms_t now)
{
	if (sn->node != NULL)
		node_kernel_events(sn->node, ev, 1, now);
	else if (ev->type < KEV_EXPECT_NEW)
		incumbent_kernel_event(sn->incumbent, ev, now);
}

void
daemon_overrun(struct sim_node *sn, ms_t now)
{
	if (sn->node != NULL)
		node_kernel_overrun(sn->node, now);
	else
		incumbent_kernel_overrun(sn->incumbent, now);
}

void
daemon_read_begin(struct sim_node *sn, bool announce, ms_t now)
{
	if (sn->node != NULL)
		node_kernel_read_begin(sn->node, announce, now);
	else
		incumbent_kernel_read_begin(sn->incumbent, announce, now);
}

void
daemon_read_flow(struct sim_node *sn, const struct flow *flow, ms_t now)
{
	if (sn->node != NULL)
		node_kernel_read_flow(sn->node, flow, now);
	else
		incumbent_kernel_read_flow(sn->incumbent, flow, now);
}

void
daemon_read_expect(struct sim_node *sn, const struct expect *e, ms_t now)
{
	/* The incumbent is played without. */
	if (sn->node != NULL)
		node_kernel_read_expect(sn->node, e, now);
}

void
daemon_read_end(struct sim_node *sn, bool complete, ms_t now)
{
	if (sn->node != NULL)
		node_kernel_read_end(sn->node, complete, now);
	else
		incumbent_kernel_read_end(sn->incumbent, complete, now);
	sn->seen.read_done = sn->incumbent != NULL;
}

void
daemon_result(struct sim_node *sn, const struct kernel_result *res, ms_t now)
{
	if (sn->node != NULL)
		node_kernel_result(sn->node, res, now);
	else
		incumbent_kernel_result(sn->incumbent, res, now);
}

void
daemon_datagram(struct sim_node *sn, const struct peer_addr *from, const void *data, size_t len,
    ms_t now)
{
	if (sn->node != NULL)
		node_datagram(sn->node, from, data, len, now);
	else
		incumbent_datagram(sn->incumbent, data, len, now);
}

void
daemon_link_state(struct sim_node *sn, size_t link, bool running, ms_t now)
{
	if (sn->node != NULL)
		node_link_state(sn->node, link, running, now);
}

size_t
daemon_datagram_link(const struct sim_node *sn)
{
	return sn->node != NULL ? node_datagram_link(sn->node) : 0;
}

void
daemon_command(struct sim_node *sn, enum node_cmd cmd, ms_t now)
{
	if (sn->node != NULL)
		node_command(sn->node, cmd, now);
	else
		incumbent_command(sn->incumbent, cmd, now);
	sn->seen.flush_ordered |= sn->incumbent != NULL && cmd == CMD_FLUSH_KERNEL;
}

void
daemon_tick(struct sim_node *sn, ms_t now)
{
	if (sn->node != NULL)
		node_tick(sn->node, now);
	else
		incumbent_tick(sn->incumbent, now);
}

bool
daemon_order(struct sim_node *sn, enum sim_order order, ms_t now)
{
	if (sn->incumbent == NULL)
		return false;
	if (order == ORDER_FLUSH_KERNEL)
		daemon_command(sn, CMD_FLUSH_KERNEL, now);
	else if (order == ORDER_PURGE)
		incumbent_purge(sn->incumbent, now);
	else
		return false;
	return true;
}

bool
daemon_reads_at_once(const struct sim_node *sn)
{
	return sn->incumbent != NULL;
}

/* ---- outputs ---- */

size_t
daemon_pull_datagram(struct sim_node *sn, void *buf, size_t cap, ms_t now)
{
	if (sn->node != NULL)
		return node_pull_datagram(sn->node, buf, cap, now);
	return incumbent_pull_datagram(sn->incumbent, buf, cap, now);
}

bool
daemon_pull_op(struct sim_node *sn, struct kernel_op *op, ms_t now)
{
	if (sn->node != NULL)
		return node_pull_kernel_op(sn->node, op, now);
	return incumbent_pull_kernel_op(sn->incumbent, op, now);
}

ms_t
daemon_deadline(const struct sim_node *sn)
{
	if (sn->node != NULL)
		return node_deadline(sn->node);
	return incumbent_deadline(sn->incumbent);
}

static bool
pull_seen(struct sim_node *sn, struct notice *out)
{
	struct incumbent_seen *seen = &sn->seen;
	bool wants_read = incumbent_wants_read(sn->incumbent);

	memset(out, 0, sizeof(*out));
	if (wants_read && !seen->wants_read) {
		/* It has waited long enough. */
		out->type = NOTE_KERNEL_READ_NEEDED;
		out->read_why = READ_TO_ANSWER;
	} else if (seen->commits != incumbent_stats(sn->incumbent)->commits) {
		seen->commits = incumbent_stats(sn->incumbent)->commits;
		out->type = NOTE_COMMIT_DONE;
	} else if (seen->flush_ordered && !incumbent_is_busy(sn->incumbent)) {
		seen->flush_ordered = false;
		out->type = NOTE_KERNEL_FLUSH_DONE;
	} else if (seen->read_done) {
		seen->read_done = false;
		out->type = NOTE_KERNEL_READ_DONE;
	} else {
		return false;
	}
	seen->wants_read = wants_read;
	return true;
}

bool
daemon_pull_notice(struct sim_node *sn, struct notice *out)
{
	if (sn->node != NULL)
		return node_pull_notice(sn->node, out);
	return pull_seen(sn, out);
}

/* ---- views ---- */

bool
daemon_next_flow(const struct sim_node *sn, enum node_table t, uint32_t *cursor,
    struct flow_view *out, ms_t now)
{
	if (sn->node != NULL)
		return node_next_flow(sn->node, t, cursor, out, now);
	return incumbent_next_flow(sn->incumbent, t, cursor, out, now);
}

bool
daemon_find_flow(const struct sim_node *sn, enum node_table t, const struct flow_key *key,
    struct flow_view *out, ms_t now)
{
	if (sn->node != NULL)
		return node_find_flow(sn->node, t, key, out, now);
	return incumbent_find_flow(sn->incumbent, t, key, out, now);
}

size_t
daemon_count(const struct sim_node *sn, enum node_table t)
{
	struct flow_view v;
	uint32_t cursor = 0;
	size_t count = 0;

	if (sn->node != NULL)
		return node_table_view(sn->node, t).active;
	for (; incumbent_next_flow(sn->incumbent, t, &cursor, &v, (ms_t){0}); count++)
		;
	return count;
}

bool
daemon_was_full(const struct sim_node *sn, enum node_table t)
{
	const struct node_stats *st;

	if (sn->node == NULL)
		return incumbent_stats(sn->incumbent)->full > 0;
	st = node_stats(sn->node);
	return (t == TABLE_LOCAL ? st->local_full : st->remote_full) > 0;
}
