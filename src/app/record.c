/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c: entries for the flight recorder, and what `conntrackd history' is answered.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "history.h"
#include "verbs.h"

/* An entry as JSON, where every byte of its text may take six. */
enum { ENTRY_JSON_MAX = 512 + 6 * HISTORY_TEXT_MAX };

/* The clock of the day, in milliseconds since 1970. */
static int64_t
wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
add(struct daemon *d, enum history_code code, const struct history_facts *facts, const char *fmt,
    va_list ap)
{
	char text[HISTORY_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	history_put(&d->history, code, facts, text, wall_ms(), loop_now());
}

void
history_add(struct daemon *d, enum history_code code, const char *fmt, ...)
{
	const struct history_facts none = {0};
	va_list ap;

	va_start(ap, fmt);
	add(d, code, &none, fmt, ap);
	va_end(ap);
}

void
history_add_facts(struct daemon *d, enum history_code code, const struct history_facts *facts,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, code, facts, fmt, ap);
	va_end(ap);
}

/* ---- what the node notices ---- */

/* What is said of a peer begins with its address. */
static void
add_peer(struct daemon *d, enum history_code code, const struct notice *note, bool counted,
    const char *text)
{
	const struct history_facts facts = {
	    .peer = &note->peer, .counted = counted, .flows = note->count};
	char addr[64];
	struct text t;

	text_init(&t, addr, sizeof(addr));
	text_addr(&t, note->peer.l3, &note->peer.addr);
	if (counted)
		history_add_facts(d, code, &facts, "peer %s: %llu %s", addr,
		    (unsigned long long)note->count, text);
	else
		history_add_facts(d, code, &facts, "peer %s: %s", addr, text);
}

static void
add_count(struct daemon *d, enum history_code code, uint64_t count, const char *text)
{
	const struct history_facts facts = {.counted = true, .flows = count};

	history_add_facts(d, code, &facts, "%s: %llu flows", text, (unsigned long long)count);
}

static void
add_commit(struct daemon *d, const struct commit_tally *c)
{
	const struct history_facts facts = {.counted = c->flows,
	    .flows = c->created + c->updated + c->replaced,
	    .timed = true,
	    .took_ms = c->took_ms};

	if (c->flows)
		history_add_facts(d, HISTORY_COMMIT_DONE, &facts,
		    "committed: %u of %u flows written, %u were there already, %u failed, %u too old",
		    c->created + c->updated + c->replaced, c->total, c->current, c->failed, c->expired);
	else
		history_add_facts(d, HISTORY_COMMIT_DONE, &facts,
		    "committed: %u expectations written, %u failed", c->expects_created,
		    c->expects_failed);
}

/* Those whose entry is made by who reacts to them. */
static const char *
late_code(enum notice_type type)
{
	return type == NOTE_KERNEL_READ_NEEDED ? history_name(HISTORY_OVERRUN)
	    : type == NOTE_KERNEL_READ_DONE    ? history_name(HISTORY_READ)
	    : type == NOTE_LINK_ACTIVE	       ? history_name(HISTORY_LINK)
	    : type == NOTE_LINK_NONE	       ? history_name(HISTORY_NO_LINK)
					       : NULL;
}

void
record_facts(const struct daemon *d, const struct notice *note, struct log_facts *facts,
    char addr[ADDR_TEXT])
{
	const struct history_entry *e = d->history.touched;
	struct text t;

	*facts = (struct log_facts){.event = late_code(note->type)};
	if (e == NULL)
		return;
	facts->event = history_name((enum history_code)e->code);
	facts->counted = e->facts.counted;
	facts->flows = e->facts.flows;
	facts->timed = e->facts.timed;
	facts->took_ms = e->facts.took_ms;
	if (!e->has_peer)
		return;
	text_init(&t, addr, ADDR_TEXT);
	text_addr(&t, e->peer.l3, &e->peer.addr);
	facts->peer = addr;
}

void
log_event(struct daemon *d, enum history_code code, enum log_level level, const char *fmt, ...)
{
	const struct log_facts facts = {.event = history_name(code)};
	const struct log_facts before = log_about(d->log, &facts);
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(d->log, level, fmt, ap);
	va_end(ap);
	log_about(d->log, &before);
}

void
record_notice(struct daemon *d, const struct notice *note)
{
	d->history.touched = NULL;
	switch (note->type) {
	case NOTE_PEER_NEW:
		add_peer(d, HISTORY_PEER_NEW, note, false, "first heard");
		break;
	case NOTE_PEER_RESTARTED:
		add_peer(d, HISTORY_PEER_RESTARTED, note, false, "has started anew");
		break;
	case NOTE_PEER_SILENT:
		add_peer(d, HISTORY_PEER_SILENT, note, false, "nothing heard for 10 seconds");
		break;
	case NOTE_PEER_BACK:
		add_peer(d, HISTORY_PEER_BACK, note, false, "heard again");
		break;
	case NOTE_RESYNC_REQUESTED:
		add_peer(d, HISTORY_RESYNC_REQUESTED, note, false, "asks for everything");
		break;
	case NOTE_RESYNC_SENT:
		/* By order of -n nobody in particular is. */
		if (note->peer.l3 == 0)
			history_add(d, HISTORY_RESYNC_ASKED, "all peers: asked for everything");
		else
			add_peer(d, HISTORY_RESYNC_ASKED, note, false, "asked for everything");
		break;
	case NOTE_SWEPT:
		add_peer(d, HISTORY_SWEPT, note, true, "flows removed that it no longer has");
		break;
	case NOTE_RESYNC_DONE:
		add_peer(d, HISTORY_RESYNC_DONE, note, true, "flows are here, it has sent all it has");
		break;
	case NOTE_RESYNC_UNANSWERED:
		add_peer(d, HISTORY_RESYNC_UNANSWERED, note, false,
		    "asked three times for everything, and it does not answer");
		break;
	case NOTE_SEQ_JUMP:
		add_peer(d, HISTORY_SEQUENCE_JUMP, note, false, "a sequence number far off, left aside");
		break;
	case NOTE_SEQ_FORGED:
		add_peer(d, HISTORY_SEQUENCE_FORGED, note, false, "two messages with one number");
		break;
	case NOTE_BULK_STARTED:
		history_add(d, HISTORY_BULK_BEGUN, "bulk update begun");
		break;
	case NOTE_BULK_DONE:
		d->bulk_last = (struct bulk_last){.at = loop_now(), .flows = note->count};
		add_count(d, HISTORY_BULK_DONE, note->count, "bulk update sent");
		break;
	case NOTE_BULK_ACKED:
		d->bulk_last.known = true;
		add_count(d, HISTORY_BULK_ACKNOWLEDGED, note->count, "bulk update acknowledged");
		break;
	case NOTE_BULK_UNACKED:
		d->bulk_last.known = true;
		d->bulk_last.unacked = note->count;
		add_count(d, HISTORY_BULK_UNACKNOWLEDGED, note->count,
		    "bulk update not acknowledged in time");
		break;
	case NOTE_EVICTED:
		add_count(d, HISTORY_DELETES_FORGOTTEN, note->count,
		    "too many ends wait for an acknowledgement, the oldest are forgotten");
		break;
	case NOTE_COMMIT_DONE:
		d->commit_last = note->commit;
		d->commit_last_at = loop_now();
		add_commit(d, &note->commit);
		break;
	case NOTE_KERNEL_FLUSH_DONE:
		add_count(d, HISTORY_FLUSH_DONE, note->count, "deleted from the kernel");
		break;
	case NOTE_LOCAL_FULL:
		add_count(d, HISTORY_TABLE_FULL, note->count, "internal cache full, HashLimit");
		break;
	case NOTE_REMOTE_FULL:
		add_count(d, HISTORY_TABLE_FULL, note->count, "external cache full, HashLimit");
		break;
	case NOTE_EXPECTS_FULL:
		history_add(d, HISTORY_TABLE_FULL, "more than %llu expectations",
		    (unsigned long long)note->count);
		break;
	case NOTE_COMMIT_ERROR:
	case NOTE_COMMIT_EXPECT_ERROR:
	case NOTE_REHEARSED:
	case NOTE_COMMIT_CONFLICT:
		/* The verdict counts them. */
	case NOTE_KERNEL_READ_NEEDED:
	case NOTE_KERNEL_READ_DONE:
	case NOTE_LINK_ACTIVE:
	case NOTE_LINK_NONE:
		/* Who reacts to them knows more. */
		break;
	}
}

/* ---- orders ---- */

void
record_order(struct daemon *d, const struct ctl_job *job, enum history_code code, const char *fmt,
    ...)
{
	const struct history_facts facts = {.by = {.uid = job->uid, .pid = job->pid}};
	va_list ap;

	va_start(ap, fmt);
	add(d, code, &facts, fmt, ap);
	va_end(ap);
}

/* ---- as JSON ---- */

void
history_write(struct json *j, const struct history_entry *e, uint64_t number)
{
	char addr[64];
	struct text t;

	jw_object(j, NULL);
	jw_u64(j, "number", number);
	jw_i64(j, "time_ms", e->wall_ms);
	jw_i64(j, "monotonic_ms", e->at.ms);
	jw_str(j, "event", history_name((enum history_code)e->code));
	jw_str(j, "text", e->text);
	jw_u64(j, "times", e->times);
	jw_i64(j, "last_monotonic_ms", e->last.ms);
	if (e->has_peer) {
		text_init(&t, addr, sizeof(addr));
		text_addr(&t, e->peer.l3, &e->peer.addr);
		jw_str(j, "peer", addr);
	}
	if (e->facts.counted)
		jw_u64(j, "flows", e->facts.flows);
	if (e->facts.timed)
		jw_i64(j, "took_ms", e->facts.took_ms);
	if (e->facts.by.pid != 0) {
		jw_u64(j, "uid", e->facts.by.uid);
		jw_i64(j, "pid", e->facts.by.pid);
	}
	jw_object_end(j);
}

/* The entries come in pieces: `step' says whether the first has been sent, `cursor' which is next. */
static void
begin_list(struct text *t, const struct daemon *d)
{
	text_add(t, "{\"time_ms\":%lld,\"monotonic_ms\":%lld,\"added\":%llu,\"limit\":%d,\"entries\":[",
	    (long long)wall_ms(), (long long)loop_now().ms, (unsigned long long)d->history.count,
	    HISTORY_MAX);
}

