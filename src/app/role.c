/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role.c: what this node is to its peers, and what follows from it.
 */
#include <stdio.h>

#include "role.h"
#include "state.h"

const char *
role_name(enum role role)
{
	static const char *const names[] = {[ROLE_UNKNOWN] = "unknown",
	    [ROLE_BACKUP] = "backup",
	    [ROLE_PROMOTING] = "promoting",
	    [ROLE_MASTER] = "master",
	    [ROLE_FAULT] = "fault"};

	return names[role];
}

void
role_listen(struct daemon *d, void (*heard)(struct daemon *d, enum role_event event, void *ctx),
    void *ctx)
{
	struct role_state *r = &d->role;

	ASSERT(r->listeners_count < ROLE_LISTENERS_MAX);
	r->listeners[r->listeners_count++] = (struct role_listener){.heard = heard, .ctx = ctx};
}

static void
tell(struct daemon *d, enum role_event event)
{
	for (size_t i = 0; i < d->role.listeners_count; i++)
		d->role.listeners[i].heard(d, event, d->role.listeners[i].ctx);
}

/* False if it is this already. */
static bool
become(struct daemon *d, enum role role, const char *by)
{
	struct role_state *r = &d->role;
	ms_t now = loop_now();

	if (r->is == role)
		return false;
	log_event(d, HISTORY_ROLE, LOG_LV_NOTICE, "role: %s, by %s (was %s for %lld s): %u own flows, %u of peers",
	    role_name(role), by, role_name(r->is), (long long)ms_since(now, r->since) / 1000,
	    node_table_view(d->node, TABLE_LOCAL).active,
	    node_table_view(d->node, TABLE_REMOTE).active);
	history_add(d, HISTORY_ROLE, "%s, by %s, was %s for %lld s", role_name(role), by,
	    role_name(r->is), (long long)ms_since(now, r->since) / 1000);
	r->is = role;
	r->since = now;
	snprintf(r->by, sizeof(r->by), "%s", by);
	tell(d, ROLE_CHANGED);
	return true;
}

void
role_promote(struct daemon *d, const char *by)
{
	if (d->role.is != ROLE_MASTER)
		become(d, ROLE_PROMOTING, by);
	orders_commit(d, CMD_COMMIT);
}

void
role_committed(struct daemon *d, const struct commit_tally *tally)
{
	char by[ROLE_BY_MAX];

	if (!tally->flows)
		return;
	if (d->role.is != ROLE_PROMOTING) {
		role_infer(d, ROLE_MASTER, "-c");
		return;
	}
	snprintf(by, sizeof(by), "%s", d->role.by);
	become(d, ROLE_MASTER, by);
	node_command(d->node, CMD_BULK, loop_now());
	tell(d, ROLE_PROMOTED);
}

void
role_demote(struct daemon *d, const char *by)
{
	become(d, ROLE_BACKUP, by);
	orders_purge_later(d);
	node_command(d->node, CMD_COMPARE, loop_now());
}

void
role_fault(struct daemon *d, const char *by)
{
	become(d, ROLE_FAULT, by);
	d->purge_at = MS_NEVER;
}

void
role_infer(struct daemon *d, enum role role, const char *by)
{
	/* Where it is said in so many words nothing is concluded. */
	if (d->role.by[0] == '\0' || d->role.by[0] == '-')
		become(d, role, by);
}

void
role_ready_view(const struct daemon *d, struct ready_view *out, ms_t now)
{
	node_ready_view(d->node, out, now);
	if (d->role.is != ROLE_MASTER && d->role.is != ROLE_PROMOTING)
		return;
	for (size_t i = 0; i < READY_REASONS; i++) {
		out->reasons[i].blocks = false;
		out->reasons[i].blocks_ms = 0;
	}
	out->ready = true;
	out->at_the_latest_ms = 0;
}
