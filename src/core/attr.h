/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attr.h: THE table of attributes on the wire, one row for both directions (doc/WIRE.md section 3).
 *
 * A row says which bytes of struct flow (or struct expect) an attribute carries, in which byte
 * order, and which presence bit stands for it.  Rows stand in the order in which they are sent.
 */
#ifndef CORE_ATTR_H
#define CORE_ATTR_H

#include "buf.h"
#include "expect.h"
#include "flow.h"

enum attr_status {
	ATTR_OK,
	ATTR_MALFORMED, /* a length is wrong: nothing of the message is to be used */
};

/* What was left out of a message that was used nevertheless; decoding adds to it. */
struct attr_skipped {
	uint64_t unknown; /* attributes with a number that we do not know */
	uint64_t misfit;  /* values that do not fit the rest, and bytes behind the last one */
};

/*
 * Decodes the attributes of a state message into *f, which it initialises.  The reply tuple is
 * rebuilt.  Says nothing about completeness: see flow_is_complete().
 */
enum attr_status attr_decode_flow(const void *data, size_t len, struct flow *f,
    struct attr_skipped *skipped);

/* Appends the attributes of *f whose presence bits are in `mask`; wb->failed tells if they fit. */
void attr_encode_flow(struct wbuf *wb, const struct flow *f, uint32_t mask);

enum attr_status attr_decode_expect(const void *data, size_t len, struct expect *e,
    struct attr_skipped *skipped);
void attr_encode_expect(struct wbuf *wb, const struct expect *e);

#endif
