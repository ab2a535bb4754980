/*
 * Modified UTF-7. Decoding reads leniently and then encodes again: what does
 * not come back as it was is no modified UTF-7. That is one test for all the
 * ways of spelling a name in two ways.
 */

#include "imap/utf7.h"

#include "base/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz"
			       "0123456789+,";

/* A run of base64 being written. */
struct run {
	struct buf *b;
	uint32_t bits; /* the last n of these are not written yet */
	unsigned n;
	bool open;
};

static void
run_unit(struct run *r, uint32_t unit)
{
	if (!r->open)
		buf_put_byte(r->b, '&');
	r->open = true;
	r->bits = r->bits << 16 | unit;
	r->n += 16;
	while (r->n >= 6) {
		r->n -= 6;
		buf_put_byte(r->b, (uint8_t)alphabet[r->bits >> r->n & 63]);
	}
}

static void
run_close(struct run *r)
{
	if (!r->open)
		return;
	if (r->n > 0)
		buf_put_byte(
		    r->b, (uint8_t)alphabet[r->bits << (6 - r->n) & 63]);
	buf_put_byte(r->b, '-');
	*r = (struct run){ .b = r->b };
}

void
utf7_encode(struct view in, struct buf *b)
{
	struct run r = { .b = b };
	uint32_t u;

	while (in.n > 0) {
		if (!utf8_take(&in, &u)) {
			view_skip(&in, 1);
			u = 0xfffd;
		}
		if (u >= 0x20 && u <= 0x7e) {
			run_close(&r);
			buf_put_byte(b, (uint8_t)u);
			if (u == '&')
				buf_put_byte(b, '-');
		} else if (u < 0x10000) {
			run_unit(&r, u);
		} else {
			run_unit(&r, 0xd800 + ((u - 0x10000) >> 10));
			run_unit(&r, 0xdc00 + ((u - 0x10000) & 0x3ff));
		}
	}
	run_close(&r);
}

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* One UTF-16 unit: joins surrogates, writes whole characters to p. */
static bool
put_unit(uint32_t unit, uint32_t *high, uint8_t *p, size_t *n)
{
	if (unit == 0 || (*high != 0) != (unit >= 0xdc00 && unit < 0xe000))
		return false;
	if (unit >= 0xd800 && unit < 0xdc00) {
		*high = unit;
		return true;
	}
	if (*high != 0)
		unit = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
	*high = 0;
	*n += utf8_put(unit, p + *n);
	return true;
}

/* base64 "-" behind the "&", into p. Four octets give two UTF-16 units at
 * most half way, so p needs one and a half times what is read. */
static bool
decode_run(struct view *in, uint8_t *p, size_t *n)
{
	uint32_t bits = 0, high = 0;
	unsigned have = 0;
	int v;

	for (; in->n > 0 && (v = base64_value(in->p[0])) >= 0;
	     view_skip(in, 1)) {
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		if (!put_unit(bits >> have & 0xffff, &high, p, n))
			return false;
	}
	if (high != 0 || in->n == 0 || in->p[0] != '-')
		return false;
	view_skip(in, 1);
	return true;
}

static bool
is_same_encoded(struct view name, struct view wire)
{
	AUTO_BUF struct buf b;

	buf_init(&b, wire.n + 1);
	utf7_encode(name, &b);
	return !b.failed && view_eq(buf_view(&b), wire);
}

bool
utf7_decode(struct view in, struct arena *a, struct view *out)
{
	struct view v = in;
	uint8_t *p;
	size_t n = 0;
	bool plain = true;

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] < 0x20 || in.p[i] > 0x7e)
			return false;
		plain = plain && in.p[i] != '&';
	}
	if (plain) {
		*out = in;
		return true;
	}
	if ((p = arena_alloc(a, in.n + in.n / 2 + 4)) == NULL)
		return false;
	while (v.n > 0) {
		uint8_t c = v.p[0];

		view_skip(&v, 1);
		if (c != '&') {
			p[n++] = c;
		} else if (v.n > 0 && v.p[0] == '-') {
			p[n++] = '&';
			view_skip(&v, 1);
		} else if (!decode_run(&v, p, &n)) {
			return false;
		}
	}
	if (!is_same_encoded((struct view){ p, n }, in))
		return false;
	*out = (struct view){ p, n };
	return true;
}
