/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What texts a configuration may consist of, what they come to, and what is said of the others.
 */
#include <syslog.h>

#include "conf_test.h"

#include "parser.h"

static struct config conf;
static struct diags diags;

static bool
parse_string(const char *text)
{
	return parse_text(&conf, text, strlen(text), &diags);
}

#define LINK                                                                                       \
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3780 Interface eth2 }\n"

/* A good Sync section with `inside` in it from line 2 on, and `rest` from the line after that. */
static bool
parse_with(const char *inside, const char *rest)
{
	static char text[262144];
	int len = snprintf(text, sizeof(text), "Sync { Mode FTFW { } " LINK "%s }\n%s", inside,
	    rest);

	assert_true(len > 0 && (size_t)len < sizeof(text));
	return parse_text(&conf, text, (size_t)len, &diags);
}

/* ---- the text itself ---- */

static void
assert_one_error(unsigned int line, unsigned int col, const char *needle)
{
	if (diags.errors != 1 || find_diag(&diags, DIAG_ERROR, needle) == NULL ||
	    find_diag(&diags, DIAG_ERROR, needle)->line != line ||
	    find_diag(&diags, DIAG_ERROR, needle)->col != col) {
		show_diags(&diags);
		fail_msg("expected one error at %u:%u with \"%s\"", line, col, needle);
	}
}

static void
the_last_line_needs_no_end(void **state)
{
	(void)state;
	assert_true(parse_with("", "# no newline after this"));
	assert_int_equal(diags.count, 0);
}

static void
stray_bytes_are_reported_where_they_are(void **state)
{
	(void)state;
	assert_false(parse_string("\xc3\xa9 Foo"));
	assert_one_error(1, 1, "byte 0xc3");
	assert_false(parse_with("", "General {\n HashSize 5\n LogFile /var/l\xc3\xb6g\n}\n"));
	assert_one_error(5, 16, "byte 0xc3");
	assert_false(parse_with("", "General { \xef\xbb\xbf HashSize 5 }\n"));
	assert_one_error(3, 11, "byte 0xef");
	assert_true(parse_with("", "# caf\xc3\xa9\n"));
	assert_false(parse_text(&conf, "Sync\0{", 6, &diags));
	assert_non_null(find_diag(&diags, DIAG_ERROR, "byte 0x00"));
	assert_false(parse_with("Options { ExpectationSync { f\xfftp } }", ""));
	assert_one_error(2, 30, "byte 0xff");
}

static void
nothing_to_do_is_an_error(void **state)
{
	static const char *const idle[] = {"", "\n", "# only a comment", "General { HashSize 5 }",
	    "\xef\xbb\xbf", "IgnoreProtocol { UDP }"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
		assert_false(parse_string(idle[i]));
		assert_one_error(0, 0, "nothing to do");
	}
}

