/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * requests.c: what clients of the control socket ask for.
 */
#include <stdio.h>

#include "render.h"
#include "state.h"
#include "verbs.h"

void
requests_wait(struct daemon *d, struct ctl_client *c, enum wait_for what)
{
	/* As many places as clients. */
	ASSERT(d->waiters_count < ARRAY_LEN(d->waiters));
	d->waiters[d->waiters_count++] = (struct waiter){.client = c, .what = what};
}

void
requests_wait_until(struct daemon *d, struct ctl_client *c, struct ctl_job *job, ms_t until)
{
	requests_wait(d, c, WAIT_SYNC);
	d->waiters[d->waiters_count - 1].job = job;
	d->waiters[d->waiters_count - 1].until = until;
}

void
requests_answer_document(struct daemon *d, enum wait_for what, const struct text *t, int exit_code)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->waiters_count; i++) {
		struct waiter w = d->waiters[i];
		struct verb_call v = {.d = d, .client = w.client};

		if (w.what == what)
			verb_answer(&v, t, exit_code);
		else
			d->waiters[kept++] = w;
	}
	d->waiters_count = kept;
}

void
requests_answer(struct daemon *d, enum wait_for what, int exit_code, const char *error)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->waiters_count; i++) {
		struct waiter w = d->waiters[i];

		if (w.what != what) {
			d->waiters[kept++] = w;
			continue;
		}
		if (error != NULL)
			ctl_err(w.client, "%s", error);
		/* The kernel has been read for it: what there is comes piece by piece. */
		if ((what == WAIT_SHOW || what == WAIT_DRAIN) && exit_code == 0)
			ctl_want_more(w.client);
		else
			ctl_finish(w.client, exit_code);
	}
	d->waiters_count = kept;
}

static void
gone(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct daemon *d = ctx;
	size_t kept = 0;

	(void)job;
	trace_gone(d, c);
	for (size_t i = 0; i < d->waiters_count; i++) {
		if (d->waiters[i].client != c)
			d->waiters[kept++] = d->waiters[i];
	}
	d->waiters_count = kept;
}

static struct stats_input
stats_input(const struct daemon *d)
{
	ms_t now = loop_now();

	return (struct stats_input){
	    .node = d->node,
	    .links = (const struct link *const *)d->links,
	    .links_count = d->links_count,
	    .link_active = d->link_active,
	    .uptime_s = ms_since(now, d->started) / 1000,
	    .netlink_rcvbuf = ctnl_rcvbuf(d->ctnl),
	    .netlink = *ctnl_counters(d->ctnl),
	    .ctl = *ctl_counters(d->ctl),
	    .kernel_flushes = d->kernel_flushes,
	    .no_internal = d->cfg->disable_internal,
	    .no_external = d->cfg->disable_external,
	    .now = now,
	};
}

static void
stats(struct daemon *d, struct ctl_client *c, enum stats_what what)
{
	struct stats_input in = stats_input(d);
	char buf[RENDER_STATS_MAX];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	render_stats(&t, what, &in);
	ctl_out(c, buf, t.len);
	if (what == STATS_RUNTIME)
		helpers_show(d, c);
	if (what == STATS_RSQUEUE && node_config(d->node)->mode == MODE_FTFW)
		ctl_want_more(c);
	else
		ctl_finish(c, 0);
}

/* Adds as many flows of a table as fit; the cursor is the client's own. */
static void
dump_flows(struct daemon *d, struct ctl_client *c, struct ctl_job *job)
{
	enum node_table table = job->request == CTL_DUMP_INTERNAL ||
		job->request == CTL_DUMP_INTERNAL_XML
	    ? TABLE_LOCAL
	    : TABLE_REMOTE;
	bool xml = job->request == CTL_DUMP_INTERNAL_XML || job->request == CTL_DUMP_EXTERNAL_XML;
	char buf[CTL_CHUNK_MAX];
	struct flow_view view;
	ms_t now = loop_now();
	struct text t;
	bool left = true;

	text_init(&t, buf, sizeof(buf));
	while (t.len + RENDER_FLOW_MAX <= sizeof(buf)) {
		left = node_next_flow(d->node, table, &job->cursor, &view, now);
		if (!left)
			break;
		if (xml)
			render_flow_xml(&t, table, &view);
		else if (table == TABLE_LOCAL && d->cfg->disable_internal)
			render_flow_kernel(&t, &view);
		else
			render_flow(&t, table, &view);
	}
	ctl_out(c, buf, t.len);
	if (!left)
		ctl_finish(c, 0);
}

