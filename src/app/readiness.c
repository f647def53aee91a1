/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * readiness.c: why a replica is not, or may not be, as good as it can be: codes, sentences, advice.
 */
#include "readiness.h"

struct words {
	const char *code;
	const char *advice;
};

static const struct words words[READY_REASONS] = {
    [READY_FIRST_READ] = {"first-read", "wait: reading a million entries takes some seconds"},
    [READY_EVENTS_LOST] = {"events-lost",
	"wait for the table to be read again; if it recurs, raise NetlinkBufferSizeMaxGrowth or narrow the "
	"filter"},
    [READY_RESYNC] = {"resync-under-way", "wait for it to end"},
    [READY_DOUBT] = {"peer-restarted", "wait for its flows to be compared"},
    [READY_UNANSWERED] = {"resync-unanswered",
	"see on the peer whether datagrams of this node arrive: firewall rules, addresses, the link"},
    [READY_LOSSY] = {"messages-lost",
	"wait, all is asked for again; if it recurs, look at the link and at receive buffers"},
    [READY_FLUSHED] = {"flushed", "order `conntrackd demote', which asks the peers for everything"},
    [READY_REMOTE_FULL] = {"external-full", "raise HashLimit, and restart the daemon"},
    [READY_LOCAL_FULL] = {"internal-full", "raise HashLimit, and restart the daemon"},
    [READY_NO_LINK] = {"no-link", "look at cable, switch and interface of the dedicated link"},
    [READY_ALONE] = {"no-peer", "see whether the peer's daemon runs, and whether its datagrams arrive here"},
    [READY_SILENT] = {"peer-silent", "see whether the peer, its daemon and the dedicated link are up"},
    [READY_BULK] = {"bulk-under-way", NULL},
};

const char *
readiness_code(enum ready_reason why)
{
	return words[why].code;
}

const char *
readiness_advice(enum ready_reason why, const struct ready_state *r)
{
	(void)r;
	return words[why].advice;
}

static void
add_peer(struct text *t, const struct ready_state *r)
{
	text_str(t, "peer ");
	text_addr(t, r->peer.l3, &r->peer.addr);
	if (r->peers > 1)
		text_add(t, " and %u more", r->peers - 1);
}

/* Those that are about peers. */
static void
peer_sentence(struct text *t, enum ready_reason why, const struct ready_state *r)
{
	long long s = (long long)r->for_ms / 1000;
	unsigned long long count = r->count;

	add_peer(t, r);
	if (why == READY_RESYNC)
		text_add(t, ": asked for all its flows %lld s ago, %llu are here, more may come", s, count);
	else if (why == READY_DOUBT)
		text_add(t, ": began anew %lld s ago; which of %llu flows it still has is being found out", s,
		    count);
	else if (why == READY_UNANSWERED)
		text_add(t, ": asked for all its flows %lld s ago, and never acknowledged that", s);
	else if (why == READY_LOSSY)
		text_add(t, ": messages were lost, and its flows have not been compared since");
	else
		text_add(t, ": nothing heard for %lld s; its %llu flows are as of then", s, count);
}

void
readiness_text(const struct daemon *d, enum ready_reason why, const struct ready_state *r,
    char text[READINESS_TEXT_MAX])
{
	long long s = (long long)r->for_ms / 1000;
	unsigned long long count = r->count;
	struct text t;

	text_init(&t, text, READINESS_TEXT_MAX);
	switch (why) {
	case READY_RESYNC:
	case READY_DOUBT:
	case READY_UNANSWERED:
	case READY_LOSSY:
	case READY_SILENT:
		peer_sentence(&t, why, r);
		break;
	case READY_FIRST_READ:
		text_add(&t, "the kernel table has not been read completely yet, for %lld s", s);
		break;
	case READY_EVENTS_LOST:
		text_add(&t, "events of the kernel were lost %lld s ago, and %s", s,
		    d->cfg->overrun_resync_s == 0 ? "NetlinkOverrunResync off keeps the table from being read"
						  : "the table has not been read completely since");
		break;
	case READY_FLUSHED:
		text_add(&t, "the external cache was flushed %lld s ago, and not filled again since", s);
		break;
	case READY_REMOTE_FULL:
		text_add(&t, "external cache full for %lld s: HashLimit is %u, flows of peers were refused "
		    "%llu times", s, node_table_view(d->node, TABLE_REMOTE).limit, count);
		break;
	case READY_LOCAL_FULL:
		text_add(&t, "internal cache full for %lld s: HashLimit is %u, flows were refused %llu times",
		    s, node_table_view(d->node, TABLE_LOCAL).limit, count);
		break;
	case READY_NO_LINK:
		text_add(&t, "no dedicated link has had a carrier for %lld s", s);
		break;
	case READY_ALONE:
		text_add(&t, "no peer was heard in %lld s since the start", s);
		break;
	case READY_BULK:
		text_add(&t, "the peers are being told of all own flows: at most %llu are left", count);
		break;
	case READY_REASONS:
		break;
	}
}

static void
write_reason(struct json *j, const struct daemon *d, enum ready_reason why, const struct ready_state *r)
{
	char text[READINESS_TEXT_MAX];

	readiness_text(d, why, r, text);
	jw_object(j, NULL);
	jw_str(j, "code", readiness_code(why));
	jw_str(j, "text", text);
	jw_str(j, "advice", readiness_advice(why, r));
	jw_bool(j, "blocking", r->blocks);
	jw_i64(j, "for_s", r->for_ms / 1000);
	if (r->blocks)
		jw_i64(j, "until_s", (r->blocks_ms + 999) / 1000);
	else
		jw_null(j, "until_s");
	jw_object_end(j);
}

void
readiness_write(struct json *j, const char *key, const struct daemon *d, const struct ready_view *view)
{
	jw_object(j, key);
	jw_bool(j, "ready", view->ready);
	jw_i64(j, "until_s", (view->at_the_latest_ms + 999) / 1000);
	jw_array(j, "reasons");
	/* Those that block first. */
	for (int blocking = 1; blocking >= 0; blocking--) {
		for (enum ready_reason why = 0; why < READY_REASONS; why++) {
			const struct ready_state *r = &view->reasons[why];

			if (r->open && r->blocks == (blocking == 1))
				write_reason(j, d, why, r);
		}
	}
	jw_array_end(j);
	jw_object_end(j);
}
