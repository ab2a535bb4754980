/* What the extensions are made of: addresses, fields, mailto, vacation's
 * decision, HTML, edits of headers. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mail/header.h"
#include "sieve/editheader.h"
#include "sieve/html.h"
#include "sieve/mailto.h"
#include "sieve/tidy.h"
#include "sieve/vacation.h"
#include "tap.h"

static const struct {
	const char *text;
	const char *spec; /* NULL: no address */
} addresses[] = {
	{ "a@example.org", "a@example.org" },
	{ " Ann <a@example.org> ", "a@example.org" },
	{ "\"A, B\" <a@example.org>", "a@example.org" },
	{ "Ann Lee", NULL },
	{ "", NULL },
	{ "a@", NULL },
	{ "@example.org", NULL },
	{ "a@b@example.org", NULL },
	{ "a@example.org, b@example.org", NULL },
	{ "Ann <a@example.org", NULL },
	{ "a@example..org", NULL },
	{ "group: a@example.org;", NULL },
	{ "a#example.org", NULL },
	{ "\"a b\"@example.org", "\"a b\"@example.org" },
	{ "Ann <\"a\\\\b\\\"c\"@example.org>", "\"a\\\\b\\\"c\"@example.org" },
	{ "\"ann.lee\"@example.org", "ann.lee@example.org" },
	{ "ann..lee@example.org", "\"ann..lee\"@example.org" },
	{ "\"S[r]us\"@example.org", "\"S[r]us\"@example.org" },
};

static void
test_addresses(struct arena *a)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct view spec = { NULL, 0 };
		bool is =
		    tidy_is_address(view_str(addresses[i].text), a, &spec);

		tap_ok(is == (addresses[i].spec != NULL) &&
			(!is || view_eq(spec, view_str(addresses[i].spec))),
		    "address: \"%s\"", addresses[i].text);
	}
	tap_ok(tidy_is_address_list(VIEW_LIT("a@b.org, C <c@d.org>"), a),
	    "a list of addresses");
	tap_ok(!tidy_is_address_list(VIEW_LIT("a@b.org, c"), a),
	    "a list with something else in it");
}

static void
test_field(struct arena *a, const char *value, const char *want)
{
	struct view out;

	tap_ok(tidy_field(VIEW_LIT("X"), view_str(value), a, &out) &&
		view_eq(out, view_str(want)),
	    "field: \"%s\"", value);
}

/* Whatever stands in the value: one field, of short lines. */
static void
test_field_folds(struct arena *a)
{
	char value[1000];
	struct header_field f;
	struct view out, rest;
	size_t line = 0, longest = 0;

	for (size_t i = 0; i < sizeof(value) - 1; i++)
		value[i] = i % 10 == 9 ? ' ' : 'a';
	value[sizeof(value) - 1] = '\0';
	tap_ok(tidy_field(VIEW_LIT("X-Long"), view_str(value), a, &out),
	    "a long value");
	for (size_t i = 0; i < out.n; i++) {
		line = out.p[i] == '\n' ? 0 : line + 1;
		longest = line > longest ? line : longest;
	}
	tap_ok(longest <= TIDY_LINE_MAX + 1, "no line is too long");
	rest = out;
	tap_ok(header_next(&rest, &f) && rest.n == 0, "one field");
}

static void
test_tidy(struct arena *a)
{
	struct view out;

	test_field(a, "value", "X: value\r\n");
	test_field(
	    a, "one\r\ntwo\n\nthree\r\n", "X: one\r\n two\r\n three\r\n");
	test_field(a, "a \xc3\xa4 b", "X: a =?utf-8?B?w6Q=?= b\r\n");
	test_field(a, "", "X: \r\n");
	test_field_folds(a);
	tap_ok(tidy_lines(VIEW_LIT("a\nb\r\nc\rd"), a, &out) &&
		view_eq(out, VIEW_LIT("a\r\nb\r\nc\r\nd")),
	    "line ends");
	tap_ok(tidy_line(VIEW_LIT(" a \r\n b\n"), a, &out) &&
		view_eq(out, VIEW_LIT("a b")),
	    "one line");
	tap_ok(tidy_is_field_name(VIEW_LIT("X-1")) &&
		!tidy_is_field_name(VIEW_LIT("X:")) &&
		!tidy_is_field_name(VIEW_LIT("X y")) &&
		!tidy_is_field_name(VIEW_LIT("")),
	    "names of fields");
}

