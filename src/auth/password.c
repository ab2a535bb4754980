#include "auth/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"

/* libcrypt's work space is large (32 KiB) and holds parts of the password, so
 * each use takes its own and wipes it. */

#define PREFIX "{PLAIN}"
#define COST 5 /* of yescrypt: 16 MiB, as Debian's passwords have it */

bool
password_scheme_parse(struct view v, enum password_scheme *out)
{
	if (view_eq(v, VIEW_LIT("yescrypt")))
		*out = PASSWORD_YESCRYPT;
	else if (view_eq(v, VIEW_LIT("plain")))
		*out = PASSWORD_PLAIN;
	else
		return false;
	return true;
}

/* crypt(3) into out; false when it cannot. */
static bool
hash(const char *password, const char *setting, char *out, size_t max)
{
	struct crypt_data *d = xcalloc(1, sizeof(*d));
	const char *r = crypt_r(password, setting, d);
	bool ok = r != NULL && r[0] != '*' && strlen(r) <= max;

	if (ok)
		memcpy(out, r, strlen(r) + 1);
	explicit_bzero(d, sizeof(*d));
	free(d);
	return ok;
}

static int
make_yescrypt(const char *password, char *out, struct why *w)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE], salt[16];

	random_bytes(salt, sizeof(salt));
	if (crypt_gensalt_rn("$y$", COST, salt, sizeof(salt), setting,
		sizeof(setting)) == NULL)
		return why(w, -errno, "crypt_gensalt");
	if (!hash(password, setting, out, PASSWORD_STORED_MAX))
		return why(w, -EINVAL, "crypt");
	return 0;
}

int
password_make(enum password_scheme scheme, const char *password,
    char out[PASSWORD_STORED_MAX + 1], struct why *w)
{
	size_t n = strlen(password);

	switch (scheme) {
	case PASSWORD_YESCRYPT:
		return make_yescrypt(password, out, w);
	case PASSWORD_PLAIN:
		if (n > PASSWORD_STORED_MAX - (sizeof(PREFIX) - 1))
			return why(w, -EINVAL, "password too long");
		memcpy(out, PREFIX, sizeof(PREFIX) - 1);
		memcpy(out + sizeof(PREFIX) - 1, password, n + 1);
		return 0;
	}
	return why(w, -EINVAL, "scheme");
}

const char *
password_plain(const char *stored)
{
	size_t n = sizeof(PREFIX) - 1;

	return strncmp(stored, PREFIX, n) == 0 ? stored + n : NULL;
}

bool
password_is_cheap(const char *stored)
{
	return stored[0] != '$';
}

enum password_result
password_check(const char *stored, const char *password)
{
	char got[PASSWORD_STORED_MAX + 1];
	size_t plain = sizeof(PREFIX) - 1;
	bool equal;

	if (strncmp(stored, PREFIX, plain) == 0)
		return digest_equal(
			   view_str(stored + plain), view_str(password))
		    ? PASSWORD_OK
		    : PASSWORD_WRONG;
	if (stored[0] != '$')
		return PASSWORD_UNUSABLE;
	errno = 0;
	if (!hash(password, stored, got, PASSWORD_STORED_MAX))
		return errno == ENOMEM ? PASSWORD_FAILED : PASSWORD_UNUSABLE;
	equal = digest_equal(view_str(stored), view_str(got));
	explicit_bzero(got, sizeof(got));
	return equal ? PASSWORD_OK : PASSWORD_WRONG;
}

const char *
password_decoy(void)
{
	/* a salt, and a hash of all zero bits */
	return "$y$j9T$LdJMENpBABJJ3hIHjB1Bi.$"
	       "...........................................";
}
