/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debug.h"

#include <stdlib.h>
#include <string.h>

#include "verbs.h"

/* A configuration does not name one. */
#define LEVEL_CONFIGURED LOG_LV_INFO

enum { FOR_S_MAX = 7 * 24 * 3600, LAG_TOLD_MS = 2000, CHANGES_MAX = 512 };

/* ---- the level ---- */

void
debug_expire(struct daemon *d, ms_t now)
{
	if (!ms_reached(now, d->debug.until))
		return;
	d->debug.until = MS_NEVER;
	log_set_level(d->log, LEVEL_CONFIGURED);
	log_event(d, HISTORY_LOG_LEVEL, LOG_LV_NOTICE, "log level is %s again, as the time is over",
	    log_level_name(LEVEL_CONFIGURED));
	history_add(d, HISTORY_LOG_LEVEL, "log level is %s again, as the time is over",
	    log_level_name(LEVEL_CONFIGURED));
}

void
debug_write(struct json *j, const struct daemon *d, ms_t now)
{
	jw_str(j, "level", log_level_name(log_level(d->log)));
	jw_str(j, "configured", log_level_name(LEVEL_CONFIGURED));
	if (d->debug.until.ms == MS_NEVER.ms)
		jw_null(j, "until_ms");
	else
		jw_i64(j, "until_ms", ms_since(d->debug.until, now));
}

