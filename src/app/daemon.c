/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "state.h"
#include "lock.h"

/* ---- reading the kernel table ---- */

static void
read_start(struct daemon *d, ms_t now)
{
	int r;

	if (d->read_wanted == 0 || d->read_active != 0)
		return;
	/*
	 * Events that wait are older than the dump would be, and would be taken for news after it.  What
	 * was queued before a loss ends by itself; on a busy firewall the rest may not, nor may losses.
	 */
	if (d->events_left && (d->overrun_left > 0 || d->read_waits++ < READ_WAITS_MAX))
		return;
	d->read_waits = 0;
	d->read_active = d->read_wanted;
	d->read_wanted = 0;
	d->read_error = 0;
	d->read_began = now;
	r = ctnl_dump_start(d->ctnl);
	if (r < 0) {
		report_read_failed(d, r);
		return;
	}
	d->dump_open = true;
	node_kernel_read_begin(d->node, d->read_active & (READ_OVERRUN | READ_POLL), now);
}

/* What was read from the kernel and goes to the node together. */
struct gathered {
	struct daemon *d;
	ms_t now;
	void (*give)(struct node *n, const struct kernel_event *evs, size_t count, ms_t now);
	size_t count;
	struct kernel_event evs[GATHERED_MAX];
};

static void
give_gathered(struct gathered *g)
{
	g->give(g->d->node, g->evs, g->count, g->now);
	g->count = 0;
}

static void
gather(void *ctx, const struct kernel_event *ev)
{
	struct gathered *g = ctx;

	g->evs[g->count++] = *ev;
	if (g->count == GATHERED_MAX)
		give_gathered(g);
}

static void
read_step(struct daemon *d, ms_t now)
{
	struct gathered g = {.d = d, .now = now, .give = node_kernel_read_found};
	int r = ctnl_dump_read(d->ctnl, DUMP_READS_PER_TURN, gather, &g);

	give_gathered(&g);

	if (r > 0)
		return;
	/* After the flows, without which they mean nothing. */
	if (r == 0 && d->cfg->node.expects > 0 && !d->dump_expects) {
		d->dump_expects = true;
		r = ctnl_dump_expects_start(d->ctnl);
		if (r == 0)
			return;
	}
	d->dump_expects = false;
	d->dump_open = false;
	/* -EINTR: read to the end, but the table changed shape and flows may be missing. */
	if (r < 0 && r != -EINTR)
		d->read_error = r;
	/* The notice that follows ends this read, not one that would begin in between. */
	node_kernel_read_end(d->node, r == 0, now);
}

/* ---- events ---- */

/* A line of statistics merges what the node knows before this event: all earlier ones go to it first. */
static void
on_event_to_log(void *ctx, const struct kernel_event *ev)
{
	struct gathered *g = ctx;

	stats_log_event(g->d, ev);
	gather(g, ev);
	give_gathered(g);
}

static void
grow_buffer(struct daemon *d, ms_t now)
{
	uint32_t before = ctnl_rcvbuf(d->ctnl);

	if (ctnl_rcvbuf_grow(d->ctnl)) {
		log_event(d, HISTORY_BUFFER, LOG_LV_NOTICE,
		    "netlink event socket buffer size has been %s to %u bytes",
		    ctnl_rcvbuf(d->ctnl) == 2 * before ? "doubled" : "increased",
		    ctnl_rcvbuf(d->ctnl));
		history_add(d, HISTORY_BUFFER, "the event buffer has grown from %u to %u bytes", before,
		    ctnl_rcvbuf(d->ctnl));
		return;
	}
	d->growth_overruns++;
	if (d->growth_told.ms != 0 && ms_since(now, d->growth_told) < GROWTH_TOLD_MS)
		return;
	log_event(d, HISTORY_BUFFER, LOG_LV_WARNING,
	    "netlink event socket buffer size cannot be doubled further since it will exceed "
	    "NetlinkBufferSizeMaxGrowth (%u bytes now); events were lost %llu times since this was "
	    "last said",
	    ctnl_rcvbuf(d->ctnl), (unsigned long long)d->growth_overruns);
	history_add(d, HISTORY_BUFFER,
	    "the event buffer of %u bytes can grow no more (NetlinkBufferSizeMaxGrowth)",
	    ctnl_rcvbuf(d->ctnl));
	d->growth_told = now;
	d->growth_overruns = 0;
}

