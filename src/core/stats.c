/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stats.h"

#define X(field, help) {#field, help, offsetof(struct node_stats, field)},
static const struct stats_row rows[] = {NODE_STATS(X)};
#undef X

const struct stats_row *
stats_rows(size_t *count)
{
	*count = ARRAY_LEN(rows);
	return rows;
}
