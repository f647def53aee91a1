/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows.c: the tables as JSON: an array, an object and a line for each flow or expectation.  It may be a million of
 * them: written as the client takes them.
 */
#include "render_json.h"
#include "verbs.h"

/* Of a client's walk, in ctl_job.step: has the array begun, and has it an element? */
enum { STEP_NEW, STEP_BEGUN, STEP_FILLED };

static enum node_table
table_of(const struct verb_call *v)
{
	return verb_has(v, "external") ? TABLE_REMOTE : TABLE_LOCAL;
}

static bool
next_flow(struct json *j, const struct verb_call *v, enum node_table table, ms_t now)
{
	struct flow_view view;

	if (table == TABLE_REMOTE && v->d->cfg->disable_external)
		return false;
	if (!node_next_flow(v->d->node, table, &v->job->cursor, &view, now))
		return false;
	render_flow_json(j, table, &view);
	return true;
}

static bool
next_expect(struct json *j, const struct verb_call *v, enum node_table table, ms_t now)
{
	struct expect_view view;

	if (!node_next_expect(v->d->node, table, &v->job->cursor, &view, now))
		return false;
	render_expect_json(j, table, &view);
	return true;
}

static bool
next_unacked(struct json *j, const struct verb_call *v, enum node_table table, ms_t now)
{
	struct unacked_view view;

	(void)table;
	(void)now;
	if (node_config(v->d->node)->mode != MODE_FTFW || !node_next_unacked(v->d->node, &v->job->cursor, &view))
		return false;
	render_unacked_json(j, &view);
	return true;
}

/* Adds as many as fit to the client's answer, and the brackets around all. */
static void
more(const struct verb_call *v,
    bool (*next)(struct json *j, const struct verb_call *v, enum node_table table, ms_t now))
{
	/* What stands in front of an object, by what there is already. */
	static const char *const before[] = {"", "\n", ",\n"};
	enum node_table table = table_of(v);
	char buf[CTL_CHUNK_MAX], object[RENDER_JSON_MAX];
	ms_t now = loop_now();
	struct text t, o;
	struct json j;
	bool left = true;

	text_init(&t, buf, sizeof(buf));
	if (v->job->step == STEP_NEW) {
		text_str(&t, "[");
		v->job->step = STEP_BEGUN;
	}
	while (t.len + RENDER_JSON_MAX + sizeof("\n]\n") <= sizeof(buf)) {
		text_init(&o, object, sizeof(object));
		jw_init(&j, &o);
		left = next(&j, v, table, now);
		if (!left)
			break;
		text_str(&t, before[v->job->step]);
		text_bytes(&t, object, o.len);
		v->job->step = STEP_FILLED;
	}
	if (!left)
		text_str(&t, v->job->step == STEP_FILLED ? "\n]\n" : "]\n");
	ctl_out(v->client, buf, t.len);
	if (!left)
		ctl_finish(v->client, 0);
}

void
answer_flows(const struct verb_call *v)
{
	if (!verb_has(v, "unacknowledged") && table_of(v) == TABLE_LOCAL && v->d->cfg->disable_internal) {
		/* What the kernel has, as it has it now. */
		want_read(v->d, READ_SHOW);
		requests_wait(v->d, v->client, WAIT_SHOW);
	} else {
		ctl_want_more(v->client);
	}
}

void
more_flows(const struct verb_call *v)
{
	more(v, verb_has(v, "unacknowledged") ? next_unacked : next_flow);
}

void
answer_expectations(const struct verb_call *v)
{
	ctl_want_more(v->client);
}

void
more_expectations(const struct verb_call *v)
{
	more(v, next_expect);
}
