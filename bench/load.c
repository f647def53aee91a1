/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c: makes, changes and deletes flows in the kernel's table, at a rate or as fast as it goes.
 * What that costs with somebody listening who wants nothing (--listen) is also the floor of a commit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool.h"

int
cmd_load(const struct options *o)
{
	char *buf = malloc((size_t)o->batch * REQUEST_MAX);
	int fd = ctnl_socket(0, 1 << 20), deaf = o->listen ? ctnl_socket_deaf() : -1;
	uint64_t done = 0, errors = 0, late_max = 0, cpu = cpu_ns(), start = now_ns(), now;

	if (!buf)
		die("no memory");
	stop_on_signals();
	while (done < o->count && !stopped) {
		size_t len = 0;
		unsigned int i;

		now = now_ns();
		if ((double)(now - start) > o->seconds * 1e9)
			break;
		if (o->rate) {
			uint64_t due = start + done * 1000000000u / o->rate;

			if (now > due && now - due > late_max)
				late_max = now - due;
			sleep_until(due);
		}
		for (i = 0; i < o->batch && done < o->count; i++, done++)
			len += request_put(buf + len, o->op, o->first + done, o);
		errors += requests_send(fd, buf, len);
	}
	now = now_ns();
	printf("{\"done\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"cpu_us\": %.3f, \"late_ms\": %.3f}\n",
	    (unsigned long long)done, (unsigned long long)errors, (double)(now - start) / 1e9,
	    (double)(cpu_ns() - cpu) / 1e3, (double)late_max / 1e6);
	if (deaf >= 0)
		close(deaf);
	free(buf);
	return 0;
}
