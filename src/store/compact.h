#ifndef STORE_COMPACT_H
#define STORE_COMPACT_H

#include "store/account.h"

/*
 * Give back the room of bodies that nobody refers to any more (docs/design.md
 * section 5.1): what is still wanted of a segment is copied to the end of the
 * log, then the segment is dropped. Messages expunged less than keep_expunged
 * ago are still wanted.
 */

#define COMPACT_STEP_MS 15           /* longest hold of the lock, about */
#define COMPACT_STEP_BYTES (4 << 20) /* most that is copied in it */
/* Nothing is done before this much, and a quarter of all bodies, is garbage. */
#define COMPACT_WORTH ((uint64_t)16 << 20)
/* A segment is left alone while more of it than this is wanted. */
#define COMPACT_FULL_PERCENT 75
/* How often an account is looked over again when nothing was worth it. */
#define COMPACT_PAUSE_MS (600 * 1000)

struct compact_done {
	unsigned segments; /* dropped */
	uint64_t bytes;    /* they were long */
	uint64_t copied;   /* bytes of them that were copied */
	bool more;         /* the time was up: call again */
};

/*
 * For about budget_ms (at least one step), in steps between which others get
 * the lock. Goes on where the call before stopped. Call it with no body in use
 * (message_release()), from an idle session or a tool.
 *
 * force  every segment but the last in which anything is garbage, at once
 * done   out; may be NULL
 */
int compact_run(struct account *a, unsigned budget_ms, bool force,
    struct compact_done *done) A_MUST_USE;

#endif
