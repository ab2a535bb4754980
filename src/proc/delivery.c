#include "proc/delivery.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/child.h"
#include "proc/msg_session.h"
#include "store/account.h"
#include "store/spool.h"
#include "store/tx.h"

/*
 * Messages come as sealed files, so reading one never waits for anybody. A turn
 * takes what has come, spools it outside the account's lock, then commits all of
 * it with one flush and answers each.
 */
#define INBOX 1           /* its id in every account */
#define PIECE (64 * 1024) /* bytes read at once */

struct item {
	uint64_t number;
	int fd; /* -1: spooled */
	uint8_t sender[MSG_SESSION_SENDER_MAX];
	size_t sender_n;
	struct spool *spool;
	uint32_t uid; /* it got; 0: none yet */
	const char *failed;
	bool for_good; /* trying again will not help */
};

struct delivery {
	const struct delivery_env *env;
	struct account *account;
	struct item item[DELIVERY_BATCH];
	size_t n;
	bool stop; /* no more will come */
};

_Static_assert(DELIVERY_BATCH >= MSG_SESSION_QUEUE_MAX,
    "what the hub may have waiting fits");

/* ---- taking ---- */

static void
take(struct delivery *d, const struct msg_session_deliver *m, int fd)
{
	struct item *it = &d->item[d->n++];

	*it = (struct item){ .number = m->delivery, .fd = fd };
	it->sender_n = m->sender.n;
	memcpy(it->sender, m->sender.p, m->sender.n);
}

/* One message of the hub; false when there is none. */
static bool
take_one(struct delivery *d)
{
	uint8_t p[MSG_MAX];
	AUTO_CLOSE int fd = -1;
	ssize_t n = fd_recv(d->env->hub, p, sizeof(p), &fd);
	struct wire w = wire_read((struct view){ p, n > 0 ? (size_t)n : 0 });
	struct msg_session_deliver m;

	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		d->stop = true;
		return false;
	}
	switch (wire_u32(&w)) {
	case MSG_SESSION_DELIVER:
		if (!msg_session_deliver_get(&w, &m) || fd == -1)
			break;
		take(d, &m, fd_take(&fd));
		return true;
	case MSG_SESSION_CHANGED:
		return true; /* every commit looks at the log anyway */
	case MSG_SESSION_SHUTDOWN:
		/* nothing more is read: what waits in the socket was never
		 * taken, and the hub knows it */
		break;
	}
	d->stop = true;
	return false;
}

static void
take_waiting(struct delivery *d)
{
	while (!d->stop && d->n < DELIVERY_BATCH && take_one(d))
		;
}

/* ---- spooling ---- */

static void
fail(struct item *it, const char *text, bool for_good)
{
	it->failed = text;
	it->for_good = for_good;
}

static void
fail_by(struct delivery *d, struct item *it, int r, const char *what)
{
	switch (r) {
	case STORE_LIMIT:
		fail(it, "The message is too large", true);
		return;
	case STORE_FULL:
		fail(it, "The disk or the quota is full", false);
		return;
	case STORE_LOCKED:
		fail(it, "The account is locked", false);
		return;
	}
	log_say(d->env->log, LOG_FAILURES, "delivery", "%s: %s (%d)", what,
	    account_why(d->account), r);
	fail(it, "The account cannot be written", false);
}

/* Lines of in end by CR LF in out (room for twice as much). *cr: the octet
 * before was a CR. Returns the octets in out. */
static size_t
to_crlf(struct view in, uint8_t *out, bool *cr)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];

		if (c == '\n' && !*cr)
			out[n++] = '\r';
		out[n++] = c;
		*cr = c == '\r';
	}
	return n;
}

/* RFC 5321 section 4.4: the line that the last hop puts in front. */
static int
spool_return_path(struct item *it)
{
	uint8_t line[MSG_SESSION_SENDER_MAX + 32];
	AUTO_BUF struct buf b;

	buf_init(&b, sizeof(line));
	buf_put_str(&b, "Return-Path: <");
	buf_put(&b, (struct view){ it->sender, it->sender_n });
	buf_put_str(&b, ">\r\n");
	assert(!b.failed);
	return spool_write(it->spool, buf_view(&b));
}

/* Octets of the line that only an mbox has, at the start of v. */
static size_t
from_line(struct view v)
{
	const uint8_t *lf = v.n > 0 ? memchr(v.p, '\n', v.n) : NULL;

	return lf != NULL && view_starts(v, VIEW_LIT("From "))
	    ? (size_t)(lf + 1 - v.p)
	    : 0;
}

static int
spool_octets(struct item *it, uint64_t size)
{
	AUTO_FREE uint8_t *in = xmalloc(PIECE);
	AUTO_FREE uint8_t *out = xmalloc(2 * PIECE);
	bool cr = false;

	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		int r = fd_pread(it->fd, in, n, at);
		struct view v = { in, n };

		if (r == 0 && at == 0)
			view_skip(&v, from_line(v));
		if (r == 0)
			r = spool_write(it->spool,
			    (struct view){ out, to_crlf(v, out, &cr) });
		if (r != 0)
			return r;
		at += n;
	}
	return 0;
}

