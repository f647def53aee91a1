/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lex.h: conntrackd.conf(5) cut into words and braces.
 *
 * What a word means (number, path, interface name, keyword) is for the parser to say, because only
 * the context can: an interface may well be called "on" or "fe0".
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "base.h"

struct pos {
	unsigned int line, col; /* from 1; columns count bytes */
};

enum token_type {
	TOK_WORD,  /* everything up to white space, a brace or '#' */
	TOK_OPEN,  /* { */
	TOK_CLOSE, /* } */
	TOK_END,   /* end of the text, again and again */
	TOK_BAD,   /* a word with a byte that is not printable ASCII; pos is where that byte is */
};

struct token {
	enum token_type type;
	const char *text; /* into the text, not NUL-terminated */
	size_t len;
	struct pos pos;
	uint8_t bad; /* TOK_BAD: the first offending byte */
};

struct lexer {
	const char *p, *end;
	struct pos pos; /* of *p */
};

/* Starts at the beginning of `text`, which must stay valid.  A UTF-8 byte order mark is skipped. */
void lex_init(struct lexer *lx, const char *text, size_t len);

/* The next token; comments and white space are stepped over. */
struct token lex_next(struct lexer *lx);

/* Is the token this word, letter for letter?  With any case? */
bool token_is(const struct token *t, const char *word);
bool token_is_nocase(const struct token *t, const char *word);

#endif
