/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.h: messages of the sync protocol, version 1 (doc/WIRE.md sections 1 and 2).
 */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include "attr.h"

enum { WIRE_VERSION = 1, WIRE_HEADER = 8, WIRE_RANGE = 16 };
/* No sender has ever written a longer message: 1.4.7 has room for no more, and ours are shorter. */
enum { WIRE_MESSAGE_MAX = 4096 };

enum wire_type {
	WIRE_CT_NEW = 0,
	WIRE_CT_UPD = 1,
	WIRE_CT_DEL = 2,
	WIRE_EXP_NEW = 3,
	WIRE_EXP_UPD = 4,
	WIRE_EXP_DEL = 5,
	WIRE_CTL = 10,
};

enum wire_flag {
	WIRE_RESYNC = 0x02,
	WIRE_NACK = 0x04,
	WIRE_ACK = 0x08,
	WIRE_ALIVE = 0x10,
	WIRE_HELLO = 0x20,
	WIRE_HELLO_BACK = 0x40,
};

/* One message of a datagram; its header in host order. */
struct wire_msg {
	uint8_t type;  /* low nibble of the first byte */
	uint8_t flags;
	uint32_t seq;
	uint32_t from, to;    /* of the messages that carry a range */
	const uint8_t *attrs; /* what follows the header */
	size_t attrs_len;
};

enum wire_status {
	WIRE_END,         /* nothing left */
	WIRE_MSG,         /* *msg is filled */
	WIRE_BAD_VERSION, /* this message is skipped, the next may be fine */
	WIRE_TRUNCATED,   /* the rest of the datagram is lost */
	WIRE_BAD_SIZE,    /* likewise */
};

/* Takes the next message off a datagram, with the checks in the order of doc/WIRE.md 1.5. */
enum wire_status wire_next(struct rbuf *datagram, struct wire_msg *msg);

/*
 * How many bytes at the beginning of data[0..len) are whole messages, as many as there are and as fit
 * in `cap` bytes.  *broken is set if the first one's length is none that a message can have, so that
 * nobody knows where the next begins.
 */
size_t wire_whole(const void *data, size_t len, size_t cap, bool *broken);

/* What kind of message this is, by type and flags together (doc/WIRE.md 2.2). */
enum wire_class { CLASS_STATE, CLASS_ACK, CLASS_NACK, CLASS_RESYNC, CLASS_ALIVE, CLASS_BAD };
enum wire_class wire_classify(const struct wire_msg *msg);

/*
 * Appends a message whole or not at all; false if it does not fit.  `mask` limits the attributes of
 * the flow that go out.
 */
bool wire_put_flow(struct wbuf *wb, enum wire_type type, uint8_t flags, uint32_t seq,
    const struct flow *f, uint32_t mask);
bool wire_put_expect(struct wbuf *wb, enum wire_type type, uint8_t flags, uint32_t seq,
    const struct expect *e);
/* A control message: with a range for ACK, NACK and RESYNC, without for ALIVE. */
bool wire_put_control(struct wbuf *wb, uint8_t flags, uint32_t seq, uint32_t from, uint32_t to);

#endif
