/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.c: defaults, and the configuration printed back.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "parser.h"

void
config_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->node.mode = MODE_FTFW;
	c->node.limit = 262144;
	c->node.refresh_s = 60;
	c->node.cache_timeout_s = 180;
	c->node.resend_queue = 131072;
	c->node.ack_window = 300;
	c->node.filter.nets = c->nets;
	c->syslog_facility = -1;
	c->stats_facility = -1;
	strcpy(c->lock_file, "/var/lock/conntrackd.lock");
	c->event_iteration_limit = 100;
	c->overrun_resync_s = 30;
	c->hash_size = 65536;
	c->purge_timeout_s = 60;
	c->vrrp.weight = -60;
	c->vrrp.hold_max_s = 60;
	c->systemd = true;
	c->gate_timeout_s = 2;
	/* Events wait in a buffer of the kernel's that a burst fills in milliseconds. */
	c->sched_type = SCHED_TYPE_RR;
	c->sched_priority = 1;
}

struct printer {
	char *out;
	size_t cap, len;
};

static void put(struct printer *pr, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void
put(struct printer *pr, const char *fmt, ...)
{
	size_t left = pr->len < pr->cap ? pr->cap - pr->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(left > 0 ? pr->out + pr->len : NULL, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		pr->len += (size_t)n;
}

static const char *
on_off(bool flag)
{
	return flag ? "on" : "off";
}

static void
print_mode(struct printer *pr, const struct config *c)
{
	const struct node_cfg *n = &c->node;

	static const char *const names[] = {"FTFW", "ALARM", "NOTRACK"};

	put(pr, "\tMode %s {\n", names[n->mode]);
	if (n->mode == MODE_FTFW) {
		put(pr, "\t\tResendQueueSize %u\n", n->resend_queue);
		put(pr, "\t\tACKWindowSize %u\n", n->ack_window);
	}
	if (n->mode == MODE_NOTRACK)
		put(pr, "\t\tDisableInternalCache %s\n", on_off(c->disable_internal));
	if (n->mode != MODE_ALARM) {
		put(pr, "\t\tDisableExternalCache %s\n", on_off(c->disable_external));
		put(pr, "\t\tStartupResync %s\n", on_off(c->startup_resync));
	}
	put(pr, "\t}\n");
	/* These may stand in Sync whatever the mode is. */
	put(pr, "\tRefreshTime %u\n", n->refresh_s);
	put(pr, "\tCacheTimeout %u\n", n->cache_timeout_s);
	put(pr, "\tCommitTimeout %u\n", n->commit_timeout_s);
	put(pr, "\tPurgeTimeout %u\n", c->purge_timeout_s);
}

static void
print_link(struct printer *pr, const struct config_link *l)
{
	static const char *const names[] = {"Multicast", "UDP", "TCP"};
	bool multicast = l->transport == TRANSPORT_MULTICAST;
	const char *family = l->l3 == L3_IPV6 ? "IPv6" : "IPv4";
	char group[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];

	addr_print(l->l3, &l->group, group);
	addr_print(l->l3, &l->local, local);
	put(pr, "\t%s%s {\n", names[l->transport], l->is_default ? " Default" : "");
	if (multicast) {
		put(pr, "\t\t%s_address %s\n", family, group);
		if (l->l3 == L3_IPV4)
			put(pr, "\t\tIPv4_interface %s\n", local);
	} else {
		put(pr, "\t\t%s_address %s\n", family, local);
		put(pr, "\t\t%s_Destination_Address %s\n", family, group);
	}
	put(pr, "\t\tInterface %s\n", l->ifname);
	put(pr, "\t\t%s %u\n", multicast ? "Group" : "Port", l->port);
	if (l->transport == TRANSPORT_TCP)
		put(pr, "\t\tErrorQueueLength %u\n", l->error_queue);
	put(pr, "\t\tSndSocketBuffer %u\n", l->sndbuf);
	put(pr, "\t\tRcvSocketBuffer %u\n", l->rcvbuf);
	put(pr, "\t\tChecksum %s\n\t}\n", on_off(l->checksum));
}

static void
print_expects(struct printer *pr, const struct node_cfg *n)
{
	if (n->expects == 0 || n->expect_helpers.count == 0) {
		put(pr, "\t\tExpectationSync %s\n", on_off(n->expects > 0));
		return;
	}
	put(pr, "\t\tExpectationSync {");
	for (size_t i = 0; i < n->expect_helpers.count; i++)
		put(pr, " %s", n->expect_helpers.name[i]);
	put(pr, " }\n");
}

static void
print_vrrp(struct printer *pr, const struct config_vrrp *v)
{
	put(pr, "\tVRRP {\n");
	if (v->fifo[0] != '\0')
		put(pr, "\t\tNotifyFifo %s\n", v->fifo);
	if (v->name[0] != '\0')
		put(pr, "\t\t%s %s\n", v->is_group ? "Group" : "Instance", v->name);
	if (v->track_file[0] != '\0')
		put(pr, "\t\tTrackFile %s\n", v->track_file);
	put(pr, "\t\tWeight %d\n\t\tHoldMax %u\n\t}\n", v->weight, v->hold_max_s);
}

static void
print_sync(struct printer *pr, const struct config *c)
{
	if (!c->has_sync)
		return;
	put(pr, "Sync {\n");
	print_mode(pr, c);
	for (size_t i = 0; i < c->links_count; i++)
		print_link(pr, &c->links[i]);
	if (c->vrrp.fifo[0] != '\0' || c->vrrp.track_file[0] != '\0')
		print_vrrp(pr, &c->vrrp);
	/* DisableExternalCache includes it. */
	if (!c->disable_external)
		put(pr, "\tCacheWriteThrough %s\n", on_off(c->node.write_through));
	if (c->gate)
		put(pr, "\tTakeoverGate {\n\t\tTimeout %u\n\t\tHoldUDP %s\n\t}\n",
		    c->gate_timeout_s, on_off(c->gate_udp));
	put(pr, "\tOptions {\n\t\tTCPWindowTracking %s\n", on_off(c->node.tcp_window_tracking));
	print_expects(pr, &c->node);
	put(pr, "\t}\n}\n");
}

static void
print_stats(struct printer *pr, const struct config *c)
{
	if (!c->has_stats)
		return;
	put(pr, "Stats {\n\tLogFile %s\n", c->stats_has_log ? c->stats_log : "off");
	put(pr, "\tSyslog %s\n}\n",
	    c->stats_facility >= 0 ? facility_name(c->stats_facility) : "off");
}

static void
print_helpers(struct printer *pr, const struct config *c)
{
	if (c->helpers_count == 0 && !c->helper_setup)
		return;
	put(pr, "Helper {\n\tSetup %s\n", on_off(c->helper_setup));
	for (size_t i = 0; i < c->helpers_count; i++) {
		const struct config_helper *h = &c->helpers[i];

		put(pr, "\tType %s %s %s {\n", h->name, h->l3 == L3_IPV6 ? "inet6" : "inet",
		    h->l4 == L4_TCP ? "tcp" : "udp");
		put(pr, "\t\tQueueNum %u\n\t\tQueueLen %u\n", h->queue_num, h->queue_len);
		if (h->has_policy)
			put(pr, "\t\tPolicy %s {\n\t\t\tExpectMax %u\n\t\t\tExpectTimeout %u\n"
				"\t\t}\n",
			    h->name, h->expect_max, h->expect_timeout_s);
		put(pr, "\t}\n");
	}
	put(pr, "}\n");
}

static const char *
polarity_name(enum filter_polarity polarity)
{
	return polarity == FILTER_ACCEPT ? "Accept" : "Ignore";
}

static void
print_protocols(struct printer *pr, const struct filter *f)
{
	put(pr, "\t\tProtocol %s {\n", polarity_name(f->proto_polarity));
	for (unsigned int i = 0; i < 256; i++) {
		const char *name = proto_name((uint8_t)i);

		if (!(f->protos[i / 8] & (1u << (i % 8))))
			continue;
		if (name != NULL)
			put(pr, "\t\t\t%s\n", name);
		else
			put(pr, "\t\t\t%u\n", i);
	}
	put(pr, "\t\t}\n");
}

static void
print_filter(struct printer *pr, const struct filter *f, bool in_kernel)
{
	char addr[ADDR_TEXT_MAX];

	put(pr, "\tFilter From %s {\n", in_kernel ? "Kernelspace" : "Userspace");
	if (f->proto_polarity != FILTER_NONE)
		print_protocols(pr, f);
	if (f->addr_polarity != FILTER_NONE) {
		put(pr, "\t\tAddress %s {\n", polarity_name(f->addr_polarity));
		for (size_t i = 0; i < f->nets_count; i++) {
			const struct filter_net *net = &f->nets[i];

			addr_print(net->l3, &net->addr, addr);
			put(pr, "\t\t\tIPv%d_address %s/%u\n", net->l3 == L3_IPV6 ? 6 : 4, addr,
			    net->prefix);
		}
		put(pr, "\t\t}\n");
	}
	if (f->state_polarity != FILTER_NONE) {
		put(pr, "\t\tState %s {\n", polarity_name(f->state_polarity));
		if (f->tcp_states != 0)
			put(pr, "\t\t\t");
		for (unsigned int i = 0; i < TCP_STATE_MAX; i++) {
			if (f->tcp_states & (1u << i))
				put(pr, "%s ", tcp_state_name(i));
		}
		put(pr, "%s\t\t}\n", f->tcp_states != 0 ? "for TCP\n" : "");
	}
	put(pr, "\t}\n");
}

static void
print_general(struct printer *pr, const struct config *c)
{
	const struct filter *f = &c->node.filter;

	put(pr, "General {\n");
	put(pr, "\tHashSize %u\n", c->hash_size);
	put(pr, "\tHashLimit %u\n", c->node.limit);
	put(pr, "\tLogFile %s\n", c->has_log_file ? c->log_file : "off");
	put(pr, "\tSyslog %s\n",
	    c->syslog_facility >= 0 ? facility_name(c->syslog_facility) : "off");
	put(pr, "\tLockFile %s\n", c->lock_file);
	put(pr, "\tUNIX {\n");
	if (c->unix_path[0] != '\0')
		put(pr, "\t\tPath %s\n", c->unix_path);
	if (c->unix_group[0] != '\0')
		put(pr, "\t\tGroup %s\n", c->unix_group);
	put(pr, "\t}\n\tNetlinkBufferSize %u\n", c->netlink_rcvbuf);
	put(pr, "\tNetlinkBufferSizeMaxGrowth %u\n", c->netlink_rcvbuf_max);
	if (c->overrun_resync_s != 0)
		put(pr, "\tNetlinkOverrunResync %u\n", c->overrun_resync_s);
	else
		put(pr, "\tNetlinkOverrunResync off\n");
	put(pr, "\tNetlinkEventsReliable %s\n", on_off(c->netlink_reliable));
	if (c->poll_s != 0)
		put(pr, "\tPollSecs %u\n", c->poll_s);
	put(pr, "\tEventIterationLimit %u\n", c->event_iteration_limit);
	if (c->sched_asked)
		put(pr, "\tScheduler {\n\t\tType %s\n\t\tPriority %u\n\t}\n",
		    c->sched_type == SCHED_TYPE_RR ? "RR" : "FIFO", c->sched_priority);
	else
		put(pr, "\t# Scheduler { Type RR Priority 1 }, where the system allows it\n");
	put(pr, "\tSystemd %s\n", on_off(c->systemd));
	if (f->proto_polarity != FILTER_NONE || f->addr_polarity != FILTER_NONE ||
	    f->state_polarity != FILTER_NONE || c->filter_in_kernel)
		print_filter(pr, f, c->filter_in_kernel);
	put(pr, "}\n");
}

size_t
config_print(const struct config *c, char *out, size_t cap)
{
	struct printer pr = {.out = out, .cap = cap};

	if (cap > 0)
		out[0] = '\0';
	print_sync(&pr, c);
	print_stats(&pr, c);
	print_helpers(&pr, c);
	print_general(&pr, c);
	return pr.len;
}
