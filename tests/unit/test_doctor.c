/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is found in facts: each finding where its reason is there, and not in the nearest case without it.
 */
#include "conf_test.h"

#include "doctor.h"

enum { SETS_MAX = 8, TEXT_ROOM = 8 };

/* A field of struct facts or struct config, and what is put there. */
struct set {
	bool in_config;
	size_t offset, size;
	int64_t value;
};

#define F(field, v) {false, offsetof(struct facts, field), sizeof(((struct facts *)NULL)->field), (v)}
#define C(field, v) {true, offsetof(struct config, field), sizeof(((struct config *)NULL)->field), (v)}

static const struct row {
	enum finding_code code;
	struct set with[SETS_MAX], without[SETS_MAX];
} rows[] = {
    {FOUND_CONNTRACK_MISSING, {F(daemon, 0), F(conntrack_max, UNKNOWN)}, {F(daemon, 0)}},
    {FOUND_MODULE_MISSING, {F(daemon, 0), F(module_netlink, 0)}, {F(daemon, 0), F(module_netlink, UNKNOWN)}},
    {FOUND_MODULE_MISSING, {F(daemon, 0), F(module_nfnetlink, 0)}, {F(module_nfnetlink, 0)}},
    {FOUND_EVENTS_OFF, {F(events, 0)}, {F(events, 2)}},
    {FOUND_EVENTS_OFF, {F(events, 0)}, {F(events, 0), C(poll_s, 5)}},
    {FOUND_HASH_LIMIT, {F(conntrack_max, 262145)}, {F(conntrack_max, 262144)}},
    {FOUND_HASH_LIMIT, {F(conntrack_max, 262145)}, {F(conntrack_max, 262145), C(disable_external, 1)}},
    {FOUND_TABLE_SMALL, {F(conntrack_max, 262143)}, {F(conntrack_max, UNKNOWN)}},
    {FOUND_TABLE_FULL, {F(conntrack_count, 249037)}, {F(conntrack_count, 249036)}},
    {FOUND_TABLE_FILLING, {F(conntrack_count, 209716)}, {F(conntrack_count, 209715)}},
    {FOUND_TAKEOVER_TOO_LARGE, {F(conntrack_count, 200000), F(external_flows, 62145)},
	{F(conntrack_count, 200000), F(external_flows, 62144)}},
    {FOUND_TAKEOVER_TOO_LARGE, {F(conntrack_count, 200000), F(external_flows, 62145)},
	{F(conntrack_count, 200000), F(external_flows, 62145), C(node.write_through, 1)}},
    {FOUND_BUCKETS_FEW, {F(conntrack_buckets, 262144 / 9)}, {F(conntrack_buckets, 262144 / 8)}},
    {FOUND_TCP_LOOSE, {F(tcp_loose, 1)}, {F(tcp_loose, 0)}},
    {FOUND_WINDOW_TRACKING, {C(node.tcp_window_tracking, 1), F(tcp_be_liberal, 1)}, {F(tcp_be_liberal, 1)}},
    {FOUND_HELPER_MISSING, {F(helpers_count, 1), F(helpers[0].flows, 3)},
	{F(helpers_count, 1), F(helpers[0].flows, 3), F(helpers[0].present, 1)}},
    {FOUND_HELPER_MISSING, {F(helpers_count, 1), F(helpers[0].configured, 1)},
	{F(helpers_count, 1), F(helpers[0].configured, 1), F(helpers[0].present, UNKNOWN)}},
    {FOUND_HELPER_AUTO, {F(helper_auto, 1)}, {F(helper_auto, 0)}},
    {FOUND_ZONES, {F(zoned, 1)}, {F(zoned, 0)}},
    {FOUND_OFFLOAD, {F(offloaded, 1)}, {F(offloaded, 0)}},
    {FOUND_OFFLOAD, {F(flowtables, 1)}, {F(flowtables, UNKNOWN)}},
    {FOUND_KERNEL_OLD, {F(major, 5), F(minor, 6)}, {F(major, 5), F(minor, 7)}},
    {FOUND_KERNEL_OLD, {F(major, 4), F(minor, 19)}, {F(major, 0)}},
    {FOUND_REALTIME_OFF, {F(rt_runtime_us, 0)}, {F(rt_runtime_us, 0), C(sched_priority, 0)}},
    {FOUND_REALTIME_UNBOUNDED, {F(rt_runtime_us, -1)}, {F(rt_runtime_us, INT64_MIN)}},
    {FOUND_FORWARDING_OFF, {F(ip_forward, 0), F(ip6_forward, 0)}, {F(ip_forward, 0), F(ip6_forward, 1)}},
    {FOUND_MEMORY, {F(daemon, 0), F(memory_available, 65535999)}, {F(daemon, 0), F(memory_available, 65536000)}},
    {FOUND_CLOCK_UNSYNCHRONISED, {F(clock_synchronised, 0)}, {F(clock_synchronised, UNKNOWN)}},
    {FOUND_LOG_DISK, {F(log_free_percent, 4)}, {F(log_free_percent, 5)}},
    {FOUND_EVENTS_BUFFER, {F(events_buffer, 1900000)}, {F(events_buffer, 2097150)}},
    {FOUND_EVENTS_BUFFER_NEEDS_RIGHT, {F(daemon, 0), F(rmem_max, 212992)}, {F(rmem_max, 212992)}},
    {FOUND_EVENTS_LOST, {F(overruns, 1)}, {F(overruns, 0)}},
    {FOUND_LINK_BUFFER, {F(links[0].rcvbuf, 425984)}, {F(links[0].rcvbuf, 2498560)}},
    {FOUND_LINK_DROPPED, {F(links[0].dropped, 1)}, {F(links[0].dropped, 0)}},
    {FOUND_LINK_MISSING, {F(ifaces[1].name[3], '7')}, {F(ifaces[0].name[1], '7')}},
    {FOUND_LINK_DOWN, {F(ifaces[1].up, 0)}, {F(ifaces[0].up, 0)}},
    {FOUND_LINK_NO_CARRIER, {F(ifaces[1].carrier, 0)}, {F(ifaces[0].carrier, 0)}},
    {FOUND_LINK_ADDRESS_ABSENT, {F(addrs[1].addr.b[3], 101)}, {F(addrs[0].addr.b[3], 101)}},
    {FOUND_LINK_ADDRESS_ELSEWHERE, {F(addrs[1].index, 1)}, {F(addrs[0].index, 1)}},
    {FOUND_LINK_ADDRESS_ELSEWHERE, {F(addrs[1].index, 1)}, {F(addrs[0].addr.b[2], 100), F(addrs[0].addr.b[3], 100)}},
    {FOUND_LINK_ADDRESS_DUPLICATE, {F(addrs[1].duplicate, 1)}, {F(addrs[0].duplicate, 1)}},
    {FOUND_LINK_ADDRESS_TENTATIVE, {F(addrs[1].tentative, 1)}, {F(addrs[1].tentative, 1), F(addrs[1].duplicate, 1)}},
    {FOUND_LINK_NOT_MULTICAST, {F(ifaces[1].multicast, 0)},
	{F(ifaces[1].multicast, 0), C(links[0].transport, TRANSPORT_UDP)}},
    {FOUND_LINK_NOT_MEMBER, {F(links[0].member, 0)}, {F(links[0].member, 0), F(daemon, 0)}},
    {FOUND_LINK_NOT_MEMBER, {F(links[0].member, 0)}, {F(links[0].member, UNKNOWN)}},
    {FOUND_LINK_NOT_DEDICATED, {F(links[0].has_default_route, 1)}, {F(links[1].has_default_route, 1)}},
    {FOUND_LINK_MTU_PATH, {F(links[0].path_mtu, 1499)}, {F(links[0].path_mtu, 1500)}},
    {FOUND_LINK_MTU_LARGE, {F(ifaces[1].mtu, 1501)}, {F(ifaces[1].mtu, 1500)}},
    {FOUND_LINK_PEER_FAR, {C(links[0].transport, TRANSPORT_UDP), C(links[0].group.b[0], 10)},
	{C(links[0].transport, TRANSPORT_UDP), C(links[0].group.b[0], 192), C(links[0].group.b[1], 168),
	    C(links[0].group.b[2], 100), C(links[0].group.b[3], 200)}},
    {FOUND_LINK_SILENT, {F(links[0].received, 0)}, {F(links[0].received, 0), F(uptime_s, 9)}},
    {FOUND_LINK_SILENT, {F(links[0].received, 0)}, {F(links[0].received, 0), F(links[0].sent, 0)}},
    {FOUND_LINK_FIREWALL, {F(links[0].received, 0), F(links[0].rule_drops, 1)}, {F(links[0].rule_drops, 1)}},
    {FOUND_LINK_FIREWALL, {F(links[0].received, UNKNOWN), F(links[0].rule_drops, 1)},
	{F(links[0].received, UNKNOWN), F(links[0].rule_drops, UNKNOWN)}},
    {FOUND_LINK_TRACKED, {F(links[0].tracked, 2)}, {F(links[0].tracked, UNKNOWN)}},
    {FOUND_PEER_SILENT, {F(peers_silent, 1)}, {F(peers_silent, 0)}},
    {FOUND_PEER_UNKNOWN, {F(peers, 0)}, {F(peers, 0), F(uptime_s, 9)}},
    {FOUND_NAT_ADDRESS, {F(nat_count, 1), F(keepalived_read, 1)},
	{F(nat_count, 1), F(keepalived_read, 1), F(nat[0].of_keepalived, 1)}},
    {FOUND_NAT_ADDRESS, {F(nat_count, 1), F(keepalived_read, 1)},
	{F(nat_count, 1), F(keepalived_read, 1), F(nat[0].place, ADDR_HERE)}},
    {FOUND_NAT_ADDRESS_PERHAPS, {F(nat_count, 1)}, {F(nat_count, 1), F(nat[0].place, ADDR_BLACKHOLE)}},
    {FOUND_NAT_ADDRESS_PERHAPS, {F(nat_count, 1), F(keepalived_read, 1), F(nat[0].place, ADDR_UNKNOWN)},
	{F(nat_count, 1), F(keepalived_read, 1)}},
    {FOUND_FILTER_OWN, {F(addrs[2].index, 2), F(addrs_count, 3)}, {F(addrs[2].index, 3), F(addrs_count, 3)}},
    {FOUND_FILTER_OWN, {F(vips_count, 1)}, {F(vips_count, 1), C(nets[0].addr.b[3], 99)}},
    {FOUND_DAEMON_DOWN, {F(daemon, 0)}, {F(daemon, 0), F(daemon_mute, 1)}},
    {FOUND_DAEMON_OTHER_VERSION, {F(version[0], '3')}, {F(version[0], '3'), F(own_version[0], '3')}},
    {FOUND_CONFIG_CHANGED, {F(config_sum[0], 'f')}, {F(config_sum[0], 'f'), F(version[0], '3')}},
    {FOUND_CONFIG_CHANGED, {F(config_sum[0], 'f')}, {F(config_sum[0], '\0')}},
    {FOUND_CONFIG_REMARKS, {F(config_warnings, 1)}, {F(config_warnings, 0)}},
    {FOUND_CONFIG_WRITABLE, {F(config_mode, 0664)}, {F(config_mode, 0755)}},
    {FOUND_DIRECTORY_MISSING, {F(missing_dirs_count, 1)}, {F(missing_dirs_count, 0)}},
    {FOUND_SOCKET_LEFT, {F(daemon, 0)}, {F(daemon, 0), F(socket, FILE_ABSENT)}},
    {FOUND_SOCKET_OTHER, {F(socket, FILE_OTHER)}, {F(socket, FILE_ABSENT)}},
    {FOUND_LOCK_LEFT, {F(daemon, 0), F(lock_there, 1), F(lock_held, 0)}, {F(daemon, 0), F(lock_there, 1)}},
    {FOUND_SCRIPT, {F(scripts_count, 1), F(scripts[0].state, FILE_NOT_EXECUTABLE)},
	{F(scripts_count, 1), F(scripts[0].state, FILE_OK)}},
    {FOUND_SCRIPT, {F(scripts_count, 1), F(scripts[0].state, FILE_ABSENT)}, {F(scripts_count, 0)}},
    {FOUND_KEEPALIVED_FIFO, {F(fifo_named, 0)}, {F(fifo_named, 1)}},
    {FOUND_KEEPALIVED_NAME, {F(name_named, 0)}, {F(name_named, UNKNOWN)}},
    {FOUND_KEEPALIVED_TRACK_FILE, {F(track_file_named, 0)}, {F(track_file_named, 1)}},
    {FOUND_NOT_LOOKED, {F(unknowns_count, 1)}, {F(unknowns_count, 0)}},
};

