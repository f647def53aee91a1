/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h: JSON (RFC 8259) into the caller's memory, a value at a time.  Pure.
 *
 * Values have a key in objects and NULL in its place in arrays and at the top.  What does not fit sets the
 * text's `overflow`.  Numbers are integers; whoever has fractions gives them a unit that has none.
 */
#ifndef IO_JSON_H
#define IO_JSON_H

#include "text.h"

/* libjansson, which clients use, has functions of these names; in one program they have to differ. */
#define json_object json_put_object
#define json_array json_put_array
#define json_null json_put_null

enum { JSON_DEPTH_MAX = 16 };

struct json {
	struct text *text;
	uint32_t filled; /* bit set by depth: something stands there already */
	unsigned int depth;
};

void json_init(struct json *j, struct text *t);

void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

/* NULL is null.  Bytes that are no UTF-8 (of names that somebody else has chosen) become U+FFFD. */
void json_str(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* Ends the document: a newline. */
void json_end(struct json *j);

#endif
