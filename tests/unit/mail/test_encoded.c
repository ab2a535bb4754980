#include "check.h"
#include "mail/encoded.h"

static void
test_words(void)
{
	static const struct {
		const char *name, *in, *want;
	} cases[] = {
		/* RFC 2047 section 8 */
		{ "one", "(=?ISO-8859-1?Q?a?=)", "(a)" },
		{ "word and text", "=?ISO-8859-1?Q?a?= b", "a b" },
		{ "two words", "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
		{ "two blanks",
		    "=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab" },
		{ "folded",
		    "=?ISO-8859-1?Q?a?=\r\n\t=?ISO-8859-1?Q?b?=", "ab" },
		{ "underscore", "=?ISO-8859-1?Q?a_b?=", "a b" },
		{ "blank kept by underscore",
		    "=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b" },
		{ "appendix example",
		    "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
		    "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
		    "If you can read this you understand the example." },
		{ "Latin 1", "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=",
		    "Keld J\xc3\xb8rn Simonsen" },
		/* RFC 2231 section 5 */
		{ "language", "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore" },
		/* Japanese */
		{ "ISO-2022-JP", "=?ISO-2022-JP?B?GyRCQGc4ZBsoQg==?=",
		    "\xe4\xbb\x99\xe5\xa8\xaf" },
		{ "UTF-8 cut inside a character",
		    "=?UTF-8?B?5Lu=?= =?UTF-8?Q?=99?=", "\xe4\xbb\x99" },
		{ "ISO-2022-JP cut inside a state",
		    "=?ISO-2022-JP?B?GyRCQGc=?=\r\n =?ISO-2022-JP?B?OGQbKEI=?=",
		    "\xe4\xbb\x99\xe5\xa8\xaf" },
		{ "raw ISO-2022-JP", "\x1b$B@g8d\x1b(B",
		    "\xe4\xbb\x99\xe5\xa8\xaf" },
		{ "raw UTF-8", "\xe4\xbb\x99", "\xe4\xbb\x99" },
		{ "raw Latin 1", "caf\xe9", "caf\xc3\xa9" },
		/* broken */
		{ "no end", "=?UTF-8?Q?abc", "=?UTF-8?Q?abc" },
		{ "unknown encoding", "=?UTF-8?X?abc?=", "=?UTF-8?X?abc?=" },
		{ "unknown charset", "=?X-NOPE?Q?abc?= d",
		    "=?X-NOPE?Q?abc?= d" },
		{ "unknown beside known",
		    "=?X-NO?Q?a?= =?UTF-8?Q?b?=", "=?X-NO?Q?a?= b" },
		{ "blank in Q", "=?UTF-8?Q?a b?=", "a b" },
		{ "question mark in Q", "=?UTF-8?Q?a?b?=", "a?b" },
		{ "blank in the charset", "=? UTF-8?Q?a?=", "=? UTF-8?Q?a?=" },
		{ "glued to text", "x=?UTF-8?Q?a?=y", "xay" },
		{ "invalid bytes", "=?UTF-8?Q?a=FFb?=",
		    "a\xef\xbf\xbd"
		    "b" },
		{ "NUL", "=?UTF-8?Q?a=00b?=",
		    "a\xef\xbf\xbd"
		    "b" },
		{ "empty word",
		    "=?UTF-8?Q?"
		    "?=",
		    "" },
		{ "no words", "a = b =? c ?=", "a = b =? c ?=" },
		{ "broken escape", "=?UTF-8?Q?a=zz=4?=", "a=zz=4" },
		{ "tab and line end", "a\tb\r\n\tc", "a\tb\tc" },
		{ "unfolded", " a\r\n b\r\n", "a b" },
	};
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].in);

		buf_clear(&b);
		encoded_decode(view_str(cases[i].in), &b);
		check_str(cases[i].name, buf_view(&b), cases[i].want);
		while (n-- > 0) { /* prefixes: no read past the end */
			uint8_t *p =
			    exact(view_sub(view_str(cases[i].in), 0, n));

			buf_clear(&b);
			encoded_decode((struct view){ p, n }, &b);
			free(p);
		}
	}
}

