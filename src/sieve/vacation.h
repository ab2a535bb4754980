#ifndef SIEVE_VACATION_H
#define SIEVE_VACATION_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/view.h"

/* Days between two replies to one person (RFC 5230 section 4.1); a script's
 * wish is brought within the limits. Seconds (RFC 6131) may be 0: always. */
#define VACATION_DAYS_DEFAULT 7
#define VACATION_DAYS_MIN 1
#define VACATION_DAYS_MAX 366
/* Characters of a reply's subject; a longer one ends with an ellipsis. */
#define VACATION_SUBJECT_MAX 256

/* Does a message deserve an automatic reply (RFC 5230 sections 4.5 and 4.6, RFC
 * 3834 section 2)? */
enum vacation_verdict {
	VACATION_REPLY = 0,
	VACATION_NO_SENDER,  /* null or unknown return path */
	VACATION_ROBOT,      /* MAILER-DAEMON, owner-..., ...-request, ... */
	VACATION_SELF,       /* from the user */
	VACATION_AUTOMATIC,  /* Auto-Submitted, other than "no" */
	VACATION_LIST,       /* a List- field (RFC 2369, RFC 2919) */
	VACATION_BULK,       /* Precedence: bulk, junk or list */
	VACATION_SUPPRESSED, /* X-Auto-Response-Suppress: All or OOF */
	VACATION_NOT_NAMED,  /* none of the user's addresses in To, Cc, ... */
};

/*
 * header  the message's header section
 * from    its return path without <>
 * own     n addr-specs that mean the user; compared without regard to case
 * a       scratch for addresses
 * named   out; the one of own that the message names, only for VACATION_REPLY
 *
 * O(header.n + n), with the lengths of own.
 */
enum vacation_verdict vacation_decide(struct view header, struct view from,
    const struct view *own, size_t n, struct arena *a, struct view *named)
    A_MUST_USE;

/* Does a field of the header say that no reply is wanted? VACATION_REPLY: none
 * does. */
enum vacation_verdict vacation_veto(struct view header) A_MUST_USE;

/* Is the message marked as made by a machine (RFC 3834 section 5)? */
bool vacation_is_automatic(struct view header) A_MUST_USE;

#endif
