/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"

int
verb_status(struct console *c)
{
	json_t *doc;
	int code;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	code = console_ask_word(c, "status", NULL, &doc);
	if (doc == NULL)
		return code;
	if (c->json) {
		console_print_json(doc);
	} else {
		printf("%s, up %lld s\n", console_str(doc, "mode"),
		    (long long)console_int(doc, "uptime_s"));
		printf("internal %lld, external %lld flows\n",
		    (long long)console_int(doc, "internal.flows"),
		    (long long)console_int(doc, "external.flows"));
	}
	json_decref(doc);
	return code;
}
