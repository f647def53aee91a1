/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base.h: what every layer needs and nothing that touches the outside world.
 *
 * Nothing here calls libc beyond mem* and str*; ASSERT ends in abort().
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * ASSERT: a programmer's mistake ends the process, also in release builds.  Bytes from a peer, the
 * kernel or a client never reach one.
 */
#define ASSERT(cond) ((cond) ? (void)0 : base_assert_failed(#cond, __FILE__, __LINE__))

#if defined(__GNUC__)
#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ATTR_NORETURN __attribute__((noreturn))
#else
#define ATTR_PRINTF(fmt, args)
#define ATTR_NORETURN
#endif

/* Never returns.  Kept out of line so that a debugger has one place to stop at. */
ATTR_NORETURN void base_assert_failed(const char *cond, const char *file, int line);

/*
 * ms_t: a point on the monotonic clock, in milliseconds.  A struct, so that it cannot be mixed up
 * with a duration (a plain int64_t, in a name that ends in _ms) or with wall clock time.
 */
typedef struct {
	int64_t ms;
} ms_t;

#define MS_NEVER ((ms_t){INT64_MAX})

static inline ms_t
ms_add(ms_t t, int64_t delta_ms)
{
	return (ms_t){t.ms == INT64_MAX ? INT64_MAX : t.ms + delta_ms};
}

/* Milliseconds from `then` to `now`; negative if `then` lies ahead. */
static inline int64_t
ms_since(ms_t now, ms_t then)
{
	return now.ms - then.ms;
}

/* The same point in microseconds; what is too far for that is never. */
static inline int64_t
ms_to_us(ms_t t)
{
	if (t.ms > INT64_MAX / 1000)
		return INT64_MAX;
	return t.ms > 0 ? t.ms * 1000 : 0;
}

/* Which second of the clock that is, modulo 2^32. */
static inline uint32_t
ms_second(ms_t t)
{
	return (uint32_t)(t.ms / 1000);
}

static inline bool
ms_reached(ms_t now, ms_t deadline)
{
	return now.ms >= deadline.ms;
}

static inline ms_t
ms_earlier(ms_t a, ms_t b)
{
	return a.ms < b.ms ? a : b;
}

/* Sequence numbers modulo 2^32 (doc/WIRE.md): negative, zero or positive as a is before, at or
 * after b. */
static inline int32_t
seq_cmp(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

#endif