static void
test_params(void)
{
	static const struct {
		const char *params, *name, *want; /* NULL: not there */
	} cases[] = {
		/* RFC 2231 sections 3 and 4 */
		{ "; access-type=URL; URL*0=\"ftp://\";"
		  " URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
		    "url",
		    "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar" },
		{ "; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
		    "title", "This is ***fun***" },
		{ "; title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
		  " title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
		    "title", "This is even more ***fun*** isn't it!" },
		{ "; filename*=UTF-8''%E4%BB%99.txt", "filename",
		    "\xe4\xbb\x99.txt" },
		{ "; filename*=iso-2022-jp'ja'%1B%24B%40g%1B%28B", "filename",
		    "\xe4\xbb\x99" },
		{ "; filename=x.txt; filename*=UTF-8''y.txt", "filename",
		    "y.txt" },
		{ "; filename*1=b; filename*0=a; filename*2=c", "filename",
		    "abc" },
		{ "; filename*0=a; filename*2=c", "filename", "a" },
		{ "; filename*1=b", "filename", NULL },
		{ "; filename*=no%20charset", "filename", "no charset" },
		{ "; filename*=x-nope''a%FF", "filename", "a\xc3\xbf" },
		{ "; filename*0*=UTF-8''%E4%BB; filename*1*=%99", "filename",
		    "\xe4\xbb\x99" },
		/* plain, and against the rules */
		{ "; name=\"a \\\"b\\\" c\"", "NAME", "a \"b\" c" },
		{ "; name=plain (comment)", "name", "plain" },
		{ "; name = spaced ; x=y", "name", "spaced" },
		{ ";; ;name=a", "name", "a" },
		{ "; name=two words.txt; x=y", "name", "two words.txt" },
		{ "; name=\"=?UTF-8?B?5LuZ?=\"", "name", "\xe4\xbb\x99" },
		{ "; name==?UTF-8?B?5LuZ?=", "name", "\xe4\xbb\x99" },
		{ "; name=\"unclosed; x=y", "name", "unclosed" },
		{ "; name=\"unclosed; x=y", "x", "y" },
		{ "; name", "name", NULL },
		{ "; name=", "name", "" },
		{ "; names=x", "name", NULL },
		{ "; junk junk; name=a", "name", "a" },
		{ " name=a", "name", "a" },
		{ "; name=\"fol\r\n ded\"", "name", "fol ded" },
		{ "; name=caf\xe9", "name", "caf\xc3\xa9" },
		{ "", "name", NULL },
	};
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view in = view_str(cases[i].params);
		bool found;

		buf_clear(&b);
		found = encoded_param_decode(in, view_str(cases[i].name), &b);
		check_num(cases[i].params, found, cases[i].want != NULL);
		check_str("  value", buf_view(&b),
		    cases[i].want != NULL ? cases[i].want : "");
		for (size_t n = in.n; n-- > 0;) {
			uint8_t *p = exact(view_sub(in, 0, n));

			buf_clear(&b);
			(void)!encoded_param_decode(
			    (struct view){ p, n }, view_str(cases[i].name), &b);
			free(p);
		}
	}
}

static void
test_limit(void)
{
	AUTO_BUF struct buf in, b;

	buf_init(&in, 10000);
	buf_init(&b, 100);
	for (int i = 1; i < ENCODED_PARAMS_MAX; i++)
		buf_put(&in, VIEW_LIT("; a=b"));
	buf_put(&in, VIEW_LIT("; last=x"));
	tap_ok(encoded_param_decode(buf_view(&in), VIEW_LIT("last"), &b),
	    "at the limit");
	buf_clear(&in);
	for (int i = 0; i < ENCODED_PARAMS_MAX; i++)
		buf_put(&in, VIEW_LIT("; a=b"));
	buf_put(&in, VIEW_LIT("; last=x"));
	tap_ok(!encoded_param_decode(buf_view(&in), VIEW_LIT("last"), &b),
	    "one past it");
}

int
main(void)
{
	test_words();
	test_params();
	test_limit();
	return tap_done();
}
