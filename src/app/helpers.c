/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helpers.c: the user-space helpers that the configuration asks for, and that nobody runs.
 */
#include "state.h"
#include "render.h"

static const char *
family(const struct config_helper *h)
{
	return h->l3 == L3_IPV6 ? "inet6" : "inet";
}

static const char *
protocol(const struct config_helper *h)
{
	return h->l4 == L4_TCP ? "tcp" : "udp";
}

void
helpers_warn(struct daemon *d)
{
	for (size_t i = 0; i < d->cfg->helpers_count; i++) {
		const struct config_helper *h = &d->cfg->helpers[i];
		const char *module = config_helper_module(h->name);

		log_write(d->log, LOG_LV_WARNING,
		    "Helper: user-space helper `%s' (%s, %s) is not provided: %s%s does its work",
		    h->name, family(h), protocol(h),
		    module != NULL ? "kernel module " : "no kernel module",
		    module != NULL ? module : "");
	}
}

void
helpers_show(const struct daemon *d, struct ctl_client *c)
{
	char buf[CTL_CHUNK_MAX];
	struct text t;

	if (d->cfg->helpers_count == 0)
		return;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "user-space helpers not provided:\n");
	for (size_t i = 0; i < d->cfg->helpers_count; i++) {
		const struct config_helper *h = &d->cfg->helpers[i];
		const char *module = config_helper_module(h->name);

		text_add(&t, "\t%s %s %s:\t%s\n", h->name, family(h), protocol(h),
		    module != NULL ? module : "no kernel module");
	}
	text_add(&t, "\n");
	ctl_out(c, buf, t.len);
}
