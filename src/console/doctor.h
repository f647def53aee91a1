/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.h: `conntrackd doctor': facts about this machine, and what is found in them.
 *
 * doctor_facts.c, doctor_net.c, doctor_nft.c, doctor_kernel.c and doctor_daemon.c gather; doctor_judge.c,
 * doctor_judge_net.c and doctor_peer.c judge, which is pure: no system call, no clock.
 */
#ifndef CONSOLE_DOCTOR_H
#define CONSOLE_DOCTOR_H

#include <jansson.h>

#include "config.h"

enum {
	DOCTOR_FINDINGS_MAX = 128,
	DOCTOR_NAME_MAX = 64,
	DOCTOR_IFACES_MAX = 256,
	DOCTOR_ADDRS_MAX = 2048,
	DOCTOR_NAT_MAX = 64,
	DOCTOR_HELPERS_MAX = 32,
	DOCTOR_SCRIPTS_MAX = 32,
	DOCTOR_VIPS_MAX = 256,
	DOCTOR_PATH_MAX = 256,
	DOCTOR_UNKNOWNS_MAX = 16,
};

/* Not known: nobody could be asked. */
#define UNKNOWN (-1)

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

/* One row each in doctor.c, with a name that stays. */
enum finding_code {
	/* the kernel's table */
	FOUND_CONNTRACK_MISSING,
	FOUND_MODULE_MISSING,
	FOUND_EVENTS_OFF,
	FOUND_HASH_LIMIT,
	FOUND_TABLE_SMALL,
	FOUND_TABLE_FULL,
	FOUND_TABLE_FILLING,
	FOUND_TAKEOVER_TOO_LARGE,
	FOUND_BUCKETS_FEW,
	FOUND_TCP_LOOSE,
	FOUND_WINDOW_TRACKING,
	FOUND_HELPER_MISSING,
	FOUND_HELPER_AUTO,
	FOUND_ZONES,
	FOUND_OFFLOAD,
	/* this machine */
	FOUND_KERNEL_OLD,
	FOUND_REALTIME_OFF,
	FOUND_REALTIME_UNBOUNDED,
	FOUND_FORWARDING_OFF,
	FOUND_MEMORY,
	FOUND_CLOCK_UNSYNCHRONISED,
	FOUND_LOG_DISK,
	/* buffers */
	FOUND_EVENTS_BUFFER,
	FOUND_EVENTS_BUFFER_NEEDS_RIGHT,
	FOUND_EVENTS_LOST,
	FOUND_LINK_BUFFER,
	FOUND_LINK_DROPPED,
	/* links */
	FOUND_LINK_MISSING,
	FOUND_LINK_DOWN,
	FOUND_LINK_NO_CARRIER,
	FOUND_LINK_ADDRESS_ABSENT,
	FOUND_LINK_ADDRESS_ELSEWHERE,
	FOUND_LINK_ADDRESS_DUPLICATE,
	FOUND_LINK_ADDRESS_TENTATIVE,
	FOUND_LINK_NOT_MULTICAST,
	FOUND_LINK_NOT_MEMBER,
	FOUND_LINK_NOT_DEDICATED,
	FOUND_LINK_MTU_PATH,
	FOUND_LINK_MTU_LARGE,
	FOUND_LINK_PEER_FAR,
	FOUND_LINK_SILENT,
	FOUND_LINK_FIREWALL,
	FOUND_LINK_TRACKED,
	FOUND_PEER_SILENT,
	FOUND_PEER_UNKNOWN,
	/* addresses */
	FOUND_NAT_ADDRESS,
	FOUND_NAT_ADDRESS_PERHAPS,
	FOUND_FILTER_OWN,
	/* files and services */
	FOUND_DAEMON_DOWN,
	FOUND_DAEMON_OTHER_VERSION,
	FOUND_CONFIG_CHANGED,
	FOUND_CONFIG_REMARKS,
	FOUND_CONFIG_WRITABLE,
	FOUND_DIRECTORY_MISSING,
	FOUND_SOCKET_LEFT,
	FOUND_SOCKET_OTHER,
	FOUND_LOCK_LEFT,
	FOUND_SCRIPT,
	FOUND_KEEPALIVED_FIFO,
	FOUND_KEEPALIVED_NAME,
	FOUND_KEEPALIVED_TRACK_FILE,
	/* the two nodes */
	FOUND_NODES_DIFFER,
	FOUND_NODES_SAME_ADDRESS,
	FOUND_NODES_MISS,
	FOUND_NODES_MAY_DIFFER,
	FOUND_PEER_NOT_KNOWN,
	/* of the looking itself */
	FOUND_NOT_LOOKED,
	FOUND_CODES,
};

struct number {
	const char *name;
	int64_t value;
};

struct finding {
	enum finding_code code;
	char subject[DOCTOR_NAME_MAX]; /* an interface, an address, a file; may be empty */
	char text[320];
	char advice[320]; /* the command, or what to see to */
	struct number numbers[4];
	size_t numbers_count;
};

struct findings {
	struct finding list[DOCTOR_FINDINGS_MAX];
	size_t count;
	size_t left_out; /* for want of room */
};

/* doctor.c */
const char *finding_name(enum finding_code code);
enum severity finding_severity(enum finding_code code);
const char *severity_name(enum severity s);
/* Adds one, to be completed by the two below; never NULL. */
struct finding *found(struct findings *fs, enum finding_code code, const char *subject, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
void advise_do(struct finding *f, const char *fmt, ...) ATTR_PRINTF(2, 3);
void finding_number(struct finding *f, const char *name, int64_t value);

/* ---- facts ---- */

struct iface {
	char name[CONFIG_IFNAME_MAX];
	unsigned int index;
	int64_t mtu;
	bool up, carrier, multicast, loopback;
};

struct iface_addr {
	unsigned int index; /* of the interface */
	uint8_t l3;
	uint8_t prefix;
	bool tentative, duplicate;
	struct ip_addr addr;
};

/* What is where an address leads. */
enum addr_place { ADDR_UNKNOWN, ADDR_HERE, ADDR_ROUTED_AWAY, ADDR_BLACKHOLE };

struct nat_addr {
	uint8_t l3;
	struct ip_addr addr;
	uint64_t flows;
	enum addr_place place;
	bool of_keepalived; /* it brings this address with the role */
};

struct named_count {
	char name[DOCTOR_NAME_MAX];
	uint64_t flows;
	char module[DOCTOR_NAME_MAX]; /* empty: not known which one it takes */
	int present;                  /* 1, 0, UNKNOWN */
	bool configured;              /* ExpectationSync names it */
};

/* Per dedicated link. */
struct link_facts {
	int member;         /* of the group: 1, 0, UNKNOWN */
	int64_t path_mtu;   /* to the peer; UNKNOWN */
	int64_t rcvbuf;     /* granted; UNKNOWN */
	int64_t sent, received, dropped; /* datagrams; UNKNOWN */
	bool has_default_route;
	int tracked;        /* entries of its traffic in the kernel's table; UNKNOWN */
	int notrack;        /* a rule that matches it says notrack: 1, 0, UNKNOWN */
	int rule_drops;     /* what a look at the rules says of its input: 1 dropped, 0 not seen to be, UNKNOWN */
	char rule[DOCTOR_NAME_MAX * 2]; /* which chain does */
};

enum file_state { FILE_ABSENT, FILE_OK, FILE_NOT_EXECUTABLE, FILE_OTHER };

struct script_facts {
	char path[DOCTOR_PATH_MAX];
	enum file_state state;
};

struct facts {
	bool root;
	int major, minor; /* of the kernel; 0: not known */

	/* sysctls; UNKNOWN if absent */
	int64_t conntrack_max, conntrack_count, conntrack_buckets, events, tcp_loose, tcp_be_liberal, helper_auto;
	int64_t rmem_max, rt_runtime_us, ip_forward, ip6_forward;
	int64_t memory_available; /* bytes */
	int module_conntrack, module_netlink, module_nfnetlink, module_tables; /* 1, 0, UNKNOWN */

	/* the kernel's table, if it could be read */
	bool table_read;
	uint64_t zoned, offloaded;
	uint32_t zone_example;
	int flowtables; /* UNKNOWN */

	struct named_count helpers[DOCTOR_HELPERS_MAX];
	size_t helpers_count;

	struct iface ifaces[DOCTOR_IFACES_MAX];
	size_t ifaces_count;
	struct iface_addr addrs[DOCTOR_ADDRS_MAX];
	size_t addrs_count;
	struct link_facts links[NODE_LINKS_MAX];

	struct nat_addr nat[DOCTOR_NAT_MAX];
	size_t nat_count;
	uint64_t nat_others; /* flows whose address found no room */

	int clock_synchronised; /* 1, 0, UNKNOWN */
	int64_t clock_error_us;

	/* files */
	int config_mode;  /* permission bits; UNKNOWN */
	bool lock_there, lock_held;
	enum file_state socket; /* FILE_OK: a socket; FILE_OTHER: something else */
	char missing_dirs[4][DOCTOR_PATH_MAX];
	size_t missing_dirs_count;
	int64_t log_free_percent; /* UNKNOWN */
	size_t config_warnings;

	/* keepalived */
	bool keepalived_read;
	/* Does it name what VRRP of the configuration names: 1, 0, UNKNOWN */
	int fifo_named, name_named, track_file_named;
	struct script_facts scripts[DOCTOR_SCRIPTS_MAX];
	size_t scripts_count;
	struct filter_net vips[DOCTOR_VIPS_MAX];
	size_t vips_count;

	/* the daemon */
	bool daemon;
	bool daemon_mute; /* somebody answers, but not to us, or not in words */
	char version[DOCTOR_NAME_MAX]; /* of the daemon that runs */
	char own_version[DOCTOR_NAME_MAX];
	char config_sum[24], own_config_sum[24];
	int64_t uptime_s, events_buffer, overruns, external_flows;
	size_t peers, peers_silent;
	int64_t peer_silent_ms; /* the longest */

	/* what could not be looked at, and why */
	char unknowns[DOCTOR_UNKNOWNS_MAX][160];
	size_t unknowns_count;
};

/* All unknown. */
void facts_init(struct facts *f);
/* One more that could not be looked at. */
void facts_unknown(struct facts *f, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The helper of that name, entered if it is not there; NULL if there is no room. */
struct named_count *facts_helper(struct facts *f, const char *name);
const struct iface *facts_iface(const struct facts *f, const char *name);

/*
 * Gathering.  `root` is "" or, for tests, a directory in whose proc, sys and so on all files are looked for.
 */
void gather_kernel(struct facts *f, const char *root);
void gather_files(struct facts *f, const char *root, const struct config *cfg, const char *config_path);
void gather_keepalived(struct facts *f, const char *root, const struct config_vrrp *vrrp);
void gather_helpers(struct facts *f, const char *root, const struct config *cfg);
void gather_groups(struct facts *f, const char *root, const struct config *cfg);
void gather_clock(struct facts *f);
void gather_net(struct facts *f, const struct config *cfg);
/* Where the addresses of replicated flows lead, once gather_daemon() knows them. */
void gather_places(struct facts *f);
/* Reads the kernel's table, unless it is longer than is good for it. */
void gather_table(struct facts *f, const struct config *cfg);
/* `ruleset` is what `nft -j list ruleset' prints.  Pure. */
void gather_rules(struct facts *f, const json_t *ruleset, const struct config *cfg);
void gather_ruleset(struct facts *f, const struct config *cfg);
/* From the daemon's documents, of which each may be NULL.  Pure. */
void gather_daemon(struct facts *f, const json_t *status, const json_t *inspected);

/* ---- judging: pure ---- */

void judge(const struct facts *f, const struct config *cfg, struct findings *out);
/* doctor_judge_net.c */
void judge_links(const struct facts *f, const struct config *cfg, struct findings *out);
void judge_addresses(const struct facts *f, const struct config *cfg, struct findings *out);
/* What two nodes must have alike, and must not. */
void judge_peer_config(const struct config *own, const struct config *peer, struct findings *out);

/* FNV-1a of text, as 16 hexadecimal digits: as the daemon makes it of its configuration. */
void config_text_sum(const char *text, char out[24]);

#endif
