#include <stdlib.h>

#include "search/scan.h"
#include "tap.h"

static const struct {
	const char *name, *needle, *hay;
	int want; /* -1: not there */
} cases[] = {
	{ "whole", "abc", "ABC", 0 },
	{ "first of two", "ab", "xxabab", 2 },
	{ "one letter", "z", "aaaaZ", 4 },
	{ "one blank", " ", "ab c", 2 },
	{ "no letters", "=?", "a=b=?", 3 },
	{ "at sign is no grave accent", "`", "@", -1 },
	{ "bracket is no brace", "{", "[", -1 },
	{ "needle longer than hay", "abcd", "abc", -1 },
	{ "empty hay", "a", "", -1 },
	{ "prefix of itself", "aab", "aaaab", 2 },
	{ "same byte twice", "oo", "foo", 1 },
	{ "not there", "qq", "the quick brown fox jumps over the lazy dog",
	    -1 },
	{ "late", "lazy dog", "The Quick Brown Fox Jumps Over The Lazy Dog",
	    35 },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scan s;
		size_t at = 0;
		bool r;

		scan_init(&s, view_str(cases[i].needle));
		r = scan_find(&s, view_str(cases[i].hay), &at);
		tap_ok(r == (cases[i].want >= 0) &&
			(!r || at == (size_t)cases[i].want),
		    "%s: got %d, want %d", cases[i].name, r ? (int)at : -1,
		    cases[i].want);
	}
}

/* Every length of hay and every place, in memory that ends with the hay. */
static void
test_places(void)
{
	static const char *const needles[] = { "n", "ne", "needle",
		"subject: hello", "a needle of more than thirty-two bytes" };
	int bad = 0;

	for (size_t k = 0; k < sizeof(needles) / sizeof(needles[0]); k++) {
		struct view needle = view_str(needles[k]);
		struct scan s;

		scan_init(&s, needle);
		for (size_t n = needle.n; n < needle.n + 100; n++) {
			uint8_t *p = malloc(n);

			for (size_t at = 0; at + needle.n <= n; at++) {
				size_t got = n;

				memset(p, '.', n);
				memcpy(p + at, needle.p, needle.n);
				p[at] &= (uint8_t)~0x20;
				bad += !scan_find(
					   &s, (struct view){ p, n }, &got) ||
				    got != at;
				p[at] = '.';
				bad += needle.n > 1 &&
				    scan_find(&s, (struct view){ p, n }, &got);
			}
			free(p);
		}
	}
	tap_ok(bad == 0, "all places in all lengths: %d wrong", bad);
}

static void
test_plain(void)
{
	int bad = 0;

	for (size_t n = 0; n < 150; n++) {
		uint8_t *p = malloc(n + 1);

		memset(p, 'a', n + 1);
		bad += !scan_is_plain((struct view){ p, n });
		for (size_t at = 0; at < n; at++) {
			static const uint8_t odd[] = { 0x80, 0xff, 0x1b, 0x0e,
				0x0f };
			static const uint8_t even[] = { 0, 0x0d, 0x10, 0x1a,
				0x1c, 0x7f };

			for (size_t k = 0; k < sizeof(odd); k++) {
				p[at] = odd[k];
				bad += scan_is_plain((struct view){ p, n });
			}
			for (size_t k = 0; k < sizeof(even); k++) {
				p[at] = even[k];
				bad += !scan_is_plain((struct view){ p, n });
			}
			p[at] = 'a';
		}
		free(p);
	}
	tap_ok(bad == 0, "plain text in all lengths: %d wrong", bad);
}

int
main(void)
{
	test_cases();
	test_places();
	test_plain();
	return tap_done();
}
