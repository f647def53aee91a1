/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_facts.c: facts from files: /proc, /sys, what the configuration names, keepalived's.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "doctor.h"

enum { LINE_MAX_LEN = 1024, LINES_MAX = 1000000 };

static FILE *open_under(const char *root, const char *fmt, ...) ATTR_PRINTF(2, 3);
static bool path_under(char out[DOCTOR_PATH_MAX * 2], const char *root, const char *path);

static bool
path_under(char out[DOCTOR_PATH_MAX * 2], const char *root, const char *path)
{
	return snprintf(out, DOCTOR_PATH_MAX * 2, "%s%s", root, path) < DOCTOR_PATH_MAX * 2;
}

static FILE *
open_under(const char *root, const char *fmt, ...)
{
	char name[DOCTOR_PATH_MAX], path[DOCTOR_PATH_MAX * 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	return path_under(path, root, name) ? fopen(path, "re") : NULL;
}

static int64_t
read_number(const char *root, const char *path, int64_t absent)
{
	FILE *f = open_under(root, "%s", path);
	long long value;

	if (f == NULL)
		return absent;
	if (fscanf(f, "%lld", &value) != 1)
		value = absent;
	fclose(f);
	return value;
}

/* ---- the kernel ---- */

static int
is_builtin(const char *root, const char *release, const char *module)
{
	FILE *f = open_under(root, "/lib/modules/%s/modules.builtin", release);
	char line[LINE_MAX_LEN], name[DOCTOR_NAME_MAX];
	int seen = 0;

	if (f == NULL)
		return UNKNOWN;
	snprintf(name, sizeof(name), "/%s.ko\n", module);
	while (!seen && fgets(line, sizeof(line), f) != NULL)
		seen = strlen(line) >= strlen(name) && strcmp(line + strlen(line) - strlen(name), name) == 0;
	fclose(f);
	return seen;
}

static void
read_release(const char *root, char *out, size_t cap)
{
	FILE *f = open_under(root, "/proc/sys/kernel/osrelease");

	out[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(out, (int)cap, f) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n/")] = '\0';
	fclose(f);
}

/* Is it there, loaded or built in: 1, 0, or UNKNOWN where /sys and /lib/modules do not tell. */
static int
module_present(const char *root, const char *module)
{
	char path[DOCTOR_PATH_MAX * 2], name[DOCTOR_PATH_MAX], release[128];

	if (!path_under(path, root, "/sys/module") || access(path, R_OK) != 0)
		return UNKNOWN;
	snprintf(name, sizeof(name), "/sys/module/%s", module);
	if (path_under(path, root, name) && access(path, F_OK) == 0)
		return 1;
	read_release(root, release, sizeof(release));
	return is_builtin(root, release, module);
}

static int64_t
memory_available(const char *root)
{
	FILE *f = open_under(root, "/proc/meminfo");
	char line[LINE_MAX_LEN];
	long long kib = UNKNOWN;

	if (f == NULL)
		return UNKNOWN;
	while (fgets(line, sizeof(line), f) != NULL && sscanf(line, "MemAvailable: %lld", &kib) != 1)
		kib = UNKNOWN;
	fclose(f);
	return kib == UNKNOWN ? UNKNOWN : kib * 1024;
}

void
gather_kernel(struct facts *f, const char *root)
{
	char release[128];

	f->conntrack_max = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_max", UNKNOWN);
	f->conntrack_count = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_count", UNKNOWN);
	f->conntrack_buckets = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_buckets", UNKNOWN);
	f->events = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_events", UNKNOWN);
	f->tcp_loose = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_tcp_loose", UNKNOWN);
	f->tcp_be_liberal = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", UNKNOWN);
	f->helper_auto = read_number(root, "/proc/sys/net/netfilter/nf_conntrack_helper", UNKNOWN);
	f->rmem_max = read_number(root, "/proc/sys/net/core/rmem_max", UNKNOWN);
	f->rt_runtime_us = read_number(root, "/proc/sys/kernel/sched_rt_runtime_us", INT64_MIN);
	f->ip_forward = read_number(root, "/proc/sys/net/ipv4/ip_forward", UNKNOWN);
	f->ip6_forward = read_number(root, "/proc/sys/net/ipv6/conf/all/forwarding", UNKNOWN);
	f->memory_available = memory_available(root);
	f->module_conntrack = module_present(root, "nf_conntrack");
	f->module_netlink = module_present(root, "nf_conntrack_netlink");
	f->module_nfnetlink = module_present(root, "nfnetlink");
	f->module_tables = module_present(root, "nf_tables");
	read_release(root, release, sizeof(release));
	if (sscanf(release, "%d.%d", &f->major, &f->minor) != 2)
		f->major = f->minor = 0;
}

/* ---- helpers ---- */

static const char *
helper_module(const char *helper)
{
	static const char *const rows[][2] = {
	    {"amanda", "nf_conntrack_amanda"}, {"ftp", "nf_conntrack_ftp"}, {"h323", "nf_conntrack_h323"},
	    {"H.245", "nf_conntrack_h323"}, {"Q.931", "nf_conntrack_h323"}, {"RAS", "nf_conntrack_h323"},
	    {"irc", "nf_conntrack_irc"}, {"netbios-ns", "nf_conntrack_netbios_ns"}, {"pptp", "nf_conntrack_pptp"},
	    {"sane", "nf_conntrack_sane"}, {"sip", "nf_conntrack_sip"}, {"snmp", "nf_conntrack_snmp"},
	    {"snmp_trap", "nf_conntrack_snmp"}, {"tftp", "nf_conntrack_tftp"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i][0]);

		/* Of another port: "ftp-2121". */
		if (strncasecmp(helper, rows[i][0], len) == 0 && (helper[len] == '\0' || helper[len] == '-'))
			return rows[i][1];
	}
	return NULL;
}

void
gather_helpers(struct facts *f, const char *root, const struct config *cfg)
{
	const struct expect_helpers *wanted = &cfg->node.expect_helpers;

	for (size_t i = 0; i < wanted->count && cfg->node.expects > 0; i++) {
		struct named_count *h = facts_helper(f, wanted->name[i]);

		if (h != NULL)
			h->configured = true;
	}
	for (size_t i = 0; i < f->helpers_count; i++) {
		struct named_count *h = &f->helpers[i];
		const char *module = helper_module(h->name);

		if (module == NULL)
			continue;
		snprintf(h->module, sizeof(h->module), "%s", module);
		h->present = module_present(root, module);
	}
}

/* ---- groups and routes of links ---- */

static bool
is_group4(const char *root, const struct config_link *l)
{
	FILE *f = open_under(root, "/proc/net/igmp");
	char line[LINE_MAX_LEN], name[CONFIG_IFNAME_MAX] = "";
	uint32_t wanted;
	bool member = false;

	if (f == NULL)
		return false;
	memcpy(&wanted, l->group.b, sizeof(wanted));
	while (!member && fgets(line, sizeof(line), f) != NULL) {
		unsigned int group, index;

		/* A line of an interface, and below it one of each group. */
		if (line[0] != '\t' && sscanf(line, "%u %15[^ :]", &index, name) == 2)
			continue;
		member = strcmp(name, l->ifname) == 0 && sscanf(line, " %8X", &group) == 1 && group == wanted;
	}
	fclose(f);
	return member;
}

static bool
is_group6(const char *root, const struct config_link *l)
{
	FILE *f = open_under(root, "/proc/net/igmp6");
	char line[LINE_MAX_LEN], wanted[33];
	bool member = false;

	if (f == NULL)
		return false;
	for (size_t i = 0; i < 16; i++)
		snprintf(wanted + 2 * i, 3, "%02x", l->group.b[i]);
	while (!member && fgets(line, sizeof(line), f) != NULL) {
		char name[CONFIG_IFNAME_MAX], group[33];
		unsigned int index;

		member = sscanf(line, "%u %15s %32s", &index, name, group) == 3 && strcmp(name, l->ifname) == 0 &&
		    strcasecmp(group, wanted) == 0;
	}
	fclose(f);
	return member;
}

static bool
has_default_route(const char *root, const char *ifname)
{
	FILE *f = open_under(root, "/proc/net/route");
	char line[LINE_MAX_LEN], name[CONFIG_IFNAME_MAX];
	unsigned int dest, gateway, flags, mask;
	bool is_default = false;

	while (f != NULL && !is_default && fgets(line, sizeof(line), f) != NULL)
		is_default = sscanf(line, "%15s %8X %8X %4X %*s %*s %*s %8X", name, &dest, &gateway, &flags, &mask) == 5 &&
		    dest == 0 && mask == 0 && strcmp(name, ifname) == 0;
	if (f != NULL)
		fclose(f);
	f = open_under(root, "/proc/net/ipv6_route");
	while (f != NULL && !is_default && fgets(line, sizeof(line), f) != NULL)
		is_default = sscanf(line, "%*32s %2X %*s %*s %*s %*s %*s %*s %8X %15s", &dest, &flags, name) == 3 &&
		    strspn(line, "0") == 32 && dest == 0 && strcmp(name, ifname) == 0;
	if (f != NULL)
		fclose(f);
	return is_default;
}

void
gather_groups(struct facts *f, const char *root, const struct config *cfg)
{
	for (size_t i = 0; i < cfg->links_count; i++) {
		const struct config_link *l = &cfg->links[i];

		f->links[i].has_default_route = has_default_route(root, l->ifname);
		if (l->transport == TRANSPORT_MULTICAST)
			f->links[i].member = l->l3 == L3_IPV6 ? is_group6(root, l) : is_group4(root, l);
	}
}

void
gather_clock(struct facts *f)
{
	struct timex t = {.modes = 0};
	int state = adjtimex(&t);

	if (state < 0) {
		facts_unknown(f, "whether the clock is synchronised: adjtimex is not permitted");
		return;
	}
	f->clock_synchronised = state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
	f->clock_error_us = t.maxerror;
}

/* ---- files that the configuration names ---- */

static void
look_at_directory(struct facts *f, const char *root, const char *file)
{
	char dir[DOCTOR_PATH_MAX], path[DOCTOR_PATH_MAX * 2];
	const char *slash = strrchr(file, '/');
	struct stat st;

	if (slash == NULL || (size_t)(slash - file) >= sizeof(dir))
		return;
	snprintf(dir, sizeof(dir), "%.*s", slash == file ? 1 : (int)(slash - file), file);
	if (!path_under(path, root, dir) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return;
	for (size_t i = 0; i < f->missing_dirs_count; i++) {
		if (strcmp(f->missing_dirs[i], dir) == 0)
			return;
	}
	if (f->missing_dirs_count < ARRAY_LEN(f->missing_dirs))
		snprintf(f->missing_dirs[f->missing_dirs_count++], DOCTOR_PATH_MAX, "%s", dir);
}

/* Who runs holds a lock on it.  Trying it could get in the way of one that starts. */
static void
look_at_lock(struct facts *f, const char *root, const char *path)
{
	FILE *locks = open_under(root, "/proc/locks");
	char line[LINE_MAX_LEN], inode[32];
	struct stat st;

	f->lock_there = lstat(path, &st) == 0;
	/* What cannot be told is not said to be left over. */
	f->lock_held = true;
	if (locks == NULL)
		return;
	if (f->lock_there) {
		f->lock_held = false;
		snprintf(inode, sizeof(inode), ":%llu ", (unsigned long long)st.st_ino);
		while (!f->lock_held && fgets(line, sizeof(line), locks) != NULL)
			f->lock_held = strstr(line, "FLOCK") != NULL && strstr(line, inode) != NULL;
	}
	fclose(locks);
}

void
gather_files(struct facts *f, const char *root, const struct config *cfg, const char *config_path)
{
	char path[DOCTOR_PATH_MAX * 2];
	struct statvfs fs;
	struct stat st;

	if (path_under(path, root, config_path) && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		f->config_mode = st.st_mode & 07777;
	if (path_under(path, root, cfg->unix_path) && lstat(path, &st) == 0)
		f->socket = S_ISSOCK(st.st_mode) ? FILE_OK : FILE_OTHER;
	if (path_under(path, root, cfg->lock_file))
		look_at_lock(f, root, path);
	look_at_directory(f, root, cfg->unix_path);
	look_at_directory(f, root, cfg->lock_file);
	if (!cfg->has_log_file)
		return;
	look_at_directory(f, root, cfg->log_file);
	if (!path_under(path, root, cfg->log_file))
		return;
	*strrchr(path, '/') = '\0';
	if (statvfs(path[0] != '\0' ? path : "/", &fs) == 0 && fs.f_blocks > 0)
		f->log_free_percent = (int64_t)((uint64_t)fs.f_bavail * 100 / fs.f_blocks);
}

/* ---- keepalived ---- */

static void
add_vip(struct facts *f, const char *word)
{
	char text[64];
	struct filter_net net = {.l3 = strchr(word, ':') != NULL ? L3_IPV6 : L3_IPV4};

	snprintf(text, sizeof(text), "%s", word);
	text[strcspn(text, "/")] = '\0';
	if (f->vips_count < DOCTOR_VIPS_MAX &&
	    inet_pton(net.l3 == L3_IPV6 ? AF_INET6 : AF_INET, text, net.addr.b) == 1)
		f->vips[f->vips_count++] = net;
}

static void
add_script(struct facts *f, const char *root, const char *words)
{
	char path[DOCTOR_PATH_MAX * 2], name[DOCTOR_PATH_MAX];
	struct script_facts *s;
	struct stat st;

	words += strspn(words, " \t\"'");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(words, " \t\"'\n"), words);
	if (name[0] != '/' || f->scripts_count == DOCTOR_SCRIPTS_MAX || !path_under(path, root, name))
		return;
	for (size_t i = 0; i < f->scripts_count; i++) {
		if (strcmp(f->scripts[i].path, name) == 0)
			return;
	}
	s = &f->scripts[f->scripts_count++];
	memcpy(s->path, name, sizeof(name));
	s->state = stat(path, &st) != 0 ? FILE_ABSENT :
	    S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 ? FILE_OK : FILE_NOT_EXECUTABLE;
}

static bool
is_notify(const char *word)
{
	static const char *const words[] = {"notify", "notify_master", "notify_backup", "notify_fault", "notify_stop"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

/* The word after the first one of a line, without quotation marks; "" if there is none. */
static void
second_word(const char *line, char out[DOCTOR_PATH_MAX])
{
	line += strspn(line, " \t");
	line += strcspn(line, " \t{");
	line += strspn(line, " \t\"'");
	snprintf(out, DOCTOR_PATH_MAX, "%.*s", (int)strcspn(line, " \t\"'{"), line);
}

/* A line that may name what our own configuration names. */
static void
look_for_names(struct facts *f, const struct config_vrrp *vrrp, const char *word, const char *line)
{
	char name[DOCTOR_PATH_MAX];

	second_word(line, name);
	if ((strcmp(word, "vrrp_notify_fifo") == 0 || strcmp(word, "notify_fifo") == 0) && strcmp(name, vrrp->fifo) == 0)
		f->fifo_named = 1;
	else if (strcmp(word, "file") == 0 && strcmp(name, vrrp->track_file) == 0)
		f->track_file_named = 1;
	else if (strcmp(word, vrrp->is_group ? "vrrp_sync_group" : "vrrp_instance") == 0 && strcmp(name, vrrp->name) == 0)
		f->name_named = 1;
}

void
gather_keepalived(struct facts *f, const char *root, const struct config_vrrp *vrrp)
{
	FILE *file = open_under(root, "/etc/keepalived/keepalived.conf");
	char line[LINE_MAX_LEN], word[DOCTOR_PATH_MAX];
	bool in_addresses = false, includes = false;

	if (file == NULL) {
		if (vrrp->fifo[0] != '\0' || vrrp->track_file[0] != '\0')
			facts_unknown(f, "keepalived's configuration: there is no /etc/keepalived/keepalived.conf to read");
		return;
	}
	f->keepalived_read = true;
	f->fifo_named = vrrp->fifo[0] != '\0' ? 0 : UNKNOWN;
	f->name_named = vrrp->name[0] != '\0' ? 0 : UNKNOWN;
	f->track_file_named = vrrp->track_file[0] != '\0' ? 0 : UNKNOWN;
	for (int i = 0; i < LINES_MAX && fgets(line, sizeof(line), file) != NULL; i++) {
		line[strcspn(line, "#!\n")] = '\0';
		if (sscanf(line, "%255s", word) != 1)
			continue;
		if (strncmp(word, "virtual_ipaddress", 17) == 0) {
			in_addresses = strchr(line, '}') == NULL;
			continue;
		}
		if (word[0] == '}')
			in_addresses = false;
		else if (in_addresses)
			add_vip(f, word);
		else if (is_notify(word))
			add_script(f, root, strstr(line, word) + strlen(word));
		look_for_names(f, vrrp, word, line);
		includes = includes || strncmp(word, "include", 7) == 0;
	}
	fclose(file);
	if (includes) {
		f->keepalived_read = false;
		f->fifo_named = f->fifo_named == 1 ? 1 : UNKNOWN;
		f->name_named = f->name_named == 1 ? 1 : UNKNOWN;
		f->track_file_named = f->track_file_named == 1 ? 1 : UNKNOWN;
		facts_unknown(f, "the files that /etc/keepalived/keepalived.conf includes");
	}
}
