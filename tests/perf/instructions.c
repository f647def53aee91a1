/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * instructions.c: does one kind of work that the daemon does for each event, so many times, and nothing
 * else that depends on how many times.  Run under callgrind with N and with 2N: the difference is what
 * N of them take, without a clock.  See budget.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "ctnl_msg.h"
#include "node.h"
#include "wire.h"

enum {
	WORK_MAX = 2048, /* the most that may be asked for */
	TABLE_LIMIT = 4 * WORK_MAX,
	MTU = 1472,
	DATAGRAMS_MAX = WORK_MAX,
};

/* An event of the kernel (6.18), as it came: an established TCP connection. */
static const uint8_t event[] __attribute__((aligned(4))) = {
    0xc4, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, 0x34, 0x00, 0x01, 0x80, 0x14, 0x00, 0x01, 0x80, 0x08, 0x00, 0x01, 0x00,
    0x0a, 0x01, 0x00, 0x02, 0x08, 0x00, 0x02, 0x00, 0x0a, 0x02, 0x00, 0x02, 0x1c, 0x00, 0x02, 0x80,
    0x05, 0x00, 0x01, 0x00, 0x06, 0x00, 0x00, 0x00, 0x06, 0x00, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00,
    0x06, 0x00, 0x03, 0x00, 0x00, 0x50, 0x00, 0x00, 0x34, 0x00, 0x02, 0x80, 0x14, 0x00, 0x01, 0x80,
    0x08, 0x00, 0x01, 0x00, 0x0a, 0x02, 0x00, 0x02, 0x08, 0x00, 0x02, 0x00, 0x0a, 0x01, 0x00, 0x02,
    0x1c, 0x00, 0x02, 0x80, 0x05, 0x00, 0x01, 0x00, 0x06, 0x00, 0x00, 0x00, 0x06, 0x00, 0x02, 0x00,
    0x00, 0x50, 0x00, 0x00, 0x06, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x00, 0x08, 0x00, 0x0c, 0x00,
    0xad, 0x22, 0x02, 0x93, 0x08, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x08, 0x00, 0x07, 0x00,
    0x00, 0x06, 0x97, 0x80, 0x30, 0x00, 0x04, 0x80, 0x2c, 0x00, 0x01, 0x80, 0x05, 0x00, 0x01, 0x00,
    0x03, 0x00, 0x00, 0x00, 0x05, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x03, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x04, 0x00, 0x20, 0x00, 0x00, 0x00, 0x06, 0x00, 0x05, 0x00,
    0x20, 0x00, 0x00, 0x00,
};

/* A node, and what another one would say to it. */
struct bench {
	struct node *node;
	void *mem; /* that it is in */
	ms_t now;
	unsigned int datagrams;
	size_t len[DATAGRAMS_MAX];
	unsigned int flows[DATAGRAMS_MAX]; /* that each of them carries */
	uint8_t data[DATAGRAMS_MAX][MTU];
};

static struct bench b = {.now = {1000000}};

__attribute__((noreturn)) static void
die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static void
node_new(void)
{
	struct node_cfg cfg = {.mode = MODE_FTFW, .limit = TABLE_LIMIT, .first_seq = 1, .secret = {1, 2}};

	free(b.mem);
	b.mem = calloc(1, node_size(&cfg));
	if (!b.mem)
		die("no memory");
	b.node = node_init(b.mem, &cfg, b.now);
	node_kernel_read_begin(b.node, false, b.now);
	node_kernel_read_end(b.node, true, b.now);
}

/* Events of the flows from number `first` on, in this TCP state. */
static void
events(enum kernel_event_type type, unsigned int first, unsigned int count, uint8_t state)
{
	struct kernel_event ev = {.type = type};

	if (!ctnl_msg_parse((const struct nlmsghdr *)event, &ev.flow))
		die("the event does not parse");
	ev.flow.l4.tcp.state = state;
	for (unsigned int i = first; i < first + count; i++) {
		put_be16(&ev.flow.key.sport, (uint16_t)i);
		put_be16(&ev.flow.reply.dport, (uint16_t)i);
		ev.flow.id = i + 1;
		node_kernel_event(b.node, &ev, b.now);
	}
}

