/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows.h: flows to play with.
 */
#ifndef TESTS_FLOWS_H
#define TESTS_FLOWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "world.h"

/* An established, assured TCP connection from port `i` through source NAT. */
static inline struct flow
tcp_flow(unsigned int i)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = L4_TCP;
	f.key.src = (struct ip_addr){{192, 168, 1, 10}};
	f.key.dst = (struct ip_addr){{192, 168, 0, 10}};
	put_be16(&f.key.sport, (uint16_t)i);
	put_be16(&f.key.dport, 80);
	flow_invert(&f.key, &f.reply);
	f.reply.dst = (struct ip_addr){{192, 168, 0, 100}};
	f.status = ST_SEEN_REPLY | ST_ASSURED | ST_CONFIRMED | ST_SRC_NAT | ST_SRC_NAT_DONE |
	    ST_DST_NAT_DONE;
	f.timeout_s = 432000;
	f.l4.tcp.state = TCP_ESTABLISHED;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_STATUS | HAS_TIMEOUT |
	    HAS_STATE;
	flow_derive_nat(&f);
	return f;
}

static inline struct flow
tcp_flow_in(unsigned int i, uint8_t state)
{
	struct flow f = tcp_flow(i);

	f.l4.tcp.state = state;
	return f;
}

/* What a packet leaves behind that found nothing: one way, not translated. */
static inline struct flow
stray_flow(unsigned int i)
{
	struct flow f = tcp_flow_in(i, TCP_SYN_SENT);

	f.status = ST_CONFIRMED;
	flow_invert(&f.key, &f.reply);
	flow_derive_nat(&f);
	return f;
}

static inline struct node_cfg
ftfw_cfg(void)
{
	return (struct node_cfg){.mode = MODE_FTFW, .limit = 8192, .ack_window = 20};
}

static inline struct node_cfg
alarm_cfg(void)
{
	return (struct node_cfg){
	    .mode = MODE_ALARM, .limit = 8192, .refresh_s = 5, .cache_timeout_s = 20};
}

/* `count` flows in the kernel of node i, from source port `from` on. */
static inline void
make_flows(struct world *w, size_t i, unsigned int from, unsigned int count)
{
	for (unsigned int k = 0; k < count; k++) {
		struct flow f = tcp_flow(from + k);

		sim_kernel_new(w->nodes[i].kernel, &f);
	}
}

/* And their end. */
static inline void
end_flows(struct world *w, size_t i, unsigned int from, unsigned int count)
{
	for (unsigned int k = 0; k < count; k++) {
		struct flow f = tcp_flow(from + k);

		sim_kernel_destroy(w->nodes[i].kernel, &f.key);
	}
}

/* Two nodes that have found each other. */
static inline struct world *
pair(struct node_cfg cfg)
{
	struct world *w = world_new(2, &cfg);

	world_run(w, 3000);
	return w;
}

/* Node a's kernel, a's local table and b's remote table hold the same flows. */
static inline void
assert_replica(struct world *w, size_t a, size_t b)
{
	struct flow_view v;
	uint32_t cursor = 0;
	size_t flows = 0;

	while (node_next_flow(w->nodes[a].node, TABLE_LOCAL, &cursor, &v, w->now)) {
		struct flow r;

		flows++;
		if (sim_kernel_find(w->nodes[a].kernel, &v.flow.key) == NULL)
			fail_msg("flow %u is only imagined", get_be16(&v.flow.key.sport));
		if (!world_find(w, b, TABLE_REMOTE, &v.flow.key, &r))
			fail_msg("flow %u is missing", get_be16(&v.flow.key.sport));
		assert_true(flow_reply_equal(&v.flow.reply, &r.reply));
		assert_int_equal(v.flow.status, r.status);
		assert_int_equal(v.flow.l4.tcp.state, r.l4.tcp.state);
		assert_int_equal(v.flow.mark, r.mark);
	}
	assert_int_equal(w->nodes[a].kernel->count, flows);
	assert_int_equal(world_count(w, b, TABLE_REMOTE), flows);
}

static inline bool
drop_all(struct world *w, int from, int to, const uint8_t *data, size_t len)
{
	(void)w;
	(void)from;
	(void)to;
	(void)data;
	(void)len;
	return true;
}

/* What the FTP helper of a control connection expects, on port `i`. */
static inline struct expect
data_of(const struct flow *master, unsigned int i)
{
	struct expect e = {.master = master->key, .tuple = master->key, .timeout_s = 300};

	e.tuple.src = master->key.dst;
	e.tuple.dst = master->key.src;
	e.tuple.sport = 0;
	put_be16(&e.tuple.dport, (uint16_t)i);
	memset(&e.mask.src, 0xff, 4);
	memset(&e.mask.dst, 0xff, 4);
	e.mask.l3 = L3_IPV4;
	e.mask.dport = 0xffff;
	e.class = 1;
	e.nat_dir = 1;
	put_be16(&e.nat.sport, 4001);
	e.nat.l3 = L3_IPV4;
	e.nat.l4 = L4_TCP;
	strcpy(e.helper, "ftp");
	strcpy(e.fn, "nat-follow-master");
	e.has = EXP_MASTER_ADDRS | EXP_MASTER_L4 | EXP_MASTER_PORTS | EXP_TUPLE_ADDRS |
	    EXP_TUPLE_L4 | EXP_TUPLE_PORTS | EXP_MASK_ADDRS | EXP_MASK_L4 | EXP_MASK_PORTS |
	    EXP_TIMEOUT | EXP_FLAGS | EXP_CLASS | EXP_NAT_ADDRS | EXP_NAT_L4 | EXP_NAT_PORTS |
	    EXP_NAT_DIR | EXP_HELPER | EXP_FN;
	return e;
}

#endif
