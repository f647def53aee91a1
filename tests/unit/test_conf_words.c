/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections and words that few files have: links of other kinds, helpers, a second Mode; and slips
 * in odd places.  Each gets one fitting remark.
 */
#include "conf_test.h"

#include <syslog.h>

static struct config conf;
static struct diags diags;

#define LINK                                                                                       \
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3780 Interface eth2 "  \
	"}\n"

struct saying {
	const char *text;
	const char *needle; /* of the one error or warning; NULL: not a word */
};

static void
each_is_said(enum diag_level level, const struct saying *sayings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = sayings[i].text, *needle = sayings[i].needle;
		bool ok = parse_text(&conf, text, strlen(text), &diags);
		bool wanted = needle == NULL || level == DIAG_WARNING;

		if (ok != wanted || diags.count != (needle != NULL) ||
		    (needle != NULL && find_diag(&diags, level, needle) == NULL)) {
			show_diags(&diags);
			fail_msg("%s", text);
		}
	}
}

#define ERRORS(rows) each_is_said(DIAG_ERROR, rows, ARRAY_LEN(rows))
#define WARNINGS(rows) each_is_said(DIAG_WARNING, rows, ARRAY_LEN(rows))

#define SYNC(inside) "Sync { Mode FTFW { }\n" inside " }"
#define GOOD SYNC(LINK)

static void
a_second_mode_is_an_error_and_the_same_again_is_not(void **state)
{
	static const struct saying errors[] = {
	    {"Sync { Mode FTFW { }\nMode ALARM { }\n" LINK "}", "only that of line 1"},
	    {"Sync { Mode ALARM { }\nMode FTFW { }\n" LINK "}", "only that of line 1"},
	    {"Sync { Mode NOTRACK { }\nMode ALARM { }\n" LINK "}", "only that of line 1"},
	};
	static const struct saying warnings[] = {
	    {"Sync { Mode FTFW { }\nMode ftfw { }\n" LINK "}", "the Mode of line 1 again"},
	    {"Sync { Mode ALARM { }\nMode ALARM { }\n" LINK "}", "the Mode of line 1 again"},
	};

	(void)state;
	ERRORS(errors);
	WARNINGS(warnings);
}

#define UDP(inside) SYNC("UDP { " inside " }")
#define UDP4 "IPv4_address 192.0.2.1 Port 3780 Interface eth2 "

static void
the_addresses_of_links_are_checked(void **state)
{
	static const struct saying errors[] = {
	    {UDP(UDP4 "IPv4_Destination_Address 192.0.2.2"), NULL},
	    {SYNC("TCP { " UDP4 "IPv4_Destination_Address 192.0.2.2 }"), NULL},
	    {UDP(UDP4 "IPv4_Destination_Address 192.0.2.1"), "the same address for both ends"},
	    {UDP(UDP4 "IPv6_Destination_Address fe80::2"), "a link has one family"},
	    {UDP(UDP4 "IPv4_Destination_Address 192.0.2.300"), "found '192.0.2.300'"},
	    {SYNC("TCP { " UDP4 "IPv4_Destination_Address 192.0.2.2 } UDP { " UDP4
		  "IPv4_Destination_Address 192.0.2.2 }"),
		"found UDP, expected TCP as in line 2: all links are of one kind"},
	    {UDP(""), "found UDP without: a Destination_Address, Interface, Port"},
	    {UDP(UDP4), "found UDP without: a Destination_Address"},
	    /* Any address of ours, but not any address of the peer. */
	    {UDP("IPv4_address 0.0.0.0 Port 3780 Interface eth2 "
		 "IPv4_Destination_Address 192.0.2.2"),
		NULL},
	    {UDP("IPv4_address 224.0.0.1 Port 3780 Interface eth2 "
		 "IPv4_Destination_Address 192.0.2.2"),
		"found '224.0.0.1', expected an address"},
	    {UDP(UDP4 "IPv4_Destination_Address 0.0.0.0"), "expected an address of the peer"},
	    {UDP(UDP4 "IPv4_Destination_Address 255.255.255.255"), "expected an address of the pe"},
	    {UDP("IPv6_address 2001:db8::1 Port 3780 Interface eth2 "
		 "IPv6_Destination_Address ffff:ffff::"),
		"expected an address of the peer"},
	    {UDP("IPv6_address 2001:db8::1 Port 3780 Interface eth2 "
		 "IPv6_Destination_Address ::"),
		"expected an address of the peer"},
	    /* Four bytes of ones are nobody's only in IPv4. */
	    {UDP("IPv6_address fe80::1 Port 3780 Interface eth2 "
		 "IPv6_Destination_Address 2001:db8::2"),
		NULL},
	    {SYNC("Multicast { IPv4_address 192.0.2.50 IPv4_interface 192.0.2.1 Group 3780 "
		  "Interface eth2 }"),
		"a multicast group (224.0.0.0 to 239.255.255.255)"},
	    {SYNC("Multicast { IPv6_address 2001:db8::1 Group 3780 Interface eth2 }"),
		"a multicast group (ff00::/8)"},
	    {SYNC("Multicast { IPv4_address 225.0.0.50 IPv4_interface 255.255.255.255 Group 3780 "
		  "Interface eth2 }"),
		"an address of this host"},
	};

	(void)state;
	ERRORS(errors);
}

