/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever a kernel says that is of no use has its counter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ctnl.h"
#include "ctnl_msg.h"
#include "fake_netlink.h"

enum { NEW = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW };

struct message {
	_Alignas(8) uint8_t b[CTNL_MSG_MAX];
	size_t len;
};

static struct flow
udp_flow(void)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = L4_UDP;
	f.key.src = (struct ip_addr){{10, 0, 0, 1}};
	f.key.dst = (struct ip_addr){{10, 0, 0, 2}};
	f.key.sport = 1;
	f.key.dport = 2;
	flow_invert(&f.key, &f.reply);
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY;
	return f;
}

/* A message that carries udp_flow(), under this type and number. */
static struct message
message(uint16_t type, uint32_t seq)
{
	const struct kernel_op op = {.type = KOP_CREATE, .flow = udp_flow()};
	struct message m = {.len = 0};
	struct nlmsghdr *nlh = (struct nlmsghdr *)m.b;

	m.len = ctnl_msg_build(&op, seq, m.b, sizeof(m.b));
	assert_true(m.len > 0);
	nlh->nlmsg_type = type;
	return m;
}

/* The same with an attribute of an impossible length. */
static struct message
bad_message(uint32_t seq)
{
	struct message m = message(NEW, seq);

	m.b[MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg)] = 2;
	return m;
}

static void
count_event(void *ctx, const struct kernel_event *ev)
{
	(void)ev;
	++*(unsigned int *)ctx;
}

static struct ctnl *
open_fake(void)
{
	const struct ctnl_cfg cfg = {.rcvbuf = 0};
	struct ctnl *c;

	fake_netlink_reset();
	assert_int_equal(ctnl_open(&c, &cfg), 0);
	return c;
}

static void
close_fake(struct ctnl *c)
{
	ctnl_close(c);
	fake_netlink_reset();
}

static void
expect_counters(const struct ctnl *c, struct ctnl_counters want)
{
	assert_memory_equal(ctnl_counters(c), &want, sizeof(want));
}

static void
events_of_no_use_are_counted(void **state)
{
	struct ctnl *c = open_fake();
	struct message m = message(NEW, 0), bad = bad_message(0);
	static char long_one[32 * 1024];
	unsigned int seen = 0;

	(void)state;
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len);
	fake_netlink_push(FAKE_EVENT, 99, m.b, m.len);
	fake_netlink_push(FAKE_EVENT, 0, bad.b, bad.len);
	m = message(NLMSG_ERROR, 0);
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len);
	fake_netlink_push(FAKE_EVENT, 0, long_one, sizeof(long_one));
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), 5);
	assert_int_equal(seen, 1);
	expect_counters(c,
	    (struct ctnl_counters){.events_unknown = 1, .events_bad = 2, .foreign = 1});

	/* A message, and then bytes that are none. */
	m = message(NEW, 0);
	memset(m.b + m.len, 0, 8);
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len + 8);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), 1);
	assert_int_equal(seen, 2);
	expect_counters(c,
	    (struct ctnl_counters){.events_unknown = 1, .events_bad = 3, .foreign = 1});
	close_fake(c);
}

/* Read as a negative number it is less than what is left. */
static void
a_loss_is_told_and_is_not_the_last_that_is_heard(void **state)
{
	struct ctnl *c = open_fake();
	struct message m = message(NEW, 0);
	unsigned int seen = 0;

	(void)state;
	/* While something waits that is older. */
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len);
	fake_netlink_overrun(FAKE_EVENT);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), -ENOBUFS);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), 1);
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), 1);
	assert_int_equal(seen, 2);

	/* The reader emptied the queue just as the kernel found it full. */
	fake_netlink_overrun(FAKE_EVENT);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), -ENOBUFS);
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), 1);
	assert_int_equal(seen, 3);
	close_fake(c);
}

static void
a_message_of_two_gigabytes_is_none(void **state)
{
	struct ctnl *c = open_fake();
	struct message m = message(NEW, 0);
	struct nlmsghdr *nlh = (struct nlmsghdr *)m.b;
	unsigned int seen = 0;

	(void)state;
	nlh->nlmsg_len = 0xa1000000;
	fake_netlink_push(FAKE_EVENT, 0, m.b, m.len);
	assert_int_equal(ctnl_read_events(c, 10, count_event, &seen), 1);
	assert_int_equal(seen, 0);
	expect_counters(c,
	    (struct ctnl_counters){.events_bad = 1});
	close_fake(c);
}

static void
parts_of_a_dump_of_no_use_are_counted(void **state)
{
	struct ctnl *c = open_fake();
	struct message m = message(NEW, 1), bad = bad_message(1), done = message(NLMSG_DONE, 1);
	unsigned int seen = 0;

	(void)state;
	assert_int_equal(ctnl_dump_start(c), 0);
	fake_netlink_push(FAKE_DUMP, 0, m.b, m.len);
	fake_netlink_push(FAKE_DUMP, 0, m.b, m.len - 1);
	fake_netlink_push(FAKE_DUMP, 0, bad.b, bad.len);
	m = message(NEW, 7);
	fake_netlink_push(FAKE_DUMP, 0, m.b, m.len);
	m = message(NEW + 2, 1);
	fake_netlink_push(FAKE_DUMP, 0, m.b, m.len);
	assert_int_equal(ctnl_dump_read(c, 10, count_event, &seen), 1);
	assert_int_equal(seen, 1);
	memset(done.b + MNL_NLMSG_HDRLEN, 0, 4);
	fake_netlink_push(FAKE_DUMP, 0, done.b, done.len);
	assert_int_equal(ctnl_dump_read(c, 10, count_event, &seen), 0);
	expect_counters(c,
	    (struct ctnl_counters){.dump_unknown = 1, .dump_bad = 2, .dump_stray = 1});
	close_fake(c);
}

static void
answers_of_no_use_are_counted(void **state)
{
	struct ctnl *c = open_fake();
	const struct kernel_op op = {.type = KOP_GET, .flow = udp_flow()};
	struct message m = message(NEW, 1000), bad = bad_message(0);
	struct {
		struct nlmsghdr nlh;
		int error;
	} ack = {{.nlmsg_len = sizeof(ack), .nlmsg_type = NLMSG_ERROR}, 0};
	struct kernel_result res;

	(void)state;
	fake_netlink_push(FAKE_WRITE, 0, m.b, m.len);
	m = message(NEW + 2, 0);
	fake_netlink_push(FAKE_WRITE, 0, m.b, m.len);
	fake_netlink_push(FAKE_WRITE, 0, bad.b, bad.len);
	fake_netlink_push(FAKE_WRITE, 0, bad.b, 7);
	fake_netlink_push(FAKE_WRITE, 0, &ack, sizeof(ack));
	assert_int_equal(ctnl_write(c, &op, 1, &res), 0);
	assert_int_equal(res.error, EBADMSG);
	expect_counters(c,
	    (struct ctnl_counters){.answers_bad = 3, .answers_stray = 1});
	close_fake(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_of_no_use_are_counted),
	    cmocka_unit_test(a_loss_is_told_and_is_not_the_last_that_is_heard),
	    cmocka_unit_test(a_message_of_two_gigabytes_is_none),
	    cmocka_unit_test(parts_of_a_dump_of_no_use_are_counted),
	    cmocka_unit_test(answers_of_no_use_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
