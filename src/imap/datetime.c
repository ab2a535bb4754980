/* Dates of the protocol. Days are counted as in Howard Hinnant's well-known
 * method: years begin in March, 400 of them are 146097 days. */

#include "imap/datetime.h"

#include <stdio.h>

static const struct view months[] = { VIEW_LIT("Jan"), VIEW_LIT("Feb"),
	VIEW_LIT("Mar"), VIEW_LIT("Apr"), VIEW_LIT("May"), VIEW_LIT("Jun"),
	VIEW_LIT("Jul"), VIEW_LIT("Aug"), VIEW_LIT("Sep"), VIEW_LIT("Oct"),
	VIEW_LIT("Nov"), VIEW_LIT("Dec") };

int32_t
datetime_days(int32_t year, unsigned month, unsigned day)
{
	int32_t y = month <= 2 ? year - 1 : year;
	int32_t era = (y >= 0 ? y : y - 399) / 400;
	int32_t yoe = y - era * 400;
	int32_t m = (int32_t)(month + 9) % 12;
	int32_t doy = (153 * m + 2) / 5 + (int32_t)day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

static bool
take_octet(struct view *in, char c)
{
	if (in->n == 0 || in->p[0] != (uint8_t)c)
		return false;
	view_skip(in, 1);
	return true;
}

/* min to max digits */
static bool
take_digits(struct view *in, size_t min, size_t max, unsigned *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < max && i < in->n && in->p[i] >= '0' && in->p[i] <= '9';
	     i++)
		*out = *out * 10 + (unsigned)(in->p[i] - '0');
	if (i < min)
		return false;
	view_skip(in, i);
	return true;
}

static bool
take_month(struct view *in, unsigned *out)
{
	for (unsigned i = 0; i < sizeof(months) / sizeof(months[0]); i++) {
		if (!view_starts_ci(*in, months[i]))
			continue;
		view_skip(in, months[i].n);
		*out = i + 1;
		return true;
	}
	return false;
}

/* "-" date-month "-" date-year, after a day that must exist in it */
static bool
take_month_year(struct view *in, unsigned day, int32_t *days)
{
	unsigned m, y;

	if (!take_octet(in, '-') || !take_month(in, &m) ||
	    !take_octet(in, '-') || !take_digits(in, 4, 4, &y) || day == 0)
		return false;
	*days = datetime_days((int32_t)y, m, day);
	return *days < datetime_days((int32_t)y + (m == 12), m % 12 + 1, 1);
}

/* date-text = date-day "-" date-month "-" date-year */
bool
datetime_take_date(struct view *in, int32_t *days)
{
	struct view v = *in;
	unsigned day;
	int32_t d;

	if (!take_digits(&v, 1, 2, &day) || !take_month_year(&v, day, &d))
		return false;
	*in = v;
	*days = d;
	return true;
}

/* time = 2DIGIT ":" 2DIGIT ":" 2DIGIT */
static bool
take_time(struct view *in, int64_t *seconds)
{
	unsigned h, m, s;

	if (!take_digits(in, 2, 2, &h) || !take_octet(in, ':') ||
	    !take_digits(in, 2, 2, &m) || !take_octet(in, ':') ||
	    !take_digits(in, 2, 2, &s) || h > 23 || m > 59 || s > 60)
		return false;
	*seconds = h * 3600 + m * 60 + (s == 60 ? 59 : s);
	return true;
}

/* zone = ("+" / "-") 4DIGIT */
static bool
take_zone(struct view *in, int16_t *zone)
{
	unsigned h, m;
	bool west = take_octet(in, '-');

	if ((!west && !take_octet(in, '+')) || !take_digits(in, 2, 2, &h) ||
	    !take_digits(in, 2, 2, &m) || m > 59)
		return false;
	*zone = (int16_t)(h * 60 + m);
	if (west)
		*zone = (int16_t) - *zone;
	return true;
}

/* date-day-fixed "-" date-month "-" date-year SP time SP zone
 * date-day-fixed = (SP DIGIT) / 2DIGIT ; one digit alone is accepted too */
bool
datetime_parse(struct view v, int64_t *t, int16_t *zone)
{
	unsigned day;
	int32_t days;
	int64_t seconds;
	int16_t z;
	bool fixed = take_octet(&v, ' ');

	if (!take_digits(&v, 1, fixed ? 1 : 2, &day) ||
	    !take_month_year(&v, day, &days) || !take_octet(&v, ' ') ||
	    !take_time(&v, &seconds) || !take_octet(&v, ' ') ||
	    !take_zone(&v, &z) || v.n > 0)
		return false;
	*t = (int64_t)days * 86400 + seconds - z * 60;
	*zone = z;
	return true;
}

/* The first and the last second of the years four digits can say. */
#define T_MIN (-62167219200)
#define T_MAX 253402300799

void
datetime_put(struct buf *b, int64_t t, int16_t zone)
{
	unsigned z = (unsigned)(zone < 0 ? -zone : zone);
	int64_t days, second, year;
	unsigned month, day;

	t = t < T_MIN - 86400 * 5 ? T_MIN : t > T_MAX ? T_MAX : t;
	t += zone * 60;
	t = t < T_MIN ? T_MIN : t > T_MAX ? T_MAX : t;
	days = t / 86400 - (t % 86400 < 0);
	second = t - days * 86400;
	civil(days, &year, &month, &day);
	buf_printf(b, "\"%2u-%.3s-%04u %02u:%02u:%02u %c%02u%02u\"", day,
	    (const char *)months[month - 1].p, (unsigned)year,
	    (unsigned)(second / 3600), (unsigned)(second / 60 % 60),
	    (unsigned)(second % 60), zone < 0 ? '-' : '+', z / 60 % 100,
	    z % 60);
}
