/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h: the flight recorder: what the daemon went through and decided, kept in memory.
 *
 * A ring without allocation; the oldest entry goes.  `conntrackd history' shows it, `conntrackd status' its
 * end.  Codes are an interface: they are never renamed; conntrackd(8), FLIGHT RECORDER, describes each.
 */
#ifndef APP_HISTORY_H
#define APP_HISTORY_H

#include "node.h"

enum { HISTORY_MAX = 256, HISTORY_TEXT_MAX = 160, HISTORY_REPEAT_MS = 60 * 1000 };

/*
 * X(code, name, repeats): a code that repeats is one that others can cause as often as they like: the same of
 * the same peer within HISTORY_REPEAT_MS is counted in the entry that is there.
 */
#define HISTORY_CODES(X)                                                                           \
	X(START, "start", false)                                                                   \
	X(READY, "ready", false)                                                                   \
	X(PEER_NEW, "peer-new", true)                                                              \
	X(PEER_RESTARTED, "peer-restarted", true)                                                  \
	X(PEER_SILENT, "peer-silent", false)                                                       \
	X(PEER_BACK, "peer-back", true)                                                            \
	X(RESYNC_ASKED, "resync-asked", true)                                                      \
	X(RESYNC_REQUESTED, "resync-requested", true)                                              \
	X(RESYNC_DONE, "resync-done", true)                                                        \
	X(RESYNC_UNANSWERED, "resync-unanswered", true)                                            \
	X(BULK_BEGUN, "bulk-begun", true)                                                          \
	X(BULK_DONE, "bulk-done", true)                                                            \
	X(BULK_ACKNOWLEDGED, "bulk-acknowledged", true)                                            \
	X(BULK_UNACKNOWLEDGED, "bulk-unacknowledged", true)                                        \
	X(SWEPT, "swept", true)                                                                    \
	X(SEQUENCE_JUMP, "sequence-jump", true)                                                    \
	X(SEQUENCE_FORGED, "sequence-forged", true)                                                \
	X(DELETES_FORGOTTEN, "deletes-forgotten", true)                                            \
	X(COMMIT, "commit", false)                                                                 \
	X(COMMIT_DONE, "commit-done", false)                                                       \
	X(PROMOTE, "promote", false)                                                               \
	X(DEMOTE, "demote", false)                                                                 \
	X(VERDICT, "verdict", false)                                                               \
	X(ROLE, "role", false)                                                                     \
	X(FIFO, "fifo", false)                                                                     \
	X(GATE, "gate", false)                                                                     \
	X(TRACK_FILE, "track-file", false)                                                         \
	X(OVERRUN, "overrun", true)                                                                \
	X(BUFFER, "buffer", true)                                                                  \
	X(READ, "read", true)                                                                      \
	X(READ_FAILED, "read-failed", true)                                                        \
	X(TABLE_FULL, "table-full", true)                                                          \
	X(LINK, "link", true)                                                                      \
	X(NO_LINK, "no-link", true)                                                                \
	X(LINK_LOSS, "link-loss", true)                                                            \
	X(STRANGERS, "strangers", true)                                                            \
	X(RELOAD, "reload", false)                                                                 \
	X(RELOAD_FAILED, "reload-failed", false)                                                   \
	X(PURGE_SET, "purge-set", false)                                                           \
	X(PURGE, "purge", false)                                                                   \
	X(FLUSH, "flush", false)                                                                   \
	X(FLUSH_DONE, "flush-done", false)                                                         \
	X(COMMAND, "command", false)                                                               \
	X(LOG_LEVEL, "log-level", false)

#define X(code, name, repeats) HISTORY_##code,
enum history_code { HISTORY_CODES(X) HISTORY_CODE_COUNT };
#undef X

/* Who asked: a client of the control socket. */
struct history_who {
	uint32_t uid;
	int32_t pid; /* 0: nobody did, or it is not known */
};

/* Numbers of an entry; what is not set is not there. */
struct history_facts {
	const struct peer_addr *peer;
	bool counted;
	uint64_t flows; /* if counted */
	bool timed;
	int64_t took_ms; /* if timed */
	struct history_who by;
};

struct history_entry {
	int64_t wall_ms; /* of the day, since 1970 */
	ms_t at;
	ms_t last;       /* the last of several */
	uint32_t times;
	uint8_t code;    /* enum history_code */
	bool has_peer;
	struct history_facts facts; /* without the peer */
	struct peer_addr peer;
	char text[HISTORY_TEXT_MAX];
};

/* Begins as zeros. */
struct history {
	uint64_t count; /* entries ever added: the newest is entries[(count - 1) % HISTORY_MAX] */
	const struct history_entry *touched; /* the one last added to, or counted in */
	struct history_entry entries[HISTORY_MAX];
};

struct daemon;

/* Adds an entry in words, a line without a full stop: "commit ordered".  Text is cut off at
 * HISTORY_TEXT_MAX - 1 bytes.  Call it before or after logging, never instead of it. */
void history_add(struct daemon *d, enum history_code code, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* The same with numbers that machines can read. */
void history_add_facts(struct daemon *d, enum history_code code, const struct history_facts *facts,
    const char *fmt, ...) ATTR_PRINTF(4, 5);

/* ---- for history.c's tests and views; pure ---- */

const char *history_name(enum history_code code);
/* A new entry with its text and numbers; or the one that this one is another of.  wall_ms and now: the time. */
struct history_entry *history_put(struct history *h, enum history_code code,
    const struct history_facts *facts, const char *text, int64_t wall_ms, ms_t now);
/* Number of the oldest entry that is still there; entries are numbered from 0 on. */
uint64_t history_first(const struct history *h);
const struct history_entry *history_at(const struct history *h, uint64_t number);

#endif
