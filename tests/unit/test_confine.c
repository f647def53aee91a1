/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a confined process can do and what it cannot.  Each case is a child, for there is no way back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "log.h"
#include "loop.h"

/*
 * Where there is nothing to test a test returns: what cmocka's skip() says in TAP passes for a failure.
 * Exit statuses of a child that are no case's own:
 */
enum {
	NOT_BUILT = 77, /* the filter is not in this program, and was not meant to be */
	NO_FILTER = 76,
};

/* The filter; 0 or what is to be the exit status. */
static int
install_filter(void)
{
	int r = confine_calls();

#ifndef CONFINE_CALLS
	if (r == -ENOSYS)
		return NOT_BUILT;
#endif
	return r > 0 ? 0 : NO_FILTER;
}

/* In a child: the line that fails is its exit status, or at least part of it. */
#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return __LINE__ % 255 + 1;                                                 \
	} while (0)

/* How a child ended that ran `act`. */
static int
status_of(int (*act)(const void *), const void *arg)
{
	const struct rlimit no_core = {0};
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(act(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
expect_success(int (*act)(const void *))
{
	int status = status_of(act, NULL);

	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_BUILT)
		return;
	if (status != 0)
		fail_msg("status 0x%x: killed by %d, or line %d + n * 255", status,
		    WTERMSIG(status), WEXITSTATUS(status) - 1);
}

/* ---- capabilities ---- */

/* A field of /proc/self/status, as a number. */
static unsigned long long
status_field(const char *name)
{
	char line[256];
	unsigned long long value = ~0ull;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	}
	if (f != NULL)
		fclose(f);
	return value;
}

static bool
may_set_capabilities(void)
{
	return geteuid() == 0 && (status_field("CapEff") & 1u << CAP_SETPCAP) != 0;
}

static int
keep_two(const void *arg)
{
	const unsigned long long want = 1ull << CAP_NET_ADMIN | 1ull << CAP_SYS_NICE;
	const char *step;
	char held[256], cut[8];

	(void)arg;
	MUST(confine_capabilities(CONFINE_NET_ADMIN | CONFINE_SYS_NICE, &step) == 0);
	MUST(status_field("CapPrm") == want);
	MUST(status_field("CapEff") == want);
	MUST(status_field("CapBnd") == want);
	MUST(status_field("CapInh") == 0);
	MUST(status_field("CapAmb") == 0);
	MUST(status_field("NoNewPrivs") == 1);
	confine_held(held, sizeof(held));
	MUST(strcmp(held, "cap_net_admin,cap_sys_nice") == 0);
	confine_held(cut, sizeof(cut));
	MUST(strcmp(cut, "cap_net") == 0);
	/* And once more, down to nothing. */
	MUST(confine_capabilities(0, &step) == 0);
	MUST(status_field("CapPrm") == 0);
	confine_held(held, sizeof(held));
	MUST(strcmp(held, "none") == 0);
	return 0;
}

static void
what_is_kept_is_what_was_asked_for_and_nothing_else(void **state)
{
	(void)state;
	if (!may_set_capabilities())
		return;
	expect_success(keep_two);
}

/* As a service manager starts a daemon that has a user of its own. */
static int
be_a_user_with_ambient_capabilities(const void *arg)
{
	const cap_value_t own[] = {CAP_NET_ADMIN, CAP_NET_RAW};
	cap_t caps = cap_init();
	const char *step;

	(void)arg;
	MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	MUST(setresuid(65534, 65534, 65534) == 0);
	MUST(cap_set_flag(caps, CAP_PERMITTED, 2, own, CAP_SET) == 0);
	MUST(cap_set_flag(caps, CAP_EFFECTIVE, 2, own, CAP_SET) == 0);
	MUST(cap_set_flag(caps, CAP_INHERITABLE, 2, own, CAP_SET) == 0);
	MUST(cap_set_proc(caps) == 0);
	cap_free(caps);
	MUST(cap_set_ambient(CAP_NET_ADMIN, CAP_SET) == 0);
	MUST(cap_set_ambient(CAP_NET_RAW, CAP_SET) == 0);
	MUST(status_field("CapAmb") == (1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW));
	/* It cannot drop the bounding set, and need not; what it does not have it does not get. */
	MUST(confine_capabilities(CONFINE_NET_ADMIN | CONFINE_SYS_NICE, &step) == 0);
	MUST(status_field("CapPrm") == 1u << CAP_NET_ADMIN);
	MUST(status_field("CapEff") == 1u << CAP_NET_ADMIN);
	MUST(status_field("CapInh") == 0);
	MUST(status_field("CapAmb") == 0);
	MUST(status_field("NoNewPrivs") == 1);
	return 0;
}

static void
ambient_capabilities_are_given_up_too(void **state)
{
	(void)state;
	if (!may_set_capabilities())
		return;
	expect_success(be_a_user_with_ambient_capabilities);
}

/* A container's filter that does not like prctl(PR_CAPBSET_DROP). */
static int
be_in_a_container(const void *arg)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_CAPBSET_DROP, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};
	const char *step = NULL;

	(void)arg;
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
	MUST(confine_capabilities(CONFINE_NET_ADMIN, &step) == -EACCES);
	MUST(strcmp(step, "dropping the bounding set") == 0);
	MUST(status_field("CapPrm") == 1u << CAP_NET_ADMIN);
	MUST(status_field("NoNewPrivs") == 1);
	return 0;
}

