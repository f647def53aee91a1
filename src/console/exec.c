/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "exec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char exec_directory[] = PROGRAMS_DIR;

bool
exec_beside(char *out, size_t len, const char *self, const char *name)
{
	const char *end = strrchr(self, '/');
	int n;

	if (self[0] != '/' || end == NULL)
		return false;
	n = snprintf(out, len, "%.*s/%s", (int)(end - self), self, name);
	return n > 0 && (size_t)n < len;
}

int
exec_program(const char *name, char *const argv[])
{
	char self[PATH_MAX], path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int error = ENOENT;

	fflush(NULL);
	if (n > 0) {
		self[n] = '\0';
		if (exec_beside(path, sizeof(path), self, name)) {
			execv(path, argv);
			error = errno;
		}
	}
	if (error != ENOENT)
		return error;
	if (exec_beside(path, sizeof(path), PROGRAMS_DIR "/.", name))
		execv(path, argv);
	return errno;
}
