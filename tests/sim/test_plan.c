/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans as text, and that nothing but the plan decides what happens in a play. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan_file.h"

static char *
text_of(const struct plan *p)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	plan_print(p, f);
	fclose(f);
	return text;
}

static bool
read_text(struct plan *p, const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	bool ok;

	assert_non_null(f);
	ok = plan_read(p, f, "test");
	fclose(f);
	return ok;
}

static void
a_plan_survives_its_text(void **state)
{
	struct plan drawn, back;

	(void)state;
	for (uint64_t seed = 1; seed <= 500; seed++) {
		char *text, *again;

		plan_draw(&drawn, seed);
		text = text_of(&drawn);
		assert_true(read_text(&back, text));
		assert_int_equal(back.acts_count, drawn.acts_count);
		for (size_t i = 0; i < drawn.acts_count; i++) {
			assert_ptr_equal(back.acts[i].kind, drawn.acts[i].kind);
			assert_int_equal(back.acts[i].wait_ms, drawn.acts[i].wait_ms);
			assert_int_equal(back.acts[i].node, drawn.acts[i].node);
			assert_int_equal(back.acts[i].other, drawn.acts[i].other);
			assert_true(back.acts[i].dice == drawn.acts[i].dice);
		}
		again = text_of(&back);
		assert_string_equal(text, again);
		free(text);
		free(again);
	}
}

static void
what_is_no_plan_is_refused(void **state)
{
	static const char *const texts[] = {
	    "nodes 2\ntuples 1\nlimit 512\nnonsense 1\n",
	    "nodes 2\ntuples 1\nlimit 512\n+0 nonsense 0 0 0000000000000000\n",
	    "nodes 2\ntuples 1\nlimit 512\n+0 open 0 9 0000000000000000\n",
	    "nodes 2\ntuples 1\nlimit 512\n+0 open 0\n",
	    "nodes 6\ntuples 1\nlimit 512\n",
	    "nodes 2\ntuples 1000\nlimit 512\n",
	    "nodes 2\ntuples 1\n",
	};
	struct plan p;

	(void)state;
	assert_true(read_text(&p, "# comment\n\nnodes 2\ntuples 1\nlimit 512\n"));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_false(read_text(&p, texts[i]));
}

/* Hash tables by address, memory that nobody has set: all of that shows here, or in a build by
 * another compiler. */
static void
the_same_plan_is_the_same_play(void **state)
{
	struct outcome first, second;
	struct plan p;

	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		plan_draw(&p, seed);
		memset(&first, 0, sizeof(first));
		memset(&second, 0, sizeof(second));
		sim_play(&p, NULL, &first);
		sim_play(&p, NULL, &second);
		assert_true(first.hash != 0);
		assert_true(first.hash == second.hash);
		assert_ptr_equal(first.verdict.oracle, second.verdict.oracle);
		assert_true(first.simulated_ms == second.simulated_ms);
		assert_memory_equal(first.exceptions, second.exceptions, sizeof(first.exceptions));
	}
}

static void
another_seed_is_another_play(void **state)
{
	struct outcome first = {0}, second = {0};
	struct plan p;

	(void)state;
	plan_draw(&p, 1);
	sim_play(&p, NULL, &first);
	plan_draw(&p, 2);
	sim_play(&p, NULL, &second);
	assert_true(first.hash != second.hash);
}

static void
who_reads_the_story_changes_nothing(void **state)
{
	struct outcome heard = {0}, unheard = {0};
	FILE *null = fopen("/dev/null", "w");
	struct plan p;

	(void)state;
	assert_non_null(null);
	plan_draw(&p, 3);
	sim_play(&p, null, &heard);
	sim_play(&p, NULL, &unheard);
	assert_true(heard.hash == unheard.hash);
	fclose(null);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plan_survives_its_text),
	    cmocka_unit_test(what_is_no_plan_is_refused),
	    cmocka_unit_test(the_same_plan_is_the_same_play),
	    cmocka_unit_test(another_seed_is_another_play),
	    cmocka_unit_test(who_reads_the_story_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
