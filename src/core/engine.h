/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h: what the parts of a node share.  Nothing outside core includes this.
 * The parts stand in layers; each calls only those below it:
 *
 *   node.c       init, inputs, commands, time, views
 *   progress.c   views of what is under way
 *   ready.c      is what peers told as good as they can tell it
 *   reconfigure.c  settings that change while a node runs
 *   peer.c       who we hear, their numbers, what they acknowledge
 *   identity.c   whose a message is
 *   links.c      which link we send on
 *   remote.c     peers' flows into the remote table
 *   request.c    what is asked of the kernel, and whose the answers are
 *   expect_remote.c  peers' expectations, to the kernel too
 *   commit.c     which replica goes to the kernel when
 *   rehearse.c   what a commit would do
 *   replica.c    one replica to the kernel, and what the answers make of it
 *   wanted.c     what of a replica is to be in the kernel
 *   local.c      kernel events and reads into the local table
 *   slot.c       the requests to the kernel under way
 *   sync.c       what leaves this node, and when
 *   expect_local.c   the kernel's expectations, and what of them leaves
 *   records.c    how flows wait in, and leave, the two tables
 *   notice.c     what there is to say
 *   follow.c     what happens to flows that somebody looks at
 *   view.c       what is kept of a flow
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "commit.h"
#include "expect_table.h"
#include "node.h"
#include "table.h"
#include "wire.h"

enum {
	NOTICES_MAX = 64,
	FOLLOW_NOTES_MAX = 64,
	CONTROLS_MAX = 2048,         /* control messages waiting to be sent: every one of those */
	CONTROLS_BUSY = 256,         /* below, sent again, and what may come beside */
	CONTROL_DONE = 0xff,         /* all peers' bits */
	/* So long events of a flow that we have deleted may come. */
	TOMB_MS = 2 * 1000,
	TIMEOUT_SLACK_S = 2,         /* the kernel's seconds and ours begin at different moments */
	UNACKED_CONTROLS_MAX = 1024, /* sent and not acknowledged */
	OPS_MAX = 256,               /* requests to the kernel under way */
	SCAN_MAX = 4096,             /* entries that walks for requests pass in a row */
	/*
	 * Packets renew a timeout without an event.  So the kernel is asked when a third of it is over,
	 * not sooner than in ten seconds, and not more than so many flows a second.
	 */
	LOOK_PART = 3,
	LOOK_MIN_S = 10,
	LOOKS_PER_SECOND = 2000,
	EXPECT_OPS_MAX = 32,         /* the same, about expectations */
	EXPECT_TRIES_MAX = 6,        /* for one whose master is not there yet, a second apart */
	EXPECT_TIMEOUT_S = 300,      /* of one that came without */
	EXPECT_MASTER_MS = 5 * 1000, /* so long it waits for its master to be told */

	KEEPALIVE_MS = 1000,
	PEER_SILENT_MS = 10 * 1000,
	PEER_GONE_MS = 600 * 1000,

	/*
	 * Messages per acknowledgement.  Acknowledgements are acknowledged, too, by every peer: with
	 * no more messages per acknowledgement than there are peers they would never end.
	 */
	ACK_WINDOW_MIN = 2 * NODE_PEERS_MAX,

	/*
	 * A number further off than this, either way, is believed only when its successor follows,
	 * and is a new instance then.  So many messages are not lost on a link that works; and the
	 * nearer the bound, the fewer restarts whose HELLOs are lost pass for a mere gap.
	 */
	SEQ_FAR = 1 << 16,
	/* A HELLO within this distance belongs to the instance that we know. */
	HELLO_GAP_MAX = 4096,
	/* What the last process of a peer said may still come so long after the first word of the next. */
	LATE_MS = 500,
	/*
	 * A HELLO whose number is lower by less is late while the last in order is not older than this: a
	 * keepalive's time and the link's.  And so it is if we have been stopped, and are so much behind
	 * with our own keepalive: what waits at the socket may be out of order, whatever its age.
	 */
	HELLO_LATE_MS = 1250,
	OVERSLEPT_MS = 100,
	/*
	 * A peer that says nothing new for so long, though it speaks, has not been late all the time: a
	 * number that was not its own has gone before.  Believed is a row of so many.
	 */
	BEHIND_MS = 2 * 1000,
	BEHIND_ROW = 3,
	/* So many of the last messages are remembered by a print: no process says two with one number. */
	PRINTS_MAX = 64,
	/* Two differ all the same: somebody else speaks for the peer.  How often all is compared then. */
	FORGED_PAUSE_MS = 10 * 1000,
	DEAF_ALIVES = 5, /* in a row, and no acknowledgement: the peer does not hear us */
	/* So long after a NACK its answer may still come. */
	NACK_REPEAT_MS = 5 * 1000,
	/*
	 * What nobody has acknowledged for so long is said again, some of it each second.  Everybody asks
	 * for what he misses; but an acknowledgement may be lost for good, where the bad link made so
	 * many that the sender forgot it.
	 */
	UNACKED_S = 20,
	UNACKED_AGAIN = 256,
	/* How often at most a table that was full is made whole again. */
	ROOM_AGAIN_MS = 60 * 1000,

