#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/gate.h"

/*
 * The life of a connection before its session, as steps:
 *
 *   [handshake] -> greet -> login <-> auth -> hand -> starting
 *                             \-> starttls -> handshake -> login
 *   any of them -> bye -> linger
 *
 * A step works off what is there; nothing is ever read beyond GATE_UNREAD_MAX
 * bytes, and nothing is fed while answers wait for a slow reader. STARTTLS
 * throws away what was read before it (RFC 9051 section 6.2.1).
 */

/* ---- reading and writing ---- */

/* More into c->in: AGAIN, INPUT (nothing there; or eof is set), CLOSE. */
static enum gate_step
fill_plain(struct gate_conn *c, uint8_t *p, size_t room)
{
	ssize_t n;

	if (!c->readable)
		return GATE_INPUT;
	do
		n = recv(c->fd, p, room, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN) {
		c->readable = false;
		return GATE_INPUT;
	}
	if (n == -1)
		return GATE_CLOSE;
	if (n == 0)
		c->eof = true;
	else
		c->readable = (size_t)n == room;
	c->in.n += (size_t)n;
	return GATE_AGAIN;
}

static enum gate_step
fill_tls(struct gate_conn *c, uint8_t *p, size_t room)
{
	size_t n;

	switch (tls_read(c->tls, p, room, &n)) {
	case TLS_OK:
		c->in.n += n;
		return GATE_AGAIN;
	case TLS_MORE: /* TLS itself may have answered something */
		return tls_flush(c->tls) == TLS_OK ? GATE_INPUT : GATE_OUTPUT;
	case TLS_FULL:
		return GATE_OUTPUT;
	case TLS_END:
		c->eof = true;
		return GATE_AGAIN;
	case TLS_FAIL:
		break;
	}
	(void)!tls_flush(c->tls); /* the alert */
	return GATE_CLOSE;
}

static enum gate_step
fill(struct gate_conn *c)
{
	size_t room = GATE_UNREAD_MAX - c->in.n;
	uint8_t *p = buf_reserve(&c->in, room);
	enum gate_step r;

	assert(p != NULL && room > 0 && !c->eof);
	r = c->tls != NULL ? fill_tls(c, p, room) : fill_plain(c, p, room);
	if (c->in.n == 0)
		buf_fini(&c->in);
	return r;
}

