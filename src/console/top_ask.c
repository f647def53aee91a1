/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

enum { ANSWER_MAX = 8 * 1024 * 1024, PIECE_SIZE = 16 * 1024, PIECES_MAX = 64 };

void
top_ask_init(struct top_ask *a)
{
	*a = (struct top_ask){.fd = -1};
}

void
top_ask_end(struct top_ask *a)
{
	char why[sizeof(a->why)];

	memcpy(why, a->why, sizeof(why));
	if (a->fd >= 0)
		close(a->fd);
	free(a->data);
	top_ask_init(a);
	memcpy(a->why, why, sizeof(why));
}

static enum top_asked
fail(struct top_ask *a, const char *why)
{
	snprintf(a->why, sizeof(a->why), "%s", why);
	top_ask_end(a);
	return TOP_ASK_FAILED;
}

enum top_asked
top_ask_begin(struct top_ask *a, const char *path, const char *verb, const char *argument)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct client_words words = {.len = 0};
	uint8_t request[CLIENT_REQUEST_MAX];
	size_t len;

	top_ask_end(a);
	a->why[0] = '\0';
	if (strlen(path) >= sizeof(addr.sun_path) || !client_word(&words, verb) ||
	    (argument != NULL && !client_word(&words, argument)))
		return fail(a, strerror(ENAMETOOLONG));
	memcpy(addr.sun_path, path, strlen(path));
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0 || connect(a->fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		return fail(a, errno == EAGAIN ? "it is busy" : strerror(errno));
	len = client_request(request, CTL_VERB | CTL_FRAMED, &words);
	/* So little always fits. */
	if (send(a->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return fail(a, strerror(errno));
	return TOP_ASK_WAITING;
}

static void
keep(void *ctx, enum ctl_frame type, const void *data, size_t len)
{
	struct top_ask *a = ctx;

	if (type == CTL_FRAME_ERR) {
		snprintf(a->why, sizeof(a->why), "%.*s", (int)(len < sizeof(a->why) ? len : sizeof(a->why)),
		    (const char *)data);
		a->why[strcspn(a->why, "\n")] = '\0';
		return;
	}
	if (a->too_long || type != CTL_FRAME_OUT)
		return;
	if (len > a->cap - a->len) {
		size_t cap = a->cap * 2 > a->len + len ? a->cap * 2 : a->len + len;
		char *more = cap <= ANSWER_MAX ? realloc(a->data, cap) : NULL;

		if (more == NULL) {
			a->too_long = true;
			return;
		}
		a->data = more;
		a->cap = cap;
	}
	memcpy(a->data + a->len, data, len);
	a->len += len;
}

/* It has said its last word. */
static enum top_asked
finish(struct top_ask *a, json_t **doc)
{
	if (a->too_long)
		return fail(a, "the answer is too long");
	if (a->len == 0)
		return fail(a, a->why[0] != '\0' ? a->why : "it says nothing");
	*doc = json_loadb(a->data, a->len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*doc)) {
		json_decref(*doc);
		*doc = NULL;
		return fail(a, "the answer makes no sense");
	}
	top_ask_end(a);
	return TOP_ASK_ANSWERED;
}

enum top_asked
top_ask_step(struct top_ask *a, json_t **doc)
{
	char buf[PIECE_SIZE];

	*doc = NULL;
	for (int i = 0; i < PIECES_MAX; i++) {
		ssize_t n = recv(a->fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return TOP_ASK_WAITING;
		if (n < 0)
			return fail(a, strerror(errno));
		if (n == 0)
			return fail(a, a->len > 0 ? "it broke off" : "it hung up: an older daemon?");
		ctl_reader_feed(&a->reader, buf, (size_t)n, keep, a);
		if (a->reader.bad)
			return fail(a, "the answer makes no sense");
		if (a->reader.done)
			return finish(a, doc);
	}
	return TOP_ASK_WAITING;
}
