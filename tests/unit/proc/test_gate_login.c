#include "proc/gate_login.h"

#include "base/arena.h"
#include "tap.h"

/*
 * IMAP before login without any socket: what is offered where, what comes at
 * once and byte by byte, and every prefix.
 */
static struct gate_offer offer;

static struct msg_auth_offer
usual(void)
{
	return (struct msg_auth_offer){
		.tls = VIEW_LIT("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"),
		.plain = VIEW_LIT("SCRAM-SHA-256"),
		.loopback = VIEW_LIT("SCRAM-SHA-256 PLAIN"),
		.login_loopback = true,
	};
}

static void
begin(struct gate_login *l, const char *name, bool tls, bool starttls,
    bool loopback)
{
	struct gate_login_opts o = { .protocol = &gate_imap,
		.offer = &offer,
		.name = name,
		.tls = tls,
		.starttls = starttls,
		.loopback = loopback };

	gate_login_init(l, &o);
}

static void
offers(void)
{
	static const struct {
		const char *name, *list;
		bool want;
	} cases[] = { { "nothing", "", true }, { "one", "PLAIN", true },
		{ "all characters", "A0-_Z X", true },
		{ "longest", "ABCDEFGHIJKLMNOPQRST", true },
		{ "too long", "ABCDEFGHIJKLMNOPQRSTU", false },
		{ "space in front", " PLAIN", false },
		{ "space behind", "PLAIN ", false },
		{ "two spaces", "PLAIN  LOGIN", false },
		{ "lower case", "plain", false },
		{ "line end", "PLAIN\r\nX", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_auth_offer m = { .plain = view_str(cases[i].list) };
		struct gate_offer o = { 0 };

		tap_ok(gate_offer_set(&o, &m) == cases[i].want &&
			o.known == cases[i].want,
		    "offer: %s", cases[i].name);
	}
}

static void
capabilities(void)
{
	static const struct {
		bool tls, starttls, loopback;
		const char *want;
	} cases[] = {
		{ false, false, false, " LOGINDISABLED AUTH=SCRAM-SHA-256" },
		{ false, true, false,
		    " STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256" },
		{ false, true, true,
		    " STARTTLS AUTH=SCRAM-SHA-256 AUTH=PLAIN" },
		{ true, true, false,
		    " AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf out = BUF_INIT(4096), want = BUF_INIT(4096);
		struct gate_login l;

		begin(&l, "mail.example.org", cases[i].tls, cases[i].starttls,
		    cases[i].loopback);
		gate_login_greet(&l, &out);
		buf_printf(&want,
		    "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ID LITERAL+ "
		    "SASL-IR%s] mail.example.org ready\r\n",
		    cases[i].want);
		tap_ok(view_eq(buf_view(&out), buf_view(&want)), "greeting %zu",
		    i);
		gate_login_fini(&l);
	}
}

/* Commands with their answers; auth always says no. */
static const struct {
	const char *name, *in, *want;
} talks[] = {
	{ "NOOP", "a noop\r\n", "a OK NOOP completed\r\n" },
	{ "bare LF", "a noop\n", "a OK NOOP completed\r\n" },
	{ "CAPABILITY", "a CAPABILITY\r\n",
	    "* CAPABILITY IMAP4rev1 IMAP4rev2 ID LITERAL+ SASL-IR STARTTLS "
	    "AUTH=SCRAM-SHA-256 AUTH=PLAIN\r\na OK CAPABILITY completed\r\n" },
	{ "ID", "a id (\"name\" \"x\" \"version\" NIL)\r\n",
	    "* ID (\"name\" \"fumi\")\r\na OK ID completed\r\n" },
	{ "LOGOUT", "a logout\r\n",
	    "* BYE Logging out\r\na OK LOGOUT completed\r\n" },
	{ "LOGIN", "a login u p\r\n", "a NO [AUTHENTICATIONFAILED] no\r\n" },
	{ "LOGIN with literals", "a login {1}\r\nu {1+}\r\np\r\n",
	    "+ OK\r\na NO [AUTHENTICATIONFAILED] no\r\n" },
	{ "AUTHENTICATE", "a authenticate PLAIN AHUAcA==\r\n",
	    "a NO [AUTHENTICATIONFAILED] no\r\n" },
	{ "bad initial response", "a authenticate PLAIN AHUAcA\r\n",
	    "a BAD Initial response is not base64\r\n" },
	{ "empty line", "\r\n", NULL },
	{ "no command", "a\r\n", NULL },
	{ "after login", "a select inbox\r\n",
	    "a BAD SELECT: log in first at byte 9\r\n" },
	{ "unknown", "a xyzzy\r\n", NULL },
	{ "literal of another command", "a append x {5}\r\nabcde\r\n", NULL },
};

/* Answers to v in pieces of step bytes; *more: the last result was MORE. */
static void
run(struct view v, size_t step, struct buf *out, bool *more)
{
	struct gate_login l;

	*more = true;
	begin(&l, "fumi", false, true, true);
	while (v.n > 0) {
		struct view in = view_sub(v, 0, step);
		size_t before = in.n;
		enum gate_login_result r = gate_login_feed(&l, &in, out);

		view_skip(&v, before - in.n);
		*more = r == GATE_LOGIN_MORE;
		if (r == GATE_LOGIN_START || r == GATE_LOGIN_CONTINUE)
			gate_login_fail(&l, MSG_AUTH_AUTHENTICATIONFAILED,
			    VIEW_LIT("no"), out);
		if (r == GATE_LOGIN_BYE)
			break;
	}
	gate_login_fini(&l);
}

static void
conversations(void)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		AUTO_BUF struct buf a = BUF_INIT(65536), b = BUF_INIT(65536);
		struct view in = view_str(talks[i].in);
		bool more, ok = true;

		run(in, SIZE_MAX, &a, &more);
		run(in, 1, &b, &more);
		buf_put_byte(&a, 0);
		tap_ok(talks[i].want != NULL
			? strcmp((const char *)a.p, talks[i].want) == 0
			: strstr((const char *)a.p, " BAD ") != NULL,
		    "%s", talks[i].name);
		a.n--;
		tap_ok(view_eq(buf_view(&a), buf_view(&b)), "byte by byte");
		for (size_t n = 0; n < in.n; n++) {
			AUTO_BUF struct buf c = BUF_INIT(65536);

			run(view_sub(in, 0, n), SIZE_MAX, &c, &more);
			ok = ok && c.n <= a.n &&
			    view_starts(buf_view(&a), buf_view(&c));
		}
		tap_ok(ok, "every prefix says no more than the whole");
	}
}

