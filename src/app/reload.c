/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reload.c: SIGHUP: log files are opened anew, and the configuration is read again.  Whatever is wrong
 * with it, the daemon goes on with what it has.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "settings.h"
#include "state.h"

enum { NAMES_MAX = 1024 };

/* ---- what both start and reload do ---- */

static bool
is_scheduled(int policy, int priority)
{
	struct sched_param param;
	int is = sched_getscheduler(0);

	return is >= 0 && (is & ~SCHED_RESET_ON_FORK) == policy && sched_getparam(0, &param) == 0 &&
	    param.sched_priority == priority;
}

void
apply_scheduler(struct daemon *d, const struct config *cfg)
{
	struct sched_param param = {.sched_priority = (int)cfg->sched_priority};
	int policy = cfg->sched_type == SCHED_TYPE_RR ? SCHED_RR : SCHED_FIFO;

	if (cfg->sched_priority == 0)
		policy = SCHED_OTHER;
	/* Whoever started the daemon may have seen to it.  Once it runs it may no longer ask. */
	if (!d->ready && is_scheduled(policy, param.sched_priority))
		return;
	if (sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &param) == 0)
		return;
	/* Whoever did not ask for it may be in a container that has none to give, or get it from a service
	 * manager in a moment; or the privilege to change it was given up, as the file that the daemon
	 * started with does not mention it. */
	if (d->ready)
		log_write(d->log, LOG_LV_WARNING,
		    "Scheduler can't be changed now: %s; it takes effect with the next start",
		    strerror(errno));
	else if (cfg->sched_asked)
		log_write(d->log, LOG_LV_WARNING,
		    "scheduler configuration failed: %s. Continuing with system default scheduler.%s", strerror(errno),
		    errno != EPERM ? "" :
		    " It takes CAP_SYS_NICE; for a service see more-privileges.conf among the examples.");
	else
		log_write(d->log, LOG_LV_INFO, "not scheduled in real time, unless a service manager sees to it: %s",
		    strerror(errno));
}

static bool
has_filter(const struct filter *f)
{
	return f->proto_polarity != FILTER_NONE || f->addr_polarity != FILTER_NONE ||
	    f->state_polarity != FILTER_NONE;
}

void
apply_filter(struct daemon *d, const struct config *cfg)
{
	const struct filter *f = &cfg->node.filter;
	/* A table that is polled the kernel gives as it is. */
	bool in_kernel = cfg->filter_in_kernel && d->cfg->poll_s == 0;
	int r = ctnl_filter_set(d->ctnl, in_kernel ? f : NULL);

	if (r < 0)
		log_write(d->log, LOG_LV_WARNING,
		    "can't attach the filter to the event socket: %s; events are filtered in user "
		    "space",
		    strerror(-r));
	if (!has_filter(f))
		return;
	log_write(d->log, LOG_LV_NOTICE, "using %s event filtering",
	    in_kernel && r >= 0 ? "kernel-space" : "user-space");
	if (r == 1)
		log_write(d->log, LOG_LV_NOTICE,
		    "the filter has more addresses than the kernel takes: they are looked at in "
		    "user space");
}

/* ---- log files ---- */

static void
reopen(struct daemon *d, struct log *log, const char *path, bool has_file)
{
	int r = log_reopen(log);

	if (r < 0)
		log_write(d->log, LOG_LV_ERROR,
		    "can't reopen logfile `%s': %s; the old one stays in use", path, strerror(-r));
	else if (has_file)
		log_write(d->log, LOG_LV_NOTICE, "log file reopened");
}

static void
reopen_logs(struct daemon *d)
{
	reopen(d, d->log, d->cfg->log_file, d->cfg->has_log_file);
	if (d->stats_log != NULL)
		reopen(d, d->stats_log, d->cfg->stats_log, d->cfg->stats_has_log);
}