static const char config_text[] =
    "Sync { Mode FTFW { }\n"
    "Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.168.100.100 Interface eth2 Group 3780 "
    "RcvSocketBuffer 1249280 } }\n"
    "General { HashLimit 262144 NetlinkBufferSize 2097152 Scheduler { Type RR Priority 1 }\n"
    "Filter { Address Ignore { IPv4_address 198.18.0.1 IPv4_address 192.168.0.0/16 } } }\n";

static struct facts facts;
static struct config conf;
static struct findings findings;

/* A node that is well. */
static void
healthy(void)
{
	static const struct iface ifaces[] = {
	    {"eth0", 2, 1500, true, true, true, false}, {"eth2", 4, 1500, true, true, true, false},
	    {"lo", 3, 65536, true, true, false, true}};
	static const struct iface_addr addrs[] = {
	    {2, L3_IPV4, 24, false, false, {{192, 168, 0, 1}}}, {4, L3_IPV4, 24, false, false, {{192, 168, 100, 100}}},
	    {3, L3_IPV4, 8, false, false, {{127, 0, 0, 1}}}};
	struct diags d;

	assert_true(parse_text(&conf, config_text, strlen(config_text), &d));
	facts_init(&facts);
	facts.conntrack_max = 262144;
	facts.conntrack_count = 1000;
	facts.conntrack_buckets = 65536;
	facts.events = facts.ip_forward = facts.ip6_forward = facts.clock_synchronised = 1;
	facts.tcp_loose = facts.tcp_be_liberal = facts.helper_auto = 0;
	facts.rmem_max = 4194304;
	facts.rt_runtime_us = 950000;
	facts.memory_available = 1LL << 32;
	facts.module_conntrack = facts.module_netlink = facts.module_nfnetlink = 1;
	facts.major = 6;
	facts.flowtables = 0;
	memcpy(facts.ifaces, ifaces, sizeof(ifaces));
	facts.ifaces_count = ARRAY_LEN(ifaces);
	memcpy(facts.addrs, addrs, sizeof(addrs));
	facts.addrs_count = ARRAY_LEN(addrs);
	facts.links[0] = (struct link_facts){.member = 1, .path_mtu = UNKNOWN, .rcvbuf = 2498560, .sent = 100,
	    .received = 90, .dropped = 0, .tracked = 0, .notrack = 1, .rule_drops = 0};
	facts.daemon = true;
	strcpy(facts.version, "2.0.0");
	strcpy(facts.own_version, "2.0.0");
	strcpy(facts.config_sum, "0123");
	strcpy(facts.own_config_sum, "0123");
	facts.uptime_s = 10;
	facts.events_buffer = 2097152;
	facts.peers = 1;
	facts.config_mode = 0640;
	facts.lock_there = facts.lock_held = true;
	facts.socket = FILE_OK;
	facts.log_free_percent = 50;
	strcpy(facts.helpers[0].name, "ftp");
	strcpy(facts.helpers[0].module, "nf_conntrack_ftp");
	facts.nat[0] = (struct nat_addr){.l3 = L3_IPV4, .addr = {{203, 0, 113, 5}}, .flows = 7, .place = ADDR_ROUTED_AWAY};
	strcpy(facts.scripts[0].path, "/etc/conntrackd/primary-backup.sh");
	facts.vips[0] = (struct filter_net){.l3 = L3_IPV4, .addr = {{198, 18, 0, 99}}};
	strcpy(facts.missing_dirs[0], "/run/conntrackd");
	strcpy(facts.unknowns[0], "something");
}

