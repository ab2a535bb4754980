/*
 * Dates. The reader of Date fields does not follow the grammar but looks at
 * words: what has a colon is the time, a month's name is the month, the first
 * small number is the day, the next number the year. That reads RFC 5322, its
 * obsolete forms, asctime and most of what broken mailers write.
 */

#include "mail/date.h"

#include "base/num.h"

#define DAY_SECONDS 86400

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "SunMonTueWedThuFriSat";

/* Zones by name; RFC 5322 section 4.3 and those that are unambiguous in real
 * mail. All others, the military letters too, count as UTC. */
static const struct {
	char name[5];
	int minutes;
} zones[] = {
	{ "est", -300 },
	{ "edt", -240 },
	{ "cst", -360 },
	{ "cdt", -300 },
	{ "mst", -420 },
	{ "mdt", -360 },
	{ "pst", -480 },
	{ "pdt", -420 },
	{ "jst", 540 },
	{ "kst", 540 },
	{ "hkt", 480 },
	{ "cet", 60 },
	{ "cest", 120 },
	{ "met", 60 },
	{ "mest", 120 },
	{ "eet", 120 },
	{ "eest", 180 },
	{ "wet", 0 },
	{ "west", 60 },
	{ "msk", 180 },
	{ "aest", 600 },
	{ "nzst", 720 },
};

/* What has been seen so far; -1: not yet. */
struct seen {
	int day, month, year;
	int hour, minute, second;
	int zone;
	bool has_zone;
	bool failed;
};

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

