#ifndef SIEVE_EDIT_H
#define SIEVE_EDIT_H

#include "sieve/editheader.h"
#include "sieve/interp.h"

/* The edits of a run, shared by editheader, replace and enclose. NULL, and the
 * run has failed, when there is no more memory. */
struct editheader *edit_state(struct interp *in) A_MUST_USE;

#endif
