/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"
#include "status_text.h"

int
verb_status(struct console *c)
{
	const struct screen s = {.out = stdout, .colours = screen_wants_colours(stdout)};
	bool brief = console_flag(c, "short");
	struct verdict v;
	json_t *doc;
	int code;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	code = console_ask_word(c, "status", NULL, &doc);
	if (doc == NULL)
		return code;
	verdict_find(&v, doc);
	if (c->json)
		console_print_json(doc);
	else if (brief)
		status_print_short(&s, doc, &v);
	else
		status_print(&s, doc, &v);
	json_decref(doc);
	return code == CONSOLE_OK && v.is == VERDICT_UNSAFE ? CONSOLE_BUT : code;
}
