#include "proc/gate_login.h"

#include <assert.h>

#include "base/arena.h"
#include "base/base64.h"
#include "imap/response.h"

/*
 * Two tables of commands, before and after TLS; what is in neither cannot be
 * reached before login at all (imap/command.c refuses it by its name). Answers
 * are short, so a client that never reads is stopped by the bound of out.
 */
typedef enum gate_login_result login_fn(
    struct gate_login *l, const struct command *c, struct buf *out);

/* ---- offers ---- */

static bool
is_mech_char(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_';
}

/* The next word of a list; n 0 at its end. */
static struct view
next_word(struct view *list)
{
	struct view w = { list->p, 0 };

	while (w.n < list->n && list->p[w.n] != ' ')
		w.n++;
	view_skip(list, w.n);
	if (list->n > 0)
		view_skip(list, 1);
	return w;
}

static bool
is_offer(struct view v)
{
	bool ends_well = v.n == 0 || v.p[v.n - 1] != ' ';

	while (v.n > 0) {
		struct view w = next_word(&v);

		if (w.n == 0 || w.n > MSG_AUTH_MECH_MAX)
			return false;
		for (size_t i = 0; i < w.n; i++)
			if (!is_mech_char(w.p[i]))
				return false;
	}
	return ends_well;
}

static void
keep(char *to, struct view v)
{
	if (v.n > 0)
		memcpy(to, v.p, v.n);
	to[v.n] = '\0';
}

bool
gate_offer_set(struct gate_offer *o, const struct msg_auth_offer *m)
{
	if (m->tls.n > MSG_AUTH_OFFER_MAX || m->plain.n > MSG_AUTH_OFFER_MAX ||
	    m->loopback.n > MSG_AUTH_OFFER_MAX || !is_offer(m->tls) ||
	    !is_offer(m->plain) || !is_offer(m->loopback))
		return false;
	keep(o->tls, m->tls);
	keep(o->plain, m->plain);
	keep(o->loopback, m->loopback);
	o->login_plain = m->login_plain;
	o->login_loopback = m->login_loopback;
	o->known = true;
	return true;
}

static struct view
mechanisms(const struct gate_login *l)
{
	return view_str(l->tls ? l->offer->tls
		: l->loopback  ? l->offer->loopback
			       : l->offer->plain);
}

static bool
may_login(const struct gate_login *l)
{
	if (l->tls)
		return *l->offer->tls != '\0';
	return l->loopback ? l->offer->login_loopback : l->offer->login_plain;
}

static bool
is_in(struct view list, struct view mech)
{
	while (list.n > 0)
		if (view_eq_ci(next_word(&list), mech))
			return true;
	return false;
}

/* ---- answers ---- */

static void
put_capabilities(const struct gate_login *l, struct buf *out)
{
	struct view list = mechanisms(l);

	buf_put_str(out, "CAPABILITY IMAP4rev1 IMAP4rev2 ID LITERAL+ SASL-IR");
	if (l->starttls && !l->tls)
		buf_put_str(out, " STARTTLS");
	if (!may_login(l))
		buf_put_str(out, " LOGINDISABLED");
	while (list.n > 0) {
		buf_put_str(out, " AUTH=");
		buf_put(out, next_word(&list));
	}
}

void
gate_login_greet(const struct gate_login *l, struct buf *out)
{
	buf_put_str(out, "* OK [");
	put_capabilities(l, out);
	buf_printf(out, "] %s ready\r\n", l->name);
}

void
gate_login_bye(struct buf *out, const char *text)
{
	response_statusf(out, VIEW_LIT(""), RESPONSE_BYE, "%s", text);
}

static enum gate_login_result
too_many_bads(struct gate_login *l, struct buf *out)
{
	if (++l->bads <= GATE_LOGIN_BADS_MAX)
		return GATE_LOGIN_AGAIN;
	gate_login_bye(out, "Too many bad commands");
	return GATE_LOGIN_BYE;
}

static enum gate_login_result
bad(struct gate_login *l, struct view tag, const char *text, struct buf *out)
{
	response_status(out, tag, RESPONSE_BAD, NULL, text);
	return too_many_bads(l, out);
}

static enum gate_login_result
ok(const struct command *c, struct buf *out)
{
	response_statusf(
	    out, c->tag, RESPONSE_OK, "%s completed", command_name(c->kind));
	return GATE_LOGIN_AGAIN;
}

/* ---- commands ---- */

static enum gate_login_result
on_capability(struct gate_login *l, const struct command *c, struct buf *out)
{
	buf_put_str(out, "* ");
	put_capabilities(l, out);
	buf_put_str(out, "\r\n");
	return ok(c, out);
}

