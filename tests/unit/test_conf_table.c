/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_conf_table.c: what holds for every row of the keyword table, made from the table itself.
 */
#include "conf_test.h"

#include "parser.h"

/* Text around a clause that puts it into a section.  %s is the clause. */
struct place {
	uint32_t scope;
	const char *format;
};

#define LINK                                                                                       \
	"Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.0.2.1 Group 3780 Interface eth2 } "
#define UNICAST "IPv4_address 192.0.2.1 IPv4_Destination_Address 192.0.2.2 Interface eth2 "

static const struct place places[] = {
    {IN_TOP, "Sync { Mode FTFW { } " LINK "} %s"},
    {IN_SYNC, "Sync { Mode FTFW { } " LINK "%s }"},
    {IN_VRRP, "Sync { Mode FTFW { } " LINK "VRRP { TrackFile /t %s } }"},
    {IN_FTFW, "Sync { Mode FTFW { %s } " LINK "}"},
    {IN_ALARM, "Sync { Mode ALARM { %s } " LINK "}"},
    {IN_NOTRACK, "Sync { Mode NOTRACK { %s } " LINK "}"},
    {IN_OPTIONS, "Sync { Mode FTFW { } Options { %s } " LINK "}"},
    {IN_GATE, "Sync { Mode FTFW { } TakeoverGate { %s } " LINK "}"},
    {IN_MULTICAST, "Sync { Mode FTFW { } Multicast { IPv4_address 225.0.0.50 "
	"IPv4_interface 192.0.2.1 Interface eth2 Group 3780 %s } }"},
    {IN_UDP, "Sync { Mode FTFW { } UDP { " UNICAST "Port 3780 %s } }"},
    {IN_TCP, "Sync { Mode FTFW { } TCP { " UNICAST "Port 3780 %s } }"},
    {IN_GENERAL, "Sync { Mode FTFW { } " LINK "} General { %s }"},
    {IN_UNIX, "Sync { Mode FTFW { } " LINK "} General { UNIX { %s } }"},
    {IN_SCHEDULER, "Sync { Mode FTFW { } " LINK "} General { Scheduler { Type RR %s } }"},
    {IN_STATS, "Stats { %s }"},
    {IN_HELPER_TYPE, "Sync { Mode FTFW { } " LINK "} Helper { Type ftp inet tcp { %s } }"},
    {IN_POLICY, "Sync { Mode FTFW { } " LINK "} Helper { Type ftp inet tcp { "
	"Policy ftp { %s } } }"},
};

static struct config conf;
static struct diags diags;

static bool
parse_in(const struct place *place, const char *name, const char *arg)
{
	char clause[600], text[2048];

	snprintf(clause, sizeof(clause), "%s %s", name, arg);
	snprintf(text, sizeof(text), place->format, clause);
	return parse_text(&conf, text, strlen(text), &diags);
}

/* Number of errors that say which range was expected. */
static size_t
range_errors(const struct keyword *kw)
{
	char range[64];
	size_t count = 0;

	snprintf(range, sizeof(range), "from %u to %u for %s", kw->min, kw->max, kw->name);
	for (size_t i = 0; i < diags.count; i++)
		count += diags.list[i].level == DIAG_ERROR &&
		    strstr(diags.list[i].text, range) != NULL;
	return count;
}

static void
check_number(const struct place *place, const struct keyword *kw, uint64_t num, bool allowed)
{
	char arg[32];
	size_t errors;

	snprintf(arg, sizeof(arg), "%llu", (unsigned long long)num);
	parse_in(place, kw->name, arg);
	errors = range_errors(kw);
	if (errors != (allowed ? 0 : 1)) {
		show_diags(&diags);
		fail_msg("%s %s: %zu range errors", kw->name, arg, errors);
	}
	if (allowed && diags.errors == 0)
		assert_round_trip(&conf, kw->name);
}

static void
every_number_is_kept_to_its_range(void **state)
{
	static const char *const not_numbers[] = {"-1", "+1", "2M", "0x10", "1.5", "ten", "on1",
	    "99999999999999999999999999", "1,", "''"};
	size_t count, tested = 0;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count * ARRAY_LEN(places); i++) {
		const struct keyword *kw = &table[i / ARRAY_LEN(places)];
		const struct place *place = &places[i % ARRAY_LEN(places)];

		if ((kw->arg != ARG_INT && kw->arg != ARG_BOOL_OR_INT) ||
		    !(kw->scopes & place->scope))
			continue;
		tested++;
		check_number(place, kw, kw->min, true);
		check_number(place, kw, (uint64_t)kw->min + 1, true);
		check_number(place, kw, kw->max, true);
		check_number(place, kw, (uint64_t)kw->max + 1, false);
		check_number(place, kw, UINT32_MAX, false);
		check_number(place, kw, (uint64_t)UINT32_MAX + 2, false);
		if (kw->min > 0)
			check_number(place, kw, kw->min - 1, false);
		for (size_t j = 0; j < ARRAY_LEN(not_numbers); j++) {
			parse_in(place, kw->name, not_numbers[j]);
			assert_int_equal(range_errors(kw), 1);
		}
	}
	assert_true(tested >= 30);
}

