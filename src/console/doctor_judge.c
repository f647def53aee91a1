/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_judge.c: what is found in the facts about the kernel's table, this machine, buffers, files and the
 * daemon.  Pure.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

enum {
	FULL_PERCENT = 95,
	FILLING_PERCENT = 80,
	PER_BUCKET_MAX = 8,
	FLOW_BYTES = 125,       /* of a table of ours, IPv6; ARCHITECTURE.md */
	DISK_PERCENT_MIN = 5,
	STARTED_S = 10,         /* after so long a peer should have been heard */
};

static long long
ll(int64_t v)
{
	return (long long)v;
}

/* ---- the kernel's table ---- */

static void
judge_modules(const struct facts *f, struct findings *out)
{
	static const char advice[] =
	    "modprobe %s && cp /usr/share/doc/conntrackd/examples/modules-load.conf /etc/modules-load.d/conntrackd.conf";
	struct finding *x;

	if (f->daemon)
		return;
	if (f->conntrack_max == UNKNOWN) {
		x = found(out, FOUND_CONNTRACK_MISSING, "nf_conntrack",
		    "connection tracking is not loaded: there is nothing to replicate, and settings of "
		    "net.netfilter.* that are made now fail");
		advise_do(x, advice, "nf_conntrack");
		return;
	}
	if (f->module_netlink == 0 || f->module_nfnetlink == 0) {
		const char *which = f->module_netlink == 0 ? "nf_conntrack_netlink" : "nfnetlink";

		x = found(out, FOUND_MODULE_MISSING, which,
		    "the module %s is not loaded: a daemon that may not load modules (SELinux, containers) cannot "
		    "start", which);
		advise_do(x, advice, which);
	}
}

static void
judge_events(const struct facts *f, const struct config *cfg, struct findings *out)
{
	struct finding *x;

	if (f->events != 0 || cfg->poll_s != 0)
		return;
	x = found(out, FOUND_EVENTS_OFF, "net.netfilter.nf_conntrack_events",
	    "net.netfilter.nf_conntrack_events is 0: the kernel reports no flow, nothing is replicated");
	advise_do(x, "sysctl -w net.netfilter.nf_conntrack_events=1 && conntrackd -R");
}

static void
judge_limits(const struct facts *f, const struct config *cfg, struct findings *out)
{
	int64_t limit = cfg->node.limit;
	struct finding *x;

	if (f->conntrack_max <= 0)
		return;
	/* Without a cache it is the kernel's limit that counts. */
	if (limit < f->conntrack_max && !cfg->disable_internal && !cfg->disable_external) {
		x = found(out, FOUND_HASH_LIMIT, "HashLimit",
		    "HashLimit is %lld, net.netfilter.nf_conntrack_max %lld: for %lld flows that the kernel may hold "
		    "there is no room here", ll(limit), ll(f->conntrack_max), ll(f->conntrack_max - limit));
		advise_do(x, "set HashLimit %lld in General, on both nodes, and restart conntrackd", ll(f->conntrack_max));
		finding_number(x, "hash_limit", limit);
		finding_number(x, "conntrack_max", f->conntrack_max);
	} else if (limit > f->conntrack_max) {
		x = found(out, FOUND_TABLE_SMALL, "net.netfilter.nf_conntrack_max",
		    "HashLimit is %lld, net.netfilter.nf_conntrack_max %lld: of a peer with more flows than that a "
		    "takeover leaves out the rest", ll(limit), ll(f->conntrack_max));
		advise_do(x, "sysctl -w net.netfilter.nf_conntrack_max=%lld, if the peer's is as large", ll(limit));
		finding_number(x, "hash_limit", limit);
		finding_number(x, "conntrack_max", f->conntrack_max);
	}
	if (f->conntrack_buckets > 0 && f->conntrack_max / f->conntrack_buckets > PER_BUCKET_MAX) {
		x = found(out, FOUND_BUCKETS_FEW, "net.netfilter.nf_conntrack_buckets",
		    "a full table has %lld flows in each of %lld buckets: each packet and each flow of a commit walks "
		    "them", ll(f->conntrack_max / f->conntrack_buckets), ll(f->conntrack_buckets));
		advise_do(x, "sysctl -w net.netfilter.nf_conntrack_buckets=%lld", ll(f->conntrack_max / 4));
		finding_number(x, "buckets", f->conntrack_buckets);
		finding_number(x, "conntrack_max", f->conntrack_max);
	}
}

