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

/* IMAP date-time without its quotes, " 1-Jan-2024 00:00:00 +0000" (RFC 9051
 * section 9): exactly 26 bytes, a real day. One digit without the blank is
 * taken too. */
bool date_parse_imap(struct view text, struct date *out) A_MUST_USE;
/* Always 26 bytes; years outside 0..9999 are clipped to that. */
void date_format_imap(struct date d, struct buf *out);
#define DATE_IMAP_SIZE 26

/* IMAP date, "1-Feb-1994" or "01-Feb-1994", with or without double quotes
 * (RFC 9051 section 9). day: days since 1970-01-01. */
bool date_parse_day(struct view text, int64_t *day) A_MUST_USE;
/* The day a date was written on, "disregarding time and timezone" (RFC 9051
 * section 6.4.4): compare with SENTBEFORE, BEFORE and the like. */
int64_t date_day(struct date d) A_MUST_USE;
/* Days since 1970-01-01 of a Gregorian day; month 1..12. */
int64_t date_days(int year, int month, int day) A_MUST_USE;

/* From_ line's asctime form in UTC, "Sun Jan  6 07:08:41 2002" (RFC 4155);
 * 24 bytes for years up to 9999. */
void date_format_asctime(int64_t seconds, struct buf *out);

#endif
