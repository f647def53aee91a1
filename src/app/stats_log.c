/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats_log.c: a line for each flow that has ended (Stats LogFile, Stats Syslog).
 */
#include <errno.h>
#include <string.h>

#include "state.h"
#include "render.h"

static struct log_cfg
wanted(const struct config *cfg)
{
	return (struct log_cfg){
	    .path = cfg->stats_has_log ? cfg->stats_log : NULL,
	    .syslog_facility = cfg->stats_facility,
	};
}

int
stats_log_open(struct daemon *d, const struct config *cfg)
{
	struct log_cfg lc = wanted(cfg);
	int r;

	if (!cfg->has_stats)
		return 0;
	if (d->stats_log == NULL) {
		d->stats_log = log_open_terminal();
		if (d->stats_log == NULL)
			return -ENOMEM;
		log_detach(d->stats_log);
	}
	r = log_open(d->stats_log, &lc);
	if (r < 0)
		log_write(d->log, LOG_LV_ERROR, "can't open logfile `%s'. Reason: %s",
		    cfg->stats_log, strerror(-r));
	return r;
}

static void
record(struct daemon *d, const struct flow *f, const struct kernel_usage *usage)
{
	char line[RENDER_FLOW_MAX];
	uint64_t lost;
	struct text t;
	int why;

	text_init(&t, line, sizeof(line));
	render_flow_ended(&t, f, usage);
	log_record(d->stats_log, line);
	lost = log_lost(d->stats_log, &why);
	if (lost > 0)
		log_write(d->log, LOG_LV_WARNING, "logfile `%s' did not take %llu lines: %s",
		    d->cfg->stats_log, (unsigned long long)lost, strerror(why));
}

void
stats_log_event(struct daemon *d, const struct kernel_event *ev)
{
	struct flow_view known;
	struct flow f;

	if (d->stats_log == NULL || ev->type != KEV_DESTROY)
		return;
	f = ev->flow;
	/* The end says less of a flow than its life did. */
	if (node_find_flow(d->node, TABLE_LOCAL, &f.key, &known, loop_now()) &&
	    !flow_is_another(&known.flow, &f)) {
		f = known.flow;
		flow_merge(&f, &ev->flow);
	} else if (!filter_passes(&d->cfg->node.filter, &f)) {
		return;
	}
	record(d, &f, &ev->usage);
}

void
stats_log_vanished(struct daemon *d, const struct kernel_op *op, const struct kernel_result *res,
    ms_t now)
{
	struct flow_view known, left;
	bool was = d->stats_log != NULL && op->type == KOP_GET && res->error != 0 &&
	    node_find_flow(d->node, TABLE_LOCAL, &op->flow.key, &known, now);

	node_kernel_result(d->node, res, now);
	if (was && !node_find_flow(d->node, TABLE_LOCAL, &op->flow.key, &left, now))
		record(d, &known.flow, NULL);
}
