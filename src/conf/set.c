/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set.c: handlers of the keyword table.
 */
#include "set.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* ---- Sync and its modes ---- */

bool
enter_sync(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)pos;
	(void)scope;
	p->c->has_sync = true;
	return true;
}

bool
enter_gate(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)pos;
	(void)scope;
	p->c->gate = true;
	return true;
}

struct mode_name {
	const char *name;
	const char *now; /* its name today, if it had another */
	uint32_t scope;
	enum sync_mode_id mode;
};

static const struct mode_name modes[] = {
    {"FTFW", NULL, IN_FTFW, MODE_FTFW},
    {"ALARM", NULL, IN_ALARM, MODE_ALARM},
    {"NOTRACK", NULL, IN_NOTRACK, MODE_NOTRACK},
    {"NACK", "FTFW", IN_FTFW, MODE_FTFW},
    {"PERSISTENT", "ALARM", IN_ALARM, MODE_ALARM},
};

bool
enter_mode(struct parser *p, struct pos pos, uint32_t *scope)
{
	const struct mode_name *m = NULL;
	char shown[SHOWN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(modes) && m == NULL; i++) {
		if (token_is_nocase(&p->tok, modes[i].name))
			m = &modes[i];
	}
	if (m == NULL) {
		parse_expected(p, "FTFW, ALARM or NOTRACK as the Mode");
		return false;
	}
	*scope = m->scope;
	if (m->now != NULL)
		parse_diag(p, DIAG_WARNING, p->tok.pos, "found %s, expected its name of today: %s",
		    token_show(&p->tok, shown), m->now);
	if (p->d.has_mode && p->c->node.mode != m->mode) {
		parse_diag(p, DIAG_ERROR, pos, "found a second Mode, expected only that of line %u",
		    p->d.mode_pos.line);
	} else {
		if (p->d.has_mode)
			parse_diag(p, DIAG_WARNING, pos, "found the Mode of line %u again",
			    p->d.mode_pos.line);
		p->d.has_mode = true;
		p->d.mode_pos = pos;
		p->c->node.mode = m->mode;
	}
	parse_advance(p);
	return true;
}

void
set_expectations(struct parser *p, const struct value *v)
{
	p->c->node.expects = v->flag ? NODE_EXPECTS : 0;
	/* Said anew, the switch is about all helpers. */
	if (v->is_bool)
		p->c->node.expect_helpers.count = 0;
}

void
add_expect_helper(struct parser *p, const struct token *word)
{
	struct expect_helpers *h = &p->c->node.expect_helpers;
	char shown[SHOWN_MAX];

	if (word->len >= FLOW_HELPER_LEN)
		parse_diag(p, DIAG_ERROR, word->pos,
		    "found %s, expected a helper's name of at most %d letters", token_show(word, shown),
		    FLOW_HELPER_LEN - 1);
	else if (h->count == EXPECT_HELPERS_MAX)
		parse_diag(p, DIAG_ERROR, word->pos, "found %s, expected at most %d helpers",
		    token_show(word, shown), EXPECT_HELPERS_MAX);
	else
		token_copy(word, h->name[h->count++], FLOW_HELPER_LEN);
}

/* ---- links ---- */

enum { ERROR_QUEUE = 128 };

static const char *
transport_name(enum config_transport transport)
{
	return transport == TRANSPORT_MULTICAST ? "Multicast" :
	    transport == TRANSPORT_UDP ? "UDP" : "TCP";
}

