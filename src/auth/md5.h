#ifndef AUTH_MD5_H
#define AUTH_MD5_H

#include "base/view.h"

/* MD5 (RFC 1321) and HMAC-MD5 (RFC 2104), for what old clients log in by
 * (RFC 6151: for nothing else). Neither allocates nor fails. */
#define MD5_SIZE 16

/* Of a with b behind it. */
void md5(struct view a, struct view b, uint8_t out[MD5_SIZE]);
void md5_hmac(struct view key, struct view v, uint8_t out[MD5_SIZE]);

#endif
