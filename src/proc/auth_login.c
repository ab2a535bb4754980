#include <stdlib.h>

#include "auth/apop.h"
#include "auth/cram.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proc/auth.h"
#include "proc/settings.h"

/*
 * An exchange is a chain of steps, one for each message of the client:
 *
 *   START [-> CHALLENGE -> CONTINUE]* -> check -> hold -> FAIL or OK
 *
 * check is done by a worker when the hash is costly; hold is the time that
 * failures cost (auth_delay.h). A client that goes away while it is held up has
 * not got round that time: the exchange stays until it is over.
 */
struct auth_exchange;
typedef void step_fn(struct auth_exchange *e, struct view in);

struct auth_exchange {
	TAILQ_ENTRY(auth_exchange) link;
	struct auth_gate *gate;
	struct auth *auth;
	uint64_t conn;
	uint32_t generation;
	uint8_t service;
	bool final_in_ok;    /* the last message of SCRAM goes there */
	enum mechanism mech; /* unless apop */
	bool apop;
	struct msg_client client;
	uint8_t exporter[MSG_AUTH_EXPORTER_SIZE];
	uint8_t endpoint[MSG_AUTH_ENDPOINT_MAX];
	size_t exporter_n, endpoint_n;
	step_fn *step;  /* what to do with the next response; NULL: none */
	bool cancelled; /* nobody waits for the answer */
	struct loop_timer timer;
	struct scram *scram; /* NULL: not one of these */
	struct buf final;    /* its last message, until it is sent */
	struct auth_job *job;
	char *user; /* LOGIN's name, until the password comes */
	char cram[CRAM_CHALLENGE_MAX + 1]; /* of CRAM-MD5; "": none yet */
	struct auth_delay_try try;
	bool known; /* account is filled in */
	struct directory_account account;
	uint64_t changes; /* of the directory when it was read */
	uint8_t mac[DIGEST_SHA256_SIZE];
	uint8_t code; /* of the FAIL that is held */
	const char *text;
};

/* ---- their life ---- */

static struct view
key_of(const struct auth_exchange *e)
{
	return (struct view){ (const uint8_t *)&e->conn, sizeof(e->conn) };
}

static void
exchange_free(struct auth_exchange *e)
{
	struct auth_gate *g = e->gate;

	if (!e->cancelled)
		(void)hash_del(g->by_conn, key_of(e));
	TAILQ_REMOVE(&g->all, e, link);
	g->exchanges--;
	loop_timer_del(e->auth->loop, &e->timer);
	auth_delay_end(e->auth->delay, &e->try);
	if (e->job != NULL) {
		auth_pool_cancel(e->auth->pool, e->job);
		explicit_bzero(e->job, sizeof(*e->job));
		free(e->job);
	}
	if (e->scram != NULL) {
		scram_fini(e->scram);
		free(e->scram);
	}
	buf_fini(&e->final);
	free(e->user);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

void
auth_gate_free(struct auth_gate *g)
{
	while (!TAILQ_EMPTY(&g->all))
		exchange_free(TAILQ_FIRST(&g->all));
	peer_close(&g->peer);
	hash_free(&g->by_conn);
	free(g);
}

static struct msg_auth_id
id_of(const struct auth_exchange *e)
{
	return (struct msg_auth_id){ e->conn, e->generation };
}

/* To the gate; one that does not read is lost, and its clients with it. */
static void
tell(struct auth_exchange *e, const struct buf *b)
{
	if (!e->cancelled && peer_send(&e->gate->peer, b, -1) != 0)
		log_say(e->auth->log, LOG_PROBLEMS, "gate", "does not read");
}

static void
send_fail(struct auth_exchange *e, uint8_t code, const char *text)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_fail m = { id_of(e), code, view_str(text) };

	msg_auth_fail_put(&b, &m);
	tell(e, &b);
}

