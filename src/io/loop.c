/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* Longest single wait.  A far deadline is waited for in pieces: the caller's loop does not notice,
 * and the sum fits every time_t. */
static const int64_t wait_max_us = (int64_t)24 * 60 * 60 * 1000 * 1000;

static const int handled_signals[] = {
    SIGTERM,
    SIGINT,
    SIGHUP,
    SIGUSR1,
    SIGUSR2,
    SIGQUIT,
    SIGCHLD,
};

int
loop_init(struct loop *l)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	l->count = 0;
	l->signal_fd = -1;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++)
		sigaddset(&set, handled_signals[i]);
	/* Open first: blocking signals that nobody would read makes the process unkillable. */
	l->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signal_fd < 0)
		return -errno;
	if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		int err = -errno;

		loop_close(l);
		return err;
	}
	return 0;
}

void
loop_close(struct loop *l)
{
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	l->signal_fd = -1;
	l->count = 0;
}

ms_t
loop_now(void)
{
	struct timespec ts = {0};

	/* It cannot fail with this clock and a valid pointer. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ms_t){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

int64_t
loop_now_us(void)
{
	struct timespec ts = {0};
	int64_t us;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	return us > 0 ? us : 1;
}

void
loop_begin(struct loop *l)
{
	l->count = 0;
	loop_add(l, l->signal_fd, POLLIN);
}

int
loop_add(struct loop *l, int fd, short events)
{
	if (l->count >= LOOP_FDS_MAX)
		return -1;
	l->fds[l->count] = (struct pollfd){.fd = fd, .events = events};
	return (int)l->count++;
}

/*
 * The wait in force from now on: what is left until the deadline.  The clock reading is rounded down,
 * so the wait never ends early.
 */
static struct timespec
time_left(int64_t deadline_us)
{
	int64_t left = deadline_us > 0 ? deadline_us - loop_now_us() : 0;

	if (left < 0)
		left = 0;
	if (left > wait_max_us)
		left = wait_max_us;
	return (struct timespec){.tv_sec = left / 1000000, .tv_nsec = (left % 1000000) * 1000};
}

int
loop_wait(struct loop *l, ms_t deadline)
{
	return loop_wait_us(l, ms_to_us(deadline));
}

int
loop_wait_us(struct loop *l, int64_t deadline_us)
{
	struct timespec left = {0};
	bool forever = deadline_us == INT64_MAX;
	int err;

	if (!forever)
		left = time_left(deadline_us);
	if (ppoll(l->fds, l->count, forever ? NULL : &left, NULL) >= 0)
		return 0;
	err = errno;
	/* After a failure the kernel has said nothing about any descriptor. */
	for (size_t i = 0; i < l->count; i++)
		l->fds[i].revents = 0;
	return err == EINTR ? 0 : -err;
}

short
loop_events(const struct loop *l, int index)
{
	if (index < 0)
		return 0;
	ASSERT((size_t)index < l->count);
	return l->fds[index].revents;
}

int
loop_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	/* Signals are rare, and turns are many. */
	if (l->count == 0 || l->fds[0].revents == 0)
		return 0;
	if (read(l->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
