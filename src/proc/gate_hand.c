#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proc/gate.h"

/*
 * Handing a connection over, and hearing how it went. While a session is
 * starting the unread bytes stay here too, so that a refusal puts everything
 * back as it was.
 *
 * When the hub dies meanwhile nobody can say whether there is a session. With
 * TLS that does no harm: nothing of it has reached the client, and closing our
 * end of its socket ends it. A plain socket may be in its hands already, so the
 * client is told BYE, which is right in either case, and the socket is shut for
 * both of us.
 */

static void
on_late(void *ctx)
{
	gate_hand_late(ctx);
}

static int
send_over(struct gate_conn *c, int pass)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_over m = { .conn = c->id,
		.generation = c->conn.generation,
		.service = (uint8_t)gate_protocol_service(c->protocol),
		.login = gate_login_msg(c->login),
		.unread = buf_view(&c->in),
		.client = c->client,
		.direct = c->tls == NULL };

	m.login.final = (struct view){ c->final, c->final_n };
	memcpy(m.grant, c->grant, sizeof(m.grant));
	msg_hand_over_put(&b, &m);
	return peer_send(&c->gate->hub, &b, pass);
}

/* One end to the session, one to us. */
static int
send_pair(struct gate_conn *c)
{
	int fd[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fd) != 0)
		return -errno;
	r = send_over(c, fd[1]);
	close(fd[1]);
	c->pair = fd[0];
	if (r != 0)
		fd_close(&c->pair);
	return r;
}

bool
gate_hand_over(struct gate_conn *c)
{
	int r = c->tls != NULL ? send_pair(c) : send_over(c, c->fd);

	explicit_bzero(c->grant, sizeof(c->grant));
	if (r != 0) {
		gate_login_refused(c->login, GATE_LOGIN_UNAVAILABLE,
		    VIEW_LIT("Sessions cannot be started at the moment"),
		    &c->out);
		return false;
	}
	if (conn_event(&c->conn, CONN_ON_HANDOVER, c->conn.generation) !=
	    CONN_MOVED)
		abort();
	loop_timer_set(c->gate->s->loop, &c->timer, GATE_START_MS, on_late, c);
	return true;
}

void
gate_hand_gone(struct gate_conn *c)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_hand_id id = { c->id, c->conn.generation };

	if (c->conn.state != CONN_STARTING && c->conn.state != CONN_LIVE)
		return;
	if (conn_event(&c->conn, CONN_ON_GONE, id.generation) != CONN_MOVED)
		abort();
	msg_hand_gone_put(&b, &id);
	(void)!peer_send(&c->gate->hub, &b, -1);
}

/* ---- no session ---- */

static void
put_back(struct gate_conn *c, enum gate_login_why why, struct view text)
{
	struct log_line l;

	gate_conn_log(c, &l, LOG_PROBLEMS, "no-session");
	log_view(&l, "why", text);
	log_end(&l);
	fd_close(&c->pair);
	gate_login_refused(c->login, why, text, &c->out);
	c->step = gate_step_login;
	gate_conn_login_timer(c);
	if (c->tls == NULL && fd_nonblock(c->fd, true) != 0) {
		gate_conn_free(c);
		return;
	}
	c->readable = true;
	gate_conn_run(c);
}

