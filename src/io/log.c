/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

/* The text, and before it date, pid and level. */
enum { LINE_MAX_LEN = LOG_TEXT_MAX + 100, JOURNAL_FIELDS_MAX = 512 };

struct log {
	bool terminal;
	bool quiet;   /* on the terminal */
	int fd;	      /* log file, -1 for none */
	char *path;   /* owned, NULL for none */
	bool torn;    /* the last line in the file has no end */
	uint64_t lost; /* lines that the file did not take whole, not said yet */
	int lost_why;
	bool failing; /* the last one was among them */
	int facility; /* -1: no syslog */
	enum log_level level; /* lower ones are left out */
	int journal;  /* a socket of the journal's, -1 for none */
	struct sockaddr_un journal_addr;
	struct log_facts about;
};

static const struct {
	const char *name;
	int priority; /* syslog's */
	int terminal_fd;
} levels[] = {
    [LOG_LV_DEBUG] = {"debug", LOG_DEBUG, STDOUT_FILENO},
    [LOG_LV_INFO] = {"info", LOG_INFO, STDOUT_FILENO},
    [LOG_LV_NOTICE] = {"notice", LOG_NOTICE, STDOUT_FILENO},
    [LOG_LV_WARNING] = {"warning", LOG_WARNING, STDERR_FILENO},
    [LOG_LV_ERROR] = {"ERROR", LOG_ERR, STDERR_FILENO},
};

struct log *
log_open_terminal(void)
{
	struct log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->terminal = true;
	l->fd = -1;
	l->journal = -1;
	l->level = LOG_LV_INFO;
	l->facility = -1;
	return l;
}

static bool
is_trusted(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Administrators move logs by symbolic links.  One of somebody else's would have us write to any file. */
static bool
is_trusted_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && is_trusted(&st);
}

/* May everybody make files beside it? */
static bool
is_in_public(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	struct stat st;

	if (len >= sizeof(dir))
		return true;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (len == 0)
		strcpy(dir, slash == NULL ? "." : "/");
	return stat(dir, &st) != 0 || (st.st_mode & S_IWOTH) != 0;
}

/*
 * Where everybody may make files somebody may have made this one before us, to read it or to change what it
 * says; or given it a second name that an important file of ours has.
 */
static int
check_file(int fd, const char *path)
{
	struct stat st;

	if (!is_in_public(path))
		return 0;
	if (fstat(fd, &st) != 0)
		return -errno;
	return is_trusted(&st) && st.st_nlink == 1 ? 0 : -EPERM;
}

/* Non-blocking, so that a FIFO without a reader is an error and not a daemon that hangs. */
static int
open_file(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | O_NOFOLLOW, 0600), err;

	if (fd < 0 && errno == ELOOP) {
		/* Such a link is nobody else's to remove where names are protected (the sticky bit). */
		if (!is_trusted_link(path))
			return -ELOOP;
		fd = open(path, flags, 0600);
		return fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		return -errno;
	err = check_file(fd, path);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

static void
close_file(struct log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->torn = false;
}

int
log_open(struct log *l, const struct log_cfg *cfg)
{
	char *path = NULL;
	int fd = -1;

	if (cfg->path != NULL) {
		path = strdup(cfg->path);
		if (path == NULL)
			return -ENOMEM;
		fd = open_file(path);
		if (fd < 0) {
			free(path);
			return fd;
		}
	}
	close_file(l);
	free(l->path);
	l->path = path;
	l->fd = fd;
	l->facility = cfg->syslog_facility;
	/* What closelog() would close the other logs use, too. */
	if (l->facility >= 0)
		openlog("conntrack-tools", LOG_PID, l->facility);
	return 0;
}

void
log_close(struct log *l)
{
	if (l == NULL)
		return;
	close_file(l);
	if (l->journal >= 0)
		close(l->journal);
	free(l->path);
	free(l);
}

void
log_quieten(struct log *l)
{
	l->quiet = true;
}

void
log_detach(struct log *l)
{
	l->terminal = false;
}

int
log_reopen(struct log *l)
{
	int fd;

	if (l->path == NULL)
		return 0;
	fd = open_file(l->path);
	if (fd < 0)
		return fd;
	close_file(l);
	l->fd = fd;
	return 0;
}

/* Nothing in the text may look like a second line or steer a terminal: some of it comes from peers
 * and configuration files.  Returns the new length. */
static size_t
sanitize(char *text, size_t len)
{
	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n' || c == '\r')
			text[i] = ' ';
		else if ((c < 0x20 && c != '\t') || c == 0x7f)
			text[i] = '?';
	}
	text[len] = '\0';
	return len;
}

