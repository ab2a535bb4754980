#include <assert.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proc/gate.h"

/*
 * Between a client with TLS and its session. Each direction holds at most one
 * chunk: what has been read from one side is offered to the other at once, and
 * while some of it waits nothing more is read. So a relay that is at rest holds
 * nothing.
 *
 *   up    client -> session: c->up waits
 *   down  session -> client: ciphertext waits in c->tls
 *
 * The end of one direction is passed on and the other goes on: a client may
 * close its half and still read what it has asked for. When the session has
 * said all, it is over.
 */
enum moved {
	MOVED_SOME,  /* there may be more */
	MOVED_STUCK, /* the reader has to read first; up without anything in
	              * c->up: the client, since TLS itself has to answer */
	MOVED_DRY,   /* the writer has to write first */
	MOVED_OVER,  /* nothing more will ever come this way */
	MOVED_LOST,  /* the client's connection is broken */
};

static void
run_task(void *ctx)
{
	gate_conn_go(ctx);
}

static void
on_pair(void *ctx, unsigned events)
{
	(void)events;
	gate_relay_run(ctx);
}

/* ---- up ---- */

/* To the session; what it does not take waits. One that is gone takes all. */
static void
offer(struct gate_conn *c, struct view v)
{
	while (v.n > 0) {
		ssize_t n = send(c->pair, v.p, v.n, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) { /* its last words are still to be read */
			c->eof = true;
			buf_fini(&c->up);
			return;
		}
		c->up_bytes += (uint64_t)n;
		view_skip(&v, (size_t)n);
	}
	if (c->up.n > 0 && v.n > 0) {
		buf_consume(&c->up, c->up.n - v.n);
		return;
	}
	if (v.n == 0)
		buf_fini(&c->up);
	else
		buf_put(&c->up, v);
}

static void
pass_end(struct gate_conn *c)
{
	if (c->pair_closed)
		return;
	c->pair_closed = true;
	(void)shutdown(c->pair, SHUT_WR);
}

/* A chunk of what the client has sent. */
static enum moved
take_up(struct gate_conn *c, size_t *n)
{
	uint8_t *p = c->gate->scratch;
	enum tls_result r = TLS_OK;
	size_t one;

	for (*n = 0; *n < GATE_CHUNK; *n += one) {
		r = tls_read(c->tls, p + *n, GATE_CHUNK - *n, &one);
		if (r != TLS_OK)
			break;
	}
	switch (r) {
	case TLS_OK:
		return MOVED_SOME;
	case TLS_MORE:
		return MOVED_DRY;
	case TLS_FULL:
		return MOVED_STUCK;
	case TLS_END:
		return MOVED_OVER;
	case TLS_FAIL:
		break;
	}
	return MOVED_LOST;
}

static enum moved
move_up(struct gate_conn *c)
{
	enum moved m;
	size_t n;

	if (c->up.n > 0)
		offer(c, buf_view(&c->up));
	if (c->up.n > 0)
		return MOVED_STUCK;
	if (c->eof) {
		pass_end(c);
		return MOVED_OVER;
	}
	m = take_up(c, &n);
	if (n > 0)
		offer(c, (struct view){ c->gate->scratch, n });
	if (m == MOVED_OVER) {
		c->eof = true;
		return MOVED_SOME;
	}
	/* the client may have said all it will before it hears an answer: what
	 * waits goes on when the session reads, not when the client writes */
	return m != MOVED_LOST && c->up.n > 0 ? MOVED_STUCK : m;
}

/* ---- down ---- */

static enum moved
flush(struct gate_conn *c)
{
	switch (tls_flush(c->tls)) {
	case TLS_OK:
		return MOVED_SOME;
	case TLS_FULL:
		return MOVED_STUCK;
	case TLS_MORE:
	case TLS_END:
	case TLS_FAIL:
		break;
	}
	return MOVED_LOST;
}