static void
a_step_that_fails_is_named_and_the_others_are_taken(void **state)
{
	(void)state;
	if (!may_set_capabilities())
		return;
	expect_success(be_in_a_container);
}

static void
versions_of_the_kernel_are_compared_as_numbers(void **state)
{
	(void)state;
	assert_true(confine_kernel_before("5.6.19-amd64", 5, 7));
	assert_true(confine_kernel_before("4.19.0", 5, 7));
	assert_false(confine_kernel_before("5.7.0", 5, 7));
	assert_false(confine_kernel_before("5.10.0-28-amd64", 5, 7));
	assert_false(confine_kernel_before("6.1", 5, 7));
	assert_false(confine_kernel_before("", 5, 7));
	assert_false(confine_kernel_before("unknown", 5, 7));
}

/* ---- hostile calls ---- */

enum fate { REFUSED, KILLED };

/* A call that does no harm if it is carried out: by root, with every capability, so that nothing but the
 * filter refuses it. */
struct attempt {
	const char *name;
	enum fate fate;
	long nr;
	long args[6];
};

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define CALL(fate, call, ...) {#call "(" #__VA_ARGS__ ")", fate, SYS_##call, {__VA_ARGS__}}

static char nowhere[] = "/nonexistent/file";

/* 0 if the call was carried out or failed by itself; EPERM if it was refused. */
static int
attempt(const void *arg)
{
	const struct attempt *a = arg;
	int filter = install_filter();
	long r;

	if (filter != 0)
		return filter;
	errno = 0;
	r = syscall(a->nr, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4], a->args[5]);
	return r < 0 && errno == EPERM ? EPERM : 0;
}

static void
try_all(const struct attempt *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int status = status_of(attempt, &list[i]);
		bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
		bool refused = WIFEXITED(status) && WEXITSTATUS(status) == EPERM;

		if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_BUILT)
			return;
		if (list[i].fate == KILLED ? !killed : !refused)
			fail_msg("%s is not %s: status 0x%x", list[i].name,
			    list[i].fate == KILLED ? "the end" : "refused", status);
	}
}

