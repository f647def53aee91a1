/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c: what the node notices, as the log lines that administrators know.
 */
#include <stdio.h>
#include <string.h>

#include "state.h"
#include "render.h"

static const char *
peer_text(const struct peer_addr *peer, char buf[ADDR_TEXT])
{
	struct text t;

	text_init(&t, buf, ADDR_TEXT);
	text_addr(&t, peer->l3, &peer->addr);
	return buf;
}

static void
log_flow(struct daemon *d, enum log_level level, const char *what, const struct flow *f, int error)
{
	char line[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, line, sizeof(line));
	render_flow_brief(&t, f);
	if (error != 0)
		log_write(d->log, level, "%s: %s: %s", what, strerror(error), line);
	else
		log_write(d->log, level, "%s: %s", what, line);
}

static void
log_expect(struct daemon *d, const char *what, const struct expect *e, int error)
{
	char line[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, line, sizeof(line));
	render_expect_brief(&t, e);
	log_write(d->log, LOG_LV_ERROR, "%s: %s: %s", what, strerror(error), line);
}

/* What the tally says of flows. */
static void
log_committed(struct daemon *d, const struct commit_tally *c)
{
	log_write(d->log, LOG_LV_NOTICE, "Committed %u new entries",
	    c->created + c->updated + c->replaced);
	if (c->current > 0)
		log_write(d->log, LOG_LV_NOTICE, "%u entries were in the kernel already", c->current);
	if (c->replaced > 0)
		log_write(d->log, LOG_LV_WARNING,
		    "%u older kernel entries had another NAT mapping, or held the one of another "
		    "flow, and were replaced",
		    c->replaced);
	if (c->ended > 0)
		log_write(d->log, LOG_LV_NOTICE,
		    "%u kernel entries of connections that ended at a peer were removed", c->ended);
	if (c->degraded > 0)
		log_write(d->log, LOG_LV_WARNING,
		    "%u entries were committed without an attribute that this kernel refuses",
		    c->degraded);
	if (c->displaced > 0)
		log_write(d->log, LOG_LV_WARNING,
		    "%u entries made way for newer ones with the same NAT mapping", c->displaced);
	if (c->expired > 0)
		log_write(d->log, LOG_LV_WARNING,
		    "%u entries were left out: nothing was heard of their peer for longer than they last",
		    c->expired);
	if (c->failed > 0)
		log_write(d->log, LOG_LV_ERROR, "%u entries can't be committed", c->failed);
}

/* What a silent peer told is as old as its silence. */
static void
log_old_peers(struct daemon *d, ms_t now)
{
	struct peer_view p;
	char addr[ADDR_TEXT];

	for (size_t i = 0; node_peer_view(d->node, i, &p, now); i++) {
		if (p.heard_lately || p.flows == 0)
			continue;
		log_write(d->log, LOG_LV_WARNING,
		    "peer %s: nothing heard for %lld seconds: its %u flows are committed as of then",
		    peer_text(&p.addr, addr), (long long)p.heard_ms_ago / 1000, p.flows);
	}
}

static void
commit_done(struct daemon *d, const struct commit_tally *c)
{
	int64_t took_us = loop_now_us() - d->commit_began_us;
	char why[160];

	d->commit_began_us = 0;
	if (c->flows)
		gatekeeper_open(d, GATE_DONE);
	role_committed(d, c);
	if (c->flows) {
		log_committed(d, c);
		log_old_peers(d, loop_now());
	}
	if (c->expects)
		log_write(d->log, LOG_LV_NOTICE, "Committed %u new expectations",
		    c->expects_created);
	if (c->expects_failed > 0)
		log_write(d->log, LOG_LV_ERROR, "%u expectations can't be committed",
		    c->expects_failed);
	log_write(d->log, LOG_LV_NOTICE, "commit has taken %lld.%06lld seconds",
	    (long long)(took_us / 1000000), (long long)(took_us % 1000000));
	if (c->failed > 0) {
		snprintf(why, sizeof(why), "%u of %u entries can't be committed, see the log",
		    c->failed, c->total);
		requests_answer(d, WAIT_COMMIT, 1, why);
	} else if (c->expects_failed > 0) {
		snprintf(why, sizeof(why), "%u expectations can't be committed, see the log",
		    c->expects_failed);
		requests_answer(d, WAIT_COMMIT, 1, why);
	} else {
		requests_answer(d, WAIT_COMMIT, 0, NULL);
	}
}

