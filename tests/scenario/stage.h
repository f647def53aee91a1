/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stage.h: one node alone.  The test itself plays its kernel and its peer, word by word: for what
 * the model kernel and a peer in order never do.
 */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include <stdlib.h>

#include "flows.h"
#include "wire.h"

struct stage {
	struct node *n;
	void *mem;
	ms_t now;
	struct peer_addr peer;
	uint32_t seq;		  /* of the peer's next message */
	unsigned int notices[32]; /* seen, by enum notice_type */
	struct notice last[32];	  /* and the last of each */
};

/* A node that has read its kernel's table, which is empty. */
static inline struct stage
stage_up(struct node_cfg cfg)
{
	struct stage s = {.now = {1000000}, .peer = {.l3 = L3_IPV4}, .seq = 5000};

	s.peer.addr = (struct ip_addr){{10, 0, 0, 2}};
	cfg.first_seq = 100;
	s.mem = aligned_alloc(64, (node_size(&cfg) + 63) & ~(size_t)63);
	assert_non_null(s.mem);
	memset(s.mem, 0, node_size(&cfg));
	s.n = node_init(s.mem, &cfg, s.now);
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_end(s.n, true, s.now);
	return s;
}

static inline void
stage_down(struct stage *s)
{
	free(s->mem);
}

/* FT-FW whose commits leave the kernel's own flows alone: every request is about a replica. */
static inline struct node_cfg
stage_cfg(void)
{
	struct node_cfg cfg = ftfw_cfg();

	cfg.tcp_window_tracking = true;
	return cfg;
}

/* ---- the peer ---- */

static inline void
stage_tell(struct stage *s, enum wire_type type, const struct flow *f)
{
	uint8_t buf[1472];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_flow(&wb, type, 0, s->seq++, f, UINT32_MAX));
	node_datagram(s->n, &s->peer, buf, wbuf_len(&wb), s->now);
}

static inline void
stage_say(struct stage *s, unsigned int flags, uint32_t from, uint32_t to)
{
	uint8_t buf[64];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	assert_true(wire_put_control(&wb, (uint8_t)flags, s->seq++, from, to));
	node_datagram(s->n, &s->peer, buf, wbuf_len(&wb), s->now);
}

/* Takes all that the node sends now.  How many messages of flows of this type were among it; the
 * last of them in *out unless that is NULL. */
static inline unsigned int
stage_sent(struct stage *s, enum wire_type type, struct flow *out)
{
	unsigned int count = 0;
	struct attr_skipped skipped = {0};
	uint8_t buf[1472];
	struct wire_msg m;
	struct rbuf r;
	struct flow f;
	size_t len;

	if (out != NULL)
		flow_init(out);
	while ((len = node_pull_datagram(s->n, buf, sizeof(buf), s->now)) > 0) {
		rbuf_init(&r, buf, len);
		while (wire_next(&r, &m) == WIRE_MSG) {
			if (m.type != type)
				continue;
			count++;
			if (type == WIRE_CTL)
				continue;
			assert_int_equal(attr_decode_flow(m.attrs, m.attrs_len, &f, &skipped), 0);
			if (out != NULL)
				*out = f;
		}
	}
	return count;
}

/* ---- the kernel ---- */

static inline void
stage_event(struct stage *s, enum kernel_event_type type, bool own, const struct flow *f)
{
	struct kernel_event ev = {.type = type, .own = own, .flow = *f};

	node_kernel_event(s->n, &ev, s->now);
}

/* The next request, which has to be one of this type. */
static inline struct kernel_op
stage_asked(struct stage *s, enum kernel_op_type type)
{
	struct kernel_op op;

	assert_true(node_pull_kernel_op(s->n, &op, s->now));
	assert_int_equal(op.type, type);
	return op;
}

static inline void
stage_idle(struct stage *s)
{
	struct kernel_op op;

	if (node_pull_kernel_op(s->n, &op, s->now))
		fail_msg("a request of type %d", op.type);
}

static inline void
stage_answer(struct stage *s, const struct kernel_op *op, int error)
{
	struct kernel_result res = {.cookie = op->cookie, .error = error};

	node_kernel_result(s->n, &res, s->now);
}

static inline void
stage_answer_flow(struct stage *s, const struct kernel_op *op, const struct flow *f)
{
	struct kernel_result res = {.cookie = op->cookie, .has_flow = true, .flow = *f};

	node_kernel_result(s->n, &res, s->now);
}

/* The next request has this type and gets this answer. */
static inline void
stage_refuse(struct stage *s, enum kernel_op_type type, int error)
{
	struct kernel_op op = stage_asked(s, type);

	stage_answer(s, &op, error);
}

/* ---- the node ---- */

/* How many notices of this type there have been. */
static inline unsigned int
stage_noted(struct stage *s, enum notice_type type)
{
	struct notice note;

	while (node_pull_notice(s->n, &note)) {
		s->notices[note.type]++;
		s->last[note.type] = note;
	}
	return s->notices[type];
}

static inline void
stage_wait(struct stage *s, int64_t ms)
{
	ms_t end = ms_add(s->now, ms);

	while (s->now.ms < end.ms) {
		ms_t next = ms_earlier(node_deadline(s->n), end);

		s->now = next.ms > s->now.ms ? next : ms_add(s->now, 1);
		node_tick(s->n, s->now);
		stage_sent(s, WIRE_CTL, NULL);
	}
}

static inline bool
stage_has(const struct stage *s, enum node_table t, const struct flow *f, struct flow *out)
{
	struct flow_view v;
	uint32_t cursor = 0;

	if (out != NULL)
		flow_init(out);
	while (node_next_flow(s->n, t, &cursor, &v, s->now)) {
		if (!flow_key_equal(&v.flow.key, &f->key))
			continue;
		if (out != NULL)
			*out = v.flow;
		return true;
	}
	return false;
}

/* The running commit is over; its tally. */
static inline struct commit_tally
stage_committed(struct stage *s)
{
	stage_idle(s);
	assert_int_equal(stage_noted(s, NOTE_COMMIT_DONE), 1);
	s->notices[NOTE_COMMIT_DONE] = 0;
	return s->last[NOTE_COMMIT_DONE].commit;
}

#endif
