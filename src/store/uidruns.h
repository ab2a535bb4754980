#ifndef STORE_UIDRUNS_H
#define STORE_UIDRUNS_H

#include "base/attrs.h"
#include "store/types.h"

/* A growing list of UID runs on the heap. All zero is empty and valid. */
struct uidruns {
	struct uid_run *p;
	size_t n, cap;
};

/* Add at the end; joins the last run when it touches it. In ascending order
 * the list stays sorted, disjoint and not adjacent; in any other order call
 * uidruns_normalise() before use. */
void uidruns_add(struct uidruns *r, uint32_t lo, uint32_t hi);
/* Sort and join. */
void uidruns_normalise(struct uidruns *r);
/* UIDs in it. */
uint64_t uidruns_count(const struct uid_run *runs, size_t n);
/* Give the array away (malloc'd, NULL when empty); r is empty then. */
struct uid_run *uidruns_take(struct uidruns *r, size_t *n);
void uidruns_fini(struct uidruns *r);

/* The part of sorted runs that lies in sorted only. */
void uidruns_intersect(const struct uid_run *runs, size_t n,
    const struct uid_run *only, size_t n_only, struct uidruns *out);

#endif
