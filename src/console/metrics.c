/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.c: which families there are, and what of the document each is made of.
 */
#include "metrics.h"

#include <string.h>

#include "doc.h"
#include "metrics_text.h"
#include "stats.h"

enum { NAME_MAX_LEN = 96, NUMBER_MAX_LEN = 24, LOSS_COUNTERS_MAX = 6 };

static const json_t *
at(const json_t *doc, const char *object, const char *key)
{
	return json_object_get(json_object_get(doc, object), key);
}

/* ---- rows of families ---- */

/* How what is in the document becomes the value of a sample. */
enum as { AS_NUMBER, AS_TRUTH, AS_MILLI, AS_IS_UP };

struct row {
	const char *name, *unit;
	const char *key; /* a path, as in console_at() */
	const char *help;
	enum metrics_type type;
	enum as as;
};

static void
write_row(struct metrics_text *m, const struct row *f, const struct metrics_labels *labels,
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

/* Families without labels; those of which the document says nothing have no sample. */
static void
write_rows(struct metrics_text *m, const json_t *doc, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *value = console_at(doc, rows[i].key);

		metrics_family(m, rows[i].type, rows[i].name, rows[i].unit, rows[i].help);
		if (value != NULL && !json_is_null(value))
			write_row(m, &rows[i], NULL, value);
	}
}

/* ---- the node ---- */

static void
write_build(struct metrics_text *m, const json_t *doc)
{
	struct metrics_labels labels = {{"version", json_string_value(json_object_get(doc, "version"))}};

	metrics_family(m, METRICS_INFO, "conntrackd_build", NULL, "The version of the daemon.");
	metrics_value(m, &labels, 1);
}

static bool
is_among(const char *s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(s, list[i]) == 0)
			return true;
	}
	return false;
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
write_role(struct metrics_text *m, const json_t *doc)
{
	static const char *const roles[] = {"unknown", "backup", "promoting", "master", "fault"};

	metrics_family(m, METRICS_STATESET, "conntrackd_role", NULL,
	    "What this node is to its peers; unknown as long as nobody has said.");
	write_states(m, roles, ARRAY_LEN(roles), console_str(doc, "role.is"));
}

/* All reasons that there are, so that none appears out of nowhere; and those of a later version. */
static void
write_reasons(struct metrics_text *m, const json_t *doc)
{
	static const char *const known[] = {"first-read", "events-lost", "resync-under-way", "peer-restarted",
	    "resync-unanswered", "messages-lost", "flushed", "external-full", "internal-full", "no-link",
	    "no-peer", "peer-silent", "bulk-under-way"};
	const json_t *reasons = console_at(doc, "ready.reasons"), *reason;
	size_t i;

	metrics_family(m, METRICS_GAUGE, "conntrackd_ready_reason", NULL,
	    "1 for each reason why the replica is, or may be, not as good as it can be.");
	for (size_t k = 0; k < ARRAY_LEN(known); k++) {
		struct metrics_labels labels = {{"reason", known[k]}};
		bool open = false;

		json_array_foreach(reasons, i, reason)
			open = open || strcmp(console_str(reason, "code"), known[k]) == 0;
		metrics_value(m, &labels, open);
	}
	json_array_foreach(reasons, i, reason) {
		const char *code = console_str(reason, "code");
		struct metrics_labels labels = {{"reason", code}};

		if (!is_among(code, known, ARRAY_LEN(known)))
			metrics_value(m, &labels, 1);
	}
}