static const struct {
	const char *uri;
	const char *to; /* NULL: refused */
	const char *subject;
} uris[] = {
	{ "mailto:a@example.org", "a@example.org", NULL },
	{ "MAILTO:a@example.org", "a@example.org", NULL },
	{ "mailto:a@example.org,b@example.org?subject=x%20y",
	    "a@example.org,b@example.org", "x y" },
	{ "mailto:?to=a@example.org&cc=b@example.org", "a@example.org", NULL },
	{ "mailto:a@example.org?subject=x%0d%0aBcc:%20y", "a@example.org",
	    "x Bcc: y" },
	{ "mailto:", NULL, NULL },
	{ "mailto:a%23example.org", NULL, NULL },
	{ "mailto:a@example.org?x:=1", NULL, NULL },
	{ "mailto:a@example.org?x=<", NULL, NULL },
	{ "mailto:a@example.org?x=%4", NULL, NULL },
	{ "mailto:a@example.org?x=%00", NULL, NULL },
	{ "mailto:a@example.org?x=%ff", NULL, NULL },
	{ "xmpp:a@example.org", NULL, NULL },
};

static void
test_mailto(struct arena *a)
{
	static struct mailto m;
	const char *error;

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		bool is = mailto_parse(view_str(uris[i].uri), a, &m, &error);

		tap_ok(is == (uris[i].to != NULL) &&
			(!is || view_eq(m.to, view_str(uris[i].to))) &&
			(!is || uris[i].subject == NULL ||
			    view_eq(m.subject, view_str(uris[i].subject))),
		    "%s", uris[i].uri);
	}
	tap_ok(mailto_parse(VIEW_LIT("mailto:a@b.org?from=x@y.org&x-a=1"), a,
		   &m, &error) &&
		m.n == 1 && view_eq(m.field[0].name, VIEW_LIT("x-a")),
	    "a sender may not set From");
}

static void
test_mailto_limit(struct arena *a)
{
	static struct mailto m;
	char uri[64 + MAILTO_FIELDS_MAX * 8] = "mailto:a@b.org?";
	const char *error;
	size_t n = 15;

	for (int i = 0; i < MAILTO_FIELDS_MAX; i++)
		n += (size_t)snprintf(uri + n, sizeof(uri) - n, "x=%d&", i);
	tap_ok(mailto_parse(view_str(uri), a, &m, &error) &&
		m.n == MAILTO_FIELDS_MAX,
	    "as many fields as may be");
	(void)snprintf(uri + n, sizeof(uri) - n, "y=1");
	tap_ok(!mailto_parse(view_str(uri), a, &m, &error), "one more");
}

static const struct {
	const char *header, *from;
	enum vacation_verdict want;
} decisions[] = {
	{ "To: me@x.org\n\n", "a@b.org", VACATION_REPLY },
	{ "Cc: A <a@b.org>, ME@X.ORG\n\n", "a@b.org", VACATION_REPLY },
	{ "Resent-To: me@x.org\n\n", "a@b.org", VACATION_REPLY },
	{ "To: other@x.org\n\n", "a@b.org", VACATION_NOT_NAMED },
	{ "\n", "a@b.org", VACATION_NOT_NAMED },
	{ "To: me@x.org\n\n", "", VACATION_NO_SENDER },
	{ "To: me@x.org\n\n", "mailer-daemon@b.org", VACATION_ROBOT },
	{ "To: me@x.org\n\n", "owner-l@b.org", VACATION_ROBOT },
	{ "To: me@x.org\n\n", "l-REQUEST@b.org", VACATION_ROBOT },
	{ "To: me@x.org\n\n", "request@b.org", VACATION_REPLY },
	{ "To: me@x.org\n\n", "Me@x.org", VACATION_SELF },
	{ "To: me@x.org\nAuto-Submitted: auto-replied\n\n", "a@b.org",
	    VACATION_AUTOMATIC },
	{ "To: me@x.org\nAuto-Submitted: (c) No\n\n", "a@b.org",
	    VACATION_REPLY },
	{ "To: me@x.org\nlist-id: <l>\n\n", "a@b.org", VACATION_LIST },
	{ "To: me@x.org\nPrecedence: LIST\n\n", "a@b.org", VACATION_BULK },
	{ "To: me@x.org\nPrecedence: first-class\n\n", "a@b.org",
	    VACATION_REPLY },
	{ "To: me@x.org\nX-Auto-Response-Suppress: DR, oof\n\n", "a@b.org",
	    VACATION_SUPPRESSED },
};

static void
test_vacation(struct arena *a)
{
	struct view own[] = { VIEW_LIT("me@x.org") }, named;

	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
		enum vacation_verdict v =
		    vacation_decide(view_str(decisions[i].header),
			view_str(decisions[i].from), own, 1, a, &named);

		tap_ok(v == decisions[i].want, "vacation %zu: got %d, want %d",
		    i, (int)v, (int)decisions[i].want);
	}
}