/* Of lines of one kind so many a minute are enough; what is left out is counted. */
static bool
is_one_too_many(struct said *s, ms_t now)
{
	if (s->lines < SAID_LINES) {
		if (s->lines++ == 0)
			s->since = now;
		return false;
	}
	s->left_out++;
	return true;
}

/*
 * The kernel's table is to be read again.  Soon, for a failover does not wait; but not without end in a
 * storm that goes on: after such a read the next one waits as long as NetlinkOverrunResync says.
 */
static void
read_again(struct daemon *d, enum read_why why)
{
	static const char *const words[] = {
	    [READ_EVENTS_LOST] = "the kernel dropped events because our netlink buffer was full",
	    [READ_CUT_SHORT] = "the kernel table was not read to its end",
	    [READ_ROOM_AGAIN] = "the internal cache has room again",
	    [READ_FILTER_CHANGED] = "the filter has changed",
	    [READ_TO_ANSWER] = "a peer asks for everything, and the internal cache was flushed",
	};
	ms_t now = loop_now(), at = ms_add(now, OVERRUN_READ_MS), earliest;

	d->read_why = why;
	if (why == READ_TO_ANSWER || why == READ_FILTER_CHANGED) {
		log_write(d->log, LOG_LV_NOTICE, "%s: the table is read again", words[why]);
		want_read(d, READ_OVERRUN);
		return;
	}
	if (d->cfg->overrun_resync_s == 0)
		d->read_owed = true;
	if (d->cfg->overrun_resync_s == 0 || d->overrun_read_at.ms != MS_NEVER.ms)
		return;
	earliest = ms_add(d->overrun_read_last, (int64_t)d->cfg->overrun_resync_s * 1000);
	if (d->overrun_read_last.ms != 0 && at.ms < earliest.ms)
		at = earliest;
	if (!is_one_too_many(&d->said[NOTE_KERNEL_READ_NEEDED], now))
		log_write(d->log, LOG_LV_WARNING, "%s: the table will be read again in %lld ms",
		    words[why], (long long)ms_since(at, now));
	history_add(d, HISTORY_OVERRUN, "%s: the table will be read again in %lld ms", words[why],
	    (long long)ms_since(at, now));
	d->overrun_read_at = at;
}

void
report_read_failed(struct daemon *d, int error)
{
	unsigned int why = d->read_active;

	d->read_active = 0;
	d->dump_open = false;
	log_write(d->log, LOG_LV_ERROR, "can't get kernel conntrack table: %s", strerror(-error));
	history_add(d, HISTORY_READ_FAILED, "can't get kernel conntrack table: %s", strerror(-error));
	/* What the lost events said is still unknown, and nothing but a read tells it. */
	if (why & READ_OVERRUN)
		read_again(d, READ_CUT_SHORT);
	requests_answer(d, WAIT_READ, 1, "can't get kernel conntrack table, see the log");
	requests_answer(d, WAIT_SHOW, 1, "can't get kernel conntrack table, see the log");
	if (why & (READ_FLUSH | READ_FLUSH_EXPECTS))
		requests_answer(d, WAIT_FLUSH, 1, "can't get kernel conntrack table, see the log");
	if (why & READ_START) {
		d->failed = true;
		d->stopping = true;
	}
}

