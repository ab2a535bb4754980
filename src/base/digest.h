#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/attrs.h"
#include "base/view.h"

/* SHA-256 (FIPS 180-4) and HMAC (RFC 2104) by libcrypto. Nothing here
 * allocates, fails, or loads anything late (it works in a sandbox). */
#define DIGEST_SHA256_SIZE 32

void digest_sha256(struct view v, uint8_t out[DIGEST_SHA256_SIZE]);

/* The same piece by piece; the caller's storage, may be copied midway. */
struct digest_sha256 {
	uint64_t state[14];
};
void digest_sha256_init(struct digest_sha256 *d);
void digest_sha256_add(struct digest_sha256 *d, struct view v);
/* Use it again only after init. */
void digest_sha256_end(
    struct digest_sha256 *d, uint8_t out[DIGEST_SHA256_SIZE]);

void digest_hmac_sha256(
    struct view key, struct view v, uint8_t out[DIGEST_SHA256_SIZE]);

/* Equal? In a time that depends on the lengths only. */
bool digest_equal(struct view a, struct view b) A_MUST_USE;

/* Lower-case hex of v into out (2 * v.n + 1 bytes, NUL at the end). */
void digest_hex(struct view v, char *out);
/* Exactly 2 * n hex digits of either case; false leaves out undefined. */
bool digest_unhex(struct view hex, uint8_t *out, size_t n) A_MUST_USE;

#endif
