/* RFC 5260: date, currentdate, and the extension index. */

#include "mail/cfws.h"
#include "mail/date.h"
#include "sieve/checker.h"
#include "sieve/compare.h"
#include "sieve/ext_list.h"
#include "sieve/interp.h"

#define DAY_SECONDS 86400
#define JULIAN_1970 40587 /* Modified Julian Day of 1970-01-01 */
#define TEXT_MAX 64       /* bytes of a date-part */

enum { TAG_ZONE, TAG_ORIGINALZONE };

/* ---- zones ---- */

/* time-zone = ( "+" / "-" ) 4DIGIT */
static bool
parse_zone(struct view v, int *minutes)
{
	int digits[4];

	if (v.n != 5 || (v.p[0] != '+' && v.p[0] != '-'))
		return false;
	for (int i = 0; i < 4; i++) {
		digits[i] = v.p[i + 1] - '0';
		if (digits[i] < 0 || digits[i] > 9)
			return false;
	}
	*minutes =
	    (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3];
	if (digits[2] > 5 || *minutes >= 24 * 60)
		return false;
	if (v.p[0] == '-')
		*minutes = -*minutes;
	return true;
}

static bool
check_zone(struct checker *c, struct script_node *n, struct script_tag *t)
{
	int minutes;

	(void)n;
	if (!checker_is_constant(t->param) ||
	    parse_zone(t->param->texts[0].v, &minutes))
		return true;
	return checker_error_arg(c, t->param,
	    "a time zone is \"+\" or \"-\" and four digits, as in \"+0900\"");
}

static const struct ext_tag tags[] = {
	[TAG_ZONE] = { .name = "zone",
	    .commands = "date currentdate",
	    .param = EXT_STRING,
	    .group = "zone",
	    .check = check_zone },
	[TAG_ORIGINALZONE] = { .name = "originalzone",
	    .commands = "date",
	    .group = "zone" },
};

/* Put a moment into the zone the test asks for; false: the run has failed. */
static bool
shift(struct interp *in, const struct script_node *n, struct date *d)
{
	const struct script_tag *t = script_tag(n, &tags[TAG_ZONE]);

	if (script_tag(n, &tags[TAG_ORIGINALZONE]) != NULL)
		return true;
	if (t == NULL) {
		d->zone_minutes = in->calls->zone != NULL
		    ? in->calls->zone(in->env.ctx, d->seconds)
		    : in->env.zone_minutes;
		return true;
	}
	if (parse_zone(interp_string(in, t->param), &d->zone_minutes))
		return true;
	interp_fail(in, n, "a time zone is \"+\" or \"-\" and four digits");
	return false;
}

/* ---- date-parts ---- */

struct moment {
	struct date date;
	int64_t days, year; /* in its zone */
	int month, day, hour, minute, second, weekday;
};

static struct moment
split(struct date d)
{
	struct moment m = { .date = d };
	int64_t local = d.seconds + (int64_t)d.zone_minutes * 60;
	int64_t rest = local % DAY_SECONDS;

	if (rest < 0)
		rest += DAY_SECONDS;
	m.days = (local - rest) / DAY_SECONDS;
	date_civil(m.days, &m.year, &m.month, &m.day);
	m.hour = (int)(rest / 3600);
	m.minute = (int)(rest / 60 % 60);
	m.second = (int)(rest % 60);
	m.weekday = (int)((m.days % 7 + 11) % 7);
	return m;
}

static void
put_year(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%04d", (int)m->year);
}

static void
put_month(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%02d", m->month);
}

static void
put_day(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%02d", m->day);
}

static void
put_date(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%04d-%02d-%02d", (int)m->year, m->month, m->day);
}

static void
put_julian(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%lld", (long long)(m->days + JULIAN_1970));
}

static void
put_hour(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%02d", m->hour);
}

static void
put_minute(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%02d", m->minute);
}

static void
put_second(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%02d", m->second);
}

static void
put_time(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%02d:%02d:%02d", m->hour, m->minute, m->second);
}

static void
put_offset(int minutes, const char *colon, struct buf *b)
{
	int n = minutes < 0 ? -minutes : minutes;

	buf_printf(
	    b, "%c%02d%s%02d", minutes < 0 ? '-' : '+', n / 60, colon, n % 60);
}

