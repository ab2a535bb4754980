#include "base/utf8.h"

/* Length of the valid sequence at the start of v (v.n > 0); 0: there is none;
 * -1: valid as far as it goes, but cut. The table of RFC 3629 section 4. */
static int
sequence(struct view v)
{
	uint8_t c = v.p[0], lo = 0x80, hi = 0xbf;
	int n;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (c == 0xe0)
		lo = 0xa0;
	else if (c == 0xed)
		hi = 0x9f;
	else if (c == 0xf0)
		lo = 0x90;
	else if (c == 0xf4)
		hi = 0x8f;
	for (int i = 1; i < n; i++, lo = 0x80, hi = 0xbf) {
		if ((size_t)i >= v.n)
			return -1;
		if (v.p[i] < lo || v.p[i] > hi)
			return 0;
	}
	return n;
}

size_t
utf8_valid_start(struct view v)
{
	size_t all = v.n;

	for (;;) {
		int n;

		view_skip(&v, utf8_ascii_run(v));
		if (v.n == 0 || (n = sequence(v)) <= 0)
			return all - v.n;
		view_skip(&v, (size_t)n);
	}
}

bool
utf8_valid(struct view v)
{
	return utf8_valid_start(v) == v.n;
}

bool
utf8_is_cut(struct view v)
{
	return sequence(v) == -1;
}

bool
utf8_ascii(struct view v)
{
	return utf8_ascii_run(v) == v.n;
}

bool
utf8_take(struct view *in, uint32_t *cp)
{
	static const uint8_t first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	int n = in->n > 0 ? sequence(*in) : 0;
	uint32_t c;

	if (n <= 0)
		return false;
	c = in->p[0] & first[n];
	for (int i = 1; i < n; i++)
		c = c << 6 | (in->p[i] & 0x3fU);
	*cp = c;
	view_skip(in, (size_t)n);
	return true;
}

size_t
utf8_put(uint32_t cp, uint8_t out[UTF8_MAX])
{
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (uint8_t)(0xc0 | cp >> 6);
		out[1] = (uint8_t)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		if (cp >= 0xd800 && cp <= 0xdfff)
			return 0;
		out[0] = (uint8_t)(0xe0 | cp >> 12);
		out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (cp & 0x3f));
		return 3;
	}
	if (cp > 0x10ffff)
		return 0;
	out[0] = (uint8_t)(0xf0 | cp >> 18);
	out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (cp & 0x3f));
	return 4;
}

struct view
utf8_cut(struct view v, size_t max)
{
	size_t at = max;

	if (v.n <= max)
		return v;
	/* go back to where a sequence could begin; if one does begin there and
	 * passes max, end before it */
	for (size_t back = 1; back < UTF8_MAX && back <= max; back++) {
		if ((v.p[max - back] & 0xc0) == 0x80)
			continue;
		if (sequence(view_sub(v, max - back, UTF8_MAX)) > (int)back)
			at = max - back;
		break;
	}
	return view_sub(v, 0, at);
}
