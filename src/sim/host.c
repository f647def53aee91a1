/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.c: what the daemon does around a node, in the same order as its turn (app/daemon.c): events,
 * a step of a dump, datagrams, timers, requests to the kernel, datagrams out, notices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"

enum sim_read {
	
	READ_ORDERED = 1 << 1,
	READ_TO_FLUSH = 1 << 2,
	READ_OVERRUN = 1 << 3,
};

enum { OVERRUN_READ_MS = 500, OVERRUN_PAUSE_MS = 5000, READ_WAITS_MAX = 100 };

void
host_reset(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];

	for (; sn->inbox_count > 0; sn->inbox_count--) {
		world_release(w, sn->inbox[sn->inbox_head]);
		sn->inbox_head = (sn->inbox_head + 1) % WORLD_PACKETS_MAX;
	}
	sn->inbox_bytes = 0;
	sn->ops_count = 0;
	sn->read_wanted = 0;
	sn->read_active = 0;
	sn->reading = false;
	sn->read_cut = false;
	sn->dump_count = 0;
	sn->paused_until = (ms_t){0};
	sn->clogged_until = (ms_t){0};
	sn->overrun = false;
	sn->overrun_queue = false;
	sn->read_waits = 0;
	sn->overrun_read_at = MS_NEVER;
	sn->overrun_read_last = (ms_t){0};
	sn->purge_at = MS_NEVER;
}

/* ---- events ---- */

static bool
read_events(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	unsigned int left = sn->pace.events > 0 ? sn->pace.events : UINT32_MAX;
	struct kernel_event ev;
	bool any = false;

	if (sn->kernel->events_lost) {
		sn->kernel->events_lost = false;
		sn->overrun_queue = true;
		sn->overrun = sn->node != NULL;
		world_tell(w, &(struct happening){.type = HAP_OVERRUN, .node = (uint8_t)i});
		daemon_overrun(sn, w->now);
		any = true;
	}
	while (left-- > 0 && sim_kernel_event(sn->kernel, &ev)) {
		world_tell(w, &(struct happening){
		    .type = ev.type >= KEV_EXPECT_NEW ? HAP_EXPECT_EVENT : HAP_EVENT,
		    .node = (uint8_t)i,
		    .event = &ev});
		daemon_event(sn, &ev, w->now);
		any = true;
	}
	if (sn->kernel->events_count == 0)
		sn->overrun_queue = false;
	return any;
}

/* ---- reading the kernel table ---- */

static void
read_begin(struct world *w, size_t i, bool announce)
{
	struct sim_node *sn = &w->nodes[i];

	sn->reading = true;
	sn->overrun = false;
	sn->dump_at = 0;
	sn->dump_count = 0;
	sn->dump_next = w->now;
	world_tell(w, &(struct happening){
	    .type = HAP_READ_BEGIN, .node = (uint8_t)i, .number = announce});
	daemon_read_begin(sn, announce, w->now);
}

/* The kernel makes the next step of the dump, from what is there now. */
static void
dump_fill(struct sim_node *sn)
{
	size_t max = sn->pace.dump > 0 ? sn->pace.dump : SIM_FLOWS_MAX;

	sn->dump_count = 0;
	for (; sn->dump_at < sn->kernel->high && sn->dump_count < max; sn->dump_at++) {
		if (sn->kernel->used[sn->dump_at])
			sn->dump[sn->dump_count++] = sn->kernel->flows[sn->dump_at];
	}
}

static void
read_end(struct world *w, size_t i, bool complete)
{
	struct sim_node *sn = &w->nodes[i];

	for (size_t x = 0; complete && x < SIM_EXPECTS_MAX && sn->kernel->expects_count > 0; x++) {
		if (sn->kernel->expects[x].used)
			daemon_read_expect(sn, &sn->kernel->expects[x].e, w->now);
	}
	sn->reading = false;
	sn->read_cut = false;
	world_tell(w, &(struct happening){
	    .type = HAP_READ_END, .node = (uint8_t)i, .number = complete});
	daemon_read_end(sn, complete, w->now);
}

/* What was made at the last step is read, and the next is made. */
static bool
read_step(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];

	if (!sn->reading || !ms_reached(w->now, sn->dump_next))
		return false;
	for (size_t f = 0; f < sn->dump_count; f++) {
		world_tell(w, &(struct happening){
		    .type = HAP_READ_FLOW, .node = (uint8_t)i, .flow = &sn->dump[f]});
		daemon_read_flow(sn, &sn->dump[f], w->now);
	}
	if (sn->read_cut && sn->dump_at > 0)
		read_end(w, i, false);
	else if (sn->dump_at >= sn->kernel->high)
		read_end(w, i, true);
	else
		dump_fill(sn);
	sn->dump_next = ms_add(w->now, sn->pace.dump_ms);
	return true;
}

