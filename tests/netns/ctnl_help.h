/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnl_help.h: what tests of the ctnetlink sockets have in common.  Everything here fails the test
 * that calls it when something goes wrong.
 */
#ifndef TESTS_NETNS_CTNL_HELP_H
#define TESTS_NETNS_CTNL_HELP_H

#include "ctnl.h"

enum { FLOWS_MAX = 64, TIMEOUT_SLACK_S = 5 };

/* Flows read back. */
struct flows {
	struct flow at[FLOWS_MAX];
	enum kernel_event_type type[FLOWS_MAX]; /* events only */
	bool own[FLOWS_MAX];
	size_t count; /* also of those beyond the array */
};

/* Opens in the namespace of the moment, or fails the test. */
struct ctnl *open_with(uint32_t rcvbuf, uint32_t rcvbuf_max, bool reliable);

/* Runs a shell command in the namespace of the moment, for ten seconds at most.  True if it exits
 * with 0. */
bool shell(const char *command);

/* Setup of a test: an empty namespace. */
int new_namespace(void **state);

/* A flow of five minutes that has seen a reply. */
struct flow flow_make(uint8_t l4, const char *src, const char *dst, uint16_t sport, uint16_t dport);

/* The same with NAT (NULL and 0: unchanged): reply tuple, NAT bits and status as the kernel will
 * have them. */
struct flow flow_nat(struct flow f, const char *new_src, uint16_t new_sport, const char *new_dst,
    uint16_t new_dport);
struct flow flow_tcp(uint16_t sport, uint8_t state);

/* Callbacks whose context is a struct flows. */
void events_add(void *ctx, const struct kernel_event *ev);

/* Reads the whole table, or all events that wait. */
void dump_all(struct ctnl *c, struct flows *set);
void events_read(struct ctnl *c, struct flows *set);

/* NULL if it is not among them. */
const struct flow *flows_find(const struct flows *set, const struct flow_key *key);

/* Field by field: all that `want` has is in `got`. */
void assert_carries(const struct flow *got, const struct flow *want);

/* Writes all in one batch; the cookies are checked, the errors are not. */
void write_all(struct ctnl *c, enum kernel_op_type type, const struct flow *flows, size_t n,
    struct kernel_result *res);
struct kernel_result write_one(struct ctnl *c, enum kernel_op_type type, const struct flow *flow);
int write_error(struct ctnl *c, enum kernel_op_type type, const struct flow *flow);

/* Creates all in one batch, and each is expected to succeed. */
void create_all(struct ctnl *c, const struct flow *flows, size_t n);

/* Flows of every protocol and with every attribute; returns how many.  Masters come first. */
size_t flows_all(struct flow *out);

/* Masters before what they are masters of, as a commit does it. */
size_t flows_ordered(const struct flows *set, struct flow *out);

#endif
