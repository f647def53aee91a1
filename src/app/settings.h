/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h: what differs between two configurations, by the names that the file has for it, and what
 * of it a daemon can take over while it runs.
 */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include "config.h"

/* Does a change of this field of struct config, at this offset, come to notice?  For tests. */
bool settings_cover(size_t offset);

/* Did the filter change, or who carries it out? */
bool settings_filter_changed(const struct config *was, const struct config *is);

/*
 * Names of the settings that differ, "A, B, C", into out[0..cap): with `live` those that can change in a
 * daemon that runs, without it those that need a restart.  Returns how many there are.
 */
size_t settings_changed(const struct config *was, const struct config *is, bool live, char *out,
    size_t cap);

/* What needs a restart stays as it was. */
void settings_keep(struct config *cfg, const struct config *was);

#endif
