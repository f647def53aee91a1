/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper.c: the Helper section: user-space helpers, which are read and checked but not run.
 */
#include "set.h"

#include <stdio.h>
#include <string.h>

enum { PARSES_TCP = 1, PARSES_UDP = 2 };

static const struct helper_row {
	const char *name;
	unsigned int l4;     /* which of them it parses */
	const char *module;  /* of the kernel, for the same protocol */
	uint32_t expect_max, expect_timeout_s; /* where the file says nothing */
} helpers[] = {
    {"amanda", PARSES_UDP, "nf_conntrack_amanda", 3, 180},
    {"dhcpv6", PARSES_UDP, NULL, 1, 300},
    {"ftp", PARSES_TCP, "nf_conntrack_ftp", 1, 300},
    {"mdns", PARSES_UDP, NULL, 8, 30},
    {"rpc", PARSES_TCP | PARSES_UDP, NULL, 1, 300},
    {"sane", PARSES_TCP, "nf_conntrack_sane", 1, 300},
    {"slp", PARSES_UDP, NULL, 8, 16},
    {"ssdp", PARSES_TCP | PARSES_UDP, NULL, 8, 300},
    {"tftp", PARSES_UDP, "nf_conntrack_tftp", 1, 300},
    {"tns", PARSES_TCP, NULL, 1, 300},
};

const char *
config_helper_module(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		if (strcmp(helpers[i].name, name) == 0)
			return helpers[i].module;
	}
	return NULL;
}

static bool
parses(const struct helper_row *h, const struct token *l4)
{
	return ((h->l4 & PARSES_TCP) && token_is(l4, "tcp")) ||
	    ((h->l4 & PARSES_UDP) && token_is(l4, "udp"));
}

static const struct helper_row *
find_helper(const struct token *name)
{
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		if (token_is(name, helpers[i].name))
			return &helpers[i];
	}
	return NULL;
}

/* A place for one more; those past the last all get the same. */
static struct config_helper *
next_helper(struct parser *p, struct pos pos)
{
	struct config *c = p->c;

	if (c->helpers_count < CONFIG_HELPERS_MAX)
		return &c->helpers[c->helpers_count++];
	parse_diag(p, DIAG_ERROR, pos, "found one more helper, expected at most %d",
	    CONFIG_HELPERS_MAX);
	return &p->d.spare_helper;
}

bool
enter_helper_type(struct parser *p, struct pos pos, uint32_t *scope)
{
	const struct helper_row *row = find_helper(&p->tok);
	struct config_helper *h;

	(void)scope;
	p->d.helper = &p->d.spare_helper;
	if (row == NULL) {
		parse_expected(p, "a helper: amanda, dhcpv6, ftp, mdns, rpc, sane, slp, ssdp, tftp "
		    "or tns (Unknown helper)");
		return false;
	}
	h = next_helper(p, pos);
	*h = (struct config_helper){.expect_max = row->expect_max,
	    .expect_timeout_s = row->expect_timeout_s};
	snprintf(h->name, sizeof(h->name), "%s", row->name);
	p->d.helper = h;
	parse_advance(p);
	if (!token_is(&p->tok, "inet") && !token_is(&p->tok, "inet6")) {
		parse_expected(p, "inet or inet6 for the helper");
		return false;
	}
	h->l3 = token_is(&p->tok, "inet") ? L3_IPV4 : L3_IPV6;
	parse_advance(p);
	if (!parses(row, &p->tok)) {
		parse_expected(p, row->l4 == PARSES_TCP ? "tcp for this helper" :
		    row->l4 == PARSES_UDP ? "udp for this helper" : "tcp or udp for this helper");
		return false;
	}
	h->l4 = token_is(&p->tok, "tcp") ? L4_TCP : L4_UDP;
	parse_advance(p);
	return true;
}

void
set_queue_num(struct parser *p, const struct value *v)
{
	p->d.helper->queue_num = v->num;
}

void
set_queue_len(struct parser *p, const struct value *v)
{
	p->d.helper->queue_len = v->num;
}

bool
enter_policy(struct parser *p, struct pos pos, uint32_t *scope)
{
	char what[64];

	(void)pos;
	(void)scope;
	p->d.policy_filled = false;
	if (!token_is(&p->tok, p->d.helper->name)) {
		snprintf(what, sizeof(what), "%s, the only policy of this helper",
		    p->d.helper->name);
		parse_expected(p, what);
		return false;
	}
	parse_advance(p);
	return true;
}

void
set_expect_max(struct parser *p, const struct value *v)
{
	p->d.policy_filled = true;
	p->d.helper->expect_max = v->num;
}

void
set_expect_timeout(struct parser *p, const struct value *v)
{
	p->d.policy_filled = true;
	p->d.helper->expect_timeout_s = v->num;
}

void
leave_policy(struct parser *p, struct pos pos, bool broken)
{
	p->d.helper->has_policy = true;
	if (!broken && !p->d.policy_filled)
		parse_diag(p, DIAG_ERROR, pos,
		    "found an empty Policy, expected ExpectMax and ExpectTimeout");
}
