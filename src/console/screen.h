/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen.h: text of at most SCREEN_COLS columns for a person: paragraphs, colours, numbers.
 */
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include <stdio.h>

#include "base.h"

enum { SCREEN_COLS = 80, SCREEN_WORD_MAX = 64, SCREEN_TEXT_MAX = 1024 };

enum screen_style { SCREEN_PLAIN, SCREEN_HEAD, SCREEN_GOOD, SCREEN_WARN, SCREEN_BAD };

struct screen {
	FILE *out;
	bool colours;
};

/* Are colours wanted on this stream?  On a terminal that has some, unless NO_COLOR is set (no-color.org). */
bool screen_wants_colours(FILE *out);

/* A piece of a line.  Whatever could steer a terminal becomes a question mark. */
void screen_put(const struct screen *s, enum screen_style style, const char *fmt, ...) ATTR_PRINTF(3, 4);

/*
 * A paragraph: `fmt' is broken between words so that no line is longer than SCREEN_COLS; all lines are indented by
 * `indent', but for the first, of which `used' columns have been written.  Blanks that it begins with stay.
 */
void screen_wrap(const struct screen *s, enum screen_style style, int used, int indent, const char *fmt,
    ...) ATTR_PRINTF(5, 6);

/* "12 ms", "0.2 s", "12 s", "3 min 12 s", "3 h 12 min", "4 d 2 h".  SCREEN_WORD_MAX bytes hold it. */
const char *screen_time(char out[SCREEN_WORD_MAX], int64_t ms);
/* "1,234,567" */
const char *screen_count(char out[SCREEN_WORD_MAX], int64_t n);
/* "512 B", "12.3 kB", "1.23 MB": powers of 1000. */
const char *screen_bytes(char out[SCREEN_WORD_MAX], int64_t n);

#endif