static void
read_events(struct daemon *d, ms_t now)
{
	struct gathered g = {.d = d, .now = now, .give = node_kernel_events};
	unsigned int limit = d->cfg->event_iteration_limit;
	int r = ctnl_read_events(d->ctnl, limit, d->stats_log != NULL ? on_event_to_log : gather, &g);

	give_gathered(&g);

	/* A loss while what was queued before another is read puts off nothing: it is read for anew. */
	if (r == -ENOBUFS && d->overrun_left == 0)
		d->overrun_left = ctnl_rcvbuf(d->ctnl) / EVENT_SIZE_MIN + 1;
	else
		d->overrun_left -= d->overrun_left < limit ? d->overrun_left : limit;
	if (r == -ENOBUFS) {
		d->overrun_last = now;
		grow_buffer(d, now);
		node_kernel_overrun(d->node, now);
		pace_lost(&d->pace, d->turn_us);
	}
	d->events_left = r == -ENOBUFS || r >= (int)limit;
	d->taken += r > 0 ? (unsigned int)r : 0;
}

/* ---- writes to the kernel ---- */

static void
write_kernel(struct daemon *d, ms_t now)
{
	static const size_t batch = CTNL_BATCH_MAX;
	struct kernel_op ops[CTNL_BATCH_MAX];
	struct kernel_result results[CTNL_BATCH_MAX];
	size_t n = 0;

	while (n < batch && node_pull_kernel_op(d->node, &ops[n], now))
		n++;
	if (n == 0)
		return;
	ctnl_write(d->ctnl, ops, n, results);
	now = loop_now();
	for (size_t i = 0; i < n; i++)
		stats_log_vanished(d, &ops[i], &results[i], now);
	/* The event socket gets its turn in between. */
	d->more_kernel_work = true;
}

/* ---- the turn ---- */

static void
handle_signals(struct daemon *d)
{
	int sig;

	for (int i = 0; i < LOOP_SIGNALS_MAX && (sig = loop_signal(&d->loop)) != 0; i++) {
		switch (sig) {
		case SIGTERM:
		case SIGINT:
			d->stopping = true;
			break;
		case SIGHUP:
			reload(d);
			break;
		case SIGUSR1:
			report_counters(d);
			break;
		default:
			break;
		}
	}
}

static void
handle_timers(struct daemon *d, ms_t now)
{
	if (ms_reached(now, d->overrun_read_at)) {
		d->overrun_read_at = MS_NEVER;
		d->overrun_read_last = now;
		want_read(d, READ_OVERRUN);
	}
	if (ms_reached(now, d->purge_at)) {
		d->purge_at = MS_NEVER;
		if (role_may_purge(d))
			want_read(d, READ_PURGE);
	}
	if (ms_reached(now, d->poll_at)) {
		d->poll_at = ms_add(now, (int64_t)d->cfg->poll_s * 1000);
		want_read(d, READ_POLL);
	}
	if (ms_reached(now, d->watchdog_at)) {
		notify_send(&d->notify, "WATCHDOG=1");
		d->watchdog_at = ms_add(now, d->notify.watchdog_ms);
	}
	if (ms_reached(now, node_deadline(d->node)))
		node_tick(d->node, now);
	gatekeeper_step(d, now);
	debug_expire(d, now);
	role_step(d, now);
	links_check(d, now);
	vrrp_check(d, now);
}

