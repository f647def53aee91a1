/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c: conntrackd-sim's command line, and what it tells.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"
#include "shrink.h"

enum { SEEDS_DEFAULT = 1000, EXIT_USAGE = 2, SEEDS_SEARCHED = 5000 };

struct options {
	struct run_cfg run;
	struct plan_files plans;
	bool fresh, quiet, list, show, help, shrink, no_shrink;
	bool seed_given, seeds_given, jobs_given;
	enum sim_exception exception; /* a plan for it is wanted; or EXC_COUNT */
};

struct totals {
	const struct options *o;
	uint64_t played, failed, datagrams, requests, flows, hash;
	int64_t simulated_ms;
	uint64_t exceptions[EXC_COUNT]; /* plays that counted them */
	uint64_t example[EXC_COUNT];    /* the first item of those */
};

/* ---- options ---- */

static const char help[] =
    "Usage: conntrackd-sim [options]\n"
    "\n"
    "Plays, in simulated time, what may happen to a few nodes of conntrackd, to their kernels and\n"
    "to the link between them, and watches whether all demands are met.\n"
    "\n"
    "What is played (seeds 1 to 1000 if nothing is said):\n"
    "  --seed N            one seed\n"
    "  --seeds COUNT|A-B   so many from 1, or these\n"
    "  --fresh             from a seed that nobody knows; it is printed\n"
    "  --time SECONDS      none that would begin later; without --seeds there is no other end\n"
    "  --plan FILE|DIR     a plan from a file, or all *.plan there; may be given again\n"
    "\n"
    "How:\n"
    "  --trace             with the story in words\n"
    "  --jobs J            so many processes; 0: this one, for a debugger [processors]\n"
    "  --no-shrink         seeds that fail are not minimised and saved; with --plan so anyway,\n"
    "  --shrink            if not this is given\n"
    "  --out DIR           where minimised plans go [.]\n"
    "  --quiet             only failures and the last line\n"
    "\n"
    "Instead of playing:\n"
    "  --show              print the plans\n"
    "  --list              knobs, acts, demands, exceptions\n"
    "  --shrink-exception NAME\n"
    "                      write DIR/NAME.plan, a small plan that counts the exception, from the\n"
    "                      first of the seeds that does\n"
    "  --help\n"
    "\n"
    "Exit status: 0 if all passed, 1 if something failed, 2 if the options make no sense.\n";

static bool
scan_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= max;
}

static bool
scan_seeds(struct run_cfg *cfg, const char *text)
{
	char first[32];
	const char *dash = strchr(text, '-');
	uint64_t last;

	cfg->from = 1;
	if (dash == NULL)
		return scan_number(text, INT64_MAX, &cfg->count) && cfg->count > 0;
	snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	if (!scan_number(first, INT64_MAX, &cfg->from) ||
	    !scan_number(dash + 1, INT64_MAX, &last) || last < cfg->from)
		return false;
	cfg->count = last - cfg->from + 1;
	return true;
}

enum {
	OPT_SEED = 256, OPT_SEEDS, OPT_FRESH, OPT_JOBS, OPT_TIME, OPT_TRACE, OPT_PLAN, OPT_OUT,
	OPT_SHRINK, OPT_NO_SHRINK, OPT_QUIET, OPT_LIST, OPT_SHOW, OPT_EXCEPTION, OPT_HELP,
};

static const struct option long_options[] = {
    {"seed", required_argument, NULL, OPT_SEED},
    {"seeds", required_argument, NULL, OPT_SEEDS},
    {"fresh", no_argument, NULL, OPT_FRESH},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"time", required_argument, NULL, OPT_TIME},
    {"trace", no_argument, NULL, OPT_TRACE},
    {"plan", required_argument, NULL, OPT_PLAN},
    {"out", required_argument, NULL, OPT_OUT},
    {"shrink", no_argument, NULL, OPT_SHRINK},
    {"no-shrink", no_argument, NULL, OPT_NO_SHRINK},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"list", no_argument, NULL, OPT_LIST},
    {"show", no_argument, NULL, OPT_SHOW},
    {"shrink-exception", required_argument, NULL, OPT_EXCEPTION},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

