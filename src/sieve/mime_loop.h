#ifndef SIEVE_MIME_LOOP_H
#define SIEVE_MIME_LOOP_H

#include "sieve/interp.h"

/* The foreverypart loops of a run (RFC 5703 section 3), for what works on the
 * part they are at. */

/* Loops inside one another, included scripts counted. */
#define MIME_LOOPS_MAX 4

/* The part the innermost loop is at; the message itself outside of loops. NULL:
 * the arena is full. octets: out; what the part's offsets count in. */
const struct mime_part *mime_loop_part(struct interp *in, struct view *octets)
    A_MUST_USE;
/* Loops that run. */
size_t mime_loop_depth(struct interp *in) A_MUST_USE;
/* The part has been replaced by the message's edit: the loop does not go into
 * it. */
void mime_loop_skip(struct interp *in);

#endif
