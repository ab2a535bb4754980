#include "session/uidmap.h"

#include <stdlib.h>

#include "tap.h"

/* A plain array is the model that the map is compared with. */
#define MODEL 400
struct model {
	uint32_t uid[MODEL];
	uint32_t n;
};

static bool
same(const struct uidmap *m, const struct model *want)
{
	struct uidmap_walk w = { m, 0 };

	if (uidmap_count(m) != want->n)
		return false;
	for (uint32_t i = 0; i < want->n; i++)
		if (uidmap_uid(m, i + 1) != want->uid[i] ||
		    uidmap_seq(m, want->uid[i]) != i + 1 ||
		    uidmap_rank(m, want->uid[i]) != i + 1 ||
		    uidmap_walk_seq(&w, want->uid[i]) != i + 1)
			return false;
	return uidmap_last(m) == (want->n > 0 ? want->uid[want->n - 1] : 0);
}

static void
model_remove(struct model *m, const struct uid_run *r, size_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		bool gone = false;

		for (size_t k = 0; k < n; k++)
			gone |= m->uid[i] >= r[k].lo && m->uid[i] <= r[k].hi;
		if (!gone)
			m->uid[kept++] = m->uid[i];
	}
	m->n = kept;
}

static bool
round_trip(const struct uidmap *m, const struct model *want)
{
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);
	struct uidmap back;
	struct wire w;
	bool ok;

	uidmap_encode(m, &b);
	w = wire_read(buf_view(&b));
	ok = uidmap_decode(&w, &back) && wire_end(&w) && same(&back, want);
	uidmap_fini(&back);
	for (size_t i = 0; i < b.n; i++) {
		w = wire_read((struct view){ b.p, i });
		ok &= !(uidmap_decode(&w, &back) && w.ok);
		uidmap_fini(&back);
	}
	return ok;
}

/* Random arrivals and expunges, the map against the model after each. */
static void
test_random(void)
{
	struct uidmap m = { 0 };
	struct model want = { .n = 0 };
	uint32_t next = 1;
	bool ok = true, wire = true, gone_ok = true;

	srandom(7);
	for (int turn = 0; turn < 3000; turn++) {
		uint32_t lo = next + (uint32_t)random() % 3;
		uint32_t len = 1 + (uint32_t)random() % 5;
		struct uid_run add = { lo, lo + len - 1 }, out[2];
		struct uidset gone = { 0 };
		uint32_t had;

		if (want.n + len < MODEL) {
			uidmap_append(&m, &add, 1);
			for (uint32_t u = add.lo; u <= add.hi; u++)
				want.uid[want.n++] = u;
			next = add.hi + 1;
		}
		out[0].lo = 1 + (uint32_t)random() % next;
		out[0].hi = out[0].lo + (uint32_t)random() % 6;
		out[1].lo = out[0].hi + 2 + (uint32_t)random() % 40;
		out[1].hi = out[1].lo + (uint32_t)random() % 30;
		had = want.n;
		model_remove(&want, out, 2);
		gone_ok &= uidmap_remove(&m, out, 2, &gone) == had - want.n &&
		    uidset_count(&gone) == had - want.n;
		uidset_fini(&gone);
		ok &= same(&m, &want);
		if (turn % 100 == 0)
			wire &= round_trip(&m, &want);
	}
	tap_ok(ok, "random: as the model");
	tap_ok(gone_ok, "random: what was removed is counted");
	tap_ok(wire, "random: wire form, whole and cut");
	uidmap_fini(&m);
}

