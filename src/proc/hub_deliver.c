#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proc/hub.h"
#include "proc/msg_out.h"

/*
 * A delivery: the caller's message waits here while auth is asked whether this
 * caller may deliver to that account (auth asks the kernel who it is, by the
 * caller's own socket), then goes to the delivery process of the account, which
 * is started when there is none. Each is answered exactly once, unless the
 * caller has hung up.
 */

/* ---- results ---- */

static void
free_delivery(struct hub_delivery *d)
{
	if (d->by != NULL) {
		TAILQ_REMOVE(d->by->deliveries, d, link);
		d->by->delivering--;
	} else {
		TAILQ_REMOVE(&d->hub->asked, d, link);
	}
	if (d->caller != NULL)
		d->caller->pending--;
	fd_close(&d->fd);
	free(d);
}

static void
answer(struct hub_caller *c, uint32_t request, uint8_t result, uint32_t uid,
    struct view text)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_control_result m = { request, result, uid, text };

	msg_control_result_put(&b, &m);
	(void)!peer_send(&c->peer, &b, -1);
}

static void
finish(struct hub_delivery *d, uint8_t result, uint32_t uid, struct view text)
{
	struct log_line l;

	log_begin(&l, &d->hub->s->log, LOG_MAJOR, "delivery");
	log_view(&l, "account", (struct view){ d->account, d->account_n });
	log_view(&l, "sender", (struct view){ d->sender, d->sender_n });
	log_u64(&l, "result", result);
	log_u64(&l, "uid", uid);
	if (text.n > 0)
		log_view(&l, "text", text);
	log_end(&l);
	if (d->caller != NULL)
		answer(d->caller, d->request, result, uid, text);
	free_delivery(d);
}

static void
later(struct hub_delivery *d, const char *text)
{
	finish(d, MSG_DELIVER_TEMPORARY, 0, view_str(text));
}

/* ---- asking auth ---- */

static void
ask(struct hub_delivery *d)
{
	struct msg_grant_lookup m = { d->number, { d->account, d->account_n } };
	AUTO_BUF struct buf b = peer_msg();

	if (d->caller == NULL) {
		free_delivery(d);
		return;
	}
	msg_grant_lookup_put(&b, &m);
	if (peer_send(&d->hub->auth, &b, d->caller->peer.fd) != 0)
		later(d, "The accounts cannot be looked up");
}

static struct hub_delivery *
asked(struct hub *h, uint64_t number)
{
	struct hub_delivery *d;

	TAILQ_FOREACH (d, &h->asked, link)
		if (d->number == number)
			return d;
	return NULL;
}

static void
give(struct hub_delivery *d, struct hub_session *s)
{
	TAILQ_REMOVE(&d->hub->asked, d, link);
	TAILQ_INSERT_TAIL(s->deliveries, d, link);
	d->by = s;
	s->delivering++;
}

static void
deliver_message(const struct hub_delivery *d, struct buf *b)
{
	struct msg_deliver m = { .delivery = d->number,
		.sender = { d->sender, d->sender_n },
		.recipient = { d->recipient, d->recipient_n },
		.detail = { d->detail, d->detail_n },
		.has_detail = d->has_detail };

	msg_deliver_put(b, &m);
}

/* To the process that is there already. */
static bool
add_to(struct hub_session *s, struct hub_delivery *d)
{
	AUTO_BUF struct buf b = peer_msg();

	if (s == NULL || !s->ready || s->gone ||
	    s->delivering >= MSG_DELIVER_QUEUE_MAX)
		return false;
	deliver_message(d, &b);
	if (peer_try(&s->peer, &b, d->fd) != 0)
		return false; /* it is leaving, for one */
	give(d, s);
	return true;
}

/* A process of the account of g, with fd and its first message (taken over);
 * NULL: none can be had. */
static struct hub_session *
start_process(struct hub *h, const struct grant *g, struct buf *first, int fd)
{
	struct hub_session *s;

	if (h->deliveries >= HUB_DELIVERIES_MAX) {
		buf_fini(first);
		free(first);
		return NULL;
	}
	s = hub_session_fork(h, g, MSG_SERVICE_DELIVERY, first, fd);
	if (s == NULL)
		return NULL;
	s->deliveries = xcalloc(1, sizeof(*s->deliveries));
	TAILQ_INIT(s->deliveries);
	s->account->delivery = s;
	return s;
}

