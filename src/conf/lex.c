/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lex.h"

#include <string.h>
#include <strings.h>

void
lex_init(struct lexer *lx, const char *text, size_t len)
{
	lx->p = text;
	lx->end = text + len;
	lx->pos = (struct pos){1, 1};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		lx->p += 3;
}

static void
step(struct lexer *lx)
{
	if (*lx->p == '\n') {
		lx->pos.line++;
		lx->pos.col = 1;
	} else {
		lx->pos.col++;
	}
	lx->p++;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
ends_word(char c)
{
	return is_space(c) || c == '{' || c == '}' || c == '#';
}

static void
skip_blanks(struct lexer *lx)
{
	while (lx->p < lx->end && (is_space(*lx->p) || *lx->p == '#')) {
		if (*lx->p == '#') {
			while (lx->p < lx->end && *lx->p != '\n')
				step(lx);
		} else {
			step(lx);
		}
	}
}

struct token
lex_next(struct lexer *lx)
{
	struct token t = {.type = TOK_END};

	skip_blanks(lx);
	t.text = lx->p;
	t.pos = lx->pos;
	if (lx->p == lx->end)
		return t;
	if (*lx->p == '{' || *lx->p == '}') {
		t.type = *lx->p == '{' ? TOK_OPEN : TOK_CLOSE;
		t.len = 1;
		step(lx);
		return t;
	}
	t.type = TOK_WORD;
	while (lx->p < lx->end && !ends_word(*lx->p)) {
		uint8_t byte = (uint8_t)*lx->p;

		if ((byte <= 0x20 || byte >= 0x7f) && t.type == TOK_WORD) {
			t.type = TOK_BAD;
			t.bad = byte;
			t.pos = lx->pos;
		}
		step(lx);
	}
	t.len = (size_t)(lx->p - t.text);
	return t;
}

bool
token_is(const struct token *t, const char *word)
{
	return t->type == TOK_WORD && t->len == strlen(word) && memcmp(t->text, word, t->len) == 0;
}

bool
token_is_nocase(const struct token *t, const char *word)
{
	return t->type == TOK_WORD && t->len == strlen(word) &&
	    strncasecmp(t->text, word, t->len) == 0;
}
