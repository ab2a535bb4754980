#include "session/uidmap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * Everything is sorted arrays of runs and binary search. A mailbox that was
 * filled in order and expunged from now and then has a handful of runs, so a
 * million messages take some bytes; the worst case, every other message gone,
 * is 12 bytes a run.
 */

/* ---- sets ---- */

void
uidset_fini(struct uidset *s)
{
	free(s->run);
	*s = (struct uidset){ 0 };
}

void
uidset_clear(struct uidset *s)
{
	s->n = 0;
}

static void
set_reserve(struct uidset *s, size_t n)
{
	if (n <= s->cap)
		return;
	s->cap = n > 2 * s->cap ? n : 2 * s->cap;
	s->run = xrealloc(s->run, s->cap, sizeof(*s->run));
}

/* Add a run that begins no earlier than the last one does. */
static void
set_push(struct uidset *s, uint32_t lo, uint32_t hi)
{
	if (s->n > 0 && (uint64_t)s->run[s->n - 1].hi + 1 >= lo) {
		struct uid_run *last = &s->run[s->n - 1];

		if (hi > last->hi)
			last->hi = hi;
		return;
	}
	set_reserve(s, s->n + 1);
	s->run[s->n++] = (struct uid_run){ lo, hi };
}

void
uidset_add(struct uidset *s, uint32_t lo, uint32_t hi)
{
	struct uid_run r = { lo, hi };

	assert(lo >= 1 && lo <= hi);
	if (s->n == 0 || lo >= s->run[s->n - 1].lo)
		set_push(s, lo, hi);
	else
		uidset_add_runs(s, &r, 1);
}

void
uidset_add_runs(struct uidset *s, const struct uid_run *runs, size_t n)
{
	struct uidset out = { 0 };
	size_t i = 0, j = 0;

	if (n == 0)
		return;
	if (s->n == 0 || runs[0].lo >= s->run[s->n - 1].lo) {
		for (i = 0; i < n; i++)
			set_push(s, runs[i].lo, runs[i].hi);
		return;
	}
	set_reserve(&out, s->n + n);
	while (i < s->n || j < n) {
		const struct uid_run *r;

		if (j == n || (i < s->n && s->run[i].lo <= runs[j].lo))
			r = &s->run[i++];
		else
			r = &runs[j++];
		set_push(&out, r->lo, r->hi);
	}
	uidset_fini(s);
	*s = out;
}

void
uidset_remove_runs(struct uidset *s, const struct uid_run *runs, size_t n)
{
	struct uidset out = { 0 };
	size_t j = 0;

	if (n == 0 || s->n == 0)
		return;
	for (size_t i = 0; i < s->n; i++) {
		uint64_t lo = s->run[i].lo, hi = s->run[i].hi;

		while (j < n && runs[j].hi < lo)
			j++;
		for (size_t k = j; k < n && runs[k].lo <= hi; k++) {
			if (runs[k].lo > lo)
				set_push(&out, (uint32_t)lo, runs[k].lo - 1);
			lo = (uint64_t)runs[k].hi + 1;
		}
		if (lo <= hi)
			set_push(&out, (uint32_t)lo, (uint32_t)hi);
	}
	uidset_fini(s);
	*s = out;
}

bool
uidset_has(const struct uidset *s, uint32_t uid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->run[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->run[lo].lo <= uid;
}

uint64_t
uid_runs_count(const struct uid_run *runs, size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += (uint64_t)runs[i].hi - runs[i].lo + 1;
	return count;
}

uint64_t
uidset_count(const struct uidset *s)
{
	return uid_runs_count(s->run, s->n);
}

/* ---- the map ---- */

void
uidmap_fini(struct uidmap *m)
{
	free(m->run);
	*m = (struct uidmap){ 0 };
}

uint32_t
uidmap_count(const struct uidmap *m)
{
	const struct uidmap_run *last;

	if (m->n == 0)
		return 0;
	last = &m->run[m->n - 1];
	return last->before + (last->hi - last->lo) + 1;
}

uint32_t
uidmap_last(const struct uidmap *m)
{
	return m->n == 0 ? 0 : m->run[m->n - 1].hi;
}

static void
map_push(struct uidmap *m, uint32_t lo, uint32_t hi)
{
	struct uidmap_run *last = m->n > 0 ? &m->run[m->n - 1] : NULL;
	uint32_t before = uidmap_count(m);

	if (last != NULL && last->hi + 1 == lo) {
		last->hi = hi;
		return;
	}
	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 4 : 2 * m->cap;
		m->run = xrealloc(m->run, m->cap, sizeof(*m->run));
	}
	m->run[m->n++] = (struct uidmap_run){ lo, hi, before };
}

void
uidmap_set(struct uidmap *m, const struct uid_run *runs, size_t n)
{
	m->n = 0;
	for (size_t i = 0; i < n; i++)
		map_push(m, runs[i].lo, runs[i].hi);
}

