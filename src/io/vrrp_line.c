/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vrrp_line.h"

#include <string.h>

static const char *const state_names[VRRP_STATES] = {
    [VRRP_UNKNOWN] = "UNKNOWN",
    [VRRP_MASTER] = "MASTER",
    [VRRP_BACKUP] = "BACKUP",
    [VRRP_FAULT] = "FAULT",
    [VRRP_STOP] = "STOP",
    [VRRP_DELETED] = "DELETED",
    [VRRP_MASTER_RX_LOWER_PRI] = "MASTER_RX_LOWER_PRI",
    [VRRP_MASTER_PRIORITY] = "MASTER_PRIORITY",
    [VRRP_BACKUP_PRIORITY] = "BACKUP_PRIORITY",
};

const char *
vrrp_state_name(enum vrrp_state state)
{
	return state_names[state];
}

/* Text that is left to read; all functions that take something say whether it was there. */
struct rest {
	const char *at, *end;
};

static bool
take(struct rest *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return false;
	r->at += len;
	return true;
}

/* A name goes to the last quotation mark: keepalived does not mark those within. */
static bool
take_name(struct rest *r, char out[VRRP_NAME_MAX])
{
	const char *quote = r->end;
	size_t len;

	if (!take(r, "\""))
		return false;
	while (quote > r->at && quote[-1] != '"')
		quote--;
	if (quote == r->at)
		return false;
	len = (size_t)(quote - 1 - r->at);
	if (len == 0 || len >= VRRP_NAME_MAX || memchr(r->at, '\0', len) != NULL)
		return false;
	memcpy(out, r->at, len);
	out[len] = '\0';
	r->at = quote;
	return true;
}

/* A state: upper case letters and underscores. */
static bool
take_state(struct rest *r, enum vrrp_state *out)
{
	const char *from = r->at;
	size_t len;

	while (r->at < r->end && ((*r->at >= 'A' && *r->at <= 'Z') || *r->at == '_'))
		r->at++;
	len = (size_t)(r->at - from);
	*out = VRRP_UNKNOWN;
	for (size_t i = VRRP_UNKNOWN + 1; i < VRRP_STATES; i++) {
		if (strlen(state_names[i]) == len && memcmp(state_names[i], from, len) == 0)
			*out = (enum vrrp_state)i;
	}
	return len > 0;
}

/* A priority of one octet, at the end of the line. */
static bool
take_priority(struct rest *r, unsigned int *out)
{
	const char *from = r->at;

	*out = 0;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && *out <= 255)
		*out = *out * 10 + (unsigned int)(*r->at++ - '0');
	return r->at > from && r->at == r->end && *out <= 255;
}

enum vrrp_verdict
vrrp_line_parse(struct vrrp_line *out, const char *text, size_t len)
{
	struct rest r = {text, text + len};

	*out = (struct vrrp_line){0};
	out->group = take(&r, "GROUP ");
	if (!out->group && !take(&r, "INSTANCE "))
		return take(&r, "VS ") || take(&r, "RS ") ? VRRP_LINE_OTHER : VRRP_LINE_BAD;
	if (!take_name(&r, out->name) || !take(&r, " ") || !take_state(&r, &out->state) ||
	    !take(&r, " ") || !take_priority(&r, &out->priority))
		return VRRP_LINE_BAD;
	return VRRP_LINE_GOOD;
}

void
vrrp_reader_feed(struct vrrp_reader *r, const char *bytes, size_t len,
    void (*line)(void *ctx, const char *text, size_t len), void *ctx)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') {
			if (r->len < sizeof(r->text))
				r->text[r->len++] = bytes[i];
			else
				r->too_long = true;
			continue;
		}
		if (r->too_long)
			r->cut_lines++;
		else
			line(ctx, r->text, r->len);
		r->len = 0;
		r->too_long = false;
	}
}
