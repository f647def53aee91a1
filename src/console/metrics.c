/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.c: which families there are, and what of the document each is made of.
 */
#include "metrics.h"

#include <string.h>

#include "metrics_text.h"
#include "stats.h"

enum { NAME_MAX_LEN = 96, NUMBER_MAX_LEN = 24, LOSS_COUNTERS_MAX = 6 };

static const json_t *
at(const json_t *doc, const char *object, const char *key)
{
	return json_object_get(json_object_get(doc, object), key);
}

/* ---- the node ---- */

static void
write_build(struct metrics_text *m, const json_t *doc)
{
	struct metrics_labels labels = {{"version", json_string_value(json_object_get(doc, "version"))}};

	metrics_family(m, METRICS_INFO, "conntrackd_build", NULL, "The version of the daemon.");
	metrics_value(m, &labels, 1);
}

/* One sample per state of a set, 1 for the one that it is in. */
static void
write_states(struct metrics_text *m, const char *const *states, size_t count, const char *now)
{
	for (size_t i = 0; i < count; i++) {
		struct metrics_labels labels = {{m->name, states[i]}};

		metrics_value(m, &labels, strcmp(states[i], now) == 0);
	}
}

static void
write_mode(struct metrics_text *m, const json_t *doc)
{
	static const char *const modes[] = {"FT-FW", "ALARM", "NOTRACK", "Stats"};
	const char *mode = json_string_value(json_object_get(doc, "mode"));

	if (mode == NULL)
		return;
	metrics_family(m, METRICS_STATESET, "conntrackd_mode", NULL, "The mode of replication.");
	write_states(m, modes, ARRAY_LEN(modes), mode);
}

static void
write_uptime(struct metrics_text *m, const json_t *doc)
{
	const json_t *uptime = json_object_get(doc, "uptime_s");

	if (!json_is_integer(uptime))
		return;
	metrics_family(m, METRICS_GAUGE, "conntrackd_uptime_seconds", "seconds",
	    "Since when the daemon runs.");
	metrics_value(m, NULL, json_integer_value(uptime));
}

/* ---- tables and queues ---- */

static void
write_tables(struct metrics_text *m, const json_t *doc)
{
	static const struct {
		const char *name, *key, *help;
	} families[] = {
	    {"conntrackd_flows", "flows", "Flows in a table: internal, our kernel's; external, the peers'."},
	    {"conntrackd_flows_limit", "limit", "How many flows a table has room for (HashLimit)."},
	    {"conntrackd_entries", "entries",
		"Entries of a table: flows, and ends of flows that are not acknowledged yet."},
	};
	static const char *const tables[] = {"internal", "external"};

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		metrics_family(m, METRICS_GAUGE, families[i].name, NULL, families[i].help);
		for (size_t k = 0; k < ARRAY_LEN(tables); k++) {
			struct metrics_labels labels = {{"table", tables[k]}};
			const json_t *value = at(doc, tables[k], families[i].key);

			if (value != NULL)
				metrics_value(m, &labels, json_integer_value(value));
		}
	}
}

static void
write_queues(struct metrics_text *m, const json_t *doc)
{
	static const char *const queues[] = {"to_send", "unacknowledged"};

	metrics_family(m, METRICS_GAUGE, "conntrackd_queue_messages", NULL,
	    "What waits to be sent, and what was sent and is not acknowledged by all peers.");
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		struct metrics_labels labels = {{"queue", queues[i]}};
		const json_t *value = at(doc, "queues", queues[i]);

		if (value != NULL)
			metrics_value(m, &labels, json_integer_value(value));
	}
}

/* ---- members of a list: peers, links ---- */

/* How a member becomes the value of a sample. */
enum as { AS_NUMBER, AS_TRUTH, AS_MILLI, AS_IS_UP };

struct member_family {
	const char *name, *unit, *key, *help;
	enum metrics_type type;
	enum as as;
};

static void
write_member(struct metrics_text *m, const struct member_family *f, const struct metrics_labels *labels,
    const json_t *value)
{
	switch (f->as) {
	case AS_NUMBER:
		metrics_value(m, labels, json_integer_value(value));
		break;
	case AS_TRUTH:
		metrics_value(m, labels, json_is_true(value));
		break;
	case AS_MILLI:
		metrics_milli(m, labels, json_integer_value(value));
		break;
	case AS_IS_UP:
		metrics_value(m, labels,
		    json_is_string(value) && strcmp(json_string_value(value), "up") == 0);
		break;
	}
}

