/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The effective configuration, printed, means the same: of every file that there is, and of files made up.
 */
#include <ftw.h>

#include "conf_test.h"

enum { FILES_MIN = 18, MADE_UP = 4000, TEXT_MAX = 65536 };

static struct config conf;
static struct diags diags;

/* ---- files that there are ---- */

static size_t files;

static bool
is_ours(const char *text)
{
	/* A template is none. */
	if (strstr(text, "@DIR@") != NULL)
		return false;
	return strncmp(text, "Sync {", 6) == 0 || strstr(text, "\nSync {") != NULL || strstr(text, "\nStats {") != NULL ||
	    strncmp(text, "Stats {", 7) == 0;
}

static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static char text[TEXT_MAX];
	size_t path_len = strlen(path), len;
	FILE *f;

	(void)ftw;
	if (type != FTW_F || st->st_size >= TEXT_MAX || path_len < 5 || strcmp(path + path_len - 5, ".conf") != 0)
		return 0;
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	if (!is_ours(text))
		return 0;
	files++;
	if (!parse_text(&conf, text, len, &diags)) {
		show_diags(&diags);
		fail_msg("%s is refused", path);
	}
	assert_round_trip(&conf, path);
	return 0;
}

static void
every_file_survives_printing(void **state)
{
	static const char *const dirs[] = {DATA_DIR, EXAMPLES_DIR};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(nftw(dirs[i], visit, 8, FTW_PHYS), 0);
	assert_in_range(files, FILES_MIN, 1000);
}

/* ---- files made up ---- */

static uint64_t random_state;

static unsigned int
draw(unsigned int below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned int)((random_state >> 16) % below);
}

static char text[TEXT_MAX];
static size_t text_len;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_len += (size_t)vsnprintf(text + text_len, sizeof(text) - text_len, fmt, ap);
	va_end(ap);
	assert_true(text_len < sizeof(text));
}

static const char *
on_or_off(void)
{
	static const char *const words[] = {"on", "off", "Yes", "NO"};

	return words[draw(4)];
}

/* Small, large and the default's 0. */
static unsigned int
number(unsigned int max)
{
	switch (draw(4)) {
	case 0:
		return 0;
	case 1:
		return max;
	case 2:
		return draw(300);
	default:
		return draw(max);
	}
}

struct setting {
	const char *name;
	unsigned int max; /* 0: on or off */
};

/* Some of them, in any order, a few twice. */
static void
say_some(const struct setting *settings, size_t count)
{
	for (unsigned int n = draw((unsigned int)count + 2); n > 0; n--) {
		const struct setting *s = &settings[draw((unsigned int)count)];

		if (s->max == 0)
			say("%s %s\n", s->name, on_or_off());
		else
			say("%s %u\n", s->name, number(s->max));
	}
}

static void
say_mode(void)
{
	static const struct setting ftfw[] = {{"ResendQueueSize", 1 << 24}, {"ACKWindowSize", 9999},
	    {"DisableExternalCache", 0}, {"StartupResync", 0}, {"CommitTimeout", 9999}, {"PurgeTimeout", 9999}};
	static const struct setting alarm[] = {{"RefreshTime", 9999}, {"CacheTimeout", 9999}, {"CommitTimeout", 9999}};
	static const struct setting notrack[] = {{"DisableInternalCache", 0}, {"DisableExternalCache", 0},
	    {"StartupResync", 0}, {"PurgeTimeout", 9999}};

	switch (draw(3)) {
	case 0:
		say("Mode FTFW {\n");
		say_some(ftfw, ARRAY_LEN(ftfw));
		break;
	case 1:
		say("Mode ALARM {\n");
		say_some(alarm, ARRAY_LEN(alarm));
		break;
	default:
		say("Mode NOTRACK {\n");
		say_some(notrack, ARRAY_LEN(notrack));
	}
	say("}\n");
}

static void
say_link(unsigned int kind, unsigned int i)
{
	static const char *const names[] = {"Multicast", "UDP", "TCP"};
	static const struct setting buffers[] = {{"SndSocketBuffer", 2147483647}, {"RcvSocketBuffer", 2147483647},
	    {"Checksum", 0}};
	bool v6 = draw(2) == 1;

	say("%s%s {\nInterface eth%u.%u\n%s %u\n", names[kind], draw(3) == 0 ? " Default" : "", i, draw(4000),
	    kind == 0 ? "Group" : "Port", 1 + draw(65535));
	if (kind == 0)
		say(v6 ? "IPv6_address ff%02x::%x\n" : "IPv4_address 2%u.%u.0.1\nIPv4_interface 10.0.0.1\n",
		    v6 ? draw(256) : 25 + draw(10), draw(256));
	else
		say(v6 ? "IPv6_Destination_Address fd00:%x::%x\n" : "IPv4_Destination_Address 10.%u.%u.7\n", draw(256),
		    draw(256));
	if (kind != 0 && draw(2) == 0)
		say(v6 ? "IPv6_address 2001:db8::%x\n" : "IPv4_address 192.0.2.%u\n", 1 + draw(200));
	if (kind == 2 && draw(2) == 0)
		say("ErrorQueueLength %u\n", number(99999));
	say_some(buffers, ARRAY_LEN(buffers));
	say("}\n");
}

