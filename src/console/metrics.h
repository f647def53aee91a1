/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.h: the daemon's status document as metrics, for a time series database.
 */
#ifndef CONSOLE_METRICS_H
#define CONSOLE_METRICS_H

#include <stdio.h>

#include <jansson.h>

enum metrics_format {
	METRICS_OPENMETRICS, /* OpenMetrics 1.0 */
	METRICS_PROMETHEUS,  /* Prometheus' own text format 0.0.4, all that some readers know */
};

/* The media type of a format, as in HTTP's Content-Type. */
const char *metrics_media_type(enum metrics_format format);

/*
 * Writes all families, doc/METRICS.md describes them.  doc: what `conntrackd status --json' says; NULL if the
 * daemon does not answer, which is a metric, too.  What is not in the document is left out: it may be that of
 * another version.  Errors of writing are those of `out'.
 */
void metrics_write(FILE *out, const json_t *doc, enum metrics_format format);

#endif
