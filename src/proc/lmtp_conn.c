#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/lmtp.h"

/*
 * One client: octets in, lines and data to lmtp_transaction.c, answers out. A
 * client may send its commands ahead (RFC 2920); it is read no further than
 * LMTP_READ while it waits for answers, so nobody's memory grows.
 */
#define READ_SMALL (16 * 1024) /* octets read at once while it sends commands */
#define OUT_ENOUGH (64 * 1024) /* it should read before it says more */

static void conn_run(struct lmtp_conn *c);

/* ---- saying ---- */

void
lmtp_conn_say(struct lmtp_conn *c, const char *code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_put_str(&c->out, code);
	buf_put_byte(&c->out, ' ');
	buf_put_str(&c->out, text);
	buf_put_str(&c->out, "\r\n");
}

void
lmtp_conn_bye(struct lmtp_conn *c, const char *code, const char *text)
{
	if (c->closing)
		return;
	lmtp_conn_say(c, code, "%s", text);
	c->closing = true;
}

/* ---- beginning and end ---- */

static void
conn_free(struct lmtp_conn *c)
{
	struct lmtp *l = c->lmtp;

	lmtp_find_cancel(c);
	if (c->delivering > 0)
		lmtp_channel_forget(l, c);
	lmtp_transaction_reset(c);
	loop_timer_del(l->s->loop, &c->timer);
	loop_task_del(&c->task);
	loop_fd_del(&c->watch);
	fd_close(&c->fd);
	TAILQ_REMOVE(&l->conns, c, link);
	l->count--;
	lmtp_share_unref(l, &c->share);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c->rcpt);
	free(c);
	lmtp_settle(l);
}

static void
on_task(void *ctx)
{
	conn_run(ctx);
}

void
lmtp_conn_go(struct lmtp_conn *c)
{
	loop_task_add(c->lmtp->s->loop, &c->task, on_task, c);
}

/* ---- octets ---- */

static void
conn_read(struct lmtp_conn *c)
{
	bool bulk = c->at == LMTP_AT_DATA || c->at == LMTP_AT_CHUNK;
	size_t room = LMTP_READ - c->in.n, want = bulk ? LMTP_READ : READ_SMALL;
	uint8_t *p;
	ssize_t n;

	if (c->eof || room == 0)
		return;
	if (want > room)
		want = room;
	if ((p = buf_reserve(&c->in, want)) == NULL)
		return;
	n = recv(c->fd, p, want, MSG_DONTWAIT);
	if (n > 0) {
		c->in.n += (size_t)n;
		c->active_ms = loop_now_ms(c->lmtp->s->loop);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		c->eof = true;
		if (n != 0) { /* nobody is there to read */
			buf_clear(&c->out);
			c->closing = true;
		}
	}
}

static void
conn_write(struct lmtp_conn *c)
{
	ssize_t n;

	if (c->out.failed) { /* it reads none of its answers */
		buf_clear(&c->out);
		c->closing = true;
	}
	if (c->out.n == 0)
		return;
	n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0) {
		buf_consume(&c->out, (size_t)n);
		c->active_ms = loop_now_ms(c->lmtp->s->loop);
	} else if (errno != EAGAIN && errno != EINTR) {
		buf_clear(&c->out);
		c->closing = c->eof = true;
	}
}

/* ---- steps: true when there may be another ---- */

static struct view
unread(const struct lmtp_conn *c)
{
	return (struct view){ c->in.p + c->in_at, c->in.n - c->in_at };
}

static bool
step_skip(struct lmtp_conn *c)
{
	struct view v = unread(c);
	const uint8_t *lf = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

	c->in_at += lf != NULL ? (size_t)(lf + 1 - v.p) : v.n;
	if (lf != NULL)
		c->at = LMTP_AT_COMMAND;
	return lf != NULL;
}

