#include "login_talk.h"

#include <stdlib.h>

/* POP3 before login: RFC 1939 section 4, RFC 2449, 2595, 3206, 5034, 6856. */

#define CAPA_HEAD                                                              \
	"+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n"         \
	"AUTH-RESP-CODE\r\nPIPELINING\r\n"
#define CAPA_TAIL                                                              \
	"EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\nIMPLEMENTATION fumi\r\n.\r\n"

static const struct talk talks[] = {
	{ "CAPA where a password may be sent", TALK_LOOPBACK, "CAPA\r\n",
	    CAPA_HEAD "USER\r\nSASL SCRAM-SHA-256 PLAIN\r\nSTLS\r\n" CAPA_TAIL,
	    NULL },
	{ "CAPA from afar", TALK_FAR, "capa\r\n",
	    CAPA_HEAD "SASL SCRAM-SHA-256\r\nSTLS\r\n" CAPA_TAIL, NULL },
	{ "CAPA without TLS", TALK_NO_TLS, "CAPA\r\n",
	    CAPA_HEAD "SASL SCRAM-SHA-256\r\n" CAPA_TAIL, NULL },
	{ "CAPA over TLS", TALK_TLS, "CAPA\r\n",
	    CAPA_HEAD "USER\r\nSASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN "
		      "LOGIN\r\n" CAPA_TAIL,
	    NULL },
	{ "USER and PASS (figure 6)", TALK_LOOPBACK,
	    "USER sengoku\r\nPASS secret_password\r\n",
	    "+OK Password required for sengoku\r\n-ERR [AUTH] wrong\r\n",
	    NULL },
	{ "bare LF", TALK_LOOPBACK, "USER a\nQUIT\n",
	    "+OK Password required for a\r\n+OK Good bye\r\n", NULL },
	{ "PASS first", TALK_LOOPBACK, "PASS x\r\n",
	    "-ERR USER comes first\r\n", NULL },
	{ "PASS again", TALK_LOOPBACK, "USER a\r\nPASS x\r\nPASS y\r\n",
	    "+OK Password required for a\r\n-ERR [AUTH] wrong\r\n"
	    "-ERR USER comes first\r\n",
	    NULL },
	{ "USER from afar", TALK_FAR, "USER a\r\nPASS b\r\n",
	    "-ERR [AUTH] Begin TLS first\r\n-ERR [AUTH] Begin TLS first\r\n",
	    NULL },
	{ "USER without TLS", TALK_NO_TLS, "USER a\r\n",
	    "-ERR [AUTH] Passwords are not taken here in clear text\r\n",
	    NULL },
	{ "a name that cannot be shown", TALK_LOOPBACK,
	    "USER a\x1b\xe6\x97\xa5\r\n", "+OK Password required for a????\r\n",
	    NULL },
	{ "temporary trouble", TALK_TLS, "USER a\r\nPASS b\r\n",
	    "+OK Password required for a\r\n-ERR [SYS/TEMP] later\r\n", "t" },
	{ "no session", TALK_TLS, "USER a\r\nPASS b\r\nQUIT\r\n",
	    "+OK Password required for a\r\n-ERR [SYS/TEMP] too many\r\n"
	    "+OK Good bye\r\n",
	    "h" },
	{ "AUTH alone", TALK_LOOPBACK, "AUTH\r\n",
	    "+OK Mechanisms follow\r\nSCRAM-SHA-256\r\nPLAIN\r\n.\r\n", NULL },
	{ "AUTH with initial response", TALK_LOOPBACK,
	    "AUTH plain AHUAcA==\r\n", "-ERR [AUTH] wrong\r\n", NULL },
	{ "AUTH with challenges", TALK_LOOPBACK, "AUTH PLAIN\r\nAHUAcA==\r\n",
	    "+ Yz8=\r\n-ERR [AUTH] wrong\r\n", "cf" },
	{ "AUTH cancelled", TALK_LOOPBACK, "AUTH PLAIN\r\n*\r\nQUIT\r\n",
	    "+ Yz8=\r\n-ERR Authentication cancelled\r\n+OK Good bye\r\n",
	    "c" },
	{ "AUTH with nonsense", TALK_LOOPBACK, "AUTH PLAIN\r\n?\r\nQUIT\r\n",
	    "+ Yz8=\r\n-ERR That is not base64\r\n+OK Good bye\r\n", "c" },
	{ "AUTH with a bad initial response", TALK_LOOPBACK, "AUTH PLAIN A\r\n",
	    "-ERR That is not base64\r\n", NULL },
	{ "AUTH of no mechanism", TALK_LOOPBACK, "AUTH X-NONE\r\n",
	    "-ERR Mechanism is not offered\r\n", NULL },
	{ "AUTH that needs TLS", TALK_FAR, "AUTH PLAIN\r\n",
	    "-ERR [AUTH] Begin TLS first\r\n", NULL },
	{ "STLS", TALK_FAR, "STLS\r\nUSER a\r\nSTLS\r\n",
	    "+OK Begin TLS now\r\n+OK Password required for a\r\n"
	    "-ERR TLS is in force already\r\n",
	    NULL },
	{ "STLS forgets", TALK_LOOPBACK,
	    "USER a\r\nLANG ja\r\nSTLS\r\nPASS b\r\n",
	    "+OK Password required for a\r\n+OK ja 日本語でお答えします\r\n"
	    "+OK TLS を始めてください\r\n-ERR USER comes first\r\n",
	    NULL },
	{ "no STLS", TALK_NO_TLS, "STLS\r\n",
	    "-ERR TLS is not available here\r\n", NULL },
	{ "UTF8 and STLS", TALK_FAR, "UTF8\r\nSTLS\r\n",
	    "+OK UTF-8 it is\r\n-ERR STLS comes before UTF8\r\n", NULL },
	{ "UTF8 and a name", TALK_TLS, "UTF8\r\nUSER 日\r\n",
	    "+OK UTF-8 it is\r\n+OK Password required for 日\r\n", NULL },
	{ "a name that is no UTF-8", TALK_TLS,
	    "USER \xe6\x97\r\nPASS x\r\nUTF8\r\nUSER a\xff\r\nLANG ja\r\n"
	    "USER \xff\r\n",
	    "-ERR [AUTH] That is no name\r\n-ERR USER comes first\r\n"
	    "+OK UTF-8 it is\r\n-ERR [AUTH] That is no name\r\n"
	    "+OK ja 日本語でお答えします\r\n"
	    "-ERR [AUTH] 名前として使えません\r\n",
	    NULL },
	{ "LANG alone", TALK_FAR, "LANG\r\n",
	    "+OK Language listing follows\r\nen English\r\nja 日本語\r\n.\r\n",
	    NULL },
	{ "LANG", TALK_FAR,
	    "LANG JA-jp\r\nXYZZY\r\nLANG MUL\r\nLANG *\r\nXYZZY\r\n",
	    "+OK ja 日本語でお答えします\r\n"
	    "-ERR そのようなコマンドはありません\r\n"
	    "-ERR その言語は使えません\r\n+OK en English is spoken now\r\n"
	    "-ERR Unknown command\r\n",
	    NULL },
	{ "LANG and a failure", TALK_TLS, "LANG ja\r\nUSER a\r\nPASS b\r\n",
	    "+OK ja 日本語でお答えします\r\n+OK パスワードが必要です: a\r\n"
	    "-ERR [AUTH] 名前かパスワードが違います\r\n",
	    NULL },
	{ "QUIT", TALK_FAR, "quit\r\nCAPA\r\n", "+OK Good bye\r\n", NULL },
	{ "too many arguments", TALK_TLS,
	    "CAPA x\r\nUSER a b\r\nQUIT now\r\nUTF8 x\r\nSTLS x\r\n"
	    "LANG en ja\r\nAUTH a b c\r\n",
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n",
	    NULL },
	{ "too few", TALK_TLS, "USER\r\nUSER \r\nPASS\r\nTOP 1\r\n",
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n"
	    "-ERR Wrong number of arguments\r\n",
	    NULL },
	{ "blanks at the end", TALK_TLS, "CAPA x \r\nQUIT \r\n",
	    "-ERR Wrong number of arguments\r\n+OK Good bye\r\n", NULL },
	{ "before login", TALK_TLS,
	    "STAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\nNOOP\r\nRSET\r\nTOP 1 0\r\n"
	    "UIDL\r\n",
	    "-ERR Log in first\r\n-ERR Log in first\r\n-ERR Log in first\r\n"
	    "-ERR Log in first\r\n-ERR Log in first\r\n-ERR Log in first\r\n"
	    "-ERR Log in first\r\n-ERR Log in first\r\n",
	    NULL },
	{ "nonsense", TALK_TLS, "\r\n \r\nX\r\nCAPAX\r\n",
	    "-ERR Unknown command\r\n-ERR Unknown command\r\n"
	    "-ERR Unknown command\r\n-ERR Unknown command\r\n",
	    NULL },
	{ "no APOP", TALK_TLS, "APOP a 0123\r\n",
	    "-ERR APOP is not offered\r\n", NULL },
};

