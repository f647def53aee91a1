/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "metrics_text.h"

#include <string.h>

const char *
metrics_media_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					     : "text/plain; version=0.0.4; charset=utf-8";
}

/* What may not stand in a help text, and in the value of a label. */
static void
write_escaped(FILE *out, const char *s, bool quotes)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\' || (*s == '"' && quotes))
			fprintf(out, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", out);
		else
			putc(*s, out);
	}
}

static const char *
type_name(const struct metrics_text *m)
{
	bool open = m->format == METRICS_OPENMETRICS;

	switch (m->type) {
	case METRICS_COUNTER:
		return "counter";
	case METRICS_INFO:
		return open ? "info" : "gauge";
	case METRICS_STATESET:
		return open ? "stateset" : "gauge";
	case METRICS_GAUGE:
		break;
	}
	return "gauge";
}

/* What the name of a sample has behind that of its family. */
static const char *
suffix(const struct metrics_text *m)
{
	return m->type == METRICS_COUNTER ? "_total" : m->type == METRICS_INFO ? "_info" : "";
}

void
metrics_family(struct metrics_text *m, enum metrics_type type, const char *name, const char *unit,
    const char *help)
{
	bool open = m->format == METRICS_OPENMETRICS;

	m->type = type;
	snprintf(m->name, sizeof(m->name), "%s", name);
	/* Prometheus' own format knows samples, and no families behind them. */
	fprintf(m->out, "# TYPE %s%s %s\n", name, open ? "" : suffix(m), type_name(m));
	if (open && unit != NULL)
		fprintf(m->out, "# UNIT %s %s\n", name, unit);
	fprintf(m->out, "# HELP %s%s ", name, open ? "" : suffix(m));
	write_escaped(m->out, help, open);
	putc('\n', m->out);
}

static void
write_head(struct metrics_text *m, const struct metrics_labels *labels)
{
	const char *before = "{";

	fprintf(m->out, "%s%s", m->name, suffix(m));
	for (size_t i = 0; labels != NULL && i + 1 < ARRAY_LEN(labels->words) && labels->words[i] != NULL;
	     i += 2) {
		fprintf(m->out, "%s%s=\"", before, labels->words[i]);
		write_escaped(m->out, labels->words[i + 1] != NULL ? labels->words[i + 1] : "", true);
		putc('"', m->out);
		before = ",";
	}
	fputs(*before == ',' ? "} " : " ", m->out);
}

void
metrics_value(struct metrics_text *m, const struct metrics_labels *labels, long long value)
{
	write_head(m, labels);
	fprintf(m->out, "%lld\n", value);
}

void
metrics_milli(struct metrics_text *m, const struct metrics_labels *labels, long long milli)
{
	unsigned long long all = milli < 0 ? 0 - (unsigned long long)milli : (unsigned long long)milli;

	write_head(m, labels);
	fprintf(m->out, "%s%llu.%03llu\n", milli < 0 ? "-" : "", all / 1000, all % 1000);
}

void
metrics_end(struct metrics_text *m)
{
	if (m->format == METRICS_OPENMETRICS)
		fputs("# EOF\n", m->out);
}
