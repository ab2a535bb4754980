#include "check.h"
#include "mail/envelope.h"
#include "mail/structure.h"

static void
test_nstring(void)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "\"\"" },
		{ "abc", "\"abc\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "a\r\n b", "\"a b\"" },
		{ "caf\xc3\xa9", "{5}\r\ncaf\xc3\xa9" },
		{ "\xc3\xa9\r\n x", "{4}\r\n\xc3\xa9 x" },
		{ "tab\there", "\"tab\there\"" },
	};
	AUTO_BUF struct buf b;
	uint8_t big[ENVELOPE_QUOTED_MAX + 1];

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		envelope_put_nstring(view_str(cases[i].in), &b);
		check_str(cases[i].in, buf_view(&b), cases[i].want);
	}
	buf_clear(&b);
	envelope_put_nstring((struct view){ NULL, 0 }, &b);
	check_str("absent", buf_view(&b), "NIL");
	buf_clear(&b);
	envelope_put_nstring(VIEW_LIT("a\0b"), &b);
	check_str("NUL", buf_view(&b), "\"a?b\"");
	buf_clear(&b);
	envelope_put_nstring(VIEW_LIT("\xff\0"), &b);
	check_str("NUL in a literal", buf_view(&b), "{2}\r\n\xff?");
	memset(big, 'x', sizeof(big));
	buf_clear(&b);
	envelope_put_nstring((struct view){ big, ENVELOPE_QUOTED_MAX }, &b);
	check_num("quoted at the limit", b.p[0], '"');
	buf_clear(&b);
	envelope_put_nstring((struct view){ big, sizeof(big) }, &b);
	check_num("a literal past it", b.p[0], '{');
}

static const struct {
	const char *name, *header, *want;
} envelopes[] = {
	/* RFC 9051 section 7.5.2 */
	{ "the RFC's example",
	    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	    "From: Terry Gray <gray@cac.washington.edu>\r\n"
	    "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
	    "To: imap@cac.washington.edu\r\n"
	    "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
	    "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
	    "MIME-Version: 1.0\r\n\r\n",
	    "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
	    "\"IMAP4rev2 WG mtg summary and minutes\" "
	    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	    "((NIL NIL \"imap\" \"cac.washington.edu\")) "
	    "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
	    "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
	    "\"<B27397-0100000@cac.washington.edu>\")" },
	{ "nothing", "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "empty fields", "Subject:\r\nFrom: \r\nSender:\r\nTo: ,\r\n\r\n",
	    "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "sender and reply-to of their own",
	    "From: a@b\r\nSender: c@d\r\nReply-To: e@f\r\n\r\n",
	    "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) "
	    "((NIL NIL \"e\" \"f\")) NIL NIL NIL NIL NIL)" },
	{ "an empty Sender is From's",
	    "From: a@b\r\nSender:\r\nReply-To: \r\n\r\n",
	    "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
	    "((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL)" },
	{ "group", "To: g: a@b;\r\n\r\n",
	    "(NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)"
	    "(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) NIL NIL NIL NIL)" },
	{ "fields there twice",
	    "Subject: one\r\nSubject: two\r\nTo: a@b\r\n"
	    "To: c@d\r\n\r\n",
	    "(NIL \"one\" NIL NIL NIL ((NIL NIL \"a\" \"b\")"
	    "(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)" },
	{ "8-bit subject", "Subject: \xe4\xbb\x99\r\n\r\n",
	    "(NIL {3}\r\n\xe4\xbb\x99 NIL NIL NIL NIL NIL NIL NIL NIL)" },
};

