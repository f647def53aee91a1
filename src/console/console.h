/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console.h: `conntrackd VERB': commands whose answer is for a person, or JSON.
 *
 * A verb asks the daemon for a JSON document and makes text of it, or looks for itself.  Each has one
 * file verb_NAME.c and one row in console.c.  Options that all have: -C FILE, --json, --help.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "client.h"
#include "config.h"
#include "doc.h"
#include "log.h"

enum {
	CONSOLE_OK = 0,
	CONSOLE_FAILED = 1, /* it could not be done, or nobody answers; also: wrong usage */
	CONSOLE_BUT = 2,    /* done, or answered, but not as one would wish: see each verb */
};

enum { CONSOLE_ARGS_MAX = 64 };

struct console {
	const struct console_verb *verb;
	const char *config_path;
	struct config *cfg; /* NULL for verbs that read no configuration */
	struct log *log;    /* errors: a line each */
	bool json;
	int64_t limit_ms; /* the daemon may be silent for so long; 0: as long as it takes */
	/* What is left of the arguments: console_flag() and console_value() take theirs out. */
	const char *args[CONSOLE_ARGS_MAX];
	size_t args_count;
};

struct console_verb {
	const char *name;
	const char *usage; /* "[--wait SECONDS] TUPLE": what may follow the name */
	const char *help;  /* a sentence in its first line, and lines about options and exit codes */
	int (*run)(struct console *c);
	bool no_config; /* it does not need one that is right */
};

/* The verb of this name, NULL if there is none. */
const struct console_verb *console_find(const char *name);
/* The name of the verb that `word` was probably meant to be, or NULL. */
const char *console_suggest(const char *word);

/*
 * Runs `conntrackd VERB ARGS': argv[0] is the verb.  Returns the exit code.  config_path is what -C before
 * the verb has said, or the default.
 */
int console_main(int argc, char *const argv[], const char *config_path, struct log *log);

/* A line for each verb, for -h: the first of its help. */
void console_list(FILE *out);

/* ---- for the verbs ---- */

/* Is --NAME among the arguments?  Takes it out. */
bool console_flag(struct console *c, const char *name);
/* What follows --NAME (or stands behind --NAME=); NULL if it is not there.  Takes both out. */
const char *console_value(struct console *c, const char *name);
/* Are at least `least` and at most `most` arguments left, and no option among them?  If not, says so and how
 * the verb is used; then return CONSOLE_FAILED. */
bool console_args(struct console *c, size_t least, size_t most);

/* Says that something is wrong: a line on stderr. */
void console_error(struct console *c, const char *fmt, ...) ATTR_PRINTF(2, 3);

/*
 * Asks the daemon.  *doc is NULL, or the document (json_decref() it).  Returns the exit code that the daemon
 * gave; where there is none, 1, and it has been said why.
 */
int console_ask(struct console *c, const struct client_words *words, json_t **doc);
/* The same for a verb with no more than one argument (or NULL). */
int console_ask_word(struct console *c, const char *verb, const char *argument, json_t **doc);

/*
 * Asks the daemon for what is no document, or more than one: each piece goes to `sink` as it arrives.  Returns as
 * console_ask().
 */
int console_stream(struct console *c, const struct client_words *words, client_sink_fn sink, void *ctx);

/* With --json: prints the document as it is. */
void console_print_json(const json_t *doc);

/* verb_*.c */
int verb_check(struct console *c);
int verb_config(struct console *c);
int verb_demote(struct console *c);
int verb_doctor(struct console *c);
int verb_expectations(struct console *c);
int verb_flows(struct console *c);
int verb_history(struct console *c);
int verb_log(struct console *c);
int verb_promote(struct console *c);
int verb_metrics(struct console *c);
int verb_role(struct console *c);
int verb_status(struct console *c);
int verb_trace(struct console *c);
int verb_top(struct console *c);

#endif
