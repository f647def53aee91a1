/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrackd metrics: numbers for a time series database, in a file or on stdout.  The listener is a program of its
 * own (src/exporter).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "exec.h"
#include "metrics.h"

enum { EXPORTER_ARGS_MAX = 8 };

static int
listen_there(struct console *c, const char *where, bool any_address)
{
	const char *args[EXPORTER_ARGS_MAX] = {"conntrackd-exporter", "-C", c->config_path, "--listen", where};
	int error;

	if (any_address)
		args[5] = "--any-address";
	error = exec_program(args[0], (char *const *)args);
	if (error == ENOENT)
		console_error(c, "metrics: %s is neither beside conntrackd nor in %s: is it installed?", args[0],
		    exec_directory);
	else
		console_error(c, "metrics: can't run %s: %s", args[0], strerror(error));
	return CONSOLE_FAILED;
}

/* The format that was asked for, or what goes with the file; false if there is none such. */
static bool
choose_format(const char *name, const char *file, enum metrics_format *format)
{
	static const char ending[] = ".prom";
	size_t len = file != NULL ? strlen(file) : 0;
	bool is_prom = len > sizeof(ending) - 1 && strcmp(file + len - (sizeof(ending) - 1), ending) == 0;

	if (name == NULL)
		name = is_prom ? "prometheus" : "openmetrics";
	*format = strcmp(name, "prometheus") == 0 ? METRICS_PROMETHEUS : METRICS_OPENMETRICS;
	return *format == METRICS_PROMETHEUS || strcmp(name, "openmetrics") == 0;
}

/* Takes fd.  0 or an errno. */
static int
write_part(int fd, const json_t *doc, enum metrics_format format)
{
	FILE *out = fdopen(fd, "w");
	int error;

	if (out == NULL) {
		error = errno;
		close(fd);
		return error;
	}
	metrics_write(out, doc, format);
	/* The numbers are of no use to whoever cannot read them: the collector is another user. */
	error = fflush(out) != 0 || fchmod(fd, 0644) != 0 ? errno : 0;
	if (fclose(out) != 0 && error == 0)
		error = errno;
	return error;
}

/*
 * Who reads `path` gets the old text or the new one, and never half of it: it is written under another name
 * in the same directory first, at which the collector does not look.
 */
static bool
write_file(struct console *c, const char *path, const json_t *doc, enum metrics_format format)
{
	char part[PATH_MAX];
	int error = ENAMETOOLONG, fd;

	if ((size_t)snprintf(part, sizeof(part), "%s.XXXXXX", path) < sizeof(part)) {
		fd = mkostemp(part, O_CLOEXEC);
		error = fd >= 0 ? write_part(fd, doc, format) : errno;
		if (error == 0 && rename(part, path) != 0)
			error = errno;
		if (error != 0 && fd >= 0)
			unlink(part);
	}
	if (error != 0)
		console_error(c, "metrics: can't write %s: %s", path, strerror(error));
	return error == 0;
}

int
verb_metrics(struct console *c)
{
	const char *listen = console_value(c, "listen"), *file = console_value(c, "output");
	const char *name = console_value(c, "format");
	bool any_address = console_flag(c, "any-address");
	enum metrics_format format;
	json_t *doc;
	int code;

	if (!console_args(c, 0, 0))
		return CONSOLE_FAILED;
	if (listen != NULL ? file != NULL || name != NULL || c->json
			   : any_address || (c->json && (file != NULL || name != NULL))) {
		console_error(c, "metrics: these options do not go together");
		return CONSOLE_FAILED;
	}
	if (!choose_format(name, file, &format)) {
		console_error(c, "metrics: no such format: %s", name);
		return CONSOLE_FAILED;
	}
	if (listen != NULL)
		return listen_there(c, listen, any_address);
	code = console_ask_word(c, "status", NULL, &doc);
	/* A daemon that does not answer is a metric, too: an old file would say that all is well. */
	if (c->json && doc != NULL)
		console_print_json(doc);
	else if (!c->json && file != NULL)
		code = write_file(c, file, doc, format) ? code : CONSOLE_FAILED;
	else if (!c->json)
		metrics_write(stdout, doc, format);
	json_decref(doc);
	return code;
}
