/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * numbers.c: in which order a peer's messages come, what is lost, what is late, and who has begun anew (doc/WIRE.md
 * section 4).
 */
#include "engine.h"

#include <string.h>

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
	peer_want_resync(p, now);
	sync_greet(n, p, now);
	links_introduce(n);
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

void
peer_sure_again(struct node *n, struct peer *p, ms_t now)
{
	if (!p->unsure || ms_since(now, p->unsure_at) < LATE_MS)
		return;
	p->unsure = false;
	peer_want_resync(p, now);
	sync_tell_all(n, p, now);
}

/*
 * Whatever we NACK while we say HELLO 1.4.7 may not have any more: it forgets all that is not
 * acknowledged at each HELLO that it hears.  When we have done with it everything is asked for.
 */
void
peer_ask_for_missed(const struct node *n, struct peer *p, ms_t now)
{
	if (!p->missed || n->hello_say || ms_since(now, n->hello_done) < HELLO_LATE_MS)
		return;
	p->missed = false;
	peer_want_resync(p, now);
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
		peer_want_resync(p, now);
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
void
peer_hears_nothing(struct node *n, struct peer *p)
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
void
peer_mend_forged(struct node *n, struct peer *p, ms_t now)
{
	if (!p->forged || p->silent || ms_since(now, p->forged_at) < FORGED_PAUSE_MS)
		return;
	p->forged = false;
	p->forged_at = now;
	peer_want_resync(p, now);
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