static void
spool_one(struct delivery *d, struct item *it)
{
	struct stat st;
	int r;

	if (fstat(it->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
		fail(it, "The message cannot be read", true);
		return;
	}
	if ((uint64_t)st.st_size > d->env->max_message) {
		fail(it, "The message is too large", true);
		return;
	}
	r = spool_open(d->account, 0, &it->spool);
	if (r == 0)
		r = spool_return_path(it);
	if (r == 0)
		r = spool_octets(it, (uint64_t)st.st_size);
	if (r == 0)
		r = spool_finish(it->spool);
	if (r != 0)
		fail_by(d, it, r, "spool");
	fd_close(&it->fd);
}

/* ---- committing ---- */

static int
put_one(struct tx *t, struct item *it, int64_t now, int16_t zone)
{
	static const struct store_flags none;
	uint64_t body;
	int r = tx_body(t, it->spool, &body);

	if (r == 0)
		r = tx_message(t, INBOX, body, &none, now, zone, &it->uid);
	return r;
}

/* All that are still good, in one transaction. A negative errno spoils all. */
static int
put_all(struct delivery *d, struct tx *t)
{
	int64_t now = clock_wall_s();
	time_t at = (time_t)now;
	struct tm tm = { 0 };
	int16_t zone;

	(void)localtime_r(&at, &tm);
	zone = (int16_t)(tm.tm_gmtoff / 60);
	for (size_t i = 0; i < d->n; i++) {
		struct item *it = &d->item[i];
		int r;

		if (it->failed != NULL)
			continue;
		if ((r = put_one(t, it, now, zone)) < 0)
			return r;
		if (r > 0)
			fail_by(d, it, r, "append");
	}
	return 0;
}

static void
fail_rest(struct delivery *d, int r, const char *what)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->item[i].failed == NULL)
			fail_by(d, &d->item[i], r, what);
}

static void
commit(struct delivery *d, uint64_t *modseq)
{
	struct tx *t;
	int r = tx_begin(d->account, &t);

	*modseq = 0;
	if (r != 0) {
		fail_rest(d, r, "begin");
		return;
	}
	if ((r = put_all(d, t)) < 0)
		tx_abort(&t);
	else
		r = tx_commit(&t, modseq);
	if (r != 0)
		fail_rest(d, r, "commit");
}

/* ---- answering ---- */

#define SEND_MS 10000 /* for the hub to make room */

static void
send_hub(struct delivery *d, const struct buf *b)
{
	struct pollfd hub = { .fd = d->env->hub, .events = POLLOUT };

	while (fd_send(d->env->hub, buf_view(b), -1) == -EAGAIN &&
	    poll(&hub, 1, SEND_MS) == 1)
		;
}

static void
answer(struct delivery *d, const struct item *it, uint64_t modseq)
{
	AUTO_BUF struct buf b;
	struct msg_session_delivered m = { .delivery = it->number };

	buf_init(&b, MSG_MAX);
	if (it->failed != NULL) {
		m.result = it->for_good ? MSG_SESSION_PERMANENT
					: MSG_SESSION_TEMPORARY;
		m.text = view_str(it->failed);
	} else {
		m.uid = it->uid;
		m.modseq = modseq;
	}
	msg_session_delivered_put(&b, &m);
	send_hub(d, &b);
}

static void
tell_commit(struct delivery *d, uint64_t modseq)
{
	AUTO_BUF struct buf b;

	buf_init(&b, MSG_MAX);
	msg_session_committed_put(&b, modseq);
	send_hub(d, &b);
}

static void
log_turn(struct delivery *d, size_t stored, uint64_t ms)
{
	struct log_line l;

	log_begin(&l, d->env->log, LOG_MAJOR, "delivered");
	log_u64(&l, "messages", stored);
	log_u64(&l, "failed", d->n - stored);
	log_u64(&l, "ms", ms);
	log_end(&l);
}

static void
turn(struct delivery *d)
{
	uint64_t began = clock_mono_ms(), modseq;
	size_t stored = 0;

	for (size_t i = 0; i < d->n; i++)
		spool_one(d, &d->item[i]);
	commit(d, &modseq);
	/* the other sessions first: they have waited longest */
	if (modseq != 0)
		tell_commit(d, modseq);
	for (size_t i = 0; i < d->n; i++) {
		answer(d, &d->item[i], modseq);
		stored += d->item[i].failed == NULL;
		spool_free(&d->item[i].spool);
		fd_close(&d->item[i].fd);
	}
	log_turn(d, stored, clock_mono_ms() - began);
	d->n = 0;
}

/* The hub is told that nothing more is taken; what it had sent before that
 * still is. */
static void
leave(struct delivery *d)
{
	(void)shutdown(d->env->hub, SHUT_RD);
	take_waiting(d);
	while (d->n > 0) {
		turn(d);
		take_waiting(d);
	}
}

static void
serve(struct delivery *d)
{
	struct pollfd hub = { .fd = d->env->hub, .events = POLLIN };

	while (!d->stop) {
		take_waiting(d);
		if (d->n > 0)
			turn(d);
		else if (!d->stop && poll(&hub, 1, DELIVERY_LINGER_MS) == 0)
			break;
	}
	leave(d);
}

int
delivery_run(
    const struct delivery_env *env, const struct msg_session_deliver *deliver)
{
	struct delivery *d = xcalloc(1, sizeof(*d));
	AUTO_BUF struct buf b = { 0 };
	struct why w = { "" };
	int r;

	d->env = env;
	r = account_open(env->dir, true, NULL, &d->account, &w);
	if (r == 0)
		r = fd_nonblock(env->hub, true);
	if (r != 0) {
		log_say(
		    env->log, LOG_FAILURES, "account", "%s (%d)", w.text, r);
		return CHILD_NO_ACCOUNT;
	}
	buf_init(&b, MSG_MAX);
	msg_session_ready_put(&b);
	if (fd_send(env->hub, buf_view(&b), -1) != 0)
		return CHILD_NO_START;
	take(d, deliver, env->first);
	serve(d);
	account_close(&d->account);
	free(d);
	return CHILD_OK;
}
