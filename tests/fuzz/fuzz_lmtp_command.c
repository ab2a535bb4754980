#include <stdlib.h>

#include "base/xtext.h"
#include "proc/lmtp_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_inside(struct view v, struct view line)
{
	return v.n == 0 || (v.p >= line.p && v.p + v.n <= line.p + line.n);
}

static void
one_line(struct view line)
{
	struct view type, address;
	struct lmtp_command c;

	if (line.n > LMTP_LINE_MAX || lmtp_command_parse(line, &c) != LMTP_OK)
		return;
	if (!is_inside(c.text, line) || !is_inside(c.path.text, line) ||
	    !is_inside(c.path.domain, line) || !is_inside(c.envid, line) ||
	    !is_inside(c.auth, line) || !is_inside(c.orcpt, line))
		abort();
	if (c.path.local_n > LMTP_LOCAL_MAX || c.path.text.n > LMTP_PATH_MAX ||
	    c.envid.n > LMTP_ENVID_MAX || c.auth.n > LMTP_XTEXT_MAX ||
	    c.orcpt.n > LMTP_XTEXT_MAX)
		abort();
	if (c.verb == LMTP_RCPT && c.path.local_n == 0)
		abort();
	if (!xtext_ok(c.envid, false) ||
	    (c.orcpt.n > 0 && !xtext_orcpt(c.orcpt, &type, &address)))
		abort();
	if (c.notify > 15 || (c.notify > 1 && c.notify % 2 != 0))
		abort(); /* NEVER stands alone */
	for (size_t i = 0; i < c.path.text.n; i++)
		if (c.path.text.p[i] < ' ' || c.path.text.p[i] == 0x7f)
			abort();
}

/* What the message is, as a checksum, and where it ends: SIZE_MAX when not. */
static uint64_t
decode(const uint8_t *p, size_t size, size_t piece, size_t *end)
{
	struct lmtp_data d = { 0 };
	uint64_t sum = 7;

	*end = SIZE_MAX;
	for (size_t at = 0; at < size;) {
		struct view in = { p + at,
			piece < size - at ? piece : size - at };
		struct view some;
		enum lmtp_data_result r;

		at += in.n;
		while (
		    (r = lmtp_data_next(&d, &in, &some)) == LMTP_DATA_PIECE) {
			if (some.n == 0)
				abort();
			for (size_t i = 0; i < some.n; i++)
				sum = sum * 31 + some.p[i];
		}
		if (some.n != 0)
			abort();
		if (r == LMTP_DATA_END) {
			*end = at - in.n;
			return sum;
		}
		if (in.n != 0)
			abort();
	}
	return sum;
}

static void
message(const uint8_t *p, size_t size)
{
	size_t end, other;
	uint64_t sum = decode(p, size, size, &end);

	if (decode(p, size, 1, &other) != sum || other != end)
		abort();
	if (decode(p, size, 3, &other) != sum || other != end)
		abort();
	if (end == SIZE_MAX)
		return;
	/* nothing but CR LF . CR LF, or . CR LF at once, ends it */
	if (end < 3 || memcmp(p + end - 3, ".\r\n", 3) != 0 ||
	    (end > 3 && (end < 5 || memcmp(p + end - 5, "\r\n", 2) != 0)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	one_line((struct view){ data, size });
	message(data, size);
	return 0;
}
