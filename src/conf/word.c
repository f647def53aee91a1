/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "word.h"

#include <stdint.h>
#include <strings.h>

enum { WORD_LEN_MAX = 32, NEAR_MAX = 2 };

size_t
word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[WORD_LEN_MAX + 1];

	if (a_len > WORD_LEN_MAX || b_len > WORD_LEN_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_len];
}

bool
word_is_near(size_t distance, size_t len)
{
	return distance <= NEAR_MAX && distance * 3 <= len;
}
