/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer.c: who we hear, in which order, and what has to be acknowledged (doc/WIRE.md section 4).
 */
#include "engine.h"

#include <string.h>

/* Asks the peer for all it has; what it does not name again will be swept (FT-FW). */
static void
want_resync(struct peer *p, ms_t now)
{
	p->epoch++;
	if (p->resync == RESYNC_NONE) {
		p->resync_since = now;
		p->restarted = false;
	}
	p->resync = RESYNC_WANTED;
	p->resync_tries = 0;
	p->unanswered = false;
	p->resync_at = now;
	p->old_named = now;
	p->any_named = false;
}

/* Who speaks is not the process that we knew. */
static void
has_restarted(struct node *n, struct peer *p)
{
	p->restarted = true;
	node_notice(n, NOTE_PEER_RESTARTED)->peer = p->addr;
}

/* A process that we did not know has begun to speak from this address. */
static void
new_instance(struct node *n, struct peer *p, uint32_t seq, ms_t now)
{
	p->restarts += p->seq_set;
	p->last = seq - 1;
	p->began = now;
	p->seq_set = true;
	p->ack_open = false;
	p->jump_noted = false;
	p->hello_held = false;
	p->unsure = false;
	memset(p->prints, 0, sizeof(p->prints));
	p->alives = 0;
	p->marks = false;
	p->whole = false;
	p->loss_tries = 0;
	want_resync(p, now);
	sync_greet(n, p, now);
	links_introduce(n);
}

/* Nothing waits for this peer any longer; should it come back, it is compared with as a new one. */
static void
give_up(struct node *n, struct peer *p)
{
	p->gone = true;
	p->seq_set = false;
	memset(p->prints, 0, sizeof(p->prints));
	p->ack_open = false;
	p->hello_back = false;
	p->resync = RESYNC_NONE;
	p->unanswered = false;
	sync_forgive(n, p);
}

/*
 * May its place be given away?  That of one that is gone; and of one that is silent and has told nothing
 * that is still known: should it come back, it is told and asked for everything anyway.  Else eight
 * datagrams with invented senders would keep out all that is new for ten minutes.
 */
static bool
makes_way(const struct node *n, const struct peer *p, ms_t now)
{
	int64_t silent_ms = ms_since(now, p->heard);

	return silent_ms >= PEER_GONE_MS ||
	    (n->mode->alive && silent_ms >= PEER_SILENT_MS && p->flows == 0);
}

/* A free place, or that of the peer that was heard least lately of those that make way; NULL if all are
 * here. */
static struct peer *
place_for_peer(struct node *n, ms_t now)
{
	struct peer *oldest = NULL;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];

		if (!p->used)
			return p;
		if (makes_way(n, p, now) && (oldest == NULL || p->heard.ms < oldest->heard.ms))
			oldest = p;
	}
	if (oldest != NULL) {
		give_up(n, oldest);
		remote_orphan(n, oldest);
		expect_orphan(n, oldest);
	}
	return oldest;
}

