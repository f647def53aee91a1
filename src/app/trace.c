/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c: `conntrackd trace': what is known of a flow, and what happens to it.
 *
 * The answer is a document in one line.  If the flow is followed, a line with a document for each step
 * comes after it, as it happens.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "render.h"
#include "tuple.h"
#include "verbs.h"

enum {
	WORDS_MAX = 16,
	FLOWS_SHOWN = 20,      /* of each table */
	WALK_STEP = 4096,      /* entries that are looked at between two turns */
	ELEMENT_MAX = 4096,    /* bytes of one flow as JSON, at most */
	LINE_MAX_BYTES = 2048, /* of one step */
	FOLLOW_S_MAX = 3600,
	FOLLOW_S = 60,
};

/* What comes next of an answer, in this order; ctl_job.step has it, and how many flows were shown. */
enum part { PART_INTERNAL, PART_EXTERNAL, PART_KERNEL };

static unsigned int
shown(const struct ctl_job *job)
{
	return job->step / 4;
}

static enum part
part_of(const struct ctl_job *job)
{
	return (enum part)(job->step % 4);
}

static int64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The tuple that the words say; false, and the client has been told. */
static bool
parse(const struct verb_call *v, struct flow_tuple *t)
{
	const char *words[WORDS_MAX], *w = v->job->words;
	size_t count = 0;
	char why[128];

	while ((w = ctl_words_next(v->job->words, v->job->words_len, w)) != NULL) {
		if (strcmp(w, "follow") == 0 || strncmp(w, "seconds=", 8) == 0)
			continue;
		if (count == WORDS_MAX) {
			verb_fail(v, "trace: too many words");
			return false;
		}
		words[count++] = w;
	}
	if (tuple_parse(words, count, t, why, sizeof(why)))
		return true;
	verb_fail(v, "trace: %s", why);
	return false;
}

/* ---- one flow as JSON ---- */

static void
write_line(struct json *j, const char *key, const struct flow *f)
{
	char line[RENDER_FLOW_MAX];
	struct flow whole = *f;
	struct text t;

	/* That of a peer's flow was made from its mapping. */
	whole.has |= HAS_REPLY;
	text_init(&t, line, sizeof(line));
	render_flow_brief(&t, &whole);
	jw_str(j, key, line);
}

static void
write_peers(struct json *j, const char *key, const struct daemon *d, uint8_t bits)
{
	struct peer_view p;
	char buf[64];
	struct text t;

	jw_array(j, key);
	for (size_t i = 0; node_peer_view(d->node, i, &p, loop_now()); i++) {
		if (!(bits & (1u << p.slot)))
			continue;
		text_init(&t, buf, sizeof(buf));
		text_addr(&t, p.addr.l3, &p.addr.addr);
		jw_str(j, NULL, buf);
	}
	jw_array_end(j);
}

/* The same flow in two documents, and in two tables: original tuple and zone. */
static void
write_key(struct json *j, const struct flow *f)
{
	struct flow_tuple key = {.key = f->key, .has = TUPLE_L4 | TUPLE_SRC | TUPLE_DST | TUPLE_ZONE};
	char buf[TUPLE_TEXT_MAX];
	struct text t;

	if (f->has & (HAS_PORTS | HAS_ICMP))
		key.has |= TUPLE_SPORT |
		    (flow_l4_is_icmp(f->key.l4) ? TUPLE_TYPE | TUPLE_CODE : TUPLE_DPORT);
	text_init(&t, buf, sizeof(buf));
	tuple_render(&t, &key);
	jw_str(j, "key", buf);
}

static void
write_kernel_flow(struct json *j, const char *key, const struct flow *f)
{
	jw_object(j, key);
	write_key(j, f);
	write_line(j, "flow", f);
	if (f->has & HAS_TIMEOUT)
		jw_u64(j, "timeout_s", f->timeout_s);
	jw_u64(j, "status", f->status);
	jw_object_end(j);
}

/* What the kernel has of this key now. */
static void
write_kernel(struct json *j, struct daemon *d, const struct flow *f)
{
	struct kernel_op op = {.type = KOP_GET, .flow = *f};
	struct kernel_result res;

	op.flow.has &= ~(uint32_t)HAS_ID;
	ctnl_write(d->ctnl, &op, 1, &res);
	if (res.error == 0 && res.has_flow) {
		write_kernel_flow(j, "kernel", &res.flow);
		return;
	}
	jw_null(j, "kernel");
	if (res.error != 0 && res.error != ENOENT)
		jw_str(j, "kernel_error", strerror(res.error));
}

static void
write_local(struct json *j, const struct daemon *d, const struct entry_view *v)
{
	static const char *const waits[] = {
	    [ENTRY_WAITS_NOT] = "no",
	    [ENTRY_WAITS_SEND] = "to-be-sent",
	    [ENTRY_WAITS_ACK] = "to-be-acknowledged",
	};

	jw_str(j, "origin", v->live ? "kernel" : v->committed ? "written-by-us" : "read-from-kernel");
	jw_u64(j, "timeout_left_s", v->timeout_left_s);
	jw_str(j, "waits", waits[v->wait]);
	if (v->announced && v->wait != ENTRY_WAITS_SEND)
		jw_u64(j, "sent_seq", v->seq);
	if (v->wait == ENTRY_WAITS_ACK) {
		write_peers(j, "not_acknowledged_by", d, v->lacks);
		jw_i64(j, "sent_s_ago_at_least", v->sent_s);
	}
	jw_bool(j, "announced", v->announced);
}

static void
write_remote(struct json *j, const struct daemon *d, const struct entry_view *v)
{
	write_peers(j, "owner", d, v->slot < NODE_PEERS_MAX ? (uint8_t)(1u << v->slot) : 0);
	jw_i64(j, "told_ms_ago", v->told_ms);
	jw_u64(j, "received_seq", v->seq);
	jw_bool(j, "waits_for_kernel", v->to_write);
	if (v->expires_s >= 0)
		jw_i64(j, "expires_s", v->expires_s);
}

static void
write_entry(struct json *j, struct daemon *d, enum part part, const struct entry_view *v)
{
	jw_object(j, NULL);
	write_key(j, &v->flow);
	write_line(j, "flow", &v->flow);
	jw_i64(j, "age_ms", v->age_ms);
	jw_i64(j, "changed_ms_ago", v->changed_ms);
	jw_bool(j, "ended", v->dead);
	if (part == PART_INTERNAL)
		write_local(j, d, v);
	else
		write_remote(j, d, v);
	write_kernel(j, d, &v->flow);
	jw_object_end(j);
}

/* ---- the document ---- */

/* Entries of a table that match, from where the walk is: as many as there is room and time for. */
static bool
walk(struct verb_call v, const struct flow_tuple *t, struct text *out)
{
	enum part part = part_of(v.job);
	enum node_table table = part == PART_INTERNAL ? TABLE_LOCAL : TABLE_REMOTE;
	struct entry_view view;
	ms_t now = loop_now();

	for (unsigned int i = 0; i < WALK_STEP; i++) {
		struct json j;

		if (out->cap - out->len < ELEMENT_MAX)
			return true;
		if (shown(v.job) > FLOWS_SHOWN ||
		    !node_next_entry(v.d->node, table, &v.job->cursor, &view, now))
			return false;
		if (!tuple_matches(t, &view.flow))
			continue;
		v.job->step += 4;
		if (shown(v.job) > FLOWS_SHOWN)
			return false;
		if (shown(v.job) > 1)
			text_str(out, ",");
		jw_init(&j, out);
		write_entry(&j, v.d, part, &view);
	}
	return true;
}

/* Who has this tuple in the kernel, in either direction, as it is and turned round? */
static void
write_asked(struct json *j, struct daemon *d, const struct flow_tuple *t)
{
	struct flow_key key = t->key;
	struct flow_reply ways[2];
	struct kernel_op ops[2];
	struct kernel_result res[2];

	if (flow_l4_is_icmp(key.l4) && !(t->has & TUPLE_TYPE)) {
		uint8_t echo[2] = {key.l4 == L4_ICMP ? 8 : 128, 0};

		memcpy(&key.dport, echo, sizeof(echo));
	}
	ways[0] = (struct flow_reply){.src = key.src, .dst = key.dst, .sport = key.sport, .dport = key.dport};
	flow_invert(&key, &ways[1]);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		const uint32_t ports = flow_l4_is_icmp(key.l4) ? HAS_ICMP : HAS_PORTS;

		ops[i] = (struct kernel_op){.type = KOP_GET_REPLY, .cookie = (uint32_t)i};
		ops[i].flow.key = key;
		ops[i].flow.reply = ways[i];
		ops[i].flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | ports;
	}
	ctnl_write(d->ctnl, ops, ARRAY_LEN(ops), res);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		bool again = i == 1 && res[0].error == 0 && res[0].has_flow &&
		    flow_key_equal(&res[0].flow.key, &res[1].flow.key);

		if (res[i].error == 0 && res[i].has_flow && !again)
			write_kernel_flow(j, NULL, &res[i].flow);
	}
}

static void
write_head(struct text *out, const struct flow_tuple *t)
{
	char buf[TUPLE_TEXT_MAX];
	struct text tuple;

	text_init(&tuple, buf, sizeof(buf));
	tuple_render(&tuple, t);
	/* What is in it needs no escapes. */
	text_add(out, "{\"tuple\":\"%s\",\"time_ms\":%lld,\"internal\":[", buf,
	    (long long)wall_ms());
}

static void
write_tail(const struct verb_call *v, const struct flow_tuple *t, struct text *out)
{
	struct json j;

	text_str(out, "\"kernel\":");
	jw_init(&j, out);
	jw_array(&j, NULL);
	if (tuple_is_whole(t))
		write_asked(&j, v->d, t);
	jw_array_end(&j);
	text_str(out, ",\"kernel_asked\":");
	text_str(out, tuple_is_whole(t) ? "true}\n" : "false}\n");
}

static struct follower *
follower_of(struct daemon *d, const struct ctl_client *c)
{
	for (size_t i = 0; i < ARRAY_LEN(d->followers); i++) {
		if (d->followers[i].client == c)
			return &d->followers[i];
	}
	return NULL;
}

void
more_trace(const struct verb_call *v)
{
	struct follower *follower = follower_of(v->d, v->client);
	char buf[CTL_CHUNK_MAX];
	struct flow_tuple t;
	struct text out;

	/* From here on steps come by themselves. */
	if ((follower != NULL && follower->streams) || !parse(v, &t))
		return;
	text_init(&out, buf, sizeof(buf));
	if (v->job->owner == NULL) {
		write_head(&out, &t);
		v->job->owner = v->d; /* it has begun */
	}
	if (part_of(v->job) != PART_KERNEL && !walk(*v, &t, &out)) {
		text_add(&out, "],\"%s_more\":%s,", part_of(v->job) == PART_INTERNAL ? "internal" : "external",
		    shown(v->job) > FLOWS_SHOWN ? "true" : "false");
		v->job->step = part_of(v->job) + 1;
		v->job->cursor = 0;
		if (part_of(v->job) == PART_EXTERNAL)
			text_str(&out, "\"external\":[");
	}
	if (part_of(v->job) == PART_KERNEL && out.cap - out.len >= ELEMENT_MAX + ELEMENT_MAX) {
		write_tail(v, &t, &out);
		ctl_out(v->client, buf, out.len);
		if (follower != NULL)
			follower->streams = true;
		else
			ctl_finish(v->client, 0);
		return;
	}
	/* Whoever adds nothing is not asked again. */
	if (out.len == 0)
		text_str(&out, " ");
	ctl_out(v->client, buf, out.len);
}

/* ---- following ---- */

static bool
parse_seconds(const char *s, int64_t *out)
{
	char *end;
	long value;

	*out = FOLLOW_S;
	if (s == NULL)
		return true;
	value = strtol(s, &end, 10);
	*out = value;
	return s[0] >= '0' && s[0] <= '9' && *end == '\0' && value >= 1 && value <= FOLLOW_S_MAX;
}

/* False, and the client has been told. */
static bool
begin_follow(const struct verb_call *v, const struct flow_tuple *t)
{
	struct follower *f = follower_of(v->d, NULL);
	int64_t seconds;
	int which;

	if (!parse_seconds(verb_value(v, "seconds"), &seconds)) {
		verb_fail(v, "trace: seconds are a number from 1 to %d", FOLLOW_S_MAX);
		return false;
	}
	if (!tuple_is_whole(t)) {
		verb_fail(v, "trace: to follow a flow the whole tuple is needed: protocol, addresses, ports");
		return false;
	}
	which = f != NULL ? node_follow(v->d->node, t) : -1;
	if (which < 0) {
		verb_fail(v, "trace: %d flows are followed already, which are as many as there can be", FOLLOW_MAX);
		return false;
	}
	*f = (struct follower){
	    .client = v->client, .which = which, .until = ms_add(loop_now(), seconds * 1000)};
	return true;
}

void
answer_trace(const struct verb_call *v)
{
	struct flow_tuple t;

	if (!parse(v, &t) || (verb_has(v, "follow") && !begin_follow(v, &t)))
		return;
	ctl_want_more(v->client);
}

void
trace_gone(struct daemon *d, const struct ctl_client *c)
{
	struct follower *f = follower_of(d, c);

	if (f == NULL)
		return;
	node_unfollow(d->node, f->which);
	*f = (struct follower){.client = NULL};
}

ms_t
trace_deadline(const struct daemon *d)
{
	ms_t at = MS_NEVER;

	for (size_t i = 0; i < ARRAY_LEN(d->followers); i++) {
		if (d->followers[i].client != NULL && d->followers[i].streams)
			at = ms_earlier(at, d->followers[i].until);
	}
	return at;
}

static const char *
step_name(enum follow_step step)
{
	static const char *const names[] = {
	    [STEP_EVENT_NEW] = "event-new",
	    [STEP_EVENT_UPDATE] = "event-update",
	    [STEP_EVENT_DESTROY] = "event-destroy",
	    [STEP_FILTERED] = "filtered",
	    [STEP_READ] = "read",
	    [STEP_SENT] = "sent",
	    [STEP_ACKED] = "acknowledged",
	    [STEP_NACKED] = "asked-again",
	    [STEP_RECEIVED] = "received",
	    [STEP_OVERTAKEN] = "overtaken",
	    [STEP_NOT_OWNER] = "not-owner",
	    [STEP_UNKNOWN_END] = "unknown-end",
	    [STEP_NO_ROOM] = "no-room",
	    [STEP_REPLICA_GONE] = "replica-gone",
	    [STEP_ASKED] = "kernel-request",
	    [STEP_ANSWERED] = "kernel-answer",
	    [STEP_LEFT] = "left",
	    [STEP_RUN_OUT] = "run-out",
	};

	return names[step];
}

static const char *
op_name(uint8_t op)
{
	static const char *const names[] = {
	    [KOP_CREATE] = "create", [KOP_UPDATE] = "update", [KOP_REPLACE] = "replace",
	    [KOP_DELETE] = "delete", [KOP_GET] = "get", [KOP_GET_REPLY] = "get-reply"};

	return op < ARRAY_LEN(names) ? names[op] : "";
}

/* How far the kernel has seen it come. */
static const char *
seen_name(uint32_t status)
{
	return status & ST_ASSURED ? "assured" : status & ST_SEEN_REPLY ? "replied" : "unreplied";
}

static void
write_step(struct json *j, const struct daemon *d, const struct follow_note *n)
{
	static const char *const messages[] = {
	    [MESSAGE_NEW] = "new", [MESSAGE_UPDATE] = "update", [MESSAGE_DELETE] = "delete"};

	jw_object(j, NULL);
	jw_i64(j, "time_ms", wall_ms());
	jw_str(j, "step", step_name(n->step));
	if (n->step >= STEP_SENT && n->step <= STEP_NO_ROOM)
		jw_u64(j, "seq", n->seq);
	if (n->step == STEP_SENT || (n->step >= STEP_RECEIVED && n->step <= STEP_NO_ROOM))
		jw_str(j, "message", messages[n->message]);
	if (n->peer != 0)
		write_peers(j, "peers", d, n->peer);
	if (n->step == STEP_ASKED || n->step == STEP_ANSWERED)
		jw_str(j, "op", op_name(n->op));
	if (n->step == STEP_ANSWERED) {
		jw_u64(j, "errno", (uint64_t)n->error);
		jw_str(j, "error", n->error != 0 ? strerror(n->error) : NULL);
	}
	jw_str(j, "state", render_state(&n->flow));
	jw_str(j, "seen", seen_name(n->flow.status));
	write_key(j, &n->flow);
	write_line(j, "flow", &n->flow);
	jw_object_end(j);
	jw_end(j);
}

static void
tell_step(struct daemon *d, const struct follow_note *n)
{
	char buf[LINE_MAX_BYTES];
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	write_step(&j, d, n);
	for (size_t i = 0; i < ARRAY_LEN(d->followers); i++) {
		struct follower *f = &d->followers[i];

		if (f->client == NULL || !(n->follows & (1u << f->which)))
			continue;
		/* Until the document is out; and who does not read for long misses steps. */
		if (!f->streams || t.overflow || !ctl_out(f->client, buf, t.len))
			f->lost++;
	}
}

static void
end_follow(struct daemon *d, struct follower *f)
{
	struct ctl_client *c = f->client;
	char buf[128];
	struct text t;
	struct json j;

	text_init(&t, buf, sizeof(buf));
	jw_init(&j, &t);
	jw_object(&j, NULL);
	jw_i64(&j, "time_ms", wall_ms());
	jw_str(&j, "step", "end");
	jw_u64(&j, "lost", f->lost);
	jw_object_end(&j);
	jw_end(&j);
	trace_gone(d, c);
	ctl_out(c, buf, t.len);
	ctl_finish(c, 0);
}

void
trace_turn(struct daemon *d, ms_t now)
{
	struct follow_note n;

	while (node_pull_step(d->node, &n))
		tell_step(d, &n);
	for (size_t i = 0; i < ARRAY_LEN(d->followers); i++) {
		struct follower *f = &d->followers[i];

		if (f->client != NULL && f->streams && ms_reached(now, f->until))
			end_follow(d, f);
	}
}
