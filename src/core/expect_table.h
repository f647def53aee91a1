/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect_table.h: a slab of expectations with an open hash over it.  There are few of them, so nothing
 * but the hash keeps order: who looks for one kind walks all.
 */
#ifndef CORE_EXPECT_TABLE_H
#define CORE_EXPECT_TABLE_H

#include "expect.h"

enum expect_flag {
	EXPECT_USED = 1 << 0,
	EXPECT_DEAD = 1 << 1,      /* gone, kept until everybody knows */
	EXPECT_PENDING = 1 << 2,   /* local: to be sent */
	EXPECT_UNACKED = 1 << 3,   /* local: sent and not acknowledged */
	EXPECT_ANNOUNCED = 1 << 4, /* local: peers have, or may have, heard of it */
	EXPECT_COPY = 1 << 5,      /* local: we wrote it for a peer */
	EXPECT_WANTED = 1 << 6,    /* remote: to be written to the kernel, or, dead, deleted there */
	EXPECT_WRITTEN = 1 << 7,   /* remote: we wrote it */
	EXPECT_COUNTED = 1 << 8,   /* remote: belongs to the running commit */
	EXPECT_OUT = 1 << 9,       /* remote: a request is under way */
	EXPECT_WAITS = 1 << 10,    /* local: for the birth of its master to be told */
};

struct expect_entry {
	uint32_t next;   /* of the hash chain or the free list */
	uint32_t birth;  /* tells two apart that used the same entry */
	uint32_t seq;    /* number it was last sent, or told, with */
	uint16_t gen;    /* generation that last named it */
	uint16_t flags;  /* enum expect_flag */
	uint8_t peer;    /* remote: index of the owner */
	uint8_t acked;   /* bit set of peers that acknowledged seq */
	uint8_t resends; /* ALARM: deletes still to be sent */
	uint8_t tries;   /* writes that failed for want of the master */
	ms_t created;
	ms_t told;       /* when its timeout was */
	ms_t deadline;   /* local: sent again; remote: forgotten; MS_NEVER: never */
	ms_t retry;      /* remote: after a write that failed */
	struct expect e;
};

struct expect_table {
	struct expect_entry *entries; /* [limit + 1], entry 0 unused */
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t limit;
	uint32_t high;  /* highest index ever used */
	uint32_t free;
	uint32_t count; /* used entries, dead ones too */
	uint32_t dead;
	uint32_t births;
	uint64_t secret[2];
};

/* Bytes of zeroed memory for a table of `limit` expectations; 0 for none. */
size_t expects_size(uint32_t limit);
void expects_init(struct expect_table *t, void *mem, uint32_t limit, const uint64_t secret[2]);

static inline struct expect_entry *
expects_entry(const struct expect_table *t, uint32_t id)
{
	return &t->entries[id];
}

/* Index of this expectation (a dead one too), or 0. */
uint32_t expects_find(const struct expect_table *t, const struct expect *e);

/* Enters one that is not in the table; 0 if the table is full. */
uint32_t expects_insert(struct expect_table *t, const struct expect *e, ms_t now);
void expects_remove(struct expect_table *t, uint32_t id);

/* The first used entry after `id` (start with 0), or 0. */
uint32_t expects_next(const struct expect_table *t, uint32_t id);

void expects_bury(struct expect_table *t, uint32_t id);
void expects_revive(struct expect_table *t, uint32_t id);

#endif
