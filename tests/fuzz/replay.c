/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c: feeds a fuzz target the files named on the command line, and those in the directories
 * named there: the corpus that is kept, or one file that made it crash.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int
replay_file(const char *path)
{
	uint8_t *data = malloc(INPUT_MAX), *exact;
	FILE *f = fopen(path, "rb");
	size_t len;

	if (f == NULL || data == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	len = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* Should it crash, this is the last line. */
	printf("# %s\n", path);
	fflush(stdout);
	exact = malloc(len > 0 ? len : 1);
	CHECK(exact != NULL);
	memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	free(data);
	return 1;
}

static int
replay(const char *path)
{
	struct dirent **names;
	struct stat st;
	int count, done = 0;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return replay_file(path);
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char file[4096];

		if (names[i]->d_name[0] != '.') {
			snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
			done += replay_file(file);
		}
		free(names[i]);
	}
	free(names);
	return done;
}

int
main(int argc, char **argv)
{
	int done = 0;

	for (int i = 1; i < argc; i++)
		done += replay(argv[i]);
	printf("%d inputs\n", done);
	return done > 0 ? 0 : 1;
}
