/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim.c: a plan is acted out; everything that happens goes to the trace, its hash, the truth and the
 * oracles, in this order.
 */
#include "sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const exception_names[EXC_COUNT] = {
#define X(name, what) #name,
    SIM_EXCEPTIONS(X)
#undef X
};

const char *const exception_texts[EXC_COUNT] = {
#define X(name, what) what,
    SIM_EXCEPTIONS(X)
#undef X
};

const struct oracle *
oracle_at(size_t i)
{
	static const struct oracle *const tables[] = {
	    oracles_flow, oracles_limit, oracles_healed, oracles_expect, oracles_kernel,
	    oracles_old_peer};

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (const struct oracle *o = tables[t]; o->name != NULL; o++) {
			if (i-- == 0)
				return o;
		}
	}
	return NULL;
}

/* ---- what is said about it ---- */

void
sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->trace == NULL)
		return;
	fprintf(s->trace, "%10.3f  ", (double)(s->w->now.ms - 1000000) / 1000);
	va_start(ap, fmt);
	vfprintf(s->trace, fmt, ap);
	va_end(ap);
	fputc('\n', s->trace);
}

void
sim_fail(struct sim *s, const char *fmt, ...)
{
	struct verdict *v = &s->verdict;
	va_list ap;

	if (v->oracle != NULL)
		return;
	v->oracle = s->asking;
	v->at_ms = s->w->now.ms - 1000000;
	v->act = s->at;
	va_start(ap, fmt);
	vsnprintf(v->what, sizeof(v->what), fmt, ap);
	va_end(ap);
	sim_say(s, "DEMAND NOT MET (%s): %s", v->oracle->name, v->what);
}

void
sim_except(struct sim *s, enum sim_exception e)
{
	s->exceptions[e]++;
	sim_say(s, "version 1: %s", exception_texts[e]);
}

const char *
tuple_text(const struct sim *s, int tuple)
{
	static char text[4][64];
	static unsigned int turn;
	char *t = text[turn++ % 4];
	const struct flow_key *key;

	if (tuple == NO_TUPLE)
		return "flow of nobody";
	key = &s->truth.keys[tuple];
	snprintf(t, sizeof(text[0]), "flow %d (protocol %u, zone %u)", tuple, key->l4, key->zone);
	return t;
}

/* ---- everything that happens ---- */

static void
keep_datagram(struct sim *s, const struct happening *h)
{
	struct kept_datagram *k = &s->kept[s->kept_count++ % KEPT_DATAGRAMS];

	k->from = h->node;
	k->len = (uint16_t)h->len;
	memcpy(k->data, h->data, h->len);
}

static void
watch(void *ctx, const struct happening *h)
{
	struct sim *s = ctx;
	const struct oracle *o, *asked = s->asking;

	trace_happening(s, h);
	if (h->type == HAP_SENT)
		keep_datagram(s, h);
	if (h->type == HAP_NOTICE)
		s->overfull |= h->notice->type == NOTE_LOCAL_FULL ||
		    h->notice->type == NOTE_REMOTE_FULL;
	truth_watch(&s->truth, s->w, h);
	knowledge_watch(s, h);
	for (size_t i = 0; (o = s->oracles[i]) != NULL && s->verdict.oracle == NULL; i++) {
		s->asking = o;
		if (o->watch != NULL)
			o->watch(s, s->oracle_state[i], h);
	}
	if (h->type == HAP_KERNEL)
		knowledge_wrote(s, h);
	s->asking = asked;
}

/* ---- what acts are made of ---- */

void
sim_pass(struct sim *s, int64_t ms)
{
	if (s->verdict.oracle == NULL)
		world_run(s->w, ms);
}

void
sim_order(struct sim *s, size_t node, enum sim_order order, bool wait)
{
	struct sim_node *sn = &s->w->nodes[node];
	enum notice_type done = order_commits(order) ? NOTE_COMMIT_DONE
	    : order == ORDER_REHEARSE		      ? NOTE_REHEARSED
	    : order == ORDER_READ		      ? NOTE_KERNEL_READ_DONE
						      : NOTE_KERNEL_FLUSH_DONE;
	unsigned int before = sn->notices[done];

	if (!daemon_is_up(sn))
		return;
	s->flushed |= order == ORDER_FLUSH_INTERNAL || order == ORDER_FLUSH_EXTERNAL ||
	    order == ORDER_FLUSH_KERNEL || order == ORDER_PURGE || order == ORDER_PROMOTE;
	s->committed |= order_commits(order);
	world_order(s->w, node, order);
	for (int tries = 0; wait && tries < 500 && sn->notices[done] == before; tries++) {
		sim_pass(s, tries == 0 ? 0 : 10);
		if (!daemon_is_up(sn) || s->verdict.oracle != NULL)
			return;
	}
}

void
sim_start(struct sim *s, size_t node, struct dice *d)
{
	uint32_t seq = (uint32_t)dice_roll(d);

	/* Only one: an ACK names nobody, and with random numbers need not. */
	if (++s->starts == s->plan->near_wrap)
		seq = UINT32_MAX - dice_below(d, 300);
	s->w->first_seq = world_is_incumbent(s->w, node) ? old_peer_first_seq(s, d) : seq | 1;
	world_start(s->w, node);
}

/* ---- kernels that refuse ---- */

static int
refuse(void *ctx, size_t node, const struct kernel_op *op, bool *after)
{
	static const int errors[] = {EAGAIN, ETIMEDOUT, EINTR, ENOMEM, EPERM, EOPNOTSUPP, EINVAL,
	    EBUSY, ENOSPC, ERANGE, ENOBUFS};
	struct sim *s = ctx;
	unsigned int percent = s->failing[node] ? 40 : (unsigned int)s->plan->errno_pct;

	(void)op;
	if (s->healing || !dice_chance(&s->errors, percent))
		return 0;
	s->refused = true;
	*after = dice_chance(&s->errors, 20);
	/* What was done is only ever not answered. */
	return *after ? ETIMEDOUT : errors[dice_below(&s->errors, ARRAY_LEN(errors))];
}

