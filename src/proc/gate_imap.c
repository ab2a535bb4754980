#include <assert.h>

#include "base/arena.h"
#include "imap/command.h"
#include "imap/response.h"
#include "proc/gate_protocol.h"

/*
 * IMAP before login. Two tables of commands, before and after TLS; what is in
 * neither cannot be reached before login at all (imap/command.c refuses it by
 * its name). Answers are short, so a client that never reads is stopped by the
 * bound of out.
 */
typedef enum gate_login_result login_fn(
    struct gate_login *l, const struct command *c, struct buf *out);

/* ---- answers ---- */

static void
put_capabilities(const struct gate_login *l, struct buf *out)
{
	struct view list = gate_login_mechanisms(l);

	buf_put_str(out, "CAPABILITY IMAP4rev1 IMAP4rev2 ID LITERAL+ SASL-IR");
	if (l->o.starttls && !l->o.tls)
		buf_put_str(out, " STARTTLS");
	if (!gate_login_may_password(l))
		buf_put_str(out, " LOGINDISABLED");
	while (list.n > 0) {
		buf_put_str(out, " AUTH=");
		buf_put(out, gate_login_next_word(&list));
	}
}

static void
greet(struct gate_login *l, struct buf *out)
{
	buf_put_str(out, "* OK [");
	put_capabilities(l, out);
	buf_printf(out, "] %s ready\r\n", l->o.name);
}

static const char *
code_of(enum gate_login_why why)
{
	switch (why) {
	case GATE_LOGIN_ENDS:
		break;
	case GATE_LOGIN_UNAVAILABLE:
		return "UNAVAILABLE";
	case GATE_LOGIN_LIMIT:
		return "LIMIT";
	}
	return NULL;
}

static void
bye(bool asked, enum gate_login_why why, const char *text, struct buf *out)
{
	(void)asked;
	response_status(out, VIEW_LIT(""), RESPONSE_BYE, code_of(why), text);
}

static enum gate_login_result
too_many_bads(struct gate_login *l, struct buf *out)
{
	if (!gate_login_bad(l))
		return GATE_LOGIN_AGAIN;
	bye(true, GATE_LOGIN_ENDS, "Too many bad commands", out);
	return GATE_LOGIN_BYE;
}

static enum gate_login_result
bad(struct gate_login *l, struct view tag, const char *text, struct buf *out)
{
	response_status(out, tag, RESPONSE_BAD, NULL, text);
	return too_many_bads(l, out);
}

static enum gate_login_result
ok(struct gate_login *l, const struct command *c, struct buf *out)
{
	l->bads = 0;
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
	return ok(l, c, out);
}

static enum gate_login_result
on_noop(struct gate_login *l, const struct command *c, struct buf *out)
{
	return ok(l, c, out);
}

static enum gate_login_result
on_logout(struct gate_login *l, const struct command *c, struct buf *out)
{
	bye(true, GATE_LOGIN_ENDS, "Logging out", out);
	(void)ok(l, c, out);
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
	(void)ok(l, c, out);
	if (l->noted || c->u.id.n == 0)
		return GATE_LOGIN_AGAIN;
	l->noted = true;
	note(l, &c->u.id);
	return GATE_LOGIN_NOTE;
}

static enum gate_login_result
on_starttls(struct gate_login *l, const struct command *c, struct buf *out)
{
	if (!l->o.starttls)
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
start(struct gate_login *l, const struct command *c)
{
	assert(c->tag.n <= sizeof(l->tag));
	memcpy(l->tag, c->tag.p, c->tag.n);
	l->tag_n = c->tag.n;
	return GATE_LOGIN_START;
}

static enum gate_login_result
on_authenticate(struct gate_login *l, const struct command *c, struct buf *out)
{
	const struct command_authenticate *a = &c->u.authenticate;

	switch (gate_login_offered(l, a->mechanism)) {
	case GATE_LOGIN_OFFERED:
		break;
	case GATE_LOGIN_WITH_TLS:
		return no(l, c, "PRIVACYREQUIRED", "Begin TLS first", out);
	case GATE_LOGIN_UNKNOWN:
		return no(l, c, "CANNOT", "Mechanism is not offered", out);
	}
	if (!gate_login_start(l, "AUTHENTICATE", a->mechanism,
		a->has_initial ? &a->initial : NULL))
		return bad(l, c->tag, "Initial response is not base64", out);
	return start(l, c);
}

static enum gate_login_result
on_login(struct gate_login *l, const struct command *c, struct buf *out)
{
	const struct command_login *u = &c->u.login;

	if (!gate_login_may_password(l))
		return no(l, c, "PRIVACYREQUIRED",
		    l->o.starttls && !l->o.tls ? "Begin TLS first"
					       : "LOGIN is disabled here",
		    out);
	if (!gate_login_password(l, "LOGIN", u->user, u->password))
		return bad(l, c->tag, "NUL in a name or password", out);
	return start(l, c);
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

/* ---- input ---- */

static enum gate_login_result
run_command(struct gate_login *l, struct buf *out)
{
	AUTO_ARENA struct arena *a = arena_new(GATE_LOGIN_ARENA);
	struct command_opts opts = { .state = COMMAND_STATE_NONE };
	struct command c;
	struct why w;

	switch (command_parse(frame_text(&l->frame), &opts, a, &c, &w)) {
	case COMMAND_OK:
		return (l->o.tls ? secure : plain)[c.kind](l, &c, out);
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
		bye(true, GATE_LOGIN_ENDS, "Literal too large", out);
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
		gate_login_wipe_text(l);
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

static struct view
tag_of(const struct gate_login *l)
{
	return (struct view){ l->tag, l->tag_n };
}

/* The exchange is over by the client's doing. */
static enum gate_login_result
give_up(struct gate_login *l, const char *text, struct buf *out)
{
	l->phase = GATE_LOGIN_COMMANDS;
	response_status(out, tag_of(l), RESPONSE_BAD, NULL, text);
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
	good = gate_login_answer(l, text);
	gate_login_wipe_text(l);
	if (!good)
		return give_up(l, "Response is not base64", out);
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

/* ---- what auth and hub say ---- */

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
challenge(struct view base64, struct buf *out)
{
	response_continue(out, base64);
}

static void
fail(struct gate_login *l, enum msg_auth_code code, const char *text,
    struct buf *out)
{
	response_status(out, tag_of(l),
	    code == MSG_AUTH_BAD ? RESPONSE_BAD : RESPONSE_NO, code_name(code),
	    text);
}

static void
refused(struct gate_login *l, enum gate_login_why why, const char *text,
    struct buf *out)
{
	response_status(out, tag_of(l), RESPONSE_NO, code_of(why), text);
}

const struct gate_protocol gate_imap = {
	.service = MSG_SERVICE_IMAP,
	.alpn = "imap",
	.greet = greet,
	.command = feed_command,
	.response = feed_response,
	.challenge = challenge,
	.fail = fail,
	.refused = refused,
	.bye = bye,
};
