#include <stdlib.h>

#include "base/buf.h"
#include "search/match.h"
#include "tap.h"

#define TEXT_8BIT                                                              \
	"Content-Type: text/plain; charset=utf-8\r\n"                          \
	"Content-Transfer-Encoding: 8bit\r\n\r\n"

static const struct {
	const char *name;
	const char *field; /* NULL: BODY, "": TEXT */
	const char *needle;
	const char *message;
	bool want;
} cases[] = {
	{ "subject", "Subject", "hello", "Subject: Hello World\r\n\r\nx",
	    true },
	{ "other field", "Subject", "hello", "X-Subject: Hello\r\n\r\nx",
	    false },
	{ "field of the second line", "sUBJECT", "b",
	    "To: a\r\nSUBJECT: B\r\n\r\nx", true },
	{ "blank before the colon", "Subject", "b", "Subject : B\r\n\r\n",
	    true },
	{ "longer name", "Subject", "b", "Subject-X: B\r\n\r\n", false },
	{ "present", "X-Extra", "", "A: b\r\nX-extra:\r\n\r\n", true },
	{ "absent", "X-Extra", "", "A: b\r\n\r\nX-Extra: no\r\n", false },
	{ "second of two", "X-E", "two", "X-E: one\r\nX-E: two\r\n\r\n", true },
	{ "folded", "Subject", "a b", "Subject: a\r\n b\r\n\r\n", true },
	{ "not over two fields", "", "a b", "X: a\r\nY: b\r\n\r\n", false },
	{ "encoded-word", "Subject", "日本",
	    "Subject: =?iso-2022-jp?B?"
	    "GyRCRnxLXBsoQg==?=\r\n\r\n",
	    true },
	{ "encoded-words are one text", "Subject", "日本語",
	    "Subject: =?utf-8?B?5pel5pw=?=\r\n =?utf-8?B?rOiqng==?=\r\n\r\n",
	    true },
	{ "not the encoding", "Subject", "GyRC",
	    "Subject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n\r\n", false },
	{ "text sees decoded header", "", "日本",
	    "Subject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n\r\n", true },
	{ "text sees names", "", "subject: he", "Subject: Hello\r\n\r\n",
	    true },
	{ "body does not see the header", NULL, "hello",
	    "Subject: Hello\r\n\r\nx", false },
	{ "address with comments", "From", "user@domain.org",
	    "From: <user (c)@ (d) domain.org>\r\n\r\n", true },
	{ "address is not the comment", "From", "(c)@",
	    "From: <user (c)@ (d) domain.org>\r\n\r\n", true },
	{ "group", "To", "friends", "To: Friends: a@b, c@d;\r\n\r\n", true },
	{ "body", NULL, "needle", "A: b\r\n\r\nA NEEDLE here", true },
	{ "body folds ASCII", NULL, "ａbc", "A: b\r\n\r\nABC", true },
	{ "full-width in the text", NULL, "abc",
	    TEXT_8BIT "\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3", true },
	{ "half-width kana", NULL, "カナ", TEXT_8BIT "ｶﾅ", true },
	{ "sharp s", NULL, "STRASSE", TEXT_8BIT "straße", true },
	{ "quoted-printable", NULL, "caf\xc3\xa9",
	    "Content-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nCAF=C9",
	    true },
	{ "soft line break", NULL, "longword",
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nlong=\r\nword",
	    true },
	{ "not the quoted-printable", NULL, "=C9",
	    "Content-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\nCAF=C9",
	    false },
	{ "base64", NULL, "hello",
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "SGVsbG8gd29ybGQ=",
	    true },
	{ "iso-2022-jp in place", NULL, "日本",
	    "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
	    "\x1b$BF|K\\\x1b(B",
	    true },
	{ "iso-2022-jp is no ASCII", NULL, "f|k",
	    "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
	    "\x1b$BF|K\\\x1b(B",
	    false },
	{ "iso-2022-jp without a name", NULL, "日本",
	    "A: b\r\n\r\n\x1b$BF|K\\\x1b(B", true },
	{ "shift_jis trail bytes", NULL, "\\",
	    "Content-Type: text/plain; charset=shift_jis\r\n\r\n\x95\x5c",
	    false },
	{ "shift_jis", NULL, "表",
	    "Content-Type: text/plain; charset=shift_jis\r\n\r\n\x95\x5c",
	    true },
	{ "utf-7", NULL, "日",
	    "Content-Type: text/plain; charset=utf-7\r\n\r\n"
	    "+ZeU-",
	    true },
	{ "attachment", NULL, "SGVs", "Content-Type: application/x\r\n\r\nSGVs",
	    false },
	{ "part", NULL, "inside",
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
	    "INSIDE\r\n--b\r\nContent-Type: image/gif\r\n\r\nx\r\n--b--\r\n",
	    true },
	{ "other part", NULL, "inside",
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
	    "x\r\n--b\r\nContent-Type: image/gif\r\n\r\ninside\r\n--b--\r\n",
	    false },
	{ "MIME header is no body", NULL, "file.txt",
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	    "Content-Disposition: attachment; filename=file.txt\r\n\r\nx\r\n"
	    "--b--\r\n",
	    false },
	{ "MIME header is text", "", "file.txt",
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	    "Content-Disposition: attachment; filename=file.txt\r\n\r\nx\r\n"
	    "--b--\r\n",
	    true },
	{ "header of a message inside", "", "inner",
	    "Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nx",
	    true },
	{ "header of a message inside is no body", NULL, "inner",
	    "Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nx",
	    false },
	{ "body of a message inside", NULL, "innermost",
	    "Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\n"
	    "innermost",
	    true },
	{ "header in latin1 without a name", "Subject", "é",
	    "Subject: caf\xe9\r\n\r\n", true },
	{ "empty body", NULL, "x", "A: b\r\n\r\n", false },
	{ "empty message", "", "x", "", false },
};