	/*
	 * Between two datagrams with control messages.  A lost one is asked for, which may be lost,
	 * too: with many peers on a bad link each causes more than one, and without this the link
	 * would carry nothing else.
	 */
	CONTROLS_PAUSE_MS = 10,

	/* A full resend, so that the smallest usual receive buffer (208 KiB) never overflows: as long as
	 * so many flows at most are unacknowledged (half after each loss, but not below the least),
	 * there is no pause. */
	BULK_BURST = 32, /* datagrams */
	BULK_PAUSE_MS = 5,
	BULK_FLIGHT_MIN = 128,
	BULK_FLIGHT = 1024,
	/* It takes 16 bytes to ask for one.  So many are begun as soon as they are asked for, and then one
	 * in so long: less than a peer waits before it holds for gone what is not named. */
	BULKS_AT_ONCE = 4,
	BULK_AGAIN_MS = 2 * 1000,
	/* When a peer that could have is taken to have acknowledged no more of it. */
	BULK_ACKED_MS = 30 * 1000,
	/* The same when we ask, which others may make us do. */
	ASKS_AT_ONCE = 4,
	ASK_AGAIN_MS = 3 * 1000,
	/* How often at most the log hears of ends that were given up. */
	EVICTED_TOLD_MS = 60 * 1000,

	/* How a full resend of a peer is known to be over (version 1 has no end mark). */
	RESYNC_RETRY_MS = 5 * 1000,
	RESYNC_TRIES = 3,
	RESYNC_SETTLE_MS = 5 * 1000,
	RESYNC_EMPTY_MS = 20 * 1000, /* the same if it names nothing: it may still read its table */
	RESYNC_QUIET_MS = 2 * 1000,

	/* After the start and -f internal, how long a full resend waits for the read that fills us. */
	REFILL_WAIT_MS = 10 * 1000,

	/* NOTRACK: after a loss everything is asked for; so long it waits if losses go on, the longest. */
	LOSS_PAUSE_MIN_MS = 5 * 1000,
	LOSS_PAUSE_MAX_MS = 60 * 1000,

	/* ALARM has no acknowledgements: a delete is said this many times. */
	ALARM_DELETES = 3,
	ALARM_DELETE_MS = 1000,
};

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

/* reconfigure.c */
/* Puts defaults where there are zeros, and what is too little right. */
void settings_complete(struct node_cfg *cfg);

/* notice.c */
/* A place in the notice ring with its type set.  If the ring is full, an older notice goes that
 * nobody waits for. */
struct notice *node_notice(struct node *n, enum notice_type type);

/* follow.c: steps of flows that somebody looks at; for callers who have seen that n->followed is not 0 */
/* NULL if it is not followed, or there is no room. */
struct follow_note *follow_flow(struct node *n, enum follow_step step, const struct flow *f);
struct follow_note *follow_entry(struct node *n, enum follow_step step, const struct table *t, uint32_t id);
void follow_event(struct node *n, const struct kernel_event *ev);
void follow_sent(struct node *n, uint32_t id, enum wire_type type);
void follow_acked(struct node *n, uint32_t id, uint8_t bit);
void follow_op(struct node *n, enum follow_step step, const struct kernel_op *op, int error);
/* Before the answer is judged, which may free its slot. */
void follow_answer(struct node *n, const struct kernel_result *res);
struct heard;
void follow_heard(struct node *n, enum follow_step step, const struct peer *p, const struct heard *h);