/* The same of expectations. */
static void
dump_expects(struct daemon *d, struct ctl_client *c, struct ctl_job *job)
{
	bool xml = job->request == CTL_DUMP_INTERNAL_EXP_XML ||
	    job->request == CTL_DUMP_EXTERNAL_EXP_XML;
	enum node_table table = job->request == CTL_DUMP_INTERNAL_EXP ||
		job->request == CTL_DUMP_INTERNAL_EXP_XML
	    ? TABLE_LOCAL
	    : TABLE_REMOTE;
	char buf[CTL_CHUNK_MAX];
	struct expect_view view;
	struct text t;
	bool left = true;

	text_init(&t, buf, sizeof(buf));
	while (t.len + RENDER_FLOW_MAX <= sizeof(buf)) {
		left = node_next_expect(d->node, table, &job->cursor, &view, loop_now());
		if (!left)
			break;
		if (xml)
			render_expect_xml(&t, &view);
		else
			render_expect(&t, &view);
	}
	ctl_out(c, buf, t.len);
	if (!left)
		ctl_finish(c, 0);
}

static bool
is_expects_dump(uint32_t request)
{
	return request == CTL_DUMP_INTERNAL_EXP || request == CTL_DUMP_EXTERNAL_EXP ||
	    request == CTL_DUMP_INTERNAL_EXP_XML || request == CTL_DUMP_EXTERNAL_EXP_XML;
}

static void
more(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct daemon *d = ctx;
	char buf[CTL_CHUNK_MAX];
	struct text t;
	bool left;

	if (job->request == CTL_VERB) {
		verbs_more(d, c, job);
		return;
	}
	if (is_expects_dump(job->request)) {
		dump_expects(d, c, job);
		return;
	}
	if (job->request != CTL_STATS_RSQUEUE) {
		dump_flows(d, c, job);
		return;
	}
	text_init(&t, buf, sizeof(buf));
	left = render_unacked(&t, d->node, &job->cursor);
	ctl_out(c, buf, t.len);
	if (!left)
		ctl_finish(c, 0);
}

static void
flush_caches(struct daemon *d, bool internal, bool external)
{
	ms_t now = loop_now();

	if (internal)
		d->purge_at = MS_NEVER;
	log_write(d->log, LOG_LV_NOTICE, "%s",
	    internal && external ? "flushing caches"
		: internal	 ? "flushing internal cache"
				 : "flushing external cache");
	/* Of a cache that is disabled there is nothing to flush: the kernel's table is not meant. */
	if (internal && !d->cfg->disable_internal)
		node_command(d->node, CMD_FLUSH_INTERNAL, now);
	if (external && !d->cfg->disable_external)
		node_command(d->node, CMD_FLUSH_EXTERNAL, now);
}

void
orders_purge_later(struct daemon *d)
{
	if (d->purge_at.ms != MS_NEVER.ms)
		return;
	log_write(d->log, LOG_LV_NOTICE, "flushing conntrack table in %u secs",
	    d->cfg->purge_timeout_s);
	history_add(d, HISTORY_PURGE_SET, "the kernel's table will be flushed in %u s",
	    d->cfg->purge_timeout_s);
	d->purge_at = ms_add(loop_now(), (int64_t)d->cfg->purge_timeout_s * 1000);
}

void
orders_commit(struct daemon *d, enum node_cmd cmd)
{
	d->purge_at = MS_NEVER;
	if (d->commit_began_us != 0) {
		log_write(d->log, LOG_LV_NOTICE, "commit already in progress, skipping");
		return;
	}
	d->commit_began_us = loop_now_us();
	if (cmd != CMD_COMMIT_EXPECTS)
		gatekeeper_close(d);
	log_write(d->log, LOG_LV_NOTICE, "%s",
	    cmd == CMD_TAKE_OVER	   ? "committing all external caches, to take over"
		: cmd == CMD_COMMIT_FLOWS  ? "committing conntrack cache"
		: cmd == CMD_COMMIT_EXPECTS ? "committing expectation cache"
					    : "committing all external caches");
	node_command(d->node, cmd, loop_now());
}

