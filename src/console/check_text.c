/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doc.h"
#include "render.h"

static const char *const kind_names[COMPARE_KINDS] = {
    [COMPARE_MISSING] = "missing",
    [COMPARE_STALE] = "stale",
    [COMPARE_DIFFERENT] = "different",
    [COMPARE_UNWRITTEN] = "unwritten",
    [COMPARE_BLOCKED] = "blocked",
    [COMPARE_COPY] = "copy_differs",
};

static void
set_int(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void
set_str(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, json_string(value));
}

static void
set_bool(json_t *o, const char *key, bool value)
{
	json_object_set_new(o, key, json_boolean(value));
}

/* ---- examples ---- */

static void
flow_line(char *buf, size_t cap, const struct flow *f)
{
	struct flow whole = *f;
	struct text t;

	/* That of a peer's flow was made from its mapping. */
	whole.has |= HAS_REPLY;
	text_init(&t, buf, cap);
	render_flow_brief(&t, &whole);
}

/* What one side has of this. */
static void
value_of(char *buf, size_t cap, const struct flow *f, enum compare_what what)
{
	struct text t;

	text_init(&t, buf, cap);
	switch (what) {
	case DIFFERS_ID:
		text_add(&t, "flow %u", f->id);
		break;
	case DIFFERS_STATE:
		text_str(&t, render_state(f) != NULL ? render_state(f) : "none");
		break;
	case DIFFERS_STATUS:
		text_str(&t, f->status & ST_ASSURED ? "assured" : f->status & ST_SEEN_REPLY ? "replied"
											    : "unreplied");
		break;
	case DIFFERS_MARK:
		text_u64(&t, f->has & HAS_MARK ? f->mark : 0);
		break;
	case DIFFERS_LABELS:
		for (size_t i = FLOW_LABELS_LEN; i-- > 0;)
			text_add(&t, "%02x", f->has & HAS_LABELS ? f->rare.labels[i] : 0);
		break;
	case DIFFERS_NAT:
		text_str(&t, "reply ");
		text_addr(&t, f->key.l3, &f->reply.src);
		text_str(&t, " > ");
		text_addr(&t, f->key.l3, &f->reply.dst);
		break;
	case DIFFERS_HELPER:
		for (size_t i = 0; (f->has & HAS_HELPER) && i < FLOW_HELPER_LEN && f->rare.helper[i]; i++)
			text_add(&t, "%c", f->rare.helper[i] > ' ' && f->rare.helper[i] <= '~'
				? f->rare.helper[i] : '?');
		if (t.len == 0)
			text_str(&t, "none");
		break;
	}
}

static json_t *
differences(const struct compare_example *e)
{
	static const struct {
		enum compare_what what;
		const char *name;
	} rows[] = {{DIFFERS_ID, "id"}, {DIFFERS_STATE, "state"}, {DIFFERS_STATUS, "status"},
	    {DIFFERS_MARK, "mark"}, {DIFFERS_LABELS, "labels"}, {DIFFERS_NAT, "nat"},
	    {DIFFERS_HELPER, "helper"}};
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buf[128];
		json_t *o;

		if (!(e->what & rows[i].what))
			continue;
		o = json_object();
		set_str(o, "what", rows[i].name);
		value_of(buf, sizeof(buf), &e->kernel, rows[i].what);
		set_str(o, "kernel", buf);
		value_of(buf, sizeof(buf), &e->cache, rows[i].what);
		set_str(o, "cache", buf);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
example(const struct compare_example *e)
{
	char line[RENDER_FLOW_MAX];
	json_t *o = json_object();

	set_str(o, "kind", kind_names[e->kind]);
	if (e->has_kernel) {
		flow_line(line, sizeof(line), &e->kernel);
		set_str(o, "kernel", line);
	} else {
		json_object_set_new(o, "kernel", json_null());
	}
	if (e->has_cache) {
		flow_line(line, sizeof(line), &e->cache);
		set_str(o, "cache", line);
		set_int(o, "changed_ms_ago", (uint64_t)e->changed_ms);
	} else {
		json_object_set_new(o, "cache", json_null());
	}
	json_object_set_new(o, "differs", differences(e));
	return o;
}

static bool
is_of_peers(enum compare_kind kind)
{
	return kind >= COMPARE_UNWRITTEN;
}

static json_t *
examples(const struct compare *c, bool of_peers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->examples_count; i++) {
		if (is_of_peers(c->examples[i].kind) == of_peers)
			json_array_append_new(list, example(&c->examples[i]));
	}
	return list;
}

