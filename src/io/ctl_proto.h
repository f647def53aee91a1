/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl_proto.h: what passes over the control socket.  Pure; shared by daemon and client.
 *
 * A request is one native-endian 32-bit number, as in every conntrackd since 2007, so that old
 * clients work with this daemon: they get plain text and end of file.  A new client sets CTL_FRAMED
 * in the number and gets the answer in frames, so that errors and the exit code come across:
 *   1 byte type (enum ctl_frame), 3 bytes length (big-endian), payload
 * The last frame is CTL_FRAME_EXIT with one byte: the exit code.
 *
 * CTL_VERB, which only this conntrackd knows, is followed by the length of the words to come (32 bits,
 * native-endian, at most CTL_WORDS_MAX) and the words, each ended by a NUL: "promote", "dry-run".
 */
#ifndef IO_CTL_PROTO_H
#define IO_CTL_PROTO_H

#include "base.h"

enum { CTL_FRAMED = 0x40000000 };

/* Request numbers of the control socket; the same since 2007 where they existed then. */
enum ctl_request {
	CTL_FLUSH_KERNEL_CT = 0,
	CTL_RESYNC_KERNEL_CT = 1,
	CTL_DUMP_INTERNAL = 16,
	CTL_DUMP_EXTERNAL = 17,
	CTL_COMMIT_CT = 18,
	CTL_FLUSH_CACHES_OLD = 19,
	CTL_KILL = 20,
	CTL_STATS = 21,
	CTL_BULK = 22,
	CTL_REQUEST_RESYNC = 23,
	CTL_DUMP_INTERNAL_XML = 24,
	CTL_DUMP_EXTERNAL_XML = 25,
	CTL_PURGE_TIMER = 26,
	CTL_STATS_NETWORK = 28,
	CTL_STATS_CACHE = 29,
	CTL_STATS_RUNTIME = 30,
	CTL_STATS_LINK = 31,
	CTL_STATS_RSQUEUE = 32,
	CTL_FLUSH_INTERNAL = 33,
	CTL_FLUSH_EXTERNAL = 34,
	CTL_STATS_PROCESS = 35,
	CTL_STATS_QUEUE = 36,
	CTL_STATS_EXPECT = 37,
	CTL_FLUSH_KERNEL_EXP = 38,
	CTL_RESYNC_KERNEL_EXP = 39,
	CTL_DUMP_INTERNAL_EXP = 40,
	CTL_DUMP_EXTERNAL_EXP = 41,
	CTL_COMMIT_EXP = 42,
	CTL_FLUSH_KERNEL = 43,
	CTL_RESYNC_KERNEL = 44,
	CTL_FLUSH_CACHES = 45,
	CTL_COMMIT = 46,
	CTL_DUMP_INTERNAL_EXP_XML = 47,
	CTL_DUMP_EXTERNAL_EXP_XML = 48,
	CTL_VERB = 256,
};

enum ctl_frame { CTL_FRAME_OUT = 1, CTL_FRAME_ERR = 2, CTL_FRAME_EXIT = 3 };

enum { CTL_WORDS_MAX = 1024 };

enum { CTL_FRAME_HEADER = 4, CTL_FRAME_PAYLOAD_MAX = 0xffffff };

/* Is `number` (without CTL_FRAMED) a request we know? */
bool ctl_request_known(uint32_t number);

/* Does a request that we know only show something?  All others change something, here or elsewhere. */
bool ctl_request_reads(uint32_t number);

/*
 * A verb of the daemon's: what `conntrackd VERB' asks for.  Those that only show something are open to
 * readers.
 */
struct ctl_verb {
	const char *name;
	bool reads;
};

/* The verb of this name; NULL if there is none. */
const struct ctl_verb *ctl_verb_find(const char *name);

/* Are these bytes words: at least one, each ended by a NUL? */
bool ctl_words_valid(const char *words, size_t len);
/* The word after this one, NULL after the last. */
const char *ctl_words_next(const char *words, size_t len, const char *word);

/* Writes a frame header. */
void ctl_frame_write(uint8_t out[CTL_FRAME_HEADER], enum ctl_frame type, size_t len);

/* Incremental reader of a framed answer, fed with what arrives. */
struct ctl_reader {
	uint8_t header[CTL_FRAME_HEADER];
	size_t have;      /* header bytes collected */
	size_t left;      /* payload bytes of the current frame still to come */
	bool done;        /* exit frame seen */
	bool bad;         /* the stream makes no sense */
	int exit_code;
};

/* Called with each piece of payload. */
typedef void (*ctl_sink_fn)(void *ctx, enum ctl_frame type, const void *data, size_t len);

/* Feeds `len` bytes to the reader, which starts as zeros.  After `done` or `bad` nothing more is
 * taken.  Frames of an unknown type make the stream bad. */
void ctl_reader_feed(struct ctl_reader *r, const void *data, size_t len, ctl_sink_fn sink,
    void *ctx);

#endif