/* What concerns expectations, where they are replicated; elsewhere there is nothing to do. */
static enum wait_for
order_expects(struct daemon *d, uint32_t request)
{
	if (d->cfg->node.expects == 0)
		return WAIT_NOTHING;
	switch (request) {
	case CTL_COMMIT_EXP:
		orders_commit(d, CMD_COMMIT_EXPECTS);
		return WAIT_COMMIT;
	case CTL_RESYNC_KERNEL_EXP:
		log_write(d->log, LOG_LV_NOTICE, "resync with master expect table");
		want_read(d, READ_RESYNC);
		return WAIT_READ;
	case CTL_FLUSH_KERNEL_EXP:
		log_write(d->log, LOG_LV_NOTICE, "flushing kernel expect table");
		want_read(d, READ_FLUSH_EXPECTS);
		return WAIT_FLUSH;
	default:
		return WAIT_NOTHING;
	}
}

/* Orders: those that are done at once are finished by the caller. */
static enum wait_for
order(struct daemon *d, uint32_t request)
{
	ms_t now = loop_now();

	switch (request) {
	case CTL_COMMIT:
	case CTL_COMMIT_CT:
		orders_commit(d, request == CTL_COMMIT_CT ? CMD_COMMIT_FLOWS : CMD_COMMIT);
		return WAIT_COMMIT;
	case CTL_RESYNC_KERNEL:
	case CTL_RESYNC_KERNEL_CT:
		log_write(d->log, LOG_LV_NOTICE, "resync with master conntrack table");
		if (request == CTL_RESYNC_KERNEL && d->cfg->node.expects > 0)
			log_write(d->log, LOG_LV_NOTICE, "resync with master expect table");
		want_read(d, READ_RESYNC);
		return WAIT_READ;
	case CTL_FLUSH_KERNEL:
	case CTL_FLUSH_KERNEL_CT:
		log_write(d->log, LOG_LV_NOTICE, "flushing kernel conntrack table");
		want_read(d, READ_FLUSH);
		return WAIT_FLUSH;
	case CTL_FLUSH_CACHES:
	case CTL_FLUSH_CACHES_OLD:
		flush_caches(d, true, true);
		break;
	case CTL_FLUSH_INTERNAL:
		flush_caches(d, true, false);
		break;
	case CTL_FLUSH_EXTERNAL:
		flush_caches(d, false, true);
		break;
	case CTL_BULK:
		node_command(d->node, CMD_BULK, now);
		break;
	case CTL_REQUEST_RESYNC:
		role_infer(d, ROLE_BACKUP, "-n");
		node_command(d->node, CMD_REQUEST_RESYNC, now);
		break;
	case CTL_PURGE_TIMER:
		role_infer(d, ROLE_BACKUP, "-t");
		orders_purge_later(d);
		break;
	case CTL_KILL:
		d->stopping = true;
		return WAIT_STOP;
	default:
		return order_expects(d, request);
	}
	return WAIT_NOTHING;
}

/* -s and what it shows; false if the request is no statistic. */
static bool
is_stats(uint32_t request, enum stats_what *what)
{
	static const struct {
		uint32_t request;
		enum stats_what what;
	} rows[] = {
	    {CTL_STATS, STATS_GENERAL}, {CTL_STATS_NETWORK, STATS_NETWORK},
	    {CTL_STATS_CACHE, STATS_CACHE}, {CTL_STATS_RUNTIME, STATS_RUNTIME},
	    {CTL_STATS_LINK, STATS_LINK}, {CTL_STATS_RSQUEUE, STATS_RSQUEUE},
	    {CTL_STATS_QUEUE, STATS_QUEUE}, {CTL_STATS_PROCESS, STATS_PROCESS},
	    {CTL_STATS_EXPECT, STATS_EXPECT}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].request == request) {
			*what = rows[i].what;
			return true;
		}
	}
	return false;
}

/* What concerns peers and their flows: in Stats mode there is neither, and nothing to do. */
static bool
is_of_peers(uint32_t request)
{
	return request == CTL_COMMIT || request == CTL_COMMIT_CT || request == CTL_FLUSH_EXTERNAL ||
	    request == CTL_BULK || request == CTL_REQUEST_RESYNC;
}

