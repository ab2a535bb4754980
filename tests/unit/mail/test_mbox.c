#include "mail/mbox.h"
#include "tap.h"

static const struct {
	const char *name, *in;
	enum mbox_quoting q;
	size_t want_n;       /* messages */
	unsigned want_flags; /* of the last */
	const char *want;    /* text of the last */
} cases[] = {
	{ "asctime", "From a@b Sun Jan  6 07:08:41 2002\nA: b\n\nx\n", MBOX_RD,
	    1, 0, "A: b\n\nx\n" },
	{ "two",
	    "From a Sun Jan  6 07:08:41 2002\nA: 1\n\nx\n\n"
	    "From b Sun, 06 Jan 07:08:41 2002\nA: 2\n\ny\n\n",
	    MBOX_RD, 2, 0, "A: 2\n\ny\n" },
	{ "no empty line before",
	    "From a Sun Jan  6 07:08:41 2002\nA: 1\n\nx\n"
	    "From b Sun Jan  6 07:08:41 2002\n",
	    MBOX_RD, 1, 0, "A: 1\n\nx\nFrom b Sun Jan  6 07:08:41 2002\n" },
	{ "a sentence",
	    "From a Sun Jan  6 07:08:41 2002\nA: 1\n\nx\n\n"
	    "From here on it is easy.\n",
	    MBOX_RD, 1, 0, "A: 1\n\nx\n\nFrom here on it is easy.\n" },
	{ "mboxrd",
	    "From a Sun Jan  6 07:08:41 2002\nA: 1\n\n"
	    ">From x\n>>From y\n> From z\n>Fromage\n",
	    MBOX_RD, 1, 0, "A: 1\n\nFrom x\n>From y\n> From z\n>Fromage\n" },
	{ "mboxrd, in a header",
	    "From a Sun Jan  6 07:08:41 2002\nA: 1\n>From b\n>>From c\n\nx\n",
	    MBOX_RD, 1, 0, "A: 1\nFrom b\n>From c\n\nx\n" },
	{ "mboxo", "From a Sun Jan  6 07:08:41 2002\nA: 1\n\n>From x\n", MBOX_O,
	    1, 0, "A: 1\n\n>From x\n" },
	{ "mboxcl",
	    "From a Sun Jan  6 07:08:41 2002\nContent-Length: 48\n\n"
	    "\nFrom b Sun Jan  6 07:08:41 2002\nnot a message\n\n\n"
	    "From c Sun Jan  6 07:08:41 2002\nA: 2\n\n",
	    MBOX_CL, 2, 0, "A: 2\n" },
	{ "mboxcl, wrong length",
	    "From a Sun Jan  6 07:08:41 2002\n"
	    "Content-Length: 3\n\nlonger\n",
	    MBOX_CL, 1, 0, "\nlonger\n" },
	{ "mboxcl, huge length",
	    "From a Sun Jan  6 07:08:41 2002\n"
	    "Content-Length: 99999999999999999999\n\nx\n",
	    MBOX_CL, 1, 0, "\nx\n" },
	{ "status",
	    "From a Sun Jan  6 07:08:41 2002\nStatus: RO\n"
	    "X-Status: AF\nA: 1\n\nx\n",
	    MBOX_RD, 1, MBOX_SEEN | MBOX_OLD | MBOX_ANSWERED | MBOX_FLAGGED,
	    "A: 1\n\nx\n" },
	{ "X-UIDL of an export",
	    "From a Sun Jan  6 07:08:41 2002\nX-UIDL: 1.2\nStatus: O\n"
	    "X-UIDL: mine\nA: 1\n\nx\n",
	    MBOX_RD, 1, MBOX_OLD, "X-UIDL: mine\nA: 1\n\nx\n" },
	{ "X-UIDL of the message",
	    "From a Sun Jan  6 07:08:41 2002\nStatus: O\nX-UIDL: mine\n"
	    "A: 1\n\nx\n",
	    MBOX_RD, 1, MBOX_OLD, "X-UIDL: mine\nA: 1\n\nx\n" },
	{ "X-UIDL first, and no Status",
	    "From a Sun Jan  6 07:08:41 2002\nX-UIDL: mine\nA: 1\n\nx\n",
	    MBOX_RD, 1, 0, "X-UIDL: mine\nA: 1\n\nx\n" },
	{ "CRLF",
	    "From a Sun Jan  6 07:08:41 2002\r\nA: 1\r\n\r\nx\r\n\r\n"
	    "From b Sun Jan  6 07:08:41 2002\r\nA: 2\r\n\r\ny\r\n",
	    MBOX_RD, 2, 0, "A: 2\r\n\r\ny\r\n" },
	{ "header only", "From a Sun Jan  6 07:08:41 2002\nA: 1\n", MBOX_RD, 1,
	    0, "A: 1\n" },
	{ "nothing behind it", "From a Sun Jan  6 07:08:41 2002", MBOX_RD, 1, 0,
	    "" },
	{ "empty", "", MBOX_RD, 0, 0, "" },
	{ "no mbox", "Subject: x\n\nFrom y\n", MBOX_RD, 0, 0, "" },
};

int
main(void)
{
	struct mbox_message m = { .has_date = false };
	struct view dated =
	    view_str("From sengoku@gcd.org Sun, 06 Jan 07:08:41 2002\nA: b\n");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view in = view_str(cases[i].in);
		AUTO_BUF struct buf b = BUF_INIT(4096);
		size_t n = 0;

		while (mbox_next(&in, cases[i].q, &m)) {
			n++;
			buf_clear(&b);
			mbox_text(&m, cases[i].q, &b);
		}
		tap_ok(
		    n == cases[i].want_n, "%s: %zu messages", cases[i].name, n);
		tap_ok(view_eq(buf_view(&b), view_str(cases[i].want)),
		    "%s: text %.*s", cases[i].name, (int)b.n,
		    (const char *)b.p);
		tap_ok(n == 0 || m.flags == cases[i].want_flags, "%s: flags %x",
		    cases[i].name, m.flags);
		tap_ok(mbox_is(view_str(cases[i].in)) == (n > 0),
		    "%s: is one or not", cases[i].name);
	}
	for (size_t n = 0; n < strlen(cases[1].in); n++) {
		struct view in = { (const uint8_t *)cases[1].in, n };
		size_t before = in.n, bytes = 0;

		while (mbox_next(&in, MBOX_RD, &m))
			bytes += m.text.n;
		tap_ok(bytes <= before, "cut to %zu bytes", n);
	}
	tap_ok(mbox_next(&dated, MBOX_RD, &m) && m.has_date &&
		m.date == 1010300921,
	    "the date of a From_ line that is not asctime's: %lld",
	    (long long)m.date);
	return tap_done();
}
