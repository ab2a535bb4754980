/* Summaries: bytes that are none are refused, and every view of one that is
 * taken lies inside; the summary of any message is one. */

#include <stdlib.h>

#include "mail/summary.h"

static void
check_inside(struct view v, struct view in)
{
	if (v.p < in.p || v.n > in.n || (size_t)(v.p - in.p) > in.n - v.n)
		abort();
}

static void
check_read(struct view in)
{
	static const uint32_t path[] = { 1, 2, 1, 1 };
	struct summary_part p;
	struct summary s;

	if (!summary_read(in, &s))
		return;
	check_inside(s.envelope, in);
	check_inside(s.bodystructure, in);
	check_inside(s.body, in);
	check_inside(s.common, in);
	check_inside(s.index, in);
	for (size_t n = 0; n <= 4; n++)
		if (summary_part(&s, path, n, &p) &&
		    p.encoding > TRANSFER_UNKNOWN)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	struct summary_part p;
	struct summary s;
	AUTO_BUF struct buf b;

	check_read(in);
	buf_init(&b, SUMMARY_MAX);
	summary_write(in, &b);
	if (!summary_read(buf_view(&b), &s) || s.size != size ||
	    !summary_part(&s, NULL, 0, &p) || p.header_n != s.header_n ||
	    p.header_n + p.body_n != size)
		abort();
	check_read(buf_view(&b));
	return 0;
}
