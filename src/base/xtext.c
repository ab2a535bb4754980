#include "base/xtext.h"

#include "base/num.h"
#include "base/utf8.h"

/*
 * The grammar has upper case digits alone, so that one octet is written in one
 * way.
 */

static int
upper_hex(uint8_t c)
{
	return c >= 'a' && c <= 'f' ? -1 : num_hex(c);
}

/* hexchar = "+" 2HEXDIG; the octet it stands for, or -1 */
static int
take_hexchar(struct view *in)
{
	int high, low;

	if (in->n < 3 || in->p[0] != '+' || (high = upper_hex(in->p[1])) < 0 ||
	    (low = upper_hex(in->p[2])) < 0)
		return -1;
	view_skip(in, 3);
	return high << 4 | low;
}

/* "!" to "~" but "+" and "=" */
static bool
is_xchar(uint8_t c)
{
	return c > ' ' && c <= '~' && c != '+' && c != '=';
}

bool
xtext_ok(struct view v, bool utf8)
{
	uint32_t cp;
	int c;

	while (v.n > 0) {
		if (v.p[0] == '+') {
			c = take_hexchar(&v);
			if (c != '\t' && (c < ' ' || c > '~'))
				return false;
		} else if (is_xchar(v.p[0])) {
			view_skip(&v, 1);
		} else if (!utf8 || v.p[0] < 0x80 || !utf8_take(&v, &cp) ||
		    cp < 0xa0) {
			return false;
		}
	}
	return true;
}

/* atom of RFC 822: no specials, no blank, no control character */
static bool
is_atom(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~' ||
		    memchr("()<>@,;:\\\".[]", v.p[i], 13) != NULL)
			return false;
	return v.n > 0;
}

bool
xtext_orcpt(struct view v, struct view *type, struct view *address)
{
	const uint8_t *semi = v.n > 0 ? memchr(v.p, ';', v.n) : NULL;

	if (semi == NULL)
		return false;
	*type = (struct view){ v.p, (size_t)(semi - v.p) };
	*address = view_sub(v, type->n + 1, v.n);
	return is_atom(*type) && address->n > 0 &&
	    xtext_ok(*address, view_eq_ci(*type, VIEW_LIT("utf-8")));
}

void
xtext_undo(struct view v, struct buf *out)
{
	while (v.n > 0) {
		int c = take_hexchar(&v);

		if (c < 0) {
			c = v.p[0];
			view_skip(&v, 1);
		}
		buf_put_byte(out, (uint8_t)c);
	}
}

void
xtext_put_recipient(struct view orcpt, struct buf *out)
{
	struct view type, address;

	if (!xtext_orcpt(orcpt, &type, &address))
		return;
	buf_put_str(out, "Original-Recipient: ");
	buf_put(out, type);
	buf_put_str(out, "; ");
	xtext_undo(address, out);
	buf_put_str(out, "\r\n");
}
