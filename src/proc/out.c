#include "proc/out.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "proc/out_dsn.h"
#include "proc/out_report.h"
#include "proc/sandbox.h"
#include "proc/settings.h"

/*
 * One loop; each message is a file that moves from state to state. Nothing that
 * was answered depends on what this process remembers: whatever kills it, the
 * next one goes on from the files.
 */
#define SPREAD 8 /* a wait may be longer by this part of it */

static void work(struct out *o);
static uint64_t wait_s(const struct out *o, uint32_t attempts);
static void note(struct out *o, struct out_item *i);

/* ---- the log ---- */

static void
log_item(struct out *o, enum log_level level, const char *event,
    const struct out_item *i)
{
	struct log_line l;

	log_begin(&l, &o->s->log, level, event);
	log_str(&l, "id", i->id);
	log_str(&l, "kind", msg_out_kind_name(i->kind));
	log_view(&l, "account", i->account);
	log_view(&l, "sender", i->sender);
	log_view(&l, "recipient", i->to[0].address);
	log_u64(&l, "recipients", i->n);
	log_u64(&l, "size", i->size);
	log_end(&l);
}

static void
log_recipient(
    struct out *o, const struct out_item *i, const struct out_recipient *r)
{
	static const char *const events[] = { "delayed", "sent", "failed",
		"failed" };
	struct log_line l;

	log_begin(&l, &o->s->log,
	    r->state == OUT_SENT ? LOG_MAJOR : LOG_FAILURES, events[r->state]);
	log_str(&l, "id", i->id);
	log_view(&l, "recipient", r->address);
	log_u64(&l, "attempt", i->attempts);
	if (r->code != 0)
		log_u64(&l, "code", r->code);
	if (r->text_n > 0)
		log_view(&l, "text", (struct view){ r->text, r->text_n });
	log_end(&l);
}

/* ---- what the hub says ---- */

static void
answer(struct out *o, uint64_t number, uint8_t result, const char *text)
{
	struct msg_out_taken m = { number, result, view_str(text) };
	AUTO_BUF struct buf b = peer_msg();

	msg_out_taken_put(&b, MSG_OUT_TAKEN, &m);
	(void)!peer_send(&o->hub, &b, -1);
}

static bool
on_take(void *ctx, struct wire *wire, int *fd)
{
	struct out *o = ctx;
	struct msg_out_submit m;
	struct out_take_answer a;
	struct why w = { "" };

	if (!msg_out_submit_get(wire, MSG_OUT_TAKE, &m))
		return false;
	out_take(o->take, o->s->conf, &m, *fd, clock_wall_s(), &a, &w);
	if (a.failed != 0)
		log_why(&o->s->log, LOG_FAILURES, "queue", &w);
	answer(o, m.number, (uint8_t)a.result, a.text);
	if (a.item != NULL) {
		log_item(o, LOG_MAJOR, "queued", a.item);
		work(o);
	}
	return true;
}

static bool
on_forget(void *ctx, struct wire *wire, int *fd)
{
	struct out *o = ctx;
	struct msg_out_done m;
	struct why w = { "" };
	int r;

	(void)fd;
	if (!msg_out_done_get(wire, MSG_OUT_FORGET, &m))
		return false;
	r = out_queue_done(o->queue, m.account, m.keys, &w);
	if (r != 0)
		log_why(&o->s->log, LOG_FAILURES, "queue", &w);
	answer(o, m.number, r == 0 ? MSG_OUT_QUEUED : MSG_OUT_LATER,
	    r == 0 ? "" : "The queue cannot be written");
	return true;
}

/* The first that waits; NULL: none. n: how many do. */
static const struct out_recipient *
waiting_one(const struct out_item *i, uint32_t *n)
{
	const struct out_recipient *first = NULL;

	*n = 0;
	for (uint32_t k = 0; k < i->n; k++)
		if (i->to[k].state == OUT_WAITING && (*n)++ == 0)
			first = &i->to[k];
	return first;
}

static void
send_row(struct out *o, uint64_t number, const struct out_item *i)
{
	AUTO_BUF struct buf b = peer_msg();
	const struct out_recipient *r;
	struct msg_out_row m = { .number = number,
		.id = view_str(i->id),
		.kind = i->kind,
		.account = i->account,
		.sender = i->sender,
		.size = i->size,
		.created_s = (uint64_t)i->created_s,
		.next_s = (uint64_t)i->next_s,
		.attempts = i->attempts };

	if ((r = waiting_one(i, &m.recipients)) != NULL) {
		m.recipient = r->address;
		m.text = (struct view){ r->text, r->text_n };
	}
	/* what is known of others tells more than nothing */
	for (uint32_t k = 0; k < i->n && m.text.n == 0; k++)
		m.text = (struct view){ i->to[k].text, i->to[k].text_n };
	msg_out_row_put(&b, &m);
	(void)!peer_send(&o->hub, &b, -1);
}

