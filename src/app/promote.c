/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * promote.c: one order for each change of role, and what came of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "promote.h"
#include "readiness.h"
#include "render.h"

/* The reasons, eight failures with an example each, eight peers. */
enum { VERDICT_MAX = 16 * 1024 };

/* ---- why the kernel refuses ---- */

struct refusal {
	int error;
	const char *code; /* an interface: never renamed */
	const char *text;
};

static const struct refusal refusals[] = {
    {ENOMEM, "no-room", "the kernel's table is full (net.netfilter.nf_conntrack_max), or it has no memory"},
    {ENFILE, "no-room", "the kernel's table is full (net.netfilter.nf_conntrack_max)"},
    {EEXIST, "tuple-taken", "a newer flow of the kernel's has this one's tuple or NAT mapping"},
    {ENOENT, "not-there", "what it needs is not there: its master, or the entry that was to be changed"},
    {EINVAL, "invalid", "this kernel does not take it as the peer told it"},
    {EOPNOTSUPP, "not-supported", "this kernel lacks what it needs: a helper, a protocol"},
    {EBUSY, "went-on", "the kernel's entry has come further and cannot be set back"},
    {EPERM, "not-permitted", "the daemon may not write: CAP_NET_ADMIN"},
    {ETIMEDOUT, "no-answer", "the kernel did not answer"},
};

static void
write_refusal(struct json *j, int error)
{
	char code[24];

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (refusals[i].error != error)
			continue;
		jw_str(j, "code", refusals[i].code);
		jw_str(j, "text", refusals[i].text);
		return;
	}
	snprintf(code, sizeof(code), "errno-%d", error);
	jw_str(j, "code", code);
	jw_str(j, "text", strerror(error));
}

static void
write_failure(struct json *j, const struct commit_failure *f)
{
	char line[RENDER_FLOW_MAX];
	struct text t;

	text_init(&t, line, sizeof(line));
	if (f->of_expects)
		render_expect_brief(&t, &f->expect);
	else
		render_flow_brief(&t, &f->flow);
	jw_object(j, NULL);
	write_refusal(j, f->error);
	jw_str(j, "of", f->of_expects ? "expectations" : "flows");
	jw_u64(j, "count", f->count);
	jw_str(j, "example", line);
	jw_object_end(j);
}

static void
write_failures(struct json *j, const struct daemon *d, bool rehearsal)
{
	const struct commit_failure *f;

	jw_array(j, "failures");
	for (size_t i = 0; (f = node_commit_failure(d->node, rehearsal, i)) != NULL; i++)
		write_failure(j, f);
	jw_array_end(j);
}

/* ---- the verdict ---- */

static void
write_flows(struct json *j, const struct promotion *p)
{
	const struct commit_tally *t = &p->tally;

	jw_object(j, "flows");
	jw_u64(j, "total", t->total);
	jw_u64(j, "in_kernel", promotion_in_kernel(p));
	jw_u64(j, "created", t->created);
	jw_u64(j, "updated", t->updated);
	jw_u64(j, "replaced", t->replaced);
	jw_u64(j, "current", t->current);
	jw_u64(j, "degraded", t->degraded);
	jw_u64(j, "displaced", t->displaced);
	jw_u64(j, "expired", t->expired);
	jw_u64(j, "ended", t->ended);
	jw_u64(j, "failed", t->failed);
	jw_object_end(j);
	jw_object(j, "expectations");
	jw_u64(j, "created", t->expects_created);
	jw_u64(j, "failed", t->expects_failed);
	jw_object_end(j);
}

static void
write_replica(struct json *j, const struct daemon *d, const struct promotion *p)
{
	char buf[64];
	struct text t;

	jw_object(j, "replica");
	readiness_write(j, "readiness", d, &p->ready);
	jw_array(j, "peers");
	for (size_t i = 0; i < p->peers_count; i++) {
		const struct peer_view *v = &p->peers[i];

		text_init(&t, buf, sizeof(buf));
		text_addr(&t, v->addr.l3, &v->addr.addr);
		jw_object(j, NULL);
		jw_str(j, "address", buf);
		jw_bool(j, "heard", v->heard_lately);
		jw_i64(j, "heard_ms_ago", v->heard_ms_ago);
		jw_u64(j, "flows", v->flows);
		jw_bool(j, "in_sync", v->in_sync);
		jw_object_end(j);
	}
	jw_array_end(j);
	jw_object_end(j);
}

static void
write_role(struct json *j, const struct daemon *d)
{
	jw_object(j, "role");
	jw_str(j, "is", role_name(d->role.is));
	jw_i64(j, "since_s", ms_since(loop_now(), d->role.since) / 1000);
	jw_str(j, "by", d->role.by[0] != '\0' ? d->role.by : NULL);
	jw_object_end(j);
}

static const char *
result_name(enum promotion_result result)
{
	return result == PROMOTION_COMPLETE ? "complete"
	    : result == PROMOTION_FAILED ? "failed" : "complete-with-exceptions";
}

