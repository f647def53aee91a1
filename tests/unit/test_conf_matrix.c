/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_conf_matrix.c: one clause at a time in a good configuration.  The numbers are those of the
 * matrix of version 1.4.7, whose verdicts are kept unless they were plainly wrong.
 */
#include "conf_test.h"

enum verdict { ACCEPT, WARN, REFUSE };

/* The good configuration, line by line; a row replaces lines or fills the empty places. */
struct row {
	int number;
	const char *clause;
	enum verdict verdict;
	unsigned int line;  /* REFUSE: where */
	const char *needle; /* WARN, REFUSE: what the remark must contain */
	size_t errors;      /* REFUSE: how many; 0 means 1 */
	const char *whole;  /* instead of everything below */
	const char *mode;   /* line 1 */
	const char *in_mode;
	const char *link;   /* line 2: how the link opens */
	const char *addr;   /* line 3 */
	const char *local;  /* line 4 */
	const char *ifname; /* line 5 */
	const char *in_link;    /* line 6 */
	const char *in_sync;    /* line 7 */
	const char *top;        /* line 8 */
	const char *in_general; /* line 10 */
	const char *end;        /* line 11 */
};

#define P64 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* 107 characters, the longest that fits into a socket address. */
#define P107 P64 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UDP_LINK                                                                                   \
	"UDP { IPv4_address 192.0.2.1 IPv4_Destination_Address 192.0.2.2 Port 3780 Interface eth2 }"
#define MCAST                                                                                      \
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3781 Interface eth0 } "
#define HELPER(x) "Helper { " x " }"
#define SYNC_ONLY "Sync { Mode FTFW { }\n" MCAST "\n}\n"

