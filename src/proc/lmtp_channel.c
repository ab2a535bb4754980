#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/lmtp.h"

/*
 * One channel an account. What cannot be sent yet waits in it: until auth and
 * the hub have answered, and while MSG_DELIVER_QUEUE_MAX are not answered. A
 * process that leaves says so, and what it did not take goes to the next one,
 * once. What a process had when it died is answered 451: nobody knows whether
 * it was stored, and twice is better than never.
 */

static struct view
name_of(const struct lmtp_channel *ch)
{
	return (struct view){ ch->name, ch->name_n };
}

static struct view
request_of(const struct lmtp_channel *ch)
{
	return (struct view){ (const void *)&ch->request, sizeof(ch->request) };
}

/* ---- the end of a delivery ---- */

static void
finish(struct lmtp_delivery *d, uint8_t result, struct view status,
    struct view text)
{
	struct lmtp_conn *c = d->conn;
	size_t rcpt = d->rcpt;

	lmtp_body_unref(&d->body);
	buf_fini(&d->packet);
	free(d);
	if (c == NULL)
		return;
	lmtp_transaction_answer(c, rcpt, result, status, text);
	lmtp_conn_go(c);
}

static void
later(struct lmtp_delivery *d, const char *status, const char *text)
{
	finish(d, MSG_DELIVER_TEMPORARY, view_str(status), view_str(text));
}

/* ---- the end of a channel ---- */

static void
free_channel(void *ctx)
{
	free(ctx);
}

/* It is nobody's any more; its deliveries are the caller's. */
static void
take_apart(struct lmtp_channel *ch, struct lmtp_deliveries *rest)
{
	struct lmtp *l = ch->lmtp;

	TAILQ_INIT(rest);
	TAILQ_CONCAT(rest, &ch->sent, link);
	TAILQ_CONCAT(rest, &ch->waiting, link);
	if (ch->request != 0)
		(void)hash_del(l->channel_by_request, request_of(ch));
	(void)hash_del(l->channel_by_name, name_of(ch));
	peer_close(&ch->peer);
	ch->dead = true;
	loop_task_add(l->s->loop, &ch->free, free_channel, ch);
}

static void
fail_all(struct lmtp_channel *ch, uint8_t result, const char *status,
    const char *text)
{
	struct lmtp_deliveries rest;
	struct lmtp_delivery *d;

	take_apart(ch, &rest);
	while ((d = TAILQ_FIRST(&rest)) != NULL) {
		TAILQ_REMOVE(&rest, d, link);
		finish(d, result, view_str(status), view_str(text));
	}
}

static void
unavailable(struct lmtp_channel *ch)
{
	fail_all(ch, MSG_DELIVER_TEMPORARY, "4.3.0",
	    "The delivery could not be started");
}

/* The process has left: what it did not take is given to the next one. */
static void
give_again(struct lmtp_channel *ch)
{
	struct lmtp *l = ch->lmtp;
	struct lmtp_deliveries rest;
	struct lmtp_delivery *d;

	take_apart(ch, &rest);
	while ((d = TAILQ_FIRST(&rest)) != NULL) {
		TAILQ_REMOVE(&rest, d, link);
		if (d->again) {
			later(d, "4.3.0", "The delivery was interrupted");
			continue;
		}
		d->again = true;
		/* ch is freed at the end of this turn */
		lmtp_channel_give(l, name_of(ch), d);
	}
}

/* ---- what the process says ---- */

static bool
on_taken(void *ctx, struct wire *w, int *fd)
{
	struct lmtp_channel *ch = ctx;

	(void)fd;
	ch->taken = true;
	return wire_end(w);
}

static bool
on_left(void *ctx, struct wire *w, int *fd)
{
	(void)fd;
	if (!wire_end(w))
		return false;
	give_again(ctx);
	return true;
}

static void send_waiting(struct lmtp_channel *ch);

static struct lmtp_delivery *
find_sent(struct lmtp_channel *ch, uint64_t number)
{
	struct lmtp_delivery *d;

	TAILQ_FOREACH (d, &ch->sent, link)
		if (d->number == number)
			return d;
	return NULL;
}

static bool
on_delivered(void *ctx, struct wire *w, int *fd)
{
	struct lmtp_channel *ch = ctx;
	struct lmtp_delivery *d;
	struct msg_delivered m;

	(void)fd;
	if (!msg_delivered_get(w, &m) ||
	    (d = find_sent(ch, m.delivery)) == NULL)
		return false;
	TAILQ_REMOVE(&ch->sent, d, link);
	ch->in_flight--;
	finish(d, m.result, m.status, m.text);
	if (!ch->dead)
		send_waiting(ch);
	return true;
}

