/*
 * Folding for SEARCH. Text is split into runs of ASCII, which are folded here,
 * runs of Chinese characters and kana, whose decompositions are simple enough
 * to write down, and the rest, which goes to libunistring. An ASCII character
 * never joins with what is before it, so runs can be folded by themselves.
 */

#include "mail/fold.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/utf8.h"
#include "mail/charset.h"

/* A byte in all places of a word. */
#define EIGHT(c) (0x0101010101010101u * (c))

#define PIECE 1024     /* bytes that go to libunistring at a time, about */
#define PIECE_MAX 2048 /* when no good place to cut comes */

size_t
fold_cut(struct view text)
{
	size_t n = text.n;

	while (n > 0 && (n == text.n || text.p[n] >= 0x80))
		n--;
	return n;
}

static void
put_ascii(const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t *o = buf_reserve(out, n);
	size_t i = 0;

	if (o == NULL)
		return;
	for (; i + 8 <= n; i += 8) {
		uint64_t w, upper;

		memcpy(&w, p + i, 8);
		/* The high bit of each byte: not below 'A', not above 'Z'. */
		upper = (w + EIGHT(0x80 - 'A')) & ~(w + EIGHT(0x7f - 'Z')) &
		    EIGHT(0x80);
		w |= upper >> 2;
		memcpy(o + i, &w, 8);
	}
	for (; i < n; i++)
		o[i] = (uint8_t)(p[i] + (p[i] >= 'A' && p[i] <= 'Z' ? 32 : 0));
	out->n += n;
}

static uint32_t
char3(const uint8_t *p)
{
	return (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 |
	    (p[2] & 63);
}

static void
put_char3(uint32_t c, struct buf *out)
{
	uint8_t b[3] = { (uint8_t)(0xe0 | c >> 12),
		(uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63)) };

	buf_put(out, (struct view){ b, 3 });
}

/* Voice marks of a hiragana: 0 none, 1 the one, 2 the other; as it stands in
 * the code table from U+3041. Katakana lie 96 above. */
static uint32_t
kana_mark(uint32_t h)
{
	if (h >= 0x304c && h <= 0x3062)
		return h % 2 == 0;
	if (h == 0x3065 || h == 0x3067 || h == 0x3069 || h == 0x309e)
		return 1;
	if (h >= 0x3070 && h <= 0x307d)
		return (h - 0x306f) % 3;
	return 0;
}

/* Characters that this file folds. */
static bool
is_simple(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3041 && c <= 0x3093) ||
	    (c >= 0x30a1 && c <= 0x30f3);
}

static void
put_simple(uint32_t c, struct buf *out)
{
	uint32_t m = c >= 0x4e00 ? 0 : kana_mark(c >= 0x30a1 ? c - 0x60 : c);

	put_char3(c - m, out);
	if (m > 0)
		put_char3(0x3098 + m, out);
}

/* Twins that the two families of Japanese converters disagree on (JIS X 0208
 * 1-33, 1-61, 1-34, 1-81, 1-82, 2-44): one writer's U+301C is another's
 * U+FF5E. */
static uint32_t
twin(uint32_t c)
{
	switch (c) {
	case 0x301c:
		return 0xff5e;
	case 0x207b: /* these decompose to the minus sign */
	case 0x208b:
	case 0x2212:
		return 0xff0d;
	case 0x2016:
		return 0x2225;
	case 0xfe31: /* and these to the dash */
	case 0xfe58:
	case 0x2014:
		return 0x2015;
	default:
		return c;
	}
}

static void
put_library(struct view v, struct buf *out)
{
	uint8_t one[512], two[2048];
	size_t n1 = sizeof(one), n2 = sizeof(two);
	uint8_t *a = u8_normalize(UNINORM_NFKD, v.p, v.n, one, &n1), *b = NULL;

	if (a != NULL)
		b = u8_casefold(a, n1, NULL, UNINORM_NFKD, two, &n2);
	if (b != NULL)
		buf_put(out, (struct view){ b, n2 });
	else
		buf_put(out, v);
	if (b != two)
		free(b);
	if (a != one)
		free(a);
}

static size_t
char_size(uint8_t c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* A character that begins something: text may be cut in front of it. */
static bool
is_starter(const uint8_t *p, size_t n)
{
	ucs4_t c;

	return u8_mbtouc(&c, p, n) > 0 && uc_combining_class(c) == 0;
}

/* Valid UTF-8 without ASCII: simple characters here, runs of others there. */
static void
put_run(const uint8_t *p, size_t n, struct buf *out)
{
	uint8_t space[PIECE_MAX];
	struct buf rest = { .p = space, .cap = PIECE_MAX, .max = PIECE_MAX };
	size_t len;

	for (; n > 0; p += len, n -= len) {
		uint32_t c = 0;

		len = char_size(p[0]);
		if (len == 3)
			c = char3(p);
		if (rest.n > 0 &&
		    (is_simple(c) || rest.n > PIECE_MAX - 4 ||
			(rest.n >= PIECE && is_starter(p, n)))) {
			put_library(buf_view(&rest), out);
			rest.n = 0;
		}
		if (is_simple(c))
			put_simple(c, out);
		else if (len == 3)
			put_char3(twin(c), &rest);
		else
			buf_put(&rest, (struct view){ p, len });
	}
	if (rest.n > 0)
		put_library(buf_view(&rest), out);
}

void
fold_text(struct view text, struct buf *out)
{
	const uint8_t *p = text.p, *e;

	if (text.n == 0)
		return; /* p may be NULL */
	e = p + text.n;
	while (p < e) {
		const uint8_t *s = p;

		p += utf8_ascii_run((struct view){ p, (size_t)(e - p) });
		put_ascii(s, (size_t)(p - s), out);
		s = p;
		while (p < e && *p >= 0x80)
			p++;
		if (p == s)
			continue;
		if (utf8_valid_start((struct view){ s, (size_t)(p - s) }) ==
		    (size_t)(p - s)) {
			put_run(s, (size_t)(p - s), out);
		} else {
			AUTO_BUF struct buf valid;

			buf_init(&valid, (size_t)(p - s) * 3);
			charset_put_utf8(
			    (struct view){ s, (size_t)(p - s) }, &valid);
			put_run(valid.p, valid.n, out);
		}
	}
}

size_t
fold_find(struct view hay, struct view needle)
{
	const uint8_t *p;

	if (needle.n == 0)
		return 0;
	if (needle.n > hay.n)
		return hay.n + 1;
	p = memmem(hay.p, hay.n, needle.p, needle.n);
	return p != NULL ? (size_t)(p - hay.p) : hay.n + 1;
}
