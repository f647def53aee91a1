/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * advice.c: what a file may say, and had better not; one row per code.
 *
 * Codes are never renamed; conntrackd(8), CONFIG CHECK, describes each.
 */
#include "parser.h"

#include <string.h>

enum {
	BUFFER_EVENTS_MIN = 1u << 20,  /* from there on events are taken together */
	BUFFER_LINK_MIN = 256u * 1024, /* a burst of 170 full datagrams */
	BUFFER_HUGE = 512u << 20,      /* the kernel doubles it and takes no more than 2^31 - 1 */
	COMMIT_TIMEOUT_MIN_S = 3600,
	PURGE_TIMEOUT_MIN_S = 10,
	REFRESHES_MIN = 2,             /* that may be missed before a flow is dropped */
	RESEND_QUEUE_MIN = 1024,
	HASH_LIMIT_MIN = 16384,
	PORT_PRIVILEGED = 1024,
	GATE_S_MAX = 5,                /* people notice by then */
	PRIORITY_MAX = 49,             /* threads of interrupts have 50 */
};

enum advice {
	ALARM_MARGIN,
	ALARM_ONLY,
	BUFFER_EVENTS,
	BUFFER_LINK,
	BUFFER_TOO_LARGE,
	CHECKSUM_OFF,
	COMMIT_TIMEOUT_SHORT,
	DISABLE_EXTERNAL,
	EVENTS_RELIABLE,
	FILTER_ESTABLISHED,
	FILTER_LINK,
	FILTER_LOOPBACK,
	FILTER_NONE_AT_ALL,
	GATE_LONG,
	HASH_LIMIT_LOW,
	HELPER_NOT_RUN,
	LINK_LOOPBACK,
	LOG_NOWHERE,
	MULTICAST_SAME,
	MULTICAST_SCOPE,
	NOT_ACKNOWLEDGED,
	ONE_LINK,
	OVERRUN_RESYNC_OFF,
	PATH_SHARED,
	POLLING,
	PORT_LOW,
	PURGE_TIMEOUT_SHORT,
	RESEND_QUEUE_SMALL,
	SAID_AGAIN,
	SCHEDULER_HIGH,
	SYSTEMD_OFF,
	VRRP_NOT_HELD,
	ADVICE_COUNT,
};

static const struct {
	const char *code;
	enum diag_level level;
} advices[ADVICE_COUNT] = {
    [ALARM_MARGIN] = {"alarm-margin", DIAG_WARNING},
    [ALARM_ONLY] = {"alarm-only", DIAG_WARNING},
    [BUFFER_EVENTS] = {"buffer-events", DIAG_WARNING},
    [BUFFER_LINK] = {"buffer-link", DIAG_NOTE},
    [BUFFER_TOO_LARGE] = {"buffer-too-large", DIAG_NOTE},
    [CHECKSUM_OFF] = {"checksum-off", DIAG_WARNING},
    [COMMIT_TIMEOUT_SHORT] = {"commit-timeout-short", DIAG_WARNING},
    [DISABLE_EXTERNAL] = {"disable-external", DIAG_NOTE},
    [EVENTS_RELIABLE] = {"events-reliable", DIAG_WARNING},
    [FILTER_ESTABLISHED] = {"filter-established", DIAG_WARNING},
    [FILTER_LINK] = {"filter-link", DIAG_WARNING},
    [FILTER_LOOPBACK] = {"filter-loopback", DIAG_NOTE},
    [FILTER_NONE_AT_ALL] = {"filter-none", DIAG_WARNING},
    [GATE_LONG] = {"gate-long", DIAG_NOTE},
    [HASH_LIMIT_LOW] = {"hash-limit-low", DIAG_NOTE},
    [HELPER_NOT_RUN] = {"helper-not-run", DIAG_WARNING},
    [LINK_LOOPBACK] = {"link-loopback", DIAG_WARNING},
    [LOG_NOWHERE] = {"log-nowhere", DIAG_NOTE},
    [MULTICAST_SAME] = {"multicast-same", DIAG_NOTE},
    [MULTICAST_SCOPE] = {"multicast-scope", DIAG_WARNING},
    [NOT_ACKNOWLEDGED] = {"not-acknowledged", DIAG_NOTE},
    [ONE_LINK] = {"one-link", DIAG_NOTE},
    [OVERRUN_RESYNC_OFF] = {"overrun-resync-off", DIAG_WARNING},
    [PATH_SHARED] = {"path-shared", DIAG_WARNING},
    [POLLING] = {"polling", DIAG_WARNING},
    [PORT_LOW] = {"port-low", DIAG_WARNING},
    [PURGE_TIMEOUT_SHORT] = {"purge-timeout-short", DIAG_WARNING},
    [RESEND_QUEUE_SMALL] = {"resend-queue-small", DIAG_WARNING},
    [SAID_AGAIN] = {"said-again", DIAG_WARNING},
    [SCHEDULER_HIGH] = {"scheduler-high", DIAG_WARNING},
    [SYSTEMD_OFF] = {"systemd-off", DIAG_NOTE},
    [VRRP_NOT_HELD] = {"vrrp-not-held", DIAG_NOTE},
};

