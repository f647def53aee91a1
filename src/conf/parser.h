/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parser.h: what the parts of the configuration parser share: the keyword table, the state of one
 * parse, and the errors it collects.  Private to conf and its tests.
 */
#ifndef CONF_PARSER_H
#define CONF_PARSER_H

#include <stdarg.h>

#include "config.h"
#include "lex.h"

/* A place where keywords stand.  Bits, so that one row can be at home in several. */
enum scope {
	IN_TOP = 1u << 0,
	IN_SYNC = 1u << 1,
	IN_FTFW = 1u << 2,
	IN_ALARM = 1u << 3,
	IN_NOTRACK = 1u << 4,
	IN_OPTIONS = 1u << 5,
	IN_MULTICAST = 1u << 6,
	IN_UDP = 1u << 7,
	IN_TCP = 1u << 8,
	IN_GENERAL = 1u << 9,
	IN_UNIX = 1u << 10,
	IN_SCHEDULER = 1u << 11,
	IN_FILTER = 1u << 12,
	IN_PROTOCOLS = 1u << 13, /* holds protocols, no keywords */
	IN_STATES = 1u << 14,    /* holds TCP states, no keywords */
	IN_NETS = 1u << 15,      /* Filter Address */
	IN_ADDRS = 1u << 16,     /* IgnoreTrafficFor */
	IN_STATS = 1u << 17,
	IN_HELPER = 1u << 18,
	IN_HELPER_TYPE = 1u << 19,
	IN_POLICY = 1u << 20,
	IN_GATE = 1u << 21,
	IN_VRRP = 1u << 22,

	IN_MODES = IN_FTFW | IN_ALARM | IN_NOTRACK,
	IN_LINKS = IN_MULTICAST | IN_UDP | IN_TCP,
};
enum { SCOPES_COUNT = 23, SCOPE_DEPTH_MAX = 8 };

enum arg_kind {
	ARG_NONE,
	ARG_BLOCK,         /* { ... } */
	ARG_BOOL,          /* on, yes, off, no */
	ARG_INT,           /* decimal, min..max */
	ARG_SIGNED,        /* + or -, then decimal digits */
	ARG_PATH,          /* absolute, at most max characters */
	ARG_BOOL_OR_PATH,
	ARG_BOOL_OR_INT,
	ARG_BOOL_OR_WORDS, /* a word, or { word ... } */
	ARG_WORD,          /* anything; `set` judges it */
	ARG_IFNAME,
	ARG_IPV4,
	ARG_IPV6,
	ARG_STATES,        /* TCP states up to "for TCP" */
};

enum store {
	STORE_NOTHING,
	STORE_CONFIG, /* offset into struct config */
	STORE_LINK,   /* offset into the struct config_link being read */
	STORE_DRAFT,  /* offset into struct draft */
};

struct parser;

/* One argument, read and checked as its kind asks. */
struct value {
	struct token tok;
	bool is_bool, flag;
	uint32_t num;
	struct filter_net net;
};

struct keyword {
	const char *name;
	uint32_t scopes; /* enum scope bits: where it may stand */
	enum arg_kind arg;
	enum store store;
	size_t offset, size;
	uint32_t min, max;
	uint32_t zero;        /* what 0 stands for, if not for itself */
	uint32_t opens;       /* ARG_BLOCK: the scope inside */
	bool nets;            /* addresses may have a prefix length */
	const char *obsolete; /* one warning: what to do instead */
	/* Derived settings: called with a value that passed these checks, after it was stored. */
	void (*set)(struct parser *p, const struct value *v);
	/* A list of words: called for each. */
	void (*word)(struct parser *p, const struct token *word);
	/* Blocks: reads what stands between the keyword and '{'; false if the block makes no sense
	 * without it (an error is noted). */
	bool (*enter)(struct parser *p, struct pos pos, uint32_t *scope);
	/* Blocks: at the closing brace; `broken` if there were errors inside. */
	void (*leave)(struct parser *p, struct pos pos, bool broken);
};

enum { KEYWORDS_MAX = 128 };

/* The table of all keywords of all versions; *count rows. */
const struct keyword *keyword_table(size_t *count);
/* The row of the word in that scope, or NULL. */
const struct keyword *keyword_find(const struct token *word, uint32_t scope);
/* Section names of the scope bits: "Sync, Mode ALARM". */
void scope_names(uint32_t scopes, char *out, size_t cap);
/* The name of the row that `word` was probably meant to be, or NULL; *only_case says that only the
 * case of letters differs. */
const char *keyword_suggest(const struct token *word, uint32_t scope, bool *only_case);

/* What a file can ask for and struct config does not hold. */
struct draft_link {
	struct pos pos;
	bool has_v4, has_v6; /* families its addresses named */
	bool has_group, has_local;
	bool has_checksum;
	size_t errors_before;
};

enum filter_test { TEST_PROTOCOL, TEST_ADDRESS, TEST_STATE, TESTS_COUNT };

