#include "store/record.h"
#include "store/uidruns.h"
#include "tap.h"

/* Every record there and back, cut at every length, and with a byte more. */

static const struct uid_run runs[] = { { 1, 3 }, { 7, 7 }, { 9, UINT32_MAX } };
static uint8_t digest[DIGEST_SHA256_SIZE] = { 1, 2, 3 };

static bool
reads(uint8_t type, struct view v)
{
	struct record_body body;
	struct record_message message;
	struct record_state state;
	struct record_expunge expunge;
	struct record_mailbox mailbox;
	struct record_keyword keyword;
	struct record_entry_kv kv;
	struct record_counters counters;
	uint64_t segment;

	switch ((enum record_type)type) {
	case RECORD_BODY:
		return record_body_read(v, &body);
	case RECORD_MESSAGE:
		return record_message_read(v, &message);
	case RECORD_STATE:
		return record_state_read(v, &state);
	case RECORD_EXPUNGE:
		return record_expunge_read(v, &expunge);
	case RECORD_MAILBOX:
		return record_mailbox_read(v, &mailbox);
	case RECORD_KEYWORD:
		return record_keyword_read(v, &keyword);
	case RECORD_ACL:
	case RECORD_METADATA:
	case RECORD_SUBSCRIPTION:
	case RECORD_SEEN:
		return record_kv_read(v, &kv);
	case RECORD_COUNTERS:
		return record_counters_read(v, &counters);
	case RECORD_DROP:
		return record_drop_read(v, &segment);
	case RECORD_BEGIN:
	case RECORD_END:
	case RECORD_INTENT:
		break;
	}
	return false;
}

/* Records whose last field takes what there is may be shorter or longer. */
static bool
is_open(uint8_t type)
{
	return type == RECORD_MAILBOX || type == RECORD_KEYWORD ||
	    type == RECORD_SUBSCRIPTION;
}

static void
check(struct buf *b, const char *name, struct view *payload)
{
	struct view in = buf_view(b);
	unsigned good = 0;
	uint8_t type;

	for (size_t n = 0; n < in.n; n++) {
		struct view cut = view_sub(in, 0, n), was = cut;

		if (record_take(&cut, &type, payload) || cut.p != was.p ||
		    cut.n != was.n)
			good++;
	}
	tap_ok(good == 0, "%s: not taken before it is whole", name);
	tap_ok(record_take(&in, &type, payload) && in.n == 0 &&
		reads(type, *payload),
	    "%s: read", name);
	good = 0;
	for (size_t n = 0; n < payload->n; n++)
		good += reads(type, view_sub(*payload, 0, n));
	tap_ok(is_open(type) || good == 0, "%s: refused when cut", name);
	buf_put_byte(b, 0);
	tap_ok(is_open(type) ||
		!reads(type,
		    (struct view){ b->p + RECORD_FRAME, b->n - RECORD_FRAME }),
	    "%s: refused with a byte more", name);
	payload->p = b->p + RECORD_FRAME;
}

static void
test_body(struct buf *b)
{
	struct record_body r = { .number = 5,
		.size = 3,
		.summary = VIEW_LIT("sum"),
		.octets = VIEW_LIT("abc") };
	struct view v;

	memcpy(r.digest, digest, sizeof digest);
	record_body_put(b, &r);
	check(b, "BODY", &v);
	tap_ok(record_body_read(v, &r) && r.number == 5 &&
		view_eq(r.summary, VIEW_LIT("sum")) &&
		view_eq(r.octets, VIEW_LIT("abc")) &&
		memcmp(r.digest, digest, sizeof digest) == 0,
	    "BODY: the same");
}

static void
test_message(struct buf *b)
{
	struct record_message r = {
		.version = 9, .mailbox = 2, .first = 4, .saved = 77, .n = 2
	};
	struct record_entry e = {
		.body = 11, .date = -5, .size = 100, .zone = -720
	};
	size_t at = record_message_open(b, &r);
	struct view v;

	record_entry_put(b, &e);
	e.body = 12;
	record_entry_put(b, &e);
	record_close(b, at);
	check(b, "MESSAGE", &v);
	tap_ok(record_message_read(v, &r) && r.version == 9 && r.n == 2 &&
		record_entry(&r, 1).body == 12 &&
		record_entry(&r, 0).date == -5 &&
		record_entry(&r, 0).zone == -720,
	    "MESSAGE: the same");
	r.first = UINT32_MAX;
	buf_clear(b);
	at = record_message_open(b, &r);
	record_entry_put(b, &e);
	record_entry_put(b, &e);
	record_close(b, at);
	v = view_sub(buf_view(b), RECORD_FRAME, b->n);
	tap_ok(!record_message_read(v, &r), "MESSAGE: no UID past the last");
}

