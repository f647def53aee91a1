/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic.c: the connections that clients may have, and what their packets do to a kernel.
 */
#include <string.h>

#include "buf.h"
#include "sim.h"

/* ---- who may speak to whom ---- */

static uint8_t
draw_protocol(struct dice *d)
{
	static const uint8_t often[] = {L4_TCP, L4_TCP, L4_TCP, L4_TCP, L4_TCP, L4_TCP, L4_TCP, L4_UDP,
	    L4_UDP, L4_UDP, L4_ICMP, L4_SCTP, L4_GRE, L4_DCCP, L4_UDPLITE, L4_ICMPV6, 50};

	return often[dice_below(d, ARRAY_LEN(often))];
}

static void
draw_addresses(struct flow *f, int tuple, struct dice *d)
{
	f->key.l3 = f->key.l4 == L4_ICMPV6 ||
		(f->key.l4 != L4_ICMP && dice_chance(d, 20))
	    ? L3_IPV6
	    : L3_IPV4;
	if (f->key.l3 == L3_IPV6) {
		f->key.src.b[0] = 0xfd;
		f->key.dst.b[0] = 0xfd;
		f->key.src.b[15] = (uint8_t)tuple;
		f->key.dst.b[14] = 1;
	} else {
		f->key.src = (struct ip_addr){{10, 1, 0, (uint8_t)(1 + tuple % 50)}};
		f->key.dst = (struct ip_addr){{10, 2, 0, (uint8_t)(1 + dice_below(d, 3))}};
	}
	f->key.src.b[13] = (uint8_t)(f->key.l3 == L3_IPV6 ? tuple / 7 : 0);
}

static void
draw_ports(struct flow *f, int tuple, struct dice *d)
{
	static const uint16_t services[] = {21, 53, 80, 443};

	if (flow_l4_is_icmp(f->key.l4)) {
		put_be16(&f->key.sport, (uint16_t)(100 + tuple));
		put_be16(&f->key.dport, f->key.l4 == L4_ICMP ? 8 << 8 : 128 << 8);
		f->has |= HAS_ICMP;
	} else if (flow_l4_has_ports(f->key.l4)) {
		put_be16(&f->key.sport, (uint16_t)(1000 + tuple));
		put_be16(&f->key.dport, services[dice_below(d, ARRAY_LEN(services))]);
		f->has |= HAS_PORTS;
	} else if (f->key.l4 == L4_GRE) {
		put_be16(&f->key.sport, (uint16_t)tuple);
		put_be16(&f->key.dport, 7);
		f->has |= HAS_PORTS;
	}
}

/* A neighbour of the tuple before: the same but for its zone, or protocol. */
static bool
make_twin(struct sim *s, int tuple, struct dice *d)
{
	struct flow f = s->tuples[tuple - 1].flow;

	if (dice_chance(d, 70) || !flow_l4_has_ports(f.key.l4) || s->tuples[tuple - 1].master >= 0) {
		f.key.zone = (uint16_t)(f.key.zone == 0 ? 7 : 0);
	} else {
		f.key.l4 = f.key.l4 == L4_TCP ? L4_UDP : L4_TCP;
		f.has &= ~(uint32_t)HAS_STATE;
	}
	if (truth_tuple(&s->truth, &f.key) != NO_TUPLE)
		return false;
	s->tuples[tuple].flow = f;
	return true;
}

static void
make_tuple(struct sim *s, int tuple, struct dice *d)
{
	struct flow *f = &s->tuples[tuple].flow;

	flow_init(f);
	f->key.l4 = draw_protocol(d);
	f->has = HAS_ADDRS | HAS_L4PROTO | HAS_STATUS | HAS_TIMEOUT | HAS_REPLY;
	draw_addresses(f, tuple, d);
	draw_ports(f, tuple, d);
	if (dice_chance(d, 15))
		f->key.zone = (uint16_t)(1 + dice_below(d, 3));
	/* Without ports only addresses and the protocol tell two flows apart. */
	while (truth_tuple(&s->truth, &f->key) != NO_TUPLE)
		f->key.dst.b[3]++;
}