/* False with a message on stderr, or getopt's. */
static bool
take_option(struct options *o, int c, const char *name)
{
	uint64_t n = 0;
	bool ok = true;

	switch (c) {
	case OPT_SEED:
		ok = scan_number(optarg, INT64_MAX, &o->run.from);
		o->run.count = 1;
		o->seed_given = true;
		break;
	case OPT_SEEDS:
		ok = scan_seeds(&o->run, optarg);
		o->seeds_given = true;
		break;
	case OPT_FRESH:
		o->fresh = true;
		break;
	case OPT_JOBS:
		ok = scan_number(optarg, RUN_JOBS_MAX, &n);
		o->run.jobs = (unsigned int)n;
		o->jobs_given = true;
		break;
	case OPT_TIME:
		ok = scan_number(optarg, 1000000000, &n) && n > 0;
		o->run.time_ms = (int64_t)n * 1000;
		break;
	case OPT_TRACE:
		o->run.trace = true;
		break;
	case OPT_PLAN:
		return plan_files_read(&o->plans, optarg);
	case OPT_OUT:
		o->run.out_dir = optarg;
		break;
	case OPT_SHRINK:
		o->shrink = true;
		break;
	case OPT_NO_SHRINK:
		o->no_shrink = true;
		break;
	case OPT_QUIET:
		o->quiet = true;
		break;
	case OPT_LIST:
		o->list = true;
		break;
	case OPT_SHOW:
		o->show = true;
		break;
	case OPT_EXCEPTION:
		o->exception = exception_named(optarg);
		ok = o->exception != EXC_COUNT;
		break;
	case OPT_HELP:
		o->help = true;
		break;
	default:
		return false;
	}
	if (!ok)
		fprintf(stderr, "conntrackd-sim: --%s %s makes no sense\n", name, optarg);
	return ok;
}

static bool
scan_options(struct options *o, int argc, char **argv)
{
	int c, index = 0;

	while ((c = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (!take_option(o, c, c == '?' ? "" : long_options[index].name))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "conntrackd-sim: what is '%s'?\n", argv[optind]);
		return false;
	}
	if (o->seed_given + (o->seeds_given || o->fresh) + (o->plans.count > 0) > 1) {
		fprintf(stderr, "conntrackd-sim: one of --seed, --seeds and --plan; --fresh only "
		    "with --seeds\n");
		return false;
	}
	return true;
}

/* What was not said. */
static bool
complete_options(struct options *o)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct run_cfg *cfg = &o->run;

	/* Who plays a file has a small plan already, or wants to see this one. */
	cfg->shrink = o->shrink || (!o->no_shrink && o->plans.count == 0);
	if (o->plans.count > 0) {
		cfg->files = o->plans.files;
		cfg->count = o->plans.count;
	} else if (cfg->count == 0) {
		cfg->from = 1;
		cfg->count = cfg->time_ms > 0 ? INT64_MAX / 2 : SEEDS_DEFAULT;
		if (o->exception != EXC_COUNT)
			cfg->count = SEEDS_SEARCHED;
	}
	if (o->fresh) {
		if (getrandom(&cfg->from, sizeof(cfg->from), 0) != (ssize_t)sizeof(cfg->from)) {
			fprintf(stderr, "conntrackd-sim: no random number: %s\n", strerror(errno));
			return false;
		}
		cfg->from &= 0xffffffffff; /* enough, and still a number to read out */
	}
	if (!o->jobs_given)
		cfg->jobs = processors < 1 ? 1 : (unsigned int)processors;
	if (cfg->jobs > RUN_JOBS_MAX)
		cfg->jobs = RUN_JOBS_MAX;
	if (cfg->jobs > cfg->count)
		cfg->jobs = (unsigned int)cfg->count;
	/* Two stories at once are none. */
	if (cfg->trace && cfg->jobs > 1)
		cfg->jobs = 1;
	return true;
}

/* ---- what there is ---- */

static void
list(void)
{
	struct plan p = {0};
	const struct act_kind *k;
	const struct oracle *o;
	const char *name;
	int64_t *value;

	printf("Knobs\n");
	for (size_t i = 0; (name = plan_knob(&p, i, &value)) != NULL; i++)
		printf("  %-16s  %s\n", name, plan_knob_help(i));
	printf("\nActs, in a plan as `+WAIT-MS ACT NODE OTHER-NODE DICE'\n");
	for (size_t i = 0; (k = act_kind(i)) != NULL; i++)
		printf("  %-16s  %s\n", k->name, k->what);
	printf("\nOracles and their demands\n");
	for (size_t i = 0; (o = oracle_at(i)) != NULL; i++)
		printf("  %-16s  %s\n", o->name, o->demand);
	printf("\nExceptions that version 1 of the wire makes necessary\n");
	for (size_t i = 0; i < EXC_COUNT; i++)
		printf("  %-16s  %s\n", exception_names[i], exception_texts[i]);
}

