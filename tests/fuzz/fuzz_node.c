/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two nodes that share a link, driven through the whole of node.h by a script: kernel events and
 * reads, any answer to any request, datagrams of the other node (lost, late, twice, damaged) and of
 * strangers, commands, time.  After each step what must hold is looked at.
 */
#include <errno.h>

#include "buf.h"
#include "engine.h"
#include "fuzz.h"
#include "node_holds.h"

enum {
	STEPS_MAX = 3000,
	RING = 16,        /* datagrams on their way, of each node */
	DATAGRAM_MAX = 1472,
	PULLS_MAX = 8192, /* more datagrams in a row than any state can cause */
	OPS_PULLED_MAX = 1 << 20,
};

struct packet {
	size_t len;
	uint8_t data[DATAGRAM_MAX];
};

struct side {
	struct node *node;
	void *mem;
	struct packet sent[RING]; /* the last ones */
	uint32_t sent_count;
	struct kernel_op out[OPS_MAX]; /* requests that wait for an answer */
	size_t out_count;
	unsigned int commits_done;
};

struct bench {
	struct side sides[2];
	struct script s;
	ms_t now;
};

/* ---- values ---- */

static uint64_t
stat_sum(const struct node_stats *now, const struct node_stats *before, const size_t *fields,
    size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t a, b;

		memcpy(&a, (const char *)now + fields[i], sizeof(a));
		memcpy(&b, (const char *)before + fields[i], sizeof(b));
		sum += a - b;
	}
	return sum;
}

#define S(field) offsetof(struct node_stats, field)
#define MORE(side, before, ...)                                                                    \
	stat_sum(node_stats((side)->node), before, (const size_t[]){__VA_ARGS__},                  \
	    ARRAY_LEN(((const size_t[]){__VA_ARGS__})))

/* One of a few flows, so that they meet; what it carries is up to the script. */
static struct flow
any_flow(struct script *s)
{
	static const uint8_t protos[] = {
	    L4_TCP, L4_UDP, L4_ICMP, L4_SCTP, L4_DCCP, L4_GRE, 50, L4_ICMPV6};
	uint8_t which = script_u8(s), what = script_u8(s), more = script_u8(s);
	struct flow f;

	flow_init(&f);
	f.key.l3 = which & 0x80 ? L3_IPV6 : L3_IPV4;
	f.key.l4 = protos[which >> 4 & 7];
	f.key.src.b[0] = 10;
	f.key.src.b[3] = which & 3;
	f.key.dst.b[0] = 11;
	f.key.dst.b[3] = which >> 2 & 1;
	f.key.zone = which >> 3 & 1;
	f.has = HAS_ADDRS | HAS_L4PROTO | HAS_REPLY | HAS_STATUS;
	if (flow_l4_is_icmp(f.key.l4)) {
		f.key.sport = 7;
		f.has |= HAS_ICMP;
	} else if (flow_l4_has_ports(f.key.l4)) {
		put_be16(&f.key.sport, 1000);
		put_be16(&f.key.dport, 80);
		f.has |= HAS_PORTS;
	}
	flow_invert(&f.key, &f.reply);
	f.status = ST_CONFIRMED | (what & 1 ? ST_SEEN_REPLY | ST_ASSURED : 0);
	if (what & 2) {
		f.status |= ST_SRC_NAT | ST_SRC_NAT_DONE | ST_DST_NAT_DONE;
		/* Two flows may want one reply tuple. */
		f.reply.dst.b[3] = 99;
		f.reply.dport = (uint16_t)(more >> 6);
	}
	f.l4.tcp.state = more & 15;
	f.timeout_s = (uint32_t)more << (what & 4 ? 8 : 0);
	f.id = more >> 4 & 3;
	f.mark = what;
	f.rare.labels[0] = what;
	memcpy(f.rare.helper, what & 8 ? "ftp" : "netbios-ns-long", what & 8 ? 4 : 16);
	f.rare.helper[FLOW_HELPER_LEN - 1] = '\0';
	f.rare.master = f.key;
	f.rare.master.l4 = L4_TCP;
	f.rare.master.src.b[3] = (uint8_t)((which + 1) & 3);
	f.has |= what & 4 ? HAS_TIMEOUT | HAS_STATE : 0;
	f.has |= what & 8 ? HAS_HELPER : 0;
	f.has |= what & 16 ? HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS : 0;
	f.has |= what & 32 ? HAS_ID : 0;
	f.has |= what & 64 ? HAS_MARK | HAS_LABELS : 0;
	f.has |= what & 128 ? HAS_SEQADJ | HAS_SYNPROXY | HAS_WSCALE | HAS_VTAGS | HAS_ZONE : 0;
	if (more == 0xff)
		f.has &= ~(uint32_t)(HAS_PORTS | HAS_ICMP);
	flow_derive_nat(&f);
	return f;
}

