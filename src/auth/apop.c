#include "auth/apop.h"

#include "auth/md5.h"
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

void
apop_digest(
    struct view challenge, struct view password, char out[APOP_DIGEST_HEX + 1])
{
	uint8_t d[MD5_SIZE];

	md5(challenge, password, d);
	digest_hex((struct view){ d, sizeof(d) }, out);
}

bool
apop_check(struct view challenge, struct view password, struct view digest)
{
	uint8_t ours[MD5_SIZE], theirs[MD5_SIZE];

	md5(challenge, password, ours);
	return digest_unhex(digest, theirs, sizeof(theirs)) &&
	    digest_equal((struct view){ ours, sizeof(ours) },
		(struct view){ theirs, sizeof(theirs) });
}