/* The end without having tried anything. */
static void
refuse(struct auth_exchange *e, uint8_t code, const char *text)
{
	send_fail(e, code, text);
	exchange_free(e);
}

static void
log_login(struct auth_exchange *e, const char *event, const char *why)
{
	char remote[NETADDR_TEXT_SIZE];
	struct log_line l;

	netaddr_text(&e->client.remote, remote);
	log_begin(&l, e->auth->log, LOG_MAJOR, event);
	log_str(&l, "user", e->known ? e->account.name : "?");
	log_str(&l, "service", msg_service_name(e->service));
	log_str(&l, "mech", e->apop ? "APOP" : mechanism_name(e->mech));
	log_str(&l, "remote", remote);
	log_u64(&l, "tls", e->client.tls);
	if (why != NULL)
		log_str(&l, "why", why);
	log_end(&l);
}

/* ---- the end ---- */

static void
on_held_fail(void *ctx)
{
	struct auth_exchange *e = ctx;

	send_fail(e, e->code, e->text);
	exchange_free(e);
}

/* Wrong, whatever it was: it costs. */
static void
fail(struct auth_exchange *e, uint8_t code, const char *text)
{
	uint64_t ms =
	    auth_delay_failed(e->auth->delay, &e->try, clock_mono_ms());

	log_login(e, "login-failed", text);
	e->step = NULL;
	e->code = code;
	e->text = text;
	loop_timer_set(e->auth->loop, &e->timer, ms, on_held_fail, e);
}

static void
fail_wrong(struct auth_exchange *e)
{
	fail(e, MSG_AUTH_AUTHENTICATIONFAILED, "wrong name or password");
}

/* Has the account changed since it was read? Then read it again; what was
 * proved counts only for the password that is still stored. */
static bool
still_good(struct auth_exchange *e)
{
	struct directory_account now;
	struct why w = { "" };
	bool same;

	if (e->changes == e->auth->changes)
		return true;
	if (directory_find(e->auth->dir, view_str(e->account.name), &now, &w) !=
	    DIRECTORY_OK)
		return false;
	same = now.id == e->account.id && !now.disabled &&
	    (now.services & (1u << e->service)) != 0 &&
	    strcmp(now.secret.password, e->account.secret.password) == 0;
	e->account = now;
	explicit_bzero(&now.secret, sizeof(now.secret));
	return same;
}

static void
send_ok(struct auth_exchange *e)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_ok m = {
		.id = id_of(e),
		.account = view_str(e->account.name),
	};
	struct msg_grant grant = { .gate = e->gate->number,
		.conn = e->conn,
		.generation = e->generation,
		.service = e->service };

	if (!still_good(e)) {
		send_fail(e, MSG_AUTH_UNAVAILABLE,
		    "the account has just been changed; try again");
	} else if (!auth_grant(e->auth, &e->account, &grant)) {
		log_login(e, "login-failed", "no grant could be sent");
		send_fail(e, MSG_AUTH_UNAVAILABLE,
		    "the server is not ready; try again later");
	} else {
		memcpy(m.grant, grant.id, sizeof(m.grant));
		if (e->final_in_ok)
			m.final = buf_view(&e->final);
		msg_auth_ok_put(&b, &m);
		log_login(e, "login", NULL);
		tell(e, &b);
	}
	explicit_bzero(&grant, sizeof(grant));
	exchange_free(e);
}

static void
on_held_ok(void *ctx)
{
	struct auth_exchange *e = ctx;

	if (e->cancelled)
		exchange_free(e);
	else
		send_ok(e);
}

static void
succeed(struct auth_exchange *e)
{
	uint64_t ms;

	if (e->account.disabled) {
		fail(e, MSG_AUTH_CONTACTADMIN, "this account is disabled");
		return;
	}
	if ((e->account.services & (1u << e->service)) == 0) {
		fail(e, MSG_AUTH_AUTHORIZATIONFAILED,
		    "this account may not use this service");
		return;
	}
	ms = auth_delay_worked(e->auth->delay, &e->try, clock_mono_ms());
	e->step = NULL;
	if (ms == 0)
		send_ok(e);
	else
		loop_timer_set(e->auth->loop, &e->timer, ms, on_held_ok, e);
}

