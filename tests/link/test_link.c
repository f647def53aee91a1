/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "pair.h"
#include "stranger.h"

/* What comes comes sooner; what must not come has had this long to arrive. */
enum { SOON_MS = 3000, QUIET_MS = 150 };

/* Every test runs once per row. */
struct row {
	const char *name;
	uint8_t l3;
	const char *group;
	const char *local; /* of side A; side B has 2 for the last digit */
	int header;	   /* IP and UDP */
};

static const struct row rows[] = {
    {"IPv4", L3_IPV4, "225.0.0.50", "10.77.0.1", 28},
    {"IPv6, link-local group", L3_IPV6, "ff02::77", "fd77::1", 48},
    {"IPv6, site-local group", L3_IPV6, "ff05::77", "fd77::1", 48},
};

struct env {
	const struct row *row;
	struct link_cfg cfg[2];
	struct link *link[2];
	uint8_t buf[65536];
	struct peer_addr from;
};

static struct env the_env;

static void
to_addr(uint8_t l3, const char *text, struct ip_addr *out)
{
	memset(out, 0, sizeof(*out));
	assert_int_equal(inet_pton(l3, text, out->b), 1);
}

static struct link_cfg
make_cfg(const struct row *row, enum side s)
{
	struct link_cfg cfg = {
	    .transport = LINK_MULTICAST,
	    .index = 3,
	    .ifname = "wire0",
	    .l3 = row->l3,
	    .port = STRANGER_PORT,
	    .checksum = true,
	};

	to_addr(row->l3, row->group, &cfg.group);
	to_addr(row->l3, row->local, &cfg.local);
	cfg.local.b[row->l3 == L3_IPV6 ? 15 : 3] = (uint8_t)(s + 1);
	if (row->l3 == L3_IPV6)
		memset(&cfg.local, 0, sizeof(cfg.local)); /* has no such keyword */
	return cfg;
}

static struct link *
open_link(enum side s, const struct link_cfg *cfg)
{
	struct link *l;
	char why[256] = "";

	pair_enter(s);
	if (link_open(&l, cfg, why, sizeof(why)) != 0)
		fail_msg("link_open: %s", why);
	assert_string_equal(why, "");
	return l;
}

static void
reopen(struct env *e, enum side s)
{
	link_close(e->link[s]);
	e->link[s] = open_link(s, &e->cfg[s]);
}

static int
setup(struct env *e, const struct row *row)
{
	memset(e, 0, sizeof(*e));
	e->row = row;
	pair_wire();
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		e->cfg[s] = make_cfg(row, s);
		e->link[s] = open_link(s, &e->cfg[s]);
	}
	return 0;
}

static int
teardown(struct env *e)
{
	link_close(e->link[SIDE_A]);
	link_close(e->link[SIDE_B]);
	return 0;
}

/* Waits for one datagram on side s. */
static ssize_t
receive(struct env *e, enum side s, int timeout_ms)
{
	pair_enter(s);
	/* Some may have been taken from the socket together with the one before. */
	if (link_deadline(e->link[s]).ms > 0 &&
	    !fd_readable(link_recv_fd(e->link[s]), timeout_ms))
		return -EAGAIN;
	return link_recv(e->link[s], e->buf, sizeof(e->buf), &e->from);
}

static void
passes(struct env *e, enum side s, const char *text)
{
	enum side other = s == SIDE_A ? SIDE_B : SIDE_A;

	assert_int_equal(link_send(e->link[s], text, strlen(text)), 0);
	assert_int_equal(receive(e, other, SOON_MS), strlen(text));
	assert_memory_equal(e->buf, text, strlen(text));
}

/* ---- tests ---- */

