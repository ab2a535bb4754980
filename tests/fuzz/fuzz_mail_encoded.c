/* Encoded words and parameters: valid UTF-8 without NUL comes out. */

#include <stdlib.h>

#include "base/utf8.h"
#include "mail/charset.h"
#include "mail/encoded.h"
#include "mail/header.h"

static void
check(const struct buf *b)
{
	struct view v = buf_view(b);

	if (b->failed || utf8_valid_start(v) != v.n ||
	    (v.n > 0 && memchr(v.p, 0, v.n) != NULL))
		abort();
}

static void
check_fields(struct view in)
{
	struct view rest = in;
	struct header_field f;
	size_t sum = 0;

	while (header_next(&rest, &f)) {
		sum += f.raw.n;
		if (f.raw.n == 0 || f.name.n + f.value.n > f.raw.n)
			abort();
	}
	if (sum + rest.n != in.n || header_size(in) < sum ||
	    header_size(in) > sum + 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size }, rest = in;
	struct encoded_param p;
	AUTO_BUF struct buf b;

	buf_init(&b, 1 << 24);
	encoded_decode(in, &b);
	check(&b);
	buf_clear(&b);
	if (!encoded_param_decode(in, VIEW_LIT("n"), &b) && b.n != 0)
		abort();
	check(&b);
	for (size_t left = rest.n; encoded_next_param(&rest, &p); left = rest.n)
		if (rest.n >= left || p.name.n == 0)
			abort();
	if (rest.n != 0)
		abort();
	check_fields(in);
	return 0;
}