static void
apply(const struct set sets[SETS_MAX])
{
	for (size_t i = 0; i < SETS_MAX && sets[i].size > 0; i++) {
		const struct set *s = &sets[i];

		/* Little end first, as the machines that run this have it. */
		memcpy((s->in_config ? (char *)&conf : (char *)&facts) + s->offset, &s->value, s->size);
	}
}

static const struct finding *
find(enum finding_code code)
{
	for (size_t i = 0; i < findings.count; i++) {
		if (findings.list[i].code == code)
			return &findings.list[i];
	}
	return NULL;
}

static void
judge_with(const struct set sets[SETS_MAX])
{
	memset(&findings, 0, sizeof(findings));
	healthy();
	apply(sets);
	judge(&facts, &conf, &findings);
}

static void
show(void)
{
	for (size_t i = 0; i < findings.count; i++)
		print_message("# %s: %s\n", finding_name(findings.list[i].code), findings.list[i].text);
}

static void
a_node_that_is_well_has_no_finding(void **state)
{
	static const struct set none[SETS_MAX];

	(void)state;
	judge_with(none);
	show();
	assert_int_equal(findings.count, 0);
}

static void
each_finding_has_its_reason(void **state)
{
	bool seen[FOUND_CODES] = {false};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct finding *f;

		judge_with(rows[i].with);
		f = find(rows[i].code);
		if (f == NULL) {
			show();
			fail_msg("row %zu: no %s", i, finding_name(rows[i].code));
			return;
		}
		/* Whole sentences, with something to do. */
		assert_true(f->text[0] != '\0' && strlen(f->text) < sizeof(f->text) - 1);
		assert_true(strlen(f->advice) < sizeof(f->advice) - 1);
		assert_true(f->advice[0] != '\0' || f->code == FOUND_NOT_LOOKED);
		seen[rows[i].code] = true;
		judge_with(rows[i].without);
		if (find(rows[i].code) != NULL)
			fail_msg("row %zu: %s without a reason", i, finding_name(rows[i].code));
	}
	/* Those of two files have a test of their own. */
	for (int code = 0; code < FOUND_CODES; code++) {
		if (!seen[code] && (code < FOUND_NODES_DIFFER || code > FOUND_PEER_NOT_KNOWN))
			fail_msg("no row for %s", finding_name((enum finding_code)code));
	}
}

