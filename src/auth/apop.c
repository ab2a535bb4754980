/* Below libcrypto's EVP layer, as in base/digest.c. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "auth/apop.h"

#include <openssl/crypto.h>
#include <openssl/md5.h>

#include "base/digest.h"

static bool
take_text(struct view *in, struct view *out)
{
	const uint8_t *nul = in->n > 0 ? memchr(in->p, '\0', in->n) : NULL;

	if (nul == NULL)
		return false;
	*out = view_sub(*in, 0, (size_t)(nul - in->p));
	view_skip(in, out->n + 1);
	return out->n > 0;
}

bool
apop_parse(struct view in, struct apop *out)
{
	if (!take_text(&in, &out->challenge) || !take_text(&in, &out->user))
		return false;
	out->digest = in;
	return in.n == APOP_DIGEST_HEX;
}

static void
md5(struct view a, struct view b, uint8_t out[MD5_DIGEST_LENGTH])
{
	MD5_CTX c;

	MD5_Init(&c);
	if (a.n > 0)
		MD5_Update(&c, a.p, a.n);
	if (b.n > 0)
		MD5_Update(&c, b.p, b.n);
	MD5_Final(out, &c);
	OPENSSL_cleanse(&c, sizeof(c));
}

void
apop_digest(
    struct view challenge, struct view password, char out[APOP_DIGEST_HEX + 1])
{
	uint8_t d[MD5_DIGEST_LENGTH];

	md5(challenge, password, d);
	digest_hex((struct view){ d, sizeof(d) }, out);
}

bool
apop_check(struct view challenge, struct view password, struct view digest)
{
	uint8_t ours[MD5_DIGEST_LENGTH], theirs[MD5_DIGEST_LENGTH];

	md5(challenge, password, ours);
	return digest_unhex(digest, theirs, sizeof(theirs)) &&
	    digest_equal((struct view){ ours, sizeof(ours) },
		(struct view){ theirs, sizeof(theirs) });
}