static void
judge_fill(const struct facts *f, const struct config *cfg, struct findings *out)
{
	/* What is written through is there already. */
	bool to_come = f->daemon && !cfg->node.write_through;
	int64_t count = f->conntrack_count, max = f->conntrack_max;
	struct finding *x = NULL;

	if (max <= 0 || count < 0)
		return;
	if (count * 100 >= max * FULL_PERCENT)
		x = found(out, FOUND_TABLE_FULL, "net.netfilter.nf_conntrack_max",
		    "the kernel's table holds %lld of %lld flows (%lld %%): new connections are dropped, and what is "
		    "committed is refused", ll(count), ll(max), ll(count * 100 / max));
	else if (count * 100 >= max * FILLING_PERCENT)
		x = found(out, FOUND_TABLE_FILLING, "net.netfilter.nf_conntrack_max",
		    "the kernel's table holds %lld of %lld flows (%lld %%)", ll(count), ll(max),
		    ll(count * 100 / max));
	else if (to_come && count + f->external_flows > max)
		x = found(out, FOUND_TAKEOVER_TOO_LARGE, "net.netfilter.nf_conntrack_max",
		    "the kernel's table holds %lld flows, the external cache %lld; both are more than "
		    "nf_conntrack_max, %lld: a takeover leaves out %lld", ll(count), ll(f->external_flows), ll(max),
		    ll(count + f->external_flows - max));
	if (x == NULL)
		return;
	advise_do(x, "sysctl -w net.netfilter.nf_conntrack_max=%lld, and HashLimit as large on both nodes", ll(max * 2));
	finding_number(x, "count", count);
	finding_number(x, "conntrack_max", max);
	finding_number(x, "external", f->daemon ? f->external_flows : 0);
}

static void
judge_tcp(const struct facts *f, const struct config *cfg, struct findings *out)
{
	struct finding *x;

	if (!cfg->has_sync)
		return;
	if (f->tcp_loose > 0) {
		x = found(out, FOUND_TCP_LOOSE, "net.netfilter.nf_conntrack_tcp_loose",
		    "net.netfilter.nf_conntrack_tcp_loose is %lld: after a takeover a packet in the middle of a "
		    "connection makes an entry without address translation before the replica is there",
		    ll(f->tcp_loose));
		advise_do(x, "sysctl -w net.netfilter.nf_conntrack_tcp_loose=0");
		finding_number(x, "tcp_loose", f->tcp_loose);
	}
	if (cfg->node.tcp_window_tracking && f->tcp_be_liberal == 1) {
		x = found(out, FOUND_WINDOW_TRACKING, "net.netfilter.nf_conntrack_tcp_be_liberal",
		    "TCPWindowTracking is on, but net.netfilter.nf_conntrack_tcp_be_liberal is 1: windows are not "
		    "checked all the same");
		advise_do(x, "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=0, or TCPWindowTracking off");
	}
}

