/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_screen.c: ncurses, and nothing else.
 */
#include "top_screen.h"

#include <curses.h>
#include <stdlib.h>

enum { KEY_ESCAPE = 27, ESCAPE_MS = 25, COLORS_LEAST = 8 };

static attr_t styles[TOP_STYLES]; /* by what the terminal has */

/* https://no-color.org: set, and not empty. */
static bool
wants_colors(void)
{
	const char *no = getenv("NO_COLOR");

	return no == NULL || no[0] == '\0';
}

static void
choose_styles(void)
{
	static const struct {
		enum top_style style;
		short color;
		attr_t without;
	} colored[] = {
	    {TOP_GOOD, COLOR_GREEN, A_NORMAL},
	    {TOP_WARN, COLOR_YELLOW, A_BOLD},
	    {TOP_BAD, COLOR_RED, A_BOLD | A_REVERSE},
	};
	bool colors = wants_colors() && has_colors() && start_color() == OK && COLORS >= COLORS_LEAST &&
	    use_default_colors() == OK;

	styles[TOP_PLAIN] = A_NORMAL;
	styles[TOP_BOLD] = A_BOLD;
	styles[TOP_DIM] = A_DIM;
	styles[TOP_HEAD] = A_REVERSE;
	for (size_t i = 0; i < ARRAY_LEN(colored); i++) {
		short pair = (short)(i + 1);

		styles[colored[i].style] = colored[i].without;
		if (colors && init_pair(pair, colored[i].color, -1) == OK)
			styles[colored[i].style] = COLOR_PAIR(pair) | A_BOLD;
	}
}

bool
top_screen_open(void)
{
	if (newterm(NULL, stdout, stdin) == NULL)
		return false;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	choose_styles();
	return true;
}

void
top_screen_close(void)
{
	endwin();
}

void
top_screen_size(int *rows, int *cols)
{
	getmaxyx(stdscr, *rows, *cols);
}

void
top_screen_show(const struct top_page *p)
{
	erase();
	for (int row = 0; row < p->rows; row++) {
		for (int col = 0; col < p->cols; col++) {
			const struct top_cell *c = &p->cells[row][col];

			mvaddch(row, col, (chtype)(unsigned char)c->c | styles[c->style]);
		}
	}
	refresh();
}

enum top_key
top_screen_key(void)
{
	switch (getch()) {
	case ERR:
		return TOP_KEY_NONE;
	case 'q':
	case 'Q':
	case KEY_ESCAPE:
		return TOP_KEY_QUIT;
	case 'p':
	case ' ':
		return TOP_KEY_PAUSE;
	case 'h':
	case '?':
		return TOP_KEY_HELP;
	case KEY_UP:
	case 'k':
		return TOP_KEY_UP;
	case KEY_DOWN:
	case 'j':
		return TOP_KEY_DOWN;
	case KEY_RESIZE:
		return TOP_KEY_RESIZE;
	default:
		return TOP_KEY_OTHER;
	}
}