/* Nobody knows whether there is one. */
static void
give_up(struct gate_conn *c)
{
	AUTO_BUF struct buf b = BUF_INIT(256);

	if (c->tls != NULL) {
		if (conn_event(&c->conn, CONN_ON_REFUSED, c->conn.generation) !=
		    CONN_MOVED)
			abort();
		put_back(c, GATE_LOGIN_UNAVAILABLE,
		    VIEW_LIT("The session could not be started"));
		return;
	}
	gate_login_bye(c->protocol, true, GATE_LOGIN_UNAVAILABLE,
	    "The session could not be started", &b);
	(void)!send(c->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(c->fd, SHUT_RDWR);
	gate_conn_free(c);
}

void
gate_hand_late(struct gate_conn *c)
{
	gate_hand_gone(c); /* the hub shall forget it */
	if (c->tls == NULL) {
		give_up(c);
		return;
	}
	fd_close(&c->pair);
	gate_conn_bye(
	    c, GATE_LOGIN_UNAVAILABLE, "The session could not be started");
}

/* ---- what the hub says ---- */

/* False: the hub says what cannot be. *out NULL: of the past, drop it. */
static bool
move(struct gate *g, const struct msg_hand_id *id, enum conn_event event,
    struct gate_conn **out)
{
	struct gate_conn *c = gate_conn_find(g, id->conn);

	*out = NULL;
	if (c == NULL)
		return true;
	switch (conn_event(&c->conn, event, id->generation)) {
	case CONN_MOVED:
		*out = c;
		return true;
	case CONN_STALE:
		return true;
	case CONN_WRONG:
		break;
	}
	return false;
}

static void
log_login(struct gate_conn *c, uint64_t session)
{
	struct log_line l;

	gate_conn_log(c, &l, LOG_LOW_LEVEL, "login");
	log_u64(&l, "session", session);
	if (c->tls != NULL) {
		log_str(&l, "tls", tls_version_name(c->tls));
		log_str(&l, "cipher", tls_cipher_name(c->tls));
	}
	log_u64(&l, "ms", loop_now_ms(c->gate->s->loop) - c->began_ms);
	log_end(&l);
}

static bool
on_started(void *ctx, struct wire *w, int *fd)
{
	struct msg_hand_started m;
	struct gate_conn *c;

	(void)fd;
	if (!msg_hand_started_get(w, &m))
		return false;
	if (!move(ctx, &m.id, CONN_ON_STARTED, &c))
		return false;
	if (c == NULL || c->conn.state != CONN_LIVE)
		return true;
	log_login(c, m.session);
	gate_conn_logged_in(c);
	if (c->tls != NULL) {
		gate_relay_start(c);
		return true;
	}
	/* its own copy is all the session needs */
	loop_task_del(&c->task);
	loop_fd_del(&c->watch);
	fd_close(&c->fd);
	return true;
}

static bool
on_refused(void *ctx, struct wire *w, int *fd)
{
	struct msg_hand_refused m;
	struct gate_conn *c;

	(void)fd;
	if (!msg_hand_refused_get(w, &m))
		return false;
	if (!move(ctx, &m.id, CONN_ON_REFUSED, &c))
		return false;
	if (c != NULL && c->conn.state == CONN_PRELOGIN)
		put_back(c,
		    m.why == MSG_HAND_LIMIT ? GATE_LOGIN_LIMIT
					    : GATE_LOGIN_UNAVAILABLE,
		    m.text);
	return true;
}

/* A relay goes on until all that the session wrote has been delivered, or its
 * time is over. */
static bool
on_ended(void *ctx, struct wire *w, int *fd)
{
	struct msg_hand_id m;
	struct gate_conn *c;

	(void)fd;
	if (!msg_hand_id_get(w, &m))
		return false;
	if (!move(ctx, &m, CONN_ON_ENDED, &c))
		return false;
	if (c != NULL && c->tls == NULL)
		gate_conn_free(c);
	else if (c != NULL)
		gate_relay_over(c);
	return true;
}

static const struct peer_rule rules[] = {
	{ MSG_HAND_STARTED, 1, MSG_HAND_STARTED_SIZE, PEER_NO_FD, on_started },
	{ MSG_HAND_REFUSED, 1, MSG_HAND_REFUSED_MAX, PEER_NO_FD, on_refused },
	{ MSG_HAND_ENDED, 1, MSG_HAND_ID_SIZE, PEER_NO_FD, on_ended },
};

/* Sessions end when they notice it; the relays carry their last words. */
void
gate_hand_lost(struct gate *g, const char *why)
{
	struct gate_conn *c, *next;

	if (!g->s->stopping)
		log_say(&g->s->log, LOG_PROBLEMS, "hub-lost", "%s", why);
	for (c = TAILQ_FIRST(&g->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->conn.state == CONN_STARTING)
			give_up(c);
		else if (c->conn.state == CONN_LIVE && c->tls == NULL)
			gate_conn_free(c);
		else if (g->s->stopping) /* the hub outlives its sessions */
			gate_relay_over(c);
	}
}

static void
lost(void *ctx, const char *why)
{
	gate_hand_lost(ctx, why);
}

void
gate_hand_init(struct gate *g)
{
	peer_init(
	    &g->hub, "hub", rules, sizeof(rules) / sizeof(rules[0]), g, lost);
}
