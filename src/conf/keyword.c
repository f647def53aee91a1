/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyword.c: every keyword that a conntrackd.conf of any year may hold, one row each.
 */
#include "set.h"
#include "word.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	INT_MAX_OLD = 2147483647, /* what the int of older versions could hold */
	BUCKETS_MAX = 1u << 30,
};

#define CONFIG(field)                                                                              \
	.store = STORE_CONFIG, .offset = offsetof(struct config, field),                           \
	.size = sizeof(((struct config *)NULL)->field)
#define LINK(field)                                                                                \
	.store = STORE_LINK, .offset = offsetof(struct config_link, field),                        \
	.size = sizeof(((struct config_link *)NULL)->field)
#define DRAFT(field)                                                                               \
	.store = STORE_DRAFT, .offset = offsetof(struct draft, field),                             \
	.size = sizeof(((struct draft *)NULL)->field)

static const struct keyword keywords[] = {
    /* Top level */
    {"Sync", IN_TOP, ARG_BLOCK, .opens = IN_SYNC, .enter = enter_sync},
    {"General", IN_TOP, ARG_BLOCK, .opens = IN_GENERAL},
    {"Stats", IN_TOP, ARG_BLOCK, .opens = IN_STATS},
    {"Helper", IN_TOP, ARG_BLOCK, .opens = IN_HELPER},
    {"IgnoreTrafficFor", IN_TOP, ARG_BLOCK, .opens = IN_ADDRS, .enter = enter_ignore_traffic,
	.obsolete = "say Filter { Address Ignore { ... } } in General"},
    {"IgnoreProtocol", IN_TOP, ARG_BLOCK, .opens = IN_PROTOCOLS, .enter = enter_ignore_protocol,
	.obsolete = "say Filter { Protocol Ignore { ... } } in General"},
    {"StripNAT", IN_TOP, ARG_NONE, .obsolete = "it has no effect, remove it"},

    /* Sync */
    {"Mode", IN_SYNC, ARG_BLOCK, .opens = IN_FTFW, .enter = enter_mode},
    {"Multicast", IN_SYNC, ARG_BLOCK, .opens = IN_MULTICAST, .enter = enter_multicast,
	.leave = leave_link},
    {"UDP", IN_SYNC, ARG_BLOCK, .opens = IN_UDP, .enter = enter_udp, .leave = leave_link},
    {"TCP", IN_SYNC, ARG_BLOCK, .opens = IN_TCP, .enter = enter_tcp, .leave = leave_link},
    {"Options", IN_SYNC, ARG_BLOCK, .opens = IN_OPTIONS},
    {"Checksum", IN_SYNC, ARG_BOOL, DRAFT(sync_checksum)},
    {"Replicate", IN_SYNC, ARG_STATES,
	.obsolete = "say Filter { State Accept { ... for TCP } } in General"},
    {"CacheWriteThrough", IN_SYNC, ARG_BOOL, CONFIG(node.write_through)},
    {"ListenTo", IN_SYNC, ARG_WORD, .obsolete = "it has no effect, remove it"},
    {"RelaxTransitions", IN_SYNC | IN_MODES, ARG_NONE, .obsolete = "it has no effect, remove it"},
    {"DelayDestroyMessages", IN_SYNC | IN_MODES, ARG_NONE,
	.obsolete = "it has no effect, remove it"},
    {"DestroyTimeout", IN_SYNC | IN_MODES, ARG_INT, .max = INT_MAX_OLD,
	.obsolete = "it has no effect, remove it"},

    /* What is shared with keepalived */
    {"VRRP", IN_SYNC, ARG_BLOCK, .opens = IN_VRRP, .leave = leave_vrrp},
    {"NotifyFifo", IN_VRRP, ARG_PATH, CONFIG(vrrp.fifo), .max = CONFIG_PATH_MAX - 1},
    {"Instance", IN_VRRP, ARG_WORD, .set = set_vrrp_instance},
    {"Group", IN_VRRP, ARG_WORD, .set = set_vrrp_group},
    {"TrackFile", IN_VRRP, ARG_PATH, CONFIG(vrrp.track_file), .max = CONFIG_PATH_MAX - 1},
    {"Weight", IN_VRRP, ARG_WORD, .set = set_vrrp_weight},
    {"HoldMax", IN_VRRP, ARG_INT, CONFIG(vrrp.hold_max_s), .min = 1, .max = 3600},

    /* Mode */
    {"RefreshTime", IN_SYNC | IN_ALARM, ARG_INT, CONFIG(node.refresh_s), .max = INT_MAX_OLD,
	.zero = 60},
    {"CacheTimeout", IN_SYNC | IN_ALARM, ARG_INT, CONFIG(node.cache_timeout_s),
	.max = INT_MAX_OLD, .zero = 180},
    {"CommitTimeout", IN_SYNC | IN_MODES, ARG_INT, CONFIG(node.commit_timeout_s),
	.max = INT_MAX_OLD},
    {"PurgeTimeout", IN_SYNC | IN_MODES, ARG_INT, CONFIG(purge_timeout_s), .max = INT_MAX_OLD,
	.zero = 60},
    {"ResendQueueSize", IN_FTFW, ARG_INT, CONFIG(node.resend_queue), .max = CONFIG_FLOWS_MAX,
	.zero = 131072},
    {"ResendBufferSize", IN_FTFW, ARG_INT, DRAFT(resend_bytes), .max = INT_MAX_OLD,
	.obsolete = "it counts bytes, say ResendQueueSize, which counts entries"},
    {"ACKWindowSize", IN_FTFW, ARG_INT, CONFIG(node.ack_window), .max = INT_MAX_OLD,
	.zero = 300},
    {"DisableInternalCache", IN_NOTRACK, ARG_BOOL, CONFIG(disable_internal)},
    {"DisableExternalCache", IN_FTFW | IN_NOTRACK, ARG_BOOL, CONFIG(disable_external)},
    {"StartupResync", IN_FTFW | IN_NOTRACK, ARG_BOOL, CONFIG(startup_resync)},

    /* Options */
    {"TCPWindowTracking", IN_OPTIONS, ARG_BOOL, CONFIG(node.tcp_window_tracking)},
    {"ExpectationSync", IN_OPTIONS, ARG_BOOL_OR_WORDS, .store = STORE_NOTHING,
	.set = set_expectations, .word = add_expect_helper},

    /* TakeoverGate */
    {"TakeoverGate", IN_SYNC, ARG_BLOCK, .opens = IN_GATE, .enter = enter_gate},
    {"Timeout", IN_GATE, ARG_INT, CONFIG(gate_timeout_s), .min = 1, .max = CONFIG_GATE_S_MAX},
    {"HoldUDP", IN_GATE, ARG_BOOL, CONFIG(gate_udp)},

    /* Links */
    {"IPv4_address", IN_MULTICAST, ARG_IPV4, .set = set_group},
    {"IPv6_address", IN_MULTICAST, ARG_IPV6, .set = set_group},
    {"IPv4_interface", IN_MULTICAST, ARG_IPV4, .set = set_mcast_local},
    {"IPv6_interface", IN_MULTICAST, ARG_IPV6,
	.obsolete = "Interface is enough, remove it"},
    {"Group", IN_MULTICAST, ARG_INT, LINK(port), .min = 1, .max = 65535},
    {"Backlog", IN_MULTICAST, ARG_INT, .max = INT_MAX_OLD,
	.obsolete = "it has no effect, remove it"},
    {"IPv4_address", IN_UDP | IN_TCP, ARG_IPV4, .set = set_local},
    {"IPv6_address", IN_UDP | IN_TCP, ARG_IPV6, .set = set_local},
    {"IPv4_Destination_Address", IN_UDP | IN_TCP, ARG_IPV4, .set = set_peer},
    {"IPv6_Destination_Address", IN_UDP | IN_TCP, ARG_IPV6, .set = set_peer},
    {"Port", IN_UDP | IN_TCP, ARG_INT, LINK(port), .min = 1, .max = 65535},
    {"ErrorQueueLength", IN_TCP, ARG_INT, LINK(error_queue), .max = INT_MAX_OLD, .zero = 128},
    {"Interface", IN_LINKS, ARG_IFNAME, .set = set_ifname},
    {"SndSocketBuffer", IN_LINKS, ARG_INT, LINK(sndbuf), .max = INT_MAX_OLD},
    {"RcvSocketBuffer", IN_LINKS, ARG_INT, LINK(rcvbuf), .max = INT_MAX_OLD},
    {"McastSndSocketBuffer", IN_LINKS, ARG_INT, LINK(sndbuf), .max = INT_MAX_OLD,
	.obsolete = "say SndSocketBuffer"},
    {"McastRcvSocketBuffer", IN_LINKS, ARG_INT, LINK(rcvbuf), .max = INT_MAX_OLD,
	.obsolete = "say RcvSocketBuffer"},
    {"Checksum", IN_LINKS, ARG_BOOL, LINK(checksum), .set = set_checksum},

    /* General */
    {"HashSize", IN_GENERAL, ARG_INT, CONFIG(hash_size), .max = BUCKETS_MAX, .zero = 65536},
    {"HashLimit", IN_GENERAL, ARG_INT, CONFIG(node.limit), .max = INT_MAX_OLD, .zero = 262144,
	.set = set_hash_limit},
    {"LogFile", IN_GENERAL, ARG_BOOL_OR_PATH, CONFIG(log_file), .max = CONFIG_PATH_MAX - 1,
	.set = set_log_file},
    {"Syslog", IN_GENERAL, ARG_WORD, .set = set_syslog},
    {"LockFile", IN_GENERAL, ARG_PATH, CONFIG(lock_file), .max = CONFIG_PATH_MAX - 1},
    {"UNIX", IN_GENERAL, ARG_BLOCK, .opens = IN_UNIX},
    {"Path", IN_UNIX, ARG_PATH, CONFIG(unix_path), .max = CONFIG_UNIX_PATH_MAX - 1},
    {"Group", IN_UNIX, ARG_WORD, .set = set_unix_group},
    {"Backlog", IN_UNIX, ARG_INT, .max = INT_MAX_OLD},
    {"NetlinkBufferSize", IN_GENERAL, ARG_INT, CONFIG(netlink_rcvbuf), .max = INT_MAX_OLD},
    {"SocketBufferSize", IN_GENERAL, ARG_INT, CONFIG(netlink_rcvbuf), .max = INT_MAX_OLD},
    {"NetlinkBufferSizeMaxGrowth", IN_GENERAL, ARG_INT, CONFIG(netlink_rcvbuf_max),
	.max = INT_MAX_OLD},
    {"SocketBufferSizeMaxGrowth", IN_GENERAL, ARG_INT, CONFIG(netlink_rcvbuf_max),
	.max = INT_MAX_OLD},
    {"SocketBufferSizeMaxGrown", IN_GENERAL, ARG_INT, CONFIG(netlink_rcvbuf_max),
	.max = INT_MAX_OLD},
    {"NetlinkOverrunResync", IN_GENERAL, ARG_BOOL_OR_INT, CONFIG(overrun_resync_s),
	.max = INT_MAX_OLD, .zero = 30, .set = set_overrun_resync},
    {"NetlinkEventsReliable", IN_GENERAL, ARG_BOOL, CONFIG(netlink_reliable)},
    {"PollSecs", IN_GENERAL, ARG_INT, CONFIG(poll_s), .min = 1, .max = INT_MAX_OLD},
    {"EventIterationLimit", IN_GENERAL, ARG_INT, CONFIG(event_iteration_limit),
	.max = INT_MAX_OLD, .zero = 100},
    {"Nice", IN_GENERAL, ARG_SIGNED,
	.obsolete = "it has no effect, start the daemon under nice(1)"},
    {"Scheduler", IN_GENERAL, ARG_BLOCK, .opens = IN_SCHEDULER},
    {"Type", IN_SCHEDULER, ARG_WORD, .set = set_sched_type},
    {"Priority", IN_SCHEDULER, ARG_INT, CONFIG(sched_priority), .max = 99},
    {"Systemd", IN_GENERAL, ARG_BOOL, CONFIG(systemd)},
    {"Family", IN_GENERAL, ARG_WORD, .obsolete = "both families are replicated, remove it"},

    /* Filter */
    {"Filter", IN_GENERAL, ARG_BLOCK, .opens = IN_FILTER, .enter = enter_filter},
    {"Protocol", IN_FILTER, ARG_BLOCK, .opens = IN_PROTOCOLS, .enter = enter_protocol},
    {"Address", IN_FILTER, ARG_BLOCK, .opens = IN_NETS, .enter = enter_address},
    {"State", IN_FILTER, ARG_BLOCK, .opens = IN_STATES, .enter = enter_state},
    {"IPv4_address", IN_NETS, ARG_IPV4, .nets = true, .set = filter_add_net},
    {"IPv6_address", IN_NETS, ARG_IPV6, .nets = true, .set = filter_add_net},
    {"IPv4_address", IN_ADDRS, ARG_IPV4, .set = filter_add_net},
    {"IPv6_address", IN_ADDRS, ARG_IPV6, .set = filter_add_net},

    /* Stats */
    {"LogFile", IN_STATS, ARG_BOOL_OR_PATH, CONFIG(stats_log), .max = CONFIG_PATH_MAX - 1,
	.set = set_stats_log_file},
    {"Syslog", IN_STATS, ARG_WORD, .set = set_stats_syslog},
    {"NetlinkEventsReliable", IN_STATS, ARG_BOOL, CONFIG(netlink_reliable)},
    {"LogFileBufferSize", IN_STATS, ARG_INT, .max = INT_MAX_OLD,
	.obsolete = "it has no effect, remove it"},

    /* Helper */
    {"Setup", IN_HELPER, ARG_BOOL, CONFIG(helper_setup)},
    {"Type", IN_HELPER, ARG_BLOCK, .opens = IN_HELPER_TYPE, .enter = enter_helper_type},
    {"QueueNum", IN_HELPER_TYPE, ARG_INT, .max = 65535, .set = set_queue_num},
    {"QueueLen", IN_HELPER_TYPE, ARG_INT, .max = INT_MAX_OLD, .set = set_queue_len},
    {"Policy", IN_HELPER_TYPE, ARG_BLOCK, .opens = IN_POLICY, .enter = enter_policy,
	.leave = leave_policy},
    {"ExpectMax", IN_POLICY, ARG_INT, .max = INT_MAX_OLD, .set = set_expect_max},
    {"ExpectTimeout", IN_POLICY, ARG_INT, .max = INT_MAX_OLD, .set = set_expect_timeout},
};
_Static_assert(ARRAY_LEN(keywords) <= KEYWORDS_MAX, "parser.seen has one element per row");

