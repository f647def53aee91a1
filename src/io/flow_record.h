/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_record.h: what a daemon keeps of its flows, as bytes over the control socket: the same as entries of
 * its tables, for a reader that compares millions of them.  Pure.
 *
 * Both ends are the same program, or nearly: FLOW_RECORD_FORMAT changes with the bytes, and whoever asks
 * compares it first.  Big-endian, and what a flow has is written as in the sync protocol (attr.h).
 */
#ifndef IO_FLOW_RECORD_H
#define IO_FLOW_RECORD_H

#include "buf.h"
#include "node.h"

enum {
	FLOW_RECORD_FORMAT = 1,
	FLOW_RECORD_MAX = 512, /* bytes of one */
};

enum flow_record_kind {
	RECORD_LOCAL,
	RECORD_REMOTE,
	RECORD_END, /* the last one */
};

struct flow_record {
	enum flow_record_kind kind;
	struct entry_view v; /* but the times of expiry */
	bool drained;   /* RECORD_END: all events that had been there at the beginning were read before */
};

/* Appends one; wb->failed tells if it did not fit. */
void flow_record_write(struct wbuf *wb, const struct flow_record *r);

/* Takes records off a stream that comes in pieces; begins as zeros. */
struct flow_reader {
	uint8_t left[FLOW_RECORD_MAX]; /* the beginning of one */
	size_t have;
	bool ended; /* the last one has come */
	bool bad;   /* the stream makes no sense: nothing more is taken */
};

typedef void (*flow_record_fn)(void *ctx, const struct flow_record *r);

/* Feeds the reader with what has come. */
void flow_reader_feed(struct flow_reader *r, const void *data, size_t len, flow_record_fn fn, void *ctx);

#endif