/* records.c: how flows wait in, and leave, the two tables */
/* The flow is to be sent in its present state. */
void local_pending(struct node *n, uint32_t id);
/* Takes a flow out of the queues. */
void local_unqueue(struct node *n, uint32_t id);
/* Forgets a flow without a word. */
void local_drop(struct node *n, uint32_t id);
/* Makes room by forgetting the flow that died longest ago and still waits to be acknowledged; false if
 * there is none. */
bool local_evict_dead(struct node *n);
/*
 * Removes a flow that is gone from the kernel and that nobody need be told of (any more).  While the
 * table is being read its place is kept: what is still to come of the dump may be older than its
 * end, and must not raise it.
 */
void local_end(struct node *n, uint32_t id);
/* Keeps nothing of a flow but its place. */
void local_tomb(struct node *n, uint32_t id);
/* The same as local_end() for one that has only now ended. */
void local_gone(struct node *n, uint32_t id);
/* The peer is the one that told us last. */
void remote_own(struct node *n, struct entry *e, struct peer *p);
void remote_remove(struct node *n, uint32_t id);
/* One of the changes that the kernel had to follow is done with. */
void remote_injected(struct node *n);
/* Forgets every flow of the peers; the kernel keeps what it has. */
void remote_flush(struct node *n);

/* links.c: which of several links we send on */
void links_init(struct node *n, ms_t now);
/* A message of the peer was taken that came on this link. */
void links_heard(struct node *n, struct peer *p, size_t link, ms_t now);
void links_housekeeping(struct node *n, ms_t now);
/* Somebody may not know us, or not on all links. */
void links_introduce(struct node *n);

/* identity.c: whose a message is */
struct peer *peer_find(struct node *n, const struct peer_addr *addr);
/*
 * The peer that says this number from there; NULL if nobody we know.  *heir_of: NULL, or the peer that
 * was its last process, which is to be taken over by it.
 */
struct peer *peer_identify(struct node *n, const struct peer_addr *from, uint32_t seq,
    struct peer **heir_of);
/* The peer is heard there, too. */
void peer_add_path(struct peer *p, const struct peer_addr *from);
/*
 * A number that is not ahead: do two processes live, one on each of two links, that we took for one?
 * Then this link is the peer's no more.
 */
bool peer_are_two(struct node *n, struct peer *p, size_t link, uint32_t seq, ms_t now);

/* sync.c: what leaves, and when */
/* Queues a control message; false (and counted) if there is no room. */
bool sync_control(struct node *n, uint8_t flags, uint32_t from, uint32_t to);
void sync_bulk(struct node *n, ms_t now);
/* A second has gone by: begins what peers were put off with, tells what became of the last one. */
void sync_bulk_later(struct node *n, ms_t now);
/* A full resend under way ends here, unfinished. */
void sync_bulk_stop(struct node *n);
/* When the flow is next sent if nothing happens to it (ALARM), or its timeout next looked at. */
void sync_refresh_later(struct node *n, uint32_t id, ms_t now);
void sync_tick(struct node *n, ms_t now);
void sync_acked(struct node *n, struct peer *p, uint32_t from, uint32_t to, ms_t now);
void sync_nacked(struct node *n, uint32_t from, uint32_t to);
/* A second has gone by: what has been unacknowledged for long is said again. */
void sync_again(struct node *n);
/* The same: what peers have said by then is acknowledged, however busy we are. */
void sync_acknowledge(struct node *n, ms_t now);
/* Everything unacknowledged counts as acknowledged by this peer. */
void sync_forgive(struct node *n, struct peer *p);
/* The peer asks for everything: every flow, and every delete that it did not acknowledge. */
void sync_tell_all(struct node *n, struct peer *p, ms_t now);
/* The peer begins anew: flows are sent to it again, and so are deletes that may still concern it. */
void sync_greet(struct node *n, struct peer *p, ms_t now);
/* The peer answers our HELLO: the same, but what we have asked it for it still has to hear. */
void sync_greet_back(struct node *n, struct peer *p, ms_t now);
bool sync_seq_is_ours(const struct node *n, uint32_t seq);
/* The oldest number that may be ours. */
uint32_t sync_first_seq(const struct node *n);
/*
 * Is this flow nothing but a peer's, which we wrote to the kernel as it came?  Its owner has it in
 * the kernel, too, and says itself what it has: told back, it would outlive its own end.
 */
bool sync_is_mirrored(const struct node *n, uint32_t id);

