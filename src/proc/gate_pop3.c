#include <stdio.h>

#include "base/digest.h"
#include "base/random.h"
#include "base/utf8.h"
#include "proc/gate_protocol.h"

/*
 * POP3 before login, the AUTHORIZATION state of RFC 1939 section 4. A line is a
 * keyword and its arguments, each behind one space; only a password may have
 * spaces in it. What a command lacks or has too much of is answered -ERR, and
 * the connection goes on.
 */
#define ARGS_MAX 2
#define NAME_SHOWN 255 /* octets; of an answer 512 (RFC 2449 section 4) */
#define HOST_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

struct pop3_line {
	struct view word[ARGS_MAX + 1]; /* the arguments of the command */
	size_t n;                       /* of them; more than MAX: too many */
	struct view rest;               /* all behind the first space */
};
typedef enum gate_login_result pop3_fn(
    struct gate_login *l, const struct pop3_line *line, struct buf *out);

/* ---- words for people ---- */

enum text {
	TEXT_CAPABILITIES,
	TEXT_PASSWORD,
	TEXT_MECHANISMS,
	TEXT_LANGUAGES,
	TEXT_LANGUAGE,
	TEXT_UTF8,
	TEXT_TLS,
	TEXT_BYE,
	TEXT_UNKNOWN,
	TEXT_ARGUMENTS,
	TEXT_LOGIN_FIRST,
	TEXT_LONG,
	TEXT_NUL,
	TEXT_MANY,
	TEXT_USER_FIRST,
	TEXT_NAME,
	TEXT_NEEDS_TLS,
	TEXT_DISABLED,
	TEXT_NO_TLS,
	TEXT_TLS_ALREADY,
	TEXT_TLS_LATE,
	TEXT_NO_LANGUAGE,
	TEXT_NO_MECHANISM,
	TEXT_NO_APOP,
	TEXT_BASE64,
	TEXT_CANCELLED,
	TEXT_WRONG,
	TEXT_UNAVAILABLE,
	TEXT_EXPIRED,
	TEXT_CONTACTADMIN,
	TEXT_NOT_ALLOWED,
	TEXT_BAD,
};
static const char *const texts[][POP3_LANGUAGES] = {
	[TEXT_CAPABILITIES] = { "Capability list follows", "機能の一覧" },
	[TEXT_PASSWORD] = { "Password required for ",
	    "パスワードが必要です: " },
	[TEXT_MECHANISMS] = { "Mechanisms follow", "認証方式の一覧" },
	[TEXT_LANGUAGES] = { "Language listing follows", "言語の一覧" },
	[TEXT_LANGUAGE] = { "English is spoken now", "日本語でお答えします" },
	[TEXT_UTF8] = { "UTF-8 it is", "UTF-8 を使います" },
	[TEXT_TLS] = { "Begin TLS now", "TLS を始めてください" },
	[TEXT_BYE] = { "Good bye", "さようなら" },
	[TEXT_UNKNOWN] = { "Unknown command",
	    "そのようなコマンドはありません" },
	[TEXT_ARGUMENTS] = { "Wrong number of arguments",
	    "引数の数が違います" },
	[TEXT_LOGIN_FIRST] = { "Log in first", "先にログインしてください" },
	[TEXT_LONG] = { "Line too long", "行が長すぎます" },
	[TEXT_NUL] = { "NUL in a line", "行に NUL があります" },
	[TEXT_MANY] = { "Too many bad commands", "誤ったコマンドが多すぎます" },
	[TEXT_USER_FIRST] = { "USER comes first",
	    "先に USER を送ってください" },
	[TEXT_NAME] = { "That is no name", "名前として使えません" },
	[TEXT_NEEDS_TLS] = { "Begin TLS first", "先に TLS を始めてください" },
	[TEXT_DISABLED] = { "Passwords are not taken here in clear text",
	    "ここでは平文のパスワードを使えません" },
	[TEXT_NO_TLS] = { "TLS is not available here", "TLS は使えません" },
	[TEXT_TLS_ALREADY] = { "TLS is in force already",
	    "すでに TLS を使っています" },
	[TEXT_TLS_LATE] = { "STLS comes before UTF8",
	    "STLS は UTF8 より先に送ってください" },
	[TEXT_NO_LANGUAGE] = { "No such language here",
	    "その言語は使えません" },
	[TEXT_NO_MECHANISM] = { "Mechanism is not offered",
	    "その認証方式は使えません" },
	[TEXT_NO_APOP] = { "APOP is not offered", "APOP は使えません" },
	[TEXT_BASE64] = { "That is not base64", "base64 ではありません" },
	[TEXT_CANCELLED] = { "Authentication cancelled",
	    "認証を取りやめました" },
	[TEXT_WRONG] = { NULL, "名前かパスワードが違います" },
	[TEXT_UNAVAILABLE] = { NULL,
	    "今はログインできません。後でもう一度お試しください" },
	[TEXT_EXPIRED] = { NULL, "パスワードの期限が切れています" },
	[TEXT_CONTACTADMIN] = { NULL, "管理者にお問い合わせください" },
	[TEXT_NOT_ALLOWED] = { NULL,
	    "このアカウントではこのサービスを使えません" },
	[TEXT_BAD] = { NULL, "認証の手順に誤りがあります" },
};

