/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ctnetlink sockets hear: events, overruns, dumps; in network namespaces that go away with
 * the process.  Needs root; conntrack(8) for one of the tests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctnl_help.h"

static void
what_conntrack_8_does_is_heard(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flow want = flow_make(L4_UDP, "10.9.0.1", "10.9.0.2", 1234, 53);
	struct flow v6 = flow_make(L4_TCP, "2001:db8::1", "2001:db8::2", 1234, 443);
	struct flows set;

	(void)state;
	if (!shell("conntrack --version")) {
		ctnl_close(c);
		skip();
	}
	assert_true(shell("conntrack -I -p udp -s 10.9.0.1 -d 10.9.0.2 --sport 1234 --dport 53"
			  " -t 77 -u SEEN_REPLY -m 5 --src-nat 10.9.0.100"));
	events_read(c, &set);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.type[0], KEV_NEW);
	assert_false(set.own[0]);
	want.timeout_s = 77;
	want.mark = 5;
	want.has |= HAS_MARK;
	want = flow_nat(want, "10.9.0.100", 0, NULL, 0);
	assert_carries(&set.at[0], &want);

	assert_true(shell("conntrack -U -p udp -s 10.9.0.1 -d 10.9.0.2 --sport 1234 --dport 53"
			  " -t 200 -m 6"));
	events_read(c, &set);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.type[0], KEV_UPDATE);
	assert_false(set.own[0]);
	want.timeout_s = 200;
	want.mark = 6;
	assert_carries(&set.at[0], &want);

	/* What it would still have had to live comes with its end. */
	assert_true(shell("conntrack -D -p udp -s 10.9.0.1 -d 10.9.0.2 --sport 1234 --dport 53"));
	events_read(c, &set);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.type[0], KEV_DESTROY);
	assert_false(set.own[0]);
	assert_in_range(set.at[0].timeout_s, 200 - TIMEOUT_SLACK_S, 200);
	assert_true(flow_key_equal(&set.at[0].key, &want.key));
	assert_true(set.at[0].status & ST_DYING);

	assert_true(shell("conntrack -I -p tcp -s 2001:db8::1 -d 2001:db8::2 --sport 1234"
			  " --dport 443 -t 77 --state ESTABLISHED -u SEEN_REPLY -w 7"));
	events_read(c, &set);
	assert_int_equal(set.count, 1);
	v6.timeout_s = 77;
	v6.key.zone = 7;
	v6.l4.tcp.state = TCP_ESTABLISHED;
	v6.has |= HAS_ZONE | HAS_STATE;
	assert_carries(&set.at[0], &v6);
	ctnl_close(c);
}

static void
an_overrun_is_told_and_ends_when_all_is_read(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct ctnl *small = open_with(8192, 40000, false);
	struct flow f;
	struct flows set;
	int n = 0, before = 0;

	(void)state;
	assert_int_equal(ctnl_rcvbuf(small), 8192);
	for (uint16_t i = 0; i < 200; i++) {
		f = flow_tcp(1000 + i, TCP_ESTABLISHED);
		assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	}
	memset(&set, 0, sizeof(set));
	assert_int_equal(ctnl_read_events(small, 1000, events_add, &set), -ENOBUFS);
	/* Until the queue is empty, further events are lost, and no one says so again. */
	assert_int_equal(ctnl_read_events(small, 1, events_add, &set), 1);
	f = flow_tcp(2000, TCP_ESTABLISHED);
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	for (int turn = 0; turn < 1000; turn++) {
		n = ctnl_read_events(small, 1, events_add, &set);
		if (n != 1)
			break;
		before++;
	}
	assert_int_equal(n, 0);
	assert_true(before > 0 && set.count < 200);
	assert_null(flows_find(&set, &f.key));
	f = flow_tcp(2001, TCP_ESTABLISHED);
	assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	events_read(small, &set);
	assert_non_null(flows_find(&set, &f.key));

	/* Growth doubles and stays within the limit. */
	assert_true(ctnl_rcvbuf_grow(small));
	assert_int_equal(ctnl_rcvbuf(small), 16384);
	assert_true(ctnl_rcvbuf_grow(small));
	assert_int_equal(ctnl_rcvbuf(small), 32768);
	assert_false(ctnl_rcvbuf_grow(small));
	assert_int_equal(ctnl_rcvbuf(small), 32768);
	assert_false(ctnl_rcvbuf_grow(c));
	ctnl_close(small);
	ctnl_close(c);
}

/* What was heard of flows that were made in the order of their ports. */
struct heard {
	unsigned int count, gaps, next;
};

static void
count_gaps(void *ctx, const struct kernel_event *ev)
{
	struct heard *h = ctx;

	h->gaps += ntohs(ev->flow.key.sport) != h->next;
	h->next = ntohs(ev->flow.key.sport) + 1u;
	h->count++;
}