/* Every fifth may have a helper, and the next one or two be what it expects. */
static void
draw_family(struct sim *s, int tuple)
{
	struct flow *f = &s->tuples[tuple].flow;
	const struct flow *m;
	uint16_t zone;

	s->tuples[tuple].master = NO_TUPLE;
	if (tuple % 5 == 0 && (f->key.l4 == L4_TCP || f->key.l4 == L4_UDP)) {
		strcpy(f->rare.helper, f->key.l4 == L4_TCP ? "ftp" : "sip");
		f->has |= HAS_HELPER;
		return;
	}
	if (tuple == 0 || (tuple % 5 != 1 && tuple % 10 != 2))
		return;
	m = &s->tuples[tuple - 1].flow;
	if ((tuple % 5 == 1 && !(m->has & HAS_HELPER)) ||
	    (tuple % 10 == 2 && s->tuples[tuple - 1].master == NO_TUPLE) ||
	    m->key.l3 != f->key.l3)
		return;
	zone = f->key.zone;
	f->key.zone = m->key.zone;
	if (truth_tuple(&s->truth, &f->key) != NO_TUPLE) {
		f->key.zone = zone;
		return;
	}
	s->tuples[tuple].master = tuple - 1;
	f->rare.master = m->key;
	f->has |= HAS_MASTER | HAS_MASTER_L4 | (m->has & HAS_PORTS ? HAS_MASTER_PORTS : 0);
}

void
traffic_init(struct sim *s)
{
	struct dice d = {.state = (uint64_t)s->plan->seed ^ 0x7570ULL};

	s->tuples_count = (size_t)s->plan->tuples;
	for (int i = 0; i < (int)s->tuples_count; i++) {
		bool twin = i > 0 && dice_chance(&d, 15) && make_twin(s, i, &d);

		s->tuples[i].master = NO_TUPLE;
		if (!twin)
			make_tuple(s, i, &d);
		else if (s->tuples[i].flow.has & HAS_MASTER)
			s->tuples[i].flow.has &=
			    ~(uint32_t)(HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS);
		if (!twin)
			draw_family(s, i);
		s->tuples[i].flow.has &= ~(uint32_t)HAS_ZONE;
		if (s->tuples[i].flow.key.zone != 0)
			s->tuples[i].flow.has |= HAS_ZONE;
		truth_add_key(&s->truth, &s->tuples[i].flow.key);
		s->home[i] = (uint8_t)(i % s->plan->nodes);
	}
}

size_t
traffic_node(const struct sim *s, int tuple, size_t any)
{
	if (s->plan->regime == 0)
		return s->master;
	return s->plan->regime == 1 ? s->home[tuple] : any;
}

struct flow *
traffic_entry(struct sim *s, size_t node, int tuple)
{
	return sim_kernel_find(s->w->nodes[node].kernel, &s->tuples[tuple].flow.key);
}

/* ---- packets ---- */

static uint32_t
timeout_of(const struct flow *f)
{
	static const uint32_t tcp[TCP_STATE_MAX] = {[TCP_SYN_SENT] = 20, [TCP_SYN_RECV] = 15,
	    [TCP_ESTABLISHED] = 600, [TCP_FIN_WAIT] = 20, [TCP_CLOSE_WAIT] = 15,
	    [TCP_LAST_ACK] = 6, [TCP_TIME_WAIT] = 12, [TCP_CLOSE] = 3, [TCP_SYN_SENT2] = 20};

	if (f->key.l4 == L4_TCP)
		return tcp[f->l4.tcp.state];
	return f->status & ST_ASSURED ? 60 : 8;
}

static void
first_state(struct flow *f)
{
	switch (f->key.l4) {
	case L4_TCP:
		f->l4.tcp.state = TCP_SYN_SENT;
		f->has |= HAS_STATE;
		break;
	case L4_SCTP:
		f->l4.sctp.state = 1;
		f->has |= HAS_STATE;
		break;
	case L4_DCCP:
		f->l4.dccp.state = 1;
		f->l4.dccp.role = 0;
		f->has |= HAS_STATE | HAS_DCCP_ROLE;
		break;
	default:
		break;
	}
}