static void
bad_line(struct lmtp_conn *c, const char *text)
{
	if (++c->errors > LMTP_ERRORS_MAX)
		lmtp_conn_bye(c, "421 4.7.0", "Too many errors");
	else
		lmtp_conn_say(c, "500 5.5.2", "%s", text);
}

/* RFC 5321 section 2.3.8: CR LF ends a line, and neither stands alone. */
static bool
line_ok(struct view line)
{
	return memchr(line.p, '\r', line.n) == NULL &&
	    memchr(line.p, '\0', line.n) == NULL;
}

static bool
step_command(struct lmtp_conn *c)
{
	struct view v = view_sub(unread(c), 0, LMTP_LINE_MAX);
	const uint8_t *lf = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;
	size_t n;

	if (lf == NULL) {
		if (v.n < LMTP_LINE_MAX)
			return false;
		bad_line(c, "The line is too long");
		c->at = LMTP_AT_SKIP;
		return true;
	}
	n = (size_t)(lf - v.p);
	c->in_at += n + 1;
	if (n == 0 || v.p[n - 1] != '\r' ||
	    !line_ok((struct view){ v.p, n - 1 }))
		bad_line(c, "A line ends with CR LF and has neither inside");
	else
		lmtp_transaction_line(c, (struct view){ v.p, n - 1 });
	return true;
}

static bool
step_data(struct lmtp_conn *c)
{
	struct view v = unread(c), piece;
	enum lmtp_data_result r;

	while ((r = lmtp_data_next(&c->data, &v, &piece)) == LMTP_DATA_PIECE)
		lmtp_body_put(c->body, piece);
	c->in_at = c->in.n - v.n;
	if (r == LMTP_DATA_END)
		lmtp_transaction_deliver(c);
	return r == LMTP_DATA_END;
}

static bool
step_chunk(struct lmtp_conn *c)
{
	struct view v = view_sub(
	    unread(c), 0, c->chunk < LMTP_READ ? (size_t)c->chunk : LMTP_READ);

	if (!c->chunk_dropped)
		lmtp_body_put(c->body, v);
	c->in_at += v.n;
	c->chunk -= v.n;
	if (c->chunk > 0)
		return false;
	lmtp_transaction_chunk(c);
	return true;
}

static bool
has_answer(const struct lmtp_conn *c)
{
	return c->answered < c->rcpts && c->rcpt[c->answered].answer != NULL;
}

/* In the order of the recipients, as far as they are known and the client reads
 * them. */
static bool
step_answers(struct lmtp_conn *c)
{
	while (has_answer(c) && c->out.n < OUT_ENOUGH)
		buf_put_str(&c->out, c->rcpt[c->answered++].answer);
	if (c->answered < c->rcpts)
		return false;
	lmtp_transaction_reset(c);
	if (c->lmtp->s->stopping)
		lmtp_conn_bye(c, "421 4.3.2", "Server is going down");
	return true;
}

static bool
step(struct lmtp_conn *c)
{
	switch (c->at) {
	case LMTP_AT_COMMAND:
		return c->out.n < OUT_ENOUGH && step_command(c);
	case LMTP_AT_SKIP:
		return step_skip(c);
	case LMTP_AT_FIND:
		return false;
	case LMTP_AT_DATA:
		return step_data(c);
	case LMTP_AT_CHUNK:
		return step_chunk(c);
	case LMTP_AT_ANSWERS:
		return step_answers(c);
	}
	return false;
}

/* ---- turns ---- */

static bool
waits_for_us(const struct lmtp_conn *c)
{
	return c->at == LMTP_AT_FIND || c->at == LMTP_AT_ANSWERS;
}

/* It stopped because the client had too many answers to read. */
static bool
has_more(const struct lmtp_conn *c)
{
	if (c->at == LMTP_AT_ANSWERS)
		return has_answer(c);
	return c->at == LMTP_AT_COMMAND && c->in.n > 0 &&
	    memchr(c->in.p, '\n', c->in.n) != NULL;
}