static void
datagrams_pass_both_ways(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	const struct link_counters *b = link_counters(e->link[SIDE_B]);

	assert_int_equal(link_recv(e->link[SIDE_A], e->buf, sizeof(e->buf), &e->from), -EAGAIN);
	passes(e, SIDE_A, "from A");
	assert_int_equal(e->from.link, 3);
	assert_int_equal(e->from.l3, e->row->l3);
	if (e->row->l3 == L3_IPV4)
		assert_memory_equal(&e->from.addr, &e->cfg[SIDE_A].local, sizeof(e->from.addr));
	passes(e, SIDE_B, "from side B");
	assert_int_equal(a->sent_datagrams, 1);
	assert_int_equal(a->sent_bytes, 6);
	assert_int_equal(a->recv_datagrams, 1);
	assert_int_equal(a->recv_bytes, 11);
	assert_int_equal(b->recv_datagrams, 1);
	assert_int_equal(b->recv_bytes, 6);
	/* Nobody hears himself. */
	assert_int_equal(receive(e, SIDE_A, QUIET_MS), -EAGAIN);
	assert_int_equal(receive(e, SIDE_B, 0), -EAGAIN);
	assert_int_equal(a->recv_own + a->sent_errors + a->recv_errors, 0);
}

static void
descriptors_neither_block_nor_leak(struct env *e)
{
	const int fds[] = {link_send_fd(e->link[SIDE_A]), link_recv_fd(e->link[SIDE_A])};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		char command[64];

		snprintf(command, sizeof(command), "test ! -e /proc/self/fd/%d", fds[i]);
		assert_int_equal(system(command), 0);
		assert_int_equal(recv(fds[i], e->buf, sizeof(e->buf), 0), -1);
		assert_int_equal(errno, EAGAIN);
	}
}

static void
frames_are_as_old_peers_send_them(struct env *e)
{
	const bool v6 = e->row->l3 == L3_IPV6;
	int fd = tap_open(SIDE_B, "wire0");
	uint8_t f[2048];
	struct ip_addr dst = {{0}};
	size_t n;

	assert_int_equal(link_send(e->link[SIDE_A], "12345678", 8), 0);
	n = tap_next(e->row->l3, fd, f, sizeof(f));
	assert_int_equal(n, 14 + e->row->header + 8);
	assert_int_equal(f[0] & 1, 1);		   /* an Ethernet multicast */
	assert_int_equal(f[14 + (v6 ? 7 : 8)], 1); /* hops */
	memcpy(dst.b, f + 14 + (v6 ? 24 : 16), v6 ? 16 : 4);
	assert_memory_equal(&dst, &e->cfg[SIDE_A].group, sizeof(dst));
	if (!v6)
		assert_memory_equal(f + 14 + 12, e->cfg[SIDE_A].local.b, 4);
	assert_int_not_equal(tap_be16(f, 14 + e->row->header - 2), 0); /* checksum */
	assert_memory_equal(f + 14 + e->row->header, "12345678", 8);
	close(fd);
}

static void
without_checksum_the_field_is_zero(struct env *e)
{
	const bool v6 = e->row->l3 == L3_IPV6;
	int fd = tap_open(SIDE_B, "wire0");
	uint8_t f[2048];

	e->cfg[SIDE_A].checksum = false;
	reopen(e, SIDE_A);
	passes(e, SIDE_A, "unchecked");
	tap_next(e->row->l3, fd, f, sizeof(f));
	/* IPv6 has no datagrams without a checksum. */
	if (v6)
		assert_int_not_equal(tap_be16(f, 14 + e->row->header - 2), 0);
	else
		assert_int_equal(tap_be16(f, 14 + e->row->header - 2), 0);
	close(fd);
}

static void
the_largest_payload_leaves_in_one_piece(struct env *e)
{
	static const int mtus[] = {1500, 1400, 9000};
	static uint8_t data[65536], f[65536];
	int fd = tap_open(SIDE_B, "wire0");

	for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
		size_t payload = (size_t)(mtus[i] - e->row->header);

		pair_run(SIDE_B, "ip link set wire0 mtu %d", mtus[i]);
		pair_run(SIDE_A, "ip link set wire0 mtu %d", mtus[i]);
		assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
		assert_int_equal(link_payload_max(e->link[SIDE_A]), payload);
		memset(data, 'a' + (int)i, payload);
		assert_int_equal(link_send(e->link[SIDE_A], data, payload), 0);
		assert_int_equal(receive(e, SIDE_B, SOON_MS), payload);
		assert_memory_equal(e->buf, data, payload);
		assert_int_equal(tap_next(e->row->l3, fd, f, sizeof(f)), 14 + mtus[i]);
		if (e->row->l3 == L3_IPV4)
			assert_int_equal(tap_be16(f, 14 + 6) & 0x3fff, 0); /* no fragment */
	}
	close(fd);
}

