/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "word.h"

enum {
	ERROR_MAX = 512,
	/* A daemon that works answers at once; one that is stopped or hangs is not to hold up who asks for its state. */
	ANSWER_LIMIT_MS = 10 * 1000,
};

static const struct console_verb verbs[] = {
    {"check", "[--examples N]",
	"Compares the kernel's table, the caches of this node, and what peers have acknowledged.\n"
	"  --examples N   shows at most N flows of each kind of difference (10)\n"
	"Exit status: 0 they agree, 2 they differ, 1 it could not be done.",
	verb_check, false},
    {"config", "check|print [FILE] [--print]",
	"Says what is wrong with a configuration file.\n"
	"  check    all errors, each with its line; then what is legal and yet dangerous\n"
	"  print    the effective configuration: what the file says, and every default\n"
	"  --print  check, and the effective configuration on standard output\n"
	"Without FILE: that of -C, or the default.  Needs no daemon.\n"
	"Exit code: 0 fine, 2 warnings, 1 errors (print: 0 unless there are errors).",
	verb_config, true},
    {"demote", "[--wait [SECONDS]]",
	"Makes this node a backup: asks the peers for all they have.\n"
	"  --wait  answers when the replica is in sync, or after so many seconds (60)\n"
	"The kernel's table is flushed after PurgeTimeout, unless the node becomes master before.\n"
	"Exit code: 0 in sync, 2 not (yet), 1 failed.",
	verb_demote, false},
    {"doctor", "[--peer-config FILE]",
	"Looks at this machine and says what would bite, and what to do about it.\n"
	"  --peer-config FILE  compare the configuration with a copy of the peer's\n"
	"Asks the daemon if one runs.  Run as root it sees more.\n"
	"Exit code: 0 nothing beyond notes, 2 warnings or errors, 1 it could not look.",
	verb_doctor, false},
    {"expectations", "[internal|external]",
	"Shows the expectations of a table, as -i expect and -e expect do.\n"
	"  --json  an array with all that is known of each\n"
	"Exit code: 0 shown, 1 nobody answers.",
	verb_expectations, false},
    {"flows", "[internal|external|unacknowledged]",
	"Shows the flows of a table, as -i and -e do.\n"
	"  internal  those of this node's kernel, if nothing is said\n"
	"  external  those of the peers\n"
	"  unacknowledged  what was sent and is not acknowledged, as -s rsqueue does\n"
	"  --json    an array with all that is known of each, a line each\n"
	"Exit code: 0 shown, 1 nobody answers.",
	verb_flows, false},
    {"history", "[--last N]",
	"Shows what the daemon went through and decided, the oldest first.\n"
	"  --last N  the last N entries only\n"
	"Exit code: 0 shown, 1 nobody answers.",
	verb_history, false},
    {"log", "[LEVEL [--for SECONDS]]",
	"Shows the level of the log, or changes it while the daemon runs.\n"
	"  LEVEL          error, warning, notice, info or debug\n"
	"  --for SECONDS  so long; without it, until the daemon ends\n"
	"Exit code: 0 done, 1 it could not be done, or nobody answers.",
	verb_log, false},
    {"metrics", "[--format openmetrics|prometheus] [--output FILE] | --listen WHERE [--any-address]",
	"Shows numbers for a time series database: OpenMetrics, or Prometheus' text format.\n"
	"  --format      prometheus is what node_exporter's textfile collector reads; the default for a\n"
	"                file whose name ends with .prom\n"
	"  --output      writes a file instead, which is always whole\n"
	"  --listen      answers HTTP until it is ended (conntrackd-exporter); WHERE is ADDRESS:PORT, an\n"
	"                address of this host such as 127.0.0.1:9730, or unix:PATH\n"
	"  --any-address allows other addresses than those of loopback\n"
	"  --json        the status document of which the numbers are made\n"
	"Exit code: 0 shown, 1 nobody answers (conntrackd_up is 0 then) or it cannot be written.",
	verb_metrics, false},
    {"promote", "[--dry-run]",
	"Makes this node master: what the peers told goes to the kernel, becomes its own, and is announced.\n"
	"  --dry-run  a rehearsal: says what would come of it; nothing is written\n"
	"Exit code: 0 complete, 2 complete with exceptions (they are named), 1 failed.",
	verb_promote, false},
    {"role", "[--ready]",
	"Says in a word what this node is: unknown, backup, promoting, master or fault.\n"
	"  --ready  whether it could take over: ready, or the code of what is in the way\n"
	"Exit code: 0 said (--ready: it could), 2 it could not yet, 1 nobody answers.",
	verb_role, false},
    {"status", "[--short]",
	"Shows how this node is, and whether a failover now would be safe.\n"
	"  --short  the verdict alone, in one line\n"
	"Exit code: 0 nothing is wrong, 2 a failover would not be safe, 1 nobody answers.",
	verb_status, false},
    {"top", "[--interval SECONDS] [--once]",
	"Shows what this node is doing, live: rates, tables, links, peers, losses, history.\n"
	"On a terminal until `q' is pressed; otherwise, or with --once, one screen as text.\n"
	"  --interval SECONDS  between two looks, from 0.1 to 3600 (1)\n"
	"  --once              one screen after one interval\n"
	"  --json              the same as one document\n"
	"Exit code: 0, or 1 if the daemon did not answer.",
	verb_top, false},
    {"trace", "[--follow [--seconds N]] TUPLE",
	"Shows what this node knows of a flow, and what happens to it.\n"
	"  TUPLE          as conntrack(8) prints it: tcp src=A dst=B sport=N dport=M; A:N->B:M; or -p tcp -s A ...\n"
	"  --follow       shows each step as it happens; the whole tuple is needed\n"
	"  --seconds N    for so many seconds (60; up to 3600)\n"
	"Exit status: 0 something is known, 2 nothing is, 1 failed.",
	verb_trace, false},
};