static bool
flush_plain(struct gate_conn *c, enum gate_step *r)
{
	size_t at = 0;
	ssize_t n = 0;

	while (at < c->out.n) {
		n = send(c->fd, c->out.p + at, c->out.n - at, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		at += (size_t)n;
	}
	buf_consume(&c->out, at);
	*r = n == -1 && errno == EAGAIN ? GATE_OUTPUT : GATE_CLOSE;
	return c->out.n == 0;
}

static bool
flush_tls(struct gate_conn *c, enum gate_step *r)
{
	enum tls_result t = tls_flush(c->tls);

	if (t == TLS_OK && c->out.n > 0) {
		t = tls_write(c->tls, buf_view(&c->out));
		buf_clear(&c->out);
		if (t == TLS_OK)
			t = tls_flush(c->tls);
	}
	*r = t == TLS_FULL ? GATE_OUTPUT : GATE_CLOSE;
	return t == TLS_OK;
}

bool
gate_conn_flush(struct gate_conn *c, enum gate_step *r)
{
	bool done = c->tls != NULL ? flush_tls(c, r) : flush_plain(c, r);

	if (done)
		buf_fini(&c->out);
	return done;
}

/* ---- ending ---- */

static void
on_deadline(void *ctx)
{
	gate_conn_free(ctx);
}

static enum gate_step
step_linger(struct gate_conn *c)
{
	for (int i = 0; i < GATE_TURNS_MAX; i++) {
		ssize_t n = recv(c->fd, c->gate->scratch, GATE_CHUNK, 0);

		if (n == -1 && errno == EAGAIN)
			return GATE_INPUT;
		if (n <= 0 || (c->bytes += (uint64_t)n) > GATE_LINGER_MAX)
			return GATE_CLOSE;
	}
	return GATE_AGAIN;
}

/* Closing with unread input would send a reset, which may overtake our last
 * words. */
void
gate_conn_linger(struct gate_conn *c)
{
	(void)shutdown(c->fd, SHUT_WR);
	c->bytes = 0;
	c->step = step_linger;
	loop_timer_set(
	    c->gate->s->loop, &c->timer, GATE_LINGER_MS, on_deadline, c);
}

enum gate_step
gate_step_bye(struct gate_conn *c)
{
	enum gate_step r;

	if (!gate_conn_flush(c, &r))
		return r;
	if (c->tls != NULL) {
		tls_end(c->tls);
		if (!gate_conn_flush(c, &r))
			return r;
	}
	if (c->eof)
		return GATE_CLOSE;
	gate_conn_linger(c);
	return GATE_AGAIN;
}

/* To step bye: out holds the last word. */
static void
begin_bye(struct gate_conn *c)
{
	gate_auth_cancel(c);
	c->step = gate_step_bye;
	loop_timer_set(
	    c->gate->s->loop, &c->timer, GATE_LINGER_MS, on_deadline, c);
}

/* Is there a command, or a connection, that has no answer yet? */
static bool
is_asked(const struct gate_conn *c)
{
	return c->step == gate_step_greet ||
	    (c->login != NULL && c->login->phase == GATE_LOGIN_WAITS);
}

static void
put_bye(struct gate_conn *c, enum gate_login_why why, const char *text)
{
	gate_login_bye(c->protocol, is_asked(c), why, text, &c->out);
}

void
gate_conn_bye(struct gate_conn *c, enum gate_login_why why, const char *text)
{
	struct log_line l;

	gate_conn_log(c, &l, LOG_PROBLEMS, "bye");
	log_str(&l, "why", text);
	log_end(&l);
	if (c->step == gate_step_handshake) { /* nobody would understand */
		gate_conn_free(c);
		return;
	}
	put_bye(c, why, text);
	begin_bye(c);
	gate_conn_run(c);
}

static void
on_login_late(void *ctx)
{
	gate_conn_bye(ctx, GATE_LOGIN_ENDS, "Login took too long");
}

void
gate_conn_login_timer(struct gate_conn *c)
{
	uint64_t spent = loop_now_ms(c->gate->s->loop) - c->began_ms;
	uint64_t left =
	    spent < c->gate->login_ms ? c->gate->login_ms - spent : 0;

	if (c->step == gate_step_handshake && left > GATE_HANDSHAKE_MS)
		left = GATE_HANDSHAKE_MS;
	loop_timer_set(c->gate->s->loop, &c->timer, left, on_login_late, c);
}

/* ---- steps ---- */

static enum gate_step
handshake_failed(struct gate_conn *c)
{
	enum gate_step r;
	struct log_line l;

	(void)gate_conn_flush(c, &r); /* the alert */
	gate_conn_log(c, &l, LOG_PROBLEMS, "tls-failed");
	log_str(&l, "why", tls_why(c->tls));
	log_end(&l);
	return GATE_CLOSE;
}

enum gate_step
gate_step_handshake(struct gate_conn *c)
{
	enum gate_step r;

	switch (tls_handshake(c->tls)) {
	case TLS_OK:
		break;
	case TLS_MORE:
		if (tls_received(c->tls) > GATE_HANDSHAKE_MAX)
			return GATE_CLOSE;
		return gate_conn_flush(c, &r) ? GATE_INPUT : r;
	case TLS_FULL:
	case TLS_END:
	case TLS_FAIL:
		return handshake_failed(c);
	}
	c->client.tls = true;
	if (c->login->o.tls) { /* from the first byte */
		c->step = gate_step_greet;
	} else {
		gate_login_secured(c->login, &c->out);
		c->step = gate_step_login;
	}
	gate_conn_login_timer(c);
	return GATE_AGAIN;
}

/* What came before TLS is not believed, whoever wrote it. */
static enum gate_step
step_starttls(struct gate_conn *c)
{
	enum gate_step r;

	if (!gate_conn_flush(c, &r))
		return r;
	if (c->gate->tls == NULL || c->eof)
		return GATE_CLOSE;
	buf_fini(&c->in);
	c->tls = tls_new(&c->gate->tls_env, c->gate->tls, c->fd,
	    gate_protocol_alpn(c->protocol));
	c->step = gate_step_handshake;
	gate_conn_login_timer(c);
	return GATE_AGAIN;
}

enum gate_step
gate_step_greet(struct gate_conn *c)
{
	gate_login_greet(c->login, &c->out);
	c->step = gate_step_login;
	return GATE_AGAIN;
}

static void
log_note(struct gate_conn *c)
{
	struct log_line l;

	gate_conn_log(c, &l, LOG_LOW_LEVEL, "client");
	log_view(&l, "id", buf_view(&c->login->note));
	log_end(&l);
	buf_fini(&c->login->note);
}

static enum gate_step
act(struct gate_conn *c, enum gate_login_result r)
{
	switch (r) {
	case GATE_LOGIN_MORE:
	case GATE_LOGIN_AGAIN:
		return GATE_AGAIN;
	case GATE_LOGIN_STARTTLS:
		c->step = step_starttls;
		return GATE_AGAIN;
	case GATE_LOGIN_START:
		c->step = gate_step_auth;
		if (!gate_auth_start(c))
			c->step = gate_step_login;
		return GATE_AGAIN;
	case GATE_LOGIN_CONTINUE:
		c->step = gate_step_auth;
		if (!gate_auth_continue(c))
			c->step = gate_step_login;
		return GATE_AGAIN;
	case GATE_LOGIN_CANCEL:
		gate_auth_cancel(c);
		return GATE_AGAIN;
	case GATE_LOGIN_NOTE:
		log_note(c);
		return GATE_AGAIN;
	case GATE_LOGIN_BYE:
		begin_bye(c);
		return GATE_AGAIN;
	}
	return GATE_CLOSE;
}

/* Feed what has been read. */
static enum gate_step
feed(struct gate_conn *c)
{
	struct view in = buf_view(&c->in);
	enum gate_login_result r = gate_login_feed(c->login, &in, &c->out);
	size_t taken = c->in.n - in.n;

	if (taken > 0) /* there may have been a password in it */
		explicit_bzero(c->in.p, taken);
	buf_consume(&c->in, taken);
	if (c->in.n == 0)
		buf_fini(&c->in);
	c->bytes += taken;
	if (c->bytes > c->gate->login_bytes &&
	    (r == GATE_LOGIN_MORE || r == GATE_LOGIN_AGAIN)) {
		put_bye(c, GATE_LOGIN_ENDS, "Too much was sent before login");
		r = GATE_LOGIN_BYE;
	}
	return act(c, r);
}

enum gate_step
gate_step_login(struct gate_conn *c)
{
	enum gate_step r;

	if (c->in.n > 0 && c->out.n < GATE_LOGIN_OUT_FULL)
		return feed(c);
	if ((c->out.n > 0 || (c->tls != NULL && tls_waiting(c->tls))) &&
	    !gate_conn_flush(c, &r))
		return r;
	if (c->in.n > 0)
		return GATE_AGAIN;
	if (c->gate->s->stopping)
		put_bye(c, GATE_LOGIN_ENDS, "Server is going down");
	if (c->gate->s->stopping || c->eof) {
		begin_bye(c);
		return GATE_AGAIN;
	}
	return fill(c);
}

/* auth has the word; out may hold a challenge or nothing. */
enum gate_step
gate_step_auth(struct gate_conn *c)
{
	enum gate_step r;

	if (c->login->phase != GATE_LOGIN_WAITS) {
		c->step = gate_step_login;
		return GATE_AGAIN;
	}
	return gate_conn_flush(c, &r) ? GATE_WAIT : r;
}

/* The grant is there; nothing of ours may be under way any more. */
enum gate_step
gate_step_hand(struct gate_conn *c)
{
	enum gate_step r;

	if (!gate_conn_flush(c, &r))
		return r;
	c->step = gate_hand_over(c) ? gate_step_starting : gate_step_login;
	return GATE_AGAIN;
}

enum gate_step
gate_step_starting(struct gate_conn *c)
{
	(void)c;
	return GATE_WAIT;
}

/* ---- running ---- */

void
gate_conn_go(struct gate_conn *c)
{
	if (c->relaying)
		gate_relay_run(c);
	else
		gate_conn_run(c);
}

static void
on_task(void *ctx)
{
	gate_conn_go(ctx);
}

static void
interest(struct gate_conn *c, unsigned events)
{
	if (loop_fd_set(&c->watch, events) != 0)
		gate_conn_free(c);
}

void
gate_conn_run(struct gate_conn *c)
{
	for (int turn = 0; turn < GATE_TURNS_MAX; turn++) {
		switch (c->step(c)) {
		case GATE_AGAIN:
			continue;
		case GATE_INPUT:
			interest(c, LOOP_READ);
			return;
		case GATE_OUTPUT:
			interest(c, LOOP_WRITE);
			return;
		case GATE_WAIT:
			interest(c, 0);
			return;
		case GATE_CLOSE:
			gate_conn_free(c);
			return;
		}
	}
	loop_task_add(c->gate->s->loop, &c->task, on_task, c);
}

/* ---- life ---- */

static struct view
id_key(const struct gate_conn *c)
{
	return (struct view){ (const void *)&c->id, sizeof(c->id) };
}

struct gate_conn *
gate_conn_find(struct gate *g, uint64_t id)
{
	return hash_get(
	    g->by_id, (struct view){ (const void *)&id, sizeof(id) });
}

void
gate_conn_log(struct gate_conn *c, struct log_line *l, enum log_level level,
    const char *event)
{
	char remote[NETADDR_TEXT_SIZE];

	netaddr_text(&c->client.remote, remote);
	log_begin(l, &c->gate->s->log, level, event);
	log_u64(l, "connection", c->id);
	log_str(l, "remote", remote);
}

void
gate_conn_logged_in(struct gate_conn *c)
{
	if (c->login != NULL)
		gate_login_fini(c->login);
	free(c->login);
	c->login = NULL;
	buf_fini(&c->in);
	buf_fini(&c->out);
	loop_timer_del(c->gate->s->loop, &c->timer);
}

void
gate_conn_free(struct gate_conn *c)
{
	struct gate *g = c->gate;
	struct netaddr group = netaddr_group(&c->client.remote);

	gate_auth_cancel(c);
	gate_hand_gone(c);
	gate_conn_logged_in(c);
	loop_task_del(&c->task);
	loop_fd_del(&c->watch);
	loop_fd_del(&c->pair_watch);
	tls_free(&c->tls);
	buf_fini(&c->up);
	fd_close(&c->fd);
	fd_close(&c->pair);
	limit_drop(g->addresses, (struct view){ group.b, sizeof(group.b) });
	(void)hash_del(g->by_id, id_key(c));
	TAILQ_REMOVE(&g->conns, c, link);
	g->count--;
	free(c);
	gate_settled(g);
}