struct draft {
	bool has_mode;
	struct pos mode_pos;
	struct draft_link links[NODE_LINKS_MAX];
	struct pos polarity_pos[TESTS_COUNT];
	bool sync_checksum;
	uint32_t resend_bytes;
	struct pos stats_syslog_pos;
	bool policy_filled, nets_full;
	struct config_helper *helper; /* being read; may be `spare_helper` */
	struct config_helper spare_helper;
};

/* Where a row's keyword was seen. */
struct sighting {
	struct pos last;
	size_t count;
};

struct parser {
	struct lexer lex;
	struct token tok; /* the one to look at next */
	struct config *c;
	struct diags *diags;
	struct draft d;
	struct config_link *link; /* being read; may be `spare_link` */
	struct draft_link *dlink;
	struct config_link spare_link; /* takes links past the last */
	struct draft_link spare_dlink;
	struct sighting seen[KEYWORDS_MAX];
	uint32_t scopes[SCOPE_DEPTH_MAX]; /* open ones, outermost first */
	size_t depth;
	size_t missing_closes;  /* braces the text leaves open */
	size_t surplus_closes;  /* braces it closes without having opened them */
	const char *closed_for; /* the word that a missing brace was last reported for */
	bool lost;              /* words were skipped: what seems absent may just be misspelt */
	enum filter_polarity entered; /* Accept or Ignore, of the list being opened */
};

/* ---- parser.c ---- */

void parse_advance(struct parser *p);
void parse_diag(struct parser *p, enum diag_level level, struct pos pos, const char *fmt, ...)
    ATTR_PRINTF(4, 5);

/* The same with a code (struct diag). */
void parse_vdiag(struct parser *p, enum diag_level level, const char *code, struct pos pos, const char *fmt,
    va_list ap);

enum { SHOWN_MAX = 56 };
/* The token as messages show it: 'word', cut short if long.  Returns out. */
const char *token_show(const struct token *t, char out[SHOWN_MAX]);
/* Copies the token, cut to fit; what is left of `out` becomes zero, since configurations are compared as
 * bytes. */
void token_copy(const struct token *t, char *out, size_t cap);

/* Notes "found <token>, expected <what>" at the current token and steps over it and what follows it
 * on its line, up to a keyword or brace. */
void parse_expected(struct parser *p, const char *what);
/* Does a missing '}' explain this word?  Then notes that once, and the open block must end. */
bool parse_closes_early(struct parser *p);
/* Where a keyword was last seen in that scope; {0, 0} if never. */
struct pos parse_seen(const struct parser *p, const char *name, uint32_t scope);

/* The innermost open scope. */
uint32_t parse_scope(const struct parser *p);
/* Ways to go on after a mistake: past the words on that line, past the block that opens here, past
 * the statement with all that it opens. */
void parse_skip_line(struct parser *p, unsigned int line);
void parse_skip_block(struct parser *p);
void parse_skip_statement(struct parser *p);
/* What the writer may have meant by a character that is nothing here; "" if nobody knows. */
const char *parse_punctuation_hint(const struct token *t);
void parse_sort_diags(struct diags *ds);

/* ---- value.c: arguments and lists ---- */

void parse_argument(struct parser *p, const struct keyword *kw);
/* One item of a list of protocols; true if it was stepped over. */
void parse_protocol(struct parser *p);
/* TCP states up to and with "for TCP", added to the filter. */
void parse_states(struct parser *p);
/* Adds a network to the filter. */
void filter_add_net(struct parser *p, const struct value *v);
/* The filter's test has this polarity from now on; notes a contradiction. */
void filter_set_polarity(struct parser *p, enum filter_test test, enum filter_polarity polarity,
    struct pos pos);

/* ---- check.c ---- */

/* Fills in what depends on the whole and notes what does not fit together. */
void check_whole(struct parser *p);

/* ---- advice.c ---- */

/* Notes what is legal and yet dangerous in a file without errors. */
void advise(struct parser *p);

/* ---- names.c: built-in tables ---- */

/* The IP protocol of that name or alias, in any case; -1 if none. */
int proto_by_name(const struct token *name);
/* The usual name of the protocol, or NULL. */
const char *proto_name(uint8_t proto);
/* The TCP state of that name; -1 if none.  Upper case only. */
int tcp_state_by_name(const struct token *name);
const char *tcp_state_name(unsigned int state);
/* The syslog facility of that name, as in <syslog.h>; -1 if none. */
int facility_by_name(const struct token *name);
const char *facility_name(int facility);

/* Reads an address: NULL, or what is wrong with it, in words that complete "expected". */
const char *addr_parse(const struct token *t, uint8_t l3, bool with_prefix,
    struct filter_net *out);
enum { ADDR_TEXT_MAX = 48 };
/* The address as text that addr_parse() reads. */
void addr_print(uint8_t l3, const struct ip_addr *addr, char out[ADDR_TEXT_MAX]);

#endif