/* ---- passwords in clear ---- */

static void
cache_mac(struct auth_exchange *e, const char *password)
{
	AUTO_BUF struct buf b = BUF_INIT(4096);

	buf_put(&b,
	    (struct view){
		(const uint8_t *)&e->account.id, sizeof(e->account.id) });
	buf_put_str(&b, e->account.secret.password);
	buf_put_byte(&b, '\0');
	buf_put_str(&b, password);
	digest_hmac_sha256(
	    (struct view){ e->auth->cache->key, sizeof(e->auth->cache->key) },
	    buf_view(&b), e->mac);
	explicit_bzero(b.p, b.n);
}

static size_t
cache_slot(const struct auth_exchange *e)
{
	return (size_t)((uint64_t)e->account.id % AUTH_CACHE_SLOTS);
}

static bool
cache_hit(const struct auth_exchange *e)
{
	struct auth_cache *c = e->auth->cache;
	size_t i = cache_slot(e);

	return c->slot[i].expires_ms > clock_mono_ms() &&
	    digest_equal((struct view){ c->slot[i].mac, sizeof(e->mac) },
		(struct view){ e->mac, sizeof(e->mac) });
}

static void
cache_put(const struct auth_exchange *e)
{
	struct auth_cache *c = e->auth->cache;
	size_t i = cache_slot(e);

	memcpy(c->slot[i].mac, e->mac, sizeof(e->mac));
	c->slot[i].expires_ms = clock_mono_ms() + AUTH_CACHE_MS;
}

static void
on_checked(void *ctx, enum password_result r)
{
	struct auth_exchange *e = ctx;

	if (r == PASSWORD_OK && e->known) {
		cache_put(e);
		succeed(e);
	} else if (r == PASSWORD_FAILED) {
		refuse(e, MSG_AUTH_UNAVAILABLE,
		    "the password cannot be checked now; try again later");
	} else {
		fail_wrong(e);
	}
}

/* By a worker. */
static void
check_later(struct auth_exchange *e, const char *stored, const char *password)
{
	struct auth_job *j = xcalloc(1, sizeof(*j));

	e->job = j;
	e->step = NULL;
	loop_timer_del(e->auth->loop, &e->timer);
	memcpy(j->stored, stored, strlen(stored));
	memcpy(j->password, password, strlen(password));
	j->client = netaddr_group(&e->client.remote);
	j->done = on_checked;
	j->ctx = e;
	if (!auth_pool_add(e->auth->pool, j))
		refuse(e, MSG_AUTH_UNAVAILABLE,
		    "too many logins at once; try again later");
}

/*
 * Find the account, known or not, and begin the attempt. False: it has ended.
 */
static bool
begin(struct auth_exchange *e, struct view user)
{
	struct auth *a = e->auth;
	struct why w = { "" };
	enum directory_result r;
	struct name n;

	e->changes = a->changes;
	r = directory_find(a->dir, user, &e->account, &w);
	e->known = r == DIRECTORY_OK;
	if (r == DIRECTORY_FAILED) {
		log_why(a->log, LOG_FAILURES, "login", &w);
		refuse(e, MSG_AUTH_UNAVAILABLE,
		    "the directory of accounts cannot be read");
		return false;
	}
	if (e->known)
		user = view_str(e->account.name);
	else if (name_parse(user, &n))
		user = view_str(n.text);
	if (auth_delay_begin(
		a->delay, &e->client.remote, user, clock_mono_ms(), &e->try))
		return true;
	log_login(e, "login-refused", "too many at once after failures");
	refuse(
	    e, MSG_AUTH_UNAVAILABLE, "too many failed logins; try again later");
	return false;
}

