/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "status_text.h"

#define PEER(heard, more)                                                                          \
	"{'address':'192.0.2.1','heard':" heard ",'heard_ms_ago':200,'flows':12345,'in_sync':true,"    \
	"'resync':{'state':'none','ms_ago':null,'tries':0,'unanswered':false},'lost':0,'restarts':0," \
	more "}"
#define FTFW "'hears_us':true,'asked_again':3,'lag_ms':"
#define DOC(role, ready, reasons, peers)                                                           \
	"{'version':'1','mode':'FT-FW','uptime_s':75,'role':{'is':'" role "','since_s':70,'by':'x'},"  \
	"'ready':{'ready':" ready ",'reasons':[" reasons "]},'peers':[" peers "],'links':[],"          \
	"'internal':{'flows':1234567,'entries':1234567,'limit':2000000,'disabled':false},"            \
	"'bulk':{'running':false},'history':{'recent':[]}}"
#define REASON(code, blocking)                                                                     \
	"{'code':'" code "','text':'the text','advice':'the advice','blocking':" blocking "}"

struct page {
	json_t *doc;
	struct verdict v;
	char *text;
	size_t len;
};

/* Documents are written with the other kind of quotation marks. */
static json_t *
parse(const char *text)
{
	char *copy = strdup(text);
	json_t *doc;

	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	doc = json_loads(copy, 0, NULL);
	free(copy);
	assert_non_null(doc);
	return doc;
}

static void
page_free(struct page *p)
{
	json_decref(p->doc);
	free(p->text);
}

static void
print(struct page *p, const char *text, bool brief, bool colours)
{
	struct screen s = {.colours = colours};

	p->doc = parse(text);
	verdict_find(&p->v, p->doc);
	s.out = open_memstream(&p->text, &p->len);
	if (brief)
		status_print_short(&s, p->doc, &p->v);
	else
		status_print(&s, p->doc, &p->v);
	fclose(s.out);
}

static void
brief_is(const char *doc, enum verdict_is is, const char *text)
{
	struct page p;

	print(&p, doc, true, false);
	assert_string_equal(p.text, text);
	assert_int_equal(p.v.is, is);
	page_free(&p);
}

static void
a_backup_knows_whether_it_could_take_over(void **state)
{
	(void)state;
	brief_is(DOC("backup", "true", "", PEER("true", FTFW "0")), VERDICT_SAFE,
	    "backup; Taking over now: safe: 12,345 flows of 192.0.2.1 are here, last heard 0.2 s ago; "
	    "nothing is outstanding\n");
	brief_is(DOC("backup", "false", REASON("no-link", "true"), PEER("true", FTFW "0")), VERDICT_UNSAFE,
	    "backup; Taking over now: NOT safe: the text (the advice)\n");
	brief_is(DOC("backup", "true", REASON("peer-silent", "false"), PEER("false", FTFW "0")), VERDICT_BUT,
	    "backup; Taking over now: possible, but: the text\n");
	/* What blocks is not to be guessed: without a word that it is ready it is not. */
	brief_is("{'mode':'FT-FW','role':{'is':'backup'}}", VERDICT_UNSAFE,
	    "backup; Taking over now: NOT safe\n");
}

static void
a_master_does_not_pretend_to_know_its_peer(void **state)
{
	(void)state;
	brief_is(DOC("master", "true", "", PEER("true", FTFW "300")), VERDICT_BUT,
	    "master; Failing over to a peer now: not known here: peer 192.0.2.1 is heard (0.2 s ago), and has "
	    "acknowledged everything up to 0.3 s ago; version 1 of the protocol does not tell whether a peer "
	    "could take over\n");
	brief_is(DOC("master", "true", "", PEER("true", "'hears_us':null,'lag_ms':null")), VERDICT_BUT,
	    "master; Failing over to a peer now: not known here: peer 192.0.2.1 is heard (0.2 s ago); this mode "
	    "has no acknowledgements, so what it has of our flows is not known here; version 1 of the protocol "
	    "does not tell whether a peer could take over\n");
}

static void
a_master_says_what_it_does_know(void **state)
{
	(void)state;
	brief_is(DOC("master", "true", "", ""), VERDICT_UNSAFE,
	    "master; Failing over to a peer now: NOT safe: no peer is heard: nobody is there to take over "
	    "(see whether the peer, its daemon and the dedicated link are up)\n");
	brief_is(DOC("master", "true", "", PEER("true", FTFW "10000")), VERDICT_UNSAFE,
	    "master; Failing over to a peer now: NOT safe: peer 192.0.2.1 is heard (0.2 s ago), and has "
	    "acknowledged everything up to 10 s ago\n");
	brief_is(DOC("master", "true", REASON("internal-full", "false"), PEER("true", FTFW "0")),
	    VERDICT_UNSAFE,
	    "master; Failing over to a peer now: NOT safe: the text (the advice)\n");
	/* One of two is enough. */
	brief_is(DOC("master", "true", "", PEER("false", FTFW "0") "," PEER("true", FTFW "0")), VERDICT_BUT,
	    "master; Failing over to a peer now: not known here: peer 192.0.2.1 is heard (0.2 s ago), and has "
	    "acknowledged everything; version 1 of the protocol does not tell whether a peer could take over\n");
}

