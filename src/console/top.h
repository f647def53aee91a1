/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top.h: `conntrackd top': what two status documents, one interval apart, say together, and the screen that
 * shows it.  Pure: documents, times and the size of the screen come in as arguments.
 */
#ifndef CONSOLE_TOP_H
#define CONSOLE_TOP_H

#include <jansson.h>

#include "base.h"

enum {
	TOP_PEERS_MAX = 8,
	TOP_LINKS_MAX = 4,
	TOP_TABLES_MAX = 3,
	TOP_REASONS_MAX = 4,
	TOP_LOSSES_MAX = 16,
	TOP_HISTORY_MAX = 32,
	TOP_WORD_MAX = 48,
	TOP_LINE_MAX = 160,
	TOP_WHY_MAX = 256,
	TOP_INTERVAL_MS_MIN = 100,
	TOP_INTERVAL_MS_MAX = 3600 * 1000,
	TOP_INTERVAL_MS = 1000,
};

/* What is asked of `history': no more than TOP_HISTORY_MAX. */
#define TOP_HISTORY_LAST "last=32"

/* ---- the model ---- */

struct top_table {
	char name[TOP_WORD_MAX];
	uint64_t flows, limit;
};

enum top_peer_state {
	TOP_PEER_IN_SYNC,
	TOP_PEER_RESYNC, /* asked for all it has, and not done */
	TOP_PEER_DEAF,   /* it does not seem to hear us */
	TOP_PEER_SILENT,
	TOP_PEER_GONE,   /* silent for so long that another may take its place */
};

struct top_peer {
	char address[TOP_WORD_MAX], link[TOP_WORD_MAX];
	enum top_peer_state state;
	int64_t heard_ms_ago;
	int64_t lag_ms; /* negative: not known */
	uint64_t flows;
};

struct top_link {
	char interface[TOP_WORD_MAX], state[TOP_WORD_MAX];
	bool in_use;
	uint64_t sent_bytes, recv_bytes, errors;
	double sent_per_s, recv_per_s; /* bytes */
};

/* Something that has a beginning and an end: a commit, a bulk send. */
struct top_work {
	bool running;
	uint64_t done, of;
	int64_t ms;     /* since it began */
	double per_s;
	int64_t eta_ms; /* negative: not known */
};

struct top_reason {
	bool blocking; /* the node is not ready because of it */
	char text[TOP_WHY_MAX];
};

struct top_loss {
	const char *name;
	uint64_t count, more; /* in all; in the last interval */
};

struct top_event {
	int64_t time_ms; /* of the day, since 1970 */
	uint64_t times;
	char name[TOP_WORD_MAX], text[TOP_LINE_MAX];
};

/* What grows, and by how much a second; negative: not known (yet). */
struct top_rates {
	double events, sent_messages, recv_messages, sent_datagrams, recv_datagrams;
	double sent_bytes, recv_bytes;
};

struct top {
	bool known; /* there has been a document */
	ms_t at;    /* when the last one came */
	int64_t span_ms; /* between the last two of one daemon; 0: there was one only */
	uint32_t restarts; /* other daemons that have answered since the first */

	char version[TOP_WORD_MAX], mode[TOP_WORD_MAX];
	char role[TOP_WORD_MAX], role_by[TOP_WORD_MAX]; /* by whose word; both may be empty */
	int64_t uptime_s, role_since_s; /* the latter negative: not known */
	bool has_ready, ready;
	int64_t ready_until_s; /* it will be ready then at the latest */
	struct top_reason reasons[TOP_REASONS_MAX];
	size_t reasons_count;
	struct top_table tables[TOP_TABLES_MAX];
	size_t tables_count;
	struct top_peer peers[TOP_PEERS_MAX];
	size_t peers_count;
	struct top_link links[TOP_LINKS_MAX];
	size_t links_count;
	uint64_t to_send, unacknowledged;
	struct top_work commit, bulk;
	bool reading; /* the kernel's table */
	struct top_rates rates;
	struct top_loss losses[TOP_LOSSES_MAX];
	size_t losses_count;
	struct top_event history[TOP_HISTORY_MAX]; /* the oldest first */
	size_t history_count;

	json_t *doc; /* the last one; held */
};

/* Begins: nothing is known. */
void top_init(struct top *t);
void top_free(struct top *t);

/*
 * Takes in the status document that came at `now`; holds a reference to it.  Where something is missing in it, or is
 * of another kind, it is not known.
 */
void top_feed(struct top *t, json_t *doc, ms_t now);

/* The same for the answer of `history'; its reference is not kept. */
void top_feed_history(struct top *t, const json_t *doc);

/* One document: the status with what the interval adds to it.  The caller's reference; NULL without memory. */
json_t *top_json(const struct top *t);

/* ---- the screen ---- */

enum top_style {
	TOP_PLAIN,
	TOP_BOLD,
	TOP_DIM,
	TOP_HEAD, /* headings and the lines at top and bottom */
	TOP_GOOD,
	TOP_WARN,
	TOP_BAD,
	TOP_STYLES,
};

enum { TOP_ROWS_MAX = 120, TOP_COLS_MAX = 240 };

struct top_cell {
	char c; /* printable ASCII */
	uint8_t style;
};

struct top_page {
	int rows, cols;
	struct top_cell cells[TOP_ROWS_MAX][TOP_COLS_MAX];
};

struct top_view {
	int rows, cols;   /* of the terminal; more than the above is left empty */
	bool live;        /* with a line about keys at the bottom */
	bool paused, help;
	size_t first_peer; /* of those that are shown, where not all can be */
	int64_t stale_ms; /* no answer for so long; 0: there is one */
	const char *why;  /* why not, "" if it just does not come */
	const char *since; /* local time of the last answer */
	const char *clock, *host;
	int64_t time_s;       /* of the day, since 1970 */
	int64_t utc_offset_s; /* to be added for the local time */
};

/* Draws.  Returns how many rows have something on them. */
int top_draw(const struct top *t, const struct top_view *v, struct top_page *p);

/* Row `row` as text of at most TOP_COLS_MAX characters and a NUL, without blanks at its end. */
void top_row_text(const struct top_page *p, int row, char out[TOP_COLS_MAX + 1]);

/* ---- numbers for people ---- */

/* 1234567 as "1,234,567". */
void top_count(char *out, size_t len, uint64_t n);
/* Drawn in the place of a rate that does not exist; others that are negative are not known. */
#define TOP_NO_RATE (-2.0)

/* A rate: "0.4", "12", "1,234"; "-" if it is not known. */
void top_rate(char *out, size_t len, double per_s);
/* Bytes a second: "999", "12.3k", "1.23M". */
void top_bytes(char *out, size_t len, double per_s);
/* A time: "3 ms", "1.5 s", "12 s", "3:25", "4:12:09", "3d 04h"; "-" for negative ones. */
void top_duration(char *out, size_t len, int64_t ms);

/* "1", "0.5", "2.25" as milliseconds; negative if it is no number, or out of bounds. */
int64_t top_interval(const char *text);

#endif
