/* auth/cram: CRAM-MD5 by its RFC, and with GNU SASL's client */
#include "auth/cram.h"

#include <gsasl.h>

#include "auth/md5.h"
#include "base/digest.h"
#include "tap.h"

/* RFC 2202 section 2. */
static void
test_hmac(void)
{
	uint8_t key[80];
	static const struct {
		uint8_t byte;
		size_t n;
		const char *text, *want;
	} cases[] = {
		{ 0x0b, 16, "Hi There", "9294727a3638bb1c13f48ef8158bfc9d" },
		{ 0xaa, 80,
		    "Test Using Larger Than Block-Size Key - Hash Key First",
		    "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd" },
		{ 0xaa, 80,
		    "Test Using Larger Than Block-Size Key and Larger Than One "
		    "Block-Size Data",
		    "6f630fad67cda0ee1fb1f562db3aa53e" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t mac[MD5_SIZE];
		char got[2 * MD5_SIZE + 1];

		memset(key, cases[i].byte, sizeof(key));
		md5_hmac((struct view){ key, cases[i].n },
		    view_str(cases[i].text), mac);
		digest_hex((struct view){ mac, sizeof(mac) }, got);
		tap_ok(strcmp(got, cases[i].want) == 0, "HMAC-MD5 %zu: %s", i,
		    got);
	}
}

#define CHALLENGE VIEW_LIT("<1896.697170952@postoffice.reston.mci.net>")
#define PASSWORD VIEW_LIT("tanstaaftanstaaf")
#define ANSWER "tim b913a602c7eda7a495b4e6e7334d3890"

/* RFC 2195 section 2. */
static void
test_example(void)
{
	char text[] = ANSWER;
	struct cram m;

	tap_ok(cram_parse(VIEW_LIT(ANSWER), &m) &&
		view_eq(m.user, VIEW_LIT("tim")) &&
		cram_check(CHALLENGE, PASSWORD, m.digest),
	    "the RFC's own");
	tap_ok(!cram_check(CHALLENGE, VIEW_LIT("tanstaaf"), m.digest) &&
		!cram_check(VIEW_LIT("<1896.697170953@x>"), PASSWORD, m.digest),
	    "of another password, for another challenge");
	for (size_t i = 4; i < sizeof(text) - 1; i++) {
		text[i] ^= 1;
		tap_ok(!cram_parse(view_str(text), &m) ||
			!cram_check(CHALLENGE, PASSWORD, m.digest),
		    "octet %zu changed", i);
		text[i] ^= 1;
	}
}

static void
test_messages(void)
{
	const struct view whole = VIEW_LIT(ANSWER);
	struct cram m;
	unsigned n = 0;

	for (size_t i = 0; i < whole.n; i++)
		n += cram_parse(view_sub(whole, 0, i), &m);
	tap_ok(n == 0, "no prefix is a message");
	tap_ok(!cram_parse(VIEW_LIT(" b913a602c7eda7a495b4e6e7334d3890"), &m),
	    "no name");
	tap_ok(
	    !cram_parse(VIEW_LIT("a\0b b913a602c7eda7a495b4e6e7334d3890"), &m),
	    "NUL in a name");
	tap_ok(cram_parse(
		   VIEW_LIT("john doe b913a602c7eda7a495b4e6e7334d3890"), &m) &&
		view_eq(m.user, VIEW_LIT("john doe")),
	    "blanks in a name");
}

static int
callback(Gsasl *ctx, Gsasl_session *c, Gsasl_property prop)
{
	(void)ctx;
	if (prop == GSASL_AUTHID)
		return gsasl_property_set(c, prop, "tim");
	if (prop == GSASL_PASSWORD)
		return gsasl_property_set(c, prop, "tanstaaftanstaaf");
	return GSASL_NO_CALLBACK;
}

static void
test_interop(void)
{
	char challenge[CRAM_CHALLENGE_MAX + 1], *text = NULL;
	Gsasl_session *c = NULL;
	Gsasl *ctx = NULL;
	struct cram m;
	size_t n = 0;
	bool good = gsasl_init(&ctx) == GSASL_OK;

	cram_challenge(VIEW_LIT("mail.example.org"), challenge);
	gsasl_callback_set(ctx, callback);
	good = good && gsasl_client_start(ctx, "CRAM-MD5", &c) == GSASL_OK &&
	    gsasl_step(c, challenge, strlen(challenge), &text, &n) == GSASL_OK;
	tap_ok(good && cram_parse((struct view){ (uint8_t *)text, n }, &m) &&
		cram_check(view_str(challenge), PASSWORD, m.digest),
	    "GNU SASL's client");
	gsasl_free(text);
	if (c != NULL)
		gsasl_finish(c);
	gsasl_done(ctx);
}

static void
test_challenges(void)
{
	char a[CRAM_CHALLENGE_MAX + 1], b[CRAM_CHALLENGE_MAX + 1];
	char host[81];

	cram_challenge(VIEW_LIT("mail.example.org"), a);
	cram_challenge(VIEW_LIT("mail.example.org"), b);
	tap_ok(strcmp(a, b) != 0, "no two are the same");
	tap_ok(strlen(a) > 60 && a[0] == '<' && a[41] == '.' &&
		view_ends(view_str(a), VIEW_LIT("@mail.example.org>")),
	    "%s", a);
	cram_challenge(VIEW_LIT("a>b"), a);
	tap_ok(view_ends(view_str(a), VIEW_LIT("@localhost>")), "%s", a);
	memset(host, 'h', sizeof(host));
	cram_challenge((struct view){ (uint8_t *)host, 80 }, a);
	tap_ok(view_ends(view_str(a), VIEW_LIT("hhhh>")), "the longest host");
	cram_challenge((struct view){ (uint8_t *)host, 81 }, a);
	tap_ok(view_ends(view_str(a), VIEW_LIT("@localhost>")), "one longer");
}

int
main(void)
{
	test_hmac();
	test_example();
	test_messages();
	test_interop();
	test_challenges();
	return tap_done();
}