static void
names_are_words_and_differ(void **state)
{
	(void)state;
	for (int a = 0; a < FOUND_CODES; a++) {
		const char *name = finding_name((enum finding_code)a);

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(name, finding_name((enum finding_code)b));
	}
}

static void
there_is_an_end_to_findings(void **state)
{
	(void)state;
	memset(&findings, 0, sizeof(findings));
	for (size_t i = 0; i < DOCTOR_FINDINGS_MAX + 3; i++)
		finding_number(found(&findings, FOUND_ZONES, "", "%zu", i), "i", (int64_t)i);
	assert_int_equal(findings.count, DOCTOR_FINDINGS_MAX);
	assert_int_equal(findings.left_out, 3);
}

static void
what_a_peer_names_does_not_reach_the_terminal(void **state)
{
	struct finding *f;

	(void)state;
	memset(&findings, 0, sizeof(findings));
	f = found(&findings, FOUND_HELPER_MISSING, "ftp-\x1b[2J", "a\nb\xff %s", "\x7f");
	advise_do(f, "%s", "\x9b" "1m");
	assert_string_equal(f->subject, "ftp-?[2J");
	assert_string_equal(f->text, "a?b? ?");
	assert_string_equal(f->advice, "?1m");
}

/* ---- two files ---- */

struct pair_row {
	enum finding_code code;
	const char *subject;
	const char *link, *sync, *general; /* what differs on the peer; NULL: as it is here */
};