static void
what_keepalived_says_and_is_told_is_shown(void **state)
{
	struct page p;

	(void)state;
	print(&p, "{'mode':'FT-FW','role':{'is':'backup'},'vrrp':{'fifo':'/f','of':'group','name':'G1',"
		  "'state':'BACKUP','heard_s_ago':12,'track_file':'/t','value':-60,'error':null,'held':true,"
		  "'why':'no-peer','held_s':8,'until_s':22}}", false, false);
	assert_non_null(strstr(p.text, "\nkeepalived: group G1 BACKUP 12 s ago\n"));
	assert_non_null(strstr(p.text, "\nHeld back in the election of a master for 22 s more at most (track file: "
				       "-60):\n  no-peer\n"));
	page_free(&p);
	print(&p, "{'mode':'FT-FW','role':{'is':'unknown'},'vrrp':{'fifo':'/f','of':'instance','name':'V',"
		  "'state':null,'heard_s_ago':null,'track_file':'/t','value':0,'error':'Is a directory',"
		  "'held':false}}", false, false);
	assert_non_null(strstr(p.text, "\nkeepalived: instance V has said nothing yet\n"));
	assert_non_null(strstr(p.text, "\nThe track file /t cannot be written: Is a directory\n"));
	assert_null(strstr(p.text, "Held back"));
	page_free(&p);
	print(&p, "{'mode':'FT-FW','role':{'is':'unknown'},'vrrp':null}", false, false);
	assert_null(strstr(p.text, "\nkeepalived:"));
	page_free(&p);
}

static void
statistics_have_no_failover(void **state)
{
	(void)state;
	brief_is("{'mode':'Stats','role':{'is':'unknown'}}", VERDICT_NONE,
	    "unknown; Failing over: does not apply: this node collects statistics, and replicates nothing\n");
}

static size_t
longest_line(const char *text)
{
	size_t most = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		most = len > most ? len : most;
		text += len + (text[len] == '\n');
	}
	return most;
}

static void
no_line_is_too_long(void **state)
{
	struct page p;

	(void)state;
	print(&p, DOC("backup", "false", REASON("no-link", "true"), PEER("true", FTFW "0")), false, false);
	assert_true(longest_line(p.text) <= SCREEN_COLS);
	assert_non_null(strstr(p.text, "1,234,567"));
	assert_non_null(strstr(p.text, "61.7 %"));
	assert_non_null(strstr(p.text, "\n  because the text\n    -> the advice\n"));
	assert_null(strchr(p.text, '\033'));
	page_free(&p);
	print(&p, DOC("backup", "false", REASON("no-link", "true"), PEER("true", FTFW "0")), false, true);
	assert_non_null(strstr(p.text, "\033[1;31m"));
	page_free(&p);
	/* Of an empty document as much as there is. */
	print(&p, "{}", false, false);
	assert_true(longest_line(p.text) <= SCREEN_COLS);
	page_free(&p);
}

static void
words_are_wrapped_where_the_line_ends(void **state)
{
	struct screen s = {.colours = false};
	char *text;
	size_t len;

	(void)state;
	s.out = open_memstream(&text, &len);
	/* 80 columns to the last: nine words of eight letters, and one of seven. */
	screen_wrap(&s, SCREEN_PLAIN, 0, 2,
	    "12345678 12345678 12345678 12345678 12345678 12345678 12345678 12345678 1234567\303\244 next");
	/* One that is longer than any line stays whole, as does an indented start. */
	screen_wrap(&s, SCREEN_PLAIN, 0, 4, "  a 123456789012345678901234567890123456789012345678901234567890"
					    "1234567890123456789012345678 b");
	fclose(s.out);
	assert_string_equal(text,
	    "12345678 12345678 12345678 12345678 12345678 12345678 12345678 12345678 1234567\303\244\n"
	    "  next\n"
	    "  a\n    1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678\n"
	    "    b\n");
	free(text);
}

static void
nothing_steers_the_terminal(void **state)
{
	struct page p;

	(void)state;
	print(&p, DOC("backup", "true", "", "{'address':'\\u001b[2J\\n','heard':true}"), false, false);
	assert_null(strchr(p.text, '\033'));
	assert_non_null(strstr(p.text, "?[2J?"));
	page_free(&p);
}

static void
numbers_are_for_people(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} times[] = {{0, "0 ms"}, {99, "99 ms"}, {100, "0.1 s"}, {9999, "9.9 s"}, {10000, "10 s"},
	    {59999, "59 s"}, {60000, "1 min 0 s"}, {3600000, "1 h 0 min"}, {86400000, "1 d 0 h"}, {-1, "?"}};
	char out[SCREEN_WORD_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		assert_string_equal(screen_time(out, times[i].ms), times[i].text);
	assert_string_equal(screen_bytes(out, 999), "999 B");
	assert_string_equal(screen_bytes(out, 1000), "1.00 kB");
	assert_string_equal(screen_bytes(out, 999600), "1.00 MB");
	assert_string_equal(screen_bytes(out, 2097152), "2.10 MB");
	assert_string_equal(screen_count(out, 1234), "1,234");
	assert_string_equal(screen_count(out, -1), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_backup_knows_whether_it_could_take_over),
	    cmocka_unit_test(a_master_does_not_pretend_to_know_its_peer),
	    cmocka_unit_test(a_master_says_what_it_does_know),
	    cmocka_unit_test(what_keepalived_says_and_is_told_is_shown),
	    cmocka_unit_test(statistics_have_no_failover),
	    cmocka_unit_test(no_line_is_too_long),
	    cmocka_unit_test(words_are_wrapped_where_the_line_ends),
	    cmocka_unit_test(nothing_steers_the_terminal),
	    cmocka_unit_test(numbers_are_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
