/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.c: the names of findings, and how one is put together.  Pure.
 *
 * Names are never renamed; conntrackd(8), DOCTOR, describes each.
 */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum severity severity;
} codes[FOUND_CODES] = {
    [FOUND_CONNTRACK_MISSING] = {"conntrack-missing", SEVERITY_WARNING},
    [FOUND_MODULE_MISSING] = {"module-missing", SEVERITY_WARNING},
    [FOUND_EVENTS_OFF] = {"events-off", SEVERITY_ERROR},
    [FOUND_HASH_LIMIT] = {"hash-limit", SEVERITY_WARNING},
    [FOUND_TABLE_SMALL] = {"table-small", SEVERITY_NOTE},
    [FOUND_TABLE_FULL] = {"table-full", SEVERITY_ERROR},
    [FOUND_TABLE_FILLING] = {"table-filling", SEVERITY_WARNING},
    [FOUND_TAKEOVER_TOO_LARGE] = {"takeover-too-large", SEVERITY_WARNING},
    [FOUND_BUCKETS_FEW] = {"buckets-few", SEVERITY_NOTE},
    [FOUND_TCP_LOOSE] = {"tcp-loose", SEVERITY_NOTE},
    [FOUND_WINDOW_TRACKING] = {"window-tracking", SEVERITY_NOTE},
    [FOUND_HELPER_MISSING] = {"helper-missing", SEVERITY_WARNING},
    [FOUND_HELPER_AUTO] = {"helper-auto", SEVERITY_NOTE},
    [FOUND_ZONES] = {"zones", SEVERITY_NOTE},
    [FOUND_OFFLOAD] = {"offload", SEVERITY_NOTE},
    [FOUND_KERNEL_OLD] = {"kernel-old", SEVERITY_NOTE},
    [FOUND_REALTIME_OFF] = {"realtime-off", SEVERITY_WARNING},
    [FOUND_REALTIME_UNBOUNDED] = {"realtime-unbounded", SEVERITY_NOTE},
    [FOUND_FORWARDING_OFF] = {"forwarding-off", SEVERITY_NOTE},
    [FOUND_MEMORY] = {"memory", SEVERITY_WARNING},
    [FOUND_CLOCK_UNSYNCHRONISED] = {"clock-unsynchronised", SEVERITY_NOTE},
    [FOUND_LOG_DISK] = {"log-disk", SEVERITY_WARNING},
    [FOUND_EVENTS_BUFFER] = {"events-buffer", SEVERITY_WARNING},
    [FOUND_EVENTS_BUFFER_NEEDS_RIGHT] = {"events-buffer-right", SEVERITY_NOTE},
    [FOUND_EVENTS_LOST] = {"events-lost", SEVERITY_WARNING},
    [FOUND_LINK_BUFFER] = {"link-buffer", SEVERITY_WARNING},
    [FOUND_LINK_DROPPED] = {"link-dropped", SEVERITY_WARNING},
    [FOUND_LINK_MISSING] = {"link-missing", SEVERITY_ERROR},
    [FOUND_LINK_DOWN] = {"link-down", SEVERITY_ERROR},
    [FOUND_LINK_NO_CARRIER] = {"link-no-carrier", SEVERITY_WARNING},
    [FOUND_LINK_ADDRESS_ABSENT] = {"link-address-absent", SEVERITY_ERROR},
    [FOUND_LINK_ADDRESS_ELSEWHERE] = {"link-address-elsewhere", SEVERITY_WARNING},
    [FOUND_LINK_ADDRESS_DUPLICATE] = {"link-address-duplicate", SEVERITY_ERROR},
    [FOUND_LINK_ADDRESS_TENTATIVE] = {"link-address-tentative", SEVERITY_NOTE},
    [FOUND_LINK_NOT_MULTICAST] = {"link-not-multicast", SEVERITY_ERROR},
    [FOUND_LINK_NOT_MEMBER] = {"link-not-member", SEVERITY_ERROR},
    [FOUND_LINK_NOT_DEDICATED] = {"link-not-dedicated", SEVERITY_WARNING},
    [FOUND_LINK_MTU_PATH] = {"link-mtu-path", SEVERITY_WARNING},
    [FOUND_LINK_MTU_LARGE] = {"link-mtu-large", SEVERITY_NOTE},
    [FOUND_LINK_PEER_FAR] = {"link-peer-far", SEVERITY_WARNING},
    [FOUND_LINK_SILENT] = {"link-silent", SEVERITY_WARNING},
    [FOUND_LINK_FIREWALL] = {"link-firewall", SEVERITY_WARNING},
    [FOUND_LINK_TRACKED] = {"link-tracked", SEVERITY_NOTE},
    [FOUND_PEER_SILENT] = {"peer-silent", SEVERITY_WARNING},
    [FOUND_PEER_UNKNOWN] = {"peer-unknown", SEVERITY_WARNING},
    [FOUND_NAT_ADDRESS] = {"nat-address", SEVERITY_WARNING},
    [FOUND_NAT_ADDRESS_PERHAPS] = {"nat-address-perhaps", SEVERITY_NOTE},
    [FOUND_FILTER_OWN] = {"filter-own", SEVERITY_NOTE},
    [FOUND_DAEMON_DOWN] = {"daemon-down", SEVERITY_WARNING},
    [FOUND_DAEMON_OTHER_VERSION] = {"daemon-version", SEVERITY_NOTE},
    [FOUND_CONFIG_CHANGED] = {"config-changed", SEVERITY_WARNING},
    [FOUND_CONFIG_REMARKS] = {"config-remarks", SEVERITY_NOTE},
    [FOUND_CONFIG_WRITABLE] = {"config-writable", SEVERITY_WARNING},
    [FOUND_DIRECTORY_MISSING] = {"directory-missing", SEVERITY_ERROR},
    [FOUND_SOCKET_LEFT] = {"socket-left", SEVERITY_NOTE},
    [FOUND_SOCKET_OTHER] = {"socket-other", SEVERITY_ERROR},
    [FOUND_LOCK_LEFT] = {"lock-left", SEVERITY_NOTE},
    [FOUND_SCRIPT] = {"script", SEVERITY_WARNING},
    [FOUND_KEEPALIVED_FIFO] = {"keepalived-fifo", SEVERITY_WARNING},
    [FOUND_KEEPALIVED_NAME] = {"keepalived-name", SEVERITY_WARNING},
    [FOUND_KEEPALIVED_TRACK_FILE] = {"keepalived-track-file", SEVERITY_WARNING},
    [FOUND_NODES_DIFFER] = {"nodes-differ", SEVERITY_ERROR},
    [FOUND_NODES_SAME_ADDRESS] = {"nodes-same-address", SEVERITY_ERROR},
    [FOUND_NODES_MISS] = {"nodes-miss", SEVERITY_ERROR},
    [FOUND_NODES_MAY_DIFFER] = {"nodes-may-differ", SEVERITY_WARNING},
    [FOUND_PEER_NOT_KNOWN] = {"peer-not-known", SEVERITY_NOTE},
    [FOUND_NOT_LOOKED] = {"not-looked", SEVERITY_NOTE},
};