/* Is it behind that id, which none has any more? */
static bool
is_behind(const struct out_item *i, struct view id)
{
	struct view v = view_str(i->id);
	size_t n = v.n < id.n ? v.n : id.n;
	int c = n > 0 ? memcmp(v.p, id.p, n) : 0;

	return c > 0 || (c == 0 && v.n > id.n);
}

/* Rows that the hub does not take now are left for the next question: what it
 * must hear has to find room. */
static void
list(struct out *o, const struct msg_out_question *m, struct msg_out_end *end)
{
	const struct out_item *i =
	    m->id.n > 0 ? out_queue_find(o->queue, m->id) : NULL;

	if (i != NULL)
		i = TAILQ_NEXT(i, link);
	else
		i = TAILQ_FIRST(out_queue_items(o->queue));
	while (i != NULL && m->id.n > 0 && !is_behind(i, m->id))
		i = TAILQ_NEXT(i, link);
	for (; i != NULL; i = TAILQ_NEXT(i, link)) {
		if (end->count == MSG_OUT_ROWS_MAX ||
		    o->hub.waiting >= PEER_QUEUE_MAX / 2) {
			end->more = true;
			return;
		}
		send_row(o, m->number, i);
		end->count++;
	}
}

static void
retry_one(struct out *o, struct out_item *i, struct msg_out_end *end)
{
	if (i == NULL || i->busy)
		return;
	out_queue_schedule(o->queue, i, clock_wall_s());
	end->count++;
}

static void
retry(struct out *o, struct view id, struct msg_out_end *end)
{
	struct out_item *i;

	if (id.n > 0)
		retry_one(o, out_queue_find(o->queue, id), end);
	else
		TAILQ_FOREACH (i, out_queue_items(o->queue), link)
			retry_one(o, i, end);
	o->away_until_s = 0;
	work(o);
}

/* Done with; what cannot be removed now is later, and not sent meanwhile: it has
 * nobody who waits. */
static void
drop(struct out *o, struct out_item *i)
{
	struct why w = { "" };

	if (out_queue_remove(o->queue, &i, &w) == 0)
		return;
	log_why(&o->s->log, LOG_FAILURES, "queue", &w);
	out_queue_schedule(
	    o->queue, i, clock_wall_s() + (int64_t)wait_s(o, i->attempts));
	note(o, i);
}

/* As an administrator wishes: nobody is told. */
static void
remove_item(struct out *o, struct out_item *i)
{
	log_item(o, LOG_MAJOR, "removed", i);
	for (uint32_t k = 0; k < i->n; k++)
		i->to[k].state = OUT_TOLD;
	drop(o, i);
}

static bool
on_ask(void *ctx, struct wire *w, int *fd)
{
	AUTO_BUF struct buf b = peer_msg();
	struct out *o = ctx;
	struct msg_out_question m;
	struct msg_out_end end = { 0 };
	struct out_item *i;

	(void)fd;
	if (!msg_out_question_get(w, &m))
		return false;
	end.number = m.number;
	switch ((enum msg_out_ask)m.ask) {
	case MSG_OUT_LIST:
		list(o, &m, &end);
		break;
	case MSG_OUT_RETRY:
		retry(o, m.id, &end);
		break;
	case MSG_OUT_REMOVE:
		if ((i = out_queue_find(o->queue, m.id)) != NULL && !i->busy) {
			remove_item(o, i);
			end.count = 1;
		}
		break;
	}
	msg_out_end_put(&b, &end);
	(void)!peer_send(&o->hub, &b, -1);
	return true;
}

static const struct peer_rule hub_rules[] = {
	{ MSG_OUT_TAKE, 1, MSG_OUT_SUBMIT_MAX, PEER_FD, on_take },
	{ MSG_OUT_FORGET, 1, MSG_OUT_DONE_MAX, PEER_NO_FD, on_forget },
	{ MSG_OUT_ASK, 1, MSG_OUT_ASK_MAX, PEER_NO_FD, on_ask },
};

