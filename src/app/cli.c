/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

const char cli_config_default[] = "/etc/conntrackd/conntrackd.conf";

/* ---- scanner ---- */

struct word {
	const char *name;
	uint32_t request;
};

/* Which word a prefix means is decided by order: the first that matches. */
static const struct word words_commit[] = {{"ct", CTL_COMMIT_CT}, {"expect", CTL_COMMIT_EXP}};
static const struct word words_internal[] = {
    {"ct", CTL_DUMP_INTERNAL}, {"expect", CTL_DUMP_INTERNAL_EXP}};
static const struct word words_external[] = {
    {"ct", CTL_DUMP_EXTERNAL}, {"expect", CTL_DUMP_EXTERNAL_EXP}};
static const struct word words_kernel[] = {
    {"ct", CTL_FLUSH_KERNEL_CT}, {"expect", CTL_FLUSH_KERNEL_EXP}};
static const struct word words_resync[] = {
    {"ct", CTL_RESYNC_KERNEL_CT}, {"expect", CTL_RESYNC_KERNEL_EXP}};
static const struct word words_flush[] = {
    {"internal", CTL_FLUSH_INTERNAL}, {"external", CTL_FLUSH_EXTERNAL}};
static const struct word words_stats[] = {
    {"network", CTL_STATS_NETWORK},
    {"cache", CTL_STATS_CACHE},
    {"runtime", CTL_STATS_RUNTIME},
    {"multicast", CTL_STATS_LINK},
    {"link", CTL_STATS_LINK},
    {"rsqueue", CTL_STATS_RSQUEUE},
    {"process", CTL_STATS_PROCESS},
    {"queue", CTL_STATS_QUEUE},
    {"ct", CTL_STATS},
    {"expect", CTL_STATS_EXPECT},
};

struct command {
	char letter;
	uint32_t bare; /* without a word */
	const struct word *words;
	size_t words_count;
};

static const struct command commands[] = {
    {'c', CTL_COMMIT, words_commit, ARRAY_LEN(words_commit)},
    {'f', CTL_FLUSH_CACHES, words_flush, ARRAY_LEN(words_flush)},
    {'F', CTL_FLUSH_KERNEL, words_kernel, ARRAY_LEN(words_kernel)},
    {'i', CTL_DUMP_INTERNAL, words_internal, ARRAY_LEN(words_internal)},
    {'e', CTL_DUMP_EXTERNAL, words_external, ARRAY_LEN(words_external)},
    {'k', CTL_KILL, NULL, 0},
    {'s', CTL_STATS, words_stats, ARRAY_LEN(words_stats)},
    {'R', CTL_RESYNC_KERNEL, words_resync, ARRAY_LEN(words_resync)},
    {'n', CTL_REQUEST_RESYNC, NULL, 0},
    {'B', CTL_BULK, NULL, 0},
    {'t', CTL_PURGE_TIMER, NULL, 0},
};

static const struct command *
find_command(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].letter == letter)
			return &commands[i];
	}
	return NULL;
}

static const struct word *
find_word(const struct command *cmd, const char *prefix)
{
	for (size_t i = 0; i < cmd->words_count; i++) {
		if (strncmp(cmd->words[i].name, prefix, strlen(prefix)) == 0)
			return &cmd->words[i];
	}
	return NULL;
}

ATTR_PRINTF(3, 4)
static bool
scan_fail(struct cli_request *out, bool show_usage, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->error, sizeof(out->error), fmt, ap);
	va_end(ap);
	out->show_usage = show_usage;
	return false;
}

static void
scan_warn(struct cli_request *out, const char *text)
{
	for (size_t i = 0; i < out->warnings_count; i++) {
		if (out->warnings[i] == text)
			return;
	}
	if (out->warnings_count < CLI_WARNINGS_MAX)
		out->warnings[out->warnings_count++] = text;
}

