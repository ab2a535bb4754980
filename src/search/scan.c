/*
 * Letters are compared with bit 0x20 set in the hay: for a lower-case letter c,
 * (x | 0x20) == c holds for c and its capital only. All other bytes are
 * compared as they are.
 *
 * The kernels only make candidates; verify() decides, so that a wrong choice of
 * bytes costs time and nothing else. They read no byte outside the hay: the
 * last block is moved back to end with it.
 */

#include "search/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* How common a byte is in mail, roughly: the fewer the better to look for. */
static unsigned
commonness(uint8_t c)
{
	static const char order[] = "qzjxkvbpygfwmucldrhsnioate";
	const char *p;

	if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
		return 40;
	if (c >= 'a' && c <= 'z' && (p = strchr(order, c)) != NULL)
		return 8 + (unsigned)(p - order);
	if (c >= '0' && c <= '9')
		return 12;
	if (c == '-' || c == '.' || c == '=' || c == '/' || c == '>')
		return 14;
	return 4;
}

static bool
is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

void
scan_init(struct scan *s, struct view needle)
{
	size_t best = 0, second;

	for (size_t i = 1; i < needle.n; i++)
		if (commonness(needle.p[i]) < commonness(needle.p[best]))
			best = i;
	second = best == 0 ? needle.n - 1 : 0;
	for (size_t i = 0; i < needle.n; i++)
		if (i != best && needle.p[i] != needle.p[best] &&
		    (second == best ||
			commonness(needle.p[i]) < commonness(needle.p[second])))
			second = i;
	*s = (struct scan){ .needle = needle };
	s->at[0] = best < second ? best : second;
	s->at[1] = best < second ? second : best;
	for (int i = 0; i < 2; i++) {
		s->byte[i] = needle.p[s->at[i]];
		s->mask[i] = is_lower(s->byte[i]) ? 0x20 : 0;
	}
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool
verify(const struct scan *s, const uint8_t *p)
{
	for (size_t i = 0; i < s->needle.n; i++)
		if (lower(p[i]) != s->needle.p[i])
			return false;
	return true;
}

/* Places from..last, one after the other. */
static bool
find_bytes(const struct scan *s, const uint8_t *p, size_t from, size_t last,
    size_t *at)
{
	for (size_t i = from; i <= last; i++) {
		if ((p[i + s->at[0]] | s->mask[0]) == s->byte[0] &&
		    (p[i + s->at[1]] | s->mask[1]) == s->byte[1] &&
		    verify(s, p + i)) {
			*at = i;
			return true;
		}
	}
	return false;
}

#if defined(__x86_64__)

/* The first candidate of a block that holds; bit i of mask is place i. */
static bool
first_of(
    const struct scan *s, const uint8_t *p, size_t i, uint32_t mask, size_t *at)
{
	for (; mask != 0; mask &= mask - 1) {
		size_t k = i + (size_t)__builtin_ctz(mask);

		if (verify(s, p + k)) {
			*at = k;
			return true;
		}
	}
	return false;
}

static uint32_t
block16(const struct scan *s, const uint8_t *p)
{
	__m128i a = _mm_loadu_si128((const __m128i_u *)(p + s->at[0]));
	__m128i b = _mm_loadu_si128((const __m128i_u *)(p + s->at[1]));

	a = _mm_or_si128(a, _mm_set1_epi8((char)s->mask[0]));
	b = _mm_or_si128(b, _mm_set1_epi8((char)s->mask[1]));
	a = _mm_cmpeq_epi8(a, _mm_set1_epi8((char)s->byte[0]));
	b = _mm_cmpeq_epi8(b, _mm_set1_epi8((char)s->byte[1]));
	return (uint32_t)_mm_movemask_epi8(_mm_and_si128(a, b));
}

/* last >= 15 */
static bool
find_16(const struct scan *s, const uint8_t *p, size_t last, size_t *at)
{
	for (size_t i = 0; i + 15 <= last; i += 16)
		if (first_of(s, p, i, block16(s, p + i), at))
			return true;
	return first_of(s, p, last - 15, block16(s, p + last - 15), at);
}

A_TARGET("avx2")
static uint32_t
block32(const struct scan *s, const uint8_t *p)
{
	__m256i a = _mm256_loadu_si256((const __m256i_u *)(p + s->at[0]));
	__m256i b = _mm256_loadu_si256((const __m256i_u *)(p + s->at[1]));

	a = _mm256_or_si256(a, _mm256_set1_epi8((char)s->mask[0]));
	b = _mm256_or_si256(b, _mm256_set1_epi8((char)s->mask[1]));
	a = _mm256_cmpeq_epi8(a, _mm256_set1_epi8((char)s->byte[0]));
	b = _mm256_cmpeq_epi8(b, _mm256_set1_epi8((char)s->byte[1]));
	return (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(a, b));
}

/* last >= 31 */
A_TARGET("avx2")
static bool
find_32(const struct scan *s, const uint8_t *p, size_t last, size_t *at)
{
	for (size_t i = 0; i + 31 <= last; i += 32) {
		uint32_t mask = block32(s, p + i);

		if (__builtin_expect(mask != 0, 0) &&
		    first_of(s, p, i, mask, at))
			return true;
	}
	return first_of(s, p, last - 31, block32(s, p + last - 31), at);
}

bool
scan_find(const struct scan *s, struct view hay, size_t *at)
{
	size_t last;

	if (hay.n < s->needle.n)
		return false;
	last = hay.n - s->needle.n;
	if (last >= 31 && __builtin_cpu_supports("avx2"))
		return find_32(s, hay.p, last, at);
	if (last >= 15)
		return find_16(s, hay.p, last, at);
	return find_bytes(s, hay.p, 0, last, at);
}

/* What is not plain sets the top bit of its byte. */
static __m128i
odd16(__m128i v)
{
	/* SO SI are 0x0e 0x0f, ESC is 0x1b */
	__m128i shift = _mm_cmpeq_epi8(
	    _mm_or_si128(v, _mm_set1_epi8(1)), _mm_set1_epi8(0x0f));

	return _mm_or_si128(
	    _mm_or_si128(v, shift), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x1b)));
}

