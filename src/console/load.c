/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_SIZE_MAX = 1024 * 1024 };

char *
load_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	char *buf = NULL;
	size_t have = 0;
	ssize_t r = 1;

	if (fd < 0)
		return NULL;
	buf = malloc(CONFIG_SIZE_MAX + 1);
	while (buf != NULL && r > 0 && have < CONFIG_SIZE_MAX) {
		r = read(fd, buf + have, CONFIG_SIZE_MAX - have);
		if (r > 0)
			have += (size_t)r;
	}
	saved = r < 0 ? errno : EFBIG;
	close(fd);
	if (buf == NULL || r != 0) {
		free(buf);
		errno = buf == NULL ? ENOMEM : saved;
		return NULL;
	}
	buf[have] = '\0';
	*len = have;
	return buf;
}

static void
print_diag(struct log *log, const char *path, const struct diag *d)
{
	enum log_level level = d->level == DIAG_ERROR ? LOG_LV_ERROR : LOG_LV_WARNING;

	if (d->line > 0)
		log_write(log, level, "%s:%u:%u: %s", path, d->line, d->col, d->text);
	else
		log_write(log, level, "%s: %s", path, d->text);
}

void
load_defaults(struct config *cfg)
{
	if (cfg->unix_path[0] == '\0')
		snprintf(cfg->unix_path, sizeof(cfg->unix_path), "/var/run/conntrackd.ctl");
}

bool
load_config(struct config *cfg, const char *path, struct log *log, bool warnings)
{
	struct diags *diags = calloc(1, sizeof(*diags));
	size_t len = 0;
	char *text = load_file(path, &len);
	bool ok = false;

	if (text == NULL)
		log_write(log, LOG_LV_ERROR, "can't open config file `%s': %s", path,
		    strerror(errno));
	if (text != NULL && diags == NULL)
		log_write(log, LOG_LV_ERROR, "no memory for config file `%s'", path);
	if (text != NULL && diags != NULL) {
		ok = config_parse(cfg, text, len, diags);
		/* Nothing starts with an error: what is merely odd can wait until that is mended. */
		warnings = warnings && ok;
		for (size_t i = 0; i < diags->count; i++) {
			if (warnings || diags->list[i].level == DIAG_ERROR)
				print_diag(log, path, &diags->list[i]);
		}
		if (diags->errors > diags->count)
			log_write(log, LOG_LV_ERROR, "%s: %zu errors in all", path, diags->errors);
	}
	if (ok)
		load_defaults(cfg);
	free(text);
	free(diags);
	return ok;
}

bool
load_log(const struct config *cfg, struct log *log)
{
	struct log_cfg lc = {
	    .path = cfg->has_log_file ? cfg->log_file : NULL,
	    .syslog_facility = cfg->syslog_facility,
	};
	int r = log_open(log, &lc);

	if (r < 0)
		log_write(log, LOG_LV_ERROR, "can't open logfile `%s'. Reason: %s", cfg->log_file,
		    strerror(-r));
	return r == 0;
}
