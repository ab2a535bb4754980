#include "auth/mechanism.h"
#include "auth/name.h"
#include "auth/password.h"
#include "proc/msg_grant.h"
#include "tap.h"

static void
test_names(void)
{
	static const struct {
		const char *in, *want, *path;
	} cases[] = {
		{ "demo@example.org", "demo@example.org", "example.org/demo" },
		{ "Demo@Example.ORG", "demo@example.org", "example.org/demo" },
		{ "demo", "demo", "_local/demo" },
		{ "a.b+c@x", "a.b+c@x", "x/a.b+c" },
		/* NFKC: a with diaeresis from two code points */
		{ "a\314\210@x.org", "\303\244@x.org", "x.org/\303\244" },
		{ "", NULL, NULL },
		{ "@x.org", NULL, NULL },
		{ "a@", NULL, NULL },
		{ "a@b@c", NULL, NULL },
		{ "a b@c", NULL, NULL },
		{ "../x@y", NULL, NULL },
		{ "x@..", NULL, NULL },
		{ "x@a..b", NULL, NULL },
		{ "x@.a", NULL, NULL },
		{ "x@-a", NULL, NULL },
		{ "x@a_b", NULL, NULL },
		{ ".x@y", NULL, NULL },
		{ "_local@y", NULL, NULL },
		{ "a/b@c", NULL, NULL },
		{ "a\\b@c", NULL, NULL },
		{ "a\tb@c", NULL, NULL },
		{ "a\177@c", NULL, NULL },
		{ "\344@c", NULL, NULL },
		/* SASLprep forbids the private use area */
		{ "\356\200\200@c", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[NAME_PATH_MAX + 1];
		struct name n, again;
		bool ok = name_parse(view_str(cases[i].in), &n);

		if (!ok || cases[i].want == NULL) {
			tap_ok(ok == (cases[i].want != NULL), "name \"%s\"",
			    cases[i].in);
			continue;
		}
		name_path(&n, path);
		tap_ok(strcmp(n.text, cases[i].want) == 0 &&
			strcmp(path, cases[i].path) == 0 &&
			msg_grant_path_ok(view_str(path)),
		    "name \"%s\": got %s and %s", cases[i].in, n.text, path);
		tap_ok(name_parse(view_str(n.text), &again) &&
			strcmp(again.text, n.text) == 0,
		    "name \"%s\" folds to itself", n.text);
	}
}

static size_t
fill(char *out, size_t local, size_t labels, size_t last)
{
	size_t n = 0;

	memset(out, 'l', local);
	n = local;
	out[n++] = '@';
	for (size_t i = 0; i < labels; i++) {
		memset(out + n, 'd', 63);
		n += 63;
		out[n++] = '.';
	}
	memset(out + n, 'd', last);
	return n + last;
}

static void
test_name_limits(void)
{
	char text[512];
	struct name n;
	char path[NAME_PATH_MAX + 1];
	size_t size;

	/* 3 * 64 + 61 = 253 */
	size = fill(text, NAME_LOCAL_MAX, 3, 61);
	tap_ok(name_parse((struct view){ (uint8_t *)text, size }, &n),
	    "longest local part and domain");
	name_path(&n, path);
	tap_ok(msg_grant_path_ok(view_str(path)), "their path");
	size = fill(text, NAME_LOCAL_MAX + 1, 3, 61);
	tap_ok(!name_parse((struct view){ (uint8_t *)text, size }, &n),
	    "local part too long");
	size = fill(text, 1, 3, 62);
	tap_ok(!name_parse((struct view){ (uint8_t *)text, size }, &n),
	    "domain too long");
	size = fill(text, 1, 0, 63);
	tap_ok(name_parse((struct view){ (uint8_t *)text, size }, &n),
	    "longest label");
	size = fill(text, 1, 0, 64);
	tap_ok(!name_parse((struct view){ (uint8_t *)text, size }, &n),
	    "label too long");
}

static void
test_password_text(void)
{
	char in[NAME_PASSWORD_MAX + 2], out[NAME_PASSWORD_MAX + 1];

	tap_ok(name_password(VIEW_LIT("I\302\255X"), out) &&
		strcmp(out, "IX") == 0,
	    "SASLprep: RFC 4013 section 3, example 1");
	tap_ok(
	    name_password(VIEW_LIT("\302\252"), out) && strcmp(out, "a") == 0,
	    "SASLprep: example 4");
	tap_ok(name_password(VIEW_LIT("caf\351"), out) &&
		strcmp(out, "caf\351") == 0,
	    "what is no UTF-8 stays as it is");
	tap_ok(name_password(VIEW_LIT("a\tb"), out) && strcmp(out, "a\tb") == 0,
	    "what SASLprep refuses stays as it is");
	tap_ok(!name_password(VIEW_LIT(""), out), "an empty one is none");
	tap_ok(!name_password(VIEW_LIT("a\0b"), out), "NUL is refused");
	memset(in, 'x', sizeof(in));
	tap_ok(name_password(
		   (struct view){ (uint8_t *)in, NAME_PASSWORD_MAX }, out),
	    "the longest");
	tap_ok(!name_password(
		   (struct view){ (uint8_t *)in, NAME_PASSWORD_MAX + 1 }, out),
	    "one byte more");
}

static void
test_stored(void)
{
	char a[PASSWORD_STORED_MAX + 1], b[PASSWORD_STORED_MAX + 1];
	char longest[NAME_PASSWORD_MAX + 1];
	struct why w;

	tap_ok(password_make(PASSWORD_YESCRYPT, "secret", a, &w) == 0 &&
		strncmp(a, "$y$", 3) == 0,
	    "yescrypt");
	tap_ok(password_make(PASSWORD_YESCRYPT, "secret", b, &w) == 0 &&
		strcmp(a, b) != 0,
	    "each has its own salt");
	tap_ok(password_check(a, "secret") == PASSWORD_OK, "the right one");
	tap_ok(password_check(a, "Secret") == PASSWORD_WRONG, "a wrong one");
	tap_ok(!password_is_cheap(a), "it is costly");
	tap_ok(password_make(PASSWORD_PLAIN, "secret", a, &w) == 0 &&
		strcmp(a, "{PLAIN}secret") == 0 && password_is_cheap(a),
	    "plain");
	tap_ok(password_check(a, "secret") == PASSWORD_OK &&
		password_check(a, "secre") == PASSWORD_WRONG &&
		password_check(a, "secrets") == PASSWORD_WRONG,
	    "plain is compared");
	memset(longest, 'x', NAME_PASSWORD_MAX);
	longest[NAME_PASSWORD_MAX] = '\0';
	tap_ok(password_make(PASSWORD_PLAIN, longest, a, &w) == 0 &&
		password_check(a, longest) == PASSWORD_OK,
	    "the longest, plain");
	tap_ok(password_make(PASSWORD_YESCRYPT, longest, a, &w) == 0 &&
		password_check(a, longest) == PASSWORD_OK,
	    "the longest, yescrypt");
	/* made by another program: sha512crypt of Drepper's specification */
	tap_ok(password_check("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMH"
			      "Wjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOf"
			      "aS35inz1",
		   "Hello world!") == PASSWORD_OK,
	    "an imported hash");
	tap_ok(password_check("*", "x") == PASSWORD_UNUSABLE &&
		password_check("", "") == PASSWORD_UNUSABLE &&
		password_check("$nonsense$", "x") == PASSWORD_UNUSABLE,
	    "nothing fits what is no hash");
	tap_ok(password_check(password_decoy(), "x") == PASSWORD_WRONG,
	    "the decoy is a hash that nothing fits");
}

static void
test_mechanisms(void)
{
	AUTO_BUF struct buf b = BUF_INIT(512);
	struct mechanism_plain p;
	enum mechanism m;
	unsigned n = 0;
	static const char message[] = "me\0user\0pass";

	mechanism_offer(true, false, false, &b);
	tap_ok(view_eq(buf_view(&b),
		   VIEW_LIT("SCRAM-SHA-256-PLUS SCRAM-SHA-256 "
			    "SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN")),
	    "offer over TLS");
	buf_clear(&b);
	mechanism_offer(false, false, false, &b);
	tap_ok(view_eq(buf_view(&b), VIEW_LIT("SCRAM-SHA-256 SCRAM-SHA-1")),
	    "offer without TLS");
	buf_clear(&b);
	mechanism_offer(false, true, false, &b);
	tap_ok(view_eq(buf_view(&b),
		   VIEW_LIT("SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN")),
	    "offer on loopback");
	buf_clear(&b);
	mechanism_offer(false, false, true, &b);
	tap_ok(view_eq(buf_view(&b),
		   VIEW_LIT("SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5")),
	    "offer with CRAM-MD5");
	tap_ok(mechanism_parse(VIEW_LIT("PLAIN"), &m) && m == MECHANISM_PLAIN &&
		!mechanism_parse(VIEW_LIT("PLAI"), &m) &&
		!mechanism_parse(VIEW_LIT("plain"), &m),
	    "names are exact");
	tap_ok(mechanism_plain(
		   (struct view){ (const uint8_t *)message, 12 }, &p) &&
		view_eq(p.authzid, VIEW_LIT("me")) &&
		view_eq(p.user, VIEW_LIT("user")) &&
		view_eq(p.password, VIEW_LIT("pass")),
	    "PLAIN");
	for (size_t i = 0; i < 9; i++)
		n += mechanism_plain(
		    (struct view){ (const uint8_t *)message, i }, &p);
	tap_ok(n == 0, "PLAIN, every prefix without a password: %u", n);
	tap_ok(!mechanism_plain(VIEW_LIT("\0\0pass"), &p), "PLAIN, no user");
	tap_ok(
	    !mechanism_plain(VIEW_LIT("\0user\0"), &p), "PLAIN, no password");
	tap_ok(!mechanism_plain(VIEW_LIT("\0user\0a\0b"), &p),
	    "PLAIN, one NUL too many");
}

int
main(void)
{
	test_names();
	test_name_limits();
	test_password_text();
	test_stored();
	test_mechanisms();
	return tap_done();
}
