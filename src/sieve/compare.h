#ifndef SIEVE_COMPARE_H
#define SIEVE_COMPARE_H

#include "sieve/ext.h"
#include "sieve/letter.h"

/*
 * Comparing values with keys: match types, comparators, address parts.
 *
 *     struct compare c;
 *
 *     compare_begin(&c, in, n);
 *     for (each value)
 *             if (compare_value(&c, value))
 *                     break;
 *     return compare_end(&c);
 */

enum compare_relation {
	COMPARE_GT,
	COMPARE_GE,
	COMPARE_LT,
	COMPARE_LE,
	COMPARE_EQ,
	COMPARE_NE,
};

/* How a test compares; made by the checker from its tags. */
struct compare_how {
	const struct ext_match *match;
	const struct ext_comparator *comparator;
	const struct ext_part *part;     /* of tests with EXT_ADDRESS */
	enum compare_relation relation;  /* of match types with EXT_RELATION */
	bool captures;                   /* match variables are wanted */
	bool casemap;                    /* comparator is i;ascii-casemap */
	const struct script_text *given; /* the keys, n */
	void **keys; /* the keys made ready; NULL: some have variables */
	size_t n;
};

struct compare {
	struct interp *in;
	const struct script_node *node;
	const struct compare_how *how;
	void *const *keys;
	size_t n;
	uint64_t count; /* values seen */
	bool matched;
};

/* A key made ready for a match type: folded, then given to its prepare. NULL:
 * *why says what is wrong with it, or is left alone when the arena is full. */
void *compare_prepare(const struct compare_how *how, struct view key,
    struct arena *a, const char **why) A_MUST_USE;

/* n: a checked test with EXT_MATCH; its keys are its last argument. */
void compare_begin(
    struct compare *c, struct interp *in, const struct script_node *n);
/* The same with keys of the caller's. */
void compare_begin_keys(struct compare *c, struct interp *in,
    const struct script_node *n, const struct script_text *keys, size_t n_keys);
/* Compare one value; true: the answer is known, no more need be shown. */
bool compare_value(struct compare *c, struct view value) A_MUST_USE;
/* The same for a field's decoded text; quicker, as its folded form is kept. */
bool compare_field(struct compare *c, struct letter *l, struct letter_value *v)
    A_MUST_USE;
/* The answer. */
bool compare_end(struct compare *c) A_MUST_USE;

/* For match functions: does the relation of the test hold between a value and a
 * key, both folded? */
bool compare_holds(const struct compare *c, struct view value, struct view key)
    A_MUST_USE;

/* For match functions: parts 0..n-1 of the value become the match variables. */
void compare_capture(struct compare *c, const struct view *parts, size_t n);

/* The part of an address that a test with EXT_ADDRESS asks for; false: the
 * address has none (a broken one has only :all). */
bool compare_part(const struct compare *c, const struct letter_address *a,
    struct view *out) A_MUST_USE;

#endif