/* ---- datagrams ---- */

/* What the messages of a datagram are, found out without the node. */
struct census {
	uint64_t messages, bad_version, truncated, bad_size, alive;
};

static struct census
take_census(const uint8_t *data, size_t len)
{
	struct census c = {0};
	struct wire_msg m;
	struct rbuf r;

	rbuf_init(&r, data, len);
	for (;;) {
		switch (wire_next(&r, &m)) {
		case WIRE_MSG:
			c.messages++;
			c.alive += wire_classify(&m) == CLASS_ALIVE;
			continue;
		case WIRE_BAD_VERSION:
			c.bad_version++;
			continue;
		case WIRE_TRUNCATED:
			c.truncated++;
			return c;
		case WIRE_BAD_SIZE:
			c.bad_size++;
			return c;
		case WIRE_END:
			return c;
		}
	}
}

/* Every message is either received or counted once as what is wrong with it; and of those received
 * one counter tells what they came to, but for ALIVE, which says nothing. */
static void
check_census(const struct side *to, const struct node_stats *before, const struct census *c)
{
	uint64_t received = MORE(to, before, S(recv_messages)), came_to, late;

	CHECK(MORE(to, before, S(recv_datagrams)) == 1);
	CHECK(MORE(to, before, S(recv_bad_version)) == c->bad_version);
	CHECK(MORE(to, before, S(recv_truncated)) == c->truncated);
	CHECK(MORE(to, before, S(recv_bad_size)) == c->bad_size);
	CHECK(received + MORE(to, before, S(recv_bad_header), S(recv_bad_type), S(recv_flagged),
			     S(recv_no_peer_slot)) == c->messages);
	late = MORE(to, before, S(seq_jump_held), S(seq_before), S(seq_hello_held));
	came_to = MORE(to, before, S(seq_old_process), S(seq_gap_held), S(recv_flood), S(ack_foreign), S(ack_received), S(nack_received),
	    S(resync_received), S(recv_bad_payload), S(recv_incomplete), S(recv_expect_ignored),
	    S(remote_created), S(remote_create_failed), S(remote_updated), S(remote_destroyed),
	    S(remote_destroy_failed), S(remote_destroy_not_owner),
	    S(remote_overtaken));
	/* NOTRACK takes what is late, unless it is an order. */
	if (node_config(to->node)->mode == MODE_NOTRACK)
		CHECK(came_to <= received && received - came_to <= c->alive + late);
	else
		CHECK(came_to + late <= received && received - came_to - late <= c->alive);
}

static void
deliver(struct bench *b, struct side *to, uint8_t from, const uint8_t *data, size_t len)
{
	struct peer_addr addr = {.link = from >> 6, .l3 = L3_IPV4, .addr = {{10, 0, 0, from}}};
	struct node_stats before = *node_stats(to->node);
	struct census c = take_census(data, len);

	node_datagram(to->node, &addr, data, len, b->now);
	check_census(to, &before, &c);
}

static size_t
pull(struct bench *b, struct side *side, size_t cap)
{
	struct packet *p = &side->sent[side->sent_count % RING];
	struct rbuf r;
	struct wire_msg m;

	CHECK(cap <= sizeof(p->data));
	p->len = node_pull_datagram(side->node, p->data, cap, b->now);
	CHECK(p->len <= cap);
	if (p->len == 0)
		return 0;
	side->sent_count++;
	/* It is made of whole messages. */
	rbuf_init(&r, p->data, p->len);
	while (rbuf_left(&r) > 0) {
		CHECK(wire_next(&r, &m) == WIRE_MSG);
		CHECK(wire_classify(&m) != CLASS_BAD);
	}
	return p->len;
}