static const struct peer_rule rules[] = {
	{ MSG_DELIVER_TAKEN, 1, 0, PEER_NO_FD, on_taken },
	{ MSG_DELIVER_DELIVERED, 1, MSG_DELIVERED_MAX, PEER_NO_FD,
	    on_delivered },
	{ MSG_DELIVER_LEFT, 1, 0, PEER_NO_FD, on_left },
};

static void
log_lost(const struct lmtp_channel *ch, const char *why)
{
	struct log_line l;

	log_begin(&l, &ch->lmtp->s->log, LOG_FAILURES, "delivery-lost");
	log_view(&l, "account", name_of(ch));
	log_u64(&l, "messages", ch->in_flight);
	log_str(&l, "why", why);
	log_end(&l);
}

static void
channel_lost(void *ctx, const char *why)
{
	struct lmtp_channel *ch = ctx;

	if (!ch->taken) {
		give_again(ch);
		return;
	}
	if (ch->in_flight > 0)
		log_lost(ch, why);
	fail_all(
	    ch, MSG_DELIVER_TEMPORARY, "4.3.0", "The delivery was interrupted");
}

/* ---- sending ---- */

static bool
send_one(struct lmtp_channel *ch, struct lmtp_delivery *d)
{
	AUTO_BUF struct buf b = peer_msg();

	buf_put(&b, buf_view(&d->packet));
	if (d->body->fd >= 0)
		wire_put_u32(&b, 0);
	else
		wire_put_bytes(&b, buf_view(&d->body->mem));
	if (peer_send(&ch->peer, &b, d->body->fd) != 0)
		return false;
	d->sent_ms = loop_now_ms(ch->lmtp->s->loop);
	return true;
}

static void
send_waiting(struct lmtp_channel *ch)
{
	struct lmtp_delivery *d;

	while (ch->state == LMTP_CHANNEL_OPEN &&
	    ch->in_flight < MSG_DELIVER_QUEUE_MAX &&
	    (d = TAILQ_FIRST(&ch->waiting)) != NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (d->conn == NULL && d->sent_ms == 0) {
			/* its client has gone before it left us */
			TAILQ_REMOVE(&ch->waiting, d, link);
			later(d, "4.3.0", "");
			continue;
		}
		if (!send_one(ch, d))
			return; /* when an answer has made room */
		TAILQ_REMOVE(&ch->waiting, d, link);
		TAILQ_INSERT_TAIL(&ch->sent, d, link);
		ch->in_flight++;
	}
}

/* ---- opening ---- */

static bool
ask(struct lmtp_channel *ch)
{
	struct lmtp *l = ch->lmtp;
	AUTO_BUF struct buf b = peer_msg();
	struct msg_lmtp_ask m = { ch->request, name_of(ch) };

	msg_lmtp_ask_put(&b, &m);
	return peer_send(&l->auth, &b, -1) == 0;
}

/* One that nobody uses goes for a new one. */
static bool
make_room(struct lmtp *l)
{
	struct lmtp_deliveries none;
	struct lmtp_channel *ch;
	size_t at = 0;

	if (hash_count(l->channel_by_name) < LMTP_CHANNELS_MAX)
		return true;
	while ((ch = hash_next(l->channel_by_name, &at)) != NULL)
		if (ch->state == LMTP_CHANNEL_OPEN && ch->in_flight == 0 &&
		    TAILQ_EMPTY(&ch->waiting)) {
			take_apart(ch, &none);
			return true;
		}
	return false;
}

static struct lmtp_channel *
new_channel(struct lmtp *l, struct view account)
{
	struct lmtp_channel *ch;

	if (!make_room(l))
		return NULL;
	ch = xcalloc(1, sizeof(*ch));
	ch->lmtp = l;
	ch->state = LMTP_CHANNEL_ASKING;
	ch->request = l->next_request++;
	memcpy(ch->name, account.p, ch->name_n = account.n);
	TAILQ_INIT(&ch->waiting);
	TAILQ_INIT(&ch->sent);
	peer_init(&ch->peer, "delivery", rules,
	    sizeof(rules) / sizeof(rules[0]), ch, channel_lost);
	if (!hash_put(l->channel_by_name, name_of(ch), ch) ||
	    !hash_put(l->channel_by_request, request_of(ch), ch) || !ask(ch)) {
		struct lmtp_deliveries none;

		take_apart(ch, &none);
		return NULL;
	}
	return ch;
}