/* The interface of link i, or its number where the document does not say. */
static const char *
link_name(const json_t *doc, json_int_t i, char *number)
{
	const json_t *link = json_array_get(json_object_get(doc, "links"), (size_t)i);
	const char *name = json_string_value(json_object_get(link, "interface"));

	snprintf(number, NUMBER_MAX_LEN, "%lld", (long long)i);
	return name != NULL ? name : number;
}

static const struct member_family peer_families[] = {
    {"conntrackd_peer_heard", NULL, "heard", "1 if the peer was heard lately, 0 if it is silent.",
	METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_peer_heard_age_seconds", "seconds", "heard_ms_ago", "When the peer was last heard.",
	METRICS_GAUGE, AS_MILLI},
    {"conntrackd_peer_flows", NULL, "flows", "Flows in the external table that are this peer's.",
	METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_peer_in_sync", NULL, "in_sync",
	"1 if this node has all that the peer has told, 0 while it waits for the answer to a resync.",
	METRICS_GAUGE, AS_TRUTH},
};

static void
write_peers(struct metrics_text *m, const json_t *doc)
{
	const json_t *peers = json_object_get(doc, "peers"), *peer;
	size_t i;

	for (size_t k = 0; k < ARRAY_LEN(peer_families); k++) {
		const struct member_family *f = &peer_families[k];

		metrics_family(m, f->type, f->name, f->unit, f->help);
		json_array_foreach(peers, i, peer) {
			char number[NUMBER_MAX_LEN];
			json_int_t link = json_integer_value(json_object_get(peer, "link"));
			struct metrics_labels labels = {
			    {"peer", json_string_value(json_object_get(peer, "address")), "link",
				link_name(doc, link, number)}};
			const json_t *value = json_object_get(peer, f->key);

			if (value != NULL && !json_is_null(value))
				write_member(m, f, &labels, value);
		}
	}
}

static const struct member_family link_families[] = {
    {"conntrackd_link_up", NULL, "state", "1 if the interface is up and has a carrier.", METRICS_GAUGE,
	AS_IS_UP},
    {"conntrackd_link_in_use", NULL, "in_use", "1 for the link that is sent on.", METRICS_GAUGE, AS_TRUTH},
};

static const struct member_family link_counters[] = {
    {"conntrackd_link_sent_bytes", "bytes", "sent_bytes", "Bytes sent.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_sent_datagrams", NULL, "sent_datagrams", "Datagrams sent.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_link_sent_errors", NULL, "sent_errors", "Datagrams that could not be sent.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_recv_bytes", "bytes", "recv_bytes", "Bytes received.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_recv_datagrams", NULL, "recv_datagrams", "Datagrams received.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_link_recv_errors", NULL, "recv_errors", "Errors of receiving.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_link_recv_own", NULL, "recv_own", "Datagrams of our own that came back.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_recv_strangers", NULL, "recv_strangers",
	"Datagrams, or connections, of somebody who is not the peer.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_recv_broken", NULL, "recv_broken",
	"TCP: connections closed as what came was no sequence of messages.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_recv_cut", NULL, "recv_cut",
	"TCP: messages whose end was lost with their connection.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_connects", NULL, "connects", "TCP: connections made.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_queue_dropped", NULL, "queue_dropped",
	"TCP: datagrams that the error queue had no room for.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_link_recv_dropped", NULL, "recv_dropped",
	"Datagrams that the kernel dropped for want of room, or for a wrong checksum.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_link_recv_shut_out", NULL, "recv_shut_out",
	"Datagrams that a filter dropped during a flood of useless ones.", METRICS_COUNTER, AS_NUMBER},
};

static void
write_link_rows(struct metrics_text *m, const json_t *doc, const struct member_family *rows, size_t count,
    const char *object)
{
	const json_t *links = json_object_get(doc, "links"), *link;
	size_t i;

	for (size_t k = 0; k < count; k++) {
		metrics_family(m, rows[k].type, rows[k].name, rows[k].unit, rows[k].help);
		json_array_foreach(links, i, link) {
			char number[NUMBER_MAX_LEN];
			struct metrics_labels labels = {{"link", link_name(doc, (json_int_t)i, number)}};
			const json_t *in = object != NULL ? json_object_get(link, object) : link;
			const json_t *value = json_object_get(in, rows[k].key);

			if (value != NULL)
				write_member(m, &rows[k], &labels, value);
		}
	}
}

