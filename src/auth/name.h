#ifndef AUTH_NAME_H
#define AUTH_NAME_H

#include "base/attrs.h"
#include "base/view.h"

/*
 * Names of accounts, and the strings people log in with.
 *
 * A name is local@domain, or local alone (an account of this machine). Both
 * parts are kept folded: A-Z become a-z, since phones write names with capital
 * letters and mail for Demo@ is meant for demo@; everything else goes through
 * SASLprep (RFC 4013). Two spellings of one name are thus equal bytes.
 *
 *   local   1..NAME_LOCAL_MAX bytes of UTF-8, no controls, no space, none of
 *           @ / \ , : ; " < > ( ) [ ] and not starting with "." or "_"
 *   domain  1..NAME_DOMAIN_MAX bytes: labels of letters, digits, "-" and bytes
 *           above 0x7f, 1..63 bytes each, neither starting nor ending with "-"
 */
#define NAME_LOCAL_MAX 64
#define NAME_DOMAIN_MAX 253
#define NAME_MAX_BYTES (NAME_LOCAL_MAX + 1 + NAME_DOMAIN_MAX)
/* Where an account without a domain lies; no domain has this name. */
#define NAME_NO_DOMAIN "_local"
#define NAME_PATH_MAX (NAME_MAX_BYTES + sizeof(NAME_NO_DOMAIN))

struct name {
	char text[NAME_MAX_BYTES + 1]; /* as above; NUL at the end */
	bool domain;                   /* is there one? */
};

/* Read and fold a name. False when it is none. */
bool name_parse(struct view v, struct name *out) A_MUST_USE;
/* Directory of the account below accounts/: "domain/local" or "_local/local",
 * NUL at the end. It fulfils msg_grant_path_ok(). */
void name_path(const struct name *n, char out[NAME_PATH_MAX + 1]);

#define NAME_PASSWORD_MAX 511 /* bytes; what crypt(3) takes */
/*
 * A password as it is stored and compared: SASLprep (unassigned code points let
 * through, as SCRAM clients do), and
 * when that refuses it (or it is no UTF-8), the bytes as they are; so every
 * password typed in some old charset works too, with PLAIN and LOGIN.
 *
 * out  NAME_PASSWORD_MAX + 1 bytes, NUL at the end; wipe it after use
 * False when it is empty, too long, or has a NUL.
 */
bool name_password(struct view v, char out[NAME_PASSWORD_MAX + 1]) A_MUST_USE;

#endif