static const struct row node_rows[] = {
    {"conntrackd_uptime_seconds", "seconds", "uptime_s", "For how long the daemon has been running.",
	METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_role_age_seconds", "seconds", "role.since_s", "For how long the node has had its role.",
	METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_ready", NULL, "ready.ready",
	"1 if the replica is as good as it can be, or cannot become better: failing over now is safe.",
	METRICS_GAUGE, AS_TRUTH},
};

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
write_expects(struct metrics_text *m, const json_t *doc)
{
	static const char *const tables[] = {"internal", "external"};

	metrics_family(m, METRICS_GAUGE, "conntrackd_expectations", NULL,
	    "Expectations in a table, where they are replicated.");
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct metrics_labels labels = {{"table", tables[i]}};
		const json_t *value = at(doc, "expectations", tables[i]);

		if (value != NULL)
			metrics_value(m, &labels, json_integer_value(value));
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

static const struct row table_rows[] = {
    {"conntrackd_expectations_limit", NULL, "expectations.limit",
	"How many expectations a table has room for.", METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_unacknowledged_limit", NULL, "queues.unacknowledged_limit",
	"How many ends of flows are kept until they are acknowledged (ResendQueueSize).", METRICS_GAUGE,
	AS_NUMBER},
};

/* ---- the kernel ---- */

static const struct row kernel_rows[] = {
    {"conntrackd_kernel_flows", NULL, "kernel.flows", "Entries of the kernel's table.", METRICS_GAUGE,
	AS_NUMBER},
    {"conntrackd_kernel_flows_limit", NULL, "kernel.flows_max",
	"How many the kernel's table takes (nf_conntrack_max).", METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_kernel_event_buffer_bytes", "bytes", "kernel.event_buffer_bytes",
	"Receive buffer of the event socket, as it is.", METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_kernel_event_buffer_limit_bytes", "bytes", "kernel.event_buffer_max_bytes",
	"How large it may grow (NetlinkBufferSizeMaxGrowth).", METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_kernel_overrun_age_seconds", "seconds", "kernel.overrun_ms_ago",
	"When the kernel last dropped events; without a sample if it never did.", METRICS_GAUGE, AS_MILLI},
    {"conntrackd_kernel_read_running", NULL, "kernel.read.running",
	"1 while the kernel's table is being read.", METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_kernel_read_age_seconds", "seconds", "kernel.last_read.ms_ago",
	"When the last full read of the kernel's table ended.", METRICS_GAUGE, AS_MILLI},
    {"conntrackd_kernel_read_duration_seconds", "seconds", "kernel.last_read.took_ms",
	"How long that read took.", METRICS_GAUGE, AS_MILLI},
    {"conntrackd_kernel_flushes", NULL, "kernel.flushes", "Times that the kernel's table was flushed.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_events_unknown", NULL, "kernel.counters.events_unknown",
	"Netlink messages among the events that are none.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_events_bad", NULL, "kernel.counters.events_bad",
	"Events that could not be understood.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_dump_unknown", NULL, "kernel.counters.dump_unknown",
	"Messages of a read that are no entries.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_dump_bad", NULL, "kernel.counters.dump_bad",
	"Entries of a read that could not be understood.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_dump_stray", NULL, "kernel.counters.dump_stray",
	"Entries of a read that had been given up.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_answers_bad", NULL, "kernel.counters.answers_bad",
	"Answers of the kernel that could not be understood.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_answers_stray", NULL, "kernel.counters.answers_stray",
	"Answers of the kernel to nothing that was asked.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_netlink_foreign", NULL, "kernel.counters.foreign",
	"Netlink messages that were not the kernel's.", METRICS_COUNTER, AS_NUMBER},
};

/* ---- commit, bulk send, takeover ---- */

static const struct row work_rows[] = {
    {"conntrackd_commit_running", NULL, "commit.running", "1 while flows are committed to the kernel.",
	METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_last_commit_duration_seconds", "seconds", "commit.last.took_ms",
	"How long the last commit took.", METRICS_GAUGE, AS_MILLI},
    {"conntrackd_last_commit_age_seconds", "seconds", "commit.last.ms_ago", "When it ended.", METRICS_GAUGE,
	AS_MILLI},
    {"conntrackd_bulk_running", NULL, "bulk.running", "1 while the peers are told all flows.",
	METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_last_bulk_flows", NULL, "bulk.last.flows", "Flows that the last bulk send told.",
	METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_last_bulk_age_seconds", "seconds", "bulk.last.ms_ago", "When it ended.", METRICS_GAUGE,
	AS_MILLI},
    {"conntrackd_last_bulk_unacknowledged", NULL, "bulk.last.unacknowledged",
	"Flows of it that were not acknowledged in time, once that is known.", METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_vrrp_held", NULL, "vrrp.track_file.held",
	"1 while the track file lowers the weight of this node, as it is not ready.", METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_vrrp_holds", NULL, "vrrp.track_file.holds", "Times that it was lowered.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_gate_configured", NULL, "gate.configured", "1 if there is a takeover gate.", METRICS_GAUGE,
	AS_TRUTH},
    {"conntrackd_gate_closed", NULL, "gate.closed", "1 while the gate holds packets back.", METRICS_GAUGE,
	AS_TRUTH},
    {"conntrackd_gate_closings", NULL, "gate.closings", "Times that the gate was closed.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_gate_timeouts", NULL, "gate.timeouts",
	"Times that it was opened before the commit was through, as its time was up.", METRICS_COUNTER,
	AS_NUMBER},
    {"conntrackd_gate_failures", NULL, "gate.failures", "Times that it could not be closed or opened.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_gate_held_packets", NULL, "gate.held_packets", "Packets that the gate has held back.",
	METRICS_COUNTER, AS_NUMBER},
};

static void
write_last_commit(struct metrics_text *m, const json_t *doc)
{
	static const char *const results[] = {"created", "updated", "replaced", "current", "ended", "degraded",
	    "displaced", "expired", "failed"};

	metrics_family(m, METRICS_GAUGE, "conntrackd_last_commit_flows", NULL,
	    "What became of the flows of the last commit.");
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		struct metrics_labels labels = {{"result", results[i]}};
		const json_t *value = json_object_get(console_at(doc, "commit.last"), results[i]);

		if (value != NULL)
			metrics_value(m, &labels, json_integer_value(value));
	}
}

