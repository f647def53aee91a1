/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inspect.c: what `conntrackd doctor' asks the daemon for: what it was granted, and what the peers' flows
 * need of this machine.
 *
 * The peers' flows come in slices, each with sums of its own, so that nothing is kept between two calls and no call
 * takes long; the client adds them up.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

enum {
	SLICE_FLOWS = 512,
	SLICE_SUMS = 48, /* different addresses, or names, of a slice */
	SUM_TEXT = 48,
};

/* How many flows have the same. */
struct sums {
	struct {
		char text[SUM_TEXT];
		uint32_t flows;
	} list[SLICE_SUMS];
	size_t count;
	uint32_t others; /* flows of which there was no room */
};

static void
add(struct sums *s, const char *text)
{
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->list[i].text, text) == 0) {
			s->list[i].flows++;
			return;
		}
	}
	if (s->count == SLICE_SUMS) {
		s->others++;
		return;
	}
	snprintf(s->list[s->count].text, SUM_TEXT, "%s", text);
	s->list[s->count++].flows = 1;
}

static void
add_addr(struct sums *s, uint8_t l3, const struct ip_addr *addr)
{
	char buf[SUM_TEXT];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_addr(&t, l3, addr);
	add(s, buf);
}

static void
write_sums(struct json *j, const char *key, const char *name, const struct sums *s)
{
	jw_array(j, key);
	for (size_t i = 0; i < s->count; i++) {
		jw_object(j, NULL);
		jw_str(j, name, s->list[i].text);
		jw_u64(j, "flows", s->list[i].flows);
		jw_object_end(j);
	}
	jw_array_end(j);
}

/* FNV-1a of the configuration in force as config_print() has it: the client knows what its file would give. */
static uint64_t
config_sum(const struct config *cfg)
{
	size_t len = config_print(cfg, NULL, 0);
	char *text = malloc(len + 1);
	uint64_t sum = 0xcbf29ce484222325ULL;

	if (text == NULL)
		return 0;
	config_print(cfg, text, len + 1);
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)text[i]) * 0x100000001b3ULL;
	free(text);
	return sum;
}

static void
write_head(struct text *t, const struct daemon *d)
{
	char sum[20];
	struct json j;
	struct text hex;

	text_init(&hex, sum, sizeof(sum));
	text_add(&hex, "%016llx", (unsigned long long)config_sum(d->cfg));
	text_str(t, "{\"daemon\":");
	jw_init(&j, t);
	jw_object(&j, NULL);
	jw_str(&j, "version", VERSION);
	jw_str(&j, "config", d->cfg_path);
	jw_str(&j, "config_sum", sum);
	jw_u64(&j, "events_buffer", ctnl_rcvbuf(d->ctnl));
	jw_array(&j, "link_buffers");
	for (size_t i = 0; i < d->links_count; i++)
		jw_u64(&j, NULL, link_rcvbuf(d->links[i]));
	jw_array_end(&j);
	jw_object_end(&j);
	text_str(t, ",\"slices\":[");
}

/* False at the end of the peers' flows. */
static bool
write_slice(struct text *t, const struct daemon *d, uint32_t *cursor)
{
	struct sums nat = {.count = 0}, helpers = {.count = 0};
	struct flow_view view;
	uint32_t flows = 0;
	bool left = true;
	struct json j;

	while (flows < SLICE_FLOWS) {
		left = node_next_flow(d->node, TABLE_REMOTE, cursor, &view, loop_now());
		if (!left)
			break;
		flows++;
		if (view.flow.has & HAS_SNAT)
			add_addr(&nat, view.flow.key.l3, &view.flow.reply.dst);
		if (view.flow.has & HAS_DNAT)
			add_addr(&nat, view.flow.key.l3, &view.flow.key.dst);
		if (view.flow.has & HAS_HELPER)
			add(&helpers, view.flow.rare.helper);
	}
	jw_init(&j, t);
	jw_object(&j, NULL);
	jw_u64(&j, "flows", flows);
	write_sums(&j, "nat", "address", &nat);
	jw_u64(&j, "nat_others", nat.others);
	write_sums(&j, "helpers", "name", &helpers);
	jw_object_end(&j);
	return left;
}

void
answer_doctor(const struct verb_call *v)
{
	ctl_want_more(v->client);
}

void
more_doctor(const struct verb_call *v)
{
	char buf[CTL_CHUNK_MAX];
	struct text t;
	bool left;

	text_init(&t, buf, sizeof(buf));
	if (v->job->step == 0)
		write_head(&t, v->d);
	else
		text_str(&t, ",");
	v->job->step = 1;
	left = write_slice(&t, v->d, &v->job->cursor);
	if (!left)
		text_str(&t, "]}\n");
	ctl_out(v->client, buf, t.len);
	if (!left)
		ctl_finish(v->client, 0);
}