static ms_t
next_deadline(const struct daemon *d, ms_t now)
{
	ms_t at = node_deadline(d->node);

	if (d->more_kernel_work || (d->read_wanted != 0 && d->read_active == 0) ||
	    d->drain_until.ms != MS_NEVER.ms)
		return now;
	/* While the link is full nothing can leave: no need to ask the node every moment. */
	if (links_wait(d) && at.ms <= now.ms)
		at = ms_add(now, 1);
	at = ms_earlier(at, ctl_deadline(d->ctl));
	at = ms_earlier(at, links_deadline(d));
	at = ms_earlier(at, vrrp_deadline(d));
	at = ms_earlier(at, d->overrun_read_at);
	at = ms_earlier(at, trace_deadline(d));
	at = ms_earlier(at, d->poll_at);
	at = ms_earlier(at, d->debug.until);
	at = ms_earlier(at, d->watchdog_at);
	at = ms_earlier(at, gatekeeper_deadline(d));
	at = ms_earlier(at, d->role.look_at);
	return ms_earlier(at, d->purge_at);
}

const char *
daemon_status(const struct daemon *d)
{
	return d->cfg->has_stats ? "Collecting statistics" : "Replicating";
}

/* Commands are answered and the table is read: whoever started us may go on. */
static void
become_ready(struct daemon *d)
{
	const char zero = 0;

	log_event(d, HISTORY_READY, LOG_LV_NOTICE, "initialization completed");
	history_add(d, HISTORY_READY, "initialization completed: %u flows in the kernel's table",
	    node_table_view(d->node, TABLE_LOCAL).active);
	if (d->cfg->startup_resync)
		node_command(d->node, CMD_REQUEST_RESYNC, loop_now());
	notify_send(&d->notify, "READY=1\nMAINPID=%d\nSTATUS=%s", (int)getpid(), daemon_status(d));
	if (d->cfg->poll_s != 0)
		d->poll_at = ms_add(loop_now(), (int64_t)d->cfg->poll_s * 1000);
	if (d->notify.watchdog_ms > 0)
		d->watchdog_at = loop_now();
	if (d->ready_fd >= 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		log_write(d->log, LOG_LV_NOTICE, "-- starting in daemon mode --");
		log_detach(d->log);
		for (int fd = 0; null >= 0 && fd <= 2; fd++)
			dup2(null, fd);
		if (null > 2)
			close(null);
		if (write(d->ready_fd, &zero, 1) != 1)
			log_write(d->log, LOG_LV_WARNING, "the starting process is gone");
		close(d->ready_fd);
		d->ready_fd = -1;
	} else {
		log_write(d->log, LOG_LV_NOTICE, "-- starting in console mode --");
	}
}

static void
take_notices(struct daemon *d)
{
	struct notice note;
	bool was_ready = d->ready;

	while (node_pull_notice(d->node, &note))
		report_notice(d, &note);
	if (d->ready && !was_ready)
		become_ready(d);
}

/* Waits until there is something to do; all descriptors and deadlines are gathered anew. */
static void
wait_for_work(struct daemon *d)
{
	int64_t deadline_us = ms_to_us(next_deadline(d, loop_now()));

	loop_begin(&d->loop);
	/* No read of the table begins while events wait: then it has to be known whether they do. */
	d->gathers = pace_gathers(&d->pace, loop_now_us()) && d->read_wanted == 0 &&
	    d->drain_until.ms == MS_NEVER.ms;
	d->events_gather = d->gathers && ctnl_rcvbuf(d->ctnl) >= PACE_BUFFER_MIN;
	d->event_index =
	    d->events_gather ? -1 : loop_add(&d->loop, ctnl_event_fd(d->ctnl), POLLIN);
	d->dump_index = d->dump_open ? loop_add(&d->loop, ctnl_dump_fd(d->ctnl), POLLIN) : -1;
	links_prepare(d);
	ctl_prepare(d->ctl, &d->loop);
	vrrp_prepare(d);
	if (d->gathers && d->pace.until_us < deadline_us)
		deadline_us = d->pace.until_us;
	loop_wait_us(&d->loop, deadline_us);
	d->turn_us = loop_now_us();
	d->gathered = d->gathers && !pace_gathers(&d->pace, d->turn_us);
}