static void
a_payload_limit_stays_within_bounds(struct env *e)
{
	pair_run(SIDE_A, "ip link set wire0 mtu 65535");
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	assert_int_equal(link_payload_max(e->link[SIDE_A]), LINK_PAYLOAD_MAX);
	if (e->row->l3 == L3_IPV6)
		return; /* Linux has no IPv6 on what comes next */
	pair_run(SIDE_A, "ip link set wire0 mtu 400");
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	assert_int_equal(link_payload_max(e->link[SIDE_A]), LINK_PAYLOAD_MIN);
}

static void
a_datagram_longer_than_the_buffer_is_an_error_and_not_a_piece(struct env *e)
{
	assert_int_equal(link_send(e->link[SIDE_A], "0123456789", 10), 0);
	assert_true(fd_readable(link_recv_fd(e->link[SIDE_B]), SOON_MS));
	assert_int_equal(link_recv(e->link[SIDE_B], e->buf, 9, &e->from), -EMSGSIZE);
	assert_int_equal(link_counters(e->link[SIDE_B])->recv_errors, 1);
	passes(e, SIDE_A, "the next one");
}

static void
an_oversized_send_is_counted_and_harmless(struct env *e)
{
	static uint8_t data[65536];

	assert_int_equal(link_send(e->link[SIDE_A], data, sizeof(data)), -EMSGSIZE);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_errors, 1);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, 0);
	passes(e, SIDE_A, "the next one");
}

static void
an_empty_datagram_is_a_datagram(struct env *e)
{
	assert_int_equal(link_send(e->link[SIDE_A], "", 0), 0);
	assert_int_equal(receive(e, SIDE_B, SOON_MS), 0);
	assert_int_equal(link_counters(e->link[SIDE_B])->recv_datagrams, 1);
}

static void
unicast_to_our_port_is_not_taken(struct env *e)
{
	int plain = stranger_listen(SIDE_A, e->row->l3, "wire0", e->row->group);
	char got[64];

	stranger_send(SIDE_B, e->row->l3, "wire0", e->row->local, "unicast");
	/* The stranger's socket shows that it did arrive. */
	assert_true(fd_readable(plain, SOON_MS));
	assert_int_equal(recv(plain, got, sizeof(got), 0), 7);
	assert_int_equal(receive(e, SIDE_A, QUIET_MS), -EAGAIN);
	close(plain);
	passes(e, SIDE_B, "multicast");
}

static void
the_group_on_another_interface_is_not_taken(struct env *e)
{
	int plain = stranger_listen(SIDE_A, e->row->l3, "wire1", e->row->group);
	char got[64];

	stranger_send(SIDE_B, e->row->l3, "wire1", e->row->group, "wrong network");
	assert_true(fd_readable(plain, SOON_MS));
	assert_int_equal(recv(plain, got, sizeof(got), 0), 13);
	assert_int_equal(receive(e, SIDE_A, QUIET_MS), -EAGAIN);
	/* The same sender on the right network is heard. */
	stranger_send(SIDE_B, e->row->l3, "wire0", e->row->group, "right network");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 13);
	assert_memory_equal(e->buf, "right network", 13);
	close(plain);
}

static void
a_receiver_bound_to_the_wildcard_hears_us(struct env *e)
{
	int plain = stranger_listen(SIDE_B, e->row->l3, "wire0", e->row->group);
	char got[64];

	assert_int_equal(link_send(e->link[SIDE_A], "to old peers", 12), 0);
	assert_true(fd_readable(plain, SOON_MS));
	assert_int_equal(recv(plain, got, sizeof(got), 0), 12);
	close(plain);
}

