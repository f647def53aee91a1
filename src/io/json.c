/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"

void
jw_init(struct json *j, struct text *t)
{
	*j = (struct json){.text = t};
}

/* ---- strings ---- */

/* Bytes of the UTF-8 sequence that begins here (RFC 3629), 0 if it is none. */
static size_t
utf8_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
	    : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Longer than need be, halves of pairs, beyond the last. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void
put_char(struct text *t, const char *s, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char c = (unsigned char)*s;
	char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 0xf], '\0'};

	if (len == 0) {
		text_str(t, "\\ufffd");
	} else if (c == '"' || c == '\\') {
		text_str(t, c == '"' ? "\\\"" : "\\\\");
	} else if (c == '\n') {
		text_str(t, "\\n");
	} else if (c < 0x20 || c == 0x7f) {
		text_str(t, escape);
	} else {
		text_bytes(t, s, len);
	}
}

static void
put_str(struct text *t, const char *s)
{
	text_str(t, "\"");
	while (*s != '\0') {
		size_t len = utf8_len((const unsigned char *)s);

		put_char(t, s, len);
		s += len > 0 ? len : 1;
	}
	text_str(t, "\"");
}

/* ---- values ---- */

static void
begin_value(struct json *j, const char *key)
{
	uint32_t bit = UINT32_C(1) << j->depth;

	if (j->filled & bit)
		text_str(j->text, ",");
	j->filled |= bit;
	if (key != NULL) {
		put_str(j->text, key);
		text_str(j->text, ":");
	}
}

static void
nest(struct json *j, const char *key, const char *bracket)
{
	begin_value(j, key);
	ASSERT(j->depth + 1 < JSON_DEPTH_MAX);
	j->depth++;
	j->filled &= ~(UINT32_C(1) << j->depth);
	text_str(j->text, bracket);
}

static void
unnest(struct json *j, const char *bracket)
{
	ASSERT(j->depth > 0);
	j->depth--;
	text_str(j->text, bracket);
}

void
jw_object(struct json *j, const char *key)
{
	nest(j, key, "{");
}

void
jw_object_end(struct json *j)
{
	unnest(j, "}");
}

void
jw_array(struct json *j, const char *key)
{
	nest(j, key, "[");
}

void
jw_array_end(struct json *j)
{
	unnest(j, "]");
}

void
jw_str(struct json *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value != NULL)
		put_str(j->text, value);
	else
		text_str(j->text, "null");
}

void
jw_u64(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	text_u64(j->text, value);
}

void
jw_i64(struct json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	text_i64(j->text, value);
}

void
jw_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	text_str(j->text, value ? "true" : "false");
}

void
jw_null(struct json *j, const char *key)
{
	jw_str(j, key, NULL);
}

void
jw_end(struct json *j)
{
	ASSERT(j->depth == 0);
	text_str(j->text, "\n");
}
