/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doc.h"

#include <string.h>

enum { PATH_PART_MAX = 64 };

static const json_int_t NUMBER_MAX = (json_int_t)1 << 53;

const json_t *
console_at(const json_t *doc, const char *path)
{
	while (doc != NULL && *path != '\0') {
		char part[PATH_PART_MAX];
		size_t len = strcspn(path, ".");

		if (len >= sizeof(part))
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		doc = json_object_get(doc, part);
		path += path[len] == '.' ? len + 1 : len;
	}
	return doc;
}

json_int_t
console_number(const json_t *value)
{
	json_int_t n = json_integer_value(value);

	return n > NUMBER_MAX ? NUMBER_MAX : n < -NUMBER_MAX ? -NUMBER_MAX : n;
}

json_int_t
console_int(const json_t *doc, const char *path)
{
	return console_number(console_at(doc, path));
}

const char *
console_str(const json_t *doc, const char *path)
{
	const char *s = json_string_value(console_at(doc, path));

	return s != NULL ? s : "";
}

bool
console_bool(const json_t *doc, const char *path)
{
	return json_is_true(console_at(doc, path));
}
