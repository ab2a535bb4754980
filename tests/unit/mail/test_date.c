#include "check.h"
#include "mail/date.h"

/* Date fields; the moments were computed with GNU date. */
static void
test_fields(void)
{
	static const struct {
		const char *text;
		int64_t want;
		int zone;
	} good[] = {
		{ "Sun, 06 Jan 2002 16:08:41 +0900", 1010300921, 540 },
		{ " Sun,\r\n 06 Jan\r\n 2002 16:08:41 +0900", 1010300921, 540 },
		{ "6 Jan 2002 16:08 +0900", 1010300880, 540 },
		{ "6 Jan 02 16:08:41 +0900 (JST)", 1010300921, 540 },
		{ "6 Jan 102 16:08:41 +0900", 1010300921, 540 },
		{ "Sun Jan  6 07:08:41 2002", 1010300921, 0 },
		{ "Sun Jan 6 16:08:41 JST 2002", 1010300921, 540 },
		{ "Sun, 6 Jan 2002 07:08:41 GMT", 1010300921, 0 },
		{ "Sun, 6 Jan 2002 07:08:41 UT", 1010300921, 0 },
		{ "Sun, 6 Jan 2002 07:08:41 Z", 1010300921, 0 },
		{ "Sun, 6 Jan 2002 07:08:41", 1010300921, 0 },
		{ "Sun, 6 Jan 2002 02:08:41 EST", 1010300921, -300 },
		{ "Sat, 5 Jan 2002 23:08:41 PST", 1010300921, -480 },
		{ "Sun, 06-Jan-2002 16:08:41 +09:00", 1010300921, 540 },
		{ "2002-01-06 16:08:41 +0900", 1010300921, 540 },
		{ "2002-01-06T07:08:41Z", 1010300921, 0 },
		{ "(a (nested \\) one) here) 6 (c) Jan 2002 16:08:41.123 "
		  "+0900",
		    1010300921, 540 },
		{ "Sunday, 6 January 2002 4:08:41 PM +0900", 1010300921, 540 },
		{ "sun,06 JAN 2002 16:08:41 +0900", 1010300921, 540 },
		{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360 },
		{ "21 Nov 97 09:55:06 GMT", 880106106, 0 },
		{ "Tue, 15 Feb 49 00:00:00 +0000", 2496960000, 0 },
		{ "Tue, 15 Feb 50 00:00:00 +0000", -627264000, 0 },
		{ "Thu, 1 Jan 1970 00:00:00 +0000", 0, 0 },
		{ "31 Dec 1998 23:59:60 +0000", 915148800, 0 },
		{ "29 Feb 2000 12:00:00 +2500", 951825600, 0 },
		{ "6 Jan 2002", 1010275200, 0 },
		{ "30 Feb 2002 00:00:00", 1015027200, 0 },
	};
	static const char *const bad[] = { "", "today", "32 Jan 2002 00:00:00",
		"6 Foo 2002 00:00:00", "6 Jan 2002 24:00:00",
		"6 Jan 2002 12:60:00", "Jan 2002", "(6 Jan 2002 00:00:00",
		"6 Jan 2002 12:", "6 Jan 99999 12:00:00", "0 Jan 2002" };
	struct date d;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool ok = date_parse(view_str(good[i].text), &d);

		ok = ok && d.seconds == good[i].want &&
		    d.zone_minutes == good[i].zone;
		check_num(good[i].text, ok, true);
		if (!ok)
			printf("#   seconds %lld zone %d\n",
			    (long long)d.seconds, d.zone_minutes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(
		    !date_parse(view_str(bad[i]), &d), "refuse \"%s\"", bad[i]);
}

static void
test_days(void)
{
	struct date d;
	int64_t bad = 0;

	/* The day as written, not the day in UTC. */
	tap_ok(date_parse(VIEW_LIT("7 Jan 2002 01:00:00 +0900"), &d) &&
		date_day(d) == date_days(2002, 1, 7),
	    "the day east of Greenwich");
	tap_ok(date_parse(VIEW_LIT("6 Jan 2002 23:00:00 -0800"), &d) &&
		date_day(d) == date_days(2002, 1, 6),
	    "the day west of Greenwich");
	check_num("1970-01-01", (uint64_t)date_days(1970, 1, 1), 0);
	check_num("2000-03-01", (uint64_t)date_days(2000, 3, 1), 11017);
	check_num("1994-02-01", (uint64_t)date_days(1994, 2, 1), 8797);
	tap_ok(date_days(1969, 12, 31) == -1 && date_days(0, 3, 1) == -719468,
	    "days before 1970");
	for (int64_t day = -1000000; day < 3000000; day += 17) {
		int64_t year;
		int month, mday;

		date_civil(day, &year, &month, &mday);
		bad += month < 1 || month > 12 || mday < 1 || mday > 31 ||
		    date_days((int)year, month, mday) != day;
	}
	check_num("days that come back otherwise", (uint64_t)bad, 0);
}

static void
test_format(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 100);
	date_format((struct date){ 1010300921, 540 }, &b);
	check_str("RFC 5322", buf_view(&b), "Sun, 06 Jan 2002 16:08:41 +0900");
	buf_clear(&b);
	date_format_asctime(1010300921, &b);
	check_str("asctime", buf_view(&b), "Sun Jan  6 07:08:41 2002");
	buf_clear(&b);
	date_format((struct date){ INT64_MAX, 99999 }, &b);
	check_num("far future has 31 bytes", b.n, DATE_RFC5322_MAX);
	buf_clear(&b);
	date_format((struct date){ INT64_MIN, 0 }, &b);
	check_num("far past has 31 bytes", b.n, DATE_RFC5322_MAX);
	buf_clear(&b);
	date_format((struct date){ -1, -90 }, &b);
	check_str(
	    "before 1970", buf_view(&b), "Wed, 31 Dec 1969 22:29:59 -0130");
}

/* What is written is read back, over four thousand years. */
static void
test_round(void)
{
	AUTO_BUF struct buf b;
	size_t bad = 0;
	struct date d;

	buf_init(&b, 100);
	for (int64_t s = -60000000000; s < 60000000000; s += 86399987) {
		struct date in = { s, (int)(s % 1439) };

		buf_clear(&b);
		date_format(in, &b);
		bad += b.n > DATE_RFC5322_MAX ||
		    !date_parse(buf_view(&b), &d) || d.seconds != s ||
		    d.zone_minutes != in.zone_minutes;
	}
	check_num("dates that come back otherwise", bad, 0);
}

int
main(void)
{
	test_fields();
	test_days();
	test_format();
	test_round();
	return tap_done();
}
