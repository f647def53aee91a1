/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TEXT_MAX = 512 };

/* The address that NOTIFY_SOCKET names: a path, or "@name" in the abstract namespace. */
static socklen_t
notify_address(struct sockaddr_un *addr)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name != NULL ? strlen(name) : 0;

	memset(addr, 0, sizeof(*addr));
	if (len < 2 || len >= sizeof(addr->sun_path) || (name[0] != '/' && name[0] != '@'))
		return 0;
	addr->sun_family = AF_UNIX;
	memcpy(addr->sun_path, name, len);
	if (name[0] == '@')
		addr->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* Half the time that the manager allows; it counts only if it is meant for this process. */
static int64_t
watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end = NULL;
	long long value;

	if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	errno = 0;
	value = strtoll(usec, &end, 10);
	if (errno != 0 || end == usec || *end != '\0' || value < 2000)
		return 0;
	return value / 2000;
}

void
notify_open(struct notify *n)
{
	struct sockaddr_un addr;
	socklen_t len = notify_address(&addr);

	*n = (struct notify){.fd = -1};
	if (len == 0)
		return;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)&addr, len) != 0)
		notify_close(n);
	if (n->fd >= 0)
		n->watchdog_ms = watchdog_interval();
}

void
notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

void
notify_send(const struct notify *n, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	int len;

	if (n->fd < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len > 0 && (size_t)len < sizeof(text))
		(void)!send(n->fd, text, (size_t)len, MSG_NOSIGNAL);
}
