/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of conntrackd 1.4.7 in ALARM, against a capture of conntrackd 1.4.7.
 */
#include "incumbent.h"

#include "pcap.h"
#include "wire.h"

enum {
	REFRESH_S = 5,
	LIVES_S = 20,
	/* How long the daemon had slept when the first event came; see is_refresh(). */
	ASLEEP_MS = 176,
};

/*
 * Whole seconds of 1 to RefreshTime, and one to five fifths of a second.  After an event it runs
 * from the wake-up before that.
 */
static bool
is_refresh(int64_t ms)
{
	for (int64_t s = 1; s <= REFRESH_S; s++) {
		for (int64_t fifth = 1; fifth <= 5; fifth++) {
			if (llabs(ms - s * 1000 - fifth * 200) <= 3)
				return true;
		}
	}
	return false;
}

/* What was said of a flow so far, as captured; of the model only when. */
struct told {
	struct flow_key key;
	const uint8_t *msg;
	size_t len;
	int64_t at_ms, model_at_ms;
	size_t times, model_times;
};

static struct told *
told_of(struct told told[2], const uint8_t *msg, size_t len)
{
	struct attr_skipped skipped = {0};
	struct flow f;

	assert_int_equal(
	    attr_decode_flow(msg + WIRE_HEADER, len - WIRE_HEADER, &f, &skipped), ATTR_OK);
	for (size_t i = 0; i < 2; i++) {
		if (told[i].times == 0)
			told[i].key = f.key;
		if (flow_key_equal(&told[i].key, &f.key))
			return &told[i];
	}
	fail_msg("a third flow");
	return NULL;
}

/*
 * Chance decides when a flow is sent again, so the model's times are not the capture's: both must
 * be of the same form.  What is said must be the same but for its number; numbers have no gaps.
 */
static void
refreshed(struct told told[2], struct incumbent *inc, uint32_t *seq, ms_t now)
{
	uint8_t buf[MTU_PAYLOAD];
	size_t len;

	while ((len = incumbent_pull_datagram(inc, buf, sizeof(buf), now)) > 0) {
		struct told *t = told_of(told, buf, len);

		assert_int_equal(get_be32(buf + 4), (*seq)++);
		assert_int_equal(len, t->len);
		assert_memory_equal(buf, t->msg, 4);
		assert_memory_equal(buf + 8, t->msg + 8, len - 8);
		if (t->model_times++ > 0 && buf[0] != (0x10 | WIRE_CT_DEL))
			assert_true(is_refresh(now.ms - t->model_at_ms));
		t->model_at_ms = t->model_times > 1 ? now.ms : t->at_ms;
	}
}

static void
pass_time(struct told told[2], struct incumbent *inc, uint32_t *seq, int64_t to_ms)
{
	while (incumbent_deadline(inc).ms <= to_ms) {
		ms_t now = incumbent_deadline(inc);

		incumbent_tick(inc, now);
		refreshed(told, inc, seq, now);
	}
}

static void
it_says_everything_again_and_again(void **state)
{
	/* The daemon had a CommitTimeout: no flow says its own. */
	const struct incumbent_cfg cfg = {
	    .mode = MODE_ALARM, .refresh_s = REFRESH_S, .commit_timeout_s = 100, .first_seq = 77};
	struct capture *c = pcap_load("alarm");
	struct incumbent *inc = incumbent_new(&cfg, (ms_t){c->frames[0].at_ms - ASLEEP_MS});
	struct told told[2] = {0};
	uint32_t seq = 77;

	(void)state;
	for (size_t i = 0; i < c->count; i++) {
		const struct frame *fr = &c->frames[i];
		struct told *t = told_of(told, fr->data, fr->len);
		struct kernel_event ev = {.type = t->times == 0 ? KEV_NEW : KEV_DESTROY};
		bool del = fr->data[0] == (0x10 | WIRE_CT_DEL);
		struct attr_skipped skipped = {0};

		pass_time(told, inc, &seq, fr->at_ms);
		if (t->times > 0 && !del)
			assert_true(is_refresh(fr->at_ms - t->at_ms));
		t->msg = fr->data;
		t->len = fr->len;
		t->at_ms = fr->at_ms;
		if (t->times == 0)
			t->at_ms = i == 0 ? fr->at_ms - ASLEEP_MS : fr[-1].at_ms;
		if (t->times++ > 0 && !del)
			continue;
		attr_decode_flow(fr->data + WIRE_HEADER, fr->len - WIRE_HEADER, &ev.flow, &skipped);
		ev.flow.has |= HAS_REPLY | HAS_TIMEOUT;
		incumbent_kernel_event(inc, &ev, (ms_t){fr->at_ms});
		refreshed(told, inc, &seq, (ms_t){fr->at_ms});
	}
	for (size_t i = 0; i < 2; i++)
		assert_in_range(told[i].model_times, 4, 20);
	assert_int_equal(incumbent_count(inc, TABLE_LOCAL), 1);
	incumbent_free(inc);
	free(c);
}

static void
it_forgets_what_is_not_said_again(void **state)
{
	const struct incumbent_cfg cfg = {.mode = MODE_ALARM, .cache_timeout_s = LIVES_S};
	struct capture *c = pcap_load("alarm");
	struct incumbent *inc = incumbent_new(&cfg, (ms_t){c->frames[0].at_ms});
	uint8_t buf[MTU_PAYLOAD];
	ms_t now = {0};

	(void)state;
	for (size_t i = 0; i < c->count; i++) {
		now.ms = c->frames[i].at_ms;
		if (ms_reached(now, incumbent_deadline(inc)))
			incumbent_tick(inc, now);
		incumbent_datagram(inc, c->frames[i].data, c->frames[i].len, now);
		assert_int_equal(incumbent_pull_datagram(inc, buf, sizeof(buf), now), 0);
		if (i > 0 && i + 1 < c->count)
			assert_int_equal(incumbent_count(inc, TABLE_REMOTE), 2);
	}
	/* The last but two was of the flow that stayed; its time runs from the datagram before. */
	for (assert_int_equal(incumbent_count(inc, TABLE_REMOTE), 1);
	    incumbent_count(inc, TABLE_REMOTE) > 0; incumbent_tick(inc, now))
		now = incumbent_deadline(inc);
	assert_int_equal(now.ms, c->frames[c->count - 4].at_ms + LIVES_S * 1000);
	incumbent_free(inc);
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_says_everything_again_and_again),
	    cmocka_unit_test(it_forgets_what_is_not_said_again),
	};

	return cmocka_run_group_tests_name("captures_alarm", tests, NULL, NULL);
}
