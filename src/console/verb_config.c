/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_config.c: `conntrackd config check' and `config print': what a file says, without a daemon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "load.h"

enum { SOURCE_LINE_MAX = 160 };

struct report {
	const char *path;
	char *text;
	size_t len;
	struct config cfg;
	struct diags diags;
	char *printed; /* the effective configuration; NULL: errors, or nobody asked */
	size_t count[DIAG_ERROR + 1];
};

static const char *
severity(enum diag_level level)
{
	return level == DIAG_ERROR ? "error" : level == DIAG_WARNING ? "warning" : "note";
}

/* ---- the line that a remark is about ---- */

/* Line `number` (from 1) without its end; its length is 0 if there is no such line. */
static const char *
find_line(const struct report *r, unsigned int number, size_t *len)
{
	const char *line = r->text, *end = r->text + r->len;

	for (unsigned int i = 1; i < number && line < end; i++) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		line = next != NULL ? next + 1 : end;
	}
	*len = 0;
	while (line + *len < end && line[*len] != '\n' && line[*len] != '\r')
		(*len)++;
	return line;
}

/* What a terminal shows as one column: bytes that are none, and those that it might obey, become '?'. */
static char
shown_byte(char c)
{
	return c == '\t' ? ' ' : c >= ' ' && c <= '~' ? c : '?';
}

static bool
ends_token(char c)
{
	return c == ' ' || c == '\t' || c == '{' || c == '}' || c == '#';
}

/* The line, and a caret under the token. */
static void
print_source(FILE *out, const struct report *r, const struct diag *d)
{
	char shown[SOURCE_LINE_MAX + 1];
	size_t len, from = 0, at = d->col - 1, width = 1, n = 0;
	const char *line = find_line(r, d->line, &len);

	/* Of a long line the part that matters; at the end of the file the column is one too far. */
	if (at > len)
		return;
	if (at > SOURCE_LINE_MAX / 2)
		from = at - SOURCE_LINE_MAX / 2;
	for (; from + n < len && n < SOURCE_LINE_MAX; n++)
		shown[n] = shown_byte(line[from + n]);
	shown[n] = '\0';
	while (at + width < len && !ends_token(line[at]) && !ends_token(line[at + width]))
		width++;
	if (at - from + width > SOURCE_LINE_MAX)
		width = SOURCE_LINE_MAX - (at - from);
	fprintf(out, "  %5u | %s\n        | %*s^", d->line, shown, (int)(at - from), "");
	for (size_t i = 1; i < width; i++)
		putc('~', out);
	putc('\n', out);
}

/* ---- for a person ---- */

static void
print_remark(FILE *out, const struct report *r, const struct diag *d)
{
	if (d->line > 0)
		fprintf(out, "%s:%u:%u: ", r->path, d->line, d->col);
	else
		fprintf(out, "%s: ", r->path);
	fprintf(out, "%s: %s%s%s%s\n", severity(d->level), d->text, d->code != NULL ? " [" : "",
	    d->code != NULL ? d->code : "", d->code != NULL ? "]" : "");
	if (d->line > 0)
		print_source(out, r, d);
}

static void
print_remarks(FILE *out, const struct report *r, enum diag_level least)
{
	for (size_t i = 0; i < r->diags.count; i++) {
		if (r->diags.list[i].level >= least)
			print_remark(out, r, &r->diags.list[i]);
	}
	if (r->diags.errors > r->count[DIAG_ERROR])
		fprintf(out, "%s: the first %zu of %zu errors are shown\n", r->path, r->count[DIAG_ERROR],
		    r->diags.errors);
}