/* In the client's language; fallback where English has no text of its own. */
static const char *
say(const struct gate_login *l, enum text t, const char *fallback)
{
	const char *s = texts[t][l->language];

	return s != NULL ? s : fallback;
}

static enum gate_login_result
ok(const struct gate_login *l, enum text t, struct buf *out)
{
	buf_printf(out, "+OK %s\r\n", say(l, t, ""));
	return GATE_LOGIN_AGAIN;
}

/* code: "[AUTH] ", or "". */
static enum gate_login_result
err(struct gate_login *l, const char *code, enum text t, struct buf *out)
{
	if (gate_login_bad(l)) {
		buf_printf(out, "-ERR %s\r\n", say(l, TEXT_MANY, ""));
		return GATE_LOGIN_BYE;
	}
	buf_printf(out, "-ERR %s%s\r\n", code, say(l, t, ""));
	return GATE_LOGIN_AGAIN;
}

/* ---- commands ---- */

static struct pop3_settings
settings_of(const struct gate_login *l)
{
	struct pop3_settings set = *l->o.pop3;
	struct msg_login m = gate_login_msg(l);

	set.mechanisms = m.mechanisms;
	set.password = m.password;
	set.starttls = m.starttls;
	set.utf8 = m.utf8;
	set.language = l->language;
	return set;
}

static enum gate_login_result
on_capa(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	struct pop3_settings set = settings_of(l);

	(void)line;
	(void)ok(l, TEXT_CAPABILITIES, out);
	pop3_capabilities_put(out, &set, true);
	buf_put_str(out, ".\r\n");
	return GATE_LOGIN_AGAIN;
}

static enum gate_login_result
on_quit(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	(void)line;
	(void)ok(l, TEXT_BYE, out);
	return GATE_LOGIN_BYE;
}

static enum gate_login_result
on_stls(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	(void)line;
	if (l->o.tls)
		return err(l, "", TEXT_TLS_ALREADY, out);
	if (!l->o.starttls)
		return err(l, "", TEXT_NO_TLS, out);
	if (l->utf8) /* RFC 6856 section 2.1 */
		return err(l, "", TEXT_TLS_LATE, out);
	(void)ok(l, TEXT_TLS, out);
	return GATE_LOGIN_STARTTLS;
}

static enum gate_login_result
on_utf8(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	(void)line;
	l->utf8 = true;
	return ok(l, TEXT_UTF8, out);
}