static void
show(const struct options *o)
{
	struct plan p;

	for (uint64_t item = 0; item < o->run.count; item++) {
		run_plan(&o->run, item, &p);
		plan_print(&p, stdout);
	}
}

/* ---- what happens ---- */

/* An item's name: a seed or a file.  Static buffers, for the last two calls. */
static const char *
item_text(const struct options *o, uint64_t item)
{
	static char text[2][512];
	static unsigned int turn;
	char *t = text[turn++ % 2];

	if (o->run.files != NULL)
		snprintf(t, sizeof(text[0]), "%s", o->run.files[item].path);
	else
		snprintf(t, sizeof(text[0]), "seed %" PRIu64, o->run.from + item);
	return t;
}

/* How to see what happens in an item. */
static const char *
item_option(const struct options *o)
{
	return o->run.files != NULL ? "--plan " : "--";
}

static void
print_failure(const struct options *o, uint64_t item, const struct outcome *out)
{
	const struct expectation *e = o->run.files != NULL ? &o->run.files[item].expect : NULL;
	const struct verdict *v = &out->verdict;
	struct plan p;

	if (v->oracle != NULL) {
		run_plan(&o->run, item, &p);
		printf("%s FAILED: %s: %s\n", item_text(o, item), v->oracle->name,
		    v->oracle->demand);
		printf("    %s\n", v->what);
		printf("    at %.3f s, ", (double)v->at_ms / 1000);
		if (v->act < p.acts_count)
			printf("act %zu of %zu (%s)\n", v->act + 1, p.acts_count,
			    p.acts[v->act].kind->name);
		else
			printf("after the last of %zu acts\n", p.acts_count);
	} else if (e != NULL && e->oracle != NULL) {
		printf("%s FAILED: oracle %s was expected not to be satisfied, and is\n",
		    item_text(o, item), e->oracle->name);
	}
	for (size_t i = 0; e != NULL && v->oracle == e->oracle && i < EXC_COUNT; i++) {
		if (e->exceptions[i] && out->exceptions[i] == 0)
			printf("%s FAILED: exception %s was expected, and is not counted\n",
			    item_text(o, item), exception_names[i]);
	}
	printf("    see: conntrackd-sim --trace %s%s\n", item_option(o), item_text(o, item));
}

static void
played(struct totals *t, const struct run_report *r)
{
	const struct options *o = t->o;
	const struct outcome *out = &r->out;
	struct dice d = {.state = (o->run.files != NULL ? 0 : o->run.from) + r->item};

	t->played++;
	t->datagrams += out->datagrams;
	t->requests += out->requests;
	t->flows += out->flows;
	t->simulated_ms += out->simulated_ms;
	/* A sum does not care in which order plays come to their end. */
	d.state = dice_roll(&d) ^ out->hash;
	t->hash += dice_roll(&d);
	for (size_t i = 0; i < EXC_COUNT; i++) {
		if (out->exceptions[i] == 0)
			continue;
		if (t->exceptions[i]++ == 0 || r->item < t->example[i])
			t->example[i] = r->item;
	}
	if (!expectation_is_met(o->run.files != NULL ? &o->run.files[r->item].expect : NULL, out)) {
		t->failed++;
		print_failure(o, r->item, out);
	}
}

static void
print_death(const struct run_report *r)
{
	if (r->status == -1)
		printf("could not be started\n");
	else if (WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGALRM)
		printf("hung for %d seconds\n", RUN_PLAY_S);
	else if (WIFSIGNALED(r->status))
		printf("died of signal %d (%s)\n", WTERMSIG(r->status),
		    strsignal(WTERMSIG(r->status)));
	else
		printf("ended with status %d\n", WEXITSTATUS(r->status));
}

