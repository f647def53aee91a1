/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_draw.c: the screen of `conntrackd top', as cells.
 *
 * Sections follow one another from the top; what does not fit below is left out, so what a person looks for first
 * comes first.  Peers and history give way to the rest.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "top.h"

enum { NUMBER_MAX = 32, TEXT_MAX = TOP_COLS_MAX + 1, PEER_COLS_LEAST = 15, PEER_COLS_MOST = 39 };

/* Where the next row goes. */
struct pen {
	const struct top *t;
	const struct top_view *v;
	struct top_page *p;
	int row;
	int rows; /* that sections have; the line about keys is below */
};

ATTR_PRINTF(5, 6)
static int
put(struct pen *pen, int row, int col, enum top_style style, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (int i = 0; i < n && text[i] != '\0' && col + i < pen->p->cols; i++) {
		if (row < 0 || row >= pen->p->rows || col + i < 0)
			continue;
		pen->p->cells[row][col + i] = (struct top_cell){text[i], (uint8_t)style};
	}
	return col + n;
}

/* The same with its end in front of column `end`. */
static void
put_right(struct pen *pen, int row, int end, enum top_style style, const char *text)
{
	put(pen, row, end - (int)strlen(text), style, "%s", text);
}

/* A row of blanks in a style. */
static void
fill(struct pen *pen, int row, enum top_style style)
{
	for (int col = 0; col < pen->p->cols && row >= 0 && row < pen->p->rows; col++)
		pen->p->cells[row][col] = (struct top_cell){' ', (uint8_t)style};
}

static int
left(const struct pen *pen)
{
	return pen->rows - pen->row;
}

/* The head of a section: a row in which the names of columns stand.  False if there is no room for it and one
 * more. */
static bool
section(struct pen *pen, const char *name)
{
	if (left(pen) < 2)
		return false;
	fill(pen, pen->row, TOP_HEAD);
	put(pen, pen->row++, 0, TOP_HEAD, "%s", name);
	return true;
}

static void
heads(struct pen *pen, const int *ends, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_right(pen, pen->row - 1, ends[i], TOP_HEAD, names[i]);
}

static enum top_style
quieter(const struct pen *pen, enum top_style style)
{
	return pen->v->stale_ms > 0 ? TOP_DIM : style;
}

/* ---- title, role ---- */

static void
draw_title(struct pen *pen)
{
	const struct top *t = pen->t;
	char up[NUMBER_MAX];
	int col;

	fill(pen, 0, TOP_HEAD);
	col = put(pen, 0, 0, TOP_HEAD, "conntrackd %s  %s", t->version, pen->v->host);
	top_duration(up, sizeof(up), t->uptime_s * 1000);
	if (t->known)
		col = put(pen, 0, col + 2, TOP_HEAD, "%s  up %s", t->mode, up);
	if (pen->v->paused)
		col = put(pen, 0, col + 2, TOP_WARN, " paused ");
	if (t->restarts > 0)
		put(pen, 0, col + 2, TOP_HEAD, "restarted");
	put_right(pen, 0, pen->p->cols, TOP_HEAD, pen->v->clock);
	pen->row = 1;
}

static void
draw_silence(struct pen *pen)
{
	char ago[NUMBER_MAX];

	if (pen->v->stale_ms <= 0)
		return;
	top_duration(ago, sizeof(ago), pen->v->stale_ms);
	if (!pen->t->known)
		put(pen, pen->row++, 0, TOP_BAD, "no answer yet%s%s", pen->v->why[0] != '\0' ? ": " : "",
		    pen->v->why);
	else
		put(pen, pen->row++, 0, TOP_BAD, "no answer since %s (%s)%s%s", pen->v->since, ago,
		    pen->v->why[0] != '\0' ? ": " : "", pen->v->why);
}

/* A sentence in as many rows as it takes, broken where there is a blank, from `col` on. */
static void
put_wrapped(struct pen *pen, int col, enum top_style style, const char *text)
{
	int width = pen->p->cols - col;

	while (text[0] != '\0' && left(pen) > 0 && width > 0) {
		int n = (int)strlen(text), end;

		if (n > width) {
			for (n = width; n > 0 && text[n] != ' '; n--)
				continue;
			n = n > 0 ? n : width;
		}
		put(pen, pen->row++, col, style, "%.*s", n, text);
		for (end = n; text[end] == ' '; end++)
			continue;
		text += end;
	}
}

static void
draw_role(struct pen *pen)
{
	const struct top *t = pen->t;
	char time[NUMBER_MAX];
	int col = 0;

	if (t->has_ready) {
		top_duration(time, sizeof(time), t->ready_until_s * 1000);
		col = put(pen, pen->row, col, quieter(pen, TOP_PLAIN), "ready to take over ");
		col = put(pen, pen->row, col, quieter(pen, t->ready ? TOP_GOOD : TOP_BAD), "%s",
		    t->ready ? "yes" : "NO");
		if (!t->ready && t->ready_until_s > 0)
			col = put(pen, pen->row, col, quieter(pen, TOP_DIM), ", in %s at the latest", time);
		col += 3;
	}
	if (t->role[0] != '\0') {
		col = put(pen, pen->row, col, quieter(pen, TOP_PLAIN), "role ");
		col = put(pen, pen->row, col, quieter(pen, TOP_BOLD), "%s", t->role);
		top_duration(time, sizeof(time), t->role_since_s * 1000);
		if (t->role_since_s >= 0)
			col = put(pen, pen->row, col, quieter(pen, TOP_DIM), " for %s", time);
		if (t->role_by[0] != '\0')
			put(pen, pen->row, col, quieter(pen, TOP_DIM), ", by %s", t->role_by);
	}
	pen->row += t->role[0] != '\0' || t->has_ready;
	for (size_t i = 0; i < t->reasons_count; i++) {
		if (!t->reasons[i].blocking && left(pen) > 0)
			put(pen, pen->row, 2, quieter(pen, TOP_DIM), "note:");
		put_wrapped(pen, t->reasons[i].blocking ? 2 : 8,
		    quieter(pen, t->reasons[i].blocking ? TOP_WARN : TOP_PLAIN), t->reasons[i].text);
	}
}

/* ---- bars ---- */

/* [||||      ] of `part` in `of`, from `col` up to `end`. */
static void
draw_bar(struct pen *pen, int row, int col, int end, uint64_t part, uint64_t of, enum top_style style)
{
	int width = end - col - 2, full = 0;

	if (width < 1)
		return;
	if (of > 0)
		full = part >= of ? width : (int)((double)part / (double)of * width);
	/* Little is more than nothing. */
	if (part > 0 && full == 0)
		full = 1;
	put(pen, row, col, TOP_DIM, "[");
	for (int i = 0; i < full; i++)
		put(pen, row, col + 1 + i, quieter(pen, style), "|");
	put(pen, row, end - 1, TOP_DIM, "]");
}

static double
percent(uint64_t part, uint64_t of)
{
	return of > 0 ? (double)part * 100 / (double)of : 0;
}

static void
draw_tables(struct pen *pen)
{
	static const int ends[] = {24, 37};
	static const char *const names[] = {"flows", "limit"};
	char number[NUMBER_MAX];

	if (pen->t->tables_count == 0 || !section(pen, "tables"))
		return;
	heads(pen, ends, names, ARRAY_LEN(ends));
	for (size_t i = 0; i < pen->t->tables_count && left(pen) > 0; i++) {
		const struct top_table *table = &pen->t->tables[i];
		double full = percent(table->flows, table->limit);
		enum top_style style = full >= 95 ? TOP_BAD : full >= 80 ? TOP_WARN : TOP_GOOD;
		int end = pen->p->cols - 9;

		put(pen, pen->row, 1, quieter(pen, TOP_PLAIN), "%s", table->name);
		top_count(number, sizeof(number), table->flows);
		put_right(pen, pen->row, ends[0], quieter(pen, TOP_BOLD), number);
		if (table->limit > 0) {
			top_count(number, sizeof(number), table->limit);
			put_right(pen, pen->row, ends[1], quieter(pen, TOP_PLAIN), number);
			draw_bar(pen, pen->row, ends[1] + 2, end, table->flows, table->limit, style);
			snprintf(number, sizeof(number), "%.1f %%", full);
			put_right(pen, pen->row, pen->p->cols, quieter(pen, style), number);
		}
		pen->row++;
	}
}

/* ---- rates, links ---- */

static void
draw_rate_row(struct pen *pen, const char *name, const int *ends, double events, double messages,
    double datagrams, double bytes)
{
	char number[NUMBER_MAX];

	if (left(pen) <= 0)
		return;
	put(pen, pen->row, 1, quieter(pen, TOP_PLAIN), "%s", name);
	top_rate(number, sizeof(number), events);
	put_right(pen, pen->row, ends[0], quieter(pen, TOP_BOLD), number);
	top_rate(number, sizeof(number), messages);
	put_right(pen, pen->row, ends[1], quieter(pen, TOP_BOLD), number);
	top_rate(number, sizeof(number), datagrams);
	put_right(pen, pen->row, ends[2], quieter(pen, TOP_BOLD), number);
	top_bytes(number, sizeof(number), bytes);
	put_right(pen, pen->row, ends[3], quieter(pen, TOP_BOLD), number);
	pen->row++;
}

/* What waits, at the end of the row above. */
static void
draw_queue(struct pen *pen, const char *name, uint64_t count)
{
	char number[NUMBER_MAX];

	if (count == 0)
		return;
	top_count(number, sizeof(number), count);
	put(pen, pen->row - 1, 66, quieter(pen, TOP_PLAIN), "%s %s", name, number);
}

static void
draw_rates(struct pen *pen)
{
	static const int ends[] = {24, 37, 51, 64};
	static const char *const names[] = {"events", "messages", "datagrams", "bytes"};
	const struct top_rates *r = &pen->t->rates;

	if (!pen->t->known || !section(pen, "per second"))
		return;
	heads(pen, ends, names, ARRAY_LEN(ends));
	draw_rate_row(pen, "from kernel", ends, r->events, TOP_NO_RATE, TOP_NO_RATE, TOP_NO_RATE);
	if (pen->t->links_count == 0)
		return;
	draw_queue(pen, "to send", pen->t->to_send);
	draw_rate_row(pen, "sent", ends, TOP_NO_RATE, r->sent_messages, r->sent_datagrams, r->sent_bytes);
	draw_queue(pen, "unacked", pen->t->unacknowledged);
	draw_rate_row(pen, "received", ends, TOP_NO_RATE, r->recv_messages, r->recv_datagrams, r->recv_bytes);
}

static void
draw_links(struct pen *pen)
{
	static const int ends[] = {37, 51, 64};
	static const char *const names[] = {"sent B/s", "received B/s", "errors"};
	char number[NUMBER_MAX];

	if (pen->t->links_count == 0 || !section(pen, "links"))
		return;
	heads(pen, ends, names, ARRAY_LEN(ends));
	for (size_t i = 0; i < pen->t->links_count && left(pen) > 0; i++) {
		const struct top_link *l = &pen->t->links[i];
		enum top_style style = strcmp(l->state, "up") == 0 ? TOP_GOOD : TOP_BAD;

		put(pen, pen->row, 1, quieter(pen, l->in_use ? TOP_BOLD : TOP_PLAIN), "%.14s", l->interface);
		put(pen, pen->row, 16, quieter(pen, style), "%.10s", l->state);
		top_bytes(number, sizeof(number), l->sent_per_s);
		put_right(pen, pen->row, ends[0], quieter(pen, TOP_BOLD), number);
		top_bytes(number, sizeof(number), l->recv_per_s);
		put_right(pen, pen->row, ends[1], quieter(pen, TOP_BOLD), number);
		top_count(number, sizeof(number), l->errors);
		put_right(pen, pen->row, ends[2], quieter(pen, l->errors > 0 ? TOP_WARN : TOP_PLAIN), number);
		if (l->in_use)
			put(pen, pen->row, ends[2] + 2, quieter(pen, TOP_DIM), "in use");
		pen->row++;
	}
}

/* ---- peers ---- */

static const struct {
	const char *name;
	enum top_style style;
} peer_states[] = {
    [TOP_PEER_IN_SYNC] = {"in sync", TOP_GOOD},
    [TOP_PEER_RESYNC] = {"resync", TOP_WARN},
    [TOP_PEER_DEAF] = {"deaf", TOP_BAD},
    [TOP_PEER_SILENT] = {"silent", TOP_BAD},
    [TOP_PEER_GONE] = {"gone", TOP_BAD},
};

static void
draw_peer(struct pen *pen, const struct top_peer *p, int width)
{
	char number[NUMBER_MAX];
	int col = width + 2;

	put(pen, pen->row, 1, quieter(pen, TOP_PLAIN), "%.*s", width, p->address);
	put(pen, pen->row, col, quieter(pen, TOP_PLAIN), "%.7s", p->link);
	put(pen, pen->row, col + 8, quieter(pen, peer_states[p->state].style), "%s",
	    peer_states[p->state].name);
	top_count(number, sizeof(number), p->flows);
	put_right(pen, pen->row, col + 26, quieter(pen, TOP_BOLD), number);
	top_duration(number, sizeof(number), p->lag_ms);
	put_right(pen, pen->row, col + 36, quieter(pen, p->lag_ms >= 1000 ? TOP_WARN : TOP_BOLD), number);
	top_duration(number, sizeof(number), p->heard_ms_ago);
	put_right(pen, pen->row, col + 46, quieter(pen, TOP_PLAIN), number);
	pen->row++;
}

/* As many as there is room for, from first_peer on, so that all of them can be had. */
static void
draw_peers(struct pen *pen, int room)
{
	static const char *const names[] = {"flows", "lag", "heard"};
	const struct top *t = pen->t;
	int width = PEER_COLS_LEAST, count = (int)t->peers_count, first, shown;

	for (size_t i = 0; i < t->peers_count; i++) {
		int len = (int)strlen(t->peers[i].address);

		width = len > width ? len : width;
	}
	width = width > PEER_COLS_MOST ? PEER_COLS_MOST : width;
	if (!t->known || t->links_count == 0 || !section(pen, "peers"))
		return;
	room = room > left(pen) ? left(pen) : room;
	shown = count < room ? count : room;
	first = (int)pen->v->first_peer > count - shown ? count - shown : (int)pen->v->first_peer;
	heads(pen, (const int[]){width + 28, width + 38, width + 48}, names, ARRAY_LEN(names));
	put(pen, pen->row - 1, width + 10, TOP_HEAD, "state");
	if (shown < count)
		put(pen, pen->row - 1, 6, TOP_HEAD, "%d-%d of %d", first + 1, first + shown, count);
	if (count == 0)
		put(pen, pen->row++, 1, quieter(pen, TOP_WARN), "none has been heard");
	for (int i = 0; i < shown; i++)
		draw_peer(pen, &t->peers[first + i], width);
}

/* ---- what is under way, what went wrong ---- */

static void
draw_work(struct pen *pen, const char *name, const struct top_work *w)
{
	char done[NUMBER_MAX], of[NUMBER_MAX], rate[NUMBER_MAX], eta[NUMBER_MAX];
	int end = pen->p->cols - 44;

	if (!w->running || left(pen) <= 0)
		return;
	top_count(done, sizeof(done), w->done);
	top_count(of, sizeof(of), w->of);
	top_rate(rate, sizeof(rate), w->per_s);
	top_duration(eta, sizeof(eta), w->eta_ms);
	put(pen, pen->row, 0, quieter(pen, TOP_BOLD), "%s", name);
	draw_bar(pen, pen->row, 8, end, w->done, w->of, TOP_GOOD);
	put(pen, pen->row++, end + 1, quieter(pen, TOP_PLAIN), "%s of %s, %s/s, ETA %s", done, of, rate, eta);
}

static void
draw_reading(struct pen *pen)
{
	if (!pen->t->reading || left(pen) <= 0)
		return;
	put(pen, pen->row++, 0, quieter(pen, TOP_BOLD), "the kernel's table is being read");
}

static void
draw_losses(struct pen *pen)
{
	int col;

	if (!pen->t->known || left(pen) <= 0)
		return;
	col = put(pen, pen->row, 0, quieter(pen, TOP_BOLD), "losses");
	if (pen->t->losses_count == 0)
		put(pen, pen->row, col + 2, quieter(pen, TOP_GOOD), "none");
	for (size_t i = 0; i < pen->t->losses_count; i++) {
		const struct top_loss *l = &pen->t->losses[i];
		char text[TEXT_MAX], count[NUMBER_MAX], more[NUMBER_MAX] = "";

		top_count(count, sizeof(count), l->count);
		if (l->more > 0)
			snprintf(more, sizeof(more), " (+%llu)", (unsigned long long)l->more);
		snprintf(text, sizeof(text), "  %s %s%s", l->name, count, more);
		if (col + (int)strlen(text) > pen->p->cols) {
			if (left(pen) <= 1)
				break;
			pen->row++;
			col = 6;
		}
		col = put(pen, pen->row, col, quieter(pen, l->more > 0 ? TOP_BAD : TOP_WARN), "%s", text);
	}
	pen->row++;
}

/* The local time of an entry; of another day that day, too. */
static void
event_time(char *out, size_t len, const struct top_view *v, int64_t time_ms)
{
	time_t then_s = (time_t)(time_ms / 1000 + v->utc_offset_s), now_s = (time_t)(v->time_s + v->utc_offset_s);
	struct tm then, now;

	out[0] = '\0';
	if (gmtime_r(&then_s, &then) == NULL || gmtime_r(&now_s, &now) == NULL)
		return;
	strftime(out, len, then.tm_yday == now.tm_yday && then.tm_year == now.tm_year ? "%H:%M:%S" : "%m-%d %H:%M",
	    &then);
}

/* The last entries, as many as there is room for. */
static void
draw_history(struct pen *pen)
{
	size_t count = pen->t->history_count, room;

	if (count == 0 || !section(pen, "history"))
		return;
	room = (size_t)left(pen);
	for (size_t i = count > room ? count - room : 0; i < count; i++) {
		const struct top_event *e = &pen->t->history[i];
		char when[NUMBER_MAX];
		int col;

		event_time(when, sizeof(when), pen->v, e->time_ms);
		put(pen, pen->row, 1, quieter(pen, TOP_DIM), "%s", when);
		put(pen, pen->row, 13, quieter(pen, TOP_PLAIN), "%.18s", e->name);
		col = put(pen, pen->row, 32, quieter(pen, TOP_PLAIN), "%s", e->text);
		if (e->times > 1)
			put(pen, pen->row, col, quieter(pen, TOP_DIM), " (%llu times)",
			    (unsigned long long)e->times);
		pen->row++;
	}
}

/* ---- the whole ---- */

static void
draw_help(struct pen *pen)
{
	static const char *const lines[] = {
	    "q, Esc       quit",
	    "p, space     stop asking the daemon, and go on",
	    "up, down     other peers, where not all of them fit",
	    "h, ?         this page, and back",
	    "",
	    "per second   what the daemon counted since the screen before, as rates",
	    "from kernel  events of the connection tracking: flows that begin, change, end",
	    "peers        resync: it has been asked for all it has, and is not done;",
	    "             deaf: nothing of ours seems to arrive there; silent: not heard lately",
	    "lag          age of the oldest change that this peer has not acknowledged",
	    "heard        since its last message",
	    "losses       since the daemon started; in brackets: just now",
	    "",
	    "conntrackd(8), STATUS DOCUMENT, says what the daemon tells",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines) && left(pen) > 0; i++)
		put(pen, pen->row++, 1, TOP_PLAIN, "%s", lines[i]);
}

static void
draw_keys(struct pen *pen)
{
	int row = pen->p->rows - 1;

	if (!pen->v->live)
		return;
	fill(pen, row, TOP_HEAD);
	put(pen, row, 0, TOP_HEAD, "q quit  p %s  h help  up/down peers", pen->v->paused ? "go on" : "pause");
}

/* What is to stand below the peers, apart from history, which takes what is left. */
static int
rows_below_peers(const struct top *t)
{
	return 1 + t->commit.running + t->bulk.running + t->reading;
}

static void
draw_body(struct pen *pen)
{
	draw_role(pen);
	draw_tables(pen);
	draw_rates(pen);
	draw_links(pen);
	draw_peers(pen, left(pen) - 1 - rows_below_peers(pen->t));
	draw_work(pen, "commit", &pen->t->commit);
	draw_work(pen, "bulk", &pen->t->bulk);
	draw_reading(pen);
	draw_losses(pen);
	draw_history(pen);
}

int
top_draw(const struct top *t, const struct top_view *v, struct top_page *p)
{
	struct pen pen = {.t = t, .v = v, .p = p};

	p->rows = v->rows < 1 ? 1 : v->rows > TOP_ROWS_MAX ? TOP_ROWS_MAX : v->rows;
	p->cols = v->cols < 1 ? 1 : v->cols > TOP_COLS_MAX ? TOP_COLS_MAX : v->cols;
	for (int row = 0; row < p->rows; row++)
		fill(&pen, row, TOP_PLAIN);
	pen.rows = p->rows - v->live;
	draw_title(&pen);
	draw_silence(&pen);
	if (v->help)
		draw_help(&pen);
	else
		draw_body(&pen);
	draw_keys(&pen);
	return v->live ? p->rows : pen.row > p->rows ? p->rows : pen.row;
}

void
top_row_text(const struct top_page *p, int row, char out[TOP_COLS_MAX + 1])
{
	int len = row >= 0 && row < p->rows ? p->cols : 0;

	while (len > 0 && p->cells[row][len - 1].c == ' ')
		len--;
	for (int i = 0; i < len; i++)
		out[i] = p->cells[row][i].c;
	out[len] = '\0';
}
