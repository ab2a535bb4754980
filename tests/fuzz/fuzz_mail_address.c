/* Address lists: groups nest as IMAP wants them. */

#include <stdlib.h>

#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA struct arena *a =
	    arena_new(size > 0 && data[0] == '!' ? 500 : 64 << 20);
	const struct address *d = address_parse((struct view){ data, size }, a);
	bool in_group = false;
	size_t n = 0;

	for (; d != NULL; d = d->next, n++) {
		if (address_is_group_start(d)) {
			if (in_group || d->name.p != NULL || d->adl.p != NULL)
				abort();
			in_group = true;
		} else if (address_is_group_end(d)) {
			if (!in_group || d->name.p != NULL)
				abort();
			in_group = false;
		} else if (d->mailbox.p == NULL || d->host.p == NULL)
			abort();
		if (d->name.n + d->mailbox.n + d->host.n + d->adl.n > size)
			abort();
	}
	if (n > ADDRESS_MAX)
		abort();
	return 0;
}
