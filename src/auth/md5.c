/* Below libcrypto's EVP layer, as in base/digest.c. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "auth/md5.h"

#include <openssl/crypto.h>
#include <openssl/md5.h>

#define BLOCK 64

_Static_assert(MD5_SIZE == MD5_DIGEST_LENGTH, "the sizes are the same");

void
md5(struct view a, struct view b, uint8_t out[MD5_SIZE])
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
md5_hmac(struct view key, struct view v, uint8_t out[MD5_SIZE])
{
	const struct view none = { NULL, 0 };
	uint8_t inner[BLOCK] = { 0 }, outer[BLOCK];

	if (key.n > BLOCK)
		md5(key, none, inner);
	else if (key.n > 0)
		memcpy(inner, key.p, key.n);
	for (size_t i = 0; i < BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	md5((struct view){ inner, BLOCK }, v, out);
	md5((struct view){ outer, BLOCK }, (struct view){ out, MD5_SIZE }, out);
	OPENSSL_cleanse(inner, sizeof(inner));
	OPENSSL_cleanse(outer, sizeof(outer));
}
