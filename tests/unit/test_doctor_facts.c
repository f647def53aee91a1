/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts from files, under a root that is made up, and from documents.
 */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_test.h"

#include "doctor.h"

static struct facts facts;
static struct config conf;
static char root[64];

/* Writes a file below the root, with the directories that it takes. */
static void
put_file(const char *name, const char *text, mode_t mode)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void
parse_conf(const char *text)
{
	struct diags d;

	if (!parse_text(&conf, text, strlen(text), &d)) {
		show_diags(&d);
		fail_msg("refused: %s", text);
	}
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
begin(void **state)
{
	(void)state;
	strcpy(root, "/tmp/test-doctor-XXXXXX");
	facts_init(&facts);
	return mkdtemp(root) == NULL;
}

static int
end(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
an_empty_root_tells_nothing(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	gather_kernel(&facts, root);
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_int_equal(facts.conntrack_max, UNKNOWN);
	assert_int_equal(facts.events, UNKNOWN);
	assert_int_equal(facts.rmem_max, UNKNOWN);
	assert_true(facts.rt_runtime_us == INT64_MIN);
	assert_int_equal(facts.memory_available, UNKNOWN);
	assert_int_equal(facts.module_netlink, UNKNOWN);
	assert_int_equal(facts.major, 0);
	assert_false(facts.keepalived_read);
}

static void
numbers_of_the_kernel_are_read(void **state)
{
	(void)state;
	put_file("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n", 0644);
	put_file("/proc/sys/net/netfilter/nf_conntrack_events", "0\n", 0644);
	put_file("/proc/sys/net/core/rmem_max", "no number\n", 0644);
	put_file("/proc/sys/kernel/sched_rt_runtime_us", "-1\n", 0644);
	put_file("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n", 0644);
	put_file("/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    2048 kB\nSwapTotal: 1 kB\n", 0644);
	gather_kernel(&facts, root);
	assert_int_equal(facts.conntrack_max, 262144);
	assert_int_equal(facts.events, 0);
	assert_int_equal(facts.rmem_max, UNKNOWN);
	assert_int_equal(facts.rt_runtime_us, -1);
	assert_int_equal(facts.major * 100 + facts.minor, 601);
	assert_int_equal(facts.memory_available, 2048 * 1024);
}

static void
modules_are_loaded_or_built_in(void **state)
{
	(void)state;
	put_file("/sys/module/nf_conntrack/initstate", "live\n", 0644);
	put_file("/proc/sys/kernel/osrelease", "6.1.0\n", 0644);
	gather_kernel(&facts, root);
	assert_int_equal(facts.module_conntrack, 1);
	/* Who does not know what is built in does not know. */
	assert_int_equal(facts.module_netlink, UNKNOWN);
	put_file("/lib/modules/6.1.0/modules.builtin", "kernel/net/netfilter/nfnetlink.ko\nkernel/x_nf_conntrack_netlink.ko\n",
	    0644);
	gather_kernel(&facts, root);
	assert_int_equal(facts.module_nfnetlink, 1);
	assert_int_equal(facts.module_netlink, 0);
	/* Nor is there a ruleset then, and nobody is asked for it. */
	assert_int_equal(facts.module_tables, 0);
	facts.flowtables = UNKNOWN;
	gather_ruleset(&facts, &conf);
	assert_int_equal(facts.flowtables, 0);
	assert_int_equal(facts.unknowns_count, 0);
}

static void
helpers_have_modules(void **state)
{
	(void)state;
	put_file("/sys/module/nf_conntrack_ftp/initstate", "live\n", 0644);
	put_file("/proc/sys/kernel/osrelease", "6.1.0\n", 0644);
	put_file("/lib/modules/6.1.0/modules.builtin", "", 0644);
	parse_conf("Sync { Mode FTFW { } Options { ExpectationSync { ftp sip } }\n"
		   "UDP { IPv4_Destination_Address 10.0.0.1 Interface e Port 1 } }");
	facts_helper(&facts, "Q.931")->flows = 3;
	facts_helper(&facts, "ftp-2121")->flows = 4;
	facts_helper(&facts, "made-up")->flows = 5;
	gather_helpers(&facts, root, &conf);
	assert_int_equal(facts.helpers_count, 5);
	assert_string_equal(facts_helper(&facts, "Q.931")->module, "nf_conntrack_h323");
	assert_int_equal(facts_helper(&facts, "Q.931")->present, 0);
	assert_int_equal(facts_helper(&facts, "ftp-2121")->present, 1);
	assert_int_equal(facts_helper(&facts, "ftp")->present, 1);
	assert_true(facts_helper(&facts, "ftp")->configured);
	assert_int_equal(facts_helper(&facts, "sip")->present, 0);
	assert_int_equal(facts_helper(&facts, "made-up")->present, UNKNOWN);
}

static void
membership_and_default_routes_are_read(void **state)
{
	(void)state;
	parse_conf("Sync { Mode FTFW { }\n"
		   "Multicast { IPv4_address 225.0.0.50 IPv4_interface 10.0.0.1 Interface eth2 Group 1 }\n"
		   "Multicast { IPv4_address 225.0.0.50 IPv4_interface 10.0.1.1 Interface eth3 Group 2 }\n"
		   "Multicast { IPv6_address ff02::3780 Interface eth2 Group 3 }\n"
		   "Multicast { IPv6_address ff02::3781 Interface eth3 Group 4 } }");
	put_file("/proc/net/igmp",
	    "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
	    "1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	    "4\teth2      :     2      V3\n\t\t\t\t320000E1     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	    "5\teth3      :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n", 0644);
	put_file("/proc/net/igmp6",
	    "4    eth2            ff020000000000000000000000003780     1 00000004 0\n"
	    "5    eth3            ff020000000000000000000000003780     1 00000004 0\n", 0644);
	put_file("/proc/net/route",
	    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	    "eth3\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	    "eth2\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", 0644);
	gather_groups(&facts, root, &conf);
	assert_int_equal(facts.links[0].member, 1);
	assert_int_equal(facts.links[1].member, 0);
	assert_int_equal(facts.links[2].member, 1);
	assert_int_equal(facts.links[3].member, 0);
	assert_false(facts.links[0].has_default_route);
	assert_true(facts.links[1].has_default_route);
	put_file("/proc/net/ipv6_route",
	    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 "
	    "00000400 00000001 00000000 00000003     eth2\n", 0644);
	gather_groups(&facts, root, &conf);
	assert_true(facts.links[0].has_default_route);
}

static void
files_that_are_named_are_looked_at(void **state)
{
	char path[128], line[256];
	struct stat st;

	(void)state;
	parse_conf("Sync { Mode FTFW { } UDP { IPv4_Destination_Address 10.0.0.1 Interface e Port 1 } }\n"
		   "General { LogFile /var/log/c/c.log LockFile /run/lock/c.lock UNIX { Path /run/c.ctl } }");
	put_file("/run/c.ctl", "", 0644);
	put_file("/run/lock/c.lock", "", 0644);
	put_file("/etc/c.conf", "", 0646);
	put_file("/proc/locks", "1: FLOCK  ADVISORY  WRITE 1 00:01:99999999 0 EOF\n", 0644);
	gather_files(&facts, root, &conf, "/etc/c.conf");
	assert_int_equal(facts.config_mode, 0646);
	assert_int_equal(facts.socket, FILE_OTHER);
	assert_true(facts.lock_there);
	assert_false(facts.lock_held);
	assert_int_equal(facts.missing_dirs_count, 1);
	assert_string_equal(facts.missing_dirs[0], "/var/log/c");
	assert_int_equal(facts.log_free_percent, UNKNOWN);
	put_file("/var/log/c/x", "", 0644);
	facts_init(&facts);
	/* Somebody has a lock on the very file. */
	snprintf(path, sizeof(path), "%s/run/lock/c.lock", root);
	assert_int_equal(stat(path, &st), 0);
	snprintf(line, sizeof(line), "1: POSIX  ADVISORY  WRITE 1 00:01:7 0 EOF\n2: FLOCK  ADVISORY  WRITE 1 00:01:%llu 0 EOF\n",
	    (unsigned long long)st.st_ino);
	put_file("/proc/locks", line, 0644);
	gather_files(&facts, root, &conf, "/etc/none.conf");
	assert_true(facts.lock_there && facts.lock_held);
	assert_int_equal(facts.missing_dirs_count, 0);
	assert_in_range(facts.log_free_percent, 0, 100);
	assert_int_equal(facts.config_mode, UNKNOWN);
}

static void
keepalived_has_addresses_and_scripts(void **state)
{
	(void)state;
	memset(&conf, 0, sizeof(conf));
	put_file("/etc/good.sh", "", 0755);
	put_file("/etc/bad.sh", "", 0644);
	put_file("/etc/keepalived/keepalived.conf",
	    "vrrp_sync_group G {\n  group { VI_1 }\n  notify_master \"/etc/good.sh primary\"\n  notify_backup /etc/bad.sh backup\n"
	    "  notify_fault /etc/none.sh # as ever\n  # notify_stop /etc/never.sh\n}\n"
	    "vrrp_instance VI_1 {\n  virtual_ipaddress {\n    192.0.2.1/24 dev eth0\n    2001:db8::1\n    198.51.100.7 # last\n  }\n"
	    "  virtual_routes {\n    203.0.113.0/24\n  }\n  notify_master /etc/good.sh\n}\n", 0644);
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_true(facts.keepalived_read);
	assert_int_equal(facts.vips_count, 3);
	assert_int_equal(facts.vips[0].addr.b[2], 2);
	assert_int_equal(facts.vips[1].l3, L3_IPV6);
	assert_int_equal(facts.vips[2].addr.b[3], 7);
	assert_int_equal(facts.scripts_count, 3);
	assert_string_equal(facts.scripts[0].path, "/etc/good.sh");
	assert_int_equal(facts.scripts[0].state, FILE_OK);
	assert_int_equal(facts.scripts[1].state, FILE_NOT_EXECUTABLE);
	assert_int_equal(facts.scripts[2].state, FILE_ABSENT);
	put_file("/etc/keepalived/keepalived.conf", "include more.conf\n", 0644);
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_false(facts.keepalived_read);
	assert_int_equal(facts.unknowns_count, 1);
}

static void
keepalived_names_what_the_configuration_names(void **state)
{
	static const char text[] = "global_defs {\n%s\n}\n%s conntrackd {\n  file \"%s\"\n  weight 1\n}\nvrrp_sync_group %s {\n}\n"
				   "vrrp_instance V{\n}\n";
	char out[512];

	(void)state;
	parse_conf("Sync { Mode FTFW { } UDP { IPv4_Destination_Address 10.0.0.1 Interface e Port 1 }\n"
		   "VRRP { NotifyFifo /run/f Group G TrackFile /run/t } }");
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_int_equal(facts.unknowns_count, 1);
	assert_int_equal(facts.fifo_named, UNKNOWN);
	snprintf(out, sizeof(out), text, "vrrp_notify_fifo /run/f", "track_file", "/run/t", "G");
	put_file("/etc/keepalived/keepalived.conf", out, 0644);
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_true(facts.fifo_named == 1 && facts.name_named == 1 && facts.track_file_named == 1);
	snprintf(out, sizeof(out), text, "notify_fifo /run/ff", "vrrp_track_file", "/run/tt", "V");
	put_file("/etc/keepalived/keepalived.conf", out, 0644);
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_true(facts.fifo_named == 0 && facts.name_named == 0 && facts.track_file_named == 0);
	conf.vrrp.is_group = false;
	strcpy(conf.vrrp.name, "V");
	gather_keepalived(&facts, root, &conf.vrrp);
	assert_int_equal(facts.name_named, 1);
}

/* ---- documents ---- */

static json_t *
json_of(const char *text)
{
	json_error_t error;
	json_t *doc = json_loads(text, 0, &error);

	if (doc == NULL)
		fail_msg("%s: %s", error.text, text);
	return doc;
}

static void
the_daemons_documents_are_summed_up(void **state)
{
	json_t *status = json_of("{\"version\":\"2.0.0\",\"uptime_s\":77,\"external\":{\"flows\":5},\"counters\":{\"kernel_overruns\":2},"
	    "\"peers\":[{\"heard\":true,\"heard_ms_ago\":1},{\"heard\":false,\"heard_ms_ago\":20000},{\"heard\":false,\"heard_ms_ago\":9}],"
	    "\"links\":[{\"counters\":{\"sent_datagrams\":3,\"recv_datagrams\":4,\"recv_dropped\":5}},{}]}");
	json_t *inspected = json_of("{\"daemon\":{\"config_sum\":\"abc\",\"events_buffer\":9,\"link_buffers\":[8]},\"slices\":["
	    "{\"nat\":[{\"address\":\"192.0.2.1\",\"flows\":2},{\"address\":\"rubbish\",\"flows\":2}],\"helpers\":[{\"name\":\"ftp\",\"flows\":1}]},"
	    "{\"nat\":[{\"address\":\"2001:db8::1\",\"flows\":1},{\"address\":\"192.0.2.1\",\"flows\":40}],\"nat_others\":6,"
	    "\"helpers\":[{\"name\":\"ftp\",\"flows\":4}]}, 5]}");

	(void)state;
	gather_daemon(&facts, NULL, NULL);
	assert_false(facts.daemon);
	gather_daemon(&facts, status, inspected);
	assert_true(facts.daemon);
	assert_int_equal(facts.uptime_s, 77);
	assert_int_equal(facts.overruns, 2);
	assert_int_equal(facts.external_flows, 5);
	assert_int_equal(facts.peers, 3);
	assert_int_equal(facts.peers_silent, 2);
	assert_int_equal(facts.peer_silent_ms, 20000);
	assert_int_equal(facts.links[0].received, 4);
	assert_int_equal(facts.links[0].dropped, 5);
	assert_int_equal(facts.links[1].received, UNKNOWN);
	assert_int_equal(facts.links[0].rcvbuf, 8);
	assert_int_equal(facts.events_buffer, 9);
	assert_int_equal(facts.nat_count, 2);
	assert_int_equal(facts.nat[0].flows, 42);
	assert_int_equal(facts.nat[1].l3, L3_IPV6);
	assert_int_equal(facts_helper(&facts, "ftp")->flows, 5);
	assert_int_equal(facts.nat_others, 6);
	assert_int_equal(facts.unknowns_count, 1);
	json_decref(status);
	json_decref(inspected);
}

/* ---- the ruleset ---- */

#define CHAIN(policy) "{\"chain\":{\"family\":\"inet\",\"table\":\"f\",\"name\":\"in\",\"hook\":\"input\",\"policy\":\"" policy "\"}}"
#define RULE(chain, expr) "{\"rule\":{\"family\":\"inet\",\"table\":\"f\",\"chain\":\"" chain "\",\"expr\":[" expr "]}}"
#define META(key, right) "{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"" key "\"}},\"right\":" right "}},"
#define PORT(proto, right) "{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"" proto "\",\"field\":\"dport\"}},\"right\":" right "}},"
#define STATE(right) "{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":" right "}},"
#define ACCEPT "{\"accept\":null}"

static void
rules_are_looked_at(void **state)
{
	static const struct {
		const char *rules;
		int drops, notrack;
	} cases[] = {
	    {CHAIN("accept"), 0, 0},
	    {CHAIN("drop"), 1, 0},
	    {CHAIN("drop") "," RULE("in", STATE("[\"established\",\"related\"]") ACCEPT), 1, 0},
	    {CHAIN("drop") "," RULE("in", STATE("{\"set\":[\"established\",\"new\"]}") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("in", META("iifname", "\"eth2\"") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("in", META("iifname", "\"eth*\"") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("in", META("iifname", "\"eth1\"") ACCEPT), 1, 0},
	    {CHAIN("drop") "," RULE("in", META("iifname", "{\"set\":[\"eth1\",\"eth2\"]}") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("other", META("iifname", "\"eth2\"") ACCEPT), 1, 0},
	    {CHAIN("drop") "," RULE("in", PORT("udp", "3780") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("in", PORT("tcp", "3780") ACCEPT), 1, 0},
	    {CHAIN("drop") "," RULE("in", PORT("udp", "{\"range\":[3000,3779]}") ACCEPT), 1, 0},
	    {CHAIN("drop") "," RULE("in", PORT("udp", "{\"range\":[3000,4000]}") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("in", PORT("udp", "{\"set\":[22,{\"range\":[1,2]}]}") ACCEPT), 1, 0},
	    {CHAIN("drop") "," RULE("in", PORT("udp", "\"@ports\"") ACCEPT), 0, 0},
	    {CHAIN("drop") "," RULE("in", "{\"jump\":{\"target\":\"sub\"}}"), UNKNOWN, 0},
	    {CHAIN("drop") "," RULE("in", META("iifname", "\"eth1\"") "{\"jump\":{\"target\":\"sub\"}}"), 1, 0},
	    {RULE("raw", META("iifname", "\"eth2\"") "{\"notrack\":null}"), 0, 1},
	    {RULE("raw", META("iifname", "\"eth1\"") "{\"notrack\":null}"), 0, 0},
	};

	(void)state;
	parse_conf("Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50 IPv4_interface 10.0.0.1 Interface eth2 Group 3780 } }");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[2048];
		json_t *doc;

		snprintf(text, sizeof(text), "{\"nftables\":[{\"metainfo\":{}},%s]}", cases[i].rules);
		doc = json_of(text);
		facts_init(&facts);
		gather_rules(&facts, doc, &conf);
		if (facts.links[0].rule_drops != cases[i].drops || facts.links[0].notrack != cases[i].notrack)
			fail_msg("case %zu: drops %d, notrack %d", i, facts.links[0].rule_drops, facts.links[0].notrack);
		json_decref(doc);
	}
}

static void
rubbish_is_no_ruleset(void **state)
{
	static const char *const texts[] = {"[]", "{}", "{\"nftables\":5}", "{\"nftables\":[5,[],{},{\"rule\":5},{\"chain\":[]}]}",
	    "{\"nftables\":[{\"chain\":{\"hook\":\"input\",\"policy\":\"drop\",\"family\":\"ip\"}},{\"rule\":{\"expr\":[5,{\"match\":5}]}}]}"};

	(void)state;
	parse_conf("Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50 IPv4_interface 10.0.0.1 Interface eth2 Group 3780 } }");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		json_t *doc = json_of(texts[i]);

		facts_init(&facts);
		gather_rules(&facts, doc, &conf);
		gather_daemon(&facts, doc, doc);
		assert_int_equal(facts.flowtables, 0);
		json_decref(doc);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(an_empty_root_tells_nothing),
	    CASE(numbers_of_the_kernel_are_read),
	    CASE(modules_are_loaded_or_built_in),
	    CASE(helpers_have_modules),
	    CASE(membership_and_default_routes_are_read),
	    CASE(files_that_are_named_are_looked_at),
	    CASE(keepalived_has_addresses_and_scripts),
	    CASE(keepalived_names_what_the_configuration_names),
	    CASE(the_daemons_documents_are_summed_up),
	    CASE(rules_are_looked_at),
	    CASE(rubbish_is_no_ruleset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
