/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top_json.c: what top knows, as one document.
 */
#include "doc.h"
#include "top.h"

/* With one decimal, which is more than an interval tells; null if it is not known. */
static json_t *
number(double per_s)
{
	return per_s < 0 ? json_null() : json_real((double)(uint64_t)(per_s * 10 + 0.5) / 10);
}

static json_t *
rates(const struct top *t)
{
	const struct top_rates *r = &t->rates;
	json_t *links = json_array();

	for (size_t i = 0; i < t->links_count; i++)
		json_array_append_new(links, json_pack("{s:s, s:o, s:o}",
		    "interface", t->links[i].interface,
		    "sent_bytes", number(t->links[i].sent_per_s),
		    "received_bytes", number(t->links[i].recv_per_s)));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "events", number(r->events),
	    "sent_messages", number(r->sent_messages),
	    "received_messages", number(r->recv_messages),
	    "sent_datagrams", number(r->sent_datagrams),
	    "received_datagrams", number(r->recv_datagrams),
	    "sent_bytes", number(r->sent_bytes),
	    "received_bytes", number(r->recv_bytes),
	    "links", links);
}

json_t *
top_json(const struct top *t)
{
	json_t *interval = t->span_ms > 0 ? json_integer(t->span_ms) : json_null();

	return json_pack("{s:o, s:o, s:O}",
	    "interval_ms", interval,
	    "per_second", rates(t),
	    "status", t->doc);
}