static void
write_verdict(struct json *j, const struct daemon *d, const struct promotion *p)
{
	jw_object(j, NULL);
	jw_str(j, "result", result_name(promotion_result(p)));
	jw_bool(j, "rehearsal", p->rehearsal);
	jw_bool(j, "already_master", p->again);
	jw_bool(j, "broken_off", p->broken_off);
	write_role(j, d);
	jw_i64(j, "took_us", p->took_us);
	jw_bool(j, "purge_cancelled", p->purge_cancelled);
	write_flows(j, p);
	write_failures(j, d, p->rehearsal);
	if (p->rehearsal && p->room >= 0)
		jw_i64(j, "room", p->room);
	else
		jw_null(j, "room");
	write_replica(j, d, p);
	jw_object_end(j);
	jw_end(j);
}

static int
exit_code(enum promotion_result result)
{
	return result == PROMOTION_COMPLETE ? 0 : result == PROMOTION_FAILED ? 1 : 2;
}

void
promote_answer(struct daemon *d, const struct promotion *p)
{
	static char buf[VERDICT_MAX];
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	write_verdict(&j, d, p);
	requests_answer_document(d, p->rehearsal ? WAIT_REHEARSAL : WAIT_PROMOTION, &t,
	    exit_code(promotion_result(p)));
}

void
answer_promote(const struct verb_call *v)
{
	struct daemon *d = v->d;
	bool rehearsal = verb_has(v, "dry-run");

	if (d->cfg->has_stats) {
		verb_fail(v, "a node in statistics mode has no peers, and no role");
		return;
	}
	if (!rehearsal)
		record_order(d, v->job, HISTORY_PROMOTE, "promote ordered");
	requests_wait(d, v->client, rehearsal ? WAIT_REHEARSAL : WAIT_PROMOTION);
	if (rehearsal)
		role_rehearse(d, "promote");
	else
		role_promote(d, "promote");
}

/* ---- demote ---- */

static void
say_demoted(struct daemon *d, const struct verb_call *v, ms_t now)
{
	static char buf[VERDICT_MAX];
	struct ready_view ready;
	struct text t;
	struct json j;
	bool backup = d->role.is == ROLE_BACKUP;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	role_ready_view(d, &ready, now);
	jw_object(&j, NULL);
	jw_str(&j, "result", !backup ? "failed" : ready.ready ? "in-sync" : "not-in-sync");
	write_role(&j, d);
	readiness_write(&j, "readiness", d, &ready);
	if (d->purge_at.ms != MS_NEVER.ms)
		jw_i64(&j, "purge_in_s", ms_since(d->purge_at, now) / 1000);
	else
		jw_null(&j, "purge_in_s");
	jw_object_end(&j);
	jw_end(&j);
	verb_answer(v, &t, !backup ? 1 : ready.ready ? 0 : 2);
}

/* A number of seconds; false if it is none. */
static bool
read_wait(const char *word, int64_t *wait_s)
{
	char *end;
	long value;

	*wait_s = 0;
	if (word == NULL)
		return true;
	errno = 0;
	value = strtol(word, &end, 10);
	*wait_s = value;
	return end != word && *end == '\0' && errno == 0 && value >= 0 && value <= DEMOTE_WAIT_S_MAX;
}

void
answer_demote(const struct verb_call *v)
{
	struct daemon *d = v->d;
	ms_t now = loop_now();
	int64_t wait_s;

	if (d->cfg->has_stats) {
		verb_fail(v, "a node in statistics mode has no peers, and no role");
		return;
	}
	if (!read_wait(verb_value(v, "wait"), &wait_s)) {
		verb_fail(v, "demote: wait takes 0 to %d seconds", DEMOTE_WAIT_S_MAX);
		return;
	}
	record_order(d, v->job, HISTORY_DEMOTE, "demote ordered");
	role_demote(d, "demote");
	if (wait_s == 0) {
		say_demoted(d, v, now);
		return;
	}
	requests_wait_until(d, v->client, v->job, ms_add(now, wait_s * 1000));
	d->role.look_at = ms_add(now, DEMOTE_LOOK_MS);
}

void
demote_look(struct daemon *d, ms_t now)
{
	struct ready_view ready;
	size_t i = 0;

	role_ready_view(d, &ready, now);
	while (i < d->waiters_count) {
		struct waiter w = d->waiters[i];
		struct verb_call v = {.d = d, .client = w.client, .job = w.job};

		if (w.what != WAIT_SYNC ||
		    (!ready.ready && d->role.is == ROLE_BACKUP && !ms_reached(now, w.until))) {
			d->role.look_at = w.what == WAIT_SYNC ? ms_add(now, DEMOTE_LOOK_MS) : d->role.look_at;
			i++;
			continue;
		}
		d->waiters[i] = d->waiters[--d->waiters_count];
		say_demoted(d, &v, now);
	}
}
