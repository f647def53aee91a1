/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

struct page {
	char buf[512];
	struct text t;
	struct json j;
};

static struct json *
begin(struct page *p)
{
	text_init(&p->t, p->buf, sizeof(p->buf));
	jw_init(&p->j, &p->t);
	return &p->j;
}

static void
values_stand_in_objects_and_arrays(void **state)
{
	struct page p;
	struct json *j = begin(&p);

	(void)state;
	jw_object(j, NULL);
	jw_object(j, "empty");
	jw_object_end(j);
	jw_u64(j, "most", UINT64_MAX);
	jw_array(j, "list");
	jw_i64(j, NULL, INT64_MIN);
	jw_bool(j, NULL, true);
	jw_null(j, NULL);
	jw_array(j, NULL);
	jw_array_end(j);
	jw_array_end(j);
	jw_str(j, "nothing", NULL);
	jw_object_end(j);
	jw_end(j);
	assert_string_equal(p.buf,
	    "{\"empty\":{},\"most\":18446744073709551615,"
	    "\"list\":[-9223372036854775808,true,null,[]],\"nothing\":null}\n");
	assert_false(p.t.overflow);
}

static void
strings_are_always_valid(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"", "\"\"\n"},
	    {"a\"b\\c", "\"a\\\"b\\\\c\"\n"},
	    {"\n\t\x1f\x7f", "\"\\n\\u0009\\u001f\\u007f\"\n"},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n"},
	    /* Cut off, out of place, too long, a half pair, beyond the last. */
	    {"\xc3", "\"\\ufffd\"\n"},
	    {"\x80x", "\"\\ufffdx\"\n"},
	    {"\xc0\x80", "\"\\ufffd\\ufffd\"\n"},
	    {"\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},
	    {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},
	    {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n"},
	    {"\xff", "\"\\ufffd\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct page p;
		struct json *j = begin(&p);

		jw_str(j, NULL, rows[i].in);
		jw_end(j);
		assert_string_equal(p.buf, rows[i].out);
	}
}

static void
what_does_not_fit_is_noticed(void **state)
{
	struct page p;
	struct json *j = begin(&p);

	(void)state;
	jw_array(j, NULL);
	for (int i = 0; i < 100; i++)
		jw_str(j, NULL, "more and more");
	jw_array_end(j);
	jw_end(j);
	assert_true(p.t.overflow);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_stand_in_objects_and_arrays),
	    cmocka_unit_test(strings_are_always_valid),
	    cmocka_unit_test(what_does_not_fit_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
