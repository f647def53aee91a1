/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl_proto.h"

#include <string.h>

/* First and last number of a run. */
static bool
is_in(uint32_t number, const uint8_t runs[][2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (number >= runs[i][0] && number <= runs[i][1])
			return true;
	}
	return false;
}

bool
ctl_request_known(uint32_t number)
{
	/* With gaps between them. */
	static const uint8_t runs[][2] = {
	    {CTL_FLUSH_KERNEL_CT, CTL_RESYNC_KERNEL_CT},
	    {CTL_DUMP_INTERNAL, CTL_PURGE_TIMER},
	    {CTL_STATS_NETWORK, CTL_DUMP_EXTERNAL_EXP_XML},
	};

	return number == CTL_VERB || is_in(number, runs, ARRAY_LEN(runs));
}

bool
ctl_request_reads(uint32_t number)
{
	static const uint8_t runs[][2] = {
	    {CTL_DUMP_INTERNAL, CTL_DUMP_EXTERNAL},
	    {CTL_STATS, CTL_STATS},
	    {CTL_DUMP_INTERNAL_XML, CTL_DUMP_EXTERNAL_XML},
	    {CTL_STATS_NETWORK, CTL_STATS_RSQUEUE},
	    {CTL_STATS_PROCESS, CTL_STATS_EXPECT},
	    {CTL_DUMP_INTERNAL_EXP, CTL_DUMP_EXTERNAL_EXP},
	    {CTL_DUMP_INTERNAL_EXP_XML, CTL_DUMP_EXTERNAL_EXP_XML},
	};

	return is_in(number, runs, ARRAY_LEN(runs));
}

const struct ctl_verb *
ctl_verb_find(const char *name)
{
	static const struct ctl_verb verbs[] = {
	    {"check", true},
	    {"demote", false},
	    {"doctor", true},
	    {"expectations", true},
	    {"flows", true},
	    {"history", true},
	    {"log", false},
	    {"promote", false},
	    {"status", true},
	    {"trace", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

bool
ctl_words_valid(const char *words, size_t len)
{
	return len > 0 && words[len - 1] == '\0' && words[0] != '\0';
}

const char *
ctl_words_next(const char *words, size_t len, const char *word)
{
	const char *next = word + strlen(word) + 1;

	return next < words + len ? next : NULL;
}

void
ctl_frame_write(uint8_t out[CTL_FRAME_HEADER], enum ctl_frame type, size_t len)
{
	ASSERT(len <= CTL_FRAME_PAYLOAD_MAX);
	out[0] = (uint8_t)type;
	out[1] = (uint8_t)(len >> 16);
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
}

/* A header is complete: decides what its payload is allowed to be. */
static void
reader_header_done(struct ctl_reader *r)
{
	r->left = ((size_t)r->header[1] << 16) | ((size_t)r->header[2] << 8) | r->header[3];
	switch (r->header[0]) {
	case CTL_FRAME_OUT:
	case CTL_FRAME_ERR:
		if (r->left == 0)
			r->have = 0;
		break;
	case CTL_FRAME_EXIT:
		if (r->left != 1)
			r->bad = true;
		break;
	default:
		r->bad = true;
		break;
	}
}

void
ctl_reader_feed(struct ctl_reader *r, const void *data, size_t len, ctl_sink_fn sink, void *ctx)
{
	const uint8_t *p = data;
	const uint8_t *end = p + len;

	while (p < end && !r->bad && !r->done) {
		size_t n;

		if (r->have < CTL_FRAME_HEADER) {
			r->header[r->have++] = *p++;
			if (r->have == CTL_FRAME_HEADER)
				reader_header_done(r);
			continue;
		}
		if (r->header[0] == CTL_FRAME_EXIT) {
			r->exit_code = *p;
			r->done = true;
			break;
		}
		n = (size_t)(end - p) < r->left ? (size_t)(end - p) : r->left;
		sink(ctx, (enum ctl_frame)r->header[0], p, n);
		p += n;
		r->left -= n;
		if (r->left == 0)
			r->have = 0;
	}
}
