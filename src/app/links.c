/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * links.c: the dedicated links in the daemon's turn.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "state.h"
#include "render.h"
#include "wire.h"

enum { STRANGERS_MS = 60 * 1000 };

bool
links_wait(const struct daemon *d)
{
	return d->out.next < d->out.count;
}

/* What a datagram that no link took waits for, and what has come: the descriptors of this turn. */
void
links_prepare(struct daemon *d)
{
	for (size_t i = 0; i < d->links_count; i++) {
		struct link_wait *w = &d->link_wait[i];
		bool waiting = i == d->link_active && links_wait(d);
		struct pollfd fds[LINK_FDS_MAX];

		w->count = link_poll(d->links[i], waiting, fds);
		w->gathers = d->gathers && link_rcvbuf(d->links[i]) >= PACE_BUFFER_MIN;
		for (size_t f = 0; f < w->count; f++) {
			if (w->gathers && fds[f].events == POLLIN)
				fds[f].fd = -1;
			w->index[f] = loop_add(&d->loop, fds[f].fd, fds[f].events);
		}
	}
	d->link_watch_index = loop_add(&d->loop, d->link_watch, POLLIN);
}

ms_t
links_deadline(const struct daemon *d)
{
	ms_t at = MS_NEVER;

	for (size_t i = 0; i < d->links_count; i++)
		at = ms_earlier(at, link_deadline(d->links[i]));
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
		d->taken++;
	}
	d->datagrams_left = true;
}

void
links_receive(struct daemon *d, ms_t now)
{
	for (size_t i = 0; i < d->links_count; i++) {
		struct link_wait *w = &d->link_wait[i];

		if (!is_ready(d, w) && !(w->gathers && d->gathered) &&
		    !ms_reached(now, link_deadline(d->links[i])))
			continue;
		/* The step may accept a connection that nobody waits for yet. */
		link_step(d->links[i], now);
		receive(d, d->links[i], now);
	}
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
	text_addr(&t, from.l3, &from.addr);
	log_event(d, HISTORY_STRANGERS, LOG_LV_WARNING,
	    "device `%s': %llu datagrams or connections refused as they are not the peer's, the last "
	    "from %s",
	    link_config(d->links[i])->ifname, (unsigned long long)(count - w->strangers_told),
	    addr);
	history_add(d, HISTORY_STRANGERS, "device `%s': %llu refused, the last from %s",
	    link_config(d->links[i])->ifname, (unsigned long long)(count - w->strangers_told),
	    addr);
	w->strangers_told = count;
	w->strangers_next = ms_add(now, STRANGERS_MS);
}

/* What the kernel dropped before we could read it. */
static void
tell_of_drops(struct daemon *d, size_t i, ms_t now)
{
	const struct link_counters *c = link_counters(d->links[i]);
	struct link_wait *w = &d->link_wait[i];
	const char *name = link_config(d->links[i])->ifname;

	if (!ms_reached(now, w->drops_next) ||
	    (c->recv_dropped == w->dropped_told && c->recv_shut_out == w->shut_out_told))
		return;
	if (c->recv_dropped != w->dropped_told)
		log_event(d, HISTORY_LINK_LOSS, LOG_LV_WARNING,
		    "device `%s': %llu datagrams were lost, as the receive buffer of %zu bytes was full "
		    "(RcvSocketBuffer), or damaged",
		    name, (unsigned long long)(c->recv_dropped - w->dropped_told),
		    link_rcvbuf(d->links[i]));
	if (c->recv_shut_out != w->shut_out_told)
		log_event(d, HISTORY_LINK_LOSS, LOG_LV_WARNING,
		    "device `%s': a flood of datagrams that are no messages, or not the peer's: %llu "
		    "were dropped in the kernel",
		    name, (unsigned long long)(c->recv_shut_out - w->shut_out_told));
	history_add(d, HISTORY_LINK_LOSS,
	    "device `%s': %llu datagrams lost (buffer of %zu bytes), %llu useless ones kept out", name,
	    (unsigned long long)(c->recv_dropped - w->dropped_told), link_rcvbuf(d->links[i]),
	    (unsigned long long)(c->recv_shut_out - w->shut_out_told));
	w->dropped_told = c->recv_dropped;
	w->shut_out_told = c->recv_shut_out;
	w->drops_next = ms_add(now, STRANGERS_MS);
}

/* How the link's interface is doing; `why`: what else is wrong with it. */
static enum link_status
look_at(struct daemon *d, size_t i, char *why, size_t why_len)
{
	enum link_status status;
	int r = link_refresh(d->links[i], why, why_len);

	status = link_status(d->links[i]);
	return r < 0 && status == LINK_RUNNING ? LINK_DOWN : status;
}

static void
check_all(struct daemon *d, ms_t now)
{
	char why[256];

	d->links_checked = now;
	for (size_t i = 0; i < d->links_count; i++) {
		why[0] = '\0';
		node_link_state(d->node, i, look_at(d, i, why, sizeof(why)) == LINK_RUNNING, now);
		tell_of_strangers(d, i, now);
		tell_of_drops(d, i, now);
	}
	report_left_out(d, now);
	debug_tick(d, now);
}

/* The kernel tells when a carrier comes or goes.  The rest is looked at once a second. */
void
links_check(struct daemon *d, ms_t now)
{
	if (loop_events(&d->loop, d->link_watch_index) && link_watch_read(d->link_watch))
		d->links_checked = (ms_t){0};
	if (ms_since(now, d->links_checked) >= 1000)
		check_all(d, now);
}

