/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever a node refuses or leaves aside has a counter of its own name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "node.h"
#include "wire.h"

struct bench {
	void *mem;
	struct node *n;
	struct node_stats before;
	ms_t now;
};

static struct bench
bench_new(struct node_cfg cfg)
{
	struct bench b = {.now = {1000000}};

	b.mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	assert_non_null(b.mem);
	memset(b.mem, 0, node_size(&cfg));
	b.n = node_init(b.mem, &cfg, b.now);
	return b;
}

static void
remember(struct bench *b)
{
	b->before = *node_stats(b->n);
}

static uint64_t
value_of(const struct node_stats *s, const struct stats_row *row)
{
	uint64_t value;

	memcpy(&value, (const char *)s + row->offset, sizeof(value));
	return value;
}

/* Since remember(), each of the names (up to a NULL) counted one more, and nothing else did. */
static void
assert_counted(const struct bench *b, const char *const *names)
{
	size_t count;
	const struct stats_row *rows = stats_rows(&count);

	for (size_t i = 0; i < count; i++) {
		uint64_t before = value_of(&b->before, &rows[i]);
		uint64_t more = value_of(node_stats(b->n), &rows[i]) - before;
		bool wanted = false;

		for (const char *const *name = names; *name != NULL; name++)
			wanted |= strcmp(*name, rows[i].name) == 0;
		if (more != wanted)
			fail_msg("%s: %llu more", rows[i].name, (unsigned long long)more);
	}
}

#define COUNTED(b, ...) assert_counted(b, (const char *const[]){__VA_ARGS__, NULL})

static struct flow
udp_flow(uint16_t port)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = L4_UDP;
	f.key.src = (struct ip_addr){{10, 0, 0, 1}};
	f.key.dst = (struct ip_addr){{10, 0, 0, 2}};
	put_be16(&f.key.sport, port);
	put_be16(&f.key.dport, 53);
	flow_invert(&f.key, &f.reply);
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_PORTS | HAS_REPLY | HAS_STATUS | HAS_ID;
	f.id = port;
	return f;
}

static void
event(struct bench *b, enum kernel_event_type type, const struct flow *f)
{
	struct kernel_event ev = {.type = type, .flow = *f};

	node_kernel_event(b->n, &ev, b->now);
}

static void
control(struct bench *b, uint8_t flags, uint32_t seq, size_t more)
{
	const struct peer_addr from = {.l3 = L3_IPV4, .addr = {{10, 9, 9, 1}}};
	uint8_t buf[64] = {0};
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, flags, seq, 0, 0));
	wbuf_zeros(&wb, more);
	wbuf_patch_be16(&wb, 2, (uint16_t)wbuf_len(&wb));
	node_datagram(b->n, &from, buf, wbuf_len(&wb), b->now);
}

static void
an_answer_to_nothing_is_counted(void **state)
{
	struct bench b = bench_new((struct node_cfg){.limit = 16});
	struct kernel_result res = {.cookie = 7};

	(void)state;
	for (int i = 0; i < 2; i++) {
		remember(&b);
		node_kernel_result(b.n, &res, b.now);
		COUNTED(&b, "kernel_result_stray");
		res.cookie = UINT32_MAX;
	}
	free(b.mem);
}

static void
what_a_read_names_in_vain_is_counted(void **state)
{
	struct node_cfg cfg = {.limit = 16, .filter = {.proto_polarity = FILTER_IGNORE}};
	struct flow f = udp_flow(1), tcp = udp_flow(2), other;
	struct bench b;

	(void)state;
	filter_proto_add(&cfg.filter, L4_TCP);
	b = bench_new(cfg);
	remember(&b);
	node_kernel_read_flow(b.n, &f, b.now);
	COUNTED(&b, "dump_flows", "dump_stray");

	node_kernel_read_begin(b.n, false, b.now);
	tcp.key.l4 = L4_TCP;
	remember(&b);
	node_kernel_read_flow(b.n, &tcp, b.now);
	COUNTED(&b, "dump_flows", "dump_filtered");

	other = f;
	other.has &= ~(uint32_t)HAS_PORTS;
	remember(&b);
	node_kernel_read_flow(b.n, &other, b.now);
	COUNTED(&b, "dump_flows", "dump_incomplete");

	event(&b, KEV_NEW, &f);
	other = f;
	other.id++;
	remember(&b);
	node_kernel_read_flow(b.n, &other, b.now);
	COUNTED(&b, "dump_flows", "dump_stale");
	free(b.mem);
}

/* While the table is read, the end of a flow not read yet is told, if the table has room. */
static void
an_end_that_finds_the_table_full_is_counted(void **state)
{
	struct bench b = bench_new((struct node_cfg){.limit = 2});
	struct flow f;

	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		f = udp_flow(i);
		event(&b, KEV_NEW, &f);
	}
	node_kernel_read_begin(b.n, false, b.now);
	f = udp_flow(9);
	remember(&b);
	event(&b, KEV_DESTROY, &f);
	COUNTED(&b, "kernel_events", "local_destroy_failed");
	free(b.mem);
}

static void
bytes_behind_a_control_message_are_counted(void **state)
{
	struct bench b = bench_new((struct node_cfg){.limit = 16});

	(void)state;
	control(&b, WIRE_ALIVE, 1, 0);
	remember(&b);
	control(&b, WIRE_ALIVE, 2, 0);
	COUNTED(&b, "recv_datagrams", "recv_messages");
	remember(&b);
	control(&b, WIRE_ALIVE, 3, 4);
	COUNTED(&b, "recv_datagrams", "recv_messages", "recv_misfit");
	free(b.mem);
}

static void
late_messages_of_a_former_process_are_counted(void **state)
{
	struct bench b = bench_new((struct node_cfg){.limit = 16});

	(void)state;
	control(&b, WIRE_ALIVE, 1000, 0);
	b.now.ms += 5000;
	control(&b, WIRE_ALIVE | WIRE_HELLO, 1u << 30, 0);
	b.now.ms += 100;
	remember(&b);
	control(&b, WIRE_ALIVE, 1001, 0);
	COUNTED(&b, "recv_datagrams", "recv_messages", "seq_old_process");
	free(b.mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_to_nothing_is_counted),
	    cmocka_unit_test(what_a_read_names_in_vain_is_counted),
	    cmocka_unit_test(an_end_that_finds_the_table_full_is_counted),
	    cmocka_unit_test(bytes_behind_a_control_message_are_counted),
	    cmocka_unit_test(late_messages_of_a_former_process_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
