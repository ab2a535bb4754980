#include "base/num.h"
#include "proc/gate_protocol.h"
#include "session/managesieve.h"
#include "session/managesieve_command.h"

/*
 * ManageSieve before login (RFC 5804 section 2). The framer of IMAP does for it
 * too: a line, and literals where one is announced at its end; only those that
 * wait for nobody ("{5+}") may come from a client.
 */
#define ARGS_MAX 2

struct sieve_line {
	struct view arg[ARGS_MAX]; /* strings, undone */
	size_t n;
};
typedef enum gate_login_result sieve_fn(
    struct gate_login *l, const struct sieve_line *line, struct buf *out);

/* ---- answers ---- */

/* word: "OK", "NO (TRYLATER)" and the like. */
static void
put_answer(const char *word, const char *text, struct buf *out)
{
	buf_put_str(out, word);
	buf_put_byte(out, ' ');
	managesieve_put_string(out, view_str(text));
	buf_put_str(out, "\r\n");
}

static enum gate_login_result
ok(const char *text, struct buf *out)
{
	put_answer("OK", text, out);
	return GATE_LOGIN_AGAIN;
}

static enum gate_login_result
no(struct gate_login *l, const char *word, const char *text, struct buf *out)
{
	put_answer(word, text, out);
	if (!gate_login_bad(l))
		return GATE_LOGIN_AGAIN;
	put_answer("BYE", "Too many bad commands", out);
	return GATE_LOGIN_BYE;
}

static void
put_capabilities(const struct gate_login *l, struct buf *out)
{
	const struct managesieve_settings set = {
		.disabled = l->o.sieve_disabled,
		.n_disabled = l->o.n_sieve_disabled,
		.mechanisms = gate_login_mechanisms(l),
	};

	managesieve_capabilities_put(
	    out, &set, l->o.starttls && !l->o.tls, (struct view){ NULL, 0 });
}

/* ---- commands ---- */

static enum gate_login_result
on_capability(
    struct gate_login *l, const struct sieve_line *line, struct buf *out)
{
	(void)line;
	put_capabilities(l, out);
	return ok("Capability completed", out);
}

static enum gate_login_result
on_noop(struct gate_login *l, const struct sieve_line *line, struct buf *out)
{
	(void)l;
	if (line->n == 0)
		return ok("Noop completed", out);
	buf_put_str(out, "OK (TAG ");
	managesieve_put_string(out, line->arg[0]);
	buf_put_str(out, ") \"Noop completed\"\r\n");
	return GATE_LOGIN_AGAIN;
}

static enum gate_login_result
on_logout(struct gate_login *l, const struct sieve_line *line, struct buf *out)
{
	(void)l;
	(void)line;
	(void)ok("Logout completed", out);
	return GATE_LOGIN_BYE;
}

static enum gate_login_result
on_starttls(
    struct gate_login *l, const struct sieve_line *line, struct buf *out)
{
	(void)line;
	if (l->o.tls)
		return no(l, "NO", "TLS is in force already", out);
	if (!l->o.starttls)
		return no(l, "NO", "TLS is not available here", out);
	(void)ok("Begin TLS now", out);
	return GATE_LOGIN_STARTTLS;
}

/* An initial response where the server speaks first is refused (RFC 5804
 * section 2.1). */
static enum gate_login_result
on_authenticate(
    struct gate_login *l, const struct sieve_line *line, struct buf *out)
{
	bool has_initial = line->n > 1;

	switch (gate_login_offered(l, line->arg[0])) {
	case GATE_LOGIN_OFFERED:
		break;
	case GATE_LOGIN_WITH_TLS:
		return no(l, "NO (ENCRYPT-NEEDED)", "Begin TLS first", out);
	case GATE_LOGIN_UNKNOWN:
		return no(l, "NO", "Mechanism is not offered", out);
	}
	if (has_initial && view_eq_ci(line->arg[0], VIEW_LIT("LOGIN")))
		return no(l, "NO", "LOGIN has no initial response", out);
	if (!gate_login_start(l, "AUTHENTICATE", line->arg[0],
		has_initial ? &line->arg[1] : NULL))
		return no(l, "NO", "Initial response is not base64", out);
	return GATE_LOGIN_START;
}

static enum gate_login_result
on_later(struct gate_login *l, const struct sieve_line *line, struct buf *out)
{
	(void)line;
	return no(l, "NO", "Log in first", out);
}

