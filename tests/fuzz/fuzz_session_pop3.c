#include <stdlib.h>

#include "base/utf8.h"
#include "mail/header.h"
#include "session/line.h"
#include "session/pop3_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one_line(struct view line)
{
	struct pop3_command c;

	switch (pop3_command_parse(line, &c)) {
	case POP3_OK:
		if (c.has_number !=
			(c.verb == POP3_RETR || c.verb == POP3_DELE ||
			    c.verb == POP3_TOP) &&
		    c.verb != POP3_LIST && c.verb != POP3_UIDL)
			abort();
		if (c.range.n > 0 &&
		    (c.verb != POP3_LANG || c.range.p < line.p ||
			c.range.p + c.range.n > line.p + line.n))
			abort();
		break;
	case POP3_UNKNOWN:
	case POP3_ARGUMENTS:
		break;
	}
}

/* The same lines whatever the pieces: their number and their bytes. */
static uint64_t
all_lines(const uint8_t *data, size_t size, size_t piece)
{
	uint64_t sum = 0;
	struct line l;

	line_init(&l, POP3_LINE);
	for (size_t i = 0; i < size; i += piece) {
		struct view in = { data + i,
			piece < size - i ? piece : size - i };
		struct view line;
		enum line_result r;

		while ((r = line_take(&l, &in, &line)) != LINE_MORE) {
			sum = sum * 31 + (r == LINE_DONE ? line.n + 1 : 0);
			if (r != LINE_DONE)
				continue;
			if (line.n >= POP3_LINE ||
			    (line.n > 0 &&
				memchr(line.p, '\n', line.n) != NULL))
				abort();
			one_line(line);
		}
		if (in.n != 0)
			abort();
	}
	line_fini(&l);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf b = BUF_INIT((size_t)64 << 20);
	struct view all = { data, size };
	enum pop3_language language;

	if (size == 0)
		return 0;
	if (all_lines(data, size, 1) != all_lines(data, size, size) ||
	    all_lines(data, size, 7) != all_lines(data, size, size))
		abort();
	(void)!pop3_language_find(all, &language);
	if (utf8_valid(all)) {
		pop3_surrogate(view_sub(all, 0, header_size(all)), &b);
		if (b.failed || !utf8_ascii(buf_view(&b)))
			abort();
	}
	return 0;
}
