/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compare.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "commit.h"

/* ---- two flows ---- */

static const char *
helper_of(const struct flow *f)
{
	return f->has & HAS_HELPER ? f->rare.helper : "";
}

static const uint8_t *
labels_of(const struct flow *f)
{
	static const uint8_t none[FLOW_LABELS_LEN];

	return f->has & HAS_LABELS ? f->rare.labels : none;
}

static uint32_t
mark_of(const struct flow *f)
{
	return f->has & HAS_MARK ? f->mark : 0;
}

/* -1 where there is none; SCTP's and DCCP's begin where TCP's does. */
static int
state_of(const struct flow *f)
{
	if (!(f->has & HAS_STATE))
		return -1;
	switch (f->key.l4) {
	case L4_TCP:
		return f->l4.tcp.state;
	case L4_SCTP:
		return f->l4.sctp.state;
	case L4_DCCP:
		return f->l4.dccp.state;
	default:
		return -1;
	}
}

/* Other bits are set and cleared without an event. */
static uint32_t
status_of(const struct flow *f)
{
	return f->status & (ST_SEEN_REPLY | ST_ASSURED);
}

unsigned int
compare_flows(const struct flow *kernel, const struct flow *cache)
{
	unsigned int what = 0;

	if (flow_is_another(cache, kernel))
		return DIFFERS_ID;
	if (state_of(kernel) != state_of(cache) && state_of(kernel) >= 0 && state_of(cache) >= 0)
		what |= DIFFERS_STATE;
	if ((cache->has & HAS_STATUS) && status_of(kernel) != status_of(cache))
		what |= DIFFERS_STATUS;
	if (mark_of(kernel) != mark_of(cache))
		what |= DIFFERS_MARK;
	if (memcmp(labels_of(kernel), labels_of(cache), FLOW_LABELS_LEN) != 0)
		what |= DIFFERS_LABELS;
	if ((cache->has & HAS_REPLY) && !flow_reply_equal(&kernel->reply, &cache->reply))
		what |= DIFFERS_NAT;
	if (strncmp(helper_of(kernel), helper_of(cache), FLOW_HELPER_LEN) != 0)
		what |= DIFFERS_HELPER;
	return what;
}

/* ---- prints: FNV-1a ---- */

static uint64_t
print_add(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Of a flow that is only there: which one it is.  Of one that differs: all that is compared. */
static uint64_t
print_flow(uint64_t h, const struct flow *f, bool all)
{
	uint32_t numbers[] = {f->has & HAS_ID ? f->id : 0, (uint32_t)state_of(f), status_of(f), mark_of(f)};

	h = print_add(h, numbers, all ? sizeof(numbers) : sizeof(numbers[0]));
	if (!all)
		return h;
	h = print_add(h, labels_of(f), FLOW_LABELS_LEN);
	h = print_add(h, &f->reply, sizeof(f->reply));
	return print_add(h, helper_of(f), strnlen(helper_of(f), FLOW_HELPER_LEN));
}

static int
order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct suspicion));
}

/* ---- a look ---- */

static void *
map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	    -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

