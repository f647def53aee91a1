/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a daemon answers, and what nft prints: each command that asks takes any bytes.  The daemon on the socket
 * may be of another version, or none at all.
 *
 * The input: who reads it, how it comes, and the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check_text.h"
#include "console.h"
#include "ctl_proto.h"
#include "doctor.h"
#include "fuzz.h"
#include "top.h"
#include "top_ask.h"

/* How an answer comes. */
enum {
	RAW = 1 << 0,    /* frames and all, as it stands; otherwise it is put in frames */
	BROKEN = 1 << 1, /* without an exit code */
	FAILS = 1 << 2,
	SPEAKS = 1 << 3, /* it says something on stderr, too */
	JSON = 1 << 4,   /* the reader's --json */
};

enum { ANSWER_MAX = 48 * 1024, FRAME_MAX = 1000 };

static struct {
	bool active; /* the system calls below are ours */
	const uint8_t *answer;
	size_t len;
	FILE *null;
} bench;

/* ---- in the place of the system ---- */

int __wrap_socket(int domain, int type, int protocol);
int __real_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);
ssize_t __real_writev(int fd, const struct iovec *iov, int count);

/* A daemon that has answered before it is asked, and has hung up. */
int
__wrap_socket(int domain, int type, int protocol)
{
	int fds[2];

	if (!bench.active)
		return __real_socket(domain, type, protocol);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (type & SOCK_NONBLOCK), 0, fds) == 0);
	CHECK(__real_send(fds[1], bench.answer, bench.len, MSG_NOSIGNAL) == (ssize_t)bench.len);
	close(fds[1]);
	return fds[0];
}

int
__wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return bench.active ? 0 : __real_connect(fd, addr, len);
}

ssize_t
__wrap_send(int fd, const void *data, size_t len, int flags)
{
	return bench.active ? (ssize_t)len : __real_send(fd, data, len, flags);
}

ssize_t
__wrap_write(int fd, const void *data, size_t len)
{
	return bench.active ? (ssize_t)len : __real_write(fd, data, len);
}

ssize_t
__wrap_writev(int fd, const struct iovec *iov, int count)
{
	ssize_t len = 0;

	if (!bench.active)
		return __real_writev(fd, iov, count);
	for (int i = 0; i < count; i++)
		len += (ssize_t)iov[i].iov_len;
	return len;
}

/* ---- commands ---- */

static const struct {
	const char *verb;
	const char *args[4];
} commands[] = {
    {"status", {NULL}},
    {"status", {"--short"}},
    {"role", {NULL}},
    {"role", {"--ready"}},
    {"history", {NULL}},
    {"history", {"--last", "7"}},
    {"trace", {"tcp", "10.0.0.1:4000->10.0.0.2:80"}},
    {"trace", {"--follow", "tcp", "10.0.0.1:4000->10.0.0.2:80"}},
    {"promote", {NULL}},
    {"promote", {"--dry-run"}},
    {"demote", {"--wait"}},
    {"log", {"debug", "--for", "5"}},
    {"flows", {"external"}},
    {"expectations", {NULL}},
    {"metrics", {NULL}},
    {"metrics", {"--format", "prometheus"}},
};

static void
run_command(size_t which, bool json)
{
	static struct config cfg = {.unix_path = "nowhere"};
	static struct log *log;
	struct console c = {.verb = console_find(commands[which].verb), .cfg = &cfg, .json = json};
	FILE *out = stdout;
	int code;

	if (log == NULL)
		log = log_open_terminal();
	CHECK(log != NULL && c.verb != NULL);
	c.log = log;
	while (c.args_count < ARRAY_LEN(commands[which].args) && commands[which].args[c.args_count] != NULL) {
		c.args[c.args_count] = commands[which].args[c.args_count];
		c.args_count++;
	}
	fflush(stdout);
	stdout = bench.null;
	bench.active = true;
	code = c.verb->run(&c);
	fflush(stdout);
	bench.active = false;
	stdout = out;
	/* That of the daemon, or our own. */
	CHECK(code >= 0 && code <= UINT8_MAX);
}

/* ---- readers of documents ---- */

/* The screen is printable, whatever stands in the documents. */
static void
check_screen(const struct top *t, int rows, int cols)
{
	static struct top_page page;
	struct top_view v = {.rows = rows, .cols = cols, .live = cols & 1, .why = "", .since = "", .clock = "",
	    .host = ""};
	char text[TOP_COLS_MAX + 1];
	int used;

	memset(&page, 0, sizeof(page));
	used = top_draw(t, &v, &page);
	CHECK(used >= 0 && used <= TOP_ROWS_MAX);
	for (int row = 0; row < used; row++) {
		top_row_text(&page, row, text);
		CHECK(strlen(text) <= TOP_COLS_MAX);
		for (const char *c = text; *c != '\0'; c++)
			CHECK(*c >= ' ' && *c <= '~');
	}
}