/* What the last full read was for, and how long it took, for status and the flight recorder. */
static void
note_read(struct daemon *d, unsigned int why, unsigned long long count)
{
	ms_t now = loop_now();
	const struct history_facts facts = {.counted = true,
	    .flows = count,
	    .timed = true,
	    .took_ms = ms_since(now, d->read_began)};

	d->read_last = (struct read_last){
	    .why = why, .at = now, .took_ms = facts.took_ms, .flows = count};
	/* Polling does so all the time, and the first one is what makes us ready. */
	if (why & ~(unsigned int)(READ_POLL | READ_START))
		history_add_facts(d, HISTORY_READ, &facts,
		    "the kernel's table was read %s: %llu flows are known",
		    why & READ_OVERRUN ? "again as something was missed" : "by order", count);
}

static void
kernel_read_done(struct daemon *d, unsigned long long count)
{
	unsigned int why = d->read_active;

	if (d->read_error != 0) {
		report_read_failed(d, d->read_error);
		return;
	}
	d->read_active = 0;
	note_read(d, why, count);
	if (why & READ_START)
		d->ready = true;
	if ((why & READ_OVERRUN) && !is_one_too_many(&d->said[NOTE_KERNEL_READ_DONE], loop_now()))
		log_write(d->log, LOG_LV_NOTICE,
		    "the table has been read again: %llu flows are known, what differed was told", count);
	if (why & READ_RESYNC)
		requests_answer(d, WAIT_READ, 0, NULL);
	if (why & READ_SHOW)
		requests_answer(d, WAIT_SHOW, 0, NULL);
	if ((why & READ_PURGE) && !role_may_purge(d))
		why &= ~(unsigned int)READ_PURGE;
	if (why & (READ_FLUSH | READ_PURGE)) {
		node_command(d->node, CMD_FLUSH_KERNEL, loop_now());
		/* Nothing else wakes us for it. */
		d->more_kernel_work = true;
	}
	if (why & READ_FLUSH_EXPECTS) {
		node_command(d->node, CMD_FLUSH_EXPECTS, loop_now());
		d->more_kernel_work = true;
	}
	if (why & READ_PURGE) {
		log_write(d->log, LOG_LV_NOTICE, "flushing kernel conntrack table (scheduled)");
		history_add(d, HISTORY_PURGE, "the flush of the kernel's table that was due has begun");
	}
}

static void
kernel_flush_done(struct daemon *d, unsigned long long count)
{
	d->kernel_flushes++;
	log_write(d->log, LOG_LV_INFO, "%llu kernel entries deleted", count);
	requests_answer(d, WAIT_FLUSH, 0, NULL);
}

/* Notices that say all there is in fixed words; those of a peer begin with its address. */
static const struct words {
	enum log_level level;
	bool peer;
	const char *text;
} words[] = {
    [NOTE_PEER_NEW] = {LOG_LV_NOTICE, true, "first heard"},
    [NOTE_PEER_RESTARTED] = {LOG_LV_NOTICE, true, "has started anew"},
    [NOTE_PEER_SILENT] = {LOG_LV_WARNING, true,
	"nothing heard for 10 seconds: is it down, or the link?"},
    [NOTE_PEER_BACK] = {LOG_LV_NOTICE, true, "heard again"},
    [NOTE_RESYNC_REQUESTED] = {LOG_LV_NOTICE, true, "resync requested by other node"},
    [NOTE_SEQ_JUMP] = {LOG_LV_WARNING, true,
	"a sequence number far off, left aside: a forged or stray datagram?"},
    [NOTE_SEQ_FORGED] = {LOG_LV_WARNING, true,
	"two messages with one number: somebody else speaks in its name; all flows are compared"},
    [NOTE_RESYNC_SENT] = {LOG_LV_NOTICE, false, "resync requested"},
    [NOTE_BULK_STARTED] = {LOG_LV_NOTICE, false, "sending bulk update"},
    [NOTE_RESYNC_UNANSWERED] = {LOG_LV_WARNING, true,
	"asked for everything three times, without an answer: does it hear us?"},
};

static void
log_words(struct daemon *d, const struct notice *note)
{
	const struct words *w = &words[note->type];
	char addr[ADDR_TEXT];

	if (w->peer)
		log_write(d->log, w->level, "peer %s: %s", peer_text(&note->peer, addr), w->text);
	else
		log_write(d->log, w->level, "%s", w->text);
}