static const struct sieve_command {
	const char *name;
	size_t min, max; /* arguments */
	sieve_fn *fn;
} commands[] = {
	{ "CAPABILITY", 0, 0, on_capability },
	{ "AUTHENTICATE", 1, 2, on_authenticate },
	{ "STARTTLS", 0, 0, on_starttls },
	{ "NOOP", 0, 1, on_noop },
	{ "LOGOUT", 0, 0, on_logout },
};
/* Their arguments are not looked at. */
static const char *const later[] = { "HAVESPACE", "PUTSCRIPT", "LISTSCRIPTS",
	"SETACTIVE", "GETSCRIPT", "DELETESCRIPT", "RENAMESCRIPT", "CHECKSCRIPT",
	"UNAUTHENTICATE" };

/* ---- grammar ---- */

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; undone where it stands, in the frame's
 * own text, so that a password is nowhere else. */
static bool
take_quoted(struct view *in, struct view *out)
{
	struct view v = *in;
	uint8_t *p;
	size_t n = 0;

	if (v.n == 0 || v.p[0] != '"')
		return false;
	view_skip(&v, 1);
	for (p = (void *)(uintptr_t)v.p; v.n > 0 && v.p[0] != '"';
	     view_skip(&v, 1)) {
		if (v.p[0] == '\\')
			view_skip(&v, 1);
		if (v.n == 0 || v.p[0] == '\r' || v.p[0] == '\n')
			return false;
		p[n++] = v.p[0];
	}
	if (v.n == 0)
		return false;
	view_skip(&v, 1);
	*out = (struct view){ p, n };
	*in = v;
	return true;
}

/* literal-c2s, which the framer gives out as "{" number "}" CRLF *OCTET */
static bool
take_literal(struct view *in, struct view *out)
{
	struct view v = *in;
	uint64_t n;

	if (v.n == 0 || v.p[0] != '{')
		return false;
	view_skip(&v, 1);
	if (!num_take(&v, LIMITS_LITERAL_PRELOGIN, &n) ||
	    !view_starts(v, VIEW_LIT("}\r\n")))
		return false;
	view_skip(&v, 3);
	if (v.n < n)
		return false;
	*out = view_sub(v, 0, (size_t)n);
	view_skip(&v, (size_t)n);
	*in = v;
	return true;
}

static bool
take_string(struct view *in, struct view *out)
{
	return take_quoted(in, out) || take_literal(in, out);
}

/* *( 1*SP string ) *SP */
static bool
take_args(struct view v, struct sieve_line *line)
{
	while (v.n > 0) {
		if (v.p[0] != ' ')
			return false;
		while (v.n > 0 && v.p[0] == ' ')
			view_skip(&v, 1);
		if (v.n == 0)
			return true;
		if (line->n == ARGS_MAX ||
		    !take_string(&v, &line->arg[line->n++]))
			return false;
	}
	return true;
}

/* The letters in front. */
static struct view
take_keyword(struct view *in)
{
	struct view w = { in->p, 0 };

	while (w.n < in->n &&
	    ((in->p[w.n] >= 'A' && in->p[w.n] <= 'Z') ||
		(in->p[w.n] >= 'a' && in->p[w.n] <= 'z')))
		w.n++;
	view_skip(in, w.n);
	return w;
}

/* ---- input ---- */

static bool
is_later(struct view word)
{
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (view_eq_ci(word, view_str(later[i])))
			return true;
	return false;
}

static enum gate_login_result
run_command(struct gate_login *l, struct view text, struct buf *out)
{
	struct view word = take_keyword(&text);
	struct sieve_line line = { .n = 0 };

	if (is_later(word))
		return on_later(l, &line, out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!view_eq_ci(word, view_str(commands[i].name)))
			continue;
		if (!take_args(text, &line) || line.n < commands[i].min ||
		    line.n > commands[i].max)
			return no(l, "NO", "Wrong arguments", out);
		return commands[i].fn(l, &line, out);
	}
	return no(l, "NO", "Unknown command", out);
}

/* A literal begins: NULL when it is taken, else why not. */
static const char *
on_literal(struct gate_login *l)
{
	const char *why = "Literal too large";

	if (l->frame.literal.sync)
		why = "Only literals with a plus are taken";
	else if (frame_inline(&l->frame))
		return NULL;
	frame_refuse(&l->frame);
	return why;
}

static enum gate_login_result
refuse_literal(struct gate_login *l, const char *why, struct buf *out)
{
	enum gate_login_result r = no(l, "NO", why, out);

	if (r == GATE_LOGIN_BYE || l->frame.literal.sync ||
	    l->frame.literal.size != UINT64_MAX)
		return r;
	put_answer("BYE", why, out); /* there is no end to it */
	return GATE_LOGIN_BYE;
}

