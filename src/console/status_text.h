/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status_text.h: a status document for a person.
 */
#ifndef CONSOLE_STATUS_TEXT_H
#define CONSOLE_STATUS_TEXT_H

#include <jansson.h>

#include "screen.h"
#include "verdict.h"

/* The whole screen, no line of it longer than SCREEN_COLS. */
void status_print(const struct screen *s, const json_t *doc, const struct verdict *v);
/* The verdict in one line, however long. */
void status_print_short(const struct screen *s, const json_t *doc, const struct verdict *v);

#endif
