/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walks.c: the order and number of requests to a kernel that answers in its own time: the walks of
 * a commit, of a flush, of the check after a read.
 */
#include <errno.h>

#include "stage.h"

enum { SLOTS = 256, MANY = 300 };

/* FT-FW whose commits also free the kernel's own flows from their windows. */
static struct node_cfg
freeing_cfg(void)
{
	return ftfw_cfg();
}

/* Port i, related to port `master`. */
static struct flow
related_flow(unsigned int i, unsigned int master)
{
	struct flow f = tcp_flow(i);

	f.has |= HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS;
	f.rare.master = tcp_flow(master).key;
	return f;
}

/* The next request is of this type and about the flow of this port. */
static struct kernel_op
asked(struct stage *s, enum kernel_op_type type, unsigned int port)
{
	struct kernel_op op = stage_asked(s, type);

	assert_int_equal(get_be16(&op.flow.key.sport), port);
	return op;
}

static void
agree(struct stage *s, enum kernel_op_type type, unsigned int port)
{
	struct kernel_op op = asked(s, type, port);

	stage_answer(s, &op, 0);
}

/*
 * There are as many requests under way as there are slots, and more only when those have been
 * answered.  How many there were in the end.
 */
static unsigned int
all_asked(struct stage *s, enum kernel_op_type type)
{
	struct kernel_op ops[SLOTS];
	unsigned int count = 0, out;

	do {
		for (out = 0; out < SLOTS && node_pull_kernel_op(s->n, &ops[out], s->now); out++)
			assert_int_equal(ops[out].type, type);
		if (out == SLOTS)
			stage_idle(s);
		for (unsigned int i = 0; i < out; i++)
			stage_answer(s, &ops[i], 0);
		count += out;
	} while (out > 0);
	return count;
}

static void
own_flows(struct stage *s, unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++) {
		struct flow f = tcp_flow(i);

		stage_event(s, KEV_NEW, false, &f);
	}
}

static void
peers_flows(struct stage *s, unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++) {
		struct flow f = tcp_flow(i);

		stage_tell(s, WIRE_CT_NEW, &f);
	}
}

static void
no_walk_has_more_under_way_than_there_are_slots(void **state)
{
	struct node_cfg through = stage_cfg();
	struct stage s = stage_up(stage_cfg());

	(void)state;
	peers_flows(&s, MANY);
	node_command(s.n, CMD_COMMIT, s.now);
	assert_int_equal(all_asked(&s, KOP_CREATE), MANY);
	assert_int_equal(stage_committed(&s).created, MANY);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	assert_int_equal(all_asked(&s, KOP_DELETE), MANY);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	stage_down(&s);
	/* The kernel's own, and those that a read did not name. */
	s = stage_up(freeing_cfg());
	own_flows(&s, MANY);
	node_command(s.n, CMD_COMMIT, s.now);
	assert_int_equal(all_asked(&s, KOP_UPDATE), MANY);
	assert_int_equal(stage_committed(&s).total, 0);
	assert_int_equal(node_stats(s.n)->commit_loosened, MANY);
	stage_noted(&s, NOTE_KERNEL_READ_DONE);
	s.notices[NOTE_KERNEL_READ_DONE] = 0;
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_end(s.n, true, s.now);
	assert_int_equal(all_asked(&s, KOP_GET), MANY);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_DONE), 1);
	stage_down(&s);
	/* CacheWriteThrough. */
	through.write_through = true;
	s = stage_up(through);
	peers_flows(&s, MANY);
	assert_int_equal(all_asked(&s, KOP_CREATE), MANY);
	assert_int_equal(node_stats(s.n)->commit_created, MANY);
	stage_down(&s);
}

/*
 * Thousands of flows of which a commit and a check after a read have nothing to ask are walked through in
 * parts, and whoever waits for news is served in between; node_deadline() says that there is more.
 */
