/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow.h"

/* A frame that is on its way arrives sooner. */
enum { SOON_MS = 3000 };

bool
fd_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

void
stranger_send(enum side s, uint8_t l3, const char *ifname, const char *to, const char *text)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} dest = {0};
	const bool v6 = l3 == L3_IPV6;
	struct ip_mreqn m = {0};
	int fd, ifindex;

	pair_enter(s);
	ifindex = (int)if_nametoindex(ifname);
	fd = socket(l3, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	if (v6) {
		dest.in6.sin6_family = AF_INET6;
		dest.in6.sin6_port = htons(STRANGER_PORT);
		dest.in6.sin6_scope_id = (uint32_t)ifindex;
		assert_int_equal(inet_pton(AF_INET6, to, &dest.in6.sin6_addr), 1);
		assert_int_equal(
		    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex, sizeof(ifindex)), 0);
	} else {
		dest.in.sin_family = AF_INET;
		dest.in.sin_port = htons(STRANGER_PORT);
		assert_int_equal(inet_pton(AF_INET, to, &dest.in.sin_addr), 1);
		m.imr_ifindex = ifindex;
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), 0);
	}
	assert_int_equal(
	    sendto(fd, text, strlen(text), 0, &dest.sa, v6 ? sizeof(dest.in6) : sizeof(dest.in)),
	    strlen(text));
	close(fd);
}

int
stranger_listen(enum side s, uint8_t l3, const char *ifname, const char *group)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(STRANGER_PORT)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(STRANGER_PORT)};
	struct ipv6_mreq m6 = {0};
	struct ip_mreqn m = {0};
	const int one = 1;
	int fd;

	pair_enter(s);
	fd = socket(l3, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	if (l3 == L3_IPV6) {
		assert_int_equal(inet_pton(AF_INET6, group, &m6.ipv6mr_multiaddr), 1);
		m6.ipv6mr_interface = if_nametoindex(ifname);
		assert_int_equal(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6, sizeof(m6)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET, group, &m.imr_multiaddr), 1);
		m.imr_ifindex = (int)if_nametoindex(ifname);
		assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)), 0);
	}
	return fd;
}

int
tap_open(enum side s, const char *ifname)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd;

	pair_enter(s);
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	assert_true(fd >= 0);
	ll.sll_ifindex = (int)if_nametoindex(ifname);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

size_t
tap_next(uint8_t l3, int fd, uint8_t *frame, size_t cap)
{
	const bool v6 = l3 == L3_IPV6;

	for (int i = 0; i < 200 && fd_readable(fd, SOON_MS); i++) {
		struct sockaddr_ll ll = {0};
		socklen_t len = sizeof(ll);
		ssize_t n = recvfrom(fd, frame, cap, 0, (struct sockaddr *)&ll, &len);
		const uint8_t *udp = frame + 14 + (v6 ? 40 : 20);
		uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);

		if (n < 14 + (v6 ? 48 : 28) || ll.sll_pkttype == PACKET_OUTGOING ||
		    type != (v6 ? ETH_P_IPV6 : ETH_P_IP) || frame[14 + (v6 ? 6 : 9)] != 17 ||
		    (udp[2] << 8 | udp[3]) != STRANGER_PORT)
			continue;
		return (size_t)n;
	}
	fail_msg("no frame seen");
	return 0;
}

unsigned int
tap_be16(const uint8_t *frame, size_t at)
{
	return (unsigned int)(frame[at] << 8 | frame[at + 1]);
}
