/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doc.h: what stands where in a document.  Pure.
 */
#ifndef CONSOLE_DOC_H
#define CONSOLE_DOC_H

#include <jansson.h>
#include <stdbool.h>

/* What is at a path such as "internal.flows", borrowed; NULL if it is not there. */
const json_t *console_at(const json_t *doc, const char *path);

/* A number of others, cut so that a thousand of it, or a thousand such numbers, do not overflow; 0 if it is none. */
json_int_t console_number(const json_t *value);

/* What is at a path, as a value: of what is missing, or of another kind, 0, "" or false; numbers as above. */
json_int_t console_int(const json_t *doc, const char *path);
const char *console_str(const json_t *doc, const char *path);
bool console_bool(const json_t *doc, const char *path);

#endif
