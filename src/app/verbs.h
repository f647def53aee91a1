/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs.h: what the daemon does for `conntrackd VERB'.
 *
 * A verb's answer is one JSON document on the client's stdout, with a newline; errors are lines on its
 * stderr.  What a person sees of it is made by the client (src/console).
 */
#ifndef APP_VERBS_H
#define APP_VERBS_H

#include "json.h"
#include "state.h"

/* The words of a verb: its name first. */
struct verb_call {
	struct daemon *d;
	struct ctl_client *client;
	struct ctl_job *job;
};

/* Is this one of the arguments? */
bool verb_has(const struct verb_call *v, const char *word);
/* What follows "NAME=" in one of the arguments; NULL if none begins so. */
const char *verb_value(const struct verb_call *v, const char *name);

/* Sends the document that was written to `t` and ends the answer; an error if it did not fit. */
void verb_answer(const struct verb_call *v, const struct text *t, int exit_code);
/* Ends the answer with a line on stderr, and 1. */
void verb_fail(const struct verb_call *v, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* requests.c hands over: CTL_VERB, and when its client has room for more. */
void verbs_request(struct daemon *d, struct ctl_client *c, struct ctl_job *job);
void verbs_more(struct daemon *d, struct ctl_client *c, struct ctl_job *job);

/* inspect.c */
void answer_doctor(const struct verb_call *v);
void more_doctor(const struct verb_call *v);

/* status.c */
void answer_status(const struct verb_call *v);
/* "none", "asked", ... */
const char *status_resync_name(enum resync_view resync);

/* debug.c */
void answer_log(const struct verb_call *v);
/* The members of object "log". */
void debug_write(struct json *j, const struct daemon *d, ms_t now);

/* trace.c */
void answer_trace(const struct verb_call *v);
void more_trace(const struct verb_call *v);

/* check.c */
void answer_check(const struct verb_call *v);
void more_check(const struct verb_call *v);

/* promote.c */
void answer_promote(const struct verb_call *v);
void answer_demote(const struct verb_call *v);

/* flows.c */
void answer_flows(const struct verb_call *v);
void more_flows(const struct verb_call *v);
void answer_expectations(const struct verb_call *v);
void more_expectations(const struct verb_call *v);

/* record.c */
void answer_history(const struct verb_call *v);
void more_history(const struct verb_call *v);
/* One entry of the flight recorder, as an element of an array. */
void history_write(struct json *j, const struct history_entry *e, uint64_t number);

#endif
