/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vrrp.c: the VRRP section: what is shared with keepalived.
 */
#include "set.h"

#include <stdio.h>
#include <string.h>

enum { WEIGHT_LOWEST = 253 }; /* one more would be a fault to keepalived */

/* One of the two, once: a second name would have to say which of them is master. */
static void
set_name(struct parser *p, const struct value *v, bool is_group)
{
	struct config_vrrp *c = &p->c->vrrp;
	char shown[SHOWN_MAX];
	struct pos other = parse_seen(p, is_group ? "Instance" : "Group", IN_VRRP);

	if (other.line != 0)
		parse_diag(p, DIAG_ERROR, v->tok.pos,
		    "found %s beside the %s of line %u, expected one of them: whose state is this node's?",
		    token_show(&v->tok, shown), is_group ? "Instance" : "Group", other.line);
	else if (v->tok.len >= CONFIG_VRRP_NAME_MAX || parse_punctuation_hint(&v->tok)[0] != '\0')
		parse_diag(p, DIAG_ERROR, v->tok.pos,
		    "found %s, expected a name as in keepalived.conf, of at most %d characters%s",
		    token_show(&v->tok, shown), CONFIG_VRRP_NAME_MAX - 1,
		    parse_punctuation_hint(&v->tok));
	else
		token_copy(&v->tok, c->name, sizeof(c->name));
	c->is_group = is_group;
}

void
set_vrrp_instance(struct parser *p, const struct value *v)
{
	set_name(p, v, false);
}

void
set_vrrp_group(struct parser *p, const struct value *v)
{
	set_name(p, v, true);
}

void
set_vrrp_weight(struct parser *p, const struct value *v)
{
	const struct token *t = &v->tok;
	int weight = 0;
	char shown[SHOWN_MAX];
	bool ok = t->len >= 2 && t->len <= 4 && t->text[0] == '-';

	for (size_t i = 1; ok && i < t->len; i++) {
		ok = t->text[i] >= '0' && t->text[i] <= '9';
		weight = weight * 10 + (t->text[i] - '0');
	}
	if (ok && weight >= 1 && weight <= WEIGHT_LOWEST)
		p->c->vrrp.weight = -weight;
	else
		parse_diag(p, DIAG_ERROR, t->pos,
		    "found %s, expected a number from -253 to -1 for Weight, which is added to the priority",
		    token_show(t, shown));
}

void
leave_vrrp(struct parser *p, struct pos pos, bool broken)
{
	const struct config_vrrp *c = &p->c->vrrp;

	/* What is absent may be what could not be read. */
	if (broken)
		return;
	if (c->fifo[0] == '\0' && c->track_file[0] == '\0')
		parse_diag(p, DIAG_ERROR, pos, "found VRRP without NotifyFifo and TrackFile, expected one "
		    "of them at least");
	else if (c->fifo[0] != '\0' && c->name[0] == '\0')
		parse_diag(p, DIAG_ERROR, pos, "found VRRP with a NotifyFifo, expected Group or Instance, too: "
		    "whose state is this node's?");
	else if (strcmp(c->fifo, c->track_file) == 0)
		parse_diag(p, DIAG_ERROR, pos, "found one path for NotifyFifo and TrackFile, expected two");
}