static void
a_walk_with_little_to_do_lets_others_have_their_turn(void **state)
{
	enum { FLOWS = 10000, PARTS = 3 };
	struct node_cfg cfg = stage_cfg();
	unsigned int pauses = 0;
	struct flow f;
	struct stage s;

	(void)state;
	cfg.limit = 2 * FLOWS;
	s = stage_up(cfg);
	own_flows(&s, FLOWS);
	stage_sent(&s, WIRE_CT_NEW, NULL);
	node_tick(s.n, s.now);
	assert_false(ms_reached(s.now, node_deadline(s.n)));
	node_command(s.n, CMD_COMMIT, s.now);
	stage_idle(&s);
	for (; stage_noted(&s, NOTE_COMMIT_DONE) == 0 && pauses < FLOWS; pauses++) {
		assert_true(ms_reached(s.now, node_deadline(s.n)));
		stage_idle(&s);
	}
	assert_int_equal(pauses, PARTS - 1);
	assert_int_equal(stage_committed(&s).total, 0);
	/* What has its turn late has it all the same. */
	f = tcp_flow(FLOWS + 1);
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	agree(&s, KOP_CREATE, FLOWS + 1);
	for (pauses = 0; stage_noted(&s, NOTE_COMMIT_DONE) == 0 && pauses < FLOWS; pauses++)
		stage_idle(&s);
	assert_int_equal(stage_committed(&s).created, 1);
	stage_down(&s);
}

/* The slots go round; one whose answer is still to come is passed over. */
static void
a_slot_is_not_given_away_before_its_answer(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct kernel_op first;
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	first = asked(&s, KOP_CREATE, 1);
	for (unsigned int i = 2; i <= SLOTS + 2; i++) {
		f = tcp_flow(i);
		stage_tell(&s, WIRE_CT_NEW, &f);
		agree(&s, KOP_CREATE, i);
	}
	f = tcp_flow(1);
	assert_false(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_answer(&s, &first, 0);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
}

/* The answers come one by one while there is more to ask: no job is over before its last one. */
static void
a_job_is_over_when_its_last_answer_is_there(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op;

	(void)state;
	own_flows(&s, 2);
	stage_noted(&s, NOTE_KERNEL_READ_DONE);
	s.notices[NOTE_KERNEL_READ_DONE] = 0;
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_end(s.n, true, s.now);
	agree(&s, KOP_GET, 1);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_DONE), 0);
	op = asked(&s, KOP_GET, 2);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_DONE), 0);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_READ_DONE), 1);

	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	agree(&s, KOP_DELETE, 1);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 0);
	/* The same order again joins the one that runs. */
	assert_int_equal(node_command(s.n, CMD_FLUSH_KERNEL, s.now), CMD_PENDING);
	agree(&s, KOP_DELETE, 2);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	assert_int_equal(s.last[NOTE_KERNEL_FLUSH_DONE].count, 2);
	stage_down(&s);
}

static void
a_flush_tries_again_but_not_for_ever(void **state)
{
	static const int errors[] = {EAGAIN, EINTR, ETIMEDOUT, EAGAIN, EINTR, ETIMEDOUT};
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op;
	struct flow f = tcp_flow(1);

	(void)state;
	own_flows(&s, 1);
	stage_sent(&s, WIRE_CTL, NULL);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		stage_refuse(&s, KOP_DELETE, errors[i]);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	assert_int_equal(s.last[NOTE_KERNEL_FLUSH_DONE].count, 0);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	/* Nor for one that has ended meanwhile, which is nothing that the flush has done. */
	for (int error = 0; error <= EAGAIN; error += EAGAIN) {
		stage_event(&s, KEV_NEW, false, &f);
		node_command(s.n, CMD_FLUSH_KERNEL, s.now);
		op = asked(&s, KOP_DELETE, 1);
		stage_event(&s, KEV_DESTROY, false, &f);
		stage_answer(&s, &op, error);
		stage_idle(&s);
		assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 2 + (error > 0));
		assert_int_equal(s.last[NOTE_KERNEL_FLUSH_DONE].count, 0);
	}
	/* Its successor on the tuple is not what the answer is about. */
	stage_event(&s, KEV_NEW, false, &f);
	node_command(s.n, CMD_FLUSH_INTERNAL, s.now);
	stage_event(&s, KEV_NEW, false, &f);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	op = asked(&s, KOP_DELETE, 1);
	node_command(s.n, CMD_FLUSH_INTERNAL, s.now);
	stage_event(&s, KEV_NEW, false, &f);
	stage_answer(&s, &op, 0);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	stage_down(&s);
}

