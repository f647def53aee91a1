/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h: text into the caller's memory.  Pure.
 *
 * The pieces of lines of which there are hundreds of thousands are written without a format to be
 * interpreted: that took three quarters of their time.
 */
#ifndef IO_TEXT_H
#define IO_TEXT_H

#include <string.h>

#include "flow.h"

/*
 * Text sink over the caller's memory, always NUL-terminated (which needs one byte of `cap`).  A
 * piece that does not fit is dropped whole and sets `overflow`; so is everything after it.
 */
struct text {
	char *start;
	size_t len;
	size_t cap;
	bool overflow;
};

void text_init(struct text *t, char *buf, size_t cap);
/* As printf. */
void text_add(struct text *t, const char *fmt, ...) ATTR_PRINTF(2, 3);

static inline void
text_bytes(struct text *t, const char *bytes, size_t len)
{
	/* A piece that does not fit is left out whole: no half numbers. */
	if (t->overflow || len >= t->cap - t->len) {
		t->overflow = true;
		return;
	}
	memcpy(t->start + t->len, bytes, len);
	t->len += len;
	t->start[t->len] = '\0';
}

static inline void
text_str(struct text *t, const char *s)
{
	text_bytes(t, s, strlen(s));
}

/* A number, decimal, and in hexadecimal digits without a prefix. */
void text_u64(struct text *t, uint64_t v);
void text_i64(struct text *t, int64_t v);
void text_hex(struct text *t, uint32_t v);

/* An address in text form, as inet_ntop() has it. */
void text_addr(struct text *t, uint8_t l3, const struct ip_addr *addr);

#endif