static enum gate_login_result
on_noop(struct gate_login *l, const struct command *c, struct buf *out)
{
	(void)l;
	return ok(c, out);
}

static enum gate_login_result
on_logout(struct gate_login *l, const struct command *c, struct buf *out)
{
	(void)l;
	gate_login_bye(out, "Logging out");
	(void)ok(c, out);
	return GATE_LOGIN_BYE;
}

/* What helps to know a client by, and no more of it than fits. */
static void
note(struct gate_login *l, const struct command_id *id)
{
	static const char *const wanted[] = { "name", "version", "os" };

	buf_clear(&l->note);
	for (size_t i = 0; i < id->n; i++)
		for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++)
			if (view_eq_ci(
				id->fields[i].name, view_str(wanted[k]))) {
				if (l->note.n > 0)
					buf_put_byte(&l->note, ' ');
				buf_put(&l->note,
				    view_sub(id->fields[i].value, 0,
					GATE_LOGIN_ID_VALUE_MAX));
			}
}

static enum gate_login_result
on_id(struct gate_login *l, const struct command *c, struct buf *out)
{
	static const struct command_id_field ours[] = {
		{ .name = VIEW_LIT("name"), .value = VIEW_LIT("fumi") },
	};

	response_id(out, ours, 1);
	(void)ok(c, out);
	if (l->noted || c->u.id.n == 0)
		return GATE_LOGIN_AGAIN;
	l->noted = true;
	note(l, &c->u.id);
	return GATE_LOGIN_NOTE;
}

static enum gate_login_result
on_starttls(struct gate_login *l, const struct command *c, struct buf *out)
{
	if (!l->starttls)
		return bad(l, c->tag, "TLS is not available here", out);
	response_status(out, c->tag, RESPONSE_OK, NULL, "Begin TLS now");
	return GATE_LOGIN_STARTTLS;
}

static enum gate_login_result
on_starttls_again(
    struct gate_login *l, const struct command *c, struct buf *out)
{
	return bad(l, c->tag, "TLS is in force already", out);
}

static enum gate_login_result
no(struct gate_login *l, const struct command *c, const char *code,
    const char *text, struct buf *out)
{
	response_status(out, c->tag, RESPONSE_NO, code, text);
	return too_many_bads(l, out);
}

static enum gate_login_result
start(struct gate_login *l, const struct command *c, struct view mech)
{
	assert(c->tag.n <= sizeof(l->tag) && mech.n <= MSG_AUTH_MECH_MAX);
	memcpy(l->tag, c->tag.p, c->tag.n);
	l->tag_n = c->tag.n;
	for (size_t i = 0; i < mech.n; i++) {
		uint8_t ch = mech.p[i];

		l->mech[i] = (char)(ch >= 'a' && ch <= 'z' ? ch - 32 : ch);
	}
	l->mech[mech.n] = '\0';
	l->login_command = c->kind == COMMAND_LOGIN;
	l->phase = GATE_LOGIN_WAITS;
	return GATE_LOGIN_START;
}

static enum gate_login_result
on_authenticate(struct gate_login *l, const struct command *c, struct buf *out)
{
	const struct command_authenticate *a = &c->u.authenticate;

	if (!is_in(mechanisms(l), a->mechanism)) {
		if (!l->tls && is_in(view_str(l->offer->tls), a->mechanism))
			return no(
			    l, c, "PRIVACYREQUIRED", "Begin TLS first", out);
		return no(l, c, "CANNOT", "Mechanism is not offered", out);
	}
	buf_clear(&l->secret);
	l->has_initial = a->has_initial;
	if (!base64_decode(a->initial, &l->secret))
		return bad(l, c->tag, "Initial response is not base64", out);
	return start(l, c, a->mechanism);
}

/* As SASL PLAIN (RFC 4616): authorised as whom one logs in. */
static enum gate_login_result
on_login(struct gate_login *l, const struct command *c, struct buf *out)
{
	const struct command_login *u = &c->u.login;

	if (!may_login(l))
		return no(l, c, "PRIVACYREQUIRED",
		    l->starttls && !l->tls ? "Begin TLS first"
					   : "LOGIN is disabled here",
		    out);
	if ((u->user.n > 0 && memchr(u->user.p, 0, u->user.n) != NULL) ||
	    (u->password.n > 0 &&
		memchr(u->password.p, 0, u->password.n) != NULL))
		return bad(l, c->tag, "NUL in a name or password", out);
	buf_clear(&l->secret);
	buf_put(&l->secret, u->user);
	buf_put_byte(&l->secret, 0);
	buf_put(&l->secret, u->user);
	buf_put_byte(&l->secret, 0);
	buf_put(&l->secret, u->password);
	assert(!l->secret.failed); /* imap/limits.h: far shorter */
	l->has_initial = true;
	return start(l, c, VIEW_LIT("PLAIN"));
}

