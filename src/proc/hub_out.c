#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proc/hub.h"
#include "proc/msg_out.h"

/*
 * What goes between sessions (or commands) and out. Whose a message is says the
 * table of sessions, not the session. Each that asks is answered exactly once:
 * when out is gone, that it should try again later.
 */
struct hub_out_asked {
	uint64_t number;           /* the hub's */
	uint64_t theirs;           /* the asker's */
	uint64_t session;          /* 0: a caller */
	struct hub_caller *caller; /* NULL: it has hung up */
	TAILQ_ENTRY(hub_out_asked) link;
};

static struct hub_out_asked *
out_find(struct hub *h, uint64_t number)
{
	struct hub_out_asked *a;

	TAILQ_FOREACH (a, &h->out_asked, link)
		if (a->number == number)
			return a;
	return NULL;
}

static struct hub_out_asked *
out_add(struct hub *h, uint64_t theirs)
{
	struct hub_out_asked *a = xcalloc(1, sizeof(*a));

	a->number = h->next_out++;
	a->theirs = theirs;
	TAILQ_INSERT_TAIL(&h->out_asked, a, link);
	return a;
}

static void
out_drop(struct hub *h, struct hub_out_asked *a)
{
	struct hub_session *s;

	TAILQ_REMOVE(&h->out_asked, a, link);
	if (a->session != 0 && (s = hub_session_find(h, a->session)) != NULL)
		s->submitting--;
	if (a->caller != NULL)
		a->caller->asking--;
	free(a);
}

/* ---- sessions ---- */

static void
tell_session(
    struct hub_session *s, uint64_t number, uint8_t result, struct view text)
{
	struct msg_out_taken m = { number, result, text };
	AUTO_BUF struct buf b = peer_msg();

	msg_out_taken_put(&b, MSG_OUT_SUBMITTED, &m);
	(void)!peer_send(&s->peer, &b, -1);
}

bool
hub_out_submit(struct hub_session *s, struct wire *w, int fd)
{
	AUTO_BUF struct buf b = peer_msg();
	struct hub *h = s->hub;
	struct msg_out_submit m;
	struct hub_out_asked *a;
	uint64_t theirs;

	if (!msg_out_submit_get(w, MSG_OUT_SUBMIT, &m) ||
	    s->submitting >= MSG_OUT_PENDING_MAX)
		return false;
	theirs = m.number;
	if (!hub_is_sealed(fd)) {
		tell_session(s, theirs, MSG_OUT_REFUSED,
		    VIEW_LIT("The message is not sealed"));
		return true;
	}
	a = out_add(h, theirs);
	a->session = s->number;
	s->submitting++;
	m.number = a->number;
	m.account = (struct view){ s->account->name, s->account->name_n };
	msg_out_submit_put(&b, MSG_OUT_TAKE, &m);
	if (peer_send(&h->out, &b, fd) == 0)
		return true;
	out_drop(h, a);
	tell_session(
	    s, theirs, MSG_OUT_LATER, VIEW_LIT("Mail cannot be sent now"));
	return true;
}

bool
hub_out_done(struct hub_session *s, struct wire *w)
{
	AUTO_BUF struct buf b = peer_msg();
	struct hub *h = s->hub;
	struct msg_out_done m;
	struct hub_out_asked *a;
	uint64_t theirs;

	if (!msg_out_done_get(w, MSG_OUT_DONE, &m) ||
	    s->submitting >= MSG_OUT_PENDING_MAX)
		return false;
	theirs = m.number;
	a = out_add(h, theirs);
	a->session = s->number;
	s->submitting++;
	m.number = a->number;
	m.account = (struct view){ s->account->name, s->account->name_n };
	msg_out_done_put(&b, MSG_OUT_FORGET, &m);
	if (peer_send(&h->out, &b, -1) == 0)
		return true;
	out_drop(h, a);
	tell_session(
	    s, theirs, MSG_OUT_LATER, VIEW_LIT("Mail cannot be sent now"));
	return true;
}

static bool
on_taken(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_out_taken m;
	struct hub_out_asked *a;
	struct hub_session *s;

	(void)fd;
	if (!msg_out_taken_get(w, &m))
		return false;
	if ((a = out_find(h, m.number)) == NULL || a->session == 0)
		return true; /* out was slower than its own end */
	if ((s = hub_session_find(h, a->session)) != NULL)
		tell_session(s, a->theirs, m.result, m.text);
	out_drop(h, a);
	return true;
}

