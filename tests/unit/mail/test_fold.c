#include "check.h"
#include "mail/fold.h"

#define KA "\xe3\x81\x8b"
#define DAKUTEN "\xe3\x82\x99"

static void
test_cases(void)
{
	static const struct {
		const char *a, *b; /* meet */
	} same[] = {
		{ "Hello WORLD [{}]@`", "hello world [{}]@`" },
		{ "STRASSE",
		    "stra\xc3\x9f"
		    "e" },
		{ "\xc3\x89", "\xc3\xa9" },                     /* E acute */
		{ "\xc3\x89", "e\xcc\x81" },                    /* decomposed */
		{ "\xce\xa3", "\xcf\x82" },                     /* sigmas */
		{ "\xef\xbc\xa1\xef\xbc\x92", "a2" },           /* full width */
		{ "\xef\xbd\xb6\xef\xbe\x9e", "\xe3\x82\xac" }, /* half kana */
		{ "\xe3\x81\x8c", KA DAKUTEN },
		{ "\xe3\x83\x91", "\xe3\x83\x8f\xe3\x82\x9a" }, /* pa */
		{ "\xe3\x81\xbd", "\xe3\x81\xbb\xe3\x82\x9a" }, /* po */
		{ "\xe3\x81\xa9", "\xe3\x81\xa8" DAKUTEN },     /* do */
		{ "\xe3\x82\x94", "\xe3\x81\x86" DAKUTEN },     /* vu */
		{ "\xe2\x91\xa0", "1" },
		{ "\xe3\x88\xb1", "(\xe6\xa0\xaa)" },
		{ "\xe2\x84\xa1", "tel" },
		{ "\xe3\x80\x9c", "\xef\xbd\x9e" }, /* wave dashes */
		{ "\xe2\x88\x92", "\xef\xbc\x8d" }, /* minus signs */
		{ "\xd0\x9c\xd0\x98\xd0\xa0", "\xd0\xbc\xd0\xb8\xd1\x80" },
		{ "\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab" },
		{ "a\xff", "A\xef\xbf\xbd" },
	};
	AUTO_BUF struct buf a, b;

	buf_init(&a, 1000);
	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		buf_clear(&a);
		buf_clear(&b);
		fold_text(view_str(same[i].a), &a);
		fold_text(view_str(same[i].b), &b);
		check_bytes(same[i].a, buf_view(&a), buf_view(&b));
	}
	buf_clear(&a);
	fold_text(VIEW_LIT("\xe3\x81\x82\xe4\xbb\x99"
			   "A\0B"),
	    &a);
	check_bytes("kana and kanji stay", buf_view(&a),
	    VIEW_LIT("\xe3\x81\x82\xe4\xbb\x99"
		     "a\0b"));
}

static size_t
put_utf8(uint32_t c, uint8_t *o)
{
	if (c < 0x80) {
		o[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		o[0] = (uint8_t)(0xc0 | c >> 6);
		o[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		o[0] = (uint8_t)(0xe0 | c >> 12);
		o[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		o[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	o[0] = (uint8_t)(0xf0 | c >> 18);
	o[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	o[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	o[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

/* Every character: what is folded does not change when folded again, and the
 * promise about growth holds. */
static void
test_all(void)
{
	AUTO_BUF struct buf a, b;
	size_t twice = 0, grown = 0;

	buf_init(&a, 1000);
	buf_init(&b, 1000);
	for (uint32_t c = 1; c < 0x110000; c++) {
		uint8_t u[4];
		size_t n;

		if (c == 0xd800)
			c = 0xe000;
		n = put_utf8(c, u);
		buf_clear(&a);
		buf_clear(&b);
		fold_text((struct view){ u, n }, &a);
		fold_text(buf_view(&a), &b);
		if (!view_eq(buf_view(&a), buf_view(&b)) && twice++ < 10)
			printf("# U+%04X\n", c);
		grown += a.n > n * FOLD_GROWTH;
	}
	check_num("characters that fold again", twice, 0);
	check_num("characters that grow too much", grown, 0);
}

/* In pieces at fold_cut() the same as at once. */
static void
test_cut(void)
{
	AUTO_BUF struct buf text, whole, pieces;
	uint32_t seed = 1;

	buf_init(&text, 100000);
	buf_init(&whole, 1000000);
	buf_init(&pieces, 1000000);
	for (int i = 0; i < 20000; i++) {
		uint8_t u[4];

		seed = seed * 1103515245 + 12345;
		buf_put(&text,
		    (struct view){ u,
			put_utf8(seed >> 20 & 1 ? 'A' + (seed >> 24 & 15)
						: 0x300 + (seed >> 16 & 0x2fff),
			    u) });
	}
	fold_text(buf_view(&text), &whole);
	for (struct view v = buf_view(&text); v.n > 0;) {
		struct view piece = view_sub(v, 0, 100);
		size_t n = v.n <= 100 ? v.n : fold_cut(piece);

		if (n == 0)
			n = v.n;
		fold_text(view_sub(v, 0, n), &pieces);
		view_skip(&v, n);
	}
	check_num("the same in pieces",
	    view_eq(buf_view(&whole), buf_view(&pieces)), true);
	check_num("cut", fold_cut(VIEW_LIT("ab\xc3\xa9")), 1);
	check_num("no cut", fold_cut(VIEW_LIT("\xc3\xa9")), 0);
	check_num("cut of nothing", fold_cut(VIEW_LIT("")), 0);
}

static void
test_find(void)
{
	check_num("found", fold_find(VIEW_LIT("abcabd"), VIEW_LIT("abd")), 3);
	check_num("not found", fold_find(VIEW_LIT("abc"), VIEW_LIT("abd")), 4);
	check_num("empty needle", fold_find(VIEW_LIT("abc"), VIEW_LIT("")), 0);
	check_num("longer needle", fold_find(VIEW_LIT("a"), VIEW_LIT("ab")), 2);
}

int
main(void)
{
	test_cases();
	test_all();
	test_cut();
	test_find();
	return tap_done();
}
