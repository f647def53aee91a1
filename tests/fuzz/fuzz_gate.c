/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What nf_tables answers to the takeover gate: any bytes, from the kernel or from somebody else.
 *
 * The input is a script: what the gate is told to do, and the datagrams that it is answered with.
 */
#include <errno.h>

#include <linux/netlink.h>

#include "fake_netlink.h"
#include "fuzz.h"
#include "gate.h"

enum { STEPS_MAX = 64, ANSWERS_MAX = 4, DATAGRAM_MAX = 512 };

/* What is mended in a datagram, so that it gets past the first checks. */
enum { MEND_LEN = 1 << 0, MEND_SEQ = 1 << 1, FOREIGN = 1 << 2 };

/* The requests are out: here is what comes back. */
static void
answer(void *ctx, enum fake_socket s, const void *request, size_t size)
{
	struct script *script = ctx;
	struct nlmsghdr asked, nlh;

	CHECK(size >= sizeof(asked) && size <= GATE_MSG_MAX);
	memcpy(&asked, request, sizeof(asked));
	CHECK(asked.nlmsg_len <= size);
	for (unsigned int left = script_u8(script) % (ANSWERS_MAX + 1); left > 0; left--) {
		uint8_t how = script_u8(script);
		size_t len;
		uint8_t *data = script_bytes(script, script_u16(script) % DATAGRAM_MAX, &len);

		if (len >= sizeof(nlh)) {
			memcpy(&nlh, data, sizeof(nlh));
			if (how & MEND_LEN)
				nlh.nlmsg_len = (uint32_t)len;
			if (how & MEND_SEQ)
				nlh.nlmsg_seq = asked.nlmsg_seq + (nlh.nlmsg_seq & 1);
			memcpy(data, &nlh, sizeof(nlh));
		}
		/* Some wait unread, of which the fake has room for so many. */
		if (fake_netlink_waiting(s) < 2 * ANSWERS_MAX)
			fake_netlink_push(s, how & FOREIGN ? 99 : 0, data, len);
		free(data);
	}
}

static void
step(struct gate *g, uint8_t what)
{
	static const char interfaces[GATE_INTERFACES_MAX][GATE_IFNAME_MAX] = {"eth2", "0123456789abcde"};
	uint64_t packets = 0;
	int r;

	switch (what & 3) {
	case 0:
		r = gate_make(g, interfaces, (size_t)(what >> 2) % (GATE_INTERFACES_MAX + 1));
		break;
	case 1:
		r = gate_close(g, (uint32_t)what << 24 | what, what & 4);
		break;
	case 2:
		r = gate_open(g);
		break;
	default:
		r = gate_held(g, &packets);
		CHECK(packets == 0 || r <= 0);
		break;
	}
	/* It is done, or there is an error of some kind. */
	CHECK(r <= 0 && r > -4096);
	/* All that had come was read. */
	CHECK(fake_netlink_waiting(FAKE_WRITE) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, data + size};
	struct gate *g;

	fake_netlink_reset();
	CHECK(gate_new(&g) == 0);
	fake_netlink_on_sent(answer, &s);
	for (int i = 0; i < STEPS_MAX && script_more(&s); i++)
		step(g, script_u8(&s));
	gate_free(g);
	fake_netlink_reset();
	return 0;
}
