/* The one-shot functions below libcrypto's EVP layer are marked deprecated, but
 * they reach the same assembler without a heap object, a lookup of providers or
 * files opened late, which EVP costs on each small message. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/num.h"

_Static_assert(sizeof(struct digest_sha256) >= sizeof(SHA256_CTX),
    "the opaque state must hold libcrypto's");
_Static_assert(_Alignof(struct digest_sha256) >= _Alignof(SHA256_CTX),
    "and be aligned for it");

#define BLOCK 64 /* bytes SHA-256 works on at once */

static SHA256_CTX *
context(struct digest_sha256 *d)
{
	return (SHA256_CTX *)(void *)d->state;
}

void
digest_sha256_init(struct digest_sha256 *d)
{
	SHA256_Init(context(d));
}

void
digest_sha256_add(struct digest_sha256 *d, struct view v)
{
	if (v.n > 0)
		SHA256_Update(context(d), v.p, v.n);
}

void
digest_sha256_end(struct digest_sha256 *d, uint8_t out[DIGEST_SHA256_SIZE])
{
	SHA256_Final(out, context(d));
}

void
digest_sha256(struct view v, uint8_t out[DIGEST_SHA256_SIZE])
{
	struct digest_sha256 d;

	digest_sha256_init(&d);
	digest_sha256_add(&d, v);
	digest_sha256_end(&d, out);
}

/* RFC 2104: H(K ^ opad, H(K ^ ipad, text)) */
void
digest_hmac_sha256(
    struct view key, struct view v, uint8_t out[DIGEST_SHA256_SIZE])
{
	uint8_t k[BLOCK] = { 0 }, pad[BLOCK];
	struct digest_sha256 d;

	if (key.n > BLOCK)
		digest_sha256(key, k);
	else if (key.n > 0)
		memcpy(k, key.p, key.n);
	for (size_t i = 0; i < BLOCK; i++)
		pad[i] = k[i] ^ 0x36;
	digest_sha256_init(&d);
	digest_sha256_add(&d, (struct view){ pad, BLOCK });
	digest_sha256_add(&d, v);
	digest_sha256_end(&d, out);
	for (size_t i = 0; i < BLOCK; i++)
		pad[i] = k[i] ^ 0x5c;
	digest_sha256_init(&d);
	digest_sha256_add(&d, (struct view){ pad, BLOCK });
	digest_sha256_add(&d, (struct view){ out, DIGEST_SHA256_SIZE });
	digest_sha256_end(&d, out);
	OPENSSL_cleanse(k, sizeof(k));
	OPENSSL_cleanse(pad, sizeof(pad));
	OPENSSL_cleanse(&d, sizeof(d));
}

bool
digest_equal(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void
digest_hex(struct view v, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < v.n; i++) {
		*out++ = hex[v.p[i] >> 4];
		*out++ = hex[v.p[i] & 15];
	}
	*out = '\0';
}

bool
digest_unhex(struct view hex, uint8_t *out, size_t n)
{
	if (hex.n % 2 != 0 || hex.n / 2 != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = num_hex(hex.p[2 * i]), lo = num_hex(hex.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}