static enum gate_login_result
on_lang(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	enum pop3_language language;

	if (line->n == 0) {
		(void)ok(l, TEXT_LANGUAGES, out);
		for (unsigned i = 0; i < POP3_LANGUAGES; i++)
			buf_printf(out, "%s %s\r\n",
			    pop3_language_tag((enum pop3_language)i),
			    pop3_language_name((enum pop3_language)i));
		buf_put_str(out, ".\r\n");
		return GATE_LOGIN_AGAIN;
	}
	if (!pop3_language_find(line->word[0], &language))
		return err(l, "", TEXT_NO_LANGUAGE, out);
	l->language = language;
	buf_printf(out, "+OK %s %s\r\n", pop3_language_tag(l->language),
	    say(l, TEXT_LANGUAGE, ""));
	return GATE_LOGIN_AGAIN;
}

/* Passwords in clear are not taken: why. */
static enum gate_login_result
no_clear(struct gate_login *l, struct buf *out)
{
	return err(l, "[AUTH] ",
	    l->o.starttls && !l->o.tls ? TEXT_NEEDS_TLS : TEXT_DISABLED, out);
}

/* What is sent back is only what could be shown. */
static void
put_name(struct view name, bool utf8, struct buf *out)
{
	name = utf8_cut(name, NAME_SHOWN);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		buf_put_byte(
		    out, c < ' ' || c == 0x7f || (c > '~' && !utf8) ? '?' : c);
	}
}

static enum gate_login_result
on_user(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	struct view name = line->word[0];

	buf_clear(&l->user);
	if (!gate_login_may_password(l))
		return no_clear(l, out);
	/* RFC 6856 section 2.2: UTF-8 or nothing */
	if (name.n > LIMITS_USER || !utf8_valid(name))
		return err(l, "[AUTH] ", TEXT_NAME, out);
	buf_put(&l->user, name);
	buf_printf(out, "+OK %s", say(l, TEXT_PASSWORD, ""));
	put_name(name, l->utf8 || l->language != POP3_ENGLISH, out);
	buf_put_str(out, "\r\n");
	return GATE_LOGIN_AGAIN;
}

static enum gate_login_result
on_pass(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	bool begun;

	if (!gate_login_may_password(l))
		return no_clear(l, out);
	if (l->user.n == 0)
		return err(l, "", TEXT_USER_FIRST, out);
	if (line->rest.n > LIMITS_PASSWORD)
		return err(l, "[AUTH] ", TEXT_LONG, out);
	begun = gate_login_password(l, "PASS", buf_view(&l->user), line->rest);
	buf_clear(&l->user);
	return begun ? GATE_LOGIN_START : err(l, "", TEXT_NUL, out);
}

/* RFC 1734 had no way to ask; clients do it like this. */
static enum gate_login_result
list_mechanisms(const struct gate_login *l, struct buf *out)
{
	struct view list = gate_login_mechanisms(l);

	(void)ok(l, TEXT_MECHANISMS, out);
	while (list.n > 0) {
		buf_put(out, gate_login_next_word(&list));
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, ".\r\n");
	return GATE_LOGIN_AGAIN;
}

/* "=" is an initial response of no bytes (RFC 5034 section 4). */
static enum gate_login_result
on_auth(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	struct view initial = line->word[1];

	if (line->n == 0)
		return list_mechanisms(l, out);
	switch (gate_login_offered(l, line->word[0])) {
	case GATE_LOGIN_OFFERED:
		break;
	case GATE_LOGIN_WITH_TLS:
		return no_clear(l, out);
	case GATE_LOGIN_UNKNOWN:
		return err(l, "", TEXT_NO_MECHANISM, out);
	}
	if (view_eq(initial, VIEW_LIT("=")))
		initial.n = 0;
	if (!gate_login_start(
		l, "AUTH", line->word[0], line->n > 1 ? &initial : NULL))
		return err(l, "", TEXT_BASE64, out);
	return GATE_LOGIN_START;
}