static void
begin_link(struct parser *p, struct pos pos, enum config_transport transport)
{
	struct config *c = p->c;
	char shown[SHOWN_MAX];

	if (c->links_count > 0 && c->links[0].transport != transport)
		parse_diag(p, DIAG_ERROR, pos, "found %s, expected %s as in line %u: all links are "
		    "of one kind", transport_name(transport), transport_name(c->links[0].transport),
		    p->d.links[0].pos.line);
	if (c->links_count < NODE_LINKS_MAX) {
		p->link = &c->links[c->links_count];
		p->dlink = &p->d.links[c->links_count];
		c->links_count++;
	} else {
		parse_diag(p, DIAG_ERROR, pos, "found too many dedicated links (Maximum: %d)",
		    NODE_LINKS_MAX);
		p->link = &p->spare_link;
		p->dlink = &p->spare_dlink;
		memset(p->link, 0, sizeof(*p->link));
		memset(p->dlink, 0, sizeof(*p->dlink));
	}
	p->link->transport = transport;
	p->link->checksum = true;
	p->link->error_queue = ERROR_QUEUE;
	p->link->line = pos.line;
	p->dlink->pos = pos;
	if (token_is(&p->tok, "Default")) {
		p->link->is_default = true;
		parse_advance(p);
	} else if (token_is_nocase(&p->tok, "Default")) {
		parse_diag(p, DIAG_ERROR, p->tok.pos, "found %s, expected Default or '{'",
		    token_show(&p->tok, shown));
		parse_advance(p);
	}
}

bool
enter_multicast(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	begin_link(p, pos, TRANSPORT_MULTICAST);
	return true;
}

bool
enter_udp(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	begin_link(p, pos, TRANSPORT_UDP);
	return true;
}

bool
enter_tcp(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	begin_link(p, pos, TRANSPORT_TCP);
	return true;
}

void
leave_link(struct parser *p, struct pos pos, bool broken)
{
	const struct config_link *l = p->link;
	const struct draft_link *d = p->dlink;
	bool multicast = l->transport == TRANSPORT_MULTICAST;
	const char *missing[4];
	size_t count = 0, len = 0;
	char list[128] = "";

	/* What is absent may be what could not be read. */
	if (broken)
		return;
	if (!d->has_group)
		missing[count++] = multicast ? "IPv4_address or IPv6_address" :
					       "a Destination_Address";
	if (multicast && d->has_v4 && !d->has_local)
		missing[count++] = "IPv4_interface";
	if (l->ifname[0] == '\0')
		missing[count++] = "Interface";
	if (l->port == 0)
		missing[count++] = multicast ? "Group" : "Port";
	if (!multicast && d->has_group && d->has_local &&
	    memcmp(&l->group, &l->local, sizeof(l->group)) == 0)
		parse_diag(p, DIAG_ERROR, pos,
		    "found the same address for both ends of %s, expected this host's and the peer's",
		    transport_name(l->transport));
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "",
		    missing[i]);
	if (count > 0)
		parse_diag(p, DIAG_ERROR, pos, "found %s without: %s", transport_name(l->transport),
		    list);
}

/* Notes the family of an address of the link; all of them must be of one. */
static void
note_family(struct parser *p, const struct value *v)
{
	struct draft_link *d = p->dlink;
	bool v4 = v->net.l3 == L3_IPV4;
	char shown[SHOWN_MAX];

	if (v4 ? d->has_v6 : d->has_v4)
		parse_diag(p, DIAG_ERROR, v->tok.pos,
		    "found %s, expected an %s address like the one before: a link has one family",
		    token_show(&v->tok, shown), v4 ? "IPv6" : "IPv4");
	if (v4)
		d->has_v4 = true;
	else
		d->has_v6 = true;
	p->link->l3 = v->net.l3;
}

static bool
is_multicast(const struct filter_net *a)
{
	return a->l3 == L3_IPV4 ? (a->addr.b[0] & 0xf0) == 0xe0 : a->addr.b[0] == 0xff;
}

/* The unspecified and the broadcast address. */
static bool
is_nobody(const struct filter_net *a)
{
	static const struct ip_addr zero;
	static const uint8_t ones[4] = {255, 255, 255, 255};

	return memcmp(a->addr.b, zero.b, sizeof(zero.b)) == 0 ||
	    (a->l3 == L3_IPV4 && memcmp(a->addr.b, ones, sizeof(ones)) == 0);
}

