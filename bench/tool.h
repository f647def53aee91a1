/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool.h: what the parts of the benchmark's tool share: flows by number, ctnetlink requests, clocks.
 *
 * The tool makes load, and does the least that can be done of a daemon's work ("floors").  It runs in
 * the namespaces that bench/driver.py makes; each command ends with one line of JSON.
 */
#ifndef BENCH_TOOL_H
#define BENCH_TOOL_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum op { OP_CREATE, OP_UPDATE, OP_DELETE };

/* Options of all commands; each looks at those that concern it. */
struct options {
	uint64_t count;     /* flows, or connections */
	uint64_t first;     /* number of the first one */
	uint64_t rate;      /* per second; 0: as fast as it goes */
	unsigned int batch; /* requests in one system call, or connections side by side */
	unsigned int wait_us;
	unsigned int state; /* TCP state that the flows get */
	unsigned int timeout_s;
	double seconds;     /* how long at most */
	const char *peer;   /* address datagrams go to */
	const char *source; /* and come from */
	unsigned int port;
	bool listen;        /* somebody does, so that the kernel has to report, but wants nothing */
	int netns;          /* process whose network namespace is the other one, or 0 */
	enum op op;
};

/* Exits with a message: a benchmark that cannot go on has nothing to clean up. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

uint64_t now_ns(void);
/* CPU time of this process. */
uint64_t cpu_ns(void);
void sleep_until(uint64_t at_ns);

/* True once SIGTERM or SIGINT has come, after stop_on_signals(). */
extern volatile bool stopped;
void stop_on_signals(void);
/* Tells whoever started us that it may go on. */
void say_ready(void);

/* A ctnetlink socket with so many bytes of receive buffer; groups: multicast groups as bits, or 0. */
int ctnl_socket(uint32_t groups, int rcvbuf);
/* One that listens as a daemon does, and whose filter drops everything, as a daemon's drops what it
 * has caused itself. */
int ctnl_socket_deaf(void);
/* The first in the network namespace of a process. */
int ctnl_socket_in(int pid, uint32_t groups, int rcvbuf);

enum { REQUEST_MAX = 256 };

/* Appends the request for flow number `id` at buf; the bytes it takes, at most REQUEST_MAX. */
size_t request_put(void *buf, enum op op, uint64_t id, const struct options *o);
/* Sends one batch; then reads what failed.  The number of errors. */
unsigned int requests_send(int fd, const void *buf, size_t len);

/* The number of the flow that an event is about; false if it is none of ours. */
bool event_flow(const struct nlmsghdr *nlh, uint64_t *id);

/* The commands: load.c, floor.c, lag.c, packets.c, flood.c */
int cmd_load(const struct options *o);
int cmd_relay(const struct options *o);
int cmd_sink(const struct options *o);
int cmd_dump(const struct options *o);
int cmd_text(const struct options *o);
int cmd_lag(const struct options *o);
int cmd_packets(const struct options *o);
int cmd_flood(const struct options *o);

#endif