static void
own_datagrams_that_come_back_are_counted_and_skipped(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	int fd = link_send_fd(e->link[SIDE_A]);
	const int on = 1;
	const bool v6 = e->row->l3 == L3_IPV6;

	/* Have the kernel do what a badly built network does. */
	assert_int_equal(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			     v6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, &on, sizeof(on)),
	    0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(link_send(e->link[SIDE_A], "echo", 4), 0);
	assert_int_equal(link_send(e->link[SIDE_B], "other", 5), 0);
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 5);
	assert_memory_equal(e->buf, "other", 5);
	assert_int_equal(a->recv_own, 10);
	assert_int_equal(a->recv_datagrams, 1);
	/* Many of them do not keep one call busy for ever; all are skipped in the end. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(link_send(e->link[SIDE_A], "echo", 4), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	assert_int_equal(a->recv_own, 110);
	assert_int_equal(receive(e, SIDE_A, QUIET_MS), -EAGAIN);
}

static void
an_equal_source_port_alone_does_not_make_it_ours(struct env *e)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage ss;
	} self, dest = {0};
	const bool v6 = e->row->l3 == L3_IPV6;
	socklen_t len = sizeof(self);
	int fd, ifindex;

	assert_int_equal(getsockname(link_send_fd(e->link[SIDE_A]), &self.sa, &len), 0);
	pair_enter(SIDE_B);
	fd = socket(e->row->l3, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, &self.sa, len), 0); /* the wildcard and A's port */
	ifindex = (int)if_nametoindex("wire0");
	dest.sa.sa_family = e->row->l3;
	if (v6) {
		dest.in6.sin6_port = htons(STRANGER_PORT);
		dest.in6.sin6_scope_id = (uint32_t)ifindex;
		memcpy(&dest.in6.sin6_addr, e->cfg[SIDE_A].group.b, 16);
		assert_int_equal(
		    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex, sizeof(ifindex)), 0);
	} else {
		struct ip_mreqn m = {.imr_ifindex = ifindex};

		dest.in.sin_port = htons(STRANGER_PORT);
		memcpy(&dest.in.sin_addr, e->cfg[SIDE_A].group.b, 4);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), 0);
	}
	assert_int_equal(sendto(fd, "peer", 4, 0, &dest.sa, len), 4);
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 4);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_own, 0);
	close(fd);
}

/* The kernel tells of a carrier with a delay. */
static bool
becomes(const struct link *l, enum link_status status)
{
	for (int i = 0; i < SOON_MS / 5 && link_status(l) != status; i++)
		usleep(5000);
	return link_status(l) == status;
}

static void
a_link_that_was_down_works_again(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);

	assert_int_equal(link_status(e->link[SIDE_A]), LINK_RUNNING);
	for (int i = 0; i < 2; i++) {
		/* The cable first, then our own interface. */
		pair_run(SIDE_B, "ip link set wire0 down");
		pair_enter(SIDE_A);
		assert_true(becomes(e->link[SIDE_A], LINK_NO_CARRIER));
		pair_run(SIDE_A, "ip link set wire0 down");
		assert_int_equal(link_status(e->link[SIDE_A]), LINK_DOWN);
		assert_true(link_send(e->link[SIDE_A], "lost", 4) < 0);
		assert_int_equal(a->sent_errors, i + 1);
		assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
		assert_int_equal(link_recv(e->link[SIDE_A], e->buf, 100, &e->from), -EAGAIN);

		pair_run(SIDE_A, "ip link set wire0 up");
		pair_run(SIDE_B, "ip link set wire0 up");
		pair_settle("wire0");
		pair_enter(SIDE_A);
		assert_int_equal(link_status(e->link[SIDE_A]), LINK_RUNNING);
		passes(e, SIDE_A, "A is back");
		passes(e, SIDE_B, "B is back");
	}
}

