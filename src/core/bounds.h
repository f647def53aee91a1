/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bounds.h: how many and how long; of the engine alone, see engine.h.
 */
#ifndef CORE_BOUNDS_H
#define CORE_BOUNDS_H

#include "node.h"

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

#endif
