#ifndef IMAP_DATETIME_H
#define IMAP_DATETIME_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* date-text (RFC 9051 section 9), "1-Feb-1994", at the start of *in: to days
 * since 1970-01-01. *in is moved past it, or left alone on failure. */
bool datetime_take_date(struct view *in, int32_t *days) A_MUST_USE;

/*
 * The inside of a date-time (RFC 9051 section 9), " 1-Feb-1994 21:52:25 -0800",
 * all of v. A leap second counts as second 59.
 *
 * t     seconds since 1970-01-01 00:00 UTC
 * zone  minutes east of UTC, -5999..5999 by syntax
 */
bool datetime_parse(struct view v, int64_t *t, int16_t *zone) A_MUST_USE;

/* Write t as seen in zone as a date-time with its quotes, 28 bytes. Years
 * outside 0000..9999 are written as the nearest of these. */
void datetime_put(struct buf *b, int64_t t, int16_t zone);

#endif
