/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_kernel.h: a model of the kernel's conntrack table: requests, answers, events.
 */
#ifndef SIM_SIM_KERNEL_H
#define SIM_SIM_KERNEL_H

#include "kernel.h"

enum { SIM_FLOWS_MAX = 4096, SIM_EVENTS_MAX = 16384 };

struct sim_kernel {
	struct flow flows[SIM_FLOWS_MAX];
	bool used[SIM_FLOWS_MAX];
	size_t count;
	uint32_t next_id;
	struct kernel_event events[SIM_EVENTS_MAX]; /* waiting to be read, oldest first */
	size_t events_head, events_count;
	bool events_lost; /* the reader is to be told of an overrun */
	bool deliver_own; /* also events of the node's own writes */
	/* Makes the next request on a flow with this original source port fail with an errno value. */
	uint16_t fail_port; /* network order */
	int fail_error;
	unsigned int fail_times;
	uint64_t requests, deletes;
};

/* Traffic: enters, changes or ends a flow as packets would; raises events. */
void sim_kernel_new(struct sim_kernel *k, const struct flow *f);
void sim_kernel_update(struct sim_kernel *k, const struct flow *f);
void sim_kernel_destroy(struct sim_kernel *k, const struct flow_key *key);

/* A second goes by: what is left of every timeout becomes less, down to one.  Traffic renews it only
 * where a test says so; nothing expires by itself. */
void sim_kernel_age(struct sim_kernel *k);

/* The entry with this original tuple, or NULL. */
struct flow *sim_kernel_find(struct sim_kernel *k, const struct flow_key *key);

/* Carries out one request and fills in the answer. */
void sim_kernel_request(struct sim_kernel *k, const struct kernel_op *op,
    struct kernel_result *res);

/* Takes the oldest event; false if there is none. */
bool sim_kernel_event(struct sim_kernel *k, struct kernel_event *out);

#endif
