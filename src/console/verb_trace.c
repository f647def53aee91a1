/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_trace.c: `conntrackd trace': what this node knows of a flow, and each step of it from now on.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console.h"
#include "tuple.h"

enum { LINE_CAP_MAX = 1 << 20 };

struct answer {
	bool json;
	bool follows;
	bool known;  /* something of the flow is */
	bool failed; /* the answer makes no sense, or there is no memory */
	size_t lines;
	char key[TUPLE_TEXT_MAX]; /* of the flow that the last step was of */
	char *line; /* what has come of the next one */
	size_t len, cap;
};

/* ---- what is known ---- */

static void
print_ago(const char *what, json_int_t ms)
{
	printf("    %6lld.%lld s ago  %s", (long long)ms / 1000, (long long)ms / 100 % 10, what);
}

static void
print_list(const json_t *list, const char *none)
{
	json_t *item;
	size_t i;

	if (json_array_size(list) == 0)
		printf("%s", none);
	json_array_foreach(list, i, item)
		printf("%s%s", i > 0 ? ", " : "", console_str(item, ""));
}

static void
print_kernel(const json_t *kernel, const char *error)
{
	if (json_is_object(kernel))
		printf("  kernel    %s, %lld s left\n", console_str(kernel, "flow"),
		    (long long)console_int(kernel, "timeout_s"));
	else if (error[0] != '\0')
		printf("  kernel    cannot be asked: %s\n", error);
	else
		printf("  kernel    does not have it\n");
}

static void
print_sent(const json_t *e)
{
	const char *waits = console_str(e, "waits");

	if (strcmp(waits, "to-be-sent") == 0) {
		printf("                 its message waits to be sent\n");
	} else if (strcmp(waits, "to-be-acknowledged") == 0) {
		printf("    %4lld or more s ago  sent with number %lld; not acknowledged by ",
		    (long long)console_int(e, "sent_s_ago_at_least"), (long long)console_int(e, "sent_seq"));
		print_list(console_at(e, "not_acknowledged_by"), "anybody");
		printf("\n");
	} else if (json_is_integer(console_at(e, "sent_seq"))) {
		printf("                 sent with number %lld; nobody is still to acknowledge it\n",
		    (long long)console_int(e, "sent_seq"));
	} else {
		printf("                 not sent to anybody\n");
	}
}

static void
print_internal(const json_t *e)
{
	const char *origin = console_str(e, "origin");

	printf("  internal  %s%s\n", console_str(e, "flow"),
	    console_bool(e, "ended") ? " (ended; kept until the peers know)" : "");
	print_ago("entered in the cache of this node's flows\n", console_int(e, "age_ms"));
	print_ago(strcmp(origin, "kernel") == 0	       ? "last event of the kernel\n"
		: strcmp(origin, "written-by-us") == 0 ? "last news: we wrote it to the kernel for a peer\n"
						       : "found in the kernel when its table was read\n",
	    console_int(e, "changed_ms_ago"));
	print_sent(e);
}

static void
print_external(const json_t *e)
{
	printf("  external  %s%s\n", console_str(e, "flow"), console_bool(e, "ended") ? " (ended)" : "");
	print_ago("entered in the cache of peers' flows\n", console_int(e, "age_ms"));
	print_ago("last change\n", console_int(e, "changed_ms_ago"));
	print_ago("last named by ", console_int(e, "told_ms_ago"));
	print_list(console_at(e, "owner"), "a peer that is gone");
	printf(", in message %lld\n", (long long)console_int(e, "received_seq"));
	if (json_is_integer(console_at(e, "expires_s")))
		printf("    expires in %lld s unless it is named again\n",
		    (long long)console_int(e, "expires_s"));
	if (console_bool(e, "waits_for_kernel"))
		printf("    waits to be written to the kernel\n");
}

static const json_t *
find_key(const json_t *list, const char *key)
{
	json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		if (strcmp(console_str(e, "key"), key) == 0)
			return e;
	}
	return NULL;
}

static void
print_flow(const json_t *doc, const char *key)
{
	const json_t *internal = find_key(console_at(doc, "internal"), key);
	const json_t *external = find_key(console_at(doc, "external"), key);
	const json_t *any = internal != NULL ? internal : external;

	printf("%s\n", key);
	print_kernel(any != NULL ? console_at(any, "kernel") : find_key(console_at(doc, "kernel"), key),
	    any != NULL ? console_str(any, "kernel_error") : "");
	if (internal != NULL)
		print_internal(internal);
	else
		printf("  internal  not in the cache of this node's flows\n");
	if (external != NULL)
		print_external(external);
	else
		printf("  external  no peer has told of it, or it has left this node's table\n");
}

/* Each flow once, whichever of the lists has it. */
static size_t
print_flows(const json_t *doc)
{
	static const char *const lists[] = {"internal", "external", "kernel"};
	size_t count = 0, i;
	json_t *e;

	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		json_array_foreach(console_at(doc, lists[k]), i, e) {
			const char *key = console_str(e, "key");
			bool before = false;

			for (size_t b = 0; b < k; b++)
				before |= find_key(console_at(doc, lists[b]), key) != NULL;
			if (!before) {
				print_flow(doc, key);
				count++;
			}
		}
	}
	return count;
}

static void
print_document(const json_t *doc, bool follows)
{
	if (print_flows(doc) == 0)
		printf("%s\n  neither in the caches of this node%s\n", console_str(doc, "tuple"),
		    console_bool(doc, "kernel_asked")
			? ", nor in the kernel"
			: "; the kernel was not asked, as the tuple is not whole");
	if (console_bool(doc, "internal_more") || console_bool(doc, "external_more"))
		printf("There are more: say more of the tuple.\n");
	printf("%s", follows ? "From now on:\n"
			     : "What happened before is not kept; --follow shows each step as it happens.\n");
}

/* ---- steps ---- */

static void
print_time(json_int_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (localtime_r(&s, &tm) == NULL)
		return;
	printf("%02d:%02d:%02d.%03d  ", tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static void
print_answer(const json_t *e)
{
	const char *error = console_str(e, "error");

	printf("kernel answers to %s: %s", console_str(e, "op"), error[0] != '\0' ? error : "done");
}

/* Of which flow it is, where that is another one than before. */
static void
print_heading(struct answer *a, const json_t *e)
{
	const char *key = console_str(e, "key");

	if (key[0] == '\0' || strcmp(key, a->key) == 0)
		return;
	snprintf(a->key, sizeof(a->key), "%s", key);
	printf("%s\n", console_str(e, "flow"));
}

static void
print_step(struct answer *a, const json_t *e)
{
	static const struct {
		const char *step, *text;
		bool message, peers;
	} rows[] = {
	    {"event-new", "kernel: new", false, false},
	    {"event-update", "kernel: changed", false, false},
	    {"event-destroy", "kernel: ended", false, false},
	    {"filtered", "kernel: an event, which the Filter leaves out", false, false},
	    {"read", "kernel: named by a read of the table", false, false},
	    {"sent", "sent", true, false},
	    {"acknowledged", "acknowledged by", false, true},
	    {"asked-again", "a peer has not got it, and it is sent again", false, false},
	    {"received", "received", true, true},
	    {"overtaken", "that was overtaken by a later message, and left aside", false, false},
	    {"not-owner", "that delete was left aside: another peer owns the flow", false, false},
	    {"unknown-end", "that delete is of a flow that is not known", false, false},
	    {"no-room", "the external cache is full: it is not kept", false, false},
	    {"replica-gone", "removed from the external cache", false, false},
	    {"left", "not written: the kernel's entry is as good or newer", false, false},
	    {"run-out", "not written: its peer was silent for longer than it lasts", false, false},
	};
	const char *step = console_str(e, "step");

	print_heading(a, e);
	print_time(console_int(e, "time_ms"));
	if (strcmp(step, "end") == 0) {
		printf("the end, %lld steps were lost\n", (long long)console_int(e, "lost"));
		return;
	}
	if (strcmp(step, "kernel-request") == 0)
		printf("to the kernel: %s", console_str(e, "op"));
	else if (strcmp(step, "kernel-answer") == 0)
		print_answer(e);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].step, step) != 0)
			continue;
		printf("%s", rows[i].text);
		if (rows[i].message)
			printf(" %s", console_str(e, "message"));
		if (rows[i].peers) {
			printf(rows[i].message ? " from " : " ");
			print_list(console_at(e, "peers"), "nobody that is known");
		}
	}
	if (json_is_integer(console_at(e, "seq")))
		printf(", number %lld", (long long)console_int(e, "seq"));
	printf("  (%s%s%s)\n", console_str(e, "state"), console_str(e, "state")[0] != '\0' ? ", " : "",
	    console_str(e, "seen"));
}

/* ---- the answer, line by line ---- */

static void
take_line(struct answer *a)
{
	json_error_t error;
	json_t *doc = json_loadb(a->line, a->len, JSON_REJECT_DUPLICATES, &error);
	bool first = a->lines++ == 0;

	if (doc == NULL) {
		a->failed = true;
		return;
	}
	if (first)
		a->known = json_array_size(console_at(doc, "internal")) +
			json_array_size(console_at(doc, "external")) + json_array_size(console_at(doc, "kernel")) >
		    0;
	else
		a->known |= strcmp(console_str(doc, "step"), "end") != 0;
	if (a->json && a->follows) {
		json_dumpf(doc, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else if (a->json) {
		console_print_json(doc);
	} else if (first) {
		print_document(doc, a->follows);
	} else {
		print_step(a, doc);
	}
	fflush(stdout);
	json_decref(doc);
}

static bool
add_byte(struct answer *a, char c)
{
	if (a->len == a->cap) {
		size_t cap = a->cap == 0 ? 4096 : 2 * a->cap;
		char *more = cap <= LINE_CAP_MAX ? realloc(a->line, cap) : NULL;

		if (more == NULL)
			return false;
		a->line = more;
		a->cap = cap;
	}
	a->line[a->len++] = c;
	return true;
}

static void
take_bytes(void *ctx, const void *data, size_t len)
{
	struct answer *a = ctx;
	const char *p = data;

	for (size_t i = 0; i < len && !a->failed; i++) {
		if (p[i] != '\n') {
			a->failed = !add_byte(a, p[i]);
			continue;
		}
		take_line(a);
		a->len = 0;
	}
}

static bool
make_request(struct console *c, const struct flow_tuple *t, bool follow, const char *seconds,
    struct client_words *words)
{
	char buf[TUPLE_TEXT_MAX], option[64];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	tuple_render(&text, t);
	snprintf(option, sizeof(option), "seconds=%.32s", seconds != NULL ? seconds : "");
	if (client_word(words, "trace") && client_word(words, buf) &&
	    (!follow || client_word(words, "follow")) && (seconds == NULL || client_word(words, option)))
		return true;
	console_error(c, "trace: the arguments are too long");
	return false;
}

int
verb_trace(struct console *c)
{
	bool follow = console_flag(c, "follow");
	const char *seconds = console_value(c, "seconds");
	struct answer a = {.json = c->json, .follows = follow};
	struct client_words words = {.len = 0};
	struct flow_tuple t;
	char why[128];
	int code;

	if (!tuple_parse(c->args, c->args_count, &t, why, sizeof(why))) {
		console_error(c, "trace: %s", why);
		return CONSOLE_FAILED;
	}
	if (seconds != NULL && !follow) {
		console_error(c, "trace: --seconds goes with --follow");
		return CONSOLE_FAILED;
	}
	if (!make_request(c, &t, follow, seconds, &words))
		return CONSOLE_FAILED;
	/* Nothing may happen to a flow for long. */
	if (follow)
		c->limit_ms = 0;
	code = console_stream(c, &words, take_bytes, &a);
	free(a.line);
	if (code != CONSOLE_OK)
		return code;
	if (a.failed || a.lines == 0) {
		console_error(c, "trace: the answer makes no sense");
		return CONSOLE_FAILED;
	}
	return a.known ? CONSOLE_OK : CONSOLE_BUT;
}