/* What is left of a local flow's timeout if nothing has renewed it since it was noted: in seconds, 0 if
 * it would have run out. */
static inline uint32_t
local_timeout_left(const struct flow *f, const struct entry *e, ms_t now)
{
	uint32_t passed = ms_second(now) - e->timeout_s;

	return passed < f->timeout_s ? f->timeout_s - passed : 0;
}

/* local.c: the kernel's flows as we know them */
enum local_news {
	NEWS_UPDATE,     /* merged */
	NEWS_WHOLE,      /* what was there before is gone */
	NEWS_OWN_UPDATE, /* the same two, by our own writes for a peer */
	NEWS_OWN_WHOLE,
};

/* Enters or merges a flow; the new or old index, ENTRY_NONE if the table is full. */
uint32_t local_upsert(struct node *n, const struct flow *f, enum local_news news, ms_t now);
/* The same where the table is known to have it as entry `id`, with *old (which changes) in it, or not at
 * all: ENTRY_NONE. */
uint32_t local_put(struct node *n, uint32_t id, struct flow *old, const struct flow *f,
    enum local_news news, ms_t now);
/* The flow is gone from the kernel; tells the peers if they may know of it. */
void local_destroyed(struct node *n, uint32_t id, ms_t now);
/* We have deleted a peer's flow from the kernel: likewise, and events of it may still be unread. */
void local_deleted(struct node *n, uint32_t id, ms_t now);
/* Entries whose time has come: flows to be said again, and places that need not be kept any longer. */
void local_expire(struct node *n, ms_t now);
/* A peer, whose last news of the flow is `told` old, says that its connection is over. */
void local_over(struct node *n, const struct flow_key *key, ms_t told);
void local_flush(struct node *n, ms_t now);
/* A read is over: what was only kept for its sake goes. */
void local_read_end(struct node *n, bool complete);
void local_verify_done(struct node *n, ms_t now);
/* Something has happened in the kernel that only a read will tell. */
void local_lost(struct node *n, ms_t now);

/* look.c: what the kernel shows of one entry when it is asked */
/* Of two flows on a tuple, which is it that the kernel has?  False if there is no slot for the question. */
bool local_ask_which(struct node *n, uint32_t id);
/*
 * What the helper did to the master for a related flow or an expectation, its sequence numbers above all, raises no
 * event.  So it is asked for; where there is no slot for the question, the next flow asks.
 */
void local_look_at_master(struct node *n, const struct flow_key *master);
/* What has renewed its timeout raised no event: the kernel is asked, if there is a slot for it. */
void local_look_at_timeout(struct node *n, uint32_t id, ms_t now);
/* Have packets changed the flow that we know, or the rules that they went through? */
bool local_has_gone_on(const struct flow *known, const struct flow *f);
/*
 * Notes the timeout that the kernel has shown in *f.  But that packets have renewed a copy of a peer's
 * flow only the timeout tells: then the one that we wrote stays for comparison, also in *f.
 */
void local_note_timeout(struct node *n, uint32_t id, const struct flow *known, struct flow *f, ms_t now);
/* The kernel was asked for this flow, or (`which`) what has its tuple, and says that. */
void local_looked_at(struct node *n, uint32_t id, const struct flow *f, bool which, ms_t now);
/* Have packets renewed this local flow, `known` as the table has it, since its timeout was last noted?
 * timeout_s: what the kernel shows now. */
bool local_was_renewed(const struct node *n, uint32_t id, const struct flow *known,
    uint32_t timeout_s, ms_t now);
/* Packets have come through an entry that we took for a copy of a peer's: it is told. */
void local_alive(struct node *n, const struct flow *f, ms_t now);
/* What the kernel has of a flow that is to be written, before that is decided. */
void local_shown(struct node *n, uint32_t id, const struct flow *f, ms_t now);
/* The kernel was asked what has a tuple that we have nothing of by now, and says that. */
void local_found(struct node *n, const struct flow *f, ms_t now);

