/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl_world.h: a control server, its owner and clients, in turns that the test makes.
 */
#ifndef UNIT_CTL_WORLD_H
#define UNIT_CTL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "ctl.h"

/* ---- a turn without the real loop: time is a number ---- */

int
loop_add(struct loop *l, int fd, short events)
{
	if (l->count == LOOP_FDS_MAX)
		return -1;
	l->fds[l->count] = (struct pollfd){.fd = fd, .events = events};
	return (int)l->count++;
}

short
loop_events(const struct loop *l, int index)
{
	return index < 0 ? 0 : l->fds[index].revents;
}

/* ---- an owner ---- */

enum { DUMP_LINES = 200000, LINE_LEN = 40 };

struct world {
	char dir[64];
	char path[80];
	struct ctl *ctl;
	ms_t now;
	uint32_t requests, gones, mores;
	uint32_t lines; /* produced for dumps so far */
	struct ctl_client *held; /* a commit that takes its time */
	char words[CTL_WORDS_MAX]; /* of the last verb */
	size_t words_len;
	int sndbuf;              /* bytes that the daemon's sockets take; 0: as they come */
};

static inline void
owner_request(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct world *w = ctx;

	w->requests++;
	switch (job->request) {
	case CTL_STATS:
		assert_true(ctl_out(c, "some statistics\n", 16));
		ctl_finish(c, 0);
		break;
	case CTL_FLUSH_CACHES:
		assert_true(ctl_out(c, "to stdout\n", 10));
		assert_true(ctl_err(c, "refused: %d", 42));
		ctl_finish(c, 1);
		assert_false(ctl_out(c, "too late\n", 9));
		break;
	case CTL_COMMIT:
		w->held = c;
		break;
	case CTL_DUMP_INTERNAL:
	case CTL_STATS_QUEUE:
		ctl_want_more(c);
		break;
	case CTL_VERB:
		w->words_len = job->words_len;
		memcpy(w->words, job->words, job->words_len);
		ctl_finish(c, 0);
		break;
	default:
		ctl_finish(c, 0);
		break;
	}
}

/* Lines numbered from zero, always of the same length. */
static inline void
owner_more(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct world *w = ctx;
	char chunk[CTL_CHUNK_MAX];
	size_t len = 0;

	w->mores++;
	if (job->request == CTL_STATS_QUEUE) {
		w->held = c;
		return; /* nothing to say yet */
	}
	while (job->cursor < DUMP_LINES && len + LINE_LEN <= sizeof(chunk)) {
		snprintf(chunk + len, LINE_LEN + 1 < sizeof(chunk) - len ? LINE_LEN + 1
									 : sizeof(chunk) - len,
		    "%-39u", job->cursor++);
		chunk[len + LINE_LEN - 1] = '\n';
		len += LINE_LEN;
		w->lines++;
	}
	if (len > 0)
		assert_true(ctl_out(c, chunk, len));
	if (job->cursor == DUMP_LINES)
		ctl_finish(c, 0);
}

static inline void
owner_gone(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct world *w = ctx;

	assert_true(ctl_request_known(job->request));
	w->gones++;
	if (w->held == c)
		w->held = NULL;
}

static inline struct ctl_ops
owner_ops(struct world *w)
{
	return (struct ctl_ops){owner_request, owner_more, owner_gone, w};
}

static inline int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ctl_ops ops = owner_ops(w);

	assert_non_null(w);
	strcpy(w->dir, "/tmp/test_ctl.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/s", w->dir);
	w->now = (ms_t){1000000};
	assert_int_equal(ctl_open(&w->ctl, w->path, CTL_NO_GROUP, &ops), 0);
	*state = w;
	return 0;
}

static inline int
teardown(void **state)
{
	struct world *w = *state;

	ctl_close(w->ctl);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* Turns of the daemon until nothing is ready any more; returns how many had something to do. */
static inline int
turns(struct world *w, int max)
{
	static struct loop l;
	int busy = 0, idle = 0;

	for (int i = 0; i < max && idle < 2; i++) {
		int ready;

		l.count = 0;
		ctl_prepare(w->ctl, &l);
		for (size_t j = 0; w->sndbuf > 0 && j < l.count; j++)
			setsockopt(l.fds[j].fd, SOL_SOCKET, SO_SNDBUF, &w->sndbuf,
			    sizeof(w->sndbuf));
		ready = poll(l.fds, l.count, 0);
		assert_true(ready >= 0);
		ctl_dispatch(w->ctl, &l, w->now);
		/* A turn that only a deadline woke can make work for the next one. */
		idle = ready == 0 ? idle + 1 : 0;
		busy += ready > 0;
	}
	return busy;
}

static inline int
dial(struct world *w)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, w->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline int
ask(struct world *w, uint32_t number)
{
	int fd = dial(w);

	assert_int_equal(send(fd, &number, sizeof(number), MSG_NOSIGNAL), sizeof(number));
	return fd;
}

/* Compares what has arrived so far, to the last byte. */
static inline void
expect_bytes(int fd, const char *want, size_t len)
{
	char buf[256];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	assert_int_equal(n, len);
	assert_memory_equal(buf, want, len);
}

static inline void
expect_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(fd);
}

static inline void
expect_nothing_yet(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
