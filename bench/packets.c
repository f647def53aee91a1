/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packets.c: TCP connections as a firewall sees them, six packets each: SYN, SYN/ACK, ACK, FIN, FIN/ACK,
 * ACK.  The two ends are packet sockets on two devices of this namespace, c0 and s0, whose other halves
 * are the firewall's; nobody answers but this program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tool.h"

enum {
	SIDE_MAX = 250,  /* connections side by side */
	PACKETS = 6,
	CLIENTS = 16,    /* addresses 10.1.0.2 and so on */
	PORT_FIRST = 1024,
	PORTS_EACH = 60000,
};

/* The firewall's two devices, as bench/packets.py makes them. */
static const uint8_t mac_own[ETH_ALEN] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_firewall[2][ETH_ALEN] = {{2, 0, 0, 0, 1, 0}, {2, 0, 0, 0, 2, 0}};

struct packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

/* One packet of a connection: from which end, with which flags, and how much each end has said. */
static const struct step {
	uint8_t from_server, syn, fin, ack;
	uint32_t seq, ack_seq;
} steps[PACKETS] = {
	{0, 1, 0, 0, 0, 0},
	{1, 1, 0, 1, 0, 1},
	{0, 0, 0, 1, 1, 1},
	{0, 0, 1, 1, 1, 1},
	{1, 0, 1, 1, 1, 2},
	{0, 0, 0, 1, 2, 2},
};

static uint16_t
checksum(const void *data, size_t len)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
packet_make(struct packet *p, const struct step *step, uint64_t id)
{
	uint32_t client = htonl(0x0a010002u + (uint32_t)(id / PORTS_EACH % CLIENTS));
	uint32_t server = htonl(0x0a020002u);
	uint16_t port = htons((uint16_t)(PORT_FIRST + id % PORTS_EACH)), service = htons(80);

	memset(p, 0, sizeof(*p));
	memcpy(p->eth.h_dest, mac_firewall[step->from_server], ETH_ALEN);
	memcpy(p->eth.h_source, mac_own, ETH_ALEN);
	p->eth.h_proto = htons(ETH_P_IP);
	p->ip.version = 4;
	p->ip.ihl = 5;
	p->ip.tot_len = htons(sizeof(p->ip) + sizeof(p->tcp));
	p->ip.frag_off = htons(IP_DF);
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_TCP;
	p->ip.saddr = step->from_server ? server : client;
	p->ip.daddr = step->from_server ? client : server;
	p->ip.check = checksum(&p->ip, sizeof(p->ip));
	/* No checksum here: the firewall's connection tracking is told not to look at it. */
	p->tcp.source = step->from_server ? service : port;
	p->tcp.dest = step->from_server ? port : service;
	p->tcp.seq = htonl(1000 + step->seq);
	p->tcp.ack_seq = step->ack ? htonl(1000 + step->ack_seq) : 0;
	p->tcp.doff = 5;
	p->tcp.syn = step->syn & 1;
	p->tcp.fin = step->fin & 1;
	p->tcp.ack = step->ack & 1;
	p->tcp.window = htons(65535);
}

static int
packet_socket(const char *device)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), size = 4 << 20;

	if (fd < 0 || !addr.sll_ifindex || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("packet socket on %s: %s", device, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

/* The same packet of n connections. */
static void
packets_send(int fd, const struct step *step, uint64_t first, unsigned int n)
{
	static struct packet packets[SIDE_MAX];
	static struct mmsghdr msgs[SIDE_MAX];
	static struct iovec iov[SIDE_MAX];
	unsigned int i, sent = 0;
	int got;

	for (i = 0; i < n; i++) {
		packet_make(&packets[i], step, first + i);
		iov[i] = (struct iovec){&packets[i], sizeof(packets[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while (sent < n) {
		got = sendmmsg(fd, msgs + sent, n - sent, 0);
		if (got < 0 && errno != ENOBUFS && errno != EINTR)
			die("send: %s", strerror(errno));
		if (got > 0)
			sent += (unsigned int)got;
		if (stopped)
			return;
	}
}

int
cmd_packets(const struct options *o)
{
	int fds[2] = {packet_socket("c0"), packet_socket("s0")};
	unsigned int side = o->batch < SIDE_MAX ? o->batch : SIDE_MAX, n, i;
	uint64_t done = 0, start = now_ns();
	double seconds;

	stop_on_signals();
	while (done < o->count && !stopped && (double)(now_ns() - start) < o->seconds * 1e9) {
		if (o->rate)
			sleep_until(start + done * 1000000000u / o->rate);
		n = o->count - done < side ? (unsigned int)(o->count - done) : side;
		for (i = 0; i < PACKETS; i++)
			packets_send(fds[steps[i].from_server], &steps[i], o->first + done, n);
		done += n;
	}
	seconds = (double)(now_ns() - start) / 1e9;
	printf("{\"done\": %llu, \"seconds\": %.6f}\n", (unsigned long long)done, seconds);
	return 0;
}
