/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const struct oracle *
oracle_named(const char *name)
{
	const struct oracle *o;

	for (size_t i = 0; (o = oracle_at(i)) != NULL; i++) {
		if (strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

enum sim_exception
exception_named(const char *name)
{
	size_t i = 0;

	while (i < EXC_COUNT && strcmp(exception_names[i], name) != 0)
		i++;
	return (enum sim_exception)i;
}

bool
expectation_is_met(const struct expectation *e, const struct outcome *out)
{
	if (out->verdict.oracle != (e != NULL ? e->oracle : NULL))
		return false;
	for (size_t i = 0; e != NULL && i < EXC_COUNT; i++) {
		if (e->exceptions[i] && out->exceptions[i] == 0)
			return false;
	}
	return true;
}

static bool
read_expectations(struct expectation *e, FILE *in, const char *path)
{
	char line[256], what[16], name[32];

	while (fgets(line, sizeof(line), in) != NULL) {
		enum sim_exception exception;

		if (strncmp(line, "# expect:", 9) != 0)
			continue;
		if (sscanf(line + 9, "%15s %31s", what, name) != 2)
			goto nonsense;
		exception = exception_named(name);
		if (strcmp(what, "oracle") == 0 && (e->oracle = oracle_named(name)) != NULL)
			continue;
		if (strcmp(what, "exception") != 0 || exception == EXC_COUNT)
			goto nonsense;
		e->exceptions[exception] = true;
	}
	return true;
nonsense:
	fprintf(stderr, "%s: no such thing can be expected: %s", path, line);
	return false;
}

static bool
read_file(struct plan_files *pf, const char *path)
{
	struct plan_file *pl;
	FILE *in = fopen(path, "r");
	bool ok;

	if (in == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	pf->files = realloc(pf->files, (pf->count + 1) * sizeof(*pf->files));
	ASSERT(pf->files != NULL);
	pl = &pf->files[pf->count++];
	memset(pl, 0, sizeof(*pl));
	pl->path = strdup(path);
	ok = plan_read(&pl->plan, in, path);
	rewind(in);
	ok = ok && read_expectations(&pl->expect, in, path);
	fclose(in);
	return ok;
}

static int
is_plan(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".plan") == 0;
}

static bool
read_directory(struct plan_files *pf, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_plan, alphasort);
	bool ok = count > 0;

	if (!ok)
		fprintf(stderr, "%s: no plans there\n", path);
	for (int i = 0; i < count; i++) {
		char *file;

		ASSERT(asprintf(&file, "%s/%s", path, entries[i]->d_name) > 0);
		ok = ok && read_file(pf, file);
		free(file);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return ok;
}

bool
plan_files_read(struct plan_files *pf, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return read_directory(pf, path);
	return read_file(pf, path);
}

void
plan_files_free(struct plan_files *pf)
{
	for (size_t i = 0; i < pf->count; i++)
		free(pf->files[i].path);
	free(pf->files);
	*pf = (struct plan_files){0};
}
