#include "proc/delivery_item.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/xtext.h"
#include "proc/msg_control.h"
#include "store/tx.h"

/*
 * All reading, conversion and digesting happens before the account's lock is
 * taken. Messages in files are sealed, so that they can be mapped and nobody can
 * take them away or make their reader wait.
 */
#define PIECE (64 * 1024) /* bytes converted at once */

/* ---- what went wrong ---- */

static void
fail(struct delivery_item *it, const char *text, const char *status,
    bool for_good)
{
	it->failed = text;
	it->status = status;
	it->for_good = for_good;
}

/* No place takes it. */
static void
fail_full(struct delivery_item *it)
{
	fail(it, "The mailbox takes no more messages",
	    it->left ? "4.2.2" : "5.2.2", !it->left);
}

static void
fail_by(struct delivery *d, struct delivery_item *it, int r, const char *what)
{
	switch (r) {
	case STORE_LIMIT:
		fail(it, "The message is too large", "5.3.4", true);
		return;
	case STORE_FULL:
		fail(it, "The disk or the quota is full", "4.3.1", false);
		return;
	case STORE_LOCKED:
		fail(it, "The account is locked", "4.2.0", false);
		return;
	}
	log_say(d->env->log, LOG_FAILURES, "delivery", "%s: %s (%d)", what,
	    account_why(d->account), r);
	fail(it, "The account cannot be written", "4.3.0", false);
}

/* ---- spooling ---- */

/* The lines that the last hop puts in front. */
static int
spool_trace(struct delivery_item *it)
{
	AUTO_BUF struct buf b = BUF_INIT(2 * MSG_DELIVER_ADDRESS_MAX +
	    MSG_DELIVER_XTEXT_MAX + MSG_DELIVER_TRACE_MAX + 96);

	buf_put_str(&b, "Return-Path: <");
	buf_put(&b, it->m.sender);
	buf_put_str(&b, ">\r\n");
	xtext_put_recipient(it->m.dsn.orcpt, &b);
	if (it->m.recipient.n > 0) {
		buf_put_str(&b, "Delivered-To: ");
		buf_put(&b, it->m.recipient);
		buf_put_str(&b, "\r\n");
	}
	buf_put(&b, it->m.trace);
	assert(!b.failed);
	it->own_n = b.n;
	return spool_write(it->spool, buf_view(&b));
}

static bool
has_bare_lf(struct view v)
{
	const uint8_t *p = v.p, *end = v.p + v.n, *lf;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (lf == v.p || lf[-1] != '\r')
			return true;
		p = lf + 1;
	}
	return false;
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

