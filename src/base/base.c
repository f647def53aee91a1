/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base.h"

#include <stdlib.h>

void
base_assert_failed(const char *cond, const char *file, int line)
{
	/* The three are on the stack of the core file; nothing is printed from here. */
	(void)cond;
	(void)file;
	(void)line;
	abort();
}
