/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shrink.h"

/* One write to a pipe is one read. */
static_assert(sizeof(struct run_report) <= PIPE_BUF, "a report must fit in a pipe's buffer");

enum { NOTHING = -1 };

/* In memory that all processes share. */
struct shared {
	_Atomic uint64_t next;                        /* item that nobody has taken */
	_Atomic int64_t playing[RUN_JOBS_MAX];        /* item, or NOTHING */
	_Atomic unsigned int shrinks[ORACLES_MAX + 1]; /* by oracle; the last is for deaths */
};

struct worker {
	pid_t pid;
	int fd;
};

struct run {
	const struct run_cfg *cfg;
	run_report_fn report;
	void *ctx;
	struct shared *shared;
	int64_t began_ms;
	struct worker workers[RUN_JOBS_MAX];
	unsigned int deaths;
	int fd; /* a worker's, for its reports; or NOTHING */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
run_plan(const struct run_cfg *cfg, uint64_t item, struct plan *p)
{
	if (cfg->files != NULL)
		*p = cfg->files[item].plan;
	else
		plan_draw(p, cfg->from + item);
}

/* ---- a play in a child ---- */

/* In a child: does not outlive its parent. */
static void
die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static bool
read_all(int fd, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return true;
}

static void
child_plays(const struct plan *p, int fd, pid_t parent)
{
	struct outcome out = {0};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	die_with(parent);
	/* The same last words hundreds of times help nobody. */
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	alarm(RUN_PLAY_S);
	sim_play(p, NULL, &out);
	_exit(write(fd, &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1);
}

bool
play_apart(const struct plan *p, struct outcome *out, int *status)
{
	int fds[2];
	pid_t parent = getpid(), pid;
	bool whole;

	*status = 0;
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		child_plays(p, fds[1], parent);
	close(fds[1]);
	whole = pid > 0 && read_all(fds[0], out, sizeof(*out));
	close(fds[0]);
	while (pid > 0 && waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return whole && *status == 0;
}

static bool
read_back(const struct plan *p, struct plan *back)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool ok;

	ASSERT(f != NULL);
	plan_print(p, f);
	fclose(f);
	f = fmemopen(text, len, "r");
	ASSERT(f != NULL);
	ok = plan_read(back, f, "minimised plan");
	fclose(f);
	free(text);
	return ok;
}

bool
trait_is_shown(const struct trait *t, const struct plan *p)
{
	struct outcome out = {0};
	struct plan back;
	int status;

	if (!read_back(p, &back))
		return false;
	if (!play_apart(&back, &out, &status))
		return t->died != 0 && status == t->died;
	if (t->died != 0)
		return false;
	if (t->oracle != NULL)
		return out.verdict.oracle == t->oracle;
	return out.verdict.oracle == NULL && out.exceptions[t->exception] > 0;
}

static bool
shown(void *ctx, const struct plan *p)
{
	return trait_is_shown(ctx, p);
}

/* ---- a worker ---- */

static void
tell(struct run *r, const struct run_report *report)
{
	if (r->fd == NOTHING) {
		r->report(r->ctx, report);
		return;
	}
	if (write(r->fd, report, sizeof(*report)) != (ssize_t)sizeof(*report))
		_exit(1);
}

/* In lines of comment: text that may be long, or have lines of its own. */
static void
comment(FILE *f, const char *text)
{
	enum { WIDTH = 96 };

	while (*text != '\0') {
		int len = (int)strcspn(text, "\n");

		if (len > WIDTH)
			len = WIDTH;
		fprintf(f, "# %.*s\n", len, text);
		text += len;
		text += *text == '\n';
	}
}

/* Writes the plan, with what is wrong with it, where the report then says. */
static void
save(const struct run_cfg *cfg, const struct plan *p, const struct trait *t, const char *what,
    struct run_report *report)
{
	const char *name = t->oracle != NULL ? t->oracle->name : "death";
	FILE *f;

	snprintf(report->path, sizeof(report->path), "%s/sim-%" PRIu64 "-%s.plan", cfg->out_dir,
	    (uint64_t)p->seed, name);
	f = fopen(report->path, "w");
	if (f == NULL) {
		report->path[0] = '\0';
		return;
	}
	if (t->oracle != NULL) {
		fprintf(f, "# Fails: %s\n", t->oracle->name);
		comment(f, t->oracle->demand);
	}
	comment(f, what);
	fprintf(f, "# From seed %" PRIu64 ".\n", (uint64_t)p->seed);
	plan_print(p, f);
	if (fclose(f) != 0)
		report->path[0] = '\0';
}

/* Minimises the plan, says what the small one does, and saves it. */
static void
minimise(struct run *r, uint64_t item, const struct trait *t)
{
	struct run_report report = {.type = RUN_SAVED, .item = item};
	struct shrink shrink = {.keeps = shown, .ctx = (void *)(uintptr_t)t,
	    .plays_max = RUN_SHRINK_PLAYS, .time_ms = RUN_SHRINK_MS};
	char what[sizeof(((struct verdict *)0)->what) + 64];
	struct outcome out = {0};
	struct plan p;
	int status;

	alarm(0);
	run_plan(r->cfg, item, &p);
	report.acts_before = p.acts_count;
	/* A play that hangs is not one to be repeated often. */
	if (!WIFSIGNALED(t->died) || WTERMSIG(t->died) != SIGALRM)
		shrink_plan(&shrink, &p);
	report.acts_after = p.acts_count;
	report.plays = shrink.plays;
	if (t->died != 0)
		snprintf(what, sizeof(what), "The process that plays it ends with %s %d.",
		    WIFSIGNALED(t->died) ? "signal" : "status",
		    WIFSIGNALED(t->died) ? WTERMSIG(t->died) : WEXITSTATUS(t->died));
	else if (play_apart(&p, &out, &status) && out.verdict.oracle != NULL)
		snprintf(what, sizeof(what), "%s\nat %.3f s, act %zu", out.verdict.what,
		    (double)out.verdict.at_ms / 1000, out.verdict.act);
	else
		snprintf(what, sizeof(what), "It does not when it is played again!");
	save(r->cfg, &p, t, what, &report);
	tell(r, &report);
}

static size_t
oracle_index(const struct oracle *o)
{
	size_t i = 0;

	while (oracle_at(i) != NULL && oracle_at(i) != o)
		i++;
	return i < ORACLES_MAX ? i : ORACLES_MAX;
}

/* True if there is something that a smaller plan should show. */
static bool
play(struct run *r, uint64_t item, struct trait *t)
{
	struct run_report report = {.type = RUN_PLAYED, .item = item};
	const struct run_cfg *cfg = r->cfg;
	const struct oracle *o;
	struct plan p;

	if (r->fd != NOTHING)
		alarm(RUN_PLAY_S);
	run_plan(cfg, item, &p);
	sim_play(&p, cfg->trace ? stdout : NULL, &report.out);
	alarm(0);
	fflush(stdout);
	tell(r, &report);
	o = t->oracle = report.out.verdict.oracle;
	return cfg->shrink && o != NULL &&
	    !expectation_is_met(cfg->files != NULL ? &cfg->files[item].expect : NULL,
		&report.out) &&
	    r->shared->shrinks[oracle_index(o)]++ < RUN_SHRINKS_MAX;
}

static void
work(struct run *r, size_t slot)
{
	const struct run_cfg *cfg = r->cfg;

	for (;;) {
		struct trait t = {0};
		uint64_t item;
		bool wanted;

		if (cfg->time_ms > 0 && now_ms() - r->began_ms >= cfg->time_ms)
			break;
		item = r->shared->next++;
		if (item >= cfg->count)
			break;
		r->shared->playing[slot] = (int64_t)item;
		wanted = play(r, item, &t);
		r->shared->playing[slot] = NOTHING;
		if (wanted)
			minimise(r, item, &t);
	}
}

/* `death`: first find out about the item whose player ended like that; 0: nobody did. */
static bool
start_worker(struct run *r, size_t slot, int death, uint64_t item, const sigset_t *mask)
{
	struct trait t = {.died = death};
	pid_t parent = getpid(), pid;
	int fds[2];

	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		die_with(parent);
		/* The terminal sends it to all; it is the parent who decides. */
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		sigprocmask(SIG_SETMASK, mask, NULL);
		close(fds[0]);
		r->fd = fds[1];
		if (death != 0)
			minimise(r, item, &t);
		work(r, slot);
		exit(0);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return false;
	}
	r->workers[slot] = (struct worker){.pid = pid, .fd = fds[0]};
	return true;
}

/* ---- the parent ---- */

static volatile sig_atomic_t caught;

static void
on_signal(int signum)
{
	caught = signum;
}

/* A worker's pipe is at its end: its work is done, or it died of it. */
static void
worker_ended(struct run *r, size_t slot, const sigset_t *mask)
{
	struct run_report report = {0};
	struct worker *w = &r->workers[slot];
	int64_t item = r->shared->playing[slot];
	const struct run_cfg *cfg = r->cfg;
	int death = 0;

	close(w->fd);
	while (waitpid(w->pid, &report.status, 0) < 0 && errno == EINTR)
		;
	w->fd = NOTHING;
	if (report.status == 0)
		return;
	report.type = item != NOTHING ? RUN_DIED : RUN_BROKEN;
	report.item = (uint64_t)item;
	r->report(r->ctx, &report);
	r->shared->playing[slot] = NOTHING;
	if (++r->deaths > RUN_DEATHS_MAX) {
		r->shared->next = cfg->count;
		return;
	}
	if (cfg->shrink && item != NOTHING && r->shared->shrinks[ORACLES_MAX]++ < RUN_SHRINKS_MAX)
		death = report.status;
	if (!start_worker(r, slot, death, (uint64_t)item, mask)) {
		report = (struct run_report){.type = RUN_BROKEN, .status = -1};
		r->report(r->ctx, &report);
	}
}

static void
stop_workers(struct run *r)
{
	for (size_t i = 0; i < r->cfg->jobs; i++) {
		if (r->workers[i].fd != NOTHING)
			kill(r->workers[i].pid, SIGKILL);
	}
	for (size_t i = 0; i < r->cfg->jobs; i++) {
		struct worker *w = &r->workers[i];

		if (w->fd == NOTHING)
			continue;
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(w->fd);
		w->fd = NOTHING;
	}
}

/* Passes on what workers report until none is left, or a signal says that it is enough. */
static void
listen_to_workers(struct run *r, const sigset_t *mask)
{
	struct pollfd fds[RUN_JOBS_MAX];
	struct run_report report;

	for (;;) {
		size_t left = 0;

		for (size_t i = 0; i < r->cfg->jobs; i++) {
			fds[i] = (struct pollfd){.fd = r->workers[i].fd, .events = POLLIN};
			left += r->workers[i].fd != NOTHING;
		}
		if (left == 0 || caught != 0)
			return;
		if (ppoll(fds, r->cfg->jobs, NULL, mask) < 0)
			continue;
		for (size_t i = 0; i < r->cfg->jobs; i++) {
			if (fds[i].fd == NOTHING || fds[i].revents == 0)
				continue;
			if (read_all(fds[i].fd, &report, sizeof(report)))
				r->report(r->ctx, &report);
			else
				worker_ended(r, i, mask);
		}
	}
}

static void
run_workers(struct run *r)
{
	struct sigaction sa = {.sa_handler = on_signal}, old_int, old_term;
	struct run_report broken = {.type = RUN_BROKEN, .status = -1};
	sigset_t mask, old_mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, &old_mask);
	sigaction(SIGINT, &sa, &old_int);
	sigaction(SIGTERM, &sa, &old_term);
	for (size_t i = 0; i < r->cfg->jobs; i++)
		r->workers[i].fd = NOTHING;
	for (size_t i = 0; i < r->cfg->jobs; i++) {
		if (!start_worker(r, i, 0, 0, &old_mask))
			r->report(r->ctx, &broken);
	}
	listen_to_workers(r, &old_mask);
	stop_workers(r);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

int
run_plays(const struct run_cfg *cfg, run_report_fn report, void *ctx)
{
	struct run r = {.cfg = cfg, .report = report, .ctx = ctx, .fd = NOTHING};

	ASSERT(cfg->jobs <= RUN_JOBS_MAX);
	r.shared = mmap(NULL, sizeof(*r.shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(r.shared != MAP_FAILED);
	for (size_t i = 0; i < RUN_JOBS_MAX; i++)
		r.shared->playing[i] = NOTHING;
	r.began_ms = now_ms();
	caught = 0;
	if (cfg->jobs == 0)
		work(&r, 0);
	else
		run_workers(&r);
	munmap(r.shared, sizeof(*r.shared));
	return caught;
}