static enum gate_login_result
on_apop(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	AUTO_BUF struct buf b =
	    BUF_INIT(GATE_LOGIN_APOP_MAX + LIMITS_USER + LIMITS_PASSWORD + 2);

	if (l->apop[0] == '\0')
		return err(l, "", TEXT_NO_APOP, out);
	if (line->word[0].n > LIMITS_USER || line->word[1].n > LIMITS_PASSWORD)
		return err(l, "[AUTH] ", TEXT_NAME, out);
	buf_put_str(&b, l->apop);
	buf_put_byte(&b, 0);
	buf_put(&b, line->word[0]);
	buf_put_byte(&b, 0);
	buf_put(&b, line->word[1]);
	gate_login_start_raw(l, "APOP", VIEW_LIT("APOP"), buf_view(&b));
	return GATE_LOGIN_START;
}

static enum gate_login_result
on_later(struct gate_login *l, const struct pop3_line *line, struct buf *out)
{
	(void)line;
	return err(l, "", TEXT_LOGIN_FIRST, out);
}

static const struct pop3_command {
	const char *name;
	size_t min, max; /* arguments */
	bool rest;       /* the one argument is all that follows */
	pop3_fn *fn;
} commands[] = {
	{ "CAPA", 0, 0, false, on_capa },
	{ "USER", 1, 1, false, on_user },
	{ "PASS", 1, 1, true, on_pass },
	{ "APOP", 2, 2, false, on_apop },
	{ "AUTH", 0, 2, false, on_auth },
	{ "STLS", 0, 0, false, on_stls },
	{ "UTF8", 0, 0, false, on_utf8 },
	{ "LANG", 0, 1, false, on_lang },
	{ "QUIT", 0, 0, false, on_quit },
	{ "STAT", 0, 0, false, on_later },
	{ "LIST", 0, 1, false, on_later },
	{ "RETR", 1, 1, false, on_later },
	{ "DELE", 1, 1, false, on_later },
	{ "NOOP", 0, 0, false, on_later },
	{ "RSET", 0, 0, false, on_later },
	{ "TOP", 2, 2, false, on_later },
	{ "UIDL", 0, 1, false, on_later },
	{ "XTND", 0, SIZE_MAX, false, on_later },
};

/* ---- input ---- */

/* Blanks at the end of a line mean nothing, but in a password. */
static void
split(struct view args, struct pop3_line *line)
{
	line->rest = args;
	while (args.n > 0 && args.p[args.n - 1] == ' ')
		args.n--;
	while (args.n > 0) {
		struct view word = gate_login_next_word(&args);

		if (line->n < ARGS_MAX + 1)
			line->word[line->n] = word;
		line->n++;
	}
}

static enum gate_login_result
run_command(struct gate_login *l, struct view text, struct buf *out)
{
	struct view word = gate_login_next_word(&text);
	struct pop3_line line = { .n = 0 };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct pop3_command *c = &commands[i];

		if (!view_eq_ci(word, view_str(c->name)))
			continue;
		split(text, &line);
		if (c->rest)
			line.n = line.rest.n > 0;
		if (line.n < c->min || line.n > c->max ||
		    (line.n > 0 && line.word[0].n == 0 && !c->rest))
			return err(l, "", TEXT_ARGUMENTS, out);
		return c->fn(l, &line, out);
	}
	return err(l, "", TEXT_UNKNOWN, out);
}

static enum gate_login_result
command(struct gate_login *l, struct view *in, struct buf *out)
{
	enum gate_login_result r;

	switch (frame_line(&l->frame, in)) {
	case FRAME_MORE:
		return GATE_LOGIN_MORE;
	case FRAME_DONE:
		r = run_command(l, frame_text(&l->frame), out);
		gate_login_wipe_text(l);
		return r;
	case FRAME_NUL:
		return err(l, "", TEXT_NUL, out);
	case FRAME_TOO_LONG:
	case FRAME_LITERAL:
		break;
	}
	return err(l, "", TEXT_LONG, out);
}

/* The exchange is over by the client's doing. */
static enum gate_login_result
give_up(struct gate_login *l, enum text t, struct buf *out)
{
	l->phase = GATE_LOGIN_COMMANDS;
	return err(l, "", t, out) == GATE_LOGIN_BYE ? GATE_LOGIN_BYE
						    : GATE_LOGIN_CANCEL;
}

