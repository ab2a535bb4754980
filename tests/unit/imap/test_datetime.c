#include "imap/datetime.h"
#include "tap.h"

static const struct {
	const char *in;
	bool want;
	int64_t t;
	int16_t zone;
} times[] = {
	{ " 1-Jan-1970 00:00:00 +0000", true, 0, 0 },
	{ "17-Jul-1996 02:44:25 -0700", true, 837596665, -420 },
	{ "29-feb-2000 23:59:60 +0530", true, 951848999, 330 },
	{ "01-Jan-0001 00:00:00 +0000", true, -62135596800, 0 },
	{ "31-Dec-9999 23:59:59 +0000", true, 253402300799, 0 },
	{ " 1-Jan-1970 00:00:00 +9959", true, -359940 - 0, 5999 },
	{ "1-Jan-1970 00:00:00 +0000", true, 0, 0 },
	{ " 01-Jan-1970 00:00:00 +0000", false, 0, 0 },
	{ "29-Feb-1900 00:00:00 +0000", false, 0, 0 },
	{ "31-Apr-1999 00:00:00 +0000", false, 0, 0 },
	{ "00-Jan-1970 00:00:00 +0000", false, 0, 0 },
	{ "32-Jan-2024 00:00:00 +0000", false, 0, 0 },
	{ "001-Jan-2024 00:00:00 +0000", false, 0, 0 },
	{ " 11-Jan-2024 00:00:00 +0000", false, 0, 0 },
	{ "10 Jan 2024 00:00:00 +0000", false, 0, 0 },
	{ "01-Foo-1970 00:00:00 +0000", false, 0, 0 },
	{ "01-Jan-70 00:00:00 +0000", false, 0, 0 },
	{ "01-Jan-1970 24:00:00 +0000", false, 0, 0 },
	{ "01-Jan-1970 00:60:00 +0000", false, 0, 0 },
	{ "01-Jan-1970 00:00:61 +0000", false, 0, 0 },
	{ "01-Jan-1970 00:00:00 0000", false, 0, 0 },
	{ "01-Jan-1970 00:00:00 +0060", false, 0, 0 },
	{ "01-Jan-1970 00:00:00 +0000 ", false, 0, 0 },
	{ "01-Jan-1970 00:00:00", false, 0, 0 },
	{ "", false, 0, 0 },
};

static void
test_times(void)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct view in = view_str(times[i].in);
		int64_t t = 0;
		int16_t zone = 0;
		bool ok = datetime_parse(in, &t, &zone);

		tap_ok(ok == times[i].want && t == times[i].t &&
			zone == times[i].zone,
		    "%s: %jd", times[i].in, (intmax_t)t);
		for (size_t n = 0; ok && n < in.n; n++)
			if (datetime_parse(view_sub(in, 0, n), &t, &zone))
				tap_ok(0, "%s cut to %zu", times[i].in, n);
	}
}

static void
test_days(void)
{
	struct view in = VIEW_LIT("1-feb-1994x"), bad = VIEW_LIT("1-Feb-199");
	static const char *const none[] = { "", "\"", "29-Feb-2023", "1-Feb-94",
		" 1-Feb-1994", "0-Feb-1994", "-Feb-1994" };
	int32_t days = 0;

	tap_ok(datetime_take_date(&in, &days) && days == 8797 && in.n == 1,
	    "date: %d", (int)days);
	tap_ok(!datetime_take_date(&bad, &days) && bad.n == 9,
	    "left alone on failure");
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct view v = view_str(none[i]);

		tap_ok(!datetime_take_date(&v, &days) && v.n == strlen(none[i]),
		    "no date: \"%s\"", none[i]);
	}
	in = VIEW_LIT("29-Feb-2000");
	tap_ok(datetime_take_date(&in, &days) && days == 11016 && in.n == 0,
	    "a leap day");
}

static void
test_put(void)
{
	static const struct {
		int64_t t;
		int16_t zone;
		const char *want;
	} all[] = {
		{ 0, 0, "\" 1-Jan-1970 00:00:00 +0000\"" },
		{ 837596665, -420, "\"17-Jul-1996 02:44:25 -0700\"" },
		{ -1, 0, "\"31-Dec-1969 23:59:59 +0000\"" },
		{ INT64_MAX, 0, "\"31-Dec-9999 23:59:59 +0000\"" },
		{ INT64_MIN, 0, "\" 1-Jan-0000 00:00:00 +0000\"" },
	};
	AUTO_BUF struct buf b;
	bool same = true;

	buf_init(&b, 64);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		buf_clear(&b);
		datetime_put(&b, all[i].t, all[i].zone);
		tap_ok(view_eq(buf_view(&b), view_str(all[i].want)), "put %.*s",
		    (int)b.n, (const char *)b.p);
	}
	for (int64_t t = -62000000000; t < 253000000000; t += 86399 * 997) {
		int64_t got;
		int16_t zone, want = (int16_t)(t % 6000);

		buf_clear(&b);
		datetime_put(&b, t, want);
		same = same && b.n == 28 &&
		    datetime_parse(
			view_sub(buf_view(&b), 1, 26), &got, &zone) &&
		    got == t && zone == want;
	}
	tap_ok(same, "what is put is parsed as it was");
}

int
main(void)
{
	test_times();
	test_days();
	test_put();
	return tap_done();
}
