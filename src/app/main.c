/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "console.h"
#include "daemon.h"
#include "load.h"

/*
 * The child becomes the daemon; the parent waits until it is ready and takes over its fate, so that
 * `conntrackd -d && conntrackd -c` works.
 */
static int
run_in_background(const struct config *cfg, const char *path, struct log *log)
{
	int fds[2], status = 0;
	char byte = 1;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		log_write(log, LOG_LV_ERROR, "can't go to the background: %s", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		close(fds[0]);
		setsid();
		if (chdir("/") != 0)
			return 1;
		return daemon_run(cfg, path, log, fds[1]);
	}
	close(fds[1]);
	while (read(fds[0], &byte, 1) < 0 && errno == EINTR)
		continue;
	if (byte == 0)
		return 0;
	waitpid(pid, &status, 0);
	return 1;
}

static int
run_daemon(const struct config *cfg, const char *config_path, struct log *log, bool background)
{
	char path[PATH_MAX];
	sigset_t early;
	int code = 1;

	/* The way back to it does not depend on where we are. */
	if (config_path[0] == '/' || getcwd(path, sizeof(path)) == NULL)
		path[0] = '\0';
	else
		strncat(path, "/", sizeof(path) - strlen(path) - 1);
	strncat(path, config_path, sizeof(path) - strlen(path) - 1);

	/* Whoever tells us to reload, too soon, is heard once there is something to reload. */
	sigemptyset(&early);
	sigaddset(&early, SIGHUP);
	sigprocmask(SIG_BLOCK, &early, NULL);
	umask(0177);
	/* A script that starts us wants to hear of trouble only; the log has the rest. */
	if (background)
		log_quieten(log);
	else
		(void)log_open_journal(log, LOG_JOURNAL_PATH);
	if (load_log(cfg, log))
		code = background ? run_in_background(cfg, path, log)
				  : daemon_run(cfg, path, log, -1);
	return code;
}

static int
run_client(const struct config *cfg, struct log *log, uint32_t request)
{
	char why[256];
	int code = client_run(cfg->unix_path, request, STDOUT_FILENO, STDERR_FILENO, why,
	    sizeof(why));

	if (why[0] != '\0')
		log_write(log, LOG_LV_ERROR, "%s", why);
	return code;
}

static int
run_with_config(const struct cli_request *req, struct log *log)
{
	bool client = req->role == CLI_CLIENT;
	struct config *cfg = calloc(1, sizeof(*cfg));
	int code = 1;

	if (cfg == NULL)
		log_write(log, LOG_LV_ERROR, "no memory for the configuration");
	if (cfg == NULL || !load_config(cfg, req->config_path, log, !client))
		goto out;
	if (client)
		code = run_client(cfg, log, req->request);
	else
		code = run_daemon(cfg, req->config_path, log, req->role == CLI_DAEMON_BACKGROUND);
out:
	free(cfg);
	return code;
}

/*
 * Descriptors 0, 1 and 2 are open from here on: if whoever started us has closed one, the next socket
 * would get its number, log lines would be written to it, and going to the background would close it.
 */
static bool
have_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd >= 0 && close(fd) == 0;
}

int
main(int argc, char *argv[])
{
	struct cli_request req;
	struct log *log;
	int code = 0;

	if (!have_standard_fds())
		return 1;
	log = log_open_terminal();
	if (log == NULL) {
		fputs("conntrackd: no memory\n", stderr);
		return 1;
	}
	if (!cli_scan(&req, argc, argv)) {
		if (req.show_usage)
			cli_print_usage(stdout, VERSION);
		fflush(stdout);
		log_write(log, LOG_LV_ERROR, "%s", req.error);
		log_close(log);
		return 1;
	}
	for (size_t i = 0; i < req.warnings_count; i++)
		log_write(log, LOG_LV_WARNING, "%s", req.warnings[i]);
	switch (req.role) {
	case CLI_HELP:
		cli_print_usage(stdout, VERSION);
		break;
	case CLI_VERSION:
		cli_print_version(stdout, VERSION);
		break;
	case CLI_DAEMON_FOREGROUND:
	case CLI_DAEMON_BACKGROUND:
	case CLI_CLIENT:
		code = run_with_config(&req, log);
		break;
	case CLI_VERB:
		code = console_main(argc - req.verb, argv + req.verb, req.config_path, log);
		break;
	}
	log_close(log);
	return code;
}