static void
pull_all(struct bench *b, struct side *side)
{
	unsigned int count = 0;

	while (pull(b, side, DATAGRAM_MAX) > 0)
		CHECK(++count < PULLS_MAX);
}

static void
relay(struct bench *b, struct side *from, struct side *to, uint8_t which, bool damaged)
{
	struct packet p = from->sent[which % RING];
	uint8_t *exact;
	size_t len;
	struct script whole = {p.data, p.data + p.len};

	if (p.len == 0)
		return;
	for (int i = script_u8(&b->s) % 4; damaged && i >= 0; i--) {
		size_t at = script_u16(&b->s) % p.len;

		p.data[at] = script_u8(&b->s);
	}
	if (damaged && script_u8(&b->s) & 1)
		whole.end = p.data + script_u16(&b->s) % (p.len + 1);
	exact = script_bytes(&whole, p.len, &len);
	deliver(b, to, (uint8_t)(1 + (from - b->sides)), exact, len);
	free(exact);
}

/* A message that somebody might have made who knows the numbers. */
static void
forged(struct bench *b, struct side *side, struct side *other)
{
	uint8_t what = script_u8(&b->s), flags = script_u8(&b->s), from = script_u8(&b->s);
	uint32_t seq = other->node->next_seq + (uint32_t)(int32_t)(int8_t)script_u8(&b->s);
	uint32_t ours = side->node->next_seq;
	struct flow f;
	uint8_t buf[512], *exact;
	struct wbuf wb;
	struct script s;
	size_t len;

	if (what & 64)
		seq = script_u32(&b->s);
	wbuf_init(&wb, buf, sizeof(buf));
	if (what & 1) {
		uint8_t back = script_u8(&b->s);

		wire_put_control(&wb, flags, seq, ours - back, ours - back + script_u8(&b->s));
	} else {
		f = any_flow(&b->s);
		wire_put_flow(&wb, (enum wire_type)(what >> 1 & 3), flags & 0x60, seq, &f,
		    UINT32_MAX);
	}
	s = (struct script){buf, wb.p};
	exact = script_bytes(&s, sizeof(buf), &len);
	deliver(b, side, what & 128 ? from : (uint8_t)(1 + (other - b->sides)), exact, len);
	free(exact);
}

/* Many in a row, some of them lost, while nothing is sent: what is to be answered piles up. */
static void
flood(struct bench *b, struct side *side, struct side *other)
{
	uint8_t count = script_u8(&b->s), flags = script_u8(&b->s), gap = script_u8(&b->s);
	const struct peer_addr addr = {
	    .l3 = L3_IPV4, .addr = {{10, 0, 0, (uint8_t)(1 + (other - b->sides))}}};
	const struct peer *p = peer_find(side->node, &addr);
	uint32_t seq = p != NULL ? p->last : other->node->next_seq, ours = side->node->next_seq;
	uint8_t buf[WIRE_RANGE];
	struct wbuf wb;

	for (; count > 0; count--) {
		seq += 1u + (gap & 1 ? gap : 0);
		wbuf_init(&wb, buf, sizeof(buf));
		wire_put_control(&wb, flags, seq, ours - 2, ours - 1);
		deliver(b, side, addr.addr.b[3], buf, wbuf_len(&wb));
	}
}

/* A link loses its carrier, or has it again. */
static void
carrier(struct bench *b, struct side *side)
{
	uint8_t what = script_u8(&b->s);

	node_link_state(side->node, (what >> 1) % side->node->links_count, what & 1, b->now);
	CHECK(node_active_link(side->node) < side->node->links_count);
}

static void
raw_datagram(struct bench *b, struct side *to)
{
	uint8_t from = script_u8(&b->s);
	size_t len;
	uint8_t *data = script_bytes(&b->s, script_u8(&b->s), &len);

	deliver(b, to, from, data, len);
	free(data);
}

/* ---- the kernel ---- */

