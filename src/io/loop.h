/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h: one turn of ppoll; signals as input; the only reader of the clock.
 *
 * The set of descriptors is rebuilt from state every turn: nothing is ever unregistered.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <poll.h>

#include "base.h"

/* Descriptors in one turn, the signal descriptor among them; signals to take in one turn. */
enum { LOOP_FDS_MAX = 256, LOOP_SIGNALS_MAX = 32 };

struct loop {
	struct pollfd fds[LOOP_FDS_MAX];
	size_t count;
	int signal_fd;
};

/* Blocks the signals that the daemon handles (TERM, INT, HUP, USR1, USR2, QUIT, CHLD; PIPE is
 * ignored) and opens a signalfd for them.  0 or a negative errno value.  A child that executes
 * another program unblocks them first. */
int loop_init(struct loop *l);

/* Closes the signalfd.  The signals stay blocked: what arrives now waits for the end. */
void loop_close(struct loop *l);

/* CLOCK_MONOTONIC (it stands still in suspend, as kernel conntrack timers do not: see boottime in
 * clock_gettime(2); the daemon runs on machines that do not suspend). */
ms_t loop_now(void);
/* The same clock in microseconds; never 0. */
int64_t loop_now_us(void);

/* Starts a turn with an empty set but for the signal descriptor, which no turn can do without. */
void loop_begin(struct loop *l);

/* Adds a descriptor; returns its index for loop_events(), or -1 when the set is full.  A negative
 * descriptor is taken and never becomes ready. */
int loop_add(struct loop *l, int fd, short events);

/*
 * Waits until something is ready or `deadline` is reached; MS_NEVER waits for readiness alone.  It
 * may return early (a stray signal, a deadline more than a day ahead): ask the clock.  0 or a
 * negative errno value (EINTR is 0).
 */
int loop_wait(struct loop *l, ms_t deadline);
/* The same with a deadline in microseconds (loop_now_us()); INT64_MAX waits for readiness alone. */
int loop_wait_us(struct loop *l, int64_t deadline_us);

/* revents of the descriptor added as `index`; 0 for -1. */
short loop_events(const struct loop *l, int index);

/* Takes the next signal of those that this turn's wait has found; its number, or 0 if there is none.
 * Take at most LOOP_SIGNALS_MAX in one turn. */
int loop_signal(struct loop *l);

#endif
