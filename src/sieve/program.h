#ifndef SIEVE_PROGRAM_H
#define SIEVE_PROGRAM_H

#include "sieve/script.h"

/* A compiled script. */
struct sieve_program {
	struct arena *arena; /* of the tree and of itself */
	struct script_node *first;
	uint64_t
	    required; /* bits of extensions, those of the core among them */
	size_t n_variables; /* slots */
	bool captures;      /* variables are required: :matches sets ${1} */
};

#endif