static void
test_envelopes(void)
{
	AUTO_BUF struct buf b;
	struct envelope e;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++) {
		AUTO_ARENA struct arena *a = arena_new(1 << 16);
		struct view header = view_str(envelopes[i].header);

		buf_clear(&b);
		envelope_read(header, a, &e);
		envelope_write(&e, a, &b);
		check_str(envelopes[i].name, buf_view(&b), envelopes[i].want);
		for (size_t n = header.n; n-- > 0;) {
			AUTO_ARENA struct arena *pa = arena_new(1 << 16);
			uint8_t *p = exact(view_sub(header, 0, n));

			buf_clear(&b);
			envelope_read((struct view){ p, n }, pa, &e);
			envelope_write(&e, pa, &b);
			free(p);
		}
	}
}

static void
test_join_limit(void)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	AUTO_BUF struct buf b, want;
	struct envelope e;

	buf_init(&b, 10000);
	buf_init(&want, 10000);
	for (int i = 0; i <= ENVELOPE_JOIN_MAX + 1; i++) {
		buf_put_str(&b, "To: a@b\r\n");
		if (i <= ENVELOPE_JOIN_MAX)
			buf_put_str(&want, i == 0 ? "a@b" : ", a@b");
	}
	envelope_read(buf_view(&b), a, &e);
	check_bytes(
	    "joined up to the limit", e.value[ENVELOPE_TO], buf_view(&want));
}

static const struct {
	const char *name, *msg, *body, *extended;
} structures[] = {
	{ "plain", "\r\nabc\r\n",
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "5 1)",
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "5 1 NIL NIL NIL NIL)" },
	{ "all fields",
	    "Content-Type: IMAGE/png; name=x\r\nContent-ID: <i>\r\n"
	    "Content-Description: d\r\nContent-Transfer-Encoding: BASE64\r\n"
	    "Content-MD5: m\r\nContent-Disposition: inline; filename=f\r\n"
	    "Content-Language: en, ja\r\nContent-Location: l\r\n\r\nAAAA",
	    "(\"IMAGE\" \"png\" (\"name\" \"x\") \"<i>\" \"d\" \"BASE64\" 4)",
	    "(\"IMAGE\" \"png\" (\"name\" \"x\") \"<i>\" \"d\" \"BASE64\" 4 "
	    "\"m\" (\"inline\" (\"filename\" \"f\")) (\"en\" \"ja\") \"l\")" },
	{ "multipart",
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n"
	    "--x\r\nContent-Type: text/html\r\n\r\na\r\n--x--\r\n",
	    "((\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "1 0) \"mixed\")",
	    "((\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
	    "1 0 NIL NIL NIL NIL) "
	    "\"mixed\" (\"boundary\" \"x\") NIL NIL NIL)" },
	{ "message",
	    "Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nabc",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 (NIL \"s\" NIL "
	    "NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" "
	    "\"us-ascii\") NIL NIL \"7bit\" 3 0) 2)",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 (NIL \"s\" NIL "
	    "NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" "
	    "\"us-ascii\") NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL) 2 NIL NIL "
	    "NIL NIL)" },
	{ "8-bit parameter",
	    "Content-Type: text/plain; name=\"\xe4\xbb\x99\"\r\n\r\n",
	    "(\"text\" \"plain\" (\"name\" {3}\r\n\xe4\xbb\x99 "
	    "\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)",
	    "(\"text\" \"plain\" (\"name\" {3}\r\n\xe4\xbb\x99 "
	    "\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)" },
};

static void
test_structures(void)
{
	AUTO_BUF struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof(structures) / sizeof(structures[0]);
	     i++) {
		AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
		struct view msg = view_str(structures[i].msg);
		const struct mime_part *root = mime_parse(msg, a);

		buf_clear(&b);
		structure_write(msg, root, STRUCTURE_BODY, a, &b);
		check_str(structures[i].name, buf_view(&b), structures[i].body);
		buf_clear(&b);
		structure_write(msg, root, STRUCTURE_BODYSTRUCTURE, a, &b);
		check_str("  extended", buf_view(&b), structures[i].extended);
	}
}

int
main(void)
{
	test_nstring();
	test_envelopes();
	test_join_limit();
	test_structures();
	return tap_done();
}
