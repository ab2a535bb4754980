#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* SASL mechanisms (RFC 4422), best first. */
enum mechanism {
	MECHANISM_SCRAM_SHA_256_PLUS,
	MECHANISM_SCRAM_SHA_256,
	MECHANISM_SCRAM_SHA_1_PLUS,
	MECHANISM_SCRAM_SHA_1,
	MECHANISM_PLAIN,    /* RFC 4616 */
	MECHANISM_LOGIN,    /* draft-murchison-sasl-login */
	MECHANISM_CRAM_MD5, /* RFC 2195; only where the settings say so */
};
#define MECHANISMS 7

/* "SCRAM-SHA-256" and the like; never NULL. */
const char *mechanism_name(enum mechanism m);
/* Exactly one of the names. */
bool mechanism_parse(struct view v, enum mechanism *out) A_MUST_USE;
/* Does it send the password itself? */
bool mechanism_is_clear(enum mechanism m) A_MUST_USE;
/* Does it bind to the TLS channel? */
bool mechanism_is_plus(enum mechanism m) A_MUST_USE;

/*
 * May it be used there? Passwords go only over TLS, or where clear says so;
 * channel bindings need TLS.
 */
bool mechanism_allowed(enum mechanism m, bool tls, bool clear) A_MUST_USE;
/* Put the names of those allowed, with one space between. cram: CRAM-MD5 is one
 * of them. */
void mechanism_offer(bool tls, bool clear, bool cram, struct buf *out);

/* Borrowed from the message. */
struct mechanism_plain {
	struct view authzid; /* may be empty */
	struct view user;    /* at least one byte */
	struct view password;
};
/* message = [authzid] NUL authcid NUL passwd (RFC 4616 section 2). False when
 * it is not one, or has no user or no password. */
bool mechanism_plain(struct view in, struct mechanism_plain *out) A_MUST_USE;

/* What a LOGIN server asks; clients know it by these bytes. */
#define MECHANISM_LOGIN_USER VIEW_LIT("Username:")
#define MECHANISM_LOGIN_PASSWORD VIEW_LIT("Password:")

#endif