static login_fn *const plain[COMMAND_KINDS] = {
	[COMMAND_CAPABILITY] = on_capability,
	[COMMAND_NOOP] = on_noop,
	[COMMAND_LOGOUT] = on_logout,
	[COMMAND_ID] = on_id,
	[COMMAND_STARTTLS] = on_starttls,
	[COMMAND_AUTHENTICATE] = on_authenticate,
	[COMMAND_LOGIN] = on_login,
};
static login_fn *const secure[COMMAND_KINDS] = {
	[COMMAND_CAPABILITY] = on_capability,
	[COMMAND_NOOP] = on_noop,
	[COMMAND_LOGOUT] = on_logout,
	[COMMAND_ID] = on_id,
	[COMMAND_STARTTLS] = on_starttls_again,
	[COMMAND_AUTHENTICATE] = on_authenticate,
	[COMMAND_LOGIN] = on_login,
};

_Static_assert(2 * LIMITS_USER + LIMITS_PASSWORD + 2 <= MSG_AUTH_RESPONSE_MAX,
    "a LOGIN fits where a response does");
_Static_assert(LIMITS_TAG <= MSG_TAG_MAX, "a tag fits into a hand-over");
_Static_assert(
    LIMITS_MECHANISM <= MSG_AUTH_MECH_MAX, "a mechanism's name fits");
_Static_assert(LIMITS_LINE_PRELOGIN <= MSG_AUTH_RESPONSE_MAX,
    "what base64 on one line decodes to fits");

/* ---- input ---- */

/* Passwords do not stay in freed memory. */
static void
wipe_text(struct gate_login *l)
{
	struct view v = frame_text(&l->frame);

	if (v.n > 0)
		explicit_bzero((void *)(uintptr_t)v.p, v.n);
}

static enum gate_login_result
run_command(struct gate_login *l, struct buf *out)
{
	AUTO_ARENA struct arena *a = arena_new(GATE_LOGIN_ARENA);
	struct command_opts opts = { .state = COMMAND_STATE_NONE };
	struct command c;
	struct why w;

	switch (command_parse(frame_text(&l->frame), &opts, a, &c, &w)) {
	case COMMAND_OK:
		return (l->tls ? secure : plain)[c.kind](l, &c, out);
	case COMMAND_BAD:
	case COMMAND_UNKNOWN:
	case COMMAND_STATE:
		break;
	case COMMAND_LIMIT:
		response_status(out, c.tag, RESPONSE_NO, "LIMIT", w.text);
		return too_many_bads(l, out);
	}
	return bad(l, c.tag, w.text, out);
}

static enum gate_login_result
on_literal(struct gate_login *l, struct buf *out)
{
	bool sync = l->frame.literal.sync;
	struct view tag = frame_tag(frame_text(&l->frame));

	if (frame_inline(&l->frame)) {
		if (sync)
			response_continue(out, VIEW_LIT("OK"));
		return GATE_LOGIN_AGAIN;
	}
	if (l->frame.literal.size == UINT64_MAX && !sync) {
		gate_login_bye(out, "Literal too large");
		return GATE_LOGIN_BYE;
	}
	response_status(out, tag, RESPONSE_NO, "LIMIT", "Literal too large");
	frame_refuse(&l->frame);
	return too_many_bads(l, out);
}

static enum gate_login_result
feed_command(struct gate_login *l, struct view *in, struct buf *out)
{
	enum gate_login_result r;

	switch (frame_feed(&l->frame, in)) {
	case FRAME_MORE:
		return GATE_LOGIN_MORE;
	case FRAME_LITERAL:
		return on_literal(l, out);
	case FRAME_DONE:
		r = run_command(l, out);
		wipe_text(l);
		return r;
	case FRAME_TOO_LONG:
		break;
	case FRAME_NUL:
		return bad(l, frame_tag(frame_text(&l->frame)),
		    "NUL in a command line", out);
	}
	return bad(
	    l, frame_tag(frame_text(&l->frame)), "Command line too long", out);
}

/* The exchange is over by the client's doing. */
static enum gate_login_result
give_up(struct gate_login *l, const char *text, struct buf *out)
{
	l->phase = GATE_LOGIN_COMMANDS;
	response_status(out, gate_login_tag(l), RESPONSE_BAD, NULL, text);
	if (too_many_bads(l, out) == GATE_LOGIN_BYE)
		return GATE_LOGIN_BYE;
	return GATE_LOGIN_CANCEL;
}

