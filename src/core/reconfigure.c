/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reconfigure.c: settings, as they are given and as they change while a node runs.
 */
#include "engine.h"

static uint32_t
or_default(uint32_t value, uint32_t fallback)
{
	return value != 0 ? value : fallback;
}

void
settings_complete(struct node_cfg *cfg)
{
	cfg->refresh_s = or_default(cfg->refresh_s, 60);
	cfg->cache_timeout_s = or_default(cfg->cache_timeout_s, 180);
	cfg->resend_queue = or_default(cfg->resend_queue, 131072);
	cfg->ack_window = or_default(cfg->ack_window, 300);
	if (cfg->ack_window < ACK_WINDOW_MIN)
		cfg->ack_window = ACK_WINDOW_MIN;
}

/*
 * Is this nothing but a peer's flow, which we wrote to the kernel and told nobody of?  Those are known
 * whatever the filter says, for a commit has to know what is in the kernel.
 */
static bool
is_untold_copy(const struct entry *e)
{
	return (e->flags & (ENTRY_COMMITTED | ENTRY_LIVE | ENTRY_ANNOUNCED)) == ENTRY_COMMITTED;
}

/* To the peers, what is left out from now on has ended. */
static void
leave_out(struct node *n, ms_t now)
{
	struct flow f;

	for (uint32_t id = table_next(&n->local, 0); id != ENTRY_NONE;
	     id = table_next(&n->local, id)) {
		const struct entry *e = table_entry(&n->local, id);

		if ((e->flags & ENTRY_DEAD) || is_untold_copy(e))
			continue;
		table_load(&n->local, id, &f);
		if (!filter_passes(&n->cfg.filter, &f))
			local_destroyed(n, id, now);
	}
}

/* What is let in from now on only the kernel knows. */
static void
ask_for_read(struct node *n, ms_t now)
{
	node_notice(n, NOTE_KERNEL_READ_NEEDED)->read_why = READ_FILTER_CHANGED;
	local_lost(n, now);
	/* What the read under way still names of it, the next one will not find new. */
	n->read_announce |= n->reading;
}

/* Peers' flows live as much longer, or shorter, as CacheTimeout has changed by. */
static void
shift_expiry(struct node *n, int64_t by_ms, ms_t now)
{
	for (uint32_t id = table_next(&n->remote, 0); id != ENTRY_NONE;
	     id = table_next(&n->remote, id)) {
		ms_t at = ms_add(timer_at(&n->remote, id), by_ms);

		if (table_entry(&n->remote, id)->timer != TIMER_OFF)
			timer_set(&n->remote, id, at.ms > now.ms ? at : now);
	}
}

/* No flow waits longer to be said again than the new RefreshTime. */
static void
refresh_sooner(struct node *n, ms_t now)
{
	ms_t latest = ms_add(now, ((int64_t)n->cfg.refresh_s + 1) * 1000);

	for (uint32_t id = table_next(&n->local, 0); id != ENTRY_NONE;
	     id = table_next(&n->local, id)) {
		const struct entry *e = table_entry(&n->local, id);

		if (!(e->flags & ENTRY_DEAD) && e->timer != TIMER_OFF &&
		    timer_at(&n->local, id).ms > latest.ms)
			sync_refresh_later(n, id, now);
	}
}

void
node_reconfigure(struct node *n, const struct node_cfg *cfg, ms_t now)
{
	bool other_filter = !filter_equal(&n->cfg.filter, &cfg->filter);
	uint32_t cache_timeout_s = n->cfg.cache_timeout_s;

	n->cfg.refresh_s = cfg->refresh_s;
	n->cfg.cache_timeout_s = cfg->cache_timeout_s;
	n->cfg.commit_timeout_s = cfg->commit_timeout_s;
	n->cfg.resend_queue = cfg->resend_queue;
	n->cfg.ack_window = cfg->ack_window;
	n->cfg.tcp_window_tracking = cfg->tcp_window_tracking;
	n->cfg.filter = cfg->filter;
	settings_complete(&n->cfg);

	if (other_filter) {
		leave_out(n, now);
		ask_for_read(n, now);
	}
	if (n->mode->refreshed) {
		shift_expiry(n, ((int64_t)n->cfg.cache_timeout_s - cache_timeout_s) * 1000, now);
		refresh_sooner(n, now);
	}
	while (n->buried.count > n->cfg.resend_queue && local_evict_dead(n))
		continue;
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (n->peers[i].used && n->peers[i].window > n->cfg.ack_window)
			n->peers[i].window = n->cfg.ack_window;
	}
}