void
host_read_now(struct world *w, size_t i, bool announce)
{
	struct sim_node *sn = &w->nodes[i];

	read_begin(w, i, announce);
	for (size_t f = 0; f < sn->kernel->high; f++) {
		if (!sn->kernel->used[f])
			continue;
		world_tell(w, &(struct happening){
		    .type = HAP_READ_FLOW, .node = (uint8_t)i, .flow = &sn->kernel->flows[f]});
		daemon_read_flow(sn, &sn->kernel->flows[f], w->now);
	}
	read_end(w, i, true);
}

/* Of the reads that are wanted, all that one can serve. */
static bool
read_start(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];

	if (sn->read_wanted == 0 || sn->read_active != 0)
		return false;
	if (sn->kernel->events_count > 0 &&
	    (sn->overrun_queue || sn->read_waits++ < READ_WAITS_MAX))
		return false;
	sn->read_waits = 0;
	sn->read_active = sn->read_wanted;
	sn->read_wanted = 0;
	if (daemon_reads_at_once(sn) && !(sn->read_active & READ_OVERRUN))
		host_read_now(w, i, false);
	else
		read_begin(w, i, sn->read_active & READ_OVERRUN);
	return true;
}

static void
read_again(struct world *w, size_t i, enum read_why why)
{
	struct sim_node *sn = &w->nodes[i];
	ms_t at = ms_add(w->now, OVERRUN_READ_MS);
	ms_t earliest = ms_add(sn->overrun_read_last, OVERRUN_PAUSE_MS);

	if (why == READ_TO_ANSWER || why == READ_FILTER_CHANGED) {
		sn->read_wanted |= READ_OVERRUN;
		return;
	}
	if (sn->overrun_read_at.ms != MS_NEVER.ms)
		return;
	if (sn->overrun_read_last.ms != 0 && at.ms < earliest.ms)
		at = earliest;
	sn->overrun_read_at = at;
}

static void
read_done(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	unsigned int why = sn->read_active;

	sn->read_active = 0;
	if (why & READ_TO_FLUSH)
		daemon_command(sn, CMD_FLUSH_KERNEL, w->now);
}

/* ---- datagrams ---- */

static bool
receive(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	unsigned int left = sn->pace.datagrams > 0 ? sn->pace.datagrams : UINT32_MAX;
	bool any = false;

	while (sn->inbox_count > 0 && left-- > 0) {
		uint16_t slot = sn->inbox[sn->inbox_head];
		size_t from = w->payload_from[slot];
		struct peer_addr addr = world_addr(from, w->payload_link[slot]);
		struct happening h = {.type = HAP_ARRIVES,
		    .node = (uint8_t)i,
		    .other = (uint8_t)from,
		    .data = w->payload[slot],
		    .len = w->payload_len[slot]};

		sn->inbox_head = (sn->inbox_head + 1) % WORLD_PACKETS_MAX;
		sn->inbox_count--;
		sn->inbox_bytes -= h.len;
		world_tell(w, &h);
		daemon_datagram(sn, &addr, h.data, h.len, w->now);
		h.type = HAP_ARRIVED;
		world_tell(w, &h);
		world_release(w, slot);
		any = true;
	}
	return any;
}

static bool
send_pending(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	size_t cap = sn->pace.payload > 0 ? sn->pace.payload : WORLD_PAYLOAD;
	uint8_t buf[WORLD_PAYLOAD];
	bool any = false;
	size_t len, link;

	if (!ms_reached(w->now, sn->clogged_until))
		return false;
	for (;;) {
		link = daemon_datagram_link(sn);
		len = daemon_pull_datagram(sn, buf, cap, w->now);
		if (len == 0)
			break;
		world_send(w, i, link, buf, len);
		any = true;
	}
	return any;
}

/* ---- requests to the kernel ---- */

static void
carry_out(struct world *w, size_t i, const struct kernel_op *op)
{
	struct sim_node *sn = &w->nodes[i];
	struct kernel_result res;
	struct happening h = {.type = HAP_ASKS, .node = (uint8_t)i, .op = op};

	if (kernel_op_is_expect(op)) {
		sim_kernel_request(sn->kernel, op, &res);
		h.type = HAP_EXPECT_RESULT;
		h.result = &res;
		world_tell(w, &h);
		daemon_result(sn, &res, w->now);
		return;
	}
	world_tell(w, &h);
	sim_kernel_request(sn->kernel, op, &res);
	h.type = HAP_RESULT;
	h.result = &res;
	world_tell(w, &h);
	daemon_result(sn, &res, w->now);
	h.type = HAP_ANSWERED;
	world_tell(w, &h);
}

static bool
pull_op(struct world *w, size_t i, struct kernel_op *op)
{
	if (!daemon_pull_op(&w->nodes[i], op, w->now))
		return false;
	if (!kernel_op_is_expect(op))
		world_tell(w, &(struct happening){.type = HAP_OP, .node = (uint8_t)i, .op = op});
	return true;
}

