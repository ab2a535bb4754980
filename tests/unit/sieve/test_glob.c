/* Wildcards: against a slow matcher that tries everything. */

#include <stdlib.h>

#include "base/buf.h"
#include "sieve/glob.h"
#include "tap.h"

#define PARTS 16

/* The definition: every wildcard as short as it can be, from the left. */
static bool
slow(struct view p, struct view v, struct view *parts, size_t *n)
{
	size_t here = *n;

	if (p.n == 0)
		return v.n == 0;
	if (p.p[0] == '*') {
		for (size_t i = 0; i <= v.n; i++) {
			*n = here + 1;
			parts[here] = view_sub(v, 0, i);
			if (slow(view_sub(p, 1, SIZE_MAX),
				view_sub(v, i, SIZE_MAX), parts, n))
				return true;
		}
		return false;
	}
	if (v.n == 0)
		return false;
	if (p.p[0] == '?') {
		parts[(*n)++] = view_sub(v, 0, 1);
		return slow(view_sub(p, 1, SIZE_MAX), view_sub(v, 1, SIZE_MAX),
		    parts, n);
	}
	if (p.p[0] == '\\' && p.n > 1)
		view_skip(&p, 1);
	return p.p[0] == v.p[0] &&
	    slow(view_sub(p, 1, SIZE_MAX), view_sub(v, 1, SIZE_MAX), parts, n);
}

static bool
same(struct view pattern, struct view value)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	struct view want[PARTS], got[PARTS];
	size_t n_want = 1, n_got;
	uint64_t steps = 0;
	struct glob *g = glob_new(pattern, NULL, false, a);
	bool ok;

	if (g == NULL)
		return false;
	want[0] = value;
	ok = slow(pattern, value, want, &n_want);
	if (glob_match(
		g, value, value, &steps, UINT64_MAX, got, PARTS, &n_got) != ok)
		return false;
	if (!ok)
		return true;
	if (n_got != n_want)
		return false;
	for (size_t i = 0; i < n_got; i++)
		if (got[i].n != want[i].n ||
		    (got[i].n > 0 && got[i].p != want[i].p))
			return false;
	return true;
}

/* All patterns of up to 5 of "ab*?\" over all values of up to 5 of "ab". */
static void
test_all(void)
{
	static const char letters[] = "ab*?\\";
	uint8_t p[5], v[5];
	unsigned bad = 0;

	for (unsigned i = 0; i < 5 * 5 * 5 * 5 * 5; i++) {
		unsigned rest = i;

		for (size_t k = 0; k < 5; k++, rest /= 5)
			p[k] = (uint8_t)letters[rest % 5];
		for (unsigned j = 0; j < 32; j++) {
			for (size_t k = 0; k < 5; k++)
				v[k] = "ab"[j >> k & 1];
			for (size_t n = 3; n <= 5; n++)
				bad += !same((struct view){ p, 5 },
				    (struct view){ v, n });
		}
	}
	tap_ok(bad == 0, "as a matcher that tries everything");
}

static void
test_limits(void)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	AUTO_ARENA struct arena *small = arena_new(8);
	AUTO_BUF struct buf v = BUF_INIT(1 << 20);
	struct glob *g =
	    glob_new(VIEW_LIT("*a?aaaaaaaaaaaaaaaaaaaaab*"), NULL, false, a);
	uint64_t steps = 0;
	size_t n;

	for (size_t i = 0; i < 100000; i++)
		buf_put_byte(&v, 'a');
	tap_ok(!glob_match(
		   g, buf_view(&v), buf_view(&v), &steps, 1000, NULL, 0, &n) &&
		steps < 2000,
	    "gives up (%llu steps)", (unsigned long long)steps);
	tap_ok(
	    glob_new(VIEW_LIT("*"), NULL, false, small) == NULL, "no memory");
}

static bool
as_it_is(struct view text, struct arena *a A_UNUSED, struct view *out)
{
	*out = text;
	return true;
}

/* By characters: at the limit and one past it. */
static void
test_chars_max(void)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	AUTO_BUF struct buf v = BUF_INIT(GLOB_CHARS_MAX + 1);
	struct glob *g = glob_new(VIEW_LIT("x*"), as_it_is, true, a);
	uint64_t steps = 0, max = UINT32_MAX;
	size_t n;

	for (size_t i = 0; i < GLOB_CHARS_MAX; i++)
		buf_put_byte(&v, 'x');
	tap_ok(glob_match(
		   g, buf_view(&v), buf_view(&v), &steps, max, NULL, 0, &n) &&
		steps <= max,
	    "so long");
	buf_put_byte(&v, 'x');
	tap_ok(!glob_match(
		   g, buf_view(&v), buf_view(&v), &steps, max, NULL, 0, &n) &&
		steps > max,
	    "no longer");
}

int
main(void)
{
	test_all();
	test_limits();
	test_chars_max();
	return tap_done();
}