static struct buf *
first_message(void)
{
	struct buf *first = xcalloc(1, sizeof(*first));

	*first = peer_msg();
	return first;
}

static void
start_for(struct hub_delivery *d, const struct grant *g)
{
	struct buf *first = first_message();
	struct hub_session *s;

	deliver_message(d, first);
	s = start_process(d->hub, g, first, d->fd);
	if (s == NULL)
		later(d, "The delivery could not be started");
	else
		give(d, s);
}

void
hub_deliver_looked(struct hub *h, const struct msg_grant_looked *m)
{
	struct hub_delivery *d = asked(h, m->request);
	struct hub_account *a;
	struct grant g;

	if (d == NULL)
		return;
	switch ((enum msg_grant_answer)m->answer) {
	case MSG_GRANT_UNKNOWN:
	case MSG_GRANT_DENIED:
		finish(d, MSG_DELIVER_PERMANENT, 0, m->text);
		return;
	case MSG_GRANT_TRY_LATER:
		finish(d, MSG_DELIVER_TEMPORARY, 0, m->text);
		return;
	case MSG_GRANT_YES:
		break;
	}
	if (!grants_take(h->grants, m->grant, clock_mono_ms(), &g) ||
	    g.m.service != MSG_SERVICE_DELIVERY || h->s->stopping) {
		later(d, "The delivery could not be started");
		return;
	}
	a = hub_account_find(h, g.m.account);
	if (a == NULL || !add_to(a->delivery, d))
		start_for(d, &g);
}

void
hub_deliver_auth_lost(struct hub *h)
{
	struct hub_delivery *d;

	while ((d = TAILQ_FIRST(&h->asked)) != NULL)
		later(d, "The accounts cannot be looked up");
}

/* ---- the delivery process ---- */

bool
hub_deliver_done(struct hub_session *s, const struct msg_delivered *m)
{
	struct hub_delivery *d;

	TAILQ_FOREACH (d, s->deliveries, link)
		if (d->number == m->delivery) {
			finish(d, m->result, m->uid, m->text);
			return true;
		}
	return false;
}

void
hub_deliver_ended(struct hub_session *s, bool orderly)
{
	struct hub_delivery *d;

	if (s->deliveries == NULL)
		return;
	while ((d = TAILQ_FIRST(s->deliveries)) != NULL) {
		/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
		if (!orderly || d->again || s->hub->s->stopping) {
			later(d, "The delivery was interrupted");
			continue;
		}
		/* NOLINTEND(clang-analyzer-unix.Malloc) */
		/* it came when the process was about to leave */
		TAILQ_REMOVE(s->deliveries, d, link);
		s->delivering--;
		d->by = NULL;
		d->again = true;
		TAILQ_INSERT_TAIL(&d->hub->asked, d, link);
		ask(d);
	}
}

/* ---- channels ---- */

/* To the process that is there, which may leave before it reads that: the
 * channel closes unread then, and the front end asks again. */
static bool
channel_to(struct hub *h, struct hub_session *s, const struct grant *g, int fd)
{
	AUTO_BUF struct buf channel = peer_msg(), used = peer_msg();

	if (s == NULL || !s->ready || s->gone)
		return false;
	msg_deliver_plain_put(&channel, MSG_DELIVER_CHANNEL);
	if (peer_try(&s->peer, &channel, fd) != 0)
		return false; /* it is leaving, for one */
	msg_fork_forget_put(&used, g->m.id);
	(void)!peer_send(&h->forker, &used, -1);
	return true;
}

static bool
channel_for(struct hub *h, const struct grant *g, int fd)
{
	struct hub_account *a = hub_account_find(h, g->m.account);
	struct buf *first;

	if (a != NULL && channel_to(h, a->delivery, g, fd))
		return true;
	first = first_message();
	msg_deliver_plain_put(first, MSG_DELIVER_CHANNEL);
	return start_process(h, g, first, fd) != NULL;
}

