#include "proc/out_take.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "proc/settings.h"

/*
 * Rates are counted in memory, in windows that begin with the first message in
 * them. At the start what is in the queue is counted as if it came then, in its
 * own order.
 */
#define REDIRECTS_S (24 * 3600)
#define REPLIES_S 3600
#define HEAD_ROOM 65536 /* bytes: for what is put before a message */

struct window {
	int64_t began_s;
	uint32_t count;
};

struct rate {
	struct window redirects, replies;
	size_t n;
	uint8_t account[]; /* n bytes */
};

struct out_take {
	struct out_queue *queue;
	struct hash *rates;
};

/* ---- rates ---- */

/* NULL: too many accounts; then nothing is counted. */
static struct rate *
rate_of(struct out_take *t, struct view account)
{
	struct rate *r = hash_get(t->rates, account);

	if (r != NULL)
		return r;
	r = xcalloc(1, sizeof(*r) + account.n);
	memcpy(r->account, account.p, account.n);
	r->n = account.n;
	if (hash_put(t->rates, (struct view){ r->account, r->n }, r))
		return r;
	free(r);
	return NULL;
}

static bool
is_reply(uint8_t kind)
{
	return kind == MSG_OUT_VACATION || kind == MSG_OUT_REJECT ||
	    kind == MSG_OUT_NOTIFY;
}

/* The window that a message of that kind falls into, begun anew when it is over;
 * NULL: it is not counted. */
static struct window *
window_at(struct out_take *t, struct view account, uint8_t kind, int64_t now)
{
	struct rate *r = rate_of(t, account);
	int64_t length_s = is_reply(kind) ? REPLIES_S : REDIRECTS_S;
	struct window *w;

	if (r == NULL)
		return NULL;
	w = is_reply(kind) ? &r->replies : &r->redirects;
	if (now - w->began_s >= length_s || now < w->began_s)
		*w = (struct window){ .began_s = now };
	return w;
}

static void
count_waiting(struct out_take *t)
{
	const struct out_item *i;
	struct window *w;

	TAILQ_FOREACH (i, out_queue_items(t->queue), link) {
		if (i->account.n == 0)
			continue;
		w = window_at(t, i->account, i->kind, i->created_s);
		if (w != NULL)
			w->count++;
	}
}

/* ---- taking ---- */

static void
answer(struct out_take_answer *a, enum msg_out_result result, const char *text)
{
	*a = (struct out_take_answer){ .result = result, .text = text };
}

static bool
may_take(struct out_take *t, const struct conf *conf,
    const struct msg_out_submit *m, const struct window *w,
    struct out_take_answer *out)
{
	const char *rate =
	    is_reply(m->kind) ? "replies-per-hour" : "redirects-per-day";

	if (!settings_can_send(conf))
		answer(
		    out, MSG_OUT_REFUSED, "No way to send mail is configured");
	else if (out_queue_count(t->queue) >=
	    conf_num(conf, "out", NULL, "queue"))
		answer(out, MSG_OUT_LATER, "Too many messages wait to be sent");
	else if (w != NULL && w->count >= conf_num(conf, "out", NULL, rate))
		/* for good, or it comes again and again */
		answer(out, MSG_OUT_REFUSED, "The account has sent too much");
	else
		return true;
	return false;
}

void
out_take(struct out_take *t, const struct conf *conf,
    const struct msg_out_submit *m, int fd, int64_t now,
    struct out_take_answer *out, struct why *w)
{
	uint64_t max = conf_num(conf, "store", NULL, "max-message") + HEAD_ROOM;
	struct window *window;
	struct out_item *i;
	int r;

	answer(out, MSG_OUT_QUEUED, "");
	if (out_queue_seen(t->queue, m->account, m->key))
		return;
	window = window_at(t, m->account, m->kind, now);
	if (!may_take(t, conf, m, window, out))
		return;
	r = out_queue_add(t->queue, NULL, m, fd, max, now, &i, w);
	if (r != 0) {
		answer(out, r == -EFBIG ? MSG_OUT_REFUSED : MSG_OUT_LATER,
		    r == -EFBIG ? "The message is too large"
				: "The queue cannot be written");
		out->failed = r;
		return;
	}
	if (window != NULL)
		window->count++;
	out->item = i;
}

/* ---- life ---- */

struct out_take *
out_take_new(struct out_queue *q)
{
	struct out_take *t = xcalloc(1, sizeof(*t));

	t->queue = q;
	t->rates = hash_new(OUT_TAKE_ACCOUNTS_MAX);
	count_waiting(t);
	return t;
}

void
out_take_free(struct out_take **t)
{
	struct rate *r;
	size_t at = 0;

	if (*t == NULL)
		return;
	while ((r = hash_next((*t)->rates, &at)) != NULL)
		free(r);
	hash_free(&(*t)->rates);
	free(*t);
	*t = NULL;
}
