/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrackd-exporter: conntrackd's metrics over HTTP.
 *
 * A process of its own, with no privilege but to read the daemon's control socket, so that nothing of an HTTP server
 * is in the daemon.  One thread: while the daemon is asked nobody else asks it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "client.h"
#include "listen.h"
#include "load.h"
#include "metrics.h"

#if MHD_VERSION < 0x00097002
#define MHD_Result int
#endif

enum {
	CONNECTIONS_MAX = 16,
	CONNECTION_MS_MAX = 10 * 1000, /* from its beginning, whatever it says and however slowly */
	CONNECTION_IDLE_S_MAX = 5,
	CONNECTION_BYTES_MAX = 16 * 1024,
	ANSWER_MS_MAX = 3000, /* of the daemon; less than any scraper waits */
	FRESH_MS_MAX = 500,   /* an answer serves all that ask within this time */
	TURN_MS_MAX = 1000,   /* to look for connections that are too old */
	WHY_MAX = 256,
};

struct open_connection {
	int fd; /* negative: none */
	int64_t since_ms;
};

struct exporter {
	struct config cfg;
	struct log *log;
	struct listen_at at;
	struct open_connection connections[CONNECTIONS_MAX];
	json_t *doc;       /* what the daemon has said; NULL: nothing */
	int64_t doc_ms;    /* when; 0: it was not asked yet */
	bool told_silence; /* that it does not answer is in the log */
};

static volatile sig_atomic_t stopped;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the daemon ---- */

/* Says it once when the daemon falls silent, and once when it is back. */
static void
tell_silence(struct exporter *e, const char *why)
{
	bool silent = e->doc == NULL;

	if (silent == e->told_silence)
		return;
	e->told_silence = silent;
	if (silent)
		log_write(e->log, LOG_LV_WARNING, "no answer: %s", why);
	else
		log_write(e->log, LOG_LV_NOTICE, "the daemon answers again");
}

static void
ask_daemon(struct exporter *e)
{
	struct client_words words = {.len = 0};
	struct client_answer answer;
	char why[WHY_MAX];
	json_error_t error;
	int code;

	json_decref(e->doc);
	e->doc = NULL;
	client_word(&words, "status");
	code = client_verb(e->cfg.unix_path, &words, STDERR_FILENO, ANSWER_MS_MAX, &answer, why, sizeof(why));
	if (answer.len > 0 && why[0] == '\0') {
		e->doc = json_loadb(answer.data, answer.len, JSON_REJECT_DUPLICATES, &error);
		if (e->doc == NULL)
			snprintf(why, sizeof(why), "it makes no sense: %s", error.text);
	} else if (why[0] == '\0') {
		snprintf(why, sizeof(why), "exit code %d", code);
	}
	free(answer.data);
	e->doc_ms = now_ms();
	tell_silence(e, why);
}

/* ---- HTTP ---- */

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned int code, const char *type, const char *text, size_t len,
    enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)text, mode);
	enum MHD_Result done = MHD_NO;

	if (r == NULL)
		return MHD_NO;
	/* Who comes back in a quarter of a minute need not keep a place. */
	if (MHD_add_response_header(r, "Content-Type", type) == MHD_YES &&
	    MHD_add_response_header(r, "Connection", "close") == MHD_YES &&
	    (code != MHD_HTTP_METHOD_NOT_ALLOWED ||
		MHD_add_response_header(r, "Allow", "GET, HEAD") == MHD_YES))
		done = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result
answer_text(struct MHD_Connection *c, unsigned int code, const char *text)
{
	return answer(c, code, "text/plain; charset=utf-8", text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
answer_metrics(struct exporter *e, struct MHD_Connection *c)
{
	const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept");
	enum metrics_format format = METRICS_PROMETHEUS;
	enum MHD_Result done;
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (accept != NULL && strstr(accept, "application/openmetrics-text") != NULL)
		format = METRICS_OPENMETRICS;
	if (e->doc_ms == 0 || now_ms() - e->doc_ms > FRESH_MS_MAX)
		ask_daemon(e);
	out = open_memstream(&text, &len);
	if (out == NULL)
		return MHD_NO;
	metrics_write(out, e->doc, format);
	if (fclose(out) != 0) {
		free(text);
		return MHD_NO;
	}
	done = answer(c, MHD_HTTP_OK, metrics_media_type(format), text, len, MHD_RESPMEM_MUST_COPY);
	free(text);
	return done;
}

static enum MHD_Result
handle(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_len, void **request)
{
	static int seen;

	(void)version;
	(void)upload;
	/* Called first with the head alone; what comes behind it is not wanted. */
	if (*request == NULL) {
		*request = &seen;
		return MHD_YES;
	}
	if (*upload_len != 0) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n");
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(ctx, c);
	if (strcmp(url, "/") == 0)
		return answer_text(c, MHD_HTTP_OK, "conntrackd-exporter: see /metrics\n");
	return answer_text(c, MHD_HTTP_NOT_FOUND, "not here: see /metrics\n");
}

/* ---- connections ---- */

static void
note_connection(void *ctx, struct MHD_Connection *c, void **own, enum MHD_ConnectionNotificationCode code)
{
	struct exporter *e = ctx;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct open_connection *place = *own;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (place != NULL)
			place->fd = -1;
		return;
	}
	for (size_t i = 0; info != NULL && i < CONNECTIONS_MAX; i++) {
		if (e->connections[i].fd < 0) {
			e->connections[i] = (struct open_connection){info->connect_fd, now_ms()};
			*own = &e->connections[i];
			return;
		}
	}
}

/* Idle ones end by themselves; this is for those who say one byte now and then. */
static void
end_old_connections(struct exporter *e)
{
	int64_t now = now_ms();

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (e->connections[i].fd >= 0 && now - e->connections[i].since_ms > CONNECTION_MS_MAX)
			shutdown(e->connections[i].fd, SHUT_RDWR);
	}
}

