/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"

#include <stdio.h>
#include <string.h>

enum kind {
	LIVE = 1 << 0, /* takes effect at once; all others with the next start */
	TEXT = 1 << 1, /* a string: what is behind its end does not count */
};

#define FIELD(field) offsetof(struct config, field), sizeof(((struct config *)NULL)->field)

/* Fields under one name stand one behind the other. */
static const struct setting {
	const char *name;
	size_t offset, size;
	unsigned int kind;
} settings[] = {
    {"Sync", FIELD(has_sync), 0},
    {"Stats", FIELD(has_stats), 0},
    {"Mode", FIELD(node.mode), 0},
    {"RefreshTime", FIELD(node.refresh_s), LIVE},
    {"CacheTimeout", FIELD(node.cache_timeout_s), LIVE},
    {"CommitTimeout", FIELD(node.commit_timeout_s), LIVE},
    {"PurgeTimeout", FIELD(purge_timeout_s), LIVE},
    {"ResendQueueSize", FIELD(node.resend_queue), LIVE},
    {"ACKWindowSize", FIELD(node.ack_window), LIVE},
    {"StartupResync", FIELD(startup_resync), LIVE},
    {"DisableInternalCache", FIELD(disable_internal), 0},
    {"DisableExternalCache", FIELD(disable_external), 0},
    {"CacheWriteThrough", FIELD(node.write_through), 0},
    {"TakeoverGate", FIELD(gate), 0},
    {"TakeoverGate Timeout", FIELD(gate_timeout_s), LIVE},
    {"TakeoverGate HoldUDP", FIELD(gate_udp), LIVE},
    {"TCPWindowTracking", FIELD(node.tcp_window_tracking), LIVE},
    {"ExpectationSync", FIELD(node.expects), 0},
    {"ExpectationSync", FIELD(node.expect_helpers), 0},
    {"VRRP NotifyFifo", FIELD(vrrp.fifo), TEXT},
    {"VRRP Instance or Group", FIELD(vrrp.name), TEXT},
    {"VRRP Instance or Group", FIELD(vrrp.is_group), 0},
    {"VRRP TrackFile", FIELD(vrrp.track_file), TEXT},
    {"VRRP Weight", FIELD(vrrp.weight), LIVE},
    {"VRRP HoldMax", FIELD(vrrp.hold_max_s), LIVE},
    {"HashSize", FIELD(hash_size), 0},
    {"HashLimit", FIELD(node.limit), 0},
    {"LogFile", FIELD(has_log_file), LIVE},
    {"LogFile", FIELD(log_file), LIVE | TEXT},
    {"Syslog", FIELD(syslog_facility), LIVE},
    {"Stats LogFile", FIELD(stats_has_log), LIVE},
    {"Stats LogFile", FIELD(stats_log), LIVE | TEXT},
    {"Stats Syslog", FIELD(stats_facility), LIVE},
    {"LockFile", FIELD(lock_file), TEXT},
    {"UNIX Path", FIELD(unix_path), TEXT},
    {"UNIX Group", FIELD(unix_group), TEXT},
    {"NetlinkBufferSize", FIELD(netlink_rcvbuf), LIVE},
    {"NetlinkBufferSizeMaxGrowth", FIELD(netlink_rcvbuf_max), LIVE},
    {"NetlinkOverrunResync", FIELD(overrun_resync_s), LIVE},
    {"NetlinkEventsReliable", FIELD(netlink_reliable), 0},
    {"PollSecs", FIELD(poll_s), 0},
    {"EventIterationLimit", FIELD(event_iteration_limit), LIVE},
    {"Scheduler", FIELD(sched_type), LIVE},
    {"Scheduler", FIELD(sched_priority), LIVE},
    {"Systemd", FIELD(systemd), 0},
    {"Helper", FIELD(helper_setup), LIVE},
};

bool
settings_cover(size_t offset)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (offset >= settings[i].offset && offset < settings[i].offset + settings[i].size)
			return true;
	}
	return false;
}

static bool
differs(const struct setting *s, const struct config *was, const struct config *is)
{
	const char *a = (const char *)was + s->offset, *b = (const char *)is + s->offset;

	return s->kind & TEXT ? strncmp(a, b, s->size) != 0 : memcmp(a, b, s->size) != 0;
}

bool
settings_filter_changed(const struct config *was, const struct config *is)
{
	return was->filter_in_kernel != is->filter_in_kernel ||
	    !filter_equal(&was->node.filter, &is->node.filter);
}

/* Member by member: what lies between them may be anything. */
static bool
helper_differs(const struct config_helper *a, const struct config_helper *b)
{
	return memcmp(a->name, b->name, sizeof(a->name)) != 0 || a->l3 != b->l3 || a->l4 != b->l4 ||
	    a->queue_num != b->queue_num || a->queue_len != b->queue_len ||
	    a->has_policy != b->has_policy || a->expect_max != b->expect_max ||
	    a->expect_timeout_s != b->expect_timeout_s;
}

static bool
helpers_changed(const struct config *was, const struct config *is)
{
	if (was->helpers_count != is->helpers_count)
		return true;
	for (size_t i = 0; i < is->helpers_count; i++) {
		if (helper_differs(&was->helpers[i], &is->helpers[i]))
			return true;
	}
	return false;
}

/* Where in the file a link stands is nothing of the link's. */
static bool
link_differs(const struct config_link *a, const struct config_link *b)
{
	return a->transport != b->transport || a->is_default != b->is_default ||
	    memcmp(a->ifname, b->ifname, sizeof(a->ifname)) != 0 || a->l3 != b->l3 ||
	    memcmp(&a->group, &b->group, sizeof(a->group)) != 0 ||
	    memcmp(&a->local, &b->local, sizeof(a->local)) != 0 || a->port != b->port ||
	    a->error_queue != b->error_queue || a->sndbuf != b->sndbuf ||
	    a->rcvbuf != b->rcvbuf || a->checksum != b->checksum;
}

static bool
links_changed(const struct config *was, const struct config *is)
{
	if (was->links_count != is->links_count)
		return true;
	for (size_t i = 0; i < is->links_count; i++) {
		if (link_differs(&was->links[i], &is->links[i]))
			return true;
	}
	return false;
}

struct names {
	char *out;
	size_t cap, len, count;
	const char *last;
};

static void
add(struct names *n, const char *name)
{
	if (n->last != NULL && strcmp(n->last, name) == 0)
		return;
	if (n->len < n->cap)
		n->len += (size_t)snprintf(n->out + n->len, n->cap - n->len, "%s%s",
		    n->count > 0 ? ", " : "", name);
	n->count++;
	n->last = name;
}

size_t
settings_changed(const struct config *was, const struct config *is, bool live, char *out,
    size_t cap)
{
	struct names n = {.out = out, .cap = cap};

	if (cap > 0)
		out[0] = '\0';
	if (live && settings_filter_changed(was, is))
		add(&n, "Filter");
	if (live && helpers_changed(was, is))
		add(&n, "Helper");
	if (!live && links_changed(was, is))
		add(&n, "the dedicated links");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (live == !!(settings[i].kind & LIVE) && differs(&settings[i], was, is))
			add(&n, settings[i].name);
	}
	return n.count;
}

void
settings_keep(struct config *cfg, const struct config *was)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const struct setting *s = &settings[i];

		if (!(s->kind & LIVE))
			memcpy((char *)cfg + s->offset, (const char *)was + s->offset, s->size);
	}
	memcpy(cfg->links, was->links, sizeof(cfg->links));
	cfg->links_count = was->links_count;
}
