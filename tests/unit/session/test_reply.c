#include "session/reply.h"

#include <stdlib.h>
#include <string.h>

#include "mail/header.h"
#include "tap.h"

static const char original[] =
    "Return-Path: <alice@example.net>\r\n"
    "Delivered-To: bob@example.org\r\n"
    "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    "From: Alice <alice@example.net>\r\n"
    "To: bob@example.org\r\n"
    "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= from me\r\n"
    "Message-ID: <m1@example.net>\r\n"
    "References: <r1@x> <r2@x>\r\n"
    "\r\n"
    "Body\r\n";

static struct reply_env
env_of(const char *message)
{
	return (struct reply_env){ .host = VIEW_LIT("mail.example.org"),
		.user = VIEW_LIT("bob@example.org"),
		.original = view_str(message),
		.now = 1767225600,
		.zone = 60,
		.unique = 0xabc };
}

static bool
has(const struct buf *b, const char *text)
{
	return b->n > 0 && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static void
want(const struct buf *b, const char *text)
{
	tap_ok(has(b, text), "has \"%.60s\"", text);
	if (!has(b, text))
		printf("# %.*s\n", (int)b->n, (const char *)b->p);
}

/* Lines of at most 998, ends CRLF, no control but tab, ASCII when all is. */
static void
want_clean(const struct buf *b, const char *name)
{
	size_t column = 0;
	bool good = !b->failed && b->n > 2;

	for (size_t i = 0; i < b->n; i++) {
		uint8_t c = b->p[i];

		if (c == '\n') {
			good = good && i > 0 && b->p[i - 1] == '\r';
			column = 0;
			continue;
		}
		good = good && ++column <= 998 &&
		    (c >= ' ' || c == '\t' ||
			(c == '\r' && i + 1 < b->n && b->p[i + 1] == '\n'));
	}
	tap_ok(good, "%s: clean lines", name);
}

/* Fields of the header, each only once. */
static void
want_fields(const struct buf *b, const char *name, size_t n)
{
	struct view rest = buf_view(b);
	struct header_field f;
	size_t got = 0;
	bool broken = false;

	while (header_next(&rest, &f)) {
		got++;
		broken = broken || f.name.n == 0;
	}
	tap_ok(got == n && !broken, "%s: %zu fields, want %zu", name, got, n);
}

static void
test_vacation(void)
{
	struct reply_env e = env_of(original);
	struct sieve_vacation v = { .to = VIEW_LIT("alice@example.net"),
		.from = VIEW_LIT("bob@example.org"),
		.reason = VIEW_LIT("I am away.\n.\nBob") };
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);

	reply_vacation(&e, &v, &b);
	want_clean(&b, "vacation");
	want_fields(&b, "vacation", 13);
	want(
	    &b, "From: <bob@example.org>\r\nTo: Alice <alice@example.net>\r\n");
	want(&b, "Subject: =?UTF-8?B?QXV0bzogR3LDvMOfZSBmcm9tIG1l?=\r\n");
	want(&b, "Date: Thu, 01 Jan 2026 01:00:00 +0100\r\n");
	want(&b,
	    "In-Reply-To: <m1@example.net>\r\nReferences: <r1@x>\r\n "
	    "<r2@x>\r\n <m1@example.net>\r\n");
	want(&b, "Auto-Submitted: auto-replied\r\n");
	want(&b, "\r\n\r\nI am away.\r\n.\r\nBob\r\n");
}

/* Nothing that comes from a message or a script may add a field. */
static void
test_injection(void)
{
	struct reply_env e = env_of("Subject: a\r\n\tb\rX-Evil: 1\r\n"
				    "Message-ID: <a b@c> <ok@x>\r\n"
				    "References: <x>\r\n <y\x01@z> <r@x>\r\n"
				    "\r\n");
	struct sieve_vacation v = { .to = VIEW_LIT(
					"\"a\r\nBcc: x@y\"@example.net"),
		.from = VIEW_LIT("Bob\r\nX-Evil: 2 <bob@example.org>"),
		.subject = VIEW_LIT("one\r\nX-Evil: 3\r\n\r\nbody"),
		.reason = VIEW_LIT("x") };
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);

	reply_vacation(&e, &v, &b);
	want_clean(&b, "injection");
	tap_ok(!has(&b, "\nX-Evil") && !has(&b, "\nBcc"), "no field is added");
	want(&b, "In-Reply-To: <ok@x>\r\n");
	want_fields(&b, "injection", 13);
}

