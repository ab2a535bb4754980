#include "session/state.h"

#include "tap.h"

static struct session_state
sample(void)
{
	const struct uid_run runs[] = { { 3, 5 }, { 9, 9 } };
	struct session_state st = { .enabled = STATE_REV2 | STATE_METADATA,
		.id_given = true,
		.bads = 3,
		.told_metadata = 1ull << 41,
		.mailbox = 7,
		.uidvalidity = 99,
		.read_only = true,
		.told_flags = 1ull << 40,
		.told_expunges = (1ull << 40) - 1,
		.told_uidnext = 12,
		.told_recent = 2,
		.told_keywords = 5 };

	uidmap_set(&st.map, runs, 2);
	uidset_add(&st.recent, 9, 9);
	uidset_add(&st.saved, 4, 5);
	return st;
}

static bool
equal(const struct session_state *a, const struct session_state *b)
{
	return a->enabled == b->enabled && a->id_given == b->id_given &&
	    a->told_metadata == b->told_metadata && a->bads == b->bads &&
	    a->mailbox == b->mailbox && a->uidvalidity == b->uidvalidity &&
	    a->read_only == b->read_only && a->told_flags == b->told_flags &&
	    a->told_expunges == b->told_expunges &&
	    a->told_uidnext == b->told_uidnext &&
	    a->told_recent == b->told_recent &&
	    a->told_keywords == b->told_keywords &&
	    uidmap_count(&a->map) == uidmap_count(&b->map) &&
	    uidmap_last(&a->map) == uidmap_last(&b->map) &&
	    uidset_count(&a->recent) == uidset_count(&b->recent) &&
	    uidset_count(&a->saved) == uidset_count(&b->saved);
}

static void
test_round_trip(const char *name, struct session_state st)
{
	struct session_state back = { 0 };
	bool cut = true, longer;
	AUTO_BUF struct buf b = BUF_INIT(STATE_MAX);

	state_encode(&st, &b);
	tap_ok(state_decode(buf_view(&b), &back) && equal(&st, &back),
	    "%s: the same again", name);
	state_fini(&back);
	for (size_t i = 0; i < b.n; i++)
		cut &= !state_decode((struct view){ b.p, i }, &back);
	tap_ok(cut && back.mailbox == 0 && back.map.run == NULL,
	    "%s: a part of it is refused", name);
	buf_put_byte(&b, 0);
	longer = state_decode(buf_view(&b), &back);
	tap_ok(!longer, "%s: a byte too much is refused", name);
	state_fini(&st);
}

static bool
accepts(struct session_state *st)
{
	struct session_state back = { 0 };
	AUTO_BUF struct buf b = BUF_INIT(STATE_MAX);
	bool ok;

	state_encode(st, &b);
	ok = state_decode(buf_view(&b), &back);
	state_fini(&back);
	return ok;
}

static void
test_insane(void)
{
	struct session_state st = sample();

	st.told_uidnext = 9;
	tap_ok(!accepts(&st), "a UID in the map above UIDNEXT");
	st.told_uidnext = 10;
	tap_ok(accepts(&st), "just below UIDNEXT");
	st.told_keywords = STORE_KEYWORDS_MAX;
	tap_ok(accepts(&st), "as many keywords as there can be");
	st.told_keywords++;
	tap_ok(!accepts(&st), "more keywords than there can be");
	st.told_keywords = 0;
	st.mailbox = 0;
	tap_ok(!accepts(&st), "a map without a mailbox");
	state_unselect(&st);
	tap_ok(accepts(&st), "nothing selected");
	tap_ok(st.enabled == (STATE_REV2 | STATE_METADATA),
	    "what was enabled stays");
	state_fini(&st);
}

int
main(void)
{
	test_round_trip("empty", (struct session_state){ 0 });
	test_round_trip("selected", sample());
	test_insane();
	return tap_done();
}