static struct peer *
enter_peer(struct node *n, const struct peer_addr *addr, ms_t now)
{
	struct peer *p = place_for_peer(n, now);

	if (p == NULL) {
		n->stats.recv_no_peer_slot++;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->used = true;
	p->addr = *addr;
	p->entered = now;
	p->advanced_on = addr->link;
	peer_add_path(p, addr);
	p->window = n->cfg.ack_window;
	p->heard = now;
	node_notice(n, NOTE_PEER_NEW)->peer = *addr;
	want_resync(p, now);
	sync_greet(n, p, now);
	links_introduce(n);
	return p;
}

/* It began anew, was not known for who it was, and now is: what its last process told is in doubt. */
static void
take_over(struct node *n, struct peer *p, struct peer *last, ms_t now)
{
	give_up(n, last);
	remote_inherit(n, p, last);
	expect_inherit(n, p, last);
	last->used = false;
	want_resync(p, now);
	p->restarted = true;
}

struct peer *
peer_heard(struct node *n, const struct peer_addr *addr, uint32_t seq, ms_t now)
{
	struct peer *last, *p = peer_identify(n, addr, seq, &last);

	if (p == NULL)
		p = enter_peer(n, addr, now);
	if (p == NULL)
		return NULL;
	if (last != NULL)
		take_over(n, p, last, now);
	/* That it does not hear us may have been the link's doing. */
	if (p->addr.link != addr->link)
		p->alives = 0;
	p->addr = *addr;
	/* We may have been stopped ourselves, and no timer has noticed. */
	if (n->mode->alive && ms_since(now, p->heard) >= PEER_GONE_MS && !p->gone)
		give_up(n, p);
	p->silent |= n->mode->alive && ms_since(now, p->heard) >= PEER_SILENT_MS;
	if (p->silent) {
		/* What it deleted meanwhile may be beyond its means to tell us again. */
		node_notice(n, NOTE_PEER_BACK)->peer = *addr;
		p->silent = false;
		want_resync(p, now);
	}
	if (p->gone) {
		p->gone = false;
		sync_greet(n, p, now);
	}
	p->heard = now;
	return p;
}

/* We have been stopped: what we read now may be old, and out of order. */
static bool
has_overslept(const struct node *n, ms_t now)
{
	return n->overslept.ms != 0 && ms_since(now, n->overslept) < LATE_MS;
}

/* A HELLO that the network delivered late or twice, to be told from one of a new instance. */
static bool
is_late_hello(const struct node *n, const struct peer *p, uint32_t seq, ms_t now)
{
	int32_t ahead = seq_cmp(seq, p->last);

	return p->seq_set && ahead <= 0 && ahead > -HELLO_GAP_MAX &&
	    (ms_since(now, p->advanced) < HELLO_LATE_MS || has_overslept(n, now));
}

/* It may have been a restart after all: in a moment all is told and asked for as after one. */
static void
is_unsure(struct peer *p, ms_t now)
{
	if (!p->unsure)
		p->unsure_at = now;
	p->unsure = true;
}

static void
sure_again(struct node *n, struct peer *p, ms_t now)
{
	if (!p->unsure || ms_since(now, p->unsure_at) < LATE_MS)
		return;
	p->unsure = false;
	want_resync(p, now);
	sync_tell_all(n, p, now);
}

/*
 * Whatever we NACK while we say HELLO 1.4.7 may not have any more: it forgets all that is not
 * acknowledged at each HELLO that it hears.  When we have done with it everything is asked for.
 */
static void
ask_for_missed(const struct node *n, struct peer *p, ms_t now)
{
	if (!p->missed || n->hello_say || ms_since(now, n->hello_done) < HELLO_LATE_MS)
		return;
	p->missed = false;
	want_resync(p, now);
}

/*
 * The process that we know was heard a moment ago, and anybody can say HELLO once.  Whoever begins anew
 * says it with every message, and the other one no more: so the first one waits for the second.
 */
static bool
is_hello_believed(struct node *n, struct peer *p, uint32_t seq, ms_t now)
{
	bool second = p->hello_held && seq == p->hello_next;

	p->hello_held = false;
	if (!p->seq_set || second || ms_since(now, p->advanced) >= HELLO_LATE_MS)
		return true;
	n->stats.seq_hello_held++;
	p->hello_held = true;
	p->hello_next = seq + 1;
	return false;
}

/* A message with HELLO; false if it is not to be used. */
static bool
hello(struct node *n, struct peer *p, const struct wire_msg *m, ms_t now)
{
	uint32_t ahead = m->seq - p->last - 1;
	bool known = p->seq_set;

	n->stats.seq_hello++;
	if (is_late_hello(n, p, m->seq, now)) {
		is_unsure(p, now);
		return true;
	}
	/* The instance we know says HELLO until it is answered; its numbers go on meanwhile. */
	if (known && p->in_hello && ahead < HELLO_GAP_MAX) {
		n->owe_hello_back = true;
		return true;
	}
	/*
	 * One that has stopped saying it does not begin again: a restart whose clock, or chance, gave it
	 * the very next number.  But what it was asked to repeat may have an old HELLO in it.
	 */
	if (known && ((ahead == 0 && ms_since(now, p->nacked) < NACK_REPEAT_MS) ||
			 ms_since(now, p->began) < LATE_MS)) {
		n->owe_hello_back = true;
		is_unsure(p, now);
		return true;
	}
	/* Answered, it would stop saying it. */
	if (!is_hello_believed(n, p, m->seq, now))
		return false;
	n->owe_hello_back = true;
	new_instance(n, p, m->seq, now);
	if (known)
		has_restarted(n, p);
	return true;
}

/* Stops saying HELLO when all that we hear have answered, or one has and time is up. */
static void
hello_answered(struct node *n, struct peer *p, ms_t now)
{
	bool all = true;

	/* Before we have said it, the answer is to somebody else, or to who we were before. */
	if (!n->hello_say || n->stats.send_messages == 0)
		return;
	if (n->hello_answered.ms == 0)
		n->hello_answered = now;
	/*
	 * What says HELLO 1.4.7 takes in any order, misses without a word, and acknowledges all the
	 * same: only what we say from now on is sure to come to it.
	 */
	if (!p->hello_back)
		sync_greet_back(n, p, now);
	/* And what it said meanwhile our HELLO made it forget. */
	if (p->deaf)
		want_resync(p, now);
	p->deaf = false;
	p->hello_back = true;
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (n->peers[i].used && !n->peers[i].silent && !n->peers[i].hello_back)
			all = false;
	}
	if (all || ms_since(now, n->hello_answered) > PEER_SILENT_MS) {
		n->hello_say = false;
		n->hello_done = now;
	}
}

