/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tuple.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

enum { WORD_MAX = 128, SHOWN_MAX = 40 };

static const struct {
	const char *name;
	uint8_t l4;
} protocols[] = {{"icmp", L4_ICMP}, {"tcp", L4_TCP}, {"udp", L4_UDP}, {"dccp", L4_DCCP}, {"gre", L4_GRE},
    {"icmpv6", L4_ICMPV6}, {"ipv6-icmp", L4_ICMPV6}, {"sctp", L4_SCTP}, {"udplite", L4_UDPLITE},
    {"igmp", L4_IGMP}, {"unknown", 0}};

struct parser {
	struct flow_tuple t;
	uint8_t type, code;
	const char *option; /* one of conntrack's, whose value comes next; the key that it stands for */
	bool named;         /* the protocol was, by its name */
	bool skips_number;  /* that of the layer 3 protocol comes next */
	bool replied;       /* a second source: what follows is the reply tuple */
	char *why;
	size_t why_len;
};

/* Says what is wrong with a word.  Always false. */
static bool
wrong(struct parser *p, const char *word, const char *what)
{
	char shown[SHOWN_MAX + 1];
	size_t len = strnlen(word, SHOWN_MAX);

	/* It may be anything: nothing in it may end the line or move the cursor. */
	for (size_t i = 0; i < len; i++)
		shown[i] = word[i] > ' ' && word[i] <= '~' ? word[i] : '?';
	shown[len] = '\0';
	snprintf(p->why, p->why_len, "`%s' %s", shown, what);
	return false;
}

/* ---- values ---- */

static bool
read_number(const char *s, unsigned long most, unsigned long *out)
{
	int base = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
	unsigned long value = 0;

	s += base == 16 ? 2 : 0;
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		unsigned long digit = *s >= '0' && *s <= '9' ? (unsigned long)(*s - '0')
		    : *s >= 'a' && *s <= 'f'		     ? (unsigned long)(*s - 'a' + 10)
		    : *s >= 'A' && *s <= 'F'		     ? (unsigned long)(*s - 'A' + 10)
							     : 16;

		if (digit >= (unsigned long)base)
			return false;
		value = value * (unsigned long)base + digit;
		if (value > most)
			return false;
	}
	*out = value;
	return true;
}

static bool
set_addr(struct parser *p, unsigned int which, const char *s)
{
	struct flow_key *key = &p->t.key;
	struct ip_addr addr = {{0}};
	uint8_t l3 = 0;

	if (inet_pton(AF_INET, s, addr.b) == 1)
		l3 = L3_IPV4;
	else if (inet_pton(AF_INET6, s, addr.b) == 1)
		l3 = L3_IPV6;
	if (l3 == 0)
		return wrong(p, s, "is no address");
	if (p->t.has & which)
		return wrong(p, s, "is one address too many");
	if ((p->t.has & (TUPLE_SRC | TUPLE_DST)) && key->l3 != l3)
		return wrong(p, s, "is an address of another family than the one before");
	key->l3 = l3;
	*(which == TUPLE_SRC ? &key->src : &key->dst) = addr;
	p->t.has |= which;
	return true;
}

static bool
set_port(struct parser *p, unsigned int which, const char *s)
{
	unsigned long value;

	if (!read_number(s, UINT16_MAX, &value))
		return wrong(p, s, "is no port");
	if (p->t.has & which)
		return wrong(p, s, "is one port too many");
	*(which == TUPLE_SPORT ? &p->t.key.sport : &p->t.key.dport) = htons((uint16_t)value);
	p->t.has |= which;
	return true;
}

static bool
set_protocol(struct parser *p, const char *s)
{
	unsigned long value;

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strcasecmp(protocols[i].name, s) != 0)
			continue;
		if (p->named)
			return wrong(p, s, "is one protocol too many");
		p->named = true;
		/* The number of one that has no name comes next. */
		if (protocols[i].l4 == 0) {
			p->named = false;
			return true;
		}
		p->t.key.l4 = protocols[i].l4;
		p->t.has |= TUPLE_L4;
		return true;
	}
	if (!read_number(s, UINT8_MAX, &value))
		return wrong(p, s, "is no protocol");
	p->t.key.l4 = (uint8_t)value;
	p->t.has |= TUPLE_L4;
	return true;
}

static bool
set_byte(struct parser *p, unsigned int which, const char *s)
{
	unsigned long value;

	if (!read_number(s, UINT8_MAX, &value))
		return wrong(p, s, "is no number up to 255");
	*(which == TUPLE_TYPE ? &p->type : &p->code) = (uint8_t)value;
	p->t.has |= which;
	return true;
}