int64_t
date_days(int year, int month, int day)
{
	/* Years that start in March, eras of 400 of them. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void
date_civil(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t
date_day(struct date d)
{
	return floor_div(d.seconds, DAY_SECONDS) +
	    floor_div(
		(d.seconds - floor_div(d.seconds, DAY_SECONDS) * DAY_SECONDS) +
		    (int64_t)d.zone_minutes * 60,
		DAY_SECONDS);
}

static int
month_of(struct view w)
{
	if (w.n < 3)
		return -1;
	for (int m = 0; m < 12; m++)
		if (view_eq_ci(view_sub(w, 0, 3),
			(struct view){ (const uint8_t *)months + m * 3, 3 }))
			return m + 1;
	return -1;
}

/* Take digits; how many is told. At most 9 of them count. */
static int
take_digits(struct view *in, size_t *n)
{
	int v = 0;

	for (*n = 0; in->n > 0 && is_digit(in->p[0]); view_skip(in, 1))
		if ((*n)++ < 9)
			v = v * 10 + (in->p[0] - '0');
	return v;
}

/* CFWS with nested comments, and the punctuation between words. */
static void
skip_between(struct view *in)
{
	int depth = 0;

	for (; in->n > 0; view_skip(in, 1)) {
		uint8_t c = in->p[0];

		if (depth > 0 && c == '\\' && in->n > 1)
			view_skip(in, 1);
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth -= depth > 0;
		else if (depth == 0 &&
		    (is_digit(c) || is_alpha(c) || c == '+' || c == '-'))
			return;
	}
}

/* ":" minute [ ":" second [ "." fraction ]] after the hour */
static void
take_time(struct view *in, int hour, struct seen *s)
{
	size_t n;

	s->hour = hour;
	view_skip(in, 1);
	s->minute = take_digits(in, &n);
	s->second = 0;
	if (n == 0)
		s->failed = true;
	if (in->n > 1 && in->p[0] == ':' && is_digit(in->p[1])) {
		view_skip(in, 1);
		s->second = take_digits(in, &n);
	}
	if (in->n > 1 && in->p[0] == '.' && is_digit(in->p[1])) {
		view_skip(in, 1);
		(void)take_digits(in, &n);
	}
}

static int
full_year(int year, size_t digits)
{
	if (digits <= 2)
		return year < 50 ? 2000 + year : 1900 + year;
	return digits == 3 ? 1900 + year : year;
}

static void
take_number(struct view *in, struct seen *s)
{
	size_t n;
	int v = take_digits(in, &n);

	if (in->n > 0 && in->p[0] == ':' && s->hour < 0)
		take_time(in, v, s);
	else if (s->day < 0 && s->year < 0 && n == 4 && in->n > 2 &&
	    in->p[0] == '-' && is_digit(in->p[1]) && s->month < 0) {
		s->year = v; /* ISO 8601, year-month-day */
		view_skip(in, 1);
		s->month = take_digits(in, &n);
	} else if (s->day < 0 && n <= 2)
		s->day = v;
	else if (s->year < 0)
		s->year = full_year(v, n);
}

/* zone = ("+" / "-") 4DIGIT, a colon between allowed */
static bool
take_zone(struct view *in, struct seen *s)
{
	struct view v = *in;
	bool west = v.p[0] == '-';
	size_t n, n2 = 0;
	int z, m = 0;

	view_skip(&v, 1);
	z = take_digits(&v, &n);
	if (n == 2 && v.n > 0 && v.p[0] == ':') {
		view_skip(&v, 1);
		m = take_digits(&v, &n2);
	} else if (n == 4 || n == 3) {
		m = z % 100;
		z /= 100;
	}
	if (s->hour < 0 || n < 2 || n > 4 || s->has_zone || z > 23 || m > 59)
		return false;
	s->zone = (z * 60 + m) * (west ? -1 : 1);
	s->has_zone = true;
	*in = v;
	return true;
}

static void
take_word(struct view *in, struct seen *s)
{
	size_t n = 0;
	struct view w;

	while (n < in->n && is_alpha(in->p[n]))
		n++;
	w = view_sub(*in, 0, n);
	view_skip(in, n);
	if (s->month < 0 && month_of(w) > 0) {
		s->month = month_of(w);
		return;
	}
	if (view_eq_ci(w, VIEW_LIT("pm")) && s->hour >= 1 && s->hour < 12)
		s->hour += 12;
	else if (view_eq_ci(w, VIEW_LIT("am")) && s->hour == 12)
		s->hour = 0;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (s->hour >= 0 && !s->has_zone &&
		    view_eq_ci(w, view_str(zones[i].name))) {
			s->zone = zones[i].minutes;
			s->has_zone = true;
		}
}

bool
date_parse(struct view value, struct date *out)
{
	struct seen s = { -1, -1, -1, -1, -1, -1, 0, false, false };
	struct view in = value;

	for (skip_between(&in); in.n > 0; skip_between(&in)) {
		if (is_digit(in.p[0]))
			take_number(&in, &s);
		else if (is_alpha(in.p[0]))
			take_word(&in, &s);
		else if (!take_zone(&in, &s))
			view_skip(&in, 1);
	}
	if (s.hour < 0)
		s.hour = s.minute = s.second = 0;
	if (s.failed || s.day < 1 || s.day > 31 || s.month < 1 ||
	    s.month > 12 || s.year < 1 || s.year > 9999 || s.hour > 23 ||
	    s.minute > 59 || s.second > 60)
		return false;
	out->zone_minutes = s.zone;
	out->seconds = date_days(s.year, s.month, s.day) * DAY_SECONDS +
	    s.hour * 3600 + s.minute * 60 + s.second - (int64_t)s.zone * 60;
	return true;
}

/* A moment taken apart where it was written. */
struct broken {
	int64_t year;
	int month, day, weekday, hour, minute, second;
};

static struct broken
break_down(struct date d)
{
	struct broken b;
	int64_t days = date_day(d);
	int64_t rest =
	    d.seconds - days * DAY_SECONDS + (int64_t)d.zone_minutes * 60;

	date_civil(days, &b.year, &b.month, &b.day);
	if (b.year < 0)
		b.year = 0;
	if (b.year > 9999)
		b.year = 9999;
	b.weekday = (int)(((days % 7) + 11) % 7);
	b.hour = (int)(rest / 3600);
	b.minute = (int)(rest / 60 % 60);
	b.second = (int)(rest % 60);
	return b;
}

/* Seconds so far from 1970 that the sums would overflow come closer. */
static struct date
bounded(struct date d)
{
	const int64_t max = (int64_t)1 << 50;

	if (d.seconds > max)
		d.seconds = max;
	if (d.seconds < -max)
		d.seconds = -max;
	if (d.zone_minutes > 1439 || d.zone_minutes < -1439)
		d.zone_minutes = 0;
	return d;
}

static void
put_digits(struct buf *out, int64_t v, int n)
{
	uint8_t d[4];

	for (int i = n; i-- > 0; v /= 10)
		d[i] = (uint8_t)('0' + v % 10);
	buf_put(out, (struct view){ d, (size_t)n });
}

static void
put_name(struct buf *out, const char *names, int i)
{
	buf_put(out, (struct view){ (const uint8_t *)names + i * 3, 3 });
}

static void
put_clock(struct buf *out, const struct broken *b)
{
	put_digits(out, b->hour, 2);
	buf_put_byte(out, ':');
	put_digits(out, b->minute, 2);
	buf_put_byte(out, ':');
	put_digits(out, b->second, 2);
}

static void
put_zone(struct buf *out, int zone)
{
	int z = zone < 0 ? -zone : zone;

	buf_put_byte(out, ' ');
	buf_put_byte(out, zone < 0 ? '-' : '+');
	put_digits(out, z / 60 * 100 + z % 60, 4);
}

void
date_format(struct date d, struct buf *out)
{
	struct broken b = break_down(d = bounded(d));

	put_name(out, day_names, b.weekday);
	buf_put(out, VIEW_LIT(", "));
	put_digits(out, b.day, 2);
	buf_put_byte(out, ' ');
	put_name(out, month_names, b.month - 1);
	buf_put_byte(out, ' ');
	put_digits(out, b.year, 4);
	buf_put_byte(out, ' ');
	put_clock(out, &b);
	put_zone(out, d.zone_minutes);
}

void
date_format_asctime(int64_t seconds, struct buf *out)
{
	struct broken b = break_down(bounded((struct date){ seconds, 0 }));

	put_name(out, day_names, b.weekday);
	buf_put_byte(out, ' ');
	put_name(out, month_names, b.month - 1);
	buf_put(out, b.day < 10 ? VIEW_LIT("  ") : VIEW_LIT(" "));
	put_digits(out, b.day, b.day < 10 ? 1 : 2);
	buf_put_byte(out, ' ');
	put_clock(out, &b);
	buf_put_byte(out, ' ');
	put_digits(out, b.year, 4);
}
