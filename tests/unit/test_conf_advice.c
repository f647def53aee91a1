/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is legal and yet dangerous: each code is given where its reason is there, and not where it is not.
 */
#include "conf_test.h"

static struct config conf;
static struct diags diags;

/* A file that there is nothing to say about, with places for clauses. */
struct file {
	const char *mode, *in_mode, *links, *general, *filter, *top;
};

static const char two_links[] =
    "Multicast { IPv4_address 225.0.0.50 IPv4_interface 10.0.0.1 Interface eth2 Group 3780 RcvSocketBuffer 1048576 }\n"
    "Multicast { IPv4_address 225.0.0.50 IPv4_interface 10.1.0.1 Interface eth3 Group 3781 RcvSocketBuffer 1048576 }\n";
static const char good_filter[] =
    "Filter { Protocol Accept { TCP UDP } Address Ignore { IPv4_address 127.0.0.0/8 IPv4_address 10.0.0.0/8 } }";

static const char *
text_of(const struct file *f, char *out, size_t cap)
{
	const char *mode = f->mode != NULL ? f->mode : "FTFW";

	snprintf(out, cap, "Sync { Mode %s { %s }\n%s }\nGeneral { LogFile on NetlinkBufferSize 2097152\n%s\n%s }\n%s\n",
	    mode, f->in_mode != NULL ? f->in_mode : "", f->links != NULL ? f->links : two_links,
	    f->general != NULL ? f->general : "", f->filter != NULL ? f->filter : good_filter,
	    f->top != NULL ? f->top : "");
	return out;
}

static const struct diag *
find_code(const char *code)
{
	for (size_t i = 0; i < diags.count; i++) {
		if (diags.list[i].code != NULL && strcmp(diags.list[i].code, code) == 0)
			return &diags.list[i];
	}
	return NULL;
}

#define LINK(group, port, more) "Multicast { IPv4_address " group " IPv4_interface 10.0.0.1 Interface eth2 Group " port \
	" RcvSocketBuffer 1048576 " more " }"
#define ONE LINK("225.0.0.50", "3780", "")

