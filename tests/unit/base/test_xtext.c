#include "base/xtext.h"

#include <stdlib.h>

#include "tap.h"

static const struct {
	const char *text;
	bool ascii, utf8; /* xtext_ok() */
	const char *undone;
} cases[] = {
	{ "", true, true, "" }, { "abc", true, true, "abc" },
	{ "a+2Bb+3Dc", true, true, "a+b=c" }, { "+20x+09", true, true, " x\t" },
	{ "!~", true, true, "!~" }, { "a+2", false, false, NULL },
	{ "a+", false, false, NULL },
	{ "a+2b", false, false, NULL }, /* upper case alone */
	{ "a+2G", false, false, NULL },
	{ "a+0D+0A", false, false, NULL }, /* what is said must be printable */
	{ "a+00", false, false, NULL }, { "a+7F", false, false, NULL },
	{ "a+C3+A9", false, false, NULL }, { "a=b", false, false, NULL },
	{ "a b", false, false, NULL }, { "a\177", false, false, NULL },
	{ "jos\303\251", false, true, "jos\303\251" },
	{ "jos\303", false, false, NULL },
	{ "a\302\205b", false, false, NULL }, /* a control character */
};

static void
test_text(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b = BUF_INIT(64);
		struct view v = view_str(cases[i].text);
		bool good = xtext_ok(v, false) == cases[i].ascii &&
		    xtext_ok(v, true) == cases[i].utf8;

		if (good && cases[i].utf8) {
			xtext_undo(v, &b);
			good =
			    view_eq(buf_view(&b), view_str(cases[i].undone)) &&
			    b.n <= v.n;
		}
		tap_ok(good, "\"%s\"", cases[i].text);
	}
}

static void
test_orcpt(void)
{
	static const struct {
		const char *text, *type, *address; /* type NULL: it is none */
	} c[] = {
		{ "rfc822;Bob@example.com", "rfc822", "Bob@example.com" },
		{ "X-Foo;a+2Bb", "X-Foo", "a+2Bb" },
		{ "utf-8;jos\303\251@example.org", "utf-8",
		    "jos\303\251@example.org" },
		{ "UTF-8;\\x{E9}@example.org", "UTF-8", "\\x{E9}@example.org" },
		{ "rfc822;a;b", "rfc822", "a;b" },
		{ "rfc822;jos\303\251@example.org", NULL, NULL },
		{ "rfc822;", NULL, NULL },
		{ ";a", NULL, NULL },
		{ "rfc822", NULL, NULL },
		{ "rfc 822;a", NULL, NULL },
		{ "rfc.822;a", NULL, NULL },
		{ "rfc(822);a", NULL, NULL },
		{ "rfc822;a=b", NULL, NULL },
		{ "rfc822;a+0D", NULL, NULL },
		{ "", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct view type, address;
		bool is = xtext_orcpt(view_str(c[i].text), &type, &address);

		tap_ok(is == (c[i].type != NULL) &&
			(!is ||
			    (view_eq(type, view_str(c[i].type)) &&
				view_eq(address, view_str(c[i].address)))),
		    "ORCPT=%s", c[i].text);
	}
}

/* Cut anywhere nothing is read past the end (the sanitizer sees that). */
static void
test_prefixes(void)
{
	const struct view v = VIEW_LIT("utf-8;a+2Bjos\303\251@example.org");

	for (size_t n = 0; n <= v.n; n++) {
		uint8_t *p = malloc(n + 1);
		struct view type, address;

		memcpy(p, v.p, n);
		(void)!xtext_orcpt((struct view){ p, n }, &type, &address);
		(void)!xtext_ok((struct view){ p, n }, true);
		free(p);
	}
	tap_ok(true, "every prefix");
}

int
main(void)
{
	test_text();
	test_orcpt();
	test_prefixes();
	return tap_done();
}
