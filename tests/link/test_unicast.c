/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_unicast.c: links over unicast UDP between two namespaces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "pair.h"
#include "stranger.h"

enum { SOON_MS = 3000, QUIET_MS = 150 };

/* Every test runs once per row. */
struct row {
	const char *name;
	uint8_t l3;
	const char *addr[2];
	int header; /* IP and UDP */
	const char *other; /* a third address of side B */
};

static const struct row rows[] = {
    {"IPv4", L3_IPV4, {"10.77.0.1", "10.77.0.2"}, 28, "10.77.0.77"},
    {"IPv6", L3_IPV6, {"fd77::1", "fd77::2"}, 48, "fd77::77"},
    {"IPv6, link-local", L3_IPV6, {"fe80::7:1", "fe80::7:2"}, 48, "fe80::7:77"},
};

struct env {
	const struct row *row;
	struct link_cfg cfg[2];
	struct link *link[2];
	uint8_t buf[65536];
	struct peer_addr from;
	ms_t now;
};

static struct env the_env;

static struct ip_addr
to_addr(uint8_t l3, const char *text)
{
	struct ip_addr out = {{0}};

	assert_int_equal(inet_pton(l3, text, out.b), 1);
	return out;
}

static struct link *
open_link(enum side s, const struct link_cfg *cfg)
{
	struct link *l;
	char why[256] = "";

	pair_enter(s);
	if (link_open(&l, cfg, why, sizeof(why)) != 0)
		fail_msg("link_open: %s", why);
	return l;
}

static void
reopen(struct env *e, enum side s)
{
	link_close(e->link[s]);
	e->link[s] = open_link(s, &e->cfg[s]);
	link_step(e->link[s], e->now);
}

static void
setup(struct env *e, const struct row *row)
{
	memset(e, 0, sizeof(*e));
	e->row = row;
	e->now.ms = 1000000;
	pair_wire();
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		if (strncmp(row->addr[s], "fe80", 4) == 0)
			pair_run(s, "ip addr add %s/64 dev wire0 nodad", row->addr[s]);
		e->cfg[s] = (struct link_cfg){
		    .transport = LINK_UDP,
		    .index = 2,
		    .ifname = "wire0",
		    .l3 = row->l3,
		    .local = to_addr(row->l3, row->addr[s]),
		    .group = to_addr(row->l3, row->addr[1 - s]),
		    .port = STRANGER_PORT,
		    .checksum = true,
		};
		e->link[s] = open_link(s, &e->cfg[s]);
		link_step(e->link[s], e->now);
	}
}

static void
teardown(struct env *e)
{
	link_close(e->link[SIDE_A]);
	link_close(e->link[SIDE_B]);
}

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

/* Somebody on side B, at this address, says it to A. */
static void
said_from(struct env *e, const char *addr, const char *text)
{
	struct sockaddr_storage ss = {0}, to = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct ip_addr from = to_addr(e->row->l3, addr);
	socklen_t len = e->row->l3 == L3_IPV6 ? sizeof(*in6) : sizeof(*in);
	int fd;

	pair_enter(SIDE_B);
	fd = socket(e->row->l3, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	ss.ss_family = e->row->l3;
	if (e->row->l3 == L3_IPV6) {
		in6->sin6_scope_id = if_nametoindex("wire0");
		to = ss;
		memcpy(&in6->sin6_addr, from.b, 16);
		memcpy(&((struct sockaddr_in6 *)&to)->sin6_addr, e->cfg[SIDE_A].local.b, 16);
		((struct sockaddr_in6 *)&to)->sin6_port = htons(STRANGER_PORT);
	} else {
		to = ss;
		memcpy(&in->sin_addr, from.b, 4);
		memcpy(&((struct sockaddr_in *)&to)->sin_addr, e->cfg[SIDE_A].local.b, 4);
		((struct sockaddr_in *)&to)->sin_port = htons(STRANGER_PORT);
	}
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, len),
	    strlen(text));
	close(fd);
}

/* ---- tests ---- */

static void
datagrams_pass_both_ways(struct env *e)
{
	passes(e, SIDE_A, "from A");
	assert_int_equal(e->from.link, 2);
	assert_int_equal(e->from.l3, e->row->l3);
	assert_memory_equal(&e->from.addr, &e->cfg[SIDE_A].local, sizeof(e->from.addr));
	passes(e, SIDE_B, "from B");
	assert_int_equal(receive(e, SIDE_A, QUIET_MS), -EAGAIN);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, 1);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_datagrams, 1);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_strangers, 0);
}

