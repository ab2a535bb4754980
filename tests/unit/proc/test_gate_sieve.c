#include "login_talk.h"

#include "session/managesieve.h"

/* ManageSieve before login: RFC 5804 sections 1 and 2. */

static const struct talk talks[] = {
	{ "NOOP", TALK_FAR, "NOOP\r\n", "OK \"Noop completed\"\r\n", NULL },
	{ "NOOP with a tag", TALK_FAR, "noop \"STARTTLS-SYNC-42\"\r\n",
	    "OK (TAG \"STARTTLS-SYNC-42\") \"Noop completed\"\r\n", NULL },
	{ "NOOP with a literal", TALK_FAR, "NOOP {3+}\r\na\"b\r\n",
	    "OK (TAG \"a\\\"b\") \"Noop completed\"\r\n", NULL },
	{ "NOOP with what cannot be quoted", TALK_FAR,
	    "NOOP {4+}\r\na\r\nb\r\n",
	    "OK (TAG {4}\r\na\r\nb) \"Noop completed\"\r\n", NULL },
	{ "quoted characters", TALK_FAR, "NOOP \"a\\\"\\\\\"\r\n",
	    "OK (TAG \"a\\\"\\\\\") \"Noop completed\"\r\n", NULL },
	{ "blanks", TALK_FAR, "NOOP   \"a\" \r\nLOGOUT \r\n",
	    "OK (TAG \"a\") \"Noop completed\"\r\n"
	    "OK \"Logout completed\"\r\n",
	    NULL },
	{ "bare LF", TALK_FAR, "NOOP {1+}\na\nLOGOUT\n",
	    "OK (TAG \"a\") \"Noop completed\"\r\n"
	    "OK \"Logout completed\"\r\n",
	    NULL },
	{ "LOGOUT", TALK_FAR, "logout\r\nNOOP\r\n",
	    "OK \"Logout completed\"\r\n", NULL },
	{ "AUTHENTICATE", TALK_TLS, "AUTHENTICATE \"PLAIN\" \"AHUAcA==\"\r\n",
	    "NO \"wrong\"\r\n", NULL },
	{ "AUTHENTICATE with a literal", TALK_TLS,
	    "AUTHENTICATE \"plain\" {8+}\r\nAHUAcA==\r\n", "NO \"wrong\"\r\n",
	    NULL },
	{ "AUTHENTICATE with challenges", TALK_TLS,
	    "AUTHENTICATE \"PLAIN\"\r\n\"AHUAcA==\"\r\n",
	    "\"Yz8=\"\r\nNO \"wrong\"\r\n", "cf" },
	{ "answered by a literal", TALK_TLS,
	    "AUTHENTICATE \"PLAIN\"\r\n{8+}\r\nAHUAcA==\r\nNOOP\r\n",
	    "\"Yz8=\"\r\nNO \"wrong\"\r\nOK \"Noop completed\"\r\n", "cf" },
	{ "answered by nothing", TALK_TLS, "AUTHENTICATE \"PLAIN\"\r\n\"\"\r\n",
	    "\"Yz8=\"\r\nNO (TRYLATER) \"later\"\r\n", "ct" },
	{ "cancelled", TALK_TLS, "AUTHENTICATE \"PLAIN\"\r\n\"*\"\r\nNOOP\r\n",
	    "\"Yz8=\"\r\nNO \"Authentication cancelled\"\r\n"
	    "OK \"Noop completed\"\r\n",
	    "c" },
	{ "not a string", TALK_TLS, "AUTHENTICATE \"PLAIN\"\r\n*\r\nNOOP\r\n",
	    "\"Yz8=\"\r\nNO \"Response is not base64 in a string\"\r\n"
	    "OK \"Noop completed\"\r\n",
	    "c" },
	{ "no base64", TALK_TLS, "AUTHENTICATE \"PLAIN\" \"?\"\r\n",
	    "NO \"Initial response is not base64\"\r\n", NULL },
	{ "no mechanism", TALK_TLS, "AUTHENTICATE \"X-NONE\"\r\n",
	    "NO \"Mechanism is not offered\"\r\n", NULL },
	{ "LOGIN speaks second", TALK_TLS,
	    "AUTHENTICATE \"LOGIN\" \"dQ==\"\r\n",
	    "NO \"LOGIN has no initial response\"\r\n", NULL },
	{ "no TLS yet", TALK_FAR, "AUTHENTICATE \"PLAIN\"\r\n",
	    "NO (ENCRYPT-NEEDED) \"Begin TLS first\"\r\n", NULL },
	{ "no session", TALK_TLS, "AUTHENTICATE \"PLAIN\" \"\"\r\nLOGOUT\r\n",
	    "NO (TRYLATER) \"too many\"\r\nOK \"Logout completed\"\r\n", "h" },
	{ "no STARTTLS", TALK_NO_TLS, "STARTTLS\r\n",
	    "NO \"TLS is not available here\"\r\n", NULL },
	{ "STARTTLS twice", TALK_TLS, "STARTTLS\r\n",
	    "NO \"TLS is in force already\"\r\n", NULL },
	{ "before login", TALK_TLS,
	    "LISTSCRIPTS\r\nHAVESPACE \"a\" 5\r\nPUTSCRIPT \"a\" {5+}\r\n"
	    "keep;\r\nGETSCRIPT \"a\"\r\nSETACTIVE \"\"\r\n"
	    "DELETESCRIPT \"a\"\r\nRENAMESCRIPT \"a\" \"b\"\r\n"
	    "CHECKSCRIPT \"keep;\"\r\nUNAUTHENTICATE\r\n",
	    "NO \"Log in first\"\r\nNO \"Log in first\"\r\n"
	    "NO \"Log in first\"\r\nNO \"Log in first\"\r\n"
	    "NO \"Log in first\"\r\nNO \"Log in first\"\r\n"
	    "NO \"Log in first\"\r\nNO \"Log in first\"\r\n"
	    "NO \"Log in first\"\r\n",
	    NULL },
	{ "unknown", TALK_TLS, "XYZZY\r\n\r\n",
	    "NO \"Unknown command\"\r\nNO \"Unknown command\"\r\n", NULL },
	{ "arguments", TALK_TLS,
	    "LOGOUT x\r\nAUTHENTICATE\r\nNOOP \"a\" \"b\"\r\nNOOP \"a\r\n"
	    "NOOP a\r\nNOOP\"a\"\r\nCAPABILITY \"a\"\r\n",
	    "NO \"Wrong arguments\"\r\nNO \"Wrong arguments\"\r\n"
	    "NO \"Wrong arguments\"\r\nNO \"Wrong arguments\"\r\n"
	    "NO \"Wrong arguments\"\r\nNO \"Wrong arguments\"\r\n"
	    "NO \"Wrong arguments\"\r\n",
	    NULL },
	{ "a literal that waits", TALK_TLS, "NOOP {5}\r\nNOOP\r\n",
	    "NO \"Only literals with a plus are taken\"\r\n"
	    "OK \"Noop completed\"\r\n",
	    NULL },
};

