/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_holds.h: what holds in a node whatever happens to it; looked at inside, too.
 */
#ifndef TESTS_NODE_HOLDS_H
#define TESTS_NODE_HOLDS_H

#include "node.h"

/* Tables, queues, peers and views agree with themselves and with each other; ends the process if they do not. */
void node_holds(const struct node *n, ms_t now);

/* So many requests to the kernel are under way, says who has pulled them. */
void node_slots_hold(const struct node *n, size_t under_way);

#endif
