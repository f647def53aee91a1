/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h: log lines to a file, syslog and, until the daemon detaches, the terminal.
 *
 * File and terminal lines look as users grep for them:
 *   [Mon Nov 23 02:42:34 2026] (pid=13848) [notice] text
 * Levels: debug, info, notice, warning, ERROR.  Terminal: up to notice to stdout, the rest to stderr.
 * Syslog gets the text alone, with the ident "conntrack-tools" and the pid.
 *
 * A process may have several logs; to syslog all of them go under the one ident, each with its own
 * facility.  Logging never fails: what a full disk or a closed terminal does not take is lost.  How many
 * lines a file did not take it is told as soon as it takes one again.  syslog(3) waits for a log daemon
 * that accepts messages slowly, so callers limit the rate.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include <stdarg.h>

#include "base.h"

enum log_level { LOG_LV_DEBUG, LOG_LV_INFO, LOG_LV_NOTICE, LOG_LV_WARNING, LOG_LV_ERROR };

struct log; /* opaque; one per process is usual, none is global */

/* Longest text of one line; more is cut off. */
enum { LOG_TEXT_MAX = 4000 };

struct log_cfg {
	const char *path;    /* log file, NULL for none; created 0600, appended to.  Absolute, if the
	                        process changes its directory before log_reopen().  Copied. */
	int syslog_facility; /* LOG_DAEMON, LOG_LOCAL0..7 as in <syslog.h>; -1 for none */
};

/* A log that writes to the terminal only.  NULL if there is no memory. */
struct log *log_open_terminal(void);

/*
 * Adds file and syslog, in place of those of an earlier call.  0, or a negative errno value if the
 * file cannot be opened; then the log is as it was before.  A symbolic link is followed if it belongs to
 * root or to the daemon's user: administrators move logs that way; one of somebody else's is -ELOOP.  In a
 * directory that everybody may write to, a file that belongs to somebody else or has a second name is
 * -EPERM.  Both hold whatever fs.protected_symlinks and its like say.
 */
int log_open(struct log *l, const struct log_cfg *cfg);
void log_close(struct log *l);

/* From now on the terminal gets warnings and errors only. */
void log_quieten(struct log *l);

/* Stops writing to the terminal.  Call it before descriptors 1 and 2 become something else. */
void log_detach(struct log *l);

/* Reopens the file under its name (after rotation).  0, or a negative errno value; then the old
 * file stays in use. */
int log_reopen(struct log *l);

/*
 * A record of its own kind in a log of its own: in the file date, tab and text; in syslog, at level
 * info, the text alone; on the terminal nothing.  Text as in log_write().  Keeps errno.
 */
void log_record(struct log *l, const char *text);

/* The records that a file did not take, once it takes them again (until then 0), and an errno value that
 * says why; each is reported once.  A file of records has no place for that: say it elsewhere. */
uint64_t log_lost(struct log *l, int *why);

/* Lines below this level are left out; LOG_LV_INFO at first.  It stays over log_open(). */
void log_set_level(struct log *l, enum log_level level);
enum log_level log_level(const struct log *l);
/* "debug", "info", "notice", "warning", "error" */
const char *log_level_name(enum log_level level);
/* False if there is no such level. */
bool log_level_find(const char *name, enum log_level *level);

/* What a line is about, for machines. */
struct log_facts {
	const char *event; /* a code; NULL: none */
	const char *peer;  /* an address; NULL: none */
	bool counted;
	uint64_t flows; /* if counted */
	bool timed;
	int64_t took_ms; /* if timed */
};

/*
 * Whoever has started us said (JOURNAL_STREAM) that standard error goes to systemd's journal: from now on lines for
 * the terminal go to its socket `path' instead, with the fields PRIORITY, CONNTRACKD_EVENT and so on; to the
 * terminal only what that does not take.  False if it is not so, or if there is no such socket.
 */
bool log_open_journal(struct log *l, const char *path);
#define LOG_JOURNAL_PATH "/run/systemd/journal/socket"

/* What the lines to come are about, until the next call; NULL: nothing.  The texts have to stay until then.
 * Returns what those before were about. */
struct log_facts log_about(struct log *l, const struct log_facts *facts);

void log_vwrite(struct log *l, enum log_level level, const char *fmt, va_list ap) ATTR_PRINTF(3, 0);

/* One line, in one write to each place.  Line breaks inside the text become spaces, other control
 * characters but tabs become question marks, line breaks at the end are dropped.  Keeps errno. */
void log_write(struct log *l, enum log_level level, const char *fmt, ...) ATTR_PRINTF(3, 4);

#endif
