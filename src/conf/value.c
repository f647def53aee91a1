/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * value.c: arguments, each checked as its kind asks, and the lists of the filter.
 */
#include "parser.h"

#include <stdio.h>
#include <string.h>

/* ---- storing ---- */

static void *
target(struct parser *p, const struct keyword *kw)
{
	switch (kw->store) {
	case STORE_CONFIG:
		return (char *)p->c + kw->offset;
	case STORE_LINK:
		return (char *)p->link + kw->offset;
	case STORE_DRAFT:
		return (char *)&p->d + kw->offset;
	case STORE_NOTHING:
		break;
	}
	return NULL;
}

static void
store_number(struct parser *p, const struct keyword *kw, uint32_t num)
{
	uint16_t half = (uint16_t)num;

	if (kw->store == STORE_NOTHING)
		return;
	ASSERT(kw->size == sizeof(num) || kw->size == sizeof(half));
	if (kw->size == sizeof(half))
		memcpy(target(p, kw), &half, sizeof(half));
	else
		memcpy(target(p, kw), &num, sizeof(num));
}

static void
store_flag(struct parser *p, const struct keyword *kw, bool flag)
{
	if (kw->store == STORE_NOTHING)
		return;
	ASSERT(kw->size == sizeof(flag));
	memcpy(target(p, kw), &flag, sizeof(flag));
}

/* ---- reading words ---- */

static bool
read_bool(const struct token *t, bool *out)
{
	*out = token_is_nocase(t, "on") || token_is_nocase(t, "yes");
	return *out || token_is_nocase(t, "off") || token_is_nocase(t, "no");
}

static bool
all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return len > 0;
}

/* Decimal digits only; saturates far above every maximum. */
static bool
read_number(const char *text, size_t len, uint64_t *out)
{
	*out = 0;
	if (!all_digits(text, len))
		return false;
	for (size_t i = 0; i < len && *out < UINT32_MAX; i++)
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	return true;
}

static bool
in_range(const struct keyword *kw, const struct token *t, uint32_t *out)
{
	uint64_t num;

	if (t->type != TOK_WORD || !read_number(t->text, t->len, &num) || num < kw->min ||
	    num > kw->max)
		return false;
	*out = num == 0 && kw->zero != 0 ? kw->zero : (uint32_t)num;
	return true;
}

/* ---- one function per kind: false if an error was noted ---- */

static bool
number_argument(struct parser *p, const struct keyword *kw, struct value *v)
{
	char what[96];

	if (in_range(kw, &p->tok, &v->num)) {
		store_number(p, kw, v->num);
		return true;
	}
	snprintf(what, sizeof(what), "%sa number from %u to %u for %s",
	    kw->arg == ARG_BOOL_OR_INT ? "on, off or " : "", kw->min, kw->max, kw->name);
	parse_expected(p, what);
	return false;
}

static bool
bool_argument(struct parser *p, const struct keyword *kw, struct value *v)
{
	char what[64];

	v->is_bool = read_bool(&p->tok, &v->flag);
	if (v->is_bool) {
		store_flag(p, kw, v->flag);
		return true;
	}
	snprintf(what, sizeof(what), "on or off for %s", kw->name);
	parse_expected(p, what);
	return false;
}

static bool
signed_argument(struct parser *p, const struct keyword *kw)
{
	const struct token *t = &p->tok;
	char what[64];

	if (t->type == TOK_WORD && (t->text[0] == '+' || t->text[0] == '-') &&
	    all_digits(t->text + 1, t->len - 1))
		return true;
	snprintf(what, sizeof(what), "a number with its sign for %s, as in -5", kw->name);
	parse_expected(p, what);
	return false;
}

static bool
path_argument(struct parser *p, const struct keyword *kw)
{
	const struct token *t = &p->tok;
	char what[96];

	if (t->type == TOK_WORD && t->text[0] == '/' && t->len <= kw->max &&
	    parse_punctuation_hint(t)[0] == '\0') {
		ASSERT(kw->size == kw->max + 1);
		token_copy(t, target(p, kw), kw->size);
		return true;
	}
	if (t->type == TOK_WORD && t->text[0] == '/' && t->len > kw->max)
		snprintf(what, sizeof(what), "a path of at most %u characters for %s, not %zu",
		    kw->max, kw->name, t->len);
	else
		snprintf(what, sizeof(what), "%sa path that begins with '/' for %s",
		    kw->arg == ARG_BOOL_OR_PATH ? "on, off or " : "", kw->name);
	parse_expected(p, what);
	return false;
}

