/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs.c: which verb is whose, and what all of them need.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

enum { VERB_ERROR_MAX = 256 };

struct verb {
	const char *name;
	void (*begin)(const struct verb_call *v);
	void (*more)(const struct verb_call *v); /* NULL: its answer is one piece */
};

static const struct verb verbs[] = {
    {"check", answer_check, more_check},
    {"demote", answer_demote, NULL},
    {"doctor", answer_doctor, more_doctor},
    {"expectations", answer_expectations, more_expectations},
    {"flows", answer_flows, more_flows},
    {"history", answer_history, more_history},
    {"log", answer_log, NULL},
    {"promote", answer_promote, NULL},
    {"status", answer_status, NULL},
    {"trace", answer_trace, more_trace},
};

static const struct verb *
find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* ---- arguments ---- */

static const char *
next_argument(const struct verb_call *v, const char *word)
{
	return ctl_words_next(v->job->words, v->job->words_len, word != NULL ? word : v->job->words);
}

bool
verb_has(const struct verb_call *v, const char *word)
{
	for (const char *w = NULL; (w = next_argument(v, w)) != NULL;) {
		if (strcmp(w, word) == 0)
			return true;
	}
	return false;
}

const char *
verb_value(const struct verb_call *v, const char *name)
{
	size_t len = strlen(name);

	for (const char *w = NULL; (w = next_argument(v, w)) != NULL;) {
		if (strncmp(w, name, len) == 0 && w[len] == '=')
			return w + len + 1;
	}
	return NULL;
}

/* ---- answers ---- */

void
verb_answer(const struct verb_call *v, const struct text *t, int exit_code)
{
	bool fits = !t->overflow;

	for (size_t at = 0; fits && at < t->len; at += CTL_CHUNK_MAX) {
		size_t left = t->len - at;

		fits = ctl_out(v->client, t->start + at, left < CTL_CHUNK_MAX ? left : CTL_CHUNK_MAX);
	}
	if (fits)
		ctl_finish(v->client, exit_code);
	else
		verb_fail(v, "the answer is too long");
}

void
verb_fail(const struct verb_call *v, const char *fmt, ...)
{
	char text[VERB_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctl_err(v->client, "%s", text);
	ctl_finish(v->client, 1);
}

/* ---- hand-over ---- */

void
verbs_request(struct daemon *d, struct ctl_client *c, struct ctl_job *job)
{
	const struct verb *verb = find(job->words);
	struct verb_call v = {.d = d, .client = c, .job = job};

	/* ctl.c lets through what ctl_verb_find() knows; both lists are the same. */
	if (verb == NULL)
		verb_fail(&v, "`%.64s' is not built in", job->words);
	else
		verb->begin(&v);
}

void
verbs_more(struct daemon *d, struct ctl_client *c, struct ctl_job *job)
{
	const struct verb *verb = find(job->words);
	struct verb_call v = {.d = d, .client = c, .job = job};

	if (verb != NULL && verb->more != NULL)
		verb->more(&v);
	else
		ctl_finish(c, 1);
}
