/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_stream.c: links over TCP between two namespaces.  Side B is a link as well, or a plain program
 * that the test plays: then it can cut what it sends anywhere.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "link.h"
#include "pair.h"
#include "stranger.h"
#include "wire.h"

enum { SOON_MS = 5000, QUIET_MS = 200 };

struct row {
	const char *name;
	uint8_t l3;
	const char *addr[2];
	int header; /* IP and TCP */
	const char *other; /* a third address of side B */
};

static const struct row rows[] = {
    {"IPv4", L3_IPV4, {"10.77.0.1", "10.77.0.2"}, 40, "10.77.0.77"},
    {"IPv6", L3_IPV6, {"fd77::1", "fd77::2"}, 60, "fd77::77"},
    {"IPv6, link-local", L3_IPV6, {"fe80::7:1", "fe80::7:2"}, 60, "fe80::7:77"},
};

struct env {
	const struct row *row;
	struct link_cfg cfg[2];
	struct link *link[2];
	struct peer_addr from;
	uint8_t buf[65536];
	/* Numbers of the messages that have come, in order; and of the next that a side sends. */
	uint32_t got[2][100000];
	size_t got_count[2];
	uint32_t next[2];
};

static struct env the_env;

static ms_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ms_t){ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

static struct ip_addr
to_addr(uint8_t l3, const char *text)
{
	struct ip_addr out = {{0}};

	assert_int_equal(inet_pton(l3, text, out.b), 1);
	return out;
}

static void
open_side(struct env *e, enum side s)
{
	char why[256] = "";

	pair_enter(s);
	if (link_open(&e->link[s], &e->cfg[s], why, sizeof(why)) != 0)
		fail_msg("link_open: %s", why);
}

static void
close_side(struct env *e, enum side s)
{
	link_close(e->link[s]);
	e->link[s] = NULL;
}

/* Also what a test that failed has left. */
static void
teardown(struct env *e)
{
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		link_close(e->link[s]);
		e->link[s] = NULL;
	}
}

static void
setup(struct env *e, const struct row *row)
{
	teardown(e);
	memset(e, 0, sizeof(*e));
	e->row = row;
	pair_wire();
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		if (strncmp(row->addr[s], "fe80", 4) == 0)
			pair_run(s, "ip addr add %s/64 dev wire0 nodad", row->addr[s]);
		e->cfg[s] = (struct link_cfg){
		    .transport = LINK_TCP,
		    .index = 1,
		    .ifname = "wire0",
		    .l3 = row->l3,
		    .local = to_addr(row->l3, row->addr[s]),
		    .group = to_addr(row->l3, row->addr[1 - s]),
		    .port = STRANGER_PORT,
		    .error_queue = 128,
		};
	}
	open_side(e, SIDE_A);
}

/* Notes the messages of what has come; nothing may be cut or left over. */
static void
note(struct env *e, enum side s, size_t len)
{
	struct wire_msg m;
	struct rbuf r;
	enum wire_status status;

	rbuf_init(&r, e->buf, len);
	while ((status = wire_next(&r, &m)) == WIRE_MSG) {
		assert_true(e->got_count[s] < ARRAY_LEN(e->got[s]));
		e->got[s][e->got_count[s]++] = m.seq;
	}
	assert_int_equal(status, WIRE_END);
}

/* A turn of both daemons. */
static void
turn(struct env *e)
{
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		struct pollfd fds[LINK_FDS_MAX];
		size_t count;

		if (e->link[s] == NULL)
			continue;
		pair_enter(s);
		count = link_poll(e->link[s], false, fds);
		assert_true(count <= LINK_FDS_MAX);
		/* As the daemon does: not without need. */
		if (poll(fds, count, 2) == 0 && !ms_reached(now(), link_deadline(e->link[s])))
			continue;
		link_step(e->link[s], now());
		for (int i = 0; i < 100; i++) {
			struct peer_addr from;
			ssize_t n = link_recv(e->link[s], e->buf, sizeof(e->buf), &from);

			if (n < 0)
				break;
			e->from = from;
			note(e, s, (size_t)n);
		}
	}
}

static void
turns(struct env *e, int64_t ms)
{
	ms_t end = ms_add(now(), ms);

	while (!ms_reached(now(), end))
		turn(e);
}

