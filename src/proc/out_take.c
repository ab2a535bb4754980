#include "proc/out_take.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "proc/settings.h"

/*
 * Rates are counted in windows that begin with the first message in them. The
 * queue knows what was taken lately (out_seen.h), so at a start each window is
 * that of what is known of its length: no start of a process makes an account's
 * rate begin anew.
 */
#define REDIRECTS_S (24 * 3600)
#define REPLIES_S 3600
#define HEAD_ROOM 65536 /* bytes: for what is put before a message */

struct window {
	int64_t began_s;
	uint32_t count;
};

struct rate {
	struct window redirects, replies, notices;
	uint8_t account[OUT_SEEN_ACCOUNT];
};

struct out_take {
	struct out_queue *queue;
	struct hash *rates;
};

/* ---- rates ---- */

/* NULL: too many accounts; then nothing is counted. */
static struct rate *
rate_of(struct out_take *t, const uint8_t account[OUT_SEEN_ACCOUNT])
{
	struct rate *r =
	    hash_get(t->rates, (struct view){ account, OUT_SEEN_ACCOUNT });

	if (r != NULL)
		return r;
	r = xcalloc(1, sizeof(*r));
	memcpy(r->account, account, OUT_SEEN_ACCOUNT);
	if (hash_put(
		t->rates, (struct view){ r->account, OUT_SEEN_ACCOUNT }, r))
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

static int64_t
length_of(uint8_t kind)
{
	return is_reply(kind) ? REPLIES_S : REDIRECTS_S;
}

/* NULL: it is not counted. */
static struct window *
window_of(
    struct out_take *t, const uint8_t account[OUT_SEEN_ACCOUNT], uint8_t kind)
{
	struct rate *r = rate_of(t, account);

	if (r == NULL)
		return NULL;
	if (kind == MSG_OUT_NOTICE)
		return &r->notices;
	return is_reply(kind) ? &r->replies : &r->redirects;
}

/* The window that a message of that kind falls into, begun anew when it is over;
 * NULL: it is not counted. */
static struct window *
window_at(struct out_take *t, struct view account, uint8_t kind, int64_t now)
{
	uint8_t name[OUT_SEEN_ACCOUNT];
	struct window *w;

	out_seen_account(account, name);
	if ((w = window_of(t, name, kind)) == NULL)
		return NULL;
	if (now - w->began_s >= length_of(kind) || now < w->began_s)
		*w = (struct window){ .began_s = now };
	return w;
}

/* One that was taken then, whatever the order in which one hears of them. */
static void
count_one(struct window *w, int64_t at_s, int64_t length_s)
{
	if (w->count == 0 || at_s - w->began_s >= length_s)
		*w = (struct window){ .began_s = at_s };
	if (w->began_s - at_s >= length_s)
		return;
	if (at_s < w->began_s)
		w->began_s = at_s;
	w->count++;
}

static void
count_taken(struct out_take *t)
{
	struct out_seen_taken s;
	const void *at = NULL;
	struct window *w;

	while (out_seen_next(out_queue_taken(t->queue), &at, &s))
		if ((w = window_of(t, s.account, s.kind)) != NULL)
			count_one(w, s.at_s, length_of(s.kind));
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
	count_taken(t);
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
