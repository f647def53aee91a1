/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c: protocols, TCP states, facilities and addresses, as words and as values.
 *
 * The tables are our own: a firewall without /etc/protocols must not filter differently.
 */
#include "parser.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

struct name {
	const char *name;
	int value;
};

/* IANA protocol numbers and the aliases that protocols(5) files have for them.  The first name of a
 * number is the one that is printed. */
static const struct name protos[] = {
    {"ip", 0}, {"hopopt", 0}, {"ICMP", 1}, {"IGMP", 2}, {"ggp", 3}, {"ipencap", 4},
    {"ip-encap", 4}, {"ipv4", 4}, {"st", 5}, {"TCP", 6}, {"cbt", 7}, {"egp", 8}, {"igp", 9},
    {"pup", 12}, {"UDP", 17}, {"hmp", 20}, {"xns-idp", 22}, {"rdp", 27}, {"iso-tp4", 29},
    {"DCCP", 33}, {"xtp", 36}, {"ddp", 37}, {"idpr-cmtp", 38}, {"IPv6", 41},
    {"IPv6-Route", 43}, {"IPv6-Frag", 44}, {"idrp", 45}, {"RSVP", 46}, {"GRE", 47},
    {"ESP", 50}, {"ipsec-esp", 50}, {"ipv6-crypt", 50}, {"AH", 51}, {"ipsec-ah", 51},
    {"ipv6-auth", 51}, {"swipe", 53}, {"skip", 57}, {"IPv6-ICMP", 58}, {"icmpv6", 58},
    {"icmp6", 58}, {"IPv6-NoNxt", 59}, {"IPv6-Opts", 60}, {"rspf", 73}, {"cphb", 73},
    {"vmtp", 81}, {"eigrp", 88}, {"OSPF", 89}, {"ospfigp", 89}, {"ax.25", 93}, {"IPIP", 94},
    {"etherip", 97}, {"encap", 98}, {"PIM", 103}, {"ipcomp", 108}, {"VRRP", 112},
    {"carp", 112}, {"L2TP", 115}, {"isis", 124}, {"SCTP", 132}, {"fc", 133},
    {"Mobility-Header", 135}, {"UDPLite", 136}, {"udp-lite", 136}, {"mpls-in-ip", 137},
    {"manet", 138}, {"hip", 139}, {"shim6", 140}, {"wesp", 141}, {"rohc", 142},
    {"ethernet", 143}, {"pfsync", 240},
};

static const struct name tcp_states[] = {
    {"SYN_SENT", TCP_SYN_SENT}, {"SYN_RECV", TCP_SYN_RECV}, {"ESTABLISHED", TCP_ESTABLISHED},
    {"FIN_WAIT", TCP_FIN_WAIT}, {"CLOSE_WAIT", TCP_CLOSE_WAIT}, {"LAST_ACK", TCP_LAST_ACK},
    {"TIME_WAIT", TCP_TIME_WAIT}, {"CLOSE", TCP_CLOSE}, {"CLOSED", TCP_CLOSE},
    {"LISTEN", TCP_SYN_SENT2},
};

static const struct name facilities[] = {
    {"daemon", LOG_DAEMON}, {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
};

static const char *
name_of(const struct name *names, size_t count, int value)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].value == value)
			return names[i].name;
	}
	return NULL;
}

int
proto_by_name(const struct token *name)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
		if (token_is_nocase(name, protos[i].name))
			return protos[i].value;
	}
	return -1;
}

const char *
proto_name(uint8_t proto)
{
	return name_of(protos, ARRAY_LEN(protos), proto);
}

int
tcp_state_by_name(const struct token *name)
{
	for (size_t i = 0; i < ARRAY_LEN(tcp_states); i++) {
		if (token_is(name, tcp_states[i].name))
			return tcp_states[i].value;
	}
	return -1;
}

const char *
tcp_state_name(unsigned int state)
{
	return name_of(tcp_states, ARRAY_LEN(tcp_states), (int)state);
}

int
facility_by_name(const struct token *name)
{
	for (size_t i = 0; i < ARRAY_LEN(facilities); i++) {
		if (token_is(name, facilities[i].name))
			return facilities[i].value;
	}
	return -1;
}