/*
 * The peer has nothing to acknowledge, though we say something every second.  1.4.7 becomes deaf if
 * it hears a number that is ahead of ours, be it a late one of our last process; HELLO alone makes it
 * listen again.  Three nodes of ours need no such remedy, and for them HELLO is dear.
 */
static void
has_heard_nothing(struct node *n, struct peer *p)
{
	size_t here = 0;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++)
		here += n->peers[i].used && !n->peers[i].silent;
	if (n->hello_say || here > 1 || ++p->alives < DEAF_ALIVES)
		return;
	p->alives = 0;
	p->deaf = true;
	p->hello_back = false;
	n->hello_say = true;
	n->hello_answered = (ms_t){0};
}

/*
 * A number far from what is expected: believed when the next message continues from it, and the process
 * that we know says nothing any more.  Old datagrams, said again, have many that continue.
 */
static bool
jump_believed(struct node *n, struct peer *p, uint32_t seq, ms_t now)
{
	if (seq == p->jump_next && p->jump_noted && ms_since(now, p->advanced) >= HELLO_LATE_MS) {
		p->jump_noted = false;
		return true;
	}
	n->stats.seq_jump_held++;
	if (!p->jump_noted)
		node_notice(n, NOTE_SEQ_JUMP)->peer = p->addr;
	p->jump_noted = true;
	p->jump_next = seq + 1;
	return false;
}

/*
 * Numbers that are all late, though nothing new has come for a while: our last one was never the
 * peer's (damaged, or forged), and without this we would be deaf until it gets there.
 */
static bool
behind_believed(const struct node *n, struct peer *p, uint32_t seq, ms_t now)
{
	p->behind_row = seq == p->behind_next ? p->behind_row + 1 : 1;
	p->behind_next = seq + 1;
	return p->behind_row >= BEHIND_ROW && ms_since(now, p->advanced) >= BEHIND_MS &&
	    !has_overslept(n, now);
}

/* ---- who speaks for whom ---- */