static enum gate_login_result
take_response(struct gate_login *l, struct buf *out)
{
	struct view text = frame_text(&l->frame);
	bool good;

	if (view_eq(text, VIEW_LIT("*")))
		return give_up(l, "Authentication cancelled", out);
	buf_clear(&l->secret);
	good = base64_decode(text, &l->secret);
	wipe_text(l);
	if (!good)
		return give_up(l, "Response is not base64", out);
	l->phase = GATE_LOGIN_WAITS;
	return GATE_LOGIN_CONTINUE;
}

static enum gate_login_result
feed_response(struct gate_login *l, struct view *in, struct buf *out)
{
	switch (frame_line(&l->frame, in)) {
	case FRAME_MORE:
		return GATE_LOGIN_MORE;
	case FRAME_DONE:
		return take_response(l, out);
	case FRAME_TOO_LONG:
	case FRAME_NUL:
	case FRAME_LITERAL:
		break;
	}
	return give_up(l, "Response is too long or not base64", out);
}

enum gate_login_result
gate_login_feed(struct gate_login *l, struct view *in, struct buf *out)
{
	assert(l->phase != GATE_LOGIN_WAITS);
	if (l->phase == GATE_LOGIN_CHALLENGED)
		return feed_response(l, in, out);
	return feed_command(l, in, out);
}

/* ---- what auth and hub say ---- */

void
gate_login_challenge(
    struct gate_login *l, struct view challenge, struct buf *out)
{
	AUTO_BUF struct buf b = BUF_INIT(BASE64_SIZE(MSG_AUTH_CHALLENGE_MAX));

	assert(l->phase == GATE_LOGIN_WAITS);
	base64_encode(challenge, &b);
	response_continue(out, buf_view(&b));
	l->phase = GATE_LOGIN_CHALLENGED;
}

static const char *
code_name(enum msg_auth_code code)
{
	switch (code) {
	case MSG_AUTH_AUTHENTICATIONFAILED:
		return "AUTHENTICATIONFAILED";
	case MSG_AUTH_PRIVACYREQUIRED:
		return "PRIVACYREQUIRED";
	case MSG_AUTH_UNAVAILABLE:
		return "UNAVAILABLE";
	case MSG_AUTH_EXPIRED:
		return "EXPIRED";
	case MSG_AUTH_CONTACTADMIN:
		return "CONTACTADMIN";
	case MSG_AUTH_AUTHORIZATIONFAILED:
		return "AUTHORIZATIONFAILED";
	case MSG_AUTH_BAD:
		break;
	}
	return NULL;
}

static void
answer(struct gate_login *l, enum response_condition c, const char *code,
    struct view text, struct buf *out)
{
	char t[MSG_TEXT_MAX + 1];

	assert(l->phase == GATE_LOGIN_WAITS && text.n <= MSG_TEXT_MAX);
	keep(t, text);
	response_status(out, gate_login_tag(l), c, code, t);
	l->phase = GATE_LOGIN_COMMANDS;
}

void
gate_login_fail(struct gate_login *l, enum msg_auth_code code, struct view text,
    struct buf *out)
{
	answer(l, code == MSG_AUTH_BAD ? RESPONSE_BAD : RESPONSE_NO,
	    code_name(code), text, out);
}

void
gate_login_refused(
    struct gate_login *l, const char *code, struct view text, struct buf *out)
{
	answer(l, RESPONSE_NO, code, text, out);
}

/* ---- life ---- */

void
gate_login_init(struct gate_login *l, const struct gate_offer *offer,
    const char *name, bool tls, bool starttls, bool loopback)
{
	*l = (struct gate_login){ .offer = offer,
		.name = name,
		.tls = tls,
		.starttls = starttls,
		.loopback = loopback };
	frame_init(&l->frame, FRAME_COMMAND, LIMITS_LINE_PRELOGIN,
	    LIMITS_LITERAL_PRELOGIN);
	buf_init(&l->secret, MSG_AUTH_RESPONSE_MAX);
	buf_init(&l->note, GATE_LOGIN_NOTE_MAX + 3);
}

void
gate_login_wipe(struct gate_login *l)
{
	if (l->secret.p != NULL)
		explicit_bzero(l->secret.p, l->secret.cap);
	buf_fini(&l->secret);
}

void
gate_login_fini(struct gate_login *l)
{
	gate_login_wipe(l);
	wipe_text(l);
	buf_fini(&l->note);
	frame_fini(&l->frame);
}

void
gate_login_secured(struct gate_login *l)
{
	frame_reset(&l->frame);
	l->tls = true;
	l->noted = false;
}
