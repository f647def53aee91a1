/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"
#include <stdlib.h>
#include <string.h>
#include <inttypes.h>
int main(int argc, char **argv)
{
	struct plan *p = malloc(sizeof(*p));
	uint64_t from = strtoull(argv[1], NULL, 0), to = strtoull(argv[2], NULL, 0);
	uint64_t exc[EXC_COUNT] = {0}, bad = 0;
	for (uint64_t seed = from; seed < to; seed++) {
		struct outcome out = {0};
		plan_draw(p, seed);
		if (argc > 3 && !strcmp(argv[3], "plan")) plan_print(p, stdout);
		sim_play(p, argc > 3 ? stdout : NULL, &out);
		for (int i = 0; i < EXC_COUNT; i++) exc[i] += out.exceptions[i] > 0;
		if (out.verdict.oracle) { bad++; printf("seed %" PRIu64 " %s: %s\n", seed, out.verdict.oracle->name, out.verdict.what);}
	}
	printf("%" PRIu64 " bad\n", bad);
	for (int i = 0; i < EXC_COUNT; i++) printf("%s %" PRIu64 "\n", exception_names[i], exc[i]);
	return 0;
}
