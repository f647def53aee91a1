/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_text.h: what came of a comparison, as a document, and as text.
 */
#ifndef CONSOLE_CHECK_TEXT_H
#define CONSOLE_CHECK_TEXT_H

#include <jansson.h>

#include "compare.h"

/* The document of the last look, a new reference; `facts` is what the daemon said of itself. */
json_t *check_document(const struct compare *c, const json_t *facts);
/* The same for a person, on stdout. */
void check_print(const json_t *doc);

#endif
