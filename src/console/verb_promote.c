/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_promote.c: conntrackd promote and demote, for a person.
 */
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "doc.h"

static void
print_ms(long long us)
{
	printf("%lld.%03lld s", us / 1000000, us / 1000 % 1000);
}

/* The reasons why a replica is not, or may not be, as good as it can be. */
static void
print_reasons(const json_t *doc, const char *path)
{
	const json_t *reasons = console_at(doc, path), *r;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)reasons, i, r) {
		printf("  %s %s\n", console_bool(r, "blocking") ? "!" : "-", console_str(r, "text"));
		if (console_str(r, "advice")[0] != '\0')
			printf("      %s\n", console_str(r, "advice"));
	}
}

static void
print_failures(const json_t *doc)
{
	const json_t *failures = console_at(doc, "failures"), *f;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)failures, i, f) {
		printf("  %lld %s: %s\n      for example: %s\n", (long long)console_int(f, "count"),
		    console_str(f, "of"), console_str(f, "text"), console_str(f, "example"));
	}
}

static void
print_count(const json_t *doc, const char *path, const char *what)
{
	long long count = console_int(doc, path);

	if (count > 0)
		printf("  %lld %s\n", count, what);
}

static void
print_flows(const json_t *doc)
{
	bool would = console_bool(doc, "rehearsal");

	printf("  %lld of %lld flows %s in the kernel, after ", (long long)console_int(doc, "flows.in_kernel"),
	    (long long)console_int(doc, "flows.total"), would ? "would be" : "are");
	print_ms(console_int(doc, "took_us"));
	printf("%s\n", would ? " of looking" : "");
	print_count(doc, "flows.created", "created");
	print_count(doc, "flows.updated", "updated in place");
	print_count(doc, "flows.replaced", "in the place of older entries with another mapping");
	print_count(doc, "flows.current", "were there already, as new or newer");
	print_count(doc, "flows.ended", "kernel entries of ended connections removed");
	print_count(doc, "flows.degraded", "without an attribute that this kernel refuses");
	print_count(doc, "flows.displaced", "made way for newer ones with their mapping");
	print_count(doc, "flows.expired", "left out: their peer was silent for longer than they last");
	print_count(doc, "flows.failed", "failed");
	print_count(doc, "expectations.created", "expectations created");
	print_count(doc, "expectations.failed", "expectations failed");
	print_failures(doc);
	if (!would)
		return;
	if (json_is_integer(console_at(doc, "room")) &&
	    console_int(doc, "room") < console_int(doc, "flows.created"))
		printf("  ! the kernel's table has room for %lld more only: raise net.netfilter.nf_conntrack_max\n",
		    (long long)console_int(doc, "room"));
	printf("  What nobody knows before: whether the kernel takes each helper, label and extension; what changes "
	       "until then\n");
}

static void
print_replica(const json_t *doc)
{
	const json_t *peers = console_at(doc, "replica.peers"), *p;
	size_t i;

	printf("The replica %s:\n",
	    console_bool(doc, "replica.readiness.ready") ? "was in sync" : "was NOT in sync");
	json_array_foreach((json_t *)(uintptr_t)peers, i, p) {
		long long ms = console_int(p, "heard_ms_ago");

		printf("  peer %s: %lld flows, last heard %lld.%lld s before\n", console_str(p, "address"),
		    (long long)console_int(p, "flows"), ms / 1000, ms / 100 % 10);
	}
	print_reasons(doc, "replica.readiness.reasons");
}

static void
print_verdict(const json_t *doc)
{
	const char *result = console_str(doc, "result");

	printf("%s: %s\n", console_bool(doc, "rehearsal") ? "Rehearsal" : "Promotion",
	    strcmp(result, "complete") == 0		     ? "complete"
		: strcmp(result, "complete-with-exceptions") == 0 ? "complete, with exceptions"
								  : "FAILED");
	if (console_bool(doc, "broken_off") && console_bool(doc, "rehearsal"))
		printf("  it was broken off: flows are being committed\n");
	else if (console_bool(doc, "broken_off"))
		printf("  it was broken off: the role is %s now, by %s\n", console_str(doc, "role.is"),
		    console_str(doc, "role.by"));
	else if (console_bool(doc, "already_master"))
		printf("  already master, for %lld s, by %s\n", (long long)console_int(doc, "role.since_s"),
		    console_str(doc, "role.by"));
	print_flows(doc);
	if (console_bool(doc, "purge_cancelled"))
		printf("  the flush of the kernel's table that was due is cancelled\n");
	print_replica(doc);
}

/* Asks, waits until it is done, and shows the answer. */
static int
ask(struct console *c, const struct client_words *words, void (*print)(const json_t *doc))
{
	json_t *doc;
	int code;

	c->limit_ms = 0;
	code = console_ask(c, words, &doc);

	if (doc == NULL)
		return code;
	if (c->json)
		console_print_json(doc);
	else
		print(doc);
	json_decref(doc);
	return code;
}

int
verb_promote(struct console *c)
{
	struct client_words words = {.len = 0};
	bool dry = console_flag(c, "dry-run");

	if (!console_args(c, 0, 0) || !client_word(&words, "promote") ||
	    (dry && !client_word(&words, "dry-run")))
		return CONSOLE_FAILED;
	return ask(c, &words, print_verdict);
}

static bool
has_reason(const json_t *doc, const char *code)
{
	const json_t *reasons = console_at(doc, "readiness.reasons");

	for (size_t i = 0; i < json_array_size(reasons); i++) {
		if (strcmp(console_str(json_array_get(reasons, i), "code"), code) == 0)
			return true;
	}
	return false;
}

static void
print_demoted(const json_t *doc)
{
	const char *result = console_str(doc, "result");
	const json_t *purge = console_at(doc, "purge_in_s");

	if (strcmp(result, "failed") == 0)
		printf("FAILED: the role is %s, by %s\n", console_str(doc, "role.is"),
		    console_str(doc, "role.by"));
	else
		printf("Backup, %s\n", strcmp(result, "in-sync") != 0	 ? "not in sync yet"
			: has_reason(doc, "no-peer") ? "alone: there is nobody to be in sync with"
						     : "in sync");
	print_reasons(doc, "readiness.reasons");
	if (json_is_integer(purge))
		printf("  the kernel's table will be flushed in %lld s, unless this node becomes master\n",
		    (long long)json_integer_value(purge));
}

/* --wait takes a number, or none. */
static bool
take_wait(struct console *c, char word[32])
{
	const char *value = NULL;

	for (size_t i = 0; i < c->args_count && value == NULL; i++) {
		if (strcmp(c->args[i], "--wait") == 0 &&
		    (i + 1 == c->args_count || c->args[i + 1][0] == '-')) {
			console_flag(c, "wait");
			value = "60";
		}
	}
	if (value == NULL)
		value = console_value(c, "wait");
	word[0] = '\0';
	return value == NULL || snprintf(word, 32, "wait=%s", value) < 32;
}

int
verb_demote(struct console *c)
{
	struct client_words words = {.len = 0};
	char word[32];

	if (!take_wait(c, word)) {
		console_error(c, "demote: --wait takes a number of seconds");
		return CONSOLE_FAILED;
	}
	if (!console_args(c, 0, 0) || !client_word(&words, "demote") ||
	    (word[0] != '\0' && !client_word(&words, word)))
		return CONSOLE_FAILED;
	return ask(c, &words, print_demoted);
}
