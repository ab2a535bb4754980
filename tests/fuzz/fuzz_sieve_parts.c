/* Expressions, mailto: URIs, HTML and header fields, as scripts can give them:
 * the promises of their headers. The first byte says which; the first line is
 * the pattern. */
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/header.h"
#include "sieve/ere.h"
#include "sieve/html.h"
#include "sieve/mailto.h"
#include "sieve/tidy.h"

static void
check(bool good)
{
	if (!good)
		abort();
}

static bool
inside(struct view v, struct view whole)
{
	return v.p == NULL ||
	    (v.p >= whole.p && v.p + v.n <= whole.p + whole.n);
}

static void
try_ere(struct view in, enum ere_case fold, struct arena *a)
{
	struct view pattern = in, text, group[ERE_GROUPS_MAX];
	const uint8_t *end = memchr(in.p, '\n', in.n);
	const char *error;
	struct ere *e;

	if (end == NULL)
		return;
	pattern.n = (size_t)(end - in.p);
	text = view_sub(in, pattern.n + 1, 512);
	if (ere_compile(pattern, fold, a, &e, &error) != ERE_OK) {
		check(e == NULL && error != NULL);
		return;
	}
	check(ere_cost(e) <= ERE_PROGRAM_MAX);
	if (!ere_match(e, text, group))
		return;
	check(group[0].p != NULL);
	for (size_t i = 0; i < ERE_GROUPS_MAX; i++)
		check(inside(group[i], i == 0 ? text : group[0]));
}

static void
try_mailto(struct view in, struct arena *a)
{
	static struct mailto m;
	const char *error;

	if (!mailto_parse(in, a, &m, &error))
		return;
	check(m.to.n + m.cc.n + m.bcc.n > 0 && m.n <= MAILTO_FIELDS_MAX);
	check(
	    m.subject.n == 0 || memchr(m.subject.p, '\n', m.subject.n) == NULL);
	for (size_t i = 0; i < m.n; i++)
		check(tidy_is_field_name(m.field[i].name));
}

static void
try_field(struct view in, struct arena *a)
{
	struct header_field f;
	struct view out;

	if (in.n > 0 && memchr(in.p, 0, in.n) != NULL)
		return;
	check(tidy_field(VIEW_LIT("X"), in, a, &out));
	check(out.n <= TIDY_FIELD_SIZE(1, in.n) + 64);
	check(utf8_ascii(out));
	check(header_next(&out, &f) && out.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA struct arena *a = arena_new((size_t)64 << 20);
	struct view in = { data, size }, out;

	if (size == 0)
		return 0;
	view_skip(&in, 1);
	switch (data[0] % 4) {
	case 0:
		try_ere(in, (enum ere_case)(data[0] / 4 % 3), a);
		break;
	case 1:
		try_mailto(in, a);
		break;
	case 2:
		out = html_text(in, a);
		check(out.n <= in.n);
		break;
	default:
		try_field(in, a);
		break;
	}
	return 0;
}