/* Who has closed its side may still read, and what it had sent before is still
 * done. */
static bool
is_over(const struct lmtp_conn *c)
{
	return c->out.n == 0 &&
	    (c->closing || (c->eof && !waits_for_us(c) && !has_more(c)));
}

static void
conn_run(struct lmtp_conn *c)
{
	int turns = 0;
	unsigned events = 0;

	while (!c->closing && turns++ < LMTP_TURNS && step(c))
		;
	if (turns > LMTP_TURNS)
		lmtp_conn_go(c);
	buf_consume(&c->in, c->in_at);
	c->in_at = 0;
	conn_write(c);
	if (turns <= LMTP_TURNS && is_over(c)) {
		conn_free(c);
		return;
	}
	if (!c->eof && c->in.n < LMTP_READ && c->out.n < OUT_ENOUGH)
		events |= LOOP_READ;
	if (c->out.n > 0)
		events |= LOOP_WRITE;
	(void)!loop_fd_set(&c->watch, events);
	if (c->out.n == 0 && has_more(c))
		lmtp_conn_go(c);
}

static void
on_client(void *ctx, unsigned events)
{
	struct lmtp_conn *c = ctx;

	if ((events & LOOP_HUP) != 0 && (events & LOOP_READ) == 0 &&
	    waits_for_us(c)) {
		/* nobody hears the answers: they are logged, no more */
		c->closing = c->eof = true;
		buf_clear(&c->out);
	}
	if ((events & (LOOP_READ | LOOP_HUP)) != 0)
		conn_read(c);
	conn_run(c);
}

static void
on_timer(void *ctx)
{
	struct lmtp_conn *c = ctx;
	struct lmtp *l = c->lmtp;
	uint64_t idle = loop_now_ms(l->s->loop) - c->active_ms;

	if (waits_for_us(c) && c->out.n == 0)
		idle = 0;
	if (idle < l->timeout_ms) {
		loop_timer_set(
		    l->s->loop, &c->timer, l->timeout_ms - idle, on_timer, c);
		return;
	}
	if (c->closing || c->out.n > 0) {
		conn_free(c); /* it does not even read */
		return;
	}
	lmtp_conn_bye(c, "421 4.4.2", "Nothing was said for too long");
	loop_timer_set(l->s->loop, &c->timer, l->timeout_ms, on_timer, c);
	conn_run(c);
}

void
lmtp_conn_new(struct lmtp *l, int fd, const char *remote, const char *who)
{
	struct lmtp_conn *c = xcalloc(1, sizeof(*c));

	c->lmtp = l;
	c->id = l->next_id++;
	c->fd = fd;
	c->share = lmtp_share_ref(l, who);
	(void)snprintf(c->remote, sizeof(c->remote), "%s", remote);
	c->active_ms = loop_now_ms(l->s->loop);
	buf_init(&c->in, LMTP_READ);
	buf_init(&c->out, LMTP_OUT_MAX);
	TAILQ_INSERT_TAIL(&l->conns, c, link);
	l->count++;
	loop_timer_set(l->s->loop, &c->timer, l->timeout_ms, on_timer, c);
	if (loop_fd_add(l->s->loop, &c->watch, fd, LOOP_READ, on_client, c) !=
	    0) {
		conn_free(c);
		return;
	}
	if (l->count > l->connections_max)
		lmtp_conn_bye(c, "421 4.3.2", "Too many connections");
	else
		lmtp_conn_say(c, "220", "%s LMTP fumi", l->host);
	conn_run(c);
}

void
lmtp_conn_stop_all(struct lmtp *l)
{
	struct lmtp_conn *c;

	TAILQ_FOREACH (c, &l->conns, link) {
		if (c->at == LMTP_AT_ANSWERS)
			continue; /* it is told then */
		lmtp_conn_bye(c, "421 4.3.2", "Server is going down");
		lmtp_conn_go(c);
	}
}