/* The mapping of a new flow; few ports, so that connections come to want the same one. */
static void
draw_nat(struct flow *f, struct dice *d)
{
	bool v6 = f->key.l3 == L3_IPV6;

	flow_invert(&f->key, &f->reply);
	f->status &= ~(uint32_t)(ST_SRC_NAT | ST_DST_NAT);
	if (dice_chance(d, 40)) {
		f->reply.dst = (struct ip_addr){{10, 2, 0, 100}};
		if (v6)
			f->reply.dst = (struct ip_addr){{0xfd, [15] = 100}};
		if (flow_l4_is_icmp(f->key.l4))
			put_be16(&f->reply.sport, (uint16_t)(500 + dice_below(d, 8)));
		else if (flow_l4_has_ports(f->key.l4) && dice_chance(d, 70))
			put_be16(&f->reply.dport, (uint16_t)(40000 + dice_below(d, 8)));
		f->status |= ST_SRC_NAT;
	}
	if (!flow_l4_is_icmp(f->key.l4) && dice_chance(d, 15)) {
		f->reply.src = (struct ip_addr){{10, 3, 0, 9}};
		if (v6)
			f->reply.src = (struct ip_addr){{0xfd, [15] = 9}};
		if (flow_l4_has_ports(f->key.l4) && dice_chance(d, 50))
			put_be16(&f->reply.sport, 8080);
		f->status |= ST_DST_NAT;
	}
	f->status |= ST_SRC_NAT_DONE | ST_DST_NAT_DONE;
	flow_derive_nat(f);
}

static bool
master_expects(struct sim *s, size_t node, int tuple)
{
	const struct flow *m;

	if (s->tuples[tuple].master == NO_TUPLE)
		return true;
	m = traffic_entry(s, node, s->tuples[tuple].master);
	return m != NULL && (m->status & ST_SEEN_REPLY);
}

bool
traffic_open(struct sim *s, size_t node, int tuple, struct dice *d)
{
	struct flow f = s->tuples[tuple].flow;

	if (traffic_entry(s, node, tuple) != NULL)
		return false;
	f.status = ST_CONFIRMED;
	if (!master_expects(s, node, tuple))
		f.has &= ~(uint32_t)(HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS);
	else if (f.has & HAS_MASTER)
		f.status |= ST_EXPECTED;
	if (f.has & HAS_HELPER)
		f.status |= ST_HELPER;
	first_state(&f);
	if (dice_chance(d, 30)) {
		f.mark = ++s->marks;
		f.has |= HAS_MARK;
	}
	if (f.key.l4 == L4_TCP && dice_chance(d, 8)) {
		f.rare.synproxy_isn = (uint32_t)dice_roll(d);
		f.rare.synproxy_tsoff = (uint32_t)dice_roll(d);
		f.has |= HAS_SYNPROXY;
	}
	f.timeout_s = timeout_of(&f);
	/* The kernel gives a mapping whose reply nobody else expects, or drops the packet. */
	for (int tries = 0; tries < 4; tries++) {
		draw_nat(&f, d);
		if (!sim_kernel_new(s->w->nodes[node].kernel, &f))
			continue;
		sim_kernel_expected(s->w->nodes[node].kernel, &f);
		return true;
	}
	return false;
}

bool
traffic_expect(struct sim *s, size_t node, int tuple, struct dice *d)
{
	const struct flow *f = &s->tuples[tuple].flow;
	struct expect e = {.tuple = f->key, .flags = 0, .class = dice_below(d, 2)};

	if (s->tuples[tuple].master == NO_TUPLE || !master_expects(s, node, tuple) ||
	    !flow_l4_has_ports(f->key.l4) || traffic_entry(s, node, tuple) != NULL)
		return false;
	e.master = s->tuples[s->tuples[tuple].master].flow.key;
	e.mask = e.tuple;
	memset(&e.mask.src, 0xff, flow_addr_len(f->key.l3));
	memset(&e.mask.dst, 0xff, flow_addr_len(f->key.l3));
	e.mask.zone = 0;
	/* From whichever port it comes. */
	e.tuple.sport = 0;
	e.mask.sport = 0;
	e.mask.dport = 0xffff;
	strcpy(e.helper, "ftp");
	e.timeout_s = 20 * (1 + dice_below(d, 15));
	e.has = EXP_MASTER_ADDRS | EXP_MASTER_L4 | EXP_MASTER_PORTS | EXP_TUPLE_ADDRS |
	    EXP_TUPLE_L4 | EXP_TUPLE_PORTS | EXP_MASK_ADDRS | EXP_MASK_L4 | EXP_MASK_PORTS |
	    EXP_TIMEOUT | EXP_FLAGS | EXP_CLASS | EXP_HELPER;
	return sim_kernel_expect(s->w->nodes[node].kernel, &e);
}