/* A client command at argv[*i], with its optional word. */
static bool
scan_command(struct cli_request *out, const struct command *cmd, int argc, char *const argv[],
    int *i)
{
	static const char use_link[] = "use `link' instead of `multicast' as parameter.";
	const char *arg = *i + 1 < argc ? argv[*i + 1] : NULL;
	const struct word *word;

	out->role = CLI_CLIENT;
	out->request = cmd->bare;
	if (cmd->words_count == 0 || !arg || arg[0] == '-')
		return true;
	(*i)++;
	word = find_word(cmd, arg);
	if (!word)
		return scan_fail(out, false, "unknown parameter `%s' for option `-%c'", arg,
		    cmd->letter);
	out->request = word->request;
	if (strcmp(word->name, "multicast") == 0)
		scan_warn(out, use_link);
	return true;
}

/* -x turns the dump that stands before it into XML. */
static bool
scan_xml(struct cli_request *out)
{
	static const uint32_t pairs[][2] = {
	    {CTL_DUMP_INTERNAL, CTL_DUMP_INTERNAL_XML},
	    {CTL_DUMP_EXTERNAL, CTL_DUMP_EXTERNAL_XML},
	    {CTL_DUMP_INTERNAL_EXP, CTL_DUMP_INTERNAL_EXP_XML},
	    {CTL_DUMP_EXTERNAL_EXP, CTL_DUMP_EXTERNAL_EXP_XML},
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (out->role == CLI_CLIENT && out->request == pairs[i][0]) {
			out->request = pairs[i][1];
			return true;
		}
	}
	return scan_fail(out, true, "Invalid parameters");
}

static bool
scan_config(struct cli_request *out, int argc, char *const argv[], int *i)
{
	if (argv[*i][2] != '\0') {
		out->config_path = argv[*i] + 2;
		return true;
	}
	if (*i + 1 >= argc)
		return scan_fail(out, true, "Missing config filename");
	out->config_path = argv[++*i];
	return true;
}

/* One option that takes no word and is not a client command. */
static bool
scan_other(struct cli_request *out, const char *arg, bool *daemon)
{
	static const char obsolete[] = "-S option is obsolete. Ignoring.";

	switch (arg[1]) {
	case 'd':
		*daemon = true;
		return true;
	case 'x':
		return scan_xml(out);
	case 'S':
		scan_warn(out, obsolete);
		return true;
	case 'h':
		out->role = CLI_HELP;
		return true;
	case 'v':
		out->role = CLI_VERSION;
		return true;
	default:
		return scan_fail(out, true, "Unknown option: %s", arg);
	}
}

bool
cli_scan(struct cli_request *out, int argc, char *const argv[])
{
	bool daemon = false;

	memset(out, 0, sizeof(*out));
	out->role = CLI_DAEMON_FOREGROUND;
	out->config_path = cli_config_default;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		const struct command *cmd;
		bool ok;

		if (arg[0] == '-' && arg[1] == 'C') {
			ok = scan_config(out, argc, argv, &i);
		} else if (arg[0] != '-' || arg[1] == '\0' || arg[2] != '\0') {
			ok = scan_fail(out, true, "Unknown option: %s", arg);
		} else {
			cmd = find_command(arg[1]);
			ok = cmd ? scan_command(out, cmd, argc, argv, &i)
				 : scan_other(out, arg, &daemon);
		}
		if (!ok)
			return false;
		if (out->role == CLI_HELP || out->role == CLI_VERSION)
			return true;
	}
	if (daemon && out->role == CLI_CLIENT)
		return scan_fail(out, true, "Invalid parameters");
	if (daemon)
		out->role = CLI_DAEMON_BACKGROUND;
	return true;
}