static void
every_stored_number_is_stored(void **state)
{
	size_t count, tested = 0;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count * ARRAY_LEN(places); i++) {
		const struct keyword *kw = &table[i / ARRAY_LEN(places)];
		const struct place *place = &places[i % ARRAY_LEN(places)];
		uint32_t got = 0, number = kw->max < 77 ? kw->max : 77;
		char text[16];

		if (kw->arg != ARG_INT || !(kw->scopes & place->scope) ||
		    (kw->store != STORE_CONFIG && kw->store != STORE_LINK))
			continue;
		tested++;
		snprintf(text, sizeof(text), "%u", number);
		parse_in(place, kw->name, text);
		if (kw->size == sizeof(uint16_t)) {
			uint16_t half;

			memcpy(&half, (char *)&conf.links[0] + kw->offset, sizeof(half));
			got = half;
		} else {
			memcpy(&got, (kw->store == STORE_LINK ? (char *)&conf.links[0] :
			    (char *)&conf) + kw->offset, sizeof(got));
		}
		assert_int_equal(got, number);
		if (kw->zero == 0)
			continue;
		parse_in(place, kw->name, "0");
		memcpy(&got, (kw->store == STORE_LINK ? (char *)&conf.links[0] : (char *)&conf) +
		    kw->offset, sizeof(got));
		assert_int_equal(got, kw->zero);
	}
	assert_true(tested >= 15);
}

/* Without the row in the file, 0 and absence mean the same. */
static void
zero_means_the_default_where_it_means_anything(void **state)
{
	static struct config defaults;
	size_t count;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	config_defaults(&defaults);
	for (size_t i = 0; i < count; i++) {
		uint32_t got;

		if (table[i].zero == 0 || table[i].store != STORE_CONFIG)
			continue;
		memcpy(&got, (char *)&defaults + table[i].offset, sizeof(got));
		assert_int_equal(got, table[i].zero);
	}
}

static void
every_switch_takes_the_four_words_in_any_case(void **state)
{
	static const char *const good[] = {"on", "off", "yes", "no", "ON", "Off", "yEs", "NO"};
	static const bool meaning[] = {true, false, true, false, true, false, true, false};
	static const char *const bad[] = {"true", "1", "0", "onn", "o", "enable"};
	size_t count, tested = 0;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count * ARRAY_LEN(places); i++) {
		const struct keyword *kw = &table[i / ARRAY_LEN(places)];
		const struct place *place = &places[i % ARRAY_LEN(places)];

		if (kw->arg != ARG_BOOL || !(kw->scopes & place->scope))
			continue;
		tested++;
		for (size_t j = 0; j < ARRAY_LEN(good); j++) {
			parse_in(place, kw->name, good[j]);
			assert_null(find_diag(&diags, DIAG_ERROR, "on or off for"));
			if (kw->store == STORE_CONFIG) {
				bool got = *((char *)&conf + kw->offset);

				assert_int_equal(got, meaning[j]);
			}
		}
		for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
			assert_false(parse_in(place, kw->name, bad[j]));
			assert_non_null(find_diag(&diags, DIAG_ERROR, "on or off for"));
		}
	}
	assert_true(tested >= 10);
}

static void
every_path_is_kept_to_its_length(void **state)
{
	size_t count, tested = 0;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count * ARRAY_LEN(places); i++) {
		const struct keyword *kw = &table[i / ARRAY_LEN(places)];
		const struct place *place = &places[i % ARRAY_LEN(places)];
		char path[300];

		if ((kw->arg != ARG_PATH && kw->arg != ARG_BOOL_OR_PATH) ||
		    !(kw->scopes & place->scope))
			continue;
		tested++;
		memset(path, 'x', sizeof(path));
		path[0] = '/';
		path[kw->max] = '\0';
		parse_in(place, kw->name, path);
		assert_null(find_diag(&diags, DIAG_ERROR, "characters for"));
		path[kw->max] = 'x';
		path[kw->max + 1] = '\0';
		assert_false(parse_in(place, kw->name, path));
		assert_non_null(find_diag(&diags, DIAG_ERROR, "characters for"));
		assert_false(parse_in(place, kw->name, "relative/path"));
		assert_non_null(find_diag(&diags, DIAG_ERROR, "begins with '/'"));
	}
	assert_int_equal(tested, 6);
}