/* Check a password that is in the form it is stored in. */
static void
check(struct auth_exchange *e, const char *password)
{
	const char *stored = e->account.secret.password;

	if (!e->known || stored[0] == '\0') {
		e->known = false; /* for on_checked(): nothing fits */
		check_later(e, password_decoy(), password);
		return;
	}
	if (password_is_cheap(stored)) {
		if (password_check(stored, password) == PASSWORD_OK)
			succeed(e);
		else
			fail_wrong(e);
		return;
	}
	cache_mac(e, password);
	if (cache_hit(e))
		succeed(e);
	else
		check_later(e, stored, password);
}

static void
check_password(struct auth_exchange *e, struct view user, struct view typed)
{
	char password[NAME_PASSWORD_MAX + 1];

	if (!begin(e, user))
		return;
	if (name_password(typed, password))
		check(e, password);
	else
		fail_wrong(e);
	explicit_bzero(password, sizeof(password));
}

/* An authorization identity may be given when it is the user's own, also where
 * that is the name of nobody. */
static bool
is_self(struct view authzid, struct view user)
{
	struct name a, u;

	return authzid.n == 0 || view_eq(authzid, user) ||
	    (name_parse(authzid, &a) && name_parse(user, &u) &&
		strcmp(a.text, u.text) == 0);
}

static void
step_plain(struct auth_exchange *e, struct view in)
{
	struct mechanism_plain m;

	if (!mechanism_plain(in, &m))
		refuse(e, MSG_AUTH_BAD, "that is not a PLAIN message");
	else if (!is_self(m.authzid, m.user))
		refuse(e, MSG_AUTH_AUTHORIZATIONFAILED,
		    "nobody may act for another account");
	else
		check_password(e, m.user, m.password);
}

/* With begin() behind. For an account whose password is not stored as it is
 * nothing fits. */
static void
check_digest(struct auth_exchange *e, struct view challenge, struct view digest,
    bool (*fits)(struct view, struct view, struct view))
{
	const char *password = NULL;

	if (e->known)
		password = password_plain(e->account.secret.password);
	if (fits(challenge, view_str(password != NULL ? password : ""),
		digest) &&
	    password != NULL)
		succeed(e);
	else
		fail_wrong(e);
}

static void
step_apop(struct auth_exchange *e, struct view in)
{
	struct apop m;

	if (!apop_parse(in, &m)) {
		refuse(e, MSG_AUTH_BAD, "that is not an APOP message");
		return;
	}
	if (begin(e, m.user))
		check_digest(e, m.challenge, m.digest, apop_check);
}

/* A client that speaks first (RFC 4959 section 3) knows no challenge of ours. */
static void
step_cram(struct auth_exchange *e, struct view in)
{
	struct cram m;

	if (e->cram[0] == '\0' || !cram_parse(in, &m) ||
	    m.user.n > SCRAM_NAME_MAX)
		refuse(e, MSG_AUTH_BAD, "that is not a CRAM-MD5 message");
	else if (begin(e, m.user))
		check_digest(e, view_str(e->cram), m.digest, cram_check);
}

/* ---- challenges ---- */

static void
on_timeout(void *ctx)
{
	refuse(ctx, MSG_AUTH_UNAVAILABLE, "that took too long");
}

static void
challenge(struct auth_exchange *e, struct view text, step_fn *next)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_auth_challenge m = { id_of(e), text };

	e->step = next;
	loop_timer_set(
	    e->auth->loop, &e->timer, AUTH_EXCHANGE_MS, on_timeout, e);
	msg_auth_challenge_put(&b, &m);
	tell(e, &b);
}

static void
step_login_password(struct auth_exchange *e, struct view in)
{
	check_password(e, view_str(e->user), in);
}

