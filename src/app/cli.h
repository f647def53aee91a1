/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h: the command line.
 *
 * The scanner is pure: it reads no file and prints nothing.  See conntrackd(8) for what it accepts.
 */
#ifndef APP_CLI_H
#define APP_CLI_H

#include <stdio.h>

#include "ctl_proto.h"

enum cli_role {
	CLI_DAEMON_FOREGROUND, /* no command at all */
	CLI_DAEMON_BACKGROUND, /* -d */
	CLI_CLIENT,
	CLI_VERB, /* console_main() takes the rest */
	CLI_HELP,
	CLI_VERSION,
};

enum { CLI_WARNINGS_MAX = 2, CLI_ERROR_MAX = 160 };

struct cli_request {
	enum cli_role role;
	const char *config_path; /* default, or borrowed from argv */
	uint32_t request;        /* CLI_CLIENT: enum ctl_request */
	int verb;                /* CLI_VERB: where in argv it is */
	const char *warnings[CLI_WARNINGS_MAX]; /* static texts, without newline */
	size_t warnings_count;
	/* When the scan failed: */
	char error[CLI_ERROR_MAX]; /* without newline */
	bool show_usage;           /* the usage text belongs on stdout before it */
};

extern const char cli_config_default[];

/* Scans argv[1..argc).  False with error and show_usage set if it makes no sense. */
bool cli_scan(struct cli_request *out, int argc, char *const argv[]);

void cli_print_usage(FILE *out, const char *version);
void cli_print_version(FILE *out, const char *version);

#endif