/* Those of the session, less OWNER (RFC 5804 section 1.7). */
static void
capabilities(void)
{
	static const struct {
		enum talk_where where;
		const char *mechanisms;
		bool starttls;
	} cases[] = {
		{ TALK_LOOPBACK, "SCRAM-SHA-256 PLAIN", true },
		{ TALK_FAR, "SCRAM-SHA-256", true },
		{ TALK_NO_TLS, "SCRAM-SHA-256", false },
		{ TALK_TLS, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN",
		    false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf out = BUF_INIT(65536),
				    list = BUF_INIT(65536);
		AUTO_BUF struct buf want = BUF_INIT(65536);
		struct gate_login l;

		const struct managesieve_settings set = {
			.mechanisms = view_str(cases[i].mechanisms)
		};

		managesieve_capabilities_put(
		    &list, &set, cases[i].starttls, (struct view){ NULL, 0 });
		talk_begin(&l, &gate_sieve, cases[i].where, false);
		gate_login_greet(&l, &out);
		buf_put(&want, buf_view(&list));
		buf_put_str(&want, "OK \"ManageSieve server ready\"\r\n");
		tap_ok(view_eq(buf_view(&out), buf_view(&want)), "greeting %zu",
		    i);
		buf_clear(&out);
		(void)!talk_one(&l, "capability\r\n", &out);
		buf_clear(&want);
		buf_put(&want, buf_view(&list));
		buf_put_str(&want, "OK \"Capability completed\"\r\n");
		tap_ok(view_eq(buf_view(&out), buf_view(&want)),
		    "CAPABILITY %zu", i);
		buf_put_byte(&list, '\0');
		tap_ok(strstr((char *)list.p, "\"IMPLEMENTATION\" ") != NULL &&
			strstr((char *)list.p, "\"SIEVE\" ") != NULL &&
			strstr((char *)list.p, "\"VERSION\" \"1.0\"") != NULL &&
			strstr((char *)list.p, "OWNER") == NULL,
		    "what must be there, and what must not");
		gate_login_fini(&l);
	}
}

/* What came before TLS is forgotten, and everything is said anew. */
static void
starttls(void)
{
	AUTO_BUF struct buf out = BUF_INIT(65536);
	struct gate_login l;

	talk_begin(&l, &gate_sieve, TALK_FAR, false);
	tap_ok(
	    talk_one(&l, "STARTTLS\r\nNOOP {", &out) == GATE_LOGIN_STARTTLS &&
		view_eq(buf_view(&out), VIEW_LIT("OK \"Begin TLS now\"\r\n")),
	    "STARTTLS");
	buf_clear(&out);
	gate_login_secured(&l, &out);
	buf_put_byte(&out, '\0');
	tap_ok(
	    strstr((char *)out.p, "\"SASL\" \"SCRAM-SHA-256-PLUS ") != NULL &&
		strstr((char *)out.p, "STARTTLS") == NULL &&
		strstr((char *)out.p, "OK \"TLS is in force\"\r\n") != NULL,
	    "the capabilities come again");
	gate_login_fini(&l);
}

static void
limits(void)
{
	static const struct {
		const char *head;
		size_t literal;
		const char *want;
	} cases[] = {
		{ "NOOP ", LIMITS_LITERAL_PRELOGIN, "OK (TAG " },
		{ "NOOP ", LIMITS_LITERAL_PRELOGIN + 1,
		    "NO \"Literal too large\"\r\nOK \"Noop" },
		{ "PUTSCRIPT \"a\" ", 30000,
		    "NO \"Literal too large\"\r\nOK \"Noop" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf in = BUF_INIT(65536), out = BUF_INIT(65536);
		struct gate_login l;

		buf_printf(
		    &in, "%s{%zu+}\r\n", cases[i].head, cases[i].literal);
		for (size_t k = 0; k < cases[i].literal; k++)
			buf_put_byte(&in, 'a');
		buf_put_str(&in, "\r\nNOOP\r\n");
		buf_put_byte(&in, '\0');
		talk_begin(&l, &gate_sieve, TALK_TLS, false);
		(void)!talk_one(&l, (const char *)in.p, &out);
		tap_ok(view_starts(buf_view(&out), view_str(cases[i].want)) &&
			!out.failed,
		    "limit %zu: %.*s", i, out.n > 60 ? 60 : (int)out.n,
		    (const char *)out.p);
		gate_login_fini(&l);
	}
}

static void
endless(void)
{
	AUTO_BUF struct buf out = BUF_INIT(65536);
	struct gate_login l;

	talk_begin(&l, &gate_sieve, TALK_TLS, false);
	tap_ok(talk_one(&l, "NOOP {99999999999999999999999+}\r\n", &out) ==
		GATE_LOGIN_BYE,
	    "a literal without end is the end");
	gate_login_fini(&l);
}

static void
last_words(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);

	gate_login_bye(&gate_sieve, false, GATE_LOGIN_ENDS, "late", &out);
	gate_login_bye(&gate_sieve, true, GATE_LOGIN_UNAVAILABLE, "full", &out);
	tap_ok(view_eq(buf_view(&out),
		   VIEW_LIT("BYE \"late\"\r\nBYE (TRYLATER) \"full\"\r\n")),
	    "last words");
}

static void
bads(void)
{
	AUTO_BUF struct buf out = BUF_INIT(65536);
	enum gate_login_result r = GATE_LOGIN_AGAIN;
	struct gate_login l;
	int n = 0;

	talk_begin(&l, &gate_sieve, TALK_TLS, false);
	for (; n <= GATE_LOGIN_BADS_MAX && r == GATE_LOGIN_AGAIN; n++)
		r = talk_one(&l, "XYZ\r\n", &out);
	tap_ok(n == GATE_LOGIN_BADS_MAX + 1 && r == GATE_LOGIN_BYE,
	    "the end after %d bad commands", n);
	gate_login_fini(&l);
}

int
main(void)
{
	talk_setup();
	capabilities();
	talk_all(&gate_sieve, talks, sizeof(talks) / sizeof(talks[0]));
	starttls();
	limits();
	endless();
	last_words();
	bads();
	return tap_done();
}
