/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vrrp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "readiness.h"
#include "state.h"

enum {
	CHECK_MS = 1000,
	LOWER_AGAIN_MS = 10 * 1000, /* between two commits for the same other master */
	READ_MAX = 4096, /* bytes in a turn: some hundred lines */
	BACKLOG_READS = 32, /* at the start; the kernel holds 65536 bytes */
	TELL_MS = 1000,
	TOLD_MAX = 20, /* lines in the log, and in the flight recorder, in TELL_MS */
};

static bool
has_fifo(const struct daemon *d)
{
	return d->cfg->vrrp.fifo[0] != '\0';
}

static bool
has_track_file(const struct daemon *d)
{
	return d->cfg->vrrp.track_file[0] != '\0';
}

/* ---- what keepalived says ---- */

/* The role that follows from a state; keepalived that ends or has forgotten us can make no master of us. */
static void
follow(struct daemon *d, enum vrrp_state state)
{
	static const char by[] = "fifo";

	if (state == VRRP_MASTER)
		role_promote(d, by);
	else if (state == VRRP_BACKUP)
		role_demote(d, by);
	else
		role_fault(d, by);
}

static bool
is_followed(const struct daemon *d, enum vrrp_state state)
{
	enum role role = d->role.is;

	if (state == VRRP_MASTER)
		return role == ROLE_MASTER || role == ROLE_PROMOTING;
	return role == (state == VRRP_BACKUP ? ROLE_BACKUP : ROLE_FAULT);
}

static void
keep_note(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;
	int r = vrrp_note_write(v->note, vrrp_state_name(v->state));

	if (r < 0)
		log_write(d->log, LOG_LV_WARNING,
		    "can't write `%s': %s; a daemon that starts anew will not know that this node is %s",
		    v->note, strerror(-r), vrrp_state_name(v->state));
}

/* A state of ours; what follows from it is done when all that has come is read. */
static void
note_state(struct vrrp *v, enum vrrp_state state)
{
	v->passed_through |= v->state != state && v->news;
	v->state = state;
	v->news = true;
}

/* What keepalived says without an end must fill neither the disk nor the flight recorder. */
static void
tell_line(struct daemon *d, const struct vrrp_line *line)
{
	struct vrrp *v = &d->vrrp;
	const char *what = line->group ? "GROUP" : "INSTANCE";

	if (ms_since(v->heard_at, v->told_at) >= TELL_MS) {
		v->told_at = v->heard_at;
		v->told = 0;
	}
	if (v->told > TOLD_MAX)
		return;
	if (v->told++ == TOLD_MAX) {
		log_write(d->log, LOG_LV_WARNING,
		    "keepalived has said more than %d things in a second: the others are followed, and not shown",
		    TOLD_MAX);
		return;
	}
	log_write(d->log, LOG_LV_NOTICE, "keepalived: %s \"%s\" %s %u", what, line->name,
	    vrrp_state_name(line->state), line->priority);
	history_add(d, HISTORY_FIFO, "keepalived: %s \"%s\" %s", what, line->name,
	    vrrp_state_name(line->state));
}

static void
take_line(struct daemon *d, const struct vrrp_line *line)
{
	struct vrrp *v = &d->vrrp;

	v->lines++;
	v->heard = true;
	v->heard_at = loop_now();
	v->priority = line->priority;
	switch (line->state) {
	case VRRP_MASTER:
	case VRRP_BACKUP:
	case VRRP_FAULT:
	case VRRP_STOP:
	case VRRP_DELETED:
		note_state(v, line->state);
		break;
	case VRRP_MASTER_RX_LOWER_PRI:
		/* Another one was master as well, and has flows that began there.  As long as it does not hear
		 * us, this is said with each of its advertisements. */
		if (v->state == VRRP_MASTER && !ms_reached(v->heard_at, v->lower_at))
			return;
		v->lower_at = ms_add(v->heard_at, LOWER_AGAIN_MS);
		note_state(v, VRRP_MASTER);
		v->passed_through = true;
		break;
	case VRRP_MASTER_PRIORITY:
	case VRRP_BACKUP_PRIORITY:
	case VRRP_UNKNOWN:
		return;
	}
	tell_line(d, line);
}

static void
on_line(void *ctx, const char *text, size_t len)
{
	struct daemon *d = ctx;
	struct vrrp *v = &d->vrrp;
	const struct config_vrrp *cfg = &d->cfg->vrrp;
	struct vrrp_line line;

	switch (vrrp_line_parse(&line, text, len)) {
	case VRRP_LINE_GOOD:
		break;
	case VRRP_LINE_OTHER:
		v->others++;
		return;
	case VRRP_LINE_BAD:
		v->bad++;
		return;
	}
	if (line.group == cfg->is_group && strcmp(line.name, cfg->name) == 0)
		take_line(d, &line);
	else
		v->strangers++;
}