static enum moved
move_down(struct gate_conn *c)
{
	enum moved m = flush(c);
	ssize_t n;

	if (m != MOVED_SOME)
		return m;
	if (c->pair_eof)
		return MOVED_OVER;
	do
		n = recv(c->pair, c->gate->scratch, GATE_CHUNK, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return MOVED_DRY;
	if (n <= 0) {
		c->pair_eof = true;
		tls_end(c->tls);
		return MOVED_SOME;
	}
	c->down_bytes += (uint64_t)n;
	if (tls_write(c->tls, (struct view){ c->gate->scratch, (size_t)n }) !=
	    TLS_OK)
		return MOVED_LOST;
	if ((m = flush(c)) != MOVED_SOME)
		return m;
	return n == GATE_CHUNK ? MOVED_SOME : MOVED_DRY;
}

/* ---- both ---- */

static enum moved
move_for_a_turn(struct gate_conn *c, enum moved (*move)(struct gate_conn *))
{
	enum moved m = MOVED_SOME;

	for (int i = 0; i < GATE_RELAY_TURN && m == MOVED_SOME; i++)
		m = move(c);
	return m;
}

static void
on_drained_late(void *ctx)
{
	gate_conn_free(ctx);
}

/* What waits is all that will ever come. */
static void
limit_draining(struct gate_conn *c)
{
	const struct start *s = c->gate->s;

	loop_timer_set(s->loop, &c->timer,
	    s->stopping ? GATE_STOP_DRAIN_MS : GATE_DRAIN_MS, on_drained_late,
	    c);
}

static void
log_end_of(struct gate_conn *c)
{
	struct log_line l;

	gate_conn_log(c, &l, LOG_LOW_LEVEL, "relayed");
	log_u64(&l, "up", c->up_bytes);
	log_u64(&l, "down", c->down_bytes);
	log_end(&l);
}

/* Everything has been said and sent. */
static void
finish(struct gate_conn *c)
{
	log_end_of(c);
	gate_hand_gone(c);
	c->relaying = false;
	loop_task_del(&c->task);
	loop_fd_del(&c->pair_watch);
	fd_close(&c->pair);
	buf_fini(&c->up);
	if (c->eof) {
		gate_conn_free(c);
		return;
	}
	gate_conn_linger(c);
	gate_conn_run(c);
}

static void
watch(struct gate_conn *c, enum moved up, enum moved down)
{
	unsigned client = 0, pair = 0;

	if (up == MOVED_SOME || down == MOVED_SOME)
		loop_task_add(c->gate->s->loop, &c->task, run_task, c);
	if (up == MOVED_DRY)
		client |= LOOP_READ;
	if (up == MOVED_STUCK && c->up.n > 0)
		pair |= LOOP_WRITE;
	else if (up == MOVED_STUCK)
		client |= LOOP_WRITE;
	if (down == MOVED_STUCK || tls_waiting(c->tls))
		client |= LOOP_WRITE;
	if (down == MOVED_DRY)
		pair |= LOOP_READ;
	if (loop_fd_set(&c->watch, client) != 0 ||
	    loop_fd_set(&c->pair_watch, pair) != 0)
		gate_conn_free(c);
}

void
gate_relay_run(struct gate_conn *c)
{
	enum moved up = move_for_a_turn(c, move_up), down;

	if (up == MOVED_LOST) { /* the session sees its end, and so do we */
		log_end_of(c);
		gate_conn_free(c);
		return;
	}
	down = move_for_a_turn(c, move_down);
	if (down == MOVED_LOST) {
		log_end_of(c);
		gate_conn_free(c);
		return;
	}
	if (down == MOVED_OVER) {
		finish(c);
		return;
	}
	if (c->pair_eof)
		gate_relay_over(c);
	watch(c, up, down);
}

/* The end may stand behind what the client does not take, so that it is not
 * seen here: the hub tells it too. */
void
gate_relay_over(struct gate_conn *c)
{
	if (!c->relaying || c->over)
		return;
	c->over = true;
	limit_draining(c);
}

void
gate_relay_stop(struct gate_conn *c)
{
	if (c->relaying && c->over)
		limit_draining(c);
}

void
gate_relay_start(struct gate_conn *c)
{
	assert(c->pair >= 0 && c->tls != NULL);
	c->relaying = true;
	loop_task_del(&c->task);
	if (loop_fd_add(c->gate->s->loop, &c->pair_watch, c->pair, LOOP_READ,
		on_pair, c) != 0) {
		gate_conn_free(c);
		return;
	}
	tls_ready(c->tls);
	gate_relay_run(c);
}