/* What cannot be opened stays as it was, also in the configuration that is in force. */
static void
apply_logs(struct daemon *d, struct config *cfg)
{
	const struct config *was = d->cfg;

	if ((was->has_log_file != cfg->has_log_file || strcmp(was->log_file, cfg->log_file) != 0 ||
		was->syslog_facility != cfg->syslog_facility) &&
	    !load_log(cfg, d->log)) {
		cfg->has_log_file = was->has_log_file;
		memcpy(cfg->log_file, was->log_file, sizeof(cfg->log_file));
		cfg->syslog_facility = was->syslog_facility;
	}
	if ((was->stats_has_log != cfg->stats_has_log ||
		strcmp(was->stats_log, cfg->stats_log) != 0 ||
		was->stats_facility != cfg->stats_facility) &&
	    stats_log_open(d, cfg) < 0) {
		cfg->stats_has_log = was->stats_has_log;
		memcpy(cfg->stats_log, was->stats_log, sizeof(cfg->stats_log));
		cfg->stats_facility = was->stats_facility;
	}
}

/* ---- the rest ---- */

static void
apply_buffer(struct daemon *d, const struct config *cfg)
{
	uint32_t before = ctnl_rcvbuf(d->ctnl);
	/* A buffer that has grown is not made smaller without need. */
	uint32_t wanted =
	    cfg->netlink_rcvbuf != d->cfg->netlink_rcvbuf ? cfg->netlink_rcvbuf : 0;
	int r = ctnl_rcvbuf_set(d->ctnl, wanted, cfg->netlink_rcvbuf_max);

	if (r < 0)
		log_write(d->log, LOG_LV_ERROR, "can't set the netlink event socket buffer: %s",
		    strerror(-r));
	if (ctnl_rcvbuf(d->ctnl) != before)
		log_write(d->log, LOG_LV_NOTICE,
		    "netlink event socket buffer size has been set to %u bytes",
		    ctnl_rcvbuf(d->ctnl));
}

static void
apply(struct daemon *d, struct config *cfg)
{
	const struct config *was = d->cfg;
	bool filter = settings_filter_changed(was, cfg);

	apply_logs(d, cfg);
	apply_buffer(d, cfg);
	if (was->sched_type != cfg->sched_type || was->sched_priority != cfg->sched_priority)
		apply_scheduler(d, cfg);
	/* The socket's filter first: from the read on that the node will ask for, nothing is missed. */
	if (filter)
		apply_filter(d, cfg);
	node_reconfigure(d->node, &cfg->node, loop_now());
	/* A read that NetlinkOverrunResync has forbidden so far. */
	if (d->read_owed && cfg->overrun_resync_s != 0) {
		d->read_owed = false;
		want_read(d, READ_OVERRUN);
	}
}

/* Takes over what a daemon that runs can take over; *cfg is what is in force from then on. */
static void
take_over(struct daemon *d, struct config *cfg)
{
	char live[NAMES_MAX], later[NAMES_MAX];
	size_t lives, laters;
	bool helpers;

	laters = settings_changed(d->cfg, cfg, false, later, sizeof(later));
	settings_keep(cfg, d->cfg);
	lives = settings_changed(d->cfg, cfg, true, live, sizeof(live));
	helpers = strstr(live, "Helper") != NULL;
	apply(d, cfg);
	d->cfg = cfg;
	free(d->cfg_own);
	d->cfg_own = cfg;
	if (helpers)
		helpers_warn(d);
	log_event(d, HISTORY_RELOAD, LOG_LV_NOTICE, "configuration reloaded: %s%s",
	    lives > 0 ? "changed are " : "nothing has changed", live);
	history_add(d, HISTORY_RELOAD, "configuration reloaded: %s%s",
	    lives > 0 ? "changed are " : "nothing has changed", live);
	if (laters > 0)
		log_write(d->log, LOG_LV_WARNING,
		    "these settings have changed, and take effect with the next start: %s", later);
}

void
reload(struct daemon *d)
{
	struct config *cfg;

	if (d->ready)
		notify_send(&d->notify,
		    "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reading the configuration again",
		    (long long)loop_now_us());
	reopen_logs(d);
	cfg = calloc(1, sizeof(*cfg));
	if (cfg != NULL && load_config(cfg, d->cfg_path, d->log, true)) {
		take_over(d, cfg);
	} else {
		log_event(d, HISTORY_RELOAD_FAILED, LOG_LV_ERROR,
		    "configuration not reloaded%s: the one before stays in force",
		    cfg == NULL ? " for want of memory" : "");
		history_add(d, HISTORY_RELOAD_FAILED,
		    "configuration not reloaded: the one before stays in force");
		free(cfg);
	}
	if (d->ready)
		notify_send(&d->notify, "READY=1\nSTATUS=%s", daemon_status(d));
}
