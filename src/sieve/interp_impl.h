#ifndef SIEVE_INTERP_IMPL_H
#define SIEVE_INTERP_IMPL_H

#include "sieve/interp.h"
#include "sieve/program.h"

/* A script that runs. */
struct interp_frame {
	struct interp_frame *up; /* the one that included it */
	const struct sieve_program *p;
	struct view **slots; /* of variables; where their values are */
	uint64_t enabled;    /* extensions, by require and by ihave so far */
	unsigned depth;
	bool taken; /* a block of the if, elsif, else that was met last */
};

/* What could not be made for want of memory was taken for empty; a run must not
 * go on with that. False: it has failed. */
bool interp_check_memory(struct interp *in);

/* In action.c: the implicit keep, when it is in force; and after a failure
 * nothing but it. */
void interp_finish(struct interp *in);

#endif