static void
hub_lost(void *ctx, const char *why)
{
	struct out *o = ctx;

	if (!o->s->stopping)
		log_say(&o->s->log, LOG_PROBLEMS, "hub-lost", "%s", why);
}

/* ---- reports of failure ---- */

/* 0, or a negative errno: then it is tried again later. */
static int
bounce(struct out *o, struct out_item *i)
{
	struct out_item *report;
	struct why w = { "" };
	int r = out_report(o->queue, o->s->conf, i, &report, &w);

	if (r != 0)
		log_why(&o->s->log, LOG_FAILURES, "bounce", &w);
	else
		log_item(o, LOG_MAJOR, "bounced", report);
	return r;
}

/* ---- sending ---- */

static uint64_t
wait_s(const struct out *o, uint32_t attempts)
{
	uint64_t first = conf_num(o->s->conf, "out", NULL, "retry") / 1000;
	uint64_t most = conf_num(o->s->conf, "out", NULL, "retry-max") / 1000;

	for (uint32_t i = 1; i < attempts && first < most; i++)
		first *= 2;
	if (first > most)
		first = most;
	/* what came together need not come together again */
	return first + random_below(first / SPREAD + 1);
}

/* Those that were tried for too long. */
static void
give_up(struct out *o, struct out_item *i)
{
	int64_t age = clock_wall_s() - i->created_s;

	if (age <
	    (int64_t)(conf_num(o->s->conf, "out", NULL, "max-age") / 1000))
		return;
	for (uint32_t k = 0; k < i->n; k++)
		if (i->to[k].state == OUT_WAITING) {
			i->to[k].state = OUT_FAILED;
			log_recipient(o, i, &i->to[k]);
		}
}

static void
note(struct out *o, struct out_item *i)
{
	struct why w = { "" };

	if (out_queue_note(o->queue, i, &w) != 0)
		log_why(&o->s->log, LOG_FAILURES, "queue", &w);
}

static void
mark_told(struct out_item *i)
{
	for (uint32_t k = 0; k < i->n; k++)
		if (i->to[k].state == OUT_FAILED)
			i->to[k].state = OUT_TOLD;
		else if (i->to[k].state == OUT_RELAYED)
			i->to[k].state = OUT_SENT;
}

/*
 * Tell the sender, if there is something to tell. What it is about is written
 * down first: after a crash the same is told, in a report of the same id, and
 * nobody who was refused is tried again. False: there is no room; nothing is
 * forgotten until there is.
 */
static bool
report(struct out *o, struct out_item *i)
{
	if (out_dsn_wanted(i)) {
		note(o, i);
		if (bounce(o, i) != 0)
			return false;
	}
	mark_told(i);
	return true;
}

/* After an attempt: on the disk, or gone. */
static void
settle(struct out *o, struct out_item *i)
{
	bool told;
	uint32_t waiting;

	give_up(o, i);
	told = report(o, i);
	(void)waiting_one(i, &waiting);
	if (told && waiting == 0) {
		drop(o, i);
		return;
	}
	out_queue_schedule(
	    o->queue, i, clock_wall_s() + (int64_t)wait_s(o, i->attempts));
	note(o, i);
}

/* Nobody has answered: the server is away, and the next in line need not each
 * wait for it in vain. */
static void
look_whether_away(struct out *o, const struct out_send_sent *m)
{
	uint64_t s = conf_num(o->s->conf, "out", NULL, "retry") / 1000;
	bool answered = *conf_str(o->s->conf, "out", NULL, "smtp") == '\0';

	for (uint32_t k = 0; k < m->n; k++)
		answered = answered || m->fate[k].code != 0 ||
		    m->fate[k].state != OUT_WAITING;
	o->away_until_s = answered
	    ? 0
	    : clock_wall_s() + (int64_t)(s < OUT_AWAY_S ? s : OUT_AWAY_S);
}

static bool
on_sent(void *ctx, struct wire *w, int *fd)
{
	struct out_sender *s = ctx;
	struct out_item *i = s->item;
	const struct out_send_fate *f;
	struct out_send_sent m;
	uint32_t waiting, at = 0;

	(void)fd;
	if (!out_send_sent_get(w, &m) || i == NULL || m.number != s->job)
		return false;
	(void)waiting_one(i, &waiting);
	if (m.n != waiting)
		return false;
	i->attempts++;
	for (uint32_t k = 0; k < i->n; k++) {
		struct out_recipient *r = &i->to[k];

		if (r->state != OUT_WAITING)
			continue;
		f = &m.fate[at++];
		r->state = f->state;
		r->code = f->code;
		out_recipient_text(r, f->text);
		log_recipient(s->out, i, r);
		/* nobody behind that server tells of success */
		if (r->state == OUT_SENT && !f->dsn &&
		    (i->dsn.notify & MSG_DELIVER_SUCCESS) != 0)
			r->state = OUT_RELAYED;
	}
	s->item = NULL;
	look_whether_away(s->out, &m);
	settle(s->out, i);
	work(s->out);
	return true;
}