/* Once: who writes to the FIFO can do so for ever. */
static void
tell_bad(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;

	if (v->bad_told || v->bad + v->reader.cut_lines == 0)
		return;
	v->bad_told = true;
	log_write(d->log, LOG_LV_WARNING,
	    "`%s': a line that is none of keepalived's was passed over; `conntrackd status --json' counts "
	    "further ones", d->cfg->vrrp.fifo);
}

/*
 * Only the end of what was read at once counts: who falls behind must not become master for a state that
 * is over.  But if it came about again meanwhile, there is something to do anew.
 */
static void
take_news(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;

	if (!v->news)
		return;
	keep_note(d);
	if (v->passed_through || !is_followed(d, v->state))
		follow(d, v->state);
	v->news = false;
	v->passed_through = false;
}

/* False if more may be waiting. */
static bool
read_lines(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;
	char buf[READ_MAX];
	size_t len = vrrp_fifo_read(v->fd, buf, sizeof(buf));

	vrrp_reader_feed(&v->reader, buf, len, on_line, d);
	tell_bad(d);
	return len < sizeof(buf);
}

/*
 * keepalived runs, and has told an earlier daemon what it is; or it has not, and nobody knows.  What has happened
 * since waits in the FIFO.
 */
static void
restore(struct daemon *d)
{
	static const enum vrrp_state states[] = {VRRP_MASTER, VRRP_BACKUP, VRRP_FAULT};
	static const enum role roles[] = {ROLE_MASTER, ROLE_BACKUP, ROLE_FAULT};
	struct vrrp *v = &d->vrrp;
	char note[VRRP_NOTE_MAX];
	int r = vrrp_note_recall(v->note, note);

	if (r < 0)
		log_write(d->log, LOG_LV_WARNING, "what stands in `%s' is not believed: %s", v->note,
		    r == -EPERM ? "everybody may write to it, or it belongs to somebody else, or has a second name"
				: strerror(-r));
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (strcmp(note, vrrp_state_name(states[i])) != 0)
			continue;
		v->state = states[i];
		log_write(d->log, LOG_LV_NOTICE, "keepalived had said %s before this daemon started, see `%s'",
		    note, v->note);
		role_infer(d, roles[i], "fifo");
	}
	for (int i = 0; i < BACKLOG_READS && !read_lines(d); i++)
		continue;
	if (v->state == VRRP_UNKNOWN)
		log_write(d->log, LOG_LV_WARNING,
		    "keepalived runs, and nobody knows in which state; until that changes, give it by `conntrackd "
		    "promote' or `demote', or restart keepalived");
}

void
vrrp_prepare(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;

	v->index = v->fd >= 0 ? loop_add(&d->loop, v->fd, POLLIN) : -1;
}

void
vrrp_receive(struct daemon *d, ms_t now)
{
	struct vrrp *v = &d->vrrp;

	if (loop_events(&d->loop, v->index)) {
		v->all_read = read_lines(d);
		v->check_at = now;
	}
	/* Not before the kernel's table has been read: a commit compares with it. */
	if (d->ready && v->all_read)
		take_news(d);
}

/* ---- the FIFO, there and open ---- */

/* One that keepalived has made itself is made anew when it reads its configuration again. */
static void
reopen(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;
	struct vrrp_file file;
	int fd = vrrp_fifo_open(d->cfg->vrrp.fifo, &file);

	if (fd < 0) {
		if (!v->missing_told)
			log_write(d->log, LOG_LV_ERROR, "can't open `%s': %s; what keepalived says is not heard",
			    d->cfg->vrrp.fifo, strerror(-fd));
		v->missing_told = true;
		return;
	}
	if (v->fd >= 0)
		close(v->fd);
	v->fd = fd;
	v->file = file;
	v->missing_told = false;
	v->reader = (struct vrrp_reader){.cut_lines = v->reader.cut_lines};
	log_write(d->log, LOG_LV_NOTICE, "`%s' was replaced: opened anew", d->cfg->vrrp.fifo);
}

/* ---- the track file ---- */

static void
write_track(struct daemon *d, int32_t value)
{
	struct vrrp *v = &d->vrrp;
	char is[VRRP_NOTE_MAX], wanted[VRRP_NOTE_MAX];
	int r;

	snprintf(wanted, sizeof(wanted), "%d", (int)value);
	vrrp_note_read(d->cfg->vrrp.track_file, is);
	v->value = value;
	/* keepalived writes there, too, if it is told to (init_file). */
	if (strcmp(is, wanted) == 0)
		return;
	r = vrrp_note_write(d->cfg->vrrp.track_file, wanted);
	if (r < 0 && r != v->track_error)
		log_write(d->log, LOG_LV_ERROR, "can't write track file `%s': %s",
		    d->cfg->vrrp.track_file, strerror(-r));
	v->track_error = r;
}