static bool
addr_argument(struct parser *p, const struct keyword *kw, struct value *v)
{
	uint8_t l3 = kw->arg == ARG_IPV4 ? L3_IPV4 : L3_IPV6;
	const char *wrong = l3 == L3_IPV4 ? "an IPv4 address" : "an IPv6 address";
	char what[96];

	if (p->tok.type == TOK_WORD)
		wrong = addr_parse(&p->tok, l3, kw->nets, &v->net);
	if (p->tok.type == TOK_WORD && wrong == NULL)
		return true;
	snprintf(what, sizeof(what), "%s for %s", wrong, kw->name);
	parse_expected(p, what);
	return false;
}

/* Names that contain what no interface name may, or what nobody puts there on purpose. */
static bool
ifname_allowed(const struct token *t)
{
	for (size_t i = 0; i < t->len; i++) {
		if (strchr("/:;,=\"'", t->text[i]) != NULL)
			return false;
	}
	return !token_is(t, ".") && !token_is(t, "..");
}

static bool
ifname_argument(struct parser *p, const struct keyword *kw)
{
	const struct token *t = &p->tok;
	char what[96];

	if (t->type == TOK_WORD && t->len < CONFIG_IFNAME_MAX && ifname_allowed(t))
		return true;
	snprintf(what, sizeof(what), "the name of an interface, at most %d characters, for %s",
	    CONFIG_IFNAME_MAX - 1, kw->name);
	parse_expected(p, what);
	return false;
}

/* Any word will do, but not the next setting on the next line: then the word was forgotten. */
static bool
free_word(struct parser *p, const struct keyword *kw)
{
	uint32_t scope = p->scopes[p->depth - 1];
	char what[64];

	if (p->tok.type == TOK_WORD && (keyword_find(&p->tok, scope) == NULL ||
	    parse_seen(p, kw->name, scope).line == p->tok.pos.line))
		return true;
	snprintf(what, sizeof(what), "a value for %s", kw->name);
	parse_expected(p, what);
	return false;
}

static bool
words_argument(struct parser *p, const struct keyword *kw, struct value *v)
{
	char what[96];

	if (p->tok.type == TOK_OPEN) {
		v->flag = true;
		for (;;) {
			parse_advance(p);
			if (p->tok.type != TOK_BAD &&
			    (p->tok.type != TOK_WORD || parse_closes_early(p)))
				break;
			if (p->tok.type == TOK_WORD)
				kw->word(p, &p->tok);
		}
		if (p->tok.type == TOK_CLOSE)
			store_flag(p, kw, true);
		if (p->tok.type != TOK_OPEN)
			return p->tok.type == TOK_CLOSE;
	} else if (read_bool(&p->tok, &v->flag)) {
		v->is_bool = true;
		store_flag(p, kw, v->flag);
		return true;
	}
	snprintf(what, sizeof(what), "on, off or { name ... } for %s", kw->name);
	parse_expected(p, what);
	return false;
}

void
parse_argument(struct parser *p, const struct keyword *kw)
{
	struct value v = {.tok = p->tok};
	bool good = false;

	switch (kw->arg) {
	case ARG_NONE:
		return;
	case ARG_STATES:
		parse_states(p);
		return;
	case ARG_BOOL:
		good = bool_argument(p, kw, &v);
		break;
	case ARG_INT:
		good = number_argument(p, kw, &v);
		break;
	case ARG_SIGNED:
		good = signed_argument(p, kw);
		break;
	case ARG_PATH:
		good = path_argument(p, kw);
		break;
	case ARG_BOOL_OR_PATH:
		v.is_bool = read_bool(&p->tok, &v.flag);
		good = v.is_bool || path_argument(p, kw);
		break;
	case ARG_BOOL_OR_INT:
		v.is_bool = read_bool(&p->tok, &v.flag);
		good = v.is_bool || number_argument(p, kw, &v);
		break;
	case ARG_BOOL_OR_WORDS:
		good = words_argument(p, kw, &v);
		break;
	case ARG_WORD:
		good = free_word(p, kw);
		break;
	case ARG_IFNAME:
		good = free_word(p, kw) && ifname_argument(p, kw);
		break;
	case ARG_IPV4:
	case ARG_IPV6:
		good = addr_argument(p, kw, &v);
		break;
	case ARG_BLOCK:
		ASSERT(kw->arg != ARG_BLOCK);
	}
	if (!good)
		return;
	if (kw->set != NULL)
		kw->set(p, &v);
	parse_advance(p);
}

