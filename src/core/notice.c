/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notice.c: what a node has to say, until somebody fetches it.
 */
#include <string.h>

#include "engine.h"

static struct notice *
notice_at(struct node *n, uint32_t i)
{
	return &n->notices[(n->notices_head + i) % NOTICES_MAX];
}

/* Does somebody act on this notice, or wait for it, so that without it things would stand still? */
static bool
is_awaited(enum notice_type type)
{
	return type == NOTE_COMMIT_DONE || type == NOTE_REHEARSED || type == NOTE_KERNEL_READ_NEEDED ||
	    type == NOTE_KERNEL_READ_DONE || type == NOTE_KERNEL_FLUSH_DONE;
}

/*
 * Makes room in the full ring for a notice of this type.  The oldest goes that is only for the log;
 * should all be awaited, the oldest of the same type says nothing that the new one does not.
 */
static void
notice_drop(struct node *n, enum notice_type type)
{
	uint32_t same = 0, at = 0;

	while (same < NOTICES_MAX - 1 && notice_at(n, same)->type != type)
		same++;
	while (at < NOTICES_MAX && is_awaited(notice_at(n, at)->type))
		at++;
	if (at == NOTICES_MAX)
		at = same;
	for (; at > 0; at--)
		*notice_at(n, at) = *notice_at(n, at - 1);
	n->notices_head = (n->notices_head + 1) % NOTICES_MAX;
	n->notices_count--;
	n->stats.notices_lost++;
}

struct notice *
node_notice(struct node *n, enum notice_type type)
{
	struct notice *note;

	if (n->notices_count == NOTICES_MAX)
		notice_drop(n, type);
	note = notice_at(n, n->notices_count++);
	memset(note, 0, sizeof(*note));
	note->type = type;
	return note;
}

bool
node_pull_notice(struct node *n, struct notice *out)
{
	if (n->notices_count == 0)
		return false;
	*out = n->notices[n->notices_head];
	n->notices_head = (n->notices_head + 1) % NOTICES_MAX;
	n->notices_count--;
	return true;
}
