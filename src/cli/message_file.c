#include "cli/message_file.h"

int
message_file_spool(struct spool *s, struct view v)
{
	bool cr = false; /* the octet before was a CR */
	int r = 0;

	while (r == 0 && v.n > 0) {
		const uint8_t *lf = memchr(v.p, '\n', v.n);
		size_t n = lf != NULL ? (size_t)(lf - v.p) : v.n;

		if (n > 0) {
			cr = v.p[n - 1] == '\r';
			r = spool_write(s, view_sub(v, 0, n));
		}
		view_skip(&v, n);
		if (r != 0 || v.n == 0)
			break;
		r = spool_write(s, cr ? VIEW_LIT("\n") : VIEW_LIT("\r\n"));
		view_skip(&v, 1);
		cr = false;
	}
	return r;
}

struct view
message_file_body(struct view v)
{
	const uint8_t *lf;

	if (view_starts(v, VIEW_LIT("From ")) &&
	    (lf = memchr(v.p, '\n', v.n)) != NULL)
		view_skip(&v, (size_t)(lf + 1 - v.p));
	return v;
}