static void
greeting(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);
	struct gate_login l;

	talk_begin(&l, &gate_pop3, TALK_FAR, false);
	gate_login_greet(&l, &out);
	tap_ok(view_eq(buf_view(&out), VIEW_LIT("+OK POP3 server ready\r\n")),
	    "no <> in the greeting when there is no APOP");
	gate_login_fini(&l);
}

/* Spaces are a password's own, also the first and the last. */
static void
passwords(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);
	struct gate_login l;

	talk_begin(&l, &gate_pop3, TALK_TLS, false);
	tap_ok(talk_one(&l, "USER me\r\nPASS  a b  \r\n", &out) ==
		GATE_LOGIN_START,
	    "PASS begins an exchange");
	tap_ok(strcmp(l.mech, "PLAIN") == 0 && l.by_password &&
		view_eq(buf_view(&l.secret), VIEW_LIT("me\0me\0 a b  ")),
	    "of PLAIN, with the whole password");
	tap_ok(view_eq(gate_login_msg(&l).command, VIEW_LIT("PASS")) &&
		gate_login_msg(&l).tag.n == 0,
	    "and a session hears of it");
	gate_login_fini(&l);
}

/* What RFC 5034 says of initial responses. */
static void
initial(void)
{
	static const struct {
		const char *line, *secret;
		bool has;
	} cases[] = { { "AUTH PLAIN\r\n", "", false },
		{ "AUTH PLAIN =\r\n", "", true },
		{ "AUTH PLAIN YQ==\r\n", "a", true } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf out = BUF_INIT(4096);
		struct gate_login l;

		talk_begin(&l, &gate_pop3, TALK_TLS, false);
		tap_ok(talk_one(&l, cases[i].line, &out) == GATE_LOGIN_START &&
			l.has_initial == cases[i].has && out.n == 0 &&
			view_eq(buf_view(&l.secret), view_str(cases[i].secret)),
		    "initial response %zu", i);
		gate_login_fini(&l);
	}
}

