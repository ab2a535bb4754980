#include "check.h"
#include "mail/header.h"

static const char broken[] =
    "From alice@example.org Sun, 06 Jan 07:08:41 2002\n"
    "Subject: one\r\n"
    "\ttwo\n"
    "no colon here\r\n"
    " folded none\r\n"
    "X-Late : value\r\n"
    "Empty:\r\n"
    ": nameless\r\n"
    "subject:second\r\n"
    "\r\n"
    "Body: no field\r\n";

static void
test_iterate(void)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "", "From alice@example.org Sun, 06 Jan 07:08:41 2002" },
		{ "Subject", " one\r\n\ttwo" },
		{ "", "no colon here\r\n folded none" },
		{ "X-Late", " value" },
		{ "Empty", "" },
		{ "", ": nameless" },
		{ "subject", "second" },
	};
	struct view rest = view_str(broken);
	struct header_field f;
	size_t n = 0;

	while (header_next(&rest, &f)) {
		if (n >= sizeof(want) / sizeof(want[0]))
			break;
		check_str("name", f.name, want[n].name);
		check_str("value", f.value, want[n].value);
		n++;
	}
	check_num("fields", n, sizeof(want) / sizeof(want[0]));
	check_str("what is left", rest, "\r\nBody: no field\r\n");
}

static void
test_size(void)
{
	static const struct {
		const char *name, *msg;
		size_t want;
	} cases[] = {
		{ "CRLF", "A: b\r\n\r\nbody", 8 },
		{ "bare LF", "A: b\n\nbody", 6 },
		{ "mixed", "A: b\n\r\nbody", 7 },
		{ "no empty line", "A: b\r\n", 6 },
		{ "no line end", "A: b", 4 },
		{ "empty at once", "\r\nbody", 2 },
		{ "nothing", "", 0 },
		{ "a line of blanks goes on", "A: b\r\n \r\nC: d\r\n\r\n", 17 },
		{ "a lone CR does not end it", "A: b\r\n\rC: d\r\n\r\n", 15 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_num(cases[i].name, header_size(view_str(cases[i].msg)),
		    cases[i].want);
}

static void
test_find(void)
{
	struct header_field f;

	tap_ok(header_find(view_str(broken), VIEW_LIT("SUBJECT"), &f),
	    "find ignores case");
	check_str("the first one", f.raw, "Subject: one\r\n\ttwo\n");
	tap_ok(!header_find(view_str(broken), VIEW_LIT("Body"), &f),
	    "nothing is found after the empty line");
	tap_ok(!header_find(view_str(broken), VIEW_LIT("Subj"), &f),
	    "a part of a name is no name");
}

static void
test_text(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 1000);
	header_unfold(VIEW_LIT("  one\r\n two\n\tthree \r\n "), &b);
	check_str("unfold", buf_view(&b), "one two\tthree");
	buf_clear(&b);
	header_unfold(VIEW_LIT(" \r\n "), &b);
	check_num("unfold blanks", b.n, 0);
	check_str(
	    "trim", header_trim(VIEW_LIT("\r\n a\r\n b \r\n")), "a\r\n b");
}

static void
test_filter(void)
{
	static const struct view names[] = { { (const uint8_t *)"SUBJECT", 7 },
		{ (const uint8_t *)"empty", 5 } };
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	header_filter(view_str(broken), names, 2, false, &b);
	check_str("FIELDS: both duplicates, in order", buf_view(&b),
	    "Subject: one\r\n\ttwo\nEmpty:\r\nsubject:second\r\n\r\n");
	buf_clear(&b);
	header_filter(view_str(broken), names, 2, true, &b);
	check_str("FIELDS.NOT: all the rest", buf_view(&b),
	    "From alice@example.org Sun, 06 Jan 07:08:41 2002\n"
	    "no colon here\r\n folded none\r\nX-Late : value\r\n"
	    ": nameless\r\n\r\n");
	buf_clear(&b);
	header_filter(VIEW_LIT("Subject: x"), names, 2, false, &b);
	check_str(
	    "a missing line end is added", buf_view(&b), "Subject: x\r\n\r\n");
	buf_clear(&b);
	header_filter(VIEW_LIT("A: b\r\n\r\n"), names, 0, false, &b);
	check_str("no names: only the empty line", buf_view(&b), "\r\n");
}

/* Every prefix: the raw pieces are the header, whatever is cut. */
static void
test_prefixes(void)
{
	size_t n = sizeof(broken) - 1, bad = 0;

	for (size_t i = 0; i <= n; i++) {
		uint8_t *p = exact((struct view){ (const uint8_t *)broken, i });
		struct view v = { p, i }, rest = v;
		struct header_field f;
		size_t sum = 0;

		while (header_next(&rest, &f))
			sum += f.raw.n;
		bad += sum + rest.n != i;
		bad += header_size(v) < sum || header_size(v) > sum + 2;
		free(p);
	}
	check_num("prefixes that do not add up", bad, 0);
}

static void
test_octets(void)
{
	struct view v = VIEW_LIT("X-\xc3\xa9: \0a\xff\r\nB: c\r\n\r\n");
	struct header_field f;

	tap_ok(header_next(&v, &f), "8-bit name and NUL are let pass");
	check_bytes("8-bit name", f.name, VIEW_LIT("X-\xc3\xa9"));
	check_bytes("NUL in the value", f.value, VIEW_LIT(" \0a\xff"));
}

int
main(void)
{
	test_iterate();
	test_size();
	test_find();
	test_text();
	test_filter();
	test_prefixes();
	test_octets();
	return tap_done();
}