static void
write_date(char date[32])
{
	time_t now = time(NULL);

	if (ctime_r(&now, date) == NULL)
		memcpy(date, "?", sizeof("?"));
	date[strcspn(date, "\n")] = '\0';
}

/* "[date] (pid=N) [level] ", as in every conntrackd. */
static size_t
write_prefix(char *out, size_t cap, enum log_level level)
{
	char date[32];
	int len;

	write_date(date);
	len = snprintf(out, cap, "[%s] (pid=%d) [%s] ", date, (int)getpid(), levels[level].name);
	ASSERT(len > 0 && (size_t)len < cap);
	return (size_t)len;
}

/*
 * Writes one line, after another that says what has been lost before it (of `note_len`, 0 if nothing has).
 * A line that a full disk cut short must not swallow the start of the next one.  True if all is written.
 */
static bool
write_file(struct log *l, const char *note, size_t note_len, const char *line, size_t len)
{
	char line_break = '\n';
	size_t extra = l->torn ? 1 : 0, all = extra + note_len + len, done;
	const struct iovec iov[3] = {
	    {.iov_base = &line_break, .iov_len = extra},
	    {.iov_base = (char *)note, .iov_len = note_len},
	    {.iov_base = (char *)line, .iov_len = len},
	};
	ssize_t n = writev(l->fd, iov, 3);

	done = n > 0 ? (size_t)n : 0;
	if (done > 0)
		l->torn = done > extra && done != extra + note_len && done < all;
	l->failing = done < all;
	if (!l->failing)
		return true;
	l->lost_why = n < 0 ? errno : ENOSPC;
	l->lost++;
	return false;
}

/* Where the file did not take all, what it did not take is said as soon as it takes something again. */
static void
write_lines(struct log *l, const char *line, size_t len)
{
	char note[LINE_MAX_LEN];
	size_t note_len = 0;

	if (l->lost > 0) {
		note_len = write_prefix(note, sizeof(note), LOG_LV_WARNING);
		note_len += (size_t)snprintf(note + note_len, sizeof(note) - note_len,
		    "%llu lines of this log are missing here: %s\n", (unsigned long long)l->lost,
		    strerror(l->lost_why));
	}
	if (write_file(l, note, note_len, line, len))
		l->lost = 0;
}

static void
write_terminal(int fd, const char *line, size_t len)
{
	/* Nobody is left to tell if this fails. */
	if (write(fd, line, len) < 0)
		return;
}

/* ---- levels ---- */

void
log_set_level(struct log *l, enum log_level level)
{
	l->level = level;
}

enum log_level
log_level(const struct log *l)
{
	return l->level;
}

const char *
log_level_name(enum log_level level)
{
	return level == LOG_LV_ERROR ? "error" : levels[level].name;
}

