/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_nft.c: facts from the ruleset, as `nft -j list ruleset' prints it.
 *
 * A look, not a proof: a rule is taken to be about a link unless what it says of interface or port is about
 * something else.  Jumps and maps are not followed: where one may lead to the link, nothing is concluded.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "doc.h"
#include "doctor.h"

enum { RULESET_MAX = 16 << 20, NFT_MS_MAX = 5000, CHAINS_MAX = 16, DEPTH_MAX = 8 };

/* ---- does a rule speak of a link? ---- */

enum match { MATCH_OTHER, MATCH_NEUTRAL, MATCH_LINK };

static bool
is_ifname(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strcmp(pattern, name) == 0;
}

/* Is the value, one or several, the interface or the port of the link? */
static enum match
match_value(const json_t *value, const struct config_link *l, bool iface, int depth)
{
	const json_t *set = console_at(value, "set"), *range = console_at(value, "range");

	if (iface && json_is_string(value) && json_string_value(value)[0] != '@')
		return is_ifname(json_string_value(value), l->ifname) ? MATCH_LINK : MATCH_OTHER;
	if (!iface && json_is_integer(value))
		return json_integer_value(value) == l->port ? MATCH_LINK : MATCH_OTHER;
	if (!iface && json_array_size(range) == 2)
		return json_integer_value(json_array_get(range, 0)) <= l->port &&
			l->port <= json_integer_value(json_array_get(range, 1)) ? MATCH_LINK : MATCH_OTHER;
	for (size_t i = 0; depth < DEPTH_MAX && i < json_array_size(set); i++) {
		enum match m = match_value(json_array_get(set, i), l, iface, depth + 1);

		if (m != MATCH_OTHER)
			return m;
	}
	return json_is_array(set) ? MATCH_OTHER : MATCH_NEUTRAL;
}

/* States other than those of a connection that is known already. */
static bool
is_of_new(const json_t *states, int depth)
{
	const json_t *set = console_at(states, "set");
	const json_t *list = json_is_array(states) ? states : set;
	const char *word = json_string_value(states);

	if (word != NULL)
		return strcmp(word, "new") == 0 || strcmp(word, "untracked") == 0;
	for (size_t i = 0; depth < DEPTH_MAX && i < json_array_size(list); i++) {
		if (is_of_new(json_array_get(list, i), depth + 1))
			return true;
	}
	return false;
}

static enum match
match_one(const json_t *match, const struct config_link *l)
{
	const char *key = console_str(match, "left.meta.key"), *field = console_str(match, "left.payload.field");
	const char *protocol = console_str(match, "left.payload.protocol"), *op = console_str(match, "op");
	const char *wanted = l->transport == TRANSPORT_TCP ? "tcp" : "udp";
	const json_t *right = console_at(match, "right");

	if (strcmp(console_str(match, "left.ct.key"), "state") == 0)
		return is_of_new(right, 0) ? MATCH_NEUTRAL : MATCH_OTHER;
	if (strcmp(op, "!=") == 0)
		return MATCH_NEUTRAL;
	if (strcmp(key, "iifname") == 0 || strcmp(key, "oifname") == 0 || strcmp(key, "iif") == 0 || strcmp(key, "oif") == 0)
		return match_value(right, l, true, 0);
	if (strcmp(key, "l4proto") == 0 && json_is_string(right))
		return strcmp(json_string_value(right), wanted) == 0 ? MATCH_NEUTRAL : MATCH_OTHER;
	if (strcmp(field, "dport") == 0 || strcmp(field, "sport") == 0) {
		if (strcmp(protocol, "th") != 0 && strcmp(protocol, wanted) != 0)
			return MATCH_OTHER;
		return strcmp(field, "dport") == 0 ? match_value(right, l, false, 0) : MATCH_NEUTRAL;
	}
	if (strcmp(protocol, "icmp") == 0 || strcmp(protocol, "icmpv6") == 0)
		return MATCH_OTHER;
	return MATCH_NEUTRAL;
}

struct rule_view {
	bool about_link; /* nothing in it says that it is about something else */
	bool accepts, leaves, notrack;
};

static struct rule_view
view_rule(const json_t *rule, const struct config_link *l)
{
	const json_t *expr = console_at(rule, "expr");
	struct rule_view v = {.about_link = true};

	for (size_t i = 0; i < json_array_size(expr); i++) {
		const json_t *e = json_array_get(expr, i);
		const json_t *match = json_object_get(e, "match");

		if (match != NULL && match_one(match, l) == MATCH_OTHER)
			v.about_link = false;
		v.accepts = v.accepts || json_object_get(e, "accept") != NULL;
		v.notrack = v.notrack || json_object_get(e, "notrack") != NULL;
		v.leaves = v.leaves || json_object_get(e, "jump") != NULL || json_object_get(e, "goto") != NULL ||
		    json_object_get(e, "vmap") != NULL;
	}
	return v;
}

/* ---- chains ---- */

struct chain {
	const char *family, *table, *name;
};

static bool
sees_family(const char *family, uint8_t l3)
{
	return strcmp(family, "inet") == 0 || strcmp(family, l3 == L3_IPV6 ? "ip6" : "ip") == 0;
}

static bool
is_in(const json_t *rule, const struct chain *c)
{
	return strcmp(console_str(rule, "family"), c->family) == 0 && strcmp(console_str(rule, "table"), c->table) == 0 &&
	    strcmp(console_str(rule, "chain"), c->name) == 0;
}

/* Chains of input that drop what no rule of theirs accepts. */
static size_t
dropping_chains(const json_t *list, uint8_t l3, struct chain out[CHAINS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_object_get(json_array_get(list, i), "chain");

		if (c == NULL || count == CHAINS_MAX || strcmp(console_str(c, "hook"), "input") != 0 ||
		    strcmp(console_str(c, "policy"), "drop") != 0 || !sees_family(console_str(c, "family"), l3))
			continue;
		out[count++] = (struct chain){console_str(c, "family"), console_str(c, "table"), console_str(c, "name")};
	}
	return count;
}

static void
look_at_link(struct link_facts *facts, const json_t *list, const struct config_link *l)
{
	struct chain chains[CHAINS_MAX];
	size_t count = dropping_chains(list, l->l3, chains);

	facts->notrack = 0;
	facts->rule_drops = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *rule = json_object_get(json_array_get(list, i), "rule");
		struct rule_view v = view_rule(rule, l);

		if (rule != NULL && v.about_link && v.notrack && sees_family(console_str(rule, "family"), l->l3))
			facts->notrack = 1;
	}
	for (size_t c = 0; c < count && facts->rule_drops == 0; c++) {
		bool passes = false, unclear = false;

		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *rule = json_object_get(json_array_get(list, i), "rule");
			struct rule_view v = view_rule(rule, l);

			if (rule == NULL || !is_in(rule, &chains[c]) || !v.about_link)
				continue;
			passes = passes || v.accepts;
			unclear = unclear || v.leaves;
		}
		facts->rule_drops = passes ? 0 : unclear ? UNKNOWN : 1;
		snprintf(facts->rule, sizeof(facts->rule), "%.24s %.48s %.48s", chains[c].family, chains[c].table,
		    chains[c].name);
	}
}

void
gather_rules(struct facts *f, const json_t *ruleset, const struct config *cfg)
{
	const json_t *list = console_at(ruleset, "nftables");

	f->flowtables = 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		f->flowtables += json_object_get(json_array_get(list, i), "flowtable") != NULL;
	for (size_t i = 0; i < cfg->links_count; i++)
		look_at_link(&f->links[i], list, &cfg->links[i]);
}

/* ---- asking nft ---- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All that comes until the end, for free(); NULL if that is too much, or takes too long. */
static char *
read_all(int fd, size_t *len)
{
	int64_t until = now_ms() + NFT_MS_MAX;
	size_t cap = 1 << 16;
	char *buf = malloc(cap);

	*len = 0;
	while (buf != NULL) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - now_ms();
		ssize_t n = -1;

		if (*len == cap) {
			char *more = cap < RULESET_MAX ? realloc(buf, cap *= 2) : NULL;

			if (more == NULL)
				break;
			buf = more;
		}
		if (left > 0 && poll(&p, 1, (int)left) > 0)
			n = read(fd, buf + *len, cap - *len);
		if (n == 0)
			return buf;
		if (n < 0)
			break;
		*len += (size_t)n;
	}
	free(buf);
	return NULL;
}

/* What nft prints; NULL and an errno if there is none. */
static char *
list_ruleset(size_t *len)
{
	static char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin", locale[] = "LC_ALL=C";
	static char arg0[] = "nft", arg1[] = "-j", arg2[] = "-t", arg3[] = "list", arg4[] = "ruleset";
	char *argv[] = {arg0, arg1, arg2, arg3, arg4, NULL}, *env[] = {path, locale, NULL};
	static const char *const places[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"};
	posix_spawn_file_actions_t actions;
	int fds[2], error = ENOENT, status = 0;
	char *text = NULL;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	for (size_t i = 0; i < ARRAY_LEN(places) && error == ENOENT; i++)
		error = posix_spawn(&pid, places[i], &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (error == 0) {
		text = read_all(fds[0], len);
		if (text == NULL)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
		if (text != NULL && status != 0) {
			free(text);
			text = NULL;
		}
		error = EIO;
	}
	close(fds[0]);
	errno = error;
	return text;
}

void
gather_ruleset(struct facts *f, const struct config *cfg)
{
	json_t *ruleset = NULL;
	json_error_t wrong;
	size_t len = 0;
	char *text;

	/* nft would load it; without it there are no rules. */
	if (f->module_tables == 0) {
		f->flowtables = 0;
		return;
	}
	text = list_ruleset(&len);
	if (text == NULL) {
		facts_unknown(f, "the ruleset: %s", errno == ENOENT ? "nft is not installed" : "nft does not show it");
		return;
	}
	ruleset = json_loadb(text, len, 0, &wrong);
	free(text);
	if (ruleset == NULL) {
		facts_unknown(f, "the ruleset: what nft prints is no JSON (%s)", wrong.text);
		return;
	}
	gather_rules(f, ruleset, cfg);
	json_decref(ruleset);
}
