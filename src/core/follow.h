/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow.h: flows that somebody looks at: how they are named, and what happens to them step by step.
 */
#ifndef CORE_FOLLOW_H
#define CORE_FOLLOW_H

#include "flow.h"

/* What is said of a tuple; what is not said may be anything. */
enum tuple_has {
	TUPLE_L4 = 1 << 0,
	TUPLE_SRC = 1 << 1,
	TUPLE_DST = 1 << 2,
	TUPLE_SPORT = 1 << 3, /* of ICMP the id; of GRE the key */
	TUPLE_DPORT = 1 << 4,
	TUPLE_ZONE = 1 << 5,
	TUPLE_TYPE = 1 << 6, /* of ICMP */
	TUPLE_CODE = 1 << 7,
};

/* One direction of a flow, or a part of it.  `key` as in a flow. */
struct flow_tuple {
	struct flow_key key;
	unsigned int has;
};

/* Does it name one flow, but for the zone? */
bool tuple_is_whole(const struct flow_tuple *t);

/*
 * Is it the flow's original or reply tuple, or either of them turned round?  With NAT those are four: what is
 * seen on either side of the firewall, in both directions.
 */
bool tuple_matches(const struct flow_tuple *t, const struct flow *f);

enum { FOLLOW_MAX = 4 };

enum follow_step {
	STEP_EVENT_NEW,     /* the kernel tells: */
	STEP_EVENT_UPDATE,
	STEP_EVENT_DESTROY,
	STEP_FILTERED,      /* an event of it is left out by the filter */
	STEP_READ,          /* a read of the kernel's table names it */
	STEP_SENT,          /* seq, message */
	STEP_ACKED,         /* seq, peer */
	STEP_NACKED,        /* seq: a peer has not got it; it is sent again */
	STEP_RECEIVED,      /* seq, message, peer */
	STEP_OVERTAKEN,     /* that message is older than what is known */
	STEP_NOT_OWNER,     /* that delete is of a peer that does not own the flow */
	STEP_UNKNOWN_END,   /* that delete is of a flow that is not known */
	STEP_NO_ROOM,       /* the table is full: it is not kept */
	STEP_REPLICA_GONE,  /* the peer's flow has left our table */
	STEP_ASKED,         /* op: a request to the kernel goes out */
	STEP_ANSWERED,      /* op, error: it is answered */
	STEP_LEFT,          /* not written: the kernel's entry is as good or newer */
	STEP_RUN_OUT,       /* not written: its peer has been silent for longer than it lasts */
};

enum follow_message { MESSAGE_NEW, MESSAGE_UPDATE, MESSAGE_DELETE };

struct follow_note {
	enum follow_step step;
	uint8_t follows;  /* bit set: which of those that are followed it is */
	enum follow_message message;
	uint8_t peer;     /* bit set: of peers (peer_view.slot) */
	uint8_t op;       /* enum kernel_op_type */
	uint32_t seq;
	int error;        /* errno value */
	struct flow flow; /* as it is then */
};

#endif
