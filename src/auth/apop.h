#ifndef AUTH_APOP_H
#define AUTH_APOP_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * APOP (RFC 1939 section 7): MD5 of the greeting's challenge and the password.
 * Only for old clients: MD5 is weak (RFC 6151), and the password has to be
 * stored as it is.
 */
#define APOP_DIGEST_HEX 32 /* bytes, lower case */

/* What a gate sends as the initial response of "APOP" (which no client can ask
 * for by AUTH): challenge NUL name NUL digest. */
struct apop {
	struct view challenge; /* with its "<>" */
	struct view user;      /* at least one byte */
	struct view digest;    /* as the client wrote it */
};
/* Borrowed from in. False when it is none. */
bool apop_parse(struct view in, struct apop *out) A_MUST_USE;

void apop_digest(
    struct view challenge, struct view password, char out[APOP_DIGEST_HEX + 1]);
/* Is digest that of challenge and password? The time does not depend on where
 * they differ. Hex digits may be of either case. */
bool apop_check(struct view challenge, struct view password, struct view digest)
    A_MUST_USE;

#endif