static void
put_iso8601(const struct moment *m, struct buf *b)
{
	put_date(m, b);
	buf_put_byte(b, 'T');
	put_time(m, b);
	if (m->date.zone_minutes == 0)
		buf_put_byte(b, 'Z');
	else
		put_offset(m->date.zone_minutes, ":", b);
}

static void
put_std11(const struct moment *m, struct buf *b)
{
	date_format(m->date, b);
}

static void
put_zone(const struct moment *m, struct buf *b)
{
	put_offset(m->date.zone_minutes, "", b);
}

static void
put_weekday(const struct moment *m, struct buf *b)
{
	buf_printf(b, "%d", m->weekday);
}

struct date_part {
	const char *name;
	void (*put)(const struct moment *m, struct buf *b);
};

static const struct date_part date_parts[] = {
	{ "year", put_year },
	{ "month", put_month },
	{ "day", put_day },
	{ "date", put_date },
	{ "julian", put_julian },
	{ "hour", put_hour },
	{ "minute", put_minute },
	{ "second", put_second },
	{ "time", put_time },
	{ "iso8601", put_iso8601 },
	{ "std11", put_std11 },
	{ "zone", put_zone },
	{ "weekday", put_weekday },
};

static const struct date_part *
find_part(struct view name)
{
	for (size_t i = 0; i < EXT_COUNT(date_parts); i++)
		if (view_eq_ci(name, view_str(date_parts[i].name)))
			return &date_parts[i];
	return NULL;
}

/* The date-part is the argument before the keys. */
static bool
check_part(struct checker *c, const struct script_arg *arg)
{
	struct view v = arg->texts[0].v;

	if (!checker_is_constant(arg) || find_part(v) != NULL)
		return true;
	return checker_error_arg(c, arg, "a date has no part \"%.*s\"",
	    (int)(v.n < 60 ? v.n : 60), (const char *)v.p);
}

static bool
check_date(struct checker *c, struct script_node *n)
{
	return check_part(c, n->arg[1]);
}

static bool
check_currentdate(struct checker *c, struct script_node *n)
{
	return check_part(c, n->arg[0]);
}

static bool
compare_moment(struct interp *in, const struct script_node *n,
    const struct script_arg *arg, struct date d)
{
	struct view name = interp_string(in, arg);
	const struct date_part *part = find_part(name);
	AUTO_BUF struct buf b = BUF_INIT(TEXT_MAX);
	struct moment m;
	struct compare c;

	if (part == NULL) {
		interp_fail(in, n, "a date has no part \"%.*s\"",
		    (int)(name.n < 60 ? name.n : 60), (const char *)name.p);
		return false;
	}
	if (!shift(in, n, &d))
		return false;
	m = split(d);
	part->put(&m, &b);
	compare_begin(&c, in, n);
	(void)!compare_value(&c, interp_copy(in, buf_view(&b)));
	return compare_end(&c);
}

/* ---- date ---- */

/* A day that its month has not runs into the next: does the text name the day
 * that came out? */
static bool
names_day(struct view v, int day)
{
	for (size_t i = 0; i < v.n;) {
		size_t n = 0;
		int value = 0;

		for (; i + n < v.n && v.p[i + n] >= '0' && v.p[i + n] <= '9';
		     n++)
			value = (value * 10 + (v.p[i + n] - '0')) % 10000;
		if ((n == 1 || n == 2) && value == day &&
		    (i == 0 || (v.p[i - 1] != ':' && v.p[i - 1] != '+')) &&
		    (i + n == v.n || v.p[i + n] != ':'))
			return true;
		i += n > 0 ? n : 1;
	}
	return false;
}

/* Past the quoted string at the start of *in, or to its end. */
static void
skip_quoted(struct view *in)
{
	size_t n = 1;

	while (n < in->n && in->p[n] != '"')
		n += in->p[n] == '\\' ? 2 : 1;
	view_skip(in, n < in->n ? n + 1 : in->n);
}

/* The last semicolon that is in no comment or quoted string (RFC 5322 section
 * 3.6.7), or, where one of these has no end, of all; NULL: there is none. */
