/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration file: what is accepted is printed, and means the same when it is read again.
 */
#include "config.h"
#include "fuzz.h"

enum { PRINTED_MAX = 256 * 1024 };

static struct config first, second;

static bool
same_config(const struct config *a, const struct config *b)
{
	struct config x = *a, y = *b;

	x.node.filter.nets = NULL;
	y.node.filter.nets = NULL;
	for (size_t i = 0; i < NODE_LINKS_MAX; i++)
		x.links[i].line = y.links[i].line = 0;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static void
check_remarks(const struct diags *d, bool ok)
{
	size_t errors = 0;

	CHECK(d->count <= CONFIG_DIAGS_MAX);
	CHECK(ok == (d->errors == 0));
	for (size_t i = 0; i < d->count; i++) {
		const struct diag *at = &d->list[i], *next = at + 1;

		CHECK(memchr(at->text, '\0', sizeof(at->text)) != NULL && at->text[0] != '\0');
		errors += at->level == DIAG_ERROR;
		if (i + 1 == d->count || next->line == 0)
			continue;
		CHECK(at->line != 0 && (at->line < next->line ||
					   (at->line == next->line && at->col <= next->col)));
	}
	CHECK(errors <= d->errors && (ok || errors > 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[PRINTED_MAX], again[PRINTED_MAX];
	struct diags d;
	size_t len;
	bool ok;

	memset(&d, 0xff, sizeof(d));
	/* With advice, and without: the same. */
	ok = config_check(&first, (const char *)data, size, &d);
	check_remarks(&d, ok);
	CHECK(config_parse(&second, (const char *)data, size, &d) == ok);
	check_remarks(&d, ok);
	CHECK(!ok || same_config(&first, &second));
	if (!ok)
		return 0;
	CHECK(first.links_count <= NODE_LINKS_MAX);
	CHECK(first.node.filter.nets == first.nets);
	CHECK(first.node.filter.nets_count <= CONFIG_NETS_MAX);
	CHECK(first.node.limit >= 1 && first.node.limit <= 1u << 24);
	len = config_print(&first, text, sizeof(text));
	CHECK(len < sizeof(text) && len == strlen(text));
	CHECK(config_print(&first, NULL, 0) == len);
	CHECK(config_parse(&second, text, len, &d));
	CHECK(same_config(&first, &second));
	CHECK(config_print(&second, again, sizeof(again)) == len);
	CHECK(memcmp(text, again, len) == 0);
	return 0;
}