/*
 * A master is never held back, nor is who may be one: neither keepalived nor whoever gives commands has said
 * that it is.
 */
static bool
may_hold(const struct daemon *d)
{
	const struct vrrp *v = &d->vrrp;

	if (v->state == VRRP_MASTER || d->role.is == ROLE_MASTER || d->role.is == ROLE_PROMOTING)
		return false;
	if (v->state == VRRP_UNKNOWN && d->role.is == ROLE_UNKNOWN)
		return has_fifo(d) && v->absent;
	return true;
}

/* What blocks, and the sentence about it. */
static void
find_reason(struct daemon *d, const struct ready_view *view, char text[READINESS_TEXT_MAX])
{
	snprintf(text, READINESS_TEXT_MAX, "ready a moment ago");
	for (size_t i = 0; i < READY_REASONS; i++) {
		if (!view->reasons[i].open || !view->reasons[i].blocks)
			continue;
		readiness_text(d, (enum ready_reason)i, &view->reasons[i], text);
		snprintf(d->vrrp.why, sizeof(d->vrrp.why), "%s", readiness_code((enum ready_reason)i));
		return;
	}
}

static void
hold_begins(struct daemon *d, const struct ready_view *view, ms_t now)
{
	struct vrrp *v = &d->vrrp;
	int64_t left_ms = ms_since(hold_until(&v->hold, (int64_t)d->cfg->vrrp.hold_max_s * 1000), now);
	char text[READINESS_TEXT_MAX];

	find_reason(d, view, text);
	v->ended = NULL;
	v->holds++;
	log_write(d->log, LOG_LV_NOTICE,
	    "held back in the election of a master, for %lld s at most: track file says %d: %s",
	    (long long)(left_ms + 999) / 1000, (int)d->cfg->vrrp.weight, text);
	history_add(d, HISTORY_TRACK_FILE, "held back, for %lld s at most: %s",
	    (long long)(left_ms + 999) / 1000, text);
}

static void
hold_ends(struct daemon *d, enum hold_change how, const struct ready_view *view, ms_t now)
{
	struct vrrp *v = &d->vrrp;
	long long held_s = (long long)ms_since(now, v->hold.since) / 1000;
	char text[READINESS_TEXT_MAX];

	v->ended = how == HOLD_READY ? "ready" : how == HOLD_TIME ? "time" : "role";
	if (how == HOLD_TIME) {
		find_reason(d, view, text);
		log_write(d->log, LOG_LV_WARNING,
		    "no longer held back: HoldMax is over after %lld s, and this node is not ready: %s", held_s,
		    text);
		history_add(d, HISTORY_TRACK_FILE, "no longer held back after %lld s, as HoldMax is over: %s",
		    held_s, text);
		return;
	}
	log_write(d->log, LOG_LV_NOTICE, "no longer held back after %lld s: %s", held_s,
	    how == HOLD_READY ? "ready" : "this node is master");
	history_add(d, HISTORY_TRACK_FILE, "no longer held back after %lld s: %s", held_s,
	    how == HOLD_READY ? "ready" : "this node is master");
}

static void
check_hold(struct daemon *d, ms_t now)
{
	struct vrrp *v = &d->vrrp;
	struct ready_view view;
	enum hold_change change;
	char text[READINESS_TEXT_MAX];

	role_ready_view(d, &view, now);
	change = hold_step(&v->hold, may_hold(d), view.ready, (int64_t)d->cfg->vrrp.hold_max_s * 1000, now);
	if (change == HOLD_BEGINS)
		hold_begins(d, &view, now);
	else if (change != HOLD_SAME)
		hold_ends(d, change, &view, now);
	else if (v->hold.held)
		find_reason(d, &view, text);
	write_track(d, v->hold.held ? d->cfg->vrrp.weight : 0);
}

/* ---- the daemon's part ---- */

/* Who may command the node has to be told at once; the role changes in the middle of a turn. */
static void
on_role(struct daemon *d, enum role_event event, void *ctx)
{
	(void)event;
	(void)ctx;
	d->vrrp.check_at = loop_now();
}

static bool
open_fifo(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;
	const char *path = d->cfg->vrrp.fifo;
	int r = vrrp_fifo_make(path);

	if (r < 0) {
		daemon_review(d, "can't make NotifyFifo `%s': %s", path, strerror(-r));
		return false;
	}
	v->absent = !vrrp_fifo_has_reader(path);
	v->fd = vrrp_fifo_open(path, &v->file);
	if (v->fd < 0) {
		daemon_review(d, "can't open NotifyFifo `%s': %s", path,
		    v->fd == -EINVAL	 ? "it is no FIFO"
			: v->fd == -EPERM ? "everybody may write to it, or it belongs to somebody else"
					  : strerror(-v->fd));
		return false;
	}
	snprintf(v->note, sizeof(v->note), "%s.state", path);
	log_write(d->log, LOG_LV_NOTICE, "keepalived's %s \"%s\" is followed through `%s'%s",
	    d->cfg->vrrp.is_group ? "group" : "instance", d->cfg->vrrp.name, path,
	    v->absent ? "; it does not run yet" : "");
	return true;
}