static void
every_obsolete_word_says_so_once(void **state)
{
	size_t count, tested = 0;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count * ARRAY_LEN(places); i++) {
		const struct keyword *kw = &table[i / ARRAY_LEN(places)];
		const struct place *place = &places[i % ARRAY_LEN(places)];
		const char *arg = kw->arg == ARG_INT ? "5" : kw->arg == ARG_SIGNED ? "-5" :
		    kw->arg == ARG_IPV6 ? "fe80::1" : kw->arg == ARG_BLOCK ? "{ }" :
		    kw->arg == ARG_STATES ? "CLOSE for TCP" : kw->arg == ARG_NONE ? "" : "IPv4";
		char twice[128];

		if (kw->obsolete == NULL || !(kw->scopes & place->scope))
			continue;
		tested++;
		snprintf(twice, sizeof(twice), "%s %s %s", arg, kw->name, arg);
		parse_in(place, kw->name, twice);
		assert_non_null(find_diag(&diags, DIAG_WARNING, kw->obsolete));
		assert_int_equal(diags.count - diags.errors, 1);
	}
	assert_true(tested >= 20);
}

/* Each word on its own in each section where it has no business: one error that names its home. */
static void
every_keyword_away_from_home_is_sent_there(void **state)
{
	size_t count;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count * ARRAY_LEN(places); i++) {
		const char *name = table[i / ARRAY_LEN(places)].name;
		const struct place *place = &places[i % ARRAY_LEN(places)];
		struct token t = {.type = TOK_WORD, .text = name, .len = strlen(name)};
		const struct diag *hit;
		char home[64];

		if (keyword_find(&t, place->scope) != NULL)
			continue;
		assert_false(parse_in(place, name, ""));
		scope_names(table[i / ARRAY_LEN(places)].scopes, home, sizeof(home));
		hit = find_diag(&diags, DIAG_ERROR, "expected it only in");
		assert_non_null(hit);
		assert_non_null(strstr(hit->text, name));
		assert_non_null(strstr(hit->text, home));
	}
}

/* The table has two rows of a name only where they stand in different sections. */
static void
no_word_has_two_meanings_in_one_section(void **state)
{
	size_t count;
	const struct keyword *table = keyword_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			if (strcmp(table[i].name, table[j].name) == 0)
				assert_int_equal(table[i].scopes & table[j].scopes, 0);
		}
		assert_true(table[i].scopes != 0);
		assert_int_equal(table[i].arg == ARG_BLOCK, table[i].opens != 0);
	}
}

static char *
read_file(const char *path)
{
	static char text[262144];
	FILE *f = fopen(path, "r");
	size_t len;

	if (f == NULL)
		fail_msg("cannot open %s", path);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return text;
}

/* Is there an entry of its own, ".It Ic name" and then the end of the line or an argument? */
static bool
has_entry(const char *page, const char *name)
{
	char line[80];
	const char *at = page;
	size_t len;

	snprintf(line, sizeof(line), "\n.It Ic %s", name);
	len = strlen(line);
	while ((at = strstr(at, line)) != NULL) {
		if (at[len] == '\n' || at[len] == ' ')
			return true;
		at += len;
	}
	return false;
}

static void
every_keyword_is_in_the_manual(void **state)
{
	size_t count, missing = 0;
	const struct keyword *table = keyword_table(&count);
	const char *page = read_file(MAN_PAGE);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		if (!has_entry(page, table[i].name)) {
			print_message("# no entry for %s\n", table[i].name);
			missing++;
		}
	}
	assert_int_equal(missing, 0);
	assert_false(has_entry(page, "NoSuchKeyword"));
}

/* What stands between .Bd -literal and .Ed is a whole file each time. */
static void
every_example_of_the_manual_parses(void **state)
{
	static const char open[] = "\n.Bd -literal -offset indent\n";
	const char *at = read_file(MAN_PAGE);
	size_t tested = 0;

	(void)state;
	while ((at = strstr(at, open)) != NULL) {
		const char *end = strstr(at, "\n.Ed\n");

		assert_non_null(end);
		at += strlen(open);
		assert_true(parse_text(&conf, at, (size_t)(end - at), &diags));
		assert_int_equal(diags.count, 0);
		assert_round_trip(&conf, "example of the manual");
		tested++;
	}
	assert_int_equal(tested, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_number_is_kept_to_its_range),
	    cmocka_unit_test(every_stored_number_is_stored),
	    cmocka_unit_test(zero_means_the_default_where_it_means_anything),
	    cmocka_unit_test(every_switch_takes_the_four_words_in_any_case),
	    cmocka_unit_test(every_path_is_kept_to_its_length),
	    cmocka_unit_test(every_obsolete_word_says_so_once),
	    cmocka_unit_test(every_keyword_away_from_home_is_sent_there),
	    cmocka_unit_test(no_word_has_two_meanings_in_one_section),
	    cmocka_unit_test(every_keyword_is_in_the_manual),
	    cmocka_unit_test(every_example_of_the_manual_parses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