static const struct pos whole_file = {0, 0};

static void say(struct parser *p, enum advice what, struct pos pos, const char *fmt, ...)
    ATTR_PRINTF(4, 5);

static void
say(struct parser *p, enum advice what, struct pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	parse_vdiag(p, advices[what].level, advices[what].code, pos, fmt, ap);
	va_end(ap);
}

static bool
is_set(struct pos pos)
{
	return pos.line != 0;
}

/* The later of two names for one setting. */
static struct pos
last_of(const struct parser *p, const char *a, const char *b, uint32_t scope)
{
	struct pos x = parse_seen(p, a, scope), y = parse_seen(p, b, scope);

	return x.line > y.line || (x.line == y.line && x.col > y.col) ? x : y;
}

/* ---- said twice ---- */

static bool
is_one_setting(const struct keyword *kw)
{
	switch (kw->arg) {
	case ARG_BOOL:
	case ARG_INT:
	case ARG_PATH:
	case ARG_BOOL_OR_PATH:
	case ARG_BOOL_OR_INT:
	case ARG_WORD:
		break;
	case ARG_NONE:
	case ARG_BLOCK:
	case ARG_SIGNED:
	case ARG_BOOL_OR_WORDS:
	case ARG_IFNAME:
	case ARG_IPV4:
	case ARG_IPV6:
	case ARG_STATES:
		return false;
	}
	/* Sections that there may be several of. */
	return kw->obsolete == NULL && (kw->scopes & (IN_LINKS | IN_HELPER_TYPE | IN_POLICY)) == 0;
}

static void
advise_repeated(struct parser *p)
{
	size_t count;
	const struct keyword *table = keyword_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (p->seen[i].count > 1 && is_one_setting(&table[i]))
			say(p, SAID_AGAIN, p->seen[i].last,
			    "found %s for the %s time, expected it once: only what is said here counts",
			    table[i].name, p->seen[i].count == 2 ? "second" : "last");
	}
}

/* ---- Sync ---- */

static void
advise_timeouts(struct parser *p)
{
	const struct node_cfg *n = &p->c->node;
	struct pos refresh = parse_seen(p, "RefreshTime", IN_ALARM);
	struct pos cache = parse_seen(p, "CacheTimeout", IN_ALARM);
	struct pos commit = parse_seen(p, "CommitTimeout", IN_SYNC);
	struct pos purge = parse_seen(p, "PurgeTimeout", IN_SYNC);

	if (n->mode != MODE_ALARM && (is_set(refresh) || is_set(cache)))
		say(p, ALARM_ONLY, is_set(cache) ? cache : refresh,
		    "found %s, expected it in Mode ALARM only: it has no effect here, flows of a silent peer "
		    "are kept", is_set(cache) ? "CacheTimeout" : "RefreshTime");
	if (n->mode == MODE_ALARM && n->cache_timeout_s > n->refresh_s &&
	    n->cache_timeout_s < REFRESHES_MIN * (uint64_t)n->refresh_s)
		say(p, ALARM_MARGIN, is_set(cache) ? cache : refresh,
		    "found CacheTimeout %u, expected at least %llu, twice RefreshTime: one lost datagram "
		    "drops its flows", n->cache_timeout_s, REFRESHES_MIN * (unsigned long long)n->refresh_s);
	if (n->commit_timeout_s != 0 && n->commit_timeout_s < COMMIT_TIMEOUT_MIN_S)
		say(p, COMMIT_TIMEOUT_SHORT, commit,
		    "found CommitTimeout %u, expected 0 or at least %d: a connection that is idle for %u s "
		    "after a takeover is cut; without it each flow has what is left of its own timeout",
		    n->commit_timeout_s, COMMIT_TIMEOUT_MIN_S, n->commit_timeout_s);
	if (is_set(purge) && p->c->purge_timeout_s < PURGE_TIMEOUT_MIN_S)
		say(p, PURGE_TIMEOUT_SHORT, purge,
		    "found PurgeTimeout %u, expected at least %d: a role that comes back after %u s finds "
		    "its table flushed", p->c->purge_timeout_s, PURGE_TIMEOUT_MIN_S,
		    p->c->purge_timeout_s);
}