/*
 * What others make us say, each as often as he likes: so many lines of a kind in a minute, then how many
 * were left out.  What concerns the kernel, a command or the link says itself how often it may.
 */
static bool
is_said_too_often(struct daemon *d, enum notice_type type, ms_t now)
{
	switch (type) {
	case NOTE_PEER_NEW:
	case NOTE_PEER_RESTARTED:
	case NOTE_PEER_SILENT:
	case NOTE_PEER_BACK:
	case NOTE_RESYNC_REQUESTED:
	case NOTE_RESYNC_SENT:
	case NOTE_BULK_STARTED:
	case NOTE_BULK_DONE:
	case NOTE_BULK_ACKED:
	case NOTE_BULK_UNACKED:
	case NOTE_SEQ_JUMP:
	case NOTE_SEQ_FORGED:
	case NOTE_SWEPT:
	case NOTE_RESYNC_DONE:
	case NOTE_RESYNC_UNANSWERED:
	case NOTE_LINK_ACTIVE:
	case NOTE_LINK_NONE:
		break;
	case NOTE_COMMIT_DONE:
	case NOTE_COMMIT_ERROR:
	case NOTE_COMMIT_EXPECT_ERROR:
	case NOTE_REHEARSED:
	case NOTE_COMMIT_CONFLICT:
	case NOTE_KERNEL_READ_NEEDED:
	case NOTE_KERNEL_READ_DONE:
	case NOTE_KERNEL_FLUSH_DONE:
	case NOTE_LOCAL_FULL:
	case NOTE_REMOTE_FULL:
	case NOTE_EXPECTS_FULL:
	case NOTE_EVICTED:
		return false;
	}
	return is_one_too_many(&d->said[type], now);
}

void
report_left_out(struct daemon *d, ms_t now)
{
	static const char *const kinds[NOTICE_TYPES] = {
	    [NOTE_PEER_NEW] = "first heard",
	    [NOTE_PEER_RESTARTED] = "has started anew",
	    [NOTE_PEER_SILENT] = "nothing heard",
	    [NOTE_PEER_BACK] = "heard again",
	    [NOTE_RESYNC_REQUESTED] = "resync requested by other node",
	    [NOTE_RESYNC_SENT] = "resync requested",
	    [NOTE_BULK_STARTED] = "sending bulk update",
	    [NOTE_BULK_DONE] = "bulk update sent",
	    [NOTE_BULK_ACKED] = "bulk update acknowledged",
	    [NOTE_BULK_UNACKED] = "bulk update not acknowledged",
	    [NOTE_SEQ_JUMP] = "a sequence number far off",
	    [NOTE_SEQ_FORGED] = "two messages with one number",
	    [NOTE_SWEPT] = "flows that it no longer has were removed",
	    [NOTE_RESYNC_DONE] = "resync complete",
	    [NOTE_RESYNC_UNANSWERED] = "asked for everything",
	    [NOTE_LINK_ACTIVE] = "becomes dedicated link",
	    [NOTE_LINK_NONE] = "no dedicated links available",
	    [NOTE_KERNEL_READ_NEEDED] = "the table will be read again",
	    [NOTE_KERNEL_READ_DONE] = "the table has been read again",
	};

	for (size_t i = 0; i < NOTICE_TYPES; i++) {
		struct said *s = &d->said[i];

		if (s->lines == 0 || ms_since(now, s->since) < SAID_MS)
			continue;
		if (s->left_out > 0)
			log_write(d->log, LOG_LV_WARNING,
			    "%llu more lines like `%s' were left out in a minute", s->left_out,
			    kinds[i]);
		*s = (struct said){0};
	}
}

