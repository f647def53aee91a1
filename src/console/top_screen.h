/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_screen.h: a page of cells on the terminal; keys from it.
 */
#ifndef CONSOLE_TOP_SCREEN_H
#define CONSOLE_TOP_SCREEN_H

#include "top.h"

enum top_key {
	TOP_KEY_NONE,
	TOP_KEY_OTHER,
	TOP_KEY_QUIT,
	TOP_KEY_PAUSE,
	TOP_KEY_HELP,
	TOP_KEY_UP,
	TOP_KEY_DOWN,
	TOP_KEY_RESIZE,
};

/* Takes over the terminal that is on the standard descriptors; false if its kind (TERM) is not known. */
bool top_screen_open(void);
/* Leaves it as it was. */
void top_screen_close(void);

void top_screen_size(int *rows, int *cols);
void top_screen_show(const struct top_page *p);

/* The next key that has been pressed; TOP_KEY_NONE if there is none. */
enum top_key top_screen_key(void);

#endif
