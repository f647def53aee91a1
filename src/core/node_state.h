/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_state.h: all that a node knows, as plain data; of the engine alone, see engine.h.
 */
#ifndef CORE_NODE_STATE_H
#define CORE_NODE_STATE_H

#include "commit.h"
#include "expect_table.h"
#include "bounds.h"
#include "node.h"
#include "table.h"

/* What is still to be said of a full resend, see sync_bulk(). */
enum bulk_mark { MARK_NONE, MARK_BEGIN, MARK_END };

enum local_queue { Q_TX = 1, Q_UNACKED = 2, Q_BURIED = 3 };
enum remote_queue { Q_INJECT = 1 };
_Static_assert((int)Q_BURIED <= (int)QUEUE_ID_MAX, "an entry can say in which it is");

/* What distinguishes the modes; the engine has no other test for them. */
struct sync_mode {
	const char *name;
	bool tracked;   /* numbers are checked, gaps asked for, messages acknowledged */
	bool alive;     /* something is sent at least once a second */
	bool marked;    /* gaps are noticed, and full resends say where they begin and end */
	bool refreshed; /* every flow is sent again and again; peers' flows expire */
	bool silent;    /* there are no peers: nothing is sent, nothing waits for that */
};

extern const struct sync_mode sync_modes[];

struct control {
	uint8_t flags;
	uint8_t acked; /* bit set of peers */
	uint32_t seq;
	uint32_t from, to;
};

/* Something costly that others can make us do: so often at once, then once in a while.  Begins as zeros. */
struct ration {
	unsigned int left;
	ms_t at; /* when one was last added */
};

/* May it be done once more? */
static inline bool
ration_take(struct ration *r, unsigned int at_once, int64_t pause_ms, ms_t now)
{
	int64_t more = r->at.ms == 0 ? at_once : ms_since(now, r->at) / pause_ms;

	if (more > 0) {
		r->left = more > at_once || r->left + more > at_once ? at_once
								     : r->left + (unsigned int)more;
		r->at = now;
	}
	if (r->left == 0)
		return false;
	r->left--;
	return true;
}

enum resync_state {
	RESYNC_NONE,   /* what we have of the peer is all it has */
	RESYNC_WANTED, /* to be asked */
	RESYNC_ASKED,
	RESYNC_ACKED,  /* the peer knows; its flows are coming */
	RESYNC_SWEEP,  /* flows it did not name again are being removed */
};

/* Where a peer is heard on one link. */
struct peer_path {
	bool known;
	bool parted;        /* this address was taken for the peer's, and is not */
	struct peer_addr addr;
	ms_t heard;         /* the last message that was taken */
	uint32_t next, row; /* of numbers that go on there, though not after the peer's last */
	ms_t row_since;
};

/* What is known of one dedicated link. */
struct node_link {
	bool down;
	ms_t up_since, down_since;
	ms_t heard; /* a message of any peer that was taken */
};

struct peer {
	bool used;
	bool silent;
	bool gone;       /* silent for so long that nothing is kept for it; its flows stay its own */
	bool in_hello;   /* its last message said HELLO */
	bool hello_back; /* it has answered our HELLO */
	bool deaf;       /* it seems not to hear us, and we say HELLO once more */
	uint8_t alives;  /* how often it said that it had nothing to acknowledge, in a row */
	bool seq_set;
	bool ack_open;
	bool jump_noted;
	bool hello_held; /* one that began elsewhere, while its known process was heard */
	bool forged;     /* two messages had one number, and nothing was compared since */
	ms_t forged_at;  /* when it last was, for that */
	bool missed;     /* something of it was lost while we said HELLO */
	bool unsure;     /* it said what may have been a restart, since: */
	ms_t unsure_at;
	struct peer_addr addr; /* where it was last heard */
	struct peer_path paths[NODE_LINKS_MAX];
	ms_t entered;
	ms_t heard;
	ms_t advanced;     /* when it last said something new, and on which link */
	size_t advanced_on;
	ms_t began;        /* when its process was first heard */
	ms_t nacked;       /* when it was last asked to repeat something */
	uint32_t last;     /* last number accepted */
	uint32_t ack_from; /* start of what we have not acknowledged yet */
	ms_t ack_since;    /* and when that was heard */
	uint32_t window;   /* messages until the next acknowledgement */
	uint32_t jump_next; /* number that would make a far jump believable */
	uint32_t hello_next; /* the same for a HELLO that was held */
	uint32_t prints[PRINTS_MAX]; /* of the last messages, by number; 0: not heard */
	uint32_t behind_next; /* the same for a row of numbers that have been before */
	uint32_t behind_row;
	uint16_t epoch;    /* its flows of earlier epochs are in doubt, see struct entry */
	enum resync_state resync;
	unsigned int resync_tries;
	ms_t resync_since; /* when the one under way was first wanted */
	bool restarted;    /* it is for a process that we did not know: what the one before told is in doubt */
	bool unanswered;   /* the tries are used up, and no acknowledgement came */
	struct ration asks; /* how often it may be asked */
	ms_t resync_at;    /* last step of the resync */
	ms_t old_named;    /* when a doubtful flow was last named again */
	bool any_named;    /* one was since the resync began */
	uint32_t sweep_cursor;
	uint32_t swept;
	uint32_t flows;
	uint32_t restarts; /* for views */
	uint64_t lost, asked_again;
	bool marks;        /* its full resends say where they begin and end */
	bool whole;        /* nothing of the one that has begun was lost so far */
	bool lossy;        /* something was lost, and everything is to be asked for */
	unsigned int loss_tries;
	ms_t asked_at;     /* for a loss; and how long to wait after that */
	int64_t loss_pause_ms;
};