#define UNTIL(e, cond)                                                                             \
	do {                                                                                       \
		ms_t end_ = ms_add(now(), SOON_MS);                                                \
		bool is_;                                                                          \
		while (!(is_ = (cond)) && !ms_reached(now(), end_))                                \
			turn(e);                                                                   \
		if (!is_)                                                                          \
			fail_msg("line %d: never happened: %s", __LINE__, #cond);                  \
	} while (0)

static bool
connected(const struct env *e, enum side s, bool from_peer, bool to_peer)
{
	bool from, to;

	assert_true(link_connected(e->link[s], &from, &to));
	return (from || !from_peer) && (to || !to_peer);
}

/* A datagram of so many messages with the side's next numbers. */
static size_t
datagram(struct env *e, enum side s, size_t messages, uint8_t *buf, size_t cap)
{
	struct wbuf wb;

	wbuf_init(&wb, buf, cap);
	for (size_t i = 0; i < messages; i++)
		assert_true(wire_put_control(&wb, WIRE_ACK, e->next[s]++, 0, 0));
	return wbuf_len(&wb);
}

static void
say(struct env *e, enum side s, size_t messages)
{
	uint8_t buf[2048];
	size_t len = datagram(e, s, messages, buf, sizeof(buf));

	pair_enter(s);
	assert_int_equal(link_send(e->link[s], buf, len), 0);
}

/* ---- side B as a program ---- */

static socklen_t
address(const struct env *e, const char *text, uint16_t port, struct sockaddr_storage *ss)
{
	struct ip_addr a = to_addr(e->row->l3, text);

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = e->row->l3;
	if (e->row->l3 == L3_IPV6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

		in6->sin6_port = htons(port);
		in6->sin6_scope_id = if_nametoindex("wire0");
		memcpy(&in6->sin6_addr, a.b, 16);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	in->sin_port = htons(port);
	memcpy(&in->sin_addr, a.b, 4);
	return sizeof(*in);
}

/* Connects to side A from this address. */
static int
dial(const struct env *e, const char *from)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	pair_enter(SIDE_B);
	fd = socket(e->row->l3, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	len = address(e, from, 0, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = address(e, e->row->addr[SIDE_A], STRANGER_PORT, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

/* Where side A connects to. */
static int
wait_for_call(const struct env *e, int rcvbuf)
{
	struct sockaddr_storage ss;
	const int one = 1;
	socklen_t len;
	int fd;

	pair_enter(SIDE_B);
	fd = socket(e->row->l3, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	if (rcvbuf > 0)
		assert_int_equal(
		    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)), 0);
	len = address(e, e->row->addr[SIDE_B], STRANGER_PORT, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int
take_call(struct env *e, int listening)
{
	int fd = -1;

	UNTIL(e, (fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	return fd;
}

/* ---- tests ---- */

static void
messages_pass_both_ways(struct env *e)
{
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true) && connected(e, SIDE_B, true, true));
	say(e, SIDE_A, 3);
	UNTIL(e, e->got_count[SIDE_B] == 3);
	assert_int_equal(e->from.link, 1);
	assert_memory_equal(&e->from.addr, &e->cfg[SIDE_A].local, sizeof(e->from.addr));
	say(e, SIDE_B, 1);
	say(e, SIDE_B, 2);
	UNTIL(e, e->got_count[SIDE_A] == 3);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, 1);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_bytes, 48);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_bytes, 48);
	assert_int_equal(link_counters(e->link[SIDE_A])->connects, 1);
	assert_int_equal(link_payload_max(e->link[SIDE_A]), 1500 - e->row->header);
}

/* Each byte on its own. */
static void
what_comes_in_pieces_is_handed_on_whole(struct env *e)
{
	uint8_t buf[64];
	size_t len = datagram(e, SIDE_B, 3, buf, sizeof(buf));
	int fd = dial(e, e->row->addr[SIDE_B]);

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(send(fd, buf + i, 1, 0), 1);
		turns(e, 4);
		assert_int_equal(e->got_count[SIDE_A], (i + 1) / 16);
	}
	close(fd);
}

static void
a_remainder_ends_with_its_connection(struct env *e)
{
	uint8_t buf[64];
	size_t len = datagram(e, SIDE_B, 3, buf, sizeof(buf));
	int fd = dial(e, e->row->addr[SIDE_B]);

	assert_int_equal(send(fd, buf, len - 5, 0), len - 5);
	UNTIL(e, e->got_count[SIDE_A] == 2);
	close(fd);
	UNTIL(e, !connected(e, SIDE_A, true, false));
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_cut, 1);
	fd = dial(e, e->row->addr[SIDE_B]);
	assert_int_equal(send(fd, buf, len, 0), len);
	UNTIL(e, e->got_count[SIDE_A] == 5);
	assert_int_equal(e->got[SIDE_A][2], 0);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_broken, 0);
	close(fd);
}

