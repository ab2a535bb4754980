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
	date_format_imap(d, &b);
	if (b.n != DATE_IMAP_SIZE)
		abort();
	if (!date_parse_imap(buf_view(&b), &back) ||
	    back.seconds != d.seconds || back.zone_minutes != d.zone_minutes)
		abort();
	buf_clear(&b);
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
	int64_t day;

	if (date_parse(in, &d))
		check(d);
	if (date_parse_imap(in, &d)) {
		if (size < DATE_IMAP_SIZE - 1 || size > DATE_IMAP_SIZE)
			abort();
		check(d);
	}
	if (date_parse_day(in, &day) && (size < 10 || size > 13))
		abort();
	return 0;
}