static int
spool_converted(struct delivery_item *it, struct view v)
{
	AUTO_FREE uint8_t *out = xmalloc(2 * PIECE);
	bool cr = false;

	while (v.n > 0) {
		struct view piece = view_sub(v, 0, PIECE);
		int r = spool_write(
		    it->spool, (struct view){ out, to_crlf(piece, out, &cr) });

		if (r != 0)
			return r;
		view_skip(&v, piece.n);
	}
	return 0;
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
spool_octets(struct delivery_item *it, struct view v)
{
	if (v.n == 0)
		return 0;
	if (!it->m.lmtp)
		view_skip(&v, from_line(v));
	return has_bare_lf(v) ? spool_converted(it, v)
			      : spool_write(it->spool, v);
}

static void
spool_view_of(struct delivery *d, struct delivery_item *it, struct view octets)
{
	int r;

	if (octets.n > d->env->max_message) {
		fail_by(d, it, STORE_LIMIT, "spool");
		return;
	}
	r = spool_open(d->account, octets.n, &it->spool);
	if (r == 0)
		r = spool_trace(it);
	if (r == 0)
		r = spool_octets(it, octets);
	if (r == 0)
		r = spool_finish(it->spool);
	if (r != 0)
		fail_by(d, it, r, "spool");
}

/* The file of a message, if nobody can change it any more. */
static void
spool_file(struct delivery *d, struct delivery_item *it)
{
	struct stat st;
	int seals = fcntl(it->fd, F_GET_SEALS);
	void *p;

	if (seals == -1 || (seals & MSG_CONTROL_SEALS) != MSG_CONTROL_SEALS ||
	    fstat(it->fd, &st) != 0 || st.st_size < 0) {
		fail(it, "The message cannot be read", NULL, true);
		return;
	}
	if (st.st_size == 0 || (uint64_t)st.st_size > d->env->max_message) {
		spool_view_of(d, it, (struct view){ NULL, (size_t)st.st_size });
		return;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE,
	    it->fd, 0);
	if (p == MAP_FAILED) {
		fail(it, "The message cannot be read", NULL, false);
		return;
	}
	spool_view_of(d, it, (struct view){ p, (size_t)st.st_size });
	(void)munmap(p, (size_t)st.st_size);
}

/* False: it must wait for those before it. */
static bool
prepare(struct delivery *d, struct delivery_item *it, int64_t now, int16_t zone)
{
	int r;

	if (it->failed != NULL)
		return true;
	if (it->fd >= 0)
		spool_file(d, it);
	else if (it->spool == NULL) /* it has not waited */
		spool_view_of(d, it, it->m.octets);
	fd_close(&it->fd);
	if (it->failed != NULL)
		return true;
	if (!delivery_filter_plan(d, it, now, zone))
		return false;
	if (it->failed == NULL && (r = filter_spool(d->filter, &it->plan)) != 0)
		fail_by(d, it, r, "spool");
	return true;
}

static void
prepare_all(struct delivery *d, int64_t now, int16_t zone)
{
	for (size_t i = 0; i < d->n; i++) {
		if (prepare(d, &d->item[i], now, zone))
			continue;
		assert(i > 0); /* it waits for one of them */
		d->rest = d->n - i;
		d->n = i;
	}
}

/* ---- committing ---- */

static int
put_one(struct delivery *d, struct tx *t, struct delivery_item *it, int64_t now,
    int16_t zone)
{
	uint64_t body = 0;
	int r = 0;

	if (filter_needs_original(&it->plan))
		r = tx_body(t, it->spool, &body);
	if (r == 0)
		r = filter_store(d->filter, &it->plan, t, body, now, zone);
	if (r == 0)
		it->uid = filter_inbox_uid(&it->plan);
	return r;
}

static int16_t
zone_of(int64_t now)
{
	time_t at = (time_t)now;
	struct tm tm = { 0 };

	(void)localtime_r(&at, &tm);
	return (int16_t)(tm.tm_gmtoff / 60);
}

/* All that are still good, in one transaction. A negative errno spoils all. */
static int
put_all(struct delivery *d, struct tx *t, int64_t now, int16_t zone)
{
	for (size_t i = 0; i < d->n; i++) {
		struct delivery_item *it = &d->item[i];
		int r;

		if (it->failed != NULL)
			continue;
		if ((r = put_one(d, t, it, now, zone)) < 0)
			return r;
		if (r == STORE_LIMIT)
			fail_full(it);
		else if (r > 0)
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
commit(struct delivery *d, uint64_t *modseq, int64_t now, int16_t zone)
{
	struct tx *t;
	int r = tx_begin(d->account, &t);

	if (r != 0) {
		fail_rest(d, r, "begin");
		return;
	}
	if ((r = put_all(d, t, now, zone)) < 0)
		tx_abort(&t);
	else
		r = tx_commit(&t, modseq);
	if (r != 0) {
		*modseq = 0;
		fail_rest(d, r, "commit");
	}
}

/* A notice that cannot be sent any more must not be owed to anybody. */
static void
fail_unheard(struct delivery *d)
{
	for (size_t i = 0; d->deaf && i < d->n; i++)
		if (d->item[i].failed == NULL &&
		    delivery_notice_wanted(&d->item[i]))
			fail(&d->item[i],
			    "The sender cannot be told of success now", "4.3.0",
			    false);
}

void
delivery_store_remember(struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct delivery_item *it = &d->item[i];

		if (it->planned && it->failed == NULL)
			filter_done(d->filter, &it->plan);
	}
}

void
delivery_store_end(struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		delivery_filter_end(&d->item[i]);
		spool_free(&d->item[i].spool);
	}
}

void
delivery_store(struct delivery *d, uint64_t *modseq)
{
	int64_t now = clock_wall_s();
	int16_t zone = zone_of(now);
	size_t good = 0;

	*modseq = 0;
	prepare_all(d, now, zone);
	delivery_filter_submit(d);
	fail_unheard(d);
	for (size_t i = 0; i < d->n; i++)
		good += d->item[i].failed == NULL;
	if (good > 0)
		commit(d, modseq, now, zone);
}