static const struct peer_rule sender_rules[] = {
	{ OUT_SEND_SENT, 1, OUT_SEND_SENT_MAX, PEER_NO_FD, on_sent },
};

static void
on_worn(void *ctx)
{
	struct out *o = ctx;

	o->worn = true;
	work(o);
}

/* An attempt of which nothing was heard. It counts and is written down, or a
 * message that no sender survives would be the first again and again. */
static void
missed(struct out *o, struct out_item *i, struct view text)
{
	i->attempts++;
	for (uint32_t k = 0; k < i->n; k++)
		if (i->to[k].state == OUT_WAITING) {
			i->to[k].code = 0;
			out_recipient_text(&i->to[k], text);
		}
	settle(o, i);
}

/* What it had is tried again: whether it was sent nobody knows. */
static void
sender_lost(void *ctx, const char *why)
{
	struct out_sender *s = ctx;
	struct out_item *i = s->item;
	struct out *o = s->out;

	log_say(&o->s->log, LOG_FAILURES, "sender-lost", "%s", why);
	s->item = NULL;
	if (i != NULL)
		missed(o, i, VIEW_LIT("The process that sends it has ended"));
	if (!o->s->stopping)
		loop_timer_set(o->s->loop, &o->end, OUT_WORN_MS, on_worn, o);
	work(o);
}

/* One to be sent; those of which only the report was missing are settled. */
static struct out_item *
next_item(struct out *o)
{
	int64_t now = clock_wall_s();
	struct out_item *i;
	uint32_t waiting;

	while ((i = out_queue_first(o->queue)) != NULL && i->next_s <= now) {
		(void)waiting_one(i, &waiting);
		if (waiting > 0)
			return i;
		settle(o, i); /* it is gone, or due later */
	}
	return NULL;
}

/* It cannot be read: set aside when that is its own fault, for an administrator
 * to look at; what was acknowledged is never thrown away. */
static void
unreadable(struct out *o, struct out_item *i, int r)
{
	bool damaged = r == -EBADMSG || r == -ENOENT;
	struct log_line l;

	log_begin(&l, &o->s->log, damaged ? LOG_CRASHES : LOG_FAILURES,
	    damaged ? "set-aside" : "unreadable");
	log_str(&l, "id", i->id);
	log_view(&l, "account", i->account);
	log_view(&l, "sender", i->sender);
	log_errno(&l, "why", r);
	log_end(&l);
	if (damaged)
		out_queue_set_aside(o->queue, &i);
	else
		missed(o, i, VIEW_LIT("It cannot be read"));
}

static void
start_job(struct out_sender *s, struct out_item *i)
{
	AUTO_CLOSE int fd = out_queue_message(s->out->queue, i);
	AUTO_BUF struct buf b = peer_msg();
	struct out_send_job m = { .number = ++s->out->next_job,
		.offset = i->offset,
		.size = i->size,
		.sender = i->sender,
		.dsn = i->dsn,
		.utf8 = i->utf8,
		.item = i };
	int r = fd < 0 ? fd : out_queue_check(i, fd);

	if (r == 0) {
		(void)waiting_one(i, &m.n);
		out_send_job_put(&b, &m);
		r = peer_send(&s->peer, &b, fd);
	}
	if (r != 0) {
		unreadable(s->out, i, r);
		return;
	}
	out_queue_hold(s->out->queue, i);
	s->item = i;
	s->job = m.number;
}

static bool
is_sending(const struct out *o)
{
	for (size_t k = 0; k < o->senders; k++)
		if (o->sender[k].item != NULL)
			return true;
	return false;
}

static void
on_wake(void *ctx)
{
	work(ctx);
}

/* When the next one is due, at most a minute off (the clock may be set). */
static void
set_wake(struct out *o)
{
	int64_t now = clock_wall_s(), next = now + 60;
	const struct out_item *i = out_queue_first(o->queue);

	if (i != NULL && i->next_s < next)
		next = i->next_s;
	if (next < o->away_until_s)
		next = o->away_until_s;
	loop_timer_set(o->s->loop, &o->wake,
	    next > now ? (uint64_t)(next - now) * 1000 : 1000, on_wake, o);
}