static void
event(struct bench *b, struct side *side)
{
	struct node_stats before = *node_stats(side->node);
	uint8_t how = script_u8(&b->s);
	struct kernel_event ev = {.type = how % 3, .own = how >= 0xe0, .usage = {.bytes = {1}, .packets = {1}}};
	uint64_t came_to;

	ev.flow = any_flow(&b->s);
	node_kernel_event(side->node, &ev, b->now);
	CHECK(MORE(side, &before, S(kernel_events)) == 1);
	came_to = MORE(side, &before, S(kernel_incomplete), S(kernel_filtered), S(kernel_own));
	if (came_to == 0)
		came_to = MORE(side, &before, S(kernel_stale_event), S(kernel_stale_destroy),
		    S(local_created), S(local_create_failed), S(local_updated), S(local_destroyed),
		    S(local_destroy_failed));
	CHECK(came_to == 1);
}

static void
read_flow(struct bench *b, struct side *side)
{
	struct node_stats before = *node_stats(side->node);
	struct flow f = any_flow(&b->s);
	uint64_t left_out;

	node_kernel_read_flow(side->node, &f, b->now);
	CHECK(MORE(side, &before, S(dump_flows)) == 1);
	left_out = MORE(side, &before, S(dump_stray), S(dump_incomplete), S(dump_filtered),
	    S(dump_stale));
	CHECK(left_out <= 1);
	CHECK(left_out == 0 || MORE(side, &before, S(local_created), S(local_updated),
				   S(local_create_failed)) == 0);
}

static bool
pull_op(struct bench *b, struct side *side)
{
	struct kernel_op op;

	if (!node_pull_kernel_op(side->node, &op, b->now))
		return false;
	CHECK(op.type <= KOP_GET_REPLY && op.cookie < OPS_MAX && side->out_count < OPS_MAX);
	CHECK(op.flow.key.l3 == L3_IPV4 || op.flow.key.l3 == L3_IPV6);
	CHECK(op.type != KOP_REPLACE || op.victim.l3 == op.flow.key.l3);
	CHECK(op.type != KOP_CREATE || (op.flow.has & HAS_TIMEOUT));
	for (size_t i = 0; i < side->out_count; i++)
		CHECK(side->out[i].cookie != op.cookie);
	side->out[side->out_count++] = op;
	return true;
}

/* Answers the request in this place. */
static void
answer(struct bench *b, struct side *side, size_t at, int error)
{
	struct node_stats before = *node_stats(side->node);
	struct kernel_op op = side->out[at];
	struct kernel_result res = {.cookie = op.cookie, .error = error};
	bool asks = op.type == KOP_GET || op.type == KOP_GET_REPLY;

	side->out[at] = side->out[--side->out_count];
	/* A GET is answered with the flow of its key; who has the reply tuple may be anybody. */
	if (asks && error == 0) {
		res.has_flow = true;
		res.flow = any_flow(&b->s);
		if (op.type == KOP_GET || res.flow.key.l4 != op.flow.key.l4 ||
		    res.flow.key.l3 != op.flow.key.l3)
			res.flow.key = op.flow.key;
		res.flow.has |= HAS_PORTS | HAS_ICMP;
		flow_derive_nat(&res.flow);
	}
	node_kernel_result(side->node, &res, b->now);
	CHECK(MORE(side, &before, S(kernel_result_stray)) == 0);
}

static int
any_error(struct script *s)
{
	static const int errors[] = {0, 0, 0, 0, ENOENT, EEXIST, EAGAIN, EBUSY, EINVAL, EOPNOTSUPP,
	    ENOMEM, ENOSPC, ERANGE, EINTR, ETIMEDOUT, EPERM, EBADMSG, ENOBUFS};

	return errors[script_u8(s) % ARRAY_LEN(errors)];
}

static void
answer_some(struct bench *b, struct side *side)
{
	uint8_t which = script_u8(&b->s);

	for (int i = which >> 6; i >= 0 && side->out_count > 0; i--)
		answer(b, side, which % side->out_count, any_error(&b->s));
}

static void
stray_answer(struct bench *b, struct side *side)
{
	struct node_stats before = *node_stats(side->node);
	struct kernel_result res = {.cookie = script_u16(&b->s), .error = any_error(&b->s)};

	res.flow = any_flow(&b->s);
	res.has_flow = true;
	for (size_t i = 0; i < side->out_count; i++) {
		if (side->out[i].cookie == res.cookie)
			return;
	}
	node_kernel_result(side->node, &res, b->now);
	CHECK(MORE(side, &before, S(kernel_result_stray)) == 1);
}

