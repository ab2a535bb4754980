#include <stdlib.h>

#include "mail/header.h"
#include "session/xmit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA struct arena *a = arena_new((size_t)1 << 20);
	AUTO_BUF struct buf out = BUF_INIT((size_t)1 << 20);
	const struct xmit_env env = { .host = VIEW_LIT("mail.example.org"),
		.user = VIEW_LIT("demo@example.org") };
	struct header_field f;
	struct view rest;
	struct xmit x;

	if (xmit_header(&env, (struct view){ data, size }, a, &x, &out) !=
	    XMIT_OK)
		return 0;
	if (x.n < 1 || x.n > XMIT_TO_MAX)
		abort();
	for (size_t i = 0; i < x.n; i++) {
		if (x.to[i].n > XMIT_ADDRESS_MAX)
			abort();
		for (size_t k = 0; k < x.to[i].n; k++)
			if (x.to[i].p[k] <= ' ' || x.to[i].p[k] == '<' ||
			    x.to[i].p[k] == '>' || x.to[i].p[k] == 0x7f)
				abort();
	}
	rest = buf_view(&out);
	while (header_next(&rest, &f))
		if (f.name.n == 0 || view_eq_ci(f.name, VIEW_LIT("Bcc")) ||
		    view_eq_ci(f.name, VIEW_LIT("Resent-Bcc")))
			abort();
	if (!view_eq(rest, VIEW_LIT("\r\n")))
		abort(); /* it ends with its one empty line */
	return 0;
}
