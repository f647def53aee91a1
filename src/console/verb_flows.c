/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrackd flows, conntrackd expectations: the tables.  They may be large: what comes passes through, as the lines
 * that -i and -e have always printed, or as JSON.
 */
#include <string.h>
#include <unistd.h>

#include "console.h"

/* What a verb shows: a name, and the number of the request for it as text. */
struct shown {
	const char *name;
	uint32_t request;
};

static int
show(struct console *c, const struct shown *what, size_t count)
{
	struct client_words words = {.len = 0};
	const char *name;
	char why[256];
	size_t i = 0;
	int code;

	if (!console_args(c, 0, 1))
		return CONSOLE_FAILED;
	name = c->args_count > 0 ? c->args[0] : what[0].name;
	while (i < count && strcmp(name, what[i].name) != 0)
		i++;
	if (i == count) {
		console_error(c, "%s: there is no table of this name: %s; those are %s", c->verb->name, name,
		    c->verb->usage);
		return CONSOLE_FAILED;
	}
	if (!c->json)
		code = client_run(c->cfg->unix_path, what[i].request, STDOUT_FILENO, STDERR_FILENO, why, sizeof(why));
	else if (client_word(&words, c->verb->name) && client_word(&words, name))
		code = client_verb_run(c->cfg->unix_path, &words, STDOUT_FILENO, STDERR_FILENO, c->limit_ms, why,
		    sizeof(why));
	else
		return CONSOLE_FAILED;
	if (why[0] != '\0')
		console_error(c, "%s", why);
	return code;
}

int
verb_flows(struct console *c)
{
	static const struct shown what[] = {{"internal", CTL_DUMP_INTERNAL}, {"external", CTL_DUMP_EXTERNAL},
	    {"unacknowledged", CTL_STATS_RSQUEUE}};

	return show(c, what, ARRAY_LEN(what));
}

int
verb_expectations(struct console *c)
{
	static const struct shown what[] = {
	    {"internal", CTL_DUMP_INTERNAL_EXP}, {"external", CTL_DUMP_EXTERNAL_EXP}};

	return show(c, what, ARRAY_LEN(what));
}
