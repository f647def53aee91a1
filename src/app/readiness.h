/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * readiness.h: what node_ready_view() sees, in words.
 */
#ifndef APP_READINESS_H
#define APP_READINESS_H

#include "json.h"
#include "state.h"

enum { READINESS_TEXT_MAX = 256 };

/* "resync-under-way": stays the same for ever, scripts and alerts know it. */
const char *readiness_code(enum ready_reason why);
/* A sentence with its numbers, and what to do about it: NULL if there is nothing to do but wait. */
void readiness_text(const struct daemon *d, enum ready_reason why, const struct ready_state *r,
    char text[READINESS_TEXT_MAX]);
const char *readiness_advice(enum ready_reason why, const struct ready_state *r);

/* Object "ready", or under another key. */
void readiness_write(struct json *j, const char *key, const struct daemon *d,
    const struct ready_view *view);

#endif
