/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "confine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#ifdef CONFINE_CALLS
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

/* ---- capabilities ---- */

static const struct {
	unsigned int bit;
	cap_value_t value;
} capabilities[] = {
    {CONFINE_NET_ADMIN, CAP_NET_ADMIN},
    {CONFINE_NET_BIND_SERVICE, CAP_NET_BIND_SERVICE},
    {CONFINE_NET_RAW, CAP_NET_RAW},
    {CONFINE_SYS_NICE, CAP_SYS_NICE},
};

static bool
has(cap_t caps, cap_value_t value, cap_flag_t set)
{
	cap_flag_value_t flag = CAP_CLEAR;

	return cap_get_flag(caps, value, set, &flag) == 0 && flag == CAP_SET;
}

/* What is to be kept and is there goes to `want`, which is empty. */
static int
choose(cap_t have, unsigned int keep, cap_t want)
{
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		const cap_value_t *value = &capabilities[i].value;

		if (!(keep & capabilities[i].bit) || !has(have, *value, CAP_PERMITTED))
			continue;
		if (cap_set_flag(want, CAP_PERMITTED, 1, value, CAP_SET) != 0 ||
		    cap_set_flag(want, CAP_EFFECTIVE, 1, value, CAP_SET) != 0)
			return -errno;
	}
	return 0;
}

/* Nothing that this process starts could have more. */
static int
drop_bounding(cap_t have, cap_t want)
{
	if (!has(have, CAP_SETPCAP, CAP_EFFECTIVE))
		return 0;
	for (cap_value_t value = 0; value < cap_max_bits(); value++) {
		if (!has(want, value, CAP_PERMITTED) && cap_get_bound(value) > 0 &&
		    cap_drop_bound(value) != 0)
			return -errno;
	}
	return 0;
}

struct outcome {
	int error;
	const char *step;
};

static void
note(struct outcome *o, int error, const char *step)
{
	if (error < 0 && o->error == 0)
		*o = (struct outcome){.error = error, .step = step};
}

int
confine_capabilities(unsigned int keep, const char **step)
{
	struct outcome o = {.step = ""};
	cap_t have = cap_get_proc(), want = cap_init();

	if (have == NULL || want == NULL) {
		note(&o, -errno, "reading the capabilities");
	} else {
		note(&o, choose(have, keep, want), "choosing capabilities");
		/* While CAP_SETPCAP is still there. */
		note(&o, drop_bounding(have, want), "dropping the bounding set");
		/* Takes the ambient ones along, which cannot be without being inheritable.  Who
		 * has no more than that need not be allowed to change it. */
		if (cap_compare(have, want) != 0)
			note(&o, cap_set_proc(want) == 0 ? 0 : -errno, "dropping capabilities");
	}
	note(&o, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno, "no_new_privs");
	cap_free(have);
	cap_free(want);
	*step = o.step;
	return o.error;
}

void
confine_held(char *out, size_t cap)
{
	cap_t have = cap_get_proc();
	size_t len = 0;

	snprintf(out, cap, "%s", have != NULL ? "none" : "unknown");
	for (cap_value_t value = 0; have != NULL && value < cap_max_bits() && len < cap; value++) {
		char *name = has(have, value, CAP_PERMITTED) ? cap_to_name(value) : NULL;

		if (name == NULL)
			continue;
		len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? "," : "", name);
		cap_free(name);
	}
	cap_free(have);
}

bool
confine_kernel_before(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int is_major, is_minor;

	return sscanf(release, "%u.%u", &is_major, &is_minor) == 2 &&
	    (is_major < major || (is_major == major && is_minor < minor));
}

/* ---- system calls ---- */

/*
 * CONFINE_CALLS is the build's: there is libseccomp, nobody said -Dseccomp=disabled, and no sanitizer but
 * that of undefined behaviour is compiled in.  The sanitizers' runtimes make system calls of their own, at any
 * time, and that of AddressSanitizer looks for leaks at exit from a process that it clones and that ptraces
 * this one: with the filter every run would end in an error.  Programs with sanitizers are for tests.
 */
#ifndef CONFINE_CALLS

int
confine_calls(void)
{
	return -ENOSYS;
}

#else

/*
 * Whatever the arguments.  The kernel keeps a bitmap of these (Linux 5.11) and runs no filter for them, so the
 * calls of the turn cost next to nothing more.  A test compares the list with what a daemon does in its life:
 * whoever makes a new call adds it here, and what is used no more has to go.
 */
static const int allowed[] = {
    /* The turn. */
    SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
    /* Netlink, links, control socket, syslog, service manager. */
    SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(poll), SCMP_SYS(bind), SCMP_SYS(connect),
    SCMP_SYS(listen), SCMP_SYS(accept4), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    /* Configuration, logs, what is removed at the end. */
    SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(unlink), SCMP_SYS(dup2),
    /* The C library: memory, the pid of a log line, the end. */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(getpid), SCMP_SYS(geteuid),
    SCMP_SYS(exit_group),
    /* After SIGSTOP; locks; clocks that are not read in user space; abort() of an ASSERT. */
    SCMP_SYS(restart_syscall), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(time), SCMP_SYS(madvise), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(gettid),
    /* The same under other names, as other processors and C libraries have them. */
    SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(open), SCMP_SYS(dup3), SCMP_SYS(unlinkat),
    SCMP_SYS(fstat64), SCMP_SYS(lstat64), SCMP_SYS(fstatat64), SCMP_SYS(statx),
    SCMP_SYS(ppoll_time64), SCMP_SYS(recvmmsg_time64), SCMP_SYS(clock_gettime64),
    SCMP_SYS(futex_time64), SCMP_SYS(geteuid32), SCMP_SYS(send), SCMP_SYS(recv),
    SCMP_SYS(sigreturn),
};