static const struct row rows[] = {
    {1, "nothing", ACCEPT, .end = ""},
    {3, "unknown keyword in General", REFUSE, 10, "'Foo'", .in_general = "Foo 1"},
    {4, "unknown top-level section", REFUSE, 1, "'Bar'", .whole = "Bar { x 1 }\n" SYNC_ONLY},
    {5, "missing closing brace at the end", REFUSE, 3, "General of line 2",
	.whole = "Sync { Mode FTFW { } " MCAST "}\nGeneral { HashSize 5\n"},
    {6, "stray closing brace", REFUSE, 11, "'}'", .end = "}"},
    {7, "number where on/off is wanted", REFUSE, 6, "'1'", .in_link = "Checksum 1"},
    {8, "on/off where a number is wanted", REFUSE, 10, "'on'", .in_general = "HashSize on"},
    {9, "negative number", REFUSE, 10, "'-5'", .in_general = "HashSize -5"},
    {10, "lower-case keyword", REFUSE, 10, "case-sensitive: HashSize",
	.in_general = "hashsize 1024"},
    {11, "lower-case section", REFUSE, 1, "case-sensitive: Sync",
	.whole = "sync { Mode FTFW { } }\n"},
    {12, "quoted path", REFUSE, 10, "'\"/run/x.log\"'", .in_general = "LogFile \"/run/x.log\""},
    {13, "relative path", REFUSE, 10, "'x.log'", .in_general = "LogFile x.log"},
    {14, "unknown Mode", REFUSE, 1, "'FOO'", .mode = "FOO {"},
    {15, "Mode without braces", REFUSE, 2, "'Multicast'",
	.whole = "Sync { Mode FTFW\n" MCAST "}\n"},
    {16, "no Mode", WARN, 1, "Defaulting to FT-FW", .whole = "Sync { " MCAST " }"},
    {17, "two modes", REFUSE, 7, "second Mode", .in_sync = "Mode ALARM { }"},
    {18, "no link", REFUSE, 1, "no dedicated link", .whole = "Sync { Mode FTFW { } }"},
    {19, "link without Interface", REFUSE, 2, "Interface", .ifname = ""},
    {20, "interface that this host may not have", ACCEPT, .ifname = "Interface eth9"},
    {21, "address that this host may not have", ACCEPT, .local = "IPv4_interface 192.0.2.77"},
    {22, "group that is not multicast", REFUSE, 3, "'10.0.0.1'", .addr = "IPv4_address 10.0.0.1"},
    {23, "not an address", REFUSE, 3, "'300.1.1.1'", .addr = "IPv4_address 300.1.1.1"},
    {24, "IPv6 after IPv4_address", REFUSE, 3, "'ff02::1'", .addr = "IPv4_address ff02::1"},
    {25, "IPv6 group, IPv4 interface", REFUSE, 4, "one family",
	.addr = "IPv6_address ff02::1"},
    {26, "five links", REFUSE, 7, "Maximum: 4", .in_sync = MCAST MCAST MCAST MCAST},
    {27, "Multicast and UDP", REFUSE, 7, "found UDP", .in_sync = UDP_LINK},
    {28, "UDP", ACCEPT,
	.whole = "Sync { Mode FTFW { } " UDP_LINK " }"},
    {29, "UDP without IPv4_address", ACCEPT,
	.whole = "Sync { Mode FTFW { } UDP { IPv4_Destination_Address 192.0.2.2 Port 3780 "
		 "Interface eth2 } }"},
    {30, "TCP without Port", REFUSE, 1, "TCP without: Port",
	.whole = "Sync { Mode FTFW { } TCP { IPv4_address 192.0.2.1 "
		 "IPv4_Destination_Address 192.0.2.2 Interface eth2 } }"},
    {31, "Group 99999", REFUSE, 6, "from 1 to 65535", .in_link = "Group 99999"},
    {32, "Sync and Stats", REFUSE, 11, "Stats beside Sync", .end = "Stats { }"},
    {33, "Stats and Sync", REFUSE, 1, "Stats beside Sync", .whole = "Stats { }\n" SYNC_ONLY},
    {34, "CommitTimeout and DisableExternalCache", WARN, 1, "can't be combined",
	.in_mode = "CommitTimeout 9 DisableExternalCache on"},
    {35, "DisableInternalCache in FTFW", REFUSE, 1, "'DisableInternalCache'",
	.in_mode = "DisableInternalCache on"},
    {36, "RefreshTime in FTFW", REFUSE, 1, "'RefreshTime'", .in_mode = "RefreshTime 15"},
    {37, "RefreshTime in Sync", ACCEPT, .in_sync = "RefreshTime 15"},
    {38, "ACKWindowSize in ALARM", REFUSE, 1, "'ACKWindowSize'", .mode = "ALARM {",
	.in_mode = "ACKWindowSize 20"},
    {39, "RefreshTime 0", ACCEPT, .mode = "ALARM {", .in_mode = "RefreshTime 0"},
    {40, "Syslog bogus", WARN, 10, "'bogus'", .in_general = "Syslog bogus"},
    {41, "Syslog DAEMON", WARN, 10, "'DAEMON'", .in_general = "Syslog DAEMON"},
    {42, "Syslog mail", WARN, 10, "'mail'", .in_general = "Syslog mail"},
    {43, "two facilities", WARN, 2, "conflicting Syslog facility values",
	.whole = "General { Syslog local0 }\nStats { Syslog local1 }"},
    {44, "Nice -20", WARN, 10, "'Nice'", .in_general = "Nice -20"},
    {45, "Nice without a sign", REFUSE, 10, "'5'", .in_general = "Nice 5"},
    {46, "Backlog in UNIX", ACCEPT, .in_general = "UNIX { Backlog 20 }"},
    {47, "UNIX path of 107", ACCEPT, .in_general = "UNIX { Path " P107 " }"},
    {48, "UNIX path of 108", REFUSE, 10, "at most 107", .in_general = "UNIX { Path " P107 "a }"},
    {49, "UNIX path that may not exist", ACCEPT, .in_general = "UNIX { Path /nonexist/x }"},
    {50, "LockFile that may not exist", ACCEPT, .in_general = "LockFile /nonexist/x.lock"},
    {51, "LogFile that may not exist", ACCEPT, .in_general = "LogFile /nonexist/x.log"},
    {52, "LogFile of 257", REFUSE, 10, "at most 256",
	.in_general = "LogFile " P64 P64 P64 P64 "a"},
    {52, "LogFile of 256", ACCEPT, .in_general = "LogFile " P64 P64 P64 P64},
    {53, "Scheduler OTHER", REFUSE, 10, "'OTHER'",
	.in_general = "Scheduler { Type OTHER Priority 5 }"},
    {54, "Priority 100", REFUSE, 10, "from 0 to 99", .in_general = "Scheduler { Priority 100 }"},
    {55, "FIFO with Priority 0", ACCEPT, .in_general = "Scheduler { Type FIFO Priority 0 }"},
    {56, "Type alone", ACCEPT, .in_general = "Scheduler { Type FIFO }"},
    {57, "Priority alone", ACCEPT, .in_general = "Scheduler { Priority 9 }"},
    {58, "PollSecs 0", REFUSE, 10, "from 1 to", .in_general = "PollSecs 0"},
    {59, "PollSecs 15", ACCEPT, .in_general = "PollSecs 15"},
    {60, "unknown protocol", REFUSE, 10, "'FOO'", .in_general =
	"Filter { Protocol Accept { FOO TCP } }"},
    {61, "protocol by number", ACCEPT, .in_general = "Filter { Protocol Accept { 6 } }"},
    {62, "protocol in lower case", ACCEPT, .in_general = "Filter { Protocol Accept { tcp } }"},
    {63, "VRRP IGMP", ACCEPT, .in_general = "Filter { Protocol Ignore { VRRP IGMP } }"},
    {64, "IPv6-ICMP", ACCEPT, .in_general = "Filter { Protocol Ignore { IPv6-ICMP } }"},
    {65, "/33", REFUSE, 10, "'10.0.0.0/33'",
	.in_general = "Filter { Address Ignore { IPv4_address 10.0.0.0/33 } }"},
    {66, "/0", ACCEPT, .in_general = "Filter { Address Ignore { IPv4_address 10.0.0.0/0 } }"},
    {67, "repeated address", WARN, 10, "'10.0.0.1' again", .in_general =
	"Filter { Address Ignore { IPv4_address 10.0.0.1 IPv4_address 10.0.0.1 } }"},
    {68, "repeated network", WARN, 10, "'10.0.0.0/8' again", .in_general =
	"Filter { Address Ignore { IPv4_address 10.0.0.0/8 IPv4_address 10.0.0.0/8 } }"},
    {69, "/129", REFUSE, 10, "'fe80::/129'",
	.in_general = "Filter { Address Ignore { IPv6_address fe80::/129 } }"},
    {70, "IPv4 tail", REFUSE, 10, "'::ffff:1.2.3.4'",
	.in_general = "Filter { Address Ignore { IPv6_address ::ffff:1.2.3.4 } }"},
    {71, "bare address", REFUSE, 10, "expected IPv4_address or IPv6_address",
	.in_general = "Filter { Address Ignore { 10.0.0.1 } }"},
    {72, "CLOSED and CLOSE", ACCEPT,
	.in_general = "Filter { State Accept { CLOSED CLOSE for TCP } }"},
    {73, "state in lower case", REFUSE, 10, "'established'",
	.in_general = "Filter { State Accept { established for TCP } }"},
    {74, "state for UDP", REFUSE, 10, "'UDP'",
	.in_general = "Filter { State Accept { ESTABLISHED for UDP } }"},
    {75, "SYN_SENT2", REFUSE, 10, "'SYN_SENT2'",
	.in_general = "Filter { State Accept { SYN_SENT2 for TCP } }"},
    {76, "From Kernelspace", ACCEPT,
	.in_general = "Filter From Kernelspace { Protocol Accept { TCP } }"},
    {77, "from", REFUSE, 10, "'from'",
	.in_general = "Filter from Userspace { Protocol Accept { TCP } }"},
    {78, "both families", ACCEPT, .in_general = "Filter From Kernelspace { Address Ignore { "
	"IPv4_address 127.0.0.1 IPv6_address ::1 } }"},
    {79, "Kernelspace Accept", ACCEPT,
	.in_general = "Filter From Kernelspace { Address Accept { IPv4_address 192.168.1.0/24 } }"},
    {80, "buffer above its maximum", WARN, 10, "it will not grow",
	.in_general = "NetlinkBufferSize 9 NetlinkBufferSizeMaxGrowth 5"},
    {81, "buffer without a maximum", ACCEPT, .in_general = "NetlinkBufferSize 262142"},
    {82, "NetlinkBufferSizeMaxGrown", REFUSE, 10, "mean NetlinkBufferSizeMaxGrowth?",
	.in_general = "NetlinkBufferSizeMaxGrown 5"},
    {83, "HashSize twice", ACCEPT, .in_general = "HashSize 5 HashSize 6"},
    {84, "HashSize overflow", REFUSE, 10, "from 0 to 1073741824",
	.in_general = "HashSize 99999999999"},
    {85, "HashSize 0", ACCEPT, .in_general = "HashSize 0"},
    {86, "HashLimit 0", ACCEPT, .in_general = "HashLimit 0"},
    {87, "NetlinkOverrunResync off", ACCEPT, .in_general = "NetlinkOverrunResync off"},
    {88, "NetlinkOverrunResync 5", ACCEPT, .in_general = "NetlinkOverrunResync 5"},
    {89, "NetlinkEventsReliable", ACCEPT, .in_general = "NetlinkEventsReliable on"},
    {90, "NetlinkEventsReliable in Stats", ACCEPT,
	.whole = "Stats { NetlinkEventsReliable no }"},
    {91, "Lockfile", REFUSE, 10, "case-sensitive: LockFile", .in_general = "Lockfile /x"},
    {92, "EventIterationLimit 0", ACCEPT, .in_general = "EventIterationLimit 0"},
    {93, "Systemd yes", ACCEPT, .in_general = "Systemd yes"},
    {94, "Systemd true", REFUSE, 10, "'true'", .in_general = "Systemd true"},
    {95, "YES and oN", ACCEPT, .in_general = "Systemd YES NetlinkEventsReliable oN"},
    {96, "|n", REFUSE, 10, "'|n'", .in_general = "Systemd |n"},
    {97, "On", ACCEPT, .in_general = "NetlinkEventsReliable On"},
    {98, "persistent", WARN, 1, "ALARM", .mode = "persistent {"},
    {99, "nack", WARN, 1, "FTFW", .mode = "nack {"},
    {100, "ftfw", ACCEPT, .mode = "ftfw {"},
    {101, "StartupResync", ACCEPT, .in_mode = "StartupResync on"},
    {102, "StartupResync in ALARM", REFUSE, 1, "'StartupResync'", .mode = "ALARM {",
	.in_mode = "StartupResync on"},
    {103, "ExpectationSync list", ACCEPT,
	.in_sync = "Options { ExpectationSync { ftp sip } }"},
    {104, "ExpectationSync on", ACCEPT,
	.in_sync = "Options { ExpectationSync on }"},
    {105, "TCPWindowTracking", ACCEPT, .in_sync = "Options { TCPWindowTracking On }"},
    {106, "TCPWindowTracking outside", REFUSE, 7, "'TCPWindowTracking'",
	.in_sync = "TCPWindowTracking On"},
    {107, "ErrorQueueLength", ACCEPT,
	.whole = "Sync { Mode FTFW { } TCP { IPv4_address 192.0.2.1 Port 3780 "
		 "IPv4_Destination_Address 192.0.2.2 Interface eth2 ErrorQueueLength 9 } }"},
    {108, "IPv6_interface", WARN, 6, "'IPv6_interface'", .in_link = "IPv6_interface fe80::1"},
    {109, "IPv6 multicast", ACCEPT, .addr = "IPv6_address ff08::2:7", .local = ""},
    {110, "IPv6 multicast, Interface first", ACCEPT, .addr = "Interface eth2", .local = "",
	.ifname = "IPv6_address ff08::2:7"},
    {111, "interface name of 16", REFUSE, 5, "'abcdefghijklmnop'",
	.ifname = "Interface abcdefghijklmnop"},
    {112, "eth0.1-a_b", ACCEPT, .ifname = "Interface eth0.1-a_b"},
    {113, "2e", ACCEPT, .ifname = "Interface 2e"},
    {114, "interface on", ACCEPT, .ifname = "Interface on"},
    {115, "one line", ACCEPT,
	.whole = "Sync { Mode FTFW { } " MCAST "} General { UNIX { Path /x } HashSize 5 }"},
    {116, "path at a brace", ACCEPT, .in_general = "UNIX { Path /tmp/x.sock}"},
    {117, "CRLF", ACCEPT,
	.whole = "Sync {\r\n Mode FTFW { }\r\n" MCAST "\r\n}\r\nGeneral {\r\n LogFile /x\r\n}\r\n"},
    {118, "tab after a path", ACCEPT, .in_general = "LockFile /a\t# c\n"},
    {119, "comment after a path", ACCEPT, .in_general = "LockFile /a # c\n"},
    {120, "//", REFUSE, 1, "comments begin with '#'", .whole = "// hello there\n" SYNC_ONLY},
    {121, "semicolon", REFUSE, 10, "'1024;'", .in_general = "HashSize 1024; HashLimit 5;"
	"\n", .errors = 2},
    {122, "equals sign", REFUSE, 10, "'='", .in_general = "HashSize = 1024\n"},
    {123, "byte order mark", ACCEPT, .whole = "\xef\xbb\xbf" SYNC_ONLY},
    {124, "unknown helper", REFUSE, 11, "Unknown helper", .end = HELPER("Type foo inet tcp { }")},
    {125, "bad l3", REFUSE, 11, "'ipx'", .end = HELPER("Type ftp ipx tcp { }")},
    {126, "bad l4", REFUSE, 11, "'sctp'", .end = HELPER("Type ftp inet sctp { }")},
    {127, "upper-case TCP", REFUSE, 11, "'TCP'", .end = HELPER("Type ftp inet TCP { }")},
    {128, "helper", ACCEPT, .end = HELPER("Type ftp inet tcp { "
	"QueueNum 0 QueueLen 10240 Policy ftp { ExpectMax 1 ExpectTimeout 300 } }")},
    {129, "Setup", ACCEPT, .end = HELPER("Setup yes")},
    {130, "wrong policy", REFUSE, 11, "'bar'",
	.end = HELPER("Type ftp inet tcp { Policy bar { ExpectMax 1 } }")},
    {131, "empty policy", REFUSE, 11, "empty Policy",
	.end = HELPER("Type ftp inet tcp { Policy ftp { } }")},
    {132, "no policy", ACCEPT, .end = HELPER("Type ftp inet tcp { }")},
    {133, "ExpecTimeout", REFUSE, 11, "'ExpecTimeout'",
	.end = HELPER("Type ftp inet tcp { Policy ftp { ExpecTimeout 3 } }")},
    {134, "IPv6_Destionation_Address", REFUSE, 1, "mean IPv6_Destination_Address?",
	.whole = "Sync { Mode FTFW { } UDP { IPv6_Destionation_Address ::1 Port 1 } }"},
    {135, "DestroyTimeout", WARN, 7, "'DestroyTimeout'", .in_sync = "DestroyTimeout 5"},
    {136, "Replicate", WARN, 7, "State Accept",
	.in_sync = "Replicate ESTABLISHED TIME_WAIT for TCP"},
    {137, "CacheWriteThrough", ACCEPT, .in_sync = "CacheWriteThrough On"},
    {138, "ListenTo", WARN, 7, "'ListenTo'", .in_sync = "ListenTo 192.0.2.1"},
    {139, "StripNAT", WARN, 8, "'StripNAT'", .top = "StripNAT"},
    {140, "RelaxTransitions", WARN, 7, "'RelaxTransitions'", .in_sync = "RelaxTransitions"},
    {141, "DelayDestroyMessages", WARN, 7, "'DelayDestroyMessages'",
	.in_sync = "DelayDestroyMessages"},
    {142, "Family", WARN, 10, "'Family'", .in_general = "Family IPv4"},
    {143, "McastSndSocketBuffer", WARN, 6, "say SndSocketBuffer",
	.in_link = "McastSndSocketBuffer 1249280"},
    {144, "SndSocketBuffer", ACCEPT, .in_link = "SndSocketBuffer 1249280"},
    {145, "Backlog in Multicast", WARN, 6, "'Backlog'", .in_link = "Backlog 20"},
    {146, "Checksum in Sync", ACCEPT, .in_sync = "Checksum off"},
    {147, "ResendBufferSize", WARN, 1, "ResendQueueSize", .in_mode = "ResendBufferSize 262144"},
    {148, "LogFileBufferSize", WARN, 1, "LogFileBufferSize",
	.whole = "Stats { LogFileBufferSize 5 }"},
    {149, "IgnoreTrafficFor", WARN, 11, "Address Ignore",
	.end = "IgnoreTrafficFor { IPv4_address 127.0.0.1 IPv6_address ::1 }"},
    {150, "IgnoreProtocol UDP", WARN, 11, "Protocol Ignore", .end = "IgnoreProtocol { UDP }"},
    {151, "IgnoreProtocol by number", WARN, 11, "Protocol Ignore",
	.end = "IgnoreProtocol { 17 112 }"},
    {152, "IgnoreProtocol ICMP IGMP VRRP", WARN, 11, "Protocol Ignore",
	.end = "IgnoreProtocol { ICMP IGMP VRRP }"},
    {153, "two General", ACCEPT, .end = "General { HashLimit 5 }"},
    {154, "two Sync", ACCEPT, .end = "Sync { PurgeTimeout 5 }"},
};

