/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of the tables as `conntrackd check' gets them: a stream of any bytes, in pieces of any size, beside
 * a kernel that is made of what the stream says.
 */
#include <sys/random.h>

#include "check_text.h"
#include "doc.h"
#include "fuzz.h"

enum { FLOWS_MAX = 64, HEAD = 2 };

/* The same input is to do the same. */
ssize_t __wrap_getrandom(void *out, size_t len, unsigned int flags);

ssize_t
__wrap_getrandom(void *out, size_t len, unsigned int flags)
{
	(void)flags;
	memset(out, 7, len);
	return (ssize_t)len;
}

struct heard {
	struct flow_record records[FLOWS_MAX];
	size_t count;
};

/* What was read can be written, and once written says the same whenever it is read. */
static void
check_again(void *ctx, const struct flow_record *r)
{
	const struct wbuf *before = ctx;
	uint8_t buf[FLOW_RECORD_MAX];
	struct wbuf wb;

	wbuf_init(&wb, buf, sizeof(buf));
	flow_record_write(&wb, r);
	CHECK(!wb.failed && wbuf_len(&wb) == wbuf_len(before));
	CHECK(memcmp(buf, before->start, wbuf_len(&wb)) == 0);
}

static void
hear(void *ctx, const struct flow_record *r)
{
	struct flow_reader again = {.have = 0};
	struct heard *h = ctx;
	uint8_t buf[FLOW_RECORD_MAX];
	struct wbuf wb;

	CHECK(r->kind <= RECORD_END && r->v.wait <= ENTRY_WAITS_ACK);
	CHECK(memchr(r->v.flow.rare.helper, '\0', sizeof(r->v.flow.rare.helper)) != NULL);
	wbuf_init(&wb, buf, sizeof(buf));
	flow_record_write(&wb, r);
	CHECK(!wb.failed);
	flow_reader_feed(&again, buf, wbuf_len(&wb), check_again, &wb);
	CHECK(!again.bad && again.have == 0 && again.ended == (r->kind == RECORD_END));
	if (h->count < FLOWS_MAX)
		h->records[h->count++] = *r;
}

/* In pieces, each of memory of its own. */
static void
feed(const uint8_t *data, size_t size, size_t piece, struct flow_reader *reader, flow_record_fn fn, void *ctx)
{
	struct script s = {data, data + size};

	while (script_more(&s)) {
		size_t got;
		uint8_t *copy = script_bytes(&s, piece, &got);

		flow_reader_feed(reader, copy, got, fn, ctx);
		free(copy);
	}
}

/* One look: some of what was said is in the kernel, some of it with a difference. */
static void
look(struct compare *c, const struct heard *h, uint8_t how)
{
	compare_kernel_begin(c);
	for (size_t i = 0; i < h->count; i++) {
		struct flow f = h->records[i].v.flow;

		if (i % 3 == 2 && (how & 1))
			continue;
		f.has |= HAS_REPLY;
		if (how & 2)
			f.mark ^= 1;
		if (how & 4)
			f.reply.dport ^= 1;
		if (how & 8)
			f.id++;
		CHECK(compare_kernel(c, &f));
	}
	for (size_t i = 0; i < h->count; i++)
		compare_record(c, &h->records[i]);
	compare_finish(c);
	CHECK(!c->no_memory);
}

static void
compare_all(const struct heard *h, uint8_t how)
{
	static const struct filter everything;
	struct compare first, second;
	json_t *facts = json_object(), *doc;

	CHECK(compare_init(&first, NULL, &everything, how & 16, FLOWS_MAX, 3));
	look(&first, h, how);
	CHECK(compare_init(&second, &first, &everything, how & 16, FLOWS_MAX, 3));
	look(&second, h, how);
	CHECK(second.in_motion == 0 && compare_differs(&first) == compare_differs(&second));
	doc = check_document(&second, facts);
	CHECK(json_is_object(doc) && json_is_string(json_object_get(doc, "verdict")));
	json_decref(doc);
	json_decref(facts);
	compare_free(&second);
	compare_free(&first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heard whole, parts;
	struct flow_reader a = {.have = 0}, b = {.have = 0};

	if (size < HEAD)
		return 0;
	whole.count = parts.count = 0;
	feed(data + HEAD, size - HEAD, size, &a, hear, &whole);
	feed(data + HEAD, size - HEAD, (size_t)data[0] % 37 + 1, &b, hear, &parts);
	CHECK(a.bad == b.bad && a.ended == b.ended && whole.count == parts.count);
	CHECK(whole.count == 0 || memcmp(whole.records, parts.records, whole.count * sizeof(whole.records[0])) == 0);
	compare_all(&whole, data[1]);
	return 0;
}
