/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	CTL_BACKLOG = 100,
	CTL_ACCEPTS_PER_TURN = 16,
	/* What the owner is asked for: by one client, and by all of them, so that a crowd delays the turn no
	 * more than a few do. */
	CTL_CHUNKS_PER_TURN = 4,
	CTL_CHUNKS_IN_ALL = 8,
	CTL_ERR_TEXT_MAX = 512,
	/* Kept free for the exit frame, so that an answer can always be finished. */
	CTL_EXIT_ROOM = CTL_FRAME_HEADER + 1,
	/* A number; of a verb also the length of its words, and these. */
	CTL_NUMBER_SIZE = sizeof(uint32_t),
	CTL_VERB_HEADER = 2 * CTL_NUMBER_SIZE,
};

enum client_state {
	CLIENT_REQUEST, /* the request is not complete */
	CLIENT_ANSWER,  /* the owner has it */
	CLIENT_FINISHED /* close when all is written */
};

struct ctl_client {
	int fd;
	int poll_index; /* in this turn's set, -1 if not in it */
	enum client_state state;
	bool framed;
	bool reads_only; /* it may not command */
	bool delivered; /* the owner knows it */
	bool want_more;
	bool dead;
	bool timed; /* `since` is valid */
	ms_t since; /* CLIENT_REQUEST: accepted; later: when the client last took output */
	char in[CTL_VERB_HEADER + CTL_WORDS_MAX];
	size_t in_have;
	struct ctl_job job;
	size_t head, tail; /* out[head..tail) waits to be written */
	uint8_t out[CTL_OUT_MAX + CTL_EXIT_ROOM];
};

struct ctl {
	int fd;
	int poll_index;
	bool paused; /* no accepting before resume_at */
	ms_t resume_at;
	struct sockaddr_un addr;
	bool has_group;
	dev_t dev; /* identity of the socket we bound */
	ino_t ino;
	struct ctl_ops ops;
	struct ctl_counters counters;
	int chunks_left; /* of CTL_CHUNKS_IN_ALL in this turn */
	size_t first;    /* who comes first, another one in each turn */
	size_t count;
	struct ctl_client *clients[CTL_CLIENTS_MAX]; /* oldest first */
};

/* ---- the listening socket ---- */

/* Does anybody answer on the socket?  0: no, it is a leftover. */
static int
probe_socket(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		err = errno;
	close(fd);
	switch (err) {
	case ECONNREFUSED:
	case ENOENT:
		return 0;
	case 0:
	case EAGAIN:     /* its backlog is full */
	case EPROTOTYPE: /* a datagram socket in use */
		return -EADDRINUSE;
	default:
		return -err;
	}
}

bool
ctl_is_answered(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (!path[0] || strlen(path) >= sizeof(addr.sun_path))
		return false;
	memcpy(addr.sun_path, path, strlen(path));
	return probe_socket(&addr) == -EADDRINUSE;
}

/*
 * Makes the name free to bind.  lstat() and unlink() look at the name itself: a symbolic link is
 * not followed, it is something that is not a socket.
 */
static int
clear_path(const struct sockaddr_un *addr)
{
	struct stat st;
	int r;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	r = probe_socket(addr);
	if (r != 0)
		return r;
	if (unlink(addr->sun_path) != 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Binds with its mode from the first moment on; bind() does not follow a symbolic link either. */
static int
bind_with_mode(int fd, const struct sockaddr_un *addr, mode_t mode)
{
	mode_t old = umask(0777 & ~mode);
	int r = bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ? 0 : -errno;

	umask(old);
	return r;
}

/*
 * Gives the socket to a group.  Who can rename in its directory may have put something else there since it was
 * bound: what changes is what was looked at, and that is a socket of ours that nobody has a second name for.
 */
static int
give_to_group(const char *path, gid_t group)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		r = -errno;
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
		r = -EPERM;
	else if (st.st_gid != group && fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) != 0)
		r = -errno;
	close(fd);
	return r;
}

