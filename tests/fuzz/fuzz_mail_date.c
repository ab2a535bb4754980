/* Dates: what is read is in range and comes back from what is written. */

#include <stdlib.h>

#include "mail/date.h"

static void
check(struct date d)
{
	AUTO_BUF struct buf b;
	struct date back;

	buf_init(&b, 100);
	if (d.zone_minutes < -1439 || d.zone_minutes > 1439)
		abort();
	date_format(d, &b);
	if (b.n > DATE_RFC5322_MAX)
		abort();
	if (date_parse(buf_view(&b), &back) && back.seconds != d.seconds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = { data, size };
	struct date d;

	if (date_parse(in, &d))
		check(d);
	return 0;
}
