#ifndef SIEVE_MIME_LOOP_H
#define SIEVE_MIME_LOOP_H

#include "sieve/interp.h"

/* The foreverypart loops of a run (RFC 5703 section 3), for what works on the
 * part they are at. */

/* Loops inside one another, included scripts counted. */
#define MIME_LOOPS_MAX 4

/* The part of in->letter the innermost loop is at; the message itself outside of
 * loops. NULL: the arena is full. */
const struct mime_part *mime_loop_part(struct interp *in) A_MUST_USE;
/* Loops that run. */
size_t mime_loop_depth(struct interp *in) A_MUST_USE;
/*
 * Around a script that is included while a loop runs: it sees the part the loop
 * is at as its message, and its own loops begin there (RFC 6609 section 3.5).
 * enter answers what leave wants back.
 */
struct mime_loop_outside {
	size_t base;
	bool narrowed, outermost;
};
struct mime_loop_outside mime_loop_enter(struct interp *in) A_MUST_USE;
void mime_loop_leave(struct interp *in, struct mime_loop_outside o);

/* The part has been replaced by the message's edit: the loop does not go into
 * it. */
void mime_loop_skip(struct interp *in);

#endif
