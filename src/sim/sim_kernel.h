/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_kernel.h: a model of the kernel's conntrack table: requests, answers, events.
 */
#ifndef SIM_SIM_KERNEL_H
#define SIM_SIM_KERNEL_H

#include "kernel.h"

enum { SIM_FLOWS_MAX = 4096, SIM_EVENTS_MAX = 16384, SIM_BUCKETS = 2048, SIM_EXPECTS_MAX = 64 };

/* One of the kernel's expectations. */
struct sim_expect {
	bool used;
	bool alive; /* made by traffic, not by a daemon */
	struct expect e;
};

/* What has just happened to an entry, told whether or not anybody reads events. */
struct sim_change {
	enum kernel_event_type type;
	bool own;                  /* by a request of the daemon's */
	const struct flow *before; /* NULL of a new entry */
	const struct flow *flow;   /* as it is now; of one that ended: as it was */
};

struct sim_kernel;

typedef void (*sim_change_fn)(void *ctx, const struct sim_change *change);

/*
 * The fault to answer a request with: an errno value, or 0.  With *after the request is carried out
 * all the same, and only its answer is lost.
 */
typedef int (*sim_fail_fn)(void *ctx, const struct kernel_op *op, bool *after);

struct sim_kernel {
	struct flow flows[SIM_FLOWS_MAX];
	bool used[SIM_FLOWS_MAX];
	uint16_t next[SIM_FLOWS_MAX][2]; /* chains of the hash: by original and by reply tuple */
	uint16_t buckets[SIM_BUCKETS];   /* first of a chain: 2 * (index of the flow + 1) + direction */
	size_t count;
	size_t high; /* no used flow is at or beyond this index */
	uint32_t next_id;
	struct kernel_event events[SIM_EVENTS_MAX]; /* waiting to be read, oldest first */
	size_t events_head, events_count;
	size_t events_max;  /* what the reader's buffer holds; 0: SIM_EVENTS_MAX */
	bool deaf;          /* nobody listens */
	bool congested;     /* events were lost: none is kept until all have been read (netlink) */
	bool events_lost;   /* the reader is to be told of an overrun */
	bool deliver_own;   /* also events of the node's own writes */
	bool expires;       /* entries whose timeout is over end */
	/* Makes the next request on a flow with this original source port fail with an errno value. */
	uint16_t fail_port; /* network order */
	int fail_error;
	unsigned int fail_times;
	sim_fail_fn fail;
	sim_change_fn changed;
	void *ctx; /* of both */
	uint64_t requests, deletes;
	struct sim_expect expects[SIM_EXPECTS_MAX];
	size_t expects_count;
};

/*
 * Traffic: enters, changes or ends a flow as packets would; raises events.  A flow whose tuple (in
 * either direction) is taken is not entered: false.
 */
bool sim_kernel_new(struct sim_kernel *k, const struct flow *f);
void sim_kernel_update(struct sim_kernel *k, const struct flow *f);
void sim_kernel_destroy(struct sim_kernel *k, const struct flow_key *key);

/*
 * What an update can change: the attributes that `upd` has replace those of `g`, the entry.  This
 * is deliberately not flow_merge(): a model made of what it is to try has the same mistakes.
 */
void sim_kernel_change(struct flow *g, const struct flow *upd);

/* Would a new flow find both its tuples free? */
bool sim_kernel_has_room(const struct sim_kernel *k, const struct flow *f);

/*
 * A second goes by: what is left of every timeout becomes less, down to one; or to its end where the
 * kernel lets entries expire.  Only traffic renews it.
 */
void sim_kernel_age(struct sim_kernel *k);

/*
 * sim_expect.c.  Traffic: a helper expects this of a flow that is there, or renews it; false if there
 * is no room.  The flow that is expected has come: it is expected no more.
 */
bool sim_kernel_expect(struct sim_kernel *k, const struct expect *e);
void sim_kernel_expected(struct sim_kernel *k, const struct flow *f);
struct sim_expect *sim_kernel_find_expect(struct sim_kernel *k, const struct expect *e);
/* For sim_kernel.c: a flow ends, and what it expects with it; a second; a request. */
void sim_expects_leave(struct sim_kernel *k, const struct flow *master);
void sim_expects_age(struct sim_kernel *k);
int sim_expects_request(struct sim_kernel *k, const struct kernel_op *op);
void sim_kernel_raise(struct sim_kernel *k, const struct kernel_event *ev);

/* The entry with this original tuple, or NULL. */
struct flow *sim_kernel_find(struct sim_kernel *k, const struct flow_key *key);

/* Carries out one request and fills in the answer. */
void sim_kernel_request(struct sim_kernel *k, const struct kernel_op *op,
    struct kernel_result *res);

/* Takes the oldest event; false if there is none. */
bool sim_kernel_event(struct sim_kernel *k, struct kernel_event *out);

/* Whoever read events is gone: those that wait go with him. */
void sim_kernel_deafen(struct sim_kernel *k);

#endif