static void
interface_names_are_decided_by_their_place(void **state)
{
	static const char *const names[] = {"fe0", "dead", "on", "off", "2e", "UDP", "Group",
	    "Interface", "eth0.100", "br-lan_1", "a", "abcdefghijklmno", "Default"};
	static const char *const bad[] = {"abcdefghijklmnop", "eth2:0", "a/b", ".", "..", "eth2;"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(text, sizeof(text), "Sync { Mode FTFW { } Multicast { IPv4_address "
		    "225.0.0.50 IPv4_interface 192.0.2.1 Interface %s Group 3780 } }", names[i]);
		assert_true(parse_string(text));
		assert_string_equal(conf.links[0].ifname, names[i]);
		assert_round_trip(&conf, names[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "Sync { Mode FTFW { } Multicast { IPv4_address "
		    "225.0.0.50 IPv4_interface 192.0.2.1 Interface %s\nGroup 3780 } }", bad[i]);
		assert_false(parse_string(text));
		assert_one_error(1, 93, "the name of an interface");
	}
	/* Forgotten: the next setting is not taken for it. */
	assert_false(parse_string("Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50 "
	    "IPv4_interface 192.0.2.1 Interface\nGroup 3780 } }"));
	assert_one_error(2, 1, "'Group'");
}

static void
paths_end_at_blanks_braces_and_comments(void **state)
{
	static const char *const texts[] = {"General { UNIX { Path /run/x.sock} }",
	    "General { UNIX { Path /run/x.sock#c\n} }", "General { UNIX { Path /run/x.sock\t} }",
	    "General { UNIX { Path /run/x.sock\r\n} }", "General{UNIX{Path /run/x.sock}}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_true(parse_with("", texts[i]));
		assert_string_equal(conf.unix_path, "/run/x.sock");
	}
}

/* ---- addresses ---- */

static void
addresses_are_read_strictly_and_printed_back(void **state)
{
	static const struct {
		uint8_t l3;
		const char *text, *back; /* back: NULL if refused */
	} cases[] = {
	    {L3_IPV4, "0.0.0.0", "0.0.0.0"},
	    {L3_IPV4, "255.255.255.255", "255.255.255.255"},
	    {L3_IPV4, "010.0.0.1", NULL},
	    {L3_IPV4, "10.0.0.01", NULL},
	    {L3_IPV4, "10.0.0.00", NULL},
	    {L3_IPV4, "10.0.1", NULL},
	    {L3_IPV4, "10.0.0.0.1", NULL},
	    {L3_IPV4, "10.0.0.256", NULL},
	    {L3_IPV4, "10.0.0.-1", NULL},
	    {L3_IPV4, "0x0a.0.0.1", NULL},
	    {L3_IPV4, "10.0.0.1/24", NULL},
	    {L3_IPV4, "::1", NULL},
	    {L3_IPV6, "::", "::"},
	    {L3_IPV6, "::1", "::1"},
	    {L3_IPV6, "1::", "1::"},
	    {L3_IPV6, "fe80:0:0:0:0:0:0:1", "fe80::1"},
	    {L3_IPV6, "2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"},
	    {L3_IPV6, "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"},
	    {L3_IPV6, "0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
	    {L3_IPV6, "0:0:1:0:0:0:1:0", "0:0:1::1:0"},
	    {L3_IPV6, "::ffff:102:304", "::ffff:102:304"},
	    {L3_IPV6, "::102:304", "::102:304"},
	    {L3_IPV6, "FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	    {L3_IPV6, "::ffff:1.2.3.4", NULL},
	    {L3_IPV6, "fe80::1%eth2", NULL},
	    {L3_IPV6, "1::2::3", NULL},
	    {L3_IPV6, "12345::", NULL},
	    {L3_IPV6, "10.0.0.1", NULL},
	    {L3_IPV6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct token t = {.type = TOK_WORD, .text = cases[i].text,
		    .len = strlen(cases[i].text)};
		struct filter_net net;
		char back[ADDR_TEXT_MAX];
		const char *wrong = addr_parse(&t, cases[i].l3, false, &net);

		if ((wrong == NULL) != (cases[i].back != NULL))
			fail_msg("%s: %s", cases[i].text, wrong != NULL ? wrong : "accepted");
		if (wrong != NULL)
			continue;
		addr_print(net.l3, &net.addr, back);
		assert_string_equal(back, cases[i].back);
	}
}

static void
prefix_lengths_are_checked(void **state)
{
	static const struct {
		uint8_t l3;
		const char *text;
		int prefix; /* -1: refused */
	} cases[] = {
	    {L3_IPV4, "10.0.0.0/0", 0}, {L3_IPV4, "10.0.0.0/32", 32}, {L3_IPV4, "10.0.0.0", 32},
	    {L3_IPV4, "10.0.0.0/33", -1}, {L3_IPV4, "10.0.0.0/", -1}, {L3_IPV4, "10.0.0.0/-1", -1},
	    {L3_IPV4, "10.0.0.0/8/8", -1}, {L3_IPV4, "10.0.0.0/4294967304", -1},
	    {L3_IPV4, "/8", -1}, {L3_IPV6, "fe80::/10", 10}, {L3_IPV6, "::/0", 0},
	    {L3_IPV6, "::1/128", 128}, {L3_IPV6, "::1", 128}, {L3_IPV6, "::1/129", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct token t = {.type = TOK_WORD, .text = cases[i].text,
		    .len = strlen(cases[i].text)};
		struct filter_net net;
		const char *wrong = addr_parse(&t, cases[i].l3, true, &net);

		assert_int_equal(wrong == NULL ? net.prefix : -1, cases[i].prefix);
	}
	assert_false(parse_with("", "IgnoreTrafficFor { IPv4_address 10.0.0.0/8 }"));
	assert_one_error(3, 33, "single address");
}

/* ---- messages ---- */

static void
one_mistake_gives_one_message(void **state)
{
	static const struct {
		const char *inside, *rest;
		unsigned int line, col;
		const char *needle;
	} cases[] = {
	    {"", "General {\n Foo bar baz {\n x 1 { y }\n }\n HashSize 5\n}\n", 4, 2, "'Foo'"},
	    {"", "General { Foo 1 HashSize 5 }\n", 3, 11, "'Foo'"},
	    {"", "General {\n hashsize 5\n HashLimit 5\n}\n", 4, 2, "case-sensitive: HashSize"},
	    {"", "General { HashSise 5 }\n", 3, 11, "did you mean HashSize?"},
	    {"", "General { HashSize\n HashLimit 5 }\n", 4, 2, "a number from 0"},
	    {"", "General { HashSize }\n", 3, 20, "'}'"},
	    {"", "General { HashSize { 5 } }\n", 3, 20, "'{'"},
	    {"", "General { { HashSize 5 } }\n", 3, 11, "'{'"},
	    {"", "General { HashSize 5", 3, 21, "close General of line 3"},
	    {"", "General {\n UNIX {\n Path /x\n HashSize 5\n LockFile /x\n}\n", 6, 2,
		"'}' to close UNIX"},
	    {"", "General {\n Filter { Protocol Accept { TCP\n LockFile /x\n}\n", 5, 2,
		"'}' to close a protocol list"},
	    {"", "General {\n HashSize 5\nIgnoreProtocol { UDP }\n", 5, 1, "close General"},
	    {"Options { TCPWindowTracking on\n", "General { }", 4, 1, "'}' to close Sync"},
	    {"", "General { LockFile off }\n", 3, 20, "begins with '/'"},
	    {"", "General { LogFile x }\n", 3, 19, "on, off or a path"},
	    {"", "General { UNIX /x { Path /y } }\n", 3, 16, "expected '{' to open UNIX"},
	    {"", "General { Filter { Protocol { TCP } } }\n", 3, 29, "Accept or Ignore"},
	    {"", "General { Filter { Protocol accept { TCP } } }\n", 3, 29, "Accept or Ignore"},
	    {"", "General { Filter { Protocol Accept { TCP 256 UDP } } }\n", 3, 42, "0 to 255"},
	    {"", "General { Filter { State Accept { CLOSE } } }\n", 3, 41, "for TCP"},
	    {"", "General { Filter { State Accept { CLOSE UDP for TCP } } }\n", 3, 41, "'UDP'"},
	    {"", "Helper { Type ftp inet udp { } }\n", 3, 24, "tcp for this helper"},
	    {"", "General { Filter From Outerspace { } }\n", 3, 23, "Userspace or Kernelspace"},
	    {"Checksum maybe\n", "", 2, 10, "on or off for Checksum"},
	    {"Replicate CLOSE\n", "", 3, 2, "for TCP"},
	    {"RefreshTime 4294967296\n", "", 2, 13, "from 0 to 2147483647"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(parse_with(cases[i].inside, cases[i].rest));
		assert_one_error(cases[i].line, cases[i].col, cases[i].needle);
	}
}

static void
each_of_several_mistakes_is_named(void **state)
{
	(void)state;
	assert_false(parse_with("Checksum 1\nFoo 2\nOptions { TCPWindowTracking 2 }\n",
	    "General {\nHashSize x\nHashLimit 9999999999\nSyslog bogus\nUNIX { Path x }\n}\n"));
	assert_int_equal(diags.errors, 6);
	assert_int_equal(diags.count, 7);
	for (size_t i = 1; i < diags.count; i++)
		assert_true(diags.list[i - 1].line < diags.list[i].line);
}

static void
remarks_are_bounded_and_errors_displace_warnings(void **state)
{
	static char text[262144];
	size_t len = 0;

	(void)state;
	len += (size_t)snprintf(text + len, sizeof(text) - len,
	    "General { Filter { Address Ignore {");
	for (size_t i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "IPv4_address 10.0.0.1\n");
	len += (size_t)snprintf(text + len, sizeof(text) - len, "}}\n");
	for (size_t i = 0; i < 2000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "HashSize x%zu\n", i);
	assert_true(len < sizeof(text));
	assert_false(parse_text(&conf, text, len, &diags));
	assert_int_equal(diags.count, CONFIG_DIAGS_MAX);
	assert_int_equal(diags.errors, 2001);
	for (size_t i = 0; i < diags.count; i++)
		assert_int_equal(diags.list[i].level, DIAG_ERROR);
}

static void
long_words_are_cut_in_messages(void **state)
{
	static char text[20000] = "General { ";

	(void)state;
	memset(text + 10, 'y', sizeof(text) - 11);
	assert_false(parse_string(text));
	assert_non_null(find_diag(&diags, DIAG_ERROR, "yyy...'"));
	for (size_t i = 0; i < diags.count; i++)
		assert_true(strlen(diags.list[i].text) < sizeof(diags.list[i].text) - 1);
}

/* ---- what settings mean together ---- */

static void
a_filter_test_has_one_polarity(void **state)
{
	(void)state;
	assert_false(parse_with("", "General { Filter { Protocol Accept { TCP }\n"
	    "Protocol Ignore { UDP } } }"));
	assert_one_error(4, 1, "Accept as in line 3, column");
	assert_false(parse_with("", "General { Filter { Address Accept { } } }\n"
	    "IgnoreTrafficFor { IPv4_address 10.0.0.1 }"));
	assert_one_error(4, 1, "Address Ignore, expected Accept");
	assert_false(parse_with("", "IgnoreProtocol { UDP }\n"
	    "General { Filter { Protocol Accept { TCP } } }"));
	assert_one_error(4, 20, "Protocol Accept, expected Ignore");
	assert_false(parse_with("Replicate CLOSE for TCP\n",
	    "General { Filter { State Ignore { LISTEN for TCP } } }"));
	assert_one_error(4, 20, "State Ignore, expected Accept");
	assert_true(parse_with("", "General { Filter { Protocol Ignore { TCP } }\n"
	    "Filter { Protocol Ignore { UDP } } } IgnoreProtocol { 1 }"));
	assert_int_equal(conf.node.filter.protos[0], 1 << 6 | 1 << 1);
	assert_int_equal(conf.node.filter.protos[2], 1 << 1);
	assert_true(parse_with("", "General { Filter { Address Accept { } } }"));
	assert_non_null(find_diag(&diags, DIAG_WARNING, "no flow will pass"));
	assert_round_trip(&conf, "empty accept");
	assert_true(parse_with("", "General { Filter { State Accept { for TCP } } }"));
	assert_non_null(find_diag(&diags, DIAG_WARNING, "no flow will pass"));
	assert_round_trip(&conf, "no states");
}

static void
every_filter_survives_printing(void **state)
{
	(void)state;
	assert_true(parse_with("", "General { Filter { Address Ignore { IPv4_address 10.1.2.3/8 "
	    "IPv6_address fe80::/10 IPv6_address ::1 IPv4_address 0.0.0.0/0 }\n"
	    "State Ignore { SYN_SENT SYN_RECV for TCP LISTEN CLOSED for TCP } } }"));
	assert_int_equal(conf.node.filter.tcp_states,
	    1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV | 1 << TCP_SYN_SENT2 | 1 << TCP_CLOSE);
	assert_round_trip(&conf, "filter");
	for (unsigned int i = 0; i < 256; i++) {
		char text[64];

		snprintf(text, sizeof(text), "General { Filter { Protocol Accept { %u } } }", i);
		assert_true(parse_with("", text));
		assert_int_equal(conf.node.filter.protos[i / 8], 1 << i % 8);
		assert_round_trip(&conf, text);
	}
}

static void
the_filter_holds_so_many_networks(void **state)
{
	static char list[131072];
	size_t len = (size_t)snprintf(list, sizeof(list), "IgnoreTrafficFor {\n");
	size_t room;

	(void)state;
	for (unsigned int i = 0; i < CONFIG_NETS_MAX; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "IPv4_address 10.0.%u.%u\n",
		    i / 256, i % 256);
	room = len;
	snprintf(list + len, sizeof(list) - len, "}\n");
	assert_true(parse_with("", list));
	assert_int_equal(conf.node.filter.nets_count, CONFIG_NETS_MAX);
	assert_round_trip(&conf, "full");
	snprintf(list + room, sizeof(list) - room,
	    "IPv4_address 10.9.0.1\nIPv4_address 10.9.0.2\n}\n");
	assert_false(parse_with("", list));
	assert_one_error(4100, 14, "at most 4096");
}

static void
checksum_in_sync_speaks_for_links_that_say_nothing(void **state)
{
	static const struct {
		const char *before, *in, *after;
		bool on;
	} cases[] = {
	    {"", "", "", true},
	    {"Checksum off", "", "", false},
	    {"", "", "Checksum off", false},
	    {"", "Checksum off", "", false},
	    {"Checksum off", "Checksum on", "", true},
	    {"", "Checksum on", "Checksum off", true},
	    {"", "Checksum off", "Checksum on", false},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "Sync { Mode FTFW { } %s Multicast { %s "
		    "IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3780 Interface eth2 } "
		    "%s }",
		    cases[i].before, cases[i].in, cases[i].after);
		assert_true(parse_string(text));
		assert_int_equal(conf.links[0].checksum, cases[i].on);
		assert_round_trip(&conf, text);
	}
}

static uint32_t
resend_queue_of(const char *in_mode)
{
	char text[512];

	snprintf(text, sizeof(text), "Sync { Mode FTFW { %s } " LINK "}", in_mode);
	assert_true(parse_string(text));
	return conf.node.resend_queue;
}

static void
bytes_of_the_resend_buffer_are_never_taken_for_entries(void **state)
{
	(void)state;
	assert_int_equal(resend_queue_of(""), 131072);
	assert_int_equal(resend_queue_of("ResendBufferSize 262144"), 4096);
	assert_int_equal(resend_queue_of("ResendBufferSize 0"), 131072);
	assert_int_equal(resend_queue_of("ResendBufferSize 1"), 1024);
	assert_int_equal(resend_queue_of("ResendBufferSize 2147483647"), 16777216);
	assert_int_equal(resend_queue_of("ResendQueueSize 7"), 7);
	assert_int_equal(resend_queue_of("ResendQueueSize 0"), 131072);
	assert_int_equal(resend_queue_of("ResendQueueSize 7 ResendBufferSize 262144"), 7);
	assert_int_equal(resend_queue_of("ResendBufferSize 262144 ResendQueueSize 7"), 7);
}

/* Generated files ask for twice what the kernel may hold, or for the most that an int can say. */
static void
a_limit_beyond_what_can_be_held_is_lowered(void **state)
{
	(void)state;
	assert_true(parse_with("", "General { HashLimit 16777216 }\n"));
	assert_int_equal(conf.node.limit, 16777216);
	assert_int_equal(diags.count, 0);
	assert_true(parse_with("", "General { HashLimit 16777217 }\n"));
	assert_int_equal(conf.node.limit, 16777216);
	assert_int_equal(diags.count, 1);
	assert_non_null(find_diag(&diags, DIAG_WARNING, "found 16777217"));
	assert_true(parse_with("", "General { HashLimit 2147483647 }\n"));
	assert_int_equal(conf.node.limit, 16777216);
	assert_false(parse_with("", "General { HashLimit 2147483648 }\n"));
}

/* What people write, and the one thing that they are told. */
static void
usual_slips_get_one_fitting_error(void **state)
{
	static const struct {
		const char *in_sync, *rest, *needle;
	} slips[] = {
	    {"Replicate ESTABLISHED TIMEWAIT for TCP", "", "'TIMEWAIT'"},
	    {"Replicate established for TCP", "", "'established'"},
	    {"Replicate ESTABLISHED TCP", "", "or 'for TCP'"},
	    {"Replicate ESTABLISHED for UDP", "", "TCP after 'for'"},
	    {"Replcate ESTABLISHED for TCP", "", "mean Replicate?"},
	    {"", "General { Filter From { Protocol Accept { TCP } } }", "Userspace or Kernelspace"},
	    {"", "General { LockFile /var/lock/x.lock; }", "no quotes"},
	    {"", "General { UNIX { Path /tmp/x.sock; } }", "no quotes"},
	    {"", "General { Syslog \"on\" }", "no quotes"},
	    {"", "General { Syslog local0; }", "no quotes"},
	    {"VRRP { }", "", "without NotifyFifo and TrackFile"},
	    {"VRRP { NotifyFifo /f }", "", "Group or Instance, too"},
	    {"VRRP { NotifyFifo f Group G1 }", "", "begins with '/'"},
	    {"VRRP { NotifyFifo /f Group G1 Instance V1 }", "", "'V1' beside the Group of line"},
	    {"VRRP { NotifyFifo /f Group \"G1\" }", "", "no quotes"},
	    {"VRRP { NotifyFifo /f Group "
	     "G2345678901234567890123456789012345678901234567890123456789012345 }", "", "at most 64"},
	    {"VRRP { NotifyFifo /f Group G1 TrackFile /f }", "", "one path"},
	    {"VRRP { TrackFile /t Weight 60 }", "", "from -253 to -1"},
	    {"VRRP { TrackFile /t Weight -254 }", "", "from -253 to -1"},
	    {"VRRP { TrackFile /t Weight -0 }", "", "from -253 to -1"},
	    {"VRRP { TrackFile /t Weight -6x }", "", "from -253 to -1"},
	    {"VRRP { TrackFile /t HoldMax 0 }", "", "from 1 to 3600"},
	    {"", "General { Scheduler { Type OTHER Priority 5 } }", "RR or FIFO"},
	    {"", "General { Scheduler { Type FIFO Priority 100 } }", "from 0 to 99"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
		bool ok = parse_with(slips[i].in_sync, slips[i].rest);

		if (ok || diags.errors != 1 ||
		    find_diag(&diags, DIAG_ERROR, slips[i].needle) == NULL) {
			show_diags(&diags);
			fail_msg("%s%s", slips[i].in_sync, slips[i].rest);
		}
	}
	assert_false(parse_text(&conf, "\xff\xfeS\0y\0n\0c\0", 10, &diags));
	assert_one_error(1, 1, "UTF-16");
}

static void
doubtful_combinations_are_remarked_on(void **state)
{
	(void)state;
	assert_true(parse_string("Sync { Mode ALARM { RefreshTime 30\nCacheTimeout 30 }\n" LINK
	    "}"));
	assert_non_null(find_diag(&diags, DIAG_WARNING, "RefreshTime, which is 30"));
	assert_true(parse_string("Sync { Mode ALARM { RefreshTime 30\nCacheTimeout 31 }\n" LINK
	    "}"));
	assert_int_equal(diags.count, 0);
	assert_true(parse_string("Sync { Mode FTFW { } RefreshTime 180 CacheTimeout 5\n" LINK "}"));
	assert_int_equal(diags.count, 0);
	assert_round_trip(&conf, "ALARM's settings in FTFW");
	assert_true(parse_with("", "General { NetlinkBufferSize 9 NetlinkBufferSizeMaxGrowth 8 }"));
	assert_non_null(find_diag(&diags, DIAG_WARNING, "it will not grow"));
	/* With an error nothing starts: what is merely odd waits until that is mended. */
	assert_false(parse_with("", "General { NetlinkBufferSize 9 NetlinkBufferSizeMaxGrowth 8 "
	    "HashSize x }"));
	assert_int_equal(diags.count, 1);
}

static void
links_need_what_they_need(void **state)
{
	(void)state;
	assert_false(parse_string("Sync { Mode FTFW { } Multicast default { } }"));
	assert_one_error(1, 32, "expected Default");
	assert_false(parse_string("Sync { Mode FTFW { } Multicast { } }"));
	assert_one_error(1, 22, "without: IPv4_address or IPv6_address, Interface, Group");
	assert_false(parse_string("Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50\n"
	    "Interface eth2 Group 3780 } }"));
	assert_one_error(1, 22, "without: IPv4_interface");
	assert_false(parse_string("Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50\n"
	    "IPv4_interface 225.0.0.1 Interface eth2 Group 3780 } }"));
	assert_one_error(2, 16, "address of this host");
	assert_false(parse_string("Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50\n"
	    "IPv6_address ff02::1 IPv4_interface 192.0.2.1 Interface eth2 Group 3780 } }"));
	assert_non_null(find_diag(&diags, DIAG_ERROR, "a link has one family"));
	assert_true(parse_string("Sync { Mode FTFW { } Multicast { IPv6_address ff02::1\n"
	    "Interface eth2 Group 65535 SndSocketBuffer 5 RcvSocketBuffer 6 } }"));
	assert_int_equal(conf.links[0].l3, L3_IPV6);
	assert_int_equal(conf.links[0].port, 65535);
	assert_round_trip(&conf, "IPv6 link");
}

static void
one_link_is_the_default_one(void **state)
{
	(void)state;
	assert_true(parse_with("Multicast Default { IPv4_address 225.0.0.51 "
	    "IPv4_interface 192.0.3.1 Group 3780 Interface eth3 }", ""));
	assert_int_equal(conf.links_count, 2);
	assert_false(conf.links[0].is_default);
	assert_true(conf.links[1].is_default);
	assert_round_trip(&conf, "two links");
}

static void
caches_may_be_disabled(void **state)
{
	(void)state;
	assert_true(parse_string("Sync { Mode NOTRACK { DisableInternalCache on } " LINK "}"));
	assert_int_equal(diags.count, 0);
	assert_int_equal(conf.node.mode, MODE_NOTRACK);
	assert_true(conf.disable_internal);
	assert_false(conf.disable_external);
	assert_false(conf.node.write_through);
	assert_round_trip(&conf, "no internal cache");
	assert_true(parse_string("Sync { Mode FTFW { DisableExternalCache on } " LINK "}"));
	assert_true(conf.node.write_through);
	assert_round_trip(&conf, "no external cache");
	/* Each flow has the timeout that its owner tells. */
	assert_true(parse_string(
	    "Sync { CommitTimeout 9 Mode NOTRACK { DisableExternalCache on } " LINK "}"));
	assert_int_equal(diags.count, 1);
	assert_non_null(find_diag(&diags, DIAG_WARNING, "can't be combined with"));
	assert_int_equal(conf.node.commit_timeout_s, 0);
	assert_true(parse_string("Sync { Mode FTFW { DisableExternalCache off } " LINK "}"));
	assert_false(conf.node.write_through);
}

static void
process_settings_are_stored(void **state)
{
	(void)state;
	assert_true(parse_with("", "General { LogFile on Syslog local3 NetlinkEventsReliable yes "
	    "Scheduler { Type fifo Priority 99 } Systemd off NetlinkOverrunResync off }"));
	assert_true(conf.has_log_file);
	assert_string_equal(conf.log_file, "/var/log/conntrackd.log");
	assert_int_equal(conf.syslog_facility, LOG_LOCAL3);
	assert_true(conf.netlink_reliable);
	assert_int_equal(conf.sched_type, SCHED_TYPE_FIFO);
	assert_int_equal(conf.sched_priority, 99);
	assert_false(conf.systemd);
	assert_int_equal(conf.overrun_resync_s, 0);
	assert_round_trip(&conf, "process settings");
	assert_true(parse_with("", "General { NetlinkOverrunResync off NetlinkOverrunResync on }"));
	assert_int_equal(conf.overrun_resync_s, 30);
	assert_true(parse_with("", "General { LogFile /a LogFile off Syslog on Syslog off }"));
	assert_false(conf.has_log_file);
	assert_string_equal(conf.log_file, "");
	assert_int_equal(conf.syslog_facility, -1);
}

static void
an_empty_section_is_enough_for_a_gate(void **state)
{
	(void)state;
	assert_true(parse_with("", ""));
	assert_false(conf.gate);
	assert_true(parse_with("TakeoverGate { }", ""));
	assert_true(conf.gate);
	assert_false(conf.gate_udp);
	assert_int_equal(conf.gate_timeout_s, 2);
	assert_round_trip(&conf, "a gate");
	assert_true(parse_with("TakeoverGate { Timeout 30 HoldUDP on }", ""));
	assert_true(conf.gate_udp);
	assert_int_equal(conf.gate_timeout_s, 30);
	assert_round_trip(&conf, "a slow gate");
	assert_false(parse_with("TakeoverGate { Timeout 0 }", ""));
	assert_false(parse_with("TakeoverGate { Timeout 31 }", ""));
}

static void
what_is_shared_with_keepalived_is_stored(void **state)
{
	(void)state;
	assert_true(parse_with("VRRP { NotifyFifo /run/f Group G1 TrackFile /run/t Weight -253 HoldMax 7 }", ""));
	assert_string_equal(conf.vrrp.fifo, "/run/f");
	assert_string_equal(conf.vrrp.name, "G1");
	assert_true(conf.vrrp.is_group);
	assert_string_equal(conf.vrrp.track_file, "/run/t");
	assert_int_equal(conf.vrrp.weight, -253);
	assert_int_equal(conf.vrrp.hold_max_s, 7);
	assert_round_trip(&conf, "all of VRRP");
	/* Said again, the last one counts, and nothing is left of a longer one. */
	assert_true(parse_with("VRRP { NotifyFifo /run/f Instance V_longer Instance V1 }", ""));
	assert_string_equal(conf.vrrp.name, "V1");
	assert_false(conf.vrrp.is_group);
	assert_int_equal(conf.vrrp.weight, -60);
	assert_int_equal(conf.vrrp.hold_max_s, 60);
	assert_round_trip(&conf, "an instance");
	assert_true(parse_with("VRRP { TrackFile /run/t Weight -1 }", ""));
	assert_string_equal(conf.vrrp.fifo, "");
	assert_round_trip(&conf, "a track file alone");
}

static void
defaults_are_those_of_the_manual(void **state)
{
	static struct config none;

	(void)state;
	config_defaults(&none);
	assert_int_equal(none.node.mode, MODE_FTFW);
	assert_int_equal(none.node.limit, 262144);
	assert_int_equal(none.node.refresh_s, 60);
	assert_int_equal(none.node.cache_timeout_s, 180);
	assert_int_equal(none.node.commit_timeout_s, 0);
	assert_int_equal(none.node.resend_queue, 131072);
	assert_int_equal(none.node.ack_window, 300);
	assert_int_equal(none.hash_size, 65536);
	assert_int_equal(none.event_iteration_limit, 100);
	assert_int_equal(none.overrun_resync_s, 30);
	assert_int_equal(none.purge_timeout_s, 60);
	assert_int_equal(none.syslog_facility, -1);
	assert_string_equal(none.lock_file, "/var/lock/conntrackd.lock");
	assert_string_equal(none.unix_path, "");
	assert_true(none.systemd);
	assert_int_equal(none.sched_type, SCHED_TYPE_RR);
	assert_int_equal(none.sched_priority, 1);
	assert_false(none.sched_asked);
	assert_int_equal(none.gate_timeout_s, 2);
	/* The same with a Sync section that sets nothing. */
	assert_true(parse_with("", ""));
	none.has_sync = true;
	none.links_count = 1;
	none.links[0] = conf.links[0];
	assert_true(same_config(&none, &conf));
}

static void
printing_says_how_much_room_it_needs(void **state)
{
	char small[16];
	size_t len;

	(void)state;
	assert_true(parse_with("", ""));
	len = config_print(&conf, NULL, 0);
	assert_true(len > sizeof(small));
	memset(small, 'x', sizeof(small));
	assert_int_equal(config_print(&conf, small, sizeof(small) - 1), len);
	assert_int_equal(small[sizeof(small) - 2], '\0');
	assert_int_equal(small[sizeof(small) - 1], 'x');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_line_needs_no_end),
	    cmocka_unit_test(stray_bytes_are_reported_where_they_are),
	    cmocka_unit_test(nothing_to_do_is_an_error),
	    cmocka_unit_test(interface_names_are_decided_by_their_place),
	    cmocka_unit_test(paths_end_at_blanks_braces_and_comments),
	    cmocka_unit_test(addresses_are_read_strictly_and_printed_back),
	    cmocka_unit_test(prefix_lengths_are_checked),
	    cmocka_unit_test(one_mistake_gives_one_message),
	    cmocka_unit_test(each_of_several_mistakes_is_named),
	    cmocka_unit_test(remarks_are_bounded_and_errors_displace_warnings),
	    cmocka_unit_test(long_words_are_cut_in_messages),
	    cmocka_unit_test(a_filter_test_has_one_polarity),
	    cmocka_unit_test(every_filter_survives_printing),
	    cmocka_unit_test(the_filter_holds_so_many_networks),
	    cmocka_unit_test(checksum_in_sync_speaks_for_links_that_say_nothing),
	    cmocka_unit_test(bytes_of_the_resend_buffer_are_never_taken_for_entries),
	    cmocka_unit_test(a_limit_beyond_what_can_be_held_is_lowered),
	    cmocka_unit_test(usual_slips_get_one_fitting_error),
	    cmocka_unit_test(doubtful_combinations_are_remarked_on),
	    cmocka_unit_test(links_need_what_they_need),
	    cmocka_unit_test(one_link_is_the_default_one),
	    cmocka_unit_test(caches_may_be_disabled),
	    cmocka_unit_test(process_settings_are_stored),
	    cmocka_unit_test(an_empty_section_is_enough_for_a_gate),
	    cmocka_unit_test(what_is_shared_with_keepalived_is_stored),
	    cmocka_unit_test(defaults_are_those_of_the_manual),
	    cmocka_unit_test(printing_says_how_much_room_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
