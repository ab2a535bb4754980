/* A name decodes to UTF-8 and encodes to itself, or is refused; and any UTF-8
 * without NUL comes back from its encoding. */

#include <stdlib.h>

#include "base/utf8.h"
#include "imap/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA struct arena *a = arena_new(8 * size + 64);
	AUTO_BUF struct buf b = { .max = 4 * size + 16 };
	struct view in = { data, size }, out;

	if (utf7_decode(in, a, &out)) {
		if (!utf8_valid(out) ||
		    (out.n > 0 && memchr(out.p, 0, out.n) != NULL))
			abort();
		utf7_encode(out, &b);
		if (!view_eq(buf_view(&b), in))
			abort();
		buf_clear(&b);
	}
	utf7_encode(in, &b);
	if (b.failed)
		abort(); /* at worst "&" and what is no UTF-8: seven for two */
	if (!utf8_valid(in) || (size > 0 && memchr(data, 0, size) != NULL))
		return 0;
	if (!utf7_decode(buf_view(&b), a, &out) || !view_eq(out, in))
		abort();
	return 0;
}
