/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h: the daemon of a simulated node, whether it is ours (struct node) or the incumbent's
 * (struct incumbent): the calls of node.h, handed to the one that is there.
 */
#ifndef SIM_DAEMON_H
#define SIM_DAEMON_H

#include "world.h"

static inline bool
daemon_is_up(const struct sim_node *sn)
{
	return sn->node != NULL || sn->incumbent != NULL;
}

/* Begins the one that the world has on node i; none is there yet. */
void daemon_start(struct world *w, size_t i);
void daemon_end(struct sim_node *sn);

/* ---- inputs ---- */

void daemon_event(struct sim_node *sn, const struct kernel_event *ev, ms_t now);
void daemon_overrun(struct sim_node *sn, ms_t now);
void daemon_read_begin(struct sim_node *sn, bool announce, ms_t now);
void daemon_read_flow(struct sim_node *sn, const struct flow *flow, ms_t now);
void daemon_read_expect(struct sim_node *sn, const struct expect *e, ms_t now);
void daemon_read_end(struct sim_node *sn, bool complete, ms_t now);
void daemon_result(struct sim_node *sn, const struct kernel_result *res, ms_t now);
void daemon_datagram(struct sim_node *sn, const struct peer_addr *from, const void *data,
    size_t len, ms_t now);
void daemon_command(struct sim_node *sn, enum node_cmd cmd, ms_t now);
void daemon_tick(struct sim_node *sn, ms_t now);
/* The incumbent has one link. */
void daemon_link_state(struct sim_node *sn, size_t link, bool running, ms_t now);

/*
 * Of an order, what the incumbent does by itself and ours leaves to its host: false if the host has
 * to see to it.
 */
bool daemon_order(struct sim_node *sn, enum sim_order order, ms_t now);
/* Does it stand still for a read that was ordered? */
bool daemon_reads_at_once(const struct sim_node *sn);

/* ---- outputs ---- */

size_t daemon_datagram_link(const struct sim_node *sn);
size_t daemon_pull_datagram(struct sim_node *sn, void *buf, size_t cap, ms_t now);
bool daemon_pull_op(struct sim_node *sn, struct kernel_op *op, ms_t now);
ms_t daemon_deadline(const struct sim_node *sn);
/* The incumbent gives none; what would be one of ours is made from what can be seen of it. */
bool daemon_pull_notice(struct sim_node *sn, struct notice *out);

/* ---- views ---- */

bool daemon_next_flow(const struct sim_node *sn, enum node_table t, uint32_t *cursor,
    struct flow_view *out, ms_t now);
bool daemon_find_flow(const struct sim_node *sn, enum node_table t, const struct flow_key *key,
    struct flow_view *out, ms_t now);
size_t daemon_count(const struct sim_node *sn, enum node_table t);
/* Flows for which a table had no room. */
bool daemon_was_full(const struct sim_node *sn, enum node_table t);

#endif