static void
a_link_opens_while_the_interface_is_down(struct env *e)
{
	pair_run(SIDE_A, "ip link set wire0 down");
	reopen(e, SIDE_A);
	assert_int_equal(link_status(e->link[SIDE_A]), LINK_DOWN);
	pair_run(SIDE_A, "ip link set wire0 up");
	pair_settle("wire0");
	passes(e, SIDE_A, "A is there");
	passes(e, SIDE_B, "B is heard");
}

static void
an_interface_created_anew_is_found_by_refresh(struct env *e)
{
	char why[128] = "";

	pair_run(SIDE_A, "ip link del wire0");
	pair_enter(SIDE_A);
	assert_int_equal(link_status(e->link[SIDE_A]), LINK_DOWN);
	assert_int_equal(link_refresh(e->link[SIDE_A], why, sizeof(why)), -ENODEV);
	assert_string_equal(why, "interface wire0: No such device");
	assert_int_equal(link_recv_fd(e->link[SIDE_A]), -1);
	assert_int_equal(link_send(e->link[SIDE_A], "lost", 4), -ENETDOWN);
	assert_int_equal(link_recv(e->link[SIDE_A], e->buf, 100, &e->from), -EAGAIN);

	pair_wire();
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		pair_enter(s);
		assert_int_equal(link_refresh(e->link[s], why, sizeof(why)), 0);
	}
	passes(e, SIDE_A, "A is back");
	passes(e, SIDE_B, "B is back");
}

static void
expect_open_fails(const struct env *e, const struct link_cfg *cfg, int err, const char *text)
{
	struct link *l = e->link[SIDE_A]; /* anything but NULL */
	char why[256] = "";

	pair_enter(SIDE_A);
	assert_int_equal(link_open(&l, cfg, why, sizeof(why)), err);
	assert_string_equal(why, text);
	assert_null(l);
	assert_int_equal(link_open(&l, cfg, NULL, 0), err);
	/* A short buffer is filled and no more. */
	memset(why, 'z', sizeof(why));
	assert_int_equal(link_open(&l, cfg, why, 5), err);
	assert_memory_equal(why, text, 4);
	assert_int_equal(why[4], '\0');
	assert_int_equal(why[5], 'z');
}

static void
failures_say_what_is_wrong(struct env *e)
{
	struct link_cfg cfg = e->cfg[SIDE_A];
	char text[256];

	strcpy(cfg.ifname, "eth2");
	expect_open_fails(e, &cfg, -ENODEV, "interface eth2: No such device");

	cfg = e->cfg[SIDE_A];
	cfg.port = 0;
	snprintf(text, sizeof(text), "port 0 for group %s", e->row->group);
	expect_open_fails(e, &cfg, -EINVAL, text);

	cfg = e->cfg[SIDE_A];
	to_addr(e->row->l3, e->row->local, &cfg.group);
	snprintf(text, sizeof(text), "%s is not a multicast address", e->row->local);
	expect_open_fails(e, &cfg, -EINVAL, text);

	cfg = e->cfg[SIDE_A];
	if (e->row->l3 == L3_IPV4) {
		to_addr(L3_IPV4, "192.168.100.100", &cfg.local);
		expect_open_fails(
		    e, &cfg, -EADDRNOTAVAIL, "192.168.100.100 is not an address of this host");
	} else {
		/* Linux has no IPv6 on an interface with such an MTU. */
		pair_run(SIDE_A, "ip link set wire0 mtu 1200");
		snprintf(text, sizeof(text), "joining %s on interface wire0: Invalid argument",
		    e->row->group);
		expect_open_fails(e, &cfg, -EINVAL, text);
	}
}

