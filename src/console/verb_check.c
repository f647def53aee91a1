/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_check.c: `conntrackd check': the kernel's table against the caches of this node, and these against
 * what its peers have acknowledged.
 *
 * This process reads the kernel itself, and then asks the daemon for its caches: the daemon has read all
 * events that there were when it answers.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "check_text.h"
#include "console.h"
#include "ctnl.h"

enum {
	EXAMPLES_DEFAULT = 10,
	FLOWS_MIN = 1 << 16,
	DUMP_WAIT_MS = 5000, /* for the next piece */
	DUMP_DATAGRAMS = 64,
	DUMP_TRIES = 5, /* while the kernel resizes its table */
	PAUSE_MS = 200, /* between two looks */
};

/* ---- may it be compared at all? ---- */

static bool
is_comparable(struct console *c, const json_t *facts)
{
	char print[24];
	struct stat st;

	if (console_int(facts, "format") != FLOW_RECORD_FORMAT) {
		console_error(c, "check: the daemon that is running is of another version: restart it first");
		return false;
	}
	if (console_int(facts, "netns") != 0 && stat("/proc/self/ns/net", &st) == 0 &&
	    (json_int_t)st.st_ino != console_int(facts, "netns")) {
		console_error(c, "check: the daemon runs in another network namespace, and its kernel table is "
				 "not the one that is seen from here: use nsenter(1) or `ip netns exec'");
		return false;
	}
	snprintf(print, sizeof(print), "%016llx",
	    (unsigned long long)filter_print(&c->cfg->node.filter));
	if (strcmp(print, console_str(facts, "filter")) != 0) {
		console_error(c, "check: the Filter in %s is not the one that the daemon runs with: reload it "
				 "(SIGHUP) first",
		    c->config_path);
		return false;
	}
	return true;
}

/* ---- one look ---- */

struct kernel_reader {
	struct compare *compare;
	bool full;
};

static void
take_kernel_flow(void *ctx, const struct kernel_event *ev)
{
	struct kernel_reader *k = ctx;

	k->full |= !compare_kernel(k->compare, &ev->flow);
}

/* Reads the table once: 0, -EINTR if it changed its shape meanwhile, or another negative errno value. */
static int
read_kernel_once(struct ctnl *ctnl, struct kernel_reader *k)
{
	int r = ctnl_dump_start(ctnl);

	k->full = false;
	compare_kernel_begin(k->compare);
	while (r == 0) {
		struct pollfd pfd = {.fd = ctnl_dump_fd(ctnl), .events = POLLIN};
		int ready = poll(&pfd, 1, DUMP_WAIT_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready < 0 ? -errno : -ETIMEDOUT;
		r = ctnl_dump_read(ctnl, DUMP_DATAGRAMS, take_kernel_flow, k);
		if (r <= 0)
			return r;
		r = 0;
	}
	return r;
}

static int
read_kernel(struct compare *compare)
{
	struct ctnl_cfg cfg = {.no_events = true};
	struct kernel_reader k = {.compare = compare};
	struct ctnl *ctnl;
	int r = ctnl_open(&ctnl, &cfg);

	if (r < 0)
		return r;
	for (int i = 0; i < DUMP_TRIES; i++) {
		r = read_kernel_once(ctnl, &k);
		if (r != -EINTR)
			break;
	}
	ctnl_close(ctnl);
	return r == 0 && k.full ? -ENOSPC : r;
}

struct cache_reader {
	struct compare *compare;
	struct flow_reader reader;
};

static void
take_bytes(void *ctx, const void *data, size_t len)
{
	struct cache_reader *r = ctx;

	flow_reader_feed(&r->reader, data, len, compare_record, r->compare);
}

static bool
look(struct console *c, struct compare *compare)
{
	struct cache_reader cache = {.compare = compare};
	struct client_words words = {.len = 0};
	int r = read_kernel(compare);

	if (r < 0) {
		console_error(c, "check: can't read the kernel's table: %s%s", strerror(-r),
		    r == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
		return false;
	}
	client_word(&words, "check");
	client_word(&words, "flows");
	if (console_stream(c, &words, take_bytes, &cache) != CONSOLE_OK)
		return false;
	if (cache.reader.bad || !compare->ended) {
		console_error(c, "check: the daemon's caches did not come as a whole");
		return false;
	}
	compare_finish(compare);
	if (compare->no_memory)
		console_error(c, "check: not enough memory");
	return !compare->no_memory;
}

/* ---- both of them ---- */

static void
pause_between(const struct console *c)
{
	/* Whoever polls knows of changes as late as that. */
	struct timespec t = {.tv_sec = c->cfg->poll_s + (c->cfg->poll_s > 0), .tv_nsec = PAUSE_MS * 1000000L};

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

static bool
begin(struct console *c, struct compare *look_at, const struct compare *before, const json_t *facts,
    size_t examples)
{
	uint32_t max = ctnl_flows_max();

	max = max < FLOWS_MIN ? FLOWS_MIN : max > NODE_LIMIT_MAX / 2 ? NODE_LIMIT_MAX : 2 * max;
	if (compare_init(look_at, before, &c->cfg->node.filter, console_bool(facts, "write_through"), max,
		examples))
		return true;
	console_error(c, "check: not enough memory");
	return false;
}

static int
check(struct console *c, const json_t *facts, size_t examples)
{
	struct compare first = {0}, second = {0};
	const struct compare *last = &first;
	json_t *facts_after = NULL, *doc;
	int code = CONSOLE_FAILED;

	if (!begin(c, &first, NULL, facts, examples) || !look(c, &first))
		goto out;
	if (compare_differs(&first)) {
		pause_between(c);
		if (!begin(c, &second, &first, facts, examples) || !look(c, &second))
			goto out;
		last = &second;
	}
	console_ask_word(c, "check", NULL, &facts_after);
	if (facts_after == NULL)
		goto out;
	doc = check_document(last, facts_after);
	code = compare_differs(last) ? CONSOLE_BUT : CONSOLE_OK;
	if (c->json)
		console_print_json(doc);
	else
		check_print(doc);
	json_decref(doc);
out:
	json_decref(facts_after);
	compare_free(&first);
	compare_free(&second);
	return code;
}

/* A number from 0 to COMPARE_EXAMPLES_MAX; false if it is none. */
static bool
parse_examples(const char *text, size_t *out)
{
	unsigned long value;
	char *end;

	if (text == NULL)
		return true;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > COMPARE_EXAMPLES_MAX)
		return false;
	*out = value;
	return true;
}

int
verb_check(struct console *c)
{
	size_t examples = EXAMPLES_DEFAULT;
	const char *value = console_value(c, "examples");
	int code = CONSOLE_FAILED;
	json_t *facts;

	if (!parse_examples(value, &examples)) {
		console_error(c, "check: --examples takes a number up to %d, not `%s'", COMPARE_EXAMPLES_MAX,
		    value);
		return CONSOLE_FAILED;
	}
	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	console_ask_word(c, "check", NULL, &facts);
	if (facts != NULL && is_comparable(c, facts))
		code = check(c, facts, examples);
	json_decref(facts);
	return code;
}
