/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between two configurations, and what of it needs a restart.
 */
#include "conf_test.h"

#include "parser.h"
#include "settings.h"

#define LINK                                                                                       \
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3780 Interface eth2 "
#define FILE_OF(mode, link, sync, general)                                                         \
	"Sync { Mode " mode "\n" LINK link " }\n" sync " }\nGeneral { " general " }\n"
#define PLAIN FILE_OF("FTFW { }", "", "", "")

static struct config was, is;

static void
parse(struct config *c, const char *text)
{
	struct diags d;

	if (!parse_text(c, text, strlen(text), &d)) {
		show_diags(&d);
		fail_msg("%s", text);
	}
}

static void
no_setting_changes_unnoticed(void **state)
{
	size_t count, tested = 0;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		if (table[i].store != STORE_CONFIG)
			continue;
		if (!settings_cover(table[i].offset))
			fail_msg("%s has no row in settings[]", table[i].name);
		tested++;
	}
	assert_true(tested > 20);
}

static void
each_change_has_its_name_and_its_time(void **state)
{
	static const struct {
		const char *text, *live, *later;
	} rows[] = {
	    {PLAIN, "", ""},
	    {"\n\n# moved\n" PLAIN, "", ""},
	    {FILE_OF("FTFW { ACKWindowSize 20 ResendQueueSize 9 StartupResync on }", "", "", ""),
		"ResendQueueSize, ACKWindowSize, StartupResync", ""},
	    {FILE_OF("FTFW { CommitTimeout 9 PurgeTimeout 8 }", "", "RefreshTime 7 CacheTimeout 99",
		 ""),
		"RefreshTime, CacheTimeout, CommitTimeout, PurgeTimeout", ""},
	    {FILE_OF("FTFW { }", "", "Options { TCPWindowTracking on }", ""), "TCPWindowTracking",
		""},
	    {FILE_OF("FTFW { }", "", "CacheWriteThrough on", ""), "", "CacheWriteThrough"},
	    {FILE_OF("FTFW { }", "", "TakeoverGate { Timeout 3 HoldUDP on }", ""),
		"TakeoverGate Timeout, TakeoverGate HoldUDP", "TakeoverGate"},
	    {FILE_OF("FTFW { }", "", "VRRP { NotifyFifo /f Group G TrackFile /t Weight -9 HoldMax 9 }", ""),
		"VRRP Weight, VRRP HoldMax",
		"VRRP NotifyFifo, VRRP Instance or Group, VRRP TrackFile"},
	    {FILE_OF("ALARM { }", "", "", ""), "", "Mode"},
	    {FILE_OF("FTFW { }", "Checksum off", "", ""), "", "the dedicated links"},
	    {FILE_OF("FTFW { }", "SndSocketBuffer 5", "", "HashSize 7 HashLimit 8"), "",
		"the dedicated links, HashSize, HashLimit"},
	    {FILE_OF("FTFW { }", "", "", "LockFile /l UNIX { Path /u Group g } Systemd off"), "",
		"LockFile, UNIX Path, UNIX Group, Systemd"},
	    {FILE_OF("FTFW { }", "", "", "LogFile on Syslog local1"), "LogFile, Syslog", ""},
	    {FILE_OF("FTFW { }", "", "", "LogFile off LockFile /var/lock/conntrackd.lock"), "", ""},
	    {FILE_OF("FTFW { }", "", "",
		 "NetlinkBufferSize 5 NetlinkBufferSizeMaxGrowth 6 NetlinkOverrunResync off "
		 "EventIterationLimit 3 NetlinkEventsReliable on PollSecs 1"),
		"NetlinkBufferSize, NetlinkBufferSizeMaxGrowth, NetlinkOverrunResync, "
		"EventIterationLimit",
		"NetlinkEventsReliable, PollSecs"},
	    {FILE_OF("FTFW { }", "", "", "Scheduler { Type FIFO Priority 9 }"), "Scheduler", ""},
	    {FILE_OF("FTFW { }", "", "", "Filter { Protocol Ignore { UDP } }"), "Filter", ""},
	    {FILE_OF("FTFW { }", "", "", "Filter From Kernelspace { }"), "Filter", ""},
	    {FILE_OF("FTFW { }", "", "",
		 "Filter { Address Ignore { IPv4_address 10.0.0.1 } State Accept { LISTEN for TCP } }"),
		"Filter", ""},
	    {PLAIN "Helper { Type ftp inet tcp { } }", "Helper", ""},
	    {"Stats { LogFile on Syslog on }", "Stats LogFile, Stats Syslog",
		"the dedicated links, Sync, Stats, Mode"},
	};
	char names[512];

	(void)state;
	parse(&was, PLAIN);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		parse(&is, rows[i].text);
		settings_changed(&was, &is, true, names, sizeof(names));
		assert_string_equal(names, rows[i].live);
		assert_int_equal(settings_changed(&was, &is, false, names, sizeof(names)) > 0,
		    rows[i].later[0] != '\0');
		assert_string_equal(names, rows[i].later);
		/* And what needs a restart waits for one. */
		settings_keep(&is, &was);
		assert_int_equal(settings_changed(&was, &is, false, names, sizeof(names)), 0);
		settings_changed(&was, &is, true, names, sizeof(names));
		assert_string_equal(names, rows[i].live);
	}
}

static void
names_that_do_not_fit_are_counted(void **state)
{
	char names[8];

	(void)state;
	parse(&was, PLAIN);
	parse(&is, FILE_OF("FTFW { }", "", "", "HashSize 7 HashLimit 8 LockFile /l"));
	assert_int_equal(settings_changed(&was, &is, false, names, sizeof(names)), 3);
	assert_true(strlen(names) < sizeof(names));
	assert_int_equal(settings_changed(&was, &is, false, names, 0), 3);
}

/* How many bytes of `size` at `field` of `is` can be changed without a change of settings. */
static size_t
unnoticed(void *field, size_t size)
{
	unsigned char *bytes = field;
	char names[64];
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 1;
		count += settings_changed(&was, &is, true, names, sizeof(names)) +
			settings_changed(&was, &is, false, names, sizeof(names)) == 0;
		bytes[i] ^= 1;
	}
	return count;
}

/* A new member without its comparison is one that is not noticed. */
static void
members_of_links_and_helpers_are_settings_and_what_lies_between_is_not(void **state)
{
	enum { LINK_HOLES = 3 + 1 + 3, HELPER_HOLES = 2 + 3 };
	struct config_link *l = &is.links[0];
	struct config_helper *h = &is.helpers[0];

	(void)state;
	parse(&was, PLAIN);
	was.helpers_count = 1;
	was.helpers[0] = (struct config_helper){.name = "ftp", .l3 = L3_IPV4, .l4 = L4_TCP};
	memcpy(&is, &was, sizeof(is));
	assert_int_equal(unnoticed(l, sizeof(*l)), LINK_HOLES + sizeof(l->line));
	assert_int_equal(unnoticed(h, sizeof(*h)), HELPER_HOLES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_setting_changes_unnoticed),
	    cmocka_unit_test(each_change_has_its_name_and_its_time),
	    cmocka_unit_test(names_that_do_not_fit_are_counted),
	    cmocka_unit_test(members_of_links_and_helpers_are_settings_and_what_lies_between_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