/* ---- commands ---- */

static void
tell_end(struct hub_caller *c, const struct msg_out_end *m)
{
	AUTO_BUF struct buf b = peer_msg();

	msg_out_end_put(&b, m);
	(void)!peer_send(&c->peer, &b, -1);
}

bool
hub_out_question(struct hub_caller *c, struct wire *w)
{
	AUTO_BUF struct buf b = peer_msg();
	struct hub *h = c->hub;
	struct msg_out_question m;
	struct hub_out_asked *a;
	uint64_t theirs;

	if (!msg_out_question_get(w, &m) || c->asking > 0)
		return false;
	theirs = m.number;
	if ((c->uid != 0 && c->uid != geteuid()) || !peer_is_open(&h->out)) {
		msg_control_plain_put(&b, MSG_CONTROL_DENIED);
		(void)!peer_send(&c->peer, &b, -1);
		return true;
	}
	a = out_add(h, theirs);
	a->caller = c;
	c->asking++;
	m.number = a->number;
	msg_out_question_put(&b, &m);
	if (peer_send(&h->out, &b, -1) != 0) {
		out_drop(h, a);
		tell_end(c, &(struct msg_out_end){ .number = theirs });
	}
	return true;
}

void
hub_out_caller_gone(struct hub_caller *c)
{
	struct hub_out_asked *a;

	TAILQ_FOREACH (a, &c->hub->out_asked, link)
		if (a->caller == c)
			a->caller = NULL;
}

static bool
on_row(void *ctx, struct wire *w, int *fd)
{
	AUTO_BUF struct buf b = peer_msg();
	struct hub *h = ctx;
	struct msg_out_row m;
	struct hub_out_asked *a;

	(void)fd;
	if (!msg_out_row_get(w, &m))
		return false;
	if ((a = out_find(h, m.number)) == NULL || a->caller == NULL)
		return true;
	m.number = a->theirs;
	msg_out_row_put(&b, &m);
	(void)!peer_send(&a->caller->peer, &b, -1);
	return true;
}

static bool
on_end(void *ctx, struct wire *w, int *fd)
{
	struct hub *h = ctx;
	struct msg_out_end m;
	struct hub_out_asked *a;

	(void)fd;
	if (!msg_out_end_get(w, &m))
		return false;
	if ((a = out_find(h, m.number)) == NULL || a->session != 0)
		return true;
	m.number = a->theirs;
	if (a->caller != NULL)
		tell_end(a->caller, &m);
	out_drop(h, a);
	return true;
}

/* ---- out ---- */

static const struct peer_rule out_rules[] = {
	{ MSG_OUT_TAKEN, 1, MSG_OUT_TAKEN_MAX, PEER_NO_FD, on_taken },
	{ MSG_OUT_ROW, 1, MSG_OUT_ROW_MAX, PEER_NO_FD, on_row },
	{ MSG_OUT_END, 1, MSG_OUT_END_SIZE, PEER_NO_FD, on_end },
};

/* Nobody will answer. */
static void
give_up(struct hub *h)
{
	struct hub_out_asked *a;
	struct hub_session *s;

	while ((a = TAILQ_FIRST(&h->out_asked)) != NULL) {
		if (a->session != 0 &&
		    (s = hub_session_find(h, a->session)) != NULL)
			tell_session(s, a->theirs, MSG_OUT_LATER,
			    VIEW_LIT("Mail cannot be sent now"));
		else if (a->caller != NULL)
			tell_end(a->caller,
			    &(struct msg_out_end){ .number = a->theirs });
		out_drop(h, a);
	}
}

static void
out_lost(void *ctx, const char *why)
{
	struct hub *h = ctx;
	struct log_line l;

	if (!h->s->stopping) {
		log_begin(&l, &h->s->log, LOG_PROBLEMS, "peer-lost");
		log_str(&l, "peer", "out");
		log_str(&l, "why", why);
		log_end(&l);
	}
	give_up(h);
}

void
hub_out_init(struct hub *h)
{
	TAILQ_INIT(&h->out_asked);
	h->next_out = 1;
	peer_init(&h->out, "out", out_rules,
	    sizeof(out_rules) / sizeof(out_rules[0]), h, out_lost);
}

int
hub_out_open(struct hub *h, int fd)
{
	if (peer_is_open(&h->out))
		give_up(h);
	return peer_open(&h->out, h->s->loop, fd, 1);
}