static void
reported(void *ctx, const struct run_report *r)
{
	struct totals *t = ctx;
	const struct options *o = t->o;

	switch (r->type) {
	case RUN_PLAYED:
		played(t, r);
		break;
	case RUN_DIED:
		t->played++;
		t->failed++;
		printf("%s FAILED: the process that played it ", item_text(o, r->item));
		print_death(r);
		printf("    see: conntrackd-sim --jobs 0 --trace %s%s\n", item_option(o),
		    item_text(o, r->item));
		break;
	case RUN_SAVED:
		printf("%s minimised from %zu acts to %zu, by %u plays\n", item_text(o, r->item),
		    r->acts_before, r->acts_after, r->plays);
		if (r->path[0] != '\0')
			printf("    see: conntrackd-sim --trace --plan %s\n", r->path);
		else
			printf("    it could not be written to %s\n", o->run.out_dir);
		break;
	case RUN_BROKEN:
		t->failed++;
		printf("a process that was not playing ");
		print_death(r);
		break;
	}
	fflush(stdout);
}

static double
seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
print_summary(const struct totals *t, double took_s)
{
	bool any = false;

	printf("%" PRIu64 " plays in %.1f s, %.1f a second: %.1f simulated hours, %" PRIu64
	    " datagrams, %" PRIu64 " kernel requests, %" PRIu64 " flows\n",
	    t->played, took_s, took_s > 0 ? (double)t->played / took_s : 0.0,
	    (double)t->simulated_ms / 3600000, t->datagrams, t->requests, t->flows);
	printf("hash %016" PRIx64 "\n", t->hash);
	for (size_t i = 0; i < EXC_COUNT; i++) {
		if (t->exceptions[i] == 0)
			continue;
		if (!any)
			printf("exceptions of version 1 of the wire, in so many plays:\n");
		any = true;
		printf("%8" PRIu64 "  %-15s %s (%s)\n", t->exceptions[i], exception_names[i],
		    exception_texts[i], item_text(t->o, t->example[i]));
	}
}

static int
run(const struct options *o)
{
	struct totals t = {.o = o};
	double began_s = seconds_now();
	int signum;

	if (o->fresh && !o->quiet)
		printf("seeds from %" PRIu64 "\n", o->run.from);
	signum = run_plays(&o->run, reported, &t);
	if (signum != 0)
		printf("ended by signal %d\n", signum);
	if (!o->quiet)
		print_summary(&t, seconds_now() - began_s);
	printf("%" PRIu64 " plays passed, %" PRIu64 " failed\n", t.played - t.failed, t.failed);
	if (signum != 0)
		return 128 + signum;
	return t.failed > 0 || t.played == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- a plan for an exception ---- */

static bool
is_shown(void *ctx, const struct plan *p)
{
	return trait_is_shown(ctx, p);
}

static int
shrink_exception(const struct options *o)
{
	struct trait t = {.exception = o->exception};
	struct shrink shrink = {.keeps = is_shown, .ctx = &t, .plays_max = RUN_SHRINK_PLAYS,
	    .time_ms = RUN_SHRINK_MS};
	const char *name = exception_names[o->exception];
	struct plan p;
	uint64_t item = 0;
	char path[512];
	FILE *f;

	for (; item < o->run.count; item++) {
		run_plan(&o->run, item, &p);
		if (trait_is_shown(&t, &p))
			break;
	}
	if (item == o->run.count) {
		printf("exception %s: no play that passes counts it\n", name);
		return EXIT_FAILURE;
	}
	shrink_plan(&shrink, &p);
	snprintf(path, sizeof(path), "%s/%s.plan", o->run.out_dir, name);
	f = fopen(path, "w");
	if (f == NULL) {
		fprintf(stderr, "conntrackd-sim: %s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	fprintf(f, "# %s\n# expect: exception %s\n", exception_texts[o->exception], name);
	plan_print(&p, f);
	if (fclose(f) != 0)
		return EXIT_FAILURE;
	printf("exception %s, from %s: %zu acts, by %u plays, in %s\n", name, item_text(o, item),
	    p.acts_count, shrink.plays, path);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct options o = {.run = {.out_dir = "."}, .exception = EXC_COUNT};
	int status = EXIT_SUCCESS;

	/* A world is megabytes of which a play touches little: fresh pages, not zeroed heap. */
	mallopt(M_MMAP_THRESHOLD, 256 << 10);

	if (!scan_options(&o, argc, argv) || !complete_options(&o)) {
		fprintf(stderr, "Try conntrackd-sim --help.\n");
		status = EXIT_USAGE;
	} else if (o.help) {
		fputs(help, stdout);
	} else if (o.list) {
		list();
	} else if (o.show) {
		show(&o);
	} else if (o.exception != EXC_COUNT) {
		status = shrink_exception(&o);
	} else {
		status = run(&o);
	}
	plan_files_free(&o.plans);
	return status;
}