static enum gate_login_result
response(struct gate_login *l, struct view *in, struct buf *out)
{
	struct view text;
	bool good;

	switch (frame_line(&l->frame, in)) {
	case FRAME_MORE:
		return GATE_LOGIN_MORE;
	case FRAME_DONE:
		break;
	case FRAME_TOO_LONG:
	case FRAME_NUL:
	case FRAME_LITERAL:
		return give_up(l, TEXT_BASE64, out);
	}
	text = frame_text(&l->frame);
	if (view_eq(text, VIEW_LIT("*")))
		return give_up(l, TEXT_CANCELLED, out);
	good = gate_login_answer(l, text);
	gate_login_wipe_text(l);
	return good ? GATE_LOGIN_CONTINUE : give_up(l, TEXT_BASE64, out);
}

/* ---- answers ---- */

/* A msg-id (RFC 1939 section 7) that nobody can foresee: a process of which many
 * clients are served cannot go by its number and the clock (RFC 4086). */
static void
make_challenge(struct gate_login *l)
{
	uint8_t nonce[16];
	char hex[2 * sizeof(nonce) + 1];
	const char *name = strspn(l->o.name, HOST_CHARS) == strlen(l->o.name)
	    ? l->o.name
	    : "localhost";

	random_bytes(nonce, sizeof(nonce));
	digest_hex((struct view){ nonce, sizeof(nonce) }, hex);
	(void)snprintf(l->apop, sizeof(l->apop), "<%s@%.80s>", hex, name);
}

static void
greet(struct gate_login *l, struct buf *out)
{
	if (l->o.apop)
		make_challenge(l);
	buf_printf(out, "+OK POP3 server ready%s%s\r\n", l->o.apop ? " " : "",
	    l->apop);
}

/* What was said in the open does not count (RFC 2595 section 4). */
static void
secured(struct gate_login *l, struct buf *out)
{
	(void)out;
	buf_clear(&l->user);
	l->utf8 = false;
	l->language = POP3_ENGLISH;
}

static void
challenge(struct view base64, struct buf *out)
{
	buf_put_str(out, "+ ");
	buf_put(out, base64);
	buf_put_str(out, "\r\n");
}

/* RFC 3206 section 4, RFC 2449 section 8. */
static const struct {
	const char *code;
	enum text text;
} failures[] = {
	[MSG_AUTH_AUTHENTICATIONFAILED] = { "[AUTH] ", TEXT_WRONG },
	[MSG_AUTH_PRIVACYREQUIRED] = { "[AUTH] ", TEXT_NEEDS_TLS },
	[MSG_AUTH_UNAVAILABLE] = { "[SYS/TEMP] ", TEXT_UNAVAILABLE },
	[MSG_AUTH_EXPIRED] = { "[AUTH] ", TEXT_EXPIRED },
	[MSG_AUTH_CONTACTADMIN] = { "[SYS/PERM] ", TEXT_CONTACTADMIN },
	[MSG_AUTH_BAD] = { "", TEXT_BAD },
	[MSG_AUTH_AUTHORIZATIONFAILED] = { "[AUTH] ", TEXT_NOT_ALLOWED },
};

static void
fail(struct gate_login *l, enum msg_auth_code code, const char *text,
    struct buf *out)
{
	buf_printf(out, "-ERR %s%s\r\n", failures[code].code,
	    l->language == POP3_ENGLISH ? text
					: say(l, failures[code].text, text));
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
	if (asked)
		buf_printf(out, "-ERR %s%s\r\n",
		    why == GATE_LOGIN_ENDS ? "" : "[SYS/TEMP] ", text);
}

const struct gate_protocol gate_pop3 = {
	.service = MSG_SERVICE_POP3,
	.alpn = "pop3",
	.greet = greet,
	.command = command,
	.response = response,
	.secured = secured,
	.challenge = challenge,
	.fail = fail,
	.refused = refused,
	.bye = bye,
};
