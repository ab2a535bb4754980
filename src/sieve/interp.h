#ifndef SIEVE_INTERP_H
#define SIEVE_INTERP_H

#include "sieve/ext.h"
#include "sieve/letter.h"

/*
 * A run. What follows is for the run and test functions of the tables.
 */

struct interp_frame;

struct interp {
	struct sieve_env env; /* a copy: the test dialect changes it */
	const struct sieve_calls *calls; /* never NULL */
	struct arena *arena;             /* of the run and its result */
	/* What tests see: the message as it is now (editheader), or, in a script
	 * that was included in a loop, the part that one is at. */
	struct letter *letter;
	struct letter *whole; /* then the message, else NULL */
	struct letter *(*narrow)(struct interp *in); /* makes the part of it */
	unsigned version;           /* of the message, for actions */
	struct interp_frame *frame; /* the script that runs */
	struct sieve_result *result;
	const struct script_node *node; /* what runs: errors stand there */
	bool failed; /* sticky: the run ends as soon as it is seen */
	uint64_t cost;

	/* The match variables (RFC 5229 section 3.2). */
	struct view matches[SIEVE_MATCHES_MAX];
	size_t n_matches;

	bool keep_cancelled;      /* no implicit keep */
	bool has_flags;           /* the script touched the internal variable */
	struct sieve_flags flags; /* the internal variable of imap4flags */

	struct sieve_action *kept; /* room for the keep after a failure */
	/* Actions so far. */
	struct sieve_action *actions;
	size_t n_actions, actions_cap, n_redirects;
	struct sieve_duplicate *seen;
	size_t n_seen;
	void *states[EXT_MAX];
};

/* The message as it is now: what actions are about, and what is edited. */
static inline struct letter *
interp_message(const struct interp *in)
{
	return in->whole != NULL ? in->whole : in->letter;
}

/* Zeroed memory that lives as long as the result; NULL, and the run has failed,
 * when there is no more. */
void *interp_alloc(struct interp *in, size_t size) A_MUST_USE;
/* The same bytes in such memory; an empty view when there is no more. */
struct view interp_copy(struct interp *in, struct view v) A_MUST_USE;
/* State of an extension in this run, size bytes, zeroed when first asked for.
 * NULL, and the run has failed, when there is no more memory. */
void *interp_state(struct interp *in, const struct ext *e, size_t size)
    A_MUST_USE;

/* The run ends with an error at n. */
void interp_fail(struct interp *in, const struct script_node *n,
    const char *fmt, ...) A_PRINTF(3, 4);
/* Account for work; past SIEVE_COST_MAX the run fails. False when it has. */
bool interp_cost(struct interp *in, uint64_t cost);

/* A string with its variables. Valid as long as the result. */
struct view interp_text(struct interp *in, const struct script_text *t)
    A_MUST_USE;
/* The first (only) string of an argument; n 0 and p NULL for arg NULL. */
struct view interp_string(struct interp *in, const struct script_arg *arg)
    A_MUST_USE;

/* A variable of the script that runs, cut at SIEVE_VARIABLE_MAX when set. */
struct view interp_variable(struct interp *in, unsigned slot) A_MUST_USE;
void interp_set_variable(struct interp *in, unsigned slot, struct view v);
/* What checker_target() gave. */
struct view interp_get(struct interp *in, const struct script_part *target)
    A_MUST_USE;
void interp_set(
    struct interp *in, const struct script_part *target, struct view v);
/* Let a slot of the script that runs stand for another place, which lives as
 * long as the result: RFC 6609's global variables. */
void interp_bind(struct interp *in, unsigned slot, struct view *place);

/* A setting of the site (struct sieve_calls); n 0: its default holds. */
struct view interp_setting(struct interp *in, const char *name) A_MUST_USE;

/* Bytes of a variable: SIEVE_VARIABLE_MAX, or less by a setting. */
size_t interp_variable_max(struct interp *in) A_MUST_USE;

/* Run the commands of a block. */
enum ext_flow interp_block(struct interp *in, const struct script_node *first)
    A_MUST_USE;
/* Ask a test. False when the run has failed. */
bool interp_test(struct interp *in, const struct script_node *test) A_MUST_USE;
/* Run another program as a script of its own variables (include): its stop is
 * EXT_STOP, its end and its return are EXT_NEXT. */
enum ext_flow interp_call(struct interp *in, const struct script_node *n,
    const struct sieve_program *p) A_MUST_USE;
/* Scripts the running one is included in: 0 in the first. */
unsigned interp_depth(const struct interp *in) A_MUST_USE;
/* May the script that runs use this extension? */
bool interp_has(const struct interp *in, const char *extension) A_MUST_USE;

/*
 * Add an action. First *a, of which u (and, if it is not the whole message as it
 * is now, message and edited) has been filled in, is changed by the tags of n;
 * then, unless it is there already (RFC 5228 section 2.10.3), it is added.
 *
 * Cancels the implicit keep for fileinto, redirect and discard without copy,
 * keep, and reject. Fails the run when actions exclude each other (RFC 5429
 * section 2, RFC 5230 section 4.7) or there are too many.
 */
void interp_act(
    struct interp *in, const struct script_node *n, struct sieve_action *a);

/* The values of the fields of one name that the test n asks about: by its tags'
 * fields, or else the message's. */
struct letter_values interp_fields(struct interp *in,
    const struct script_node *n, const struct script_text *name) A_MUST_USE;
/* The values of all fields named in names that the test n asks about: by its
 * tags' fields, or else the message's, in the order of the names; then its tags'
 * pick. */
void interp_values(struct interp *in, const struct script_node *n,
    const struct script_arg *names, struct letter_values *out);

/* The message is now this one, made by the script (replace, enclose): later
 * tests and actions see it. octets: in the run's memory. */
void interp_edit(struct interp *in, struct view octets);
/* The same with another header (editheader), as letter_with_header() wants it;
 * the body is not touched. */
void interp_edit_header(struct interp *in, struct view header);

#endif
