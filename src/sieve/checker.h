#ifndef SIEVE_CHECKER_H
#define SIEVE_CHECKER_H

#include "sieve/ext.h"

/*
 * The checker gives the names of a tree their meaning: it takes require, finds
 * the definition of each command, test and tag in the tables of what was
 * required, counts and types arguments, and lets the definitions' own checks
 * prepare what the run needs. What follows is for those checks.
 */

/* Owner of what a check prepares. */
struct arena *checker_arena(struct checker *c) A_MUST_USE;
/* Zeroed memory of the program; NULL, and the error told, when it is full. */
void *checker_alloc(struct checker *c, size_t size) A_MUST_USE;

/* Tell an error; always false. */
bool checker_error(struct checker *c, uint32_t line, uint32_t column,
    const char *fmt, ...) A_PRINTF(4, 5);
/* The same at an argument or at a command. */
#define checker_error_arg(c, arg, ...)                                         \
	checker_error((c), (arg)->line, (arg)->column, __VA_ARGS__)
#define checker_error_node(c, node, ...)                                       \
	checker_error((c), (node)->line, (node)->column, __VA_ARGS__)

/* Something that is not enabled (or not there at all) is used at this place:
 * with ihave an error of the run, kept in node->wrong, else of the script.
 * Always false. */
bool checker_missing(struct checker *c, struct script_node *n, uint32_t line,
    uint32_t column, const char *fmt, ...) A_PRINTF(5, 6);

/* Was it required (or made certain by ihave)? */
bool checker_has(const struct checker *c, const char *extension) A_MUST_USE;
/* Could it be required here? */
bool checker_knows(const struct checker *c, struct view extension) A_MUST_USE;
/* From here on it counts as required; false: there is none. */
bool checker_require(struct checker *c, struct view extension);

/*
 * The slot of a variable without a name space, for interp_variable(); made at
 * its first use. False: an error at that argument has been told (no name, too
 * many).
 */
bool checker_variable(struct checker *c, const struct script_arg *at,
    struct view name, unsigned *slot) A_MUST_USE;
/* The same for one that is to stand for a place outside of the script from here
 * on (RFC 6609 section 3.4.1). False also when the script has set its own of that
 * name before. */
bool checker_global(struct checker *c, const struct script_arg *at,
    struct view name, unsigned *slot) A_MUST_USE;
/* A variable that is to be set: a name of its own, or one in a name space. */
bool checker_target(struct checker *c, const struct script_arg *at,
    struct view name, struct script_part *out) A_MUST_USE;

/* Is the first string of arg constant? Only then texts[0].v can be looked at
 * before the run. */
static inline bool
checker_is_constant(const struct script_arg *arg)
{
	return arg->n > 0 && arg->texts[0].parts == NULL;
}

/* Check of a tag whose parameter is one mail address. */
bool checker_tag_address(
    struct checker *c, struct script_node *n, struct script_tag *t);

/* The command a nested one stands in: innermost first by level 0; NULL: there
 * is none. For "only inside foreverypart". */
const struct script_node *checker_parent(
    const struct checker *c, unsigned level) A_MUST_USE;

#endif