static void
the_largest_payload_leaves_in_one_piece(struct env *e)
{
	int fd = tap_open(SIDE_B, "wire0");
	uint8_t f[4096];
	size_t max;

	pair_run(SIDE_A, "ip link set wire0 mtu 1500");
	pair_enter(SIDE_A);
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	max = link_payload_max(e->link[SIDE_A]);
	assert_int_equal(max, 1500 - e->row->header);
	assert_int_equal(link_send(e->link[SIDE_A], e->buf, max), 0);
	assert_int_equal(tap_next(e->row->l3, fd, f, sizeof(f)), 14 + 1500);
	assert_int_equal(receive(e, SIDE_B, SOON_MS), max);
	close(fd);
}

static void
without_checksum_the_field_is_zero(struct env *e)
{
	int fd = tap_open(SIDE_B, "wire0");
	uint8_t f[2048];

	e->cfg[SIDE_A].checksum = false;
	reopen(e, SIDE_A);
	passes(e, SIDE_A, "unchecked");
	tap_next(e->row->l3, fd, f, sizeof(f));
	/* IPv6 has no datagrams without a checksum. */
	if (e->row->l3 == L3_IPV6)
		assert_int_not_equal(tap_be16(f, 14 + e->row->header - 2), 0);
	else
		assert_int_equal(tap_be16(f, 14 + e->row->header - 2), 0);
	close(fd);
}

static void
our_address_may_be_any(struct env *e)
{
	if (e->row->l3 != L3_IPV4)
		return; /* of several IPv6 addresses the kernel chooses one to speak from */
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		memset(&e->cfg[s].local, 0, sizeof(e->cfg[s].local));
		reopen(e, s);
	}
	passes(e, SIDE_A, "from any");
	assert_memory_equal(&e->from.addr, &e->cfg[SIDE_B].group, sizeof(e->from.addr));
	passes(e, SIDE_B, "and back");
}

static void
strangers_are_refused_while_the_peer_speaks(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	struct ip_addr other = to_addr(e->row->l3, e->row->other);
	struct peer_addr stranger;

	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	passes(e, SIDE_B, "I am here");
	said_from(e, e->row->other, "so am I");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	assert_int_equal(a->recv_strangers, 1);
	assert_int_equal(a->recv_datagrams, 1);
	assert_int_equal(a->recv_errors, 0);
	stranger = link_stranger(e->link[SIDE_A]);
	assert_memory_equal(&stranger.addr, &other, sizeof(other));
	passes(e, SIDE_B, "still here");
	/* A crowd of them does not keep one call busy. */
	for (int i = 0; i < 100; i++)
		said_from(e, e->row->other, "and I");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	assert_true(a->recv_strangers > 1 && a->recv_strangers < 100);
	assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	assert_int_equal(a->recv_strangers, 101);
}

/* A real message: what is none is of no use either. */
static void
peer_speaks(struct env *e)
{
	static const uint8_t alive[] = {0x1a, 0x10, 0, 8, 0, 0, 0, 1};

	assert_int_equal(link_send(e->link[SIDE_B], alive, sizeof(alive)), 0);
	assert_int_equal(receive(e, SIDE_A, SOON_MS), sizeof(alive));
	assert_memory_equal(e->buf, alive, sizeof(alive));
}

/* Reads all that comes to A, none of which is taken, until so many strangers have been counted. */
static void
nothing_is_taken(struct env *e, uint64_t strangers)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);

	/* A busy machine delivers them when it comes to it. */
	while (a->recv_strangers < strangers)
		assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	assert_int_equal(a->recv_strangers, strangers);
}