static void
test_long_subject(void)
{
	struct reply_env e = env_of("\r\n");
	AUTO_BUF struct buf subject = BUF_INIT(8192), b = BUF_INIT(REPLY_MAX);
	struct sieve_vacation v = { .to = VIEW_LIT("a@b"),
		.from = VIEW_LIT("c@d"),
		.reason = VIEW_LIT("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e") };

	while (subject.n < 6000)
		buf_put_str(&subject, "\xe6\x97\xa5\xe6\x9c\xac");
	v.subject = buf_view(&subject);
	reply_vacation(&e, &v, &b);
	want_clean(&b, "long subject");
	want(&b,
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "=E6=97=A5=E6=9C=AC=E8=AA=9E");
	buf_clear(&b);
	subject.n = 0;
	while (subject.n < 8000)
		buf_put_str(&subject, "xxxxxxxxxxxxxxxx");
	v.subject = v.reason = buf_view(&subject);
	reply_vacation(&e, &v, &b);
	want_clean(&b, "long words");
	buf_clear(&b);
	v.subject = (struct view){ NULL, 0 };
	reply_vacation(&e, &v, &b);
	want(&b, "Subject: Automated reply\r\n");
	tap_ok(!has(&b, "In-Reply-To"), "nothing to refer to");
}

static void
test_mime(void)
{
	struct reply_env e = env_of(original);
	struct sieve_vacation v = { .to = VIEW_LIT("a@b"),
		.from = VIEW_LIT("c@d"),
		.mime = true,
		.reason = VIEW_LIT("Content-Type: text/html\nBcc: evil@x\n\n"
				   "<p>away</p>\n") };
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);

	reply_vacation(&e, &v, &b);
	want_clean(&b, "mime");
	want(&b, "Content-Type: text/html\r\n\r\n<p>away</p>\r\n");
	tap_ok(!has(&b, "Bcc"), "only fields of MIME are taken");
}

static void
test_reject(void)
{
	struct reply_env e = env_of(original);
	struct sieve_reject r = { .reason = VIEW_LIT("No.\r\nNever.") };
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);

	reply_reject(&e, &r, VIEW_LIT("alice@example.net"),
	    VIEW_LIT("bob+y@example.org"),
	    VIEW_LIT("rfc822;bob+2Bx@example.org"), &b);
	want_clean(&b, "reject");
	want(&b,
	    "Content-Type: multipart/report;\r\n\treport-type="
	    "disposition-notification;\r\n\tboundary=\"=_fumi_abc\"\r\n");
	want(&b,
	    "Original-Recipient: rfc822; bob+x@example.org\r\n"
	    "Final-Recipient: rfc822; bob@example.org\r\n"
	    "Original-Message-ID: <m1@example.net>\r\n"
	    "Disposition: automatic-action/MDN-sent-automatically; "
	    "deleted\r\n");
	want(&b, "\r\nNo.\r\nNever.\r\n");
	want(&b, "Content-Type: text/rfc822-headers\r\n\r\nReturn-Path: ");
	want(&b, "\r\n--=_fumi_abc--\r\n");
	tap_ok(!has(&b, "\r\nBody"), "the body does not go back");
	buf_clear(&b);
	r.ereject = true;
	reply_reject(&e, &r, VIEW_LIT("alice@example.net"),
	    VIEW_LIT("bob@example.org"), (struct view){ NULL, 0 }, &b);
	want_clean(&b, "ereject");
	tap_ok(!has(&b, "Original-Recipient"),
	    "who the message came to is not who its sender has named");
	want(&b, "report-type=delivery-status");
	want(&b, "Action: failed\r\nStatus: 5.7.1\r\n");
	want(&b, "<MAILER-DAEMON@mail.example.org>");
	want(&b, "\"\r\n\r\nThis is a report");
	buf_clear(&b);
	e.original = VIEW_LIT("Subject: gr\xc3\xbc\xc3\x9f\r\n\r\n");
	reply_reject(&e, &r, VIEW_LIT("alice@example.net"),
	    VIEW_LIT("b\xc3\xb6@example.org"), (struct view){ NULL, 0 }, &b);
	want(&b, "\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is");
	want(&b,
	    "Content-Type: message/global-delivery-status\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nReporting-MTA: ");
	want(&b,
	    "Content-Type: message/global-headers\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: ");
	buf_clear(&b);
	r.ereject = false;
	e.user = VIEW_LIT("b\xc3\xb6@example.org");
	reply_reject(&e, &r, VIEW_LIT("alice@example.net"), e.user,
	    (struct view){ NULL, 0 }, &b);
	want(&b, "message/global-disposition-notification\r\n");
}

