/* Charsets and folding: the first byte picks the charset, the second how the
 * text is cut. The same must come out as at once. */

#include <stdlib.h>

#include "base/utf8.h"
#include "mail/charset.h"
#include "mail/fold.h"
#include "mail/transfer.h"

static const char *const names[] = { "utf-8", "iso-2022-jp", "shift_jis",
	"euc-jp", "gb2312", "big5", "euc-kr", "utf-7", "utf-16", "koi8-r",
	"iso-2022-kr", "iso-2022-jp-2", "iso-2022-cn", "windows-1252" };

static void
check_text(struct view v)
{
	if (utf8_valid_start(v) != v.n ||
	    (v.n > 0 && memchr(v.p, 0, v.n) != NULL))
		abort();
}

static void
check_fold(struct view text)
{
	AUTO_BUF struct buf whole, pieces;
	size_t cut = fold_cut(text);

	buf_init(&whole, text.n * FOLD_GROWTH + 1);
	buf_init(&pieces, text.n * FOLD_GROWTH + 1);
	fold_text(text, &whole);
	fold_text(view_sub(text, 0, cut), &pieces);
	fold_text(view_sub(text, cut, text.n), &pieces);
	if (whole.failed || !view_eq(buf_view(&whole), buf_view(&pieces)))
		abort();
	if (utf8_valid_start(buf_view(&whole)) != whole.n)
		abort();
}

static void
check_transfer(enum transfer kind, struct view in, size_t piece)
{
	AUTO_BUF struct buf whole, pieces;
	struct transfer_decoder d;
	bool ok, size_ok;

	buf_init(&whole, in.n + 200);
	buf_init(&pieces, 2 * in.n + 200);
	ok = transfer_decode(kind, in, &whole);
	if (whole.failed || transfer_size(kind, in, &size_ok) != whole.n ||
	    size_ok != ok)
		abort();
	transfer_init(&d, kind);
	for (; in.n > 0; view_skip(&in, piece < in.n ? piece : in.n))
		transfer_put(&d, view_sub(in, 0, piece), &pieces);
	transfer_end(&d, &pieces);
	if (!view_eq(buf_view(&whole), buf_view(&pieces)) ||
	    (d.errors == 0) != ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf b;
	struct charset *c;
	struct view in;
	size_t piece;

	buf_init(&b, 1 << 24);
	if (size < 2)
		return 0;
	in = (struct view){ data + 2, size - 2 };
	piece = data[1] % 7 + 1;
	if (charset_open(view_str(names[data[0] % 14]), &c) != CHARSET_OK)
		abort();
	for (struct view v = in; v.n > 0;
	     view_skip(&v, piece < v.n ? piece : v.n))
		charset_put(c, view_sub(v, 0, piece), &b);
	charset_end(c, &b);
	charset_close(&c);
	check_text(buf_view(&b));
	buf_clear(&b);
	charset_put_guess(in, &b);
	check_text(buf_view(&b));
	check_fold(in);
	for (int kind = 0; kind <= TRANSFER_UNKNOWN; kind++)
		check_transfer((enum transfer)kind, in, piece);
	return 0;
}