static void
the_address_decides_where_interface_and_address_disagree(struct env *e)
{
	char name[IF_NAMESIZE];

	if (e->row->l3 != L3_IPV4)
		return; /* only IPv4 names an address */
	assert_false(link_is_elsewhere(e->link[SIDE_A], name));
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		strcpy(e->cfg[s].ifname, "wire1");
		reopen(e, s);
		pair_run(s, "ip link set wire0 mtu 1300");
		assert_int_equal(link_refresh(e->link[s], NULL, 0), 0);
		assert_int_equal(link_payload_max(e->link[s]), 1300 - 28);
	}
	passes(e, SIDE_A, "over wire0");
	assert_true(link_is_elsewhere(e->link[SIDE_A], name));
	assert_string_equal(name, "wire0");
	assert_int_equal(link_status(e->link[SIDE_A]), LINK_RUNNING);
	pair_run(SIDE_A, "ip link set wire0 down");
	assert_true(link_send(e->link[SIDE_A], "lost", 4) < 0);
	assert_int_equal(link_status(e->link[SIDE_A]), LINK_DOWN); /* whatever wire1 does */
	/* An address under an alias name belongs to the interface. */
	pair_run(SIDE_A, "ip addr add 10.78.0.5/24 dev wire1 label wire1:vip");
	to_addr(L3_IPV4, "10.78.0.5", &e->cfg[SIDE_A].local);
	reopen(e, SIDE_A);
	assert_int_equal(link_send(e->link[SIDE_A], "wire1", 5), 0);
}

static void
buffer_sizes_are_forced(struct env *e)
{
	int value;
	socklen_t len = sizeof(value);

	e->cfg[SIDE_A].sndbuf = 12 * 1024 * 1024;
	e->cfg[SIDE_A].rcvbuf = 20 * 1024 * 1024;
	reopen(e, SIDE_A);
	/* The kernel doubles what it is asked for. */
	assert_int_equal(
	    getsockopt(link_send_fd(e->link[SIDE_A]), SOL_SOCKET, SO_SNDBUF, &value, &len), 0);
	assert_int_equal(value, 24 * 1024 * 1024);
	assert_int_equal(
	    getsockopt(link_recv_fd(e->link[SIDE_A]), SOL_SOCKET, SO_RCVBUF, &value, &len), 0);
	assert_int_equal(value, 40 * 1024 * 1024);
	e->cfg[SIDE_A].sndbuf = UINT32_MAX;
	e->cfg[SIDE_A].rcvbuf = UINT32_MAX;
	reopen(e, SIDE_A);
	passes(e, SIDE_A, "huge buffers");
}

static void
a_slow_link_pushes_back_and_loses_nothing(struct env *e)
{
	enum { TRIES = 500 };
	static uint8_t data[1000];
	struct pollfd p;
	int sent = 0, err = 0;

	e->cfg[SIDE_A].sndbuf = 16 * 1024;
	reopen(e, SIDE_A);
	pair_run(SIDE_A, "tc qdisc add dev wire0 root tbf rate 1mbit burst 3000 limit 4000000");
	for (; sent < TRIES && err == 0; sent += err == 0)
		err = link_send(e->link[SIDE_A], data, sizeof(data));
	assert_int_equal(err, -EAGAIN);
	assert_true(sent > 2);
	/* It becomes writable again by itself. */
	p = (struct pollfd){.fd = link_send_fd(e->link[SIDE_A]), .events = POLLOUT};
	assert_int_equal(poll(&p, 1, SOON_MS), 1);
	assert_int_equal(p.revents, POLLOUT);
	assert_int_equal(link_send(e->link[SIDE_A], data, sizeof(data)), 0);
	sent++;
	for (int i = 0; i < sent; i++)
		assert_int_equal(receive(e, SIDE_B, SOON_MS), sizeof(data));
	assert_int_equal(receive(e, SIDE_B, QUIET_MS), -EAGAIN);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, sent);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_errors, 0);
}

