/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h: the composition root: one node, its adapters, and the turn that joins them.
 */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include "config.h"
#include "log.h"

/*
 * Runs a daemon with this configuration until it is told to stop.  *cfg and *log stay the caller's;
 * `path`, absolute, is where it reads the configuration again when it is told to.
 * With `ready_fd` not negative, one zero byte is written to it (and the terminal let go) as soon as
 * commands are answered and the kernel table is read.  Returns the exit code of the process.
 */
int daemon_run(const struct config *cfg, const char *path, struct log *log, int ready_fd);

#endif