/* The old connection's last words come before the first of the new one. */
static void
a_new_connection_of_the_peer_replaces_the_old_one(struct env *e)
{
	uint8_t buf[256];
	size_t len;
	int old = dial(e, e->row->addr[SIDE_B]), new;

	UNTIL(e, connected(e, SIDE_A, true, false));
	len = datagram(e, SIDE_B, 4, buf, sizeof(buf));
	assert_int_equal(send(old, buf, len, 0), len);
	new = dial(e, e->row->addr[SIDE_B]);
	len = datagram(e, SIDE_B, 2, buf, sizeof(buf));
	assert_int_equal(send(new, buf, len, 0), len);
	UNTIL(e, e->got_count[SIDE_A] == 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(e->got[SIDE_A][i], i);
	assert_int_equal(recv(old, buf, 1, 0), 0);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_strangers, 0);
	close(old);
	close(new);
}

static void
a_stranger_does_not_displace_the_peer(struct env *e)
{
	const struct link_counters *a = link_counters(e->link[SIDE_A]);
	uint8_t buf[64];
	size_t len;
	int peer, stranger;

	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	peer = dial(e, e->row->addr[SIDE_B]);
	UNTIL(e, connected(e, SIDE_A, true, false));
	stranger = dial(e, e->row->other);
	UNTIL(e, a->recv_strangers == 1);
	(void)recv(stranger, buf, 1, 0);
	close(stranger);
	len = datagram(e, SIDE_B, 1, buf, sizeof(buf));
	assert_int_equal(send(peer, buf, len, 0), len);
	UNTIL(e, e->got_count[SIDE_A] == 1);
	/* Nor does it come in soon after. */
	close(peer);
	UNTIL(e, !connected(e, SIDE_A, true, false));
	stranger = dial(e, e->row->other);
	UNTIL(e, a->recv_strangers == 2);
	close(stranger);
	assert_false(connected(e, SIDE_A, true, false));
}

/* Where the peer speaks from another of its addresses it is heard, until a better one comes. */
static void
another_address_gives_way_to_the_peer(struct env *e)
{
	int other, peer;
	uint8_t buf[64];
	size_t len;

	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	other = dial(e, e->row->other);
	len = datagram(e, SIDE_B, 1, buf, sizeof(buf));
	assert_int_equal(send(other, buf, len, 0), len);
	UNTIL(e, e->got_count[SIDE_A] == 1);
	peer = dial(e, e->row->addr[SIDE_B]);
	UNTIL(e, recv(other, buf, 1, MSG_DONTWAIT) == 0);
	len = datagram(e, SIDE_B, 1, buf, sizeof(buf));
	assert_int_equal(send(peer, buf, len, 0), len);
	UNTIL(e, e->got_count[SIDE_A] == 2);
	close(other);
	close(peer);
}

/* However much another address has said that nobody has read yet. */
static void
the_peer_does_not_wait_for_a_stranger(struct env *e)
{
	uint8_t buf[256];
	size_t len;
	int other, peer;

	pair_run(SIDE_B, "ip addr add %s/%d dev wire0 %s", e->row->other,
	    e->row->l3 == L3_IPV6 ? 64 : 24, e->row->l3 == L3_IPV6 ? "nodad" : "");
	other = dial(e, e->row->other);
	pair_enter(SIDE_A);
	link_step(e->link[SIDE_A], now());
	assert_true(connected(e, SIDE_A, true, false));
	len = datagram(e, SIDE_B, 4, buf, sizeof(buf));
	assert_int_equal(send(other, buf, len, 0), len);
	peer = dial(e, e->row->addr[SIDE_B]);
	len = datagram(e, SIDE_B, 1, buf, sizeof(buf));
	assert_int_equal(send(peer, buf, len, 0), len);
	UNTIL(e, e->got_count[SIDE_A] > 0);
	turns(e, QUIET_MS);
	assert_int_equal(e->got_count[SIDE_A], 1);
	assert_int_equal(e->got[SIDE_A][0], 4);
	close(other);
	close(peer);
}