static void
failures(void)
{
	static const struct {
		enum msg_auth_code code;
		const char *want;
	} cases[] = {
		{ MSG_AUTH_AUTHENTICATIONFAILED, "-ERR [AUTH] why\r\n" },
		{ MSG_AUTH_PRIVACYREQUIRED, "-ERR [AUTH] why\r\n" },
		{ MSG_AUTH_UNAVAILABLE, "-ERR [SYS/TEMP] why\r\n" },
		{ MSG_AUTH_EXPIRED, "-ERR [AUTH] why\r\n" },
		{ MSG_AUTH_CONTACTADMIN, "-ERR [SYS/PERM] why\r\n" },
		{ MSG_AUTH_BAD, "-ERR why\r\n" },
		{ MSG_AUTH_AUTHORIZATIONFAILED, "-ERR [AUTH] why\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf out = BUF_INIT(4096);
		struct gate_login l;

		talk_begin(&l, &gate_pop3, TALK_TLS, false);
		(void)!talk_one(&l, "AUTH PLAIN =\r\n", &out);
		gate_login_fail(&l, cases[i].code, VIEW_LIT("why"), &out);
		tap_ok(view_eq(buf_view(&out), view_str(cases[i].want)),
		    "code %d", (int)cases[i].code);
		gate_login_fini(&l);
	}
}

/* A name, a password, a line: at the limit and one past. */
static void
limits(void)
{
	static const struct {
		const char *head;
		size_t n;
		enum gate_login_result want;
		const char *answer;
	} cases[] = {
		{ "USER ", LIMITS_USER, GATE_LOGIN_AGAIN, "+OK " },
		{ "USER ", LIMITS_USER + 1, GATE_LOGIN_AGAIN, "-ERR [AUTH]" },
		{ "USER a\r\nPASS ", LIMITS_PASSWORD, GATE_LOGIN_START, "" },
		{ "USER a\r\nPASS ", LIMITS_PASSWORD + 1, GATE_LOGIN_AGAIN,
		    "-ERR [AUTH]" },
		{ "XYZ ", LIMITS_LINE_PRELOGIN - 6, GATE_LOGIN_AGAIN,
		    "-ERR Unknown" },
		{ "XYZ ", LIMITS_LINE_PRELOGIN - 3, GATE_LOGIN_AGAIN,
		    "-ERR Line too long" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf in = BUF_INIT(65536), out = BUF_INIT(65536);
		enum gate_login_result r = GATE_LOGIN_AGAIN;
		struct gate_login l;
		struct view v;
		size_t had = 0;

		buf_put_str(&in, cases[i].head);
		for (size_t k = 0; k < cases[i].n; k++)
			buf_put_byte(&in, 'a');
		buf_put_str(&in, "\r\n");
		v = buf_view(&in);
		talk_begin(&l, &gate_pop3, TALK_TLS, false);
		while (v.n > 0 &&
		    (r == GATE_LOGIN_AGAIN || r == GATE_LOGIN_MORE)) {
			had = out.n;
			r = gate_login_feed(&l, &v, &out);
		}
		/* RFC 2449 section 4 */
		tap_ok(r == cases[i].want && out.n - had <= 512 &&
			view_starts(view_sub(buf_view(&out), had, out.n),
			    view_str(cases[i].answer)),
		    "limit %zu: %d", i, (int)r);
		gate_login_fini(&l);
	}
}

static void
bads(void)
{
	AUTO_BUF struct buf out = BUF_INIT(65536);
	enum gate_login_result r = GATE_LOGIN_AGAIN;
	struct gate_login l;
	int n = 0;

	talk_begin(&l, &gate_pop3, TALK_TLS, false);
	for (; n <= GATE_LOGIN_BADS_MAX && r == GATE_LOGIN_AGAIN; n++) {
		buf_clear(&out);
		r = talk_one(&l, "XYZ\r\n", &out);
	}
	tap_ok(n == GATE_LOGIN_BADS_MAX + 1 && r == GATE_LOGIN_BYE &&
		view_eq(
		    buf_view(&out), VIEW_LIT("-ERR Too many bad commands\r\n")),
	    "the end after %d bad commands", n);
	gate_login_fini(&l);
}

static int
by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* The nonces of a million greetings are all different. */
#define GREETINGS 1000000
static void
challenges(void)
{
	char(*nonce)[32] = calloc(GREETINGS, sizeof(*nonce));
	bool form = true, unique = true;

	for (size_t i = 0; nonce != NULL && i < GREETINGS; i++) {
		AUTO_BUF struct buf out = BUF_INIT(4096);
		struct gate_login l;

		talk_begin(&l, &gate_pop3, TALK_FAR, true);
		gate_login_greet(&l, &out);
		form = form && strlen(l.apop) == 2 + 32 + 17 &&
		    l.apop[0] == '<' &&
		    strcmp(l.apop + 33, "@mail.example.org>") == 0;
		memcpy(nonce[i], l.apop + 1, 32);
		gate_login_fini(&l);
	}
	tap_ok(nonce != NULL && form, "challenges are msg-ids");
	qsort(nonce, GREETINGS, sizeof(*nonce), by_bytes);
	for (size_t i = 1; i < GREETINGS; i++)
		unique = unique && memcmp(nonce[i - 1], nonce[i], 32) != 0;
	tap_ok(unique, "no two are the same");
	free(nonce);
}

static void
apop(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096), want = BUF_INIT(4096);
	struct gate_login l;

	talk_begin(&l, &gate_pop3, TALK_FAR, true);
	gate_login_greet(&l, &out);
	buf_printf(&want, "+OK POP3 server ready %s\r\n", l.apop);
	tap_ok(view_eq(buf_view(&out), buf_view(&want)), "APOP's greeting");
	tap_ok(talk_one(&l, "APOP sengoku 0123\r\n", &out) == GATE_LOGIN_START,
	    "APOP begins an exchange");
	buf_clear(&want);
	buf_put_str(&want, l.apop);
	buf_put(&want,
	    VIEW_LIT("\0sengoku\0"
		     "0123"));
	tap_ok(strcmp(l.mech, "APOP") == 0 && l.has_initial && !l.by_password &&
		view_eq(buf_view(&l.secret), buf_view(&want)),
	    "with all that auth needs");
	gate_login_fini(&l);
	talk_begin(&l, &gate_pop3, TALK_FAR, true);
	tap_ok(talk_one(&l, "AUTH APOP\r\n", &out) == GATE_LOGIN_AGAIN,
	    "not by AUTH");
	gate_login_fini(&l);
}

static void
last_words(void)
{
	AUTO_BUF struct buf out = BUF_INIT(4096);

	gate_login_bye(&gate_pop3, false, GATE_LOGIN_ENDS, "late", &out);
	tap_ok(out.n == 0, "unasked nothing is said");
	gate_login_bye(&gate_pop3, true, GATE_LOGIN_UNAVAILABLE, "full", &out);
	tap_ok(view_eq(buf_view(&out), VIEW_LIT("-ERR [SYS/TEMP] full\r\n")),
	    "a refusal in place of the greeting");
}

int
main(void)
{
	talk_setup();
	greeting();
	talk_all(&gate_pop3, talks, sizeof(talks) / sizeof(talks[0]));
	passwords();
	initial();
	failures();
	limits();
	bads();
	apop();
	challenges();
	last_words();
	return tap_done();
}
