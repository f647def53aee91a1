/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.h: the client side of the control socket.
 */
#ifndef CONSOLE_CLIENT_H
#define CONSOLE_CLIENT_H

#include "ctl_proto.h"

/* The words of a verb; begins as zeros. */
struct client_words {
	char bytes[CTL_WORDS_MAX];
	size_t len;
};

/* Adds one; false if it does not fit. */
bool client_word(struct client_words *w, const char *word);

enum { CLIENT_REQUEST_MAX = 2 * sizeof(uint32_t) + CTL_WORDS_MAX };

/* A request as bytes: its number, and of a verb its words, which are NULL otherwise.  How many there are. */
size_t client_request(uint8_t out[CLIENT_REQUEST_MAX], uint32_t number, const struct client_words *words);

/*
 * Sends one request to the daemon on the UNIX socket `path`, copies its output to the descriptors
 * out_fd and err_fd as it arrives, and returns the exit code the daemon gives.  Waits as long as
 * the daemon works on the request.  Returns 1 if there is no such code; then `why` says why, or is
 * empty if nobody reads out_fd any more.  Sets SIGPIPE to be ignored.
 */
int client_run(const char *path, uint32_t request, int out_fd, int err_fd, char *why, size_t why_len);

struct client_answer {
	char *data; /* the caller's to free(); NULL if there is nothing */
	size_t len;
};

/* Takes what comes of an answer, piece by piece. */
typedef void (*client_sink_fn)(void *ctx, const void *data, size_t len);

/*
 * The same for a verb of this conntrackd's, whose output goes to `sink` as it arrives.  A daemon that is silent
 * for limit_ms is an error, unless that is 0.
 */
int client_verb_stream(const char *path, const struct client_words *words, int err_fd, int64_t limit_ms,
    client_sink_fn sink, void *ctx, char *why, size_t why_len);

/* The same, but the output is kept, of at most 64 MiB; all of it has to be here after limit_ms. */
int client_verb(const char *path, const struct client_words *words, int err_fd, int64_t limit_ms,
    struct client_answer *out, char *why, size_t why_len);

/* The same, but the output goes through, of any length, as with client_run(). */
int client_verb_run(const char *path, const struct client_words *words, int out_fd, int err_fd, int64_t limit_ms,
    char *why, size_t why_len);

#endif