/* The listening socket, with all its rights before the first client can connect. */
static int
open_listener(struct ctl *c, gid_t group)
{
	const char *path = c->addr.sun_path;
	struct stat st;
	int r;

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	r = bind_with_mode(c->fd, &c->addr, c->has_group ? 0660 : 0600);
	if (r != 0)
		return r;
	if (c->has_group)
		r = give_to_group(path, group);
	if (r == 0 && (listen(c->fd, CTL_BACKLOG) != 0 || lstat(path, &st) != 0))
		r = -errno;
	if (r != 0) {
		unlink(path);
		return r;
	}
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	return 0;
}

int
ctl_open(struct ctl **out, const char *path, gid_t group, const struct ctl_ops *ops)
{
	struct ctl *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fd = -1;
	c->poll_index = -1;
	c->ops = *ops;
	c->has_group = group != CTL_NO_GROUP;
	c->addr.sun_family = AF_UNIX;
	r = path[0] ? -ENAMETOOLONG : -EINVAL;
	if (!path[0] || strlen(path) >= sizeof(c->addr.sun_path))
		goto fail;
	memcpy(c->addr.sun_path, path, strlen(path));
	r = clear_path(&c->addr);
	if (r == 0)
		r = open_listener(c, group);
	if (r != 0)
		goto fail;
	*out = c;
	return 0;
fail:
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return r;
}

static void
client_free(struct ctl *c, struct ctl_client *cl)
{
	if (cl->delivered && c->ops.gone)
		c->ops.gone(c->ops.ctx, cl, &cl->job);
	close(cl->fd);
	free(cl);
}