void
set_group(struct parser *p, const struct value *v)
{
	char shown[SHOWN_MAX];

	if (!is_multicast(&v->net))
		parse_diag(p, DIAG_ERROR, v->tok.pos, "found %s, expected a multicast group (%s)",
		    token_show(&v->tok, shown),
		    v->net.l3 == L3_IPV4 ? "224.0.0.0 to 239.255.255.255" : "ff00::/8");
	note_family(p, v);
	p->link->group = v->net.addr;
	p->dlink->has_group = true;
}

static void
expect_unicast(struct parser *p, const struct value *v, const char *whose)
{
	char shown[SHOWN_MAX];

	if (is_multicast(&v->net) || is_nobody(&v->net))
		parse_diag(p, DIAG_ERROR, v->tok.pos, "found %s, expected an address of %s",
		    token_show(&v->tok, shown), whose);
}

void
set_mcast_local(struct parser *p, const struct value *v)
{
	expect_unicast(p, v, "this host on the dedicated link");
	note_family(p, v);
	p->link->local = v->net.addr;
	p->dlink->has_local = true;
}

void
set_local(struct parser *p, const struct value *v)
{
	if (!is_nobody(&v->net))
		expect_unicast(p, v, "this host");
	note_family(p, v);
	p->link->local = v->net.addr;
	p->dlink->has_local = true;
}

void
set_peer(struct parser *p, const struct value *v)
{
	expect_unicast(p, v, "the peer");
	note_family(p, v);
	p->link->group = v->net.addr;
	p->dlink->has_group = true;
}

void
set_checksum(struct parser *p, const struct value *v)
{
	(void)v;
	p->dlink->has_checksum = true;
}

void
set_ifname(struct parser *p, const struct value *v)
{
	token_copy(&v->tok, p->link->ifname, sizeof(p->link->ifname));
}

/* ---- General and Stats ---- */

static void
log_file(const struct value *v, const char *standard, bool *has, char path[CONFIG_PATH_MAX])
{
	*has = !v->is_bool || v->flag;
	if (!v->is_bool)
		return;
	memset(path, 0, CONFIG_PATH_MAX);
	if (v->flag)
		snprintf(path, CONFIG_PATH_MAX, "%s", standard);
}

void
set_log_file(struct parser *p, const struct value *v)
{
	log_file(v, "/var/log/conntrackd.log", &p->c->has_log_file, p->c->log_file);
}

void
set_stats_log_file(struct parser *p, const struct value *v)
{
	log_file(v, "/var/log/conntrackd-stats.log", &p->c->stats_has_log, p->c->stats_log);
}

static void
facility(struct parser *p, const struct value *v, int *out)
{
	int found = facility_by_name(&v->tok);
	char shown[SHOWN_MAX];

	if (found >= 0) {
		*out = found;
	} else if (token_is_nocase(&v->tok, "on") || token_is_nocase(&v->tok, "yes")) {
		*out = LOG_DAEMON;
	} else if (token_is_nocase(&v->tok, "off") || token_is_nocase(&v->tok, "no")) {
		*out = -1;
	} else if (parse_punctuation_hint(&v->tok)[0] != '\0') {
		parse_diag(p, DIAG_ERROR, v->tok.pos,
		    "found %s, expected on, off, daemon or local0 to local7%s",
		    token_show(&v->tok, shown), parse_punctuation_hint(&v->tok));
	} else {
		/* Older versions went on without, and losing replication over it would be worse. */
		parse_diag(p, DIAG_WARNING, v->tok.pos,
		    "found %s, expected on, off, daemon or local0 to local7: ignored",
		    token_show(&v->tok, shown));
	}
}

void
set_syslog(struct parser *p, const struct value *v)
{
	facility(p, v, &p->c->syslog_facility);
}

