/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h: the configuration as plain data: what conntrackd.conf(5) can say, with defaults.
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include "node.h"

enum {
	CONFIG_PATH_MAX = 257,      /* LogFile, LockFile: 256 characters */
	CONFIG_FLOWS_MAX = 1u << 24, /* entries that a table or a queue may hold */
	CONFIG_UNIX_PATH_MAX = 108, /* UNIX Path: 107 characters */
	CONFIG_IFNAME_MAX = 16,
	CONFIG_NETS_MAX = 4096,
	CONFIG_HELPERS_MAX = 64,
	CONFIG_HELPER_NAME_MAX = 16,
	CONFIG_GROUP_MAX = 33,      /* UNIX Group: 32 characters */
	CONFIG_GATE_S_MAX = 30,     /* TakeoverGate Timeout, in seconds */
	CONFIG_VRRP_NAME_MAX = 65,  /* VRRP Instance, Group: 64 characters */
};

enum config_transport { TRANSPORT_MULTICAST, TRANSPORT_UDP, TRANSPORT_TCP };

struct config_link {
	enum config_transport transport;
	bool is_default;
	unsigned int line; /* where it begins in the file */
	char ifname[CONFIG_IFNAME_MAX];
	uint8_t l3;
	struct ip_addr group; /* UDP, TCP: address of the peer */
	struct ip_addr local; /* UDP, TCP: zero for any */
	uint16_t port; /* host order */
	uint32_t error_queue; /* TCP: datagrams kept while there is no connection */
	uint32_t sndbuf;
	uint32_t rcvbuf;
	bool checksum;
};

/* A user-space helper that the file wants; this program runs none, and says so. */
struct config_helper {
	char name[CONFIG_HELPER_NAME_MAX];
	uint8_t l3; /* L3_IPV4 or L3_IPV6 */
	uint8_t l4; /* L4_TCP or L4_UDP */
	uint32_t queue_num;
	uint32_t queue_len; /* 0: the kernel's default */
	bool has_policy;
	uint32_t expect_max;
	uint32_t expect_timeout_s;
};

/* What is shared with keepalived. */
struct config_vrrp {
	char fifo[CONFIG_PATH_MAX];  /* empty: it tells its state by commands, or not at all */
	char name[CONFIG_VRRP_NAME_MAX]; /* whose state counts */
	bool is_group;               /* a vrrp_sync_group, or else a vrrp_instance */
	char track_file[CONFIG_PATH_MAX]; /* empty: this node is never held back */
	int32_t weight;              /* what is in it while the node is held back; negative */
	uint32_t hold_max_s;
};

enum config_sched { SCHED_TYPE_RR, SCHED_TYPE_FIFO };

struct config {
	struct node_cfg node; /* secret and first_seq are left to the daemon */
	/* What node.filter.nets points at: a copy of a struct config must point at its own. */
	struct filter_net nets[CONFIG_NETS_MAX];

	bool filter_in_kernel; /* Filter From Kernelspace: as far as can be told there for certain */

	bool has_sync;
	bool has_stats; /* and no Sync */
	struct config_link links[NODE_LINKS_MAX];
	size_t links_count;
	struct config_vrrp vrrp;

	bool stats_has_log;
	char stats_log[CONFIG_PATH_MAX];
	int stats_facility; /* of the lines about flows that ended; -1: off */

	bool helper_setup;
	struct config_helper helpers[CONFIG_HELPERS_MAX];
	size_t helpers_count;

	bool has_log_file;
	char log_file[CONFIG_PATH_MAX];
	int syslog_facility; /* as in <syslog.h>, -1: off */
	char lock_file[CONFIG_PATH_MAX];
	char unix_path[CONFIG_UNIX_PATH_MAX]; /* empty: none */
	char unix_group[CONFIG_GROUP_MAX];    /* whose members may ask, not command; empty: nobody */
	uint32_t netlink_rcvbuf;     /* bytes; 0: as the system has it */
	uint32_t netlink_rcvbuf_max; /* bytes */
	bool netlink_reliable;       /* events are retried rather than dropped by the kernel */
	uint32_t event_iteration_limit;
	uint32_t overrun_resync_s; /* 0: never */
	uint32_t poll_s; /* the kernel table is read every so many seconds; 0: events are used */
	uint32_t hash_size;
	uint32_t purge_timeout_s; /* delay of the flush that -t schedules */
	enum config_sched sched_type;
	uint32_t sched_priority; /* 1..99; 0: no real-time scheduling */
	bool sched_asked;        /* the file says something about it */
	bool disable_internal;     /* no cache of ours is shown, filled or flushed on order */
	bool disable_external;     /* none of the peers' either: what they tell is written at once */
	bool gate;                 /* a takeover gate, closed while flows are committed */
	bool gate_udp;             /* UDP without an entry is held back, too */
	uint32_t gate_timeout_s;   /* 1..CONFIG_GATE_S_MAX: it is never closed for longer */
	bool startup_resync;       /* ask for everything at once, and not only who is heard */
	bool systemd;            /* tell the service manager about start, watchdog and stop */
};

/* Notes are what config_check() alone gives. */
enum diag_level { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

/* One remark about the file: `text` says what was found and what was expected. */
struct diag {
	enum diag_level level;
	unsigned int line, col; /* from 1; 0: the file as a whole */
	const char *code; /* a name of advice.c's that stays; NULL: the parser's remark */
	char text[240];
};

enum { CONFIG_DIAGS_MAX = 256 };

struct diags {
	struct diag list[CONFIG_DIAGS_MAX];
	size_t count;  /* sorted by position; remarks about the whole file come last */
	size_t errors; /* also those that found no room in the list */
};

/* All defaults, as if the file were empty. */
void config_defaults(struct config *c);

/*
 * Parses `text` and cross-checks the whole.  All errors are collected; if there is one, returns
 * false and *c must not be used.  Reads no file, resolves no name outside its own tables, prints
 * nothing.
 */
bool config_parse(struct config *c, const char *text, size_t len, struct diags *diags);

/*
 * The same, and if there are no errors remarks about what is legal and yet dangerous (warnings) or worth
 * knowing (notes), each with a code.  For who asks what a file is worth, not for a daemon that starts.
 */
bool config_check(struct config *c, const char *text, size_t len, struct diags *diags);

/* The kernel module that does the work of the helper of that name; NULL if there is none. */
const char *config_helper_module(const char *name);

/* Prints the effective configuration so that it parses back to the same; returns the length it
 * needs (like snprintf). */
size_t config_print(const struct config *c, char *out, size_t cap);

#endif