/* The node has chosen another link, or found none. */
void
links_report(struct daemon *d, const struct notice *note)
{
	static const char *const status_name[] = {"RUNNING", "NO-CARRIER", "DOWN"};
	static const char *const reasons[] = {
	    [SWITCH_CARRIER] = "",
	    [SWITCH_SILENT] = ": nothing was heard on the one before",
	    [SWITCH_FOLLOWED] = ": the peer speaks on it",
	    [SWITCH_BACK] = ": it is the default one",
	};
	size_t i = (size_t)note->count;
	const char *name = link_config(d->links[i])->ifname;
	char why[256] = "";
	enum link_status status;

	if (note->type == NOTE_LINK_NONE) {
		status = look_at(d, i, why, sizeof(why));
		log_write(d->log, LOG_LV_ERROR, "no dedicated links available! device `%s': %s%s%s",
		    name, status_name[status], why[0] != '\0' ? ", " : "", why);
		history_add(d, HISTORY_NO_LINK, "no dedicated link carries anything: `%s' is %s%s%s", name,
		    status_name[status], why[0] != '\0' ? ", " : "", why);
	} else {
		history_add(d, HISTORY_LINK, "`%s' becomes dedicated link%s", name,
		    reasons[note->switch_why]);
		log_write(d->log, LOG_LV_NOTICE, "device `%s' becomes dedicated link%s", name,
		    reasons[note->switch_why]);
	}
}

/* The link in use may have changed: what waits for a connection of the old one is sent no more, it
 * would come too late. */
static void
note_link_in_use(struct daemon *d)
{
	size_t now = node_active_link(d->node);

	if (now != d->link_active) {
		link_forget(d->links[d->link_active]);
		d->link_active = now;
	}
}

/* The first of what waits, in pieces where the link carries less than the one that it was made for.
 * False if the rest has to wait. */
static bool
send_first(struct outbox *o, struct link *l)
{
	struct iovec *v = &o->datagrams[o->next];

	while (v->iov_len > 0) {
		size_t cap = link_payload_max(l), len = v->iov_len;
		bool broken;

		if (len > cap)
			len = wire_whole(v->iov_base, v->iov_len, cap, &broken);
		if (len == 0)
			len = v->iov_len;
		if (link_send(l, v->iov_base, len) == -EAGAIN)
			return false;
		v->iov_base = (uint8_t *)v->iov_base + len;
		v->iov_len -= len;
	}
	o->next++;
	return true;
}

/* Sends what waits.  False if some of it still has to. */
static bool
send_out(struct outbox *o, struct link *l)
{
	while (o->next < o->count) {
		size_t cap = link_payload_max(l), fit = o->next, left;

		while (fit < o->count && o->datagrams[fit].iov_len <= cap)
			fit++;
		left = fit - o->next;
		if (left < 2) {
			if (!send_first(o, l))
				return false;
			continue;
		}
		left -= link_send_many(l, &o->datagrams[o->next], left);
		o->next = fit - left;
		if (left > 0 && link_payload_max(l) == cap)
			return false;
	}
	o->next = o->count = o->used = 0;
	return true;
}

/* Takes the next datagrams from the node, for the link in use, as many as are worth one system call but
 * at most `max`.  False if it had less. */
static bool
collect(struct daemon *d, size_t max, ms_t now)
{
	const struct link *l = d->links[d->link_active];
	size_t cap = link_payload_max(l);
	struct outbox *o = &d->out;

	if (max > link_sends_max(l))
		max = link_sends_max(l);
	while (o->count < max && cap <= sizeof(o->bytes) - o->used &&
	    node_datagram_link(d->node) == d->link_active) {
		uint8_t *to = o->bytes + o->used;
		size_t len = node_pull_datagram(d->node, to, cap, now);

		if (len == 0)
			return false;
		o->datagrams[o->count++] = (struct iovec){.iov_base = to, .iov_len = len};
		o->used += len;
	}
	return true;
}

/* A word on another link is worth no waiting.  False if there is none after all. */
static bool
send_elsewhere(struct daemon *d, size_t to, ms_t now)
{
	struct outbox *o = &d->out;
	size_t len =
	    node_pull_datagram(d->node, o->bytes, link_payload_max(d->links[to]), now);

	if (len > 0)
		(void)link_send(d->links[to], o->bytes, len);
	return len > 0;
}

void
links_send(struct daemon *d, ms_t now)
{
	size_t sent = 0;
	bool more = true;

	if (d->links_count == 0)
		return;
	while (sent < SENDS_PER_TURN) {
		size_t to;

		note_link_in_use(d);
		/* Nothing is taken from the node before what was taken has left: it would be late. */
		if (!send_out(&d->out, d->links[d->link_active]) || !more)
			return;
		to = node_datagram_link(d->node);
		if (to != d->link_active) {
			more = send_elsewhere(d, to, now);
			sent++;
		} else {
			more = collect(d, SENDS_PER_TURN - sent, now);
			sent += d->out.count;
		}
	}
	note_link_in_use(d);
	if (send_out(&d->out, d->links[d->link_active]))
		d->more_kernel_work = true;
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
	if (d->links_count == 0)
		return true;
	d->link_watch = link_watch_open();
	if (d->link_watch < 0)
		log_write(d->log, LOG_LV_WARNING,
		    "can't be told of the state of interfaces: %s; they are looked at each second",
		    strerror(-d->link_watch));
	check_all(d, loop_now());
	d->link_active = node_active_link(d->node);
	return true;
}

void
links_close(struct daemon *d)
{
	for (size_t i = 0; i < d->links_count; i++)
		link_close(d->links[i]);
	if (d->link_watch >= 0)
		close(d->link_watch);
}