bool
compare_init(struct compare *c, const struct compare *before, const struct filter *filter,
    bool write_through, uint32_t flows_max, size_t examples_each)
{
	uint64_t secret[2];
	void *mem;

	*c = (struct compare){.before = before, .filter = filter, .write_through = write_through,
	    .examples_each = examples_each < COMPARE_EXAMPLES_MAX ? examples_each : COMPARE_EXAMPLES_MAX};
	c->kernel_size = table_size(flows_max);
	mem = map(c->kernel_size);
	if (mem == NULL || getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return false;
	table_init(&c->kernel, mem, flows_max, secret, (ms_t){0});
	return true;
}

void
compare_free(struct compare *c)
{
	if (c->kernel.entries != NULL)
		munmap(c->kernel.entries, c->kernel_size);
	free(c->reply_heads);
	free(c->reply_next);
	free(c->suspicions);
	free(c->examples);
	*c = (struct compare){0};
}

static void
note_example(struct compare *c, enum compare_kind kind, unsigned int what, const struct flow *kernel,
    const struct entry_view *v)
{
	struct compare_example *e;

	if (c->counts[kind] > c->examples_each)
		return;
	if (c->examples_count == c->examples_cap) {
		size_t cap = c->examples_cap == 0 ? 16 : c->examples_cap * 2;
		struct compare_example *more = reallocarray(c->examples, cap, sizeof(*more));

		if (more == NULL) {
			c->no_memory = true;
			return;
		}
		c->examples = more;
		c->examples_cap = cap;
	}
	e = &c->examples[c->examples_count++];
	*e = (struct compare_example){.kind = kind, .what = what, .has_kernel = kernel != NULL,
	    .has_cache = v != NULL};
	if (kernel != NULL)
		e->kernel = *kernel;
	if (v != NULL) {
		e->cache = v->flow;
		e->changed_ms = v->changed_ms;
	}
}

static bool
was_suspected(const struct compare *before, const struct suspicion *s)
{
	return before->suspicions_count > 0 &&
	    bsearch(s, before->suspicions, before->suspicions_count, sizeof(*s), order) != NULL;
}

static void
suspect(struct compare *c, const struct suspicion *s)
{
	if (c->suspicions_count == c->suspicions_cap) {
		size_t cap = c->suspicions_cap == 0 ? 256 : c->suspicions_cap * 2;
		struct suspicion *more = reallocarray(c->suspicions, cap, sizeof(*more));

		if (more == NULL) {
			c->no_memory = true;
			return;
		}
		c->suspicions = more;
		c->suspicions_cap = cap;
	}
	c->suspicions[c->suspicions_count++] = *s;
}

/* One difference; either side may be NULL. */
static void
differs(struct compare *c, enum compare_kind kind, unsigned int what, const struct flow *kernel,
    const struct entry_view *v)
{
	bool all = kind == COMPARE_DIFFERENT || kind == COMPARE_COPY;
	struct suspicion s = {.key = v != NULL ? v->flow.key : kernel->key, .kind = kind, .what = what,
	    .print = UINT64_C(0xcbf29ce484222325)};

	if (kernel != NULL)
		s.print = print_flow(s.print, kernel, all);
	if (v != NULL)
		s.print = print_flow(s.print, &v->flow, all);
	if (c->before == NULL) {
		c->counts[kind]++;
		suspect(c, &s);
	} else if (was_suspected(c->before, &s)) {
		c->counts[kind]++;
		note_example(c, kind, what, kernel, v);
	}
}

void
compare_kernel_begin(struct compare *c)
{
	uint64_t secret[2] = {c->kernel.secret[0], c->kernel.secret[1]};
	void *mem = c->kernel.entries;

	/* Of private memory it leaves zeros. */
	if (c->kernel.count > 0 && madvise(mem, c->kernel_size, MADV_DONTNEED) != 0)
		c->no_memory = true;
	table_init(&c->kernel, mem, c->kernel.limit, secret, (ms_t){0});
	c->kernel_flows = c->kernel_passing = 0;
}

bool
compare_kernel(struct compare *c, const struct flow *f)
{
	if (!flow_is_complete(f))
		return true;
	if (table_find(&c->kernel, &f->key) != ENTRY_NONE)
		return true; /* a dump may name a flow twice */
	if (table_insert(&c->kernel, f, (ms_t){0}) == ENTRY_NONE)
		return false;
	c->kernel_flows++;
	c->kernel_passing += filter_passes(c->filter, f);
	return true;
}

/* ---- flows of ours ---- */

static void
count_waiting(struct compare *c, const struct entry_view *v)
{
	c->to_send += v->wait == ENTRY_WAITS_SEND;
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		struct compare_peer *p = &c->peers[i];

		if (v->wait != ENTRY_WAITS_ACK || !(v->lacks & (1u << i)))
			continue;
		p->lacks++;
		p->late += v->sent_s >= COMPARE_LATE_S;
		if (v->sent_s > p->oldest_s)
			p->oldest_s = v->sent_s;
	}
}

static void
local_record(struct compare *c, const struct entry_view *v)
{
	struct flow kernel;
	struct entry *e;
	unsigned int what;
	uint32_t id;

	count_waiting(c, v);
	if (v->dead)
		return;
	c->local_flows++;
	id = table_find(&c->kernel, &v->flow.key);
	if (id == ENTRY_NONE) {
		differs(c, COMPARE_STALE, 0, NULL, v);
		return;
	}
	e = table_entry(&c->kernel, id);
	e->gen = 1;
	e->flags |= (v->live ? ENTRY_LIVE : 0) | (v->committed ? ENTRY_COMMITTED : 0);
	e->told_ms = (uint32_t)v->changed_ms;
	table_load(&c->kernel, id, &kernel);
	/* What the filter leaves out now it may have let in before, and is not followed any more. */
	if (!filter_passes(c->filter, &kernel))
		return;
	what = compare_flows(&kernel, &v->flow);
	if (what != 0)
		differs(c, COMPARE_DIFFERENT, what, &kernel, v);
}

/* ---- flows of peers ---- */

/* The reply of a flow as a key: who has this key, or this reply, holds the tuple. */
static struct flow_key
key_of_reply(const struct flow *f)
{
	struct flow_key key = f->key;

	key.src = f->reply.src;
	key.dst = f->reply.dst;
	key.sport = f->reply.sport;
	key.dport = f->reply.dport;
	return key;
}

static uint32_t
reply_bucket(const struct compare *c, const struct flow_key *key)
{
	return (uint32_t)flow_key_hash(key, c->kernel.secret) & c->kernel.bucket_mask;
}

static bool
index_replies(struct compare *c)
{
	c->reply_heads = calloc((size_t)c->kernel.bucket_mask + 1, sizeof(uint32_t));
	c->reply_next = calloc((size_t)c->kernel.high + 1, sizeof(uint32_t));
	if (c->reply_heads == NULL || c->reply_next == NULL)
		return false;
	for (uint32_t id = table_next(&c->kernel, 0); id != ENTRY_NONE; id = table_next(&c->kernel, id)) {
		struct flow_key key;
		struct flow f;
		uint32_t bucket;

		table_load(&c->kernel, id, &f);
		key = key_of_reply(&f);
		bucket = reply_bucket(c, &key);
		c->reply_next[id] = c->reply_heads[bucket];
		c->reply_heads[bucket] = id;
	}
	return true;
}

