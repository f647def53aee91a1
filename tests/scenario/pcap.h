/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcap.h: captures of conntrackd 1.4.7, as files of tests/data/wire/pcap.
 */
#ifndef TESTS_PCAP_H
#define TESTS_PCAP_H

#include <stdio.h>
#include <stdlib.h>

#include "flows.h"

enum {
	PCAP_PORT = 3780,
	FRAMES_MAX = 512,
	PAYLOAD_MAX = 1500,
	MTU_PAYLOAD = 1472,
	/* Clocks of the daemons and of the capture, and the time that a daemon takes. */
	TOLERANCE_MS = 20,
};

struct frame {
	int64_t at_ms;
	uint8_t who; /* last byte of the sender's address */
	size_t len;
	uint8_t data[PAYLOAD_MAX];
};

struct capture {
	struct frame frames[FRAMES_MAX];
	size_t count;
};

static inline uint32_t
get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A packet as Ethernet had it: is it of the protocol, and not a fragment? */
static inline bool
pcap_payload(const uint8_t *p, size_t len, struct frame *f)
{
	size_t ip = 14, udp;

	if (len >= ip + 20 && get_be16(p + 12) == 0x0800 && p[ip + 9] == L4_UDP) {
		f->who = p[ip + 15];
		udp = ip + (size_t)(p[ip] & 15) * 4;
	} else if (len >= ip + 40 && get_be16(p + 12) == 0x86dd && p[ip + 6] == L4_UDP) {
		f->who = p[ip + 23];
		udp = ip + 40;
	} else {
		return false;
	}
	if (udp + 8 > len || get_be16(p + udp + 2) != PCAP_PORT)
		return false;
	f->len = get_be16(p + udp + 4) - 8u;
	assert_in_range(f->len, 1, PAYLOAD_MAX);
	assert_true(udp + 8 + f->len <= len);
	memcpy(f->data, p + udp + 8, f->len);
	return true;
}

/* The datagrams of a capture, to be released with free(). */
static inline struct capture *
pcap_load(const char *name)
{
	struct capture *c = calloc(1, sizeof(*c));
	uint8_t head[24], rec[16], pkt[2048];
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.pcap", PCAP_DIR, name);
	f = fopen(path, "rb");
	assert_non_null(c);
	assert_non_null(f);
	assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
	/* Little-endian, microseconds, Ethernet. */
	assert_int_equal(get_le32(head), 0xa1b2c3d4);
	assert_int_equal(get_le32(head + 20), 1);
	while (fread(rec, 1, sizeof(rec), f) == sizeof(rec)) {
		size_t len = get_le32(rec + 8);
		struct frame *fr = &c->frames[c->count];

		assert_in_range(len, 14, sizeof(pkt));
		assert_int_equal(fread(pkt, 1, len, f), len);
		fr->at_ms = (int64_t)get_le32(rec) * 1000 + get_le32(rec + 4) / 1000;
		if (pcap_payload(pkt, len, fr))
			c->count++;
		assert_true(c->count < FRAMES_MAX);
	}
	fclose(f);
	return c;
}

#endif