/* What tells two messages apart; never 0.  No secret: the true one is what it is. */
static uint32_t
print_of(const struct wire_msg *m)
{
	const uint64_t odd = 0x9e3779b97f4a7c15ULL;
	uint64_t h = (uint64_t)m->from << 32 | m->to, word;
	const uint8_t *at = m->attrs;
	size_t left = m->attrs_len;

	h = (h ^ ((uint64_t)m->type << 8 | m->flags)) * odd;
	for (; left >= sizeof(word); at += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		h = (h ^ word) * odd;
	}
	word = left;
	memcpy((uint8_t *)&word + 1, at, left);
	h = (h ^ word) * odd;
	return (uint32_t)(h >> 32) | 1;
}

/* Remembers the message, which is about to be the last one taken. */
static void
remember_print(struct peer *p, const struct wire_msg *m)
{
	uint32_t missing = m->seq - p->last - 1;

	/* Of numbers that were left out nothing is known. */
	if (missing >= PRINTS_MAX)
		memset(p->prints, 0, sizeof(p->prints));
	for (uint32_t i = 1; i <= missing && missing < PRINTS_MAX; i++)
		p->prints[(p->last + i) % PRINTS_MAX] = 0;
	p->prints[m->seq % PRINTS_MAX] = print_of(m);
}

/*
 * A message whose number has been before.  If it is not the same one, one of the two is not the peer's:
 * what the other one did is in the table, and what this one says was never used, but acknowledged.
 */
static void
compare_print(struct node *n, struct peer *p, const struct wire_msg *m)
{
	uint32_t known = p->prints[m->seq % PRINTS_MAX];

	if (p->last - m->seq >= PRINTS_MAX || known == 0 || known == print_of(m))
		return;
	n->stats.seq_forged++;
	if (!p->forged)
		node_notice(n, NOTE_SEQ_FORGED)->peer = p->addr;
	p->forged = true;
}

/* So all is compared, in both directions. */
static void
mend_forged(struct node *n, struct peer *p, ms_t now)
{
	if (!p->forged || p->silent || ms_since(now, p->forged_at) < FORGED_PAUSE_MS)
		return;
	p->forged = false;
	p->forged_at = now;
	want_resync(p, now);
	sync_tell_all(n, p, now);
}

static void
accept_next(struct node *n, struct peer *p, uint32_t seq)
{
	if (!p->ack_open) {
		p->ack_open = true;
		p->ack_from = seq;
		p->ack_since = p->heard;
	}
	if (p->window > 0)
		p->window--;
	if (p->window == 0 && sync_control(n, WIRE_ACK, p->ack_from, seq)) {
		p->window = n->cfg.ack_window;
		p->ack_open = false;
		/* A full resend waits for it; and one to so many messages cannot be too many. */
		n->controls_next = (ms_t){0};
	}
	p->last = seq;
}

static void
accept_gap(struct node *n, struct peer *p, uint32_t seq, ms_t now)
{
	n->stats.seq_lost += seq - p->last - 1;
	p->lost += seq - p->last - 1;
	p->asked_again++;
	p->missed |= n->hello_say || ms_since(now, n->hello_done) < HELLO_LATE_MS;
	/* What is missing may name flows that are in doubt. */
	p->old_named = now;
	if (p->ack_open)
		sync_control(n, WIRE_ACK, p->ack_from, p->last);
	sync_control(n, WIRE_NACK, p->last + 1, seq - 1);
	n->stats.nack_sent++;
	p->nacked = now;
	p->window = n->cfg.ack_window - 1;
	p->ack_since = now;
	p->ack_from = seq;
	p->ack_open = true;
	p->last = seq;
}

/* A message before this one was lost, or is late; what has begun of a full resend is not whole. */
static void
miss(struct node *n, struct peer *p, uint32_t count)
{
	n->stats.seq_lost += count;
	p->lost += count;
	p->whole = false;
	p->lossy = true;
	p->loss_tries = 0;
}

/*
 * NOTRACK: messages are taken as they come, and nothing is asked for twice.  The numbers only tell that
 * something was lost, and that another process speaks.
 */
