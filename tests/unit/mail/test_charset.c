#include <fcntl.h>
#include <iconv.h>
#include <sys/resource.h>

#include "base/utf8.h"
#include "check.h"
#include "mail/charset.h"
#include "mail/charset_table.h"

static const struct {
	const char *charset, *in, *want;
} cases[] = {
	{ "us-ascii", "abc", "abc" },
	{ "", "abc", "abc" },
	{ "UTF-8", "\xe4\xbb\x99", "\xe4\xbb\x99" },
	{ "utf-8", "a\xff\xfe", "a\xef\xbf\xbd\xef\xbf\xbd" },
	{ "utf-8", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "utf-8", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "unknown-8bit", "\xe4\xbb\x99", "\xe4\xbb\x99" },
	{ "iso-8859-1", "caf\xe9 \x80", "caf\xc3\xa9 \xe2\x82\xac" },
	{ "\"ISO-8859-15\"", "\xa4", "\xe2\x82\xac" },
	{ "koi8-r", "\xcd\xc9\xd2", "\xd0\xbc\xd0\xb8\xd1\x80" },
	{ "windows-1251", "\xec\xe8\xf0", "\xd0\xbc\xd0\xb8\xd1\x80" },
	{ "utf-7", "Hi Mom -+Jjo--!", "Hi Mom -\xe2\x98\xba-!" },
	{ "utf-16be", "\x4e\xd9", "\xe4\xbb\x99" },
	{ "gb2312", "\xcf\xc9", "\xe4\xbb\x99" },
	{ "gbk", "\x81\x40", "\xe4\xb8\x82" },
	{ "big5", "\xa5\x50", "\xe4\xbb\x99" },
	{ "euc-kr", "\xc7\xd1", "\xed\x95\x9c" },
	{ "ks_c_5601-1987", "\x8c\x63", "\xeb\x98\xa0" },
	{ "shift_jis", "\x90\xe5", "\xe4\xbb\x99" },
	{ "Shift_JIS", "\x87\x40", "\xe2\x91\xa0" },          /* NEC row 13 */
	{ "x-sjis", "\xb6\xde", "\xef\xbd\xb6\xef\xbe\x9e" }, /* kana */
	{ "windows-31j", "\xfb\xfc", "\xe9\xab\x99" }, /* IBM extension */
	{ "cp932", "\x5c", "\\" },
	{ "euc-jp", "\xc0\xe7", "\xe4\xbb\x99" },
	{ "EUC-JP", "\xad\xa1", "\xe2\x91\xa0" },
	{ "euc-jp", "\x8e\xb6", "\xef\xbd\xb6" },
	{ "iso-2022-jp", "\x1b$B@g\x1b(B!", "\xe4\xbb\x99!" },
	{ "iso-2022-jp", "\x1b$@@g\x1b(J\\", "\xe4\xbb\x99\\" },
	{ "iso-2022-jp", "\x1b$B-!\x1b(B", "\xe2\x91\xa0" },
	{ "iso-2022-jp", "\x1b(I6^\x1b(B", "\xef\xbd\xb6\xef\xbe\x9e" },
	{ "cp50221", "\x1b$B|b\x1b(B", "\xe9\xab\x99" },
	{ "iso-2022-jp-ms", "\x0e\x36\x0f!", "\xef\xbd\xb6!" },
	{ "iso-2022-jp-1", "\x1b$(D0!\x1b(B", "\xe4\xb8\x82" },
	/* a line that does not return to ASCII */
	{ "iso-2022-jp", "\x1b$B@g\nabc", "\xe4\xbb\x99\nabc" },
	/* a character cut at the end */
	{ "iso-2022-jp", "\x1b$B@", "\xef\xbf\xbd" },
	{ "iso-2022-jp", "\x1b$B@\x1b(Ba",
	    "\xef\xbf\xbd"
	    "a" },
	{ "iso-2022-jp", "\x1b$B@\na", "\xef\xbf\xbd\na" },
	{ "shift_jis", "a\x90", "a\xef\xbf\xbd" },
	{ "utf-8", "a\xe4\xbb", "a\xef\xbf\xbd\xef\xbf\xbd" },
	/* invalid in the middle */
	{ "euc-jp", "\xc0 b", "\xef\xbf\xbd b" },
	{ "shift_jis",
	    "\x90\x20"
	    "b",
	    "\xef\xbf\xbd b" },
};

static void
test_cases(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view name = view_str(cases[i].charset);

		buf_clear(&b);
		tap_ok(charset_to_utf8(name, view_str(cases[i].in), &b) ==
			CHARSET_OK,
		    "%s is known", cases[i].charset);
		check_str(cases[i].charset, buf_view(&b), cases[i].want);
	}
}

/* Byte by byte the text is the same, but for how many U+FFFD the end has. */
static void
test_pieces(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view in = view_str(cases[i].in);
		struct charset *c;

		buf_clear(&b);
		if (charset_open(view_str(cases[i].charset), &c) != CHARSET_OK)
			continue;
		for (int turn = 0; turn < 2; turn++) {
			buf_clear(&b);
			for (size_t k = 0; k < in.n; k++)
				charset_put(c, view_sub(in, k, 1), &b);
			charset_end(c, &b);
		}
		charset_close(&c);
		if (i == 38) /* "cut at the end", UTF-8 */
			check_str("  cut", buf_view(&b), "a\xef\xbf\xbd");
		else
			check_str(
			    cases[i].charset, buf_view(&b), cases[i].want);
	}
}