void
ctl_stop_listening(struct ctl *c)
{
	struct stat st;

	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	c->poll_index = -1;
	/* Somebody may have put another socket in our place meanwhile: that one stays. */
	if (lstat(c->addr.sun_path, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino)
		unlink(c->addr.sun_path);
}

void
ctl_close(struct ctl *c)
{
	if (!c)
		return;
	ctl_stop_listening(c);
	for (size_t i = 0; i < c->count; i++)
		client_free(c, c->clients[i]);
	free(c);
}

const struct ctl_counters *
ctl_counters(const struct ctl *c)
{
	return &c->counters;
}

/* ---- output ---- */

static size_t
out_used(const struct ctl_client *cl)
{
	return cl->tail - cl->head;
}

/* Do we wait for the client to take something?  poll() calls a socket full long before send() does,
 * so an owner with more to say can wait while our buffer is empty. */
static bool
client_waits(const struct ctl_client *cl)
{
	return out_used(cl) > 0 || cl->want_more;
}

/* Appends; the caller has checked that the bytes fit into `out` as a whole. */
static void
out_append(struct ctl_client *cl, const void *data, size_t len)
{
	if (len > sizeof(cl->out) - cl->tail) {
		memmove(cl->out, cl->out + cl->head, out_used(cl));
		cl->tail -= cl->head;
		cl->head = 0;
	}
	ASSERT(len <= sizeof(cl->out) - cl->tail);
	memcpy(cl->out + cl->tail, data, len);
	cl->tail += len;
}

static bool
out_frame(struct ctl_client *cl, enum ctl_frame type, const void *data, size_t len)
{
	uint8_t header[CTL_FRAME_HEADER];
	size_t room = CTL_OUT_MAX - out_used(cl);

	if (cl->state != CLIENT_ANSWER)
		return false;
	if (len == 0)
		return true;
	if (room < sizeof(header) || len > room - sizeof(header))
		return false;
	if (cl->framed) {
		ctl_frame_write(header, type, len);
		out_append(cl, header, sizeof(header));
	}
	out_append(cl, data, len);
	return true;
}

bool
ctl_out(struct ctl_client *c, const void *data, size_t len)
{
	return out_frame(c, CTL_FRAME_OUT, data, len);
}

bool
ctl_err(struct ctl_client *c, const char *fmt, ...)
{
	char text[CTL_ERR_TEXT_MAX];
	va_list ap;
	int n;

	if (!c->framed)
		return c->state == CLIENT_ANSWER;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return false;
	if ((size_t)n > sizeof(text) - 2)
		n = (int)sizeof(text) - 2;
	text[n++] = '\n';
	return out_frame(c, CTL_FRAME_ERR, text, (size_t)n);
}

void
ctl_want_more(struct ctl_client *c)
{
	if (c->state == CLIENT_ANSWER)
		c->want_more = true;
}

void
ctl_finish(struct ctl_client *c, int exit_code)
{
	uint8_t frame[CTL_EXIT_ROOM];

	if (c->state != CLIENT_ANSWER)
		return;
	if (c->framed) {
		ctl_frame_write(frame, CTL_FRAME_EXIT, 1);
		frame[CTL_FRAME_HEADER] = (uint8_t)exit_code;
		out_append(c, frame, sizeof(frame));
	}
	c->want_more = false;
	c->state = CLIENT_FINISHED;
}

/* Writes what the client takes.  True if it took anything. */
static bool
client_flush(struct ctl_client *cl)
{
	bool progress = false;

	while (out_used(cl) > 0) {
		ssize_t n = send(cl->fd, cl->out + cl->head, out_used(cl),
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				cl->dead = true;
			break;
		}
		cl->head += (size_t)n;
		progress = true;
	}
	if (out_used(cl) == 0)
		cl->head = cl->tail = 0;
	return progress;
}

/* One turn of the owner.  True if it produced something. */
static bool
client_ask(struct ctl *c, struct ctl_client *cl)
{
	size_t before = out_used(cl);

	if (cl->state != CLIENT_ANSWER || !cl->want_more || !c->ops.more)
		return false;
	if (CTL_OUT_MAX - before < CTL_CHUNK_MAX + CTL_FRAME_HEADER || c->chunks_left == 0)
		return false;
	c->chunks_left--;
	c->ops.more(c->ops.ctx, cl, &cl->job);
	if (cl->state == CLIENT_FINISHED)
		return true;
	if (out_used(cl) == before) {
		/* Nothing to say for now; asking again at once would only burn time. */
		cl->want_more = false;
		return false;
	}
	return true;
}

/* Moves output from the owner to the socket, a bounded amount. */
static void
client_pump(struct ctl *c, struct ctl_client *cl, ms_t now)
{
	bool progress = client_flush(cl);

	for (int i = 0; i < CTL_CHUNKS_PER_TURN && !cl->dead && client_ask(c, cl); i++)
		progress |= client_flush(cl);
	if (progress)
		cl->since = now;
	if (cl->state == CLIENT_FINISHED && out_used(cl) == 0)
		cl->dead = true;
}

/* ---- input ---- */

static uint32_t
client_number(const struct ctl_client *cl, size_t i)
{
	uint32_t number;

	memcpy(&number, cl->in + i * sizeof(number), sizeof(number));
	return number;
}

/* How many bytes the request has, as far as they are known: a verb's words follow its header. */
static size_t
client_request_size(const struct ctl_client *cl)
{
	if (cl->in_have < CTL_NUMBER_SIZE ||
	    (client_number(cl, 0) & ~(uint32_t)CTL_FRAMED) != CTL_VERB)
		return CTL_NUMBER_SIZE;
	if (cl->in_have < CTL_VERB_HEADER || client_number(cl, 1) > CTL_WORDS_MAX)
		return CTL_VERB_HEADER;
	return CTL_VERB_HEADER + client_number(cl, 1);
}

/* Takes the words of a verb; false if there are none that make sense. */
static bool
client_take_words(struct ctl_client *cl)
{
	size_t len = client_number(cl, 1);

	if (len > CTL_WORDS_MAX || !ctl_words_valid(cl->in + CTL_VERB_HEADER, len))
		return false;
	cl->job.words = cl->in + CTL_VERB_HEADER;
	cl->job.words_len = len;
	return true;
}

static bool
client_may(const struct ctl_client *cl, uint32_t number, const struct ctl_verb *verb)
{
	return !cl->reads_only || (verb != NULL ? verb->reads : ctl_request_reads(number));
}

static void
client_deliver(struct ctl *c, struct ctl_client *cl)
{
	uint32_t number = client_number(cl, 0);
	const struct ctl_verb *verb = NULL;

	cl->framed = number & CTL_FRAMED;
	number &= ~(uint32_t)CTL_FRAMED;
	cl->state = CLIENT_ANSWER;
	if (number == CTL_VERB && client_take_words(cl))
		verb = ctl_verb_find(cl->job.words);
	if (!ctl_request_known(number) || (number == CTL_VERB && verb == NULL)) {
		c->counters.unknown_request++;
		if (cl->job.words != NULL)
			ctl_err(cl, "unknown request `%.64s'", cl->job.words);
		else
			ctl_err(cl, "unknown request %u", number);
		ctl_finish(cl, 1);
		return;
	}
	if (!client_may(cl, number, verb)) {
		c->counters.not_permitted++;
		ctl_err(cl, "not permitted: only root and the user that the daemon runs as may command");
		ctl_finish(cl, 1);
		return;
	}
	cl->job.request = number;
	cl->delivered = true;
	c->ops.request(c->ops.ctx, cl, &cl->job);
}

/* Reads the request; what a client sends after it is never looked at. */
static void
client_read(struct ctl *c, struct ctl_client *cl)
{
	ssize_t n = recv(cl->fd, cl->in + cl->in_have, client_request_size(cl) - cl->in_have,
	    MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->counters.read_failed++;
		cl->dead = true;
		return;
	}
	cl->in_have += (size_t)n;
	/* The end of one part may say that there is another. */
	if (cl->in_have == client_request_size(cl))
		client_deliver(c, cl);
}

static void
client_serve(struct ctl *c, struct ctl_client *cl, short events, ms_t now)
{
	bool fresh = false;

	if (cl->state == CLIENT_REQUEST && events != 0) {
		client_read(c, cl);
		fresh = cl->state != CLIENT_REQUEST;
	} else if (events & (POLLHUP | POLLERR | POLLNVAL)) {
		/* Hung up in both directions; a client that only ends its sending side stays. */
		cl->dead = true;
	}
	if (!cl->dead && (fresh || (cl->state != CLIENT_REQUEST && (events & POLLOUT))))
		client_pump(c, cl, now);
}

/* ---- limits ---- */

/* Keeps the stopwatch of waiting output right and sends away who is over time. */
static void
client_check_time(struct ctl *c, struct ctl_client *cl, ms_t now)
{
	int64_t limit = cl->state == CLIENT_REQUEST ? CTL_REQUEST_MS_MAX : CTL_STALL_MS_MAX;

	if (cl->state != CLIENT_REQUEST) {
		bool waits = client_waits(cl);

		if (waits && !cl->timed)
			cl->since = now;
		cl->timed = waits;
	}
	if (!cl->dead && cl->timed && ms_since(now, cl->since) >= limit) {
		c->counters.timed_out++;
		cl->dead = true;
	}
}

static void
remove_dead(struct ctl *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (c->clients[i]->dead)
			client_free(c, c->clients[i]);
		else
			c->clients[kept++] = c->clients[i];
	}
	if (kept < c->count)
		c->paused = false;
	c->count = kept;
}

