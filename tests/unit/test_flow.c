/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a flow is: its reply direction, its parts, and what a merge takes over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "flow.h"

static struct flow
flow_of(uint8_t l4)
{
	struct flow f;

	flow_init(&f);
	f.key.l3 = L3_IPV4;
	f.key.l4 = l4;
	f.key.src = (struct ip_addr){{10, 0, 0, 1}};
	f.key.dst = (struct ip_addr){{10, 0, 0, 2}};
	f.has = HAS_ADDRS | HAS_L4PROTO;
	return f;
}

/* Every value that a merge takes over: where it is, and which bit stands for it. */
static const struct field {
	const char *name;
	uint32_t bit;
	uint8_t l4;
	bool quiet; /* a change of it is no news */
	size_t off, len;
} fields[] = {
#define FIELD(bit, l4, quiet, name)                                                                \
	{#name, bit, l4, quiet, offsetof(struct flow, name), sizeof(((struct flow *)NULL)->name)}
    FIELD(HAS_STATE, L4_TCP, false, l4.tcp.state),
    FIELD(HAS_WSCALE, L4_TCP, false, l4.tcp.wscale_orig),
    FIELD(HAS_WSCALE, L4_TCP, false, l4.tcp.wscale_repl),
    FIELD(HAS_TCP_FLAGS, L4_TCP, true, l4.tcp.flags_orig),
    FIELD(HAS_TCP_FLAGS, L4_TCP, true, l4.tcp.flags_repl),
    FIELD(HAS_STATE, L4_SCTP, false, l4.sctp.state),
    FIELD(HAS_VTAGS, L4_SCTP, false, l4.sctp.vtag_orig),
    FIELD(HAS_VTAGS, L4_SCTP, false, l4.sctp.vtag_repl),
    FIELD(HAS_STATE, L4_DCCP, false, l4.dccp.state),
    FIELD(HAS_DCCP_ROLE, L4_DCCP, false, l4.dccp.role),
    FIELD(HAS_DCCP_SEQ, L4_DCCP, true, l4.dccp.handshake_seq),
    FIELD(HAS_STATUS, L4_UDP, false, status),
    FIELD(HAS_MARK, L4_UDP, false, mark),
    FIELD(HAS_TIMEOUT, L4_UDP, true, timeout_s),
    FIELD(HAS_ID, L4_UDP, true, id),
    FIELD(HAS_SEQADJ, L4_TCP, false, rare.seqadj),
    FIELD(HAS_HELPER, L4_TCP, false, rare.helper),
    FIELD(HAS_LABELS, L4_UDP, false, rare.labels),
    FIELD(HAS_SYNPROXY, L4_TCP, false, rare.synproxy_isn),
    FIELD(HAS_SYNPROXY, L4_TCP, false, rare.synproxy_its),
    FIELD(HAS_SYNPROXY, L4_TCP, false, rare.synproxy_tsoff),
    FIELD(HAS_MASTER, L4_TCP, false, rare.master.src),
    FIELD(HAS_MASTER, L4_TCP, false, rare.master.dst),
    FIELD(HAS_MASTER, L4_TCP, false, rare.master.l3),
    FIELD(HAS_MASTER_L4, L4_TCP, false, rare.master.l4),
    FIELD(HAS_MASTER_PORTS, L4_TCP, false, rare.master.sport),
    FIELD(HAS_MASTER_PORTS, L4_TCP, false, rare.master.dport),
#undef FIELD
};

static void
set(struct flow *f, const struct field *field, uint8_t value)
{
	memset((uint8_t *)f + field->off, value, field->len);
	f->has |= field->bit;
}

static void
holds(const struct flow *f, const struct field *field, uint8_t value)
{
	uint8_t want[sizeof(struct flow)];

	memset(want, value, field->len);
	if (!(f->has & field->bit) ||
	    memcmp((const uint8_t *)f + field->off, want, field->len) != 0)
		fail_msg("%s is not %u", field->name, value);
}

static void
merged(struct flow *f, const struct flow *upd, const struct field *field, bool news)
{
	if (flow_merge(f, upd) != news)
		fail_msg("%s: a change of it %s", field->name, news ? "is news" : "is no news");
}

static void
a_merge_takes_what_the_update_has_and_keeps_what_it_lacks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *field = &fields[i];
		struct flow f = flow_of(field->l4), upd = flow_of(field->l4), none = upd;

		/* Absent is not zero. */
		set(&upd, field, 0);
		merged(&f, &upd, field, !field->quiet);
		holds(&f, field, 0);
		merged(&f, &upd, field, false);
		set(&upd, field, 7);
		merged(&f, &upd, field, !field->quiet);
		holds(&f, field, 7);
		merged(&f, &upd, field, false);
		merged(&f, &none, field, false);
		holds(&f, field, 7);
	}
}

/* A state means nothing in another protocol: what lies in its place stays. */
static void
a_merge_looks_only_at_what_the_protocol_has(void **state)
{
	struct flow f = flow_of(L4_UDP), upd = flow_of(L4_UDP);

	(void)state;
	upd.has |= HAS_STATE | HAS_WSCALE | HAS_VTAGS | HAS_DCCP_ROLE;
	upd.l4.tcp.state = TCP_CLOSE;
	assert_false(flow_merge(&f, &upd));
	assert_int_equal(f.l4.tcp.state, 0);
	assert_false(f.has & HAS_STATE);
}

static void
a_merge_takes_the_mapping_as_a_whole(void **state)
{
	struct flow f = flow_of(L4_TCP), upd = flow_of(L4_TCP);

	(void)state;
	flow_invert(&f.key, &f.reply);
	flow_invert(&upd.key, &upd.reply);
	/* The kernel's word that there is no NAT is none that changes anything. */
	upd.has |= HAS_REPLY;
	assert_false(flow_merge(&f, &upd));
	assert_true(f.has & HAS_REPLY);
	upd.reply.dst.b[3] = 9;
	upd.has |= HAS_SNAT;
	assert_true(flow_merge(&f, &upd));
	assert_true(flow_reply_equal(&f.reply, &upd.reply));
	assert_false(flow_merge(&f, &upd));
	/* The same tuple, but translated in another way. */
	upd.has = (upd.has & ~(uint32_t)HAS_SNAT) | HAS_SPAT;
	assert_true(flow_merge(&f, &upd));
	assert_false(f.has & HAS_SNAT);
	assert_true(f.has & HAS_SPAT);
	/* Off the wire there is only what is translated. */
	upd.has &= ~(uint32_t)HAS_REPLY;
	upd.reply.dport = 5;
	assert_true(flow_merge(&f, &upd));
	assert_int_equal(f.reply.dport, 5);
}

static void
two_flows_have_the_same_content_in_both_directions_or_not_at_all(void **state)
{
	struct flow a = flow_of(L4_UDP), b = a;

	(void)state;
	assert_true(flow_same_content(&a, &b));
	b.timeout_s = 9;
	b.id = 4;
	b.has |= HAS_TIMEOUT | HAS_ID;
	assert_true(flow_same_content(&a, &b));
	b.mark = 1;
	b.has |= HAS_MARK;
	assert_false(flow_same_content(&a, &b));
	assert_false(flow_same_content(&b, &a));
	b = a;
	b.key.sport = 1;
	assert_false(flow_same_content(&a, &b));
}

static void
a_flow_is_related_when_its_master_is_named_in_full(void **state)
{
	struct flow f = flow_of(L4_TCP);

	(void)state;
	f.rare.master.l4 = L4_TCP;
	assert_false(flow_is_related(&f));
	f.has |= HAS_MASTER;
	assert_false(flow_is_related(&f));
	f.has |= HAS_MASTER_L4;
	assert_false(flow_is_related(&f));
	f.has |= HAS_MASTER_PORTS;
	assert_true(flow_is_related(&f));
	f.has = HAS_MASTER | HAS_MASTER_L4;
	f.rare.master.l4 = L4_GRE;
	assert_true(flow_is_related(&f));
}

static void
a_flow_is_complete_when_it_has_what_its_protocol_needs(void **state)
{
	static const struct {
		uint8_t l4;
		uint32_t has;
		bool complete;
	} rows[] = {
	    {L4_TCP, 0, false},
	    {L4_TCP, HAS_ADDRS, false},
	    {L4_TCP, HAS_L4PROTO | HAS_PORTS, false},
	    {L4_TCP, HAS_ADDRS | HAS_L4PROTO, false},
	    {L4_TCP, HAS_ADDRS | HAS_L4PROTO | HAS_ICMP, false},
	    {L4_TCP, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS, true},
	    {L4_ICMP, HAS_ADDRS | HAS_L4PROTO | HAS_PORTS, false},
	    {L4_ICMP, HAS_ADDRS | HAS_L4PROTO | HAS_ICMP, true},
	    {L4_ICMPV6, HAS_ADDRS | HAS_L4PROTO | HAS_ICMP, true},
	    {L4_DCCP, HAS_ADDRS | HAS_L4PROTO, true},
	    {L4_GRE, HAS_ADDRS | HAS_L4PROTO, true},
	    {L4_IGMP, HAS_ADDRS | HAS_L4PROTO, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow f = flow_of(rows[i].l4);

		f.has = rows[i].has;
		if (flow_is_complete(&f) != rows[i].complete)
			fail_msg("row %zu", i);
	}
}

static void
an_icmp_flow_is_answered_by_the_type_that_answers(void **state)
{
	static const uint8_t rows[][3] = {
	    {L4_ICMP, 8, 0}, {L4_ICMP, 0, 8}, {L4_ICMP, 13, 14}, {L4_ICMP, 14, 13},
	    {L4_ICMP, 3, 3}, {L4_ICMP, 128, 128}, {L4_ICMPV6, 128, 129}, {L4_ICMPV6, 140, 139},
	    {L4_ICMPV6, 8, 8},
	};
	struct flow f = flow_of(L4_ICMP);
	uint8_t type_code[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(flow_icmp_reply_type(rows[i][0], rows[i][1]), rows[i][2]);
	put_be16(&f.key.sport, 77);
	put_be16(&f.key.dport, 0x0805);
	flow_invert(&f.key, &f.reply);
	memcpy(type_code, &f.reply.dport, 2);
	assert_int_equal(type_code[0], 0);
	assert_int_equal(type_code[1], 5);
	assert_int_equal(get_be16(&f.reply.sport), 77);
}

/* What the kernel's reply tuple says of NAT, and back from what is said on the wire. */
static void
nat_is_what_tells_the_reply_from_the_plain_one(void **state)
{
	const uint32_t nat = HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT;
	static const struct {
		uint8_t l4;
		uint32_t status, has;
	} rows[] = {
	    {L4_TCP, 0, 0},
	    {L4_TCP, ST_SRC_NAT_DONE, HAS_SNAT | HAS_SPAT},
	    {L4_TCP, ST_DST_NAT_DONE, HAS_DNAT | HAS_DPAT},
	    {L4_TCP, ST_SRC_NAT_DONE | ST_DST_NAT_DONE, HAS_SNAT | HAS_SPAT | HAS_DNAT | HAS_DPAT},
	    {L4_ICMP, ST_SRC_NAT_DONE | ST_DST_NAT_DONE, HAS_SNAT | HAS_SPAT | HAS_DNAT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow f = flow_of(rows[i].l4), plain;

		f.key.sport = 1;
		flow_invert(&f.key, &f.reply);
		plain = f;
		f.status = rows[i].status;
		plain.status = rows[i].status;
		plain.has |= HAS_REPLY;
		flow_derive_nat(&plain);
		assert_int_equal(plain.has & nat, 0);
		f.reply = (struct flow_reply){{{1}}, {{2}}, 3, 4};
		/* Not without the kernel's word. */
		flow_derive_nat(&f);
		assert_int_equal(f.has & nat, 0);
		f.has |= HAS_REPLY;
		flow_derive_nat(&f);
		assert_int_equal(f.has & nat, rows[i].has);
		/* The id of an ICMP flow goes as the port of its source. */
		flow_apply_nat(&f, &(struct flow_reply){{{1}}, {{2}}, 3, 4});
		assert_int_equal(f.reply.src.b[0], rows[i].has & HAS_DNAT ? 1 : 10);
		assert_int_equal(f.reply.dst.b[0], rows[i].has & HAS_SNAT ? 2 : 10);
		if (rows[i].l4 == L4_ICMP)
			assert_int_equal(f.reply.sport, 4);
		else
			assert_int_equal(f.reply.dport, rows[i].has & HAS_SPAT ? 4 : 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_merge_takes_what_the_update_has_and_keeps_what_it_lacks),
	    cmocka_unit_test(a_merge_looks_only_at_what_the_protocol_has),
	    cmocka_unit_test(a_merge_takes_the_mapping_as_a_whole),
	    cmocka_unit_test(two_flows_have_the_same_content_in_both_directions_or_not_at_all),
	    cmocka_unit_test(a_flow_is_related_when_its_master_is_named_in_full),
	    cmocka_unit_test(a_flow_is_complete_when_it_has_what_its_protocol_needs),
	    cmocka_unit_test(an_icmp_flow_is_answered_by_the_type_that_answers),
	    cmocka_unit_test(nat_is_what_tells_the_reply_from_the_plain_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
