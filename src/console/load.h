/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.h: the configuration file, from its name to struct config and to an open log.
 */
#ifndef APP_LOAD_H
#define APP_LOAD_H

#include "config.h"
#include "log.h"

/*
 * Reads and parses the file.  What is wrong with it is logged with file, line and column; warnings only
 * if `warnings` asks for them and there are no errors: they are for who starts or reloads the daemon,
 * not for every client command of a script.  False if there are errors: then *cfg must not be used.
 */
bool load_config(struct config *cfg, const char *path, struct log *log, bool warnings);

/* Reads a whole file, of at most 1 MiB; a terminated buffer for free(), or NULL with errno set. */
char *load_file(const char *path, size_t *len);

/* What is in force where the file says nothing and config_defaults() leaves it open. */
void load_defaults(struct config *cfg);

/* Opens what the configuration names in place of what was open, so that a daemon that cannot start says
 * so there too.  False if that fails (logged): then the log is as it was. */
bool load_log(const struct config *cfg, struct log *log);

#endif