static void
a_check_that_fails_takes_nothing_for_gone(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op;
	struct flow f = tcp_flow(1);

	(void)state;
	own_flows(&s, 1);
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_end(s.n, true, s.now);
	stage_refuse(&s, KOP_GET, EPERM);
	stage_idle(&s);
	assert_true(stage_has(&s, TABLE_LOCAL, &f, NULL));
	/* It ended before the answer: that has been told once. */
	node_kernel_read_begin(s.n, false, s.now);
	node_kernel_read_end(s.n, true, s.now);
	op = asked(&s, KOP_GET, 1);
	stage_event(&s, KEV_DESTROY, false, &f);
	stage_answer(&s, &op, ENOENT);
	assert_int_equal(node_stats(s.n)->local_destroyed, 1);
	stage_down(&s);
}

static void
an_answer_that_nobody_waits_for_is_left_aside(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op, none = {.cookie = SLOTS};

	(void)state;
	peers_flows(&s, 1);
	node_command(s.n, CMD_COMMIT, s.now);
	op = asked(&s, KOP_CREATE, 1);
	stage_answer(&s, &none, 0);
	none.cookie = UINT32_MAX;
	stage_answer(&s, &none, 0);
	none.cookie = op.cookie + 1;
	stage_answer(&s, &none, 0);
	assert_int_equal(node_stats(s.n)->commit_created, 0);
	stage_answer(&s, &op, EAGAIN);
	/* Twice: the second try has not gone out yet. */
	stage_answer(&s, &op, 0);
	assert_int_equal(node_stats(s.n)->commit_created, 0);
	agree(&s, KOP_CREATE, 1);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).created, 1);
	stage_down(&s);
}

/* In front of the walk a change is written with the flow, behind it once more. */
static void
what_changes_is_written_again_only_behind_the_walk(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow master = tcp_flow(1), behind = related_flow(2, 1), ahead = related_flow(3, 1);
	struct kernel_op op;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &behind);
	stage_tell(&s, WIRE_CT_NEW, &ahead);
	stage_tell(&s, WIRE_CT_NEW, &master);
	node_command(s.n, CMD_COMMIT, s.now);
	op = asked(&s, KOP_CREATE, 1);
	/* Its master is not in place, so the walk has not come to it. */
	behind.mark = 1;
	behind.has |= HAS_MARK;
	stage_tell(&s, WIRE_CT_NEW, &behind);
	stage_answer(&s, &op, 0);
	op = asked(&s, KOP_CREATE, 2);
	assert_int_equal(op.flow.mark, 1);
	stage_answer(&s, &op, 0);
	master.l4.tcp.state = TCP_FIN_WAIT;
	behind.l4.tcp.state = TCP_FIN_WAIT;
	ahead.l4.tcp.state = TCP_FIN_WAIT;
	stage_tell(&s, WIRE_CT_UPD, &master);
	stage_tell(&s, WIRE_CT_UPD, &behind);
	stage_tell(&s, WIRE_CT_UPD, &ahead);
	op = asked(&s, KOP_CREATE, 3);
	assert_int_equal(op.flow.l4.tcp.state, TCP_FIN_WAIT);
	stage_answer(&s, &op, 0);
	agree(&s, KOP_UPDATE, 1);
	agree(&s, KOP_UPDATE, 2);
	assert_int_equal(stage_committed(&s).total, 3);
	stage_down(&s);
}

/* While the commit looks after the kernel's own flows, its walk is over: all is behind it. */
static void
what_changes_at_the_end_still_belongs_to_the_commit(void **state)
{
	struct stage s = stage_up(freeing_cfg());
	struct flow own = tcp_flow(9), f = tcp_flow(1), before = tcp_flow(2);
	struct kernel_op op, late;

	(void)state;
	stage_event(&s, KEV_NEW, false, &own);
	stage_tell(&s, WIRE_CT_NEW, &before);
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	agree(&s, KOP_CREATE, 2);
	agree(&s, KOP_CREATE, 1);
	op = asked(&s, KOP_UPDATE, 9);
	assert_true(op.tcp_liberal);
	f.l4.tcp.state = TCP_FIN_WAIT;
	stage_tell(&s, WIRE_CT_UPD, &f);
	late = asked(&s, KOP_UPDATE, 1);
	stage_answer(&s, &op, 0);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_DONE), 0);
	/* What comes later is not waited for, or a busy peer would keep the commit from ending. */
	f.l4.tcp.state = TCP_CLOSE_WAIT;
	stage_tell(&s, WIRE_CT_UPD, &f);
	stage_answer(&s, &late, 0);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_DONE), 1);
	agree(&s, KOP_UPDATE, 1);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_DONE), 1);
	stage_down(&s);
}

