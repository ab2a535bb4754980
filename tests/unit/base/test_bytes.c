/* view, bytes, buf, num, utf8, base64 */
#include <stdlib.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/num.h"
#include "base/utf8.h"
#include "tap.h"

static void
test_view(void)
{
	struct view v = VIEW_LIT("Hello");

	tap_ok(view_eq(view_sub(v, 1, 3), VIEW_LIT("ell")), "sub");
	tap_ok(view_sub(v, 9, 3).n == 0, "sub past the end is empty");
	tap_ok(view_sub(v, 3, SIZE_MAX).n == 2, "sub is clipped");
	tap_ok(view_starts(v, VIEW_LIT("He")), "starts");
	tap_ok(!view_starts(v, VIEW_LIT("he")), "starts minds case");
	tap_ok(view_starts_ci(v, VIEW_LIT("hE")), "starts_ci does not");
	tap_ok(view_eq_ci(v, VIEW_LIT("HELLO")), "eq_ci");
	tap_ok(!view_eq_ci(VIEW_LIT("@"), VIEW_LIT("`")), "letters only");
	tap_ok(view_eq((struct view){ 0 }, VIEW_LIT("")), "empty is empty");
}

static void
test_fixed(void)
{
	uint8_t p[10];

	memset(p, 0xee, sizeof(p));
	bytes_put32(p + 1, 0x01020304);
	tap_ok(memcmp(p, "\xee\1\2\3\4\xee", 6) == 0,
	    "four bytes, big-endian, unaligned");
	tap_ok(bytes_get32(p + 1) == 0x01020304, "and back");
	bytes_put64(p + 1, UINT64_C(0x0807060504030201));
	tap_ok(memcmp(p, "\xee\x8\7\6\5\4\3\2\1\xee", 10) == 0,
	    "eight bytes, big-endian, unaligned");
	tap_ok(bytes_get64(p + 1) == UINT64_C(0x0807060504030201), "and back");
	bytes_put32(p, UINT32_MAX);
	bytes_put64(p + 2, UINT64_MAX);
	tap_ok(bytes_get32(p) == UINT32_MAX && bytes_get64(p + 2) == UINT64_MAX,
	    "the largest numbers");
}

static void
test_buf(void)
{
	struct buf b;
	char long_text[600];

	buf_init(&b, 8);
	buf_put_str(&b, "1234567");
	tap_ok(!b.failed && b.n == 7, "one below the maximum");
	buf_put_byte(&b, '8');
	tap_ok(!b.failed && b.n == 8, "at the maximum");
	buf_put_byte(&b, '9');
	tap_ok(b.failed && b.n == 8, "one past it fails, nothing is added");
	buf_consume(&b, 4);
	buf_put_byte(&b, '9');
	tap_ok(b.failed && b.n == 4, "the failure sticks");
	buf_clear(&b);
	buf_printf(&b, "%08d", 42);
	tap_ok(!b.failed && view_eq(buf_view(&b), VIEW_LIT("00000042")),
	    "printf fills it to the maximum");
	buf_printf(&b, "%d", 1);
	tap_ok(b.failed, "printf past it fails");
	buf_fini(&b);
	buf_init(&b, 1000);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	buf_printf(&b, "<%s>", long_text);
	tap_ok(b.n == 601 && b.p[0] == '<' && b.p[600] == '>', "long printf");
	buf_put(&b, (struct view){ 0 });
	buf_put_dec(&b, UINT64_MAX);
	tap_ok(b.n == 621, "decimal of 20 digits");
	buf_fini(&b);
	buf_init(&b, 100000);
	for (unsigned i = 0; i < 100000; i++)
		buf_put_byte(&b, (uint8_t)i);
	tap_ok(!b.failed && b.n == 100000 && b.p[77777] == (uint8_t)77777,
	    "grows to an odd maximum");
	buf_fini(&b);
}

