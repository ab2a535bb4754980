#ifndef AUTH_CRAM_H
#define AUTH_CRAM_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * CRAM-MD5 (RFC 2195): the server speaks first. Only for old clients, as APOP
 * (auth/apop.h): MD5 is weak (RFC 6151), whoever hears an exchange can try
 * passwords on it at leisure, and the password has to be stored as it is.
 */
#define CRAM_CHALLENGE_MAX 160 /* bytes */
#define CRAM_DIGEST_HEX 32     /* bytes */

/* A new "<random digits.seconds@host>", NUL at the end: a msg-id that nobody can
 * foresee. A host that may not stand there is "localhost". */
void cram_challenge(struct view host, char out[CRAM_CHALLENGE_MAX + 1]);

/* Borrowed from the message. */
struct cram {
	struct view user;   /* at least one byte, no NUL */
	struct view digest; /* as the client wrote it, of the right length */
};
/* user SP digest; the user may have blanks. False when it is none. */
bool cram_parse(struct view in, struct cram *out) A_MUST_USE;

/* Is digest that of challenge and password? As apop_check(). */
bool cram_check(struct view challenge, struct view password, struct view digest)
    A_MUST_USE;

#endif
