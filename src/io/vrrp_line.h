/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vrrp_line.h: the lines that keepalived writes to a notify FIFO.  Pure.
 *
 *   INSTANCE "VI_1" MASTER 100
 *   GROUP "G1" BACKUP 0
 *
 * keepalived.conf(5), vrrp_sync_group, lists the states.  Nothing in a line is trusted.
 */
#ifndef IO_VRRP_LINE_H
#define IO_VRRP_LINE_H

#include "base.h"

enum vrrp_state {
	VRRP_UNKNOWN, /* a word that is none of these */
	VRRP_MASTER,
	VRRP_BACKUP,
	VRRP_FAULT,
	VRRP_STOP,    /* keepalived ends */
	VRRP_DELETED, /* gone from keepalived's configuration */
	/* No transitions: a master has heard one of lower priority, priorities have changed. */
	VRRP_MASTER_RX_LOWER_PRI,
	VRRP_MASTER_PRIORITY,
	VRRP_BACKUP_PRIORITY,
};
enum { VRRP_STATES = VRRP_BACKUP_PRIORITY + 1 };

/* Bytes of a name with its end; of a line, without the newline. */
enum { VRRP_NAME_MAX = 65, VRRP_LINE_MAX = 160 };

struct vrrp_line {
	bool group; /* GROUP, or else INSTANCE */
	char name[VRRP_NAME_MAX];
	enum vrrp_state state;
	unsigned int priority; /* 0 to 255; of groups always 0 */
};

/* "MASTER"; "UNKNOWN" if it is none. */
const char *vrrp_state_name(enum vrrp_state state);

enum vrrp_verdict {
	VRRP_LINE_GOOD,
	VRRP_LINE_OTHER, /* of something else: virtual and real servers, when notify_fifo is shared */
	VRRP_LINE_BAD,
};

/* Reads one line of `len` bytes without its newline. */
enum vrrp_verdict vrrp_line_parse(struct vrrp_line *out, const char *text, size_t len);

/* Puts lines together from what is read in pieces of any size. */
struct vrrp_reader {
	char text[VRRP_LINE_MAX];
	size_t len;
	bool too_long;      /* the rest of this one is passed over */
	uint64_t cut_lines; /* that were longer than any line of keepalived's */
};

/* Calls `line` for each line that is complete, with its bytes without the newline, which may be any. */
void vrrp_reader_feed(struct vrrp_reader *r, const char *bytes, size_t len,
    void (*line)(void *ctx, const char *text, size_t len), void *ctx);

#endif
