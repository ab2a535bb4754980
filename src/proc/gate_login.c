#include "proc/gate_protocol.h"

#include <assert.h>

#include "base/base64.h"

/*
 * What all protocols have in common: what is offered where, the bytes of a SASL
 * exchange, and the way from a login to its protocol's functions.
 */

/* ---- offers ---- */

static bool
is_mech_char(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_';
}

struct view
gate_login_next_word(struct view *list)
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
		struct view w = gate_login_next_word(&v);

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

struct view
gate_login_mechanisms(const struct gate_login *l)
{
	const struct gate_offer *offer = l->o.offer;

	return view_str(l->o.tls ? offer->tls
		: l->o.loopback  ? offer->loopback
				 : offer->plain);
}

bool
gate_login_may_password(const struct gate_login *l)
{
	const struct gate_offer *offer = l->o.offer;

	if (l->o.tls)
		return *offer->tls != '\0';
	return l->o.loopback ? offer->login_loopback : offer->login_plain;
}

static bool
is_in(struct view list, struct view mech)
{
	while (list.n > 0)
		if (view_eq_ci(gate_login_next_word(&list), mech))
			return true;
	return false;
}

enum gate_login_offered
gate_login_offered(const struct gate_login *l, struct view mech)
{
	if (is_in(gate_login_mechanisms(l), mech))
		return GATE_LOGIN_OFFERED;
	return !l->o.tls && is_in(view_str(l->o.offer->tls), mech)
	    ? GATE_LOGIN_WITH_TLS
	    : GATE_LOGIN_UNKNOWN;
}

/* ---- exchanges ---- */

bool
gate_login_bad(struct gate_login *l)
{
	return ++l->bads > GATE_LOGIN_BADS_MAX;
}

static void
begin(struct gate_login *l, const char *command, struct view mech)
{
	assert(mech.n <= MSG_AUTH_MECH_MAX);
	for (size_t i = 0; i < mech.n; i++) {
		uint8_t ch = mech.p[i];

		l->mech[i] = (char)(ch >= 'a' && ch <= 'z' ? ch - 32 : ch);
	}
	l->mech[mech.n] = '\0';
	l->command = command;
	l->phase = GATE_LOGIN_WAITS;
}

bool
gate_login_start(struct gate_login *l, const char *command, struct view mech,
    const struct view *initial)
{
	buf_clear(&l->secret);
	l->has_initial = initial != NULL;
	if (initial != NULL && !base64_decode(*initial, &l->secret))
		return false;
	l->by_password = false;
	begin(l, command, mech);
	return true;
}

static bool
has_nul(struct view v)
{
	return v.n > 0 && memchr(v.p, 0, v.n) != NULL;
}

bool
gate_login_password(struct gate_login *l, const char *command, struct view user,
    struct view password)
{
	assert(user.n <= LIMITS_USER && password.n <= LIMITS_PASSWORD);
	if (has_nul(user) || has_nul(password))
		return false;
	buf_clear(&l->secret);
	buf_put(&l->secret, user);
	buf_put_byte(&l->secret, 0);
	buf_put(&l->secret, user);
	buf_put_byte(&l->secret, 0);
	buf_put(&l->secret, password);
	assert(!l->secret.failed);
	l->has_initial = l->by_password = true;
	begin(l, command, VIEW_LIT("PLAIN"));
	return true;
}

void
gate_login_start_raw(struct gate_login *l, const char *command,
    struct view mech, struct view initial)
{
	buf_clear(&l->secret);
	buf_put(&l->secret, initial);
	assert(!l->secret.failed);
	l->has_initial = true;
	l->by_password = false;
	begin(l, command, mech);
}

bool
gate_login_answer(struct gate_login *l, struct view base64)
{
	buf_clear(&l->secret);
	if (!base64_decode(base64, &l->secret))
		return false;
	l->phase = GATE_LOGIN_WAITS;
	return true;
}

_Static_assert(2 * LIMITS_USER + LIMITS_PASSWORD + 2 <= MSG_AUTH_RESPONSE_MAX,
    "a name and a password fit where a response does");
_Static_assert(LIMITS_TAG <= MSG_TAG_MAX, "a tag fits into a hand-over");
_Static_assert(
    LIMITS_MECHANISM <= MSG_AUTH_MECH_MAX, "a mechanism's name fits");