static bool
may_open(struct hub *h, const struct msg_lmtp_open *m, struct grant *g)
{
	peer_pump(&h->auth); /* it may not be read yet */
	return !h->s->stopping &&
	    grants_take(h->grants, m->grant, clock_mono_ms(), g) &&
	    g->m.service == MSG_SERVICE_DELIVERY && g->m.gate == 0;
}

void
hub_deliver_open(struct hub *h, const struct msg_lmtp_open *m)
{
	AUTO_BUF struct buf b = peer_msg();
	AUTO_CLOSE int mine = -1, theirs = -1;
	struct grant g;
	int pair[2];

	if (may_open(h, m, &g) &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
		mine = pair[0];
		theirs = pair[1];
		if (!channel_for(h, &g, theirs))
			fd_close(&mine);
	}
	if (mine >= 0)
		msg_lmtp_opened_put(&b, m->request);
	else
		msg_lmtp_refused_put(&b, m->request);
	(void)!peer_send(&h->lmtp, &b, mine);
}

/* ---- callers ---- */

static void
forget_caller_in(struct hub_deliveries *list, const struct hub_caller *c)
{
	struct hub_delivery *d;

	TAILQ_FOREACH (d, list, link)
		if (d->caller == c)
			d->caller = NULL;
}

static void
free_caller(struct hub_caller *c)
{
	struct hub *h = c->hub;
	struct hub_session *s;
	size_t at = 0;

	if (c->pending > 0) {
		forget_caller_in(&h->asked, c);
		while ((s = hash_next(h->sessions, &at)) != NULL)
			if (s->deliveries != NULL)
				forget_caller_in(s->deliveries, c);
	}
	hub_out_caller_gone(c);
	peer_close(&c->peer);
	TAILQ_REMOVE(&h->callers, c, link);
	h->caller_count--;
	free(c->list);
	free(c);
}

static void
caller_lost(void *ctx, const char *why)
{
	(void)why; /* it has what it wanted, or is no concern of ours */
	free_caller(ctx);
}

/* Nobody can change the message, nor make its reader wait. */
bool
hub_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & MSG_CONTROL_SEALS) == MSG_CONTROL_SEALS;
}

/* Copy v, which the message's own limits bound; its length. */
static size_t
keep(uint8_t *to, struct view v)
{
	if (v.n > 0)
		memcpy(to, v.p, v.n);
	return v.n;
}

static bool
on_deliver(void *ctx, struct wire *w, int *fd)
{
	struct hub_caller *c = ctx;
	struct hub *h = c->hub;
	struct msg_control_deliver m;
	struct hub_delivery *d;

	if (!msg_control_deliver_get(w, &m) ||
	    c->pending >= MSG_CONTROL_PENDING_MAX)
		return false;
	if (!hub_is_sealed(*fd)) {
		answer(c, m.request, MSG_DELIVER_PERMANENT, 0,
		    VIEW_LIT("The message is not sealed"));
		return true;
	}
	d = xcalloc(1, sizeof(*d));
	d->number = h->next_delivery++;
	d->hub = h;
	d->caller = c;
	d->request = m.request;
	d->fd = fd_take(fd);
	d->account_n = keep(d->account, m.account);
	d->sender_n = keep(d->sender, m.sender);
	d->recipient_n = keep(d->recipient, m.recipient);
	d->detail_n = keep(d->detail, m.detail);
	d->has_detail = m.has_detail;
	c->pending++;
	TAILQ_INSERT_TAIL(&h->asked, d, link);
	ask(d);
	return true;
}

static void
send_row(struct hub_caller *c, const struct hub_session *s)
{
	AUTO_BUF struct buf b = peer_msg();
	struct msg_control_row m = { .session = s->session,
		.pid = s->pid,
		.service = s->service,
		.state = s->state,
		.age_ms = clock_mono_ms() - s->began_ms,
		.account = { s->account->name, s->account->name_n },
		.remote = s->client.remote,
		.remote_port = s->client.remote_port,
		.tls = s->client.tls };

	msg_control_row_put(&b, &m);
	(void)!peer_send(&c->peer, &b, -1);
}

