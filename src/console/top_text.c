/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_text.c: numbers for people.
 */
#include <stdio.h>
#include <string.h>

#include "top.h"

enum { DIGITS_MAX = 20 };

void
top_count(char *out, size_t len, uint64_t n)
{
	char digits[DIGITS_MAX + 1], text[2 * DIGITS_MAX];
	size_t have = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), to = 0;

	for (size_t i = 0; i < have; i++) {
		if (i > 0 && (have - i) % 3 == 0)
			text[to++] = ',';
		text[to++] = digits[i];
	}
	text[to] = '\0';
	snprintf(out, len, "%s", text);
}

void
top_rate(char *out, size_t len, double per_s)
{
	if (per_s < 0)
		snprintf(out, len, "%s", per_s <= TOP_NO_RATE ? "" : "-");
	else if (per_s > 0 && per_s < 9.95)
		snprintf(out, len, "%.1f", per_s < 0.1 ? 0.1 : per_s);
	else
		top_count(out, len, (uint64_t)(per_s + 0.5));
}

void
top_bytes(char *out, size_t len, double per_s)
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	if (per_s < 0) {
		snprintf(out, len, "%s", per_s <= TOP_NO_RATE ? "" : "-");
		return;
	}
	/* What would be rounded up to four digits belongs to the next unit. */
	for (; per_s >= 999.5 && unit + 2 < sizeof(units); unit++)
		per_s /= 1000;
	if (unit == 0)
		snprintf(out, len, "%.0f", per_s);
	else
		snprintf(out, len, "%.*f%c", per_s < 9.995 ? 2 : per_s < 99.95 ? 1 : 0, per_s, units[unit]);
}

void
top_duration(char *out, size_t len, int64_t ms)
{
	long long s = ms / 1000;

	if (ms < 0)
		snprintf(out, len, "-");
	else if (ms < 1000)
		snprintf(out, len, "%lld ms", (long long)ms);
	else if (s < 10 && ms % 1000 != 0)
		snprintf(out, len, "%lld.%lld s", s, (long long)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(out, len, "%lld s", s);
	else if (s < 3600)
		snprintf(out, len, "%lld:%02lld", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, len, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(out, len, "%lldd %02lldh", s / 86400, s / 3600 % 24);
}

int64_t
top_interval(const char *text)
{
	int64_t ms = 0, unit = 1000;
	bool point = false, digit = false;

	for (; *text != '\0'; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			return -1;
		digit = true;
		if (point) {
			unit /= 10;
			ms += (*text - '0') * unit;
		} else {
			ms = ms * 10 + (*text - '0') * 1000;
		}
		if (ms > TOP_INTERVAL_MS_MAX)
			return -1;
	}
	return digit && ms >= TOP_INTERVAL_MS_MIN ? ms : -1;
}
