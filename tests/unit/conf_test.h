/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_test.h: what the tests of conf share.
 */
#ifndef TESTS_CONF_TEST_H
#define TESTS_CONF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"

/* Parses an exact-size heap copy, so that the address sanitizer sees a read past its end. */
static inline bool
parse_text(struct config *c, const char *text, size_t len, struct diags *d)
{
	char *copy = malloc(len > 0 ? len : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ok = config_parse(c, copy, len, d);
	free(copy);
	return ok;
}

/* The remark of that level whose text contains `needle`, or NULL. */
static inline const struct diag *
find_diag(const struct diags *d, enum diag_level level, const char *needle)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].level == level && strstr(d->list[i].text, needle) != NULL)
			return &d->list[i];
	}
	return NULL;
}

static inline void
show_diags(const struct diags *d)
{
	for (size_t i = 0; i < d->count; i++)
		print_message("#  %u:%u: %s%s\n", d->list[i].line, d->list[i].col,
		    d->list[i].level == DIAG_WARNING ? "warning: " : "", d->list[i].text);
}

/* config_defaults() clears the whole struct, so bytes can be compared but for the one pointer, and
 * where in its file a link stood. */
static inline bool
same_config(const struct config *a, const struct config *b)
{
	struct config x = *a, y = *b;

	x.node.filter.nets = NULL;
	y.node.filter.nets = NULL;
	for (size_t i = 0; i < NODE_LINKS_MAX; i++)
		x.links[i].line = y.links[i].line = 0;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* An accepted configuration, printed, parses back without a remark to the same struct. */
static inline void
assert_round_trip(const struct config *c, const char *what)
{
	static char text[262144];
	static struct config back;
	struct diags d;
	size_t len = config_print(c, text, sizeof(text));

	assert_true(len < sizeof(text));
	assert_int_equal(len, strlen(text));
	if (!parse_text(&back, text, len, &d) || !same_config(c, &back)) {
		show_diags(&d);
		fail_msg("%s: does not survive printing:\n%s", what, text);
	}
	assert_int_equal(d.errors, 0);
}

#endif
