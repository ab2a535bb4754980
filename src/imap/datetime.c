/* Dates of the protocol; mail/date.h knows the calendar. */

#include "imap/datetime.h"

#include "mail/date.h"

static const struct view months[] = { VIEW_LIT("Jan"), VIEW_LIT("Feb"),
	VIEW_LIT("Mar"), VIEW_LIT("Apr"), VIEW_LIT("May"), VIEW_LIT("Jun"),
	VIEW_LIT("Jul"), VIEW_LIT("Aug"), VIEW_LIT("Sep"), VIEW_LIT("Oct"),
	VIEW_LIT("Nov"), VIEW_LIT("Dec") };

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
	*days = (int32_t)date_days((int)y, (int)m, (int)day);
	return *days < date_days((int)y + (m == 12), (int)(m % 12 + 1), 1);
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
	int month, day;

	t = t < T_MIN - 86400 * 5 ? T_MIN : t > T_MAX ? T_MAX : t;
	t += zone * 60;
	t = t < T_MIN ? T_MIN : t > T_MAX ? T_MAX : t;
	days = t / 86400 - (t % 86400 < 0);
	second = t - days * 86400;
	date_civil(days, &year, &month, &day);
	buf_printf(b, "\"%2d-%.3s-%04u %02u:%02u:%02u %c%02u%02u\"", day,
	    (const char *)months[month - 1].p, (unsigned)year,
	    (unsigned)(second / 3600), (unsigned)(second / 60 % 60),
	    (unsigned)(second % 60), zone < 0 ? '-' : '+', z / 60 % 100,
	    z % 60);
}