void
answer_history(const struct verb_call *v)
{
	const struct history *h = &v->d->history;
	const char *last = verb_value(v, "last");
	unsigned long long want = HISTORY_MAX;
	uint64_t first = history_first(h);
	char *end;

	if (last != NULL) {
		want = strtoull(last, &end, 10);
		if (*last < '0' || *last > '9' || *end != '\0') {
			verb_fail(v, "history: `%.32s' is no number of entries", last);
			return;
		}
	}
	if (h->count - first > want)
		first = h->count - want;
	/* Numbers of entries are 64 bits wide, a cursor is not: it takes 2^32 entries to notice. */
	v->job->cursor = (uint32_t)first;
	v->job->step = 0;
	ctl_want_more(v->client);
}

void
more_history(const struct verb_call *v)
{
	const struct history *h = &v->d->history;
	uint64_t at = v->job->cursor;
	char buf[CTL_CHUNK_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	if (v->job->step == 0)
		begin_list(&t, v->d);
	if (at < history_first(h))
		at = history_first(h);
	while (at < h->count && t.len + ENTRY_JSON_MAX < sizeof(buf)) {
		struct json j;

		if (v->job->step++ > 0)
			text_str(&t, ",");
		jw_init(&j, &t);
		history_write(&j, history_at(h, at), at);
		at++;
	}
	v->job->step += v->job->step == 0;
	v->job->cursor = (uint32_t)at;
	if (at == h->count)
		text_str(&t, "]}\n");
	ctl_out(v->client, buf, t.len);
	if (at == h->count)
		ctl_finish(v->client, 0);
}
