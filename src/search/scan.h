#ifndef SEARCH_SCAN_H
#define SEARCH_SCAN_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Looking for ASCII text in bytes, ASCII case ignored, at the speed of memory:
 * what SEARCH (RFC 9051 section 6.4.4) does first to every message, before
 * anything is decoded. Two bytes of the needle that are rare in mail are looked
 * for in 16 or 32 places at once; only where both stand is the rest compared.
 */
struct scan {
	struct view needle; /* lower case, borrowed */
	size_t at[2];       /* offsets of the two bytes, at[0] <= at[1] */
	uint8_t byte[2],
	    mask[2]; /* a byte c of the hay fits if (c | mask) == byte */
};

/* needle  1.. bytes, ASCII without 'A'..'Z'; must outlive s. No allocation. */
void scan_init(struct scan *s, struct view needle);
/* The first place of the needle in hay. False, *at undefined, when it is
 * nowhere. O(hay.n) for needles from life; O(hay.n * needle.n) at worst. */
bool scan_find(const struct scan *s, struct view hay, size_t *at) A_MUST_USE;

/*
 * True when v means itself in US-ASCII, in UTF-8, in every ISO 8859, Windows and
 * EUC charset, in Shift_JIS, GB18030, Big5 and in every ISO 2022 charset: all
 * bytes are below 0x80 and none is ESC, SO or SI. Cost about 0.05 ns a byte.
 */
bool scan_is_plain(struct view v) A_MUST_USE;

#endif
