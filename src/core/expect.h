/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect.h: one expectation, as the wire carries it (doc/WIRE.md 3.5).
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

struct expect {
	struct flow_key master;
	struct flow_key tuple;
	struct flow_key mask;
	struct flow_key nat;
	uint32_t has; /* enum expect_has */
	uint32_t timeout_s;
	uint32_t flags;
	uint32_t class;
	uint32_t nat_dir;
	char helper[FLOW_HELPER_LEN];
	char fn[EXPECT_FN_LEN];
};

#endif
