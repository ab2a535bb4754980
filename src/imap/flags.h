#ifndef IMAP_FLAGS_H
#define IMAP_FLAGS_H

#include "base/attrs.h"
#include "base/view.h"

/* System flags as bits (RFC 9051 section 2.3.2). */
enum flags_bit {
	FLAGS_ANSWERED = 1,
	FLAGS_FLAGGED = 2,
	FLAGS_DELETED = 4,
	FLAGS_SEEN = 8,
	FLAGS_DRAFT = 16,
	FLAGS_RECENT = 32, /* RFC 3501; told by the server, never stored */
};

/* The flags a client may set. */
#define FLAGS_STORABLE                                                         \
	(FLAGS_ANSWERED | FLAGS_FLAGGED | FLAGS_DELETED | FLAGS_SEEN |         \
	    FLAGS_DRAFT)

/* A flag list: system flags as bits, keywords as the client spelt them, in
 * its order, possibly repeated. "\Recent" and unknown "\X" never get here. */
struct flags {
	unsigned system;             /* FLAGS_* */
	const struct view *keywords; /* atoms, 1..LIMITS_KEYWORD bytes each */
	size_t n;                    /* of keywords, 0..LIMITS_FLAGS */
};

/* The bit of a system flag given with its backslash, any case; 0 if there is
 * none of that name. */
unsigned flags_system(struct view name) A_MUST_USE;
/* The name of one bit with its backslash, as RFC 9051 spells it. */
const char *flags_name(enum flags_bit bit) A_MUST_USE;

#endif