static void
write_conf(char *out, size_t cap, const char *link, const char *sync, const char *general)
{
	snprintf(out, cap, "Sync { Options { TCPWindowTracking on } %s %s }\nGeneral { HashLimit 100000 %s }\n",
	    sync != NULL ? sync : "Mode ALARM { RefreshTime 60 CacheTimeout 180 }",
	    link != NULL ? link : "Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.2 Interface eth2 Group 3780 }",
	    general != NULL ? general : "Filter { Protocol Accept { TCP } Address Ignore { IPv4_address 10.0.0.0/8 IPv4_address 192.0.2.2 } }");
}

#define HERE "Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Interface eth1 Group 3780 }"
#define FILTER_HERE "Filter { Protocol Accept { TCP } Address Ignore { IPv4_address 10.0.0.0/8 IPv4_address 192.0.2.1 } }"

static const struct pair_row pairs[] = {
    {FOUND_NODES_DIFFER, "Mode", NULL, "Mode FTFW { }", NULL},
    {FOUND_NODES_DIFFER, "the kind of link",
	"UDP { IPv4_address 192.0.2.2 IPv4_Destination_Address 192.0.2.1 Interface eth2 Port 3780 }", NULL, NULL},
    {FOUND_NODES_DIFFER, "the family of a link", "Multicast { IPv6_address ff02::3780 Interface eth2 Group 3780 }", NULL,
	NULL},
    {FOUND_NODES_DIFFER, "Group",
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.2 Interface eth2 Group 3781 }", NULL, NULL},
    {FOUND_NODES_DIFFER, "the multicast group",
	"Multicast { IPv4_address 225.0.0.51 IPv4_interface 192.0.2.2 Interface eth2 Group 3780 }", NULL, NULL},
    {FOUND_NODES_DIFFER, "the number of links", HERE HERE, NULL, NULL},
    {FOUND_NODES_SAME_ADDRESS, "192.0.2.1", HERE, NULL, NULL},
    {FOUND_NODES_MAY_DIFFER, "Checksum",
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.2 Interface eth2 Group 3780 Checksum off }", NULL, NULL},
    {FOUND_NODES_MAY_DIFFER, "TCPWindowTracking", NULL,
	"Mode ALARM { } Options { TCPWindowTracking off }", NULL},
    {FOUND_NODES_MAY_DIFFER, "CacheWriteThrough", NULL, "CacheWriteThrough on Mode ALARM { }", NULL},
    {FOUND_NODES_MAY_DIFFER, "CommitTimeout", NULL, "CommitTimeout 7200 Mode ALARM { }", NULL},
    {FOUND_NODES_MAY_DIFFER, "CacheTimeout", NULL, "Mode ALARM { RefreshTime 180 CacheTimeout 900 }", NULL},
    {FOUND_NODES_MAY_DIFFER, "CacheTimeout", NULL, "Mode ALARM { RefreshTime 20 CacheTimeout 60 }", NULL},
    {FOUND_NODES_MAY_DIFFER, "ExpectationSync", NULL, "Mode ALARM { } Options { ExpectationSync on }", NULL},
    {FOUND_NODES_MAY_DIFFER, "HashLimit", NULL, NULL, "HashLimit 99999"},
    {FOUND_NODES_MAY_DIFFER, "Filter Protocol", NULL, NULL,
	"Filter { Protocol Accept { TCP UDP } Address Ignore { IPv4_address 10.0.0.0/8 } }"},
    {FOUND_NODES_MAY_DIFFER, "Filter State", NULL, NULL,
	"Filter { Protocol Accept { TCP } State Ignore { CLOSE for TCP } Address Ignore { IPv4_address 10.0.0.0/8 } }"},
    {FOUND_NODES_MAY_DIFFER, "Filter Address", NULL, NULL,
	"Filter { Protocol Accept { TCP } Address Accept { IPv4_address 10.0.0.0/8 } }"},
    {FOUND_NODES_MAY_DIFFER, "Filter Address", NULL, NULL,
	"Filter { Protocol Accept { TCP } Address Ignore { IPv4_address 10.0.0.0/9 } }"},
};