/* ---- the document ---- */

static json_t *
internal_section(const struct compare *c)
{
	json_t *o = json_object();

	set_int(o, "flows", c->local_flows);
	for (size_t i = COMPARE_MISSING; i <= COMPARE_DIFFERENT; i++)
		set_int(o, kind_names[i], c->counts[i]);
	json_object_set_new(o, "examples", examples(c, false));
	return o;
}

static json_t *
external_section(const struct compare *c)
{
	json_t *o = json_object();

	set_int(o, "flows", c->remote_flows);
	set_int(o, "in_kernel", c->remote_in_kernel);
	set_int(o, "not_in_kernel", c->remote_not_in_kernel);
	/* Without CacheWriteThrough what is not there is only not committed. */
	set_bool(o, "expected_in_kernel", c->write_through);
	for (size_t i = COMPARE_UNWRITTEN; i <= COMPARE_COPY; i++)
		set_int(o, kind_names[i], c->counts[i]);
	json_object_set_new(o, "examples", examples(c, true));
	return o;
}

static json_t *
peers_section(const struct compare *c, const json_t *facts)
{
	bool acknowledged = console_bool(facts, "acknowledged");
	json_t *o = json_object(), *list = json_array(), *peer;
	size_t i;

	set_str(o, "known_by", acknowledged ? "acknowledgements" : "nothing");
	set_int(o, "to_send", c->to_send);
	json_array_foreach(json_object_get(facts, "peers"), i, peer) {
		json_int_t slot = console_int(peer, "slot");
		json_t *p = json_object();

		json_object_set(p, "address", json_object_get(peer, "address"));
		json_object_set(p, "heard", json_object_get(peer, "heard"));
		json_object_set(p, "heard_ms_ago", json_object_get(peer, "heard_ms_ago"));
		json_object_set(p, "in_sync", json_object_get(peer, "in_sync"));
		if (acknowledged && slot >= 0 && slot < NODE_PEERS_MAX) {
			set_int(p, "unacknowledged", c->peers[slot].lacks);
			set_int(p, "late", c->peers[slot].late);
			set_int(p, "oldest_s", (uint64_t)c->peers[slot].oldest_s);
		} else {
			json_object_set_new(p, "unacknowledged", json_null());
		}
		json_array_append_new(list, p);
	}
	json_object_set_new(o, "list", list);
	return o;
}

static void ATTR_PRINTF(2, 3)
add_line(json_t *list, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(line));
}

static bool
peers_are_late(const struct compare *c)
{
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (c->peers[i].late > 0)
			return true;
	}
	return false;
}

static json_t *
advice(const struct compare *c, const json_t *facts)
{
	bool ours = c->counts[COMPARE_MISSING] + c->counts[COMPARE_STALE] + c->counts[COMPARE_DIFFERENT] > 0;
	json_t *list = json_array();

	if (ours && console_bool(facts, "reread_pending"))
		add_line(list, "the kernel dropped events, and its table is about to be read again: "
			       "repeat this in some seconds");
	else if (ours)
		add_line(list, "conntrackd -R reads the kernel's table again, and conntrackd -B then tells the "
			       "peers what was wrong; if it comes back, see `conntrackd doctor' and -s runtime");
	if (c->counts[COMPARE_MISSING] > 0 && console_int(facts, "internal_full") > 0)
		add_line(list, "the internal cache is, or was, full: raise HashLimit");
	if (c->counts[COMPARE_UNWRITTEN] + c->counts[COMPARE_COPY] > 0)
		add_line(list, "conntrackd -c writes what peers have told to the kernel once more; the log says "
			       "what the kernel refuses");
	if (c->counts[COMPARE_BLOCKED] > 0)
		add_line(list, "of blocked flows this node's kernel has an entry that is alive, and a commit leaves "
			       "it: `conntrack -D' it if it is not what should be there, or `conntrackd -n' to ask "
			       "the peers for everything if theirs is outdated");
	if (peers_are_late(c))
		add_line(list, "a peer does not acknowledge: is it down, or the link? conntrackd -s link shows what "
			       "gets through; what it lacks is sent again by itself, and by conntrackd -B");
	return list;
}