static void
links_of_all_kinds_survive_printing(void **state)
{
	static const char *const texts[] = {
	    UDP(UDP4 "IPv4_Destination_Address 192.0.2.2 Checksum off RcvSocketBuffer 9"),
	    UDP("IPv4_Destination_Address 192.0.2.2 Port 1 Interface eth2"),
	    UDP("IPv6_address fe80::1 IPv6_Destination_Address fe80::2 Port 65535 Interface e.7"),
	    SYNC("TCP { IPv6_Destination_Address fe80::2 Port 9 Interface a ErrorQueueLength 7 }"
		 "TCP Default { " UDP4 "IPv4_Destination_Address 192.0.2.2 }"
		 "TCP { IPv4_Destination_Address 192.0.3.2 Port 9 Interface c }"
		 "TCP { IPv4_Destination_Address 192.0.4.2 Port 9 Interface d }"),
	};
	struct diags d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_true(parse_text(&conf, texts[i], strlen(texts[i]), &d));
		assert_int_equal(d.count, 0);
		assert_round_trip(&conf, texts[i]);
	}
	assert_int_equal(conf.links_count, 4);
	assert_int_equal(conf.links[0].error_queue, 7);
	assert_int_equal(conf.links[1].error_queue, 128);
	assert_true(conf.links[1].is_default);
}

static void
links_over_one_interface_are_remarked(void **state)
{
	static const struct saying warnings[] = {
	    {SYNC("UDP { " UDP4 "IPv4_Destination_Address 192.0.2.2 }\n"
		  "UDP { IPv4_Destination_Address 192.0.3.2 Port 7 Interface eth2 }"),
		"over the Interface 'eth2' of line 2, expected another"},
	};

	(void)state;
	WARNINGS(warnings);
}

static void
the_default_link_survives_printing(void **state)
{
	static const struct saying fine[] = {
	    {SYNC("Multicast Default { IPv4_address 225.0.0.50 "
		  "IPv4_interface 192.0.2.1 Group 3780 Interface eth2 }"),
		NULL}};

	(void)state;
	ERRORS(fine);
	assert_true(conf.links[0].is_default);
	assert_round_trip(&conf, "the default link");
}

/* Without Sync there is nothing to print of it; such a file is refused, but --print may show it. */
static void
what_is_not_there_is_not_printed(void **state)
{
	static const char text[] = "General { Syslog local1 }\n";
	static char out[65536];

	(void)state;
	assert_false(parse_text(&conf, text, strlen(text), &diags));
	assert_true(config_print(&conf, out, sizeof(out)) < sizeof(out));
	assert_null(strstr(out, "Sync {"));
	assert_non_null(strstr(out, "Syslog local1"));
}

