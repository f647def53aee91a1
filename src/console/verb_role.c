/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_role.c: `conntrackd role': one word for scripts and cluster managers.
 */
#include "console.h"

/* The first thing that blocks, as a code. */
static const char *
first_blocking(const json_t *doc)
{
	const json_t *reasons = console_at(doc, "ready.reasons");

	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const json_t *reason = json_array_get(reasons, i);

		if (console_bool(reason, "blocking"))
			return console_str(reason, "code");
	}
	return "not-ready";
}

int
verb_role(struct console *c)
{
	bool wants_ready = console_flag(c, "ready"), ready;
	json_t *doc;
	int code;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	code = console_ask_word(c, "status", NULL, &doc);
	if (doc == NULL || code != CONSOLE_OK) {
		json_decref(doc);
		return CONSOLE_FAILED;
	}
	ready = console_bool(doc, "ready.ready");
	if (c->json)
		console_print_json(console_at(doc, wants_ready ? "ready" : "role"));
	else if (wants_ready)
		printf("%s\n", ready ? "ready" : first_blocking(doc));
	else
		printf("%s\n", console_str(doc, "role.is"));
	json_decref(doc);
	return wants_ready && !ready ? CONSOLE_BUT : CONSOLE_OK;
}