/* The kernel's entry that has this tuple in either direction; ENTRY_NONE if it is free. */
static uint32_t
holder_of(struct compare *c, const struct flow_key *tuple)
{
	uint32_t id = table_find(&c->kernel, tuple);
	struct flow f;

	if (id != ENTRY_NONE)
		return id;
	if (c->reply_next == NULL && !index_replies(c)) {
		c->no_memory = true;
		return ENTRY_NONE;
	}
	for (id = c->reply_heads[reply_bucket(c, tuple)]; id != ENTRY_NONE; id = c->reply_next[id]) {
		struct flow_key key;

		table_load(&c->kernel, id, &f);
		key = key_of_reply(&f);
		if (flow_key_equal(&key, tuple))
			return id;
	}
	return ENTRY_NONE;
}

/* As a commit would find it. */
static enum commit_age
age_of(const struct entry *e, const struct entry_view *v)
{
	if (e->gen == 0)
		return AGE_UNKNOWN;
	if (!(e->flags & (ENTRY_LIVE | ENTRY_COMMITTED)))
		return AGE_FOUND;
	if (e->told_ms < v->changed_ms)
		return AGE_KERNEL_NEWER;
	return e->flags & ENTRY_LIVE ? AGE_REPLICA_NEWER : AGE_COPY;
}

/* The kernel has not got this replica.  Would a commit leave it out for the sake of another flow? */
static void
not_in_kernel(struct compare *c, const struct entry_view *v)
{
	struct flow_key reply = key_of_reply(&v->flow);
	uint32_t id = holder_of(c, &v->flow.key);
	struct flow holder;
	enum commit_age age;

	c->remote_not_in_kernel++;
	if (id == ENTRY_NONE)
		id = holder_of(c, &reply);
	if (id != ENTRY_NONE) {
		bool same, stays;

		table_load(&c->kernel, id, &holder);
		age = age_of(table_entry(&c->kernel, id), v);
		same = flow_key_equal(&holder.key, &v->flow.key);
		stays = same ? commit_decide(&holder, &v->flow, age) == COMMIT_LEAVE
			     : !commit_makes_way(&holder, &v->flow, age);
		if (stays) {
			differs(c, COMPARE_BLOCKED, 0, &holder, v);
			return;
		}
	}
	if (c->write_through)
		differs(c, COMPARE_UNWRITTEN, 0, NULL, v);
}

static void
remote_record(struct compare *c, const struct entry_view *v)
{
	const unsigned int written = DIFFERS_STATE | DIFFERS_MARK;
	struct flow kernel;
	const struct entry *e;
	unsigned int what;
	uint32_t id;

	if (v->dead)
		return;
	c->remote_flows++;
	id = table_find(&c->kernel, &v->flow.key);
	if (id != ENTRY_NONE)
		table_load(&c->kernel, id, &kernel);
	if (id == ENTRY_NONE || !flow_reply_equal(&kernel.reply, &v->flow.reply)) {
		not_in_kernel(c, v);
		return;
	}
	c->remote_in_kernel++;
	/* Through an entry that has been seen alive here packets go, and it has its own course. */
	e = table_entry(&c->kernel, id);
	if (!c->write_through || (e->flags & (ENTRY_LIVE | ENTRY_COMMITTED)) != ENTRY_COMMITTED)
		return;
	what = compare_flows(&kernel, &v->flow) & written;
	if (what != 0)
		differs(c, COMPARE_COPY, what, &kernel, v);
}

void
compare_record(void *ctx, const struct flow_record *r)
{
	struct compare *c = ctx;

	switch (r->kind) {
	case RECORD_LOCAL:
		local_record(c, &r->v);
		break;
	case RECORD_REMOTE:
		remote_record(c, &r->v);
		break;
	case RECORD_END:
		c->ended = true;
		c->drained = r->drained;
		break;
	}
}

void
compare_finish(struct compare *c)
{
	uint64_t left = 0;
	struct flow f;

	for (uint32_t id = table_next(&c->kernel, 0); id != ENTRY_NONE; id = table_next(&c->kernel, id)) {
		if (table_entry(&c->kernel, id)->gen != 0)
			continue;
		table_load(&c->kernel, id, &f);
		if (filter_passes(c->filter, &f))
			differs(c, COMPARE_MISSING, 0, &f, NULL);
	}
	if (c->before == NULL) {
		if (c->suspicions_count > 0)
			qsort(c->suspicions, c->suspicions_count, sizeof(*c->suspicions), order);
		return;
	}
	for (size_t i = 0; i < COMPARE_KINDS; i++)
		left += c->counts[i];
	c->in_motion = c->before->suspicions_count - left;
}

bool
compare_differs(const struct compare *c)
{
	for (size_t i = 0; i < COMPARE_KINDS; i++) {
		if (c->counts[i] > 0)
			return true;
	}
	for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
		if (c->peers[i].late > 0)
			return true;
	}
	return false;
}