/* ---- from plan to world ---- */

static struct node_cfg
config_of(const struct plan *p)
{
	static const enum sync_mode_id modes[] = {MODE_FTFW, MODE_ALARM, MODE_NOTRACK};

	return (struct node_cfg){
	    .mode = modes[p->mode],
	    .limit = (uint32_t)p->limit,
	    .refresh_s = (uint32_t)p->refresh_s,
	    .cache_timeout_s = (uint32_t)p->cache_timeout_s,
	    .commit_timeout_s = (uint32_t)p->commit_timeout_s,
	    .resend_queue = (uint32_t)p->resend_queue,
	    .ack_window = (uint32_t)p->ack_window,
	    .tcp_window_tracking = p->window_tracking != 0,
	    .write_through = p->write_through != 0,
	    .links = (uint8_t)p->links,
	    .one_peer = p->one_peer != 0,
	    .expects = p->expects != 0 ? 48 : 0,
	};
}

static void
set_pace(struct sim_node *sn, const struct plan *p)
{
	sn->pace = (struct sim_pace){
	    .events = (unsigned int)p->events,
	    .datagrams = (unsigned int)p->datagrams,
	    .batch = (unsigned int)p->batch,
	    .op_ms = p->op_ms,
	    .dump = (unsigned int)p->dump,
	    .dump_ms = p->dump_ms,
	    .rcvbuf = (size_t)p->rcvbuf,
	    .payload = (size_t)p->payload,
	    .purge_ms = 5000,
	    .reads = true,
	};
	sn->kernel->events_max = (size_t)p->events_max;
	sn->kernel->deliver_own = p->own_events != 0;
	sn->kernel->expires = p->expires != 0;
}

static void
begin(struct sim *s)
{
	const struct plan *p = s->plan;
	struct node_cfg cfg = config_of(p);
	struct dice d = {.state = (uint64_t)p->seed ^ 0xb1e55ULL};
	const struct oracle *o;

	s->w = world_new_down((size_t)p->nodes, &cfg);
	s->w->incumbents = (size_t)p->incumbents;
	s->truth.window_tracking = p->window_tracking != 0;
	s->errors.state = (uint64_t)p->seed ^ 0xe44ULL;
	for (size_t i = 0; (o = oracle_at(i)) != NULL; i++) {
		ASSERT(i < ORACLES_MAX);
		s->oracles[i] = o;
		s->oracle_state[i] = calloc(1, o->state_size > 0 ? o->state_size : 1);
		ASSERT(s->oracle_state[i] != NULL);
	}
	traffic_init(s);
	s->w->watch = watch;
	s->w->watch_ctx = s;
	s->w->refuse = refuse;
	s->w->latency_ms = p->latency_ms;
	world_noise(s->w, (uint64_t)p->seed * 2 + 1, (unsigned int)p->loss_pct,
	    (unsigned int)p->dup_pct, p->jitter_ms);
	s->w->corrupt_pct = (unsigned int)p->corrupt_pct;
	s->lied = p->corrupt_pct > 0;
	for (size_t i = 0; i < s->w->count; i++) {
		set_pace(&s->w->nodes[i], p);
		/* Traffic was there before the daemon. */
		for (unsigned int n = dice_below(&d, 10); n > 0; n--) {
			int tuple = (int)dice_below(&d, (unsigned int)s->tuples_count);

			if (traffic_open(s, traffic_node(s, tuple, i), tuple, &d))
				traffic_advance(s, traffic_node(s, tuple, i), tuple, &d);
		}
	}
	for (size_t i = 0; i < s->w->count; i++) {
		sim_start(s, i, &d);
		sim_pass(s, dice_chance(&d, 50) ? dice_below(&d, 3000) : 0);
	}
}

static void
end(struct sim *s, struct outcome *out)
{
	out->verdict = s->verdict;
	out->hash = s->hash;
	memcpy(out->exceptions, s->exceptions, sizeof(out->exceptions));
	out->datagrams = s->w->sent;
	out->simulated_ms = s->w->now.ms - 1000000;
	for (size_t i = 0; i < s->w->count; i++) {
		out->requests += s->w->nodes[i].kernel->requests;
		out->flows += s->w->nodes[i].kernel->next_id;
	}
	for (size_t i = 0; s->oracles[i] != NULL; i++)
		free(s->oracle_state[i]);
	world_free(s->w);
	free(s);
}

static void
ask_healed(struct sim *s)
{
	const struct oracle *o;

	for (size_t i = 0; (o = s->oracles[i]) != NULL && s->verdict.oracle == NULL; i++) {
		s->asking = o;
		if (o->healed != NULL)
			o->healed(s, s->oracle_state[i]);
	}
}

void
sim_play(const struct plan *p, FILE *trace, struct outcome *out)
{
	struct sim *s = calloc(1, sizeof(*s));

	ASSERT(s != NULL);
	s->plan = p;
	s->trace = trace;
	begin(s);
	for (s->at = 0; s->at < p->acts_count && s->verdict.oracle == NULL; s->at++) {
		const struct act *act = &p->acts[s->at];
		struct dice d = {.state = act->dice};

		sim_pass(s, act->wait_ms);
		if (act->node < s->w->count && act->other < s->w->count &&
		    s->verdict.oracle == NULL)
			act->kind->run(s, act, &d);
		sim_pass(s, 0);
	}
	heal(s);
	ask_healed(s);
	end(s, out);
}
