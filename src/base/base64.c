#include "base/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(struct view v, struct buf *out)
{
	uint8_t *p;

	if (v.n > out->max ||
	    (p = buf_reserve(out, BASE64_SIZE(v.n))) == NULL) {
		out->failed = true;
		return;
	}
	out->n += BASE64_SIZE(v.n);
	for (; v.n > 0; p += 4) {
		size_t n = v.n < 3 ? v.n : 3;
		uint32_t b = (uint32_t)v.p[0] << 16 |
		    (n > 1 ? (uint32_t)v.p[1] << 8 : 0) | (n > 2 ? v.p[2] : 0);

		p[0] = (uint8_t)alphabet[b >> 18];
		p[1] = (uint8_t)alphabet[b >> 12 & 63];
		p[2] = n > 1 ? (uint8_t)alphabet[b >> 6 & 63] : '=';
		p[3] = n > 2 ? (uint8_t)alphabet[b & 63] : '=';
		view_skip(&v, n);
	}
}

/* Value of one character, or 64 and above when it has none. Without a table or
 * a branch on the value: what is decoded may be a password. */
static uint32_t
value(uint8_t c)
{
	uint32_t v = 64;

	v = (uint32_t)(c - 'A') < 26 ? (uint32_t)(c - 'A') : v;
	v = (uint32_t)(c - 'a') < 26 ? (uint32_t)(c - 'a') + 26 : v;
	v = (uint32_t)(c - '0') < 10 ? (uint32_t)(c - '0') + 52 : v;
	v = c == '+' ? 62 : v;
	return c == '/' ? 63 : v;
}

/* One quantum of four characters into 1 to 3 bytes; 0: not valid. Padding is
 * allowed only when last. */
static size_t
quantum(const uint8_t *q, bool last, uint8_t out[3])
{
	size_t pad = !last || q[3] != '=' ? 0 : q[2] == '=' ? 2 : 1;
	uint32_t b = 0, bad = 0;

	for (size_t i = 0; i < 4 - pad; i++) {
		uint32_t v = value(q[i]);

		bad |= v & 64;
		b |= (v & 63) << (18 - 6 * i);
	}
	if (bad != 0 || (b & ((UINT32_C(1) << (8 * pad)) - 1)) != 0)
		return 0;
	out[0] = (uint8_t)(b >> 16);
	out[1] = (uint8_t)(b >> 8);
	out[2] = (uint8_t)b;
	return 3 - pad;
}

bool
base64_decode(struct view v, struct buf *out)
{
	size_t before = out->n, n = v.n / 4 * 3;

	if (v.n % 4 != 0 || out->failed)
		return false;
	if (n > 0)
		n -= (size_t)(v.p[v.n - 1] == '=') + (v.p[v.n - 2] == '=');
	if (n > out->max - out->n || buf_reserve(out, n) == NULL)
		return false;
	for (; v.n > 0; view_skip(&v, 4)) {
		uint8_t b[3];
		size_t got = quantum(v.p, v.n == 4, b);

		if (got == 0) {
			out->n = before;
			return false;
		}
		memcpy(out->p + out->n, b, got);
		out->n += got;
	}
	return true;
}
