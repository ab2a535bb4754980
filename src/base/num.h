#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Take decimal digits from the start of *in. Leading zeros are accepted.
 *
 * in   in/out; moved past all the digits on success, otherwise left alone
 * max  largest value allowed; one more is a failure, never a wrap
 *
 * False when there is no digit or the value passes max.
 */
bool num_take(struct view *in, uint64_t max, uint64_t *out) A_MUST_USE;
/* The whole of v must be such a number. */
bool num_parse(struct view v, uint64_t max, uint64_t *out) A_MUST_USE;

/* Room for any uint64_t in decimal; no NUL is counted or written. */
#define NUM_DEC_MAX 20
/* Write v in decimal to out (NUM_DEC_MAX bytes free); returns bytes written. */
size_t num_dec(uint64_t v, uint8_t *out);

/* The value of a hexadecimal digit of either case, or -1. */
static inline int
num_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
