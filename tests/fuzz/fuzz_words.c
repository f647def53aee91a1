/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words that others write: tuples of `conntrackd trace', lines of keepalived's notify FIFO, the words of a
 * request.
 */
#include "ctl_proto.h"
#include "fuzz.h"
#include "tuple.h"
#include "vrrp_line.h"

enum { WORDS_COUNT_MAX = 16, WHY_MAX = 128 };

/* ---- tuples ---- */

static bool
same_tuple(const struct flow_tuple *a, const struct flow_tuple *b)
{
	return a->has == b->has && a->key.zone == b->key.zone &&
	    (!(a->has & TUPLE_L4) || a->key.l4 == b->key.l4) &&
	    (!(a->has & TUPLE_SRC) || memcmp(&a->key.src, &b->key.src, sizeof(a->key.src)) == 0) &&
	    (!(a->has & TUPLE_DST) || memcmp(&a->key.dst, &b->key.dst, sizeof(a->key.dst)) == 0) &&
	    (!(a->has & TUPLE_SPORT) || a->key.sport == b->key.sport) &&
	    (!(a->has & (TUPLE_DPORT | TUPLE_TYPE | TUPLE_CODE)) || a->key.dport == b->key.dport);
}

/* As the client sends it to the daemon, which reads it once more. */
static void
check_tuple(const struct flow_tuple *t)
{
	char buf[TUPLE_TEXT_MAX], why[WHY_MAX];
	const char *word = buf;
	struct flow_tuple again;
	struct text text;

	text_init(&text, buf, sizeof(buf));
	tuple_render(&text, t);
	CHECK(!text.overflow && text.len < sizeof(buf) && strlen(buf) == text.len);
	CHECK(tuple_parse(&word, 1, &again, why, sizeof(why)));
	CHECK(same_tuple(t, &again));
}

/* What is wrong goes to a terminal. */
static void
check_why(const char why[WHY_MAX])
{
	CHECK(memchr(why, '\0', WHY_MAX) != NULL && why[0] != '\0');
	for (; *why != '\0'; why++)
		CHECK(*why >= ' ' && *why <= '~');
}

static void
take_words(const char *bytes, size_t len)
{
	const char *words[WORDS_COUNT_MAX], *w = bytes;
	char why[WHY_MAX] = "";
	struct flow_tuple t;
	size_t count = 0;

	if (!ctl_words_valid(bytes, len))
		return;
	(void)ctl_verb_find(bytes);
	for (; w != NULL && count < WORDS_COUNT_MAX; w = ctl_words_next(bytes, len, w)) {
		CHECK(w >= bytes && w < bytes + len);
		CHECK(strlen(w) < (size_t)(bytes + len - w));
		words[count++] = w;
	}
	if (tuple_parse(words, count, &t, why, sizeof(why)))
		check_tuple(&t);
	else
		check_why(why);
}

/* ---- lines ---- */

struct lines {
	uint64_t count, sum;
};

static void
take_line(void *ctx, const char *text, size_t len)
{
	struct lines *l = ctx;
	struct vrrp_line line;

	CHECK(len <= VRRP_LINE_MAX && memchr(text, '\n', len) == NULL);
	l->count++;
	for (size_t i = 0; i < len; i++)
		l->sum = l->sum * 31 + (uint8_t)text[i];
	if (vrrp_line_parse(&line, text, len) != VRRP_LINE_GOOD)
		return;
	CHECK(line.name[0] != '\0' && memchr(line.name, '\0', sizeof(line.name)) != NULL);
	CHECK(line.priority <= UINT8_MAX && (unsigned int)line.state < VRRP_STATES);
	CHECK(vrrp_state_name(line.state) != NULL);
	l->sum += line.state;
}

/* Lines are the same in pieces of any size, and none is lost. */
static void
take_lines(const uint8_t *data, size_t size, size_t piece)
{
	struct vrrp_reader whole = {.len = 0}, parts = {.len = 0};
	struct lines a = {0}, b = {0};
	struct script s = {data, data + size};
	uint64_t ends = 0;

	for (size_t i = 0; i < size; i++)
		ends += data[i] == '\n';
	vrrp_reader_feed(&whole, (const char *)data, size, take_line, &a);
	while (script_more(&s)) {
		size_t got;
		uint8_t *copy = script_bytes(&s, piece, &got);

		vrrp_reader_feed(&parts, (const char *)copy, got, take_line, &b);
		free(copy);
	}
	CHECK(a.count == b.count && a.sum == b.sum && whole.cut_lines == parts.cut_lines);
	CHECK(a.count + whole.cut_lines == ends);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (size < 2)
		return 0;
	if (data[0] & 1) {
		take_lines(data + 1, size - 1, (size_t)data[0] / 2 + 1);
		return 0;
	}
	copy = malloc(size - 1);
	CHECK(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	take_words(copy, size - 1);
	free(copy);
	return 0;
}