static void
advise_mode(struct parser *p)
{
	const struct config *c = p->c;
	const struct node_cfg *n = &c->node;
	struct pos resend = last_of(p, "ResendQueueSize", "ResendBufferSize", IN_FTFW);

	if (n->mode == MODE_FTFW && (n->resend_queue < RESEND_QUEUE_MIN || n->resend_queue < n->ack_window))
		say(p, RESEND_QUEUE_SMALL, resend,
		    "found room for %u unacknowledged deletes, expected at least %u: beyond them peers keep "
		    "dead flows", n->resend_queue,
		    n->ack_window > RESEND_QUEUE_MIN ? n->ack_window : RESEND_QUEUE_MIN);
	if (n->mode == MODE_NOTRACK)
		say(p, NOT_ACKNOWLEDGED, p->d.mode_pos,
		    "found Mode NOTRACK: nothing is acknowledged, what is lost on the link stays missing until "
		    "a full resend");
	if (c->disable_external)
		say(p, DISABLE_EXTERNAL, parse_seen(p, "DisableExternalCache", IN_FTFW),
		    "found DisableExternalCache on: what peers tell is in this kernel at once, whoever has "
		    "the addresses; it is meant for nodes that all forward");
}

static void
advise_takeover(struct parser *p)
{
	const struct config *c = p->c;

	if (c->vrrp.fifo[0] != '\0' && c->vrrp.track_file[0] == '\0')
		say(p, VRRP_NOT_HELD, parse_seen(p, "NotifyFifo", IN_VRRP),
		    "found NotifyFifo without TrackFile: a node that has not heard of all connections yet becomes master "
		    "all the same");
	if (c->gate && c->gate_timeout_s > GATE_S_MAX)
		say(p, GATE_LONG, parse_seen(p, "Timeout", IN_GATE),
		    "found a Timeout of %u for TakeoverGate, expected at most %d: for so long connections that were begun "
		    "elsewhere stand still if a commit does", c->gate_timeout_s, GATE_S_MAX);
}

/* ---- links ---- */

