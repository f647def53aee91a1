/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listen.h: where the exporter is spoken to.
 */
#ifndef EXPORTER_LISTEN_H
#define EXPORTER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where: "127.0.0.1:9730", "[::1]:9730" or "unix:/run/conntrackd-exporter/metrics.sock". */
struct listen_at {
	struct sockaddr_storage addr;
	socklen_t len;
	bool is_unix;
	bool is_loopback; /* only this host reaches it */
};

/* Reads it; false if it is none of these, and in why[0..why_len) the reason.  Names are not looked up.  Pure. */
bool listen_parse(struct listen_at *at, const char *text, char *why, size_t why_len);

/*
 * A listening socket there, or a negative errno value.  A UNIX socket has mode 0660; one that nobody answers on
 * any more is replaced, anything else of that name is not.
 */
int listen_open(const struct listen_at *at);

/* Closes it, and removes the name of a UNIX socket. */
void listen_close(const struct listen_at *at, int fd);

#endif