static json_t *
verdict(const struct compare *c, const json_t *facts)
{
	const uint64_t *n = c->counts;
	char line[1024];
	struct text t;

	text_init(&t, line, sizeof(line));
	if (!compare_differs(c)) {
		text_add(&t, "the kernel and the caches of this node agree: %llu flows",
		    (unsigned long long)c->kernel_passing);
		if (console_bool(facts, "acknowledged"))
			text_str(&t, ", and no peer is late to acknowledge them");
		return json_string(line);
	}
	text_str(&t, "they differ:");
	if (n[COMPARE_MISSING] > 0)
		text_add(&t, " %llu flows of the kernel are missing in the internal cache;",
		    (unsigned long long)n[COMPARE_MISSING]);
	if (n[COMPARE_STALE] > 0)
		text_add(&t, " %llu are in it and no longer in the kernel;",
		    (unsigned long long)n[COMPARE_STALE]);
	if (n[COMPARE_DIFFERENT] > 0)
		text_add(&t, " %llu are not the same in both;", (unsigned long long)n[COMPARE_DIFFERENT]);
	if (n[COMPARE_UNWRITTEN] > 0)
		text_add(&t, " %llu flows of peers were not written to the kernel;",
		    (unsigned long long)n[COMPARE_UNWRITTEN]);
	if (n[COMPARE_COPY] > 0)
		text_add(&t, " %llu were, and the kernel has something else;",
		    (unsigned long long)n[COMPARE_COPY]);
	if (n[COMPARE_BLOCKED] > 0)
		text_add(&t, " %llu flows of peers could not be committed, a live entry is in their way;",
		    (unsigned long long)n[COMPARE_BLOCKED]);
	if (peers_are_late(c))
		text_add(&t, " peers have not acknowledged flows for %d seconds or more;", COMPARE_LATE_S);
	if (line[t.len - 1] == ';')
		line[t.len - 1] = '\0';
	return json_string(line);
}

static json_t *
unknown(const json_t *facts)
{
	json_t *list = json_array();

	if (!console_bool(facts, "replicates"))
		return list;
	add_line(list, "what peers have in their caches: version 1 of the sync protocol has no question for it; "
		       "run `conntrackd check' there, too");
	if (!console_bool(facts, "acknowledged"))
		add_line(list, "what peers have received: only in mode FT-FW they acknowledge");
	add_line(list, "timeouts, and expectations: packets renew a timeout without an event, and neither is "
		       "compared");
	return list;
}

json_t *
check_document(const struct compare *c, const json_t *facts)
{
	json_t *doc = json_object(), *kernel = json_object();

	set_bool(doc, "agree", !compare_differs(c));
	json_object_set_new(doc, "verdict", verdict(c, facts));
	set_int(doc, "looks", c->before != NULL ? 2 : 1);
	set_int(doc, "in_motion", c->in_motion);
	set_bool(doc, "events_drained", c->drained);
	set_bool(doc, "reread_pending", console_bool(facts, "reread_pending"));
	set_int(kernel, "flows", c->kernel_flows);
	set_int(kernel, "after_filter", c->kernel_passing);
	json_object_set_new(doc, "kernel", kernel);
	json_object_set_new(doc, "internal", internal_section(c));
	json_object_set_new(doc, "external", external_section(c));
	json_object_set_new(doc, "peers", peers_section(c, facts));
	json_object_set_new(doc, "unknown", unknown(facts));
	json_object_set_new(doc, "advice", advice(c, facts));
	return doc;
}

