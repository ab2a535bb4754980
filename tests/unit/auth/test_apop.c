#include "auth/apop.h"

#include "auth/password.h"
#include "tap.h"

static void
golden(void)
{
	static const struct {
		const char *challenge, *password, *digest;
	} cases[] = {
		/* figure 7 of the source; and RFC 1939 section 7 */
		{ "<22663.1010986863@asao.gcd.org>", "secret_password",
		    "c147fa2c29a69d8b730b3dcb52eccfda" },
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		    "c4c9334bac560ecc979e58001b3e22fb" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view challenge = view_str(cases[i].challenge);
		struct view password = view_str(cases[i].password);
		char got[APOP_DIGEST_HEX + 1];

		apop_digest(challenge, password, got);
		tap_ok(strcmp(got, cases[i].digest) == 0, "digest %zu: %s", i,
		    got);
		tap_ok(
		    apop_check(challenge, password, view_str(cases[i].digest)),
		    "it fits");
		got[5] ^= 1;
		tap_ok(!apop_check(challenge, password, view_str(got)),
		    "another does not");
		tap_ok(!apop_check(
			   challenge, password, view_sub(view_str(got), 0, 30)),
		    "nor half of one");
	}
}

#define HEX "0123456789abcdef0123456789ABCDEF"

static void
messages(void)
{
	static const struct {
		const char *name;
		struct view in;
		bool want;
	} cases[] = {
		{ "all", VIEW_LIT("<a>\0u\0" HEX), true },
		{ "nothing", VIEW_LIT(""), false },
		{ "no name", VIEW_LIT("<a>\0\0" HEX), false },
		{ "no challenge", VIEW_LIT("\0u\0" HEX), false },
		{ "no digest", VIEW_LIT("<a>\0u\0"), false },
		{ "short",
		    VIEW_LIT("<a>\0u\0"
			     "abc"),
		    false },
		{ "long", VIEW_LIT("<a>\0u\0" HEX "0"), false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct apop m;

		tap_ok(apop_parse(cases[i].in, &m) == cases[i].want, "%s",
		    cases[i].name);
		if (cases[i].want)
			tap_ok(view_eq(m.challenge, VIEW_LIT("<a>")) &&
				view_eq(m.user, VIEW_LIT("u")) &&
				view_eq(m.digest, VIEW_LIT(HEX)),
			    "its parts");
	}
}

int
main(void)
{
	golden();
	messages();
	tap_ok(strcmp(password_plain("{PLAIN}x y"), "x y") == 0 &&
		password_plain("$y$j9T$x") == NULL &&
		password_plain("") == NULL,
	    "which passwords are stored as they are");
	return tap_done();
}