static bool
peer_watch(struct node *n, struct peer *p, const struct wire_msg *m, ms_t now)
{
	uint32_t seq = m->seq;
	int32_t ahead = p->seq_set ? seq_cmp(seq, p->last) : 1;
	bool far = ahead > SEQ_FAR || ahead < -SEQ_FAR;

	p->seq_set = true;
	if (far && (ms_since(now, p->began) < LATE_MS || has_overslept(n, now))) {
		n->stats.seq_old_process++;
		return false;
	}
	if (ahead <= 0 && !far) {
		n->stats.seq_before++;
		compare_print(n, p, m);
	}
	if (ahead <= 0 && peer_are_two(n, p, p->addr.link, seq, now)) {
		n->stats.seq_before += far;
		return false;
	}
	if (far ? jump_believed(n, p, seq, now) : ahead <= 0 && behind_believed(n, p, seq, now)) {
		new_instance(n, p, seq, now);
		has_restarted(n, p);
	} else if (far || ahead <= 0) {
		/* Which of two about a flow is the later, the flow knows; orders are late or twice. */
		return m->type != WIRE_CTL;
	} else if (ahead > 1) {
		miss(n, p, (uint32_t)ahead - 1);
	}
	remember_print(p, m);
	p->last = seq;
	p->advanced = now;
	p->advanced_on = p->addr.link;
	return true;
}

/* Where a full resend of the peer begins, and ends.  What it did not name then it does not have. */
static void
peer_mark(struct peer *p, uint8_t flags, ms_t now)
{
	if (flags & WIRE_HELLO) {
		/* It can be asked sooner now: it tells how far it has come. */
		if (!p->marks)
			p->loss_pause_ms = LOSS_PAUSE_MIN_MS;
		p->marks = true;
		p->whole = true;
		p->lossy = false;
		p->epoch++;
		p->resync = RESYNC_ACKED;
		p->resync_at = now;
	} else if ((flags & WIRE_HELLO_BACK) && p->resync == RESYNC_ACKED) {
		p->resync = p->whole ? RESYNC_SWEEP : RESYNC_NONE;
		if (p->resync == RESYNC_NONE)
			p->restarted = false;
		p->sweep_cursor = 0;
		p->swept = 0;
	}
}

/* Something was lost: everything is asked for, the less often the longer losses go on. */
static void
ask_for_lost(struct peer *p, ms_t now)
{
	if (!p->lossy || p->silent || ms_since(now, p->asked_at) < p->loss_pause_ms)
		return;
	p->lossy = false;
	if (ms_since(now, p->asked_at) >= 2 * LOSS_PAUSE_MAX_MS)
		p->loss_pause_ms = 0;
	p->loss_pause_ms = p->loss_pause_ms == 0 ? LOSS_PAUSE_MIN_MS : p->loss_pause_ms * 2;
	/* One that does not mark its resends cannot pace them either. */
	if (p->loss_pause_ms > LOSS_PAUSE_MAX_MS || !p->marks)
		p->loss_pause_ms = LOSS_PAUSE_MAX_MS;
	p->asked_at = now;
	want_resync(p, now);
}

