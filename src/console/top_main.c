/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_main.c: conntrackd-top, which `conntrackd top' becomes on a terminal.
 *
 *   conntrackd-top SOCKET INTERVAL-IN-MILLISECONDS
 *
 * Asks for the status once an interval, and draws.  It waits for keys and for the answer together, so that it obeys
 * also when the daemon does not.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top_ask.h"
#include "top_screen.h"

enum { HOST_MAX = 65, CLOCK_MAX = 16, PATIENCE_MS = 2000, KEYS_MAX = 64 };

static volatile sig_atomic_t stopped;

struct session {
	const char *path;
	int64_t interval_ms;
	struct top top;
	struct top_view view;
	struct top_page page;
	struct top_ask ask;
	bool of_history;  /* what is asked is that, and not the status */
	ms_t begun, next; /* when this began; when to ask next */
	bool failed;      /* the last question */
	bool quit;
	char host[HOST_MAX], clock[CLOCK_MAX], since[CLOCK_MAX], why[TOP_WHY_MAX];
};

static void
stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static ms_t
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ms_t){ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

/* As on a clock; the view gets it in numbers, too. */
static void
local_time(char out[CLOCK_MAX], struct top_view *v)
{
	time_t now = time(NULL);
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&now, &tm) == NULL)
		return;
	strftime(out, CLOCK_MAX, "%H:%M:%S", &tm);
	if (v != NULL) {
		v->time_s = now;
		v->utc_offset_s = tm.tm_gmtoff;
	}
}

/* ---- questions ---- */

static void
take(struct session *s, enum top_asked asked, json_t *doc, ms_t now)
{
	if (asked == TOP_ASK_WAITING)
		return;
	s->failed = asked == TOP_ASK_FAILED;
	snprintf(s->why, sizeof(s->why), "%s", s->failed ? s->ask.why : "");
	if (s->failed)
		return;
	if (s->of_history) {
		top_feed_history(&s->top, doc);
	} else {
		top_feed(&s->top, doc, now);
		local_time(s->since, NULL);
	}
	json_decref(doc);
}

/* Asks for one of the two. */
static void
ask(struct session *s, bool of_history, ms_t now)
{
	s->of_history = of_history;
	take(s, top_ask_begin(&s->ask, s->path, of_history ? "history" : "status",
	    of_history ? TOP_HISTORY_LAST : NULL), NULL, now);
}

/* What is asked at the beginning of an interval; one at a time. */
static void
begin(struct session *s, ms_t now)
{
	if (s->ask.fd >= 0 || s->view.paused || !ms_reached(now, s->next))
		return;
	/* Where we are late, intervals are left out. */
	s->next = ms_add(s->next, s->interval_ms);
	if (ms_reached(now, s->next))
		s->next = ms_add(now, s->interval_ms);
	ask(s, false, now);
}

static void
step(struct session *s)
{
	json_t *doc;
	enum top_asked asked = top_ask_step(&s->ask, &doc);

	take(s, asked, doc, monotonic());
	if (asked == TOP_ASK_ANSWERED && !s->of_history)
		ask(s, true, monotonic());
}

/* For how long there has been no answer; 0 as long as that is no longer than usual. */
static int64_t
silence(const struct session *s, ms_t now)
{
	int64_t quiet_ms = ms_since(now, s->top.known ? s->top.at : s->begun);

	if (s->view.paused || (!s->failed && quiet_ms < s->interval_ms + PATIENCE_MS))
		return 0;
	return quiet_ms > 0 ? quiet_ms : 1;
}

/* ---- screen and keys ---- */

static void
draw(struct session *s)
{
	local_time(s->clock, &s->view);
	top_screen_size(&s->view.rows, &s->view.cols);
	s->view.stale_ms = silence(s, monotonic());
	top_draw(&s->top, &s->view, &s->page);
	top_screen_show(&s->page);
}

static void
obey(struct session *s, enum top_key key)
{
	struct top_view *v = &s->view;

	switch (key) {
	case TOP_KEY_QUIT:
		/* Out of the help first. */
		s->quit = !v->help;
		v->help = false;
		break;
	case TOP_KEY_PAUSE:
		v->paused = !v->paused;
		s->next = monotonic();
		break;
	case TOP_KEY_HELP:
		v->help = !v->help;
		break;
	case TOP_KEY_UP:
		v->first_peer -= v->first_peer > 0;
		break;
	case TOP_KEY_DOWN:
		v->first_peer += v->first_peer + 1 < s->top.peers_count;
		break;
	case TOP_KEY_NONE:
	case TOP_KEY_OTHER:
	case TOP_KEY_RESIZE:
		break;
	}
}

static void
keys(struct session *s)
{
	for (int i = 0; i < KEYS_MAX && !s->quit; i++) {
		enum top_key key = top_screen_key();

		if (key == TOP_KEY_NONE)
			return;
		obey(s, key);
	}
}

/* ---- the loop ---- */

/* Until a key, the answer, the next question, or the next second of the clock. */
static void
wait_for_something(struct session *s, const sigset_t *open)
{
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = s->ask.fd, .events = POLLIN}};
	int64_t wait_ms = 1000, next_ms = ms_since(s->next, monotonic());
	struct timespec ts;

	if (s->ask.fd < 0 && !s->view.paused && next_ms < wait_ms)
		wait_ms = next_ms > 0 ? next_ms : 0;
	ts = (struct timespec){wait_ms / 1000, wait_ms % 1000 * 1000000};
	if (ppoll(fds, ARRAY_LEN(fds), &ts, open) < 0)
		return;
	if (fds[1].revents != 0)
		step(s);
	/* A terminal that has gone. */
	if (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
		s->quit = true;
}

static void
run(struct session *s, const sigset_t *open)
{
	s->begun = s->next = monotonic();
	while (!s->quit && !stopped) {
		begin(s, monotonic());
		draw(s);
		wait_for_something(s, open);
		keys(s);
	}
}

/* Signals that end us arrive only while we wait, so that none is missed. */
static void
catch_signals(sigset_t *open)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_handler = stop};
	sigset_t closed;

	sigemptyset(&closed);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		sigaction(ends[i], &act, NULL);
		sigaddset(&closed, ends[i]);
	}
	sigprocmask(SIG_BLOCK, &closed, open);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		sigdelset(open, ends[i]);
}

static int
run_on_terminal(struct session *s)
{
	const char *term = getenv("TERM");
	sigset_t open;

	s->view = (struct top_view){.live = true, .why = s->why, .since = s->since, .clock = s->clock,
	    .host = s->host};
	gethostname(s->host, sizeof(s->host) - 1);
	top_init(&s->top);
	top_ask_init(&s->ask);
	if (!top_screen_open()) {
		fprintf(stderr, "conntrackd-top: this kind of terminal is not known (TERM is `%s'); `conntrackd "
				"top --once' needs none\n", term != NULL ? term : "");
		return 1;
	}
	/* After ncurses, which would end us itself. */
	catch_signals(&open);
	run(s, &open);
	top_screen_close();
	top_ask_end(&s->ask);
	top_free(&s->top);
	return 0;
}

int
main(int argc, char *argv[])
{
	int64_t interval_ms = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
	struct session *s;
	int code;

	if (interval_ms < TOP_INTERVAL_MS_MIN || interval_ms > TOP_INTERVAL_MS_MAX) {
		fputs("conntrackd-top: this is a part of `conntrackd top'\n", stderr);
		return 1;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		fputs("conntrackd-top: no memory\n", stderr);
		return 1;
	}
	s->path = argv[1];
	s->interval_ms = interval_ms;
	code = run_on_terminal(s);
	free(s);
	return code;
}