static void
many_at_a_time_leave_in_order_and_what_does_not_waits(struct env *e)
{
	enum { TOTAL = 200 };
	static uint32_t data[TOTAL][250];
	struct iovec v[TOTAL];
	size_t sent;

	e->cfg[SIDE_A].sndbuf = 16 * 1024;
	e->cfg[SIDE_B].rcvbuf = 4 * 1024 * 1024;
	reopen(e, SIDE_A);
	reopen(e, SIDE_B);
	pair_run(SIDE_A, "tc qdisc add dev wire0 root tbf rate 20mbit burst 3000 limit 4000000");
	for (uint32_t i = 0; i < TOTAL; i++) {
		data[i][0] = i;
		v[i] = (struct iovec){.iov_base = data[i], .iov_len = sizeof(data[i])};
	}
	assert_int_equal(link_sends_max(e->link[SIDE_A]), LINK_SENDS_MAX);
	sent = link_send_many(e->link[SIDE_A], v, TOTAL);
	assert_in_range(sent, 2, TOTAL - 1);
	for (int i = 0; i < 1000 && sent < TOTAL; i++) {
		struct pollfd p = {.fd = link_send_fd(e->link[SIDE_A]), .events = POLLOUT};

		assert_int_equal(poll(&p, 1, SOON_MS), 1);
		sent += link_send_many(e->link[SIDE_A], v + sent, TOTAL - sent);
	}
	assert_int_equal(sent, TOTAL);
	for (uint32_t i = 0; i < TOTAL; i++) {
		assert_int_equal(receive(e, SIDE_B, SOON_MS), sizeof(data[i]));
		assert_memory_equal(e->buf, &i, sizeof(i));
	}
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, TOTAL);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_bytes, sizeof(data));
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_errors, 0);
}

static void
one_that_cannot_leave_takes_no_other_with_it(struct env *e)
{
	static uint8_t data[70000];
	struct iovec v[] = {{data, 10}, {data, 11}, {data, sizeof(data)}, {data, 12}};

	assert_int_equal(link_send_many(e->link[SIDE_A], v, ARRAY_LEN(v)), ARRAY_LEN(v));
	assert_int_equal(receive(e, SIDE_B, SOON_MS), 10);
	assert_int_equal(receive(e, SIDE_B, SOON_MS), 11);
	assert_int_equal(receive(e, SIDE_B, SOON_MS), 12);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, 3);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_errors, 1);
	/* Without the interface all are. */
	pair_run(SIDE_A, "ip link set wire0 down");
	assert_int_equal(link_send_many(e->link[SIDE_A], v, 2), 2);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_errors, 3);
}

/* Reads all that waits on side s: each datagram carries its number. */
static void
drain_numbers(struct env *e, enum side s, uint32_t *next)
{
	for (int i = 0; i < 1000; i++) {
		ssize_t n = link_recv(e->link[s], e->buf, sizeof(e->buf), &e->from);
		uint32_t number;

		if (n == -EAGAIN)
			return;
		assert_int_equal(n, 200);
		memcpy(&number, e->buf, sizeof(number));
		assert_int_equal(number, *next);
		(*next)++;
	}
}

static void
ten_thousand_datagrams_pass_both_ways_in_order(struct env *e)
{
	enum { TOTAL = 10000, BURST = 50 };
	uint32_t next[2] = {0, 0};
	uint8_t data[200] = {0};

	for (uint32_t sent = 0; sent < TOTAL;) {
		for (int i = 0; i < BURST; i++, sent++) {
			memcpy(data, &sent, sizeof(sent));
			for (int s = SIDE_A; s <= SIDE_B; s++)
				assert_int_equal(link_send(e->link[s], data, sizeof(data)), 0);
		}
		for (int s = SIDE_A; s <= SIDE_B; s++)
			drain_numbers(e, s, &next[s]);
	}
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		for (int i = 0; i < 100 && next[s] < TOTAL; i++) {
			fd_readable(link_recv_fd(e->link[s]), SOON_MS / 100);
			drain_numbers(e, s, &next[s]);
		}
		assert_int_equal(next[s], TOTAL);
		assert_int_equal(link_counters(e->link[s])->recv_datagrams, TOTAL);
		assert_int_equal(link_counters(e->link[s])->sent_errors, 0);
	}
}

/* ---- running ---- */