bool
peer_track(struct node *n, struct peer *p, const struct wire_msg *m, ms_t now)
{
	int32_t ahead;

	if (n->mode->marked)
		return peer_watch(n, p, m, now);
	if (!n->mode->tracked) {
		/* Its numbers only tell who it is. */
		p->last = m->seq;
		p->seq_set = true;
		return true;
	}
	if ((m->flags & WIRE_HELLO) && !hello(n, p, m, now))
		return false;
	if (m->flags & WIRE_HELLO_BACK)
		hello_answered(n, p, now);
	if (!p->seq_set) {
		p->seq_set = true;
		p->last = m->seq - 1;
	}
	ahead = seq_cmp(m->seq, p->last);
	if (ahead <= 0 && peer_are_two(n, p, p->addr.link, m->seq, now)) {
		n->stats.seq_before++;
		return false;
	}
	if (ahead > SEQ_FAR || ahead < -SEQ_FAR) {
		if (ms_since(now, p->began) < LATE_MS || has_overslept(n, now)) {
			n->stats.seq_old_process++;
			return false;
		}
		if (!jump_believed(n, p, m->seq, now))
			return false;
		/* It started anew and all its HELLOs were lost. */
		new_instance(n, p, m->seq, now);
		has_restarted(n, p);
		ahead = 1;
	}
	if (ahead <= 0 && !behind_believed(n, p, m->seq, now)) {
		n->stats.seq_before++;
		compare_print(n, p, m);
		return false;
	}
	if (ahead <= 0) {
		new_instance(n, p, m->seq, now);
		has_restarted(n, p);
		ahead = 1;
	}
	if (ahead > 1 && n->controls_count >= CONTROLS_BUSY) {
		/* What cannot be asked for now belongs to a later, larger gap, and so does this. */
		n->stats.seq_gap_held++;
		return false;
	}
	remember_print(p, m);
	if (ahead == 1)
		accept_next(n, p, m->seq);
	else
		accept_gap(n, p, m->seq, now);
	p->hello_held = false;
	p->in_hello = m->flags & WIRE_HELLO;
	p->advanced = now;
	p->advanced_on = p->addr.link;
	return true;
}

void
peer_control(struct node *n, struct peer *p, const struct wire_msg *m, enum wire_class class,
    ms_t now)
{
	bool ours = sync_seq_is_ours(n, m->from) && sync_seq_is_ours(n, m->to);
	uint32_t from = m->from;

	/* Nothing follows the header of a control message. */
	n->stats.recv_misfit += m->attrs_len > 0;
	/* Each of these may walk through all that waits: so often in a second, and no oftener. */
	if (class != CLASS_ALIVE && n->walk_left == 0) {
		n->stats.recv_flood++;
		return;
	}
	switch (class) {
	case CLASS_ACK:
		/* An acknowledgement names no addressee; only the numbers tell whose it is.  One that
		 * begins with a number of our last process is ours from our first one on. */
		if (!ours && sync_seq_is_ours(n, m->to)) {
			from = sync_first_seq(n);
			ours = true;
		}
		if (!ours) {
			n->stats.ack_foreign++;
			break;
		}
		n->stats.ack_received++;
		p->alives = 0;
		sync_acked(n, p, from, m->to, now);
		/* Now that it is known to hear us, it can be asked with success. */
		if (p->unanswered) {
			p->unanswered = false;
			p->resync = RESYNC_WANTED;
			p->resync_tries = 0;
		}
		break;
	case CLASS_NACK:
		if (!ours) {
			n->stats.ack_foreign++;
			break;
		}
		n->stats.nack_received++;
		p->alives = 0;
		sync_nacked(n, m->from, m->to);
		break;
	case CLASS_RESYNC:
		n->stats.resync_received++;
		node_notice(n, NOTE_RESYNC_REQUESTED)->peer = p->addr;
		sync_tell_all(n, p, now);
		break;
	case CLASS_ALIVE:
		if (n->mode->marked)
			peer_mark(p, m->flags, now);
		else if (n->mode->tracked)
			has_heard_nothing(n, p);
		break;
	case CLASS_STATE:
	case CLASS_BAD:
		break;
	}
}

static void
resync_done(struct node *n, const struct peer *p)
{
	struct notice *note = node_notice(n, NOTE_RESYNC_DONE);

	note->peer = p->addr;
	note->count = p->flows;
}

