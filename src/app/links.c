/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * links.c: the dedicated links in the daemon's turn.
 */
#include <errno.h>
#include <string.h>

#include "state.h"
#include "render.h"

enum { STRANGERS_MS = 60 * 1000 };

/* What a datagram that no link took waits for, and what has come: the descriptors of this turn. */
void
links_prepare(struct daemon *d)
{
	for (size_t i = 0; i < d->links_count; i++) {
		struct link_wait *w = &d->link_wait[i];
		bool waiting = i == d->link_active && d->out_len > 0;
		struct pollfd fds[LINK_FDS_MAX];

		w->count = link_poll(d->links[i], waiting, fds);
		for (size_t f = 0; f < w->count; f++)
			w->index[f] = loop_add(&d->loop, fds[f].fd, fds[f].events);
	}
}

ms_t
links_deadline(const struct daemon *d)
{
	ms_t at = MS_NEVER;

	for (size_t i = 0; i < d->links_count; i++)
		at = ms_earlier(at, d->link_wait[i].step_at);
	return at;
}

static bool
is_ready(const struct daemon *d, const struct link_wait *w)
{
	for (size_t f = 0; f < w->count; f++) {
		if (loop_events(&d->loop, w->index[f]))
			return true;
	}
	return false;
}

static void
receive(struct daemon *d, struct link *l, ms_t now)
{
	for (unsigned int i = 0; i < d->cfg->event_iteration_limit; i++) {
		struct peer_addr from;
		ssize_t len = link_recv(l, d->in, sizeof(d->in), &from);

		if (len < 0)
			return;
		node_datagram(d->node, &from, d->in, (size_t)len, now);
	}
}

void
links_receive(struct daemon *d, ms_t now)
{
	for (size_t i = 0; i < d->links_count; i++) {
		struct link_wait *w = &d->link_wait[i];
		bool ready = is_ready(d, w);

		if (!ready && !ms_reached(now, w->step_at))
			continue;
		w->step_at = link_step(d->links[i], now);
		if (ready)
			receive(d, d->links[i], now);
	}
}

void
links_send(struct daemon *d, ms_t now)
{
	struct link *l = d->links[d->link_active];
	size_t cap = link_payload_max(l);

	for (unsigned int i = 0; i < SENDS_PER_TURN; i++) {
		if (d->out_len == 0)
			d->out_len = node_pull_datagram(d->node, d->out, cap, now);
		if (d->out_len == 0 || link_send(l, d->out, d->out_len) == -EAGAIN)
			return;
		d->out_len = 0;
	}
	d->more_kernel_work = true;
}

/* Who speaks though nobody asked him: said once, and again a minute later if it goes on. */
static void
tell_of_strangers(struct daemon *d, size_t i, ms_t now)
{
	struct link_wait *w = &d->link_wait[i];
	uint64_t count = link_counters(d->links[i])->recv_strangers;
	struct peer_addr from = link_stranger(d->links[i]);
	char addr[64];
	struct text t;

	if (count == w->strangers_told || !ms_reached(now, w->strangers_next))
		return;
	text_init(&t, addr, sizeof(addr));
	render_addr(&t, from.l3, &from.addr);
	log_write(d->log, LOG_LV_WARNING,
	    "device `%s': %llu datagrams or connections refused as they are not the peer's, the last "
	    "from %s",
	    link_config(d->links[i])->ifname, (unsigned long long)(count - w->strangers_told), addr);
	w->strangers_told = count;
	w->strangers_next = ms_add(now, STRANGERS_MS);
}

/* Says once that a link is lost, and once that it is back. */
static void
check_link(struct daemon *d, size_t i)
{
	static const char *const status_name[] = {"RUNNING", "NO-CARRIER", "DOWN"};
	const char *name = link_config(d->links[i])->ifname;
	char why[256] = "";
	int r = link_refresh(d->links[i], why, sizeof(why));
	enum link_status status = link_status(d->links[i]);
	bool lost = r < 0 || status != LINK_RUNNING;

	if (lost == d->link_lost[i])
		return;
	d->link_lost[i] = lost;
	if (lost)
		log_write(d->log, LOG_LV_ERROR, "no dedicated links available! device `%s': %s%s%s",
		    name, status_name[status], why[0] != '\0' ? ", " : "", why);
	else
		log_write(d->log, LOG_LV_NOTICE, "device `%s' becomes dedicated link", name);
}

void
links_check(struct daemon *d, ms_t now)
{
	if (ms_since(now, d->links_checked) < 1000)
		return;
	d->links_checked = now;
	for (size_t i = 0; i < d->links_count; i++)
		check_link(d, i);
	for (size_t i = 0; i < d->links_count; i++)
		tell_of_strangers(d, i, now);
}

static const char *const transport_names[] = {"Multicast", "UDP", "TCP"};

bool
links_open(struct daemon *d)
{
	static const enum link_transport transports[] = {
	    [TRANSPORT_MULTICAST] = LINK_MULTICAST,
	    [TRANSPORT_UDP] = LINK_UDP,
	    [TRANSPORT_TCP] = LINK_TCP,
	};

	for (size_t i = 0; i < d->cfg->links_count; i++) {
		const struct config_link *c = &d->cfg->links[i];
		struct link_cfg cfg = {
		    .transport = transports[c->transport],
		    .index = (uint8_t)i,
		    .l3 = c->l3,
		    .group = c->group,
		    .local = c->local,
		    .port = c->port,
		    .sndbuf = c->sndbuf,
		    .rcvbuf = c->rcvbuf,
		    .checksum = c->checksum,
		    .error_queue = c->error_queue,
		};
		const char *kind = transport_names[c->transport];
		char why[256] = "", name[IF_NAMESIZE];

		memcpy(cfg.ifname, c->ifname, sizeof(cfg.ifname));
		if (link_open(&d->links[i], &cfg, why, sizeof(why)) < 0) {
			daemon_review(d, "can't open channel socket: %s (%s in line %u)", why, kind,
			    c->line);
			return false;
		}
		d->links_count++;
		if (link_is_elsewhere(d->links[i], name))
			log_write(d->log, LOG_LV_WARNING,
			    "%s in line %u: %s is an address of `%s', not of Interface `%s': "
			    "datagrams go over `%s'",
			    kind, c->line,
			    c->transport == TRANSPORT_MULTICAST ? "IPv4_interface" : "its own",
			    name, c->ifname, name);
	}
	return true;
}

void
links_close(struct daemon *d)
{
	for (size_t i = 0; i < d->links_count; i++)
		link_close(d->links[i]);
}
