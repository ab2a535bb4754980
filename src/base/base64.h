#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/view.h"

/* Base 64 of RFC 4648 section 4, as SASL exchanges carry it: one line. (The
 * forgiving reader of mail bodies is in mail/.) */

/* Bytes that n bytes become, with padding. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

/* Put the encoded form of v into out. */
void base64_encode(struct view v, struct buf *out);
/*
 * Strict: full quanta, padding only at the end and required, unused bits zero,
 * nothing else in between. False when v is not such or out would pass its
 * maximum; out then has what it had before (failed is not set).
 */
bool base64_decode(struct view v, struct buf *out) A_MUST_USE;

#endif
