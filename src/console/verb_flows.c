/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrackd flows, conntrackd expectations: the tables.  They may be large: what comes passes through, as the lines
 * that -i and -e have always printed, or as JSON.
 */
#include <string.h>
#include <unistd.h>

#include "console.h"

static int
show(struct console *c, uint32_t internal, uint32_t external)
{
	struct client_words words = {.len = 0};
	char why[256];
	const char *table;
	int code;

	if (!console_args(c, 0, 1))
		return CONSOLE_FAILED;
	table = c->args_count > 0 ? c->args[0] : "internal";
	if (strcmp(table, "internal") != 0 && strcmp(table, "external") != 0) {
		console_error(c, "%s: neither internal nor external: %s", c->verb->name, table);
		return CONSOLE_FAILED;
	}
	if (!c->json)
		code = client_run(c->cfg->unix_path, strcmp(table, "internal") == 0 ? internal : external,
		    STDOUT_FILENO, STDERR_FILENO, why, sizeof(why));
	else if (client_word(&words, c->verb->name) && client_word(&words, table))
		code = client_verb_run(c->cfg->unix_path, &words, STDOUT_FILENO, STDERR_FILENO, why, sizeof(why));
	else
		return CONSOLE_FAILED;
	if (why[0] != '\0')
		console_error(c, "%s", why);
	return code;
}

int
verb_flows(struct console *c)
{
	return show(c, CTL_DUMP_INTERNAL, CTL_DUMP_EXTERNAL);
}

int
verb_expectations(struct console *c)
{
	return show(c, CTL_DUMP_INTERNAL_EXP, CTL_DUMP_EXTERNAL_EXP);
}