static void
show_top(json_t *first, json_t *second)
{
	struct top t;
	json_t *doc;

	top_init(&t);
	top_feed(&t, first, (ms_t){1000});
	top_feed(&t, second, (ms_t){2000});
	top_feed_history(&t, second);
	check_screen(&t, 60, 80);
	check_screen(&t, 9, 21);
	check_screen(&t, 200, 300);
	doc = top_json(&t);
	CHECK(doc != NULL);
	json_decref(doc);
	top_free(&t);
}

static void
diagnose(const json_t *status, const json_t *inspected)
{
	static struct findings out;
	static struct facts f;
	static struct config cfg;

	memset(&out, 0, sizeof(out));
	config_defaults(&cfg);
	cfg.links_count = 1;
	cfg.links[0].l3 = L3_IPV4;
	cfg.links[0].port = 3780;
	snprintf(cfg.links[0].ifname, sizeof(cfg.links[0].ifname), "eth2");
	facts_init(&f);
	gather_daemon(&f, status, inspected);
	gather_rules(&f, inspected, &cfg);
	judge(&f, &cfg, &out);
}

/* Of a node of which nothing is known but what it says. */
static void
show_check(const json_t *facts)
{
	static const struct filter everything;
	struct compare c;
	FILE *out = stdout;
	json_t *doc;

	CHECK(compare_init(&c, NULL, &everything, console_bool(facts, "write_through"), 16, 4));
	compare_kernel_begin(&c);
	compare_finish(&c);
	doc = check_document(&c, facts);
	CHECK(doc != NULL);
	stdout = bench.null;
	check_print(doc);
	check_print(facts);
	stdout = out;
	json_decref(doc);
	compare_free(&c);
}

/* One document, or two with a NUL between them. */
static void
show_documents(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len > 0 ? memchr(data, '\0', len) : NULL;
	size_t first_len = nul != NULL ? (size_t)(nul - data) : len;
	json_t *first = json_loadb((const char *)data, first_len, JSON_REJECT_DUPLICATES, NULL);
	json_t *second = nul != NULL
	    ? json_loadb((const char *)nul + 1, len - first_len - 1, JSON_REJECT_DUPLICATES, NULL)
	    : json_incref(first);

	if (first != NULL && second != NULL) {
		show_top(first, second);
		diagnose(first, second);
		show_check(second);
	}
	json_decref(first);
	json_decref(second);
}

static void
ask_for_top(void)
{
	struct top_ask a;
	json_t *doc = NULL;
	enum top_asked is;

	top_ask_init(&a);
	bench.active = true;
	is = top_ask_begin(&a, "nowhere", "status", NULL);
	CHECK(is == TOP_ASK_WAITING);
	is = top_ask_step(&a, &doc);
	bench.active = false;
	CHECK(is != TOP_ASK_ANSWERED || json_is_object(doc));
	CHECK(is == TOP_ASK_WAITING || a.fd < 0);
	CHECK(memchr(a.why, '\0', sizeof(a.why)) != NULL);
	json_decref(doc);
	top_ask_end(&a);
}

/* ---- the answer ---- */

static size_t
put_frame(uint8_t *out, enum ctl_frame type, const void *data, size_t len)
{
	ctl_frame_write(out, type, len);
	memcpy(out + CTL_FRAME_HEADER, data, len);
	return CTL_FRAME_HEADER + len;
}

static size_t
put_in_frames(uint8_t *out, const uint8_t *data, size_t size, uint8_t how)
{
	uint8_t code = how & FAILS ? 1 : 0;
	size_t len = 0;

	for (size_t at = 0; at < size; at += FRAME_MAX)
		len += put_frame(out + len, CTL_FRAME_OUT, data + at, size - at < FRAME_MAX ? size - at : FRAME_MAX);
	if (how & SPEAKS)
		len += put_frame(out + len, CTL_FRAME_ERR, data, size < FRAME_MAX ? size : FRAME_MAX);
	if (!(how & BROKEN))
		len += put_frame(out + len, CTL_FRAME_EXIT, &code, sizeof(code));
	return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t framed[2 * ANSWER_MAX];
	size_t who, len = size >= 2 ? size - 2 : 0;

	if (size < 2 || len > ANSWER_MAX)
		return 0;
	if (bench.null == NULL)
		bench.null = fopen("/dev/null", "w");
	CHECK(bench.null != NULL);
	who = data[0] % (ARRAY_LEN(commands) + 2);
	bench.answer = data[1] & RAW ? data + 2 : framed;
	bench.len = data[1] & RAW ? len : put_in_frames(framed, data + 2, len, data[1]);
	if (who < ARRAY_LEN(commands))
		run_command(who, data[1] & JSON);
	else if (who == ARRAY_LEN(commands))
		ask_for_top();
	else
		show_documents(data + 2, len);
	return 0;
}
