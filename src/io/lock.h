/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.h: the lock file that keeps a second daemon away.
 *
 * The file holds the pid as text and is locked with flock(2): a file left behind by a killed daemon
 * is recognised and taken over, one that belongs to a living daemon is not.
 *
 * Conntrackd up to 1.4 marks its life by an empty file without a flock.  Whether such a file belongs
 * to a living old daemon or was left behind cannot be told from the file, and it is taken over.  So
 * this lock keeps an old daemon away from a running new one, but not the other way round; there,
 * the control socket that still answers tells.
 */
#ifndef IO_LOCK_H
#define IO_LOCK_H

#include "base.h"

/*
 * Takes the lock and empties the file.  Returns a descriptor to keep (close-on-exec), -EEXIST if
 * another process holds it (*owner is its pid, 0 if unknown), or another negative errno value:
 *   -ELOOP   the path is a symbolic link
 *   -EPERM   the file belongs to another user or has a second name
 *   -EINVAL  it is not a regular file
 *   -EAGAIN  the file kept being replaced while we tried
 * *stale tells whether a leftover was taken over; *owner is then the pid that it held, 0 if none.
 * The lock survives fork: call lock_write_pid() in the process that keeps it, and plain close() in
 * the other.
 */
int lock_take(const char *path, int *owner, bool *stale);

/* Writes the caller's pid into the file.  0 or a negative errno value; the lock holds either way. */
int lock_write_pid(int fd);

/* Removes the file, if it is still the one that was locked, and closes the descriptor. */
void lock_release(int fd, const char *path);

#endif