/* The kernel's own flow and the replica have their number in common, and nothing else. */
static void
a_replica_that_dies_at_the_end_does_not_wait_for_an_own_flow(void **state)
{
	struct stage s = stage_up(freeing_cfg());
	struct flow own = tcp_flow(9), f = tcp_flow(1);
	struct kernel_op op;

	(void)state;
	stage_event(&s, KEV_NEW, false, &own);
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	agree(&s, KOP_CREATE, 1);
	op = asked(&s, KOP_UPDATE, 9);
	stage_tell(&s, WIRE_CT_DEL, &f);
	stage_refuse(&s, KOP_GET, ENOENT);
	stage_idle(&s);
	stage_answer(&s, &op, 0);
	stage_committed(&s);
	assert_int_equal(node_table_view(s.n, TABLE_REMOTE).total, 0);
	stage_down(&s);
}

/* The commit has found nothing to do; CacheWriteThrough goes on, and a flush holds up the news. */
static void
what_comes_after_the_walk_is_not_counted_as_the_commits(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct kernel_op op;
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	own_flows(&s, 1);
	node_command(s.n, CMD_COMMIT, s.now);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	op = asked(&s, KOP_DELETE, 1);
	f = tcp_flow(2);
	stage_tell(&s, WIRE_CT_NEW, &f);
	agree(&s, KOP_CREATE, 2);
	assert_int_equal(stage_noted(&s, NOTE_COMMIT_DONE), 1);
	assert_int_equal(s.last[NOTE_COMMIT_DONE].commit.created, 0);
	assert_int_equal(node_stats(s.n)->commit_created, 1);
	/* The flush has come to what has just been written, and takes it, too. */
	stage_answer(&s, &op, 0);
	agree(&s, KOP_DELETE, 2);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	stage_down(&s);
}

/* What waits to be written when the replicas are flushed is not written any more. */
static void
a_flush_of_the_replicas_leaves_nothing_to_be_written(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	peers_flows(&s, 3);
	node_command(s.n, CMD_FLUSH_EXTERNAL, s.now);
	stage_idle(&s);
	assert_int_equal(node_stats(s.n)->remote_destroyed, 3);
	peers_flows(&s, 1);
	agree(&s, KOP_CREATE, 1);
	stage_down(&s);
}

/* A flow that ends while its own request is under way is neither freed nor deleted by us. */
static void
an_own_flow_that_ends_meanwhile_is_none_of_the_commits(void **state)
{
	struct stage s = stage_up(freeing_cfg());
	struct flow f = tcp_flow_in(1, TCP_LAST_ACK);
	struct kernel_op op;

	(void)state;
	for (int error = 0; error <= ENOENT; error += ENOENT) {
		stage_event(&s, KEV_NEW, false, &f);
		node_command(s.n, CMD_COMMIT, s.now);
		op = asked(&s, KOP_UPDATE, 1);
		stage_event(&s, KEV_DESTROY, false, &f);
		stage_answer(&s, &op, error);
		stage_committed(&s);
	}
	assert_int_equal(node_stats(s.n)->commit_loosened, 0);
	/* A refusal frees nothing either. */
	stage_event(&s, KEV_NEW, false, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	stage_refuse(&s, KOP_UPDATE, EPERM);
	stage_committed(&s);
	assert_int_equal(node_stats(s.n)->commit_loosened, 0);
	/* The same of one whose connection the peer saw to its end. */
	f.has |= HAS_ID;
	f.id = 4;
	stage_event(&s, KEV_NEW, false, &f);
	stage_wait(&s, 100);
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_tell(&s, WIRE_CT_DEL, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	op = asked(&s, KOP_DELETE, 1);
	assert_int_equal(op.flow.id, 4);
	stage_event(&s, KEV_DESTROY, false, &f);
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).ended, 0);
	stage_down(&s);
}

