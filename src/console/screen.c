/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top.h"

bool
screen_wants_colours(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && (no == NULL || no[0] == '\0') && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

/* ---- text ---- */

static void
style_begin(const struct screen *s, enum screen_style style)
{
	static const char *const codes[] = {
	    [SCREEN_HEAD] = "1", [SCREEN_GOOD] = "1;32", [SCREEN_WARN] = "1;33", [SCREEN_BAD] = "1;31"};

	if (s->colours && style != SCREEN_PLAIN)
		fprintf(s->out, "\033[%sm", codes[style]);
}

static void
style_end(const struct screen *s, enum screen_style style)
{
	if (s->colours && style != SCREEN_PLAIN)
		fputs("\033[0m", s->out);
}

/* A line break at the end stays. */
static void
sanitize(char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && !(c == '\n' && text[1] == '\0')) || c == 0x7f)
			*text = '?';
	}
}

void
screen_put(const struct screen *s, enum screen_style style, const char *fmt, ...)
{
	char text[SCREEN_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sanitize(text);
	style_begin(s, style);
	fputs(text, s->out);
	style_end(s, style);
}

/* Columns: bytes that do not continue a character. */
static int
columns(const char *text, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

void
screen_wrap(const struct screen *s, enum screen_style style, int used, int indent, const char *fmt, ...)
{
	char text[SCREEN_TEXT_MAX];
	const char *word = text;
	int at = used;
	bool first = true;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sanitize(text);
	style_begin(s, style);
	while (*word == ' ') {
		putc(*word++, s->out);
		at++;
	}
	while (*(word += strspn(word, " ")) != '\0') {
		size_t len = strcspn(word, " ");
		int width = columns(word, len);

		if (at + !first + width > SCREEN_COLS && (!first || at > indent)) {
			fprintf(s->out, "\n%*s", indent, "");
			at = indent;
			first = true;
		}
		fprintf(s->out, "%s%.*s", first ? "" : " ", (int)len, word);
		at += width + !first;
		first = false;
		word += len;
	}
	style_end(s, style);
	putc('\n', s->out);
}

/* ---- numbers ---- */

const char *
screen_time(char out[SCREEN_WORD_MAX], int64_t ms)
{
	long long s = ms / 1000;

	if (ms < 0)
		snprintf(out, SCREEN_WORD_MAX, "?");
	else if (ms < 100)
		snprintf(out, SCREEN_WORD_MAX, "%lld ms", (long long)ms);
	else if (s < 10)
		snprintf(out, SCREEN_WORD_MAX, "%lld.%lld s", s, (long long)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(out, SCREEN_WORD_MAX, "%lld s", s);
	else if (s < 3600)
		snprintf(out, SCREEN_WORD_MAX, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, SCREEN_WORD_MAX, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(out, SCREEN_WORD_MAX, "%lld d %lld h", s / 86400, s / 3600 % 24);
	return out;
}

const char *
screen_count(char out[SCREEN_WORD_MAX], int64_t n)
{
	if (n < 0)
		snprintf(out, SCREEN_WORD_MAX, "?");
	else
		top_count(out, SCREEN_WORD_MAX, (uint64_t)n);
	return out;
}

const char *
screen_bytes(char out[SCREEN_WORD_MAX], int64_t n)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	double value = (double)n;
	size_t unit = 0;

	/* What would be rounded up to four digits belongs to the next unit. */
	for (; value >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++)
		value /= 1000;
	if (n < 0)
		snprintf(out, SCREEN_WORD_MAX, "?");
	else
		snprintf(out, SCREEN_WORD_MAX, "%.*f %s",
		    unit == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
	return out;
}
