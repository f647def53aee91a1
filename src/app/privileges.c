/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privileges.c: what a daemon keeps of its privileges once everything is open, and what it cannot do without
 * the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "confine.h"
#include "state.h"

enum { PORT_FREE_MIN = 1024, HELD_MAX = 256 };

static bool
has_low_port(const struct config *cfg)
{
	for (size_t i = 0; i < cfg->links_count; i++) {
		if (cfg->links[i].port < PORT_FREE_MIN)
			return true;
	}
	return false;
}

/* Up to Linux 5.6 binding a socket to an interface takes CAP_NET_RAW. */
static bool
binds_as_root(void)
{
	struct utsname name;

	return uname(&name) == 0 && confine_kernel_before(name.release, 5, 7);
}

/*
 * Links are made anew when their interface comes back, with all that this takes.  Scheduler takes effect at once
 * when the file is read again, so who has asked for it keeps what changing it takes; who has not can ask for
 * it with the next start.
 */
static unsigned int
what_to_keep(const struct config *cfg)
{
	unsigned int keep = CONFINE_NET_ADMIN;

	if (has_low_port(cfg))
		keep |= CONFINE_NET_BIND_SERVICE;
	if (cfg->links_count > 0 && binds_as_root())
		keep |= CONFINE_NET_RAW;
	if (cfg->sched_asked)
		keep |= CONFINE_SYS_NICE;
	return keep;
}

/*
 * Root may open whatever it wants to only with capabilities that are gone now.  What will fail is said while
 * somebody looks, and not at the next log rotation.
 */
static void
check_access(struct daemon *d, const char *what, const char *path, int mode)
{
	if (path != NULL && eaccess(path, mode) != 0)
		log_write(d->log, LOG_LV_WARNING,
		    "%s `%s' is open, but could not be opened again: %s; a reload will fail to: let it "
		    "belong to the user that the daemon runs as",
		    what, path, strerror(errno));
}

static void
check_files(struct daemon *d)
{
	const struct config *c = d->cfg;

	check_access(d, "configuration", d->cfg_path, R_OK);
	check_access(d, "logfile", c->has_log_file ? c->log_file : NULL, W_OK);
	check_access(d, "logfile", d->stats_log != NULL && c->stats_has_log ? c->stats_log : NULL,
	    W_OK);
}

void
privileges_drop(struct daemon *d)
{
	char held[HELD_MAX];
	const char *step;
	int calls, r = confine_capabilities(what_to_keep(d->cfg), &step);

	if (r < 0)
		log_write(d->log, LOG_LV_WARNING, "can't give up privileges (%s): %s", step,
		    strerror(-r));
	check_files(d);
	confine_held(held, sizeof(held));
	calls = confine_calls();
	/* Whoever built it so has decided so. */
	if (calls < 0 && calls != -ENOSYS)
		log_write(d->log, LOG_LV_WARNING, "system calls are not restricted: %s",
		    strerror(-calls));
	if (calls < 0)
		log_write(d->log, LOG_LV_NOTICE,
		    "confined to capabilities %s; system calls are not restricted", held);
	else
		log_write(d->log, LOG_LV_NOTICE, "confined to capabilities %s and %d system calls",
		    held, calls);
}
