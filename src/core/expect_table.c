/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "expect_table.h"

#include <string.h>

static uint32_t
buckets_for(uint32_t limit)
{
	uint32_t n = 16;

	while (n < limit)
		n *= 2;
	return n;
}

static size_t
align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t
expects_size(uint32_t limit)
{
	if (limit == 0)
		return 0;
	return align64(((size_t)limit + 1) * sizeof(struct expect_entry)) +
	    align64(buckets_for(limit) * sizeof(uint32_t));
}

void
expects_init(struct expect_table *t, void *mem, uint32_t limit, const uint64_t secret[2])
{
	uint8_t *p = mem;

	memset(t, 0, sizeof(*t));
	if (limit == 0)
		return;
	t->entries = (struct expect_entry *)(void *)p;
	p += align64(((size_t)limit + 1) * sizeof(struct expect_entry));
	t->buckets = (uint32_t *)(void *)p;
	t->bucket_mask = buckets_for(limit) - 1;
	t->limit = limit;
	t->secret[0] = secret[0];
	t->secret[1] = secret[1];
}

static uint32_t *
bucket_of(const struct expect_table *t, const struct expect *e)
{
	return &t->buckets[flow_key_hash(&e->tuple, t->secret) & t->bucket_mask];
}

uint32_t
expects_find(const struct expect_table *t, const struct expect *e)
{
	uint32_t id = t->limit > 0 ? *bucket_of(t, e) : 0;

	while (id != 0 && !expect_is_same(&t->entries[id].e, e))
		id = t->entries[id].next;
	return id;
}

uint32_t
expects_insert(struct expect_table *t, const struct expect *e, ms_t now)
{
	struct expect_entry *x;
	uint32_t *bucket, id = t->free;

	if (id != 0) {
		t->free = t->entries[id].next;
	} else {
		if (t->high == t->limit)
			return 0;
		id = ++t->high;
	}
	x = &t->entries[id];
	memset(x, 0, sizeof(*x));
	x->e = *e;
	x->flags = EXPECT_USED;
	x->peer = 0xff;
	x->birth = ++t->births;
	x->created = now;
	x->told = now;
	x->deadline = MS_NEVER;
	bucket = bucket_of(t, e);
	x->next = *bucket;
	*bucket = id;
	t->count++;
	return id;
}

void
expects_remove(struct expect_table *t, uint32_t id)
{
	struct expect_entry *x = &t->entries[id];
	uint32_t *link = bucket_of(t, &x->e);

	while (*link != id)
		link = &t->entries[*link].next;
	*link = x->next;
	if (x->flags & EXPECT_DEAD)
		t->dead--;
	t->count--;
	x->flags = 0;
	x->next = t->free;
	t->free = id;
}

uint32_t
expects_next(const struct expect_table *t, uint32_t id)
{
	/* Most of the time there is none. */
	if (t->count == 0)
		return 0;
	for (id++; id <= t->high; id++) {
		if (t->entries[id].flags & EXPECT_USED)
			return id;
	}
	return 0;
}

void
expects_bury(struct expect_table *t, uint32_t id)
{
	if (t->entries[id].flags & EXPECT_DEAD)
		return;
	t->entries[id].flags |= EXPECT_DEAD;
	t->dead++;
}

void
expects_revive(struct expect_table *t, uint32_t id)
{
	if (!(t->entries[id].flags & EXPECT_DEAD))
		return;
	t->entries[id].flags &= (uint16_t)~EXPECT_DEAD;
	t->dead--;
}