static const char *const scope_name[SCOPES_COUNT] = {
    "the top level", "Sync", "Mode FTFW", "Mode ALARM", "Mode NOTRACK", "Options", "Multicast",
    "UDP", "TCP", "General", "UNIX", "Scheduler", "Filter", "a protocol list", "a state list",
    "Filter Address", "IgnoreTrafficFor", "Stats", "Helper", "Helper Type", "Policy", "TakeoverGate",
    "VRRP",
};

const struct keyword *
keyword_table(size_t *count)
{
	*count = ARRAY_LEN(keywords);
	return keywords;
}

const struct keyword *
keyword_find(const struct token *word, uint32_t scope)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if ((keywords[i].scopes & scope) && token_is(word, keywords[i].name))
			return &keywords[i];
	}
	return NULL;
}

void
scope_names(uint32_t scopes, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < SCOPES_COUNT && len < cap; i++) {
		if (scopes & (1u << i)) {
			int n = snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "",
			    scope_name[i]);

			len += (size_t)n;
		}
	}
}

const char *
keyword_suggest(const struct token *word, uint32_t scope, bool *only_case)
{
	const char *best = NULL;
	size_t best_cost = SIZE_MAX;

	*only_case = false;
	if (word->len < 3)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const char *name = keywords[i].name;
		size_t len = strlen(name);
		/* At equal distance the word that is legal here is the likelier one. */
		size_t elsewhere = (keywords[i].scopes & scope) ? 0 : 1;
		size_t distance;

		distance = word_distance(word->text, word->len, name, len);
		if (!word_is_near(distance, len))
			continue;
		if (distance * 2 + elsewhere < best_cost) {
			best_cost = distance * 2 + elsewhere;
			best = name;
			*only_case = distance == 0;
		}
	}
	return best;
}