static void
pull(void)
{
	size_t len = node_pull_datagram(b.node, b.data[b.datagrams], MTU, b.now);
	struct wire_msg m;
	struct rbuf r;

	if (len == 0 || b.datagrams == DATAGRAMS_MAX - 1)
		return;
	b.len[b.datagrams] = len;
	b.flows[b.datagrams] = 0;
	rbuf_init(&r, b.data[b.datagrams], len);
	while (wire_next(&r, &m) == WIRE_MSG) {
		if (m.type == WIRE_CT_NEW || m.type == WIRE_CT_UPD)
			b.flows[b.datagrams]++;
	}
	b.datagrams++;
}

/* The node says all that it has to say for a while. */
static void
pull_all(void)
{
	for (int i = 0; i < 50; i++) {
		unsigned int before;

		b.now = ms_add(b.now, 10);
		node_tick(b.node, b.now);
		do {
			before = b.datagrams;
			pull();
		} while (b.datagrams > before);
	}
}

/* A node that has told others of its flows, and whose words are kept. */
static void
node_that_told(unsigned int flows, uint8_t state)
{
	node_new();
	pull_all();
	b.datagrams = 0;
	events(KEV_NEW, 0, flows, state);
	pull_all();
}

/* ---- the kinds of work: each has its stage set, then does it `count` times ---- */

static unsigned int
work_decode(unsigned int count)
{
	struct flow f;

	for (unsigned int i = 0; i < count; i++) {
		if (!ctnl_msg_parse((const struct nlmsghdr *)event, &f))
			die("the event does not parse");
	}
	return count;
}

static unsigned int
work_event_new(unsigned int count)
{
	node_new();
	events(KEV_NEW, 0, count, TCP_ESTABLISHED);
	return count;
}

static unsigned int
work_event_update(unsigned int count)
{
	node_that_told(WORK_MAX, TCP_SYN_RECV);
	events(KEV_UPDATE, 0, count, TCP_ESTABLISHED);
	return count;
}

static unsigned int
work_encode(unsigned int count)
{
	unsigned int done = 0;

	node_new();
	pull_all();
	b.datagrams = 0;
	events(KEV_NEW, 0, WORK_MAX, TCP_ESTABLISHED);
	b.now = ms_add(b.now, 10);
	node_tick(b.node, b.now);
	while (done < count) {
		unsigned int before = b.datagrams;

		pull();
		if (b.datagrams == before)
			die("nothing to send");
		done += b.flows[before];
	}
	return done;
}

static unsigned int
apply(unsigned int from, unsigned int count)
{
	struct peer_addr peer = {.l3 = L3_IPV4, .addr = {{10, 99, 0, 2}}};
	unsigned int done = 0;

	for (unsigned int i = from; i < b.datagrams && done < count; i++) {
		node_datagram(b.node, &peer, b.data[i], b.len[i], b.now);
		done += b.flows[i];
	}
	return done;
}

static unsigned int
work_apply_new(unsigned int count)
{
	node_that_told(WORK_MAX, TCP_ESTABLISHED);
	node_new();
	return apply(0, count);
}

static unsigned int
work_apply_update(unsigned int count)
{
	unsigned int first;

	node_that_told(WORK_MAX, TCP_SYN_RECV);
	first = b.datagrams;
	events(KEV_UPDATE, 0, WORK_MAX, TCP_ESTABLISHED);
	pull_all();
	node_new();
	if (apply(0, WORK_MAX) != WORK_MAX)
		die("not all flows were told");
	return apply(first, count);
}

static const struct work {
	const char *name;
	unsigned int (*run)(unsigned int count);
} works[] = {
	{"decode", work_decode},
	{"event-new", work_event_new},
	{"event-update", work_event_update},
	{"encode", work_encode},
	{"apply-new", work_apply_new},
	{"apply-update", work_apply_update},
};

int
main(int argc, char **argv)
{
	unsigned int count = argc == 3 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0;

	if (count == 0 || count > WORK_MAX)
		die("usage: instructions WORK COUNT");
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(works[i].name, argv[1]) == 0) {
			printf("%u\n", works[i].run(count));
			return 0;
		}
	}
	die("no such work");
}