static bool
is_zero(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

/* Groups whose datagrams never leave the host, or that other protocols live on. */
static bool
is_bad_group(uint8_t l3, const struct ip_addr *a)
{
	if (l3 == L3_IPV4)
		return a->b[0] == 224 && a->b[1] == 0 && a->b[2] == 0;
	/* ff01 is within the host; ff02::1, ::2, ::12: all nodes, all routers, VRRP. */
	if ((a->b[1] & 0x0f) <= 1)
		return true;
	for (size_t i = 2; i < 15; i++) {
		if (a->b[i] != 0)
			return false;
	}
	return (a->b[1] & 0x0f) == 2 && (a->b[15] == 1 || a->b[15] == 2 || a->b[15] == 0x12);
}

static void
advise_link_buffers(struct parser *p, const struct config_link *l, struct pos pos)
{
	if (l->transport != TRANSPORT_TCP && l->rcvbuf < BUFFER_LINK_MIN)
		say(p, BUFFER_LINK, pos,
		    "found a receive buffer of %u bytes%s, expected at least %u: a burst of the peer's "
		    "is lost, and sent again", l->rcvbuf, l->rcvbuf == 0 ? " (that of the system)" : "",
		    BUFFER_LINK_MIN);
	if (l->rcvbuf > BUFFER_HUGE || l->sndbuf > BUFFER_HUGE)
		say(p, BUFFER_TOO_LARGE, pos, "found a buffer of %u bytes, expected at most %u: the memory is the "
		    "kernel's", l->rcvbuf > l->sndbuf ? l->rcvbuf : l->sndbuf, BUFFER_HUGE);
}

static void
advise_link(struct parser *p, const struct config_link *l, struct pos pos)
{
	char group[ADDR_TEXT_MAX];

	if (!l->checksum && l->transport != TRANSPORT_TCP)
		say(p, CHECKSUM_OFF, pos,
		    "found Checksum off, expected on: a bit that the cable flips becomes part of a flow "
		    "of the peer's kernel");
	if (strcmp(l->ifname, "lo") == 0)
		say(p, LINK_LOOPBACK, pos, "found the Interface lo, expected one that leads to another host");
	if (l->port < PORT_PRIVILEGED)
		say(p, PORT_LOW, pos,
		    "found port %u, expected one from %d on: it takes CAP_NET_BIND_SERVICE, which the service "
		    "does not have", l->port, PORT_PRIVILEGED);
	if (l->transport == TRANSPORT_MULTICAST && is_bad_group(l->l3, &l->group)) {
		addr_print(l->l3, &l->group, group);
		say(p, MULTICAST_SCOPE, pos,
		    "found the group %s, expected one that is not reserved, such as %s: others listen there "
		    "too, or it does not leave the host", group, l->l3 == L3_IPV4 ? "225.0.0.50" : "ff02::3780");
	}
	advise_link_buffers(p, l, pos);
}

static void
advise_links(struct parser *p)
{
	const struct config *c = p->c;

	for (size_t i = 0; i < c->links_count; i++)
		advise_link(p, &c->links[i], p->d.links[i].pos);
	for (size_t i = 1; i < c->links_count; i++) {
		if (c->links[i].transport == TRANSPORT_MULTICAST && c->links[i].port == c->links[0].port)
			say(p, MULTICAST_SAME, p->d.links[i].pos,
			    "found Group %u as in line %u, expected another: conntrackd 1.4 as the peer hears on "
			    "each link what comes on all", c->links[i].port, c->links[0].line);
	}
	if (c->links_count == 1)
		say(p, ONE_LINK, p->d.links[0].pos,
		    "found one dedicated link: while it is down nothing is replicated");
}

/* ---- the filter ---- */

static bool
passes(const struct filter *f, uint8_t l3, uint8_t l4, const struct ip_addr *src, const struct ip_addr *dst)
{
	struct flow flow;

	flow_init(&flow);
	flow.key.l3 = l3;
	flow.key.l4 = l4;
	flow.key.src = *src;
	flow.key.dst = *dst;
	flow.l4.tcp.state = TCP_ESTABLISHED;
	flow.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | (l4 == L4_TCP ? HAS_STATE : 0);
	flow_invert(&flow.key, &flow.reply);
	return filter_passes(f, &flow);
}

static void
advise_filter_of_links(struct parser *p)
{
	const struct config *c = p->c;

	for (size_t i = 0; i < c->links_count; i++) {
		const struct config_link *l = &c->links[i];
		uint8_t l4 = l->transport == TRANSPORT_TCP ? L4_TCP : L4_UDP;
		const struct ip_addr *src = is_zero(&l->local) ? &l->group : &l->local;
		char addr[ADDR_TEXT_MAX];

		/* An IPv6 group alone does not tell which address of ours is used. */
		if (is_zero(&l->local) && l->transport == TRANSPORT_MULTICAST)
			continue;
		if (!passes(&c->node.filter, l->l3, l4, src, &l->group))
			continue;
		addr_print(l->l3, src, addr);
		say(p, FILTER_LINK, p->d.links[i].pos,
		    "found a filter that lets the traffic of this link pass, expected Address Ignore to hold "
		    "%s: the flows of the replication are replicated themselves", addr);
	}
}

static void
advise_filter(struct parser *p)
{
	static const struct ip_addr lo = {{127, 0, 0, 1}};
	const struct filter *f = &p->c->node.filter;

	if (f->proto_polarity == FILTER_NONE && f->addr_polarity == FILTER_NONE &&
	    f->state_polarity == FILTER_NONE) {
		say(p, FILTER_NONE_AT_ALL, whole_file,
		    "found no Filter, expected Address Ignore with this node's addresses: what ends here (loopback, "
		    "logins, the link itself) is replicated, and no peer can make use of it");
		return;
	}
	if (f->state_polarity != FILTER_NONE &&
	    !!(f->tcp_states & (1u << TCP_ESTABLISHED)) != (f->state_polarity == FILTER_ACCEPT))
		say(p, FILTER_ESTABLISHED, p->d.polarity_pos[TEST_STATE],
		    "found a State list that leaves out ESTABLISHED, expected it to pass: connections that "
		    "work are not replicated");
	advise_filter_of_links(p);
	if (passes(f, L3_IPV4, L4_TCP, &lo, &lo))
		say(p, FILTER_LOOPBACK, whole_file,
		    "found a filter that lets 127.0.0.1 pass, expected it in Address Ignore: programs of this node that "
		    "talk to each other fill the peer's cache");
}

/* ---- General ---- */

static void
advise_events(struct parser *p)
{
	const struct config *c = p->c;
	struct pos pos = last_of(p, "NetlinkBufferSize", "SocketBufferSize", IN_GENERAL);
	struct pos reliable = parse_seen(p, "NetlinkEventsReliable", IN_GENERAL);
	struct pos in_stats = parse_seen(p, "NetlinkEventsReliable", IN_STATS);
	uint32_t most = c->netlink_rcvbuf > c->netlink_rcvbuf_max ? c->netlink_rcvbuf : c->netlink_rcvbuf_max;

	if (c->poll_s != 0) {
		say(p, POLLING, parse_seen(p, "PollSecs", IN_GENERAL),
		    "found PollSecs %u, expected events: what happened in the last %u s is lost in a takeover, and "
		    "flows that are shorter are never told", c->poll_s, c->poll_s);
		return;
	}
	if (most < BUFFER_EVENTS_MIN)
		say(p, BUFFER_EVENTS, pos,
		    "found a buffer for events that grows to %u bytes%s, expected at least %u: a burst of new "
		    "connections overruns it, and the whole table is read again", most,
		    most == 0 ? " (that of the system, which does not grow)" : "", BUFFER_EVENTS_MIN);
	if (most > BUFFER_HUGE)
		say(p, BUFFER_TOO_LARGE, pos, "found a buffer of %u bytes, expected at most %u: the memory is the "
		    "kernel's", most, BUFFER_HUGE);
	if (c->netlink_reliable)
		say(p, EVENTS_RELIABLE, is_set(in_stats) ? in_stats : reliable,
		    "found NetlinkEventsReliable on, expected off: under load ended flows stay in the kernel's "
		    "table until their event is taken, and a full table drops packets");
	if (c->overrun_resync_s == 0)
		say(p, OVERRUN_RESYNC_OFF, parse_seen(p, "NetlinkOverrunResync", IN_GENERAL),
		    "found NetlinkOverrunResync off, expected on: after lost events the peers' replicas stay "
		    "wrong");
}

static void
advise_path(struct parser *p, const char *what, const char *path, struct pos pos)
{
	if (strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/var/tmp/", 9) == 0)
		say(p, PATH_SHARED, pos,
		    "found %s in a directory that everybody can write to, expected /run: any user can be there "
		    "first and keep the daemon from starting", what);
}

static void
advise_general(struct parser *p)
{
	const struct config *c = p->c;
	struct pos systemd = parse_seen(p, "Systemd", IN_GENERAL);

	advise_path(p, "LockFile", c->lock_file, parse_seen(p, "LockFile", IN_GENERAL));
	advise_path(p, "the UNIX Path", c->unix_path, parse_seen(p, "Path", IN_UNIX));
	if (c->node.limit < HASH_LIMIT_MIN)
		say(p, HASH_LIMIT_LOW, parse_seen(p, "HashLimit", IN_GENERAL),
		    "found HashLimit %u: flows beyond that are not replicated; memory is only used as far as there "
		    "are flows", c->node.limit);
	if (c->sched_asked && c->sched_priority > PRIORITY_MAX)
		say(p, SCHEDULER_HIGH, parse_seen(p, "Priority", IN_SCHEDULER),
		    "found Priority %u, expected at most %d: the kernel's threads for interrupts have 50, and packets "
		    "wait for this daemon then", c->sched_priority, PRIORITY_MAX);
	if (!c->has_log_file && c->syslog_facility < 0)
		say(p, LOG_NOWHERE, whole_file,
		    "found neither LogFile nor Syslog: what happens is told to standard error only, to nobody with -d");
	if (is_set(systemd) && !c->systemd)
		say(p, SYSTEMD_OFF, systemd, "found Systemd off: no watchdog restarts a daemon that hangs, and units "
		    "ordered after it start before it is ready");
}

static bool
is_same_helper_before(const struct config *c, size_t i)
{
	for (size_t before = 0; before < i; before++) {
		if (strcmp(c->helpers[before].name, c->helpers[i].name) == 0)
			return true;
	}
	return false;
}

static void
advise_helpers(struct parser *p)
{
	struct pos pos = parse_seen(p, "Helper", IN_TOP);

	for (size_t i = 0; i < p->c->helpers_count; i++) {
		const char *name = p->c->helpers[i].name, *module = config_helper_module(name);

		if (is_same_helper_before(p->c, i))
			continue;
		say(p, HELPER_NOT_RUN, pos,
		    "found the helper %s, which this daemon does not run: %s%s", name,
		    module != NULL ? "use the kernel's, modprobe " : "there is none in the kernel",
		    module != NULL ? module : "");
	}
}

void
advise(struct parser *p)
{
	advise_repeated(p);
	if (p->c->has_sync) {
		advise_timeouts(p);
		advise_mode(p);
		advise_takeover(p);
		advise_links(p);
		advise_filter(p);
	}
	advise_events(p);
	advise_general(p);
	advise_helpers(p);
}
