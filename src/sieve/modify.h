#ifndef SIEVE_MODIFY_H
#define SIEVE_MODIFY_H

#include "sieve/interp.h"

/* v after the modifiers among n's tags (RFC 5229 section 4.1), those of the
 * highest precedence first. */
struct view modify_text(
    struct interp *in, const struct script_node *n, struct view v) A_MUST_USE;

#endif
