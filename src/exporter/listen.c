/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

enum { BACKLOG = 16, HOST_MAX = 64 };

static bool
parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	value = strtoul(text, &end, 10);
	if (*end != '\0' || value == 0 || value > UINT16_MAX)
		return false;
	*port = htons((uint16_t)value);
	return true;
}

static bool
is_loopback6(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == IN_LOOPBACKNET);
}

static bool
parse_inet(struct listen_at *at, const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	char host[HOST_MAX];
	size_t len;

	if (colon == NULL || !parse_port(colon + 1, &in.sin_port))
		return false;
	len = (size_t)(colon - text);
	if (len >= sizeof(host) || (brackets && (len < 2 || text[len - 1] != ']')))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(brackets ? len - 2 : len), text + brackets);
	if (!brackets && inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		memcpy(&at->addr, &in, sizeof(in));
		at->len = sizeof(in);
		at->is_loopback = ntohl(in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
		return true;
	}
	if (brackets && inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
		in6.sin6_port = in.sin_port;
		memcpy(&at->addr, &in6, sizeof(in6));
		at->len = sizeof(in6);
		at->is_loopback = is_loopback6(&in6.sin6_addr);
		return true;
	}
	return false;
}

static bool
parse_unix(struct listen_at *at, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
		return false;
	memcpy(un.sun_path, path, strlen(path));
	memcpy(&at->addr, &un, sizeof(un));
	at->len = sizeof(un);
	at->is_unix = at->is_loopback = true;
	return true;
}

bool
listen_parse(struct listen_at *at, const char *text, char *why, size_t why_len)
{
	static const char prefix[] = "unix:";

	*at = (struct listen_at){.len = 0};
	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0) {
		if (parse_unix(at, text + sizeof(prefix) - 1))
			return true;
		snprintf(why, why_len, "no absolute path of a socket: %s", text);
		return false;
	}
	if (parse_inet(at, text))
		return true;
	snprintf(why, why_len, "neither ADDRESS:PORT, with a numeric address, nor unix:PATH: %s", text);
	return false;
}

/* A socket that was left behind is removed; 0 or a negative errno value. */
static int
make_way(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (ctl_is_answered(path))
		return -EADDRINUSE;
	return unlink(path) == 0 ? 0 : -errno;
}

static const char *
unix_path(const struct listen_at *at)
{
	return ((const struct sockaddr_un *)&at->addr)->sun_path;
}

int
listen_open(const struct listen_at *at)
{
	int fd, r = at->is_unix ? make_way(unix_path(at)) : 0, on = 1;
	mode_t mask;

	if (r != 0)
		return r;
	fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0117);
	if ((!at->is_unix && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)&at->addr, at->len) != 0 || listen(fd, BACKLOG) != 0)
		r = -errno;
	umask(mask);
	if (r != 0) {
		close(fd);
		return r;
	}
	return fd;
}

void
listen_close(const struct listen_at *at, int fd)
{
	if (at->is_unix)
		unlink(unix_path(at));
	close(fd);
}