static const char *
either(const char *given, const char *standard)
{
	return given != NULL ? given : standard;
}

static size_t
build(const struct row *r, char *out, size_t cap)
{
	if (r->whole != NULL)
		return (size_t)snprintf(out, cap, "%s", r->whole);
	return (size_t)snprintf(out, cap,
	    "Sync { Mode %s %s }\n%s {\n%s\n%s\n%s\nGroup 3780 %s }\n%s }\n%s\n"
	    "General { HashSize 1024\n%s }\n%s\n",
	    either(r->mode, "FTFW {"), either(r->in_mode, ""), either(r->link, "Multicast"),
	    either(r->addr, "IPv4_address 225.0.0.50"),
	    either(r->local, "IPv4_interface 127.0.0.1"),
	    either(r->ifname, "Interface eth2"), either(r->in_link, ""), either(r->in_sync, ""),
	    either(r->top, ""), either(r->in_general, ""), either(r->end, ""));
}

static bool
as_expected(const struct row *r, const struct diags *d)
{
	const struct diag *hit;

	switch (r->verdict) {
	case ACCEPT:
		return d->count == 0 && d->errors == 0;
	case WARN:
		hit = find_diag(d, DIAG_WARNING, r->needle);
		return d->errors == 0 && d->count == 1 && hit != NULL && hit->line == r->line;
	case REFUSE:
		hit = find_diag(d, DIAG_ERROR, r->needle);
		return d->errors == (r->errors > 0 ? r->errors : 1) && hit != NULL &&
		    hit->line == r->line && hit->col > 0;
	}
	return false;
}

static void
every_row_gets_its_verdict(void **state)
{
	static struct config c;
	char text[4096];
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct diags d;
		size_t len = build(r, text, sizeof(text));
		bool ok;

		assert_true(len < sizeof(text));
		ok = parse_text(&c, text, len, &d);
		assert_int_equal(ok, d.errors == 0);
		if (!as_expected(r, &d)) {
			print_message("# row %d (%s):\n", r->number, r->clause);
			show_diags(&d);
			bad++;
		} else if (ok) {
			assert_round_trip(&c, r->clause);
		}
	}
	assert_int_equal(bad, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_gets_its_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