bool
log_level_find(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (strcasecmp(name, levels[i].name) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* ---- the journal ---- */

/* Is it standard error that JOURNAL_STREAM is about? */
static bool
is_journal_stream(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static bool
connect_journal(struct log *l)
{
	return connect(l->journal, (const struct sockaddr *)&l->journal_addr, sizeof(l->journal_addr)) == 0;
}

bool
log_open_journal(struct log *l, const char *path)
{
	size_t len = strlen(path);

	if (!is_journal_stream() || len >= sizeof(l->journal_addr.sun_path))
		return false;
	l->journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->journal < 0)
		return false;
	l->journal_addr.sun_family = AF_UNIX;
	memcpy(l->journal_addr.sun_path, path, len);
	if (connect_journal(l))
		return true;
	close(l->journal);
	l->journal = -1;
	return false;
}

struct log_facts
log_about(struct log *l, const struct log_facts *facts)
{
	struct log_facts before = l->about;

	l->about = facts != NULL ? *facts : (struct log_facts){0};
	return before;
}

/* A record of fields, each on a line; none of them has a line break in it.  False if nobody took it. */
static bool
write_journal(struct log *l, enum log_level level, const char *text)
{
	char record[LINE_MAX_LEN + JOURNAL_FIELDS_MAX];
	const struct log_facts *f = &l->about;
	struct text t;

	text_init(&t, record, sizeof(record));
	text_add(&t, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=conntrackd\n", text,
	    levels[level].priority);
	if (f->event != NULL)
		text_add(&t, "CONNTRACKD_EVENT=%s\n", f->event);
	if (f->peer != NULL)
		text_add(&t, "CONNTRACKD_PEER=%s\n", f->peer);
	if (f->counted)
		text_add(&t, "CONNTRACKD_FLOWS=%llu\n", (unsigned long long)f->flows);
	if (f->timed)
		text_add(&t, "CONNTRACKD_TOOK_MS=%lld\n", (long long)f->took_ms);
	/* It may have been started anew. */
	for (int tries = 0; tries < 2; tries++) {
		if (send(l->journal, record, t.len, MSG_NOSIGNAL) == (ssize_t)t.len)
			return true;
		if ((errno != ECONNREFUSED && errno != ENOTCONN) || !connect_journal(l))
			return false;
	}
	return false;
}

/* ---- lines ---- */

void
log_write(struct log *l, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(l, level, fmt, ap);
	va_end(ap);
}

void
log_vwrite(struct log *l, enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_MAX_LEN];
	int saved_errno = errno;
	size_t start, len;
	bool told;
	int n;

	ASSERT((size_t)level < ARRAY_LEN(levels));
	if (level < l->level)
		return;
	start = write_prefix(line, sizeof(line) - LOG_TEXT_MAX - 1, level);
	errno = saved_errno; /* for %m */
	n = vsnprintf(line + start, LOG_TEXT_MAX + 1, fmt, ap);
	len = n < 0 ? 0 : (size_t)n;
	if (len > LOG_TEXT_MAX)
		len = LOG_TEXT_MAX;
	len = sanitize(line + start, len);

	if (l->facility >= 0)
		syslog(l->facility | levels[level].priority, "%s", line + start);
	told = l->terminal && l->journal >= 0 && write_journal(l, level, line + start);
	line[start + len] = '\n';
	if (l->fd >= 0)
		write_lines(l, line, start + len + 1);
	if (l->terminal && !told && !(l->quiet && level < LOG_LV_WARNING))
		write_terminal(levels[level].terminal_fd, line, start + len + 1);
	errno = saved_errno;
}

void
log_record(struct log *l, const char *text)
{
	char line[LINE_MAX_LEN], date[32];
	int saved_errno = errno;
	size_t start, len;

	write_date(date);
	start = (size_t)snprintf(line, sizeof(line), "%s\t", date);
	len = strnlen(text, LOG_TEXT_MAX);
	memcpy(line + start, text, len);
	len = sanitize(line + start, len);

	if (l->facility >= 0)
		syslog(l->facility | LOG_INFO, "%s", line + start);
	line[start + len] = '\n';
	if (l->fd >= 0)
		(void)write_file(l, NULL, 0, line, start + len + 1);
	errno = saved_errno;
}

uint64_t
log_lost(struct log *l, int *why)
{
	uint64_t lost = l->failing ? 0 : l->lost;

	*why = l->lost_why;
	if (!l->failing)
		l->lost = 0;
	return lost;
}
