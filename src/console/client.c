/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>


enum {
	CLIENT_CONNECT_S_MAX = 10,
	/* What a pipe that is reported writable takes without making us wait. */
	PIECE_MAX = 4096,
	/* More than this does not wait as long as its reader takes some. */
	SPOOL_EASE_MAX = 1024 * 1024,
	/* No answer that is kept as a whole is longer, be it of a million flows. */
	ANSWER_MAX = 64 * 1024 * 1024,
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
	int out_fd; /* negative: all of it stays in the spool */
	int err_fd;
	int error; /* errno of the first write that failed; 0: none */
	client_sink_fn sink; /* NULL: it goes to the spool */
	void *sink_ctx;
	int64_t limit_ms; /* the daemon has so long for all of it, or (`renews`) for each piece; 0: for ever */
	bool renews;
	int64_t until_ms; /* monotonic: then the time is over, ETIMEDOUT */
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

/* A reader who is fast enough for it keeps what waits small; who is not is not waited for. */
static void
spool_ease(struct copy *c)
{
	struct pollfd pfd = {.fd = c->out_fd, .events = POLLOUT};

	while (c->out_fd >= 0 && c->error == 0 && c->spool.tail - c->spool.head > SPOOL_EASE_MAX &&
	    poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLOUT))
		spool_write(c, PIECE_MAX);
}

static void
spool_add(struct copy *c, const void *data, size_t len)
{
	struct spool *s = &c->spool;

	if (s->head > 0 && len > s->cap - s->tail && s->head >= s->tail - s->head) {
		memmove(s->data, s->data + s->head, s->tail - s->head);
		s->tail -= s->head;
		s->head = 0;
	}
	if (c->out_fd < 0 && len > ANSWER_MAX - s->tail) {
		c->error = EMSGSIZE;
		return;
	}
	if (len > s->cap - s->tail) {
		size_t cap = s->cap * 2 > s->tail + len ? s->cap * 2 : s->tail + len;
		char *more = realloc(s->data, cap);

		if (more == NULL) {
			/* Then the slow way. */
			if (c->out_fd < 0) {
				c->error = ENOMEM;
				return;
			}
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
	if (type == CTL_FRAME_OUT && c->sink != NULL)
		c->sink(c->sink_ctx, data, len);
	else if (type == CTL_FRAME_OUT)
		spool_add(c, data, len);
	else
		write_all(c->err_fd, data, len);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The daemon has its whole time again. */
static void
begin_limit(struct copy *c)
{
	c->until_ms = now_ms() + c->limit_ms;
}

/* Milliseconds that are left, as poll() wants them. */
static int
time_left(const struct copy *c)
{
	int64_t left = c->until_ms - now_ms();

	if (c->limit_ms == 0)
		return -1;
	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* `why` for a daemon that has taken the request and says nothing; the kernel knows who listens. */
static void
say_silent(int fd, char *why, size_t why_len)
{
	struct ucred daemon = {.pid = 0};
	socklen_t len = sizeof(daemon);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &daemon, &len) == 0 && daemon.pid > 0)
		snprintf(why, why_len, "conntrackd (pid %d) has not answered in time: it is stopped, or hangs",
		    (int)daemon.pid);
	else
		snprintf(why, why_len, "conntrackd has not answered in time: it is stopped, or hangs");
}

/* Returns a connected descriptor or a negative errno value. */
static int
client_connect(const char *path, int left_ms)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	/* Bounds connect() against a daemon that hangs. */
	struct timeval limit = {.tv_sec = CLIENT_CONNECT_S_MAX};
	int fd, r = 0;

	if (left_ms >= 0 && left_ms < CLIENT_CONNECT_S_MAX * 1000)
		limit = (struct timeval){.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000 + 1};

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
	bool waiting = copy->out_fd >= 0 && copy->spool.tail > 0;
	struct pollfd fds[2] = {
	    {.fd = fd, .events = POLLIN},
	    {.fd = waiting ? copy->out_fd : -1, .events = POLLOUT},
	};
	int n;

	n = poll(fds, 2, time_left(copy));
	if (n == 0)
		copy->error = ETIMEDOUT;
	if (n <= 0)
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
		if (copy->renews)
			begin_limit(copy);
		if (reader != NULL)
			ctl_reader_feed(reader, buf, (size_t)n, copy_frame, copy);
		else
			copy_frame(copy, CTL_FRAME_OUT, buf, (size_t)n);
		spool_ease(copy);
	}
	if (copy->out_fd >= 0)
		spool_write(copy, SIZE_MAX);
	return total;
}

size_t
client_request(uint8_t out[CLIENT_REQUEST_MAX], uint32_t number, const struct client_words *words)
{
	uint32_t header[2] = {number, words != NULL ? (uint32_t)words->len : 0};

	memcpy(out, header, sizeof(header));
	if (words == NULL)
		return sizeof(header[0]);
	memcpy(out + sizeof(header), words->bytes, words->len);
	return sizeof(header) + words->len;
}