static bool
set_zone(struct parser *p, const char *s)
{
	unsigned long value;

	if (!read_number(s, UINT16_MAX, &value))
		return wrong(p, s, "is no zone");
	p->t.key.zone = (uint16_t)value;
	p->t.has |= TUPLE_ZONE;
	return true;
}

/* ---- words ---- */

static bool
is_one_of(const char *s, const char *const list[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(s, list[i]) == 0)
			return true;
	}
	return false;
}

static bool
set_value(struct parser *p, const char *key, const char *value)
{
	/* What else a line of conntrack(8) has. */
	static const char *const others[] = {"packets", "bytes", "mark", "use", "timeout", "secctx",
	    "secmark", "delta-time", "labels", "helper", "vtag_orig", "vtag_reply", "portid"};

	if (is_one_of(key, others, ARRAY_LEN(others)))
		return true;
	if (strcmp(key, "src") == 0)
		p->replied |= (p->t.has & TUPLE_SRC) != 0;
	if (strcmp(key, "zone") == 0)
		return set_zone(p, value);
	if (strcmp(key, "proto") == 0)
		return set_protocol(p, value);
	/* What tells that it is the reply came before. */
	if (p->replied)
		return true;
	if (strcmp(key, "src") == 0)
		return set_addr(p, TUPLE_SRC, value);
	if (strcmp(key, "dst") == 0)
		return set_addr(p, TUPLE_DST, value);
	if (strcmp(key, "sport") == 0 || strcmp(key, "id") == 0 || strcmp(key, "srckey") == 0)
		return set_port(p, TUPLE_SPORT, value);
	if (strcmp(key, "dport") == 0 || strcmp(key, "dstkey") == 0)
		return set_port(p, TUPLE_DPORT, value);
	if (strcmp(key, "type") == 0)
		return set_byte(p, TUPLE_TYPE, value);
	if (strcmp(key, "code") == 0)
		return set_byte(p, TUPLE_CODE, value);
	return wrong(p, key, "is no part of a tuple");
}

/* The key that an option of conntrack(8) stands for; NULL if there is no such option. */
static const char *
option_key(const char *s)
{
	static const struct {
		const char *option, *key;
	} rows[] = {{"-p", "proto"}, {"--proto", "proto"}, {"--protonum", "proto"}, {"-s", "src"},
	    {"--src", "src"}, {"--orig-src", "src"}, {"-d", "dst"}, {"--dst", "dst"},
	    {"--orig-dst", "dst"}, {"--sport", "sport"}, {"--orig-port-src", "sport"},
	    {"--dport", "dport"}, {"--orig-port-dst", "dport"}, {"-z", "zone"}, {"--zone", "zone"},
	    {"--orig-zone", "zone"}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].option, s) == 0)
			return rows[i].key;
	}
	return NULL;
}

/* Cuts "ADDR:PORT", "[ADDR]:PORT" or "ADDR.PORT" in two; NULL if there is no port. */
static char *
cut_port(char *s)
{
	char *colon = strchr(s, ':'), *last = strrchr(s, '.');
	size_t dots = 0;

	if (s[0] == '[') {
		char *close = strchr(s, ']');

		if (close == NULL)
			return NULL;
		*close = '\0';
		memmove(s, s + 1, strlen(s + 1) + 1);
		return close[1] == ':' ? close + 2 : NULL;
	}
	/* A second one: an IPv6 address. */
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return NULL;
	if (colon != NULL) {
		*colon = '\0';
		return colon + 1;
	}
	for (const char *dot = s; (dot = strchr(dot, '.')) != NULL; dot++)
		dots++;
	if (dots != 4)
		return NULL;
	*last = '\0';
	return last + 1;
}

static bool
take_endpoint(struct parser *p, char *word)
{
	bool first = !(p->t.has & TUPLE_SRC);
	char *port = cut_port(word);

	if (!set_addr(p, first ? TUPLE_SRC : TUPLE_DST, word))
		return false;
	return port == NULL || set_port(p, first ? TUPLE_SPORT : TUPLE_DPORT, port);
}

static bool
is_made_of(const char *s, const char *letters)
{
	return s[0] != '\0' && s[strspn(s, letters)] == '\0';
}

static bool
is_endpoint(const char *s)
{
	return is_made_of(s, "0123456789abcdefABCDEF.:[]") && strpbrk(s, ".:") != NULL;
}

static bool
take_number(struct parser *p, const char *word)
{
	bool skips = p->skips_number;

	p->skips_number = false;
	/* Behind the protocol's name come its number, and what is left of the timeout. */
	return skips || (p->t.has & TUPLE_L4) ? true : set_protocol(p, word);
}