static const struct {
	const char *code;
	enum diag_level level;
	struct file with, without; /* the nearest that is well */
} rows[] = {
    {"alarm-margin", DIAG_WARNING, {.mode = "ALARM", .in_mode = "RefreshTime 60 CacheTimeout 119"},
	{.mode = "ALARM", .in_mode = "RefreshTime 60 CacheTimeout 120"}},
    {"alarm-only", DIAG_WARNING, {.links = ONE "CacheTimeout 180"},
	{.mode = "ALARM", .links = ONE "CacheTimeout 180"}},
    {"alarm-only", DIAG_WARNING, {.mode = "NOTRACK", .links = ONE "RefreshTime 30"},
	{.mode = "ALARM", .links = ONE "RefreshTime 30"}},
    {"buffer-events", DIAG_WARNING, {.general = "NetlinkBufferSize 1048575"},
	{.general = "NetlinkBufferSize 1024 NetlinkBufferSizeMaxGrowth 1048576"}},
    {"buffer-link", DIAG_NOTE, {.links = ONE LINK("225.0.0.50", "3781", "RcvSocketBuffer 262143")},
	{.links = ONE LINK("225.0.0.50", "3781", "RcvSocketBuffer 262144")}},
    {"buffer-too-large", DIAG_NOTE, {.general = "NetlinkBufferSizeMaxGrowth 536870913"},
	{.general = "NetlinkBufferSizeMaxGrowth 536870912"}},
    {"buffer-too-large", DIAG_NOTE, {.links = LINK("225.0.0.50", "3781", "SndSocketBuffer 536870913")},
	{.links = LINK("225.0.0.50", "3781", "SndSocketBuffer 536870912")}},
    {"checksum-off", DIAG_WARNING, {.links = LINK("225.0.0.50", "3780", "Checksum off")},
	{.links = LINK("225.0.0.50", "3780", "Checksum on")}},
    {"commit-timeout-short", DIAG_WARNING, {.in_mode = "CommitTimeout 3599"}, {.in_mode = "CommitTimeout 3600"}},
    {"disable-external", DIAG_NOTE, {.in_mode = "DisableExternalCache on"}, {.in_mode = "DisableExternalCache off"}},
    {"events-reliable", DIAG_WARNING, {.general = "NetlinkEventsReliable on"},
	{.general = "NetlinkEventsReliable off"}},
    {"filter-established", DIAG_WARNING, {.filter = "Filter { State Ignore { ESTABLISHED for TCP } }"},
	{.filter = "Filter { State Accept { ESTABLISHED for TCP } }"}},
    {"filter-established", DIAG_WARNING, {.filter = "Filter { State Accept { CLOSE for TCP } }"},
	{.filter = "Filter { State Ignore { CLOSE for TCP } }"}},
    {"filter-link", DIAG_WARNING, {.filter = "Filter { Address Ignore { IPv4_address 10.0.0.2 } }"},
	{.links = ONE, .filter = "Filter { Address Ignore { IPv4_address 10.0.0.1 } }"}},
    {"filter-link", DIAG_WARNING,
	{.links = "UDP { IPv4_Destination_Address 10.9.9.9 Interface e Port 3780 }"
		  , .filter = "Filter { Address Ignore { IPv4_address 10.0.0.0/16 } }"},
	{.links = "UDP { IPv4_Destination_Address 10.9.9.9 Interface e Port 3780 }"
		  , .filter = "Filter { Protocol Accept { TCP } }"}},
    {"filter-loopback", DIAG_NOTE, {.filter = "Filter { Address Ignore { IPv4_address 10.0.0.0/8 } }"},
	{.filter = "Filter { Address Accept { IPv4_address 192.0.2.0/24 } }"}},
    {"filter-none", DIAG_WARNING, {.filter = "Filter From Kernelspace { }"}, {0}},
    {"gate-long", DIAG_NOTE, {.links = ONE "TakeoverGate { Timeout 6 }"}, {.links = ONE "TakeoverGate { Timeout 5 }"}},
    {"hash-limit-low", DIAG_NOTE, {.general = "HashLimit 16383"}, {.general = "HashLimit 16384"}},
    {"helper-not-run", DIAG_WARNING, {.top = "Helper { Type ftp inet tcp { } Type ftp inet6 tcp { } }"},
	{.top = "Helper { Setup on }"}},
    {"link-loopback", DIAG_WARNING, {.links = "UDP { IPv4_Destination_Address 10.9.9.9 Interface lo Port 3780 }"},
	{.links = "UDP { IPv4_Destination_Address 10.9.9.9 Interface lo0 Port 3780 }"}},
    {"log-nowhere", DIAG_NOTE, {.general = "LogFile off"}, {.general = "LogFile off Syslog on"}},
    {"multicast-same", DIAG_NOTE, {.links = ONE ONE}, {.links = ONE LINK("225.0.0.50", "3781", "")}},
    {"multicast-scope", DIAG_WARNING, {.links = LINK("224.0.0.18", "3780", "")},
	{.links = LINK("224.0.1.18", "3780", "")}},
    {"multicast-scope", DIAG_WARNING, {.links = "Multicast { IPv6_address ff01::3780 Interface e Group 3780 }"},
	{.links = "Multicast { IPv6_address ff02::3780 Interface e Group 3780 }"}},
    {"multicast-scope", DIAG_WARNING, {.links = "Multicast { IPv6_address ff02::12 Interface e Group 3780 }"},
	{.links = "Multicast { IPv6_address ff02::1:12 Interface e Group 3780 }"}},
    {"not-acknowledged", DIAG_NOTE, {.mode = "NOTRACK"}, {.mode = "FTFW"}},
    {"one-link", DIAG_NOTE, {.links = ONE}, {.links = two_links}},
    {"overrun-resync-off", DIAG_WARNING, {.general = "NetlinkOverrunResync off"},
	{.general = "NetlinkOverrunResync 5"}},
    {"path-shared", DIAG_WARNING, {.general = "LockFile /tmp/lock"}, {.general = "LockFile /run/tmp/lock"}},
    {"path-shared", DIAG_WARNING, {.general = "UNIX { Path /var/tmp/s }"}, {.general = "UNIX { Path /run/s }"}},
    {"polling", DIAG_WARNING, {.general = "PollSecs 5"}, {0}},
    {"port-low", DIAG_WARNING, {.links = LINK("225.0.0.50", "1023", "")}, {.links = LINK("225.0.0.50", "1024", "")}},
    {"purge-timeout-short", DIAG_WARNING, {.in_mode = "PurgeTimeout 9"}, {.in_mode = "PurgeTimeout 10"}},
    {"resend-queue-small", DIAG_WARNING, {.in_mode = "ResendQueueSize 1023"}, {.in_mode = "ResendQueueSize 1024"}},
    {"resend-queue-small", DIAG_WARNING, {.in_mode = "ResendQueueSize 2000 ACKWindowSize 2001"},
	{.in_mode = "ResendQueueSize 2000 ACKWindowSize 2000"}},
    {"said-again", DIAG_WARNING, {.general = "HashSize 5\nHashSize 6"}, {.general = "HashSize 6"}},
    {"scheduler-high", DIAG_WARNING, {.general = "Scheduler { Type FIFO Priority 50 }"},
	{.general = "Scheduler { Type FIFO Priority 49 }"}},
    {"systemd-off", DIAG_NOTE, {.general = "Systemd off"}, {.general = "Systemd on"}},
    {"vrrp-not-held", DIAG_NOTE, {.links = ONE "VRRP { NotifyFifo /run/f Group G }"},
	{.links = ONE "VRRP { NotifyFifo /run/f Group G TrackFile /run/t }"}},
};