static bool
take_seconds(const char *text, long *seconds)
{
	char *end;

	*seconds = strtol(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *seconds > 0 && *seconds <= FOR_S_MAX;
}

/* Says so at the level before as well as at the new one: whichever lets it through. */
static void
set_level(struct daemon *d, const struct ctl_job *job, enum log_level level, long seconds)
{
	enum log_level before = log_level(d->log);

	d->debug.until = seconds > 0 ? ms_add(loop_now(), (int64_t)seconds * 1000) : MS_NEVER;
	if (level < before)
		log_set_level(d->log, level);
	log_event(d, HISTORY_LOG_LEVEL, LOG_LV_NOTICE, "log level is %s now, was %s%s",
	    log_level_name(level), log_level_name(before), seconds > 0 ? ", for a while" : "");
	log_set_level(d->log, level);
	if (seconds > 0)
		record_order(d, job, HISTORY_LOG_LEVEL, "log level is %s now, was %s, for %ld s",
		    log_level_name(level), log_level_name(before), seconds);
	else
		record_order(d, job, HISTORY_LOG_LEVEL, "log level is %s now, was %s",
		    log_level_name(level), log_level_name(before));
}

void
answer_log(const struct verb_call *v)
{
	const char *name = verb_value(v, "level"), *span = verb_value(v, "for");
	enum log_level level;
	long seconds = 0;
	char buf[256];
	struct text t;
	struct json j;

	if (name != NULL && !log_level_find(name, &level)) {
		verb_fail(v, "log: no such level: `%.32s'; there are error, warning, notice, info, debug", name);
		return;
	}
	if (span != NULL && (name == NULL || !take_seconds(span, &seconds))) {
		verb_fail(v, "log: `%.32s' is no number of seconds from 1 to %d for a level", span, FOR_S_MAX);
		return;
	}
	if (name != NULL)
		set_level(v->d, v->job, level, seconds);
	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	jw_object(&j, NULL);
	debug_write(&j, v->d, loop_now());
	jw_object_end(&j);
	jw_end(&j);
	verb_answer(v, &t, 0);
}

/* ---- what level debug says ---- */

/* "name +n" of a counter that has grown. */
static void
add_growth(struct text *t, const char *name, uint64_t before, uint64_t now)
{
	if (now > before)
		text_add(t, "%s%s +%llu", t->len > 0 ? ", " : "", name, (unsigned long long)(now - before));
}

/* What peers say to us besides their flows, and what is said because of that. */
static void
tell_control(struct daemon *d, const struct node_stats *was, const struct node_stats *is)
{
	char changes[CHANGES_MAX];
	struct text t;

	text_init(&t, changes, sizeof(changes));
	add_growth(&t, "HELLO", was->seq_hello, is->seq_hello);
	add_growth(&t, "ACK", was->ack_received, is->ack_received);
	add_growth(&t, "NACK", was->nack_received, is->nack_received);
	add_growth(&t, "RESYNC", was->resync_received, is->resync_received);
	add_growth(&t, "not ours", was->ack_foreign, is->ack_foreign);
	add_growth(&t, "NACK sent", was->nack_sent, is->nack_sent);
	add_growth(&t, "flows sent again", was->send_resent, is->send_resent);
	if (t.len > 0)
		log_write(d->log, LOG_LV_DEBUG, "control messages in a second: %s", changes);
}

/* What does not go as it should: counters that stand still on a good day. */
static void
tell_trouble(struct daemon *d, const struct node_stats *was, const struct node_stats *is)
{
	char changes[CHANGES_MAX];
	struct text t;

	text_init(&t, changes, sizeof(changes));
	add_growth(&t, "lost", was->seq_lost, is->seq_lost);
	add_growth(&t, "late or twice", was->seq_before, is->seq_before);
	add_growth(&t, "held, number far off", was->seq_jump_held, is->seq_jump_held);
	add_growth(&t, "held, HELLO", was->seq_hello_held, is->seq_hello_held);
	add_growth(&t, "malformed", was->recv_truncated + was->recv_bad_size + was->recv_bad_payload,
	    is->recv_truncated + is->recv_bad_size + is->recv_bad_payload);
	add_growth(&t, "flood", was->recv_flood, is->recv_flood);
	add_growth(&t, "kernel overruns", was->kernel_overruns, is->kernel_overruns);
	add_growth(&t, "ends forgotten", was->unacked_evicted, is->unacked_evicted);
	add_growth(&t, "notices lost", was->notices_lost, is->notices_lost);
	if (t.len > 0)
		log_write(d->log, LOG_LV_DEBUG, "trouble in a second: %s", changes);
}

static void
tell_traffic(struct daemon *d, const struct node_stats *was, const struct node_stats *is)
{
	struct queue_view q = node_queue_view(d->node);

	if (is->kernel_events == was->kernel_events && is->recv_messages == was->recv_messages)
		return;
	log_write(d->log, LOG_LV_DEBUG,
	    "in a second: %llu kernel events, %llu messages sent, %llu received; %u to send, %u unacknowledged",
	    (unsigned long long)(is->kernel_events - was->kernel_events),
	    (unsigned long long)(is->send_messages - was->send_messages),
	    (unsigned long long)(is->recv_messages - was->recv_messages), q.tx, q.unacked);
}

/* The steps of a resync, and a peer that falls behind. */
static void
tell_peer(struct daemon *d, const struct peer_view *was, const struct peer_view *is)
{
	char addr[ADDR_TEXT];
	struct log_facts facts = {.event = "debug", .peer = addr};
	struct text t;

	text_init(&t, addr, sizeof(addr));
	text_addr(&t, is->addr.l3, &is->addr.addr);
	log_about(d->log, &facts);
	if (was->resync != is->resync)
		log_write(d->log, LOG_LV_DEBUG, "peer %s: resync %s -> %s, try %u, %u flows", addr,
		    status_resync_name(was->resync), status_resync_name(is->resync), is->resync_tries,
		    is->flows);
	if (was->deaf != is->deaf)
		log_write(d->log, LOG_LV_DEBUG, "peer %s: %s", addr,
		    is->deaf ? "acknowledges nothing: does it hear us?" : "acknowledges again");
	if (is->lag_ms >= LAG_TOLD_MS)
		log_write(d->log, LOG_LV_DEBUG, "peer %s: lacks a change for %lld ms", addr,
		    (long long)is->lag_ms);
	if (is->lost > was->lost)
		log_write(d->log, LOG_LV_DEBUG, "peer %s: %llu messages missing, asked again %llu times", addr,
		    (unsigned long long)(is->lost - was->lost),
		    (unsigned long long)(is->asked_again - was->asked_again));
	log_about(d->log, NULL);
}

static void
tell_peers(struct daemon *d, const struct peer_view *peers, size_t count)
{
	const struct debug *g = &d->debug;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < g->peers_count; k++) {
			if (g->peers[k].slot == peers[i].slot)
				tell_peer(d, &g->peers[k], &peers[i]);
		}
	}
}

void
debug_tick(struct daemon *d, ms_t now)
{
	struct debug *g = &d->debug;
	struct peer_view peers[NODE_PEERS_MAX];
	const struct node_stats *stats = node_stats(d->node);
	size_t count = 0;

	if (log_level(d->log) > LOG_LV_DEBUG) {
		g->compares = false;
		return;
	}
	while (count < NODE_PEERS_MAX && node_peer_view(d->node, count, &peers[count], now))
		count++;
	if (g->compares) {
		tell_traffic(d, &g->stats, stats);
		tell_control(d, &g->stats, stats);
		tell_trouble(d, &g->stats, stats);
		tell_peers(d, peers, count);
	}
	g->stats = *stats;
	memcpy(g->peers, peers, count * sizeof(peers[0]));
	g->peers_count = count;
	g->compares = true;
}