/* No descriptor is left: the connection waits, and the daemon does not turn round and round. */
static void
a_listener_that_cannot_accept_rests(struct env *e)
{
	struct pollfd fds[LINK_FDS_MAX];
	struct rlimit before, none;
	int peer = dial(e, e->row->addr[SIDE_B]), first = dup(peer);
	ms_t end;

	assert_true(first >= 0);
	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)first;
	pair_enter(SIDE_A);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	link_step(e->link[SIDE_A], now());
	end = link_deadline(e->link[SIDE_A]);
	if (poll(fds, link_poll(e->link[SIDE_A], false, fds), QUIET_MS) != 0 ||
	    ms_reached(now(), end)) {
		(void)setrlimit(RLIMIT_NOFILE, &before);
		fail_msg("it is tried again at once");
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(link_counters(e->link[SIDE_A])->recv_errors, 1);
	UNTIL(e, connected(e, SIDE_A, true, false));
	close(peer);
}

static void
nonsense_ends_the_connection(struct env *e)
{
	uint8_t buf[64], bad[8] = {0x1a, 0x10, 0x00, 0x03};
	size_t len = datagram(e, SIDE_B, 2, buf, sizeof(buf));
	int fd = dial(e, e->row->addr[SIDE_B]);

	memcpy(buf + len, bad, sizeof(bad));
	assert_int_equal(send(fd, buf, len + sizeof(bad), 0), len + sizeof(bad));
	UNTIL(e, link_counters(e->link[SIDE_A])->recv_broken == 1);
	assert_int_equal(e->got_count[SIDE_A], 2);
	UNTIL(e, recv(fd, buf, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN);
	close(fd);
	/* A length that would take for ever to come is nonsense, too. */
	fd = dial(e, e->row->addr[SIDE_B]);
	bad[2] = 0xff;
	assert_int_equal(send(fd, bad, sizeof(bad), 0), sizeof(bad));
	UNTIL(e, link_counters(e->link[SIDE_A])->recv_broken == 2);
	close(fd);
}

static void
what_is_said_without_a_connection_is_said_later(struct env *e)
{
	e->cfg[SIDE_A].error_queue = 5;
	close_side(e, SIDE_A);
	open_side(e, SIDE_A);
	for (int i = 0; i < 8; i++) {
		say(e, SIDE_A, 2);
		turn(e);
	}
	/* The oldest went. */
	assert_int_equal(link_queued(e->link[SIDE_A]), 5);
	assert_int_equal(link_counters(e->link[SIDE_A])->queue_dropped, 3);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, 0);
	open_side(e, SIDE_B);
	UNTIL(e, e->got_count[SIDE_B] == 10);
	say(e, SIDE_A, 1);
	UNTIL(e, e->got_count[SIDE_B] == 11);
	for (uint32_t i = 0; i < 11; i++)
		assert_int_equal(e->got[SIDE_B][i], 6 + i);
	assert_int_equal(link_queued(e->link[SIDE_A]), 0);
	assert_int_equal(link_counters(e->link[SIDE_A])->sent_datagrams, 6);
}

static void
what_waits_can_be_forgotten(struct env *e)
{
	say(e, SIDE_A, 1);
	say(e, SIDE_A, 1);
	link_forget(e->link[SIDE_A]);
	assert_int_equal(link_queued(e->link[SIDE_A]), 0);
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true));
	say(e, SIDE_A, 1);
	UNTIL(e, e->got_count[SIDE_B] == 1);
	assert_int_equal(e->got[SIDE_B][0], 2);
}

static void
a_connection_is_made_anew_however_it_was_lost(struct env *e)
{
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true));
	link_forget(e->link[SIDE_A]);
	assert_false(connected(e, SIDE_A, false, true));
	UNTIL(e, connected(e, SIDE_A, true, true));
	say(e, SIDE_A, 1);
	UNTIL(e, e->got_count[SIDE_B] == 1);
	/* Found out by sending. */
	close_side(e, SIDE_B);
	for (int i = 0; i < 100 && connected(e, SIDE_A, false, true); i++) {
		say(e, SIDE_A, 1);
		usleep(1000);
	}
	assert_false(connected(e, SIDE_A, false, true));
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true));
}