/* Moves a peer's resync on as time passes. */
static void
resync_step(struct node *n, struct peer *p, ms_t now)
{
	switch (p->resync) {
	case RESYNC_NONE:
		break;
	case RESYNC_WANTED:
		if (!ration_take(&p->asks, ASKS_AT_ONCE, ASK_AGAIN_MS, now))
			break;
		/*
		 * What it names from now on it has.  What it named before, even a moment ago, may
		 * have been named by a process that died before it heard us.
		 */
		p->epoch++;
		p->old_named = now;
		p->any_named = false;
		sync_control(n, WIRE_RESYNC, 0, 0);
		node_notice(n, NOTE_RESYNC_SENT)->peer = p->addr;
		p->resync_tries++;
		p->resync_at = now;
		/* Without acknowledgements or marks nobody knows when the answer is complete. */
		p->resync = n->mode->tracked || p->marks ? RESYNC_ASKED : RESYNC_NONE;
		if (n->mode->marked && !p->marks) {
			/* Nor whether it was heard at all. */
			p->lossy = p->loss_tries++ < RESYNC_TRIES;
			p->asked_at = now;
			p->loss_pause_ms = LOSS_PAUSE_MAX_MS;
		}
		break;
	case RESYNC_ASKED:
		if (ms_since(now, p->resync_at) < RESYNC_RETRY_MS || p->silent)
			break;
		/* It may not hear us; or it acknowledges nothing, and sends all each time. */
		p->unanswered = p->resync_tries >= RESYNC_TRIES;
		if (p->unanswered)
			node_notice(n, NOTE_RESYNC_UNANSWERED)->peer = p->addr;
		p->resync = p->unanswered ? RESYNC_NONE : RESYNC_WANTED;
		/* What was lost may be the requests. */
		p->lossy |= p->unanswered;
		break;
	case RESYNC_ACKED:
		if (n->mode->marked)
			break;
		/* That a peer names nothing while nothing is heard of it says nothing. */
		if (ms_since(now, p->heard) >= RESYNC_QUIET_MS)
			p->old_named = now;
		if (ms_since(now, p->resync_at) >=
			(p->any_named ? RESYNC_SETTLE_MS : RESYNC_EMPTY_MS) &&
		    ms_since(now, p->old_named) >= RESYNC_QUIET_MS) {
			p->resync = RESYNC_SWEEP;
			p->sweep_cursor = 0;
			p->swept = 0;
		}
		break;
	case RESYNC_SWEEP:
		if (p->silent || !remote_sweep(n, p, 65536))
			break;
		expect_sweep(n, p);
		p->resync = RESYNC_NONE;
		if (p->swept > 0) {
			struct notice *note = node_notice(n, NOTE_SWEPT);

			note->peer = p->addr;
			note->count = p->swept;
		}
		resync_done(n, p);
		break;
	}
}

void
peer_asked(struct node *n, ms_t now)
{
	ms_t at = ms_add(now, RESYNC_EMPTY_MS);

	if (n->remote_flushed && at.ms < n->remote_refilled_at.ms)
		n->remote_refilled_at = at;
}

bool
peer_ask_all(struct node *n, ms_t now)
{
	bool any = false;

	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (!n->peers[i].used || n->peers[i].gone)
			continue;
		want_resync(&n->peers[i], now);
		any |= !n->peers[i].silent;
	}
	peer_asked(n, now);
	return any;
}

void
peer_housekeeping(struct node *n, ms_t now)
{
	n->looks_left = LOOKS_PER_SECOND;
	n->walk_left = 8 * (uint64_t)n->cfg.limit + (1 << 20);
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct peer *p = &n->peers[i];

		if (!p->used)
			continue;
		if (!p->silent && n->mode->alive && ms_since(now, p->heard) >= PEER_SILENT_MS) {
			p->silent = true;
			node_notice(n, NOTE_PEER_SILENT)->peer = p->addr;
		}
		if (ms_since(now, p->heard) >= PEER_GONE_MS && n->mode->alive && !p->gone)
			give_up(n, p);
		sure_again(n, p, now);
		ask_for_missed(n, p, now);
		mend_forged(n, p, now);
		if (n->mode->marked)
			ask_for_lost(p, now);
		resync_step(n, p, now);
	}
}
