/* LIST patterns against a plain recursive matcher, on small inputs. The first
 * octet says where the pattern ends. */

#include <stdlib.h>

#include "imap/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
plain(struct view p, struct view n)
{
	if (p.n == 0)
		return n.n == 0;
	if (p.p[0] != '*' && p.p[0] != '%')
		return n.n > 0 && p.p[0] == n.p[0] &&
		    plain(view_sub(p, 1, p.n), view_sub(n, 1, n.n));
	for (size_t i = 0;; i++) {
		if (plain(view_sub(p, 1, p.n), view_sub(n, i, n.n)))
			return true;
		if (i == n.n || (p.p[0] == '%' && n.p[i] == '/'))
			return false;
	}
}

/* Is there a name, a few levels below this one, that matches? */
static bool
matches_some(struct view pattern, struct view parent)
{
	uint8_t name[64];

	memcpy(name, parent.p, parent.n);
	name[parent.n] = '/';
	memcpy(name + parent.n + 1, pattern.p, pattern.n);
	for (size_t n = 1; n <= pattern.n; n++)
		if (pattern_match(
			pattern, (struct view){ name, parent.n + 1 + n }))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size }, p, n;

	if (size < 1 || size > 17)
		return 0;
	view_skip(&in, 1);
	p = view_sub(in, 0, data[0] % 9);
	n = view_sub(in, p.n, in.n);
	if (!view_starts_ci(n, VIEW_LIT("INBOX")) &&
	    pattern_match(p, n) != plain(p, n))
		abort();
	if (matches_some(p, n) && !pattern_below(p, n))
		abort();
	return 0;
}
