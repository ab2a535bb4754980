#include <assert.h>
#include <stdlib.h>

#include "proc/gate.h"

/*
 * The gate's side of logging in. An answer of an exchange that is over (the
 * client gave up, or is gone) is dropped by its generation; only what auth can
 * never have a reason to say ends the peer.
 */

static void
tell_unavailable(struct gate_conn *c)
{
	gate_login_fail(c->login, MSG_AUTH_UNAVAILABLE,
	    VIEW_LIT("Login is not possible at the moment"), &c->out);
}

/* b holds a secret. */
static bool
send_secret(struct gate_conn *c, struct buf *b)
{
	int r = peer_send(&c->gate->auth, b, -1);

	explicit_bzero(b->p, b->n);
	gate_login_wipe(c->login);
	c->exchange = r == 0;
	if (r != 0)
		tell_unavailable(c);
	return r == 0;
}

bool
gate_auth_start(struct gate_conn *c)
{
	struct gate_login *l = c->login;
	uint8_t exporter[TLS_EXPORTER_SIZE], endpoint[TLS_ENDPOINT_MAX];
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_start m = { .service = (uint8_t)gate_protocol_service(
					c->protocol),
		.login_command = l->by_password,
		.final_in_ok = gate_protocol_final_in_ok(c->protocol),
		.mech = view_str(l->mech),
		.has_initial = l->has_initial,
		.initial = buf_view(&l->secret),
		.client = c->client };

	_Static_assert(TLS_EXPORTER_SIZE == MSG_AUTH_EXPORTER_SIZE &&
		TLS_ENDPOINT_MAX == MSG_AUTH_ENDPOINT_MAX,
	    "the same sizes");
	assert(!c->exchange);
	if (conn_event(&c->conn, CONN_ON_LOGIN, c->conn.generation) !=
	    CONN_MOVED)
		abort();
	m.id = (struct msg_auth_id){ c->id, c->conn.generation };
	if (c->tls != NULL) {
		if (tls_exporter(c->tls, exporter))
			m.exporter =
			    (struct view){ exporter, sizeof(exporter) };
		m.endpoint =
		    (struct view){ endpoint, tls_endpoint(c->tls, endpoint) };
	}
	msg_auth_start_put(&b, &m);
	return send_secret(c, &b);
}

bool
gate_auth_continue(struct gate_conn *c)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_continue m = { { c->id, c->conn.generation },
		buf_view(&c->login->secret) };

	if (!c->exchange) { /* auth has died meanwhile */
		gate_login_wipe(c->login);
		tell_unavailable(c);
		return false;
	}
	msg_auth_continue_put(&b, &m);
	return send_secret(c, &b);
}

void
gate_auth_cancel(struct gate_conn *c)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_id id = { c->id, c->conn.generation };

	if (!c->exchange)
		return;
	c->exchange = false;
	msg_auth_cancel_put(&b, &id);
	(void)!peer_send(&c->gate->auth, &b, -1);
}

/* ---- what auth says ---- */

static bool
on_offer(void *ctx, struct wire *w, int *fd)
{
	struct gate *g = ctx;
	struct msg_auth_offer m;

	(void)fd;
	if (!msg_auth_offer_get(w, &m) || !gate_offer_set(&g->offer, &m))
		return false;
	gate_accept_open(g);
	return true;
}

/* The connection whose exchange it is about; NULL when it is over. */
static struct gate_conn *
exchange_of(struct gate *g, const struct msg_auth_id *id)
{
	struct gate_conn *c = gate_conn_find(g, id->conn);

	return c != NULL && c->exchange && c->conn.generation == id->generation
	    ? c
	    : NULL;
}

static bool
on_challenge(void *ctx, struct wire *w, int *fd)
{
	struct msg_auth_challenge m;
	struct gate_conn *c;

	(void)fd;
	if (!msg_auth_challenge_get(w, &m))
		return false;
	if ((c = exchange_of(ctx, &m.id)) == NULL)
		return true;
	if (c->login->phase != GATE_LOGIN_WAITS)
		return false;
	gate_login_challenge(c->login, m.challenge, &c->out);
	gate_conn_run(c);
	return true;
}

/* Not every failure is the client's. */
static bool
counts(uint8_t code)
{
	return code != MSG_AUTH_UNAVAILABLE && code != MSG_AUTH_PRIVACYREQUIRED;
}

static bool
on_fail(void *ctx, struct wire *w, int *fd)
{
	struct gate *g = ctx;
	struct msg_auth_fail m;
	struct gate_conn *c;

	(void)fd;
	if (!msg_auth_fail_get(w, &m))
		return false;
	if ((c = exchange_of(g, &m.id)) == NULL)
		return true;
	c->exchange = false;
	if (c->login->phase == GATE_LOGIN_WAITS) {
		gate_login_fail(
		    c->login, (enum msg_auth_code)m.code, m.text, &c->out);
		if (counts(m.code) && ++c->failures >= g->attempts_max) {
			gate_conn_bye(
			    c, GATE_LOGIN_ENDS, "Too many failed logins");
			return true;
		}
	} /* else it took the client too long to answer a challenge */
	gate_conn_run(c);
	return true;
}

static bool
on_ok(void *ctx, struct wire *w, int *fd)
{
	struct msg_auth_ok m;
	struct gate_conn *c;

	(void)fd;
	_Static_assert(sizeof(c->final) == MSG_FINAL_MAX, "it fits");
	if (!msg_auth_ok_get(w, &m))
		return false;
	if ((c = exchange_of(ctx, &m.id)) == NULL)
		return true;
	if (c->login->phase != GATE_LOGIN_WAITS)
		return false;
	c->exchange = false;
	memcpy(c->grant, m.grant, sizeof(c->grant));
	c->final_n = m.final.n;
	if (m.final.n > 0)
		memcpy(c->final, m.final.p, m.final.n);
	c->step = gate_step_hand;
	gate_conn_run(c);
	return true;
}

static const struct peer_rule rules[] = {
	{ MSG_AUTH_OFFER, 1, MSG_AUTH_OFFER_SIZE_MAX, PEER_NO_FD, on_offer },
	{ MSG_AUTH_CHALLENGE, 1, MSG_AUTH_CHALLENGE_SIZE_MAX, PEER_NO_FD,
	    on_challenge },
	{ MSG_AUTH_FAIL, 1, MSG_AUTH_FAIL_MAX, PEER_NO_FD, on_fail },
	{ MSG_AUTH_OK, 1, MSG_AUTH_OK_MAX, PEER_NO_FD, on_ok },
};

void
gate_auth_lost(struct gate *g, const char *why)
{
	struct gate_conn *c, *next;

	if (!g->s->stopping)
		log_say(&g->s->log, LOG_PROBLEMS, "auth-lost", "%s", why);
	for (c = TAILQ_FIRST(&g->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->exchange)
			continue;
		c->exchange = false;
		if (c->login->phase != GATE_LOGIN_WAITS)
			continue; /* told when the client answers */
		tell_unavailable(c);
		gate_conn_run(c);
	}
}

static void
lost(void *ctx, const char *why)
{
	gate_auth_lost(ctx, why);
}

void
gate_auth_init(struct gate *g)
{
	peer_init(
	    &g->auth, "auth", rules, sizeof(rules) / sizeof(rules[0]), g, lost);
}
