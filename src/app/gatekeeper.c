/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gatekeeper.c: the takeover gate: made at the start, closed while flows are committed, open otherwise and
 * whenever something about it fails.
 */
#include <errno.h>
#include <string.h>

#include "state.h"

enum {
	/* A daemon that was killed a moment ago may still own the table: the kernel closes its descriptors
	 * one by one. */
	TRIES_MAX = 5,
	RETRY_MS = 1000,
};

/* ---- making it ---- */

static size_t
link_interfaces(const struct daemon *d, char out[][GATE_IFNAME_MAX])
{
	_Static_assert((int)NODE_LINKS_MAX <= (int)GATE_INTERFACES_MAX, "a rule for each link");
	_Static_assert((int)CONFIG_IFNAME_MAX <= (int)GATE_IFNAME_MAX, "names of interfaces");

	for (size_t i = 0; i < d->links_count; i++)
		memcpy(out[i], d->cfg->links[i].ifname, CONFIG_IFNAME_MAX);
	return d->links_count;
}

static void
give_up(struct daemon *d, int error)
{
	const char *why = error == -EPERM || error == -EEXIST
	    ? " (is there a table inet conntrackd-gate of somebody else's?)"
	    : error == -EINVAL || error == -EOPNOTSUPP ? " (nf_tables of Linux 5.12 is needed)"
						       : "";

	log_write(d->log, LOG_LV_WARNING,
	    "can't make the takeover gate: %s%s; flows are committed without", strerror(-error), why);
	gate_free(d->gatekeeper.gate);
	d->gatekeeper.gate = NULL;
	d->gatekeeper.retry_at = MS_NEVER;
}

static void
make(struct daemon *d, ms_t now)
{
	char interfaces[GATE_INTERFACES_MAX][GATE_IFNAME_MAX];
	struct gatekeeper *k = &d->gatekeeper;
	int r = gate_make(k->gate, interfaces, link_interfaces(d, interfaces));

	k->retry_at = MS_NEVER;
	if (r == 0) {
		k->made = true;
		log_write(d->log, LOG_LV_NOTICE, "takeover gate ready: table inet conntrackd-gate");
	} else if ((r == -EPERM || r == -EEXIST) && ++k->tries < TRIES_MAX) {
		k->retry_at = ms_add(now, RETRY_MS);
	} else {
		give_up(d, r);
	}
}

void
gatekeeper_start(struct daemon *d)
{
	int r;

	if (!d->cfg->gate)
		return;
	r = gate_new(&d->gatekeeper.gate);
	if (r < 0)
		give_up(d, r);
	else
		make(d, loop_now());
}

void
gatekeeper_stop(struct daemon *d)
{
	gate_free(d->gatekeeper.gate);
	d->gatekeeper.gate = NULL;
	d->gatekeeper.made = false;
}

/* ---- closed and open ---- */

static bool
is_closed(const struct daemon *d)
{
	return d->gatekeeper.opens_at.ms != MS_NEVER.ms;
}

static void
failed(struct daemon *d, const char *what, int error)
{
	d->gatekeeper.failures++;
	log_write(d->log, LOG_LV_WARNING, "can't %s the takeover gate: %s", what, strerror(-error));
}

void
gatekeeper_close(struct daemon *d)
{
	struct gatekeeper *k = &d->gatekeeper;
	int r;

	/* Its time does not begin anew: somebody may ask again and again. */
	if (!k->made || is_closed(d))
		return;
	k->timeout_ms = d->cfg->gate_timeout_s * 1000;
	(void)gate_held(k->gate, &k->counted);
	k->closed_us = loop_now_us();
	r = gate_close(k->gate, k->timeout_ms, d->cfg->gate_udp);
	if (r < 0) {
		failed(d, "close", r);
		return;
	}
	k->closings++;
	k->opens_at = ms_add(loop_now(), k->timeout_ms);
	history_add(d, HISTORY_GATE, "takeover gate closed, for %u ms at the most", k->timeout_ms);
}

static uint64_t
held_meanwhile(struct gatekeeper *k)
{
	uint64_t now = 0;

	if (gate_held(k->gate, &now) < 0 || now < k->counted)
		return 0;
	return now - k->counted;
}

static void
tell_opened(struct daemon *d, bool timed_out)
{
	const struct gatekeeper *k = &d->gatekeeper;
	const struct history_facts facts = {.timed = true, .took_ms = (int64_t)k->last_ms};
	unsigned long long ms = k->last_ms, held = k->last_held;

	if (timed_out)
		log_write(d->log, LOG_LV_WARNING,
		    "takeover gate opened by its Timeout after %llu ms, before all flows were committed; "
		    "held back %llu packets",
		    ms, held);
	else
		log_write(d->log, LOG_LV_NOTICE,
		    "takeover gate closed for %llu ms, held back %llu packets", ms, held);
	history_add_facts(d, HISTORY_GATE, &facts, "takeover gate opened%s, held back %llu packets",
	    timed_out ? " by its Timeout" : "", held);
}

void
gatekeeper_open(struct daemon *d, enum gate_why why)
{
	struct gatekeeper *k = &d->gatekeeper;
	bool timed_out;
	int r;

	if (!is_closed(d))
		return;
	k->opens_at = MS_NEVER;
	r = gate_open(k->gate);
	if (r < 0)
		failed(d, "open", r);
	k->last_ms = (uint64_t)(loop_now_us() - k->closed_us) / 1000;
	k->last_held = held_meanwhile(k);
	k->held += k->last_held;
	/* Where we come late the kernel has opened it. */
	timed_out = why == GATE_TIMEOUT || k->last_ms >= k->timeout_ms;
	if (timed_out) {
		k->last_ms = k->timeout_ms;
		k->timeouts++;
	}
	tell_opened(d, timed_out);
}

ms_t
gatekeeper_deadline(const struct daemon *d)
{
	return ms_earlier(d->gatekeeper.retry_at, d->gatekeeper.opens_at);
}

void
gatekeeper_step(struct daemon *d, ms_t now)
{
	struct gatekeeper *k = &d->gatekeeper;

	if (ms_reached(now, k->retry_at))
		make(d, now);
	if (ms_reached(now, k->opens_at))
		gatekeeper_open(d, GATE_TIMEOUT);
}

/* ---- shown ---- */

void
gatekeeper_write(struct json *j, const struct daemon *d)
{
	const struct gatekeeper *k = &d->gatekeeper;

	jw_object(j, "gate");
	jw_bool(j, "configured", d->cfg->gate);
	jw_bool(j, "ready", k->made);
	jw_bool(j, "closed", is_closed(d));
	jw_u64(j, "closings", k->closings);
	jw_u64(j, "timeouts", k->timeouts);
	jw_u64(j, "failures", k->failures);
	jw_u64(j, "held_packets", k->held);
	jw_u64(j, "last_closed_ms", k->last_ms);
	jw_u64(j, "last_held_packets", k->last_held);
	jw_object_end(j);
}
