/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold.h: when the track file holds this node back in the election of a master, and until when.  Pure.
 *
 * A node is held back while it is not ready to take over, if it may be: a master never is, so that its own
 * trouble cannot take its addresses away.  It is let go when it has been ready for a while, or when its time is
 * over: `max_ms` in all, until it has been ready for as long without a break.  So a node that is never ready, or
 * that comes and goes, is held for max_ms and then no more; two of them cannot keep each other from being
 * master.
 */
#ifndef APP_HOLD_H
#define APP_HOLD_H

#include "base.h"

enum {
	HOLD_SETTLE_MS = 2000, /* ready for so long, before it is believed */
};

struct hold {
	bool held;
	ms_t since;         /* held: since when */
	int64_t spent_ms;   /* of the time that may be held, by holds that are over */
	bool ready;
	ms_t ready_since;
};

enum hold_change {
	HOLD_SAME,
	HOLD_BEGINS,
	HOLD_READY,  /* ends: the node is ready */
	HOLD_TIME,   /* ends, though it is not: time is up */
	HOLD_ROLE,   /* ends: it may not be held, whatever it is */
};

/* When its time is up, if it is held. */
static inline ms_t
hold_until(const struct hold *h, int64_t max_ms)
{
	return ms_add(h->since, max_ms - h->spent_ms);
}

static inline enum hold_change
hold_end(struct hold *h, enum hold_change why, ms_t now)
{
	h->spent_ms += ms_since(now, h->since);
	h->held = false;
	return why;
}

static inline enum hold_change
hold_step(struct hold *h, bool may, bool ready, int64_t max_ms, ms_t now)
{
	if (ready && !h->ready)
		h->ready_since = now;
	h->ready = ready;
	if (h->held) {
		if (!may)
			return hold_end(h, HOLD_ROLE, now);
		if (ready && ms_since(now, h->ready_since) >= HOLD_SETTLE_MS)
			return hold_end(h, HOLD_READY, now);
		if (ms_reached(now, hold_until(h, max_ms)))
			return hold_end(h, HOLD_TIME, now);
		return HOLD_SAME;
	}
	if (ready && ms_since(now, h->ready_since) >= max_ms)
		h->spent_ms = 0;
	if (!may || ready || h->spent_ms >= max_ms)
		return HOLD_SAME;
	h->held = true;
	h->since = now;
	return HOLD_BEGINS;
}

/* When hold_step() has something to do next, if nothing changes. */
static inline ms_t
hold_deadline(const struct hold *h, int64_t max_ms)
{
	ms_t at = hold_until(h, max_ms);

	if (!h->held)
		return MS_NEVER;
	return h->ready ? ms_earlier(at, ms_add(h->ready_since, HOLD_SETTLE_MS)) : at;
}

#endif
