/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ns_fd[2] = {-1, -1};
static bool changed = true; /* a command was run since the cables were made */

bool
pair_open(void)
{
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		if (unshare(CLONE_NEWNET) < 0)
			return false;
		ns_fd[s] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (ns_fd[s] < 0)
			return false;
	}
	return true;
}

void
pair_enter(enum side s)
{
	assert_int_equal(setns(ns_fd[s], CLONE_NEWNET), 0);
}

void
pair_run(enum side s, const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	changed = true;
	pair_enter(s);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* Running, and with a route and a source address for IPv6 multicast. */
static bool
carries(const char *ifname)
{
	struct sockaddr_in6 all = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct ifreq ifr = {0};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd < 0)
		return false;
	all.sin6_addr.s6_addr[0] = 0xff;
	all.sin6_addr.s6_addr[1] = 0x02;
	all.sin6_addr.s6_addr[15] = 1;
	all.sin6_scope_id = if_nametoindex(ifname);
	strncpy(ifr.ifr_name, ifname, sizeof(ifr.ifr_name) - 1);
	yes = ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_RUNNING) &&
	      connect(fd, (struct sockaddr *)&all, sizeof(all)) == 0;
	close(fd);
	return yes;
}

void
pair_settle(const char *ifname)
{
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		int tries = 1000;

		pair_enter(s);
		while (!carries(ifname) && --tries > 0)
			usleep(5000);
		if (tries == 0)
			fail_msg("%s does not come up", ifname);
	}
}

void
pair_wire(void)
{
	if (!changed)
		return;
	pair_run(SIDE_A, "for i in 0 1; do ip link show wire$i >/dev/null 2>&1 || continue;"
			 " ip link del wire$i; done");
	for (int s = SIDE_A; s <= SIDE_B; s++) {
		/* Addresses are to be usable at once, without a search for duplicates. */
		pair_run(
		    s, "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad && ip link set lo up");
	}
	for (int i = 0; i < 2; i++) {
		pair_run(SIDE_A,
		    "ip link add wire%d type veth peer name wire%d netns /proc/%d/fd/%d", i, i,
		    (int)getpid(), ns_fd[SIDE_B]);
		for (int s = SIDE_A; s <= SIDE_B; s++) {
			pair_run(s,
			    "ip addr add 10.%d.0.%d/24 dev wire%d &&"
			    " ip addr add fd%d::%d/64 dev wire%d nodad && ip link set wire%d up",
			    77 + i, s + 1, i, 77 + i, s + 1, i, i);
		}
	}
	pair_settle("wire0");
	pair_settle("wire1");
	changed = false;
}
