/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vrrp_fifo.h: the files shared with keepalived: its notify FIFO, which is read, and its track file, which is
 * written.  No call blocks, and none follows a symbolic link at the end of a path.
 */
#ifndef IO_VRRP_FIFO_H
#define IO_VRRP_FIFO_H

#include "base.h"

/* Which file a name stands for. */
struct vrrp_file {
	uint64_t device, inode;
};

/*
 * Makes the FIFO, mode 0600, if there is nothing of that name.  0, or a negative errno value.  keepalived
 * leaves one that it has found where it is; one of its own making it removes at its end, and replaces when it
 * reads its configuration again.
 */
int vrrp_fifo_make(const char *path);

/*
 * Does anybody have it open for reading?  keepalived, which opens it for both, does as long as it runs.  So
 * ask before vrrp_fifo_open().
 */
bool vrrp_fifo_has_reader(const char *path);

/*
 * Opens the FIFO for reading and, so that it never ends, for writing.  The descriptor, or a negative
 * errno value: -EINVAL if it is no FIFO, -EPERM if it belongs to somebody who is neither root nor the daemon's
 * user, or if everybody may write to it: whoever does decides who is master.
 */
int vrrp_fifo_open(const char *path, struct vrrp_file *file);

/* Does the path stand for another file by now?  Not if it stands for nothing. */
bool vrrp_fifo_replaced(const char *path, const struct vrrp_file *file);

/* Reads up to `cap` bytes; 0 if there is nothing. */
size_t vrrp_fifo_read(int fd, char *buf, size_t cap);

/*
 * Writes one short line to a file that others read at any time: always as long as the longest, and in one
 * write, so that it is never empty, and never half old.  Creates it, mode 0644.  0 or a negative errno
 * value; -EINVAL if it is no regular file, -EMLINK if it has a second name: what would be overwritten may be a
 * file of somebody else's.
 */
int vrrp_note_write(const char *path, const char *line);

/* Reads its first line without blanks at either end: "" if there is none, or if it is too long. */
enum { VRRP_NOTE_MAX = 16 };
void vrrp_note_read(const char *path, char out[VRRP_NOTE_MAX]);

/*
 * The same of a file that nobody else writes, and that is believed.  0, also if there is none, or a negative errno
 * value: then "" is read.  -EPERM if it belongs to somebody who is neither root nor the daemon's user, if everybody
 * may write to it, or if it has a second name; -EINVAL if it is no regular file.
 */
int vrrp_note_recall(const char *path, char out[VRRP_NOTE_MAX]);

#endif