/* As many as there is room for; the rest when that is sent. Sessions that have
 * ended meanwhile are left out. */
static void
list_on(struct hub_caller *c)
{
	AUTO_BUF struct buf b = peer_msg();

	while (c->list_at < c->list_n) {
		const struct hub_session *s =
		    hub_session_find(c->hub, c->list[c->list_at++]);

		if (s != NULL)
			send_row(c, s);
		if (!peer_sent(&c->peer))
			return;
	}
	free(c->list);
	c->list = NULL;
	msg_control_plain_put(&b, MSG_CONTROL_END);
	(void)!peer_send(&c->peer, &b, -1);
}

static void
caller_drained(void *ctx)
{
	struct hub_caller *c = ctx;

	if (c->list != NULL)
		list_on(c);
}

static bool
on_list(void *ctx, struct wire *w, int *fd)
{
	struct hub_caller *c = ctx;
	AUTO_BUF struct buf b = peer_msg();
	const struct hub_session *s;
	size_t at = 0;

	(void)fd;
	if (!wire_end(w) || c->list != NULL)
		return false;
	if (c->uid != 0 && c->uid != geteuid()) {
		msg_control_plain_put(&b, MSG_CONTROL_DENIED);
		(void)!peer_send(&c->peer, &b, -1);
		return true;
	}
	c->list = xcalloc(hash_count(c->hub->sessions) + 1, sizeof(*c->list));
	c->list_n = c->list_at = 0;
	while ((s = hash_next(c->hub->sessions, &at)) != NULL)
		if (s->counted || s->service == MSG_SERVICE_DELIVERY)
			c->list[c->list_n++] = s->number;
	list_on(c);
	return true;
}

static bool
on_out(void *ctx, struct wire *w, int *fd)
{
	(void)fd;
	return hub_out_question(ctx, w);
}

static const struct peer_rule caller_rules[] = {
	{ MSG_CONTROL_DELIVER, 1, MSG_CONTROL_DELIVER_MAX, PEER_FD,
	    on_deliver },
	{ MSG_CONTROL_LIST, 1, 0, PEER_NO_FD, on_list },
	{ MSG_OUT_ASK, 1, MSG_OUT_ASK_MAX, PEER_NO_FD, on_out },
};

#define CALLERS_OF_UID_MAX (MSG_CONTROL_CALLERS_MAX / 4)

/* Nobody but root keeps the others out. */
static bool
has_room(const struct hub *h, uint32_t uid)
{
	const struct hub_caller *c;
	size_t n = 0;

	TAILQ_FOREACH (c, &h->callers, link)
		n += c->uid == uid;
	return h->caller_count < MSG_CONTROL_CALLERS_MAX &&
	    (uid == 0 || n < CALLERS_OF_UID_MAX);
}

static void
new_caller(struct hub *h, int *fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct hub_caller *c;

	if (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0 ||
	    !has_room(h, cred.uid))
		return;
	c = xcalloc(1, sizeof(*c));
	c->hub = h;
	c->uid = cred.uid;
	peer_init(&c->peer, "caller", caller_rules,
	    sizeof(caller_rules) / sizeof(caller_rules[0]), c, caller_lost);
	c->peer.drained = caller_drained;
	if (peer_open(&c->peer, h->s->loop, fd_take(fd), 1) != 0) {
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&h->callers, c, link);
	h->caller_count++;
}

static void
on_control(void *ctx, unsigned events)
{
	struct hub *h = ctx;
	AUTO_CLOSE int fd =
	    accept4(h->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		new_caller(h, &fd);
}

int
hub_deliver_listen(struct hub *h, int *fd)
{
	int r;

	if ((r = fd_nonblock(*fd, true)) != 0)
		return r;
	r = loop_fd_add(
	    h->s->loop, &h->control_watch, *fd, LOOP_READ, on_control, h);
	if (r == 0)
		h->control = fd_take(fd);
	return r;
}

void
hub_deliver_close(struct hub *h)
{
	loop_fd_del(&h->control_watch);
	fd_close(&h->control);
}
