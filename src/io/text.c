/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

#include "buf.h"

enum { DIGITS_MAX = 20, ADDR_MAX = 48 };

void
text_init(struct text *t, char *buf, size_t cap)
{
	ASSERT(cap > 0);
	t->start = buf;
	t->len = 0;
	t->cap = cap;
	t->overflow = false;
	buf[0] = '\0';
}

void
text_add(struct text *t, const char *fmt, ...)
{
	size_t room = t->cap - t->len;
	va_list ap;
	int n;

	if (t->overflow)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->start + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		t->start[t->len] = '\0';
		t->overflow = true;
		return;
	}
	t->len += (size_t)n;
}

void
text_u64(struct text *t, uint64_t v)
{
	char digits[DIGITS_MAX], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	text_bytes(t, p, (size_t)(digits + sizeof(digits) - p));
}

void
text_i64(struct text *t, int64_t v)
{
	if (v < 0)
		text_str(t, "-");
	text_u64(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* The digits of `v` from `p` on; returns where they end. */
static char *
put_hex(char *p, uint32_t v)
{
	int shift = 28;

	while (shift > 0 && v >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[v >> shift & 0xf];
	return p;
}

void
text_hex(struct text *t, uint32_t v)
{
	char digits[DIGITS_MAX];

	text_bytes(t, digits, (size_t)(put_hex(digits, v) - digits));
}

static char *
put_octet(char *p, uint8_t v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *
put_addr4(char *p, const uint8_t *b)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_octet(p, b[i]);
	}
	return p;
}

/* The longest run of two zero words or more, the first of several: "::" stands for it.  Its length, 0 if
 * there is none. */
static int
find_zeros(const uint16_t words[8], int *start)
{
	int best = 0;

	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && words[i + n] == 0)
			n++;
		if (n > best) {
			best = n;
			*start = i;
		}
		i += n;
	}
	return best >= 2 ? best : 0;
}

static char *
put_addr6(char *p, const uint8_t *b)
{
	uint16_t words[8];
	int zeros, start = 0;

	for (int i = 0; i < 8; i++)
		words[i] = get_be16(b + 2 * i);
	zeros = find_zeros(words, &start);
	for (int i = 0; i < 8; i++) {
		if (zeros > 0 && i == start) {
			*p++ = ':';
			i += zeros - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i > 0)
			*p++ = ':';
		/* An IPv4 address in IPv6's clothes. */
		if (i == 6 && start == 0 && (zeros == 6 || (zeros == 5 && words[5] == 0xffff)))
			return put_addr4(p, b + 12);
		p = put_hex(p, words[i]);
	}
	return p;
}

void
text_addr(struct text *t, uint8_t l3, const struct ip_addr *addr)
{
	char buf[ADDR_MAX];
	char *end = l3 == L3_IPV6 ? put_addr6(buf, addr->b) : put_addr4(buf, addr->b);

	text_bytes(t, buf, (size_t)(end - buf));
}
