#include "store/uidruns.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void
uidruns_add(struct uidruns *r, uint32_t lo, uint32_t hi)
{
	assert(lo >= 1 && lo <= hi);
	if (r->n > 0) {
		struct uid_run *last = &r->p[r->n - 1];

		if (lo >= last->lo && lo - 1 <= last->hi) {
			if (hi > last->hi)
				last->hi = hi;
			return;
		}
	}
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 16 : r->cap * 2;
		r->p = xrealloc(r->p, r->cap, sizeof *r->p);
	}
	r->p[r->n++] = (struct uid_run){ lo, hi };
}

static int
by_lo(const void *a, const void *b)
{
	const struct uid_run *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static bool
is_normal(const struct uidruns *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (r->p[i].lo - 1 <= r->p[i - 1].hi)
			return false;
	return true;
}

void
uidruns_normalise(struct uidruns *r)
{
	size_t n = r->n;

	if (n < 2 || is_normal(r))
		return;
	qsort(r->p, n, sizeof *r->p, by_lo);
	r->n = 0;
	for (size_t i = 0; i < n; i++) /* never writes past what it has read */
		uidruns_add(r, r->p[i].lo, r->p[i].hi);
}

uint64_t
uidruns_count(const struct uid_run *runs, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)runs[i].hi - runs[i].lo + 1;
	return sum;
}

struct uid_run *
uidruns_take(struct uidruns *r, size_t *n)
{
	struct uid_run *p = r->p;

	*n = r->n;
	if (r->n == 0) {
		free(p);
		p = NULL;
	}
	*r = (struct uidruns){ 0 };
	return p;
}

void
uidruns_fini(struct uidruns *r)
{
	free(r->p);
	*r = (struct uidruns){ 0 };
}

void
uidruns_intersect(const struct uid_run *runs, size_t n,
    const struct uid_run *only, size_t n_only, struct uidruns *out)
{
	for (size_t i = 0, k = 0; i < n && k < n_only;) {
		uint32_t lo = runs[i].lo > only[k].lo ? runs[i].lo : only[k].lo;
		uint32_t hi = runs[i].hi < only[k].hi ? runs[i].hi : only[k].hi;

		if (lo <= hi)
			uidruns_add(out, lo, hi);
		if (runs[i].hi < only[k].hi)
			i++;
		else
			k++;
	}
}