static void
step_login_user(struct auth_exchange *e, struct view in)
{
	if (in.n == 0 || in.n > SCRAM_NAME_MAX ||
	    memchr(in.p, '\0', in.n) != NULL) {
		refuse(e, MSG_AUTH_BAD, "that is not a name");
		return;
	}
	e->user = xcalloc(1, in.n + 1);
	memcpy(e->user, in.p, in.n);
	challenge(e, MECHANISM_LOGIN_PASSWORD, step_login_password);
}

/* The client has seen that we know its password too (RFC 5802 section 5.1):
 * its answer is empty. */
static void
step_scram_done(struct auth_exchange *e, struct view in)
{
	if (in.n > 0)
		refuse(e, MSG_AUTH_BAD, "nothing was left to say");
	else
		succeed(e);
}

static void
on_held_final(void *ctx)
{
	struct auth_exchange *e = ctx;

	if (e->cancelled)
		exchange_free(e);
	else
		challenge(e, buf_view(&e->final), step_scram_done);
}

/* The last message says already that the proof was right: it is what has to
 * wait after failures. */
static void
scram_proved(struct auth_exchange *e)
{
	uint64_t ms =
	    auth_delay_worked(e->auth->delay, &e->try, clock_mono_ms());

	if (ms == 0)
		on_held_final(e);
	else
		loop_timer_set(e->auth->loop, &e->timer, ms, on_held_final, e);
}

static void
step_scram_final(struct auth_exchange *e, struct view in)
{
	switch (scram_final(e->scram, in, &e->final)) {
	case SCRAM_OK:
		if (!e->known)
			fail_wrong(e);
		else if (e->final_in_ok)
			succeed(e);
		else
			scram_proved(e);
		return;
	case SCRAM_BAD:
		fail(e, MSG_AUTH_BAD, "that is not a SCRAM message");
		return;
	case SCRAM_MISMATCH:
		fail(e, MSG_AUTH_AUTHENTICATIONFAILED,
		    "the channel binding does not fit");
		return;
	case SCRAM_WRONG:
		fail_wrong(e);
		return;
	}
}

static bool
real_keys(const struct auth_exchange *e, const struct scram_keys **out)
{
	const struct directory_secret *s = &e->account.secret;
	bool sha1 = e->scram->hash == SCRAM_SHA_1;

	*out = sha1 ? &s->sha1 : &s->sha256;
	return e->known && (sha1 ? s->has_sha1 : s->has_sha256);
}

static void
scram_answer(struct auth_exchange *e)
{
	AUTO_BUF struct buf out = BUF_INIT(MSG_AUTH_CHALLENGE_MAX);
	struct view user = view_str(e->scram->name);
	char nonce[SCRAM_NONCE_SIZE];
	const struct scram_keys *keys;
	struct scram_keys fake;
	struct name n;

	if (!real_keys(e, &keys)) {
		if (name_parse(user, &n))
			user = view_str(n.text);
		scram_keys_fake(e->scram->hash, user,
		    (struct view){
			directory_secret(e->auth->dir), DIRECTORY_SECRET_SIZE },
		    &fake);
		keys = &fake;
		e->known = false;
	}
	scram_nonce(nonce);
	scram_challenge(e->scram, keys, nonce, &out);
	challenge(e, buf_view(&out), step_scram_final);
}

static void
step_scram_first(struct auth_exchange *e, struct view in)
{
	struct scram_binding b = { { e->exporter, e->exporter_n },
		{ e->endpoint, e->endpoint_n } };

	switch (scram_first(e->scram, in, &b)) {
	case SCRAM_OK:
		break;
	case SCRAM_MISMATCH:
		refuse(e, MSG_AUTH_AUTHENTICATIONFAILED,
		    "the channel binding does not fit");
		return;
	case SCRAM_BAD:
	case SCRAM_WRONG:
		refuse(e, MSG_AUTH_BAD, "that is not a SCRAM message");
		return;
	}
	if (!is_self(view_str(e->scram->authzid), view_str(e->scram->name)))
		refuse(e, MSG_AUTH_AUTHORIZATIONFAILED,
		    "nobody may act for another account");
	else if (begin(e, view_str(e->scram->name)))
		scram_answer(e);
}