/* ---- the filter's lists ---- */

void
filter_set_polarity(struct parser *p, enum filter_test test, enum filter_polarity polarity,
    struct pos pos)
{
	static const char *const test_name[TESTS_COUNT] = {"Protocol", "Address", "State"};
	struct filter *f = &p->c->node.filter;
	enum filter_polarity *now = test == TEST_PROTOCOL ? &f->proto_polarity :
	    test == TEST_ADDRESS ? &f->addr_polarity : &f->state_polarity;

	if (*now != FILTER_NONE && *now != polarity) {
		parse_diag(p, DIAG_ERROR, pos,
		    "found %s %s, expected %s as in line %u, column %u: a test cannot do both",
		    test_name[test], polarity == FILTER_ACCEPT ? "Accept" : "Ignore",
		    polarity == FILTER_ACCEPT ? "Ignore" : "Accept",
		    p->d.polarity_pos[test].line, p->d.polarity_pos[test].col);
		return;
	}
	*now = polarity;
	p->d.polarity_pos[test] = pos;
}

void
parse_protocol(struct parser *p)
{
	const struct token *t = &p->tok;
	uint64_t num;
	int proto;

	if (read_number(t->text, t->len, &num)) {
		if (num > 255) {
			parse_expected(p, "a protocol number from 0 to 255");
			return;
		}
		proto = (int)num;
	} else {
		proto = proto_by_name(t);
		if (proto < 0) {
			parse_expected(p, "a known protocol (or its number, 0 to 255)");
			return;
		}
	}
	filter_proto_add(&p->c->node.filter, (uint8_t)proto);
	parse_advance(p);
}

void
parse_states(struct parser *p)
{
	static const char upper[] = "SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, "
	    "LAST_ACK, TIME_WAIT, CLOSE or LISTEN";
	struct pos pos = p->tok.pos;
	uint16_t *states = &p->c->node.filter.tcp_states;
	size_t count = 0;
	int state;

	while ((state = tcp_state_by_name(&p->tok)) >= 0) {
		*states = (uint16_t)(*states | (1u << state));
		count++;
		parse_advance(p);
	}
	if (count == 0 && !token_is(&p->tok, "for")) {
		parse_expected(p, upper);
		return;
	}
	if (!token_is(&p->tok, "for")) {
		parse_expected(p, "another TCP state or 'for TCP'");
		return;
	}
	parse_advance(p);
	if (!token_is(&p->tok, "TCP")) {
		parse_expected(p, "TCP after 'for'");
		return;
	}
	parse_advance(p);
	if (p->scopes[p->depth - 1] == IN_SYNC)
		filter_set_polarity(p, TEST_STATE, FILTER_ACCEPT, pos);
}

static bool
same_net(const struct filter_net *a, const struct filter_net *b)
{
	return a->prefix == b->prefix && filter_net_contains(a, b->l3, &b->addr);
}

void
filter_add_net(struct parser *p, const struct value *v)
{
	struct filter *f = &p->c->node.filter;
	char shown[SHOWN_MAX];

	for (size_t i = 0; i < f->nets_count; i++) {
		if (same_net(&p->c->nets[i], &v->net)) {
			parse_diag(p, DIAG_WARNING, v->tok.pos,
			    "found %s again in the address list",
			    token_show(&v->tok, shown));
			return;
		}
	}
	if (f->nets_count == CONFIG_NETS_MAX) {
		if (!p->d.nets_full)
			parse_diag(p, DIAG_ERROR, v->tok.pos,
			    "found %s, expected at most %d addresses in the filter",
			    token_show(&v->tok, shown), CONFIG_NETS_MAX);
		p->d.nets_full = true;
		return;
	}
	p->c->nets[f->nets_count++] = v->net;
}