/* ---- the rest ---- */

static void
notices(struct side *side)
{
	struct notice note;
	unsigned int count = 0;

	while (node_pull_notice(side->node, &note)) {
		CHECK(++count <= NOTICES_MAX && note.type <= NOTE_LINK_NONE);
		if (note.type == NOTE_COMMIT_DONE) {
			const struct commit_tally *t = &note.commit;

			side->commits_done++;
			CHECK(t->created + t->updated + t->replaced + t->current + t->failed <=
			    t->total);
			CHECK(t->degraded <= t->created + t->updated + t->replaced + t->current);
		}
	}
}

/* Everything that the daemon does in a turn; after it there is nothing left to do at once. */
static void
turn(struct bench *b, struct side *side)
{
	unsigned int count = 0;

	if (ms_reached(b->now, node_deadline(side->node)))
		node_tick(side->node, b->now);
	while (pull_op(b, side))
		answer(b, side, side->out_count - 1, any_error(&b->s));
	while (side->out_count > 0) {
		CHECK(++count < OPS_PULLED_MAX);
		answer(b, side, 0, any_error(&b->s));
		while (pull_op(b, side))
			continue;
	}
	pull_all(b, side);
	notices(side);
	if (ms_reached(b->now, node_deadline(side->node)))
		node_tick(side->node, b->now);
	pull_all(b, side);
	CHECK(node_deadline(side->node).ms > b->now.ms);
}

static void
pass_time(struct bench *b)
{
	uint8_t how = script_u8(&b->s);

	b->now.ms += (int64_t)(how & 31) << (2 * (how >> 5));
	for (size_t i = 0; i < 2; i++) {
		if (how & 1 || ms_reached(b->now, node_deadline(b->sides[i].node)))
			node_tick(b->sides[i].node, b->now);
	}
}

static void
reconfigure(struct bench *b, struct side *side)
{
	uint8_t how = script_u8(&b->s);
	struct node_cfg cfg = {
	    .mode = MODE_ALARM,
	    .limit = 1,
	    .tcp_window_tracking = how & 1,
	    .commit_timeout_s = how & 2 ? 30 : 0,
	    .resend_queue = 1u + (how >> 2 & 3),
	    .ack_window = how & 16 ? 16 : 0,
	    .refresh_s = how & 32 ? 2 : 9,
	    .cache_timeout_s = how & 32 ? 60 : 5,
	};

	if (how & 64) {
		cfg.filter.proto_polarity = how & 1 ? FILTER_IGNORE : FILTER_ACCEPT;
		filter_proto_add(&cfg.filter, L4_UDP);
	}
	if (how & 128) {
		cfg.filter.state_polarity = how & 2 ? FILTER_IGNORE : FILTER_ACCEPT;
		cfg.filter.tcp_states = 1 << TCP_ESTABLISHED;
	}
	node_reconfigure(side->node, &cfg, b->now);
}

/* False if the step is another one. */
static bool
kernel_step(struct bench *b, struct side *side, uint8_t what)
{
	switch (what >> 1 & 31) {
	case 0:
	case 1:
		event(b, side);
		break;
	case 2:
		node_kernel_overrun(side->node, b->now);
		break;
	case 3:
		node_kernel_read_begin(side->node, what & 64, b->now);
		break;
	case 4:
	case 5:
		read_flow(b, side);
		break;
	case 6:
		node_kernel_read_end(side->node, what & 64, b->now);
		break;
	case 7:
		for (int i = what >> 6; i >= 0 && pull_op(b, side); i--)
			continue;
		break;
	case 8:
	case 9:
		answer_some(b, side);
		break;
	case 10:
		stray_answer(b, side);
		break;
	default:
		return false;
	}
	return true;
}