/* ---- the first message ---- */

/* May passwords go in clear there? */
static bool
clear_allowed(const struct auth *a, const struct msg_client *c)
{
	if (a->cleartext == SETTINGS_CLEARTEXT_LOOPBACK)
		return netaddr_is_loopback(&c->remote) &&
		    netaddr_is_loopback(&c->local);
	return a->cleartext == SETTINGS_CLEARTEXT_ALWAYS;
}

/* The first step of its mechanism, or NULL when it was refused. */
static step_fn *
first_step(struct auth_exchange *e, struct view mech)
{
	bool clear = clear_allowed(e->auth, &e->client);

	e->apop = view_eq(mech, VIEW_LIT("APOP"));
	if (e->apop && e->auth->apop && e->service == MSG_SERVICE_POP3)
		return step_apop;
	if (!mechanism_parse(mech, &e->mech) ||
	    (mechanism_is_plus(e->mech) && !e->client.tls) ||
	    (e->mech == MECHANISM_CRAM_MD5 && !e->auth->cram)) {
		refuse(e, MSG_AUTH_BAD, "there is no such mechanism here");
		return NULL;
	}
	if (!mechanism_allowed(e->mech, e->client.tls, clear)) {
		refuse(e, MSG_AUTH_PRIVACYREQUIRED,
		    "passwords are taken over TLS only");
		return NULL;
	}
	if (e->mech == MECHANISM_PLAIN)
		return step_plain;
	if (e->mech == MECHANISM_LOGIN)
		return step_login_user;
	if (e->mech == MECHANISM_CRAM_MD5)
		return step_cram;
	e->scram = xcalloc(1, sizeof(*e->scram));
	scram_init(e->scram,
	    e->mech == MECHANISM_SCRAM_SHA_1 ||
		    e->mech == MECHANISM_SCRAM_SHA_1_PLUS
		? SCRAM_SHA_1
		: SCRAM_SHA_256,
	    mechanism_is_plus(e->mech));
	return step_scram_first;
}

static void
copy_bindings(struct auth_exchange *e, const struct msg_auth_start *m)
{
	e->exporter_n = m->exporter.n;
	e->endpoint_n = m->endpoint.n;
	if (m->exporter.n > 0)
		memcpy(e->exporter, m->exporter.p, m->exporter.n);
	if (m->endpoint.n > 0)
		memcpy(e->endpoint, m->endpoint.p, m->endpoint.n);
}

static struct auth_exchange *
exchange_new(struct auth_gate *g, const struct msg_auth_start *m)
{
	struct auth_exchange *e = xcalloc(1, sizeof(*e));

	e->gate = g;
	e->auth = g->auth;
	e->conn = m->id.conn;
	e->generation = m->id.generation;
	e->service = m->service;
	e->final_in_ok = m->final_in_ok;
	e->client = m->client;
	buf_init(&e->final, MSG_FINAL_MAX);
	copy_bindings(e, m);
	TAILQ_INSERT_TAIL(&g->all, e, link);
	g->exchanges++;
	return e;
}

/* What a client that has said nothing yet is asked. */
static struct view
first_challenge(struct auth_exchange *e)
{
	if (e->mech == MECHANISM_CRAM_MD5)
		cram_challenge(view_str(e->auth->host), e->cram);
	return e->mech == MECHANISM_LOGIN ? MECHANISM_LOGIN_USER
					  : view_str(e->cram);
}

