#include <stdlib.h>

#include "proc/lmtp_command.h"
#include "proc/msg_deliver.h"
#include "tap.h"

/* ---- commands ---- */

static const struct {
	const char *line;
	enum lmtp_parsed want;
	enum lmtp_verb verb;
} cases[] = {
	{ "LHLO mx.example.org", LMTP_OK, LMTP_LHLO },
	{ "lhlo [127.0.0.1]", LMTP_OK, LMTP_LHLO },
	{ "LHLO", LMTP_SYNTAX, LMTP_LHLO },
	{ "LHLO a b", LMTP_SYNTAX, LMTP_LHLO },
	{ "LHLO a(b)", LMTP_SYNTAX, LMTP_LHLO },
	{ "EHLO mx", LMTP_OK, LMTP_HELO },
	{ "MAIL FROM:<>", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM: <a@b>", LMTP_OK, LMTP_MAIL },
	{ "mail from:<a@b> size=100 body=8bitmime", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<a@b> SIZE=x", LMTP_PARAMETER, LMTP_MAIL },
	{ "MAIL FROM:<a@b> SIZE=", LMTP_PARAMETER, LMTP_MAIL },
	{ "MAIL FROM:<a@b> SIZE=99999999999999999999", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<a@b> SIZE=9999999999999999999x", LMTP_PARAMETER,
	    LMTP_MAIL },
	{ "MAIL FROM:<a@b> SIZE=999999999999999999999", LMTP_PARAMETER,
	    LMTP_MAIL },
	{ "MAIL FROM:<\303\251@b>", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<\303@b>", LMTP_ADDRESS, LMTP_MAIL },
	{ "MAIL FROM:<a@\303\050>", LMTP_ADDRESS, LMTP_MAIL },
	{ "RCPT TO:<\"\300\200\"@b>", LMTP_ADDRESS, LMTP_RCPT },
	{ "RCPT TO:<a@b\355\240\200>", LMTP_ADDRESS, LMTP_RCPT },
	{ "MAIL FROM:<a@b> SIZE=1 SIZE=1", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> BODY=BINARYMIME", LMTP_PARAMETER, LMTP_MAIL },
	{ "MAIL FROM:<a@b> SMTPUTF8", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<a@b> SMTPUTF8=1", LMTP_PARAMETER, LMTP_MAIL },
	{ "MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<a@b> RET=SOME", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> RET=", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ret=full envid=a+2Bb", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ENVID=", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ENVID=a+2bb", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ENVID=a+0Db", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ENVID=a=b", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ENVID=\303\251", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> ENVID=a ENVID=a", LMTP_SYNTAX, LMTP_MAIL },
	{ "MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", LMTP_OK, LMTP_MAIL },
	{ "MAIL FROM:<a@b> NOTIFY=NEVER", LMTP_PARAMETER, LMTP_MAIL },
	{ "MAIL FROM:a@b", LMTP_ADDRESS, LMTP_MAIL },
	{ "MAIL FROM:<a@b", LMTP_ADDRESS, LMTP_MAIL },
	{ "MAIL FROM:<a@b>x", LMTP_ADDRESS, LMTP_MAIL },
	{ "MAIL FROM:<a@>", LMTP_ADDRESS, LMTP_MAIL },
	{ "MAIL FROM:<a b@c>", LMTP_ADDRESS, LMTP_MAIL },
	{ "MAIL TO:<a@b>", LMTP_SYNTAX, LMTP_MAIL },
	{ "RCPT TO:<a@b>", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<>", LMTP_ADDRESS, LMTP_RCPT },
	{ "RCPT TO:<postmaster>", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<@a,@b:u@c>", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<@a,@b>", LMTP_ADDRESS, LMTP_RCPT },
	{ "RCPT TO:<\"a b\"@c>", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<\"a\\\"b\"@c>", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<\"\"@c>", LMTP_ADDRESS, LMTP_RCPT },
	{ "RCPT TO:<\"a@c>", LMTP_ADDRESS, LMTP_RCPT },
	{ "RCPT TO:<a@[IPv6:::1]>", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<a@[1>", LMTP_ADDRESS, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE,DELAY", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=NEVER,DELAY", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=SUCCESS,", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=SUCCESS,NEVER", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> notify=never", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=DELAY,DELAY", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> ORCPT=rfc822;Bob@c", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<a@b> ORCPT=Bob", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> ORCPT=rfc.822;Bob@c", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> ORCPT=rfc822;Bob+0A@c", LMTP_SYNTAX, LMTP_RCPT },
	{ "RCPT TO:<a@b> ORCPT=utf-8;jos\303\251@c", LMTP_OK, LMTP_RCPT },
	{ "RCPT TO:<a@b> ORCPT=a;b ORCPT=a;b", LMTP_SYNTAX, LMTP_RCPT },
	{ "DATA", LMTP_OK, LMTP_DATA },
	{ "DATA x", LMTP_SYNTAX, LMTP_DATA },
	{ "BDAT 10", LMTP_OK, LMTP_BDAT },
	{ "BDAT 0 last", LMTP_OK, LMTP_BDAT },
	{ "BDAT", LMTP_SYNTAX, LMTP_BDAT },
	{ "BDAT x LAST", LMTP_SYNTAX, LMTP_BDAT },
	{ "BDAT 10 FIRST", LMTP_SYNTAX, LMTP_BDAT },
	{ "BDAT 99999999999999999999", LMTP_SYNTAX, LMTP_BDAT },
	{ "RSET", LMTP_OK, LMTP_RSET },
	{ "QUIT", LMTP_OK, LMTP_QUIT },
	{ "NOOP whatever", LMTP_OK, LMTP_NOOP },
	{ "VRFY bob", LMTP_OK, LMTP_VRFY },
	{ "VRFY", LMTP_SYNTAX, LMTP_VRFY },
	{ "HELP", LMTP_OK, LMTP_HELP },
	{ "TURN", LMTP_UNKNOWN, LMTP_NOOP },
	{ "", LMTP_UNKNOWN, LMTP_NOOP },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lmtp_command c;
		enum lmtp_parsed r =
		    lmtp_command_parse(view_str(cases[i].line), &c);

		tap_ok(r == cases[i].want &&
			(r == LMTP_UNKNOWN || c.verb == cases[i].verb),
		    "%s: got %d, want %d", cases[i].line, (int)r,
		    (int)cases[i].want);
	}
}

/* Cut anywhere, a good line is refused or another good one; it never reads past
 * its end (the sanitizer sees that). */
static void
test_prefixes(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t n = 0; n <= strlen(cases[i].line); n++) {
			uint8_t *p = malloc(n + 1);
			struct lmtp_command c;

			memcpy(p, cases[i].line, n);
			(void)!lmtp_command_parse((struct view){ p, n }, &c);
			free(p);
		}
	tap_ok(true, "every prefix");
}

static void
test_values(void)
{
	struct lmtp_command c;

	tap_ok(lmtp_command_parse(VIEW_LIT("RCPT TO:<\"a\"+x@b>"), &c) ==
		LMTP_ADDRESS,
	    "nothing follows a quoted local part but the domain");
	tap_ok(lmtp_command_parse(
		   VIEW_LIT("RCPT TO:<@r.example:\"A \\\"b\"@C.example> "
			    "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o+2Bx@y"),
		   &c) == LMTP_OK &&
		view_eq((struct view){ c.path.local, c.path.local_n },
		    VIEW_LIT("A \"b")) &&
		view_eq(c.path.domain, VIEW_LIT("C.example")) &&
		view_eq(c.path.text, VIEW_LIT("\"A \\\"b\"@C.example")) &&
		c.notify == (MSG_DELIVER_SUCCESS | MSG_DELIVER_DELAY) &&
		view_eq(c.orcpt, VIEW_LIT("rfc822;o+2Bx@y")),
	    "quoting is undone, the route left out, the rest as written");
	tap_ok(lmtp_command_parse(
		   VIEW_LIT("MAIL FROM:<\303\251@b> SMTPUTF8 SIZE=77 RET=FULL"),
		   &c) == LMTP_OK &&
		c.path.utf8 && c.smtputf8 && c.size == 77 &&
		c.ret == LMTP_RET_FULL,
	    "the values of MAIL");
	tap_ok(lmtp_command_parse(VIEW_LIT("BDAT 123 LAST"), &c) == LMTP_OK &&
		c.chunk == 123 && c.last,
	    "the values of BDAT");
}

/* A line of prefix, n times 'x', suffix. */
static enum lmtp_parsed
with(const char *prefix, size_t n, const char *suffix)
{
	static char line[LMTP_LINE_MAX];
	struct lmtp_command c;
	size_t at = strlen(prefix);

	memcpy(line, prefix, at);
	memset(line + at, 'x', n);
	memcpy(line + at + n, suffix, strlen(suffix) + 1);
	return lmtp_command_parse(view_str(line), &c);
}

static void
test_limits(void)
{
	tap_ok(with("RCPT TO:<", LMTP_LOCAL_MAX, "@b>") == LMTP_OK &&
		with("RCPT TO:<", LMTP_LOCAL_MAX + 1, "@b>") == LMTP_ADDRESS,
	    "LMTP_LOCAL_MAX");
	tap_ok(with("RCPT TO:<a@", LMTP_DOMAIN_MAX, ">") == LMTP_OK &&
		with("RCPT TO:<a@", LMTP_DOMAIN_MAX + 1, ">") == LMTP_ADDRESS,
	    "LMTP_DOMAIN_MAX");
	tap_ok(with("LHLO ", LMTP_DOMAIN_MAX, "") == LMTP_OK &&
		with("LHLO ", LMTP_DOMAIN_MAX + 1, "") == LMTP_SYNTAX,
	    "a name of LMTP_DOMAIN_MAX");
	tap_ok(with("MAIL FROM:<> ENVID=", LMTP_ENVID_MAX, "") == LMTP_OK &&
		with("MAIL FROM:<> ENVID=", LMTP_ENVID_MAX + 1, "") ==
		    LMTP_SYNTAX,
	    "LMTP_ENVID_MAX");
	tap_ok(with("MAIL FROM:<> AUTH=", LMTP_XTEXT_MAX, "") == LMTP_OK &&
		with("MAIL FROM:<> AUTH=", LMTP_XTEXT_MAX + 1, "") ==
		    LMTP_PARAMETER,
	    "LMTP_XTEXT_MAX");
	tap_ok(
	    with("RCPT TO:<a@b> ORCPT=x;", LMTP_XTEXT_MAX - 2, "") == LMTP_OK &&
		with("RCPT TO:<a@b> ORCPT=x;", LMTP_XTEXT_MAX - 1, "") ==
		    LMTP_SYNTAX,
	    "an ORCPT of LMTP_XTEXT_MAX");
	/* 2 quotes, "@" and the domain */
	tap_ok(
	    with("MAIL FROM:<\"\\a\\a", LMTP_LOCAL_MAX - 2, "\"@b>") == LMTP_OK,
	    "a quoted local part");
}

/* ---- data ---- */

/* The message in `in` (of which piece octets come at a time) into out; what is
 * behind its end stays. -1: no end. */
static int
decode(struct view in, size_t piece, uint8_t *out, size_t *n, struct view *rest)
{
	struct lmtp_data d = { 0 };

	*n = 0;
	while (in.n > 0) {
		struct view part = view_sub(in, 0, piece), some;
		size_t before = part.n;
		enum lmtp_data_result r;

		while (
		    (r = lmtp_data_next(&d, &part, &some)) == LMTP_DATA_PIECE) {
			memcpy(out + *n, some.p, some.n);
			*n += some.n;
		}
		view_skip(&in, before - part.n);
		*rest = in;
		if (r == LMTP_DATA_END)
			return 0;
	}
	return -1;
}

static void
test_data(void)
{
	static const struct {
		const char *in, *want, *rest; /* want NULL: no end */
	} c[] = {
		{ ".\r\n", "", "" },
		{ "a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n" },
		{ "..a\r\n.\r\n", ".a\r\n", "" },
		{ "...\r\n.\r\n", "..\r\n", "" },
		{ ".a\r\n.\r\n", "a\r\n", "" },
		{ "a\n.\n.\r\nb\r\n.\r\n", "a\n.\n.\r\nb\r\n", "" },
		{ "a\n.\r\n.\r\n", "a\n.\r\n", "" },
		{ "a\r.\r\n.\r\n", "a\r.\r\n", "" },
		{ "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", "" },
		{ "a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", "" },
		{ "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", "" },
		{ "\r\n\r\n.\r\n", "\r\n\r\n", "" },
		{ "a\r\n.", NULL, "" },
		{ "a\r\n.\r", NULL, "" },
		{ "a\n.\n", NULL, "" },
		{ "a\r.\r", NULL, "" },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct view in = view_str(c[i].in), rest = { NULL, 0 };
		uint8_t out[64];
		bool good = true;
		size_t n;

		for (size_t piece = 1; piece <= in.n; piece++) {
			int r = decode(in, piece, out, &n, &rest);

			good = good && (r == 0) == (c[i].want != NULL);
			if (c[i].want != NULL)
				good = good &&
				    view_eq((struct view){ out, n },
					view_str(c[i].want)) &&
				    view_eq(rest, view_str(c[i].rest));
		}
		tap_ok(good, "data %zu, in pieces of every length", i);
	}
}

static void
test_auth(void)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "", "" },
		{ "<>", "" },
		{ "+3C+3E", "" },
		{ "a@b", "a@b" },
		{ "e+3Dmc2@example.com", "e=mc2@example.com" },
		{ "e+3dmc2@example.com", "e=mc2@example.com" },
		{ "a+2Bb+20c@d", "a+b c@d" },
		{ "a+2Gb@c", "" },
		{ "a+G2b@c", "" },
		{ "a+@b", "" },
		{ "a+2", "" },
		{ "a+", "" },
		{ "a+0Ab@c", "" },
		{ "a+7Fb@c", "" },
		{ "+C3+A9@b", "\303\251@b" },
		{ "\303\251@b", "\303\251@b" },
		{ "+C3@b", "" },
		{ "+FF@b", "" },
	};
	char got[LMTP_XTEXT_MAX + 1];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		lmtp_command_auth(view_str(t[i].text), got);
		tap_ok(strcmp(got, t[i].want) == 0, "AUTH=%s: \"%s\"",
		    t[i].text, t[i].want);
	}
}

int
main(void)
{
	test_auth();
	test_cases();
	test_prefixes();
	test_values();
	test_limits();
	test_data();
	return tap_done();
}
