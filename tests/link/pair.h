/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.h: two network namespaces joined by two cables, for tests.
 *
 *   namespace A                        namespace B
 *   wire0  10.77.0.1  fd77::1  -----  wire0  10.77.0.2  fd77::2    the dedicated link
 *   wire1  10.78.0.1  fd78::1  -----  wire1  10.78.0.2  fd78::2    another network
 *
 * The namespaces live as long as the process.  Nothing outside of them is touched.
 */
#ifndef TESTS_LINK_PAIR_H
#define TESTS_LINK_PAIR_H

#include <stdbool.h>

enum side { SIDE_A, SIDE_B };

/* Makes the namespaces; false if that is not permitted here. */
bool pair_open(void);

/* Sockets opened from now on, and commands run, belong to this side. */
void pair_enter(enum side s);

/* Makes the cables anew, up and with addresses, and waits until they carry; what was there before
 * goes.  Does nothing if no command was run since the last time: the wait can take a second. */
void pair_wire(void);

/* Waits until an interface that was set up carries IPv4 and IPv6.  The kernel needs a moment. */
void pair_settle(const char *ifname);

/* Runs a command on one side; a failure fails the test. */
void pair_run(enum side s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