/* ---- text ---- */

static void
print_count(const char *what, json_int_t count)
{
	printf("  %-34s %lld\n", what, (long long)count);
}

static void
print_examples(const json_t *list)
{
	json_t *e, *d;
	size_t i, k;

	json_array_foreach(list, i, e) {
		printf("  %s:\n", console_str(e, "kind"));
		if (json_is_string(json_object_get(e, "kernel")))
			printf("    kernel  %s\n", console_str(e, "kernel"));
		if (json_is_string(json_object_get(e, "cache")))
			printf("    cache   %s (last news %lld.%01lld s ago)\n", console_str(e, "cache"),
			    (long long)console_int(e, "changed_ms_ago") / 1000,
			    (long long)console_int(e, "changed_ms_ago") / 100 % 10);
		json_array_foreach(json_object_get(e, "differs"), k, d)
			printf("    %-7s %s in the kernel, %s in the cache\n", console_str(d, "what"),
			    console_str(d, "kernel"), console_str(d, "cache"));
	}
}

static void
print_external(const json_t *doc)
{
	bool expected = console_bool(doc, "external.expected_in_kernel");

	if (console_int(doc, "external.flows") == 0)
		return;
	printf("External cache (peers' flows)\n");
	print_count("flows", console_int(doc, "external.flows"));
	print_count("in the kernel", console_int(doc, "external.in_kernel"));
	print_count(expected ? "not in the kernel" : "not in the kernel, until -c",
	    console_int(doc, "external.not_in_kernel"));
	if (expected) {
		print_count("of these, not written", console_int(doc, "external.unwritten"));
		print_count("written, but different", console_int(doc, "external.copy_differs"));
	}
	print_count("blocked by a live entry", console_int(doc, "external.blocked"));
	print_examples(console_at(doc, "external.examples"));
}

static void
print_peers(const json_t *doc)
{
	bool known = strcmp(console_str(doc, "peers.known_by"), "nothing") != 0;
	const json_t *list = console_at(doc, "peers.list");
	json_t *p;
	size_t i;

	json_array_foreach(list, i, p) {
		printf("Peer %s%s\n", console_str(p, "address"),
		    console_bool(p, "heard") ? "" : " (silent)");
		if (!known)
			continue;
		print_count("not acknowledged", console_int(p, "unacknowledged"));
		print_count("of these, for 5 seconds or more", console_int(p, "late"));
		if (console_int(p, "late") > 0)
			printf("  the oldest for %lld seconds or more\n",
			    (long long)console_int(p, "oldest_s"));
	}
}

static void
print_lines(const char *heading, const json_t *list)
{
	json_t *line;
	size_t i;

	json_array_foreach(list, i, line)
		printf("%s%s\n", heading, json_string_value(line));
}

void
check_print(const json_t *doc)
{
	const char *sentence = console_str(doc, "verdict");

	printf("%s %s.\n", console_bool(doc, "agree") ? "OK:" : "NOT OK:", sentence);
	printf("Internal cache (this node's flows)\n");
	print_count("flows of the kernel, after Filter", console_int(doc, "kernel.after_filter"));
	print_count("flows in the cache", console_int(doc, "internal.flows"));
	print_count("missing in the cache", console_int(doc, "internal.missing"));
	print_count("stale: not in the kernel", console_int(doc, "internal.stale"));
	print_count("different", console_int(doc, "internal.different"));
	print_count("changed while one looked", console_int(doc, "in_motion"));
	print_examples(console_at(doc, "internal.examples"));
	print_external(doc);
	print_peers(doc);
	if (!console_bool(doc, "events_drained"))
		printf("The daemon had more events to read than it could in two seconds: it may be behind.\n");
	print_lines("What to do: ", console_at(doc, "advice"));
	print_lines("Not known here: ", console_at(doc, "unknown"));
}