static bool
ask(struct matcher *x, size_t i, bool with_summary)
{
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	struct view octets = view_str(cases[i].message);
	struct match_needle n;
	struct match_field f;
	struct match_message m;
	AUTO_BUF struct buf summary;

	buf_init(&summary, SUMMARY_MAX);
	if (with_summary)
		summary_write(octets, &summary);
	match_message_init(&m, octets, buf_view(&summary));
	if (!match_needle_init(&n, view_str(cases[i].needle), a))
		return false;
	if (cases[i].field == NULL || cases[i].field[0] == '\0')
		return match_text(x, &m, cases[i].field != NULL, &n);
	return match_field_init(&f, view_str(cases[i].field), a) &&
	    match_header(x, &m, &f, &n);
}

/* A needle across the pieces of a large part. */
static void
test_pieces(struct matcher *x)
{
	static const char head[] =
	    "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n";
	size_t n = sizeof(head) - 1, size = n + 300000;
	uint8_t *p = malloc(size);
	int missed = 0, found = 0;
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	struct match_needle needle;
	struct match_message m;
	static const uint8_t word[] = { 0xe9, 't', 'u', 'd', 'i', 'a', 'n', 't',
		's' };

	if (!match_needle_init(&needle, view_str("ÉTUDIANTS"), a))
		abort();
	for (size_t at = 65536 - 40; at < 65536 + 40; at++) {
		memset(p, 'a', size);
		memcpy(p, head, n);
		for (size_t i = n; i < size; i += 77)
			p[i] = ' ';
		memcpy(p + n + at, word, sizeof(word));
		match_message_init(
		    &m, (struct view){ p, size }, (struct view){ 0 });
		missed += !match_text(x, &m, false, &needle);
		p[n + at + 3] = 'x';
		found += match_text(x, &m, false, &needle);
	}
	free(p);
	tap_ok(missed == 0, "pieces: %d missed", missed);
	tap_ok(found == 0, "pieces: %d found that are not there", found);
}

static void
test_date(void)
{
	static const char text[] =
	    "Date: Mon, 1 Jan 2024 23:30:00 -0800\r\n\r\n";
	struct match_message m;
	int64_t day = 0;

	match_message_init(&m, view_str(text), (struct view){ 0 });
	tap_ok(match_sent_day(&m, &day) && day == date_days(2024, 1, 1),
	    "sent day is the day that was written");
	match_message_init(&m, view_str("A: b\r\n\r\n"), (struct view){ 0 });
	tap_ok(!match_sent_day(&m, &day), "no Date, no day");
}

int
main(void)
{
	struct matcher *x = matcher_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int with = 0; with < 2; with++)
			tap_ok(ask(x, i, with) == cases[i].want,
			    "%s%s: want %d", cases[i].name,
			    with ? ", summary" : "", cases[i].want);
	test_pieces(x);
	test_date();
	matcher_free(&x);
	return tap_done();
}