static void
test_state(struct buf *b)
{
	struct store_flags f = { .system = 3, .keywords = { 4, 5 } };
	size_t at = record_state_open(b, 9, 2);
	struct record_state s;
	struct record_group g;
	struct view v;

	record_group_put(b, &f, runs, 3);
	record_close(b, at);
	check(b, "STATE", &v);
	tap_ok(record_state_read(v, &s) && record_state_next(&s, &g) &&
		g.n == 3 && record_run(g.runs, 2).hi == UINT32_MAX &&
		g.flags.keywords[1] == 5 && !record_state_next(&s, &g),
	    "STATE: the same");
}

static void
test_expunge(struct buf *b)
{
	static const struct uid_run wrong[] = { { 5, 6 }, { 6, 7 } };
	struct record_expunge e = { .version = 9, .time = -1, .mailbox = 2 };
	struct view v;

	record_expunge_put(b, &e, runs, 3);
	check(b, "EXPUNGE", &v);
	tap_ok(record_expunge_read(v, &e) && e.time == -1 && e.n == 3 &&
		record_run(e.runs, 1).lo == 7,
	    "EXPUNGE: the same");
	buf_clear(b);
	record_expunge_put(b, &e, wrong, 2);
	v = view_sub(buf_view(b), RECORD_FRAME, b->n);
	tap_ok(!record_expunge_read(v, &e), "EXPUNGE: runs are disjoint");
}

static void
test_small(struct buf *b)
{
	uint8_t long_name[STORE_LEAF_MAX + 1];
	struct record_mailbox m = { .version = 3,
		.id = 2,
		.parent = 1,
		.uidvalidity = 7,
		.name = { long_name, STORE_LEAF_MAX } };
	struct view v;

	memset(long_name, 'x', sizeof long_name);
	record_mailbox_put(b, &m);
	check(b, "MAILBOX", &v);
	m.name.n++;
	buf_clear(b);
	record_mailbox_put(b, &m);
	v = view_sub(buf_view(b), RECORD_FRAME, b->n);
	tap_ok(!record_mailbox_read(v, &m), "MAILBOX: no longer name");
	buf_clear(b);
	record_keyword_put(b,
	    &(struct record_keyword){
		.number = STORE_KEYWORDS_MAX - 1, .name = VIEW_LIT("k") });
	check(b, "KEYWORD", &v);
	buf_clear(b);
	record_kv_put(b, RECORD_SUBSCRIPTION,
	    &(struct record_entry_kv){ .key = VIEW_LIT("k"), .set = true });
	check(b, "SUBSCRIPTION", &v);
	buf_clear(b);
	record_counters_put(b, &(struct record_counters){ .mailbox = 1 });
	check(b, "COUNTERS", &v);
	buf_clear(b);
	record_drop_put(b, 4);
	check(b, "DROP", &v);
}

static void
test_runs(void)
{
	struct uidruns r = { 0 }, out = { 0 };
	static const struct uid_run only[] = { { 2, 4 }, { 9, 9 } };

	uidruns_add(&r, 5, 6);
	uidruns_add(&r, 9, UINT32_MAX);
	uidruns_add(&r, 1, 2);
	uidruns_add(&r, 3, 3);
	uidruns_normalise(&r);
	tap_ok(r.n == 3 && r.p[0].lo == 1 && r.p[0].hi == 3 &&
		r.p[2].hi == UINT32_MAX,
	    "runs are sorted and joined");
	tap_ok(uidruns_count(r.p, r.n) == 5 + (uint64_t)UINT32_MAX - 8,
	    "and counted");
	uidruns_intersect(r.p, r.n, only, 2, &out);
	tap_ok(out.n == 2 && out.p[0].lo == 2 && out.p[0].hi == 3 &&
		out.p[1].lo == 9 && out.p[1].hi == 9,
	    "and intersected");
	uidruns_fini(&r);
	uidruns_fini(&out);
}

int
main(void)
{
	void (*const test[])(struct buf *) = { test_body, test_message,
		test_state, test_expunge, test_small };
	AUTO_BUF struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < sizeof test / sizeof test[0]; i++) {
		test[i](&b);
		buf_clear(&b);
	}
	test_runs();
	return tap_done();
}
