#include "base/buf.h"
#include "mail/fold.h"
#include "search/may.h"
#include "tap.h"

static const struct {
	const char *needle, *text;
	bool want;
} cases[] = {
	{ "abc", "日本語の文章", false },
	{ "abc", "ＡＢＣ", true },
	{ "abc", "xＢx", true },
	{ "abc", "Ｄ！", false },
	{ "a b", "日\xe3\x80\x80本", true }, /* U+3000 becomes a space */
	{ "ab", "日\xe3\x80\x80本", false },
	{ "fine", "ﬁne", true },
	{ "cafe", "café", true }, /* "cafe" and a mark */
	{ "beer", "café", false },
	{ "kelvin",
	    "\xe2\x84\xaa"
	    "elvin",
	    true },
	{ "1", "①", true },
	{ "日", "日本", true },
	{ "日", "本当", false },
	{ "日曜", "本日", true }, /* one character is asked for */
	{ "株", "㈱", true },
	{ "カ", "ｶ", true },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b;
		struct may *m;
		bool ascii = true, got;

		buf_init(&b, 1000);
		fold_text(view_str(cases[i].needle), &b);
		for (size_t k = 0; k < b.n; k++)
			ascii &= b.p[k] < 0x80;
		m = may_new(buf_view(&b), ascii);
		got = may_hold(m, view_str(cases[i].text));
		tap_ok(got == cases[i].want, "%s in %s: got %d",
		    cases[i].needle, cases[i].text, got);
		may_free(&m);
	}
	return tap_done();
}