static void
step(struct bench *b)
{
	static const size_t caps[] = {DATAGRAM_MAX, 16, 64, 100, 128, 256, 512, 8};
	uint8_t what = script_u8(&b->s);
	struct side *side = &b->sides[what & 1], *other = &b->sides[1 - (what & 1)];

	if (kernel_step(b, side, what))
		return;
	switch (what >> 1 & 31) {
	case 11:
		raw_datagram(b, side);
		break;
	case 12:
	case 13:
		relay(b, other, side, script_u8(&b->s), false);
		break;
	case 14:
		relay(b, other, side, script_u8(&b->s), true);
		break;
	case 15:
		/* The newest, as on a good day. */
		if (pull(b, other, DATAGRAM_MAX) > 0)
			relay(b, other, side, (uint8_t)(other->sent_count - 1), false);
		break;
	case 16:
		pull(b, side, caps[script_u8(&b->s) % ARRAY_LEN(caps)]);
		break;
	case 17:
		pull_all(b, side);
		break;
	case 18:
	case 19:
		node_command(side->node, (enum node_cmd)(script_u8(&b->s) % NODE_CMDS),
		    b->now);
		break;
	case 20:
	case 21:
		pass_time(b);
		break;
	case 22:
		node_tick(side->node, b->now);
		break;
	case 23:
		notices(side);
		break;
	case 24:
	case 25:
	case 26:
		forged(b, side, other);
		break;
	case 27:
		flood(b, side, other);
		break;
	case 28:
		reconfigure(b, side);
		break;
	case 29:
		carrier(b, side);
		break;
	default:
		turn(b, side);
		break;
	}
}

static void
start(struct bench *b)
{
	static const uint32_t firsts[] = {1, 0xfffffff0, 0x7ffffff0, 0};
	uint8_t how = script_u8(&b->s), sizes = script_u8(&b->s);
	struct node_cfg cfg = {
	    .mode = how & 1 ? MODE_ALARM : how & 8 ? MODE_NOTRACK : MODE_FTFW,
	    .write_through = how & 2,
	    .links = how & 4 ? NODE_LINKS_MAX : 1,
	    .link_default = how & 4 ? how >> 6 : 0,
	    .one_peer = how & 2,
	    .tcp_window_tracking = how & 4,
	    .commit_timeout_s = how & 8 ? 30 : 0,
	    .limit = 1u + (sizes & 15),
	    .resend_queue = 1u + (sizes >> 4 & 3),
	    .ack_window = sizes & 64 ? 16 : 0,
	    .refresh_s = 5,
	    .cache_timeout_s = 20,
	    .secret = {how, sizes},
	};

	if (sizes & 128) {
		cfg.filter.proto_polarity = FILTER_IGNORE;
		filter_proto_add(&cfg.filter, L4_UDP);
		cfg.filter.state_polarity = FILTER_ACCEPT;
		cfg.filter.tcp_states = 1 << TCP_ESTABLISHED;
	}
	for (size_t i = 0; i < 2; i++) {
		cfg.first_seq = firsts[how >> (4 + 2 * i) & 3];
		b->sides[i].mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
		CHECK(b->sides[i].mem != NULL);
		memset(b->sides[i].mem, 0, node_size(&cfg));
		b->sides[i].node = node_init(b->sides[i].mem, &cfg, b->now);
	}
}

/* However it came to be where it is: a commit comes to its end, and time goes on. */
static void
finish(struct bench *b)
{
	for (size_t i = 0; i < 2; i++) {
		struct side *side = &b->sides[i];
		unsigned int before;

		turn(b, side);
		before = side->commits_done;
		node_command(side->node, CMD_COMMIT, b->now);
		turn(b, side);
		turn(b, side);
		CHECK(side->commits_done > before);
		node_holds(side->node, b->now);
		node_slots_hold(side->node, side->out_count);
		free(side->mem);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench b;

	memset(&b, 0, sizeof(b));
	b.s = (struct script){data, data + size};
	b.now.ms = 1000000;
	start(&b);
	for (int i = 0; i < STEPS_MAX && script_more(&b.s); i++) {
		size_t acted = *b.s.p & 1;

		step(&b);
		node_holds(b.sides[acted].node, b.now);
		/* There are many slots, and on the other side hardly anything has happened. */
		if (i % 8 == 0) {
			node_holds(b.sides[1 - acted].node, b.now);
			node_slots_hold(b.sides[acted].node, b.sides[acted].out_count);
		}
	}
	finish(&b);
	return 0;
}
