#include "auth/cram.h"

#include <stdio.h>

#include "auth/md5.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"

static bool
is_host(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (memchr(
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789-.",
			v.p[i], 64) == NULL)
			return false;
	return v.n > 0 && v.n <= 80;
}

void
cram_challenge(struct view host, char out[CRAM_CHALLENGE_MAX + 1])
{
	if (!is_host(host))
		host = VIEW_LIT("localhost");
	(void)snprintf(out, CRAM_CHALLENGE_MAX + 1,
	    "<%020llu%020llu.%lld@%.*s>", (unsigned long long)random_u64(),
	    (unsigned long long)random_u64(), (long long)clock_wall_s(),
	    (int)host.n, (const char *)host.p);
}

bool
cram_parse(struct view in, struct cram *out)
{
	if (in.n < CRAM_DIGEST_HEX + 2)
		return false;
	out->user = view_sub(in, 0, in.n - CRAM_DIGEST_HEX - 1);
	out->digest = view_sub(in, in.n - CRAM_DIGEST_HEX, CRAM_DIGEST_HEX);
	return in.p[out->user.n] == ' ' &&
	    memchr(out->user.p, '\0', out->user.n) == NULL;
}

bool
cram_check(struct view challenge, struct view password, struct view digest)
{
	uint8_t ours[MD5_SIZE], theirs[MD5_SIZE];

	md5_hmac(password, challenge, ours);
	return digest_unhex(digest, theirs, sizeof(theirs)) &&
	    digest_equal((struct view){ ours, sizeof(ours) },
		(struct view){ theirs, sizeof(theirs) });
}