static bool
on_start(void *ctx, struct wire *w, int *fd)
{
	struct auth_gate *g = ctx;
	struct msg_auth_start m;
	struct auth_exchange *e;
	step_fn *step;

	(void)fd;
	if (!msg_auth_start_get(w, &m))
		return false;
	e = exchange_new(g, &m);
	if (!hash_put(g->by_conn, key_of(e), e)) {
		e->cancelled = true; /* it is not in the table */
		exchange_free(e);
		return false;
	}
	if (g->exchanges > AUTH_EXCHANGES_MAX)
		refuse(e, MSG_AUTH_UNAVAILABLE,
		    "too many logins at once; try again later");
	else if ((step = first_step(e, m.mech)) == NULL)
		return true; /* refused */
	else if (m.has_initial)
		step(e, m.initial);
	else
		challenge(e, first_challenge(e), step);
	return true;
}

/* The exchange of that generation; NULL when it has ended. */
static struct auth_exchange *
find(struct auth_gate *g, const struct msg_auth_id *id)
{
	struct auth_exchange *e = hash_get(g->by_conn,
	    (struct view){ (const uint8_t *)&id->conn, sizeof(id->conn) });

	return e != NULL && e->generation == id->generation ? e : NULL;
}

static bool
on_continue(void *ctx, struct wire *w, int *fd)
{
	struct msg_auth_continue m;
	struct auth_exchange *e;
	step_fn *step;

	(void)fd;
	if (!msg_auth_continue_get(w, &m))
		return false;
	if ((e = find(ctx, &m.id)) == NULL)
		return true; /* it has just timed out */
	if ((step = e->step) == NULL)
		return false; /* there was no challenge */
	e->step = NULL;
	step(e, m.response);
	return true;
}

static bool
on_cancel(void *ctx, struct wire *w, int *fd)
{
	struct auth_gate *g = ctx;
	struct auth_exchange *e;
	struct msg_auth_id id;

	(void)fd;
	if (!msg_auth_cancel_get(w, &id))
		return false;
	if ((e = find(g, &id)) == NULL)
		return true;
	if (e->step != NULL) { /* nothing was tried */
		exchange_free(e);
		return true;
	}
	(void)hash_del(g->by_conn, key_of(e));
	e->cancelled = true;
	return true;
}

const struct peer_rule auth_gate_rules[] = {
	{ MSG_AUTH_START, 1, MSG_AUTH_START_MAX, PEER_NO_FD, on_start },
	{ MSG_AUTH_CONTINUE, 1, MSG_AUTH_CONTINUE_MAX, PEER_NO_FD,
	    on_continue },
	{ MSG_AUTH_CANCEL, 1, MSG_AUTH_CANCEL_SIZE, PEER_NO_FD, on_cancel },
};
const size_t auth_gate_rules_n =
    sizeof(auth_gate_rules) / sizeof(auth_gate_rules[0]);

void
auth_gate_offer(struct auth_gate *g)
{
	size_t clear = g->auth->cleartext;
	AUTO_BUF struct buf b = peer_msg();
	AUTO_BUF struct buf tls = BUF_INIT(MSG_AUTH_OFFER_MAX);
	AUTO_BUF struct buf plain = BUF_INIT(MSG_AUTH_OFFER_MAX);
	AUTO_BUF struct buf loopback = BUF_INIT(MSG_AUTH_OFFER_MAX);
	struct msg_auth_offer m = {
		.login_plain = clear == SETTINGS_CLEARTEXT_ALWAYS,
		.login_loopback = clear != SETTINGS_CLEARTEXT_NEVER,
	};

	mechanism_offer(true, true, g->auth->cram, &tls);
	mechanism_offer(false, m.login_plain, g->auth->cram, &plain);
	mechanism_offer(false, m.login_loopback, g->auth->cram, &loopback);
	m.tls = buf_view(&tls);
	m.plain = buf_view(&plain);
	m.loopback = buf_view(&loopback);
	msg_auth_offer_put(&b, &m);
	(void)!peer_send(&g->peer, &b, -1);
}
