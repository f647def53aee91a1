/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pace.h: when the loop looks again for what comes in.
 *
 * A wake-up, and the system calls around each thing that is read and sent, cost several times what the
 * thing itself does.  So where much comes, it is left to gather for up to a millisecond and is taken
 * together; what comes after a quiet time is taken at once.  Pure: time is an argument, in microseconds
 * of any clock that does not go back.
 */
#ifndef APP_PACE_H
#define APP_PACE_H

#include "base.h"

enum {
	PACE_GATHER_US = 1000,           /* the longest that anything waits here */
	PACE_FEW = 4,                    /* less than that in such a time is not worth waiting for */
	PACE_POOR = 1,                   /* a wait that brings no more than that was for nothing */
	PACE_POOR_MAX = 2,               /* so many of them in a row, and nothing waits for a while */
	PACE_REST_US = 50 * 1000,
	PACE_HASTE_US = 10 * 1000 * 1000, /* the same after a loss */
	/*
	 * A buffer of fewer bytes is none to let anything gather in.  An event takes 1.3 kB of it, and a
	 * kernel makes 300 in a millisecond: the usual 208 KiB would be full before that is over.
	 */
	PACE_BUFFER_MIN = 1024 * 1024,
};

/* Begins as zeros. */
struct pace {
	int64_t since_us;       /* when the time began in which `taken` is counted */
	unsigned int taken;
	int64_t until_us;       /* what comes before gathers */
	bool waited;            /* the last thing done was to set that */
	unsigned int poor;      /* waits in a row that brought next to nothing */
	int64_t hasty_until_us; /* nothing waits before */
};

/*
 * What had come was read at now_us: `taken` things; `left`: more is there already.
 *
 * Who waits for each thing that he does to arrive before he does the next one does many in a millisecond
 * as well, but his waiting for ours brings one: that is not gone on with.
 */
static inline void
pace_taken(struct pace *p, int64_t now_us, unsigned int taken, bool left)
{
	if (p->waited)
		p->poor = taken <= PACE_POOR ? p->poor + 1 : 0;
	if (p->poor == PACE_POOR_MAX) {
		p->poor = 0;
		if (p->hasty_until_us < now_us + PACE_REST_US)
			p->hasty_until_us = now_us + PACE_REST_US;
	}
	if (now_us - p->since_us >= PACE_GATHER_US) {
		p->since_us = now_us;
		p->taken = 0;
	}
	p->taken += taken;
	p->waited = !left && p->taken >= PACE_FEW && now_us >= p->hasty_until_us;
	p->until_us = p->waited ? now_us + PACE_GATHER_US : now_us;
}

/* Something was lost, as a buffer was full. */
static inline void
pace_lost(struct pace *p, int64_t now_us)
{
	p->hasty_until_us = now_us + PACE_HASTE_US;
}

/* Is what comes to be left alone until p->until_us? */
static inline bool
pace_gathers(const struct pace *p, int64_t now_us)
{
	return now_us < p->until_us;
}

#endif
