/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect.h: one expectation: a connection that a helper has announced, such as the data connection of
 * an FTP session (doc/WIRE.md 3.5, linux/netfilter/nfnetlink_conntrack.h).
 */
#ifndef CORE_EXPECT_H
#define CORE_EXPECT_H

#include "flow.h"

enum expect_has {
	EXP_MASTER_ADDRS = 1u << 0,
	EXP_MASTER_L4 = 1u << 1,
	EXP_MASTER_PORTS = 1u << 2,
	EXP_TUPLE_ADDRS = 1u << 3,
	EXP_TUPLE_L4 = 1u << 4,
	EXP_TUPLE_PORTS = 1u << 5,
	EXP_MASK_ADDRS = 1u << 6,
	EXP_MASK_L4 = 1u << 7,
	EXP_MASK_PORTS = 1u << 8,
	EXP_TIMEOUT = 1u << 9,
	EXP_FLAGS = 1u << 10,
	EXP_CLASS = 1u << 11,
	EXP_NAT_ADDRS = 1u << 12,
	EXP_NAT_L4 = 1u << 13,
	EXP_NAT_PORTS = 1u << 14,
	EXP_NAT_DIR = 1u << 15,
	EXP_HELPER = 1u << 16,
	EXP_FN = 1u << 17,
};

enum { EXPECT_FN_LEN = 28 };

/* Of the kernel's flags (NF_CT_EXPECT_*). */
enum { EXPECT_PERMANENT = 1, EXPECT_INACTIVE = 2, EXPECT_USERSPACE = 4 };

struct expect {
	struct flow_key master; /* original tuple of the flow that it belongs to, with its zone */
	struct flow_key tuple;  /* what is expected; zone as the master's */
	struct flow_key mask;   /* which bits of it count */
	struct flow_key nat;    /* src, sport: what it is translated back to */
	uint32_t has; /* enum expect_has */
	uint32_t timeout_s;
	uint32_t flags;
	uint32_t class;
	uint32_t nat_dir;
	char helper[FLOW_HELPER_LEN];
	char fn[EXPECT_FN_LEN];
};

/* Does it say what is expected, of whom, and within which mask? */
bool expect_is_complete(const struct expect *e);

/* The same expectation: of the same master, for the same tuple and mask? */
bool expect_is_same(const struct expect *a, const struct expect *b);

/* The same in all but the timeout? */
bool expect_same_content(const struct expect *a, const struct expect *b);

enum { EXPECT_HELPERS_MAX = 16 };

/* Which helpers' expectations are replicated; none named: those of all. */
struct expect_helpers {
	char name[EXPECT_HELPERS_MAX][FLOW_HELPER_LEN];
	uint8_t count;
};

/* Does one of the names begin the name of its helper, in any case? */
bool expect_is_wanted(const struct expect_helpers *helpers, const struct expect *e);

#endif
