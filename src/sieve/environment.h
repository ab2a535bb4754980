#ifndef SIEVE_ENVIRONMENT_H
#define SIEVE_ENVIRONMENT_H

#include "sieve/interp.h"

/* An item of environment (RFC 5183): the run's own, or one the caller knows.
 * False: there is none of that name. */
bool environment_item(struct interp *in, struct view name, struct view *out)
    A_MUST_USE;

#endif