#define HELPER(type, policy) GOOD "\nHelper { Type " type " { " policy " } }"
#define POLICY(name) "Policy " name " { ExpectMax 1 ExpectTimeout 300 }"

static void
a_helper_parses_the_protocols_that_it_can(void **state)
{
	static const struct saying errors[] = {
	    {HELPER("irc inet tcp", ""), "a helper: amanda, dhcpv6"},
	    {HELPER("ftp ipx tcp", ""), "inet or inet6 for the helper"},
	    {HELPER("ftp inet udp", ""), "expected tcp for this helper"},
	    {HELPER("tftp inet tcp", ""), "expected udp for this helper"},
	    {HELPER("rpc inet6 sctp", ""), "expected tcp or udp for this helper"},
	    {HELPER("ftp inet tcp", "Policy sane { ExpectMax 1 }"), "the only policy of this"},
	    {HELPER("ftp inet tcp", "Policy ftp { }"), "found an empty Policy"},
	};
	static const struct {
		const char *text;
		struct config_helper helper;
	} fine[] = {
	    {HELPER("ftp inet tcp", POLICY("ftp")), {"ftp", L3_IPV4, L4_TCP, 0, 0, true, 1, 300}},
	    {HELPER("ftp inet6 tcp", ""), {"ftp", L3_IPV6, L4_TCP, 0, 0, false, 1, 300}},
	    {HELPER("amanda inet udp", "QueueNum 7 QueueLen 10240"),
		{"amanda", L3_IPV4, L4_UDP, 7, 10240, false, 3, 180}},
	    {HELPER("rpc inet tcp", "Policy rpc { ExpectMax 5 }"),
		{"rpc", L3_IPV4, L4_TCP, 0, 0, true, 5, 300}},
	    {HELPER("rpc inet6 udp", "Policy rpc { ExpectTimeout 9 }"),
		{"rpc", L3_IPV6, L4_UDP, 0, 0, true, 1, 9}},
	};

	(void)state;
	ERRORS(errors);
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		assert_true(parse_text(&conf, fine[i].text, strlen(fine[i].text), &diags));
		assert_int_equal(diags.count, 0);
		assert_int_equal(conf.helpers_count, 1);
		assert_memory_equal(&conf.helpers[0], &fine[i].helper, sizeof(fine[i].helper));
		assert_round_trip(&conf, fine[i].text);
	}
}