void
cli_print_usage(FILE *out, const char *version)
{
	fprintf(out,
	    "Connection tracking userspace daemon v%s\n"
	    "Usage: conntrackd [commands] [options]\n"
	    "\n"
	    "General commands:\n"
	    "  -d, run in daemon mode\n"
	    "  -C [configfile], configuration file path\n"
	    "  -v, display conntrackd version\n"
	    "  -h, display this help information\n"
	    "\n"
	    "Client mode commands:\n"
	    "  -c [ct|expect], commit external cache to conntrack table\n"
	    "  -f [internal|external], flush internal and external cache\n"
	    "  -F [ct|expect], flush kernel conntrack table\n"
	    "  -i [ct|expect], display content of the internal cache\n"
	    "  -e [ct|expect], display content of the external cache\n"
	    "  -k, stop the daemon\n"
	    "  -s [network|cache|runtime|link|rsqueue|queue|process|ct|expect], "
	    "display statistics\n"
	    "  -R [ct|expect], resync with kernel conntrack table\n"
	    "  -n, request resync with other node\n"
	    "  -B, force a bulk send to other nodes\n"
	    "  -x, display cache in XML format (after -i or -e)\n"
	    "  -t, flush kernel table after PurgeTimeout\n"
	    "\n",
	    version);
}

void
cli_print_version(FILE *out, const char *version)
{
	fprintf(out,
	    "Connection tracking userspace daemon v%s. Licensed under GPLv2 or later.\n"
	    "There is NO WARRANTY, to the extent permitted by law.\n",
	    version);
}

/* ---- client ---- */

enum {
	CLIENT_CONNECT_S_MAX = 10,
	/* What a pipe that is reported writable takes without making us wait. */
	PIECE_MAX = 4096,
};

/*
 * What came of the answer and is not written yet.  It may be long and its reader slow, somebody with
 * a pager: the daemon, which does not wait for ever, gets rid of it at once all the same.
 */
struct spool {
	char *data;
	size_t head, tail, cap; /* data[head..tail) waits */
};

struct copy {
	int out_fd;
	int err_fd;
	int error; /* errno of the first write that failed; 0: none */
	struct spool spool;
};

/* Writes all of it, also to descriptors that somebody else made non-blocking.  0 or an errno. */
static int
write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = {.fd = fd, .events = POLLOUT};

			poll(&pfd, 1, -1);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

/* Writes what waits, at most `max` bytes of it. */
static void
spool_write(struct copy *c, size_t max)
{
	struct spool *s = &c->spool;
	size_t len = s->tail - s->head < max ? s->tail - s->head : max;

	if (len > 0 && c->error == 0)
		c->error = write_all(c->out_fd, s->data + s->head, len);
	s->head += len;
	if (s->head == s->tail)
		s->head = s->tail = 0;
}

static void
spool_add(struct copy *c, const void *data, size_t len)
{
	struct spool *s = &c->spool;

	if (len > s->cap - s->tail) {
		size_t cap = s->cap * 2 > s->tail + len ? s->cap * 2 : s->tail + len;
		char *more = realloc(s->data, cap);

		if (more == NULL) {
			/* Then the slow way. */
			spool_write(c, SIZE_MAX);
			if (c->error == 0)
				c->error = write_all(c->out_fd, data, len);
			return;
		}
		s->data = more;
		s->cap = cap;
	}
	memcpy(s->data + s->tail, data, len);
	s->tail += len;
}

static void
copy_frame(void *ctx, enum ctl_frame type, const void *data, size_t len)
{
	struct copy *c = ctx;

	if (c->error != 0)
		return;
	if (type == CTL_FRAME_OUT)
		spool_add(c, data, len);
	else
		write_all(c->err_fd, data, len);
}

/* Returns a connected descriptor or a negative errno value. */
static int
client_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	/* Bounds connect() against a daemon that hangs; reading is not bounded. */
	struct timeval limit = {.tv_sec = CLIENT_CONNECT_S_MAX};
	int fd, r = 0;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		r = -errno;
	if (r != 0) {
		close(fd);
		return r;
	}
	return fd;
}