/* What has to be done about it, and the lines about it. */
static void
react(struct daemon *d, const struct notice *note)
{
	unsigned long long count = note->count;
	char addr[ADDR_TEXT];

	switch (note->type) {
	case NOTE_PEER_NEW:
	case NOTE_PEER_RESTARTED:
	case NOTE_PEER_SILENT:
	case NOTE_PEER_BACK:
	case NOTE_RESYNC_REQUESTED:
	case NOTE_SEQ_JUMP:
	case NOTE_SEQ_FORGED:
	case NOTE_RESYNC_SENT:
	case NOTE_BULK_STARTED:
	case NOTE_RESYNC_UNANSWERED:
		log_words(d, note);
		break;
	case NOTE_EVICTED:
		log_write(d->log, LOG_LV_WARNING,
		    "too many deletes wait for an acknowledgement, the oldest %llu are forgotten: a peer "
		    "may keep dead flows until it asks for a resync",
		    count);
		break;
	case NOTE_SWEPT:
		log_write(d->log, LOG_LV_NOTICE,
		    "peer %s: %llu flows that it no longer has were removed",
		    peer_text(&note->peer, addr), count);
		break;
	case NOTE_RESYNC_DONE:
		log_write(d->log, LOG_LV_NOTICE, "peer %s: resync complete: %llu of its flows are here",
		    peer_text(&note->peer, addr), count);
		break;
	case NOTE_BULK_DONE:
		log_write(d->log, LOG_LV_INFO, "bulk update sent: %llu flows", count);
		break;
	case NOTE_BULK_ACKED:
		log_write(d->log, LOG_LV_INFO, "bulk update acknowledged: %llu flows", count);
		break;
	case NOTE_BULK_UNACKED:
		log_write(d->log, LOG_LV_WARNING,
		    "bulk update not acknowledged: %llu flows of it wait for a peer that does not answer",
		    count);
		break;
	case NOTE_COMMIT_DONE:
		commit_done(d, &note->commit);
		break;
	case NOTE_COMMIT_ERROR:
		log_flow(d, LOG_LV_ERROR, "commit-create", &note->flow, note->error);
		break;
	case NOTE_COMMIT_EXPECT_ERROR:
		log_expect(d, "commit-create", &note->expect, note->error);
		break;
	case NOTE_REHEARSED:
		role_rehearsed(d, note);
		break;
	case NOTE_COMMIT_CONFLICT:
		log_flow(d, LOG_LV_WARNING, "commit: an older kernel entry stood in the way, replaced",
		    &note->flow, 0);
		break;
	case NOTE_KERNEL_READ_NEEDED:
		read_again(d, note->read_why);
		break;
	case NOTE_KERNEL_READ_DONE:
		kernel_read_done(d, count);
		break;
	case NOTE_KERNEL_FLUSH_DONE:
		kernel_flush_done(d, count);
		break;
	case NOTE_LINK_ACTIVE:
	case NOTE_LINK_NONE:
		links_report(d, note);
		break;
	case NOTE_LOCAL_FULL:
		log_write(d->log, LOG_LV_ERROR,
		    "internal cache full: HashLimit is %llu; further flows are not replicated", count);
		break;
	case NOTE_EXPECTS_FULL:
		log_write(d->log, LOG_LV_ERROR,
		    "there are more than %llu expectations; further ones are not replicated", count);
		break;
	case NOTE_REMOTE_FULL:
		log_write(d->log, LOG_LV_ERROR,
		    "external cache full: HashLimit is %llu; further flows of peers are not kept",
		    count);
		break;
	}
}

void
report_notice(struct daemon *d, const struct notice *note)
{
	char addr[ADDR_TEXT];
	struct log_facts facts;

	record_notice(d, note);
	if (is_said_too_often(d, note->type, loop_now()))
		return;
	record_facts(d, note, &facts, addr);
	log_about(d->log, &facts);
	react(d, note);
	log_about(d->log, NULL);
}

void
report_counters(struct daemon *d)
{
	size_t count;
	const struct stats_row *rows = stats_rows(&count);
	const char *stats = (const char *)node_stats(d->node);

	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, stats + rows[i].offset, sizeof(value));
		if (value != 0)
			log_write(d->log, LOG_LV_INFO, "%s %llu (%s)", rows[i].name,
			    (unsigned long long)value, rows[i].help);
	}
}