#endif

static bool
plain_bytes(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] >= 0x80 || p[i] == 0x1b || (p[i] | 1) == 0x0f)
			return false;
	return true;
}

#if defined(__x86_64__)

A_TARGET("avx2")
static bool
plain_32(const uint8_t *p, size_t n, size_t *done)
{
	__m256i odd = _mm256_setzero_si256();
	size_t i = 0;

	for (; i + 32 <= n; i += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i_u *)(p + i));
		__m256i shift =
		    _mm256_cmpeq_epi8(_mm256_or_si256(v, _mm256_set1_epi8(1)),
			_mm256_set1_epi8(0x0f));
		__m256i esc = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(0x1b));

		odd = _mm256_or_si256(
		    odd, _mm256_or_si256(_mm256_or_si256(v, shift), esc));
	}
	*done = i;
	return _mm256_movemask_epi8(odd) == 0;
}

static bool
plain_16(const uint8_t *p, size_t n, size_t *done)
{
	__m128i odd = _mm_setzero_si128();
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
		odd = _mm_or_si128(
		    odd, odd16(_mm_loadu_si128((const __m128i_u *)(p + i))));
	*done = i;
	return _mm_movemask_epi8(odd) == 0;
}

/* In pieces, so that a long text that is not plain is known soon. */
#define PLAIN_PIECE 4096

bool
scan_is_plain(struct view v)
{
	bool wide = __builtin_cpu_supports("avx2");
	size_t done;

	while (v.n >= 16) {
		size_t n = v.n < PLAIN_PIECE ? v.n : PLAIN_PIECE;

		if (!(wide && n >= 32 ? plain_32(v.p, n, &done)
				      : plain_16(v.p, n, &done)))
			return false;
		view_skip(&v, done);
	}
	return plain_bytes(v.p, v.n);
}

#else

bool
scan_find(const struct scan *s, struct view hay, size_t *at)
{
	if (hay.n < s->needle.n)
		return false;
	return find_bytes(s, hay.p, 0, hay.n - s->needle.n, at);
}

bool
scan_is_plain(struct view v)
{
	return plain_bytes(v.p, v.n);
}

#endif