void
lmtp_channel_give(struct lmtp *l, struct view account, struct lmtp_delivery *d)
{
	struct lmtp_channel *ch = hash_get(l->channel_by_name, account);

	if (ch == NULL)
		ch = new_channel(l, account);
	if (ch == NULL) {
		later(d, "4.3.2", "Too much is being delivered");
		return;
	}
	d->sent_ms = 0;
	TAILQ_INSERT_TAIL(&ch->waiting, d, link);
	send_waiting(ch);
}

static struct lmtp_channel *
find_request(struct lmtp *l, uint64_t request, unsigned state)
{
	struct lmtp_channel *ch = hash_get(l->channel_by_request,
	    (struct view){ (const void *)&request, sizeof(request) });

	return ch != NULL && ch->state == state ? ch : NULL;
}

bool
lmtp_channel_on_asked(void *ctx, struct wire *w, int *fd)
{
	struct lmtp *l = ctx;
	AUTO_BUF struct buf b = peer_msg();
	struct msg_lmtp_asked m;
	struct msg_lmtp_open open = { 0 };
	struct lmtp_channel *ch;

	(void)fd;
	if (!msg_lmtp_asked_get(w, &m))
		return false;
	if ((ch = find_request(l, m.request, LMTP_CHANNEL_ASKING)) == NULL)
		return true;
	switch ((enum msg_lmtp_answer)m.answer) {
	case MSG_LMTP_UNKNOWN:
		fail_all(ch, MSG_DELIVER_PERMANENT, "5.1.1",
		    "There is no such account any more");
		return true;
	case MSG_LMTP_DISABLED:
	case MSG_LMTP_TRY_LATER:
		unavailable(ch);
		return true;
	case MSG_LMTP_YES:
		break;
	}
	open.request = m.request;
	memcpy(open.grant, m.grant, sizeof(open.grant));
	msg_lmtp_open_put(&b, &open);
	ch->state = LMTP_CHANNEL_OPENING;
	if (peer_send(&l->hub, &b, -1) != 0)
		unavailable(ch);
	return true;
}

bool
lmtp_channel_on_opened(void *ctx, struct wire *w, int *fd)
{
	struct lmtp *l = ctx;
	struct lmtp_channel *ch;
	uint64_t request;

	if (!msg_lmtp_request_get(w, &request))
		return false;
	ch = find_request(l, request, LMTP_CHANNEL_OPENING);
	if (ch == NULL)
		return true;
	(void)hash_del(l->channel_by_request, request_of(ch));
	ch->request = 0;
	ch->state = LMTP_CHANNEL_OPEN;
	if (peer_open(&ch->peer, l->s->loop, fd_take(fd), 1) != 0)
		unavailable(ch);
	else
		send_waiting(ch);
	return true;
}

bool
lmtp_channel_on_refused(void *ctx, struct wire *w, int *fd)
{
	struct lmtp_channel *ch;
	uint64_t request;

	(void)fd;
	if (!msg_lmtp_request_get(w, &request))
		return false;
	ch = find_request(ctx, request, LMTP_CHANNEL_OPENING);
	if (ch != NULL)
		unavailable(ch);
	return true;
}

/* ---- looking after them ---- */

void
lmtp_channel_lost(struct lmtp *l)
{
	struct lmtp_channel *ch;
	size_t at = 0;

	while ((ch = hash_next(l->channel_by_request, &at)) != NULL) {
		unavailable(ch);
		at = 0;
	}
}

/* One whose process does not answer. */
static struct lmtp_channel *
find_stuck(struct lmtp *l)
{
	uint64_t now = loop_now_ms(l->s->loop);
	const struct lmtp_delivery *d;
	struct lmtp_channel *ch;
	size_t at = 0;

	while ((ch = hash_next(l->channel_by_name, &at)) != NULL) {
		d = TAILQ_FIRST(&ch->sent);
		if (d != NULL && now - d->sent_ms > LMTP_ANSWER_MS)
			return ch;
	}
	return NULL;
}

void
lmtp_channel_sweep(struct lmtp *l)
{
	struct lmtp_channel *ch;

	while ((ch = find_stuck(l)) != NULL) {
		log_lost(ch, "it does not answer");
		fail_all(ch, MSG_DELIVER_TEMPORARY, "4.3.0",
		    "The delivery takes too long");
	}
}

static void
forget_in(struct lmtp_deliveries *list, const struct lmtp_conn *c)
{
	struct lmtp_delivery *d;

	TAILQ_FOREACH (d, list, link)
		if (d->conn == c)
			d->conn = NULL;
}

void
lmtp_channel_forget(struct lmtp *l, const struct lmtp_conn *c)
{
	struct lmtp_channel *ch;
	size_t at = 0;

	while ((ch = hash_next(l->channel_by_name, &at)) != NULL) {
		forget_in(&ch->sent, c);
		forget_in(&ch->waiting, c);
	}
}
