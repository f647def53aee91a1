/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.c: walks the sections and goes on after a mistake.
 *
 * One mistake shall give one message.  After an error the rest of the line is skipped up to the
 * next keyword or brace; and since the braces are counted before anything else, a missing one is
 * noticed where it is missing and not at the end of the file.
 */
#include "parser.h"

#include <stdio.h>
#include <string.h>

static void parse_items(struct parser *p, uint32_t scope, const char *name, struct pos opened);

/* The few keywords of a small section, "A or B", or its name. */
static void
expected_keywords(uint32_t scope, char *out, size_t cap)
{
	char section[64];
	size_t count, here = 0, len = 0;
	const struct keyword *table = keyword_table(&count);

	for (size_t i = 0; i < count; i++)
		here += (table[i].scopes & scope) != 0;
	scope_names(scope, section, sizeof(section));
	if (here > 3) {
		snprintf(out, cap, "a keyword of %s", section);
		return;
	}
	for (size_t i = 0; i < count && len < cap; i++) {
		if (table[i].scopes & scope)
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? " or " : "",
			    table[i].name);
	}
}

static void
unknown_keyword(struct parser *p)
{
	char shown[SHOWN_MAX], section[64], wanted[96], home[128];
	uint32_t scope = parse_scope(p), homes = 0;
	size_t count;
	const struct keyword *table = keyword_table(&count);
	const char *better = NULL;
	bool only_case = false;

	for (size_t i = 0; i < count; i++) {
		if (token_is(&p->tok, table[i].name))
			homes |= table[i].scopes;
	}
	token_show(&p->tok, shown);
	scope_names(scope, section, sizeof(section));
	expected_keywords(scope, wanted, sizeof(wanted));
	/* The search for what was meant costs something, and beyond the limit nobody reads it. */
	if (p->diags->errors < CONFIG_DIAGS_MAX)
		better = keyword_suggest(&p->tok, scope, &only_case);
	if (homes != 0) {
		scope_names(homes, home, sizeof(home));
		parse_diag(p, DIAG_ERROR, p->tok.pos, "found %s in %s, expected it only in %s",
		    shown, section, home);
	} else if (p->tok.len >= 2 && memcmp(p->tok.text, "//", 2) == 0) {
		parse_diag(p, DIAG_ERROR, p->tok.pos,
		    "found %s, expected %s (comments begin with '#')", shown, wanted);
	} else if (better != NULL && only_case) {
		parse_diag(p, DIAG_ERROR, p->tok.pos,
		    "found %s, expected %s (keywords are case-sensitive: %s)", shown, wanted,
		    better);
	} else if (better != NULL) {
		parse_diag(p, DIAG_ERROR, p->tok.pos, "found %s, expected %s (did you mean %s?)",
		    shown, wanted, better);
	} else {
		parse_diag(p, DIAG_ERROR, p->tok.pos, "found %s, expected %s%s", shown, wanted,
		    parse_punctuation_hint(&p->tok));
	}
	parse_skip_statement(p);
}

/* Opens the block if its '{' is there, or if it is plain that only the '{' is missing. */
static bool
open_block(struct parser *p, const struct keyword *kw, uint32_t scope)
{
	char shown[SHOWN_MAX];

	if (p->tok.type == TOK_OPEN) {
		parse_advance(p);
		return true;
	}
	p->lost = true;
	if (p->tok.type != TOK_BAD)
		parse_diag(p, DIAG_ERROR, p->tok.pos, "found %s, expected '{' to open %s",
		    token_show(&p->tok, shown), kw->name);
	/* A list has no keywords to know it by. */
	if ((scope == IN_PROTOCOLS || scope == IN_STATES) && p->surplus_closes > 0) {
		p->surplus_closes--;
		return true;
	}
	/* What stands before the brace may just be a word too many. */
	if (p->tok.type == TOK_BAD || keyword_find(&p->tok, parse_scope(p) | scope) == NULL)
		parse_skip_line(p, p->tok.pos.line);
	if (p->tok.type == TOK_OPEN) {
		parse_advance(p);
		return true;
	}
	if (keyword_find(&p->tok, scope) == NULL)
		return false;
	if (keyword_find(&p->tok, parse_scope(p)) == NULL)
		return true;
	/* At home in both; that somewhere a brace closes what was never opened decides. */
	if (p->surplus_closes == 0)
		return false;
	p->surplus_closes--;
	return true;
}

static void
parse_section(struct parser *p, const struct keyword *kw, struct pos pos)
{
	uint32_t scope = kw->opens;
	size_t errors = p->diags->errors;

	if (kw->enter != NULL && !kw->enter(p, pos, &scope)) {
		if (p->tok.type == TOK_OPEN)
			parse_skip_block(p);
		return;
	}
	if (open_block(p, kw, scope))
		parse_items(p, scope, kw->name, pos);
	if (kw->leave != NULL)
		kw->leave(p, pos, p->diags->errors != errors);
}

