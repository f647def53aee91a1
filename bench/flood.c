/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flood.c: datagrams that mean nothing, from an address of choice, at a rate.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool.h"

enum { FLOOD_BATCH = 50, NONSENSE = 64 };

static struct sockaddr_in
address(const char *text, unsigned int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (text == NULL || inet_pton(AF_INET, text, &in.sin_addr) != 1)
		die("no address %s", text == NULL ? "given" : text);
	return in;
}

int
cmd_flood(const struct options *o)
{
	struct sockaddr_in from = address(o->source, 0), to = address(o->peer, o->port);
	char nonsense[NONSENSE];
	struct iovec iov = {.iov_base = nonsense, .iov_len = sizeof(nonsense)};
	struct mmsghdr msgs[FLOOD_BATCH] = {0};
	uint64_t done = 0, start;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memset(nonsense, 0xa5, sizeof(nonsense));
	for (int i = 0; i < FLOOD_BATCH; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("flood: %s", strerror(errno));
	stop_on_signals();
	say_ready();
	start = now_ns();
	while (!stopped && (double)(now_ns() - start) < o->seconds * 1e9) {
		int n;

		if (o->rate)
			sleep_until(start + done * 1000000000u / o->rate);
		n = sendmmsg(fd, msgs, FLOOD_BATCH, 0);
		if (n > 0)
			done += (uint64_t)n;
	}
	printf("{\"done\": %llu, \"seconds\": %.6f}\n", (unsigned long long)done,
	    (double)(now_ns() - start) / 1e9);
	close(fd);
	return 0;
}