/*
 * Waits for more of the answer, and writes while there is none.  True if the socket has something; a
 * reader of ours that has gone is an error of the copy.
 */
static bool
wait_for_answer(int fd, struct copy *copy)
{
	bool waiting = copy->spool.tail > 0;
	struct pollfd fds[2] = {
	    {.fd = fd, .events = POLLIN},
	    {.fd = waiting ? copy->out_fd : -1, .events = POLLOUT},
	};

	if (poll(fds, 2, -1) < 0)
		return false;
	if (fds[1].revents & (POLLERR | POLLNVAL))
		copy->error = EPIPE;
	else if (fds[0].revents == 0 && fds[1].revents != 0)
		spool_write(copy, PIECE_MAX);
	return fds[0].revents != 0;
}

/*
 * Copies the answer until the exit frame, the end, or a failure.  Returns how many bytes came, or a
 * negative errno.  `reader` is NULL if the answer has no frames.
 */
static ssize_t
client_copy(int fd, struct ctl_reader *reader, struct copy *copy)
{
	char buf[64 * 1024];
	ssize_t total = 0;

	while (copy->error == 0 && !(reader != NULL && (reader->done || reader->bad))) {
		ssize_t n;

		if (!wait_for_answer(fd, copy))
			continue;
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		total += n;
		if (reader != NULL)
			ctl_reader_feed(reader, buf, (size_t)n, copy_frame, copy);
		else
			copy_frame(copy, CTL_FRAME_OUT, buf, (size_t)n);
	}
	spool_write(copy, SIZE_MAX);
	return total;
}

/* One request and its answer; `reader` as in client_copy().  Bytes that came, -1 with `why` set if
 * that failed. */
static ssize_t
client_ask(const char *path, uint32_t number, struct ctl_reader *reader, struct copy *copy, char *why,
    size_t why_len)
{
	int fd = client_connect(path);
	ssize_t r;

	if (fd < 0) {
		snprintf(why, why_len,
		    "can't connect to %s: %s: is conntrackd running? appropriate permissions?",
		    path, strerror(-fd));
		return -1;
	}
	if (send(fd, &number, sizeof(number), MSG_NOSIGNAL) != (ssize_t)sizeof(number)) {
		snprintf(why, why_len, "can't send the request: %s", strerror(errno));
		r = -1;
		goto out;
	}
	r = client_copy(fd, reader, copy);
	if (copy->error != 0) {
		if (copy->error != EPIPE)
			snprintf(why, why_len, "can't write: %s", strerror(copy->error));
		r = -1;
	} else if (r < 0) {
		snprintf(why, why_len, "can't read the answer: %s", strerror((int)-r));
		r = -1;
	}
out:
	close(fd);
	return r;
}

int
cli_client_run(const char *path, uint32_t request, int out_fd, int err_fd, char *why,
    size_t why_len)
{
	static const char older[] =
	    "conntrackd: an older daemon is running, which does not say whether it did as told\n";
	struct copy copy = {.out_fd = out_fd, .err_fd = err_fd};
	struct ctl_reader reader = {0};
	int exit_code = 1;
	ssize_t r;

	why[0] = '\0';
	signal(SIGPIPE, SIG_IGN);
	r = client_ask(path, request | CTL_FRAMED, &reader, &copy, why, why_len);
	if (r == 0 && client_ask(path, request, NULL, &copy, why, why_len) >= 0) {
		/* It hangs up on what it does not know, and takes the same numbers without a frame. */
		write_all(err_fd, older, sizeof(older) - 1);
		exit_code = 0;
	} else if (r > 0 && reader.bad) {
		snprintf(why, why_len, "the answer makes no sense: is this the same conntrackd?");
	} else if (r > 0 && !reader.done) {
		snprintf(why, why_len, "conntrackd closed the connection before the end");
	} else if (r > 0) {
		exit_code = reader.exit_code;
	}
	free(copy.spool.data);
	return exit_code;
}