/* Of a commit: flows on their own, flows that need a master, the kernel's own flows, expectations, what
 * changed behind the walk; and what has become ours by it. */
enum commit_phase { PHASE_MASTERS, PHASE_RELATED, PHASE_OWN, PHASE_EXPECTS, PHASE_LAST, PHASE_OURS };

/* The jobs that write to or ask the kernel. */
enum job_id { JOB_COMMIT, JOB_VERIFY, JOB_FLUSH, JOB_INJECT, JOB_REHEARSE };

struct job {
	bool running;
	uint8_t phase;
	uint32_t cursor;
	uint32_t foreseen; /* commit: what the walk needs for entries up to this one has been fetched */
	uint32_t out;   /* its requests under way */
	uint32_t walks; /* of this phase, before the one under way */
	uint32_t put_off, put_off_before; /* flows whose master comes first: in this walk, in the last */
	bool last_walk; /* nothing is put off any more */
	bool expects;   /* commit: expectations, too */
	bool adopts;    /* commit: what is in the kernel then is no peer's any more */
	uint8_t turn;   /* commit, PHASE_MASTERS: the walks are one for each turn */
	uint32_t turn_left[COMMIT_TURNS]; /* flows that wait for it */
	uint64_t count; /* flush: entries deleted; commit: changes still to be followed at its end */
	ms_t started;
};

enum slot_state { SLOT_FREE, SLOT_OUT, SLOT_RETRY };

struct op_slot {
	uint8_t state;
	uint8_t job;
	uint8_t tries;
	bool degraded;
	bool counted;      /* belongs to the running commit's tally */
	bool removes;      /* a replica that died is to leave the kernel */
	bool lost;         /* an answer was: it may have been done all the same */
	bool which;        /* a look at which of two flows has the tuple */
	uint32_t old_id;   /* of the kernel's entry that is to be replaced; 0: none known */
	bool own;          /* of PHASE_OWN: id and birth are those of a local flow */
	uint32_t id;
	uint32_t birth;
	struct kernel_op op;
};

/* A request about an expectation. */
struct expect_op {
	bool out;
	bool counted;
	bool flush;   /* about a local one, by order */
	enum kernel_op_type type;
	uint32_t id, birth;
	struct expect e;
};

/* Why the kernel refused some, or would. */
struct failures {
	struct commit_failure list[COMMIT_FAILURES_MAX];
	size_t count;
};

struct node {
	struct node_cfg cfg;
	const struct sync_mode *mode;
	struct node_stats stats;
	uint64_t rng;

	struct table local;
	struct table remote;
	struct queue tx;      /* local flows waiting to be sent */
	struct queue unacked; /* local flows sent and not acknowledged, by number */
	struct queue buried;  /* the same for flows that are dead */
	struct queue inject;  /* remote flows waiting to be written to the kernel */
	uint32_t rewrites;    /* remote flows that come back to it, see ENTRY_REWRITE */

	struct expect_table local_expects, remote_expects;
	uint32_t expects_pending; /* local ones to be sent */
	uint32_t expects_unacked;
	uint32_t expects_waiting; /* for their masters */
	uint32_t expects_wanted;  /* remote ones to be written or deleted */
	struct expect_op expect_ops[EXPECT_OPS_MAX];
	uint32_t expect_ops_out;
	bool expects_full_told;
	bool expects_flushing;    /* -F expect */
	uint32_t expects_cursor;  /* of that walk */
	uint64_t expects_flushed;
	unsigned int expect_errors_told;

	struct peer peers[NODE_PEERS_MAX];

	struct node_link links[NODE_LINKS_MAX];
	uint8_t links_count;
	uint8_t link_active;
	bool link_none_told;
	bool link_trial;      /* we have returned to the default one, from: */
	uint8_t link_home;
	ms_t link_since;      /* when we came to the one in use */
	ms_t link_back_at;    /* not before we return to the default one */
	int64_t link_back_pause_ms, link_rotate_pause_ms;
	uint8_t intros_left;  /* so often we still show ourselves on all links */
	uint8_t intro_links;  /* bit set: those on which that is to be done now */