/* ---- clients ---- */

static const struct row client_rows[] = {
    {"conntrackd_client_accepted", NULL, "control.accepted", "Connections to the control socket.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_client_refused", NULL, "control.refused", "Of these, sent away for want of room.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_client_read_failed", NULL, "control.read_failed",
	"Of these, ended before their request was there.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_client_unknown_request", NULL, "control.unknown_request",
	"Of these, with a request that is not known.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_client_timed_out", NULL, "control.timed_out", "Of these, ended as their time was up.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_client_not_permitted", NULL, "control.not_permitted",
	"Commands of clients who may only read.", METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_history_entries", NULL, "history.added",
	"Entries that were ever made in the flight recorder.", METRICS_COUNTER, AS_NUMBER},
};

/* ---- members of a list: peers, links ---- */

/* The interface of link i, or its number where the document does not say. */
static const char *
link_name(const json_t *doc, json_int_t i, char *number)
{
	const json_t *link = json_array_get(json_object_get(doc, "links"), (size_t)i);
	const char *name = json_string_value(json_object_get(link, "interface"));

	snprintf(number, NUMBER_MAX_LEN, "%lld", (long long)i);
	return name != NULL ? name : number;
}

static const struct row peer_rows[] = {
    {"conntrackd_peer_heard", NULL, "heard", "1 if the peer was heard lately, 0 if it is silent.",
	METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_peer_heard_age_seconds", "seconds", "heard_ms_ago", "When the peer was last heard.",
	METRICS_GAUGE, AS_MILLI},
    {"conntrackd_peer_flows", NULL, "flows", "Flows in the external table that are this peer's.",
	METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_peer_in_sync", NULL, "in_sync",
	"1 if this node has all that the peer has told, 0 while it waits for the answer to a resync.",
	METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_peer_acknowledges", NULL, "hears_us",
	"FT-FW: 0 if the peer is heard and acknowledges nothing: does it hear us?", METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_peer_lag_seconds", "seconds", "lag_ms",
	"FT-FW: age of the oldest change that the peer has not acknowledged, 0 if there is none.",
	METRICS_GAUGE, AS_MILLI},
    {"conntrackd_peer_resync_unanswered", NULL, "resync.unanswered",
	"1 if the peer was asked for everything, and nothing shows that it heard that.", METRICS_GAUGE,
	AS_TRUTH},
    {"conntrackd_peer_restarts", NULL, "restarts", "Restarts of the peer that were noticed.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_peer_lost", NULL, "lost", "Messages of the peer that were missing when a later one came.",
	METRICS_COUNTER, AS_NUMBER},
    {"conntrackd_peer_asked_again", NULL, "asked_again",
	"FT-FW: times that the peer was asked to repeat some.", METRICS_COUNTER, AS_NUMBER},
};