static void
say_filter(void)
{
	static const char *const protos[] = {"TCP", "udp", "IPv6-ICMP", "47", "255", "0", "vrrp"};
	static const char *const states[] = {"ESTABLISHED", "SYN_RECV", "LISTEN", "CLOSED", "TIME_WAIT"};

	say("Filter%s {\n", draw(3) == 0 ? " From Kernelspace" : draw(2) == 0 ? " From Userspace" : "");
	if (draw(2) == 0) {
		say("Protocol %s {", draw(2) == 0 ? "Accept" : "Ignore");
		for (unsigned int n = draw(5); n > 0; n--)
			say(" %s", protos[draw(ARRAY_LEN(protos))]);
		say(" }\n");
	}
	if (draw(2) == 0) {
		say("Address %s {\n", draw(2) == 0 ? "Accept" : "Ignore");
		for (unsigned int n = draw(9); n > 0; n--)
			say(draw(2) == 0 ? "IPv4_address 10.%u.%u.0/%u\n" : "IPv6_address 2001:db8:%x::%x/%u\n", draw(256),
			    draw(256), draw(33));
		say("}\n");
	}
	if (draw(3) == 0) {
		say("State %s {", draw(2) == 0 ? "Accept" : "Ignore");
		for (unsigned int n = draw(4); n > 0; n--)
			say(" %s", states[draw(ARRAY_LEN(states))]);
		say(" for TCP }\n");
	}
	say("}\n");
}

static void
say_sync(void)
{
	static const struct setting sync[] = {{"Checksum", 0}, {"CacheWriteThrough", 0}, {"RefreshTime", 999},
	    {"CacheTimeout", 999}, {"CommitTimeout", 99999}, {"PurgeTimeout", 999}};
	unsigned int kind = draw(3);

	say("Sync {\n");
	say_mode();
	say_some(sync, ARRAY_LEN(sync));
	for (unsigned int i = 0, n = 1 + draw(4); i < n; i++)
		say_link(kind, i);
	if (draw(3) == 0)
		say("VRRP { NotifyFifo /run/%u %s G%u %s Weight -%u HoldMax %u }\n", draw(9), draw(2) == 0 ? "Group" : "Instance",
		    draw(9), draw(2) == 0 ? "TrackFile /run/track" : "", 1 + draw(253), 1 + draw(3600));
	if (draw(3) == 0)
		say("TakeoverGate { Timeout %u HoldUDP %s }\n", 1 + draw(30), on_or_off());
	if (draw(2) == 0)
		say("Options { TCPWindowTracking %s ExpectationSync %s }\n", on_or_off(),
		    draw(2) == 0 ? on_or_off() : "{ ftp sip h323 }");
	say("}\n");
}

static void
say_general(void)
{
	static const struct setting general[] = {{"HashSize", 1 << 30}, {"HashLimit", 1 << 24},
	    {"NetlinkBufferSize", 2147483647}, {"NetlinkBufferSizeMaxGrowth", 2147483647}, {"NetlinkOverrunResync", 0},
	    {"NetlinkOverrunResync", 999}, {"NetlinkEventsReliable", 0}, {"EventIterationLimit", 99999}, {"Systemd", 0},
	    {"LogFile", 0}, {"Syslog", 0}};

	say("General {\n");
	say_some(general, ARRAY_LEN(general));
	if (draw(3) == 0)
		say("PollSecs %u\n", 1 + draw(100));
	if (draw(3) == 0)
		say("Scheduler { Type %s Priority %u }\n", draw(2) == 0 ? "fifo" : "RR", draw(100));
	if (draw(3) == 0)
		say("Syslog local%u\nLogFile /var/log/c%u.log\nLockFile /run/%u\n", draw(8), draw(9), draw(9));
	if (draw(2) == 0)
		say("UNIX { Path /run/c%u.ctl%s }\n", draw(99), draw(2) == 0 ? " Group adm" : "");
	if (draw(2) == 0)
		say_filter();
	say("}\n");
}

static void
say_helpers(void)
{
	static const char *const types[] = {"ftp inet tcp", "rpc inet6 udp", "ssdp inet udp", "amanda inet6 udp"};

	say("Helper { Setup %s\n", on_or_off());
	for (unsigned int n = draw(4); n > 0; n--)
		say("Type %s { QueueNum %u QueueLen %u }\n", types[draw(4)], draw(65536), number(99999));
	say("Type tftp inet udp { Policy tftp { ExpectMax %u } } }\n", number(99));
}

static void
make_up(unsigned int seed)
{
	random_state = 0x9e3779b97f4a7c15ULL * (seed + 1);
	text_len = 0;
	if (draw(8) == 0)
		say("Stats { LogFile %s Syslog %s }\n", on_or_off(), on_or_off());
	else
		say_sync();
	if (draw(8) != 0)
		say_general();
	if (draw(4) == 0)
		say_helpers();
}

static void
what_is_made_up_survives_printing(void **state)
{
	unsigned int remarked = 0;

	(void)state;
	for (unsigned int seed = 0; seed < MADE_UP; seed++) {
		char what[32];

		make_up(seed);
		if (!config_check(&conf, text, text_len, &diags)) {
			show_diags(&diags);
			fail_msg("seed %u is refused:\n%s", seed, text);
		}
		remarked += diags.count > 0;
		snprintf(what, sizeof(what), "seed %u", seed);
		assert_round_trip(&conf, what);
	}
	assert_true(remarked > MADE_UP / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_file_survives_printing),
	    cmocka_unit_test(what_is_made_up_survives_printing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