static void
judge_helpers(const struct facts *f, struct findings *out)
{
	struct finding *x;

	for (size_t i = 0; i < f->helpers_count; i++) {
		const struct named_count *h = &f->helpers[i];

		if (h->present != 0 || (h->flows == 0 && !h->configured))
			continue;
		x = found(out, FOUND_HELPER_MISSING, h->name,
		    "%s%s the helper %s, but its module %s is not loaded here: such flows are committed without it, and "
		    "what it would expect is not let in",
		    h->configured ? "the configuration names" : "flows of the peers have",
		    h->configured && h->flows > 0 ? ", and flows of the peers have," : "", h->name, h->module);
		advise_do(x, "modprobe %s && echo %s >> /etc/modules-load.d/conntrackd.conf", h->module, h->module);
		finding_number(x, "flows", (int64_t)h->flows);
	}
	if (f->helper_auto == 1) {
		x = found(out, FOUND_HELPER_AUTO, "net.netfilter.nf_conntrack_helper",
		    "net.netfilter.nf_conntrack_helper is 1: helpers are given to flows by their port, and open the "
		    "firewall for whoever talks to it");
		advise_do(x, "sysctl -w net.netfilter.nf_conntrack_helper=0, and `ct helper set' in the ruleset");
	}
}

static void
judge_table(const struct facts *f, struct findings *out)
{
	struct finding *x;

	if (f->zoned > 0) {
		x = found(out, FOUND_ZONES, "zones",
		    "%llu flows are in a zone, for example %u: the peer must have the same zones under the same "
		    "numbers, and a zone of one direction only is not replicated", (unsigned long long)f->zoned,
		    f->zone_example);
		advise_do(x, "compare `ct zone set' in the rulesets of both nodes");
		finding_number(x, "flows", (int64_t)f->zoned);
		finding_number(x, "zone", f->zone_example);
	}
	if (f->offloaded > 0 || f->flowtables > 0) {
		x = found(out, FOUND_OFFLOAD, "flowtable",
		    "%d flow tables take flows over, %llu flows at the moment: connection tracking does not see their "
		    "packets, so that their replicas are as old as their last event", f->flowtables > 0 ? f->flowtables : 0,
		    (unsigned long long)f->offloaded);
		advise_do(x, "nothing, if the peer has the same; see FLOWTABLES in nft(8) for which flows they take");
		finding_number(x, "flowtables", f->flowtables > 0 ? f->flowtables : 0);
		finding_number(x, "flows", (int64_t)f->offloaded);
	}
}

/* ---- this machine ---- */

static void
judge_machine(const struct facts *f, const struct config *cfg, struct findings *out)
{
	int64_t need = 2 * (int64_t)cfg->node.limit * FLOW_BYTES;
	struct finding *x;

	if (f->major > 0 && (f->major < 5 || (f->major == 5 && f->minor < 7))) {
		x = found(out, FOUND_KERNEL_OLD, "kernel",
		    "Linux %d.%d: before 5.7 a socket is bound to an interface with CAP_NET_RAW only, which the daemon has "
		    "to keep", f->major, f->minor);
		advise_do(x, "add CAP_NET_RAW to the service, as examples/systemd/more-privileges.conf has it");
	}
	if (cfg->has_sync && f->ip_forward == 0 && f->ip6_forward <= 0) {
		x = found(out, FOUND_FORWARDING_OFF, "net.ipv4.ip_forward",
		    "neither IPv4 nor IPv6 is forwarded: after a takeover this node passes nothing on");
		advise_do(x, "sysctl -w net.ipv4.ip_forward=1, unless something switches it on with the role");
	}
	if (f->memory_available >= 0 && need > f->memory_available && !f->daemon) {
		x = found(out, FOUND_MEMORY, "HashLimit",
		    "two tables of %u flows take up to %lld MiB, %lld MiB are available", cfg->node.limit,
		    ll(need >> 20), ll(f->memory_available >> 20));
		advise_do(x, "a smaller HashLimit, or more memory: an allocation that fails ends the daemon");
		finding_number(x, "need_bytes", need);
		finding_number(x, "available_bytes", f->memory_available);
	}
	if (f->clock_synchronised == 0) {
		x = found(out, FOUND_CLOCK_UNSYNCHRONISED, "clock",
		    "the clock of this node is not synchronised (adjtimex), it may be off by %lld ms: logs of both nodes "
		    "are hard to put side by side; replication does not depend on it", ll(f->clock_error_us / 1000));
		advise_do(x, "timedatectl set-ntp true");
		finding_number(x, "error_us", f->clock_error_us);
	}
	if (f->log_free_percent >= 0 && f->log_free_percent < DISK_PERCENT_MIN) {
		x = found(out, FOUND_LOG_DISK, cfg->log_file, "the file system of LogFile has %lld %% left",
		    ll(f->log_free_percent));
		advise_do(x, "df %s; lines that it does not take are lost", cfg->log_file);
		finding_number(x, "free_percent", f->log_free_percent);
	}
}