/* Both directions have to be free, or the next segment of the other one is lost. */
static void
a_flow_that_is_free_in_one_direction_is_freed(void **state)
{
	static const uint8_t flags[][2] = {{0, 0}, {TCP_FLAG_LIBERAL, 0}, {0, TCP_FLAG_LIBERAL},
	    {TCP_FLAG_LIBERAL, TCP_FLAG_LIBERAL}, {TCP_FLAG_LIBERAL, TCP_FLAG_LIBERAL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		struct stage s = stage_up(freeing_cfg());
		struct flow f = tcp_flow(1);

		/* The last one's are not the kernel's word. */
		f.has |= i < 4 ? HAS_TCP_FLAGS : 0;
		f.l4.tcp.flags_orig = flags[i][0];
		f.l4.tcp.flags_repl = flags[i][1];
		stage_event(&s, KEV_NEW, false, &f);
		node_command(s.n, CMD_COMMIT, s.now);
		if (i != 3)
			agree(&s, KOP_UPDATE, 1);
		stage_committed(&s);
		stage_down(&s);
	}
}

/* Each walk brings one link of the chain; the order in which they were told is the worst. */
static void
a_chain_of_masters_is_written_from_its_beginning(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow chain[] = {related_flow(5, 4), related_flow(4, 3), related_flow(3, 2),
	    related_flow(2, 1), tcp_flow(1)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chain); i++)
		stage_tell(&s, WIRE_CT_NEW, &chain[i]);
	node_command(s.n, CMD_COMMIT, s.now);
	for (unsigned int i = 1; i <= 5; i++)
		agree(&s, KOP_CREATE, i);
	assert_int_equal(stage_committed(&s).created, 5);
	stage_down(&s);
}

/* No peer that is right says so, but one that is wrong must not hold up the commit. */
static void
flows_that_are_each_others_masters_are_not_waited_for(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow a = related_flow(1, 2), b = related_flow(2, 1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &a);
	stage_tell(&s, WIRE_CT_NEW, &b);
	node_command(s.n, CMD_COMMIT, s.now);
	agree(&s, KOP_CREATE, 1);
	agree(&s, KOP_CREATE, 2);
	assert_int_equal(stage_committed(&s).created, 2);
	stage_down(&s);
}

/* The master dies while it is written, and stays a moment longer: nobody waits for that one. */
static void
a_master_that_died_is_not_waited_for(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow last = related_flow(3, 2), middle = related_flow(2, 1), first = tcp_flow(1);
	struct kernel_op op;

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &last);
	stage_tell(&s, WIRE_CT_NEW, &middle);
	stage_tell(&s, WIRE_CT_NEW, &first);
	node_command(s.n, CMD_COMMIT, s.now);
	agree(&s, KOP_CREATE, 1);
	op = asked(&s, KOP_CREATE, 2);
	stage_tell(&s, WIRE_CT_DEL, &middle);
	stage_answer(&s, &op, EPERM);
	agree(&s, KOP_CREATE, 3);
	assert_int_equal(stage_committed(&s).created, 2);
	stage_down(&s);
}

/* The kernel had the master, and that one ended: the replica has to be written first. */
static void
a_master_that_ended_here_has_to_be_written_first(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct flow last = related_flow(3, 2), middle = related_flow(2, 1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &last);
	stage_tell(&s, WIRE_CT_NEW, &middle);
	stage_event(&s, KEV_NEW, false, &middle);
	assert_int_equal(stage_sent(&s, WIRE_CT_NEW, NULL), 1);
	stage_event(&s, KEV_DESTROY, false, &middle);
	assert_int_equal(node_table_view(s.n, TABLE_LOCAL).total, 1);
	node_command(s.n, CMD_COMMIT, s.now);
	agree(&s, KOP_CREATE, 2);
	agree(&s, KOP_CREATE, 3);
	assert_int_equal(stage_committed(&s).created, 2);
	stage_down(&s);
}

