#include "proc/delivery.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/child.h"
#include "proc/delivery_item.h"
#include "proc/msg_out.h"
#include "proc/msg_session.h"

/*
 * Messages are whole when they come, so reading one never waits for anybody. A
 * turn takes what has come from all sides, stores it by one commit, and answers
 * each. Who leaves says so on every side: first it shuts them for reading, so
 * that nothing more gets in, then it takes what is still there.
 */
#define HUB 0
#define SOURCES (1 + DELIVERY_CHANNELS_MAX)
#define NOBODY SIZE_MAX /* who brought it is gone */
/* Enough for all that channels can hold; the hub could go on for ever. */
#define LEAVING_TURNS 32

_Static_assert(MSG_TYPE_SIZE + MSG_DELIVER_MAX <= MSG_MAX, "fits a message");

/* ---- sending ---- */

#define SEND_MS 10000 /* for the other side to make room */

static void
send_to(int fd, const struct buf *b)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (fd_send(fd, buf_view(b), -1) == -EAGAIN &&
	    poll(&p, 1, SEND_MS) == 1)
		;
}

static void
send_plain(int fd, enum msg_deliver_type type)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_TYPE_SIZE);

	msg_deliver_plain_put(&b, type);
	send_to(fd, &b);
}

/* ---- sources ---- */

static size_t
channels(const struct delivery *d)
{
	size_t n = 0;

	for (size_t i = HUB + 1; i < SOURCES; i++)
		n += d->source[i].fd >= 0;
	return n;
}

static void
close_source(struct delivery *d, size_t at)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->item[i].from == at)
			d->item[i].from = NOBODY;
	/* the hub's own descriptor stays where it is, shut */
	if (at != HUB)
		fd_close(&d->source[at].fd);
	d->deaf |= at == HUB;
	if (at == HUB || channels(d) == 0)
		d->stop = true;
}

/* *fd is taken when there is room. */
static void
add_channel(struct delivery *d, int *fd)
{
	for (size_t i = HUB + 1; i < SOURCES; i++) {
		if (d->source[i].fd >= 0)
			continue;
		if (fd_nonblock(*fd, true) != 0)
			return;
		if (d->leaving)
			(void)shutdown(*fd, SHUT_RD);
		d->source[i].fd = fd_take(fd);
		send_plain(d->source[i].fd, MSG_DELIVER_TAKEN);
		return;
	}
}

/* ---- taking ---- */

static struct delivery_item *
next_item(struct delivery *d, size_t from)
{
	struct delivery_item *it = &d->item[d->n];
	uint8_t *packet = it->packet;

	if (packet == NULL)
		packet = xmalloc(MSG_MAX);
	*it =
	    (struct delivery_item){ .from = from, .packet = packet, .fd = -1 };
	return it;
}

/* What one message says, in the item that would be next; false: it breaks the
 * rules. */
static bool
handle(struct delivery *d, struct delivery_item *it, struct wire *w, int *fd)
{
	switch (wire_u32(w)) {
	case MSG_DELIVER_DELIVER:
		if (!msg_deliver_get(w, &it->m))
			return false;
		it->fd = fd_take(fd);
		d->n++;
		return true;
	case MSG_DELIVER_CHANNEL:
		if (it->from != HUB || !wire_end(w) || *fd < 0)
			return false;
		add_channel(d, fd);
		return true;
	case MSG_SESSION_CHANGED: /* every commit looks at the log anyway */
	case MSG_OUT_SUBMITTED:   /* nobody has waited for it so long */
		return it->from == HUB;
	case MSG_SESSION_SHUTDOWN:
		/* what was sent before it has been read */
		d->stop |= it->from == HUB;
		return it->from == HUB;
	}
	return false;
}

/* Into p (MSG_MAX bytes), from the stash first. */
static ssize_t
receive(struct delivery *d, size_t from, uint8_t *p, int *fd)
{
	struct delivery_stash *s = TAILQ_FIRST(&d->stash);
	ssize_t n;

	if (from != HUB || s == NULL)
		return fd_recv(d->source[from].fd, p, MSG_MAX, fd);
	TAILQ_REMOVE(&d->stash, s, link);
	memcpy(p, s->p, s->n);
	n = (ssize_t)s->n;
	*fd = s->fd;
	free(s);
	return n;
}

