/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * render_json.h: flows and expectations as JSON objects, with all that is known of them.  Pure.
 *
 * What is not known has no key, as absent is not the same as zero.  Keys are never renamed; conntrackd(8), FLOWS,
 * describes them.
 */
#ifndef IO_RENDER_JSON_H
#define IO_RENDER_JSON_H

#include "json.h"
#include "node.h"

/* Bytes of the longest object. */
enum { RENDER_JSON_MAX = 4096 };

/* One flow of a table, or of an array that is being written. */
void render_flow_json(struct json *j, enum node_table table, const struct flow_view *v);

/* The members of an object about a flow by itself, of whatever origin. */
void render_flow_members(struct json *j, const struct flow *f);

void render_expect_json(struct json *j, enum node_table table, const struct expect_view *v);

/* One element of what was sent and is not acknowledged. */
void render_unacked_json(struct json *j, const struct unacked_view *v);

#endif
