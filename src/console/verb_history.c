/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <time.h>

#include "console.h"

enum { TIME_TEXT = 40 };

/* Local time with milliseconds; the day only where it is another one than before. */
static void
print_time(json_int_t wall_ms, struct tm *before)
{
	time_t s = (time_t)(wall_ms / 1000);
	char day[TIME_TEXT], clock[TIME_TEXT];
	struct tm tm;

	if (localtime_r(&s, &tm) == NULL)
		return;
	strftime(day, sizeof(day), "%a %Y-%m-%d", &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (tm.tm_year != before->tm_year || tm.tm_yday != before->tm_yday)
		printf("%s\n", day);
	printf("%s.%03d", clock, (int)(wall_ms % 1000));
	*before = tm;
}

static void
print_entry(const json_t *e, struct tm *before)
{
	json_int_t times = console_int(e, "times");

	print_time(console_int(e, "time_ms"), before);
	printf("  %-19s  %s", console_str(e, "event"), console_str(e, "text"));
	if (times > 1)
		printf(" (%lld times in %.1f s)", (long long)times,
		    (double)(console_int(e, "last_monotonic_ms") - console_int(e, "monotonic_ms")) / 1000);
	if (json_object_get(e, "pid") != NULL)
		printf(" [uid %lld, pid %lld]", (long long)console_int(e, "uid"),
		    (long long)console_int(e, "pid"));
	putchar('\n');
}

static void
print_history(const json_t *doc)
{
	const json_t *entries = json_object_get(doc, "entries"), *e;
	json_int_t added = console_int(doc, "added"), limit = console_int(doc, "limit");
	struct tm before = {.tm_year = -1};
	size_t i;

	if (added > limit)
		printf("(%lld older entries are no longer kept)\n", (long long)(added - limit));
	json_array_foreach(entries, i, e)
		print_entry(e, &before);
}

int
verb_history(struct console *c)
{
	const char *last = console_value(c, "last");
	struct client_words words = {.len = 0};
	char argument[64];
	json_t *doc;
	int code;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	snprintf(argument, sizeof(argument), "last=%.32s", last != NULL ? last : "");
	client_word(&words, "history");
	if (last != NULL)
		client_word(&words, argument);
	code = console_ask(c, &words, &doc);
	if (doc == NULL)
		return code;
	if (c->json)
		console_print_json(doc);
	else
		print_history(doc);
	json_decref(doc);
	return code;
}