static void
judge_scheduling(const struct facts *f, const struct config *cfg, struct findings *out)
{
	struct finding *x;

	if (cfg->sched_priority == 0)
		return;
	if (f->rt_runtime_us == 0) {
		x = found(out, FOUND_REALTIME_OFF, "kernel.sched_rt_runtime_us",
		    "kernel.sched_rt_runtime_us is 0: nothing may run in real time, and the daemon misses events while "
		    "others run");
		advise_do(x, "sysctl -w kernel.sched_rt_runtime_us=950000");
	} else if (f->rt_runtime_us == -1) {
		x = found(out, FOUND_REALTIME_UNBOUNDED, "kernel.sched_rt_runtime_us",
		    "kernel.sched_rt_runtime_us is -1: a real-time process that loops, be it this daemon, keeps its processor "
		    "for ever");
		advise_do(x, "sysctl -w kernel.sched_rt_runtime_us=950000");
	}
}

/* ---- buffers ---- */

/* Less than was asked for; what the kernel rounds does not count. */
static bool
is_capped(int64_t granted, int64_t wanted)
{
	return granted < wanted - wanted / 16;
}

static void
judge_event_buffer(const struct facts *f, const struct config *cfg, struct findings *out)
{
	int64_t wanted = cfg->netlink_rcvbuf;
	struct finding *x = NULL;

	if (cfg->poll_s != 0)
		return;
	if (f->daemon && f->events_buffer != UNKNOWN && is_capped(f->events_buffer, wanted)) {
		x = found(out, FOUND_EVENTS_BUFFER, "NetlinkBufferSize",
		    "NetlinkBufferSize is %lld, but the daemon got %lld: net.core.rmem_max is %lld and it may not exceed "
		    "that", ll(wanted), ll(f->events_buffer), ll(f->rmem_max));
		advise_do(x, "sysctl -w net.core.rmem_max=%lld && systemctl restart conntrackd; or CAP_NET_ADMIN in the "
		    "first user namespace", ll(wanted / 2));
	} else if (!f->daemon && f->rmem_max != UNKNOWN && wanted > 2 * f->rmem_max) {
		x = found(out, FOUND_EVENTS_BUFFER_NEEDS_RIGHT, "NetlinkBufferSize",
		    "NetlinkBufferSize is %lld, and net.core.rmem_max allows %lld: CAP_NET_ADMIN goes beyond that, but "
		    "not in a container's own user namespace", ll(wanted), ll(2 * f->rmem_max));
		advise_do(x, "nothing on a host; in a container sysctl -w net.core.rmem_max=%lld outside of it",
		    ll(wanted / 2));
	}
	if (x != NULL) {
		finding_number(x, "wanted", wanted);
		finding_number(x, "granted", f->events_buffer);
		finding_number(x, "rmem_max", f->rmem_max);
	}
	if (!f->daemon || f->overruns <= 0)
		return;
	x = found(out, FOUND_EVENTS_LOST, "NetlinkBufferSize",
	    "the kernel has dropped events %lld times since the daemon started, %lld s ago; each costs a read of the whole "
	    "table; the buffer has %lld bytes", ll(f->overruns), ll(f->uptime_s), ll(f->events_buffer));
	advise_do(x, "NetlinkBufferSize %lld and NetlinkBufferSizeMaxGrowth %lld, then systemctl reload conntrackd",
	    ll(f->events_buffer * 4), ll(f->events_buffer * 16));
	finding_number(x, "overruns", f->overruns);
	finding_number(x, "uptime_s", f->uptime_s);
	finding_number(x, "buffer", f->events_buffer);
}

