/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h: what the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput().  It is linked with libFuzzer (tools/fuzz), or
 * with replay.c, which feeds it the files of its corpus.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input as a script: what is read past its end is zero. */
struct script {
	const uint8_t *p, *end;
};

static inline bool
script_more(const struct script *s)
{
	return s->p < s->end;
}

static inline uint8_t
script_u8(struct script *s)
{
	return s->p < s->end ? *s->p++ : 0;
}

static inline uint16_t
script_u16(struct script *s)
{
	uint16_t high = script_u8(s);

	return (uint16_t)(high << 8 | script_u8(s));
}

static inline uint32_t
script_u32(struct script *s)
{
	uint32_t high = script_u16(s);

	return high << 16 | script_u16(s);
}

/* At most `len` bytes in memory of exactly their size, so that the address sanitizer sees a read
 * past their end; *got tells how many.  To be freed. */
static inline uint8_t *
script_bytes(struct script *s, size_t len, size_t *got)
{
	uint8_t *copy;

	*got = len < (size_t)(s->end - s->p) ? len : (size_t)(s->end - s->p);
	copy = malloc(*got > 0 ? *got : 1);
	CHECK(copy != NULL);
	if (*got > 0)
		memcpy(copy, s->p, *got);
	s->p += *got;
	return copy;
}

#endif