bool
vrrp_open(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;

	*v = (struct vrrp){.fd = -1, .index = -1};
	v->all_read = true;
	v->check_at = has_fifo(d) || has_track_file(d) ? loop_now() : MS_NEVER;
	if (has_fifo(d) && !open_fifo(d))
		return false;
	if (has_fifo(d) && !v->absent)
		restore(d);
	role_listen(d, on_role, NULL);
	if (!has_track_file(d))
		return true;
	/* At once, and not when the first turn is over: keepalived starts with what it reads there. */
	check_hold(d, loop_now());
	if (v->track_error < 0)
		daemon_review(d, "can't write TrackFile `%s'", d->cfg->vrrp.track_file);
	return v->track_error == 0;
}

void
vrrp_close(struct daemon *d)
{
	struct vrrp *v = &d->vrrp;

	if (has_track_file(d) && v->check_at.ms != MS_NEVER.ms && v->track_error == 0)
		write_track(d, may_hold(d) ? d->cfg->vrrp.weight : 0);
	/* The FIFO stays: keepalived has it open. */
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

void
vrrp_check(struct daemon *d, ms_t now)
{
	struct vrrp *v = &d->vrrp;

	if (!ms_reached(now, vrrp_deadline(d)))
		return;
	v->check_at = ms_add(now, CHECK_MS);
	if (has_fifo(d) && vrrp_fifo_replaced(d->cfg->vrrp.fifo, &v->file))
		reopen(d);
	if (has_track_file(d))
		check_hold(d, now);
}

ms_t
vrrp_deadline(const struct daemon *d)
{
	const struct vrrp *v = &d->vrrp;

	if (v->check_at.ms == MS_NEVER.ms)
		return MS_NEVER;
	return ms_earlier(v->check_at,
	    hold_deadline(&v->hold, (int64_t)d->cfg->vrrp.hold_max_s * 1000));
}

/* ---- status ---- */

static void
write_fifo(struct json *j, const struct daemon *d, ms_t now)
{
	const struct vrrp *v = &d->vrrp;

	jw_str(j, "fifo", d->cfg->vrrp.fifo);
	jw_str(j, "of", d->cfg->vrrp.is_group ? "group" : "instance");
	jw_str(j, "name", d->cfg->vrrp.name);
	jw_str(j, "state", v->state != VRRP_UNKNOWN ? vrrp_state_name(v->state) : NULL);
	if (v->heard)
		jw_i64(j, "heard_s_ago", ms_since(now, v->heard_at) / 1000);
	else
		jw_null(j, "heard_s_ago");
	jw_u64(j, "lines", v->lines);
	jw_u64(j, "lines_of_others", v->strangers + v->others);
	jw_u64(j, "lines_malformed", v->bad);
	jw_u64(j, "lines_too_long", v->reader.cut_lines);
}

static void
write_track_file(struct json *j, const struct daemon *d, ms_t now)
{
	const struct vrrp *v = &d->vrrp;
	int64_t max_ms = (int64_t)d->cfg->vrrp.hold_max_s * 1000;

	jw_str(j, "track_file", d->cfg->vrrp.track_file);
	jw_i64(j, "value", v->value);
	jw_str(j, "error", v->track_error < 0 ? strerror(-v->track_error) : NULL);
	jw_bool(j, "held", v->hold.held);
	jw_str(j, "why", v->why[0] != '\0' ? v->why : NULL);
	jw_str(j, "ended", v->ended);
	if (v->hold.held) {
		jw_i64(j, "held_s", ms_since(now, v->hold.since) / 1000);
		jw_i64(j, "until_s", (ms_since(hold_until(&v->hold, max_ms), now) + 999) / 1000);
	} else {
		jw_null(j, "held_s");
		jw_null(j, "until_s");
	}
	jw_u64(j, "holds", v->holds);
}

void
vrrp_write(struct json *j, const struct daemon *d, ms_t now)
{
	if (!has_fifo(d) && !has_track_file(d)) {
		jw_null(j, "vrrp");
		return;
	}
	jw_object(j, "vrrp");
	if (has_fifo(d))
		write_fifo(j, d, now);
	else
		jw_null(j, "fifo");
	if (has_track_file(d))
		write_track_file(j, d, now);
	else
		jw_null(j, "track_file");
	jw_object_end(j);
}