static void
test_notify(void)
{
	struct reply_env e = env_of(original);
	struct sieve_notify n = {
		.method = VIEW_LIT(
		    "mailto:a@example.com,b@example.com?cc=c@example.com&bcc="
		    "d@example.com&subject=hey&body=one%0D%0Atwo&x-mine=yes&"
		    "from="
		    "evil@x&auto-submitted=no"),
		.importance = 3
	};
	AUTO_ARENA struct arena *a = arena_new(1 << 20);
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);
	const struct view told[] = { VIEW_LIT("mailto:c@example.com"),
		VIEW_LIT("mailto:x@example.com?cc=a@example.com") };
	struct view to[4];
	size_t n_to;

	tap_ok(reply_notify(&e, &n, a, to, 4, &n_to, &b) && n_to == 3 &&
		view_eq(to[0], VIEW_LIT("a@example.com")) &&
		view_eq(to[2], VIEW_LIT("c@example.com")),
	    "to whom: %zu", n_to);
	want_clean(&b, "notify");
	want(&b,
	    "Auto-Submitted: auto-notified;\r\n\towner-email="
	    "\"bob@example.org\"\r\n");
	want(&b, "From: <bob@example.org>\r\n");
	want(&b, "Subject: hey\r\n");
	want(&b, "Importance: low\r\n");
	want(&b, "X-mine: yes\r\n");
	want(&b, "\r\n\r\none\r\ntwo\r\n");
	tap_ok(!has(&b, "evil@x") && !has(&b, "d@example.com") &&
		!has(&b, ": no\r\n"),
	    "what a URI may not say is left out");
	tap_ok(reply_notify(&e, &n, a, to, 1, &n_to, &b) && n_to == 1,
	    "at most max addresses");
	n.before = told;
	n.n_before = 2;
	buf_clear(&b);
	tap_ok(reply_notify(&e, &n, a, to, 4, &n_to, &b) && n_to == 1 &&
		view_eq(to[0], VIEW_LIT("b@example.com")),
	    "who was told before is not told again");
	want(&b, "To: <b@example.com>\r\nSubject:");
	n.method = VIEW_LIT("mailto:A@EXAMPLE.com");
	tap_ok(!reply_notify(&e, &n, a, to, 4, &n_to, &b), "nobody is left");
	n.method = VIEW_LIT("tel:123");
	tap_ok(!reply_notify(&e, &n, a, to, 4, &n_to, &b), "another method");
	tap_ok(reply_may_notify(view_str(original)) &&
		!reply_may_notify(
		    VIEW_LIT("Auto-Submitted: auto-notified\r\n\r\n")) &&
		reply_may_notify(VIEW_LIT("Auto-Submitted: no\r\n\r\n")),
	    "of what may be told");
}

static void
test_redirect(void)
{
	struct reply_env e = env_of(original);
	const struct view user = VIEW_LIT("BOB@example.org");
	AUTO_BUF struct buf b = BUF_INIT(1 << 20), hops = BUF_INIT(1 << 20);
	const char *tail = strstr(original, "Received:");

	reply_redirect(&e, &b);
	tap_ok(view_starts(buf_view(&b),
		   VIEW_LIT("Delivered-To: bob@example.org\r\n"
			    "X-Sieve-Redirected-From: bob@example.org\r\n"
			    "Received: ")) &&
		b.n == strlen(tail) + 73 && has(&b, "\r\n\r\nBody\r\n"),
	    "what is sent on");
	tap_ok(!reply_is_loop(view_str(original), user, true) &&
		reply_is_loop(view_str(original), user, false) &&
		reply_is_loop(buf_view(&b), user, false),
	    "it was at the user");
	e.original = buf_view(&b);
	buf_put_str(&hops,
	    "Return-Path: <>\r\nDelivered-To: bob@example.org"
	    "\r\nReceived: x\r\n");
	buf_put(&hops, buf_view(&b));
	tap_ok(reply_is_loop(buf_view(&hops), user, true), "it has come back");
	buf_clear(&hops);
	for (int i = 0; i < REPLY_HOPS_MAX; i++)
		buf_put_str(&hops, "Received: x\r\n");
	tap_ok(!reply_is_loop(buf_view(&hops), user, true), "many hops");
	buf_put_str(&hops, "Received: x\r\n");
	tap_ok(reply_is_loop(buf_view(&hops), user, true), "too many hops");
}

static void
test_broken(void)
{
	struct reply_env e = env_of("");
	struct sieve_error error = {
		.line = 3, .column = 7, .text = "oh\r\nno"
	};
	AUTO_BUF struct buf b = BUF_INIT(REPLY_MAX);

	reply_broken(&e, VIEW_LIT("my\nscript"), &error, &b);
	want_clean(&b, "note");
	want(&b, "To: <bob@example.org>\r\n");
	want(&b, "\"my script\"");
	want(&b, "line 3, column 7: oh  no.");
}

int
main(void)
{
	test_vacation();
	test_injection();
	test_long_subject();
	test_mime();
	test_reject();
	test_notify();
	test_redirect();
	test_broken();
	return tap_done();
}