static void
judge_pair(const char *here, const char *there)
{
	static struct config peer;
	struct diags d;

	memset(&findings, 0, sizeof(findings));
	if (!parse_text(&conf, here, strlen(here), &d) || !parse_text(&peer, there, strlen(there), &d)) {
		show_diags(&d);
		fail_msg("refused:\n%s\n%s", here, there);
	}
	judge_peer_config(&conf, &peer, &findings);
}

static const struct finding *
find_about(enum finding_code code, const char *subject)
{
	for (size_t i = 0; i < findings.count; i++) {
		if (findings.list[i].code == code && strcmp(findings.list[i].subject, subject) == 0)
			return &findings.list[i];
	}
	return NULL;
}

static void
two_files_are_compared(void **state)
{
	char here[1024], there[1024];

	(void)state;
	write_conf(here, sizeof(here), HERE, NULL, FILTER_HERE);
	write_conf(there, sizeof(there), NULL, NULL, NULL);
	judge_pair(here, there);
	show();
	/* Own addresses differ, as they should. */
	assert_int_equal(findings.count, 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		write_conf(there, sizeof(there), pairs[i].link, pairs[i].sync, pairs[i].general);
		judge_pair(here, there);
		if (find_about(pairs[i].code, pairs[i].subject) == NULL) {
			show();
			fail_msg("row %zu: nothing about %s", i, pairs[i].subject);
		}
	}
}

