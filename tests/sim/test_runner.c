/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many plays by many processes, some of which die.  What a play does is the test's own affair. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner.h"

void __wrap_sim_play(const struct plan *p, FILE *trace, struct outcome *out);

static bool
has_act(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->acts_count; i++) {
		if (strcmp(p->acts[i].kind->name, name) == 0)
			return true;
	}
	return false;
}

/* Seeds that can be divided by 10 die if anything is opened, those by 7 fail if anything advances,
 * those by 13 take too long. */
void
__wrap_sim_play(const struct plan *p, FILE *trace, struct outcome *out)
{
	(void)trace;
	if (p->seed % 10 == 0 && has_act(p, "open"))
		raise(SIGKILL);
	if (p->seed % 13 == 0)
		raise(SIGALRM);
	out->hash = (uint64_t)p->seed;
	out->exceptions[0] = has_act(p, "data");
	if (p->seed % 7 != 0 || !has_act(p, "advance"))
		return;
	out->verdict.oracle = oracle_at(1);
	snprintf(out->verdict.what, sizeof(out->verdict.what), "%0300d", 0);
}

struct seen {
	unsigned int played, failed, died, hung, saved, broken;
	uint64_t hash;
	char path[RUN_SHRINKS_MAX * 3][512];
	int stop_after; /* reports; 0: never */
};

static void
count(void *ctx, const struct run_report *r)
{
	struct seen *s = ctx;

	s->played += r->type == RUN_PLAYED;
	s->failed += r->type == RUN_PLAYED && r->out.verdict.oracle != NULL;
	s->hash += r->type == RUN_PLAYED ? r->out.hash : 0;
	s->hung += r->type == RUN_DIED && WTERMSIG(r->status) == SIGALRM;
	s->died += r->type == RUN_DIED && WTERMSIG(r->status) == SIGKILL;
	s->broken += r->type == RUN_BROKEN;
	if (r->type == RUN_SAVED)
		snprintf(s->path[s->saved++], sizeof(s->path[0]), "%s", r->path);
	if (s->stop_after > 0 && --s->stop_after == 0)
		raise(SIGTERM);
}

static void
one_that_dies_is_reported_and_the_run_goes_on(void **state)
{
	struct run_cfg cfg = {.from = 1, .count = 30, .jobs = 2};
	struct seen s = {0};

	(void)state;
	assert_int_equal(run_plays(&cfg, count, &s), 0);
	assert_int_equal(s.died, 3);
	assert_int_equal(s.hung, 2);
	assert_int_equal(s.played, 25);
	assert_int_equal(s.failed, 4);
	assert_int_equal(s.saved, 0);
	assert_int_equal(s.broken, 0);
	assert_true(s.hash == 30 * 31 / 2 - (10 + 20 + 30 + 13 + 26));
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

/* What is saved is small, and does when it is read again what its seed did. */
static void
check_saved(const char *path)
{
	struct plan_files pf = {0};
	struct outcome out = {0};
	const struct plan *p;
	int status;

	assert_true(plan_files_read(&pf, path));
	assert_int_equal(pf.count, 1);
	p = &pf.files[0].plan;
	if (p->seed % 7 == 0) {
		assert_int_equal(p->acts_count, 1);
		assert_true(play_apart(p, &out, &status));
		assert_ptr_equal(out.verdict.oracle, oracle_at(1));
		assert_false(expectation_is_met(&pf.files[0].expect, &out));
	} else if (p->seed % 10 == 0) {
		assert_int_equal(p->acts_count, 1);
		assert_false(play_apart(p, &out, &status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
	}
	plan_files_free(&pf);
	assert_int_equal(unlink(path), 0);
}

static void
what_fails_is_minimised_and_saved(void **state)
{
	char dir[] = "/tmp/test_runner.XXXXXX";
	struct run_cfg cfg = {.from = 1, .count = 22, .jobs = 2, .shrink = true, .out_dir = dir};
	struct seen s = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(run_plays(&cfg, count, &s), 0);
	assert_int_equal(s.failed, 3);
	assert_int_equal(s.died, 2);
	assert_int_equal(s.hung, 1);
	assert_int_equal(s.saved, 6);
	for (unsigned int i = 0; i < s.saved; i++)
		check_saved(s.path[i]);
	assert_int_equal(rmdir(dir), 0);
}

static void
a_signal_ends_it_and_nobody_is_left(void **state)
{
	struct run_cfg cfg = {.from = 1, .count = 1000000000, .jobs = 3};
	struct seen s = {.stop_after = 3};

	(void)state;
	assert_int_equal(run_plays(&cfg, count, &s), SIGTERM);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

static void
what_dies_all_the_time_comes_to_an_end(void **state)
{
	struct plan_file file = {0};
	struct run_cfg cfg = {.count = 1000000000, .jobs = 2};
	struct plan_file *files;
	struct seen s = {0};

	(void)state;
	plan_draw(&file.plan, 10);
	cfg.count = RUN_DEATHS_MAX * 2;
	files = calloc(cfg.count, sizeof(*files));
	assert_non_null(files);
	for (size_t i = 0; i < cfg.count; i++)
		files[i] = file;
	cfg.files = files;
	run_plays(&cfg, count, &s);
	assert_true(s.died > RUN_DEATHS_MAX && s.died <= RUN_DEATHS_MAX + cfg.jobs);
	free(files);
}

static void
what_is_expected_is_judged(void **state)
{
	struct expectation e = {0};
	struct outcome out = {0};

	(void)state;
	assert_true(expectation_is_met(NULL, &out));
	assert_true(expectation_is_met(&e, &out));
	e.exceptions[2] = true;
	assert_false(expectation_is_met(&e, &out));
	out.exceptions[2] = 1;
	assert_true(expectation_is_met(&e, &out));
	e.oracle = oracle_at(0);
	assert_false(expectation_is_met(&e, &out));
	out.verdict.oracle = oracle_at(1);
	assert_false(expectation_is_met(&e, &out));
	assert_false(expectation_is_met(NULL, &out));
	out.verdict.oracle = oracle_at(0);
	assert_true(expectation_is_met(&e, &out));
}

static void
an_exception_is_a_trait_of_plays_that_pass(void **state)
{
	struct trait t = {.exception = 0};
	struct plan p;

	(void)state;
	plan_draw(&p, 1);
	p.acts_count = 0;
	assert_false(trait_is_shown(&t, &p));
	for (size_t i = 0; act_kind(i) != NULL; i++) {
		if (strcmp(act_kind(i)->name, "data") == 0)
			p.acts[0].kind = act_kind(i);
	}
	p.acts_count = 1;
	assert_true(trait_is_shown(&t, &p));
	t.oracle = oracle_at(1);
	assert_false(trait_is_shown(&t, &p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_that_dies_is_reported_and_the_run_goes_on),
	    cmocka_unit_test(what_fails_is_minimised_and_saved),
	    cmocka_unit_test(a_signal_ends_it_and_nobody_is_left),
	    cmocka_unit_test(what_dies_all_the_time_comes_to_an_end),
	    cmocka_unit_test(what_is_expected_is_judged),
	    cmocka_unit_test(an_exception_is_a_trait_of_plays_that_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
