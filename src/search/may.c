/*
 * Folding works character by character: what a character c becomes, D(c), does
 * not depend on its neighbours (but for the order of marks, which no needle can
 * make use of to get across a character).
 *
 * An ASCII needle that does not stand in the text as it is can only come from a
 * place where some c outside ASCII takes part, so D(c) and the needle overlap:
 * one holds the other, or one ends as the other begins. "é" becomes "e" and a
 * mark, which overlaps with "cafe" but not with "beer".
 *
 * For other needles one character of it is chosen, the rarest in life, and
 * D(c) must hold that.
 */

#include "search/may.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mail/fold.h"

/* Characters outside these ranges are taken to be able to become anything. */
static const struct range {
	uint32_t lo, hi;
} ranges[] = { { 0x80, 0xd7ff }, { 0xe000, 0xffff }, { 0x1f000, 0x1faff },
	{ 0x20000, 0x2f7ff } };

#define CODES 0x30000
#define BATCH 4096 /* characters folded in one call */

struct may {
	uint64_t bit[CODES / 64]; /* c may take part; above CODES all may */
};

/* --- which characters --- */

static bool
holds(struct view hay, struct view needle)
{
	return needle.n <= hay.n &&
	    memmem(hay.p, hay.n, needle.p, needle.n) != NULL;
}

/* Does a end as b begins? */
static bool
meets(struct view a, struct view b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t k = 1; k <= n; k++)
		if (memcmp(a.p + a.n - k, b.p, k) == 0)
			return true;
	return false;
}

static bool
overlaps(struct view d, struct view needle)
{
	return holds(d, needle) || holds(needle, d) || meets(d, needle) ||
	    meets(needle, d);
}

/* Letters of writing systems with many of them are rarer than others. */
static unsigned
rarity(uint32_t c)
{
	if (c >= 0x3400 && c < 0xa000)
		return 4;
	if (c >= 0x3000)
		return 3;
	return c >= 0x250 ? 2 : c >= 0x80;
}

/* The character of the needle that must be there. */
static struct view
rarest(struct view needle)
{
	struct view best = view_sub(needle, 0, 1), rest = needle, at = needle;
	unsigned most = 0;
	uint32_t c;

	for (; utf8_take(&rest, &c); at = rest) {
		if (rarity(c) <= most)
			continue;
		most = rarity(c);
		best = view_sub(at, 0, at.n - rest.n);
	}
	return best;
}

static void
mark(struct may *m, uint32_t c)
{
	m->bit[c / 64] |= (uint64_t)1 << c % 64;
}

/* lo..hi, at most BATCH of them: fold them a line each. */
static void
mark_batch(
    struct may *m, uint32_t lo, uint32_t hi, struct view needle, bool ascii)
{
	AUTO_BUF struct buf in, out;
	struct view rest;
	uint8_t utf8[UTF8_MAX];
	const uint8_t *e;

	buf_init(&in, (size_t)BATCH * (UTF8_MAX + 1));
	buf_init(&out, (size_t)BATCH * (UTF8_MAX + 1) * FOLD_GROWTH);
	for (uint32_t c = lo; c <= hi; c++) {
		buf_put(&in, (struct view){ utf8, utf8_put(c, utf8) });
		buf_put_byte(&in, '\n');
	}
	fold_text(buf_view(&in), &out);
	rest = buf_view(&out);
	for (uint32_t c = lo; c <= hi; c++) {
		struct view d;

		if (rest.n == 0 || (e = memchr(rest.p, '\n', rest.n)) == NULL)
			return;
		d = view_sub(rest, 0, (size_t)(e - rest.p));
		view_skip(&rest, d.n + 1);
		if (ascii ? overlaps(d, needle) : holds(d, needle))
			mark(m, c);
	}
}

struct may *
may_new(struct view needle, bool ascii)
{
	struct may *m = xcalloc(1, sizeof(*m));

	if (!ascii)
		needle = rarest(needle);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (uint32_t c = ranges[i].lo; c <= ranges[i].hi; c += BATCH)
			mark_batch(m, c,
			    ranges[i].hi - c < BATCH ? ranges[i].hi
						     : c + BATCH - 1,
			    needle, ascii);
	for (uint32_t c = 0x10000; c < CODES; c++)
		if (!((c >= ranges[2].lo && c <= ranges[2].hi) ||
			(c >= ranges[3].lo && c <= ranges[3].hi)))
			mark(m, c);
	return m;
}

void
may_free(struct may **m)
{
	mem_free(m);
}

/* --- which texts --- */

/* Bytes from p on that are ASCII, by eights. */
static size_t
ascii_eights(const uint8_t *p, size_t n)
{
	size_t i = 0;
	uint64_t w;

	for (; i + 8 <= n; i += 8) {
		memcpy(&w, p + i, 8);
		if ((w & 0x8080808080808080u) != 0)
			break;
	}
	return i;
}

static bool
is_marked(const struct may *m, uint32_t c)
{
	return c >= CODES || (m->bit[c / 64] >> c % 64 & 1) != 0;
}

bool
may_hold(const struct may *m, struct view text)
{
	const uint8_t *p = text.p, *end = text.p + text.n;

	while (p < end) {
		uint32_t c = *p;

		if (c < 0x80) {
			size_t n = ascii_eights(p, (size_t)(end - p));

			p += n > 0 ? n : 1;
		} else if (c < 0xe0 && end - p >= 2) {
			c = (c & 31) << 6 | (p[1] & 63u);
			p += 2;
		} else if (c < 0xf0 && end - p >= 3) {
			c = (c & 15) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u);
			p += 3;
		} else if (end - p >= 4) {
			c = (c & 7) << 18 | (p[1] & 63u) << 12 |
			    (p[2] & 63u) << 6 | (p[3] & 63u);
			p += 4;
		} else {
			return true; /* not valid after all */
		}
		if (c >= 0x80 && is_marked(m, c))
			return true;
	}
	return false;
}