static bool
write_kernel(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	struct kernel_op op;
	bool any = false;

	if (sn->pace.batch == 0) {
		for (; pull_op(w, i, &op); any = true)
			carry_out(w, i, &op);
		return any;
	}
	while (sn->ops_count < sn->pace.batch && pull_op(w, i, &sn->ops[sn->ops_count]))
		sn->ops_count++;
	if (sn->ops_count == 0)
		return false;
	sn->ops_at = ms_add(w->now, sn->pace.op_ms);
	sn->paused_until = sn->ops_at;
	return true;
}

/* The kernel has had its time: the batch takes effect, and the daemon goes on. */
static bool
batch_done(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	size_t count = sn->ops_count;

	if (count == 0 || !ms_reached(w->now, sn->ops_at))
		return false;
	sn->ops_count = 0;
	for (size_t o = 0; o < count; o++)
		carry_out(w, i, &sn->ops[o]);
	return true;
}

/* ---- the rest of the turn ---- */

static void
take_notices(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];
	struct notice note;

	while (daemon_pull_notice(sn, &note)) {
		world_tell(w, &(struct happening){
		    .type = HAP_NOTICE, .node = (uint8_t)i, .notice = &note});
		sn->notices[note.type]++;
		if (note.type == NOTE_COMMIT_DONE)
			sn->last_commit = note.commit;
		if (note.type == NOTE_KERNEL_READ_NEEDED && sn->pace.reads)
			read_again(w, i, note.read_why);
		if (note.type == NOTE_KERNEL_READ_DONE)
			read_done(w, i);
	}
}

static void
timers(struct world *w, size_t i)
{
	struct sim_node *sn = &w->nodes[i];

	if (ms_reached(w->now, sn->overrun_read_at)) {
		sn->overrun_read_at = MS_NEVER;
		sn->overrun_read_last = w->now;
		sn->read_wanted |= READ_OVERRUN;
	}
	if (ms_reached(w->now, sn->purge_at)) {
		sn->purge_at = MS_NEVER;
		sn->read_wanted |= READ_TO_FLUSH;
	}
	if (ms_reached(w->now, daemon_deadline(sn)))
		daemon_tick(sn, w->now);
}

bool
host_turn(struct world *w, size_t i)
{
	bool any;

	if (!ms_reached(w->now, w->nodes[i].paused_until))
		return false;
	any = batch_done(w, i);
	any |= read_events(w, i);
	any |= read_step(w, i);
	any |= receive(w, i);
	timers(w, i);
	any |= read_start(w, i);
	any |= write_kernel(w, i);
	any |= send_pending(w, i);
	take_notices(w, i);
	world_tell(w, &(struct happening){.type = HAP_TURN, .node = (uint8_t)i});
	return any;
}

ms_t
host_deadline(const struct world *w, size_t i)
{
	const struct sim_node *sn = &w->nodes[i];
	ms_t at = daemon_deadline(sn);

	if (!ms_reached(w->now, sn->paused_until))
		return sn->paused_until;
	/* While the link takes nothing there is no need to ask the node every moment. */
	if (!ms_reached(w->now, sn->clogged_until))
		at = at.ms <= w->now.ms ? sn->clogged_until : ms_earlier(at, sn->clogged_until);
	if (sn->reading)
		at = ms_earlier(at, sn->dump_next);
	at = ms_earlier(at, sn->overrun_read_at);
	return ms_earlier(at, sn->purge_at);
}

void
host_order(struct world *w, size_t i, enum sim_order order)
{
	struct sim_node *sn = &w->nodes[i];

	if (daemon_order(sn, order, w->now))
		return;
	switch (order) {
	case ORDER_COMMIT:
		sn->purge_at = MS_NEVER;
		daemon_command(sn, CMD_COMMIT, w->now);
		break;
	case ORDER_PROMOTE:
		sn->purge_at = MS_NEVER;
		daemon_command(sn, CMD_TAKE_OVER, w->now);
		break;
	case ORDER_REHEARSE:
		daemon_command(sn, CMD_REHEARSE, w->now);
		break;
	case ORDER_COMPARE:
		daemon_command(sn, CMD_COMPARE, w->now);
		break;
	case ORDER_FLUSH_INTERNAL:
		sn->purge_at = MS_NEVER;
		daemon_command(sn, CMD_FLUSH_INTERNAL, w->now);
		break;
	case ORDER_FLUSH_EXTERNAL:
		daemon_command(sn, CMD_FLUSH_EXTERNAL, w->now);
		break;
	case ORDER_READ:
		sn->read_wanted |= READ_ORDERED;
		break;
	case ORDER_BULK:
		daemon_command(sn, CMD_BULK, w->now);
		break;
	case ORDER_RESYNC:
		daemon_command(sn, CMD_REQUEST_RESYNC, w->now);
		break;
	case ORDER_FLUSH_KERNEL:
		sn->read_wanted |= READ_TO_FLUSH;
		break;
	case ORDER_PURGE:
		if (sn->purge_at.ms == MS_NEVER.ms)
			sn->purge_at = ms_add(w->now, sn->pace.purge_ms);
		break;
	}
}