/* With CacheWriteThrough, too, a live and fresher entry is left alone. */
static void
what_write_through_leaves_alone_is_not_waited_for(void **state)
{
	struct node_cfg cfg = stage_cfg();
	struct flow f = tcp_flow(1);
	struct stage s;

	(void)state;
	cfg.write_through = true;
	s = stage_up(cfg);
	stage_tell(&s, WIRE_CT_NEW, &f);
	agree(&s, KOP_CREATE, 1);
	stage_wait(&s, 100);
	stage_event(&s, KEV_UPDATE, false, &f);
	/* The same again is no news. */
	stage_tell(&s, WIRE_CT_NEW, &f);
	stage_idle(&s);
	assert_int_equal(node_stats(s.n)->commit_current, 1);
	assert_true(stage_has(&s, TABLE_REMOTE, &f, NULL));
	stage_down(&s);
}

/* -F, promote, and -F once more, while the kernel has not answered the first. */
static void
a_flush_that_was_stopped_does_not_harm_the_next(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op stopped, last, op;

	(void)state;
	own_flows(&s, 2);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	stopped = asked(&s, KOP_DELETE, 1);
	node_command(s.n, CMD_TAKE_OVER, s.now);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	/* The commit has nothing to do. */
	while (node_pull_kernel_op(s.n, &op, s.now))
		stage_answer(&s, &op, 0);
	node_command(s.n, CMD_FLUSH_KERNEL, s.now);
	op = asked(&s, KOP_DELETE, 1);
	last = asked(&s, KOP_DELETE, 2);
	stage_answer(&s, &stopped, ENOENT);
	stage_answer(&s, &op, ENOENT);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 1);
	stage_answer(&s, &last, 0);
	stage_idle(&s);
	assert_int_equal(stage_noted(&s, NOTE_KERNEL_FLUSH_DONE), 2);
	stage_down(&s);
}

/* The kernel takes its time, and whoever drives the node asks it for more in every turn. */
static void
who_is_asked_too_often_does_not_begin_anew(void **state)
{
	struct stage s = stage_up(stage_cfg());
	struct kernel_op op, more;
	struct flow f = tcp_flow(1);

	(void)state;
	stage_tell(&s, WIRE_CT_NEW, &f);
	node_command(s.n, CMD_COMMIT, s.now);
	op = asked(&s, KOP_CREATE, 1);
	for (int i = 0; i < 1000; i++)
		assert_false(node_pull_kernel_op(s.n, &more, s.now));
	stage_answer(&s, &op, 0);
	assert_int_equal(stage_committed(&s).total, 1);
	stage_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_walk_has_more_under_way_than_there_are_slots),
	    cmocka_unit_test(a_walk_with_little_to_do_lets_others_have_their_turn),
	    cmocka_unit_test(a_slot_is_not_given_away_before_its_answer),
	    cmocka_unit_test(a_job_is_over_when_its_last_answer_is_there),
	    cmocka_unit_test(a_flush_tries_again_but_not_for_ever),
	    cmocka_unit_test(a_check_that_fails_takes_nothing_for_gone),
	    cmocka_unit_test(an_answer_that_nobody_waits_for_is_left_aside),
	    cmocka_unit_test(what_changes_is_written_again_only_behind_the_walk),
	    cmocka_unit_test(what_changes_at_the_end_still_belongs_to_the_commit),
	    cmocka_unit_test(a_replica_that_dies_at_the_end_does_not_wait_for_an_own_flow),
	    cmocka_unit_test(what_comes_after_the_walk_is_not_counted_as_the_commits),
	    cmocka_unit_test(a_flush_of_the_replicas_leaves_nothing_to_be_written),
	    cmocka_unit_test(an_own_flow_that_ends_meanwhile_is_none_of_the_commits),
	    cmocka_unit_test(a_flow_that_is_free_in_one_direction_is_freed),
	    cmocka_unit_test(a_chain_of_masters_is_written_from_its_beginning),
	    cmocka_unit_test(flows_that_are_each_others_masters_are_not_waited_for),
	    cmocka_unit_test(a_master_that_died_is_not_waited_for),
	    cmocka_unit_test(a_master_that_ended_here_has_to_be_written_first),
	    cmocka_unit_test(what_write_through_leaves_alone_is_not_waited_for),
	    cmocka_unit_test(who_is_asked_too_often_does_not_begin_anew),
	    cmocka_unit_test(a_flush_that_was_stopped_does_not_harm_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