/*
 * All places are taken: sends away the client that has longest sent no request or else has longest
 * taken no output.  False if none of them is overdue.
 */
static bool
make_room(struct ctl *c, ms_t now)
{
	struct ctl_client *victim = NULL;

	for (size_t i = 0; i < c->count; i++) {
		struct ctl_client *cl = c->clients[i];
		bool silent = cl->state == CLIENT_REQUEST;

		if (!cl->timed || ms_since(now, cl->since) < CTL_EVICT_MS_MIN)
			continue;
		if (victim && (victim->state == CLIENT_REQUEST) == silent &&
		    cl->since.ms >= victim->since.ms)
			continue;
		if (victim && victim->state == CLIENT_REQUEST && !silent)
			continue;
		victim = cl;
	}
	if (!victim)
		return false;
	c->counters.refused++;
	victim->dead = true;
	remove_dead(c);
	return true;
}

/* Who it is; false if that is not known. */
static bool
ask_who(int fd, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) == 0 && len == sizeof(*peer);
}

/* Without a group the mode of the socket has told already.  NULL: nobody knows who it is. */
static bool
reads_only(const struct ctl *c, const struct ucred *peer)
{
	if (!c->has_group)
		return false;
	return peer == NULL || (peer->uid != 0 && peer->uid != geteuid());
}