const struct console_verb *
console_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

const char *
console_suggest(const char *word)
{
	const char *best = NULL;
	size_t nearest = SIZE_MAX;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		size_t distance = word_distance(word, strlen(word), verbs[i].name, strlen(verbs[i].name));

		if (distance < nearest && word_is_near(distance, strlen(verbs[i].name))) {
			nearest = distance;
			best = verbs[i].name;
		}
	}
	return best;
}

void
console_list(FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		fprintf(out, "  %-12s %.*s\n", verbs[i].name, (int)strcspn(verbs[i].help, "\n"),
		    verbs[i].help);
}

/* ---- arguments ---- */

static void
take_out(struct console *c, size_t i, size_t count)
{
	memmove(&c->args[i], &c->args[i + count], (c->args_count - i - count) * sizeof(c->args[0]));
	c->args_count -= count;
}

bool
console_flag(struct console *c, const char *name)
{
	for (size_t i = 0; i < c->args_count; i++) {
		if (strncmp(c->args[i], "--", 2) == 0 && strcmp(c->args[i] + 2, name) == 0) {
			take_out(c, i, 1);
			return true;
		}
	}
	return false;
}

const char *
console_value(struct console *c, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < c->args_count; i++) {
		const char *arg = c->args[i], *value = NULL;

		if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, len) != 0)
			continue;
		if (arg[2 + len] == '=') {
			value = arg + 2 + len + 1;
			take_out(c, i, 1);
			return value;
		}
		if (arg[2 + len] == '\0' && i + 1 < c->args_count) {
			value = c->args[i + 1];
			take_out(c, i, 2);
			return value;
		}
	}
	return NULL;
}

static void
print_usage(const struct console_verb *v, FILE *out)
{
	fprintf(out, "Usage: conntrackd [-C FILE] %s%s%s [--json]\n", v->name,
	    v->usage[0] != '\0' ? " " : "", v->usage);
}