static void
next_tcp(struct flow *f, struct dice *d)
{
	static const uint8_t next[TCP_STATE_MAX] = {[TCP_SYN_SENT] = TCP_SYN_RECV,
	    [TCP_SYN_SENT2] = TCP_SYN_RECV, [TCP_SYN_RECV] = TCP_ESTABLISHED,
	    [TCP_ESTABLISHED] = TCP_FIN_WAIT, [TCP_FIN_WAIT] = TCP_CLOSE_WAIT,
	    [TCP_CLOSE_WAIT] = TCP_LAST_ACK, [TCP_LAST_ACK] = TCP_TIME_WAIT,
	    [TCP_TIME_WAIT] = TCP_TIME_WAIT, [TCP_CLOSE] = TCP_CLOSE, [TCP_NONE] = TCP_SYN_SENT};

	f->l4.tcp.state = dice_chance(d, 8) ? TCP_CLOSE : next[f->l4.tcp.state];
	f->status |= ST_SEEN_REPLY;
	if (f->l4.tcp.state == TCP_SYN_RECV && dice_chance(d, 70)) {
		f->l4.tcp.wscale_orig = (uint8_t)(1 + dice_below(d, 8));
		f->l4.tcp.wscale_repl = 7;
		f->has |= HAS_WSCALE;
	}
	if (f->l4.tcp.state == TCP_ESTABLISHED)
		f->status |= ST_ASSURED;
}

static void
next_other(struct flow *f, struct dice *d)
{
	if (f->status & ST_SEEN_REPLY)
		f->status |= ST_ASSURED;
	f->status |= ST_SEEN_REPLY;
	if (f->key.l4 == L4_SCTP) {
		f->l4.sctp.state = (uint8_t)(f->l4.sctp.state % 8 + 1);
		f->l4.sctp.vtag_orig = (uint32_t)dice_roll(d);
		f->l4.sctp.vtag_repl = (uint32_t)dice_roll(d);
		f->has |= HAS_VTAGS;
	} else if (f->key.l4 == L4_DCCP) {
		f->l4.dccp.state = (uint8_t)(f->l4.dccp.state % 7 + 1);
	}
}

void
traffic_advance(struct sim *s, size_t node, int tuple, struct dice *d)
{
	const struct flow *known = traffic_entry(s, node, tuple);
	struct flow f;

	if (known == NULL)
		return;
	f = *known;
	if (f.key.l4 == L4_TCP)
		next_tcp(&f, d);
	else
		next_other(&f, d);
	f.timeout_s = timeout_of(&f);
	sim_kernel_update(s->w->nodes[node].kernel, &f);
}

void
traffic_change(struct sim *s, size_t node, int tuple, struct dice *d)
{
	struct flow *known = traffic_entry(s, node, tuple);
	struct flow f;

	if (known == NULL)
		return;
	f = *known;
	switch (dice_below(d, 4)) {
	case 0:
		f.rare.labels[dice_below(d, FLOW_LABELS_LEN)] |= (uint8_t)(1u << dice_below(d, 8));
		f.has |= HAS_LABELS;
		break;
	case 1:
		/* No event tells of these by itself. */
		if (f.key.l4 != L4_TCP)
			return;
		known->rare.seqadj[0].correction_pos = (uint32_t)dice_roll(d);
		known->rare.seqadj[0].offset_after = dice_below(d, 100);
		known->has |= HAS_SEQADJ;
		s->silent = true;
		s->hidden[node][tuple] = true;
		return;
	default:
		f.mark = ++s->marks;
		f.has |= HAS_MARK;
		break;
	}
	sim_kernel_update(s->w->nodes[node].kernel, &f);
}

void
traffic_data(struct sim *s, size_t node, int tuple)
{
	struct flow *f = traffic_entry(s, node, tuple);

	if (f == NULL)
		return;
	f->timeout_s = timeout_of(f);
	s->data_at[node][tuple] = s->w->now;
}

void
traffic_close(struct sim *s, size_t node, int tuple)
{
	if (traffic_entry(s, node, tuple) != NULL)
		sim_kernel_destroy(s->w->nodes[node].kernel, &s->tuples[tuple].flow.key);
}
