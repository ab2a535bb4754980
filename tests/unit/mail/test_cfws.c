/* cfws: blanks and comments */
#include "mail/cfws.h"

#include "tap.h"

static const struct {
	const char *name, *in, *want;
} cases[] = {
	{ "nothing", "", "" },
	{ "nothing to skip", "text/plain", "text/plain" },
	{ "blanks and line ends", " \t\r\n x", "x" },
	{ "a bare LF", "\n\nx", "x" },
	{ "a comment", "(a b) x", "x" },
	{ "two comments", "(a)(b)x", "x" },
	{ "nested ones", "(a(b(c))d)x", "x" },
	{ "an escaped end", "(a\\)b)x", "x" },
	{ "an escaped start", "(a\\(b)x", "x" },
	{ "an escaped backslash", "(a\\\\)x", "x" },
	{ "an end too many", "(a))x", ")x" },
	{ "no end", "(a(b) x", "" },
	{ "a backslash at the end", "(a\\", "" },
	{ "a backslash outside", "\\(a)", "\\(a)" },
	{ "what follows stays as it is", " x (a)", "x (a)" },
};

static void
test_prefixes(struct view whole)
{
	struct view rest = whole;

	cfws_skip(&rest);
	for (size_t n = 0; n < whole.n - rest.n; n++) {
		struct view in = view_sub(whole, 0, n);

		cfws_skip(&in);
		if (in.n > 0)
			tap_ok(0, "prefix %zu leaves %zu bytes", n, in.n);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view in = view_str(cases[i].in);

		cfws_skip(&in);
		tap_ok(view_eq(in, view_str(cases[i].want)),
		    "%s: got \"%.*s\", want \"%s\"", cases[i].name, (int)in.n,
		    (const char *)in.p, cases[i].want);
		test_prefixes(view_str(cases[i].in));
	}
	for (unsigned c = 0; c < 256; c++)
		if (cfws_is_blank((uint8_t)c) !=
		    (c != 0 && memchr(" \t\r\n", (int)c, 4) != NULL))
			tap_ok(0, "blank: %u", c);
	return tap_done();
}