/* ---- files, services, the daemon ---- */

static void
judge_leftovers(const struct facts *f, const struct config *cfg, struct findings *out)
{
	struct finding *x;

	for (size_t i = 0; i < f->missing_dirs_count; i++) {
		x = found(out, FOUND_DIRECTORY_MISSING, f->missing_dirs[i],
		    "the directory %s does not exist: the daemon cannot make its file there", f->missing_dirs[i]);
		advise_do(x, "mkdir -p %s", f->missing_dirs[i]);
	}
	if (f->socket == FILE_OTHER) {
		x = found(out, FOUND_SOCKET_OTHER, cfg->unix_path,
		    "%s, the UNIX Path, is there and no socket: the daemon leaves it alone and does not start",
		    cfg->unix_path);
		advise_do(x, "ls -l %s, and remove it", cfg->unix_path);
	}
	if (f->daemon || f->daemon_mute)
		return;
	if (f->socket == FILE_OK) {
		x = found(out, FOUND_SOCKET_LEFT, cfg->unix_path,
		    "the socket %s is there and nobody answers on it: left by a daemon that was killed, or that hangs",
		    cfg->unix_path);
		advise_do(x, "pgrep -a conntrackd; if there is none the next start replaces it");
	}
	if (f->lock_there && !f->lock_held) {
		x = found(out, FOUND_LOCK_LEFT, cfg->lock_file,
		    "the lock file %s was left behind: conntrackd 1.4 refuses to start because of it, this one does not",
		    cfg->lock_file);
		advise_do(x, "rm %s, before conntrackd 1.4 is started", cfg->lock_file);
	}
}

static void
judge_scripts(const struct facts *f, struct findings *out)
{
	for (size_t i = 0; i < f->scripts_count; i++) {
		const struct script_facts *s = &f->scripts[i];
		struct finding *x;

		if (s->state == FILE_OK)
			continue;
		x = found(out, FOUND_SCRIPT, s->path, "keepalived is to run %s on a change of roles, but it %s", s->path,
		    s->state == FILE_ABSENT ? "does not exist" : "cannot be executed");
		if (s->state == FILE_ABSENT)
			advise_do(x, "put it there, or mend the name in /etc/keepalived/keepalived.conf");
		else
			advise_do(x, "chmod 755 %s", s->path);
	}
}

static void
judge_vrrp(const struct facts *f, const struct config *cfg, struct findings *out)
{
	const struct config_vrrp *v = &cfg->vrrp;
	const char *kind = v->is_group ? "vrrp_sync_group" : "vrrp_instance";
	struct finding *x;

	if (f->fifo_named == 0) {
		x = found(out, FOUND_KEEPALIVED_FIFO, v->fifo,
		    "NotifyFifo is %s, but /etc/keepalived/keepalived.conf names no such vrrp_notify_fifo: the daemon never "
		    "hears that this node is master", v->fifo);
		advise_do(x, "vrrp_notify_fifo %s in global_defs, then systemctl restart keepalived", v->fifo);
	}
	if (f->name_named == 0) {
		x = found(out, FOUND_KEEPALIVED_NAME, v->name,
		    "VRRP goes by the %s %s, which /etc/keepalived/keepalived.conf does not have: what keepalived says of others "
		    "changes nothing", kind, v->name);
		advise_do(x, "the name of a %s of keepalived's as %s", kind, v->is_group ? "Group" : "Instance");
	}
	if (f->track_file_named == 0) {
		x = found(out, FOUND_KEEPALIVED_TRACK_FILE, v->track_file,
		    "TrackFile is %s, but no track_file of /etc/keepalived/keepalived.conf reads it: a node that is not ready "
		    "becomes master all the same", v->track_file);
		advise_do(x, "track_file conntrackd { file %s } and a track_file of that name in the group, as "
		    "examples/sync/keepalived-fifo.conf has it", v->track_file);
	}
}

