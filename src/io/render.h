/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * render.h: flows and statistics as the text that scripts parse.  Pure: text into the caller's
 * buffer, no I/O.
 */
#ifndef IO_RENDER_H
#define IO_RENDER_H

#include "ctl.h"
#include "ctnl.h"
#include "link.h"
#include "node.h"
#include "text.h"

/* Longest line that render_flow() or render_flow_xml() can produce, with its NUL. */
enum { RENDER_FLOW_MAX = 2048 };

/* "tcp"; "unknown" of what has no name here. */
const char *render_l4_name(uint8_t l4);

/* One flow as -i (TABLE_LOCAL) or -e (TABLE_REMOTE) prints it, with newline. */
void render_flow(struct text *t, enum node_table table, const struct flow_view *v);
void render_flow_xml(struct text *t, enum node_table table, const struct flow_view *v);

/* A local flow as conntrack(8) prints it, timeout first, with newline. */
void render_flow_kernel(struct text *t, const struct flow_view *v);

/* An expectation as -i expect and -e expect print it, with newline. */
void render_expect(struct text *t, const struct expect_view *v);
void render_expect_xml(struct text *t, const struct expect_view *v);
/* One for log lines: no newline. */
void render_expect_brief(struct text *t, const struct expect *e);

/* A flow for log lines: one line, no newline, both tuples. */
void render_flow_brief(struct text *t, const struct flow *f);

/* The kernel's name of the state that it carries, "NONE" for a number that it has no name for; NULL if it
 * carries none. */
const char *render_state(const struct flow *f);

/* A flow that has ended, as the statistics log names it: one line, no newline, with what the kernel
 * has counted.  usage: NULL if that is not known. */
void render_flow_ended(struct text *t, const struct flow *f, const struct kernel_usage *usage);

/* Everything -s can show, gathered by the daemon. */
struct stats_input {
	const struct node *node;
	const struct link *const *links;
	size_t links_count;
	size_t link_active;
	int64_t uptime_s;
	uint32_t netlink_rcvbuf;
	struct ctnl_counters netlink;
	struct ctl_counters ctl;
	uint64_t kernel_flushes;
	bool no_internal, no_external; /* caches that are disabled */
	ms_t now;
};

enum stats_what {
	STATS_GENERAL, /* -s, -s ct */
	STATS_NETWORK,
	STATS_CACHE,
	STATS_RUNTIME,
	STATS_LINK,
	STATS_RSQUEUE,
	STATS_QUEUE,
	STATS_PROCESS,
	STATS_EXPECT,
};

/*
 * Renders one block.  RENDER_STATS_MAX bytes hold any of them.  STATS_RSQUEUE gives the heading
 * only; render_unacked() gives the rest.  Empty where the mode has nothing to show.
 */
enum { RENDER_STATS_MAX = 8192 };
void render_stats(struct text *t, enum stats_what what, const struct stats_input *in);

/* Renders elements of the resend queue from *cursor on while they fit (128 bytes hold one); false
 * when all are out. */
bool render_unacked(struct text *t, const struct node *n, uint32_t *cursor);

#endif