/* expect_local.c: the kernel's expectations as we know them, and what of them leaves */
void expect_event(struct node *n, const struct kernel_event *ev, ms_t now);
/* A flow is there that some of them may have waited for. */
void expect_master_came(struct node *n, const struct flow_key *master);
/* A read is over: which of them it did not name is gone, if it saw all. */
void expect_read_end(struct node *n, bool complete, ms_t now);
/* We wrote this one for a peer (`copy`), or made it ours. */
void expect_written(struct node *n, const struct expect *e, bool copy, ms_t now);
/* It has left the kernel. */
void expect_gone(struct node *n, uint32_t id, bool tell, ms_t now);
/* Appends those that wait to be sent; false if the datagram is full. */
bool expect_put(struct node *n, struct wbuf *wb, uint8_t flags, ms_t now);
/* What a peer says of those that were sent with numbers of an age between the two. */
void expect_acked(struct node *n, uint8_t bit, uint32_t oldest, uint32_t youngest);
bool expect_nacked(struct node *n, uint32_t oldest, uint32_t youngest);
void expect_forgiven(struct node *n, uint8_t bit);
/* All are to be sent, and the ends that this peer did not acknowledge. */
void expect_bulk(struct node *n);
void expect_tell_dead(struct node *n, uint8_t bit);
/* What is older than this and unacknowledged is said again. */
void expect_again(struct node *n, uint32_t age, uint8_t mask);
void expect_tick(struct node *n, ms_t now);
void expect_flush_local(struct node *n);
/* The number of the message that has just been written. */
uint32_t sync_message_sent(struct node *n);
/* ALARM: how long until something is said again, drawn anew each time. */
int64_t sync_refresh_ms(struct node *n);

/* expect_remote.c: peers' expectations, and their way to the kernel */
void expect_told(struct node *n, struct peer *p, const struct wire_msg *m, const struct expect *e,
    ms_t now);
void expect_sweep(struct node *n, struct peer *p);
void expect_orphan(struct node *n, const struct peer *p);
/* `from` was an earlier process of `to`: what it told is in doubt. */
void expect_inherit(struct node *n, const struct peer *to, const struct peer *from);
void expect_expire(struct node *n, ms_t now);
void expect_flush_remote(struct node *n);
/* We have put this flow in the kernel: what peers' helpers expect of it is not there (any more). */
void expect_master_written(struct node *n, const struct flow_key *master);
/* The running commit has come to them. */
void expect_commit(struct node *n);
/* Is nothing of it left to be done? */
bool expect_committed(const struct node *n);
void expect_flush_kernel(struct node *n);
bool expect_pull(struct node *n, struct kernel_op *op, ms_t now);
void expect_answered(struct node *n, const struct kernel_result *res, ms_t now);

/* slot.c: the requests to the kernel that are under way */
void slots_init(struct node *n);
/* A slot for a request of this job about an entry of the table; NULL if all are taken. */
struct op_slot *slot_take(struct node *n, enum job_id job, struct table *t, uint32_t id);
void slot_free(struct node *n, struct op_slot *s);
/* The request goes out once more, as one of this type. */
void slot_retry(struct node *n, struct op_slot *s, enum kernel_op_type type);
/* The slot with which this replica is on its way to the kernel, or about to be tried again; or NULL. */
struct op_slot *slot_of_replica(struct node *n, uint32_t id);
/* What was begun as one of the changes goes on as a part of the commit. */
void slot_join_commit(struct node *n, struct op_slot *s);
/* The local flow that a request was about, if it is still the same one; or ENTRY_NONE. */
uint32_t slot_local(const struct node *n, const struct op_slot *s);

/*
 * The entry of the table that a walk comes to next; *cursor is where it is, and moves.  ENTRY_NONE
 * at the end, or if the walks have passed SCAN_MAX entries in a row (n->scan_paused), so that a large table
 * with little to do keeps nobody waiting.
 */
uint32_t walk_next(struct node *n, const struct table *t, uint32_t *cursor);

/* wanted.c: what of a replica is to be in the kernel, and for how long */
void replica_to_write(const struct node *n, uint32_t id, struct flow *f, ms_t now);
/* Has nothing been heard of its owner for longer than it lasts?  Then it is not made as if it were fresh. */
bool replica_has_run_out(const struct node *n, uint32_t id, ms_t now);

/* rehearse.c: what a commit would do; nothing is written */
void rehearse_start(struct node *n, ms_t now);
/* It ends here, unfinished, as things are about to change. */
void rehearse_stop(struct node *n);
bool rehearse_pull(struct node *n, struct kernel_op *op, ms_t now);
void rehearse_answered(struct node *n, struct op_slot *s, const struct kernel_result *res);
void rehearse_settle(struct node *n, ms_t now);

