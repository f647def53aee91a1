/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_expect.c: the expectations of the model kernel.
 */
#include <errno.h>
#include <string.h>

#include "sim_kernel.h"

struct sim_expect *
sim_kernel_find_expect(struct sim_kernel *k, const struct expect *e)
{
	for (size_t i = 0; i < SIM_EXPECTS_MAX && k->expects_count > 0; i++) {
		struct sim_expect *x = &k->expects[i];

		if (x->used && memcmp(&x->e.tuple, &e->tuple, sizeof(e->tuple)) == 0)
			return x;
	}
	return NULL;
}

static void
tell(struct sim_kernel *k, enum kernel_event_type type, bool own, const struct expect *e)
{
	struct kernel_event ev = {.type = type, .own = own, .expect = *e};

	sim_kernel_raise(k, &ev);
}

static bool
enter(struct sim_kernel *k, const struct expect *e, bool own)
{
	for (size_t i = 0; i < SIM_EXPECTS_MAX; i++) {
		if (k->expects[i].used)
			continue;
		k->expects[i] = (struct sim_expect){.used = true, .alive = !own, .e = *e};
		k->expects_count++;
		tell(k, KEV_EXPECT_NEW, own, e);
		return true;
	}
	return false;
}

static void
leave(struct sim_kernel *k, struct sim_expect *x, bool own)
{
	x->used = false;
	k->expects_count--;
	tell(k, KEV_EXPECT_DESTROY, own, &x->e);
}

bool
sim_kernel_expect(struct sim_kernel *k, const struct expect *e)
{
	struct sim_expect *x = sim_kernel_find_expect(k, e);

	if (x == NULL)
		return enter(k, e, false);
	x->e.timeout_s = e->timeout_s;
	x->alive = true;
	tell(k, KEV_EXPECT_NEW, false, &x->e);
	return true;
}

void
sim_kernel_expected(struct sim_kernel *k, const struct flow *f)
{
	for (size_t i = 0; i < SIM_EXPECTS_MAX && k->expects_count > 0; i++) {
		struct sim_expect *x = &k->expects[i];

		/* The source port is open. */
		if (x->used && memcmp(&x->e.tuple.src, &f->key.src, sizeof(f->key.src)) == 0 &&
		    memcmp(&x->e.tuple.dst, &f->key.dst, sizeof(f->key.dst)) == 0 &&
		    x->e.tuple.dport == f->key.dport && x->e.tuple.l4 == f->key.l4 &&
		    x->e.tuple.zone == f->key.zone) {
			leave(k, x, false);
			return;
		}
	}
}

void
sim_expects_leave(struct sim_kernel *k, const struct flow *master)
{
	for (size_t i = 0; i < SIM_EXPECTS_MAX && k->expects_count > 0; i++) {
		if (k->expects[i].used &&
		    memcmp(&k->expects[i].e.master, &master->key, sizeof(master->key)) == 0)
			leave(k, &k->expects[i], false);
	}
}

void
sim_expects_age(struct sim_kernel *k)
{
	for (size_t i = 0; i < SIM_EXPECTS_MAX && k->expects_count > 0; i++) {
		struct sim_expect *x = &k->expects[i];

		if (x->used && x->e.timeout_s > 1)
			x->e.timeout_s--;
		else if (x->used && k->expires)
			leave(k, x, false);
	}
}

int
sim_expects_request(struct sim_kernel *k, const struct kernel_op *op)
{
	struct sim_expect *x = sim_kernel_find_expect(k, &op->expect);

	if (op->type == KOP_EXPECT_DELETE) {
		if (x == NULL)
			return ENOENT;
		leave(k, x, true);
		return 0;
	}
	if (sim_kernel_find(k, &op->expect.master) == NULL)
		return ENOENT;
	/* Of another master it would be in the way. */
	if (x != NULL)
		return memcmp(&x->e.master, &op->expect.master, sizeof(x->e.master)) == 0 ? EEXIST
											   : EBUSY;
	return enter(k, &op->expect, true) ? 0 : ENOSPC;
}
