/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec.h: programs of ours that conntrackd becomes, so that their libraries stay out of the daemon.
 */
#ifndef CONSOLE_EXEC_H
#define CONSOLE_EXEC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Becomes the program `name`: the one beside this program, or else the one in the directory for programs of
 * ours (libexecdir/conntrackd).  argv ends with NULL; argv[0] is `name`, as the process will be called.  Only
 * the standard descriptors stay open, signals are as they are.  Returns only if that fails: an errno, ENOENT if it
 * is in neither place.
 */
int exec_program(const char *name, char *const argv[]);

/* Where a package puts it: for the message that says that it is not there. */
extern const char exec_directory[];

/*
 * The path of `name` beside the program at `self` (/proc/self/exe); false if it does not fit, or if
 * `self` is no path.  Pure.
 */
bool exec_beside(char *out, size_t len, const char *self, const char *name);

#endif
