#ifndef SIEVE_ERE_H
#define SIEVE_ERE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/*
 * POSIX extended regular expressions (IEEE 1003.1 section 9.4) over UTF-8, as
 * the match type :regex wants them (draft-murchison-sieve-regex section 3). An
 * automaton walks all possibilities at once, so a match takes
 * O(program * text) steps whatever the pattern is: nothing backtracks.
 *
 * Beyond POSIX: \w \W \s \S \b \B \< \> as mail users know them, and an empty
 * alternative matches the empty text. Back-references are refused.
 */
#define ERE_PATTERN_MAX 4096 /* bytes of a pattern */
#define ERE_PROGRAM_MAX 4096 /* instructions it may become */
#define ERE_DEPTH_MAX 50     /* parentheses inside one another */
#define ERE_REPEAT_MAX 255   /* RE_DUP_MAX: the largest n of {m,n} */
#define ERE_GROUPS_MAX                                                         \
	10 /* the whole match and nine groups; groups past
                                the ninth match without a value */

enum ere_result {
	ERE_OK = 0,
	ERE_BAD,   /* not such an expression */
	ERE_LIMIT, /* over a limit above, or the arena is full */
};

struct ere;

enum ere_case {
	ERE_EXACT = 0, /* i;octet */
	ERE_ASCII,     /* i;ascii-casemap: ASCII letters match in either case */
	ERE_UNICODE,   /* i;unicode-casemap: all letters do */
};

/*
 * pattern  borrowed for the call; invalid UTF-8 counts byte by byte
 * a        owner of *out
 * error    out; a constant that says what is wrong, NULL on ERE_OK
 */
enum ere_result ere_compile(struct view pattern, enum ere_case fold,
    struct arena *a, struct ere **out, const char **error) A_MUST_USE;

/*
 * Find the leftmost, then longest, match anywhere in text.
 *
 * group  out; ERE_GROUPS_MAX views: 0 is the whole match; p == NULL where a
 *        group took no part; views into text. Undefined when there is no match.
 *        May be NULL
 */
bool ere_match(const struct ere *e, struct view text, struct view *group)
    A_MUST_USE;

/* Instructions of the program and ranges of its sets: what a byte of text costs
 * at most. */
size_t ere_cost(const struct ere *e) A_MUST_USE;

#endif