static enum gate_login_result
command(struct gate_login *l, struct view *in, struct buf *out)
{
	enum gate_login_result r;
	const char *why;

	switch (frame_feed(&l->frame, in)) {
	case FRAME_MORE:
		return GATE_LOGIN_MORE;
	case FRAME_LITERAL:
		why = on_literal(l);
		return why == NULL ? GATE_LOGIN_AGAIN
				   : refuse_literal(l, why, out);
	case FRAME_DONE:
		r = run_command(l, frame_text(&l->frame), out);
		gate_login_wipe_text(l);
		return r;
	case FRAME_NUL:
		return no(l, "NO", "NUL in a command line", out);
	case FRAME_TOO_LONG:
		break;
	}
	return no(l, "NO", "Command line too long", out);
}

/* The exchange is over by the client's doing. */
static enum gate_login_result
give_up(struct gate_login *l, const char *text, struct buf *out)
{
	l->phase = GATE_LOGIN_COMMANDS;
	return no(l, "NO", text, out) == GATE_LOGIN_BYE ? GATE_LOGIN_BYE
							: GATE_LOGIN_CANCEL;
}

/* A client's answer is one string. */
static enum gate_login_result
take_response(struct gate_login *l, struct buf *out)
{
	struct view text = frame_text(&l->frame), s;
	bool good = take_string(&text, &s) && text.n == 0;

	if (good && view_eq(s, VIEW_LIT("*")))
		return give_up(l, "Authentication cancelled", out);
	good = good && gate_login_answer(l, s);
	gate_login_wipe_text(l);
	return good ? GATE_LOGIN_CONTINUE
		    : give_up(l, "Response is not base64 in a string", out);
}

static enum gate_login_result
response(struct gate_login *l, struct view *in, struct buf *out)
{
	const char *why;

	switch (frame_feed(&l->frame, in)) {
	case FRAME_MORE:
		return GATE_LOGIN_MORE;
	case FRAME_LITERAL:
		if ((why = on_literal(l)) == NULL)
			return GATE_LOGIN_AGAIN;
		l->phase = GATE_LOGIN_COMMANDS;
		return refuse_literal(l, why, out) == GATE_LOGIN_BYE
		    ? GATE_LOGIN_BYE
		    : GATE_LOGIN_CANCEL;
	case FRAME_DONE:
		return take_response(l, out);
	case FRAME_NUL:
	case FRAME_TOO_LONG:
		break;
	}
	return give_up(l, "Response too long, or NUL in it", out);
}

/* ---- answers ---- */

static void
greet(struct gate_login *l, struct buf *out)
{
	put_capabilities(l, out);
	(void)ok("ManageSieve server ready", out);
}

/* RFC 5804 section 2.2. */
static void
secured(struct gate_login *l, struct buf *out)
{
	put_capabilities(l, out);
	(void)ok("TLS is in force", out);
}

static void
challenge(struct view base64, struct buf *out)
{
	managesieve_put_string(out, base64);
	buf_put_str(out, "\r\n");
}

/* Response codes of RFC 5804 section 1.3. */
static const char *const failures[] = {
	[MSG_AUTH_AUTHENTICATIONFAILED] = "NO",
	[MSG_AUTH_PRIVACYREQUIRED] = "NO (ENCRYPT-NEEDED)",
	[MSG_AUTH_UNAVAILABLE] = "NO (TRYLATER)",
	[MSG_AUTH_EXPIRED] = "NO",
	[MSG_AUTH_CONTACTADMIN] = "NO",
	[MSG_AUTH_BAD] = "NO",
	[MSG_AUTH_AUTHORIZATIONFAILED] = "NO",
};

static void
fail(struct gate_login *l, enum msg_auth_code code, const char *text,
    struct buf *out)
{
	(void)l;
	put_answer(failures[code], text, out);
}

static void
refused(struct gate_login *l, enum gate_login_why why, const char *text,
    struct buf *out)
{
	(void)why;
	fail(l, MSG_AUTH_UNAVAILABLE, text, out);
}

static void
bye(bool asked, enum gate_login_why why, const char *text, struct buf *out)
{
	(void)asked;
	put_answer(
	    why == GATE_LOGIN_ENDS ? "BYE" : "BYE (TRYLATER)", text, out);
}

const struct gate_protocol gate_sieve = {
	.service = MSG_SERVICE_SIEVE,
	.alpn = "managesieve",
	.final_in_ok = true,
	.greet = greet,
	.command = command,
	.response = response,
	.secured = secured,
	.challenge = challenge,
	.fail = fail,
	.refused = refused,
	.bye = bye,
};
