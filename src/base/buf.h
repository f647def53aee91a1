/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buf.h: bounded cursors over memory that the caller owns.
 *
 * A cursor never moves past its end.  The first read or write that does not fit sets `failed`, and
 * everything after it does nothing (reads give zeros): add all, test once.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <string.h>

#include "base.h"

struct rbuf {
	const uint8_t *p;   /* next byte to read */
	const uint8_t *end; /* one past the last */
	bool failed;
};

struct wbuf {
	uint8_t *start;
	uint8_t *p;   /* next byte to write */
	uint8_t *end; /* one past the last that may be written */
	bool failed;
};

/* Inline, as every byte of every message goes through here. */

/* Big-endian access to memory of any alignment. */
static inline uint16_t
get_be16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)((b[0] << 8) | b[1]);
}

static inline uint32_t
get_be32(const void *p)
{
	const uint8_t *b = p;

	return ((uint32_t)b[0] << 24) | ((uint32_t)b[1] << 16) | ((uint32_t)b[2] << 8) | b[3];
}

static inline void
put_be16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static inline void
put_be32(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}

/* Cursor over `len` bytes at `data`; both may be zero. */
static inline void
rbuf_init(struct rbuf *b, const void *data, size_t len)
{
	b->p = data;
	b->end = b->p + len;
	b->failed = false;
}

static inline size_t
rbuf_left(const struct rbuf *b)
{
	return (size_t)(b->end - b->p);
}

/* Steps over `len` bytes and returns where they start, or NULL on failure. */
static inline const uint8_t *
rbuf_skip(struct rbuf *b, size_t len)
{
	const uint8_t *at = b->p;

	if (b->failed || rbuf_left(b) < len) {
		b->failed = true;
		return NULL;
	}
	b->p += len;
	return at;
}

static inline uint8_t
rbuf_u8(struct rbuf *b)
{
	const uint8_t *p = rbuf_skip(b, 1);

	return p ? *p : 0;
}

static inline uint16_t
rbuf_be16(struct rbuf *b)
{
	const uint8_t *p = rbuf_skip(b, 2);

	return p ? get_be16(p) : 0;
}

static inline uint32_t
rbuf_be32(struct rbuf *b)
{
	const uint8_t *p = rbuf_skip(b, 4);

	return p ? get_be32(p) : 0;
}

/* Copies `len` bytes to `out` (zeros on failure). */
static inline void
rbuf_bytes(struct rbuf *b, void *out, size_t len)
{
	const uint8_t *p = rbuf_skip(b, len);

	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

static inline void
wbuf_init(struct wbuf *b, void *data, size_t cap)
{
	b->start = data;
	b->p = data;
	b->end = b->p + cap;
	b->failed = false;
}

static inline size_t
wbuf_len(const struct wbuf *b)
{
	return (size_t)(b->p - b->start);
}

static inline size_t
wbuf_left(const struct wbuf *b)
{
	return (size_t)(b->end - b->p);
}

/* Steps over `len` bytes that the caller will write, or returns NULL. */
static inline uint8_t *
wbuf_room(struct wbuf *b, size_t len)
{
	uint8_t *at = b->p;

	if (b->failed || wbuf_left(b) < len) {
		b->failed = true;
		return NULL;
	}
	b->p += len;
	return at;
}

static inline void
wbuf_u8(struct wbuf *b, uint8_t v)
{
	uint8_t *p = wbuf_room(b, 1);

	if (p)
		*p = v;
}

static inline void
wbuf_be16(struct wbuf *b, uint16_t v)
{
	uint8_t *p = wbuf_room(b, 2);

	if (p)
		put_be16(p, v);
}

static inline void
wbuf_be32(struct wbuf *b, uint32_t v)
{
	uint8_t *p = wbuf_room(b, 4);

	if (p)
		put_be32(p, v);
}

static inline void
wbuf_bytes(struct wbuf *b, const void *data, size_t len)
{
	uint8_t *p = wbuf_room(b, len);

	if (p && len > 0)
		memcpy(p, data, len);
}

static inline void
wbuf_zeros(struct wbuf *b, size_t len)
{
	uint8_t *p = wbuf_room(b, len);

	if (p && len > 0)
		memset(p, 0, len);
}

/* Overwrites two bytes already written at offset `at` from the start. */
static inline void
wbuf_patch_be16(struct wbuf *b, size_t at, uint16_t v)
{
	if (b->failed)
		return;
	ASSERT(at + 2 <= wbuf_len(b));
	put_be16(b->start + at, v);
}

#endif
