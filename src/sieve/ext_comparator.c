/* Comparators (RFC 4790; i;unicode-casemap is RFC 5051). */

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "sieve/ext.h"
#include "sieve/ext_list.h"

static bool
fold_casemap(struct view text, struct arena *a, struct view *out)
{
	uint8_t *p = arena_alloc(a, text.n + 1);

	if (p == NULL)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		p[i] = c >= 'a' && c <= 'z' ? (uint8_t)(c - 0x20) : c;
	}
	*out = (struct view){ p, text.n };
	return true;
}

/* The digits at the start, without leading zeros; p NULL: not a number, which
 * is larger than any (RFC 4790 section 9.1). */
static struct view
digits(struct view v)
{
	size_t n = 0;

	while (n < v.n && v.p[n] >= '0' && v.p[n] <= '9')
		n++;
	if (n == 0)
		return (struct view){ NULL, 0 };
	v.n = n;
	while (v.n > 1 && v.p[0] == '0')
		view_skip(&v, 1);
	return v;
}

static int
numeric_order(struct view a, struct view b)
{
	int r;

	a = digits(a);
	b = digits(b);
	if (a.p == NULL || b.p == NULL)
		return (a.p == NULL) - (b.p == NULL);
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	r = memcmp(a.p, b.p, a.n);
	return (r > 0) - (r < 0);
}

#define DECOMPOSE_DEPTH 8 /* deeper than any character's */

/* One character: its title case, that decomposed, and so on with what comes out
 * (RFC 5051 section 2). */
static void
put_folded(uint32_t c, struct buf *out, int depth)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	uint8_t bytes[UTF8_MAX];
	int tag, n;

	if (c < 0x80) { /* most characters of most texts */
		if (c >= 'a' && c <= 'z')
			c -= 0x20;
		buf_put_byte(out, (uint8_t)c);
		return;
	}
	c = uc_totitle(c);
	n = depth > 0 ? uc_decomposition(c, &tag, parts) : -1;
	if (n <= 0) {
		buf_put(out, (struct view){ bytes, utf8_put(c, bytes) });
		return;
	}
	for (int i = 0; i < n; i++)
		put_folded(parts[i], out, depth - 1);
}

/* Bytes that are no UTF-8 stay as they are. */
static bool
fold_unicode(struct view text, struct arena *a, struct view *out)
{
	AUTO_BUF struct buf b = BUF_INIT(text.n * 64 + 1);
	uint8_t *p;

	if (utf8_ascii(text))
		return fold_casemap(text, a, out);
	while (text.n > 0) {
		uint32_t c;

		if (utf8_take(&text, &c)) {
			put_folded(c, &b, DECOMPOSE_DEPTH);
		} else {
			buf_put_byte(&b, text.p[0]);
			view_skip(&text, 1);
		}
	}
	if (b.failed || (p = arena_alloc(a, b.n + 1)) == NULL)
		return false;
	memcpy(p, b.p, b.n);
	*out = (struct view){ p, b.n };
	return true;
}

static const struct ext_comparator octet[] = {
	{ .name = "i;octet" },
};

static const struct ext_comparator casemap[] = {
	{ .name = "i;ascii-casemap", .fold = fold_casemap },
};

static const struct ext_comparator numeric[] = {
	{ .name = "i;ascii-numeric", .order = numeric_order },
};

static const struct ext_comparator unicode[] = {
	{ .name = "i;unicode-casemap", .fold = fold_unicode, .chars = true },
};

const struct ext ext_comparator_octet = {
	.name = "comparator-i;octet",
	.flags = EXT_CORE | EXT_UNLISTED,
	.comparators = octet,
	.n_comparators = EXT_COUNT(octet),
};

const struct ext ext_comparator_casemap = {
	.name = "comparator-i;ascii-casemap",
	.flags = EXT_CORE | EXT_UNLISTED,
	.comparators = casemap,
	.n_comparators = EXT_COUNT(casemap),
};

const struct ext ext_comparator_numeric = {
	.name = "comparator-i;ascii-numeric",
	.comparators = numeric,
	.n_comparators = EXT_COUNT(numeric),
};

const struct ext ext_comparator_unicode = {
	.name = "comparator-i;unicode-casemap",
	.comparators = unicode,
	.n_comparators = EXT_COUNT(unicode),
};