/* Nobody does these by mistake. */
static const int fatal[] = {
    /* Other programs, other processes. */
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
    /* The kernel. */
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd), SCMP_SYS(reboot), SCMP_SYS(acct), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(personality),
    /* Calls that no filter sees. */
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    /* Namespaces, the tree of files, keys. */
    SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root),
    SCMP_SYS(chroot), SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(open_by_handle_at),
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
};

/* socket(): the control socket, syslog and "any socket" of ioctls; links; the kernel's tables. */
static const struct {
	int domain, type, protocol; /* -1: any */
} sockets[] = {
    {AF_UNIX, SOCK_STREAM, 0},
    {AF_UNIX, SOCK_DGRAM, 0},
    {AF_INET, SOCK_STREAM, -1},
    {AF_INET, SOCK_DGRAM, -1},
    {AF_INET6, SOCK_STREAM, -1},
    {AF_INET6, SOCK_DGRAM, -1},
    {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER},
    {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
};

static const unsigned int ioctls[] = {SIOCGIFMTU, SIOCGIFFLAGS, SIOCGIFINDEX, SIOCGIFNAME};

/* Bits of argument number `arg`, or all of it.  The macros of libseccomp leave a field out, of which clang
 * complains. */
static struct scmp_arg_cmp
bits(unsigned int arg, uint32_t mask, uint32_t value)
{
	return (struct scmp_arg_cmp){
	    .arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static struct scmp_arg_cmp
equal(unsigned int arg, uint32_t value)
{
	return (struct scmp_arg_cmp){.arg = arg, .op = SCMP_CMP_EQ, .datum_a = value};
}

static int
allow_sockets(scmp_filter_ctx f)
{
	/* SOCK_NONBLOCK and SOCK_CLOEXEC are beside the type. */
	const int type_mask = 0xf;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(sockets) && r == 0; i++) {
		const struct scmp_arg_cmp args[] = {
		    equal(0, (uint32_t)sockets[i].domain),
		    bits(1, type_mask, (uint32_t)sockets[i].type),
		    equal(2, (uint32_t)sockets[i].protocol),
		};

		r = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(socket),
		    sockets[i].protocol < 0 ? 2 : 3, args);
	}
	return r;
}

/* Those that are possible with some arguments only. */
static int
allow_some(scmp_filter_ctx f)
{
	/* Memory is never made executable. */
	const struct scmp_arg_cmp no_code = bits(2, PROT_EXEC, 0);
	int r = allow_sockets(f);

	for (size_t i = 0; i < ARRAY_LEN(ioctls) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		    equal(1, ioctls[i]));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap2), 1, no_code);
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	/* Of itself. */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(sched_setscheduler), 1,
		    equal(0, 0));
	/* abort() */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
		    equal(0, (uint32_t)getpid()), equal(2, SIGABRT));
	return r;
}

/* Names that this processor does not have are passed over by libseccomp. */
static int
add_all(scmp_filter_ctx f, uint32_t action, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = seccomp_rule_add(f, action, calls[i], 0);
	return r;
}

static int
count_allowed(void)
{
	/* socket, ioctl, mmap, mprotect, sched_setscheduler, tgkill */
	int count = 6;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		count += allowed[i] >= 0;
	return count;
}

enum { LOAD_S_MAX = 10 };

static volatile sig_atomic_t is_loading;

/* When the filter is in force there is no way to call the alarm off: it comes, and is none. */
static void
give_up(int sig)
{
	static const char text[] = "conntrackd: no filter of system calls after ten seconds: no memory?\n";

	(void)sig;
	if (!is_loading)
		return;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

/* libseccomp 2.5.4 may look for ever for memory that it did not get. */
static int
load(scmp_filter_ctx f)
{
	const struct sigaction watch = {.sa_handler = give_up, .sa_flags = SA_RESTART};
	int r;

	is_loading = 1;
	sigaction(SIGALRM, &watch, NULL);
	alarm(LOAD_S_MAX);
	r = seccomp_load(f);
	is_loading = 0;
	if (r < 0)
		alarm(0);
	return r;
}

int
confine_calls(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	/* Linux 4.14; before, the thread was killed, which here is all there is. */
	uint32_t kill = seccomp_api_get() >= 3 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL;
	int r;

	if (f == NULL)
		return -ENOMEM;
	/*
	 * What an older kernel or library does not know of these it goes without.  The tree: seven
	 * comparisons rather than a hundred, where there is no bitmap.  SSB: up to Linux 5.15 a filter
	 * switches on a mitigation (SSBD, and with it STIBP) that costs every load after a store.  It protects
	 * what one part of a process holds against code in the same process that is not trusted; there is
	 * none of that kind here.
	 */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1);
	(void)seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, kill);
	r = add_all(f, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
	if (r == 0)
		r = allow_some(f);
	if (r == 0)
		r = add_all(f, kill, fatal, ARRAY_LEN(fatal));
	if (r == 0)
		r = load(f);
	seccomp_release(f);
	return r < 0 ? r : count_allowed();
}

#endif
