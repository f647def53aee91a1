/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * word.h: which word was meant, if one was misspelt.
 */
#ifndef CONF_WORD_H
#define CONF_WORD_H

#include <stdbool.h>
#include <stddef.h>

/* Letters to insert, delete or change to make one word of the other; case does not count.  SIZE_MAX if one of
 * them is longer than any word of ours. */
size_t word_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* Is a word of `len` letters at that distance likely what was meant? */
bool word_is_near(size_t distance, size_t len);

#endif
