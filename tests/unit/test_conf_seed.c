/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of 2007: what they mean, and what becomes of any mistake in them.
 */
#include <syslog.h>

#include "conf_test.h"

#include "parser.h"

static struct config conf;
static struct diags diags;

static const char *const seeds[] = {
    SEED_DIR "/ftfw/node1/conntrackd.conf", SEED_DIR "/ftfw/node2/conntrackd.conf",
    SEED_DIR "/alarm/node1/conntrackd.conf", SEED_DIR "/alarm/node2/conntrackd.conf",
};

static char seed_text[8192];

static size_t
read_seed(size_t i)
{
	FILE *f = fopen(seeds[i], "r");
	size_t len;

	if (f == NULL)
		fail_msg("cannot open %s", seeds[i]);
	len = fread(seed_text, 1, sizeof(seed_text) - 1, f);
	fclose(f);
	assert_in_range(len, 2000, sizeof(seed_text) - 2);
	seed_text[len] = '\0';
	return len;
}

static void
assert_addr(const struct ip_addr *addr, const char *text)
{
	char got[ADDR_TEXT_MAX];

	addr_print(L3_IPV4, addr, got);
	assert_string_equal(got, text);
}

static void
seed_files_mean_what_they_say(void **state)
{
	static const uint8_t udp_icmp_igmp_vrrp[32] = {[0] = 0x06, [2] = 0x02, [14] = 0x01};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		const struct config_link *l = &conf.links[0];
		bool alarm = i >= 2, second = i % 2 == 1;
		size_t len = read_seed(i);

		assert_true(parse_text(&conf, seed_text, len, &diags));
		assert_int_equal(diags.count, alarm ? 2 : 3);
		assert_true(conf.has_sync);
		assert_int_equal(conf.node.mode, alarm ? MODE_ALARM : MODE_FTFW);
		assert_int_equal(conf.node.refresh_s, alarm ? 15 : 60);
		assert_int_equal(conf.node.cache_timeout_s, 180);
		assert_int_equal(conf.node.commit_timeout_s, 180);
		assert_int_equal(conf.node.resend_queue, alarm ? 131072 : 4096);
		assert_int_equal(conf.node.ack_window, alarm ? 300 : 20);
		assert_int_equal(conf.links_count, 1);
		assert_int_equal(l->transport, TRANSPORT_MULTICAST);
		assert_true(l->is_default);
		assert_true(l->checksum);
		assert_int_equal(l->l3, L3_IPV4);
		assert_addr(&l->group, "225.0.0.50");
		assert_addr(&l->local, second ? "192.168.100.200" : "192.168.100.100");
		assert_string_equal(l->ifname, "eth2");
		assert_int_equal(l->port, 3780);
		assert_int_equal(conf.hash_size, 8192);
		assert_int_equal(conf.node.limit, 65535);
		assert_false(conf.has_log_file);
		assert_int_equal(conf.syslog_facility, -1);
		assert_string_equal(conf.lock_file, "/var/lock/conntrack.lock");
		assert_string_equal(conf.unix_path, "/tmp/sync.sock");
		assert_int_equal(conf.netlink_rcvbuf, 262142);
		assert_int_equal(conf.netlink_rcvbuf_max, 655355);
		assert_int_equal(conf.node.filter.addr_polarity, FILTER_IGNORE);
		assert_int_equal(conf.node.filter.nets_count, 6);
		assert_ptr_equal(conf.node.filter.nets, conf.nets);
		assert_addr(&conf.nets[0].addr, "127.0.0.1");
		assert_addr(&conf.nets[5].addr, second ? "192.168.1.200" : "192.168.1.100");
		assert_int_equal(conf.nets[5].prefix, 32);
		assert_int_equal(conf.node.filter.proto_polarity, FILTER_IGNORE);
		assert_memory_equal(conf.node.filter.protos, udp_icmp_igmp_vrrp, 32);
		assert_int_equal(conf.node.filter.state_polarity, FILTER_NONE);
		assert_false(conf.node.write_through);
		assert_round_trip(&conf, seeds[i]);
	}
}

/* Takes the '#' off every line of the seed that is a setting and not prose. */
static void
uncomment(char *text, const char *setting)
{
	char *at = strstr(text, setting);

	assert_non_null(at);
	while (*at != '#')
		at--;
	*at = ' ';
}

