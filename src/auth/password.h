#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/attrs.h"
#include "base/view.h"
#include "base/why.h"

/*
 * Stored passwords, to check those that come in clear (PLAIN, LOGIN):
 *
 *   "$y$..."         whatever crypt(3) understands; we make yescrypt
 *   "{PLAIN}secret"  the password itself: for tests, benchmarks and imports
 *
 * yescrypt costs 21 ms and 17 MiB on purpose: auth's main process never calls
 * it, its workers do.
 */
#define PASSWORD_STORED_MAX 640 /* bytes, without the NUL */

enum password_scheme {
	PASSWORD_YESCRYPT,
	PASSWORD_PLAIN,
};
/* "yescrypt" or "plain". */
bool password_scheme_parse(struct view v, enum password_scheme *out) A_MUST_USE;

/*
 * Make the stored form with a fresh salt.
 * password  as name_password() yields it
 * out       NUL at the end
 * 0, or a negative errno when libcrypt cannot (*w says why).
 */
int password_make(enum password_scheme scheme, const char *password,
    char out[PASSWORD_STORED_MAX + 1], struct why *w) A_MUST_USE;

enum password_result {
	PASSWORD_OK = 0,
	PASSWORD_WRONG,
	PASSWORD_UNUSABLE, /* stored is nothing we can check; nothing fits it */
	PASSWORD_FAILED,   /* it could not be computed now: no memory */
};
/* The time depends on stored and on lengths, not on where they differ. */
enum password_result password_check(const char *stored, const char *password)
    A_MUST_USE;
/* The password itself where it is stored so, else NULL. Points into stored. */
const char *password_plain(const char *stored) A_MUST_USE;
/* Can it be checked without much work? */
bool password_is_cheap(const char *stored) A_MUST_USE;
/* A stored form that fits no password and costs what yescrypt costs, so that
 * unknown names take as long as known ones. */
const char *password_decoy(void);

#endif