/* -i and -e. */
static void
dump(struct daemon *d, struct ctl_client *c, uint32_t request)
{
	bool internal = request == CTL_DUMP_INTERNAL || request == CTL_DUMP_INTERNAL_XML;

	if (internal && d->cfg->disable_internal) {
		/* What the kernel has, timeouts too, as it has it now. */
		want_read(d, READ_SHOW);
		requests_wait(d, c, WAIT_SHOW);
	} else if (!internal && d->cfg->disable_external) {
		ctl_finish(c, 0);
	} else {
		ctl_want_more(c);
	}
}

/* The flight recorder is to know of all that changes something, and on whose order. */
static void
record_request(struct daemon *d, const struct ctl_job *job)
{
	static const struct {
		uint32_t request;
		enum history_code code;
		const char *text;
	} rows[] = {
	    {CTL_COMMIT, HISTORY_COMMIT, "commit ordered"},
	    {CTL_COMMIT_CT, HISTORY_COMMIT, "commit ordered, of flows"},
	    {CTL_COMMIT_EXP, HISTORY_COMMIT, "commit ordered, of expectations"},
	    {CTL_FLUSH_KERNEL, HISTORY_FLUSH, "flush of the kernel's table ordered"},
	    {CTL_FLUSH_KERNEL_CT, HISTORY_FLUSH, "flush of the kernel's flows ordered"},
	    {CTL_FLUSH_KERNEL_EXP, HISTORY_FLUSH, "flush of the kernel's expectations ordered"},
	    {CTL_FLUSH_CACHES, HISTORY_FLUSH, "flush of both caches ordered"},
	    {CTL_FLUSH_CACHES_OLD, HISTORY_FLUSH, "flush of both caches ordered"},
	    {CTL_FLUSH_INTERNAL, HISTORY_FLUSH, "flush of the internal cache ordered"},
	    {CTL_FLUSH_EXTERNAL, HISTORY_FLUSH, "flush of the external cache ordered"},
	    {CTL_RESYNC_KERNEL, HISTORY_COMMAND, "read of the kernel's table ordered"},
	    {CTL_RESYNC_KERNEL_CT, HISTORY_COMMAND, "read of the kernel's flows ordered"},
	    {CTL_RESYNC_KERNEL_EXP, HISTORY_COMMAND, "read of the kernel's expectations ordered"},
	    {CTL_BULK, HISTORY_COMMAND, "bulk update ordered"},
	    {CTL_REQUEST_RESYNC, HISTORY_COMMAND, "resync with the peers ordered"},
	    {CTL_PURGE_TIMER, HISTORY_COMMAND, "flush of the kernel's table ordered for later"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].request == job->request)
			record_order(d, job, rows[i].code, "%s", rows[i].text);
	}
}

static void
request(void *ctx, struct ctl_client *c, struct ctl_job *job)
{
	struct daemon *d = ctx;
	enum stats_what what;
	enum wait_for wait;

	if (d->stopping) {
		/* What an answer would be made of is being taken down. */
		if (job->request != CTL_KILL)
			ctl_err(c, "the daemon is stopping");
		ctl_finish(c, job->request != CTL_KILL);
		return;
	}
	if (job->request == CTL_VERB) {
		verbs_request(d, c, job);
		return;
	}
	if (d->cfg->has_stats && is_of_peers(job->request)) {
		ctl_finish(c, 0);
		return;
	}
	record_request(d, job);
	if (is_stats(job->request, &what)) {
		stats(d, c, what);
		return;
	}
	switch (job->request) {
	case CTL_DUMP_INTERNAL:
	case CTL_DUMP_INTERNAL_XML:
	case CTL_DUMP_EXTERNAL:
	case CTL_DUMP_EXTERNAL_XML:
		dump(d, c, job->request);
		return;
	case CTL_DUMP_INTERNAL_EXP:
	case CTL_DUMP_EXTERNAL_EXP:
	case CTL_DUMP_INTERNAL_EXP_XML:
	case CTL_DUMP_EXTERNAL_EXP_XML:
		ctl_want_more(c);
		return;
	default:
		break;
	}
	wait = order(d, job->request);
	if (wait == WAIT_NOTHING)
		ctl_finish(c, 0);
	else
		requests_wait(d, c, wait);
}

struct ctl_ops
requests_ops(struct daemon *d)
{
	return (struct ctl_ops){.request = request, .more = more, .gone = gone, .ctx = d};
}
