#include "check.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/summary.h"

#define MULTI(kind) "Content-Type: multipart/" kind "; boundary=x\r\n\r\n"

static const char message[] =
    "Received: from a by b; 6 Jan 2002 16:08:41 +0900\r\n"
    "Date: Sun, 06 Jan 2002 16:08:41 +0900\r\n"
    "From: A <a@b>\r\n"
    "X-Other: x\r\n"
    "Subject: s\r\n"
    " t\r\n"
    "MIME-Version: 1.0\r\n"
    "List-Id: <l.x>\r\n" MULTI("mixed") "--x\r\n\r\none\r\n--x\r\n"
					"Content-Type: message/rfc822\r\n\r\n"
					"Subject: in\r\n\r\ntwo\r\n--x\r\n"
					"Content-Type: image/png\r\n"
					"Content-Transfer-Encoding: base64"
					"\r\n\r\nAAAA\r\n--x--\r\n";

static void
test_fields(void)
{
	AUTO_BUF struct buf b;
	struct summary s;

	buf_init(&b, SUMMARY_MAX);
	summary_write(view_str(message), &b);
	tap_ok(summary_read(buf_view(&b), &s), "read back");
	check_num("flags", s.flags,
	    SUMMARY_HAS_DATE | SUMMARY_HAS_ATTACHMENT | SUMMARY_HAS_MEDIA |
		SUMMARY_IS_MIME | SUMMARY_IS_LIST);
	check_num("date", (uint64_t)s.sent.seconds, 1010300921);
	check_num("zone", (uint64_t)s.sent.zone_minutes, 540);
	check_num("size", s.size, sizeof(message) - 1);
	check_num("header", s.header_n, header_size(view_str(message)));
	check_num("body lines", s.body_lines, 15);
	check_str("common", s.common,
	    "Date: Sun, 06 Jan 2002 16:08:41 +0900\r\nFrom: A <a@b>\r\n"
	    "Subject: s\r\n t\r\nMIME-Version: 1.0\r\nList-Id: <l.x>\r\n"
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n");
	check_str("envelope", s.envelope,
	    "(\"Sun, 06 Jan 2002 16:08:41 +0900\" \"s t\" "
	    "((\"A\" NIL \"a\" \"b\")) ((\"A\" NIL \"a\" \"b\")) "
	    "((\"A\" NIL \"a\" \"b\")) NIL NIL NIL NIL NIL)");
	check_str("end of BODYSTRUCTURE",
	    view_sub(s.bodystructure, s.bodystructure.n - 38, 38),
	    " \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)");
	check_str(
	    "end of BODY", view_sub(s.body, s.body.n - 9, 9), " \"mixed\")");
}

/* The index finds what mime_find() finds. */
static void
check_path(const struct summary *s, const struct mime_part *root,
    const uint32_t *path, size_t n)
{
	const struct mime_part *p = mime_find(root, path, n);
	struct summary_part q;
	bool found = summary_part(s, path, n, &q);

	check_num("found", found, p != NULL);
	if (!found || p == NULL)
		return;
	tap_ok(q.header == p->header && q.header_n == p->header_n &&
		q.body == p->body && q.body_n == p->body_n &&
		q.lines == p->lines && q.encoding == p->encoding,
	    "the same part");
	check_num("multipart", q.is_multipart, p->kind == MIME_MULTIPART);
	check_num("message", q.is_message, p->kind == MIME_MESSAGE);
	if (q.is_message)
		tap_ok(q.message_header == p->child->header &&
			q.message_header_n == p->child->header_n &&
			q.message_body == p->child->body &&
			q.message_body_n == p->child->body_n,
		    "the same message");
}

static void
test_index(void)
{
	AUTO_ARENA struct arena *a = arena_new(MIME_ARENA_MAX);
	const struct mime_part *root = mime_parse(view_str(message), a);
	AUTO_BUF struct buf b;
	struct summary s;

	buf_init(&b, SUMMARY_MAX);
	summary_write(view_str(message), &b);
	if (!summary_read(buf_view(&b), &s))
		return;
	check_path(&s, root, NULL, 0);
	for (uint32_t i = 0; i < 5; i++)
		for (uint32_t k = 0; k < 3; k++) {
			const uint32_t path[] = { i, k, 1 };

			for (size_t n = 1; n <= 3; n++)
				check_path(&s, root, path, n);
		}
}

static void
test_flags(void)
{
	static const struct {
		const char *name, *msg;
		uint32_t want;
	} cases[] = {
		{ "nothing", "", 0 },
		{ "plain", "\r\nx", 0 },
		{ "broken date", "Date: soon\r\n\r\n", 0 },
		{ "8-bit header", "Subject: \xff\r\n\r\n", SUMMARY_HAS_8BIT },
		{ "8-bit body", "\r\n\xff", 0 },
		{ "named text", "Content-Type: text/plain; name=x\r\n\r\n",
		    SUMMARY_HAS_ATTACHMENT },
		{ "whole message attached",
		    "Content-Disposition: attachment\r\n\r\n",
		    SUMMARY_HAS_ATTACHMENT },
		{ "two texts",
		    MULTI("alternative") "--x\r\n\r\na\r\n--x\r\n"
					 "Content-Type: text/html\r\n\r\nb"
					 "\r\n--x--\r\n",
		    0 },
		{ "signature",
		    MULTI("signed") "--x\r\n\r\na\r\n--x\r\nContent-Type: "
				    "application/pgp-signature; "
				    "name=s.asc\r\n\r\nb\r\n--x--\r\n",
		    0 },
		{ "picture of a page",
		    MULTI("related") "--x\r\nContent-Type: text/html\r\n\r\n"
				     "a\r\n--x\r\nContent-Type: image/png; "
				     "name=p\r\nContent-ID: <p>\r\n\r\nb"
				     "\r\n--x--\r\n",
		    SUMMARY_HAS_MEDIA },
		{ "forwarded",
		    MULTI("mixed") "--x\r\nContent-Type: message/rfc822\r\n"
				   "\r\nSubject: a\r\n\r\n--x--\r\n",
		    SUMMARY_HAS_ATTACHMENT },
	};
	AUTO_BUF struct buf b;
	struct summary s;

	buf_init(&b, SUMMARY_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		summary_write(view_str(cases[i].msg), &b);
		check_num(cases[i].name,
		    summary_read(buf_view(&b), &s) ? s.flags : 9999,
		    cases[i].want);
	}
	buf_clear(&b);
	summary_write(VIEW_LIT("\r\na\0b"), &b);
	tap_ok(summary_read(buf_view(&b), &s) && s.flags == SUMMARY_HAS_NUL,
	    "NUL");
}

/* Bytes that are cut or changed are refused or stay inside. */
static void
test_damage(void)
{
	AUTO_BUF struct buf b;
	struct summary s;
	size_t bad = 0;

	buf_init(&b, SUMMARY_MAX);
	summary_write(view_str(message), &b);
	for (size_t n = 0; n < b.n; n++) {
		uint8_t *p = exact(view_sub(buf_view(&b), 0, n));

		bad += summary_read((struct view){ p, n }, &s);
		free(p);
	}
	check_num("prefixes that were taken", bad, 0);
	buf_put_byte(&b, 0);
	tap_ok(!summary_read(buf_view(&b), &s), "a byte too many");
	b.n--;
	for (size_t i = 0; i < b.n; i++) {
		uint8_t *p = exact(buf_view(&b));
		const uint32_t path[] = { 2, 1, 1 };
		struct summary_part q;

		p[i] ^= 0xff;
		if (summary_read((struct view){ p, b.n }, &s))
			for (size_t n = 0; n <= 3; n++)
				(void)!summary_part(&s, path, n, &q);
		free(p);
	}
	b.p[0]++;
	tap_ok(!summary_read(buf_view(&b), &s), "another format");
}

/* Just under the limit and past it. */
static void
test_limit(void)
{
	AUTO_BUF struct buf msg, b;
	struct summary s;

	buf_init(&msg, 2 * SUMMARY_MAX);
	buf_init(&b, SUMMARY_MAX);
	for (size_t n = SUMMARY_MAX / 2 - 1000; n <= SUMMARY_MAX / 2 + 1000;
	     n += 2000) {
		uint8_t *p;

		buf_clear(&msg);
		buf_clear(&b);
		buf_put_str(&msg, "Subject: ");
		if ((p = buf_reserve(&msg, n)) == NULL)
			break;
		memset(p, 'x', n);
		msg.n += n;
		summary_write(buf_view(&msg), &b);
		tap_ok(summary_read(buf_view(&b), &s) && !b.failed,
		    "a subject of %zu", n);
		check_num("  partial", (s.flags & SUMMARY_PARTIAL) != 0,
		    n > SUMMARY_MAX / 2);
		check_num("  envelope", s.envelope.n > 0, n < SUMMARY_MAX / 2);
		check_num("  size", s.size, msg.n);
	}
}

static void
test_common(void)
{
	tap_ok(header_is_common(VIEW_LIT("DATE")) &&
		header_is_common(VIEW_LIT("x-priority")) &&
		header_is_common(VIEW_LIT("Message-ID")),
	    "common names");
	tap_ok(!header_is_common(VIEW_LIT("")) &&
		!header_is_common(VIEW_LIT("Dates")) &&
		!header_is_common(VIEW_LIT("Received")),
	    "others");
}

int
main(void)
{
	test_fields();
	test_index();
	test_flags();
	test_damage();
	test_limit();
	test_common();
	return tap_done();
}