/* ---- counters ---- */

static const char *
counter_help(const char *name)
{
	size_t count;
	const struct stats_row *rows = stats_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].help;
	}
	return "a counter of a daemon of another version";
}

static bool
ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len > end_len && strcmp(s + len - end_len, end) == 0;
}

/* All that the document has: each is a family of its own. */
static void
write_counters(struct metrics_text *m, const json_t *doc)
{
	const json_t *value;
	const char *key;

	json_object_foreach((json_t *)json_object_get(doc, "counters"), key, value) {
		char name[NAME_MAX_LEN];

		snprintf(name, sizeof(name), "conntrackd_%s", key);
		metrics_family(m, METRICS_COUNTER, name, ends_with(key, "_bytes") ? "bytes" : NULL,
		    counter_help(key));
		metrics_value(m, NULL, json_integer_value(value));
	}
}

/* The same of the links, all together. */
static void
write_link_losses(struct metrics_text *m, const json_t *doc)
{
	static const char *const counters[] = {"recv_dropped", "recv_shut_out", "recv_cut", "queue_dropped",
	    "sent_errors"};
	const json_t *links = json_object_get(doc, "links"), *link;
	size_t i;

	for (size_t k = 0; k < ARRAY_LEN(counters); k++) {
		char reason[NAME_MAX_LEN];
		struct metrics_labels labels = {{"reason", reason}};
		json_int_t sum = 0;

		snprintf(reason, sizeof(reason), "link_%s", counters[k]);
		json_array_foreach(links, i, link)
			sum += json_integer_value(at(link, "counters", counters[k]));
		metrics_value(m, &labels, sum);
	}
}

/*
 * What was lost, and so what may be missing somewhere: counters that are there under their own names, too,
 * brought together for one look, and one alert.
 */
static void
write_losses(struct metrics_text *m, const json_t *doc)
{
	static const struct {
		const char *reason;
		const char *counters[LOSS_COUNTERS_MAX];
	} rows[] = {
	    {"kernel_overrun", {"kernel_overruns"}},
	    {"internal_full", {"local_full"}},
	    {"external_full", {"remote_full"}},
	    {"expectations_full", {"expect_local_full", "expect_remote_full"}},
	    {"sequence_gap", {"seq_lost"}},
	    {"malformed", {"recv_truncated", "recv_bad_size", "recv_bad_version", "recv_bad_header",
		"recv_bad_type", "recv_bad_payload"}},
	    {"incomplete", {"recv_incomplete"}},
	    {"peers_full", {"recv_no_peer_slot"}},
	    {"too_big", {"send_too_big"}},
	    {"control_queue_full", {"send_control_full"}},
	    {"unacknowledged_evicted", {"unacked_evicted"}},
	    {"commit_failed", {"commit_failed", "expect_failed"}},
	    {"commit_expired", {"commit_expired"}},
	};

	metrics_family(m, METRICS_COUNTER, "conntrackd_losses", NULL,
	    "Events, messages and flows that were lost or refused, by reason.");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct metrics_labels labels = {{"reason", rows[i].reason}};
		json_int_t sum = 0;

		for (size_t k = 0; k < LOSS_COUNTERS_MAX && rows[i].counters[k] != NULL; k++)
			sum += json_integer_value(at(doc, "counters", rows[i].counters[k]));
		metrics_value(m, &labels, sum);
	}
	write_link_losses(m, doc);
}

void
metrics_write(FILE *out, const json_t *doc, enum metrics_format format)
{
	struct metrics_text m = {.out = out, .format = format};

	metrics_family(&m, METRICS_GAUGE, "conntrackd_up", NULL,
	    "1 if the daemon answers on its control socket, 0 if not.");
	metrics_value(&m, NULL, doc != NULL);
	if (doc != NULL) {
		write_build(&m, doc);
		write_uptime(&m, doc);
		write_mode(&m, doc);
		write_tables(&m, doc);
		write_queues(&m, doc);
		write_peers(&m, doc);
		write_link_rows(&m, doc, link_families, ARRAY_LEN(link_families), NULL);
		write_link_rows(&m, doc, link_counters, ARRAY_LEN(link_counters), "counters");
		write_losses(&m, doc);
		write_counters(&m, doc);
	}
	metrics_end(&m);
}
