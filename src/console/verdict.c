/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "doc.h"
#include "screen.h"

/* A master's peer that lacks a change for longer is behind. */
enum { LAG_MS_MAX = 10 * 1000 };

static struct verdict_line *
add(struct verdict *v, bool bad, const char *fmt, ...) ATTR_PRINTF(3, 4);

static struct verdict_line *
add(struct verdict *v, bool bad, const char *fmt, ...)
{
	struct verdict_line *line;
	va_list ap;

	if (v->count == VERDICT_LINES_MAX)
		v->count--;
	line = &v->lines[v->count++];
	*line = (struct verdict_line){.bad = bad};
	va_start(ap, fmt);
	vsnprintf(line->text, sizeof(line->text), fmt, ap);
	va_end(ap);
	return line;
}

static void
advise(struct verdict_line *line, const char *advice)
{
	snprintf(line->advice, sizeof(line->advice), "%s", advice);
}

static bool
role_is(const json_t *doc, const char *role)
{
	return strcmp(console_str(doc, "role.is"), role) == 0;
}

/* Reasons that the daemon has found; true if one is in the way. */
static bool
add_reasons(struct verdict *v, const json_t *doc, bool (*is_bad)(const json_t *reason))
{
	const json_t *reasons = console_at(doc, "ready.reasons"), *r;
	bool any = false;
	size_t i;

	json_array_foreach(reasons, i, r) {
		bool bad = is_bad(r);
		struct verdict_line *line = add(v, bad, "%s", console_str(r, "text"));

		advise(line, console_str(r, "advice"));
		any |= bad;
	}
	return any;
}

/* ---- a node that could take over ---- */

static bool
is_blocking(const json_t *reason)
{
	return console_bool(reason, "blocking");
}

/* What is here of the peers. */
static void
add_replica(struct verdict *v, const json_t *doc)
{
	const json_t *peers = console_at(doc, "peers"), *p;
	char flows[SCREEN_WORD_MAX], ago[SCREEN_WORD_MAX];
	bool outstanding = false;
	size_t i, heard = 0;

	json_array_foreach(peers, i, p) {
		if (!console_bool(p, "heard"))
			continue;
		heard++;
		outstanding |= !console_bool(p, "in_sync");
		add(v, false, "%s flows of %s are here, last heard %s ago",
		    screen_count(flows, console_int(p, "flows")), console_str(p, "address"),
		    screen_time(ago, console_int(p, "heard_ms_ago")));
	}
	if (heard > 0 && !outstanding && json_array_size(console_at(doc, "ready.reasons")) == 0)
		add(v, false, "nothing is outstanding");
}

static void
judge_backup(struct verdict *v, const json_t *doc)
{
	bool bad;

	v->question = "Taking over now";
	add_replica(v, doc);
	bad = add_reasons(v, doc, is_blocking) || !console_bool(doc, "ready.ready");
	v->is = bad					       ? VERDICT_UNSAFE
	    : json_array_size(console_at(doc, "ready.reasons")) > 0 ? VERDICT_BUT
								    : VERDICT_SAFE;
	if (role_is(doc, "unknown"))
		advise(add(v, false, "nobody has told this node yet whether it is master or backup"),
		    "have keepalived call `conntrackd promote' and `conntrackd demote'");
}

/* ---- a master ---- */

/* What a master lacks so that its peers cannot have all. */
static bool
hurts_master(const json_t *reason)
{
	static const char *const codes[] = {"no-link", "internal-full", "resync-unanswered", "events-lost"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (strcmp(console_str(reason, "code"), codes[i]) == 0)
			return true;
	}
	return false;
}

/* What is known of a peer that is heard.  True if it is not good enough. */
static bool
add_heard(struct verdict *v, const json_t *p)
{
	const json_t *lag = console_at(p, "lag_ms"), *hears = console_at(p, "hears_us");
	const char *address = console_str(p, "address");
	char ago[SCREEN_WORD_MAX], behind[SCREEN_WORD_MAX];
	bool bad = json_is_false(hears) || json_integer_value(lag) >= LAG_MS_MAX;

	screen_time(ago, console_int(p, "heard_ms_ago"));
	if (json_is_false(hears))
		advise(add(v, true, "peer %s is heard (%s ago), but seems not to hear us", address, ago),
		    "see on the peer whether datagrams of this node arrive: firewall rules, addresses, link");
	else if (!json_is_integer(lag))
		add(v, false, "peer %s is heard (%s ago); this mode has no acknowledgements, so what it has "
		    "of our flows is not known here", address, ago);
	else if (json_integer_value(lag) == 0)
		add(v, false, "peer %s is heard (%s ago), and has acknowledged everything", address, ago);
	else
		add(v, bad, "peer %s is heard (%s ago), and has acknowledged everything up to %s ago", address,
		    ago, screen_time(behind, json_integer_value(lag)));
	return bad;
}

static void
judge_master(struct verdict *v, const json_t *doc)
{
	const json_t *peers = console_at(doc, "peers"), *p;
	size_t i, good = 0, heard = 0;
	bool bad;

	v->question = "Failing over to a peer now";
	json_array_foreach(peers, i, p) {
		if (console_bool(p, "heard")) {
			heard++;
			good += !add_heard(v, p);
		}
	}
	if (heard == 0)
		advise(add(v, true, "no peer is heard: nobody is there to take over"),
		    "see whether the peer, its daemon and the dedicated link are up");
	bad = add_reasons(v, doc, hurts_master);
	if (console_bool(doc, "bulk.running"))
		add(v, false, "the peers are being told everything: %lld of about %lld flows are sent",
		    (long long)console_int(doc, "bulk.sent"), (long long)console_int(doc, "bulk.total"));
	if (heard > 0)
		advise(add(v, false, "version 1 of the protocol does not tell whether a peer could take over"),
		    "ask there: `conntrackd status'");
	v->is = bad || good == 0 ? VERDICT_UNSAFE : VERDICT_BUT;
}

void
verdict_find(struct verdict *v, const json_t *doc)
{
	memset(v, 0, sizeof(*v));
	if (strcmp(console_str(doc, "mode"), "Stats") == 0) {
		v->is = VERDICT_NONE;
		v->question = "Failing over";
		add(v, false, "this node collects statistics, and replicates nothing");
	} else if (role_is(doc, "master") || role_is(doc, "promoting")) {
		judge_master(v, doc);
	} else {
		judge_backup(v, doc);
	}
	switch (v->is) {
	case VERDICT_SAFE:
		v->answer = "safe";
		break;
	case VERDICT_BUT:
		v->answer = role_is(doc, "master") || role_is(doc, "promoting") ? "not known here"
										: "possible, but";
		break;
	case VERDICT_UNSAFE:
		v->answer = "NOT safe";
		break;
	case VERDICT_NONE:
		v->answer = "does not apply";
		break;
	}
}
