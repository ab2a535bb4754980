#include "sieve/ere.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

struct match_case {
	const char *pattern, *text;
	const char *want; /* the whole match; NULL: none */
	const char *group1;
	enum ere_case fold;
};

static const struct match_case matches[] = {
	{ "abc", "xabcx", "abc", NULL, ERE_EXACT },
	{ "a|ab", "abcd", "ab", NULL, ERE_EXACT },
	{ "(a|ab)(c|bcd)(d*)", "abcd", "abcd", "a", ERE_EXACT },
	{ "(a*)*", "aab", "aa", "aa", ERE_EXACT },
	{ "^b", "ab", NULL, NULL, ERE_EXACT },
	{ "b$", "ab", "b", NULL, ERE_EXACT },
	{ "^$", "", "", NULL, ERE_EXACT },
	{ "a{2,3}", "aaaa", "aaa", NULL, ERE_EXACT },
	{ "a{2}b", "ab", NULL, NULL, ERE_EXACT },
	{ "a{0}b", "ab", "b", NULL, ERE_EXACT },
	{ "a{1,}", "caab", "aa", NULL, ERE_EXACT },
	{ "x+|y?", "zxx", "", NULL, ERE_EXACT },
	{ "[]a]+", "x]a]", "]a]", NULL, ERE_EXACT },
	{ "[^]a]+", "]ab", "b", NULL, ERE_EXACT },
	{ "[a-c-]+", "x-abc", "-abc", NULL, ERE_EXACT },
	{ "[[:digit:]]+", "ab12", "12", NULL, ERE_EXACT },
	{ "[[.a.][=b=]]+", "cab", "ab", NULL, ERE_EXACT },
	{ "a.c",
	    "a\xc3\xa4"
	    "c",
	    "a\xc3\xa4"
	    "c",
	    NULL, ERE_EXACT },
	{ "a.c",
	    "a\xff"
	    "c",
	    "a\xff"
	    "c",
	    NULL, ERE_EXACT },
	{ "\\.", "a.b", ".", NULL, ERE_EXACT },
	{ "\\bfoo\\b", "a foo!", "foo", NULL, ERE_EXACT },
	{ "\\bfoo\\b", "afoo", NULL, NULL, ERE_EXACT },
	{ "\\<a\\>", "b a", "a", NULL, ERE_EXACT },
	{ "\\w+\\s\\W", "ab -", "ab -", NULL, ERE_EXACT },
	{ "ABC", "abc", NULL, NULL, ERE_EXACT },
	{ "ABC", "abc", "abc", NULL, ERE_ASCII },
	{ "[A-C]+", "abc", "abc", NULL, ERE_ASCII },
	{ "\xc3\x84", "\xc3\xa4", NULL, NULL, ERE_ASCII },
	{ "\xc3\x84", "\xc3\xa4", "\xc3\xa4", NULL, ERE_UNICODE },
	{ "a||b", "b", "b", NULL, ERE_EXACT },
	{ "()", "x", "", "", ERE_EXACT },
};

static const struct {
	const char *pattern;
	enum ere_result want;
} refused[] = {
	{ "(", ERE_BAD },
	{ ")", ERE_BAD },
	{ "a)", ERE_BAD },
	{ "[", ERE_BAD },
	{ "[]", ERE_BAD },
	{ "[[:nope:]]", ERE_BAD },
	{ "[b-a]", ERE_BAD },
	{ "*a", ERE_BAD },
	{ "(+a)", ERE_BAD },
	{ "a{", ERE_BAD },
	{ "a{1", ERE_BAD },
	{ "a{2,1}", ERE_BAD },
	{ "a{256}", ERE_BAD },
	{ "\\", ERE_BAD },
	{ "(a)\\1", ERE_BAD },
	{ "((a{255}){255}){255}", ERE_LIMIT },
};

static bool
is(struct view v, const char *want)
{
	return want == NULL ? v.p == NULL
			    : v.p != NULL && view_eq(v, view_str(want));
}

static void
test_matches(struct arena *a)
{
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		const struct match_case *c = &matches[i];
		struct view group[ERE_GROUPS_MAX];
		const char *error;
		struct ere *e;
		bool found;

		if (ere_compile(view_str(c->pattern), c->fold, a, &e, &error) !=
		    ERE_OK) {
			tap_ok(0, "%s: %s", c->pattern, error);
			continue;
		}
		found = ere_match(e, view_str(c->text), group);
		tap_ok(found == (c->want != NULL) &&
			(!found ||
			    (is(group[0], c->want) &&
				(c->group1 == NULL ||
				    is(group[1], c->group1)))),
		    "\"%s\" in \"%s\"", c->pattern, c->text);
	}
}

static void
test_refused(struct arena *a)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *error;
		struct ere *e;
		enum ere_result r = ere_compile(
		    view_str(refused[i].pattern), ERE_EXACT, a, &e, &error);

		tap_ok(r == refused[i].want && error != NULL && e == NULL,
		    "refused: \"%s\"", refused[i].pattern);
	}
}

/* Nothing may be repeated as often as one likes. */
static void
test_nothing(struct arena *a)
{
	static const char *const patterns[] = {
		"a{0}{255}{255}{255}{255}{255}",
		"()()()()()()()()()(((((){255}){255}){255}){255}){255}",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		const char *error;
		struct ere *e;

		tap_ok(ere_compile(view_str(patterns[i]), ERE_EXACT, a, &e,
			   &error) == ERE_OK,
		    "nothing, often: \"%s\"", patterns[i]);
	}
}

/* At the limit and one past it. */
static void
test_limits(void)
{
	struct arena *a = arena_new((size_t)64 << 20);
	char *p = malloc(ERE_PATTERN_MAX + 2);
	const char *error;
	struct ere *e;

	memset(p, 'a', ERE_PATTERN_MAX + 1);
	tap_ok(ere_compile((struct view){ (uint8_t *)p, ERE_PATTERN_MAX + 1 },
		   ERE_EXACT, a, &e, &error) == ERE_LIMIT,
	    "a pattern one byte too long");
	tap_ok(ere_compile((struct view){ (uint8_t *)p, ERE_PROGRAM_MAX - 1 },
		   ERE_EXACT, a, &e, &error) == ERE_OK &&
		ere_cost(e) == ERE_PROGRAM_MAX,
	    "a program as long as it may be");
	tap_ok(ere_compile((struct view){ (uint8_t *)p, ERE_PROGRAM_MAX },
		   ERE_EXACT, a, &e, &error) == ERE_LIMIT,
	    "one instruction more");
	for (size_t i = 0; i <= ERE_DEPTH_MAX; i++) {
		p[i] = '(';
		p[2 * ERE_DEPTH_MAX + 1 - i] = ')';
	}
	tap_ok(ere_compile((struct view){ (uint8_t *)p + 1, 2 * ERE_DEPTH_MAX },
		   ERE_EXACT, a, &e, &error) == ERE_OK,
	    "as deep as it may be");
	tap_ok(ere_compile((struct view){ (uint8_t *)p, 2 * ERE_DEPTH_MAX + 2 },
		   ERE_EXACT, a, &e, &error) == ERE_LIMIT,
	    "one deeper");
	free(p);
	arena_free(&a);
}

int
main(void)
{
	struct arena *a = arena_new((size_t)64 << 20);

	test_matches(a);
	test_refused(a);
	test_nothing(a);
	test_limits();
	arena_free(&a);
	return tap_done();
}