static void
test_unknown(void)
{
	AUTO_BUF struct buf b;
	struct charset *c;
	uint8_t name[CHARSET_NAME_MAX + 1];

	buf_init(&b, 100);
	memset(name, 'x', sizeof(name));
	tap_ok(charset_to_utf8(VIEW_LIT("x-nope"), VIEW_LIT("a"), &b) ==
		    CHARSET_UNKNOWN &&
		b.n == 0,
	    "an unknown charset adds nothing");
	tap_ok(
	    charset_open(VIEW_LIT("UTF-8//TRANSLIT"), &c) == CHARSET_UNKNOWN &&
		c == NULL,
	    "no iconv suffixes");
	tap_ok(!charset_is_known((struct view){ name, sizeof(name) }),
	    "a name past the limit");
	tap_ok(charset_is_known(VIEW_LIT("KOI8-R")), "a known one");
	charset_close(&c);
}

static void
test_utf8(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 1000);
	check_num("valid start",
	    utf8_valid_start(VIEW_LIT("0123456789\xe4\xbb\x99\xff")), 13);
	check_num(
	    "cut character", utf8_valid_start(VIEW_LIT("abc\xf0\x9f\x98")), 3);
	check_num("NUL is valid", utf8_valid_start(VIEW_LIT("a\0b")), 3);
	charset_put_utf8(VIEW_LIT("a\0b"), &b);
	check_str("NUL is replaced", buf_view(&b),
	    "a\xef\xbf\xbd"
	    "b");
}

static void
test_guess(void)
{
	static const struct {
		const char *in, *want;
	} guesses[] = {
		{ "plain", "plain" },
		{ "\xe4\xbb\x99", "\xe4\xbb\x99" },
		{ "caf\xe9", "caf\xc3\xa9" },
		{ "\x1b$B@g\x1b(B", "\xe4\xbb\x99" },
		{ "\x82\xb1\x82\xea", "\xe3\x81\x93\xe3\x82\x8c" },
		{ "\xa4\xb3\xa4\xec", "\xe3\x81\x93\xe3\x82\x8c" },
		{ "stra\xdf"
		  "e \xfc"
		  "ber",
		    "stra\xc3\x9f"
		    "e \xc3\xbc"
		    "ber" },
	};
	AUTO_BUF struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
		buf_clear(&b);
		charset_put_guess(view_str(guesses[i].in), &b);
		check_str(guesses[i].want, buf_view(&b), guesses[i].want);
	}
}

/* With no descriptor left no file can be opened, as in a sandbox: what was
 * loaded before must still do. */
static void
test_without_files(void)
{
	struct rlimit none, usual;
	size_t lost = 0;

	if (getrlimit(RLIMIT_NOFILE, &usual) != 0)
		return;
	none = (struct rlimit){ 3, usual.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &none) != 0 ||
	    open("/dev/null", O_RDONLY | O_CLOEXEC) != -1) {
		tap_ok(false, "no descriptor left");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		lost += !charset_is_known(view_str(cases[i].charset));
	(void)setrlimit(RLIMIT_NOFILE, &usual);
	check_num("converters lost without files", lost, 0);
}

/* glibc must have every converter of the list. */
static void
test_preload(void)
{
	size_t n = 0, listed = 0;
	struct charset_kept *k = charset_preload(&n);

	while (charset_preload_name(listed) != NULL)
		listed++;
	tap_ok(listed > 15, "%zu converters are listed", listed);
	check_num("all could be opened", n, listed);
	test_without_files();
	charset_preload_free(&k);
	tap_ok(k == NULL, "freed");
	charset_preload_free(&k);
}

/* Every sequence of two bytes means what iconv says. */
static void
test_table(const struct charset_table *t)
{
	AUTO_BUF struct buf b = BUF_INIT(1000);
	iconv_t cd = iconv_open("UTF-8", t->code);
	size_t differ = 0;
	struct charset *c;

	if (cd == (iconv_t)-1 ||
	    charset_open(view_str(t->code), &c) != CHARSET_OK) {
		if (cd != (iconv_t)-1)
			iconv_close(cd);
		return; /* not under that name in mail */
	}
	for (unsigned i = 1; i < 0x10000; i++) {
		char in[2] = { (char)(i >> 8), (char)i }, out[16], *p = in,
		     *o = out;
		size_t left = 2, room = sizeof(out);

		if ((i >> 8) == 0 || (i & 0xff) == 0)
			continue;
		(void)iconv(cd, NULL, NULL, NULL, NULL);
		if (iconv(cd, &p, &left, &o, &room) == (size_t)-1)
			continue;
		buf_clear(&b);
		charset_put(c, (struct view){ (uint8_t *)in, 2 }, &b);
		charset_end(c, &b);
		differ +=
		    b.n != (size_t)(o - out) || memcmp(b.p, out, b.n) != 0;
	}
	check_num(t->code, differ, 0);
	charset_close(&c);
	iconv_close(cd);
}

int
main(void)
{
	for (size_t i = 0; i < charset_table_count; i++)
		test_table(&charset_tables[i]);
	test_cases();
	test_pieces();
	test_unknown();
	test_utf8();
	test_guess();
	test_preload();
	return tap_done();
}