/* Each of a few is counted and named.  Thousands take up neither our time nor the peer's room. */
static void
a_flood_of_strangers_is_kept_out_by_the_kernel(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	char message[0x101 + 1] = "";

	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	peer_speaks(e);
	for (uint64_t i = 1; i <= 999; i++) {
		said_from(e, e->row->other, "so am I, and I say it in so many words");
		if (i % 50 == 0)
			nothing_is_taken(e, i);
	}
	nothing_is_taken(e, 999);
	assert_false(link_is_guarded(e->link[SIDE_A]));
	said_from(e, e->row->other, "one too many");
	nothing_is_taken(e, 1000);
	assert_true(link_is_guarded(e->link[SIDE_A]));

	/* More than the buffer would hold, and messages, too: the peer's has room all the same, and comes
	 * first. */
	memset(message, 'x', sizeof(message) - 1);
	memcpy(message, "\x1a\x10\1\1", 4);
	for (int i = 0; i < 2000; i++)
		said_from(e, e->row->other, i % 2 ? "and I" : message);
	peer_speaks(e);
	assert_false(fd_readable(link_recv_fd(e->link[SIDE_A]), QUIET_MS));
	assert_int_equal(a->recv_strangers, 1000);
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	/* On a busy machine some do not even come so far. */
	assert_in_range(a->recv_shut_out, 500, 2000);
	assert_int_equal(a->recv_dropped, 0);

	/* What is no message is kept out as well, from the peer's address, too. */
	assert_int_equal(link_send(e->link[SIDE_B], "1234567", 7), 0);
	assert_int_equal(link_send(e->link[SIDE_B], "\x0a\x10\0\x08____", 8), 0);
	assert_int_equal(link_send(e->link[SIDE_B], "\x1a\x10\0\x07____", 8), 0);
	assert_int_equal(link_send(e->link[SIDE_B], "\x1a\x10\0\x09____", 8), 0);
	peer_speaks(e);

	/* After a while they are looked at again, and there may be a reason to take them. */
	assert_int_equal(link_deadline(e->link[SIDE_A]).ms, e->now.ms + 10 * 1000);
	link_step(e->link[SIDE_A], ms_add(e->now, 9999));
	assert_true(link_is_guarded(e->link[SIDE_A]));
	link_step(e->link[SIDE_A], ms_add(e->now, 10 * 1000));
	assert_false(link_is_guarded(e->link[SIDE_A]));
	said_from(e, e->row->other, "and now?");
	nothing_is_taken(e, 1001);
	link_step(e->link[SIDE_A], ms_add(e->now, 60001));
	said_from(e, e->row->other, "now");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 3);
}

/* One after the other who speaks first may be the peer, and is not to be kept out unheard. */
static void
a_flood_before_the_peer_speaks_keeps_nobody_out(struct env *e)
{
	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	for (int i = 0; i < 1500; i++) {
		said_from(e, e->row->other, "noise");
		assert_int_equal(receive(e, SIDE_A, SOON_MS), 5);
	}
	assert_false(link_is_guarded(e->link[SIDE_A]));
	peer_speaks(e);
}

/* What the kernel drops without a word is counted. */
static void
what_finds_no_room_is_counted(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	unsigned int got = 0;
	uint64_t dropped;

	for (int i = 0; i < 3000; i++)
		assert_int_equal(link_send(e->link[SIDE_B], "more than there is room for", 27), 0);
	while (receive(e, SIDE_A, QUIET_MS) == 27)
		got++;
	assert_true(got < 3000);
	pair_enter(SIDE_A);
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	/* On a busy machine some do not even come so far. */
	dropped = a->recv_dropped;
	assert_in_range(dropped, 1, 3000 - got);
	assert_int_equal(a->recv_shut_out, 0);
	/* And counted once. */
	assert_int_equal(link_refresh(e->link[SIDE_A], NULL, 0), 0);
	assert_int_equal(a->recv_dropped, dropped);
}

static void
another_address_of_the_peer_will_do_where_no_better_speaks(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);

	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	/* Nobody else has spoken. */
	said_from(e, e->row->other, "first");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 5);
	said_from(e, e->row->other, "again");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 5);
	/* It does not keep out the one that is configured; that one does. */
	passes(e, SIDE_B, "the peer");
	said_from(e, e->row->other, "third");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	assert_int_equal(a->recv_strangers, 1);
	/* Until nothing was heard of it for a while. */
	link_step(e->link[SIDE_A], ms_add(e->now, 59999));
	said_from(e, e->row->other, "too early");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), -EAGAIN);
	link_step(e->link[SIDE_A], ms_add(e->now, 60001));
	said_from(e, e->row->other, "now");
	assert_int_equal(receive(e, SIDE_A, SOON_MS), 3);
	assert_int_equal(a->recv_strangers, 2);
}

