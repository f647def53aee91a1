/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.c: the ring of the flight recorder.  Pure.
 */
#include "history.h"

#include <string.h>

/* So far back another of the same is looked for. */
enum { REPEAT_DEPTH = 16 };

static const struct {
	const char *name;
	bool repeats;
} codes[] = {
#define X(code, name, repeats) [HISTORY_##code] = {name, repeats},
    HISTORY_CODES(X)
#undef X
};

const char *
history_name(enum history_code code)
{
	return (unsigned int)code < ARRAY_LEN(codes) ? codes[code].name : "unknown";
}

uint64_t
history_first(const struct history *h)
{
	return h->count > HISTORY_MAX ? h->count - HISTORY_MAX : 0;
}

const struct history_entry *
history_at(const struct history *h, uint64_t number)
{
	ASSERT(number < h->count && number >= history_first(h));
	return &h->entries[number % HISTORY_MAX];
}

/* One that others cause, and that is there already; NULL if it is not. */
static struct history_entry *
find_same(struct history *h, enum history_code code, const struct peer_addr *peer, ms_t now)
{
	uint64_t first = history_first(h), i = h->count;

	if (!codes[code].repeats)
		return NULL;
	while (i > first && h->count - i < REPEAT_DEPTH) {
		struct history_entry *e = &h->entries[--i % HISTORY_MAX];

		if (e->code == code && e->has_peer == (peer != NULL) &&
		    (peer == NULL || (e->peer.l3 == peer->l3 &&
					 memcmp(&e->peer.addr, &peer->addr, sizeof(e->peer.addr)) == 0)) &&
		    ms_since(now, e->at) < HISTORY_REPEAT_MS)
			return e;
	}
	return NULL;
}

static void
set_facts(struct history_entry *e, const struct history_facts *facts)
{
	e->has_peer = facts->peer != NULL;
	if (e->has_peer)
		e->peer = *facts->peer;
	e->facts = *facts;
	e->facts.peer = NULL;
}

struct history_entry *
history_put(struct history *h, enum history_code code, const struct history_facts *facts,
    const char *text, int64_t wall_ms, ms_t now)
{
	struct history_entry *e = find_same(h, code, facts->peer, now);
	size_t len = strnlen(text, HISTORY_TEXT_MAX - 1);

	if (e == NULL) {
		e = &h->entries[h->count++ % HISTORY_MAX];
		*e = (struct history_entry){.wall_ms = wall_ms, .at = now, .code = (uint8_t)code};
	}
	/* What was said and counted last; when it began. */
	set_facts(e, facts);
	e->last = now;
	e->times++;
	memcpy(e->text, text, len);
	e->text[len] = '\0';
	h->touched = e;
	return e;
}