static void
what_only_an_intruder_does_is_the_end(void **state)
{
	const struct attempt list[] = {
	    CALL(KILLED, execve, (long)nowhere, 0, 0),
	    CALL(KILLED, execveat, AT_FDCWD, (long)nowhere, 0, 0, 0),
	    CALL(KILLED, ptrace, 9999, 0, 0, 0),
	    CALL(KILLED, process_vm_readv, 0, 0, 0, 0, 0, 0),
	    CALL(KILLED, process_vm_writev, 0, 0, 0, 0, 0, 0),
	    CALL(KILLED, process_madvise, -1, 0, 0, 0, 0),
	    CALL(KILLED, pidfd_getfd, -1, 0, 0),
	    CALL(KILLED, kcmp, 0, 0, 99, 0, 0),
	    CALL(KILLED, kexec_load, 0, 999, 0, 0),
	    CALL(KILLED, init_module, 0, 0, 0),
	    CALL(KILLED, finit_module, -1, 0, 0),
	    CALL(KILLED, delete_module, 0, 0),
	    CALL(KILLED, bpf, 9999, 0, 0),
	    CALL(KILLED, perf_event_open, 0, 0, 0, 0, 0),
	    CALL(KILLED, userfaultfd, 0x7f),
	    CALL(KILLED, reboot, 0, 0, 0, 0),
	    CALL(KILLED, acct, (long)nowhere),
	    CALL(KILLED, swapon, (long)nowhere, 0),
	    CALL(KILLED, swapoff, (long)nowhere),
	    CALL(KILLED, personality, -1),
	    CALL(KILLED, io_uring_setup, 0, 0),
	    CALL(KILLED, io_uring_enter, -1, 0, 0, 0, 0, 0),
	    CALL(KILLED, setns, -1, 0),
	    CALL(KILLED, unshare, 0),
	    CALL(KILLED, mount, (long)nowhere, (long)nowhere, 0, 0, 0),
	    CALL(KILLED, umount2, (long)nowhere, 0),
	    CALL(KILLED, pivot_root, (long)nowhere, (long)nowhere),
	    CALL(KILLED, chroot, (long)nowhere),
	    CALL(KILLED, open_by_handle_at, -1, 0, 0),
	    CALL(KILLED, keyctl, -1, 0, 0, 0, 0),
	    CALL(KILLED, add_key, 0, 0, 0, 0, 0),
	    CALL(KILLED, request_key, 0, 0, 0, 0),
	};

	(void)state;
	if (geteuid() != 0)
		return;
	try_all(list, ARRAY_LEN(list));
}