/* Makes flows 1 to `count`, many in one system call; the exit status of a child. */
static int
make_many(unsigned int count)
{
	static struct kernel_op ops[CTNL_BATCH_MAX];
	static struct kernel_result res[CTNL_BATCH_MAX];
	struct ctnl *c = open_with(0, 0, false);
	int failed = 0;

	for (unsigned int made = 0; made < count;) {
		size_t n = 0;

		for (; n < ARRAY_LEN(ops) && made < count; n++)
			ops[n] = (struct kernel_op){.type = KOP_CREATE,
			    .flow = flow_tcp((uint16_t)++made, TCP_ESTABLISHED)};
		failed |= ctnl_write(c, ops, n, res) != 0;
		usleep(500);
	}
	ctnl_close(c);
	return failed;
}

/*
 * While one reads and the other writes, an error may come after events that the same call has read, and a
 * buffer may be found full that is empty by the time that this is said.  Who reads only when there is
 * something, as the daemon does, must neither miss a loss nor wait for ever after it.
 */
static void
no_loss_goes_untold_or_is_the_last_that_is_heard(void **state)
{
	const unsigned int flows = 50000;
	struct ctnl *small = open_with(8192, 0, false);
	struct ctnl *c = open_with(0, 0, false);
	struct heard heard = {.next = 1};
	struct flow last = flow_tcp(flows + 1, TCP_ESTABLISHED);
	unsigned int told = 0;
	pid_t pid = fork();
	int status = -1;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(make_many(flows));
	for (;;) {
		struct pollfd p = {.fd = ctnl_event_fd(small), .events = POLLIN};
		bool ended = status != -1 || waitpid(pid, &status, WNOHANG) == pid;

		if (poll(&p, 1, 50) > 0)
			told += ctnl_read_events(small, 100, count_gaps, &heard) == -ENOBUFS;
		else if (ended)
			break;
	}
	assert_int_equal(status, 0);
	assert_int_equal(write_error(c, KOP_CREATE, &last), 0);
	told += ctnl_read_events(small, 100, count_gaps, &heard) == -ENOBUFS;
	assert_int_equal(heard.next, flows + 2);
	assert_true(heard.gaps > 0);
	assert_true(heard.gaps <= told);
	ctnl_close(small);
	ctnl_close(c);
}

static void
own_writes_do_not_overrun_the_event_socket(void **state)
{
	struct ctnl *c = open_with(8192, 0, false);
	struct flows set;

	(void)state;
	for (uint16_t i = 0; i < 500; i++) {
		struct flow f = flow_tcp(1000 + i, TCP_ESTABLISHED);

		assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	}
	events_read(c, &set);
	assert_int_equal(set.count, 0);
	ctnl_close(c);
}

static void
the_receive_buffer_is_as_configured(void **state)
{
	const uint32_t sizes[] = {262142, 8 * 1024 * 1024, 1u << 31};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct ctnl *c = open_with(sizes[i], 0, false);
		int bytes = 0;
		socklen_t len = sizeof(bytes);

		assert_int_equal(
		    getsockopt(ctnl_event_fd(c), SOL_SOCKET, SO_RCVBUF, &bytes, &len), 0);
		assert_int_equal(ctnl_rcvbuf(c), bytes);
		assert_in_range(bytes, sizes[i] < INT32_MAX ? sizes[i] : INT32_MAX - 1, sizes[i]);
		assert_true(fcntl(ctnl_event_fd(c), F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(ctnl_event_fd(c), F_GETFL) & O_NONBLOCK);
		ctnl_close(c);
	}
}

static void
reliable_delivery_tells_of_no_overrun(void **state)
{
	struct ctnl *c = open_with(0, 0, false), *small = open_with(8192, 0, true);
	struct flows set;

	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		struct flow f = flow_tcp(1000 + i, TCP_ESTABLISHED);

		assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	}
	events_read(small, &set);
	assert_in_range(set.count, 1, 199);
	ctnl_close(small);
	ctnl_close(c);
}

static void
a_dump_can_be_cancelled(void **state)
{
	struct ctnl *c = open_with(0, 0, false);
	struct flows set;

	(void)state;
	for (uint16_t i = 0; i < 60; i++) {
		struct flow f = flow_tcp(1000 + i, TCP_ESTABLISHED);

		assert_int_equal(write_error(c, KOP_CREATE, &f), 0);
	}
	ctnl_dump_cancel(c);
	for (int round = 0; round < 3; round++) {
		memset(&set, 0, sizeof(set));
		assert_int_equal(ctnl_dump_start(c), 0);
		assert_int_equal(ctnl_dump_read(c, 1, events_add, &set), 1);
		assert_true(set.count > 0);
		ctnl_dump_cancel(c);
		assert_int_equal(ctnl_dump_read(c, 1, events_add, &set), -EINVAL);
		dump_all(c, &set);
		assert_int_equal(set.count, 60);
	}
	ctnl_close(c);
}

#define TEST(fn) cmocka_unit_test_setup(fn, new_namespace)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_conntrack_8_does_is_heard),
	    TEST(an_overrun_is_told_and_ends_when_all_is_read),
	    TEST(no_loss_goes_untold_or_is_the_last_that_is_heard),
	    TEST(own_writes_do_not_overrun_the_event_socket),
	    TEST(the_receive_buffer_is_as_configured),
	    TEST(reliable_delivery_tells_of_no_overrun),
	    TEST(a_dump_can_be_cancelled),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("1..0 # SKIP needs root and network namespaces\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
