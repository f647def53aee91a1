/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vrrp.h: this node and keepalived: its notify FIFO tells the role, the track file tells it whether this node
 * should be master.
 *
 * The last word of the FIFO is kept in a note beside it, NotifyFifo with ".state" behind, since keepalived does
 * not repeat itself for a daemon that starts anew.  What it said meanwhile waits in the FIFO.
 */
#ifndef APP_VRRP_H
#define APP_VRRP_H

#include "config.h"
#include "hold.h"
#include "vrrp_fifo.h"
#include "vrrp_line.h"

struct daemon;
struct json;

enum { VRRP_CODE_MAX = 24, VRRP_NOTE_PATH_MAX = CONFIG_PATH_MAX + 8 };

struct vrrp {
	/* The FIFO. */
	int fd;    /* negative: there is none, or not any more */
	int index; /* in the loop's set */
	struct vrrp_file file;
	char note[VRRP_NOTE_PATH_MAX];
	struct vrrp_reader reader;
	bool absent;           /* nobody had the FIFO open when we started: keepalived did not run */
	enum vrrp_state state; /* VRRP_UNKNOWN: nothing was heard yet */
	unsigned int priority; /* with the last line */
	bool heard;
	ms_t heard_at;
	ms_t lower_at;         /* when another master of lower priority counts again */
	bool passed_through;   /* of what was read at once, something is not the end of it */
	bool news;
	bool all_read;
	uint64_t lines, others, strangers, bad; /* ours; of another kind, of another name; malformed */
	bool bad_told, missing_told;
	ms_t told_at; /* since then that many lines were logged, in a second at most */
	unsigned int told;
	ms_t check_at;

	/* The track file. */
	struct hold hold;
	int32_t value;               /* what is in it */
	int track_error;             /* of the last write: negative errno value, or 0 */
	char why[VRRP_CODE_MAX];     /* of the hold that is, or was last: enum ready_reason as a code */
	const char *ended;           /* how that ended: "ready", "time", "role"; NULL: it has not */
	uint64_t holds;
};

/* Before anything is given up: false if the daemon cannot start (logged). */
bool vrrp_open(struct daemon *d);
/* The daemon ends: a backup without one is not ready. */
void vrrp_close(struct daemon *d);

/* Its part of the turn. */
void vrrp_prepare(struct daemon *d);
void vrrp_receive(struct daemon *d, ms_t now);
void vrrp_check(struct daemon *d, ms_t now);
ms_t vrrp_deadline(const struct daemon *d);

/* Object "vrrp" of the status document; null if there is no such section. */
void vrrp_write(struct json *j, const struct daemon *d, ms_t now);

#endif
