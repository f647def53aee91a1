/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"
#include "screen.h"

int
verb_log(struct console *c)
{
	const char *span = console_value(c, "for");
	struct client_words words = {.len = 0};
	char level[64], seconds[64], left[SCREEN_WORD_MAX];
	json_t *doc;
	int code;

	if (!console_args(c, 0, 1))
		return CONSOLE_FAILED;
	client_word(&words, "log");
	if (c->args_count > 0) {
		snprintf(level, sizeof(level), "level=%.32s", c->args[0]);
		client_word(&words, level);
	}
	if (span != NULL) {
		snprintf(seconds, sizeof(seconds), "for=%.32s", span);
		client_word(&words, seconds);
	}
	code = console_ask(c, &words, &doc);
	if (doc == NULL)
		return code;
	if (c->json)
		console_print_json(doc);
	else if (json_is_integer(console_at(doc, "until_ms")))
		printf("%s, and %s again in %s\n", console_str(doc, "level"), console_str(doc, "configured"),
		    screen_time(left, console_int(doc, "until_ms")));
	else
		printf("%s\n", console_str(doc, "level"));
	json_decref(doc);
	return code;
}