static void
judge_daemon(const struct facts *f, const struct config *cfg, struct findings *out)
{
	struct finding *x;

	if (f->daemon_mute)
		return;
	if (!f->daemon) {
		x = found(out, FOUND_DAEMON_DOWN, cfg->unix_path, "no daemon answers on %s: nothing is replicated",
		    cfg->unix_path);
		advise_do(x, "systemctl start conntrackd; journalctl -u conntrackd -n 20");
		return;
	}
	if (strcmp(f->version, f->own_version) != 0) {
		x = found(out, FOUND_DAEMON_OTHER_VERSION, f->version,
		    "the daemon that runs is version %s, this program %s: it was not restarted after an upgrade",
		    f->version[0] != '\0' ? f->version : "unknown", f->own_version);
		advise_do(x, "systemctl restart conntrackd, on the backup first");
	} else if (f->config_sum[0] != '\0' && strcmp(f->config_sum, f->own_config_sum) != 0) {
		x = found(out, FOUND_CONFIG_CHANGED, "configuration",
		    "what the daemon goes by is not what the file says: the file was changed, or a change waits for a "
		    "restart");
		advise_do(x, "systemctl reload conntrackd; its log names what needs a restart");
	}
	if (cfg->has_sync && f->peers == 0 && f->uptime_s >= STARTED_S) {
		x = found(out, FOUND_PEER_UNKNOWN, "peer", "no peer was ever heard, and the daemon runs for %lld s",
		    ll(f->uptime_s));
		advise_do(x, "see that conntrackd runs there, with the same links; conntrackd doctor --peer-config FILE");
		finding_number(x, "uptime_s", f->uptime_s);
	}
	if (f->peers_silent > 0) {
		x = found(out, FOUND_PEER_SILENT, "peer", "of %zu peers %zu are silent, one of them for %lld s", f->peers,
		    f->peers_silent, ll(f->peer_silent_ms / 1000));
		advise_do(x, "conntrackd -s link; systemctl status conntrackd on the peer");
		finding_number(x, "peers", (int64_t)f->peers);
		finding_number(x, "silent", (int64_t)f->peers_silent);
		finding_number(x, "silent_ms", f->peer_silent_ms);
	}
}

static void
judge_config(const struct facts *f, struct findings *out)
{
	struct finding *x;

	if (f->config_warnings > 0) {
		x = found(out, FOUND_CONFIG_REMARKS, "configuration",
		    "the configuration itself deserves %zu warning%s", f->config_warnings,
		    f->config_warnings == 1 ? "" : "s");
		advise_do(x, "conntrackd config check");
		finding_number(x, "warnings", (int64_t)f->config_warnings);
	}
	if (f->config_mode != UNKNOWN && (f->config_mode & 022) != 0) {
		x = found(out, FOUND_CONFIG_WRITABLE, "configuration",
		    "others than its owner may write the configuration (mode %04o), which says what files a daemon of root's "
		    "makes", (unsigned int)f->config_mode);
		advise_do(x, "chmod go-w on the configuration file");
		finding_number(x, "mode", f->config_mode);
	}
}

void
judge(const struct facts *f, const struct config *cfg, struct findings *out)
{
	judge_daemon(f, cfg, out);
	if (cfg->has_sync)
		judge_links(f, cfg, out);
	judge_modules(f, out);
	judge_events(f, cfg, out);
	judge_fill(f, cfg, out);
	judge_limits(f, cfg, out);
	judge_event_buffer(f, cfg, out);
	if (cfg->has_sync)
		judge_addresses(f, cfg, out);
	judge_tcp(f, cfg, out);
	judge_helpers(f, out);
	judge_table(f, out);
	judge_machine(f, cfg, out);
	judge_scheduling(f, cfg, out);
	judge_leftovers(f, cfg, out);
	judge_scripts(f, out);
	judge_vrrp(f, cfg, out);
	judge_config(f, out);
	for (size_t i = 0; i < f->unknowns_count; i++)
		found(out, FOUND_NOT_LOOKED, "", "%s", f->unknowns[i]);
}