static void
what_a_daemon_has_no_use_for_is_refused(void **state)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct attempt list[] = {
	    /* A number that no kernel of today knows. */
	    {"a call of the future", REFUSED, 4999, {0}},
	    CALL(REFUSED, clone, -1, 0, 0, 0, 0),
	    CALL(REFUSED, clone3, 0, 0),
	    CALL(REFUSED, kill, 0x7ffffff0, 0),
	    CALL(REFUSED, tgkill, 0x7ffffff0, 0x7ffffff0, SIGABRT),
	    CALL(REFUSED, tgkill, 0x7ffffff0, 0x7ffffff0, 0),
	    CALL(REFUSED, prctl, PR_GET_NAME, 0, 0, 0, 0),
	    CALL(REFUSED, prctl, PR_SET_DUMPABLE, 1, 0, 0, 0),
	    CALL(REFUSED, capset, 0, 0),
	    CALL(REFUSED, setresuid, -1, -1, -1),
	    CALL(REFUSED, setgroups, -1, 0),
	    CALL(REFUSED, fchmodat, AT_FDCWD, (long)nowhere, 0),
	    CALL(REFUSED, fchownat, AT_FDCWD, (long)nowhere, 0, 0, 0),
	    CALL(REFUSED, renameat2, AT_FDCWD, (long)nowhere, AT_FDCWD, (long)nowhere, 0),
	    CALL(REFUSED, linkat, AT_FDCWD, (long)nowhere, AT_FDCWD, (long)nowhere, 0),
	    CALL(REFUSED, symlinkat, (long)nowhere, AT_FDCWD, (long)nowhere),
	    CALL(REFUSED, mkdirat, AT_FDCWD, (long)nowhere, 0),
	    CALL(REFUSED, mknodat, AT_FDCWD, (long)nowhere, 0, 0),
	    CALL(REFUSED, truncate, (long)nowhere, 0),
	    CALL(REFUSED, memfd_create, 0, 0),
	    CALL(REFUSED, getdents64, -1, 0, 0),
	    CALL(REFUSED, pipe2, 0, 0),
	    CALL(REFUSED, socketpair, AF_UNIX, SOCK_STREAM, 0, 0),
	    CALL(REFUSED, shmget, 0, 0, 0),
	    CALL(REFUSED, sched_setaffinity, 0, 0, 0),
	    CALL(REFUSED, sched_setscheduler, 0x7ffffff0, SCHED_OTHER, 0),
	    CALL(REFUSED, setpriority, 99, 0, 0),
	    CALL(REFUSED, prlimit64, 0, 999, 0, 0),
	    CALL(REFUSED, clock_settime, 999, 0),
	    CALL(REFUSED, sethostname, 0, -1),
	    /* Sockets of other kinds, of root's. */
	    CALL(REFUSED, socket, AF_PACKET, SOCK_RAW, 0),
	    CALL(REFUSED, socket, AF_PACKET, SOCK_DGRAM, 0),
	    CALL(REFUSED, socket, AF_INET, SOCK_RAW, IPPROTO_ICMP),
	    CALL(REFUSED, socket, AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP),
	    CALL(REFUSED, socket, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
	    CALL(REFUSED, socket, AF_UNIX, SOCK_SEQPACKET, 0),
	    CALL(REFUSED, socket, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT),
	    CALL(REFUSED, socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
	    CALL(REFUSED, socket, AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
	    CALL(REFUSED, socket, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC),
	    CALL(REFUSED, socket, AF_ALG, SOCK_SEQPACKET, 0),
	    CALL(REFUSED, socket, AF_VSOCK, SOCK_STREAM, 0),
	    CALL(REFUSED, ioctl, -1, SIOCSIFFLAGS, 0),
	    CALL(REFUSED, ioctl, -1, SIOCSIFADDR, 0),
	    CALL(REFUSED, ioctl, -1, SIOCGIFHWADDR, 0),
	    CALL(REFUSED, ioctl, -1, 0x5412 /* TIOCSTI */, 0),
	    /* Code that was not there before. */
	    CALL(REFUSED, mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	    CALL(REFUSED, mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	    CALL(REFUSED, mprotect, (long)page, 4096, PROT_READ | PROT_EXEC),
	};

	(void)state;
	if (geteuid() != 0)
		return;
	assert_ptr_not_equal(page, MAP_FAILED);
	try_all(list, ARRAY_LEN(list));
	munmap(page, 4096);
}

#ifdef __x86_64__
static int
call_as_32_bits(const void *arg)
{
	int filter = install_filter();
	long r = 20; /* getpid of i386 */

	(void)arg;
	if (filter != 0)
		return filter;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

static int
call_as_x32(const void *arg)
{
	int filter = install_filter();

	(void)arg;
	if (filter != 0)
		return filter;
	syscall(0x40000000 | SYS_getpid);
	return 0;
}

static void
calls_of_another_architecture_are_the_end(void **state)
{
	int (*const acts[])(const void *) = {call_as_32_bits, call_as_x32};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		int status = status_of(acts[i], NULL);

		if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_BUILT)
			return;
		assert_true(WIFSIGNALED(status));
	}
}
#endif

/* ---- what has to go on working ---- */

static int
open_sockets(void)
{
	static const struct {
		int domain, type, protocol;
	} kinds[] = {
	    {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0},
	    {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0},
	    {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP},
	    {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP},
	    {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER},
	    {AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int fd = socket(kinds[i].domain, kinds[i].type, kinds[i].protocol);

		MUST(fd >= 0 || errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT);
		MUST(fd < 0 || close(fd) == 0);
	}
	/* A machine may be without IPv6. */
	MUST(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP) >= 0 || errno != EPERM);
	return 0;
}

static int
look_at_interfaces(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	struct ifaddrs *list;
	char name[IF_NAMESIZE];
	int fd;

	MUST(if_nametoindex("lo") == 1);
	MUST(if_indextoname(1, name) != NULL && strcmp(name, "lo") == 0);
	MUST(getifaddrs(&list) == 0);
	freeifaddrs(list);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	MUST(ioctl(fd, SIOCGIFMTU, &ifr) == 0 && ioctl(fd, SIOCGIFFLAGS, &ifr) == 0);
	MUST(close(fd) == 0);
	return 0;
}

static int
use_memory(void)
{
	enum { BLOCKS = 64 };
	char *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = calloc(1, 1000 << i % 12);
		MUST(blocks[i] != NULL);
		blocks[i] = realloc(blocks[i], 3000 << i % 12);
		MUST(blocks[i] != NULL);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return 0;
}

static int
write_logs(const char *dir)
{
	char path[80], other[80];
	struct log_cfg cfg = {.path = path, .syslog_facility = 3 << 3};
	struct log *log = log_open_terminal();

	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	MUST(log != NULL);
	log_detach(log);
	MUST(log_open(log, &cfg) == 0);
	/* Whether or not a log daemon listens. */
	log_write(log, LOG_LV_NOTICE, "confined");
	MUST(log_reopen(log) == 0);
	log_write(log, LOG_LV_NOTICE, "confined");
	log_close(log);
	MUST(unlink(path) == 0);
	return 0;
}

static int
live_on(const void *dir)
{
	const struct sched_param none = {0};
	struct timespec soon = {.tv_nsec = 1000};
	struct pollfd pfd = {.fd = -1};
	const char *step;
	int r, filter;

	confine_capabilities(CONFINE_NET_ADMIN, &step);
	filter = install_filter();
	if (filter != 0)
		return filter;
	MUST(ppoll(&pfd, 1, &soon, NULL) == 0 && poll(&pfd, 1, 1) == 0);
	MUST(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) == 0);
	MUST(loop_now_us() > 0 && getpid() > 1);
	r = open_sockets();
	if (r == 0)
		r = look_at_interfaces();
	if (r == 0)
		r = use_memory();
	if (r == 0)
		r = write_logs(dir);
	return r;
}

static void
what_a_daemon_does_goes_on(void **state)
{
	char dir[] = "/tmp/test_confine.XXXXXX";
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	/* The child's user is ours: root without capabilities owns its files. */
	status = status_of(live_on, dir);
	assert_int_equal(rmdir(dir), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_BUILT)
		return;
	if (status != 0)
		fail_msg("status 0x%x: killed by %d, or line %d + n * 255", status, WTERMSIG(status),
		    WEXITSTATUS(status) - 1);
}

static int
fail_an_assertion(const void *arg)
{
	int filter = install_filter();

	if (filter != 0)
		return filter;
	ASSERT(arg != NULL);
	return 0;
}

/* Not by SIGSYS or SIGSEGV: whoever looks at the core finds the ASSERT on top. */
static void
an_assertion_that_fails_is_an_abort(void **state)
{
	int status = status_of(fail_an_assertion, NULL);

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_BUILT)
		return;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_kept_is_what_was_asked_for_and_nothing_else),
	    cmocka_unit_test(ambient_capabilities_are_given_up_too),
	    cmocka_unit_test(a_step_that_fails_is_named_and_the_others_are_taken),
	    cmocka_unit_test(versions_of_the_kernel_are_compared_as_numbers),
	    cmocka_unit_test(what_only_an_intruder_does_is_the_end),
	    cmocka_unit_test(what_a_daemon_has_no_use_for_is_refused),
#ifdef __x86_64__
	    cmocka_unit_test(calls_of_another_architecture_are_the_end),
#endif
	    cmocka_unit_test(what_a_daemon_does_goes_on),
	    cmocka_unit_test(an_assertion_that_fails_is_an_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
