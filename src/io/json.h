/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h: JSON (RFC 8259) into the caller's memory, a value at a time.  Pure.
 *
 * Values have a key in objects and NULL in its place in arrays and at the top.  What does not fit sets the
 * text's `overflow`.  Numbers are integers; whoever has fractions gives them a unit that has none.
 *
 * jw: a JSON writer.  Names that begin with json_ are libjansson's, which clients link.
 */
#ifndef IO_JSON_H
#define IO_JSON_H

#include "text.h"

enum { JSON_DEPTH_MAX = 16 };

struct json {
	struct text *text;
	uint32_t filled; /* bit set by depth: something stands there already */
	unsigned int depth;
};

void jw_init(struct json *j, struct text *t);

void jw_object(struct json *j, const char *key);
void jw_object_end(struct json *j);
void jw_array(struct json *j, const char *key);
void jw_array_end(struct json *j);

/* NULL is null.  Bytes that are no UTF-8 (of names that somebody else has chosen) become U+FFFD. */
void jw_str(struct json *j, const char *key, const char *value);
void jw_u64(struct json *j, const char *key, uint64_t value);
void jw_i64(struct json *j, const char *key, int64_t value);
void jw_bool(struct json *j, const char *key, bool value);
void jw_null(struct json *j, const char *key);

/* Ends the document: a newline. */
void jw_end(struct json *j);

#endif