/* Index of the first run that ends at uid or above; m->n when there is none. */
static size_t
map_find(const struct uidmap *m, uint32_t uid)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->run[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Index of the run that sequence number seq (1..count) is in. */
static size_t
map_find_seq(const struct uidmap *m, uint32_t seq)
{
	size_t lo = 0, hi = m->n;

	assert(seq >= 1 && seq <= uidmap_count(m));
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->run[mid].before < seq)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

uint32_t
uidmap_uid(const struct uidmap *m, uint32_t seq)
{
	const struct uidmap_run *r = &m->run[map_find_seq(m, seq)];

	return r->lo + (seq - r->before - 1);
}

static uint32_t
run_seq(const struct uidmap_run *r, uint32_t uid)
{
	return r->before + (uid - r->lo) + 1;
}

uint32_t
uidmap_seq(const struct uidmap *m, uint32_t uid)
{
	size_t i = map_find(m, uid);

	if (i == m->n || m->run[i].lo > uid)
		return 0;
	return run_seq(&m->run[i], uid);
}

uint32_t
uidmap_rank(const struct uidmap *m, uint32_t uid)
{
	size_t i = map_find(m, uid);

	if (i == m->n)
		return uidmap_count(m);
	if (m->run[i].lo > uid)
		return m->run[i].before;
	return run_seq(&m->run[i], uid);
}

uint32_t
uidmap_append(struct uidmap *m, const struct uid_run *runs, size_t n)
{
	uint32_t had = uidmap_count(m);

	for (size_t i = 0; i < n; i++) {
		uint32_t last = uidmap_last(m);
		uint32_t lo = runs[i].lo > last ? runs[i].lo : last + 1;

		if (runs[i].hi > last)
			map_push(m, lo, runs[i].hi);
	}
	return uidmap_count(m) - had;
}

uint32_t
uidmap_remove(
    struct uidmap *m, const struct uid_run *runs, size_t n, struct uidset *gone)
{
	struct uidmap out = { 0 };
	struct uidset cut = { 0 };
	uint32_t had = uidmap_count(m);
	size_t j = 0;

	uidmap_cut(m, runs, n, &cut);
	if (cut.n == 0)
		return 0;
	for (size_t i = 0; i < m->n; i++) {
		uint64_t lo = m->run[i].lo, hi = m->run[i].hi;

		for (; j < cut.n && cut.run[j].lo <= hi; j++) {
			if (cut.run[j].lo > lo)
				map_push(&out, (uint32_t)lo, cut.run[j].lo - 1);
			lo = (uint64_t)cut.run[j].hi + 1;
		}
		if (lo <= hi)
			map_push(&out, (uint32_t)lo, (uint32_t)hi);
	}
	uidmap_fini(m);
	*m = out;
	if (gone != NULL)
		uidset_add_runs(gone, cut.run, cut.n);
	uidset_fini(&cut);
	return had - uidmap_count(m);
}

void
uidmap_between(
    const struct uidmap *m, uint32_t lo, uint32_t hi, struct uidset *out)
{
	for (size_t i = map_find(m, lo); i < m->n && m->run[i].lo <= hi; i++) {
		uint32_t from = m->run[i].lo > lo ? m->run[i].lo : lo;
		uint32_t to = m->run[i].hi < hi ? m->run[i].hi : hi;

		set_push(out, from, to);
	}
}

void
uidmap_between_seq(
    const struct uidmap *m, uint32_t lo, uint32_t hi, struct uidset *out)
{
	uidmap_between(m, uidmap_uid(m, lo), uidmap_uid(m, hi), out);
}

void
uidmap_cut(const struct uidmap *m, const struct uid_run *runs, size_t n,
    struct uidset *out)
{
	size_t i = n > 0 ? map_find(m, runs[0].lo) : m->n;

	for (size_t j = 0; j < n; j++) {
		while (i < m->n && m->run[i].hi < runs[j].lo)
			i++;
		for (size_t k = i; k < m->n && m->run[k].lo <= runs[j].hi;
		     k++) {
			uint32_t lo = m->run[k].lo > runs[j].lo ? m->run[k].lo
								: runs[j].lo;
			uint32_t hi = m->run[k].hi < runs[j].hi ? m->run[k].hi
								: runs[j].hi;

			set_push(out, lo, hi);
		}
	}
}

uint32_t
uidmap_walk_seq(struct uidmap_walk *w, uint32_t uid)
{
	const struct uidmap *m = w->m;

	if (w->i == 0 && m->n > 0 && m->run[0].hi < uid)
		w->i = map_find(m, uid);
	while (w->i < m->n && m->run[w->i].hi < uid)
		w->i++;
	if (w->i == m->n || m->run[w->i].lo > uid)
		return 0;
	return run_seq(&m->run[w->i], uid);
}

/* ---- wire form ---- */

void
uidset_encode(const struct uidset *s, struct buf *out)
{
	wire_put_u32(out, (uint32_t)s->n);
	for (size_t i = 0; i < s->n; i++) {
		wire_put_u32(out, s->run[i].lo);
		wire_put_u32(out, s->run[i].hi - s->run[i].lo);
	}
}

bool
uidset_decode(struct wire *w, struct uidset *s)
{
	uint32_t n = wire_u32(w);
	uint64_t next = 1; /* least that the next run may begin with */

	*s = (struct uidset){ 0 };
	if (!w->ok || n > UIDMAP_RUNS_MAX || n > w->in.n / 8) {
		w->ok = false;
		return false;
	}
	set_reserve(s, n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t lo = wire_u32(w), more = wire_u32(w);

		if (lo < next || more > UINT32_MAX - lo) {
			w->ok = false;
			uidset_fini(s);
			return false;
		}
		s->run[s->n++] = (struct uid_run){ lo, lo + more };
		next = (uint64_t)lo + more + 2;
	}
	return true;
}

void
uidmap_encode(const struct uidmap *m, struct buf *out)
{
	wire_put_u32(out, (uint32_t)m->n);
	for (size_t i = 0; i < m->n; i++) {
		wire_put_u32(out, m->run[i].lo);
		wire_put_u32(out, m->run[i].hi - m->run[i].lo);
	}
}

bool
uidmap_decode(struct wire *w, struct uidmap *m)
{
	struct uidset s;

	*m = (struct uidmap){ 0 };
	if (!uidset_decode(w, &s))
		return false;
	uidmap_set(m, s.run, s.n);
	uidset_fini(&s);
	return true;
}
