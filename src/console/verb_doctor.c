/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb_doctor.c: `conntrackd doctor': what about this machine would bite, and what to do about it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "ctl.h"
#include "doctor.h"
#include "load.h"

enum { WHY_MAX = 512 };

struct visit {
	struct facts facts;
	struct findings findings;
	struct config peer;
	struct diags diags;
};

/* ---- asking ---- */

/* A document of the daemon's, NULL if it gives none; says nothing. */
static json_t *
ask_quietly(const struct console *c, const char *verb)
{
	struct client_words words = {.len = 0};
	struct client_answer answer = {.data = NULL};
	char why[WHY_MAX];
	json_error_t error;
	json_t *doc = NULL;

	fflush(stdout);
	if (client_word(&words, verb) &&
	    client_verb(c->cfg->unix_path, &words, -1, c->limit_ms, &answer, why, sizeof(why)) == 0 && answer.len > 0)
		doc = json_loadb(answer.data, answer.len, JSON_REJECT_DUPLICATES, &error);
	free(answer.data);
	return doc;
}

static void
ask_daemon(const struct console *c, struct facts *f)
{
	const char *path = c->cfg->unix_path;
	json_t *status = NULL, *inspected = NULL;

	if (f->socket != FILE_OK)
		return;
	if (access(path, W_OK) != 0 && errno == EACCES) {
		f->daemon_mute = true;
		facts_unknown(f, "the daemon: who may ask it is said by UNIX { Group } (run as root)");
		return;
	}
	status = ask_quietly(c, "status");
	if (status == NULL && !ctl_is_answered(path))
		return;
	if (status == NULL) {
		f->daemon_mute = true;
		facts_unknown(f, "the daemon on %s, which does not answer in words: it is a conntrackd 1.4, or it hangs", path);
		return;
	}
	inspected = ask_quietly(c, "doctor");
	gather_daemon(f, status, inspected);
	json_decref(status);
	json_decref(inspected);
}

static void
sum_of_config(const struct config *cfg, char out[24])
{
	size_t len = config_print(cfg, NULL, 0);
	char *text = malloc(len + 1);

	if (text == NULL)
		return;
	config_print(cfg, text, len + 1);
	config_text_sum(text, out);
	free(text);
}

static void
count_remarks(const struct console *c, struct visit *v)
{
	size_t len = 0;
	char *text = load_file(c->config_path, &len);

	if (text != NULL && config_check(&v->peer, text, len, &v->diags)) {
		for (size_t i = 0; i < v->diags.count; i++)
			v->facts.config_warnings += v->diags.list[i].level == DIAG_WARNING;
	}
	free(text);
}

static void
look(const struct console *c, struct visit *v)
{
	static const char here[] = "";
	struct facts *f = &v->facts;

	facts_init(f);
	f->root = geteuid() == 0;
	snprintf(f->own_version, sizeof(f->own_version), "%s", VERSION);
	sum_of_config(c->cfg, f->own_config_sum);
	count_remarks(c, v);
	gather_kernel(f, here);
	gather_files(f, here, c->cfg, c->config_path);
	gather_keepalived(f, here, &c->cfg->vrrp);
	ask_daemon(c, f);
	gather_helpers(f, here, c->cfg);
	gather_groups(f, here, c->cfg);
	gather_net(f, c->cfg);
	gather_places(f);
	gather_clock(f);
	gather_table(f, c->cfg);
	gather_ruleset(f, c->cfg);
}

/* What the peer's file says; false if it cannot be used. */
static bool
compare(struct console *c, struct visit *v, const char *path)
{
	if (!load_config(&v->peer, path, c->log, false))
		return false;
	judge_peer_config(c->cfg, &v->peer, &v->findings);
	return true;
}

/* ---- telling ---- */

static size_t
count_of(const struct findings *fs, enum severity s)
{
	size_t count = 0;

	for (size_t i = 0; i < fs->count; i++)
		count += finding_severity(fs->list[i].code) == s;
	return count;
}

static void
print_findings(const struct findings *fs)
{
	size_t errors = count_of(fs, SEVERITY_ERROR), warnings = count_of(fs, SEVERITY_WARNING);

	/* What matters most first. */
	for (int s = SEVERITY_ERROR; s >= SEVERITY_NOTE; s--) {
		for (size_t i = 0; i < fs->count; i++) {
			const struct finding *f = &fs->list[i];

			if (finding_severity(f->code) != (enum severity)s)
				continue;
			printf("%-7s  %s: %s\n", severity_name((enum severity)s), finding_name(f->code), f->text);
			if (f->advice[0] != '\0')
				printf("         -> %s\n", f->advice);
		}
	}
	if (fs->left_out > 0)
		printf("and %zu more, for which there was no room\n", fs->left_out);
	printf("%zu error%s, %zu warning%s, %zu note%s%s\n", errors, errors == 1 ? "" : "s", warnings,
	    warnings == 1 ? "" : "s", count_of(fs, SEVERITY_NOTE), count_of(fs, SEVERITY_NOTE) == 1 ? "" : "s",
	    errors + warnings == 0 ? ": nothing that would bite" : "");
}

static json_t *
finding_json(const struct finding *f)
{
	json_t *o = json_object(), *numbers = json_object();

	for (size_t i = 0; i < f->numbers_count; i++)
		json_object_set_new(numbers, f->numbers[i].name, json_integer(f->numbers[i].value));
	json_object_set_new(o, "code", json_string(finding_name(f->code)));
	json_object_set_new(o, "severity", json_string(severity_name(finding_severity(f->code))));
	json_object_set_new(o, "subject", json_string(f->subject));
	json_object_set_new(o, "text", json_string(f->text));
	json_object_set_new(o, "advice", json_string(f->advice));
	json_object_set_new(o, "numbers", numbers);
	return o;
}

static void
print_json(const struct findings *fs, bool daemon)
{
	json_t *doc = json_object(), *list = json_array();

	for (size_t i = 0; i < fs->count; i++)
		json_array_append_new(list, finding_json(&fs->list[i]));
	json_object_set_new(doc, "errors", json_integer((json_int_t)count_of(fs, SEVERITY_ERROR)));
	json_object_set_new(doc, "warnings", json_integer((json_int_t)count_of(fs, SEVERITY_WARNING)));
	json_object_set_new(doc, "notes", json_integer((json_int_t)count_of(fs, SEVERITY_NOTE)));
	json_object_set_new(doc, "left_out", json_integer((json_int_t)fs->left_out));
	json_object_set_new(doc, "daemon", json_boolean(daemon));
	json_object_set_new(doc, "findings", list);
	console_print_json(doc);
	json_decref(doc);
}

int
verb_doctor(struct console *c)
{
	const char *peer = console_value(c, "peer-config");
	struct visit *v;
	int code = CONSOLE_FAILED;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	v = calloc(1, sizeof(*v));
	if (v == NULL) {
		console_error(c, "no memory");
		return CONSOLE_FAILED;
	}
	look(c, v);
	judge(&v->facts, c->cfg, &v->findings);
	if (peer != NULL && !compare(c, v, peer))
		goto out;
	if (peer == NULL && c->cfg->has_sync) {
		struct finding *x = found(&v->findings, FOUND_PEER_NOT_KNOWN, "peer",
		    "what the peer has (its clock, its MTU, its kernel's limits, its configuration) is not told over the link");

		advise_do(x, "conntrackd doctor on the peer, too; conntrackd doctor --peer-config FILE with a copy of its file");
	}
	if (c->json)
		print_json(&v->findings, v->facts.daemon);
	else
		print_findings(&v->findings);
	code = count_of(&v->findings, SEVERITY_ERROR) + count_of(&v->findings, SEVERITY_WARNING) > 0 ? CONSOLE_BUT
											       : CONSOLE_OK;
out:
	free(v);
	return code;
}