/* One message of a source; false when there is none. */
static bool
take_one(struct delivery *d, size_t from)
{
	struct delivery_item *it = next_item(d, from);
	AUTO_CLOSE int fd = -1;
	ssize_t n = receive(d, from, it->packet, &fd);
	struct wire w =
	    wire_read((struct view){ it->packet, n > 0 ? (size_t)n : 0 });

	if (n == -EAGAIN || (n == 0 && d->leaving))
		return false;
	if (n > 0 && handle(d, it, &w, &fd))
		return true;
	if (n != 0)
		log_say(d->env->log, LOG_FAILURES, "delivery",
		    "%s breaks the rules", from == HUB ? "hub" : "channel");
	close_source(d, from);
	return false;
}

/* Everybody in turn, so that nobody can keep the others out. */
static void
take_waiting(struct delivery *d)
{
	bool more = true;

	while (more && d->n < DELIVERY_BATCH && (!d->stop || d->leaving)) {
		more = false;
		for (size_t i = 0; i < SOURCES && d->n < DELIVERY_BATCH; i++)
			if (d->source[i].fd >= 0 && (!d->stop || d->leaving))
				more |= take_one(d, i);
	}
}

/* ---- answering ---- */

static void
answer(struct delivery *d, const struct delivery_item *it, uint64_t modseq)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_TYPE_SIZE + MSG_DELIVERED_MAX);
	struct msg_delivered m = { .delivery = it->m.delivery };

	if (it->from == NOBODY)
		return;
	if (it->failed != NULL) {
		m.result = it->for_good ? MSG_DELIVER_PERMANENT
					: MSG_DELIVER_TEMPORARY;
		m.text = view_str(it->failed);
		m.status = view_str(it->status != NULL ? it->status : "");
	} else {
		m.uid = it->uid;
		m.modseq = modseq;
	}
	msg_delivered_put(&b, &m);
	send_to(d->source[it->from].fd, &b);
}

static void
tell_commit(struct delivery *d, uint64_t modseq)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_MAX);

	msg_session_committed_put(&b, modseq);
	send_to(d->env->hub, &b);
}

static void
log_turn(struct delivery *d, size_t stored, uint64_t ms)
{
	struct log_line l;

	log_begin(&l, d->env->log, LOG_LOW_LEVEL, "delivered");
	log_u64(&l, "messages", stored);
	log_u64(&l, "failed", d->n - stored);
	log_u64(&l, "ms", ms);
	log_end(&l);
}

/* Those whose sender is told, or all others; returns how many were stored. */
static size_t
answer_all(struct delivery *d, bool told, uint64_t modseq)
{
	size_t stored = 0;

	for (size_t i = 0; i < d->n; i++) {
		if ((d->item[i].notice != DELIVERY_NOTICE_NONE) != told)
			continue;
		answer(d, &d->item[i], modseq);
		stored += d->item[i].failed == NULL;
	}
	return stored;
}

/* Those that waited are the first of the next turn. */
static void
end_turn(struct delivery *d)
{
	for (size_t i = 0; i < d->rest; i++) {
		struct delivery_item done = d->item[i];

		d->item[i] = d->item[d->n + i];
		d->item[d->n + i] = done; /* its packet is used again */
	}
	d->n = d->rest;
	d->rest = 0;
}

static void
turn(struct delivery *d)
{
	uint64_t began = clock_mono_ms(), modseq;
	size_t stored;

	delivery_store(d, &modseq);
	delivery_done(d);
	delivery_store_remember(d);
	delivery_notice_mark(d);
	stored = answer_all(d, false, modseq);
	if (modseq != 0)
		tell_commit(d, modseq);
	delivery_notice_send(d);
	delivery_done_notices(d);
	stored += answer_all(d, true, modseq);
	delivery_store_end(d);
	log_turn(d, stored, clock_mono_ms() - began);
	end_turn(d);
}

/* Nothing more gets into the sources from `first` to before `end`. */
static void
shut(struct delivery *d, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (d->source[i].fd >= 0)
			(void)shutdown(d->source[i].fd, SHUT_RD);
}

static void
take_rest(struct delivery *d, unsigned turns)
{
	while (turns-- > 0) {
		take_waiting(d);
		if (d->n == 0)
			return;
		turn(d);
	}
}