/* Who belongs to a group nobody knows: but what is no message need not be read. */
static void
a_flood_of_what_is_no_message_is_kept_out_by_the_kernel(struct env *e)
{
	static const uint8_t alive[] = {0x1a, 0x10, 0, 8, 0, 0, 0, 1};
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	const ms_t now = {.ms = 1000000};

	link_step(e->link[SIDE_A], now);
	for (int i = 0; i < 1000; i++)
		passes(e, SIDE_B, "nonsense");
	assert_true(link_is_guarded(e->link[SIDE_A]));
	for (int i = 0; i < 100; i++)
		assert_int_equal(link_send(e->link[SIDE_B], "nonsense", 8), 0);
	assert_int_equal(link_send(e->link[SIDE_B], alive, sizeof(alive)), 0);
	assert_int_equal(receive(e, SIDE_A, SOON_MS), sizeof(alive));
	assert_memory_equal(e->buf, alive, sizeof(alive));
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	assert_in_range(a->recv_shut_out, 1, 100);
	link_step(e->link[SIDE_A], ms_add(now, 10 * 1000));
	passes(e, SIDE_B, "nonsense");
}

static const struct test_case {
	const char *name;
	void (*test)(struct env *e);
} cases[] = {
    {"datagrams_pass_both_ways", datagrams_pass_both_ways},
    {"descriptors_neither_block_nor_leak", descriptors_neither_block_nor_leak},
    {"frames_are_as_old_peers_send_them", frames_are_as_old_peers_send_them},
    {"without_checksum_the_field_is_zero", without_checksum_the_field_is_zero},
    {"the_largest_payload_leaves_in_one_piece", the_largest_payload_leaves_in_one_piece},
    {"a_payload_limit_stays_within_bounds", a_payload_limit_stays_within_bounds},
    {"a_datagram_longer_than_the_buffer_is_an_error_and_not_a_piece",
	a_datagram_longer_than_the_buffer_is_an_error_and_not_a_piece},
    {"an_oversized_send_is_counted_and_harmless", an_oversized_send_is_counted_and_harmless},
    {"an_empty_datagram_is_a_datagram", an_empty_datagram_is_a_datagram},
    {"unicast_to_our_port_is_not_taken", unicast_to_our_port_is_not_taken},
    {"the_group_on_another_interface_is_not_taken", the_group_on_another_interface_is_not_taken},
    {"a_receiver_bound_to_the_wildcard_hears_us", a_receiver_bound_to_the_wildcard_hears_us},
    {"own_datagrams_that_come_back_are_counted_and_skipped",
	own_datagrams_that_come_back_are_counted_and_skipped},
    {"an_equal_source_port_alone_does_not_make_it_ours",
	an_equal_source_port_alone_does_not_make_it_ours},
    {"a_link_that_was_down_works_again", a_link_that_was_down_works_again},
    {"a_link_opens_while_the_interface_is_down", a_link_opens_while_the_interface_is_down},
    {"an_interface_created_anew_is_found_by_refresh",
	an_interface_created_anew_is_found_by_refresh},
    {"failures_say_what_is_wrong", failures_say_what_is_wrong},
    {"the_address_decides_where_interface_and_address_disagree",
	the_address_decides_where_interface_and_address_disagree},
    {"buffer_sizes_are_forced", buffer_sizes_are_forced},
    {"many_at_a_time_leave_in_order_and_what_does_not_waits",
	many_at_a_time_leave_in_order_and_what_does_not_waits},
    {"one_that_cannot_leave_takes_no_other_with_it", one_that_cannot_leave_takes_no_other_with_it},
    {"a_slow_link_pushes_back_and_loses_nothing", a_slow_link_pushes_back_and_loses_nothing},
    {"a_flood_of_what_is_no_message_is_kept_out_by_the_kernel",
	a_flood_of_what_is_no_message_is_kept_out_by_the_kernel},
    {"ten_thousand_datagrams_pass_both_ways_in_order",
	ten_thousand_datagrams_pass_both_ways_in_order},
};

/* Runs one case over all rows. */
static void
per_row(void **state)
{
	const struct test_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s\n", rows[i].name);
		setup(&the_env, &rows[i]);
		c->test(&the_env);
		teardown(&the_env);
	}
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(cases)] = {0};

	if (geteuid() != 0 || !pair_open()) {
		puts("1..0 # SKIP making network namespaces is not permitted");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = per_row;
		tests[i].initial_state = (void *)&cases[i];
	}
	alarm(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