static void
there_is_an_end_to_helpers(void **state)
{
	static char text[8192];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", GOOD " Helper { Setup on ");

	(void)state;
	for (int i = 0; i < CONFIG_HELPERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "Type rpc inet tcp { } ");
	snprintf(text + len, sizeof(text) - len, "}");
	assert_true(parse_text(&conf, text, strlen(text), &diags));
	assert_true(conf.helper_setup);
	assert_int_equal(conf.helpers_count, CONFIG_HELPERS_MAX);
	assert_round_trip(&conf, "many helpers");
	snprintf(text + len, sizeof(text) - len, "Type ftp inet tcp { QueueNum 1 } }");
	assert_false(parse_text(&conf, text, strlen(text), &diags));
	assert_non_null(find_diag(&diags, DIAG_ERROR, "at most 64"));
}

static void
each_helper_has_its_kernel_module_if_there_is_one(void **state)
{
	static const char *const with[] = {"amanda", "ftp", "sane", "tftp"};
	static const char *const without[] = {"dhcpv6", "mdns", "rpc", "slp", "ssdp", "tns"};
	char module[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(with); i++) {
		snprintf(module, sizeof(module), "nf_conntrack_%s", with[i]);
		assert_string_equal(config_helper_module(with[i]), module);
	}
	for (size_t i = 0; i < ARRAY_LEN(without); i++)
		assert_null(config_helper_module(without[i]));
}

static void
stats_are_stored_and_printed(void **state)
{
	static const char text[] = "Stats { LogFile /var/log/s.log Syslog local1 "
	    "NetlinkEventsReliable on } General { PollSecs 7 Filter From Kernelspace { "
	    "Protocol Ignore { UDP } } }";
	static const char on[] = "Stats { LogFile on Syslog on } General { Syslog local3 }";
	static const char off[] = "Stats { Syslog off } General { Syslog local3 }";

	(void)state;
	assert_true(parse_text(&conf, text, strlen(text), &diags));
	assert_int_equal(diags.count, 0);
	assert_true(conf.has_stats);
	assert_false(conf.has_sync);
	assert_int_equal(conf.node.mode, MODE_STATS);
	assert_true(conf.stats_has_log);
	assert_string_equal(conf.stats_log, "/var/log/s.log");
	assert_int_equal(conf.stats_facility, LOG_LOCAL1);
	assert_true(conf.netlink_reliable);
	assert_int_equal(conf.poll_s, 7);
	assert_true(conf.filter_in_kernel);
	assert_round_trip(&conf, "stats");

	/* General's facility wins, but where there is none to win there is none. */
	assert_true(parse_text(&conf, on, strlen(on), &diags));
	assert_int_equal(diags.count, 1);
	assert_string_equal(conf.stats_log, "/var/log/conntrackd-stats.log");
	assert_int_equal(conf.stats_facility, LOG_LOCAL3);
	assert_round_trip(&conf, "stats of General's facility");
	assert_true(parse_text(&conf, off, strlen(off), &diags));
	assert_int_equal(diags.count, 0);
	assert_int_equal(conf.stats_facility, -1);
	assert_int_equal(conf.syslog_facility, LOG_LOCAL3);
}

#define GENERAL(inside) GOOD "\nGeneral { " inside " }"

static void
syslog_takes_the_words_of_a_switch_or_a_facility(void **state)
{
	static const struct saying fine[] = {
	    {GENERAL("Syslog on"), NULL},
	    {GENERAL("Syslog YES"), NULL},
	    {GENERAL("Syslog off"), NULL},
	    {GENERAL("Syslog No"), NULL},
	    {GENERAL("Syslog daemon"), NULL},
	};
	static const struct saying warnings[] = {
	    {GENERAL("Syslog local8"), "on, off, daemon or local0 to local7: ignored"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		each_is_said(DIAG_ERROR, &fine[i], 1);
		assert_int_equal(conf.syslog_facility >= 0, i != 2 && i != 3);
	}
	WARNINGS(warnings);
}

static void
nice_has_a_sign(void **state)
{
	static const struct saying warnings[] = {
	    {GENERAL("Nice -20"), "obsolete"},
	    {GENERAL("Nice +1"), "obsolete"},
	};
	static const char *const slips[] = {GENERAL("Nice 5"), GENERAL("Nice -"),
	    GENERAL("Nice -x"), GENERAL("Nice }"), GENERAL("Nice")};

	(void)state;
	WARNINGS(warnings);
	for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
		assert_false(parse_text(&conf, slips[i], strlen(slips[i]), &diags));
		assert_non_null(find_diag(&diags, DIAG_ERROR, "a number with its sign"));
	}
}

static void
filter_says_where_it_is_done_or_nothing(void **state)
{
	static const struct saying rows[] = {
	    {GENERAL("Filter { Protocol Accept { TCP } }"), NULL},
	    {GENERAL("Filter From Userspace { Protocol Accept { TCP } }"), NULL},
	    {GENERAL("Filter From Kernelspace { Protocol Accept { TCP } }"), NULL},
	    {GENERAL("Filter from Userspace { Protocol Accept { TCP } }"), "with a capital letter"},
	    {GENERAL("Filter From Space { Protocol Accept { TCP } }"), "Userspace or Kernelspace"},
	};

	(void)state;
	ERRORS(rows);
}

/* An empty list accepts nothing, which is hardly what was meant. */
static void
an_empty_accept_list_is_remarked_on(void **state)
{
	static const struct saying warnings[] = {
	    {GENERAL("Filter { Protocol Accept { } }"), "no flow will pass"},
	    {GENERAL("Filter { Address Accept { } }"), "no flow will pass"},
	    {GENERAL("Filter { State Accept { } }"), "no flow will pass"},
	};
	static const struct saying fine[] = {
	    {GENERAL("Filter { Protocol Ignore { } }"), NULL},
	    {GENERAL("Filter { Protocol Accept { 0 } }"), NULL},
	};

	(void)state;
	WARNINGS(warnings);
	ERRORS(fine);
}

static void
expectations_are_named_or_switched(void **state)
{
	static const struct saying warnings[] = {
	    {SYNC(LINK "Options { ExpectationSync on }"), NULL},
	    {SYNC(LINK "Options { ExpectationSync { ftp sip } }"), NULL},
	};
	static const struct saying rows[] = {
	    {SYNC(LINK "Options { ExpectationSync off }"), NULL},
	    {SYNC(LINK "Options { ExpectationSync maybe }"), "on, off or { name ... }"},
	    {SYNC(LINK "Options { ExpectationSync { ftp { } }"), "expected"},
	};

	(void)state;
	WARNINGS(warnings);
	ERRORS(rows);
}

static void
interfaces_prefixes_and_words_of_any_length_are_survived(void **state)
{
	static const struct saying rows[] = {
	    {SYNC("Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3780 "
		  "Interface sixteen-letters. }"),
		"at most 15 characters"},
	    {GENERAL("Filter { Address Ignore { IPv4_address 10.0.0.0/x } }"), "a decimal prefix"},
	    {GENERAL("Filter { Address Ignore { IPv4_address 10.0.0.0/1/ } }"), "a decimal prefix"},
	    {GENERAL("Filter { Address Ignore { IPv4_address 10.0.0.0/-1 } }"), "a decimal prefix"},
	    /* Too long to be a slip of any keyword. */
	    {GENERAL("Averyveryverylongwordthatisnotakeyword on"), "found 'Averyvery"},
	    {"\xfe\xff\0S", "UTF-16"},
	};

	(void)state;
	ERRORS(rows);
}

/* Of a flood of unknown words the first are helped with, and all are counted. */
static void
a_flood_of_slips_is_cut_off(void **state)
{
	static char text[65536];
	size_t len = 0;

	(void)state;
	for (unsigned int i = 0; i < 500; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "Genral on\n");
	assert_false(parse_text(&conf, text, len, &diags));
	assert_true(diags.errors >= 500);
	assert_int_equal(diags.count, CONFIG_DIAGS_MAX);
	assert_non_null(find_diag(&diags, DIAG_ERROR, "did you mean General?"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_second_mode_is_an_error_and_the_same_again_is_not),
	    cmocka_unit_test(the_addresses_of_links_are_checked),
	    cmocka_unit_test(links_of_all_kinds_survive_printing),
	    cmocka_unit_test(links_over_one_interface_are_remarked),
	    cmocka_unit_test(the_default_link_survives_printing),
	    cmocka_unit_test(what_is_not_there_is_not_printed),
	    cmocka_unit_test(a_helper_parses_the_protocols_that_it_can),
	    cmocka_unit_test(there_is_an_end_to_helpers),
	    cmocka_unit_test(each_helper_has_its_kernel_module_if_there_is_one),
	    cmocka_unit_test(stats_are_stored_and_printed),
	    cmocka_unit_test(syslog_takes_the_words_of_a_switch_or_a_facility),
	    cmocka_unit_test(nice_has_a_sign),
	    cmocka_unit_test(filter_says_where_it_is_done_or_nothing),
	    cmocka_unit_test(an_empty_accept_list_is_remarked_on),
	    cmocka_unit_test(expectations_are_named_or_switched),
	    cmocka_unit_test(interfaces_prefixes_and_words_of_any_length_are_survived),
	    cmocka_unit_test(a_flood_of_slips_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