/*
 * The channels are shut first, while the hub is still heard: what is in them
 * may have to be handed to out, and out's answers come from there. What the hub
 * itself brings in the moment before its side is shut is stored, too, but
 * nothing of that can be sent on: then it is the bringer's to try again.
 */
static void
leave(struct delivery *d)
{
	d->leaving = true;
	shut(d, HUB + 1, SOURCES);
	take_rest(d, LEAVING_TURNS);
	shut(d, HUB, HUB + 1);
	d->deaf = true;
	take_rest(d, UINT_MAX);
	for (size_t i = HUB + 1; i < SOURCES; i++)
		if (d->source[i].fd >= 0)
			send_plain(d->source[i].fd, MSG_DELIVER_LEFT);
}

/* False: nothing has come for a while. */
static bool
await(struct delivery *d)
{
	struct pollfd p[SOURCES];

	for (size_t i = 0; i < SOURCES; i++)
		p[i] =
		    (struct pollfd){ .fd = d->source[i].fd, .events = POLLIN };
	return poll(p, SOURCES, DELIVERY_LINGER_MS) != 0;
}

static void
serve(struct delivery *d)
{
	while (!d->stop) {
		take_waiting(d);
		if (d->n > 0)
			turn(d);
		else if (!d->stop && !await(d))
			break;
	}
	leave(d);
}

/* ---- life ---- */

static bool
begin(struct delivery *d, struct view first)
{
	struct delivery_item *it = next_item(d, HUB);
	int fd = d->env->first;
	struct wire w;

	if (first.n > MSG_MAX)
		return false;
	memcpy(it->packet, first.p, first.n);
	w = wire_read((struct view){ it->packet, first.n });
	return handle(d, it, &w, &fd) && (d->n > 0 || channels(d) > 0);
}

static void
end(struct delivery *d)
{
	for (size_t i = HUB + 1; i < SOURCES; i++)
		fd_close(&d->source[i].fd);
	for (size_t i = 0; i < DELIVERY_BATCH; i++)
		free(d->item[i].packet);
	filter_free(&d->filter);
	account_close(&d->account);
	free(d);
}

static int
open_and_serve(struct delivery *d, struct view first)
{
	AUTO_BUF struct buf b = BUF_INIT(MSG_TYPE_SIZE);
	struct why w = { "" };
	int r =
	    account_open(d->env->dir, true, d->env->options, &d->account, &w);

	if (r == 0)
		r = fd_nonblock(d->env->hub, true);
	if (r != 0) {
		log_say(
		    d->env->log, LOG_FAILURES, "account", "%s (%d)", w.text, r);
		return CHILD_NO_ACCOUNT;
	}
	msg_session_ready_put(&b);
	if (fd_send(d->env->hub, buf_view(&b), -1) != 0 || !begin(d, first))
		return CHILD_NO_START;
	serve(d);
	return CHILD_OK;
}

struct account_options
delivery_options(const struct conf *conf)
{
	uint64_t s = conf_num(conf, "store", NULL, "keep-expunged") / 1000;

	return (struct account_options){
		.keep_expunged = s == 0 ? ACCOUNT_KEEP_NOTHING : (uint32_t)s,
	};
}

void
delivery_settings(struct delivery_env *env, const struct conf *conf,
    char host[SETTINGS_HOST_SIZE])
{
	env->max_message = conf_num(conf, "store", NULL, "max-message");
	env->detail_mailbox =
	    conf_bool(conf, "delivery", NULL, "detail-mailbox");
	env->host = settings_host(conf, host);
	env->disabled =
	    conf_list(conf, "sieve", NULL, "disabled", &env->n_disabled);
	env->delimiters =
	    conf_str(conf, "delivery", NULL, "recipient-delimiter");
}

int
delivery_run(const struct delivery_env *env, struct view first_message)
{
	struct delivery *d = xcalloc(1, sizeof(*d));
	int r;

	d->env = env;
	TAILQ_INIT(&d->stash);
	d->source[HUB].fd = env->hub;
	for (size_t i = HUB + 1; i < SOURCES; i++)
		d->source[i].fd = -1;
	r = open_and_serve(d, first_message);
	end(d);
	return r;
}
