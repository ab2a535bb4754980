#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/attrs.h"
#include "base/view.h"

/* UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, shortest
 * form only. */

/* Is all of v valid? NUL counts as valid. */
bool utf8_valid(struct view v) A_MUST_USE;
/* Bytes of the longest valid start of v, 0..v.n. */
size_t utf8_valid_start(struct view v) A_MUST_USE;
/* Is v, not empty, the start of a valid code point that goes on behind it? */
bool utf8_is_cut(struct view v) A_MUST_USE;
/* Are all bytes below 0x80? */
bool utf8_ascii(struct view v) A_MUST_USE;
/* Bytes at the start of v that are below 0x80, 0..v.n. */
static inline size_t
utf8_ascii_run(struct view v)
{
	size_t i = 0;
	uint64_t w;

	for (; v.n - i >= 8; i += 8) {
		memcpy(&w, v.p + i, 8);
		if ((w & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	while (i < v.n && v.p[i] < 0x80)
		i++;
	return i;
}
/* Take one code point from the start of *in. False, and *in left alone, when it
 * is empty or does not start with a valid one. */
bool utf8_take(struct view *in, uint32_t *cp) A_MUST_USE;

#define UTF8_MAX 4 /* bytes of one code point */
/* Write cp to out; bytes written, 0 when cp is no scalar value. */
size_t utf8_put(uint32_t cp, uint8_t out[UTF8_MAX]);

/* The longest prefix of at most max bytes that does not cut a code point in
 * two (invalid bytes count as one each). */
struct view utf8_cut(struct view v, size_t max);

#endif
