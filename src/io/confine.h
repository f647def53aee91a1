/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confine.h: what a daemon that has everything open gives up: capabilities, and system calls.
 *
 * Both are for the rest of the process's life, and for what comes of it.  Each step that the system does not
 * provide is left out and told, the others are carried out all the same.
 */
#ifndef IO_CONFINE_H
#define IO_CONFINE_H

#include "base.h"

/* Capabilities that may be kept, in the order of confine_held(). */
enum confine_keep {
	CONFINE_NET_ADMIN = 1 << 0,        /* the kernel's table, buffers beyond the system's limit */
	CONFINE_NET_BIND_SERVICE = 1 << 1, /* ports below 1024 */
	CONFINE_NET_RAW = 1 << 2,          /* SO_BINDTODEVICE, before Linux 5.7 */
	CONFINE_SYS_NICE = 1 << 3,         /* real-time scheduling */
};

/*
 * Keeps those capabilities of `keep` (enum confine_keep, or'ed) that the process has, as permitted and
 * effective; no other, and none that is inherited.  The bounding set loses the rest if it can: without
 * CAP_SETPCAP it cannot, which makes no difference as no_new_privs is set.  Returns 0 or the first
 * negative errno value; *step is then what it came from.
 */
int confine_capabilities(unsigned int keep, const char **step);

/* The capabilities that the process can use, other ones than those above included, as text: "cap_net_admin",
 * "cap_net_admin,cap_sys_nice", "none".  Terminated, and cut if `cap` is too small. */
void confine_held(char *out, size_t cap);

/*
 * From now on only such system calls are possible as a running daemon makes.  All others fail with EPERM;
 * those that no error of ours and no library makes, but somebody who runs code of his own in this process
 * (execve, ptrace, mount and their like), end the process.  The kernel logs both (audit, or its own log).
 * Needs confine_capabilities() before.  Returns how many are possible, or a negative errno value: -ENOSYS if
 * this program was built without (confine.c says when), others if the kernel does not have it.
 */
int confine_calls(void);

/* Is the kernel that calls itself `release` older than that version?  One that makes no sense is not. */
bool confine_kernel_before(const char *release, unsigned int major, unsigned int minor);

#endif