static bool
is_away(const struct out *o)
{
	int64_t now = clock_wall_s();

	return now < o->away_until_s && o->away_until_s <= now + OUT_AWAY_S;
}

/* Whoever can do something gets something to do. */
static void
work(struct out *o)
{
	struct out_item *i;

	if (o->worn || o->s->stopping) {
		if (!is_sending(o))
			start_done(o->s);
		return;
	}
	for (size_t k = 0; k < o->senders && !is_away(o); k++) {
		struct out_sender *s = &o->sender[k];

		while (s->item == NULL && peer_is_open(&s->peer) &&
		    (i = next_item(o)) != NULL)
			start_job(s, i);
	}
	set_wake(o);
}

/* ---- life ---- */

static int
out_init(void *ctx, struct start *s)
{
	struct out *o = ctx;

	o->s = s;
	o->dir = -1;
	peer_init(&o->hub, "hub", hub_rules,
	    sizeof(hub_rules) / sizeof(hub_rules[0]), o, hub_lost);
	return 0;
}

static int
out_peer(void *ctx, const struct msg_master_peer *m, int *fd)
{
	struct out *o = ctx;

	return m->process == MSG_PROCESS_HUB
	    ? peer_open(&o->hub, o->s->loop, fd_take(fd), 1)
	    : -EINVAL;
}

/* The directory came as a path alone: it must be readable to be synced. */
static int
out_directory(void *ctx, int *fd)
{
	struct out *o = ctx;

	o->dir = openat(*fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->dir == -1 ? -errno : 0;
}

static int
start_senders(struct out *o, enum sandbox_mode mode)
{
	uint64_t n = conf_num(o->s->conf, "out", NULL, "senders");

	if (!settings_can_send(o->s->conf))
		return 0;
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (; o->senders < n; o->senders++) {
		struct out_sender *s = &o->sender[o->senders];
		int fd, r = out_send_fork(o->s->conf, &o->s->log, mode, &fd);

		if (r != 0)
			return r;
		s->out = o;
		peer_init(&s->peer, "sender", sender_rules, 1, s, sender_lost);
		if ((r = peer_open(&s->peer, o->s->loop, fd, 1)) != 0)
			return r;
	}
	return 0;
}

/* Reports that a crash has come before; and times that only a clock can have
 * made which was wrong. */
static void
go_on(struct out *o)
{
	int64_t most = clock_wall_s() + 1 +
	    2 *
		(int64_t)(conf_num(o->s->conf, "out", NULL, "retry-max") /
		    1000);
	struct out_item *i;

	TAILQ_FOREACH (i, out_queue_items(o->queue), link) {
		if (i->next_s > most)
			out_queue_schedule(o->queue, i, clock_wall_s());
		if (out_dsn_wanted(i) && report(o, i))
			note(o, i);
	}
}

static int
out_go(void *ctx)
{
	struct out *o = ctx;
	enum sandbox_mode mode = start_sandbox_mode(o->s->conf);
	struct why w = { "" };
	size_t bad;
	unsigned up;
	int r;

	tzset();
	if ((r = start_senders(o, mode)) != 0)
		return r;
	if ((r = sandbox_out(mode, o->dir, &up, &w)) != 0 ||
	    (r = out_queue_open(o->dir, clock_wall_s(), &o->queue, &bad, &w)) !=
		0) {
		log_why(&o->s->log, LOG_FAILURES, "start", &w);
		return r;
	}
	o->take = out_take_new(o->queue);
	if (bad > 0)
		log_say(&o->s->log, LOG_CRASHES, "queue",
		    "%zu files cannot be read; those that are damaged are set "
		    "aside as *.bad",
		    bad);
	go_on(o);
	work(o);
	return 0;
}

/* Senders have the settings they were forked with: start anew. */
static void
out_reload(void *ctx)
{
	on_worn(ctx);
}

static void
on_stop_late(void *ctx)
{
	struct out *o = ctx;

	start_done(o->s);
}

static void
out_stop(void *ctx)
{
	struct out *o = ctx;

	loop_timer_set(o->s->loop, &o->end, OUT_STOP_MS, on_stop_late, o);
	work(o);
}

const struct start_ops out_ops = {
	.process = MSG_PROCESS_OUT,
	.module = "OUT",
	.init = out_init,
	.peer = out_peer,
	.directory = out_directory,
	.go = out_go,
	.reload = out_reload,
	.stop = out_stop,
};
