#ifndef SIEVE_CHECKER_IMPL_H
#define SIEVE_CHECKER_IMPL_H

#include "sieve/checker.h"
#include "sieve/program.h"

/* What the files of the checker share. */
struct checker {
	struct sieve_program *p;
	const struct sieve_options *options;
	struct sieve_errors *errors;
	uint64_t enabled; /* extensions that may be used from here on */
	bool ihave;       /* what is not enabled is an error of the run only */
	const struct script_node *first;    /* command of the script */
	const struct script_node *previous; /* of the block, before this one */
	const struct script_node *parents[SIEVE_NESTING_MAX + 1];
	unsigned n_parents;
	size_t n_required; /* names, in all require commands */
	struct view names[SIEVE_VARIABLES_MAX]; /* of slots */
	bool was_set[SIEVE_VARIABLES_MAX];      /* as the script's own */
	bool is_global[SIEVE_VARIABLES_MAX];
	/* Of the node that is being checked. */
	struct script_node *node;
	uint64_t uses; /* extensions */
};

static inline bool
checker_enabled(const struct checker *c, const struct ext *e)
{
	return (c->enabled & ext_bit(e)) != 0;
}

/* Check a parsed script; errors are added to c->errors. */
void checker_run(struct checker *c, struct script_node *first);

/* In checker_text.c: encoded characters and variables in the strings of an
 * argument. False: an error has been told. */
bool checker_texts(struct checker *c, struct script_arg *arg) A_MUST_USE;

/* In checker_match.c: is the tag at args[*i] a match type, ":comparator" or an
 * address part of this test? Then *i is moved past it and its parameter. */
enum checker_tag {
	CHECKER_TAG_NO,   /* it is another */
	CHECKER_TAG_DONE, /* taken */
	CHECKER_TAG_BAD,  /* an error has been told, or stands in node->wrong */
};
enum checker_tag checker_match_tag(
    struct checker *c, struct script_node *n, size_t *i) A_MUST_USE;
/* After all tags: what is not said gets its default, the keys are prepared. */
bool checker_match(struct checker *c, struct script_node *n) A_MUST_USE;

/* The keys of a test with EXT_OWN_KEYS; made ready here when all are constant. */
bool checker_keys(struct checker *c, const struct script_arg *at,
    const struct script_text *keys, size_t n, struct compare_how *how)
    A_MUST_USE;

#endif