static void
seed_settings_can_be_uncommented(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		size_t len = read_seed(i);

		uncomment(seed_text, "Replicate ESTABLISHED TIME_WAIT for TCP");
		uncomment(seed_text, "CacheWriteThrough On");
		uncomment(seed_text, "LogFile off");
		uncomment(seed_text, "Syslog on");
		assert_true(parse_text(&conf, seed_text, len, &diags));
		assert_int_equal(conf.node.filter.state_polarity, FILTER_ACCEPT);
		assert_int_equal(conf.node.filter.tcp_states,
		    1 << TCP_ESTABLISHED | 1 << TCP_TIME_WAIT);
		assert_true(conf.node.write_through);
		assert_false(conf.has_log_file);
		assert_int_equal(conf.syslog_facility, LOG_DAEMON);
		assert_round_trip(&conf, seeds[i]);
	}
}

/* The text from `at` to the end of the line, for messages. */
static void
show_mistake(const char *what, const char *at)
{
	print_message("# %s: %.*s\n", what, (int)strcspn(at, "\n"), at);
	show_diags(&diags);
}

/* Parses seed_text with `len` bytes at `at` replaced; 1 unless that gives one error. */
static size_t
one_error_for(const char *what, const char *at, size_t len, const char *instead)
{
	static char text[2 * sizeof(seed_text)];
	size_t before = (size_t)(at - seed_text);
	int n = snprintf(text, sizeof(text), "%.*s%s%s", (int)before, seed_text, instead, at + len);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_false(parse_text(&conf, text, (size_t)n, &diags));
	if (diags.errors == 1)
		return 0;
	show_mistake(what, at);
	return 1;
}

/* Each brace in turn is forgotten, or there twice; each keyword is misspelt. */
static void
one_mistake_gives_one_error(void **state)
{
	size_t bad = 0, tried = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		size_t len = read_seed(i);
		struct lexer lx;
		struct token t;

		uncomment(seed_text, "Replicate ESTABLISHED TIME_WAIT for TCP");
		lex_init(&lx, seed_text, len);
		for (t = lex_next(&lx); t.type != TOK_END; t = lex_next(&lx)) {
			char word[64];

			tried++;
			if (t.type != TOK_WORD) {
				bad += one_error_for("forgotten", t.text, 1, "");
				bad += one_error_for("twice", t.text, 0, t.type == TOK_OPEN ? "{" : "}");
				continue;
			}
			/* Some arguments may be anything. */
			if (token_is(&t, "eth2") || t.text[0] == '/')
				continue;
			snprintf(word, sizeof(word), "@%.*s", (int)t.len, t.text);
			bad += one_error_for("misspelt", t.text, t.len, word);
		}
	}
	assert_in_range(tried, 250, 1000);
	assert_int_equal(bad, 0);
}

static void
a_cut_or_damaged_seed_file_never_harms(void **state)
{
	static const char damage[] = {'{', '}', '#', '\n', ' ', 'x', '0', '/', '\0', '\xff', '"'};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		size_t len = read_seed(i);

		for (size_t cut = 0; cut < len; cut++) {
			bool ok = parse_text(&conf, seed_text, cut, &diags);

			assert_int_equal(ok, diags.errors == 0);
			assert_in_range(diags.count, ok ? 0 : 1, 8);
			if (ok)
				assert_round_trip(&conf, "cut");
		}
		for (size_t at = 0; at < len; at += 3) {
			char was = seed_text[at];

			seed_text[at] = damage[at / 3 % sizeof(damage)];
			if (parse_text(&conf, seed_text, len, &diags))
				assert_round_trip(&conf, "damaged");
			seed_text[at] = was;
		}
	}
}

static void
line_ends_and_marks_do_not_matter(void **state)
{
	size_t len = read_seed(0), out = 0;
	static char crlf[16384];
	static struct config plain;

	(void)state;
	assert_true(parse_text(&plain, seed_text, len, &diags));
	memcpy(crlf, "\xef\xbb\xbf", 3);
	out = 3;
	for (size_t i = 0; i < len; i++) {
		if (seed_text[i] == '\n')
			crlf[out++] = '\r';
		crlf[out++] = seed_text[i];
	}
	assert_true(parse_text(&conf, crlf, out, &diags));
	assert_true(same_config(&plain, &conf));
	/* Every newline becomes a space once the comments are gone. */
	out = 0;
	for (size_t i = 0; i < len; i++) {
		if (seed_text[i] == '#')
			i += strcspn(seed_text + i, "\n");
		crlf[out++] = seed_text[i] == '\n' ? ' ' : seed_text[i];
	}
	assert_true(parse_text(&conf, crlf, out, &diags));
	assert_true(same_config(&plain, &conf));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(seed_files_mean_what_they_say),
	    cmocka_unit_test(seed_settings_can_be_uncommented),
	    cmocka_unit_test(one_mistake_gives_one_error),
	    cmocka_unit_test(a_cut_or_damaged_seed_file_never_harms),
	    cmocka_unit_test(line_ends_and_marks_do_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