static bool
take_word(struct parser *p, char *word)
{
	const char *key = p->option;
	char *equals = strchr(word, '=');

	p->option = NULL;
	if (key != NULL)
		return set_value(p, key, word);
	if (equals != NULL)
		*equals = '\0';
	if (word[0] == '-' && strcmp(word, "-") != 0) {
		key = option_key(word);
		if (key == NULL)
			return wrong(p, word, "is no option");
		if (equals != NULL)
			return set_value(p, key, equals + 1);
		p->option = key;
		return true;
	}
	if (equals != NULL)
		return set_value(p, word, equals + 1);
	if (is_made_of(word, "0123456789"))
		return take_number(p, word);
	if (strcasecmp(word, "ipv4") == 0 || strcasecmp(word, "ipv6") == 0) {
		p->skips_number = true;
		return true;
	}
	if (is_endpoint(word))
		return take_endpoint(p, word);
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strcasecmp(protocols[i].name, word) == 0)
			return set_protocol(p, word);
	}
	/* States and marks: ESTABLISHED, [ASSURED]. */
	if (is_made_of(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_[]"))
		return true;
	return wrong(p, word, "is no part of a tuple");
}

/* Words within a word: spaces, commas and arrows part them. */
static bool
take_words(struct parser *p, const char *s)
{
	while (*s != '\0') {
		size_t gap = strspn(s, " \t\n,>"), len;
		char word[WORD_MAX];

		s += gap;
		if (s[0] == '-' && s[1] == '>') {
			s += 2;
			continue;
		}
		len = strcspn(s, " \t\n,>");
		/* Of an arrow without spaces. */
		if (s[len] == '>' && len > 0 && s[len - 1] == '-')
			len--;
		if (len >= sizeof(word))
			return wrong(p, s, "is too long");
		memcpy(word, s, len);
		word[len] = '\0';
		s += len;
		if (len > 0 && !take_word(p, word))
			return false;
	}
	return true;
}

bool
tuple_parse(const char *const words[], size_t count, struct flow_tuple *out, char *why, size_t why_len)
{
	const unsigned int names = TUPLE_SRC | TUPLE_DST | TUPLE_SPORT | TUPLE_DPORT;
	struct parser p = {.why = why, .why_len = why_len};
	uint8_t kind[2];

	for (size_t i = 0; i < count; i++) {
		if (!take_words(&p, words[i]))
			return false;
	}
	if (p.option != NULL)
		return wrong(&p, p.option, "has no value");
	if (!(p.t.has & names)) {
		snprintf(why, why_len, "no flow is named: at least an address or a port is needed");
		return false;
	}
	if (p.t.has & (TUPLE_TYPE | TUPLE_CODE)) {
		if (p.t.has & TUPLE_DPORT)
			return wrong(&p, "type", "is ICMP's, and a port is not");
		kind[0] = p.type;
		kind[1] = p.code;
		memcpy(&p.t.key.dport, kind, sizeof(kind));
	}
	*out = p.t;
	return true;
}

/* "name=value", after a space if something is there already. */
static void
render_name(struct text *t, size_t start, const char *name_equals)
{
	if (t->len > start)
		text_str(t, " ");
	text_str(t, name_equals);
}

static void
render_number(struct text *t, size_t start, const char *name_equals, unsigned int value)
{
	render_name(t, start, name_equals);
	text_u64(t, value);
}

static void
render_protocol(struct text *t, size_t start, uint8_t l4)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (protocols[i].l4 == l4 && l4 != 0) {
			render_name(t, start, protocols[i].name);
			return;
		}
	}
	render_number(t, start, "proto=", l4);
}

void
tuple_render(struct text *t, const struct flow_tuple *tuple)
{
	const struct flow_key *key = &tuple->key;
	bool icmp = flow_l4_is_icmp(key->l4) && (tuple->has & TUPLE_L4);
	size_t start = t->len;
	uint8_t kind[2];

	memcpy(kind, &key->dport, sizeof(kind));
	if (tuple->has & TUPLE_L4)
		render_protocol(t, start, key->l4);
	if (tuple->has & TUPLE_SRC) {
		render_name(t, start, "src=");
		text_addr(t, key->l3, &key->src);
	}
	if (tuple->has & TUPLE_DST) {
		render_name(t, start, "dst=");
		text_addr(t, key->l3, &key->dst);
	}
	if (tuple->has & TUPLE_SPORT)
		render_number(t, start, icmp ? "id=" : "sport=", ntohs(key->sport));
	if (tuple->has & TUPLE_DPORT)
		render_number(t, start, "dport=", ntohs(key->dport));
	if (tuple->has & TUPLE_TYPE)
		render_number(t, start, "type=", kind[0]);
	if (tuple->has & TUPLE_CODE)
		render_number(t, start, "code=", kind[1]);
	if (tuple->has & TUPLE_ZONE)
		render_number(t, start, "zone=", key->zone);
}