static const uint8_t *
last_semicolon(struct view text)
{
	const uint8_t *p = NULL;

	for (struct view v = text; v.n > 0;) {
		if (v.p[0] == '(') {
			cfws_skip(&v);
		} else if (v.p[0] == '"') {
			skip_quoted(&v);
		} else {
			p = v.p[0] == ';' ? v.p : p;
			view_skip(&v, 1);
		}
	}
	return p != NULL || text.n == 0 ? p : memrchr(text.p, ';', text.n);
}

/* The date of a field: all of it, or what follows its last semicolon. */
static bool
field_date(struct interp *in, struct letter_value *v, struct date *out)
{
	struct view text = v->raw.n > 0 ? v->raw : letter_text(in->letter, v);
	const uint8_t *p = last_semicolon(text);
	struct date before;

	if (p != NULL)
		view_skip(&text, (size_t)(p + 1 - text.p));
	if (!interp_cost(in, text.n) || !date_parse(text, out))
		return false;
	/* a leap second belongs to the day before */
	before = *out;
	before.seconds--;
	return names_day(text, split(*out).day) ||
	    names_day(text, split(before).day);
}

/* ":count" of what is no date is 0, which no field is shown for. */
static bool
no_date(struct interp *in, const struct script_node *n)
{
	struct compare c;

	if ((n->how->match->flags & EXT_COUNTS) == 0)
		return false;
	compare_begin(&c, in, n);
	return compare_end(&c);
}

/* date [<":zone" <time-zone: string>> / ":originalzone"] [COMPARATOR]
 *      [MATCH-TYPE] <header-name: string> <date-part: string> <key-list> */
static bool
test_date(struct interp *in, const struct script_node *n)
{
	struct letter_values v;
	struct date d;

	interp_values(in, n, n->arg[0], &v);
	if (v.n == 0 || !field_date(in, v.v[0], &d))
		return no_date(in, n);
	return compare_moment(in, n, n->arg[1], d);
}

/* currentdate [":zone" <time-zone: string>] [COMPARATOR] [MATCH-TYPE]
 *             <date-part: string> <key-list: string-list> */
static bool
test_currentdate(struct interp *in, const struct script_node *n)
{
	struct date d = { .seconds = in->env.now };

	return compare_moment(in, n, n->arg[0], d);
}

static const struct ext_command tests[] = {
	{
	    .name = "date",
	    .args = "ssl",
	    .flags = EXT_MATCH,
	    .check = check_date,
	    .test = test_date,
	},
	{
	    .name = "currentdate",
	    .args = "sl",
	    .flags = EXT_MATCH,
	    .check = check_currentdate,
	    .test = test_currentdate,
	},
};

const struct ext ext_date = {
	.name = "date",
	.tests = tests,
	.n_tests = EXT_COUNT(tests),
	.tags = tags,
	.n_tags = EXT_COUNT(tags),
};

/* ---- index (RFC 5260 section 6) ---- */

enum { TAG_INDEX, TAG_LAST };

static const struct ext_tag index_tags[2];

static bool
check_index(struct checker *c, struct script_node *n, struct script_tag *t)
{
	(void)n;
	if (t->param->number > 0)
		return true;
	return checker_error_arg(c, t->param, "\":index\" counts from 1");
}

static bool
check_last(struct checker *c, struct script_node *n, struct script_tag *t)
{
	if (script_tag(n, &index_tags[TAG_INDEX]) != NULL)
		return true;
	return checker_error_arg(
	    c, t->at, "\":last\" can only stand beside \":index\"");
}

static void
pick_index(struct interp *in, const struct script_node *n,
    const struct script_tag *t, struct letter_values *v)
{
	uint64_t i = t->param->number;

	(void)in;
	if (i > v->n) {
		v->n = 0;
		return;
	}
	if (script_tag(n, &index_tags[TAG_LAST]) != NULL)
		i = v->n + 1 - i;
	v->v += i - 1;
	v->n = 1;
}

static const struct ext_tag index_tags[] = {
	[TAG_INDEX] = { .name = "index",
	    .commands = "header address date",
	    .param = EXT_NUMBER,
	    .check = check_index,
	    .pick = pick_index },
	[TAG_LAST] = { .name = "last",
	    .commands = "header address date",
	    .check = check_last },
};

const struct ext ext_index = {
	.name = "index",
	.tags = index_tags,
	.n_tags = EXT_COUNT(index_tags),
};