const char *
facility_name(int facility)
{
	return name_of(facilities, ARRAY_LEN(facilities), facility);
}

static const char *
prefix_range(uint8_t bits)
{
	return bits == 32 ? "a prefix length from 0 to 32" : "a prefix length from 0 to 128";
}

/* Reads "/n" and moves *len back to before it. */
static const char *
prefix_parse(const char *text, size_t *len, bool wanted, uint8_t bits, uint8_t *prefix)
{
	const char *slash = memchr(text, '/', *len);
	unsigned int n = 0;

	*prefix = bits;
	if (slash == NULL)
		return NULL;
	if (!wanted)
		return "a single address without a prefix length";
	if (slash + 1 == text + *len || text + *len - slash > 4)
		return prefix_range(bits);
	for (const char *c = slash + 1; c < text + *len; c++) {
		if (*c < '0' || *c > '9')
			return "a decimal prefix length";
		n = n * 10 + (unsigned int)(*c - '0');
	}
	if (n > bits)
		return prefix_range(bits);
	*prefix = (uint8_t)n;
	*len = (size_t)(slash - text);
	return NULL;
}

/* A field such as 010 is octal to some readers and decimal to others: nobody may guess. */
static bool
has_leading_zero(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		bool starts = c == text || c[-1] == '.';

		if (starts && c[0] == '0' && c[1] >= '0' && c[1] <= '9')
			return true;
	}
	return false;
}

const char *
addr_parse(const struct token *t, uint8_t l3, bool with_prefix, struct filter_net *out)
{
	char text[ADDR_TEXT_MAX];
	size_t len = t->len;
	const char *wrong;
	uint8_t prefix;

	memset(out, 0, sizeof(*out));
	wrong = prefix_parse(t->text, &len, with_prefix, l3 == L3_IPV4 ? 32 : 128, &prefix);
	if (wrong != NULL)
		return wrong;
	out->l3 = l3;
	out->prefix = prefix;
	if (len < sizeof(text)) {
		memcpy(text, t->text, len);
		text[len] = '\0';
		if (l3 == L3_IPV4 && has_leading_zero(text))
			return "an IPv4 address without leading zeros";
		/* An IPv4 tail would name an address that no packet carries. */
		if (l3 == L3_IPV6 && strchr(text, '.') != NULL)
			return "an IPv6 address in hexadecimal only";
		if (l3 == L3_IPV6 && strchr(text, '%') != NULL)
			return "an IPv6 address without a zone";
		if (inet_pton(l3 == L3_IPV4 ? AF_INET : AF_INET6, text, out->addr.b) == 1)
			return NULL;
	}
	return l3 == L3_IPV4 ? "an IPv4 address" : "an IPv6 address";
}

/* The longest run of two or more zero groups, which "::" stands for: its length, or 0 and *start
 * past the end if there is none. */
static size_t
longest_zeros(const uint8_t *b, size_t *start)
{
	size_t best = 0;

	for (size_t i = 0; i < 8; i++) {
		size_t n = 0;

		while (i + n < 8 && b[2 * (i + n)] == 0 && b[2 * (i + n) + 1] == 0)
			n++;
		if (n > best) {
			best = n;
			*start = i;
		}
	}
	if (best < 2) {
		*start = 8;
		return 0;
	}
	return best;
}

void
addr_print(uint8_t l3, const struct ip_addr *addr, char out[ADDR_TEXT_MAX])
{
	const uint8_t *b = addr->b;
	size_t zeros_at = 0, zeros, len = 0;

	if (l3 == L3_IPV4) {
		snprintf(out, ADDR_TEXT_MAX, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
		return;
	}
	/* inet_ntop() is not used: it writes some addresses with an IPv4 tail. */
	zeros = longest_zeros(b, &zeros_at);
	out[0] = '\0';
	for (size_t i = 0; i < 8;) {
		if (zeros > 0 && i == zeros_at) {
			len += (size_t)snprintf(out + len, ADDR_TEXT_MAX - len, "::");
			i += zeros;
			continue;
		}
		len += (size_t)snprintf(out + len, ADDR_TEXT_MAX - len, "%s%x",
		    i > 0 && i != zeros_at + zeros ? ":" : "", b[2 * i] << 8 | b[2 * i + 1]);
		i++;
	}
}
