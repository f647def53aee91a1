/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify.h: tells the service manager how we are (the protocol of sd_notify(3)): one datagram of
 * "NAME=value" lines to the socket named by NOTIFY_SOCKET.
 *
 * Without a service manager nothing is sent.  A message that cannot be sent is lost: telling is
 * never more important than what is told of.
 */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include "base.h"

struct notify {
	int fd;              /* -1: nobody to tell */
	int64_t watchdog_ms; /* how often to say that we live; 0: nobody asks */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.  Always leaves *n usable. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Sends the lines, which are separated by newlines. */
void notify_send(const struct notify *n, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif
