/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel says: events, dumps and answers of any bytes.  Each message is either taken or
 * counted once; what is taken can be asked for, written and read again.
 *
 * The input is a script of datagrams: what it is for, its length, its bytes.
 */
#include <errno.h>

#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ctnl.h"
#include "ctnl_msg.h"
#include "fake_netlink.h"
#include "fuzz.h"

enum { DATAGRAM_MAX = 2048, STEPS_MAX = 256, ANSWERS_MAX = 4, ANSWERS_WAIT_MAX = 32 };

/* What a datagram is for, and what is mended in it, so that it gets past the first checks. */
enum {
	FOR_EVENT = 0,
	FOR_DUMP = 1,
	FOR_WRITE = 2,
	CANCEL_DUMP = 3,
	FOR_MASK = 3,
	MEND_LEN = 1 << 2,  /* one message that is as long as the datagram */
	MEND_SEQ = 1 << 3,  /* the number of the dump or of the request */
	MEND_TYPE = 1 << 4, /* a flow */
	FOREIGN = 1 << 5,   /* from another process */
	TOO_LONG = 1 << 6,
};

struct bench {
	struct ctnl *c;
	struct flow flow; /* the last one taken */
	uint64_t taken;
	uint64_t answers; /* messages said in answer to requests */
	uint64_t answers_counted;
	uint32_t dumps;
	bool dumping;
	bool cancels; /* the callback ends the dump */
	struct script *s;
};

/* ---- flows ---- */

static void
check_round_trip(const struct flow *f)
{
	_Alignas(8) uint8_t buf[CTNL_MSG_MAX];
	struct kernel_op op = {.type = KOP_CREATE, .flow = *f};
	const struct nlmsghdr *nlh = (const void *)buf;
	size_t len = ctnl_msg_build(&op, 1, buf, sizeof(buf));
	struct flow back;

	CHECK(len >= MNL_NLMSG_HDRLEN && len <= sizeof(buf) && nlh->nlmsg_len == len);
	CHECK(ctnl_msg_parse(nlh, &back));
	CHECK(flow_key_equal(&f->key, &back.key));
	CHECK(!(f->has & HAS_TIMEOUT) || back.timeout_s == f->timeout_s);
	CHECK(!(f->has & HAS_MARK) || back.mark == f->mark);
	CHECK((f->has & HAS_LABELS) == (back.has & HAS_LABELS));
	CHECK(memcmp(f->rare.labels, back.rare.labels, sizeof(f->rare.labels)) == 0);
	CHECK(memcmp(f->rare.seqadj, back.rare.seqadj, sizeof(f->rare.seqadj)) == 0);
	CHECK(strcmp(f->rare.helper, back.rare.helper) == 0);
	CHECK(!(f->has & HAS_STATE) || f->key.l4 != L4_TCP || back.l4.tcp.state == f->l4.tcp.state);
	CHECK(!flow_is_related(f) || flow_is_related(&back));
}

static void
check_flow(const struct flow *f)
{
	_Alignas(8) uint8_t buf[CTNL_MSG_MAX];

	CHECK(flow_is_complete(f));
	CHECK(f->key.l3 == L3_IPV4 || f->key.l3 == L3_IPV6);
	CHECK(memchr(f->rare.helper, '\0', sizeof(f->rare.helper)) != NULL);
	check_round_trip(f);
	for (enum kernel_op_type type = KOP_CREATE; type <= KOP_GET_REPLY; type++) {
		struct kernel_op op = {.type = type,
		    .flow = *f,
		    .victim = f->key,
		    .victim_id = f->id,
		    .tcp_liberal = true};
		size_t len = ctnl_msg_build(&op, 1, buf, sizeof(buf));

		CHECK(len > 0 && len <= sizeof(buf));
		/* Where there is no room nothing is built, and nothing written beyond it. */
		CHECK(ctnl_msg_build(&op, 1, buf, len) == len);
		CHECK(ctnl_msg_build(&op, 1, buf, len - 1) == 0);
	}
}

/* An expectation can be built again, and built it says the same. */
static void
check_expect(const struct expect *e)
{
	_Alignas(8) uint8_t buf[CTNL_MSG_MAX];
	struct kernel_op op = {.type = KOP_EXPECT_CREATE, .expect = *e};
	struct expect again;
	size_t len;

	CHECK(e->tuple.l3 == L3_IPV4 || e->tuple.l3 == L3_IPV6);
	CHECK(memchr(e->helper, '\0', sizeof(e->helper)) != NULL);
	CHECK(memchr(e->fn, '\0', sizeof(e->fn)) != NULL);
	len = ctnl_msg_build(&op, 1, buf, sizeof(buf));
	/* Another family in the master makes a message that says so. */
	CHECK(len > 0 && len <= sizeof(buf));
	CHECK(ctnl_msg_build(&op, 1, buf, len - 1) == 0);
	CHECK(ctnl_msg_build(&op, 1, buf, len) == len);
	if (expect_is_complete(e) && ctnl_msg_parse_expect((const void *)buf, &again))
		CHECK(expect_is_same(e, &again));
	op.type = KOP_EXPECT_DELETE;
	CHECK(ctnl_msg_build(&op, 1, buf, sizeof(buf)) > 0);
}

static void
take_event(void *ctx, const struct kernel_event *ev)
{
	struct bench *b = ctx;

	if (ev->type >= KEV_EXPECT_NEW) {
		check_expect(&ev->expect);
		b->taken++;
		return;
	}
	CHECK(ev->type <= KEV_DESTROY);
	check_flow(&ev->flow);
	b->flow = ev->flow;
	b->taken++;
}

static void
take_dumped(void *ctx, const struct kernel_event *found)
{
	struct bench *b = ctx;

	take_event(ctx, found);
	if (b->cancels) {
		ctnl_dump_cancel(b->c);
		b->dumping = false;
	}
}

/* ---- datagrams ---- */

static uint8_t *
datagram(struct script *s, uint8_t how, uint32_t seq, size_t *len)
{
	static const uint8_t far[20 * 1024];
	uint8_t *data;
	struct nlmsghdr nlh;

	if (how & TOO_LONG) {
		*len = sizeof(far) * ((how & FOR_MASK) == FOR_DUMP ? 4 : 1);
		data = calloc(1, *len);
		CHECK(data != NULL);
		return data;
	}
	data = script_bytes(s, script_u16(s) % DATAGRAM_MAX, len);
	if (*len < sizeof(nlh))
		return data;
	memcpy(&nlh, data, sizeof(nlh));
	if (how & MEND_LEN)
		nlh.nlmsg_len = (uint32_t)*len;
	if (how & MEND_SEQ)
		nlh.nlmsg_seq = seq + (nlh.nlmsg_seq & 3);
	if (how & MEND_TYPE)
		nlh.nlmsg_type = (uint16_t)((NFNL_SUBSYS_CTNETLINK << 8) |
		    (nlh.nlmsg_type & IPCTNL_MSG_CT_DELETE));
	memcpy(data, &nlh, sizeof(nlh));
	return data;
}

/* Messages in a datagram.  A rest that is none counts as one; those that say nothing do not. */
static uint64_t
messages_in(const uint8_t *data, size_t size, uint32_t noop_seq)
{
	uint64_t count = 0;
	struct nlmsghdr nlh;

	while (size >= sizeof(nlh)) {
		size_t step;

		memcpy(&nlh, data, sizeof(nlh));
		if (nlh.nlmsg_len < sizeof(nlh) || nlh.nlmsg_len > size)
			break;
		count += noop_seq == 0 || nlh.nlmsg_type != NLMSG_NOOP ||
		    nlh.nlmsg_seq != noop_seq;
		step = MNL_ALIGN(nlh.nlmsg_len);
		if (step >= size)
			return count;
		data += step;
		size -= step;
	}
	return count + (size > 0);
}

static uint64_t
counted(const struct ctnl *c)
{
	const struct ctnl_counters *n = ctnl_counters(c);

	return n->events_unknown + n->events_bad + n->dump_unknown + n->dump_bad + n->dump_stray +
	    n->answers_bad + n->answers_stray + n->foreign;
}

static uint64_t
expected(uint8_t how, const uint8_t *data, size_t len, uint32_t noop_seq)
{
	if (how & (FOREIGN | TOO_LONG))
		return 1;
	return messages_in(data, len, noop_seq);
}

static void
event_step(struct bench *b, uint8_t how)
{
	size_t len;
	uint8_t *data = datagram(b->s, how, 0, &len);
	uint64_t before = counted(b->c) + b->taken;

	fake_netlink_push(FAKE_EVENT, how & FOREIGN ? 99 : 0, data, len);
	CHECK(ctnl_read_events(b->c, 100, take_event, b) == 1);
	CHECK(counted(b->c) + b->taken - before == expected(how, data, len, 0));
	CHECK(ctnl_counters(b->c)->foreign == 0 || (how & FOREIGN) || before > 0);
	free(data);
}

static void
dump_step(struct bench *b, uint8_t how)
{
	uint64_t before = counted(b->c) + b->taken, want;
	uint8_t *data;
	size_t len;
	int r;

	if (!b->dumping) {
		CHECK(ctnl_dump_read(b->c, 1, take_dumped, b) == -EINVAL);
		CHECK(ctnl_dump_start(b->c) == 0);
		b->dumps++;
	}
	CHECK(ctnl_dump_start(b->c) == -EBUSY);
	b->dumping = true;
	b->cancels = script_u8(b->s) == 0xff;
	data = datagram(b->s, how, b->dumps, &len);
	want = expected(how, data, len, b->dumps);
	fake_netlink_push(FAKE_DUMP, how & FOREIGN ? 99 : 0, data, len);
	r = ctnl_dump_read(b->c, 1, take_dumped, b);
	/* Behind its end there is nothing more to be judged. */
	if (b->dumping && r == 1)
		CHECK(counted(b->c) + b->taken - before == want);
	else
		CHECK(counted(b->c) + b->taken - before <= want);
	CHECK(r <= 1 && r > -4096);
	b->dumping = b->dumping && r == 1;
	free(data);
}

struct answers {
	struct bench *b;
	unsigned int count;
};

/* The requests are out: here is what the kernel says. */
static void
answer(void *ctx, enum fake_socket s, const void *request, size_t size)
{
	struct answers *a = ctx;
	struct nlmsghdr nlh;

	if (s != FAKE_WRITE)
		return;
	CHECK(size >= sizeof(nlh));
	memcpy(&nlh, request, sizeof(nlh));
	/* What comes behind the last answer waits for the next request. */
	for (; a->count > 0 && fake_netlink_waiting(s) < ANSWERS_WAIT_MAX; a->count--) {
		uint8_t how = script_u8(a->b->s);
		size_t len;
		uint8_t *data = datagram(a->b->s, how, nlh.nlmsg_seq, &len);

		a->b->answers += expected(how, data, len, 0);
		fake_netlink_push(FAKE_WRITE, how & FOREIGN ? 99 : 0, data, len);
		free(data);
	}
}

static void
write_step(struct bench *b)
{
	struct kernel_op ops[2] = {{.type = script_u8(b->s) % 6}, {.type = script_u8(b->s) % 6}};
	struct answers a = {.b = b, .count = script_u8(b->s) % (ANSWERS_MAX + 1)};
	uint64_t before = counted(b->c);
	struct kernel_result res[2];

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		ops[i].cookie = (uint32_t)i;
		ops[i].flow = b->flow;
		ops[i].victim = b->flow.key;
		ops[i].victim_id = b->flow.id;
	}
	fake_netlink_on_sent(answer, &a);
	ctnl_write(b->c, ops, ARRAY_LEN(ops), res);
	fake_netlink_on_sent(NULL, NULL);
	b->answers_counted += counted(b->c) - before;
	CHECK(b->answers_counted <= b->answers);
	for (size_t i = 0; i < ARRAY_LEN(res); i++) {
		bool asks = ops[i].type == KOP_GET || ops[i].type == KOP_GET_REPLY;

		CHECK(res[i].cookie == i);
		CHECK(res[i].error >= 0 && res[i].error < 4096);
		CHECK(!res[i].has_flow || asks);
		CHECK(!asks || res[i].has_flow || res[i].error != 0);
		if (!res[i].has_flow || res[i].error != 0)
			continue;
		check_flow(&res[i].flow);
		CHECK(ops[i].type != KOP_GET || flow_key_equal(&res[i].flow.key, &ops[i].flow.key));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ctnl_cfg cfg = {.rcvbuf = 0};
	struct script s = {data, data + size};
	struct bench b = {.s = &s};

	fake_netlink_reset();
	CHECK(ctnl_open(&b.c, &cfg) == 0);
	for (int i = 0; i < STEPS_MAX && script_more(&s); i++) {
		uint8_t how = script_u8(&s);

		switch (how & FOR_MASK) {
		case FOR_EVENT:
			event_step(&b, how);
			break;
		case FOR_DUMP:
			dump_step(&b, how);
			break;
		case FOR_WRITE:
			write_step(&b);
			break;
		case CANCEL_DUMP:
			ctnl_dump_cancel(b.c);
			b.dumping = false;
			break;
		}
	}
	ctnl_close(b.c);
	fake_netlink_reset();
	return 0;
}
