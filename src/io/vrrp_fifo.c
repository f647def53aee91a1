/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vrrp_fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_SAFELY = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

/* Whoever writes there, or puts another file in its place, says who is master. */
static bool
is_trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & S_IWOTH) == 0;
}

/* ---- FIFO ---- */

int
vrrp_fifo_make(const char *path)
{
	/* Whatever is there already is judged when it is opened. */
	return mkfifo(path, 0600) == 0 || errno == EEXIST ? 0 : -errno;
}

static int
check_fifo(int fd, struct vrrp_file *file)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode))
		return -EINVAL;
	if (!is_trusted(&st))
		return -EPERM;
	*file = (struct vrrp_file){st.st_dev, st.st_ino};
	return 0;
}

bool
vrrp_fifo_has_reader(const char *path)
{
	/* Refused (ENXIO) as long as there is none. */
	int fd = open(path, O_WRONLY | OPEN_SAFELY);
	struct vrrp_file file;
	bool is_one;

	if (fd < 0)
		return false;
	is_one = check_fifo(fd, &file) == 0;
	close(fd);
	return is_one;
}

int
vrrp_fifo_open(const char *path, struct vrrp_file *file)
{
	int fd = open(path, O_RDWR | OPEN_SAFELY);
	int r;

	if (fd < 0)
		return -errno;
	r = check_fifo(fd, file);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

bool
vrrp_fifo_replaced(const char *path, const struct vrrp_file *file)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_dev != file->device || st.st_ino != file->inode);
}

size_t
vrrp_fifo_read(int fd, char *buf, size_t cap)
{
	ssize_t n = read(fd, buf, cap);

	return n > 0 ? (size_t)n : 0;
}

/* ---- one line in a file ---- */

int
vrrp_note_write(const char *path, const char *line)
{
	char text[VRRP_NOTE_MAX];
	int fd = open(path, O_WRONLY | O_CREAT | OPEN_SAFELY, 0644);
	int len = snprintf(text, sizeof(text), "%-*s\n", VRRP_NOTE_MAX - 2, line);
	int r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	ASSERT(len == VRRP_NOTE_MAX - 1);
	errno = EIO; /* for a short write, which sets none */
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (st.st_nlink > 1)
		r = -EMLINK;
	else if (write(fd, text, (size_t)len) != len)
		r = -errno;
	close(fd);
	return r;
}

static void
read_line(int fd, char out[VRRP_NOTE_MAX])
{
	ssize_t n = fd >= 0 ? read(fd, out, VRRP_NOTE_MAX) : 0;
	size_t len = n > 0 ? (size_t)n : 0;

	for (size_t i = 0; i < len; i++) {
		if (out[i] == '\n')
			len = i;
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	/* One that fills all has no newline. */
	if (len == VRRP_NOTE_MAX)
		len = 0;
	out[len] = '\0';
	memmove(out, out + strspn(out, " "), len - strspn(out, " ") + 1);
}

void
vrrp_note_read(const char *path, char out[VRRP_NOTE_MAX])
{
	int fd = open(path, O_RDONLY | OPEN_SAFELY);

	read_line(fd, out);
	if (fd >= 0)
		close(fd);
}

int
vrrp_note_recall(const char *path, char out[VRRP_NOTE_MAX])
{
	int fd = open(path, O_RDONLY | OPEN_SAFELY), r = 0;
	struct stat st;

	out[0] = '\0';
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (!is_trusted(&st) || st.st_nlink > 1)
		r = -EPERM;
	else
		read_line(fd, out);
	close(fd);
	return r;
}