_Static_assert(LIMITS_LINE_PRELOGIN <= MSG_AUTH_RESPONSE_MAX &&
	LIMITS_LITERAL_PRELOGIN <= MSG_AUTH_RESPONSE_MAX,
    "what base64 in one answer decodes to fits");

/* ---- to the protocols ---- */

void
gate_login_greet(struct gate_login *l, struct buf *out)
{
	l->o.protocol->greet(l, out);
}

enum gate_login_result
gate_login_feed(struct gate_login *l, struct view *in, struct buf *out)
{
	assert(l->phase != GATE_LOGIN_WAITS);
	if (l->phase == GATE_LOGIN_CHALLENGED)
		return l->o.protocol->response(l, in, out);
	return l->o.protocol->command(l, in, out);
}

void
gate_login_secured(struct gate_login *l, struct buf *out)
{
	frame_reset(&l->frame);
	l->o.tls = true;
	l->noted = false;
	if (l->o.protocol->secured != NULL)
		l->o.protocol->secured(l, out);
}

void
gate_login_challenge(
    struct gate_login *l, struct view challenge, struct buf *out)
{
	AUTO_BUF struct buf b = BUF_INIT(BASE64_SIZE(MSG_AUTH_CHALLENGE_MAX));

	assert(l->phase == GATE_LOGIN_WAITS);
	base64_encode(challenge, &b);
	l->o.protocol->challenge(buf_view(&b), out);
	l->phase = GATE_LOGIN_CHALLENGED;
}

void
gate_login_fail(struct gate_login *l, enum msg_auth_code code, struct view text,
    struct buf *out)
{
	char t[MSG_TEXT_MAX + 1];

	assert(l->phase == GATE_LOGIN_WAITS && text.n <= MSG_TEXT_MAX);
	keep(t, text);
	l->phase = GATE_LOGIN_COMMANDS;
	l->o.protocol->fail(l, code, t, out);
}

void
gate_login_refused(struct gate_login *l, enum gate_login_why why,
    struct view text, struct buf *out)
{
	char t[MSG_TEXT_MAX + 1];

	assert(l->phase == GATE_LOGIN_WAITS && text.n <= MSG_TEXT_MAX);
	keep(t, text);
	l->phase = GATE_LOGIN_COMMANDS;
	l->o.protocol->refused(l, why, t, out);
}

void
gate_login_bye(const struct gate_protocol *p, bool asked,
    enum gate_login_why why, const char *text, struct buf *out)
{
	p->bye(asked, why, text, out);
}

enum msg_service
gate_protocol_service(const struct gate_protocol *p)
{
	return p->service;
}

const char *
gate_protocol_alpn(const struct gate_protocol *p)
{
	return p->alpn;
}

bool
gate_protocol_final_in_ok(const struct gate_protocol *p)
{
	return p->final_in_ok;
}

/* ---- life ---- */

struct msg_login
gate_login_msg(const struct gate_login *l)
{
	return (struct msg_login){ .tag = { l->tag, l->tag_n },
		.command = view_str(l->command),
		.mechanisms = gate_login_mechanisms(l),
		.password = gate_login_may_password(l),
		.starttls = l->o.starttls && !l->o.tls,
		.utf8 = l->utf8,
		.language = (uint8_t)l->language };
}

void
gate_login_init(struct gate_login *l, const struct gate_login_opts *o)
{
	*l = (struct gate_login){ .o = *o, .command = "" };
	frame_init(&l->frame, FRAME_COMMAND, LIMITS_LINE_PRELOGIN,
	    LIMITS_LITERAL_PRELOGIN);
	buf_init(&l->secret, MSG_AUTH_RESPONSE_MAX);
	buf_init(&l->note, GATE_LOGIN_NOTE_MAX + 3);
	buf_init(&l->user, LIMITS_USER);
}

void
gate_login_wipe(struct gate_login *l)
{
	if (l->secret.p != NULL)
		explicit_bzero(l->secret.p, l->secret.cap);
	buf_fini(&l->secret);
}

void
gate_login_wipe_text(struct gate_login *l)
{
	struct view v = frame_text(&l->frame);

	if (v.n > 0)
		explicit_bzero((void *)(uintptr_t)v.p, v.n);
}

void
gate_login_fini(struct gate_login *l)
{
	gate_login_wipe(l);
	gate_login_wipe_text(l);
	buf_fini(&l->user);
	buf_fini(&l->note);
	frame_fini(&l->frame);
}