static void
test_num(void)
{
	static const struct {
		const char *in;
		uint64_t max;
		bool take, all;
		uint64_t want;
		size_t left;
	} cases[] = {
		{ "0", 0, true, true, 0, 0 },
		{ "1", 0, false, false, 0, 0 },
		{ "00012", 12, true, true, 12, 0 },
		{ "13", 12, false, false, 0, 0 },
		{ "12x", 99, true, false, 12, 1 },
		{ "", 99, false, false, 0, 0 },
		{ "x", 99, false, false, 0, 0 },
		{ "-1", 99, false, false, 0, 0 },
		{ " 1", 99, false, false, 0, 0 },
		{ "4294967295", UINT32_MAX, true, true, UINT32_MAX, 0 },
		{ "4294967296", UINT32_MAX, false, false, 0, 0 },
		{ "18446744073709551615", UINT64_MAX, true, true, UINT64_MAX,
		    0 },
		{ "18446744073709551616", UINT64_MAX, false, false, 0, 0 },
		{ "99999999999999999999", UINT64_MAX, false, false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view v = view_str(cases[i].in);
		uint64_t n = 7;
		bool ok = num_take(&v, cases[i].max, &n);

		tap_ok(ok == cases[i].take &&
			(ok ? n == cases[i].want && v.n == cases[i].left
			    : n == 7 && v.n == strlen(cases[i].in)),
		    "take \"%s\"", cases[i].in);
		tap_ok(num_parse(view_str(cases[i].in), cases[i].max, &n) ==
			cases[i].all,
		    "parse \"%s\"", cases[i].in);
	}
}

static void
test_num_dec(void)
{
	uint64_t v = 1;
	bool ok = true;

	for (int i = 0; i < 200; i++, v = v * 3 + (uint64_t)i) {
		uint8_t got[NUM_DEC_MAX];
		char want[32];
		int n =
		    snprintf(want, sizeof(want), "%llu", (unsigned long long)v);

		ok = ok && num_dec(v, got) == (size_t)n &&
		    memcmp(got, want, (size_t)n) == 0;
	}
	tap_ok(ok, "num_dec writes what printf does");
}

static void
test_ascii_run(void)
{
	uint8_t p[40];
	bool ok = true;

	for (size_t n = 0; n <= sizeof(p); n++)
		for (size_t at = 0; at <= n; at++) {
			memset(p, 0x7f, sizeof(p));
			if (at < n)
				p[at] = 0x80;
			ok = ok && utf8_ascii_run((struct view){ p, n }) == at;
		}
	tap_ok(ok, "ASCII ends where it ends, at each length");
}

static void
test_utf8(void)
{
	static const struct {
		const char *in;
		bool want;
	} cases[] = {
		{ "", true },
		{ "plain ascii, longer than sixteen", true },
		{ "\xe5\x8f\x97\xe4\xbf\xa1", true },
		{ "\xf0\x9f\x93\xa7", true },
		{ "\xc2\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\x9f\xbf", true },
		{ "\xed\xa0\x80", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\x80", false },
		{ "\xff", false },
		{ "0123456789abcdef\xe5\x8f", false },
		{ "a\xc3(", false },
	};
	bool ok = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(utf8_valid(view_str(cases[i].in)) == cases[i].want,
		    "utf8 case %zu", i);
	for (uint32_t cp = 0; cp < 0x110010; cp++) {
		uint8_t b[UTF8_MAX];
		struct view v = { b, utf8_put(cp, b) };
		uint32_t back;
		bool scalar = cp < 0xd800 || (cp > 0xdfff && cp < 0x110000);

		if (!scalar) {
			ok = ok && v.n == 0;
			continue;
		}
		for (size_t k = 0; k < v.n; k++) {
			struct view part = view_sub(v, 0, k);

			ok = ok && !utf8_take(&part, &back) && part.n == k &&
			    (k == 0 || utf8_is_cut(part)) &&
			    utf8_valid_start(part) == 0;
		}
		ok = ok && !utf8_is_cut(v) && utf8_valid_start(v) == v.n;
		ok = ok && utf8_take(&v, &back) && back == cp && v.n == 0;
	}
	tap_ok(ok, "each code point goes there and back, no prefix does");
	tap_ok(!utf8_is_cut(VIEW_LIT("\xe0\x9f")) &&
		!utf8_is_cut(VIEW_LIT("\xed\xa0")) &&
		!utf8_is_cut(VIEW_LIT("\xf4\x90")) &&
		!utf8_is_cut(VIEW_LIT("\xf0\x9f(")) &&
		!utf8_is_cut(VIEW_LIT("\x80")),
	    "what can never become valid is not cut");
	tap_ok(utf8_valid_start(VIEW_LIT("0123456789\xe4\xbb\x99\xff")) == 13,
	    "start in front of what is invalid");
	test_ascii_run();
	tap_ok(utf8_ascii(VIEW_LIT("abc")) && !utf8_ascii(VIEW_LIT("\xc3")),
	    "ascii");
	tap_ok(utf8_cut(VIEW_LIT("a\xe5\x8f\x97"), 3).n == 1, "cut in front");
	tap_ok(utf8_cut(VIEW_LIT("a\xe5\x8f\x97z"), 4).n == 4, "cut behind");
	tap_ok(utf8_cut(VIEW_LIT("abc"), 0).n == 0, "cut to nothing");
	tap_ok(utf8_cut(VIEW_LIT("\x80\x80\x80\x80\x80\x80"), 5).n == 5,
	    "what is not UTF-8 is cut anywhere");
}

static void
test_base64(void)
{
	/* RFC 4648 section 10 */
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" } };
	static const char *const bad[] = { "Z", "Zg",
		"Zg=", "Zg===", "Zh==", "Zm9=", "====", "Z===", "=AAA",
		"Zg==Zg==", "Zm 9", "Zm9\n", "Zm9-", "Zm9v\r\n", "Zm=v" };
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct view plain = view_str(pairs[i][0]),
			    coded = view_str(pairs[i][1]);

		buf_clear(&b);
		base64_encode(plain, &b);
		tap_ok(view_eq(buf_view(&b), coded), "encode %zu", i);
		buf_clear(&b);
		tap_ok(base64_decode(coded, &b) && view_eq(buf_view(&b), plain),
		    "decode %zu", i);
		for (size_t k = 0; k < coded.n; k++) {
			buf_clear(&b);
			if (base64_decode(view_sub(coded, 0, k), &b) !=
			    (k % 4 == 0))
				tap_ok(0, "prefix %zu of %zu", k, i);
		}
	}
	buf_clear(&b);
	buf_put_str(&b, "x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(!base64_decode(view_str(bad[i]), &b) && b.n == 1 &&
			!b.failed,
		    "refused: case %zu", i);
	buf_fini(&b);
	buf_init(&b, 3);
	tap_ok(base64_decode(VIEW_LIT("Zm9v"), &b) && b.n == 3,
	    "decode to the maximum");
	tap_ok(!base64_decode(VIEW_LIT("Zg=="), &b) && !b.failed,
	    "one past it is refused");
	buf_clear(&b);
	base64_encode(VIEW_LIT("a"), &b);
	tap_ok(b.failed, "encode past the maximum fails");
	buf_fini(&b);
}

int
main(void)
{
	test_view();
	test_fixed();
	test_buf();
	test_num();
	test_num_dec();
	test_utf8();
	test_base64();
	return tap_done();
}