static size_t
count_readers(const struct ctl *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += c->clients[i]->reads_only;
	return count;
}

static void
add_client(struct ctl *c, int fd, ms_t now)
{
	struct ucred peer;
	bool known = ask_who(fd, &peer), reader = reads_only(c, known ? &peer : NULL);
	struct ctl_client *cl = NULL;

	if (!reader || count_readers(c) < CTL_READERS_MAX)
		cl = calloc(1, sizeof(*cl));
	if (!cl) {
		c->counters.refused++;
		close(fd);
		return;
	}
	cl->reads_only = reader;
	if (known) {
		cl->job.uid = peer.uid;
		cl->job.pid = peer.pid;
	}
	cl->fd = fd;
	cl->poll_index = -1;
	cl->state = CLIENT_REQUEST;
	cl->timed = true;
	cl->since = now;
	c->clients[c->count++] = cl;
	c->counters.accepted++;
}

/* The socket stays readable while somebody waits in the backlog: look away rather than spin. */
static void
accept_pause(struct ctl *c, ms_t now, int64_t pause_ms)
{
	c->paused = true;
	c->resume_at = ms_add(now, pause_ms);
}

static void
accept_clients(struct ctl *c, ms_t now)
{
	for (int i = 0; i < CTL_ACCEPTS_PER_TURN; i++) {
		int fd;

		if (c->count == CTL_CLIENTS_MAX) {
			/* Only poll() knows whether yet another one waits: nobody is sent away
			 * for a newcomer that may not exist. */
			if (i > 0)
				return;
			if (!make_room(c, now)) {
				accept_pause(c, now, CTL_FULL_PAUSE_MS);
				return;
			}
		}
		fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			add_client(c, fd, now);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			/* Out of descriptors or memory. */
			accept_pause(c, now, CTL_ACCEPT_PAUSE_MS);
			return;
		}
	}
}

/* ---- the turn ---- */

void
ctl_prepare(struct ctl *c, struct loop *l)
{
	c->poll_index = c->paused ? -1 : loop_add(l, c->fd, POLLIN);
	for (size_t i = 0; i < c->count; i++) {
		struct ctl_client *cl = c->clients[i];
		short events = 0;

		if (cl->state == CLIENT_REQUEST)
			events = POLLIN;
		else if (client_waits(cl) || cl->state == CLIENT_FINISHED)
			events = POLLOUT;
		cl->poll_index = loop_add(l, cl->fd, events);
	}
}

void
ctl_dispatch(struct ctl *c, const struct loop *l, ms_t now)
{
	c->chunks_left = CTL_CHUNKS_IN_ALL;
	c->first++;
	for (size_t i = 0; i < c->count; i++) {
		struct ctl_client *cl = c->clients[(c->first + i) % c->count];

		client_serve(c, cl, loop_events(l, cl->poll_index), now);
		client_check_time(c, cl, now);
	}
	remove_dead(c);
	if (c->paused && ms_reached(now, c->resume_at))
		c->paused = false;
	if (loop_events(l, c->poll_index) != 0)
		accept_clients(c, now);
}

ms_t
ctl_deadline(const struct ctl *c)
{
	ms_t first = c->paused ? c->resume_at : MS_NEVER;

	for (size_t i = 0; i < c->count; i++) {
		const struct ctl_client *cl = c->clients[i];

		if (cl->state == CLIENT_REQUEST)
			first = ms_earlier(first, ms_add(cl->since, CTL_REQUEST_MS_MAX));
		else if (cl->timed)
			first = ms_earlier(first, ms_add(cl->since, CTL_STALL_MS_MAX));
		else if (client_waits(cl))
			/* Came between two turns: the next one starts its stopwatch. */
			first = (ms_t){0};
	}
	return first;
}