/* Reads from a plain socket into side B's account, `stash` being what was left of the last read. */
static void
read_plain(struct env *e, int fd, size_t most, uint8_t *stash, size_t *stashed)
{
	ssize_t n = recv(fd, stash + *stashed, most, 0);
	bool broken;
	size_t whole;

	if (n <= 0)
		return;
	*stashed += (size_t)n;
	whole = wire_whole(stash, *stashed, *stashed, &broken);
	assert_false(broken);
	memcpy(e->buf, stash, whole);
	memmove(stash, stash + whole, *stashed - whole);
	*stashed -= whole;
	note(e, SIDE_B, whole);
}

/* The receiver takes little at a time: sends are cut, and go on where they were. */
static void
a_slow_receiver_gets_everything_in_order(struct env *e)
{
	static uint8_t stash[1 << 18];
	int listening = wait_for_call(e, 2048), fd;
	size_t stashed = 0, full = 0;
	uint32_t sent = 0;

	e->cfg[SIDE_A].sndbuf = 4096;
	close_side(e, SIDE_A);
	open_side(e, SIDE_A);
	fd = take_call(e, listening);
	UNTIL(e, connected(e, SIDE_A, false, true));
	for (int i = 0; i < 200000 && e->got_count[SIDE_B] < 60000; i++) {
		uint8_t buf[1456];
		uint32_t before = e->next[SIDE_A];

		if (sent < 60000) {
			size_t len = datagram(e, SIDE_A, 91, buf, sizeof(buf));
			int err = link_send(e->link[SIDE_A], buf, len);

			full += err == -EAGAIN;
			if (err == -EAGAIN)
				e->next[SIDE_A] = before;
			else
				assert_int_equal(err, 0);
			sent = e->next[SIDE_A];
		}
		link_step(e->link[SIDE_A], now());
		if (i % 3 == 0)
			read_plain(e, fd, 1000, stash, &stashed);
	}
	assert_true(full > 100);
	assert_true(e->got_count[SIDE_B] >= 60000);
	for (uint32_t i = 0; i < e->got_count[SIDE_B]; i++)
		assert_int_equal(e->got[SIDE_B][i], i);
	close(fd);
	close(listening);
}

/* What the connection had taken in part is sent again from its first message on. */
static void
a_cut_datagram_is_sent_again_whole(struct env *e)
{
	static uint8_t stash[1 << 18];
	int listening = wait_for_call(e, 2048), fd;
	size_t stashed = 0;
	uint32_t last;

	e->cfg[SIDE_A].sndbuf = 4096;
	close_side(e, SIDE_A);
	open_side(e, SIDE_A);
	fd = take_call(e, listening);
	UNTIL(e, connected(e, SIDE_A, false, true));
	/* Until one waits with its beginning gone. */
	for (int i = 0; i < 10000 && link_queued(e->link[SIDE_A]) == 0; i++) {
		uint8_t buf[1456];
		size_t len = datagram(e, SIDE_A, 91, buf, sizeof(buf));
		int err = link_send(e->link[SIDE_A], buf, len);

		if (err == -EAGAIN) {
			e->next[SIDE_A] -= 91;
			read_plain(e, fd, 700, stash, &stashed);
		}
	}
	assert_int_equal(link_queued(e->link[SIDE_A]), 1);
	last = e->next[SIDE_A] - 91;
	/* The receiver goes away with all that it had not read. */
	close(fd);
	e->got_count[SIDE_B] = 0;
	stashed = 0;
	UNTIL(e, !connected(e, SIDE_A, false, true));
	fd = take_call(e, listening);
	say(e, SIDE_A, 1);
	for (int i = 0; i < 2000 && e->got_count[SIDE_B] < 92; i++) {
		read_plain(e, fd, 4096, stash, &stashed);
		turn(e);
	}
	assert_int_equal(e->got_count[SIDE_B], 92);
	for (uint32_t i = 0; i < 92; i++)
		assert_int_equal(e->got[SIDE_B][i], last + i);
	close(fd);
	close(listening);
}

static void
connections_come_back_once_a_second_at_most(struct env *e)
{
	int listening = wait_for_call(e, 0);
	ms_t began = now();
	int calls = 0;

	while (ms_since(now(), began) < 3500) {
		int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);

		if (fd >= 0) {
			calls++;
			close(fd);
		}
		turn(e);
	}
	assert_true(calls >= 3 && calls <= 5);
	close(listening);
}