const char *
finding_name(enum finding_code code)
{
	return codes[code].name;
}

enum severity
finding_severity(enum finding_code code)
{
	return codes[code].severity;
}

const char *
severity_name(enum severity s)
{
	return s == SEVERITY_ERROR ? "error" : s == SEVERITY_WARNING ? "warning" : "note";
}

/* Names in it may be a peer's choice: nothing that a terminal obeys, or that is no UTF-8, gets through. */
static void
only_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

struct finding *
found(struct findings *fs, enum finding_code code, const char *subject, const char *fmt, ...)
{
	struct finding *f = &fs->list[fs->count < DOCTOR_FINDINGS_MAX ? fs->count : DOCTOR_FINDINGS_MAX - 1];
	va_list ap;

	/* Who is beyond the last gets the last's place: it is said that there were more. */
	if (fs->count < DOCTOR_FINDINGS_MAX)
		fs->count++;
	else
		fs->left_out++;
	*f = (struct finding){.code = code};
	snprintf(f->subject, sizeof(f->subject), "%s", subject);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	only_printable(f->subject);
	only_printable(f->text);
	return f;
}

void
advise_do(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->advice, sizeof(f->advice), fmt, ap);
	va_end(ap);
	only_printable(f->advice);
}

void
finding_number(struct finding *f, const char *name, int64_t value)
{
	if (f->numbers_count < ARRAY_LEN(f->numbers))
		f->numbers[f->numbers_count++] = (struct number){name, value};
}

void
facts_init(struct facts *f)
{
	memset(f, 0, sizeof(*f));
	f->conntrack_max = f->conntrack_count = f->conntrack_buckets = f->events = UNKNOWN;
	f->tcp_loose = f->tcp_be_liberal = f->helper_auto = UNKNOWN;
	f->rmem_max = f->ip_forward = f->ip6_forward = f->memory_available = UNKNOWN;
	f->rt_runtime_us = INT64_MIN; /* -1 is one of its values */
	f->module_conntrack = f->module_netlink = f->module_nfnetlink = f->module_tables = UNKNOWN;
	f->fifo_named = f->name_named = f->track_file_named = UNKNOWN;
	f->flowtables = f->clock_synchronised = f->config_mode = UNKNOWN;
	f->log_free_percent = f->events_buffer = UNKNOWN;
	for (size_t i = 0; i < NODE_LINKS_MAX; i++)
		f->links[i] = (struct link_facts){.member = UNKNOWN, .path_mtu = UNKNOWN, .rcvbuf = UNKNOWN,
		    .sent = UNKNOWN, .received = UNKNOWN, .dropped = UNKNOWN, .tracked = UNKNOWN, .notrack = UNKNOWN,
		    .rule_drops = UNKNOWN};
}

void
facts_unknown(struct facts *f, const char *fmt, ...)
{
	va_list ap;

	if (f->unknowns_count == DOCTOR_UNKNOWNS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(f->unknowns[f->unknowns_count++], sizeof(f->unknowns[0]), fmt, ap);
	va_end(ap);
}

struct named_count *
facts_helper(struct facts *f, const char *name)
{
	struct named_count *h;

	for (size_t i = 0; i < f->helpers_count; i++) {
		if (strcmp(f->helpers[i].name, name) == 0)
			return &f->helpers[i];
	}
	if (f->helpers_count == DOCTOR_HELPERS_MAX)
		return NULL;
	h = &f->helpers[f->helpers_count++];
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->present = UNKNOWN;
	return h;
}

const struct iface *
facts_iface(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->ifaces_count; i++) {
		if (strcmp(f->ifaces[i].name, name) == 0)
			return &f->ifaces[i];
	}
	return NULL;
}

void
config_text_sum(const char *text, char out[24])
{
	uint64_t sum = 0xcbf29ce484222325ULL;

	for (; *text != '\0'; text++)
		sum = (sum ^ (uint8_t)*text) * 0x100000001b3ULL;
	snprintf(out, 24, "%016llx", (unsigned long long)sum);
}
