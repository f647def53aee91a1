/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_daemon.c: facts from the daemon's documents.  Pure.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "doc.h"
#include "doctor.h"

/* Of several slices: summed up by address. */
static void
add_nat(struct facts *f, const char *text, uint64_t flows)
{
	struct nat_addr n = {.l3 = strchr(text, ':') != NULL ? L3_IPV6 : L3_IPV4, .flows = flows};

	if (inet_pton(n.l3 == L3_IPV6 ? AF_INET6 : AF_INET, text, n.addr.b) != 1)
		return;
	for (size_t i = 0; i < f->nat_count; i++) {
		if (f->nat[i].l3 == n.l3 && memcmp(&f->nat[i].addr, &n.addr, sizeof(n.addr)) == 0) {
			f->nat[i].flows += flows;
			return;
		}
	}
	if (f->nat_count < DOCTOR_NAT_MAX)
		f->nat[f->nat_count++] = n;
	else
		f->nat_others += flows;
}

static void
add_slice(struct facts *f, const json_t *slice)
{
	const json_t *list = console_at(slice, "nat");
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		add_nat(f, console_str(row, "address"), (uint64_t)console_int(row, "flows"));
	}
	f->nat_others += (uint64_t)console_int(slice, "nat_others");
	list = console_at(slice, "helpers");
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		struct named_count *h = facts_helper(f, console_str(row, "name"));

		if (h != NULL)
			h->flows += (uint64_t)console_int(row, "flows");
	}
}

static void
take_peers(struct facts *f, const json_t *peers)
{
	f->peers = json_array_size(peers);
	for (size_t i = 0; i < f->peers; i++) {
		const json_t *peer = json_array_get(peers, i);
		int64_t ms = console_int(peer, "heard_ms_ago");

		if (console_bool(peer, "heard"))
			continue;
		f->peers_silent++;
		if (ms > f->peer_silent_ms)
			f->peer_silent_ms = ms;
	}
}

void
gather_daemon(struct facts *f, const json_t *status, const json_t *inspected)
{
	const json_t *links = console_at(status, "links"), *slices = console_at(inspected, "slices");
	const json_t *buffers = console_at(inspected, "daemon.link_buffers");

	if (status == NULL)
		return;
	f->daemon = true;
	snprintf(f->version, sizeof(f->version), "%s", console_str(status, "version"));
	f->uptime_s = console_int(status, "uptime_s");
	f->overruns = console_int(status, "counters.kernel_overruns");
	f->external_flows = console_int(status, "external.flows");
	take_peers(f, console_at(status, "peers"));
	for (size_t i = 0; i < NODE_LINKS_MAX && i < json_array_size(links); i++) {
		const json_t *l = json_array_get(links, i);

		if (console_at(l, "counters") == NULL)
			continue;
		f->links[i].sent = console_int(l, "counters.sent_datagrams");
		f->links[i].received = console_int(l, "counters.recv_datagrams");
		f->links[i].dropped = console_int(l, "counters.recv_dropped");
	}
	if (inspected == NULL) {
		facts_unknown(f, "what the daemon was granted, and the addresses of the peers' flows: it is an older one");
		return;
	}
	snprintf(f->config_sum, sizeof(f->config_sum), "%s", console_str(inspected, "daemon.config_sum"));
	f->events_buffer = console_int(inspected, "daemon.events_buffer");
	for (size_t i = 0; i < NODE_LINKS_MAX && i < json_array_size(buffers); i++)
		f->links[i].rcvbuf = json_integer_value(json_array_get(buffers, i));
	for (size_t i = 0; i < json_array_size(slices); i++)
		add_slice(f, json_array_get(slices, i));
	if (f->nat_others > 0)
		facts_unknown(f, "the translated addresses of %llu more flows: there are more than %d of them",
		    (unsigned long long)f->nat_others, DOCTOR_NAT_MAX);
}
