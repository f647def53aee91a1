/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often the file may be replaced under our hands before we give up. */
enum { TRIES_MAX = 16 };

/*
 * Opens the file, or creates it (*created).  -ENOENT after a successful look means that the file
 * went away in between; the caller tries again.  Nothing here can block: a FIFO in the file's place
 * is opened and then refused.
 */
static int
open_or_create(const char *path, bool *created)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0600);

	*created = fd >= 0;
	if (fd >= 0)
		return fd;
	if (errno != EEXIST)
		return -errno;
	fd = open(path, flags);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -EAGAIN : -errno;
}

/* In a directory that all may write to, somebody may have put one of our own files there under a
 * second name, and we are about to empty it. */
static int
check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != geteuid() || st.st_nlink > 1)
		return -EPERM;
	return 0;
}

/* Is the file behind the descriptor the one that has the name now? */
static bool
still_named(int fd, const char *path)
{
	struct stat by_fd, by_name;

	return fstat(fd, &by_fd) == 0 && lstat(path, &by_name) == 0 &&
	       by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

/* The pid in the file; 0 if there is none or it makes no sense. */
static int
read_pid(int fd)
{
	char text[24];
	char *end;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno != 0 || end == text || (*end != '\n' && *end != '\0') || pid <= 0 ||
	    pid > INT_MAX)
		return 0;
	return (int)pid;
}

/* One try: a descriptor, -EAGAIN if the file was replaced meanwhile, another negative errno value. */
static int
try_take(const char *path, int *owner, bool *stale)
{
	bool created;
	int fd, err;

	fd = open_or_create(path, &created);
	if (fd < 0)
		return fd;
	err = check_file(fd);
	if (err < 0)
		goto out;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = -errno;
		if (err == -EWOULDBLOCK) {
			*owner = read_pid(fd);
			err = -EEXIST;
		}
		goto out;
	}
	/* The holder before us may have removed the file between our open and our lock. */
	if (!still_named(fd, path)) {
		err = -EAGAIN;
		goto out;
	}
	*stale = !created;
	*owner = read_pid(fd);
	/* From here on the old pid would be a lie. */
	if (ftruncate(fd, 0) < 0)
		err = -errno;
out:
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int
lock_take(const char *path, int *owner, bool *stale)
{
	int fd = -EAGAIN;

	*owner = 0;
	*stale = false;
	for (int i = 0; i < TRIES_MAX && fd == -EAGAIN; i++)
		fd = try_take(path, owner, stale);
	return fd;
}

int
lock_write_pid(int fd)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	/* Write, then cut: a reader in between finds our pid on the first line, never half of one. */
	errno = EIO; /* for a short write, which sets none */
	if (pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len) < 0)
		return -errno;
	return 0;
}

void
lock_release(int fd, const char *path)
{
	/* Remove while locked: who waits for the lock then sees that the name is gone. */
	if (still_named(fd, path))
		unlink(path);
	close(fd);
}