void
set_stats_syslog(struct parser *p, const struct value *v)
{
	facility(p, v, &p->c->stats_facility);
	p->d.stats_syslog_pos = v->tok.pos;
}

/* Whether there is such a group is found out by who opens the socket. */
void
set_unix_group(struct parser *p, const struct value *v)
{
	char shown[SHOWN_MAX];

	if (v->tok.len < CONFIG_GROUP_MAX && parse_punctuation_hint(&v->tok)[0] == '\0')
		token_copy(&v->tok, p->c->unix_group, sizeof(p->c->unix_group));
	else
		parse_diag(p, DIAG_ERROR, v->tok.pos,
		    "found %s, expected the name of a group, of at most %d characters%s",
		    token_show(&v->tok, shown), CONFIG_GROUP_MAX - 1,
		    parse_punctuation_hint(&v->tok));
}

/* Who generates files asks for twice what the kernel may hold at most, or for all that there can be. */
void
set_hash_limit(struct parser *p, const struct value *v)
{
	if (v->num <= CONFIG_FLOWS_MAX)
		return;
	p->c->node.limit = CONFIG_FLOWS_MAX;
	parse_diag(p, DIAG_WARNING, v->tok.pos, "found %u for HashLimit, expected at most %u, which is taken",
	    v->num, CONFIG_FLOWS_MAX);
}

void
set_overrun_resync(struct parser *p, const struct value *v)
{
	if (v->is_bool)
		p->c->overrun_resync_s = v->flag ? 30 : 0;
}

void
set_sched_type(struct parser *p, const struct value *v)
{
	char shown[SHOWN_MAX];

	if (token_is_nocase(&v->tok, "rr"))
		p->c->sched_type = SCHED_TYPE_RR;
	else if (token_is_nocase(&v->tok, "fifo"))
		p->c->sched_type = SCHED_TYPE_FIFO;
	else
		parse_diag(p, DIAG_ERROR, v->tok.pos, "found %s, expected RR or FIFO",
		    token_show(&v->tok, shown));
}

/* ---- Filter ---- */

bool
enter_filter(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)pos;
	(void)scope;
	if (token_is_nocase(&p->tok, "From") && !token_is(&p->tok, "From")) {
		parse_expected(p, "From (with a capital letter) or '{'");
		return true;
	}
	if (!token_is(&p->tok, "From"))
		return true;
	parse_advance(p);
	/* Both say who does the work, not what is let through: the meaning is the same. */
	p->c->filter_in_kernel = token_is(&p->tok, "Kernelspace");
	if (!token_is(&p->tok, "Userspace") && !token_is(&p->tok, "Kernelspace")) {
		bool opens = p->tok.type == TOK_OPEN;

		parse_expected(p, "Userspace or Kernelspace");
		return !opens;
	}
	parse_advance(p);
	return true;
}

static bool
enter_test(struct parser *p, struct pos pos, enum filter_test test)
{
	bool accept = token_is(&p->tok, "Accept");

	if (!accept && !token_is(&p->tok, "Ignore")) {
		parse_expected(p, "Accept or Ignore");
		return false;
	}
	filter_set_polarity(p, test, accept ? FILTER_ACCEPT : FILTER_IGNORE, pos);
	parse_advance(p);
	return true;
}

bool
enter_protocol(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	return enter_test(p, pos, TEST_PROTOCOL);
}

bool
enter_address(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	return enter_test(p, pos, TEST_ADDRESS);
}

bool
enter_state(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	return enter_test(p, pos, TEST_STATE);
}

bool
enter_ignore_traffic(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	filter_set_polarity(p, TEST_ADDRESS, FILTER_IGNORE, pos);
	return true;
}

bool
enter_ignore_protocol(struct parser *p, struct pos pos, uint32_t *scope)
{
	(void)scope;
	filter_set_polarity(p, TEST_PROTOCOL, FILTER_IGNORE, pos);
	return true;
}