/* Who it is, as labels. */
static struct metrics_labels
peer_labels(const json_t *doc, const json_t *peer, char number[NUMBER_MAX_LEN])
{
	return (struct metrics_labels){{"peer", console_str(peer, "address"), "link",
	    link_name(doc, console_int(peer, "link"), number)}};
}

static void
write_resyncs(struct metrics_text *m, const json_t *doc)
{
	static const char *const states[] = {"none", "wanted", "asked", "coming", "removing"};
	const json_t *peers = json_object_get(doc, "peers"), *peer;
	size_t i;

	metrics_family(m, METRICS_STATESET, "conntrackd_peer_resync", NULL,
	    "How far the answer to a request for everything is.");
	json_array_foreach(peers, i, peer) {
		char number[NUMBER_MAX_LEN];
		struct metrics_labels labels = peer_labels(doc, peer, number);

		for (size_t k = 0; k < ARRAY_LEN(states); k++) {
			labels.words[4] = m->name;
			labels.words[5] = states[k];
			metrics_value(m, &labels, strcmp(states[k], console_str(peer, "resync.state")) == 0);
		}
	}
}

static void
write_peers(struct metrics_text *m, const json_t *doc)
{
	const json_t *peers = json_object_get(doc, "peers"), *peer;
	size_t i;

	for (size_t k = 0; k < ARRAY_LEN(peer_rows); k++) {
		const struct row *f = &peer_rows[k];

		metrics_family(m, f->type, f->name, f->unit, f->help);
		json_array_foreach(peers, i, peer) {
			char number[NUMBER_MAX_LEN];
			struct metrics_labels labels = peer_labels(doc, peer, number);
			const json_t *value = console_at(peer, f->key);

			if (value != NULL && !json_is_null(value))
				write_row(m, f, &labels, value);
		}
	}
}

static const struct row link_rows[] = {
    {"conntrackd_link_up", NULL, "state", "1 if the interface is up and has a carrier.", METRICS_GAUGE,
	AS_IS_UP},
    {"conntrackd_link_in_use", NULL, "in_use", "1 for the link that is sent on.", METRICS_GAUGE, AS_TRUTH},
    {"conntrackd_link_heard_age_seconds", "seconds", "heard_ms_ago",
	"When a peer was last heard on this link.", METRICS_GAUGE, AS_MILLI},
    {"conntrackd_link_receive_buffer_bytes", "bytes", "receive_buffer_bytes",
	"Receive buffer of the socket.", METRICS_GAUGE, AS_NUMBER},
    {"conntrackd_link_guarded", NULL, "guarded",
	"1 while a filter in the kernel keeps out a flood of useless datagrams.", METRICS_GAUGE, AS_TRUTH},
};

static const struct row link_counter_rows[] = {
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
write_link_rows(struct metrics_text *m, const json_t *doc, const struct row *rows, size_t count,
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

			if (value != NULL && !json_is_null(value))
				write_row(m, &rows[k], &labels, value);
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
			sum += console_number(at(link, "counters", counters[k]));
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
			sum += console_number(at(doc, "counters", rows[i].counters[k]));
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
		write_mode(&m, doc);
		write_role(&m, doc);
		write_rows(&m, doc, node_rows, ARRAY_LEN(node_rows));
		write_reasons(&m, doc);
		write_tables(&m, doc);
		write_expects(&m, doc);
		write_queues(&m, doc);
		write_rows(&m, doc, table_rows, ARRAY_LEN(table_rows));
		write_peers(&m, doc);
		write_resyncs(&m, doc);
		write_link_rows(&m, doc, link_rows, ARRAY_LEN(link_rows), NULL);
		write_link_rows(&m, doc, link_counter_rows, ARRAY_LEN(link_counter_rows), "counters");
		write_rows(&m, doc, kernel_rows, ARRAY_LEN(kernel_rows));
		write_rows(&m, doc, work_rows, ARRAY_LEN(work_rows));
		write_last_commit(&m, doc);
		write_rows(&m, doc, client_rows, ARRAY_LEN(client_rows));
		write_losses(&m, doc);
		write_counters(&m, doc);
	}
	metrics_end(&m);
}