static void
print_count(FILE *out, size_t count, const char *what)
{
	fprintf(out, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

static void
print_verdict(FILE *out, const struct report *r)
{
	fprintf(out, "%s: ", r->path);
	print_count(out, r->diags.errors, "error");
	if (r->diags.errors > 0) {
		fprintf(out, ": conntrackd does not start with it\n");
		return;
	}
	fprintf(out, ", ");
	print_count(out, r->count[DIAG_WARNING], "warning");
	fprintf(out, ", ");
	print_count(out, r->count[DIAG_NOTE], "note");
	fprintf(out, ": conntrackd starts with it%s\n", r->count[DIAG_WARNING] > 0 ? ", but see the warnings" : "");
}

/* ---- for a program ---- */

static json_t *
remark_json(const struct report *r, const struct diag *d)
{
	json_t *o = json_object();
	size_t len = 0;
	const char *line = d->line > 0 ? find_line(r, d->line, &len) : "";
	char shown[SOURCE_LINE_MAX];

	if (len > sizeof(shown))
		len = sizeof(shown);
	for (size_t i = 0; i < len; i++)
		shown[i] = line[i] == '\t' ? '\t' : shown_byte(line[i]);
	json_object_set_new(o, "severity", json_string(severity(d->level)));
	json_object_set_new(o, "code", json_string(d->code != NULL ? d->code : "parser"));
	json_object_set_new(o, "line", json_integer(d->line));
	json_object_set_new(o, "column", json_integer(d->col));
	json_object_set_new(o, "text", json_string(d->text));
	json_object_set_new(o, "source", json_stringn(shown, len));
	return o;
}

static void
print_json(const struct report *r)
{
	json_t *doc = json_object(), *list = json_array();

	for (size_t i = 0; i < r->diags.count; i++)
		json_array_append_new(list, remark_json(r, &r->diags.list[i]));
	json_object_set_new(doc, "file", json_string(r->path));
	json_object_set_new(doc, "usable", json_boolean(r->diags.errors == 0));
	json_object_set_new(doc, "errors", json_integer((json_int_t)r->diags.errors));
	json_object_set_new(doc, "warnings", json_integer((json_int_t)r->count[DIAG_WARNING]));
	json_object_set_new(doc, "notes", json_integer((json_int_t)r->count[DIAG_NOTE]));
	json_object_set_new(doc, "remarks", list);
	if (r->printed != NULL)
		json_object_set_new(doc, "effective", json_string(r->printed));
	console_print_json(doc);
	json_decref(doc);
}

/* ---- the verb ---- */

static bool
read_report(struct console *c, struct report *r)
{
	bool ok;

	r->text = load_file(r->path, &r->len);
	if (r->text == NULL) {
		console_error(c, "can't open config file `%s': %s", r->path, strerror(errno));
		return false;
	}
	ok = config_check(&r->cfg, r->text, r->len, &r->diags);
	for (size_t i = 0; i < r->diags.count; i++)
		r->count[r->diags.list[i].level]++;
	if (ok)
		load_defaults(&r->cfg);
	return true;
}

/* The effective configuration, for free(). */
static char *
effective(const struct config *cfg)
{
	size_t len = config_print(cfg, NULL, 0);
	char *out = malloc(len + 1);

	if (out != NULL)
		config_print(cfg, out, len + 1);
	return out;
}

static int
check(const struct report *r, bool json)
{
	if (json) {
		print_json(r);
	} else {
		FILE *out = r->printed != NULL ? stderr : stdout;

		print_remarks(out, r, DIAG_NOTE);
		print_verdict(out, r);
		if (r->printed != NULL)
			fputs(r->printed, stdout);
	}
	if (r->diags.errors > 0)
		return CONSOLE_FAILED;
	return r->count[DIAG_WARNING] > 0 ? CONSOLE_BUT : CONSOLE_OK;
}

static int
print(const struct report *r, bool json)
{
	if (json)
		print_json(r);
	else if (r->printed != NULL)
		fputs(r->printed, stdout);
	else
		print_remarks(stderr, r, DIAG_ERROR);
	return r->diags.errors > 0 ? CONSOLE_FAILED : CONSOLE_OK;
}

int
verb_config(struct console *c)
{
	bool printed = console_flag(c, "print"), prints;
	struct report *r = NULL;
	int code = CONSOLE_FAILED;

	if (!console_args(c, 1, 2))
		return CONSOLE_FAILED;
	prints = strcmp(c->args[0], "print") == 0;
	if (!prints && strcmp(c->args[0], "check") != 0) {
		console_error(c, "config: `%s' is neither check nor print", c->args[0]);
		return CONSOLE_FAILED;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		console_error(c, "no memory");
		return CONSOLE_FAILED;
	}
	r->path = c->args_count > 1 ? c->args[1] : c->config_path;
	if (!read_report(c, r))
		goto out;
	if ((prints || printed) && r->diags.errors == 0) {
		r->printed = effective(&r->cfg);
		if (r->printed == NULL) {
			console_error(c, "no memory");
			goto out;
		}
	}
	code = prints ? print(r, c->json) : check(r, c->json);
out:
	free(r->printed);
	free(r->text);
	free(r);
	return code;
}
