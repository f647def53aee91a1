/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h: a kernel's table beside the caches of the daemon, at one look.  Pure, but for memory.
 *
 * Flows change while one looks.  So what differs at one look is a suspicion; the second look, some time
 * later, knows the first, and counts only what it finds unchanged on both sides.
 */
#ifndef CONSOLE_COMPARE_H
#define CONSOLE_COMPARE_H

#include "flow_record.h"
#include "table.h"

enum compare_kind {
	COMPARE_MISSING,   /* in the kernel, and not in the cache of this node's flows */
	COMPARE_STALE,     /* there, and not in the kernel */
	COMPARE_DIFFERENT, /* in both, but not the same */
	COMPARE_UNWRITTEN, /* a peer's flow, not in the kernel */
	COMPARE_BLOCKED,   /* a peer's flow that no commit would write: a live kernel entry has its tuple */
	COMPARE_COPY,      /* what we wrote for a peer is not what the peer says */
	COMPARE_KINDS,
};

/* What is not the same. */
enum compare_what {
	DIFFERS_ID = 1 << 0, /* another flow on the same tuple */
	DIFFERS_STATE = 1 << 1,
	DIFFERS_STATUS = 1 << 2, /* whether both ends have been seen, and it is assured */
	DIFFERS_MARK = 1 << 3,
	DIFFERS_LABELS = 1 << 4,
	DIFFERS_NAT = 1 << 5, /* the reply tuple */
	DIFFERS_HELPER = 1 << 6,
};

/* Enough to know a difference again. */
struct suspicion {
	struct flow_key key;
	uint32_t kind;
	uint32_t what;
	uint64_t print; /* of what is compared, on both sides */
};

struct compare_example {
	enum compare_kind kind;
	unsigned int what;
	bool has_kernel, has_cache;
	struct flow kernel, cache;
	int64_t changed_ms; /* has_cache: since its last news */
};

struct compare_peer {
	uint64_t lacks; /* flows and ends that it has not acknowledged */
	uint64_t late;  /* of these, for COMPARE_LATE_S or more */
	int oldest_s;
};

enum {
	/* Peers acknowledge after a second at most. */
	COMPARE_LATE_S = 5,
	COMPARE_EXAMPLES_MAX = 1000,
};

struct compare {
	const struct compare *before; /* the first look; NULL: this is it */
	const struct filter *filter;
	bool write_through;
	bool no_memory;
	struct table kernel;
	size_t kernel_size;
	uint32_t *reply_heads, *reply_next; /* kernel flows by their reply tuples; made when first needed */

	uint64_t kernel_flows, kernel_passing; /* all; those that the filter lets through */
	uint64_t local_flows, remote_flows;
	uint64_t remote_in_kernel, remote_not_in_kernel;
	uint64_t to_send; /* flows of ours that wait for their first, or next, message */
	uint64_t counts[COMPARE_KINDS];
	uint64_t in_motion; /* differences that the second look did not find again, or not the same */
	struct compare_peer peers[NODE_PEERS_MAX];
	bool ended, drained;

	struct suspicion *suspicions; /* of the first look; sorted by compare_finish() */
	size_t suspicions_count, suspicions_cap;

	struct compare_example *examples; /* of the second; at most so many of each kind */
	size_t examples_count, examples_cap, examples_each;
};

/* The second look keeps `examples_each` flows of each kind.  False if there is no memory. */
bool compare_init(struct compare *c, const struct compare *before, const struct filter *filter,
    bool write_through, uint32_t flows_max, size_t examples_each);
void compare_free(struct compare *c);

/* A dump begins: forgets what one that was cut short has named. */
void compare_kernel_begin(struct compare *c);
/* First the whole kernel; false if it has more flows than flows_max. */
bool compare_kernel(struct compare *c, const struct flow *f);
/* Then the caches, a flow_record_fn. */
void compare_record(void *ctx, const struct flow_record *r);
/* Then what was not named. */
void compare_finish(struct compare *c);

/* Is there anything that is not as it should be? */
bool compare_differs(const struct compare *c);

/* What is not the same in these two, of one key: enum compare_what. */
unsigned int compare_flows(const struct flow *kernel, const struct flow *cache);

#endif