static void
check_text(const struct file *f)
{
	char text[2048];

	text_of(f, text, sizeof(text));
	if (!config_check(&conf, text, strlen(text), &diags)) {
		show_diags(&diags);
		fail_msg("refused:\n%s", text);
	}
	assert_round_trip(&conf, text);
}

static void
each_code_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct diag *d;

		check_text(&rows[i].with);
		d = find_code(rows[i].code);
		if (d == NULL || d->level != rows[i].level) {
			fail_msg("row %zu: no %s of this level", i, rows[i].code);
			return;
		}
		/* Whole sentences: none is cut. */
		assert_true(strlen(d->text) < sizeof(d->text) - 1);
		check_text(&rows[i].without);
		/* The clause itself may be the second of its kind. */
		if (find_code(rows[i].code) != NULL)
			fail_msg("row %zu: %s without a reason", i, rows[i].code);
	}
}

static void
a_good_file_has_none(void **state)
{
	static const struct file good = {0};

	(void)state;
	check_text(&good);
	show_diags(&diags);
	assert_int_equal(diags.count, 0);
}

static void
advice_is_for_files_without_errors_and_for_who_asks(void **state)
{
	static const char wrong[] = "Sync { Mode FTFW { CommitTimeout 1 Wrong }\n" ONE "\n}\n";
	static const struct file odd = {.in_mode = "CommitTimeout 1"};
	char text[2048];

	(void)state;
	assert_false(config_check(&conf, wrong, strlen(wrong), &diags));
	assert_null(find_code("commit-timeout-short"));
	text_of(&odd, text, sizeof(text));
	assert_true(config_parse(&conf, text, strlen(text), &diags));
	assert_int_equal(diags.count, 0);
	assert_true(config_check(&conf, text, strlen(text), &diags));
	assert_int_equal(diags.count, 1);
	assert_int_equal(diags.list[0].line, 1);
	assert_int_equal(diags.list[0].col, 20);
}

static void
a_repeated_setting_is_named_where_it_counts(void **state)
{
	static const struct file twice = {.general = "HashSize 5\nHashLimit 99999\n  HashSize 6"};
	const struct diag *d;

	(void)state;
	check_text(&twice);
	d = find_code("said-again");
	if (d == NULL) {
		fail_msg("not named");
		return;
	}
	assert_int_equal(d->col, 3);
	assert_non_null(strstr(d->text, "HashSize for the second time"));
	assert_int_equal(conf.hash_size, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_code_has_its_reason),
	    cmocka_unit_test(a_good_file_has_none),
	    cmocka_unit_test(advice_is_for_files_without_errors_and_for_who_asks),
	    cmocka_unit_test(a_repeated_setting_is_named_where_it_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