static void
parse_keyword(struct parser *p)
{
	size_t count;
	const struct keyword *kw = keyword_find(&p->tok, parse_scope(p));
	struct pos pos = p->tok.pos;
	struct sighting *seen = &p->seen[kw - keyword_table(&count)];

	if (kw->obsolete != NULL && seen->count == 0)
		parse_diag(p, DIAG_WARNING, pos, "found obsolete '%s': %s", kw->name, kw->obsolete);
	seen->last = pos;
	seen->count++;
	parse_advance(p);
	if (kw->arg == ARG_BLOCK)
		parse_section(p, kw, pos);
	else
		parse_argument(p, kw);
}

/* One item; false if the block ends before it because of a missing brace. */
static bool
parse_item(struct parser *p, uint32_t scope)
{
	if (keyword_find(&p->tok, scope) != NULL) {
		parse_keyword(p);
		return true;
	}
	if (parse_closes_early(p))
		return false;
	if (scope == IN_PROTOCOLS)
		parse_protocol(p);
	else if (scope == IN_STATES)
		parse_states(p);
	else
		unknown_keyword(p);
	return true;
}

static void
unclosed(struct parser *p, const char *name, struct pos opened)
{
	/* The innermost section speaks for all. */
	if (p->closed_for != p->lex.end)
		parse_diag(p, DIAG_ERROR, p->tok.pos,
		    "found the end of the file, expected '}' to close %s of line %u", name,
		    opened.line);
	p->closed_for = p->lex.end;
	p->lost = true;
}

/* A '{' without a keyword.  If the text never closes one, this is the one that is too many. */
static void
stray_open(struct parser *p)
{
	parse_diag(p, DIAG_ERROR, p->tok.pos, "found '{', expected a keyword before it");
	p->lost = true;
	if (p->missing_closes == 0) {
		parse_skip_block(p);
		return;
	}
	p->missing_closes--;
	parse_advance(p);
}

/*
 * At a '}': does it end the block?  Not if none is open; nor if the text has one too many and goes on
 * with what belongs in here and not outside.
 */
static bool
ends_block(struct parser *p, uint32_t scope)
{
	char section[64];
	struct pos pos = p->tok.pos;

	parse_advance(p);
	if (scope == IN_TOP) {
		parse_diag(p, DIAG_ERROR, pos,
		    "found '}', expected a section: none is open here");
		return false;
	}
	if (p->surplus_closes == 0 || keyword_find(&p->tok, scope) == NULL ||
	    keyword_find(&p->tok, p->scopes[p->depth - 2]) != NULL)
		return true;
	p->surplus_closes--;
	p->lost = true;
	scope_names(scope, section, sizeof(section));
	parse_diag(p, DIAG_ERROR, pos, "found '}', expected more of %s: one brace too many",
	    section);
	return false;
}

/* Items up to the end of the block (or of the file, at the top level). */
static void
parse_items(struct parser *p, uint32_t scope, const char *name, struct pos opened)
{
	bool open = true;

	ASSERT(p->depth < SCOPE_DEPTH_MAX);
	p->scopes[p->depth++] = scope;
	while (open) {
		struct pos pos = p->tok.pos;

		switch (p->tok.type) {
		case TOK_WORD:
			open = parse_item(p, scope);
			break;
		case TOK_OPEN:
			stray_open(p);
			break;
		case TOK_CLOSE:
			open = !ends_block(p, scope);
			break;
		case TOK_BAD:
			parse_advance(p);
			parse_skip_line(p, pos.line);
			break;
		case TOK_END:
			open = false;
			if (scope != IN_TOP)
				unclosed(p, name, opened);
			break;
		}
	}
	p->depth--;
}

/* How many braces the text opens and never closes, and the reverse. */
static void
count_braces(struct parser *p)
{
	struct lexer lx = p->lex;
	struct token t;

	do {
		t = lex_next(&lx);
		if (t.type == TOK_OPEN)
			p->missing_closes++;
		else if (t.type == TOK_CLOSE && p->missing_closes > 0)
			p->missing_closes--;
		else if (t.type == TOK_CLOSE)
			p->surplus_closes++;
	} while (t.type != TOK_END);
}

static bool
is_utf16(const char *text, size_t len)
{
	return len >= 2 &&
	    (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

static bool
parse_file(struct parser *p, const char *text, size_t len)
{
	config_defaults(p->c);
	p->diags->count = 0;
	p->diags->errors = 0;
	if (is_utf16(text, len)) {
		parse_diag(p, DIAG_ERROR, (struct pos){1, 1},
		    "found UTF-16, expected a file of plain text (ASCII or UTF-8)");
		return false;
	}
	lex_init(&p->lex, text, len);
	count_braces(p);
	parse_advance(p);
	parse_items(p, IN_TOP, "", (struct pos){0, 0});
	check_whole(p);
	return p->diags->errors == 0;
}

bool
config_parse(struct config *c, const char *text, size_t len, struct diags *diags)
{
	struct parser p = {.c = c, .diags = diags};
	bool ok = parse_file(&p, text, len);

	parse_sort_diags(diags);
	return ok;
}

bool
config_check(struct config *c, const char *text, size_t len, struct diags *diags)
{
	struct parser p = {.c = c, .diags = diags};
	bool ok = parse_file(&p, text, len);

	if (ok)
		advise(&p);
	parse_sort_diags(diags);
	return ok;
}