static void
each_end_speaks_to_the_other(void **state)
{
	static const char text[] = "Sync { Mode FTFW { } UDP { IPv4_address %s IPv4_Destination_Address %s Interface e Port 1 } }";
	char here[256], there[256];

	(void)state;
	snprintf(here, sizeof(here), text, "10.0.0.1", "10.0.0.2");
	snprintf(there, sizeof(there), text, "10.0.0.2", "10.0.0.1");
	judge_pair(here, there);
	assert_int_equal(findings.count, 0);
	snprintf(there, sizeof(there), text, "10.0.0.3", "10.0.0.1");
	judge_pair(here, there);
	assert_int_equal(findings.count, 1);
	assert_non_null(find_about(FOUND_NODES_MISS, "e"));
	snprintf(there, sizeof(there), text, "10.0.0.2", "10.0.0.9");
	judge_pair(here, there);
	assert_int_equal(findings.count, 1);
	assert_non_null(find_about(FOUND_NODES_MISS, "e"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_that_is_well_has_no_finding),
	    cmocka_unit_test(each_finding_has_its_reason),
	    cmocka_unit_test(names_are_words_and_differ),
	    cmocka_unit_test(there_is_an_end_to_findings),
	    cmocka_unit_test(what_a_peer_names_does_not_reach_the_terminal),
	    cmocka_unit_test(two_files_are_compared),
	    cmocka_unit_test(each_end_speaks_to_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