	uint8_t followed;     /* bit set of follow[]: flows of which every step is noted */
	uint32_t next_seq;
	uint32_t seq_then[UNACKED_S]; /* next_seq of the last seconds; a ring */
	uint32_t seconds;
	bool hello_say;       /* our messages say HELLO */
	bool owe_hello_back;
	ms_t hello_answered;  /* first HELLO_BACK */
	ms_t hello_done;      /* when we stopped saying it */
	ms_t keepalive;       /* next time that something must be sent */
	ms_t housekeeping;

	struct control controls[CONTROLS_MAX]; /* ring */
	uint32_t controls_head, controls_count;
	ms_t controls_next;   /* when they may leave */
	ms_t overslept;       /* when we last heard something while behind with our keepalive */
	struct control sent[UNACKED_CONTROLS_MAX]; /* ring, by number */
	uint32_t sent_head, sent_count;
	uint32_t sent_done; /* of those, acknowledged by all that have to */

	uint32_t bulk_left;   /* entries of the local table still to be looked at */
	uint32_t bulk_cursor;
	uint32_t bulk_high;   /* the table's highest index that bulk_left counts */
	uint64_t bulk_flows;
	unsigned int bulk_burst; /* datagrams left in this burst */
	uint32_t bulk_flight;    /* unacknowledged flows below which the next one does not wait */
	ms_t bulk_next;
	enum bulk_mark bulk_mark; /* what is to be said before the next flow of it, or after the last */
	bool bulk_expects;    /* expectations are still to follow */
	struct ration bulks;  /* that peers may still ask for */
	bool bulk_owed;       /* one has, and waits for that */
	bool bulk_unsure;     /* one is over, but not all of it is acknowledged: */
	bool bulk_resent;     /* some of it may have gone out again since */
	uint32_t bulk_end;    /* the number after its last message */
	ms_t bulk_over;       /* when that was */
	ms_t bulk_began;      /* for views; 0: never */
	bool bulk_waits;      /* wanted, but the local table is being refilled */
	ms_t bulk_waits_until;
	bool local_emptied;   /* no kernel read since the start or since -f internal, which was: */
	ms_t emptied_since;
	ms_t born;
	bool remote_flushed;  /* by order; and when peers will have told all again, MS_NEVER: nobody was asked */
	ms_t remote_flushed_at, remote_refilled_at;

	bool reading;
	bool read_announce;
	bool read_whole;      /* nothing that it named has been flushed since it began */
	bool events_lost;     /* and no read begun since */
	ms_t lost_since;      /* when the first were of which no read has told yet; 0: none */
	bool read_before;     /* this is not the first read */
	uint16_t read_gen;    /* number of the last one, see struct entry */
	uint32_t tombs;       /* flows that ended while the table is being read, see local_end() */

	struct job jobs[5];   /* by enum job_id */
	struct op_slot ops[OPS_MAX];
	uint32_t op_replica[OPS_MAX]; /* the replica that a slot writes or removes, or ENTRY_NONE */
	uint16_t op_hint[OPS_MAX];    /* slots in use whose op_replica has this remainder */
	uint32_t ops_free, ops_retry;
	uint32_t ops_next; /* where the search for a free slot goes on */
	uint32_t scan_left; /* entries that walks may still pass before others have their turn */
	bool scan_paused;   /* they have passed so many, and go on at once */
	struct commit_tally tally;
	unsigned int commit_errors_told, commit_conflicts_told;
	struct failures failures, rehearsed_failures;
	struct commit_tally rehearsed;

	bool local_full_told, remote_full_told;
	ms_t local_full_since, remote_full_since;
	uint64_t evicted_told; /* of stats.unacked_evicted the log knows of so many, since: */
	ms_t evicted_told_at;
	uint32_t looks_left;  /* at timeouts, in this second */
	uint64_t walk_left;   /* entries that peers may still make us look at in this second */
	bool flush_external;  /* -f external, as soon as the commit under way is through */
	bool flush_internal;  /* -f internal, likewise; unless a read begins before that */
	struct notice notices[NOTICES_MAX]; /* ring */
	uint32_t notices_head, notices_count;
	struct flow_tuple follow[FOLLOW_MAX];
	struct follow_note notes[FOLLOW_NOTES_MAX]; /* ring */
	uint32_t notes_head, notes_count;
};

static inline uint8_t
peer_bit(const struct node *n, const struct peer *p)
{
	return (uint8_t)(1u << (p - n->peers));
}

/* Bit set of the peers that have to acknowledge. */
static inline uint8_t
peer_mask(const struct node *n)
{
	uint8_t mask = 0;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (n->peers[i].used && !n->peers[i].gone)
			mask = (uint8_t)(mask | peer_bit(n, &n->peers[i]));
	}
	return mask;
}

#endif
