/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_ask.h: a question to the daemon that nobody waits for: its asker has a screen to look after.
 */
#ifndef CONSOLE_TOP_ASK_H
#define CONSOLE_TOP_ASK_H

#include <jansson.h>

#include "ctl_proto.h"

enum top_asked { TOP_ASK_WAITING, TOP_ASK_ANSWERED, TOP_ASK_FAILED };

struct top_ask {
	int fd; /* to be polled for input while it is not negative */
	struct ctl_reader reader;
	char *data; /* the answer so far */
	size_t len, cap;
	bool too_long;
	char why[128];
};

/* Begins as nothing asked. */
void top_ask_init(struct top_ask *a);

/* Asks the daemon on the socket `path`; `argument` may be NULL.  TOP_ASK_FAILED, with `why`, if there is none; nothing is open then. */
enum top_asked top_ask_begin(struct top_ask *a, const char *path, const char *verb,
    const char *argument);

/* Takes in what has come.  An answer is in *doc, the caller's.  Unless it waits, nothing is open any more. */
enum top_asked top_ask_step(struct top_ask *a, json_t **doc);

/* Gives up what was asked. */
void top_ask_end(struct top_ask *a);

#endif
