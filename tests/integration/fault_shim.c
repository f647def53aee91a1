/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault_shim.c: preloaded into a daemon, makes allocations fail and steps the wall clock.
 *
 *   FAULT_NTH=N     the N-th allocation of the process (and of a child, which goes on counting) fails
 *   FAULT_FROM=N    so do all after it
 *   FAULT_COUNT=P   the number of allocations so far is kept in this file
 *   FAULT_CLOCK=P   the seconds in this file are added to what the wall clock says; it is read each time
 *
 * Allocations are malloc, calloc, realloc and anonymous mmap as the program and its libraries call them;
 * what libc allocates for itself passes, but for what goes through these names.  So does what libseccomp
 * does, a thousand times in a start: with some of them failing version 2.5.4 looks for ever for what it did
 * not get.  FAULT_SECCOMP=1 has them counted and fail, too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static long nth, from, seen;
static const char *count_path, *clock_path;
static bool seccomp;

static long
number_of(const char *text)
{
	return text ? atol(text) : 0;
}

__attribute__((constructor)) static void
start(void)
{
	nth = number_of(getenv("FAULT_NTH"));
	from = number_of(getenv("FAULT_FROM"));
	count_path = getenv("FAULT_COUNT");
	clock_path = getenv("FAULT_CLOCK");
	seccomp = getenv("FAULT_SECCOMP") != NULL;
	seen = 0;
}

/* Without stdio, which allocates. */
static void
write_count(void)
{
	char text[24];
	size_t at = sizeof(text);
	int fd = (int)syscall(SYS_openat, AT_FDCWD, count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	for (long n = seen; at == sizeof(text) || n > 0; n /= 10)
		text[--at] = (char)('0' + n % 10);
	(void)!write(fd, text + at, sizeof(text) - at);
	close(fd);
}

/* Does libseccomp ask?  The name of the file is all that tells. */
static bool
is_exempt(const void *caller)
{
	Dl_info info;

	return !seccomp && dladdr(caller, &info) != 0 && info.dli_fname != NULL &&
	    strstr(info.dli_fname, "libseccomp") != NULL;
}

static bool
fails(const void *caller)
{
	int saved = errno;

	if (is_exempt(caller))
		return false;
	seen++;
	if (count_path)
		write_count();
	errno = saved;
	if (seen != nth && (from == 0 || seen < from))
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if ((flags & MAP_ANONYMOUS) && fails(__builtin_return_address(0)))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

/* ---- the wall clock ---- */

static long
step_s(void)
{
	char text[24] = "";
	int saved = errno, fd;
	long step = 0;

	if (!clock_path)
		return 0;
	fd = (int)syscall(SYS_openat, AT_FDCWD, clock_path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			step = atol(text);
		close(fd);
	}
	errno = saved;
	return step;
}

static bool
is_wall(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	long r = syscall(SYS_clock_gettime, clock, t);

	if (r == 0 && is_wall(clock))
		t->tv_sec += step_s();
	return r == 0 ? 0 : -1;
}

time_t
time(time_t *out)
{
	struct timespec t;
	time_t now;

	(void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
	now = t.tv_sec + step_s();
	if (out)
		*out = now;
	return now;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec t;

	(void)tz;
	(void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec + step_s();
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}