/* replica.c: one replica to the kernel, and what the answers make of it */
/* The rule of commit.h for this replica; but nothing is deleted for the sake of what is not there. */
enum commit_verdict replica_decide(const struct node *n, const struct flow *replica,
    const struct flow *kernel, enum commit_age age);
/* How old is the kernel's entry, `local` in our table, beside the slot's replica? */
enum commit_age replica_age_beside(const struct node *n, const struct op_slot *s, uint32_t local);
/* The same of an entry that the kernel has just shown. */
enum commit_age replica_age_of_found(const struct node *n, const struct op_slot *s,
    const struct flow *kernel);
/* Fills in the first request for the slot's replica; false if none is needed. */
bool replica_prepare(struct node *n, struct op_slot *s, ms_t now);
/* The same where it died while (or after) we wrote it: out of the kernel, unless it lives there. */
bool replica_prepare_delete(struct node *n, struct op_slot *s);
/* Is this request still to go out?  If not, its slot is free. */
bool replica_goes_on(struct node *n, struct op_slot *s);
void replica_answered(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now);

/* commit.c: which replica goes to the kernel when */
void commit_start(struct node *n, bool flows, bool expects, ms_t now);
/* The commit that has been started, or runs already, makes ours what it writes. */
void commit_adopts(struct node *n);
/* It does not after all. */
void commit_adopts_not(struct node *n);
/* The same error once more; what it is about, if it is the first. */
void commit_failed(struct failures *all, int error, const struct flow *f, const struct expect *e);
/* A remote flow changed or died: the kernel has to follow if it already has it. */
void commit_follow(struct node *n, uint32_t id);
/* The next request of the commit's walk; of its care for the kernel's own flows; for what changed. */
bool commit_pull(struct node *n, struct kernel_op *op, ms_t now);
bool commit_pull_own(struct node *n, struct kernel_op *op);
/* A step of its last walk, which asks for nothing; is it at that? */
bool commit_adopts_now(const struct node *n);
void commit_adopt(struct node *n);
bool commit_pull_changed(struct node *n, struct kernel_op *op, ms_t now);
void commit_answered(struct node *n, struct op_slot *s, const struct kernel_result *res, ms_t now);
/* Notices that a commit has nothing left to do. */
void commit_settle(struct node *n, ms_t now);

/* request.c: what is asked of the kernel, in which order, and whose the answers are */
void kernel_flush_start(struct node *n, ms_t now);
/* A flush ends here, unfinished: who waits for it hears so. */
void kernel_flush_stop(struct node *n);
void kernel_verify_start(struct node *n, ms_t now);
bool request_pull(struct node *n, struct kernel_op *op, ms_t now);
void request_answered(struct node *n, const struct kernel_result *res, ms_t now);

/* A message, and the flow that it is about, if it is about one. */
struct heard {
	struct wire_msg m;
	enum attr_status status;
	struct attr_skipped skipped;
	uint32_t bucket; /* of the remote table, see table_foresee() */
	struct flow f;
};

/* remote.c: the peers' flows as they told them */
/* Takes a message about a flow apart, before anything is made of it. */
void remote_decode(const struct node *n, struct heard *h);
void remote_state(struct node *n, struct peer *p, const struct heard *h, ms_t now);
void remote_expire(struct node *n, ms_t now);
/* A step of the removal of what a full resend did not name; true when through. */
bool remote_sweep(struct node *n, struct peer *p, uint32_t budget);
void remote_orphan(struct node *n, struct peer *p);
/* The flows of `from` are those of `to`, and in doubt. */
void remote_inherit(struct node *n, struct peer *to, struct peer *from);

/* peer.c: who we hear, their numbers, what they acknowledge */
/* The peer that says this number from there, entered if it is new; NULL if there is no room. */
struct peer *peer_heard(struct node *n, const struct peer_addr *addr, uint32_t seq, ms_t now);
/* Sequence tracking: is the message to be used? */
bool peer_track(struct node *n, struct peer *p, const struct wire_msg *m, ms_t now);
void peer_control(struct node *n, struct peer *p, const struct wire_msg *m, enum wire_class class,
    ms_t now);
void peer_housekeeping(struct node *n, ms_t now);
/* Asks every peer for all it has; false if none is heard. */
bool peer_ask_all(struct node *n, ms_t now);
/* All have just been asked for everything: what was flushed comes back. */
void peer_asked(struct node *n, ms_t now);

#endif
