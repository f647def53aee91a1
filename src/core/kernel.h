/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h: the value types that pass between core and whatever plays the kernel (ctnetlink in the
 * daemon, a model table in the simulator).
 */
#ifndef CORE_KERNEL_H
#define CORE_KERNEL_H

#include "expect.h"

enum kernel_event_type {
	KEV_NEW,
	KEV_UPDATE,
	KEV_DESTROY,
	KEV_EXPECT_NEW, /* of an expectation, also one that was renewed */
	KEV_EXPECT_DESTROY,
};

/* What the kernel has counted of a flow; directions are original, reply. */
struct kernel_usage {
	bool counted; /* net.netfilter.nf_conntrack_acct */
	bool timed;   /* net.netfilter.nf_conntrack_timestamp: both ends are known */
	uint64_t packets[2], bytes[2];
	uint64_t start_ns, stop_ns; /* of the kernel's wall clock */
};

struct kernel_event {
	enum kernel_event_type type;
	bool own; /* caused by one of our own writes (netlink port of the write socket) */
	union {
		struct flow flow;
		struct expect expect; /* KEV_EXPECT_* */
	};
	struct kernel_usage usage; /* DESTROY */
};

enum kernel_op_type {
	KOP_CREATE,  /* fails with EEXIST if either tuple is taken */
	KOP_UPDATE,  /* changes an existing entry in place; ENOENT if there is none */
	KOP_REPLACE, /* delete `victim` (absent is fine) and create, two messages in one write */
	KOP_DELETE,  /* by original tuple and zone, and by id if HAS_ID; ENOENT if there is none */
	KOP_GET,     /* by original tuple and zone; the answer carries the flow */
	KOP_GET_REPLY, /* who holds the reply tuple, in either direction; the answer carries that flow */
	KOP_EXPECT_CREATE, /* EEXIST if it is there; ENOENT without its master; EBUSY if another is */
	KOP_EXPECT_DELETE, /* ENOENT if it is not there */
};

/*
 * One request to the kernel.  `flow` says exactly what is to be written: the status is masked, the
 * timeout final, optional attributes that the kernel refused are gone.  Attributes by op:
 *   CREATE, REPLACE  all that `flow.has` names; reply is what the kernel is to end up with
 *   UPDATE           status, timeout, mark, protocol state, sequence adjustment, labels, synproxy
 *   DELETE, GET      the key (and id)
 *   GET_REPLY        the key's protocols and zone, and the reply
 */
struct kernel_op {
	enum kernel_op_type type;
	uint32_t cookie;  /* given back with the result */
	bool tcp_liberal; /* TCP: switch window checks off in both directions */
	/* REPLACE: what makes way, mostly the flow's own key; of the same protocol. */
	struct flow_key victim;
	uint32_t victim_id; /* 0: whatever has the key */
	union {
		struct flow flow;
		struct expect expect; /* KOP_EXPECT_* */
	};
};

/* Is this request about an expectation? */
static inline bool
kernel_op_is_expect(const struct kernel_op *op)
{
	return op->type == KOP_EXPECT_CREATE || op->type == KOP_EXPECT_DELETE;
}

struct kernel_result {
	uint32_t cookie;
	int error;        /* 0, or a positive errno value as the kernel gave it */
	bool has_flow;    /* KOP_GET that found something */
	struct flow flow; /* means nothing without */
};

#endif