static int
serve(struct exporter *e, int fd)
{
	struct MHD_Daemon *http = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, e,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_IDLE_S_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES_MAX,
	    MHD_OPTION_NOTIFY_CONNECTION, note_connection, e, MHD_OPTION_END);
	const union MHD_DaemonInfo *info;
	struct pollfd pfd = {.events = POLLIN};
	sigset_t none;

	if (http == NULL || (info = MHD_get_daemon_info(http, MHD_DAEMON_INFO_EPOLL_FD)) == NULL) {
		log_write(e->log, LOG_LV_ERROR, "can't start the HTTP server");
		return 1;
	}
	pfd.fd = info->epoll_fd;
	sigemptyset(&none);
	while (!stopped) {
		MHD_UNSIGNED_LONG_LONG wait_ms = TURN_MS_MAX;
		struct timespec ts;

		if (MHD_get_timeout(http, &wait_ms) != MHD_YES || wait_ms > TURN_MS_MAX)
			wait_ms = TURN_MS_MAX;
		ts = (struct timespec){(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};
		if (ppoll(&pfd, 1, &ts, &none) < 0 && errno != EINTR)
			break;
		end_old_connections(e);
		MHD_run(http);
	}
	/* The socket stays ours to close. */
	MHD_quiesce_daemon(http);
	MHD_stop_daemon(http);
	json_decref(e->doc);
	return stopped ? 0 : 1;
}

/* ---- main ---- */

static void
stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Heard while waiting only. */
static void
catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static const char usage[] =
    "Usage: conntrackd-exporter [-C FILE] --listen ADDRESS:PORT|unix:PATH [--any-address]\n"
    "Answers HTTP with the metrics of the conntrackd of this host, at /metrics.  See conntrackd(8), METRICS.\n";

struct arguments {
	const char *config_path, *listen;
	bool any_address, help;
};

static bool
parse_arguments(struct arguments *a, int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--any-address") == 0)
			a->any_address = true;
		else if (strcmp(argv[i], "--help") == 0)
			a->help = true;
		else if (strcmp(argv[i], "-C") == 0 && i + 1 < argc)
			a->config_path = argv[++i];
		else if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc)
			a->listen = argv[++i];
		else
			return false;
	}
	return a->help || a->listen != NULL;
}

static int
run(struct exporter *e, const struct arguments *a)
{
	char why[WHY_MAX];
	int fd, code;

	if (!listen_parse(&e->at, a->listen, why, sizeof(why))) {
		log_write(e->log, LOG_LV_ERROR, "--listen: %s", why);
		return 1;
	}
	if (!e->at.is_loopback && !a->any_address) {
		log_write(e->log, LOG_LV_ERROR,
		    "--listen: others than this host reach %s, and whoever does may read: if that is meant, add "
		    "--any-address", a->listen);
		return 1;
	}
	if (!load_config(&e->cfg, a->config_path, e->log, false))
		return 1;
	catch_signals();
	fd = listen_open(&e->at);
	if (fd < 0) {
		log_write(e->log, LOG_LV_ERROR, "can't listen on %s: %s", a->listen, strerror(-fd));
		return 1;
	}
	code = serve(e, fd);
	listen_close(&e->at, fd);
	return code;
}

int
main(int argc, char *argv[])
{
	struct arguments a = {.config_path = "/etc/conntrackd/conntrackd.conf"};
	struct exporter *e;
	int code;

	if (!parse_arguments(&a, argc, argv)) {
		fputs(usage, stderr);
		return 1;
	}
	if (a.help) {
		fputs(usage, stdout);
		return 0;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL || (e->log = log_open_terminal()) == NULL) {
		fputs("conntrackd-exporter: no memory\n", stderr);
		free(e);
		return 1;
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		e->connections[i].fd = -1;
	code = run(e, &a);
	log_close(e->log);
	free(e);
	return code;
}
