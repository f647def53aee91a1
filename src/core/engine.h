/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h: what the parts of a node share.  Nothing outside core includes this.
 * The parts stand in layers; each calls only those below it:
 *
 *   node.c       init, inputs, commands, time, views
 *   progress.c   views of what is under way
 *   ready.c      is what peers told as good as they can tell it
 *   reconfigure.c  settings that change while a node runs
 *   peer.c       who we hear, and what they say that is about no flow
 *   numbers.c    in which order it comes, what is lost, who has begun anew
 *   resync.c     asking a peer for all it has
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
 *   output.c     datagrams
 *   acked.c      what peers say about what we sent
 *   sync.c       what is to leave this node, and when
 *   expect_local.c   the kernel's expectations, and what of them leaves
 *   records.c    how flows wait in, and leave, the two tables
 *   notice.c     what there is to say
 *   follow.c     what happens to flows that somebody looks at
 *   view.c       what is kept of a flow
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "node_state.h"
#include "wire.h"

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

/* sync.c: what is to leave, and when */
/* Queues a control message; false (and counted) if there is no room. */
bool sync_control(struct node *n, uint8_t flags, uint32_t from, uint32_t to);
void sync_bulk(struct node *n, ms_t now);
/* A peer wants everything. */
void sync_bulk_asked(struct node *n, ms_t now);
/* All of it has been said. */
void sync_bulk_done(struct node *n, ms_t now);
/* A full resend under way ends here, unfinished. */
void sync_bulk_stop(struct node *n);
/* When the flow is next sent if nothing happens to it (ALARM), or its timeout next looked at. */
void sync_refresh_later(struct node *n, uint32_t id, ms_t now);
/* ALARM: how long until something is said again, drawn anew each time. */
int64_t sync_refresh_ms(struct node *n);
void sync_tick(struct node *n, ms_t now);
/* The same: what peers have said by then is acknowledged, however busy we are. */
void sync_acknowledge(struct node *n, ms_t now);

/* acked.c: what peers say about what we sent */
bool sync_seq_is_ours(const struct node *n, uint32_t seq);
/* The oldest number that may be ours. */
uint32_t sync_first_seq(const struct node *n);
/* A control message has gone out with that number; kept if it must arrive. */
void sync_remember(struct node *n, const struct control *c, uint32_t seq);
void sync_acked(struct node *n, struct peer *p, uint32_t from, uint32_t to, ms_t now);
void sync_nacked(struct node *n, uint32_t from, uint32_t to);
/* A second has gone by: what has been unacknowledged for long is said again. */
void sync_again(struct node *n);
/* A second has gone by: begins what peers were put off with, tells what became of the last full resend. */
void sync_bulk_later(struct node *n, ms_t now);
/* Everything unacknowledged counts as acknowledged by this peer. */
void sync_forgive(struct node *n, struct peer *p);
/* The peer asks for everything: every flow, and every delete that it did not acknowledge. */
void sync_tell_all(struct node *n, struct peer *p, ms_t now);
/* The peer begins anew: flows are sent to it again, and so are deletes that may still concern it. */
void sync_greet(struct node *n, struct peer *p, ms_t now);
/* The peer answers our HELLO: the same, but what we have asked it for it still has to hear. */
void sync_greet_back(struct node *n, struct peer *p, ms_t now);

/* output.c: datagrams */
/* The number of the message that has just been written. */
uint32_t sync_message_sent(struct node *n);
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

/* numbers.c: in which order a peer's messages come, and who has begun anew */
/* Sequence tracking: is the message to be used? */
bool peer_track(struct node *n, struct peer *p, const struct wire_msg *m, ms_t now);
/* It says that it has nothing to acknowledge. */
void peer_hears_nothing(struct node *n, struct peer *p);
/* A second has gone by, for what is done later: may it have been a restart, did our HELLO make it forget, does
 * somebody else speak for it? */
void peer_sure_again(struct node *n, struct peer *p, ms_t now);
void peer_ask_for_missed(const struct node *n, struct peer *p, ms_t now);
void peer_mend_forged(struct node *n, struct peer *p, ms_t now);

/* resync.c: asking a peer for all it has, and finding out when that is all */
/* Is to be asked; what it does not name again will be swept (FT-FW). */
void peer_want_resync(struct peer *p, ms_t now);
/* Where a full resend of the peer begins, and ends.  What it did not name then it does not have. */
void peer_marked(struct peer *p, uint8_t flags, ms_t now);
/* Something was lost: everything is asked for, the less often the longer losses go on. */
void peer_ask_for_lost(struct peer *p, ms_t now);
/* A second has gone by: its resync moves on. */
void peer_resync_step(struct node *n, struct peer *p, ms_t now);
/* Asks every peer for all it has; false if none is heard. */
bool peer_ask_all(struct node *n, ms_t now);
/* All have just been asked for everything: what was flushed comes back. */
void peer_asked(struct node *n, ms_t now);

/* peer.c: who we hear, and what they say that is about no flow */
/* The peer that says this number from there, entered if it is new; NULL if there is no room. */
struct peer *peer_heard(struct node *n, const struct peer_addr *addr, uint32_t seq, ms_t now);
void peer_control(struct node *n, struct peer *p, const struct wire_msg *m, enum wire_class class,
    ms_t now);
void peer_housekeeping(struct node *n, ms_t now);

#endif