static void
what_comes_by_another_way_is_not_taken(struct env *e)
{
	if (e->row->l3 != L3_IPV4)
		return; /* a scope decides */
	/* Linux takes a packet for any of its addresses on any interface. */
	pair_run(SIDE_B, "ip route add 10.77.0.1/32 via 10.78.0.1 dev wire1 src 10.77.0.2");
	stranger_send(SIDE_B, L3_IPV4, "wire1", "10.77.0.1", "round the back");
	assert_int_equal(receive(e, SIDE_A, QUIET_MS), -EAGAIN);
	pair_run(SIDE_B, "ip route del 10.77.0.1/32 via 10.78.0.1 dev wire1");
	passes(e, SIDE_B, "by the door");
}

/* Where the dedicated link is down another route may lead to the peer. */
static void
nothing_leaves_by_another_way(struct env *e)
{
	int fd = tap_open(SIDE_B, "wire1");
	uint8_t f[2048];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	pair_run(SIDE_A, "ip %s route add default via %s dev wire1",
	    e->row->l3 == L3_IPV6 ? "-6" : "-4", e->row->l3 == L3_IPV6 ? "fd78::2" : "10.78.0.2");
	pair_run(SIDE_A, "ip link set wire0 down");
	assert_true(link_send(e->link[SIDE_A], "secret", 6) < 0);
	usleep(QUIET_MS * 1000);
	while (fd_readable(fd, 0)) {
		ssize_t n = recvfrom(fd, f, sizeof(f), 0, (struct sockaddr *)&ss, &len);

		assert_null(memmem(f, (size_t)n, "secret", 6));
	}
	close(fd);
}

static void
a_link_opens_while_the_interface_is_down(struct env *e)
{
	pair_run(SIDE_A, "ip link set wire0 down");
	reopen(e, SIDE_A);
	assert_int_equal(link_status(e->link[SIDE_A]), LINK_DOWN);
	pair_run(SIDE_A, "ip link set wire0 up");
	if (e->row->l3 == L3_IPV6)
		pair_run(SIDE_A, "ip addr add %s/64 dev wire0 nodad 2>/dev/null || true",
		    e->row->addr[0]);
	pair_settle("wire0");
	passes(e, SIDE_A, "A is there");
	passes(e, SIDE_B, "B is heard");
}

static void
failures_say_what_is_wrong(struct env *e)
{
	struct link_cfg cfg = e->cfg[SIDE_A];
	char why[256], want[256];
	struct link *l;

	pair_enter(SIDE_A);
	cfg.local = to_addr(e->row->l3, e->row->other);
	assert_int_equal(link_open(&l, &cfg, why, sizeof(why)), -EADDRNOTAVAIL);
	snprintf(want, sizeof(want), "%s is not an address of this host", e->row->other);
	assert_string_equal(why, want);
	/* The port is taken: by our other link. */
	cfg = e->cfg[SIDE_A];
	assert_int_equal(link_open(&l, &cfg, why, sizeof(why)), -EADDRINUSE);
	snprintf(want, sizeof(want),
	    "binding to %s port 3780 on interface wire0: Address already in use",
	    e->row->addr[0]);
	assert_string_equal(why, want);
	assert_null(l);
}

static const struct test_case {
	const char *name;
	void (*test)(struct env *e);
} cases[] = {
    {"datagrams_pass_both_ways", datagrams_pass_both_ways},
    {"the_largest_payload_leaves_in_one_piece", the_largest_payload_leaves_in_one_piece},
    {"without_checksum_the_field_is_zero", without_checksum_the_field_is_zero},
    {"our_address_may_be_any", our_address_may_be_any},
    {"strangers_are_refused_while_the_peer_speaks", strangers_are_refused_while_the_peer_speaks},
    {"a_flood_of_strangers_is_kept_out_by_the_kernel",
	a_flood_of_strangers_is_kept_out_by_the_kernel},
    {"a_flood_before_the_peer_speaks_keeps_nobody_out",
	a_flood_before_the_peer_speaks_keeps_nobody_out},
    {"what_finds_no_room_is_counted", what_finds_no_room_is_counted},
    {"another_address_of_the_peer_will_do_where_no_better_speaks",
	another_address_of_the_peer_will_do_where_no_better_speaks},
    {"what_comes_by_another_way_is_not_taken", what_comes_by_another_way_is_not_taken},
    {"nothing_leaves_by_another_way", nothing_leaves_by_another_way},
    {"a_link_opens_while_the_interface_is_down", a_link_opens_while_the_interface_is_down},
    {"failures_say_what_is_wrong", failures_say_what_is_wrong},
};

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