static void
a_peer_that_starts_anew_is_connected_again(struct env *e)
{
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true));
	for (int i = 0; i < 2; i++) {
		close_side(e, SIDE_B);
		UNTIL(e, !connected(e, SIDE_A, true, false) && !connected(e, SIDE_A, false, true));
		open_side(e, SIDE_B);
		UNTIL(e, connected(e, SIDE_A, true, true) && connected(e, SIDE_B, true, true));
		say(e, SIDE_A, 1);
		say(e, SIDE_B, 1);
		UNTIL(e, e->got_count[SIDE_B] == (size_t)i + 1 &&
			     e->got_count[SIDE_A] == (size_t)i + 1);
	}
}

static void
a_link_opens_while_the_interface_is_down(struct env *e)
{
	pair_run(SIDE_A, "ip link set wire0 down");
	close_side(e, SIDE_A);
	open_side(e, SIDE_A);
	turns(e, 50);
	say(e, SIDE_A, 1);
	pair_run(SIDE_A, "ip link set wire0 up");
	if (e->row->l3 == L3_IPV6)
		pair_run(SIDE_A, "ip addr add %s/64 dev wire0 nodad 2>/dev/null || true",
		    e->row->addr[0]);
	pair_settle("wire0");
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true));
	UNTIL(e, e->got_count[SIDE_B] == 1);
}

static void
an_interface_created_anew_is_found_by_refresh(struct env *e)
{
	char why[128];

	say(e, SIDE_A, 1);
	pair_run(SIDE_A, "ip link del wire0");
	pair_enter(SIDE_A);
	assert_int_equal(link_refresh(e->link[SIDE_A], why, sizeof(why)), -ENODEV);
	turns(e, 20);
	pair_wire();
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		if (strncmp(e->row->addr[s], "fe80", 4) == 0)
			pair_run(s, "ip addr add %s/64 dev wire0 nodad", e->row->addr[s]);
	}
	pair_enter(SIDE_A);
	assert_int_equal(link_refresh(e->link[SIDE_A], why, sizeof(why)), 0);
	open_side(e, SIDE_B);
	UNTIL(e, connected(e, SIDE_A, true, true));
	/* What waited is not lost. */
	UNTIL(e, e->got_count[SIDE_B] == 1);
}

static const struct test_case {
	const char *name;
	void (*test)(struct env *e);
} cases[] = {
    {"messages_pass_both_ways", messages_pass_both_ways},
    {"what_comes_in_pieces_is_handed_on_whole", what_comes_in_pieces_is_handed_on_whole},
    {"a_remainder_ends_with_its_connection", a_remainder_ends_with_its_connection},
    {"a_new_connection_of_the_peer_replaces_the_old_one",
	a_new_connection_of_the_peer_replaces_the_old_one},
    {"a_stranger_does_not_displace_the_peer", a_stranger_does_not_displace_the_peer},
    {"another_address_gives_way_to_the_peer", another_address_gives_way_to_the_peer},
    {"the_peer_does_not_wait_for_a_stranger", the_peer_does_not_wait_for_a_stranger},
    {"a_listener_that_cannot_accept_rests", a_listener_that_cannot_accept_rests},
    {"nonsense_ends_the_connection", nonsense_ends_the_connection},
    {"what_is_said_without_a_connection_is_said_later",
	what_is_said_without_a_connection_is_said_later},
    {"what_waits_can_be_forgotten", what_waits_can_be_forgotten},
    {"a_connection_is_made_anew_however_it_was_lost",
	a_connection_is_made_anew_however_it_was_lost},
    {"a_slow_receiver_gets_everything_in_order", a_slow_receiver_gets_everything_in_order},
    {"a_cut_datagram_is_sent_again_whole", a_cut_datagram_is_sent_again_whole},
    {"connections_come_back_once_a_second_at_most", connections_come_back_once_a_second_at_most},
    {"a_peer_that_starts_anew_is_connected_again", a_peer_that_starts_anew_is_connected_again},
    {"a_link_opens_while_the_interface_is_down", a_link_opens_while_the_interface_is_down},
    {"an_interface_created_anew_is_found_by_refresh",
	an_interface_created_anew_is_found_by_refresh},
};

static void
per_row(void **state)
{
	const struct test_case *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s\n", rows[i].name);
		setup(&the_env, &rows[i]);
		c->test(&the_env);
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
	alarm(170);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