/* The line of a response may be as long as a command, and no longer. */
static void
responses(size_t n, bool good)
{
	AUTO_BUF struct buf out = BUF_INIT(65536), in = BUF_INIT(65536);
	enum gate_login_result r;
	struct gate_login l;
	struct view v = VIEW_LIT("a authenticate plain\r\n");

	begin(&l, "fumi", false, true, true);
	tap_ok(gate_login_feed(&l, &v, &out) == GATE_LOGIN_START &&
		l.phase == GATE_LOGIN_WAITS && !l.has_initial,
	    "START");
	gate_login_challenge(&l, VIEW_LIT(""), &out);
	while (in.n < n)
		buf_put_byte(&in, 'A');
	buf_put_str(&in, "\r\n");
	v = buf_view(&in);
	do
		r = gate_login_feed(&l, &v, &out);
	while (r == GATE_LOGIN_MORE && v.n > 0);
	tap_ok(r == (good ? GATE_LOGIN_CONTINUE : GATE_LOGIN_CANCEL),
	    "a response of %zu bytes", n);
	if (good)
		tap_ok(l.secret.n == n / 4 * 3, "decoded");
	gate_login_wipe(&l);
	tap_ok(l.secret.p == NULL, "and wiped");
	gate_login_fini(&l);
}

static void
codes(void)
{
	static const struct {
		enum msg_auth_code code;
		const char *want;
	} cases[] = {
		{ MSG_AUTH_AUTHENTICATIONFAILED,
		    "a NO [AUTHENTICATIONFAILED] why\r\n" },
		{ MSG_AUTH_PRIVACYREQUIRED, "a NO [PRIVACYREQUIRED] why\r\n" },
		{ MSG_AUTH_UNAVAILABLE, "a NO [UNAVAILABLE] why\r\n" },
		{ MSG_AUTH_EXPIRED, "a NO [EXPIRED] why\r\n" },
		{ MSG_AUTH_CONTACTADMIN, "a NO [CONTACTADMIN] why\r\n" },
		{ MSG_AUTH_BAD, "a BAD why\r\n" },
		{ MSG_AUTH_AUTHORIZATIONFAILED,
		    "a NO [AUTHORIZATIONFAILED] why\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf out = BUF_INIT(4096);
		struct view in = VIEW_LIT("a login u p\r\n");
		struct gate_login l;

		begin(&l, "fumi", true, true, true);
		(void)!gate_login_feed(&l, &in, &out);
		gate_login_fail(&l, cases[i].code, VIEW_LIT("why"), &out);
		tap_ok(view_eq(buf_view(&out), view_str(cases[i].want)),
		    "code %d", (int)cases[i].code);
		gate_login_fini(&l);
	}
}

int
main(void)
{
	struct msg_auth_offer m = usual();

	tap_ok(gate_offer_set(&offer, &m), "the usual offer");
	offers();
	capabilities();
	conversations();
	/* the line end counts */
	responses(LIMITS_LINE_PRELOGIN - 4, true);
	responses(LIMITS_LINE_PRELOGIN, false);
	codes();
	return tap_done();
}