static void
test_map(void)
{
	const struct uid_run runs[] = { { 2, 4 }, { 7, 7 }, { 9, 12 } };
	const struct uid_run more[] = { { 11, 14 }, { 20, 20 } };
	struct uidmap m = { 0 };
	struct uidset cut = { 0 };

	uidmap_set(&m, runs, 3);
	tap_ok(uidmap_count(&m) == 8, "count");
	tap_ok(uidmap_seq(&m, 1) == 0 && uidmap_seq(&m, 5) == 0 &&
		uidmap_seq(&m, 13) == 0,
	    "no number for what is not there");
	tap_ok(uidmap_rank(&m, 1) == 0 && uidmap_rank(&m, 6) == 3 &&
		uidmap_rank(&m, UINT32_MAX) == 8,
	    "rank between runs");
	uidmap_between(&m, 4, 9, &cut);
	tap_ok(
	    cut.n == 3 && cut.run[0].lo == 4 && cut.run[2].hi == 9, "between");
	uidset_clear(&cut);
	uidmap_between_seq(&m, 3, 5, &cut);
	tap_ok(
	    uidset_count(&cut) == 3 && cut.run[2].lo == 9, "between by number");
	tap_ok(uidmap_append(&m, more, 2) == 3, "only what is above is added");
	tap_ok(uidmap_count(&m) == 11 && uidmap_last(&m) == 20, "appended");
	uidset_fini(&cut);
	uidmap_fini(&m);
	tap_ok(uidmap_count(&m) == 0 && uidmap_last(&m) == 0, "empty again");
}

static void
test_set(void)
{
	const struct uid_run low[] = { { 1, 2 }, { 6, 6 } };
	const struct uid_run out[] = { { 2, 3 }, { 5, 8 } };
	struct uidset s = { 0 };

	uidset_add(&s, 10, 12);
	uidset_add(&s, 13, 14);
	tap_ok(s.n == 1 && uidset_count(&s) == 5, "adjacent runs are one");
	uidset_add_runs(&s, low, 2);
	tap_ok(s.n == 3 && s.run[0].lo == 1 && s.run[2].hi == 14,
	    "runs are merged in");
	uidset_add(&s, 3, 9);
	tap_ok(s.n == 1 && s.run[0].lo == 1 && s.run[0].hi == 14,
	    "a run that closes the gaps");
	uidset_remove_runs(&s, out, 2);
	tap_ok(s.n == 3 && s.run[1].lo == 4 && s.run[1].hi == 4 &&
		s.run[2].lo == 9,
	    "runs are taken out");
	tap_ok(uidset_has(&s, 1) && !uidset_has(&s, 2) && uidset_has(&s, 14) &&
		!uidset_has(&s, 15),
	    "has");
	uidset_clear(&s);
	uidset_add(&s, UINT32_MAX, UINT32_MAX);
	uidset_remove_runs(&s, &(struct uid_run){ 1, UINT32_MAX }, 1);
	tap_ok(s.n == 0, "the largest UID is no special case");
	uidset_fini(&s);
}

static bool
decodes(const uint32_t *v, size_t n)
{
	AUTO_BUF struct buf b = BUF_INIT(1000);
	struct uidset s;
	struct wire w;
	bool ok;

	for (size_t i = 0; i < n; i++)
		wire_put_u32(&b, v[i]);
	w = wire_read(buf_view(&b));
	ok = uidset_decode(&w, &s);
	uidset_fini(&s);
	return ok;
}

static void
test_hostile(void)
{
	tap_ok(decodes((uint32_t[]){ 1, 5, 0 }, 3), "one run");
	tap_ok(!decodes((uint32_t[]){ 1, 0, 0 }, 3), "UID 0");
	tap_ok(!decodes((uint32_t[]){ 1, 5, UINT32_MAX }, 3), "past the end");
	tap_ok(!decodes((uint32_t[]){ 2, 5, 0, 6, 0 }, 5), "adjacent");
	tap_ok(!decodes((uint32_t[]){ 2, 5, 3, 7, 0 }, 5), "overlapping");
	tap_ok(
	    !decodes((uint32_t[]){ UIDMAP_RUNS_MAX + 1, 5, 0 }, 3), "too many");
	tap_ok(!decodes((uint32_t[]){ UIDMAP_RUNS_MAX, 5, 0 }, 3),
	    "more than there are bytes");
}

int
main(void)
{
	test_map();
	test_set();
	test_random();
	test_hostile();
	return tap_done();
}
