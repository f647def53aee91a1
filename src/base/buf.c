/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "buf.h"

#include <string.h>

void
rbuf_init(struct rbuf *b, const void *data, size_t len)
{
	b->p = data;
	b->end = b->p + len;
	b->failed = false;
}

size_t
rbuf_left(const struct rbuf *b)
{
	return (size_t)(b->end - b->p);
}

const uint8_t *
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

uint8_t
rbuf_u8(struct rbuf *b)
{
	const uint8_t *p = rbuf_skip(b, 1);

	return p ? *p : 0;
}

uint16_t
rbuf_be16(struct rbuf *b)
{
	const uint8_t *p = rbuf_skip(b, 2);

	return p ? get_be16(p) : 0;
}

uint32_t
rbuf_be32(struct rbuf *b)
{
	const uint8_t *p = rbuf_skip(b, 4);

	return p ? get_be32(p) : 0;
}

void
rbuf_bytes(struct rbuf *b, void *out, size_t len)
{
	const uint8_t *p = rbuf_skip(b, len);

	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

void
wbuf_init(struct wbuf *b, void *data, size_t cap)
{
	b->start = data;
	b->p = data;
	b->end = b->p + cap;
	b->failed = false;
}

size_t
wbuf_len(const struct wbuf *b)
{
	return (size_t)(b->p - b->start);
}

size_t
wbuf_left(const struct wbuf *b)
{
	return (size_t)(b->end - b->p);
}

static uint8_t *
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

void
wbuf_u8(struct wbuf *b, uint8_t v)
{
	uint8_t *p = wbuf_room(b, 1);

	if (p)
		*p = v;
}

void
wbuf_be16(struct wbuf *b, uint16_t v)
{
	uint8_t *p = wbuf_room(b, 2);

	if (p)
		put_be16(p, v);
}

void
wbuf_be32(struct wbuf *b, uint32_t v)
{
	uint8_t *p = wbuf_room(b, 4);

	if (p)
		put_be32(p, v);
}

void
wbuf_bytes(struct wbuf *b, const void *data, size_t len)
{
	uint8_t *p = wbuf_room(b, len);

	if (p && len > 0)
		memcpy(p, data, len);
}

void
wbuf_zeros(struct wbuf *b, size_t len)
{
	uint8_t *p = wbuf_room(b, len);

	if (p && len > 0)
		memset(p, 0, len);
}

void
wbuf_patch_be16(struct wbuf *b, size_t at, uint16_t v)
{
	if (b->failed)
		return;
	ASSERT(at + 2 <= wbuf_len(b));
	put_be16(b->start + at, v);
}
