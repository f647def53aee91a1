/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c: what can only be said once the whole file has been read.
 */
#include "parser.h"

#include <string.h>

enum {
	RESEND_BYTES_EACH = 64, /* what one unacknowledged delete used to cost, about */
	RESEND_MIN = 1024,
};

static const struct pos whole_file = {0, 0};

static bool
is_seen(const struct parser *p, const char *name, uint32_t scope)
{
	return parse_seen(p, name, scope).line != 0;
}

/* ---- settings that follow from others ---- */

static void
finish_links(struct parser *p)
{
	struct config *c = p->c;
	size_t chosen = 0;

	for (size_t i = 0; i < c->links_count; i++) {
		/* Checksum at the level of Sync speaks for all links, wherever it stands. */
		if (is_seen(p, "Checksum", IN_SYNC) && !p->d.links[i].has_checksum)
			c->links[i].checksum = p->d.sync_checksum;
		if (c->links[i].is_default)
			chosen = i;
		c->links[i].is_default = false;
	}
	if (c->links_count > 0)
		c->links[chosen].is_default = true;
}

static void
finish_resend(struct parser *p)
{
	uint32_t entries = p->d.resend_bytes / RESEND_BYTES_EACH;

	if (p->d.resend_bytes == 0 || is_seen(p, "ResendQueueSize", IN_FTFW))
		return;
	if (entries < RESEND_MIN)
		entries = RESEND_MIN;
	p->c->node.resend_queue = entries < CONFIG_FLOWS_MAX ? entries : CONFIG_FLOWS_MAX;
}

static void
finish_stats(struct parser *p)
{
	struct config *c = p->c;

	c->has_stats = !c->has_sync && is_seen(p, "Stats", IN_TOP);
	if (c->has_stats)
		c->node.mode = MODE_STATS;
	if (c->stats_facility < 0 || c->syslog_facility < 0)
		return;
	if (c->stats_facility != c->syslog_facility)
		parse_diag(p, DIAG_WARNING, p->d.stats_syslog_pos,
		    "found facility %s, expected %s as in General: conflicting Syslog facility "
		    "values, defaulting to General",
		    facility_name(c->stats_facility), facility_name(c->syslog_facility));
	c->stats_facility = c->syslog_facility;
}

/* ---- what is missing, and what does not fit together ---- */

static void
check_sections(struct parser *p)
{
	struct pos sync = parse_seen(p, "Sync", IN_TOP), stats = parse_seen(p, "Stats", IN_TOP);

	if (p->c->has_sync && stats.line != 0)
		parse_diag(p, DIAG_ERROR, stats,
		    "found Stats beside Sync of line %u, expected only one of them", sync.line);
	if (p->lost)
		return;
	if (!p->c->has_sync && stats.line == 0)
		parse_diag(p, DIAG_ERROR, whole_file,
		    "found neither a Sync nor a Stats section, expected one of them: there is "
		    "nothing to do");
	if (p->c->has_sync && !p->d.has_mode)
		parse_diag(p, DIAG_WARNING, sync, "found no Mode in Sync. Defaulting to FT-FW.");
	if (p->c->has_sync && p->c->links_count == 0)
		parse_diag(p, DIAG_ERROR, sync,
		    "found no dedicated link in Sync, expected a Multicast, UDP or TCP section");
}

static void
check_timeouts(struct parser *p)
{
	const struct node_cfg *n = &p->c->node;
	struct pos pos = parse_seen(p, "CacheTimeout", IN_ALARM);

	if (pos.line == 0)
		pos = parse_seen(p, "RefreshTime", IN_ALARM);
	if (n->mode == MODE_ALARM && n->cache_timeout_s <= n->refresh_s)
		parse_diag(p, DIAG_WARNING, pos,
		    "found CacheTimeout %u, expected more than RefreshTime, which is %u: flows of "
		    "the peer will come and go", n->cache_timeout_s, n->refresh_s);
}

/* What peers tell goes to the kernel at once, with the timeout that they tell. */
static void
finish_caches(struct parser *p)
{
	struct config *c = p->c;
	struct pos pos = parse_seen(p, "CommitTimeout", IN_SYNC);

	if (!c->disable_external)
		return;
	c->node.write_through = true;
	if (c->node.commit_timeout_s != 0)
		parse_diag(p, DIAG_WARNING, pos,
		    "found CommitTimeout %u, which can't be combined with DisableExternalCache: "
		    "ignoring it", c->node.commit_timeout_s);
	c->node.commit_timeout_s = 0;
}

static void
check_links(struct parser *p)
{
	const struct config *c = p->c;

	for (size_t i = 1; i < c->links_count; i++) {
		for (size_t before = 0; before < i; before++) {
			if (strcmp(c->links[i].ifname, c->links[before].ifname) != 0)
				continue;
			parse_diag(p, DIAG_WARNING, p->d.links[i].pos,
			    "found a link over the Interface '%s' of line %u, expected another: "
			    "they will fail together", c->links[i].ifname, c->links[before].line);
			break;
		}
	}
}

static void
check_filter(struct parser *p)
{
	static const char text[] = "found an empty Accept list, expected something to accept: no "
	    "flow will pass";
	static const uint8_t none[sizeof(((struct filter *)NULL)->protos)];
	const struct filter *f = &p->c->node.filter;

	if (p->lost)
		return;
	if (f->proto_polarity == FILTER_ACCEPT && memcmp(f->protos, none, sizeof(none)) == 0)
		parse_diag(p, DIAG_WARNING, p->d.polarity_pos[TEST_PROTOCOL], text);
	if (f->addr_polarity == FILTER_ACCEPT && f->nets_count == 0)
		parse_diag(p, DIAG_WARNING, p->d.polarity_pos[TEST_ADDRESS], text);
	if (f->state_polarity == FILTER_ACCEPT && f->tcp_states == 0)
		parse_diag(p, DIAG_WARNING, p->d.polarity_pos[TEST_STATE], text);
}

static void
check_buffer(struct parser *p)
{
	const struct config *c = p->c;
	struct pos pos = parse_seen(p, "NetlinkBufferSize", IN_GENERAL);

	if (pos.line == 0)
		pos = parse_seen(p, "SocketBufferSize", IN_GENERAL);
	if (c->netlink_rcvbuf_max != 0 && c->netlink_rcvbuf > c->netlink_rcvbuf_max)
		parse_diag(p, DIAG_WARNING, pos,
		    "found a netlink buffer of %u bytes, expected no more than it may grow to, "
		    "which is %u: it will not grow", c->netlink_rcvbuf, c->netlink_rcvbuf_max);
}

void
check_whole(struct parser *p)
{
	finish_links(p);
	finish_resend(p);
	finish_stats(p);
	p->c->sched_asked = is_seen(p, "Type", IN_SCHEDULER) || is_seen(p, "Priority", IN_SCHEDULER);
	check_sections(p);
	/* Whoever has to mend one thing need not hear what else might be: one mistake, one message. */
	if (p->diags->errors > 0)
		return;
	check_timeouts(p);
	finish_caches(p);
	check_links(p);
	check_filter(p);
	check_buffer(p);
}
