/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_netlink.h: a kernel behind io/ctnl.c that says what the test wants, byte for byte.
 *
 * The linker puts it in the place of libmnl's sockets and of the system calls of ctnl.c (see
 * meson.build): no socket is opened.  What lies behind a datagram that was received is poisoned, so
 * that the address sanitizer sees a read past its end.
 */
#ifndef TESTS_FAKE_NETLINK_H
#define TESTS_FAKE_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_socket { FAKE_WRITE, FAKE_EVENT, FAKE_DUMP, FAKE_SOCKETS };

/* Netlink port of the write socket. */
enum { FAKE_WRITE_PORT = 4711 };

/* Forgets everything; before each test and, to free the memory, after it. */
void fake_netlink_reset(void);

/* The next datagram that the socket receives, from the kernel (0) or another process. */
void fake_netlink_push(enum fake_socket s, uint32_t from_port, const void *data, size_t len);

/* The buffer was full for a moment: what is pushed is lost until a receive has found the queue empty, and
 * the next receive says so. */
void fake_netlink_overrun(enum fake_socket s);

/* The datagrams that the socket has not received yet. */
size_t fake_netlink_waiting(enum fake_socket s);

/* Called with what ctnl.c sends, if not NULL; may push answers. */
typedef void (*fake_sent_fn)(void *ctx, enum fake_socket s, const void *data, size_t len);
void fake_netlink_on_sent(fake_sent_fn fn, void *ctx);

#endif
