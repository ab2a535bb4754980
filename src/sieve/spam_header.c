#include "sieve/spam_header.h"

#include <stdio.h>

#include "base/num.h"
#include "mail/header.h"
#include "sieve/ere.h"
#include "sieve/testsuite_world.h"

#define SCALE 1000 /* of scores: three digits behind the point count */
#define SCORE_MAX (INT64_MAX / SCALE / SCALE)

static struct view
setting(struct world *w, const char *kind, const char *name)
{
	char key[80];

	(void)snprintf(key, sizeof(key), "sieve_%s_%s", kind, name);
	return world_setting(w, key);
}

/* The text a setting "Name" or "Name: expression" finds in the message: the
 * first group of the expression, or the whole value. */
static bool
find_text(struct world *w, struct view where, struct view *out)
{
	const uint8_t *colon =
	    where.n > 0 ? memchr(where.p, ':', where.n) : NULL;
	size_t n = colon != NULL ? (size_t)(colon - where.p) : where.n;
	struct view group[ERE_GROUPS_MAX];
	struct header_field f;
	const char *error;
	struct ere *e;

	if (!header_find(view_sub(w->message, 0, header_size(w->message)),
		header_trim(view_sub(where, 0, n)), &f))
		return false;
	*out = header_trim(f.value);
	if (colon == NULL)
		return true;
	if (ere_compile(header_trim(view_sub(where, n + 1, where.n)), ERE_ASCII,
		w->arena, &e, &error) != ERE_OK ||
	    !ere_match(e, *out, group))
		return false;
	*out = group[1].p != NULL ? group[1] : group[0];
	return true;
}

/* [ "-" / "+" ] digits [ "." digits ] with anything behind it. */
static bool
take_score(struct view v, int64_t *out)
{
	bool negative = v.n > 0 && v.p[0] == '-';
	uint64_t whole;
	int64_t unit = SCALE;

	if (v.n > 0 && (v.p[0] == '-' || v.p[0] == '+'))
		view_skip(&v, 1);
	if (v.n > 1 && v.p[0] == '.')
		whole = 0;
	else if (!num_take(&v, SCORE_MAX, &whole))
		return false;
	*out = (int64_t)whole * SCALE;
	for (size_t i = 1; v.n > 0 && v.p[0] == '.' && i < v.n && unit > 1 &&
	     v.p[i] >= '0' && v.p[i] <= '9';
	     i++) {
		unit /= 10;
		*out += (v.p[i] - '0') * unit;
	}
	if (negative)
		*out = -*out;
	return true;
}

static bool
max_score(struct world *w, const char *kind, int64_t *out)
{
	struct view v = setting(w, kind, "max_value"), text;

	if (v.n == 0) {
		v = setting(w, kind, "max_header");
		if (v.n == 0 || !find_text(w, v, &text))
			return false;
		v = text;
	}
	return take_score(v, out) && *out > 0;
}

/* The number of the text_value that the status is; -1: none. */
static int
text_number(struct world *w, const char *kind, struct view status)
{
	char name[20];

	for (int i = 0; i <= 10; i++) {
		struct view v;

		(void)snprintf(
		    name, sizeof(name), "text_value%u", (unsigned)i % 11);
		v = setting(w, kind, name);
		if (v.n > 0 && view_eq(v, status))
			return i;
	}
	return -1;
}

/*
 * Where the status is on the way from 0 to 1, in parts of *of.
 *
 * steps  of text values, 1..steps+1; text value 0 means not tested
 */
static bool
ratio(struct world *w, const char *kind, int64_t steps, int64_t *part,
    int64_t *of)
{
	struct view type = setting(w, kind, "status_type"), status;

	if (!find_text(w, setting(w, kind, "status_header"), &status))
		return false;
	if (view_eq(type, VIEW_LIT("text"))) {
		*part = text_number(w, kind, status) - 1;
		*of = steps;
		return *part >= 0 && *part <= steps;
	}
	if (!max_score(w, kind, of))
		return false;
	if (view_eq(type, VIEW_LIT("strlen")))
		*part = (int64_t)status.n * SCALE;
	else if (!take_score(status, part))
		return false;
	if (*part < 0)
		*part = 0;
	if (*part > *of)
		*part = *of;
	return true;
}

bool
spam_header_percent(struct world *w, unsigned *percent)
{
	int64_t part, of;

	if (!ratio(w, "spamtest", 9, &part, &of))
		return false;
	*percent = (unsigned)((part * 100 + (of == 9 ? of - 1 : 0)) / of);
	return true;
}

bool
spam_header_virus(struct world *w, unsigned *value)
{
	int64_t part, of;

	if (!ratio(w, "virustest", 4, &part, &of))
		return false;
	*value = (unsigned)(part * 4 / of) + 1;
	return true;
}
