/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parser.c: the state of one parse: where it is, what it has noted, how it finds its way back after
 * a mistake.
 */
#include "parser.h"

#include <stdio.h>
#include <string.h>

/* ---- diagnostics ---- */

void
parse_vdiag(struct parser *p, enum diag_level level, const char *code, struct pos pos, const char *fmt,
    va_list ap)
{
	struct diags *ds = p->diags;
	struct diag *d = NULL;

	if (level == DIAG_ERROR)
		ds->errors++;
	if (ds->count < CONFIG_DIAGS_MAX) {
		d = &ds->list[ds->count++];
	} else if (level == DIAG_ERROR) {
		/* An error matters more than a warning. */
		for (size_t i = 0; i < ds->count && d == NULL; i++) {
			if (ds->list[i].level != DIAG_ERROR)
				d = &ds->list[i];
		}
	}
	if (d == NULL)
		return;
	d->level = level;
	d->line = pos.line;
	d->col = pos.col;
	d->code = code;
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
}

void
parse_diag(struct parser *p, enum diag_level level, struct pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	parse_vdiag(p, level, NULL, pos, fmt, ap);
	va_end(ap);
}

static bool
diag_before(const struct diag *a, const struct diag *b)
{
	unsigned int a_line = a->line == 0 ? UINT32_MAX : a->line;
	unsigned int b_line = b->line == 0 ? UINT32_MAX : b->line;

	return a_line != b_line ? a_line < b_line : a->col < b->col;
}

void
parse_sort_diags(struct diags *ds)
{
	for (size_t i = 1; i < ds->count; i++) {
		struct diag d = ds->list[i];
		size_t at = i;

		for (; at > 0 && diag_before(&d, &ds->list[at - 1]); at--)
			ds->list[at] = ds->list[at - 1];
		ds->list[at] = d;
	}
}

const char *
token_show(const struct token *t, char out[SHOWN_MAX])
{
	const int max = SHOWN_MAX - 8;

	if (t->type == TOK_END)
		snprintf(out, SHOWN_MAX, "the end of the file");
	else if (t->len > (size_t)max)
		snprintf(out, SHOWN_MAX, "'%.*s...'", max, t->text);
	else
		snprintf(out, SHOWN_MAX, "'%.*s'", (int)t->len, t->text);
	return out;
}

void
token_copy(const struct token *t, char *out, size_t cap)
{
	size_t len = t->len < cap ? t->len : cap - 1;

	memcpy(out, t->text, len);
	memset(out + len, 0, cap - len);
}

struct pos
parse_seen(const struct parser *p, const char *name, uint32_t scope)
{
	struct token t = {.type = TOK_WORD, .text = name, .len = strlen(name)};
	const struct keyword *kw = keyword_find(&t, scope);
	size_t count;

	ASSERT(kw != NULL);
	return p->seen[kw - keyword_table(&count)].last;
}

/* ---- going on ---- */

void
parse_advance(struct parser *p)
{
	p->tok = lex_next(&p->lex);
	if (p->tok.type == TOK_BAD) {
		p->lost = true;
		parse_diag(p, DIAG_ERROR, p->tok.pos,
		    "found byte 0x%02x, expected printable ASCII outside comments", p->tok.bad);
	}
}

uint32_t
parse_scope(const struct parser *p)
{
	return p->scopes[p->depth - 1];
}

/* Does a statement of this section begin here?  The name of a section, without its '{' after at most
 * two words, is just a word: "for TCP". */
static bool
starts_statement(const struct parser *p)
{
	const struct keyword *kw = keyword_find(&p->tok, parse_scope(p));
	struct lexer ahead = p->lex;

	if (kw == NULL || kw->arg != ARG_BLOCK)
		return kw != NULL;
	for (int i = 0; i < 3; i++) {
		struct token t = lex_next(&ahead);

		if (t.type != TOK_WORD)
			return t.type == TOK_OPEN;
	}
	return false;
}

/* Steps over what is left of that line, but not over a brace or a statement of this section. */
void
parse_skip_line(struct parser *p, unsigned int line)
{
	while ((p->tok.type == TOK_WORD || p->tok.type == TOK_BAD) && p->tok.pos.line == line &&
	    !starts_statement(p))
		parse_advance(p);
}

/* Steps over a '{' and everything up to the '}' that belongs to it. */
void
parse_skip_block(struct parser *p)
{
	size_t depth = 0;

	do {
		if (p->tok.type == TOK_OPEN)
			depth++;
		else if (p->tok.type == TOK_CLOSE)
			depth--;
		parse_advance(p);
	} while (depth > 0 && p->tok.type != TOK_END);
}

/* Steps over the argument or the block of something that is not understood here. */
void
parse_skip_statement(struct parser *p)
{
	unsigned int line = p->tok.pos.line;

	parse_advance(p);
	parse_skip_line(p, line);
	if (p->tok.type == TOK_OPEN)
		parse_skip_block(p);
	p->lost = true;
}

const char *
parse_punctuation_hint(const struct token *t)
{
	if (t->type != TOK_WORD || t->len == 0)
		return "";
	if (strchr(";,=\"'", t->text[0]) != NULL || strchr(";,=\"'", t->text[t->len - 1]) != NULL)
		return " (there are no quotes, ';', ',' or '=' here)";
	return "";
}

void
parse_expected(struct parser *p, const char *what)
{
	char shown[SHOWN_MAX];
	struct token found = p->tok;

	p->lost = true;
	/* A bad byte has been reported when it was read. */
	if (found.type != TOK_BAD)
		parse_diag(p, DIAG_ERROR, found.pos, "found %s, expected %s%s",
		    token_show(&found, shown), what, parse_punctuation_hint(&found));
	if (found.type == TOK_WORD && starts_statement(p))
		return;
	if (found.type == TOK_OPEN) {
		parse_skip_block(p);
	} else if (found.type == TOK_WORD || found.type == TOK_BAD) {
		parse_advance(p);
		parse_skip_line(p, found.pos.line);
	}
}

bool
parse_closes_early(struct parser *p)
{
	char shown[SHOWN_MAX], section[64];

	if (p->tok.type != TOK_WORD)
		return false;
	if (p->closed_for != p->tok.text && p->missing_closes == 0)
		return false;
	for (size_t i = p->depth - 1; i-- > 0;) {
		if (keyword_find(&p->tok, p->scopes[i]) == NULL)
			continue;
		if (p->closed_for != p->tok.text) {
			scope_names(parse_scope(p), section, sizeof(section));
			parse_diag(p, DIAG_ERROR, p->tok.pos,
			    "found %s, expected '}' to close %s", token_show(&p->tok, shown),
			    section);
			p->closed_for = p->tok.text;
		}
		if (p->missing_closes > 0)
			p->missing_closes--;
		return true;
	}
	return false;
}
