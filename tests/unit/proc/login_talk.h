#ifndef TEST_LOGIN_TALK_H
#define TEST_LOGIN_TALK_H

#include "proc/gate_login.h"
#include "tap.h"

/*
 * Conversations with a protocol before login, without any socket: all at once,
 * byte by byte, and cut at every length. auth always says the same.
 */
static struct gate_offer talk_offer;

static void
talk_setup(void)
{
	struct msg_auth_offer m = {
		.tls = VIEW_LIT("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"),
		.plain = VIEW_LIT("SCRAM-SHA-256"),
		.loopback = VIEW_LIT("SCRAM-SHA-256 PLAIN"),
		.login_loopback = true,
	};

	tap_ok(gate_offer_set(&talk_offer, &m), "the offer");
}

enum talk_where {
	TALK_LOOPBACK, /* TLS can be begun, passwords are taken */
	TALK_FAR,      /* TLS can be begun, passwords are not taken */
	TALK_NO_TLS,   /* as FAR, but no TLS */
	TALK_TLS,
};

static const struct pop3_settings talk_pop3 = { .expire_days =
						    POP3_EXPIRE_NEVER };

static void
talk_begin(struct gate_login *l, const struct gate_protocol *p,
    enum talk_where where, bool apop)
{
	struct gate_login_opts o = { .protocol = p,
		.offer = &talk_offer,
		.name = "mail.example.org",
		.pop3 = &talk_pop3,
		.apop = apop,
		.tls = where == TALK_TLS,
		.starttls = where != TALK_NO_TLS,
		.loopback = where == TALK_LOOPBACK };

	gate_login_init(l, &o);
}

struct talk {
	const char *name;
	enum talk_where where;
	const char *in, *want;
	/* what auth and hub say to each START and CONTINUE: 'c' a challenge
	 * "c?", 'f' that it was wrong, 't' temporary trouble, 'h' that there is
	 * no session; the last one again and again. NULL: "f" */
	const char *auth;
};

static void
talk_auth(struct gate_login *l, char what, struct buf *out)
{
	switch (what) {
	case 'c':
		gate_login_challenge(l, VIEW_LIT("c?"), out);
		return;
	case 't':
		gate_login_fail(
		    l, MSG_AUTH_UNAVAILABLE, VIEW_LIT("later"), out);
		return;
	case 'h':
		gate_login_refused(
		    l, GATE_LOGIN_LIMIT, VIEW_LIT("too many"), out);
		return;
	default:
		gate_login_fail(
		    l, MSG_AUTH_AUTHENTICATIONFAILED, VIEW_LIT("wrong"), out);
		return;
	}
}

/* The answers to v in pieces of step bytes. */
static void
talk_run(const struct gate_protocol *p, const struct talk *t, struct view v,
    size_t step, struct buf *out)
{
	const char *auth = t->auth != NULL ? t->auth : "f";
	struct gate_login l;

	talk_begin(&l, p, t->where, false);
	while (v.n > 0) {
		struct view in = view_sub(v, 0, step);
		size_t before = in.n;
		enum gate_login_result r = gate_login_feed(&l, &in, out);

		view_skip(&v, before - in.n);
		if (r == GATE_LOGIN_BYE)
			break;
		if (r == GATE_LOGIN_STARTTLS) /* what came before is gone */
			gate_login_secured(&l, out);
		if (r != GATE_LOGIN_START && r != GATE_LOGIN_CONTINUE)
			continue;
		gate_login_wipe(&l);
		talk_auth(&l, *auth, out);
		if (auth[1] != '\0')
			auth++;
	}
	gate_login_fini(&l);
}

static void
talk_all(const struct gate_protocol *p, const struct talk *talks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_BUF struct buf a = BUF_INIT(65536), b = BUF_INIT(65536);
		struct view in = view_str(talks[i].in);
		bool ok = true;

		talk_run(p, &talks[i], in, SIZE_MAX, &a);
		talk_run(p, &talks[i], in, 1, &b);
		tap_ok(view_eq(buf_view(&a), view_str(talks[i].want)),
		    "%s: got \"%.*s\"", talks[i].name, (int)a.n,
		    (const char *)a.p);
		tap_ok(view_eq(buf_view(&a), buf_view(&b)), "byte by byte");
		for (size_t k = 0; k < in.n; k++) {
			AUTO_BUF struct buf c = BUF_INIT(65536);

			talk_run(
			    p, &talks[i], view_sub(in, 0, k), SIZE_MAX, &c);
			ok = ok && c.n <= a.n &&
			    view_starts(buf_view(&a), buf_view(&c));
		}
		tap_ok(ok, "every prefix says no more than the whole");
	}
}

/* One command to a fresh login; what it comes to, and the answers. */
static enum gate_login_result
talk_one(struct gate_login *l, const char *text, struct buf *out)
{
	struct view in = view_str(text);
	enum gate_login_result r = GATE_LOGIN_MORE;

	while (in.n > 0 && (r == GATE_LOGIN_MORE || r == GATE_LOGIN_AGAIN))
		r = gate_login_feed(l, &in, out);
	return r;
}

#endif
