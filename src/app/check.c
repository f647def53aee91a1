/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c: this node's part of `conntrackd check': what it is configured to know, and what it knows, as a
 * stream.  The comparison is the client's: it reads the kernel's table itself, so that none of its work
 * delays replication.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "flow_record.h"
#include "verbs.h"

enum {
	FACTS_MAX = 4096,
	DRAIN_MS = 2000, /* so long a stream waits for the events that are there to be read */
	STEP_END = 2,
};

/* Whose kernel this is: two processes that say the same share it. */
static void
write_netns(struct json *j)
{
	struct stat st;
	bool known = stat("/proc/self/ns/net", &st) == 0;

	jw_u64(j, "netns", known ? (uint64_t)st.st_ino : 0);
}

static void
write_peers(struct json *j, const struct daemon *d)
{
	struct peer_view v;
	struct text t;
	char buf[64];

	jw_array(j, "peers");
	for (size_t i = 0; node_peer_view(d->node, i, &v, loop_now()); i++) {
		text_init(&t, buf, sizeof(buf));
		text_addr(&t, v.addr.l3, &v.addr.addr);
		jw_object(j, NULL);
		jw_u64(j, "slot", v.slot);
		jw_str(j, "address", buf);
		jw_bool(j, "heard", v.heard_lately);
		jw_i64(j, "heard_ms_ago", v.heard_ms_ago);
		jw_bool(j, "in_sync", v.in_sync);
		jw_object_end(j);
	}
	jw_array_end(j);
}

static void
answer_facts(const struct verb_call *v)
{
	const struct daemon *d = v->d;
	const struct node_cfg *cfg = node_config(d->node);
	const struct node_stats *stats = node_stats(d->node);
	bool reread = d->overrun_read_at.ms != MS_NEVER.ms ||
	    ((d->read_active | d->read_wanted) & (READ_OVERRUN | READ_START)) != 0;
	char buf[FACTS_MAX], print[24];
	struct text t;
	struct json j;

	snprintf(print, sizeof(print), "%016llx", (unsigned long long)filter_print(&cfg->filter));
	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	jw_object(&j, NULL);
	jw_u64(&j, "format", FLOW_RECORD_FORMAT);
	jw_bool(&j, "replicates", cfg->mode != MODE_STATS);
	jw_bool(&j, "acknowledged", cfg->mode == MODE_FTFW);
	jw_bool(&j, "write_through", cfg->write_through);
	jw_u64(&j, "poll_s", d->cfg->poll_s);
	jw_str(&j, "filter", print);
	write_netns(&j);
	jw_bool(&j, "reread_pending", reread);
	jw_u64(&j, "overruns", stats->kernel_overruns);
	jw_u64(&j, "internal_full", stats->local_full);
	jw_u64(&j, "external_full", stats->remote_full);
	jw_u64(&j, "commits", stats->commits);
	write_peers(&j, d);
	jw_object_end(&j);
	jw_end(&j);
	verb_answer(v, &t, 0);
}

/* ---- the stream ---- */

void
answer_check(const struct verb_call *v)
{
	if (!verb_has(v, "flows")) {
		answer_facts(v);
		return;
	}
	/* What the client has seen in the kernel is told by events that may still be unread. */
	if (v->d->drain_until.ms == MS_NEVER.ms)
		v->d->drain_until = ms_add(loop_now(), DRAIN_MS);
	requests_wait(v->d, v->client, WAIT_DRAIN);
}

void
check_drained(struct daemon *d, ms_t now)
{
	if (d->drain_until.ms == MS_NEVER.ms)
		return;
	if (d->events_left && !ms_reached(now, d->drain_until))
		return;
	d->drain_late = d->events_left;
	d->drain_until = MS_NEVER;
	requests_answer(d, WAIT_DRAIN, 0, NULL);
}

/* The next record of the client's walk: flows of ours, the peers', the end. */
static bool
next_record(struct daemon *d, struct ctl_job *job, struct flow_record *r, ms_t now)
{
	memset(r, 0, sizeof(*r));
	while (job->step < STEP_END) {
		enum node_table table = job->step == 0 ? TABLE_LOCAL : TABLE_REMOTE;

		r->kind = job->step == 0 ? RECORD_LOCAL : RECORD_REMOTE;
		if (node_next_entry(d->node, table, &job->cursor, &r->v, now))
			return true;
		job->step++;
		job->cursor = 0;
	}
	r->kind = RECORD_END;
	r->drained = !d->drain_late;
	return false;
}

void
more_check(const struct verb_call *v)
{
	uint8_t buf[CTL_CHUNK_MAX];
	struct flow_record r;
	ms_t now = loop_now();
	struct wbuf wb;
	bool left = true;

	wbuf_init(&wb, buf, sizeof(buf));
	while (left && wbuf_left(&wb) >= FLOW_RECORD_MAX) {
		left = next_record(v->d, v->job, &r, now);
		flow_record_write(&wb, &r);
	}
	ctl_out(v->client, buf, wbuf_len(&wb));
	if (!left)
		ctl_finish(v->client, 0);
}
