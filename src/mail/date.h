#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* A moment and how it was written. */
struct date {
	int64_t seconds;  /* since 1970-01-01 00:00:00 UTC */
	int zone_minutes; /* east of UTC, -1439..1439 */
};

/*
 * A Date field's value (RFC 5322 sections 3.3 and 4.3): comments, folding, no
 * seconds, two- and three-digit years, obsolete and named zones, a missing
 * zone (UTC), and asctime's order ("Sun Jan  6 07:08:41 2002") are accepted.
 * Years 1..9999. False when no date can be seen in it; *out is then undefined.
 */
bool date_parse(struct view value, struct date *out) A_MUST_USE;
/* "Sun, 06 Jan 2002 16:08:41 +0900" (RFC 5322 section 3.3); DATE_RFC5322_MAX
 * bytes at most. */
void date_format(struct date d, struct buf *out);
#define DATE_RFC5322_MAX 31

/* The day a date was written on, "disregarding time and timezone" (RFC 9051
 * section 6.4.4): compare with SENTBEFORE, BEFORE and the like. */
int64_t date_day(struct date d) A_MUST_USE;
/* Days since 1970-01-01 of a day of the Gregorian calendar, carried on in both
 * directions; month 1..12. A day that the month has not runs into the next. */
int64_t date_days(int year, int month, int day) A_MUST_USE;
/* The reverse: year, month 1..12 and day 1..31 of a day counted so. */
void date_civil(int64_t days, int64_t *year, int *month, int *day);

/* From_ line's asctime form in UTC, "Sun Jan  6 07:08:41 2002" (RFC 4155);
 * 24 bytes for years up to 9999. */
void date_format_asctime(int64_t seconds, struct buf *out);

#endif