bool
console_args(struct console *c, size_t least, size_t most)
{
	for (size_t i = 0; i < c->args_count; i++) {
		if (c->args[i][0] == '-' && c->args[i][1] != '\0') {
			console_error(c, "%s: unknown option or missing value: %s", c->verb->name, c->args[i]);
			print_usage(c->verb, stderr);
			return false;
		}
	}
	if (c->args_count >= least && c->args_count <= most)
		return true;
	if (c->args_count > most)
		console_error(c, "%s: too much: %s", c->verb->name, c->args[most]);
	else
		console_error(c, "%s: something is missing", c->verb->name);
	print_usage(c->verb, stderr);
	return false;
}

/* ---- what verbs need ---- */

void
console_error(struct console *c, const char *fmt, ...)
{
	char text[ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_write(c->log, LOG_LV_ERROR, "%s", text);
}

int
console_ask(struct console *c, const struct client_words *words, json_t **doc)
{
	struct client_answer answer;
	char why[ERROR_MAX];
	json_error_t error;
	int code;

	fflush(stdout);
	*doc = NULL;
	code = client_verb(c->cfg->unix_path, words, STDERR_FILENO, c->limit_ms, &answer, why, sizeof(why));
	if (why[0] != '\0')
		console_error(c, "%s", why);
	if (answer.len > 0) {
		*doc = json_loadb(answer.data, answer.len, JSON_REJECT_DUPLICATES, &error);
		if (*doc == NULL) {
			console_error(c, "the answer makes no sense (%s)", error.text);
			code = CONSOLE_FAILED;
		}
	}
	free(answer.data);
	return code;
}

int
console_stream(struct console *c, const struct client_words *words, client_sink_fn sink, void *ctx)
{
	char why[ERROR_MAX];
	int code;

	fflush(stdout);
	code = client_verb_stream(c->cfg->unix_path, words, STDERR_FILENO, c->limit_ms, sink, ctx, why,
	    sizeof(why));
	if (why[0] != '\0')
		console_error(c, "%s", why);
	return code;
}

int
console_ask_word(struct console *c, const char *verb, const char *argument, json_t **doc)
{
	struct client_words words = {.len = 0};

	if (!client_word(&words, verb) || (argument != NULL && !client_word(&words, argument))) {
		console_error(c, "%s: the arguments are too long", verb);
		*doc = NULL;
		return CONSOLE_FAILED;
	}
	return console_ask(c, &words, doc);
}

void
console_print_json(const json_t *doc)
{
	json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
	putchar('\n');
}

/* ---- main ---- */

int
console_main(int argc, char *const argv[], const char *config_path, struct log *log)
{
	struct console c = {.verb = console_find(argv[0]), .config_path = config_path, .log = log,
	    .limit_ms = ANSWER_LIMIT_MS};
	int code = CONSOLE_FAILED;

	if (argc - 1 > CONSOLE_ARGS_MAX) {
		console_error(&c, "too many arguments");
		return CONSOLE_FAILED;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-C") == 0 && i + 1 < argc)
			c.config_path = argv[++i];
		else if (strcmp(argv[i], "--json") == 0)
			c.json = true;
		else
			c.args[c.args_count++] = argv[i];
	}
	if (console_flag(&c, "help")) {
		print_usage(c.verb, stdout);
		printf("%s\n", c.verb->help);
		return fflush(stdout) == 0 ? CONSOLE_OK : CONSOLE_FAILED;
	}
	if (!c.verb->no_config) {
		c.cfg = calloc(1, sizeof(*c.cfg));
		if (c.cfg == NULL || !load_config(c.cfg, c.config_path, log, false))
			goto out;
	}
	code = c.verb->run(&c);
	if (fflush(stdout) != 0)
		code = CONSOLE_FAILED;
out:
	free(c.cfg);
	return code;
}