/* One request and its answer; `reader` as in client_copy().  Bytes that came, -1 with `why` set if
 * that failed. */
static ssize_t
client_ask(const char *path, uint32_t number, const struct client_words *words,
    struct ctl_reader *reader, struct copy *copy, char *why, size_t why_len)
{
	uint8_t request[CLIENT_REQUEST_MAX];
	size_t len = client_request(request, number, words);
	ssize_t r;
	int fd;

	begin_limit(copy);
	fd = client_connect(path, time_left(copy));
	if (fd < 0) {
		snprintf(why, why_len,
		    "can't connect to %s: %s: is conntrackd running? appropriate permissions?",
		    path, strerror(-fd));
		return -1;
	}
	if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
		snprintf(why, why_len, "can't send the request: %s", strerror(errno));
		r = -1;
		goto out;
	}
	r = client_copy(fd, reader, copy);
	if (copy->error != 0) {
		if (copy->error == ETIMEDOUT)
			say_silent(fd, why, why_len);
		else if (copy->error == EMSGSIZE)
			snprintf(why, why_len, "the answer is too long");
		else if (copy->error != EPIPE)
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

/*
 * One request in frames.  What the daemon gives as exit code, or -1 with `why` set or, if it hung up without a
 * word, empty.
 */
static int
client_framed(const char *path, uint32_t number, const struct client_words *words, struct copy *copy,
    char *why, size_t why_len)
{
	struct ctl_reader reader = {0};
	ssize_t r;

	why[0] = '\0';
	signal(SIGPIPE, SIG_IGN);
	r = client_ask(path, number | CTL_FRAMED, words, &reader, copy, why, why_len);
	if (r <= 0)
		return r < 0 ? 1 : -1;
	if (reader.done)
		return reader.exit_code;
	snprintf(why, why_len, "%s",
	    reader.bad ? "the answer makes no sense: is this the same conntrackd?"
		       : "conntrackd closed the connection before the end");
	return 1;
}

int
client_run(const char *path, uint32_t request, int out_fd, int err_fd, char *why, size_t why_len)
{
	static const char older[] =
	    "conntrackd: an older daemon is running, which does not say whether it did as told\n";
	struct copy copy = {.out_fd = out_fd, .err_fd = err_fd};
	int exit_code = client_framed(path, request, NULL, &copy, why, why_len);

	if (exit_code < 0) {
		/* It hangs up on what it does not know, and takes the same numbers without a frame. */
		exit_code = 1;
		if (client_ask(path, request, NULL, NULL, &copy, why, why_len) >= 0) {
			write_all(err_fd, older, sizeof(older) - 1);
			exit_code = 0;
		}
	}
	free(copy.spool.data);
	return exit_code;
}

static int
ask_verb(const char *path, const struct client_words *words, struct copy *copy, char *why, size_t why_len)
{
	int exit_code = client_framed(path, CTL_VERB, words, copy, why, why_len);

	if (exit_code < 0) {
		snprintf(why, why_len, "the daemon that is running does not know `%s': it is an older one",
		    words->bytes);
		exit_code = 1;
	} else if (copy->error != 0 && copy->error != EPIPE && why[0] == '\0') {
		snprintf(why, why_len, "the answer: %s", strerror(copy->error));
		exit_code = 1;
	}
	return exit_code;
}

int
client_verb_run(const char *path, const struct client_words *words, int out_fd, int err_fd, int64_t limit_ms,
    char *why, size_t why_len)
{
	struct copy copy = {.out_fd = out_fd, .err_fd = err_fd, .limit_ms = limit_ms, .renews = true};
	int exit_code = ask_verb(path, words, &copy, why, why_len);

	free(copy.spool.data);
	return exit_code;
}

int
client_verb_stream(const char *path, const struct client_words *words, int err_fd, int64_t limit_ms,
    client_sink_fn sink, void *ctx, char *why, size_t why_len)
{
	struct copy copy = {.out_fd = -1, .err_fd = err_fd, .sink = sink, .sink_ctx = ctx, .limit_ms = limit_ms,
	    .renews = true};

	return ask_verb(path, words, &copy, why, why_len);
}

int
client_verb(const char *path, const struct client_words *words, int err_fd, int64_t limit_ms,
    struct client_answer *out, char *why, size_t why_len)
{
	struct copy copy = {.out_fd = -1, .err_fd = err_fd, .limit_ms = limit_ms};
	int exit_code = ask_verb(path, words, &copy, why, why_len);

	*out = (struct client_answer){.data = copy.spool.data, .len = copy.spool.tail};
	return exit_code;
}

bool
client_word(struct client_words *w, const char *word)
{
	size_t len = strlen(word) + 1;

	if (len > sizeof(w->bytes) - w->len)
		return false;
	memcpy(w->bytes + w->len, word, len);
	w->len += len;
	return true;
}
