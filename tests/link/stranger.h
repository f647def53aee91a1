/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stranger.h: other programs on the network, and a look at the cable, for tests.
 *
 * Everything uses UDP port STRANGER_PORT.  A failure fails the test.
 */
#ifndef TESTS_LINK_STRANGER_H
#define TESTS_LINK_STRANGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pair.h"

enum { STRANGER_PORT = 3780 };

bool fd_readable(int fd, int timeout_ms);

/* Sends one datagram from a plain socket, multicast through the interface named. */
void stranger_send(enum side s, uint8_t l3, const char *ifname, const char *to, const char *text);

/* A plain receiver: bound to the wildcard address, joined on one interface.  Returns a descriptor. */
int stranger_listen(enum side s, uint8_t l3, const char *ifname, const char *group);

/* A socket that sees all frames of an interface. */
int tap_open(enum side s, const char *ifname);

/* The next arriving frame to our UDP port; its IP header is at offset 14.  Returns its length. */
size_t tap_next(uint8_t l3, int fd, uint8_t *frame, size_t cap);

/* The big-endian 16-bit field at an offset. */
unsigned int tap_be16(const uint8_t *frame, size_t at);

#endif
