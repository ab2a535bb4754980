#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "store/account.h"

/*
 * Check an account: every CRC of the log, every digest, every message's body,
 * and the view, with its keywords and subscriptions, against a fresh replay of
 * the log.
 */
enum verify_kind {
	VERIFY_LOG,      /* bytes of the log cannot be read or do not check */
	VERIFY_BODY,     /* a body's octets are not what was delivered */
	VERIFY_MESSAGE,  /* a message without its body */
	VERIFY_VIEW,     /* the view differs from the log */
	VERIFY_LEFTOVER, /* a file that nothing refers to */
};

struct verify_finding {
	enum verify_kind kind;
	bool is_repaired;
	char text[300]; /* what, where; one line */
};

/* Nonzero stops. */
typedef int verify_fn(void *ctx, const struct verify_finding *f);

struct verify_totals {
	uint64_t mailboxes, messages, bodies, octets;
	uint64_t findings, repaired;
};

/*
 * a       opened as always or with read_only; no change may be open. Others may
 *         go on writing: what is checked is the account as it is at the start.
 *         The lock is taken to repair, and for all of it only when a segment
 *         was compacted away meanwhile
 * repair  build a differing view anew, remove leftovers; needs a writable one.
 *         Damage of the log is not repaired: what it held is gone, and the rest
 *         works on without it; but while there is some no file of a body and no
 *         index of a damaged segment is removed, since these may be all that is
 *         left of it
 * fn      is told the first VERIFY_TOLD_MAX findings, at the end; may be NULL
 * totals  out; may be NULL
 *
 * Returns 0 when it could look everywhere (whatever it found), what fn
 * returned, STORE_LOCKED, or a negative errno.
 */
#define VERIFY_TOLD_MAX 100000
int verify_run(struct account *a, bool repair, verify_fn *fn, void *ctx,
    struct verify_totals *totals) A_MUST_USE;

#endif
