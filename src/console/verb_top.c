/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_top.c: one screen of top as text or JSON; the live one is a program of its own, which brings ncurses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "console.h"
#include "exec.h"
#include "top.h"

enum { NAME_LEN_MAX = 65, NUMBER_LEN_MAX = 24, ONCE_ROWS = 60, ONCE_COLS = 80 };

static const char program[] = "conntrackd-top";

static ms_t
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ms_t){ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

/* Takes in one more status, or the history.  An exit code. */
static int
look(struct console *c, struct top *t, bool history)
{
	json_t *doc;
	int code = console_ask_word(c, history ? "history" : "status", history ? TOP_HISTORY_LAST : NULL, &doc);

	if (doc != NULL && history)
		top_feed_history(t, doc);
	else if (doc != NULL)
		top_feed(t, doc, monotonic());
	/* What the daemon thinks of its answer is for others to judge by. */
	code = doc != NULL ? CONSOLE_OK : code != CONSOLE_OK ? code : CONSOLE_FAILED;
	json_decref(doc);
	return code;
}

static int
print_screen(const struct top *t)
{
	struct top_page *page = calloc(1, sizeof(*page));
	char host[NAME_LEN_MAX] = "", clock[NUMBER_LEN_MAX] = "", text[TOP_COLS_MAX + 1];
	time_t now = time(NULL);
	struct top_view v = {.rows = ONCE_ROWS, .cols = ONCE_COLS, .why = "", .since = "", .clock = clock,
	    .host = host, .time_s = now};
	struct tm local;
	int rows;

	if (page == NULL)
		return CONSOLE_FAILED;
	gethostname(host, sizeof(host) - 1);
	if (localtime_r(&now, &local) != NULL) {
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
		v.utc_offset_s = local.tm_gmtoff;
	}
	rows = top_draw(t, &v, page);
	for (int row = 0; row < rows; row++) {
		top_row_text(page, row, text);
		puts(text);
	}
	free(page);
	return CONSOLE_OK;
}

static int
once(struct console *c, int64_t interval_ms)
{
	struct top *t = calloc(1, sizeof(*t));
	struct timespec wait = {interval_ms / 1000, interval_ms % 1000 * 1000000};
	json_t *doc;
	int code = CONSOLE_FAILED;

	if (t == NULL)
		return code;
	top_init(t);
	code = look(c, t, false);
	if (code == CONSOLE_OK) {
		while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
			continue;
		code = look(c, t, false);
	}
	if (code == CONSOLE_OK && !c->json)
		code = look(c, t, true);
	if (code == CONSOLE_OK && c->json) {
		doc = top_json(t);
		code = doc != NULL ? CONSOLE_OK : CONSOLE_FAILED;
		if (doc != NULL)
			console_print_json(doc);
		json_decref(doc);
	} else if (code == CONSOLE_OK) {
		code = print_screen(t);
	}
	top_free(t);
	free(t);
	return code;
}

/* Does not come back if all is well. */
static int
live(struct console *c, int64_t interval_ms)
{
	char interval[NUMBER_LEN_MAX];
	char *argv[] = {(char *)program, c->cfg->unix_path, interval, NULL};
	int error;

	snprintf(interval, sizeof(interval), "%lld", (long long)interval_ms);
	error = exec_program(program, argv);
	if (error == ENOENT)
		console_error(c, "top: %s is not installed, neither beside conntrackd nor in %s; `conntrackd "
				 "top --once' does without", program, exec_directory);
	else
		console_error(c, "top: can't run %s: %s", program, strerror(error));
	return CONSOLE_FAILED;
}

int
verb_top(struct console *c)
{
	const char *interval = console_value(c, "interval");
	bool alone = console_flag(c, "once") || c->json;
	int64_t interval_ms = interval != NULL ? top_interval(interval) : TOP_INTERVAL_MS;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	if (interval_ms < 0) {
		console_error(c, "top: --interval takes seconds from 0.1 to 3600, not `%s'", interval);
		return CONSOLE_FAILED;
	}
	if (alone || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return once(c, interval_ms);
	return live(c, interval_ms);
}