/* What comes in by itself: events and datagrams. */
static void
read_all(struct daemon *d, ms_t now)
{
	d->taken = 0;
	d->datagrams_left = false;
	/* What gathers may be events: nobody has looked. */
	d->events_left = d->events_gather && !d->gathered;
	if (d->events_gather ? d->gathered : loop_events(&d->loop, d->event_index) != 0)
		read_events(d, now);
	if (!d->events_left)
		d->overrun_left = 0;
	if (loop_events(&d->loop, d->dump_index))
		read_step(d, now);
	links_receive(d, now);
	if (!d->gathers || d->gathered)
		pace_taken(&d->pace, d->turn_us, d->taken, d->events_left || d->datagrams_left);
}

static void
turn(struct daemon *d)
{
	ms_t now;

	wait_for_work(d);
	d->more_kernel_work = false;
	now = loop_now();

	handle_signals(d);
	read_all(d, now);
	check_drained(d, now);
	ctl_dispatch(d->ctl, &d->loop, now);
	vrrp_receive(d, now);
	handle_timers(d, now);
	read_start(d, now);
	write_kernel(d, now);
	links_send(d, now);
	take_notices(d);
	trace_turn(d, now);
}

/* ---- start and stop ---- */

void
daemon_review(struct daemon *d, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_write(d->log, LOG_LV_ERROR,
	    "%s; conntrackd cannot start, please review your configuration", why);
}

static bool
open_lock(struct daemon *d)
{
	const char *path = d->cfg->lock_file;
	bool stale = false;
	int owner = 0;

	d->lock_fd = lock_take(path, &owner, &stale);
	if (d->lock_fd == -EEXIST) {
		log_write(d->log, LOG_LV_ERROR,
		    "lockfile `%s' exists, perhaps conntrackd already running? (pid %d)", path,
		    owner);
		return false;
	}
	if (d->lock_fd < 0) {
		daemon_review(d, "can't create lockfile `%s': %s", path, strerror(-d->lock_fd));
		return false;
	}
	/* Older conntrackds hold no lock: their file is just there, also while they live. */
	if (stale && owner == 0 && ctl_is_answered(d->cfg->unix_path)) {
		close(d->lock_fd);
		d->lock_fd = -1;
		log_write(d->log, LOG_LV_ERROR,
		    "lockfile `%s' exists, and another conntrackd answers on `%s': stop it first",
		    path, d->cfg->unix_path);
		return false;
	}
	if (stale)
		log_write(d->log, LOG_LV_NOTICE,
		    "lockfile `%s' was left behind by a daemon that is gone", path);
	lock_write_pid(d->lock_fd);
	return true;
}

/* The group of the control socket's readers, by name or by number. */
static bool
find_group(struct daemon *d, gid_t *group)
{
	const char *name = d->cfg->unix_group;
	struct group *found;
	unsigned int number;
	char rest;

	*group = CTL_NO_GROUP;
	if (name[0] == '\0')
		return true;
	found = getgrnam(name);
	if (found != NULL)
		*group = found->gr_gid;
	else if (sscanf(name, "%9u%c", &number, &rest) == 1)
		*group = number;
	else
		daemon_review(d, "there is no group `%s', which UNIX Group names", name);
	return *group != CTL_NO_GROUP;
}

static bool
open_ctl(struct daemon *d)
{
	struct ctl_ops ops = requests_ops(d);
	gid_t group;
	int r;

	if (!find_group(d, &group))
		return false;
	r = ctl_open(&d->ctl, d->cfg->unix_path, group, &ops);
	if (r == 0)
		return true;
	if (r == -EADDRINUSE)
		log_write(d->log, LOG_LV_ERROR,
		    "can't open unix socket `%s': another daemon answers on it", d->cfg->unix_path);
	else
		daemon_review(d, "can't open unix socket `%s'%s%s: %s", d->cfg->unix_path,
		    group != CTL_NO_GROUP ? " for Group " : "", d->cfg->unix_group, strerror(-r));
	return false;
}

