/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The form of what is sent to nf_tables, and answers of any form.  What the kernel makes of the messages is
 * tests/netns/test_gate.c's.
 */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cmocka.h>

#include "gate_msg.h"

static _Alignas(8) char buf[GATE_MSG_MAX];

/* Numbers go on one by one, and the last message before the end is the only one to be acknowledged. */
static void
assert_batch(const struct gate_batch *b, size_t messages)
{
	const struct nlmsghdr *nlh = (const void *)b->buf;
	int left = (int)b->len;
	size_t n = 0;

	assert_in_range(b->len, 1, GATE_MSG_MAX);
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		uint16_t want = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8);

		if (n == 0)
			want = NFNL_MSG_BATCH_BEGIN;
		if (n == messages - 1)
			want = NFNL_MSG_BATCH_END;
		assert_int_equal(nlh->nlmsg_seq, b->first_seq + (uint32_t)n);
		assert_int_equal(want < NFNL_SUBSYS_NFTABLES << 8 ? nlh->nlmsg_type : nlh->nlmsg_type & 0xff00,
		    want);
		assert_int_equal(!!(nlh->nlmsg_flags & NLM_F_ACK), n == messages - 2);
		assert_true(nlh->nlmsg_flags & NLM_F_REQUEST);
		n++;
	}
	assert_int_equal(left, 0);
	assert_int_equal(n, messages);
	assert_int_equal(b->seq, b->first_seq + (uint32_t)messages - 1);
}

static void
batches_are_whole(void **state)
{
	static const char names[GATE_INTERFACES_MAX][GATE_IFNAME_MAX] = {
	    "a", "ab", "abc", "abcd", "e", "f", "g", "123456789012345"};
	struct gate_batch b;

	(void)state;
	/* Table, counter, set, chain, and seven rules beside those of the links. */
	for (size_t count = 0; count <= GATE_INTERFACES_MAX; count++) {
		gate_batch_begin(&b, buf, UINT32_MAX - 3);
		gate_msg_make(&b, names, count);
		gate_batch_end(&b);
		assert_batch(&b, 2 + 4 + 7 + count);
	}
	gate_batch_begin(&b, buf, 7);
	gate_msg_open(&b);
	gate_msg_close(&b, 6, 2000);
	gate_batch_end(&b);
	assert_batch(&b, 4);
}

/* An answer that has the counter, as the kernel sends it. */
static struct nlmsghdr *
answer(uint64_t packets)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *data;

	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, "conntrackd-gate");
	data = mnl_attr_nest_start(nlh, NFTA_OBJ_DATA);
	mnl_attr_put_u64(nlh, NFTA_COUNTER_BYTES, htobe64(1));
	mnl_attr_put_u64(nlh, NFTA_COUNTER_PACKETS, htobe64(packets));
	mnl_attr_nest_end(nlh, data);
	return nlh;
}

static void
the_counter_is_found_in_an_answer(void **state)
{
	struct nlmsghdr *nlh = answer(UINT64_C(0x123456789abcdef0));
	uint64_t packets = 0;

	(void)state;
	assert_true(gate_msg_counter(nlh, &packets));
	assert_true(packets == UINT64_C(0x123456789abcdef0));
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET;
	assert_false(gate_msg_counter(nlh, &packets));
}

static void
a_number_of_another_size_is_none(void **state)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *data;
	uint64_t packets;

	(void)state;
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	data = mnl_attr_nest_start(nlh, NFTA_OBJ_DATA);
	mnl_attr_put_u32(nlh, NFTA_COUNTER_PACKETS, htobe32(1));
	mnl_attr_nest_end(nlh, data);
	assert_false(gate_msg_counter(nlh, &packets));
}

/* Each in memory of its own, so that a sanitizer sees a read past its end. */
static void
an_answer_that_is_cut_off_has_none(void **state)
{
	const struct nlmsghdr *whole = answer(1);
	uint32_t len = whole->nlmsg_len;
	uint64_t packets;

	(void)state;
	for (uint32_t cut = MNL_NLMSG_HDRLEN; cut < len; cut++) {
		struct nlmsghdr *nlh = malloc(cut);

		assert_non_null(nlh);
		memcpy(nlh, whole, cut);
		nlh->nlmsg_len = cut;
		assert_false(gate_msg_counter(nlh, &packets));
		free(nlh);
	}
}

static void
lengths_that_lie_are_not_believed(void **state)
{
	uint32_t len = answer(1)->nlmsg_len;
	uint64_t packets;

	(void)state;
	for (uint32_t at = MNL_NLMSG_HDRLEN; at < len; at++) {
		for (unsigned int value = 0; value < 256; value++) {
			struct nlmsghdr *nlh = malloc(len);

			assert_non_null(nlh);
			memcpy(nlh, answer(1), len);
			((uint8_t *)nlh)[at] = (uint8_t)value;
			(void)gate_msg_counter(nlh, &packets);
			free(nlh);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(batches_are_whole),
	    cmocka_unit_test(the_counter_is_found_in_an_answer),
	    cmocka_unit_test(a_number_of_another_size_is_none),
	    cmocka_unit_test(an_answer_that_is_cut_off_has_none),
	    cmocka_unit_test(lengths_that_lie_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