#define OWN 4096
#define NAMED 10000

/* As many addresses as a script can give, and as a field has that are read: not
 * each with each. */
static void
test_many_addresses(struct arena *a)
{
	static char names[OWN][24];
	static struct view own[OWN];
	AUTO_BUF struct buf b = BUF_INIT(1 << 20);
	struct view named = { NULL, 0 };
	enum vacation_verdict v;
	clock_t began;

	for (size_t i = 0; i < OWN; i++) {
		snprintf(names[i], sizeof(names[i]), "own%05zu@x.org", i);
		own[i] = view_str(names[i]);
	}
	buf_put_str(&b, "To: ");
	for (size_t i = 0; i < NAMED - 1; i++) {
		char text[32];

		snprintf(text, sizeof(text), "oth%05zu@x.org,\n ", i);
		buf_put_str(&b, text);
	}
	buf_put_str(&b, "OWN04000@x.org\n\n");
	began = clock();
	v = vacation_decide(
	    buf_view(&b), view_str("a@b.org"), own, OWN, a, &named);
	tap_ok(v == VACATION_REPLY && named.p == own[4000].p &&
		clock() - began < CLOCKS_PER_SEC,
	    "vacation: thousands of addresses, %ld ms",
	    (long)((clock() - began) * 1000 / CLOCKS_PER_SEC));
}

static void
test_html(struct arena *a)
{
	static const struct {
		const char *html, *want;
	} cases[] = {
		{ "<p>One<p>Two", "One\r\nTwo" },
		{ "a  b\n c", "a b c" },
		{ "<b>x</b>y", "xy" },
		{ "a &lt;b&gt; &amp;&#65;&#x42;", "a <b> &AB" },
		{ "&nope; &", "&nope; &" },
		{ "<!-- > --><script>if (a<b)</script>x", "x" },
		{ "a < b", "a < b" },
		{ "<img alt=\"a>b\">c", "c" },
		{ "<style>", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ok(view_eq(html_text(view_str(cases[i].html), a),
			   view_str(cases[i].want)),
		    "html: %s", cases[i].html);
}

static void
test_edit(struct arena *a)
{
	const struct view mail = VIEW_LIT("A: 1\r\nB: 2\r\n\r\n");
	struct editheader e = { .room = 0 };
	struct view one, two, three, out;

	tap_ok(editheader_add(&e, mail, VIEW_LIT("C: 3\r\n"), false, a, &one) &&
		view_eq(one, VIEW_LIT("C: 3\r\nA: 1\r\nB: 2\r\n\r\n")),
	    "added in front");
	tap_ok(editheader_add(&e, one, VIEW_LIT("D: 4\r\n"), false, a, &two) &&
		two.p + 6 == one.p && two.n == one.n + 6,
	    "added in front again, in place");
	tap_ok(view_eq(one, VIEW_LIT("C: 3\r\nA: 1\r\nB: 2\r\n\r\n")),
	    "the state before is as it was");
	tap_ok(
	    editheader_add(&e, one, VIEW_LIT("E: 5\r\n"), false, a, &three) &&
		three.p != two.p &&
		view_eq(view_sub(three, 0, 6), VIEW_LIT("E: 5\r\n")) &&
		view_eq(view_sub(two, 0, 6), VIEW_LIT("D: 4\r\n")),
	    "an older state gets a copy of its own");
	tap_ok(editheader_add(&e, mail, VIEW_LIT("C: 3\r\n"), true, a, &out) &&
		view_eq(out, VIEW_LIT("A: 1\r\nB: 2\r\nC: 3\r\n\r\n")),
	    "added behind");
	tap_ok(editheader_add(
		   &e, VIEW_LIT("A: 1"), VIEW_LIT("C: 3\r\n"), true, a, &out) &&
		view_eq(out, VIEW_LIT("A: 1\r\nC: 3\r\n")),
	    "added behind a line without an end");
	one = view_sub(mail, 6, 6);
	tap_ok(editheader_delete(&e, mail, &one, 1, a, &out) &&
		view_eq(out, VIEW_LIT("A: 1\r\n\r\n")),
	    "deleted");
}

int
main(void)
{
	struct arena *a = arena_new((size_t)16 << 20);

	test_addresses(a);
	test_tidy(a);
	test_mailto(a);
	test_mailto_limit(a);
	test_vacation(a);
	test_many_addresses(a);
	test_html(a);
	test_edit(a);
	arena_free(&a);
	return tap_done();
}