/*
 * Who disables a cache expects no limit but the kernel's.  We keep book of what we have told and
 * written all the same: room for it costs nothing until it is used.
 */
static void
raise_limit(const struct config *c, struct node_cfg *cfg)
{
	uint32_t max = c->disable_internal || c->disable_external ? ctnl_flows_max() : 0;

	if (max > NODE_LIMIT_MAX)
		max = NODE_LIMIT_MAX;
	if (max > cfg->limit)
		cfg->limit = max;
}

static bool
open_node(struct daemon *d)
{
	struct node_cfg cfg = d->cfg->node;

	raise_limit(d->cfg, &cfg);
	cfg.links = (uint8_t)d->cfg->links_count;
	cfg.one_peer = d->cfg->links[0].transport != TRANSPORT_MULTICAST;
	for (size_t i = 0; i < d->cfg->links_count; i++) {
		if (d->cfg->links[i].is_default)
			cfg.link_default = (uint8_t)i;
	}

	if (getrandom(cfg.secret, sizeof(cfg.secret), 0) != (ssize_t)sizeof(cfg.secret) ||
	    getrandom(&cfg.first_seq, sizeof(cfg.first_seq), 0) != (ssize_t)sizeof(cfg.first_seq)) {
		log_write(d->log, LOG_LV_ERROR, "can't get random numbers: %s", strerror(errno));
		return false;
	}
	d->node_mem_size = node_size(&cfg);
	/* Pages that are never touched are never there. */
	d->node_mem = mmap(NULL, d->node_mem_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (d->node_mem == MAP_FAILED) {
		d->node_mem = NULL;
		daemon_review(d, "can't allocate memory for %u flows: %s", cfg.limit, strerror(errno));
		return false;
	}
	d->node = node_init(d->node_mem, &cfg, loop_now());
	return true;
}

static void
enable_events(struct daemon *d)
{
	int r = ctnl_events_always();

	if (r > 0)
		log_write(d->log, LOG_LV_NOTICE,
		    "net.netfilter.nf_conntrack_events set to 1, so that flows made while this "
		    "daemon is down report their end too");
	else if (r == -ENODATA)
		log_write(d->log, LOG_LV_WARNING,
		    "net.netfilter.nf_conntrack_events is 0: the kernel reports nothing, nothing "
		    "will be replicated");
	else if (r < 0)
		log_write(d->log, LOG_LV_WARNING,
		    "can't set net.netfilter.nf_conntrack_events to 1: %s; flows made while this "
		    "daemon is down may never report their end",
		    strerror(-r));
}

static bool
open_ctnl(struct daemon *d)
{
	struct ctnl_cfg cfg = {
	    .rcvbuf = d->cfg->netlink_rcvbuf,
	    .rcvbuf_max = d->cfg->netlink_rcvbuf_max,
	    .expects = d->cfg->node.expects > 0,
	    .reliable = d->cfg->netlink_reliable,
	    .no_events = d->cfg->poll_s != 0,
	    /* What -F ends is in the statistics, too. */
	    .own_events = d->cfg->has_stats,
	};
	int r = ctnl_open(&d->ctnl, &cfg);

	if (r < 0) {
		log_write(d->log, LOG_LV_ERROR, "can't open netlink socket: %s%s", strerror(-r),
		    r == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
		return false;
	}
	if (cfg.no_events) {
		log_write(d->log, LOG_LV_NOTICE, "running in polling mode");
		apply_filter(d, d->cfg);
		return true;
	}
	log_write(d->log, LOG_LV_NOTICE,
	    "netlink event socket buffer size has been set to %u bytes", ctnl_rcvbuf(d->ctnl));
	apply_filter(d, d->cfg);
	if (cfg.reliable)
		log_write(d->log, LOG_LV_NOTICE, "reliable ctnetlink event delivery is ENABLED.");
	enable_events(d);
	return true;
}

static bool
open_all(struct daemon *d)
{
	int r;

	if (!open_lock(d))
		return false;
	if (d->cfg->sched_priority != 0)
		apply_scheduler(d, d->cfg);
	helpers_warn(d);
	r = loop_init(&d->loop);
	if (r < 0) {
		log_write(d->log, LOG_LV_ERROR, "can't set up signals: %s", strerror(-r));
		return false;
	}
	/* The node before what feeds it; the table is read only after its events are subscribed to. */
	if (stats_log_open(d, d->cfg) != 0 || !open_ctl(d) || !open_node(d) || !open_ctnl(d) ||
	    !links_open(d) || !vrrp_open(d))
		return false;
	gatekeeper_start(d);
	return true;
}

/* The order matters to who waits for the end: first all is gone, then the client hears of it. */
static void
close_all(struct daemon *d)
{
	if (d->ctl != NULL)
		ctl_stop_listening(d->ctl);
	if (d->lock_fd >= 0)
		lock_release(d->lock_fd, d->cfg->lock_file);
	links_close(d);
	gatekeeper_stop(d);
	vrrp_close(d);
	if (d->ctnl != NULL)
		ctnl_close(d->ctnl);
	requests_answer(d, WAIT_STOP, 0, NULL);
	requests_answer(d, WAIT_COMMIT, 1, "the daemon is stopping");
	requests_answer(d, WAIT_READ, 1, "the daemon is stopping");
	requests_answer(d, WAIT_SHOW, 1, "the daemon is stopping");
	requests_answer(d, WAIT_FLUSH, 1, "the daemon is stopping");
	requests_answer(d, WAIT_DRAIN, 1, "the daemon is stopping");
	for (int i = 0; d->ctl != NULL && i < SHUTDOWN_TURNS; i++) {
		loop_begin(&d->loop);
		ctl_prepare(d->ctl, &d->loop);
		loop_wait(&d->loop, ms_add(loop_now(), 1));
		ctl_dispatch(d->ctl, &d->loop, loop_now());
	}
	if (d->ctl != NULL)
		ctl_close(d->ctl);
	if (d->node_mem != NULL)
		munmap(d->node_mem, d->node_mem_size);
	loop_close(&d->loop);
	notify_close(&d->notify);
}

int
daemon_run(const struct config *cfg, const char *path, struct log *log, int ready_fd)
{
	static struct daemon d;

	d = (struct daemon){
	    .cfg = cfg,
	    .cfg_path = path,
	    .log = log,
	    .lock_fd = -1,
	    .link_watch = -1,
	    .vrrp = {.fd = -1, .index = -1, .check_at = MS_NEVER},
	    .ready_fd = ready_fd,
	    .loop = {.signal_fd = -1},
	    .overrun_read_at = MS_NEVER,
	    .purge_at = MS_NEVER,
	    .debug = {.until = MS_NEVER},
	    .drain_until = MS_NEVER,
	    .poll_at = MS_NEVER,
	    .watchdog_at = MS_NEVER,
	    .role = {.look_at = MS_NEVER},
	    .gatekeeper = {.retry_at = MS_NEVER, .opens_at = MS_NEVER},
	    .notify = {.fd = -1},
	};
	d.started = d.role.since = loop_now();
	history_add(&d, HISTORY_START, "conntrackd " VERSION " started, pid %d", (int)getpid());
	if (cfg->systemd)
		notify_open(&d.notify);
	if (cfg->disable_internal)
		log_write(log, LOG_LV_NOTICE, "disabling internal cache");
	if (cfg->disable_external)
		log_write(log, LOG_LV_NOTICE, "disabling external cache");
	if (open_all(&d)) {
		/* Before anything is looked at that comes from elsewhere. */
		privileges_drop(&d);
		want_read(&d, READ_START);
		while (!d.stopping)
			turn(&d);
		if (!d.failed)
			log_write(log, LOG_LV_NOTICE, "---- shutdown received ----");
	} else {
		d.failed = true;
		d.stopping = true;
	}
	notify_send(&d.notify, "STOPPING=1\nSTATUS=Stopping");
	close_all(&d);
	log_close(d.stats_log);
	free(d.cfg_own);
	return d.failed ? 1 : 0;
}
